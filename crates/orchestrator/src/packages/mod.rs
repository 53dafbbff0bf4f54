//! Packages: versions of automations in a feed. The API calls them "Processes" for history's sake;
//! a process in today's words is a release. Libraries are packages in a feed of their own.

mod entities;
mod feeds;
mod publish;
mod removal;
mod versions;

use db::Tx;
use nupkg::Version;
use odata::edm::Entity;

use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, File, Need, Nothing, Op, Page, Resource, Verb, edge, op};

use crate::feature::Feature;
pub use entities::{
    Arguments, EntryPoint, Package, ProcessType, ProjectType, ReleaseTargetFramework,
};
pub use feeds::Feed;
pub use publish::{Upload, new_blob_key, publish};
pub(crate) use removal::remove;
pub use versions::{UploadPackage, UploadedFile};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("packages")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["package_entry_points", "packages"]);

const VIEW: Need = Need::new("OR.Execution", &[("Packages", Access::View)], false);
const UPLOAD: Need = Need::new("OR.Execution", &[("Packages", Access::Create)], true);
const EDIT: Need = Need::new("OR.Execution", &[("Packages", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Execution", &[("Packages", Access::Delete)], true);
/// Robots fetch what their jobs run without a permission of their own.
const DOWNLOAD: Need = Need::new("OR.Execution", &[], false);

/// The set: the latest version of every package.
pub static RESOURCE: Resource = Resource::new(&Package::SET, VIEW)
    .list::<ListPackages>()
    .delete(Command::verb::<DeletePackage>(DELETE));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<versions::GetProcessVersions>(),
    op::<versions::GetArguments>(),
    op::<versions::GetPackageEntryPoints>(),
    op::<versions::GetPackageMainEntryPoint>(),
    op::<versions::DownloadPackage>(),
    op::<versions::SetArguments>(),
    edge::<UploadPackage>(),
    op::<feeds::GetFeeds>(),
    op::<feeds::GetLibraryFeeds>(),
    op::<feeds::GetFolderFeed>(),
];

/// The latest version of every package in a feed.
#[odata::input]
pub struct ListPackages {
    /// What is in the id or the description.
    search_term: Option<String>,
    /// The feed, if it is not the tenant's.
    feed_id: Option<String>,
}

impl Verb for ListPackages {
    type Answer = Page<Package>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Package>> {
        let (feed, term) = (self.feed_id.as_deref(), self.search_term.as_deref());
        latest(cx, Feed::Processes, feed, term)
    }
}

/// Removes a version of a package, or all that there are.
#[odata::input]
pub struct DeletePackage {
    /// `Id:Version`, or `Id` for all versions.
    #[edm(key)]
    key: String,
    /// The feed, if it is not the tenant's.
    feed_id: Option<String>,
}

impl Verb for DeletePackage {
    type Answer = Nothing;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        remove(cx, Feed::Processes, self.feed_id.as_deref(), &self.key)
    }
}

const LATEST: &str = "{t}.feed_id = {feed} AND {t}.is_latest";
const SEARCHED: &str = "{t}.feed_id = {feed} AND {t}.is_latest
     AND (fold({t}.package_id) LIKE fold({like}) ESCAPE '!'
         OR fold({t}.description) LIKE fold({like}) ESCAPE '!')";
const VERSIONS: &str = "{t}.feed_id = {feed} AND fold({t}.package_id) = fold({package})
     AND {t}.deletion_time IS NULL";

/// The latest version of every package in a feed, or of those in which a term is found.
pub(crate) fn latest<S: Entity>(
    cx: &mut Cx<'_, '_>,
    kind: Feed,
    feed: Option<&str>,
    term: Option<&str>,
) -> Result<Page<S>> {
    let feed = kind.requested(cx.tx, cx.caller.tenant, feed)?;
    let term = term.filter(|t| !t.is_empty());
    let like = term.map(|t| format!("%{}%", escape_like(t)));
    let which = if term.is_some() { SEARCHED } else { LATEST };
    Ok(Page::of(which).var("feed", feed).var("like", like))
}

fn escape_like(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '!' | '%' | '_') {
            out.push('!');
        }
        out.push(c);
    }
    out
}

/// All versions of a package, newest first.
pub(crate) fn versions<S: Entity>(
    cx: &mut Cx<'_, '_>,
    kind: Feed,
    feed: Option<&str>,
    package: &str,
) -> Result<Page<S>> {
    let feed = kind.requested(cx.tx, cx.caller.tenant, feed)?;
    Ok(Page::of(VERSIONS).var("feed", feed).var("package", package))
}

/// The file of the version that a key means.
pub(crate) fn download(
    cx: &mut Cx<'_, '_>,
    kind: Feed,
    feed: Option<&str>,
    key: &str,
) -> Result<File> {
    let found = named(cx, kind, feed, key)?;
    Ok(File {
        blob: found.blob,
        name: format!("{}.{}.nupkg", found.package_id, found.version),
    })
}

/// The version that a key means.
fn named(cx: &mut Cx<'_, '_>, kind: Feed, feed: Option<&str>, key: &str) -> Result<Found> {
    let (id, version) = split_key(key)?;
    let feed = kind.requested(cx.tx, cx.caller.tenant, feed)?;
    let found = find(cx.tx, cx.caller.tenant, &feed, id, version)?;
    found.ok_or_else(|| no_package(key))
}

fn no_package(key: &str) -> Error {
    Error::refused(
        Code::PackageNotFound,
        format!("Package {key} does not exist."),
    )
}

/// A version in the form by which versions are found, so that `1.0` finds `1.0.0`.
fn normalized(version: &str) -> Option<String> {
    let version: Version = version.parse().ok()?;
    Some(version.normalized())
}

/// Splits `Id:Version`.
fn split_key(key: &str) -> Result<(&str, &str)> {
    key.rsplit_once(':')
        .filter(|(id, version)| !id.is_empty() && !version.is_empty())
        .ok_or_else(|| {
            Error::refused(
                Code::InvalidRequest,
                format!("'{key}' is not a package key: use Id:Version."),
            )
        })
}

/// A package version, as other features need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `packages.id`
    pub id: i64,
    /// Its id in the spelling of the upload.
    pub package_id: String,
    /// Its version in the spelling of the upload.
    pub version: String,
    /// Where its file is.
    pub blob: String,
}

/// Finds a version by its normalized form, so that `1.0` finds `1.0.0`.
///
/// # Errors
/// The store's.
pub fn find(
    tx: &mut Tx<'_>,
    tenant: i64,
    feed: &str,
    id: &str,
    version: &str,
) -> Result<Option<Found>> {
    let Some(version) = normalized(version) else {
        return Ok(None);
    };
    let row = tx.row(
        "SELECT id, package_id, version, blob FROM packages
         WHERE tenant_id = $1 AND feed_id = $2 AND fold(package_id) = fold($3)
             AND normalized_version = $4 AND deletion_time IS NULL",
        &[tenant.into(), feed.into(), id.into(), version.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Found {
        id: row.get("id")?,
        package_id: row.get("package_id")?,
        version: row.get("version")?,
        blob: row.get("blob")?,
    }))
}

/// The entry point that runs when nothing else is said.
///
/// # Errors
/// The store's.
pub fn main_entry_point(tx: &mut Tx<'_>, package: i64) -> Result<Option<i64>> {
    let row = tx.row(
        "SELECT e.id FROM package_entry_points e JOIN packages p ON p.id = e.package_id
         WHERE p.id = $1 ORDER BY e.path <> COALESCE(p.main_entry_point, ''), e.id LIMIT 1",
        &[package.into()],
    )?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}
