//! Bodies in other encodings than UTF-8.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};

use crate::queues::{at, queue};
use crate::support::{column, scene, text};

both!(
    json_in_the_encoding_that_is_named,
    encodings_that_are_not_known,
    files_in_the_encoding_that_is_named,
);

async fn post(client: &Client, path: &str, kind: &str, body: &[u8]) -> Answer {
    let request = client.request("POST", path).header("Content-Type", kind);
    client.send(request.body(body.to_vec())).await
}

fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

async fn json_in_the_encoding_that_is_named(backend: Backend) {
    let scene = scene(backend).await;
    let body = |n: usize| format!("{{\"Name\":\"Büro € {n}\"}}");
    let little = |n| utf_16(&body(n), u16::to_le_bytes);
    let big = |n| utf_16(&body(n), u16::to_be_bytes);
    let windows = b"{'Name':'B\xfcro \x80 5'}".to_vec();
    let sent: [(&str, Vec<u8>); 9] = [
        ("application/json; charset=utf-8", body(0).into()),
        ("application/json;charset=utf-16", little(1)),
        (
            "application/json; charset=utf-16",
            [b"\xff\xfe".to_vec(), little(2)].concat(),
        ),
        ("application/json", [b"\xfe\xff".to_vec(), big(3)].concat()),
        (
            "application/json",
            [b"\xef\xbb\xbf", body(4).as_bytes()].concat(),
        ),
        ("application/json; charset=windows-1252", windows),
        ("application/json; charset=\"UTF-16BE\"", big(6)),
        ("application/json", little(7)),
        (
            "application/json; odata.metadata=minimal; charset=iso-8859-15",
            b"{\"Name\":\"B\xfcro \xa4 8\"}".to_vec(),
        ),
    ];
    for (n, (kind, bytes)) in sent.iter().enumerate() {
        let made = post(&scene.app, "odata/Machines", kind, bytes)
            .await
            .ok(201);
        assert_eq!(text(&made, "Name"), format!("Büro € {n}"), "{kind}");
    }
    let latin = "application/json; charset=iso-8859-1";
    let login = format!(
        "{{'usernameOrEmailAddress':'admin','password':'{}'}}",
        testkit::ADMIN_PASSWORD
    );
    let anonymous = scene.server.anonymous();
    post(
        &anonymous,
        "api/Account/Authenticate",
        latin,
        login.as_bytes(),
    )
    .await
    .ok(200);
    let log = b"[\"{'message':'B\xfcro'}\"]";
    post(&scene.shared, "api/Logs/SubmitLogs", latin, log)
        .await
        .ok(200);
    let logs = scene.shared.get("odata/RobotLogs").await.ok(200);
    assert_eq!(column(&logs, "Message"), ["Büro"]);
    let batch = json!({"requests": [{"id": "1", "method": "post", "url": "Machines",
        "body": {"Name": "in a batch: ü"}}]});
    let batch = utf_16(&batch.to_string(), u16::to_le_bytes);
    let kind = "application/json; charset=utf-16";
    let answer = post(&scene.app, "odata/$batch", kind, &batch).await.ok(200);
    assert_eq!(answer["responses"][0]["body"]["Name"], "in a batch: ü");
}

async fn encodings_that_are_not_known(backend: Backend) {
    let scene = scene(backend).await;
    for kind in [
        "application/json; charset=klingon",
        "application/json; charset=utf-7",
    ] {
        for path in ["odata/Machines", "api/Account/Authenticate", "odata/$batch"] {
            let said = post(&scene.app, path, kind, b"{\"Name\":\"x\"}").await;
            let said = said.refused(415, 0);
            assert!(
                text(&said, "message").contains("send the body in UTF-8"),
                "{said}"
            );
        }
    }
    // Bytes that are not what they say, and bytes that say nothing.
    let latin = b"{\"Name\":\"B\xfcro\"}";
    for kind in ["application/json", "application/json; charset=utf-8"] {
        let said = post(&scene.app, "odata/Machines", kind, latin).await;
        let said = said.refused(400, 0);
        let message = text(&said, "message");
        assert!(
            message.starts_with(
                "machineDto must not be null: the body is not text in UTF-8, as byte 11"
            ),
            "{said}"
        );
        assert!(message.contains("charset=iso-8859-1"), "{said}");
    }
    let request = scene.app.request("POST", "odata/Machines");
    let request = request
        .header("Content-Encoding", "gzip")
        .body(b"\x1f\x8b".to_vec());
    scene.app.send(request).await.refused(415, 0);
    let machines = scene.app.get("odata/Machines").await.ok(200);
    assert_eq!(column(&machines, "Name"), ["Local"]);
}

async fn files_in_the_encoding_that_is_named(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let path = format!("{}/Baton.UploadItems", at("QueueDefinitions", &made));
    let file = "Reference,Größe\nä,ß\n";
    let latin: Vec<u8> = file.chars().map(|c| c as u8).collect();
    let marked = [b"\xff\xfe".to_vec(), utf_16(file, u16::to_le_bytes)].concat();
    for (kind, bytes) in [
        ("text/csv; charset=iso-8859-1", &latin),
        ("text/csv; charset=utf-16", &marked),
        ("text/csv", &marked),
    ] {
        let answer = post(&scene.shared, &path, kind, bytes).await.ok(200);
        assert_eq!(answer["Success"], true, "{answer}");
    }
    let items = scene.shared.get("odata/QueueItems").await.ok(200);
    let expected: Value = json!({"Größe": "ß"});
    assert_eq!(column(&items, "SpecificContent"), [&expected; 3]);
    post(&scene.shared, &path, "text/csv", &latin)
        .await
        .refused(400, 1000);
    post(&scene.shared, &path, "text/csv; charset=klingon", &latin)
        .await
        .refused(415, 0);
}
