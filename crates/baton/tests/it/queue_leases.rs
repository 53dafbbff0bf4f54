//! Queues with a lease: an item that nobody works on any more returns.

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both, eventually};
use tokio::time::{Duration, sleep};

use crate::queues::{add, at};
use crate::support::{id, running, scene, text, with};
use crate::transactions::{end, set_limit, take};

both!(
    items_return_when_their_lease_ends,
    a_take_puts_off_no_other_lease,
    items_of_a_lost_host_return,
    another_lease_is_for_what_is_in_progress,
    another_limit_is_for_what_is_in_progress,
    who_waits_for_the_end_of_a_lease_writes_nothing,
);

fn operation(name: &str) -> String {
    format!("odata/QueueDefinitions/UiPath.Server.Configuration.OData.{name}")
}

/// Makes a queue with a lease of 5 seconds.
async fn leased(client: &Client, name: &str, more: Value) -> Value {
    let body = json!({"Name": name, "RetentionAction": "Delete", "RetentionPeriod": 30, "LeaseSeconds": 5});
    client
        .post(&operation("CreateQueue"), &with(body, more))
        .await
        .ok(201)
}

/// Lets so many seconds go by, and waits until the engine has looked: it gives up an item whose lease
/// of 5 seconds has ended by then.
async fn pass(scene: &Scene, seconds: u64) {
    let (client, name) = (&scene.shared, "Passing");
    let known = "odata/QueueDefinitions?$filter=Name eq 'Passing'";
    if client.get(known).await.ok(200)["@odata.count"] == 0 {
        leased(client, name, json!({"MaxNumberOfRetries": 1})).await;
    }
    let passing = add(client, name, json!({})).await;
    take(client, name, json!({})).await;
    assert!(seconds > 5, "the lease must end");
    scene.server.advance(Duration::from_secs(seconds));
    until(client, &passing, "New").await;
    client.delete(&at("QueueItems", &passing)).await.ok(204);
}

async fn get(client: &Client, item: &Value) -> Value {
    client.get(&at("QueueItems", item)).await.ok(200)
}

async fn until(client: &Client, item: &Value, status: &str) -> Value {
    eventually(status, async || {
        let now = get(client, item).await;
        (text(&now, "Status") == status).then_some(now)
    })
    .await
}

async fn items_return_when_their_lease_ends(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    leased(
        client,
        "Q",
        json!({"MaxNumberOfRetries": 1, "RetryAbandonedItems": true}),
    )
    .await;
    leased(client, "P", json!({})).await;
    let added = add(client, "Q", json!({"DeferDate": "2020-01-01T00:00:00Z"})).await;
    let alive = add(client, "P", json!({})).await;
    take(client, "P", json!({})).await;
    let path = format!(
        "{}/UiPathODataSvc.SetTransactionProgress",
        at("QueueItems", &alive)
    );
    for returns in 1..=2 {
        let taken = take(client, "Q", json!({})).await;
        assert_eq!(id(&taken), id(&added));
        for _ in 0..2 {
            scene.server.advance(Duration::from_secs(3));
            let told = client.post(&path, &json!({"Progress": "alive"})).await;
            assert_eq!(told.status, 200, "{}", told.text());
        }
        let back = until(client, &added, "New").await;
        assert_eq!(
            (&back["Key"], &back["RetryNumber"]),
            (&added["Key"], &json!(0))
        );
        assert!(
            back["SecondsInPreviousAttempts"].as_i64() >= Some(5 * returns),
            "{back}"
        );
        // It is not the caller's any more.
        end(client, &taken, json!({"IsSuccessful": true}))
            .await
            .refused(409, 1902);
    }
    assert_eq!(text(&get(client, &alive).await, "Status"), "InProgress");
    take(client, "Q", json!({})).await;
    scene.server.advance(Duration::from_secs(6));
    let retried = until(client, &added, "Retried").await;
    let copy = take(client, "Q", json!({})).await;
    assert_eq!(
        (&copy["AncestorId"], &copy["RetryNumber"]),
        (&retried["Id"], &json!(1))
    );
}

async fn a_take_puts_off_no_other_lease(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    leased(client, "Short", json!({})).await;
    leased(client, "Long", json!({"LeaseSeconds": 13})).await;
    let long = add(client, "Long", json!({})).await;
    add(client, "Short", json!({})).await;
    let taken = take(client, "Long", json!({})).await;
    assert_eq!(id(&taken), id(&long));
    // By now the engine has looked, found nothing due, and knows when the lease ends.
    pass(&scene, 11).await;
    take(client, "Short", json!({})).await;
    scene.server.advance(Duration::from_secs(3));
    until(client, &long, "New").await;
}

async fn items_of_a_lost_host_return(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    leased(client, "Q", json!({"LeaseSeconds": 3600})).await;
    crate::queues::queue(client, "Plain", json!({})).await;
    let (host, job) = running(&scene).await;
    let robot = client.with("x-uipath-jobkey", text(&job, "Key"));
    for queue in ["Q", "Q", "Plain"] {
        add(client, queue, json!({})).await;
    }
    let held = take(&robot, "Q", json!({})).await;
    assert_eq!(held["ExecutorJobKey"], job["Key"]);
    let kept = take(&robot, "Plain", json!({})).await;
    let others = take(client, "Q", json!({})).await;
    host.stop().await;
    until(client, &held, "New").await;
    for item in [kept, others] {
        assert_eq!(text(&get(client, &item).await, "Status"), "InProgress");
    }
    let other = client.with("x-uipath-jobkey", "5a1f6b0c-3d0e-4c55-9d0b-5b1f3f3a7b11");
    let again = take(&other, "Q", json!({})).await;
    assert_eq!(id(&again), id(&held));
    // The host was only silent: what it says is about an attempt that is over.
    let done = json!({"IsSuccessful": true});
    let path = format!(
        "{}/UiPathODataSvc.SetTransactionProgress",
        at("QueueItems", &held)
    );
    let late = robot.post(&path, &json!({"Progress": "late"})).await;
    late.refused(409, 1902);
    end(&robot, &held, done.clone()).await.refused(409, 1902);
    assert_eq!(get(client, &held).await, again);
    assert_eq!(end(&other, &held, done).await.status, 200);
}

async fn another_lease_is_for_what_is_in_progress(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let edit = async |queue: &Value, seconds: Value| {
        let body = with(queue.clone(), json!({"LeaseSeconds": seconds}));
        let answer = client.post(&operation("EditQueue"), &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let mut items = Vec::new();
    for (name, before, after) in [
        ("None any more", json!(5), Value::Null),
        ("Longer", json!(5), json!(3600)),
        ("Shorter", json!(3600), json!(5)),
        ("New", Value::Null, json!(5)),
    ] {
        let queue = leased(client, name, json!({"LeaseSeconds": before})).await;
        add(client, name, json!({})).await;
        items.push(take(client, name, json!({})).await);
        edit(&queue, after).await;
    }
    scene.server.advance(Duration::from_secs(6));
    until(client, &items[2], "New").await;
    until(client, &items[3], "New").await;
    // Those whose lease was 5 seconds were taken before, so they would be back, too.
    for item in &items[..2] {
        assert_eq!(text(&get(client, item).await, "Status"), "InProgress");
    }
}

async fn another_limit_is_for_what_is_in_progress(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    crate::queues::queue(client, "Q", json!({})).await;
    leased(client, "Leased", json!({"LeaseSeconds": 3600})).await;
    let taken = async |queue: &str| {
        add(client, queue, json!({})).await;
        take(client, queue, json!({})).await
    };
    set_limit(&scene, 5).await;
    let (item, leased) = (taken("Q").await, taken("Leased").await);
    set_limit(&scene, 3600).await;
    pass(&scene, 6).await;
    assert_eq!(text(&get(client, &item).await, "Status"), "InProgress");
    set_limit(&scene, 1).await;
    until(client, &item, "Abandoned").await;
    assert_eq!(text(&get(client, &leased).await, "Status"), "InProgress");

    // The default counts again.
    let last = taken("Q").await;
    let reset = "odata/Settings/UiPath.Server.Configuration.OData.DeleteBulk";
    let names = json!({"settingNames": ["Queues.AbandonedAfterSeconds"]});
    scene.app.post(reset, &names).await.ok(204);
    pass(&scene, 6).await;
    assert_eq!(text(&get(client, &last).await, "Status"), "InProgress");
}

async fn who_waits_for_the_end_of_a_lease_writes_nothing(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    leased(client, "Q", json!({"LeaseSeconds": 3600})).await;
    add(client, "Q", json!({})).await;
    let item = take(client, "Q", json!({})).await;
    let written = async || {
        let page = scene.server.anonymous().get("/metrics").await.text();
        let main = |line: &&str| line.starts_with("baton_db_writes_total{store=\"main\"}");
        let line = page.lines().find(main);
        line.expect("the number of writes").to_owned()
    };
    let before = written().await;
    for _ in 0..10 {
        scene.server.advance(Duration::from_secs(60));
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(written().await, before);
    end(client, &item, json!({"IsSuccessful": true}))
        .await
        .ok(200);
    assert_ne!(written().await, before);
}
