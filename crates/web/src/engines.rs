//! What happens without a request: hosts that fall silent, jobs that reach a deadline or became
//! startable, items of queues that nobody works on any more, what is kept for a time only, exports
//! that were asked for, what searches look into. Each engine sleeps until a hint or until the time it
//! named itself; when nothing is due it writes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::odata::Timestamp;
use orchestrator::jobs::{deadlines, dispatch, hosts};
use orchestrator::queues::sweep::{self, Task};
use orchestrator::queues::{leases, search};
use orchestrator::{Caller, Hint, Identity, Result};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::execute::{write, write_quietly};
use crate::{exports, tasks};

/// The server itself, as a caller of domain functions in a tenant.
fn system(tenant: i64) -> Arc<Caller> {
    Arc::new(Caller::new(tenant, Identity::Server, Vec::new()))
}

/// Starts them; they end with the token.
pub fn spawn(app: &Arc<App>, stop: &CancellationToken) -> Vec<JoinHandle<()>> {
    vec![
        start(app, stop, watchdog),
        start(app, stop, dispatcher),
        start(app, stop, leases),
        start(app, stop, sweeper),
        start(app, stop, exporter),
        start(app, stop, indexer),
    ]
}

fn start<F>(app: &Arc<App>, stop: &CancellationToken, engine: fn(Arc<App>) -> F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let (running, stop) = (engine(Arc::clone(app)), stop.clone());
    tasks::spawn("engine", async move {
        stop.run_until_cancelled(running).await;
    })
}

/// Lost hosts and deadlines of jobs.
async fn watchdog(app: Arc<App>) {
    // The first look finds deadlines that passed while the server was down.
    let mut deadline = Some(app.now());
    loop {
        let now = app.now();
        if deadline.is_some_and(|d| d <= now) {
            deadline = match write(&app, system(0), deadlines::tick).await {
                Ok(next) => next,
                Err(error) => retry(&app, "deadlines", &error),
            };
        }
        if let Err(error) = mark_lost(&app, now).await {
            deadline = retry(&app, "presence", &error);
        }
        let next = [deadline, app.presence.next_deadline()]
            .into_iter()
            .flatten()
            .min();
        let hinted = app.watch.notified();
        match next {
            Some(at) => {
                tokio::select! {
                    () = app.until(at) => {}
                    () = hinted => deadline = Some(app.now()),
                }
            }
            None => {
                hinted.await;
                deadline = Some(app.now());
            }
        }
    }
}

fn retry(app: &App, engine: &str, error: &orchestrator::Error) -> Option<Timestamp> {
    tracing::error!(%error, engine, "an engine failed and tries again in 5 s");
    Some(app.now().plus(Duration::from_secs(5)))
}

/// Tells the table which sessions were not heard of for too long.
///
/// # Errors
/// The store's, the last of them; those sessions get another term.
pub async fn mark_lost(app: &Arc<App>, now: Timestamp) -> Result<()> {
    let mut result = Ok(());
    for (session, last_seen) in app.presence.take_lost(now) {
        if let Err(error) = lose(app, session, last_seen).await {
            app.presence.not_lost(session, now);
            result = Err(error);
        }
    }
    result
}

async fn lose(app: &Arc<App>, session: i64, last_seen: Timestamp) -> Result<()> {
    let tenant = app
        .db
        .read(move |tx| orchestrator::sessions::tenant_of(tx, session))
        .await?;
    tracing::warn!(session, "a host is silent: it counts as unresponsive");
    write(app, system(tenant), move |cx| {
        hosts::lost(cx, session, last_seen)
    })
    .await
}

/// Items of queues that nobody works on any more.
async fn leases(app: Arc<App>) {
    // The first look finds what was overdue while the server was down.
    let (mut next, mut shortest) = (Some(app.now()), Duration::ZERO);
    loop {
        // What is taken now may be due before the rest, but not sooner than this.
        let soonest = || app.now().plus(shortest);
        tokio::select! {
            () = until(&app, next) => {}
            () = app.leases.notified() => {}
            () = app.taken.notified(), if next.is_none_or(|at| at > soonest()) => {
                // While nobody took anything, the time of something else may have come nearer.
                next = next.into_iter().chain([soonest()]).min();
                continue;
            }
        }
        match give_up(&app).await {
            Ok(looked) => (next, shortest) = looked,
            Err(error) => next = retry(&app, "leases", &error),
        }
    }
}

/// Gives up what is due; when something else will be, and how soon after it was taken anything can be.
async fn give_up(app: &Arc<App>) -> Result<(Option<Timestamp>, Duration)> {
    loop {
        let now = app.now();
        let look = app.db.read(move |tx| leases::look(tx, now));
        let leases::Look {
            due,
            next,
            shortest,
        } = look.await?;
        if due.is_empty() {
            return Ok((next, shortest));
        }
        write(app, system(0), move |cx| leases::give_up_due(cx, &due)).await?;
    }
}

/// Returns when that time has come; never without one.
async fn until(app: &App, at: Option<Timestamp>) {
    match at {
        Some(at) => app.until(at).await,
        None => std::future::pending().await,
    }
}

/// Waiting jobs after changes that are not the jobs' own: folders, machines, accounts.
async fn dispatcher(app: Arc<App>) {
    // Once at the start: a hint may have been lost with the process before.
    app.dispatch.notify_one();
    loop {
        app.dispatch.notified().await;
        let tenants = Arc::clone(&app.tenants.read());
        for tenant in tenants.iter() {
            match write_quietly(&app, system(tenant.id), dispatch::all).await {
                // What still waits after this look waits for another reason.
                Ok(((), hints)) => app.publish(hints.into_iter().filter(|h| *h != Hint::Dispatch)),
                Err(error) => {
                    tracing::error!(%error, tenant = tenant.id, "dispatch failed and is tried again");
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    app.dispatch.notify_one();
                }
            }
        }
    }
}

/// Exports that were asked for, one after the other.
async fn exporter(app: Arc<App>) {
    loop {
        // The first look finds those that the process before left.
        match exports::run_next(&app).await {
            Ok(true) => {}
            Ok(false) => app.exports.notified().await,
            Err(error) => {
                tracing::error!(%error, "an export broke off and is begun again in 5 s");
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        }
    }
}

/// Time from one sweep to the next: what is kept is kept for days.
const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How much longer than a piece of work without hurry the pause behind it is: others wait for the
/// same lane.
const REST: u32 = 3;

/// What is kept for a time only.
async fn sweeper(app: Arc<App>) {
    loop {
        let pause = match sweep_all(&app).await {
            Ok(()) => SWEEP_EVERY,
            Err(error) => {
                tracing::error!(%error, "a sweep failed and is tried again");
                Duration::from_secs(5)
            }
        };
        // An end of the time and a hint mean the same.
        tokio::select! {
            () = app.until(app.now().plus(pause)) => {}
            () = app.sweep.notified() => {}
        }
    }
}

async fn sweep_all(app: &Arc<App>) -> Result<()> {
    let now = app.now();
    let tasks = app.db.read(move |tx| sweep::tasks(tx, now)).await?;
    let mut result = Ok(());
    for task in tasks {
        // What one task cannot do does not keep the others from it.
        if let Err(error) = sweep_one(app, task).await {
            result = Err(error);
        }
    }
    exports::sweep(app).await.and(result)
}

async fn sweep_one(app: &Arc<App>, task: Task) -> Result<()> {
    let mut after = i64::MIN;
    while let Some(stretch) = app.db.read(move |tx| sweep::look(tx, task, after)).await? {
        if stretch.due {
            let began = Instant::now();
            write(app, system(0), move |cx| sweep::remove(cx, task, stretch)).await?;
            tokio::time::sleep(began.elapsed() * REST).await;
        }
        after = stretch.until;
    }
    Ok(())
}

/// What searches in items of queues look into. Only a search that would have been glad of it wakes
/// this engine, and it does no more than what was there by then.
async fn indexer(app: Arc<App>) {
    loop {
        app.search.notified().await;
        match index_all(&app).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(
                    "searches in queue items read all of them: PostgreSQL's extension pg_trgm is \
                     needed for an index. Install it and start this server again"
                );
                return;
            }
            Err(error) => {
                tracing::error!(%error, "indexing failed and is tried again");
                tokio::time::sleep(Duration::from_secs(5)).await;
                app.search.notify_one();
            }
        }
    }
}

/// Whether this database can have an index.
async fn index_all(app: &Arc<App>) -> Result<bool> {
    let Some(goal) = write(app, system(0), search::begin).await? else {
        return Ok(false);
    };
    loop {
        let began = Instant::now();
        if !write(app, system(0), move |cx| search::index(cx, goal)).await? {
            return Ok(true);
        }
        tokio::time::sleep(began.elapsed() * REST).await;
    }
}
