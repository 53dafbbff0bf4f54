//! Runs a domain function in a transaction: the permission check, the folder and the function see
//! one snapshot, and hints are followed after the commit and before the answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::odata::Metadata;
use db::Tx;
use orchestrator::access::{self, FolderHeader, Granted};
use orchestrator::{
    Args, Caller, Cx, Error, FolderRule, Hint, NO_ARGS, Need, Reply, Result, Search, Searched,
    Store, Task,
};

use crate::app::App;
use crate::tasks;

/// One call of a domain function.
#[derive(Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// What that asks of the caller.
    pub need: Need,
    /// How it relates to folders.
    pub rule: FolderRule,
    /// The folder that the request names.
    pub header: FolderHeader,
    /// `http://host/odata`
    pub base: String,
    /// How much the answer says about itself.
    pub metadata: Metadata,
    /// Key, parameters, body, query.
    pub args: Args,
    /// What it is to do.
    pub task: Task,
    /// Where it works.
    pub store: Store,
    /// Whether it writes.
    pub write: bool,
    /// Looks for what it changes before it writes.
    pub search: Option<Search>,
}

/// Does the task of a call.
///
/// # Errors
/// What the checks, the function or the store say.
pub async fn execute(app: &Arc<App>, mut call: Arc<Call>) -> Result<Reply> {
    let server = Arc::clone(&app.server);
    if let Some(search) = call.search {
        match look(app, Arc::clone(&call), search).await? {
            Searched::Answer(reply) => return Ok(reply),
            Searched::Found(found) => Arc::make_mut(&mut call).args.found = Some(found),
        }
    }
    if call.store == Store::Logs {
        let granted = grant(app, Arc::clone(&call)).await?;
        let work = move |tx: &mut Tx<'_>| {
            invoke(tx, &call, &granted, &server, |cx| call.task.run(cx)).map(|(reply, _)| reply)
        };
        return app.logs.read(work).await;
    }
    let writes = call.write;
    let work = move |tx: &mut Tx<'_>| run_task(tx, &call, &server);
    if !writes {
        let (reply, hints) = app.db.read(work).await?;
        app.publish(hints);
        return Ok(reply);
    }
    let following = Arc::clone(app);
    to_the_end(async move { following.follow(following.db.write(work).await) }).await
}

/// Looks for what a call is to change. Its permission is checked here and again where it writes.
async fn look(app: &App, call: Arc<Call>, search: Search) -> Result<Searched> {
    let server = Arc::clone(&app.server);
    let work = move |tx: &mut Tx<'_>| {
        run_in(tx, &call, &server, |cx| {
            let args = cx.args;
            search(cx, args)
        })
    };
    let (searched, hints) = app.db.read(work).await?;
    app.publish(hints);
    Ok(searched)
}

/// Runs what writes to its end even if the caller hangs up meanwhile: the commit happens on the
/// store's own thread, and its hints must be followed whether or not anybody waits for the answer.
pub async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = tasks::spawn("write", work).await;
    done.unwrap_or_else(|e| Err(Error::Internal(format!("a write did not end: {e}"))))
}

async fn grant(app: &App, call: Arc<Call>) -> Result<Granted> {
    app.db
        .read(move |tx| access::grant(tx, &call.caller, &call.need, call.rule, &call.header))
        .await
}

/// Checks a call and does its task in a transaction that may hold others.
///
/// # Errors
/// What the checks or the operation say.
pub fn run_task(
    tx: &mut Tx<'_>,
    call: &Call,
    server: &Arc<orchestrator::Server>,
) -> Result<(Reply, BTreeSet<Hint>)> {
    run_in(tx, call, server, |cx| call.task.run(cx))
}

fn run_in<T>(
    tx: &mut Tx<'_>,
    call: &Call,
    server: &Arc<orchestrator::Server>,
    run: impl FnOnce(&mut Cx<'_, '_>) -> Result<T>,
) -> Result<(T, BTreeSet<Hint>)> {
    let granted = access::grant(tx, &call.caller, &call.need, call.rule, &call.header)?;
    invoke(tx, call, &granted, server, run)
}

fn invoke<T>(
    tx: &mut Tx<'_>,
    call: &Call,
    granted: &Granted,
    server: &Arc<orchestrator::Server>,
    run: impl FnOnce(&mut Cx<'_, '_>) -> Result<T>,
) -> Result<(T, BTreeSet<Hint>)> {
    let caller = access::acting(&call.caller, &call.need)?;
    let mut cx = Cx {
        tx,
        now: server.clock.now(),
        caller: &caller,
        args: &call.args,
        folder: granted.folder.as_ref(),
        folders: granted.folders.clone(),
        base: &call.base,
        metadata: call.metadata,
        server,
        hints: BTreeSet::new(),
    };
    let done = run(&mut cx);
    let done = call.args.heard(done)?;
    Ok((done, cx.hints))
}

/// Runs a write that is no operation of the OData tables: the robot protocol, the engines.
///
/// # Errors
/// What the function or the store say.
pub async fn write<T, F>(app: &Arc<App>, caller: Arc<Caller>, mut f: F) -> Result<T>
where
    T: Send + 'static,
    F: FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
{
    let app = Arc::clone(app);
    to_the_end(async move { app.follow(write_quietly(&app, caller, move |cx| f(cx)).await) }).await
}

/// As [`write()`], but the hints are the caller's to follow.
///
/// # Errors
/// As [`write()`].
pub async fn write_quietly<T, F>(
    app: &App,
    caller: Arc<Caller>,
    mut f: F,
) -> Result<(T, BTreeSet<Hint>)>
where
    T: Send + 'static,
    F: FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
{
    let server = Arc::clone(&app.server);
    app.db
        .write(move |tx| {
            let mut cx = inside(tx, &caller, &server);
            let value = f(&mut cx)?;
            Ok((value, cx.hints))
        })
        .await
}

/// As [`write_quietly`], in a transaction that only reads.
///
/// # Errors
/// As [`write()`].
pub async fn read_quietly<T, F>(
    app: &App,
    caller: Arc<Caller>,
    mut f: F,
) -> Result<(T, BTreeSet<Hint>)>
where
    T: Send + 'static,
    F: FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
{
    let server = Arc::clone(&app.server);
    app.db
        .read(move |tx| {
            let mut cx = inside(tx, &caller, &server);
            let value = f(&mut cx)?;
            Ok((value, cx.hints))
        })
        .await
}

/// As [`read_quietly`], of what leaves no hints.
///
/// # Errors
/// As [`write()`].
pub async fn read<T, F>(app: &App, caller: Arc<Caller>, f: F) -> Result<T>
where
    T: Send + 'static,
    F: FnMut(&mut Cx<'_, '_>) -> Result<T> + Send + 'static,
{
    Ok(read_quietly(app, caller, f).await?.0)
}

/// What a function sees that no request asked for.
fn inside<'a, 'c>(
    tx: &'a mut Tx<'c>,
    caller: &'a Caller,
    server: &'a Arc<orchestrator::Server>,
) -> Cx<'a, 'c> {
    Cx {
        tx,
        now: server.clock.now(),
        caller,
        args: &NO_ARGS,
        folder: None,
        folders: ::odata::Folders::All,
        base: "",
        metadata: Metadata::None,
        server,
        hints: BTreeSet::new(),
    }
}
