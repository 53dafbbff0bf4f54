//! The robots that the server makes for accounts: one that a person works with, and one that works by
//! itself.

use db::Tx;
use odata::{Guid, Timestamp};

use super::HostingType;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::folders::ProvisionType;
use crate::kinds::{CredentialType, RobotType};
use crate::users::UnattendedRobot;

/// Makes the robot `<user>-unattended` of an account. `sealed` is its key with its password, sealed
/// by [`seal`](super::seal) for that key; a password in `robot` is not stored.
///
/// # Errors
/// A unique violation when the account has one.
pub fn provision_unattended(
    tx: &mut Tx<'_>,
    tenant: i64,
    now: Timestamp,
    user: i64,
    robot: &UnattendedRobot,
    sealed: Option<(Guid, String)>,
) -> Result<i64> {
    let (key, password) = match sealed {
        Some((key, password)) => (key, Some(password)),
        None => (Guid::secret(), None),
    };
    let settings = robot.execution_settings.as_ref();
    let find = "SELECT user_name || '-unattended' FROM users WHERE id = $1";
    let name: Option<String> = tx.one(find, &[user.into()])?;
    let name = name.ok_or_else(|| Error::not_found("User"))?;
    let credential_type = robot.credential_type.unwrap_or(CredentialType::Default);
    let limited = robot.limit_concurrent_execution.unwrap_or(true);
    Ok(tx.insert_into(
        "robots",
        [
            ("tenant_id", tenant.into()),
            ("key", key.into()),
            ("user_id", user.into()),
            ("name", name.into()),
            ("username", robot.user_name.clone().into()),
            ("password", password.into()),
            (
                "external_name",
                robot.credential_external_name.clone().into(),
            ),
            ("type", RobotType::Unattended.into()),
            ("hosting_type", HostingType::Floating.into()),
            ("provision_type", ProvisionType::Automatic.into()),
            ("credential_store_id", robot.credential_store_id.into()),
            ("credential_type", credential_type.into()),
            ("limit_concurrent_execution", limited.into()),
            (
                "execution_settings",
                settings.map(ToString::to_string).into(),
            ),
            ("creation_time", now.into()),
        ],
    )?)
}

/// The unattended robot of an account, without its password.
///
/// # Errors
/// The store's.
pub fn unattended_of(tx: &mut Tx<'_>, user: i64) -> Result<Option<UnattendedRobot>> {
    let sql = format!(
        "SELECT r.username, r.credential_store_id, r.credential_type, r.external_name,
             r.execution_settings, r.limit_concurrent_execution, r.id
         FROM robots r WHERE r.user_id = $1 AND {}",
        Provisioned::Unattended.condition()
    );
    let row = tx.row(&sql, &[user.into()])?;
    let Some(row) = row else { return Ok(None) };
    let settings: Option<String> = row.get("execution_settings")?;
    Ok(Some(UnattendedRobot {
        user_name: row.get("username")?,
        password: None,
        credential_store_id: row.get("credential_store_id")?,
        credential_type: row
            .get::<Option<i64>>("credential_type")?
            .and_then(CredentialType::from_i64),
        credential_external_name: row.get("external_name")?,
        execution_settings: settings.and_then(|s| serde_json::from_str(&s).ok()),
        limit_concurrent_execution: row.get("limit_concurrent_execution")?,
        robot_id: row.get("id")?,
        machine_mappings_count: 0,
    }))
}

/// Which of the two robots that an account may have: its own of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provisioned {
    /// The one that a person works with, of whatever runtime.
    Attended,
    /// The one that works by itself.
    Unattended,
}

impl Provisioned {
    /// Whether the robot `r` is it, for its account.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::Attended => "r.type <> 2 AND r.folder_id IS NULL",
            Self::Unattended => "r.type = 2 AND r.folder_id IS NULL",
        }
    }
}

/// The attended robot of a person, made when they first sign in to a robot.
///
/// # Errors
/// 1017 when the account may not run attended robots.
pub fn provision_attended(cx: &mut Cx<'_, '_>, user: i64) -> Result<i64> {
    if let Some(robot) = attended_of(cx.tx, user)? {
        return Ok(robot);
    }
    let account = cx.tx.row(
        "SELECT tenant_id, user_name FROM users WHERE id = $1 AND may_have_robot_session",
        &[user.into()],
    )?;
    let account = account.ok_or_else(|| {
        Error::refused(
            Code::ForbiddenOperation,
            "This account may not have an attended robot (MayHaveRobotSession).",
        )
    })?;
    let name: String = account.get("user_name")?;
    Ok(cx.tx.insert_into(
        "robots",
        [
            ("tenant_id", account.get("tenant_id")?),
            ("key", Guid::secret().into()),
            ("user_id", user.into()),
            ("name", format!("{name}-attended").into()),
            ("username", name.into()),
            ("type", RobotType::Attended.into()),
            ("hosting_type", HostingType::Floating.into()),
            ("provision_type", ProvisionType::Automatic.into()),
            ("credential_type", CredentialType::Default.into()),
            ("limit_concurrent_execution", true.into()),
            ("creation_time", cx.now.into()),
        ],
    )?)
}

/// The attended robot of a person, if they have one.
///
/// # Errors
/// The store's.
pub fn attended_of(tx: &mut Tx<'_>, user: i64) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT r.id FROM robots r WHERE r.user_id = $1 AND {}",
        Provisioned::Attended.condition()
    );
    Ok(tx
        .row(&sql, &[user.into()])?
        .map(|r| r.get(0))
        .transpose()?)
}
