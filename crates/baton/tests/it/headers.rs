//! The ways in which a request names its folder.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use crate::folders::make;
use crate::support::{id, modern, scene, text, texts};

both!(
    the_header_in_four_forms,
    relative_paths,
    headers_that_name_nothing,
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
    // What is no number is no folder; then a read spans all, and a write is refused.
    let no_number = app.with("X-UIPATH-OrganizationUnitId", "abc");
    no_number.get("odata/Jobs").await.ok(200);
    let body = json!({"Name": "x", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    no_number
        .post("odata/Releases", &body)
        .await
        .refused(400, 1101);
    app.post("odata/Releases", &body).await.refused(400, 1101);
}
