//! From a command of the server to a program that can be started.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::Signal;

use crate::Event;
use crate::agent::Agent;
use crate::capture::Source;
use crate::command;
use crate::environment;
use crate::environment::Variables;
use crate::fetch::FetchError;
use crate::fetch::Fetched;
use crate::journal::blocking;
use crate::logs::Level;
use crate::logs::Line;
use crate::package::Manifest;
use crate::package::ManifestError;
use crate::package::Runtime;
use crate::process::Exit;
use crate::process::Launch;
use crate::process::describe;
use crate::protocol::Category;
use crate::protocol::Command;
use crate::protocol::Outcome;
use crate::python;
use crate::result;
use crate::spool::Spool;
use crate::tail::Tail;
use crate::unpack;
use crate::venv::VenvError;

/// The folder of the package's files, below the job's.
pub(crate) const CONTENT: &str = "content";

/// The code of a Python job whose environment cannot be made, as UiPath's robot reports it.
const PREPARE_ENVIRONMENT: &str = "Serverless.PythonCodedAgent.PrepareEnvironmentError";

/// All that is needed to run a job's program and to judge how it ended.
pub(crate) struct Prepared {
    pub launch: Launch,
    pub runtime: Runtime,
    /// Where its log lines come from.
    pub source: Source,
    /// What asks the program to stop.
    pub soft: Signal,
    pub verdict: Verdict,
}

/// What decides how a job has ended.
pub(crate) enum Verdict {
    /// The result file of the Python runtime, in this content folder.
    Python { content: PathBuf },
    /// The exit code, and the result file with the members it must have.
    Command {
        output: PathBuf,
        required: Vec<String>,
    },
}

impl Verdict {
    /// The outcome of a program that ended by itself.
    pub fn of(self, exit: Exit, errors: &str) -> Outcome {
        match self {
            Verdict::Python { content } => {
                python::outcome(&content, &describe(exit.status), errors)
            }
            Verdict::Command { output, required } => {
                command::outcome(exit, &output, required, errors)
            }
        }
    }
}

/// Gets the job's package into the cache.
pub(crate) async fn fetch(agent: &Agent, command: &Command) -> Result<Fetched, Outcome> {
    let begun = Instant::now();
    let fetched = agent
        .packages
        .fetch(&agent.client, &command.data)
        .await
        .map_err(|error| {
            let category = match error {
                FetchError::Io(_) => Category::System,
                _ => Category::Deployment,
            };
            Outcome::faulted("Robot.PackageError", category, error.to_string())
        })?;
    if !fetched.cached {
        let package = fetched.package.clone();
        agent.tell(Event::Downloaded {
            package,
            ms: milliseconds(begun),
        });
    }
    Ok(fetched)
}

/// Unpacks it into the job's folder. The job gets a copy of its own: whatever it does to its files,
/// the next job finds them as published.
pub(crate) async fn unpack(package: &Fetched, work: &Path) -> Result<PathBuf, Outcome> {
    let content = work.join(CONTENT);
    let (archive, target) = (package.path.clone(), content.clone());
    let unpacked = blocking(move || Ok(unpack::unpack(&archive, &target))).await;
    let reason = match unpacked {
        Ok(Ok(())) => return Ok(content),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    let title = format!(
        "The package {} cannot be unpacked: {reason}.",
        package.package
    );
    Err(Outcome::faulted(
        "Robot.PackageError",
        Category::Deployment,
        title,
    ))
}

/// Works out what to start, and builds what it needs.
pub(crate) async fn launch(
    agent: &Agent,
    command: &Command,
    package: &Fetched,
    content: &Path,
    work: &Path,
    logs: &Spool,
) -> Result<Prepared, Outcome> {
    let manifest = Manifest::read(content).map_err(bad_manifest)?;
    let asked = command.data.entry_point_path.as_deref();
    let entry = manifest.entry_point(asked).map_err(bad_manifest)?;
    let input = write_input(command, work)?;

    let mut variables = environment::of_machine(work, &agent.pass_env);
    if manifest.runtime == Runtime::Python {
        environment::add_python_defaults(&mut variables);
    }
    let lines = command
        .data
        .environment_variables
        .as_deref()
        .unwrap_or_default();
    for bad in environment::add_lines(&mut variables, lines) {
        let text = format!("The environment variable line {bad:?} is not NAME=value; ignored.");
        logs.append(&[Line::robot(Level::Warning, &text)]);
    }
    let url = agent.client.address().for_jobs(&command.data);
    environment::add_identity(&mut variables, command, &url);

    let place = Place {
        content,
        work,
        input: &input,
        entry,
    };
    match manifest.runtime {
        Runtime::Python => python_program(agent, package, &place, variables).await,
        Runtime::Command => command_program(agent, &manifest, &place, variables),
    }
}

/// Where a job's files are, and what of them is to be run.
struct Place<'a> {
    content: &'a Path,
    work: &'a Path,
    input: &'a Path,
    entry: &'a str,
}

async fn python_program(
    agent: &Agent,
    package: &Fetched,
    place: &Place<'_>,
    mut variables: Variables,
) -> Result<Prepared, Outcome> {
    let begun = Instant::now();
    let venv = agent
        .venvs
        .prepare(place.content)
        .await
        .map_err(no_environment)?;
    agent.tell(Event::Environment {
        package: package.package.clone(),
        ms: milliseconds(begun),
        cached: venv.cached,
        tool: venv.tool,
    });
    environment::activate(&mut variables, &venv.path);
    let launch = Launch {
        program: venv.path.join("bin/uipath").into(),
        arguments: vec![
            "run".into(),
            place.entry.into(),
            "--input-file".into(),
            place.input.into(),
        ],
        environment: variables,
        folder: place.content.to_owned(),
    };
    Ok(Prepared {
        launch,
        runtime: Runtime::Python,
        source: Source::File(Tail::open(python::log_file(place.content), place.work)),
        // Python turns SIGINT into an exception and so cleans up; SIGTERM ends it on the spot.
        soft: Signal::INT,
        verdict: Verdict::Python {
            content: place.content.to_owned(),
        },
    })
}

fn command_program(
    agent: &Agent,
    manifest: &Manifest,
    place: &Place<'_>,
    mut variables: Variables,
) -> Result<Prepared, Outcome> {
    let python = agent.venvs.python();
    let mut line =
        command::command_line(place.content, manifest, place.entry, python).map_err(|error| {
            Outcome::faulted(
                "Robot.PackageError",
                Category::Deployment,
                error.to_string(),
            )
        })?;
    let program = line.remove(0);
    let output = place.work.join("output.json");
    line.extend([place.input.into(), output.clone().into()]);
    variables.insert("BATON_INPUT".into(), place.input.into());
    variables.insert("BATON_OUTPUT".into(), output.clone().into());
    let folder = place.content.to_owned();
    Ok(Prepared {
        launch: Launch {
            program,
            arguments: line,
            environment: variables,
            folder,
        },
        runtime: Runtime::Command,
        source: Source::Streams,
        soft: Signal::TERM,
        verdict: Verdict::Command {
            output,
            required: manifest.required_output(place.entry),
        },
    })
}

/// Writes the arguments where the program finds them. None at all is an empty object.
fn write_input(command: &Command, work: &Path) -> Result<PathBuf, Outcome> {
    let text = command
        .data
        .input_arguments
        .as_deref()
        .filter(|text| !text.trim().is_empty());
    let Some(object) = result::object(text.unwrap_or("{}")) else {
        let title = "The job's input arguments are not a JSON object.";
        return Err(Outcome::faulted(
            "Robot.InvalidInput",
            Category::User,
            title,
        ));
    };
    let path = work.join("input.json");
    match fs::write(&path, object) {
        Ok(()) => Ok(path),
        Err(error) => Err(disk(&error)),
    }
}

fn disk(error: &io::Error) -> Outcome {
    let title = format!("The robot cannot write the job's folder: {error}.");
    Outcome::faulted("Robot.DiskError", Category::System, title)
}

/// The package does not say what this robot needs to know.
fn bad_manifest(error: ManifestError) -> Outcome {
    Outcome::faulted(error.code(), Category::Deployment, error.to_string())
}

fn no_environment(error: VenvError) -> Outcome {
    let title = format!("The Python environment cannot be prepared. {error}");
    let output = match &error {
        VenvError::Tool { output, .. } => output,
        _ => "",
    };
    Outcome::faulted(PREPARE_ENVIRONMENT, Category::System, title).with_detail(output)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
