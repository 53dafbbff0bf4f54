//! `SetMaintenanceMode`: a host under maintenance takes no new jobs.

use super::{StopStrategy, dispatch, stop};
use crate::cx::Cx;
use crate::error::Result;
use crate::op::{Access, At, Need, Nothing, Operation, action};
use crate::sessions::{self, MaintenanceMode};

const EDIT: Need = Need::new("OR.Robots", &[("Robots", Access::Edit)], true);

/// Puts a host under maintenance, or back into service. What it was offered goes to others; what it runs
/// ends by itself unless a strategy says otherwise. Back in service it takes jobs at once.
#[odata::input]
pub struct SetMaintenanceMode {
    /// Number of the host's session.
    #[edm(required)]
    session_id: i64,
    /// Whether it is under maintenance.
    #[edm(required)]
    maintenance_mode: MaintenanceMode,
    /// How the jobs that it runs are stopped, if they are.
    stop_jobs_strategy: Option<StopStrategy>,
}

impl Operation for SetMaintenanceMode {
    const AT: At = action("Sessions", "SetMaintenanceMode")
        .needs(EDIT)
        .body("maintenanceModeParameters");
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let session = self.session_id;
        sessions::set_maintenance(cx, session, self.maintenance_mode)?;
        if self.maintenance_mode == MaintenanceMode::Default {
            dispatch::session(cx, session)?;
            return Ok(Nothing);
        }
        dispatch::release(cx, session)?;
        if let Some(strategy) = self.stop_jobs_strategy {
            for job in sessions::running_jobs(cx.tx, session)? {
                stop::stop(cx, job, strategy)?;
            }
        }
        Ok(Nothing)
    }
}
