//! What is said, decided and counted of queue items, and how long they are kept.

use serde_json::{Value, json};
use testkit::{Backend, Client, both};

use crate::queues::{ADD, BULK_ADD, add, at, folder, item_data, meanwhile, person, queue};
use crate::support::{self, assert_members, column, id, replace, scene, text, texts};

both!(
    reviews_are_for_items_that_failed,
    failed_items_are_reviewed_and_retried,
    comments_belong_to_their_authors,
    what_happened_to_an_item,
    counters_follow_the_items,
    retention_of_a_queue,
);

async fn reviews_are_for_items_that_failed(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let item = add(&scene.shared, "Q", json!({})).await;
    let call = async |name: &str, mut body: Value| {
        body["queueItems"] = json!([{"Id": item["Id"], "RowVersion": item["RowVersion"]}]);
        scene
            .shared
            .post(&format!("odata/QueueItems/UiPathODataSvc.{name}"), &body)
            .await
    };
    for status in ["InReview", "Verified", "Retried", "None"] {
        let answer = call("SetItemReviewStatus", json!({"status": status}))
            .await
            .ok(200);
        assert_eq!(answer["Success"], false);
        assert_eq!(answer["FailedItems"], json!([item["Id"]]));
    }
    call("SetItemReviewStatus", json!({"status": "Lovely"}))
        .await
        .refused(400, 0);
    call("SetItemReviewer", json!({"userId": 999_999}))
        .await
        .refused(400, 1903);
    let answer = call("UnsetItemReviewer", json!({})).await.ok(200);
    assert_eq!(answer["FailedItems"], json!([item["Id"]]));
    let same = scene.shared.get(&at("QueueItems", &item)).await.ok(200);
    assert_eq!(same, item, "nothing was changed");

    let reviewers = "odata/QueueItems/UiPath.Server.Configuration.OData.GetReviewers()";
    let list = scene.shared.get(reviewers).await.ok(200);
    assert!(texts(&list, "UserName").contains(&"admin"), "{list:#}");
    let retry = format!(
        "{}/UiPath.Server.Configuration.OData.GetItemLastRetry",
        at("QueueItems", &item)
    );
    scene.shared.get(&retry).await.refused(404, 1002);
    let history = format!(
        "{}/UiPathODataSvc.GetItemProcessingHistory",
        at("QueueItems", &item)
    );
    // Attempts are few: only the list of all items has smaller pages than other sets.
    for options in ["", "?$top=1000", "?$top=101&$orderby=Id desc"] {
        let history = scene.shared.get(&format!("{history}{options}")).await;
        assert_eq!(column(&history.ok(200), "Id"), [&item["Id"]], "{options}");
    }
    let beyond = scene.shared.get(&format!("{history}?$top=1001")).await;
    beyond.refused(400, 1000);
}

async fn failed_items_are_reviewed_and_retried(backend: Backend) {
    let mut scene = scene(backend).await;
    let more = json!({"EnforceUniqueReference": true, "Encrypted": true});
    let made = queue(&scene.shared, "Q", more).await;
    let (mut items, content) = (Vec::new(), json!({"Amount": 7}));
    for reference in ["a", "b"] {
        let more = json!({"Reference": reference, "SpecificContent": content});
        items.push(add(&scene.shared, "Q", more).await);
    }
    let fail = &[
        "UPDATE queue_items SET status = 2, processing_exception_type = 0, version = version + 1",
        "UPDATE queue_counts SET items = 2 WHERE status = 2",
        "UPDATE queue_counts SET items = 0 WHERE status = 0",
    ];
    meanwhile(&mut scene, fail).await;
    let client = &scene.shared;
    let call = async |name: &str, item: &Value, mut body: Value| {
        body["queueItems"] = json!([{"Id": item["Id"]}]);
        let path = format!("odata/QueueItems/UiPathODataSvc.{name}");
        let answer = client.post(&path, &body).await.ok(200);
        assert_eq!(answer["Success"], true, "{name}: {answer}");
        client.get(&at("QueueItems", item)).await.ok(200)
    };
    let (first, second) = (&items[0], &items[1]);
    let read = call("SetItemReviewStatus", first, json!({"status": "InReview"})).await;
    assert_eq!(
        (text(&read, "ReviewStatus"), text(&read, "Status")),
        ("InReview", "Failed")
    );
    let admin = support::user(&scene, "admin").await;
    let read = call("SetItemReviewer", first, json!({"userId": admin})).await;
    assert_eq!(read["ReviewerUserId"], admin);
    let expanded = format!("{}?$expand=ReviewerUser", at("QueueItems", first));
    let expanded = client.get(&expanded).await.ok(200);
    assert_eq!(expanded["ReviewerUser"]["UserName"], "admin");
    let read = call("UnsetItemReviewer", first, json!({})).await;
    assert_eq!(read["ReviewerUserId"], Value::Null);
    client
        .put(&at("QueueItems", first), &json!({"Progress": "x"}))
        .await
        .refused(409, 1023);

    let old = call("SetItemReviewStatus", second, json!({"status": "Retried"})).await;
    assert_eq!(
        (text(&old, "Status"), text(&old, "ReviewStatus")),
        ("Retried", "Retried")
    );
    let last = format!(
        "{}/UiPath.Server.Configuration.OData.GetItemLastRetry",
        at("QueueItems", second)
    );
    let copy = client.get(&last).await.ok(200);
    assert_eq!(
        (text(&copy, "Status"), text(&copy, "ReviewStatus")),
        ("New", "None")
    );
    assert_eq!(
        (&copy["Key"], &copy["Reference"]),
        (&old["Key"], &old["Reference"])
    );
    assert_ne!(copy["UniqueKey"], old["UniqueKey"]);
    assert_eq!(copy["ManualAncestorId"], old["Id"]);
    assert_eq!(copy["ManualAncestorUniqueKey"], old["UniqueKey"]);
    assert_eq!(
        (&copy["ManualRetryNumber"], &copy["RetryNumber"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&copy["SpecificContent"], &copy["ProcessingExceptionType"]),
        (&content, &Value::Null)
    );
    for (item, found) in [(&old, true), (&copy, false)] {
        let by_key = format!(
            "odata/QueueItems/UiPathODataSvc.GetItemLastRetryByKey(key={})",
            text(item, "UniqueKey")
        );
        let answer = client.get(&by_key).await;
        match found {
            true => assert_eq!(answer.ok(200)["Id"], copy["Id"]),
            false => drop(answer.refused(404, 1002)),
        }
    }
    let body = item_data("Q", json!({"Reference": "b"}));
    client.post(ADD, &body).await.refused(409, 1016);
    for item in [&old, &copy] {
        let history = format!(
            "{}/UiPathODataSvc.GetItemProcessingHistory",
            at("QueueItems", item)
        );
        let history = client.get(&history).await.ok(200);
        assert_eq!(column(&history, "Id"), [&old["Id"], &copy["Id"]]);
    }
    let events = format!(
        "odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={})",
        id(&copy)
    );
    let events = client.get(&events).await.ok(200);
    assert_eq!(texts(&events, "Action"), ["Create", "Retry", "Create"]);

    let report = format!(
        "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords(\
         daysNo=1,queueDefinitionId={})",
        id(&made)
    );
    let report = client.get(&report).await.ok(200);
    let retried: i64 = column(&report, "NumberOfRetriedItems")
        .into_iter()
        .filter_map(Value::as_i64)
        .sum();
    assert_eq!(retried, 1);
    assert_eq!(report["value"][0]["NumberOfRemainingTransactions"], 1);
}

async fn comments_belong_to_their_authors(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let item = add(&scene.shared, "Q", json!({})).await;
    let admin = scene.server.admin().await.folder(scene.folder);
    let body = json!({"Text": "Look at this", "QueueItemId": item["Id"],
        "CreationTime": "2000-01-01T00:00:00Z", "UserName": "somebody"});
    let comment = admin.post("odata/QueueItemComments", &body).await.ok(201);
    assert_eq!(text(&comment, "UserName"), "admin");
    assert!(!text(&comment, "CreationTime").starts_with("2000"));
    let path = at("QueueItemComments", &comment);
    // PUT makes one where there is none.
    let made = admin
        .put("odata/QueueItemComments(999999)", &body)
        .await
        .ok(201);
    let made = at("QueueItemComments", &made);
    admin.delete(&made).await.ok(204);
    assert_eq!(
        scene.shared.get(&path).await.ok(200)["Text"],
        "Look at this"
    );
    let other = json!({"Text": "Never mind", "QueueItemId": item["Id"]});
    scene.shared.put(&path, &other).await.refused(409, 1007);
    let moved = json!({"Text": "Never mind", "QueueItemId": 999_999});
    let refused = admin.put(&path, &moved).await.refused(409, 1023);
    assert!(
        text(&refused, "message").contains("QueueItemId"),
        "{refused}"
    );
    let put = replace(&admin, &path, &other).await;
    assert_eq!(text(&put, "Text"), "Never mind");
    assert_eq!(put["QueueItemId"], item["Id"]);
    let history = format!(
        "odata/QueueItemComments/UiPath.Server.Configuration.OData.GetQueueItemCommentsHistory(queueItemId={})",
        id(&item)
    );
    assert_eq!(
        texts(&admin.get(&history).await.ok(200), "Text"),
        ["Never mind"]
    );
    for body in [
        json!({"QueueItemId": item["Id"]}),
        json!({"Text": "x".repeat(513), "QueueItemId": item["Id"]}),
        json!({"Text": "x"}),
    ] {
        admin
            .post("odata/QueueItemComments", &body)
            .await
            .refused(400, 1009);
    }
    let nowhere = json!({"Text": "x", "QueueItemId": 999_999});
    admin
        .post("odata/QueueItemComments", &nowhere)
        .await
        .refused(404, 1002);
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    elsewhere.get(&path).await.refused(404, 1002);
    elsewhere.delete(&path).await.refused(404, 1002);
    admin.delete(&path).await.ok(204);
    admin.get(&path).await.refused(404, 1002);

    // Editing items is not enough to remove what others said of them; deleting items is.
    let may = |name: &str, more: &[&str]| {
        let all = ["Queues.View", "Transactions.View", "Transactions.Edit"];
        let names = all.iter().chain(more).map(|name| json!({"Name": name}));
        json!({"Name": name, "Type": "Folder", "Permissions": names.collect::<Vec<_>>()})
    };
    for role in [may("Editor", &[]), may("Deleter", &["Transactions.Delete"])] {
        scene.app.post("odata/Roles", &role).await.ok(201);
    }
    let editor = person(&scene, "editor", "Editor").await;
    let deleter = person(&scene, "deleter", "Deleter").await;
    let say = async |client: &Client| {
        let comment = client.post("odata/QueueItemComments", &body).await.ok(201);
        at("QueueItemComments", &comment)
    };
    let (own, others) = (say(&editor).await, say(&admin).await);
    let refused = editor.delete(&others).await.refused(403, 1017);
    assert!(text(&refused, "message").contains("author"), "{refused}");
    admin.get(&others).await.ok(200);
    editor.delete(&own).await.ok(204);
    deleter.delete(&others).await.ok(204);
    admin.get(&others).await.refused(404, 1002);
}

async fn what_happened_to_an_item(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let admin = scene.server.admin().await.folder(scene.folder);
    let item = add(&scene.shared, "Q", json!({})).await;
    let path = at("QueueItems", &item);
    admin.put(&path, &json!({"Progress": "x"})).await.ok(200);
    admin.delete(&path).await.ok(204);
    let history = format!(
        "odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={})",
        id(&item)
    );
    let events = admin.get(&history).await.ok(200);
    assert_eq!(texts(&events, "Action"), ["Create", "Edit", "Delete"]);
    assert_eq!(texts(&events, "Status"), ["New", "New", "Deleted"]);
    assert_eq!(events["value"][0]["UserId"], Value::Null);
    assert!(events["value"][0]["ExternalClientId"].is_string());
    assert_eq!(text(&events["value"][1], "UserName"), "admin");
    assert_members(
        &events["value"][0],
        "QueueItemId Timestamp Action Data UserId UserName Status ReviewStatus ReviewerUserId \
         ReviewerUserName ExternalClientId Id",
    );
    let one = at("QueueItemEvents", &events["value"][2]);
    assert_eq!(text(&admin.get(&one).await.ok(200), "Action"), "Delete");
    let all = admin
        .get("odata/QueueItemEvents?$filter=Action eq 'Edit'")
        .await
        .ok(200);
    assert_eq!(all["@odata.count"], 1);
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    elsewhere.get(&one).await.refused(404, 1002);
    elsewhere.get(&history).await.refused(404, 1002);
}

async fn counters_follow_the_items(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({"Description": "d"})).await;
    let status = "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus";
    let waiting = async || {
        let list = scene.shared.get(status).await.ok(200);
        assert_members(
            &list["value"][0],
            "ItemsToProcess ItemsInProgress QueueDefinitionId QueueDefinitionKey \
             QueueDefinitionName QueueDefinitionDescription \
             QueueDefinitionAcceptAutomaticallyRetry QueueDefinitionRetryAbandonedItems \
             QueueDefinitionMaxNumberOfRetries QueueDefinitionEnforceUniqueReference \
             ProcessingMeanTime SuccessfulTransactionsNo ApplicationExceptionsNo \
             BusinessExceptionsNo SuccessfulTransactionsProcessingTime \
             ApplicationExceptionsProcessingTime BusinessExceptionsProcessingTime \
             TotalNumberOfTransactions LastProcessed ReleaseName ReleaseId \
             IsProcessInCurrentFolder SpecificDataJsonSchemaExists OutputDataJsonSchemaExists \
             AnalyticsDataJsonSchemaExists ProcessScheduleId QueueFoldersCount Tags Id",
        );
        assert_eq!(list["value"][0]["QueueDefinitionKey"], made["Key"]);
        list["value"][0]["ItemsToProcess"].as_i64().unwrap()
    };
    assert_eq!(waiting().await, 0);
    let item = add(&scene.shared, "Q", json!({})).await;
    let bulk = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": [{}, {}, {}]});
    scene.shared.post(BULK_ADD, &bulk).await.ok(200);
    assert_eq!(waiting().await, 4);
    let refused = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": [{}, 1]});
    scene.shared.post(BULK_ADD, &refused).await.ok(200);
    assert_eq!(waiting().await, 4, "what was rolled back does not count");
    scene.shared.delete(&at("QueueItems", &item)).await.ok(204);
    assert_eq!(waiting().await, 3);

    let report = |days: i64, queue: i64| {
        format!(
            "odata/QueueProcessingRecords/UiPathODataSvc.RetrieveLastDaysProcessingRecords(\
             daysNo={days},queueDefinitionId={queue})"
        )
    };
    for (days, kind, periods) in [(0, "Minute", 60), (1, "Hour", 24), (7, "Day", 7)] {
        let list = scene.shared.get(&report(days, id(&made))).await.ok(200);
        assert_eq!(list["@odata.count"], periods);
        let last = list["value"].as_array().unwrap().last().unwrap();
        assert_members(
            last,
            "QueueDefinitionId ProcessingTime ReportType NumberOfRemainingTransactions \
             NumberOfInProgressTransactions NumberOfApplicationExceptions \
             NumberOfBusinessExceptions NumberOfSuccessfulTransactions NumberOfRetriedItems \
             ApplicationExceptionsProcessingTime BusinessExceptionsProcessingTime \
             SuccessfulTransactionsProcessingTime TotalNumberOfTransactions TenantId Id",
        );
        assert_eq!(text(last, "ReportType"), kind);
        assert_eq!(last["NumberOfRemainingTransactions"], 3);
        assert_eq!(last["NumberOfSuccessfulTransactions"], 0);
    }
    for (days, queue, status, code) in [
        (-1, id(&made), 400, 1009),
        (366, id(&made), 400, 1009),
        (1, 999_999, 404, 1002),
    ] {
        scene
            .shared
            .get(&report(days, queue))
            .await
            .refused(status, code);
    }
}

async fn retention_of_a_queue(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let path = at("QueueRetention", &made);
    let client = &scene.shared;
    let read = client.get(&path).await.ok(200);
    assert_eq!(
        (text(&read, "Action"), text(&read, "Type")),
        ("Delete", "Final")
    );
    assert_eq!(
        (&read["Period"], &read["BucketId"]),
        (&json!(30), &Value::Null)
    );
    let stale = format!("{path}?retentionType=Stale");
    assert_eq!(client.get(&stale).await.ok(200)["Period"], 180);
    let list = client.get("odata/QueueRetention").await.ok(200);
    assert_eq!(column(&list, "Period"), [&json!(30), &json!(180)]);

    let body = json!({"Action": "None", "Period": 7, "Type": "Stale"});
    client.put(&path, &body).await.ok(200);
    let put = client.get(&stale).await.ok(200);
    assert_eq!((text(&put, "Action"), &put["Period"]), ("None", &json!(7)));
    assert_eq!(
        client.get(&path).await.ok(200)["Period"],
        30,
        "the other stays"
    );
    client.delete(&stale).await.ok(204);
    assert_eq!(client.get(&stale).await.ok(200)["Period"], 180);
    for body in [
        json!({}),
        json!({"Action": "Delete"}),
        json!({"Action": "Delete", "Period": 0}),
        json!({"Action": "Delete", "Period": 181}),
        json!({"Action": "Burn", "Period": 3}),
        json!({"Action": "Archive", "Period": 3}),
    ] {
        client.put(&path, &body).await.refused(400, 1009);
    }
    for action in ["Archive", "Delete"] {
        let bucket = json!({"Action": action, "Period": 3, "BucketId": 1});
        client.put(&path, &bucket).await.refused(404, 1002);
    }
    let put = json!({"Action": "None", "Period": 9});
    client.put(&stale, &put).await.ok(200);
    for (kind, other) in [("Stale", "Final"), ("Final", "Stale")] {
        let path = format!("{path}?retentionType={kind}");
        let body = |kind: &str| json!({"Action": "None", "Period": 5, "Type": kind});
        let refused = client.put(&path, &body(other)).await.refused(400, 1009);
        assert!(text(&refused, "message").contains("Type"), "{refused}");
        let kept = client.get(&path).await.ok(200);
        assert_ne!(kept["Period"], 5, "{kind}");
        let body = json!({"Action": kept["Action"], "Period": kept["Period"], "Type": kind});
        client.put(&path, &body).await.ok(200);
    }
    assert_eq!(client.get(&stale).await.ok(200)["Period"], 9);
    assert_eq!(client.get(&path).await.ok(200)["Period"], 30);
    client
        .get(&format!("{path}?retentionType=Soon"))
        .await
        .refused(400, 1009);
    client
        .get("odata/QueueRetention(999999)")
        .await
        .refused(404, 1002);
}
