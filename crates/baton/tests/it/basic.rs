//! Client id and secret in `Authorization: Basic`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::{APP_ID, APP_SECRET, Answer, Backend, Scene, Setup, both};

use crate::support::EXE;

both!(an_id_and_secret_in_either_form);

async fn an_id_and_secret_in_either_form(backend: Backend) {
    // The secret has what a form encodes; what a form would decode; and both.
    for (app, right, wrong) in [
        (
            "shop:a(b)!",
            vec!["shop:a(b)!", "shop:a%28b%29%21", "sho%70:a%28b)!"],
            vec!["shop:a%2528b%2529%21", "shop", "shop:", "shop%3Aa(b)!", ""],
        ),
        (
            "sh op:1%41+2",
            vec!["sh op:1%41+2", "sh+op:1%2541%2B2", "sh%20op:1%2541%2b2"],
            vec!["sh+op:1%41+2", "sh op:1A 2"],
        ),
        (
            "bü:ß€",
            vec!["bü:ß€", "b%C3%BC:%C3%9F%E2%82%AC"],
            vec!["b:ß€"],
        ),
    ] {
        let setup = Setup {
            args: Vec::new(),
            env: vec![("BATON_BOOTSTRAP_APP".into(), app.into())],
        };
        let server = testkit::Server::start_with(EXE, backend, setup).await;
        let ask = async |text: &[u8]| -> Answer {
            let anonymous = server.anonymous();
            let client =
                anonymous.with("Authorization", format!("Basic {}", STANDARD.encode(text)));
            let form = [("grant_type", "client_credentials")];
            client.post_form("/identity_/connect/token", &form).await
        };
        for text in right {
            let token = ask(text.as_bytes()).await.ok(200);
            assert!(token["access_token"].is_string(), "{text}");
        }
        for text in wrong {
            let answer = ask(text.as_bytes()).await;
            assert_eq!(answer.status, 400, "{text}");
            assert_eq!(answer.json()["error"], "invalid_client", "{text}");
        }
    }
    let scene = Scene::start(EXE, backend).await;
    let credential = STANDARD.encode(format!("{APP_ID}:{APP_SECRET}"));
    let client = scene
        .server
        .anonymous()
        .with("Authorization", format!("basic {credential}"));
    let form = [("grant_type", "client_credentials")];
    client
        .post_form("/identity_/connect/token", &form)
        .await
        .ok(200);
}
