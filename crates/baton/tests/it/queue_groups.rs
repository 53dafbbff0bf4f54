//! Calls about queues that wait while the store is busy are done together: each has the answer that it
//! would have had alone.

use std::collections::HashSet;

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};
use tokio::task::JoinSet;

use crate::queues::{ADD, BULK_ADD, item_data, queue};
use crate::support::{id, scene, text};
use crate::transactions::START;

both!(
    a_new_item_is_nobody_elses,
    a_new_item_is_shown_as_it_was_added,
    what_cannot_be_stored_is_refused_alone,
);

/// Callers of each kind.
const CALLERS: usize = 20;

/// Sends requests while the store is busy, so that they are done together; their answers in the same
/// order.
async fn together(client: &Client, requests: Vec<RequestBuilder>) -> Vec<Answer> {
    queue(client, "Busy", json!({})).await;
    let items = vec![json!({}); 2000];
    let bulk = json!({"queueName": "Busy", "commitType": "AllOrNothing", "queueItems": items});
    let mut sent = JoinSet::new();
    let busy = client.request("POST", BULK_ADD).json(&bulk);
    for (at, request) in std::iter::once(busy).chain(requests).enumerate() {
        let client = client.clone();
        sent.spawn(async move { (at, client.send(request).await) });
    }
    let mut answers = sent.join_all().await;
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().skip(1).map(|(_, a)| a).collect()
}

/// Two callers who see items differently, which must make no difference.
fn two(client: &Client) -> [Client; 2] {
    [
        client.clone(),
        client.with("accept", "application/json;odata.metadata=none"),
    ]
}

fn take(client: &Client, more: Value) -> RequestBuilder {
    let data = crate::support::with(json!({"Name": "Q"}), more);
    client
        .request("POST", START)
        .json(&json!({"transactionData": data}))
}

/// The items in these answers, each of them once.
fn items(answers: Vec<Answer>) -> Vec<Value> {
    let found = answers.into_iter().filter(|a| a.status != 204);
    let items: Vec<Value> = found.map(|answer| answer.ok(200)).collect();
    let different: HashSet<i64> = items.iter().map(id).collect();
    assert_eq!(different.len(), items.len(), "an item was taken twice");
    items
}

/// How many items of the queue have each status, by its counters and by its rows.
async fn assert_statuses(client: &Client, new: usize, busy: usize) {
    let path = "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";
    let all = client.get(path).await.ok(200);
    let rows = all["value"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|r| r["QueueDefinitionName"] == "Q")
        .unwrap();
    let counted = [&row["ItemsToProcess"], &row["ItemsInProgress"]];
    assert_eq!(counted, [&json!(new), &json!(busy)]);
    for (status, number) in [("New", new), ("InProgress", busy)] {
        let filter = format!("Status eq '{status}' and QueueDefinition/Name eq 'Q'");
        let listed = client
            .get(&format!("odata/QueueItems/$count?$filter={filter}"))
            .await;
        assert_eq!(listed.text(), number.to_string(), "{status}");
    }
}

async fn a_new_item_is_nobody_elses(backend: Backend) {
    let scene = scene(backend).await;
    let [client, other] = two(&scene.shared);
    queue(&client, "Q", json!({})).await;
    let pairs = (0..CALLERS).flat_map(|n| {
        let started = take(
            &other,
            json!({"SpecificContent": {"n": n}, "DueDate": "2020-01-01"}),
        );
        [started, take(&client, json!({}))]
    });
    let answers = together(&client, pairs.collect()).await;
    assert_eq!(items(answers).len(), CALLERS);
    assert_statuses(&client, 0, CALLERS).await;
}

async fn a_new_item_is_shown_as_it_was_added(backend: Backend) {
    let scene = scene(backend).await;
    let [client, other] = two(&scene.shared);
    queue(&client, "Q", json!({})).await;
    let pairs = (0..CALLERS).flat_map(|n| {
        let add = item_data("Q", json!({"Reference": n.to_string()}));
        [
            other.request("POST", ADD).json(&add),
            take(&client, json!({})),
        ]
    });
    let mut taken = Vec::new();
    for answer in together(&client, pairs.collect()).await {
        match answer.status {
            201 => {
                let added = answer.ok(201);
                assert_eq!(text(&added, "Status"), "New");
                assert_eq!(added["StartProcessing"], Value::Null);
            }
            _ => taken.push(answer),
        }
    }
    let taken = items(taken).len();
    assert_statuses(&client, CALLERS - taken, taken).await;
}

async fn what_cannot_be_stored_is_refused_alone(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let add = |n: usize| {
        // No database can be asked for a name with this character.
        let name = if n.is_multiple_of(5) { "Q\0" } else { "Q" };
        let add = item_data(name, json!({"Reference": n.to_string()}));
        client.request("POST", ADD).json(&add)
    };
    let answers = together(client, (0..CALLERS).map(add).collect()).await;
    for (n, answer) in answers.into_iter().enumerate() {
        match n % 5 {
            0 => drop(answer.refused(400, 1009)),
            _ => assert_eq!(text(&answer.ok(201), "Reference"), n.to_string()),
        }
    }
    assert_statuses(client, CALLERS / 5 * 4, 0).await;
}
