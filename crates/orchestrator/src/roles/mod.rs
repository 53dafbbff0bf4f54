//! Roles: named sets of permissions, assigned for the tenant or in a folder.

mod areas;
mod entities;
mod fixed;
mod giving;

use std::collections::BTreeMap;

use db::Tx;
use odata::Changes;

use crate::audit::{AuditComponent, Audited};
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, Need, Page, Resource, Verb};

use crate::feature::Feature;
use entities::NamedPermission;
pub use entities::{Permission, PermissionScope, Role, RoleType};
pub use fixed::{
    ADMINISTRATOR, ALLOW_AUTOMATION_USER, AUTOMATION_USER, FOLDER_ADMINISTRATOR, create_static,
};
pub use giving::{
    Change, check_covers, check_for_tenant, check_in_folder, check_joins, check_leaves,
    manages_all_folders, not_to_oneself,
};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("roles")
    .resources(&[&RESOURCE, &PERMISSIONS])
    .tables(&["permissions", "role_permissions", "roles"]);

const VIEW: Need = Need::new(
    "OR.Users",
    &[
        ("Roles", Access::View),
        ("Units", Access::Edit),
        ("SubFolders", Access::Edit),
    ],
    false,
);
/// Whoever only assigns roles chooses from the list.
const VIEW_ONE: Need = Need::new("OR.Users", &[("Roles", Access::View)], false);
const CREATE: Need = Need::new("OR.Users", &[("Roles", Access::Create)], true);
const EDIT: Need = Need::new("OR.Users", &[("Roles", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Users", &[("Roles", Access::Delete)], true);

/// A role that was changed is shown with what it grants.
const WITH_PERMISSIONS: &str = "$expand=Permissions";

/// How the audit log tells of roles.
static AUDITED: Audited =
    Audited::new(AuditComponent::Roles, &Role::SET, "role").query(WITH_PERMISSIONS);

/// The set of roles.
pub static RESOURCE: Resource = Resource::new(&Role::SET, VIEW)
    .get_with(VIEW_ONE)
    .answering(WITH_PERMISSIONS)
    .create(Command::create(CREATE, "roleDto", create).audited(&AUDITED))
    .replace(
        Command::replace(EDIT, "roleDto", replace)
            .audited(&AUDITED)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// The set of permissions.
pub static PERMISSIONS: Resource =
    Resource::new(&Permission::SET, Need::new("OR.Users", &[], false)).list::<ListPermissions>();

/// All permissions that there are, not those of a role.
#[odata::input]
pub struct ListPermissions;

impl Verb for ListPermissions {
    type Answer = Page<Permission>;

    fn answer(&self, _: &mut Cx<'_, '_>) -> Result<Page<Permission>> {
        Ok(Page::of("{t}.role_id = 0"))
    }
}

/// A permission that a role grants, or that a body asks for, as it is spelled here.
#[derive(Clone)]
struct Grant {
    name: String,
    scope: PermissionScope,
}

/// The permissions that the body grants; `None` when it says nothing of permissions.
fn grants(tx: &mut Tx<'_>, role: &Changes) -> Result<Option<Vec<Grant>>> {
    let Some(listed) = given::<Vec<NamedPermission>>(role, "Permissions")? else {
        return Ok(None);
    };
    let rows = tx.rows("SELECT name, scope FROM permissions", &[])?;
    let known: Result<Vec<Grant>> = rows.iter().map(grant).collect();
    let known: BTreeMap<String, Grant> = known?
        .into_iter()
        .map(|grant| (grant.name.to_lowercase(), grant))
        .collect();
    let mut grants = Vec::new();
    for permission in &listed {
        let found = known.get(&permission.name.to_lowercase()).ok_or_else(|| {
            Error::invalid(format!(
                "There is no permission '{}': GET /odata/Permissions lists them.",
                permission.name
            ))
        })?;
        if permission.is_granted {
            grants.push(found.clone());
        }
    }
    Ok(Some(grants))
}

/// A row of name and scope.
fn grant(row: &db::Row) -> Result<Grant> {
    Ok(Grant {
        name: row.get("name")?,
        scope: PermissionScope::from_i64(row.get("scope")?).unwrap_or(PermissionScope::Global),
    })
}

/// Whether a role of this kind can grant all of them.
fn fits(kind: RoleType, grants: &[Grant]) -> Result<()> {
    let Some(elsewhere) = fixed::elsewhere(kind) else {
        return Ok(());
    };
    let Some(wrong) = grants.iter().find(|g| g.scope == elsewhere) else {
        return Ok(());
    };
    let (code, place) = match kind {
        RoleType::Folder => (
            Code::InvalidFolderRole,
            "folders cannot grant the permission",
        ),
        _ => (
            Code::InvalidTenantRole,
            "the tenant cannot grant the permission",
        ),
    };
    Err(Error::refused(
        code,
        format!("A role for {place} '{}'.", wrong.name),
    ))
}

/// The kind of a new role: as the body says, or as its permissions do.
fn kind_of(said: Option<RoleType>, grants: &[Grant]) -> Result<RoleType> {
    match said {
        Some(RoleType::Mixed) => Err(Error::refused(
            Code::CreateCustomMixedRoleNotAllowed,
            "New roles are for the tenant or for folders: say Type Tenant or Folder.",
        )),
        Some(kind) => Ok(kind),
        None if fits(RoleType::Tenant, grants).is_ok() => Ok(RoleType::Tenant),
        None if fits(RoleType::Folder, grants).is_ok() => Ok(RoleType::Folder),
        None => Err(Error::refused(
            Code::UnclearRolePleaseTenantOrFolder,
            "Some of the permissions are for the tenant and some for folders: make two roles.",
        )),
    }
}

/// Names are shown in lists of accounts, which have no place for line breaks.
fn check_name(name: &str) -> Result<()> {
    if name.chars().any(char::is_control) {
        return Err(Error::invalid("A role's Name must be one line."));
    }
    Ok(())
}

/// `POST /odata/Roles`
fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    let grants = grants(cx.tx, &changes)?.unwrap_or_default();
    let kind = kind_of(given(&changes, "Type")?, &grants)?;
    fits(kind, &grants)?;
    giving::check_definition(cx, &grants, Change::Give)?;
    let name = name_in(&changes)?;
    changes.set("type", kind);
    changes.set_default("display_name", name.as_str());
    changes.set("is_static", false);
    changes.set("is_editable", true);
    let id = cx.insert(changes).map_err(|e| e.name_taken(&name))?;
    write_grants(cx.tx, id, &grants)?;
    cx.hint(Hint::Identities);
    Ok(id)
}

/// `PUT /odata/Roles(id)`: `Permissions`, when given, are from then on all that the role grants.
fn replace(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    let role = find(cx.tx, cx.caller.tenant, id)?;
    if !role.editable {
        return Err(Error::refused(
            Code::RoleIsNotEditable,
            format!(
                "The role {} cannot be changed: make another one.",
                role.name
            ),
        ));
    }
    if given(&changes, "Type")?.is_some_and(|kind: RoleType| kind != role.kind) {
        return Err(Error::refused(
            Code::CannotChangeRoleType,
            format!("The role {} stays of type {}.", role.name, role.kind.name()),
        ));
    }
    changes.remove("type");
    let name = name_in(&changes)?;
    let grants = grants(cx.tx, &changes)?;
    if let Some(grants) = &grants {
        fits(role.kind, grants)?;
        // What the role grants already stays as it was given.
        let had = giving::granted(cx, id)?;
        let without = |all: &[Grant], others: &[Grant]| -> Vec<Grant> {
            let other = |grant: &&Grant| others.iter().all(|one| one.name != grant.name);
            all.iter().filter(other).cloned().collect()
        };
        giving::check_redefinition(cx, &role, &without(grants, &had), Change::Give)?;
        giving::check_redefinition(cx, &role, &without(&had, grants), Change::Take)?;
    }
    cx.update(changes, id).map_err(|e| e.name_taken(&name))?;
    if let Some(grants) = &grants {
        cx.tx.exec(
            "DELETE FROM role_permissions WHERE role_id = $1",
            &[id.into()],
        )?;
        write_grants(cx.tx, id, grants)?;
    }
    cx.hint(Hint::Identities);
    Ok(())
}

/// `DELETE /odata/Roles(id)`: whoever had it has it no longer.
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let role = find(cx.tx, cx.caller.tenant, id)?;
    if role.is_static {
        return Err(Error::refused(
            Code::CannotDeleteStaticRole,
            format!("The role {} belongs to every tenant and stays.", role.name),
        ));
    }
    let granted = giving::granted(cx, id)?;
    giving::check_redefinition(cx, &role, &granted, Change::Take)?;
    cx.hint(Hint::Identities);
    cx.delete(&Role::SET, id)
}

fn name_in(changes: &Changes) -> Result<String> {
    match changes.get("name") {
        Some(db::Value::Text(name)) => {
            check_name(name)?;
            Ok(name.clone())
        }
        _ => Err(Error::invalid("The Name field is required.")),
    }
}

fn write_grants(tx: &mut Tx<'_>, role: i64, grants: &[Grant]) -> Result<()> {
    for grant in grants {
        tx.exec(
            "INSERT INTO role_permissions (role_id, permission) VALUES ($1, $2)
             ON CONFLICT DO NOTHING",
            &[role.into(), grant.name.as_str().into()],
        )?;
    }
    Ok(())
}

/// A role as the rules need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRole {
    /// `roles.id`
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Where it may be assigned.
    pub kind: RoleType,
    /// Whether every tenant has it.
    pub is_static: bool,
    /// Whether it can be changed.
    pub editable: bool,
}

impl KnownRole {
    /// Whether it may be assigned for the tenant.
    ///
    /// # Errors
    /// 1427 when it is for folders.
    pub fn for_tenant(self) -> Result<Self> {
        if self.kind == RoleType::Folder {
            return Err(Error::refused(
                Code::CannotAssignFolderRolesToUser,
                format!(
                    "The role {} is for folders: assign it in a folder (Folders, AssignUsers).",
                    self.name
                ),
            ));
        }
        Ok(self)
    }

    /// Whether it may be assigned in a folder.
    ///
    /// # Errors
    /// 1428 when it is for the tenant.
    pub fn for_folders(self) -> Result<Self> {
        if self.kind == RoleType::Tenant {
            return Err(Error::refused(
                Code::CannotAssignTenantRolesToFolder,
                format!(
                    "The role {} is for the tenant: assign it to the account (Users, AssignRoles).",
                    self.name
                ),
            ));
        }
        Ok(self)
    }
}

const KNOWN: &str = "SELECT id, name, type, is_static, is_editable FROM roles WHERE tenant_id = $1";

fn known(row: &db::Row) -> Result<KnownRole> {
    Ok(KnownRole {
        id: row.get("id")?,
        name: row.get("name")?,
        kind: RoleType::from_i64(row.get("type")?).unwrap_or(RoleType::Mixed),
        is_static: row.get("is_static")?,
        editable: row.get("is_editable")?,
    })
}

/// The role with this number.
///
/// # Errors
/// 1002 when the tenant has no such role.
pub fn find(tx: &mut Tx<'_>, tenant: i64, id: i64) -> Result<KnownRole> {
    let row = tx.row(&format!("{KNOWN} AND id = $2"), &[tenant.into(), id.into()])?;
    known(&row.ok_or_else(|| Error::not_found("Role"))?)
}

/// The role with this name.
///
/// # Errors
/// 1002 when the tenant has no such role.
pub fn named(tx: &mut Tx<'_>, tenant: i64, name: &str) -> Result<KnownRole> {
    let row = tx.row(
        &format!("{KNOWN} AND fold(name) = fold($2)"),
        &[tenant.into(), name.into()],
    )?;
    known(&row.ok_or_else(|| Error::not_found(&format!("Role {name}")))?)
}

/// The id of a role by its name.
///
/// # Errors
/// As [`named`].
pub fn id(tx: &mut Tx<'_>, tenant: i64, name: &str) -> Result<i64> {
    Ok(named(tx, tenant, name)?.id)
}
