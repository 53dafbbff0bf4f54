//! How versions come into a feed, and which of them is the latest.

use db::Tx;
use odata::{Guid, Timestamp};

use super::feeds::is_library;
use super::{Feed, ProcessType, ProjectType, ReleaseTargetFramework};
use crate::chance::Chance;
use crate::error::{Code, Error, Result};

/// An inspected upload on its way into a feed.
pub struct Upload<'a> {
    /// What the feed is for.
    pub kind: Feed,
    /// The feed.
    pub feed: &'a str,
    /// What the file says of itself.
    pub package: &'a nupkg::Package,
    /// Where the file is.
    pub blob: &'a str,
    /// Its size in bytes.
    pub size: u64,
}

/// Adds a version to a feed, keeps "latest" true, and gives its `packages.id`.
///
/// # Errors
/// 1004 when the version exists; 400 when it is a package of another kind.
pub fn publish(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, upload: &Upload<'_>) -> Result<i64> {
    upload.kind.check(upload.package)?;
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
        let unique: Option<Guid> = entry.unique_id.as_ref().and_then(|id| id.parse().ok());
        let arguments = serde_json::json!({"Input": entry.input, "Output": entry.output});
        tx.put_into(
            "package_entry_points",
            [
                ("package_id", id.into()),
                ("path", entry.path.as_str().into()),
                ("unique_id", unique.into()),
                ("kind", entry.kind.clone().into()),
                ("arguments", arguments.to_string().into()),
            ],
        )?;
    }
    elect_latest(tx, tenant, upload.feed, &upload.package.id)?;
    Ok(id)
}

/// Marks the newest version of a package: in two steps, because at no time may two be the latest.
///
/// # Errors
/// The store's.
pub(super) fn elect_latest(tx: &mut Tx<'_>, tenant: i64, feed: &str, package: &str) -> Result<()> {
    let scope = [tenant.into(), feed.into(), package.into()];
    tx.exec(
        "UPDATE packages SET is_latest = FALSE
         WHERE tenant_id = $1 AND feed_id = $2 AND fold(package_id) = fold($3) AND is_latest",
        &scope,
    )?;
    tx.exec(
        "UPDATE packages SET is_latest = TRUE WHERE id = (SELECT p.id FROM packages p
             WHERE p.tenant_id = $1 AND p.feed_id = $2 AND fold(p.package_id) = fold($3)
                 AND p.deletion_time IS NULL
             ORDER BY p.sort_key DESC LIMIT 1)",
        &scope,
    )?;
    Ok(())
}

fn insert(tx: &mut Tx<'_>, tenant: i64, now: Timestamp, upload: &Upload<'_>) -> Result<i64> {
    let package = upload.package;
    let project = project_type(package);
    let framework = package
        .target_framework
        .as_deref()
        .and_then(ReleaseTargetFramework::parse);
    Ok(tx.insert_into(
        "packages",
        [
            ("tenant_id", tenant.into()),
            ("feed_id", upload.feed.into()),
            ("package_id", package.id.as_str().into()),
            ("version", package.version.to_string().into()),
            ("normalized_version", package.version.normalized().into()),
            ("sort_key", package.version.sort_key().into()),
            ("title", package.title.clone().into()),
            ("description", package.description.clone().into()),
            ("authors", package.authors.clone().into()),
            ("tags", package.tags.clone().into()),
            ("release_notes", package.release_notes.clone().into()),
            ("project_url", package.project_url.clone().into()),
            ("license_url", package.license_url.clone().into()),
            ("published", now.into()),
            ("is_latest", false.into()),
            ("project_type", project.into()),
            ("target_framework", framework.into()),
            ("target_runtime", package.target_runtime.clone().into()),
            ("main_entry_point", package.main.clone().into()),
            (
                "requires_user_interaction",
                package.requires_user_interaction.into(),
            ),
            ("is_attended", package.is_attended.into()),
            ("blob", upload.blob.into()),
            (
                "size",
                i64::try_from(upload.size).unwrap_or(i64::MAX).into(),
            ),
            ("process_type", ProcessType::of(project).into()),
            ("is_conversational", package.is_conversational.into()),
            ("owners", package.owners.clone().into()),
            ("icon_url", package.icon_url.clone().into()),
            ("summary", package.summary.clone().into()),
        ],
    )?)
}

/// The project's kind from what the package calls its content, or Studio its output; functions and
/// anything unknown are plain processes.
fn project_type(package: &nupkg::Package) -> ProjectType {
    let named = package.content_type.as_deref().and_then(ProjectType::parse);
    if let Some(project) = named {
        return project;
    }
    if is_library(package) {
        return ProjectType::ProcessLibrary;
    }
    match package.project_type.as_deref() {
        Some("Tests") => ProjectType::TestAutomationProcess,
        _ => ProjectType::Process,
    }
}

/// The id of an upload's file in the blob store.
#[must_use]
pub fn new_blob_key(chance: &Chance) -> String {
    let id = chance.key().to_string();
    format!("packages/{}/{id}.nupkg", &id[..2])
}
