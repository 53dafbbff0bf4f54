//! Crashes of the agent and of the server: whatever breaks, a job that was accepted ends once, and
//! its program is begun at most once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

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
    two_agents_share_the_work,
    a_job_of_a_host_that_is_gone_can_be_killed,
);

async fn an_agent_killed_while_its_job_runs(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let child = format!("setsid sleep 600 > /dev/null 2>&1 &\necho $! >> {}\n", traces.path("child"));
    let script = format!("#!/bin/sh\n{child}{}", traces.held("").trim_start_matches("#!/bin/sh\n"));
    let release = scene.release(&package("killed", "1.0.0").command(&script)).await;
    let mut robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let mut pids = traces.wait_for("runs", 1).await;
    pids.extend(traces.wait_for("child", 1).await);
    robot.kill9();
    assert!(pids.iter().all(|pid| is_alive(pid)), "a crash of the agent is none of the job's");
    assert_eq!(scene.job(&job["Id"]).await["State"], "Running");

    let mut robot = Robot::start(&scene, "host-a", &[]);
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(text(&done, "Info").contains("robot was restarted"), "{done:#}");
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
    let release = scene.release(&package("early", "1.0.0").command(&traces.held(""))).await;
    let mut gate = Gate::before(&scene.server.url).await;
    let through_the_gate = || {
        let mut command = command(&scene, "host-a");
        command.args(["--slots", "1"]).env("BATON_ROBOT_URL", "unused");
        let url = format!("{}/default/DefaultTenant", gate.url);
        Robot::spawn(replace_url(command, &url), scene.server.folder().join("host-a.log"))
    };
    let mut robot = through_the_gate();
    let job = scene.start_job(&release, json!({})).await;
    gate.held().await;
    let claimed = scene.job(&job["Id"]).await;
    assert_eq!((text(&claimed, "State"), text(&claimed, "Info")), ("Running", "Preparing the package"));
    robot.kill9();
    gate.open();
    let _robot = through_the_gate();
    scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(traces.lines("runs").len(), 1);
}
