//! A queue as those see it who add to it, take from it and give back.

use db::{Tx, sql};

use crate::error::{Error, Result};

db::record! {
    /// A queue, `queue_definitions q`.
    #[derive(Debug)]
    pub(super) struct Queue {
        pub id: i64 = "q.id",
        /// Whether a reference may be used once only.
        pub unique_references: bool = "q.enforce_unique_reference",
        /// Whether contents are encrypted in the database.
        pub encrypted: bool = "q.encrypted",
        /// After how many minutes an item should be done.
        pub sla_minutes: Option<u32> =
            "CASE WHEN q.sla_in_minutes > 0 THEN q.sla_in_minutes END",
        /// After how many that is at risk.
        pub risk_minutes: Option<u32> =
            "CASE WHEN q.risk_sla_in_minutes > 0 THEN q.risk_sla_in_minutes END",
        /// How often an item is tried again.
        pub retries: i64 = "q.max_number_of_retries",
        /// Whether items are tried again by themselves after an application exception.
        pub retries_failed: bool = "q.accept_automatically_retry",
        /// The same for abandoned ones.
        pub retries_abandoned: bool = "q.retry_abandoned_items",
        /// Seconds without a sign of life after which an item returns.
        pub lease_seconds: Option<i64> = "q.lease_seconds",
        /// When the first of its deferred items is due.
        pub first_deferred: Option<i64> = "(SELECT MIN(i.defer_date) FROM queue_items i
            WHERE i.queue_definition_id = q.id AND i.status = 0 AND i.turn IS NULL)",
        /// The schemas of specific contents, outputs and analytics.
        pub schemas: [Option<String>; 3] = "q.specific_data_json_schema,
            q.output_data_json_schema, q.analytics_data_json_schema",
    }
}
db::record! {
    /// A queue with the name that a folder knows it by.
    struct Placed {
        queue: Queue = Queue::SELECT,
        name: String = "l.name",
    }
}

impl Queue {
    /// The queue of this name in a folder.
    ///
    /// # Errors
    /// The store's.
    pub fn named(tx: &mut Tx<'_>, folder: i64, name: &str) -> Result<Option<Self>> {
        let find = sql!(
            "SELECT {} FROM queue_folders l
             JOIN queue_definitions q ON q.id = l.queue_definition_id
             WHERE l.folder_id = $1 AND fold(l.name) = fold($2)",
            Queue::SELECT
        );
        Ok(tx.one(find, &[folder.into(), name.into()])?)
    }

    /// The queue with this number and its name, if it is in the folder.
    ///
    /// # Errors
    /// The store's.
    pub fn placed(tx: &mut Tx<'_>, folder: i64, id: i64) -> Result<Option<(Self, String)>> {
        let find = sql!(
            "SELECT {} FROM queue_folders l
             JOIN queue_definitions q ON q.id = l.queue_definition_id
             WHERE l.queue_definition_id = $2 AND l.folder_id = $1",
            Placed::SELECT
        );
        let placed: Option<Placed> = tx.one(find, &[folder.into(), id.into()])?;
        Ok(placed.map(|placed| (placed.queue, placed.name)))
    }

    /// The queue with this number.
    ///
    /// # Errors
    /// 1002 when there is none.
    pub fn numbered(tx: &mut Tx<'_>, id: i64) -> Result<Self> {
        let find = sql!(
            "SELECT {} FROM queue_definitions q WHERE q.id = $1",
            Queue::SELECT
        );
        let queue = tx.one(find, &[id.into()])?;
        queue.ok_or_else(|| Error::not_found("QueueDefinition"))
    }
}
