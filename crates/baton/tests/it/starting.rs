//! What a start of jobs may ask for, and how it is refused.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, package};

use crate::jobs::release;
use crate::support::{
    ASSIGN_MACHINES, ASSIGN_USERS, START_JOBS, assignment, id, modern, scene, text,
};

both!(
    a_specific_robot,
    arguments_in_every_form,
    starts_that_are_refused,
    starts_without_robot_or_machine,
    counts_of_clients_that_know_classic_folders,
    places_by_name,
    processes_and_folders_that_are_not_there,
);

async fn a_specific_robot(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let body = json!({"startInfo": {
        "ReleaseKey": release["Key"], "Strategy": "Specific", "RobotIds": [scene.robot],
        "JobsCount": 0, "Source": "Manual", "InputArguments": "{\"message\":\"hello\"}",
    }});
    let started = scene.shared.post(START_JOBS, &body).await.ok(201);
    assert_eq!(started["value"].as_array().unwrap().len(), 1);
    let job = &started["value"][0];
    assert_eq!(
        (text(job, "ReleaseName"), text(job, "Type")),
        ("hello", "Unattended")
    );
    assert_eq!(text(job, "InputArguments"), "{\"message\":\"hello\"}");
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    assert_eq!(host.offered().await, [text(job, "Key")]);

    let start = async |more: Value| {
        scene
            .shared
            .post(START_JOBS, &scene.start_info(&release, more))
            .await
    };
    start(json!({"Strategy": "Specific", "RobotIds": []}))
        .await
        .refused(400, 1009);
    start(json!({"Strategy": "Specific", "RobotIds": [999_999]}))
        .await
        .refused(409, 1671);
    start(json!({"Strategy": "All"})).await.refused(400, 2815);
    let by_name = json!({"ReleaseKey": null, "ReleaseName": "HELLO"});
    start(by_name).await.ok(201);
}

async fn arguments_in_every_form(backend: Backend) {
    let scene = scene(backend).await;
    let free = release(&scene).await;
    let input = async |text: &str| {
        let job = scene
            .start_job(&free, json!({"InputArguments": text}))
            .await;
        job["InputArguments"].clone()
    };
    assert_eq!(input("{'a':'it\\'s'}").await, "{\"a\":\"it's\"}");
    assert_eq!(
        input("{a: 1, 'b': [true, null,]}").await,
        "{\"a\":1,\"b\":[true,null]}"
    );
    assert_eq!(input("{\"number\": 0065}").await, "{\"number\":53}");
    assert_eq!(
        input("{\"big\": 123456789012345678901234567890.5}").await,
        "{\"big\":123456789012345678901234567890.5}"
    );
    assert_eq!(input("{}").await, "{}");
    assert_eq!(input("").await, Value::Null);
    let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(10_000 - 8));
    assert_eq!(fits.len(), 10_000);
    assert_eq!(input(&fits).await, fits);

    let refused = async |text: &str| {
        let info = scene.start_info(&free, json!({"InputArguments": text}));
        let said = scene
            .shared
            .post(START_JOBS, &info)
            .await
            .refused(400, 1009);
        said["message"].as_str().unwrap().to_owned()
    };
    assert!(
        refused(&fits.replace(":\"", ": \""))
            .await
            .contains("10000")
    );
    for bad in [
        "{",
        "[]",
        "5",
        "\"text\"",
        "{'a'}",
        "{'a':}",
        "{'a':1}}",
        "{'a':1 'b':2}",
        "{'a':'\\x'}",
        "{a:undefined}",
    ] {
        refused(bad).await;
    }
    refused(&format!("{{a:{}{}}}", "[".repeat(100), "]".repeat(100))).await;

    let declared = package("declared", "1.0.0").input(&[("name!", "string"), ("times", "integer")]);
    let strict = scene.release(&declared).await;
    let start = async |text: &str| {
        let info = scene.start_info(&strict, json!({"InputArguments": text}));
        scene.shared.post(START_JOBS, &info).await
    };
    let said = start("{}").await.refused(400, 1009);
    assert!(text(&said, "message").contains("'name'"), "{said}");
    start("").await.refused(400, 1009);
    let said = start("{'name':'x','times':'many'}")
        .await
        .refused(400, 1009);
    assert!(text(&said, "message").contains("'times'"), "{said}");
    start("{'name':'x','times':2,'more':true}").await.ok(201);
}

async fn starts_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let start = async |more: Value| {
        scene
            .shared
            .post(START_JOBS, &scene.start_info(&release, more))
            .await
    };
    let info = scene.start_info(&release, json!({}));
    let no_folder = scene.app.post(START_JOBS, &info).await.refused(400, 1101);
    assert!(text(&no_folder, "message").contains("folder"));
    scene
        .app
        .folder(999_999)
        .post(START_JOBS, &info)
        .await
        .refused(400, 1100);

    start(json!({"ReleaseKey": null})).await.refused(400, 1674);
    for count in [0, -1, 1001] {
        start(json!({"JobsCount": count})).await.refused(400, 1009);
    }
    start(json!({"JobPriority": "Normal", "SpecificPriorityValue": 45}))
        .await
        .refused(400, 1009);
    for value in [0, 101] {
        start(json!({"JobPriority": null, "SpecificPriorityValue": value}))
            .await
            .refused(400, 1009);
    }
    start(json!({"JobPriority": "Urgent"}))
        .await
        .refused(400, 0);
    start(json!({"RuntimeType": "Nonsense"}))
        .await
        .refused(400, 0);
    start(json!({"RuntimeType": "Development"}))
        .await
        .refused(400, 1009);
    start(json!({"RuntimeType": "Headless"}))
        .await
        .refused(409, 2818);
    start(json!({"Strategy": "Nonsense"})).await.refused(400, 0);
    start(json!({"Reference": "r".repeat(129)}))
        .await
        .refused(400, 1009);
    start(json!({"EntryPointPath": "other.sh"}))
        .await
        .refused(400, 1009);
    start(json!({"MachineRobots": [{"RobotId": 999_999}]}))
        .await
        .refused(409, 1671);
    start(json!({"MachineRobots": [{"MachineId": 999_999}]}))
        .await
        .refused(409, 2818);
    start(json!({"MachineSessionIds": [999_999]}))
        .await
        .refused(404, 1002);
    start(json!({"RunAsMe": true})).await.refused(409, 1230);
    start(json!({"StopProcessExpression": "soon"}))
        .await
        .refused(400, 1009);
    let both = json!({"InputArguments": "{}", "InputFile": uuid::Uuid::new_v4().to_string()});
    start(both).await.refused(400, 1009);
    for body in [
        json!({}),
        json!({"startInfo": null}),
        json!({"startInfo": []}),
        json!({"startInfo": "x"}),
    ] {
        let said = scene.shared.post(START_JOBS, &body).await.refused(400, 0);
        assert!(text(&said, "message").starts_with("startInfo must not be null"));
    }
    // A machine that is assigned to another folder only.
    let folder = modern("Other");
    let other = id(&scene.app.post("odata/Folders", &folder).await.ok(201));
    let machine = id(&scene
        .app
        .post(
            "odata/Machines",
            &json!({"Name": "M", "UnattendedSlots": 1}),
        )
        .await
        .ok(201));
    let assign = json!({"assignments": {"MachineIds": [machine], "FolderIds": [other]}});
    scene.app.post(ASSIGN_MACHINES, &assign).await.ok(204);
    start(json!({"MachineRobots": [{"RobotId": scene.robot, "MachineId": machine}]}))
        .await
        .refused(409, 2818);
    // Nothing that was refused left a job.
    assert_eq!(
        scene.shared.get("odata/Jobs").await.ok(200)["@odata.count"],
        0
    );
    start(json!({"StartInfoUnknown": 1})).await.ok(201);
}

async fn starts_without_robot_or_machine(backend: Backend) {
    let scene = scene(backend).await;
    release(&scene).await;
    let folder = modern("Empty");
    let folder = id(&scene.app.post("odata/Folders", &folder).await.ok(201));
    let here = scene.app.folder(folder);
    let body = json!({"Name": "hello", "ProcessKey": "hello", "ProcessVersion": "1.0.0"});
    let release = here.post("odata/Releases", &body).await.ok(201);
    let info = scene.start_info(&release, json!({}));
    let said = here.post(START_JOBS, &info).await.refused(409, 1671);
    assert_eq!(
        said["message"],
        "Couldn't find any user with unattended robot permissions in the current folder."
    );

    let robots = scene.app.get("odata/Robots").await.ok(200);
    let account = robots["value"][0]["UserId"].as_i64().expect("an account");
    let assign = assignment(account, folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let said = here.post(START_JOBS, &info).await.refused(409, 2818);
    assert_eq!(
        said["message"],
        "Could not find a machine with Unattended runtimes in the current folder"
    );
    let none = scene
        .app
        .post("odata/Machines", &json!({"Name": "no slots"}))
        .await
        .ok(201);
    let assign = json!({"assignments": {"MachineIds": [id(&none)], "FolderIds": [folder]}});
    scene.app.post(ASSIGN_MACHINES, &assign).await.ok(204);
    here.post(START_JOBS, &info).await.refused(409, 2818);
    let assign = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [folder]}});
    scene.app.post(ASSIGN_MACHINES, &assign).await.ok(204);
    here.post(START_JOBS, &info).await.ok(201);
}

async fn counts_of_clients_that_know_classic_folders(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let host = Host::new(scene.server.machine());
    host.start(10).await;
    let start = async |more: Value| {
        let info = scene.start_info(&release, more);
        scene.shared.post(START_JOBS, &info).await
    };
    let started = async |more: Value| {
        let jobs = start(more).await.ok(201);
        jobs["value"].as_array().unwrap().clone()
    };
    let jobs = started(json!({"Strategy": "JobsCount", "JobsCount": 3})).await;
    assert_eq!(jobs.len(), 3);
    assert!(
        jobs.iter()
            .all(|j| j["BatchExecutionKey"] == jobs[0]["BatchExecutionKey"])
    );
    let one = json!({"Strategy": "JobsCount", "JobsCount": null, "RobotIds": []});
    assert_eq!(started(one).await.len(), 1);
    let robots = json!({"Strategy": "RobotCount", "NoOfRobots": 2, "JobsCount": 0});
    assert_eq!(started(robots).await.len(), 2);
    // They run as others do.
    assert!(
        host.offered()
            .await
            .contains(&text(&jobs[0], "Key").to_owned())
    );
    for bad in [
        json!({"Strategy": "JobsCount", "JobsCount": 0}),
        json!({"Strategy": "JobsCount", "JobsCount": 1001}),
        json!({"Strategy": "RobotCount"}),
        json!({"Strategy": "RobotCount", "NoOfRobots": 0}),
        json!({"Strategy": "RobotCount", "NoOfRobots": -1}),
    ] {
        start(bad).await.refused(400, 1009);
    }
    start(json!({"Strategy": "All"})).await.refused(400, 2815);
}

async fn places_by_name(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let start = async |pair: Value| {
        let info = scene.start_info(&release, json!({"MachineRobots": [pair]}));
        scene.shared.post(START_JOBS, &info).await
    };
    for pair in [
        json!({"MachineName": "LOCAL", "RobotUserName": "Local-Robot"}),
        json!({"MachineName": "Local", "MachineId": scene.machine, "RobotId": scene.robot}),
        json!({"RobotUserName": "local-robot", "RobotId": scene.robot, "MachineName": ""}),
    ] {
        start(pair).await.ok(201);
    }
    let path = "odata/Jobs?$expand=Machine,Robot&$orderby=Id";
    let jobs = scene.shared.get(path).await.ok(200);
    let first = &jobs["value"][0];
    assert_eq!(
        (&first["Machine"]["Id"], &first["Robot"]["Id"]),
        (&json!(scene.machine), &json!(scene.robot))
    );
    for pair in [
        json!({"MachineName": "Elsewhere"}),
        json!({"MachineName": "Elsewhere", "MachineId": scene.machine}),
        json!({"RobotUserName": "nobody"}),
        json!({"RobotUserName": "nobody", "RobotId": scene.robot}),
    ] {
        let said = start(pair).await.refused(400, 1009);
        assert!(text(&said, "message").contains("Name"), "{said}");
    }
}

/// The agent runtime of UiPath tells by these statuses and codes what is not there.
async fn processes_and_folders_that_are_not_there(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let start = async |more: Value| {
        let info = scene.start_info(&release, more);
        scene.shared.post(START_JOBS, &info).await
    };
    let key = uuid::Uuid::new_v4().to_string();
    for (more, name) in [
        (json!({"ReleaseKey": key}), key.as_str()),
        (json!({"ReleaseKey": "nonsense"}), "nonsense"),
        (
            json!({"ReleaseKey": key, "ReleaseName": "hello"}),
            key.as_str(),
        ),
        (json!({"ReleaseKey": null, "ReleaseName": "Bürø"}), "Bürø"),
        (
            json!({"ReleaseKey": "", "ReleaseName": "nonsense"}),
            "nonsense",
        ),
    ] {
        let said = start(more).await.refused(404, 1002);
        assert!(text(&said, "message").contains(name), "{said}");
    }
    let info = scene.start_info(&release, json!({}));
    let made = scene.app.post("odata/Folders", &modern("Other")).await;
    let other = scene.app.folder(id(&made.ok(201)));
    // A process of another folder is none of this one.
    other.post(START_JOBS, &info).await.refused(404, 1002);
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    for there in [
        scene.app.folder(999_999),
        scene.app.with("X-UIPATH-FolderPath", "Nowhere"),
        scene.app.with("X-UIPATH-FolderKey", &key),
        scene.app.with("X-UIPATH-OrganizationUnitId", "three"),
        nobody.folder(scene.folder),
    ] {
        there.post(START_JOBS, &info).await.refused(400, 1100);
    }
    let (member, number) = scene.server.user("member", &[]).await;
    let assign = assignment(number, scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let there = member.folder(scene.folder);
    there.post(START_JOBS, &info).await.refused(403, 0);
}
