//! PostgreSQL 15 or newer: a connection per lane that is replaced when it is lost.
//!
//! Writers run with bitmap scans, sorts, scans of whole tables and joins but nested loops switched off
//! wherever there is another way. They do point look-ups and "first by index" only; on a table that has
//! grown since it was last analysed, or since a plan was made, the planner otherwise prefers to collect,
//! hash and sort thousands of rows, which is slower by orders of magnitude. For the same reason their
//! statements are planned once, not anew for each set of parameters.
//!
//! Nobody's statements are compiled (`jit`). Compiling pays for queries that run for seconds; here
//! it would cost hundreds of milliseconds per call, because a plan that must sort although sorts
//! are switched off looks so expensive that the server always compiles it.

use crate::lanes::Role;
use crate::many::Spare;
use crate::outage::{Outage, Presence};
use crate::pipeline::{Pipeline, Refused};
use crate::tls::Tls;
use crate::tx::{BatchFailure, Session, Unconnected};
use crate::{Cell, Cells, Dialect, Error, Result, Value, wire};
use std::collections::HashMap;
use std::error::Error as _;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, NoTls, Statement};

/// The oldest server this program works with, as `server_version_num`.
const OLDEST: i64 = 15_00_00;

/// Prepared statements kept per connection.
const STATEMENTS: usize = 256;

/// How long to wait for a connection, per host.
const CONNECT: Duration = Duration::from_secs(5);

/// After how long a connection whose other end does not answer counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// A connection that was used so short a time ago is taken for alive: nobody waits for its BEGIN.
const BUSY: Duration = Duration::from_millis(1);

/// What writers and readers have in common, and what not.
const EVERYBODY: &str = "SET TimeZone = 'UTC'; SET client_min_messages = warning; SET jit = off; \
    SET idle_in_transaction_session_timeout = '60s';";
const WRITER: &str = "SET enable_bitmapscan = off; SET enable_sort = off; \
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; \
    SET plan_cache_mode = force_generic_plan; \
    SET default_transaction_isolation = 'read committed';";
const READER: &str = "SET default_transaction_read_only = on; SET statement_timeout = '30s'; \
    SET default_transaction_isolation = 'repeatable read';";

/// Which server, as whom, and how.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    tls: Option<Tls>,
}

/// Reads the URL, or the `key=value` form.
fn parse(url: &str) -> Result<Config> {
    let url = url.replace("sslmode=verify-full", "sslmode=require");
    url.parse().map_err(|cause: tokio_postgres::Error| {
        Error::Invalid(format!(
            "the PostgreSQL URL is not valid: {}",
            sentence(&cause)
        ))
    })
}

/// Where the database is: `host:port/database`, of several hosts the first.
pub(crate) fn place(url: &str) -> Result<String> {
    let config = parse(url)?;
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let database = config.get_dbname().or(config.get_user());
    Ok(format!("{host}:{port}/{}", database.unwrap_or_default()))
}

impl Server {
    /// Reads the URL, or the `key=value` form, and fills in what it leaves open.
    pub(crate) fn new(url: &str, name: &str) -> Result<Self> {
        let mut config = parse(url)?;
        if config.get_application_name().is_none() {
            config.application_name(name);
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE);
        }
        let required = config.get_ssl_mode() == SslMode::Require;
        let tls = required.then(Tls::new).transpose()?;
        Ok(Self { config, tls })
    }

    fn connect(&self) -> Result<Pipeline> {
        let connected = match &self.tls {
            Some(tls) => Pipeline::connect(&self.config, tls.clone()),
            None => Pipeline::connect(&self.config, NoTls),
        };
        connected.map_err(|refused| {
            let why = match refused {
                Refused::Runtime(cause) => cause.to_string(),
                Refused::Server(cause) => sentence(&cause),
            };
            Error::Unavailable(format!("cannot connect to PostgreSQL: {why}"))
        })
    }
}

/// A connection of one lane.
pub(crate) struct Postgres {
    server: Server,
    role: Role,
    outage: Arc<Outage>,
    live: Option<Live>,
    mishap: Option<BatchFailure>,
}

struct Live {
    client: Pipeline,
    statements: Statements,
    spare_ids: HashMap<String, Spare>,
    /// When a transaction on it ended.
    used: Option<Instant>,
    _presence: Presence,
}

impl Postgres {
    pub(crate) fn new(server: Server, role: Role, outage: Arc<Outage>) -> Self {
        Self {
            server,
            role,
            outage,
            live: None,
            mishap: None,
        }
    }

    fn open(&self) -> Result<Pipeline> {
        let mut client = self.server.connect()?;
        let mut version = 0;
        let asked = client
            .prepare("SELECT CAST(current_setting('server_version_num') AS BIGINT)")
            .and_then(|statement| {
                client.each(&statement, &[], &mut |cells| {
                    if let Cell::Int(number) = cells.get(0) {
                        version = number;
                    }
                    true
                })
            });
        asked.map_err(|cause| Error::Unavailable(sentence(&cause)))?;
        if version < OLDEST {
            let (major, minor) = (version / 10_000, version % 10_000);
            return Err(Error::Invalid(format!(
                "PostgreSQL 15 or newer is needed; this server is {major}.{minor}"
            )));
        }
        let role = if self.role == Role::Writer {
            WRITER
        } else {
            READER
        };
        client
            .script(&format!("{EVERYBODY} {role}"))
            .map_err(|cause| Error::Unavailable(sentence(&cause)))?;
        Ok(client)
    }

    /// Runs `work` on the connection and notes what its failure means for the transaction.
    fn on<T>(&mut self, work: impl FnOnce(&mut Live) -> Result<T, Failure>) -> Result<T> {
        let Some(live) = &mut self.live else {
            return Err(Error::Unavailable("there is no connection".into()));
        };
        let cause = match work(live) {
            Ok(result) => return Ok(result),
            Err(Failure::Ours(error)) => return Err(error),
            Err(Failure::Server(cause)) => cause,
        };
        let error = error(&cause);
        if live.client.is_closed() || lost(&cause) {
            let error = Error::Unavailable(format!("the connection was lost: {error}"));
            self.mishap = Some(BatchFailure::Broken(error.clone()));
            self.live = None;
            return Err(error);
        }
        if stale(&cause) {
            live.statements.clear();
        }
        if conflict(&cause) || stale(&cause) {
            self.mishap = Some(BatchFailure::Conflict(error.clone()));
        }
        Err(error)
    }
}

/// A failure on this side, which leaves the connection as it was, or one the server reported.
enum Failure {
    Ours(Error),
    Server(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(cause: tokio_postgres::Error) -> Self {
        Self::Server(cause)
    }
}

impl Session for Postgres {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    fn connect(&mut self) -> Result<(), Unconnected> {
        if self.live.is_some() {
            return Ok(());
        }
        if let Some(down) = self.outage.recent() {
            return Err(down);
        }
        match self.open() {
            Ok(client) => {
                let _presence = self.outage.connected();
                self.live = Some(Live {
                    client,
                    statements: Statements::default(),
                    spare_ids: HashMap::new(),
                    used: None,
                    _presence,
                });
                Ok(())
            }
            Err(error) => {
                tracing::error!(%error, "a database connection could not be opened");
                Err(self.outage.failed(error))
            }
        }
    }

    fn begin(&mut self) -> Result<(), BatchFailure> {
        self.mishap = None;
        if let Some(live) = &mut self.live
            && live.used.is_some_and(|used| used.elapsed() < BUSY)
            && live.client.send_script("BEGIN").is_ok()
        {
            return Ok(());
        }
        let Err(error) = self.script("BEGIN") else {
            return Ok(());
        };
        if self.live.is_some() {
            return Err(BatchFailure::Broken(error));
        }
        // The connection died while nobody used it. Nothing has been done yet, so nobody has to know
        // if there is a new one.
        if self.connect().is_err() {
            return Err(BatchFailure::Broken(error));
        }
        self.mishap = None;
        self.script("BEGIN").map_err(BatchFailure::Broken)
    }

    fn commit(&mut self) -> Result<(), BatchFailure> {
        let Err(error) = self.script("COMMIT") else {
            if let Some(live) = &mut self.live {
                live.used = Some(Instant::now());
            }
            return Ok(());
        };
        if let Some(mishap) = self.mishap.clone() {
            return Err(mishap);
        }
        Err(match error {
            Error::Unique { .. } | Error::ForeignKey => BatchFailure::Refused(error),
            other => BatchFailure::Broken(other),
        })
    }

    fn rollback(&mut self) {
        if self.script("ROLLBACK").is_err() {
            self.live = None;
        }
    }

    fn mishap(&self) -> Option<BatchFailure> {
        self.mishap.clone()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        self.on(|live| Ok(live.client.script(sql)?))
    }

    fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        self.on(|live| {
            let statement = live.prepared(sql, params)?;
            Ok(live.client.execute(&statement, params)?)
        })
    }

    fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.on(|live| {
            let statement = live.prepared(sql, params)?;
            check(&statement)?;
            let mut f = |cells: &Cells<'_>| f(cells).is_continue();
            Ok(live.client.each(&statement, params, &mut f)?)
        })
    }

    fn send(&mut self, sql: &str, params: Vec<Value>) -> Result<()> {
        self.on(|live| {
            let statement = live.prepared(sql, &params)?;
            Ok(live.client.send(statement, params)?)
        })
    }

    fn settle(&mut self) -> Result<()> {
        self.on(|live| Ok(live.client.settle()?))
    }

    fn spare_ids(&mut self) -> Option<&mut HashMap<String, Spare>> {
        self.live.as_mut().map(|live| &mut live.spare_ids)
    }

    fn close(&mut self) {
        if let Some(live) = self.live.take() {
            live.client.close();
        }
    }
}

impl Live {
    fn prepared(&mut self, sql: &str, params: &[Value]) -> Result<Statement, Failure> {
        let statement = self.statements.get(&mut self.client, sql)?;
        let (used, given) = (statement.params().len(), params.len());
        if used != given {
            return Err(Failure::Ours(Error::Sql(format!(
                "the statement has {used} parameters, {given} were given"
            ))));
        }
        Ok(statement)
    }
}

/// Refuses a result with a column that is no [`Value`], before its first row.
fn check(statement: &Statement) -> Result<(), Failure> {
    for column in statement.columns() {
        if !wire::readable(column.type_()) {
            return Err(Failure::Ours(Error::Cell(format!(
                "column {} has the type {}, which is not supported: cast it",
                column.name(),
                column.type_(),
            ))));
        }
    }
    Ok(())
}

/// The content of a column that exists.
pub(crate) fn cell(row: &tokio_postgres::Row, index: usize) -> Cell<'_> {
    row.try_get(index)
        .expect("the types of the columns are checked before the first row")
}

/// Prepared statements by their text; the one that was not used for longest makes room.
#[derive(Default)]
struct Statements {
    known: HashMap<String, (Statement, u64)>,
    uses: u64,
}

impl Statements {
    fn get(
        &mut self,
        client: &mut Pipeline,
        sql: &str,
    ) -> Result<Statement, tokio_postgres::Error> {
        self.uses += 1;
        if let Some((statement, used)) = self.known.get_mut(sql) {
            *used = self.uses;
            return Ok(statement.clone());
        }
        let statement = client.prepare(sql)?;
        if self.known.len() >= STATEMENTS {
            let oldest = self.known.iter().min_by_key(|(_, (_, used))| *used);
            if let Some(oldest) = oldest.map(|(sql, _)| sql.clone()) {
                self.known.remove(&oldest);
            }
        }
        self.known
            .insert(sql.to_owned(), (statement.clone(), self.uses));
        Ok(statement)
    }

    fn clear(&mut self) {
        self.known.clear();
    }
}

fn error(cause: &tokio_postgres::Error) -> Error {
    let Some(told) = cause.as_db_error() else {
        return Error::Sql(sentence(cause));
    };
    let code = told.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        let constraint = told.constraint().unwrap_or("(unnamed)").to_owned();
        return Error::Unique { constraint };
    }
    if *code == SqlState::FOREIGN_KEY_VIOLATION || *code == SqlState::RESTRICT_VIOLATION {
        return Error::ForeignKey;
    }
    if *code == SqlState::NUMERIC_VALUE_OUT_OF_RANGE {
        return Error::OutOfRange;
    }
    Error::Sql(told.message().to_owned())
}

/// The error with its causes, in one line and without the values of parameters.
fn sentence(cause: &tokio_postgres::Error) -> String {
    if let Some(told) = cause.as_db_error() {
        return told.message().to_owned();
    }
    match cause.source() {
        Some(source) => source.to_string(),
        None => cause.to_string(),
    }
}

fn conflict(cause: &tokio_postgres::Error) -> bool {
    matches!(
        cause.code(),
        Some(&SqlState::T_R_DEADLOCK_DETECTED | &SqlState::T_R_SERIALIZATION_FAILURE)
    )
}

/// Whether a prepared statement no longer fits its table, because a migration changed it.
fn stale(cause: &tokio_postgres::Error) -> bool {
    cause.as_db_error().is_some_and(|told| {
        *told.code() == SqlState::FEATURE_NOT_SUPPORTED
            && told.routine() == Some("RevalidateCachedQuery")
    })
}

fn lost(cause: &tokio_postgres::Error) -> bool {
    let Some(code) = cause.code() else {
        return cause.is_closed() || cause.source().is_some_and(|s| s.is::<std::io::Error>());
    };
    // Class 08 is "connection exception", 57P "operator intervention" such as a shutdown; a
    // cancelled statement is 57014 and leaves the connection alone.
    code.code().starts_with("08") || code.code().starts_with("57P")
}
