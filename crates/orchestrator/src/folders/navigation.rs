//! The folders of whoever asks, as consoles and SDKs show them. Being assigned is enough: no
//! permission is asked for.

use std::collections::{HashMap, HashSet};

use serde_json::{Value as Json, json};

use super::{FeedType, FolderType, PermissionModel, ProvisionType};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Error, Result};

/// The largest page.
const MAX_PAGE: i64 = 1000;

/// A folder of the tenant, and whether the caller may enter it.
struct Node {
    id: i64,
    parent: Option<i64>,
    own: bool,
    level: usize,
    has_children: bool,
    /// The members that every answer shows, in their order.
    shown: Json,
    path: String,
    folder_type: FolderType,
    provision_type: ProvisionType,
}

impl Node {
    fn text(&self, member: &str) -> &str {
        self.shown[member].as_str().unwrap_or_default()
    }

    fn with(&self, more: Json) -> Json {
        let mut all = more;
        if let (Some(all), Json::Object(shown)) = (all.as_object_mut(), &self.shown) {
            all.extend(shown.clone());
        }
        all
    }

    fn extended(&self) -> Json {
        self.with(json!({
            "IsSelectable": self.own,
            "HasChildren": self.has_children,
            "Level": self.level,
        }))
    }

    fn simple(&self) -> Json {
        json!({
            "DisplayName": self.shown["DisplayName"],
            "FullyQualifiedName": self.path,
            "Id": self.id,
        })
    }
}

/// `skip` and `take` of a request.
///
/// # Errors
/// 1009 outside of 0 to 1000.
pub(super) fn paging(args: &Args) -> Result<(usize, usize)> {
    let number = |name: &str, default: i64, most: i64| {
        let value = match args.param(name) {
            Some(_) => args.int(name)?,
            None => default,
        };
        usize::try_from(value)
            .ok()
            .filter(|_| value <= most)
            .ok_or_else(|| Error::invalid(format!("The field {name} must be between 0 and {most}")))
    };
    Ok((
        number("skip", 0, i64::from(i32::MAX))?,
        number("take", MAX_PAGE, MAX_PAGE)?,
    ))
}

/// All folders of the tenant by their paths: a parent stands before its children.
fn nodes(cx: &mut Cx<'_, '_>) -> Result<Vec<Node>> {
    let rows = cx.tx.rows(
        "SELECT f.id, f.key, f.display_name, f.fully_qualified_name, f.description, f.folder_type,
             f.provision_type, f.permission_model, f.parent_id, p.key AS parent_key,
             f.feed_type,
             (SELECT COUNT(*) FROM folder_tree up WHERE up.folder_id = f.id) AS level,
             EXISTS (SELECT 1 FROM folders c WHERE c.parent_id = f.id) AS has_children,
             f.permission_model = 0 OR EXISTS (SELECT 1 FROM folder_tree ft
                 JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = $2
                 WHERE ft.folder_id = f.id) AS own
         FROM folders f LEFT JOIN folders p ON p.id = f.parent_id
         WHERE f.tenant_id = $1 ORDER BY fold(f.fully_qualified_name)",
        &[cx.caller.tenant.into(), cx.caller.user().into()],
    )?;
    let node = |row: &db::Row| {
        let folder_type =
            FolderType::from_i64(row.get("folder_type")?).unwrap_or(FolderType::Standard);
        let provision_type =
            ProvisionType::from_i64(row.get("provision_type")?).unwrap_or(ProvisionType::Automatic);
        let permission_model = PermissionModel::from_i64(row.get("permission_model")?);
        let (id, parent, path): (i64, Option<i64>, String) = (
            row.get("id")?,
            row.get("parent_id")?,
            row.get("fully_qualified_name")?,
        );
        let level: i64 = row.get("level")?;
        let shown = json!({
            "Key": row.get::<String>("key")?,
            "DisplayName": row.get::<String>("display_name")?,
            "FullyQualifiedName": path,
            "Description": row.get::<Option<String>>("description")?,
            "FolderType": folder_type.name(),
            "IsPersonal": folder_type == FolderType::Personal,
            "ProvisionType": provision_type.name(),
            "PermissionModel": permission_model.map(PermissionModel::name),
            "ParentId": parent,
            "ParentKey": row.get::<Option<String>>("parent_key")?,
            "FeedType": FeedType::from_i64(row.get("feed_type")?).map(FeedType::name),
            "Id": id,
        });
        Ok(Node {
            id,
            parent,
            own: row.get("own")?,
            level: usize::try_from(level - 1).unwrap_or_default(),
            has_children: row.get("has_children")?,
            shown,
            path,
            folder_type,
            provision_type,
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

fn document(body: &Json) -> Reply {
    Reply::json(body.to_string().into_bytes())
}

/// `GET /api/Folders/GetAllForCurrentUser?take=…&skip=…`; empty for an application.
///
/// # Errors
/// 1009 for a page that is none.
pub fn all_for_current_user(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    const MEMBERS: &[&str] = &[
        "Key",
        "DisplayName",
        "FullyQualifiedName",
        "Description",
        "FolderType",
        "ParentId",
        "ParentKey",
        "Id",
    ];
    let (skip, take) = paging(args)?;
    let mut own = match cx.caller.client() {
        Some(_) => Vec::new(),
        None => nodes(cx)?,
    };
    own.retain(|node| node.own);
    let page = own.iter().skip(skip).take(take).map(|node| {
        let members = MEMBERS
            .iter()
            .map(|m| ((*m).to_owned(), node.shown[*m].clone()));
        Json::Object(members.collect())
    });
    Ok(document(
        &json!({"PageItems": page.collect::<Vec<_>>(), "Count": own.len()}),
    ))
}

/// `GET /api/FoldersNavigation/GetFoldersForCurrentUser?searchText=…&folderTypes=…`
///
/// # Errors
/// 403 for an application; 1009 for a page or a type that is none.
pub fn for_current_user(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    people_only(cx)?;
    let (skip, take) = paging(args)?;
    let search = args.optional_text("searchText")?;
    let search = search.unwrap_or_default().to_lowercase();
    let mut types = Vec::new();
    for (_, value) in args
        .params
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("folderTypes"))
    {
        let odata::path::Literal::Bare(text) = value else {
            continue;
        };
        for text in text.split(',') {
            types.push(FolderType::parse(text).ok_or_else(|| {
                Error::invalid("The field folderTypes must hold members of FolderType.")
            })?);
        }
    }
    let mut found = nodes(cx)?;
    found.retain(|node| {
        let named = node.text("DisplayName").to_lowercase().contains(&search);
        node.own && named && (types.is_empty() || types.contains(&node.folder_type))
    });
    let page = found.iter().skip(skip).take(take);
    let page: Vec<_> = page
        .map(|node| node.with(json!({"FolderPath": node.path})))
        .collect();
    Ok(document(&json!({"PageItems": page, "Count": found.len()})))
}

/// `GET /api/FoldersNavigation/GetAllFoldersForCurrentUser`: the caller's folders, and those above
/// them, which cannot be selected.
///
/// # Errors
/// 403 for an application.
pub fn tree(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    people_only(cx)?;
    let nodes = reachable(nodes(cx)?);
    let list: Vec<_> = nodes.iter().map(Node::extended).collect();
    Ok(document(&Json::Array(list)))
}

/// The folders that the caller may enter, and those on the way to them.
fn reachable(mut nodes: Vec<Node>) -> Vec<Node> {
    let parents: HashMap<i64, Option<i64>> = nodes.iter().map(|n| (n.id, n.parent)).collect();
    let mut shown = HashSet::new();
    for node in nodes.iter().filter(|node| node.own) {
        let mut at = Some(node.id);
        while let Some(id) = at.filter(|id| shown.insert(*id)) {
            at = parents.get(&id).copied().flatten();
        }
    }
    nodes.retain(|node| shown.contains(&node.id));
    let parents: HashSet<i64> = nodes.iter().filter_map(|n| n.parent).collect();
    for node in &mut nodes {
        node.has_children = parents.contains(&node.id);
    }
    nodes
}

/// `GET /api/FoldersNavigation/GetFolderNavigationContextForCurrentUser?folderId=…`: one folder with
/// the way to it and a page of its children; without a folder the top ones.
///
/// # Errors
/// 403 for an application; 1002 for a folder that the caller cannot see.
pub fn context(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    people_only(cx)?;
    let (skip, take) = paging(args)?;
    let nodes = reachable(nodes(cx)?);
    let here = match args.optional_int("folderId")? {
        Some(id) => {
            let found = nodes.iter().find(|node| node.id == id);
            Some(found.ok_or_else(|| Error::not_found("Folder"))?)
        }
        None => None,
    };
    let mut ancestors = Vec::new();
    let mut at = here.and_then(|node| node.parent);
    while let Some(parent) = nodes.iter().find(|node| Some(node.id) == at) {
        ancestors.insert(0, parent.simple());
        at = parent.parent;
    }
    let id = here.map(|node| node.id);
    let children: Vec<&Node> = nodes.iter().filter(|node| node.parent == id).collect();
    let page: Vec<_> = children
        .iter()
        .skip(skip)
        .take(take)
        .map(|n| n.extended())
        .collect();
    Ok(document(&json!({
        "Id": id,
        "DisplayName": here.map(|node| node.text("DisplayName")),
        "IsSelectable": here.is_some_and(|node| node.own),
        "IsPersonal": here.is_some_and(|node| node.folder_type == FolderType::Personal),
        "ProvisionType": here.map(|node| node.provision_type.name()),
        "Ancestors": ancestors,
        "ChildrenPage": page,
        "ChildrenCount": children.len(),
    })))
}
