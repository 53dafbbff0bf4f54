//! What a start of jobs says besides what runs where: kept and given back, or refused by its name.

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, package};

use crate::support::{START_JOBS, assert_members, scene, text, with};

both!(
    what_is_kept_is_given_back,
    what_would_come_to_nothing_is_refused,
    texts_have_their_length_and_type,
    help_with_faults_comes_from_the_process,
    a_job_knows_the_job_that_started_it,
    what_a_robot_reports_is_kept,
);

async fn refused(scene: &Scene, release: &Value, more: Value, status: u16, code: i64) -> String {
    let info = scene.start_info(release, more);
    let said = scene.shared.post(START_JOBS, &info).await;
    text(&said.refused(status, code), "message").to_owned()
}

async fn what_is_kept_is_given_back(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let said = json!({
        "FpsContext": "{\"a\":1}", "FpsProperties": "p".repeat(4000),
        "AutopilotForRobots": {"Enabled": true, "HealingEnabled": false},
        "ProfilingOptions": "{\"cpu\":true}", "Reference": "r", "TraceId": "t",
        "ParentSpanId": "s", "RootSpanId": "o", "ResumeOnSameContext": true,
        "RemoteControlAccess": "Full", "EnvironmentVariables": "A=1",
    });
    let job = scene.start_job(&release, said.clone()).await;
    let read = scene.job(&job["Id"]).await;
    for (member, value) in said.as_object().unwrap() {
        assert_eq!((&job[member], &read[member]), (value, value), "{member}");
    }
    assert_members(
        &read,
        "SubState ResourceOverwrites StartingTriggerId MaxExpectedRunningTimeSeconds \
         ServerlessJobType ParentJobKey ResumeTime",
    );
    let found = "odata/Jobs?$filter=FpsContext eq '{\"a\":1}' and ParentJobKey eq null";
    assert_eq!(scene.shared.get(found).await.ok(200)["@odata.count"], 1);
    // The robot is told.
    let data = &host.heartbeat().await[0]["data"];
    assert_eq!(data["fpsContext"], said["FpsContext"]);
    assert_eq!(data["fpsProperties"], said["FpsProperties"]);
    assert_eq!(data["profilingOptions"], json!({"cpu": true}));
    // What says nothing is no reason to refuse anything.
    let nothing = json!({
        "Attachments": [], "AlertPendingExpression": "", "AlertRunningExpression": null,
        "VideoRecordingSettings": {"VideoRecordingType": "None", "MaxDurationSeconds": 60},
        "MachineInfraTarget": {"HostMachineName": null}, "FpsContext": null,
        "AutopilotForRobots": null, "TargetFramework": null, "Source": "Assistant",
        "RuntimeType": "Unattended",
    });
    let job = scene.start_job(&release, nothing).await;
    assert_eq!(job["AutopilotForRobots"], Value::Null);
    assert_eq!(text(&job, "SourceType"), "Agent");
}

async fn what_would_come_to_nothing_is_refused(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let file = uuid::Uuid::new_v4().to_string();
    for (member, value) in [
        (
            "Attachments",
            json!([{"attachmentId": file, "category": "x"}]),
        ),
        ("AlertPendingExpression", json!("60")),
        ("AlertRunningExpression", json!("60")),
        (
            "VideoRecordingSettings",
            json!({"VideoRecordingType": "All"}),
        ),
        ("MachineInfraTarget", json!({"HostMachineName": "tests"})),
    ] {
        let said = refused(&scene, &release, json!({member: value}), 501, 0).await;
        assert!(said.starts_with(member), "{said}");
    }
    // A job runs as its package was made.
    let made = text(&release, "TargetFramework");
    let other = ["Windows", "Portable"].into_iter().find(|f| *f != made);
    let said = refused(
        &scene,
        &release,
        json!({"TargetFramework": other}),
        400,
        1009,
    )
    .await;
    assert!(said.contains("TargetFramework"), "{said}");
    let same = json!({"TargetFramework": release["TargetFramework"]});
    scene.start_job(&release, same).await;
    let list = scene.shared.get("odata/Jobs").await.ok(200);
    assert_eq!(list["@odata.count"], 1, "refused starts leave nothing");
}

async fn texts_have_their_length_and_type(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    for (member, most) in [
        ("FpsContext", 2048),
        ("FpsProperties", 4000),
        ("fpscontext", 2048),
        ("ProfilingOptions", 4000),
        ("EnvironmentVariables", 4000),
        ("ParentOperationId", 128),
        ("Reference", 128),
        ("TraceId", 255),
        ("ParentSpanId", 255),
        ("RootSpanId", 255),
    ] {
        let long = json!({member: "é".repeat(most + 1)});
        let said = refused(&scene, &release, long, 400, 1009).await;
        // It is named as it is declared, however it was written.
        let named = said.to_lowercase().contains(&member.to_lowercase());
        assert!(named && said.contains(&most.to_string()), "{said}");
        scene
            .start_job(&release, json!({member: "é".repeat(most)}))
            .await;
    }
    for (member, value) in [
        ("FpsContext", json!({"a": 1})),
        ("FpsProperties", json!([])),
        ("AutopilotForRobots", json!("on")),
        ("Attachments", json!([{"attachmentId": "x"}])),
        ("Attachments", json!({})),
        ("MachineInfraTarget", json!("tests")),
        (
            "VideoRecordingSettings",
            json!({"VideoRecordingType": "Sometimes"}),
        ),
        ("TargetFramework", json!("Mainframe")),
        ("AlertPendingExpression", json!([60])),
    ] {
        refused(&scene, &release, json!({member: value}), 400, 0).await;
    }
    for member in ["AlertPendingExpression", "AlertRunningExpression"] {
        for text in ["soon", "-1", &"9".repeat(100_000)] {
            let said = refused(&scene, &release, json!({member: text}), 400, 1009).await;
            assert!(said.starts_with(member), "{said}");
        }
    }
}

async fn help_with_faults_comes_from_the_process(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let help = json!({"Enabled": true, "HealingEnabled": true});
    let settings = json!({"ProcessSettings": {"AutopilotForRobots": help}});
    let path = format!("odata/Releases({})", release["Id"]);
    scene.shared.patch(&path, &settings).await.ok(200);
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(job["AutopilotForRobots"], help);
    let own = json!({"AutopilotForRobots": {"Enabled": false}});
    let job = scene.start_job(&release, own).await;
    let none = json!({"Enabled": false, "HealingEnabled": false});
    assert_eq!(job["AutopilotForRobots"], none);
}

async fn a_job_knows_the_job_that_started_it(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(4).await;
    // Its account may start jobs in its folder.
    let parent = scene.start_job(&release, json!({})).await;
    let command = host.heartbeat().await.remove(0);
    let token = text(&command["data"], "accessToken");
    let own = scene.server.anonymous().bearer(token).folder(scene.folder);
    let start = async |key: &Value| {
        let key = text(&json!({"Key": key}), "Key").to_owned();
        let here = own.with("X-UIPATH-JobKey", key);
        let info = scene.start_info(&release, json!({}));
        here.post(START_JOBS, &info).await.ok(201)["value"][0].clone()
    };
    assert_eq!(start(&parent["Key"]).await["ParentJobKey"], parent["Key"]);
    let nobody = json!(uuid::Uuid::new_v4().to_string());
    assert_eq!(start(&nobody).await["ParentJobKey"], Value::Null);
    // An application is in no job, whatever its header says.
    let claims = scene.shared.with("X-UIPATH-JobKey", text(&parent, "Key"));
    let info = scene.start_info(&release, json!({}));
    let job = claims.post(START_JOBS, &info).await.ok(201);
    assert_eq!(job["value"][0]["ParentJobKey"], Value::Null);
}

async fn what_a_robot_reports_is_kept(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let begin = async |more: Value, trace: Value| {
        let job = scene.start_job(&release, more).await;
        let key = text(&job, "Key").to_owned();
        host.report(&key, "Running", trace).await.ok(200);
        (key, job["Id"].clone())
    };
    let (key, number) = begin(json!({}), json!({"traceId": "the robot's"})).await;
    assert_eq!(text(&scene.job(&number).await, "TraceId"), "the robot's");
    let file = uuid::Uuid::new_v4().to_string();
    let error = json!({"code": "X", "title": "It broke", "category": "User"});
    let more = with(json!({"outputFile": file}), json!({"error": error}));
    host.report(&key, "Faulted", more).await.ok(200);
    let ended = scene.job(&number).await;
    assert_eq!(text(&ended, "OutputFile"), file);
    assert_eq!(
        text(&ended["JobError"], "Timestamp"),
        text(&ended, "EndTime")
    );
    let (key, number) = begin(json!({"TraceId": "the caller's"}), json!({"traceId": "x"})).await;
    assert_eq!(text(&scene.job(&number).await, "TraceId"), "the caller's");
    let bad = json!({"outputFile": "no guid"});
    host.report(&key, "Successful", bad).await.refused(400, 0);
    host.report(&key, "Successful", json!({})).await.ok(200);
    let job = scene.start_job(&release, json!({})).await;
    let long = json!({"traceId": "x".repeat(256)});
    let said = host.report(text(&job, "Key"), "Running", long).await;
    said.refused(400, 1009);
}
