//! What a job gets to see and may do: an environment of its own, and a token for its folder.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::{Backend, both, eventually, package};

use crate::robot::{Robot, Traces, command};
use crate::support::{scene, text, texts};

both!(
    a_job_has_its_own_environment_and_nothing_else,
    a_job_may_use_its_token_for_its_folder_only,
);

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
    let script = format!(
        "#!/bin/sh\nenv > {}\nls -a > {}\n",
        traces.path("env"),
        traces.path("ls")
    );
    let release = scene
        .release(&package("env", "1.0.0").command(&script))
        .await;
    let mut robot = command(&scene, "host-a");
    robot
        .env("PASSED_ON", "by the operator")
        .args(["--pass-env", "PASSED_ON,NOT_THERE"]);
    let _robot = Robot::spawn(robot, scene.server.folder().join("host-a.log"));
    let variables = "MINE=x = y z\nALSO_MINE=\nUIPATH_JOB_KEY=forged\nBATON_JOB=forged";
    let job = scene
        .start_job(&release, json!({"EnvironmentVariables": variables}))
        .await;
    scene.wait_for(&job["Id"], "Successful").await;

    let lines = traces.lines("env");
    let value = |name: &str| {
        let line = lines
            .iter()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {lines:#?}"))
    };
    let allowed: BTreeSet<&str> = DOCUMENTED.split_whitespace().collect();
    let names = lines
        .iter()
        .map(|l| l.split('=').next().unwrap_or_default());
    let more: Vec<&str> = names.filter(|name| !allowed.contains(name)).collect();
    assert!(more.is_empty(), "{more:?}");
    for secret in [
        "hunter2",
        &scene.server.machine_key,
        testkit::ADMIN_PASSWORD,
    ] {
        assert!(
            !lines.iter().any(|l| l.contains(secret)),
            "{secret} is in {lines:#?}"
        );
    }
    assert_eq!((value("MINE"), value("ALSO_MINE")), ("x = y z", ""));
    assert_eq!(value("PASSED_ON"), "by the operator");
    assert_eq!(
        (value("UIPATH_JOB_KEY"), value("BATON_JOB")),
        (text(&job, "Key"), text(&job, "Key"))
    );
    assert_eq!(value("UIPATH_FOLDER_PATH"), "Shared");
    assert_eq!(value("UIPATH_PROCESS_KEY"), "env");
    assert_eq!(value("UIPATH_PROCESS_VERSION"), "1.0.0");
    assert_eq!(
        value("UIPATH_URL"),
        format!("{}/default/DefaultTenant", scene.server.url)
    );
    let (home, work) = (value("HOME"), scene.server.folder().join("host-a/jobs"));
    assert!(home.starts_with(work.to_str().unwrap()), "{home}");
    assert!(value("TMPDIR").starts_with(home));
    assert!(
        traces.lines("ls").iter().any(|name| name == "main.sh"),
        "it starts in its content"
    );
    eventually("the job's folder is gone", async || {
        std::fs::read_dir(&work)
            .unwrap()
            .next()
            .is_none()
            .then_some(())
    })
    .await;
}

async fn a_job_may_use_its_token_for_its_folder_only(backend: Backend) {
    let scene = scene(backend).await;
    let folder = json!({"DisplayName": "Other", "ProvisionType": "Automatic",
        "PermissionModel": "FineGrained"});
    let other = scene.app.post("odata/Folders", &folder).await.ok(201);
    let traces = Traces::of(&scene);
    let script = traces.held(&format!(
        "echo \"$UIPATH_ACCESS_TOKEN\" > {}",
        traces.path("token")
    ));
    let release = scene
        .release(&package("token", "1.0.0").command(&script))
        .await;
    let _robot = Robot::start(&scene, "host-a", &[]);
    traces.go();
    let job = scene.start_job(&release, json!({})).await;
    scene.wait_for(&job["Id"], "Successful").await;

    let token = traces.lines("token").remove(0);
    let own = scene.server.anonymous().bearer(&token);
    let shared = own.folder(scene.folder);
    assert_eq!(
        shared
            .get(&format!("odata/Jobs({})", job["Id"]))
            .await
            .ok(200)["Key"],
        job["Key"]
    );
    let listed = shared.get("odata/Releases").await.ok(200);
    assert_eq!(listed["value"][0]["Key"], release["Key"]);
    assert!(
        listed.get("@odata.count").is_none(),
        "robots get no count unasked"
    );

    let foreign = own.folder(other["Id"].as_i64().unwrap());
    foreign.get("odata/Jobs").await.refused(403, 1100);
    let folders = own.get("odata/Folders").await.ok(200);
    assert_eq!(texts(&folders, "DisplayName"), ["Shared"]);
    own.get("odata/Users").await.refused(403, 0);
    for (path, body) in [
        (
            "odata/Folders",
            json!({"DisplayName": "Mine", "ParentId": scene.folder}),
        ),
        ("odata/Machines", json!({"Name": "mine"})),
        ("odata/Users", json!({"UserName": "mine"})),
        (
            "odata/Releases",
            json!({"Name": "mine", "ProcessKey": "token", "ProcessVersion": "1.0.0"}),
        ),
    ] {
        assert_eq!(shared.post(path, &body).await.status, 403, "{path}");
    }
}
