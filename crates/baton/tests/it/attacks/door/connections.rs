//! Whoever begins and does not go on.

use std::time::Duration;

use serde_json::json;
use testkit::{APP_ID, APP_SECRET, Backend, Host, Server, both, eventually, run_to_end};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::setup;
use crate::support::{EXE, text};

both!(slow_clients_lose_their_connection, hosts_may_be_silent);

/// Longer than the limits of these tests by far, and shorter than the real ones.
const LONG: Duration = Duration::from_secs(20);

async fn server_with(backend: Backend, args: &[&str]) -> Server {
    Server::start_with(EXE, backend, setup(args)).await
}

async fn connect(server: &Server) -> TcpStream {
    let address = server.url.strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// All that comes until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = timeout(LONG, stream.read_to_end(&mut said)).await;
    let _ = read.expect("the server closes the connection");
    String::from_utf8_lossy(&said).into_owned()
}

async fn slow_clients_lose_their_connection(backend: Backend) {
    let limits = ["--head-timeout", "200ms", "--body-timeout", "300ms"];
    let server = server_with(backend, &limits).await;
    for half in [
        "GET /hea",
        "GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\r\n",
        "PRI * HT",
        "\r\n",
    ] {
        let mut stream = connect(&server).await;
        stream.write_all(half.as_bytes()).await.unwrap();
        assert_eq!(rest(&mut stream).await, "", "{half}");
    }
    // Each byte in time, and the whole never.
    let mut stream = connect(&server).await;
    let dripping = async {
        stream.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
        while stream.write_all(b"X-A: b\r\n").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, dripping)
        .await
        .expect("the server closes the connection");
    // A second request on a connection is no better than the first.
    let mut stream = connect(&server).await;
    let requests = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /hea";
    stream.write_all(requests).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    stream.write_all(b"lth").await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");

    for path in ["/identity_/connect/token", "/api/Account/Authenticate"] {
        let mut stream = connect(&server).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\ngrant_");
        stream.write_all(head.as_bytes()).await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408 "), "{path}: {said}");
        assert!(said.contains("\"errorCode\":0"), "{said}");
    }
    server.anonymous().get("/ready").await.ok(200);
}

async fn hosts_may_be_silent(backend: Backend) {
    let idle = setup(&["--idle-timeout", "200ms"]);
    let scene = testkit::Scene::start_with(EXE, backend, idle).await;
    let mut quiet = connect(&scene.server).await;
    assert_eq!(rest(&mut quiet).await, "");
    let mut quiet = connect(&scene.server).await;
    quiet
        .write_all(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    assert!(rest(&mut quiet).await.ends_with("{\"status\":\"Healthy\"}"));
    // What a host waits for may come late.
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let first = host.call("AwaitCommands", json!({})).await.ok(200);
    let body = json!({"Stamp": text(&first, "stamp"), "WaitSeconds": 20});
    let later = async {
        sleep(Duration::from_millis(600)).await;
        scene.server.advance(Duration::from_secs(20));
    };
    let (second, ()) = tokio::join!(host.call("AwaitCommands", body), later);
    second.ok(200);
}

#[tokio::test]
async fn more_connections_than_there_may_be_wait() {
    let limits = ["--max-connections", "2", "--idle-timeout", "300ms"];
    let server = server_with(Backend::Sqlite, &limits).await;
    let held = [
        connect(&server).await,
        connect(&server).await,
        connect(&server).await,
    ];
    // They are served as soon as the idle ones have gone.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APP_ID),
        ("client_secret", APP_SECRET),
    ];
    server
        .anonymous()
        .post_form("/identity_/connect/token", &form)
        .await
        .ok(200);
    eventually("the log tells of it", async || {
        server
            .log()
            .contains("as many connections as there may be")
            .then_some(())
    })
    .await;
    drop(held);
}

#[tokio::test]
async fn settings_that_cannot_be() {
    let server = server_with(Backend::Sqlite, &[]).await;
    for (flag, value, why) in [
        ("--head-timeout", "soon", "no length of time"),
        ("--max-connections", "0", "at least 1"),
        ("--max-connections", "4000000000", "open files"),
        (
            "--trusted-proxy",
            "proxy",
            "neither an address nor a network",
        ),
    ] {
        let mut command = server.command_at("127.0.0.1:0");
        command.args([flag, value]);
        let output = run_to_end(command).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(why),
            "{flag}: {said}"
        );
    }
}
