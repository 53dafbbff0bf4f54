//! A world for tests of rules: a store in memory with what the first start makes, a time that stands
//! still, a chance that repeats, and callers. A rule is tested in milliseconds, without a server.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "what fails here is a test that fails"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use db::{Db, Options, Tx, Url, Value};
use odata::{Folders, Metadata, Timestamp};

use crate::engine::{Engine, Next, Step, Tick};
use crate::queues::QueueItemStatus;
use crate::tenants::{self, Bootstrap};
use crate::{Caller, Chance, Cx, Folder, Hint, Identity, MIGRATIONS, Result, Server};

/// Making a key takes longer than all else here, and no test changes it.
static KEYS: LazyLock<identity::Keys> = LazyLock::new(|| identity::Keys::unkept().unwrap());

/// What the chance of all worlds in memory begins with.
const SEED: u64 = 1;

/// An installation.
pub struct World {
    /// Its store.
    pub db: Db,
    /// What there is once in its server.
    pub server: Arc<Server>,
    /// What time it is.
    pub now: Timestamp,
    /// Who calls: the administrator.
    pub caller: Arc<Caller>,
    /// The folder `Shared`.
    pub folder: Arc<Folder>,
}

impl World {
    /// One in memory, in which the same is made under the same keys each time.
    #[must_use]
    pub fn new() -> Self {
        Self::with(Url::memory(), Chance::seeded(SEED))
    }

    /// One on this database, which others may use at the same time: no key of theirs is one of its own.
    #[must_use]
    pub fn on(url: Url) -> Self {
        Self::with(url, Chance::default())
    }

    fn with(url: Url, chance: Chance) -> Self {
        let db = Db::open(Options::new(url, "main")).unwrap();
        db.migrate(MIGRATIONS).unwrap();
        let now = Timestamp::parse("2026-03-01T08:00:00Z").unwrap();
        let server = Arc::new(Server {
            chance,
            ..Server::new(KEYS.clone())
        });
        let making = Arc::clone(&server);
        let first = move |tx: &mut Tx<'_>| -> Result<_> {
            tenants::bootstrap(tx, now, &making.chance, &Bootstrap::default())?;
            let tenant = tx.number("SELECT MIN(id) FROM tenants", &[])?;
            let user = tx.number("SELECT id FROM users WHERE user_name = 'admin'", &[])?;
            let shared = tx.row(
                "SELECT id, key FROM folders WHERE display_name = 'Shared'",
                &[],
            )?;
            let shared = shared.unwrap();
            Ok((tenant, user, shared.get("id")?, shared.get("key")?))
        };
        let (tenant, user, id, key) = db.write_blocking(first).unwrap();
        let caller = Caller::new(tenant, Identity::User { id: user }, Vec::new());
        let folder = Folder {
            id,
            key,
            path: "Shared".into(),
            modern: true,
        };
        Self {
            db,
            server,
            now,
            caller: Arc::new(caller),
            folder: Arc::new(folder),
        }
    }

    /// It is later by this.
    pub fn pass(&mut self, by: Duration) {
        self.now = self.now.plus(by);
    }

    /// Does something as the administrator in `Shared`, and commits it unless it fails.
    ///
    /// # Errors
    /// Those of `f`; the store's.
    pub fn run<T: Send + 'static>(
        &self,
        f: impl FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.hinted(f).map(|(value, _)| value)
    }

    /// As [`World::run`], with the hints it leaves.
    ///
    /// # Errors
    /// As [`World::run`].
    pub fn hinted<T: Send + 'static>(
        &self,
        mut f: impl FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
    ) -> Result<(T, BTreeSet<Hint>)> {
        let (server, now) = (Arc::clone(&self.server), self.now);
        let (caller, folder) = (Arc::clone(&self.caller), Arc::clone(&self.folder));
        self.db.write_blocking(move |tx| {
            let mut cx = Cx {
                tx,
                args: &crate::NO_ARGS,
                now,
                caller: &caller,
                folder: Some(&folder),
                folders: Folders::One(folder.id),
                base: "http://localhost/odata",
                metadata: Metadata::Minimal,
                server: &server,
                hints: BTreeSet::new(),
            };
            let value = f(&mut cx)?;
            Ok((value, cx.hints))
        })
    }

    /// Runs one statement.
    pub fn exec(&self, sql: &'static str, params: &[Value]) -> u64 {
        let params = params.to_vec();
        self.run(move |cx| Ok(cx.tx.exec(sql, &params)?)).unwrap()
    }

    /// Adds a row of which the statement gives the number.
    pub fn insert(&self, sql: &'static str, params: &[Value]) -> i64 {
        let params = params.to_vec();
        self.run(move |cx| Ok(cx.tx.insert(sql, &params)?)).unwrap()
    }

    /// The number that a query gives.
    #[must_use]
    pub fn number(&self, sql: &'static str, params: &[Value]) -> i64 {
        let params = params.to_vec();
        self.run(move |cx| Ok(cx.tx.number(sql, &params)?)).unwrap()
    }

    /// One tick of an engine, to its end and without rests; what it says is next.
    ///
    /// # Errors
    /// Those of the tick.
    pub fn tick(&self, engine: &Engine) -> Result<Next> {
        let first = match &engine.tick {
            Tick::Read(look) => Step::read(*look),
            Tick::Write(act) => Step::write(*act),
            Tick::Edge(edge) => panic!("the edge does {edge:?}"),
        };
        self.follow(Next::Work(first))
    }

    fn follow(&self, mut next: Next) -> Result<Next> {
        loop {
            next = match next {
                Next::Work(work) | Next::Rest(work) => self.step(work)?,
                Next::Each(all, then) => {
                    for work in all {
                        self.follow(Next::Work(work))?;
                    }
                    *then
                }
                end => return Ok(end),
            };
        }
    }

    fn step(&self, work: Step) -> Result<Next> {
        let Step { writes, mut step } = work;
        let (server, now) = (Arc::clone(&self.server), self.now);
        let run = move |tx: &mut Tx<'_>| {
            let caller = Caller::new(0, Identity::Server, Vec::new());
            let mut cx = Cx {
                tx,
                args: &crate::NO_ARGS,
                now,
                caller: &caller,
                folder: None,
                folders: Folders::All,
                base: "",
                metadata: Metadata::None,
                server: &server,
                hints: BTreeSet::new(),
            };
            step(&mut cx)
        };
        match writes {
            true => self.db.write_blocking(run),
            false => self.db.read_blocking(run),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// What tests of jobs begin with.
impl World {
    /// A job in `Shared` in a state; with a deadline, at which it is asked to stop, and a minute more.
    pub fn job(&self, state: i64, deadline: Option<Timestamp>) -> i64 {
        let release = self.release();
        self.insert(
            "INSERT INTO jobs (tenant_id, folder_id, key, release_id, release_name, package_id, state,
                 specific_priority_value, source, source_type, batch_execution_key, creation_time, type,
                 runtime_type, process_type, requires_user_interaction, stop_strategy, kill_after,
                 deadline)
             SELECT r.tenant_id, r.folder_id, $2, r.id, r.name, r.package_id, $3, 45, 'Manual', 0, $2,
                 $4, 0, 2, 1, FALSE, 1, 60, $5 FROM releases r WHERE r.id = $1 RETURNING id",
            &[
                release.into(),
                self.server.chance.key().into(),
                state.into(),
                self.now.into(),
                deadline.into(),
            ],
        )
    }

    /// The process of all jobs, `hello`.
    pub fn release(&self) -> i64 {
        let known = self.number("SELECT COALESCE(MAX(id), 0) FROM releases", &[]);
        if known > 0 {
            return known;
        }
        let (tenant, now) = (self.caller.tenant, self.now);
        let package = self.insert(
            "INSERT INTO packages (tenant_id, feed_id, package_id, version, normalized_version, sort_key,
                 published, is_latest, project_type, process_type, requires_user_interaction, is_attended,
                 blob, size)
             VALUES ($1, '', 'hello', '1.0.0', '1.0.0', '', $2, TRUE, 0, 1, FALSE, FALSE, '', 1)
             RETURNING id",
            &[tenant.into(), now.into()],
        );
        self.insert(
            "INSERT INTO releases (tenant_id, folder_id, key, name, package_id, specific_priority_value,
                 creation_time)
             VALUES ($1, $2, $3, 'hello', $4, 45, $5) RETURNING id",
            &[
                tenant.into(),
                self.folder.id.into(),
                self.server.chance.key().into(),
                package.into(),
                now.into(),
            ],
        )
    }

    /// A connected host of the machine `Local` with so many slots.
    pub fn host(&self, name: &str, slots: i64) -> i64 {
        let machine = self.number("SELECT id FROM machines WHERE name = 'Local'", &[]);
        self.insert(
            "INSERT INTO sessions (tenant_id, machine_id, host_machine_name, service_user_name, state,
                 reporting_time, slots)
             VALUES ($1, $2, $3, '', 0, $4, $5) RETURNING id",
            &[
                self.caller.tenant.into(),
                machine.into(),
                name.into(),
                self.now.into(),
                slots.into(),
            ],
        )
    }
}

/// What tests of queues begin with.
impl World {
    /// A queue in `Shared`, without retries; with a lease of so many seconds, if any.
    #[must_use]
    pub fn queue(&self, name: &str, lease: Option<i64>) -> i64 {
        let (name, now, tenant, folder) = (
            name.to_owned(),
            self.now,
            self.caller.tenant,
            self.folder.id,
        );
        let made = self.run(move |cx| {
            let queue = cx.tx.insert(
                "INSERT INTO queue_definitions (tenant_id, key, name, creation_time, lease_seconds)
                 VALUES ($1, $2, $2, $3, $4) RETURNING id",
                &[tenant.into(), name.as_str().into(), now.into(), lease.into()],
            )?;
            cx.tx.exec(
                "INSERT INTO queue_folders (queue_definition_id, folder_id, name) VALUES ($1, $2, $3)",
                &[queue.into(), folder.into(), name.as_str().into()],
            )?;
            for (_, status) in QueueItemStatus::TYPE.members {
                cx.tx.exec(
                    "INSERT INTO queue_counts (queue_definition_id, status, items) VALUES ($1, $2, 0)",
                    &[queue.into(), (*status).into()],
                )?;
            }
            Ok(queue)
        });
        made.unwrap()
    }

    /// Adds so many items in a status to a queue, as they would stand if that had happened just now.
    pub fn items(&self, queue: i64, status: i64, count: i64) {
        let now = self.now;
        let added = self.run(move |cx| {
            for _ in 0..count {
                cx.tx.exec(
                    "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority,
                         creation_time, start_processing, end_processing, lease_until, turn, key,
                         unique_key, specific_content)
                     SELECT q.tenant_id, q.id, n.status, 1, n.now, CASE WHEN n.status > 0 THEN n.now END,
                         CASE WHEN n.status > 1 THEN n.now END,
                         CASE WHEN n.status = 1 THEN n.now + q.lease_seconds * 10000000 END,
                         CASE WHEN n.status = 0 THEN 0 END, n.key, n.key, '{\"text\":\"wanted\"}'
                     FROM queue_definitions q, (SELECT CAST($2 AS BIGINT) AS status,
                         CAST($3 AS BIGINT) AS now, CAST($4 AS TEXT) AS key) n WHERE q.id = $1",
                    &[
                        queue.into(),
                        status.into(),
                        now.into(),
                        cx.key().into(),
                    ],
                )?;
            }
            cx.tx.exec(
                "UPDATE queue_counts SET items = items + $3
                 WHERE queue_definition_id = $1 AND status = $2",
                &[queue.into(), status.into(), count.into()],
            )?;
            Ok(())
        });
        added.unwrap();
    }
}
