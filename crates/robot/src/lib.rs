//! The robot agent: asks an Orchestrator server for jobs, runs them, and reports how they ended.
//!
//! It speaks the robot-facing HTTP protocol and needs nothing else of the server, so it also runs
//! against other servers that speak it. Two kinds of packages are run: projects of the `uipath`
//! Python package, and `command` packages, which hold any program.
//!
//! The promise it makes is that a job runs at most once per attempt and that its end is reported
//! exactly once, whatever crashes in between. `journal` and `job` keep that promise; the
//! other modules do one thing each for them.
//!
//! Start reading at `job`.

mod address;
mod agent;
mod args;
mod backoff;
mod capture;
mod client;
mod clock;
mod command;
mod contact;
mod environment;
mod fetch;
mod job;
mod joblog;
mod journal;
mod lock;
mod logs;
mod orders;
mod package;
mod prepare;
mod process;
mod protocol;
mod python;
mod result;
mod ship;
mod spool;
mod supervisor;
mod tail;
#[cfg(test)]
mod testing;
mod unpack;
mod venv;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use crate::args::Args;
pub use crate::args::ArgsError;
pub use crate::protocol::JobState;

/// How an agent is to work.
pub struct Options {
    /// `{origin}/{organization}/{tenant}`, or `{origin}` of a stand-alone installation.
    pub url: String,
    /// What the agent signs in with.
    pub credentials: Credentials,
    /// The folder for everything that must survive a restart. One agent at a time can use it.
    pub data: PathBuf,
    /// The folder for packages and Python environments, which several agents may share; `cache` in
    /// the data folder if not given.
    pub cache: Option<PathBuf>,
    /// How many jobs may run at the same time, at least 1.
    pub slots: u32,
    /// The name shown for this machine; its host name if not given.
    pub name: Option<String>,
    /// The interpreter for Python jobs; `python3` of the PATH if not given.
    pub python: Option<PathBuf>,
    /// Names of variables of the agent's environment that jobs get too.
    pub pass_env: Vec<String>,
    /// How long a job that was asked to stop may take before it is killed.
    pub grace: Duration,
}

/// What an agent signs in with.
pub enum Credentials {
    /// The key of a machine, sent with every call.
    MachineKey(String),
    /// An OAuth client of a machine; the agent fetches tokens for it.
    Client {
        /// The client's id.
        id: String,
        /// Its secret.
        secret: String,
    },
}

/// What an agent did, for those who want to show it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server accepted the machine.
    Connected {
        /// The names of the robots it may run as.
        robots: Vec<String>,
    },
    /// A package was downloaded (and not just taken from the cache).
    Downloaded {
        /// `id:version`
        package: String,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// The Python environment of a job is ready.
    Environment {
        /// `id:version`
        package: String,
        /// How long it took, in milliseconds.
        ms: u64,
        /// Whether it was there already.
        cached: bool,
        /// `uv` or `pip`.
        tool: &'static str,
    },
    /// The program of a job runs.
    Started {
        /// The job.
        job_key: Uuid,
    },
    /// The server knows how a job ended.
    Finished {
        /// The job.
        job_key: Uuid,
        /// How it ended.
        state: JobState,
    },
}

/// One line for people.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Connected { robots } if robots.is_empty() => write!(f, "connected"),
            Event::Connected { robots } => write!(f, "connected as {}", robots.join(", ")),
            Event::Downloaded { package, ms } => write!(f, "downloaded {package} in {ms} ms"),
            Event::Environment {
                package,
                ms,
                cached: true,
                ..
            } => {
                write!(f, "found the environment of {package} in {ms} ms")
            }
            Event::Environment {
                package,
                ms,
                cached: false,
                tool,
            } => {
                write!(
                    f,
                    "built the environment of {package} with {tool} in {ms} ms"
                )
            }
            Event::Started { job_key } => write!(f, "started job {job_key}"),
            Event::Finished { job_key, state } => write!(f, "job {job_key} is {state}"),
        }
    }
}

/// Why an agent cannot start. Once it has started it does not fail any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The URL is none.
    #[error("{0}")]
    Url(String),
    /// The data or cache folder cannot be used.
    #[error("The folder {} cannot be used: {source}. Choose another one with --data or --cache.", path.display())]
    Data {
        /// The folder or file in question.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another agent has the data folder.
    #[error(
        "The data folder {} is used by another robot agent. Stop that one, or give this one a \
         folder of its own with --data.",
        .0.display()
    )]
    DataInUse(PathBuf),
    /// The chosen interpreter is not there.
    #[error("There is no Python interpreter at {}. Correct --python.", .0.display())]
    Python(PathBuf),
    /// The machine's certificates cannot be used.
    #[error("HTTPS cannot be set up on this machine: {0}. Check its CA certificates.")]
    Tls(String),
    /// The server does not accept the credentials.
    #[error(
        "The server {url} does not accept this machine ({reason}). Check the machine key, or the \
         client id and secret, in Orchestrator under Machines."
    )]
    Credentials {
        /// The server.
        url: String,
        /// Its answer.
        reason: String,
    },
    /// The server refused to start the session.
    #[error(
        "The server {url} refused this robot ({reason}). Check the address, and that the machine \
         has an unattended robot and a license in this tenant."
    )]
    Refused {
        /// The server.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Its answer.
        reason: String,
    },
    /// The server did not answer for a minute.
    #[error("The server {url} cannot be reached: {reason}. Check the address and the network.")]
    Unreachable {
        /// The server.
        url: String,
        /// The last failure.
        reason: String,
    },
}

/// Runs an agent until `shutdown` is cancelled: it then asks its jobs to end, reports what became of
/// them, signs off, and returns `Ok`. What could not be reported is in the data folder and is
/// settled by the next start. The same holds when the future is dropped, except that programs go on
/// until that start.
///
/// `events` receives what the agent does; give `None` if nobody listens.
///
/// # Errors
///
/// When the agent cannot start; see [`Error`].
pub async fn run(
    options: Options,
    shutdown: CancellationToken,
    events: Option<UnboundedSender<Event>>,
) -> Result<(), Error> {
    let agent = agent::Agent::open(options, shutdown.clone(), events).await?;
    supervisor::run(agent, shutdown).await
}
