//! The answers of the robot protocol, member by member: robots that read them strictly give up the
//! whole answer for one member that is missing or of another type.

use serde_json::{Value, json};
use testkit::{Backend, Client, both, decode_claims};

use crate::classic::Classic;
use crate::commands::begin;
use crate::support::{scene, text, with};

both!(
    every_member_of_a_heartbeat,
    robots_without_an_address,
    classic_robots_have_their_type,
    tokens_of_people_carry_an_address,
);

/// What a member may be.
#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    TextOrNull,
    Number,
    NumberOrNull,
    Bool,
    Object,
    ObjectOrNull,
}

impl Is {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::Number => value.is_i64(),
            Self::NumberOrNull => value.is_i64() || value.is_null(),
            Self::Bool => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::ObjectOrNull => value.is_object() || value.is_null(),
        }
    }
}

fn check(value: &Value, members: &[(&str, Is)]) {
    for (names, is) in members {
        for name in names.split_whitespace() {
            let member = value.get(name);
            assert!(
                member.is_some_and(|m| is.fits(m)),
                "{name} is {member:?}, not {is:?}"
            );
        }
    }
}

const ANSWER: &[(&str, Is)] = &[
    ("serviceSettingsStamp", Is::Text),
    ("isUnattended isUnattendedLicensed", Is::Bool),
];
const COMMAND: &[(&str, Is)] = &[
    ("robotKey robotName", Is::Text),
    ("username", Is::TextOrNull),
    ("robotType machineId", Is::Number),
    ("hasLicense isExternalLicensed", Is::Bool),
    (
        "executionSettings authSettings userDetails data",
        Is::Object,
    ),
];
const STOP: &[(&str, Is)] = &[
    (
        "id type jobKey processKey fullyQualifiedFolderName folderKey folderPath packageId \
         packageVersion processName jobSource",
        Is::Text,
    ),
    ("folderId", Is::Number),
];
const START: &[(&str, Is)] = &[
    ("source feedId", Is::Text),
    (
        "targetFramework username password persistenceId resumeSource inputArguments inputFile \
         defaultInputArguments environmentVariables internalArguments entryPointPath feedUrl \
         fpsContext fpsProperties traceId parentSpanId rootSpanId",
        Is::TextOrNull,
    ),
    (
        "credentialType resumeVersion suspendBlobType",
        Is::NumberOrNull,
    ),
    (
        "processSettings videoRecordingSettings profilingOptions",
        Is::ObjectOrNull,
    ),
    ("requiresUserInteraction", Is::Bool),
];

async fn every_member_of_a_heartbeat(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    let path = format!("odata/Releases({})", release["Id"]);
    let defaults = json!({"InputArguments": "{\"b\":2}"});
    scene.shared.patch(&path, &defaults).await.ok(200);
    let full = json!({
        "InputArguments": "{\"a\":1}", "EnvironmentVariables": "A=1", "TraceId": "t",
        "ParentSpanId": "s", "RootSpanId": "r", "FpsContext": "c", "FpsProperties": "p",
        "ProfilingOptions": "no object", "Source": "Apps",
    });
    let started = [
        scene.start_job(&release, json!({})).await,
        scene.start_job(&release, full).await,
    ];
    for call in ["Heartbeat", "HeartbeatV2", "AwaitCommands"] {
        let body = json!({"Heartbeats": [], "waitSeconds": 0});
        let answer = host.call(call, body).await.ok(200);
        check(&answer, ANSWER);
        let commands = answer["commands"].as_array().unwrap();
        assert_eq!(commands.len(), 2);
        for (command, job) in commands.iter().zip(&started) {
            check(command, COMMAND);
            check(&command["data"], STOP);
            check(&command["data"], START);
            check(&command["userDetails"], &[("key email", Is::Text)]);
            assert_eq!(command["data"]["source"], job["Source"]);
            assert_eq!(command["data"]["jobSource"], job["SourceType"]);
            assert_eq!(text(&command["data"], "defaultInputArguments"), "{\"b\":2}");
        }
    }
    let key = text(&started[0], "Key");
    host.report(key, "Running", json!({})).await.ok(200);
    let stop = json!({"jobIds": [started[0]["Id"]], "strategy": "Kill"});
    let path = crate::support::STOP_JOBS;
    scene.shared.post(path, &stop).await.ok(200);
    let stops = host.heartbeat().await;
    let stop = stops.iter().find(|c| c["data"]["type"] == "StopProcess");
    let stop = stop.expect("a command to stop");
    check(stop, COMMAND);
    check(&stop["data"], STOP);
}

async fn robots_without_an_address(backend: Backend) {
    let (scene, release, host) = begin(backend).await;
    scene.start_job(&release, json!({})).await;
    let command = host.heartbeat().await.remove(0);
    // The account of the first start has none: its name stands for it.
    assert_eq!(text(&command["userDetails"], "email"), "local-robot");
    let claims = decode_claims(text(&command["data"], "accessToken"));
    assert_eq!(claims["email"], "local-robot");
    let path = "odata/Users?$filter=UserName eq 'local-robot'";
    let account = scene.app.get(path).await.ok(200)["value"][0].clone();
    assert_eq!(command["userDetails"]["key"], account["Key"]);
    let path = format!("odata/Users({})", account["Id"]);
    let address = json!({"EmailAddress": "robot@example.com"});
    scene.app.patch(&path, &address).await.ok(200);
    let command = host.heartbeat().await.remove(0);
    assert_eq!(text(&command["userDetails"], "email"), "robot@example.com");
    let empty = json!({"EmailAddress": ""});
    scene.app.patch(&path, &empty).await.ok(200);
    let command = host.heartbeat().await.remove(0);
    assert_eq!(text(&command["userDetails"], "email"), "local-robot");
}

async fn classic_robots_have_their_type(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage
        .robot("DocBot", json!({"Type": "NonProduction"}))
        .await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    let host = stage.host(&robot);
    host.start(1).await;
    let all = json!({"Strategy": "All"});
    stage.start_jobs(&release, all).await.ok(201);
    let command = host.heartbeat().await.remove(0);
    check(&command, COMMAND);
    check(&command["userDetails"], &[("key email", Is::Text)]);
    assert_eq!(command["robotType"], 0);
}

async fn tokens_of_people_carry_an_address(backend: Backend) {
    let scene = scene(backend).await;
    let claim = |client: &Client| decode_claims(client.token())["email"].clone();
    let (nameless, _) = scene.server.user("jane", &[]).await;
    assert_eq!(claim(&nameless), "jane");
    assert!(claim(&scene.server.admin().await).is_string());
    let body = json!({"UserName": "joe", "Password": "Pa55word-of-joe"});
    let body = with(body, json!({"EmailAddress": "joe@example.com"}));
    scene.app.post("odata/Users", &body).await.ok(201);
    let joe = scene.server.sign_in("joe", "Pa55word-of-joe").await;
    assert_eq!(claim(&joe), "joe@example.com");
}
