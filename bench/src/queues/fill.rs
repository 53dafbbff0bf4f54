//! Queues with a past: items that wait, and items that were done during the last weeks.
//!
//! The server makes a few of each, in a queue of their own; the others repeat those, so that they
//! are as the server makes them. Keys have no order, as those of the server: an index of a million
//! keys that were written in their order would be cheaper to add to than a real one.

use db::{Db, Dialect, Value};
use serde_json::json;
use testkit::Scene;

use super::requests::{PRIORITIES, item};
use super::{APPOINTMENTS, INVOICES};
use crate::Failure;
use crate::series::{self, series};

/// Statuses as they are stored.
const NEW: i64 = 0;
const SUCCESSFUL: i64 = 3;
/// Ticks over which the items were added: 20 days, less than they are kept.
const PAST: i64 = 20 * 24 * 60 * 60 * 10_000_000;

/// What every copy of an item has as its model has it.
pub const SAME: &str = "tenant_id, status, priority, risk_sla_date, version, robot_id,
    seconds_in_previous_attempts, review_status, processing_exception_type, retry_number,
    manual_retry_number, encrypted, source, parent_operation_id, operation_id, progress,
    processing_exception, specific_content, output, analytics, lease_until, returns";

/// How many items a queue begins with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stock {
    /// Those that wait.
    pub pending: i64,
    /// Those that are done.
    pub finished: i64,
}

/// A queue, and the one that has the models of its items.
pub struct Queue {
    id: i64,
    models: i64,
    /// How much later than its model the copy `n` is due: ticks.
    later: &'static str,
}

/// Makes an empty queue, and the models of what it will have.
pub async fn prepare(scene: &Scene, name: &str) -> Result<Queue, Failure> {
    let (models, due) = (model_queue(name), name != INVOICES);
    let (id, models_id) = (make(scene, name).await?, make(scene, &models).await?);
    // The first three are ended, the others wait.
    for number in 0..2 {
        for priority in PRIORITIES {
            let mut data = item(&format!("{number:012}"), priority, due.then_some(DUE));
            data["Name"] = models.as_str().into();
            let path = "odata/Queues/UiPathODataSvc.AddQueueItem";
            let added = scene.shared.post(path, &json!({ "itemData": data })).await;
            added.ok(201);
        }
        if number == 0 {
            for _ in PRIORITIES {
                end_one(scene, &models).await;
            }
        }
    }
    Ok(Queue {
        id,
        models: models_id,
        later: match name {
            APPOINTMENTS => "n * 7919 % 1000003 * 10000000",
            _ => "n * 10000000",
        },
    })
}

/// Models are due then; their copies on days after it.
const DUE: &str = "2035-01-01T00:00:00Z";

/// The queue that has the models of another.
fn model_queue(name: &str) -> String {
    format!("Models of {name}")
}

async fn make(scene: &Scene, name: &str) -> Result<i64, Failure> {
    let body = json!({
        "Name": name,
        "MaxNumberOfRetries": 1,
        "AcceptAutomaticallyRetry": true,
    });
    let made = scene.shared.post("odata/QueueDefinitions", &body).await;
    let id = made.ok(201)["Id"].as_i64();
    Ok(id.ok_or("A queue has no id.")?)
}

async fn end_one(scene: &Scene, queue: &str) {
    let path = "odata/Queues/UiPathODataSvc.StartTransaction";
    let take = json!({"transactionData": {"Name": queue}});
    let taken = scene.shared.post(path, &take).await.ok(200);
    let path = format!(
        "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
        taken["Id"]
    );
    let result = json!({"transactionResult": {
        "IsSuccessful": true,
        "Output": {"Voucher": "4711-0815", "Booked": true},
    }});
    scene.shared.post(&path, &result).await.ok(200);
}

/// Adds the stock to a queue.
pub async fn fill(db: &Db, queue: &Queue, stock: Stock) -> Result<(), Failure> {
    for (status, items) in [(SUCCESSFUL, stock.finished), (NEW, stock.pending)] {
        let before = last_item(db).await?;
        let more = [queue.id, queue.models, status, items].map(Value::from);
        series::run(db, &copies(queue.later), (1, items), &more).await?;
        let added = (before + 1, last_item(db).await?);
        series::run(db, EVENTS, added, &[queue.models.into()]).await?;
    }
    let count = "UPDATE queue_counts SET items = (
           SELECT COUNT(*) FROM queue_items i
           WHERE i.queue_definition_id = queue_counts.queue_definition_id
           AND i.status = queue_counts.status
         ) WHERE queue_definition_id = $1";
    let id = queue.id;
    db.write(move |tx| tx.exec(count, &[id.into()])).await?;
    Ok(())
}

/// Tells PostgreSQL what there is, which it finds out by itself within minutes.
pub async fn settle(db: &Db) -> Result<(), Failure> {
    if db.dialect() == Dialect::Postgres {
        db.write(|tx| tx.exec("ANALYZE", &[])).await?;
    }
    Ok(())
}

/// The first waiting model of a queue.
pub async fn model(db: &Db, name: &str) -> Result<i64, Failure> {
    let name = model_queue(name);
    let find = "SELECT MIN(i.id) FROM queue_items i
        JOIN queue_definitions q ON q.id = i.queue_definition_id
        WHERE q.name = $1 AND i.status = 0";
    Ok(db
        .read(move |tx| tx.number(find, &[name.as_str().into()]))
        .await?)
}

async fn last_item(db: &Db) -> Result<i64, Failure> {
    let last = "SELECT COALESCE(MAX(id), 0) FROM queue_items";
    Ok(db.read(move |tx| tx.number(last, &[])).await?)
}

/// The items `$1` to `$2` of the queue `$3`, of those of the queue `$4` in the status `$5`; `$6`
/// will be there in the end. The last bits of `turn` are those of the due date.
fn copies(later: &str) -> String {
    format!(
        "WITH RECURSIVE {series},
         models AS (
           SELECT *, ROW_NUMBER() OVER (ORDER BY id) - 1 AS number FROM queue_items
           WHERE queue_definition_id = $4 AND status = $5
         ),
         spread AS (
           SELECT n, ($6 - n) * ({PAST} / $6) AS earlier, {later} AS later
           FROM series
         ),
         copies AS (
           SELECT models.*, n, earlier, later,
             substr(CAST(100000000 + n * 48271 % 99999989 AS TEXT), 2)
             || '-' || substr(CAST(10000 + queue_definition_id AS TEXT), 2)
             || '-400' || CAST(status AS TEXT)
             || '-8000-' || CAST(100000000000 + n AS TEXT) AS guid
           FROM spread JOIN models ON models.number = n % {models}
         )
         INSERT INTO queue_items (queue_definition_id, key, unique_key, reference, due_date, turn,
           creation_time, start_processing, end_processing, {SAME})
         SELECT $3, guid, guid, 'OLD-' || CAST(n AS TEXT), due_date + later,
           turn + CASE WHEN due_date IS NULL THEN 0 ELSE later END, creation_time - earlier,
           start_processing - earlier, end_processing - earlier, {SAME}
         FROM copies ORDER BY n",
        series = series("$1", "$2"),
        models = PRIORITIES.len(),
    )
}

/// The events of the items `$1` to `$2`, as those of their models in the queue `$3`: a few rows, which
/// are found once, whatever statistics say of tables that grow.
const EVENTS: &str = "WITH models AS MATERIALIZED (
       SELECT m.status AS item_status, m.priority, m.creation_time, e.*
       FROM queue_items m JOIN queue_item_events e ON e.queue_item_id = m.id
       WHERE m.queue_definition_id = $3
     )
     INSERT INTO queue_item_events (tenant_id, queue_definition_id, queue_item_id,
       timestamp, action, data, user_id, external_client_id, status, review_status)
     SELECT m.tenant_id, i.queue_definition_id, i.id,
       m.timestamp - (m.creation_time - i.creation_time), m.action, m.data, m.user_id,
       m.external_client_id, m.status, m.review_status
     FROM queue_items i JOIN models m ON m.item_status = i.status AND m.priority = i.priority
     WHERE i.id BETWEEN $1 AND $2 ORDER BY i.id, m.id";
