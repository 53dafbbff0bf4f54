//! The bundled samples, packed as the official packer does it.

use std::path::PathBuf;
use std::process::Stdio;

use nupkg::PackSpec;
use serde_json::{Value, json};

macro_rules! files {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_bytes!(concat!("../../../../samples/", $folder, "/", $name)) as &[u8])),+]
    };
}

/// Which automation the demo runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// A Python function.
    Python,
    /// A shell script.
    Shell,
}

impl Sample {
    /// Id of the package.
    pub fn id(self) -> &'static str {
        match self {
            Self::Python => "python-hello",
            Self::Shell => "shell-hello",
        }
    }

    /// Arguments of the job, in the single quotes that the API takes, too.
    pub fn input(self) -> &'static str {
        match self {
            Self::Python => "{'name': 'Baton', 'times': 2}",
            Self::Shell => "{'name': 'Baton'}",
        }
    }

    fn files(self) -> &'static [(&'static str, &'static [u8])] {
        match self {
            Self::Python => {
                files!("python-hello": "main.py", "pyproject.toml", "uipath.json", "entry-points.json", "bindings.json")
            }
            Self::Shell => files!("shell-hello": "main.sh", "operate.json", "entry-points.json"),
        }
    }

    /// The package file.
    ///
    /// # Errors
    /// What is wrong with the sample's files.
    pub fn pack(self) -> Result<Vec<u8>, String> {
        let json = |name: &str| -> Option<Value> {
            let (_, bytes) = self.files().iter().find(|(n, _)| *n == name)?;
            serde_json::from_slice(bytes).ok()
        };
        let operate = json("operate.json").unwrap_or_else(|| json!({
            "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
            "projectId": json("uipath.json").map_or(Value::Null, |u| u["id"].clone()),
            "main": "main",
            "contentType": "function",
            "targetFramework": "Portable",
            "targetRuntime": "python",
            "runtimeOptions": {"requiresUserInteraction": false, "isAttended": false, "isConversational": false},
            "dependencies": {"uipath": ">=2.14.44, <2.15.0"},
        }));
        let generated = ["operate.json", "entry-points.json"];
        let project = self
            .files()
            .iter()
            .filter(|(name, _)| !generated.contains(name));
        let spec = PackSpec {
            id: self.id().into(),
            version: "1.0.0".into(),
            authors: "Baton".into(),
            description: "A sample of Baton".into(),
            files: project
                .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
                .collect(),
            operate,
            entry_points: json("entry-points.json").unwrap_or(Value::Null),
            bindings: json("bindings.json").unwrap_or(json!({"version": "2.0", "resources": []})),
        };
        nupkg::pack(&spec).map_err(|e| format!("The sample cannot be packed: {e}"))
    }
}

/// Whether there is a Python that can run the sample.
///
/// # Errors
/// A sentence that says what is missing.
pub async fn find_python() -> Result<(), String> {
    let check = "import sys, venv, ensurepip; sys.exit(0 if sys.version_info >= (3, 11) else 3)";
    let status = tokio::process::Command::new("python3")
        .args(["-c", check])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .await;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) if status.code() == Some(3) => {
            Err("The Python here is older than 3.11. Install Python 3.11 or later to run Python automations.".into())
        }
        Ok(_) => Err("Python here has no venv module. Install it (Debian: apt install python3-venv) to run Python automations.".into()),
        Err(_) => Err("There is no python3 here. Install Python 3.11 or later to run Python automations.".into()),
    }
}

/// Environments survive the demo, so that the second one starts at once.
pub fn cache_folder() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(home)?;
    Some(base.join("baton"))
}

/// Whether an earlier demo left environments.
pub fn has_environments() -> bool {
    let folder = cache_folder().map(|c| c.join("venvs"));
    folder
        .and_then(|f| std::fs::read_dir(f).ok())
        .is_some_and(|mut f| f.next().is_some())
}
