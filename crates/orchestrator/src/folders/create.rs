//! Making folders: what a new one may be, and its place in the tree.

use db::{Tx, Value};
use odata::{Changes, Guid};

use super::{CREATE, FeedType, FolderType, PermissionModel, ProvisionType, assign_user};
use crate::access::{self, By};
use crate::body::given;
use crate::cx::{Cx, Folder as Place, Identity};
use crate::error::{Code, Error, Result};
use crate::roles;

/// Folders below one root, the root included.
pub(super) const MAX_DEPTH: i64 = 7;

/// A folder to create.
#[derive(Debug, Clone)]
pub struct NewFolder {
    /// Its stable key.
    pub key: Guid,
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
    pub fn root(key: Guid, name: &str) -> Self {
        Self {
            key,
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
        .insert_into(
            "folders",
            [
                ("tenant_id", tenant.into()),
                ("key", folder.key.into()),
                ("display_name", folder.display_name.as_str().into()),
                ("fully_qualified_name", path.as_str().into()),
                ("fully_qualified_name_orderable", path.into()),
                ("description", folder.description.clone().into()),
                ("folder_type", FolderType::Standard.into()),
                ("provision_type", provision.into()),
                ("permission_model", permission.into()),
                ("feed_type", folder.feed_type.into()),
                ("parent_id", folder.parent.into()),
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
pub(super) fn path_below(parent: Option<&str>, name: &str) -> String {
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

/// What a body says of a new folder beyond its name and description.
struct Wanted {
    provision_type: Option<ProvisionType>,
    permission_model: Option<PermissionModel>,
    parent_id: Option<i64>,
    parent_key: Option<String>,
}

/// The text that a column gets.
fn text(folder: &Changes, column: &str) -> Option<String> {
    match folder.get(column) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The number that a column gets.
fn number(folder: &Changes, column: &str) -> Option<i64> {
    match folder.get(column) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    }
}

/// `POST /odata/Folders`. A root folder must say both what provisions its robots and where its
/// permissions come from; a child takes both from its parent. Who creates a root folder becomes
/// its Folder Administrator.
pub(super) fn create(cx: &mut Cx<'_, '_>, folder: Changes) -> Result<i64> {
    let name = text(&folder, "display_name").unwrap_or_default();
    check_name(&name)?;
    check_type(number(&folder, "folder_type").and_then(FolderType::from_i64))?;
    let wanted = Wanted {
        provision_type: number(&folder, "provision_type").and_then(ProvisionType::from_i64),
        permission_model: number(&folder, "permission_model").and_then(PermissionModel::from_i64),
        parent_id: number(&folder, "parent_id"),
        parent_key: parent_key(&folder)?,
    };
    let parent = parent(cx, &wanted)?;
    let modern = match &parent {
        Some(parent) => {
            check_child(&wanted)?;
            parent.modern
        }
        None if access::has_in_tenant(cx.tx, cx.caller, &CREATE)? => check_root(&wanted)?,
        None => return Err(access::forbidden(&CREATE)),
    };
    let feed = number(&folder, "feed_type").and_then(FeedType::from_i64);
    let folder = NewFolder {
        key: cx.key(),
        display_name: name,
        description: text(&folder, "description"),
        modern,
        feed_type: feed.unwrap_or(FeedType::Processes),
        parent: parent.map(|parent| parent.id),
    };
    let id = insert(cx.tx, cx.caller.tenant, &folder)?;
    let creator = match cx.caller.identity {
        Identity::User { .. } | Identity::Application { .. } => cx.caller.account(),
        _ => None,
    };
    if let (None, Some(user)) = (folder.parent, creator) {
        let role = roles::id(cx.tx, cx.caller.tenant, roles::FOLDER_ADMINISTRATOR)?;
        assign_user(cx.tx, id, user, &[role])?;
    }
    Ok(id)
}

/// The key of the folder above, as a body gives it: no column holds it.
pub(super) fn parent_key(folder: &Changes) -> Result<Option<String>> {
    given(folder, "ParentKey")
}

/// Folders of other types come with what they are for.
fn check_type(given: Option<FolderType>) -> Result<()> {
    match given {
        None | Some(FolderType::Standard) => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "The FolderType of a new folder is Standard; none of type {} can be made.",
            other.name()
        ))),
    }
}

/// Refuses what is no segment of a path.
pub(super) fn check_name(name: &str) -> Result<()> {
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

fn check_root(wanted: &Wanted) -> Result<bool> {
    use {PermissionModel as M, ProvisionType as P};
    match (wanted.provision_type, wanted.permission_model) {
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

/// A child is provisioned as its parent, and decides its permissions itself.
fn check_child(wanted: &Wanted) -> Result<()> {
    let provision = wanted.provision_type.unwrap_or(ProvisionType::Automatic);
    let permission = wanted
        .permission_model
        .unwrap_or(PermissionModel::FineGrained);
    if (provision, permission) == (ProvisionType::Automatic, PermissionModel::FineGrained) {
        return Ok(());
    }
    Err(Error::invalid(
        "A subfolder has ProvisionType Automatic and PermissionModel FineGrained, as its parent.",
    ))
}

/// The folder under which a new one is made, which may have children. A body names it by `ParentId`,
/// by `ParentKey`, or by both.
fn parent(cx: &mut Cx<'_, '_>, wanted: &Wanted) -> Result<Option<Place>> {
    let named = match (wanted.parent_key.as_deref(), wanted.parent_id) {
        (Some(key), _) => By::Key(key),
        (None, Some(id)) => By::Id(id),
        (None, None) => return Ok(None),
    };
    let folder = access::managed_as(cx.tx, cx.caller, &CREATE, &named)?;
    if wanted.parent_id.is_some_and(|id| id != folder.id) {
        return Err(Error::invalid(
            "ParentId and ParentKey name two folders: leave one of them out.",
        ));
    }
    if !folder.modern {
        return Err(Error::refused(
            Code::NoHierarchyAllowedForClassicFolders,
            "A classic folder cannot have subfolders.",
        ));
    }
    let row = cx.tx.row(
        "SELECT COUNT(*) FROM folder_tree WHERE folder_id = $1",
        &[folder.id.into()],
    )?;
    let depth: i64 = row.map(|r| r.get(0)).transpose()?.unwrap_or_default();
    if depth >= MAX_DEPTH {
        return Err(too_deep());
    }
    Ok(Some(folder))
}

/// The refusal of a tree with too many levels.
pub(super) fn too_deep() -> Error {
    Error::refused(
        Code::MaximumFolderHierarchyDepthReached,
        format!("Folders can be nested {MAX_DEPTH} levels deep."),
    )
}
