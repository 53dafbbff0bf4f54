//! Whoever guesses has to wait, and nobody else.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{ADMIN_PASSWORD, APP_ID, APP_SECRET, Answer, Backend, Client, Scene, both};

use super::setup;
use crate::support::{EXE, scene, texts};

both!(
    passwords_cannot_be_guessed,
    secrets_of_applications_cannot_be_guessed,
    guesses_at_once_are_no_more,
    many_accounts_from_one_address,
    whoever_signs_in_is_written_down,
);

const TOKEN: &str = "/identity_/connect/token";

async fn sign_in(client: &Client, name: &str, password: &str) -> Answer {
    let body = json!({"usernameOrEmailAddress": name, "password": password});
    client.post("/api/Account/Authenticate", &body).await
}

async fn ask_token(client: &Client, id: &str, secret: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ];
    client.post_form(TOKEN, &form).await
}

async fn passwords_cannot_be_guessed(backend: Backend) {
    let scene = scene(backend).await;
    let anonymous = scene.server.anonymous();
    let mut told = 0;
    for guess in 0..60 {
        let answer = sign_in(&anonymous, "admin", &format!("guess-{guess}")).await;
        match answer.status {
            400 => told += 1,
            _ => assert_eq!(answer.status, 429, "{}", answer.text()),
        }
    }
    assert!((5..12).contains(&told), "{told} guesses were told wrong");
    // Under another spelling it is the same account, and the right password is not told either.
    let held = sign_in(&anonymous, " ADMIN ", ADMIN_PASSWORD).await;
    let after: u64 = held.header("retry-after").parse().unwrap();
    assert!((1..=900).contains(&after), "{after}");
    let said = held.refused(429, 1032);
    assert!(
        said["message"].as_str().unwrap().contains("Try again in"),
        "{said}"
    );
    // Others come in from the same address.
    scene.server.user("jane", &[]).await;

    scene.server.advance(Duration::from_secs(after + 1));
    sign_in(&anonymous, "admin", ADMIN_PASSWORD).await.ok(200);
    // It begins anew.
    sign_in(&anonymous, "admin", "guess")
        .await
        .refused(400, 1000);
    sign_in(&anonymous, "admin", ADMIN_PASSWORD).await.ok(200);
    let log = scene.server.log();
    assert!(
        log.contains("wrong name or password") && !log.contains("guess-1"),
        "{log}"
    );
}

async fn secrets_of_applications_cannot_be_guessed(backend: Backend) {
    let scene = scene(backend).await;
    let anonymous = scene.server.anonymous();
    for _ in 0..5 {
        let wrong = ask_token(&anonymous, APP_ID, "guess").await.ok(400);
        assert_eq!(wrong["error"], "invalid_client");
    }
    let held = ask_token(&anonymous, APP_ID, APP_SECRET).await;
    let after: u64 = held.header("retry-after").parse().unwrap();
    let said = held.ok(429);
    assert_eq!(said["error"], "temporarily_unavailable");
    assert!(
        said["error_description"]
            .as_str()
            .unwrap()
            .contains("Try again in"),
        "{said}"
    );
    // Also in the header, in other words.
    let request = anonymous.request("POST", TOKEN);
    let request = request.basic_auth(APP_ID.replacen('b', "%62", 1), Some(APP_SECRET));
    let form = [("grant_type", "client_credentials")];
    assert_eq!(anonymous.send(request.form(&form)).await.status, 429);

    scene.server.advance(Duration::from_secs(after));
    ask_token(&anonymous, APP_ID, APP_SECRET).await.ok(200);
    let path = "odata/AuditLogs?$filter=startswith(OperationText,'The server refused')";
    let list = scene.app.get(path).await.ok(200);
    let refused =
        format!("The server refused a token to application {APP_ID} from 127.0.0.1: wrong secret");
    let written = texts(&list, "OperationText");
    assert_eq!(
        written[0],
        format!("{refused}, and asks nobody again for 5 s")
    );
    assert_eq!(written[1..], [refused.as_str(); 4]);
    // The key of a machine is a secret, and is not written down.
    let key = &scene.server.machine_key;
    ask_token(&anonymous, key, "guess").await.ok(400);
    let list = scene.app.get(path).await.ok(200).to_string();
    let machine = format!("a token to machine {} from", scene.machine);
    assert!(
        list.contains(&machine) && !list.contains(key.as_str()),
        "{list}"
    );
    assert!(!scene.server.log().contains(&format!("{key}\"")));
}

async fn guesses_at_once_are_no_more(backend: Backend) {
    let scene = scene(backend).await;
    let anonymous = scene.server.anonymous();
    let guesses = (0..40).map(|_| sign_in(&anonymous, "admin", "guess"));
    let answers = futures_of(guesses).await;
    let told = answers.iter().filter(|status| **status == 400).count();
    assert_eq!(told, 5, "{answers:?}");
}

/// The statuses of requests that are sent at once.
async fn futures_of(requests: impl Iterator<Item = impl Future<Output = Answer>>) -> Vec<u16> {
    let mut pending: Vec<_> = requests.map(Box::pin).collect();
    let mut statuses = Vec::new();
    std::future::poll_fn(|cx| {
        pending.retain_mut(|request| match request.as_mut().poll(cx) {
            std::task::Poll::Ready(answer) => {
                statuses.push(answer.status);
                false
            }
            std::task::Poll::Pending => true,
        });
        match pending.is_empty() {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    statuses
}

async fn many_accounts_from_one_address(backend: Backend) {
    let proxy = setup(&["--trusted-proxy", "127.0.0.0/8"]);
    let scene = Scene::start_with(EXE, backend, proxy).await;
    let from = |address: &str| scene.server.anonymous().with("X-Forwarded-For", address);
    for guess in 0..30 {
        let name = format!("nobody-{guess}");
        sign_in(&from("6.6.6.6, 10.1.1.1"), &name, "x")
            .await
            .refused(400, 1000);
    }
    // Neither another account nor another kind of one, whatever it says of where it comes from.
    for claimed in ["10.1.1.1", "7.7.7.7, 10.1.1.1"] {
        let held = sign_in(&from(claimed), "admin", ADMIN_PASSWORD).await;
        held.refused(429, 1032);
        assert_eq!(
            ask_token(&from(claimed), APP_ID, APP_SECRET).await.status,
            429
        );
    }
    sign_in(&from("10.1.1.2"), "admin", ADMIN_PASSWORD)
        .await
        .ok(200);
    ask_token(&from("10.1.1.2"), APP_ID, APP_SECRET)
        .await
        .ok(200);

    // One account from many addresses: whoever was right there before still is.
    for address in 0..12 {
        for _ in 0..5 {
            sign_in(&from(&format!("10.2.0.{address}")), "admin", "x").await;
        }
    }
    let held = sign_in(&from("10.3.0.1"), "admin", ADMIN_PASSWORD).await;
    let after: u64 = held.header("retry-after").parse().unwrap();
    held.refused(429, 1032);
    assert!(after <= 61, "{after}");
    sign_in(&from("10.1.1.2"), "admin", ADMIN_PASSWORD)
        .await
        .ok(200);
    scene.server.advance(Duration::from_secs(61));
    sign_in(&from("10.3.0.1"), "admin", ADMIN_PASSWORD)
        .await
        .ok(200);
}

async fn whoever_signs_in_is_written_down(backend: Backend) {
    let scene = scene(backend).await;
    let anonymous = scene.server.anonymous();
    // Nobody is trusted to say where others come from.
    let liar = anonymous.with("X-Forwarded-For", "10.9.9.9");
    sign_in(&liar, "admin", "guess").await.refused(400, 1000);
    sign_in(&anonymous, "my-password", "guess")
        .await
        .refused(400, 1000);
    scene.server.admin().await;
    let path = "odata/AuditLogs?$filter=Component eq 'Users'&$expand=Entities";
    let list = scene.app.get(path).await.ok(200);
    let wrong = [
        "The server refused to sign in somebody from 127.0.0.1: no such user",
        "The server refused to sign in user admin from 127.0.0.1: wrong password",
    ];
    assert_eq!(texts(&list, "OperationText"), wrong);
    assert_eq!(list["value"][1]["Entities"][0]["EntityName"], "UserDto");
    assert_eq!(list["value"][0]["EntityId"], Value::Null);

    let setting = json!({"Name": "Baton.Audit.SignIns", "Value": "true"});
    let update = "odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk";
    let body = json!({"settings": [setting]});
    let answer = scene.app.post(update, &body).await;
    assert!(answer.status < 300, "{}", answer.text());
    scene.server.admin().await;
    let list = scene.app.get(path).await.ok(200);
    let newest = texts(&list, "OperationText")[0].to_owned();
    assert_eq!(newest, "User admin signed in from 127.0.0.1");
}
