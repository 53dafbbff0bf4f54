//! How versions leave a feed. Their rows stay for the history.

use db::Value;
use serde_json::json;

use super::publish::elect_latest;
use super::{Feed, no_package, normalized, split_key};
use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::kinds::jobs::ACTIVE;
use crate::op::Nothing;

/// What of a feed is removed: a version of a package, or all of them.
struct Which {
    tenant: i64,
    feed: String,
    package: String,
    /// In normalized form.
    version: Option<String>,
}

/// The rows that are meant, by the parameters of [`Which::params`].
const MEANT: &str = "tenant_id = $1 AND feed_id = $2 AND fold(package_id) = fold($3)
    AND deletion_time IS NULL AND (CAST($4 AS TEXT) IS NULL OR normalized_version = $4)";

impl Which {
    fn params(&self) -> [Value; 4] {
        [
            self.tenant.into(),
            self.feed.as_str().into(),
            self.package.as_str().into(),
            self.version.clone().into(),
        ]
    }
}

/// A version that is removed.
struct Version {
    id: i64,
    package: String,
    version: String,
    blob: String,
}

/// `DELETE …('Id:Version')`, or `DELETE …('Id')` for all versions of a package: those that are there
/// or, when one of them is in use, none.
///
/// # Errors
/// 1677 when there is nothing of that name, 1642 for what is in use.
pub(crate) fn remove(
    cx: &mut Cx<'_, '_>,
    kind: Feed,
    feed: Option<&str>,
    key: &str,
) -> Result<Nothing> {
    let (package, version) = match key.contains(':') {
        true => split_key(key).map(|(package, version)| (package, Some(version)))?,
        false => (key, None),
    };
    let which = Which {
        tenant: cx.caller.tenant,
        feed: kind.requested(cx.tx, cx.caller.tenant, feed)?,
        package: package.to_owned(),
        version: match version {
            Some(version) => Some(normalized(version).ok_or_else(|| no_package(key))?),
            None => None,
        },
    };
    let versions = meant(cx, &which)?;
    let first = versions.first().ok_or_else(|| no_package(key))?;
    must_not_be_used(cx, &which)?;
    write_down(cx, kind, &versions)?;
    let sql = format!("UPDATE packages SET deletion_time = $5, is_latest = FALSE WHERE {MEANT}");
    let mut params = which.params().to_vec();
    params.push(cx.now.into());
    cx.tx.exec(&sql, &params)?;
    elect_latest(cx.tx, which.tenant, &which.feed, &first.package)?;
    for version in versions {
        cx.hint(Hint::File(version.blob));
    }
    Ok(Nothing)
}

/// The versions, the oldest first.
fn meant(cx: &mut Cx<'_, '_>, which: &Which) -> Result<Vec<Version>> {
    let sql = format!(
        "SELECT id, package_id, version, blob FROM packages WHERE {MEANT} ORDER BY sort_key, id"
    );
    let rows = cx.tx.rows(&sql, &which.params())?;
    let read = |row: &db::Row| {
        Ok(Version {
            id: row.get("id")?,
            package: row.get("package_id")?,
            version: row.get("version")?,
            blob: row.get("blob")?,
        })
    };
    rows.iter().map(read).collect()
}

/// Fails when a process uses one of the versions, or unfinished jobs of one do.
fn must_not_be_used(cx: &mut Cx<'_, '_>, which: &Which) -> Result<()> {
    let sql = format!(
        "SELECT r.name, r.package_id FROM releases r WHERE r.deletion_time IS NULL
             AND r.package_id IN (SELECT id FROM packages WHERE {MEANT})
         UNION ALL
         SELECT j.release_name, j.package_id FROM jobs j WHERE j.state IN {ACTIVE}
             AND j.package_id IN (SELECT id FROM packages WHERE {MEANT})
         LIMIT 1"
    );
    let Some(row) = cx.tx.row(&sql, &which.params())? else {
        return Ok(());
    };
    let (process, used): (String, i64) = (row.get("name")?, row.get("package_id")?);
    let named = "SELECT package_id || ':' || version FROM packages WHERE id = $1";
    let key: Option<String> = cx.tx.one(named, &[used.into()])?;
    let key = key.unwrap_or_default();
    Err(Error::refused(
        Code::HasAttachedProcesses,
        format!("Package {key} cannot be deleted: the process '{process}' uses it."),
    ))
}

/// Writes down what goes: one line, with an entity for each version.
fn write_down(cx: &mut Cx<'_, '_>, kind: Feed, versions: &[Version]) -> Result<()> {
    let component = match kind {
        Feed::Processes => AuditComponent::Packages,
        Feed::Libraries => AuditComponent::Libraries,
    };
    let shown: Vec<String> = versions
        .iter()
        .map(|one| json!({"Id": one.package, "Version": one.version}).to_string())
        .collect();
    let subjects: Vec<Subject<'_>> = versions
        .iter()
        .zip(&shown)
        .map(|(one, shown)| Subject {
            entity: "ProcessDto",
            id: Some(one.id),
            name: &one.package,
            data: Some(shown.as_bytes()),
        })
        .collect();
    let text = match versions {
        [one] => format!("deleted package {}:{}", one.package, one.version),
        [one, ..] => {
            let count = versions.len();
            format!("deleted all {count} versions of package {}", one.package)
        }
        [] => return Ok(()),
    };
    audit::record_all(cx, component, AuditAction::Delete, &subjects, &text)
}
