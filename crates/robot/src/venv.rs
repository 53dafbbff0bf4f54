//! Virtual environments for Python projects: built once per set of requirements, shared by jobs.
//!
//! Building takes from two to twenty seconds, so an environment is kept under a hash of all that
//! decides about its content: name and version of a project do not, and a new version of a package
//! with the same requirements starts at once. Environments cannot be moved (their scripts hold
//! absolute paths), hence they are built where they stay, under a lock, and count only when their
//! `.complete` file is there.
//!
//! The project itself is never installed: its files lie flat in the package, mostly without a build
//! system, and are run in place.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;

use aws_lc_rs::digest;
use rustix::process::Pid;
use rustix::process::Signal;
use serde::Deserialize;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::journal::blocking;
use crate::lock;
use crate::process::describe;
use crate::process::signal_group;

/// How much of an installer's output is shown when it fails.
const SHOWN_LINES: usize = 20;

/// A ready environment.
#[derive(Debug)]
pub(crate) struct Environment {
    pub path: PathBuf,
    /// Whether it was there already.
    pub cached: bool,
    pub tool: &'static str,
}

/// Why there is no environment. The texts are shown as the job's `Info`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VenvError {
    #[error("The package has no pyproject.toml in content/, which lists what a Python job needs.")]
    NoProject,
    #[error("pyproject.toml in the package cannot be read: {0}.")]
    Project(#[from] toml::de::Error),
    #[error(
        "pyproject.toml lists no dependencies under [project]. A Python job needs at least the \
         package \"uipath\" there."
    )]
    NoDependencies,
    #[error(
        "The dependencies in pyproject.toml do not bring the package \"uipath\", which runs the \
         project. Add it to [project] dependencies."
    )]
    NoUipath,
    #[error(
        "This robot has no Python: {program} cannot be started ({reason}). Install Python 3.11 or \
         later or uv, or start the robot with --python."
    )]
    NoPython { program: String, reason: io::Error },
    #[error("{step} failed with {}.", describe(*status))]
    Tool {
        step: &'static str,
        status: ExitStatus,
        output: String,
    },
    #[error("The environment cannot be written: {0}.")]
    Io(#[from] io::Error),
}

/// The part of pyproject.toml that decides about an environment.
#[derive(Deserialize)]
struct PyProject {
    #[serde(default)]
    project: Project,
    #[serde(default)]
    tool: Tools,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Project {
    #[serde(default)]
    dependencies: Vec<String>,
    requires_python: Option<String>,
}

#[derive(Default, Deserialize)]
struct Tools {
    /// Sources and indexes: uv reads them.
    uv: Option<toml::Value>,
}

/// The folder of environments, and the tools that fill it.
pub(crate) struct Venvs {
    folder: PathBuf,
    /// The interpreter the operator chose.
    python: Option<PathBuf>,
    uv: Option<PathBuf>,
    /// What `python` says it is, once it was asked.
    version: OnceCell<String>,
}

impl Venvs {
    /// Environments below `folder`, built with `uv` if it is on the agent's PATH and with pip
    /// otherwise.
    pub fn new(folder: PathBuf, python: Option<PathBuf>) -> Venvs {
        Venvs {
            folder,
            python,
            uv: on_path("uv"),
            version: OnceCell::new(),
        }
    }

    /// The interpreter that builds environments and runs plain `.py` files.
    pub fn python(&self) -> &Path {
        self.python.as_deref().unwrap_or(Path::new("python3"))
    }

    /// The environment for the project in `content`, built now if there is none yet. Dropping the
    /// future ends the installer.
    pub async fn prepare(&self, content: &Path) -> Result<Environment, VenvError> {
        let project = read_project(content)?;
        let path = self.folder.join(self.key(&project, content).await?);
        let tool = self.tool();
        if is_complete(&path) {
            return Ok(Environment {
                path,
                cached: true,
                tool,
            });
        }
        fs::create_dir_all(&self.folder)?;
        let _lock = lock::wait(&path.with_extension("lock")).await?;
        // Somebody else may have built it in the meantime.
        if is_complete(&path) {
            return Ok(Environment {
                path,
                cached: true,
                tool,
            });
        }
        let old = path.clone();
        blocking(move || remove_folder(&old)).await?;
        self.build(&path, &project.project.dependencies, content)
            .await?;
        if !path.join("bin/uipath").is_file() {
            return Err(VenvError::NoUipath);
        }
        File::create(path.join(".complete"))?.sync_all()?;
        Ok(Environment {
            path,
            cached: false,
            tool,
        })
    }

    fn tool(&self) -> &'static str {
        if self.uv.is_some() { "uv" } else { "pip" }
    }

    /// Everything that decides about the content, hashed.
    async fn key(&self, project: &PyProject, content: &Path) -> Result<String, VenvError> {
        let version = match (&self.uv, &self.python) {
            // uv chooses an interpreter by requires-python, or fetches one.
            (Some(_), None) => None,
            _ => Some(self.version.get_or_try_init(|| self.ask_version()).await?),
        };
        let lock = match fs::read_to_string(content.join("uv.lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            lock => lock?,
        };
        let parts = serde_json::json!([
            self.tool(),
            version,
            std::env::consts::ARCH,
            project.project.requires_python,
            project.project.dependencies,
            project.tool.uv,
            lock,
        ]);
        let hash = digest::digest(&digest::SHA256, parts.to_string().as_bytes());
        Ok(hash
            .as_ref()
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }

    async fn ask_version(&self) -> Result<String, VenvError> {
        let program = self.python();
        let no_python = |reason| VenvError::NoPython {
            program: program.display().to_string(),
            reason,
        };
        let script = "import sys; print(sys.version, sys.executable)";
        let output = Command::new(program)
            .args(["-c", script])
            .stdin(Stdio::null())
            .output()
            .await;
        let output = output.map_err(no_python)?;
        if !output.status.success() {
            return Err(no_python(io::Error::other(describe(output.status))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn build(
        &self,
        path: &Path,
        dependencies: &[String],
        content: &Path,
    ) -> Result<(), VenvError> {
        let log = File::options()
            .create(true)
            .write(true)
            .read(true)
            .truncate(true)
            .open(path.with_extension("log"))?;
        let installer = Installer {
            log,
            folder: content,
        };
        match &self.uv {
            Some(uv) => self.build_with_uv(&installer, uv, path).await,
            None => self.build_with_pip(&installer, path, dependencies).await,
        }
    }

    async fn build_with_uv(
        &self,
        installer: &Installer<'_>,
        uv: &Path,
        path: &Path,
    ) -> Result<(), VenvError> {
        let start = |arguments: &[&str]| {
            let mut command = Command::new(uv);
            command.args(arguments).arg("--no-progress");
            command
        };
        let choose = |command: &mut Command| {
            if let Some(python) = &self.python {
                command.arg("--python").arg(python);
            }
        };
        if installer.folder.join("uv.lock").is_file() {
            let locked = ["sync", "--locked", "--no-dev", "--no-install-project"];
            let mut sync = start(&locked);
            sync.arg("--compile-bytecode")
                .env("UV_PROJECT_ENVIRONMENT", path);
            choose(&mut sync);
            return installer.run("uv sync --locked", sync).await;
        }
        let mut venv = start(&["venv"]);
        choose(&mut venv);
        venv.arg(path);
        installer.run("uv venv", venv).await?;
        let mut install = start(&[
            "pip",
            "install",
            "--compile-bytecode",
            "-r",
            "pyproject.toml",
        ]);
        install.arg("--python").arg(path.join("bin/python"));
        installer.run("uv pip install", install).await
    }

    async fn build_with_pip(
        &self,
        installer: &Installer<'_>,
        path: &Path,
        dependencies: &[String],
    ) -> Result<(), VenvError> {
        let mut venv = Command::new(self.python());
        venv.args(["-m", "venv"]).arg(path);
        installer.run("python -m venv", venv).await?;
        let mut install = Command::new(path.join("bin/python"));
        install.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--no-input",
        ]);
        // Behind `--` a requirement cannot be taken for an option.
        install
            .args(["--progress-bar=off", "--"])
            .args(dependencies);
        installer.run("pip install", install).await
    }
}

/// Runs the steps of one build; all of them write to one log.
struct Installer<'a> {
    log: File,
    folder: &'a Path,
}

impl Installer<'_> {
    /// Runs one step in the agent's own environment, where the operator has set proxies and package
    /// indexes.
    async fn run(&self, step: &'static str, mut command: Command) -> Result<(), VenvError> {
        let program = command
            .as_std()
            .get_program()
            .to_string_lossy()
            .into_owned();
        let mut child = command
            .current_dir(self.folder)
            .env_remove("VIRTUAL_ENV")
            .env_remove("PYTHONHOME")
            .env_remove("PYTHONPATH")
            .stdin(Stdio::null())
            .stdout(self.log.try_clone()?)
            .stderr(self.log.try_clone()?)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|reason| VenvError::NoPython { program, reason })?;
        let group = child
            .id()
            .and_then(|pid| Pid::from_raw(pid.cast_signed()))
            .map(KillOnDrop);
        let status = child.wait().await?;
        drop(group);
        if status.success() {
            return Ok(());
        }
        let output = last_lines(&self.log, SHOWN_LINES)?;
        Err(VenvError::Tool {
            step,
            status,
            output,
        })
    }
}

/// Ends a whole process group when the build is given up.
struct KillOnDrop(Pid);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        signal_group(self.0, Signal::KILL);
    }
}

fn read_project(content: &Path) -> Result<PyProject, VenvError> {
    let text = match fs::read_to_string(content.join("pyproject.toml")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VenvError::NoProject),
        text => text?,
    };
    let project: PyProject = toml::from_str(&text)?;
    if project.project.dependencies.is_empty() {
        return Err(VenvError::NoDependencies);
    }
    Ok(project)
}

/// The interpreter is a link to one outside, which an upgrade of the system may remove.
fn is_complete(path: &Path) -> bool {
    path.join(".complete").is_file() && path.join("bin/python").is_file()
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn last_lines(mut log: &File, count: usize) -> io::Result<String> {
    let end = log.seek(SeekFrom::End(0))?;
    log.seek(SeekFrom::Start(end.saturating_sub(16 * 1024)))?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    Ok(lines[lines.len().saturating_sub(count)..].join("\n"))
}

/// A program of the agent's PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
