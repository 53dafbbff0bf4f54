//! The hosts that could take a job, and what each of them has free.

use std::collections::HashMap;

use db::{Dialect, sql};

use super::waiting::Waiting;
use crate::cx::Cx;
use crate::error::Result;
use crate::kinds::jobs::ACTIVE;
use crate::kinds::sessions::CONNECTED;
use crate::machines::{GRANTED, RUNTIMES};
use crate::robots::ON_HOST;

/// Statements about some of the hosts; of the tenant `$1`, chosen by `$2`.
pub(super) struct Statements {
    /// The hosts.
    hosts: &'static str,
    /// How many jobs of each runtime they have, by dialect.
    used: [&'static str; 2],
    /// Their classic robots.
    classic: &'static str,
    /// The folders that their machines serve.
    folders: &'static str,
    /// Robots that their machines are reserved for.
    pub reserved: &'static str,
}

/// Some hosts.
pub(super) struct Choice {
    statements: &'static Statements,
    param: i64,
}

impl Statements {
    pub const fn of(&'static self, param: i64) -> Choice {
        Choice {
            statements: self,
            param,
        }
    }
}

impl Choice {
    pub fn statements(&self) -> &'static Statements {
        self.statements
    }

    /// The parameters of each of the statements.
    pub fn params(&self, cx: &Cx<'_, '_>) -> [db::Value; 2] {
        [cx.caller.tenant.into(), self.param.into()]
    }
}

/// Sessions that take jobs. People start their own, and a host under maintenance has time off.
const FREE: &str = sql!(
    "s.tenant_id = $1 AND s.state IN {CONNECTED} AND NOT s.is_unresponsive
     AND NOT s.is_attended AND s.maintenance_mode = 0"
);

/// Jobs `a` that are not over, by dialect: SQLite would rather go through the history of a session.
pub(super) const LIVE_JOBS: [&str; 2] = ["jobs a INDEXED BY jobs_active", "jobs a"];

macro_rules! used {
    ($jobs:expr, $condition:expr) => {
        sql!(
            "SELECT {} FROM sessions s CROSS JOIN {}
             WHERE a.session_id = s.id AND a.state IN {ACTIVE} AND {FREE} AND {}
             GROUP BY a.session_id, a.runtime_type",
            Used::SELECT,
            $jobs,
            $condition
        )
    };
}

macro_rules! statements {
    ($condition:expr) => {
        Statements {
            hosts: sql!(
                "SELECT {} FROM sessions s JOIN machines m ON m.id = s.machine_id
                 WHERE {FREE} AND {} ORDER BY s.id",
                Free::SELECT,
                $condition
            ),
            used: [
                used!(LIVE_JOBS[0], $condition),
                used!(LIVE_JOBS[1], $condition),
            ],
            // Installations have few classic robots, or none, and many hosts.
            classic: sql!(
                "SELECT {} FROM robots r CROSS JOIN sessions s
                 WHERE r.tenant_id = $1 AND {ON_HOST} AND {FREE} AND {}",
                Classic::SELECT,
                $condition
            ),
            folders: sql!(
                "SELECT DISTINCT {} FROM
                     (SELECT DISTINCT s.machine_id FROM sessions s WHERE {FREE} AND {}) m
                 CROSS JOIN folder_machines fm CROSS JOIN folder_tree ft
                 WHERE fm.machine_id = m.machine_id AND ft.ancestor_id = fm.folder_id
                     AND (ft.distance = 0 OR fm.propagate)",
                Served::SELECT,
                $condition
            ),
            reserved: sql!(
                "SELECT CAST(NULL AS BIGINT), mr.machine_id, mr.robot_id FROM machine_robots mr
                 WHERE mr.machine_id IN (SELECT s.machine_id FROM sessions s
                     WHERE {FREE} AND {})
                 UNION ALL
                 SELECT fmr.folder_id, fmr.machine_id, fmr.robot_id FROM folder_machine_robots fmr
                 WHERE fmr.machine_id IN (SELECT s.machine_id FROM sessions s
                     WHERE {FREE} AND {})",
                $condition,
                $condition
            ),
        }
    };
}

/// All hosts of the tenant.
pub(super) static ALL: Statements = statements!("$2 = 0");

/// The host of one session.
pub(super) static SESSION: Statements = statements!("s.id = $2");

/// The hosts of the machines that serve a folder, and those of its classic robots.
pub(super) static IN_FOLDER: Statements = statements!(sql!(
    "(s.machine_id IN (SELECT fm.machine_id FROM folder_tree ft
          JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id
              AND (ft.distance = 0 OR fm.propagate)
          WHERE ft.folder_id = $2)
      OR s.id IN (SELECT s.id FROM robots r JOIN sessions s ON {ON_HOST}
          WHERE r.folder_id = $2))"
));

db::record! {
    /// A host as its session and machine say.
    struct Free {
        session: i64 = "s.id",
        machine: i64 = "s.machine_id",
        slots: Option<i64> = "s.slots",
        granted: [i64; RUNTIMES.len()] = GRANTED,
    }
}

db::record! {
    /// What a host has to do.
    struct Used {
        session: i64 = "a.session_id",
        runtime: i64 = "a.runtime_type",
        jobs: i64 = "COUNT(*)",
    }
}

db::record! {
    /// A machine serves a folder.
    struct Served {
        machine: i64 = "fm.machine_id",
        folder: i64 = "ft.folder_id",
    }
}

db::record! {
    /// A classic robot on a host.
    pub(super) struct Classic {
        session: i64 = "s.id",
        /// `robots.id`
        pub id: i64 = "r.id",
        /// Its folder.
        pub folder: i64 = "r.folder_id",
        /// Number of its runtime.
        pub kind: i64 = "r.type",
    }
}

/// A session that can take jobs.
pub(super) struct Host {
    pub session: i64,
    pub machine: i64,
    /// Free in all; what the robot says it can run at a time.
    free: i64,
    /// Free by runtime; what the machine grants each of its hosts.
    pub runtimes: Vec<(i64, i64)>,
    /// Classic robots that are here; they take no slots of the machine.
    pub robots: Vec<Classic>,
}

impl Host {
    pub fn is_free(&self) -> bool {
        self.free > 0 && (self.slots() > 0 || !self.robots.is_empty())
    }

    /// Free slots of its runtimes.
    pub fn slots(&self) -> i64 {
        self.runtimes.iter().map(|(_, free)| *free).sum()
    }

    /// How many jobs it could take.
    pub fn room(&self) -> i64 {
        let robots = i64::try_from(self.robots.len()).unwrap_or(i64::MAX);
        self.free.min(self.slots().saturating_add(robots))
    }

    /// Takes up what the job needs.
    pub fn take(&mut self, job: &Waiting, robot: i64) {
        self.free -= 1;
        let robots = self.robots.len();
        self.robots.retain(|classic| classic.id != robot);
        if self.robots.len() < robots {
            return;
        }
        for (number, free) in &mut self.runtimes {
            *free -= i64::from(*number == job.runtime);
        }
    }
}

/// The hosts with a free slot or a classic robot, in the order of their sessions.
pub(super) fn free(cx: &mut Cx<'_, '_>, choice: &Choice) -> Result<Vec<Host>> {
    let (statements, params) = (choice.statements, choice.params(cx));
    // Two starts must not count the same free slot: on PostgreSQL, where writers are several, the
    // sessions are locked; on SQLite there is one writer.
    let found: Vec<Free> = match cx.tx.dialect() {
        Dialect::Sqlite => cx.tx.all(statements.hosts, &params)?,
        Dialect::Postgres => {
            let locking = format!("{} FOR UPDATE OF s", statements.hosts);
            cx.tx.all(&locking, &params)?
        }
    };
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let mut used: HashMap<i64, Vec<Used>> = HashMap::new();
    let live = statements.used[usize::from(cx.tx.dialect() == Dialect::Postgres)];
    for job in cx.tx.all::<Used>(live, &params)? {
        used.entry(job.session).or_default().push(job);
    }
    let mut robots: HashMap<i64, Vec<Classic>> = HashMap::new();
    for robot in cx.tx.all::<Classic>(statements.classic, &params)? {
        robots.entry(robot.session).or_default().push(robot);
    }
    let hosts = found.into_iter().map(|found| {
        let used = used.remove(&found.session).unwrap_or_default();
        let robots = robots.remove(&found.session).unwrap_or_default();
        host(&found, &used, robots)
    });
    Ok(hosts.filter(Host::is_free).collect())
}

fn host(found: &Free, used: &[Used], robots: Vec<Classic>) -> Host {
    let runtimes = RUNTIMES.iter().zip(found.granted);
    let runtimes = runtimes.map(|((number, _), granted)| {
        let of_runtime = used.iter().find(|used| used.runtime == *number);
        (*number, granted - of_runtime.map_or(0, |used| used.jobs))
    });
    let all_used: i64 = used.iter().map(|used| used.jobs).sum();
    Host {
        session: found.session,
        machine: found.machine,
        free: found.slots.unwrap_or(i64::MAX).saturating_sub(all_used),
        runtimes: runtimes.filter(|(_, free)| *free > 0).collect(),
        robots,
    }
}

/// The folders that each machine serves.
pub(super) fn folders(cx: &mut Cx<'_, '_>, choice: &Choice) -> Result<HashMap<i64, Vec<i64>>> {
    let params = choice.params(cx);
    let mut folders: HashMap<i64, Vec<i64>> = HashMap::new();
    for served in cx.tx.all::<Served>(choice.statements.folders, &params)? {
        folders
            .entry(served.machine)
            .or_default()
            .push(served.folder);
    }
    Ok(folders)
}
