//! Items of queues: added one by one and many at once, edited, deleted, and listed.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::queues::{ADD, BULK_ADD, SHARE, add, at, folder, item_data, meanwhile, queue};
use crate::support::{column, id, replace, scene, text, texts};

both!(
    an_item_as_it_was_added,
    items_that_cannot_be,
    references_used_once,
    deadlines_come_from_the_queue,
    an_encrypted_queue,
    many_items_at_once,
    a_new_item_is_edited,
    two_editors,
    deleting_items,
    pages_of_items,
    items_across_folders_are_counted_and_paged,
);

/// Seconds since midnight, for times that are less than a day apart.
fn odata_seconds(at: &str) -> i64 {
    let (date, time) = at.trim_end_matches('Z').split_once('T').unwrap();
    let day: i64 = date[8..].parse().unwrap();
    let mut seconds = 0;
    for part in time.split('.').next().unwrap().split(':') {
        seconds = seconds * 60 + part.parse::<i64>().unwrap();
    }
    day * 86_400 + seconds
}

async fn an_item_as_it_was_added(backend: Backend) {
    let scene = scene(backend).await;
    let queue = queue(&scene.shared, "Q", json!({})).await;
    let more = json!({
        "Priority": "High", "Reference": "R-1", "Progress": "begun", "Source": "Apps",
        "DeferDate": "2031-02-03T04:05:06.1234567Z", "DueDate": "2031-02-04T00:00:00",
        "RiskSlaDate": "2031-02-03T12:00:00+01:00", "ParentOperationId": "op",
        "SpecificContent": {
            "Text@odata.type": "#String", "Text": "a\"b\u{e9}\\", "Number": 1.5, "Big": 9_007_199_254_740_993_i64,
            "Yes": true, "Nothing": null, "when@odata.type": "#DateTimeOffset",
            "when": "2030-01-01T00:00:00Z",
        },
    });
    let item = add(&scene.shared, "q", more).await;
    assert!(text(&item, "@odata.context").ends_with("/$metadata#QueueItems/$entity"));
    assert_eq!(item["QueueDefinitionId"], queue["Id"]);
    assert_eq!(
        (text(&item, "Status"), text(&item, "ReviewStatus")),
        ("New", "None")
    );
    assert_eq!(
        (text(&item, "Priority"), text(&item, "Reference")),
        ("High", "R-1")
    );
    assert_eq!(text(&item, "DeferDate"), "2031-02-03T04:05:06.1234567Z");
    assert_eq!(
        text(&item, "DueDate"),
        "2031-02-04T00:00:00Z",
        "no zone is UTC"
    );
    assert_eq!(text(&item, "RiskSlaDate"), "2031-02-03T11:00:00Z");
    assert_eq!(
        (text(&item, "Progress"), &item["RetryNumber"]),
        ("begun", &json!(0))
    );
    assert_eq!(text(&item, "ParentOperationId"), "op");
    assert_eq!(text(&item, "RowVersion"), "AAAAAAAAAAE=");
    let content = json!({
        "Text": "a\"b\u{e9}\\", "Number": 1.5, "Big": 9_007_199_254_740_993_i64, "Yes": true,
        "Nothing": null, "when": "2030-01-01T00:00:00Z",
    });
    assert_eq!(item["SpecificContent"], content);
    let data: Value = serde_json::from_str(text(&item, "SpecificData")).unwrap();
    assert_eq!(data, json!({"DynamicProperties": content}));
    assert_eq!(
        scene.shared.get(&at("QueueItems", &item)).await.ok(200),
        item
    );

    let bare = add(&scene.shared, "Q", json!({})).await;
    assert_eq!(text(&bare, "Priority"), "Normal");
    for member in [
        "SpecificContent",
        "SpecificData",
        "Reference",
        "DueDate",
        "Output",
        "OutputData",
    ] {
        assert_eq!(bare[member], Value::Null, "{member}");
    }
    assert_ne!(bare["Key"], item["Key"]);
    let found = format!(
        "odata/QueueItems?$filter=Key eq {}&$select=Id",
        text(&bare, "Key")
    );
    let found = scene.shared.get(&found).await.ok(200);
    assert_eq!(found["value"], json!([{"Id": bare["Id"]}]));
    let expanded = "odata/QueueItems?$filter=QueueDefinition/Name eq 'q' and Reference eq 'r-1'\
        &$expand=QueueDefinition,Robot,ReviewerUser";
    let expanded = scene.shared.get(expanded).await.ok(200);
    assert_eq!(expanded["value"][0]["QueueDefinition"]["Name"], "Q");
    assert_eq!(expanded["value"][0]["Robot"], Value::Null);
    assert_eq!(expanded["@odata.count"], 1);
}

async fn items_that_cannot_be(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let client = &scene.shared;
    let unknown = client
        .post(ADD, &item_data("Nowhere", json!({})))
        .await
        .refused(404, 1002);
    assert_eq!(unknown["message"], "Nowhere does not exist.");
    for body in [
        json!({}),
        json!({"itemData": null}),
        json!({"itemData": "x"}),
        json!([]),
    ] {
        let refused = client.post(ADD, &body).await.refused(400, 0);
        assert!(text(&refused, "message").starts_with("itemData must not be null"));
    }
    client
        .post(ADD, &json!({"itemData": {}}))
        .await
        .refused(400, 1009);
    for more in [
        json!({"Priority": "Sooner"}),
        json!({"Reference": "x".repeat(129)}),
        json!({"Source": "Dreams"}),
        json!({"ParentOperationId": "x".repeat(129)}),
        json!({"DueDate": "tomorrow"}),
        json!({"SpecificContent": "text"}),
        json!({"SpecificContent": {"a.b": 1}}),
        json!({"SpecificContent": {"a@b": 1}}),
        json!({"SpecificContent": {"a": {"b": 1}}}),
        json!({"SpecificContent": {"a": [1]}}),
        json!({"SpecificContent": {"a@odata.type": "#Int64", "a": "x"}}),
    ] {
        client
            .post(ADD, &item_data("Q", more))
            .await
            .refused(400, 1009);
    }
    let large = json!({"SpecificContent": {"a": "x".repeat(256_000)}});
    client
        .post(ADD, &item_data("Q", large))
        .await
        .refused(413, 1914);
    let long = json!({"Progress": "x".repeat(104_858)});
    client
        .post(ADD, &item_data("Q", long))
        .await
        .refused(413, 1920);
    scene
        .app
        .post(ADD, &item_data("Q", json!({})))
        .await
        .refused(400, 1101);
    let list = client.get("odata/QueueItems").await.ok(200);
    assert_eq!(list["value"], json!([]));
}

async fn references_used_once(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Once", json!({"EnforceUniqueReference": true})).await;
    queue(client, "Free", json!({})).await;
    let first = add(client, "Once", json!({"Reference": "R"})).await;
    for reference in ["R", "r"] {
        let body = item_data("Once", json!({"Reference": reference}));
        let refused = client.post(ADD, &body).await.refused(409, 1016);
        assert_eq!(
            refused["message"],
            "Error creating Transaction. Duplicate Reference."
        );
    }
    for more in [
        json!({}),
        json!({"Reference": ""}),
        json!({"Reference": null}),
    ] {
        client
            .post(ADD, &item_data("Once", more))
            .await
            .refused(400, 1900);
    }
    add(client, "Free", json!({"Reference": "R"})).await;
    add(client, "Free", json!({"Reference": "R"})).await;
    client.delete(&at("QueueItems", &first)).await.ok(204);
    add(client, "Once", json!({"Reference": "R"})).await;
    client
        .post(ADD, &item_data("Once", json!({"Reference": "R"})))
        .await
        .refused(409, 1016);
}

async fn deadlines_come_from_the_queue(backend: Backend) {
    let scene = scene(backend).await;
    queue(
        &scene.shared,
        "Q",
        json!({"SlaInMinutes": 60, "RiskSlaInMinutes": 30}),
    )
    .await;
    let at = |item: &Value, member: &str| {
        odata_seconds(text(item, member)) - odata_seconds(text(item, "CreationTime"))
    };
    let item = add(&scene.shared, "Q", json!({})).await;
    assert_eq!(
        (at(&item, "DueDate"), at(&item, "RiskSlaDate")),
        (3600, 1800)
    );
    assert_eq!(text(&item, "Priority"), "High");
    let own = json!({"DueDate": "2040-01-01T00:00:00Z", "Priority": "Low"});
    let item = add(&scene.shared, "Q", own).await;
    assert_eq!(text(&item, "DueDate"), "2040-01-01T00:00:00Z");
    assert_eq!(text(&item, "Priority"), "Low");
}

async fn an_encrypted_queue(backend: Backend) {
    let mut scene = scene(backend).await;
    queue(&scene.shared, "Secret", json!({"Encrypted": true})).await;
    queue(&scene.shared, "Plain", json!({})).await;
    let content = json!({"SpecificContent": {"Iban": "DE00-very-secret"}, "Reference": "s"});
    let item = add(&scene.shared, "Secret", content).await;
    assert_eq!(item["Encrypted"], true);
    assert_eq!(item["SpecificContent"], json!({"Iban": "DE00-very-secret"}));
    assert_eq!(
        text(&item, "SpecificData"),
        r#"{"DynamicProperties":{"Iban":"DE00-very-secret"}}"#
    );
    let pretender = json!({"SpecificContent": {"SpecificData": "sealed:x:v1:y"}});
    add(&scene.shared, "Plain", pretender).await;
    let list = scene.shared.get("odata/QueueItems").await.ok(200);
    assert_eq!(
        list["value"][0]["SpecificContent"]["Iban"],
        "DE00-very-secret"
    );
    assert_eq!(
        list["value"][1]["SpecificContent"]["SpecificData"],
        "sealed:x:v1:y"
    );
    let narrow = "odata/QueueItems?$select=SpecificContent&$filter=Reference eq 's'";
    let narrow = scene.shared.get(narrow).await.ok(200);
    assert_eq!(
        narrow["value"],
        json!([{"SpecificContent": {"Iban": "DE00-very-secret"}}])
    );
    let edit = json!({"SpecificContent": {"Iban": "XX11-very-secret"}});
    let edited = replace(&scene.shared, &at("QueueItems", &item), &edit).await;
    assert_eq!(
        edited["SpecificContent"],
        json!({"Iban": "XX11-very-secret"})
    );

    scene.server.stop().await;
    for file in ["main.db", "main.db-wal"] {
        let bytes = std::fs::read(scene.server.data().join(file)).unwrap_or_default();
        assert!(!bytes.windows(11).any(|w| w == b"very-secret"), "{file}");
    }
}

async fn many_items_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let bulk = async |queue: &str, kind: &str, references: &[&str]| {
        let items: Vec<_> = references.iter().map(|r| json!({"Reference": r})).collect();
        let body = json!({"queueName": queue, "commitType": kind, "queueItems": items});
        client.post(BULK_ADD, &body).await
    };
    let left = async |queue: &str| {
        let path = format!("odata/QueueItems?$filter=QueueDefinition/Name eq '{queue}'");
        let list = client.get(&path).await.ok(200);
        texts(&list, "Reference").join(" ")
    };
    let cases = [
        ("AllOrNothing", vec![3, 5], ""),
        ("StopOnFirstFailure", vec![3], "a b"),
        ("ProcessAllIndependently", vec![3, 5], "a b c"),
    ];
    for (kind, ordinals, expected) in cases {
        queue(client, kind, json!({"EnforceUniqueReference": true})).await;
        let answer = bulk(kind, kind, &["a", "b", "A", "c", ""]).await.ok(200);
        assert_eq!(answer["Success"], false);
        let failed = answer["FailedItems"].as_array().unwrap();
        let shown: Vec<_> = failed
            .iter()
            .map(|f| f["Ordinal"].as_i64().unwrap())
            .collect();
        assert_eq!(shown, ordinals, "{kind}");
        assert_eq!(text(&failed[0], "ErrorCode"), "DuplicateReference");
        if let Some(second) = failed.get(1) {
            assert_eq!(text(second, "ErrorCode"), "TransactionReferenceRequired");
        }
        assert_eq!(left(kind).await, expected, "{kind}");
        let good = bulk(kind, kind, &["x", "y"]).await.ok(200);
        assert_eq!(
            (&good["Success"], &good["FailedItems"]),
            (&json!(true), &json!([]))
        );
        assert_eq!(good["Message"], Value::Null);
    }
    bulk("Nowhere", "AllOrNothing", &["a"])
        .await
        .refused(404, 1002);
    bulk("AllOrNothing", "Perhaps", &["a"])
        .await
        .refused(400, 0);
    client
        .post(BULK_ADD, &json!({"queueName": "AllOrNothing"}))
        .await
        .refused(400, 0);
    let bad = json!({"queueName": "AllOrNothing", "commitType": "ProcessAllIndependently",
        "queueItems": [7, {"Reference": "z", "Priority": "?"}, {"Reference": "ok"}]});
    let answer = client.post(BULK_ADD, &bad).await.ok(200);
    let codes: Vec<_> = answer["FailedItems"].as_array().unwrap().iter().collect();
    assert_eq!(codes.len(), 2);
    assert!(
        codes.iter().all(|f| f["ErrorCode"] == "InvalidArgument"),
        "{codes:?}"
    );
}

async fn a_new_item_is_edited(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let more = json!({"Reference": "R", "SpecificContent": {"a": 1}, "RiskSlaDate": "2031-01-01T00:00:00Z"});
    let item = add(&scene.shared, "Q", more).await;
    let body = json!({
        "Name": "Q", "Priority": "Low", "Progress": "half", "DueDate": "2032-01-01T00:00:00Z",
        "DeferDate": "2031-06-01T00:00:00Z", "SpecificContent": {"b": "x"},
        "Reference": "other", "RiskSlaDate": null,
    });
    let edited = replace(&scene.shared, &at("QueueItems", &item), &body).await;
    assert_eq!(
        (text(&edited, "Priority"), text(&edited, "Progress")),
        ("Low", "half")
    );
    assert_eq!(text(&edited, "DueDate"), "2032-01-01T00:00:00Z");
    assert_eq!(edited["SpecificContent"], json!({"b": "x"}));
    assert_eq!(edited["Reference"], "R", "only what may be edited is");
    assert_eq!(edited["RiskSlaDate"], item["RiskSlaDate"]);
    assert_ne!(edited["RowVersion"], item["RowVersion"]);
    scene
        .shared
        .put("odata/QueueItems(999999)", &body)
        .await
        .refused(404, 1002);
    let wrong = json!({"SpecificContent": {"a": []}});
    scene
        .shared
        .put(&at("QueueItems", &item), &wrong)
        .await
        .refused(400, 1009);
    scene
        .shared
        .put(&at("QueueItems", &item), &json!(null))
        .await
        .refused(400, 0);
    scene
        .app
        .put(&at("QueueItems", &item), &body)
        .await
        .refused(400, 1101);
}

async fn two_editors(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let item = add(&scene.shared, "Q", json!({})).await;
    let path = at("QueueItems", &item);
    let mine = json!({"Progress": "mine", "RowVersion": item["RowVersion"]});
    scene.shared.put(&path, &mine).await.ok(200);
    let theirs = json!({"Progress": "theirs", "RowVersion": item["RowVersion"]});
    let refused = scene.shared.put(&path, &theirs).await.refused(409, 1020);
    assert_eq!(
        refused["message"],
        "Conflict with Queue Item being updated."
    );
    let nonsense = json!({"RowVersion": "?"});
    scene.shared.put(&path, &nonsense).await.refused(400, 1009);
    let read = scene.shared.get(&path).await.ok(200);
    assert_eq!(text(&read, "Progress"), "mine");
}

async fn deleting_items(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let mut items = Vec::new();
    for _ in 0..4 {
        items.push(add(&scene.shared, "Q", json!({})).await);
    }
    let path = at("QueueItems", &items[0]);
    scene.shared.delete(&path).await.ok(204);
    scene.shared.delete(&path).await.ok(204);
    assert_eq!(
        text(&scene.shared.get(&path).await.ok(200), "Status"),
        "Deleted"
    );
    scene
        .shared
        .delete("odata/QueueItems(999999)")
        .await
        .refused(404, 1002);

    let bulk = "odata/QueueItems/UiPathODataSvc.DeleteBulk";
    let named = |item: &Value| json!({"Id": item["Id"], "RowVersion": item["RowVersion"]});
    let body = json!({"queueItems": [named(&items[1]), {"Id": 999_999}, {"Id": items[2]["Id"]},
        {"Id": items[3]["Id"], "RowVersion": "AAAAAAAAAAk="}]});
    let answer = scene.shared.post(bulk, &body).await.ok(200);
    assert_eq!(answer["Success"], false);
    assert_eq!(answer["FailedItems"], json!([999_999, items[3]["Id"]]));
    let list = scene
        .shared
        .get("odata/QueueItems?$filter=Status eq 'New'")
        .await
        .ok(200);
    assert_eq!(column(&list, "Id"), [&items[3]["Id"]]);
    scene.shared.post(bulk, &json!({})).await.refused(400, 0);
}

async fn pages_of_items(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let items: Vec<_> = (0..120)
        .map(|n| {
            json!({"Reference": format!("r{n:03}"),
        "Priority": if n % 2 == 0 { "Low" } else { "High" }})
        })
        .collect();
    let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
    scene.shared.post(BULK_ADD, &body).await.ok(200);
    let list = scene.shared.get("odata/QueueItems").await.ok(200);
    assert_eq!(list["value"].as_array().unwrap().len(), 100);
    assert_eq!(list["@odata.count"], 120);
    scene
        .shared
        .get("odata/QueueItems?$top=101")
        .await
        .refused(400, 1000);
    let page = "odata/QueueItems?$orderby=Priority,Reference desc&$top=2&$skip=1&$select=Reference";
    let page = scene.shared.get(page).await.ok(200);
    assert_eq!(
        texts(&page, "Reference"),
        ["r117", "r115"],
        "high comes first"
    );
    let number = scene
        .shared
        .get("odata/QueueItems?$filter=Status eq '0' and startswith(Reference,'R00')&$top=0")
        .await
        .ok(200);
    assert_eq!(
        (&number["@odata.count"], &number["value"]),
        (&json!(10), &json!([]))
    );
}

/// The number that is kept is that of the rows, whatever is asked: a filter on another property
/// makes the server count them.
async fn items_across_folders_are_counted_and_paged(backend: Backend) {
    let mut scene = scene(backend).await;
    let other = folder(&scene, "Other").await;
    let shared = queue(&scene.shared, "Q", json!({})).await;
    let share =
        json!({"QueueIds": [shared["Id"]], "ToAddFolderIds": [other], "ToRemoveFolderIds": []});
    scene.app.post(SHARE, &share).await.ok(204);
    let own = queue(&scene.app.folder(other), "Own", json!({})).await;
    for n in 0..7 {
        let item = add(&scene.shared, "Q", json!({"Reference": format!("r{n}")})).await;
        if n < 2 {
            scene.shared.delete(&at("QueueItems", &item)).await.ok(204);
        }
    }
    add(&scene.app.folder(other), "Own", json!({"Reference": "r"})).await;

    let filters = [
        "Status ne null",
        "Status eq 'New'",
        "Status eq 'Deleted'",
        "Status eq 'Failed'",
        "not (Status in ('New','Failed'))",
    ];
    let queues = [&shared, &own].map(|queue| format!("QueueDefinitionId eq {}", id(queue)));
    let both = format!("({}) and Status eq 'New'", queues.join(" or "));
    let mut numbers = Vec::new();
    for client in [&scene.app, &scene.shared, &scene.app.folder(other)] {
        let count = async |filter: &str| {
            let path = format!("odata/QueueItems?$top=0&$count=true&$filter={filter}");
            client.get(&path).await.ok(200)["@odata.count"].clone()
        };
        let filters = filters.into_iter().chain(queues.iter().map(String::as_str));
        for filter in filters.chain([both.as_str()]) {
            let kept = count(filter).await;
            let rows = count(&format!("({filter}) and CreationTime ne null")).await;
            assert_eq!(kept, rows, "{filter}");
            numbers.push(kept);
        }
    }
    // Those of all folders: the shared items are in two.
    assert_eq!(numbers[..3], [json!(15), json!(11), json!(4)]);

    // Pages of one each show every item once in each folder.
    let all = scene.app.get("odata/QueueItems?$orderby=Id").await.ok(200);
    let place = |item: &Value| (id(item), item["OrganizationUnitId"].as_i64().unwrap());
    let expected: Vec<_> = all["value"].as_array().unwrap().iter().map(place).collect();
    assert!(expected.is_sorted() && expected.len() == 15, "{expected:?}");
    let mut paged = Vec::new();
    for skip in 0..15 {
        let page = format!("odata/QueueItems?$orderby=Priority&$top=1&$skip={skip}");
        paged.push(place(&scene.app.get(&page).await.ok(200)["value"][0]));
    }
    assert_eq!(paged, expected);

    // The sums are the table's own, too.
    let wrong = &["UPDATE queue_counts SET items = items + 100 WHERE status = 0"];
    meanwhile(&mut scene, wrong).await;
    let kept = "odata/QueueItems?$top=0&$filter=Status eq 'New'";
    assert_eq!(scene.app.get(kept).await.ok(200)["@odata.count"], 311);
}
