//! What is deleted leaves nothing behind that is in the way, and takes nothing with it that is
//! still needed.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, package};

use crate::classic::{Classic, classic_folder};
use crate::support::{ASSIGN_MACHINES, ASSIGN_USERS, assignment, id, modern, scene, text};

both!(
    a_folder_goes_with_its_history,
    an_environment_outlives_its_processes_no_longer_than_needed,
    a_machine_stays_while_jobs_wait_for_its_host,
    a_robot_goes_with_its_sessions_and_waiting_jobs,
);

async fn a_folder_goes_with_its_history(backend: Backend) {
    let scene = scene(backend).await;
    let folder = id(&scene
        .app
        .post("odata/Folders", &modern("Old"))
        .await
        .ok(201));
    let there = scene.app.folder(folder);
    let robot = format!("odata/Robots({})", scene.robot);
    let account = scene.app.get(&robot).await.ok(200)["UserId"].clone();
    let account = account.as_i64().expect("it has one");
    let users = assignment(account, folder, &[]);
    scene.app.post(ASSIGN_USERS, &users).await.ok(204);
    let machines = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [folder]}});
    scene.app.post(ASSIGN_MACHINES, &machines).await.ok(204);
    scene.upload(&package("p", "1.0.0")).await;
    let body = json!({"Name": "p", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let release = there.post("odata/Releases", &body).await.ok(201);
    let info = json!({"startInfo": {"ReleaseKey": release["Key"]}});
    let job = there.post(crate::support::START_JOBS, &info).await.ok(201);
    let job = id(&job["value"][0]);

    let own = format!("odata/Folders({folder})");
    let remove = |name: &str| format!("{own}/UiPath.Server.Configuration.OData.{name}");
    let path = remove("RemoveUserFromFolder");
    scene
        .app
        .post(&path, &json!({"userId": account}))
        .await
        .ok(204);
    let path = remove("RemoveMachinesFromFolder");
    let body = json!({"machineIds": [scene.machine]});
    scene.app.post(&path, &body).await.ok(204);

    let left = scene.app.delete(&own).await.refused(409, 1012);
    assert!(text(&left, "message").contains("jobs"), "{left}");
    let body = json!({"jobIds": [job], "strategy": "Kill"});
    there.post(crate::support::STOP_JOBS, &body).await.ok(200);
    let left = scene.app.delete(&own).await.refused(409, 1012);
    assert!(text(&left, "message").contains("Releases"), "{left}");
    // The process stays as a row for its job, and goes with it.
    let path = format!("odata/Releases({})", id(&release));
    there.delete(&path).await.ok(204);
    scene.app.delete(&own).await.ok(204);
    scene.app.get(&own).await.refused(404, 1002);
    scene
        .app
        .get(&format!("odata/Jobs({job})"))
        .await
        .refused(404, 1002);
}

async fn an_environment_outlives_its_processes_no_longer_than_needed(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let environment = stage.environment("e", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    let started = stage.start_jobs(&release, json!({})).await.ok(201);
    let job = &started["value"][0]["Id"];
    let path = format!("odata/Environments({})", id(&environment));
    stage.app.delete(&path).await.refused(409, 1012);
    let body = json!({"jobIds": [job], "strategy": "Kill"});
    stage
        .app
        .post(crate::support::STOP_JOBS, &body)
        .await
        .ok(200);
    let process = format!("odata/Releases({})", id(&release));
    stage.app.delete(&process).await.ok(204);
    stage.app.delete(&path).await.ok(204);
    let path = format!("odata/Jobs({job})?$expand=Release");
    let job = stage.app.get(&path).await.ok(200);
    assert_eq!(job["Release"]["EnvironmentId"], Value::Null, "{job}");
}

async fn a_machine_stays_while_jobs_wait_for_its_host(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let session = scene.app.get("odata/Sessions").await.ok(200);
    let session = id(&session["value"][0]);
    host.stop().await;
    let info = json!({"MachineSessionIds": [session]});
    let job = scene.start_job(&release, info).await;
    let path = format!("odata/Machines({})", scene.machine);
    scene.app.delete(&path).await.refused(409, 1012);
    let body = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    scene
        .shared
        .post(crate::support::STOP_JOBS, &body)
        .await
        .ok(200);
    scene.app.delete(&path).await.ok(204);
    let kept = scene.job(&job["Id"]).await;
    assert_eq!(kept["State"], "Stopped");
}

async fn a_robot_goes_with_its_sessions_and_waiting_jobs(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({"Type": "Attended"})).await;
    let worker = stage.robot("Worker", json!({})).await;
    let environment = stage.environment("e", &[&worker]).await;
    let release = stage.release("hello", &environment).await;
    let waiting = json!({"Strategy": "Specific", "RobotIds": [worker["Id"]]});
    let waiting = stage.start_jobs(&release, waiting).await.ok(201);
    let waiting = &waiting["value"][0]["Id"];

    // Somebody is signed in to the first one.
    let host = stage.host(&robot);
    host.start(1).await;
    let body = json!({"UserName": text(&robot, "Username")});
    host.call("BeginSession", body).await.ok(200);
    let sessions = async || {
        let list = stage.scene.app.get("odata/Sessions").await.ok(200);
        list["@odata.count"].clone()
    };
    assert_eq!(sessions().await, 2);
    let path = "odata/Robots/UiPath.Server.Configuration.OData.DeleteBulk";
    let body = json!({"robotIds": [robot["Id"], worker["Id"], worker["Id"]]});
    stage.app.post(path, &body).await.ok(204);
    assert_eq!(sessions().await, 1);
    let job = stage.job(waiting).await;
    assert_eq!(text(&job, "State"), "Stopped");
    assert!(text(&job, "Info").contains("deleted"), "{job}");
    let left = stage
        .app
        .post("odata/Folders", &classic_folder("More"))
        .await;
    left.ok(201);
}
