//! The operations of `/api` that are functions of the domain as those of OData are, only that their
//! addresses are plain: folders as whoever asks sees them, and the secrets of machines.

use std::sync::Arc;

use ::odata::path::Literal;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use orchestrator::{Args, FolderRule, Need, Reply, Result, Run, Store, folders, machines};

use crate::app::App;
use crate::caller::{self, Proof};
use crate::error::json_response;
use crate::execute::{Call, execute};
use crate::{odata, request};

/// Whom an operation lets in at the door; the functions check the rest themselves.
const SEE_FOLDERS: Need = Need::new("OR.Folders", &[], false);
const CHANGE_FOLDERS: Need = Need::new("OR.Folders", &[], true);
const SEE_MACHINES: Need = Need::new("OR.Machines", &[], false);
const CHANGE_MACHINES: Need = Need::new("OR.Machines", &[], true);

/// Method, address, what it asks of the caller, and what it does. `{id}` is one segment.
const ROUTES: &[(Method, &str, Need, Run)] = &[
    (
        Method::GET,
        "folders/getallforcurrentuser",
        SEE_FOLDERS,
        folders::all_for_current_user,
    ),
    (
        Method::PATCH,
        "folders/patchnamedescription",
        CHANGE_FOLDERS,
        folders::patch_name_description,
    ),
    (
        Method::DELETE,
        "folders/deletebykey",
        CHANGE_FOLDERS,
        folders::delete_by_key,
    ),
    (
        Method::GET,
        "foldersnavigation/getfoldersforcurrentuser",
        SEE_FOLDERS,
        folders::for_current_user,
    ),
    (
        Method::GET,
        "foldersnavigation/getallfoldersforcurrentuser",
        SEE_FOLDERS,
        folders::tree,
    ),
    (
        Method::GET,
        "foldersnavigation/getfoldernavigationcontextforcurrentuser",
        SEE_FOLDERS,
        folders::context,
    ),
    (
        Method::GET,
        "foldersnavigation/getallrolesforuser",
        SEE_FOLDERS,
        folders::roles_of_user,
    ),
    (
        Method::GET,
        "clientsecrets/{id}",
        SEE_MACHINES,
        machines::list_secrets,
    ),
    (
        Method::POST,
        "clientsecrets/{id}",
        CHANGE_MACHINES,
        machines::add_secret,
    ),
    (
        Method::DELETE,
        "clientsecrets/{id}",
        CHANGE_MACHINES,
        machines::delete_secret,
    ),
];

/// Answers `/api/{rest}`; the request comes back when it is none of these.
pub async fn handle(
    app: &Arc<App>,
    rest: &str,
    tenant: Option<i64>,
    request: Request<Body>,
) -> Result<Result<Response<Body>, Request<Body>>> {
    let found = ROUTES
        .iter()
        .filter(|(method, ..)| method == request.method())
        .find_map(|(_, route, need, run)| Some((matches(route, rest)?, need, run)));
    let Some((segment, need, run)) = found else {
        return Ok(Err(request));
    };
    let caller = caller::authenticate(app, request.headers(), tenant, Proof::Token).await?;
    let write = *request.method() != Method::GET;
    let mut params = odata::query_params(request.uri().query());
    if let Some(id) = segment {
        params.insert(0, ("id".to_owned(), Literal::Bare(id)));
    }
    let body = match write {
        true => request::json(request.into_body()).await?,
        false => None,
    };
    let call = Call {
        caller,
        need: *need,
        rule: FolderRule::Tenant,
        header: orchestrator::access::FolderHeader::default(),
        base: String::new(),
        args: Args {
            params,
            body,
            ..Args::default()
        },
        store: Store::Main,
        write,
    };
    Ok(Ok(match execute(app, call, *run).await? {
        Reply::Json { status, body } => json_response(status, body),
        Reply::Ok => json_response(200, Body::empty()),
        Reply::NoContent | Reply::File { .. } => json_response(204, Body::empty()),
    }))
}

/// The segment that stands for `{id}`, if the address is the route's.
fn matches(route: &str, rest: &str) -> Option<Option<String>> {
    let Some(prefix) = route.strip_suffix("{id}") else {
        return rest.eq_ignore_ascii_case(route).then_some(None);
    };
    let (start, id) = rest.split_at_checked(prefix.len())?;
    let fits = start.eq_ignore_ascii_case(prefix) && !id.is_empty() && !id.contains('/');
    fits.then(|| Some(id.to_owned()))
}
