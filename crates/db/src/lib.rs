//! SQL in, rows out, on SQLite or PostgreSQL: the only crate that knows either.
//!
//! A [`Db`] is a handful of threads ("lanes"), each of which owns a connection. Code that needs the
//! database hands a closure to [`Db::write`] or [`Db::read`]; the closure runs on a lane, in a
//! transaction, and its result comes back:
//!
//! ```
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("main.db");
//! use db::{Db, Migration, Options, Tx, Url};
//!
//! const INIT: Migration = Migration {
//!     version: 1,
//!     name: "init",
//!     sql: "CREATE TABLE robots (id {id}, name {text} NOT NULL UNIQUE);",
//! };
//!
//! let db = Db::open(Options::new(Url::Sqlite(file), "main"))?;
//! db.migrate(&[INIT])?;
//!
//! fn add(tx: &mut Tx<'_>, name: &str) -> db::Result<i64> {
//!     tx.insert_into("robots", [("name", name.into())])
//! }
//!
//! let id = db.write_blocking(|tx| add(tx, "Ärmel"))?; // in async code: db.write(…).await
//! assert_eq!(id, 1);
//! let twice = db.write_blocking(|tx| add(tx, "Ärmel"));
//! assert!(matches!(twice, Err(db::Error::Unique { .. })));
//! # Ok::<(), db::Error>(())
//! ```
//!
//! **Rules for closures.** They are short (a few milliseconds), do nothing but SQL, and have no
//! effects outside their transaction, for two reasons: other closures wait behind them, and a
//! closure may be *run again* from its start when its transaction loses against another one. They
//! never call a [`Db`] themselves. A closure that answers `Err` has changed nothing.
//!
//! **One text for two engines.** Placeholders are `$1 … $n`. Text is compared without case by
//! `fold(a) = fold(b)`: a function both engines have here, Unicode lower case on either. Its order
//! is that of code points, provided the column is declared `{text}`, see [`Migration`]. What an index
//! of parts of texts is asked for differs; `search_for(text)` is that on either: a query of FTS5's, or
//! a pattern of `LIKE`.

mod error;
mod lanes;
mod many;
mod memory;
mod migrate;
mod options;
mod outage;
mod params;
mod pipeline;
mod postgres;
mod queue;
mod record;
mod sql;
mod sqlite;
mod stats;
mod tls;
mod tx;
mod upkeep;
mod value;
mod wire;

pub use error::{Error, Result};
pub use migrate::Migration;
pub use options::{Dialect, Options, Url};
pub use params::{Param, Params};
pub use record::FromRow;
pub use sql::Sql;
pub use stats::Stats;
pub use tx::Tx;
pub use value::{Cell, Cells, Column, FromValue, Row, Value};

/// The text of a statement, put together from constants when the program is compiled, as `format!` does
/// when it runs.
pub use const_format::formatcp as sql;

/// What the code written by the macros names; not for others.
#[doc(hidden)]
pub mod private {
    pub use const_format::concatcp;
}

use crate::lanes::{Lane, Role};
use crate::outage::Outage;
use crate::postgres::{Postgres, Server};
use crate::queue::{Answer, Queue, closed, received, wait};
use crate::sqlite::{Shared, Sqlite};
use crate::stats::{Counters, count};
use crate::tx::Session;
use parking_lot::Mutex;
use std::fmt;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

/// How many closures share a transaction at the most. On SQLite a batch waits for one write to disk
/// and holds nobody up; on PostgreSQL it holds the row locks of all its closures together.
const SQLITE_BATCH: usize = 256;
const POSTGRES_BATCH: usize = 16;

/// An open database. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    name: &'static str,
    dialect: Dialect,
    readers: Arc<Queue>,
    writers: Arc<Queue>,
    counters: Arc<Counters>,
    /// Readers first: SQLite tidies up its files when the last connection, the writer's, ends.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Db {
    /// Starts the lanes. The first writer connects at once, so that a wrong URL is found here; the
    /// others connect when there is something to do.
    ///
    /// It blocks for as long as connecting takes, at most a few seconds.
    ///
    /// # Errors
    /// [`Error::Locked`]: another process, or another `Db`, has the SQLite file open.
    /// [`Error::Unavailable`]: the file cannot be opened, the server not be reached, or it refuses
    /// the user. [`Error::Invalid`]: the options are not usable, or the server is older than
    /// PostgreSQL 15.
    pub fn open(options: Options) -> Result<Self> {
        if options.readers == 0 || options.writers == 0 {
            return Err(Error::Invalid(
                "a database needs a reader and a writer".into(),
            ));
        }
        let counters = Arc::default();
        let (dialect, writers, readers) = sessions(&options, &counters)?;
        let waiting = Queue::new(writers.len());
        let inner = Inner {
            name: options.name,
            dialect,
            readers: match readers.is_empty() {
                // One connection does both.
                true => Arc::clone(&waiting),
                false => Queue::new(readers.len()),
            },
            writers: waiting,
            counters,
            threads: Mutex::default(),
        };
        // The writer goes first: it creates the file the readers open. If it cannot, dropping
        // `inner` waits for its end.
        let (opened, result) = mpsc::sync_channel(1);
        let mut opened = Some(opened);
        for (number, session) in writers.into_iter().enumerate() {
            inner.start(Role::Writer, number, session, opened.take())?;
        }
        result.recv().unwrap_or_else(|_| Err(closed()))?;
        for (number, session) in readers.into_iter().enumerate() {
            inner.start(Role::Reader, number, session, None)?;
        }
        inner.threads.lock().reverse();
        Ok(Self(Arc::new(inner)))
    }

    /// Brings the schema up to date and returns the names of the migrations applied now.
    ///
    /// Blocks until they are done. On PostgreSQL, several nodes may do this at once.
    ///
    /// # Errors
    /// [`Error::Newer`]: the schema is ahead of this program. [`Error::Invalid`]: a migration is
    /// malformed, or one that has been applied was changed, removed or added before others.
    /// Otherwise that of the statement that failed; the migrations before it stay applied.
    pub fn migrate(&self, migrations: &[Migration]) -> Result<Vec<&'static str>> {
        migrate::run(self, migrations)
    }

    /// How many of the migrations have been applied; 0 for a database that was never migrated. Changes
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Newer`] and [`Error::Invalid`] as [`migrate`](Self::migrate) has them.
    pub fn applied(&self, migrations: &[Migration]) -> Result<usize> {
        migrate::applied(self, migrations)
    }

    /// Runs `f` in a transaction that may write, and returns its result once it is durable.
    ///
    /// When `f` answers `Err`, its changes are rolled back. Closures may share a transaction, in
    /// which each has a savepoint of its own; none of them can tell. `f` must be able to run more
    /// than once, see [the rules](crate). When the future is dropped before `f` has started, `f`
    /// is skipped; later, it runs to its end.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Overloaded`] when too many closures are waiting; [`Error::Panic`] when
    /// `f` panicked; [`Error::Unavailable`] when there is no connection or it was lost, in which
    /// case a COMMIT that was under way may or may not have happened.
    pub async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        received(self.0.push(Role::Writer, f, false)?.await)
    }

    /// Runs `f` in a transaction that only reads, and sees the database as it is when it starts.
    ///
    /// # Errors
    /// As [`write`](Self::write); a statement that writes is refused.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        received(self.0.push(Role::Reader, f, false)?.await)
    }

    /// [`write`](Self::write) for code that is not async. It blocks the thread.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_blocking<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        received(wait(self.0.push(Role::Writer, f, false)?))
    }

    /// [`read`](Self::read) for code that is not async. It blocks the thread.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_blocking<T, E, F>(&self, f: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        received(wait(self.0.push(Role::Reader, f, false)?))
    }

    /// `write_blocking` in a transaction that is not shared, and may take its time.
    pub(crate) fn write_alone<T, F>(&self, f: F) -> Result<T>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
        T: Send + 'static,
    {
        received(wait(self.0.push(Role::Writer, f, true)?))
    }

    /// What has been done since the database was opened.
    pub fn stats(&self) -> Stats {
        Stats {
            queued_reads: self.0.readers.len() as u64,
            queued_writes: self.0.writers.len() as u64,
            ..self.0.counters.snapshot()
        }
    }

    /// Which engine this is.
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// What the database holds, as given to [`Options`].
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// Runs what was accepted, refuses everything that comes later with [`Error::Unavailable`],
    /// writes SQLite's log back into its file and ends the threads. Blocks until that is done.
    pub fn close(&self) {
        self.0.close();
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("name", &self.0.name)
            .field("dialect", &self.0.dialect)
            .finish()
    }
}

impl Inner {
    fn start(
        &self,
        role: Role,
        number: usize,
        session: Box<dyn Session>,
        opened: Option<mpsc::SyncSender<Result<()>>>,
    ) -> Result<()> {
        let (queue, batch, word) = match (role, self.dialect) {
            (Role::Reader, _) => (&self.readers, 1, "read"),
            (Role::Writer, Dialect::Sqlite) => (&self.writers, SQLITE_BATCH, "write"),
            (Role::Writer, Dialect::Postgres) => (&self.writers, POSTGRES_BATCH, "write"),
        };
        let (queue, counters) = (Arc::clone(queue), Arc::clone(&self.counters));
        let lane = Lane {
            session,
            queue,
            counters,
            role,
            batch,
        };
        let thread = thread::Builder::new()
            .name(format!("{}-{word}-{number}", self.name))
            .spawn(move || lane.run(opened))
            .map_err(|cause| Error::Unavailable(format!("cannot start a thread: {cause}")))?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn push<T, E, F>(&self, role: Role, f: F, alone: bool) -> Result<Answer<T, E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let queue = if role == Role::Writer {
            &self.writers
        } else {
            &self.readers
        };
        let pushed = queue.push(f, alone);
        if matches!(pushed, Err(Error::Overloaded)) {
            count(&self.counters.overloaded);
        }
        pushed
    }

    fn close(&self) {
        self.readers.close();
        self.writers.close();
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // The last clone may have been in a closure; a thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                // A lane that panicked has said so already.
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

type Sessions = Vec<Box<dyn Session>>;

/// The connections of the writers and of the readers, not opened yet.
fn sessions(options: &Options, counters: &Arc<Counters>) -> Result<(Dialect, Sessions, Sessions)> {
    let url = match &options.url {
        Url::Postgres(url) => url,
        Url::Sqlite(path) => {
            let shared = Shared::new(path, counters);
            if options.url.is_memory() {
                let only: Sessions = vec![Box::new(Sqlite::memory(&shared))];
                return Ok((Dialect::Sqlite, only, Vec::new()));
            }
            let writers: Sessions = vec![Box::new(Sqlite::writer(&shared)?)];
            let reader = |_| Box::new(Sqlite::reader(&shared)) as Box<dyn Session>;
            return Ok((
                Dialect::Sqlite,
                writers,
                (0..options.readers).map(reader).collect(),
            ));
        }
    };
    let server = Server::new(url, options.name)?;
    let lanes = |count, role| -> Sessions {
        let outage = Arc::new(Outage::new(Arc::clone(counters)));
        let lane = |_| {
            Box::new(Postgres::new(server.clone(), role, Arc::clone(&outage))) as Box<dyn Session>
        };
        (0..count).map(lane).collect()
    };
    let writers = lanes(options.writers, Role::Writer);
    Ok((
        Dialect::Postgres,
        writers,
        lanes(options.readers, Role::Reader),
    ))
}
