//! The server is killed while many callers use a queue, again and again: what it had acknowledged is
//! there when it is back, what it had not is there wholly or not at all, and everybody can go on.
//!
//! `CRASH_KILLS` says how often, `CRASH_SECONDS` after how long to stop before; see `tests/crash`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use testkit::{Backend, Scene, both};

use super::callers::{Call, Caller, Deed};
use super::history::{self, Rules};
use super::model::Status;
use super::rows::{self, Row};
use super::together::{assert_nothing, at_once, histories, shared_queue};
use crate::support::scene;

both!(a_server_killed_under_load);

/// Kills of an ordinary run.
const KILLS: u64 = 3;
const CALLERS: u64 = 16;
const RULES: Rules = Rules::new(2);
/// For how long callers work until the server is killed.
const LOAD: std::ops::Range<u64> = 20..600;

async fn a_server_killed_under_load(backend: Backend) {
    let kills = super::number("CRASH_KILLS").unwrap_or(KILLS);
    let seconds = super::number("CRASH_SECONDS").unwrap_or(u64::MAX);
    let begin = Instant::now();
    let mut crashes = Crashes {
        scene: scene(backend).await,
        seed: super::seed(),
        seen: Seen::default(),
        queues: Vec::new(),
    };
    while crashes.seen.kills < kills && begin.elapsed().as_secs() < seconds {
        crashes.round().await;
    }
    crashes.check_all().await;
    println!("{backend:?}: {:?}, seed {}", crashes.seen, crashes.seed);
}

/// What happened so far.
#[derive(Debug, Default)]
struct Seen {
    kills: u64,
    acknowledged: usize,
    /// Calls without an answer.
    unknown: usize,
    /// Those of them that added an item nevertheless.
    added_all_the_same: usize,
    /// Items at the end of each round.
    rows: usize,
}

struct Crashes {
    scene: Scene,
    seed: u64,
    seen: Seen,
    /// Each queue, and what was in it at the end of its round.
    queues: Vec<(i64, BTreeMap<Status, usize>)>,
}

impl Crashes {
    /// A queue of its own, callers who use it, a kill in between, and an end in good order.
    async fn round(&mut self) {
        let number = self.seen.kills;
        let name = format!("R{number}");
        let mut rng = Rng::with_seed(self.seed + number);
        let queue = shared_queue(&self.scene.shared, &name, RULES, rng.bool()).await;
        let clients = [self.scene.shared.clone()];
        let caller = |n| Caller::new(&clients, &name, format!("c{n}"), rng.u64(..));
        let callers: Vec<Caller> = (0..CALLERS).map(caller).collect();
        let load = Duration::from_millis(rng.u64(LOAD));
        let (mut callers, ()) = tokio::join!(
            at_once(callers, |caller| caller.work(usize::MAX)),
            self.kill_after(load)
        );
        self.restart().await;
        let history = histories(&callers);
        let rows = self.check(queue, &history).await;
        self.seen.kills += 1;
        self.count(&history, &rows);

        for caller in &mut callers {
            caller.clients = vec![self.scene.shared.clone()];
        }
        let callers = at_once(callers, Caller::settle).await;
        let rows = self.check(queue, &histories(&callers)).await;
        assert_nothing(&rows::left_over(&rows), self.seed);
        self.seen.rows += rows.len();
        self.queues.push((queue, statuses(&rows)));
    }

    async fn kill_after(&self, load: Duration) {
        tokio::time::sleep(load).await;
        let pid = self.scene.server.pid().expect("it runs").cast_signed();
        let pid = Pid::from_raw(pid).expect("a process has a number");
        kill_process(pid, Signal::KILL).expect("the server runs");
    }

    async fn restart(&mut self) {
        let scene = &mut self.scene;
        scene.server.restart().await;
        scene.app = scene.server.app().await;
        scene.shared = scene.app.folder(scene.folder);
    }

    /// Holds what callers saw against what is there.
    async fn check(&self, queue: i64, history: &[Call]) -> Vec<Row> {
        let rows = rows::all(&self.scene.shared, queue).await;
        let mut wrong = history::contradictions(history, &rows, RULES);
        wrong.extend(rows::miscounted(&self.scene.shared, queue, &rows).await);
        assert_nothing(&wrong, self.seed);
        rows
    }

    fn count(&mut self, history: &[Call], rows: &[Row]) {
        let (known, unknown): (Vec<&Call>, _) = history.iter().partition(|c| c.answer.is_some());
        self.seen.acknowledged += known.len();
        self.seen.unknown += unknown.len();
        let there = |call: &&Call| match &call.deed {
            Deed::Add(items) => rows.iter().any(|row| row.reference == items[0].reference),
            _ => false,
        };
        self.seen.added_all_the_same += unknown.into_iter().filter(there).count();
    }

    /// Later kills took nothing from earlier rounds.
    async fn check_all(&self) {
        for (queue, expected) in &self.queues {
            let rows = rows::all(&self.scene.shared, *queue).await;
            assert_eq!(statuses(&rows), *expected, "QUEUE_SEED={}", self.seed);
        }
    }
}

/// How many rows are in each status.
fn statuses(rows: &[Row]) -> BTreeMap<Status, usize> {
    let mut statuses = BTreeMap::new();
    for row in rows {
        *statuses.entry(row.status).or_default() += 1;
    }
    statuses
}
