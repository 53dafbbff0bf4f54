//! Who may come in: tokens, sign-in, keys, scopes, permissions, folders.

use serde_json::{Value, json};
use testkit::{ADMIN_PASSWORD, APP_ID, APP_SECRET, Answer, Backend, both, decode_claims};

use crate::support::{self, scene, server, text};

both!(
    a_token_at_every_address,
    the_token_endpoint_refuses_in_the_words_of_oauth,
    basic_authentication,
    a_machine_gets_a_token_with_its_secret,
    sign_in_with_a_password,
);

const TOKEN: &str = "/identity_/connect/token";

fn form<'a>(secret: &'a str, scope: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("client_secret", secret),
        ("client_id", APP_ID),
        ("scope", scope),
        ("grant_type", "client_credentials"),
    ]
}

async fn a_token_at_every_address(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    for prefix in [
        "/identity_",
        "/identity",
        "/default/identity_",
        "/default/DefaultTenant/identity_",
        "/DEFAULT/identity",
        "/Default/defaulttenant/identity_",
    ] {
        let answer = anonymous
            .post_form(
                &format!("{prefix}/connect/token"),
                &form(APP_SECRET, "OR.Folders"),
            )
            .await;
        let token = answer.ok(200)["access_token"].as_str().unwrap().to_owned();
        anonymous.bearer(&token).get("odata/Folders").await.ok(200);
        let document = anonymous
            .get(&format!("{prefix}/.well-known/openid-configuration"))
            .await
            .ok(200);
        assert_eq!(
            document["issuer"],
            format!("{}/identity_", server.url),
            "{prefix}"
        );
    }
    anonymous
        .post_form("/nowhere/identity_/connect/token", &form(APP_SECRET, ""))
        .await
        .refused(404, 0);
}

/// RFC 6749, 5.2
#[track_caller]
fn oauth_error(answer: Answer, status: u16, error: &str) {
    let what = answer.what.clone();
    let body = answer.ok(status);
    assert_eq!(body["error"], error, "{what}: {body}");
    assert!(
        body["error_description"]
            .as_str()
            .is_some_and(|d| !d.is_empty()),
        "{body}"
    );
    assert!(body.get("access_token").is_none());
}

async fn the_token_endpoint_refuses_in_the_words_of_oauth(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    let post = async |fields: &[(&str, &str)]| anonymous.post_form(TOKEN, fields).await;
    let with = |name: &str, value: &'static str| -> Vec<(&str, &str)> {
        let all = form(APP_SECRET, "OR.Jobs");
        all.into_iter()
            .map(|(n, v)| if n == name { (n, value) } else { (n, v) })
            .collect()
    };
    let without = |name: &str| -> Vec<(&str, &str)> {
        form(APP_SECRET, "OR.Jobs")
            .into_iter()
            .filter(|(n, _)| *n != name)
            .collect()
    };
    oauth_error(
        post(&with("client_secret", "wrong")).await,
        400,
        "invalid_client",
    );
    oauth_error(
        post(&with("client_secret", "")).await,
        400,
        "invalid_client",
    );
    oauth_error(
        post(&with("client_id", "unknown")).await,
        400,
        "invalid_client",
    );
    oauth_error(
        post(&with("client_id", "' OR 1=1 --")).await,
        400,
        "invalid_client",
    );
    oauth_error(post(&without("client_secret")).await, 400, "invalid_client");
    oauth_error(post(&without("client_id")).await, 400, "invalid_client");
    oauth_error(post(&without("grant_type")).await, 400, "invalid_request");
    oauth_error(
        post(&with("grant_type", "password")).await,
        400,
        "unsupported_grant_type",
    );
    oauth_error(
        post(&with("scope", "OR.Jobs OR.Nonsense")).await,
        400,
        "invalid_scope",
    );
    oauth_error(post(&[]).await, 400, "invalid_request");
    oauth_error(
        anonymous.post_raw(TOKEN, [0xff, 0xfe, b'=']).await,
        400,
        "invalid_request",
    );
    // Without a scope everything that the client may have is granted.
    let all = post(&without("scope")).await.ok(200);
    assert!(
        all["scope"]
            .as_str()
            .is_some_and(|s| s.contains("OR.Webhooks")),
        "{all}"
    );
}

async fn basic_authentication(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    let ask = async |secret: &str| {
        let request = anonymous
            .request("POST", TOKEN)
            .basic_auth(APP_ID, Some(secret));
        anonymous
            .send(request.form(&[
                ("grant_type", "client_credentials"),
                ("scope", "OR.Jobs.Read"),
            ]))
            .await
    };
    assert_eq!(ask(APP_SECRET).await.ok(200)["scope"], "OR.Jobs.Read");
    oauth_error(ask("wrong").await, 400, "invalid_client");
}

async fn a_machine_gets_a_token_with_its_secret(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Own", "Type": "Template", "UnattendedSlots": 1});
    let machine = scene.app.post("odata/Machines", &body).await.ok(201);
    let (key, secret) = (text(&machine, "LicenseKey"), text(&machine, "ClientSecret"));
    let anonymous = scene.server.anonymous();
    let ask = async |secret: &str| {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", key),
            ("client_secret", secret),
        ];
        anonymous.post_form(TOKEN, &fields).await
    };
    oauth_error(ask("wrong").await, 400, "invalid_client");
    let token = ask(secret).await.ok(200)["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let host = scene
        .server
        .machine_with(key, "own-host")
        .without("X-ROBOT-LICENSE")
        .bearer(&token);
    host.post("api/RobotsService/StartService", &json!({}))
        .await
        .ok(200);
    let sessions = scene
        .app
        .get("odata/Sessions?$filter=HostMachineName eq 'own-host'")
        .await
        .ok(200);
    assert_eq!(sessions["value"][0]["MachineId"], machine["Id"]);
    // It speaks the robot protocol; it is nobody to the rest of the API.
    host.get("odata/Folders").await.refused(403, 0);
}

async fn sign_in_with_a_password(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    let sign_in = async |path: &str, body: Value| anonymous.post(path, &body).await;
    let camel = json!({"tenancyName": "DefaultTenant", "usernameOrEmailAddress": "admin", "password": ADMIN_PASSWORD});
    let pascal = json!({"TenancyName": "defaulttenant", "UsernameOrEmailAddress": "ADMIN", "Password": ADMIN_PASSWORD});
    let short = json!({"usernameOrEmailAddress": "admin", "password": ADMIN_PASSWORD});
    for (path, body) in [
        ("/api/Account/Authenticate", &camel),
        ("/api/account/authenticate", &pascal),
        (
            "/default/DefaultTenant/orchestrator_/api/Account/Authenticate",
            &short,
        ),
    ] {
        let answer = sign_in(path, body.clone()).await.ok(200);
        assert_eq!(answer["success"], true);
        assert_eq!(answer["__abp"], true);
        assert_eq!(answer["unAuthorizedRequest"], false);
        assert_eq!(
            (&answer["error"], &answer["targetUrl"]),
            (&Value::Null, &Value::Null)
        );
        let token = text(&answer, "result");
        let claims = decode_claims(token);
        assert_eq!(
            claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(),
            1800
        );
        let me = support::me(&anonymous.bearer(token)).await;
        assert_eq!(me["UserName"], "admin");
        assert!(me["LastLoginTime"].is_string());
        assert_eq!(me["Password"], Value::Null);
    }
    let path = "/api/Account/Authenticate";
    for (member, value) in [
        ("password", "wrong"),
        ("password", ""),
        ("usernameOrEmailAddress", "nobody"),
        ("usernameOrEmailAddress", "local-robot"),
        ("tenancyName", "Other"),
    ] {
        let mut body = camel.clone();
        body[member] = value.into();
        let refused = sign_in(path, body).await.refused(400, 1000);
        assert_eq!(
            refused["message"],
            "Invalid username/email address or password."
        );
    }
    for body in [
        json!({}),
        json!([]),
        json!({"usernameOrEmailAddress": "admin"}),
        json!({"password": 5, "usernameOrEmailAddress": "admin"}),
    ] {
        let answer = sign_in(path, body).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(
            answer.json()["message"]
                .as_str()
                .is_some_and(|m| !m.is_empty())
        );
    }
    // An application is nobody.
    let app = server.app().await;
    app.get("odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser")
        .await
        .refused(401, 0);
}
