//! Moving a folder, with all below it, under another one.

use db::Tx;
use odata::edm_enum;

use super::create::{MAX_DEPTH, path_below, too_deep};
use super::edit::{check_editable, rebase};
use super::{CREATE, DELETE, EDIT, READ, VIEW, action, function, known};
use crate::access;
use crate::cx::{Cx, Folder, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{At, Nothing, Operation, Page};
use crate::roles;

/// The folder that a request moves, and the one it is moved under; none for the top.
fn places(
    cx: &mut Cx<'_, '_>,
    source: i64,
    target: Option<i64>,
) -> Result<(Folder, Option<Folder>)> {
    known(cx, source)?;
    let source = access::managed(cx.tx, cx.caller, &DELETE, source)?;
    let target = match target {
        Some(id) => {
            access::managed(cx.tx, cx.caller, &CREATE, id)?;
            Some(access::managed(cx.tx, cx.caller, &EDIT, id)?)
        }
        None => {
            for need in [&CREATE, &EDIT] {
                if !access::has_in_tenant(cx.tx, cx.caller, need)? {
                    return Err(access::forbidden(need));
                }
            }
            None
        }
    };
    Ok((source, target))
}

/// Moves a folder, with all below it, under another one.
#[odata::input]
pub struct MoveFolder {
    #[edm(key)]
    id: i64,
    /// Number of the folder above; without one it moves to the top.
    #[edm(query)]
    target_parent_id: Option<i64>,
}

impl Operation for MoveFolder {
    const AT: At = action("MoveFolder").method("PUT").needs(DELETE);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let (source, target) = places(cx, self.id, self.target_parent_id)?;
        check(cx.tx, &source, target.as_ref())?;
        if let Some(target) = &target {
            check_joins(cx, source.id, target.id)?;
        }
        let row = cx.tx.row(
            "SELECT display_name FROM folders WHERE id = $1",
            &[source.id.into()],
        )?;
        let name: String = row.ok_or_else(|| Error::not_found("Folder"))?.get(0)?;
        let parent = target.as_ref().map(|t| t.id);
        cx.tx.exec(
            "UPDATE folders SET parent_id = $2 WHERE id = $1",
            &[source.id.into(), parent.into()],
        )?;
        hang(cx.tx, source.id, parent)?;
        let path = path_below(target.as_ref().map(|t| t.path.as_str()), &name);
        rebase(cx.tx, source.id, &source.path, &path).map_err(|e| e.name_taken(&name))?;
        // Accounts and machines are inherited from other folders now.
        cx.hint(Hint::Identities);
        cx.hint(Hint::Dispatch);
        Ok(Nothing)
    }
}

fn check(tx: &mut Tx<'_>, source: &Folder, target: Option<&Folder>) -> Result<()> {
    check_editable(tx, source.id)?;
    if !source.modern || target.is_some_and(|t| !t.modern) {
        return Err(Error::refused(
            Code::ClassicFoldersCannotBeInvolvedInMoveOperation,
            "Classic folders have no place in a tree: they cannot be moved, nor take others.",
        ));
    }
    let Some(target) = target else { return Ok(()) };
    check_editable(tx, target.id)?;
    let below = "SELECT 1 FROM folder_tree WHERE folder_id = $1 AND ancestor_id = $2";
    if tx
        .row(below, &[target.id.into(), source.id.into()])?
        .is_some()
    {
        return Err(Error::refused(
            Code::CannotMoveToDescendantFolder,
            "A folder cannot be moved under itself or a folder below it.",
        ));
    }
    let row = tx.row(
        "SELECT (SELECT COUNT(*) FROM folder_tree WHERE folder_id = $1)
             + (SELECT MAX(distance) + 1 FROM folder_tree WHERE ancestor_id = $2)",
        &[target.id.into(), source.id.into()],
    )?;
    let depth: i64 = row.map(|r| r.get(0)).transpose()?.unwrap_or_default();
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(())
}

/// The accounts of the folder above come along: jobs of the folder may run as them.
fn check_joins(cx: &mut Cx<'_, '_>, source: i64, target: i64) -> Result<()> {
    let accounts: Vec<i64> = cx.tx.all(
        "SELECT DISTINCT fu.user_id FROM folder_tree ft
         JOIN folder_users fu ON fu.folder_id = ft.ancestor_id WHERE ft.folder_id = $1",
        &[target.into()],
    )?;
    for account in accounts {
        roles::check_joins(cx, account, source)?;
    }
    Ok(())
}

/// Cuts the tree below `id` off and hangs it under `parent`.
fn hang(tx: &mut Tx<'_>, id: i64, parent: Option<i64>) -> Result<()> {
    tx.exec(
        "DELETE FROM folder_tree
         WHERE folder_id IN (SELECT d.folder_id FROM folder_tree d WHERE d.ancestor_id = $1)
             AND ancestor_id NOT IN (SELECT d.folder_id FROM folder_tree d WHERE d.ancestor_id = $1)",
        &[id.into()],
    )?;
    let Some(parent) = parent else { return Ok(()) };
    tx.exec(
        "INSERT INTO folder_tree (folder_id, ancestor_id, distance)
         SELECT d.folder_id, a.ancestor_id, d.distance + a.distance + 1
         FROM folder_tree d JOIN folder_tree a ON a.folder_id = $2 WHERE d.ancestor_id = $1",
        &[id.into(), parent.into()],
    )?;
    Ok(())
}

edm_enum! {
    /// How a machine is tied to a folder.
    pub enum MachineFolderState {
        Unknown = 0, NotAssigned = 1, Assigned = 2, Inherited = 3, EroAcrError = 4,
        ServerlessError = 5
    }
}

/// The machines whose tie to the folder `{source}` changes when it is moved under `{parent}`.
const CHANGES: &str = "(SELECT c.* FROM (SELECT m.id AS machine_id, m.tenant_id,
        m.name AS machine_name,
        CAST(CASE WHEN a.is_assigned THEN 2 WHEN a.was_inherited THEN 3 ELSE 1 END AS BIGINT)
            AS old_state,
        CAST(CASE WHEN a.is_assigned THEN 2 WHEN a.is_inherited THEN 3 ELSE 1 END AS BIGINT)
            AS new_state
    FROM machines m JOIN (SELECT x.id,
            EXISTS (SELECT 1 FROM folder_machines fm
                WHERE fm.folder_id = {source} AND fm.machine_id = x.id) AS is_assigned,
            EXISTS (SELECT 1 FROM folder_tree ft
                JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id AND fm.machine_id = x.id
                WHERE ft.folder_id = {source} AND ft.distance > 0 AND fm.propagate)
                AS was_inherited,
            EXISTS (SELECT 1 FROM folder_tree ft
                JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id AND fm.machine_id = x.id
                WHERE ft.folder_id = {parent} AND fm.propagate) AS is_inherited
        FROM machines x) a ON a.id = m.id) c WHERE c.old_state <> c.new_state)";

/// What moving a folder changes for a machine.
#[odata::entity(set = "MoveFolderMachineChanges", name = "MoveFolderMachineChange", table = CHANGES, key = "MachineId", scope = tenant, order = "MachineName")]
pub struct MoveFolderMachineChange {
    /// The machine.
    pub machine_id: i64,
    /// Its name.
    pub machine_name: String,
    /// How it is tied to the folder.
    #[edm(column = "old_state")]
    pub old_machine_folder_state: MachineFolderState,
    /// How it will be.
    #[edm(column = "new_state")]
    pub new_machine_folder_state: MachineFolderState,
}

/// The machines whose tie to a folder would change if it were moved.
#[odata::input]
pub struct GetMoveFolderMachinesChanges {
    /// Number of the folder.
    #[edm(query, required)]
    folder_id: i64,
    /// Number of the folder above; without one it would move to the top.
    #[edm(query)]
    target_parent_id: Option<i64>,
}

impl Operation for GetMoveFolderMachinesChanges {
    const AT: At = function("GetMoveFolderMachinesChanges").needs(READ);
    type Answer = Page<MoveFolderMachineChange>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let (source, target) = places(cx, self.folder_id, self.target_parent_id)?;
        check(cx.tx, &source, target.as_ref())?;
        let page = Page::all()
            .var("source", source.id)
            .var("parent", target.map(|t| t.id));
        Ok(page.named("MoveFolderMachineChange"))
    }
}

/// Folders below `{root}` to which the machine `{machine}` is assigned themselves.
const HAVE_MACHINE: &str = "EXISTS (SELECT 1 FROM folder_tree ft
        WHERE ft.folder_id = {t}.id AND ft.ancestor_id = {root} AND ft.distance > 0)
    AND EXISTS (SELECT 1 FROM folder_machines fm
        WHERE fm.folder_id = {t}.id AND fm.machine_id = {machine})";

/// The folders below another one to which a machine is assigned themselves.
#[odata::input]
pub struct GetSubfoldersWithAssignedMachine {
    /// Number of the folder above.
    #[edm(query, required)]
    root_folder_id: i64,
    /// Number of the machine.
    #[edm(query, required)]
    machine_id: i64,
}

impl Operation for GetSubfoldersWithAssignedMachine {
    const AT: At = function("GetSubfoldersWithAssignedMachine").needs(READ);
    type Answer = Page<super::Folder>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let root = access::managed(cx.tx, cx.caller, &VIEW, self.root_folder_id)?;
        let page = Page::of(HAVE_MACHINE).var("root", root.id);
        Ok(page.var("machine", self.machine_id))
    }
}
