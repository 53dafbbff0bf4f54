//! `SetMaintenanceMode`: a host under maintenance takes no new jobs.

use serde::Deserialize;

use super::{StopStrategy, dispatch, stop};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, Need};
use crate::sessions::{self, MaintenanceMode};

/// What it asks of the caller.
pub(super) const EDIT: Need = Need::new("OR.Robots", &[("Robots", Access::Edit)], true);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetMaintenanceMode {
    session_id: i64,
    maintenance_mode: MaintenanceMode,
    #[serde(default)]
    stop_jobs_strategy: Option<StopStrategy>,
}

/// What the host was offered goes to others; what it runs ends by itself unless a strategy says
/// otherwise. Back in service it takes jobs at once.
pub(super) fn set(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: SetMaintenanceMode = args.body("maintenanceModeParameters")?;
    let session = request.session_id;
    let changed = cx.tx.exec(
        "UPDATE sessions SET maintenance_mode = $3
         WHERE id = $1 AND tenant_id = $2 AND service_user_name NOT LIKE 'robot:%'",
        &[
            session.into(),
            cx.caller.tenant.into(),
            request.maintenance_mode.into(),
        ],
    )?;
    if changed == 0 {
        return Err(Error::not_found("Session"));
    }
    if request.maintenance_mode == MaintenanceMode::Default {
        dispatch::session(cx, session)?;
        return Ok(Reply::NoContent);
    }
    dispatch::release(cx, session)?;
    if let Some(strategy) = request.stop_jobs_strategy {
        for job in sessions::running_jobs(cx.tx, session)? {
            stop::stop(cx, job, strategy)?;
        }
    }
    Ok(Reply::NoContent)
}
