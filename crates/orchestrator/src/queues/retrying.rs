//! Trying again: the item is Retried, and a copy of it with the same key, reference and content waits.

use std::collections::HashMap;

use db::Tx;
use odata::{Guid, Timestamp};

use super::Author;
use super::ending::Attempt;
use super::entities::QueueItemPriority;
use super::ledger::{Ledger, Of};
use super::turn;
use crate::error::{Error, Result};

/// An item that has been marked as Retried and gets its copy.
pub(super) struct Again {
    pub of: Of,
    pub priority: QueueItemPriority,
    pub defer_date: Option<Timestamp>,
    pub due_date: Option<Timestamp>,
    /// Seconds that the attempt took.
    pub seconds: i64,
    pub author: Author,
}

impl Again {
    /// An attempt that failed or was given up.
    pub fn by_itself(attempt: &Attempt, author: Author, now: Timestamp) -> Self {
        Self {
            of: attempt.of,
            priority: attempt.priority,
            defer_date: None,
            due_date: attempt.due_date,
            seconds: attempt.took(now) / odata::TICKS_PER_SECOND,
            author,
        }
    }
}

/// Who wants it tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The queue, as its definition says.
    Itself,
    /// A person.
    Somebody,
}

/// Adds the copies. The reference of a queue with unique ones goes over to the copy.
///
/// # Errors
/// The store's.
pub(super) fn add(
    tx: &mut Tx<'_>,
    ledger: &mut Ledger,
    now: Timestamp,
    who: Who,
    again: Vec<Again>,
) -> Result<()> {
    if again.is_empty() {
        return Ok(());
    }
    let mut references = HashMap::new();
    let ids = || again.iter().map(|a| vec![a.of.item.into()]).collect();
    tx.each_many::<Error>(
        "SELECT i.id, i.unique_reference {rows,} queue_items i
         WHERE i.id = {1} AND i.unique_reference IS NOT NULL",
        &["BIGINT"],
        ids(),
        &mut |cells| {
            if let (db::Cell::Int(id), db::Cell::Text(text)) = (cells.get(0), cells.get(1)) {
                references.insert(id, text.to_owned());
            }
            Ok(())
        },
    )?;
    if !references.is_empty() {
        tx.send_many(
            "UPDATE queue_items SET unique_reference = NULL {rows} WHERE id = {1}",
            &["BIGINT"],
            ids(),
        )?;
    }
    let copies = tx.new_ids("queue_items", again.len())?;
    let mut rows = Vec::with_capacity(again.len());
    for (item, copy) in again.iter().zip(&copies) {
        rows.push(vec![
            item.of.item.into(),
            Guid::sequential().into(),
            references.remove(&item.of.item).into(),
            item.defer_date.into(),
            item.due_date.into(),
            turn::of(item.priority, item.due_date, item.defer_date, now).into(),
            item.seconds.into(),
            now.into(),
            (who == Who::Somebody).into(),
            (*copy).into(),
        ]);
    }
    tx.exec_many(
        "INSERT INTO queue_items (id, tenant_id, queue_definition_id, status, priority, defer_date,
             due_date, risk_sla_date, turn, encrypted, creation_time, key, unique_key, reference,
             unique_reference, source, parent_operation_id, creator_job_key, specific_content,
             seconds_in_previous_attempts, retry_number, manual_retry_number, ancestor_id,
             ancestor_unique_key, manual_ancestor_id, manual_ancestor_unique_key)
         SELECT {10}, i.tenant_id, i.queue_definition_id, 0, i.priority, {4}, {5}, i.risk_sla_date, {6},
             i.encrypted, {8}, i.key, {2}, i.reference, {3}, i.source, i.parent_operation_id,
             i.creator_job_key, i.specific_content, i.seconds_in_previous_attempts + {7},
             i.retry_number + CASE WHEN {9} THEN 0 ELSE 1 END,
             i.manual_retry_number + CASE WHEN {9} THEN 1 ELSE 0 END,
             CASE WHEN {9} THEN NULL ELSE i.id END, CASE WHEN {9} THEN NULL ELSE i.unique_key END,
             CASE WHEN {9} THEN i.id END, CASE WHEN {9} THEN i.unique_key END
         {rows,} queue_items i WHERE i.id = {1}",
        &[
            "BIGINT", "TEXT", "TEXT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BIGINT", "BOOLEAN",
            "BIGINT",
        ],
        rows,
    )?;
    for (item, copy) in again.iter().zip(copies) {
        ledger.added(
            Of {
                item: copy,
                ..item.of
            },
            &item.author,
        );
        ledger.retried(item.of.queue);
    }
    Ok(())
}
