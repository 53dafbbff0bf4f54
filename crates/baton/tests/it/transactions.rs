//! Items taken from queues, and what becomes of them.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both};
use tokio::time::{Duration, Instant, sleep};

use crate::queues::{add, at, meanwhile, queue};
use crate::support::{column, id, scene, text};

both!(
    an_item_from_first_to_last,
    the_order_of_items,
    deferred_items_wait,
    taken_by_reference,
    a_new_item_is_started,
    failures_are_tried_again,
    given_back_for_later,
    progress_is_told,
    what_is_not_in_progress_has_no_result,
    robots_take_items,
    abandoned_items,
    many_callers_get_each_item_once,
    a_batch_takes_and_ends,
    seconds_of_all_attempts_add_up,
);

/// `POST` to take an item.
pub const START: &str = "odata/Queues/UiPathODataSvc.StartTransaction";

/// Takes the next item; null when there is none.
pub async fn take(client: &Client, queue: &str, more: Value) -> Value {
    let data = crate::support::with(json!({"Name": queue}), more);
    let answer = client.post(START, &json!({"transactionData": data})).await;
    match answer.status {
        204 => Value::Null,
        _ => answer.ok(200),
    }
}

/// Sets the result of an item.
pub async fn end(client: &Client, item: &Value, result: Value) -> Answer {
    let path = format!(
        "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
        id(item)
    );
    client
        .post(&path, &json!({"transactionResult": result}))
        .await
}

async fn get(client: &Client, item: &Value) -> Value {
    client.get(&at("QueueItems", item)).await.ok(200)
}

/// How many items the queue has in each status, as its report and its lists say.
async fn counts(client: &Client, queue: &Value) -> (i64, i64) {
    let path = "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";
    let all = client.get(path).await.ok(200);
    let rows = all["value"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|r| r["QueueDefinitionId"] == queue["Id"])
        .unwrap();
    let (new, busy) = (&row["ItemsToProcess"], &row["ItemsInProgress"]);
    (new.as_i64().unwrap(), busy.as_i64().unwrap())
}

async fn an_item_from_first_to_last(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    assert!(take(client, "q", json!({})).await.is_null());
    let added = add(
        client,
        "Q",
        json!({"SpecificContent": {"a": 1}, "Reference": "r"}),
    )
    .await;
    assert_eq!(counts(client, &made).await, (1, 0));
    let taken = take(client, "q", json!({})).await;
    assert!(text(&taken, "@odata.context").ends_with("/$metadata#QueueItems/$entity"));
    assert_eq!(
        (id(&taken), text(&taken, "Status")),
        (id(&added), "InProgress")
    );
    assert_eq!(taken["SpecificContent"], json!({"a": 1}));
    assert_eq!(
        (&taken["RobotId"], &taken["ExecutorJobKey"]),
        (&Value::Null, &Value::Null)
    );
    assert!(text(&taken, "StartProcessing") >= text(&added, "CreationTime"));
    assert_eq!(taken, get(client, &added).await);
    assert_eq!(counts(client, &made).await, (0, 1));
    assert!(take(client, "Q", json!({})).await.is_null());

    let result = json!({
        "IsSuccessful": true, "Output": {"sum": 3, "when@odata.type": "#DateTimeOffset",
        "when": "2030-01-01T00:00:00Z"}, "Analytics": {"ms": 5}, "Progress": "all", "OperationId": "op",
    });
    let answer = end(client, &taken, result).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let ended = get(client, &added).await;
    assert_eq!(text(&ended, "Status"), "Successful");
    assert_eq!(
        ended["Output"],
        json!({"sum": 3, "when": "2030-01-01T00:00:00Z"})
    );
    assert_eq!(ended["Analytics"], json!({"ms": 5}));
    assert_eq!(
        (text(&ended, "Progress"), text(&ended, "OperationId")),
        ("all", "op")
    );
    assert!(text(&ended, "EndProcessing") >= text(&taken, "StartProcessing"));
    assert_eq!(counts(client, &made).await, (0, 0));
    let history = format!(
        "odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={})",
        id(&added)
    );
    let events = client.get(&history).await.ok(200);
    let events = events["value"].as_array().unwrap();
    let seen: Vec<_> = events
        .iter()
        .map(|e| (text(e, "Action"), text(e, "Status")))
        .collect();
    let expected = [
        ("Create", "New"),
        ("Status", "InProgress"),
        ("Status", "Successful"),
    ];
    assert_eq!(seen, expected);
}

async fn the_order_of_items(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let items = [
        ("plain", json!({})),
        ("low", json!({"Priority": "Low"})),
        ("high", json!({"Priority": "High"})),
        ("plain 2", json!({})),
        ("due late", json!({"DueDate": "2031-01-02T00:00:00Z"})),
        (
            "due low",
            json!({"DueDate": "2020-01-01T00:00:00Z", "Priority": "Low"}),
        ),
        ("due soon", json!({"DueDate": "2031-01-01T00:00:00Z"})),
        (
            "due high",
            json!({"DueDate": "2032-01-01T00:00:00Z", "Priority": "High"}),
        ),
    ];
    for (reference, more) in items {
        add(
            client,
            "Q",
            crate::support::with(json!({"Reference": reference}), more),
        )
        .await;
    }
    let mut order = Vec::new();
    loop {
        let item = take(client, "Q", json!({})).await;
        if item.is_null() {
            break;
        }
        order.push(text(&item, "Reference").to_owned());
    }
    let expected = [
        "due high", "due soon", "due late", "due low", "high", "plain", "plain 2", "low",
    ];
    assert_eq!(order, expected);
}

async fn deferred_items_wait(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    add(
        client,
        "Q",
        json!({"Reference": "past", "DeferDate": "2020-01-01T00:00:00Z"}),
    )
    .await;
    add(
        client,
        "Q",
        json!({"Reference": "future", "DeferDate": "2099-01-01T00:00:00Z"}),
    )
    .await;
    let soon = odata::Timestamp::now().plus(Duration::from_secs(60));
    let soon = soon.text(str::to_owned);
    let soon = json!({"Reference": "soon", "DeferDate": soon, "Priority": "High"});
    add(client, "Q", soon).await;
    assert_eq!(
        text(&take(client, "Q", json!({})).await, "Reference"),
        "past"
    );
    assert!(take(client, "Q", json!({})).await.is_null());
    assert_eq!(counts(client, &made).await, (2, 1));
    scene.server.advance(Duration::from_secs(61));
    let taken = take(client, "Q", json!({})).await;
    assert_eq!(text(&taken, "Reference"), "soon");
    assert!(text(&taken, "StartProcessing") >= text(&taken, "DeferDate"));
    // What is edited is handed out as it is then.
    let items = client
        .get("odata/QueueItems?$filter=Status eq 'New'")
        .await
        .ok(200);
    let item = &items["value"][0];
    let change = json!({"Priority": "Low", "Progress": null});
    client.put(&at("QueueItems", item), &change).await.ok(200);
    assert_eq!(
        text(&take(client, "Q", json!({})).await, "Reference"),
        "future"
    );
}

async fn taken_by_reference(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    for (reference, priority) in [
        ("inv-1", "Low"),
        ("INV-2", "High"),
        ("order-1", "High"),
        ("inv-1", "High"),
        ("inv-", "Low"),
    ] {
        add(
            client,
            "Q",
            json!({"Reference": reference, "Priority": priority}),
        )
        .await;
    }
    let filter =
        |reference: &str, how: &str| json!({"Reference": reference, "ReferenceFilterOption": how});
    let equal = take(client, "Q", filter("Inv-1", "Equals")).await;
    assert_eq!(
        (text(&equal, "Reference"), text(&equal, "Priority")),
        ("inv-1", "High")
    );
    let plain = take(client, "Q", json!({"Reference": "order-1"})).await;
    assert_eq!(text(&plain, "Reference"), "order-1");
    assert!(
        take(client, "Q", filter("order-1", "Equals"))
            .await
            .is_null()
    );
    let mut found = Vec::new();
    for _ in 0..4 {
        let item = take(client, "Q", filter("INV-", "StartsWith")).await;
        found.push(item["Reference"].as_str().unwrap_or("none").to_owned());
    }
    assert_eq!(found, ["INV-2", "inv-1", "inv-", "none"]);
    let wrong = json!({"transactionData": {"Name": "Q", "Reference": "r", "ReferenceFilterOption": "Like"}});
    client.post(START, &wrong).await.refused(400, 1009);
}

async fn a_new_item_is_started(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let unique = json!({"EnforceUniqueReference": true, "Encrypted": true});
    let made = queue(client, "Q", unique).await;
    let more = json!({
        "SpecificContent": {"a": "b"}, "Reference": "r", "ParentOperationId": "op",
        "DueDate": "2031-01-01T00:00:00Z", "DeferDate": "2032-01-01T00:00:00Z",
    });
    let item = take(client, "Q", more.clone()).await;
    assert_eq!(
        (text(&item, "Status"), text(&item, "Reference")),
        ("InProgress", "r")
    );
    assert_eq!(
        (&item["SpecificContent"], text(&item, "ParentOperationId")),
        (&json!({"a": "b"}), "op")
    );
    assert_eq!(text(&item, "DueDate"), "2031-01-01T00:00:00Z");
    assert_eq!(counts(client, &made).await, (0, 1));
    let again = json!({"transactionData": crate::support::with(json!({"Name": "Q"}), more)});
    client.post(START, &again).await.refused(409, 1016);
    let none = json!({"transactionData": {"Name": "Q", "SpecificContent": {}}});
    client.post(START, &none).await.refused(400, 1900);
    end(
        client,
        &item,
        json!({"IsSuccessful": true, "Output": {"x": "y"}}),
    )
    .await
    .ok(200);
    assert_eq!(get(client, &item).await["Output"], json!({"x": "y"}));
}

async fn failures_are_tried_again(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let more = json!({
        "AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 1, "EnforceUniqueReference": true,
    });
    let made = queue(client, "Q", more).await;
    let first = add(
        client,
        "Q",
        json!({"Reference": "r", "SpecificContent": {"a": 1}}),
    )
    .await;
    let taken = take(client, "Q", json!({})).await;
    let exception = json!({
        "Reason": "no network", "Details": "at line 1", "Type": "ApplicationException",
        "AssociatedImageFilePath": "/tmp/a.png", "CreationTime": "2026-01-01T00:00:00Z",
    });
    let failed = json!({"IsSuccessful": false, "ProcessingException": exception});
    end(client, &taken, failed.clone()).await.ok(200);
    let original = get(client, &first).await;
    assert_eq!(text(&original, "Status"), "Retried");
    assert_eq!(original["ProcessingException"], exception);
    // What jobs would call the error of an item has no way in.
    assert_eq!(original["Error"], Value::Null);
    assert_eq!(
        text(&original, "ProcessingExceptionType"),
        "ApplicationException"
    );
    assert_eq!(counts(client, &made).await, (1, 0));
    let copy = take(client, "Q", json!({})).await;
    assert_eq!(
        (&copy["Key"], &copy["Reference"]),
        (&original["Key"], &original["Reference"])
    );
    assert_ne!(copy["UniqueKey"], original["UniqueKey"]);
    assert_eq!(copy["SpecificContent"], json!({"a": 1}));
    assert_eq!(
        (&copy["AncestorId"], &copy["AncestorUniqueKey"]),
        (&original["Id"], &original["UniqueKey"])
    );
    assert_eq!(
        (&copy["RetryNumber"], &copy["ManualRetryNumber"]),
        (&json!(1), &json!(0))
    );
    // Its reference is taken still.
    let data = json!({"itemData": {"Name": "Q", "Reference": "R"}});
    client
        .post(crate::queues::ADD, &data)
        .await
        .refused(409, 1016);
    end(client, &copy, failed).await.ok(200);
    assert_eq!(
        text(&get(client, &copy).await, "Status"),
        "Failed",
        "one retry is all"
    );
    assert_eq!(counts(client, &made).await, (0, 0));

    // A fault of the content is not tried again; one that says nothing is technical.
    add(client, "Q", json!({"Reference": "s"})).await;
    let item = take(client, "Q", json!({})).await;
    let business =
        json!({"IsSuccessful": false, "ProcessingException": {"Type": "BusinessException"}});
    end(client, &item, business).await.ok(200);
    assert_eq!(text(&get(client, &item).await, "Status"), "Failed");
    add(client, "Q", json!({"Reference": "t"})).await;
    let item = take(client, "Q", json!({})).await;
    end(client, &item, json!({"IsSuccessful": false}))
        .await
        .ok(200);
    let item = get(client, &item).await;
    assert_eq!(
        (
            text(&item, "Status"),
            text(&item, "ProcessingExceptionType")
        ),
        ("Retried", "ApplicationException")
    );
    let path = format!(
        "odata/QueueItems({})/UiPathODataSvc.GetItemProcessingHistory",
        id(&first)
    );
    let history = client.get(&path).await.ok(200);
    assert_eq!(column(&history, "Id"), [&first["Id"], &copy["Id"]]);
    let path = "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";
    let report = &client.get(path).await.ok(200)["value"][0];
    let numbers = [
        "SuccessfulTransactionsNo",
        "ApplicationExceptionsNo",
        "BusinessExceptionsNo",
        "TotalNumberOfTransactions",
    ];
    assert_eq!(numbers.map(|n| report[n].as_i64().unwrap()), [0, 3, 1, 4]);
}

async fn given_back_for_later(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let first = add(client, "Q", json!({"DueDate": "2031-01-01T00:00:00Z"})).await;
    let taken = take(client, "Q", json!({})).await;
    let later = json!({"DeferDate": "2020-01-01T00:00:00Z", "Progress": "half"});
    end(client, &taken, later).await.ok(200);
    let item = get(client, &first).await;
    assert_eq!(
        (text(&item, "Status"), text(&item, "Progress")),
        ("New", "half")
    );
    assert_eq!(item["StartProcessing"], taken["StartProcessing"]);
    assert_eq!(
        (text(&item, "DeferDate"), text(&item, "DueDate")),
        ("2020-01-01T00:00:00Z", "2031-01-01T00:00:00Z")
    );
    assert_eq!(counts(client, &made).await, (1, 0));
    let taken = take(client, "Q", json!({})).await;
    assert_eq!(id(&taken), id(&first));
    let later = json!({"IsSuccessful": false, "DeferDate": "2099-01-01T00:00:00Z", "DueDate": "2100-01-01T00:00:00Z"});
    end(client, &taken, later).await.ok(200);
    assert!(take(client, "Q", json!({})).await.is_null());
    assert_eq!(
        text(&get(client, &first).await, "DueDate"),
        "2100-01-01T00:00:00Z"
    );
}

fn progress(item: &Value) -> String {
    format!(
        "odata/QueueItems({})/UiPathODataSvc.SetTransactionProgress",
        id(item)
    )
}

async fn progress_is_told(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let item = add(client, "Q", json!({})).await;
    let half = json!({"Progress": "half"});
    client
        .post(&progress(&item), &half)
        .await
        .refused(409, 1901);
    take(client, "Q", json!({})).await;
    let answer = client
        .post(&progress(&item), &json!({"progress": "half"}))
        .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(text(&get(client, &item).await, "Progress"), "half");
    let long = json!({"Progress": "x".repeat(104_858)});
    client
        .post(&progress(&item), &long)
        .await
        .refused(413, 1920);
    client
        .post(&progress(&item), &json!(7))
        .await
        .refused(400, 0);
    end(client, &item, json!({"IsSuccessful": true}))
        .await
        .ok(200);
    client
        .post(&progress(&item), &half)
        .await
        .refused(409, 1901);
    client
        .post(
            "odata/QueueItems(99999)/UiPathODataSvc.SetTransactionProgress",
            &half,
        )
        .await
        .refused(404, 1002);
}

async fn what_is_not_in_progress_has_no_result(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let item = add(client, "Q", json!({})).await;
    let good = json!({"IsSuccessful": true});
    end(client, &item, good.clone()).await.refused(409, 1902);
    take(client, "Q", json!({})).await;
    let big = |length| json!({"k": "x".repeat(length)});
    for (result, code) in [
        (json!({"IsSuccessful": true, "Output": big(51_200)}), 1917),
        (json!({"IsSuccessful": true, "Analytics": big(5_120)}), 1918),
        (
            json!({"ProcessingException": {"Reason": "x".repeat(102_401)}}),
            1919,
        ),
        (
            json!({"ProcessingException": {"Details": "x".repeat(102_401)}}),
            1919,
        ),
        (
            json!({"IsSuccessful": true, "Progress": "x".repeat(104_858)}),
            1920,
        ),
    ] {
        end(client, &item, result).await.refused(413, code);
    }
    for wrong in [
        json!({"ProcessingException": {"Type": "Other"}}),
        json!({"OperationId": "x".repeat(129)}),
        json!({"IsSuccessful": "yes"}),
    ] {
        end(client, &item, wrong).await.refused(400, 1009);
    }
    assert_eq!(text(&get(client, &item).await, "Status"), "InProgress");
    end(client, &item, good.clone()).await.ok(200);
    end(client, &item, good.clone()).await.refused(409, 1915);
    end(client, &json!({"Id": 99_999}), good.clone())
        .await
        .refused(404, 1002);
    // Through another folder it is not seen.
    let other = crate::queues::folder(&scene, "Other").await;
    let elsewhere = scene.app.folder(other);
    end(&elsewhere, &item, good).await.refused(404, 1002);
    let unknown = json!({"transactionData": {"Name": "Nowhere"}});
    client.post(START, &unknown).await.refused(404, 1002);
    client
        .post(START, &json!({"transactionData": {}}))
        .await
        .refused(400, 1009);
    client.post(START, &json!({})).await.refused(400, 0);
    let unknown = json!({"transactionData": {"Name": "Q", "RobotIdentifier": uuid()}});
    client.post(START, &unknown).await.refused(404, 1002);
}

fn uuid() -> String {
    odata::Guid::random().to_string()
}

async fn robots_take_items(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    for _ in 0..3 {
        add(&scene.shared, "Q", json!({})).await;
    }
    let (machine, none) = (scene.server.machine(), json!({}));
    let service = machine.post("api/RobotsService/StartService", &none).await;
    let service = service.ok(200);
    let key = text(&service["robots"][0], "robotKey");
    let named = take(&scene.shared, "Q", json!({"RobotIdentifier": key})).await;
    let path = format!("{}?$expand=Robot", at("QueueItems", &named));
    let shown = scene.shared.get(&path).await.ok(200);
    assert_eq!(shown["Robot"]["Id"], named["RobotId"]);
    assert_eq!(text(&shown["Robot"], "Name"), "local-robot-unattended");
    // The robot itself needs no other name, and says in which job it runs.
    let credential = format!("UiRobot {key}");
    let robot = scene.server.anonymous().with("Authorization", credential);
    let job = odata::Guid::random().to_string();
    let robot = robot.folder(scene.folder).with("X-UIPATH-JobKey", &job);
    let own = take(&robot, "Q", json!({})).await;
    assert_eq!(
        (&own["RobotId"], text(&own, "ExecutorJobKey")),
        (&named["RobotId"], &*job)
    );
    let done = json!({"IsSuccessful": true});
    end(&robot, &own, done).await.ok(200);
    let added = add(&robot, "Q", json!({})).await;
    assert_eq!(text(&added, "CreatorJobKey"), job);
}

async fn abandoned_items(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    set_limit(&scene, 60).await;
    let again = json!({"RetryAbandonedItems": true, "MaxNumberOfRetries": 1});
    queue(client, "Q", again).await;
    queue(client, "P", json!({})).await;
    let mut items = Vec::new();
    for name in ["Q", "P"] {
        add(client, name, json!({"Reference": "r"})).await;
        items.push(take(client, name, json!({})).await);
    }
    let passes = || scene.server.advance(Duration::from_secs(61));
    passes();
    let status = |item: Value, wanted: &'static str| async move {
        let by = Instant::now() + Duration::from_secs(30);
        loop {
            let now = get(client, &item).await;
            if text(&now, "Status") == wanted {
                return now;
            }
            assert!(Instant::now() < by, "{now}");
            sleep(Duration::from_millis(100)).await;
        }
    };
    status(items[1].clone(), "Abandoned").await;
    let original = status(items[0].clone(), "Retried").await;
    let copy = take(client, "Q", json!({})).await;
    assert_eq!(copy["AncestorId"], original["Id"]);
    passes();
    status(copy.clone(), "Abandoned").await;
    end(client, &copy, json!({"IsSuccessful": true}))
        .await
        .refused(409, 1915);
    assert!(take(client, "Q", json!({})).await.is_null());
}

/// After how many seconds items without a result are abandoned.
pub async fn set_limit(scene: &Scene, seconds: u32) {
    let path = "odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk";
    let limit = json!({"Name": "Queues.AbandonedAfterSeconds", "Value": seconds.to_string()});
    scene
        .app
        .post(path, &json!({"settings": [limit]}))
        .await
        .ok(200);
}

async fn many_callers_get_each_item_once(backend: Backend) {
    let scene = scene(backend).await;
    let client = scene.shared.clone();
    let made = queue(&client, "Q", json!({})).await;
    let items: Vec<Value> = (0..200)
        .map(|n| json!({"Reference": format!("r{n}")}))
        .collect();
    let bulk = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
    client.post(crate::queues::BULK_ADD, &bulk).await.ok(200);
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let client = client.clone();
        callers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let item = take(&client, "Q", json!({})).await;
                if item.is_null() {
                    return mine;
                }
                end(&client, &item, json!({"IsSuccessful": true}))
                    .await
                    .ok(200);
                mine.push(id(&item));
            }
        });
    }
    let mut all = callers.join_all().await.concat();
    let taken = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((taken, all.len()), (200, 200));
    assert_eq!(counts(&client, &made).await, (0, 0));
    let done = client
        .get("odata/QueueItems/$count?$filter=Status eq 'Successful'")
        .await;
    assert_eq!(done.text(), "200");
}

async fn a_batch_takes_and_ends(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let item = add(client, "Q", json!({})).await;
    let headers = json!({"content-type": "application/json"});
    let batch = json!({"requests": [
        {"id": "1", "method": "POST", "url": "Queues/UiPathODataSvc.StartTransaction", "headers": headers,
         "body": {"transactionData": {"Name": "Q"}}},
        {"id": "2", "method": "POST", "headers": headers,
         "url": format!("Queues({})/UiPathODataSvc.SetTransactionResult", id(&item)),
         "body": {"transactionResult": {"IsSuccessful": true}}},
        {"id": "3", "method": "POST", "url": "Queues/UiPathODataSvc.StartTransaction", "headers": headers,
         "body": {"transactionData": {"Name": "Q"}}},
    ]});
    let answers = client.post("odata/$batch", &batch).await.ok(200);
    let statuses: Vec<_> = answers["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].clone())
        .collect();
    assert_eq!(statuses, [200, 200, 204]);
    assert_eq!(text(&get(client, &item).await, "Status"), "Successful");
}

/// What was given back, and each attempt before the last, counts, whoever had it tried again.
async fn seconds_of_all_attempts_add_up(backend: Backend) {
    let mut scene = scene(backend).await;
    let retried = json!({"AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 2});
    queue(&scene.shared, "Q", retried).await;
    add(&scene.shared, "Q", json!({})).await;
    let back = json!({"IsSuccessful": false, "DeferDate": "2020-01-01T00:00:00Z"});
    let failed = json!({"IsSuccessful": false});
    let attempts = [
        (&back, 0),
        (&back, 100),
        (&failed, 200),
        (&failed, 300),
        (&failed, 400),
    ];
    for (result, least) in attempts {
        let item = take(&scene.shared, "Q", json!({})).await;
        let seconds = item["SecondsInPreviousAttempts"].as_i64().unwrap();
        assert!((least..least + 100).contains(&seconds), "{item:#}");
        // A hundred seconds.
        let earlier = &[
            "UPDATE queue_items SET start_processing = start_processing - 1000000000
             WHERE status = 1",
        ];
        meanwhile(&mut scene, earlier).await;
        end(&scene.shared, &item, result.clone()).await.ok(200);
    }
    let failed = "odata/QueueItems?$filter=Status eq 'Failed'";
    let failed = scene.shared.get(failed).await.ok(200);
    let retry = json!({"status": "Retried", "queueItems": [{"Id": failed["value"][0]["Id"]}]});
    let path = "odata/QueueItems/UiPathODataSvc.SetItemReviewStatus";
    let answer = scene.shared.post(path, &retry).await.ok(200);
    assert_eq!(answer["Success"], true, "{answer}");
    let last = take(&scene.shared, "Q", json!({})).await;
    let seconds = last["SecondsInPreviousAttempts"].as_i64().unwrap();
    assert!((500..600).contains(&seconds), "{last:#}");
    let numbers = (&last["RetryNumber"], &last["ManualRetryNumber"]);
    assert_eq!(numbers, (&json!(2), &json!(1)));
}
