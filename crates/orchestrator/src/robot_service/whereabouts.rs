//! What hosts say of the robots on them: one that is gone shows in its session.

use odata::Guid;

use super::{RobotIdentifier, find_robot};
use crate::cx::Cx;
use crate::error::Result;
use crate::jobs::{dispatch, hosts};
use crate::sessions::{self, Whereabouts};

/// The sessions of the computer that the session `$1` is of.
const SAME_COMPUTER: &str = "SELECT s.id FROM sessions s JOIN sessions h ON h.id = $1
    WHERE s.machine_id = h.machine_id AND fold(s.host_machine_name) = fold(h.host_machine_name)";

/// Brings the sessions of a computer in line with what its host says of robots: each with whether it
/// is there. Robots that are not of this machine are passed over, as in all heartbeats.
///
/// # Errors
/// The store's.
pub fn robots_come_and_go(
    cx: &mut Cx<'_, '_>,
    host: i64,
    news: &[(Guid, bool)],
    said: &[(Guid, bool)],
) -> Result<Vec<(Guid, Whereabouts)>> {
    let row = cx.tx.row(
        "SELECT machine_id FROM sessions WHERE id = $1",
        &[host.into()],
    )?;
    let Some(row) = row else {
        return Ok(Vec::new());
    };
    let machine = row.get(0)?;
    let mut known = Vec::with_capacity(news.len());
    for (key, there) in news {
        let at = match (find(cx, host, machine, *key)?, there) {
            (Some(robot), true) => came(cx, host, robot)?,
            (Some(robot), false) => {
                let others = said.iter().any(|(other, there)| *there && other != key);
                went(cx, host, robot, others)?
            }
            (None, true) => Whereabouts::There,
            (None, false) => Whereabouts::Gone(None),
        };
        known.push((*key, at));
    }
    Ok(known)
}

/// The robot, if a session on the host's computer shows it, or if it may run on the machine.
fn find(cx: &mut Cx<'_, '_>, host: i64, machine: i64, key: Guid) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT r.id FROM robots r
         WHERE r.key = $2 AND r.id IN (SELECT robot_id FROM sessions WHERE id IN ({SAME_COMPUTER}))"
    );
    if let Some(row) = cx.tx.row(&sql, &[host.into(), key.into()])? {
        return Ok(Some(row.get(0)?));
    }
    let who = RobotIdentifier {
        robot_key: Some(key),
        user_name: None,
    };
    find_robot(cx, machine, &who)
}

/// A robot that was gone is there again.
fn came(cx: &mut Cx<'_, '_>, host: i64, robot: i64) -> Result<Whereabouts> {
    let sql = format!("{SAME_COMPUTER} AND s.robot_id = $2 AND s.state = 2 ORDER BY s.id");
    for row in cx.tx.rows(&sql, &[host.into(), robot.into()])? {
        let session: i64 = row.get(0)?;
        sessions::reconnect(cx, session)?;
        dispatch::session(cx, session)?;
    }
    Ok(Whereabouts::There)
}

/// A robot is gone: so is the session that shows it, which a host shares with all its robots. One on
/// which others are goes on, and one that shows no robot yet is the only robot's.
fn went(cx: &mut Cx<'_, '_>, host: i64, robot: i64, others: bool) -> Result<Whereabouts> {
    let shared = match others {
        true => "s.robot_id = $2 AND s.is_attended",
        false => "(s.robot_id = $2 OR s.robot_id IS NULL AND s.id = $1)",
    };
    let sql = format!(
        "{SAME_COMPUTER} AND {shared} AND s.state <> 2
         ORDER BY CASE WHEN s.is_attended THEN 0 ELSE 1 END, s.id LIMIT 1"
    );
    let session: Option<i64> = cx.tx.one(&sql, &[host.into(), robot.into()])?;
    let Some(session) = session else {
        return Ok(Whereabouts::Gone(None));
    };
    sessions::is_at(cx.tx, session, robot)?;
    hosts::left(cx, session)?;
    Ok(Whereabouts::Gone(Some(session)))
}
