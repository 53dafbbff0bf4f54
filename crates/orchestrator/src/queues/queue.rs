//! A queue as those see it who add to it, take from it and give back.

use db::{Row, Tx};

use crate::error::{Error, Result};

/// A queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub id: i64,
    /// Whether a reference may be used once only.
    pub unique_references: bool,
    /// Whether contents are encrypted in the database.
    pub encrypted: bool,
    /// After how many minutes an item should be done.
    pub sla_minutes: Option<u32>,
    /// After how many that is at risk.
    pub risk_minutes: Option<u32>,
    /// How often an item is tried again.
    pub retries: i64,
    /// Whether items are tried again by themselves after an application exception.
    pub retries_failed: bool,
    /// The same for abandoned ones.
    pub retries_abandoned: bool,
    /// Seconds without a sign of life after which an item returns.
    pub lease_seconds: Option<i64>,
    /// When the first of its deferred items is due.
    pub first_deferred: Option<i64>,
    /// The schemas of specific contents, outputs and analytics.
    pub schemas: [Option<String>; 3],
}

/// What [`Queue::read`] reads of `queue_definitions q`.
pub(super) const COLUMNS: &str = "q.id, q.enforce_unique_reference, q.encrypted, q.sla_in_minutes,
    q.risk_sla_in_minutes, q.max_number_of_retries, q.accept_automatically_retry,
    q.retry_abandoned_items, q.lease_seconds, q.specific_data_json_schema,
    q.output_data_json_schema, q.analytics_data_json_schema,
    (SELECT MIN(i.defer_date) FROM queue_items i
        WHERE i.queue_definition_id = q.id AND i.status = 0 AND i.turn IS NULL)";

impl Queue {
    /// The queue of this name in a folder.
    ///
    /// # Errors
    /// The store's.
    pub fn named(tx: &mut Tx<'_>, folder: i64, name: &str) -> Result<Option<Self>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM queue_folders l
             JOIN queue_definitions q ON q.id = l.queue_definition_id
             WHERE l.folder_id = $1 AND fold(l.name) = fold($2)"
        );
        let row = tx.row(&sql, &[folder.into(), name.into()])?;
        row.as_ref().map(Self::read).transpose()
    }

    /// The queue with this number and its name, if it is in the folder.
    ///
    /// # Errors
    /// The store's.
    pub fn placed(tx: &mut Tx<'_>, folder: i64, id: i64) -> Result<Option<(Self, String)>> {
        let sql = format!(
            "SELECT {COLUMNS}, l.name FROM queue_folders l
             JOIN queue_definitions q ON q.id = l.queue_definition_id
             WHERE l.queue_definition_id = $2 AND l.folder_id = $1"
        );
        let row = tx.row(&sql, &[folder.into(), id.into()])?;
        let with_name = |row: Row| Ok((Self::read(&row)?, row.get(row.len() - 1)?));
        row.map(with_name).transpose()
    }

    /// The queue with this number.
    ///
    /// # Errors
    /// 1002 when there is none.
    pub fn numbered(tx: &mut Tx<'_>, id: i64) -> Result<Self> {
        let sql = format!("SELECT {COLUMNS} FROM queue_definitions q WHERE q.id = $1");
        let row = tx.row(&sql, &[id.into()])?;
        Self::read(&row.ok_or_else(|| Error::not_found("QueueDefinition"))?)
    }

    fn read(row: &Row) -> Result<Self> {
        let minutes = |index| {
            let minutes: Option<i64> = row.get(index)?;
            let minutes = minutes.and_then(|m| u32::try_from(m).ok());
            Ok::<_, db::Error>(minutes.filter(|m| *m > 0))
        };
        Ok(Self {
            id: row.get(0)?,
            unique_references: row.get(1)?,
            encrypted: row.get(2)?,
            sla_minutes: minutes(3)?,
            risk_minutes: minutes(4)?,
            retries: row.get(5)?,
            retries_failed: row.get(6)?,
            retries_abandoned: row.get(7)?,
            lease_seconds: row.get(8)?,
            schemas: [row.get(9)?, row.get(10)?, row.get(11)?],
            first_deferred: row.get(12)?,
        })
    }
}
