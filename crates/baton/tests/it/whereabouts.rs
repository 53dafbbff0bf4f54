//! Robots that their hosts say are gone, and that come back.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::classic::Classic;
use crate::commands::begin;
use crate::support::{id, scene, text, texts};

both!(
    a_robot_that_is_gone_shows_in_its_session,
    one_robot_of_several_is_gone,
    a_person_who_is_gone,
    a_classic_robot_that_is_gone,
    what_else_robots_say_of_themselves,
);

const GONE: &str = "odata/Sessions?$top=10&$filter=State eq 'Disconnected'&$expand=Robot";

fn entry(robot: &Value, state: impl Into<Value>) -> Value {
    let state: Value = state.into();
    json!({"RobotKey": robot["robotKey"], "RobotState": state})
}

async fn beat(host: &Host, entries: &[Value]) -> Value {
    let body = json!({"Heartbeats": entries, "CommandState": "All"});
    host.call("HeartbeatV2", body).await.ok(200)
}

async fn a_robot_that_is_gone_shows_in_its_session(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let robot = host.start(2).await["robots"][0].clone();
    let gone = async || scene.app.get(GONE).await.ok(200)["value"].clone();
    assert_eq!(gone().await, json!([]));
    // Offered, not begun: with the robot it goes back.
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await, [text(&job, "Key")]);
    let answer = beat(&host, &[entry(&robot, "Disconnected")]).await;
    assert_eq!(answer["commands"], json!([]));
    let sessions = gone().await;
    assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions}");
    assert_eq!(sessions[0]["Robot"]["Name"], robot["robotName"]);
    assert_eq!(sessions[0]["IsUnresponsive"], false);
    // The host goes on, and is offered nothing.
    assert!(host.offered().await.is_empty());
    beat(&host, &[entry(&robot, 2)]).await;
    assert_eq!(gone().await.as_array().unwrap().len(), 1);
    let answer = beat(&host, &[entry(&robot, "Available")]).await;
    assert_eq!(answer["commands"][0]["data"]["jobKey"], job["Key"]);
    assert_eq!(gone().await, json!([]));
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);

    // A report of a job says it, too, and what runs goes on.
    let more = json!({"RobotKey": robot["robotKey"], "RobotState": "Disconnected"});
    let key = text(&job, "Key");
    host.report(key, "Running", more).await.ok(200);
    assert_eq!(gone().await.as_array().unwrap().len(), 1);
    assert_eq!(scene.job(&job["Id"]).await["State"], "Running");
    let more = json!({"RobotKey": robot["robotKey"], "RobotState": "Busy"});
    host.report(key, "Running", more).await.ok(200);
    let list = scene.app.get("odata/Sessions").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Busy"]);
    host.report(key, "Successful", json!({})).await.ok(200);
    // Whoever starts anew is there.
    beat(&host, &[entry(&robot, "Disconnected")]).await;
    assert_eq!(gone().await.as_array().unwrap().len(), 1);
    host.start(2).await;
    assert_eq!(gone().await, json!([]));
    beat(&host, &[entry(&robot, "Disconnected")]).await;
    assert_eq!(gone().await.as_array().unwrap().len(), 1);
}

async fn one_robot_of_several_is_gone(backend: Backend) {
    let (scene, _, host) = begin(backend).await;
    let body = json!({"UserName": "w", "Type": "DirectoryRobot", "UnattendedRobot": {}});
    let worker = scene.app.post("odata/Users", &body).await.ok(201);
    let assign = crate::support::assignment(id(&worker), scene.folder, &[]);
    let path = crate::support::ASSIGN_USERS;
    scene.app.post(path, &assign).await.ok(204);
    let robots = host.start(2).await["robots"].clone();
    let (one, two) = (&robots[0], &robots[1]);
    beat(
        &host,
        &[entry(one, "Available"), entry(two, "Disconnected")],
    )
    .await;
    let list = scene.app.get("odata/Sessions").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Available"], "the host has another");
    // Keys of nobody, and robots of other machines, change nothing.
    let nobody = json!({"robotKey": uuid::Uuid::new_v4().to_string()});
    beat(&host, &[entry(&nobody, "Disconnected")]).await;
    beat(&host, &[entry(&json!({"robotKey": "x"}), "Disconnected")]).await;
    beat(&host, &[json!({"RobotState": "Disconnected"})]).await;
    let list = scene.app.get("odata/Sessions").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Available"]);
    let body = json!({"Name": "Elsewhere", "UnattendedSlots": 1, "Type": "Template"});
    let machine = scene.app.post("odata/Machines", &body).await.ok(201);
    let key = text(&machine, "LicenseKey");
    let other = Host::new(scene.server.machine_with(key, "tests"));
    other.start(1).await;
    beat(&other, &[entry(one, "Disconnected")]).await;
    let list = scene.app.get("odata/Sessions").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Available", "Available"]);
}

async fn a_person_who_is_gone(backend: Backend) {
    let scene = scene(backend).await;
    let (person, _) = scene.server.user("jane", &[]).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let pc = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "tests");
    let begin = "api/RobotsService/BeginSession";
    let robot = pc.post(begin, &json!({})).await.ok(200);
    let states = async || {
        let list = scene.app.get("odata/Sessions").await.ok(200);
        texts(&list, "State").join(" ")
    };
    assert_eq!(states().await, "Available Available");
    beat(&host, &[entry(&robot, "Disconnected")]).await;
    assert_eq!(states().await, "Available Disconnected");
    let list = scene.app.get(GONE).await.ok(200);
    assert_eq!(list["value"][0]["Robot"]["Name"], "jane-attended");
    beat(&host, &[entry(&robot, "Available")]).await;
    assert_eq!(states().await, "Available Available");
    beat(&host, &[entry(&robot, "Disconnected")]).await;
    pc.post(begin, &json!({})).await.ok(200);
    assert_eq!(states().await, "Available Available");
    beat(&host, &[entry(&robot, "Disconnected")]).await;
    assert_eq!(states().await, "Available Disconnected");
}

async fn a_classic_robot_that_is_gone(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let host = stage.host(&robot);
    let details = host.start(1).await["robots"][0].clone();
    beat(&host, &[entry(&details, "Disconnected")]).await;
    let list = stage.scene.app.get(GONE).await.ok(200);
    assert_eq!(list["value"][0]["Robot"]["Name"], "DocBot");
    assert_eq!(list["@odata.count"], 1);
}

async fn what_else_robots_say_of_themselves(backend: Backend) {
    let (scene, _, host) = begin(backend).await;
    let robot = host.start(2).await["robots"][0].clone();
    // States of newer robots are no reason to refuse what they say.
    for state in [json!("Unresponsive"), json!(17), json!(null), json!({})] {
        beat(&host, &[entry(&robot, state)]).await;
    }
    let list = scene.app.get("odata/Sessions").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Available"]);
    // With its last words it may say that its robots are gone.
    let entries = json!({"Heartbeats": [entry(&robot, "Disconnected")]});
    host.call("StopService", entries).await.ok(204);
    let list = scene.app.get(GONE).await.ok(200);
    assert_eq!(list["value"][0]["Robot"]["Name"], robot["robotName"]);
}
