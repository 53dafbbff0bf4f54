//! The declarations of roles and permissions.

use odata::{Many, edm_enum};
use serde::Deserialize;

edm_enum! {
    /// Where a role may be assigned.
    pub enum RoleType { Mixed = 0, Tenant = 1, Folder = 2 }
}
edm_enum! {
    /// Where a permission can be granted: for the tenant, in a folder, or in both.
    pub enum PermissionScope { Global = 0, Folder = 1, GlobalOrFolder = 2 }
}

/// A named set of permissions.
#[odata::entity(
    set = "Roles",
    name = "RoleDto",
    table = "roles",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "roles_name(tenant_id, fold(name))"
)]
pub struct Role {
    /// Unique in the tenant.
    #[edm(required, max = 64)]
    pub name: String,
    /// Its name as shown.
    #[edm(max = 64)]
    pub display_name: String,
    /// Where it may be assigned.
    pub r#type: RoleType,
    /// Under what clients show it.
    #[edm(column = "role_groups")]
    pub groups: Option<String>,
    /// Whether every tenant has it: such a role stays as it is.
    #[edm(read_only)]
    pub is_static: bool,
    /// Whether it can be changed.
    #[edm(read_only)]
    pub is_editable: bool,
    /// Number of the role.
    pub id: i32,
    /// What it grants.
    #[edm(nav, column = "id", target_column = "role_id", given = NamedPermission)]
    pub permissions: Many<Permission>,
}

/// A permission as a body gives it to a role.
#[odata::complex(name = "NamedPermissionDto")]
#[derive(Deserialize)]
pub struct NamedPermission {
    /// `Jobs.View`
    #[edm(required)]
    pub name: String,
    /// Whether the role grants it: unless the body says otherwise.
    #[serde(default = "granted")]
    pub is_granted: bool,
}

fn granted() -> bool {
    true
}

/// Every permission by itself (`role_id` 0), and every one that a role grants.
const GRANTED: &str = "(SELECT id, name, scope, CAST(0 AS BIGINT) AS role_id,
        FALSE AS is_granted FROM permissions
    UNION ALL SELECT p.id, p.name, p.scope, g.role_id, TRUE
    FROM role_permissions g JOIN permissions p ON p.name = g.permission)";

/// What somebody may do with one kind of thing.
#[odata::entity(set = "Permissions", name = "PermissionDto", table = GRANTED, key = "Id", scope = none, order = "Id")]
pub struct Permission {
    /// `Jobs.View`
    pub name: String,
    /// Whether the role grants it.
    pub is_granted: bool,
    /// The role; 0 in the list of all permissions.
    pub role_id: i32,
    /// Where it can be granted.
    pub scope: PermissionScope,
    /// Number of the permission.
    pub id: i64,
}
