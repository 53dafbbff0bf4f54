//! Machines: a template that any host with its key may serve, or one host by name. The key
//! (`LicenseKey`) is what robots prove; with a secret it is an OAuth client.

mod delete;
mod entities;
mod runtimes;
mod secrets;
mod write;

use db::Tx;
use odata::edm::EntitySet;

use crate::access;
use crate::audit::{AuditComponent, Audited};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource};

pub use entities::{
    AutomationType, EndpointDetectionStatus, Machine, MachineScope, MachineType, MaintenanceWindow,
    RobotUser, RobotVersion, ServerlessLicensingModel, Tag, TargetFramework, UpdateInfo,
    UpdatePolicy, VpnSettings,
};
pub(crate) use entities::{ROBOT_USERS, ROBOT_VERSIONS};
pub(crate) use runtimes::{GRANTED, RUNTIMES, SLOTS_BY_RUNTIME};
pub use secrets::{add_secret, delete_secret, has_secret, list_secrets};
pub use write::{insert_standard, insert_template};

const VIEW: Need = Need::new("OR.Machines", &[("Machines", Access::View)], false);
const CREATE: Need = Need::new("OR.Machines", &[("Machines", Access::Create)], true);
const EDIT: Need = Need::new("OR.Machines", &[("Machines", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Machines", &[("Machines", Access::Delete)], true);
const START: Need = Need::new(
    "OR.Machines",
    &[("Machines", Access::View), ("Jobs", Access::Create)],
    false,
);
/// How the audit log tells of machines: without their keys.
static AUDITED: Audited = Audited::new(AuditComponent::Machines, &Machine::SET, "machine").query(
    "$select=Id,Key,Name,Description,Type,Scope,AutomationType,TargetFramework,UnattendedSlots,\
     NonProductionSlots,HeadlessSlots,TestAutomationSlots,Tags",
);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Machine::SET, VIEW)
    .get(read)
    .create(Command::new(CREATE, write::create))
    .replace(Command::new(EDIT, write::replace).silent())
    .merge(Command::new(EDIT, write::merge).silent())
    .delete(Command::new(DELETE, delete::one));

/// Sets that only operations show.
pub const RESULTS: &[&EntitySet] = &[&runtimes::MachineRuntime::SET];

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::action("Machines", "DeleteBulk", DELETE, delete::bulk)
        .params(&[("machineIds", "Collection(Edm.Int64)")]),
    Op::function("Machines", "GetAssignedMachines", START, get_assigned)
        .params(&[("folderId", "Edm.Int64"), ("robotId", "Edm.Int64")])
        .returns("Collection(MachineDto)")
        .folder(FolderRule::Named),
    Op::function(
        "Machines",
        "GetRuntimesForFolder",
        START,
        runtimes::get_for_folder,
    )
    .params(&[("folderId", "Edm.Int64")])
    .returns("Collection(MachineRuntimeDto)")
    .folder(FolderRule::Named),
];

/// `GET /odata/Machines(id)`: never shows a secret again.
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &Machine::SET)?;
    let vars = [("secret", db::Value::Null)];
    Ok(Reply::json(cx.entity_with(
        &Machine::SET,
        &args.id()?.into(),
        &query,
        &vars,
    )?))
}

/// That a row's machine, its column `$machine`, is one of the folder `{target}`, assigned to it or
/// passed on to it, and one that the robot `{robot}` may use; NULL asks for all of them.
macro_rules! usable {
    ($machine:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM folder_tree ft
                JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id
                    AND (ft.distance = 0 OR fm.propagate)
                WHERE ft.folder_id = {target} AND fm.machine_id = {t}.",
            $machine,
            ") AND (CAST({robot} AS BIGINT) IS NULL
                OR NOT EXISTS (SELECT 1 FROM machine_robots mr WHERE mr.machine_id = {t}.",
            $machine,
            ") OR EXISTS (SELECT 1 FROM machine_robots mr WHERE mr.machine_id = {t}.",
            $machine,
            " AND mr.robot_id = {robot}))"
        )
    };
}
pub(crate) use usable;

/// `GetAssignedMachines(folderId=…)?robotId=…`
fn get_assigned(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, &START, args.int("folderId")?)?;
    let robot = args.optional_int("robotId")?;
    let query = args.options(cx, &Machine::SET)?;
    let listing = Listing {
        restrict: Some(usable!("id")),
        vars: &[("target", folder.id.into()), ("robot", robot.into())],
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&Machine::SET, &query, &listing)?))
}

/// The machine that proves `license_key`, with its tenant.
///
/// # Errors
/// 1204 when there is none.
pub fn by_license_key(tx: &mut Tx<'_>, license_key: &str) -> Result<(i64, i64)> {
    let row = tx.row(
        "SELECT id, tenant_id FROM machines WHERE license_key = $1",
        &[license_key.trim().to_lowercase().into()],
    )?;
    let row = row.ok_or_else(|| Error::refused(Code::InvalidMachineKey, "Invalid machine key."))?;
    Ok((row.get("id")?, row.get("tenant_id")?))
}

/// The key of a machine.
///
/// # Errors
/// 1204 when there is no such machine.
pub fn license_key(tx: &mut Tx<'_>, machine: i64) -> Result<String> {
    let row = tx.row(
        "SELECT license_key FROM machines WHERE id = $1",
        &[machine.into()],
    )?;
    let row = row.ok_or_else(|| Error::refused(Code::InvalidMachineKey, "Invalid machine key."))?;
    Ok(row.get(0)?)
}
