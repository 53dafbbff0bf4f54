//! Crashes of the agent, and servers that go away: every job runs once and its end arrives once.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::server::Fake;
use crate::support::WAIT_A_MINUTE;
use crate::support::data;
use crate::support::is_alive;
use crate::support::lines_of;
use crate::support::until;
use crate::support::wait_for_file;
use crate::support::wait_in_shell;

/// Waits until a journal entry holds this text.
#[track_caller]
fn journalled<'a>(data: &'a Path, text: &'a str) -> impl Future<Output = ()> + 'a {
    until(text, move || {
        let files = fs::read_dir(data.join("journal")).into_iter().flatten();
        let mut texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
        texts.any(|entry| entry.contains(text))
    })
}

#[tokio::test]
async fn a_job_that_was_only_accepted_is_begun_again() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("once", &format!("echo $$ >> {}", runs.display()));
    fake.known(|known| known.refuse_reports = true);
    let key = fake.offer("once", |_| {});
    let agent = fake.agent(data.path());
    journalled(data.path(), "accepted").await;
    agent.crash().await;
    assert!(!runs.exists());

    fake.known(|known| known.refuse_reports = false);
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    assert_eq!(lines_of(&runs).len(), 1);
    let live = fake.known(|known| known.started.last().unwrap()["runningJobs"].clone());
    assert_eq!(live, json!([{"jobKey": key, "attempt": 1}]));
    agent.shut_down().await;
}

#[tokio::test]
async fn a_job_whose_package_was_half_there_is_begun_again() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("once", &format!("echo $$ >> {}", runs.display()));
    fake.known(|known| known.hold_downloads = true);
    let key = fake.offer("once", |_| {});
    let agent = fake.agent(data.path());
    fake.wait_for("download", |known| (known.downloads > 0).then_some(()))
        .await;
    agent.crash().await;
    // What an interrupted unpacking leaves.
    let content = data.path().join(format!("jobs/{key}-1/content"));
    fs::create_dir_all(&content).unwrap();
    fs::write(content.join("main.sh"), "half").unwrap();

    fake.known(|known| known.hold_downloads = false);
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    assert_eq!(lines_of(&runs).len(), 1);
    agent.shut_down().await;
}

#[tokio::test]
async fn a_job_that_ran_during_the_crash_is_ended_and_never_run_again() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    let script = format!(
        "echo $$ >> {0}\nsetsid sleep 60 & echo $! >> {0}\necho started\n{WAIT_A_MINUTE}",
        runs.display()
    );
    fake.publish_script("long", &script);
    let key = fake.offer("long", |_| {});
    let agent = fake.agent(data.path());
    fake.wait_for("line", |known| {
        known
            .logs
            .iter()
            .find(|l| l["message"] == "started")
            .map(drop)
    })
    .await;
    agent.crash().await;
    let processes = lines_of(&runs);
    assert!(
        processes.iter().all(|pid| is_alive(pid)),
        "a crash ends no job"
    );

    let agent = fake.agent(data.path());
    let job = fake.ended(&key).await;
    assert_eq!(job.state, "Faulted");
    assert_eq!(
        job.last()["info"],
        "The robot was restarted while the job ran."
    );
    assert_eq!(job.last()["error"]["code"], "Robot.Interrupted");
    assert_eq!(lines_of(&runs), processes, "it ran once");
    for pid in processes {
        assert!(!is_alive(&pid), "{pid}");
    }
    agent.shut_down().await;
}

#[tokio::test]
async fn an_end_the_server_has_not_heard_of_is_reported_after_the_crash() {
    let (fake, data) = (Fake::start().await, data());
    let (runs, gate) = (data.path().join("runs"), data.path().join("gate"));
    let script = format!(
        "echo $$ >> {}\n{}echo one\necho two\necho '{{\"a\":1}}' > $BATON_OUTPUT",
        runs.display(),
        wait_in_shell(&gate)
    );
    fake.publish_script("gate", &script);
    let key = fake.offer("gate", |_| {});
    let agent = fake.agent(data.path());
    wait_for_file(&runs).await;
    fake.known(|known| (known.refuse_reports, known.refuse_logs) = (true, true));
    fs::write(gate, "").unwrap();
    journalled(data.path(), "finished").await;
    agent.crash().await;
    assert!(fake.messages(&key).is_empty());

    fake.known(|known| (known.refuse_reports, known.refuse_logs) = (false, false));
    let agent = fake.agent(data.path());
    let job = fake.ended(&key).await;
    assert_eq!(job.last()["outputArguments"], r#"{"a":1}"#);
    assert_eq!(lines_of(&runs).len(), 1);
    assert_eq!(
        fake.messages(&key),
        ["one", "two"],
        "the lines survived as well"
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn a_server_that_goes_away_does_not_disturb_a_job() {
    let (fake, data) = (Fake::start().await, data());
    let (runs, gate) = (data.path().join("runs"), data.path().join("gate"));
    fake.publish_script(
        "gate",
        &format!("echo $$ >> {}\n{}", runs.display(), wait_in_shell(&gate)),
    );
    let key = fake.offer("gate", |_| {});
    let agent = fake.agent(data.path());
    wait_for_file(&runs).await;
    fake.known(|known| known.refuse_reports = true);
    fs::write(gate, "").unwrap();
    journalled(data.path(), "finished").await;
    fake.known(|known| known.refuse_reports = false);
    let job = fake.ended(&key).await;
    assert_eq!((job.state.as_str(), job.refused), ("Successful", 0));
    agent.shut_down().await;
}

#[tokio::test]
async fn the_start_is_written_down_before_the_program_runs() {
    let (fake, data) = (Fake::start().await, data());
    let saw = data.path().join("saw");
    let journal = data.path().join("journal");
    fake.publish_script(
        "look",
        &format!("cat {}/*.json > {}", journal.display(), saw.display()),
    );
    let key = fake.offer("look", |_| {});
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    let saw: serde_json::Value = serde_json::from_str(&fs::read_to_string(saw).unwrap()).unwrap();
    assert_eq!(saw["phase"], "started");
    agent.shut_down().await;
}

#[tokio::test]
async fn a_server_that_forgot_the_session_is_told_again_and_the_job_counts() {
    let (fake, data) = (Fake::start().await, data());
    let gate = data.path().join("gate");
    fake.publish_script("gate", &wait_in_shell(&gate));
    let key = fake.offer("gate", |_| {});
    let agent = fake.agent(data.path());
    fake.reported(&key, "Job started processing").await;
    fake.known(|known| known.lost_session = true);
    fs::write(gate, "").unwrap();
    assert_eq!(fake.ended(&key).await.state, "Successful");
    let last = fake.known(|known| known.started.last().cloned().unwrap());
    // A list made while jobs come and go could declare one lost that was only just claimed.
    assert!(last["runningJobs"].is_null(), "{last}");
    agent.shut_down().await;
}

/// The journal of an agent that crashed around the start of a program. This is its format.
fn leave_started(data: &Path, fake: &Fake, key: &str, runtime: &str) {
    let command = fake.known(|known| {
        let job = known.jobs.get_mut(key).unwrap();
        job.state = "Running".into();
        job.command.clone()
    });
    let entry = json!({"command": command, "phase": "started",
        "runtime": runtime, "process": null});
    let journal = data.join("journal");
    fs::create_dir_all(&journal).unwrap();
    fs::write(journal.join(format!("{key}-1.json")), entry.to_string()).unwrap();
}

#[tokio::test]
async fn a_command_that_may_have_run_is_not_run_again() {
    let (fake, data) = (Fake::start().await, data());
    let runs = data.path().join("runs");
    fake.publish_script("once", &format!("echo $$ >> {}", runs.display()));
    let key = fake.offer("once", |_| {});
    leave_started(data.path(), &fake, &key, "command");
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Faulted");
    assert!(!runs.exists());
    agent.shut_down().await;
}

#[tokio::test]
async fn a_python_run_is_settled_by_the_result_and_the_log_it_left() {
    let (fake, data) = (Fake::start().await, data());
    let key = fake.offer("gone", |_| {});
    leave_started(data.path(), &fake, &key, "python");
    let work = data.path().join(format!("jobs/{key}-1"));
    let left = work.join("content/__uipath");
    fs::create_dir_all(&left).unwrap();
    let result = r#"{"output":{"a":1},"status":"successful"}"#;
    fs::write(left.join("output.json"), result).unwrap();
    let lines =
        ["sent", "not sent"].map(|text| format!("[2026-11-20 15:44:31,756][INFO] {text}\n"));
    fs::write(left.join("execution.log"), lines.concat()).unwrap();
    fs::write(work.join("log.tail"), lines[0].len().to_string()).unwrap();

    let agent = fake.agent(data.path());
    let job = fake.ended(&key).await;
    assert_eq!(job.last()["outputArguments"], r#"{"a":1}"#);
    assert_eq!(fake.messages(&key), ["not sent"]);
    agent.shut_down().await;
}

#[tokio::test]
async fn folders_of_unknown_jobs_are_cleared_away() {
    let (fake, data) = (Fake::start().await, data());
    let stray = data
        .path()
        .join("jobs/4d7a3b52-50a9-47c3-b93a-ce7f38d5c8f0-1");
    fs::create_dir_all(stray.join("content")).unwrap();
    let agent = fake.agent(data.path());
    fake.wait_for("sign-on", |known| known.started.first().map(drop))
        .await;
    assert!(!stray.exists());
    agent.shut_down().await;
}
