//! Packages: versions of automations in a feed. The API calls them "Processes" for history's sake;
//! a process in today's words is a release.

mod entities;

use db::{Tx, Value};
use nupkg::Version;
use odata::{Guid, Timestamp};

use crate::access::{self, FolderHeader};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, FolderRule, Need, Op, Resource};

pub use entities::{Arguments, Package, ProcessType, ProjectType, ReleaseTargetFramework};

const VIEW: Need = Need::new("OR.Execution", &[("Packages", Access::View)], false);
/// What uploading asks of the caller.
pub const UPLOAD: Need = Need::new("OR.Execution", &[("Packages", Access::Create)], true);
/// Robots fetch what their jobs run without a permission of their own.
pub const DOWNLOAD: Need = Need::new("OR.Execution", &[], false);

/// The set: the latest version of every package.
pub static RESOURCE: Resource = Resource::new(&Package::SET, VIEW).list(list);

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
    Op::function("Processes", "DownloadPackage", DOWNLOAD, download_package)
        .params(&[("key", "Edm.String")])
        .returns("Edm.Stream"),
    Op::upload("Processes", "UploadPackage", UPLOAD).returns("Collection(BulkItemDto)"),
];

/// The id of the tenant's own feed: the tenant's key, so that it needs no table and never changes.
///
/// # Errors
/// The store's.
pub fn tenant_feed(tx: &mut Tx<'_>, tenant: i64) -> Result<String> {
    let row = tx.row("SELECT key FROM tenants WHERE id = $1", &[tenant.into()])?;
    Ok(row.ok_or_else(|| Error::not_found("Tenant"))?.get(0)?)
}

/// The feed a request means: `feedId` or the tenant's own, which is the only one yet.
///
/// # Errors
/// 1002 for another feed.
pub fn feed(tx: &mut Tx<'_>, tenant: i64, requested: Option<&str>) -> Result<String> {
    let own = tenant_feed(tx, tenant)?;
    match requested {
        Some(id) if !id.is_empty() && !id.eq_ignore_ascii_case(&own) => {
            Err(Error::not_found("Feed"))
        }
        _ => Ok(own),
    }
}

fn feed_param(cx: &mut Cx<'_, '_>, args: &Args) -> Result<String> {
    let requested = args.text("feedId").ok();
    feed(cx.tx, cx.caller.tenant, requested.as_deref())
}

const LATEST: &str = "{t}.feed_id = {feed} AND {t}.is_latest";
const SEARCHED: &str =
    "{t}.feed_id = {feed} AND {t}.is_latest AND (fold({t}.package_id) LIKE {like} ESCAPE '!'
     OR fold({t}.description) LIKE {like} ESCAPE '!')";
const VERSIONS: &str = "{t}.feed_id = {feed} AND fold({t}.package_id) = fold({package})";

/// `GET /odata/Processes[?searchTerm=&feedId=]`
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(&Package::SET)?;
    let feed = feed_param(cx, args)?;
    let term = args.text("searchTerm").ok().filter(|t| !t.is_empty());
    let like = term
        .as_ref()
        .map(|t| format!("%{}%", escape_like(&t.to_lowercase())));
    let vars = [("feed", Value::from(feed)), ("like", like.into())];
    let listing = Listing {
        restrict: Some(if term.is_some() { SEARCHED } else { LATEST }),
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&Package::SET, &query, &listing)?))
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

/// `GetProcessVersions(processId='…')`: newest first.
fn get_process_versions(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(&Package::SET)?;
    let feed = feed_param(cx, args)?;
    let package = args.text("processId")?;
    let vars = [("feed", Value::from(feed)), ("package", package.into())];
    let listing = Listing {
        restrict: Some(VERSIONS),
        vars: &vars,
        name: None,
        count: args.count,
    };
    Ok(Reply::json(cx.page(&Package::SET, &query, &listing)?))
}

/// `DownloadPackage(key='Id:Version')`
fn download_package(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    if !cx.caller.is_robot() {
        let nowhere = FolderHeader::default();
        access::grant(cx.tx, cx.caller, &VIEW, FolderRule::Tenant, &nowhere)?;
    }
    let key = args.text("key")?;
    let (id, version) = split_key(&key)?;
    let feed = feed_param(cx, args)?;
    let found = find(cx.tx, cx.caller.tenant, &feed, id, version)?;
    let found = found.ok_or_else(|| {
        Error::refused(
            Code::PackageNotFound,
            format!("Package {key} does not exist."),
        )
    })?;
    Ok(Reply::File {
        blob: found.blob,
        name: format!("{}.{}.nupkg", found.package_id, found.version),
    })
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
    /// Whether it needs a desktop.
    pub requires_user_interaction: bool,
    /// What kind of project it is.
    pub project_type: i64,
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
    let Ok(version) = version.parse::<Version>() else {
        return Ok(None);
    };
    let row = tx.row(
        "SELECT id, package_id, version, blob, requires_user_interaction, project_type
         FROM packages WHERE tenant_id = $1 AND feed_id = $2 AND fold(package_id) = fold($3)
             AND normalized_version = $4",
        &[
            tenant.into(),
            feed.into(),
            id.into(),
            version.normalized().into(),
        ],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Found {
        id: row.get(0)?,
        package_id: row.get(1)?,
        version: row.get(2)?,
        blob: row.get(3)?,
        requires_user_interaction: row.get(4)?,
        project_type: row.get(5)?,
    }))
}

/// An inspected upload on its way into a feed.
pub struct Upload<'a> {
    /// The feed.
    pub feed: &'a str,
    /// What the file says of itself.
    pub package: &'a nupkg::Package,
    /// Where the file is.
    pub blob: &'a str,
    /// Its size in bytes.
    pub size: u64,
}

/// Adds a version to a feed and keeps "latest" true.
///
/// # Errors
/// 1004 when the version exists.
pub fn publish(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, upload: &Upload<'_>) -> Result<()> {
    let id = insert(tx, tenant, now, upload).map_err(|error| match error {
        Error::Db(db::Error::Unique { .. }) => Error::refused(
            Code::ItemAlreadyExists,
            format!(
                "Package {} version {} already exists.",
                upload.package.id, upload.package.version
            ),
        ),
        other => other,
    })?;
    for entry in &upload.package.entry_points {
        tx.exec(
            "INSERT INTO package_entry_points
                 (package_id, path, unique_id, kind, arguments)
             VALUES ($1, $2, $3, $4, $5)",
            &[
                id.into(),
                entry.path.as_str().into(),
                entry.unique_id.clone().into(),
                entry.kind.clone().into(),
                serde_json::json!({"Input": entry.input, "Output": entry.output})
                    .to_string()
                    .into(),
            ],
        )?;
    }
    // In two steps, because at no time may two versions be the latest.
    let scope = [
        tenant.into(),
        upload.feed.into(),
        upload.package.id.as_str().into(),
    ];
    tx.exec(
        "UPDATE packages SET is_latest = FALSE
         WHERE tenant_id = $1 AND feed_id = $2 AND fold(package_id) = fold($3) AND is_latest",
        &scope,
    )?;
    tx.exec(
        "UPDATE packages SET is_latest = TRUE WHERE id = (SELECT p.id FROM packages p
             WHERE p.tenant_id = $1 AND p.feed_id = $2 AND fold(p.package_id) = fold($3)
             ORDER BY p.sort_key DESC LIMIT 1)",
        &scope,
    )?;
    Ok(())
}

fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, upload: &Upload<'_>) -> Result<i64> {
    let package = upload.package;
    let project = project_type(package.content_type.as_deref());
    let framework = package
        .target_framework
        .as_deref()
        .and_then(ReleaseTargetFramework::parse);
    Ok(tx.insert(
        "INSERT INTO packages (tenant_id, feed_id, package_id, version, normalized_version,
             sort_key, title, description, authors, tags, release_notes, project_url, license_url,
             published, is_latest, project_type, target_framework, target_runtime,
             main_entry_point, requires_user_interaction, is_attended, blob, size, process_type)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, FALSE, $15, $16, $17,
             $18, $19, $20, $21, $22, $23)
         RETURNING id",
        &[
            tenant.into(),
            upload.feed.into(),
            package.id.as_str().into(),
            package.version.to_string().into(),
            package.version.normalized().into(),
            package.version.sort_key().into(),
            package.title.clone().into(),
            package.description.clone().into(),
            package.authors.clone().into(),
            package.tags.clone().into(),
            package.release_notes.clone().into(),
            package.project_url.clone().into(),
            package.license_url.clone().into(),
            now.into(),
            project.into(),
            framework.into(),
            package.target_runtime.clone().into(),
            package.main.clone().into(),
            package.requires_user_interaction.into(),
            package.is_attended.into(),
            upload.blob.into(),
            i64::try_from(upload.size).unwrap_or(i64::MAX).into(),
            ProcessType::of(project).into(),
        ],
    )?)
}

/// The project's kind from what the package calls its content; functions and anything unknown are
/// plain processes.
fn project_type(content: Option<&str>) -> ProjectType {
    content
        .and_then(ProjectType::parse)
        .unwrap_or(ProjectType::Process)
}

/// The id of an upload's file in the blob store.
#[must_use]
pub fn new_blob_key() -> String {
    let id = Guid::random().to_string();
    format!("packages/{}/{id}.nupkg", &id[..2])
}
