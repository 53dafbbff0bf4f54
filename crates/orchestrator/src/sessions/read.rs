//! What can be read of sessions: those of a folder, of the tenant, of a machine, and what the hosts
//! can run.

use odata::Query;
use odata::edm::EntitySet;

use super::entities::{MachineSession, MachineSessionRuntime, Session};
use super::manage;
use crate::access;
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::jobs::Job;
use crate::machines;
use crate::op::{Access, FolderRule, Need, Op, Resource};
use crate::robots::{ACROSS_FOLDERS, RobotType};

const VIEW: Need = Need::new("OR.Robots", &[("Robots", Access::View)], false);
const MACHINES: Need = Need::new("OR.Robots", &[("Machines", Access::View)], false);
const NAMES: Need = Need::new(
    "OR.Robots",
    &[("Robots", Access::View), ("Users", Access::View)],
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
    .list(list);

/// Sets that only operations show.
pub const RESULTS: &[&EntitySet] = &[&MachineSession::SET, &MachineSessionRuntime::SET];

/// Its functions and actions; `SetMaintenanceMode` is with the jobs.
pub const OPS: &[Op] = &[
    Op::function("Sessions", "GetGlobalSessions", ACROSS_FOLDERS, get_global)
        .returns("Collection(SessionDto)"),
    Op::function("Sessions", "GetMachineSessions", MACHINES, get_of_machine)
        .params(&[("key", "Edm.Int64")])
        .returns("Collection(MachineSessionDto)"),
    Op::function(
        "Sessions",
        "GetMachineSessionRuntimes",
        MACHINES,
        get_runtimes,
    )
    .params(&[("runtimeType", "RobotType")])
    .returns("Collection(MachineSessionRuntimeDto)"),
    Op::function(
        "Sessions",
        "GetMachineSessionRuntimesByFolderId",
        FOLDER,
        get_runtimes_of_folder,
    )
    .folder(FolderRule::Named)
    .params(&[
        ("folderId", "Edm.Int64"),
        ("robotId", "Edm.Int64"),
        ("runtimeType", "RobotType"),
    ])
    .returns("Collection(MachineSessionRuntimeDto)"),
    Op::function("Sessions", "GetUsernames", NAMES, get_usernames)
        .returns("Collection(Edm.String)"),
    Op::action(
        "Sessions",
        "DeleteInactiveUnattendedSessions",
        manage::DELETE,
        manage::delete_inactive,
    )
    .params(&[("sessionIds", "Collection(Edm.Int64)")]),
    Op::action(
        "Sessions",
        "ToggleMachineSessionDebugMode",
        manage::EDIT,
        manage::toggle_debug_mode,
    )
    .bound()
    .params(&[("enabled", "Edm.Boolean"), ("minutes", "Edm.Int32")]),
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

fn page(
    cx: &mut Cx<'_, '_>,
    args: &Args,
    set: &'static EntitySet,
    listing: &Listing<'_>,
) -> Result<Reply> {
    let query = options(cx, args, set)?;
    Ok(Reply::json(cx.page(set, &query, listing)?))
}

/// The options of a request; those that look at jobs take the permission to see these in the whole
/// tenant, because a host runs those of any folder.
fn options(cx: &mut Cx<'_, '_>, args: &Args, set: &'static EntitySet) -> Result<Query> {
    let query = args.options(cx, set)?;
    if query.leads_to(Job::SET.entity) {
        access::tenant_wide(cx.tx, cx.caller, &JOBS)?;
    }
    Ok(query)
}

/// `GET /odata/Sessions`
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let restrict = cx.in_folders(IN_FOLDER);
    let listing = Listing {
        restrict: restrict.as_deref(),
        count: args.count,
        ..Listing::default()
    };
    page(cx, args, &Session::SET, &listing)
}

/// Sessions of classic robots: those that people made.
const CLASSIC: &str = "EXISTS (SELECT 1 FROM robots r WHERE r.id = {t}.robot_id
    AND r.provision_type = 0)";
const NOT_CLASSIC: &str = "NOT EXISTS (SELECT 1 FROM robots r WHERE r.id = {t}.robot_id
    AND r.provision_type = 0)";

/// `GetGlobalSessions`: classic robots' with Robots.View, all others with a permission for accounts
/// or machines; with the robots expanded Users.View is asked for, because accounts are behind them.
fn get_global(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let classic = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
    let modern = access::has_in_tenant(cx.tx, cx.caller, &MODERN)?;
    let restrict = match (classic, modern) {
        (true, true) => None,
        (true, false) => Some(CLASSIC),
        (false, _) => Some(NOT_CLASSIC),
    };
    let query = options(cx, args, &Session::SET)?;
    let expands_robot = query.expand.iter().any(|e| e.nav.name == "Robot");
    if expands_robot && !access::has_in_tenant(cx.tx, cx.caller, &PEOPLE)? {
        return Err(access::forbidden(&PEOPLE));
    }
    let listing = Listing {
        restrict,
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&Session::SET, &query, &listing)?))
}

/// `GetMachineSessions(key=…)`
fn get_of_machine(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let machine = args.int("key")?;
    let known = "SELECT 1 FROM machines WHERE id = $1 AND tenant_id = $2";
    let params = [machine.into(), cx.caller.tenant.into()];
    if cx.tx.row(known, &params)?.is_none() {
        return Err(Error::not_found("Machine"));
    }
    let listing = Listing {
        restrict: Some("{t}.machine_id = {machine}"),
        vars: &[("machine", machine.into())],
        name: Some("MachineSessionDto"),
        count: args.count,
    };
    page(cx, args, &MachineSession::SET, &listing)
}

const OF_RUNTIME: &str = "(CAST({runtime} AS BIGINT) IS NULL OR {t}.runtime = {runtime})";

/// The runtime that a request names, if it does.
fn runtime(args: &Args) -> Result<Option<i64>> {
    if args.param("runtimeType").is_none() {
        return Ok(None);
    }
    let text = args.text("runtimeType")?;
    let number = RobotType::TYPE.value(&text);
    number.map(Some).ok_or_else(|| {
        Error::invalid("The parameter runtimeType must be a runtime, such as Unattended.")
    })
}

/// `GetMachineSessionRuntimes?runtimeType=…`
fn get_runtimes(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let listing = Listing {
        restrict: Some(OF_RUNTIME),
        vars: &[("runtime", runtime(args)?.into())],
        name: Some("MachineSessionRuntimeDto"),
        count: args.count,
    };
    page(cx, args, &MachineSessionRuntime::SET, &listing)
}

/// `GetMachineSessionRuntimesByFolderId(folderId=…)?robotId=…&runtimeType=…`
fn get_runtimes_of_folder(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, &FOLDER, args.int("folderId")?)?;
    let robot = args.optional_int("robotId")?;
    let restrict = format!("{OF_RUNTIME} AND {}", machines::usable!("machine_id"));
    let listing = Listing {
        restrict: Some(&restrict),
        vars: &[
            ("runtime", runtime(args)?.into()),
            ("target", folder.id.into()),
            ("robot", robot.into()),
        ],
        name: Some("MachineSessionRuntimeDto"),
        count: args.count,
    };
    page(cx, args, &MachineSessionRuntime::SET, &listing)
}

/// `GetUsernames`: the accounts on hosts that services run as, and that robots sign in as.
fn get_usernames(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let rows = cx.tx.rows(
        "SELECT DISTINCT x.name FROM (
             SELECT s.service_user_name AS name FROM sessions s
             WHERE s.tenant_id = $1 AND s.service_user_name NOT LIKE 'robot:%'
             UNION ALL SELECT r.username FROM sessions s JOIN robots r ON r.id = s.robot_id
             WHERE s.tenant_id = $1) x
         WHERE x.name IS NOT NULL AND x.name <> '' ORDER BY x.name",
        &[cx.caller.tenant.into()],
    )?;
    let names: Result<Vec<String>, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    cx.values(args, "Edm.String", names?)
}
