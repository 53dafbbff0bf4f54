//! Callers that each ask for one thing after another, and what they saw.
//!
//! They share one thread, because the server and the stores need the cores more than they do.

use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout_at;

use crate::Failure;
use crate::figures::Samples;
use crate::machine;

/// Before the clock runs this part of the time passes: connections open, statements prepared.
const WARM_UP: u32 = 4;
/// How long answers may take that are under way when the time is over; later ones do not count.
const GRACE: Duration = Duration::from_secs(2);
/// No number of turns should take longer.
const ENOUGH: Duration = Duration::from_hours(6);

/// Somebody who asks for one thing after another.
pub trait Caller: 'static {
    /// What a turn tells besides its time.
    type Turn: Send;
    /// Asks, and waits for the answer.
    fn turn(&mut self) -> impl Future<Output = Result<Self::Turn, Failure>>;
}

/// Where callers come from.
pub trait Source: Clone + Send + 'static {
    /// Their kind.
    type Caller: Caller;
    /// One more of them.
    fn open(&self) -> impl Future<Output = Result<Self::Caller, Failure>>;
}

/// When callers have asked enough.
#[derive(Debug, Clone, Copy)]
pub enum Limit {
    /// After this time, and a part of it before the clock runs.
    Time(Duration),
    /// After so many turns of each.
    Turns(usize),
}

/// What callers saw together.
#[derive(Default)]
pub struct Load<T> {
    /// How long each turn took.
    pub times: Samples,
    /// What each told.
    pub turns: Vec<T>,
    all: usize,
    took: Duration,
    processor: u64,
}

impl<T> Load<T> {
    /// Turns per second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Goes on with what was seen later.
    pub fn append(&mut self, later: Self) {
        self.times.append(later.times);
        self.turns.extend(later.turns);
        self.all += later.all;
        self.took += later.took;
        self.processor += later.processor;
    }

    /// How many turns there were, those included that began before the clock ran.
    pub fn all(&self) -> usize {
        self.all
    }

    /// Milliseconds of processor time that the watched process used for a turn.
    pub fn processor(&self) -> f64 {
        self.processor as f64 / self.all.max(1) as f64
    }
}

/// Lets so many callers ask, and watches the process that answers, if it is another one.
pub async fn drive<S: Source>(
    source: S,
    callers: usize,
    limit: Limit,
    watched: Option<u32>,
) -> Result<Load<<S::Caller as Caller>::Turn>, Failure> {
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let load = LocalSet::new().block_on(&runtime, together(source, callers, limit, watched));
        // What is still under way is nobody's concern any more.
        runtime.shutdown_background();
        load
    };
    tokio::task::spawn_blocking(run).await?
}

async fn together<S: Source>(
    source: S,
    callers: usize,
    limit: Limit,
    watched: Option<u32>,
) -> Result<Load<<S::Caller as Caller>::Turn>, Failure> {
    let mut open = Vec::with_capacity(callers);
    for _ in 0..callers {
        open.push(source.open().await?);
    }
    let used = || watched.map_or(Ok(0), machine::processor_ms);
    let before = used()?;
    let plan = Plan::new(limit);
    let mut running = JoinSet::new();
    for caller in open {
        running.spawn_local(ask(caller, plan));
    }
    let (mut times, mut turns, mut all) = (Samples::default(), Vec::new(), 0);
    let patience = plan.ends + GRACE;
    while let Ok(Some(ended)) = timeout_at(patience.into(), running.join_next()).await {
        let seen = ended??;
        times.append(seen.times);
        turns.extend(seen.turns);
        all += seen.all;
    }
    Ok(Load {
        times,
        turns,
        all,
        took: plan.counts.elapsed(),
        processor: used()? - before,
    })
}

/// When turns begin to count, and when nobody begins another.
#[derive(Clone, Copy)]
struct Plan {
    counts: Instant,
    ends: Instant,
    turns: usize,
}

impl Plan {
    fn new(limit: Limit) -> Self {
        let begun = Instant::now();
        match limit {
            Limit::Time(time) => Self {
                counts: begun + time / WARM_UP,
                ends: begun + time / WARM_UP + time,
                turns: usize::MAX,
            },
            Limit::Turns(turns) => Self {
                counts: begun,
                ends: begun + ENOUGH,
                turns,
            },
        }
    }
}

/// What one caller saw.
struct Seen<T> {
    times: Samples,
    turns: Vec<T>,
    all: usize,
}

async fn ask<C: Caller>(mut caller: C, plan: Plan) -> Result<Seen<C::Turn>, Failure> {
    let mut seen = Seen {
        times: Samples::default(),
        turns: Vec::new(),
        all: 0,
    };
    while seen.all < plan.turns {
        let asked = Instant::now();
        if asked >= plan.ends {
            break;
        }
        let turn = caller.turn().await?;
        seen.all += 1;
        if asked >= plan.counts {
            seen.times.add(asked.elapsed());
            seen.turns.push(turn);
        }
    }
    Ok(seen)
}
