//! The shared state of the edge, and how it is put together.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use ::identity::Keys;
use axum::http::Request;
use db::{Db, Options, Url};
use orchestrator::tenants::{self, Bootstrap, Created, Tenant};
use orchestrator::{Hint, LOG_MIGRATIONS, MIGRATIONS, Server, sessions, webhooks};
use parking_lot::RwLock;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::batching::Batching;
use crate::caller::Callers;
use crate::cors::{BadOrigin, Cors};
use crate::door::attempts::Attempts;
use crate::door::{Door, Tls, TlsError};
use crate::engines::Sleeper;
use crate::files;
use crate::folder::{Folder, Name};
use crate::grants::Grants;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::presence;

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
    /// Origins whose pages may call the API; `*` for all.
    pub cors_origins: Vec<String>,
    /// Who comes in, and how.
    pub door: Door,
}

impl Config {
    /// The database of everything but logs.
    #[must_use]
    pub fn url(&self) -> Url {
        match &self.database {
            Some(url) => Url::Postgres(url.clone()),
            None => Folder::sqlite(&self.data),
        }
    }

    /// The database of logs.
    fn logs_url(&self) -> Url {
        match &self.database {
            Some(url) => Url::Postgres(url.clone()),
            None => Url::Sqlite(self.data.join("logs.db")),
        }
    }
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
    /// Another process uses the data folder.
    #[error(
        "The data folder {0} cannot be used: another server uses it. Choose another one with --data."
    )]
    Used(PathBuf),
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
    /// The data folder belongs to another database.
    #[error(
        "The data folder {folder} belongs to {named}, not to {asked}. Start {how}; an \
         installation of its own needs another folder (--data)."
    )]
    OtherDatabase {
        /// The folder.
        folder: PathBuf,
        /// Its database.
        named: String,
        /// The database that was asked for.
        asked: String,
        /// How that of the folder is named.
        how: &'static str,
    },
    /// The database of the data folder is gone, or empty.
    #[error(
        "The data folder {0} belongs to {1}, which is empty or not there. Restore it; to begin \
         anew choose another folder with --data."
    )]
    NoDatabase(PathBuf, String),
    /// An origin in the configuration is none.
    #[error("{0}")]
    Origin(#[from] BadOrigin),
    /// The thread that reads the keys panicked.
    #[error("The keys could not be read: an internal failure, see the log.")]
    KeyThread,
    /// What connections are to be encrypted with cannot be used.
    #[error("{0}")]
    Tls(#[from] TlsError),
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
    /// Wakes whoever waits for a time when the clock is moved.
    pub(crate) clock_moved: Notify,
    pub(crate) tenants: RwLock<Arc<Vec<Tenant>>>,
    pub(crate) callers: Callers,
    pub(crate) presence: sessions::Presence,
    pub(crate) hub: Hub,
    pub(crate) metrics: Metrics,
    /// Which pages may call.
    pub(crate) cors: Cors,
    /// What connections are encrypted with.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Who guesses secrets.
    pub(crate) attempts: Attempts,
    /// Password hashing takes 20 ms and 19 MiB: never more of it at once than this. It needs no threads of
    /// its own: it takes two of those that block, of which there are hundreds.
    hashing: Semaphore,
    /// How many may hash or wait to.
    hashing_queue: Semaphore,
    /// What wakes the engines.
    pub(crate) sleepers: Vec<Arc<Sleeper>>,
    /// Calls about queues that are done together.
    pub(crate) batching: Batching,
    /// What those who make them may do.
    pub(crate) grants: Grants,
    /// Held as long as this server uses it.
    _folder: Folder,
}

impl App {
    /// Opens stores and keys, migrates, and fills an empty database.
    ///
    /// # Errors
    /// [`StartError`]
    pub fn open(config: Config, start: &Start) -> Result<Arc<Self>, StartError> {
        let cors = Cors::new(&config.cors_origins)?;
        let tls = config.door.tls.as_ref().map(Tls::open).transpose()?;
        let tls = tls.map(Arc::new);
        let mut folder = Folder::take(&config.data)?;
        let name = Name::of(&config.url())?;
        folder.admit(&name)?;
        // A first start makes an RSA key, which takes a while: the databases open meanwhile.
        let keys = config.data.join("keys");
        let (keys, stores) = std::thread::scope(|scope| {
            let keys = scope.spawn(|| Keys::load_or_create(&keys));
            let stores = Stores::open(&config, &folder, &name);
            (keys.join(), stores)
        });
        let keys = keys.map_err(|_| StartError::KeyThread)??;
        let Stores { blobs, db, logs } = stores?.owned_by(keys.key_id(), &config)?;
        folder.keep(&name)?;
        // Only when all else stands: what the first start prints is shown once.
        let server = Arc::new(Server::new(keys));
        let sleepers = server.engines.iter().map(Sleeper::new).collect();
        let first = first_start(&folder, &db, &server, start)?;
        let tenants = db.read_blocking(tenants::all)?;
        let app = Arc::new(Self {
            config,
            db,
            logs,
            blobs,
            hub: Hub::new(server.process),
            server,
            first,
            clock_moved: Notify::new(),
            tenants: RwLock::new(Arc::new(tenants)),
            callers: Callers::default(),
            presence: sessions::Presence::default(),
            metrics: Metrics::default(),
            cors,
            tls,
            attempts: Attempts::default(),
            hashing: Semaphore::new(2),
            hashing_queue: Semaphore::new(256),
            sleepers,
            batching: Batching::default(),
            grants: Grants::default(),
            _folder: folder,
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
        let now = self.now();
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
                Hint::Hosts
                | Hint::Dispatch
                | Hint::Deadlines
                | Hint::Taken
                | Hint::Leases
                | Hint::Sweep
                | Hint::Search
                | Hint::Exports => self.wake(&hint),
                Hint::Webhook(id) => {
                    tracing::warn!(webhook = id, "a webhook is enabled: {UNDELIVERED}");
                }
                Hint::File(key) => files::discard(self, key),
            }
        }
    }

    /// Wakes the engines that wait for this.
    pub(crate) fn wake(&self, hint: &Hint) {
        self.sleepers.iter().for_each(|engine| engine.wake(hint));
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
        presence::mark_lost(self, self.now()).await?;
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

    /// What links in the answer begin with.
    pub(crate) fn origin<B>(&self, request: &Request<B>) -> String {
        let public_url = self.config.public_url.as_deref();
        self.config.door.origin(public_url, request)
    }

    /// Waits for the turn to hash a password.
    ///
    /// # Errors
    /// 503 when too many wait already.
    pub(crate) async fn hashing(&self) -> Result<[SemaphorePermit<'_>; 2], orchestrator::Error> {
        let busy = || orchestrator::Error::Db(db::Error::Overloaded);
        let waiting = self.hashing_queue.try_acquire().map_err(|_| busy())?;
        let turn = self.hashing.acquire().await.map_err(|_| busy())?;
        Ok([waiting, turn])
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

/// What an installation keeps, opened.
struct Stores {
    blobs: blob::Store,
    db: Db,
    logs: Db,
}

impl Stores {
    /// Opens them. A database that belongs to nobody yet gets its tables, if the folder may begin there.
    fn open(config: &Config, folder: &Folder, name: &Name) -> Result<Self, StartError> {
        let stores = Self {
            blobs: blob::Store::open(&config.data.join("blobs"))?,
            db: Db::open(Options::new(config.url(), "main"))?,
            logs: Db::open(Options::new(config.logs_url(), "logs"))?,
        };
        if owner(&stores.db)?.is_none() {
            folder.may_begin(name)?;
            stores.migrate()?;
        }
        Ok(stores)
    }

    /// Brings them up to date if they were filled under this key, or under none.
    fn owned_by(self, key_id: &str, config: &Config) -> Result<Self, StartError> {
        if owner(&self.db)?.is_some_and(|owner| owner != key_id) {
            return Err(StartError::ForeignDatabase(config.data.clone()));
        }
        self.migrate()?;
        let claimant = key_id.to_owned();
        let owner = self
            .db
            .write_blocking(move |tx| tenants::claim(tx, &claimant))?;
        match owner == key_id {
            true => Ok(self),
            false => Err(StartError::ForeignDatabase(config.data.clone())),
        }
    }

    fn migrate(&self) -> Result<(), StartError> {
        self.db.migrate(MIGRATIONS)?;
        self.logs.migrate(LOG_MIGRATIONS)?;
        Ok(())
    }
}

/// The id of the key that a database was filled under; none for an empty one.
///
/// # Errors
/// [`StartError::Database`], also when a newer program has been there.
pub fn owner(db: &Db) -> Result<Option<String>, StartError> {
    if db.applied(MIGRATIONS)? == 0 {
        return Ok(None);
    }
    Ok(db.read_blocking(tenants::owner)?)
}

fn first_start(
    folder: &Folder,
    db: &Db,
    server: &Arc<Server>,
    start: &Start,
) -> Result<Option<FirstStart>, StartError> {
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
        folder.keep_password(&password)?;
    }
    let (server, now) = (Arc::clone(server), server.clock.now());
    let first = move |tx: &mut db::Tx<'_>| tenants::bootstrap(tx, now, &server.chance, &plan);
    let made: Option<Created> = db.write_blocking(first)?;
    Ok(made.map(|m| FirstStart {
        password,
        generated,
        machine_key: m.machine_key.to_string(),
    }))
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
