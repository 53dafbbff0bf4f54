//! Releases: a package version made startable in a folder, under a name. The console calls them
//! processes.

pub mod arguments;
mod edit;
mod entities;
mod priority;
mod versions;

use db::{Value, sql};
use odata::Guid;

use crate::audit::{self, AuditAction, AuditComponent, Audited};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::jobs::state::FINAL;
use crate::op::{Access, Command, FolderRule, Need, Op, Resource};

pub(crate) use entities::PRIORITY_BAND;
pub use entities::{
    AgentSettings, AutopilotForRobotsSettings, JobPriority, ProcessSettings, Release,
    ReleaseVersion, RemoteControlAccess, RobotSize, SimpleRelease, VideoRecordingSettings,
    VideoRecordingType,
};
pub use priority::Priority;
pub use versions::follow;

/// Seeing processes.
pub(crate) const VIEW: Need = Need::new("OR.Execution", &[("Processes", Access::View)], false);
const CREATE: Need = Need::new("OR.Execution", &[("Processes", Access::Create)], true);
const EDIT: Need = Need::new("OR.Execution", &[("Processes", Access::Edit)], true);
/// What deleting asks of the caller.
pub const DELETE: Need = Need::new("OR.Execution", &[("Processes", Access::Delete)], true);

/// How the audit log tells of releases.
static AUDITED: Audited = Audited::new(AuditComponent::Processes, &Release::SET, "process");

/// The set.
pub static RESOURCE: Resource = Resource::new(&Release::SET, VIEW)
    .folder(FolderRule::Optional)
    .list(list)
    .get(read)
    .create(Command::new(CREATE, edit::create))
    .replace(Command::new(EDIT, edit::replace).silent())
    .merge(Command::new(EDIT, edit::merge).silent())
    .delete(Command::new(DELETE, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function("Releases", "ListReleases", VIEW, list)
        .returns("Collection(ReleaseDto)")
        .folder(FolderRule::Optional),
    Op::function("Releases", "GetRelease", VIEW, read)
        .bound()
        .returns("ReleaseDto")
        .folder(FolderRule::Optional),
    Op::function("Releases", "GetByKey", VIEW, read_by_key)
        .params(&[("identifier", "Edm.Guid")])
        .returns("ReleaseDto")
        .folder(FolderRule::Optional),
    Op::action("Releases", "CreateRelease", CREATE, edit::create)
        .returns("ReleaseDto")
        .answers(201)
        .folder(FolderRule::Required),
    Op::action("Releases", "UpdateByKey", EDIT, edit::update_by_key)
        .params(&[
            ("releaseKey", "Edm.Guid"),
            ("processVersion", "Edm.String"),
            ("entryPointPath", "Edm.String"),
            ("inputArgs", "Edm.String"),
        ])
        .answers(200)
        .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToSpecificPackageVersion",
        EDIT,
        versions::to_specific,
    )
    .bound()
    .params(&[("packageVersion", "Edm.String")])
    .returns("Edm.Int64")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToSpecificPackageVersionByKey",
        EDIT,
        versions::to_specific,
    )
    .params(&[("packageVersion", "Edm.String")])
    .returns("Edm.Guid")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToLatestPackageVersion",
        EDIT,
        versions::to_latest,
    )
    .bound()
    .returns("Edm.Int64")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToLatestPackageVersionByKey",
        EDIT,
        versions::to_latest,
    )
    .returns("Edm.Guid")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToLatestPackageVersionBulk",
        EDIT,
        versions::all_to_latest,
    )
    .params(&[
        ("releaseIds", "Collection(Edm.Int64)"),
        ("mergePackageTags", "Edm.Boolean"),
    ])
    .returns("BulkOperationResponseDtoOfInt64")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "UpdateToLatestPackageVersionBulkByKey",
        EDIT,
        versions::all_to_latest_by_key,
    )
    .params(&[
        ("releaseKeys", "Collection(Edm.Guid)"),
        ("mergePackageTags", "Edm.Boolean"),
    ])
    .returns("BulkOperationResponseDtoOfGuid")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "RollbackToPreviousReleaseVersion",
        EDIT,
        versions::roll_back,
    )
    .bound()
    .returns("Edm.Int64")
    .folder(FolderRule::Required),
    Op::action(
        "Releases",
        "RollbackToPreviousReleaseVersionByKey",
        EDIT,
        versions::roll_back,
    )
    .returns("Edm.Guid")
    .folder(FolderRule::Required),
];

/// Deleted releases are only seen as `Release` of their jobs.
const ALIVE: &str = "{t}.deletion_time IS NULL";

/// `GET /odata/Releases`
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &Release::SET)?;
    let listing = Listing {
        restrict: Some(ALIVE),
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&Release::SET, &query, &listing)?))
}

/// `GET /odata/Releases(id)`
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    one(cx, args, "id = $1", id.into())
}

/// `GET /odata/Releases/…GetByKey(identifier=…)`
fn read_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let key = args.guid("identifier")?;
    one(cx, args, "key = $1", key.into())
}

fn one(cx: &mut Cx<'_, '_>, args: &Args, condition: &str, value: Value) -> Result<Reply> {
    let query = args.options(cx, &Release::SET)?;
    let sql = format!("SELECT id FROM releases WHERE deletion_time IS NULL AND {condition}");
    let row = cx.tx.row(&sql, &[value])?;
    let id: i64 = row.ok_or_else(|| Error::not_found("Release"))?.get(0)?;
    let body = cx.entity_with(&Release::SET, &id.into(), &query, &[])?;
    Ok(Reply::json(body))
}

/// A release as the rules of changing it need it.
struct Current {
    id: i64,
    key: String,
    /// `packages.id`
    package: i64,
    /// Id, feed and version of the package.
    package_id: String,
    feed: String,
    version: String,
    /// `release_versions.id`
    version_id: Option<i64>,
    entry_point: Option<i64>,
    entry_path: Option<String>,
    priority: Priority,
    auto_update: bool,
    remote_control: i64,
}

/// How a request names a release.
enum Which {
    Id(i64),
    Key(Guid),
}

impl Which {
    /// The release that an action is bound to, or that its parameter names.
    fn of(args: &Args) -> Result<Self> {
        match args.key {
            Some(_) => Ok(Self::Id(args.id()?)),
            None => Ok(Self::Key(args.guid("identifier")?)),
        }
    }
}

/// The release in the request's folder.
fn find(cx: &mut Cx<'_, '_>, which: &Which) -> Result<Current> {
    let (condition, value): (_, Value) = match which {
        Which::Id(id) => ("r.id = $2", (*id).into()),
        Which::Key(key) => ("r.key = $2", (*key).into()),
    };
    let sql = format!(
        "SELECT r.id, r.key, r.package_id AS package, p.package_id, p.feed_id, p.version,
             r.current_version_id, r.entry_point_id, e.path, r.specific_priority_value,
             r.auto_update, r.remote_control_access
         FROM releases r JOIN packages p ON p.id = r.package_id
         LEFT JOIN package_entry_points e ON e.id = r.entry_point_id
         WHERE r.folder_id = $1 AND r.deletion_time IS NULL AND {condition}"
    );
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(&sql, &[folder.into(), value])?;
    let row = row.ok_or_else(|| Error::not_found("Release"))?;
    Ok(Current {
        id: row.get("id")?,
        key: row.get("key")?,
        package: row.get("package")?,
        package_id: row.get("package_id")?,
        feed: row.get("feed_id")?,
        version: row.get("version")?,
        version_id: row.get("current_version_id")?,
        entry_point: row.get("entry_point_id")?,
        entry_path: row.get("path")?,
        priority: Priority::stored(row.get("specific_priority_value")?),
        auto_update: row.get("auto_update")?,
        remote_control: row.get("remote_control_access")?,
    })
}

/// `DELETE /odata/Releases(id)`
fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    remove(cx, &Which::Id(id))
}

/// `DELETE /api/Releases/DeleteByKey?key=…`
///
/// # Errors
/// As the deletion by number.
pub fn delete_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let key = args.guid("key")?;
    remove(cx, &Which::Key(key))
}

/// Removes a release without unfinished jobs and triggers; queues go on without it. One that has jobs stays as a row for them, so that
/// they go on showing what they ran.
fn remove(cx: &mut Cx<'_, '_>, which: &Which) -> Result<Reply> {
    let id = find(cx, which)?.id;
    let unfinished =
        sql!("SELECT 1 FROM jobs WHERE release_id = $1 AND state NOT IN {FINAL} LIMIT 1");
    if cx.tx.row(unfinished, &[id.into()])?.is_some() {
        return Err(Error::refused(
            Code::HasRunningJobs,
            "The process has unfinished jobs: stop them, or wait for their end.",
        ));
    }
    let watched = "SELECT 1 FROM process_schedules WHERE release_id = $1 LIMIT 1";
    if cx.tx.row(watched, &[id.into()])?.is_some() {
        return Err(Error::refused(
            Code::HasDependentItems,
            "The process is used by triggers: delete them first.",
        ));
    }
    audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
    cx.tx.exec(
        "UPDATE queue_definitions SET release_id = NULL WHERE release_id = $1",
        &[id.into()],
    )?;
    let any = "SELECT 1 FROM jobs WHERE release_id = $1 LIMIT 1";
    if cx.tx.row(any, &[id.into()])?.is_some() {
        cx.tx.exec(
            "UPDATE releases SET deletion_time = $2 WHERE id = $1",
            &[id.into(), cx.now.into()],
        )?;
        return Ok(Reply::NoContent);
    }
    cx.delete(&Release::SET, id)?;
    Ok(Reply::NoContent)
}

/// A process is deployed to an environment of its own folder; modern folders have none.
///
/// # Errors
/// 1002 for any other.
pub fn check_environment(cx: &mut Cx<'_, '_>, folder: i64, environment: Option<i64>) -> Result<()> {
    let Some(id) = environment else { return Ok(()) };
    let known = "SELECT 1 FROM environments WHERE id = $1 AND folder_id = $2";
    match cx.tx.row(known, &[id.into(), folder.into()])? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("Environment")),
    }
}
