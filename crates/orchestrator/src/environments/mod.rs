//! Environments: groups of robots of a classic folder. A process that is deployed to one runs on its
//! robots.

mod entities;

use std::collections::BTreeSet;

use odata::Changes;

use crate::audit::{AuditComponent, Audited};
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::kinds::ById;
use crate::op::{
    Access, At, Command, FolderRule, Need, Nothing, Op, Operation, Page, Resource, action,
    function, op,
};

use crate::feature::{Feature, Thing, removing};
use entities::Candidate;
pub use entities::{Environment, EnvironmentType};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("environments")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["environment_robots", "environments"]);

const VIEW: Need = Need::new("OR.Robots", &[("Environments", Access::View)], false);
const EDIT: Need = Need::new("OR.Robots", &[("Environments", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Robots", &[("Environments", Access::Create)], true);
const DELETE: Need = Need::new("OR.Robots", &[("Environments", Access::Delete)], true);
/// Seeing which robots an environment has.
const VIEW_WITH_ROBOTS: Need = VIEW.and(&[("Robots", Access::View)]);

/// How the audit log tells of environments.
static AUDITED: Audited = Audited::new(
    AuditComponent::Environments,
    &Environment::SET,
    "environment",
);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Environment::SET, VIEW)
    .folder(FolderRule::Optional)
    .get()
    .create(Command::create(CREATE, "environmentDto", create).audited(&AUDITED))
    .replace(
        Command::replace(EDIT, "environmentDto", replace)
            .or_create(exists)
            .audited(&AUDITED)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<AddRobot>(),
    op::<RemoveRobot>(),
    op::<SetRobots>(),
    op::<GetRobotIdsForEnvironment>(),
    op::<GetRobotsForEnvironment>(),
];

/// `POST /odata/Environments`
fn create(cx: &mut Cx<'_, '_>, changes: Changes) -> Result<i64> {
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
    let (name, robots) = (name_of(&changes), given(&changes, "Robots")?);
    let id = cx.insert(changes).map_err(|e| e.name_taken(&name))?;
    set_members(cx, id, robots)?;
    Ok(id)
}

fn name_of(changes: &Changes) -> String {
    match changes.get("name") {
        Some(db::Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

/// `PUT /odata/Environments(id)`
fn replace(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    let (name, robots) = (name_of(&changes), given(&changes, "Robots")?);
    cx.update(changes, id).map_err(|e| e.name_taken(&name))?;
    set_members(cx, id, robots)
}

/// `DELETE /odata/Environments(id)`
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
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
    removing(cx, Thing::Environment, id)?;
    cx.delete(&Environment::SET, id)
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

/// Puts a robot into an environment.
#[odata::input]
pub struct AddRobot {
    /// Number of the environment.
    #[edm(key)]
    id: i64,
    /// Number of the robot.
    #[edm(required)]
    robot_id: String,
}

impl Operation for AddRobot {
    const AT: At = action("Environments", "AddRobot")
        .needs(EDIT)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        assign(cx, self.id, &[number(&self.robot_id)?], &[])
    }
}

/// Takes a robot out of an environment.
#[odata::input]
pub struct RemoveRobot {
    /// Number of the environment.
    #[edm(key)]
    id: i64,
    /// Number of the robot.
    #[edm(required)]
    robot_id: String,
}

impl Operation for RemoveRobot {
    const AT: At = action("Environments", "RemoveRobot")
        .needs(EDIT)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        assign(cx, self.id, &[], &[number(&self.robot_id)?])
    }
}

/// The contract has the number of a robot as a text here; another text is none.
fn number(robot: &str) -> Result<i64> {
    let number = robot.trim().parse();
    number.map_err(|_| Error::NotNull {
        param: "robotId".into(),
        why: Some("the number of a robot is expected".into()),
    })
}

/// Puts robots into an environment and takes others out.
#[odata::input]
pub struct SetRobots {
    /// Number of the environment.
    #[edm(key)]
    id: i64,
    /// Numbers of the robots that come.
    #[edm(required)]
    added_robot_ids: Vec<i64>,
    /// Numbers of the robots that go.
    #[edm(required)]
    removed_robot_ids: Vec<i64>,
}

impl Operation for SetRobots {
    const AT: At = action("Environments", "SetRobots")
        .needs(EDIT)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        assign(cx, self.id, &self.added_robot_ids, &self.removed_robot_ids)
    }
}

fn assign(cx: &mut Cx<'_, '_>, id: i64, added: &[i64], removed: &[i64]) -> Result<Nothing> {
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
    Ok(Nothing)
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

/// Makes these robots those of an environment of the request's folder. Left out they stay, as lists do.
fn set_members(cx: &mut Cx<'_, '_>, environment: i64, robots: Option<Vec<ById>>) -> Result<()> {
    let Some(robots) = robots else {
        return Ok(());
    };
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
    environments: &[ById],
) -> Result<()> {
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

/// The numbers of the robots of an environment.
#[odata::input]
pub struct GetRobotIdsForEnvironment {
    /// Number of the environment.
    #[edm(required)]
    key: i64,
}

impl Operation for GetRobotIdsForEnvironment {
    const AT: At = function("Environments", "GetRobotIdsForEnvironment")
        .needs(VIEW_WITH_ROBOTS)
        .folder(FolderRule::Required);
    type Answer = Vec<i64>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<i64>> {
        must_exist(cx, self.key)?;
        Ok(cx.tx.all(
            "SELECT robot_id FROM environment_robots WHERE environment_id = $1 ORDER BY robot_id",
            &[self.key.into()],
        )?)
    }
}

/// The robots of the folder, those of an environment first.
#[odata::input]
pub struct GetRobotsForEnvironment {
    /// Number of the environment.
    #[edm(required)]
    key: i64,
}

impl Operation for GetRobotsForEnvironment {
    const AT: At = function("Environments", "GetRobotsForEnvironment")
        .needs(VIEW_WITH_ROBOTS)
        .folder(FolderRule::Required);
    type Answer = Page<Candidate>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Candidate>> {
        must_exist(cx, self.key)?;
        Ok(Page::of("{t}.folder_id = {folder}").var("environment", self.key))
    }
}
