//! Making and changing machines.

use db::{Tx, Value};
use odata::{Changes, Guid, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entities::{
    Machine, MachineScope, MachineType, MaintenanceWindow, RobotUser, Tag, UpdatePolicy,
};
use super::{AutomationType, TargetFramework, VpnSettings, secrets};
use crate::body;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::Vars;

/// A maintenance window is at most this long, in minutes: a week.
const MAX_WINDOW: i32 = 7 * 24 * 60;

/// A machine to create.
#[derive(Debug)]
pub struct NewMachine<'a> {
    /// Its stable key.
    pub key: Guid,
    /// What it is called.
    pub name: &'a str,
    /// What its hosts show: a credential.
    pub license_key: Guid,
}

impl NewMachine<'_> {
    fn changes(&self) -> Changes {
        let mut machine = Changes::none(&Machine::SET);
        machine.set("key", self.key);
        machine.set("name", self.name);
        machine.set("license_key", self.license_key);
        machine
    }
}

/// Writes a template with nothing but unattended slots.
///
/// # Errors
/// A unique violation for a taken name or key; the store's.
pub fn insert_template(
    tx: &mut Tx<'_>,
    tenant: i64,
    now: Timestamp,
    machine: &NewMachine<'_>,
    unattended_slots: i32,
) -> Result<i64> {
    let mut template = machine.changes();
    template.set("type", MachineType::Template);
    template.set("unattended_slots", unattended_slots);
    insert(tx, tenant, now, template)
}

/// Writes a machine that is one host by name, without slots.
///
/// # Errors
/// As [`insert_template`].
pub fn insert_standard(
    tx: &mut Tx<'_>,
    tenant: i64,
    now: Timestamp,
    machine: &NewMachine<'_>,
) -> Result<i64> {
    insert(tx, tenant, now, machine.changes())
}

/// Writes a machine: what nothing is said of is as in the contract, of which every type begins with
/// its first member. So a machine is one host by name unless it is called a template.
fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, mut machine: Changes) -> Result<i64> {
    machine.set("tenant_id", tenant);
    machine.set("creation_time", now);
    machine.set_default("type", MachineType::Standard);
    machine.set_default("scope", MachineScope::Default);
    machine.set_default("automation_type", AutomationType::Any);
    machine.set_default("target_framework", TargetFramework::Any);
    Ok(machine.insert(tx)?)
}

/// `POST /odata/Machines`: the answer alone carries the new client secret.
pub(super) fn create(cx: &mut Cx<'_, '_>, mut machine: Changes) -> Result<(i64, Vars)> {
    complete(&mut machine)?;
    let key = match given_key(machine.remove("license_key"))? {
        Some(key) => unused(cx, key)?,
        None => Guid::secret(),
    };
    machine.set("license_key", key);
    machine.set("key", cx.key());
    let name = text(&machine, "name").unwrap_or_default();
    let users = robot_users(&machine)?;
    let id = insert(cx.tx, cx.caller.tenant, cx.now, machine).map_err(|e| e.name_taken(&name))?;
    set_robots(cx, id, users)?;
    let (_, secret) = secrets::make(cx.tx, cx.now, id)?;
    cx.hint(Hint::Identities);
    Ok((id, vec![("secret", secret.into())]))
}

/// `PUT` and `PATCH /odata/Machines(id)`
pub(super) fn change(cx: &mut Cx<'_, '_>, id: i64, mut machine: Changes) -> Result<()> {
    let row = cx.tx.row(
        "SELECT name, type, scope, license_key FROM machines WHERE id = $1 AND tenant_id = $2",
        &[id.into(), cx.caller.tenant.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Machine"))?;
    check_fixed(&mut machine, &row)?;
    complete(&mut machine)?;
    let name = text(&machine, "name").unwrap_or_default();
    let users = robot_users(&machine)?;
    cx.update(machine, id).map_err(|e| e.name_taken(&name))?;
    set_robots(cx, id, users)?;
    // Slots decide which jobs its hosts may take.
    cx.hint(Hint::Dispatch);
    cx.hint(Hint::Identities);
    Ok(())
}

/// What stays as it was made: the key, the type, and everything about machines that the server
/// keeps for itself. `row` is name, type, scope and key as they stand.
fn check_fixed(machine: &mut Changes, row: &db::Row) -> Result<()> {
    let name: String = row.get("name")?;
    if let Some(key) = given_key(machine.remove("license_key"))?
        && key.to_string() != row.get::<String>("license_key")?
    {
        return Err(Error::refused(
            Code::MachineKeyCannotChange,
            format!("The LicenseKey of the machine {name} cannot be changed."),
        ));
    }
    let differs = |new: Option<Value>, old: i64| new.is_some_and(|new| new != Value::Int(old));
    if differs(machine.remove("type"), row.get("type")?) {
        return Err(Error::refused(
            Code::MachineTypeCannotChange,
            format!("The Type of the machine {name} cannot be changed: make another machine."),
        ));
    }
    let protected =
        |scope: i64| MachineScope::from_i64(scope).is_some_and(MachineScope::is_protected);
    let old: i64 = row.get("scope")?;
    let becomes = match machine.get("scope") {
        Some(Value::Int(new)) => *new,
        _ => old,
    };
    if protected(old) || protected(becomes) {
        return Err(Error::refused(
            Code::MachineScopeProtected,
            format!("The machine {name} cannot be changed: its scope is kept by the server."),
        ));
    }
    Ok(())
}

/// Structures are kept whole, so that what is read has every member, and what they say fits.
fn complete(machine: &mut Changes) -> Result<()> {
    whole::<Vec<Tag>>(machine, "tags")?;
    whole::<UpdatePolicy>(machine, "update_policy")?;
    whole::<VpnSettings>(machine, "vpn_settings")?;
    let Some(window) = whole::<MaintenanceWindow>(machine, "maintenance_window")? else {
        return Ok(());
    };
    if !window.enabled {
        return Ok(());
    }
    if !(1..=MAX_WINDOW).contains(&window.duration) {
        return Err(Error::refused(
            Code::MachineMaintenanceWindowDuration,
            format!(
                "The duration of a maintenance window must be between 1 and {MAX_WINDOW} minutes."
            ),
        ));
    }
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|t| t.trim().is_empty());
    if blank(&window.timezone_id) {
        return Err(Error::refused(
            Code::MachineMaintenanceTimeZoneId,
            "A maintenance window needs a timezoneId.",
        ));
    }
    if blank(&window.cron_expression) {
        return Err(Error::invalid(
            "A maintenance window needs a cronExpression.",
        ));
    }
    Ok(())
}

/// Writes a structure with all its members; gives it, if the body has it.
fn whole<T: Serialize + DeserializeOwned>(
    machine: &mut Changes,
    column: &'static str,
) -> Result<Option<T>> {
    let Some(Value::Text(json)) = machine.get(column) else {
        return Ok(None);
    };
    let value: T = serde_json::from_str(json)
        .map_err(|e| Error::invalid(format!("The field {column} cannot be read: {e}.")))?;
    let json = serde_json::to_string(&value).map_err(|e| Error::Internal(e.to_string()))?;
    machine.set(column, json);
    Ok(Some(value))
}

fn text(machine: &Changes, column: &str) -> Option<String> {
    match machine.get(column) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The key that a body names, if it does.
fn given_key(value: Option<Value>) -> Result<Option<Guid>> {
    let Some(Value::Text(text)) = value else {
        return Ok(None);
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    let key = text.trim().parse();
    key.map(Some)
        .map_err(|_| Error::invalid("The field LicenseKey must be a GUID."))
}

/// Keys are unique across tenants: whoever has one proves which tenant it is.
fn unused(cx: &mut Cx<'_, '_>, key: Guid) -> Result<Guid> {
    let taken = "SELECT 1 FROM machines WHERE license_key = $1";
    if cx.tx.row(taken, &[key.into()])?.is_none() {
        return Ok(key);
    }
    Err(Error::refused(
        Code::ItemAlreadyExists,
        "The LicenseKey cannot be used: leave it out and one is made.",
    ))
}

/// `RobotUsers` of the body: the robots that alone may use the machine.
fn robot_users(machine: &Changes) -> Result<Option<Vec<RobotUser>>> {
    body::given(machine, "RobotUsers")
}

/// Makes these the robots that alone may use the machine. Left out they stay, as lists do.
fn set_robots(cx: &mut Cx<'_, '_>, machine: i64, users: Option<Vec<RobotUser>>) -> Result<()> {
    let Some(users) = users else {
        return Ok(());
    };
    cx.tx.exec(
        "DELETE FROM machine_robots WHERE machine_id = $1",
        &[machine.into()],
    )?;
    for user in users {
        let known = cx.tx.exec(
            "INSERT INTO machine_robots (machine_id, robot_id)
             SELECT $1, r.id FROM robots r WHERE r.id = $2 AND r.tenant_id = $3
             ON CONFLICT (machine_id, robot_id) DO UPDATE SET robot_id = machine_robots.robot_id",
            &[
                machine.into(),
                user.robot_id.into(),
                cx.caller.tenant.into(),
            ],
        )?;
        if known == 0 {
            return Err(Error::not_found("Robot"));
        }
    }
    Ok(())
}
