//! `/api/Logs` and `/api/Logs/SubmitLogs`: robots write what their jobs say.

use std::collections::HashMap;
use std::sync::Arc;

use ::odata::Guid;
use axum::body::Body;
use axum::http::{Request, Response};
use orchestrator::access;
use orchestrator::logs::{self, Line, MAX_LINES, Origin};
use orchestrator::{Caller, Error, FolderRule, Result};
use serde_json::Value;

use crate::app::App;
use crate::error::json_response;
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
    let origins = origins(app, caller, header, &lines).await?;
    let rows: Vec<(Line, Origin)> = lines.into_iter().zip(origins).collect();
    app.logs.write(move |tx| logs::insert(tx, &rows)).await?;
    Ok(json_response(200, Body::empty()))
}

/// Where each line comes from: its job says it, if the caller may speak for that job; a line
/// without a job needs a folder in which the caller may write logs.
async fn origins(
    app: &Arc<App>,
    caller: Arc<Caller>,
    header: access::FolderHeader,
    lines: &[Line],
) -> Result<Vec<Origin>> {
    let named: Vec<(Option<Guid>, Option<i64>)> = lines.iter().map(|l| (l.job, l.folder)).collect();
    app.db
        .read(move |tx| {
            let mut known: HashMap<(Option<Guid>, Option<i64>), Origin> = HashMap::new();
            let mut origins = Vec::with_capacity(named.len());
            for (job, folder) in &named {
                if let Some(origin) = known.get(&(*job, *folder)) {
                    origins.push(origin.clone());
                    continue;
                }
                let origin = match logs::origin_of_job(tx, &caller, *job)? {
                    Some(origin) => origin,
                    None => {
                        let mut header = header.clone();
                        if header.is_empty() {
                            header.id = *folder;
                        }
                        let granted = access::grant(
                            tx,
                            &caller,
                            &logs::SUBMIT,
                            FolderRule::Required,
                            &header,
                        )?;
                        let folder = granted.folder.map(|f| f.id).unwrap_or_default();
                        Origin {
                            tenant: caller.tenant,
                            folder,
                            ..Origin::default()
                        }
                    }
                };
                known.insert((*job, *folder), origin.clone());
                origins.push(origin);
            }
            Ok(origins)
        })
        .await
}
