//! Lanes: threads that own a connection each and run closures from a queue.
//!
//! A writing lane takes whatever closures are waiting and runs them in *one* transaction, each in a
//! savepoint, and answers all of them after the one COMMIT. The next closures queue up while that
//! COMMIT waits for the disk, so batches grow with the load by themselves: there is no timer, and a
//! lone client waits for nobody. It is what makes a durable COMMIT cheap.
//!
//! A lane never dies: panics of closures are caught, lost connections are replaced.

use crate::queue::{Job, Queue, Ran, closed};
use crate::stats::{Counters, add, count, time};
use crate::tx::{BatchFailure, Session, Tx, Unconnected};
use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often a closure is run again after losing against competing transactions.
const RETRIES: u32 = 8;

/// A closure of a writer that takes longer is reported: everybody else waits for it.
const SLOW_WRITE: Duration = Duration::from_millis(50);

/// The same for a reader, which only holds up its own lane.
const SLOW_READ: Duration = Duration::from_secs(1);

/// What a lane is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// One thread's worth of work.
pub(crate) struct Lane {
    pub(crate) session: Box<dyn Session>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) role: Role,
    /// How many closures may share a transaction.
    pub(crate) batch: usize,
}

impl Lane {
    /// The life of the thread. `opened` is told whether the first connection succeeded; without it,
    /// the connection is opened for the first closure.
    pub(crate) fn run(mut self, opened: Option<mpsc::SyncSender<Result<()>>>) {
        if let Some(opened) = opened {
            let result = match self.session.connect() {
                Ok(()) => Ok(()),
                Err(Unconnected::Fail(error)) => Err(error),
                Err(Unconnected::Wait(_)) => Err(closed()),
            };
            let failed = result.is_err();
            // Whoever opens the database waits for this.
            let _ = opened.send(result);
            if failed {
                return;
            }
        }
        while let Some(batch) = self.queue.take(self.batch) {
            match self.session.connect() {
                Ok(()) => {
                    self.guarded(batch);
                    self.session.tend();
                }
                Err(Unconnected::Fail(error)) => refuse(batch, &error),
                Err(Unconnected::Wait(pause)) => {
                    self.queue.give_back(batch);
                    std::thread::sleep(pause);
                }
            }
        }
        self.session.close();
    }

    /// Closures are guarded one by one; this is for what remains of user code, such as a destructor
    /// of a result nobody waits for.
    fn guarded(&mut self, batch: Vec<Box<dyn Job>>) {
        if catch_unwind(AssertUnwindSafe(|| self.work(batch))).is_err() {
            tracing::error!("a database lane panicked");
            self.session.rollback();
        }
    }

    fn work(&mut self, mut batch: Vec<Box<dyn Job>>) {
        for job in &batch {
            let waited = job.queued().elapsed();
            time(
                &self.counters.wait_us,
                &self.counters.longest_wait_us,
                waited,
            );
        }
        batch.retain(|job| !self.skipped(&**job));
        if batch.len() > 1 {
            match self.transaction(&mut batch) {
                Ok(()) => return batch.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(BatchFailure::Broken(error)) => return refuse(batch, &error),
                Err(BatchFailure::Conflict(_) | BatchFailure::Refused(_)) => {
                    count(&self.counters.reruns)
                }
            }
        }
        for job in batch {
            self.alone(job);
        }
    }

    fn skipped(&self, job: &dyn Job) -> bool {
        let abandoned = job.abandoned();
        if abandoned {
            count(&self.counters.abandoned);
        }
        abandoned
    }

    /// Runs one closure in a transaction of its own, and again if it loses against others.
    fn alone(&mut self, mut job: Box<dyn Job>) {
        for attempt in 1.. {
            if let Err(Unconnected::Fail(error)) = self.session.connect() {
                return job.answer(Err(error));
            }
            let verdict = match self.transaction(std::slice::from_mut(&mut job)) {
                Err(BatchFailure::Conflict(_)) if attempt <= RETRIES => {
                    count(&self.counters.reruns);
                    // Long enough for the winner to commit; longer the more there seem to be.
                    std::thread::sleep(Duration::from_millis(2 << attempt.min(6)));
                    continue;
                }
                Err(
                    BatchFailure::Conflict(error)
                    | BatchFailure::Refused(error)
                    | BatchFailure::Broken(error),
                ) => Err(error),
                Ok(()) => Ok(()),
            };
            return job.answer(verdict);
        }
    }

    /// Runs closures in one transaction. `Ok` when each has its own result, and the work of those
    /// that ended well is committed; otherwise nothing has happened.
    fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), BatchFailure> {
        if self.role == Role::Writer {
            count(&self.counters.batches);
        }
        let result = self.attempt(jobs);
        if result.is_err() {
            self.session.rollback();
        }
        result
    }

    fn attempt(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), BatchFailure> {
        self.session.begin()?;
        if let [job] = jobs {
            // Alone, the transaction itself is what is rolled back.
            return match self.closure(&mut **job, true)? {
                Ran::Well => self.commit(),
                Ran::Badly | Ran::Panicking => {
                    self.session.rollback();
                    Ok(())
                }
            };
        }
        let mut mark = "SAVEPOINT closure";
        for job in jobs {
            self.script(mark)?;
            mark = match self.closure(&mut **job, false)? {
                Ran::Well => "RELEASE SAVEPOINT closure; SAVEPOINT closure",
                Ran::Badly | Ran::Panicking => "ROLLBACK TO SAVEPOINT closure",
            };
        }
        if mark.starts_with("ROLLBACK") {
            self.script(mark)?;
        }
        self.commit()
    }

    /// Runs one closure once, the `last` before the end of the transaction or not; `Err` when it took
    /// the whole transaction down with it.
    fn closure(&mut self, job: &mut dyn Job, last: bool) -> Result<Ran, BatchFailure> {
        let started = Instant::now();
        let mut tx = Tx::new(&mut *self.session, last);
        let ran = job.run(&mut tx);
        let statements = tx.statements();
        let took = started.elapsed();

        let counters = &*self.counters;
        counters.statements.fetch_add(statements, Relaxed);
        let (runs, sum, longest, slow) = match self.role {
            Role::Reader => (
                &counters.reads,
                &counters.read_us,
                &counters.longest_read_us,
                SLOW_READ,
            ),
            Role::Writer => (
                &counters.writes,
                &counters.write_us,
                &counters.longest_write_us,
                SLOW_WRITE,
            ),
        };
        count(runs);
        time(sum, longest, took);
        if took > slow && !job.alone() {
            let thread = std::thread::current();
            let lane = thread.name();
            tracing::warn!(lane, statements, ?took, "a slow database closure");
        }
        if ran != Ran::Well {
            count(&counters.failures);
        }
        if ran == Ran::Panicking {
            count(&counters.panics);
        }
        self.session.mishap().map_or(Ok(ran), Err)
    }

    fn commit(&mut self) -> Result<(), BatchFailure> {
        let started = Instant::now();
        let result = self.session.commit();
        if self.role == Role::Writer {
            add(&self.counters.commit_us, started.elapsed());
        }
        result
    }

    fn script(&mut self, sql: &str) -> Result<(), BatchFailure> {
        let result = self.session.script(sql);
        result.map_err(|error| self.session.mishap().unwrap_or(BatchFailure::Broken(error)))
    }
}

fn refuse(batch: Vec<Box<dyn Job>>, error: &Error) {
    for job in batch {
        job.answer(Err(error.clone()));
    }
}
