//! What administrators do with sessions: clear away hosts that are gone, and turn on the debug mode.

use std::collections::BTreeSet;
use std::time::Duration;

use db::{Tx, sql};
use serde::Deserialize;

use super::SessionState;
use crate::body;
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};
use crate::jobs::state::FINAL;
use crate::op::{Access, Need};

/// To change a session.
pub(super) const EDIT: Need = Need::new("OR.Robots", &[("Robots", Access::Edit)], true);
/// To delete one.
pub(super) const DELETE: Need = Need::new("OR.Robots", &[("Robots", Access::Delete)], true);

/// The longest time that the debug mode is turned on for: a day.
const MAX_DEBUG: u32 = 24 * 60;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteInactive {
    #[serde(default)]
    session_ids: Vec<i64>,
}

/// `DeleteInactiveUnattendedSessions {"sessionIds":[…]}`: all of them or none.
pub(super) fn delete_inactive(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: DeleteInactive = args.body("sessionIds")?;
    body::check_named("sessionIds", &request.session_ids)?;
    for id in BTreeSet::from_iter(request.session_ids) {
        delete(cx, id)?;
    }
    Ok(Reply::NoContent)
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
    forget_in_jobs(cx.tx, id)?;
    cx.tx
        .exec("DELETE FROM sessions WHERE id = $1", &[id.into()])?;
    cx.hint(Hint::SessionGone(id));
    Ok(())
}

/// Jobs that have ended forget the session, because it is about to go; they keep the host's name.
///
/// # Errors
/// The store's.
pub(crate) fn forget_in_jobs(tx: &mut Tx<'_>, session: i64) -> Result<()> {
    for column in ["session_id", "wanted_session_id"] {
        let sql = format!("UPDATE jobs SET {column} = NULL WHERE {column} = $1");
        tx.exec(&sql, &[session.into()])?;
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DebugMode {
    enabled: bool,
    #[serde(default)]
    minutes: Option<u32>,
}

/// `Sessions(1)/…ToggleMachineSessionDebugMode {"enabled":true,"minutes":30}`
pub(super) fn toggle_debug_mode(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: DebugMode = args.body("debugModeParameters")?;
    let until = match (request.enabled, request.minutes) {
        (false, _) => None,
        (true, Some(minutes)) if (1..=MAX_DEBUG).contains(&minutes) => {
            Some(cx.now.plus(Duration::from_secs(u64::from(minutes) * 60)))
        }
        (true, _) => {
            return Err(Error::invalid(format!(
                "The field minutes must be between 1 and {MAX_DEBUG}."
            )));
        }
    };
    let changed = cx.tx.exec(
        "UPDATE sessions SET debug_mode_expiration_date = $3
         WHERE id = $1 AND tenant_id = $2 AND service_user_name NOT LIKE 'robot:%'",
        &[args.id()?.into(), cx.caller.tenant.into(), until.into()],
    )?;
    if changed == 0 {
        return Err(Error::not_found("Session"));
    }
    Ok(Reply::NoContent)
}
