//! Packages: versions of automations in a feed. The API calls them "Processes" for history's sake;
//! a process in today's words is a release. Libraries are packages in a feed of their own.

mod entities;
mod feeds;
mod publish;
mod removal;

use db::{Tx, Value};
use nupkg::Version;
use odata::edm::{Edm, EntitySet, Kind};
use serde_json::json;

use crate::access::{self, FolderHeader};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, Resource, plain};

pub use entities::{
    Arguments, EntryPoint, Package, ProcessType, ProjectType, ReleaseTargetFramework,
};
pub use feeds::{FEEDS, Feed, get_feeds, get_folder_feed, get_library_feeds};
pub use publish::{Upload, new_blob_key, publish};
pub(crate) use removal::remove;

const VIEW: Need = Need::new("OR.Execution", &[("Packages", Access::View)], false);
const UPLOAD: Need = Need::new("OR.Execution", &[("Packages", Access::Create)], true);
const EDIT: Need = Need::new("OR.Execution", &[("Packages", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Execution", &[("Packages", Access::Delete)], true);
/// Robots fetch what their jobs run without a permission of their own.
const DOWNLOAD: Need = Need::new("OR.Execution", &[], false);

/// The set: the latest version of every package.
pub static RESOURCE: Resource = Resource::new(&Package::SET, VIEW)
    .list(list)
    .delete(Command::new(DELETE, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function(
        "Processes",
        "GetProcessVersions",
        VIEW,
        get_process_versions,
    )
    .params(&[("processId", "Edm.String")])
    .returns("Collection(ProcessDto)"),
    Op::function("Processes", "GetArguments", VIEW, get_arguments)
        .params(&[("key", "Edm.String")])
        .returns("ArgumentMetadata"),
    Op::function(
        "Processes",
        "GetPackageEntryPoints",
        VIEW,
        get_package_entry_points,
    )
    .params(&[("key", "Edm.String")])
    .returns("Collection(EntryPointDto)"),
    Op::function(
        "Processes",
        "GetPackageMainEntryPoint",
        VIEW,
        get_package_main_entry_point,
    )
    .params(&[("key", "Edm.String")])
    .returns("EntryPointDto"),
    Op::function("Processes", "DownloadPackage", DOWNLOAD, download_package)
        .params(&[("key", "Edm.String")])
        .returns("Edm.Stream"),
    Op::action("Processes", "SetArguments", EDIT, set_arguments)
        .params(&[("key", "Edm.String"), ("arguments", "ArgumentMetadata")])
        .answers(200),
    Op::upload("Processes", "UploadPackage", UPLOAD).returns("Collection(BulkItemDtoOfString)"),
    Op::plain(
        plain("GET", "api/PackageFeeds/GetFeeds").needs(FEEDS),
        feeds::get_feeds,
    ),
    Op::plain(
        plain("GET", "api/PackageFeeds/GetLibraryFeeds").needs(FEEDS),
        feeds::get_library_feeds,
    ),
    Op::plain(
        plain("GET", "api/PackageFeeds/GetFolderFeed").needs(FEEDS),
        feeds::get_folder_feed,
    ),
];

/// Structures that only its operations use.
pub const TYPES: &[Kind] = &[<UploadedFile as Edm>::KIND];

fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    latest(cx, args, &Package::SET, Feed::Processes)
}

/// `GetProcessVersions(processId='…')`
fn get_process_versions(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    versions(cx, args, &Package::SET, Feed::Processes, "processId")
}

fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    remove(cx, args, Feed::Processes)
}

/// `DownloadPackage(key='Id:Version')`
fn download_package(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    if !cx.caller.is_robot() {
        let nowhere = FolderHeader::default();
        access::grant(cx.tx, cx.caller, &VIEW, FolderRule::Tenant, &nowhere)?;
    }
    download(cx, args, Feed::Processes)
}

/// `GetArguments(key='Id:Version')`: those of the entry point that runs when nothing else is said.
fn get_arguments(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let (_, found) = named(cx, args, Feed::Processes, &args.text("key")?)?;
    let entry = main_entry_point(cx.tx, found.id)?;
    let row = cx.tx.row(
        "SELECT input_arguments, output_arguments FROM package_entry_points WHERE id = $1",
        &[entry.into()],
    )?;
    let (input, output): (Option<String>, Option<String>) = match row {
        Some(row) => (row.get("input_arguments")?, row.get("output_arguments")?),
        None => (None, None),
    };
    cx.selected(args, &Arguments { input, output })
}

/// What became of a file of an upload.
#[odata::complex(name = "BulkItemDtoOfString")]
pub struct UploadedFile {
    /// `Id:Version`, or the name of the file.
    pub key: String,
    /// `OK`, or what kind of failure it was.
    pub status: String,
    /// What the package is, or why it was refused.
    pub body: String,
}

/// `SetArguments {key, arguments}`: declares the arguments of the main entry point anew, for
/// packages whose own declaration cannot be read.
fn set_arguments(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let key: String = args.member("key")?;
    let arguments: Arguments = args.member("arguments")?;
    for (name, text) in [("Input", &arguments.input), ("Output", &arguments.output)] {
        let Some(text) = text else { continue };
        let declared: Option<serde_json::Value> = serde_json::from_str(text).ok();
        if text.contains("\\u0000") || !declared.is_some_and(|v| v.is_object() || v.is_array()) {
            return Err(Error::invalid(format!(
                "{name} must be a JSON Schema, or a list of arguments, written as text."
            )));
        }
    }
    let (_, found) = named(cx, args, Feed::Processes, &key)?;
    let entry = main_entry_point(cx.tx, found.id)?
        .ok_or_else(|| Error::invalid(format!("Package {key} has no entry point.")))?;
    let text = json!(arguments).to_string();
    cx.tx.exec(
        "UPDATE package_entry_points SET arguments = $2 WHERE id = $1",
        &[entry.into(), text.into()],
    )?;
    Ok(Reply::Ok)
}

/// `GetPackageEntryPoints(key='Id:Version')`
fn get_package_entry_points(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let (_, found) = named(cx, args, Feed::Processes, &args.text("key")?)?;
    let query = args.options(cx, &EntryPoint::SET)?;
    let vars = [("package", Value::from(found.id))];
    let listing = Listing {
        restrict: Some("{t}.package_id = {package}"),
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&EntryPoint::SET, &query, &listing)?))
}

/// `GetPackageMainEntryPoint(key='Id:Version')`
fn get_package_main_entry_point(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let (_, found) = named(cx, args, Feed::Processes, &args.text("key")?)?;
    let entry = main_entry_point(cx.tx, found.id)?.ok_or_else(|| Error::not_found("EntryPoint"))?;
    let query = args.options(cx, &EntryPoint::SET)?;
    let body = cx.entity_with(&EntryPoint::SET, &entry.into(), &query, &[])?;
    Ok(Reply::json(body))
}

const LATEST: &str = "{t}.feed_id = {feed} AND {t}.is_latest";
const SEARCHED: &str = "{t}.feed_id = {feed} AND {t}.is_latest
     AND (fold({t}.package_id) LIKE fold({like}) ESCAPE '!'
         OR fold({t}.description) LIKE fold({like}) ESCAPE '!')";
const VERSIONS: &str = "{t}.feed_id = {feed} AND fold({t}.package_id) = fold({package})
     AND {t}.deletion_time IS NULL";

/// `GET …[?searchTerm=&feedId=]`: the latest version of every package in a feed.
pub(crate) fn latest(
    cx: &mut Cx<'_, '_>,
    args: &Args,
    set: &'static EntitySet,
    kind: Feed,
) -> Result<Reply> {
    let query = args.options(cx, set)?;
    let feed = feed_param(cx, args, kind)?;
    let term = args.text("searchTerm").ok().filter(|t| !t.is_empty());
    let like = term.as_ref().map(|t| format!("%{}%", escape_like(t)));
    let vars = [("feed", Value::from(feed)), ("like", like.into())];
    let listing = Listing {
        restrict: Some(if term.is_some() { SEARCHED } else { LATEST }),
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(set, &query, &listing)?))
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

/// All versions of the package that the parameter `param` names, newest first.
pub(crate) fn versions(
    cx: &mut Cx<'_, '_>,
    args: &Args,
    set: &'static EntitySet,
    kind: Feed,
    param: &str,
) -> Result<Reply> {
    let query = args.options(cx, set)?;
    let feed = feed_param(cx, args, kind)?;
    let package = args.text(param)?;
    let vars = [("feed", Value::from(feed)), ("package", package.into())];
    let listing = Listing {
        restrict: Some(VERSIONS),
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(set, &query, &listing)?))
}

/// The file of the version that the parameter `key` names.
pub(crate) fn download(cx: &mut Cx<'_, '_>, args: &Args, kind: Feed) -> Result<Reply> {
    let (_, found) = named(cx, args, kind, &args.text("key")?)?;
    Ok(Reply::File {
        blob: found.blob,
        name: format!("{}.{}.nupkg", found.package_id, found.version),
    })
}

fn feed_param(cx: &mut Cx<'_, '_>, args: &Args, kind: Feed) -> Result<String> {
    let requested = args.text("feedId").ok();
    kind.requested(cx.tx, cx.caller.tenant, requested.as_deref())
}

/// The version that a key means, and the id of its feed.
fn named(cx: &mut Cx<'_, '_>, args: &Args, kind: Feed, key: &str) -> Result<(String, Found)> {
    let (id, version) = split_key(key)?;
    let feed = feed_param(cx, args, kind)?;
    let found = find(cx.tx, cx.caller.tenant, &feed, id, version)?;
    let found = found.ok_or_else(|| no_package(key))?;
    Ok((feed, found))
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
