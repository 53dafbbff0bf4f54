//! Folders: the tree that everything else lives in, and who and what is assigned to it.
//!
//! A "modern" folder is `Automatic` + `FineGrained`: roles and machines are assigned to it and
//! inherited below it. A classic one (`Manual` + `InheritFromTenant`) has no children.

mod assign;
mod entities;

use db::Tx;
use odata::Guid;
use serde::Deserialize;

use crate::access;
use crate::cx::{Args, Cx, Identity, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, Need, Op, Resource};

pub use assign::{assign_machine, assign_user};
pub use entities::{FeedType, Folder, FolderType, MachineFolder, PermissionModel, ProvisionType};

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

/// The operations check folder by folder: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Folders", &[], false);
const WRITE: Need = Need::new("OR.Folders", &[], true);

/// Folders below one root, the root included.
const MAX_DEPTH: i64 = 7;

/// The set.
pub static RESOURCE: Resource = Resource::new(&Folder::SET, READ)
    .list(list)
    .get(read)
    .create(Command::new(WRITE, create));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function(
        "Folders",
        "GetMachinesForFolder",
        READ,
        get_machines_for_folder,
    )
    .params(&[("key", "Edm.Int64")])
    .returns("Collection(MachineFolder)"),
    Op::action("Folders", "AssignMachines", WRITE, assign::assign_machines)
        .params(&[("assignments", "MachineAssignmentsDto")]),
    Op::action("Folders", "AssignUsers", WRITE, assign::assign_users)
        .params(&[("assignments", "UserAssignmentsDto")]),
];

/// Folders in which a role gives the caller one of the permissions.
const OWN: &str = "EXISTS (SELECT 1 FROM folder_tree ft
    JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {user}
    JOIN role_permissions p ON p.role_id = fur.role_id
    WHERE ft.folder_id = {t}.id AND p.permission IN ('Units.View', 'SubFolders.View'))";

/// `GET /odata/Folders`: all of them with the permission for the tenant, else the caller's own.
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(&Folder::SET)?;
    let all = access::has_in_tenant(cx.tx, cx.caller, &VIEW)?;
    if !all && cx.caller.user().is_none() {
        return Err(access::forbidden(&VIEW));
    }
    let vars = [("user", cx.caller.user().into())];
    let restrict = (!all).then_some(OWN);
    let listing = Listing {
        restrict,
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&Folder::SET, &query, &listing)?))
}

/// `GET /odata/Folders(id)`
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    let known = "SELECT 1 FROM folders WHERE id = $1 AND tenant_id = $2";
    if cx
        .tx
        .row(known, &[id.into(), cx.caller.tenant.into()])?
        .is_none()
    {
        return Err(Error::not_found("Folder"));
    }
    access::managed(cx.tx, cx.caller, &VIEW, id)?;
    let query = args.options(&Folder::SET)?;
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
    let path = match folder.parent {
        Some(parent) => format!("{}/{}", path_of(tx, parent)?, folder.display_name),
        None => folder.display_name.clone(),
    };
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
    if let (None, Identity::User { id: user }) = (folder.parent, &cx.caller.identity) {
        let role = crate::roles::id(cx.tx, cx.caller.tenant, crate::roles::FOLDER_ADMINISTRATOR)?;
        assign_user(cx.tx, id, *user, &[role])?;
    }
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
        return Err(Error::refused(
            Code::MaximumFolderHierarchyDepthReached,
            format!("Folders can be nested {MAX_DEPTH} levels deep."),
        ));
    }
    Ok(true)
}

/// `GetMachinesForFolder(key=…)`: the tenant's machines with what ties each of them to the folder,
/// assigned ones first.
fn get_machines_for_folder(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let folder = access::managed(cx.tx, cx.caller, &VIEW, args.int("key")?)?;
    let query = args.options(&MachineFolder::SET)?;
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
