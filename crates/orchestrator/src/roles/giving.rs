//! Nobody gives away more than they have: who assigns a role for the tenant, or defines one, must
//! have its permissions for the tenant themselves; who assigns one in a folder must have them there,
//! unless they manage all folders. What applications do with their scopes is bound by these alone, but
//! no application gives roles to itself.

use std::collections::BTreeSet;

use db::Value;

use super::{Grant, KnownRole, PermissionScope};
use crate::access;
use crate::cx::{Cx, Identity};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Need};

/// Whoever may edit every folder decides who does what in them.
const ALL_FOLDERS: Need = Need::new("OR.Folders", &[("Units", Access::Edit)], true);

/// The permissions that an account has for the tenant.
const FOR_TENANT: &str = "SELECT p.permission FROM user_roles ur
    JOIN role_permissions p ON p.role_id = ur.role_id WHERE ur.user_id = $1";

/// Those that it has in the folder `$2`.
const IN_FOLDER: &str = "SELECT p.permission FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = $1
    JOIN role_permissions p ON p.role_id = fur.role_id WHERE ft.folder_id = $2";

fn names(cx: &mut Cx<'_, '_>, sql: &str, params: &[Value]) -> Result<BTreeSet<String>> {
    let rows = cx.tx.rows(sql, params)?;
    let names: Result<_, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    Ok(names?)
}

/// What a role grants.
pub(super) fn granted(cx: &mut Cx<'_, '_>, role: i64) -> Result<Vec<Grant>> {
    grants_where(cx, "g.role_id = $1", role)
}

/// The permissions of the roles `g` that fulfil a condition over `$1`.
fn grants_where(cx: &mut Cx<'_, '_>, roles: &str, id: i64) -> Result<Vec<Grant>> {
    let sql = format!(
        "SELECT p.name, p.scope FROM permissions p WHERE EXISTS (
             SELECT 1 FROM role_permissions g WHERE g.permission = p.name AND {roles})
         ORDER BY p.id"
    );
    let rows = cx.tx.rows(&sql, &[id.into()])?;
    rows.iter().map(super::grant).collect()
}

/// Refuses an application that gives roles to its own account: what it may do is up to others, however
/// many accounts its scopes let it manage.
///
/// # Errors
/// 1435
pub fn not_to_oneself(cx: &Cx<'_, '_>, account: i64) -> Result<()> {
    let application = matches!(cx.caller.identity, Identity::Application { .. });
    if !application || cx.caller.own_account() != Some(account) {
        return Ok(());
    }
    Err(Error::refused(
        Code::AdditionalPermissionsNotAllowed,
        "An application cannot change its own roles: somebody else has to.",
    ))
}

/// Refuses the first permission that is not the caller's own.
fn check(wanted: &[&Grant], own: &BTreeSet<String>) -> Result<()> {
    let Some(missing) = wanted.iter().find(|grant| !own.contains(&grant.name)) else {
        return Ok(());
    };
    Err(Error::refused(
        Code::AdditionalPermissionsNotAllowed,
        format!(
            "You cannot give the permission {}, because you do not have it yourself.",
            missing.name
        ),
    ))
}

/// Whether the caller may assign this role for the tenant.
///
/// # Errors
/// 1435 when it grants what the caller does not have.
pub fn check_for_tenant(cx: &mut Cx<'_, '_>, role: &KnownRole) -> Result<()> {
    let grants = granted(cx, role.id)?;
    check_definition(cx, &grants)
}

/// Whether the caller may make a role that grants this. What is granted in folders only is the
/// business of those who manage all folders.
///
/// # Errors
/// As [`check_for_tenant`].
pub(super) fn check_definition(cx: &mut Cx<'_, '_>, grants: &[Grant]) -> Result<()> {
    if cx.caller.needs_no_role() {
        return Ok(());
    }
    let all_folders = access::has_in_tenant(cx.tx, cx.caller, &ALL_FOLDERS)?;
    let counts = |grant: &&Grant| !(all_folders && grant.scope == PermissionScope::Folder);
    let wanted: Vec<&Grant> = grants.iter().filter(counts).collect();
    let own = names(cx, FOR_TENANT, &[cx.caller.account().into()])?;
    check(&wanted, &own)
}

/// Whether the caller may assign this role in a folder.
///
/// # Errors
/// 1435 when it grants what the caller does not have there.
pub fn check_in_folder(cx: &mut Cx<'_, '_>, role: &KnownRole, folder: i64) -> Result<()> {
    if access::has_in_tenant(cx.tx, cx.caller, &ALL_FOLDERS)? {
        return Ok(());
    }
    let grants = granted(cx, role.id)?;
    // What is granted for the tenant only means nothing in a folder.
    let counts = |grant: &&Grant| grant.scope != PermissionScope::Global;
    let wanted: Vec<&Grant> = grants.iter().filter(counts).collect();
    let own = names(cx, IN_FOLDER, &[cx.caller.account().into(), folder.into()])?;
    check(&wanted, &own)
}

/// Whether the caller may sign in as an account, which is what a new password for it allows.
///
/// # Errors
/// 1435 when that account may do more than the caller.
pub fn check_account(cx: &mut Cx<'_, '_>, user: i64) -> Result<()> {
    let grants = grants_where(
        cx,
        "g.role_id IN (SELECT ur.role_id FROM user_roles ur WHERE ur.user_id = $1)",
        user,
    )?;
    check_definition(cx, &grants)
}
