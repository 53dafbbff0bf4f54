//! What can be read of sessions: those of a folder, of the tenant, of a machine, and what the hosts
//! can run.

use odata::Query;
use odata::edm::{Entity, EntitySet};

use super::entities::{JOBS_ENTITY, MachineSession, MachineSessionRuntime, Session};
use super::manage;
use crate::access;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::kinds::RobotType;
use crate::machines;
use crate::op::{Access, At, FolderRule, Need, Op, Operation, Page, Resource, Verb, function, op};

const VIEW: Need = Need::new("OR.Robots", &[("Robots", Access::View)], false);
const MACHINES: Need = Need::new("OR.Robots", &[("Machines", Access::View)], false);
const NAMES: Need = Need::new(
    "OR.Robots",
    &[("Robots", Access::View), ("Users", Access::View)],
    false,
);
/// Sees robots, accounts or machines of the whole tenant: any of them leads to the others.
pub(crate) const ACROSS_FOLDERS: Need = Need::new(
    "OR.Robots",
    &[
        ("Robots", Access::View),
        ("Users", Access::View),
        ("Machines", Access::Create),
        ("Machines", Access::Edit),
    ],
    false,
);
/// Sees the sessions of modern robots, and the hosts.
const MODERN: Need = Need::new(
    "OR.Robots",
    &[
        ("Users", Access::View),
        ("Machines", Access::Create),
        ("Machines", Access::Edit),
    ],
    false,
);
/// Sees the people behind them.
const PEOPLE: Need = Need::new("OR.Robots", &[("Users", Access::View)], false);
/// Sees what they run.
const JOBS: Need = Need::new("OR.Jobs", &[("Jobs", Access::View)], false);
const FOLDER: Need = Need::new(
    "OR.Robots",
    &[("Machines", Access::View), ("Jobs", Access::Create)],
    false,
);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Session::SET, VIEW)
    .folder(FolderRule::OptionalOrTenant)
    .list::<ListSessions>();

/// Its functions and actions; `SetMaintenanceMode` is with the jobs.
pub const OPS: &[Op] = &[
    op::<GetGlobalSessions>(),
    op::<GetMachineSessions>(),
    op::<GetMachineSessionRuntimes>(),
    op::<GetMachineSessionRuntimesByFolderId>(),
    op::<GetUsernames>(),
    op::<manage::DeleteInactiveUnattendedSessions>(),
    op::<manage::ToggleMachineSessionDebugMode>(),
];

/// Sessions whose machine or whose robot's account belongs to the folder.
const IN_FOLDER: &str = "(EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id
            AND (ft.distance = 0 OR fm.propagate)
        WHERE ft.folder_id IN (FOLDERS) AND fm.machine_id = {t}.machine_id)
    OR EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_users fu ON fu.folder_id = ft.ancestor_id
        JOIN robots r ON r.user_id = fu.user_id
        WHERE ft.folder_id IN (FOLDERS) AND r.id = {t}.robot_id
            AND ({t}.is_attended OR r.folder_id IS NOT NULL)))";

/// The page of a set. Options that look at jobs take the permission to see these in the whole tenant,
/// because a host runs those of any folder.
fn page<S: Entity>(cx: &mut Cx<'_, '_>) -> Result<Page<S>> {
    let query = options(cx, S::set())?;
    Ok(Page::all().under(query))
}

fn options(cx: &mut Cx<'_, '_>, set: &'static EntitySet) -> Result<Query> {
    let query = cx.options(set)?;
    if query.leads_to(JOBS_ENTITY) {
        access::tenant_wide(cx.tx, cx.caller, &JOBS)?;
    }
    Ok(query)
}

/// The sessions of machines and robots of the folders that the request may show.
#[odata::input]
pub struct ListSessions;

impl Verb for ListSessions {
    type Answer = Page<Session>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Session>> {
        let restrict = cx.in_folders(IN_FOLDER);
        Ok(page(cx)?.restricted(restrict))
    }
}

/// Sessions of classic robots: those that people made.
const CLASSIC: &str = "EXISTS (SELECT 1 FROM robots r WHERE r.id = {t}.robot_id
    AND r.provision_type = 0)";
const NOT_CLASSIC: &str = "NOT EXISTS (SELECT 1 FROM robots r WHERE r.id = {t}.robot_id
    AND r.provision_type = 0)";

/// The sessions of the tenant: those of classic robots with `Robots.View`, all others with a permission
/// for accounts or machines. With the robots expanded it takes `Users.View`, because accounts are
/// behind them.
#[odata::input]
pub struct GetGlobalSessions;

impl Operation for GetGlobalSessions {
    const AT: At = function("Sessions", "GetGlobalSessions").needs(ACROSS_FOLDERS);
    type Answer = Page<Session>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Session>> {
        let classic = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
        let modern = access::has_in_tenant(cx.tx, cx.caller, &MODERN)?;
        let restrict = match (classic, modern) {
            (true, true) => None,
            (true, false) => Some(CLASSIC.to_owned()),
            (false, _) => Some(NOT_CLASSIC.to_owned()),
        };
        let query = options(cx, &Session::SET)?;
        let expands_robot = query.expand.iter().any(|e| e.nav.name == "Robot");
        if expands_robot && !access::has_in_tenant(cx.tx, cx.caller, &PEOPLE)? {
            return Err(access::forbidden(&PEOPLE));
        }
        Ok(Page::all().restricted(restrict).under(query))
    }
}

/// The sessions of the hosts of a machine.
#[odata::input]
pub struct GetMachineSessions {
    /// Number of the machine.
    #[edm(required)]
    key: i64,
}

impl Operation for GetMachineSessions {
    const AT: At = function("Sessions", "GetMachineSessions").needs(MACHINES);
    type Answer = Page<MachineSession>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<MachineSession>> {
        let known = "SELECT 1 FROM machines WHERE id = $1 AND tenant_id = $2";
        let params = [self.key.into(), cx.caller.tenant.into()];
        if cx.tx.row(known, &params)?.is_none() {
            return Err(Error::not_found("Machine"));
        }
        Ok(page(cx)?
            .restricted(Some("{t}.machine_id = {machine}".to_owned()))
            .var("machine", self.key)
            .named(MachineSession::SET.entity))
    }
}

const OF_RUNTIME: &str = "(CAST({runtime} AS BIGINT) IS NULL OR {t}.runtime = {runtime})";

/// What the hosts of the tenant can run.
#[odata::input]
pub struct GetMachineSessionRuntimes {
    /// A runtime: only hosts that have it.
    #[edm(query)]
    runtime_type: Option<RobotType>,
}

impl Operation for GetMachineSessionRuntimes {
    const AT: At = function("Sessions", "GetMachineSessionRuntimes").needs(MACHINES);
    type Answer = Page<MachineSessionRuntime>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<MachineSessionRuntime>> {
        Ok(page(cx)?
            .restricted(Some(OF_RUNTIME.to_owned()))
            .var("runtime", self.runtime_type)
            .named(MachineSessionRuntime::SET.entity))
    }
}

/// What the hosts of a folder's machines can run.
#[odata::input]
pub struct GetMachineSessionRuntimesByFolderId {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// A robot: only the machines that it may use.
    #[edm(query)]
    robot_id: Option<i64>,
    /// A runtime: only hosts that have it.
    #[edm(query)]
    runtime_type: Option<RobotType>,
}

impl Operation for GetMachineSessionRuntimesByFolderId {
    const AT: At = function("Sessions", "GetMachineSessionRuntimesByFolderId")
        .needs(FOLDER)
        .folder(FolderRule::Named);
    type Answer = Page<MachineSessionRuntime>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<MachineSessionRuntime>> {
        let folder = access::managed(cx.tx, cx.caller, &FOLDER, self.folder_id)?;
        let restrict = format!("{OF_RUNTIME} AND {}", machines::usable!("machine_id"));
        Ok(page(cx)?
            .restricted(Some(restrict))
            .var("runtime", self.runtime_type)
            .var("target", folder.id)
            .var("robot", self.robot_id)
            .named(MachineSessionRuntime::SET.entity))
    }
}

/// The accounts on hosts that services run as, and that robots sign in as.
#[odata::input]
pub struct GetUsernames;

impl Operation for GetUsernames {
    const AT: At = function("Sessions", "GetUsernames").needs(NAMES);
    type Answer = Vec<String>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<String>> {
        Ok(cx.tx.all(
            "SELECT DISTINCT x.name FROM (
                 SELECT s.service_user_name AS name FROM sessions s
                 WHERE s.tenant_id = $1 AND s.service_user_name NOT LIKE 'robot:%'
                 UNION ALL SELECT r.username FROM sessions s JOIN robots r ON r.id = s.robot_id
                 WHERE s.tenant_id = $1) x
             WHERE x.name IS NOT NULL AND x.name <> '' ORDER BY x.name",
            &[cx.caller.tenant.into()],
        )?)
    }
}
