//! Jobs that end because somebody wants them to.

use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use crate::server::Fake;
use crate::support::WAIT_A_MINUTE;
use crate::support::data;
use crate::support::is_alive;
use crate::support::lines_of;
use crate::support::until;
use crate::support::wait_for_file;
use crate::support::wait_in_shell;

/// A script that writes down that it ran, and then waits.
fn waiting(runs: &Path, trap: &str) -> String {
    format!("{trap}\necho $$ >> {}\n{WAIT_A_MINUTE}", runs.display())
}

#[tokio::test]
async fn a_job_that_is_stopped_before_it_starts_never_runs() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, ""));
    let key = fake.offer("wait", |_| {});
    fake.stop(&key, "SoftStop");
    let agent = fake.agent(data.path());
    let job = fake.ended(&key).await;
    assert_eq!((job.state.as_str(), job.reports.len()), ("Stopped", 1));
    assert!(!runs.exists());
    agent.shut_down().await;
}

#[tokio::test]
async fn a_job_that_is_stopped_while_its_package_comes_never_runs() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, ""));
    fake.known(|known| known.hold_downloads = true);
    let key = fake.offer("wait", |_| {});
    let agent = fake.agent(data.path());
    fake.wait_for("download", |known| (known.downloads > 0).then_some(()))
        .await;
    fake.stop(&key, "SoftStop");
    assert_eq!(fake.ended(&key).await.state, "Stopped");
    assert!(!runs.exists());
    agent.shut_down().await;
}

#[tokio::test]
async fn a_soft_stop_lets_the_program_clean_up() {
    let (fake, data) = (Fake::start().await, data());
    let (runs, cleaned) = (data.path().join("runs"), data.path().join("cleaned"));
    let trap = format!("trap 'echo clean > {}; exit 0' TERM", cleaned.display());
    fake.publish_script("wait", &waiting(&runs, &trap));
    let key = fake.offer("wait", |_| {});
    let agent = fake.agent(data.path());
    wait_for_file(&runs).await;
    fake.stop(&key, "SoftStop");
    let job = fake.ended(&key).await;
    assert_eq!(job.state, "Stopped", "although it ended with 0");
    assert_eq!(job.last()["info"], "Job stopped");
    assert!(cleaned.exists());
    agent.shut_down().await;
}

#[tokio::test]
async fn a_soft_stop_that_is_ignored_becomes_a_kill() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, "trap '' TERM"));
    let key = fake.offer("wait", |_| {});
    let mut options = fake.options(data.path());
    options.grace = Duration::from_millis(500);
    let agent = crate::support::Agent::start(options);
    wait_for_file(&runs).await;
    let asked = Instant::now();
    fake.stop(&key, "SoftStop");
    assert_eq!(fake.ended(&key).await.state, "Stopped");
    assert!(
        asked.elapsed() >= Duration::from_millis(500),
        "the grace was kept"
    );
    assert!(!is_alive(&lines_of(&runs)[0]));
    agent.shut_down().await;
}

#[tokio::test]
async fn a_kill_reaches_everything_a_job_has_started() {
    let (fake, data) = (Fake::start().await, data());
    let (runs, cleaned) = (data.path().join("runs"), data.path().join("cleaned"));
    // A child of the group, a child that left it, and a trap that must not run.
    let trap = format!(
        "trap 'echo > {}' TERM\nsleep 60 & echo $! >> {}\nsetsid sleep 60 & echo $! >> {}",
        cleaned.display(),
        runs.display(),
        runs.display()
    );
    fake.publish_script("wait", &waiting(&runs, &trap));
    let key = fake.offer("wait", |_| {});
    let agent = fake.agent(data.path());
    until("processes", || runs.exists() && lines_of(&runs).len() == 3).await;
    let processes = lines_of(&runs);
    assert!(processes.iter().all(|pid| is_alive(pid)), "{processes:?}");
    fake.stop(&key, "Kill");
    assert_eq!(fake.ended(&key).await.state, "Stopped");
    assert!(!cleaned.exists());
    for pid in processes {
        assert!(!is_alive(&pid), "{pid}");
    }
    agent.shut_down().await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_is_ended_with_it() {
    let (fake, data) = (Fake::start().await, data());
    let left = data.path().join("left");
    fake.publish_script(
        "leave",
        &format!(
            "sleep 60 & echo $! >> {0}\nsetsid sleep 60 & echo $! >> {0}",
            left.display()
        ),
    );
    let key = fake.offer("leave", |_| {});
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    for pid in lines_of(&left) {
        assert!(!is_alive(&pid), "{pid}");
    }
    agent.shut_down().await;
}

#[tokio::test]
async fn a_claim_that_is_refused_is_not_run() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, ""));
    let key = fake.offer("wait", |_| {});
    fake.known(|known| known.refuse_attempts = true);
    let agent = fake.agent(data.path());
    fake.wait_for("claim", |known| {
        (known.jobs[&key].refused > 0).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(fake.job(&key).refused, 1, "it is not tried again");
    assert!(!runs.exists());
    assert_eq!(
        std::fs::read_dir(data.path().join("journal"))
            .unwrap()
            .count(),
        0
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn the_result_of_an_attempt_that_was_given_to_another_robot_is_dropped() {
    let (fake, data) = (Fake::start().await, data());
    let (runs, gate) = (data.path().join("runs"), data.path().join("gate"));
    fake.publish_script(
        "gate",
        &format!("echo $$ >> {}\n{}", runs.display(), wait_in_shell(&gate)),
    );
    let key = fake.offer("gate", |_| {});
    let agent = fake.agent(data.path());
    fake.reported(&key, "Job started processing").await;
    fake.take_away(&key, "Running");
    std::fs::write(&gate, "").unwrap();
    fake.wait_for("refused report", |known| {
        (known.jobs[&key].refused > 0).then_some(())
    })
    .await;
    agent.shut_down().await;
    let job = fake.job(&key);
    assert_eq!((job.state.as_str(), job.refused), ("Running", 1));
    assert_eq!(
        std::fs::read_dir(data.path().join("journal"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_later_attempt_ends_the_earlier_one() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, ""));
    let key = fake.offer("wait", |_| {});
    let agent = fake.agent(data.path());
    fake.reported(&key, "Job started processing").await;
    wait_for_file(&runs).await;
    let first = lines_of(&runs)[0].clone();
    fake.take_away(&key, "Pending");
    until("second run", || {
        lines_of(&runs).len() == 2 && !is_alive(&first)
    })
    .await;
    fake.stop(&key, "Kill");
    let job = fake.ended(&key).await;
    assert_eq!(
        (job.state.as_str(), &job.last()["attempt"]),
        ("Stopped", &serde_json::json!(2))
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn a_shutdown_ends_what_runs_and_says_so() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("wait", &waiting(&runs, ""));
    let key = fake.offer("wait", |_| {});
    let agent = fake.agent(data.path());
    wait_for_file(&runs).await;
    agent.shut_down().await;
    let job = fake.job(&key);
    assert_eq!(job.state, "Faulted");
    assert_eq!(
        job.last()["info"],
        "The robot was shut down while the job ran."
    );
    assert_eq!(job.last()["error"]["category"], "System");
    assert!(!is_alive(&lines_of(&runs)[0]));
}
