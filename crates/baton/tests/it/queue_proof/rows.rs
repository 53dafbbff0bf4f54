//! What is in a queue, and what its counters say of that.

use serde_json::Value;
use testkit::Client;

use super::model::{Priority, Status};

/// An attempt, as the database has it.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub status: Status,
    pub key: String,
    pub unique_key: String,
    pub reference: String,
    pub retry: i64,
    pub ancestor: Option<i64>,
    pub failure: Option<String>,
    /// Whether somebody ended it, as something else than a failure if there is none.
    pub ended: bool,
    /// Its place in the line.
    pub place: (bool, Priority, Option<String>, i64),
}

impl Row {
    fn read(row: &Value) -> Self {
        let text = |member: &str| row[member].as_str().map(str::to_owned);
        let needed = |member: &str| text(member).unwrap_or_else(|| panic!("no {member}: {row}"));
        let status = Status::ALL
            .into_iter()
            .find(|s| row["Status"] == format!("{s:?}"));
        let priorities = [Priority::High, Priority::Normal, Priority::Low];
        let priority = priorities
            .into_iter()
            .find(|p| row["Priority"] == format!("{p:?}"));
        let (id, due) = (row["Id"].as_i64().unwrap(), text("DueDate"));
        Self {
            id,
            status: status.unwrap(),
            key: needed("Key"),
            unique_key: needed("UniqueKey"),
            reference: needed("Reference"),
            retry: row["RetryNumber"].as_i64().unwrap(),
            ancestor: row["AncestorId"].as_i64(),
            failure: text("ProcessingExceptionType"),
            ended: row["EndProcessing"].is_string(),
            place: (due.is_none(), priority.unwrap(), due, id),
        }
    }
}

/// All rows of a queue.
pub async fn all(client: &Client, queue: i64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let last = rows.last().map_or(0, |row| row.id);
        let page = format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {queue} and Id gt {last}&$orderby=Id\
             &$top=100&$select=Id,Status,Key,UniqueKey,Reference,RetryNumber,AncestorId,Priority,\
             DueDate,EndProcessing,ProcessingExceptionType"
        );
        let page = client.get(&page).await.ok(200);
        let page = page["value"].as_array().unwrap();
        rows.extend(page.iter().map(Row::read));
        if page.len() < 100 {
            return rows;
        }
    }
}

/// What the counters of a queue say otherwise than its rows.
pub async fn miscounted(client: &Client, queue: i64, rows: &[Row]) -> Vec<String> {
    let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    let failed = |kind: &str| count(&|row| row.failure.as_deref() == Some(kind));
    let mut wrong = Vec::new();
    for status in Status::ALL {
        let filter = format!("QueueDefinitionId eq {queue} and Status eq '{status:?}'");
        let list = format!("odata/QueueItems?$filter={filter}&$top=0&$count=true");
        let told = client.get(&list).await.ok(200)["@odata.count"].clone();
        let expected = count(&|row| row.status == status);
        if told != expected {
            wrong.push(format!(
                "{told} items are counted as {status:?}, there are {expected}"
            ));
        }
    }
    let path = format!(
        "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus\
         ?$filter=QueueDefinitionId eq {queue}"
    );
    let told = client.get(&path).await.ok(200)["value"][0].clone();
    for (member, expected) in [
        ("ItemsToProcess", count(&|row| row.status == Status::New)),
        (
            "ItemsInProgress",
            count(&|row| row.status == Status::InProgress),
        ),
        (
            "SuccessfulTransactionsNo",
            count(&|row| row.ended && row.failure.is_none()),
        ),
        ("ApplicationExceptionsNo", failed("ApplicationException")),
        ("BusinessExceptionsNo", failed("BusinessException")),
    ] {
        if told[member] != expected {
            wrong.push(format!(
                "{member} is {}, there are {expected}",
                told[member]
            ));
        }
    }
    wrong
}

/// What waits although everything was worked off.
pub fn left_over(rows: &[Row]) -> Vec<String> {
    let waits = rows.iter().filter(|row| row.status == Status::New);
    waits
        .map(|row| format!("nobody was given {row:?}"))
        .collect()
}
