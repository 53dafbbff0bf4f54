//! Tokens and the keys that sign them: which are good, and which are not.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use testkit::{APP_ID, Backend, Client, Server, both, decode_claims};

use crate::support::{EXE, START_JOBS, server, text};

both!(
    the_published_keys_verify_tokens,
    tokens_that_are_not_good,
    a_token_of_another_tenant,
);

async fn the_published_keys_verify_tokens(backend: Backend) {
    let server = server(backend).await;
    let app = server.app_with(&["OR.Jobs"]).await;
    let anonymous = server.anonymous();
    let document = anonymous
        .get("/identity_/.well-known/openid-configuration")
        .await
        .ok(200);
    assert_eq!(
        document["token_endpoint"],
        format!("{}/identity_/connect/token", server.url)
    );
    let address = text(&document, "jwks_uri")
        .strip_prefix(&server.url)
        .unwrap();
    let keys: JwkSet = serde_json::from_value(anonymous.get(address).await.ok(200)).unwrap();
    assert!(
        keys.keys
            .iter()
            .all(|k| !serde_json::to_string(k).unwrap().contains("\"d\""))
    );

    let header = jsonwebtoken::decode_header(app.token()).unwrap();
    let key = keys
        .find(header.kid.as_deref().expect("a key id"))
        .expect("the key is published");
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["UiPath.Orchestrator"]);
    rules.set_issuer(&[text(&document, "issuer")]);
    let decoding = DecodingKey::from_jwk(key).unwrap();
    let token = jsonwebtoken::decode::<Value>(app.token(), &decoding, &rules).unwrap();
    assert_eq!(token.claims["client_id"], APP_ID);

    // The check can fail: another server's key does not fit.
    let other = Server::start(EXE, Backend::Sqlite).await;
    let foreign: JwkSet = serde_json::from_value(
        other
            .anonymous()
            .get("/identity_/.well-known/openid-configuration/jwks")
            .await
            .ok(200),
    )
    .unwrap();
    let foreign = DecodingKey::from_jwk(&foreign.keys[0]).unwrap();
    assert!(jsonwebtoken::decode::<Value>(app.token(), &foreign, &rules).is_err());
}

/// Signs claims with the key of a server, as only somebody with its data folder can.
fn sign(server: &Server, claims: &Value, like: &str) -> String {
    let pem = std::fs::read(server.data().join("keys/signing.pem")).unwrap();
    let mut header = Header::new(Algorithm::RS256);
    header.kid = jsonwebtoken::decode_header(like).unwrap().kid;
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_rsa_pem(&pem).unwrap()).unwrap()
}

async fn tokens_that_are_not_good(backend: Backend) {
    let server = server(backend).await;
    let good = server.app_with(&["OR.Folders"]).await;
    let claims = decode_claims(good.token());
    let refuse = async |token: &str, why: &str| {
        let answer = server.anonymous().bearer(token).get("odata/Folders").await;
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{why}");
        let body = answer.refused(401, 0);
        assert!(
            !body["message"].as_str().unwrap().contains(token),
            "{why}: {body}"
        );
    };
    // What is signed here is good as long as its claims are.
    let resigned = sign(&server, &claims, good.token());
    server
        .anonymous()
        .bearer(&resigned)
        .get("odata/Folders")
        .await
        .ok(200);

    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut expired = claims.clone();
    expired["exp"] = (now - 600).into();
    refuse(&sign(&server, &expired, good.token()), "expired").await;

    for audience in [
        json!("other"),
        json!([]),
        json!(["IdentityServerApi", "other"]),
    ] {
        let mut foreign = claims.clone();
        foreign["aud"] = audience;
        refuse(&sign(&server, &foreign, good.token()), "another audience").await;
    }

    let other = Server::start(EXE, Backend::Sqlite).await;
    refuse(&sign(&other, &claims, good.token()), "foreign key").await;
    refuse(other.app().await.token(), "another server's").await;

    let mut parts: Vec<String> = good.token().split('.').map(str::to_owned).collect();
    let mut richer = claims.clone();
    richer["scope"] = json!(["OR.Folders", "OR.Users"]);
    parts[1] = URL_SAFE_NO_PAD.encode(richer.to_string());
    refuse(&parts.join("."), "tampered").await;
    parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    parts[2] = String::new();
    refuse(&parts.join("."), "unsigned").await;

    let mut nobody = claims.clone();
    nobody["client_id"] = "nobody".into();
    refuse(&sign(&server, &nobody, good.token()), "unknown application").await;
    for token in ["x", "a.b.c", "....", "null"] {
        refuse(token, "no token").await;
    }
    for value in [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Token x",
        "UiRobot 00000000-0000-0000-0000-000000000000",
    ] {
        server
            .anonymous()
            .with("Authorization", value)
            .get("odata/Folders")
            .await
            .refused(401, 0);
    }
    server
        .anonymous()
        .get("odata/Folders")
        .await
        .refused(401, 0);
    server
        .anonymous()
        .post(START_JOBS, &json!({}))
        .await
        .refused(401, 0);
}

/// The application with all scopes, as if it belonged to another tenant.
pub async fn of_another_tenant(server: &Server) -> Client {
    let app = server.app().await;
    let mut claims = decode_claims(app.token());
    claims["baton_tenant"] = 4711.into();
    server
        .anonymous()
        .bearer(&sign(server, &claims, app.token()))
}

async fn a_token_of_another_tenant(backend: Backend) {
    let server = server(backend).await;
    let app = server.app().await;
    let other = of_another_tenant(&server).await;
    other
        .below("/default/DefaultTenant/orchestrator_/")
        .get("odata/Folders")
        .await
        .refused(401, 0);
    other
        .with("X-UIPATH-TenantName", "DefaultTenant")
        .get("odata/Folders")
        .await
        .refused(401, 0);
    app.below("/default/Other/orchestrator_/")
        .get("odata/Folders")
        .await
        .refused(404, 0);
    app.below("/other/DefaultTenant/orchestrator_/")
        .get("odata/Folders")
        .await
        .refused(404, 0);
}
