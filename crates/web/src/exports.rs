//! Exports: written one at a time by an engine, part by part, and fetched with an address that needs no
//! token.
//!
//! A file holds what is encrypted in the database, so its parts are, too: a line for each, sealed for
//! its place in the file.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use ::odata::Metadata;
use axum::body::Body;
use axum::http::Response;
use futures_util::stream::try_unfold;
use orchestrator::access::FolderHeader;
use orchestrator::engine::Next;
use orchestrator::exports::links;
use orchestrator::exports::runs::{self, Found, Run};
use orchestrator::{Args, Error, Reply, Result};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::app::App;
use crate::engines::system;
use crate::execute::{Call, execute, read_quietly, write};
use crate::files::{self, blocking, storage};
use crate::odata;

/// Runs the export that was asked for first and that nobody else runs; says when to look again.
///
/// # Errors
/// When the store is busy or cannot be reached: then the export is begun again. Whatever else goes wrong
/// is the end of it.
pub async fn run_next(app: &Arc<App>) -> Result<Next> {
    let (found, _) = read_quietly(app, system(0), runs::next).await?;
    let export = match found {
        Found::Run(export) => export,
        Found::Later(at) => return Ok(Next::At(at)),
        Found::Nothing => return Ok(Next::Woken),
    };
    let (id, again) = (export.id, Next::At(app.now()));
    if !write(app, system(0), move |cx| runs::claim(cx, id)).await? {
        return Ok(again);
    }
    let size = match run(app, &export).await {
        Ok(size) => Some(size),
        Err(error @ Error::Db(db::Error::Overloaded | db::Error::Unavailable(_))) => {
            return Err(error);
        }
        Err(error) => {
            tracing::warn!(%error, export = id, "an export failed");
            None
        }
    };
    write(app, export.caller, move |cx| runs::end(cx, id, size)).await?;
    Ok(again)
}

/// Writes the file as a report would answer whoever asked: their rights and the folder are looked at
/// for each part. Gives the size of the file.
async fn run(app: &Arc<App>, export: &Run) -> Result<u64> {
    let id = export.id;
    read_quietly(app, Arc::clone(&export.caller), runs::check).await?;
    let (store, key) = (app.blobs.clone(), runs::blob_key(id));
    let mut file = blocking(move || {
        // What a run that broke off has left.
        store.delete(&key).map_err(storage)?;
        store.incoming().map_err(storage)
    })
    .await?;
    let (mut call, mut size) = (Arc::new(call(export)), 0);
    let mut renewal = app.now().plus(runs::RENEWAL);
    for number in 0.. {
        if app.now() >= renewal {
            renew(app, id).await?;
            renewal = app.now().plus(runs::RENEWAL);
        }
        let part = execute(app, Arc::clone(&call)).await?;
        let Reply::Part { body, next, .. } = part else {
            return Err(Error::Internal("an export without a part".into()));
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        size += text.len() as u64;
        let server = Arc::clone(&app.server);
        file = blocking(move || {
            let sealed = server.keys.encrypt(&place(id, number), &text) + "\n";
            file.write_all(sealed.as_bytes())
                .map_err(|e| Error::Internal(format!("write of an export: {e}")))?;
            Ok(file)
        })
        .await?;
        if next.is_none() {
            break;
        }
        Arc::make_mut(&mut call).args.after = next;
    }
    let (store, key) = (app.blobs.clone(), runs::blob_key(id));
    blocking(move || store.keep(file, &key).map_err(storage)).await?;
    Ok(size)
}

/// Says that this process still writes an export.
async fn renew(app: &Arc<App>, id: i64) -> Result<()> {
    match write(app, system(0), move |cx| runs::renew(cx, id)).await? {
        true => Ok(()),
        false => Err(Error::Internal("another process has begun it again".into())),
    }
}

/// Where a part of a file belongs.
fn place(export: i64, part: u64) -> String {
    format!("exports:{export}:{part}")
}

/// The report, as whoever asked would call it.
fn call(export: &Run) -> Call {
    let args = Args {
        query: export.query.clone(),
        ..Args::default()
    };
    Call {
        task: export.report.clone(),
        caller: Arc::clone(&export.caller),
        need: export.at.need,
        rule: export.at.folder,
        header: FolderHeader {
            id: Some(export.folder),
            ..FolderHeader::default()
        },
        base: String::new(),
        metadata: Metadata::None,
        args,
        store: export.at.store,
        write: false,
        search: None,
    }
}

/// Time from one look for such exports to the next.
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Removes exports that are kept no longer: first their files, so that none stays without its row.
///
/// # Errors
/// Those of the store and of the files.
pub async fn sweep(app: &Arc<App>) -> Result<Next> {
    loop {
        let now = app.now();
        let over = app.db.read(move |tx| runs::over(tx, now)).await?;
        if over.is_empty() {
            return Ok(Next::At(now.plus(EVERY)));
        }
        let (store, ids) = (app.blobs.clone(), over.clone());
        blocking(move || {
            let mut keys = ids.iter().map(|id| runs::blob_key(*id));
            keys.try_for_each(|key| store.delete(&key).map_err(storage))
        })
        .await?;
        app.db.write(move |tx| runs::forget(tx, &over)).await?;
    }
}

/// `GET /api/ExportFiles/{id}?expires=…&signature=…`, an address that `GetDownloadLink` has given.
///
/// # Errors
/// 403 when it has ended or is another one, 404 when the file is gone.
pub async fn download(app: &Arc<App>, id: &str, query: Option<&str>) -> Result<Response<Body>> {
    let args = Args {
        params: odata::query_params(query.unwrap_or_default()),
        ..Args::default()
    };
    let (id, expires) = (id.parse().unwrap_or(0), args.int("expires")?);
    let signature = args.text("signature")?;
    let server = Arc::clone(&app.server);
    let work = move |tx: &mut db::Tx<'_>| {
        links::open(tx, &server, server.clock.now(), id, expires, &signature)
    };
    match app.db.read(work).await? {
        Reply::File { blob, name } => opened(app, id, blob, &name).await,
        _ => Err(Error::Internal("an address without a file".into())),
    }
}

/// Streams a file, part by part.
async fn opened(app: &Arc<App>, id: i64, blob: String, name: &str) -> Result<Response<Body>> {
    let store = app.blobs.clone();
    let (file, _) = blocking(move || store.open_blob(&blob).map_err(storage)).await?;
    let lines = BufReader::new(tokio::fs::File::from_std(file)).lines();
    let server = Arc::clone(&app.server);
    let parts = try_unfold((lines, 0), move |(mut lines, number)| {
        let server = Arc::clone(&server);
        async move {
            let Some(line) = lines.next_line().await? else {
                return Ok::<_, io::Error>(None);
            };
            let text = server.keys.decrypt(&place(id, number), &line);
            let text = text.map_err(io::Error::other)?;
            Ok(Some((text, (lines, number + 1))))
        }
    });
    Ok(files::named(Body::from_stream(parts), name))
}
