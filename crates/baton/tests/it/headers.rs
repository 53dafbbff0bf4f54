//! The ways in which a request names its folder.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both};

use crate::folders::make;
use crate::queues::{ADD, item_data, person, queue};
use crate::support::{STOP_JOBS, id, modern, scene, text, texts};

both!(
    the_header_in_four_forms,
    relative_paths,
    headers_that_name_nothing,
    paths_in_latin_1,
    what_cannot_be_read_is_not_absent,
    no_header_stops_jobs_of_another_folder,
    a_key_in_the_place_of_the_id,
    every_header_must_name_something,
    headers_of_a_batch_count_for_its_requests,
    jobs_tenants_and_hosts_that_cannot_be_read,
);

/// A tree with a release in each folder, named after the folder's path.
async fn tree(scene: &Scene) -> Vec<Value> {
    scene.upload(&testkit::package("p", "1.0.0")).await;
    let mut folders = Vec::new();
    let top = make(&scene.app, modern("Root")).await;
    let a = make(
        &scene.app,
        json!({"DisplayName": "A", "ParentId": id(&top)}),
    )
    .await;
    let b = make(
        &scene.app,
        json!({"DisplayName": "B ä", "ParentId": id(&a)}),
    )
    .await;
    let c = make(
        &scene.app,
        json!({"DisplayName": "C", "ParentId": id(&top)}),
    )
    .await;
    for folder in [top, a, b, c] {
        let body = json!({"Name": folder["FullyQualifiedName"], "ProcessKey": "p", "ProcessVersion": "1.0.0"});
        scene
            .app
            .folder(id(&folder))
            .post("odata/Releases", &body)
            .await
            .ok(201);
        folders.push(folder);
    }
    folders
}

/// The folder that a request with these headers is about.
async fn lands(client: &Client) -> String {
    let list = client.get("odata/Releases").await.ok(200);
    assert_eq!(list["@odata.count"], 1, "{list}");
    texts(&list, "Name")[0].to_owned()
}

fn encoded(path: &str) -> String {
    let bytes: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
    STANDARD.encode(bytes)
}

const ID: &str = "X-UIPATH-OrganizationUnitId";

const KEY: &str = "X-UIPATH-FolderKey";

const PATH: &str = "X-UIPATH-FolderPath";

const ENCODED: &str = "X-UIPATH-FolderPath-Encoded";

async fn the_header_in_four_forms(backend: Backend) {
    let scene = scene(backend).await;
    let folders = tree(&scene).await;
    let [_, a, b, c] = &folders[..] else {
        panic!("four folders")
    };
    let app = &scene.app;
    assert_eq!(lands(&app.folder(id(a))).await, "Root/A");
    assert_eq!(lands(&app.with(KEY, text(b, "Key"))).await, "Root/A/B ä");
    assert_eq!(
        lands(&app.with(KEY, text(b, "Key").to_uppercase())).await,
        "Root/A/B ä"
    );
    assert_eq!(lands(&app.with(PATH, "Root/C")).await, "Root/C");
    assert_eq!(lands(&app.with(PATH, "root/a")).await, "Root/A");
    assert_eq!(lands(&app.with(PATH, "Root/A/B ä")).await, "Root/A/B ä");
    assert_eq!(
        lands(&app.with(ENCODED, encoded("Root/A/B ä"))).await,
        "Root/A/B ä"
    );
    assert_eq!(lands(&app.with(ENCODED, encoded("Root"))).await, "Root");

    // A path counts more than a key, and a key more than an id.
    let all = app
        .folder(id(a))
        .with(KEY, text(b, "Key"))
        .with(PATH, text(c, "FullyQualifiedName"));
    assert_eq!(lands(&all).await, "Root/C");
    assert_eq!(lands(&all.without(PATH)).await, "Root/A/B ä");
    assert_eq!(lands(&all.without(PATH).without(KEY)).await, "Root/A");
    assert_eq!(
        lands(&app.with(PATH, "Root/C").with(ENCODED, encoded("Root"))).await,
        "Root"
    );

    // Without one: every folder.
    assert_eq!(app.get("odata/Releases").await.ok(200)["@odata.count"], 4);
}

async fn relative_paths(backend: Backend) {
    let scene = scene(backend).await;
    let folders = tree(&scene).await;
    let b = scene.app.folder(id(&folders[2]));
    for (path, lands_in) in [
        ("/C", "Root/C"),
        ("/", "Root"),
        ("/A/B ä", "Root/A/B ä"),
        (".", "Root/A/B ä"),
        ("..", "Root/A"),
        ("../..", "Root"),
        ("../../C", "Root/C"),
        ("../B ä", "Root/A/B ä"),
        ("Root/C", "Root/C"),
    ] {
        assert_eq!(
            lands(&b.with(ENCODED, encoded(path))).await,
            lands_in,
            "{path}"
        );
    }
    let by_key = scene
        .app
        .with(KEY, text(&folders[1], "Key"))
        .with(ENCODED, encoded("./B ä"));
    assert_eq!(lands(&by_key).await, "Root/A/B ä");
    for path in ["../../..", "../", "/C/", "./Nothing", "..//C"] {
        b.with(ENCODED, encoded(path))
            .get("odata/Releases")
            .await
            .refused(403, 1100);
    }
    scene
        .app
        .with(ENCODED, encoded(".."))
        .get("odata/Releases")
        .await
        .refused(403, 1100);
}

async fn headers_that_name_nothing(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let said = app
        .folder(999_999)
        .get("odata/Jobs")
        .await
        .refused(403, 1100);
    assert_eq!(
        said["message"],
        "Folder does not exist or the user does not have access to the folder."
    );
    app.with(KEY, "00000000-0000-0000-0000-000000000001")
        .get("odata/Jobs")
        .await
        .refused(403, 1100);
    app.with(KEY, "no-guid")
        .get("odata/Jobs")
        .await
        .refused(403, 1100);
    app.with(PATH, "Nowhere")
        .get("odata/Jobs")
        .await
        .refused(403, 1100);
    for bad in ["***", "Uw==", "ANgA2A=="] {
        app.with(ENCODED, bad)
            .get("odata/Jobs")
            .await
            .refused(403, 1100);
    }
    let body = json!({"Name": "x", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    app.post("odata/Releases", &body).await.refused(400, 1101);
}

/// Fails unless the folder of the header is none.
#[track_caller]
fn nowhere(answer: Answer) {
    let (what, status, body) = (answer.what.clone(), answer.status, answer.json());
    assert!([400, 403].contains(&status), "{what}: {body}");
    assert_eq!(body["errorCode"], 1100, "{what}: {body}");
}

async fn paths_in_latin_1(backend: Backend) {
    let scene = scene(backend).await;
    scene.upload(&testkit::package("p", "1.0.0")).await;
    let folder = make(&scene.app, modern("Büro")).await;
    let body = json!({"Name": "in Büro", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let inside = scene.app.folder(id(&folder));
    inside.post("odata/Releases", &body).await.ok(201);
    for path in [b"B\xfcro".as_slice(), "Büro".as_bytes(), b"b\xdcRO"] {
        let request = scene.app.request("GET", "odata/Releases");
        let list = scene.app.send(request.header(PATH, path)).await.ok(200);
        assert_eq!(texts(&list, "Name"), ["in Büro"]);
    }
    // What is neither a folder in the one reading nor in the other is refused in the words of both.
    let request = scene.app.request("GET", "odata/Releases");
    let said = scene.app.send(request.header(PATH, b"B\xe4ro".as_slice()));
    let said = said.await;
    assert!(said.text().contains("'Bäro'"), "{}", said.text());
    nowhere(said);
}

/// Headers that name no folder.
fn unreadable() -> Vec<(&'static str, Vec<u8>)> {
    let strange = "00000000-0000-0000-0000-000000000001";
    vec![
        (ID, b"three".to_vec()),
        (ID, b"2.0".to_vec()),
        (ID, b"1,2".to_vec()),
        (ID, b"99999999999999999999".to_vec()),
        (ID, b"\xfc".to_vec()),
        (ID, b"-1".to_vec()),
        (ID, strange.into()),
        (KEY, strange.into()),
        (KEY, b"\xfc".to_vec()),
        (PATH, b"Nowhere".to_vec()),
        (PATH, b"B\xfcro".to_vec()),
        (PATH, "Büro/漢".into()),
        (ENCODED, b"***".to_vec()),
        (ENCODED, b"\xfc".to_vec()),
    ]
}

async fn what_cannot_be_read_is_not_absent(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "x", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let log = json!(["{\"message\":\"x\",\"level\":\"Info\"}"]);
    for (name, value) in unreadable() {
        let send = async |method: &str, path: &str, body: Option<&Value>| {
            let request = scene.app.request(method, path).header(name, &*value);
            let request = body.map_or(request.try_clone().unwrap(), |body| request.json(body));
            scene.app.send(request).await
        };
        for list in [
            "Jobs",
            "QueueItems",
            "Releases",
            "RobotLogs",
            "Assets",
            "Sessions",
        ] {
            nowhere(send("GET", &format!("odata/{list}"), None).await);
        }
        nowhere(send("POST", "odata/Releases", Some(&body)).await);
        nowhere(send("POST", ADD, Some(&item_data("Q", json!({})))).await);
        nowhere(send("DELETE", "api/Releases/DeleteByKey?key=x", None).await);
        nowhere(send("POST", "api/Logs/SubmitLogs", Some(&log)).await);
        // Where folders mean nothing, so does the header.
        send("GET", "odata/Folders", None).await.ok(200);
    }
    // Nothing is nothing.
    let empty = scene.app.with(ID, " ").with(KEY, "");
    assert_eq!(empty.get("odata/Jobs").await.ok(200)["value"], json!([]));
}

async fn no_header_stops_jobs_of_another_folder(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    let body = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    for (name, value) in unreadable() {
        let request = scene.app.request("POST", STOP_JOBS).header(name, &*value);
        nowhere(scene.app.send(request.json(&body)).await);
        let path = format!(
            "odata/Jobs({})/UiPath.Server.Configuration.OData.StopJob",
            job["Id"]
        );
        let request = scene.app.request("POST", &path).header(name, &*value);
        nowhere(
            scene
                .app
                .send(request.json(&json!({"strategy": "Kill"})))
                .await,
        );
    }
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Pending");
    // An account with rights in one folder has none through a header that names no other.
    let person = person(&scene, "somebody", "Automation User").await;
    for (name, value) in unreadable() {
        let request = person.request("GET", "odata/Jobs").header(name, &*value);
        nowhere(person.send(request).await);
    }
}

async fn a_key_in_the_place_of_the_id(backend: Backend) {
    let scene = scene(backend).await;
    let folders = tree(&scene).await;
    let key = text(&folders[1], "Key");
    assert_eq!(lands(&scene.app.with(ID, key)).await, "Root/A");
    let braces = format!("{{{}}}", key.to_uppercase());
    assert_eq!(lands(&scene.app.with(ID, braces)).await, "Root/A");
    let both = scene.app.with(ID, key).with(KEY, key);
    assert_eq!(lands(&both).await, "Root/A");
    let other = both.with(KEY, text(&folders[2], "Key"));
    nowhere(other.get("odata/Releases").await);
}

async fn every_header_must_name_something(backend: Backend) {
    let scene = scene(backend).await;
    let folders = tree(&scene).await;
    let inside = scene.app.with(PATH, "Root/C");
    assert_eq!(lands(&inside.folder(id(&folders[1]))).await, "Root/C");
    for other in [
        inside.folder(999_999),
        inside.with(ID, "three"),
        inside.with(KEY, "00000000-0000-0000-0000-000000000001"),
        scene
            .app
            .with(KEY, text(&folders[1], "Key"))
            .folder(999_999),
    ] {
        nowhere(other.get("odata/Releases").await);
    }
    // Two folders under one name are none.
    let twice = scene.app.request("GET", "odata/Releases");
    let twice = twice
        .header(ID, id(&folders[1]))
        .header(ID, id(&folders[2]));
    nowhere(scene.app.send(twice).await);
    let same = scene.app.request("GET", "odata/Releases");
    let same = same.header(ID, id(&folders[1])).header(ID, id(&folders[1]));
    let list = scene.app.send(same).await.ok(200);
    assert_eq!(texts(&list, "Name"), ["Root/A"]);
}

async fn headers_of_a_batch_count_for_its_requests(backend: Backend) {
    let scene = scene(backend).await;
    tree(&scene).await;
    make(&scene.app, modern("Büro")).await;
    let statuses = async |client: &Client, headers: Value| {
        let body = json!({"requests": [
            {"id": "1", "method": "get", "url": "Releases", "headers": headers},
        ]});
        let answer = client.post("odata/$batch", &body).await.ok(200);
        let one = &answer["responses"][0];
        (one["status"].clone(), one["body"].clone())
    };
    let inside = scene.app.with(PATH, "Root/A");
    for headers in [json!({}), json!({ID: " "}), json!({PATH: ""})] {
        let (_, list) = statuses(&inside, headers).await;
        assert_eq!(texts(&list, "Name"), ["Root/A"]);
    }
    let (status, _) = statuses(&inside, json!({PATH: "Büro"})).await;
    assert_eq!(status, 200);
    let (_, list) = statuses(&inside, json!({PATH: "Root/C"})).await;
    assert_eq!(texts(&list, "Name"), ["Root/C"]);
    for headers in [json!({ID: "three"}), json!({PATH: "Bäro"})] {
        let (_, refused) = statuses(&inside, headers).await;
        assert_eq!(refused["errorCode"], 1100, "{refused}");
    }
    let (_, refused) = statuses(&scene.app.with(ID, "three"), json!({})).await;
    assert_eq!(refused["errorCode"], 1100, "{refused}");
    let (status, _) = statuses(&scene.app, json!({"X-UIPATH-TenantName": "Other"})).await;
    assert_eq!(status, 400);
}

async fn jobs_tenants_and_hosts_that_cannot_be_read(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    for job in ["None", "5"] {
        let client = scene.shared.with("X-UIPATH-JobKey", job);
        let item = item_data("Q", json!({}));
        client.post(ADD, &item).await.refused(400, 1009);
        let body = json!({"transactionData": {"Name": "Q"}});
        let start = "odata/Queues/UiPathODataSvc.StartTransaction";
        client.post(start, &body).await.refused(400, 1009);
        // Who does not ask for the job does not mind.
        client.get("odata/Jobs").await.ok(200);
    }
    for tenant in ["Other", "\u{fc}"] {
        let client = scene.app.with("X-UIPATH-TenantName", tenant);
        client.get("odata/Folders").await.refused(400, 1000);
    }
    let named = scene.app.with("X-UIPATH-TenantName", "defaulttenant");
    named.get("odata/Folders").await.ok(200);
    let machine = scene.server.machine();
    let start = async |client: &Client| {
        let path = "api/RobotsService/StartService";
        client.post(path, &json!({"Slots": 1})).await
    };
    let encoded = machine.with("X-ROBOT-MACHINE-ENCODED", "***");
    start(&encoded).await.refused(400, 1009);
    let long = machine.with("X-UIPATH-Installation-Id", "x".repeat(101));
    start(&long).await.refused(400, 1009);
    start(&machine).await.ok(200);
}
