//! Where a database is and how it is opened.

use std::fmt;
use std::path::PathBuf;
use std::thread;

use crate::Result;

/// Which engine a database runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, in this process.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl Dialect {
    /// What ends a `SELECT` whose rows this transaction claims: those that another transaction works
    /// on are left out. Of SQLite's transactions only one writes at a time.
    #[must_use]
    pub fn claim(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// What ends a `SELECT` of which this transaction claims the rows of `table`: for those that
    /// another transaction works on it waits, and looks at them as that has left them.
    #[must_use]
    pub fn lock(self, table: &str) -> String {
        match self {
            Self::Sqlite => String::new(),
            Self::Postgres => format!("FOR UPDATE OF {table}"),
        }
    }
}

/// Where a database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Url {
    /// A file; it is created if it does not exist, its folder is not.
    Sqlite(PathBuf),
    /// `postgres://user:password@host/database`, or the `key=value` form of libpq. With
    /// `sslmode=require` the connection is encrypted and the certificate of the server verified
    /// against the roots of the system; otherwise it is not encrypted.
    Postgres(String),
}

/// The path of [`Url::memory`], as SQLite has it.
const MEMORY: &str = ":memory:";

impl Url {
    /// SQLite in memory, for tests: gone with the [`Db`](crate::Db), and read by the lane that writes.
    #[must_use]
    pub fn memory() -> Self {
        Self::Sqlite(MEMORY.into())
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Sqlite(path) if path.as_os_str() == MEMORY)
    }

    /// Where it is, for people: the path of the file, or `host:port/database` without user and password.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a URL that cannot be read.
    pub fn place(&self) -> Result<String> {
        match self {
            Self::Sqlite(path) => Ok(path.display().to_string()),
            Self::Postgres(url) => crate::postgres::place(url),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            // It holds a password.
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it is.
    pub url: Url,
    /// Threads and connections that read.
    pub readers: usize,
    /// Threads and connections that write; PostgreSQL only, SQLite always has one.
    pub writers: usize,
    /// What the database holds: the name of its threads and of its migrations, so that two of them
    /// can live in one PostgreSQL database.
    pub name: &'static str,
}

impl Options {
    /// A reader per core, at least 2 and at most 8, and one writer: it commits many closures at
    /// once, and the row locks of two such batches would deadlock where closures meet in one row,
    /// which PostgreSQL takes a second to notice.
    pub fn new(url: Url, name: &'static str) -> Self {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        Self {
            url,
            readers: cores.clamp(2, 8),
            writers: 1,
            name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_where_and_nothing_secret() {
        let of = |url: &str| Url::Postgres(url.to_owned()).place();
        for (url, place) in [
            (
                "postgres://me:secret@db.example.com/rpa",
                "db.example.com:5432/rpa",
            ),
            (
                "postgres://me:secret@db:6000/rpa?sslmode=verify-full",
                "db:6000/rpa",
            ),
            ("postgres://me:secret@db", "db:5432/me"),
            (
                "dbname=rpa user=me password='secret' host=/run/pg",
                "/run/pg:5432/rpa",
            ),
            ("dbname=rpa", "localhost:5432/rpa"),
        ] {
            assert_eq!(of(url).as_deref(), Ok(place), "{url}");
        }
        let refused = of("mysql://me:secret@db/rpa").unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
        let file = Url::Sqlite("/data/main.db".into());
        assert_eq!(file.place().as_deref(), Ok("/data/main.db"));
    }
}
