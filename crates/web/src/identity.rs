//! `/identity_/*` and the legacy sign-in: tokens, discovery, keys.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ::identity::{burn, scopes, verify_password};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, Response, header};
use db::Tx;
use orchestrator::tenants::Tenant;
use orchestrator::tokens::{self, Client};
use orchestrator::users::Login;
use orchestrator::users::login::LoginModel;
use orchestrator::{Caller, Code, Error, Result, users};
use serde_json::{Value, json};

use crate::app::App;
use crate::door::attempts::Verdict;
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
    let (parts, body) = request.into_parts();
    let basic = basic::credentials(&parts.headers);
    let address = app.config.door.address(&parts.headers, &parts.extensions);
    let form = Form::parse(&body::bytes(body).await?);
    match form.get("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            let text = "Only client_credentials is built in this version of Baton.";
            return Ok(refuse(400, "unsupported_grant_type", text));
        }
        None => return Ok(refuse(400, "invalid_request", "grant_type is missing.")),
    }
    let client = match client_of(app, &form, basic, address).await? {
        Ok(client) => client,
        Err(refusal) => return Ok(refusal),
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
    Ok(json_response(200, body.to_string()))
}

/// Whoever the form names, or else the header, in one of the ways it may be meant; or the answer that it
/// is nobody.
async fn client_of(
    app: &App,
    form: &Form,
    basic: Vec<(String, String)>,
    address: IpAddr,
) -> Result<Result<Client, Response<Body>>> {
    let given = form.get("client_id").map(|id| {
        let secret = form.get("client_secret").unwrap_or_default();
        vec![(id.to_owned(), secret.to_owned())]
    });
    let meant = given.unwrap_or(basic);
    // Decoded where there are two: however it is encoded, it is the same account.
    let Some((named, _)) = meant.first().cloned() else {
        let text = "client_id and client_secret are missing.";
        return Ok(Err(refuse(400, "invalid_client", text)));
    };
    let who = app.attempts.who("client", &named, address);
    let wait = app.attempts.wait(&who, app.now());
    if !wait.is_zero() {
        return Ok(Err(held_back(wait)));
    }
    let find = move |tx: &mut Tx<'_>| {
        for (id, secret) in &meant {
            if let Some(client) = tokens::client(tx, id, secret)? {
                return Ok(Some(client));
            }
        }
        Ok::<_, Error>(None)
    };
    let found = app.db.read(find).await?;
    let now = app.now();
    match (app.attempts.settle(&who, found.is_some(), now), found) {
        (Verdict::Right, Some(client)) => Ok(Ok(client)),
        (Verdict::Later(wait), _) => Ok(Err(held_back(wait))),
        (Verdict::Wrong(wait), _) => {
            let wait = wait.as_secs();
            tracing::warn!(%address, wait, "an application showed a wrong id or secret");
            let refused = move |tx: &mut Tx<'_>| tokens::refused(tx, &named, now, address, wait);
            app.db.write(refused).await?;
            let text = "The client id or its secret is wrong.";
            Ok(Err(refuse(400, "invalid_client", text)))
        }
        (Verdict::Right, None) => Err(Error::Internal("nobody is right".into())),
    }
}

/// The token endpoint's way to say that too many secrets were wrong.
fn held_back(wait: Duration) -> Response<Body> {
    let seconds = wait.as_secs() + 1;
    let text = format!("{TOO_MANY} Try again in {seconds} seconds.");
    let mut response = refuse(429, "temporarily_unavailable", &text);
    let seconds = HeaderValue::from(seconds);
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    response
}

/// What those hear who showed too many wrong secrets.
const TOO_MANY: &str = "There were too many attempts with a wrong secret.";

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
    let issuer = issuer(&app.origin(&request));
    let (parts, body) = request.into_parts();
    let address = app.config.door.address(&parts.headers, &parts.extensions);
    let named = request::header(&parts.headers, "x-uipath-tenantname").map(Cow::into_owned);
    let login: LoginModel = body::read(&parts.headers, body).await?.read("loginModel")?;
    let tenants = Arc::clone(&app.tenants.read());
    let name = login.tenancy_name.as_ref().filter(|n| !n.is_empty());
    let name = name.or(named.as_ref());
    // The body's tenant, or the address's, or the only one of a stand-alone installation.
    let tenant = match name {
        Some(name) => tenants
            .iter()
            .find(|t| t.name.to_lowercase() == name.to_lowercase()),
        None => tenants.iter().find(|t| t.id == caller.tenant),
    };
    let tenant = tenant.cloned().ok_or_else(wrong)?;
    let user = proven(app, tenant.id, login, address).await?;
    let (now, user_id, tenant_id) = (app.now(), user.id, tenant.id);
    app.db
        .write(move |tx| users::login::signed_in(tx, tenant_id, user_id, now, address))
        .await?;
    tracing::info!(%address, user = user_id, "somebody signed in");
    let keys = &app.server.keys;
    let claims = tokens::of_person(keys, &issuer, &tenant, &user, now);
    let token = keys.sign(&claims)?;
    let answer = json!({
        "result": token, "targetUrl": Value::Null, "success": true, "error": Value::Null,
        "unAuthorizedRequest": false, "__abp": true,
    });
    Ok(json_response(200, answer.to_string()))
}

fn wrong() -> Error {
    Error::refused(
        Code::InvalidRequest,
        "Invalid username/email address or password.",
    )
}

/// The account, if the password is its own and not too many were wrong before.
///
/// # Errors
/// 1000 for a wrong password or name; 429 when it is not even looked at.
async fn proven(app: &App, tenant: i64, login: LoginModel, address: IpAddr) -> Result<Login> {
    let later = |wait: Duration| Error::Later {
        code: Code::TooManyAttempts,
        message: format!("{TOO_MANY} Try again in {} seconds.", wait.as_secs() + 1),
        after: wait,
    };
    let name = login.username_or_email_address;
    let who = app
        .attempts
        .who("user", &format!("{tenant}/{}", name.trim()), address);
    let wait = app.attempts.wait(&who, app.now());
    if !wait.is_zero() {
        return Err(later(wait));
    }
    let find = move |tx: &mut Tx<'_>| users::find_login(tx, tenant, &name);
    let user = app.db.read(find).await?;
    let hash = user.as_ref().and_then(|u| u.password_hash.clone());
    let right = password_fits(app, login.password, hash).await?;
    let now = app.now();
    match (app.attempts.settle(&who, right, now), user) {
        (Verdict::Right, Some(user)) => Ok(user),
        (Verdict::Later(wait), _) => Err(later(wait)),
        (_, user) => {
            let wait = app.attempts.wait(&who, now).as_secs();
            let user = user.map(|user| (user.id, user.user_name));
            let id = user.as_ref().map(|(id, _)| *id);
            tracing::warn!(%address, user = id, wait, "somebody gave a wrong name or password");
            let refused = move |tx: &mut Tx<'_>| {
                users::login::refused(tx, tenant, user.as_ref(), now, address, wait)
            };
            app.db.write(refused).await?;
            Err(wrong())
        }
    }
}

/// Hashing is slow on purpose: off the event loop, and never much of it at once. An unknown name
/// takes as long as a wrong password.
async fn password_fits(app: &App, password: String, hash: Option<String>) -> Result<bool> {
    let _turn = app.hashing().await?;
    let check = move || match hash {
        Some(hash) => verify_password(&password, &hash),
        None => {
            burn();
            false
        }
    };
    tokio::task::spawn_blocking(check)
        .await
        .map_err(|e| Error::Internal(format!("password check: {e}")))
}
