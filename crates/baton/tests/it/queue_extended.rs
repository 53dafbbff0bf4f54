//! Queues with how long their items are kept, through the operations of newer consoles.

use serde_json::{Value, json};
use testkit::{Backend, Client, both};

use crate::queues::{at, folder, person, queue};
use crate::support::{assert_members, column, id, scene, text, texts, with};

both!(
    made_read_and_changed_with_their_rules,
    what_an_edit_leaves_out_stays,
    what_cannot_be,
    seen_and_changed_where_one_may,
);

/// The address of one of the operations.
fn operation(name: &str) -> String {
    format!("odata/QueueDefinitions/UiPath.Server.Configuration.OData.{name}")
}

async fn read(client: &Client, queue: &Value) -> Value {
    let path = operation(&format!("GetQueue(id={})", id(queue)));
    client.get(&path).await.ok(200)
}

async fn made_read_and_changed_with_their_rules(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let body = json!({
        "Name": "Q", "MaxNumberOfRetries": 2, "RetentionAction": "None", "RetentionPeriod": 7,
        "RetentionBucketId": null, "StaleRetentionAction": "Delete", "StaleRetentionPeriod": 90,
        "LeaseSeconds": 60,
        "Tags": [{"Name": "t", "DisplayName": "t", "Value": null, "DisplayValue": null}],
    });
    let made = client.post(&operation("CreateQueue"), &body).await.ok(201);
    assert!(text(&made, "@odata.context").contains("QueueDefinition"));
    assert_members(&made, "Key Encrypted CreationTime OrganizationUnitId Id");
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(&made[member], value, "{member}");
    }
    let shown = read(client, &made).await;
    assert_eq!(shown, made);
    for (kind, action, period) in [("Final", "None", 7), ("Stale", "Delete", 90)] {
        let path = format!("{}?retentionType={kind}", at("QueueRetention", &made));
        let rule = client.get(&path).await.ok(200);
        assert_eq!(
            (text(&rule, "Action"), &rule["Period"]),
            (action, &json!(period))
        );
    }
    let documented = client.get(&at("QueueDefinitions", &made)).await.ok(200);
    for hidden in ["RetentionAction", "StaleRetentionPeriod", "LeaseSeconds"] {
        assert_eq!(documented.get(hidden), None, "{hidden}");
    }

    let mut changed = with(
        shown,
        json!({"Name": "R", "RetentionAction": "Delete",
        "RetentionPeriod": 8, "LeaseSeconds": null, "Description": "d"}),
    );
    let answer = client.post(&operation("EditQueue"), &changed).await;
    assert!(answer.body.is_empty());
    answer.ok(200);
    let shown = read(client, &made).await;
    changed["@odata.context"] = shown["@odata.context"].clone();
    assert_eq!(shown, changed);
    let folders = operation("ListQueues?$filter=RetentionPeriod eq 8&$select=Name,LeaseSeconds");
    let list = client.get(&folders).await.ok(200);
    assert_eq!(texts(&list, "Name"), ["R"]);
    assert_eq!(column(&list, "LeaseSeconds"), [&Value::Null]);
}

async fn what_an_edit_leaves_out_stays(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let body = json!({"Name": "Q", "RetentionPeriod": 7, "LeaseSeconds": 60});
    let made = client.post(&operation("CreateQueue"), &body).await.ok(201);
    assert_eq!(text(&made, "RetentionAction"), "Delete");
    assert_eq!(made["StaleRetentionPeriod"], 180, "the usual");
    let edit = json!({"Id": id(&made), "Name": "Q", "StaleRetentionPeriod": 5});
    client.post(&operation("EditQueue"), &edit).await.ok(200);
    client
        .put(&at("QueueDefinitions", &made), &json!({"Name": "Q"}))
        .await
        .ok(200);
    let shown = read(client, &made).await;
    assert_eq!(
        (&shown["RetentionPeriod"], &shown["LeaseSeconds"]),
        (&json!(7), &json!(60))
    );
    assert_eq!(shown["StaleRetentionPeriod"], 5);
    assert_eq!(text(&shown, "StaleRetentionAction"), "Delete");
    let plain = queue(client, "Plain", json!({"LeaseSeconds": 60})).await;
    let plain = read(client, &plain).await;
    assert_eq!(
        (&plain["RetentionPeriod"], &plain["LeaseSeconds"]),
        (&json!(30), &Value::Null)
    );
}

async fn what_cannot_be(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let create = async |more: Value| {
        let body = with(json!({"Name": "Bad", "RetentionPeriod": 7}), more);
        client.post(&operation("CreateQueue"), &body).await
    };
    for nothing in [
        json!({"RetentionPeriod": null}),
        json!({"RetentionPeriod": null, "Period": 3}),
    ] {
        let refused = create(nothing).await.refused(400, 1009);
        assert_eq!(text(&refused, "message"), "Invalid argument 'Period'");
    }
    for wrong in [
        json!({"RetentionPeriod": 0}),
        json!({"RetentionPeriod": 181}),
        json!({"RetentionPeriod": "seven"}),
        json!({"StaleRetentionPeriod": 0}),
        json!({"RetentionAction": "Burn"}),
        json!({"RetentionAction": "Archive"}),
        json!({"LeaseSeconds": 4}),
        json!({"LeaseSeconds": 86_401}),
        json!({"LeaseSeconds": 5.5}),
        json!({"Name": ""}),
    ] {
        create(wrong).await.refused(400, 1009);
    }
    create(json!({"RetentionAction": "Archive", "RetentionBucketId": 1}))
        .await
        .refused(404, 1002);
    let left = client.get("odata/QueueDefinitions").await.ok(200);
    assert_eq!(left["value"], json!([]), "nothing of it was made");
    client
        .post(&operation("CreateQueue"), &json!([]))
        .await
        .refused(400, 0);

    let made = create(json!({})).await.ok(201);
    let edit = async |more: Value| {
        let body = with(json!({"Id": id(&made), "Name": "Bad"}), more);
        client.post(&operation("EditQueue"), &body).await
    };
    for wrong in [
        json!({"Id": null}),
        json!({"Id": "x"}),
        json!({"LeaseSeconds": 1}),
    ] {
        edit(wrong).await.refused(400, 1009);
    }
    edit(json!({"Id": 999_999})).await.refused(404, 1002);
    edit(json!({"Encrypted": true})).await.refused(409, 1904);
    let unknown = operation("GetQueue(id=999999)");
    let refused = client.get(&unknown).await.refused(404, 1002);
    assert_eq!(text(&refused, "message"), "QueueDefinition does not exist.");
    client
        .get(&operation("GetQueue(id=x)"))
        .await
        .refused(400, 1000);
}

async fn seen_and_changed_where_one_may(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Q", "RetentionPeriod": 7});
    let create = operation("CreateQueue");
    scene.app.post(&create, &body).await.refused(400, 1101);
    let made = scene.shared.post(&create, &body).await.ok(201);
    let worker = person(&scene, "worker", "Automation User").await;
    read(&worker, &made).await;
    worker.post(&create, &body).await.refused(403, 0);
    let edit = json!({"Id": id(&made), "Name": "R"});
    worker
        .post(&operation("EditQueue"), &edit)
        .await
        .refused(403, 0);
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    elsewhere
        .post(&operation("EditQueue"), &edit)
        .await
        .refused(404, 1002);
    let path = operation(&format!("GetQueue(id={})", id(&made)));
    elsewhere.get(&path).await.refused(404, 1002);
    let list = elsewhere.get(&operation("ListQueues")).await.ok(200);
    assert_eq!(list["value"], json!([]));
}
