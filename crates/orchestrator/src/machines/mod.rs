//! Machines: a template that any host with its key may serve, or one host by name. The key
//! (`LicenseKey`) is what robots prove; with a secret it is an OAuth client.

mod delete;
mod entities;
mod runtimes;
mod secrets;
mod write;

use db::Tx;

use crate::access;
use crate::audit::{AuditComponent, Audited};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{
    Access, At, Command, FolderRule, Need, Op, Operation, Page, Resource, Vars, function, op,
};

pub use entities::{
    AutomationType, EndpointDetectionStatus, Machine, MachineScope, MachineType, MaintenanceWindow,
    RobotUser, RobotVersion, ServerlessLicensingModel, Tag, TargetFramework, UpdateInfo,
    UpdatePolicy, VpnSettings,
};
pub(crate) use entities::{ROBOT_USERS, ROBOT_VERSIONS};
pub(crate) use runtimes::{GRANTED, RUNTIMES, SLOTS_BY_RUNTIME};
pub use secrets::has_secret;
pub use write::{NewMachine, insert_standard, insert_template};

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
    .get()
    .vars(without_secret)
    .create(Command::create_shown(CREATE, "machineDto", write::create).audited(&AUDITED))
    .replace(
        Command::replace(EDIT, "machineDto", write::change)
            .audited(&AUDITED)
            .silent(),
    )
    .merge(
        Command::merge(EDIT, "machineDto", write::change)
            .audited(&AUDITED)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete::delete).audited(&AUDITED));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<delete::DeleteBulk>(),
    op::<GetAssignedMachines>(),
    op::<runtimes::GetRuntimesForFolder>(),
    op::<secrets::ListSecrets>(),
    op::<secrets::AddSecret>(),
    op::<secrets::DeleteSecret>(),
];

/// A secret is shown once, when the machine is made.
fn without_secret(_: &mut Cx<'_, '_>, _: i64) -> Result<Vars> {
    Ok(vec![("secret", db::Value::Null)])
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
use crate::feature::Feature;
pub(crate) use usable;

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("machines")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["machine_robots", "machine_secrets", "machines"]);

/// The machines that are assigned to a folder, also from above.
#[odata::input]
pub struct GetAssignedMachines {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// A robot: only the machines that it may use.
    #[edm(query)]
    robot_id: Option<i64>,
}

impl Operation for GetAssignedMachines {
    const AT: At = function("Machines", "GetAssignedMachines")
        .needs(START)
        .folder(FolderRule::Named);
    type Answer = Page<Machine>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Machine>> {
        let folder = access::managed(cx.tx, cx.caller, &START, self.folder_id)?;
        Ok(Page::of(usable!("id"))
            .var("target", folder.id)
            .var("robot", self.robot_id))
    }
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
