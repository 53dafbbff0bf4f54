//! E: queue items across folders, by id, and edited.

use serde_json::{Value, json};
use testkit::{Backend, Scene, both};

use crate::queues::{add, folder, meanwhile, queue};
use crate::support::{column, id, replace, scene, text};

both!(
    e1_items_of_all_folders,
    e2_one_item,
    e3_remove_the_content,
    e3_also_of_items_that_are_done,
);

/// The members that the document shows, in its order.
const SHOWN: &str = "QueueDefinitionId OutputData AnalyticsData Status ReviewStatus ReviewerUserId \
    Key Reference ProcessingExceptionType DueDate RiskSlaDate Priority DeferDate StartProcessing \
    EndProcessing SecondsInPreviousAttempts AncestorId RetryNumber SpecificData CreationTime \
    Progress RowVersion OrganizationUnitId OrganizationUnitFullyQualifiedName Id \
    ProcessingException SpecificContent Output Analytics";

/// The content of the document.
fn content() -> Value {
    json!({
        "EmployeeName": "John Kensington", "ContactNumber": "+4457899", "RelocationDistance": 500,
        "Description": "Home relocation", "ExpenseCode": "UI234", "Amount": 1000,
        "RequirePass": true,
    })
}

/// The item of the document, in the queue " Queue Demo".
async fn relocation(scene: &Scene) -> Value {
    queue(&scene.shared, " Queue Demo", json!({})).await;
    let more = json!({
        "Priority": "High", "Reference": "82086", "RiskSlaDate": "2022-02-17T13:27:43.895Z",
        "SpecificContent": content(),
    });
    add(&scene.shared, " Queue Demo", more).await
}

/// Fails unless the members of the document stand in its order; others may stand between them.
#[track_caller]
fn assert_order(item: &Value) {
    let members: Vec<&str> = item
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let shown: Vec<&str> = SHOWN.split_whitespace().collect();
    let known: Vec<&str> = members.into_iter().filter(|m| shown.contains(m)).collect();
    assert_eq!(known, shown);
}

async fn e1_items_of_all_folders(backend: Backend) {
    let scene = scene(backend).await;
    let item = relocation(&scene).await;
    let banana = folder(&scene, "Banana").await;
    let cherry = folder(&scene, "Cherry").await;
    let share = json!({"QueueIds": [item["QueueDefinitionId"]], "ToAddFolderIds": [banana, cherry],
        "ToRemoveFolderIds": []});
    let path = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders";
    scene.app.post(path, &share).await.ok(204);
    queue(&scene.app.folder(banana), "Other", json!({})).await;
    let other = add(
        &scene.app.folder(banana),
        "Other",
        json!({"SpecificContent": {"Prop2": "Test demo"}}),
    )
    .await;

    let list = scene.app.get("odata/QueueItems").await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#QueueItems"));
    assert_eq!(list["@odata.count"], 4, "one item three times, and another");
    let mut places: Vec<(i64, &str)> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (id(row), text(row, "OrganizationUnitFullyQualifiedName")))
        .collect();
    places.sort_unstable();
    let (one, two) = (id(&item), id(&other));
    assert_eq!(
        places,
        [
            (one, "Banana"),
            (one, "Cherry"),
            (one, "Shared"),
            (two, "Banana")
        ]
    );
    let mut units: Vec<i64> = column(&list, "OrganizationUnitId")
        .into_iter()
        .filter_map(Value::as_i64)
        .collect();
    units.sort_unstable();
    let mut expected = vec![scene.folder, banana, banana, cherry];
    expected.sort_unstable();
    assert_eq!(units, expected);
    for row in list["value"].as_array().unwrap() {
        assert_order(row);
    }

    let here = scene
        .app
        .folder(cherry)
        .get("odata/QueueItems")
        .await
        .ok(200);
    assert_eq!(here["@odata.count"], 1);
    assert_eq!(here["value"][0]["OrganizationUnitId"], cherry);

    // Several pages show every row once.
    let mut seen = Vec::new();
    for skip in 0..4 {
        let page = format!("odata/QueueItems?$top=1&$skip={skip}&$orderby=Id,OrganizationUnitId");
        let page = scene.app.get(&page).await.ok(200);
        let row = &page["value"][0];
        seen.push((id(row), row["OrganizationUnitId"].as_i64().unwrap()));
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

async fn e2_one_item(backend: Backend) {
    let scene = scene(backend).await;
    let added = relocation(&scene).await;
    let item = scene
        .shared
        .get(&format!("odata/QueueItems({})", id(&added)))
        .await
        .ok(200);
    assert!(text(&item, "@odata.context").ends_with("/odata/$metadata#QueueItems/$entity"));
    assert_order(&item);
    assert_eq!(item["OrganizationUnitId"], scene.folder);
    assert_eq!(item["OrganizationUnitFullyQualifiedName"], Value::Null);
    assert_eq!(
        (text(&item, "Priority"), text(&item, "Reference")),
        ("High", "82086")
    );
    assert_eq!(text(&item, "RiskSlaDate"), "2022-02-17T13:27:43.895Z");
    assert_eq!(item["SpecificContent"], content());
    assert_eq!(
        text(&item, "SpecificData"),
        "{\"DynamicProperties\":{\"EmployeeName\":\"John Kensington\",\"ContactNumber\":\"+4457899\",\
         \"RelocationDistance\":500,\"Description\":\"Home relocation\",\"ExpenseCode\":\"UI234\",\
         \"Amount\":1000,\"RequirePass\":true}}"
    );
    let version = text(&item, "RowVersion");
    assert_eq!(
        (version.len(), version.ends_with('=')),
        (12, true),
        "eight bytes in Base64"
    );
    for member in [
        "OutputData",
        "AnalyticsData",
        "DueDate",
        "DeferDate",
        "Progress",
        "Output",
        "Analytics",
        "ProcessingException",
        "AncestorId",
        "StartProcessing",
        "EndProcessing",
    ] {
        assert_eq!(item[member], Value::Null, "{member}");
    }
    assert_eq!(
        (&item["SecondsInPreviousAttempts"], &item["RetryNumber"]),
        (&json!(0), &json!(0))
    );
}

/// The body of the document.
fn removal() -> Value {
    json!({
        "Name": " Queue Demo", "Priority": "High", "SpecificContent": {}, "DeferDate": null,
        "DueDate": null, "RiskSlaDate": "2022-02-17T13:27:43.895Z", "Reference": "82086",
        "Progress": null,
    })
}

async fn e3_remove_the_content(backend: Backend) {
    let scene = scene(backend).await;
    let item = relocation(&scene).await;
    let path = format!("odata/QueueItems({})", id(&item));
    scene.shared.delete(&path).await.ok(204);
    let deleted = scene.shared.get(&path).await.ok(200);
    assert_eq!(text(&deleted, "Status"), "Deleted");
    assert_ne!(deleted["RowVersion"], item["RowVersion"]);

    // Everything else must be as it is.
    for (member, value) in [
        ("Name", json!("Another")),
        ("Priority", json!("Low")),
        ("DeferDate", json!("2031-01-01T00:00:00Z")),
        ("DueDate", json!("2031-01-01T00:00:00Z")),
        ("RiskSlaDate", json!(null)),
        ("Reference", json!("82087")),
        ("Progress", json!("far")),
        ("SpecificContent", json!({"EmployeeName": "Jane"})),
    ] {
        let mut body = removal();
        body[member] = value;
        let refused = scene.shared.put(&path, &body).await.refused(409, 1023);
        assert!(text(&refused, "message").contains(member), "{refused}");
    }
    assert_eq!(scene.shared.get(&path).await.ok(200), deleted);

    for empty in [json!({}), Value::Null] {
        let mut body = removal();
        body["SpecificContent"] = empty;
        let put = replace(&scene.shared, &path, &body).await;
        assert_eq!(
            (&put["SpecificContent"], &put["SpecificData"]),
            (&Value::Null, &Value::Null)
        );
    }
    let after = scene.shared.get(&path).await.ok(200);
    for member in SHOWN.split_whitespace() {
        match member {
            "SpecificContent" | "SpecificData" => assert_eq!(after[member], Value::Null),
            "RowVersion" => assert_ne!(after[member], deleted[member]),
            _ => assert_eq!(after[member], deleted[member], "{member}"),
        }
    }
}

async fn e3_also_of_items_that_are_done(backend: Backend) {
    let mut scene = scene(backend).await;
    let item = relocation(&scene).await;
    let done = &["UPDATE queue_items SET status = 3, version = version + 1"];
    meanwhile(&mut scene, done).await;
    let path = format!("odata/QueueItems({})", id(&item));
    let read = scene.shared.get(&path).await.ok(200);
    assert_eq!(text(&read, "Status"), "Successful");
    assert_eq!(read["SpecificContent"], content());
    let put = replace(&scene.shared, &path, &removal()).await;
    assert_eq!(put["SpecificContent"], Value::Null);
    assert_eq!(
        (text(&put, "Status"), text(&put, "Reference")),
        ("Successful", "82086")
    );
    assert_eq!(put["RiskSlaDate"], read["RiskSlaDate"]);
}
