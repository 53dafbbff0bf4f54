//! Changing and deleting folders.

use db::{Tx, Value, sql};
use odata::edm::Scoping;
use odata::{Changes, Guid, Mode};
use serde::Deserialize;

use super::create::{check_name, path_below};
use super::{AUDITED, DELETE, EDIT, Folder, FolderType, known};
use crate::access;
use crate::audit::{self, AuditAction};
use crate::body;
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};
use crate::jobs::state::FINAL;
use crate::op::Store;

/// `PUT /odata/Folders(id)`: the name and the description; the rest is as the folder was made.
pub(super) fn replace(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let mut folder = args.changes("folderDto", &Folder::SET, Mode::Replace)?;
    let id = known(cx, args.id()?)?;
    access::managed(cx.tx, cx.caller, &EDIT, id)?;
    check_fixed(cx.tx, id, &mut folder)?;
    check_parent_key(cx, id, args)?;
    if let Some(Value::Text(name)) = folder.remove("display_name") {
        rename(cx, id, &name)?;
    }
    cx.update(folder, id)?;
    audit::done(cx, &AUDITED, AuditAction::Update, id)?;
    Ok(Reply::json(cx.entity(&Folder::SET, id, &[])?))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NameAndDescription {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// `PATCH /api/Folders/PatchNameDescription?key=… {"name":…,"description":…}`
///
/// # Errors
/// 400 for a name that is none, 1001 for one that is taken, 1100 for a folder that is not the
/// caller's.
pub fn patch_name_description(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: NameAndDescription = args.body("folderUpdateNameDescriptionRequest")?;
    let id = by_key(cx, args.guid("key")?)?;
    access::managed(cx.tx, cx.caller, &EDIT, id)?;
    check_editable(cx.tx, id)?;
    let mut folder = Changes::none(&Folder::SET);
    let given = |name: &str| {
        args.body
            .as_ref()
            .and_then(|b| body::get(b, name))
            .is_some()
    };
    if given("description") {
        let long = request
            .description
            .as_deref()
            .map_or(0, |d| d.chars().count())
            > 500;
        if long {
            return Err(Error::invalid(
                "The field Description must be a string with a maximum length of 500.",
            ));
        }
        folder.set(
            "description",
            request.description.map(|d| body::storable(&d)),
        );
    }
    if let Some(name) = request.name {
        if name.chars().count() > 115 {
            return Err(Error::invalid(
                "The field Name must be a string with a maximum length of 115.",
            ));
        }
        rename(cx, id, &name)?;
    }
    cx.update(folder, id)?;
    Ok(Reply::Ok)
}

/// The folder with this key.
///
/// # Errors
/// 1002 when the tenant has none.
pub(super) fn by_key(cx: &mut Cx<'_, '_>, key: Guid) -> Result<i64> {
    let row = cx.tx.row(
        "SELECT id FROM folders WHERE key = $1 AND tenant_id = $2",
        &[key.into(), cx.caller.tenant.into()],
    )?;
    Ok(row.ok_or_else(|| Error::not_found("Folder"))?.get(0)?)
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
fn check_parent_key(cx: &mut Cx<'_, '_>, id: i64, args: &Args) -> Result<()> {
    let given = args.body.as_ref().and_then(|b| body::get(b, "ParentKey"));
    let Some(given) = given.and_then(|key| key.as_str()) else {
        return Ok(());
    };
    let row = cx.tx.row(
        "SELECT p.key FROM folders f JOIN folders p ON p.id = f.parent_id WHERE f.id = $1",
        &[id.into()],
    )?;
    let key: Option<String> = row.map(|row| row.get(0)).transpose()?;
    if key.is_some_and(|key| key.eq_ignore_ascii_case(given)) {
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
pub(super) fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = known(cx, args.id()?)?;
    access::managed(cx.tx, cx.caller, &DELETE, id)?;
    remove(cx, id)
}

/// `DELETE /api/Folders/DeleteByKey?key=…`
///
/// # Errors
/// As for deleting by id.
pub fn delete_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = by_key(cx, args.guid("key")?)?;
    access::managed(cx.tx, cx.caller, &DELETE, id)?;
    remove(cx, id)
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
pub(super) fn remove(cx: &mut Cx<'_, '_>, id: i64) -> Result<Reply> {
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
    let kept = crate::RESOURCES
        .iter()
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
    Ok(Reply::NoContent)
}
