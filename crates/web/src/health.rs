//! `/health` (the process answers), `/ready` (its databases answer too), `/metrics`, and the two
//! status calls of the API that need no credential.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use serde_json::json;

use crate::app::App;
use crate::error::json_response;
use crate::metrics;

/// The version of the contract, as clients read it from every answer.
pub const API_VERSION: &str = "20.0";

/// Answers the operator's addresses; `None` for any other path.
pub async fn handle(app: &App, path: &str) -> Option<Response<Body>> {
    match path {
        "/health" => Some(json_response(200, json!({"status": "Healthy"}).to_string())),
        "/ready" => Some(ready(app).await),
        "/metrics" => {
            let page = metrics::render(app).unwrap_or_default();
            let mut response = Response::new(Body::from(page));
            let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            Some(response)
        }
        _ => None,
    }
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
