//! Sessions: which hosts are there, and what they were last heard of.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, eventually, package};

use crate::support::{STOP_JOBS, assert_members, id, scene, text, texts};

both!(
    a_host_comes_works_and_goes,
    sessions_survive_a_restart,
    queries_of_sessions,
    the_licence_of_a_robot,
    the_job_of_a_session,
    every_view_of_sessions,
    hosts_under_maintenance_take_no_jobs,
    hosts_that_are_gone_are_cleared_away,
    people_are_heard_of_through_their_host,
    sessions_take_permission
);

async fn a_host_comes_works_and_goes(backend: Backend) {
    let scene = scene(backend).await;
    let one = async || {
        let list = scene.app.get("odata/Sessions").await.ok(200);
        assert_eq!(list["@odata.count"], 1, "{list}");
        list["value"][0].clone()
    };
    assert_eq!(
        scene.app.get("odata/Sessions").await.ok(200)["@odata.count"],
        0
    );
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let session = one().await;
    assert_members(
        &session,
        "State ReportingTime Info IsUnresponsive Id HostMachineName MachineId MachineName Version Platform",
    );
    assert_eq!(
        (text(&session, "State"), text(&session, "HostMachineName")),
        ("Available", "tests")
    );
    assert_eq!(
        (&session["MachineId"], text(&session, "MachineName")),
        (&json!(scene.machine), "Local")
    );
    assert_eq!(
        (&session["IsUnresponsive"], text(&session, "Version")),
        (&json!(false), "25.10.0")
    );
    assert_eq!(text(&session, "Platform"), "Linux");

    host.heartbeat().await;
    let later = one().await;
    assert!(text(&later, "ReportingTime") > text(&session, "ReportingTime"));
    assert_eq!(later["Id"], session["Id"]);

    let release = scene.release(&package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&one().await, "State"), "Busy");
    host.report(text(&job, "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&one().await, "State"), "Available");
    host.stop().await;
    let gone = one().await;
    assert_eq!(text(&gone, "State"), "Disconnected");
    assert_eq!(gone["Id"], session["Id"]);
    // The same host, in any case, is the same session.
    Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "TESTS"),
    )
    .start(1)
    .await;
    let back = one().await;
    assert_eq!(
        (text(&back, "State"), &back["Id"]),
        ("Available", &session["Id"])
    );
    let machine = scene
        .app
        .get("odata/Machines?$filter=Name eq 'Local'")
        .await
        .ok(200);
    assert_eq!(
        machine["value"][0]["RobotVersions"][0]["Version"],
        "25.10.0"
    );
}

async fn sessions_survive_a_restart(backend: Backend) {
    let mut scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    Host::new(scene.server.machine()).start(1).await;
    let before = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    scene.server.kill9();
    scene.server.restart().await;
    // The host neither knows nor needs to know.
    let host = Host::new(scene.server.machine());
    let app = scene.server.app().await;
    scene.app = app.clone();
    scene.shared = app.folder(scene.folder);
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await, [text(&job, "Key")]);
    let after = app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_eq!(after["Id"], before["Id"]);
    assert_eq!(text(&after, "State"), "Available");
    assert!(text(&after, "ReportingTime") >= text(&before, "ReportingTime"));
}

async fn queries_of_sessions(backend: Backend) {
    let scene = scene(backend).await;
    let (person, _) = scene.server.user("DocBot", &[]).await;
    let pc = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "pc");
    let robot = pc
        .post("api/RobotsService/BeginSession", &json!({}))
        .await
        .ok(200);
    let number = robot["id"].as_i64().unwrap();
    let gone = Host::new(scene.server.machine_with(&scene.server.machine_key, "gone"));
    gone.start(1).await;
    gone.stop().await;

    let get = async |query: &str| {
        scene
            .app
            .get(&format!("odata/Sessions?{query}"))
            .await
            .ok(200)
    };
    let list = get(&format!(
        "$top=10&$filter=Robot/Id eq {number}&$select=State"
    ))
    .await;
    assert!(text(&list, "@odata.context").ends_with("/$metadata#Sessions(State)"));
    assert_eq!(list["value"], json!([{"State": "Available"}]));
    let list = get("$top=10&$filter=Robot/Name eq 'DocBot-attended'&$select=State").await;
    assert_eq!(list["value"], json!([{"State": "Available"}]));
    let list = get("$top=10&$filter=State eq 'Available' and ReportingTime gt 2018-02-22T10:00:00.837Z&$select=Robot&$expand=Robot").await;
    assert!(
        text(&list, "@odata.context").ends_with("/$metadata#Sessions(Robot)"),
        "{list}"
    );
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    assert_eq!(
        list["value"][0]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["Robot"]
    );
    assert_eq!(list["value"][0]["Robot"]["Name"], "DocBot-attended");
    assert_eq!(list["value"][0]["Robot"]["LicenseKey"], Value::Null);
    let list = get("$top=10&$filter=State eq 'Disconnected'&$expand=Robot").await;
    assert_eq!(texts(&list, "HostMachineName"), ["gone"]);
    assert_eq!(list["value"][0]["Robot"], Value::Null);
}

async fn the_licence_of_a_robot(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let named = uuid::Uuid::new_v4().to_string();
    let client = scene.server.machine();
    let client = client.with("X-UIPATH-INSTALLATION-ID", named.to_uppercase());
    Host::new(client).start(1).await;
    let other = scene
        .server
        .machine_with(&scene.server.machine_key, "other");
    let other = other.with("X-UIPATH-INSTALLATION-ID", "no GUID");
    Host::new(other).start(1).await;
    scene.start_job(&release, json!({})).await;
    let of_machine = op(&format!("GetMachineSessions(key={})", scene.machine));
    for set in [
        "odata/Sessions".to_owned(),
        op("GetGlobalSessions"),
        of_machine,
    ] {
        let path = format!("{set}?$expand=Robot($expand=License)&$orderby=Id");
        let list = scene.app.get(&path).await.ok(200);
        let robot = &list["value"][0]["Robot"];
        assert_eq!(text(robot, "Name"), "local-robot-unattended", "{path}");
        assert_eq!(robot["License"], Value::Null, "licences are not counted");
        let path = format!("{set}?$filter=Robot/License/RobotId eq 1");
        assert_eq!(scene.app.get(&path).await.ok(200)["@odata.count"], 0);
        let path = format!("{set}?$expand=Robot($expand=License,Environments;$select=Name)");
        scene.app.get(&path).await.ok(200);
        let path = format!("{set}?$expand=Robot($expand=License($expand=Robot))");
        scene.app.get(&path).await.refused(400, 1000);
    }
    let list = scene.app.get("odata/Sessions?$orderby=Id").await.ok(200);
    let installed = |i: usize| list["value"][i]["InstallationId"].clone();
    assert_eq!((installed(0), installed(1)), (json!(named), Value::Null));
    let found = format!("odata/Sessions?$filter=InstallationId eq {named}");
    assert_eq!(scene.app.get(&found).await.ok(200)["@odata.count"], 1);
    // It is a way to accounts like any other.
    let body = json!({"Name": "Robots", "Permissions": [{"Name": "Robots.View"}]});
    scene.app.post("odata/Roles", &body).await.ok(201);
    let (person, _) = scene.server.user("person", &["Robots"]).await;
    let path = "odata/Sessions?$expand=Robot($expand=License)";
    person.get(path).await.ok(200);
    let path = "odata/Sessions?$expand=Robot($expand=User)";
    person.get(path).await.refused(403, 0);
}

async fn the_job_of_a_session(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let get = async |query: &str| {
        let path = format!("odata/Sessions?{query}");
        scene.app.get(&path).await.ok(200)["value"].clone()
    };
    let release = scene.release(&package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(get("$expand=Job").await[0]["Job"], Value::Null);
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    let shown = get("$expand=Job($select=Key,State)").await;
    let running = json!({"Key": job["Key"], "State": "Running"});
    assert_eq!(shown[0]["Job"], running);
    let path = op(&format!(
        "GetMachineSessions(key={})?$expand=Job",
        scene.machine
    ));
    let shown = scene.app.get(&path).await.ok(200);
    assert_eq!(shown["value"][0]["Job"]["Key"], job["Key"]);
    let found = get("$filter=Job/ReleaseName eq 'p'&$orderby=Job/Id").await;
    assert_eq!(found[0]["HostMachineName"], "tests");

    // Jobs and accounts are behind permissions of their own, which filters do not get around.
    let body = json!({"Name": "Robots", "Permissions": [{"Name": "Robots.View"}]});
    scene.app.post("odata/Roles", &body).await.ok(201);
    let (person, _) = scene.server.user("person", &["Robots"]).await;
    person.get("odata/Sessions?$expand=Robot").await.ok(200);
    for path in [
        "odata/Sessions?$expand=Job".to_owned(),
        "odata/Sessions?$filter=startswith(Job/InputArguments,'x')".to_owned(),
        "odata/Sessions?$orderby=Job/InputArguments".to_owned(),
        "odata/Sessions?$expand=Robot($expand=User)".to_owned(),
        "odata/Sessions?$filter=not (Robot/User/UserName in ('x','y'))".to_owned(),
        "odata/Robots?$filter=length(concat(User/EmailAddress,'x')) gt 5".to_owned(),
        "odata/Robots?$orderby=Id,User/UserName desc".to_owned(),
        format!("odata/Robots({})?$expand=User", scene.robot),
    ] {
        person.get(&path).await.refused(403, 0);
        scene.app.get(&path).await.ok(200);
    }
}

fn op(name: &str) -> String {
    format!("odata/Sessions/UiPath.Server.Configuration.OData.{name}")
}

async fn every_view_of_sessions(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.call(
        "StartService",
        json!({"Slots": 2, "ServiceUserName": "corp\\svc"}),
    )
    .await
    .ok(200);
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_members(
        &session,
        "HostMachineName MachineId MachineName State ReportingTime Info IsUnresponsive
         LicenseErrorCode OrganizationUnitId FolderName RobotSessionType Version Source
         DebugModeExpirationDate UpdateInfo InstallationId Platform EndpointDetection Id",
    );
    let global = scene.app.get(&op("GetGlobalSessions")).await.ok(200);
    assert!(text(&global, "@odata.context").ends_with("/$metadata#Sessions"));
    assert_eq!(global["value"][0]["Id"], session["Id"]);
    let of = async |machine: i64| {
        scene
            .app
            .get(&op(&format!("GetMachineSessions(key={machine})")))
            .await
    };
    let list = of(scene.machine).await.ok(200);
    assert_eq!(list["value"][0]["Id"], session["Id"]);
    assert_eq!(text(&list["value"][0], "ServiceUserName"), "corp\\svc");
    of(999_999).await.refused(404, 1002);

    let expected = json!({
        "SessionId": session["Id"], "MachineId": scene.machine, "MachineName": "Local",
        "MaintenanceMode": "Default", "HostMachineName": "tests", "RuntimeType": "Unattended",
        "MachineType": "Template", "MachineScope": "Default", "Status": "Available",
        "IsUnresponsive": false, "Runtimes": 2, "UsedRuntimes": 0, "ServiceUserName": "corp\\svc",
        "Version": "25.10.0", "DebugModeExpirationDate": null, "Platform": "Linux",
        "EndpointDetection": null, "TriggersCount": 0,
    });
    let folder = scene.folder;
    for path in [
        op("GetMachineSessionRuntimes"),
        op("GetMachineSessionRuntimes?runtimeType=Unattended"),
        op(&format!(
            "GetMachineSessionRuntimesByFolderId(folderId={folder})"
        )),
        op(&format!(
            "GetMachineSessionRuntimesByFolderId(folderId={folder})?robotId={}&runtimeType=2",
            scene.robot
        )),
    ] {
        let list = scene.app.get(&path).await.ok(200);
        assert_eq!(list["@odata.count"], 1, "{path}");
        let mut row = list["value"][0].clone();
        assert!(row["ReportingTime"].is_string());
        row.as_object_mut().unwrap().shift_remove("ReportingTime");
        assert_eq!(row, expected, "{path}");
    }
    let none = scene
        .app
        .get(&op("GetMachineSessionRuntimes?runtimeType=Headless"))
        .await
        .ok(200);
    assert_eq!(none["value"], json!([]));
    scene
        .app
        .get(&op("GetMachineSessionRuntimes?runtimeType=Any"))
        .await
        .refused(400, 1009);
    scene
        .app
        .get(&op("GetMachineSessionRuntimesByFolderId(folderId=999999)"))
        .await
        .refused(403, 1100);
    let names = scene.app.get(&op("GetUsernames")).await.ok(200);
    assert!(text(&names, "@odata.context").ends_with("/$metadata#Collection(Edm.String)"));
    assert_eq!(names["value"], json!(["corp\\svc"]));

    let toggle = format!(
        "odata/Sessions({})/UiPath.Server.Configuration.OData.ToggleMachineSessionDebugMode",
        session["Id"]
    );
    let debug = async || {
        scene.app.get("odata/Sessions").await.ok(200)["value"][0]["DebugModeExpirationDate"].clone()
    };
    scene
        .app
        .post(&toggle, &json!({"enabled": true, "minutes": 30}))
        .await
        .ok(204);
    assert!(debug().await.as_str() > session["ReportingTime"].as_str());
    scene
        .app
        .post(&toggle, &json!({"enabled": false}))
        .await
        .ok(204);
    assert_eq!(debug().await, Value::Null);
    for wrong in [
        json!({"enabled": true}),
        json!({"enabled": true, "minutes": 0}),
    ] {
        scene.app.post(&toggle, &wrong).await.refused(400, 1009);
    }
    scene.app.post(&toggle, &json!({})).await.refused(400, 0);
}

async fn hosts_under_maintenance_take_no_jobs(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0]["Id"].clone();
    let running = scene.start_job(&release, json!({})).await;
    host.report(text(&running, "Key"), "Running", json!({}))
        .await
        .ok(200);
    let offered = scene.start_job(&release, json!({})).await;
    let mode = async |mode: &str, strategy: Value| {
        let body = json!({"sessionId": session, "maintenanceMode": mode,
            "stopJobsStrategy": strategy});
        scene.app.post(&op("SetMaintenanceMode"), &body).await
    };
    mode("Enabled", Value::Null).await.ok(204);
    assert!(host.offered().await.is_empty());
    let waiting = scene.start_job(&release, json!({})).await;
    assert!(host.offered().await.is_empty());
    assert_eq!(text(&scene.job(&running["Id"]).await, "State"), "Running");
    let runtimes = scene
        .app
        .get(&op("GetMachineSessionRuntimes"))
        .await
        .ok(200);
    assert_eq!(text(&runtimes["value"][0], "MaintenanceMode"), "Enabled");
    assert_eq!(runtimes["value"][0]["UsedRuntimes"], 1);

    // Back in service it takes what waits; with a strategy what runs is stopped, too.
    mode("Default", Value::Null).await.ok(204);
    assert_eq!(host.offered().await, [text(&offered, "Key")]);
    mode("Enabled", json!("SoftStop")).await.ok(204);
    assert_eq!(text(&scene.job(&running["Id"]).await, "State"), "Stopping");
    for job in [&offered, &waiting] {
        assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Pending");
    }
    mode("Sometimes", Value::Null).await.refused(400, 0);
    mode("Enabled", json!("Gently")).await.refused(400, 0);
    let nobody = json!({"sessionId": 999_999, "maintenanceMode": "Enabled"});
    scene
        .app
        .post(&op("SetMaintenanceMode"), &nobody)
        .await
        .refused(404, 1002);
}

async fn hosts_that_are_gone_are_cleared_away(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let job = scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    let delete = op("DeleteInactiveUnattendedSessions");
    let ids = json!({"sessionIds": [session["Id"]]});
    scene.app.post(&delete, &ids).await.refused(409, 1217);
    host.stop().await;
    // It left in the middle of a job: that one has to be ended first.
    scene.app.post(&delete, &ids).await.refused(409, 1013);
    let kill = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    scene.shared.post(STOP_JOBS, &kill).await.ok(200);
    scene
        .app
        .post(&delete, &json!({"sessionIds": [session["Id"], 999_999]}))
        .await
        .refused(404, 1002);
    scene.app.post(&delete, &ids).await.ok(204);
    assert_eq!(
        scene.app.get("odata/Sessions").await.ok(200)["value"],
        json!([])
    );
    assert_eq!(
        text(&scene.job(&job["Id"]).await, "HostMachineName"),
        "tests"
    );
    scene.app.post(&delete, &json!({})).await.refused(400, 1009);
    // The host comes back as a new session.
    host.call("HeartbeatV2", json!({"Heartbeats": []}))
        .await
        .refused(409, 1242);
    host.start(1).await;
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await, [text(&job, "Key")]);
}

async fn people_are_heard_of_through_their_host(backend: Backend) {
    let scene = scene(backend).await;
    let (person, _) = scene.server.user("DocBot", &[]).await;
    let pc = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "tests");
    pc.post("api/RobotsService/BeginSession", &json!({}))
        .await
        .ok(200);
    let seen = async || {
        let list = scene
            .app
            .get("odata/Sessions?$filter=Robot/Name eq 'DocBot-attended'")
            .await
            .ok(200);
        assert_eq!(list["@odata.count"], 1);
        let row = &list["value"][0];
        assert_eq!(row["IsUnresponsive"], false);
        (id(row), text(row, "ReportingTime").to_owned())
    };
    let (session, begun) = seen().await;
    // The person's own robot, as long as no service runs on the host …
    let own = pc
        .post("api/RobotsService/HeartbeatV2", &json!({"heartbeats": []}))
        .await
        .ok(200);
    assert_eq!(own["commands"], json!([]));
    let (_, own) = seen().await;
    assert!(own > begun);
    // … then the service speaks for everybody there.
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    host.heartbeat().await;
    eventually("the host's heartbeat is the person's", async || {
        let (same, now) = seen().await;
        assert_eq!(same, session);
        (now > own).then_some(())
    })
    .await;
    // People do not take the host's jobs, nor are they cleared away with hosts.
    let machine_sessions = op(&format!("GetMachineSessions(key={})", scene.machine));
    let list = scene.app.get(&machine_sessions).await.ok(200);
    assert_eq!(list["value"][0]["ServiceUserName"], Value::Null);
    scene
        .app
        .post(
            &op("SetMaintenanceMode"),
            &json!({"sessionId": session, "maintenanceMode": "Enabled"}),
        )
        .await
        .refused(404, 1002);
    let names = scene.app.get(&op("GetUsernames")).await.ok(200);
    assert!(names["value"].is_array());
}

async fn sessions_take_permission(backend: Backend) {
    let scene = scene(backend).await;
    Host::new(scene.server.machine()).start(1).await;
    let (person, _) = scene.server.user("nobody", &[]).await;
    for name in [
        "GetGlobalSessions",
        "GetMachineSessionRuntimes",
        "GetUsernames",
    ] {
        person.get(&op(name)).await.refused(403, 0);
    }
    for name in ["SetMaintenanceMode", "DeleteInactiveUnattendedSessions"] {
        person.post(&op(name), &json!({})).await.refused(403, 0);
    }
    let reader = scene.server.app_with(&["OR.Robots.Read"]).await;
    reader.get(&op("GetGlobalSessions")).await.ok(200);
    reader
        .post(&op("SetMaintenanceMode"), &json!({}))
        .await
        .refused(403, 0);
    // Who sees accounts sees the hosts, and the robots behind them.
    let (viewer, _) = scene
        .server
        .user("viewer", &["Allow to be Folder Administrator"])
        .await;
    let path = op("GetGlobalSessions?$expand=Robot");
    assert_eq!(viewer.get(&path).await.ok(200)["@odata.count"], 1);
    // Without the permission for the tenant only classic robots' sessions are nobody's secret.
    viewer.get("odata/Sessions").await.refused(403, 0);
}
