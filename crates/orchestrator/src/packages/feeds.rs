//! Feeds: where packages are kept. A tenant has one for processes and one for libraries; folders
//! and personal workspaces have none of their own yet.

use db::Tx;
use nupkg::Package;
use odata::Guid;
use serde::Serialize;

use crate::access::{self, FolderHeader};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, Json, Need, Operation, plain};

/// What asking for feeds asks of the caller.
const FEEDS: Need = Need::new("OR.Execution", &[], false);

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

/// A feed as the API shows it.
#[odata::complex(name = "PackageFeedDto")]
#[derive(Debug, Clone, Serialize)]
pub struct PackageFeed {
    /// Its id.
    #[edm(name = "id")]
    id: String,
    /// Its name for people.
    #[edm(name = "name")]
    name: String,
    /// `Processes` or `Libraries`.
    #[edm(name = "purpose")]
    purpose: String,
    /// Whether other tenants see it, too.
    #[edm(name = "isShared")]
    is_shared: bool,
    /// Whether anybody may read it.
    #[edm(name = "isPublic")]
    is_public: bool,
    /// Whether it is kept elsewhere.
    #[edm(name = "isExternal")]
    is_external: bool,
    /// The folder that it belongs to.
    #[edm(name = "folderId")]
    folder_id: Option<i64>,
}

/// The feeds of the tenant.
#[odata::input]
pub struct GetFeeds;

impl Operation for GetFeeds {
    const AT: At = plain("GET", "api/PackageFeeds/GetFeeds").needs(FEEDS);
    type Answer = Json<Vec<PackageFeed>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Json<Vec<PackageFeed>>> {
        Ok(Json(vec![
            shown(cx, Feed::Processes)?,
            shown(cx, Feed::Libraries)?,
        ]))
    }
}

/// The feeds of the tenant that hold libraries.
#[odata::input]
pub struct GetLibraryFeeds;

impl Operation for GetLibraryFeeds {
    const AT: At = plain("GET", "api/PackageFeeds/GetLibraryFeeds").needs(FEEDS);
    type Answer = Json<Vec<PackageFeed>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Json<Vec<PackageFeed>>> {
        Ok(Json(vec![shown(cx, Feed::Libraries)?]))
    }
}

/// The id of the feed that a folder has of its own; none has one yet.
#[odata::input]
pub struct GetFolderFeed {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
}

impl Operation for GetFolderFeed {
    const AT: At = plain("GET", "api/PackageFeeds/GetFolderFeed").needs(FEEDS);
    type Answer = Json<Option<String>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Json<Option<String>>> {
        let header = FolderHeader {
            id: Some(self.folder_id),
            ..FolderHeader::default()
        };
        access::resolve(cx.tx, cx.caller, &header)?;
        Ok(Json(None))
    }
}

fn shown(cx: &mut Cx<'_, '_>, feed: Feed) -> Result<PackageFeed> {
    let purpose = match feed {
        Feed::Processes => "Processes",
        Feed::Libraries => "Libraries",
    };
    Ok(PackageFeed {
        id: feed.id(cx.tx, cx.caller.tenant)?,
        name: format!("Orchestrator Tenant {purpose} Feed"),
        purpose: purpose.to_owned(),
        is_shared: false,
        is_public: false,
        is_external: false,
        folder_id: None,
    })
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
