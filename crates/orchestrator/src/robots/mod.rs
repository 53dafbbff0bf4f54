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

mod accounts;
mod actions;
mod classic;
mod edit;
mod entities;
mod provisioned;
mod views;

use db::Tx;
use odata::Guid;

use crate::audit::{AuditComponent, Audited};
use crate::error::Result;
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, op};

pub(crate) use classic::{Hosts, ON_HOST, show_on_hosts};

use crate::feature::Feature;
pub use crate::kinds::{CredentialType, RobotType};
pub use entities::{HostingType, Robot, RobotOfEnvironment, RobotWithLicense, SimpleRobot};
pub use provisioned::{attended_of, provision_attended, provision_unattended};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("robots")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["robots"])
    .hooks(accounts::HOOKS);

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

/// The password in the form that is stored: bound to the robot it belongs to.
#[must_use]
pub fn seal(keys: &identity::Keys, robot: Guid, password: Option<&str>) -> Option<String> {
    let password = password.filter(|p| !p.is_empty())?;
    Some(keys.encrypt(&format!("robots:password:{robot}"), password))
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
