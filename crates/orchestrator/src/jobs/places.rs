//! Where the jobs of a `StartJobs` may run: the strategy spread out into one place a job, and the
//! checks that there is such a place at all, before anything is written.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::start::StartInfo;
use super::{RUNTIMES, dispatch};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::robots::RobotType;

/// Jobs that one request may start.
pub(super) const MAX_JOBS: i64 = 1000;

odata::edm_enum! {
    /// How many jobs, and where.
    pub enum Strategy { All = 0, Specific = 1, RobotCount = 2, JobsCount = 3, ModernJobsCount = 4 }
}

/// A pair that a job may be handed to; either side may be open.
#[odata::complex(name = "MachineRobotDto")]
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct MachineRobot {
    #[serde(default)]
    pub robot_id: Option<i64>,
    #[serde(default)]
    pub machine_id: Option<i64>,
    #[serde(default)]
    pub session_id: Option<i64>,
    /// The runtime of the robot, where that decides.
    #[edm(skip)]
    #[serde(skip)]
    pub runtime: Option<RobotType>,
}

/// One entry for each job to create in a modern folder, with the places it is bound to.
pub(super) fn targets(cx: &mut Cx<'_, '_>, info: &StartInfo) -> Result<Vec<MachineRobot>> {
    match info.strategy.unwrap_or(Strategy::ModernJobsCount) {
        Strategy::Specific => specific(info),
        Strategy::ModernJobsCount => counted(cx, info),
        strategy => Err(Error::refused(
            Code::StrategyNotAvailableInModernFolder,
            format!(
                "The strategy {} is not available in a modern folder.",
                strategy.name()
            ),
        )),
    }
}

fn specific(info: &StartInfo) -> Result<Vec<MachineRobot>> {
    let robots = info.robot_ids.as_deref().unwrap_or_default();
    if robots.is_empty() {
        return Err(Error::invalid("The strategy Specific needs RobotIds."));
    }
    // A robot that is named twice is meant once.
    let robots: BTreeSet<i64> = robots.iter().copied().collect();
    if robots.len() > MAX_JOBS as usize {
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

/// `JobsCount` jobs; with pairs, sessions or robots given, spread over them in turn.
fn counted(cx: &mut Cx<'_, '_>, info: &StartInfo) -> Result<Vec<MachineRobot>> {
    let count = info.jobs_count.unwrap_or(1);
    if !(1..=MAX_JOBS).contains(&count) {
        return Err(Error::invalid(format!(
            "The field JobsCount must be between 1 and {MAX_JOBS}."
        )));
    }
    let mut places: Vec<MachineRobot> = info.machine_robots.clone().unwrap_or_default();
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
    Ok(places
        .into_iter()
        .cycle()
        .take(usize::try_from(count).unwrap_or(1))
        .collect())
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
        let row = cx.tx.row(
            "SELECT machine_id FROM sessions WHERE id = $1 AND NOT is_attended",
            &[session.into()],
        )?;
        let machine = row.map(|r| r.get::<i64>(0)).transpose()?;
        if !machine.is_some_and(|m| machines.contains(&m)) {
            return Err(Error::not_found("Session"));
        }
    }
    Ok(())
}

fn ids(cx: &mut Cx<'_, '_>, sql: &str, folder: i64) -> Result<Vec<i64>> {
    let rows = cx.tx.rows(sql, &[folder.into()])?;
    Ok(rows
        .iter()
        .map(|r| r.get(0))
        .collect::<Result<_, db::Error>>()?)
}
