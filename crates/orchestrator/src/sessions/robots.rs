//! Which robot is at a host.

use db::Tx;

use crate::cx::{Cx, Hint};
use crate::error::Result;
use crate::feature::{Hook, Thing, removing};

/// What sessions let go of.
pub(super) const HOOKS: &[Hook] = &[
    Hook::Removing(Thing::Robot, robot_goes),
    Hook::Removing(Thing::Machine, machine_goes),
];

db::params! {
    /// The robot that a session shows: the last that was handed a job on it.
    pub(crate) struct Shown {
        session: i64,
        robot: i64,
    }
}

/// Notes the robots of hosts that were handed jobs.
///
/// # Errors
/// None at once: what is sent is refused with the next statement.
pub(crate) fn are_at(tx: &mut Tx<'_>, robots: impl IntoIterator<Item = (i64, i64)>) -> Result<()> {
    let shown = robots.into_iter();
    Ok(tx.send_many(
        "UPDATE sessions SET robot_id = {robot} {rows}
         WHERE id = {session} AND COALESCE(robot_id, 0) <> {robot}",
        shown
            .map(|(session, robot)| Shown { session, robot })
            .collect(),
    )?)
}

/// Notes which robot is at a host.
///
/// # Errors
/// The store's.
pub(crate) fn is_at(tx: &mut Tx<'_>, session: i64, robot: i64) -> Result<()> {
    tx.exec(
        "UPDATE sessions SET robot_id = $2 WHERE id = $1",
        &[session.into(), robot.into()],
    )?;
    Ok(())
}

/// Notes in the sessions whose `column` is `id` the first of the robots `r` for which `on_host` holds,
/// unless one of them is noted.
///
/// # Errors
/// The store's.
pub(crate) fn show_first(tx: &mut Tx<'_>, on_host: &str, column: &str, id: i64) -> Result<()> {
    let sql = format!(
        "UPDATE sessions AS s SET robot_id = (SELECT MIN(r.id) FROM robots r WHERE {on_host})
         WHERE s.{column} = $1 AND EXISTS (SELECT 1 FROM robots r WHERE {on_host})
             AND NOT EXISTS (SELECT 1 FROM robots r WHERE r.id = s.robot_id AND {on_host})"
    );
    tx.exec(&sql, &[id.into()])?;
    Ok(())
}

/// The person who is signed in to the robot is signed out; hosts stay.
fn robot_goes(cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
    let sessions: Vec<i64> = cx.tx.all(
        "SELECT id FROM sessions WHERE robot_id = $1 AND is_attended",
        &[robot.into()],
    )?;
    for session in sessions {
        remove(cx, session)?;
    }
    cx.tx.exec(
        "UPDATE sessions SET robot_id = NULL WHERE robot_id = $1",
        &[robot.into()],
    )?;
    Ok(())
}

/// The rows go with the machine's; whoever waits is told.
fn machine_goes(cx: &mut Cx<'_, '_>, machine: i64) -> Result<()> {
    let sessions: Vec<i64> = cx.tx.all(
        "SELECT id FROM sessions WHERE machine_id = $1",
        &[machine.into()],
    )?;
    for session in sessions {
        removing(cx, Thing::Session, session)?;
        cx.hint(Hint::SessionGone(session));
    }
    Ok(())
}

/// Removes a session.
///
/// # Errors
/// The store's.
pub(super) fn remove(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    removing(cx, Thing::Session, session)?;
    cx.tx
        .exec("DELETE FROM sessions WHERE id = $1", &[session.into()])?;
    cx.hint(Hint::SessionGone(session));
    Ok(())
}
