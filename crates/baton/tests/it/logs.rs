//! Logs of robots: what goes in, and how it is read.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::support::{column, running, scene, text, texts, with};

both!(
    lines_of_a_job,
    levels_and_times,
    lines_that_are_refused,
    who_may_write_lines
);

const SUBMIT: &str = "api/Logs/SubmitLogs";

fn line(job: &Value, message: &str, more: Value) -> Value {
    let line = with(
        json!({
            "message": message, "level": "Information", "timeStamp": "2026-01-02T03:04:05.1234567+01:00",
            "jobId": job["Key"], "processName": "hello", "windowsIdentity": "HOST\\user",
            "robotName": "somebody else", "machineName": "tests",
        }),
        more,
    );
    Value::String(line.to_string())
}

async fn lines_of_a_job(backend: Backend) {
    let scene = scene(backend).await;
    let (host, job) = running(&scene).await;
    let first = line(&job, "first", json!({}));
    host.client
        .post(
            SUBMIT,
            &json!([
                first,
                line(&job, "second", json!({"timeStamp": "2026-01-02T03:04:06Z"}))
            ]),
        )
        .await
        .ok(200);
    // One alone, as text or as an object.
    host.client
        .post(
            "api/Logs",
            &line(&job, "third", json!({"timeStamp": "2026-01-02T03:04:07Z"})),
        )
        .await
        .ok(200);
    let object: Value = serde_json::from_str(
        line(&job, "fourth", json!({"timeStamp": "2026-01-02T03:04:08Z"}))
            .as_str()
            .unwrap(),
    )
    .unwrap();
    host.client.post("api/Logs", &object).await.ok(200);

    let list = scene.shared.get("odata/RobotLogs").await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/$metadata#RobotLogs"));
    assert_eq!(list["@odata.count"], 4);
    assert_eq!(
        texts(&list, "Message"),
        ["fourth", "third", "second", "first"],
        "newest first"
    );
    assert!(column(&list, "Id").iter().all(|id| **id == 0));
    let oldest = &list["value"][3];
    for (member, expected) in [
        ("Level", json!("Info")),
        ("WindowsIdentity", json!("HOST\\user")),
        ("ProcessName", json!("hello")),
        ("TimeStamp", json!("2026-01-02T02:04:05.1234567Z")),
        ("Message", json!("first")),
        ("JobKey", job["Key"].clone()),
        // What the server knows better it does not take from the line.
        ("RobotName", json!("local-robot-unattended")),
        ("MachineId", json!(scene.machine)),
        ("HostMachineName", json!("tests")),
        ("RawMessage", first),
    ] {
        assert_eq!(oldest[member], expected, "{member}");
    }
    let get = async |query: &str| {
        scene
            .shared
            .get(&format!("odata/RobotLogs?{query}"))
            .await
            .ok(200)
    };
    let key = text(&job, "Key");
    assert_eq!(
        texts(
            &get(&format!(
                "$filter=JobKey eq {key}&$orderby=TimeStamp asc&$top=2"
            ))
            .await,
            "Message"
        ),
        ["first", "second"]
    );
    assert_eq!(
        get("$top=100&$skip=1&$filter=RobotName eq 'local-robot-unattended'").await["value"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        get("$filter=TimeStamp gt 2026-01-02T03:04:06.5Z").await["@odata.count"],
        2
    );
    assert_eq!(
        get("$filter=contains(Message,'IRS')").await["@odata.count"],
        1
    );
    assert_eq!(
        get(&format!("$filter=MachineId eq {}", scene.machine)).await["@odata.count"],
        4
    );
}

async fn levels_and_times(backend: Backend) {
    let scene = scene(backend).await;
    let (host, job) = running(&scene).await;
    let levels = [
        (json!("Verbose"), "Trace"),
        (json!("Trace"), "Trace"),
        (json!("Debug"), "Debug"),
        (json!("Information"), "Info"),
        (json!("Info"), "Info"),
        (json!("WARNING"), "Warn"),
        (json!("Error"), "Error"),
        (json!("Critical"), "Fatal"),
        (json!("Fatal"), "Fatal"),
        (json!(4), "Error"),
        (json!("unheard of"), "Info"),
        (Value::Null, "Info"),
    ];
    let lines: Vec<Value> = levels
        .iter()
        .enumerate()
        .map(|(n, (level, _))| {
            let at = format!("2026-01-01T00:00:{n:02}.0000001Z");
            line(&job, "x", json!({"level": level, "timeStamp": at}))
        })
        .collect();
    host.client.post(SUBMIT, &Value::Array(lines)).await.ok(200);
    let list = scene
        .shared
        .get("odata/RobotLogs?$orderby=TimeStamp asc")
        .await
        .ok(200);
    assert_eq!(
        texts(&list, "Level"),
        levels.iter().map(|(_, l)| *l).collect::<Vec<_>>()
    );
    assert_eq!(texts(&list, "TimeStamp")[3], "2026-01-01T00:00:03.0000001Z");
    let fatal = scene
        .shared
        .get("odata/RobotLogs?$filter=Level eq 'Fatal'")
        .await
        .ok(200);
    assert_eq!(fatal["@odata.count"], 2);
    let serious = scene
        .shared
        .get("odata/RobotLogs?$filter=Level ge 'Error'")
        .await
        .ok(200);
    assert_eq!(serious["@odata.count"], 4);

    // Lines of the same moment stay in the order in which they were said.
    let same: Vec<Value> = (0..20)
        .map(|n| {
            line(
                &job,
                &format!("{n:02}"),
                json!({"timeStamp": "2027-01-01T00:00:00Z"}),
            )
        })
        .collect();
    host.client.post(SUBMIT, &Value::Array(same)).await.ok(200);
    let list = scene
        .shared
        .get("odata/RobotLogs?$orderby=TimeStamp asc&$filter=TimeStamp ge 2027-01-01T00:00:00Z")
        .await
        .ok(200);
    let messages = texts(&list, "Message");
    assert!(messages.is_sorted(), "{messages:?}");
    assert_eq!(messages.len(), 20);

    let long = "ä".repeat(20_000);
    host.client
        .post(
            SUBMIT,
            &json!([line(
                &job,
                &long,
                json!({"timeStamp": "2028-01-01T00:00:00Z"})
            )]),
        )
        .await
        .ok(200);
    let list = scene.shared.get("odata/RobotLogs?$top=1").await.ok(200);
    assert_eq!(texts(&list, "Message")[0].chars().count(), 10_000);
}

async fn lines_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let (host, job) = running(&scene).await;
    let send = async |body: Value| host.client.post(SUBMIT, &body).await;
    let good = line(&job, "good", json!({}));
    for bad in ["", "nonsense", "[]", "5", "{"] {
        send(json!([good, bad])).await.refused(400, 1009);
    }
    send(json!([good, 5])).await.refused(400, 1009);
    send(json!([good, ["{}"]])).await.refused(400, 1009);
    send(Value::Null).await.refused(400, 0);
    send(json!(5)).await.refused(400, 0);
    host.client.post_raw(SUBMIT, "{").await.refused(400, 0);
    send(Value::Array(vec![good.clone(); 10_001]))
        .await
        .refused(400, 1009);
    assert_eq!(
        scene.shared.get("odata/RobotLogs").await.ok(200)["@odata.count"],
        0,
        "all of them or none"
    );
    send(json!([])).await.ok(200);
    send(Value::Array(vec![good; 250])).await.ok(200);
    assert_eq!(
        scene.shared.get("odata/RobotLogs?$top=1").await.ok(200)["@odata.count"],
        250
    );
    scene.shared.get("odata/RobotLogs(0)").await.refused(404, 0);
}

async fn who_may_write_lines(backend: Backend) {
    let scene = scene(backend).await;
    let (_, job) = running(&scene).await;
    let said = json!([line(&job, "x", json!({}))]);
    scene
        .server
        .anonymous()
        .post(SUBMIT, &said)
        .await
        .refused(401, 0);
    // Another machine may not speak for this job.
    let body = json!({"Name": "Other", "UnattendedSlots": 1});
    let other = scene.app.post("odata/Machines", &body).await.ok(201);
    let other = Host::new(
        scene
            .server
            .machine_with(text(&other, "LicenseKey"), "other"),
    );
    other.start(1).await;
    let answer = other.client.post(SUBMIT, &said).await;
    assert!((400..500).contains(&answer.status), "{}", answer.text());
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    nobody
        .folder(scene.folder)
        .post(SUBMIT, &said)
        .await
        .refused(403, 1100);
    let reader = scene
        .server
        .app_with(&["OR.Monitoring.Read"])
        .await
        .folder(scene.folder);
    reader.post(SUBMIT, &said).await.refused(403, 0);
    reader.get("odata/RobotLogs").await.ok(200);
    assert_eq!(
        scene.shared.get("odata/RobotLogs").await.ok(200)["@odata.count"],
        0
    );
    // An application that may write says where.
    scene.app.post(SUBMIT, &said).await.refused(400, 1101);
    scene.shared.post(SUBMIT, &said).await.ok(200);
    assert_eq!(
        scene.shared.get("odata/RobotLogs").await.ok(200)["@odata.count"],
        1
    );
}
