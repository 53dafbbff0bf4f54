//! Which machines a folder has: its own, and those that a folder above passes on.

use db::Tx;
use serde::Deserialize;

use super::assign::{check_pairs, must_exist};
use super::entities::MachineFolder;
use super::{EDIT, VIEW};
use crate::access;
use crate::body;
use crate::cx::{Args, Cx, Folder, Hint, Listing, Reply};
use crate::error::{Code, Error, Result};

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

/// Takes a machine out of a folder; one that is not in it stays where it is.
fn unassign(cx: &mut Cx<'_, '_>, folder: i64, machines: &[i64]) -> Result<()> {
    for machine in machines {
        cx.tx.exec(
            "DELETE FROM folder_machines WHERE folder_id = $1 AND machine_id = $2",
            &[folder.into(), (*machine).into()],
        )?;
    }
    Ok(())
}

/// The folder, if the caller may change it and machines can be assigned to it.
fn modern(cx: &mut Cx<'_, '_>, id: i64) -> Result<Folder> {
    let folder = access::managed(cx.tx, cx.caller, &EDIT, id)?;
    if folder.modern {
        return Ok(folder);
    }
    Err(Error::refused(
        Code::CannotAssignMachineToClassicFolder,
        format!(
            "'{}' is a classic folder: its robots bring their machines.",
            folder.path
        ),
    ))
}

/// `GetMachinesForFolder(key=…)`: the tenant's machines with what ties each of them to the folder,
/// assigned ones first.
pub(super) fn get_for_folder(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, &VIEW, args.int("key")?)?;
    let query = args.options(cx, &MachineFolder::SET)?;
    let listing = Listing {
        vars: &[("target", folder.id.into())],
        name: Some("MachineFolder"),
        count: args.count,
        restrict: None,
    };
    Ok(Reply::json(cx.page(
        &MachineFolder::SET,
        &query,
        &listing,
    )?))
}

#[odata::complex(name = "MachineAssignmentsDto")]
#[derive(Deserialize)]
pub(super) struct MachineAssignments {
    machine_ids: Vec<i64>,
    folder_ids: Vec<i64>,
}

/// `AssignMachines {assignments:{MachineIds,FolderIds}}`: all of them to all of them.
pub(super) fn assign(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: MachineAssignments = args.member("assignments")?;
    check_pairs(&request.machine_ids, &request.folder_ids)?;
    for machine in &request.machine_ids {
        must_exist(cx, "machines", *machine)?;
    }
    for folder in &request.folder_ids {
        let folder = modern(cx, *folder)?;
        for machine in &request.machine_ids {
            assign_machine(cx.tx, folder.id, *machine)?;
        }
    }
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

#[odata::complex(name = "MachinesFolderAssociationsDto")]
#[derive(Deserialize)]
pub(super) struct Associations {
    folder_id: i64,
    #[serde(default)]
    added_machine_ids: Vec<i64>,
    #[serde(default)]
    removed_machine_ids: Vec<i64>,
}

/// `UpdateMachinesToFolderAssociations
/// {associations:{FolderId,AddedMachineIds,RemovedMachineIds}}`
pub(super) fn update(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: Associations = args.member("associations")?;
    body::check_length("AddedMachineIds", &request.added_machine_ids)?;
    body::check_length("RemovedMachineIds", &request.removed_machine_ids)?;
    let folder = modern(cx, request.folder_id)?;
    for machine in &request.added_machine_ids {
        must_exist(cx, "machines", *machine)?;
        assign_machine(cx.tx, folder.id, *machine)?;
    }
    unassign(cx, folder.id, &request.removed_machine_ids)?;
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RemoveMachines {
    machine_ids: Vec<i64>,
}

/// `Folders(1)/…RemoveMachinesFromFolder {"machineIds":[…]}`
pub(super) fn remove(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: RemoveMachines = args.body("machineIds")?;
    body::check_length("machineIds", &request.machine_ids)?;
    let folder = access::managed(cx.tx, cx.caller, &EDIT, args.id()?)?;
    unassign(cx, folder.id, &request.machine_ids)?;
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inherit {
    machine_id: i64,
    folder_id: i64,
    inherit_enabled: bool,
}

/// `ToggleFolderMachineInherit {MachineId,FolderId,InheritEnabled}`: whether the folders below get
/// the machine, too.
pub(super) fn toggle_inherit(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: Inherit = args.body("folderMachineInherit")?;
    let folder = modern(cx, request.folder_id)?;
    let changed = cx.tx.exec(
        "UPDATE folder_machines SET propagate = $3 WHERE folder_id = $1 AND machine_id = $2",
        &[
            folder.id.into(),
            request.machine_id.into(),
            request.inherit_enabled.into(),
        ],
    )?;
    if changed == 0 {
        return Err(not_assigned(&folder));
    }
    cx.hint(Hint::Dispatch);
    Ok(Reply::Ok)
}

fn not_assigned(folder: &Folder) -> Error {
    Error::refused(
        Code::ItemNotFound,
        format!(
            "The machine is not assigned to the folder '{}' itself.",
            folder.path
        ),
    )
}

#[odata::complex(name = "MachineRobotsAssociationsDto")]
#[derive(Deserialize)]
pub(super) struct MachineRobots {
    machine_id: i64,
    folder_id: i64,
    #[serde(default)]
    added_robot_ids: Vec<i64>,
    #[serde(default)]
    removed_robot_ids: Vec<i64>,
}

/// `SetMachineRobots {associations:{MachineId,FolderId,AddedRobotIds,RemovedRobotIds}}`: a machine
/// that has robots in a folder takes the folder's jobs of these only.
pub(super) fn set_robots(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: MachineRobots = args.member("associations")?;
    body::check_length("AddedRobotIds", &request.added_robot_ids)?;
    body::check_length("RemovedRobotIds", &request.removed_robot_ids)?;
    let folder = modern(cx, request.folder_id)?;
    let assigned = "SELECT 1 FROM folder_machines WHERE folder_id = $1 AND machine_id = $2";
    let pair = [folder.id.into(), request.machine_id.into()];
    if cx.tx.row(assigned, &pair)?.is_none() {
        return Err(not_assigned(&folder));
    }
    for robot in &request.added_robot_ids {
        must_exist(cx, "robots", *robot)?;
        cx.tx.exec(
            "INSERT INTO folder_machine_robots (folder_id, machine_id, robot_id)
             VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
            &[folder.id.into(), request.machine_id.into(), (*robot).into()],
        )?;
    }
    for robot in &request.removed_robot_ids {
        cx.tx.exec(
            "DELETE FROM folder_machine_robots
             WHERE folder_id = $1 AND machine_id = $2 AND robot_id = $3",
            &[folder.id.into(), request.machine_id.into(), (*robot).into()],
        )?;
    }
    cx.hint(Hint::Dispatch);
    Ok(Reply::NoContent)
}
