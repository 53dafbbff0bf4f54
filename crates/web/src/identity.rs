//! `/identity_/*` and the legacy sign-in: tokens, discovery, keys.

use std::borrow::Cow;
use std::sync::Arc;

use ::identity::{burn, scopes, verify_password};
use axum::body::Body;
use axum::http::{Method, Request, Response};
use orchestrator::tenants::Tenant;
use orchestrator::tokens::{self, Client};
use orchestrator::users::login::LoginModel;
use orchestrator::{Caller, Code, Error, Result, users};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::json_response;
use crate::{basic, body, contract, request};

/// Answers `/identity_/{rest}`; `origin` and `prefix` make the issuer.
pub async fn handle(
    app: &Arc<App>,
    rest: &str,
    issuer: &str,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let path = rest.trim_matches('/').to_ascii_lowercase();
    match (request.method(), path.as_str()) {
        (&Method::POST, "connect/token") => token(app, issuer, request).await,
        (&Method::GET, ".well-known/openid-configuration") => Ok(discovery(issuer)),
        (&Method::GET, ".well-known/openid-configuration/jwks" | ".well-known/jwks") => {
            Ok(json_response(200, app.server.keys.jwks().to_string()))
        }
        (method, _) if contract::knows(method.as_str(), &format!("identity_/{path}")) => {
            Err(Error::NotBuilt(format!(
                "{method} identity_/{path} is part of the API but is not built in this version of Baton."
            )))
        }
        (method, _) => Err(Error::NoSuchAddress(format!(
            "There is no {method} identity_/{path}."
        ))),
    }
}

fn discovery(issuer: &str) -> Response<Body> {
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/openid-configuration/jwks"),
        "token_endpoint": format!("{issuer}/connect/token"),
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "scopes_supported": scopes::all(),
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["token"],
    });
    json_response(200, document.to_string())
}

/// RFC 6749 errors of the token endpoint.
fn refuse(status: u16, error: &str, description: &str) -> Response<Body> {
    let body = json!({"error": error, "error_description": description});
    json_response(status, body.to_string())
}

struct Form(Vec<(String, String)>);

impl Form {
    fn parse(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str());
        found.filter(|v| !v.is_empty())
    }
}

/// `POST connect/token` with `grant_type=client_credentials`.
async fn token(app: &Arc<App>, issuer: &str, request: Request<Body>) -> Result<Response<Body>> {
    let basic = basic::credentials(request.headers());
    let form = Form::parse(&body::bytes(request.into_body()).await?);
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            let text = "Only client_credentials is built in this version of Baton.";
            return Ok(refuse(400, "unsupported_grant_type", text));
        }
        None => return Ok(refuse(400, "invalid_request", "grant_type is missing.")),
    }
    let client = match client_of(app, &form, basic).await? {
        Ok(client) => client,
        Err(why) => return Ok(refuse(400, "invalid_client", why)),
    };
    let granted = match scopes::request(form.get("scope"), &client.scopes) {
        Ok(granted) => granted,
        Err(scopes::InvalidScope(unknown)) => {
            let text = format!("Not allowed for this client: {}.", unknown.join(" "));
            return Ok(refuse(400, "invalid_scope", &text));
        }
    };
    let tenant = tenant(app, client.tenant)?;
    let now = app.now();
    let claims = tokens::of_client(issuer, &tenant, &client, &granted, now);
    let body = json!({
        "access_token": app.server.keys.sign(&claims)?,
        "expires_in": tokens::CLIENT_SECONDS,
        "token_type": "Bearer",
        "scope": granted.join(" "),
    });
    let mut response = json_response(200, body.to_string());
    let no_store = axum::http::HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(axum::http::header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Whoever the form names, or else the header, in one of the ways it may be meant; or why it is nobody.
async fn client_of(
    app: &App,
    form: &Form,
    basic: Vec<(String, String)>,
) -> Result<Result<Client, &'static str>> {
    let given = form.get("client_id").map(|id| {
        let secret = form.get("client_secret").unwrap_or_default();
        vec![(id.to_owned(), secret.to_owned())]
    });
    let meant = given.unwrap_or(basic);
    if meant.is_empty() {
        return Ok(Err("client_id and client_secret are missing."));
    }
    for (id, secret) in &meant {
        let (id, secret) = (id.clone(), secret.clone());
        let found = app.db.read(move |tx| tokens::client(tx, &id, &secret));
        if let Some(client) = found.await? {
            return Ok(Ok(client));
        }
    }
    Ok(Err("The client id or its secret is wrong."))
}

fn tenant(app: &App, id: i64) -> Result<Tenant> {
    let tenants = Arc::clone(&app.tenants.read());
    tenants
        .iter()
        .find(|t| t.id == id)
        .cloned()
        .ok_or_else(|| Error::not_found("Tenant"))
}

/// One issuer for all layouts, so that a token fits every one of them.
pub fn issuer(origin: &str) -> String {
    format!("{origin}/identity_")
}

/// `POST /api/Account/Authenticate`: name and password into a token for half an hour, in the
/// envelope that old clients parse.
pub async fn authenticate(
    app: &Arc<App>,
    caller: &Caller,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let origin = request::origin(&request, app.config.public_url.as_deref());
    let issuer = issuer(&origin);
    let (parts, body) = request.into_parts();
    let named = request::header(&parts.headers, "x-uipath-tenantname").map(Cow::into_owned);
    let login: LoginModel = body::read(&parts.headers, body).await?.read("loginModel")?;
    let wrong = || {
        Error::refused(
            Code::InvalidRequest,
            "Invalid username/email address or password.",
        )
    };
    let tenants = Arc::clone(&app.tenants.read());
    let name = login.tenancy_name.filter(|n| !n.is_empty()).or(named);
    // The body's tenant, or the address's, or the only one of a stand-alone installation.
    let tenant = match &name {
        Some(name) => tenants
            .iter()
            .find(|t| t.name.to_lowercase() == name.to_lowercase()),
        None => tenants.iter().find(|t| t.id == caller.tenant),
    };
    let tenant = tenant.cloned().ok_or_else(wrong)?;
    let (id, user_name) = (tenant.id, login.username_or_email_address.clone());
    let user = app
        .db
        .read(move |tx| users::find_login(tx, id, &user_name))
        .await?;
    let hash = user.as_ref().and_then(|u| u.password_hash.clone());
    if !password_fits(app, login.password, hash).await? {
        return Err(wrong());
    }
    let user = user.ok_or_else(wrong)?;
    let now = app.now();
    let user_id = user.id;
    app.db
        .write(move |tx| users::signed_in(tx, user_id, now))
        .await?;
    let keys = &app.server.keys;
    let claims = tokens::of_person(keys, &issuer, &tenant, &user, now);
    let token = keys.sign(&claims)?;
    let answer = json!({
        "result": token, "targetUrl": Value::Null, "success": true, "error": Value::Null,
        "unAuthorizedRequest": false, "__abp": true,
    });
    Ok(json_response(200, answer.to_string()))
}

/// Hashing is slow on purpose: off the event loop, and never much of it at once. An unknown name
/// takes as long as a wrong password.
async fn password_fits(app: &App, password: String, hash: Option<String>) -> Result<bool> {
    let internal = |e: &dyn std::fmt::Display| Error::Internal(format!("password check: {e}"));
    let _permit = app.hashing.acquire().await.map_err(|e| internal(&e))?;
    let check = move || match hash {
        Some(hash) => verify_password(&password, &hash),
        None => {
            burn();
            false
        }
    };
    tokio::task::spawn_blocking(check)
        .await
        .map_err(|e| internal(&e))
}
