//! What administrators do with sessions: clear away hosts that are gone, and turn on the debug mode.

use std::collections::BTreeSet;
use std::time::Duration;

use db::sql;

use super::MaintenanceMode;
use super::SessionState;
use super::robots;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::kinds::jobs::FINAL;
use crate::op::{Access, At, Need, Nothing, Operation, action};

/// To change a session.
const EDIT: Need = Need::new("OR.Robots", &[("Robots", Access::Edit)], true);
/// To delete one.
const DELETE: Need = Need::new("OR.Robots", &[("Robots", Access::Delete)], true);

/// Removes sessions of hosts that are disconnected or unresponsive: all of them or none.
#[odata::input]
pub struct DeleteInactiveUnattendedSessions {
    /// Numbers of the sessions.
    #[edm(range = "1..=1000")]
    session_ids: Vec<i64>,
}

impl Operation for DeleteInactiveUnattendedSessions {
    const AT: At = action("Sessions", "DeleteInactiveUnattendedSessions").needs(DELETE);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for id in BTreeSet::from_iter(self.session_ids.iter().copied()) {
            delete(cx, id)?;
        }
        Ok(Nothing)
    }
}

fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let row = cx.tx.row(
        "SELECT state, is_unresponsive, host_machine_name FROM sessions
         WHERE id = $1 AND tenant_id = $2 AND service_user_name NOT LIKE 'robot:%'",
        &[id.into(), cx.caller.tenant.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Session"))?;
    let gone = row.get::<i64>("state")? == SessionState::Disconnected as i64
        || row.get::<bool>("is_unresponsive")?;
    let host: String = row.get("host_machine_name")?;
    if !gone {
        return Err(Error::refused(
            Code::CannotUpdateActiveSession,
            format!(
                "The host {host} is connected: only sessions that are disconnected or unresponsive can be deleted."
            ),
        ));
    }
    let jobs = sql!(
        "SELECT 1 FROM jobs WHERE (session_id = $1 OR wanted_session_id = $1)
         AND state NOT IN {FINAL} LIMIT 1"
    );
    if cx.tx.row(jobs, &[id.into()])?.is_some() {
        return Err(Error::refused(
            Code::ItemIsInUse,
            format!("The host {host} still has jobs: stop them first."),
        ));
    }
    robots::remove(cx, id)
}

/// Turns the debug mode of a host on for some minutes, or off.
#[odata::input]
pub struct ToggleMachineSessionDebugMode {
    /// Number of the session.
    #[edm(key)]
    id: i64,
    /// Whether it is on.
    #[edm(required)]
    enabled: bool,
    /// For how long; needed to turn it on.
    #[edm(range = "0..=1440")]
    minutes: Option<i32>,
}

impl Operation for ToggleMachineSessionDebugMode {
    const AT: At = action("Sessions", "ToggleMachineSessionDebugMode").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let minutes = u64::try_from(self.minutes.unwrap_or_default()).unwrap_or_default();
        let until = match (self.enabled, minutes) {
            (false, _) => None,
            (true, 0) => {
                return Err(Error::invalid(
                    "The field minutes must say for how long the debug mode is on.",
                ));
            }
            (true, minutes) => Some(cx.now.plus(Duration::from_secs(minutes * 60))),
        };
        let changed = cx.tx.exec(
            "UPDATE sessions SET debug_mode_expiration_date = $3
             WHERE id = $1 AND tenant_id = $2 AND service_user_name NOT LIKE 'robot:%'",
            &[self.id.into(), cx.caller.tenant.into(), until.into()],
        )?;
        if changed == 0 {
            return Err(Error::not_found("Session"));
        }
        Ok(Nothing)
    }
}

/// Puts a host under maintenance, or ends that.
///
/// # Errors
/// 1002 when the tenant has no such host.
pub(crate) fn set_maintenance(
    cx: &mut Cx<'_, '_>,
    session: i64,
    mode: MaintenanceMode,
) -> Result<()> {
    let changed = cx.tx.exec(
        "UPDATE sessions SET maintenance_mode = $3
         WHERE id = $1 AND tenant_id = $2 AND service_user_name NOT LIKE 'robot:%'",
        &[session.into(), cx.caller.tenant.into(), mode.into()],
    )?;
    match changed {
        0 => Err(Error::not_found("Session")),
        _ => Ok(()),
    }
}
