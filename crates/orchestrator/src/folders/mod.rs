//! Folders: the tree that everything else lives in, and who and what is assigned to it.
//!
//! A "modern" folder is `Automatic` + `FineGrained`: roles and machines are assigned to it and
//! inherited below it. A classic one (`Manual` + `InheritFromTenant`) has no children.

mod assign;
mod edit;
mod entities;
mod machines;
mod navigation;
mod relocate;
mod units;
mod users;

use db::Tx;
use odata::Guid;
use odata::edm::{Edm, EntitySet, Kind};
use serde::Deserialize;

use crate::access;
use crate::audit::{self, AuditAction, AuditComponent, Audited};
use crate::cx::{Args, Cx, Identity, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, Need, Op, Resource};

pub use assign::assign_user;
pub use edit::{delete_by_key, patch_name_description};
pub use entities::{FeedType, Folder, FolderType, MachineFolder, PermissionModel, ProvisionType};
pub use machines::assign_machine;
pub use navigation::{all_for_current_user, context, for_current_user, tree};
pub use units::{OPS as UNIT_OPS, RESOURCE as UNITS};
pub use users::roles_of_user;

const VIEW: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::View), ("SubFolders", Access::View)],
    false,
);
const EDIT: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Edit), ("SubFolders", Access::Edit)],
    true,
);
const CREATE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Create), ("SubFolders", Access::Create)],
    true,
);

const DELETE: Need = Need::new(
    "OR.Folders",
    &[("Units", Access::Delete), ("SubFolders", Access::Delete)],
    true,
);

/// The operations check folder by folder: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Folders", &[], false);
const WRITE: Need = Need::new("OR.Folders", &[], true);

/// Folders below one root, the root included.
const MAX_DEPTH: i64 = 7;

/// How the audit log tells of folders.
static AUDITED: Audited =
    Audited::new(AuditComponent::Folders, &Folder::SET, "folder").name("fully_qualified_name");

/// The set.
pub static RESOURCE: Resource = Resource::new(&Folder::SET, READ)
    .list(list)
    .get(read)
    .create(Command::new(WRITE, create))
    .replace(Command::new(WRITE, edit::replace))
    .delete(Command::new(WRITE, edit::delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function("Folders", "GetByKey", READ, get_by_key)
        .params(&[("identifier", "Edm.Guid")])
        .returns("FolderDto"),
    Op::function(
        "Folders",
        "GetMachinesForFolder",
        READ,
        machines::get_for_folder,
    )
    .params(&[("key", "Edm.Int64")])
    .returns("Collection(MachineFolderDto)"),
    Op::action("Folders", "AssignMachines", WRITE, machines::assign)
        .params(&[("assignments", "MachineAssignmentsDto")]),
    Op::action(
        "Folders",
        "UpdateMachinesToFolderAssociations",
        WRITE,
        machines::update,
    )
    .params(&[("associations", "MachinesFolderAssociationsDto")]),
    Op::action(
        "Folders",
        "RemoveMachinesFromFolder",
        WRITE,
        machines::remove,
    )
    .bound()
    .params(&[("machineIds", "Collection(Edm.Int64)")]),
    Op::action(
        "Folders",
        "ToggleFolderMachineInherit",
        WRITE,
        machines::toggle_inherit,
    )
    .params(&[
        ("MachineId", "Edm.Int64"),
        ("FolderId", "Edm.Int64"),
        ("InheritEnabled", "Edm.Boolean"),
    ])
    .answers(200),
    Op::action("Folders", "SetMachineRobots", WRITE, machines::set_robots)
        .params(&[("associations", "MachineRobotsAssociationsDto")]),
    Op::function("Folders", "GetUsersForFolder", READ, users::get_for_folder)
        .params(&[("key", "Edm.Int64"), ("includeInherited", "Edm.Boolean")])
        .returns("Collection(UserRolesDto)"),
    Op::function("Folders", "GetAllRolesForUser", READ, users::get_all_roles)
        .params(&[
            ("username", "Edm.String"),
            ("skip", "Edm.Int32"),
            ("take", "Edm.Int32"),
        ])
        .returns("UserRoleAssignmentsDto"),
    Op::action("Folders", "AssignUsers", WRITE, assign::assign_users)
        .params(&[("assignments", "UserAssignmentsDto")]),
    Op::action(
        "Folders",
        "AssignDomainUser",
        WRITE,
        assign::assign_directory_user,
    )
    .params(&[("assignment", "DomainUserAssignmentDto")]),
    Op::action(
        "Folders",
        "AssignDirectoryUser",
        WRITE,
        assign::assign_directory_user,
    )
    .params(&[("assignment", "DomainUserAssignmentDto")]),
    Op::action(
        "Folders",
        "RemoveUserFromFolder",
        WRITE,
        assign::remove_user,
    )
    .bound()
    .params(&[("userId", "Edm.Int64")]),
    Op::action(
        "Folders",
        "RemoveUserFromFolderByKey",
        WRITE,
        assign::remove_user_by_key,
    )
    .bound()
    .params(&[("userKey", "Edm.Guid")]),
    Op::action("Folders", "MoveFolder", WRITE, relocate::move_folder)
        .bound()
        .method("PUT")
        .params(&[("targetParentId", "Edm.Int64")]),
    Op::function(
        "Folders",
        "GetMoveFolderMachinesChanges",
        READ,
        relocate::get_changes,
    )
    .params(&[("folderId", "Edm.Int64"), ("targetParentId", "Edm.Int64")])
    .returns("Collection(MoveFolderMachineChange)"),
    Op::function(
        "Folders",
        "GetSubfoldersWithAssignedMachine",
        READ,
        relocate::get_subfolders_with_machine,
    )
    .params(&[("rootFolderId", "Edm.Int64"), ("machineId", "Edm.Int64")])
    .returns("Collection(FolderDto)"),
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

/// `GET /odata/Folders`: all of them with the permission for the tenant, else the caller's own.
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &Folder::SET)?;
    let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
    if !all && cx.caller.account().is_none() {
        return Err(access::forbidden(&VIEW));
    }
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

fn show(cx: &mut Cx<'_, '_>, args: &Args, id: i64) -> Result<Reply> {
    access::managed(cx.tx, cx.caller, &VIEW, id)?;
    let query = args.options(cx, &Folder::SET)?;
    Ok(Reply::json(cx.entity_with(
        &Folder::SET,
        &id.into(),
        &query,
        &[],
    )?))
}

/// A folder to create.
#[derive(Debug, Clone)]
pub struct NewFolder {
    /// One segment of the path.
    pub display_name: String,
    /// For people.
    pub description: Option<String>,
    /// Modern or classic.
    pub modern: bool,
    /// Which feed it gets its packages from.
    pub feed_type: FeedType,
    /// The folder above.
    pub parent: Option<i64>,
}

impl NewFolder {
    /// A modern top-level folder on the tenant's feed.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Self {
            display_name: name.into(),
            description: None,
            modern: true,
            feed_type: FeedType::Processes,
            parent: None,
        }
    }
}

/// Writes a folder and its place in the tree; the caller has checked the rules.
///
/// # Errors
/// 1001 when the path is taken; the store's.
pub fn insert(tx: &mut Tx<'_>, tenant: i64, folder: &NewFolder) -> Result<i64> {
    let parent = match folder.parent {
        Some(parent) => Some(path_of(tx, parent)?),
        None => None,
    };
    let path = path_below(parent.as_deref(), &folder.display_name);
    let (provision, permission) = if folder.modern {
        (ProvisionType::Automatic, PermissionModel::FineGrained)
    } else {
        (ProvisionType::Manual, PermissionModel::InheritFromTenant)
    };
    let id = tx
        .insert(
            "INSERT INTO folders (tenant_id, key, display_name, fully_qualified_name,
                 fully_qualified_name_orderable, description, folder_type, provision_type,
                 permission_model, feed_type, parent_id)
             VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10) RETURNING id",
            &[
                tenant.into(),
                Guid::random().into(),
                folder.display_name.as_str().into(),
                path.into(),
                folder.description.clone().into(),
                FolderType::Standard.into(),
                provision.into(),
                permission.into(),
                folder.feed_type.into(),
                folder.parent.into(),
            ],
        )
        .map_err(|e| Error::from(e).name_taken(&folder.display_name))?;
    tx.exec(
        "INSERT INTO folder_tree (folder_id, ancestor_id, distance) VALUES ($1, $1, 0)",
        &[id.into()],
    )?;
    if let Some(parent) = folder.parent {
        tx.exec(
            "INSERT INTO folder_tree (folder_id, ancestor_id, distance)
             SELECT $1, ancestor_id, distance + 1 FROM folder_tree WHERE folder_id = $2",
            &[id.into(), parent.into()],
        )?;
    }
    Ok(id)
}

/// The path of a folder called `name` under the one with the path `parent`.
fn path_below(parent: Option<&str>, name: &str) -> String {
    match parent {
        Some(parent) => format!("{parent}/{name}"),
        None => name.to_owned(),
    }
}

fn path_of(tx: &mut Tx<'_>, id: i64) -> Result<String> {
    let row = tx.row(
        "SELECT fully_qualified_name FROM folders WHERE id = $1",
        &[id.into()],
    )?;
    Ok(row.ok_or_else(|| Error::not_found("Folder"))?.get(0)?)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FolderDto {
    display_name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    provision_type: Option<ProvisionType>,
    #[serde(default)]
    permission_model: Option<PermissionModel>,
    #[serde(default)]
    feed_type: Option<FeedType>,
    #[serde(default)]
    parent_id: Option<i64>,
}

/// `POST /odata/Folders`. A root folder must say both what provisions its robots and where its
/// permissions come from; a child takes both from its parent. Who creates a root folder becomes
/// its Folder Administrator.
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let dto: FolderDto = args.body("folderDto")?;
    check_name(&dto.display_name)?;
    let modern = match dto.parent_id {
        Some(parent) => check_parent(cx, parent)?,
        None if access::has_in_tenant(cx.tx, cx.caller, &CREATE)? => check_root(&dto)?,
        None => return Err(access::forbidden(&CREATE)),
    };
    let folder = NewFolder {
        display_name: dto.display_name,
        description: dto.description,
        modern,
        feed_type: dto.feed_type.unwrap_or(FeedType::Processes),
        parent: dto.parent_id,
    };
    let id = insert(cx.tx, cx.caller.tenant, &folder)?;
    let creator = match cx.caller.identity {
        Identity::User { .. } | Identity::Application { .. } => cx.caller.account(),
        _ => None,
    };
    if let (None, Some(user)) = (folder.parent, creator) {
        let role = crate::roles::id(cx.tx, cx.caller.tenant, crate::roles::FOLDER_ADMINISTRATOR)?;
        assign_user(cx.tx, id, user, &[role])?;
    }
    audit::done(cx, &AUDITED, AuditAction::Create, id)?;
    Ok(Reply::created(cx.entity(&Folder::SET, id, &[])?))
}

fn check_name(name: &str) -> Result<()> {
    let bad = name.trim() != name
        || name.is_empty()
        || name == "."
        || name == ".."
        || name.chars().any(|c| c.is_control() || "/\\".contains(c));
    if bad {
        return Err(Error::refused(
            Code::InvalidFolderDisplayName,
            format!(
                "'{name}' is not a folder name: it must not be empty, be '.' or '..', contain / or \\, or start or end with a blank."
            ),
        ));
    }
    Ok(())
}

fn check_root(dto: &FolderDto) -> Result<bool> {
    use {PermissionModel as M, ProvisionType as P};
    match (dto.provision_type, dto.permission_model) {
        (Some(P::Automatic), Some(M::FineGrained)) => Ok(true),
        (Some(P::Manual), Some(M::InheritFromTenant)) => Ok(false),
        (Some(_), Some(_)) => Err(Error::refused(
            Code::MandatoryPropertiesForRootFolderNotSpecified,
            "ProvisionType Automatic goes with PermissionModel FineGrained, Manual with InheritFromTenant.",
        )),
        _ => Err(Error::refused(
            Code::MandatoryPropertiesForRootFolderNotSpecified,
            "A root folder needs ProvisionType and PermissionModel.",
        )),
    }
}

/// Whether the parent is modern, after checking that it may have children.
fn check_parent(cx: &mut Cx<'_, '_>, parent: i64) -> Result<bool> {
    let folder = access::managed(cx.tx, cx.caller, &CREATE, parent)?;
    if !folder.modern {
        return Err(Error::refused(
            Code::NoHierarchyAllowedForClassicFolders,
            "A classic folder cannot have subfolders.",
        ));
    }
    let depth: i64 = cx
        .tx
        .row(
            "SELECT COUNT(*) FROM folder_tree WHERE folder_id = $1",
            &[parent.into()],
        )?
        .map(|r| r.get(0))
        .transpose()?
        .unwrap_or_default();
    if depth >= MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(true)
}

fn too_deep() -> Error {
    Error::refused(
        Code::MaximumFolderHierarchyDepthReached,
        format!("Folders can be nested {MAX_DEPTH} levels deep."),
    )
}
