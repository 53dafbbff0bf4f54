//! What the server of the tests answers.

use std::time::Duration;
use std::time::Instant;

use axum::Json;
use axum::extract::Request;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::IntoResponse as _;
use axum::response::Response;
use serde_json::Value;
use serde_json::json;

use crate::server::Fake;
use crate::server::Known;
use crate::server::MACHINE_KEY;
use crate::server::ROBOT_KEY;

/// Answers any request.
pub async fn answer(State(fake): State<Fake>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let header = |name: &str| {
        let value = head.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let (license, bearer) = (header("x-robot-license"), header(AUTHORIZATION.as_str()));
    let encoded_name = header("x-robot-machine-encoded");
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    if path == "/identity_/connect/token" {
        return token(&fake, &body);
    }
    let Some(path) = path.strip_prefix("/acme/DefaultTenant/orchestrator_") else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if let Some(key) = path
        .strip_prefix("/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='")
    {
        return download(&fake, key.trim_end_matches("')"), &bearer).await;
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    if path == "/api/Logs/SubmitLogs" {
        assert_eq!(bearer, format!("UiRobot {ROBOT_KEY}"));
        return logs(&fake, &body);
    }
    let wanted = fake.known(|known| known.wanted_token.clone());
    let welcome = match wanted {
        Some(token) => bearer == format!("Bearer {token}"),
        None => license == MACHINE_KEY,
    };
    if !welcome {
        let envelope = json!({"message": "Invalid machine key.", "errorCode": 1000});
        return (StatusCode::UNAUTHORIZED, Json(envelope)).into_response();
    }
    assert_eq!(encoded_name, "bWFjaGluZQ==", "machine, in base64");
    match path.strip_prefix("/api/RobotsService/") {
        Some(name) if name != "StartService" && fake.peek(|known| known.lost_session) => {
            let envelope = json!({"message": "This host has no session.", "errorCode": 1242});
            (StatusCode::CONFLICT, Json(envelope)).into_response()
        }
        Some("StartService") => {
            fake.known(|known| known.started.push(body));
            fake.known(|known| known.lost_session = false);
            Json(json!({"robots": [{"robotKey": ROBOT_KEY, "robotName": "local-robot", "id": 1}]}))
                .into_response()
        }
        Some("AwaitCommands") => await_commands(&fake, &body).await,
        Some("HeartbeatV2") => {
            fake.known(|known| known.heartbeats.push(body));
            Json(fake.known(commands)).into_response()
        }
        Some("SubmitJobState") => submit(&fake, &body[0]),
        Some("StopService") => {
            fake.known(|known| known.stopped = true);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn token(fake: &Fake, body: &[u8]) -> Response {
    let form = String::from_utf8(body.to_vec()).unwrap();
    assert!(form.contains("scope=OrchestratorApiUserAccess"), "{form}");
    fake.known(|known| {
        known.tokens += 1;
        let token = format!("token-{}", known.tokens);
        Json(json!({"access_token": token, "expires_in": 3600})).into_response()
    })
}

async fn download(fake: &Fake, key: &str, bearer: &str) -> Response {
    assert_eq!(bearer, "Bearer job-token");
    fake.known(|known| known.downloads += 1);
    while fake.peek(|known| known.hold_downloads) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    fake.peek(|known| match known.packages.get(key) {
        Some(bytes) => bytes.clone().into_response(),
        None => {
            let envelope = json!({"message": "Package not found.", "errorCode": 1002});
            (StatusCode::NOT_FOUND, Json(envelope)).into_response()
        }
    })
}

fn logs(fake: &Fake, body: &Value) -> Response {
    fake.known(|known| {
        if known.refuse_logs {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let lines = body.as_array().unwrap();
        assert!(lines.len() <= 200);
        for line in lines {
            known
                .logs
                .push(serde_json::from_str(line.as_str().unwrap()).unwrap());
        }
        StatusCode::OK.into_response()
    })
}

async fn await_commands(fake: &Fake, body: &Value) -> Response {
    if fake.peek(|known| known.no_long_poll) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let asked = body["stamp"].as_str().unwrap();
    let deadline = Instant::now() + Duration::from_secs(body["waitSeconds"].as_u64().unwrap());
    loop {
        let news = fake.changed.notified();
        let (stamp, mut answer) = fake.peek(|known| (known.stamp.to_string(), commands(known)));
        if stamp != asked || Instant::now() > deadline {
            answer["stamp"] = json!(stamp);
            return Json(answer).into_response();
        }
        let _ = tokio::time::timeout(Duration::from_millis(100), news).await;
    }
}

/// All that is to do now.
fn commands(known: &mut Known) -> Value {
    let mut commands = Vec::new();
    for job in known.jobs.values() {
        let mut command = job.command.clone();
        command["data"]["attempt"] = json!(job.attempt);
        if let Some(strategy) = &job.stop
            && !job.is_final()
        {
            command["data"]["type"] = json!("StopProcess");
            command["data"]["stopStrategy"] = json!(strategy);
            commands.push(command);
        } else if job.state == "Pending" {
            commands.push(command);
        }
    }
    json!({"commands": commands, "serviceSettingsStamp": "1", "isUnattended": true,
           "isUnattendedLicensed": true})
}

fn submit(fake: &Fake, report: &Value) -> Response {
    fake.known(|known| {
        if known.refuse_reports {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let key = report["jobKey"].as_str().unwrap();
        let Some(job) = known.jobs.get_mut(key) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        if known.refuse_attempts || report["attempt"] != job.attempt || job.is_final() {
            job.refused += 1;
            return StatusCode::CONFLICT.into_response();
        }
        job.state = report["jobState"].as_str().unwrap().to_owned();
        job.reports.push(report.clone());
        known.stamp += 1;
        StatusCode::OK.into_response()
    })
}
