//! Queues: definitions and their folders, items added, edited and deleted, comments, history,
//! counters and retention.

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use crate::support::{
    ASSIGN_USERS, assert_members, assignment, column, id, modern, scene, text, texts,
};

both!(
    a_queue_from_first_to_last,
    queues_that_cannot_be,
    put_makes_a_queue_where_there_is_none,
    what_is_settled_stays,
    schemas_are_schemas,
    shared_between_folders,
    sharing_is_all_or_nothing,
    an_item_as_it_was_added,
    items_that_cannot_be,
    references_used_once,
    deadlines_come_from_the_queue,
    an_encrypted_queue,
    many_items_at_once,
    a_new_item_is_edited,
    two_editors,
    deleting_items,
    reviews_are_for_items_that_failed,
    failed_items_are_reviewed_and_retried,
    comments_belong_to_their_authors,
    what_happened_to_an_item,
    counters_follow_the_items,
    retention_of_a_queue,
    both_permissions_are_needed,
    other_folders_and_tenants_stay_out,
    pages_of_items,
);

/// `POST` to add an item.
pub const ADD: &str = "odata/Queues/UiPathODataSvc.AddQueueItem";
const BULK_ADD: &str = "odata/Queues/UiPathODataSvc.BulkAddQueueItems";
const SHARE: &str = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders";

/// Makes a queue.
pub async fn queue(client: &Client, name: &str, more: Value) -> Value {
    let mut body = json!({"Name": name});
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    client.post("odata/QueueDefinitions", &body).await.ok(201)
}

/// Adds an item.
pub async fn add(client: &Client, queue: &str, more: Value) -> Value {
    client.post(ADD, &item_data(queue, more)).await.ok(201)
}

/// The body that adds an item.
fn item_data(queue: &str, more: Value) -> Value {
    let mut data = json!({"Name": queue});
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    json!({"itemData": data})
}

/// Makes a modern root folder.
pub async fn folder(scene: &Scene, name: &str) -> i64 {
    id(&scene.app.post("odata/Folders", &modern(name)).await.ok(201))
}

/// The path of an entity.
fn at(set: &str, entity: &Value) -> String {
    format!("odata/{set}({})", id(entity))
}

async fn a_queue_from_first_to_last(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let more = json!({
        "Description": "What came in", "MaxNumberOfRetries": 3, "AcceptAutomaticallyRetry": true,
        "RetryAbandonedItems": true, "SlaInMinutes": 60, "RiskSlaInMinutes": 30,
        "Tags": [{"Name": "team", "DisplayName": "team", "Value": "a", "DisplayValue": "a"}],
        "Key": "00000000-0000-0000-0000-000000000001", "Unknown": 1, "FoldersCount": 9,
    });
    let made = queue(client, "Invoices", more).await;
    assert_members(
        &made,
        "Key Name Description MaxNumberOfRetries AcceptAutomaticallyRetry RetryAbandonedItems \
         EnforceUniqueReference Encrypted SpecificDataJsonSchema OutputDataJsonSchema \
         AnalyticsDataJsonSchema CreationTime ProcessScheduleId SlaInMinutes RiskSlaInMinutes \
         ReleaseId IsProcessInCurrentFolder FoldersCount OrganizationUnitId \
         OrganizationUnitFullyQualifiedName Tags Id",
    );
    assert!(text(&made, "@odata.context").ends_with("/$metadata#QueueDefinitions/$entity"));
    assert_eq!(made["MaxNumberOfRetries"], 3);
    assert_eq!(made["Tags"][0]["Value"], "a");
    assert_eq!(
        (&made["FoldersCount"], &made["Encrypted"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(made["OrganizationUnitId"], scene.folder);
    assert_ne!(
        text(&made, "Key"),
        "00000000-0000-0000-0000-000000000001",
        "the key is ours"
    );

    let read = client.get(&at("QueueDefinitions", &made)).await.ok(200);
    assert_eq!(read, made);
    let by_key = format!(
        "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetByKey(identifier={})",
        text(&made, "Key")
    );
    assert_eq!(client.get(&by_key).await.ok(200), made);
    let list = client
        .get("odata/QueueDefinitions?$filter=contains(Name,'VOI')&$orderby=Name")
        .await
        .ok(200);
    assert_eq!(texts(&list, "Name"), ["Invoices"]);
    assert_eq!(
        texts(&list, "OrganizationUnitFullyQualifiedName"),
        ["Shared"]
    );

    let body = json!({"Name": "Bills", "MaxNumberOfRetries": 1});
    let put = client
        .put(&at("QueueDefinitions", &made), &body)
        .await
        .ok(200);
    assert_eq!(text(&put, "Name"), "Bills");
    assert_eq!(put["Description"], Value::Null, "PUT replaces");
    assert_eq!(
        put["AcceptAutomaticallyRetry"], true,
        "what cannot be null stays"
    );
    assert_eq!(put["Key"], made["Key"]);
    add(client, "bills", json!({})).await;
    client
        .post(ADD, &item_data("Invoices", json!({})))
        .await
        .refused(404, 1002);

    client.delete(&at("QueueDefinitions", &made)).await.ok(204);
    client
        .get(&at("QueueDefinitions", &made))
        .await
        .refused(404, 1002);
    client
        .delete(&at("QueueDefinitions", &made))
        .await
        .refused(404, 1002);
    let left = client.get("odata/QueueItems").await.ok(200);
    assert_eq!(left["value"], json!([]), "items go with their queue");
}

async fn queues_that_cannot_be(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Taken", json!({})).await;
    let post = async |body: Value| client.post("odata/QueueDefinitions", &body).await;
    post(json!({"Name": "taken"})).await.refused(409, 1001);
    for body in [
        json!({}),
        json!({"Name": " "}),
        json!({"Name": "x".repeat(51)}),
        json!({"Name": "a", "Description": "x".repeat(251)}),
        json!({"Name": "a", "MaxNumberOfRetries": 51}),
        json!({"Name": "a", "MaxNumberOfRetries": -1}),
        json!({"Name": "a", "MaxNumberOfRetries": "3"}),
        json!({"Name": "a", "SlaInMinutes": -1}),
        json!({"Name": "a", "SlaInMinutes": 10, "RiskSlaInMinutes": 11}),
        json!({"Name": "a", "RiskSlaInMinutes": 11}),
    ] {
        post(body).await.refused(400, 1009);
    }
    post(json!({"Name": "a", "ReleaseId": 999_999}))
        .await
        .refused(404, 1002);
    post(json!("a queue")).await.refused(400, 0);
    let nowhere = scene
        .app
        .post("odata/QueueDefinitions", &json!({"Name": "a"}))
        .await;
    nowhere.refused(400, 1101);
    let named = queue(client, "Other", json!({})).await;
    let rename = client
        .put(&at("QueueDefinitions", &named), &json!({"Name": "TAKEN"}))
        .await;
    rename.refused(409, 1001);
    client
        .get("odata/QueueDefinitions('x')")
        .await
        .refused(400, 1000);
}

async fn put_makes_a_queue_where_there_is_none(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Fresh", "Encrypted": true});
    let made = scene
        .shared
        .put("odata/QueueDefinitions(4711)", &body)
        .await
        .ok(201);
    assert_eq!(
        (text(&made, "Name"), &made["Encrypted"]),
        ("Fresh", &json!(true))
    );
    let names = scene.shared.get("odata/QueueDefinitions").await.ok(200);
    assert_eq!(texts(&names, "Name"), ["Fresh"]);
}

async fn what_is_settled_stays(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({"EnforceUniqueReference": true})).await;
    let path = at("QueueDefinitions", &made);
    for member in ["Encrypted", "EnforceUniqueReference"] {
        let other = made[member] == json!(false);
        let body = json!({"Name": "Q", member: other});
        scene.shared.put(&path, &body).await.refused(409, 1904);
        let same = json!({"Name": "Q", member: made[member]});
        scene.shared.put(&path, &same).await.ok(200);
    }
}

async fn schemas_are_schemas(backend: Backend) {
    let scene = scene(backend).await;
    let schema = json!({"type": "object", "required": ["Id"]}).to_string();
    let made = queue(
        &scene.shared,
        "Q",
        json!({"SpecificDataJsonSchema": schema}),
    )
    .await;
    assert_eq!(text(&made, "SpecificDataJsonSchema"), schema);
    let path = |kind: &str| {
        let queue = at("QueueDefinitions", &made);
        format!("{queue}/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='{kind}')")
    };
    let file = scene.shared.get(&path("SpecificData")).await.ok(200);
    assert_eq!(file["required"], json!(["Id"]));
    scene
        .shared
        .get(&path("OutputData"))
        .await
        .refused(404, 1910);
    scene.shared.get(&path("Dreams")).await.refused(400, 1909);
    for bad in [
        "{",
        "[]",
        "3",
        r#"{"type": "dream"}"#,
        r#"{"minimum": "x"}"#,
    ] {
        let body = json!({"Name": "Bad", "OutputDataJsonSchema": bad});
        let answer = scene.shared.post("odata/QueueDefinitions", &body).await;
        answer.refused(400, 1907);
    }
}

async fn shared_between_folders(backend: Backend) {
    let scene = scene(backend).await;
    let (one, two) = (folder(&scene, "One").await, folder(&scene, "Two").await);
    let made = queue(&scene.shared, "Q", json!({})).await;
    let share =
        json!({"QueueIds": [id(&made)], "ToAddFolderIds": [one, two], "ToRemoveFolderIds": []});
    scene.app.post(SHARE, &share).await.ok(204);
    scene.app.post(SHARE, &share).await.ok(204);

    let there = scene
        .app
        .folder(two)
        .get("odata/QueueDefinitions")
        .await
        .ok(200);
    assert_eq!(column(&there, "Id"), [&made["Id"]]);
    assert_eq!(there["value"][0]["FoldersCount"], 3);
    assert_eq!(there["value"][0]["OrganizationUnitId"], two);
    let path = format!(
        "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetFoldersForQueue(id={})",
        id(&made)
    );
    let folders = scene.app.get(&path).await.ok(200);
    assert_eq!(folders["TotalFoldersCount"], 3);
    let names: Vec<_> = folders["AccessibleFolders"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(text(names[1], "FullyQualifiedName"), "One");

    let across = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetQueuesAcrossFolders";
    let all = scene.app.get(across).await.ok(200);
    assert_eq!(all["@odata.count"], 3);
    let but_one = scene
        .app
        .get(&format!("{across}?excludeFolderId={one}"))
        .await
        .ok(200);
    assert!(!column(&but_one, "OrganizationUnitId").contains(&&json!(one)));

    add(
        &scene.app.folder(one),
        "Q",
        json!({"Reference": "from one"}),
    )
    .await;
    let items = scene.app.folder(two).get("odata/QueueItems").await.ok(200);
    assert_eq!(texts(&items, "Reference"), ["from one"]);

    let unshare =
        json!({"QueueIds": [id(&made)], "ToAddFolderIds": [], "ToRemoveFolderIds": [one]});
    scene.app.post(SHARE, &unshare).await.ok(204);
    let gone = scene
        .app
        .folder(one)
        .get(&at("QueueDefinitions", &made))
        .await;
    gone.refused(404, 1002);
}

async fn sharing_is_all_or_nothing(backend: Backend) {
    let scene = scene(backend).await;
    let one = folder(&scene, "One").await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let share = async |client: &Client, queues: Value, add: Value, remove: Value| {
        let body = json!({"QueueIds": queues, "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
        client.post(SHARE, &body).await
    };
    let app = &scene.app;
    share(app, json!([id(&made), 999_999]), json!([one]), json!([]))
        .await
        .refused(404, 1002);
    share(app, json!([id(&made)]), json!([one, 999_999]), json!([]))
        .await
        .refused(404, 1002);
    share(app, json!([id(&made)]), json!([]), json!([scene.folder]))
        .await
        .refused(400, 1009);
    share(app, json!("x"), json!([]), json!([]))
        .await
        .refused(400, 0);
    queue(&app.folder(one), "q", json!({})).await;
    share(app, json!([id(&made)]), json!([one]), json!([]))
        .await
        .refused(409, 1001);

    // Who may make queues in one of two folders shares with neither.
    let two = folder(&scene, "Two").await;
    let (person, user) = scene.server.user("sharer", &[]).await;
    for (folder, role) in [
        (scene.folder, "Folder Administrator"),
        (two, "Automation User"),
    ] {
        let role = role_id(&scene, role).await;
        let assign = assignment(user, folder, &[role]);
        scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    }
    share(&person, json!([id(&made)]), json!([two]), json!([]))
        .await
        .refused(403, 1017);
    let read = scene
        .shared
        .get(&at("QueueDefinitions", &made))
        .await
        .ok(200);
    assert_eq!(read["FoldersCount"], 1);
}

/// The number of a role.
async fn role_id(scene: &Scene, name: &str) -> i64 {
    let body = json!({"UserName": format!("carrier of {name}"), "RolesList": [name]});
    let user = scene.app.post("odata/Users", &body).await.ok(201);
    user["UserRoles"][0]["RoleId"].as_i64().unwrap()
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
    let edited = scene
        .shared
        .put(&at("QueueItems", &item), &edit)
        .await
        .ok(200);
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
    let edited = scene
        .shared
        .put(&at("QueueItems", &item), &body)
        .await
        .ok(200);
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
    let history = scene.shared.get(&history).await.ok(200);
    assert_eq!(column(&history, "Id"), [&item["Id"]]);
}

/// Stops the server, changes its database as a robot's results would, and starts it again.
pub async fn meanwhile(scene: &mut Scene, statements: &'static [&'static str]) {
    scene.server.stop().await;
    let url = match scene.server.database_url() {
        Some(url) => db::Url::Postgres(url.into()),
        None => db::Url::Sqlite(scene.server.data().join("main.db")),
    };
    let change = move || {
        let db = db::Db::open(db::Options::new(url, "main"))?;
        let changed = db.write_blocking(move |tx| -> Result<(), db::Error> {
            statements
                .iter()
                .try_for_each(|s| tx.exec(s, &[]).map(drop))
        });
        db.close();
        changed
    };
    let changed = tokio::task::spawn_blocking(change).await;
    changed.unwrap().unwrap();
    scene.server.restart().await;
    scene.app = scene.server.app().await;
    scene.shared = scene.app.folder(scene.folder);
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
    let users = scene
        .app
        .get("odata/Users?$filter=UserName eq 'admin'")
        .await
        .ok(200);
    let admin = &users["value"][0]["Id"];
    let read = call("SetItemReviewer", first, json!({"userId": admin})).await;
    assert_eq!(read["ReviewerUserId"], *admin);
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
    assert_eq!(
        scene.shared.get(&path).await.ok(200)["Text"],
        "Look at this"
    );
    let other = json!({"Text": "Never mind", "QueueItemId": 999_999});
    scene.shared.put(&path, &other).await.refused(409, 1007);
    let put = admin.put(&path, &other).await.ok(200);
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
    let put = client.put(&path, &body).await.ok(200);
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
    client
        .get(&format!("{path}?retentionType=Soon"))
        .await
        .refused(400, 1009);
    client
        .get("odata/QueueRetention(999999)")
        .await
        .refused(404, 1002);
}

/// Somebody with these permissions' roles in the folder `Shared`.
async fn person(scene: &Scene, name: &str, role: &str) -> Client {
    let (client, user) = scene.server.user(name, &[]).await;
    let role = role_id(scene, role).await;
    let assign = assignment(user, scene.folder, &[role]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    client.folder(scene.folder)
}

async fn both_permissions_are_needed(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let worker = person(&scene, "worker", "Automation User").await;
    let item = add(&worker, "Q", json!({})).await;
    worker.get(&at("QueueItems", &item)).await.ok(200);
    worker.get(&at("QueueDefinitions", &made)).await.ok(200);
    let put = worker
        .put(&at("QueueItems", &item), &json!({}))
        .await
        .refused(403, 0);
    let needed = put["error"]["neededPermissions"].as_str().unwrap();
    assert_eq!(needed, "Queues.Edit and Transactions.Edit");
    worker
        .delete(&at("QueueItems", &item))
        .await
        .refused(403, 0);
    worker
        .post("odata/QueueDefinitions", &json!({"Name": "x"}))
        .await
        .refused(403, 0);
    worker
        .put("odata/QueueDefinitions(999999)", &json!({"Name": "x"}))
        .await
        .refused(403, 0);

    // In no folder at all.
    let (stranger, _) = scene
        .server
        .user("stranger", &["Tenant Administrator"])
        .await;
    stranger.get("odata/QueueItems").await.refused(403, 0);
    stranger
        .folder(scene.folder)
        .get("odata/QueueItems")
        .await
        .refused(403, 1100);
    let across = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetQueuesAcrossFolders";
    assert_eq!(stranger.get(across).await.ok(200)["value"], json!([]));

    let reader = scene
        .server
        .app_with(&["OR.Queues.Read"])
        .await
        .folder(scene.folder);
    reader.get("odata/QueueItems").await.ok(200);
    assert_eq!(
        reader.post(ADD, &item_data("Q", json!({}))).await.status,
        403
    );
}

async fn other_folders_and_tenants_stay_out(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let item = add(&scene.shared, "Q", json!({})).await;
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    for path in [
        at("QueueDefinitions", &made),
        at("QueueItems", &item),
        at("QueueRetention", &made),
        format!(
            "{}/UiPathODataSvc.GetItemProcessingHistory",
            at("QueueItems", &item)
        ),
    ] {
        elsewhere.get(&path).await.refused(404, 1002);
        scene.app.get(&path).await.ok(200);
    }
    elsewhere
        .put(&at("QueueItems", &item), &json!({}))
        .await
        .refused(404, 1002);
    elsewhere
        .delete(&at("QueueItems", &item))
        .await
        .refused(404, 1002);
    elsewhere
        .delete(&at("QueueDefinitions", &made))
        .await
        .refused(404, 1002);
    elsewhere
        .post(ADD, &item_data("Q", json!({})))
        .await
        .refused(404, 1002);
    let gone = elsewhere
        .post(
            "odata/QueueItems/UiPathODataSvc.DeleteBulk",
            &json!({"queueItems": [{"Id": item["Id"]}]}),
        )
        .await
        .ok(200);
    assert_eq!(gone["FailedItems"], json!([item["Id"]]));

    // Somebody in one folder sees the queue there only, and is not told where else it is.
    let worker = person(&scene, "worker", "Automation User")
        .await
        .without("X-UIPATH-OrganizationUnitId");
    let other = folder(&scene, "Hidden").await;
    let share = json!({"QueueIds": [id(&made)], "ToAddFolderIds": [other]});
    scene.app.post(SHARE, &share).await.ok(204);
    let path = format!(
        "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetFoldersForQueue(id={})",
        id(&made)
    );
    let folders = worker.get(&path).await.ok(200);
    assert_eq!(folders["TotalFoldersCount"], 2);
    assert_eq!(folders["AccessibleFolders"].as_array().unwrap().len(), 1);
    let items = worker.get("odata/QueueItems").await.ok(200);
    assert_eq!(column(&items, "OrganizationUnitId"), [&json!(scene.folder)]);
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
