//! Trying again: the item is Retried, and a copy of it with the same key, reference and content waits.

use std::collections::HashMap;

use db::{Tx, sql};
use odata::{Guid, Timestamp};

use super::Author;
use super::ending::Attempt;
use super::entities::QueueItemPriority;
use super::ledger::{ItemRef, Ledger};
use super::turn;
use crate::chance::Chance;
use crate::error::Result;

/// An item that has been marked as Retried and gets its copy.
pub(super) struct Retry {
    pub of: ItemRef,
    pub priority: QueueItemPriority,
    pub defer_date: Option<Timestamp>,
    pub due_date: Option<Timestamp>,
    /// Seconds that the attempt took.
    pub seconds: i64,
    pub author: Author,
}

impl Retry {
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
pub(super) enum RetriedBy {
    /// The queue, as its definition says.
    Queue,
    /// A person.
    Person,
}

db::record! {
    /// The reference that an item keeps others from having.
    struct Reference {
        item: i64 = "i.id",
        text: String = "i.unique_reference",
    }
}

db::params! {
    /// A copy, and what it has of its own.
    struct Copied {
        id: i64,
        of: i64,
        unique_key: Guid,
        unique_reference: Option<String>,
        defer_date: Option<Timestamp>,
        due_date: Option<Timestamp>,
        turn: Option<i64>,
        seconds: i64,
        now: Timestamp,
        by_hand: bool,
    }
}

/// Adds the copies. The reference of a queue with unique ones goes over to the copy.
///
/// # Errors
/// The store's.
pub(super) fn add(
    tx: &mut Tx<'_>,
    ledger: &mut Ledger,
    now: Timestamp,
    chance: &Chance,
    who: RetriedBy,
    again: Vec<Retry>,
) -> Result<()> {
    if again.is_empty() {
        return Ok(());
    }
    let ids = || again.iter().map(|a| a.of.item).collect::<Vec<_>>();
    let taken: Vec<Reference> = tx.all_many(
        sql!(
            "SELECT {} {{rows,}} queue_items i
             WHERE i.id = {{1}} AND i.unique_reference IS NOT NULL",
            Reference::SELECT
        ),
        ids(),
    )?;
    if !taken.is_empty() {
        tx.send_many(
            "UPDATE queue_items SET unique_reference = NULL {rows} WHERE id = {1}",
            ids(),
        )?;
    }
    let taken = taken.into_iter().map(|taken| (taken.item, taken.text));
    let mut references: HashMap<i64, String> = taken.collect();
    let copies = tx.new_ids("queue_items", again.len())?;
    let mut rows = Vec::with_capacity(again.len());
    for (item, copy) in again.iter().zip(&copies) {
        rows.push(Copied {
            id: *copy,
            of: item.of.item,
            unique_key: chance.key_at(now),
            unique_reference: references.remove(&item.of.item),
            defer_date: item.defer_date,
            due_date: item.due_date,
            turn: turn::of(item.priority, item.due_date, item.defer_date, now),
            seconds: item.seconds,
            now,
            by_hand: who == RetriedBy::Person,
        });
    }
    tx.exec_many(
        "INSERT INTO queue_items (id, tenant_id, queue_definition_id, status, priority, defer_date,
             due_date, risk_sla_date, turn, encrypted, creation_time, key, unique_key, reference,
             unique_reference, source, parent_operation_id, creator_job_key, specific_content,
             seconds_in_previous_attempts, retry_number, manual_retry_number, ancestor_id,
             ancestor_unique_key, manual_ancestor_id, manual_ancestor_unique_key)
         SELECT {id}, i.tenant_id, i.queue_definition_id, 0, i.priority, {defer_date}, {due_date},
             i.risk_sla_date, {turn}, i.encrypted, {now}, i.key, {unique_key}, i.reference,
             {unique_reference}, i.source, i.parent_operation_id, i.creator_job_key,
             i.specific_content, i.seconds_in_previous_attempts + {seconds},
             i.retry_number + CASE WHEN {by_hand} THEN 0 ELSE 1 END,
             i.manual_retry_number + CASE WHEN {by_hand} THEN 1 ELSE 0 END,
             CASE WHEN {by_hand} THEN NULL ELSE i.id END,
             CASE WHEN {by_hand} THEN NULL ELSE i.unique_key END,
             CASE WHEN {by_hand} THEN i.id END, CASE WHEN {by_hand} THEN i.unique_key END
         {rows,} queue_items i WHERE i.id = {of}",
        rows,
    )?;
    for (item, copy) in again.iter().zip(copies) {
        ledger.added(
            ItemRef {
                item: copy,
                ..item.of
            },
            &item.author,
        );
        ledger.retried(item.of.queue);
    }
    Ok(())
}
