//! Files of the blob store: work on them off the event loop, and downloads as streams.

use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use orchestrator::{Error, Result};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::io::ReaderStream;

use crate::app::App;

/// Runs what waits for the disk.
///
/// # Errors
/// Those of the work.
pub async fn blocking<T: Send + 'static>(
    f: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(f)
        .await
        .unwrap_or_else(|e| Err(Error::Internal(format!("a blocking task failed: {e}"))))
}

/// What went wrong with a file is for the log only.
pub fn storage(error: blob::Error) -> Error {
    Error::Internal(error.to_string())
}

/// Removes a file that nothing refers to any more, in its own time: if it stays, it takes room only.
pub fn discard(app: &App, key: String) {
    let store = app.blobs.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = store.delete(&key) {
            tracing::warn!(%error, key, "a file that nothing refers to could not be removed");
        }
    });
}

/// Streams a stored file.
///
/// # Errors
/// When it is not there, or cannot be read.
pub async fn download(app: &App, blob: &str, name: &str) -> Result<Response<Body>> {
    let (store, key) = (app.blobs.clone(), blob.to_owned());
    let (file, size) = blocking(move || store.open_blob(&key).map_err(storage)).await?;
    let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), 64 * 1024);
    let mut response = named(Body::from_stream(stream), name);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    Ok(response)
}

/// An answer that is to be kept as a file of this name.
pub fn named(body: Body, name: &str) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type(name));
    headers.insert(header::CONTENT_DISPOSITION, attachment(name));
    response
}

/// What may stand in `filename*` as it is (RFC 5987).
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Tells a client to keep the answer under a name (RFC 6266): in ASCII for the oldest, and whole where
/// that is another one.
pub fn attachment(name: &str) -> HeaderValue {
    let safe = |c: char| (c.is_ascii_graphic() || c == ' ') && !"\"\\%".contains(c);
    let ascii: String = name
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .collect();
    let mut value = format!("attachment; filename=\"{ascii}\"");
    if ascii != name {
        value.push_str("; filename*=UTF-8''");
        value.extend(utf8_percent_encode(name, PLAIN));
    }
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("attachment"))
}

/// What a file of that name holds; packages are bytes to everybody but robots.
fn media_type(name: &str) -> HeaderValue {
    let extension = Path::new(name).extension();
    HeaderValue::from_static(match extension.and_then(|e| e.to_str()) {
        Some("csv") => "text/csv; charset=utf-8",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use super::attachment;

    #[test]
    fn names_of_files() {
        for (name, expected) in [
            ("p.1.0.0.nupkg", "attachment; filename=\"p.1.0.0.nupkg\""),
            ("a b'(1).csv", "attachment; filename=\"a b'(1).csv\""),
            (
                "Aufträge €.csv",
                "attachment; filename=\"Auftr_ge _.csv\"; filename*=UTF-8''Auftr%C3%A4ge%20%E2%82%AC.csv",
            ),
            (
                "a\"b\\c%41;\r\nx: y",
                "attachment; filename=\"a_b_c_41;__x: y\"; \
                 filename*=UTF-8''a%22b%5Cc%2541%3B%0D%0Ax%3A%20y",
            ),
            ("", "attachment; filename=\"\""),
        ] {
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }
}
