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

pub mod commands;
pub mod deadlines;
pub mod dispatch;
mod entities;
pub mod hosts;
mod places;
pub mod report;
mod start;
mod stop;

use db::Dialect;
use odata::path::Literal;

use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, FolderRule, Need, Op, Resource, Store, plain_entity, plain_page};

pub use entities::{Job, JobSource, JobState, JobType, StopStrategy};

const VIEW: Need = Need::new("OR.Jobs", &[("Jobs", Access::View)], false);
const EDIT: Need = Need::new("OR.Jobs", &[("Jobs", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Jobs", &[("Jobs", Access::Create)], true);

/// The set.
pub static RESOURCE: Resource = Resource {
    set: &Job::SET,
    view: VIEW,
    folder: FolderRule::Optional,
    store: Store::Main,
    list: plain_page,
    get: Some(plain_entity),
    create: None,
    delete: None,
};

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op {
        set: "Jobs",
        name: "StartJobs",
        action: true,
        bound: false,
        params: &[("startInfo", "StartProcessDto")],
        need: CREATE,
        folder: FolderRule::Required,
        store: Store::Main,
        run: Some(start::start_jobs),
    },
    Op {
        set: "Jobs",
        name: "StopJobs",
        action: true,
        bound: false,
        params: &[
            ("jobIds", "Collection(Edm.Int64)"),
            ("strategy", "StopStrategy"),
        ],
        need: EDIT,
        folder: FolderRule::Optional,
        store: Store::Main,
        run: Some(stop::stop_jobs),
    },
    Op {
        set: "Jobs",
        name: "StopJob",
        action: true,
        bound: true,
        params: &[("strategy", "StopStrategy")],
        need: EDIT,
        folder: FolderRule::Optional,
        store: Store::Main,
        run: Some(stop::stop_job),
    },
    Op {
        set: "Jobs",
        name: "GetByKey",
        action: false,
        bound: false,
        params: &[("identifier", "Edm.Guid")],
        need: VIEW,
        folder: FolderRule::Optional,
        store: Store::Main,
        run: Some(get_by_key),
    },
];

/// `GetByKey(identifier=…)`, which the official SDKs read every job with.
fn get_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let key = args.guid("identifier")?;
    let row = cx
        .tx
        .row("SELECT id FROM jobs WHERE key = $1", &[key.into()])?;
    let id: i64 = row.ok_or_else(|| Error::not_found("Job"))?.get(0)?;
    let query = args.options(&Job::SET)?;
    Ok(Reply::json(cx.entity_with(
        &Job::SET,
        &id.into(),
        &query,
        &[],
    )?))
}

/// Runtimes that jobs can be started on, with the machine's column that counts their slots.
pub(crate) const RUNTIMES: &[(i64, &str)] = &[
    (0, "non_production_slots"),
    (2, "unattended_slots"),
    (5, "headless_slots"),
    (7, "test_automation_slots"),
    (8, "automation_cloud_slots"),
    (12, "automation_cloud_test_automation_slots"),
    (14, "hosting_slots"),
    (18, "app_test_slots"),
    (19, "performance_test_slots"),
];

/// Makes a read of a job's row wait for whoever changes it. States are looked at before they are
/// written; PostgreSQL has several writers, and two of them must not both find the old one.
pub(crate) fn lock(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "FOR UPDATE",
        Dialect::Sqlite => "",
    }
}

/// States in which a job takes up a slot of its session.
pub(crate) const ACTIVE: &str = "(0, 1, 2, 3, 8)";

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
