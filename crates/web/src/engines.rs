//! Runs the engines that features declare (`orchestrator::engine`). Each sleeps until a hint or until the
//! time that its tick named; when nothing is due it writes nothing. One that fails or panics is told of,
//! counted, and tries again after a pause.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::odata::{TICKS_PER_SECOND, Timestamp};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use orchestrator::engine::{Edge, Engine, Next, Running, Step, Tick};
use orchestrator::{Caller, Cx, Error, Hint, Identity, Result};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::execute::{read_quietly, to_the_end, write_quietly};
use crate::{exports, presence, tasks};

/// Time until an engine that failed tries again.
const PAUSE: Duration = Duration::from_secs(5);
/// How much longer than a piece of work without hurry the rest behind it is: others wait for the same
/// lane.
const REST: u32 = 3;

/// An engine with what wakes it.
pub struct Sleeper {
    running: Arc<Running>,
    hint: Notify,
    begun: Notify,
}

impl Sleeper {
    /// One that nobody has woken.
    pub fn new(running: &Arc<Running>) -> Arc<Self> {
        Arc::new(Self {
            running: Arc::clone(running),
            hint: Notify::new(),
            begun: Notify::new(),
        })
    }

    /// Wakes it if it waits for this.
    pub fn wake(&self, hint: &Hint) {
        let wake = &self.running.engine.wake;
        if wake.hint.as_ref() == Some(hint) {
            self.hint.notify_one();
        }
        if wake.begun.as_ref() == Some(hint) {
            self.begun.notify_one();
        }
    }
}

/// When an engine looks again.
#[derive(Clone, Copy)]
struct Due {
    /// Not before it is woken, without one.
    at: Option<Timestamp>,
    /// What begins is due no sooner than this after.
    soonest: Duration,
}

/// The server itself, as a caller of functions of the product.
pub fn system(tenant: i64) -> Arc<Caller> {
    Arc::new(Caller::new(tenant, Identity::Server, Vec::new()))
}

/// Starts them; they end with the token.
pub fn spawn(app: &Arc<App>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    let start = |sleeper: &Arc<Sleeper>| {
        let (running, stop) = (run(Arc::clone(app), Arc::clone(sleeper)), stop.clone());
        tasks::spawn("engine", async move {
            stop.run_until_cancelled(running).await;
        })
    };
    app.sleepers.iter().map(start).collect()
}

/// Runs one for ever, unless it says that it will never have anything to do.
async fn run(app: Arc<App>, sleeper: Arc<Sleeper>) {
    let engine = sleeper.running.engine;
    let mut due = Due {
        at: engine.wake.start.then(|| app.now()),
        soonest: Duration::ZERO,
    };
    loop {
        wait(&app, &sleeper, due).await;
        let (last_run, began) = (app.now(), Instant::now());
        let ticked = AssertUnwindSafe(tick(&app, engine)).catch_unwind().await;
        let panicked = matches!(ticked, Err(_) | Ok(Err(Error::Db(db::Error::Panic))));
        let ticked = ticked.unwrap_or_else(|_| Err(db::Error::Panic.into()));
        let mut figures = sleeper.running.figures.lock();
        figures.last_run = Some(last_run);
        figures.took = began.elapsed();
        figures.last_error = ticked.as_ref().err().map(ToString::to_string);
        match ticked {
            Ok(Some(next)) => {
                figures.runs += 1;
                due = next;
            }
            Ok(None) => {
                figures.runs += 1;
                figures.next = None;
                return;
            }
            Err(error) => {
                tracing::error!(%error, panicked, engine = engine.name, "an engine failed and tries again");
                figures.failures += u64::from(!panicked);
                figures.panics += u64::from(panicked);
                due.at = Some(app.now().plus(PAUSE));
            }
        }
    }
}

/// Returns when it has to look.
async fn wait(app: &App, sleeper: &Sleeper, Due { mut at, soonest }: Due) {
    loop {
        sleeper.running.figures.lock().next = at;
        // What begins now may be due before the rest, but not sooner than this.
        let by = || app.now().plus(soonest);
        tokio::select! {
            () = until(app, at) => return,
            () = sleeper.hint.notified() => return,
            () = sleeper.begun.notified(), if at.is_none_or(|at| at > by()) => {
                // While nothing began, the time of something else may have come nearer.
                at = at.into_iter().chain([by()]).min();
            }
        }
    }
}

/// Returns when that time has come; never without one.
async fn until(app: &App, at: Option<Timestamp>) {
    match at {
        Some(at) => app.until(at).await,
        None => std::future::pending().await,
    }
}

/// Looks, and does what is due; `None` when it never looks again.
async fn tick(app: &Arc<App>, engine: &'static Engine) -> Result<Option<Due>> {
    let began = Instant::now();
    let next = match &engine.tick {
        Tick::Read(look) => step(app, engine, Step::read(*look)).await?,
        Tick::Write(act) => step(app, engine, Step::write(*act)).await?,
        Tick::Edge(Edge::SilentHosts) => presence::look(app).await?,
        Tick::Edge(Edge::Export) => exports::run_next(app).await?,
        Tick::Edge(Edge::OldExports) => exports::sweep(app).await?,
    };
    follow(app, engine, next, began.elapsed()).await
}

/// Does what is next until there is nothing; the work before it took so long.
fn follow<'a>(
    app: &'a Arc<App>,
    engine: &'static Engine,
    mut next: Next,
    mut took: Duration,
) -> BoxFuture<'a, Result<Option<Due>>> {
    Box::pin(async move {
        let (at, soonest) = loop {
            let began = Instant::now();
            next = match next {
                Next::Woken => break (None, Duration::ZERO),
                Next::At(at) => break (Some(at), Duration::ZERO),
                Next::Within { at, soonest } => break (at, soonest),
                Next::Never(reason) => {
                    tracing::warn!(engine = engine.name, "{reason}");
                    return Ok(None);
                }
                Next::Work(work) => step(app, engine, work).await?,
                Next::Rest(work) => {
                    tokio::time::sleep(took * REST).await;
                    Next::Work(work)
                }
                Next::Each(all, then) => {
                    each(app, engine, all).await?;
                    *then
                }
            };
            took = began.elapsed();
        };
        Ok(Some(Due { at, soonest }))
    })
}

/// Does all of these, and gives the last failure.
async fn each(app: &Arc<App>, engine: &'static Engine, all: Vec<Step>) -> Result<()> {
    let mut result = Ok(());
    for work in all {
        let done = follow(app, engine, Next::Work(work), Duration::ZERO).await;
        if let Err(error) = done {
            tracing::warn!(%error, engine = engine.name, "a piece of work failed");
            result = Err(error);
        }
    }
    result
}

/// Does one piece of work, and follows its hints. What it leaves undone is no news for itself.
async fn step(app: &Arc<App>, engine: &'static Engine, work: Step) -> Result<Next> {
    let Step { writes, mut step } = work;
    let run = move |cx: &mut Cx<'_, '_>| step(cx);
    let (next, hints) = match writes {
        true => {
            let writer = Arc::clone(app);
            to_the_end(async move { write_quietly(&writer, system(0), run).await })
                .await
                .inspect_err(|error| app.doubt(error))?
        }
        false => read_quietly(app, system(0), run).await?,
    };
    let own = |hint: &Hint| engine.wake.hint.as_ref() == Some(hint);
    app.publish(hints.into_iter().filter(|hint| !own(hint)));
    Ok(next)
}

/// What `/metrics` says of engines: their names and figures.
#[derive(Debug)]
pub struct Figures(Vec<(&'static str, orchestrator::engine::Figures)>);

/// A figure of an engine: its name, what it is, and where it is found; none for an engine that has none.
type Figure = (
    &'static str,
    &'static str,
    fn(&orchestrator::engine::Figures) -> Option<f64>,
);

const COUNTERS: [Figure; 3] = [
    ("engine_runs", "Ticks that went well.", |f| {
        Some(f.runs as f64)
    }),
    ("engine_failures", "Ticks that failed.", |f| {
        Some(f.failures as f64)
    }),
    ("engine_panics", "Ticks that panicked.", |f| {
        Some(f.panics as f64)
    }),
];

const GAUGES: [Figure; 2] = [
    (
        "engine_last_duration_seconds",
        "How long the last tick took.",
        |f| Some(f.took.as_secs_f64()),
    ),
    (
        "engine_next_timestamp_seconds",
        "When an engine looks again, unless it is woken before; only of those that named a time.",
        |f| f.next.map(|at| at.0 as f64 / TICKS_PER_SECOND as f64),
    ),
];

impl Figures {
    /// As they stand.
    pub fn of(app: &App) -> Self {
        let all = app.server.engines.iter();
        let figures = all.map(|running| (running.engine.name, running.figures.lock().clone()));
        Self(figures.collect())
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for (name, help, pick) in COUNTERS {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (engine, figures) in &self.0 {
                if let Some(value) = pick(figures) {
                    let labels = [("engine", *engine)];
                    let mut one = family.encode_family(&labels)?;
                    one.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
                }
            }
        }
        for (name, help, pick) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (engine, figures) in &self.0 {
                if let Some(value) = pick(figures) {
                    let labels = [("engine", *engine)];
                    family.encode_family(&labels)?.encode_gauge(&value)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
