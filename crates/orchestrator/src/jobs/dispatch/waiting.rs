//! The jobs that wait, read as far as they are needed: the most urgent first, a page at a time.

use std::collections::{BTreeSet, HashMap, HashSet};

use db::{Dialect, sql};

use super::hosts::Host;
use crate::cx::Cx;
use crate::error::Result;
use crate::kinds::jobs::WAITING;

/// Jobs of a page, at least and at most.
const PAGE: (i64, i64) = (16, 1000);

db::record! {
    /// A job that waits.
    #[derive(Clone, Copy)]
    pub(super) struct Waiting {
        pub id: i64 = "j.id",
        priority: i64 = "j.specific_priority_value",
        folder: i64 = "j.folder_id",
        pub runtime: i64 = "j.runtime_type",
        pub wanted_robot: Option<i64> = "j.wanted_robot_id",
        wanted_session: Option<i64> = "j.wanted_session_id",
        wanted_machine: Option<i64> = "j.wanted_machine_id",
        /// That of its process, in a classic folder.
        pub environment: Option<i64> = "j.environment_id",
    }
}

impl Waiting {
    /// What it is ordered by: higher priority first, then the older.
    fn rank(&self) -> (i64, i64) {
        (-self.priority, self.id)
    }

    pub fn is_before(&self, other: &Self) -> bool {
        self.rank() < other.rank()
    }

    /// Whether it is bound to no other host.
    pub fn may_run_on(&self, host: &Host) -> bool {
        self.wanted_session.is_none_or(|id| id == host.session)
            && self.wanted_machine.is_none_or(|id| id == host.machine)
    }
}

/// Those that are waited for by hosts: of a folder and runtime; by classic robots: of a folder.
type Key = (i64, Option<i64>);

/// A page of jobs of a folder and runtime that a host could take: `session` and `machine` are 0 for any.
/// PostgreSQL is told that the inner statement is for each of the rows, as SQLite does anyway.
macro_rules! page {
    ($lateral:literal) => {
        sql!(
            "SELECT {} {{rows,}} {} (SELECT j.id, j.specific_priority_value, j.folder_id,
                 j.runtime_type, j.wanted_robot_id, j.wanted_session_id, j.wanted_machine_id,
                 CAST(NULL AS BIGINT) AS environment_id
             FROM jobs j
             WHERE j.folder_id = {{folder}} AND j.runtime_type = {{runtime}}
                 AND j.session_id IS NULL AND j.state IN {WAITING}
                 AND j.specific_priority_value <= {{priority}}
                 AND (j.specific_priority_value < {{priority}} OR j.id > {{after}})
                 AND ({{session}} = 0 OR j.wanted_session_id IS NULL
                     OR j.wanted_session_id = {{session}})
                 AND ({{machine}} = 0 OR j.wanted_machine_id IS NULL
                     OR j.wanted_machine_id = {{machine}})
             ORDER BY j.specific_priority_value DESC, j.id LIMIT {{size}}) j",
            Waiting::SELECT,
            $lateral
        )
    };
}

/// A page of jobs of a classic folder.
macro_rules! classic_page {
    ($lateral:literal) => {
        sql!(
            "SELECT {} {{rows,}} {} (SELECT j.id, j.specific_priority_value, j.folder_id,
                 j.runtime_type, j.wanted_robot_id, j.wanted_session_id, j.wanted_machine_id,
                 rel.environment_id
             FROM jobs j JOIN releases rel ON rel.id = j.release_id
             WHERE j.folder_id = {{folder}} AND j.session_id IS NULL AND j.state IN {WAITING}
                 AND j.specific_priority_value <= {{priority}}
                 AND (j.specific_priority_value < {{priority}} OR j.id > {{after}})
             ORDER BY j.specific_priority_value DESC, j.id LIMIT {{size}}) j",
            Waiting::SELECT,
            $lateral
        )
    };
}

db::params! {
    /// Which page.
    struct Page {
        folder: i64,
        runtime: i64,
        priority: i64,
        after: i64,
        session: i64,
        machine: i64,
        size: i64,
    }
}

db::params! {
    /// Which page of a classic folder.
    struct ClassicPage {
        folder: i64,
        priority: i64,
        after: i64,
        size: i64,
    }
}

/// Jobs of one key, as far as they are read.
#[derive(Default)]
struct Line {
    jobs: Vec<Waiting>,
    /// Those before are taken.
    start: usize,
    /// Whether there are no more.
    complete: bool,
}

/// The jobs that hosts could take.
pub(super) struct Jobs {
    lines: HashMap<Key, Line>,
    taken: HashSet<i64>,
    /// The session and machine, where there is one host only.
    only: (i64, i64),
    /// Jobs of the next page.
    size: i64,
}

impl Jobs {
    /// Those of the folders and runtimes of the hosts, the first page of each.
    pub fn of(
        cx: &mut Cx<'_, '_>,
        hosts: &[Host],
        folders: &HashMap<i64, Vec<i64>>,
    ) -> Result<Self> {
        // Hosts of one machine mostly offer the same.
        let mut offers: HashSet<(i64, i64)> = HashSet::new();
        let mut keys: BTreeSet<Key> = BTreeSet::new();
        let mut room: i64 = 0;
        for host in hosts {
            room = room.saturating_add(host.room());
            for (runtime, _) in &host.runtimes {
                if offers.insert((host.machine, *runtime)) {
                    let served = folders.get(&host.machine).into_iter().flatten();
                    keys.extend(served.map(|folder| (*folder, Some(*runtime))));
                }
            }
            keys.extend(host.robots.iter().map(|robot| (robot.folder, None)));
        }
        let mut jobs = Self {
            lines: HashMap::new(),
            taken: HashSet::new(),
            only: match hosts {
                [host] => (host.session, host.machine),
                _ => (0, 0),
            },
            size: room.clamp(PAGE.0, PAGE.1),
        };
        jobs.read(cx, &keys)?;
        jobs.lines.retain(|_, line| !line.jobs.is_empty());
        Ok(jobs)
    }

    /// The folders in which jobs wait.
    pub fn folders(&self) -> HashSet<i64> {
        self.lines.keys().map(|(folder, _)| *folder).collect()
    }

    /// The most urgent job of a folder and runtime for which there is a robot, with that.
    pub fn first(
        &mut self,
        cx: &mut Cx<'_, '_>,
        folder: i64,
        runtime: Option<i64>,
        robot_for: impl Fn(&Waiting) -> Option<i64>,
    ) -> Result<Option<(Waiting, i64)>> {
        let key = (folder, runtime);
        let mut seen = 0;
        loop {
            let Some(line) = self.lines.get_mut(&key) else {
                return Ok(None);
            };
            while line
                .jobs
                .get(line.start)
                .is_some_and(|job| self.taken.contains(&job.id))
            {
                line.start += 1;
            }
            let open = line.jobs.iter().skip(line.start.max(seen));
            let open = open.filter(|job| !self.taken.contains(&job.id));
            let mut fitting = open.filter_map(|job| Some((*job, robot_for(job)?)));
            if let Some(found) = fitting.next() {
                return Ok(Some(found));
            }
            if line.complete {
                return Ok(None);
            }
            seen = line.jobs.len();
            self.size = (self.size * 2).min(PAGE.1);
            self.read(cx, &BTreeSet::from([key]))?;
        }
    }

    /// Nobody else gets it.
    pub fn take(&mut self, job: i64) {
        self.taken.insert(job);
    }

    /// Reads the next page of each.
    fn read(&mut self, cx: &mut Cx<'_, '_>, keys: &BTreeSet<Key>) -> Result<()> {
        let (mut pages, mut classic) = (Vec::new(), Vec::new());
        for (folder, runtime) in keys {
            let (folder, size) = (*folder, self.size);
            let line = self.lines.entry((folder, *runtime)).or_default();
            let last = line.jobs.last();
            let (priority, after) = last.map_or((i64::MAX, 0), |job| (job.priority, job.id));
            line.complete = true;
            match *runtime {
                Some(runtime) => pages.push(Page {
                    folder,
                    runtime,
                    priority,
                    after,
                    session: self.only.0,
                    machine: self.only.1,
                    size,
                }),
                None => classic.push(ClassicPage {
                    folder,
                    priority,
                    after,
                    size,
                }),
            }
        }
        let (page, classic_page) = match cx.tx.dialect() {
            Dialect::Sqlite => (page!(""), classic_page!("")),
            Dialect::Postgres => (page!("LATERAL"), classic_page!("LATERAL")),
        };
        let found: Vec<Waiting> = cx.tx.all_many(page, pages)?;
        self.keep(found, |job| (job.folder, Some(job.runtime)));
        let found: Vec<Waiting> = cx.tx.all_many(classic_page, classic)?;
        self.keep(found, |job| (job.folder, None));
        Ok(())
    }

    fn keep(&mut self, mut found: Vec<Waiting>, key: impl Fn(&Waiting) -> Key) {
        found.sort_by_key(Waiting::rank);
        let mut counts: HashMap<Key, i64> = HashMap::new();
        for job in found {
            let key = key(&job);
            self.lines.entry(key).or_default().jobs.push(job);
            *counts.entry(key).or_default() += 1;
        }
        // A page that is not full is the last.
        for (key, count) in counts {
            if let Some(line) = self.lines.get_mut(&key) {
                line.complete = count < self.size;
            }
        }
    }
}
