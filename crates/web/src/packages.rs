//! Packages in: multipart uploads into the blob store and the feed.

use std::io::Write;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use axum::http::Response;
use nupkg::{Limits, Package};
use orchestrator::access::{self, FolderHeader};
use orchestrator::packages::{self, Feed, Upload};
use orchestrator::{Caller, Code, Error, FolderRule, Op, Result, releases};
use serde_json::{Value, json};

use crate::app::App;
use crate::error::json_response;
use crate::execute::write;
use crate::files::{blocking, storage};
use crate::odata::ODataRequest;

/// Files of one request.
const MAX_FILES: usize = 100;

/// An upload on disk, read and checked.
struct Received {
    file: blob::Incoming,
    package: Package,
}

/// The feed that an upload goes into.
#[derive(Clone)]
struct Target {
    kind: Feed,
    id: String,
}

/// `POST …UploadPackage`: every file part is a package, whatever its name. One file answers for
/// itself; of several each has its own status in a 207.
pub async fn upload(
    app: &Arc<App>,
    odata: ODataRequest,
    caller: Arc<Caller>,
    op: &'static Op,
) -> Result<Response<Body>> {
    let feed = feed_of(odata.request.uri().query());
    let context = format!("{}/$metadata#Collection(BulkItemDtoOfString)", odata.base);
    let feed = allowed_feed(app, Arc::clone(&caller), op, feed).await?;
    let mut request = odata.request;
    // Files have a limit of their own.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut parts = Multipart::from_request(request, &()).await.map_err(|e| {
        Error::refused(
            Code::InvalidRequest,
            format!("The body must be multipart/form-data: {e}."),
        )
    })?;
    let mut results = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        if results.len() == MAX_FILES {
            return Err(Error::invalid(format!(
                "At most {MAX_FILES} packages can be uploaded at a time."
            )));
        }
        let text = part.content_type().is_none_or(|t| t.starts_with("text/"));
        if part.file_name().is_none() && text {
            // A plain form field beside the files.
            continue;
        }
        let name = part.file_name().unwrap_or("package").to_owned();
        let result = match receive(app, part).await {
            Ok(received) => publish(app, &caller, &feed, received).await,
            Err(error) => Err(error),
        };
        results.push((name, result));
    }
    answer(&context, results)
}

fn broken(error: axum::extract::multipart::MultipartError) -> Error {
    Error::refused(
        Code::InvalidRequest,
        format!("The upload broke off: {error}."),
    )
}

fn feed_of(query: Option<&str>) -> Option<String> {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case("feedId"));
    found.map(|(_, feed)| feed.into_owned())
}

async fn allowed_feed(
    app: &App,
    caller: Arc<Caller>,
    op: &'static Op,
    feed: Option<String>,
) -> Result<Target> {
    app.db
        .read(move |tx| {
            access::grant(
                tx,
                &caller,
                &op.at.need,
                FolderRule::Tenant,
                &FolderHeader::default(),
            )?;
            let kind = Feed::of_set(op.at.set);
            let id = kind.requested(tx, caller.tenant, feed.as_deref())?;
            Ok(Target { kind, id })
        })
        .await
}

/// Streams one part to disk and reads what it says of itself; nothing is kept on failure.
async fn receive(app: &App, mut part: axum::extract::multipart::Field<'_>) -> Result<Received> {
    let store = app.blobs.clone();
    let mut file = blocking(move || store.incoming().map_err(storage)).await?;
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        if file.written() + chunk.len() as u64 > app.config.max_upload {
            return Err(Error::refused(
                Code::PayloadTooLarge,
                format!(
                    "A package must not be larger than {} bytes.",
                    app.config.max_upload
                ),
            ));
        }
        file = blocking(move || {
            file.write_all(&chunk)
                .map_err(|e| Error::Internal(format!("write of an upload: {e}")))?;
            Ok(file)
        })
        .await?;
    }
    blocking(move || {
        let reader = file.reader().map_err(storage)?;
        let package = nupkg::inspect(std::io::BufReader::new(reader), &Limits::default())
            .map_err(|e| Error::refused(Code::InvalidPackageDetails, e.to_string()))?;
        Ok(Received { file, package })
    })
    .await
}

/// The file first, durably, then the row; without the row the file goes again.
async fn publish(
    app: &Arc<App>,
    caller: &Arc<Caller>,
    feed: &Target,
    received: Received,
) -> Result<(String, String)> {
    let key = packages::new_blob_key(&app.server.chance);
    let (store, blob) = (app.blobs.clone(), key.clone());
    let Received { file, package } = received;
    let size = blocking(move || store.keep(file, &blob).map_err(storage)).await?;
    let names = (package.id.clone(), package.version.to_string());
    let (feed, blob) = (feed.clone(), key.clone());
    let published = write(app, Arc::clone(caller), move |cx| {
        let upload = Upload {
            kind: feed.kind,
            feed: &feed.id,
            package: &package,
            blob: &blob,
            size,
        };
        releases::publish(cx, &upload)
    })
    .await;
    if let Err(error) = published {
        let store = app.blobs.clone();
        // A commit whose answer was lost may have happened: then the file must stay.
        if !matches!(error, Error::Db(db::Error::Unavailable(_))) {
            blocking(move || store.delete(&key).map_err(storage)).await?;
        }
        return Err(error);
    }
    Ok(names)
}

type Outcome = (String, Result<(String, String)>);

fn answer(context: &str, mut results: Vec<Outcome>) -> Result<Response<Body>> {
    if results.is_empty() {
        return Err(Error::invalid("The request holds no file."));
    }
    if results.len() == 1 && results[0].1.is_err() {
        // The only file's failure is the request's.
        return Err(results
            .remove(0)
            .1
            .err()
            .unwrap_or(Error::Internal("no result".into())));
    }
    let failed = results.iter().any(|(_, r)| r.is_err());
    let mut items = Vec::with_capacity(results.len());
    for (file, result) in results {
        items.push(match result {
            Ok((id, version)) => json!({
                "Key": format!("{id}:{version}"), "Status": "OK",
                "Body": json!({"Id": id, "Version": version}).to_string(),
            }),
            Err(Error::Refused { code, message }) => json!({
                "Key": file, "Status": if code.status() == 409 { "Conflict" } else { "BadRequest" },
                "Body": message,
            }),
            Err(error) => return Err(error),
        });
    }
    let body: Value = json!({"@odata.context": context, "value": items});
    Ok(json_response(
        if failed { 207 } else { 200 },
        body.to_string(),
    ))
}
