//! `/api/…`: operations of the domain at addresses of their own, with parameters in the query.

use std::sync::Arc;

use ::odata::Metadata;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use orchestrator::{Args, FolderRule, Need, Reply, Result, Run, Store, packages, releases};

use crate::app::App;
use crate::caller::{Proof, authenticate};
use crate::error::json_response;
use crate::execute::{Call, execute};
use crate::{odata, request};

/// An operation.
pub struct Route {
    method: &'static str,
    /// What follows `/api/`, in small letters.
    path: &'static str,
    need: Need,
    folder: FolderRule,
    run: Run,
}

impl Route {
    const fn get(path: &'static str, need: Need, run: Run) -> Self {
        Self {
            method: "GET",
            path,
            need,
            folder: FolderRule::Tenant,
            run,
        }
    }
}

const ROUTES: &[Route] = &[
    Route::get(
        "packagefeeds/getfeeds",
        packages::FEEDS,
        packages::get_feeds,
    ),
    Route::get(
        "packagefeeds/getlibraryfeeds",
        packages::FEEDS,
        packages::get_library_feeds,
    ),
    Route::get(
        "packagefeeds/getfolderfeed",
        packages::FEEDS,
        packages::get_folder_feed,
    ),
    Route {
        method: "DELETE",
        path: "releases/deletebykey",
        need: releases::DELETE,
        folder: FolderRule::Required,
        run: releases::delete_by_key,
    },
];

/// The operation at this address.
pub fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let mut routes = ROUTES.iter();
    routes.find(|route| route.path == path && route.method == method.as_str())
}

/// Does it.
pub async fn answer(
    app: &Arc<App>,
    route: &'static Route,
    tenant: Option<i64>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let caller = authenticate(app, request.headers(), tenant, Proof::Token).await?;
    let args = Args {
        params: odata::query_params(request.uri().query().unwrap_or_default()),
        ..Args::default()
    };
    let call = Call {
        caller,
        need: route.need,
        rule: route.folder,
        header: request::folder(request.headers())?,
        base: String::new(),
        metadata: Metadata::None,
        args,
        store: Store::Main,
        write: route.method != "GET",
    };
    match execute(app, call, route.run).await? {
        Reply::NoContent => Ok(json_response(204, Body::empty())),
        Reply::Ok => Ok(json_response(200, Body::empty())),
        Reply::Json { status, body } => Ok(json_response(status, body)),
        Reply::File { blob, name } => crate::packages::download(app, &blob, &name).await,
    }
}
