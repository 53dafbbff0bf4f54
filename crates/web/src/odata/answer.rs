//! From what a domain function replies to the bytes and headers of the answer.

use std::sync::Arc;

use ::odata::Metadata;
use ::odata::batch;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use orchestrator::{Code, Error, Reply, Result};
use serde_json::Value;

use super::plan::{Expect, Preferred};
use super::target::Kind;
use crate::app::App;
use crate::files;

/// Answers a reply.
///
/// # Errors
/// Those of a download.
pub async fn answer(app: &Arc<App>, expect: &Expect, reply: Reply) -> Result<Response<Body>> {
    match reply {
        Reply::File { blob, name } => files::download(app, &blob, &name).await,
        reply => Ok(http(immediate(expect, reply)?)),
    }
}

/// Answers a reply that is no file, as plain data.
///
/// # Errors
/// 400 for a file.
pub fn immediate(expect: &Expect, reply: Reply) -> Result<batch::Response> {
    match reply {
        Reply::NoContent => Ok(empty(204)),
        Reply::Ok if is_minimal(expect) => Ok(minimal(Vec::new())),
        Reply::Ok => Ok(empty(200)),
        Reply::Json { status, body } => Ok(document(expect, status, body)),
        Reply::File { .. } | Reply::Part { .. } => Err(Error::refused(
            Code::InvalidRequest,
            "A file cannot be the answer to a request in a group.",
        )),
    }
}

fn empty(status: u16) -> batch::Response {
    batch::Response {
        status,
        ..batch::Response::default()
    }
}

/// What the caller wants of the entity that was made or changed, if they say.
fn preferred(expect: &Expect) -> Option<Preferred> {
    let entity = matches!(expect.kind, Kind::Created | Kind::Changed);
    expect.preferred.filter(|_| entity)
}

/// Whether the caller does not want the entity back.
fn is_minimal(expect: &Expect) -> bool {
    preferred(expect) == Some(Preferred::Minimal)
}

/// What a caller gets who does not want the entity back.
fn minimal(mut headers: Vec<(String, String)>) -> batch::Response {
    headers.push(("preference-applied".to_owned(), "return=minimal".to_owned()));
    batch::Response {
        headers,
        ..empty(204)
    }
}

fn document(expect: &Expect, status: u16, body: Vec<u8>) -> batch::Response {
    let labels = Labels::of(expect, status, &body);
    let unwanted = is_minimal(expect);
    let mut headers = Vec::new();
    let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
    if let Some(location) = labels.location {
        if unwanted {
            add("odata-entityid", location.clone());
        }
        add("location", location);
    }
    if let Some(etag) = labels.etag {
        add("etag", etag);
    }
    if unwanted {
        return minimal(headers);
    }
    match preferred(expect) {
        Some(_) => add("preference-applied", "return=representation".to_owned()),
        // What a change made anew is shown: nobody knows its number yet.
        None if expect.silent && status == 200 => {
            return batch::Response {
                headers,
                ..empty(status)
            };
        }
        None => {}
    }
    if let Some(page_size) = &expect.page_size {
        add("preference-applied", page_size.clone());
    }
    add("content-type", content_type(expect));
    batch::Response {
        status,
        headers,
        body,
    }
}

fn content_type(expect: &Expect) -> String {
    match expect.kind {
        Kind::Count => "text/plain; charset=utf-8".to_owned(),
        _ => {
            let level = match expect.metadata {
                Metadata::Minimal => "minimal",
                Metadata::Full => "full",
                Metadata::None => "none",
            };
            format!("application/json; odata.metadata={level}; odata.streaming=true; charset=utf-8")
        }
    }
}

fn http(plain: batch::Response) -> Response<Body> {
    let mut response = Response::new(Body::from(plain.body));
    *response.status_mut() =
        StatusCode::from_u16(plain.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in plain.headers {
        let pair = name
            .parse::<HeaderName>()
            .ok()
            .zip(HeaderValue::try_from(value).ok());
        if let Some((name, value)) = pair {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// What the headers say of the entity in the body.
#[derive(Default)]
struct Labels {
    location: Option<String>,
    etag: Option<String>,
}

impl Labels {
    /// Reads the key of what was made, and the version of what has one.
    fn of(expect: &Expect, status: u16, body: &[u8]) -> Labels {
        let Some(set) = expect.set else {
            return Labels::default();
        };
        let made = status == 201 && expect.kind == Kind::Created;
        let version = set.version().filter(|_| expect.kind != Kind::Page);
        if !made && version.is_none() {
            return Labels::default();
        }
        let Ok(entity) = serde_json::from_slice::<Value>(body) else {
            return Labels::default();
        };
        let location = made
            .then(|| ::odata::address(&expect.base, set, &entity[set.key]))
            .flatten();
        let etag = version
            .and_then(|prop| entity[prop.name].as_str())
            .map(|version| format!("W/\"{version}\""));
        Labels { location, etag }
    }
}
