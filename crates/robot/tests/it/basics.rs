//! What a job meets when nothing goes wrong, and what an operator meets when the set-up does.

use robot::Credentials;
use robot::Event;
use serde_json::json;

use crate::server::Fake;
use crate::support::Agent;
use crate::support::data;
use crate::support::wait_in_shell;

#[tokio::test]
async fn a_command_job_runs_and_its_result_arrives() {
    let (fake, data) = (Fake::start().await, data());
    fake.publish_script(
        "hello",
        r#"echo "Hello from $BATON_JOB"
echo "::warning:: careful"
echo "to stderr" >&2
test "$1" = "$BATON_INPUT" && test "$2" = "$BATON_OUTPUT" || exit 9
test -z "$CARGO_PKG_NAME" || exit 8
printf '{ "in": %s, "url": "%s", "x": "%s" }' "$(cat "$BATON_INPUT")" "$UIPATH_URL" "$X" > "$2""#,
    );
    let key = fake.offer("hello", |data| {
        data["inputArguments"] = json!("{ \"name\": \"Ada\" }");
        data["environmentVariables"] = json!("X=1=2");
    });
    let mut agent = fake.agent(data.path());
    let job = fake.ended(&key).await;

    assert_eq!(job.state, "Successful", "{}", job.last());
    let output = job.last()["outputArguments"].as_str().unwrap().to_owned();
    let url = fake.options(data.path()).url;
    assert_eq!(
        output,
        format!(r#"{{"in":{{"name":"Ada"}},"url":"{url}","x":"1=2"}}"#)
    );
    assert_eq!(job.reports[0]["info"], "Preparing the package");
    assert_eq!(job.reports[0]["robotState"], "Busy");

    // All lines are there by the time the end is: nothing is waited for here.
    let mut messages = fake.messages(&key);
    messages.sort();
    assert_eq!(
        messages,
        [
            format!("Hello from {key}"),
            "careful".into(),
            "to stderr".into()
        ]
    );
    let levels = fake.known(|known| {
        let level = |text: &str| {
            let line = known
                .logs
                .iter()
                .find(|line| line["message"] == text)
                .unwrap();
            line["level"].as_str().unwrap().to_owned()
        };
        [level("careful"), level("to stderr")]
    });
    assert_eq!(levels, ["Warning", "Error"]);

    let mut events = Vec::new();
    while let Some(event) = agent.events.recv().await {
        let last = matches!(event, Event::Finished { .. });
        events.push(event);
        if last {
            break;
        }
    }
    let [
        Event::Connected { robots },
        Event::Downloaded { package, .. },
        Event::Started { .. },
        _,
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (robots.as_slice(), package.as_str()),
        (&["local-robot".to_owned()][..], "hello:1.0.0")
    );
    agent.shut_down().await;
    assert!(fake.known(|known| known.stopped));
    let left = std::fs::read_dir(data.path().join("jobs")).unwrap().count();
    assert_eq!(left, 0, "the job's folder is gone");
    assert_eq!(
        std::fs::read_dir(data.path().join("journal"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn an_agent_without_a_valid_key_says_what_to_do() {
    let (fake, data) = (Fake::start().await, data());
    let mut options = fake.options(data.path());
    options.credentials = Credentials::MachineKey("wrong".into());
    let error = Agent::start(options)
        .result()
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Invalid machine key.") && error.contains("Machines"),
        "{error}"
    );
}

#[tokio::test]
async fn a_data_folder_serves_one_agent() {
    let (fake, data) = (Fake::start().await, data());
    let first = fake.agent(data.path());
    fake.wait_for("sign-on", |known| known.started.first().map(drop))
        .await;
    let error = fake.agent(data.path()).result().await.unwrap_err();
    assert!(matches!(error, robot::Error::DataInUse(_)), "{error}");
    first.shut_down().await;
    fake.agent(data.path()).shut_down().await;
}

#[tokio::test]
async fn wrong_addresses_and_interpreters_are_told_before_anything_starts() {
    let (fake, data) = (Fake::start().await, data());
    let mut options = fake.options(data.path());
    options.url = "robots.example".into();
    let error = Agent::start(options).result().await.unwrap_err();
    assert!(matches!(error, robot::Error::Url(_)), "{error}");
    let mut options = fake.options(data.path());
    options.python = Some("/nowhere/python3".into());
    let error = Agent::start(options).result().await.unwrap_err();
    assert!(matches!(error, robot::Error::Python(_)), "{error}");
}

#[tokio::test]
async fn a_token_is_fetched_and_replaced_when_it_is_refused() {
    let (fake, data) = (Fake::start().await, data());
    fake.publish_script("hello", "exit 0");
    // The first token does not please this server.
    fake.known(|known| known.wanted_token = Some("token-2".into()));
    let mut options = fake.options(data.path());
    options.credentials = Credentials::Client {
        id: "id".into(),
        secret: "secret".into(),
    };
    let agent = Agent::start(options);
    let key = fake.offer("hello", |_| {});
    assert_eq!(fake.ended(&key).await.state, "Successful");
    assert_eq!(fake.known(|known| known.tokens), 2);
    agent.shut_down().await;
}

#[tokio::test]
async fn a_server_without_long_poll_is_asked_by_heartbeat() {
    let (fake, data) = (Fake::start().await, data());
    fake.known(|known| known.no_long_poll = true);
    fake.publish_script("hello", "exit 0");
    let key = fake.offer("hello", |_| {});
    let agent = fake.agent(data.path());
    assert_eq!(fake.ended(&key).await.state, "Successful");
    agent.shut_down().await;
}

#[tokio::test]
async fn only_as_many_jobs_run_as_there_are_slots() {
    let (fake, data) = (Fake::start().await, data());
    let gate = data.path().join("gate");
    fake.publish_script("wait", &wait_in_shell(&gate));
    let keys: Vec<String> = (0..4).map(|_| fake.offer("wait", |_| {})).collect();
    let agent = fake.agent(data.path());
    let running = |known: &mut crate::server::Known| {
        known
            .jobs
            .values()
            .filter(|job| job.state == "Running")
            .count()
    };
    fake.wait_for("two jobs", |known| {
        let started = |job: &&crate::server::Job| job.reports.len() == 2;
        (known.jobs.values().filter(started).count() == 2).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(fake.known(running), 2, "the others wait unclaimed");
    std::fs::write(gate, "").unwrap();
    for key in &keys {
        assert_eq!(fake.ended(key).await.state, "Successful");
    }
    assert_eq!(
        fake.known(|known| known.downloads),
        1,
        "one download for all"
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn faults_say_what_is_wrong() {
    let (fake, data) = (Fake::start().await, data());
    let operate = |text| [("operate.json", text), ("main.bin", "?")];
    fake.publish_script("exit", "echo last words >&2; exit 3");
    fake.publish_script("signal", "kill -SEGV $$");
    fake.publish_script("array", "echo '[1]' > \"$BATON_OUTPUT\"");
    fake.publish("windows", &operate(r#"{"targetRuntime":"legacy"}"#));
    fake.publish(
        "bin",
        &operate(r#"{"targetRuntime":"command","main":"main.bin"}"#),
    );
    fake.publish(
        "no-program",
        &operate(r#"{"targetRuntime":"command","main":"x","commands":{"x":["no-such-program"]}}"#),
    );
    fake.known(|known| {
        known
            .packages
            .insert("zip:1.0.0".into(), b"<html>".to_vec())
    });
    let agent = fake.agent(data.path());
    for (package, reason) in [
        ("exit", "exit code 3.\nlast words"),
        ("signal", "signal 11"),
        ("array", "not a JSON object"),
        ("windows", "runtime \"legacy\""),
        ("bin", "cannot tell how to run content/main.bin"),
        ("no-program", "no-such-program cannot be started"),
        ("zip", "zip:1.0.0 is damaged"),
        ("missing", "404 Not Found: Package not found."),
    ] {
        let job = fake.ended(&fake.offer(package, |_| {})).await;
        assert_eq!(job.state, "Faulted", "{package}");
        let info = job.last()["info"].as_str().unwrap();
        assert!(info.contains(reason), "{package}: {info}");
        assert!(
            job.last()["error"]["code"]
                .as_str()
                .unwrap()
                .starts_with("Robot.")
        );
    }
    let key = fake.offer("exit", |data| data["inputArguments"] = json!("[1]"));
    let job = fake.ended(&key).await;
    assert!(
        job.last()["info"]
            .as_str()
            .unwrap()
            .contains("input arguments"),
        "{}",
        job.last()
    );
    agent.shut_down().await;
}

#[tokio::test]
async fn the_shell_sample_runs() {
    let (fake, data) = (Fake::start().await, data());
    let sample = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/shell-hello");
    let read = |name: &str| std::fs::read_to_string(sample.join(name)).unwrap();
    let texts = ["main.sh", "operate.json", "entry-points.json"].map(|name| (name, read(name)));
    let files: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    fake.publish("shell-hello", &files);
    let agent = fake.agent(data.path());
    let key = fake.offer("shell-hello", |data| {
        data["inputArguments"] = json!(r#"{"name":"Ada"}"#)
    });
    let job = fake.ended(&key).await;
    assert_eq!(
        job.last()["outputArguments"],
        r#"{"greeting":"Hello, Ada!"}"#,
        "{}",
        job.last()
    );
    let key = fake.offer("shell-hello", |_| {});
    assert_eq!(
        fake.ended(&key).await.state,
        "Faulted",
        "the name is missing"
    );
    agent.shut_down().await;
}
