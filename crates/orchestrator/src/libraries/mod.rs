//! Libraries: packages that other packages are made of. They come and go as packages of processes
//! do, through a feed of their own.

mod entities;

use crate::cx::Cx;
use crate::error::Result;
use crate::op::{
    Access, At, AtEdge, Command, File, Need, Nothing, Op, Operation, Page, Resource, Verb, action,
    edge, function, op,
};
use crate::packages::{self, Feed, UploadedFile};

use crate::feature::Feature;
pub use entities::{LIBRARIES, Library};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("libraries")
    .resources(&[&RESOURCE])
    .operations(&[OPS]);

const VIEW: Need = Need::new("OR.Execution", &[("Libraries", Access::View)], false);
const UPLOAD: Need = Need::new("OR.Execution", &[("Libraries", Access::Create)], true);
const DELETE: Need = Need::new("OR.Execution", &[("Libraries", Access::Delete)], true);

/// The set: the latest version of every library.
pub static RESOURCE: Resource = Resource::new(&LIBRARIES, VIEW)
    .list::<ListLibraries>()
    .delete(Command::verb::<DeleteLibrary>(DELETE));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<GetVersions>(),
    op::<DownloadPackage>(),
    edge::<UploadPackage>(),
];

/// The latest version of every library in a feed.
#[odata::input]
pub struct ListLibraries {
    /// What is in the id or the description.
    search_term: Option<String>,
    /// The feed, if it is not the tenant's.
    feed_id: Option<String>,
}

impl Verb for ListLibraries {
    type Answer = Page<Library>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Library>> {
        let (feed, term) = (self.feed_id.as_deref(), self.search_term.as_deref());
        packages::latest(cx, Feed::Libraries, feed, term)
    }
}

/// Removes a version of a library, or all that there are.
#[odata::input]
pub struct DeleteLibrary {
    /// `Id:Version`, or `Id` for all versions.
    #[edm(key)]
    key: String,
    /// The feed, if it is not the tenant's.
    feed_id: Option<String>,
}

impl Verb for DeleteLibrary {
    type Answer = Nothing;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        packages::remove(cx, Feed::Libraries, self.feed_id.as_deref(), &self.key)
    }
}

/// The versions of a library, the newest first.
#[odata::input]
pub struct GetVersions {
    /// Id of the library.
    #[edm(required)]
    package_id: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for GetVersions {
    const AT: At = function("Libraries", "GetVersions").needs(VIEW);
    type Answer = Page<Library>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Library>> {
        let feed = self.feed_id.as_deref();
        packages::versions(cx, Feed::Libraries, feed, &self.package_id)
    }
}

/// The file of a version.
#[odata::input]
pub struct DownloadPackage {
    /// `Id:Version`.
    #[edm(required)]
    key: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for DownloadPackage {
    const AT: At = function("Libraries", "DownloadPackage").needs(VIEW);
    type Answer = File;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<File> {
        packages::download(cx, Feed::Libraries, self.feed_id.as_deref(), &self.key)
    }
}

/// Adds versions of libraries, each from a file of the body.
#[odata::input]
pub struct UploadPackage {
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    pub feed_id: Option<String>,
}

impl AtEdge for UploadPackage {
    const AT: At = action("Libraries", "UploadPackage").needs(UPLOAD);
    type Input = Self;
    type Answer = Vec<UploadedFile>;
}
