//! Deleting a queue. One with many items is gone at once for everybody, and its rows are removed piece
//! by piece: nobody waits for a transaction that removes millions.

use super::entities::STORED_QUEUES;
use super::items;
use crate::cx::{Cx, Hint};
use crate::error::Result;

/// Rows that are removed in one transaction.
pub(super) const AT_ONCE: i64 = 500;

/// Removes a queue that the request sees, now or by and by.
///
/// # Errors
/// The store's.
pub(super) fn remove(cx: &mut Cx<'_, '_>, queue: i64) -> Result<()> {
    if rows(cx, queue)? <= AT_ONCE {
        items::remove(cx.tx, "queue_definition_id = $1", &[queue.into()])?;
        return cx.delete(&STORED_QUEUES, queue);
    }
    // Whatever shows a queue, or what belongs to one, does so through the folders that it is in, and
    // who looks for items in a status goes by the counts.
    for table in ["queue_folders", "queue_counts"] {
        let sql = format!("DELETE FROM {table} WHERE queue_definition_id = $1");
        cx.tx.exec(&sql, &[queue.into()])?;
    }
    cx.tx.exec(
        "UPDATE queue_definitions SET deletion_time = $2 WHERE id = $1",
        &[queue.into(), cx.now.into()],
    )?;
    cx.hint(Hint::Sweep);
    Ok(())
}

/// How many items and results a queue has; of results no more are counted than matter.
fn rows(cx: &mut Cx<'_, '_>, queue: i64) -> Result<i64> {
    let sql = format!(
        "SELECT CAST(COALESCE(SUM(c.items), 0) AS BIGINT)
             + (SELECT COUNT(*) FROM (SELECT 1 FROM queue_results r
                WHERE r.queue_definition_id = $1 LIMIT {}) counted)
         FROM queue_counts c WHERE c.queue_definition_id = $1",
        AT_ONCE + 1
    );
    Ok(cx.tx.number(&sql, &[queue.into()])?)
}
