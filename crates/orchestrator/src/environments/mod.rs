//! Environments: groups of robots of a classic folder. A process that is deployed to one runs on its
//! robots.

mod entities;

use std::collections::BTreeSet;

use odata::Mode;
use serde::Deserialize;

use crate::access;
use crate::audit::{self, AuditAction, AuditComponent, Audited};
use crate::body;
use crate::cx::{Args, Cx, Hint, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, plain_entity};

use entities::ROBOTS_AND_MEMBERSHIP;
pub use entities::{Environment, EnvironmentType};

const VIEW: Need = Need::new("OR.Robots", &[("Environments", Access::View)], false);
const EDIT: Need = Need::new("OR.Robots", &[("Environments", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Robots", &[("Environments", Access::Create)], true);
const DELETE: Need = Need::new("OR.Robots", &[("Environments", Access::Delete)], true);
const VIEW_ROBOTS: Need = Need::new("OR.Robots", &[("Robots", Access::View)], false);

/// How the audit log tells of environments.
static AUDITED: Audited = Audited::new(
    AuditComponent::Environments,
    &Environment::SET,
    "environment",
);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Environment::SET, VIEW)
    .folder(FolderRule::Optional)
    .get(plain_entity)
    .create(Command::new(CREATE, create))
    .replace(Command::new(EDIT, replace).silent())
    .delete(Command::new(DELETE, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::action("Environments", "AddRobot", EDIT, add_robot)
        .bound()
        .params(&[("robotId", "Edm.String")])
        .folder(FolderRule::Required),
    Op::action("Environments", "RemoveRobot", EDIT, remove_robot)
        .bound()
        .params(&[("robotId", "Edm.String")])
        .folder(FolderRule::Required),
    Op::action("Environments", "SetRobots", EDIT, set_robots)
        .bound()
        .params(&[
            ("addedRobotIds", "Collection(Edm.Int64)"),
            ("removedRobotIds", "Collection(Edm.Int64)"),
        ])
        .folder(FolderRule::Required),
    Op::function(
        "Environments",
        "GetRobotIdsForEnvironment",
        VIEW,
        get_robot_ids,
    )
    .params(&[("key", "Edm.Int64")])
    .returns("Collection(Edm.Int64)")
    .folder(FolderRule::Required),
    Op::function("Environments", "GetRobotsForEnvironment", VIEW, get_robots)
        .params(&[("key", "Edm.Int64")])
        .returns("Collection(RobotDto)")
        .folder(FolderRule::Required),
];

/// An entity of a list in a body, named by its number; what else is said of it does not matter.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Named {
    id: i64,
}

/// What a body says besides the columns.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    #[serde(default)]
    robots: Option<Vec<Named>>,
}

/// `POST /odata/Environments`
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = cx.need_folder()?;
    if folder.modern {
        return Err(Error::refused(
            Code::CannotCreateClassicEntities,
            format!(
                "'{}' is a modern folder, which has no environments: assign accounts and machines to it.",
                folder.path
            ),
        ));
    }
    let changes = args.changes("environmentDto", &Environment::SET, Mode::Create)?;
    let sent: Sent = body::read("environmentDto", args.body.as_ref())?;
    let name = name_of(&changes);
    let id = cx.insert(changes).map_err(|e| e.name_taken(&name))?;
    if let Some(robots) = &sent.robots {
        set_members(cx, id, robots)?;
    }
    audit::done(cx, &AUDITED, AuditAction::Create, id)?;
    Ok(Reply::created(cx.entity(&Environment::SET, id, &[])?))
}

fn name_of(changes: &odata::Changes) -> String {
    match changes.get("name") {
        Some(db::Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

/// `PUT /odata/Environments(id)`: where there is none, it is made, under a number of its own, for
/// whoever may make one.
fn replace(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    if !exists(cx, id)? {
        let folder = cx.need_folder()?.clone();
        if !access::has_in_folder(cx.tx, cx.caller, &CREATE, &folder)? {
            return Err(access::forbidden(&CREATE));
        }
        return create(cx, args);
    }
    let changes = args.changes("environmentDto", &Environment::SET, Mode::Replace)?;
    let sent: Sent = body::read("environmentDto", args.body.as_ref())?;
    let name = name_of(&changes);
    cx.update(changes, id).map_err(|e| e.name_taken(&name))?;
    if let Some(robots) = &sent.robots {
        set_members(cx, id, robots)?;
    }
    audit::done(cx, &AUDITED, AuditAction::Update, id)?;
    Ok(Reply::json(cx.entity(&Environment::SET, id, &[])?))
}

/// `DELETE /odata/Environments(id)`
fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    must_exist(cx, id)?;
    let used = "SELECT name FROM releases WHERE environment_id = $1 AND deletion_time IS NULL
        ORDER BY id LIMIT 1";
    if let Some(row) = cx.tx.row(used, &[id.into()])? {
        let process: String = row.get(0)?;
        return Err(Error::refused(
            Code::HasDependentItems,
            format!("The process '{process}' is deployed to the environment: delete it first."),
        ));
    }
    // Processes that were deleted are kept for their jobs only.
    cx.tx.exec(
        "UPDATE releases SET environment_id = NULL WHERE environment_id = $1",
        &[id.into()],
    )?;
    audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
    cx.delete(&Environment::SET, id)?;
    Ok(Reply::NoContent)
}

/// Whether the request's folder has the environment.
fn exists(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(
        "SELECT 1 FROM environments WHERE id = $1 AND folder_id = $2",
        &[id.into(), folder.into()],
    )?;
    Ok(row.is_some())
}

fn must_exist(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    if exists(cx, id)? {
        Ok(())
    } else {
        Err(Error::not_found("Environment"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneRobot {
    robot_id: i64,
}

/// `AddRobot {"robotId":"…"}`
fn add_robot(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: OneRobot = args.body("robotId")?;
    assign(cx, args.id()?, &[request.robot_id], &[])
}

/// `RemoveRobot {"robotId":"…"}`
fn remove_robot(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: OneRobot = args.body("robotId")?;
    assign(cx, args.id()?, &[], &[request.robot_id])
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetRobots {
    added_robot_ids: Vec<i64>,
    removed_robot_ids: Vec<i64>,
}

/// `SetRobots {"addedRobotIds":[…],"removedRobotIds":[…]}`
fn set_robots(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: SetRobots = args.body("addedRobotIds")?;
    assign(
        cx,
        args.id()?,
        &request.added_robot_ids,
        &request.removed_robot_ids,
    )
}

fn assign(cx: &mut Cx<'_, '_>, id: i64, added: &[i64], removed: &[i64]) -> Result<Reply> {
    body::check_length("addedRobotIds", added)?;
    body::check_length("removedRobotIds", removed)?;
    must_exist(cx, id)?;
    for robot in removed {
        must_be_here(cx, *robot)?;
        cx.tx.exec(
            "DELETE FROM environment_robots WHERE environment_id = $1 AND robot_id = $2",
            &[id.into(), (*robot).into()],
        )?;
    }
    for robot in added {
        must_be_here(cx, *robot)?;
        join(cx, id, *robot)?;
    }
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

fn join(cx: &mut Cx<'_, '_>, environment: i64, robot: i64) -> Result<()> {
    cx.tx.exec(
        "INSERT INTO environment_robots (environment_id, robot_id) VALUES ($1, $2)
         ON CONFLICT DO NOTHING",
        &[environment.into(), robot.into()],
    )?;
    Ok(())
}

/// Environments and their robots are of one folder.
fn must_be_here(cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(
        "SELECT 1 FROM robots WHERE id = $1 AND folder_id = $2",
        &[robot.into(), folder.into()],
    )?;
    match row {
        Some(_) => Ok(()),
        None => Err(Error::not_found("Robot")),
    }
}

/// Makes these the robots of an environment of the request's folder.
fn set_members(cx: &mut Cx<'_, '_>, environment: i64, robots: &[Named]) -> Result<()> {
    body::check_length("Robots", robots)?;
    cx.tx.exec(
        "DELETE FROM environment_robots WHERE environment_id = $1",
        &[environment.into()],
    )?;
    for robot in robots {
        must_be_here(cx, robot.id)?;
        join(cx, environment, robot.id)?;
    }
    cx.hint(Hint::Dispatch);
    Ok(())
}

/// Makes these the environments of a robot, which is of the folder as they must be.
///
/// # Errors
/// 1002 for an environment of another folder.
pub fn set_of_robot(
    cx: &mut Cx<'_, '_>,
    folder: i64,
    robot: i64,
    environments: &[Named],
) -> Result<()> {
    body::check_length("Environments", environments)?;
    cx.tx.exec(
        "DELETE FROM environment_robots WHERE robot_id = $1",
        &[robot.into()],
    )?;
    let ids: BTreeSet<i64> = environments.iter().map(|e| e.id).collect();
    for id in ids {
        let found = cx.tx.row(
            "SELECT 1 FROM environments WHERE id = $1 AND folder_id = $2",
            &[id.into(), folder.into()],
        )?;
        if found.is_none() {
            return Err(Error::not_found("Environment"));
        }
        join(cx, id, robot)?;
    }
    Ok(())
}

/// The environment of these functions, for those who may see robots, too.
fn asked_for(cx: &mut Cx<'_, '_>, args: &Args) -> Result<i64> {
    let id = args.int("key")?;
    let folder = cx.need_folder()?.clone();
    if !access::has_in_folder(cx.tx, cx.caller, &VIEW_ROBOTS, &folder)? {
        return Err(access::forbidden(&VIEW_ROBOTS));
    }
    must_exist(cx, id)?;
    Ok(id)
}

/// `GetRobotIdsForEnvironment(key=…)`
fn get_robot_ids(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = asked_for(cx, args)?;
    let rows = cx.tx.rows(
        "SELECT robot_id FROM environment_robots WHERE environment_id = $1 ORDER BY robot_id",
        &[id.into()],
    )?;
    let ids: Result<Vec<i64>, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    cx.values(args, "Edm.Int64", ids?)
}

/// `GetRobotsForEnvironment(key=…)`: the robots of the folder, those of the environment first.
fn get_robots(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = asked_for(cx, args)?;
    let query = args.options(cx, &ROBOTS_AND_MEMBERSHIP)?;
    let listing = Listing {
        restrict: Some("{t}.folder_id = {folder}"),
        vars: &[("environment", id.into())],
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(
        &ROBOTS_AND_MEMBERSHIP,
        &query,
        &listing,
    )?))
}
