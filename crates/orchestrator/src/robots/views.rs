//! Reading robots: the set, and the functions that choose among its rows.

use db::Value;
use odata::Folders;
use odata::edm::EntitySet;

use super::entities::{ABLE_ROBOTS, EXTENDED_ROBOTS, MachineKey, ROBOTS_WITH_ACCOUNT};
use super::{CREATE, Robot};
use crate::access::{self, FolderHeader};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, FolderRule, Need};

/// The robots whose account is assigned to one of the folders or above it; the account of a classic
/// robot is assigned to the robot's folder.
const IN_FOLDER: &str = "EXISTS (SELECT 1 FROM folder_tree ft
    JOIN folder_users fu ON fu.folder_id = ft.ancestor_id
    WHERE ft.folder_id IN (FOLDERS) AND fu.user_id = {t}.user_id)";

pub(super) const VIEW_MACHINES: Need = Need::new("OR.Robots", &[("Machines", Access::View)], false);
const VIEW_PROCESSES: Need = Need::new("OR.Robots", &[("Processes", Access::View)], false);
const VIEW_ENVIRONMENTS: Need = Need::new("OR.Robots", &[("Environments", Access::View)], false);
/// Sees robots, accounts or machines of the whole tenant: any of them leads to the others.
pub const ACROSS_FOLDERS: Need = Need::new(
    "OR.Robots",
    &[
        ("Robots", Access::View),
        ("Users", Access::View),
        ("Machines", Access::Create),
        ("Machines", Access::Edit),
    ],
    false,
);
pub(super) const IN_ONE_FOLDER: Need = Need::new(
    "OR.Robots",
    &[
        ("SubFolders", Access::View),
        ("Units", Access::View),
        ("Jobs", Access::Create),
    ],
    false,
);
pub(super) const FROM_FOLDER: Need = Need::new(
    "OR.Robots",
    &[
        ("SubFolders", Access::View),
        ("Units", Access::View),
        ("Jobs", Access::Create),
        ("Users", Access::View),
    ],
    false,
);

/// How a page of robots differs from the plain one.
#[derive(Default)]
struct Page<'a> {
    /// Another name in the context.
    name: Option<&'static str>,
    /// A condition over `{t}`.
    which: Option<&'a str>,
    /// Values of its variables.
    vars: &'a [(&'a str, Value)],
}

/// The robots of the folders that the request may show, and of them those that fulfil a condition.
fn page(
    cx: &mut Cx<'_, '_>,
    args: &Args,
    set: &'static EntitySet,
    page: &Page<'_>,
) -> Result<Reply> {
    let query = args.options(cx, set)?;
    let in_folder = cx.in_folders(IN_FOLDER);
    let conditions: Vec<&str> = in_folder.as_deref().into_iter().chain(page.which).collect();
    let restrict = conditions.join(" AND ");
    let listing = Listing {
        restrict: (!restrict.is_empty()).then_some(&restrict),
        vars: page.vars,
        name: page.name,
        count: args.count,
    };
    Ok(Reply::json(cx.page(set, &query, &listing)?))
}

/// `GET /odata/Robots`
pub(super) fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    page(cx, args, &Robot::SET, &Page::default())
}

/// 1002 unless the listing of this request shows the robot.
pub(super) fn must_see(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let in_folder = cx.in_folders(IN_FOLDER);
    let sql = format!(
        "SELECT 1 FROM robots r WHERE r.id = $1 AND r.tenant_id = $2 AND {}",
        in_folder.as_deref().unwrap_or("TRUE").replace("{t}", "r")
    );
    match cx.tx.row(&sql, &[id.into(), cx.caller.tenant.into()])? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("Robot")),
    }
}

/// As [`must_see`], for whoever changes the robot. One that came with an account works in all
/// folders of the account, so the permission for one of them is not enough.
///
/// # Errors
/// 1002 when the listing does not show it, 403 when it works in folders of others, too.
pub(super) fn must_manage(cx: &mut Cx<'_, '_>, id: i64, need: &Need) -> Result<()> {
    must_see(cx, id)?;
    if access::has_in_tenant(cx.tx, cx.caller, need)? {
        return Ok(());
    }
    let Folders::Some(own) = access::folders_where(cx.tx, cx.caller, need)? else {
        return Ok(());
    };
    let rows = cx.tx.rows(
        "SELECT fu.folder_id FROM robots r JOIN folder_users fu ON fu.user_id = r.user_id
         WHERE r.id = $1",
        &[id.into()],
    )?;
    for row in &rows {
        if !own.contains(&row.get(0)?) {
            return Err(access::forbidden(need));
        }
    }
    Ok(())
}

/// `GET /odata/Robots(id)`: one of the robots that the listing shows.
pub(super) fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    must_see(cx, id)?;
    let query = args.options(cx, &Robot::SET)?;
    Ok(Reply::json(cx.entity_with(
        &Robot::SET,
        &id.into(),
        &query,
        &[],
    )?))
}

/// `GetConfiguredRobots`: the robots that were provisioned from accounts.
pub(super) fn get_configured_robots(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let which = Page {
        name: Some(EXTENDED_ROBOTS.entity),
        which: Some("{t}.provision_type = 1"),
        ..Page::default()
    };
    page(cx, args, &EXTENDED_ROBOTS, &which)
}

/// `FindAllAcrossFolders`: whatever folder the header names, the robots of all that are the
/// caller's.
pub(super) fn find_all_across_folders(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let everywhere = FolderHeader::default();
    let rule = FolderRule::OptionalOrTenant;
    cx.folders = access::grant(cx.tx, cx.caller, &ACROSS_FOLDERS, rule, &everywhere)?.folders;
    let which = Page {
        name: Some(EXTENDED_ROBOTS.entity),
        ..Page::default()
    };
    page(cx, args, &EXTENDED_ROBOTS, &which)
}

/// Whether the machine `{machine}` serves the folder `{place}`, or no machine is asked for.
const ON_MACHINE: &str = "(CAST({machine} AS BIGINT) IS NULL OR {t}.machine_id = {machine}
    OR {t}.machine_id IS NULL AND EXISTS (SELECT 1 FROM folder_tree mt
        JOIN folder_machines fm ON fm.folder_id = mt.ancestor_id
            AND (mt.distance = 0 OR fm.propagate)
        WHERE mt.folder_id = {place} AND fm.machine_id = {machine}))";

/// The robots of a folder, and of them those that can run on a machine.
fn of_folder(
    cx: &mut Cx<'_, '_>,
    args: &Args,
    need: &Need,
    set: &'static EntitySet,
    machine: Option<i64>,
) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, need, args.int("folderId")?)?;
    cx.folders = Folders::One(folder.id);
    let which = Page {
        name: Some(set.entity),
        which: Some(ON_MACHINE),
        vars: &[("machine", machine.into()), ("place", folder.id.into())],
    };
    page(cx, args, set, &which)
}

/// `GetFolderRobots(folderId=…,machineId=…)`
pub(super) fn get_folder_robots(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let machine = args.int("machineId")?;
    of_folder(cx, args, &IN_ONE_FOLDER, &EXTENDED_ROBOTS, Some(machine))
}

/// `GetRobotsFromFolder(folderId=…)?machineId=…`: with their accounts.
pub(super) fn get_robots_from_folder(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let machine = args.param("machineId").map(|_| args.int("machineId"));
    let machine = machine.transpose()?;
    of_folder(cx, args, &FROM_FOLDER, &ROBOTS_WITH_ACCOUNT, machine)
}

/// Robots that share a folder with a process of the package `{package}`; in a classic folder they
/// must be in the process's environment.
const ABLE: &str = "EXISTS (SELECT 1 FROM packages p JOIN releases rel ON rel.package_id = p.id
    WHERE p.tenant_id = {tenant} AND fold(p.package_id) = fold({package})
        AND rel.deletion_time IS NULL AND
        CASE WHEN {t}.folder_id IS NULL THEN EXISTS (SELECT 1 FROM folder_tree ft
            JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = {t}.user_id
            WHERE ft.folder_id = rel.folder_id)
        ELSE rel.folder_id = {t}.folder_id AND EXISTS (SELECT 1 FROM environment_robots er
            WHERE er.environment_id = rel.environment_id AND er.robot_id = {t}.id) END)";

/// `GetRobotsForProcess(processId='…')`: the robots that can run a package. Their processes and
/// environments show in the answer, so it takes the permissions to see them, too.
pub(super) fn get_robots_for_process(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    for need in [&VIEW_ENVIRONMENTS, &VIEW_PROCESSES] {
        must_have(cx, need)?;
    }
    let which = Page {
        name: None,
        which: Some(ABLE),
        vars: &[("package", args.text("processId")?.into())],
    };
    page(cx, args, &ABLE_ROBOTS, &which)
}

/// 403 unless the caller has the permission in the request's folder, or for the tenant, or, when
/// the request names no folder, in some folder.
fn must_have(cx: &mut Cx<'_, '_>, need: &Need) -> Result<()> {
    let header = FolderHeader {
        id: cx.folder.map(|f| f.id),
        ..FolderHeader::default()
    };
    let rule = FolderRule::OptionalOrTenant;
    access::grant(cx.tx, cx.caller, need, rule, &header).map(drop)
}

/// `GetUsernames`: the accounts that robots sign in as, each once.
pub(super) fn get_usernames(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let in_folder = cx.in_folders(IN_FOLDER);
    let sql = format!(
        "SELECT MIN(r.username) FROM robots r
         WHERE r.tenant_id = $1 AND r.username IS NOT NULL AND {}
         GROUP BY fold(r.username) ORDER BY fold(r.username)",
        in_folder.as_deref().unwrap_or("TRUE").replace("{t}", "r")
    );
    let rows = cx.tx.rows(&sql, &[cx.caller.tenant.into()])?;
    let names: Result<Vec<String>, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    cx.values(args, "Edm.String", names?)
}

/// `GetMachineNameToLicenseKeyMappings`: the machines that a classic robot can be made for. Whoever
/// reads a key can act as the machine, so it takes both permissions.
pub(super) fn get_machine_keys(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let create = Need {
        write: false,
        ..CREATE
    };
    must_have(cx, &create)?;
    access::tenant_wide(cx.tx, cx.caller, &VIEW_MACHINES)?;
    let query = args.options(cx, &MachineKey::SET)?;
    let listing = Listing {
        restrict: Some("{t}.type = 0"),
        name: Some("Collection(KeyValuePairOfStringString)"),
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&MachineKey::SET, &query, &listing)?))
}
