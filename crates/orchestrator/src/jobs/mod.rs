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
pub mod report;
mod start;
pub(crate) mod state;
mod stop;

use db::{Dialect, Tx, sql};
use odata::edm::{Edm, Kind};
use odata::path::Literal;

use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, FolderRule, Need, Op, Resource, plain_entity};

use state::RUNNING;

pub(crate) use crate::machines::RUNTIMES;
pub use entities::{Job, JobSource, JobType, StopStrategy};
pub use state::JobState;

const VIEW: Need = Need::new("OR.Jobs", &[("Jobs", Access::View)], false);
const EDIT: Need = Need::new("OR.Jobs", &[("Jobs", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Jobs", &[("Jobs", Access::Create)], true);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Job::SET, VIEW)
    .folder(FolderRule::Optional)
    .get(plain_entity);

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::action("Jobs", "StartJobs", CREATE, start::start_jobs)
        .params(&[("startInfo", "StartProcessDto")])
        .returns("Collection(JobDto)")
        .answers(201)
        .folder(FolderRule::RequiredInput),
    Op::action("Jobs", "StopJobs", EDIT, stop::stop_jobs)
        .params(&[
            ("jobIds", "Collection(Edm.Int64)"),
            ("strategy", "StopStrategy"),
        ])
        .answers(200)
        .folder(FolderRule::Optional),
    Op::action("Jobs", "StopJob", EDIT, stop::stop_job)
        .bound()
        .params(&[("strategy", "StopStrategy")])
        .answers(200)
        .folder(FolderRule::Optional),
    Op::action(
        "Sessions",
        "SetMaintenanceMode",
        maintenance::EDIT,
        maintenance::set,
    )
    .params(&[
        ("sessionId", "Edm.Int64"),
        ("maintenanceMode", "MaintenanceMode"),
        ("stopJobsStrategy", "StopStrategy"),
    ]),
    Op::function("Jobs", "GetByKey", VIEW, get_by_key)
        .params(&[("identifier", "Edm.Guid")])
        .returns("JobDto")
        .folder(FolderRule::Optional),
];

/// Structures that only its operations use.
pub const TYPES: &[Kind] = &[
    <info::StartInfo as Edm>::KIND,
    <crate::sessions::MaintenanceMode as Edm>::KIND,
];

/// `GetByKey(identifier=…)`, which the official SDKs read every job with.
fn get_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let key = args.guid("identifier")?;
    let row = cx
        .tx
        .row("SELECT id FROM jobs WHERE key = $1", &[key.into()])?;
    let id: i64 = row.ok_or_else(|| Error::not_found("Job"))?.get(0)?;
    let query = args.options(cx, &Job::SET)?;
    Ok(Reply::json(cx.entity_with(
        &Job::SET,
        &id.into(),
        &query,
        &[],
    )?))
}

/// Makes a read of a job's row wait for whoever changes it. States are looked at before they are
/// written; PostgreSQL has several writers, and two of them must not both find the old one.
pub(crate) fn lock(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "FOR UPDATE",
        Dialect::Sqlite => "",
    }
}

/// The key of an operation bound to one job.
pub(crate) fn bound_id(args: &Args) -> Result<i64> {
    match args.key {
        Some(Literal::Int(id)) => Ok(id),
        _ => Err(Error::refused(
            Code::InvalidRequest,
            "The key of a job is a number.",
        )),
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
