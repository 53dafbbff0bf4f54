//! Libraries: packages that other packages are made of. They come and go as packages of processes
//! do, through a feed of their own.

mod entities;

use crate::cx::{Args, Cx, Reply};
use crate::error::Result;
use crate::op::{Access, Command, Need, Op, Resource};
use crate::packages::{self, Feed};

pub use entities::LIBRARIES;

const VIEW: Need = Need::new("OR.Execution", &[("Libraries", Access::View)], false);
const UPLOAD: Need = Need::new("OR.Execution", &[("Libraries", Access::Create)], true);
const DELETE: Need = Need::new("OR.Execution", &[("Libraries", Access::Delete)], true);

/// The set: the latest version of every library.
pub static RESOURCE: Resource = Resource::new(&LIBRARIES, VIEW)
    .list(list)
    .delete(Command::new(DELETE, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function("Libraries", "GetVersions", VIEW, get_versions)
        .params(&[("packageId", "Edm.String")])
        .returns("Collection(LibraryDto)"),
    Op::function("Libraries", "DownloadPackage", VIEW, download_package)
        .params(&[("key", "Edm.String")])
        .returns("Edm.Stream"),
    Op::upload("Libraries", "UploadPackage", UPLOAD).returns("Collection(BulkItemDtoOfString)"),
];

fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    packages::latest(cx, args, &LIBRARIES, Feed::Libraries)
}

/// `GetVersions(packageId='…')`
fn get_versions(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    packages::versions(cx, args, &LIBRARIES, Feed::Libraries, "packageId")
}

/// `DownloadPackage(key='Id:Version')`
fn download_package(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    packages::download(cx, args, Feed::Libraries)
}

fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    packages::remove(cx, args, Feed::Libraries)
}
