//! A database for each server: a file in its data folder, or one of its own on the PostgreSQL
//! server that `BATON_TEST_POSTGRES` names.

use std::sync::atomic::{AtomicU32, Ordering};

use postgres::config::Host;
use postgres::{Client, Config, NoTls};

/// Which database a server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The embedded one.
    Sqlite,
    /// A new database on the test server.
    Postgres,
}

/// URL of a PostgreSQL server on which databases may be created.
const SERVER: &str = "BATON_TEST_POSTGRES";

impl Backend {
    /// Whether tests can run on it.
    ///
    /// # Panics
    /// When PostgreSQL is required and not there.
    #[must_use]
    pub fn is_there(self) -> bool {
        if self == Self::Sqlite || std::env::var_os(SERVER).is_some() {
            return true;
        }
        let required = std::env::var("BATON_TEST_REQUIRE_POSTGRES").is_ok_and(|v| v == "1");
        assert!(
            !required,
            "PostgreSQL is required for this test: set {SERVER}"
        );
        false
    }
}

/// A database on the test server, dropped with this value.
pub struct Database {
    server: Config,
    name: String,
    /// What the server under test is told.
    pub url: String,
}

impl Database {
    /// Creates it.
    ///
    /// # Panics
    /// When the server does not answer, or does not let it.
    #[must_use]
    pub fn create() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var(SERVER).expect("checked by Backend::is_there");
        let server: Config = server
            .parse()
            .expect("BATON_TEST_POSTGRES is a PostgreSQL URL");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("baton_it_{}_{number}", std::process::id());
        admin(&server, &format!("CREATE DATABASE {name}"));
        let url = url(&server, &name);
        Self { server, name, url }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // The server goes away after the tests anyway, so a failure is no reason to fail.
        let server = self.server.clone();
        let _ =
            std::thread::spawn(move || connect(&server).map(|mut c| c.batch_execute(&drop))).join();
    }
}

/// The client brings its own runtime, which must not start inside of the test's.
fn admin(server: &Config, sql: &str) {
    let (server, sql) = (server.clone(), sql.to_owned());
    std::thread::spawn(move || {
        let mut client = connect(&server).expect("the PostgreSQL of BATON_TEST_POSTGRES answers");
        client
            .batch_execute(&sql)
            .expect("BATON_TEST_POSTGRES may create databases");
    })
    .join()
    .expect("the thread did not panic");
}

fn connect(server: &Config) -> Result<Client, postgres::Error> {
    server.connect(NoTls)
}

/// In the `key=value` form, which fits sockets and hosts alike.
fn url(server: &Config, database: &str) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let mut out = format!("dbname={database}");
    if let Some(user) = server.get_user() {
        out += &format!(" user={}", quote(user));
    }
    if let Some(password) = server.get_password() {
        out += &format!(" password={}", quote(&String::from_utf8_lossy(password)));
    }
    match server.get_hosts().first() {
        Some(Host::Tcp(host)) => out += &format!(" host={}", quote(host)),
        Some(Host::Unix(path)) => out += &format!(" host={}", quote(&path.to_string_lossy())),
        None => {}
    }
    if let Some(port) = server.get_ports().first() {
        out += &format!(" port={port}");
    }
    out
}
