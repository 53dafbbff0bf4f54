//! Several robots on one machine template: they share the work, and never the same job.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::{Backend, Host, Scene, both, eventually, package};

use crate::robot::{Robot, Traces};
use crate::support::{scene, text};

both!(
    two_agents_share_the_work,
    a_robot_whose_name_was_taken_over_has_no_say,
);

/// An account in `Shared` whose robot may work on several hosts at a time; that of the first start
/// may not.
async fn add_busy_robot(scene: &Scene) {
    let robot = json!({"UserName": "host\\worker", "LimitConcurrentExecution": false});
    let worker = json!({"UserName": "worker", "UnattendedRobot": robot});
    let worker = scene.app.post("odata/Users", &worker).await.ok(201);
    let roles = json!([{"FolderId": scene.folder, "RoleIds": []}]);
    let assign = json!({"assignments": {"UserIds": [worker["Id"]], "RolesPerFolder": roles}});
    let path = "odata/Folders/UiPath.Server.Configuration.OData.AssignUsers";
    scene.app.post(path, &assign).await.ok(204);
}

async fn two_agents_share_the_work(backend: Backend) {
    let scene = scene(backend).await;
    add_busy_robot(&scene).await;
    let traces = Traces::of(&scene);
    let keys = traces.path("keys");
    let script = format!("#!/bin/sh\necho \"$UIPATH_JOB_KEY\" >> {keys}\nsleep 0.1\n");
    let release = scene
        .release(&package("shared", "1.0.0").command(&script))
        .await;
    let _robots = ["host-a", "host-b"].map(|name| Robot::start(&scene, name, &[]));
    // On a busy machine one of them could do all of the work before the other is there.
    eventually("both are connected", async || {
        let sessions = scene.app.get("odata/Sessions").await.ok(200);
        (sessions["value"].as_array().unwrap().len() == 2).then_some(())
    })
    .await;
    let mut jobs = Vec::new();
    for _ in 0..4 {
        jobs.extend(scene.start_jobs(&release, json!({"JobsCount": 10})).await);
    }
    let mut hosts = BTreeSet::new();
    for job in &jobs {
        let done = scene.wait_for(&job["Id"], "Successful").await;
        hosts.insert(text(&done, "HostMachineName").to_owned());
    }
    assert_eq!(hosts.into_iter().collect::<Vec<_>>(), ["host-a", "host-b"]);
    let mut ran = traces.lines("keys");
    ran.sort();
    let mut keys: Vec<&str> = jobs.iter().map(|job| text(job, "Key")).collect();
    keys.sort_unstable();
    assert_eq!(ran, keys, "each job ran once");
}

/// A robot that fell silent comes back after another one has taken its name: it must neither be
/// handed commands, nor begin the jobs, nor close the session.
async fn a_robot_whose_name_was_taken_over_has_no_say(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("taken", "1.0.0")).await;
    let robot = |installation: &str| {
        let client = scene
            .server
            .machine_with(&scene.server.machine_key, "host-a");
        Host::new(client.with("X-UIPATH-INSTALLATION-ID", installation))
    };
    let (old, new) = (robot("old"), robot("new"));
    old.start(1).await;
    new.call("StartService", json!({})).await.refused(409, 1004);
    old.stop().await;
    new.start(1).await;

    let job = scene.start_job(&release, json!({})).await;
    let key = text(&job, "Key");
    for call in ["HeartbeatV2", "AwaitCommands"] {
        old.call(call, json!({})).await.refused(409, 1242);
    }
    old.report(key, "Running", json!({"Attempt": 1}))
        .await
        .refused(409, 1242);
    old.call("StartService", json!({})).await.refused(409, 1004);
    old.stop().await;
    assert_eq!(new.offered().await, [key]);
    for state in ["Running", "Successful"] {
        new.report(key, state, json!({"Attempt": 1})).await.ok(200);
    }
    assert_eq!(scene.job(&job["Id"]).await["State"], "Successful");
}
