//! Tokens, good and forged.

use serde_json::json;

use super::*;

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn payload(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A token with any header and payload, signed by the server's own key.
fn signed(keys: &Keys, header: &Value, payload: &Value) -> String {
    let message = format!("{}.{}", part(header), part(payload));
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &keys.0.signing, Algorithm::RS256).unwrap();
    format!("{message}.{signature}")
}

#[test]
fn a_token_comes_back_as_it_was() {
    let (_dir, keys) = keys();
    let token = keys.sign(&claims()).unwrap();
    assert_eq!(keys.verify(&token, NOW).unwrap(), claims());
    assert_eq!(keys.clone().verify(&token, NOW + 3599).unwrap(), claims());
}

#[test]
fn on_the_wire() {
    let (_dir, keys) = keys();
    let token = keys.sign(&claims()).unwrap();
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(
        header,
        json!({"typ": "JWT", "alg": "RS256", "kid": keys.key_id()})
    );
    assert_eq!(
        payload(&token),
        json!({
            "iss": "https://host/identity_", "sub": "7", "aud": ["UiPath.Orchestrator"],
            "exp": NOW + 3600, "iat": NOW, "nbf": NOW, "jti": "j", "client_id": "app",
            "scope": ["OR.Jobs", "OR.Queues.Read"], "prt_id": "org", "baton_user": 7,
            "baton_job": "key",
        })
    );
}

#[test]
fn other_spellings_of_scope_and_audience() {
    let (_dir, keys) = keys();
    let header = json!({"alg": "RS256", "kid": keys.key_id()});
    let body = json!({"exp": NOW + 1, "aud": "one", "scope": " OR.Jobs  OR.Queues "});
    let read = keys.verify(&signed(&keys, &header, &body), NOW).unwrap();
    assert_eq!(read.aud, ["one"]);
    assert_eq!(read.scope, ["OR.Jobs", "OR.Queues"]);
}

#[test]
fn times_have_five_seconds_of_leeway() {
    let (_dir, keys) = keys();
    let token = keys.sign(&claims()).unwrap();
    let at = |now| keys.verify(&token, now).map(drop);
    assert_eq!(at(NOW + 3604), Ok(()));
    assert_eq!(at(NOW + 3605), Err(TokenError::Expired));
    assert_eq!(at(NOW - 5), Ok(()));
    assert_eq!(at(NOW - 6), Err(TokenError::NotYet));
    for extreme in [i64::MIN, i64::MAX] {
        let token = keys
            .sign(&Claims {
                exp: extreme,
                nbf: extreme,
                ..claims()
            })
            .unwrap();
        assert!(keys.verify(&token, NOW).is_err());
    }
}

#[test]
fn without_a_time_of_expiry_it_is_no_token() {
    let (_dir, keys) = keys();
    let header = json!({"alg": "RS256", "kid": keys.key_id()});
    let token = signed(&keys, &header, &json!({"sub": "7"}));
    assert_eq!(keys.verify(&token, NOW), Err(TokenError::Malformed));
}

#[test]
fn every_changed_part_is_noticed() {
    let (_dir, keys) = keys();
    let token = keys.sign(&claims()).unwrap();
    let [header, body, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();

    let mut admin = payload(&token);
    admin["baton_user"] = json!(1);
    let forged = format!("{header}.{}.{signature}", part(&admin));
    assert_eq!(keys.verify(&forged, NOW), Err(TokenError::Signature));

    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[100] ^= 1;
    let forged = format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode(bytes));
    assert_eq!(keys.verify(&forged, NOW), Err(TokenError::Signature));
    assert_eq!(
        keys.verify(&format!("{header}.{body}."), NOW),
        Err(TokenError::Signature)
    );
}

#[test]
fn what_is_no_token() {
    let (_dir, keys) = keys();
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        "Bearer x",
        "e30.e30",
        "e30.e30.e30.e30",
        "\0",
        "🦀.🦀.🦀",
    ] {
        assert_eq!(
            keys.verify(text, NOW),
            Err(TokenError::Malformed),
            "{text:?}"
        );
    }
}

#[test]
fn no_algorithm_but_ours() {
    let (_dir, keys) = keys();
    let body = part(&payload(&keys.sign(&claims()).unwrap()));
    for alg in ["none", "None", "NONE", ""] {
        let token = format!(
            "{}.{body}.",
            part(&json!({"alg": alg, "kid": keys.key_id()}))
        );
        assert_eq!(
            keys.verify(&token, NOW),
            Err(TokenError::Malformed),
            "{alg}"
        );
    }
    // The signature is right, only the header lies.
    for alg in ["RS384", "RS512", "PS256", "ES256", "HS256"] {
        let header = json!({"alg": alg, "kid": keys.key_id()});
        let token = signed(&keys, &header, &serde_json::to_value(claims()).unwrap());
        assert_eq!(
            keys.verify(&token, NOW),
            Err(TokenError::Signature),
            "{alg}"
        );
    }
}

/// The classic confusion: the public key, known to all, taken for an HMAC secret.
#[test]
fn the_public_key_is_no_secret() {
    let (_dir, keys) = keys();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(keys.key_id().to_owned());
    let jwk = keys.jwks()["keys"][0].clone();
    let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [
        modulus,
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().into(),
    ] {
        let key = EncodingKey::from_secret(&secret);
        let token = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
        assert_eq!(keys.verify(&token, NOW), Err(TokenError::Signature));
    }
}

#[test]
fn tokens_of_other_servers() {
    let ((_a, ours), (_b, theirs)) = (keys(), keys());
    assert_ne!(ours.key_id(), theirs.key_id());
    let token = theirs.sign(&claims()).unwrap();
    assert_eq!(ours.verify(&token, NOW), Err(TokenError::Signature));

    // Our key under another id, or under none.
    let body = serde_json::to_value(claims()).unwrap();
    for header in [
        json!({"alg": "RS256", "kid": theirs.key_id()}),
        json!({"alg": "RS256"}),
    ] {
        let token = signed(&ours, &header, &body);
        assert_eq!(ours.verify(&token, NOW), Err(TokenError::Signature));
    }
}

#[test]
fn the_published_key_verifies() {
    let (_dir, keys) = keys();
    let set: JwkSet = serde_json::from_value(keys.jwks()).unwrap();
    let jwk = set.find(keys.key_id()).unwrap();
    let published = DecodingKey::from_jwk(jwk).unwrap();
    let token = keys.sign(&claims()).unwrap();
    assert!(jsonwebtoken::decode::<Claims>(&token, &published, &validation()).is_ok());

    let json = &keys.jwks()["keys"][0];
    let public = ["kty", "use", "alg", "kid", "n", "e"];
    assert!(
        json.as_object()
            .unwrap()
            .keys()
            .all(|k| public.contains(&k.as_str())),
        "{json}"
    );
    assert_eq!(
        (&json["kty"], &json["use"], &json["alg"]),
        (&json!("RSA"), &json!("sig"), &json!("RS256"))
    );
}
