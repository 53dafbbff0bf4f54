//! Webhooks: the entity. Nothing is delivered yet.

use serde_json::{Value, json};
use testkit::{Backend, Scene, both};

use crate::support::{assert_members, id, scene, text, texts};

both!(
    webhooks_are_kept,
    webhooks_that_are_refused,
    the_log_says_that_nothing_is_delivered,
    events_there_are,
    only_who_may,
);

const TYPES: &str = "odata/Webhooks/UiPath.Server.Configuration.OData.GetEventTypes";

fn webhook(name: &str) -> Value {
    json!({
        "Name": name, "Url": "https://example.com/hook", "Enabled": true,
        "SubscribeToAllEvents": false, "AllowInsecureSsl": false, "Secret": "s3cret",
        "Events": [{"EventType": "job.completed"}, {"EventType": "QUEUEITEM.ADDED"}],
    })
}

async fn webhooks_are_kept(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene
        .app
        .post("odata/Webhooks", &webhook("W"))
        .await
        .ok(201);
    assert!(text(&made, "@odata.context").ends_with("/$metadata#Webhooks/$entity"));
    assert_members(
        &made,
        "Key Name Description Url Enabled Secret SubscribeToAllEvents AllowInsecureSsl Events Id",
    );
    assert_eq!(made["Secret"], Value::Null);
    assert_eq!(
        made["Events"],
        json!([{"EventType": "job.completed"}, {"EventType": "queueItem.added"}])
    );
    let path = format!("odata/Webhooks({})", id(&made));
    let shown = scene.app.get(&path).await.ok(200);
    assert_eq!(shown, made);
    let list = scene
        .app
        .get("odata/Webhooks?$filter=Enabled eq true")
        .await
        .ok(200);
    assert_eq!(
        (&list["@odata.count"], texts(&list, "Name")),
        (&json!(1), vec!["W"])
    );

    let patched = scene
        .app
        .patch(&path, &json!({"Enabled": false, "Description": "d"}))
        .await;
    let patched = patched.ok(200);
    assert_eq!(
        (
            &patched["Enabled"],
            &patched["Description"],
            &patched["Url"],
            &patched["Events"]
        ),
        (&json!(false), &json!("d"), &made["Url"], &made["Events"])
    );
    // What was read can be sent back; what is put without it goes.
    let same = scene.app.put(&path, &patched).await.ok(200);
    assert_eq!(same["Events"], made["Events"]);
    let bare = json!({"Name": "Bare", "Url": "http://localhost:1/x", "Enabled": true,
        "SubscribeToAllEvents": true, "AllowInsecureSsl": true});
    let bare = scene.app.put(&path, &bare).await.ok(200);
    assert_eq!(
        (
            text(&bare, "Name"),
            &bare["Description"],
            &bare["Key"],
            &bare["AllowInsecureSsl"]
        ),
        ("Bare", &Value::Null, &made["Key"], &json!(true))
    );
    scene.app.patch(&path, &json!({"Secret": ""})).await.ok(200);
    scene.app.delete(&path).await.ok(204);
    scene.app.get(&path).await.refused(404, 1002);
    scene.app.delete(&path).await.refused(404, 1002);
}

async fn webhooks_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |member: &str, value: Value| {
        let mut body = webhook("W");
        body[member] = value;
        scene.app.post("odata/Webhooks", &body).await
    };
    for (member, value) in [
        ("Name", json!("")),
        ("Name", json!("x".repeat(129))),
        ("Description", json!("x".repeat(257))),
        ("Url", Value::Null),
        ("Url", json!("example.com/hook")),
        ("Url", json!("ftp://example.com")),
        ("Url", json!("https://")),
        ("Url", json!("https://example.com/\r\nX-Other: 1")),
        ("Url", json!(" https://example.com/hook")),
        (
            "Url",
            json!(format!("https://example.com/{}", "x".repeat(2000))),
        ),
        ("Secret", json!("x".repeat(101))),
        ("Enabled", json!("yes")),
        ("SubscribeToAllEvents", Value::Null),
        ("Events", json!([])),
        ("Events", Value::Null),
        ("Events", json!([{}])),
        ("Events", json!([{"EventType": "x".repeat(51)}])),
        ("Events", json!("job.completed")),
    ] {
        post(member, value).await.refused(400, 1009);
    }
    let said = post("Events", json!([{"EventType": "job.exploded"}])).await;
    let said = said.refused(400, 2100);
    assert!(text(&said, "message").contains("'job.exploded'"), "{said}");
    scene
        .app
        .post("odata/Webhooks", &json!([]))
        .await
        .refused(400, 0);
    let list = scene.app.get("odata/Webhooks").await.ok(200);
    assert_eq!(list["value"], json!([]));

    let made = post("Name", json!("First")).await.ok(201);
    let said = post("Name", json!("FIRST")).await.refused(409, 1001);
    assert_eq!(said["message"], "The name FIRST is already used.");
    let other = post("Name", json!("Second")).await.ok(201);
    let path = format!("odata/Webhooks({})", id(&other));
    scene
        .app
        .patch(&path, &json!({"Name": "first"}))
        .await
        .refused(409, 1001);
    scene
        .app
        .patch(&path, &json!({"Events": []}))
        .await
        .refused(400, 1009);
    scene
        .app
        .patch(&path, &json!({"Url": "nonsense"}))
        .await
        .refused(400, 1009);
    let all = json!({"Events": [], "SubscribeToAllEvents": true});
    scene.app.patch(&path, &all).await.ok(200);
    let none = json!({"SubscribeToAllEvents": false});
    scene.app.patch(&path, &none).await.refused(400, 1009);
    scene
        .app
        .put(&path, &json!({"Name": "Second"}))
        .await
        .refused(400, 1009);
    scene
        .app
        .put("odata/Webhooks(999999)", &webhook("Third"))
        .await
        .refused(404, 1002);
    scene
        .app
        .get("odata/Webhooks('x')")
        .await
        .refused(400, 1000);
    let kept = scene
        .app
        .get(&format!("odata/Webhooks({})", id(&made)))
        .await
        .ok(200);
    assert_eq!(kept, made);
}

async fn the_log_says_that_nothing_is_delivered(backend: Backend) {
    let mut scene = scene(backend).await;
    let said = |scene: &Scene| {
        let log = scene.server.log();
        let lines = log.lines().filter(|line| line.contains("WARN"));
        lines.filter(|line| line.contains("webhook")).count()
    };
    let mut body = webhook("W");
    body["Enabled"] = false.into();
    let made = scene.app.post("odata/Webhooks", &body).await.ok(201);
    let path = format!("odata/Webhooks({})", id(&made));
    let patch = async |scene: &Scene, body: Value| {
        scene.app.patch(&path, &body).await.ok(200);
    };
    patch(&scene, json!({"Description": "d"})).await;
    assert_eq!(said(&scene), 0);
    patch(&scene, json!({"Enabled": true})).await;
    assert_eq!(said(&scene), 1);
    // Still so, or off again; a change that is refused changes nothing.
    patch(&scene, json!({"Description": "e"})).await;
    assert_eq!(said(&scene), 2);
    let refused = scene.app.patch(&path, &json!({"Url": "nonsense"})).await;
    refused.refused(400, 1009);
    patch(&scene, json!({"Enabled": false})).await;
    assert_eq!(said(&scene), 2);
    scene.app.put(&path, &webhook("W")).await.ok(200);
    scene
        .app
        .post("odata/Webhooks", &webhook("X"))
        .await
        .ok(201);
    assert_eq!(said(&scene), 4);
    scene.server.restart().await;
    assert_eq!(said(&scene), 5);
    assert!(scene.server.log().contains("sends nothing"));
}

async fn events_there_are(backend: Backend) {
    let scene = scene(backend).await;
    let list = scene.app.get(TYPES).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("#WebhookEventTypeDto"));
    let names = texts(&list, "Name");
    for name in [
        "job.created",
        "queueItem.transactionFailed",
        "robot.status",
        "schedule.failed",
        "alert.subscribed",
        "alert.unsubscribed",
        "blobFile.uploaded",
        "blobFile.deleted",
        "deploymentSetting.updated",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let jobs =
        format!("{TYPES}()?$filter=Group eq 'Job'&$select=Name&$orderby=Name desc&$count=true");
    let jobs = scene.app.get(&jobs).await.ok(200);
    assert_eq!(jobs["@odata.count"], 9);
    assert_eq!(jobs["value"][0], json!({"Name": "job.terminating"}));
    // Every one of them can be subscribed to.
    let events: Vec<Value> = names
        .iter()
        .map(|name| json!({"EventType": name}))
        .collect();
    let mut body = webhook("all");
    body["Events"] = json!(events);
    let made = scene.app.post("odata/Webhooks", &body).await.ok(201);
    assert_eq!(made["Events"], json!(events));
}

async fn only_who_may(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene
        .app
        .post("odata/Webhooks", &webhook("W"))
        .await
        .ok(201);
    let path = format!("odata/Webhooks({})", id(&made));
    let reader = scene.server.app_with(&["OR.Webhooks.Read"]).await;
    reader.get(&path).await.ok(200);
    reader.get(TYPES).await.ok(200);
    reader
        .post("odata/Webhooks", &webhook("X"))
        .await
        .refused(403, 0);
    reader.delete(&path).await.refused(403, 0);
    let other = scene.server.app_with(&["OR.Jobs"]).await;
    other.get("odata/Webhooks").await.refused(403, 0);
    let roles = ["Allow to be Automation User"];
    let (person, _) = scene.server.user("person", &roles).await;
    person.get(&path).await.ok(200);
    person
        .patch(&path, &json!({"Enabled": false}))
        .await
        .refused(403, 0);
    person.put(&path, &webhook("W")).await.refused(403, 0);
    person.delete(&path).await.refused(403, 0);
    scene.server.anonymous().get(TYPES).await.refused(401, 0);
}
