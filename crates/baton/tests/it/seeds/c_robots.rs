//! C: sessions, robots, their logs and their passwords.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::classic::Classic;
use crate::support::{assert_members, id, text, texts};

both!(
    c1_state_of_a_robot_by_its_id,
    c2_state_of_a_robot_by_its_name,
    c3_robots_that_are_available,
    c4_robots_that_are_disconnected,
    c5_get_robot,
    c6_robots_for_a_process,
    c7_logs_of_a_robot,
    c8_logs_without_the_limits_of_elasticsearch,
    c9_put_robot,
    c10_delete_robot,
    c11_delete_robots,
    c12_patch_own_password,
);

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

/// What the documents show of a robot in a list, in this order.
const IN_LISTS: &str = "LicenseKey MachineName Name Username Description Type Password RobotEnvironments Id ExecutionSettings";

/// The members of an object that stand in the text, in the object's order.
#[track_caller]
fn in_order(object: &Value, members: &str) {
    assert_members(object, members);
    let expected: Vec<&str> = members.split_whitespace().collect();
    let keys = object.as_object().unwrap().keys();
    let found: Vec<&String> = keys
        .filter(|key| expected.contains(&key.as_str()))
        .collect();
    assert_eq!(found, expected, "{object:#}");
}

/// `DocBot` is connected, `Stan` was; both are in environments.
async fn stage(backend: Backend) -> (Classic, Value, Value) {
    let stage = Classic::start(backend).await;
    let robot = stage
        .robot(
            "DocBot",
            json!({"Type": "NonProduction", "MachineName": "MBOBOC"}),
        )
        .await;
    let gone = stage
        .robot("Stan", json!({"MachineName": "DESKTOP-PMFQGCB"}))
        .await;
    stage.environment("doc_env", &[&robot, &gone]).await;
    stage.environment("WR_env", &[&robot]).await;
    stage.host(&robot).start(1).await;
    let host = stage.host(&gone);
    host.start(1).await;
    host.stop().await;
    (stage, robot, gone)
}

async fn c1_state_of_a_robot_by_its_id(backend: Backend) {
    let (stage, robot, _) = stage(backend).await;
    let number = id(&robot);
    let path = format!("odata/Sessions?$top=10&$filter=Robot/Id eq {number}&$select=State");
    for client in [&stage.scene.app, &stage.app] {
        let list = client.get(&path).await.ok(200);
        assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Sessions(State)"));
        assert_eq!(list["@odata.count"], 1);
        assert_eq!(list["value"], json!([{"State": "Available"}]));
    }
}

async fn c2_state_of_a_robot_by_its_name(backend: Backend) {
    let (stage, ..) = stage(backend).await;
    let path = "odata/Sessions?$top=10&$filter=Robot/Name eq 'DocBot'&$select=State";
    let list = stage.scene.app.get(path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Sessions(State)"));
    assert_eq!(list["value"], json!([{"State": "Available"}]));

    // In a modern folder the session shows the robot that runs there, and then the one that ran.
    let path = "odata/Sessions?$filter=Robot/Name eq 'local-robot-unattended'&$select=State";
    let states = async || stage.scene.app.get(path).await.ok(200)["value"].clone();
    let host = Host::new(stage.scene.server.machine());
    host.start(1).await;
    assert_eq!(states().await, json!([]), "it ran nothing yet");
    let release = crate::jobs::release(&stage.scene).await;
    let job = stage.scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    assert_eq!(states().await, json!([{"State": "Busy"}]));
    host.report(key, "Successful", json!({})).await.ok(200);
    assert_eq!(states().await, json!([{"State": "Available"}]));
    let next = stage.scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await, [text(&next, "Key")], "it goes on");
}

async fn c3_robots_that_are_available(backend: Backend) {
    let (stage, robot, _) = stage(backend).await;
    let path = "odata/Sessions?$top=10&$filter=State eq 'Available' and ReportingTime gt 2018-03-05T03:48:04.147Z&$select=Robot&$expand=Robot";
    let list = stage.scene.app.get(path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Sessions(Robot)"));
    assert_eq!(list["@odata.count"], 1);
    let row = &list["value"][0];
    assert_eq!(
        row.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["Robot"]
    );
    let shown = &row["Robot"];
    in_order(shown, IN_LISTS);
    for (member, expected) in [
        ("LicenseKey", Value::Null),
        ("MachineName", json!("MBOBOC")),
        ("Name", json!("DocBot")),
        ("Username", json!("CORP\\DocBot")),
        ("Description", Value::Null),
        ("Type", json!("NonProduction")),
        ("Password", Value::Null),
        ("RobotEnvironments", json!("doc_env,WR_env")),
        ("Id", robot["Id"].clone()),
        ("ExecutionSettings", Value::Null),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
}

async fn c4_robots_that_are_disconnected(backend: Backend) {
    let (stage, _, gone) = stage(backend).await;
    let path = "odata/Sessions?$top=10&$filter=State eq 'Disconnected'&$expand=Robot";
    let list = stage.scene.app.get(path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Sessions"));
    assert_eq!(list["@odata.count"], 1);
    let row = &list["value"][0];
    in_order(row, "State ReportingTime Info IsUnresponsive Id Robot");
    assert_eq!(
        (&row["State"], &row["Info"], &row["IsUnresponsive"]),
        (&json!("Disconnected"), &Value::Null, &json!(false))
    );
    in_order(&row["Robot"], IN_LISTS);
    assert_eq!(row["Robot"]["Id"], gone["Id"]);
    assert_eq!(row["Robot"]["RobotEnvironments"], "doc_env");
}

async fn c5_get_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let settings = json!({
        "ResolutionHeight": 0, "ResolutionDepth": 0, "FontSmoothing": false,
        "AutoDownloadProcess": false,
    });
    let made = stage
        .robot(
            "Gustavee",
            json!({"Type": "Development", "ExecutionSettings": settings}),
        )
        .await;
    let path = format!("odata/Robots({})", id(&made));
    let robot = stage.scene.app.get(&path).await.ok(200);
    assert!(text(&robot, "@odata.context").ends_with("/odata/$metadata#Robots/$entity"));
    in_order(
        &robot,
        "LicenseKey MachineName MachineId Name Username ExternalName Description Type HostingType \
         ProvisionType Password CredentialStoreId UserId Enabled CredentialType RobotEnvironments \
         IsExternalLicensed LimitConcurrentExecution Id ExecutionSettings",
    );
    assert_eq!(text(&robot, "LicenseKey").len(), 36);
    for (member, expected) in [
        ("MachineName", json!("Gustavee-pc")),
        ("Name", json!("Gustavee")),
        ("ExternalName", Value::Null),
        ("Type", json!("Development")),
        ("HostingType", json!("Standard")),
        ("ProvisionType", json!("Manual")),
        ("Password", Value::Null),
        ("CredentialStoreId", Value::Null),
        ("Enabled", json!(true)),
        ("CredentialType", Value::Null),
        ("RobotEnvironments", json!("")),
        ("IsExternalLicensed", json!(false)),
        ("LimitConcurrentExecution", json!(false)),
        ("ExecutionSettings", settings),
    ] {
        assert_eq!(robot[member], expected, "{member}");
    }
    assert!(robot["MachineId"].is_i64() && robot["UserId"].is_i64());
    // Lists show neither key nor settings.
    let list = stage.app.get("odata/Robots").await.ok(200);
    let row = &list["value"][0];
    assert_eq!(
        (&row["LicenseKey"], &row["ExecutionSettings"]),
        (&Value::Null, &Value::Null)
    );
}

async fn c6_robots_for_a_process(backend: Backend) {
    let (stage, robot, gone) = stage(backend).await;
    let environments = stage
        .app
        .get("odata/Environments?$filter=Name eq 'doc_env'")
        .await
        .ok(200);
    let package = "input_output_arguments_example";
    stage.release(package, &environments["value"][0]).await;
    let path = format!("odata/Robots/{NAMESPACE}.GetRobotsForProcess(processId='{package}')");
    let list = stage.scene.app.get(&path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Robots"));
    assert_eq!(list["@odata.count"], 2);
    assert_eq!(texts(&list, "Name"), ["DocBot", "Stan"]);
    for (row, of) in [(0, &robot), (1, &gone)] {
        let row = &list["value"][row];
        in_order(
            row,
            "LicenseKey MachineName MachineId Name Username Description Version Type HostingType \
             Password RobotEnvironments Id ExecutionSettings",
        );
        assert_eq!(row["MachineId"], of["MachineId"]);
        assert_eq!(row["LicenseKey"], Value::Null);
        assert_eq!(row["Version"], "25.10.0");
    }
}

/// Writes lines of a job of `DocBot` and gives the job's key.
async fn lines(stage: &Classic, robot: &Value, count: usize) -> String {
    let environment = stage.environment("env", &[robot]).await;
    let release = stage.release("TestingSequence_DOC", &environment).await;
    let started = stage
        .start_jobs(&release, json!({"Strategy": "All"}))
        .await
        .ok(201);
    let key = text(&started["value"][0], "Key").to_owned();
    let host = stage.host(robot);
    host.start(1).await;
    host.report(&key, "Running", json!({})).await.ok(200);
    let lines: Vec<Value> = (0..count)
        .map(|n| {
            let line = json!({
                "message": format!("line {n}"), "level": "Information", "logType": "Default",
                "timeStamp": "2019-10-14T13:55:18.2473626+00:00", "jobId": key,
                "windowsIdentity": "UIPATH\\john.smith", "processName": "TestingSequence_DOC",
                "robotName": "DocBot", "fileName": "Main",
            });
            Value::String(line.to_string())
        })
        .collect();
    host.client
        .post("api/Logs/SubmitLogs", &Value::Array(lines))
        .await
        .ok(200);
    key
}

async fn c7_logs_of_a_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let key = lines(&stage, &robot, 202).await;
    let path = "odata/RobotLogs?$top=100&$skip=200&$filter=RobotName eq 'DocBot'";
    let list = stage.app.get(path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#RobotLogs"));
    assert_eq!(list["@odata.count"], 202);
    assert_eq!(list["value"].as_array().unwrap().len(), 2);
    let line = &list["value"][0];
    in_order(
        line,
        "Level WindowsIdentity ProcessName TimeStamp Message JobKey RawMessage RobotName MachineId Id",
    );
    for (member, expected) in [
        ("Level", json!("Info")),
        ("WindowsIdentity", json!("UIPATH\\john.smith")),
        ("ProcessName", json!("TestingSequence_DOC")),
        ("TimeStamp", json!("2019-10-14T13:55:18.2473626Z")),
        ("JobKey", json!(key)),
        ("RobotName", json!("DocBot")),
        ("MachineId", robot["MachineId"].clone()),
        ("Id", json!(0)),
    ] {
        assert_eq!(line[member], expected, "{member}");
    }
    let raw: Value = serde_json::from_str(text(line, "RawMessage")).unwrap();
    assert_eq!(raw["message"], line["Message"]);
    assert_eq!(raw["fileName"], "Main");
    let none = "odata/RobotLogs?$filter=RobotName eq 'Stan'";
    assert_eq!(stage.app.get(none).await.ok(200)["@odata.count"], 0);
}

async fn c8_logs_without_the_limits_of_elasticsearch(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    lines(&stage, &robot, 3).await;
    let deep = "odata/RobotLogs?$top=100&$skip=20000&$filter=RobotName eq 'DocBot'";
    let list = stage.app.get(deep).await.ok(200);
    assert_eq!(
        (&list["@odata.count"], &list["value"]),
        (&json!(3), &json!([]))
    );
    let others = "odata/RobotLogs?$filter=contains(Message,'line') and not(Level eq 'Error')&$orderby=Message&$top=1";
    let list = stage.app.get(others).await.ok(200);
    assert_eq!(list["@odata.count"], 3);
    assert_eq!(texts(&list, "Message"), ["line 0"]);
}

async fn c9_put_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("old", json!({"MachineName": "MBOBOC"})).await;
    let path = format!("odata/Robots({})", id(&robot));
    let body = json!({
        "LicenseKey": robot["LicenseKey"], "MachineName": "MBOBOC", "Name": "DocBot",
        "Type": "Development", "Id": robot["Id"], "Username": "UIPATH\\JustAnotherRobot",
        "ExecutionSettings": {
            "TracingLevel": "Information", "StudioNotifyServer": true, "LoginToConsole": false,
            "ResolutionWidth": 0, "ResolutionHeight": 0, "ResolutionDepth": 0,
            "FontSmoothing": false, "AutoDownloadProcess": false,
        },
    });
    stage.app.put(&path, &body).await.ok(200);
    let read = stage.app.get(&path).await.ok(200);
    for (member, value) in body.as_object().unwrap() {
        assert_eq!(read[member], *value, "{member}");
    }
    assert_eq!(read["MachineId"], robot["MachineId"]);
    assert_eq!(text(&read, "HostingType"), "Standard");
}

async fn c10_delete_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let path = format!("odata/Robots({})", id(&robot));
    let answer = stage.scene.app.delete(&path).await;
    assert!(answer.body.is_empty());
    answer.ok(204);
    stage.app.get(&path).await.refused(404, 1002);
}

async fn c11_delete_robots(backend: Backend) {
    let stage = Classic::start(backend).await;
    let one = stage.robot("one", json!({})).await;
    let two = stage.robot("two", json!({})).await;
    let body = json!({"robotIds": [one["Id"], two["Id"]]});
    let path = format!("odata/Robots/{NAMESPACE}.DeleteBulk");
    stage.scene.app.post(&path, &body).await.ok(204);
    assert_eq!(
        stage.app.get("odata/Robots").await.ok(200)["@odata.count"],
        0
    );
}

async fn c12_patch_own_password(backend: Backend) {
    let scene = crate::support::scene(backend).await;
    let (person, number) = scene.server.user("somebody", &[]).await;
    let admin = scene.server.admin().await;
    let robot = json!({"UnattendedRobot": {"UserName": "CORP\\somebody", "Password": "first"}});
    let path = format!("odata/Users({number})");
    admin.patch(&path, &robot).await.ok(200);
    // One's own password takes no permission; another's takes Users.Edit.
    let body = json!({"UnattendedRobot": {"Password": "newUnattendedRobotP@ss"}});
    person.patch(&path, &body).await.ok(200);
    let read = admin.get(&path).await.ok(200);
    assert_eq!(read["UnattendedRobot"]["UserName"], "CORP\\somebody");
    assert_eq!(read["UnattendedRobot"]["Password"], Value::Null);
    let (other, _) = scene.server.user("another", &[]).await;
    other.patch(&path, &body).await.refused(403, 0);
}
