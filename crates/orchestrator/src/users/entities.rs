//! The declaration of users.

use odata::{Guid, Timestamp, edm_enum};

use crate::folders::ProvisionType;
use crate::machines::UpdatePolicy;
use crate::robots::{RobotType, UnattendedRobot};

edm_enum! {
    /// What kind of principal a user is.
    pub enum UserType {
        User = 0, Robot = 1, DirectoryUser = 2, DirectoryGroup = 3, DirectoryRobot = 4,
        DirectoryExternalApplication = 5
    }
}

/// A role of a user.
#[odata::complex]
pub struct UserRole {
    /// The user.
    pub user_id: i64,
    /// The role.
    pub role_id: i64,
    /// The role's name.
    pub role_name: String,
}

/// A person, robot account, group or application of the tenant.
#[odata::entity(set = "Users", name = "UserDto", table = "users", key = "Id", scope = tenant, order = "Id")]
pub struct User {
    /// Given name.
    #[edm(max = 1024)]
    pub name: Option<String>,
    /// Family name.
    #[edm(max = 1024)]
    pub surname: Option<String>,
    /// Sign-in name.
    #[edm(required)]
    pub user_name: String,
    /// Directory domain.
    pub domain: Option<String>,
    /// Opaque id in the directory.
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
    #[edm(json = "null")]
    pub authentication_source: Option<String>,
    /// Never shown.
    #[edm(json = "null")]
    pub password: Option<String>,
    /// Licences are not counted by user.
    #[edm(json = "false")]
    pub is_external_licensed: bool,
    /// Roles for the tenant.
    #[edm(
        sql = "(SELECT '[' || string_agg('{\"UserId\":' || ur.user_id || ',\"RoleId\":' || r.id || ',\"RoleName\":\"' || replace(replace(r.name, '\\', '\\\\'), '\"', '\\\"') || '\"}', ',') || ']' FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = {t}.id)",
        read_only
    )]
    pub user_roles: Vec<UserRole>,
    /// Names of the roles for the tenant.
    #[edm(
        sql = "(SELECT '[' || string_agg('\"' || replace(replace(r.name, '\\', '\\\\'), '\"', '\\\"') || '\"', ',') || ']' FROM user_roles ur JOIN roles r ON r.id = ur.role_id WHERE ur.user_id = {t}.id)"
    )]
    pub roles_list: Vec<String>,
    /// External identity providers do not exist yet.
    #[edm(json = "[]")]
    pub login_providers: Vec<String>,
    /// The tenant's number.
    pub tenant_id: i32,
    /// The tenant's name.
    #[edm(
        sql = "(SELECT x.name FROM tenants x WHERE x.id = {t}.tenant_id)",
        read_only
    )]
    pub tenancy_name: Option<String>,
    /// The tenant's name as shown.
    #[edm(
        sql = "(SELECT x.display_name FROM tenants x WHERE x.id = {t}.tenant_id)",
        read_only
    )]
    pub tenant_display_name: Option<String>,
    /// The tenant's key.
    #[edm(
        sql = "(SELECT x.key FROM tenants x WHERE x.id = {t}.tenant_id)",
        read_only
    )]
    pub tenant_key: Option<String>,
    /// Person, robot account, group, application.
    pub r#type: UserType,
    /// Who keeps the account.
    pub provision_type: ProvisionType,
    /// Licences are not counted by user.
    #[edm(json = "null")]
    pub license_type: Option<RobotType>,
    /// The unattended robot; shown when one user is read.
    #[edm(sql = "CAST({unattended} AS TEXT)", single, nofilter)]
    pub unattended_robot: Option<UnattendedRobot>,
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
    #[edm(json = "null")]
    pub update_policy: Option<UpdatePolicy>,
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
