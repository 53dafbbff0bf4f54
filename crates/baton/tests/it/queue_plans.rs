//! How the databases do what the queues ask of them: by which index each statement finds its rows in
//! the tables that grow. It must not depend on how many rows there are, or on whether somebody counted
//! them: a plan may be made while a table is empty and used when it is full.
//!
//! `PLANS=write` writes what is expected anew.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use db::{Db, Tx};
use odata::{Metadata, Timestamp};
use orchestrator::queues::engine::{self, QueueCall, Request};
use orchestrator::{Args, Caller, Error, Folder, Identity, Reply, Server, Task, operations};
use serde_json::{Value, json};
use testkit::{Backend, Scene, both};

use crate::queues::queue;
use crate::support::{id, scene};

both!(plans_do_not_depend_on_the_rows,);

async fn plans_do_not_depend_on_the_rows(backend: Backend) {
    let mut scene = scene(backend).await;
    let more = json!({
        "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 3, "EnforceUniqueReference": true,
    });
    let queue = id(&queue(&scene.shared, "Q", more).await);
    scene.server.stop().await;
    let db = open(&scene, backend);
    let tenant: Result<_, db::Error> = db
        .read(move |tx| tx.number("SELECT tenant_id FROM queue_definitions", &[]))
        .await;
    let tenant = tenant.unwrap();
    let hot = Arc::new(Hot::of(&scene, tenant));
    let empty = hot.plans(&db).await;
    fill(&db, tenant, queue).await;
    // Another connection, as after a restart: nothing is known of the table but its size.
    let full = hot.plans(&reopened(db, &scene, backend)).await;
    same(&full, &empty, "with 60,000 rows that nobody has counted");
    let db = open(&scene, backend);
    let analysed: Result<_, db::Error> = db.write(|tx| tx.exec("ANALYZE", &[])).await;
    analysed.unwrap();
    let counted = hot.plans(&reopened(db, &scene, backend)).await;
    same(&counted, &empty, "with 60,000 rows that were counted");

    let name = match backend {
        Backend::Sqlite => "tests/it/plans/sqlite.txt",
        Backend::Postgres => "tests/it/plans/postgres.txt",
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var("PLANS").is_ok_and(|wish| wish == "write") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &empty).unwrap();
    }
    same(&empty, &std::fs::read_to_string(&file).unwrap(), name);
}

/// Fails with the statements whose plans are not the same.
fn same(left: &str, right: &str, what: &str) {
    let plans = |text: &str| -> BTreeSet<String> {
        text.split("\n\n")
            .map(|plan| plan.trim().to_owned())
            .collect()
    };
    let (left, right) = (plans(left), plans(right));
    let differ: Vec<_> = left.symmetric_difference(&right).cloned().collect();
    assert!(differ.is_empty(), "{what}:\n{}", differ.join("\n\n"));
}

/// Calls of every kind, and what they need beside the database.
struct Hot {
    server: Server,
    caller: Caller,
    folder: Folder,
}

impl Hot {
    fn of(scene: &Scene, tenant: i64) -> Self {
        let keys = identity::Keys::load_or_create(&scene.server.data().join("keys")).unwrap();
        Self {
            server: Server::new(keys),
            caller: Caller::new(tenant, Identity::Server, Vec::new()),
            folder: Folder {
                id: scene.folder,
                key: String::new(),
                path: "Shared".into(),
                modern: true,
            },
        }
    }

    /// Runs calls of every kind, which are undone, and tells how their statements find rows.
    async fn plans(self: &Arc<Self>, db: &Db) -> String {
        let hot = Arc::clone(self);
        let told: Result<(), Told> = db.write(move |tx| Err(hot.tell(tx))).await;
        match told {
            Err(Told::Plans(text)) => text,
            Err(Told::Failed(error)) => panic!("{error}"),
            Ok(()) => unreachable!(),
        }
    }

    fn tell(&self, tx: &mut Tx<'_>) -> Told {
        let mut statements = Vec::new();
        for run in [Self::add, Self::take_and_end] {
            let (done, run) = tx.recorded(|tx| run(self, tx));
            if let Err(error) = done {
                return error.into();
            }
            statements.extend(run);
            // The date of a deferred item has come.
            let due = "UPDATE queue_items SET turn = NULL, defer_date = 1
                WHERE id = (SELECT MAX(id) FROM queue_items)";
            if let Err(error) = tx.exec(due, &[]) {
                return error.into();
            }
        }
        let mut texts = BTreeSet::new();
        let mut out = String::new();
        for sql in statements {
            let short = short(&sql.text);
            let grows = [
                "queue_items",
                "queue_item_events",
                "queue_counts",
                "queue_results",
            ];
            if !grows.iter().any(|table| short.contains(table)) || !texts.insert(short.clone()) {
                continue;
            }
            let explain = match tx.dialect() {
                db::Dialect::Sqlite => format!("EXPLAIN QUERY PLAN {}", sql.text),
                db::Dialect::Postgres => format!("EXPLAIN (COSTS OFF) {}", sql.text),
            };
            let rows = match tx.rows(&explain, &sql.params) {
                Ok(rows) => rows,
                Err(error) => return error.into(),
            };
            let column = match tx.dialect() {
                db::Dialect::Sqlite => 3,
                db::Dialect::Postgres => 0,
            };
            let lines = rows.iter().map(|row| row.get::<String>(column).unwrap());
            let found: BTreeSet<String> = lines.filter_map(|line| access(&line)).collect();
            let _ = writeln!(out, "{short}");
            for line in found {
                let _ = writeln!(out, "    {line}");
            }
            out.push('\n');
        }
        Told::Plans(out)
    }

    fn add(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let add = |reference: &str, more: Value| {
            let data = crate::support::with(json!({"Name": "Q", "Reference": reference}), more);
            work("AddQueueItem", None, json!({"itemData": data}))
        };
        let past = json!({"DeferDate": "2020-01-01T00:00:00Z"});
        self.ask(
            tx,
            &[
                add("a", json!({"SpecificContent": {"k": 1}})),
                add("b", json!({"DueDate": "2030-01-01T00:00:00Z"})),
                add("c", past),
            ],
        )?;
        Ok(())
    }

    fn take_and_end(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        let take = |more: Value| {
            let data = crate::support::with(json!({"Name": "Q"}), more);
            work("StartTransaction", None, json!({"transactionData": data}))
        };
        let taken = self.ask(
            tx,
            &[
                take(json!({})),
                take(json!({"Reference": "a", "ReferenceFilterOption": "Equals"})),
                take(json!({"Reference": "c", "ReferenceFilterOption": "StartsWith"})),
                take(json!({"Reference": "d", "SpecificContent": {}})),
            ],
        )?;
        let item = |at: usize| taken[at]["Id"].as_i64();
        let end = |at: usize, result: Value| {
            let body = json!({"transactionResult": result});
            work("SetTransactionResult", item(at), body)
        };
        self.ask(
            tx,
            &[
                work(
                    "SetTransactionProgress",
                    item(0),
                    json!({"Progress": "half"}),
                ),
                end(0, json!({"IsSuccessful": true, "Output": {"x": 1}})),
                end(1, json!({"IsSuccessful": false})),
                end(2, json!({"DeferDate": "2020-01-01T00:00:00Z"})),
            ],
        )?;
        Ok(())
    }

    fn ask(&self, tx: &mut Tx<'_>, work: &[Arc<QueueCall>]) -> Result<Vec<Value>, Error> {
        let ask = |work| Request {
            caller: &self.caller,
            folder: &self.folder,
            base: "http://localhost/odata",
            metadata: Metadata::Minimal,
            work,
        };
        let asks: Vec<_> = work.iter().map(|work| ask(&**work)).collect();
        let (answers, _) = engine::run(tx, Timestamp::now(), &self.server, &asks)?;
        answers
            .into_iter()
            .map(|answer| match answer? {
                Reply::Json { body, .. } => Ok(serde_json::from_slice(&body).unwrap()),
                Reply::Ok => Ok(Value::Null),
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

fn open(scene: &Scene, backend: Backend) -> Db {
    let url = match (backend, scene.server.database_url()) {
        (Backend::Postgres, Some(url)) => db::Url::Postgres(url.to_owned()),
        _ => db::Url::Sqlite(scene.server.data().join("main.db")),
    };
    Db::open(db::Options::new(url, "main")).unwrap()
}

fn reopened(db: Db, scene: &Scene, backend: Backend) -> Db {
    db.close();
    drop(db);
    open(scene, backend)
}

/// What a call wants, read as the server reads it.
fn work(name: &str, id: Option<i64>, body: Value) -> Arc<QueueCall> {
    let mut all = operations();
    let op = all.find(|op| op.at.name == name).unwrap();
    let args = Args {
        key: id.map(odata::path::Literal::Int),
        body: Some(body),
        ..Args::default()
    };
    let Some(Task::Perform(operation)) = op.task(&args) else {
        panic!("{name} cannot be read");
    };
    engine::unpacked(operation.batched(&args).unwrap().unwrap()).unwrap()
}

/// The end of a transaction that is not to stay.
enum Told {
    Plans(String),
    Failed(Error),
}

impl From<db::Error> for Told {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// A statement in one line, its lists of values left out: they are as long as there are calls.
fn short(sql: &str) -> String {
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = cut(&line, "unnest(", "unnest(…) v", &[") v (", ")"]);
    cut(&line, " IN ($", " IN (…)", &[")"])
}

/// The text with `shown` in place of all that stands between `start` and these ends.
fn cut(text: &str, start: &str, shown: &str, ends: &[&str]) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(start) {
        out.push_str(before);
        out.push_str(shown);
        let behind =
            |rest: &str, end: &&str| rest.find(*end).map_or(rest.len(), |at| at + end.len());
        rest = ends
            .iter()
            .fold(after, |rest, end| &rest[behind(rest, end)..]);
    }
    out + rest
}

/// How rows of a table are found, without what names nothing of ours.
fn access(line: &str) -> Option<String> {
    let line = line.trim().trim_start_matches("-> ").trim();
    let wanted = [
        "SEARCH", "SCAN", "USE TEMP", "Index", "Seq", "Sort", "Hash", "Bitmap", "Merge",
    ];
    let names = wanted.iter().any(|word| line.starts_with(word));
    let values = line.contains("Values Scan") || line.contains("CONSTANT ROW");
    let keys = ["Index Cond", "Sort Key", "Hash Cond", "Merge Cond"];
    let is_key = keys.iter().any(|word| line.starts_with(word));
    // Definitions and their folders are few, however they are found.
    let few = ["l", "q", "queue_folders", "queue_definitions"];
    let few = line.split(' ').any(|word| few.contains(&word));
    (names && !values && !is_key && !few).then(|| line.to_owned())
}

/// Most items are done, some wait, some are deferred.
async fn fill(db: &Db, tenant: i64, queue: i64) {
    let filled: Result<u64, db::Error> = db
        .write(move |tx| {
            tx.exec(
                "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, turn,
                     defer_date, creation_time, key, unique_key, reference, unique_reference)
                 WITH RECURSIVE numbers (n) AS
                     (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60000)
                 SELECT $4, $1, CASE WHEN n % 10 < 2 THEN 0 ELSE 3 END, 1,
                     CASE WHEN n % 10 = 0 THEN CAST($2 AS BIGINT) END,
                     CASE WHEN n % 10 = 1 THEN CAST($3 AS BIGINT) END, n, 'k' || n, 'k' || n,
                     'r' || n, 'r' || n FROM numbers",
                &[
                    queue.into(),
                    (5_i64 << 59).into(),
                    (1_i64 << 60).into(),
                    tenant.into(),
                ],
            )?;
            tx.exec(
                "INSERT INTO queue_item_events (tenant_id, queue_definition_id, queue_item_id,
                     timestamp, action, status, review_status)
                 SELECT tenant_id, queue_definition_id, id, 1, 0, 0, 0 FROM queue_items",
                &[],
            )
        })
        .await;
    assert_eq!(filled.unwrap(), 60_000);
}
