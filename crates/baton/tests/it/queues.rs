//! Queues: definitions, the folders they are in, and who may do what with them.

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use crate::support::{
    self, ASSIGN_USERS, assert_members, assignment, column, id, modern, replace, scene, text,
    texts, with,
};

both!(
    a_queue_from_first_to_last,
    queues_that_cannot_be,
    put_makes_a_queue_where_there_is_none,
    what_is_settled_stays,
    schemas_are_schemas,
    schemas_accept_what_they_did,
    shared_between_folders,
    sharing_is_all_or_nothing,
    both_permissions_are_needed,
    other_folders_and_tenants_stay_out,
);

/// `POST` to add an item.
pub const ADD: &str = "odata/Queues/UiPathODataSvc.AddQueueItem";

pub const BULK_ADD: &str = "odata/Queues/UiPathODataSvc.BulkAddQueueItems";

pub const SHARE: &str = "odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders";

/// Makes a queue.
pub async fn queue(client: &Client, name: &str, more: Value) -> Value {
    let body = with(json!({"Name": name}), more);
    client.post("odata/QueueDefinitions", &body).await.ok(201)
}

/// Adds an item.
pub async fn add(client: &Client, queue: &str, more: Value) -> Value {
    client.post(ADD, &item_data(queue, more)).await.ok(201)
}

/// The body that adds an item.
pub fn item_data(queue: &str, more: Value) -> Value {
    let data = with(json!({"Name": queue}), more);
    json!({"itemData": data})
}

/// Makes a modern root folder.
pub async fn folder(scene: &Scene, name: &str) -> i64 {
    id(&scene.app.post("odata/Folders", &modern(name)).await.ok(201))
}

/// The path of an entity.
pub fn at(set: &str, entity: &Value) -> String {
    format!("odata/{set}({})", id(entity))
}

/// Somebody with these permissions' roles in the folder `Shared`.
pub async fn person(scene: &Scene, name: &str, role: &str) -> Client {
    let (client, user) = scene.server.user(name, &[]).await;
    let role = support::role(scene, role).await;
    let assign = assignment(user, scene.folder, &[role]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    client.folder(scene.folder)
}

/// Stops the server, changes its database as a robot's results would, and starts it again.
pub async fn meanwhile(scene: &mut Scene, statements: &'static [&'static str]) {
    between(scene, |tx| {
        statements
            .iter()
            .try_for_each(|s| tx.exec(s, &[]).map(drop))
    })
    .await;
}

/// Stops the server, does something with its database, and starts it again.
pub async fn between<T: Send + 'static>(
    scene: &mut Scene,
    work: impl FnMut(&mut db::Tx<'_>) -> Result<T, db::Error> + Send + 'static,
) -> T {
    scene.server.stop().await;
    let url = match scene.server.database_url() {
        Some(url) => db::Url::Postgres(url.into()),
        None => db::Url::Sqlite(scene.server.data().join("main.db")),
    };
    let change = move || {
        let db = db::Db::open(db::Options::new(url, "main"))?;
        let changed = db.write_blocking(work);
        db.close();
        changed
    };
    let changed = tokio::task::spawn_blocking(change).await;
    let changed = changed.unwrap().unwrap();
    scene.server.restart().await;
    scene.app = scene.server.app().await;
    scene.shared = scene.app.folder(scene.folder);
    changed
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
    let put = replace(client, &at("QueueDefinitions", &made), &body).await;
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
        json!({"Name": "a", "MaxNumberOfRetries": "three"}),
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
        r#"{"$ref": "http://127.0.0.1:9/other.json"}"#,
    ] {
        let body = json!({"Name": "Bad", "OutputDataJsonSchema": bad});
        let answer = scene.shared.post("odata/QueueDefinitions", &body).await;
        answer.refused(400, 1907);
    }
}

async fn schemas_accept_what_they_did(backend: Backend) {
    let scene = scene(backend).await;
    let schema = |types: Value| json!({"properties": {"Id": {"type": types}}}).to_string();
    let first = json!({"OutputDataJsonSchema": schema(json!("integer"))});
    let made = queue(&scene.shared, "Q", first).await;
    let put = async |schema: Value| {
        let body = json!({"Name": "Q", "OutputDataJsonSchema": schema});
        let path = at("QueueDefinitions", &made);
        scene.shared.put(&path, &body).await
    };
    let refused = put(json!(schema(json!("string")))).await.refused(400, 1908);
    assert!(text(&refused, "message").contains("/Id has another type"));
    put(json!(schema(json!(["integer", "string"]))))
        .await
        .ok(200);
    put(json!(schema(json!("integer"))))
        .await
        .refused(400, 1908);
    let kept = scene.shared.get(&at("QueueDefinitions", &made)).await;
    let wider = schema(json!(["integer", "string"]));
    assert_eq!(text(&kept.ok(200), "OutputDataJsonSchema"), wider);
    put(Value::Null).await.ok(200);
    put(json!(schema(json!("boolean")))).await.ok(200);
    put(json!(r##"{"$ref": "#"}"##)).await.refused(400, 1907);
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

    let log = "odata/AuditLogs?$filter=Component eq 'Queues' and Action eq 'Update'";
    let log = scene.app.get(log).await.ok(200);
    let told = texts(&log, "OperationText");
    assert_eq!(told.len(), 3);
    assert!(told[0].ends_with("changed the folders of queue Q"));
    assert_eq!(log["value"][0]["EntityId"], made["Id"]);
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
    let many = share(
        app,
        json!(vec![id(&made); 40]),
        json!(vec![one; 26]),
        json!([]),
    )
    .await;
    let many = many.refused(400, 1009);
    assert!(text(&many, "message").contains("split the request"));
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
        let role = support::role(&scene, role).await;
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
