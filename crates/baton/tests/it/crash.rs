//! Crashes of the agent and of the server: whatever breaks, a job that was accepted ends once, and
//! its program is begun at most once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, eventually, package};

use crate::gate::Gate;
use crate::robot::{Robot, Traces, command, end_of, is_alive, log_of, stop};
use crate::support::{START_JOBS, scene, text};

both!(
    an_agent_killed_while_its_job_runs,
    an_agent_killed_before_it_began,
    an_agent_killed_at_any_moment,
    a_server_killed_while_a_job_runs,
    a_server_killed_while_jobs_are_started,
    a_server_that_is_away_when_a_job_ends,
    a_job_of_a_host_that_is_gone_can_be_killed,
);

async fn an_agent_killed_while_its_job_runs(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let child = format!(
        "setsid sleep 600 > /dev/null 2>&1 &\necho $! >> {}\n",
        traces.path("child")
    );
    let script = format!(
        "#!/bin/sh\n{child}{}",
        traces.held("").trim_start_matches("#!/bin/sh\n")
    );
    let release = scene
        .release(&package("killed", "1.0.0").command(&script))
        .await;
    let mut robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let mut pids = traces.wait_for("runs", 1).await;
    pids.extend(traces.wait_for("child", 1).await);
    robot.kill9();
    assert!(
        pids.iter().all(|pid| is_alive(pid)),
        "a crash of the agent is none of the job's"
    );
    assert_eq!(scene.job(&job["Id"]).await["State"], "Running");

    let mut robot = Robot::start(&scene, "host-a", &[]);
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(
        text(&done, "Info").contains("robot was restarted"),
        "{done:#}"
    );
    for pid in pids {
        assert!(!is_alive(&pid), "{pid} outlived its job");
    }
    // It is over for good, also for the next agent.
    traces.go();
    robot.kill9();
    let _robot = Robot::start(&scene, "host-a", &[]);
    let next = scene.start_job(&release, json!({})).await;
    scene.wait_for(&next["Id"], "Successful").await;
    assert_eq!(scene.job(&job["Id"]).await["EndTime"], done["EndTime"]);
    assert_eq!(traces.lines("runs").len(), 2, "one run for each job");
}

async fn an_agent_killed_before_it_began(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    traces.go();
    let release = scene
        .release(&package("early", "1.0.0").command(&traces.held("")))
        .await;
    let gate = Gate::before(&scene.server.url).await;
    let through_the_gate = || {
        let mut command = command(&scene, "host-a");
        command.env(
            "BATON_ROBOT_URL",
            format!("{}/default/DefaultTenant", gate.url),
        );
        Robot::spawn(command, scene.server.folder().join("host-a.log"))
    };
    let mut robot = through_the_gate();
    let job = scene.start_job(&release, json!({})).await;
    gate.held().await;
    let claimed = scene.job(&job["Id"]).await;
    assert_eq!(
        (text(&claimed, "State"), text(&claimed, "Info")),
        ("Running", "Preparing the package")
    );
    robot.kill9();
    gate.open();
    let _robot = through_the_gate();
    scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(traces.lines("runs").len(), 1);
}

/// Every moment is somebody's: before the offer, the claim, the start, the end, the report.
async fn an_agent_killed_at_any_moment(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = format!(
        "#!/bin/sh\necho \"$UIPATH_JOB_KEY\" >> {}\n",
        traces.path("keys")
    );
    let release = scene
        .release(&package("any", "1.0.0").command(&script))
        .await;
    let mut jobs = Vec::new();
    let mut robot = Robot::start(&scene, "host-a", &[]);
    for pause in [0, 3, 6, 9, 12, 16, 20, 25, 30, 40, 60, 90] {
        jobs.extend(scene.start_jobs(&release, json!({"JobsCount": 3})).await);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        robot.kill9();
        robot = Robot::start(&scene, "host-a", &[]);
    }
    for job in &jobs {
        let done = end_of(&scene, job).await;
        let runs = traces
            .lines("keys")
            .iter()
            .filter(|key| job["Key"] == **key)
            .count();
        match text(&done, "State") {
            "Successful" => assert_eq!(runs, 1, "{done:#}"),
            "Faulted" => {
                assert!(runs <= 1, "{runs} runs of {done:#}");
                assert!(
                    text(&done, "Info").contains("robot was restarted"),
                    "{done:#}"
                );
            }
            _ => panic!("nobody stopped it: {done:#}"),
        }
    }
    robot.stop().await;
}

async fn a_server_killed_while_a_job_runs(backend: Backend) {
    let mut scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = traces
        .held("echo after; printf '{\"done\": true}' > \"$2\"")
        .replacen('\n', "\necho before\n", 1);
    let release = scene
        .release(&package("survives", "1.0.0").command(&script))
        .await;
    let robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    traces.wait_for("runs", 1).await;
    eventually("the first line is stored", async || {
        let log = log_of(&scene, &job).await;
        log.iter()
            .any(|(_, message)| message == "before")
            .then_some(())
    })
    .await;
    scene.server.kill9();
    scene.server.restart().await;
    assert_eq!(scene.job(&job["Id"]).await["State"], "Running");
    traces.go();
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"done":true}"#);
    assert_eq!(traces.lines("runs").len(), 1);
    let log = log_of(&scene, &job).await;
    for line in ["before", "after"] {
        assert!(
            log.iter().any(|(_, message)| message == line),
            "no {line} in {log:?}"
        );
    }
    // The same agent goes on taking jobs.
    let next = scene.start_job(&release, json!({})).await;
    scene.wait_for(&next["Id"], "Successful").await;
    robot.stop().await;
}

async fn a_server_that_is_away_when_a_job_ends(backend: Backend) {
    let mut scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = traces.held("echo late; printf '{\"late\": 1}' > \"$2\"");
    let release = scene
        .release(&package("late", "1.0.0").command(&script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let pids = traces.wait_for("runs", 1).await;
    scene.server.kill9();
    traces.go();
    eventually("the program has ended", async || {
        (!is_alive(&pids[0])).then_some(())
    })
    .await;
    scene.server.restart().await;
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"late":1}"#);
    let log = log_of(&scene, &job).await;
    assert!(log.iter().any(|(_, message)| message == "late"), "{log:?}");
    assert_eq!(traces.lines("runs").len(), 1);
}

const CALLERS: usize = 16;
const STARTS: usize = 200;

/// Starts jobs one at a time from many callers; the keys that were acknowledged before the server
/// was gone. `acknowledged` counts them.
async fn start_until_gone(
    scene: &Scene,
    release: &Value,
    acknowledged: &Arc<AtomicUsize>,
) -> Vec<String> {
    let body = scene.start_info(release, json!({}));
    let callers = (0..CALLERS).map(|_| {
        let (client, body) = (scene.shared.clone(), body.clone());
        let acknowledged = Arc::clone(acknowledged);
        tokio::spawn(async move {
            let mut keys = Vec::new();
            for _ in 0..STARTS.div_ceil(CALLERS) {
                let sent = client.request("POST", START_JOBS).json(&body).send().await;
                let Ok(answer) = sent else { return keys };
                let status = answer.status();
                let Ok(answer) = answer.json::<Value>().await else {
                    return keys;
                };
                assert_eq!(status, 201, "{answer}");
                keys.push(text(&answer["value"][0], "Key").to_owned());
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            keys
        })
    });
    let mut keys = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        keys.extend(caller.await.expect("no caller panics"));
    }
    keys
}

async fn a_server_killed_while_jobs_are_started(backend: Backend) {
    let mut scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = format!(
        "#!/bin/sh\necho \"$UIPATH_JOB_KEY\" >> {}\n",
        traces.path("keys")
    );
    let release = scene
        .release(&package("many", "1.0.0").command(&script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);

    let count = Arc::new(AtomicUsize::new(0));
    let starting = start_until_gone(&scene, &release, &count);
    let pid = scene.server.pid().expect("it runs").cast_signed();
    let killing = async {
        // In the middle: some jobs have run, some wait, some are being written.
        while count.load(Ordering::Relaxed) < STARTS / 4 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let pid = Pid::from_raw(pid).expect("a process has a number");
        kill_process(pid, Signal::KILL).expect("the server runs");
    };
    let (acknowledged, ()) = tokio::join!(starting, killing);
    assert!(
        acknowledged.len() < STARTS,
        "the server was killed too late to show anything"
    );
    scene.server.restart().await;

    let page = "odata/Jobs?$orderby=Id&$top=1000";
    let stored = eventually("all jobs have ended", async || {
        let page = scene.shared.get(page).await.ok(200);
        let jobs = page["value"].as_array().expect("a list").clone();
        jobs.iter()
            .all(|job| !job["EndTime"].is_null())
            .then_some(jobs)
    })
    .await;
    for job in &stored {
        assert_eq!(job["State"], "Successful", "{job:#}");
    }
    let known: BTreeSet<String> = stored
        .iter()
        .map(|job| text(job, "Key").to_owned())
        .collect();
    let lost: Vec<&String> = acknowledged
        .iter()
        .filter(|key| !known.contains(*key))
        .collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let mut ran = traces.lines("keys");
    ran.sort();
    assert_eq!(
        ran,
        known.into_iter().collect::<Vec<_>>(),
        "each job ran once"
    );
}

/// The agent is gone for good and its host has said goodbye; nobody will ever report the job.
async fn a_job_of_a_host_that_is_gone_can_be_killed(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let release = scene
        .release(&package("orphan", "1.0.0").command(&traces.held("")))
        .await;
    let mut robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    traces.wait_for("runs", 1).await;
    robot.kill9();
    Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "host-a"),
    )
    .stop()
    .await;
    assert_eq!(
        scene.job(&job["Id"]).await["State"],
        "Running",
        "it may run on"
    );

    stop(&scene, &job, "Kill").await;
    let done = scene.job(&job["Id"]).await;
    assert_eq!(text(&done, "State"), "Stopped");
    assert!(
        text(&done, "Info").contains("could not be reached"),
        "{done:#}"
    );
    // The agent, back after all, ends the program and has nothing more to say.
    let _robot = Robot::start(&scene, "host-a", &[]);
    let pids = traces.lines("runs");
    eventually("its program is gone", async || {
        (!is_alive(&pids[0])).then_some(())
    })
    .await;
    traces.go();
    let next = scene.start_job(&release, json!({})).await;
    scene.wait_for(&next["Id"], "Successful").await;
    assert_eq!(scene.job(&job["Id"]).await["EndTime"], done["EndTime"]);
    assert_eq!(traces.lines("runs").len(), 2);
}
