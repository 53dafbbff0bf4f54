//! Client id and secret in `Authorization: Basic`.

use std::borrow::Cow;

use ::odata::batch::header_text;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::request;

/// What the header may mean, in this order: id and secret form-encoded, as RFC 6749 (2.3.1) has them;
/// then as they stand, as most clients send them. Nothing when there is none.
pub fn credentials(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = text(headers).unwrap_or_default();
    let Some((id, secret)) = text.split_once(':') else {
        return Vec::new();
    };
    let raw = (id.to_owned(), secret.to_owned());
    let decoded = decoded(id).zip(decoded(secret));
    let decoded = decoded.filter(|decoded| *decoded != raw);
    decoded.into_iter().chain([raw]).collect()
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded.ok().map(Cow::into_owned)
}

fn text(headers: &HeaderMap) -> Option<String> {
    let value = request::header(headers, "authorization")?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    Some(header_text(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value.parse().unwrap());
        credentials(&headers)
    }

    fn meant(text: &[u8]) -> Vec<(String, String)> {
        read(&format!("Basic {}", STANDARD.encode(text)))
    }

    #[test]
    fn decoded_first_and_raw_second() {
        let pair = |id: &str, secret: &str| (id.to_owned(), secret.to_owned());
        assert_eq!(meant(b"shop:a:b"), [pair("shop", "a:b")]);
        let both = [pair("shop", "a(b)! c"), pair("shop", "a%28b%29%21+c")];
        assert_eq!(meant(b"shop:a%28b%29%21+c"), both);
        // What is decoded to no text was not encoded.
        assert_eq!(meant(b"shop:100%ff"), [pair("shop", "100%ff")]);
        assert_eq!(meant(b"b\xfc:x"), [pair("bü", "x")]);
        assert_eq!(meant("bü:x".as_bytes()), [pair("bü", "x")]);
    }

    #[test]
    fn what_names_nobody() {
        assert!(meant(b"shop").is_empty());
        for value in ["Basic", "Basic ***", "Bearer c2hvcDph", "c2hvcDph"] {
            assert!(read(value).is_empty(), "{value}");
        }
        assert!(credentials(&HeaderMap::new()).is_empty());
    }
}
