//! Documents that are too long for one transaction: each part is read by one of its own, once the
//! caller has taken the part before.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use bytes::Bytes;
use futures_util::stream;
use orchestrator::{Error, Place, Reply, Result};

use crate::app::App;
use crate::execute::{Call, execute};
use crate::files::attachment;

/// Answers with the first part, and with those that follow as they are asked for.
///
/// # Errors
/// When the reply is no part.
pub fn answer(app: &Arc<App>, call: Arc<Call>, first: Reply) -> Result<Response<Body>> {
    let Reply::Part {
        name,
        kind,
        body,
        next,
    } = first
    else {
        return Err(Error::Internal("a reply that is no part".into()));
    };
    let rest = Rest {
        app: Arc::clone(app),
        call,
        read: Some(body),
        next,
    };
    let mut response = Response::new(Body::from_stream(stream::try_unfold(rest, Rest::step)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&name));
    Ok(response)
}

/// What is still to be sent.
struct Rest {
    app: Arc<App>,
    call: Arc<Call>,
    /// The part that was read last, unless it is sent.
    read: Option<Vec<u8>>,
    next: Option<Place>,
}

impl Rest {
    async fn step(mut self) -> Result<Option<(Bytes, Self)>> {
        if let Some(body) = self.read.take() {
            return Ok(Some((body.into(), self)));
        }
        let Some(after) = self.next.take() else {
            return Ok(None);
        };
        Arc::make_mut(&mut self.call).args.after = Some(after);
        let part = execute(&self.app, Arc::clone(&self.call)).await;
        // The answer has begun, so that nothing can be said but that it broke off.
        match part.inspect_err(|error| tracing::warn!(%error, "an answer broke off"))? {
            Reply::Part { body, next, .. } => {
                self.next = next;
                Ok(Some((body.into(), self)))
            }
            _ => Err(Error::Internal("a document without its next part".into())),
        }
    }
}
