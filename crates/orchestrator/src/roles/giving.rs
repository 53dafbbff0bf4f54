//! Nobody gives, takes or becomes more than they are.
//!
//! Who assigns a role for the tenant, takes it away, or defines one, must have its permissions for the
//! tenant themselves; who does so in a folder must have them there, unless they manage all folders. Who
//! acts on an account in a way that could make them that account, or that leaves it less than it was, must
//! be no less than it: [`check_covers`]. What an application has are the permissions that its scopes cover,
//! and with `OR.Default` those of its roles; and none gives roles to itself.

use std::collections::BTreeSet;

use db::{Value, sql};

use super::{Grant, KnownRole, PermissionScope, RoleType, areas};
use crate::access;
use crate::cx::{Cx, Identity};
use crate::error::{Code, Error, Result};
use crate::kinds::{RobotType, UserType};
use crate::op::{Access, Need};

/// Whoever may edit every folder decides who does what in them.
const ALL_FOLDERS: Need = Need::new("OR.Folders", &[("Units", Access::Edit)], true);

/// The permissions that an account has for the tenant.
const FOR_TENANT: &str = "SELECT p.permission FROM user_roles ur
    JOIN role_permissions p ON p.role_id = ur.role_id WHERE ur.user_id = $1";

/// Those that it has in the folder `$2`: in a classic one those for the tenant, too.
const IN_FOLDER: &str = "SELECT p.permission FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = $1
    JOIN role_permissions p ON p.role_id = fur.role_id WHERE ft.folder_id = $2
    UNION SELECT p.permission FROM folders f JOIN user_roles ur ON ur.user_id = $1
    JOIN role_permissions p ON p.role_id = ur.role_id
    WHERE f.id = $2 AND f.permission_model = 0";

/// The permissions that the account `$1` has in a folder where the account `$2` does not have them.
const BEYOND: &str = "SELECT DISTINCT p.id, p.name FROM folder_user_roles fur
    JOIN folders f ON f.id = fur.folder_id
    JOIN role_permissions g ON g.role_id = fur.role_id
    JOIN permissions p ON p.name = g.permission AND p.scope <> 0
    WHERE fur.user_id = $1
        AND NOT EXISTS (SELECT 1 FROM folder_tree ft
            JOIN folder_user_roles own ON own.folder_id = ft.ancestor_id AND own.user_id = $2
            JOIN role_permissions o ON o.role_id = own.role_id AND o.permission = p.name
            WHERE ft.folder_id = fur.folder_id)
        AND NOT (f.permission_model = 0 AND EXISTS (SELECT 1 FROM user_roles ur
            JOIN role_permissions o ON o.role_id = ur.role_id AND o.permission = p.name
            WHERE ur.user_id = $2))
    ORDER BY p.id";

fn names(cx: &mut Cx<'_, '_>, sql: &str, params: &[Value]) -> Result<BTreeSet<String>> {
    let names: Vec<String> = cx.tx.all(sql, params)?;
    Ok(names.into_iter().collect())
}

/// What the caller has.
struct Own {
    /// The server itself asks nobody.
    everything: bool,
    /// Whether they decide what is done in every folder.
    all_folders: bool,
    /// The account whose roles count; no account has the number 0.
    account: i64,
    /// What these give for the tenant.
    tenant: BTreeSet<String>,
    /// The scopes of an application.
    scopes: Vec<String>,
}

impl Own {
    fn of(cx: &mut Cx<'_, '_>) -> Result<Self> {
        let everything = cx.caller.identity == Identity::Server;
        let account = cx.caller.account_with_roles().unwrap_or_default();
        let scopes = match cx.caller.identity {
            Identity::Application { .. } => cx.caller.scopes.clone(),
            _ => Vec::new(),
        };
        Ok(Self {
            everything,
            all_folders: everything || access::may(cx.tx, cx.caller, &ALL_FOLDERS)?,
            account,
            tenant: names(cx, FOR_TENANT, &[account.into()])?,
            scopes,
        })
    }

    /// Whether the caller lacks a permission for the tenant; in folders those count who manage them all.
    fn lacks(&self, grant: &Grant) -> bool {
        let in_folders = self.all_folders && grant.scope == PermissionScope::Folder;
        !(in_folders || self.has(&grant.name))
    }

    fn has(&self, permission: &str) -> bool {
        self.everything
            || self.tenant.contains(permission)
            || areas::cover(&self.scopes, permission)
    }

    /// The first of these permissions that the caller does not have in a folder.
    fn lacking_in(
        &self,
        cx: &mut Cx<'_, '_>,
        folder: i64,
        grants: &[Grant],
    ) -> Result<Option<String>> {
        if self.all_folders {
            return Ok(None);
        }
        let there = names(cx, IN_FOLDER, &[self.account.into(), folder.into()])?;
        // What is granted for the tenant only means nothing in a folder.
        let lacking = grants.iter().find(|grant| {
            grant.scope != PermissionScope::Global
                && !there.contains(&grant.name)
                && !areas::cover(&self.scopes, &grant.name)
        });
        Ok(lacking.map(|grant| grant.name.clone()))
    }
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

fn refused(message: impl Into<String>) -> Error {
    Error::refused(Code::AdditionalPermissionsNotAllowed, message.into())
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
    Err(refused(
        "An application cannot change its own roles: somebody else has to.",
    ))
}

/// What somebody does with permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Others get them.
    Give,
    /// Others lose them.
    Take,
}

impl Change {
    /// Refuses it for the first permission that is not the caller's own.
    fn check(self, lacking: Option<String>) -> Result<()> {
        let verb = match self {
            Self::Give => "give",
            Self::Take => "take away",
        };
        match lacking {
            None => Ok(()),
            Some(name) => Err(refused(format!(
                "You cannot {verb} the permission {name}, because you do not have it yourself."
            ))),
        }
    }
}

/// Whether the caller may give this role for the tenant, or take it away.
///
/// # Errors
/// 1435 when it grants what the caller does not have.
pub fn check_for_tenant(cx: &mut Cx<'_, '_>, role: &KnownRole, change: Change) -> Result<()> {
    let grants = granted(cx, role.id)?;
    check_definition(cx, &grants, change)
}

/// Whether the caller may make a role that grants this, or leave one without it. What is granted in folders
/// only is the business of those who manage all folders.
///
/// # Errors
/// As [`check_for_tenant`].
pub(super) fn check_definition(
    cx: &mut Cx<'_, '_>,
    grants: &[Grant],
    change: Change,
) -> Result<()> {
    let own = Own::of(cx)?;
    let lacking = grants.iter().find(|grant| own.lacks(grant));
    change.check(lacking.map(|grant| grant.name.clone()))
}

/// As [`check_definition`], for a role that may be assigned: who changes what it grants gives that to
/// those who have it in folders, or takes it from them.
///
/// # Errors
/// As [`check_for_tenant`].
pub(super) fn check_redefinition(
    cx: &mut Cx<'_, '_>,
    role: &KnownRole,
    grants: &[Grant],
    change: Change,
) -> Result<()> {
    check_definition(cx, grants, change)?;
    if role.kind == RoleType::Tenant || grants.is_empty() {
        return Ok(());
    }
    let own = Own::of(cx)?;
    let folders: Vec<i64> = cx.tx.all(
        "SELECT DISTINCT folder_id FROM folder_user_roles WHERE role_id = $1",
        &[role.id.into()],
    )?;
    for folder in folders {
        change.check(own.lacking_in(cx, folder, grants)?)?;
    }
    Ok(())
}

/// Whether the caller may give this role in a folder, or take it away there.
///
/// # Errors
/// 1435 when it grants what the caller does not have there.
pub fn check_in_folder(
    cx: &mut Cx<'_, '_>,
    role: &KnownRole,
    folder: i64,
    change: Change,
) -> Result<()> {
    let own = Own::of(cx)?;
    let grants = granted(cx, role.id)?;
    change.check(own.lacking_in(cx, folder, &grants)?)
}

/// Whether the caller may take from an account the roles that it has in a folder itself, but for these.
///
/// # Errors
/// As [`check_in_folder`].
pub fn check_leaves(cx: &mut Cx<'_, '_>, account: i64, folder: i64, kept: &[i64]) -> Result<()> {
    let had: Vec<i64> = cx.tx.all(
        "SELECT role_id FROM folder_user_roles WHERE folder_id = $1 AND user_id = $2
         ORDER BY role_id",
        &[folder.into(), account.into()],
    )?;
    for role in had.iter().filter(|role| !kept.contains(role)) {
        let role = super::find(cx.tx, cx.caller.tenant, *role)?;
        check_in_folder(cx, &role, folder, Change::Take)?;
    }
    Ok(())
}

/// Whether the caller may do no less than an account, for the tenant and in every folder: who may act
/// on it as if it were theirs. Everybody may do no less than they do.
///
/// # Errors
/// 1435 that names what the account may do and the caller may not.
pub fn check_covers(cx: &mut Cx<'_, '_>, account: i64) -> Result<()> {
    match beyond(cx, account)? {
        None => Ok(()),
        Some(name) => Err(refused(format!(
            "This account has the permission {name}, which you do not have where it has it: only somebody who may do as much can do this."
        ))),
    }
}

/// The first permission of an account that the caller does not have.
fn beyond(cx: &mut Cx<'_, '_>, account: i64) -> Result<Option<String>> {
    if cx.caller.user() == Some(account) {
        return Ok(None);
    }
    let own = Own::of(cx)?;
    let for_tenant = grants_where(
        cx,
        "g.role_id IN (SELECT ur.role_id FROM user_roles ur WHERE ur.user_id = $1)",
        account,
    )?;
    if let Some(grant) = for_tenant.iter().find(|grant| own.lacks(grant)) {
        return Ok(Some(grant.name.clone()));
    }
    if let Some(name) = beyond_by_scopes(cx, &own, account)? {
        return Ok(Some(name));
    }
    if own.all_folders {
        return Ok(None);
    }
    let rows = cx.tx.rows(BEYOND, &[account.into(), own.account.into()])?;
    for row in &rows {
        let name: String = row.get("name")?;
        if !areas::cover(&own.scopes, &name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The first permission that the scopes of an application cover, in all folders if it is one for folders,
/// and that the caller does not have.
fn beyond_by_scopes(cx: &mut Cx<'_, '_>, own: &Own, account: i64) -> Result<Option<String>> {
    let scopes: Option<String> = cx.tx.one(
        "SELECT scopes FROM clients WHERE user_id = $1",
        &[account.into()],
    )?;
    let Some(scopes) = scopes else {
        return Ok(None);
    };
    let scopes: Vec<String> = scopes.split(' ').map(str::to_owned).collect();
    let rows = cx
        .tx
        .rows("SELECT name, scope FROM permissions ORDER BY id", &[])?;
    for row in &rows {
        let grant = super::grant(row)?;
        let everywhere = grant.scope == PermissionScope::Global
            || own.all_folders
            || areas::cover(&own.scopes, &grant.name);
        if areas::cover(&scopes, &grant.name) && (own.lacks(&grant) || !everywhere) {
            return Ok(Some(grant.name));
        }
    }
    Ok(None)
}

/// Whether the caller may bring an account to a folder. Jobs run there as an account with an unattended
/// robot, and do what it may do wherever it may: so who brings one must be no less than it. Whoever manages
/// all folders assigns everybody, and who is there already is not brought.
///
/// # Errors
/// As [`check_covers`].
pub fn check_joins(cx: &mut Cx<'_, '_>, account: i64, folder: i64) -> Result<()> {
    const WORKS: &str = sql!(
        "SELECT 1 FROM users u WHERE u.id = $1 AND (u.type IN {} OR u.may_have_unattended_session
             OR EXISTS (SELECT 1 FROM robots r WHERE r.user_id = u.id AND r.type = {}))",
        db::numbers!(UserType: Robot, DirectoryRobot),
        db::numbers!(RobotType: Unattended)
    );
    let there = "SELECT 1 FROM folder_tree ft
        JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = $1
        WHERE ft.folder_id = $2 LIMIT 1";
    if access::may(cx.tx, cx.caller, &ALL_FOLDERS)?
        || cx.tx.row(WORKS, &[account.into()])?.is_none()
        || cx
            .tx
            .row(there, &[account.into(), folder.into()])?
            .is_some()
    {
        return Ok(());
    }
    check_covers(cx, account)
}

/// Whether the caller decides what is done in every folder.
///
/// # Errors
/// The store's.
pub fn manages_all_folders(cx: &mut Cx<'_, '_>) -> Result<bool> {
    access::may(cx.tx, cx.caller, &ALL_FOLDERS)
}
