//! Releases: a package version made startable in a folder, under a name. The console calls them
//! processes.

pub mod arguments;
mod edit;
mod entities;
mod moves;
mod priority;
mod publishing;
mod versions;

use db::{Value, sql};
use odata::Guid;

use crate::audit::{self, AuditAction, AuditComponent, Audited};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::feature::{Feature, Hook, Thing, removing};
use crate::kinds::jobs::FINAL;
use crate::op::{
    Access, At, Command, FolderRule, Need, Nothing, One, Op, Operation, Page, Resource, function,
    op, plain,
};

pub(crate) use entities::PRIORITY_BAND;
pub use entities::{
    AgentSettings, AutopilotForRobotsSettings, JobPriority, ProcessSettings, Release,
    ReleaseVersion, RemoteControlAccess, RobotSize, SimpleRelease, VideoRecordingSettings,
    VideoRecordingType,
};
pub use priority::Priority;
pub use publishing::publish;
use versions::follow;

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("releases")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["release_versions", "releases"])
    .hooks(&[Hook::Removing(Thing::Environment, forget_environment)]);

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
    .list::<ListReleases>()
    .get_as::<GetRelease>()
    .create(Command::create(CREATE, "release", edit::create).audited(&AUDITED))
    .replace(
        Command::replace(EDIT, "release", edit::replace)
            .or_create(exists)
            .audited(&AUDITED)
            .silent(),
    )
    .merge(
        Command::merge(EDIT, "release", edit::merge)
            .audited(&AUDITED)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<ListReleases>(),
    op::<GetRelease>(),
    op::<GetByKey>(),
    op::<edit::CreateRelease>(),
    op::<edit::UpdateByKey>(),
    op::<moves::UpdateToSpecificPackageVersion>(),
    op::<moves::UpdateToSpecificPackageVersionByKey>(),
    op::<moves::UpdateToLatestPackageVersion>(),
    op::<moves::UpdateToLatestPackageVersionByKey>(),
    op::<moves::UpdateToLatestPackageVersionBulk>(),
    op::<moves::UpdateToLatestPackageVersionBulkByKey>(),
    op::<moves::RollbackToPreviousReleaseVersion>(),
    op::<moves::RollbackToPreviousReleaseVersionByKey>(),
    op::<DeleteByKey>(),
];

/// Deleted releases are only seen as `Release` of their jobs.
const ALIVE: &str = "{t}.deletion_time IS NULL";

/// Whether the tenant has, or had, a release with this number: in whatever folder.
fn exists(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let known = "SELECT 1 FROM releases WHERE id = $1 AND tenant_id = $2";
    let row = cx.tx.row(known, &[id.into(), cx.caller.tenant.into()])?;
    Ok(row.is_some())
}

/// The processes of the folders that the request may show.
#[odata::input]
pub struct ListReleases;

impl Operation for ListReleases {
    const AT: At = function("Releases", "ListReleases")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = Page<Release>;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<Page<Release>> {
        Ok(Page::of(ALIVE))
    }
}

/// A process by its number.
#[odata::input]
pub struct GetRelease {
    /// Number of the process.
    #[edm(key)]
    id: i64,
}

impl Operation for GetRelease {
    const AT: At = function("Releases", "GetRelease")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = One<Release>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<Release>> {
        one(cx, "id = $1", self.id.into())
    }
}

/// A process by its key.
#[odata::input]
pub struct GetByKey {
    /// Key of the process.
    #[edm(required)]
    identifier: Guid,
}

impl Operation for GetByKey {
    const AT: At = function("Releases", "GetByKey")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = One<Release>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<One<Release>> {
        one(cx, "key = $1", self.identifier.into())
    }
}

fn one(cx: &mut Cx<'_, '_>, condition: &str, value: Value) -> Result<One<Release>> {
    let query = cx.options(&Release::SET)?;
    let sql = format!("SELECT id FROM releases WHERE deletion_time IS NULL AND {condition}");
    let row = cx.tx.row(&sql, &[value])?;
    let id: i64 = row.ok_or_else(|| Error::not_found("Release"))?.get(0)?;
    Ok(One::by(id).under(query))
}

/// A release as the rules of changing it need it.
struct Current {
    id: i64,
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

/// The release in the request's folder.
fn find(cx: &mut Cx<'_, '_>, which: &Which) -> Result<Current> {
    let (condition, value): (_, Value) = match which {
        Which::Id(id) => ("r.id = $2", (*id).into()),
        Which::Key(key) => ("r.key = $2", (*key).into()),
    };
    let sql = format!(
        "SELECT r.id, r.package_id AS package, p.package_id, p.feed_id, p.version,
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

/// Removes a process by its key.
#[odata::input]
pub struct DeleteByKey {
    /// Key of the process.
    #[edm(required)]
    key: Guid,
}

impl Operation for DeleteByKey {
    const AT: At = plain("DELETE", "api/Releases/DeleteByKey")
        .needs(DELETE)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let id = find(cx, &Which::Key(self.key))?.id;
        audit::done(cx, &AUDITED, AuditAction::Delete, id)?;
        delete(cx, id)?;
        Ok(Nothing)
    }
}

/// `DELETE /odata/Releases(id)`: a release without unfinished jobs and triggers goes; queues go on
/// without it. One that has jobs stays as a row for them, so that they go on showing what they ran.
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let id = find(cx, &Which::Id(id))?.id;
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
    removing(cx, Thing::Release, id)?;
    let any = "SELECT 1 FROM jobs WHERE release_id = $1 LIMIT 1";
    if cx.tx.row(any, &[id.into()])?.is_some() {
        cx.tx.exec(
            "UPDATE releases SET deletion_time = $2 WHERE id = $1",
            &[id.into(), cx.now.into()],
        )?;
        return Ok(());
    }
    cx.delete(&Release::SET, id)
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

/// Processes that were deleted, and are kept for their jobs only, forget their environment.
fn forget_environment(cx: &mut Cx<'_, '_>, environment: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE releases SET environment_id = NULL WHERE environment_id = $1",
        &[environment.into()],
    )?;
    Ok(())
}
