//! Starting and stopping jobs, as the walk-through of the API does it and in every way it is refused.

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, package};

use crate::support::{STOP_JOBS, id, modern, scene, text, texts};

both!(
    priorities_decide_the_order,
    stopping_what_has_not_begun,
    stopping_what_runs,
    jobs_with_a_time_limit,
    several_jobs_of_one_start,
    the_same_request_at_every_address,
);

const HELLO: &str = "#!/bin/sh\nprintf '{}' > \"$2\"\n";

/// A process that is only ever reported on.
pub async fn release(scene: &Scene) -> Value {
    scene
        .release(&package("hello", "1.0.0").command(HELLO))
        .await
}

async fn priorities_decide_the_order(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let first = scene.start_job(&release, json!({})).await;
    let start = async |more: Value| {
        let job = scene.start_job(&release, more).await;
        (
            text(&job, "Key").to_owned(),
            job["SpecificPriorityValue"].clone(),
            text(&job, "JobPriority").to_owned(),
        )
    };
    let low = start(json!({"JobPriority": "Low"})).await;
    let normal = start(json!({})).await;
    let high = start(json!({"JobPriority": "High"})).await;
    let highest = start(json!({"JobPriority": null, "SpecificPriorityValue": 100})).await;
    let second = start(json!({})).await;
    assert_eq!((&low.1, &*low.2), (&json!(25), "Low"));
    assert_eq!((&high.1, &*high.2), (&json!(65), "High"));
    assert_eq!((&highest.1, &*highest.2), (&json!(100), "High"));

    let mut order = Vec::new();
    assert_eq!(host.offered().await, [text(&first, "Key")]);
    for _ in 0..6 {
        let offered = host.offered().await;
        assert_eq!(offered.len(), 1, "one slot, one job");
        host.report(&offered[0], "Running", json!({})).await.ok(200);
        assert!(host.offered().await.is_empty(), "the slot is taken");
        host.report(&offered[0], "Successful", json!({}))
            .await
            .ok(200);
        order.push(offered[0].clone());
    }
    assert_eq!(order[1..], [highest.0, high.0, normal.0, second.0, low.0]);
}

async fn stopping_what_has_not_begun(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 3})).await;
    let ids: Vec<i64> = jobs.iter().map(id).collect();
    let stop = async |ids: &[i64], strategy: Value| {
        scene
            .shared
            .post(STOP_JOBS, &json!({"jobIds": ids, "strategy": strategy}))
            .await
    };
    stop(&ids[..1], json!("1")).await.ok(200);
    let stopped = scene.job(&jobs[0]["Id"]).await;
    assert_eq!(
        (text(&stopped, "State"), text(&stopped, "Info")),
        ("Stopped", "Job canceled")
    );
    assert!(stopped["EndTime"].is_string() && stopped["StartTime"].is_null());

    // All of them or none.
    stop(&[ids[1], 999_999], json!("SoftStop"))
        .await
        .refused(404, 1002);
    stop(&[ids[1], ids[0]], json!("Kill"))
        .await
        .refused(409, 1640);
    assert_eq!(text(&scene.job(&jobs[1]["Id"]).await, "State"), "Pending");
    stop(&ids[1..], json!(2)).await.ok(200);
    let left = scene
        .shared
        .get("odata/Jobs?$filter=State eq 'Pending'")
        .await
        .ok(200);
    assert_eq!(left["@odata.count"], 0);

    stop(&ids, json!("3")).await.refused(400, 0);
    stop(&ids, json!("Nicely")).await.refused(400, 0);
    scene
        .shared
        .post(STOP_JOBS, &json!({"strategy": "1"}))
        .await
        .refused(400, 0);
    scene
        .shared
        .post(STOP_JOBS, &json!({"jobIds": [1]}))
        .await
        .refused(400, 0);
    let other = modern("Other");
    let other = id(&scene.app.post("odata/Folders", &other).await.ok(201));
    let job = scene.start_job(&release, json!({})).await;
    let body = json!({"jobIds": [id(&job)], "strategy": "1"});
    scene
        .app
        .folder(other)
        .post(STOP_JOBS, &body)
        .await
        .refused(404, 1002);
    let one = format!(
        "odata/Jobs({})/UiPath.Server.Configuration.OData.StopJob",
        id(&job)
    );
    scene
        .shared
        .post(&one, &json!({"strategy": "SoftStop"}))
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Stopped");
}

async fn stopping_what_runs(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 2})).await;
    for job in &jobs {
        host.report(text(job, "Key"), "Running", json!({}))
            .await
            .ok(200);
    }
    let stop = async |strategy: &str| {
        let ids: Vec<i64> = jobs.iter().map(id).collect();
        scene
            .shared
            .post(STOP_JOBS, &json!({"jobIds": ids, "strategy": strategy}))
            .await
            .ok(200);
    };
    let commands = async || {
        let commands = host.heartbeat().await;
        let kinds = commands.iter().map(|c| {
            format!(
                "{} {}",
                text(&c["data"], "type"),
                text(&c["data"], "stopStrategy")
            )
        });
        kinds.collect::<Vec<_>>()
    };
    stop("SoftStop").await;
    let stopping = scene.job(&jobs[0]["Id"]).await;
    assert_eq!(
        (text(&stopping, "State"), text(&stopping, "StopStrategy")),
        ("Stopping", "SoftStop")
    );
    assert_eq!(commands().await, ["StopProcess SoftStop"; 2]);
    // The first one had finished already; the other does not listen and is killed.
    host.report(text(&jobs[0], "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(
        text(&scene.job(&jobs[0]["Id"]).await, "State"),
        "Successful"
    );
    let body = json!({"jobIds": [id(&jobs[1])], "strategy": "2"});
    scene.shared.post(STOP_JOBS, &body).await.ok(200);
    assert_eq!(
        text(&scene.job(&jobs[1]["Id"]).await, "State"),
        "Terminating"
    );
    assert_eq!(commands().await, ["StopProcess Kill"]);
    host.report(text(&jobs[1], "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&jobs[1]["Id"]).await, "State"), "Stopped");
    assert!(host.heartbeat().await.is_empty());
}

async fn jobs_with_a_time_limit(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let limits = json!({"StopProcessExpression": "1", "KillProcessExpression": "1"});
    let limited = scene.start_job(&release, limits).await;
    let free = scene.start_job(&release, json!({})).await;
    for job in [&limited, &free] {
        host.report(text(job, "Key"), "Running", json!({}))
            .await
            .ok(200);
    }
    // First it is asked, then it is killed; the host hears of both.
    for (state, strategy) in [("Stopping", "SoftStop"), ("Terminating", "Kill")] {
        scene.wait_for(&limited["Id"], state).await;
        let commands = host.heartbeat().await;
        assert_eq!(commands.len(), 1);
        assert_eq!(commands[0]["data"]["jobKey"], limited["Key"]);
        assert_eq!(text(&commands[0]["data"], "stopStrategy"), strategy);
    }
    host.report(text(&limited, "Key"), "Stopped", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&limited["Id"]).await, "State"), "Stopped");
    assert_eq!(text(&scene.job(&free["Id"]).await, "State"), "Running");
}

async fn several_jobs_of_one_start(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 1000})).await;
    assert_eq!(jobs.len(), 1000);
    let batch = text(&jobs[0], "BatchExecutionKey");
    assert!(jobs.iter().all(|j| text(j, "BatchExecutionKey") == batch));
    let mut keys: Vec<&str> = jobs.iter().map(|j| text(j, "Key")).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1000);
    assert_eq!(
        scene.shared.get("odata/Jobs?$top=1").await.ok(200)["@odata.count"],
        1000
    );

    // Slots bound how many are handed out: the machine's four, and what the host can run.
    let host = Host::new(scene.server.machine());
    host.start(3).await;
    assert_eq!(host.offered().await.len(), 3);
    let second = Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "second"),
    );
    second.start(100).await;
    // One robot, one host at a time.
    assert_eq!(second.offered().await.len(), 0);
    host.stop().await;
    assert_eq!(second.offered().await.len(), 4);
}

async fn the_same_request_at_every_address(backend: Backend) {
    let scene = scene(backend).await;
    let release = release(&scene).await;
    for (prefix, action) in [
        (
            "/default/DefaultTenant/orchestrator_/odata/",
            "Jobs/UiPath.Server.Configuration.OData.StartJobs",
        ),
        (
            "/DEFAULT/defaulttenant/Orchestrator_/OData/",
            "jobs/uipath.server.configuration.odata.startjobs",
        ),
        (
            "/default/DefaultTenant/odata/",
            "Jobs/UiPath.Server.Configuration.OData.StartJobs()",
        ),
        ("/orchestrator_/odata/", "Jobs/StartJobs"),
        ("/odata/", "Jobs/UiPathODataSvc.StartJobs"),
    ] {
        let body = scene.start_info(&release, json!({}));
        let started = scene
            .shared
            .post(&format!("{prefix}{action}"), &body)
            .await
            .ok(201);
        let context = format!("{}{prefix}$metadata#Jobs", scene.server.url);
        assert!(
            text(&started, "@odata.context").eq_ignore_ascii_case(&context),
            "{started}"
        );
        let job = format!("{prefix}Jobs({})", id(&started["value"][0]));
        let job = scene.shared.get(&job).await.ok(200);
        assert_eq!(job["Key"], started["value"][0]["Key"]);
    }
    let keyed = scene.shared.get("odata/Jobs(Id=1)").await;
    assert!([200, 404].contains(&keyed.status), "{}", keyed.text());
    let list = scene.shared.get("odata/Jobs?$orderby=Id").await.ok(200);
    assert_eq!(texts(&list, "State"), ["Pending"; 5]);
}
