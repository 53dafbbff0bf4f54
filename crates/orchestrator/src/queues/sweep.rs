//! What is removed when its time is over: items by the rules of their queue, queues that were deleted,
//! results that no report asks for any more, answers that nobody asks for again.
//!
//! A sweep is a list of [`Task`]s. Each goes through rows from the oldest on, in stretches of a few
//! hundred: [`look`] finds the next one in a read, [`remove`] removes what is due in it in a
//! transaction of its own. Numbers grow with the time at which items were added, but for a few minutes
//! ([`LATE`]), so a task ends at the first stretch that is younger than that, and what is kept is not
//! read.

use std::time::Duration;

use db::Tx;
use odata::Timestamp;

use super::entities::QueueItemStatus;
use super::items::{self, LATE};
use super::removal::AT_ONCE;
use super::retention::{RetentionAction, RetentionType};
use crate::cx::{Cx, Hint};
use crate::engine::{Engine, Next, Step, Tick, Wake};
use crate::error::Result;
use crate::idempotency;

/// Removes what is kept for a time only: what is kept is kept for days.
pub static ENGINE: Engine = Engine {
    name: "sweep",
    wake: Wake::on(Hint::Sweep),
    tick: Tick::Read(tick),
};

/// Time from one sweep to the next.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// What one task cannot do does not keep the others from it.
fn tick(cx: &mut Cx<'_, '_>) -> Result<Next> {
    let tasks = tasks(cx.tx, cx.now)?.into_iter();
    let each = tasks.map(|task| Step::read(move |cx| go_on(cx, task, i64::MIN)));
    let next = Next::At(cx.now.plus(EVERY));
    Ok(Next::Each(each.collect(), Box::new(next)))
}

/// Goes on with a task behind a row.
fn go_on(cx: &mut Cx<'_, '_>, task: Task, after: i64) -> Result<Next> {
    let Some(stretch) = look(cx.tx, task, after)? else {
        return Ok(Next::Woken);
    };
    let further = move || Step::read(move |cx| go_on(cx, task, stretch.until));
    if !stretch.due {
        return Ok(Next::Work(further()));
    }
    Ok(Next::write(move |cx| {
        remove(cx, task, stretch)?;
        Ok(Next::Rest(further()))
    }))
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The minutes of a year are kept: reports go back 365 days.
const RESULTS_KEPT: u32 = 366;
/// Whoever has no answer after a day does not ask again.
const ANSWERS_KEPT: u32 = 1;

/// Rows of one kind that may be due.
#[derive(Debug, Clone, Copy)]
pub enum Task {
    /// Items of a queue in a status, from before this time.
    Items {
        /// The queue.
        queue: i64,
        /// The status.
        status: QueueItemStatus,
        /// What is older is due.
        before: Timestamp,
    },
    /// What a queue processed in the minutes before this time.
    Results {
        /// The queue.
        queue: i64,
        /// What is older is due.
        before: Timestamp,
    },
    /// Answers to requests with an `Idempotency-Key` from before this time.
    Answers {
        /// What is older is due.
        before: Timestamp,
    },
    /// The items of a queue that was deleted.
    ItemsOfDeleted {
        /// The queue.
        queue: i64,
    },
    /// A queue that was deleted, when nothing else is left of it.
    Deleted {
        /// The queue.
        queue: i64,
    },
}

/// Rows of a task, up to one of them.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Behind this row it begins.
    pub after: i64,
    /// The last row of it.
    pub until: i64,
    /// Whether any of it is due.
    pub due: bool,
}

/// What there may be to do at this time, in all tenants.
///
/// # Errors
/// The store's.
pub fn tasks(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Task>> {
    let mut tasks = Vec::new();
    let deleted = "SELECT id FROM queue_definitions WHERE deletion_time IS NOT NULL ORDER BY id";
    for row in tx.rows(deleted, &[])? {
        let queue = row.get(0)?;
        let before = Timestamp(i64::MAX);
        tasks.push(Task::ItemsOfDeleted { queue });
        tasks.push(Task::Results { queue, before });
        tasks.push(Task::Deleted { queue });
    }
    let rules = tx.rows(
        "SELECT r.queue_definition_id, c.status, r.period FROM queue_retention r
         JOIN queue_definitions q ON q.id = r.queue_definition_id AND q.deletion_time IS NULL
         JOIN queue_counts c ON c.queue_definition_id = r.queue_definition_id AND c.items > 0
             AND (c.status IN ($1, $2)) = (r.type = $3)
         WHERE r.action = $4 ORDER BY r.queue_definition_id, c.status",
        &[
            QueueItemStatus::New.into(),
            QueueItemStatus::InProgress.into(),
            RetentionType::Stale.into(),
            RetentionAction::Delete.into(),
        ],
    )?;
    for row in &rules {
        if let Some(status) = QueueItemStatus::from_i64(row.get("status")?) {
            tasks.push(Task::Items {
                queue: row.get("queue_definition_id")?,
                status,
                before: days_before(
                    now,
                    row.get::<i64>("period")?.try_into().unwrap_or(u32::MAX),
                ),
            });
        }
    }
    let before = days_before(now, RESULTS_KEPT);
    let counted: Vec<i64> = tx.all(
        "SELECT q.id FROM queue_definitions q WHERE q.deletion_time IS NULL
         AND EXISTS (SELECT 1 FROM queue_results r
             WHERE r.queue_definition_id = q.id AND r.period = 1 AND r.begins < $1)
         ORDER BY q.id",
        &[before.into()],
    )?;
    for queue in counted {
        tasks.push(Task::Results { queue, before });
    }
    let before = days_before(now, ANSWERS_KEPT);
    tasks.push(Task::Answers { before });
    Ok(tasks)
}

fn days_before(now: Timestamp, days: u32) -> Timestamp {
    now.minus(DAY.saturating_mul(days))
}

impl Task {
    /// When an item has the age that its rule is about: it ended, or was added.
    fn age(status: QueueItemStatus) -> &'static str {
        match status {
            QueueItemStatus::New | QueueItemStatus::InProgress => "creation_time",
            _ => "COALESCE(end_processing, creation_time)",
        }
    }
}

/// The next stretch of a task behind a row; `None` at its end.
///
/// # Errors
/// The store's.
pub fn look(tx: &mut Tx<'_>, task: Task, after: i64) -> Result<Option<Stretch>> {
    let (sql, params) = match task {
        Task::Items {
            queue,
            status,
            before,
        } => (
            format!(
                "SELECT MAX(i.id) AS until, COUNT(CASE WHEN i.age < $4 THEN 1 END) AS due
                 FROM (SELECT id, creation_time, {} AS age FROM queue_items
                     WHERE queue_definition_id = $1 AND status = $2 AND id > $3
                     ORDER BY id LIMIT {AT_ONCE}) i WHERE i.creation_time < $5",
                Task::age(status)
            ),
            vec![
                queue.into(),
                status.into(),
                after.into(),
                before.into(),
                before.plus(LATE).into(),
            ],
        ),
        Task::Results { queue, before } => (
            format!(
                "SELECT MAX(r.begins) AS until, COUNT(*) AS due FROM (SELECT begins
                     FROM queue_results WHERE queue_definition_id = $1 AND period = 1 AND begins > $2 AND begins < $3
                     ORDER BY begins LIMIT {AT_ONCE}) r"
            ),
            vec![queue.into(), after.into(), before.into()],
        ),
        Task::Answers { before } => (
            format!(
                "SELECT MAX(a.creation_time) AS until, COUNT(*) AS due FROM (SELECT creation_time
                     FROM idempotency_keys WHERE creation_time > $1 AND creation_time < $2
                     ORDER BY creation_time LIMIT {AT_ONCE}) a"
            ),
            vec![after.into(), before.into()],
        ),
        Task::ItemsOfDeleted { queue } => (
            format!(
                "SELECT MAX(i.id) AS until, COUNT(*) AS due FROM (SELECT id
                     FROM queue_items WHERE queue_definition_id = $1 AND id > $2 ORDER BY id LIMIT {AT_ONCE}) i"
            ),
            vec![queue.into(), after.into()],
        ),
        Task::Deleted { queue } => (
            // Whatever kept the tasks before it from their end, it removes no more than a row.
            "SELECT MAX(q.id) AS until, COUNT(*) AS due FROM queue_definitions q
                 WHERE q.id = $1 AND q.id > $2
                 AND NOT EXISTS (SELECT 1 FROM queue_items i WHERE i.queue_definition_id = q.id)
                 AND NOT EXISTS (SELECT 1 FROM queue_results r
                     WHERE r.queue_definition_id = q.id AND r.period = 1)"
                .into(),
            vec![queue.into(), after.into()],
        ),
    };
    let Some(row) = tx.row(&sql, &params)? else {
        return Ok(None);
    };
    let due = row.get::<i64>("due")? > 0;
    let until: Option<i64> = row.get("until")?;
    Ok(until.map(|until| Stretch { after, until, due }))
}

/// Removes what is due in a stretch.
///
/// # Errors
/// The store's.
pub fn remove(cx: &mut Cx<'_, '_>, task: Task, stretch: Stretch) -> Result<()> {
    let (after, until) = (stretch.after.into(), stretch.until.into());
    match task {
        Task::Items {
            queue,
            status,
            before,
        } => {
            let due = format!(
                "queue_definition_id = $1 AND status = $2 AND id > $3 AND id <= $4 AND {} < $5",
                Task::age(status)
            );
            let params = [queue.into(), status.into(), after, until, before.into()];
            let removed = items::remove(cx.tx, &due, &params)?;
            cx.tx.exec(
                "UPDATE queue_counts SET items = items - $3
                 WHERE queue_definition_id = $1 AND status = $2",
                &[queue.into(), status.into(), removed.into()],
            )?
        }
        Task::Results { queue, .. } => cx.tx.exec(
            "DELETE FROM queue_results WHERE queue_definition_id = $1 AND period = 1
             AND begins > $2 AND begins <= $3",
            &[queue.into(), after, until],
        )?,
        Task::Answers { .. } => idempotency::forget(cx.tx, after, until)?,
        Task::ItemsOfDeleted { queue } => {
            let all = "queue_definition_id = $1 AND id > $2 AND id <= $3";
            items::remove(cx.tx, all, &[queue.into(), after, until])?;
            return Ok(());
        }
        Task::Deleted { queue } => cx.tx.exec(
            "DELETE FROM queue_definitions WHERE id = $1 AND deletion_time IS NOT NULL",
            &[queue.into()],
        )?,
    };
    Ok(())
}
