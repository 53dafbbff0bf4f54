//! What a package says about its project, in one of two dialects.
//!
//! New packers (Python, agents, low-code apps) write `operate.json` and `entry-points.json`, and
//! a `package-descriptor.json` that says where they are; arguments are JSON Schemas. Studio's
//! older packages carry the `project.json` they were made from, next to the workflows; arguments
//! are lists. Texts of arguments are handed on as Orchestrator's API returns them: compact JSON.

use std::io::{Read, Seek};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::archive::Archive;
use crate::error::{Error, Result};
use crate::names;

const DESCRIPTOR: &str = "content/package-descriptor.json";
const OPERATE: &str = "operate.json";
const ENTRY_POINTS: &str = "entry-points.json";
const PROJECT: &str = "project.json";

/// Something in a package that can be started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryPoint {
    /// What a job names to start it: a workflow file, or a name for Python.
    pub path: String,
    /// Its id; packers may give a new one with every package.
    pub unique_id: Option<String>,
    /// "function", "agent", "process"…
    pub kind: Option<String>,
    /// Input arguments as JSON: a schema object (`entry-points.json`), or an array of
    /// `{name, type, required, hasDefault}` (`project.json`).
    pub input: Option<String>,
    /// Output arguments, likewise.
    pub output: Option<String>,
}

/// The project of a package; everything is absent in a plain NuGet package.
#[derive(Debug, Default)]
pub(crate) struct Project {
    pub main: Option<String>,
    pub content_type: Option<String>,
    pub target_framework: Option<String>,
    pub target_runtime: Option<String>,
    pub output_type: Option<String>,
    pub runtime: RuntimeOptions,
    pub entry_points: Vec<EntryPoint>,
}

/// What a job needs around it; absent means that the package does not say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RuntimeOptions {
    pub requires_user_interaction: Option<bool>,
    pub is_attended: Option<bool>,
    pub is_conversational: Option<bool>,
}

/// Reads the project, in the newer dialect if the package has it.
///
/// # Errors
/// [`Error::BadMetadata`], [`Error::TooLarge`].
pub(crate) fn read<R: Read + Seek>(archive: &mut Archive<R>) -> Result<Project> {
    let described: Option<Descriptor> = json(archive, DESCRIPTOR)?;
    let operate = read_described(archive, described.as_ref(), OPERATE)?;
    let entry_points = read_described(archive, described.as_ref(), ENTRY_POINTS)?;
    if operate.is_some() || entry_points.is_some() {
        return Ok(from_operate(
            operate.unwrap_or_default(),
            entry_points.unwrap_or_default(),
        ));
    }
    match project_file(archive.names()) {
        Some(file) => from_project(archive, &file),
        None => Ok(Project::default()),
    }
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(default, deserialize_with = "null_is_default")]
    files: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Operate {
    main: Option<String>,
    content_type: Option<String>,
    target_framework: Option<String>,
    target_runtime: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    runtime_options: RuntimeOptions,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct EntryPoints {
    #[serde(deserialize_with = "null_is_default")]
    entry_points: Vec<RawEntryPoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntryPoint {
    file_path: String,
    unique_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    input: Option<Value>,
    output: Option<Value>,
}

impl From<RawEntryPoint> for EntryPoint {
    fn from(raw: RawEntryPoint) -> Self {
        Self {
            path: raw.file_path,
            unique_id: raw.unique_id,
            kind: raw.kind,
            input: raw.input.map(|value| value.to_string()),
            output: raw.output.map(|value| value.to_string()),
        }
    }
}

/// A file of the newer dialect: where the descriptor says, else in its usual place. A descriptor
/// that names a file the package lacks is wrong; the usual place may be empty.
fn read_described<R: Read + Seek, T: DeserializeOwned>(
    archive: &mut Archive<R>,
    descriptor: Option<&Descriptor>,
    name: &str,
) -> Result<Option<T>> {
    let Some(path) = descriptor.and_then(|d| d.files.get(name)) else {
        return json(archive, &format!("content/{name}"));
    };
    let wrong = |reason| Err(Error::bad_metadata(DESCRIPTOR, reason));
    let Value::String(path) = path else {
        return wrong(format!("the place of {name} is not a text"));
    };
    let found = match names::normalize(path) {
        Ok(path) => json(archive, &path)?,
        Err(_) => None,
    };
    match found {
        Some(found) => Ok(Some(found)),
        None => wrong(format!("it names {path}, which is missing")),
    }
}

fn from_operate(operate: Operate, entry_points: EntryPoints) -> Project {
    let entry_points: Vec<EntryPoint> = entry_points
        .entry_points
        .into_iter()
        .map(EntryPoint::from)
        .collect();
    Project {
        main: operate
            .main
            .or_else(|| entry_points.first().map(|e| e.path.clone())),
        content_type: operate.content_type,
        target_framework: operate.target_framework,
        target_runtime: operate.target_runtime,
        output_type: None,
        runtime: operate.runtime_options,
        entry_points,
    }
}

/// `content/project.json`, else that of the first target framework below `lib`.
fn project_file<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_project = |name: &str| {
        let segments: Vec<&str> = name.split('/').collect();
        matches!(
            segments.as_slice(),
            ["content", PROJECT] | ["lib", _, PROJECT]
        )
    };
    names.find(|name| is_project(name)).map(str::to_owned) // content comes before lib
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct StudioProject {
    main: Option<String>,
    target_framework: Option<String>,
    #[serde(deserialize_with = "null_is_default")]
    entry_points: Vec<RawEntryPoint>,
    /// Where Studio kept the arguments of `main` before there were entry points.
    #[serde(deserialize_with = "null_is_default")]
    arguments: Arguments,
    #[serde(deserialize_with = "null_is_default")]
    design_options: DesignOptions,
    #[serde(deserialize_with = "null_is_default")]
    runtime_options: RuntimeOptions,
}

#[derive(Deserialize, Default)]
struct Arguments {
    input: Option<Value>,
    output: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct DesignOptions {
    output_type: Option<String>,
}

fn from_project<R: Read + Seek>(archive: &mut Archive<R>, file: &str) -> Result<Project> {
    let Some(read): Option<StudioProject> = json(archive, file)? else {
        return Ok(Project::default());
    };
    let mut entry_points: Vec<EntryPoint> = read
        .entry_points
        .into_iter()
        .map(EntryPoint::from)
        .collect();
    if entry_points.is_empty()
        && let Some(main) = &read.main
    {
        entry_points.push(EntryPoint {
            path: main.clone(),
            input: read.arguments.input.map(|value| value.to_string()),
            output: read.arguments.output.map(|value| value.to_string()),
            ..EntryPoint::default()
        });
    }
    // Projects from before the choice are what is called Legacy since, and those from before
    // background processes all expect a desktop.
    let mut runtime = read.runtime_options;
    runtime.requires_user_interaction.get_or_insert(true);
    Ok(Project {
        main: read.main,
        target_framework: Some(read.target_framework.unwrap_or_else(|| "Legacy".to_owned())),
        output_type: read.design_options.output_type,
        runtime,
        entry_points,
        ..Project::default()
    })
}

/// A JSON file of the package; `None` if it is not there.
fn json<R: Read + Seek, T: DeserializeOwned>(
    archive: &mut Archive<R>,
    file: &str,
) -> Result<Option<T>> {
    match archive.text(file)? {
        Some(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| Error::bad_metadata(file, e.to_string())),
        None => Ok(None),
    }
}

/// Packers differ in leaving a member out and writing `null`.
fn null_is_default<'de, D, T>(from: D) -> std::result::Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
