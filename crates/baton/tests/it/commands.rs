//! The robot protocol as a plain robot speaks it: heartbeats and reports, without attempts.

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, package};

use crate::support::{scene, text};

both!(
    a_plain_robot_runs_a_job,
    spellings_that_robots_use,
    reports_that_do_not_count,
    a_repeated_report_is_confirmed,
);

/// A server with a process and a host that can run two jobs.
pub async fn begin(backend: Backend) -> (Scene, Value, Host) {
    let scene = scene(backend).await;
    let release = scene.release(&package("hello", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    (scene, release, host)
}

async fn a_plain_robot_runs_a_job(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let robots = host.start(2).await;
    let robot = &robots["robots"][0];
    assert_eq!(
        (text(robot, "robotName"), text(robot, "machineName")),
        ("local-robot-unattended", "Local")
    );
    assert_eq!(
        (&robot["robotType"], &robot["hasLicense"]),
        (&json!(2), &json!(true))
    );
    assert!(host.heartbeat().await.is_empty());

    let job = scene
        .start_job(&release, json!({"InputArguments": "{'a':1}"}))
        .await;
    let key = text(&job, "Key");
    // Offered until it is begun.
    for _ in 0..3 {
        let commands = host.heartbeat().await;
        assert_eq!(commands.len(), 1);
        let data = &commands[0]["data"];
        assert_eq!(
            (text(data, "type"), text(data, "jobKey")),
            ("StartProcess", key)
        );
        assert_eq!(
            (text(data, "packageId"), text(data, "packageVersion")),
            ("hello", "1.0.0")
        );
        assert_eq!(
            (text(data, "entryPointPath"), text(data, "inputArguments")),
            ("main.sh", "{\"a\":1}")
        );
        assert_eq!(
            (text(data, "folderPath"), &data["folderId"]),
            ("Shared", &json!(scene.folder))
        );
        assert_eq!(
            (&data["processKey"], text(data, "processName")),
            (&release["Key"], "hello")
        );
        assert_eq!(text(data, "tenantName"), "DefaultTenant");
        assert_eq!(commands[0]["robotKey"], robot["robotKey"]);
        // The job acts with a token of its own.
        let own = scene
            .server
            .anonymous()
            .bearer(text(data, "accessToken"))
            .folder(scene.folder);
        own.get("odata/Releases").await.ok(200);
        own.get("odata/Users").await.refused(403, 0);
    }
    host.report(key, "Running", json!({})).await.ok(200);
    assert!(host.heartbeat().await.is_empty());
    host.report(key, "Running", json!({"Info": "half way"}))
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&job["Id"]).await, "Info"), "half way");
    let beat = json!({"Heartbeats": [{"JobKey": key, "JobState": "Successful", "OutputArguments": "{\"b\":2}"}]});
    host.call("HeartbeatV2", beat).await.ok(200);
    let ended = scene.job(&job["Id"]).await;
    assert_eq!(
        (text(&ended, "State"), text(&ended, "OutputArguments")),
        ("Successful", "{\"b\":2}")
    );

    let job = scene.start_job(&release, json!({})).await;
    let error = json!({"Error": {"Code": "X.1", "Title": "It broke", "Detail": "at line 1", "Category": "User"}, "Info": "broken"});
    host.report(text(&job, "Key"), "Faulted", error)
        .await
        .ok(200);
    let ended = scene.job(&job["Id"]).await;
    assert_eq!(
        (
            text(&ended, "State"),
            text(&ended, "Info"),
            text(&ended, "ErrorCode")
        ),
        ("Faulted", "broken", "X.1")
    );
    assert_eq!(text(&ended["JobError"], "Title"), "It broke");
    assert!(ended["StartTime"].is_string());
}

async fn spellings_that_robots_use(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let send = async |name: &str, body: Value| {
        host.client
            .post(&format!("api/{name}"), &body)
            .await
            .ok(200)
    };
    for (running, ended) in [
        (
            json!([{"JobKey": "", "JobState": 1}]),
            json!([{"JobKey": "", "JobState": 5}]),
        ),
        (
            json!([{"jobKey": "", "jobState": "Running"}]),
            json!([{"jobKey": "", "jobState": "successful"}]),
        ),
        (
            json!([{"JOBKEY": "", "jobstate": "1", "unknown": {}}]),
            json!([{"jobKey": "", "JobState": "5"}]),
        ),
    ] {
        let job = scene.start_job(&release, json!({})).await;
        let with_key = |mut reports: Value| {
            let report = reports[0].as_object_mut().unwrap();
            let name = report
                .keys()
                .find(|k| k.eq_ignore_ascii_case("jobkey"))
                .unwrap()
                .clone();
            report.insert(name, job["Key"].clone());
            reports
        };
        send("robotsservice/submitjobstate", with_key(running)).await;
        assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Running");
        send("RobotsService/SubmitJobState", with_key(ended)).await;
        assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Successful");
    }
    send("RobotsService/Heartbeat", json!({})).await;
    send(
        "robotsservice/heartbeatv2",
        json!({"commandState": "AllPendingCommands", "heartbeats": [{"robotKey": null}]}),
    )
    .await;
    host.client
        .post_raw("api/RobotsService/HeartbeatV2", "")
        .await
        .ok(200);
    let cloud = host.client.below("/default/DefaultTenant/orchestrator_/");
    cloud
        .post("api/RobotsService/HeartbeatV2", &json!({}))
        .await
        .ok(200);
}

async fn reports_that_do_not_count(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let job = scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    let other = Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "other"),
    );
    other.start(1).await;

    let attempt = host.heartbeat().await[0]["data"]["attempt"]
        .as_i64()
        .expect("an attempt");
    other
        .report(key, "Running", json!({}))
        .await
        .refused(409, 1681);
    host.report(key, "Running", json!({"Attempt": attempt + 1}))
        .await
        .refused(409, 1681);
    host.report(key, "Running", json!({"Attempt": attempt - 1}))
        .await
        .refused(409, 1681);
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Pending");
    host.report(key, "Running", json!({"Attempt": attempt}))
        .await
        .ok(200);
    other
        .report(key, "Successful", json!({}))
        .await
        .refused(409, 1681);
    host.report(key, "Successful", json!({"Attempt": attempt + 1}))
        .await
        .refused(409, 1681);
    host.report(key, "Successful", json!({"OutputArguments": "no json"}))
        .await
        .refused(400, 1009);
    host.report(key, "Successful", json!({"OutputArguments": "[1]"}))
        .await
        .refused(400, 1009);
    host.report(&uuid::Uuid::new_v4().to_string(), "Running", json!({}))
        .await
        .refused(404, 1002);
    host.report("no-guid", "Running", json!({}))
        .await
        .refused(400, 0);
    host.report(key, "Nonsense", json!({}))
        .await
        .refused(400, 0);
    host.call("SubmitJobState", json!({})).await.refused(400, 0);
    host.call("SubmitJobState", json!([{"JobKey": 5}]))
        .await
        .refused(400, 0);
    // One bad report refuses the request as a whole.
    let mixed = json!([
        {"JobKey": key, "JobState": "Successful"},
        {"JobKey": uuid::Uuid::new_v4().to_string(), "JobState": "Running"},
    ]);
    host.call("SubmitJobState", mixed).await.refused(404, 1002);
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Running");
    // A heartbeat that carries one is heard all the same.
    other
        .call(
            "HeartbeatV2",
            json!({"Heartbeats": [{"JobKey": key, "JobState": "Successful"}]}),
        )
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Running");
}

async fn a_repeated_report_is_confirmed(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let job = scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    let output = json!({"OutputArguments": "{\"n\":1}"});
    host.report(key, "Successful", output.clone()).await.ok(200);
    let ended = scene.job(&job["Id"]).await;
    host.report(key, "Successful", output).await.ok(200);
    host.report(key, "Successful", json!({"OutputArguments": "{\"n\":2}"}))
        .await
        .ok(200);
    assert_eq!(
        scene.job(&job["Id"]).await,
        ended,
        "a repeated report changes nothing"
    );
    host.report(key, "Faulted", json!({}))
        .await
        .refused(409, 1681);
    host.report(key, "Running", json!({}))
        .await
        .refused(409, 1681);
    assert_eq!(scene.job(&job["Id"]).await, ended);
}
