//! Bodies: bytes with a limit, text in whatever encoding they say, JSON as clients write it.

use std::borrow::Cow;

use ::odata::relaxed;
use axum::body::Body;
use axum::http::HeaderMap;
use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orchestrator::{Code, Error, Result, body};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::header;

/// Largest JSON body, in bytes: that of the original's web server.
pub const MAX_BODY: usize = 30_000_000;

/// What a body says.
#[derive(Clone, Debug, Default)]
pub struct Sent {
    /// JSON, or one text for a file of lines; nothing when it is empty or cannot be read.
    pub value: Option<Value>,
    /// Why it cannot be read. The operation says which of its parameters stayed null, as the original
    /// does.
    pub unread: Option<String>,
}

impl Sent {
    fn unread(why: impl std::fmt::Display) -> Self {
        Self {
            value: None,
            unread: Some(format!("the body {why}")),
        }
    }

    fn json(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::default();
        }
        match relaxed::parse(text) {
            Ok(value) => Self {
                value: Some(value),
                unread: None,
            },
            Err(fault) => Self::unread(format_args!("is not valid JSON: {fault}")),
        }
    }

    /// The refusal for want of a parameter.
    pub fn missing(&self, param: &str) -> Error {
        Error::NotNull {
            param: param.to_owned(),
            why: self.unread.clone(),
        }
    }

    /// The whole as a `T`.
    ///
    /// # Errors
    /// "`param` must not be null", with the reason if there is one.
    pub fn read<T: DeserializeOwned>(&self, param: &str) -> Result<T> {
        match &self.value {
            Some(value) => body::read(param, Some(value)),
            None => Err(self.missing(param)),
        }
    }

    /// The whole as a `T`, or what counts when there is none.
    ///
    /// # Errors
    /// As [`Sent::read`].
    pub fn or_default<T: DeserializeOwned + Default>(&self, param: &str) -> Result<T> {
        match (&self.value, &self.unread) {
            (None | Some(Value::Null), None) => Ok(T::default()),
            _ => self.read(param),
        }
    }
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

/// What the body of a request says.
///
/// # Errors
/// As [`bytes()`] and [`of()`]; 415 for one that is compressed.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Sent> {
    let coding = header(headers, "content-encoding");
    if let Some(coding) = coding.filter(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(Error::MediaType(format!(
            "The body must not be compressed, as Content-Encoding '{coding}' says it is."
        )));
    }
    of(headers, &bytes(body).await?)
}

/// What bytes with these headers say.
///
/// # Errors
/// 415 for an encoding that is not known, 1000 for a file of lines that is no text.
pub fn of(headers: &HeaderMap, bytes: &[u8]) -> Result<Sent> {
    let kind = header(headers, "content-type").unwrap_or_default();
    let text = text(&kind, bytes)?;
    let is_file = media_type(&kind).eq_ignore_ascii_case("text/csv");
    match text {
        Ok(text) if is_file => Ok(Sent {
            value: Some(text.into()),
            unread: None,
        }),
        Ok(text) => Ok(Sent::json(&text)),
        Err(why) if is_file => Err(Error::refused(
            Code::InvalidRequest,
            format!("The file {why}."),
        )),
        Err(why) => Ok(Sent::unread(why)),
    }
}

/// The media type of a `Content-Type`, without its parameters.
pub fn media_type(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// Bytes as text, in the encoding that a `Content-Type` names; without one UTF-8, or UTF-16 if they
/// show that. A byte order mark counts more than either, and is left out. The inner error says what is
/// wrong, as the end of a sentence.
///
/// # Errors
/// 415 for an encoding that is not known.
pub fn text<'b>(kind: &str, bytes: &'b [u8]) -> Result<Result<Cow<'b, str>, String>> {
    let named = charset(kind)?;
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some(marked) => marked,
        None => (guess(named, bytes), 0),
    };
    let bytes = &bytes[mark..];
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    Ok(text.ok_or_else(|| {
        let place = match std::str::from_utf8(bytes) {
            Err(error) if encoding == UTF_8 => format!(", as byte {} shows", error.valid_up_to() + 1),
            _ => String::new(),
        };
        format!(
            "is not text in {}{place}: name its encoding, e.g. Content-Type: {}; charset=iso-8859-1",
            encoding.name(),
            match media_type(kind) {
                "" => "application/json",
                media => media,
            }
        )
    }))
}

/// What stands here begins with a character of ASCII, so that a NUL tells the order of bytes.
fn guess(named: Option<&'static Encoding>, bytes: &[u8]) -> &'static Encoding {
    let utf_16 = named.is_none_or(|named| named == UTF_16LE);
    match bytes {
        [0, other, ..] if utf_16 && *other != 0 => UTF_16BE,
        [other, 0, ..] if utf_16 && *other != 0 => UTF_16LE,
        _ => named.unwrap_or(UTF_8),
    }
}

/// The encoding that a `Content-Type` names.
fn charset(kind: &str) -> Result<Option<&'static Encoding>> {
    let parameters = kind.split(';').skip(1);
    let mut named = parameters.filter_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches('"').trim())
    });
    let Some(label) = named.find(|label| !label.is_empty()) else {
        return Ok(None);
    };
    let encoding = Encoding::for_label_no_replacement(label.as_bytes());
    encoding.map(Some).ok_or_else(|| {
        let label: String = label.chars().take(64).collect();
        Error::MediaType(format!(
            "The charset '{label}' of Content-Type is not known: send the body in UTF-8."
        ))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn sent(kind: &'static str, bytes: &[u8]) -> Result<Sent> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        of(&headers, bytes)
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn bodies_in_every_encoding() {
        let text = "{\"Name\":\"Büro €\"}";
        let expected = json!({"Name": "Büro €"});
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        let (little, big) = (
            utf_16(text, u16::to_le_bytes),
            utf_16(text, u16::to_be_bytes),
        );
        let western = b"{\"Name\":\"B\xfcro \x80\"}";
        let cases: [(&'static str, Vec<u8>); 13] = [
            ("application/json", text.into()),
            ("application/json", marked(b"\xef\xbb\xbf", text.as_bytes())),
            ("application/json; charset=utf-8", text.into()),
            ("application/json;CHARSET=\"UTF8\"", text.into()),
            ("application/json; charset=iso-8859-1", western.to_vec()),
            (
                "application/json; x=1; charset=Windows-1252",
                western.to_vec(),
            ),
            ("application/json; charset=utf-16", little.clone()),
            ("application/json; charset=utf-16", big.clone()),
            ("application/json; charset=utf-16be", big.clone()),
            ("application/json", little.clone()),
            ("application/json", big.clone()),
            ("application/json", marked(b"\xff\xfe", &little)),
            ("application/json; charset=utf-8", marked(b"\xfe\xff", &big)),
        ];
        for (kind, bytes) in cases {
            let read = sent(kind, &bytes).unwrap();
            assert_eq!(read.value, Some(expected.clone()), "{kind} {bytes:?}");
            assert_eq!(read.unread, None);
        }
        let file = sent("text/csv; charset=iso-8859-1", b"B\xfcro;1").unwrap();
        assert_eq!(file.value, Some(json!("Büro;1")));
        let file = sent(
            "Text/CSV",
            &marked(b"\xff\xfe", &utf_16("a,ü", u16::to_le_bytes)),
        );
        assert_eq!(file.unwrap().value, Some(json!("a,ü")));
    }

    #[test]
    fn what_is_no_text_is_told() {
        let read = sent("application/json", b"{\"Name\":\"B\xfcro\"}").unwrap();
        assert_eq!(read.value, None);
        let why = read.unread.unwrap();
        assert!(
            why.starts_with("the body is not text in UTF-8, as byte 11 shows: "),
            "{why}"
        );
        for (kind, bytes) in [
            ("application/json; charset=utf-16", b"{\0\"".as_slice()),
            ("application/json", b"\xff\xfe\xfd"),
        ] {
            let why = sent(kind, bytes).unwrap().unread.unwrap();
            assert!(
                why.starts_with("the body is not text in UTF-16LE: "),
                "{why}"
            );
        }
        let error = sent("text/csv", b"a\xfc").unwrap_err().to_string();
        assert!(
            error.starts_with("The file is not text in UTF-8"),
            "{error}"
        );
        for kind in [
            "application/json; charset=klingon",
            "application/json; charset=utf-7",
            "text/csv; charset=iso-2022-kr",
        ] {
            assert!(
                matches!(sent(kind, b"{}"), Err(Error::MediaType(_))),
                "{kind}"
            );
        }
        assert!(sent("application/json; charset=", b"{}").is_ok());
    }

    #[test]
    fn nothing_and_nonsense() {
        for nothing in ["", " \r\n"] {
            let read = sent("application/json", nothing.as_bytes()).unwrap();
            assert!(read.value.is_none() && read.unread.is_none());
            assert_eq!(read.or_default::<Vec<i64>>("x").unwrap(), [] as [i64; 0]);
            assert_eq!(read.missing("x").to_string(), "x must not be null");
        }
        let read = sent("application/json", b"{'a':1 'b':2}").unwrap();
        let said = "x must not be null: the body is not valid JSON: a comma or } is expected at line \
                    1, column 8";
        assert_eq!(read.read::<Value>("x").unwrap_err().to_string(), said);
        assert_eq!(
            read.or_default::<Vec<i64>>("x").unwrap_err().to_string(),
            said
        );
        let read = sent("text/plain", b"['1',]").unwrap();
        assert_eq!(read.or_default::<Vec<i64>>("x").unwrap(), [1]);
    }
}
