//! The format of OData 4.01: a document with `requests`, answered by one with `responses`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::edm::Kind;
use crate::{Result, relaxed};

use super::{Answer, Batch, Format, Group, Limits, Part, Rendered, Request};
use super::{invalid, too_long, too_many};

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    requests: Vec<Item<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    id: Name,
    method: String,
    url: String,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
    #[serde(default)]
    atomicity_group: Option<Name>,
    #[serde(default)]
    depends_on: Option<Vec<Name>>,
    #[serde(default, rename = "if")]
    condition: Option<String>,
}

/// The name of a request or group, which some write as a number.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Name, D::Error> {
        let given = Value::deserialize(deserializer)?;
        let text = text(&given).map(Name);
        text.ok_or_else(|| serde::de::Error::custom("an id or group is neither text nor a number"))
    }
}

/// A text, or the number or truth value that stands for one.
fn text(value: &Value) -> Option<String> {
    match &*crate::body::converted(Kind::String, value) {
        Value::String(text) => Some(text.clone()),
        _ => None,
    }
}

/// Reads the document.
pub(super) fn parse(body: &[u8], limits: Limits) -> Result<Batch> {
    let body = std::str::from_utf8(body).map_err(invalid)?;
    if let Ok(document) = serde_json::from_str(body) {
        return read(document, limits);
    }
    let standard = relaxed::standard(body).map_err(invalid)?;
    read(serde_json::from_str(&standard).map_err(invalid)?, limits)
}

fn read(document: Document<'_>, limits: Limits) -> Result<Batch> {
    if document.requests.len() > limits.requests {
        return Err(too_many(limits));
    }
    let mut groups: Vec<Group> = Vec::new();
    for item in document.requests {
        let request = request(item, limits)?;
        match groups.last_mut() {
            Some(Group::Atomic(requests))
                if request.group.is_some() && requests[0].group == request.group =>
            {
                requests.push(request);
            }
            _ if request.group.is_some() => groups.push(Group::Atomic(vec![request])),
            _ => groups.push(Group::Single(request)),
        }
    }
    let format = Format::Json;
    Ok(Batch { format, groups })
}

fn request(item: Item<'_>, limits: Limits) -> Result<Request> {
    let group = item.atomicity_group.map(|Name(name)| name);
    if item.id.0.is_empty() || group.as_deref() == Some("") {
        return Err(invalid("an id or atomicityGroup is empty"));
    }
    let mut headers = Vec::new();
    for (name, value) in item.headers.unwrap_or_default() {
        let Some(value) = text(&value) else {
            return Err(invalid(format_args!("the header '{name}' is not text")));
        };
        headers.push((name.to_ascii_lowercase(), value));
    }
    let length: usize = headers.iter().map(|(n, v)| n.len() + v.len()).sum();
    if length > limits.headers {
        return Err(too_long(limits));
    }
    let names = item.depends_on.unwrap_or_default().into_iter();
    let mut request = Request {
        id: item.id.0,
        method: item.method.to_ascii_uppercase(),
        url: item.url,
        headers,
        body: Vec::new(),
        group,
        depends_on: names.map(|Name(name)| name).collect(),
        condition: item.condition,
    };
    if let Some(raw) = item.body.filter(|raw| raw.get() != "null") {
        request.body = decode(&request, raw)?;
    }
    in_unicode(&mut request.headers);
    Ok(request)
}

/// A body that stands in the document as JSON or text has the encoding of the document, whatever its
/// own type says.
fn in_unicode(headers: &mut [(String, String)]) {
    let kind = headers.iter_mut().find(|(name, _)| name == "content-type");
    let Some((_, kind)) = kind else { return };
    if Encoding::of(Some(kind)) == Encoding::Base64 {
        return;
    }
    let charset = |parameter: &&str| {
        let (name, _) = parameter.split_once('=').unwrap_or((parameter, ""));
        name.trim().eq_ignore_ascii_case("charset")
    };
    let kept: Vec<&str> = kind.split(';').filter(|part| !charset(part)).collect();
    *kind = kept.join(";");
}

/// How a body stands in the document, by its media type.
#[derive(PartialEq)]
enum Encoding {
    Json,
    Text,
    Base64,
}

impl Encoding {
    fn of(content_type: Option<&str>) -> Encoding {
        let Some(content_type) = content_type else {
            return Encoding::Json;
        };
        let media = content_type.split(';').next().unwrap_or_default();
        let media = media.trim().to_ascii_lowercase();
        if media == "application/json" || media.ends_with("+json") {
            return Encoding::Json;
        }
        match media.starts_with("text/") {
            true => Encoding::Text,
            false => Encoding::Base64,
        }
    }
}

/// With the alphabet of base64url, padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

fn decode(request: &Request, raw: &RawValue) -> Result<Vec<u8>> {
    let encoding = Encoding::of(request.header("content-type"));
    if encoding == Encoding::Json {
        return Ok(raw.get().as_bytes().to_vec());
    }
    let text: Cow<'_, str> = serde_json::from_str(raw.get()).map_err(|_| {
        invalid(format_args!(
            "the body of request '{}' is not text",
            request.id
        ))
    })?;
    if encoding == Encoding::Text {
        return Ok(text.into_owned().into_bytes());
    }
    BASE64.decode(text.as_bytes()).map_err(|_| {
        invalid(format_args!(
            "the body of request '{}' is not base64url",
            request.id
        ))
    })
}

#[derive(Serialize)]
struct Answers<'a> {
    responses: Vec<ResponseItem<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseItem<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    atomicity_group: Option<&'a str>,
    status: u16,
    #[serde(skip_serializing_if = "Map::is_empty")]
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Body<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    Json(&'a RawValue),
    Text(Cow<'a, str>),
}

/// The document with a response for each request that was looked at.
pub(super) fn render(answers: &[Answer]) -> Rendered {
    let parts = answers.iter().flat_map(|answer| match answer {
        Answer::Single(part) => std::slice::from_ref(part),
        Answer::Atomic(parts) | Answer::Failed(parts, _) => parts,
    });
    let responses = parts.map(item).collect();
    Rendered {
        content_type: "application/json".to_owned(),
        body: serde_json::to_vec(&Answers { responses })
            .expect("names and text are written, nothing else"),
    }
}

fn item(part: &Part) -> ResponseItem<'_> {
    let response = &part.response;
    let headers = response.headers.iter();
    ResponseItem {
        id: &part.id,
        atomicity_group: part.group.as_deref(),
        status: response.status,
        headers: headers
            .map(|(n, v)| (n.clone(), v.as_str().into()))
            .collect(),
        body: (!response.body.is_empty()).then(|| encode(response)),
    }
}

/// A body that is not what its type says is written as bytes.
fn encode(response: &super::Response) -> Body<'_> {
    match Encoding::of(response.header("content-type")) {
        Encoding::Json => {
            if let Ok(raw) = serde_json::from_slice(&response.body) {
                return Body::Json(raw);
            }
        }
        Encoding::Text => {
            if let Ok(text) = std::str::from_utf8(&response.body) {
                return Body::Text(text.into());
            }
        }
        Encoding::Base64 => {}
    }
    Body::Text(URL_SAFE_NO_PAD.encode(&response.body).into())
}
