//! Feeds: where packages are kept. A tenant has one for processes and one for libraries; folders
//! and personal workspaces have none of their own yet.

use db::Tx;
use nupkg::Package;
use odata::Guid;
use serde_json::{Value, json};

use crate::access::{self, FolderHeader};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::Need;

/// What asking for feeds asks of the caller.
pub const FEEDS: Need = Need::new("OR.Execution", &[], false);

/// A feed of a tenant, by what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// Packages that releases are made of.
    Processes,
    /// Packages that other packages are made of.
    Libraries,
}

impl Feed {
    /// The feed behind an entity set.
    #[must_use]
    pub fn of_set(set: &str) -> Self {
        if set.eq_ignore_ascii_case("Libraries") {
            Self::Libraries
        } else {
            Self::Processes
        }
    }

    /// The id of the feed: the tenant's key, for libraries with its last bit turned, so that it
    /// needs no table and never changes.
    ///
    /// # Errors
    /// The store's.
    pub fn id(self, tx: &mut Tx<'_>, tenant: i64) -> Result<String> {
        let row = tx.row("SELECT key FROM tenants WHERE id = $1", &[tenant.into()])?;
        let key: String = row.ok_or_else(|| Error::not_found("Tenant"))?.get(0)?;
        if self == Self::Processes {
            return Ok(key);
        }
        let key: Guid = key
            .parse()
            .map_err(|_| Error::Internal("the key of a tenant is no GUID".into()))?;
        Ok(Guid(key.0 ^ 1).to_string())
    }

    /// The id of the feed that a request means: the one it names, which must be this, or none.
    ///
    /// # Errors
    /// 1002 for another feed.
    pub fn requested(self, tx: &mut Tx<'_>, tenant: i64, id: Option<&str>) -> Result<String> {
        let own = self.id(tx, tenant)?;
        match id {
            Some(id) if !id.is_empty() && !id.eq_ignore_ascii_case(&own) => {
                Err(Error::not_found("Feed"))
            }
            _ => Ok(own),
        }
    }

    /// Refuses a package of the other kind. One that does not say what it is, as plain NuGet
    /// packages do not, fits everywhere.
    ///
    /// # Errors
    /// 400 that says where it belongs.
    pub fn check(self, package: &Package) -> Result<()> {
        let (wrong, name, other) = match self {
            Self::Processes => (is_library(package), "library", "Libraries"),
            Self::Libraries => (is_process(package), "process", "Processes"),
        };
        if !wrong {
            return Ok(());
        }
        Err(Error::refused(
            Code::PublishIsNotAllowedForThisPackageType,
            format!(
                "Package {} is a {name}: upload it with {other}/UploadPackage.",
                package.id
            ),
        ))
    }
}

/// `GET /api/PackageFeeds/GetFeeds`
///
/// # Errors
/// The store's.
pub fn get_feeds(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    let feeds = [shown(cx, Feed::Processes)?, shown(cx, Feed::Libraries)?];
    Ok(Reply::json(json!(feeds).to_string().into_bytes()))
}

/// `GET /api/PackageFeeds/GetLibraryFeeds`
///
/// # Errors
/// The store's.
pub fn get_library_feeds(cx: &mut Cx<'_, '_>, _: &Args) -> Result<Reply> {
    let feeds = [shown(cx, Feed::Libraries)?];
    Ok(Reply::json(json!(feeds).to_string().into_bytes()))
}

/// `GET /api/PackageFeeds/GetFolderFeed?folderId=…`: the folder's own feed; none has one yet.
///
/// # Errors
/// 1100 for a folder that is not the caller's.
pub fn get_folder_feed(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let header = FolderHeader {
        id: Some(args.int("folderId")?),
        ..FolderHeader::default()
    };
    access::resolve(cx.tx, cx.caller, &header)?;
    Ok(Reply::json(b"null".to_vec()))
}

fn shown(cx: &mut Cx<'_, '_>, feed: Feed) -> Result<Value> {
    let purpose = match feed {
        Feed::Processes => "Processes",
        Feed::Libraries => "Libraries",
    };
    Ok(json!({
        "id": feed.id(cx.tx, cx.caller.tenant)?,
        "name": format!("Orchestrator Tenant {purpose} Feed"),
        "purpose": purpose,
        "isShared": false,
        "isPublic": false,
        "isExternal": false,
        "folderId": Value::Null,
    }))
}

/// Whether a package says that it is a library.
pub(super) fn is_library(package: &Package) -> bool {
    let says = |text: &Option<String>| {
        text.as_ref()
            .is_some_and(|t| t.to_ascii_lowercase().ends_with("library"))
    };
    says(&package.project_type) || says(&package.content_type)
}

fn is_process(package: &Package) -> bool {
    let project = package.project_type.is_some() || package.content_type.is_some();
    !is_library(package) && (project || !package.entry_points.is_empty())
}
