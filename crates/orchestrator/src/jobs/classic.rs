//! Where the jobs of a `StartJobs` in a classic folder run: on robots of the environment that the
//! process is deployed to. A robot waits for one job of a process at a time; a start on several of
//! them makes jobs for those that wait for none, and is refused when there are none such.

use std::collections::BTreeSet;

use db::Value;

use super::info::StartInfo;
use super::places::{MachineRobot, Strategy, count};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::kinds::jobs::ACTIVE;
use crate::robots::{RobotType, able};

/// Runtimes of classic robots that jobs can be started on; people start the others themselves.
const STARTABLE: &str = "(0, 2, 3, 5, 7)";

/// What is started, and where.
pub(super) struct Deployment<'a> {
    /// `folders.id`
    pub folder: i64,
    /// `releases.id`
    pub release: i64,
    /// Name of the release.
    pub name: &'a str,
    /// `environments.id`
    pub environment: Option<i64>,
    /// The runtime of the robots; `Unattended` stands for whichever they have.
    pub runtime: RobotType,
}

/// A robot that can run the process.
struct Candidate {
    id: i64,
    kind: RobotType,
    /// It waits for a job of this process already.
    waits: bool,
}

/// One entry for each job to create.
pub(super) fn targets(
    cx: &mut Cx<'_, '_>,
    info: &StartInfo,
    deployment: &Deployment<'_>,
) -> Result<Vec<MachineRobot>> {
    let modern = info.run_as_me == Some(true)
        || info.machine_robots.iter().flatten().next().is_some()
        || info.machine_session_ids.iter().flatten().next().is_some();
    if modern {
        return Err(Error::invalid(
            "RunAsMe, MachineRobots and MachineSessionIds are for modern folders: name robots in RobotIds.",
        ));
    }
    match info.strategy.unwrap_or(Strategy::JobsCount) {
        Strategy::All => {
            let all = candidates(cx, deployment)?;
            on_robots(deployment, all)
        }
        Strategy::Specific => {
            let ids: BTreeSet<i64> = info.robot_ids.iter().flatten().copied().collect();
            let named = specific(candidates(cx, deployment)?, &ids)?;
            on_robots(deployment, named)
        }
        Strategy::RobotCount => {
            let count = count("NoOfRobots", info.no_of_robots)?;
            let mut first = candidates(cx, deployment)?;
            first.sort_by_key(|robot| robot.waits);
            first.truncate(count);
            on_robots(deployment, first)
        }
        Strategy::JobsCount => {
            let count = count("JobsCount", Some(info.jobs_count.unwrap_or(1)))?;
            if candidates(cx, deployment)?.is_empty() {
                return Err(no_robots(deployment));
            }
            let anywhere = std::iter::repeat_with(MachineRobot::default);
            Ok(anywhere.take(count).collect())
        }
        Strategy::ModernJobsCount => Err(Error::refused(
            Code::StrategyNotAvailableInClassicFolder,
            "The strategy ModernJobsCount is not available in a classic folder.",
        )),
    }
}

/// The robots of the environment that jobs can be started on, those with the least to do first.
fn candidates(cx: &mut Cx<'_, '_>, deployment: &Deployment<'_>) -> Result<Vec<Candidate>> {
    let Some(environment) = deployment.environment else {
        return Err(Error::refused(
            Code::InvalidStartJobRobotIds,
            format!(
                "The process '{}' is not deployed to an environment: give it an EnvironmentId.",
                deployment.name
            ),
        ));
    };
    let sql = format!(
        "SELECT r.id, r.type, EXISTS (SELECT 1 FROM jobs j
             WHERE j.robot_id = r.id AND j.release_id = $3 AND j.state = 0) AS waits
         FROM environment_robots er JOIN robots r ON r.id = er.robot_id
         WHERE er.environment_id = $1 AND r.folder_id = $2 AND {} AND r.type IN {STARTABLE}
             AND CAST($4 AS BIGINT) IN (2, r.type)
         ORDER BY (SELECT COUNT(*) FROM jobs b
             WHERE b.robot_id = r.id AND b.state IN {ACTIVE}), r.id",
        able!()
    );
    let params: [Value; 4] = [
        environment.into(),
        deployment.folder.into(),
        deployment.release.into(),
        deployment.runtime.into(),
    ];
    let rows = cx.tx.rows(&sql, &params)?;
    let candidate = |row: &db::Row| {
        Ok(Candidate {
            id: row.get("id")?,
            kind: RobotType::from_i64(row.get("type")?).unwrap_or(RobotType::Unattended),
            waits: row.get("waits")?,
        })
    };
    Ok(rows
        .iter()
        .map(candidate)
        .collect::<Result<_, db::Error>>()?)
}

fn specific(candidates: Vec<Candidate>, ids: &BTreeSet<i64>) -> Result<Vec<Candidate>> {
    if ids.is_empty() {
        return Err(Error::invalid("The strategy Specific needs RobotIds."));
    }
    let mut named = candidates;
    named.retain(|robot| ids.contains(&robot.id));
    if named.len() < ids.len() {
        return Err(Error::refused(
            Code::InvalidStartJobRobotIds,
            "Couldn't find the specified robots among those of the process's environment that jobs can be started on.",
        ));
    }
    Ok(named)
}

/// One job for each robot that waits for none of this process.
fn on_robots(deployment: &Deployment<'_>, robots: Vec<Candidate>) -> Result<Vec<MachineRobot>> {
    if robots.is_empty() {
        return Err(no_robots(deployment));
    }
    let free = robots.into_iter().filter(|robot| !robot.waits);
    let mut targets: Vec<_> = free
        .map(|robot| MachineRobot {
            robot_id: Some(robot.id),
            runtime: Some(robot.kind),
            ..MachineRobot::default()
        })
        .collect();
    if targets.is_empty() {
        return Err(Error::refused(
            Code::PendingJobsAlreadyExist,
            "The robots already have pending jobs for this process.",
        ));
    }
    targets.sort_by_key(|target| target.robot_id);
    Ok(targets)
}

fn no_robots(deployment: &Deployment<'_>) -> Error {
    Error::refused(
        Code::InvalidStartJobRobotIds,
        format!(
            "The environment of the process '{}' has no robot that jobs can be started on.",
            deployment.name
        ),
    )
}
