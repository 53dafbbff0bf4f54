//! Jobs: what runs, where, and how it ended.
//!
//! ```text
//! Pending     → Running | Stopped | Faulted
//! Running     → Successful | Faulted | Stopping | Terminating | Stopped
//! Stopping    → Successful | Stopped | Faulted | Terminating
//! Terminating → Stopped | Faulted
//! Resumed     → Running | Stopped | Faulted
//! ```
//! Successful, Faulted and Stopped are final: nothing changes such a job any more.
//!
//! A job is handed to one session at a time (`dispatch`). Each hand-out is a new *attempt*; reports
//! of any other attempt are refused (`report`), so that a job ends once whatever breaks.

mod classic;
pub mod commands;
pub mod deadlines;
pub mod dispatch;
mod entities;
pub mod hosts;
mod info;
mod maintenance;
mod places;
mod removals;
pub mod report;
mod start;
mod stop;

use db::{Dialect, Tx, sql};
use odata::Guid;

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{Access, At, FolderRule, Need, One, Op, Operation, Resource, function, op};

use crate::kinds::jobs::RUNNING;
use maintenance::SetMaintenanceMode;
use start::StartJobs;
use stop::{StopJob, StopJobs};

use crate::feature::Feature;
pub use crate::kinds::JobState;
pub(crate) use crate::machines::RUNTIMES;
pub use entities::{Job, JobSource, JobType, StopStrategy};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("jobs")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["job_counts", "jobs"])
    .hooks(removals::HOOKS)
    .engines(&[&deadlines::ENGINE, &dispatch::ENGINE, &hosts::ENGINE]);

const VIEW: Need = Need::new("OR.Jobs", &[("Jobs", Access::View)], false);
const EDIT: Need = Need::new("OR.Jobs", &[("Jobs", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Jobs", &[("Jobs", Access::Create)], true);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Job::SET, VIEW)
    .folder(FolderRule::Optional)
    .get();

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<StartJobs>(),
    op::<StopJobs>(),
    op::<StopJob>(),
    op::<SetMaintenanceMode>(),
    op::<GetByKey>(),
];

/// A job by its key.
#[odata::input]
pub struct GetByKey {
    /// The key.
    #[edm(required)]
    identifier: Guid,
}

impl Operation for GetByKey {
    const AT: At = function("Jobs", "GetByKey")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = One<Job>;

    // The official SDKs read every job with it.
    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<Job>> {
        let row = cx.tx.row(
            "SELECT id FROM jobs WHERE key = $1",
            &[self.identifier.into()],
        )?;
        let id: i64 = row.ok_or_else(|| Error::not_found("Job"))?.get(0)?;
        Ok(One::by(id))
    }
}

/// Makes a read of a job's row wait for whoever changes it. States are looked at before they are
/// written; PostgreSQL has several writers, and two of them must not both find the old one.
pub(crate) fn lock(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "FOR UPDATE",
        Dialect::Sqlite => "",
    }
}

/// The key of the job that a robot runs, if it runs just one.
///
/// # Errors
/// The store's.
pub fn running_of(tx: &mut Tx<'_>, robot: i64) -> Result<Option<String>> {
    // Its newest jobs only: a robot may have a long history.
    let mut keys: Vec<String> = tx.all(
        sql!(
            "SELECT j.key FROM (SELECT key, state FROM jobs WHERE robot_id = $1
                 ORDER BY id DESC LIMIT 10) j WHERE j.state IN {RUNNING}"
        ),
        &[robot.into()],
    )?;
    Ok(keys.pop().filter(|_| keys.is_empty()))
}
