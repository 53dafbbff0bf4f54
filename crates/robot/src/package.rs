//! Packages: what a `.nupkg` says about how it wants to be run.
//!
//! `content/operate.json` names the runtime and the default entry point, `content/entry-points.json`
//! the shape of arguments and results. Packages of Windows projects have neither; they are refused
//! with a sentence instead of being tried.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The runtimes this agent has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Runtime {
    /// A project of the `uipath` Python package.
    Python,
    /// Any program, told where its input and output are.
    Command,
}

/// `content/operate.json`, as far as the agent needs it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operate {
    #[serde(default)]
    main: Option<String>,
    #[serde(default)]
    target_runtime: Option<String>,
    /// Entry point → program and arguments. An addition for the command runtime.
    #[serde(default)]
    commands: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoints {
    #[serde(default)]
    entry_points: Vec<EntryPoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryPoint {
    file_path: String,
    #[serde(default)]
    output: Value,
}

/// What an unpacked package says about itself.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub runtime: Runtime,
    operate: Operate,
    entry_points: EntryPoints,
}

/// Why a package cannot be run. The texts are shown as the job's `Info`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error(
        "The package is for the runtime \"{0}\". This robot runs packages whose \
         content/operate.json says targetRuntime \"python\" or \"command\"."
    )]
    Unsupported(String),
    #[error(
        "The package does not say how it is run: content/operate.json names no targetRuntime, and \
         there is no Python project (pyproject.toml and uipath.json) in content/. This robot runs \
         the runtimes \"python\" and \"command\"."
    )]
    Unknown,
    #[error("content/{file} in the package cannot be read: {reason}.")]
    Unreadable { file: &'static str, reason: String },
    #[error(
        "The job names no entry point and content/operate.json names none as \"main\". \
         Choose an entry point in the process."
    )]
    NoEntryPoint,
    #[error("\"{0}\" is not a name of an entry point.")]
    BadEntryPoint(String),
}

impl ManifestError {
    /// The code of the fault.
    pub fn code(&self) -> &'static str {
        match self {
            ManifestError::Unsupported(_) | ManifestError::Unknown => "Robot.UnsupportedRuntime",
            _ => "Robot.PackageError",
        }
    }
}

impl Manifest {
    /// Reads the manifest files of an unpacked `content` folder.
    pub fn read(content: &Path) -> Result<Manifest, ManifestError> {
        let operate: Operate = read_json(content, "operate.json")?;
        let runtime = match operate.target_runtime.as_deref() {
            Some("python") => Runtime::Python,
            Some("command") => Runtime::Command,
            Some(other) => return Err(ManifestError::Unsupported(other.to_owned())),
            None if is_python_project(content) => Runtime::Python,
            None => return Err(ManifestError::Unknown),
        };
        let entry_points = read_json(content, "entry-points.json")?;
        Ok(Manifest {
            runtime,
            operate,
            entry_points,
        })
    }

    /// The entry point to run: the one asked for, or the package's default.
    pub fn entry_point<'a>(&'a self, asked: Option<&'a str>) -> Result<&'a str, ManifestError> {
        let asked = asked.filter(|entry| !entry.is_empty());
        let entry = asked
            .or(self.operate.main.as_deref())
            .ok_or(ManifestError::NoEntryPoint)?;
        // It becomes an argument of a program, where a dash would make it an option.
        if entry.is_empty() || entry.starts_with('-') || entry.contains('\0') {
            return Err(ManifestError::BadEntryPoint(entry.to_owned()));
        }
        Ok(entry)
    }

    /// The command line `operate.json` gives an entry point.
    pub fn command_line(&self, entry: &str) -> Option<&[String]> {
        self.operate.commands.get(entry).map(Vec::as_slice)
    }

    /// The members the result of an entry point must have, by its JSON Schema.
    pub fn required_output(&self, entry: &str) -> Vec<String> {
        let mut points = self.entry_points.entry_points.iter();
        let Some(point) = points.find(|point| point.file_path == entry) else {
            return Vec::new();
        };
        let Some(required) = point.output.get("required").and_then(Value::as_array) else {
            return Vec::new();
        };
        required
            .iter()
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }
}

fn is_python_project(content: &Path) -> bool {
    content.join("pyproject.toml").is_file() && content.join("uipath.json").is_file()
}

/// A file that is missing is an empty object; one that is there must be readable.
fn read_json<T: DeserializeOwned + Default>(
    content: &Path,
    file: &'static str,
) -> Result<T, ManifestError> {
    let unreadable = |reason: String| ManifestError::Unreadable { file, reason };
    let text = match fs::read_to_string(content.join(file)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(T::default()),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    // Windows tools write a byte order mark.
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_runtime_is_what_operate_json_says() {
        let python = content(&[(
            "operate.json",
            r#"{"targetRuntime":"python","main":"main"}"#,
        )]);
        assert_eq!(
            Manifest::read(python.path()).unwrap().runtime,
            Runtime::Python
        );
        let command = content(&[("operate.json", "\u{feff}{\"targetRuntime\":\"command\"}")]);
        assert_eq!(
            Manifest::read(command.path()).unwrap().runtime,
            Runtime::Command
        );
    }

    #[test]
    fn a_python_project_is_recognised_without_operate_json() {
        let folder = content(&[("pyproject.toml", ""), ("uipath.json", "{}")]);
        assert_eq!(
            Manifest::read(folder.path()).unwrap().runtime,
            Runtime::Python
        );
        fs::remove_file(folder.path().join("uipath.json")).unwrap();
        assert!(matches!(
            Manifest::read(folder.path()),
            Err(ManifestError::Unknown)
        ));
    }

    #[test]
    fn foreign_runtimes_are_refused_by_name() {
        let folder = content(&[("operate.json", r#"{"targetRuntime":"legacy"}"#)]);
        let error = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("\"legacy\"") && error.contains("\"command\""),
            "{error}"
        );
    }

    #[test]
    fn a_broken_file_is_named() {
        let folder = content(&[
            ("operate.json", r#"{"targetRuntime":"command"}"#),
            ("entry-points.json", "[1"),
        ]);
        let error = Manifest::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("content/entry-points.json"), "{error}");
    }

    #[test]
    fn entry_points_come_from_the_job_or_the_package() {
        let folder = content(&[(
            "operate.json",
            r#"{"targetRuntime":"command","main":"a.sh"}"#,
        )]);
        let manifest = Manifest::read(folder.path()).unwrap();
        assert_eq!(manifest.entry_point(Some("b.sh")).unwrap(), "b.sh");
        assert_eq!(manifest.entry_point(Some("")).unwrap(), "a.sh");
        assert_eq!(manifest.entry_point(None).unwrap(), "a.sh");
        assert!(manifest.entry_point(Some("--help")).is_err());
    }

    #[test]
    fn required_members_come_from_the_schema_of_the_entry_point() {
        let folder = content(&[
            ("operate.json", r#"{"targetRuntime":"command"}"#),
            (
                "entry-points.json",
                r#"{"entryPoints":[{"filePath":"a","output":{"required":["x",1,"y"]}},
                    {"filePath":"b"}]}"#,
            ),
        ]);
        let manifest = Manifest::read(folder.path()).unwrap();
        assert_eq!(manifest.required_output("a"), ["x", "y"]);
        assert!(manifest.required_output("b").is_empty());
        assert!(manifest.required_output("c").is_empty());
    }
}
