//! `/api/Logs` and `/api/Logs/SubmitLogs`: robots write what their jobs say.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response};
use orchestrator::logs::{self, MAX_LINES};
use orchestrator::{Caller, Error, Result};
use serde_json::Value;

use crate::app::App;
use crate::error::json_response;
use crate::execute::read;
use crate::{body, request};

/// Writes the lines of the body: one object or text (`/api/Logs`), or an array of texts.
pub async fn submit(
    app: &Arc<App>,
    caller: Arc<Caller>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let header = request::folder(request.headers())?;
    let (parts, body) = request.into_parts();
    let sent = body::read(&parts.headers, body).await?;
    let missing = sent.missing("messages");
    let entries = match sent.value {
        Some(Value::Array(entries)) => entries,
        Some(entry @ (Value::Object(_) | Value::String(_))) => vec![entry],
        _ => return Err(missing),
    };
    if entries.len() > MAX_LINES {
        return Err(Error::invalid(format!(
            "At most {MAX_LINES} log entries can be sent at a time."
        )));
    }
    let now = app.now();
    let mut lines = Vec::with_capacity(entries.len());
    for entry in entries {
        lines.push(match entry {
            Value::String(text) => logs::parse(&text, now)?,
            object => logs::parse(&object.to_string(), now)?,
        });
    }
    let rows = read(app, caller, move |cx| {
        let origins = logs::origins(cx, &header, &lines)?;
        Ok(lines.iter().cloned().zip(origins).collect::<Vec<_>>())
    })
    .await?;
    app.logs.write(move |tx| logs::insert(tx, &rows)).await?;
    Ok(json_response(200, Body::empty()))
}
