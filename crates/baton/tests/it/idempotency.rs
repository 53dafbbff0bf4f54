//! Requests with an Idempotency-Key: sent twice, done once.

use serde_json::json;
use testkit::{Backend, both};

use crate::queues::{ADD, BULK_ADD, item_data, queue};
use crate::support::scene;
use crate::transactions::START;

both!(
    an_add_that_is_sent_twice,
    keys_belong_to_callers_and_requests,
);

async fn an_add_that_is_sent_twice(backend: Backend) {
    let mut scene = scene(backend).await;
    let unique = json!({"EnforceUniqueReference": true, "Encrypted": true});
    queue(&scene.shared, "Q", unique).await;
    let client = scene.shared.with("Idempotency-Key", "k-1");
    let body = item_data(
        "Q",
        json!({"Reference": "r", "SpecificContent": {"a": "secret"}}),
    );
    let first = client.post(ADD, &body).await.ok(201);
    assert_eq!(client.post(ADD, &body).await.ok(201), first);
    scene.server.restart().await;
    assert_eq!(client.post(ADD, &body).await.ok(201), first);
    // Without the key it is another item, which may not have this reference.
    scene.shared.post(ADD, &body).await.refused(409, 1016);

    let client = scene.shared.with("Idempotency-Key", "k-2");
    let items = json!([{"Reference": "s"}, {"Reference": "r"}]);
    let bulk =
        json!({"queueName": "Q", "commitType": "ProcessAllIndependently", "queueItems": items});
    let first = client.post(BULK_ADD, &bulk).await.ok(200);
    assert_eq!(first["FailedItems"][0]["Ordinal"], 2);
    assert_eq!(client.post(BULK_ADD, &bulk).await.ok(200), first);

    let client = scene.shared.with("Idempotency-Key", "k-3");
    let data = json!({"Name": "Q", "Reference": "t", "SpecificContent": {}});
    let start = json!({"transactionData": data});
    let first = client.post(START, &start).await.ok(200);
    assert_eq!(client.post(START, &start).await.ok(200), first);
    let count = scene.shared.get("odata/QueueItems/$count").await;
    assert_eq!(count.text(), "3");
}

async fn keys_belong_to_callers_and_requests(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let key = |client: &testkit::Client| client.with("Idempotency-Key", "same");
    let body = item_data("Q", json!({"Reference": "r"}));
    let first = key(&scene.shared).post(ADD, &body).await.ok(201);
    let other = item_data("Q", json!({"Reference": "x"}));
    key(&scene.shared)
        .post(ADD, &other)
        .await
        .refused(409, 1028);
    let somebody = scene.server.admin().await.folder(scene.folder);
    let second = key(&somebody).post(ADD, &body).await.ok(201);
    assert_ne!(first["Id"], second["Id"]);
    // A refusal changed nothing, so the key is free still.
    let again = scene.shared.with("Idempotency-Key", "later");
    let nowhere = item_data("Later", json!({}));
    again.post(ADD, &nowhere).await.refused(404, 1002);
    queue(&scene.shared, "Later", json!({})).await;
    again.post(ADD, &nowhere).await.ok(201);
    let long = scene.shared.with("Idempotency-Key", "k".repeat(256));
    long.post(ADD, &body).await.refused(400, 1009);
}
