//! From what a domain function replies to the bytes and headers of the answer.

use std::sync::Arc;

use ::odata::edm::{EntitySet, Kind as EdmKind};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, header};
use orchestrator::{Reply, Result};
use serde_json::Value;

use super::plan::Expect;
use super::target::Kind;
use crate::app::App;
use crate::error::json_response;
use crate::packages;

/// Answers a reply.
///
/// # Errors
/// Those of a download.
pub async fn answer(app: &Arc<App>, expect: &Expect, reply: Reply) -> Result<Response<Body>> {
    Ok(match reply {
        Reply::NoContent => json_response(204, Body::empty()),
        Reply::Ok => json_response(200, Body::empty()),
        Reply::Json { status, body } => document(expect, status, body),
        Reply::File { blob, name } => packages::download(app, &blob, &name).await?,
    })
}

fn document(expect: &Expect, status: u16, body: Vec<u8>) -> Response<Body> {
    if expect.kind == Kind::Count {
        let mut response = json_response(status, body);
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        return response;
    }
    let labels = Labels::of(expect, status, &body);
    let minimal = expect.minimal && matches!(expect.kind, Kind::Created | Kind::Changed);
    let mut response = match minimal {
        true => json_response(204, Body::empty()),
        false => json_response(status, body),
    };
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(
        "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8",
    );
    headers.insert(header::CONTENT_TYPE, kind);
    if let Some(location) = labels.location {
        if minimal {
            headers.insert(HeaderName::from_static("odata-entityid"), location.clone());
        }
        headers.insert(header::LOCATION, location);
    }
    if let Some(etag) = labels.etag {
        headers.insert(header::ETAG, etag);
    }
    if minimal {
        headers.remove(header::CONTENT_TYPE);
        let applied = HeaderValue::from_static("return=minimal");
        headers.insert(HeaderName::from_static("preference-applied"), applied);
    }
    response
}

/// What the headers say of the entity in the body.
#[derive(Default)]
struct Labels {
    location: Option<HeaderValue>,
    etag: Option<HeaderValue>,
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
            .then(|| entity_url(&expect.base, set, &entity))
            .flatten();
        let etag = version
            .and_then(|prop| entity[prop.name].as_str())
            .map(|version| format!("W/\"{version}\""));
        Labels {
            location: location.and_then(|url| HeaderValue::from_str(&url).ok()),
            etag: etag.and_then(|etag| HeaderValue::from_str(&etag).ok()),
        }
    }
}

/// The address of an entity: `http://host/odata/Jobs(1)`.
fn entity_url(base: &str, set: &EntitySet, entity: &Value) -> Option<String> {
    let key = set.prop(set.key)?;
    let literal = match (&entity[key.name], key.kind) {
        (Value::Number(number), _) => number.to_string(),
        (Value::String(text), EdmKind::Guid) => text.clone(),
        (Value::String(text), _) => {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            percent_encoding::utf8_percent_encode(&quoted, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        }
        _ => return None,
    };
    Some(format!("{base}/{}({literal})", set.name))
}
