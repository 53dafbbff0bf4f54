//! Robots: those that people make in classic folders, and what can be changed of the others.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::classic::{Classic, standard};
use crate::support::{ASSIGN_USERS, assignment, id, merge, modern, replace, scene, text, texts};

both!(
    a_robot_finds_or_makes_its_machine,
    robots_that_cannot_be_made,
    changing_a_classic_robot,
    changing_a_provisioned_robot,
    busy_robots_stay_as_they_are,
    deleting_robots,
    enabling_and_floating,
    robots_of_folders_and_processes,
    names_and_keys,
    who_may_do_what_with_robots,
);

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

async fn a_robot_finds_or_makes_its_machine(backend: Backend) {
    let stage = Classic::start(backend).await;
    let key = uuid::Uuid::new_v4().to_string();
    let more = json!({
        "LicenseKey": key, "Description": "docs", "CredentialType": "SmartCard", "UserId": 1,
        "ExternalName": "vault/1", "CredentialStoreId": 7,
        "ExecutionSettings": {"ResolutionWidth": 0, "LoginToConsole": false},
    });
    let robot = stage.robot("DocBot", more).await;
    assert!(text(&robot, "@odata.context").ends_with("/$metadata#Robots/$entity"));
    for (member, expected) in [
        ("LicenseKey", json!(key)),
        ("MachineName", json!("DocBot-pc")),
        ("Name", json!("DocBot")),
        ("Username", json!("CORP\\DocBot")),
        ("ExternalName", json!("vault/1")),
        ("Description", json!("docs")),
        ("Type", json!("Unattended")),
        ("HostingType", json!("Standard")),
        ("ProvisionType", json!("Manual")),
        ("Password", Value::Null),
        ("CredentialStoreId", json!(7)),
        ("Enabled", json!(true)),
        ("CredentialType", json!("SmartCard")),
        ("RobotEnvironments", json!("")),
        ("LimitConcurrentExecution", json!(false)),
        (
            "ExecutionSettings",
            json!({"ResolutionWidth": 0, "LoginToConsole": false}),
        ),
    ] {
        assert_eq!(robot[member], expected, "{member}");
    }
    assert_ne!(robot["UserId"], 1, "it has an account of its own");
    let account = format!("odata/Users({})", robot["UserId"]);
    let account = stage.app.get(&account).await.ok(200);
    assert_eq!(
        (text(&account, "Type"), text(&account, "Name")),
        ("Robot", "DocBot")
    );
    let machine = format!("odata/Machines({})", robot["MachineId"]);
    let machine = stage.app.get(&machine).await.ok(200);
    assert_eq!(
        (text(&machine, "Type"), text(&machine, "LicenseKey")),
        ("Standard", &*key)
    );

    // Other robots of the machine name it by its name in any case, by its number, with its key.
    for (name, more) in [
        ("by-name", json!({"MachineName": "DOCBOT-PC"})),
        (
            "by-id",
            json!({"MachineName": null, "MachineId": robot["MachineId"]}),
        ),
        (
            "by-key",
            json!({"MachineName": "DocBot-pc", "LicenseKey": key}),
        ),
    ] {
        let other = stage.robot(name, more).await;
        assert_eq!(other["MachineId"], robot["MachineId"], "{name}");
    }
    let host = stage.host(&robot);
    let seen = host.start(1).await;
    let names: Vec<_> = seen["robots"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 4);
    let environment = stage.environment("env", &[]).await;
    let member = stage
        .robot(
            "member",
            json!({"Environments": [{"Id": environment["Id"]}]}),
        )
        .await;
    assert_eq!(text(&member, "RobotEnvironments"), "env");
}

async fn robots_that_cannot_be_made(backend: Backend) {
    let stage = Classic::start(backend).await;
    let first = stage.robot("first", json!({})).await;
    let post = async |more: Value| {
        let body = standard("second", more);
        stage.app.post("odata/Robots", &body).await
    };
    let template = json!({"MachineName": "Local"});
    let nobody = uuid::Uuid::new_v4().to_string();
    for (more, status, code) in [
        (json!({"Name": "FIRST"}), 409, 1001),
        (json!({"Name": null}), 400, 1009),
        (json!({"Name": "x".repeat(20)}), 400, 1009),
        (json!({"Type": null}), 400, 1009),
        (json!({"Type": "Toaster"}), 400, 1009),
        (json!({"Type": "Serverless"}), 400, 1009),
        (json!({"HostingType": null}), 400, 1009),
        (json!({"HostingType": "Cloud"}), 400, 1009),
        (json!({"Username": null}), 400, 1206),
        (json!({"Username": "corp.local/me"}), 400, 1212),
        (json!({"Username": "a\\b\\c"}), 400, 1212),
        (json!({"Username": "\\me"}), 400, 1212),
        (json!({"Username": "x".repeat(101)}), 400, 1009),
        (json!({"MachineName": null}), 400, 1205),
        (json!({"MachineName": "x".repeat(451)}), 400, 1009),
        (
            json!({"MachineName": null, "MachineId": 999_999}),
            400,
            1219,
        ),
        (json!({"MachineId": first["MachineId"]}), 400, 1219),
        (template, 400, 1216),
        (
            json!({"MachineName": "first-pc", "LicenseKey": nobody}),
            409,
            1201,
        ),
        (json!({"LicenseKey": first["LicenseKey"]}), 409, 1201),
        (json!({"LicenseKey": "no guid"}), 400, 1009),
        (json!({"HostingType": "Floating"}), 400, 1214),
        (json!({"ProvisionType": "Automatic"}), 400, 1106),
        (
            json!({"MachineName": "first-pc", "Username": "corp\\FIRST"}),
            409,
            1004,
        ),
        (json!({"Description": "x".repeat(501)}), 400, 1009),
        (json!({"ExecutionSettings": "fast"}), 400, 1009),
        (json!({"Environments": [{"Id": 999_999}]}), 404, 1002),
    ] {
        let shown = more.to_string();
        let answer = post(more).await;
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        answer.refused(status, code);
    }
    let list = stage.app.get("odata/Robots").await.ok(200);
    assert_eq!(texts(&list, "Name"), ["first"], "nothing was made");
    let machines = stage.app.get("odata/Machines").await.ok(200);
    assert_eq!(texts(&machines, "Name"), ["Local", "first-pc"]);

    let body = standard("second", json!({}));
    stage
        .scene
        .shared
        .post("odata/Robots", &body)
        .await
        .refused(400, 1106);
    stage
        .scene
        .app
        .post("odata/Robots", &body)
        .await
        .refused(400, 1101);
    stage
        .app
        .post("odata/Robots", &json!([]))
        .await
        .refused(400, 0);
}

async fn changing_a_classic_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage
        .robot(
            "DocBot",
            json!({"Description": "old", "LimitConcurrentExecution": true}),
        )
        .await;
    let path = format!("odata/Robots({})", id(&robot));
    // What GET shows can be put back.
    let read = stage.app.get(&path).await.ok(200);
    let same = replace(&stage.app, &path, &read).await;
    for member in [
        "Name",
        "MachineId",
        "LicenseKey",
        "Username",
        "Description",
        "UserId",
    ] {
        assert_eq!(same[member], robot[member], "{member}");
    }
    assert_ne!(same["LastModificationTime"], Value::Null);

    let body = json!({"Description": "new", "Type": "NonProduction"});
    let patched = merge(&stage.app, &path, &body).await;
    assert_eq!(
        (text(&patched, "Description"), text(&patched, "Type")),
        ("new", "NonProduction")
    );
    assert_eq!(patched["Username"], robot["Username"]);
    // To another machine, and back without naming one.
    let moved = json!({"MachineName": "elsewhere", "LicenseKey": null});
    let moved = merge(&stage.app, &path, &moved).await;
    assert_eq!(text(&moved, "MachineName"), "elsewhere");
    assert_ne!(moved["LicenseKey"], robot["LicenseKey"]);
    let put = json!({"Name": "Renamed", "Type": "Development", "Username": "me", "ProvisionType": "Manual"});
    let put = replace(&stage.app, &path, &put).await;
    assert_eq!(put["MachineId"], moved["MachineId"]);
    assert_eq!(put["Description"], Value::Null, "PUT replaces");
    assert_eq!(put["LimitConcurrentExecution"], true);
    assert_eq!(
        (text(&put, "Name"), text(&put, "ProvisionType")),
        ("Renamed", "Manual")
    );

    stage.robot("other", json!({})).await;
    for (body, status, code) in [
        (json!({"Name": "OTHER"}), 409, 1001),
        (json!({"Name": null}), 400, 1009),
        (json!({"Name": "x".repeat(20)}), 400, 1009),
        (json!({"HostingType": "Floating"}), 400, 1215),
        (json!({"LicenseKey": robot["LicenseKey"]}), 409, 1201),
        (json!({"MachineId": 999_999}), 400, 1219),
        (json!({"Username": ""}), 400, 1206),
        (
            json!({"Username": "CORP\\other", "MachineName": "other-pc"}),
            409,
            1004,
        ),
        (json!({"Enabled": "yes"}), 400, 1009),
        (json!({"ProvisionType": "Automatic"}), 409, 1023),
        (json!({"IsExternalLicensed": true}), 400, 1009),
    ] {
        stage.app.patch(&path, &body).await.refused(status, code);
    }
    stage
        .app
        .put(&path, &json!({"Name": "x"}))
        .await
        .refused(400, 1009);
    stage
        .app
        .put("odata/Robots(999999)", &put)
        .await
        .refused(404, 1002);
    let elsewhere = stage.other_folder().await;
    for folder in [elsewhere, stage.scene.folder] {
        let other = stage.scene.app.folder(folder);
        other.get(&path).await.refused(404, 1002);
        other
            .patch(&path, &json!({"Name": "x"}))
            .await
            .refused(404, 1002);
        other.delete(&path).await.refused(404, 1002);
    }
}

async fn changing_a_provisioned_robot(backend: Backend) {
    let scene = scene(backend).await;
    let path = format!("odata/Robots({})", scene.robot);
    let read = scene.shared.get(&path).await.ok(200);
    let same = replace(&scene.shared, &path, &read).await;
    assert_eq!(same["Name"], read["Name"]);
    let body = json!({
        "Username": "CORP\\worker", "Password": "s3cret", "Description": "d",
        "LimitConcurrentExecution": false, "CredentialType": "SmartCard",
        "ExecutionSettings": {"TracingLevel": "Verbose"},
    });
    let patched = merge(&scene.shared, &path, &body).await;
    for member in [
        "Username",
        "Description",
        "LimitConcurrentExecution",
        "CredentialType",
        "ExecutionSettings",
    ] {
        assert_eq!(patched[member], body[member], "{member}");
    }
    // The account shows the same robot.
    let user = format!("odata/Users({})", patched["UserId"]);
    let user = scene.app.get(&user).await.ok(200);
    assert_eq!(text(&user["UnattendedRobot"], "UserName"), "CORP\\worker");
    for (body, status, code) in [
        (json!({"Name": "other"}), 409, 1023),
        (json!({"Type": "Attended"}), 409, 1023),
        (json!({"MachineName": "pc"}), 400, 1214),
        (json!({"ProvisionType": "Manual"}), 409, 1023),
        (json!({"Environments": [{"Id": 1, "Name": "E"}]}), 400, 1009),
        (json!({"HostingType": "Standard"}), 400, 1215),
    ] {
        scene.shared.patch(&path, &body).await.refused(status, code);
    }
    let elsewhere = scene
        .app
        .post("odata/Folders", &modern("Other"))
        .await
        .ok(201);
    scene
        .app
        .folder(id(&elsewhere))
        .patch(&path, &body)
        .await
        .refused(404, 1002);
}

async fn busy_robots_stay_as_they_are(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    let host = stage.host(&robot);
    host.start(1).await;
    stage
        .start_jobs(&release, json!({"Strategy": "All"}))
        .await
        .ok(201);
    let key = host.offered().await.remove(0);
    host.report(&key, "Running", json!({})).await.ok(200);

    let path = format!("odata/Robots({})", id(&robot));
    for body in [
        json!({"Username": "CORP\\other"}),
        json!({"Type": "NonProduction"}),
        json!({"MachineName": "elsewhere"}),
    ] {
        stage.app.patch(&path, &body).await.refused(409, 1210);
    }
    let machines = stage.app.get("odata/Machines").await.ok(200);
    assert!(
        !texts(&machines, "Name").contains(&"elsewhere"),
        "rolled back"
    );
    stage
        .app
        .patch(
            &path,
            &json!({"Description": "busy", "Username": "corp\\DOCBOT"}),
        )
        .await
        .ok(200);
    stage.app.delete(&path).await.refused(409, 1207);
    let bulk = format!("odata/Robots/{NAMESPACE}.DeleteBulk");
    let idle = stage.robot("idle", json!({})).await;
    stage
        .app
        .post(&bulk, &json!({"robotIds": [idle["Id"], robot["Id"]]}))
        .await
        .refused(409, 1207);
    stage
        .app
        .get(&format!("odata/Robots({})", id(&idle)))
        .await
        .ok(200);
    host.report(&key, "Successful", json!({})).await.ok(200);
    stage.app.delete(&path).await.ok(204);
}

async fn deleting_robots(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    let host = stage.host(&robot);
    host.start(1).await;
    let all = json!({"Strategy": "All"});
    let done = stage.start_jobs(&release, all.clone()).await.ok(201);
    let key = text(&done["value"][0], "Key");
    host.report(key, "Successful", json!({})).await.ok(200);
    host.stop().await;
    let waiting = stage.start_jobs(&release, all).await.ok(201);

    let path = format!("odata/Robots({})", id(&robot));
    stage.app.delete(&path).await.ok(204);
    stage.app.get(&path).await.refused(404, 1002);
    stage.app.delete(&path).await.refused(404, 1002);
    let job = stage.job(&waiting["value"][0]["Id"]).await;
    assert_eq!(text(&job, "State"), "Stopped", "nobody would ever run it");
    let query = format!("odata/Jobs({})?$expand=Robot", done["value"][0]["Id"]);
    let job = stage.app.get(&query).await.ok(200);
    assert_eq!(
        (text(&job, "State"), &job["Robot"]),
        ("Successful", &Value::Null)
    );
    stage
        .app
        .get(&format!("odata/Users({})", robot["UserId"]))
        .await
        .refused(404, 1002);
    // The host is still there, and the name can be used again.
    let sessions = stage
        .scene
        .app
        .get("odata/Sessions?$expand=Robot")
        .await
        .ok(200);
    assert_eq!(sessions["value"][0]["Robot"], Value::Null);
    stage.robot("DocBot", json!({})).await;

    // Whoever deletes a provisioned robot takes it from its account.
    let path = format!("odata/Robots({})", stage.scene.robot);
    let user = stage.scene.shared.get(&path).await.ok(200)["UserId"].clone();
    stage.scene.shared.delete(&path).await.ok(204);
    let user = stage.app.get(&format!("odata/Users({user})")).await.ok(200);
    assert_eq!(
        (&user["MayHaveUnattendedSession"], &user["UnattendedRobot"]),
        (&json!(false), &Value::Null)
    );
    let bulk = format!("odata/Robots/{NAMESPACE}.DeleteBulk");
    for bad in [json!({"robotIds": []}), json!({"robotIds": vec![1; 1001]})] {
        stage.app.post(&bulk, &bad).await.refused(400, 1009);
    }
    stage.app.post(&bulk, &json!({})).await.refused(400, 0);
    stage
        .app
        .post(&bulk, &json!({"robotIds": [999_999]}))
        .await
        .refused(404, 1002);
}

async fn enabling_and_floating(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    stage
        .start_jobs(&release, json!({"Strategy": "All"}))
        .await
        .ok(201);
    let toggle = async |enabled: bool| {
        let path = format!("odata/Robots/{NAMESPACE}.ToggleEnabledStatus");
        let body = json!({"robotIds": [robot["Id"]], "enabled": enabled});
        stage.app.post(&path, &body).await.ok(200);
    };
    toggle(false).await;
    let host = stage.host(&robot);
    assert_eq!(host.start(1).await["robots"], json!([]));
    assert_eq!(host.offered().await, Vec::<String>::new());
    toggle(true).await;
    testkit::eventually("it takes its job", async || {
        (host.offered().await.len() == 1).then_some(())
    })
    .await;
    let path = format!("odata/Robots/{NAMESPACE}.ToggleEnabledStatus");
    stage
        .app
        .post(&path, &json!({"robotIds": [999_999], "enabled": true}))
        .await
        .refused(404, 1002);
    stage
        .app
        .post(&path, &json!({"robotIds": [1]}))
        .await
        .refused(400, 0);

    let path = format!("odata/Robots/{NAMESPACE}.ConvertToFloating");
    let convert = async |robot: &Value| {
        let body = json!({"robotId": robot["Id"]});
        stage.app.post(&path, &body).await
    };
    convert(&robot).await.refused(400, 1215);
    let person = stage.robot("person", json!({"Type": "Attended"})).await;
    convert(&person).await.ok(200);
    let read = stage
        .app
        .get(&format!("odata/Robots({})", id(&person)))
        .await
        .ok(200);
    assert_eq!(
        (text(&read, "HostingType"), &read["MachineId"]),
        ("Floating", &Value::Null)
    );
    convert(&person).await.refused(400, 1215);
    convert(&json!({"Id": 999_999})).await.refused(404, 1002);
    stage.app.post(&path, &json!({})).await.refused(400, 0);
}

async fn robots_of_folders_and_processes(backend: Backend) {
    let stage = Classic::start(backend).await;
    let app = &stage.scene.app;
    let inside = stage.robot("inside", json!({})).await;
    let outside = stage.robot("outside", json!({})).await;
    let environment = stage.environment("env", &[&inside]).await;
    stage.release("classic", &environment).await;
    stage
        .scene
        .release(&testkit::package("modern", "1.0.0"))
        .await;
    let names = |list: Value| -> Vec<String> {
        texts(&list, "Name")
            .into_iter()
            .map(str::to_owned)
            .collect()
    };
    let call = async |what: &str| app.get(&format!("odata/Robots/{NAMESPACE}.{what}")).await;

    let able = async |package: &str| {
        let list = call(&format!("GetRobotsForProcess(processId='{package}')"))
            .await
            .ok(200);
        assert!(text(&list, "@odata.context").ends_with("/$metadata#Robots"));
        names(list)
    };
    assert_eq!(able("CLASSIC").await, ["inside"]);
    assert_eq!(able("modern").await, ["local-robot-unattended"]);
    assert_eq!(able("nothing").await, Vec::<String>::new());
    let only = format!("odata/Robots/{NAMESPACE}.GetRobotsForProcess(processId='modern')");
    assert_eq!(
        names(stage.app.get(&only).await.ok(200)),
        Vec::<String>::new()
    );

    let configured = call("GetConfiguredRobots?$expand=User").await.ok(200);
    assert!(text(&configured, "@odata.context").ends_with("/$metadata#ExtendedRobotDto"));
    assert_eq!(configured["value"][0]["User"]["UserName"], "local-robot");
    assert_eq!(names(configured), ["local-robot-unattended"]);
    let find = format!("odata/Robots/{NAMESPACE}.FindAllAcrossFolders");
    let found = stage.app.get(&find).await.ok(200);
    assert!(text(&found, "@odata.context").ends_with("/$metadata#ExtendedRobotDto"));
    assert_eq!(
        names(found),
        ["local-robot-unattended", "inside", "outside"]
    );

    let (here, machine) = (stage.folder, &inside["MachineId"]);
    let list = call(&format!(
        "GetFolderRobots(folderId={here},machineId={machine})"
    ))
    .await;
    assert_eq!(names(list.ok(200)), ["inside"]);
    let modern = stage.scene.folder;
    let local = stage.scene.machine;
    let list = call(&format!(
        "GetFolderRobots(folderId={modern},machineId={local})"
    ))
    .await;
    assert_eq!(names(list.ok(200)), ["local-robot-unattended"]);
    let list = call(&format!(
        "GetFolderRobots(folderId={modern},machineId=999999)"
    ))
    .await;
    assert_eq!(names(list.ok(200)), Vec::<String>::new());
    call(&format!(
        "GetFolderRobots(folderId=999999,machineId={local})"
    ))
    .await
    .refused(403, 1100);

    let list = call(&format!("GetRobotsFromFolder(folderId={here})"))
        .await
        .ok(200);
    assert!(text(&list, "@odata.context").ends_with("/$metadata#RobotsFromFolderModel"));
    let robot = &list["value"][0];
    let members: Vec<_> = robot.as_object().unwrap().keys().take(5).collect();
    assert_eq!(
        members,
        [
            "UserType",
            "UserEmail",
            "UserFullName",
            "UserKey",
            "LicenseKey"
        ]
    );
    assert_eq!(
        (text(robot, "UserType"), text(robot, "UserFullName")),
        ("Robot", "inside")
    );
    assert_eq!(names(list), ["inside", "outside"]);
    let machine = &outside["MachineId"];
    let list = call(&format!(
        "GetRobotsFromFolder(folderId={here})?machineId={machine}"
    ))
    .await;
    assert_eq!(names(list.ok(200)), ["outside"]);
    call("GetRobotsFromFolder(folderId=x)")
        .await
        .refused(400, 1000);
}

async fn names_and_keys(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    stage
        .robot("again", json!({"Username": "corp\\docbot"}))
        .await;
    let names = stage
        .scene
        .app
        .get(&format!("odata/Robots/{NAMESPACE}.GetUsernames"))
        .await
        .ok(200);
    assert!(text(&names, "@odata.context").ends_with("/$metadata#Collection(Edm.String)"));
    assert_eq!(names["value"].as_array().unwrap().len(), 1, "{names}");
    let keys = format!("odata/Robots/{NAMESPACE}.GetMachineNameToLicenseKeyMappings");
    let list = stage
        .app
        .get(&format!("{keys}()?$filter=Key eq 'docbot-pc'"))
        .await
        .ok(200);
    assert_eq!(
        list["value"],
        json!([{"Key": "DocBot-pc", "Value": robot["LicenseKey"]}])
    );
    let (nobody, _) = stage.scene.server.user("nobody", &[]).await;
    nobody.get(&keys).await.refused(403, 0);
    let (viewer, _) = stage
        .scene
        .server
        .user("viewer", &["Allow to be Automation User"])
        .await;
    viewer.get(&keys).await.refused(403, 0);
}

async fn who_may_do_what_with_robots(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let path = format!("odata/Robots({})", id(&robot));
    let (viewer, user) = stage.scene.server.user("viewer", &[]).await;
    let here = viewer.folder(stage.folder);
    // Without a role they do not know of the folder.
    here.get(&path).await.refused(403, 1100);
    here.patch(&path, &json!({"Description": "x"}))
        .await
        .refused(403, 1100);
    here.post("odata/Robots", &standard("x", json!({})))
        .await
        .refused(403, 1100);
    here.delete(&path).await.refused(403, 1100);
    here.post(
        &format!("odata/Robots/{NAMESPACE}.DeleteBulk"),
        &json!({"robotIds": [robot["Id"]]}),
    )
    .await
    .refused(403, 1100);

    // Who sees the robots of one folder sees no others, and not their accounts.
    let roles = stage.app.get("odata/Users").await.ok(200);
    assert!(roles["value"].is_array());
    let shared = stage.scene.folder;
    let administrator = stage.scene.server.admin().await;
    let body = assignment(user, shared, &[6]);
    administrator.post(ASSIGN_USERS, &body).await.ok(204);
    let list = viewer.get("odata/Robots").await.ok(200);
    assert_eq!(texts(&list, "Name"), ["local-robot-unattended"]);
    let all = format!("odata/Robots/{NAMESPACE}.FindAllAcrossFolders");
    let list = here.get(&all).await.ok(200);
    assert_eq!(texts(&list, "Name"), ["local-robot-unattended"]);
    viewer
        .get("odata/Robots?$expand=User")
        .await
        .refused(403, 0);
    let reader = stage.scene.server.app_with(&["OR.Robots.Read"]).await;
    let reader = reader.folder(stage.folder);
    reader.get(&path).await.ok(200);
    reader.delete(&path).await.refused(403, 0);
}
