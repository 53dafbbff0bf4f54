//! Reading robots: the set, and the functions that choose among its rows.

use odata::Folders;
use odata::edm::Entity;

use super::entities::{AbleRobot, ExtendedRobot, MachineKey, RobotWithAccount};
use super::{CREATE, READ, Robot, VIEW};
use crate::access::{self, FolderHeader};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{Access, At, FolderRule, Need, Operation, Page, Verb, function};
use crate::sessions::ACROSS_FOLDERS;

/// The robots whose account is assigned to one of the folders or above it; the account of a classic
/// robot is assigned to the robot's folder.
const IN_FOLDER: &str = "EXISTS (SELECT 1 FROM folder_tree ft
    JOIN folder_users fu ON fu.folder_id = ft.ancestor_id
    WHERE ft.folder_id IN (FOLDERS) AND fu.user_id = {t}.user_id)";

pub(super) const VIEW_MACHINES: Need = Need::new("OR.Robots", &[("Machines", Access::View)], false);
const VIEW_PROCESSES: Need = Need::new("OR.Robots", &[("Processes", Access::View)], false);
const VIEW_ENVIRONMENTS: Need = Need::new("OR.Robots", &[("Environments", Access::View)], false);
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

/// The robots of the folders that the request may show, and of them those that fulfil a condition over
/// `{t}`.
fn shown<S: Entity>(cx: &Cx<'_, '_>, condition: Option<&str>) -> Page<S> {
    let in_folder = cx.in_folders(IN_FOLDER);
    let conditions: Vec<&str> = in_folder.as_deref().into_iter().chain(condition).collect();
    let restrict = conditions.join(" AND ");
    Page::all().restricted((!restrict.is_empty()).then_some(restrict))
}

/// The robots of the folders that the request may show.
#[odata::input]
pub struct ListRobots;

impl Verb for ListRobots {
    type Answer = Page<Robot>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Robot>> {
        Ok(shown(cx, None))
    }
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

/// The robots that were provisioned from accounts.
#[odata::input]
pub struct GetConfiguredRobots;

impl Operation for GetConfiguredRobots {
    const AT: At = function("Robots", "GetConfiguredRobots")
        .needs(VIEW)
        .folder(FolderRule::OptionalOrTenant);
    type Answer = Page<ExtendedRobot>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<ExtendedRobot>> {
        let page = shown(cx, Some("{t}.provision_type = 1"));
        Ok(page.named(ExtendedRobot::set().entity))
    }
}

/// The robots of all folders of the caller, whatever folder the header names.
#[odata::input]
pub struct FindAllAcrossFolders;

impl Operation for FindAllAcrossFolders {
    const AT: At = function("Robots", "FindAllAcrossFolders")
        .needs(ACROSS_FOLDERS)
        .folder(FolderRule::Named);
    type Answer = Page<ExtendedRobot>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<ExtendedRobot>> {
        let everywhere = FolderHeader::default();
        let rule = FolderRule::OptionalOrTenant;
        cx.folders = access::grant(cx.tx, cx.caller, &ACROSS_FOLDERS, rule, &everywhere)?.folders;
        Ok(shown(cx, None).named(ExtendedRobot::set().entity))
    }
}

/// Whether the machine `{machine}` serves the folder `{place}`, or no machine is asked for.
const ON_MACHINE: &str = "(CAST({machine} AS BIGINT) IS NULL OR {t}.machine_id = {machine}
    OR {t}.machine_id IS NULL AND EXISTS (SELECT 1 FROM folder_tree mt
        JOIN folder_machines fm ON fm.folder_id = mt.ancestor_id
            AND (mt.distance = 0 OR fm.propagate)
        WHERE mt.folder_id = {place} AND fm.machine_id = {machine}))";

/// The robots of a folder, and of them those that can run on a machine.
fn of_folder<S: Entity>(
    cx: &mut Cx<'_, '_>,
    need: &Need,
    folder: i64,
    machine: Option<i64>,
) -> Result<Page<S>> {
    let folder = access::managed(cx.tx, cx.caller, need, folder)?;
    cx.folders = Folders::One(folder.id);
    Ok(shown(cx, Some(ON_MACHINE))
        .named(S::set().entity)
        .var("machine", machine)
        .var("place", folder.id))
}

/// The robots of a folder that can run on a machine.
#[odata::input]
pub struct GetFolderRobots {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// Number of the machine.
    #[edm(required)]
    machine_id: i64,
}

impl Operation for GetFolderRobots {
    const AT: At = function("Robots", "GetFolderRobots")
        .needs(IN_ONE_FOLDER)
        .folder(FolderRule::Named);
    type Answer = Page<ExtendedRobot>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<ExtendedRobot>> {
        of_folder(cx, &IN_ONE_FOLDER, self.folder_id, Some(self.machine_id))
    }
}

/// The robots of a folder with their accounts.
#[odata::input]
pub struct GetRobotsFromFolder {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// A machine: only the robots that can run on it.
    #[edm(query)]
    machine_id: Option<i64>,
}

impl Operation for GetRobotsFromFolder {
    const AT: At = function("Robots", "GetRobotsFromFolder")
        .needs(FROM_FOLDER)
        .folder(FolderRule::Named);
    type Answer = Page<RobotWithAccount>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<RobotWithAccount>> {
        of_folder(cx, &FROM_FOLDER, self.folder_id, self.machine_id)
    }
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

/// The robots that can run a package. Their processes and environments show in the answer, so it takes
/// the permissions to see them, too.
#[odata::input]
pub struct GetRobotsForProcess {
    /// Id of the package.
    #[edm(required)]
    process_id: String,
}

impl Operation for GetRobotsForProcess {
    const AT: At = function("Robots", "GetRobotsForProcess")
        .needs(VIEW)
        .folder(FolderRule::OptionalOrTenant);
    type Answer = Page<AbleRobot>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<AbleRobot>> {
        for need in [&VIEW_ENVIRONMENTS, &VIEW_PROCESSES] {
            must_have(cx, need)?;
        }
        Ok(shown(cx, Some(ABLE)).var("package", self.process_id.as_str()))
    }
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

/// The accounts that robots sign in as, each once.
#[odata::input]
pub struct GetUsernames;

impl Operation for GetUsernames {
    const AT: At = function("Robots", "GetUsernames")
        .needs(VIEW)
        .folder(FolderRule::OptionalOrTenant);
    type Answer = Vec<String>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<String>> {
        let in_folder = cx.in_folders(IN_FOLDER);
        let sql = format!(
            "SELECT MIN(r.username) FROM robots r
             WHERE r.tenant_id = $1 AND r.username IS NOT NULL AND {}
             GROUP BY fold(r.username) ORDER BY fold(r.username)",
            in_folder.as_deref().unwrap_or("TRUE").replace("{t}", "r")
        );
        Ok(cx.tx.all(&sql, &[cx.caller.tenant.into()])?)
    }
}

/// The machines that a classic robot can be made for, with their keys. Whoever reads a key can act as
/// the machine, so it takes both permissions.
#[odata::input]
pub struct GetMachineNameToLicenseKeyMappings;

impl Operation for GetMachineNameToLicenseKeyMappings {
    const AT: At = function("Robots", "GetMachineNameToLicenseKeyMappings").needs(READ);
    type Answer = Page<MachineKey>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<MachineKey>> {
        let create = Need {
            write: false,
            ..CREATE
        };
        must_have(cx, &create)?;
        access::tenant_wide(cx.tx, cx.caller, &VIEW_MACHINES)?;
        Ok(Page::of("{t}.type = 0").named("Collection(KeyValuePairOfStringString)"))
    }
}
