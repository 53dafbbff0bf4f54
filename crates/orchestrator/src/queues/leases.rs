//! Items that nobody works on any more: no result came in time, or the robot's host is lost.
//!
//! In a queue with a lease such an item returns, for whoever comes next; after as many returns as the
//! queue has retries, and one, it counts as abandoned. In others it is abandoned once the tenant's
//! limit has passed. Items in progress are as many as there are robots, so they are looked through: in
//! a read, since others wait for a write, which then looks at what is due once more.

use std::collections::HashMap;
use std::time::Duration;

use db::Tx;
use odata::{TICKS_PER_SECOND, Timestamp};

use super::Author;
use super::ending::Attempt;
use super::engine::Batch;
use super::entities::QueueItemStatus;
use super::queue::Queue;
use super::retrying::{self, RetriedBy, Retry};
use super::turn;
use crate::cx::{Cx, Hint};
use crate::engine::{Engine, Next, Tick, Wake};
use crate::error::{Error, Result};
use crate::kinds::jobs::ACTIVE;
use crate::settings;

/// Most items that one transaction gives up: others wait for it.
const AT_ONCE: usize = 500;
/// However long leases and limits are, what was taken is looked at after this time.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// Seconds after which an item without a result is abandoned, in queues without a lease.
fn limit(tx: &mut Tx<'_>, tenant: i64) -> Result<i64> {
    let text = settings::of_tenant(tx, tenant, settings::ABANDONED_AFTER)?;
    let wrong = || Error::Internal(format!("a limit that is no number: {text}"));
    text.parse().map_err(|_| wrong())
}

/// A queue got another lease, or none any more, which counts for what is in progress, too: a lease
/// begins anew, since nobody knows who gave a sign of life when.
///
/// # Errors
/// The store's.
pub(super) fn changed(cx: &mut Cx<'_, '_>, queue: &Queue) -> Result<()> {
    let until = queue
        .lease_seconds
        .map(|lease| cx.now.0 + lease * TICKS_PER_SECOND);
    cx.tx.exec(
        "UPDATE queue_items SET lease_until = $2 WHERE queue_definition_id = $1 AND status = 1",
        &[queue.id.into(), until.into()],
    )?;
    cx.hint(Hint::Leases);
    Ok(())
}

/// Gives up what nobody works on any more. What is taken wakes it no sooner than it can be due.
pub static ENGINE: Engine = Engine {
    name: "leases",
    wake: Wake {
        start: true,
        hint: Some(Hint::Leases),
        begun: Some(Hint::Taken),
    },
    tick: Tick::Read(tick),
};

fn tick(cx: &mut Cx<'_, '_>) -> Result<Next> {
    let Look {
        due,
        next,
        shortest,
    } = look(cx.tx, cx.now)?;
    if due.is_empty() {
        return Ok(Next::Within {
            at: next,
            soonest: shortest,
        });
    }
    Ok(Next::write(move |cx| {
        give_up_due(cx, &due)?;
        Ok(Next::read(tick))
    }))
}

/// How the items in progress stand.
struct Look {
    /// What is due, no more than one transaction gives up.
    due: Vec<Due>,
    /// When something else will be.
    next: Option<Timestamp>,
    /// Nothing is due sooner than this after it was taken.
    shortest: Duration,
}

db::params! {
    /// An item that nobody works on any more.
    #[derive(Debug, Clone, Copy)]
    struct Due {
        item: i64,
        /// Whether its lease has ended, or the limit has passed since it was taken.
        leased: bool,
        /// By when that was so.
        by: i64,
    }
}

/// Looks through the items in progress, of all tenants.
fn look(tx: &mut Tx<'_>, now: Timestamp) -> Result<Look> {
    let mut limits = HashMap::new();
    for row in tx.rows("SELECT id FROM tenants", &[])? {
        let tenant: i64 = row.get(0)?;
        limits.insert(tenant, limit(tx, tenant)?);
    }
    let mut look = Look {
        due: Vec::new(),
        next: None,
        shortest: shortest(tx, &limits)?,
    };
    let busy = tx.rows(
        "SELECT q.id, q.tenant_id, q.lease_seconds,
             (SELECT MIN(CASE WHEN q.lease_seconds IS NULL THEN i.start_processing
                     ELSE i.lease_until END)
                 FROM queue_items i WHERE i.queue_definition_id = q.id AND i.status = 1) AS first
         FROM queue_counts c JOIN queue_definitions q ON q.id = c.queue_definition_id
         WHERE c.status = 1 AND c.items > 0",
        &[],
    )?;
    for row in &busy {
        let (queue, tenant): (i64, i64) = (row.get("id")?, row.get("tenant_id")?);
        let leased = row.get::<Option<i64>>("lease_seconds")?.is_some();
        let allowed = match leased {
            true => 0,
            false => limits
                .get(&tenant)
                .map_or(0, |seconds| seconds * TICKS_PER_SECOND),
        };
        match row.get::<Option<i64>>("first")? {
            Some(first) if first + allowed <= now.0 => {
                overdue(tx, queue, leased, now.0 - allowed, &mut look.due)?;
            }
            Some(first) => {
                let at = Timestamp(first + allowed);
                look.next = Some(look.next.map_or(at, |next| next.min(at)));
            }
            None => {}
        }
    }
    Ok(look)
}

/// The shortest time that an item may be anybody's, by the leases of queues and the limits of tenants.
fn shortest(tx: &mut Tx<'_>, limits: &HashMap<i64, i64>) -> Result<Duration> {
    let lease: Option<Option<i64>> =
        tx.one("SELECT MIN(lease_seconds) FROM queue_definitions", &[])?;
    let lease = lease.flatten();
    let shortest = limits.values().copied().chain(lease).min();
    let shortest = shortest.and_then(|seconds| u64::try_from(seconds).ok());
    Ok(shortest.map_or(LONGEST, |seconds| LONGEST.min(Duration::from_secs(seconds))))
}

/// Finds the items of a queue whose lease ended, or that were taken, by then.
fn overdue(tx: &mut Tx<'_>, queue: i64, leased: bool, by: i64, due: &mut Vec<Due>) -> Result<()> {
    let room = AT_ONCE.saturating_sub(due.len());
    let rows = tx.rows(
        "SELECT id FROM queue_items WHERE queue_definition_id = $1 AND status = 1
             AND CASE WHEN $2 THEN lease_until ELSE start_processing END <= $3
         ORDER BY id LIMIT $4",
        &[
            queue.into(),
            leased.into(),
            by.into(),
            i64::try_from(room).unwrap_or(i64::MAX).into(),
        ],
    )?;
    for row in &rows {
        let item = row.get(0)?;
        due.push(Due { item, leased, by });
    }
    Ok(())
}

/// Gives up what a look found, if nobody has done anything with it since.
fn give_up_due(cx: &mut Cx<'_, '_>, due: &[Due]) -> Result<()> {
    let sql = format!(
        "SELECT {} {{rows,}} queue_items i WHERE i.id = {{item}} AND i.status = 1
             AND CASE WHEN {{leased}} THEN i.lease_until ELSE i.start_processing END <= {{by}} {}",
        Attempt::SELECT,
        cx.tx.dialect().claim()
    );
    let found = cx.tx.all_many(&sql, due.to_vec())?;
    give_up(cx, found)
}

/// The host of these jobs is lost: what they took from queues with a lease returns at once.
///
/// # Errors
/// The store's.
pub(super) fn host_lost(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    let find = format!(
        "SELECT {} FROM jobs j
         JOIN queue_counts c ON c.status = 1 AND c.items > 0
         JOIN queue_definitions q ON q.id = c.queue_definition_id AND q.lease_seconds IS NOT NULL
         JOIN queue_items i ON i.queue_definition_id = c.queue_definition_id AND i.status = 1
             AND i.executor_job_key = j.key
         WHERE j.session_id = $1 AND j.state IN {ACTIVE} {}",
        Attempt::SELECT,
        cx.tx.dialect().lock("i")
    );
    let held = cx.tx.all(&find, &[session.into()])?;
    give_up(cx, held)
}

db::params! {
    /// An item that waits again.
    struct Returned {
        item: i64,
        turn: Option<i64>,
        seconds: i64,
    }
}

db::params! {
    /// An item that nobody works on any more.
    struct GivenUp {
        item: i64,
        status: QueueItemStatus,
        now: Timestamp,
    }
}

fn give_up(cx: &mut Cx<'_, '_>, attempts: Vec<Attempt>) -> Result<()> {
    // Nobody did it.
    let author = Author::default();
    let mut batch = Batch::new(cx.tx, cx.now, cx.server);
    let (mut returned, mut given_up, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for attempt in attempts {
        let queue = batch.queue_of(attempt.of)?;
        if queue.lease_seconds.is_some() && attempt.returns <= queue.retries {
            let seconds = attempt.took(batch.now) / TICKS_PER_SECOND;
            let turn = turn::of(attempt.priority, attempt.due_date, None, batch.now);
            returned.push(Returned {
                item: attempt.of.item,
                turn,
                seconds,
            });
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
        given_up.push(GivenUp {
            item: attempt.of.item,
            status,
            now: batch.now,
        });
        let abandoned = QueueItemStatus::Abandoned;
        batch
            .ledger
            .moved(attempt.of, attempt.status, abandoned, &author);
        if retry {
            batch.ledger.moved(attempt.of, abandoned, status, &author);
            again.push(Retry::by_itself(&attempt, author.clone(), batch.now));
        }
    }
    batch.tx.exec_many(
        "UPDATE queue_items SET status = 0, turn = {turn}, returns = returns + 1,
             lease_until = NULL,
             seconds_in_previous_attempts = seconds_in_previous_attempts + {seconds},
             version = version + 1
         {rows} WHERE id = {item}",
        returned,
    )?;
    batch.tx.exec_many(
        "UPDATE queue_items SET status = {status}, end_processing = {now}, lease_until = NULL,
             version = version + 1
         {rows} WHERE id = {item}",
        given_up,
    )?;
    let (tx, mut ledger) = (batch.tx, batch.ledger);
    let chance = &cx.server.chance;
    retrying::add(tx, &mut ledger, cx.now, chance, RetriedBy::Queue, again)?;
    ledger.settle(tx)
}
