//! Roles of accounts for the tenant, and what a caller may do with them.

use std::collections::BTreeSet;

use db::{Tx, sql};
use serde_json::json;

use super::{ANYONE, ASSIGN, EDIT, User, UserRole, UserType, must_exist, name_and_type, nobody};
use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{At, Nothing, Operation, action, function};
use crate::roles::{self, ADMINISTRATOR, Change};

/// The active administrators `u` of the tenant `$1` who can sign in; `$2` is the name of their role.
const ADMINISTRATORS: &str = sql!(
    "FROM roles r JOIN user_roles ur ON ur.role_id = r.id JOIN users u ON u.id = ur.user_id
     WHERE r.tenant_id = $1 AND r.name = $2 AND r.is_static AND u.is_active AND u.type IN {}",
    db::numbers!(UserType: User, DirectoryUser)
);

/// Refuses to leave a tenant without an active administrator who can sign in; called after the
/// change, which the refusal takes back.
///
/// # Errors
/// `code` when nobody is left.
pub fn keep_an_administrator(cx: &mut Cx<'_, '_>, code: Code) -> Result<()> {
    let row = cx.tx.row(
        sql!("SELECT 1 {ADMINISTRATORS} LIMIT 1"),
        &[cx.caller.tenant.into(), ADMINISTRATOR.into()],
    )?;
    if row.is_some() {
        return Ok(());
    }
    Err(Error::refused(
        code,
        "This is the tenant's last active administrator: make another one first.",
    ))
}

/// The names of a tenant's active administrators, the oldest first; some of them, if there are many.
///
/// # Errors
/// The store's.
pub fn administrators(tx: &mut Tx<'_>, tenant: i64) -> Result<Vec<String>> {
    let rows = tx.rows(
        sql!("SELECT u.user_name {ADMINISTRATORS} ORDER BY u.id LIMIT 10"),
        &[tenant.into(), ADMINISTRATOR.into()],
    )?;
    let names: Result<Vec<String>, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    Ok(names?)
}

/// The roles with these names.
///
/// # Errors
/// 1002 for a name that is none, 1427 for a role that is assigned in folders.
pub(super) fn named(cx: &mut Cx<'_, '_>, names: &[String]) -> Result<BTreeSet<i64>> {
    let mut ids = BTreeSet::new();
    for name in names {
        let role = roles::named(cx.tx, cx.caller.tenant, name)?.for_tenant()?;
        ids.insert(role.id);
    }
    Ok(ids)
}

/// The roles that structures name: by their numbers, else by their names.
///
/// # Errors
/// As [`named`].
pub(super) fn given(cx: &mut Cx<'_, '_>, given: &[UserRole]) -> Result<BTreeSet<i64>> {
    let mut ids = BTreeSet::new();
    for one in given {
        let role = match one.role_id {
            id @ 1.. => roles::find(cx.tx, cx.caller.tenant, id.into())?,
            _ => {
                let name = one.role_name.as_deref().unwrap_or_default();
                roles::named(cx.tx, cx.caller.tenant, name)?
            }
        };
        ids.insert(role.for_tenant()?.id);
    }
    Ok(ids)
}

/// The roles that an account has for the tenant.
///
/// # Errors
/// The store's.
pub(super) fn of(cx: &mut Cx<'_, '_>, user: i64) -> Result<BTreeSet<i64>> {
    let rows = cx.tx.rows(
        "SELECT role_id FROM user_roles WHERE user_id = $1",
        &[user.into()],
    )?;
    let ids: Result<_, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    Ok(ids?)
}

/// Gives an account exactly these roles for the tenant.
///
/// # Errors
/// 1431 when nobody would be left to administer the tenant, 1435 for a role that comes or goes and grants
/// more than the caller has.
pub(super) fn set(cx: &mut Cx<'_, '_>, user: i64, wanted: &BTreeSet<i64>) -> Result<()> {
    roles::not_to_oneself(cx, user)?;
    let had = of(cx, user)?;
    for role in wanted.symmetric_difference(&had) {
        let change = match wanted.contains(role) {
            true => Change::Give,
            false => Change::Take,
        };
        let role = roles::find(cx.tx, cx.caller.tenant, *role)?;
        roles::check_for_tenant(cx, &role, change)?;
    }
    cx.tx
        .exec("DELETE FROM user_roles WHERE user_id = $1", &[user.into()])?;
    for role in wanted {
        cx.tx.exec(
            "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2)",
            &[user.into(), (*role).into()],
        )?;
    }
    keep_an_administrator(cx, Code::CannotUnassignLastAdmin)
}

/// Gives an account these roles for the tenant and no others.
#[odata::input]
pub struct AssignRoles {
    #[edm(key)]
    id: i64,
    /// Numbers of the roles.
    role_ids: Option<Vec<i32>>,
}

impl Operation for AssignRoles {
    const AT: At = action("Users", "AssignRoles").needs(ASSIGN).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        must_exist(cx, self.id)?;
        let mut ids = BTreeSet::new();
        // That there is no such account is told first.
        let role_ids = self.role_ids.as_ref().ok_or_else(|| Error::NotNull {
            param: "roleIds".into(),
            why: None,
        })?;
        for role in role_ids {
            let role = roles::find(cx.tx, cx.caller.tenant, i64::from(*role))?;
            ids.insert(role.for_tenant()?.id);
        }
        set(cx, self.id, &ids)?;
        changed(cx, self.id, AuditAction::Assign, &json!({"RoleIds": ids}))
    }
}

/// Gives a role for the tenant to an account, or takes it away.
#[odata::input]
pub struct ToggleRole {
    #[edm(key)]
    id: i64,
    /// Name of the role.
    #[edm(required)]
    role: String,
    /// Whether the account has it from then on.
    #[edm(required)]
    toggle: bool,
}

impl Operation for ToggleRole {
    const AT: At = action("Users", "ToggleRole").needs(EDIT).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let id = self.id;
        must_exist(cx, id)?;
        roles::not_to_oneself(cx, id)?;
        let role = roles::named(cx.tx, cx.caller.tenant, &self.role)?;
        let pair = [id.into(), role.id.into()];
        if self.toggle {
            let role = role.for_tenant()?;
            roles::check_for_tenant(cx, &role, Change::Give)?;
            cx.tx.exec(
                "INSERT INTO user_roles (user_id, role_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &pair,
            )?;
        } else if of(cx, id)?.contains(&role.id) {
            roles::check_for_tenant(cx, &role, Change::Take)?;
            cx.tx.exec(
                "DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2",
                &pair,
            )?;
            keep_an_administrator(cx, Code::CannotUnassignLastAdmin)?;
        }
        let data = json!({"Role": self.role, "Toggle": self.toggle});
        changed(cx, id, AuditAction::Toggle, &data)
    }
}

fn changed(
    cx: &mut Cx<'_, '_>,
    user: i64,
    action: AuditAction,
    data: &serde_json::Value,
) -> Result<Nothing> {
    cx.hint(Hint::Identities);
    let (name, _) = name_and_type(cx.tx, user)?;
    let data = data.to_string();
    let subject = Subject {
        entity: User::SET.entity,
        id: Some(user),
        name: &name,
        data: Some(data.as_bytes()),
    };
    let text = format!("changed the roles of user {name}");
    audit::record(cx, AuditComponent::Users, action, &subject, &text)?;
    Ok(Nothing)
}

/// What the caller's roles give, for the tenant or in any folder.
#[odata::input]
pub struct GetCurrentPermissions;

impl Operation for GetCurrentPermissions {
    const AT: At = function("Users", "GetCurrentPermissions").needs(ANYONE);
    type Answer = UserPermissions;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<UserPermissions> {
        let user = cx.caller.user().ok_or_else(nobody)?;
        let rows = cx.tx.rows(
            "SELECT DISTINCT p.permission FROM role_permissions p WHERE p.role_id IN (
                 SELECT role_id FROM user_roles WHERE user_id = $1
                 UNION SELECT role_id FROM folder_user_roles WHERE user_id = $1)
             ORDER BY p.permission",
            &[user.into()],
        )?;
        let names: Result<Vec<String>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
        Ok(UserPermissions {
            user_id: user,
            permissions: names?,
        })
    }
}

/// What an account may do.
#[odata::complex(name = "UserPermissionsCollection")]
#[derive(serde::Serialize)]
pub struct UserPermissions {
    /// Number of the account.
    user_id: i64,
    /// Names of permissions.
    permissions: Vec<String>,
}
