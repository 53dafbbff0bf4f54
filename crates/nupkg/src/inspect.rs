//! The reading side: one call from an uploaded file to what the server stores about it.

use std::io::{Read, Seek};

use crate::archive::{Archive, Limits};
use crate::error::{Error, Result};
use crate::metadata::{self, Project};
use crate::nuspec;
use crate::version::Version;

pub use crate::metadata::EntryPoint;

/// What a package says about itself. Texts are trimmed; empty ones are absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name of the package; case does not count.
    pub id: String,
    /// Its version.
    pub version: Version,
    /// Name to show.
    pub title: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Who made it.
    pub authors: Option<String>,
    /// Tags, separated by blanks.
    pub tags: Option<String>,
    /// What is new.
    pub release_notes: Option<String>,
    /// Address of the project.
    pub project_url: Option<String>,
    /// Address of the licence.
    pub license_url: Option<String>,
    /// Who answers for it.
    pub owners: Option<String>,
    /// Address of its picture.
    pub icon_url: Option<String>,
    /// What it is for, in a line.
    pub summary: Option<String>,
    /// Path of the entry point that is started by default.
    pub main: Option<String>,
    /// Kind of the first entry point ("function", "agent", "ProcessOrchestration"…);
    /// `operate.json` only.
    pub content_type: Option<String>,
    /// `Legacy`, `Windows` or `Portable`.
    pub target_framework: Option<String>,
    /// What runs it: "python"…; `operate.json` only.
    pub target_runtime: Option<String>,
    /// Whether it needs a desktop.
    pub requires_user_interaction: bool,
    /// Whether it needs a person.
    pub is_attended: bool,
    /// Whether it talks with a person.
    pub is_conversational: bool,
    /// Studio's kind of project: `Process`, `Library`, `Tests`, `Template`; `project.json` only.
    pub project_type: Option<String>,
    /// What can be started, in the package's order.
    pub entry_points: Vec<EntryPoint>,
    /// Bytes of all files, inflated.
    pub uncompressed: u64,
    /// Number of files, folders not counted.
    pub files: usize,
}

/// Checks a package and reads its description.
///
/// Every entry is inflated once (to nowhere) and its size and checksum compared, so this takes
/// time in proportion to the inflated size.
///
/// # Errors
/// See [`Error`]: whatever makes the package unsafe to unpack or impossible to understand. A
/// package without entry points is fine.
pub fn inspect<R: Read + Seek>(reader: R, limits: &Limits) -> Result<Package> {
    let mut archive = Archive::open(reader, limits)?;
    let name = manifest(archive.names())?;
    let xml = match archive.text(&name) {
        Err(Error::BadMetadata { reason, .. }) => return Err(Error::BadNuspec(reason)),
        found => found?.ok_or(Error::NoNuspec)?,
    };
    let nuspec = nuspec::parse(&xml)?;
    let project: Project = metadata::read(&mut archive)?;
    Ok(Package {
        id: nuspec.id,
        version: nuspec.version,
        title: nuspec.title,
        description: nuspec.description,
        authors: nuspec.authors,
        tags: nuspec.tags,
        release_notes: nuspec.release_notes,
        project_url: nuspec.project_url,
        license_url: nuspec.license_url,
        owners: nuspec.owners,
        icon_url: nuspec.icon_url,
        summary: nuspec.summary,
        main: project.main,
        content_type: project.content_type,
        target_framework: project.target_framework,
        target_runtime: project.target_runtime,
        requires_user_interaction: project.runtime.requires_user_interaction.unwrap_or(false),
        is_attended: project.runtime.is_attended.unwrap_or(false),
        is_conversational: project.runtime.is_conversational.unwrap_or(false),
        project_type: project.output_type,
        entry_points: project.entry_points,
        uncompressed: archive.uncompressed(),
        files: archive.files(),
    })
}

/// The one `.nuspec` at the root.
fn manifest<'a>(names: impl Iterator<Item = &'a str>) -> Result<String> {
    let mut found = names.filter(|name| name.ends_with(".nuspec") && !name.contains('/'));
    match (found.next(), found.next()) {
        (Some(name), None) => Ok(name.to_owned()),
        (None, _) => Err(Error::NoNuspec),
        (Some(_), Some(_)) => Err(Error::ManyNuspecs),
    }
}

#[cfg(test)]
mod tests;
