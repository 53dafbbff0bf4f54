//! Folders: the tree that everything else lives in, and who and what is assigned to it.
//!
//! A "modern" folder is `Automatic` + `FineGrained`: roles and machines are assigned to it and
//! inherited below it. A classic one (`Manual` + `InheritFromTenant`) has no children.

mod assign;
mod create;
mod edit;
mod entities;
mod machines;
mod navigation;
mod relocate;
mod units;
mod users;

use odata::edm::{Edm, EntitySet, Kind};

use crate::access::{self, FolderHeader};
use crate::audit::{AuditComponent, Audited};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, Run, plain};

pub use assign::assign_user;
pub(crate) use assign::{Unit, are_units_of_user, set_units_of_user};
pub use create::{NewFolder, insert};
pub use edit::{delete_by_key, patch_name_description};
pub use entities::{FeedType, Folder, FolderType, MachineFolder, PermissionModel, ProvisionType};
pub use machines::assign_machine;
pub use navigation::{all_for_current_user, context, for_current_user, tree};
pub use units::{OPS as UNIT_OPS, RESOURCE as UNITS};
pub use users::roles_of_user;

/// Seeing folders: of the tenant, or those in which a role gives it.
pub const VIEW: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::View), ("SubFolders", Access::View)],
    false,
);
/// Changing folders, likewise.
pub const EDIT: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Edit), ("SubFolders", Access::Edit)],
    true,
);
const CREATE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Create), ("SubFolders", Access::Create)],
    true,
);

/// Removing folders, likewise.
pub const DELETE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Delete), ("SubFolders", Access::Delete)],
    true,
);

/// Whoever is assigned to a folder may read it: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Folders", &[], false);

/// How the audit log tells of folders.
static AUDITED: Audited =
    Audited::new(AuditComponent::Folders, &Folder::SET, "folder").name("fully_qualified_name");

/// Whom navigation lets in at the door; the functions check the rest themselves.
const SEE: Need = Need::new("OR.Folders", &[], false);

/// The set.
pub static RESOURCE: Resource = Resource::new(&Folder::SET, VIEW)
    .folder(FolderRule::Named)
    .list(list)
    .get_with(READ, read)
    .create(Command::new(CREATE, create::create))
    .replace(Command::new(EDIT, edit::replace))
    .delete(Command::new(DELETE, edit::delete));

/// An action that the function checks folder by folder.
const fn action(name: &'static str, need: Need, run: Run) -> Op {
    Op::action("Folders", name, need, run).folder(FolderRule::Named)
}

/// A function, likewise.
const fn function(name: &'static str, need: Need, run: Run) -> Op {
    Op::function("Folders", name, need, run).folder(FolderRule::Named)
}

/// Its functions and actions.
pub const OPS: &[Op] = &[
    function("GetByKey", READ, get_by_key)
        .params(&[("identifier", "Edm.Guid")])
        .returns("FolderDto"),
    function("GetMachinesForFolder", VIEW, machines::get_for_folder)
        .params(&[("key", "Edm.Int64")])
        .returns("Collection(MachineFolderDto)"),
    action("AssignMachines", EDIT, machines::assign)
        .params(&[("assignments", "MachineAssignmentsDto")]),
    action("UpdateMachinesToFolderAssociations", EDIT, machines::update)
        .params(&[("associations", "MachinesFolderAssociationsDto")]),
    action("RemoveMachinesFromFolder", EDIT, machines::remove)
        .bound()
        .params(&[("machineIds", "Collection(Edm.Int64)")]),
    action("ToggleFolderMachineInherit", EDIT, machines::toggle_inherit)
        .params(&[
            ("MachineId", "Edm.Int64"),
            ("FolderId", "Edm.Int64"),
            ("InheritEnabled", "Edm.Boolean"),
        ])
        .answers(200),
    action("SetMachineRobots", EDIT, machines::set_robots)
        .params(&[("associations", "MachineRobotsAssociationsDto")]),
    function("GetUsersForFolder", users::VIEW, users::get_for_folder)
        .params(&[("key", "Edm.Int64"), ("includeInherited", "Edm.Boolean")])
        .returns("Collection(UserRolesDto)"),
    function("GetAllRolesForUser", VIEW, users::get_all_roles)
        .params(&[
            ("username", "Edm.String"),
            ("skip", "Edm.Int32"),
            ("take", "Edm.Int32"),
        ])
        .returns("UserRoleAssignmentsDto"),
    action("AssignUsers", EDIT, assign::assign_users)
        .params(&[("assignments", "UserAssignmentsDto")]),
    action("AssignDomainUser", EDIT, assign::assign_directory_user)
        .params(&[("assignment", "DomainUserAssignmentDto")]),
    action("AssignDirectoryUser", EDIT, assign::assign_directory_user)
        .params(&[("assignment", "DomainUserAssignmentDto")]),
    action("RemoveUserFromFolder", EDIT, assign::remove_user)
        .bound()
        .params(&[("userId", "Edm.Int64")]),
    action(
        "RemoveUserFromFolderByKey",
        EDIT,
        assign::remove_user_by_key,
    )
    .bound()
    .params(&[("userKey", "Edm.Guid")]),
    action("MoveFolder", DELETE, relocate::move_folder)
        .bound()
        .method("PUT")
        .params(&[("targetParentId", "Edm.Int64")]),
    function("GetMoveFolderMachinesChanges", READ, relocate::get_changes)
        .params(&[("folderId", "Edm.Int64"), ("targetParentId", "Edm.Int64")])
        .returns("Collection(MoveFolderMachineChange)"),
    function(
        "GetSubfoldersWithAssignedMachine",
        READ,
        relocate::get_subfolders_with_machine,
    )
    .params(&[("rootFolderId", "Edm.Int64"), ("machineId", "Edm.Int64")])
    .returns("Collection(FolderDto)"),
    Op::plain(
        plain("GET", "api/Folders/GetAllForCurrentUser").needs(SEE),
        navigation::all_for_current_user,
    ),
    Op::plain(
        plain("PATCH", "api/Folders/PatchNameDescription")
            .needs(EDIT)
            .folder(FolderRule::Named),
        edit::patch_name_description,
    ),
    Op::plain(
        plain("DELETE", "api/Folders/DeleteByKey")
            .needs(DELETE)
            .folder(FolderRule::Named),
        edit::delete_by_key,
    ),
    Op::plain(
        plain("GET", "api/FoldersNavigation/GetFoldersForCurrentUser").needs(SEE),
        navigation::for_current_user,
    ),
    Op::plain(
        plain("GET", "api/FoldersNavigation/GetAllFoldersForCurrentUser").needs(SEE),
        navigation::tree,
    ),
    Op::plain(
        plain(
            "GET",
            "api/FoldersNavigation/GetFolderNavigationContextForCurrentUser",
        )
        .needs(SEE),
        navigation::context,
    ),
    Op::plain(
        plain("GET", "api/FoldersNavigation/GetAllRolesForUser")
            .needs(VIEW)
            .folder(FolderRule::Named),
        users::roles_of_user,
    ),
];

/// Sets that only operations show.
pub const RESULTS: &[&EntitySet] = &[
    &MachineFolder::SET,
    &users::UserRoles::SET,
    &relocate::MoveFolderMachineChange::SET,
];

/// Structures that only its operations use.
pub const TYPES: &[Kind] = &[
    <assign::UserAssignments as Edm>::KIND,
    <assign::DirectoryAssignment as Edm>::KIND,
    <machines::MachineAssignments as Edm>::KIND,
    <machines::Associations as Edm>::KIND,
    <machines::MachineRobots as Edm>::KIND,
    <users::UserRoleAssignments as Edm>::KIND,
];

/// Folders in which a role gives the caller one of the permissions.
const OWN: &str = "EXISTS (SELECT 1 FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {user}
    JOIN role_permissions p ON p.role_id = fur.role_id
    WHERE ft.folder_id = {t}.id AND p.permission IN ('Units.View', 'SubFolders.View'))";

/// `GET /odata/Folders`: all of them with the permission for the tenant, else those in which a role
/// gives it. Who has it nowhere is refused at the door instead of being told that there are no folders;
/// robots and people without it find the folders that they are assigned to at
/// `/api/FoldersNavigation`, where SDKs look for them, and by the headers that name a folder.
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &Folder::SET)?;
    let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
    let vars = [("user", cx.caller.account().into())];
    let restrict = (!all).then_some(OWN);
    let listing = Listing {
        restrict,
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&Folder::SET, &query, &listing)?))
}

/// The id, if the tenant has such a folder.
fn known(cx: &mut Cx<'_, '_>, id: i64) -> Result<i64> {
    let known = "SELECT 1 FROM folders WHERE id = $1 AND tenant_id = $2";
    let found = cx.tx.row(known, &[id.into(), cx.caller.tenant.into()])?;
    found.map(|_| id).ok_or_else(|| Error::not_found("Folder"))
}

/// `GET /odata/Folders(id)`
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = known(cx, args.id()?)?;
    show(cx, args, id)
}

/// `GetByKey(identifier=…)`
fn get_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = edit::by_key(cx, args.guid("identifier")?)?;
    show(cx, args, id)
}

/// One folder, for whoever sees all of them or is assigned to it.
fn show(cx: &mut Cx<'_, '_>, args: &Args, id: i64) -> Result<Reply> {
    if !access::has_in_tenant(cx.tx, cx.caller, &VIEW)? {
        let named = FolderHeader {
            id: Some(id),
            ..FolderHeader::default()
        };
        access::resolve(cx.tx, cx.caller, &named)?;
    }
    let query = args.options(cx, &Folder::SET)?;
    Ok(Reply::json(cx.entity_with(
        &Folder::SET,
        &id.into(),
        &query,
        &[],
    )?))
}
