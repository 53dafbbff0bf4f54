//! Which machines a folder has: its own, and those that a folder above passes on.

use db::Tx;
use odata::Folders;
use serde::Deserialize;

use super::assign::{check_pairs, must_exist};
use super::entities::MachineFolder;
use super::{EDIT, VIEW, action, function};
use crate::access;
use crate::cx::{Cx, Folder, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{Access, At, Need, Nothing, Operation, Page};
use crate::roles;

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

const VIEW_MACHINES: Need = Need::new("OR.Machines", &[("Machines", Access::View)], false);

/// The folders that the machine `$1` is assigned to.
const PLACES: &str = "SELECT folder_id FROM folder_machines WHERE machine_id = $1";

/// Whether the caller may assign a machine: who manages all folders, who sees machines, or who manages a
/// folder that has it already.
///
/// # Errors
/// 1435 for others: its hosts are not theirs to use.
fn check_joins(cx: &mut Cx<'_, '_>, machine: i64) -> Result<()> {
    if roles::manages_all_folders(cx)? || access::may(cx.tx, cx.caller, &VIEW_MACHINES)? {
        return Ok(());
    }
    let places: Vec<i64> = cx.tx.all(PLACES, &[machine.into()])?;
    let own = match access::folders_where(cx.tx, cx.caller, &EDIT)? {
        Folders::Some(own) => places.iter().any(|place| own.contains(place)),
        Folders::All | Folders::One(_) => true,
    };
    match own {
        true => Ok(()),
        false => Err(Error::refused(
            Code::AdditionalPermissionsNotAllowed,
            "You cannot assign a machine that is not yours: it takes the permission Machines.View, or managing a folder that has it.",
        )),
    }
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

/// The tenant's machines with what ties each of them to a folder, assigned ones first.
#[odata::input]
pub struct GetMachinesForFolder {
    /// Number of the folder.
    #[edm(required)]
    key: i64,
}

impl Operation for GetMachinesForFolder {
    const AT: At = function("GetMachinesForFolder").needs(VIEW);
    type Answer = Page<MachineFolder>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let folder = access::managed(cx.tx, cx.caller, &VIEW, self.key)?;
        Ok(Page::all().var("target", folder.id).named("MachineFolder"))
    }
}

/// Machines and folders.
#[odata::complex(name = "MachineAssignmentsDto")]
#[derive(Default, Deserialize)]
pub struct MachineAssignments {
    /// Numbers of the machines.
    #[edm(required)]
    machine_ids: Vec<i64>,
    /// Numbers of the folders.
    #[edm(required)]
    folder_ids: Vec<i64>,
}

/// Assigns machines to folders, all of them to all of them.
#[odata::input]
pub struct AssignMachines {
    /// The machines, and the folders.
    #[edm(required)]
    assignments: MachineAssignments,
}

impl Operation for AssignMachines {
    const AT: At = action("AssignMachines").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let MachineAssignments {
            machine_ids,
            folder_ids,
        } = &self.assignments;
        check_pairs(machine_ids, folder_ids)?;
        for machine in machine_ids {
            must_exist(cx, "machines", *machine)?;
            check_joins(cx, *machine)?;
        }
        for folder in folder_ids {
            let folder = modern(cx, *folder)?;
            for machine in machine_ids {
                assign_machine(cx.tx, folder.id, *machine)?;
            }
        }
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
}

/// Which machines come into a folder, and which leave it.
#[odata::complex(name = "MachinesFolderAssociationsDto")]
#[derive(Default, Deserialize)]
pub struct Associations {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// Numbers of the machines that come.
    #[edm(range = "0..=1000")]
    #[serde(default)]
    added_machine_ids: Vec<i64>,
    /// Numbers of those that leave.
    #[edm(range = "0..=1000")]
    #[serde(default)]
    removed_machine_ids: Vec<i64>,
}

/// Assigns machines to a folder, and takes others out of it.
#[odata::input]
pub struct UpdateMachinesToFolderAssociations {
    /// The folder, and the machines.
    #[edm(required)]
    associations: Associations,
}

impl Operation for UpdateMachinesToFolderAssociations {
    const AT: At = action("UpdateMachinesToFolderAssociations").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let request = &self.associations;
        let folder = modern(cx, request.folder_id)?;
        for machine in &request.added_machine_ids {
            must_exist(cx, "machines", *machine)?;
            check_joins(cx, *machine)?;
            assign_machine(cx.tx, folder.id, *machine)?;
        }
        unassign(cx, folder.id, &request.removed_machine_ids)?;
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
}

/// Takes machines out of a folder.
#[odata::input]
pub struct RemoveMachinesFromFolder {
    #[edm(key)]
    id: i64,
    /// Numbers of the machines.
    #[edm(required)]
    machine_ids: Vec<i64>,
}

impl Operation for RemoveMachinesFromFolder {
    const AT: At = action("RemoveMachinesFromFolder").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let folder = access::managed(cx.tx, cx.caller, &EDIT, self.id)?;
        unassign(cx, folder.id, &self.machine_ids)?;
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
}

/// Says whether the folders below get a machine of a folder, too.
#[odata::input]
pub struct ToggleFolderMachineInherit {
    /// Number of the machine.
    #[edm(name = "MachineId", required)]
    machine_id: i64,
    /// Number of the folder.
    #[edm(name = "FolderId", required)]
    folder_id: i64,
    /// Whether they get it.
    #[edm(name = "InheritEnabled", required)]
    inherit_enabled: bool,
}

impl Operation for ToggleFolderMachineInherit {
    const AT: At = action("ToggleFolderMachineInherit")
        .needs(EDIT)
        .answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let folder = modern(cx, self.folder_id)?;
        let changed = cx.tx.exec(
            "UPDATE folder_machines SET propagate = $3 WHERE folder_id = $1 AND machine_id = $2",
            &[
                folder.id.into(),
                self.machine_id.into(),
                self.inherit_enabled.into(),
            ],
        )?;
        if changed == 0 {
            return Err(not_assigned(&folder));
        }
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
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

/// Which robots a machine has in a folder.
#[odata::complex(name = "MachineRobotsAssociationsDto")]
#[derive(Default, Deserialize)]
pub struct MachineRobots {
    /// Number of the machine.
    #[edm(required)]
    machine_id: i64,
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
    /// Numbers of the robots that it gets.
    #[edm(range = "0..=1000")]
    #[serde(default)]
    added_robot_ids: Vec<i64>,
    /// Numbers of those that it loses.
    #[edm(range = "0..=1000")]
    #[serde(default)]
    removed_robot_ids: Vec<i64>,
}

/// Gives robots to a machine in a folder. A machine that has some takes the folder's jobs of these
/// only.
#[odata::input]
pub struct SetMachineRobots {
    /// The machine, the folder, and the robots.
    #[edm(required)]
    associations: MachineRobots,
}

impl Operation for SetMachineRobots {
    const AT: At = action("SetMachineRobots").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let request = &self.associations;
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
        Ok(Nothing)
    }
}
