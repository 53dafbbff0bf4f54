//! What is removed when its time is over: items by the rules of their queue, and queues with many
//! items, which are gone for everybody at once.

use orchestrator::queues::sweep::{self, Task};
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both, eventually};

use crate::queues::{ADD, BULK_ADD, SHARE, add, at, between, folder, item_data, meanwhile, queue};
use crate::support::{id, scene, text, texts};

both!(
    items_are_kept_as_long_as_their_queue_says,
    many_items_go_in_pieces,
    what_no_report_asks_for_goes,
    a_queue_with_many_items_is_gone_at_once,
    a_removal_goes_on_after_a_restart,
    a_queue_goes_when_nothing_else_is_left_of_it,
);

/// Adds this many items.
async fn fill(client: &Client, name: &str, items: usize) {
    let items = vec![json!({"SpecificContent": {"a": 1}}); items];
    let body = json!({"queueName": name, "commitType": "AllOrNothing", "queueItems": items});
    let answer = client.post(BULK_ADD, &body).await.ok(200);
    assert_eq!(answer["Success"], true, "{answer}");
}

/// Waits until nothing of a table is left, which no request can see.
async fn empty(scene: &mut Scene, table: &'static str) {
    eventually(&format!("{table} is empty"), async || {
        let count =
            move |tx: &mut db::Tx<'_>| tx.number(&format!("SELECT COUNT(*) FROM {table}"), &[]);
        (between(scene, count).await == 0).then_some(())
    })
    .await;
}

async fn items_are_kept_as_long_as_their_queue_says(backend: Backend) {
    let mut scene = scene(backend).await;
    let swept = queue(&scene.shared, "Swept", json!({})).await;
    let kept = queue(&scene.shared, "Kept", json!({})).await;
    for kind in ["Final", "Stale"] {
        let rule = json!({"Action": "None", "Period": 1, "Type": kind});
        let path = at("QueueRetention", &kept);
        scene.shared.put(&path, &rule).await.ok(200);
    }
    let mut first = Value::Null;
    for reference in [
        "over",
        "just over",
        "failed",
        "deleted",
        "waits",
        "stale",
        "stuck",
        "fresh",
    ] {
        first = match add(&scene.shared, "Swept", json!({"Reference": reference})).await {
            item if first.is_null() => item,
            _ => first,
        };
        add(&scene.shared, "Kept", json!({"Reference": reference})).await;
    }
    let comment = json!({"QueueItemId": id(&first), "Text": "gone soon"});
    let comment = scene.shared.post("odata/QueueItemComments", &comment).await;
    let comment = comment.ok(201);
    // A day has 864,000,000,000 ticks.
    let age = &[
        "UPDATE queue_items SET status = 3, creation_time = creation_time - 40 * 864000000000,
             end_processing = creation_time - 31 * 864000000000 WHERE reference = 'over'",
        "UPDATE queue_items SET status = 3, creation_time = creation_time - 40 * 864000000000,
             end_processing = creation_time - 29 * 864000000000 WHERE reference = 'just over'",
        "UPDATE queue_items SET status = 2, creation_time = creation_time - 31 * 864000000000
         WHERE reference = 'failed'",
        "UPDATE queue_items SET status = 6, creation_time = creation_time - 31 * 864000000000
         WHERE reference = 'deleted'",
        "UPDATE queue_items SET creation_time = creation_time - 179 * 864000000000
         WHERE reference = 'waits'",
        "UPDATE queue_items SET creation_time = creation_time - 181 * 864000000000
         WHERE reference = 'stale'",
        "UPDATE queue_items SET status = 1, creation_time = creation_time - 181 * 864000000000
         WHERE reference = 'stuck'",
        "UPDATE queue_counts SET items = (SELECT COUNT(*) FROM queue_items i
             WHERE i.queue_definition_id = queue_counts.queue_definition_id
             AND i.status = queue_counts.status)",
    ];
    meanwhile(&mut scene, age).await;

    let of = |queue: &Value| {
        format!(
            "odata/QueueItems?$filter=QueueDefinitionId eq {}&$orderby=Id",
            id(queue)
        )
    };
    let left = eventually("old items are removed", async || {
        let left = scene.shared.get(&of(&swept)).await.ok(200);
        (left["value"].as_array().unwrap().len() == 3).then_some(left)
    })
    .await;
    assert_eq!(texts(&left, "Reference"), ["just over", "waits", "fresh"]);
    let all = scene.shared.get(&of(&kept)).await.ok(200);
    assert_eq!(all["value"].as_array().unwrap().len(), 8);
    for (status, items) in [
        ("New", 2),
        ("InProgress", 0),
        ("Failed", 0),
        ("Successful", 1),
        ("Deleted", 0),
    ] {
        let count = format!(
            "{}&$top=0&$count=true",
            of(&swept).replace("&$orderby=Id", "")
        );
        let count = count.replace("$filter=", &format!("$filter=Status eq '{status}' and "));
        let count = scene.shared.get(&count).await.ok(200);
        assert_eq!(count["@odata.count"], items, "{status}");
    }
    scene
        .shared
        .get(&at("QueueItemComments", &comment))
        .await
        .refused(404, 1002);
    let events = format!(
        "odata/QueueItemEvents?$filter=QueueItemId eq {}",
        id(&first)
    );
    let events = scene.shared.get(&events).await.ok(200);
    assert_eq!(events["value"], json!([]));
}

async fn many_items_go_in_pieces(backend: Backend) {
    let mut scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    fill(&scene.shared, "Q", 1_200).await;
    // The last one is young: it ends the walk.
    let young = add(&scene.shared, "Q", json!({"Reference": "young"})).await;
    let age = &[
        "UPDATE queue_items SET creation_time = creation_time - 181 * 864000000000
         WHERE reference IS NULL",
    ];
    meanwhile(&mut scene, age).await;
    eventually("all old items are removed", async || {
        let list = "odata/QueueItems?$select=Id,Reference&$count=true";
        let list = scene.shared.get(list).await.ok(200);
        let done = list["@odata.count"] == 1;
        assert!(!done || list["value"][0]["Id"] == young["Id"], "{list}");
        done.then_some(())
    })
    .await;
}

async fn what_no_report_asks_for_goes(backend: Backend) {
    let mut scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let fill = &[
        // The first minutes of 1970, and one of 2100.
        "INSERT INTO queue_results (queue_definition_id, period, begins, successful)
         SELECT id, 1, 600000000, 1 FROM queue_definitions",
        "INSERT INTO queue_results (queue_definition_id, period, begins, successful)
         SELECT id, 1, 1200000000, 1 FROM queue_definitions",
        "INSERT INTO queue_results (queue_definition_id, period, begins, successful)
         SELECT id, 1, 41024448000000000, 1 FROM queue_definitions",
        "INSERT INTO queue_results (queue_definition_id, period, begins, successful)
         SELECT id, 0, 0, 3 FROM queue_definitions",
        "INSERT INTO idempotency_keys (tenant_id, caller, key, request, status, answer, creation_time)
         SELECT id, 'me', 'old', '', 200, '', 600000000 FROM tenants",
        "INSERT INTO idempotency_keys (tenant_id, caller, key, request, status, answer, creation_time)
         SELECT id, 'me', 'new', '', 200, '', 41024448000000000 FROM tenants",
    ];
    meanwhile(&mut scene, fill).await;
    let count = "SELECT (SELECT COUNT(*) FROM queue_results) * 10
         + (SELECT COUNT(*) FROM idempotency_keys)";
    eventually("old results and answers are removed", async || {
        let left = between(&mut scene, |tx| tx.number(count, &[])).await;
        assert!(left >= 21, "one of 1970 too many");
        (left == 21).then_some(())
    })
    .await;
}

async fn remove(client: &Client, queue: &Value) -> Answer {
    client.delete(&at("QueueDefinitions", queue)).await
}

async fn a_queue_with_many_items_is_gone_at_once(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let other = folder(&scene, "Other").await;
    let share = json!({"QueueIds": [id(&made)], "ToAddFolderIds": [other]});
    scene.app.post(SHARE, &share).await.ok(204);
    let item = add(&scene.shared, "Q", json!({"Reference": "r"})).await;
    let comment = json!({"QueueItemId": id(&item), "Text": "gone soon"});
    let comment = scene.shared.post("odata/QueueItemComments", &comment).await;
    let comment = comment.ok(201);
    fill(&scene.shared, "Q", 3_000).await;

    remove(&scene.shared, &made).await.ok(204);
    for set in [
        "QueueItemEvents",
        "QueueItemComments",
        "QueueRetention",
        "QueueItems",
    ] {
        for client in [&scene.app, &scene.shared, &scene.app.folder(other)] {
            let list = client.get(&format!("odata/{set}?$top=3")).await.ok(200);
            assert_eq!(list["value"], json!([]), "{set}");
        }
    }
    let function = "odata/QueueDefinitions/UiPath.Server.Configuration.OData";
    for path in [
        at("QueueItems", &item),
        format!("{}?$expand=QueueDefinition", at("QueueItems", &item)),
        at("QueueItemComments", &comment),
        at("QueueDefinitions", &made),
        at("QueueRetention", &made),
        format!(
            "{}/UiPathODataSvc.GetItemProcessingHistory",
            at("QueueItems", &item)
        ),
        format!("{function}.GetByKey(identifier={})", text(&made, "Key")),
        format!("{function}.GetQueue(id={})", id(&made)),
        format!("{function}.GetFoldersForQueue(id={})", id(&made)),
    ] {
        scene.app.get(&path).await.refused(404, 1002);
        scene.shared.get(&path).await.refused(404, 1002);
    }
    let share = json!({"QueueIds": [id(&made)], "ToAddFolderIds": [other]});
    scene.app.post(SHARE, &share).await.refused(404, 1002);
    let body = item_data("Q", json!({}));
    scene.shared.post(ADD, &body).await.refused(404, 1002);
    remove(&scene.shared, &made).await.refused(404, 1002);

    let again = queue(&scene.shared, "Q", json!({})).await;
    assert_ne!(again["Id"], made["Id"]);
    let count = "odata/QueueItems?$top=0&$count=true";
    assert_eq!(scene.shared.get(count).await.ok(200)["@odata.count"], 0);
    remove(&scene.shared, &again).await.ok(204);
    for table in [
        "queue_definitions",
        "queue_item_events",
        "queue_retention",
        "queue_counts",
    ] {
        empty(&mut scene, table).await;
    }
}

async fn a_removal_goes_on_after_a_restart(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    fill(&scene.shared, "Q", 2_000).await;
    let path = at("QueueDefinitions", &made);
    scene.shared.delete(&path).await.ok(204);
    scene.server.restart().await;
    empty(&mut scene, "queue_definitions").await;
    empty(&mut scene, "queue_items").await;
}

/// Also when a task before it failed: its row would take all others with it in one transaction.
async fn a_queue_goes_when_nothing_else_is_left_of_it(backend: Backend) {
    let mut scene = scene(backend).await;
    let queue = id(&queue(&scene.shared, "Q", json!({})).await);
    fill(&scene.shared, "Q", 1).await;
    let due = between(&mut scene, move |tx| {
        let mut due = |sql| {
            tx.exec(sql, &[])?;
            let found = sweep::look(tx, Task::Deleted { queue }, i64::MIN);
            let found = found.map_err(|e| db::Error::Sql(e.to_string()))?;
            Ok::<_, db::Error>(found.is_some())
        };
        Ok([
            due("UPDATE queue_definitions SET deletion_time = 1")?,
            due("DELETE FROM queue_items")?,
        ])
    })
    .await;
    assert_eq!(due, [false, true]);
}
