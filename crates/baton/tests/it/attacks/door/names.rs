//! Whoever calls the server by a name that is not its own.

use serde_json::json;
use testkit::{APP_ID, APP_SECRET, Backend, Client, Server, both, decode_claims};

use super::setup;
use crate::support::{EXE, server, text};

both!(unknown_hosts_are_in_no_link, hosts_that_are_allowed);

/// Every text in which the server says where it is.
async fn links(server: &Server, host: &str) -> Vec<String> {
    let anonymous = server.anonymous().with("Host", host);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", APP_ID),
        ("client_secret", APP_SECRET),
    ];
    let token = anonymous
        .post_form("/identity_/connect/token", &form)
        .await
        .ok(200);
    let token = text(&token, "access_token").to_owned();
    let app: Client = anonymous.bearer(&token);
    let discovery = "/identity_/.well-known/openid-configuration";
    let mut said = vec![
        decode_claims(&token)["iss"].to_string(),
        anonymous.get(discovery).await.ok(200).to_string(),
        anonymous.get("/swagger/v20.0/swagger.json").await.text(),
        app.get("odata").await.ok(200).to_string(),
    ];
    let paged = app.with("Prefer", "maxpagesize=1").get("odata/Roles").await;
    let paged = paged.ok(200);
    let name = format!("Role {}", paged["@odata.count"]);
    said.push(paged.to_string());
    let role = json!({"Name": name, "Permissions": [{"Name": "Machines.View"}]});
    let made = app.post("odata/Roles", &role).await;
    said.push(made.header("location").to_owned());
    said.push(made.ok(201).to_string());
    let machine = server.machine().with("Host", host);
    let told = machine.get("api/RobotsService/GetConnectionData").await;
    said.push(told.text());
    said
}

async fn unknown_hosts_are_in_no_link(backend: Backend) {
    let server = server(backend).await;
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "evil@127.0.0.1",
    ] {
        for said in links(&server, host).await {
            assert!(!said.contains("evil"), "{said}");
        }
    }
    let said = links(&server, "evil.example").await.concat();
    assert!(said.contains(&format!("{}/odata", server.url)), "{said}");
    let said = links(&server, "localhost:1").await;
    assert_eq!(said[0], "\"http://localhost:1/identity_\"");
}

async fn hosts_that_are_allowed(backend: Backend) {
    let setup = setup(&["--allowed-hosts", "rpa.example, *.corp"]);
    let server = Server::start_with(EXE, backend, setup).await;
    for host in ["rpa.example", "RPA.example:8443", "a.corp"] {
        let said = links(&server, host).await;
        assert_eq!(said[0], format!("\"http://{host}/identity_\""));
    }
    for said in links(&server, "other.example").await {
        assert!(!said.contains("other.example"), "{said}");
    }
}
