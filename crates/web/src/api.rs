//! `/api/…`: operations at plain addresses. They are declared and done as those of OData are, only that
//! their parameters stand in the query and their answers say nothing about themselves.

use std::sync::Arc;

use ::odata::Metadata;
use ::odata::path::Literal;
use axum::body::Body;
use axum::http::{Request, Response};
use orchestrator::{Args, Caller, Does, Error, Reply, Result};

use crate::app::App;
use crate::body::{self, Sent};
use crate::caller::authenticate;
use crate::error::json_response;
use crate::execute::{Call, execute};
use crate::routes::Route;
use crate::{exports, files, health, identity, logs, odata, parts, request, robots};

/// Does it.
///
/// # Errors
/// What the request or the operation say.
pub async fn answer(
    app: &Arc<App>,
    (route, segment): (Route, Option<(&'static str, String)>),
    tenant: Option<i64>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let at = &route.op.at;
    let caller = authenticate(app, request.headers(), tenant, at.proof).await?;
    route
        .options
        .check(request.uri().query().unwrap_or_default())?;
    if matches!(route.op.does, Does::Edge) {
        return edge(app, at.name, segment, caller, request).await;
    }
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut params = odata::query_params(&query);
    if let Some((name, value)) = segment {
        params.insert(0, (name.to_owned(), Literal::Bare(value)));
    }
    let header = request::folder_under(at.folder, request.headers())?;
    let (parts, body) = request.into_parts();
    let sent = match at.action {
        true => body::read(&parts.headers, body).await?,
        false => Sent::default(),
    };
    let args = Args {
        params,
        body: sent.value,
        unread: sent.unread,
        query,
        ..Args::default()
    };
    let task = route.op.task(&args);
    let task = task.ok_or_else(|| Error::Internal("an operation that nobody does".into()))?;
    let call = Arc::new(Call {
        task,
        caller,
        need: at.need,
        rule: at.folder,
        header,
        base: String::new(),
        metadata: Metadata::None,
        args,
        store: at.store,
        write: at.action,
        search: route.op.search,
    });
    match execute(app, Arc::clone(&call)).await? {
        Reply::NoContent => Ok(json_response(204, Body::empty())),
        Reply::Ok => Ok(json_response(200, Body::empty())),
        Reply::Json { status, body } => Ok(json_response(status, body)),
        part @ Reply::Part { .. } => parts::answer(app, call, part),
        Reply::File { blob, name } => files::download(app, &blob, &name).await,
    }
}

/// Does what is done here: what handles files, holds requests or makes tokens.
async fn edge(
    app: &Arc<App>,
    name: &str,
    segment: Option<(&'static str, String)>,
    caller: Arc<Caller>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    if let Some(call) = name.strip_prefix("api/RobotsService/") {
        return robots::answer(app, call, caller, request).await;
    }
    match name {
        "api/Status" | "api/Status/Get" => Ok(json_response(200, Body::empty())),
        "api/Status/Version" => Ok(health::version()),
        "api/Account/Authenticate" => identity::authenticate(app, &caller, request).await,
        "api/Logs" | "api/Logs/SubmitLogs" => logs::submit(app, caller, request).await,
        "api/ExportFiles/{id}" => {
            let id = segment.map(|(_, id)| id).unwrap_or_default();
            exports::download(app, &id, request.uri().query()).await
        }
        other => Err(Error::Internal(format!("nobody does {other}"))),
    }
}
