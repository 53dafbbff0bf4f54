//! An agent that cannot start says so in a sentence, with status 1.

use std::process::{Command, Output, Stdio};

use serde_json::json;
use testkit::{Backend, both, package, run_to_end};

use crate::robot::{Robot, Traces, command};
use crate::support::{EXE, scene};

both!(
    a_wrong_key_is_a_sentence,
    a_data_folder_in_use_is_a_sentence,
    a_second_agent_under_the_same_name_is_a_sentence,
);

#[track_caller]
fn sentence(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    let line = text.lines().find_map(|l| l.strip_prefix("baton: "));
    line.unwrap_or_else(|| panic!("no sentence in: {text}"))
        .to_owned()
}

async fn a_wrong_key_is_a_sentence(backend: Backend) {
    let scene = scene(backend).await;
    for key in ["00000000-0000-4000-8000-000000000000", "no-guid", "clé"] {
        let mut robot = command(&scene, "host-a");
        robot.env("BATON_ROBOT_MACHINE_KEY", key);
        let output = run_to_end(robot).await;
        let said = sentence(&output);
        assert!(said.contains("machine key"), "{said}");
        assert!(said.contains(&scene.server.url), "{said}");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains(key),
            "the key is shown: {said}"
        );
    }
}

async fn a_data_folder_in_use_is_a_sentence(backend: Backend) {
    let scene = scene(backend).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let lock = scene.server.folder().join("host-a/installation-id");
    testkit::eventually("the first agent has the folder", async || {
        lock.exists().then_some(())
    })
    .await;
    let said = sentence(&run_to_end(command(&scene, "host-a")).await);
    assert!(
        said.contains("another robot agent") && said.contains("--data"),
        "{said}"
    );
}

/// Both would be handed the same jobs.
async fn a_second_agent_under_the_same_name_is_a_sentence(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let release = scene
        .release(&package("once", "1.0.0").command(&traces.held("")))
        .await;
    let first = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    traces.wait_for("runs", 1).await;

    let mut second = command(&scene, "elsewhere");
    second.env("BATON_ROBOT_NAME", "HOST-A");
    let said = sentence(&run_to_end(second).await);
    assert!(
        said.contains("'HOST-A'") && said.contains("another name"),
        "{said}"
    );
    traces.go();
    scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(traces.lines("runs").len(), 1);

    // The name is free when its owner has left.
    first.stop().await;
    let mut second = command(&scene, "elsewhere");
    second.env("BATON_ROBOT_NAME", "HOST-A");
    let _second = Robot::spawn(second, scene.server.folder().join("elsewhere.log"));
    let next = scene.start_job(&release, json!({})).await;
    scene.wait_for(&next["Id"], "Successful").await;
}

fn alone(url: &str, data: &std::path::Path) -> Command {
    let mut command = Command::new(EXE);
    command.args(["robot", "--url", url, "--data"]).arg(data);
    command.env(
        "BATON_ROBOT_MACHINE_KEY",
        "00000000-0000-4000-8000-000000000000",
    );
    command
}

#[tokio::test]
async fn a_bad_address_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for url in [
        "nonsense",
        "ftp://127.0.0.1/default/DefaultTenant",
        "http://127.0.0.1:1/only-one",
    ] {
        let said = sentence(&run_to_end(alone(url, &folder.path().join("data"))).await);
        assert!(said.contains(url), "{said}");
    }
}

#[tokio::test]
async fn no_credentials_are_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut robot = alone("http://127.0.0.1:1", folder.path());
    robot.env_remove("BATON_ROBOT_MACHINE_KEY");
    let said = sentence(&run_to_end(robot).await);
    assert!(said.contains("--machine-key"), "{said}");
}

/// The agent is patient for a minute, so that it may be started together with its server.
#[tokio::test]
async fn a_server_that_never_answers_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let mut robot = alone(
        "http://127.0.0.1:1/default/DefaultTenant",
        &folder.path().join("data"),
    );
    robot
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let child = robot.spawn().unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output())
        .await
        .unwrap();
    let said = sentence(&output.unwrap());
    assert!(
        said.contains("http://127.0.0.1:1") && said.contains("cannot be reached"),
        "{said}"
    );
}
