//! The shared state of the edge, and how it is put together.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::identity::Keys;
use ::odata::Timestamp;
use db::{Db, Options, Url};
use orchestrator::tenants::{self, Bootstrap, Created, Tenant};
use orchestrator::{Hint, LOG_MIGRATIONS, MIGRATIONS, Server, sessions, webhooks};
use parking_lot::RwLock;
use tokio::sync::{Notify, Semaphore};

use crate::caller::Callers;
use crate::engines;
use crate::files;
use crate::grants::Grants;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::together::Together;

/// Where things are and how this server is called.
#[derive(Debug, Clone)]
pub struct Config {
    /// All state that is not in PostgreSQL: database files, packages, keys.
    pub data: PathBuf,
    /// `postgres://…`; embedded SQLite in the data folder when absent.
    pub database: Option<String>,
    /// Base of all links; the request's own host when absent.
    pub public_url: Option<String>,
    /// Largest package that can be uploaded, in bytes.
    pub max_upload: u64,
}

/// What the first start on an empty database uses.
#[derive(Default)]
pub struct Start {
    /// Makes the hash of the administrator's password; called on an empty database only.
    pub admin_password: Option<String>,
    /// Key of the first machine.
    pub machine_key: Option<String>,
    /// `client_id:client_secret` of an application with all scopes.
    pub app: Option<String>,
}

/// What a first start made, for the operator to see once.
#[derive(Debug, Clone)]
pub struct FirstStart {
    /// The administrator's password.
    pub password: String,
    /// Whether it was generated here.
    pub generated: bool,
    /// The key of the machine template `Local`.
    pub machine_key: String,
}

/// Why a server cannot start; each is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("The data folder {0} cannot be used: {1}. Choose another one with --data.")]
    Data(PathBuf, std::io::Error),
    /// A database cannot be used.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// The keys cannot be used.
    #[error("{0}")]
    Keys(#[from] ::identity::Error),
    /// The database was filled under other keys.
    #[error(
        "The database belongs to a server with another data folder: the keys in {0} are not those \
         it was filled with. Start with that data folder, or restore its `keys` folder; for a \
         server of its own give this one another database."
    )]
    ForeignDatabase(PathBuf),
    /// The thread that reads the keys panicked.
    #[error("The keys could not be read: an internal failure, see the log.")]
    KeyThread,
    /// Packages cannot be stored.
    #[error("{0}")]
    Blobs(#[from] blob::Error),
    /// A bootstrap variable is malformed.
    #[error("{0}")]
    Bootstrap(String),
    /// The first start failed.
    #[error("The first start could not fill the database: {0}")]
    First(#[from] orchestrator::Error),
}

/// What the log says of webhooks.
const UNDELIVERED: &str = "this version keeps webhooks and sends nothing";

/// Everything requests share.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// Everything but logs.
    pub db: Db,
    /// Robot logs.
    pub logs: Db,
    /// Packages.
    pub blobs: blob::Store,
    /// What domain functions see of the installation.
    pub server: Arc<Server>,
    /// What the first start made.
    pub first: Option<FirstStart>,
    pub(crate) tenants: RwLock<Arc<Vec<Tenant>>>,
    pub(crate) callers: Callers,
    pub(crate) presence: sessions::Presence,
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    /// Password hashing takes 20 ms and 19 MiB: never more of it at once than this.
    pub(crate) hashing: Semaphore,
    /// Wakes the watchdog: a deadline moved, or a host came.
    pub(crate) watch: Notify,
    /// Wakes the dispatcher.
    pub(crate) dispatch: Notify,
    /// Tells the engine that gives up items of queues that some were taken.
    pub(crate) taken: Notify,
    /// Wakes it.
    pub(crate) leases: Notify,
    /// Calls about queues that are done together.
    pub(crate) together: Together,
    /// What those who make them may do.
    pub(crate) grants: Grants,
    /// Wakes the sweeper.
    pub(crate) sweep: Notify,
    /// Wakes the engine that indexes items of queues for searches.
    pub(crate) search: Notify,
    /// Wakes whoever writes exports.
    pub(crate) exports: Notify,
    /// Held as long as this server uses the data folder.
    _lock: File,
}

impl App {
    /// Opens stores and keys, migrates, and fills an empty database.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn open(config: Config, start: &Start) -> Result<Arc<Self>, StartError> {
        private_folder(&config.data)?;
        let lock = lock_folder(&config.data)?;
        // A first start makes an RSA key, which takes a while: the databases open meanwhile.
        let folder = config.data.join("keys");
        let (keys, stores) = std::thread::scope(|scope| {
            let keys = scope.spawn(|| Keys::load_or_create(&folder));
            let stores = open_stores(&config);
            (keys.join(), stores)
        });
        let keys = keys.map_err(|_| StartError::KeyThread)??;
        let (blobs, db, logs) = stores?;
        let key_id = keys.key_id().to_owned();
        if db.write_blocking(move |tx| tenants::claim(tx, &key_id))? != keys.key_id() {
            return Err(StartError::ForeignDatabase(config.data));
        }
        // Only when all else stands: what the first start prints is shown once.
        let first = first_start(&config.data, &db, start)?;
        let tenants = db.read_blocking(tenants::all)?;
        let app = Arc::new(Self {
            config,
            db,
            logs,
            blobs,
            server: Arc::new(Server { keys }),
            first,
            tenants: RwLock::new(Arc::new(tenants)),
            callers: Callers::default(),
            presence: sessions::Presence::default(),
            hub: Hub::default(),
            metrics: Metrics::default(),
            hashing: Semaphore::new(2),
            watch: Notify::new(),
            dispatch: Notify::new(),
            taken: Notify::new(),
            leases: Notify::new(),
            together: Together::default(),
            grants: Grants::default(),
            sweep: Notify::new(),
            search: Notify::new(),
            exports: Notify::new(),
            _lock: lock,
        });
        app.resume_presence()?;
        app.tell_of_webhooks()?;
        Ok(app)
    }

    /// Whoever counts on webhooks is told what becomes of them.
    fn tell_of_webhooks(&self) -> Result<(), orchestrator::Error> {
        let enabled = self.db.read_blocking(webhooks::enabled)?;
        if enabled > 0 {
            tracing::warn!(
                enabled,
                "there are webhooks that are enabled: {UNDELIVERED}"
            );
        }
        Ok(())
    }

    /// Sessions that were connected before a restart get a full term to report again.
    fn resume_presence(&self) -> Result<(), orchestrator::Error> {
        let now = Timestamp::now();
        for (session, host, installation) in self.db.read_blocking(sessions::connected)? {
            self.presence.opened(session, &host, installation, now);
        }
        Ok(())
    }

    /// Follows hints after the commit that they belong to.
    pub(crate) fn publish(&self, hints: impl IntoIterator<Item = Hint>) {
        for hint in hints {
            match hint {
                Hint::Session(id) => self.hub.bump(id),
                Hint::SessionGone(id) => {
                    self.presence.closed(id);
                    self.hub.forget(id);
                }
                Hint::Identities => self.callers.forget_all(),
                Hint::Dispatch => self.dispatch.notify_one(),
                Hint::Deadlines => self.watch.notify_one(),
                Hint::Taken => self.taken.notify_one(),
                Hint::Leases => self.leases.notify_one(),
                Hint::Sweep => self.sweep.notify_one(),
                Hint::Search => self.search.notify_one(),
                Hint::Exports => self.exports.notify_one(),
                Hint::Webhook(id) => {
                    tracing::warn!(webhook = id, "a webhook is enabled: {UNDELIVERED}");
                }
                Hint::File(key) => files::discard(self, key),
            }
        }
    }

    /// Follows the hints of a transaction, if it was committed.
    ///
    /// # Errors
    /// Its own.
    pub(crate) fn follow<T>(
        &self,
        done: Result<(T, BTreeSet<Hint>), orchestrator::Error>,
    ) -> Result<T, orchestrator::Error> {
        let (value, hints) = done.inspect_err(|error| self.doubt(error))?;
        self.publish(hints);
        Ok(value)
    }

    /// When nobody knows whether a transaction was committed, it may have changed accounts, roles or
    /// folders.
    pub(crate) fn doubt(&self, error: &orchestrator::Error) {
        if matches!(error, orchestrator::Error::Db(db::Error::Unavailable(_))) {
            self.callers.forget_all();
        }
    }

    /// Brings the table up to date before somebody reads sessions: who fell silent by now counts as
    /// such in this very answer, and heartbeats that only memory knows are written.
    pub(crate) async fn flush_presence(self: &Arc<Self>) -> Result<(), orchestrator::Error> {
        engines::mark_lost(self, Timestamp::now()).await?;
        self.write_beats().await
    }

    /// Writes heartbeats that only memory knows.
    async fn write_beats(&self) -> Result<(), orchestrator::Error> {
        let beats = self.presence.take_dirty();
        if beats.is_empty() {
            return Ok(());
        }
        self.db
            .write(move |tx| sessions::write_beats(tx, &beats))
            .await
    }

    /// The last things before the process ends.
    pub async fn close(&self) {
        if let Err(error) = self.write_beats().await {
            tracing::warn!(%error, "heartbeats could not be written");
        }
        self.db.close();
        self.logs.close();
    }
}

fn private_folder(path: &Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| StartError::Data(path.to_owned(), e))
}

/// Two servers on one folder would share its keys and packages without knowing of each other.
fn lock_folder(path: &Path) -> Result<File, StartError> {
    let failed = |error| StartError::Data(path.to_owned(), error);
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path.join("lock"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(failed(std::io::Error::other("another server uses it")))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn open_stores(config: &Config) -> Result<(blob::Store, Db, Db), StartError> {
    let blobs = blob::Store::open(&config.data.join("blobs"))?;
    let db = open_store(config, "main", MIGRATIONS)?;
    let logs = open_store(config, "logs", LOG_MIGRATIONS)?;
    Ok((blobs, db, logs))
}

fn open_store(
    config: &Config,
    name: &'static str,
    migrations: &[db::Migration],
) -> Result<Db, StartError> {
    let url = match &config.database {
        Some(url) => Url::Postgres(url.clone()),
        None => Url::Sqlite(config.data.join(format!("{name}.db"))),
    };
    let db = Db::open(Options::new(url, name))?;
    db.migrate(migrations)?;
    Ok(db)
}

fn first_start(data: &Path, db: &Db, start: &Start) -> Result<Option<FirstStart>, StartError> {
    let empty = db.read_blocking(|tx| tenants::all(tx).map(|all| all.is_empty()))?;
    if !empty {
        if start.admin_password.is_some() || start.machine_key.is_some() || start.app.is_some() {
            tracing::info!("the database is not empty: bootstrap variables are ignored");
        }
        return Ok(None);
    }
    let generated = start.admin_password.is_none();
    let password = start
        .admin_password
        .clone()
        .unwrap_or_else(::identity::new_password);
    let machine_key = match &start.machine_key {
        Some(key) => Some(key.parse().map_err(|_| {
            StartError::Bootstrap("BATON_BOOTSTRAP_MACHINE_KEY must be a GUID.".into())
        })?),
        None => None,
    };
    let app = start.app.as_deref().map(parse_app).transpose()?;
    let plan = Bootstrap {
        admin_password_hash: ::identity::hash_password(&password)?,
        machine_key,
        app,
    };
    if generated {
        // Before the commit: what is hashed in the database must be readable somewhere.
        keep_password(data, &password)?;
    }
    let now = Timestamp::now();
    let made: Option<Created> = db.write_blocking(move |tx| tenants::bootstrap(tx, now, &plan))?;
    Ok(made.map(|m| FirstStart {
        password,
        generated,
        machine_key: m.machine_key.to_string(),
    }))
}

/// Writes the generated password where only the operator can read it.
fn keep_password(data: &Path, password: &str) -> Result<(), StartError> {
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(data.join("initial-admin.txt"))?;
        writeln!(file, "admin\n{password}")?;
        file.sync_all()
    };
    write().map_err(|e| StartError::Data(data.to_owned(), e))
}

fn parse_app(text: &str) -> Result<(String, String), StartError> {
    match text.split_once(':') {
        Some((id, secret)) if !id.is_empty() && !secret.is_empty() => {
            Ok((id.to_owned(), ::identity::secret_hash(secret)))
        }
        _ => Err(StartError::Bootstrap(
            "BATON_BOOTSTRAP_APP must have the form client_id:client_secret.".into(),
        )),
    }
}
