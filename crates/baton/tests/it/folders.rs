//! Folders: the tree, its rules, and the ways in which a request names one.

use serde_json::{Value, json};
use testkit::{Backend, Client, both};

use crate::support::{id, modern, scene, text};

both!(
    a_tree_of_folders,
    folders_that_cannot_be_made,
    machines_pass_on_to_subfolders_only_when_told,
);

/// A new folder.
pub async fn make(app: &Client, body: Value) -> Value {
    app.post("odata/Folders", &body).await.ok(201)
}

async fn a_tree_of_folders(backend: Backend) {
    let scene = scene(backend).await;
    let top = make(&scene.app, modern("Finance")).await;
    assert!(text(&top, "@odata.context").ends_with("/$metadata#Folders/$entity"));
    let child = make(
        &scene.app,
        json!({"DisplayName": "Invoices", "ParentId": id(&top), "Description": "d"}),
    )
    .await;
    assert_eq!(text(&child, "FullyQualifiedName"), "Finance/Invoices");
    assert_eq!(
        (&child["ParentId"], &child["ParentKey"]),
        (&top["Id"], &top["Key"])
    );
    assert_eq!(
        (
            text(&child, "ProvisionType"),
            text(&child, "PermissionModel")
        ),
        ("Automatic", "FineGrained")
    );
    assert_eq!(text(&child, "Description"), "d");

    // The same name under another parent is another folder.
    make(
        &scene.app,
        json!({"DisplayName": "Invoices", "ParentId": scene.folder}),
    )
    .await;
    let again = json!({"DisplayName": "INVOICES", "ParentId": id(&top)});
    scene
        .app
        .post("odata/Folders", &again)
        .await
        .refused(409, 1001);
    scene
        .app
        .post("odata/Folders", &modern("finance"))
        .await
        .refused(409, 1001);

    let mut parent = id(&child);
    for depth in 3..=7 {
        let body = json!({"DisplayName": format!("Level {depth}"), "ParentId": parent});
        parent = id(&make(&scene.app, body).await);
    }
    let too_deep = json!({"DisplayName": "Level 8", "ParentId": parent});
    scene
        .app
        .post("odata/Folders", &too_deep)
        .await
        .refused(400, 2804);
    let all = scene
        .app
        .get("odata/Folders?$filter=startswith(FullyQualifiedName,'Finance/')")
        .await
        .ok(200);
    assert_eq!(all["@odata.count"], 6);
}

async fn folders_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |body: Value| scene.app.post("odata/Folders", &body).await;
    for name in ["", " "] {
        post(modern(name)).await.refused(400, 1009);
    }
    for name in ["a/b", "a\\b", ".", "..", " a", "a ", "a\nb"] {
        post(modern(name)).await.refused(400, 2810);
    }
    let long = post(modern(&"ä".repeat(116))).await;
    assert_eq!(long.status, 400, "{}", long.text());
    make(&scene.app, modern(&"ä".repeat(115))).await;
    post(json!({"DisplayName": "x"})).await.refused(400, 2801);
    post(json!({"DisplayName": "x", "ProvisionType": "Automatic"}))
        .await
        .refused(400, 2801);
    post(json!({"DisplayName": "x", "ProvisionType": "Manual", "PermissionModel": "FineGrained"}))
        .await
        .refused(400, 2801);
    post(json!({"DisplayName": "x", "ParentId": 999_999}))
        .await
        .refused(403, 1100);

    let classic = json!({"DisplayName": "Old", "ProvisionType": "Manual", "PermissionModel": "InheritFromTenant"});
    let classic = make(&scene.app, classic).await;
    post(json!({"DisplayName": "x", "ParentId": id(&classic)}))
        .await
        .refused(400, 2803);
    assert_eq!(
        scene
            .app
            .get("odata/Folders?$filter=DisplayName eq 'x'")
            .await
            .ok(200)["@odata.count"],
        0
    );
}

async fn machines_pass_on_to_subfolders_only_when_told(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    assert!(release["Key"].is_string());
    let child = make(
        &scene.app,
        json!({"DisplayName": "Child", "ParentId": scene.folder}),
    )
    .await;
    let here = scene.app.folder(id(&child));
    let body = json!({"Name": "p", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let release = here.post("odata/Releases", &body).await.ok(201);
    // The robot's account is inherited, the machine is not.
    let start = scene.start_info(&release, json!({}));
    here.post(crate::support::START_JOBS, &start)
        .await
        .refused(409, 2818);
}
