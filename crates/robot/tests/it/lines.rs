//! Log lines: complete, in order, and never at the price of the job.

use std::time::Duration;

use serde_json::json;

use crate::server::Fake;
use crate::support::data;
use crate::support::wait_in_shell;

#[tokio::test]
async fn a_flood_of_lines_arrives_complete_and_in_order() {
    const LINES: usize = 20_000;
    let (fake, data) = (Fake::start().await, data());
    fake.publish_script("flood", &format!("seq 1 {LINES}"));
    let key = fake.offer("flood", |_| {});
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    let messages = fake.messages(&key);
    let expected: Vec<String> = (1..=LINES).map(|number| number.to_string()).collect();
    assert!(messages == expected, "{} lines", messages.len());
    let prints = fake.known(|known| {
        let prints = known
            .logs
            .iter()
            .map(|line| line["fingerprint"].to_string());
        prints.collect::<std::collections::HashSet<_>>().len()
    });
    assert_eq!(
        prints,
        fake.known(|known| known.logs.len()),
        "each line has its own fingerprint"
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn lines_wait_for_a_server_that_takes_none_for_a_while() {
    let (fake, data) = (Fake::start().await, data());
    fake.known(|known| known.refuse_logs = true);
    fake.publish_script("two", "echo one; echo two");
    let key = fake.offer("two", |_| {});
    let agent = fake.agent(data.path());
    fake.reported(&key, "Job started processing").await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!fake.job(&key).is_final(), "the end waits for the lines");
    fake.known(|known| known.refuse_logs = false);
    assert_eq!(fake.ended(&key).await.state, "Successful");
    assert_eq!(fake.messages(&key), ["one", "two"]);
    agent.shut_down().await;
}

#[tokio::test]
async fn lines_come_while_the_job_runs() {
    let (fake, data) = (Fake::start().await, data());
    let gate = data.path().join("gate");
    let wait = format!("echo early\n{}", wait_in_shell(&gate));
    fake.publish_script("early", &wait);
    let key = fake.offer("early", |_| {});
    let agent = fake.agent(data.path());
    fake.wait_for("line", |known| {
        known
            .logs
            .iter()
            .find(|l| l["message"] == "early")
            .map(drop)
    })
    .await;
    assert!(!fake.job(&key).is_final());
    std::fs::write(gate, "").unwrap();
    fake.ended(&key).await;
    agent.shut_down().await;
}

#[tokio::test]
async fn a_line_that_is_no_variable_is_reported_in_the_log() {
    let (fake, data) = (Fake::start().await, data());
    fake.publish_script("quiet", "exit 0");
    let key = fake.offer("quiet", |data| {
        data["environmentVariables"] = json!("nonsense")
    });
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    let warned = fake.known(|known| {
        known
            .logs
            .iter()
            .any(|line| line["level"] == "Warning" && line["logType"] == "Default")
    });
    assert!(warned);
    agent.shut_down().await;
}
