//! Machines and their keys.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, eventually};

use crate::support::{
    ASSIGN_MACHINES, ASSIGN_USERS, assert_members, assignment, id, merge, replace, role, scene,
    text, texts, with,
};

both!(
    a_machine_shows_its_secret_once,
    machines_that_cannot_be_made,
    a_standard_machine_is_one_host,
    every_member_is_kept,
    machines_that_cannot_be_changed,
    machines_are_deleted_when_nobody_needs_them,
    machines_need_permissions,
    machines_and_runtimes_of_a_folder,
    secrets_of_a_machine,
);

async fn a_machine_shows_its_secret_once(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "PC7", "Description": "d", "UnattendedSlots": 3, "HeadlessSlots": 1});
    let made = scene.app.post("odata/Machines", &body).await.ok(201);
    assert!(text(&made, "@odata.context").ends_with("/$metadata#Machines/$entity"));
    assert_eq!(
        (text(&made, "Type"), text(&made, "Scope")),
        ("Standard", "Default")
    );
    assert_eq!(
        (&made["UnattendedSlots"], &made["HeadlessSlots"]),
        (&json!(3), &json!(1))
    );
    assert!(text(&made, "ClientSecret").len() >= 20);
    assert_eq!(text(&made, "LicenseKey").len(), 36);

    let read = scene
        .app
        .get(&format!("odata/Machines({})", id(&made)))
        .await
        .ok(200);
    assert_eq!(read["ClientSecret"], Value::Null);
    assert_eq!(read["LicenseKey"], made["LicenseKey"]);
    let template = json!({"Name": "Template", "Type": "Template"});
    let template = scene.app.post("odata/Machines", &template).await.ok(201);
    assert_eq!(text(&template, "Type"), "Template");
    assert!(text(&template, "ClientSecret").len() >= 20);
    let list = scene.app.get("odata/Machines").await.ok(200);
    assert_eq!(list["@odata.count"], 3);
    for machine in list["value"].as_array().unwrap() {
        assert_eq!(
            (&machine["LicenseKey"], &machine["ClientSecret"]),
            (&Value::Null, &Value::Null)
        );
    }
    scene
        .app
        .get("odata/Machines(999999)")
        .await
        .refused(404, 1002);
}

async fn machines_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |body: Value| scene.app.post("odata/Machines", &body).await;
    let said = post(json!({"Name": "LOCAL"})).await.refused(409, 1001);
    assert_eq!(said["message"], "The name LOCAL is already used.");
    post(json!({"Name": " "})).await.refused(400, 1009);
    post(json!({"Name": "x", "UnattendedSlots": -1}))
        .await
        .refused(400, 1009);
    post(json!({"Name": "x", "UnattendedSlots": 10_001}))
        .await
        .refused(400, 1009);
    let taken = post(json!({"Name": "x", "LicenseKey": scene.server.machine_key})).await;
    assert_eq!(taken.status, 409, "{}", taken.text());
    let own = uuid::Uuid::new_v4().to_string();
    let made = post(json!({"Name": "x", "LicenseKey": own})).await.ok(201);
    assert_eq!(text(&made, "LicenseKey"), own);
}

async fn a_standard_machine_is_one_host(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "PC-1", "UnattendedSlots": 1});
    let made = scene.app.post("odata/Machines", &body).await.ok(201);
    let key = text(&made, "LicenseKey");
    let other = Host::new(scene.server.machine_with(key, "PC-2"));
    other
        .call("StartService", json!({}))
        .await
        .refused(401, 1204);
    Host::new(scene.server.machine_with(key, "pc-1"))
        .start(1)
        .await;
}

const DELETE_BULK: &str = "odata/Machines/UiPath.Server.Configuration.OData.DeleteBulk";

/// Every member that a body may set.
fn full(name: &str, robot: i64) -> Value {
    json!({
        "Name": name, "Description": "d", "Type": "Template", "Scope": "Default",
        "NonProductionSlots": 1, "UnattendedSlots": 2, "HeadlessSlots": 3,
        "TestAutomationSlots": 4, "HostingSlots": 5, "AppTestSlots": 6, "PerformanceTestSlots": 7,
        "AutomationCloudSlots": 8, "AutomationCloudTestAutomationSlots": 9,
        "AutomationType": "Foreground", "TargetFramework": "Windows",
        "RobotUsers": [{"RobotId": robot}],
        "UpdatePolicy": {"Type": "SpecificVersion", "SpecificVersion": "25.10"},
        "Tags": [{"Name": "site", "DisplayName": "Site", "Value": "\"north\"", "DisplayValue": "N"},
            {"Name": "bare"}],
        "MaintenanceWindow": {"Enabled": true, "jobStopStrategy": "Kill",
            "cronExpression": "0 0 3 * * ?", "timezoneId": "UTC", "duration": 60},
        "VpnSettings": {"cidr": "10.0.0.0/24"},
    })
}

async fn every_member_is_kept(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene
        .app
        .post("odata/Machines", &full("Full", scene.robot))
        .await
        .ok(201);
    let path = format!("odata/Machines({})", id(&made));
    let read = scene.app.get(&path).await.ok(200);
    assert_members(
        &read,
        "LicenseKey Name Description Type Scope NonProductionSlots UnattendedSlots HeadlessSlots
         TestAutomationSlots HostingSlots AppTestSlots PerformanceTestSlots AutomationCloudSlots
         AutomationCloudTestAutomationSlots Key EndpointDetectionStatus RobotVersions RobotUsers
         AutomationType TargetFramework ServerlessLicensingModel UpdatePolicy ClientSecret Tags
         MaintenanceWindow VpnSettings Id",
    );
    assert!(read.get("UpdateInfo").is_none(), "no schema has it");
    let slots = [
        "NonProductionSlots",
        "UnattendedSlots",
        "HeadlessSlots",
        "TestAutomationSlots",
        "HostingSlots",
        "AppTestSlots",
        "PerformanceTestSlots",
        "AutomationCloudSlots",
        "AutomationCloudTestAutomationSlots",
    ];
    for (slot, expected) in slots.into_iter().zip(1..) {
        assert_eq!(read[slot], expected, "{slot}");
    }
    assert_eq!(
        read["RobotUsers"],
        json!([{"UserName": "local-robot", "RobotId": scene.robot, "HasTriggers": false}])
    );
    assert_eq!(
        read["UpdatePolicy"],
        json!({"Type": "SpecificVersion", "SpecificVersion": "25.10"})
    );
    assert_eq!(
        read["Tags"][1],
        json!({"Name": "bare", "DisplayName": null, "Value": null, "DisplayValue": null})
    );
    assert_eq!(text(&read["Tags"][0], "Value"), "\"north\"");
    assert_eq!(
        read["MaintenanceWindow"],
        json!({"enabled": true, "jobStopStrategy": "Kill", "cronExpression": "0 0 3 * * ?",
            "timezoneId": "UTC", "duration": 60, "nextExecutionTime": null})
    );
    assert_eq!(read["VpnSettings"], json!({"cidr": "10.0.0.0/24"}));

    // PATCH changes what it names.
    let body = json!({"Description": "new", "UnattendedSlots": 0});
    let read = merge(&scene.app, &path, &body).await;
    assert_eq!(text(&read, "Description"), "new");
    assert_eq!(
        (&read["UnattendedSlots"], &read["HeadlessSlots"]),
        (&json!(0), &json!(3))
    );
    assert_eq!(read["Tags"].as_array().unwrap().len(), 2);

    // PUT replaces: what can be absent goes, lists and numbers that are left out stay.
    let put = json!({"Id": id(&made), "Name": "Other", "Key": "ignored", "RobotUsers": [],
        "LicenseKey": made["LicenseKey"], "Type": "Template", "Unknown": 1});
    let put = replace(&scene.app, &path, &put).await;
    assert_eq!(text(&put, "Name"), "Other");
    assert_eq!(
        (
            &put["Description"],
            &put["UpdatePolicy"],
            &put["VpnSettings"]
        ),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(put["RobotUsers"], json!([]));
    assert_eq!(
        (&put["Key"], &put["LicenseKey"], &put["HeadlessSlots"]),
        (&made["Key"], &made["LicenseKey"], &json!(3))
    );
}

async fn machines_that_cannot_be_changed(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene
        .app
        .post("odata/Machines", &json!({"Name": "M"}))
        .await
        .ok(201);
    let path = format!("odata/Machines({})", id(&made));
    let patch = async |body: Value| scene.app.patch(&path, &body).await;
    patch(json!({"LicenseKey": uuid::Uuid::new_v4()}))
        .await
        .refused(400, 1228);
    patch(json!({"LicenseKey": "no key"}))
        .await
        .refused(400, 1009);
    patch(json!({"Type": "Template"})).await.refused(400, 1211);
    patch(json!({"Scope": "Serverless"}))
        .await
        .refused(409, 1227);
    patch(json!({"Name": "local"})).await.refused(409, 1001);
    patch(json!({"Name": null})).await.refused(400, 1009);
    patch(json!({"HeadlessSlots": 10_001}))
        .await
        .refused(400, 1009);
    patch(json!({"Tags": [{"Value": "x"}]}))
        .await
        .refused(400, 1009);
    patch(json!({"Tags": "x"})).await.refused(400, 1009);
    patch(json!({"RobotUsers": [{"RobotId": 999_999}]}))
        .await
        .refused(404, 1002);
    let window = |more: Value| {
        let window = with(
            json!({"enabled": true, "cronExpression": "0 0 3 * * ?",
            "timezoneId": "UTC", "duration": 60}),
            more,
        );
        json!({"MaintenanceWindow": window})
    };
    patch(window(json!({"duration": 0})))
        .await
        .refused(400, 1237);
    patch(window(json!({"timezoneId": " "})))
        .await
        .refused(400, 1238);
    patch(window(json!({"cronExpression": null})))
        .await
        .refused(400, 1009);
    patch(window(json!({"jobStopStrategy": "Maybe"})))
        .await
        .refused(400, 1009);
    patch(window(json!({}))).await.ok(200);
    let nothing = scene.app.patch(&path, &json!([1])).await.refused(400, 0);
    assert_eq!(nothing["message"], "machineDto must not be null");
    for (verb, path) in [
        ("PUT", "odata/Machines(999999)"),
        ("PATCH", "odata/Machines(999999)"),
        ("DELETE", "odata/Machines(999999)"),
    ] {
        let request = scene.app.request(verb, path).json(&json!({"Name": "x"}));
        scene.app.send(request).await.refused(404, 1002);
    }
    // None of it has changed anything but the window.
    let read = scene.app.get(&path).await.ok(200);
    assert_eq!(text(&read, "Name"), "M");
    assert_eq!(read["MaintenanceWindow"]["duration"], 60);

    let kept = json!({"Name": "pc\\user", "Scope": "PersonalWorkspace", "UnattendedSlots": 1});
    let kept = scene.app.post("odata/Machines", &kept).await.ok(201);
    let path = format!("odata/Machines({})", id(&kept));
    scene
        .app
        .patch(&path, &json!({"Description": "x"}))
        .await
        .refused(409, 1227);
    scene.app.delete(&path).await.refused(409, 1227);
}

async fn machines_are_deleted_when_nobody_needs_them(backend: Backend) {
    let scene = scene(backend).await;
    let make = async |name: &str| {
        let body = json!({"Name": name, "UnattendedSlots": 1});
        id(&scene.app.post("odata/Machines", &body).await.ok(201))
    };
    let (one, two, three) = (make("one").await, make("two").await, make("three").await);
    let assign = json!({"assignments": {"MachineIds": [one], "FolderIds": [scene.folder]}});
    scene.app.post(ASSIGN_MACHINES, &assign).await.ok(204);
    scene
        .app
        .delete(&format!("odata/Machines({one})"))
        .await
        .ok(204);
    scene
        .app
        .get(&format!("odata/Machines({one})"))
        .await
        .refused(404, 1002);

    let empty = scene
        .app
        .post(DELETE_BULK, &json!({"machineIds": []}))
        .await
        .refused(400, 1009);
    assert_eq!(empty["message"], "Empty machineIds collection in payload");
    scene
        .app
        .post(DELETE_BULK, &json!({}))
        .await
        .refused(400, 1009);
    // All of them or none.
    scene
        .app
        .post(DELETE_BULK, &json!({"machineIds": [two, 999_999]}))
        .await
        .refused(404, 1002);
    scene
        .app
        .get(&format!("odata/Machines({two})"))
        .await
        .ok(200);
    scene
        .app
        .post(DELETE_BULK, &json!({"machineIds": [two, three, two]}))
        .await
        .ok(204);

    // A job that runs keeps its machine; one that has ended only keeps the host's name.
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let job = scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    let local = format!("odata/Machines({})", scene.machine);
    scene.app.delete(&local).await.refused(409, 1012);
    host.report(key, "Successful", json!({})).await.ok(200);
    scene.app.delete(&local).await.ok(204);
    let job = scene.job(&job["Id"]).await;
    assert_eq!(text(&job, "HostMachineName"), "tests");
    assert_eq!(
        scene.app.get("odata/Sessions").await.ok(200)["value"],
        json!([])
    );
    // The key is worth nothing any more.
    let gone = host.call("HeartbeatV2", json!({"Heartbeats": []})).await;
    assert_eq!(gone.status, 401, "{}", gone.text());
}

async fn machines_need_permissions(backend: Backend) {
    let scene = scene(backend).await;
    let path = format!("odata/Machines({})", scene.machine);
    let reader = scene.server.app_with(&["OR.Machines.Read"]).await;
    reader.get(&path).await.ok(200);
    reader.delete(&path).await.refused(403, 0);
    reader
        .put(&path, &json!({"Name": "x"}))
        .await
        .refused(403, 0);
    reader
        .patch(&path, &json!({"Name": "x"}))
        .await
        .refused(403, 0);
    reader
        .post(DELETE_BULK, &json!({"machineIds": [scene.machine]}))
        .await
        .refused(403, 0);
    let (person, user) = scene
        .server
        .user("viewer", &["Allow to be Folder Administrator"])
        .await;
    person.get(&path).await.ok(200);
    person.patch(&path, &json!({})).await.refused(403, 0);
    person.delete(&path).await.refused(403, 0);

    // In a folder, starting jobs is enough to see its machines.
    let (starter, starter_id) = scene.server.user("starter", &[]).await;
    let assigned = format!(
        "odata/Machines/UiPath.Server.Configuration.OData.GetAssignedMachines(folderId={})",
        scene.folder
    );
    starter.get(&assigned).await.refused(403, 0);
    let roles = [role(&scene, "Administrator").await];
    let assign = assignment(starter_id, scene.folder, &roles);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    assert_eq!(
        texts(&starter.get(&assigned).await.ok(200), "Name"),
        ["Local"]
    );
    assert!(user > 0);
}

async fn machines_and_runtimes_of_a_folder(backend: Backend) {
    let scene = scene(backend).await;
    let base = "odata/Machines/UiPath.Server.Configuration.OData";
    let assigned = async |more: &str| {
        let path = format!(
            "{base}.GetAssignedMachines(folderId={}){more}",
            scene.folder
        );
        scene.app.get(&path).await.ok(200)
    };
    let runtimes = async || {
        let path = format!("{base}.GetRuntimesForFolder(folderId={})", scene.folder);
        scene.app.get(&path).await.ok(200)["value"].clone()
    };
    let list = assigned("").await;
    assert!(text(&list, "@odata.context").ends_with("/$metadata#Machines"));
    assert_eq!(texts(&list, "Name"), ["Local"]);
    let row = |total: i64, connected: i64, available: i64| {
        json!([{"Type": "Unattended", "Total": total, "Connected": connected,
            "Available": available}])
    };
    assert_eq!(runtimes().await, row(4, 0, 0));

    let host = Host::new(scene.server.machine());
    host.start(3).await;
    assert_eq!(runtimes().await, row(3, 3, 3));
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(runtimes().await, row(3, 3, 2));
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    host.report(text(&job, "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(runtimes().await, row(3, 3, 3));

    // A machine for one robot is no machine for another, and gets none of its jobs.
    let body = json!({"UserName": "w", "Type": "DirectoryRobot", "UnattendedRobot": {}});
    let worker = scene.app.post("odata/Users", &body).await.ok(201);
    let robots = scene
        .app
        .get("odata/Robots?$filter=Name eq 'w-unattended'")
        .await
        .ok(200);
    let other = id(&robots["value"][0]);
    let only = json!({"RobotUsers": [{"RobotId": other}]});
    let local = format!("odata/Machines({})", scene.machine);
    scene.app.patch(&local, &only).await.ok(200);
    assert_eq!(
        assigned(&format!("?robotId={}", scene.robot)).await["value"],
        json!([])
    );
    assert_eq!(
        texts(&assigned(&format!("?robotId={other}")).await, "Name"),
        ["Local"]
    );
    let job = scene.start_job(&release, json!({})).await;
    assert!(host.offered().await.is_empty());
    let assign = assignment(id(&worker), scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    eventually("the robot that may use it gets the job", async || {
        (host.offered().await == [text(&job, "Key")]).then_some(())
    })
    .await;

    for wrong in ["(folderId=abc)", "", "(folderId=1)?robotId=x"] {
        let path = format!("{base}.GetAssignedMachines{wrong}");
        scene.app.get(&path).await.refused(400, 1000);
    }
    scene
        .app
        .get(&format!("{base}.GetRuntimesForFolder(folderId=999999)"))
        .await
        .refused(403, 1100);
}

async fn secrets_of_a_machine(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene
        .app
        .post("odata/Machines", &json!({"Name": "M"}))
        .await
        .ok(201);
    let key = text(&made, "LicenseKey");
    let path = format!("api/clientsecrets/{key}");
    let first = scene.app.get(&path).await.ok(200);
    assert_eq!(first.as_array().unwrap().len(), 1);
    assert_eq!(first[0]["secret"], Value::Null);
    let second = scene.app.post(&path, &json!({})).await.ok(201);
    assert!(text(&second, "secret").len() >= 20 && second["creationTime"].is_string());
    let token = async |secret: &str| {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", key),
            ("client_secret", secret),
            ("scope", "OrchestratorApiUserAccess"),
        ];
        let anonymous = scene.server.anonymous();
        anonymous
            .post_form("/identity_/connect/token", &form)
            .await
            .status
    };
    for secret in [text(&made, "ClientSecret"), text(&second, "secret")] {
        assert_eq!(token(secret).await, 200);
    }
    let list = scene.app.get(&path).await.ok(200);
    assert_eq!(list[1]["id"], second["id"]);
    let one = format!("api/clientsecrets/{}", second["id"]);
    let reader = scene.server.app_with(&["OR.Machines.Read"]).await;
    reader.get(&path).await.ok(200);
    reader.post(&path, &json!({})).await.refused(403, 0);
    reader.delete(&one).await.refused(403, 0);
    scene.app.delete(&one).await.ok(204);
    scene.app.delete(&one).await.refused(404, 1002);
    assert_eq!(token(text(&second, "secret")).await, 400);
    assert_eq!(token(text(&made, "ClientSecret")).await, 200);
    scene
        .app
        .get(&format!("api/clientsecrets/{}", uuid::Uuid::new_v4()))
        .await
        .refused(404, 1002);
    scene
        .app
        .get("api/clientsecrets/nonsense")
        .await
        .refused(400, 1000);
    let (person, _) = scene.server.user("nobody", &[]).await;
    person.get(&path).await.refused(403, 0);
}
