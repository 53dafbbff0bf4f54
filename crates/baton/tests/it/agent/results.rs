//! What becomes of a package that runs: its result and its log.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};
use testkit::{Backend, both, eventually, package};

use crate::robot::{Robot, Traces, log_of};
use crate::support::{EXE, scene, text};

both!(
    a_package_runs_and_tells_what_it_did,
    arguments_come_through_unchanged,
    a_program_that_fails_is_told_with_its_last_words,
    results_that_are_none_are_faults,
    output_that_is_no_text_does_no_harm,
);

async fn a_package_runs_and_tells_what_it_did(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = traces.held(
        "echo first\necho '::debug:: second'\necho '::warning:: third'\necho '::error:: fourth'\n\
         i=5; while [ $i -lt 105 ]; do echo \"line $i\"; i=$((i+1)); done\n\
         printf '{\"sum\": 7}' > \"$2\"",
    );
    let release = scene
        .release(&package("tells", "1.0.0").command(&script))
        .await;
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(
        (&job["State"], &job["StartTime"]),
        (&json!("Pending"), &Value::Null)
    );

    let robot = Robot::start(&scene, "host-a", &[]);
    traces.wait_for("runs", 1).await;
    let running = scene.wait_for(&job["Id"], "Running").await;
    assert_eq!(running["HostMachineName"], "host-a");
    assert!(
        running["StartTime"].is_string() && running["EndTime"].is_null(),
        "{running:#}"
    );
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_eq!(
        (text(&session, "State"), text(&session, "HostMachineName")),
        ("Busy", "host-a")
    );

    traces.go();
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"sum":7}"#);
    assert_eq!(done["Info"], "Job completed");
    assert_eq!(done["HostMachineName"], "host-a");
    assert!(
        text(&done, "CreationTime") <= text(&done, "StartTime"),
        "{done:#}"
    );
    assert!(
        text(&done, "StartTime") < text(&done, "EndTime"),
        "{done:#}"
    );
    assert_eq!(done["JobError"], Value::Null);

    // Whoever sees the end can read the whole log.
    let mut expected = vec![
        ("Info".to_owned(), "tells execution started".to_owned()),
        ("Info".into(), "first".into()),
        ("Debug".into(), "second".into()),
        ("Warn".into(), "third".into()),
        ("Error".into(), "fourth".into()),
    ];
    expected.extend((5..105).map(|i| ("Info".to_owned(), format!("line {i}"))));
    expected.push(("Info".into(), "tells execution ended".into()));
    assert_eq!(log_of(&scene, &job).await, expected);
    eventually("the session is free again", async || {
        let sessions = scene.app.get("odata/Sessions").await.ok(200);
        (sessions["value"][0]["State"] == "Available").then_some(())
    })
    .await;
    robot.stop().await;
}

async fn arguments_come_through_unchanged(backend: Backend) {
    let scene = scene(backend).await;
    let echo = package("echo", "1.0.0")
        .command("#!/bin/sh\ncp \"$BATON_INPUT\" \"$2\"\n")
        .input(&[("text", "string")]);
    let release = scene.release(&echo).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    for given in [
        json!({}),
        json!({"text": "it's \"quoted\" \\ and\nbroken\tinto\r\nlines; $(rm -rf /) `x` %s"}),
        json!({"text": "äöü 漢字 😀 \u{2028} \u{200b}", "nested": {"list": [1, -2.5, null, true, [[]]]}}),
        json!({"text": "", "big": 9_007_199_254_740_993_i64}),
    ] {
        let job = scene
            .start_job(&release, json!({"InputArguments": given.to_string()}))
            .await;
        let done = scene.wait_for(&job["Id"], "Successful").await;
        let output: Value = serde_json::from_str(text(&done, "OutputArguments")).unwrap();
        assert_eq!(output, given);
    }
    // Digits that no double holds survive as well.
    let exact = r#"{"n":12345678901234567890123.10}"#;
    let job = scene
        .start_job(&release, json!({"InputArguments": exact}))
        .await;
    assert_eq!(
        scene.wait_for(&job["Id"], "Successful").await["OutputArguments"],
        exact
    );
}

async fn a_program_that_fails_is_told_with_its_last_words(backend: Backend) {
    let scene = scene(backend).await;
    let script = "#!/bin/sh\ni=0; while [ $i -lt 30 ]; do i=$((i+1)); echo \"word $i\" >&2; done\n\
                  printf '{\"ignored\": 1}' > \"$2\"\nexit 3\n";
    let release = scene
        .release(&package("fails", "1.0.0").command(script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    let info = text(&done, "Info");
    assert!(
        info.contains("exit code 3") && info.ends_with("word 30"),
        "{info}"
    );
    assert!(
        info.contains("word 11\n") && !info.contains("word 10\n"),
        "20 lines: {info}"
    );
    assert_eq!(done["OutputArguments"], Value::Null);
    let errors = log_of(&scene, &job).await;
    assert_eq!(
        errors.iter().filter(|(level, _)| level == "Error").count(),
        30
    );

    let killed = package("killed", "1.0.0").command("#!/bin/sh\nkill -KILL $$\n");
    let job = scene
        .start_job(&scene.release(&killed).await, json!({}))
        .await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(text(&done, "Info").contains("SIGKILL"), "{done:#}");
}

async fn results_that_are_none_are_faults(backend: Backend) {
    let scene = scene(backend).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    for (name, script, words) in [
        ("nothing", "true", "total"),
        ("lacking", "printf '{\"other\": 1}' > \"$2\"", "total"),
        (
            "broken",
            "printf '{\"total\": ' > \"$2\"",
            "not a JSON object",
        ),
        ("array", "printf '[1]' > \"$2\"", "not a JSON object"),
        ("binary", "printf '\\377\\376' > \"$2\"", "BATON_OUTPUT"),
    ] {
        let package = package(name, "1.0.0")
            .command(&format!("#!/bin/sh\n{script}\n"))
            .output(&[("total!", "integer")]);
        let job = scene
            .start_job(&scene.release(&package).await, json!({}))
            .await;
        let done = scene.wait_for(&job["Id"], "Faulted").await;
        assert!(text(&done, "Info").contains(words), "{name}: {done:#}");
        assert_eq!(done["OutputArguments"], Value::Null, "{name}");
    }
    // Without required members no result at all is an empty one.
    let package = package("silent", "1.0.0")
        .command("#!/bin/sh\n")
        .output(&[("total", "integer")]);
    let job = scene
        .start_job(&scene.release(&package).await, json!({}))
        .await;
    assert_eq!(
        scene.wait_for(&job["Id"], "Successful").await["OutputArguments"],
        "{}"
    );
    // A million characters are a result, and survive their way.
    let long = "#!/bin/sh\n{ printf '{\"text\":\"'; head -c 999000 /dev/zero | tr '\\0' x; printf '\"}'; } > \"$2\"\n";
    let package = testkit::package("long", "1.0.0").command(long);
    let job = scene
        .start_job(&scene.release(&package).await, json!({}))
        .await;
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(text(&done, "OutputArguments").len(), 999_011);
}

/// NUL cannot be stored in a text of PostgreSQL.
async fn output_that_is_no_text_does_no_harm(backend: Backend) {
    let scene = scene(backend).await;
    let script = "#!/bin/sh\nprintf 'a\\000b\\n'\nprintf 'c\\377d\\n'\nprintf 'e\\000f\\n' >&2\n\
                  printf '{\"x\": \"a\\\\u0000b\"}' > \"$2\"\nexit $(cat \"$1\" | tr -dc 0-9)\n";
    let release = scene
        .release(&package("binary", "1.0.0").command(script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene
        .start_job(&release, json!({"InputArguments": "{'code': 0}"}))
        .await;
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"x":"a\u0000b"}"#);
    let lines: BTreeSet<String> = log_of(&scene, &job)
        .await
        .into_iter()
        .map(|(_, m)| m)
        .collect();
    let of = |a: char, b: char| lines.iter().any(|l| l.starts_with(a) && l.ends_with(b));
    assert!(of('a', 'b') && of('c', 'd') && of('e', 'f'), "{lines:?}");

    let job = scene
        .start_job(&release, json!({"InputArguments": "{'code': 4}"}))
        .await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(text(&done, "Info").contains("exit code 4"), "{done:#}");
}

/// The sample that the demo shows, with an environment that really comes from the package index.
#[tokio::test]
#[ignore = "downloads Python packages"]
async fn python_job() {
    let mut demo = Command::new(EXE);
    demo.args([
        "demo",
        "--once",
        "--sample",
        "python",
        "--listen",
        "127.0.0.1:0",
    ]);
    let output = tokio::task::spawn_blocking(move || demo.output())
        .await
        .unwrap();
    let output = output.expect("the demo can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        said.contains("Successful on ") && said.contains("Baton"),
        "{said}"
    );
}
