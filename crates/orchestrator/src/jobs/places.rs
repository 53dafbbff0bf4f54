//! Where the jobs of a `StartJobs` may run: the strategy spread out into one place a job, and the
//! checks that there is such a place at all, before anything is written.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::info::StartInfo;
use super::{RUNTIMES, dispatch};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::kinds::RobotType;

/// Jobs that one request may start.
const MAX_JOBS: usize = 1000;

odata::edm_enum! {
    /// How many jobs, and where.
    pub enum Strategy { All = 0, Specific = 1, RobotCount = 2, JobsCount = 3, ModernJobsCount = 4 }
}

/// A pair that a job may be handed to; either side may be open.
#[odata::complex(name = "MachineRobotDto")]
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct MachineRobot {
    /// The robot.
    #[serde(default)]
    pub robot_id: Option<i64>,
    /// The machine.
    #[serde(default)]
    pub machine_id: Option<i64>,
    /// Name of the machine.
    #[serde(default)]
    pub machine_name: Option<String>,
    /// Account of the robot.
    #[serde(default)]
    pub robot_user_name: Option<String>,
    /// Pairs of triggers have it, and so it is taken here, too.
    #[edm(skip)]
    #[serde(default, rename = "SessionId")]
    pub session_id: Option<i64>,
    /// The runtime of the robot, where that decides.
    #[edm(skip)]
    #[serde(skip)]
    pub runtime: Option<RobotType>,
}

/// One entry for each job to create in a modern folder, with the places it is bound to. Clients that
/// know only the strategies of classic folders count their jobs by these.
pub(super) fn targets(
    cx: &mut Cx<'_, '_>,
    folder: i64,
    info: &StartInfo,
) -> Result<Vec<MachineRobot>> {
    match info.strategy.unwrap_or(Strategy::ModernJobsCount) {
        Strategy::Specific => specific(info),
        Strategy::ModernJobsCount | Strategy::JobsCount => {
            let jobs = count("JobsCount", Some(info.jobs_count.unwrap_or(1)))?;
            counted(cx, folder, info, jobs)
        }
        Strategy::RobotCount => {
            let jobs = count("NoOfRobots", info.no_of_robots)?;
            counted(cx, folder, info, jobs)
        }
        Strategy::All => Err(Error::refused(
            Code::StrategyNotAvailableInModernFolder,
            "The strategy All is not available in a modern folder.",
        )),
    }
}

/// How many jobs a field asks for.
///
/// # Errors
/// 1009 for none, and for too many.
pub(super) fn count(field: &str, value: Option<i32>) -> Result<usize> {
    let value = value.and_then(|n| usize::try_from(n).ok());
    value.filter(|n| (1..=MAX_JOBS).contains(n)).ok_or_else(|| {
        Error::invalid(format!(
            "The field {field} must be between 1 and {MAX_JOBS}."
        ))
    })
}

fn specific(info: &StartInfo) -> Result<Vec<MachineRobot>> {
    let robots = info.robot_ids.as_deref().unwrap_or_default();
    if robots.is_empty() {
        return Err(Error::invalid("The strategy Specific needs RobotIds."));
    }
    // A robot that is named twice is meant once.
    let robots: BTreeSet<i64> = robots.iter().copied().collect();
    if robots.len() > MAX_JOBS {
        return Err(Error::invalid(format!(
            "At most {MAX_JOBS} robots can be named in RobotIds."
        )));
    }
    let bound = |id| MachineRobot {
        robot_id: Some(id),
        ..MachineRobot::default()
    };
    Ok(robots.into_iter().map(bound).collect())
}

/// So many jobs; with pairs, sessions or robots given, spread over them in turn.
fn counted(
    cx: &mut Cx<'_, '_>,
    folder: i64,
    info: &StartInfo,
    count: usize,
) -> Result<Vec<MachineRobot>> {
    let mut places: Vec<MachineRobot> = info.machine_robots.clone().unwrap_or_default();
    find_named(cx, folder, &mut places)?;
    if places.is_empty() {
        let robots = info.robot_ids.iter().flatten();
        places.extend(robots.map(|id| MachineRobot {
            robot_id: Some(*id),
            ..Default::default()
        }));
    }
    if places.is_empty() {
        for session in info.machine_session_ids.iter().flatten() {
            places.push(MachineRobot {
                session_id: Some(*session),
                ..Default::default()
            });
        }
    }
    if info.run_as_me == Some(true) {
        let own = own_robot(cx)?;
        places.iter_mut().for_each(|p| p.robot_id = Some(own));
        if places.is_empty() {
            places.push(MachineRobot {
                robot_id: Some(own),
                ..Default::default()
            });
        }
    }
    if places.is_empty() {
        places.push(MachineRobot::default());
    }
    Ok(places.into_iter().cycle().take(count).collect())
}

/// Machines and robots that pairs call by name: a name stands for its id, and beside one it must be
/// its name.
fn find_named(cx: &mut Cx<'_, '_>, folder: i64, places: &mut [MachineRobot]) -> Result<()> {
    if places.iter().any(|p| p.machine_name.is_some()) {
        let sql = format!(
            "SELECT n.id, n.name, NULL AS other_name FROM machines n WHERE n.id IN ({})",
            dispatch::MACHINES_IN_FOLDER
        );
        let known = names(cx, &sql, folder)?;
        for place in places.iter_mut() {
            let name = place.machine_name.as_deref();
            place.machine_id = named("MachineName", name, place.machine_id, &known)?;
        }
    }
    if places.iter().any(|p| p.robot_user_name.is_some()) {
        let sql = format!(
            "SELECT n.id, n.username AS name, u.user_name AS other_name
             FROM robots n LEFT JOIN users u ON u.id = n.user_id
             WHERE n.id IN ({})",
            dispatch::ROBOTS_IN_FOLDER
        );
        let known = names(cx, &sql, folder)?;
        for place in places.iter_mut() {
            let name = place.robot_user_name.as_deref();
            place.robot_id = named("RobotUserName", name, place.robot_id, &known)?;
        }
    }
    Ok(())
}

/// Something with an id, and how it is called.
type Called = (i64, [Option<String>; 2]);

fn names(cx: &mut Cx<'_, '_>, sql: &str, folder: i64) -> Result<Vec<Called>> {
    let rows = cx.tx.rows(sql, &[folder.into()])?;
    let called = |row: &db::Row| {
        let names: [Option<String>; 2] = [row.get("name")?, row.get("other_name")?];
        Ok((row.get("id")?, names.map(|n| n.map(|n| n.to_lowercase()))))
    };
    Ok(rows.iter().map(called).collect::<Result<_, db::Error>>()?)
}

fn named(
    field: &str,
    name: Option<&str>,
    id: Option<i64>,
    known: &[Called],
) -> Result<Option<i64>> {
    let Some(name) = name.filter(|n| !n.is_empty()) else {
        return Ok(id);
    };
    let wanted = name.to_lowercase();
    let is_it = |(known, names): &&Called| {
        id.is_none_or(|id| id == *known) && names.iter().flatten().any(|n| *n == wanted)
    };
    match known.iter().find(is_it) {
        Some((id, _)) => Ok(Some(*id)),
        None => Err(Error::invalid(match id {
            Some(id) => {
                format!("MachineRobots: the {field} of {id} is not '{name}': leave it out.")
            }
            None => format!("MachineRobots: the {field} '{name}' is nobody's in this folder."),
        })),
    }
}

fn own_robot(cx: &mut Cx<'_, '_>) -> Result<i64> {
    let row = cx.tx.row(
        "SELECT id FROM robots WHERE user_id = $1 AND type = 2 AND folder_id IS NULL AND enabled",
        &[cx.caller.user().into()],
    )?;
    let row = row.ok_or_else(|| {
        Error::refused(
            Code::UserDoesNotHaveRobot,
            "The job is to run as its caller, who has no unattended robot.",
        )
    })?;
    Ok(row.get(0)?)
}

/// Before anything is written: is there a robot, and a machine with this runtime, in the folder?
pub(super) fn check_places(
    cx: &mut Cx<'_, '_>,
    folder: i64,
    runtime: RobotType,
    wanted: &[MachineRobot],
) -> Result<()> {
    let Some((_, slots)) = RUNTIMES
        .iter()
        .find(|(number, _)| *number == runtime as i64)
    else {
        return Err(Error::invalid(format!(
            "Jobs cannot be started on the runtime {}.",
            runtime.name()
        )));
    };
    let robots = ids(cx, dispatch::ROBOTS_IN_FOLDER, folder)?;
    if robots.is_empty() {
        return Err(Error::refused(
            Code::InvalidStartJobRobotIds,
            "Couldn't find any user with unattended robot permissions in the current folder.",
        ));
    }
    if wanted
        .iter()
        .filter_map(|w| w.robot_id)
        .any(|id| !robots.contains(&id))
    {
        return Err(Error::refused(
            Code::InvalidStartJobRobotIds,
            "Couldn't find the specified unattended user/robot in the current folder.",
        ));
    }
    let sql = format!("{} AND m.{slots} > 0", dispatch::MACHINES_IN_FOLDER);
    let machines = ids(cx, &sql, folder)?;
    let mut named = wanted.iter().filter_map(|w| w.machine_id);
    if machines.is_empty() || named.any(|id| !machines.contains(&id)) {
        return Err(Error::refused(
            Code::NoMachineAssociatedWithFolder,
            format!(
                "Could not find a machine with {} runtimes in the current folder",
                runtime.name()
            ),
        ));
    }
    let sessions: BTreeSet<i64> = wanted.iter().filter_map(|w| w.session_id).collect();
    for session in sessions {
        let machine: Option<i64> = cx.tx.one(
            "SELECT machine_id FROM sessions WHERE id = $1 AND NOT is_attended",
            &[session.into()],
        )?;
        if !machine.is_some_and(|m| machines.contains(&m)) {
            return Err(Error::not_found("Session"));
        }
    }
    Ok(())
}

fn ids(cx: &mut Cx<'_, '_>, sql: &str, folder: i64) -> Result<Vec<i64>> {
    Ok(cx.tx.all(sql, &[folder.into()])?)
}
