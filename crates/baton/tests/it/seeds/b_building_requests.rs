//! B: addresses, folder headers, query options, verbs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator::resources;
use serde_json::{Value, json};
use testkit::{Backend, Client, Host, Scene, both, package};

use crate::support::{id, modern, scene, text, texts};

both!(
    b1_the_address_of_a_tenant,
    b2_the_folder_header_in_four_forms_and_relative,
    b3_no_count_for_calls_of_a_running_automation,
    b4_options_on_every_collection,
    b5_filters_of_every_kind,
    b6_the_misprints_do_what_they_say,
    b7_objects_are_not_compared_to_null,
    b8_post_gives_the_whole_object_and_takes_annotations,
    b9_put_replaces_or_creates,
    b10_patch_changes_what_the_body_names,
    b11_environments_by_number_and_name,
);

async fn b1_the_address_of_a_tenant(backend: Backend) {
    let scene = scene(backend).await;
    for prefix in ["/default/DefaultTenant/orchestrator_/", "/"] {
        let list = scene.app.below(prefix).get("odata/Folders").await.ok(200);
        let base = format!("{}{prefix}odata", scene.server.url);
        assert_eq!(list["@odata.context"], format!("{base}/$metadata#Folders"));
    }
}

/// Base64 of UTF-16LE, as `X-UIPATH-FolderPath-Encoded` wants it.
fn encoded(path: &str) -> String {
    let bytes: Vec<u8> = path.encode_utf16().flat_map(u16::to_le_bytes).collect();
    STANDARD.encode(bytes)
}

async fn b2_the_folder_header_in_four_forms_and_relative(backend: Backend) {
    let scene = scene(backend).await;
    let make = async |body: Value| scene.app.post("odata/Folders", &body).await.ok(201);
    let root = make(modern("Root")).await;
    let sub = make(json!({"DisplayName": "Sub", "ParentId": id(&root)})).await;
    scene.upload(&package("p", "1.0.0")).await;
    for folder in [&root, &sub] {
        let name = &folder["DisplayName"];
        let body = json!({"Name": name, "ProcessKey": "p", "ProcessVersion": "1.0.0"});
        let here = scene.app.folder(id(folder));
        here.post("odata/Releases", &body).await.ok(201);
    }
    let lands = async |client: &Client| {
        let list = client.get("odata/Releases").await.ok(200);
        assert_eq!(list["@odata.count"], 1, "{list}");
        texts(&list, "Name")[0].to_owned()
    };
    let app = &scene.app;
    let key = app.with("X-UIPATH-FolderKey", text(&sub, "Key"));
    let path = app.with("X-UIPATH-FolderPath", "Root/Sub");
    let path_encoded = "X-UIPATH-FolderPath-Encoded";
    let coded = app.with(path_encoded, encoded("Root/Sub"));
    for client in [app.folder(id(&sub)), key, path, coded] {
        assert_eq!(lands(&client).await, "Sub");
    }
    // Relative to the folder that another header names; its tree's root is `/`.
    let inside = app.folder(id(&sub));
    for (relative, expected) in [(".", "Sub"), ("..", "Root"), ("/", "Root"), ("/Sub", "Sub")] {
        let client = inside.with(path_encoded, encoded(relative));
        assert_eq!(lands(&client).await, expected, "{relative}");
    }
    for wrong in ["../", "../../..", "/Sub/"] {
        let client = inside.with(path_encoded, encoded(wrong));
        client.get("odata/Releases").await.refused(403, 1100);
    }
}

async fn b3_no_count_for_calls_of_a_running_automation(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    let started = host.start(1).await;
    scene.start_job(&release, json!({})).await;
    let key = text(&started["robots"][0], "robotKey");
    let robot = scene.server.anonymous();
    let robot = robot.with("Authorization", format!("UiRobot {key}"));
    let robot = robot.folder(scene.folder);
    let list = robot.get("odata/Jobs").await.ok(200);
    assert_eq!(texts(&list, "ReleaseName"), ["p"]);
    assert!(list.get("@odata.count").is_none(), "{list}");
    let list = robot.get("odata/Jobs?$count=true").await.ok(200);
    assert_eq!(list["@odata.count"], 1);
    let list = scene.shared.get("odata/Jobs").await.ok(200);
    assert_eq!(list["@odata.count"], 1);
}

async fn b4_options_on_every_collection(backend: Backend) {
    let scene = scene(backend).await;
    let mut listed = 0;
    for resource in resources().filter(|resource| resource.list.is_some()) {
        let (set, key) = (resource.set.name, resource.set.key);
        // Log lines have no number of their own.
        let order = if set == "RobotLogs" { "TimeStamp" } else { key };
        let query = format!(
            "$top=2&$skip=0&$orderby={order} desc&$select={key}&$filter={key} ne null&$count=true"
        );
        let answer = scene.shared.get(&format!("odata/{set}?{query}")).await;
        listed += 1;
        let list = answer.ok(200);
        assert!(list["@odata.count"].is_number(), "{set}: {list}");
        let context = format!("$metadata#{set}({key})");
        assert!(text(&list, "@odata.context").ends_with(&context), "{list}");
        for row in list["value"].as_array().unwrap() {
            assert_eq!(row.as_object().unwrap().len(), 1, "{set}: {row}");
        }
        scene
            .shared
            .get(&format!("odata/{set}?$top=1001"))
            .await
            .refused(400, 1000);
        scene
            .shared
            .get(&format!("odata/{set}?$filter=Nope eq 1"))
            .await
            .refused(400, 1000);
    }
    assert!(listed > 20, "{listed} sets can be listed");
}

/// One job of the process `first` that ended well, one of `second` with a high priority that waits.
async fn jobs(scene: &Scene) -> (i64, i64) {
    let first = scene.release(&package("first", "1.0.0")).await;
    let second = scene.release(&package("second", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let done = scene.start_job(&first, json!({})).await;
    host.offered().await;
    let key = text(&done, "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    host.report(key, "Successful", json!({})).await.ok(200);
    host.stop().await;
    let waiting = scene
        .start_job(&second, json!({"JobPriority": "High"}))
        .await;
    (id(&done), id(&waiting))
}

async fn b5_filters_of_every_kind(backend: Backend) {
    let scene = scene(backend).await;
    let (done, waiting) = jobs(&scene).await;
    let found = async |set: &str, filter: &str| {
        let path = format!("odata/{set}?$orderby=Id&$filter={filter}");
        let list = scene.shared.get(&path).await.ok(200);
        list["value"].as_array().unwrap().clone()
    };
    let jobs = async |filter: &str| {
        let rows = found("Jobs", filter).await;
        rows.iter().map(id).collect::<Vec<_>>()
    };
    assert_eq!(jobs(&format!("Id%20eq%20{done}")).await, [done]);
    assert_eq!(jobs("contains(ReleaseName,'ECON')").await, [waiting]);
    assert_eq!(jobs("JobPriority%20eq%20'High'").await, [waiting]);
    assert_eq!(jobs("Robot/Name eq 'local-robot-unattended'").await, [done]);
    assert_eq!(jobs("Robot/Name eq 'x' and (not(Source eq 'Manual') or StartTime gt 2017-10-28T12:13:00.07Z)").await, [0; 0]);
    let mixed = "Machine/Name eq 'Local' and (not(Source eq 'Manual') or StartTime gt 2017-10-28T12:13:00.07Z)";
    assert_eq!(jobs(mixed).await, [done]);
    let latest = found("Processes", "IsLatestVersion eq true").await;
    assert_eq!(latest.len(), 2);
    assert_eq!(
        found("Processes", "IsLatestVersion eq false").await.len(),
        0
    );
}

async fn b6_the_misprints_do_what_they_say(backend: Backend) {
    let scene = scene(backend).await;
    for version in ["1.0.0", "2.0.0"] {
        scene.upload(&package("test", version)).await;
        scene.upload(&package("other", version)).await;
    }
    let path = "odata/Processes?$filter=Title%20eq%20'test'%20%26%20IsLatestVersion%20eq%20true";
    let list = scene.app.get(path).await.ok(200);
    assert_eq!(texts(&list, "Title"), ["test"]);
    assert_eq!(texts(&list, "Version"), ["2.0.0"]);
    let (_, waiting) = jobs(&scene).await;
    let path = "odata/Jobs?$top=10$filter=Robot/MachineName%20eq%20'Documentation'";
    let list = scene.shared.get(path).await.ok(200);
    assert_eq!(list["@odata.count"], 0);
    let path = "odata/Jobs?$top=10$filter=ReleaseName%20eq%20'second'";
    let list = scene.shared.get(path).await.ok(200);
    assert_eq!(list["value"][0]["Id"], waiting);
}

async fn b7_objects_are_not_compared_to_null(backend: Backend) {
    let scene = scene(backend).await;
    let (done, _) = jobs(&scene).await;
    let said = scene.shared.get("odata/Jobs?$filter=Release ne null").await;
    let said = said.refused(400, 1000);
    for word in ["ReleaseName ne null", "Release/Name ne null"] {
        assert!(text(&said, "message").contains(word), "{said}");
    }
    for (filter, count) in [
        ("ReleaseName ne null", 2),
        ("Release/Name ne null", 2),
        ("Machine/Name ne null", 1),
    ] {
        let path = format!("odata/Jobs?$filter={filter}&$orderby=Id");
        let list = scene.shared.get(&path).await.ok(200);
        assert_eq!(list["@odata.count"], count, "{filter}");
        assert_eq!(list["value"][0]["Id"], done);
    }
    let said = scene
        .shared
        .get("odata/Jobs?$filter=MachineName ne null")
        .await;
    let said = said.refused(400, 1000);
    assert!(text(&said, "message").contains("'MachineName'"), "{said}");
}

async fn b8_post_gives_the_whole_object_and_takes_annotations(backend: Backend) {
    let scene = scene(backend).await;
    let definition = json!({"Name": "q", "Description": "d", "MaxNumberOfRetries": 2});
    let queue = scene
        .shared
        .post("odata/QueueDefinitions", &definition)
        .await;
    assert!(
        queue
            .header("location")
            .ends_with(&format!("({})", id(&queue.json())))
    );
    let queue = queue.ok(201);
    assert!(text(&queue, "@odata.context").ends_with("$metadata#QueueDefinitions/$entity"));
    assert_eq!(
        (text(&queue, "Name"), &queue["MaxNumberOfRetries"]),
        ("q", &json!(2))
    );
    assert!(id(&queue) > 0 && text(&queue, "CreationTime").ends_with('Z'));

    let item = json!({"itemData": {"Name": "q", "Priority": "High", "SpecificContent": {
        "Text@odata.type": "#String",
        "Text": "special \"characters\" \\ / & <ä>",
        "Number@odata.type": "#Int64",
        "Number": "9007199254740993",
    }}});
    let path = "odata/Queues/UiPathODataSvc.AddQueueItem";
    let made = scene.shared.post(path, &item).await.ok(201);
    let content = &made["SpecificContent"];
    assert_eq!(text(content, "Text"), "special \"characters\" \\ / & <ä>");
    assert_eq!(content["Number"], 9_007_199_254_740_993_i64);
    assert_eq!(content.as_object().unwrap().len(), 2, "{content}");
}

async fn b9_put_replaces_or_creates(backend: Backend) {
    let scene = scene(backend).await;
    let definition = json!({"Name": "q", "Description": "d", "MaxNumberOfRetries": 2});
    let queue = scene
        .shared
        .post("odata/QueueDefinitions", &definition)
        .await
        .ok(201);
    let path = format!("odata/QueueDefinitions({})", id(&queue));
    let body = json!({"Name": "renamed", "MaxNumberOfRetries": 3});
    let put = scene.shared.put(&path, &body).await;
    assert_eq!(put.status, 200, "{}", put.text());
    let read = scene.shared.get(&path).await.ok(200);
    assert_eq!(
        (text(&read, "Name"), &read["Description"]),
        ("renamed", &Value::Null)
    );
    assert_eq!(read["MaxNumberOfRetries"], 3);
    // Where none exists one is made.
    let body = json!({"Name": "made by put", "MaxNumberOfRetries": 1});
    scene
        .shared
        .put("odata/QueueDefinitions(4711)", &body)
        .await
        .ok(201);
    let list = scene
        .shared
        .get("odata/QueueDefinitions?$filter=Name eq 'made by put'")
        .await;
    assert_eq!(list.ok(200)["@odata.count"], 1);
}

async fn b10_patch_changes_what_the_body_names(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let webhook = json!({"Name": "hook", "Url": "https://example.com/x", "Enabled": true,
        "SubscribeToAllEvents": true, "AllowInsecureSsl": false, "Description": "stays"});
    let webhook = scene.app.post("odata/Webhooks", &webhook).await.ok(201);
    let user = json!({"UserName": "jane", "Name": "Jane", "Surname": "Doe",
        "Password": "Pa55word-of-jane", "RolesList": []});
    let user = scene.app.post("odata/Users", &user).await.ok(201);
    let cases = [
        ("Machines", scene.machine, json!({"Description": "new"})),
        ("Releases", id(&release), json!({"Description": "new"})),
        ("Robots", scene.robot, json!({"Description": "new"})),
        ("Webhooks", id(&webhook), json!({"Enabled": false})),
        ("Users", id(&user), json!({"Surname": "Roe"})),
    ];
    for (set, key, patch) in cases {
        let path = format!("odata/{set}({key})");
        let mut before = scene.shared.get(&path).await.ok(200);
        let answer = scene.shared.patch(&path, &patch).await;
        assert!(
            [200, 204].contains(&answer.status),
            "{set}: {}",
            answer.text()
        );
        let mut after = scene.shared.get(&path).await.ok(200);
        for (member, value) in patch.as_object().unwrap() {
            assert_eq!(&after[member], value, "{set}");
            before[member] = Value::Null;
            after[member] = Value::Null;
        }
        for derived in ["LastModificationTime", "LastModifierUserId", "FullName"] {
            before.as_object_mut().unwrap().remove(derived);
            after.as_object_mut().unwrap().remove(derived);
        }
        assert_eq!(before, after, "{set}");
    }
}

async fn b11_environments_by_number_and_name(backend: Backend) {
    let scene = scene(backend).await;
    let classic = json!({"DisplayName": "Classic", "ProvisionType": "Manual",
        "PermissionModel": "InheritFromTenant"});
    let classic = scene.app.post("odata/Folders", &classic).await.ok(201);
    let here = scene.app.folder(id(&classic));
    let mut made = Vec::new();
    for name in ["North", "South", "east"] {
        let body = json!({"Name": name, "Type": "Dev"});
        made.push(here.post("odata/Environments", &body).await.ok(201));
    }
    let names = async |query: &str| {
        let list = here
            .get(&format!("odata/Environments?{query}"))
            .await
            .ok(200);
        let mut names: Vec<String> = texts(&list, "Name")
            .into_iter()
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("$top=10").await, ["North", "South", "east"]);
    let by_id = format!("$filter=Id%20eq%20{}", id(&made[1]));
    assert_eq!(names(&by_id).await, ["South"]);
    assert_eq!(names("$filter=contains(Name,'N')&$top=10").await, ["North"]);
}
