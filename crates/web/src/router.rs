//! From a connection to an answer: ids, limits, the areas, and the answers that every request gets.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use futures_util::FutureExt;
use orchestrator::{Error, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer, service_fn};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tracing::Instrument;

use crate::address::{self, Address, Area};
use crate::app::App;
use crate::control;
use crate::door::watch::Stalled;
use crate::error::respond;
use crate::odata::ODataRequest;
use crate::{
    api, contract, engines, health, identity, listener, odata, request, routes, swagger, tasks,
};

/// How long requests may take to end once the server was told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(30);

/// Serves until `stop` resolves, then finishes what is under way and closes the stores. `/metrics` is at an
/// address of its own if there is one.
///
/// # Errors
/// Those of the listener.
pub async fn serve<S>(
    app: Arc<App>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    stop: S,
) -> io::Result<()>
where
    S: Future<Output = ()> + Send + 'static,
{
    let ending = CancellationToken::new();
    let mut engines = engines::spawn(&app, &ending);
    // Before the first answer: whoever sees that the server is there may give it commands.
    if let Some(listener) = control::listen(&app) {
        let commands = control::serve(Arc::clone(&app), listener, ending.clone());
        engines.push(tasks::spawn("commands", commands));
    }
    let signal = ending.clone();
    let stopped = async move {
        stop.await;
        signal.cancel();
    };
    tasks::spawn("stop", stopped);
    if let Some(listener) = metrics {
        let figures = serve_metrics(Arc::clone(&app), listener, ending.clone());
        engines.push(tasks::spawn("metrics", figures));
    }
    let large = SizeAbove::new(1024).and(tower_http::compression::DefaultPredicate::new());
    let shared = Arc::new(Shared {
        app: Arc::clone(&app),
        ending: ending.clone(),
    });
    let answers = service_fn(move |request: Request<Body>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(entry(&shared, request).await) }
    });
    let answers = CompressionLayer::new().compress_when(large).layer(answers);
    let patience = async {
        ending.cancelled().await;
        tokio::time::sleep(LAST_REQUESTS).await;
    };
    let (limits, tls) = (app.config.door.limits, app.tls.clone());
    tokio::select! {
        () = listener::serve(listener, limits, tls, answers, ending.clone()) => {}
        () = patience => tracing::warn!("some requests did not end in time and were cut off"),
    }
    for engine in engines {
        let _ = engine.await;
    }
    app.close().await;
    Ok(())
}

/// Serves `/metrics` and nothing else.
async fn serve_metrics(app: Arc<App>, listener: TcpListener, ending: CancellationToken) {
    let limits = app.config.door.limits;
    let answers = service_fn(move |request: Request<Body>| {
        let app = Arc::clone(&app);
        async move {
            let answer = match request.uri().path() {
                "/metrics" => health::metrics(&app, request.headers()),
                path => Err(Error::NoSuchAddress(format!("There is nothing at {path}."))),
            };
            let trace = request::trace_id(&app.server.chance, request.headers());
            let mut answer = answer.unwrap_or_else(|error| respond(&error, &trace));
            finish(answer.headers_mut(), &trace);
            Ok::<_, Infallible>(answer)
        }
    });
    listener::serve(listener, limits, None, answers, ending).await;
}

struct Shared {
    app: Arc<App>,
    ending: CancellationToken,
}

/// Every request: an id, a span, counters, the version header.
async fn entry(shared: &Shared, request: Request<Body>) -> Response<Body> {
    let app = &shared.app;
    let begun = Instant::now();
    let trace = request::trace_id(&app.server.chance, request.headers());
    let held = is_held(request.uri().path());
    let stalled = request.extensions().get::<Stalled>().cloned();
    let span = tracing::debug_span!(
        "request", method = %request.method(), path = request.uri().path(), trace
    );
    let in_flight = app.metrics.enter();
    let answer = async |request| {
        // Large as it is, it would be copied by each of the layers around it.
        let routed = Box::pin(route(app, request));
        let answered = async {
            if !held {
                return routed.await;
            }
            tokio::select! {
                answer = routed => answer,
                // Waiting hosts must not hold up the end of the server.
                () = shared.ending.cancelled() => {
                    Err(Error::Db(db::Error::Unavailable("the server is stopping".into())))
                }
            }
        };
        // A panic is told where it happens.
        let answered = AssertUnwindSafe(answered).catch_unwind().await;
        let mut answered = answered.unwrap_or_else(|_| Err(Error::Internal("panic".into())));
        if stalled.as_ref().is_some_and(Stalled::is_so) {
            answered = Err(Error::TooSlow);
        }
        answered.unwrap_or_else(|error| respond(&error, &trace))
    };
    let answered = app.cors.answer(tidied(request), answer);
    let mut response = answered.instrument(span.clone()).await;
    drop(in_flight);
    let took = begun.elapsed();
    app.metrics.answered(response.status().as_u16(), took, held);
    span.in_scope(|| {
        tracing::debug!(
            status = response.status().as_u16(),
            took_us = took.as_micros() as u64,
            "answered"
        );
    });
    finish(response.headers_mut(), &trace);
    response
}

/// Whether a host waits there for its commands.
fn is_held(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.eq_ignore_ascii_case("awaitcommands")
}

/// `HEAD` is answered as `GET` is; the body is left out where the answer is written. Empty segments of
/// the path are none.
fn tidied(mut request: Request<Body>) -> Request<Body> {
    if *request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let uri = request.uri();
    if let Cow::Owned(path) = address::without_empty_segments(uri.path()) {
        let query = uri.query().map(|query| format!("?{query}"));
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("{path}{}", query.unwrap_or_default()).parse().ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

fn finish(headers: &mut axum::http::HeaderMap, trace: &str) {
    let version = HeaderName::from_static("api-supported-versions");
    headers.insert(version, HeaderValue::from_static(health::API_VERSION));
    if let Ok(id) = HeaderValue::from_str(trace) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    // Nearly every answer is for whoever asked alone, and many hold a secret: nobody has to remember which.
    let no_store = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(no_store);
}

async fn route(app: &Arc<App>, request: Request<Body>) -> Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    if let Some(answer) = health::handle(app, &path, request.headers()).await {
        return answer;
    }
    let Some(address) = address::parse(&path) else {
        return Err(Error::NoSuchAddress(format!("There is nothing at {path}.")));
    };
    let tenants = Arc::clone(&app.tenants.read());
    let tenant = address::tenant(&tenants, &address).map_err(|()| {
        Error::NoSuchAddress("There is no such organization or tenant in the address.".into())
    })?;
    let origin = app.origin(&request);
    let tenant = tenant.map(|t| t.id);
    match address.area {
        Area::OData => {
            let odata = ODataRequest {
                rest: address.rest.to_owned(),
                base: format!("{origin}{}/odata", address.prefix),
                tenant,
                request,
            };
            odata::handle(app, odata).await
        }
        Area::Swagger => swagger::handle(&address, &origin),
        Area::Api => area_api(app, &address, tenant, request).await,
        Area::Identity => {
            identity::handle(app, address.rest, &identity::issuer(&origin), request).await
        }
        Area::Other => Err(Error::NotBuilt(format!(
            "{path} is part of the API but is not built in this version of Baton."
        ))),
    }
}

async fn area_api(
    app: &Arc<App>,
    address: &Address<'_>,
    tenant: Option<i64>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let rest = address.rest.trim_matches('/');
    let method = request.method().clone();
    match routes::plain(method.as_str(), &format!("api/{rest}")) {
        Some(route) => Box::pin(api::answer(app, route, tenant, request)).await,
        None => Err(unknown(&method, rest)),
    }
}

fn unknown(method: &Method, rest: &str) -> Error {
    if contract::knows(method.as_str(), &format!("api/{rest}")) {
        return Error::NotBuilt(format!(
            "{method} api/{rest} is part of the API but is not built in this version of Baton."
        ));
    }
    Error::NoSuchAddress(format!("There is no {method} api/{rest}."))
}
