//! Releases: packages made startable in a folder.

use serde_json::{Value, json};
use testkit::{Backend, Scene, both, package};

use crate::support::{STOP_JOBS, assert_members, id, merge, modern, replace, scene, text, texts};

both!(
    releases_of_packages,
    releases_that_cannot_be_made,
    every_member_is_kept,
    patch_changes_what_it_names,
    put_replaces_or_makes,
    changes_that_are_refused,
    only_who_may,
    deleted_releases,
    releases_by_their_key,
);

/// An action of the set, or of one release.
pub fn action(release: Option<&Value>, name: &str) -> String {
    let key = release.map(|r| format!("({})", id(r))).unwrap_or_default();
    format!("odata/Releases{key}/UiPath.Server.Configuration.OData.{name}")
}

/// A release as it stands.
pub async fn read(scene: &Scene, release: &Value) -> Value {
    let path = format!("odata/Releases({})", id(release));
    scene.shared.get(&path).await.ok(200)
}

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

async fn every_member_is_kept(backend: Backend) {
    let scene = scene(backend).await;
    scene.upload(&package("p", "1.0.0")).await;
    let body = json!({
        "name": "Full", "ProcessKey": "p", "ProcessVersion": "1.0.0", "Description": "d",
        "EntryPointPath": "main.sh", "InputArguments": "{'a': 0065}",
        "EnvironmentVariables": "A=1\nB=2", "AutomationHubIdeaUrl": "https://ideas.example/1",
        "ProcessSettings": {"errorRecordingEnabled": true, "Duration": 40, "Frequency": 500,
            "Quality": 100, "AutopilotForRobots": {"Enabled": true}, "Unknown": 1},
        "VideoRecordingSettings": {"VideoRecordingType": "failed", "MaxDurationSeconds": 180},
        "AutoUpdate": true, "HiddenForAttendedUser": true, "SpecificPriorityValue": 61,
        "RobotSize": "Medium", "Tags": [{"Name": "t", "DisplayName": "T"}],
        "RemoteControlAccess": "Full", "Key": "not looked at", "IsAttended": 5,
    });
    let made = scene.shared.post("odata/Releases", &body).await.ok(201);
    let shown = read(&scene, &made).await;
    let same = |name: &str, value: Value| assert_eq!(shown[name], value, "{name} in {shown:#}");
    same("Name", json!("Full"));
    same("Description", json!("d"));
    same("EntryPointPath", json!("main.sh"));
    same("InputArguments", json!(r#"{"a":53}"#));
    same("EnvironmentVariables", json!("A=1\nB=2"));
    same("AutomationHubIdeaUrl", json!("https://ideas.example/1"));
    same(
        "ProcessSettings",
        json!({"ErrorRecordingEnabled": true, "Duration": 40, "Frequency": 500, "Quality": 100,
            "AutoStartProcess": false, "AlwaysRunning": false,
            "AutopilotForRobots": {"Enabled": true, "HealingEnabled": false},
            "AgentSettings": null}),
    );
    same(
        "VideoRecordingSettings",
        json!({"VideoRecordingType": "Failed", "QueueItemVideoRecordingType": "None",
            "MaxDurationSeconds": 180}),
    );
    same("AutoUpdate", json!(true));
    same("HiddenForAttendedUser", json!(true));
    same("SpecificPriorityValue", json!(61));
    same("JobPriority", json!("High"));
    same("RobotSize", json!("Medium"));
    same(
        "Tags",
        json!([{"Name": "t", "DisplayName": "T", "Value": null, "DisplayValue": null}]),
    );
    same("RemoteControlAccess", json!("Full"));
    same("IsAttended", json!(false));
    same("IsConversational", json!(false));
    assert_members(
        &shown,
        "Key ProcessKey ProcessVersion IsLatestVersion IsProcessDeleted Description Name
         EntryPointId EntryPointPath InputArguments EnvironmentVariables ProcessType
         SupportsMultipleEntryPoints RequiresUserInteraction IsConversational
         MinRequiredRobotVersion IsAttended IsCompiled AutomationHubIdeaUrl Arguments
         ProcessSettings VideoRecordingSettings AutoUpdate HiddenForAttendedUser FeedId JobPriority
         SpecificPriorityValue FolderKey OrganizationUnitId OrganizationUnitFullyQualifiedName
         TargetFramework RobotSize Tags RemoteControlAccess LastModificationTime
         LastModifierUserId CreationTime CreatorUserId Id",
    );
    let path = format!(
        "odata/Releases({})?$expand=CurrentVersion,ReleaseVersions,EntryPoint",
        id(&made)
    );
    let expanded = scene.shared.get(&path).await.ok(200);
    let version = &expanded["CurrentVersion"];
    assert_eq!(text(version, "VersionNumber"), "1.0.0");
    assert_eq!(text(version, "ReleaseName"), "p");
    assert_eq!(version["ReleaseId"], made["Id"]);
    assert_eq!(expanded["ReleaseVersions"], json!([version]));
    let entry = &expanded["EntryPoint"];
    assert_eq!(
        (text(entry, "Path"), &entry["Id"], &entry["DataVariation"]),
        ("main.sh", &shown["EntryPointId"], &Value::Null)
    );
    assert!(
        text(entry, "InputArguments").contains("properties"),
        "{entry}"
    );
    // What a job runs is known to it.
    let job = scene.start_job(&made, json!({})).await;
    assert_eq!(job["ReleaseVersionId"], version["Id"]);
}

async fn patch_changes_what_it_names(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    scene.upload(&package("p", "2.0.0")).await;
    let path = format!("odata/Releases({})", id(&made));
    let patch = async |body: Value| merge(&scene.shared, &path, &body).await;
    let first = patch(json!({"Description": "new", "unknown": 1, "Id": 77})).await;
    assert!(text(&first, "@odata.context").ends_with("/$metadata#Releases/$entity"));
    for member in ["Id", "Key", "Name", "EntryPointId", "SpecificPriorityValue"] {
        assert_eq!(first[member], made[member], "{member}");
    }
    assert_eq!(first["Description"], "new");
    assert!(first["LastModificationTime"].is_string());
    let second = patch(json!({"ProcessVersion": "2.0.0", "JobPriority": "Low"})).await;
    assert_eq!(
        (
            text(&second, "ProcessVersion"),
            text(&second, "EntryPointPath")
        ),
        ("2.0.0", "main.sh")
    );
    assert_ne!(second["EntryPointId"], made["EntryPointId"]);
    assert_eq!(
        (
            text(&second, "JobPriority"),
            &second["SpecificPriorityValue"]
        ),
        ("Low", &json!(25))
    );
    assert_eq!(second["Description"], "new");
    let third = patch(json!({"Description": null, "InputArguments": ""})).await;
    assert_eq!(third["Description"], Value::Null);
    assert_eq!(third["InputArguments"], Value::Null);
    let versions = format!("{path}?$expand=ReleaseVersions");
    let versions = scene.shared.get(&versions).await.ok(200);
    assert_eq!(
        texts(
            &json!({"value": versions["ReleaseVersions"]}),
            "VersionNumber"
        ),
        ["1.0.0", "2.0.0"]
    );
}

async fn put_replaces_or_makes(backend: Backend) {
    let scene = scene(backend).await;
    scene.upload(&package("p", "1.0.0")).await;
    scene.upload(&package("p", "2.0.0")).await;
    let body = json!({"Name": "R", "ProcessKey": "p", "ProcessVersion": "1.0.0",
        "Description": "d", "JobPriority": "High", "Tags": [{"Name": "t"}]});
    let made = scene.shared.post("odata/Releases", &body).await.ok(201);
    let path = format!("odata/Releases({})", id(&made));
    // What was read can be sent back, changed or not.
    let mut whole = read(&scene, &made).await;
    let same = replace(&scene.shared, &path, &whole).await;
    for member in [
        "Description",
        "SpecificPriorityValue",
        "Tags",
        "EntryPointId",
    ] {
        assert_eq!(same[member], whole[member], "{member}");
    }
    whole["ProcessVersion"] = json!("2.0.0");
    let newer = replace(&scene.shared, &path, &whole).await;
    assert_eq!(text(&newer, "ProcessVersion"), "2.0.0");
    assert_eq!(text(&newer, "EntryPointPath"), "main.sh");
    // What is left out becomes what it is without being said.
    let bare = json!({"Name": "Bare", "ProcessKey": "p", "ProcessVersion": "2.0.0"});
    let bare = replace(&scene.shared, &path, &bare).await;
    assert_eq!(
        (
            text(&bare, "Name"),
            &bare["Description"],
            &bare["SpecificPriorityValue"]
        ),
        ("Bare", &Value::Null, &json!(45))
    );
    assert_eq!((&bare["Tags"], &bare["Key"]), (&json!([]), &made["Key"]));
    scene
        .shared
        .put(&path, &json!({"Name": "Bare"}))
        .await
        .refused(400, 1009);
    // Nothing is there: it is made.
    let new = json!({"Name": "New", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let new = scene
        .shared
        .put("odata/Releases(999999)", &new)
        .await
        .ok(201);
    assert_eq!(read(&scene, &new).await["Name"], "New");
}

async fn changes_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    scene.release(&package("q", "1.0.0")).await;
    let path = format!("odata/Releases({})", id(&made));
    let patch = async |body: Value| scene.shared.patch(&path, &body).await;
    for (body, code) in [
        (json!({"Name": ""}), 1009),
        (json!({"Name": null}), 1009),
        (json!({"Name": "x".repeat(256)}), 1009),
        (json!({"InputArguments": "[1]"}), 1009),
        (json!({"InputArguments": 5}), 1009),
        (
            json!({"InputArguments": format!("{{'a':'{}'}}", "x".repeat(10_000))}),
            1009,
        ),
        (json!({"EnvironmentVariables": "x".repeat(4001)}), 1009),
        (
            json!({"JobPriority": "Low", "SpecificPriorityValue": 70}),
            1009,
        ),
        (json!({"JobPriority": "Urgent"}), 1009),
        (json!({"SpecificPriorityValue": 0}), 1009),
        (json!({"EntryPointPath": "other.sh"}), 1009),
        (json!({"EntryPointId": 999_999}), 1009),
        (json!({"RobotSize": "Huge"}), 1009),
        (json!({"ProcessSettings": "x"}), 1009),
        (
            json!({"VideoRecordingSettings": {"VideoRecordingType": "Some"}}),
            1009,
        ),
        (json!({"AutoUpdate": "maybe"}), 1009),
    ] {
        patch(body).await.refused(400, code);
    }
    patch(json!([])).await.refused(400, 0);
    patch(json!({"ProcessVersion": "9.0.0"}))
        .await
        .refused(404, 1677);
    patch(json!({"ProcessKey": "none"}))
        .await
        .refused(404, 1677);
    let said = patch(json!({"Name": "Q"})).await.refused(409, 1001);
    assert_eq!(said["message"], "The name Q is already used.");
    assert_eq!(
        read(&scene, &made).await["LastModificationTime"],
        Value::Null
    );
    // No folder, another folder, no such release.
    let body = json!({"Description": "x"});
    scene.app.patch(&path, &body).await.refused(400, 1101);
    let other = scene
        .app
        .post("odata/Folders", &modern("Other"))
        .await
        .ok(201);
    let other = scene.app.folder(id(&other));
    other.patch(&path, &body).await.refused(404, 1002);
    other.delete(&path).await.refused(404, 1002);
    let whole = json!({"Name": "x", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    other.put(&path, &whole).await.refused(404, 1002);
    let latest = action(Some(&made), "UpdateToLatestPackageVersion");
    other.post(&latest, &json!({})).await.refused(404, 1002);
    scene
        .shared
        .patch("odata/Releases(999999)", &body)
        .await
        .refused(404, 1002);
    scene
        .shared
        .patch("odata/Releases('x')", &body)
        .await
        .refused(400, 1000);
}

async fn only_who_may(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    let path = format!("odata/Releases({})", id(&made));
    let body = json!({"Description": "x"});
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    let reader = reader.folder(scene.folder);
    reader.get(&path).await.ok(200);
    reader.patch(&path, &body).await.refused(403, 0);
    reader.put(&path, &body).await.refused(403, 0);
    reader.delete(&path).await.refused(403, 0);
    let rollback = action(Some(&made), "RollbackToPreviousReleaseVersion");
    reader.post(&rollback, &json!({})).await.refused(403, 0);
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    nobody
        .folder(scene.folder)
        .patch(&path, &body)
        .await
        .refused(403, 1100);
    nobody.patch(&path, &body).await.refused(400, 1101);
    scene.server.anonymous().delete(&path).await.refused(401, 0);
}

async fn deleted_releases(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    let path = format!("odata/Releases({})", id(&made));
    let job = scene.start_job(&made, json!({})).await;
    scene.shared.delete(&path).await.refused(409, 1644);
    let stop = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    scene.shared.post(STOP_JOBS, &stop).await.ok(200);
    let answer = scene.shared.delete(&path).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    scene.shared.get(&path).await.refused(404, 1002);
    scene.shared.delete(&path).await.refused(404, 1002);
    scene
        .shared
        .patch(&path, &json!({"Description": "x"}))
        .await
        .refused(404, 1002);
    let list = scene.shared.get("odata/Releases").await.ok(200);
    assert_eq!(
        (&list["@odata.count"], &list["value"]),
        (&json!(0), &json!([]))
    );
    let start = scene.start_info(&made, json!({}));
    let start_jobs = "odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
    scene
        .shared
        .post(start_jobs, &start)
        .await
        .refused(404, 1002);
    // The job goes on showing what it ran.
    let past = format!("odata/Jobs({})?$expand=Release", job["Id"]);
    let past = scene.shared.get(&past).await.ok(200);
    assert_eq!(past["ReleaseName"], "p");
    assert_eq!(
        (
            text(&past["Release"], "Name"),
            text(&past["Release"], "ProcessVersion")
        ),
        ("p", "1.0.0")
    );
    let found = "odata/Jobs?$filter=Release/Name eq 'p'";
    assert_eq!(scene.shared.get(found).await.ok(200)["@odata.count"], 1);
    assert_eq!(past["Release"]["IsProcessDeleted"], false);
    scene.app.delete("odata/Processes('p:1.0.0')").await.ok(204);
    let past = format!("odata/Jobs({})?$expand=Release", job["Id"]);
    let past = scene.shared.get(&past).await.ok(200);
    assert_eq!(past["Release"]["IsProcessDeleted"], true);
    // Its name is free again, and one without jobs goes without a trace.
    scene.upload(&package("p", "1.0.0")).await;
    let body = json!({"Name": "P", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let again = scene.shared.post("odata/Releases", &body).await.ok(201);
    scene
        .shared
        .delete(&format!("odata/Releases({})", id(&again)))
        .await
        .ok(204);
    let list = scene.shared.get("odata/Releases").await.ok(200);
    assert_eq!(list["@odata.count"], 0);
}

async fn releases_by_their_key(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    scene.upload(&package("p", "2.0.0")).await;
    let key = text(&made, "Key");
    let by_key = action(None, &format!("GetByKey(identifier={key})"));
    assert_eq!(scene.shared.get(&by_key).await.ok(200)["Id"], made["Id"]);
    let list = action(
        None,
        "ListReleases?$filter=ProcessKey eq 'p'&$select=Id,Key",
    );
    let list = scene.shared.get(&list).await.ok(200);
    assert_eq!(
        list["value"],
        json!([{"Key": made["Key"], "Id": made["Id"]}])
    );
    let one = action(Some(&made), "GetRelease");
    assert_eq!(scene.shared.get(&one).await.ok(200)["Key"], made["Key"]);
    let body = json!({"Name": "Other", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let create = action(None, "CreateRelease");
    scene.shared.post(&create, &body).await.ok(201);
    scene.shared.post(&create, &body).await.refused(409, 1001);

    let update = action(None, "UpdateByKey");
    let body = json!({"releaseKey": key, "processVersion": "2.0.0", "entryPointPath": "main.sh",
        "inputArgs": "{'a':1}"});
    scene.shared.post(&update, &body).await.ok(200);
    let now = read(&scene, &made).await;
    assert_eq!(
        (text(&now, "ProcessVersion"), text(&now, "InputArguments")),
        ("2.0.0", r#"{"a":1}"#)
    );
    assert_eq!(now["SpecificPriorityValue"], made["SpecificPriorityValue"]);
    for (body, status, code) in [
        (json!({}), 400, 0),
        (json!({"releaseKey": "x"}), 400, 0),
        (json!({"releaseKey": uuid::Uuid::nil()}), 404, 1002),
        (
            json!({"releaseKey": key, "entryPointPath": "none"}),
            400,
            1009,
        ),
        (json!({"releaseKey": key, "inputArgs": "{"}), 400, 1009),
        (
            json!({"releaseKey": key, "processVersion": "7.0.0"}),
            404,
            1677,
        ),
    ] {
        scene
            .shared
            .post(&update, &body)
            .await
            .refused(status, code);
    }
    let delete = format!("api/Releases/DeleteByKey?key={key}");
    scene.app.delete(&delete).await.refused(400, 1101);
    scene
        .shared
        .delete("api/Releases/DeleteByKey")
        .await
        .refused(400, 1000);
    scene.shared.delete(&delete).await.ok(204);
    scene.shared.delete(&delete).await.refused(404, 1002);
}
