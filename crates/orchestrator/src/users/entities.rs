//! The declaration of users.

use odata::{Guid, Open, Timestamp};
use serde::{Deserialize, Serialize};

use crate::folders::{ProvisionType, Unit};
use crate::kinds::{CredentialType, RobotType, UserType};
use crate::machines::UpdatePolicy;
use crate::roles::RoleType;

/// A role of a user. A body names it by its number, or by its name.
#[odata::complex(name = "UserRoleDto")]
#[derive(Deserialize)]
pub struct UserRole {
    /// The user.
    #[serde(default)]
    pub user_id: i64,
    /// The role.
    #[serde(default)]
    pub role_id: i32,
    /// The user's name.
    #[serde(default)]
    pub user_name: Option<String>,
    /// The role's name.
    #[serde(default)]
    pub role_name: Option<String>,
    /// Where the role may be assigned.
    #[serde(default = "anywhere")]
    pub role_type: RoleType,
    /// The pair has no number of its own: 0.
    #[serde(default)]
    pub id: i64,
}

fn anywhere() -> RoleType {
    RoleType::Mixed
}

/// The attended robot of a person, as part of the user.
#[odata::complex(name = "AttendedRobotDto")]
#[derive(Deserialize)]
pub struct AttendedRobot {
    /// `domain\user` that it signs in as.
    #[edm(max = 100)]
    #[serde(default)]
    pub user_name: Option<String>,
    /// Settings of the robot.
    #[serde(default)]
    pub execution_settings: Option<Open>,
    /// The robot.
    #[edm(read_only)]
    #[serde(default, skip_deserializing)]
    pub robot_id: Option<i64>,
    /// Its runtime.
    #[serde(default)]
    pub robot_type: Option<RobotType>,
}

/// The unattended robot of an account, as part of the user.
#[odata::complex(name = "UnattendedRobotDto")]
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UnattendedRobot {
    /// `domain\user` that it signs in as.
    #[edm(max = 100)]
    #[serde(default)]
    pub user_name: Option<String>,
    /// Never shown.
    #[edm(max = 100)]
    #[serde(default)]
    pub password: Option<String>,
    /// Where the password is kept.
    #[serde(default)]
    pub credential_store_id: Option<i64>,
    /// How it signs in.
    #[serde(default)]
    pub credential_type: Option<CredentialType>,
    /// Name in an external store.
    #[edm(max = 450)]
    #[serde(default)]
    pub credential_external_name: Option<String>,
    /// Settings of the robot.
    #[serde(default)]
    pub execution_settings: Option<Open>,
    /// One host at a time.
    #[serde(default)]
    pub limit_concurrent_execution: Option<bool>,
    /// The robot.
    #[edm(read_only)]
    #[serde(default, skip_deserializing)]
    pub robot_id: Option<i64>,
    /// Machines that only some accounts may use do not exist yet.
    #[edm(read_only)]
    #[serde(default, skip_deserializing)]
    pub machine_mappings_count: i32,
}

/// What a user wants to be told of.
#[odata::complex]
pub struct UserNotificationSubscription {
    /// Queues.
    pub queues: Option<bool>,
    /// Robots.
    pub robots: Option<bool>,
    /// Jobs.
    pub jobs: Option<bool>,
    /// Triggers.
    pub schedules: Option<bool>,
    /// Tasks.
    pub tasks: Option<bool>,
    /// Queue items.
    pub queue_items: Option<bool>,
    /// Insights.
    pub insights: Option<bool>,
    /// Cloud robots.
    pub cloud_robots: Option<bool>,
    /// Serverless robots.
    pub serverless: Option<bool>,
    /// Exports.
    pub export: Option<bool>,
    /// Rates that came near their limits, once a day.
    pub rate_limits_daily: Option<bool>,
    /// Rates that went over their limits.
    pub rate_limits_real_time: Option<bool>,
    /// What Autopilot found.
    pub autopilot_for_robots_detected_issues: Option<bool>,
    /// Webhooks.
    pub webhooks: Option<bool>,
}

/// The roles for the tenant as `UserRoles` lists them; JSON.
const ROLES: &str = r#"(SELECT '[' || string_agg('{"UserId":' || ur.user_id
        || ',"RoleId":' || r.id || ',"UserName":' || json_quote({t}.user_name)
        || ',"RoleName":' || json_quote(r.name)
        || ',"RoleType":"' || CASE r.type WHEN 1 THEN 'Tenant' WHEN 2 THEN 'Folder' ELSE 'Mixed' END
        || '","Id":0}', ',') || ']'
    FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = {t}.id)"#;

/// The names of these roles.
const ROLE_NAMES: &str = "(SELECT '[' || string_agg(json_quote(r.name), ',') || ']'
    FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = {t}.id)";

/// The folders that the user is assigned to.
const UNITS: &str = r#"(SELECT '[' || string_agg('{"DisplayName":' || json_quote(f.display_name)
        || ',"Id":' || f.id || '}', ',') || ']'
    FROM folder_users fu JOIN folders f ON f.id = fu.folder_id WHERE fu.user_id = {t}.id)"#;

/// A person, robot account, group or application of the tenant.
#[odata::entity(
    set = "Users",
    name = "UserDto",
    table = "users",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "users_name(tenant_id, fold(user_name)); users_email(tenant_id, fold(email_address)); user_roles_role(role_id, user_id)"
)]
pub struct User {
    /// Given name.
    #[edm(max = 1024)]
    pub name: Option<String>,
    /// Family name.
    #[edm(max = 1024)]
    pub surname: Option<String>,
    /// Sign-in name; it stays.
    #[edm(required, max = 256)]
    pub user_name: String,
    /// Directory domain; it stays.
    pub domain: Option<String>,
    /// Opaque id in the directory; it stays.
    pub directory_identifier: Option<String>,
    /// Given and family name.
    #[edm(
        sql = "trim(COALESCE({t}.name, '') || ' ' || COALESCE({t}.surname, ''))",
        read_only
    )]
    pub full_name: Option<String>,
    /// Where to reach them.
    #[edm(max = 256)]
    pub email_address: Option<String>,
    /// When they last signed in.
    #[edm(read_only)]
    pub last_login_time: Option<Timestamp>,
    /// Whether they may sign in.
    pub is_active: bool,
    /// When the account was made.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// Everyone signs in here.
    #[edm(json = "null", read_only)]
    pub authentication_source: Option<String>,
    /// Never shown.
    #[edm(json = "null", max = 128)]
    pub password: Option<String>,
    /// Whether another system counts their licence.
    pub is_external_licensed: bool,
    /// Roles for the tenant. `RolesList` decides where both are given.
    #[edm(sql = ROLES, range = "0..=1000")]
    pub user_roles: Vec<UserRole>,
    /// Names of the roles for the tenant.
    #[edm(sql = ROLE_NAMES, range = "0..=1000")]
    pub roles_list: Vec<String>,
    /// External identity providers do not exist yet.
    #[edm(json = "[]", read_only)]
    pub login_providers: Vec<String>,
    /// Folders that they are assigned to.
    #[edm(sql = UNITS, range = "0..=1000")]
    pub organization_units: Vec<Unit>,
    /// The tenant's number.
    #[edm(read_only)]
    pub tenant_id: i32,
    /// The tenant's name.
    #[edm(sql = "{tenant_id->tenants}.name", read_only)]
    pub tenancy_name: Option<String>,
    /// The tenant's name as shown.
    #[edm(sql = "{tenant_id->tenants}.display_name", read_only)]
    pub tenant_display_name: Option<String>,
    /// The tenant's key.
    #[edm(sql = "{tenant_id->tenants}.key", read_only)]
    pub tenant_key: Option<String>,
    /// Person, robot account, group, application; it stays.
    pub r#type: UserType,
    /// Who keeps the account; it stays.
    pub provision_type: ProvisionType,
    /// The runtime that they are licensed for.
    pub license_type: Option<RobotType>,
    /// The attended robot; shown when one user is read.
    #[edm(sql = "CAST({attended} AS TEXT)", single, nofilter)]
    pub robot_provision: Option<AttendedRobot>,
    /// The unattended robot; shown when one user is read.
    #[edm(sql = "CAST({unattended} AS TEXT)", single, nofilter)]
    pub unattended_robot: Option<UnattendedRobot>,
    /// What they want to be told of.
    #[edm(nofilter)]
    pub notification_subscription: Option<UserNotificationSubscription>,
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// May sign in to the console.
    pub may_have_user_session: bool,
    /// May run attended robots.
    pub may_have_robot_session: bool,
    /// Has an unattended robot.
    pub may_have_unattended_session: bool,
    /// Has a workspace.
    pub may_have_personal_workspace: bool,
    /// Sees nothing but the workspace.
    pub restrict_to_personal_workspace: bool,
    /// How their robots are updated.
    #[edm(nofilter)]
    pub update_policy: Option<UpdatePolicy>,
    /// Their account in another system.
    pub account_id: Option<String>,
    /// Groups give no rights yet, so all are the user's own.
    #[edm(json = "false", read_only)]
    pub has_only_inherited_privileges: bool,
    /// The right without those of groups.
    #[edm(column = "may_have_user_session")]
    pub explicit_may_have_user_session: bool,
    /// As above.
    #[edm(column = "may_have_robot_session")]
    pub explicit_may_have_robot_session: bool,
    /// As above.
    #[edm(column = "may_have_personal_workspace")]
    pub explicit_may_have_personal_workspace: bool,
    /// As above.
    #[edm(column = "restrict_to_personal_workspace")]
    pub explicit_restrict_to_personal_workspace: bool,
    /// When the account was last changed.
    #[edm(read_only)]
    pub last_modification_time: Option<Timestamp>,
    /// By whom.
    #[edm(read_only)]
    pub last_modifier_user_id: Option<i64>,
    /// Who made it.
    #[edm(read_only)]
    pub creator_user_id: Option<i64>,
    /// Number of the user.
    pub id: i64,
}
