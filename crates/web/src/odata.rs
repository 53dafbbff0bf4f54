//! The one handler of `/odata/*`: path → resource or operation → domain function → answer.

use std::sync::Arc;

use ::odata::edm::EntitySet;
use ::odata::metadata::{self, OpSig};
use ::odata::path::{self, Args as PathArgs, Literal, Path};
use axum::body::Body;
use axum::http::{Method, Request, Response};
use orchestrator::{
    Args, Caller, Error, Need, OPS, Op, Prepare, RESOURCES, Reply, Resource, Result, Run, Store,
};

use crate::app::App;
use crate::caller::{Proof, authenticate};
use crate::error::json_response;
use crate::execute::{Call, execute};
use crate::{contract, packages, request};

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
    let rest = odata.rest.trim_matches('/').to_owned();
    if rest.is_empty() || rest.eq_ignore_ascii_case("$metadata") {
        return Ok(document(&odata, rest.is_empty()));
    }
    let path = path::parse(&rest)?;
    let target = find(&path).ok_or_else(|| unknown(odata.request.method(), &rest))?;
    let method = odata.request.method().clone();
    match target {
        Target::Operation(op, key) => operation(app, odata, &path, op, key).await,
        Target::Set(resource) => set(app, odata, resource, &method, &rest).await,
        Target::Entity(resource, key) => entity(app, odata, resource, key, &method, &rest).await,
    }
}

/// The service document and `$metadata`: public, as they tell nothing of any tenant.
fn document(odata: &ODataRequest, service: bool) -> Response<Body> {
    let sets: Vec<_> = RESOURCES.iter().map(|r| r.set).collect();
    let xml = odata
        .request
        .uri()
        .query()
        .is_some_and(|q| q.contains("format=xml"));
    if service && !xml {
        return json_response(200, metadata::service_document(&odata.base, &sets));
    }
    let signatures: Vec<_> = OPS
        .iter()
        .flat_map(|ops| ops.iter())
        .map(signature)
        .collect();
    let mut response = Response::new(Body::from(metadata::csdl_xml(&sets, &signatures)));
    let kind = axum::http::HeaderValue::from_static("application/xml; charset=utf-8");
    response
        .headers_mut()
        .insert(axum::http::header::CONTENT_TYPE, kind);
    response
}

fn signature(op: &Op) -> OpSig {
    OpSig {
        name: op.name,
        namespace: op.namespace,
        action: op.action,
        set: op.set,
        bound_to_entity: op.bound,
        params: op.params,
    }
}

enum Target {
    Set(&'static Resource),
    Entity(&'static Resource, Literal),
    Operation(&'static Op, Option<Literal>),
}

fn key_of(args: &PathArgs) -> Option<Literal> {
    match args {
        PathArgs::One(literal) => Some(literal.clone()),
        PathArgs::Named(named) if named.len() == 1 => Some(named[0].1.clone()),
        _ => None,
    }
}

fn find(path: &Path) -> Option<Target> {
    let (first, rest) = path.segments.split_first()?;
    let key = key_of(&first.args);
    if let [operation] = rest {
        let name = operation.name.rsplit('.').next()?;
        let op = OPS.iter().flat_map(|ops| ops.iter()).find(|op| {
            op.set.eq_ignore_ascii_case(&first.name)
                && op.name.eq_ignore_ascii_case(name)
                && op.bound == key.is_some()
        })?;
        return Some(Target::Operation(op, key));
    }
    let resource = RESOURCES
        .iter()
        .find(|r| r.set.name.eq_ignore_ascii_case(&first.name))?;
    match (rest, key) {
        ([], None) => Some(Target::Set(resource)),
        ([], Some(key)) => Some(Target::Entity(resource, key)),
        _ => None,
    }
}

fn unknown(method: &Method, rest: &str) -> Error {
    if contract::knows(method.as_str(), &format!("odata/{rest}")) {
        return not_built(method, rest);
    }
    Error::NoSuchAddress(format!("There is no resource 'odata/{rest}' for {method}."))
}

fn not_built(method: &Method, rest: &str) -> Error {
    Error::NotBuilt(format!(
        "{method} odata/{rest} is part of the API but is not built in this version of Baton."
    ))
}

async fn operation(
    app: &Arc<App>,
    odata: ODataRequest,
    path: &Path,
    op: &'static Op,
    key: Option<Literal>,
) -> Result<Response<Body>> {
    if odata.request.method().as_str() != op.method {
        return Err(Error::NoSuchAddress(format!(
            "{} is called with {}.",
            op.name, op.method
        )));
    }
    let caller = authenticate(
        app,
        odata.request.headers(),
        odata.tenant,
        Proof::TokenOrMachine,
    )
    .await?;
    if op.set == "Sessions" {
        app.flush_presence().await?;
    }
    let Some(run) = op.run else {
        return packages::upload(app, odata, caller, &op.need).await;
    };
    let mut params = query_params(odata.request.uri().query());
    if let Some(PathArgs::Named(named)) = path.segments.last().map(|s| &s.args) {
        params.splice(0..0, named.iter().cloned());
    }
    let route = Route {
        need: op.need,
        folder: op.folder,
        store: op.store,
        write: op.action,
        prepare: None,
        run,
        set: None,
    };
    perform(app, odata, caller, route, key, params).await
}

/// Parameters may also stand in the query; options start with `$` and are not among them.
pub fn query_params(query: Option<&str>) -> Vec<(String, Literal)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced)
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|p| p.split_once('='));
    pairs
        .map(|(name, value)| (decode(name), Literal::Bare(decode(value))))
        .filter(|(name, _)| !name.starts_with('$'))
        .collect()
}

async fn set(
    app: &Arc<App>,
    odata: ODataRequest,
    resource: &'static Resource,
    method: &Method,
    rest: &str,
) -> Result<Response<Body>> {
    let params = query_params(odata.request.uri().query());
    let (need, write, prepare, run): (Need, bool, Option<Prepare>, Run) = match *method {
        Method::GET => {
            let list = resource.list.ok_or_else(|| unknown(method, rest))?;
            (resource.view, false, None, list)
        }
        Method::POST => {
            let create = resource.create.ok_or_else(|| unknown(method, rest))?;
            (create.need, true, create.prepare, create.run)
        }
        _ => return Err(unknown(method, rest)),
    };
    let caller = authenticate(app, odata.request.headers(), odata.tenant, Proof::Token).await?;
    if resource.set.name == "Sessions" {
        app.flush_presence().await?;
    }
    let route = Route {
        need,
        folder: rule(resource, write),
        store: resource.store,
        write,
        prepare,
        run,
        set: Some(resource.set),
    };
    perform(app, odata, caller, route, None, params).await
}

/// Reading may span folders where the contract allows it; writing needs one.
fn rule(resource: &Resource, write: bool) -> orchestrator::FolderRule {
    use orchestrator::FolderRule::{Optional, OptionalOrTenant, Required};
    match resource.folder {
        Optional | OptionalOrTenant if write => Required,
        other => other,
    }
}

async fn entity(
    app: &Arc<App>,
    odata: ODataRequest,
    resource: &'static Resource,
    key: Literal,
    method: &Method,
    rest: &str,
) -> Result<Response<Body>> {
    let verb = match method.as_str() {
        "GET" => resource.get.map(|run| (resource.view, None, run)),
        "PUT" => resource.replace.map(|c| (c.need, c.prepare, c.run)),
        "PATCH" => resource.merge.map(|c| (c.need, c.prepare, c.run)),
        "DELETE" => resource.delete.map(|c| (c.need, c.prepare, c.run)),
        _ => None,
    };
    let (need, prepare, run) = verb.ok_or_else(|| unknown(method, rest))?;
    let write = *method != Method::GET;
    let caller = authenticate(app, odata.request.headers(), odata.tenant, Proof::Token).await?;
    let route = Route {
        need,
        folder: rule(resource, write),
        store: resource.store,
        write,
        prepare,
        run,
        set: Some(resource.set),
    };
    let params = query_params(odata.request.uri().query());
    perform(app, odata, caller, route, Some(key), params).await
}

struct Route {
    need: Need,
    folder: orchestrator::FolderRule,
    store: Store,
    write: bool,
    prepare: Option<Prepare>,
    run: Run,
    set: Option<&'static EntitySet>,
}

async fn perform(
    app: &Arc<App>,
    odata: ODataRequest,
    caller: Arc<Caller>,
    route: Route,
    key: Option<Literal>,
    params: Vec<(String, Literal)>,
) -> Result<Response<Body>> {
    let header = request::folder(odata.request.headers())?;
    let query = odata.request.uri().query().unwrap_or_default().to_owned();
    let body = match route.write {
        true => request::json(odata.request.into_body()).await?,
        false => None,
    };
    let count = !caller.is_robot();
    let args = Args {
        key,
        params,
        body,
        query,
        count,
        set: route.set,
        prepared: None,
        if_match: None,
    };
    let call = Call {
        caller,
        need: route.need,
        rule: route.folder,
        header,
        base: odata.base,
        args: prepared(app, route.prepare, args).await?,
        store: route.store,
        write: route.write,
    };
    match execute(app, call, route.run).await? {
        Reply::NoContent => Ok(json_response(204, Body::empty())),
        Reply::Ok => Ok(json_response(200, Body::empty())),
        Reply::Json { status, body } => Ok(odata_response(status, body)),
        Reply::File { blob, name } => packages::download(app, &blob, &name).await,
    }
}

/// Does a command's slow work off the event loop, and never much of it at once.
async fn prepared(app: &App, prepare: Option<Prepare>, mut args: Args) -> Result<Args> {
    let Some(prepare) = prepare else {
        return Ok(args);
    };
    let failed = |e: &dyn std::fmt::Display| Error::Internal(format!("preparation: {e}"));
    let _permit = app.hashing.acquire().await.map_err(|e| failed(&e))?;
    let work = move || {
        args.prepared = prepare(&args)?;
        Ok(args)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| failed(&e))?
}

fn odata_response(status: u16, body: Vec<u8>) -> Response<Body> {
    let mut response = json_response(status, body);
    let kind = axum::http::HeaderValue::from_static(
        "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
    );
    response
        .headers_mut()
        .insert(axum::http::header::CONTENT_TYPE, kind);
    response
}
