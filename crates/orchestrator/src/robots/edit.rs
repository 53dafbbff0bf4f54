//! Making and changing robots.
//!
//! People make robots in classic folders only. Those that the server provisioned from accounts keep
//! the name, runtime and hosting that come with the account; how they sign in and run can be set.

use db::Value;
use odata::{Changes, Guid};

use super::actions::is_busy;
use super::classic::{self, Hosts, Named};
use super::views::{VIEW_MACHINES, must_manage};
use super::{EDIT, HostingType, RobotType, seal, show_on_hosts};
use crate::access;
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::environments;
use crate::error::{Code, Error, Result};
use crate::folders::ProvisionType;
use crate::kinds::ById;
use crate::roles;

/// Longest name that people may give a robot; those of provisioned ones are made from the account's.
const MAX_NAME: usize = 19;

/// What a body says of a robot that is no column of its own, or more than one.
#[derive(Debug, Default)]
struct Sent {
    license_key: Option<String>,
    machine_name: Option<String>,
    machine_id: Option<i64>,
    hosting_type: Option<HostingType>,
    provision_type: Option<ProvisionType>,
    password: Option<String>,
    environments: Option<Vec<ById>>,
    is_external_licensed: Option<bool>,
}

impl Sent {
    /// Takes it out of what the body changes: it follows from the rest, or from the account.
    fn of(changes: &mut Changes) -> Result<Self> {
        for column in ["user_id", "machine_id", "hosting_type", "provision_type"] {
            changes.remove(column);
        }
        Ok(Self {
            license_key: given(changes, "LicenseKey")?,
            machine_name: given(changes, "MachineName")?,
            machine_id: given(changes, "MachineId")?,
            hosting_type: given(changes, "HostingType")?,
            provision_type: given(changes, "ProvisionType")?,
            password: given(changes, "Password")?,
            environments: given(changes, "Environments")?,
            is_external_licensed: given(changes, "IsExternalLicensed")?,
        })
    }

    fn machine(&self) -> Named<'_> {
        Named {
            id: self.machine_id,
            name: filled(self.machine_name.as_deref()),
            key: filled(self.license_key.as_deref()),
        }
    }

    /// Nothing counts licences here, so no robot has one from elsewhere.
    fn check_license(&self) -> Result<()> {
        match self.is_external_licensed {
            Some(true) => Err(Error::invalid(
                "The field IsExternalLicensed of a robot must be false.",
            )),
            _ => Ok(()),
        }
    }

    /// A new password; none when it is left out, empty, or the mask that is shown in its place.
    fn password(&self) -> Option<&str> {
        let password = self.password.as_deref()?;
        (!password.chars().all(|c| c == '*')).then_some(password)
    }

    /// What becomes of the stored password: nothing while the account stays and no other one is
    /// given; a new account without a password is one without a password.
    fn password_after(&self, same_account: bool) -> Option<Option<&str>> {
        match self.password() {
            None if same_account => None,
            password => Some(password),
        }
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|t| !t.trim().is_empty())
}

fn text<'c>(changes: &'c Changes, column: &str) -> Option<&'c str> {
    match changes.get(column) {
        Some(Value::Text(text)) => filled(Some(text)),
        _ => None,
    }
}

fn kind(changes: &Changes) -> Option<RobotType> {
    match changes.get("type") {
        Some(Value::Int(number)) => RobotType::from_i64(*number),
        _ => None,
    }
}

/// `POST /odata/Robots`
pub(super) fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    let folder = cx.need_folder()?.clone();
    let sent = Sent::of(&mut changes)?;
    if folder.modern {
        return Err(Error::refused(
            Code::CannotCreateClassicEntities,
            "Robots are made in classic folders only; elsewhere give an account an UnattendedRobot.",
        ));
    }
    if sent.provision_type == Some(ProvisionType::Automatic) {
        return Err(Error::refused(
            Code::CannotCreateClassicEntities,
            "A robot of ProvisionType Automatic comes with an account: give one an UnattendedRobot.",
        ));
    }
    sent.check_license()?;
    let hosting = sent
        .hosting_type
        .ok_or_else(|| Error::invalid("The HostingType field is required."))?;
    let name = text(&changes, "name").unwrap_or_default().to_owned();
    check_name(&name)?;
    check_kind(kind(&changes))?;
    let username = check_username(text(&changes, "username"))?.to_owned();
    if hosting == HostingType::Standard {
        access::tenant_wide(cx.tx, cx.caller, &VIEW_MACHINES)?;
    }
    let machine = classic::machine(cx, hosting, &sent.machine(), None)?;
    check_unique(cx, machine, &username, 0)?;

    let key = Guid::secret();
    let account = classic::account(cx, folder.id, &name)?;
    changes.set("key", key);
    changes.set("folder_id", folder.id);
    changes.set("user_id", account);
    changes.set("machine_id", machine);
    changes.set("hosting_type", hosting);
    changes.set("provision_type", ProvisionType::Manual);
    changes.set("password", seal(&cx.server.keys, key, sent.password()));
    changes.set_default("limit_concurrent_execution", false);
    let id = cx.insert(changes).map_err(|e| e.name_taken(&name))?;
    if let Some(named) = &sent.environments {
        environments::set_of_robot(cx, folder.id, id, named)?;
    }
    changed(cx)?;
    Ok(id)
}

/// A robot as it is stored.
pub(super) struct Known {
    pub id: i64,
    pub key: Guid,
    pub name: String,
    pub username: Option<String>,
    pub kind: i64,
    pub hosting: HostingType,
    pub machine: Option<i64>,
    pub folder: Option<i64>,
    pub account: Option<i64>,
}

pub(super) fn find(cx: &mut Cx<'_, '_>, id: i64) -> Result<Known> {
    must_manage(cx, id, &EDIT)?;
    let row = cx.tx.row(
        "SELECT key, name, username, type, hosting_type, machine_id, folder_id, user_id
         FROM robots
         WHERE id = $1",
        &[id.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Robot"))?;
    Ok(Known {
        id,
        key: row.get("key")?,
        name: row.get("name")?,
        username: row.get("username")?,
        kind: row.get("type")?,
        hosting: HostingType::from_i64(row.get("hosting_type")?).unwrap_or(HostingType::Floating),
        machine: row.get("machine_id")?,
        folder: row.get("folder_id")?,
        account: row.get("user_id")?,
    })
}

/// `PUT` and `PATCH /odata/Robots(id)`
pub(super) fn change(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    let robot = find(cx, id)?;
    let sent = Sent::of(&mut changes)?;
    if sent.hosting_type.is_some_and(|h| h != robot.hosting) {
        return Err(Error::refused(
            Code::CannotUpdateRobotHostingType,
            "The HostingType of a robot does not change; ConvertToFloating does that for attended robots.",
        ));
    }
    let provision = match robot.folder {
        Some(_) => ProvisionType::Manual,
        None => ProvisionType::Automatic,
    };
    if sent.provision_type.is_some_and(|given| given != provision) {
        return Err(Error::refused(
            Code::FieldNotEditable,
            format!(
                "The ProvisionType of this robot stays {}.",
                provision.name()
            ),
        ));
    }
    sent.check_license()?;
    let machine = match robot.folder {
        Some(_) => check_classic(cx, &robot, &changes, &sent)?,
        None => check_provisioned(&robot, &changes, &sent)?,
    };
    let kept_name = changes.get("username").is_none_or(|_| {
        let (old, new) = (robot.username.as_deref(), text(&changes, "username"));
        old.map(str::to_lowercase) == new.map(str::to_lowercase)
    });
    check_sign_in(cx, &robot, &changes, &sent)?;
    let kept_kind = kind(&changes).is_none_or(|k| k as i64 == robot.kind);
    if !(kept_name && kept_kind && machine == robot.machine) && is_busy(cx, robot.id)? {
        return Err(Error::refused(
            Code::CannotUpdateBusyRobot,
            "The robot is running a job: its Username, machine and Type stay until that has ended.",
        ));
    }
    changes.set("machine_id", machine);
    if let Some(password) = sent.password_after(kept_name) {
        changes.set("password", seal(&cx.server.keys, robot.key, password));
    }
    let name = text(&changes, "name").unwrap_or_default().to_owned();
    cx.update(changes, robot.id)
        .map_err(|e| e.name_taken(&name))?;
    if let (Some(named), Some(folder)) = (&sent.environments, robot.folder) {
        environments::set_of_robot(cx, folder, robot.id, named)?;
    }
    changed(cx)
}

/// How a robot signs in to its hosts, where what its jobs may do can be had.
const SIGN_IN: [&str; 4] = [
    "username",
    "credential_store_id",
    "credential_type",
    "external_name",
];

/// The robot of an account works wherever the account may, so who changes how it signs in must be no less.
/// A classic one has an account of its own, which works in its folder only.
fn check_sign_in(cx: &mut Cx<'_, '_>, robot: &Known, changes: &Changes, sent: &Sent) -> Result<()> {
    let Some(account) = robot.account.filter(|_| robot.folder.is_none()) else {
        return Ok(());
    };
    let sign_in = changes.only(&SIGN_IN);
    if sent.password().is_some() || sign_in.first_change(cx.tx, robot.id)?.is_some() {
        roles::check_covers(cx, account)?;
    }
    Ok(())
}

/// Checks the changes of a classic robot and gives its machine.
fn check_classic(
    cx: &mut Cx<'_, '_>,
    robot: &Known,
    changes: &Changes,
    sent: &Sent,
) -> Result<Option<i64>> {
    if let Some(name) = text(changes, "name").filter(|n| *n != robot.name) {
        check_name(name)?;
    }
    if kind(changes).is_some() {
        check_kind(kind(changes))?;
    }
    let username = match changes.get("username") {
        Some(_) => check_username(text(changes, "username"))?,
        None => robot.username.as_deref().unwrap_or_default(),
    };
    let machine = classic::machine(cx, robot.hosting, &sent.machine(), robot.machine)?;
    if machine.is_some() && machine != robot.machine {
        access::tenant_wide(cx.tx, cx.caller, &VIEW_MACHINES)?;
    }
    check_unique(cx, machine, username, robot.id)?;
    Ok(machine)
}

/// What comes with the account of a provisioned robot cannot be changed here.
fn check_provisioned(robot: &Known, changes: &Changes, sent: &Sent) -> Result<Option<i64>> {
    let fixed = |member: &str| {
        Error::refused(
            Code::FieldNotEditable,
            format!("The {member} of this robot comes from its account and is changed there."),
        )
    };
    if text(changes, "name").is_some_and(|name| name != robot.name) {
        return Err(fixed("Name"));
    }
    if kind(changes).is_some_and(|k| k as i64 != robot.kind) {
        return Err(fixed("Type"));
    }
    if sent
        .environments
        .as_ref()
        .is_some_and(|all| !all.is_empty())
    {
        return Err(Error::invalid(
            "Environments are of classic folders; this robot comes from its account.",
        ));
    }
    let named = sent.machine();
    if named.id.is_some() || named.name.is_some() || named.key.is_some() {
        return Err(Error::refused(
            Code::CannotAssignMachineToFloatingRobot,
            "A floating robot has no machine: leave out MachineName, MachineId and LicenseKey.",
        ));
    }
    Ok(None)
}

fn check_name(name: &str) -> Result<()> {
    if name.chars().count() > MAX_NAME {
        return Err(Error::invalid(format!(
            "The field Name must be a string with a maximum length of {MAX_NAME}."
        )));
    }
    Ok(())
}

/// Classic robots know the runtimes of their time.
fn check_kind(kind: Option<RobotType>) -> Result<()> {
    match kind {
        Some(kind) if kind as i64 <= RobotType::TestAutomation as i64 => Ok(()),
        Some(kind) => Err(Error::invalid(format!(
            "A robot of a classic folder cannot be of Type {}.",
            kind.name()
        ))),
        None => Err(Error::invalid("The Type field is required.")),
    }
}

/// `user` or `DOMAIN\user`.
fn check_username(username: Option<&str>) -> Result<&str> {
    let username = username
        .ok_or_else(|| Error::refused(Code::UserNameRequired, "The Username field is required."))?;
    let mut parts = username.split('\\');
    let good = parts.all(|part| !part.trim().is_empty() && !part.contains('/'))
        && username.matches('\\').count() <= 1;
    if good {
        return Ok(username);
    }
    Err(Error::refused(
        Code::UserNameInvalid,
        format!("'{username}' is not a Username: write user or DOMAIN\\user."),
    ))
}

/// Two robots cannot sign in to the same host as the same account.
pub(super) fn check_unique(
    cx: &mut Cx<'_, '_>,
    machine: Option<i64>,
    username: &str,
    robot: i64,
) -> Result<()> {
    let row = cx.tx.row(
        "SELECT name FROM robots WHERE tenant_id = $1 AND folder_id IS NOT NULL AND id <> $2
             AND COALESCE(machine_id, 0) = $3 AND fold(username) = fold($4) LIMIT 1",
        &[
            cx.caller.tenant.into(),
            robot.into(),
            machine.unwrap_or_default().into(),
            username.into(),
        ],
    )?;
    let Some(row) = row else { return Ok(()) };
    let other: String = row.get(0)?;
    Err(Error::refused(
        Code::ItemAlreadyExists,
        format!("The robot '{other}' already signs in as {username} there."),
    ))
}

/// Robots changed: who may act as them, where they are, what they can take.
pub(super) fn changed(cx: &mut Cx<'_, '_>) -> Result<()> {
    show_on_hosts(cx.tx, Hosts::Tenant(cx.caller.tenant))?;
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_follow_the_account() {
        let sent = |password: Option<&str>| Sent {
            password: password.map(str::to_owned),
            ..Sent::default()
        };
        for nothing in [None, Some(""), Some("*****")] {
            assert_eq!(sent(nothing).password_after(true), None, "{nothing:?}");
            assert_eq!(
                sent(nothing).password_after(false),
                Some(None),
                "{nothing:?}"
            );
        }
        for same in [true, false] {
            assert_eq!(sent(Some("**a*")).password_after(same), Some(Some("**a*")));
        }
    }
}
