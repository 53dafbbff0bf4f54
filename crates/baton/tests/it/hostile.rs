//! Requests that mean harm: they guess secrets, break out of texts, or keep the server busy.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, package};

use crate::classic::{classic_folder, standard};
use crate::support::{ASSIGN_MACHINES, ASSIGN_USERS, STOP_JOBS, assignment, id, role, scene, text};

both!(
    machine_keys_cannot_be_guessed,
    names_cannot_break_answers,
    lists_have_an_end,
);

const OPERATIONS: &str = "UiPath.Server.Configuration.OData";

async fn machine_keys_cannot_be_guessed(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    scene.start_job(&release, json!({})).await;
    let key = &scene.server.machine_key;
    for query in [
        "odata/Jobs?$expand=Machine",
        "odata/Jobs?$expand=Machine($select=LicenseKey)",
        "odata/Jobs?$expand=Robot($select=LicenseKey)",
        "odata/Machines",
        "odata/Machines?$select=LicenseKey",
        "odata/Sessions?$expand=Machine,Robot",
    ] {
        let shown = scene.shared.get(query).await.ok(200);
        assert!(!shown.to_string().contains(key.as_str()), "{query}");
    }
    for query in [
        "odata/Jobs?$filter=startswith(Machine/LicenseKey,'a')",
        "odata/Jobs?$orderby=Machine/LicenseKey",
        "odata/Jobs?$filter=startswith(Robot/LicenseKey,'a')",
        "odata/Sessions?$filter=Machine/LicenseKey gt '8'",
        "odata/Machines?$filter=LicenseKey gt '8'",
        "odata/Machines?$orderby=LicenseKey",
        "odata/Robots?$filter=contains(LicenseKey,'a')",
    ] {
        let refused = scene.shared.get(query).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    let one = format!("odata/Machines({})", scene.machine);
    let one = scene.app.get(&one).await.ok(200);
    assert_eq!(text(&one, "LicenseKey"), key);
}

async fn names_cannot_break_answers(backend: Backend) {
    let scene = scene(backend).await;
    let odd = "a\"b\\c'd";
    let body = json!({"Name": odd, "Permissions": [{"Name": "Users.View"}]});
    scene.app.post("odata/Roles", &body).await.ok(201);
    let body = json!({"UserName": odd, "RolesList": [odd], "Name": "x\u{1}\t\n\u{7f}\"",
        "UnattendedRobot": {"UserName": odd}});
    let user = scene.app.post("odata/Users", &body).await.ok(201);
    assert_eq!(user["RolesList"], json!([odd]));
    assert_eq!(user["UserRoles"][0]["UserName"], odd);
    assert_eq!(user["FullName"], "x\u{1}\t\n\u{7f}\"");

    let body = assignment(id(&user), scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &body).await.ok(204);
    let path = format!(
        "odata/Folders/{OPERATIONS}.GetUsersForFolder(key={})",
        scene.folder
    );
    let users = scene.app.get(&path).await.ok(200);
    let shown = users["value"].as_array().expect("a list").iter();
    let names: Vec<_> = shown.map(|u| &u["UserEntity"]["FullName"]).collect();
    assert!(names.contains(&&json!("x\u{1}\t\n\u{7f}\"")), "{names:?}");

    let users =
        json!({"RobotUsers": [{"RobotId": user["UnattendedRobot"]["RobotId"]}], "Name": "m"});
    let machine = scene.app.post("odata/Machines", &users).await.ok(201);
    assert_eq!(machine["RobotUsers"][0]["UserName"], odd);
    let host = scene
        .server
        .machine_with(text(&machine, "LicenseKey"), "h")
        .with("X-ROBOT-VERSION", "1.0\"},{\\");
    assert!(Host::new(host).call("StartService", json!({})).await.status < 500);
    let machines = scene.app.get("odata/Machines").await.ok(200);
    assert_eq!(machines["@odata.count"], 2);
}

async fn lists_have_an_end(backend: Backend) {
    let scene = scene(backend).await;
    let many: Vec<i64> = (1..=1001).collect();
    let few: Vec<i64> = (1..=40).collect();
    let folders: Vec<Value> = few.iter().map(|id| json!({"FolderId": id})).collect();
    let named: Vec<Value> = many.iter().map(|id| json!({"Id": id})).collect();
    let admin = scene.app.get("odata/Users?$filter=UserName eq 'admin'");
    let admin = id(&admin.await.ok(200)["value"][0]);
    let role = role(&scene, "Administrator").await;
    let members = json!({"addedUserIds": many, "removedUserIds": []});
    let roles: Vec<Value> = many
        .iter()
        .map(|n| json!({"Name": format!("P{n}")}))
        .collect();
    let ids: Vec<Value> = many.iter().map(|id| json!({"RobotId": id})).collect();
    let here = |set: &str, name: &str| format!("odata/{set}/{OPERATIONS}.{name}");
    for (path, body) in [
        (
            STOP_JOBS.to_owned(),
            json!({"jobIds": many, "strategy": "Kill"}),
        ),
        (here("Robots", "DeleteBulk"), json!({"robotIds": many})),
        (here("Robots", "DeleteBulk"), json!({"robotIds": []})),
        (
            here("Robots", "ToggleEnabledStatus"),
            json!({"robotIds": many, "enabled": true}),
        ),
        (here("Machines", "DeleteBulk"), json!({"machineIds": many})),
        (
            here("Sessions", "DeleteInactiveUnattendedSessions"),
            json!({"sessionIds": many}),
        ),
        (
            here("Sessions", "DeleteInactiveUnattendedSessions"),
            json!({"sessionIds": []}),
        ),
        (
            here("Releases", "UpdateToLatestPackageVersionBulk"),
            json!({"releaseIds": many}),
        ),
        (
            here("Releases", "UpdateToLatestPackageVersionBulk"),
            json!({"releaseIds": []}),
        ),
        (here(&format!("Roles({role})"), "SetUsers"), members.clone()),
        (
            here(&format!("OrganizationUnits({})", scene.folder), "SetUsers"),
            members.clone(),
        ),
        (
            here(&format!("Users({admin})"), "AssignRoles"),
            json!({"roleIds": many}),
        ),
        (
            "odata/Roles".to_owned(),
            json!({"Name": "R", "Permissions": roles}),
        ),
        (
            "odata/Users".to_owned(),
            json!({"UserName": "u", "RolesList": vec!["Administrator"; 1001]}),
        ),
        (
            "odata/Machines".to_owned(),
            json!({"Name": "m", "RobotUsers": ids}),
        ),
        (
            ASSIGN_USERS.to_owned(),
            json!({"assignments": {"UserIds": few, "RolesPerFolder": folders}}),
        ),
        (
            ASSIGN_MACHINES.to_owned(),
            json!({"assignments": {"MachineIds": few, "FolderIds": few}}),
        ),
        (
            here("Folders", "UpdateMachinesToFolderAssociations"),
            json!({"associations": {"FolderId": scene.folder, "AddedMachineIds": many}}),
        ),
        (
            here("Folders", "SetMachineRobots"),
            json!({"associations": {"FolderId": scene.folder, "MachineId": scene.machine,
                "RemovedRobotIds": many}}),
        ),
        (
            here(
                &format!("Folders({})", scene.folder),
                "RemoveMachinesFromFolder",
            ),
            json!({"machineIds": many}),
        ),
    ] {
        scene.shared.post(&path, &body).await.refused(400, 1009);
    }
    let list = many.iter().map(ToString::to_string).collect::<Vec<_>>();
    let path = here("Users", &format!("Validate(userIds=[{}])", list.join(",")));
    scene.app.get(&path).await.refused(400, 1009);

    let body = classic_folder("Classic");
    let folder = scene.app.post("odata/Folders", &body).await.ok(201);
    let app = scene.app.folder(id(&folder));
    let body = json!({"Name": "e", "Robots": named});
    app.post("odata/Environments", &body)
        .await
        .refused(400, 1009);
    let made = app.post("odata/Environments", &json!({"Name": "e"})).await;
    let path = here(&format!("Environments({})", id(&made.ok(201))), "SetRobots");
    let body = json!({"addedRobotIds": many, "removedRobotIds": []});
    app.post(&path, &body).await.refused(400, 1009);
    let body = standard("r", json!({"Environments": named}));
    app.post("odata/Robots", &body).await.refused(400, 1009);
}
