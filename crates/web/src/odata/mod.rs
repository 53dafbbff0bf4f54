//! The one handler of `/odata/*`: path → target → domain function → answer.

mod answer;
mod batch;
mod documents;
mod plan;
mod target;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use orchestrator::op::Proof;
use orchestrator::{Caller, Reply, Result, Task};

use crate::app::App;
use crate::body::{self, Sent};
use crate::caller::authenticate;
use crate::execute::execute;
use crate::{batching, packages, parts};

pub use documents::{Described, HONOURED};
use plan::Plan;
pub use plan::query_params;
use target::Target;

/// A request to `/odata/…`.
pub struct ODataRequest {
    /// The request.
    pub request: Request<Body>,
    /// What follows `/odata/`, percent-encoded.
    pub rest: String,
    /// `http://host/…/odata`
    pub base: String,
    /// The tenant of the path, if it names one.
    pub tenant: Option<i64>,
}

/// Answers it.
pub async fn handle(app: &Arc<App>, odata: ODataRequest) -> Result<Response<Body>> {
    let rest = odata.rest.trim_matches('/').to_ascii_lowercase();
    let rest = rest.replacen("%24", "$", 1);
    let mut response = match rest.as_str() {
        "" | "$metadata" => documents::document(&odata, rest.is_empty())?,
        "$batch" => Box::pin(batch::handle(app, odata)).await?,
        _ => one(app, odata).await?,
    };
    response.headers_mut().insert(
        HeaderName::from_static("odata-version"),
        HeaderValue::from_static("4.0"),
    );
    Ok(response)
}

async fn one(app: &Arc<App>, odata: ODataRequest) -> Result<Response<Body>> {
    let rest = odata.rest.trim_matches('/');
    let query = odata.request.uri().query().unwrap_or_default();
    let target = target::find(odata.request.method(), rest, query)?;
    let caller = caller(app, odata.request.headers(), odata.tenant, &target).await?;
    if let Some(op) = target.op.filter(|_| target.is_at_the_edge()) {
        target.options.check(query)?;
        return Box::pin(packages::upload(app, odata, caller, op)).await;
    }
    before(app, &target).await?;
    let (parts, body) = odata.request.into_parts();
    let sent = match target.write {
        true => body::read(&parts.headers, body).await?,
        false => Sent::default(),
    };
    let mut plan = plan::plan(
        target,
        &parts.headers,
        parts.uri.query(),
        odata.base,
        caller,
        sent,
    )?;
    plan.call.args.path = rest.to_owned();
    let Plan { call, expect } = plan.prepared(app).await?;
    // What may be sent twice looks for its first answer by itself, and options ask for a look of one's
    // own at the item.
    let alone = call.args.idempotency_key.is_some() || !call.args.query.is_empty();
    let batched = match &call.task {
        Task::Perform(work) if !alone => work.batched(&call.args),
        _ => None,
    };
    let reply = match batched {
        Some(work) => {
            let work = call.args.heard(work)?;
            batching::execute(app, work, call).await
        }
        None => {
            let call = Arc::new(call);
            match execute(app, Arc::clone(&call)).await {
                Ok(part @ Reply::Part { .. }) => return parts::answer(app, call, part),
                reply => reply,
            }
        }
    };
    let reply = reply.map_err(|error| error.precondition(expect.conditional))?;
    answer::answer(app, &expect, reply).await
}

/// Who asks for a target.
async fn caller(
    app: &App,
    headers: &HeaderMap,
    tenant: Option<i64>,
    target: &Target,
) -> Result<Arc<Caller>> {
    let proof = target.op.map_or(Proof::Token, |op| op.at.proof);
    authenticate(app, headers, tenant, proof).await
}

/// What a target needs done first: sessions show heartbeats that only memory knows.
async fn before(app: &Arc<App>, target: &Target) -> Result<()> {
    let set = target
        .set
        .map(|set| set.name)
        .or(target.op.map(|op| op.at.set));
    match set {
        Some("Sessions") => app.flush_presence().await,
        _ => Ok(()),
    }
}
