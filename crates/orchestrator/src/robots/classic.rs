//! Robots of classic folders: the machine that each is bound to, the account whose rights its jobs
//! have, and the hosts it runs on.

use db::Tx;
use odata::Guid;

use super::HostingType;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::machines::{self, MachineType, NewMachine};
use crate::sessions;
use crate::users::{self, NewUser, UserType};
use crate::{folders, roles};

/// Whether the robot `r` of a classic folder runs on the host of the session `s`: on that of its
/// machine, or, when it is floating, on any that serves a template as the robot's own account. A
/// host that says which account it runs as is only for the robots of that account.
pub(crate) const ON_HOST: &str = concat!(
    "r.folder_id IS NOT NULL AND r.tenant_id = s.tenant_id AND ",
    able!(),
    " AND NOT s.is_attended AND (
        r.machine_id = s.machine_id
            AND (s.service_user_name = '' OR fold(s.service_user_name) = fold(r.username))
        OR r.hosting_type = 1 AND s.service_user_name <> ''
            AND fold(s.service_user_name) = fold(r.username)
            AND EXISTS (SELECT 1 FROM machines m WHERE m.id = s.machine_id AND m.type = 1))"
);

/// Whose rows [`show_on_hosts`] looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hosts {
    /// One session.
    Session(i64),
    /// All of a tenant.
    Tenant(i64),
}

/// Notes in the sessions of hosts which classic robot is there, unless the one that is noted is. A
/// host with several of them shows the one that ran last.
///
/// # Errors
/// The store's.
pub(crate) fn show_on_hosts(tx: &mut Tx<'_>, hosts: Hosts) -> Result<()> {
    let (column, id) = match hosts {
        Hosts::Session(id) => ("id", id),
        Hosts::Tenant(id) => ("tenant_id", id),
    };
    sessions::show_first(tx, ON_HOST, column, id)?;
    Ok(())
}

/// What a body says of a robot's machine.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Named<'a> {
    pub id: Option<i64>,
    pub name: Option<&'a str>,
    pub key: Option<&'a str>,
}

impl Named<'_> {
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.name.is_none() && self.key.is_none()
    }
}

/// The machine of a robot: none for a floating one; for a standard one the machine that the body
/// names by id or name, which is made when there is none of that name; else the one it has.
///
/// # Errors
/// 1205, 1214, 1216, 1219; 1201 when the key in the body is not the machine's.
pub(super) fn machine(
    cx: &mut Cx<'_, '_>,
    hosting: HostingType,
    named: &Named<'_>,
    current: Option<i64>,
) -> Result<Option<i64>> {
    if hosting == HostingType::Floating {
        return if named.is_empty() {
            Ok(None)
        } else {
            Err(Error::refused(
                Code::CannotAssignMachineToFloatingRobot,
                "A floating robot has no machine: leave out MachineName, MachineId and LicenseKey.",
            ))
        };
    }
    let found = match (
        named.id.or(current.filter(|_| named.name.is_none())),
        named.name,
    ) {
        (Some(id), _) => Some(find(cx, id, None)?.ok_or_else(|| {
            Error::refused(
                Code::InvalidMachineId,
                format!("There is no machine with id {id}."),
            )
        })?),
        (None, Some(name)) => find(cx, 0, Some(name))?,
        (None, None) => {
            return Err(Error::refused(
                Code::MachineNameRequired,
                "A robot of hosting type Standard needs a MachineName or MachineId.",
            ));
        }
    };
    match found {
        Some(machine) => check(&machine, named).map(|()| Some(machine.id)),
        None => make(cx, named).map(Some),
    }
}

struct Machine {
    id: i64,
    name: String,
    key: String,
    kind: i64,
}

/// The machine of the tenant with this id, or with this name.
fn find(cx: &mut Cx<'_, '_>, id: i64, name: Option<&str>) -> Result<Option<Machine>> {
    let row = cx.tx.row(
        "SELECT id, name, license_key, type FROM machines WHERE tenant_id = $1
             AND CASE WHEN CAST($3 AS TEXT) IS NULL THEN id = $2 ELSE fold(name) = fold($3) END",
        &[cx.caller.tenant.into(), id.into(), name.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Machine {
        id: row.get("id")?,
        name: row.get("name")?,
        key: row.get("license_key")?,
        kind: row.get("type")?,
    }))
}

fn check(machine: &Machine, named: &Named<'_>) -> Result<()> {
    if machine.kind != MachineType::Standard as i64 {
        return Err(Error::refused(
            Code::CannotAssignMachineTemplateToStandardRobot,
            format!(
                "'{}' is a machine template; a robot of hosting type Standard needs a standard machine.",
                machine.name
            ),
        ));
    }
    let same = |name: &str| name.to_lowercase() == machine.name.to_lowercase();
    if named.name.is_some_and(|name| !same(name)) {
        return Err(Error::refused(
            Code::InvalidMachineId,
            format!(
                "MachineId and MachineName are those of two machines; this one is '{}'.",
                machine.name
            ),
        ));
    }
    if named
        .key
        .is_some_and(|key| !key.eq_ignore_ascii_case(&machine.key))
    {
        return Err(other_key(&machine.name));
    }
    Ok(())
}

fn other_key(name: &str) -> Error {
    Error::refused(
        Code::MachineAlreadyPairedWithDifferentLicenseKey,
        format!("The LicenseKey is not that of the machine '{name}': leave it out."),
    )
}

/// A standard machine that was not known yet, under the key that its robot brings.
fn make(cx: &mut Cx<'_, '_>, named: &Named<'_>) -> Result<i64> {
    let name = named.name.unwrap_or_default();
    let key = match named.key.map(str::parse::<Guid>) {
        None => Guid::secret(),
        Some(Ok(key)) => key,
        Some(Err(_)) => return Err(Error::invalid("The LicenseKey must be a GUID.")),
    };
    let taken = "SELECT 1 FROM machines WHERE license_key = $1";
    if cx.tx.row(taken, &[key.into()])?.is_some() {
        return Err(other_key(name));
    }
    let machine = NewMachine {
        key: cx.key(),
        name,
        license_key: key,
    };
    machines::insert_standard(cx.tx, cx.caller.tenant, cx.now, &machine)
}

/// The account of a new classic robot: it gives the robot's jobs the rights of an automation user
/// in the robot's folder, and in no other.
pub(super) fn account(cx: &mut Cx<'_, '_>, folder: i64, name: &str) -> Result<i64> {
    let tenant = cx.caller.tenant;
    let key = cx.key();
    let account = NewUser {
        // Not the robot's key: that is a credential, and accounts are listed.
        user_name: format!("robot-{key}"),
        name: Some(name.to_owned()),
        roles: vec![roles::id(cx.tx, tenant, roles::ALLOW_AUTOMATION_USER)?],
        ..NewUser::of(key, UserType::Robot)
    };
    let account = users::insert(cx.tx, tenant, cx.now, &account)?;
    let role = roles::id(cx.tx, tenant, roles::AUTOMATION_USER)?;
    folders::assign_user(cx.tx, folder, account, &[role])?;
    Ok(account)
}
