//! `/api/…`: operations of the domain that are functions as those of OData are, only that their
//! addresses are plain and their parameters stand in the query.

use std::sync::Arc;

use ::odata::path::Literal;
use ::odata::{Metadata, Options};
use axum::body::Body;
use axum::http::{Method, Request, Response};
use orchestrator::{
    Args, FolderRule, Need, Reply, Result, Run, Store, Task, folders, machines, packages, releases,
};

use crate::app::App;
use crate::body::{self, Sent};
use crate::caller::{Proof, authenticate};
use crate::error::json_response;
use crate::execute::{Call, execute};
use crate::{files, odata, parts, request};

/// An operation.
pub struct Route {
    method: &'static str,
    /// What follows `/api/`, in small letters; `{id}` at the end is one segment.
    path: &'static str,
    need: Need,
    folder: FolderRule,
    run: Run,
}

const fn route(method: &'static str, path: &'static str, need: Need, run: Run) -> Route {
    Route {
        method,
        path,
        need,
        folder: FolderRule::Tenant,
        run,
    }
}

impl Route {
    const fn named(mut self) -> Self {
        self.folder = FolderRule::Named;
        self
    }

    const fn in_folder(mut self) -> Self {
        self.folder = FolderRule::Required;
        self
    }
}

/// Whom an operation lets in at the door; the functions check the rest themselves.
const SEE_FOLDERS: Need = Need::new("OR.Folders", &[], false);
const SEE_MACHINES: Need = Need::new("OR.Machines", &[], false);
const CHANGE_MACHINES: Need = Need::new("OR.Machines", &[], true);

#[rustfmt::skip]
const ROUTES: &[Route] = &[
    route("GET", "folders/getallforcurrentuser", SEE_FOLDERS, folders::all_for_current_user),
    route("PATCH", "folders/patchnamedescription", folders::EDIT, folders::patch_name_description).named(),
    route("DELETE", "folders/deletebykey", folders::DELETE, folders::delete_by_key).named(),
    route("GET", "foldersnavigation/getfoldersforcurrentuser", SEE_FOLDERS, folders::for_current_user),
    route("GET", "foldersnavigation/getallfoldersforcurrentuser", SEE_FOLDERS, folders::tree),
    route("GET", "foldersnavigation/getfoldernavigationcontextforcurrentuser", SEE_FOLDERS, folders::context),
    route("GET", "foldersnavigation/getallrolesforuser", folders::VIEW, folders::roles_of_user).named(),
    route("GET", "clientsecrets/{id}", SEE_MACHINES, machines::list_secrets),
    route("POST", "clientsecrets/{id}", CHANGE_MACHINES, machines::add_secret),
    route("DELETE", "clientsecrets/{id}", CHANGE_MACHINES, machines::delete_secret),
    route("GET", "packagefeeds/getfeeds", packages::FEEDS, packages::get_feeds),
    route("GET", "packagefeeds/getlibraryfeeds", packages::FEEDS, packages::get_library_feeds),
    route("GET", "packagefeeds/getfolderfeed", packages::FEEDS, packages::get_folder_feed),
    route("DELETE", "releases/deletebykey", releases::DELETE, releases::delete_by_key).in_folder(),
];

/// The operation at this address, and the segment that stands for its `{id}`.
pub fn find(method: &Method, path: &str) -> Option<(&'static Route, Option<String>)> {
    let mut routes = ROUTES
        .iter()
        .filter(|route| route.method == method.as_str());
    routes.find_map(|route| Some((route, matches(route.path, path)?)))
}

/// The segment that stands for `{id}`, if the address is the route's.
fn matches(route: &str, path: &str) -> Option<Option<String>> {
    let Some(prefix) = route.strip_suffix("{id}") else {
        return path.eq_ignore_ascii_case(route).then_some(None);
    };
    let (start, id) = path.split_at_checked(prefix.len())?;
    let fits = start.eq_ignore_ascii_case(prefix) && !id.is_empty() && !id.contains('/');
    fits.then(|| Some(id.to_owned()))
}

/// Does it.
///
/// # Errors
/// What the request or the operation say.
pub async fn answer(
    app: &Arc<App>,
    (route, id): (&'static Route, Option<String>),
    tenant: Option<i64>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let caller = authenticate(app, request.headers(), tenant, Proof::Token).await?;
    let query = request.uri().query().unwrap_or_default().to_owned();
    // None of these answers is one of OData.
    Options::NONE.check(&query)?;
    let mut params = odata::query_params(&query);
    if let Some(id) = id {
        params.insert(0, ("id".to_owned(), Literal::Bare(id)));
    }
    let header = request::folder_under(route.folder, request.headers())?;
    let write = route.method != "GET";
    let (parts, body) = request.into_parts();
    let sent = match write {
        true => body::read(&parts.headers, body).await?,
        false => Sent::default(),
    };
    let call = Arc::new(Call {
        task: Task::Run(route.run),
        caller,
        need: route.need,
        rule: route.folder,
        header,
        base: String::new(),
        metadata: Metadata::None,
        args: Args {
            params,
            body: sent.value,
            unread: sent.unread,
            query,
            ..Args::default()
        },
        store: Store::Main,
        write,
        search: None,
    });
    match execute(app, Arc::clone(&call)).await? {
        Reply::NoContent => Ok(json_response(204, Body::empty())),
        Reply::Ok => Ok(json_response(200, Body::empty())),
        Reply::Json { status, body } => Ok(json_response(status, body)),
        part @ Reply::Part { .. } => parts::answer(app, call, part),
        Reply::File { blob, name } => files::download(app, &blob, &name).await,
    }
}
