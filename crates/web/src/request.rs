//! Reading requests: ids, headers, bodies with limits.

use ::odata::Guid;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orchestrator::access::FolderHeader;
use orchestrator::{Code, Error, Result};
use serde_json::Value;

/// Largest JSON body, in bytes: that of the original's web server.
pub const MAX_BODY: usize = 30_000_000;

/// The id of a request in W3C form: the caller's trace with a span of our own, or a new one.
pub fn trace_id(headers: &HeaderMap) -> String {
    let span = &Guid::random().to_string().replace('-', "")[..16];
    let given = headers.get("traceparent").and_then(|v| v.to_str().ok());
    let trace = given.and_then(|t| t.split('-').nth(1)).filter(|t| {
        t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit()) && t.bytes().any(|b| b != b'0')
    });
    let own = || Guid::random().to_string().replace('-', "");
    format!(
        "00-{}-{span}-00",
        trace.map_or_else(own, str::to_ascii_lowercase)
    )
}

/// A header as text; `None` when it is absent or not text.
pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .map(str::trim)
        .filter(|v| !v.is_empty())
}

/// The folder that the headers name, in any of the four forms.
///
/// # Errors
/// 1100 for an encoded path that is no Base64 of UTF-16LE.
pub fn folder(headers: &HeaderMap) -> Result<FolderHeader> {
    let encoded = header(headers, "x-uipath-folderpath-encoded")
        .map(decode_path)
        .transpose()?;
    // Header values may hold UTF-8 beyond ASCII; `to_str` would refuse it.
    let plain = headers
        .get("x-uipath-folderpath")
        .and_then(|v| std::str::from_utf8(v.as_bytes()).ok())
        .map(|v| v.trim().to_owned())
        .filter(|v| !v.is_empty());
    Ok(FolderHeader {
        // A client is known to send a GUID here by mistake: what is no number is no folder.
        id: header(headers, "x-uipath-organizationunitid").and_then(|v| v.parse().ok()),
        key: header(headers, "x-uipath-folderkey").map(str::to_owned),
        path: encoded.or(plain),
    })
}

fn decode_path(text: &str) -> Result<String> {
    let bad = || {
        Error::refused(
            Code::InvalidOrganizationUnit,
            "The header X-UIPATH-FolderPath-Encoded must be the Base64 form of a path in UTF-16LE.",
        )
    };
    let bytes = STANDARD.decode(text).map_err(|_| bad())?;
    if bytes.len() % 2 != 0 || bytes.is_empty() {
        return Err(bad());
    }
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|b| u16::from_le_bytes([b[0], b[1]]))
        .collect();
    String::from_utf16(&units).map_err(|_| bad())
}

/// The whole body, at most [`MAX_BODY`] bytes.
///
/// # Errors
/// 1000 when it is larger or breaks off.
pub async fn bytes(body: Body) -> Result<Bytes> {
    match Limited::new(body, MAX_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::refused(
            Code::PayloadTooLarge,
            format!("The body must not be larger than {MAX_BODY} bytes."),
        )),
        Err(_) => Err(Error::refused(Code::InvalidRequest, "The body broke off.")),
    }
}

/// The body as JSON; `None` when it is empty or not JSON: the operation then says which of its
/// parameters stayed null, as the original does.
///
/// # Errors
/// As [`bytes()`].
pub async fn json(body: Body) -> Result<Option<Value>> {
    Ok(parse_json(&bytes(body).await?))
}

/// The body of a write: as [`json()`], or one text when the request says that it is a file of lines.
///
/// # Errors
/// As [`bytes()`]; 1000 for a file that is not UTF-8.
pub async fn body(headers: &HeaderMap, body: Body) -> Result<Option<Value>> {
    let kind = header(headers, "content-type").and_then(|kind| kind.split(';').next());
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/csv")) {
        return json(body).await;
    }
    let bytes = bytes(body).await?;
    let text = std::str::from_utf8(without_mark(&bytes)).map_err(|e| {
        Error::refused(
            Code::InvalidRequest,
            format!("The file must be text in UTF-8, which it is not: {e}."),
        )
    })?;
    Ok(Some(text.into()))
}

/// JSON, with or without a byte order mark; `None` when it is none.
pub fn parse_json(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(without_mark(bytes)).ok()
}

/// A text without its byte order mark.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The host as the client addressed it, with the scheme it used.
pub fn origin(request: &Request<Body>, public_url: Option<&str>) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host = header(request.headers(), "host")
        .or_else(|| request.uri().authority().map(|a| a.as_str()))
        .unwrap_or("localhost");
    format!("http://{host}")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (k.parse().unwrap(), HeaderValue::from_static(v)))
            .collect()
    }

    #[test]
    fn folders_in_every_form() {
        let read = |pairs| folder(&headers(pairs)).unwrap();
        assert_eq!(read(&[("X-UIPATH-OrganizationUnitId", "5")]).id, Some(5));
        assert_eq!(
            read(&[("x-uipath-organizationunitid", "not-a-number")]),
            FolderHeader::default()
        );
        assert_eq!(
            read(&[("x-uipath-folderpath", "Shared/Sub")])
                .path
                .as_deref(),
            Some("Shared/Sub")
        );
        let encoded = read(&[
            ("x-uipath-folderpath-encoded", "UwBoAGEAcgBlAGQA"),
            ("x-uipath-folderpath", "x"),
        ]);
        assert_eq!(encoded.path.as_deref(), Some("Shared"));
    }

    #[test]
    fn bad_encodings_are_refused() {
        for text in ["***", "UwBo!", "Uw==", "ANgA2A=="] {
            let mut map = HeaderMap::new();
            map.insert(
                "x-uipath-folderpath-encoded",
                HeaderValue::from_static(text),
            );
            assert!(folder(&map).is_err(), "{text}");
        }
    }

    #[test]
    fn a_trace_goes_on() {
        let given = headers(&[(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )]);
        assert!(trace_id(&given).starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
        assert_eq!(trace_id(&HeaderMap::new()).len(), 55);
        let zeros = headers(&[(
            "traceparent",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        )]);
        assert!(!trace_id(&zeros).contains("-00000000000000000000000000000000-"));
    }
}
