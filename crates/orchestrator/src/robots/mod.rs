//! Robots: the execution identity of an account. In modern folders they are provisioned from the
//! account and follow it into the folders that it is assigned to. In classic folders people make
//! them, each for one folder and, if its hosting type is Standard, for one machine.

/// Whether the robot `r` may work: it is enabled, and so is its account.
macro_rules! able {
    () => {
        "r.enabled AND NOT EXISTS (SELECT 1 FROM users able
            WHERE able.id = r.user_id AND NOT able.is_active)"
    };
}
pub(crate) use able;

mod actions;
mod classic;
mod edit;
mod entities;
mod views;

use db::Tx;
use odata::{Guid, Timestamp};

use crate::audit::{AuditComponent, Audited};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, op};

pub use actions::{is_busy, remove};
pub(crate) use classic::{Hosts, ON_HOST, show_on_hosts};

use crate::feature::Feature;
pub use crate::kinds::RobotType;
pub use entities::{
    CredentialType, HostingType, Robot, RobotOfEnvironment, RobotWithLicense, SimpleRobot,
    UnattendedRobot,
};
pub use views::ACROSS_FOLDERS;

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("robots")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["robots"]);

const VIEW: Need = Need::new("OR.Robots", &[("Robots", Access::View)], false);
const EDIT: Need = Need::new("OR.Robots", &[("Robots", Access::Edit)], true);
const CREATE: Need = Need::new("OR.Robots", &[("Robots", Access::Create)], true);
const DELETE: Need = Need::new("OR.Robots", &[("Robots", Access::Delete)], true);

/// For what checks the permissions itself: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Robots", &[], false);

/// How the audit log tells of robots: without the keys of their machines.
static AUDITED: Audited = Audited::new(AuditComponent::Robots, &Robot::SET, "robot").query(
    "$select=Id,Name,Username,Description,Type,HostingType,ProvisionType,MachineId,MachineName,\
     UserId,Enabled,LimitConcurrentExecution,CredentialStoreId,CredentialType",
);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Robot::SET, VIEW)
    .folder(FolderRule::OptionalOrTenant)
    .list::<views::ListRobots>()
    .get()
    .sees(views::must_see)
    .create(Command::create(CREATE, "robotDto", edit::create).audited(&AUDITED))
    .replace(
        Command::replace(EDIT, "robotDto", edit::change)
            .audited(&AUDITED)
            .silent(),
    )
    .merge(
        Command::merge(EDIT, "robotDto", edit::change)
            .audited(&AUDITED)
            .silent(),
    )
    .delete(Command::delete(DELETE, actions::delete).audited(&AUDITED));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<views::GetConfiguredRobots>(),
    op::<views::FindAllAcrossFolders>(),
    op::<views::GetFolderRobots>(),
    op::<views::GetRobotsFromFolder>(),
    op::<views::GetRobotsForProcess>(),
    op::<views::GetUsernames>(),
    op::<views::GetMachineNameToLicenseKeyMappings>(),
    op::<actions::DeleteBulk>(),
    op::<actions::ToggleEnabledStatus>(),
    op::<actions::ConvertToFloating>(),
];

/// Makes the robot `<user>-unattended` of an account. `sealed` is its key with its password, sealed
/// by [`seal`] for that key; a password in `robot` is not stored.
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
        None => (Guid::random(), None),
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
            (
                "provision_type",
                crate::folders::ProvisionType::Automatic.into(),
            ),
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

/// The password in the form that is stored: bound to the robot it belongs to.
#[must_use]
pub fn seal(keys: &identity::Keys, robot: Guid, password: Option<&str>) -> Option<String> {
    let password = password.filter(|p| !p.is_empty())?;
    Some(keys.encrypt(&format!("robots:password:{robot}"), password))
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

/// A robot as the credentials `UiRobot <key>` name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByKey {
    /// `robots.id`
    pub id: i64,
    /// `robots.tenant_id`
    pub tenant: i64,
    /// `robots.user_id`
    pub user: Option<i64>,
}

/// The robot with this key, if it may work.
///
/// # Errors
/// The store's.
pub fn by_key(tx: &mut Tx<'_>, key: &str) -> Result<Option<ByKey>> {
    let row = tx.row(
        concat!(
            "SELECT r.id, r.tenant_id, r.user_id FROM robots r WHERE r.key = $1 AND ",
            able!()
        ),
        &[key.trim().to_lowercase().into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ByKey {
        id: row.get("id")?,
        tenant: row.get("tenant_id")?,
        user: row.get("user_id")?,
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
            crate::Code::ForbiddenOperation,
            "This account may not have an attended robot (MayHaveRobotSession).",
        )
    })?;
    let name: String = account.get("user_name")?;
    Ok(cx.tx.insert_into(
        "robots",
        [
            ("tenant_id", account.get("tenant_id")?),
            ("key", Guid::random().into()),
            ("user_id", user.into()),
            ("name", format!("{name}-attended").into()),
            ("username", name.into()),
            ("type", RobotType::Attended.into()),
            ("hosting_type", HostingType::Floating.into()),
            (
                "provision_type",
                crate::folders::ProvisionType::Automatic.into(),
            ),
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

/// Changes columns of a robot.
///
/// # Errors
/// The store's.
pub(crate) fn change(
    cx: &mut Cx<'_, '_>,
    robot: i64,
    columns: Vec<(&'static str, db::Value)>,
) -> Result<()> {
    let (mut sets, mut params) = (String::new(), Vec::<db::Value>::new());
    params.extend([robot.into(), cx.now.into(), cx.caller.user().into()]);
    for (column, value) in columns {
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
