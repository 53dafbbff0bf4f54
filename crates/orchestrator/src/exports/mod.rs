//! Exports: files that somebody asks for, that are written behind the scenes, and fetched later.
//!
//! ```text
//! New ──▶ InProgress ──▶ Completed   there is a file
//!              └───────▶ Failed      the log says why
//! ```
//! An export is a report that runs later. [`requests`] checks it as the report does, and keeps who asked,
//! in which folder, for what; [`runs`] is what the engine of the edge needs to run the report in that
//! caller's name; [`links`] are addresses from which the file is fetched without a token. Everybody sees
//! their own exports only. Files and rows are kept for a week.

pub mod download;
pub mod links;
mod requests;
pub mod runs;

use std::time::Duration;

use odata::{Timestamp, edm_enum};

use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::feature::Feature;
use crate::op::{Need, Op, Resource, op};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("exports")
    .resources(&[&RESOURCE])
    .operations(&[OPS, download::OPS])
    .tables(&["exports"])
    .engines(&[&runs::ENGINE, &runs::REMOVAL]);

/// How long an export is kept when it has ended.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

edm_enum! {
    /// What was exported. All but `Queues` is not built.
    pub enum ExportModelType {
        OrchestratorAudit = 0, TestAutomationAudit = 1, Queues = 2, Logs = 3, Jobs = 4, Privileges = 5,
        RateLimitsReportQueueItems = 6, RateLimitsReportJobs = 7, AutopilotForRobotsData = 8
    }
}

edm_enum! {
    /// How far it is.
    pub enum ExportModelStatus { New = 0, InProgress = 1, Completed = 2, Failed = 3 }
}

/// A file that somebody asked for.
#[odata::entity(
    set = "Exports", name = "ExportModel", table = "exports", key = "Id", scope = tenant,
    indexes = "exports_requests(tenant_id, requested_at)"
)]
pub struct Export {
    /// The name to save it under.
    pub name: String,
    /// What is in it.
    pub r#type: ExportModelType,
    /// How far it is.
    pub status: ExportModelStatus,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it was completed, or failed.
    pub executed_at: Option<Timestamp>,
    /// Its length in bytes.
    pub size: Option<i64>,
    /// Number of the export.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(&Export::SET, Need::AUTHENTICATED)
    .unlisted()
    .get()
    .sees(|cx, id| own(cx, id).map(drop));

/// Its functions, and the actions that ask for exports.
pub const OPS: &[Op] = &[
    op::<requests::ExportItems>(),
    op::<links::GetDownloadLink>(),
];

/// How far an export is that the caller asked for.
///
/// # Errors
/// 1002 when there is none, or it is somebody else's.
fn own(cx: &mut Cx<'_, '_>, id: i64) -> Result<ExportModelStatus> {
    let row = cx.tx.row(
        "SELECT status FROM exports WHERE id = $1 AND tenant_id = $2
         AND (user_id = $3 OR external_client_id = $4) AND (executed_at IS NULL OR executed_at > $5)",
        &[
            id.into(),
            cx.caller.tenant.into(),
            cx.caller.user().into(),
            cx.caller.client().map(str::to_owned).into(),
            kept_since(cx.now).into(),
        ],
    )?;
    let status = row.map(|row| row.get(0)).transpose()?;
    status
        .and_then(ExportModelStatus::from_i64)
        .ok_or_else(|| Error::not_found("Export"))
}

/// What has ended before is not shown any more, and removed.
fn kept_since(now: Timestamp) -> Timestamp {
    now.minus(KEPT)
}
