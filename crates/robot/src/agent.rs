//! What all jobs of one agent share: its folders, its name, its connection.

use std::fs;
use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::Event;
use crate::Options;
use crate::address::Address;
use crate::client::Client;
use crate::fetch::Packages;
use crate::journal::Journal;
use crate::lock;
use crate::protocol::JobId;
use crate::venv::Venvs;

/// How long another agent may take to let go of the data folder: one that is being restarted ends
/// while its successor begins.
const HANDOVER: Duration = Duration::from_secs(3);

/// An agent with its data folder locked and its client ready.
pub(crate) struct Agent {
    pub client: Client,
    pub journal: Journal,
    pub packages: Packages,
    pub venvs: Venvs,
    /// The name this machine goes by.
    pub host: String,
    pub pass_env: Vec<String>,
    pub grace: Duration,
    pub slots: u32,
    jobs: PathBuf,
    shutdown: CancellationToken,
    events: Option<UnboundedSender<Event>>,
}

impl Agent {
    /// Takes possession of the data folder.
    pub async fn open(
        options: Options,
        shutdown: CancellationToken,
        events: Option<UnboundedSender<Event>>,
    ) -> Result<Agent, Error> {
        let address = Address::parse(&options.url).map_err(Error::Url)?;
        if let Some(python) = &options.python
            && !python.is_file()
        {
            return Err(Error::Python(python.clone()));
        }
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Data { path, source }
        };
        let data = private_folder(&options.data).map_err(unusable(&options.data))?;
        let lock = lock_folder(&data).await?;
        let journal = Journal::open(&data, Arc::new(lock)).map_err(unusable(&data))?;
        let cache = options.cache.unwrap_or_else(|| data.join("cache"));
        let cache = private_folder(&cache).map_err(unusable(&cache))?;
        let jobs = private_folder(&data.join("jobs")).map_err(unusable(&data))?;
        let installation = installation_id(&data).map_err(unusable(&data))?;
        let host = options.name.unwrap_or_else(machine_name);
        let client = Client::new(address, options.credentials, &host, &installation)
            .map_err(|error| Error::Tls(error.to_string()))?;
        Ok(Agent {
            client,
            journal,
            packages: Packages::new(cache.join("packages")),
            venvs: Venvs::new(cache.join("venvs"), options.python),
            host,
            pass_env: options.pass_env,
            grace: options.grace,
            slots: options.slots.max(1),
            jobs,
            shutdown,
            events,
        })
    }

    /// Where an attempt has its files.
    pub fn work_folder(&self, id: JobId) -> PathBuf {
        self.jobs.join(id.to_string())
    }

    /// Removes the folders of jobs that `keep` does not name.
    pub fn clear_work_folders(&self, keep: &[JobId]) -> io::Result<()> {
        let keep: Vec<String> = keep.iter().map(JobId::to_string).collect();
        for folder in fs::read_dir(&self.jobs)? {
            let folder = folder?;
            let name = folder.file_name();
            if !keep.iter().any(|id| **id == *name) {
                fs::remove_dir_all(folder.path())?;
            }
        }
        Ok(())
    }

    /// Tells whoever follows this agent. Nobody listening is fine.
    pub fn tell(&self, event: Event) {
        tracing::info!("{event}");
        if let Some(events) = &self.events {
            let _ = events.send(event);
        }
    }

    /// Ends `patience` after the agent was told to shut down.
    pub async fn leaving(&self, patience: Duration) {
        self.shutdown.cancelled().await;
        tokio::time::sleep(patience).await;
    }
}

/// Creates a folder only the owner can enter (it holds tokens), and makes its path absolute.
fn private_folder(path: &Path) -> io::Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    path.canonicalize()
}

async fn lock_folder(data: &Path) -> Result<File, Error> {
    let path = data.join("lock");
    match tokio::time::timeout(HANDOVER, lock::wait(&path)).await {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(source)) => Err(Error::Data { path, source }),
        Err(_) => Err(Error::DataInUse(data.to_owned())),
    }
}

/// A GUID that stays with the data folder.
fn installation_id(data: &Path) -> io::Result<String> {
    let path = data.join("installation-id");
    match fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => Ok(id.trim().to_owned()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            let id = uuid::Uuid::new_v4().to_string();
            fs::write(path, &id)?;
            Ok(id)
        }
    }
}

fn machine_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
