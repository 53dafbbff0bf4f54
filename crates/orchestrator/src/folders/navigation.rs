//! The folders of whoever asks, as consoles and SDKs show them. Being assigned is enough: no
//! permission is asked for.

use std::collections::{HashMap, HashSet};

use odata::Guid;
use odata::edm::{self, Complex, ComplexType, Edm, Kind, Prop};
use serde::Serialize;

use super::users::SimpleFolder;
use super::{FeedType, FolderType, PermissionModel, ProvisionType, SEE};
use crate::access;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{At, Json, Operation, plain};

/// The largest page.
const MAX_PAGE: usize = 1000;

/// What all answers show of a folder.
#[odata::complex]
#[derive(Clone, Serialize)]
struct FolderShown {
    /// Stable across changes of the licence plan, unlike the id.
    key: Guid,
    /// The last segment of the path.
    display_name: String,
    /// The path.
    fully_qualified_name: String,
    /// For people.
    description: Option<String>,
    /// What it is for.
    folder_type: FolderType,
    /// Whether it is somebody's workspace.
    is_personal: bool,
    /// Modern or classic.
    provision_type: ProvisionType,
    /// Modern or classic.
    permission_model: PermissionModel,
    /// The folder above.
    parent_id: Option<i64>,
    /// Key of the folder above.
    parent_key: Option<Guid>,
    /// Where its packages come from.
    feed_type: FeedType,
    /// Number of the folder.
    id: i64,
}

/// A folder, with what an answer shows of it besides.
#[derive(Serialize)]
pub struct FolderWith<T> {
    #[serde(flatten)]
    more: T,
    #[serde(flatten)]
    folder: FolderShown,
}

/// The place of a folder in the tree that the caller sees.
#[odata::complex]
#[derive(Serialize)]
pub struct TreePlace {
    /// Whether the caller may enter it.
    is_selectable: bool,
    /// Whether the caller sees folders below it.
    has_children: bool,
    /// How many folders are above it.
    level: i32,
}

/// The way to a folder.
#[odata::complex]
#[derive(Serialize)]
pub struct FolderPath {
    /// The path.
    folder_path: String,
}

/// The members of a folder in the tree.
const EXTENDED: [Prop; FolderShown::TYPE.props.len() + TreePlace::TYPE.props.len()] =
    edm::extended(FolderShown::TYPE.props, "Key", TreePlace::TYPE.props);
/// The members of a folder with the way to it.
const PATH_AWARE: [Prop; FolderShown::TYPE.props.len() + FolderPath::TYPE.props.len()] =
    edm::extended(FolderShown::TYPE.props, "Key", FolderPath::TYPE.props);

impl Complex for FolderWith<TreePlace> {
    const TYPE: &'static ComplexType = &ComplexType {
        name: "ExtendedFolderDto",
        props: &EXTENDED,
        open: false,
    };
}

impl Complex for FolderWith<FolderPath> {
    const TYPE: &'static ComplexType = &ComplexType {
        name: "PathAwareFolderDto",
        props: &PATH_AWARE,
        open: false,
    };
}

impl<T> Edm for FolderWith<T>
where
    Self: Complex,
{
    const KIND: Kind = Kind::Complex(Self::TYPE);
}

/// A folder of the caller.
#[odata::complex(name = "CurrentUserFolderDto")]
#[derive(Serialize)]
pub struct CurrentUserFolder {
    /// Stable across changes of the licence plan, unlike the id.
    key: Guid,
    /// The last segment of the path.
    display_name: String,
    /// The path.
    fully_qualified_name: String,
    /// For people.
    description: Option<String>,
    /// What it is for.
    folder_type: FolderType,
    /// The folder above.
    parent_id: Option<i64>,
    /// Key of the folder above.
    parent_key: Option<Guid>,
    /// Number of the folder.
    id: i64,
}

/// A page of the caller's folders.
#[odata::complex(name = "PageResultDtoOfCurrentUserFolderDto")]
#[derive(Serialize)]
pub struct CurrentUserFolders {
    /// The folders.
    page_items: Vec<CurrentUserFolder>,
    /// How many there are on all pages.
    count: i32,
}

/// A page of folders with the ways to them.
#[odata::complex(name = "PageResultDtoOfPathAwareFolderDto")]
#[derive(Serialize)]
pub struct PathAwareFolders {
    /// The folders.
    page_items: Vec<FolderWith<FolderPath>>,
    /// How many there are on all pages.
    count: i32,
}

/// A folder with the way to it, and what is below it.
#[odata::complex(name = "FolderNavigationContextDto")]
#[derive(Serialize)]
pub struct NavigationContext {
    /// Number of the folder; none at the top.
    id: Option<i64>,
    /// The last segment of its path.
    display_name: Option<String>,
    /// Whether the caller may enter it.
    is_selectable: bool,
    /// Whether it is somebody's workspace.
    is_personal: bool,
    /// Modern or classic.
    provision_type: Option<ProvisionType>,
    /// The folders above it, from the top down.
    ancestors: Vec<SimpleFolder>,
    /// A page of the folders right below it.
    children_page: Vec<FolderWith<TreePlace>>,
    /// How many there are on all pages.
    children_count: i64,
}

/// A folder of the tenant, and whether the caller may enter it.
struct Node {
    own: bool,
    level: i32,
    has_children: bool,
    folder: FolderShown,
}

impl Node {
    fn with<T>(&self, more: T) -> FolderWith<T> {
        FolderWith {
            more,
            folder: self.folder.clone(),
        }
    }

    fn extended(&self) -> FolderWith<TreePlace> {
        self.with(TreePlace {
            is_selectable: self.own,
            has_children: self.has_children,
            level: self.level,
        })
    }

    fn simple(&self) -> SimpleFolder {
        SimpleFolder {
            display_name: self.folder.display_name.clone(),
            fully_qualified_name: self.folder.fully_qualified_name.clone(),
            id: self.folder.id,
        }
    }
}

/// The part of a list that a request asks for: of all of it at most the largest page.
pub(super) fn page<T>(
    all: impl Iterator<Item = T>,
    skip: Option<i32>,
    take: Option<i32>,
) -> impl Iterator<Item = T> {
    let number = |value: i32| usize::try_from(value).unwrap_or_default();
    all.skip(skip.map_or(0, number))
        .take(take.map_or(MAX_PAGE, number))
}

/// A number of entries, as answers tell it.
pub(super) fn count<T>(all: &[T]) -> i32 {
    i32::try_from(all.len()).unwrap_or(i32::MAX)
}

/// All folders of the tenant by their paths: a parent stands before its children.
fn nodes(cx: &mut Cx<'_, '_>) -> Result<Vec<Node>> {
    let sql = format!(
        "SELECT f.id, f.key, f.display_name, f.fully_qualified_name, f.description, f.folder_type,
             f.provision_type, f.permission_model, f.parent_id, p.key AS parent_key,
             f.feed_type,
             (SELECT COUNT(*) FROM folder_tree up WHERE up.folder_id = f.id) AS level,
             EXISTS (SELECT 1 FROM folders c WHERE c.parent_id = f.id) AS has_children,
             {own} AS own
         FROM folders f LEFT JOIN folders p ON p.id = f.parent_id
         WHERE f.tenant_id = $1 ORDER BY fold(f.fully_qualified_name)",
        own = access::entered_by("$2")
    );
    let rows = cx
        .tx
        .rows(&sql, &[cx.caller.tenant.into(), cx.caller.user().into()])?;
    let node = |row: &db::Row| {
        let folder_type: FolderType = row.get("folder_type")?;
        Ok(Node {
            own: row.get("own")?,
            level: row.get::<i32>("level")? - 1,
            has_children: row.get("has_children")?,
            folder: FolderShown {
                key: row.get("key")?,
                display_name: row.get("display_name")?,
                fully_qualified_name: row.get("fully_qualified_name")?,
                description: row.get("description")?,
                folder_type,
                is_personal: folder_type == FolderType::Personal,
                provision_type: row.get("provision_type")?,
                permission_model: row.get("permission_model")?,
                parent_id: row.get("parent_id")?,
                parent_key: row.get("parent_key")?,
                feed_type: row.get("feed_type")?,
                id: row.get("id")?,
            },
        })
    };
    rows.iter().map(node).collect()
}

/// Refuses applications, as the original does: they are nobody who could be assigned to folders.
pub(super) fn people_only(cx: &Cx<'_, '_>) -> Result<()> {
    match cx.caller.user() {
        Some(_) => Ok(()),
        None => Err(Error::Forbidden {
            needed: "the token of a user".into(),
        }),
    }
}

/// The folders that the caller may enter; none for an application.
#[odata::input]
pub struct GetAllForCurrentUser {
    /// How many are left out at the start.
    #[edm(range = "0..=2147483647")]
    skip: Option<i32>,
    /// How many are shown at most.
    #[edm(range = "0..=1000")]
    take: Option<i32>,
}

impl Operation for GetAllForCurrentUser {
    const AT: At = plain("GET", "api/Folders/GetAllForCurrentUser").needs(SEE);
    type Answer = Json<CurrentUserFolders>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let mut own = match cx.caller.client() {
            Some(_) => Vec::new(),
            None => nodes(cx)?,
        };
        own.retain(|node| node.own);
        let count = count(&own);
        let shown = page(own.into_iter(), self.skip, self.take).map(|node| {
            let folder = node.folder;
            CurrentUserFolder {
                key: folder.key,
                display_name: folder.display_name,
                fully_qualified_name: folder.fully_qualified_name,
                description: folder.description,
                folder_type: folder.folder_type,
                parent_id: folder.parent_id,
                parent_key: folder.parent_key,
                id: folder.id,
            }
        });
        Ok(Json(CurrentUserFolders {
            page_items: shown.collect(),
            count,
        }))
    }
}

/// The folders that the caller may enter, with the ways to them. Applications are refused.
#[odata::input]
pub struct GetFoldersForCurrentUser {
    /// How many are left out at the start.
    #[edm(range = "0..=2147483647")]
    skip: Option<i32>,
    /// How many are shown at most.
    #[edm(range = "0..=1000")]
    take: Option<i32>,
    /// A part of the name.
    search_text: String,
    /// What the folders are for: members of FolderType.
    folder_types: Vec<String>,
}

impl Operation for GetFoldersForCurrentUser {
    const AT: At = plain("GET", "api/FoldersNavigation/GetFoldersForCurrentUser").needs(SEE);
    type Answer = Json<PathAwareFolders>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        people_only(cx)?;
        let search = self.search_text.to_lowercase();
        let types = self.folder_types.iter().map(|text| {
            FolderType::parse(text).ok_or_else(|| {
                Error::invalid("The field folderTypes must hold members of FolderType.")
            })
        });
        let types: Vec<FolderType> = types.collect::<Result<_>>()?;
        let mut found = nodes(cx)?;
        found.retain(|node| {
            let named = node.folder.display_name.to_lowercase().contains(&search);
            let wanted = types.is_empty() || types.contains(&node.folder.folder_type);
            node.own && named && wanted
        });
        let shown = page(found.iter(), self.skip, self.take).map(|node| {
            let folder_path = node.folder.fully_qualified_name.clone();
            node.with(FolderPath { folder_path })
        });
        Ok(Json(PathAwareFolders {
            page_items: shown.collect(),
            count: count(&found),
        }))
    }
}

/// The folders that the caller may enter, and those above them, which cannot be selected. Applications
/// are refused.
#[odata::input]
pub struct GetAllFoldersForCurrentUser;

impl Operation for GetAllFoldersForCurrentUser {
    const AT: At = plain("GET", "api/FoldersNavigation/GetAllFoldersForCurrentUser").needs(SEE);
    type Answer = Json<Vec<FolderWith<TreePlace>>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        people_only(cx)?;
        let nodes = reachable(nodes(cx)?);
        Ok(Json(nodes.iter().map(Node::extended).collect()))
    }
}

/// The folders that the caller may enter, and those on the way to them.
fn reachable(mut nodes: Vec<Node>) -> Vec<Node> {
    let parents: HashMap<i64, Option<i64>> = nodes
        .iter()
        .map(|n| (n.folder.id, n.folder.parent_id))
        .collect();
    let mut shown = HashSet::new();
    for node in nodes.iter().filter(|node| node.own) {
        let mut at = Some(node.folder.id);
        while let Some(id) = at.filter(|id| shown.insert(*id)) {
            at = parents.get(&id).copied().flatten();
        }
    }
    nodes.retain(|node| shown.contains(&node.folder.id));
    let parents: HashSet<i64> = nodes.iter().filter_map(|n| n.folder.parent_id).collect();
    for node in &mut nodes {
        node.has_children = parents.contains(&node.folder.id);
    }
    nodes
}

/// One folder with the way to it and a page of its children; without a folder those at the top.
/// Applications are refused.
#[odata::input]
pub struct GetFolderNavigationContextForCurrentUser {
    /// How many children are left out at the start.
    #[edm(range = "0..=2147483647")]
    skip: Option<i32>,
    /// How many children are shown at most.
    #[edm(range = "0..=1000")]
    take: Option<i32>,
    /// Number of the folder.
    folder_id: Option<i64>,
}

impl Operation for GetFolderNavigationContextForCurrentUser {
    const AT: At = plain(
        "GET",
        "api/FoldersNavigation/GetFolderNavigationContextForCurrentUser",
    )
    .needs(SEE);
    type Answer = Json<NavigationContext>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        people_only(cx)?;
        let nodes = reachable(nodes(cx)?);
        let here = match self.folder_id {
            Some(id) => {
                let found = nodes.iter().find(|node| node.folder.id == id);
                Some(found.ok_or_else(|| Error::not_found("Folder"))?)
            }
            None => None,
        };
        let mut ancestors = Vec::new();
        let mut at = here.and_then(|node| node.folder.parent_id);
        while let Some(parent) = nodes.iter().find(|node| Some(node.folder.id) == at) {
            ancestors.insert(0, parent.simple());
            at = parent.folder.parent_id;
        }
        let id = here.map(|node| node.folder.id);
        let below = |node: &&Node| node.folder.parent_id == id;
        let children: Vec<&Node> = nodes.iter().filter(below).collect();
        let shown = page(children.iter(), self.skip, self.take);
        Ok(Json(NavigationContext {
            id,
            display_name: here.map(|node| node.folder.display_name.clone()),
            is_selectable: here.is_some_and(|node| node.own),
            is_personal: here.is_some_and(|node| node.folder.is_personal),
            provision_type: here.map(|node| node.folder.provision_type),
            ancestors,
            children_page: shown.map(|node| node.extended()).collect(),
            children_count: i64::from(count(&children)),
        }))
    }
}
