//! Which package version a release has: every change of it is kept, and can be rolled back.

use db::Tx;
use odata::Timestamp;

use super::{AUDITED, Current};
use crate::audit::{self, AuditAction};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::packages;

/// Writes down that a release has a package version from now on.
pub(super) fn begin(tx: &mut Tx<'_>, now: Timestamp, release: i64, package: i64) -> Result<()> {
    let version = tx.insert_into(
        "release_versions",
        [
            ("release_id", release.into()),
            ("package_id", package.into()),
            ("creation_time", now.into()),
        ],
    )?;
    tx.exec(
        "UPDATE releases SET current_version_id = $2 WHERE id = $1",
        &[release.into(), version.into()],
    )?;
    Ok(())
}

/// The entry point of a package version for a release that had the one at `path` so far: the same
/// if there is one, else the main one.
pub(super) fn same_entry_point(
    tx: &mut Tx<'_>,
    package: i64,
    path: Option<&str>,
) -> Result<Option<i64>> {
    if let Some(path) = path {
        let same = "SELECT id FROM package_entry_points WHERE package_id = $1 AND path = $2";
        if let Some(row) = tx.row(same, &[package.into(), path.into()])? {
            return Ok(Some(row.get(0)?));
        }
    }
    packages::main_entry_point(tx, package)
}

/// Gives a release, which had the entry point at `path` so far, another package version.
fn take(
    tx: &mut Tx<'_>,
    by: (Timestamp, Option<i64>),
    release: i64,
    path: Option<&str>,
    package: i64,
) -> Result<()> {
    let entry = same_entry_point(tx, package, path)?;
    let (now, user) = by;
    tx.exec(
        "UPDATE releases SET package_id = $2, entry_point_id = $3, last_modification_time = $4,
             last_modifier_user_id = $5
         WHERE id = $1",
        &[
            release.into(),
            package.into(),
            entry.into(),
            now.into(),
            user.into(),
        ],
    )?;
    begin(tx, now, release, package)
}

/// Refuses to change by hand what changes by itself.
pub(super) fn check_manual(release: &Current) -> Result<()> {
    if release.auto_update {
        return Err(Error::refused(
            Code::VersionsManagedAutomatically,
            "The process takes new package versions by itself: turn AutoUpdate off first.",
        ));
    }
    Ok(())
}

/// Gives a release a version that somebody chose.
fn change(cx: &mut Cx<'_, '_>, release: &Current, package: i64) -> Result<()> {
    if package == release.package {
        return Ok(());
    }
    check_manual(release)?;
    let by = (cx.now, cx.caller.user());
    take(
        cx.tx,
        by,
        release.id,
        release.entry_path.as_deref(),
        package,
    )?;
    audit::done(cx, &AUDITED, AuditAction::Update, release.id)
}

/// Gives a release the version of its package that somebody names.
pub(super) fn take_named(cx: &mut Cx<'_, '_>, release: &Current, version: &str) -> Result<()> {
    let tenant = cx.caller.tenant;
    let package = packages::find(cx.tx, tenant, &release.feed, &release.package_id, version)?
        .ok_or_else(|| no_version(&release.package_id, version))?;
    change(cx, release, package.id)
}

/// The refusal of a version that the feed does not have.
pub(super) fn no_version(package: &str, version: &str) -> Error {
    Error::refused(
        Code::PackageNotFound,
        format!("Package {package} version {version} does not exist in the feed."),
    )
}

/// Gives a release the latest version of its package.
pub(super) fn take_latest(cx: &mut Cx<'_, '_>, release: &Current) -> Result<()> {
    let row = cx.tx.row(
        "SELECT id FROM packages WHERE tenant_id = $1 AND feed_id = $2
             AND fold(package_id) = fold($3) AND is_latest",
        &[
            cx.caller.tenant.into(),
            release.feed.as_str().into(),
            release.package_id.as_str().into(),
        ],
    )?;
    let row = row.ok_or_else(|| no_version(&release.package_id, "latest"))?;
    let latest = row.get(0)?;
    change(cx, release, latest)
}

/// Gives a release back the last version before the current one that is still in the feed. That is a
/// change like any other, so rolling back twice ends where it began.
pub(super) fn roll_back(cx: &mut Cx<'_, '_>, release: &Current) -> Result<()> {
    let row = cx.tx.row(
        "SELECT v.package_id FROM release_versions v JOIN packages p ON p.id = v.package_id
         WHERE v.release_id = $1 AND v.id < $2 AND v.package_id <> $3 AND p.deletion_time IS NULL
         ORDER BY v.id DESC LIMIT 1",
        &[
            release.id.into(),
            release.version_id.into(),
            release.package.into(),
        ],
    )?;
    let row = row.ok_or_else(|| {
        Error::refused(
            Code::PreviousVersionNotFound,
            "The process had no other package version before that is still in the feed.",
        )
    })?;
    let package = row.get(0)?;
    change(cx, release, package)
}

/// Gives a package version that was just uploaded to the releases that take new ones by themselves.
///
/// # Errors
/// The store's.
pub(super) fn follow(tx: &mut Tx<'_>, now: Timestamp, package: i64) -> Result<()> {
    let rows = tx.rows(
        "SELECT r.id, e.path FROM packages n
         JOIN packages p ON p.tenant_id = n.tenant_id AND p.feed_id = n.feed_id
             AND fold(p.package_id) = fold(n.package_id)
         JOIN releases r ON r.package_id = p.id
         LEFT JOIN package_entry_points e ON e.id = r.entry_point_id
         WHERE n.id = $1 AND n.is_latest AND p.id <> n.id AND r.auto_update
             AND r.deletion_time IS NULL
         ORDER BY r.id",
        &[package.into()],
    )?;
    for row in &rows {
        let (release, path): (i64, Option<String>) = (row.get("id")?, row.get("path")?);
        take(tx, (now, None), release, path.as_deref(), package)?;
    }
    Ok(())
}
