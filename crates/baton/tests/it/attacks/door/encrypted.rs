//! Whoever listens on the way: TLS, and its certificate when it is another one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Certificate;
use testkit::{eventually, free_port, run_to_end};

use crate::support::EXE;

/// A certificate of this machine that only who has it believes.
fn certificate(folder: &Path) -> Certificate {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ])
        .args([
            "-subj",
            "/CN=tests",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
        ])
        .args([
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-days",
            "2",
        ])
        .args(["-keyout", "new.key", "-out", "new.crt"])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl can be started").success());
    for kind in ["key", "crt"] {
        let path = |name: &str| folder.join(format!("{name}.{kind}"));
        std::fs::rename(path("new"), path("tls")).unwrap();
    }
    Certificate::from_pem(&std::fs::read(folder.join("tls.crt")).unwrap()).unwrap()
}

/// Somebody who believes this certificate and no other. Each request is a connection of its own.
fn believing(certificate: Certificate) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_only([certificate])
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

fn serve(folder: &Path, listen: &str) -> Command {
    let mut command = Command::new(EXE);
    command
        .args(["serve", "--data", "data", "--listen", listen])
        .args([
            "--tls-cert",
            "tls.crt",
            "--tls-key",
            "tls.key",
            "--head-timeout",
            "300ms",
        ])
        .env_remove("BATON_DATABASE_URL")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[tokio::test]
async fn a_certificate_is_read_again_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let first = believing(certificate(folder.path()));
    let address = format!("127.0.0.1:{}", free_port());
    let mut server = serve(folder.path(), &address).spawn().unwrap();
    let url = format!("https://{address}");
    let ask = async |client: &reqwest::Client, path: &str| {
        let answer = client.get(format!("{url}{path}")).send().await.ok()?;
        answer.text().await.ok()
    };
    eventually("it serves TLS", async || ask(&first, "/health").await).await;
    // It is called https where links are.
    let said = ask(&first, "/identity_/.well-known/openid-configuration")
        .await
        .unwrap();
    assert!(
        said.contains(&format!("\"issuer\":\"{url}/identity_\"")),
        "{said}"
    );
    // Nothing is said to who does not encrypt, and nobody holds a handshake open.
    assert!(
        reqwest::get(format!("http://{address}/health"))
            .await
            .is_err()
    );
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let mut said = [0; 8];
    let closed = tokio::io::AsyncReadExt::read(&mut stream, &mut said);
    let closed = tokio::time::timeout(Duration::from_secs(20), closed).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");

    // What cannot be read leaves everything as it is.
    let (key, kept) = (
        folder.path().join("tls.key"),
        folder.path().join("kept.key"),
    );
    std::fs::rename(&key, &kept).unwrap();
    std::fs::write(&key, "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(ask(&first, "/health").await.is_some());
    let second = believing(certificate(folder.path()));
    eventually("the new one is served", async || {
        ask(&second, "/health").await
    })
    .await;
    assert!(ask(&first, "/health").await.is_none());
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn what_is_no_certificate_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let refused = async |why: &str| {
        let output = run_to_end(serve(folder.path(), "127.0.0.1:0")).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(why), "{said}");
    };
    refused("tls.crt cannot be read").await;
    certificate(folder.path());
    let key = std::fs::read(folder.path().join("tls.key")).unwrap();
    std::fs::write(folder.path().join("tls.crt"), "").unwrap();
    refused("there is no certificate in it").await;
    certificate(folder.path());
    std::fs::write(folder.path().join("tls.key"), key).unwrap();
    refused("cannot be used").await;
    let mut command = Command::new(EXE);
    command
        .args(["serve", "--tls-cert", "tls.crt"])
        .current_dir(folder.path());
    let said = String::from_utf8_lossy(&run_to_end(command).await.stderr).into_owned();
    assert!(said.contains("are given together"), "{said}");
}
