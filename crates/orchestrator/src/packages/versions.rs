//! What can be asked of the versions of packages, and their arguments.

use serde::Serialize;
use serde_json::json;

use super::{
    Arguments, DOWNLOAD, EDIT, EntryPoint, Feed, Package, UPLOAD, VIEW, download, main_entry_point,
    named, versions,
};
use crate::access::{self, FolderHeader};
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{At, AtEdge, File, FolderRule, Nothing, One, Operation, Page, action, function};

/// The versions of a package, the newest first.
#[odata::input]
pub struct GetProcessVersions {
    /// Id of the package.
    #[edm(required)]
    process_id: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for GetProcessVersions {
    const AT: At = function("Processes", "GetProcessVersions").needs(VIEW);
    type Answer = Page<Package>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Package>> {
        let feed = self.feed_id.as_deref();
        versions(cx, Feed::Processes, feed, &self.process_id)
    }
}

/// The arguments of the entry point that runs when nothing else is said.
#[odata::input]
pub struct GetArguments {
    /// `Id:Version`.
    #[edm(required)]
    key: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for GetArguments {
    const AT: At = function("Processes", "GetArguments").needs(VIEW);
    type Answer = Arguments;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Arguments> {
        let found = named(cx, Feed::Processes, self.feed_id.as_deref(), &self.key)?;
        let entry = main_entry_point(cx.tx, found.id)?;
        let row = cx.tx.row(
            "SELECT input_arguments, output_arguments FROM package_entry_points WHERE id = $1",
            &[entry.into()],
        )?;
        let (input, output) = match row {
            Some(row) => (row.get("input_arguments")?, row.get("output_arguments")?),
            None => (None, None),
        };
        Ok(Arguments { input, output })
    }
}

/// The entry points of a package version.
#[odata::input]
pub struct GetPackageEntryPoints {
    /// `Id:Version`.
    #[edm(required)]
    key: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for GetPackageEntryPoints {
    const AT: At = function("Processes", "GetPackageEntryPoints").needs(VIEW);
    type Answer = Page<EntryPoint>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<EntryPoint>> {
        let found = named(cx, Feed::Processes, self.feed_id.as_deref(), &self.key)?;
        Ok(Page::of("{t}.package_id = {package}").var("package", found.id))
    }
}

/// The entry point of a package version that runs when nothing else is said.
#[odata::input]
pub struct GetPackageMainEntryPoint {
    /// `Id:Version`.
    #[edm(required)]
    key: String,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for GetPackageMainEntryPoint {
    const AT: At = function("Processes", "GetPackageMainEntryPoint").needs(VIEW);
    type Answer = One<EntryPoint>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<EntryPoint>> {
        let found = named(cx, Feed::Processes, self.feed_id.as_deref(), &self.key)?;
        let entry = main_entry_point(cx.tx, found.id)?;
        Ok(One::by(
            entry.ok_or_else(|| Error::not_found("EntryPoint"))?,
        ))
    }
}

/// The file of a package version. Robots need no permission to fetch what their jobs run.
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
    const AT: At = function("Processes", "DownloadPackage").needs(DOWNLOAD);
    type Answer = File;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<File> {
        if !cx.caller.is_robot() {
            let nowhere = FolderHeader::default();
            access::grant(cx.tx, cx.caller, &VIEW, FolderRule::Tenant, &nowhere)?;
        }
        download(cx, Feed::Processes, self.feed_id.as_deref(), &self.key)
    }
}

/// Declares the arguments of the main entry point anew, for packages whose own declaration cannot be
/// read.
#[odata::input]
pub struct SetArguments {
    /// `Id:Version`.
    #[edm(required)]
    key: String,
    /// What goes in and what comes out, each a JSON Schema or a list of arguments, written as text.
    #[edm(required)]
    arguments: Arguments,
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    feed_id: Option<String>,
}

impl Operation for SetArguments {
    const AT: At = action("Processes", "SetArguments").needs(EDIT).answers(200);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let Arguments { input, output } = &self.arguments;
        for (name, text) in [("Input", input), ("Output", output)] {
            let Some(text) = text else { continue };
            let declared: Option<serde_json::Value> = serde_json::from_str(text).ok();
            if text.contains("\\u0000") || !declared.is_some_and(|v| v.is_object() || v.is_array())
            {
                return Err(Error::invalid(format!(
                    "{name} must be a JSON Schema, or a list of arguments, written as text."
                )));
            }
        }
        let key = &self.key;
        let found = named(cx, Feed::Processes, self.feed_id.as_deref(), key)?;
        let entry = main_entry_point(cx.tx, found.id)?
            .ok_or_else(|| Error::invalid(format!("Package {key} has no entry point.")))?;
        let text = json!(self.arguments).to_string();
        cx.tx.exec(
            "UPDATE package_entry_points SET arguments = $2 WHERE id = $1",
            &[entry.into(), text.into()],
        )?;
        Ok(Nothing)
    }
}

/// What became of a file of an upload.
#[odata::complex(name = "BulkItemDtoOfString")]
#[derive(Debug, Clone, Serialize)]
pub struct UploadedFile {
    /// `Id:Version`, or the name of the file.
    pub key: String,
    /// `OK`, or what kind of failure it was.
    pub status: String,
    /// What the package is, or why it was refused.
    pub body: String,
}

/// Adds package versions, each from a file of the body.
#[odata::input]
pub struct UploadPackage {
    /// The feed, if it is not the tenant's.
    #[edm(query)]
    pub feed_id: Option<String>,
}

impl AtEdge for UploadPackage {
    const AT: At = action("Processes", "UploadPackage").needs(UPLOAD);
    type Input = Self;
    type Answer = Vec<UploadedFile>;
}
