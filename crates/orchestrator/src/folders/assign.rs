//! Who and what is assigned to a folder.

use db::Tx;
use serde::Deserialize;

use super::EDIT;
use crate::access;
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};

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

/// Assigns a machine to a folder.
///
/// # Errors
/// The store's.
pub fn assign_machine(tx: &mut Tx<'_>, folder: i64, machine: i64) -> Result<()> {
    tx.exec(
        "INSERT INTO folder_machines (folder_id, machine_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        &[folder.into(), machine.into()],
    )?;
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MachineAssignments {
    machine_ids: Vec<i64>,
    folder_ids: Vec<i64>,
}

/// `AssignMachines {assignments:{MachineIds,FolderIds}}`: all of them to all of them.
pub(super) fn assign_machines(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: MachineAssignments = args.member("assignments")?;
    for machine in &request.machine_ids {
        must_exist(cx, "machines", *machine)?;
    }
    for folder in &request.folder_ids {
        let folder = modern_folder(cx, *folder)?;
        for machine in &request.machine_ids {
            assign_machine(cx.tx, folder, *machine)?;
        }
    }
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserAssignments {
    user_ids: Vec<i64>,
    roles_per_folder: Vec<FolderRoles>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FolderRoles {
    folder_id: i64,
    #[serde(default)]
    role_ids: Vec<i64>,
}

/// `AssignUsers {assignments:{UserIds,RolesPerFolder:[{FolderId,RoleIds}]}}`: replaces the roles of
/// those accounts in those folders.
pub(super) fn assign_users(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: UserAssignments = args.member("assignments")?;
    for user in &request.user_ids {
        must_exist(cx, "users", *user)?;
    }
    for per_folder in &request.roles_per_folder {
        let folder = modern_folder(cx, per_folder.folder_id)?;
        for role in &per_folder.role_ids {
            must_exist(cx, "roles", *role)?;
        }
        for user in &request.user_ids {
            assign_user(cx.tx, folder, *user, &per_folder.role_ids)?;
        }
    }
    cx.hint(Hint::Identities);
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

fn modern_folder(cx: &mut Cx<'_, '_>, id: i64) -> Result<i64> {
    let folder = access::managed(cx.tx, cx.caller, &EDIT, id)?;
    if folder.modern {
        return Ok(folder.id);
    }
    Err(Error::invalid(format!(
        "'{}' is a classic folder: nothing can be assigned to it.",
        folder.path
    )))
}

fn must_exist(cx: &mut Cx<'_, '_>, table: &'static str, id: i64) -> Result<()> {
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
