//! Sessions: the hosts that serve a machine, and the people signed in to robots on them.
//!
//! Heartbeats are kept in memory ([`Presence`]) and reach the table when somebody reads sessions,
//! when a session changes its state, and when the server stops. A quiet installation writes nothing.

mod entities;
mod manage;
mod presence;
mod read;
mod robots;

use db::{Tx, sql};
use odata::{Guid, Timestamp};

use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::kinds::jobs::RUNNING;

pub use entities::{MachineSession, MachineSessionRuntime, MaintenanceMode, Platform, Session};
pub use presence::{Host, Presence, UNRESPONSIVE_AFTER, Whereabouts};

pub use crate::kinds::SessionState;
pub(crate) use manage::set_maintenance;
pub(crate) use robots::{are_at, is_at, show_first};

use crate::feature::{self, Feature, Thing};
pub(crate) use read::ACROSS_FOLDERS;
pub use read::{OPS, RESOURCE};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("sessions")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["sessions"])
    .hooks(robots::HOOKS);

/// What a host says of itself when it connects.
#[derive(Debug, Clone, Default)]
pub struct Hello {
    /// Jobs it runs at a time; absent when it leaves that to the template.
    pub slots: Option<i64>,
    /// Version of the robot.
    pub version: Option<String>,
    /// Its operating system.
    pub platform: Option<Platform>,
    /// Stays the same across restarts of one installation.
    pub installation_id: Option<String>,
    /// The robot of a signed-in person.
    pub robot: Option<i64>,
}

db::params! {
    /// A row of `sessions`.
    struct Opened {
        tenant_id: i64,
        machine_id: i64,
        robot_id: Option<i64>,
        host_machine_name: String,
        service_user_name: String,
        state: SessionState,
        reporting_time: Timestamp,
        slots: Option<i64>,
        version: Option<String>,
        platform: Platform,
        installation_id: Option<String>,
        is_attended: bool,
    }
}

/// Opens the session of a host, or takes it up again. It is `Busy` if jobs are still its own.
///
/// # Errors
/// The store's.
pub fn open(cx: &mut Cx<'_, '_>, host: &Host, hello: &Hello) -> Result<i64> {
    let session = Opened {
        tenant_id: cx.caller.tenant,
        machine_id: host.machine,
        robot_id: hello.robot,
        host_machine_name: host.name.clone(),
        service_user_name: host.service_user.clone(),
        state: SessionState::Available,
        reporting_time: cx.now,
        slots: hello.slots,
        version: hello.version.clone(),
        platform: hello.platform.unwrap_or(Platform::Unknown),
        installation_id: hello.installation_id.clone(),
        is_attended: hello.robot.is_some(),
    };
    let ids: Vec<i64> = cx.tx.all_many(
        "INSERT INTO sessions ({columns}) {values}
         ON CONFLICT (machine_id, fold(host_machine_name), fold(service_user_name)) DO UPDATE SET
             state = excluded.state, is_unresponsive = FALSE,
             reporting_time = excluded.reporting_time,
             robot_id = COALESCE(excluded.robot_id, sessions.robot_id), slots = excluded.slots,
             version = excluded.version, platform = excluded.platform,
             installation_id = excluded.installation_id
         RETURNING id",
        vec![session],
    )?;
    let id = ids.first().copied();
    let id = id.ok_or_else(|| Error::not_found("Session"))?;
    refresh_state(cx.tx, id)?;
    cx.hint(Hint::Session(id));
    Ok(id)
}

/// Whether the host's session is connected and another installation's. Two robots under one name
/// would be handed the same jobs.
///
/// # Errors
/// The store's.
pub fn is_taken(tx: &mut Tx<'_>, host: &Host, installation: &str) -> Result<bool> {
    let row = tx.row(
        "SELECT 1 FROM sessions WHERE machine_id = $1 AND fold(host_machine_name) = fold($2)
             AND fold(service_user_name) = fold($3) AND state <> $4 AND NOT is_unresponsive
             AND installation_id <> $5",
        &[
            host.machine.into(),
            host.name.as_str().into(),
            host.service_user.as_str().into(),
            SessionState::Disconnected.into(),
            installation.into(),
        ],
    )?;
    Ok(row.is_some())
}

/// Whether the session is another installation's by now: one that fell silent, and whose name was
/// taken over, comes back.
///
/// # Errors
/// The store's.
pub fn was_taken(tx: &mut Tx<'_>, session: i64, installation: &str) -> Result<bool> {
    let row = tx.row(
        "SELECT 1 FROM sessions WHERE id = $1 AND installation_id <> $2",
        &[session.into(), installation.into()],
    )?;
    Ok(row.is_some())
}

/// The host, with the account that its service runs as, to whose session one of these jobs was
/// handed: reports of jobs do not name the account.
///
/// # Errors
/// The store's.
pub fn of_jobs(tx: &mut Tx<'_>, host: &Host, jobs: &[Guid]) -> Result<Option<Host>> {
    for job in jobs {
        let row = tx.row(
            "SELECT s.service_user_name FROM jobs j JOIN sessions s ON s.id = j.session_id
             WHERE j.key = $1 AND s.machine_id = $2 AND fold(s.host_machine_name) = fold($3)",
            &[
                (*job).into(),
                host.machine.into(),
                host.name.as_str().into(),
            ],
        )?;
        if let Some(row) = row {
            let service_user = row.get(0)?;
            return Ok(Some(Host {
                service_user,
                ..host.clone()
            }));
        }
    }
    Ok(None)
}

/// The session of a host, if it has one that is connected.
///
/// # Errors
/// The store's.
pub fn find(tx: &mut Tx<'_>, host: &Host) -> Result<Option<i64>> {
    let row = tx.row(
        "SELECT id FROM sessions WHERE machine_id = $1 AND fold(host_machine_name) = fold($2)
             AND fold(service_user_name) = fold($3) AND state <> $4",
        &[
            host.machine.into(),
            host.name.as_str().into(),
            host.service_user.as_str().into(),
            SessionState::Disconnected.into(),
        ],
    )?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

/// `Busy` while a job runs on it, else `Available`; disconnected ones stay so.
///
/// # Errors
/// The store's.
pub fn refresh_state(tx: &mut Tx<'_>, session: i64) -> Result<()> {
    tx.exec(
        sql!(
            "UPDATE sessions SET state = CASE WHEN EXISTS (SELECT 1 FROM jobs j
                 WHERE j.session_id = $1 AND j.state IN {RUNNING}) THEN 1 ELSE 0 END
             WHERE id = $1 AND state <> 2"
        ),
        &[session.into()],
    )?;
    Ok(())
}

/// The host said goodbye.
///
/// # Errors
/// The store's.
pub fn close(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE sessions SET state = $2, reporting_time = $3 WHERE id = $1",
        &[
            session.into(),
            SessionState::Disconnected.into(),
            cx.now.into(),
        ],
    )?;
    feature::lost(cx, Thing::Session, session)
}

/// The host has not been heard of for too long.
///
/// # Errors
/// The store's.
pub fn lost(cx: &mut Cx<'_, '_>, session: i64, last_seen: Timestamp) -> Result<()> {
    cx.tx.exec(
        "UPDATE sessions SET is_unresponsive = TRUE, reporting_time = $2
         WHERE id = $1 AND state <> 2",
        &[session.into(), last_seen.into()],
    )?;
    feature::lost(cx, Thing::Session, session)
}

/// A host that counted as lost was heard again; `true` if the table thought so too.
///
/// # Errors
/// The store's.
pub fn back(cx: &mut Cx<'_, '_>, session: i64) -> Result<bool> {
    let changed = cx.tx.exec(
        "UPDATE sessions SET is_unresponsive = FALSE, reporting_time = $2
         WHERE id = $1 AND is_unresponsive",
        &[session.into(), cx.now.into()],
    )?;
    Ok(changed > 0)
}

/// A host, or a person on it, that counted as gone and is there again.
///
/// # Errors
/// The store's.
pub fn reconnect(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE sessions SET state = $2, is_unresponsive = FALSE, reporting_time = $3
         WHERE id = $1",
        &[
            session.into(),
            SessionState::Available.into(),
            cx.now.into(),
        ],
    )?;
    refresh_state(cx.tx, session)
}

/// The tenant of a session.
///
/// # Errors
/// 1002 when there is no such session.
pub fn tenant_of(tx: &mut Tx<'_>, session: i64) -> Result<i64> {
    let row = tx.row(
        "SELECT tenant_id FROM sessions WHERE id = $1",
        &[session.into()],
    )?;
    Ok(row.ok_or_else(|| Error::not_found("Session"))?.get(0)?)
}

/// Whether nobody is there any more.
///
/// # Errors
/// The store's.
pub fn is_gone(tx: &mut Tx<'_>, session: i64) -> Result<bool> {
    let row = tx.row(
        "SELECT 1 FROM sessions WHERE id = $1 AND (state = 2 OR is_unresponsive)",
        &[session.into()],
    )?;
    Ok(row.is_some())
}

/// The jobs that the session has begun and not ended.
///
/// # Errors
/// The store's.
pub fn running_jobs(tx: &mut Tx<'_>, session: i64) -> Result<Vec<i64>> {
    Ok(tx.all(
        sql!("SELECT id FROM jobs WHERE session_id = $1 AND state IN {RUNNING} ORDER BY id"),
        &[session.into()],
    )?)
}

/// Writes heartbeats that only memory knew.
///
/// # Errors
/// The store's.
pub fn write_beats(tx: &mut Tx<'_>, beats: &[(i64, Timestamp)]) -> Result<()> {
    for (session, seen) in beats {
        tx.exec(
            "UPDATE sessions SET reporting_time = $2 WHERE id = $1 AND reporting_time < $2",
            &[(*session).into(), (*seen).into()],
        )?;
    }
    Ok(())
}

/// The sessions that were connected when the server stopped, for [`Presence`] to watch.
///
/// # Errors
/// The store's.
pub fn connected(tx: &mut Tx<'_>) -> Result<Vec<(i64, Host, Option<String>)>> {
    let rows = tx.rows(
        "SELECT id, machine_id, host_machine_name, service_user_name, installation_id FROM sessions
         WHERE state <> 2 AND NOT is_unresponsive",
        &[],
    )?;
    rows.iter()
        .map(|r| {
            let host = Host {
                machine: r.get("machine_id")?,
                name: r.get("host_machine_name")?,
                service_user: r.get("service_user_name")?,
            };
            Ok((r.get("id")?, host, r.get("installation_id")?))
        })
        .collect()
}
