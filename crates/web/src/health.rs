//! `/health` (the process answers), `/ready` (its databases answer too), `/metrics`, and the two
//! status calls of the API that need no credential.

use ::identity::{secret_eq, secret_hash};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, header};
use orchestrator::{Error, Result};
use serde_json::json;

use crate::app::App;
use crate::error::json_response;
use crate::{metrics, request};

/// The version of the contract, as clients read it from every answer.
pub const API_VERSION: &str = "20.0";

/// Answers the operator's addresses; `None` for any other path.
pub async fn handle(app: &App, path: &str, headers: &HeaderMap) -> Option<Result<Response<Body>>> {
    match path {
        "/health" => Some(Ok(json_response(
            200,
            json!({"status": "Healthy"}).to_string(),
        ))),
        "/ready" => Some(Ok(ready(app).await)),
        "/metrics" if app.config.door.metrics_listen.is_none() => Some(metrics(app, headers)),
        _ => None,
    }
}

/// The figures, for whoever shows the token if one is asked for.
///
/// # Errors
/// 401
pub fn metrics(app: &App, headers: &HeaderMap) -> Result<Response<Body>> {
    if let Some(token) = &app.config.door.metrics_token {
        let given = request::header(headers, "authorization").unwrap_or_default();
        let (scheme, given) = given.split_once(' ').unwrap_or_default();
        let fits = secret_eq(&secret_hash(given.trim()), &secret_hash(token));
        if !scheme.eq_ignore_ascii_case("bearer") || !fits {
            return Err(Error::Unauthenticated(
                "Send 'Authorization: Bearer <token>' with the token of --metrics-token.".into(),
            ));
        }
    }
    let page = metrics::render(app).unwrap_or_default();
    let mut response = Response::new(Body::from(page));
    let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn ready(app: &App) -> Response<Body> {
    for (name, store) in [("main", &app.db), ("logs", &app.logs)] {
        let probe = store.read(|tx| tx.row("SELECT 1", &[]).map(|_| ())).await;
        if let Err(error) = probe {
            tracing::warn!(store = name, %error, "not ready");
            let body = json!({"status": "Unhealthy", "store": name});
            return json_response(503, body.to_string());
        }
    }
    json_response(200, json!({"status": "Ready"}).to_string())
}

/// `/api/Status/Version`
pub fn version() -> Response<Body> {
    // Stock clients choose their sign-in by these two: an installation of one's own.
    let body = json!({"version": "25.10.0", "deployment": "ServiceFabric",
        "product": concat!("Baton ", env!("CARGO_PKG_VERSION"))});
    json_response(200, body.to_string())
}
