//! Queue items that a filter finds: by what they hold, and changed many at once.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both};

use crate::queues::{BULK_ADD, add, at, folder, meanwhile, person, queue};
use crate::support::{column, id, scene, text, texts};

both!(
    a_dry_run_only_counts,
    failed_items_are_tried_again,
    new_items_are_edited,
    all_but_those_in_progress_are_deleted,
    more_than_one_call_changes,
    other_folders_stay_as_they_are,
    by_filter_asks_for_the_same_permissions,
    what_by_filter_refuses,
    in_a_group_of_changes,
    contents_are_searched,
);

/// Calls `{name}ByFilter`.
async fn call(client: &Client, name: &str, filter: &str, body: Value) -> Answer {
    let path = format!("odata/QueueItems/Baton.{name}ByFilter?$filter={filter}");
    client.post(&path, &body).await
}

/// Calls it for good and gives Matched, Changed and Remaining.
async fn changed(client: &Client, name: &str, filter: &str, mut body: Value) -> [i64; 3] {
    body["dryRun"] = json!(false);
    let answer = call(client, name, filter, body).await.ok(200);
    assert_eq!(answer["DryRun"], false);
    numbers(&answer)
}

fn numbers(answer: &Value) -> [i64; 3] {
    ["Matched", "Changed", "Remaining"].map(|name| answer[name].as_i64().unwrap())
}

/// The references of the items that a filter finds, in the order of their numbers.
async fn found(client: &Client, filter: &str) -> String {
    let path = format!("odata/QueueItems?$orderby=Id&$filter={filter}");
    texts(&client.get(&path).await.ok(200), "Reference").join(" ")
}

/// Adds items with these references.
async fn fill(client: &Client, queue: &str, references: &[&str]) {
    for reference in references {
        add(client, queue, json!({"Reference": reference})).await;
    }
}

/// A queue with the items a to f, two of which failed, one was abandoned and one is in progress.
async fn mixed(backend: Backend) -> (Scene, i64) {
    let mut scene = scene(backend).await;
    let more = json!({"EnforceUniqueReference": true});
    let made = queue(&scene.shared, "Q", more).await;
    fill(&scene.shared, "Q", &["a", "b", "c", "d", "e", "f"]).await;
    let statuses = &[
        "UPDATE queue_items SET status = 2, turn = NULL WHERE reference IN ('a', 'c')",
        "UPDATE queue_items SET status = 4, turn = NULL WHERE reference = 'd'",
        "UPDATE queue_items SET status = 1, turn = NULL WHERE reference = 'e'",
        "UPDATE queue_counts SET items = 2 WHERE status IN (0, 2)",
        "UPDATE queue_counts SET items = 1 WHERE status IN (1, 4)",
    ];
    meanwhile(&mut scene, statuses).await;
    (scene, id(&made))
}

async fn a_dry_run_only_counts(backend: Backend) {
    let (scene, queue) = mixed(backend).await;
    let before = scene.shared.get("odata/QueueItems").await.ok(200);
    let filter = format!("QueueDefinitionId eq {queue}");
    let cases = [
        ("Retry", json!({}), 3),
        ("Edit", json!({"Priority": "High"}), 2),
        ("Edit", json!({"Priority": "Normal"}), 0),
        ("Delete", json!({}), 5),
    ];
    for (name, mut body, matched) in cases {
        for dry_run in [None, Some(json!(null)), Some(json!(true))] {
            if let Some(dry_run) = dry_run {
                body["dryRun"] = dry_run;
            }
            let answer = call(&scene.shared, name, &filter, body.clone())
                .await
                .ok(200);
            assert_eq!(numbers(&answer), [matched, 0, matched], "{name} {body}");
            assert_eq!(answer["DryRun"], true);
        }
    }
    let path = format!("odata/QueueItems/Baton.DeleteByFilter?$filter={filter}");
    let without_body = scene.shared.request("POST", &path);
    let answer = scene.shared.send(without_body).await.ok(200);
    assert_eq!(numbers(&answer), [5, 0, 5]);
    let after = scene.shared.get("odata/QueueItems").await.ok(200);
    assert_eq!(before, after);
}

async fn failed_items_are_tried_again(backend: Backend) {
    let (scene, _) = mixed(backend).await;
    let client = &scene.shared;
    let done = changed(client, "Retry", "Reference ne 'c'", json!({})).await;
    assert_eq!(done, [2, 2, 0]);
    assert_eq!(found(client, "Status eq 'Retried'").await, "a d");
    assert_eq!(found(client, "Status eq 'New'").await, "b f a d");
    assert_eq!(found(client, "Status eq 'Failed'").await, "c");
    let copies = "odata/QueueItems?$filter=ManualRetryNumber eq 1&$orderby=Id";
    let copies = client.get(copies).await.ok(200);
    let history = format!(
        "odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={})",
        id(&copies["value"][0])
    );
    let events = client.get(&history).await.ok(200);
    assert_eq!(texts(&events, "Action"), ["Create", "Retry", "Create"]);
    let again = changed(client, "Retry", "Reference ne 'c'", json!({})).await;
    assert_eq!(again, [0, 0, 0], "what was tried again is not found again");
    for status in ["New", "Retried", "Failed", "Abandoned"] {
        let counted = async |filter: &str| {
            let path = format!("odata/QueueItems?$top=0&$filter={filter}");
            client.get(&path).await.ok(200)["@odata.count"].clone()
        };
        let filter = format!("Status eq '{status}'");
        let rows = counted(&format!("{filter} and CreationTime ne null")).await;
        assert_eq!(counted(&filter).await, rows, "{status}");
    }
}

async fn new_items_are_edited(backend: Backend) {
    let (scene, queue) = mixed(backend).await;
    let client = &scene.shared;
    let filter = format!("QueueDefinitionId eq {queue}");
    let before = found(client, "Status ne 'New'").await;
    let body = json!({"priority": "low", "DueDate": "2040-01-02T03:04:05Z",
        "RiskSlaDate": "2040-01-01T00:00:00Z"});
    assert_eq!(
        changed(client, "Edit", &filter, body.clone()).await,
        [2, 2, 0]
    );
    assert_eq!(
        found(client, "Priority eq 'Low' and DueDate gt 2039-01-01").await,
        "b f"
    );
    let again = changed(client, "Edit", &filter, body).await;
    assert_eq!(again, [0, 0, 0], "what is so already is not edited again");

    let one = json!({"DeferDate": "2040-01-01T00:00:00Z", "DueDate": null});
    let done = changed(
        client,
        "Edit",
        &format!("{filter} and Reference eq 'b'"),
        one,
    )
    .await;
    assert_eq!(done, [1, 1, 0]);
    let list = client
        .get("odata/QueueItems?$filter=Status eq 'New'&$orderby=Id")
        .await
        .ok(200);
    assert_eq!(texts(&list, "Priority"), ["Low", "Low"]);
    assert_eq!(text(&list["value"][0], "DeferDate"), "2040-01-01T00:00:00Z");
    assert_eq!(
        column(&list, "DueDate"),
        [&Value::Null, &json!("2040-01-02T03:04:05Z")]
    );
    assert_eq!(texts(&list, "RiskSlaDate"), ["2040-01-01T00:00:00Z"; 2]);
    let history = format!(
        "odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={})",
        id(&list["value"][0])
    );
    let events = client.get(&history).await.ok(200);
    assert_eq!(texts(&events, "Action"), ["Create", "Edit", "Edit"]);
    let others = "Status ne 'New' and Priority eq 'Normal' and DueDate eq null";
    assert_eq!(found(client, others).await, before);

    // What was edited has another turn; what was deferred waits.
    fill(client, "Q", &["g"]).await;
    let start = json!({"transactionData": {"Name": "Q"}});
    let mut order = Vec::new();
    loop {
        let path = "odata/Queues/UiPathODataSvc.StartTransaction";
        let answer = client.post(path, &start).await;
        match answer.status {
            204 => break,
            _ => order.push(text(&answer.ok(200), "Reference").to_owned()),
        }
    }
    assert_eq!(order, ["f", "g"], "a due date comes before a priority");
}

async fn all_but_those_in_progress_are_deleted(backend: Backend) {
    let (scene, queue) = mixed(backend).await;
    let client = &scene.shared;
    let filter = format!("QueueDefinitionId eq {queue} and Reference ne 'f'");
    assert_eq!(
        changed(client, "Delete", &filter, json!({})).await,
        [4, 4, 0]
    );
    assert_eq!(found(client, "Status ne 'Deleted'").await, "e f");
    assert_eq!(
        changed(client, "Delete", &filter, json!({})).await,
        [0, 0, 0]
    );
    fill(client, "Q", &["a", "b", "c", "d"]).await;
}

async fn more_than_one_call_changes(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let items: Vec<_> = (0..1_000)
        .map(|n| json!({"Reference": format!("r{n}")}))
        .collect();
    for items in [&items[..], &items[..100]] {
        let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
        client.post(BULK_ADD, &body).await.ok(200);
    }
    let filter = "startswith(Reference,'R')";
    for [name, status] in [["Edit", "New"], ["Delete", "Deleted"]] {
        let body = json!({"Priority": "High"});
        let first = changed(client, name, filter, body.clone()).await;
        assert_eq!(first, [1_100, 1_000, 100], "{name}");
        let done =
            format!("odata/QueueItems?$top=0&$filter=Status eq '{status}' and Priority eq 'High'");
        let done = client.get(&done).await.ok(200);
        assert_eq!(done["@odata.count"], 1_000, "{name}");
        assert_eq!(
            changed(client, name, filter, body.clone()).await,
            [100, 100, 0]
        );
        assert_eq!(changed(client, name, filter, body).await, [0, 0, 0]);
    }
}

async fn other_folders_stay_as_they_are(backend: Backend) {
    let scene = scene(backend).await;
    let there = scene.app.folder(folder(&scene, "There").await);
    for client in [&scene.shared, &there] {
        queue(client, "Q", json!({})).await;
        fill(client, "Q", &["a"]).await;
    }
    assert_eq!(
        changed(&there, "Delete", "Reference eq 'a'", json!({})).await,
        [1, 1, 0]
    );
    assert_eq!(found(&scene.shared, "Status eq 'New'").await, "a");
    assert_eq!(found(&there, "Status eq 'New'").await, "");
}

async fn by_filter_asks_for_the_same_permissions(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    fill(&scene.shared, "Q", &["a"]).await;
    let body = json!({"Priority": "High"});
    let robot = person(&scene, "some-robot", "Automation User").await;
    let list = robot.get("odata/QueueItems").await.ok(200);
    let item = at("QueueItems", &list["value"][0]);
    robot.delete(&item).await.refused(403, 0);
    call(&robot, "Delete", "Id ne 0", body.clone())
        .await
        .refused(403, 0);
    call(&robot, "Edit", "Id ne 0", body.clone())
        .await
        .refused(403, 0);
    call(&robot, "Retry", "Id ne 0", body.clone()).await.ok(200);
    let stranger = scene
        .server
        .user("stranger", &[])
        .await
        .0
        .folder(scene.folder);
    for name in ["Delete", "Edit", "Retry"] {
        let refused = call(&stranger, name, "Id ne 0", body.clone()).await;
        assert_eq!(refused.status, 403, "{name}: {}", refused.text());
    }
}

async fn what_by_filter_refuses(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    fill(client, "Q", &["a"]).await;
    for name in ["Retry", "Edit", "Delete"] {
        let path = format!("odata/QueueItems/Baton.{name}ByFilter");
        let body = json!({"dryRun": false, "Priority": "High"});
        let refused = client.post(&path, &body).await.refused(400, 1009);
        assert!(text(&refused, "message").contains("$filter"), "{refused}");
        for option in [
            "$top=5",
            "$skip=1",
            "$orderby=Id",
            "$count=true",
            "$select=Id",
            "$expand=Robot",
        ] {
            let path = format!("{path}?$filter=Id ne 0&{option}");
            let said = client.post(&path, &body).await.refused(400, 1000);
            let (name, _) = option.split_once('=').unwrap();
            assert!(text(&said, "message").contains(name), "{said}");
        }
        for filter in ["Nothing eq 1", "Id eq", "SpecificContent eq 'a'"] {
            call(client, name, filter, body.clone())
                .await
                .refused(400, 1000);
        }
        call(client, name, "Id ne 0", json!({"dryRun": "perhaps"}))
            .await
            .refused(400, 1009);
        call(client, name, "Id ne 0", json!([1]))
            .await
            .refused(400, 1009);
        call(&scene.app, name, "Id ne 0", body)
            .await
            .refused(400, 1101);
        client
            .get(&format!("{path}?$filter=Id ne 0"))
            .await
            .refused(404, 0);
    }
    for body in [
        json!({"dryRun": false}),
        json!({"dryRun": false, "Reference": "b"}),
        json!({"dryRun": false, "Priority": null}),
        json!({"dryRun": false, "Priority": "Urgent"}),
        json!({"dryRun": false, "DueDate": "tomorrow"}),
    ] {
        call(client, "Edit", "Id ne 0", body)
            .await
            .refused(400, 1009);
    }
    assert_eq!(
        found(client, "Status eq 'New' and Priority eq 'Normal'").await,
        "a"
    );
}

async fn in_a_group_of_changes(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    fill(client, "Q", &["a"]).await;
    let delete = |last: &str| {
        let part = |id: &str, url: &str, body: Value| {
            json!({"id": id, "atomicityGroup": "g", "method": "POST", "url": url, "body": body,
                "headers": {"Content-Type": "application/json"}})
        };
        json!({"requests": [
            part("1", "Queues/UiPathODataSvc.AddQueueItem", json!({"itemData": {"Name": "Q", "Reference": "b"}})),
            part("2", "QueueItems/Baton.DeleteByFilter?$filter=Reference ne 'x'", json!({"dryRun": false})),
            part("3", "Queues/UiPathODataSvc.AddQueueItem", json!({"itemData": {"Name": last}})),
        ]})
    };
    client
        .post("odata/$batch", &delete("Nowhere"))
        .await
        .ok(200);
    assert_eq!(found(client, "Status eq 'New'").await, "a");
    let answer = client.post("odata/$batch", &delete("Q")).await.ok(200);
    assert_eq!(answer["responses"][1]["body"]["Changed"], 2, "{answer}");
    assert_eq!(found(client, "Status eq 'Deleted'").await, "a b");
}

async fn contents_are_searched(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Secret", json!({"Encrypted": true})).await;
    let plain = queue(client, "Plain", json!({})).await;
    for (queue, reference, content) in [
        (
            "Plain",
            "a",
            json!({"Customer": "Müller & Söhne", "Amount": 17}),
        ),
        (
            "Plain",
            "b",
            json!({"Customer": "Sealed goods", "Amount": 170}),
        ),
        ("Plain", "c", Value::Null),
        (
            "Secret",
            "s",
            json!({"Customer": "Müller & Söhne", "Amount": 17}),
        ),
    ] {
        add(
            client,
            queue,
            json!({"Reference": reference, "SpecificContent": content}),
        )
        .await;
    }
    for (filter, expected) in [
        ("contains(SpecificData,'müller')", "a"),
        ("contains(SpecificData,'\"Amount\":17')", "a b"),
        ("contains(SpecificData,'\"Amount\":17}')", "a"),
        ("contains(tolower(SpecificData),'customer')", "a b"),
        // Neither what seals a content nor the sealed text is content.
        ("contains(SpecificData,'sealed')", "b"),
        ("startswith(SpecificData,'sealed:')", ""),
        ("length(SpecificData) gt 0", "a b"),
        ("SpecificData ne null", "a b"),
        ("not contains(SpecificData,'Amount')", "c s"),
    ] {
        assert_eq!(found(client, filter).await, expected, "{filter}");
    }
    let narrow = format!(
        "QueueDefinitionId eq {} and contains(SpecificData,'goods')",
        id(&plain)
    );
    assert_eq!(found(client, &narrow).await, "b");
    assert_eq!(found(client, "QueueDefinitionName eq 'secret'").await, "s");
    let named = "odata/QueueItems?$filter=Reference eq 's'&$select=QueueDefinitionName";
    let named = client.get(named).await.ok(200);
    assert_eq!(named["value"], json!([{"QueueDefinitionName": "Secret"}]));
    let sorted = "odata/QueueItems?$orderby=SpecificData desc&$select=Reference,SpecificData";
    let sorted = client.get(sorted).await.ok(200);
    let secret = sorted["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["Reference"] == "s");
    let shown = text(secret.unwrap(), "SpecificData");
    assert!(
        shown.contains("Müller"),
        "an answer shows what a filter cannot see: {shown}"
    );
}
