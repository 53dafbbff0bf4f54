//! What a transaction changes beside the items themselves: their history, and the numbers of each
//! queue. It is gathered while items change and written at the end, a statement for each kind.

use std::collections::BTreeMap;

use db::Tx;
use odata::Timestamp;

use super::Author;
use super::entities::{ProcessingExceptionType, QueueItemReviewStatus, QueueItemStatus};
use super::events::QueueItemEventAction;
use super::records::{self, Results};
use crate::error::Result;

db::record! {
    /// An item as its history names it, `queue_items i`.
    #[derive(Debug, Clone, Copy)]
    pub(super) struct ItemRef {
        /// Its tenant.
        pub tenant: i64 = "i.tenant_id",
        /// Its queue.
        pub queue: i64 = "i.queue_definition_id",
        /// Its number.
        pub item: i64 = "i.id",
    }
}

db::params! {
    /// A row of `queue_item_events`.
    struct Event {
        tenant_id: i64,
        queue_definition_id: i64,
        queue_item_id: i64,
        timestamp: Timestamp,
        action: QueueItemEventAction,
        user_id: Option<i64>,
        external_client_id: Option<String>,
        status: QueueItemStatus,
        review_status: QueueItemReviewStatus,
    }
}

db::params! {
    /// By how much a number of a queue changes.
    struct Count {
        queue: i64,
        status: i64,
        by: i64,
    }
}

/// The changes of one transaction.
pub(super) struct Ledger {
    now: Timestamp,
    events: Vec<Event>,
    counts: BTreeMap<(i64, i64), i64>,
    results: BTreeMap<i64, Results>,
}

impl Ledger {
    /// An empty one.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            events: Vec::new(),
            counts: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// An item was added.
    pub fn added(&mut self, of: ItemRef, author: &Author) {
        *self.count(of.queue, QueueItemStatus::New) += 1;
        self.event(
            of,
            QueueItemEventAction::Create,
            QueueItemStatus::New,
            author,
        );
    }

    /// An item went from one status to another.
    pub fn moved(
        &mut self,
        of: ItemRef,
        from: QueueItemStatus,
        to: QueueItemStatus,
        author: &Author,
    ) {
        self.counted(of.queue, from, to);
        let action = match to {
            QueueItemStatus::Retried => QueueItemEventAction::Retry,
            _ => QueueItemEventAction::Status,
        };
        self.event(of, action, to, author);
    }

    /// As [`Self::moved`], for an item that may have a review: its event, which tells of that, is
    /// written where it is changed.
    pub fn counted(&mut self, queue: i64, from: QueueItemStatus, to: QueueItemStatus) {
        *self.count(queue, from) -= 1;
        *self.count(queue, to) += 1;
    }

    /// An attempt ended well, or failed for this reason, after so many ticks.
    pub fn processed(&mut self, queue: i64, failure: Option<ProcessingExceptionType>, ticks: i64) {
        let results = self.results.entry(queue).or_default();
        let (number, time) = match failure {
            None => (&mut results.successful, &mut results.successful_time),
            Some(ProcessingExceptionType::ApplicationException) => (
                &mut results.application_exceptions,
                &mut results.application_exceptions_time,
            ),
            Some(ProcessingExceptionType::BusinessException) => (
                &mut results.business_exceptions,
                &mut results.business_exceptions_time,
            ),
        };
        *number += 1;
        *time += ticks;
    }

    /// An item was tried again.
    pub fn retried(&mut self, queue: i64) {
        self.results.entry(queue).or_default().retried += 1;
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The store's.
    pub fn settle(self, tx: &mut Tx<'_>) -> Result<()> {
        tx.send_many(
            "INSERT INTO queue_item_events ({columns}) {values}",
            self.events,
        )?;
        let counts = self.counts.into_iter().filter(|(_, by)| *by != 0);
        let counts = counts.map(|((queue, status), by)| Count { queue, status, by });
        tx.send_many(
            "UPDATE queue_counts SET items = items + {by} {rows}
             WHERE queue_definition_id = {queue} AND status = {status}",
            counts.collect(),
        )?;
        records::add(tx, self.results, self.now)
    }

    fn count(&mut self, queue: i64, status: QueueItemStatus) -> &mut i64 {
        self.counts.entry((queue, status as i64)).or_default()
    }

    fn event(
        &mut self,
        of: ItemRef,
        action: QueueItemEventAction,
        status: QueueItemStatus,
        author: &Author,
    ) {
        self.events.push(Event {
            tenant_id: of.tenant,
            queue_definition_id: of.queue,
            queue_item_id: of.item,
            timestamp: self.now,
            action,
            user_id: author.user,
            external_client_id: author.client.clone(),
            status,
            review_status: QueueItemReviewStatus::None,
        });
    }
}
