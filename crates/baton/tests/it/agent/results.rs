//! What becomes of a package that runs: its result, its log, its environment.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Backend, both, eventually, package};

use crate::robot::{Robot, Traces, end_of, log_of};
use crate::support::{scene, text};

both!(
    a_package_runs_and_tells_what_it_did,
    arguments_come_through_unchanged,
    a_program_that_fails_is_told_with_its_last_words,
    results_that_are_none_are_faults,
    output_that_is_no_text_does_no_harm,
    a_job_has_its_own_environment_and_nothing_else,
    a_job_may_use_its_token_for_its_folder_only,
);

async fn a_package_runs_and_tells_what_it_did(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = traces.held(
        "echo first\necho '::debug:: second'\necho '::warning:: third'\necho '::error:: fourth'\n\
         i=5; while [ $i -lt 105 ]; do echo \"line $i\"; i=$((i+1)); done\n\
         printf '{\"sum\": 7}' > \"$2\"",
    );
    let release = scene.release(&package("tells", "1.0.0").command(&script)).await;
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!((&job["State"], &job["StartTime"]), (&json!("Pending"), &Value::Null));

    let robot = Robot::start(&scene, "host-a", &[]);
    traces.wait_for("runs", 1).await;
    let running = scene.wait_for(&job["Id"], "Running").await;
    assert_eq!(running["HostMachineName"], "host-a");
    assert!(running["StartTime"].is_string() && running["EndTime"].is_null(), "{running:#}");
    let session = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_eq!((text(&session, "State"), text(&session, "HostMachineName")), ("Busy", "host-a"));

    traces.go();
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"sum":7}"#);
    assert_eq!(done["Info"], "Job completed");
    assert_eq!(done["HostMachineName"], "host-a");
    assert!(text(&done, "CreationTime") <= text(&done, "StartTime"), "{done:#}");
    assert!(text(&done, "StartTime") < text(&done, "EndTime"), "{done:#}");
    assert_eq!(done["JobError"], Value::Null);

    // Whoever sees the end can read the whole log.
    let mut expected = vec![
        ("Info".to_owned(), "tells execution started".to_owned()),
        ("Info".into(), "first".into()),
        ("Trace".into(), "second".into()),
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
        let job = scene.start_job(&release, json!({"InputArguments": given.to_string()})).await;
        let done = scene.wait_for(&job["Id"], "Successful").await;
        let output: Value = serde_json::from_str(text(&done, "OutputArguments")).unwrap();
        assert_eq!(output, given);
    }
    // Digits that no double holds survive as well.
    let exact = r#"{"n":12345678901234567890123.10}"#;
    let job = scene.start_job(&release, json!({"InputArguments": exact})).await;
    assert_eq!(scene.wait_for(&job["Id"], "Successful").await["OutputArguments"], exact);
}

async fn a_program_that_fails_is_told_with_its_last_words(backend: Backend) {
    let scene = scene(backend).await;
    let script = "#!/bin/sh\ni=0; while [ $i -lt 30 ]; do i=$((i+1)); echo \"word $i\" >&2; done\n\
                  printf '{\"ignored\": 1}' > \"$2\"\nexit 3\n";
    let release = scene.release(&package("fails", "1.0.0").command(script)).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({})).await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    let info = text(&done, "Info");
    assert!(info.contains("exit code 3") && info.ends_with("word 30"), "{info}");
    assert!(info.contains("word 11\n") && !info.contains("word 10\n"), "20 lines: {info}");
    assert_eq!(done["OutputArguments"], Value::Null);
    let errors = log_of(&scene, &job).await;
    assert_eq!(errors.iter().filter(|(level, _)| level == "Error").count(), 30);

    let killed = package("killed", "1.0.0").command("#!/bin/sh\nkill -KILL $$\n");
    let job = scene.start_job(&scene.release(&killed).await, json!({})).await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(text(&done, "Info").contains("SIGKILL"), "{done:#}");
}

async fn results_that_are_none_are_faults(backend: Backend) {
    let scene = scene(backend).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    for (name, script, words) in [
        ("nothing", "true", "total"),
        ("lacking", "printf '{\"other\": 1}' > \"$2\"", "total"),
        ("broken", "printf '{\"total\": ' > \"$2\"", "not a JSON object"),
        ("array", "printf '[1]' > \"$2\"", "not a JSON object"),
        ("binary", "printf '\\377\\376' > \"$2\"", "BATON_OUTPUT"),
    ] {
        let package = package(name, "1.0.0")
            .command(&format!("#!/bin/sh\n{script}\n"))
            .output(&[("total!", "integer")]);
        let job = scene.start_job(&scene.release(&package).await, json!({})).await;
        let done = scene.wait_for(&job["Id"], "Faulted").await;
        assert!(text(&done, "Info").contains(words), "{name}: {done:#}");
        assert_eq!(done["OutputArguments"], Value::Null, "{name}");
    }
    // Without required members no result at all is an empty one.
    let package = package("silent", "1.0.0").command("#!/bin/sh\n").output(&[("total", "integer")]);
    let job = scene.start_job(&scene.release(&package).await, json!({})).await;
    assert_eq!(scene.wait_for(&job["Id"], "Successful").await["OutputArguments"], "{}");
    // A million characters are a result, and survive their way.
    let long = "#!/bin/sh\n{ printf '{\"text\":\"'; head -c 999000 /dev/zero | tr '\\0' x; printf '\"}'; } > \"$2\"\n";
    let package = testkit::package("long", "1.0.0").command(long);
    let job = scene.start_job(&scene.release(&package).await, json!({})).await;
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(text(&done, "OutputArguments").len(), 999_011);
}

/// NUL cannot be stored in a text of PostgreSQL.
async fn output_that_is_no_text_does_no_harm(backend: Backend) {
    let scene = scene(backend).await;
    let script = "#!/bin/sh\nprintf 'a\\000b\\n'\nprintf 'c\\377d\\n'\nprintf 'e\\000f\\n' >&2\n\
                  printf '{\"x\": \"a\\\\u0000b\"}' > \"$2\"\nexit $(cat \"$1\" | tr -dc 0-9)\n";
    let release = scene.release(&package("binary", "1.0.0").command(script)).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    let job = scene.start_job(&release, json!({"InputArguments": "{'code': 0}"})).await;
    let done = scene.wait_for(&job["Id"], "Successful").await;
    assert_eq!(done["OutputArguments"], r#"{"x":"a\u0000b"}"#);
    let lines: BTreeSet<String> = log_of(&scene, &job).await.into_iter().map(|(_, m)| m).collect();
    let of = |a: char, b: char| lines.iter().any(|l| l.starts_with(a) && l.ends_with(b));
    assert!(of('a', 'b') && of('c', 'd') && of('e', 'f'), "{lines:?}");

    let job = scene.start_job(&release, json!({"InputArguments": "{'code': 4}"})).await;
    let done = scene.wait_for(&job["Id"], "Faulted").await;
    assert!(text(&done, "Info").contains("exit code 4"), "{done:#}");
}

/// What a job sees, by name; a shell adds the last four.
const DOCUMENTED: &str = "PATH LANG TZ HOME TMPDIR BATON_INPUT BATON_OUTPUT BATON_JOB BATON_ATTEMPT
    UIPATH_URL UIPATH_ACCESS_TOKEN UIPATH_FOLDER_KEY UIPATH_FOLDER_PATH UIPATH_ROBOT_KEY
    UIPATH_JOB_KEY UIPATH_ORGANIZATION_ID UIPATH_TENANT_ID UIPATH_TENANT_NAME UIPATH_PROCESS_UUID
    UIPATH_PROCESS_KEY UIPATH_PROCESS_VERSION UIPATH_TRACE_ID UIPATH_TELEMETRY_ENABLED
    UIPATH_TRACING_ENABLED HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy
    no_proxy all_proxy SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE
    NODE_EXTRA_CA_CERTS PASSED_ON MINE ALSO_MINE PWD OLDPWD SHLVL _";

async fn a_job_has_its_own_environment_and_nothing_else(backend: Backend) {
    let scene = scene(backend).await;
    let traces = Traces::of(&scene);
    let script = format!("#!/bin/sh\nenv > {}\nls -a > {}\n", traces.path("env"), traces.path("ls"));
    let release = scene.release(&package("env", "1.0.0").command(&script)).await;
    let mut command = crate::robot::command(&scene, "host-a");
    command.env("PASSED_ON", "by the operator").args(["--pass-env", "PASSED_ON,NOT_THERE"]);
    let _robot = Robot::spawn(command, scene.server.folder().join("host-a.log"));
    let variables = "MINE=x = y z\nALSO_MINE=\nUIPATH_JOB_KEY=forged\nBATON_JOB=forged";
    let job = scene.start_job(&release, json!({"EnvironmentVariables": variables})).await;
    scene.wait_for(&job["Id"], "Successful").await;

    let lines = traces.lines("env");
    let value = |name: &str| {
        let line = lines.iter().find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {lines:#?}"))
    };
    let allowed: BTreeSet<&str> = DOCUMENTED.split_whitespace().collect();
    let names = lines.iter().map(|l| l.split('=').next().unwrap_or_default());
    let more: Vec<&str> = names.filter(|name| !allowed.contains(name)).collect();
    assert!(more.is_empty(), "{more:?}");
    for secret in ["hunter2", &scene.server.machine_key, testkit::ADMIN_PASSWORD] {
        assert!(!lines.iter().any(|l| l.contains(secret)), "{secret} is in {lines:#?}");
    }
    assert_eq!((value("MINE"), value("ALSO_MINE")), ("x = y z", ""));
    assert_eq!(value("PASSED_ON"), "by the operator");
    assert_eq!((value("UIPATH_JOB_KEY"), value("BATON_JOB")), (text(&job, "Key"), text(&job, "Key")));
    assert_eq!(value("UIPATH_FOLDER_PATH"), "Shared");
    assert_eq!(value("UIPATH_PROCESS_KEY"), "env");
    assert_eq!(value("UIPATH_PROCESS_VERSION"), "1.0.0");
    assert_eq!(value("UIPATH_URL"), format!("{}/default/DefaultTenant", scene.server.url));
    let (home, work) = (value("HOME"), scene.server.folder().join("host-a/jobs"));
    assert!(home.starts_with(work.to_str().unwrap()), "{home}");
    assert!(value("TMPDIR").starts_with(home));
    assert!(traces.lines("ls").iter().any(|name| name == "main.sh"), "it starts in its content");
    eventually("the job's folder is gone", async || {
        std::fs::read_dir(&work).unwrap().next().is_none().then_some(())
    })
    .await;
}

async fn a_job_may_use_its_token_for_its_folder_only(backend: Backend) {
    let scene = scene(backend).await;
    let other = scene.app.post("odata/Folders", &json!({"DisplayName": "Other"})).await.ok(201);
    let traces = Traces::of(&scene);
    let script = traces.held(&format!("echo \"$UIPATH_ACCESS_TOKEN\" > {}", traces.path("token")));
    let release = scene.release(&package("token", "1.0.0").command(&script)).await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    traces.go();
    let job = scene.start_job(&release, json!({})).await;
    scene.wait_for(&job["Id"], "Successful").await;

    let token = traces.lines("token").remove(0);
    let own = scene.server.anonymous().bearer(&token);
    let shared = own.folder(scene.folder);
    assert_eq!(shared.get(&format!("odata/Jobs({})", job["Id"])).await.ok(200)["Key"], job["Key"]);
    let listed = shared.get("odata/Releases").await.ok(200);
    assert_eq!(listed["value"][0]["Key"], release["Key"]);
    assert!(listed.get("@odata.count").is_none(), "robots get no count unasked");

    let foreign = own.folder(other["Id"].as_i64().unwrap());
    foreign.get("odata/Jobs").await.refused(403, 1100);
    for path in ["odata/Users", "odata/Folders"] {
        assert_eq!(own.get(path).await.status, 403, "{path}");
    }
    for (path, body) in [
        ("odata/Folders", json!({"DisplayName": "Mine"})),
        ("odata/Machines", json!({"Name": "mine"})),
        ("odata/Users", json!({"UserName": "mine"})),
        ("odata/Releases", json!({"Name": "mine", "ProcessKey": "token", "ProcessVersion": "1.0.0"})),
    ] {
        assert_eq!(shared.post(path, &body).await.status, 403, "{path}");
    }
}
