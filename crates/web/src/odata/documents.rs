//! What the service says of itself. Public, as it tells nothing of any tenant.

use std::sync::LazyLock;

use ::odata::Options;
use ::odata::edm::Kind;
use ::odata::metadata::{self, Model, OpSig};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, header};
use orchestrator::{Code, Error, Op, Result, operations, resources};

use super::ODataRequest;
use crate::error::json_response;
use crate::request;

/// The sets and operations that exist.
pub struct Described {
    sets: Vec<&'static ::odata::edm::EntitySet>,
    ops: Vec<OpSig>,
    results: Vec<&'static ::odata::edm::EntitySet>,
    types: Vec<Kind>,
}

impl Described {
    /// Collects them.
    pub fn new() -> Described {
        let mut sets: Vec<_> = resources().map(|resource| resource.set).collect();
        sets.sort_unstable_by_key(|set| set.name);
        Described {
            sets,
            ops: operations().map(Op::signature).collect(),
            results: operations().filter_map(Op::result).collect(),
            types: operations().filter_map(Op::result_kind).collect(),
        }
    }

    /// For the writers of descriptions.
    pub fn model(&self) -> Model<'_> {
        Model {
            sets: &self.sets,
            ops: &self.ops,
            results: &self.results,
            types: &self.types,
        }
    }
}

/// Which query options the answers of operations honour, in their order.
pub static HONOURED: LazyLock<Vec<Options>> = LazyLock::new(|| {
    let described = Described::new();
    let by_result = Options::of_operations(&described.model());
    let honoured = operations().zip(by_result);
    honoured
        .map(|(op, by_result)| op.at.options.unwrap_or(by_result))
        .collect()
});

/// The formats of `$metadata` and the service document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Xml,
}

/// The service document and `$metadata`. The original answers its root with JSON, and with
/// `$format=xml` with `$metadata`.
///
/// # Errors
/// 400 for a format that does not exist, 404 for another method than GET.
pub fn document(odata: &ODataRequest, service: bool) -> Result<Response<Body>> {
    if *odata.request.method() != Method::GET {
        let text = "The service document and $metadata are read with GET.";
        return Err(Error::NoSuchAddress(text.into()));
    }
    let described = Described::new();
    let model = described.model();
    let usual = if service { Format::Json } else { Format::Xml };
    let asked = format(odata.request.uri().query(), odata.request.headers())?;
    Ok(match (service, asked.unwrap_or(usual)) {
        (true, Format::Json) => {
            json_response(200, metadata::service_document(&odata.base, model.sets))
        }
        (false, Format::Json) => json_response(200, metadata::csdl_json(&model)),
        (_, Format::Xml) => {
            let mut response = Response::new(Body::from(metadata::csdl_xml(&model)));
            let kind = HeaderValue::from_static("application/xml; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            response
        }
    })
}

/// What `$format` asks for, else `Accept` if it names one of the two.
fn format(query: Option<&str>, headers: &HeaderMap) -> Result<Option<Format>> {
    let given = ::odata::format(query.unwrap_or_default())?;
    let named = |text: &str| match text {
        _ if text.starts_with("application/json") => Some(Format::Json),
        _ if text.starts_with("application/xml") => Some(Format::Xml),
        "json" => Some(Format::Json),
        "xml" => Some(Format::Xml),
        _ => None,
    };
    match given {
        Some(text) => named(&text).map(Some).ok_or_else(|| {
            Error::refused(
                Code::InvalidRequest,
                "Invalid OData query options. $format is json or xml.",
            )
        }),
        None => {
            let accept = request::header(headers, "accept").unwrap_or_default();
            Ok(accept.split(',').find_map(|one| named(one.trim())))
        }
    }
}
