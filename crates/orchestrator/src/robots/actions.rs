//! Deleting robots, enabling them, and taking them off their machines.

use std::collections::BTreeSet;

use db::{Value, sql};
use odata::Changes;

use super::edit::{changed, check_unique, find};
use super::views::must_manage;
use super::{AUDITED, DELETE, EDIT, HostingType, Robot, RobotType};
use crate::audit::{self, AuditAction};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::jobs::JobState;
use crate::jobs::state::{ACTIVE, NOT_RUNNING};
use crate::op::{At, FolderRule, Nothing, Operation, action};
use crate::sessions;
use crate::users::UserType;

/// Whether a host has a job of the robot.
///
/// # Errors
/// The store's.
pub fn is_busy(cx: &mut Cx<'_, '_>, robot: i64) -> Result<bool> {
    let row = cx.tx.row(
        sql!(
            "SELECT 1 FROM jobs WHERE robot_id = $1 AND session_id IS NOT NULL
                 AND state IN {ACTIVE} LIMIT 1"
        ),
        &[robot.into()],
    )?;
    Ok(row.is_some())
}

/// `DELETE /odata/Robots(id)`
pub(super) fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    must_manage(cx, id, &DELETE)?;
    remove(cx, id)
}

/// Deletes a robot: jobs that wait for it end, jobs that ran on it forget it, and its account either
/// goes with it (classic) or has no unattended robot any more.
///
/// # Errors
/// 1207 when it is running a job.
pub fn remove(cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
    if is_busy(cx, robot)? {
        return Err(Error::refused(
            Code::CannotDeleteBusyRobot,
            "The robot is running a job: stop the job first.",
        ));
    }
    cx.tx.exec(
        sql!(
            "UPDATE jobs SET state = $3, end_time = $2, last_modification_time = $2,
                 deadline = NULL, info = 'The robot that the job waited for was deleted.'
             WHERE (robot_id = $1 OR wanted_robot_id = $1) AND state IN {NOT_RUNNING}"
        ),
        &[robot.into(), cx.now.into(), JobState::Stopped.into()],
    )?;
    for column in ["robot_id", "wanted_robot_id"] {
        let sql = format!("UPDATE jobs SET {column} = NULL WHERE {column} = $1");
        cx.tx.exec(&sql, &[robot.into()])?;
    }
    leave_sessions(cx, robot)?;
    let row = cx
        .tx
        .row("SELECT user_id FROM robots WHERE id = $1", &[robot.into()])?;
    let account: Option<i64> = row.map(|r| r.get(0)).transpose()?.flatten();
    cx.delete(&Robot::SET, robot)?;
    cx.tx.exec(
        "DELETE FROM users WHERE id = $1 AND type = $2",
        &[account.into(), UserType::Robot.into()],
    )?;
    cx.tx.exec(
        "UPDATE users SET may_have_unattended_session = FALSE WHERE id = $1
             AND NOT EXISTS (SELECT 1 FROM robots r WHERE r.user_id = $1 AND r.type = $2)",
        &[account.into(), RobotType::Unattended.into()],
    )?;
    changed(cx)
}

/// The person who is signed in to the robot is signed out; hosts stay.
fn leave_sessions(cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
    let rows = cx.tx.rows(
        "SELECT id FROM sessions WHERE robot_id = $1 AND is_attended",
        &[robot.into()],
    )?;
    for row in &rows {
        let session: i64 = row.get(0)?;
        sessions::forget_in_jobs(cx.tx, session)?;
        cx.tx
            .exec("DELETE FROM sessions WHERE id = $1", &[session.into()])?;
        cx.hint(Hint::SessionGone(session));
    }
    cx.tx.exec(
        "UPDATE sessions SET robot_id = NULL WHERE robot_id = $1",
        &[robot.into()],
    )?;
    Ok(())
}

/// Deletes robots: all of them or none.
#[odata::input]
pub struct DeleteBulk {
    /// Numbers of the robots.
    #[edm(required, range = "1..=1000")]
    robot_ids: Vec<i64>,
}

impl Operation for DeleteBulk {
    const AT: At = action("Robots", "DeleteBulk")
        .needs(DELETE)
        .folder(FolderRule::OptionalOrTenant);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for id in BTreeSet::from_iter(self.robot_ids.iter().copied()) {
            must_manage(cx, id, &DELETE)?;
            audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
            remove(cx, id)?;
        }
        Ok(Nothing)
    }
}

/// Switches robots on or off. A robot that is off can neither connect nor take jobs; what it runs goes
/// on.
#[odata::input]
pub struct ToggleEnabledStatus {
    /// Numbers of the robots.
    #[edm(required, range = "1..=1000")]
    robot_ids: Vec<i64>,
    /// Whether they take jobs.
    #[edm(required)]
    enabled: bool,
}

impl Operation for ToggleEnabledStatus {
    const AT: At = action("Robots", "ToggleEnabledStatus")
        .needs(EDIT)
        .folder(FolderRule::OptionalOrTenant)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for id in &self.robot_ids {
            must_manage(cx, *id, &EDIT)?;
            let mut changes = Changes::none(&Robot::SET);
            changes.set("enabled", self.enabled);
            cx.update(changes, *id)?;
        }
        changed(cx)?;
        Ok(Nothing)
    }
}

/// Takes a standard attended robot off its machine, so that it can work on any.
#[odata::input]
pub struct ConvertToFloating {
    /// Number of the robot.
    #[edm(required)]
    robot_id: i64,
}

impl Operation for ConvertToFloating {
    const AT: At = action("Robots", "ConvertToFloating")
        .needs(EDIT)
        .folder(FolderRule::OptionalOrTenant)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let robot = find(cx, self.robot_id)?;
        if robot.hosting == HostingType::Floating || robot.kind != RobotType::Attended as i64 {
            return Err(Error::refused(
                Code::CannotUpdateRobotHostingType,
                "Only attended robots of hosting type Standard can be converted.",
            ));
        }
        if is_busy(cx, robot.id)? {
            return Err(Error::refused(
                Code::CannotUpdateBusyRobot,
                "The robot is running a job: convert it when that has ended.",
            ));
        }
        let username = robot.username.as_deref().unwrap_or_default();
        check_unique(cx, None, username, robot.id)?;
        let mut changes = Changes::none(&Robot::SET);
        changes.set("hosting_type", HostingType::Floating);
        changes.set("machine_id", Value::Null);
        cx.update(changes, robot.id)?;
        changed(cx)?;
        Ok(Nothing)
    }
}
