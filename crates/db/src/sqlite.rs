//! SQLite: one file, one writing connection, a few reading ones.
//!
//! The file is in WAL mode, so readers never wait for the writer. `synchronous=FULL` makes every
//! COMMIT durable through a power cut; the price is small because many closures share a COMMIT.

use crate::memory::Memory;
use crate::stats::{Counters, count};
use crate::tx::{BatchFailure, Session, Unconnected};
use crate::upkeep::{OPTIMIZE, Upkeep};
use crate::value::{Cells, Source};
use crate::{Cell, Dialect, Error, Result, Value};
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Statement, ffi};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How long to wait for somebody else who has locked the file, such as the `sqlite3` shell.
const BUSY: Duration = Duration::from_secs(5);

/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;

/// Page caches in KiB, filled as needed. That of readers is modest, because the system caches the file
/// as well; the writer comes back to the same pages all the time. After a page was split SQLite walks the
/// whole table of the cache at the commit (it numbers pages beyond the end for a moment), so a larger one
/// takes more time than it saves.
const WRITER_CACHE: i64 = 16_384;
const READER_CACHE: i64 = 1024;

/// Pages in the log before they are copied back into the file: 16 MiB.
const CHECKPOINT: i64 = 4000;

/// What the connections to one file share.
pub(crate) struct Shared {
    path: PathBuf,
    counters: Arc<Counters>,
    memory: Memory,
    /// How often statistics were gathered. A connection reads them when it is opened.
    looks: AtomicU64,
}

impl Shared {
    pub(crate) fn new(path: &Path, counters: &Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            path: path.to_owned(),
            counters: Arc::clone(counters),
            memory: Memory::default(),
            looks: AtomicU64::new(0),
        })
    }
}

/// A connection to the file, opened when first needed.
pub(crate) struct Sqlite {
    shared: Arc<Shared>,
    writes: bool,
    connection: Option<Connection>,
    /// Held by the writer; dropped after the connection.
    _lock: Option<File>,
    mishap: Option<BatchFailure>,
    /// The commits before the open transaction of a reader.
    mark: u64,
    /// The statistics that the connection has.
    looks: u64,
    upkeep: Upkeep,
}

impl Sqlite {
    /// The connection that writes. Takes the lock on the file and creates what is missing.
    pub(crate) fn writer(shared: &Arc<Shared>) -> Result<Self> {
        let lock = lock(&shared.path)?;
        create(&shared.path)?;
        Ok(Self::new(shared, true, Some(lock)))
    }

    /// The only connection to a database in memory.
    pub(crate) fn memory(shared: &Arc<Shared>) -> Self {
        Self::new(shared, true, None)
    }

    /// A connection that reads. The writer must have been opened before.
    pub(crate) fn reader(shared: &Arc<Shared>) -> Self {
        Self::new(shared, false, None)
    }

    fn new(shared: &Arc<Shared>, writes: bool, lock: Option<File>) -> Self {
        Self {
            shared: Arc::clone(shared),
            writes,
            connection: None,
            _lock: lock,
            mishap: None,
            mark: 0,
            looks: 0,
            upkeep: Upkeep::new(),
        }
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let access = match self.writes {
            true => OpenFlags::SQLITE_OPEN_READ_WRITE,
            false => OpenFlags::SQLITE_OPEN_READ_ONLY,
        };
        // One thread per connection, so SQLite needs no locks of its own.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.shared.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if self.writes {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
            // Pages that are written again and again are copied back into the file less often.
            connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
            // Once there are statistics, SQLite would plan a statement anew for each new value; those
            // of a writer are look-ups whose plan does not depend on values.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            // A long snapshot lets the log grow; give the space back once it has been read through.
            connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        } else {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -READER_CACHE)?;
        }
        connection.create_scalar_function(
            "fold",
            1,
            FunctionFlags::SQLITE_UTF8
                | FunctionFlags::SQLITE_DETERMINISTIC
                | FunctionFlags::SQLITE_INNOCUOUS,
            |args| Ok(args.get_raw(0).as_str_or_null()?.map(str::to_lowercase)),
        )?;
        connection.create_scalar_function(
            "search_for",
            1,
            FunctionFlags::SQLITE_UTF8
                | FunctionFlags::SQLITE_DETERMINISTIC
                | FunctionFlags::SQLITE_INNOCUOUS,
            |args| Ok(args.get_raw(0).as_str_or_null()?.map(trigrams)),
        )?;
        Ok(connection)
    }

    fn connection(&self) -> Result<&Connection> {
        self.connection
            .as_ref()
            .ok_or_else(|| Error::Unavailable("the file is not open".into()))
    }

    /// Remembers an error that ended the whole transaction: a full disk, an I/O error, no memory.
    fn noted<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result
            && self
                .connection
                .as_ref()
                .is_none_or(Connection::is_autocommit)
        {
            self.mishap = Some(BatchFailure::Broken(error.clone()));
        }
        result
    }
}

impl Session for Sqlite {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn connect(&mut self) -> Result<(), Unconnected> {
        let looks = self.shared.looks.load(Relaxed);
        if self.connection.is_some() && (self.writes || self.looks == looks) {
            return Ok(());
        }
        let opened = self.open().map_err(|cause| {
            let path = self.shared.path.display();
            Unconnected::Fail(Error::Unavailable(format!("cannot open {path}: {cause}")))
        })?;
        self.connection = Some(opened);
        self.looks = looks;
        count(&self.shared.counters.connects);
        Ok(())
    }

    fn begin(&mut self) -> Result<(), BatchFailure> {
        self.mishap = None;
        // A deferred transaction that turns from reading to writing can fail; this one cannot.
        let begin = if self.writes {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        self.mark = self.shared.memory.mark();
        self.script(begin).map_err(BatchFailure::Broken)
    }

    fn commit(&mut self) -> Result<(), BatchFailure> {
        if !self.writes {
            return self.script("COMMIT").map_err(BatchFailure::Broken);
        }
        let shared = Arc::clone(&self.shared);
        shared.memory.commit_begins();
        let committed = self.script("COMMIT");
        shared.memory.commit_ended();
        match committed {
            Ok(()) => Ok(()),
            Err(error @ (Error::Unique { .. } | Error::ForeignKey)) => {
                Err(BatchFailure::Refused(error))
            }
            Err(error) => Err(BatchFailure::Broken(error)),
        }
    }

    fn rollback(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        if connection.is_autocommit() {
            return;
        }
        if let Err(cause) = connection.execute_batch("ROLLBACK") {
            tracing::error!(%cause, "a transaction could not be rolled back; reopening the file");
            self.connection = None;
        }
    }

    fn mishap(&self) -> Option<BatchFailure> {
        self.mishap.clone()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        let result = self
            .connection()
            .and_then(|c| c.execute_batch(sql).map_err(error));
        self.noted(result)
    }

    fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        let before = self.connection()?.total_changes();
        self.each(sql, params, &mut |_| ControlFlow::Continue(()))?;
        let connection = self.connection()?;
        // The number of changes is that of the last statement that made any.
        Ok(if connection.total_changes() == before {
            0
        } else {
            connection.changes()
        })
    }

    fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        let result = self
            .connection()
            .and_then(|connection| run(connection, sql, params, f));
        self.noted(result)
    }

    fn memory(&self) -> Option<(&Memory, u64)> {
        let memory = &self.shared.memory;
        let known = !self.writes && memory.is_current(self.mark);
        known.then_some((memory, self.mark))
    }

    fn tend(&mut self) {
        let Some(connection) = self.connection.as_ref().filter(|_| self.writes) else {
            return;
        };
        if self.upkeep.is_due(connection.total_changes()) {
            optimize(connection);
            count(&self.shared.looks);
        }
    }

    fn close(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.writes {
            optimize(&connection);
        }
        if self.writes
            && let Err(cause) =
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
        {
            tracing::warn!(%cause, "the write-ahead log could not be written back");
        }
    }
}

/// Statistics are a help: without them everything still works.
fn optimize(connection: &Connection) {
    if let Err(cause) = connection.execute_batch(OPTIMIZE) {
        tracing::warn!(%cause, "no statistics could be gathered");
    }
}

/// More of them narrow a search no further, and each is looked up.
const TRIGRAMS: usize = 32;

/// What an FTS5 index is asked for to find texts that have this one in them, and perhaps others: the
/// first of its parts of three characters, the smallest that such an index knows.
fn trigrams(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut parts: Vec<String> = Vec::new();
    for part in chars.windows(3) {
        let part = String::from_iter(part).replace('"', "\"\"");
        let part = format!("\"{part}\"");
        if !parts.contains(&part) {
            parts.push(part);
        }
        if parts.len() == TRIGRAMS {
            break;
        }
    }
    parts.join(" AND ")
}

fn run(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    f: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
) -> Result<()> {
    let mut statement = connection.prepare_cached(sql).map_err(error)?;
    bind(&mut statement, params)?;
    // Foreign keys are checked at the end of a writing statement: it must always get there.
    let to_the_end = !statement.readonly();
    let mut wanted = true;
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(error)? {
        wanted = wanted && f(&Cells(Source::Sqlite(row))).is_continue();
        if !wanted && !to_the_end {
            break;
        }
    }
    Ok(())
}

/// Binds by number. For SQLite `$2` is just a name, and its own number is the order of appearance.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<()> {
    let used = statement.parameter_count();
    if used != params.len() {
        let given = params.len();
        return Err(Error::Sql(format!(
            "the statement has {used} parameters, {given} were given"
        )));
    }
    for index in 1..=used {
        let value = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok())
            .and_then(|number| params.get(number.checked_sub(1)?))
            .ok_or_else(|| Error::Sql("placeholders must be $1 to $n".into()))?;
        statement
            .raw_bind_parameter(index, Param(value))
            .map_err(error)?;
    }
    Ok(())
}

/// A value on its way in, bound without a copy of our own.
struct Param<'a>(&'a Value);

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Bool(b) => ValueRef::Integer((*b).into()),
            Value::Int(i) => ValueRef::Integer(*i),
            Value::Real(r) => ValueRef::Real(*r),
            Value::Text(t) => ValueRef::Text(t.as_bytes()),
            Value::Blob(b) => ValueRef::Blob(b),
            Value::List(_) => {
                let refusal = "SQLite has no lists";
                return Err(rusqlite::Error::ToSqlConversionFailure(refusal.into()));
            }
        }))
    }
}

/// The content of a column; `None` when there is no such column.
pub(crate) fn cell<'a>(row: &'a rusqlite::Row<'_>, index: usize) -> Option<Cell<'a>> {
    Some(match row.get_ref(index).ok()? {
        ValueRef::Integer(i) => Cell::Int(i),
        ValueRef::Real(r) => Cell::Real(r),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes).map_or(Cell::Blob(bytes), Cell::Text),
        ValueRef::Blob(bytes) => Cell::Blob(bytes),
        ValueRef::Null => Cell::Null,
    })
}

fn error(error: rusqlite::Error) -> Error {
    let (code, message) = match error {
        rusqlite::Error::SqliteFailure(code, Some(message)) => (code, message),
        rusqlite::Error::SqliteFailure(code, None) => (code, code.to_string()),
        rusqlite::Error::SqlInputError { msg, .. } => return Error::Sql(msg),
        other => return Error::Sql(other.to_string()),
    };
    match code.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => {
            let constraint = message
                .rsplit_once(": ")
                .map_or(&*message, |(_, columns)| columns);
            Error::Unique {
                constraint: constraint.to_owned(),
            }
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Error::ForeignKey,
        // ON DELETE RESTRICT is carried out by a hidden trigger.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message.starts_with("FOREIGN KEY") => Error::ForeignKey,
        _ if code.code == ffi::ErrorCode::DatabaseBusy => {
            Error::Unavailable(format!("the file is in use by another program ({message})"))
        }
        _ => Error::Sql(message),
    }
}

/// Creates an empty file that only its owner can read; SQLite gives its side files the same mode.
fn create(path: &Path) -> Result<()> {
    open_private(path)
        .map(drop)
        .map_err(|cause| Error::Unavailable(format!("cannot create {}: {cause}", path.display())))
}

/// Locks `<path>.lock` for the life of the file handle. Two processes on one file would not corrupt
/// it, but each would answer from its own caches; and on a network drive they would corrupt it.
fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let refused = |cause: std::io::Error| {
        Error::Unavailable(format!("cannot lock {}: {cause}", name.display()))
    };
    let mut file = open_private(&name).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::Error(cause)) => return Err(refused(cause)),
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // Who it is helps, but is not worth failing for.
            let _ = file.read_to_string(&mut holder);
            return Err(Error::Locked(format!(
                "{} is in use by process {}: stop that process first, give this one a database of \
                 its own, or use PostgreSQL, which several processes can share",
                path.display(),
                holder.trim(),
            )));
        }
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(refused)?;
    Ok(file)
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
