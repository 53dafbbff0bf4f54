//! What the service says of itself. Public, as it tells nothing of any tenant.

use ::odata::metadata::{self, OpSig};
use axum::body::Body;
use axum::http::{HeaderValue, Response, header};
use orchestrator::{OPS, Op, RESOURCES, Result};

use super::ODataRequest;
use crate::error::json_response;

/// The service document and `$metadata`.
///
/// # Errors
/// 400 for a format that does not exist.
pub fn document(odata: &ODataRequest, service: bool) -> Result<Response<Body>> {
    let sets: Vec<_> = RESOURCES.iter().map(|r| r.set).collect();
    let query = odata.request.uri().query();
    let xml = query.is_some_and(|q| q.contains("format=xml"));
    if service && !xml {
        return Ok(json_response(
            200,
            metadata::service_document(&odata.base, &sets),
        ));
    }
    let signatures: Vec<_> = OPS
        .iter()
        .flat_map(|ops| ops.iter())
        .map(signature)
        .collect();
    let mut response = Response::new(Body::from(metadata::csdl_xml(&sets, &signatures)));
    let kind = HeaderValue::from_static("application/xml; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

fn signature(op: &Op) -> OpSig {
    OpSig {
        name: op.name,
        namespace: op.namespace,
        action: op.action,
        set: op.set,
        bound_to_entity: op.bound,
        params: op.params,
    }
}
