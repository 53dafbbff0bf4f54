//! Calls that are done together: what callers want of queues while the store is busy becomes one
//! piece of work for it, see `orchestrator::queues::engine`.
//!
//! Whoever finds nobody waiting for the store asks it to come; when it does, it takes all calls that
//! wait then. So calls share statements as the load grows, and a lone one waits for nobody.

use std::collections::BTreeSet;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;

use db::Tx;
use futures_util::future::join_all;
use orchestrator::op;
use orchestrator::queues::engine::{self, QueueCall, Request};
use orchestrator::{Error, Hint, Reply, Result};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::app::App;
use crate::execute::Call;
use crate::grants::Learnt;
use crate::tasks;

/// Most calls that are done together: others wait for the store meanwhile.
const MOST: usize = 128;
/// Most calls that wait; more are refused.
const LIMIT: usize = 4096;

/// A call with the place its answer goes to.
struct Waiting {
    call: Call,
    work: Arc<QueueCall>,
    answer: oneshot::Sender<Result<Reply>>,
}

/// The calls that wait.
#[derive(Default)]
struct Line {
    waiting: Vec<Waiting>,
    /// Whether the store was asked to come and has not come yet.
    asked: bool,
}

/// Calls that are to be done together.
#[derive(Default)]
pub struct Batching(Arc<Mutex<Line>>);

/// Does what a call wants, and answers after the commit. Once it has begun it runs to its end, whether
/// or not the caller still listens.
///
/// # Errors
/// The refusal, or the store's.
pub async fn execute(app: &Arc<App>, work: op::BatchItem, call: Call) -> Result<Reply> {
    let work = engine::unpacked(work)?;
    let (answer, answered) = oneshot::channel();
    let asks = {
        let mut line = app.batching.0.lock();
        if line.waiting.len() >= LIMIT {
            return Err(db::Error::Overloaded.into());
        }
        line.waiting.push(Waiting { call, work, answer });
        !mem::replace(&mut line.asked, true)
    };
    if asks {
        tasks::spawn("together", serve(Arc::clone(app)));
    }
    answered.await.unwrap_or_else(|_| lost())
}

/// Has the store do what waits.
async fn serve(app: Arc<App>) {
    let line = Arc::clone(&app.batching.0);
    let taken: Arc<Mutex<Vec<Waiting>>> = Arc::default();
    let (mine, more) = (Arc::clone(&taken), Arc::clone(&app));
    let runtime = tokio::runtime::Handle::current();
    let done = app
        .db
        .write(move |tx| {
            let mut calls = mine.lock();
            // A second run does the same calls again.
            if calls.is_empty() {
                let mut line = line.lock();
                line.waiting.retain(|call| !call.answer.is_closed());
                let count = line.waiting.len().min(MOST);
                *calls = line.waiting.drain(..count).collect();
                line.asked = !line.waiting.is_empty();
                if line.asked {
                    let _entered = runtime.enter();
                    tasks::spawn("together", again(Arc::clone(&more)));
                }
            }
            run(tx, &calls, &more)
        })
        .await;
    let calls = mem::take(&mut *taken.lock());
    match done {
        Ok(done) => {
            for (call, answer) in calls.into_iter().zip(done.committed(&app)) {
                // Who has hung up needs no answer.
                let _ = call.answer.send(answer);
            }
        }
        Err(Error::Db(error)) if calls.is_empty() => never_came(&app, &error),
        // Nobody knows whether it was committed: what was done must not be done again.
        Err(Error::Db(error @ db::Error::Unavailable(_))) => {
            for call in calls {
                let _ = call.answer.send(Err(error.clone().into()));
            }
        }
        Err(_) => one_by_one(&app, calls).await,
    }
}

/// [`serve`] where it calls itself, which only a future of known type can.
fn again(app: Arc<App>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve(app))
}

/// The store refused to come: those who wait are told why.
fn never_came(app: &App, error: &db::Error) {
    let mut line = app.batching.0.lock();
    line.asked = false;
    for call in line.waiting.drain(..) {
        let _ = call.answer.send(Err(error.clone().into()));
    }
}

/// One of them made a statement fail, so nothing was committed: each is done by itself. They still
/// share a commit, so that one caller's mistakes do not make the others wait for the disk.
async fn one_by_one(app: &Arc<App>, calls: Vec<Waiting>) {
    join_all(calls.into_iter().map(|waiting| alone(app, waiting))).await;
}

async fn alone(app: &Arc<App>, Waiting { call, work, answer }: Waiting) {
    let inside = Arc::clone(app);
    let done = app
        .db
        .write(move |tx| {
            let mut done = run_all(tx, &[(&call, &work)], &inside)?;
            let reply = done.answers.pop().unwrap_or_else(lost)?;
            Ok((reply, done))
        })
        .await;
    let _ = answer.send(done.map(|(reply, done)| {
        done.committed(app);
        reply
    }));
}

fn lost() -> Result<Reply> {
    Err(Error::Internal("a call was lost".into()))
}

/// What became of calls in a transaction that is not committed yet.
struct Done {
    answers: Vec<Result<Reply>>,
    hints: BTreeSet<Hint>,
    learnt: Learnt,
}

impl Done {
    /// The answers, once the transaction is committed.
    fn committed(self, app: &App) -> Vec<Result<Reply>> {
        app.grants.keep(self.learnt);
        app.publish(self.hints);
        self.answers
    }
}

fn run(tx: &mut Tx<'_>, calls: &[Waiting], app: &App) -> Result<Done> {
    let calls: Vec<(&Call, &QueueCall)> = calls.iter().map(|w| (&w.call, &*w.work)).collect();
    run_all(tx, &calls, app)
}

fn run_all(tx: &mut Tx<'_>, calls: &[(&Call, &QueueCall)], app: &App) -> Result<Done> {
    let mut learnt = Learnt::new(app.callers.epoch());
    let mut checked = Vec::with_capacity(calls.len());
    for (call, _) in calls {
        match app.grants.of(tx, call, &mut learnt) {
            Err(error @ Error::Db(_)) => return Err(error),
            grant => checked.push(grant),
        }
    }
    let mut asks = Vec::with_capacity(calls.len());
    for ((call, work), grant) in calls.iter().zip(&checked) {
        if let Ok(grant) = grant
            && let Some(folder) = &grant.folder
        {
            asks.push(Request {
                caller: &call.caller,
                folder,
                base: &call.base,
                metadata: call.metadata,
                work,
            });
        }
    }
    let (answers, hints) = engine::run(tx, app.now(), &app.server, &asks)?;
    let mut answers = answers.into_iter();
    let answers = checked.into_iter().map(|grant| match grant {
        Ok(grant) if grant.folder.is_some() => answers.next().unwrap_or_else(lost),
        Ok(_) => lost(),
        Err(error) => Err(error),
    });
    Ok(Done {
        answers: answers.collect(),
        hints,
        learnt,
    })
}
