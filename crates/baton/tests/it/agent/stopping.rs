//! Jobs that end because somebody wants them to, and nothing of them that lives on.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Backend, Scene, both, eventually, package};

use crate::robot::{Robot, Traces, end_of, is_alive, stop};
use crate::support::{STOP_JOBS, scene, text};

both!(
    a_soft_stop_lets_the_program_clean_up,
    a_kill_reaches_the_whole_tree,
    limits_of_time_stop_and_kill,
    a_pending_job_is_stopped_and_never_runs,
    a_stop_that_meets_the_start,
    an_agent_that_leaves_ends_its_job_and_its_session,
);

/// A job under way, whose script runs `begin` first.
async fn running(scene: &Scene, traces: &Traces, begin: &str, more: Value) -> Value {
    let script = format!(
        "#!/bin/sh\n{begin}\necho $$ >> {}\n{}\n",
        traces.path("runs"),
        traces.wait_for_go()
    );
    let release = scene
        .release(&package("waits", "1.0.0").command(&script))
        .await;
    let job = scene.start_job(&release, more).await;
    traces.wait_for("runs", 1).await;
    job
}

/// Waits until none of the processes lives.
async fn all_gone(pids: &[String]) {
    assert!(!pids.is_empty());
    eventually(&format!("{pids:?} are gone"), async || {
        (!pids.iter().any(|pid| is_alive(pid))).then_some(())
    })
    .await;
}

async fn a_soft_stop_lets_the_program_clean_up(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let _robot = Robot::start(&scene, "host-a", &[]);
    let trap = format!(
        "trap 'echo cleaned > {}; exit 0' TERM",
        traces.path("cleaned")
    );
    let job = running(&scene, &traces, &trap, json!({})).await;
    stop(&scene, &job, "SoftStop").await;
    let state = scene.job(&job["Id"]).await["State"].clone();
    assert!(state == "Stopping" || state == "Stopped", "{state}");
    let done = scene.wait_for(&job["Id"], "Stopped").await;
    assert!(
        done["EndTime"].is_string() && done["StartTime"].is_string(),
        "{done:#}"
    );
    assert_eq!(traces.lines("cleaned"), ["cleaned"]);
    all_gone(&traces.lines("runs")).await;
    // What has ended cannot be stopped, and stays as it is.
    let body = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    let again = scene.shared.post(STOP_JOBS, &body).await;
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(scene.job(&job["Id"]).await["State"], "Stopped");
}

async fn a_kill_reaches_the_whole_tree(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let pids = traces.path("pids");
    // A child that ignores TERM, its child, and one that leaves the group, as daemons do.
    let stubborn =
        format!("trap '' TERM\necho $$ >> {pids}\nsleep 600 &\necho $! >> {pids}\nwait\n");
    let script = format!(
        "#!/bin/sh\ntrap '' TERM\necho $$ >> {pids}\nsh stubborn.sh &\n\
         setsid sh stubborn.sh > /dev/null 2>&1 &\nwait\n"
    );
    let tree = package("tree", "1.0.0")
        .command(&script)
        .file("stubborn.sh", stubborn.as_bytes());
    let release = scene.release(&tree).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let pids = traces.wait_for("pids", 5).await;
    assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    stop(&scene, &job, "Kill").await;
    scene.wait_for(&job["Id"], "Stopped").await;
    for pid in pids {
        assert!(!is_alive(&pid), "{pid} outlived its job");
    }
}

async fn limits_of_time_stop_and_kill(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let _robot = Robot::start(&scene, "host-a", &["--grace", "600"]);
    let trap = format!("trap 'echo asked >> {}' TERM", traces.path("asked"));
    // Asked after a second, killed a second later, because it does not listen; the agent itself
    // would have waited for ten minutes.
    let limits = json!({"StopProcessExpression": "1", "KillProcessExpression": "1"});
    let job = running(&scene, &traces, &trap, limits).await;
    let done = scene.wait_for(&job["Id"], "Stopped").await;
    assert_eq!(traces.lines("asked"), ["asked"], "{done:#}");
    all_gone(&traces.lines("runs")).await;
}

async fn a_pending_job_is_stopped_and_never_runs(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    traces.go();
    let release = scene
        .release(&package("never", "1.0.0").command(&traces.held("")))
        .await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 3})).await;
    stop(&scene, &jobs[0], "SoftStop").await;
    stop(&scene, &jobs[1], "Kill").await;
    for job in &jobs[..2] {
        let job = scene.job(&job["Id"]).await;
        assert_eq!(
            (text(&job, "State"), &job["StartTime"]),
            ("Stopped", &Value::Null)
        );
    }
    let _robot = Robot::start(&scene, "host-a", &[]);
    scene.wait_for(&jobs[2]["Id"], "Successful").await;
    assert_eq!(traces.lines("runs").len(), 1);
}

/// Whoever comes first, server and agent agree: what was stopped as pending never runs, and nothing
/// stays half begun.
async fn a_stop_that_meets_the_start(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = format!(
        "#!/bin/sh\necho \"$UIPATH_JOB_KEY\" >> {}\n",
        traces.path("keys")
    );
    let release = scene
        .release(&package("meets", "1.0.0").command(&script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let first = scene.start_job(&release, json!({})).await;
    scene.wait_for(&first["Id"], "Successful").await;
    let mut jobs = Vec::new();
    for pause in (0..60).map(|i| i % 15) {
        let job = scene.start_job(&release, json!({})).await;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let body = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
        let answer = scene.shared.post(STOP_JOBS, &body).await;
        assert!([200, 409].contains(&answer.status), "{}", answer.text());
        jobs.push((job, answer.status == 200));
    }
    for (job, stopped) in &jobs {
        let done = end_of(&scene, job).await;
        let state = if *stopped { "Stopped" } else { "Successful" };
        assert_eq!(text(&done, "State"), state, "{done:#}");
        let runs = traces
            .lines("keys")
            .iter()
            .filter(|key| job["Key"] == **key)
            .count();
        assert!(
            runs <= usize::from(!done["StartTime"].is_null()),
            "{runs} runs of {done:#}"
        );
    }
}

async fn an_agent_that_leaves_ends_its_job_and_its_session(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let robot = Robot::start(&scene, "host-a", &[]);
    let trap = format!("trap 'echo asked >> {}; exit 0' TERM", traces.path("asked"));
    let job = running(&scene, &traces, &trap, json!({})).await;
    robot.stop().await;
    let done = scene.job(&job["Id"]).await;
    assert_eq!(text(&done, "State"), "Faulted", "{done:#}");
    assert!(text(&done, "Info").contains("shut down"), "{done:#}");
    assert_eq!(traces.lines("asked"), ["asked"]);
    all_gone(&traces.lines("runs")).await;
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_eq!(session["State"], "Disconnected");

    // What waited for it is another's.
    let waiting = scene
        .start_job(&scene_release(&scene, &traces).await, json!({}))
        .await;
    traces.go();
    let _other = Robot::start(&scene, "host-b", &[]);
    assert_eq!(end_of(&scene, &waiting).await["HostMachineName"], "host-b");
}

async fn scene_release(scene: &Scene, traces: &Traces) -> Value {
    scene
        .release(&package("later", "1.0.0").command(&traces.held("")))
        .await
}
