//! Items that nobody works on any more: no result came in time, or the robot's host is lost.
//!
//! In a queue with a lease such an item returns, for whoever comes next; after as many returns as the
//! queue has retries, and one, it counts as abandoned. In others it is abandoned once the tenant's
//! limit has passed. Items in progress are as many as there are robots, so they are looked through.

use db::Value;
use odata::Timestamp;

use super::Author;
use super::ending::{ATTEMPT, Attempt};
use super::engine::Batch;
use super::entities::QueueItemStatus;
use super::queue::Queue;
use super::retrying::{self, Again, Who};
use super::turn;
use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::settings;

/// Most items that one transaction gives up: others wait for it.
const AT_ONCE: i64 = 500;

/// The setting that says after how many seconds an item without a result is abandoned.
const LIMIT: &str = "Queues.AbandonedAfterSeconds";

/// Seconds after which an item without a result is abandoned, in queues without a lease.
///
/// # Errors
/// The store's.
pub(super) fn limit(tx: &mut db::Tx<'_>, tenant: i64) -> Result<i64> {
    let text = settings::of_tenant(tx, tenant, LIMIT)?;
    let wrong = || Error::Internal(format!("the setting {LIMIT} is no number"));
    text.parse().map_err(|_| wrong())
}

/// A queue got another lease, or none any more, which counts for what is in progress, too: a lease
/// begins anew, since nobody knows who gave a sign of life when.
///
/// # Errors
/// The store's.
pub(super) fn changed(cx: &mut Cx<'_, '_>, queue: &Queue) -> Result<()> {
    let leased = queue.lease_seconds.is_some();
    let seconds = match queue.lease_seconds {
        Some(seconds) => seconds,
        None => limit(cx.tx, cx.caller.tenant)?,
    };
    cx.tx.exec(
        "UPDATE queue_items
         SET lease_until = CASE WHEN $2 THEN $3 ELSE COALESCE(start_processing, $3) END + $4
         WHERE queue_definition_id = $1 AND status = 1",
        &[
            queue.id.into(),
            leased.into(),
            cx.now.into(),
            (seconds * 10_000_000).into(),
        ],
    )?;
    cx.hint(Hint::Leases);
    Ok(())
}

/// Queues in which somebody works on items.
const BUSY: &str = "queue_counts c JOIN queue_items i
    ON i.queue_definition_id = c.queue_definition_id AND i.status = 1
    WHERE c.status = 1 AND c.items > 0";

/// Gives up what is overdue, and says when to look again.
///
/// # Errors
/// The store's.
pub fn tick(cx: &mut Cx<'_, '_>) -> Result<Option<Timestamp>> {
    let sql = format!("SELECT {ATTEMPT} FROM {BUSY} AND i.lease_until <= $1 LIMIT $2");
    let overdue = attempts(cx, &sql, &[cx.now.into(), AT_ONCE.into()])?;
    if !overdue.is_empty() {
        give_up(cx, overdue)?;
        return Ok(Some(cx.now));
    }
    let next = format!("SELECT MIN(i.lease_until) FROM {BUSY}");
    let next: Option<i64> = match cx.tx.row(&next, &[])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    Ok(next.map(Timestamp))
}

/// The host of these jobs is lost: what they took from queues with a lease returns at once.
///
/// # Errors
/// The store's.
pub fn host_lost(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    let sql = format!(
        "SELECT {ATTEMPT} FROM jobs j
         JOIN queue_counts c ON c.status = 1 AND c.items > 0
         JOIN queue_definitions q ON q.id = c.queue_definition_id AND q.lease_seconds IS NOT NULL
         JOIN queue_items i ON i.queue_definition_id = c.queue_definition_id AND i.status = 1
             AND i.executor_job_key = j.key
         WHERE j.session_id = $1 AND j.state IN (0, 1, 2, 3, 8)"
    );
    let held = attempts(cx, &sql, &[session.into()])?;
    give_up(cx, held)
}

fn attempts(cx: &mut Cx<'_, '_>, sql: &str, params: &[Value]) -> Result<Vec<Attempt>> {
    let mut found = Vec::new();
    cx.tx.each::<Error>(sql, params, &mut |cells| {
        found.push(Attempt::read(cells)?);
        Ok(())
    })?;
    Ok(found)
}

fn give_up(cx: &mut Cx<'_, '_>, attempts: Vec<Attempt>) -> Result<()> {
    // Nobody did it.
    let author = Author::default();
    let mut batch = Batch::new(cx.tx, cx.now, &cx.server.keys);
    let (mut returned, mut given_up, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for attempt in attempts {
        let queue = batch.queue_of(attempt.of)?;
        if queue.lease_seconds.is_some() && attempt.returns <= queue.retries {
            let seconds = attempt.took(batch.now) / 10_000_000;
            let turn = turn::of(attempt.priority, attempt.due_date, None, batch.now);
            returned.push(vec![attempt.of.item.into(), turn.into(), seconds.into()]);
            let status = QueueItemStatus::New;
            batch
                .ledger
                .moved(attempt.of, attempt.status, status, &author);
            continue;
        }
        let retry = queue.retries_abandoned && attempt.retry_number < queue.retries;
        let status = match retry {
            true => QueueItemStatus::Retried,
            false => QueueItemStatus::Abandoned,
        };
        given_up.push(vec![
            attempt.of.item.into(),
            status.into(),
            batch.now.into(),
        ]);
        let abandoned = QueueItemStatus::Abandoned;
        batch
            .ledger
            .moved(attempt.of, attempt.status, abandoned, &author);
        if retry {
            batch.ledger.moved(attempt.of, abandoned, status, &author);
            again.push(Again::by_itself(&attempt, author.clone(), batch.now));
        }
    }
    batch.tx.exec_many(
        "UPDATE queue_items SET status = 0, turn = {2}, returns = returns + 1, lease_until = NULL,
             seconds_in_previous_attempts = seconds_in_previous_attempts + {3},
             version = version + 1
         {rows} WHERE id = {1}",
        &["BIGINT", "BIGINT", "BIGINT"],
        returned,
    )?;
    batch.tx.exec_many(
        "UPDATE queue_items SET status = {2}, end_processing = {3}, lease_until = NULL,
             version = version + 1
         {rows} WHERE id = {1}",
        &["BIGINT", "BIGINT", "BIGINT"],
        given_up,
    )?;
    let (tx, mut ledger) = (batch.tx, batch.ledger);
    retrying::add(tx, &mut ledger, cx.now, Who::Itself, again)?;
    ledger.settle(tx)
}
