//! Releases: packages made startable in a folder.

use serde_json::{Value, json};
use testkit::{Backend, both, package};

use crate::support::{id, modern, scene, text};

both!(releases_of_packages, releases_that_cannot_be_made,);

async fn releases_of_packages(backend: Backend) {
    let scene = scene(backend).await;
    scene
        .upload(&package("p", "1.0.0").input(&[("name!", "string")]))
        .await;
    let body = json!({"Name": "First", "ProcessKey": "p", "ProcessVersion": "1.0", "Description": "d", "JobPriority": "High"});
    let made = scene.shared.post("odata/Releases", &body).await.ok(201);
    assert!(text(&made, "@odata.context").ends_with("/$metadata#Releases/$entity"));
    assert_eq!(
        (text(&made, "ProcessKey"), text(&made, "ProcessVersion")),
        ("p", "1.0.0")
    );
    assert_eq!(
        (text(&made, "Name"), text(&made, "Description")),
        ("First", "d")
    );
    assert_eq!(
        (text(&made, "JobPriority"), &made["SpecificPriorityValue"]),
        ("High", &json!(65))
    );
    assert_eq!(
        (&made["IsLatestVersion"], &made["IsProcessDeleted"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(text(&made, "EntryPointPath"), "main.sh");
    assert_eq!(text(&made, "Key").len(), 36);

    let list = scene.shared.get("odata/Releases").await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Releases"));
    assert_eq!(list["@odata.count"], 1);
    assert_eq!(list["value"][0]["Key"], made["Key"]);
    assert_eq!(
        list["value"][0]["OrganizationUnitFullyQualifiedName"],
        "Shared"
    );
    let read = scene
        .shared
        .get(&format!("odata/Releases({})", id(&made)))
        .await
        .ok(200);
    assert_eq!(read["Key"], made["Key"]);
    let active = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(active["value"][0]["IsActive"], true);
    scene.upload(&package("p", "1.1.0")).await;
    let read = scene
        .shared
        .get(&format!("odata/Releases({})", id(&made)))
        .await
        .ok(200);
    assert_eq!(
        (text(&read, "ProcessVersion"), &read["IsLatestVersion"]),
        ("1.0.0", &json!(false))
    );
}

async fn releases_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    scene.upload(&package("p", "1.0.0")).await;
    let good = json!({"Name": "First", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    let post = async |body: Value| scene.shared.post("odata/Releases", &body).await;
    scene
        .app
        .post("odata/Releases", &good)
        .await
        .refused(400, 1101);
    post(with("ProcessKey", json!("none")))
        .await
        .refused(404, 1677);
    post(with("ProcessVersion", json!("9.0.0")))
        .await
        .refused(404, 1677);
    post(with("ProcessVersion", json!("nonsense")))
        .await
        .refused(404, 1677);
    post(with(
        "FeedId",
        json!("00000000-0000-0000-0000-000000000001"),
    ))
    .await
    .refused(404, 1002);
    post(with("Name", json!(" "))).await.refused(400, 1009);
    post(with("EntryPointPath", json!("other.sh")))
        .await
        .refused(400, 1009);
    post(with("EntryPointId", json!(999_999)))
        .await
        .refused(400, 1009);
    post(with("InputArguments", json!("{nonsense")))
        .await
        .refused(400, 1009);
    post(with("SpecificPriorityValue", json!(101)))
        .await
        .refused(400, 1009);
    post(good.clone()).await.ok(201);
    let said = post(with("Name", json!("FIRST"))).await.refused(409, 1001);
    assert_eq!(said["message"], "The name FIRST is already used.");
    scene
        .shared
        .get("odata/Releases(999999)")
        .await
        .refused(404, 1002);
    // One that exists, but in another folder.
    let folder = modern("Other");
    let other = scene.app.post("odata/Folders", &folder).await.ok(201);
    let release = scene.shared.get("odata/Releases").await.ok(200)["value"][0]["Id"].clone();
    scene
        .app
        .folder(id(&other))
        .get(&format!("odata/Releases({release})"))
        .await
        .refused(404, 1002);
}
