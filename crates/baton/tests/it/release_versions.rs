//! Which package version a release has: forth, back, and by itself.

use serde_json::{Value, json};
use testkit::{Backend, both, package};

use crate::releases::{action, read};
use crate::support::{id, merge, scene, text, texts};

both!(
    versions_forth_and_back,
    versions_of_several,
    releases_that_follow_their_package,
);

async fn versions_forth_and_back(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    for version in ["2.0.0", "3.0.0"] {
        scene.upload(&package("p", version)).await;
    }
    let now = async || text(&read(&scene, &made).await, "ProcessVersion").to_owned();
    let post =
        async |name: &str, body: Value| scene.shared.post(&action(Some(&made), name), &body).await;
    let back = "RollbackToPreviousReleaseVersion";
    post(back, json!({})).await.refused(404, 1643);
    let specific = json!({"packageVersion": "2.0"});
    let done = post("UpdateToSpecificPackageVersion", specific.clone())
        .await
        .ok(200);
    assert!(text(&done, "@odata.context").ends_with("/$metadata#Edm.Int64"));
    assert_eq!(done["value"], made["Id"]);
    assert_eq!(now().await, "2.0.0");
    let latest = "UpdateToLatestPackageVersion";
    post(&format!("{latest}?mergePackageTags=true"), json!({}))
        .await
        .ok(200);
    assert_eq!(now().await, "3.0.0");
    // The same version again is no change.
    post(latest, json!({})).await.ok(200);
    post(back, json!({})).await.ok(200);
    assert_eq!(now().await, "2.0.0");
    post(back, json!({})).await.ok(200);
    assert_eq!(now().await, "3.0.0");
    let path = format!("odata/Releases({})?$expand=ReleaseVersions", id(&made));
    let history = scene.shared.get(&path).await.ok(200);
    let history = json!({"value": history["ReleaseVersions"]});
    assert_eq!(
        texts(&history, "VersionNumber"),
        ["1.0.0", "2.0.0", "3.0.0", "2.0.0", "3.0.0"]
    );

    let specific_action = "UpdateToSpecificPackageVersion";
    post(specific_action, json!({})).await.refused(400, 0);
    post(specific_action, json!({"packageVersion": []}))
        .await
        .refused(400, 0);
    post(specific_action, json!({"packageVersion": "9.9.9"}))
        .await
        .refused(404, 1677);
    post(specific_action, json!({"packageVersion": "new"}))
        .await
        .refused(404, 1677);
    post(&format!("{latest}?mergePackageTags=perhaps"), json!({}))
        .await
        .refused(400, 1000);
    // By its key.
    let by_key = |name: &str| {
        let name = format!("{name}ByKey(identifier={})", text(&made, "Key"));
        action(None, &name)
    };
    let body = json!({"packageVersion": "1.0.0"});
    let done = scene
        .shared
        .post(&by_key(specific_action), &body)
        .await
        .ok(200);
    assert!(text(&done, "@odata.context").ends_with("/$metadata#Edm.Guid"));
    assert_eq!(done["value"], made["Key"]);
    assert_eq!(now().await, "1.0.0");
    scene.shared.post(&by_key(latest), &json!({})).await.ok(200);
    assert_eq!(now().await, "3.0.0");
    scene.shared.post(&by_key(back), &json!({})).await.ok(200);
    assert_eq!(now().await, "1.0.0");
    let nobody = action(
        None,
        &format!("{latest}ByKey(identifier={})", uuid::Uuid::nil()),
    );
    scene
        .shared
        .post(&nobody, &json!({}))
        .await
        .refused(404, 1002);
    let nonsense = action(None, &format!("{latest}ByKey(identifier=x)"));
    scene
        .shared
        .post(&nonsense, &json!({}))
        .await
        .refused(400, 1000);
}

async fn versions_of_several(backend: Backend) {
    let scene = scene(backend).await;
    let one = scene.release(&package("a", "1.0.0")).await;
    let two = scene.release(&package("b", "1.0.0")).await;
    scene.upload(&package("a", "2.0.0")).await;
    let path = action(None, "UpdateToLatestPackageVersionBulk");
    let post = async |body: Value| scene.shared.post(&path, &body).await;
    let body = json!({"releaseIds": [one["Id"], two["Id"], 999_999], "mergePackageTags": false});
    let done = post(body).await.ok(200);
    assert_eq!(
        (&done["Success"], &done["FailedItems"]),
        (&json!(false), &json!([999_999]))
    );
    assert!(
        text(&done, "Message").contains("999999: Release does not exist."),
        "{done}"
    );
    assert_eq!(read(&scene, &one).await["ProcessVersion"], "2.0.0");
    assert_eq!(read(&scene, &two).await["ProcessVersion"], "1.0.0");
    // Packages have no labels, so that there is nothing to merge; what is no truth is refused.
    for wrong in [json!("maybe"), json!(7), json!({}), json!([true])] {
        let body = json!({"releaseIds": [one["Id"]], "mergePackageTags": wrong});
        let refused = post(body).await.refused(400, 0);
        assert!(
            text(&refused, "message").contains("mergePackageTags"),
            "{refused}"
        );
    }
    let body = json!({"releaseIds": [one["Id"]], "mergePackageTags": true});
    assert_eq!(post(body).await.ok(200)["Success"], true);
    post(json!({"releaseIds": []})).await.refused(400, 1009);
    post(json!({"releaseIds": ["x"]})).await.refused(400, 0);
    post(json!({})).await.refused(400, 0);
    scene.upload(&package("b", "2.0.0")).await;
    let by_key = action(None, "UpdateToLatestPackageVersionBulkByKey");
    let body = json!({"releaseKeys": [two["Key"]], "mergePackageTags": "maybe"});
    scene.shared.post(&by_key, &body).await.refused(400, 0);
    let body = json!({"releaseKeys": [two["Key"]]});
    let done = scene.shared.post(&by_key, &body).await.ok(200);
    assert_eq!(
        (&done["Success"], &done["FailedItems"], &done["Message"]),
        (&json!(true), &json!([]), &Value::Null)
    );
    assert_eq!(read(&scene, &two).await["ProcessVersion"], "2.0.0");
}

async fn releases_that_follow_their_package(backend: Backend) {
    let scene = scene(backend).await;
    let plain = scene.release(&package("p", "1.0.0")).await;
    let body =
        json!({"Name": "Auto", "ProcessKey": "P", "ProcessVersion": "1.0.0", "AutoUpdate": true});
    let auto = scene.shared.post("odata/Releases", &body).await.ok(201);
    scene.upload(&package("other", "5.0.0")).await;
    scene.upload(&package("p", "2.0.0")).await;
    // Not the latest: nobody follows.
    scene.upload(&package("p", "1.5.0")).await;
    assert_eq!(read(&scene, &plain).await["ProcessVersion"], "1.0.0");
    let followed = read(&scene, &auto).await;
    assert_eq!(
        (
            text(&followed, "ProcessVersion"),
            text(&followed, "EntryPointPath")
        ),
        ("2.0.0", "main.sh")
    );
    let path = format!("odata/Releases({})", id(&auto));
    let manual = json!({"packageVersion": "1.0.0"});
    let specific = action(Some(&auto), "UpdateToSpecificPackageVersion");
    scene
        .shared
        .post(&specific, &manual)
        .await
        .refused(409, 1693);
    let back = action(Some(&auto), "RollbackToPreviousReleaseVersion");
    scene
        .shared
        .post(&back, &json!({}))
        .await
        .refused(409, 1693);
    let body = json!({"ProcessVersion": "1.0.0"});
    scene.shared.patch(&path, &body).await.refused(409, 1693);
    let body = json!({"ProcessVersion": "1.0.0", "AutoUpdate": false});
    let off = merge(&scene.shared, &path, &body).await;
    assert_eq!(off["ProcessVersion"], "1.0.0");
    scene.upload(&package("p", "3.0.0")).await;
    assert_eq!(read(&scene, &auto).await["ProcessVersion"], "1.0.0");
}
