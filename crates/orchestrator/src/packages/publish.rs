//! How versions come into a feed, and which of them is the latest.

use db::Tx;
use odata::{Guid, Timestamp};

use super::feeds::is_library;
use super::{Feed, ProcessType, ProjectType, ReleaseTargetFramework};
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
        tx.exec(
            "INSERT INTO package_entry_points
                 (package_id, path, unique_id, kind, arguments)
             VALUES ($1, $2, $3, $4, $5)",
            &[
                id.into(),
                entry.path.as_str().into(),
                unique.into(),
                entry.kind.clone().into(),
                arguments.to_string().into(),
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
    Ok(tx.insert(
        "INSERT INTO packages (tenant_id, feed_id, package_id, version, normalized_version,
             sort_key, title, description, authors, tags, release_notes, project_url, license_url,
             published, is_latest, project_type, target_framework, target_runtime,
             main_entry_point, requires_user_interaction, is_attended, blob, size, process_type,
             is_conversational, owners, icon_url, summary)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, FALSE, $15, $16, $17,
             $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)
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
            package.is_conversational.into(),
            package.owners.clone().into(),
            package.icon_url.clone().into(),
            package.summary.clone().into(),
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
pub fn new_blob_key() -> String {
    let id = Guid::random().to_string();
    format!("packages/{}/{id}.nupkg", &id[..2])
}
