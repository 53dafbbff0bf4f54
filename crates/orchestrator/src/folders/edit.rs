//! Changing and deleting folders.

use db::{Tx, Value, sql};
use odata::edm::Scoping;
use odata::{Changes, Given, Guid};

use super::create::{check_name, parent_key, path_below};
use super::{AUDITED, DELETE, EDIT, Folder, FolderType, known, nowhere};
use crate::access;
use crate::audit::{self, AuditAction};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::kinds::jobs::FINAL;
use crate::op::{At, FolderRule, Nothing, Operation, Store, plain};

/// `PUT /odata/Folders(id)`: the name and the description; the rest is as the folder was made.
pub(super) fn replace(cx: &mut Cx<'_, '_>, id: i64, mut folder: Changes) -> Result<()> {
    known(cx, id)?;
    access::managed(cx.tx, cx.caller, &EDIT, id)?;
    check_fixed(cx.tx, id, &mut folder)?;
    check_parent_key(cx, id, &folder)?;
    if let Some(Value::Text(name)) = folder.remove("display_name") {
        rename(cx, id, &name)?;
    }
    cx.update(folder, id)
}

/// Gives a folder another name or another description, or both.
#[odata::input]
pub struct PatchNameDescription {
    /// GUID of the folder.
    #[edm(query, required)]
    key: Guid,
    /// The last segment of the path; without one it stays.
    #[edm(max = 115)]
    name: Option<String>,
    /// For people; without one it stays, and null removes it.
    #[edm(max = 500)]
    description: Given<String>,
}

impl Operation for PatchNameDescription {
    const AT: At = plain("PATCH", "api/Folders/PatchNameDescription")
        .body("folderUpdateNameDescriptionRequest")
        .needs(EDIT)
        .folder(FolderRule::Named)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let id = by_key(cx, self.key)?;
        access::managed(cx.tx, cx.caller, &EDIT, id)?;
        check_editable(cx.tx, id)?;
        let mut folder = Changes::none(&Folder::SET);
        if let Given(Some(description)) = &self.description {
            folder.set("description", description.clone());
        }
        if let Some(name) = &self.name {
            rename(cx, id, name)?;
        }
        cx.update(folder, id)?;
        Ok(Nothing)
    }
}

/// The folder with this key.
///
/// # Errors
/// As [`nowhere`] when the tenant has none.
pub(super) fn by_key(cx: &mut Cx<'_, '_>, key: Guid) -> Result<i64> {
    let id = cx.tx.one(
        "SELECT id FROM folders WHERE key = $1 AND tenant_id = $2",
        &[key.into(), cx.caller.tenant.into()],
    )?;
    match id {
        Some(id) => Ok(id),
        None => Err(nowhere(cx)?),
    }
}

/// Refuses what cannot change, and leaves it out.
fn check_fixed(tx: &mut Tx<'_>, id: i64, folder: &mut Changes) -> Result<()> {
    check_editable(tx, id)?;
    let row = tx.row(
        "SELECT provision_type, permission_model, feed_type, parent_id, folder_type FROM folders
         WHERE id = $1",
        &[id.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Folder"))?;
    let fixed = [
        (
            "provision_type",
            Code::CannotChangeRobotProvisionType,
            "The ProvisionType of a folder cannot be changed.",
        ),
        (
            "permission_model",
            Code::CannotChangeFolderPermissionModel,
            "The PermissionModel of a folder cannot be changed.",
        ),
        (
            "feed_type",
            Code::CannotChangeFolderFeedType,
            "The FeedType of a folder cannot be changed.",
        ),
        ("parent_id", Code::CannotEditFolderParent, OTHER_PARENT),
        (
            "folder_type",
            Code::FieldNotEditable,
            "The FolderType of a folder cannot be changed.",
        ),
    ];
    for (column, code, message) in fixed {
        let old: Option<i64> = row.get(column)?;
        if let Some(Value::Int(new)) = folder.remove(column)
            && Some(new) != old
        {
            return Err(Error::refused(code, message));
        }
    }
    Ok(())
}

const OTHER_PARENT: &str =
    "ParentId and ParentKey stay: a folder gets another parent with MoveFolder.";

/// Refuses the key of another parent than the folder has.
fn check_parent_key(cx: &mut Cx<'_, '_>, id: i64, folder: &Changes) -> Result<()> {
    let Some(given) = parent_key(folder)? else {
        return Ok(());
    };
    let row = cx.tx.row(
        "SELECT p.key FROM folders f JOIN folders p ON p.id = f.parent_id WHERE f.id = $1",
        &[id.into()],
    )?;
    let key: Option<String> = row.map(|row| row.get(0)).transpose()?;
    if key.is_some_and(|key| key.eq_ignore_ascii_case(&given)) {
        return Ok(());
    }
    Err(Error::refused(Code::CannotEditFolderParent, OTHER_PARENT))
}

/// Workspaces are their owners'.
pub(super) fn check_editable(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let personal = tx.row(
        "SELECT 1 FROM folders WHERE id = $1 AND folder_type = $2",
        &[id.into(), FolderType::Personal.into()],
    )?;
    if personal.is_none() {
        return Ok(());
    }
    Err(Error::refused(
        Code::OrganizationUnitNotEditable,
        "A personal workspace can be neither edited, moved nor deleted.",
    ))
}

/// Gives a folder another name; the paths of everything below it change with it.
///
/// # Errors
/// 2810 for a name that is none, 1001 for one that is taken under the same parent.
pub(super) fn rename(cx: &mut Cx<'_, '_>, id: i64, name: &str) -> Result<()> {
    check_name(name)?;
    let row = cx.tx.row(
        "SELECT f.fully_qualified_name AS path, p.fully_qualified_name AS parent FROM folders f
         LEFT JOIN folders p ON p.id = f.parent_id WHERE f.id = $1",
        &[id.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Folder"))?;
    let (old, parent): (String, Option<String>) = (row.get("path")?, row.get("parent")?);
    cx.tx.exec(
        "UPDATE folders SET display_name = $2 WHERE id = $1",
        &[id.into(), name.into()],
    )?;
    // Requests may name a folder by its path.
    cx.hint(Hint::Identities);
    let new = path_below(parent.as_deref(), name);
    rebase(cx.tx, id, &old, &new).map_err(|e| e.name_taken(name))
}

/// Gives a folder and all below it the path `new` instead of `old`.
///
/// # Errors
/// A unique violation when there is such a folder.
pub(super) fn rebase(tx: &mut Tx<'_>, id: i64, old: &str, new: &str) -> Result<()> {
    if old == new {
        return Ok(());
    }
    let rest = i64::try_from(old.chars().count()).unwrap_or(i64::MAX) + 1;
    tx.exec(
        "UPDATE folders SET
             fully_qualified_name = CAST($2 AS TEXT)
                 || substr(fully_qualified_name, CAST(CAST($3 AS BIGINT) AS INTEGER)),
             fully_qualified_name_orderable = CAST($2 AS TEXT)
                 || substr(fully_qualified_name_orderable, CAST(CAST($3 AS BIGINT) AS INTEGER))
         WHERE id IN (SELECT ft.folder_id FROM folder_tree ft WHERE ft.ancestor_id = $1)",
        &[id.into(), new.into(), rest.into()],
    )?;
    Ok(())
}

/// `DELETE /odata/Folders(id)`
pub(super) fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    known(cx, id)?;
    access::managed(cx.tx, cx.caller, &DELETE, id)?;
    remove(cx, id)
}

/// Removes a folder that is named by its GUID, as removing it by its number does.
#[odata::input]
pub struct DeleteByKey {
    /// GUID of the folder.
    #[edm(required)]
    key: Guid,
}

impl Operation for DeleteByKey {
    const AT: At = plain("DELETE", "api/Folders/DeleteByKey")
        .needs(DELETE)
        .folder(FolderRule::Named);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let id = by_key(cx, self.key)?;
        access::managed(cx.tx, cx.caller, &DELETE, id)?;
        remove(cx, id)?;
        Ok(Nothing)
    }
}

/// What ties accounts, machines and other folders to a folder, and what of its history still lives.
const TIES: &[(&str, &str)] = &[
    (
        "folders",
        "SELECT 1 FROM folders WHERE parent_id = $1 LIMIT 1",
    ),
    (
        "users",
        "SELECT 1 FROM folder_users WHERE folder_id = $1 LIMIT 1",
    ),
    (
        "machines",
        "SELECT 1 FROM folder_machines WHERE folder_id = $1 LIMIT 1",
    ),
    (
        "jobs that have not ended",
        sql!("SELECT 1 FROM jobs WHERE folder_id = $1 AND state NOT IN {FINAL} LIMIT 1"),
    ),
    (
        "Releases",
        "SELECT 1 FROM releases WHERE folder_id = $1 AND deletion_time IS NULL LIMIT 1",
    ),
];

/// What goes with a folder, in this order.
const HISTORY: &[&str] = &["jobs", "releases"];

/// Removes a folder with nothing in it: no folders, accounts, machines or entities. Jobs that have
/// ended, and the deleted processes that are kept for them, are its history and go with it.
///
/// # Errors
/// 1012 that says what is still there.
pub(super) fn remove(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    check_editable(cx.tx, id)?;
    let left = |what: &str| {
        let message = format!("The folder still has {what}: remove them first.");
        Error::refused(Code::HasDependentItems, message)
    };
    for (what, sql) in TIES {
        if cx.tx.row(sql, &[id.into()])?.is_some() {
            return Err(left(what));
        }
    }
    // Every set that is kept in folders, of whatever feature; its history was looked at.
    let kept = crate::resources()
        .filter(|resource| resource.store == Store::Main)
        .map(|resource| resource.set)
        .filter(|set| set.scoping == Scoping::Folder && !HISTORY.contains(&set.table));
    for set in kept {
        let sql = format!(
            "SELECT 1 FROM {} t WHERE t.folder_id = $1 LIMIT 1",
            set.table
        );
        if cx.tx.row(&sql, &[id.into()])?.is_some() {
            return Err(left(set.name));
        }
    }
    audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
    for table in HISTORY {
        let sql = format!("DELETE FROM {table} WHERE folder_id = $1");
        cx.tx.exec(&sql, &[id.into()])?;
    }
    cx.delete(&Folder::SET, id)
        .map_err(|e| e.in_use("The folder is still in use."))?;
    cx.hint(Hint::Identities);
    Ok(())
}
