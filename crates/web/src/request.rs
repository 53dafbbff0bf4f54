//! Reading requests: ids and headers. What a header says is never taken for nothing because it cannot
//! be read: without a folder, a job or a tenant a request may do more than with one.

use std::borrow::Cow;

use ::odata::Guid;
use ::odata::batch::header_text;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator::access::FolderHeader;
use orchestrator::{Chance, Code, Error, FolderRule, Result};

/// The id of a request in W3C form: the caller's trace with a span of our own, or a new one.
pub fn trace_id(chance: &Chance, headers: &HeaderMap) -> String {
    let Guid(random) = chance.key();
    let given = headers.get("traceparent").and_then(|v| v.to_str().ok());
    let trace = given.and_then(|t| t.split('-').nth(1)).filter(|t| {
        t.len() == 32 && t.bytes().all(|b| b.is_ascii_hexdigit()) && t.bytes().any(|b| b != b'0')
    });
    let span = random as u64;
    match trace {
        Some(trace) => format!("00-{}-{span:016x}-00", trace.to_ascii_lowercase()),
        None => format!("00-{:032x}-{span:016x}-00", chance.key().0),
    }
}

/// A header as text, UTF-8 or Latin-1; `None` when it is absent or empty.
pub fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    headers.get(name).and_then(text)
}

fn text(value: &HeaderValue) -> Option<Cow<'_, str>> {
    let text = match header_text(value.as_bytes()) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Some(text).filter(|text| !text.is_empty())
}

/// The headers that name a folder, of which the last wins.
pub const FOLDER: [&str; 4] = [
    "x-uipath-organizationunitid",
    "x-uipath-folderkey",
    "x-uipath-folderpath",
    "x-uipath-folderpath-encoded",
];

/// As [`folder`], for an operation of this rule: where folders mean nothing, so do the headers.
///
/// # Errors
/// Those of [`folder`].
pub fn folder_under(rule: FolderRule, headers: &HeaderMap) -> Result<FolderHeader> {
    match rule {
        FolderRule::RequiredInput => folder(headers).map_err(Error::folder_as_input),
        rule if rule.reads_header() => folder(headers),
        _ => Ok(FolderHeader::default()),
    }
}

/// The folder that the headers name, in any of the four forms. Whether there is such a folder is looked
/// up later; what cannot be read is refused here, because a request without a folder may mean all.
///
/// # Errors
/// 1100 for an id that is no number, an encoded path that is no Base64 of UTF-16LE, and a header that
/// is there twice.
pub fn folder(headers: &HeaderMap) -> Result<FolderHeader> {
    let [id, key, path, encoded] = FOLDER.map(|name| single(headers, name));
    let encoded = encoded?.map(|encoded| decode_path(&encoded)).transpose()?;
    let (path, key) = (path?.map(Cow::into_owned), key?.map(Cow::into_owned));
    let mut folder = FolderHeader {
        id: None,
        key,
        path: encoded.or(path),
    };
    let Some(id) = id? else { return Ok(folder) };
    if let Ok(id) = id.parse() {
        folder.id = Some(id);
        return Ok(folder);
    }
    // A client is known to send a GUID here: it can only be meant as a key.
    let as_key = id.parse::<Guid>().map(|key| key.to_string());
    match (as_key, &folder.key) {
        (Ok(key), None) => folder.key = Some(key),
        (Ok(key), Some(given)) if key.eq_ignore_ascii_case(given) => {}
        _ => {
            let id: String = id.chars().take(64).collect();
            return Err(no_folder(format!(
                "The header X-UIPATH-OrganizationUnitId must be the number of a folder, not '{id}'."
            )));
        }
    }
    Ok(folder)
}

/// A header that must not be there with two values: they would mean two things.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<Cow<'h, str>>> {
    let mut values = headers.get_all(name).iter().filter_map(text);
    let first = values.next();
    match values.all(|other| Some(&other) == first.as_ref()) {
        true => Ok(first),
        false => Err(no_folder(format!("The header {name} names two folders."))),
    }
}

fn no_folder(message: impl Into<String>) -> Error {
    Error::refused(Code::InvalidOrganizationUnit, message)
}

fn decode_path(text: &str) -> Result<String> {
    let bad = || {
        no_folder(
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

#[cfg(test)]
mod tests {
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
        let guid = "D3780AAC-1E80-49B0-BFD3-C8EC6A3939DB";
        for pairs in [
            [("x-uipath-organizationunitid", guid)].as_slice(),
            &[
                ("x-uipath-organizationunitid", guid),
                ("x-uipath-folderkey", guid),
            ],
        ] {
            let key = folder(&headers(pairs)).unwrap().key.unwrap();
            assert!(key.eq_ignore_ascii_case(guid), "{key}");
        }
        assert_eq!(
            read(&[("x-uipath-organizationunitid", " ")]),
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
    fn paths_are_utf_8_or_latin_1() {
        for bytes in ["Büro".as_bytes(), b"B\xfcro", b" B\xfcro "] {
            let mut map = HeaderMap::new();
            let value = HeaderValue::from_bytes(bytes).unwrap();
            map.insert("x-uipath-folderpath", value);
            assert_eq!(folder(&map).unwrap().path.as_deref(), Some("Büro"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_absent() {
        const ID: &str = "x-uipath-organizationunitid";
        let guid = "D3780AAC-1E80-49B0-BFD3-C8EC6A3939DB";
        for pairs in [
            [(ID, "three")].as_slice(),
            &[(ID, "2.0")],
            &[(ID, "99999999999999999999")],
            &[(ID, "three"), ("x-uipath-folderpath", "Shared")],
            &[(ID, guid), ("x-uipath-folderkey", "other")],
        ] {
            let error = folder(&headers(pairs)).unwrap_err();
            let code = Code::InvalidOrganizationUnit;
            assert!(
                matches!(error, Error::Refused { code: c, .. } if c == code),
                "{pairs:?}"
            );
        }
        let mut twice = headers(&[(ID, "1")]);
        twice.append(ID, HeaderValue::from_static("1"));
        assert_eq!(folder(&twice).unwrap().id, Some(1));
        twice.append(ID, HeaderValue::from_static("2"));
        assert!(folder(&twice).is_err());
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
        assert!(
            trace_id(&Chance::default(), &given)
                .starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-")
        );
        assert_eq!(trace_id(&Chance::default(), &HeaderMap::new()).len(), 55);
        let zeros = headers(&[(
            "traceparent",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        )]);
        assert!(
            !trace_id(&Chance::default(), &zeros).contains("-00000000000000000000000000000000-")
        );
    }
}
