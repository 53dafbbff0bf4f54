//! Machines: a template that any host with its key may serve, or one host by name. The key
//! (`LicenseKey`) is what robots prove; with a secret it is an OAuth client.

mod entities;

use db::Tx;
use odata::{Guid, Timestamp};
use serde::Deserialize;

use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, Need, Op, Resource};

pub(crate) use entities::ROBOT_VERSIONS;
pub use entities::{
    AutomationType, Machine, MachineScope, MachineType, MaintenanceWindow, RobotUser, RobotVersion,
    Tag, TargetFramework, UpdatePolicy,
};

/// The set.
pub static RESOURCE: Resource = Resource::new(
    &Machine::SET,
    Need::new("OR.Machines", &[("Machines", Access::View)], false),
)
.get(read)
.create(Command::new(
    Need::new("OR.Machines", &[("Machines", Access::Create)], true),
    create,
));

/// Its functions and actions.
pub const OPS: &[Op] = &[];

/// A machine to create.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NewMachine {
    /// Name of the template, or of the host.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub description: Option<String>,
    /// One host, or any host with the key.
    #[serde(default = "default_type")]
    pub r#type: MachineType,
    /// What it is for.
    #[serde(default = "default_scope")]
    pub scope: MachineScope,
    /// The key; made when absent.
    #[serde(default)]
    pub license_key: Option<Guid>,
    /// Concurrent test jobs of a host.
    #[serde(default)]
    pub non_production_slots: i32,
    /// Concurrent unattended jobs of a host.
    #[serde(default)]
    pub unattended_slots: i32,
    /// Concurrent background jobs of a host.
    #[serde(default)]
    pub headless_slots: i32,
    /// Concurrent test automation jobs of a host.
    #[serde(default)]
    pub test_automation_slots: i32,
    /// Slots of hosting runtimes.
    #[serde(default)]
    pub hosting_slots: i32,
    /// Slots of application tests.
    #[serde(default)]
    pub app_test_slots: i32,
    /// Slots of performance tests.
    #[serde(default)]
    pub performance_test_slots: i32,
    /// Slots of cloud robots.
    #[serde(default)]
    pub automation_cloud_slots: i32,
    /// Slots of cloud test robots.
    #[serde(default)]
    pub automation_cloud_test_automation_slots: i32,
    /// Foreground, background or both.
    #[serde(default = "any_automation")]
    pub automation_type: AutomationType,
    /// What it can run.
    #[serde(default = "any_framework")]
    pub target_framework: TargetFramework,
}

fn default_type() -> MachineType {
    MachineType::Template
}
fn default_scope() -> MachineScope {
    MachineScope::Default
}
fn any_automation() -> AutomationType {
    AutomationType::Any
}
fn any_framework() -> TargetFramework {
    TargetFramework::Any
}

impl NewMachine {
    /// A template without slots.
    #[must_use]
    pub fn template(name: &str, key: Guid) -> Self {
        Self {
            name: name.into(),
            description: None,
            r#type: MachineType::Template,
            scope: MachineScope::Default,
            license_key: Some(key),
            non_production_slots: 0,
            unattended_slots: 0,
            headless_slots: 0,
            test_automation_slots: 0,
            hosting_slots: 0,
            app_test_slots: 0,
            performance_test_slots: 0,
            automation_cloud_slots: 0,
            automation_cloud_test_automation_slots: 0,
            automation_type: AutomationType::Any,
            target_framework: TargetFramework::Any,
        }
    }

    fn slots(&self) -> [i32; 9] {
        [
            self.non_production_slots,
            self.unattended_slots,
            self.headless_slots,
            self.test_automation_slots,
            self.hosting_slots,
            self.app_test_slots,
            self.performance_test_slots,
            self.automation_cloud_slots,
            self.automation_cloud_test_automation_slots,
        ]
    }
}

/// Writes a machine.
///
/// # Errors
/// A unique violation for a taken name or key; the store's.
pub fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, machine: &NewMachine) -> Result<i64> {
    let mut params: Vec<db::Value> = vec![
        tenant.into(),
        Guid::random().into(),
        machine.license_key.unwrap_or_else(Guid::random).into(),
        machine.name.as_str().into(),
        machine.description.clone().into(),
        machine.r#type.into(),
        machine.scope.into(),
        machine.automation_type.into(),
        machine.target_framework.into(),
        now.into(),
    ];
    params.extend(machine.slots().map(db::Value::from));
    Ok(tx.insert(
        "INSERT INTO machines (tenant_id, key, license_key, name, description, type, scope,
             automation_type, target_framework, creation_time, non_production_slots,
             unattended_slots, headless_slots, test_automation_slots, hosting_slots,
             app_test_slots, performance_test_slots, automation_cloud_slots,
             automation_cloud_test_automation_slots)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         RETURNING id",
        &params,
    )?)
}

/// `POST /odata/Machines`: the answer alone carries the new client secret.
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let machine: NewMachine = args.body("machineDto")?;
    if machine.name.trim().is_empty() {
        return Err(Error::invalid("The Name field is required."));
    }
    if machine.slots().iter().any(|n| !(0..=10_000).contains(n)) {
        return Err(Error::invalid(
            "A number of slots must be between 0 and 10000.",
        ));
    }
    if let Some(key) = machine.license_key {
        let taken = "SELECT 1 FROM machines WHERE license_key = $1";
        if cx.tx.row(taken, &[key.into()])?.is_some() {
            return Err(Error::refused(
                Code::ItemAlreadyExists,
                "The LicenseKey cannot be used: leave it out and one is made.",
            ));
        }
    }
    let id = insert(cx.tx, cx.caller.tenant, cx.now, &machine)
        .map_err(|e| e.name_taken(&machine.name))?;
    let secret = identity::new_secret();
    cx.tx.exec(
        "INSERT INTO machine_secrets (machine_id, secret_hash, creation_time) VALUES ($1, $2, $3)",
        &[
            id.into(),
            identity::secret_hash(&secret).into(),
            cx.now.into(),
        ],
    )?;
    cx.hint(Hint::Identities);
    Ok(Reply::created(cx.entity(
        &Machine::SET,
        id,
        &[("secret", secret.into())],
    )?))
}

/// `GET /odata/Machines(id)`: never shows a secret again.
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(&Machine::SET)?;
    let vars = [("secret", db::Value::Null)];
    Ok(Reply::json(cx.entity_with(
        &Machine::SET,
        &args.id()?.into(),
        &query,
        &vars,
    )?))
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
    Ok((row.get(0)?, row.get(1)?))
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

/// Whether `secret` is one of the machine's.
///
/// # Errors
/// The store's.
pub fn has_secret(tx: &mut Tx<'_>, machine: i64, secret: &str) -> Result<bool> {
    let hash = identity::secret_hash(secret);
    let rows = tx.rows(
        "SELECT secret_hash FROM machine_secrets WHERE machine_id = $1",
        &[machine.into()],
    )?;
    let hashes: Result<Vec<String>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
    Ok(hashes?
        .iter()
        .any(|known| identity::secret_eq(known, &hash)))
}
