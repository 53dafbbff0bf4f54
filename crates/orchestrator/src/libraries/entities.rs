//! The declaration of libraries.

use odata::Timestamp;

use crate::machines::Tag;
use crate::packages::{OLD_VERSION, ProjectType};

/// A version of a library.
#[odata::entity(
    set = "Libraries",
    name = "LibraryDto",
    table = "packages",
    key = "Key",
    scope = tenant,
    order = "Published desc",
    indexes = "packages_version(tenant_id, feed_id, fold(package_id), normalized_version) \
            WHERE deletion_time IS NULL; \
        packages_latest(tenant_id, feed_id, fold(package_id)) \
            WHERE is_latest",
)]
pub struct Library {
    /// When it was uploaded.
    #[edm(column = "published")]
    pub created: Timestamp,
    /// When it was uploaded: versions never change.
    #[edm(column = "published")]
    pub last_updated: Timestamp,
    /// Who answers for it.
    pub owners: Option<String>,
    /// Its picture.
    pub icon_url: Option<String>,
    /// What it does, in a line.
    pub summary: Option<String>,
    /// Bytes of its file.
    #[edm(column = "size")]
    pub package_size: i64,
    /// Whether its version is one before a release.
    #[edm(sql = "({t}.normalized_version LIKE '%-%')")]
    pub is_prerelease: bool,
    /// Its name for people.
    #[edm(sql = "COALESCE({t}.title, {t}.package_id)")]
    pub title: String,
    /// Its version as uploaded.
    pub version: String,
    /// `Id:Version`
    #[edm(sql = "({t}.package_id || ':' || {t}.version)")]
    pub key: String,
    /// What it does.
    pub description: Option<String>,
    /// When it was uploaded.
    pub published: Timestamp,
    /// Whether no newer version is in the feed.
    #[edm(column = "is_latest")]
    pub is_latest_version: bool,
    /// The version before.
    #[edm(sql = OLD_VERSION)]
    pub old_version: Option<String>,
    /// What changed.
    pub release_notes: Option<String>,
    /// Who made it.
    pub authors: Option<String>,
    /// What kind of project it holds.
    pub project_type: ProjectType,
    /// Labels of the nuspec.
    pub tags: Option<String>,
    /// Source or compiled; not declared by the packages read here.
    #[edm(json = "false")]
    pub is_compiled: bool,
    /// Its licence.
    pub license_url: Option<String>,
    /// Its home page.
    pub project_url: Option<String>,
    /// Labels of the tenant.
    #[edm(json = "[]")]
    pub resource_tags: Vec<Tag>,
    /// Its id.
    #[edm(column = "package_id")]
    pub id: String,
}
