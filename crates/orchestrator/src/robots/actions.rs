//! Deleting robots, enabling them, and taking them off their machines.

use std::collections::BTreeSet;

use db::{Value, sql};
use odata::Changes;

use super::edit::{changed, check_unique, find};
use super::views::must_manage;
use super::{AUDITED, DELETE, EDIT, HostingType, Robot, RobotType};
use crate::audit::{self, AuditAction};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::feature::{Thing, removing};
use crate::kinds::jobs::ACTIVE;
use crate::op::{At, FolderRule, Nothing, Operation, action};
use crate::users;

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
    removing(cx, Thing::Robot, robot)?;
    let row = cx
        .tx
        .row("SELECT user_id FROM robots WHERE id = $1", &[robot.into()])?;
    let account: Option<i64> = row.map(|r| r.get(0)).transpose()?.flatten();
    cx.delete(&Robot::SET, robot)?;
    if let Some(account) = account {
        users::robot_went(cx.tx, account)?;
    }
    changed(cx)
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
