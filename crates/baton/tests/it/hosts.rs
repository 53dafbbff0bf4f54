//! Hosts that come, wait for commands and go; and what happens when there are none or many.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, eventually, package};

use crate::commands::begin;
use crate::support::{ASSIGN_USERS, assignment, id, scene, text};

both!(
    what_a_host_leaves_goes_to_another,
    waiting_for_commands,
    hosts_that_are_not_known,
    people_and_robots_on_a_host,
    a_waiting_host_does_not_hold_up_the_end,
    nothing_happens_while_nothing_happens,
    many_callers_and_many_hosts_at_once,
);

async fn what_a_host_leaves_goes_to_another(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 2})).await;
    let begun = text(&jobs[0], "Key");
    host.report(begun, "Running", json!({})).await.ok(200);
    let other = Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "other"),
    );
    other.start(4).await;
    assert!(
        other.offered().await.is_empty(),
        "the robot is busy on the first host"
    );
    host.stop().await;
    host.stop().await;
    // The one that runs may run on; the robot stays bound to its host as long.
    assert!(other.offered().await.is_empty());
    assert_eq!(text(&scene.job(&jobs[0]["Id"]).await, "State"), "Running");
    host.call("HeartbeatV2", json!({})).await.refused(409, 1242);

    // The host comes back without it: nobody will ever report its end.
    host.call("StartService", json!({"Slots": 1, "RunningJobs": []}))
        .await
        .ok(200);
    assert_eq!(text(&scene.job(&jobs[0]["Id"]).await, "State"), "Faulted");
    let offered = host.offered().await;
    assert_eq!(offered, [text(&jobs[1], "Key")]);
    let attempt = host.heartbeat().await[0]["data"]["attempt"].clone();
    host.stop().await;
    assert_eq!(
        other.offered().await,
        offered,
        "what was only offered goes to another host"
    );
    let again = other.heartbeat().await[0]["data"]["attempt"].clone();
    assert!(again.as_i64() > attempt.as_i64(), "{again} after {attempt}");
    // The first host, late, must not begin it.
    host.start(1).await;
    host.report(&offered[0], "Running", json!({}))
        .await
        .refused(409, 1681);
    other
        .report(&offered[0], "Running", json!({"Attempt": again}))
        .await
        .ok(200);
}

async fn waiting_for_commands(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let first = host
        .call("AwaitCommands", json!({"waitSeconds": 30}))
        .await
        .ok(200);
    assert_eq!(first["commands"], json!([]));
    let stamp = first["stamp"].clone();

    // Nothing new: held for as long as it is to wait.
    let held = {
        let (host, body) = (host.clone(), json!({"stamp": stamp, "waitSeconds": 30}));
        tokio::spawn(async move { host.call("AwaitCommands", body).await.ok(200) })
    };
    a_host_waits(&scene).await;
    scene.server.advance(Duration::from_secs(20));
    a_host_waits(&scene).await;
    let begun = Instant::now();
    eventually("its time is over", async || {
        scene.server.advance(Duration::from_secs(11));
        held.is_finished().then_some(())
    })
    .await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    let held = held.await.unwrap();
    assert_eq!(held["commands"], json!([]));

    // Something new: answered while it would still be held for a long time.
    let waiting = {
        let host = host.clone();
        let stamp = held["stamp"].clone();
        tokio::spawn(async move {
            let begun = Instant::now();
            let body = json!({"stamp": stamp, "waitSeconds": 50});
            (
                host.call("AwaitCommands", body).await.ok(200),
                begun.elapsed(),
            )
        })
    };
    let job = scene.start_job(&release, json!({})).await;
    let (answer, took) = waiting.await.unwrap();
    assert!(took < Duration::from_secs(40), "{took:?}");
    assert_eq!(answer["commands"][0]["data"]["jobKey"], job["Key"]);

    // What came between two requests is not missed, nor what another stamp has not seen.
    for stamp in [
        held["stamp"].clone(),
        json!(""),
        json!("nonsense"),
        Value::Null,
    ] {
        let begun = Instant::now();
        let answer = host
            .call("AwaitCommands", json!({"stamp": stamp, "waitSeconds": 50}))
            .await
            .ok(200);
        assert!(begun.elapsed() < Duration::from_secs(40));
        assert_eq!(answer["commands"][0]["data"]["jobKey"], job["Key"]);
    }
    // A stop is news, too.
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    let now = host
        .call("AwaitCommands", json!({"waitSeconds": 0}))
        .await
        .ok(200);
    let body = json!({"jobIds": [id(&job)], "strategy": "SoftStop"});
    scene
        .shared
        .post(crate::support::STOP_JOBS, &body)
        .await
        .ok(200);
    let answer = host
        .call(
            "AwaitCommands",
            json!({"stamp": now["stamp"], "waitSeconds": 50}),
        )
        .await
        .ok(200);
    assert_eq!(answer["commands"][0]["data"]["type"], "StopProcess");
}

async fn hosts_that_are_not_known(backend: Backend) {
    let (scene, _, host) = begin(backend).await;
    let stranger = Host::new(
        scene
            .server
            .machine_with(&uuid::Uuid::new_v4().to_string(), "x"),
    );
    for name in [
        "StartService",
        "HeartbeatV2",
        "SubmitJobState",
        "AwaitCommands",
        "StopService",
    ] {
        stranger.call(name, json!({})).await.refused(401, 1204);
        Host::new(scene.server.anonymous())
            .call(name, json!({}))
            .await
            .refused(401, 0);
    }
    let unstarted = Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "unstarted"),
    );
    unstarted
        .call("HeartbeatV2", json!({}))
        .await
        .refused(409, 1242);
    unstarted
        .call("AwaitCommands", json!({}))
        .await
        .refused(409, 1242);
    unstarted
        .call("SubmitJobState", json!([]))
        .await
        .refused(409, 1242);
    unstarted.stop().await;
    let nameless = Host::new(host.client.without("X-ROBOT-MACHINE"));
    nameless
        .call("StartService", json!({}))
        .await
        .refused(400, 1009);
    host.call("StartService", json!({"Slots": 0}))
        .await
        .refused(400, 1009);
    host.call("StartService", json!({"Slots": "many"}))
        .await
        .refused(400, 0);
    // Names beyond ASCII come encoded.
    let encoded = host
        .client
        .without("X-ROBOT-MACHINE")
        .with("X-ROBOT-MACHINE-ENCODED", "UmVjaG5lci3DpA==");
    Host::new(encoded).start(1).await;
    let sessions = scene
        .app
        .get("odata/Sessions?$filter=HostMachineName eq 'Rechner-ä'")
        .await
        .ok(200);
    assert_eq!(sessions["@odata.count"], 1);
    // A machine's key opens nothing but the protocol.
    host.client.get("odata/Folders").await.refused(401, 0);
}

async fn people_and_robots_on_a_host(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let (person, _) = scene.server.user("jane", &[]).await;
    let at_home = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "jane-pc");
    let robot = at_home
        .post("api/RobotsService/BeginSession", &json!({}))
        .await
        .ok(200);
    assert_eq!(
        (text(&robot, "robotName"), &robot["robotType"]),
        ("jane-attended", &json!(1))
    );
    let sessions = scene
        .app
        .get("odata/Sessions?$filter=HostMachineName eq 'jane-pc'&$expand=Robot")
        .await
        .ok(200);
    assert_eq!(sessions["value"][0]["Robot"]["Name"], "jane-attended");
    at_home
        .post("api/RobotsService/EndSession", &json!({}))
        .await
        .ok(204);

    let robots = host.start(1).await;
    let who = json!({"RobotKey": robots["robots"][0]["robotKey"]});
    let processes = host.call("GetProcesses", who).await.ok(200);
    assert_eq!(processes[0]["processKey"], release["Key"]);
    assert_eq!(text(&processes[0], "packageId"), "hello");
    let nobody = json!({"RobotKey": uuid::Uuid::new_v4().to_string()});
    host.call("GetProcesses", nobody).await.refused(404, 1226);
    let data = host
        .client
        .get("api/RobotsService/GetConnectionData")
        .await
        .ok(200);
    assert_eq!(text(&data, "licenseKey"), scene.server.machine_key);
    assert_eq!(text(&data, "orchestratorUrl"), scene.server.url);
    person
        .get("api/RobotsService/GetSharedConnectionData")
        .await
        .refused(403, 0);
    let admin = scene.server.admin().await;
    let shared = admin
        .get("api/RobotsService/GetSharedConnectionData")
        .await
        .ok(200);
    assert_eq!(text(&shared, "licenseKey"), scene.server.machine_key);
}

/// Returns when the server holds a request.
async fn a_host_waits(scene: &Scene) {
    eventually("the host waits", async || {
        let page = scene.server.anonymous().get("/metrics").await.text();
        // The page itself is one of the requests under way.
        page.contains("baton_http_requests_in_flight 2")
            .then_some(())
    })
    .await;
}

async fn a_waiting_host_does_not_hold_up_the_end(backend: Backend) {
    let (mut scene, _, host) = begin(backend).await;
    let now = host
        .call("AwaitCommands", json!({"waitSeconds": 0}))
        .await
        .ok(200);
    let waiting = tokio::spawn(async move {
        let body = json!({"stamp": now["stamp"], "waitSeconds": 60});
        host.call("AwaitCommands", body).await
    });
    a_host_waits(&scene).await;
    let begun = Instant::now();
    scene.server.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(30),
        "{:?}",
        begun.elapsed()
    );
    waiting.await.unwrap().refused(503, 1024);
}

/// Statements and commits of both stores so far.
async fn work_done(scene: &Scene) -> Vec<String> {
    let page = scene.server.anonymous().get("/metrics").await;
    assert_eq!(page.status, 200);
    let counted = [
        "baton_db_statements_total",
        "baton_db_batches_total",
        "baton_db_reads_total",
    ];
    let lines: Vec<String> = page
        .text()
        .lines()
        .filter(|l| counted.iter().any(|c| l.starts_with(&format!("{c}{{"))))
        .map(str::to_owned)
        .collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    lines
}

async fn nothing_happens_while_nothing_happens(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let now = host
        .call("AwaitCommands", json!({"waitSeconds": 0}))
        .await
        .ok(200);
    let waiting = {
        let (host, body) = (
            host.clone(),
            json!({"stamp": now["stamp"], "waitSeconds": 50}),
        );
        // Whoever is told of nothing asks again.
        tokio::spawn(async move {
            loop {
                let answer = host.call("AwaitCommands", body.clone()).await.ok(200);
                if answer["commands"] != json!([]) {
                    return answer;
                }
            }
        })
    };
    // What the beginning still had to do comes to its end.
    let mut before = work_done(&scene).await;
    eventually("the server is idle", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = work_done(&scene).await;
        let same = now == before;
        before = now;
        same.then_some(())
    })
    .await;
    for _ in 0..10 {
        scene.server.advance(Duration::from_secs(6));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        work_done(&scene).await,
        before,
        "an idle server neither reads nor writes"
    );
    // And it was no counter that stands still.
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(
        waiting.await.unwrap()["commands"][0]["data"]["jobKey"],
        job["Key"]
    );
    assert_ne!(work_done(&scene).await, before);
}

/// Takes whatever it is offered until nothing is left of `jobs`; gives the keys of what it ran.
async fn work_off(host: Host, left: Arc<AtomicUsize>) -> Vec<String> {
    let mut ran = Vec::new();
    let mut stamp = Value::Null;
    while left.load(Ordering::SeqCst) > 0 {
        let body = json!({"stamp": stamp, "waitSeconds": 1});
        let answer = host.call("AwaitCommands", body).await.ok(200);
        stamp = answer["stamp"].clone();
        let commands = answer["commands"].as_array().expect("a list");
        assert!(
            commands.len() <= 4,
            "more than the machine's slots: {}",
            commands.len()
        );
        for command in commands {
            let key = text(&command["data"], "jobKey");
            host.report(key, "Running", json!({})).await.ok(200);
            host.report(key, "Successful", json!({})).await.ok(200);
            ran.push(key.to_owned());
            left.fetch_sub(1, Ordering::SeqCst);
        }
    }
    ran
}

async fn many_callers_and_many_hosts_at_once(backend: Backend) {
    const CALLERS: usize = 10;
    const JOBS: usize = 10;
    let scene = Arc::new(scene(backend).await);
    let release = scene.release(&package("hello", "1.0.0")).await;
    // A robot that may be on several hosts at a time.
    let body = json!({"UserName": "w", "Type": "DirectoryRobot", "UnattendedRobot": {"LimitConcurrentExecution": false}});
    let worker = scene.app.post("odata/Users", &body).await.ok(201);
    let assign = assignment(id(&worker), scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);

    let left = Arc::new(AtomicUsize::new(CALLERS * JOBS));
    let mut hosts = Vec::new();
    for name in ["one", "two", "three"] {
        let host = Host::new(scene.server.machine_with(&scene.server.machine_key, name));
        host.start(100).await;
        hosts.push(tokio::spawn(work_off(host, Arc::clone(&left))));
    }
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (scene, release) = (Arc::clone(&scene), release.clone());
            tokio::spawn(async move {
                for _ in 0..JOBS {
                    scene.start_job(&release, json!({})).await;
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    eventually("all jobs have run", async || {
        (left.load(Ordering::SeqCst) == 0).then_some(())
    })
    .await;
    // Nobody has to wait for what does not come.
    scene.server.advance(Duration::from_secs(30));
    let mut ran = Vec::new();
    for host in hosts {
        ran.extend(host.await.unwrap());
    }
    ran.sort_unstable();
    let all = ran.len();
    ran.dedup();
    assert_eq!(
        (all, ran.len()),
        (CALLERS * JOBS, CALLERS * JOBS),
        "every job runs once"
    );
    let done = scene
        .shared
        .get("odata/Jobs?$top=1&$filter=State eq 'Successful'")
        .await
        .ok(200);
    assert_eq!(done["@odata.count"], CALLERS * JOBS);
}
