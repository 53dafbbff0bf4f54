//! The robot protocol (`/api/RobotsService/*`): what hosts say and are told.
//!
//! A host proves its machine's key, opens a session (`StartService`), reports itself (`Heartbeat`),
//! is told what to begin and to end (`commands`), and reports how its jobs go (`SubmitJobState`).
//! Names in this API are camelCase; enums may be sent as names or numbers.

mod protocol;
mod whereabouts;
mod wire;

use odata::Guid;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access;
use crate::cx::{Cx, Identity};
use crate::error::{Code, Error, Result};
use crate::jobs::report::{self, Report};
use crate::jobs::{dispatch, hosts};
use crate::op::{Access, Need};
use crate::sessions::{self, Hello, Host, Platform};
use crate::{machines, robots};

use crate::feature::Feature;
pub use protocol::OPS;
pub use whereabouts::robots_come_and_go;
pub use wire::{commands, robot_details};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("robot_service").operations(&[OPS]);

/// The session of a host that speaks without having said hello to this process, which is connected from
/// now on; `None` when it has none. It must still be this installation's: one that fell silent, and
/// whose name was taken over, must not be handed the other one's jobs.
///
/// # Errors
/// 1681 when another installation has taken it over; the store's.
pub fn connected(
    cx: &mut Cx<'_, '_>,
    host: &Host,
    installation: Option<&str>,
) -> Result<Option<i64>> {
    let Some(session) = sessions::find(cx.tx, host)? else {
        return Ok(None);
    };
    if let Some(installation) = installation
        && sessions::was_taken(cx.tx, session, installation)?
    {
        return Err(taken_over());
    }
    // It may have been lost before a restart of the server.
    hosts::back(cx, session)?;
    Ok(Some(session))
}

/// The refusal of a host without a session.
#[must_use]
pub fn no_session() -> Error {
    Error::refused(
        Code::MachineSessionNotFound,
        "This host has no session: call StartService first.",
    )
}

/// Body of `StartService`.
#[odata::input]
#[derive(Debug, Default)]
pub struct StartService {
    /// Only the robots of this account.
    pub service_user_name: Option<String>,
    /// Jobs that the host runs at a time; our agent says so, others leave it out.
    pub slots: Option<i64>,
    /// Jobs that the host still knows after a restart; absent when it cannot tell.
    pub running_jobs: Option<Vec<StillRunning>>,
}

/// A job that a restarted host still has.
#[odata::complex]
#[derive(Debug, Deserialize)]
pub struct StillRunning {
    /// The job.
    pub job_key: Guid,
    /// The hand-out.
    pub attempt: i64,
}

/// Body of `Heartbeat`, `HeartbeatV2`, `StopService` and `AwaitCommands`.
#[odata::input]
#[derive(Debug, Default)]
pub struct Heartbeat {
    /// What the robots of the host do.
    pub heartbeats: Option<Vec<Report>>,
    /// The account that the service runs as.
    pub service_user_name: Option<String>,
    /// `AwaitCommands`: the last stamp that the host has seen.
    pub stamp: Option<String>,
    /// `AwaitCommands`: how long to wait at most.
    pub wait_seconds: Option<i64>,
}

/// Body of `SubmitJobState`.
#[odata::input]
#[derive(Debug)]
pub struct JobReports {
    /// How jobs go.
    #[edm(whole, required)]
    pub heartbeats: Vec<Report>,
}

/// Body of `BeginSession`, `EndSession` and `GetProcesses`.
#[odata::input]
#[derive(Debug, Default)]
pub struct RobotIdentifier {
    /// The robot by its key.
    pub robot_key: Option<Guid>,
    /// The robot by its account on the host.
    pub user_name: Option<String>,
}

/// What the headers tell of the host.
#[derive(Debug, Clone, Default)]
pub struct HostFacts {
    /// `X-ROBOT-VERSION`
    pub version: Option<String>,
    /// `X-ROBOT-AGENT: OS=…`
    pub platform: Option<Platform>,
    /// `X-UIPATH-INSTALLATION-ID`
    pub installation_id: Option<String>,
}

/// A machine of type Standard is one host: the one of its name.
///
/// # Errors
/// 401 when another host uses its key.
pub fn check_host(cx: &mut Cx<'_, '_>, host: &Host) -> Result<()> {
    let row = cx.tx.row(
        "SELECT name, type FROM machines WHERE id = $1",
        &[host.machine.into()],
    )?;
    let row = row.ok_or_else(|| Error::refused(Code::InvalidMachineKey, "Invalid machine key."))?;
    let (name, kind): (String, i64) = (row.get("name")?, row.get("type")?);
    if kind == machines::MachineType::Standard as i64 && !name.eq_ignore_ascii_case(&host.name) {
        return Err(Error::refused(
            Code::InvalidMachineKey,
            format!(
                "The key belongs to the machine '{name}'; this host is called '{}'.",
                host.name
            ),
        ));
    }
    Ok(())
}

/// A host is one robot. A second one under the same name would be handed the same jobs and run them
/// a second time; robots that do not tell their installation are believed to be the same.
fn check_installation(cx: &mut Cx<'_, '_>, host: &Host, facts: &HostFacts) -> Result<()> {
    let Some(installation) = &facts.installation_id else {
        return Ok(());
    };
    if !sessions::is_taken(cx.tx, host, installation)? {
        return Ok(());
    }
    Err(Error::refused(
        Code::ItemAlreadyExists,
        format!(
            "Another robot is connected as '{}'. Stop it, or give this one another name.",
            host.name
        ),
    ))
}

/// `StartService`: opens the session of the host; jobs that wait for it are handed to it.
///
/// # Errors
/// 401 for a key of another host; 1004 (409) when another robot is connected under its name; the
/// store's.
pub fn start_service(
    cx: &mut Cx<'_, '_>,
    host: &Host,
    facts: &HostFacts,
    request: &StartService,
) -> Result<(i64, Value)> {
    check_host(cx, host)?;
    check_installation(cx, host, facts)?;
    if request.slots.is_some_and(|s| !(1..=10_000).contains(&s)) {
        return Err(Error::invalid("slots must be between 1 and 10000."));
    }
    let hello = Hello {
        slots: request.slots,
        version: facts.version.clone(),
        platform: facts.platform,
        installation_id: facts.installation_id.clone(),
        robot: None,
    };
    let session = sessions::open(cx, host, &hello)?;
    if let Some(still) = &request.running_jobs {
        let still: Vec<_> = still.iter().map(|s| (s.job_key, s.attempt)).collect();
        report::forgotten(cx, session, &still)?;
        sessions::refresh_state(cx.tx, session)?;
    }
    robots::show_on_hosts(cx.tx, robots::Hosts::Session(session))?;
    dispatch::session(cx, session)?;
    let robots = wire::robots_of_machine(cx, host, request.service_user_name.as_deref())?;
    Ok((session, json!({ "robots": robots })))
}

/// `StopService`: the host leaves. `false` when the session is another robot's by now, which stays.
///
/// # Errors
/// The store's.
pub fn stop_service(cx: &mut Cx<'_, '_>, session: i64, facts: &HostFacts) -> Result<bool> {
    if was_taken(cx, session, facts)? {
        return Ok(false);
    }
    hosts::left(cx, session)?;
    Ok(true)
}

/// The refusal of a robot whose host's name another one has taken over.
#[must_use]
pub fn taken_over() -> Error {
    Error::refused(
        Code::MachineSessionNotFound,
        "The session is another robot's by now: call StartService again.",
    )
}

fn was_taken(cx: &mut Cx<'_, '_>, session: i64, facts: &HostFacts) -> Result<bool> {
    match &facts.installation_id {
        Some(installation) => sessions::was_taken(cx.tx, session, installation),
        None => Ok(false),
    }
}

/// `BeginSession`: a person signs in to a robot on the host. The robot is found by its key or by
/// the account's name; a signed-in user of the server gets an attended robot of their own.
///
/// # Errors
/// 1226 (404) when there is no such robot.
pub fn begin_session(
    cx: &mut Cx<'_, '_>,
    host: &Host,
    facts: &HostFacts,
    who: &RobotIdentifier,
) -> Result<(i64, Host, Value)> {
    check_host(cx, host)?;
    let robot = match find_robot(cx, host.machine, who)? {
        Some(robot) => robot,
        None => match cx.caller.identity {
            Identity::User { id } => robots::provision_attended(cx, id)?,
            _ => return Err(no_robot()),
        },
    };
    let hello = Hello {
        slots: None,
        version: facts.version.clone(),
        platform: facts.platform,
        installation_id: facts.installation_id.clone(),
        robot: Some(robot),
    };
    let host = host.attended(robot);
    let session = sessions::open(cx, &host, &hello)?;
    let details = robot_details(cx, robot, host.machine)?;
    Ok((session, host, details))
}

/// `EndSession`: the person signs out.
///
/// # Errors
/// 1226 (404) when there is no such robot; nothing happens when it has no session.
pub fn end_session(cx: &mut Cx<'_, '_>, host: &Host, who: &RobotIdentifier) -> Result<Option<i64>> {
    let robot = match (find_robot(cx, host.machine, who)?, &cx.caller.identity) {
        (Some(robot), _) => robot,
        (None, Identity::User { id }) => robots::attended_of(cx.tx, *id)?.ok_or_else(no_robot)?,
        _ => return Err(no_robot()),
    };
    let host = host.attended(robot);
    let Some(session) = sessions::find(cx.tx, &host)? else {
        return Ok(None);
    };
    hosts::left(cx, session)?;
    Ok(Some(session))
}

fn no_robot() -> Error {
    Error::refused(
        Code::RobotNotFound,
        "There is no robot for this user on this machine.",
    )
}

/// The robot that is meant, if the caller may act as it: a person only as their own robots, a
/// robot as itself, a machine as the robots that may run on it. Applications are nobody's robot.
fn find_robot(cx: &mut Cx<'_, '_>, machine: i64, who: &RobotIdentifier) -> Result<Option<i64>> {
    let (own, id) = match cx.caller.identity {
        Identity::User { id } => ("r.user_id = $1", id),
        Identity::Robot { id, .. } => ("r.id = $1", id),
        Identity::Machine { .. } => (wire::ON_MACHINE, machine),
        Identity::Application { .. } | Identity::Server | Identity::Anonymous => return Ok(None),
    };
    let name = who.user_name.as_deref().filter(|n| !n.is_empty());
    let (named, value): (&str, db::Value) = match (&who.robot_key, name) {
        (Some(key), _) => ("r.key = $2", (*key).into()),
        (None, Some(name)) => ("fold(r.username) = fold($2)", name.into()),
        (None, None) => return Ok(None),
    };
    let sql = format!(
        "SELECT r.id FROM robots r WHERE {} AND {own} AND {named} ORDER BY r.id LIMIT 1",
        robots::able!()
    );
    let row = cx.tx.row(&sql, &[id.into(), value])?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}

/// `SubmitJobState`: every entry is recorded, or the request is refused as a whole.
///
/// # Errors
/// 1242 (409) when the session is another robot's by now; as [`report::record`].
pub fn submit_job_state(
    cx: &mut Cx<'_, '_>,
    session: i64,
    facts: &HostFacts,
    reports: &[Report],
) -> Result<()> {
    if was_taken(cx, session, facts)? {
        return Err(taken_over());
    }
    for entry in reports {
        report::record(cx, session, entry)?;
    }
    Ok(())
}

/// `GetProcesses`: what the robot's account may start, in all its folders.
///
/// # Errors
/// 1226 (404) when there is no such robot.
pub fn get_processes(cx: &mut Cx<'_, '_>, machine: i64, who: &RobotIdentifier) -> Result<Value> {
    let robot = find_robot(cx, machine, who)?.ok_or_else(no_robot)?;
    wire::published_processes(cx, robot)
}

/// `GetSharedConnectionData`: the key of a machine template that the signed-in user may serve from
/// their own computer: one assigned to a folder of theirs. Whoever has the key receives the jobs
/// and tokens of its robots, so it takes the permission to see machines, which shows it anyway.
///
/// # Errors
/// 403 without Machines.View; 409 when no folder of theirs has a template.
pub fn shared_connection(cx: &mut Cx<'_, '_>) -> Result<String> {
    let need = Need::new("OR.Machines", &[("Machines", Access::View)], false);
    access::tenant_wide(cx.tx, cx.caller, &need)?;
    let row = match cx.caller.user() {
        Some(user) => cx.tx.row(
            "SELECT m.license_key FROM machines m
             JOIN folder_machines fm ON fm.machine_id = m.id
             JOIN folder_tree ft ON ft.ancestor_id = fm.folder_id
                 AND (ft.distance = 0 OR fm.propagate)
             JOIN folder_tree up ON up.folder_id = ft.folder_id
             JOIN folder_users fu ON fu.folder_id = up.ancestor_id AND fu.user_id = $1
             WHERE m.type = 1 ORDER BY m.id LIMIT 1",
            &[user.into()],
        )?,
        None => None,
    };
    let row = row.ok_or_else(|| {
        Error::refused(
            Code::NoMachineAssociatedWithFolder,
            "None of the user's folders has a machine template.",
        )
    })?;
    Ok(row.get(0)?)
}
