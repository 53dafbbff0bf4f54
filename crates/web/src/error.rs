//! The one place that maps errors to HTTP.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use orchestrator::{Code, Error};
use serde_json::{Value, json};

/// Answers an error in the envelope that clients parse: `message`, `errorCode`, `traceId`, and for
/// a missing permission also the members of the older envelope.
pub fn respond(error: &Error, trace: &str) -> Response<Body> {
    let status = status(error);
    if status >= 500 && status != 501 {
        tracing::error!(%error, trace, "request failed");
    }
    let mut body = envelope(&message(error, status), code(error), trace);
    if let (Error::Forbidden { needed }, Some(body)) = (error, body.as_object_mut()) {
        let details = "You are not allowed to perform this operation.";
        body.extend([
            ("result".to_owned(), Value::Null),
            ("targetUrl".to_owned(), Value::Null),
            ("success".to_owned(), false.into()),
            (
                "error".to_owned(),
                json!({"code": 0, "message": "You are not authorized!", "details": details,
                    "validationErrors": Value::Null, "neededPermissions": needed}),
            ),
            ("unAuthorizedRequest".to_owned(), true.into()),
            ("__abp".to_owned(), true.into()),
        ]);
    }
    if let (Error::MissingScope { .. }, Some(body)) = (error, body.as_object_mut()) {
        body.insert("errorMessage".to_owned(), error.to_string().into());
    }
    let mut response = json_response(status, body.to_string());
    if let Some(seconds) = retry_after(error, status) {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status == 401 {
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

/// In how many seconds it is worth asking again.
fn retry_after(error: &Error, status: u16) -> Option<u64> {
    match error {
        Error::Later { after, .. } => Some(after.as_secs() + 1),
        _ => (status == 503).then_some(1),
    }
}

/// What every error answers with, whatever else it adds.
pub fn envelope(message: &str, code: i64, trace: &str) -> Value {
    json!({
        "message": message,
        "errorCode": code,
        "traceId": trace,
        "resourceIds": Value::Null,
    })
}

fn status(error: &Error) -> u16 {
    match error {
        Error::Refused { code, .. } | Error::Later { code, .. } => code.status(),
        Error::NotNull { .. } | Error::NoFolder(_) => 400,
        Error::Unauthenticated(_) => 401,
        Error::Forbidden { .. } | Error::MissingScope { .. } => 403,
        Error::NoSuchAddress(_) => 404,
        Error::TooSlow => 408,
        Error::Precondition(_) => 412,
        Error::MediaType(_) => 415,
        Error::NotBuilt(_) => 501,
        Error::Db(error) => store_status(error),
        Error::OData(_) => 400,
        Error::Internal(_) => 500,
    }
}

fn store_status(error: &db::Error) -> u16 {
    match error {
        db::Error::Nul | db::Error::OutOfRange => 400,
        db::Error::Unique { .. } | db::Error::ForeignKey => 409,
        db::Error::Overloaded | db::Error::Unavailable(_) => 503,
        _ => 500,
    }
}

fn code(error: &Error) -> i64 {
    let code = match error {
        Error::Refused { code, .. } | Error::Later { code, .. } => Some(*code),
        Error::NoFolder(_) => Some(Code::InvalidOrganizationUnit),
        Error::Precondition(_) => Some(Code::OptimisticConcurrency),
        Error::OData(odata::Error::Field(_)) => Some(Code::InvalidArgument),
        Error::OData(odata::Error::Invalid(_)) => Some(Code::InvalidRequest),
        Error::Db(error) => store_code(error),
        _ => None,
    };
    code.map_or(0, |code| code as i64)
}

fn store_code(error: &db::Error) -> Option<Code> {
    match error {
        db::Error::Nul | db::Error::OutOfRange => Some(Code::InvalidRequest),
        db::Error::Unique { .. } => Some(Code::ItemAlreadyExists),
        db::Error::ForeignKey => Some(Code::HasDependentItems),
        db::Error::Overloaded | db::Error::Unavailable(_) => Some(Code::ServiceUnavailable),
        _ => None,
    }
}

/// What the caller reads; the inside of a failure is for the log only.
fn message(error: &Error, status: u16) -> String {
    match (error, status) {
        (Error::Db(_), 409) => {
            "The change conflicts with something that exists or is in use.".into()
        }
        (_, 503) => "The server is too busy or its database cannot be reached. Try again.".into(),
        (_, 500) => "An error has occurred.".into(),
        _ => error.to_string(),
    }
}

/// A JSON answer.
pub fn json_response(status: u16, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
