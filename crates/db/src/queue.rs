//! The bounded queue between callers and lanes, and how an answer finds its way back.
//!
//! It is bounded so that a database that cannot keep up says so at once, instead of letting callers
//! wait longer and longer for answers they no longer want.

use crate::{Error, Result, Tx};
use parking_lot::{Condvar, Mutex};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;
use tokio::sync::oneshot;

/// Closures that may wait for a free lane; more are refused at once.
const LIMIT: usize = 4096;

/// A closure with the place its answer goes to, without their types.
pub(crate) trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Whether it must not share its transaction.
    fn alone(&self) -> bool;
    /// When it was queued.
    fn queued(&self) -> Instant;
    /// Runs the closure once and keeps its result; a second time replaces the first.
    fn run(&mut self, tx: &mut Tx<'_>) -> Ran;
    /// Answers with the kept result, or with what became of the transaction.
    fn answer(self: Box<Self>, verdict: Result<()>);
}

/// How a closure ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    Well,
    Badly,
    Panicking,
}

/// The one implementation of [`Job`].
struct Task<F, T, E> {
    run: F,
    alone: bool,
    queued: Instant,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn alone(&self) -> bool {
        self.alone
    }

    fn queued(&self) -> Instant {
        self.queued
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Ran {
        let (result, ran) = match catch_unwind(AssertUnwindSafe(|| (self.run)(tx))) {
            Ok(result) => {
                let result = tx.verdict(result);
                let ran = if result.is_ok() {
                    Ran::Well
                } else {
                    Ran::Badly
                };
                (result, ran)
            }
            Err(payload) => {
                tracing::error!(message = message(&*payload), "a database closure panicked");
                (tx.verdict(Err(Error::Panic.into())), Ran::Panicking)
            }
        };
        self.result = Some(result);
        ran
    }

    fn answer(self: Box<Self>, verdict: Result<()>) {
        let result = match (verdict, self.result) {
            (Ok(()), Some(result)) => result,
            (Err(error), _) => Err(error.into()),
            // It was skipped, so nobody listens either.
            (Ok(()), None) => return,
        };
        // A caller that has gone away needs no answer.
        let _ = self.reply.send(result);
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        return text;
    }
    payload
        .downcast_ref::<String>()
        .map_or("(no message)", String::as_str)
}

/// Closures waiting for one of the lanes that share this queue.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    lanes: usize,
}

struct Waiting {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(lanes: usize) -> Arc<Self> {
        let waiting = Mutex::new(Waiting {
            jobs: VecDeque::new(),
            closed: false,
        });
        Arc::new(Self {
            waiting,
            changed: Condvar::new(),
            lanes,
        })
    }

    /// Queues a closure and returns where its answer will arrive.
    pub(crate) fn push<T, E, F>(&self, run: F, alone: bool) -> Result<Answer<T, E>>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let task = Task {
            run,
            alone,
            queued: Instant::now(),
            result: None,
            reply,
        };
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Err(closed());
        }
        if waiting.jobs.len() >= LIMIT {
            return Err(Error::Overloaded);
        }
        waiting.jobs.push_back(Box::new(task));
        drop(waiting);
        self.changed.notify_one();
        Ok(answer)
    }

    /// Waits for closures and takes a fair share of them, `most` at the most; `None` when the queue
    /// is closed and empty.
    pub(crate) fn take(&self, most: usize) -> Option<Vec<Box<dyn Job>>> {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            self.changed.wait(&mut waiting);
        }
        let jobs = &mut waiting.jobs;
        let share = jobs.len().div_ceil(self.lanes).min(most);
        let together = jobs
            .iter()
            .take(share)
            .take_while(|job| !job.alone())
            .count();
        let batch = jobs.drain(..together.max(1)).collect();
        Some(batch)
    }

    /// Puts a batch back where it was taken from, for another lane.
    pub(crate) fn give_back(&self, batch: Vec<Box<dyn Job>>) {
        let mut waiting = self.waiting.lock();
        for job in batch.into_iter().rev() {
            waiting.jobs.push_front(job);
        }
        drop(waiting);
        self.changed.notify_one();
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().jobs.len()
    }

    /// Accepts nothing more; the lanes end when what was accepted is done.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.changed.notify_all();
    }
}

/// What a caller is told whose database has been closed.
pub(crate) fn closed() -> Error {
    Error::Unavailable("it has been closed".into())
}

/// Where the result of a queued closure arrives.
pub(crate) type Answer<T, E> = oneshot::Receiver<Result<T, E>>;

/// What arrived, or why nothing can arrive any more.
pub(crate) fn received<T, E: From<Error>>(
    answer: Result<Result<T, E>, oneshot::error::RecvError>,
) -> Result<T, E> {
    answer.unwrap_or_else(|_| Err(closed().into()))
}

/// Waits without a runtime. Unlike the runtime's own blocking receive it may be called in async
/// code too, where it blocks the thread but, as the lanes are threads of their own, not for ever.
pub(crate) fn wait<T, E>(answer: Answer<T, E>) -> Result<Result<T, E>, oneshot::error::RecvError> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    // Unconstrained, because within a task of the runtime the answer would one day be held back
    // until the task yields, which it cannot while it waits here.
    let mut answer = std::pin::pin!(tokio::task::unconstrained(answer));
    loop {
        match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => thread::park(),
        }
    }
}
