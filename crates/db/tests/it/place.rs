//! Where a test's database lives: a folder or a PostgreSQL database of its own, gone afterwards.

use db::{Db, Error, Migration, Options, Tx, Url};
use postgres::{Client, NoTls};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

pub const INIT: Migration = Migration {
    version: 1,
    name: "init",
    sql: "CREATE TABLE items (id {id}, name {text} UNIQUE, amount BIGINT);
          CREATE TABLE parts (
              id {id},
              item_id BIGINT NOT NULL REFERENCES items (id) ON DELETE RESTRICT,
              later BIGINT REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED
          );",
};

pub struct Place {
    pub url: Url,
    server: Option<(String, String)>,
    _folder: tempfile::TempDir,
}

impl Place {
    pub fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            url: Url::Sqlite(folder.path().join("test.db")),
            server: None,
            _folder: folder,
        }
    }

    pub fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("BATON_TEST_POSTGRES").ok()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let database = format!("baton_db_{}_{number}", std::process::id());
        admin(&server, &format!("CREATE DATABASE {database}"));
        let url = Url::Postgres(with_database(&server, &database));
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            url,
            server: Some((server, database)),
            _folder: folder,
        })
    }

    /// One place per engine there is.
    pub fn all() -> impl Iterator<Item = Self> {
        [Some(Self::sqlite()), Self::postgres()]
            .into_iter()
            .flatten()
    }

    pub fn file(&self) -> PathBuf {
        match &self.url {
            Url::Sqlite(path) => path.clone(),
            Url::Postgres(_) => panic!("not a file"),
        }
    }

    pub fn options(&self) -> Options {
        Options::new(self.url.clone(), "test")
    }

    /// With one writer, so that the order of writes is known, and the schema of [`INIT`].
    pub fn open(&self) -> Db {
        let db = Db::open(Options {
            writers: 1,
            ..self.options()
        })
        .unwrap();
        db.migrate(&[INIT]).unwrap();
        db
    }

    /// Runs a statement on the PostgreSQL server, outside any transaction; `{}` is the database.
    pub fn admin(&self, sql: &str) {
        let (server, database) = self.server.as_ref().unwrap();
        admin(server, &sql.replace("{}", database));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.admin("DROP DATABASE {} WITH (FORCE)");
        }
    }
}

fn admin(server: &str, sql: &str) {
    // This client does not speak TLS, whatever the one under test is told to do.
    let server = server.replace("sslmode=require", "sslmode=disable");
    let mut client = Client::connect(&with_database(&server, "postgres"), NoTls).unwrap();
    client.batch_execute(sql).unwrap();
}

fn with_database(server: &str, database: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return format!("{server} dbname={database}");
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{database}?{query}")
}

pub fn insert(tx: &mut Tx<'_>, name: &str) -> db::Result<i64> {
    let row = tx.row(
        "INSERT INTO items (name) VALUES ($1) RETURNING id",
        &[name.into()],
    )?;
    row.ok_or(Error::Panic)?.get(0)
}

pub fn names(db: &Db) -> Vec<String> {
    db.read_blocking(|tx| {
        let rows = tx.rows("SELECT name FROM items ORDER BY id", &[])?;
        rows.iter().map(|row| row.get(0)).collect()
    })
    .unwrap()
}

/// Keeps the only writer busy until it is opened, so that closures pile up behind it.
pub struct Gate {
    open: mpsc::Sender<()>,
    holder: std::thread::JoinHandle<Result<(), Error>>,
}

impl Gate {
    pub fn close(db: &Db) -> Self {
        let (open, opened) = mpsc::channel();
        let (enter, entered) = mpsc::channel();
        let opened = Arc::new(std::sync::Mutex::new(opened));
        let db = db.clone();
        let holder = std::thread::spawn(move || {
            db.write_blocking(move |_| {
                enter.send(()).unwrap();
                opened.lock().unwrap().recv().unwrap();
                Ok(())
            })
        });
        entered.recv().unwrap();
        Self { open, holder }
    }

    pub fn open(self) {
        self.open.send(()).unwrap();
        self.holder.join().unwrap().unwrap();
    }
}

/// Waits for something that other threads are about to bring about.
#[track_caller]
pub fn until(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "it never came true"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}
