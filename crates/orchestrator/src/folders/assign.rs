//! Who is assigned to a folder, and with which roles.

use std::collections::BTreeSet;

use db::{Tx, Value};
use odata::Guid;
use serde::Deserialize;

use super::{EDIT, VIEW, action};
use crate::access::{self, By};
use crate::body::MAX_NAMED;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::kinds::UserType;
use crate::op::{At, Nothing, Operation};
use crate::roles::{self, Change};

/// Assigns an account to a folder with exactly these roles (none is allowed: the account may enter).
///
/// # Errors
/// The store's.
pub fn assign_user(tx: &mut Tx<'_>, folder: i64, user: i64, roles: &[i64]) -> Result<()> {
    tx.exec(
        "INSERT INTO folder_users (folder_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[folder.into(), user.into()],
    )?;
    tx.exec(
        "DELETE FROM folder_user_roles WHERE folder_id = $1 AND user_id = $2",
        &[folder.into(), user.into()],
    )?;
    for role in roles {
        tx.exec(
            "INSERT INTO folder_user_roles (folder_id, user_id, role_id) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            &[folder.into(), user.into(), (*role).into()],
        )?;
    }
    Ok(())
}

/// Which accounts have which roles in which folders.
#[odata::complex(name = "UserAssignmentsDto")]
#[derive(Default, Deserialize)]
pub struct UserAssignments {
    /// Numbers of the accounts.
    #[edm(required)]
    user_ids: Vec<i64>,
    /// The folders, each with the roles that the accounts have there from then on.
    #[edm(required)]
    roles_per_folder: Vec<FolderRoles>,
}

/// Roles in a folder.
#[odata::complex(name = "FolderRolesDto")]
#[derive(Deserialize)]
pub struct FolderRoles {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// Numbers of the roles; without any an account may enter.
    #[edm(range = "0..=1000")]
    #[serde(default)]
    role_ids: Vec<i64>,
}

/// Assigns accounts to folders. In each of these they have the roles that are named, and no others.
#[odata::input]
pub struct AssignUsers {
    /// The accounts, and their roles in folders.
    #[edm(required)]
    assignments: UserAssignments,
}

impl Operation for AssignUsers {
    const AT: At = action("AssignUsers").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let UserAssignments {
            user_ids,
            roles_per_folder,
        } = &self.assignments;
        check_pairs(user_ids, roles_per_folder)?;
        for user in user_ids {
            must_exist(cx, "users", *user)?;
        }
        assign(cx, user_ids, roles_per_folder)
    }
}

/// Gives accounts exactly these roles in these folders. The roles of a classic folder are the
/// tenant's: an account can only be tied to it.
fn assign(cx: &mut Cx<'_, '_>, users: &[i64], roles: &[FolderRoles]) -> Result<Nothing> {
    for per_folder in roles {
        let folder = access::managed(cx.tx, cx.caller, &EDIT, per_folder.folder_id)?;
        if !folder.modern && !per_folder.role_ids.is_empty() {
            return Err(Error::refused(
                Code::CannotAssignRolesToNonFineGrainedFolders,
                format!(
                    "'{}' is a classic folder: roles for it are assigned for the tenant.",
                    folder.path
                ),
            ));
        }
        let roles = &per_folder.role_ids;
        for role in roles {
            must_exist(cx, "roles", *role)?;
            let role = roles::find(cx.tx, cx.caller.tenant, *role)?.for_folders()?;
            roles::check_in_folder(cx, &role, folder.id, Change::Give)?;
        }
        for user in users {
            roles::not_to_oneself(cx, *user)?;
            roles::check_joins(cx, *user, folder.id)?;
            roles::check_leaves(cx, *user, folder.id, roles)?;
            assign_user(cx.tx, folder.id, *user, roles)?;
        }
    }
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    Ok(Nothing)
}

/// Which roles an account of a directory has in which folders.
#[odata::complex(name = "DomainUserAssignmentDto")]
#[derive(Default, Deserialize)]
pub struct DirectoryAssignment {
    /// Directory domain of the account.
    #[serde(default)]
    domain: Option<String>,
    /// Sign-in name of the account.
    #[serde(default)]
    user_name: Option<String>,
    /// Its opaque id in the directory, or its GUID.
    #[serde(default)]
    directory_identifier: Option<String>,
    /// What kind of principal it is.
    #[serde(default)]
    user_type: Option<UserType>,
    /// The folders, each with the roles that the account has there from then on.
    #[serde(default)]
    roles_per_folder: Vec<FolderRoles>,
}

/// Assigns an account that is named as a directory does to folders. The directory is the tenant's own
/// accounts: nobody is brought in from elsewhere.
#[odata::input]
pub struct AssignDomainUser {
    /// The account, and its roles in folders.
    #[edm(required)]
    assignment: DirectoryAssignment,
}

impl Operation for AssignDomainUser {
    const AT: At = action("AssignDomainUser").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        assign_named(cx, &self.assignment)
    }
}

/// As `AssignDomainUser`, by a newer name.
#[odata::input]
pub struct AssignDirectoryUser {
    /// The account, and its roles in folders.
    #[edm(required)]
    assignment: DirectoryAssignment,
}

impl Operation for AssignDirectoryUser {
    const AT: At = action("AssignDirectoryUser").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        assign_named(cx, &self.assignment)
    }
}

fn assign_named(cx: &mut Cx<'_, '_>, request: &DirectoryAssignment) -> Result<Nothing> {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.trim().is_empty());
    let (identifier, name) = (
        given(&request.directory_identifier),
        given(&request.user_name),
    );
    if identifier.is_none() && name.is_none() {
        return Err(Error::invalid(
            "Name the account by its UserName or its DirectoryIdentifier.",
        ));
    }
    let row = cx.tx.row(
        "SELECT id FROM users WHERE tenant_id = $1
             AND (CAST($2 AS TEXT) IS NULL OR directory_identifier = $2 OR key = $2)
             AND (CAST($3 AS TEXT) IS NULL OR fold(user_name) = fold($3))
             AND (CAST($4 AS TEXT) IS NULL OR domain IS NULL OR fold(domain) = fold($4))
             AND (CAST($5 AS BIGINT) IS NULL OR type = $5)
         ORDER BY id LIMIT 1",
        &[
            cx.caller.tenant.into(),
            identifier.into(),
            name.into(),
            given(&request.domain).into(),
            request.user_type.into(),
        ],
    )?;
    let user: i64 = row.ok_or_else(|| Error::not_found("User"))?.get(0)?;
    check_pairs(&[user], &request.roles_per_folder)?;
    assign(cx, &[user], &request.roles_per_folder)
}

/// Takes an account out of a folder.
#[odata::input]
pub struct RemoveUserFromFolder {
    #[edm(key)]
    id: i64,
    /// Number of the account.
    #[edm(required)]
    user_id: i64,
}

impl Operation for RemoveUserFromFolder {
    const AT: At = action("RemoveUserFromFolder").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        remove(cx, self.id, "fu.user_id = $2", self.user_id.into())
    }
}

/// Takes an account that is named by its GUID out of a folder.
#[odata::input]
pub struct RemoveUserFromFolderByKey {
    #[edm(key)]
    id: i64,
    /// GUID of the account.
    #[edm(required)]
    user_key: Guid,
}

impl Operation for RemoveUserFromFolderByKey {
    const AT: At = action("RemoveUserFromFolderByKey").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let user = "fu.user_id = (SELECT u.id FROM users u WHERE u.key = $2)";
        remove(cx, self.id, user, self.user_key.into())
    }
}

/// A folder that a user is assigned to, by its older name. The contract gives it the type of the set
/// of these, which is an entity here, and no structure can have its name.
#[odata::complex(name = "AssignedOrganizationUnitDto")]
#[derive(Debug, Clone, Deserialize)]
pub struct Unit {
    /// The folder's name.
    #[edm(max = 128)]
    #[serde(default)]
    display_name: Option<String>,
    /// The folder.
    #[serde(default)]
    id: Option<i64>,
}

impl Unit {
    /// The number of the folder; without one the name is that of a folder at the top.
    fn find(&self, cx: &mut Cx<'_, '_>) -> Result<Option<i64>> {
        Ok(cx.tx.one(
            "SELECT id FROM folders WHERE tenant_id = $1 AND (id = $2
                 OR CAST($2 AS BIGINT) IS NULL AND fold(fully_qualified_name) = fold($3))",
            &[
                cx.caller.tenant.into(),
                self.id.into(),
                self.display_name.clone().into(),
            ],
        )?)
    }
}

/// Assigns an account to these folders and no others; who does that must be allowed to change each
/// folder that it comes into or leaves. Roles that it has in a folder where it stays remain.
///
/// # Errors
/// 1100 or 403 for a folder that is not the caller's to change, 2808 for one that does not exist where the
/// caller sees all; 1435 as [`roles::check_joins`] and [`roles::check_leaves`] say.
pub(crate) fn set_units_of_user(cx: &mut Cx<'_, '_>, user: i64, units: &[Unit]) -> Result<()> {
    let wanted = match named_units(cx, units)? {
        Some(wanted) => wanted,
        None => return Err(nowhere(cx)?),
    };
    let had = units_of_user(cx, user)?;
    for folder in wanted.difference(&had) {
        access::managed(cx.tx, cx.caller, &EDIT, *folder)?;
        roles::check_joins(cx, user, *folder)?;
        assign_user(cx.tx, *folder, user, &[])?;
    }
    for folder in had.difference(&wanted) {
        access::managed(cx.tx, cx.caller, &EDIT, *folder)?;
        roles::check_leaves(cx, user, *folder, &[])?;
        cx.tx.exec(
            "DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2",
            &[(*folder).into(), user.into()],
        )?;
    }
    Ok(())
}

/// Whether an account is assigned to these folders and no others.
///
/// # Errors
/// The store's.
pub(crate) fn are_units_of_user(cx: &mut Cx<'_, '_>, user: i64, units: &[Unit]) -> Result<bool> {
    Ok(named_units(cx, units)? == Some(units_of_user(cx, user)?))
}

/// The refusal of a folder that does not exist: whoever does not see all is not told that.
fn nowhere(cx: &mut Cx<'_, '_>) -> Result<Error> {
    Ok(match access::has_in_tenant(cx.tx, cx.caller, &VIEW)? {
        true => Error::refused(
            Code::EntitiesRequiredForAssignmentNotFound,
            "OrganizationUnits names a folder that does not exist.",
        ),
        false => access::no_folder(&By::Id(0)),
    })
}

/// The folders that a body names; `None` when one of them does not exist.
fn named_units(cx: &mut Cx<'_, '_>, units: &[Unit]) -> Result<Option<BTreeSet<i64>>> {
    units.iter().map(|unit| unit.find(cx)).collect()
}

/// The folders that an account is assigned to.
fn units_of_user(cx: &mut Cx<'_, '_>, user: i64) -> Result<BTreeSet<i64>> {
    let rows = cx.tx.rows(
        "SELECT folder_id FROM folder_users WHERE user_id = $1",
        &[user.into()],
    )?;
    let folders: Result<_, db::Error> = rows.iter().map(|row| row.get(0)).collect();
    Ok(folders?)
}

fn remove(cx: &mut Cx<'_, '_>, folder: i64, user: &'static str, value: Value) -> Result<Nothing> {
    let folder = access::managed(cx.tx, cx.caller, &EDIT, folder)?;
    let sql = format!("SELECT fu.user_id FROM folder_users fu WHERE fu.folder_id = $1 AND {user}");
    let Some(user) = cx.tx.one::<i64>(&sql, &[folder.id.into(), value])? else {
        return Err(Error::refused(
            Code::ItemNotFound,
            format!(
                "The user is not assigned to the folder '{}' itself.",
                folder.path
            ),
        ));
    };
    roles::check_leaves(cx, user, folder.id, &[])?;
    cx.tx.exec(
        "DELETE FROM folder_users WHERE folder_id = $1 AND user_id = $2",
        &[folder.id.into(), user.into()],
    )?;
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    Ok(Nothing)
}

/// Refuses to tie so much to so many folders in one request: each pair is a statement.
pub(super) fn check_pairs<T, U>(things: &[T], folders: &[U]) -> Result<()> {
    if things.len().saturating_mul(folders.len()) <= MAX_NAMED
        && things.len().max(folders.len()) <= MAX_NAMED
    {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "One request assigns at most {} pairs: split it.",
        MAX_NAMED
    )))
}

/// Refuses a number that is nothing of the tenant's.
pub(super) fn must_exist(cx: &mut Cx<'_, '_>, table: &'static str, id: i64) -> Result<()> {
    let sql = format!("SELECT 1 FROM {table} WHERE id = $1 AND tenant_id = $2");
    if cx
        .tx
        .row(&sql, &[id.into(), cx.caller.tenant.into()])?
        .is_some()
    {
        return Ok(());
    }
    Err(Error::refused(
        Code::EntitiesRequiredForAssignmentNotFound,
        format!("There is no {} with id {id}.", table.trim_end_matches('s')),
    ))
}
