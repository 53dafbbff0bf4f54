//! The robots of an account: made, changed, shown and removed with it. Accounts do not know of them.

use db::Value;
use odata::{Guid, Mode};
use serde_json::Value as Json;

use crate::body;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::feature::{Hook, Saved, Thing};
use crate::op::Vars;
use crate::roles;
use crate::users::{self, AttendedRobot, UnattendedRobot};

use super::actions::{self, is_busy};
use super::provisioned::{Provisioned, provision_attended, provision_unattended, unattended_of};
use super::{RobotType, seal};

/// What robots do about accounts.
pub(super) const HOOKS: &[Hook] = &[
    Hook::Saved(Thing::User, follow),
    Hook::Showing(Thing::User, shown),
    Hook::Removing(Thing::User, account_goes),
];

/// A robot that came with the account, as it is kept. A classic robot is none of these: its account
/// came with it.
struct KeptRobot {
    id: i64,
    key: Guid,
    user_name: Option<String>,
}

fn find(cx: &mut Cx<'_, '_>, user: i64, which: Provisioned) -> Result<Option<KeptRobot>> {
    let sql = format!(
        "SELECT r.id, r.key, r.username FROM robots r WHERE r.user_id = $1 AND {}",
        which.condition()
    );
    let row = cx.tx.row(&sql, &[user.into()])?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KeptRobot {
        id: row.get("id")?,
        key: row.get("key")?,
        user_name: row.get("username")?,
    }))
}

/// Brings the robots of an account in line with what it may have now and what a body says of them.
///
/// # Errors
/// 1207 or 1210 when a robot is at work, 1001 when the name of a new one is taken.
fn follow(cx: &mut Cx<'_, '_>, account: &Saved<'_>) -> Result<()> {
    let (user, mode) = (account.id, account.mode);
    let row = cx.tx.row(
        "SELECT may_have_robot_session, may_have_unattended_session FROM users WHERE id = $1",
        &[user.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("User"))?;
    let said = |member| body::get(account.body, member).filter(|v| v.is_object());
    if row.get::<bool>("may_have_robot_session")? {
        if let Some(said) = said("RobotProvision") {
            attended(cx, user, said, mode)?;
        }
    } else {
        remove(cx, user, Provisioned::Attended)?;
    }
    if row.get::<bool>("may_have_unattended_session")? {
        unattended(cx, user, said("UnattendedRobot"), mode)
    } else {
        remove(cx, user, Provisioned::Unattended)
    }
}

fn attended(cx: &mut Cx<'_, '_>, user: i64, dto: &Json, mode: Mode) -> Result<()> {
    let said: AttendedRobot = body::read("RobotProvision", Some(dto))?;
    if let Some(kind) = said.robot_type.filter(|kind| !kind.is_for_people()) {
        return Err(Error::invalid(format!(
            "The RobotType of RobotProvision cannot be {}: people have robots such as Attended and Development.",
            kind.name()
        )));
    }
    if find(cx, user, Provisioned::Attended)?.is_none() {
        roles::check_covers(cx, user)?;
    }
    let robot = provision_attended(cx, user)?;
    let mut changes = Columns::new(dto, mode);
    // Without a name of its own it keeps the account's.
    if said.user_name.is_some() {
        changes.set("UserName", "username", said.user_name);
    }
    if let Some(kind) = said.robot_type {
        changes.force("type", kind);
    }
    let settings = said.execution_settings.map(|s| s.to_string());
    changes.set("ExecutionSettings", "execution_settings", settings);
    changes.write(cx, robot)
}

fn unattended(cx: &mut Cx<'_, '_>, user: i64, dto: Option<&Json>, mode: Mode) -> Result<()> {
    let said: UnattendedRobot = match dto {
        Some(dto) => body::read("UnattendedRobot", Some(dto))?,
        None => UnattendedRobot::default(),
    };
    let Some(kept) = find(cx, user, Provisioned::Unattended)? else {
        return provision(cx, user, &said);
    };
    let Some(dto) = dto else { return Ok(()) };
    let mut changes = Columns::new(dto, mode);
    let renamed = changes.says("UserName") && said.user_name != kept.user_name;
    let password = said.password.as_deref();
    let password = password.filter(|p| !p.is_empty() && !is_mask(p));
    if password.is_some() || signs_in_elsewhere(cx, &changes, user, &said)? {
        roles::check_covers(cx, user)?;
    }
    if renamed && is_busy(cx, kept.id)? {
        return Err(Error::refused(
            Code::CannotUpdateBusyRobot,
            "The robot is running a job: its UserName cannot change now.",
        ));
    }
    match password {
        Some(password) => {
            let sealed = seal(&cx.server.keys, kept.key, Some(password));
            changes.force("password", sealed);
        }
        // Another account of the host has another password; the same one keeps its own.
        _ if renamed => changes.force("password", Value::Null),
        _ => {}
    }
    changes.set("UserName", "username", said.user_name);
    changes.set(
        "CredentialStoreId",
        "credential_store_id",
        said.credential_store_id,
    );
    changes.set(
        "CredentialExternalName",
        "external_name",
        said.credential_external_name,
    );
    if let Some(kind) = said.credential_type {
        changes.set("CredentialType", "credential_type", kind);
    }
    if let Some(limit) = said.limit_concurrent_execution {
        changes.set(
            "LimitConcurrentExecution",
            "limit_concurrent_execution",
            limit,
        );
    }
    let settings = said.execution_settings.map(|s| s.to_string());
    changes.set("ExecutionSettings", "execution_settings", settings);
    changes.write(cx, kept.id)
}

/// Whether the robot would work as another account of its hosts, or with another credential: there what
/// its jobs may do can be had.
fn signs_in_elsewhere(
    cx: &mut Cx<'_, '_>,
    changes: &Columns<'_>,
    user: i64,
    said: &UnattendedRobot,
) -> Result<bool> {
    let kept = unattended_of(cx.tx, user)?.unwrap_or_default();
    let differs = |member: &str, same: bool| changes.says(member) && !same;
    Ok(differs("UserName", said.user_name == kept.user_name)
        || differs(
            "CredentialStoreId",
            said.credential_store_id == kept.credential_store_id,
        )
        || differs(
            "CredentialExternalName",
            said.credential_external_name == kept.credential_external_name,
        )
        || said
            .credential_type
            .is_some_and(|kind| Some(kind) != kept.credential_type))
}

/// Makes the robot `<user>-unattended`.
fn provision(cx: &mut Cx<'_, '_>, user: i64, said: &UnattendedRobot) -> Result<()> {
    if let Some(robot) = classic(cx, user)? {
        return Err(Error::refused(
            Code::UserNotEditable,
            format!("The account belongs to the robot '{robot}' and can have no other."),
        ));
    }
    roles::check_covers(cx, user)?;
    let key = Guid::secret();
    let password = said.password.as_deref().filter(|p| !is_mask(p));
    let sealed = seal(&cx.server.keys, key, password).map(|sealed| (key, sealed));
    let (name, _) = users::name_and_type(cx.tx, user)?;
    provision_unattended(cx.tx, cx.caller.tenant, cx.now, user, said, sealed)
        .map_err(|e| e.name_taken(&format!("{name}-unattended")))?;
    Ok(())
}

/// The name of the classic robot that the account belongs to.
fn classic(cx: &mut Cx<'_, '_>, user: i64) -> Result<Option<String>> {
    let row = cx.tx.row(
        "SELECT name FROM robots WHERE user_id = $1 AND folder_id IS NOT NULL",
        &[user.into()],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// What clients show in place of a password, and may send back.
fn is_mask(password: &str) -> bool {
    !password.is_empty() && password.chars().all(|c| c == '*')
}

/// Its robots go with an account; that of a classic robot goes with the robot.
///
/// # Errors
/// 1207 when one is running a job, 1406 when it is a classic robot's.
fn account_goes(cx: &mut Cx<'_, '_>, user: i64) -> Result<()> {
    if let Some(robot) = classic(cx, user)? {
        return Err(Error::refused(
            Code::UserNotEditable,
            format!("The account belongs to the robot '{robot}' and is deleted with it."),
        ));
    }
    remove(cx, user, Provisioned::Attended)?;
    remove(cx, user, Provisioned::Unattended)
}

/// Removes one robot of an account, if it has it.
fn remove(cx: &mut Cx<'_, '_>, user: i64, which: Provisioned) -> Result<()> {
    let Some(robot) = find(cx, user, which)?.map(|r| r.id) else {
        return Ok(());
    };
    actions::remove(cx, robot)
}

/// Columns of a robot that a structure in a body changes. Replacing sets all that the structure
/// could name; merging only what it does.
struct Columns<'d> {
    dto: &'d Json,
    mode: Mode,
    columns: Vec<(&'static str, Value)>,
}

impl<'d> Columns<'d> {
    fn new(dto: &'d Json, mode: Mode) -> Self {
        Self {
            dto,
            mode,
            columns: Vec::new(),
        }
    }

    fn says(&self, member: &str) -> bool {
        self.mode == Mode::Replace || body::get(self.dto, member).is_some()
    }

    fn set(&mut self, member: &str, column: &'static str, value: impl Into<Value>) {
        if self.says(member) {
            self.force(column, value);
        }
    }

    fn force(&mut self, column: &'static str, value: impl Into<Value>) {
        self.columns.push((column, value.into()));
    }

    fn write(self, cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
        let (mut sets, mut params) = (String::new(), Vec::<Value>::new());
        params.extend([robot.into(), cx.now.into(), cx.caller.user().into()]);
        for (column, value) in self.columns {
            params.push(value);
            sets.push_str(&format!(", {column} = ${}", params.len()));
        }
        let sql = format!(
            "UPDATE robots SET last_modification_time = $2, last_modifier_user_id = $3{sets}
             WHERE id = $1"
        );
        cx.tx.exec(&sql, &params)?;
        Ok(())
    }
}

/// The variables of `RobotProvision` and `UnattendedRobot`, which are shown when one user is read.
fn shown(cx: &mut Cx<'_, '_>, user: i64) -> Result<Vars> {
    let unattended = unattended_of(cx.tx, user)?;
    let unattended = unattended.map(|r| serde_json::to_string(&r).unwrap_or_default());
    let attended = attended_shown(cx, user)?;
    Ok(vec![
        ("unattended", unattended.into()),
        ("attended", attended.into()),
    ])
}

/// The attended robot as `RobotProvision` shows it; JSON.
fn attended_shown(cx: &mut Cx<'_, '_>, user: i64) -> Result<Option<String>> {
    let sql = format!(
        "SELECT r.username, r.execution_settings, r.id, r.type FROM robots r
         WHERE r.user_id = $1 AND {}",
        Provisioned::Attended.condition()
    );
    let row = cx.tx.row(&sql, &[user.into()])?;
    let Some(row) = row else { return Ok(None) };
    let settings: Option<String> = row.get("execution_settings")?;
    let settings: Option<Json> = settings.and_then(|s| serde_json::from_str(&s).ok());
    let shown = serde_json::json!({
        "UserName": row.get::<Option<String>>("username")?,
        "ExecutionSettings": settings,
        "RobotId": row.get::<i64>("id")?,
        "RobotType": RobotType::from_i64(row.get("type")?).map(RobotType::name),
    });
    Ok(Some(shown.to_string()))
}
