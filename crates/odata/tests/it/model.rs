//! A small model that has one of everything, its tables, and the two databases.

use db::{Db, Migration, Options, Url, Value};
use odata::edm::{EntitySet, Open};
use odata::{Folders, Guid, Many, Metadata, One, Query, Scope, Shape, Timestamp};
use serde_json::Value as Json;

odata::edm_enum! {
    /// Where a run is in its life.
    pub enum State { Pending = 0, Running = 1, Faulted = 4, Successful = 5 }
}

/// A label.
#[odata::complex(name = "TagDto")]
pub struct Tag {
    pub name: String,
    pub weight: Option<i64>,
    pub hidden: bool,
    pub state: Option<State>,
}

/// A run.
#[odata::entity(set = "Runs", name = "RunDto", table = "runs", key = "Id", scope = folder, order = "Id desc")]
pub struct Run {
    pub key: Guid,
    #[edm(max = 20, required)]
    pub name: String,
    pub info: Option<String>,
    pub state: State,
    pub start_time: Option<Timestamp>,
    pub created: Timestamp,
    pub is_latest: bool,
    pub paused: Option<bool>,
    pub score: Option<f64>,
    pub retries: i32,
    #[edm(name = "OrganizationUnitId", column = "folder_id")]
    pub folder: i64,
    #[edm(sql = "{machine_id->machines}.name")]
    pub machine_name: Option<String>,
    /// Two steps away; the tenant of the machine is not looked at.
    #[edm(sql = "{machine_id->machines.owner->users}.name")]
    pub owner_name: Option<String>,
    #[edm(sql = "({now} - {t}.created) / 10000000")]
    pub age: i64,
    #[edm(
        sql = "(CASE WHEN {folder} IS NULL THEN 'many' ELSE {label} END)",
        list
    )]
    pub asked: String,
    #[edm(single)]
    pub secret: Option<String>,
    #[edm(json = "false")]
    pub never: bool,
    #[edm(json = "[]")]
    pub links: Vec<String>,
    pub tags: Vec<Tag>,
    pub words: Vec<String>,
    pub content: Option<Open>,
    #[edm(nofilter)]
    pub note: Option<String>,
    pub id: i64,
    #[edm(nav, column = "machine_id")]
    pub machine: One<Machine>,
    #[edm(nav, column = "id", target_column = "run_id")]
    pub steps: Many<Step>,
}

/// A machine.
#[odata::entity(set = "Machines", name = "MachineDto", table = "machines", key = "Id", scope = tenant)]
pub struct Machine {
    pub id: i64,
    pub name: String,
    #[edm(single)]
    pub license_key: Option<String>,
    #[edm(nav, column = "owner")]
    pub owner: One<User>,
    #[edm(nav, column = "id", target_column = "machine_id")]
    pub runs: Many<Run>,
}

/// A user; the table is a statement of its own.
#[odata::entity(
    set = "Users", name = "UserDto", key = "Name", scope = none, top = 2,
    table = "(SELECT id, name FROM users WHERE deleted = FALSE)"
)]
pub struct User {
    pub name: String,
    #[edm(nav, column = "id", target_column = "owner")]
    pub machines: Many<Machine>,
}

/// A step.
#[odata::entity(set = "Steps", name = "StepDto", table = "steps", key = "Key", scope = tenant, order = "At")]
pub struct Step {
    pub key: Guid,
    pub at: Timestamp,
    #[edm(nav, column = "run_id")]
    pub run: One<Run>,
}

const INIT: Migration = Migration {
    version: 1,
    name: "init",
    sql: "
CREATE TABLE users (id {id}, name {text} NOT NULL, deleted BOOLEAN NOT NULL);
CREATE TABLE machines (id {id}, tenant_id BIGINT NOT NULL, name {text} NOT NULL,
  license_key {text}, owner BIGINT);
CREATE TABLE runs (id {id}, tenant_id BIGINT NOT NULL, folder_id BIGINT NOT NULL,
  key {text} NOT NULL, name {text} NOT NULL, info {text}, state INTEGER NOT NULL, start_time BIGINT,
  created BIGINT NOT NULL, is_latest BOOLEAN NOT NULL, paused BOOLEAN, score DOUBLE PRECISION,
  retries INTEGER NOT NULL, secret {text}, tags {text}, words {text}, content {text}, note {text},
  machine_id BIGINT);
CREATE TABLE steps (id {id}, tenant_id BIGINT NOT NULL, key {text} NOT NULL, at BIGINT NOT NULL,
  run_id BIGINT NOT NULL);
INSERT INTO users (id, name, deleted) VALUES (1, 'Ann', FALSE), (2, 'Bob', FALSE), (3, 'Cy', FALSE),
  (4, 'Gone', TRUE);
INSERT INTO machines (id, tenant_id, name, license_key, owner) VALUES
  (1, 1, 'LAVINIA-PC', 'k1', 1), (2, 1, 'Ärmel', 'k2', NULL), (3, 2, 'Foreign', 'k3', 1);
INSERT INTO runs (id, tenant_id, folder_id, key, name, info, state, start_time, created, is_latest,
  paused, score, retries, secret, tags, words, content, note, machine_id) VALUES
  (1, 1, 10, '00000000-0000-0000-0000-00000000000a', 'Alpha', NULL, 0, NULL,
   15000000000000000, TRUE, NULL, 1.5, 0, 's1', NULL, NULL, NULL, 'n', 1),
  (2, 1, 10, '00000000-0000-0000-0000-000000000002', 'beta', '50%_\\ off', 1, 15160402820000000,
   15160402827900000, FALSE, TRUE, NULL, 3, 's2',
   '[{\"Name\":\"Red\",\"Weight\":7,\"Hidden\":false},{\"Name\":\"blue\",\"Weight\":null,\"Hidden\":true}]',
   '[\"One\",\"two\"]', '{\"a\": 1, \"B\": [null]}', NULL, 2),
  (3, 1, 20, '00000000-0000-0000-0000-000000000003', 'O''Brien', 'Logon failure: Größe', 4,
   15160402820000001, 15200000000000000, TRUE, FALSE, -2.5, 1, NULL, '[]', '[]', '{}', NULL, NULL),
  (4, 1, 30, '00000000-0000-0000-0000-000000000004', 'GAMMA', '', 77, -5, -1, FALSE, NULL, 0.0, 2,
   NULL, '[{\"Name\":\"red\",\"Weight\":1,\"Hidden\":false,\"State\":\"Faulted\"}]', '[\"two\"]', NULL, NULL, 3),
  (5, 2, 10, '00000000-0000-0000-0000-000000000005', 'Foreign', NULL, 1, NULL, 0, FALSE, NULL,
   NULL, 0, NULL, NULL, NULL, NULL, NULL, 3);
INSERT INTO steps (id, tenant_id, key, at, run_id) VALUES
  (1, 1, '10000000-0000-0000-0000-000000000001', 30, 2),
  (2, 1, '10000000-0000-0000-0000-000000000002', 20, 2),
  (3, 1, '10000000-0000-0000-0000-000000000003', 10, 3),
  (4, 2, '10000000-0000-0000-0000-000000000004', 10, 3);
",
};

/// A database with the model in it; gone when the server is dropped.
pub struct Server {
    pub db: Db,
    pub label: &'static str,
    storage: Storage,
}

enum Storage {
    /// Removes itself.
    Folder { _folder: tempfile::TempDir },
    /// Address of the server and name of the database.
    Postgres { url: String, name: String },
}

impl Drop for Server {
    fn drop(&mut self) {
        self.db.close();
        if let Storage::Postgres { url, name } = &self.storage {
            admin(url, &format!("DROP DATABASE {name}"));
        }
    }
}

/// One server for each database engine at hand.
pub fn servers() -> Vec<Server> {
    let mut servers = vec![sqlite()];
    match std::env::var("BATON_TEST_POSTGRES") {
        Ok(url) => servers.push(postgres(url)),
        Err(_) => eprintln!("PostgreSQL is left out: BATON_TEST_POSTGRES is not set"),
    }
    servers
}

/// The one that is always there.
pub fn sqlite() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let url = Url::Sqlite(folder.path().join("test.db"));
    open(url, "sqlite", Storage::Folder { _folder: folder })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the name of a database of this run alone"
)]
fn postgres(url: String) -> Server {
    let name = format!("odata_{}", Guid::random()).replace('-', "");
    admin(&url, &format!("CREATE DATABASE {name}"));
    let own = match url.split_once("://") {
        Some((scheme, rest)) => {
            let server = rest.split(['/', '?']).next().unwrap();
            format!("{scheme}://{server}/{name}")
        }
        None => format!("{url} dbname={name}"),
    };
    open(
        Url::Postgres(own),
        "postgres",
        Storage::Postgres { url, name },
    )
}

/// Runs a statement that is not allowed inside a transaction.
fn admin(url: &str, sql: &str) {
    let mut client = postgres::Client::connect(url, postgres::NoTls).unwrap();
    client.batch_execute(sql).unwrap();
}

fn open(url: Url, label: &'static str, storage: Storage) -> Server {
    let mut options = Options::new(url, "test");
    (options.readers, options.writers) = (1, 1);
    let db = Db::open(options).unwrap();
    db.migrate(&[INIT]).unwrap();
    Server { db, label, storage }
}

/// The time of every request here.
pub fn now() -> Timestamp {
    Timestamp::parse("2018-02-01T00:00:00Z").unwrap()
}

/// Who asks for what.
#[derive(Clone)]
pub struct Ask {
    pub tenant: i64,
    pub folders: Folders,
    pub restrict: Option<&'static str>,
    pub count: bool,
    pub name: Option<&'static str>,
    pub metadata: Metadata,
}

impl Default for Ask {
    fn default() -> Ask {
        Ask {
            tenant: 1,
            folders: Folders::All,
            restrict: None,
            count: true,
            name: None,
            metadata: Metadata::Minimal,
        }
    }
}

impl Ask {
    pub fn with<T>(&self, run: impl FnOnce(&Scope<'_>, &Shape<'_>) -> T) -> T {
        let vars = [("label", Value::from("one"))];
        let folders = self.folders.clone();
        let scope = Scope {
            tenant: self.tenant,
            folders,
            now: now(),
            vars: &vars,
            restrict: self.restrict,
        };
        run(
            &scope,
            &Shape {
                base: "http://h/odata",
                name: self.name,
                count: self.count,
                metadata: self.metadata,
            },
        )
    }
}

impl Server {
    /// The bytes of a page.
    pub fn raw(&self, set: &'static EntitySet, query: &str, ask: &Ask) -> odata::Result<String> {
        let (query, ask) = (Query::parse(set, query)?, ask.clone());
        self.db.read_blocking(move |tx| {
            ask.with(|scope, shape| {
                let mut out = Vec::new();
                odata::read_page(tx, set, &query, scope, shape, &mut out)?;
                Ok(String::from_utf8(out).unwrap())
            })
        })
    }

    /// A page as JSON.
    #[track_caller]
    pub fn page(&self, set: &'static EntitySet, query: &str, ask: &Ask) -> Json {
        let text = self.raw(set, query, ask);
        let text = text.unwrap_or_else(|error| panic!("{}: {query}: {error}", self.label));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// How many entities a query finds.
    #[track_caller]
    pub fn count(&self, set: &'static EntitySet, query: &str, ask: &Ask) -> u64 {
        let (query, ask) = (Query::parse(set, query).unwrap(), ask.clone());
        let read = self.db.read_blocking(move |tx| {
            ask.with(|scope, _| odata::read_count(tx, set, &query, scope))
        });
        read.unwrap()
    }

    /// An entity as text, if there is one.
    pub fn entity(
        &self,
        set: &'static EntitySet,
        key: impl Into<Value>,
        query: &str,
        ask: &Ask,
    ) -> odata::Result<Option<String>> {
        let (query, ask, key) = (Query::parse(set, query)?, ask.clone(), key.into());
        self.db.read_blocking(move |tx| {
            ask.with(|scope, shape| {
                let mut out = Vec::new();
                let found = odata::read_entity(tx, set, &key, &query, scope, shape, &mut out)?;
                assert_eq!(found, !out.is_empty());
                Ok(found.then(|| String::from_utf8(out).unwrap()))
            })
        })
    }

    /// The ids of the runs that a filter finds in tenant 1, ascending.
    #[track_caller]
    pub fn ids(&self, filter: &str) -> Vec<i64> {
        let encoded =
            percent_encoding::utf8_percent_encode(filter, percent_encoding::NON_ALPHANUMERIC);
        let query = format!("$filter={encoded}&$orderby=Id&$select=Id");
        ids(&self.page(&RUNS, &query, &Ask::default()))
    }
}

/// The values of `Id`.
pub fn ids(page: &Json) -> Vec<i64> {
    page["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["Id"].as_i64().unwrap())
        .collect()
}

/// The set that most tests read.
pub static RUNS: EntitySet = Run::SET;
