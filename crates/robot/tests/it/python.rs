//! A Python project, with the real `uipath` package from the configured index.

use std::path::Path;

use robot::Event;
use serde_json::json;

use crate::server::Fake;

/// Publishes `samples/python-hello` with the `operate.json` a packer would add.
fn publish_sample(fake: &Fake) {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/python-hello");
    let read = |name: &str| std::fs::read_to_string(sample.join(name)).unwrap();
    let names = [
        "main.py",
        "pyproject.toml",
        "uipath.json",
        "entry-points.json",
        "bindings.json",
    ];
    let texts: Vec<(&str, String)> = names.into_iter().map(|name| (name, read(name))).collect();
    let mut files: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    files.push((
        "operate.json",
        r#"{"targetRuntime":"python","main":"main"}"#,
    ));
    fake.publish("python-hello", &files);
}

#[tokio::test]
#[ignore = "installs the uipath package from the network"]
async fn a_python_project_runs_in_an_environment_that_is_built_once() {
    let (fake, data) = (Fake::start().await, tempfile::tempdir().unwrap());
    fake.patience(std::time::Duration::from_secs(300));
    publish_sample(&fake);
    let mut agent = fake.agent(data.path());

    for (name, cached) in [("Ada", false), ("Grace", true)] {
        let input = json!({"name": name, "times": 2}).to_string();
        let key = fake.offer("python-hello", |data| data["inputArguments"] = json!(input));
        let job = fake.ended(&key).await;
        assert_eq!(job.state, "Successful", "{}", job.last());
        let output: serde_json::Value =
            serde_json::from_str(job.last()["outputArguments"].as_str().unwrap()).unwrap();
        assert_eq!(output["greeting"], format!("Hello, {name}! Hello, {name}!"));
        assert_eq!(fake.messages(&key)[0], format!("Greeting {name}"));
        let built = loop {
            if let Event::Environment { cached, .. } = agent.events.recv().await.unwrap() {
                break cached;
            }
        };
        assert_eq!(built, cached);
    }

    let key = fake.offer("python-hello", |_| {});
    let job = fake.ended(&key).await;
    assert_eq!(job.state, "Faulted", "a required argument is missing");
    assert!(
        job.last()["error"]["code"]
            .as_str()
            .unwrap()
            .starts_with("Python."),
        "{}",
        job.last()
    );
    agent.shut_down().await;
}

#[tokio::test]
#[ignore = "builds virtual environments"]
async fn an_installer_that_fails_is_quoted() {
    let (fake, data) = (Fake::start().await, tempfile::tempdir().unwrap());
    let project = |name: &str, dependency: &str| {
        let text = format!(
            "[project]\nname = \"x\"\nversion = \"1.0\"\ndependencies = [\"{dependency}\"]\n"
        );
        let operate = (
            "operate.json",
            r#"{"targetRuntime":"python","main":"main"}"#,
        );
        fake.publish(name, &[operate, ("pyproject.toml", &text)]);
    };
    project(
        "nowhere",
        "uipath @ file:///nowhere/uipath-1.0-py3-none-any.whl",
    );
    // Every environment made by `python -m venv` has pip, so nothing is fetched for this one.
    project("no-uipath", "pip");
    let agent = fake.agent(data.path());
    for (package, reason) in [
        ("nowhere", "/nowhere/uipath-1.0-py3-none-any.whl"),
        ("no-uipath", "do not bring the package \"uipath\""),
    ] {
        let job = fake.ended(&fake.offer(package, |_| {})).await;
        let error = &job.last()["error"];
        assert_eq!(
            error["code"],
            "Serverless.PythonCodedAgent.PrepareEnvironmentError"
        );
        assert!(
            job.last()["info"].as_str().unwrap().contains(reason),
            "{}",
            job.last()
        );
    }
    agent.shut_down().await;
}

#[tokio::test]
async fn a_project_that_cannot_be_installed_faults_with_the_reason() {
    let (fake, data) = (Fake::start().await, tempfile::tempdir().unwrap());
    let operate = (
        "operate.json",
        r#"{"targetRuntime":"python","main":"main"}"#,
    );
    fake.publish(
        "bare",
        &[operate, ("pyproject.toml", "[project]\nname = \"bare\"\n")],
    );
    fake.publish("broken", &[operate, ("pyproject.toml", "[project")]);
    fake.publish("none", &[operate]);
    let agent = fake.agent(data.path());
    for (package, reason) in [
        ("bare", "lists no dependencies"),
        ("broken", "pyproject.toml in the package cannot be read"),
        ("none", "no pyproject.toml"),
    ] {
        let job = fake.ended(&fake.offer(package, |_| {})).await;
        assert_eq!(job.state, "Faulted");
        let error = &job.last()["error"];
        assert_eq!(
            error["code"],
            "Serverless.PythonCodedAgent.PrepareEnvironmentError"
        );
        assert_eq!(error["category"], "System");
        assert!(
            job.last()["info"].as_str().unwrap().contains(reason),
            "{}",
            job.last()
        );
    }
    agent.shut_down().await;
}
