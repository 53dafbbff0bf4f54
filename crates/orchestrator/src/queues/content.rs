//! The dictionaries of items: what may be in them, and how those of encrypted queues are kept.

use odata::Open;
use serde_json::{Map, Value};

use super::entities::ProcessingException;
use super::queue::Queue;
use super::schemas;
use crate::cx::Reply;
use crate::error::{Code, Error, Result};

/// Longest specific content, in UTF-16 units of its JSON (500 KB).
const MAX_SPECIFIC_CONTENT: usize = 256_000;
/// Longest output (100 KB) and analytics (10 KB), likewise.
const MAX_OUTPUT: usize = 51_200;
const MAX_ANALYTICS: usize = 5_120;
/// Longest reason and details of an exception, likewise.
const MAX_EXCEPTION: usize = 102_400;
/// Longest progress, likewise.
const MAX_PROGRESS: usize = 104_857;
/// Characters that the keys of a content cannot have: programs address members by path.
const RESERVED: &[char] = &['.', '#', '@', ':', '(', ',', '"'];
/// Ends the name of a member that tells the type of another.
const ANNOTATION: &str = "@odata.type";
/// What a dictionary that must be opened starts with, see `entities::dictionary`.
const SEALED: &str = "sealed:";

/// The members whose value is a dictionary, and those that are its text.
const DICTIONARIES: &[(&str, &str)] = &[
    ("SpecificContent", "SpecificData"),
    ("Output", "OutputData"),
    ("Analytics", "AnalyticsData"),
];

/// The dictionaries of an item, in the order of the schemas of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Specific,
    Output,
    Analytics,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Specific => "SpecificContent",
            Self::Output => "Output",
            Self::Analytics => "Analytics",
        }
    }
}

/// A dictionary of an item, read and checked as far as that needs no database: annotations are used
/// and dropped.
#[derive(Debug)]
pub(super) struct Dictionary {
    kind: Kind,
    document: Value,
    text: String,
}

impl Dictionary {
    /// Reads what an item is about.
    ///
    /// # Errors
    /// 1009 for a key or value that cannot be in it; 413 when it is too large.
    pub fn specific(content: &Open) -> Result<Self> {
        for name in content.0.keys().filter(|n| !n.ends_with(ANNOTATION)) {
            check_key(name)?;
        }
        let members = odata::body::dictionary(&content.0);
        for (name, value) in &members {
            if value.is_object() || value.is_array() {
                return Err(Error::invalid(format!(
                    "The value of '{name}' in SpecificContent must be a text, a number, a truth value or null."
                )));
            }
        }
        Self::of(Kind::Specific, members)
    }

    /// Reads an output or analytics.
    ///
    /// # Errors
    /// 413 when it is too large.
    pub fn result(kind: Kind, given: &Open) -> Result<Self> {
        Self::of(kind, odata::body::dictionary(&given.0))
    }

    fn of(kind: Kind, members: Map<String, Value>) -> Result<Self> {
        let document = Value::Object(members);
        let text = document.to_string();
        let (most, code) = match kind {
            Kind::Specific => (MAX_SPECIFIC_CONTENT, Code::QueueItemContentSizeExceeded),
            Kind::Output => (MAX_OUTPUT, Code::QueueItemOutputDataSizeExceeded),
            Kind::Analytics => (MAX_ANALYTICS, Code::QueueItemAnalyticsDataSizeExceeded),
        };
        check_length(kind.name(), Some(&text), most, code)?;
        Ok(Self {
            kind,
            document,
            text,
        })
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.document.as_object().is_none_or(Map::is_empty)
    }

    /// What is kept of it for the item with this key: sealed in an encrypted queue.
    ///
    /// # Errors
    /// 1906 when it is not as the queue's schema says.
    pub fn kept(&self, keys: &identity::Keys, queue: &Queue, key: &str) -> Result<String> {
        check(self.kind, &self.document, queue)?;
        Ok(match queue.encrypted {
            true => keys.encrypt(&place(key), &self.text),
            false => self.text.clone(),
        })
    }
}

/// What is kept of a dictionary that an item should have. One that is left out stays out, but is
/// checked as if it were empty: what the schema requires cannot be missed by saying nothing.
///
/// # Errors
/// As [`Dictionary::kept`].
pub(super) fn kept(
    kind: Kind,
    given: Option<&Dictionary>,
    keys: &identity::Keys,
    queue: &Queue,
    key: &str,
) -> Result<Option<String>> {
    match given {
        Some(given) => given.kept(keys, queue, key).map(Some),
        None => check(kind, &Value::Object(Map::new()), queue).map(|()| None),
    }
}

fn check(kind: Kind, document: &Value, queue: &Queue) -> Result<()> {
    match &queue.schemas[kind as usize] {
        Some(schema) => schemas::check(kind.name(), schema, document),
        None => Ok(()),
    }
}

/// Fails when a text is too long, in UTF-16 units, of which there are never more than bytes.
fn check_length(name: &str, text: Option<&str>, most: usize, code: Code) -> Result<()> {
    let too_long = |text: &str| text.len() > most && text.encode_utf16().count() > most;
    if !text.is_some_and(too_long) {
        return Ok(());
    }
    let message = format!("{name} must not have more than {most} characters.");
    Err(Error::refused(code, message))
}

/// Fails when an exception says too much.
///
/// # Errors
/// 413
pub(super) fn check_exception(exception: &ProcessingException) -> Result<()> {
    for (name, text) in [
        ("Reason", &exception.reason),
        ("Details", &exception.details),
        (
            "AssociatedImageFilePath",
            &exception.associated_image_file_path,
        ),
    ] {
        let code = Code::QueueProcessingExceptionFieldSizeExceeded;
        check_length(name, text.as_deref(), MAX_EXCEPTION, code)?;
    }
    Ok(())
}

fn check_key(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return Err(Error::invalid(
            "A key in SpecificContent must not be empty.",
        ));
    }
    if let Some(bad) = name.chars().find(|c| RESERVED.contains(c)) {
        return Err(Error::invalid(format!(
            "The key '{name}' in SpecificContent must not have the character {bad}"
        )));
    }
    Ok(())
}

/// Fails when a progress is too long.
///
/// # Errors
/// 413
pub(super) fn check_progress(progress: Option<&str>) -> Result<()> {
    let code = Code::QueueItemProgressDataSizeExceeded;
    check_length("Progress", progress, MAX_PROGRESS, code)
}

/// What the encrypted dictionaries of an item are bound to: its key, which all attempts share, so
/// that a retry takes them over as they are.
fn place(key: &str) -> String {
    format!("queue_items:{key}")
}

/// An answer of items with what is sealed opened. Answers without anything sealed stay as they are;
/// a plain dictionary and its text both begin with a brace, so nobody can pretend.
///
/// # Errors
/// [`Error::Internal`] when the keys are not those it was sealed with.
pub(super) fn opened(keys: &identity::Keys, reply: Reply) -> Result<Reply> {
    let Reply::Json { status, body } = reply else {
        return Ok(reply);
    };
    let mark = format!("\"{SEALED}");
    if memchr::memmem::find(&body, mark.as_bytes()).is_none() {
        return Ok(Reply::Json { status, body });
    }
    let unread = |e: serde_json::Error| Error::Internal(format!("items that are no JSON: {e}"));
    let mut document: Value = serde_json::from_slice(&body).map_err(unread)?;
    match document.get_mut("value") {
        Some(Value::Array(rows)) => {
            for row in rows.iter_mut().filter_map(Value::as_object_mut) {
                open(keys, row)?;
            }
        }
        _ => {
            if let Some(row) = document.as_object_mut() {
                open(keys, row)?;
            }
        }
    }
    Ok(Reply::Json {
        status,
        body: document.to_string().into_bytes(),
    })
}

fn open(keys: &identity::Keys, row: &mut Map<String, Value>) -> Result<()> {
    for (object, text) in DICTIONARIES {
        for (name, wrapped) in [(object, false), (text, true)] {
            let Some(value) = row.get_mut(*name) else {
                continue;
            };
            let sealed = value.as_str().and_then(|v| v.strip_prefix(SEALED));
            let Some((key, stored)) = sealed.and_then(|v| v.split_once(':')) else {
                continue;
            };
            let plain = keys.decrypt(&place(key), stored)?;
            *value = match wrapped {
                true => format!("{{\"DynamicProperties\":{plain}}}").into(),
                false => serde_json::from_str(&plain)
                    .map_err(|e| Error::Internal(format!("a content that is no JSON: {e}")))?,
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(content: Value) -> Result<String> {
        let read = Dictionary::specific(&serde_json::from_value(content).unwrap());
        read.map(|dictionary| dictionary.text)
    }

    #[test]
    fn annotations_are_used_and_dropped() {
        let content =
            json!({"a@odata.type": "#Int64", "a": "9007199254740993", "b": "x", "c": null});
        let text = read(content).unwrap();
        assert_eq!(text, r#"{"a":9007199254740993,"b":"x","c":null}"#);
    }

    #[test]
    fn keys_and_values_that_are_refused() {
        for key in ["a.b", "a#", "a@b", "a:b", "f(x", "a,b", "a\"b", "", " "] {
            let error = read(json!({key: 1})).unwrap_err().to_string();
            assert!(error.contains("key"), "{key}: {error}");
        }
        for value in [json!([1]), json!({"x": 1})] {
            let error = read(json!({"nested": value})).unwrap_err().to_string();
            assert!(error.contains("'nested'"), "{error}");
        }
    }

    #[test]
    fn sizes_are_counted_as_clients_do() {
        let fits = "ä".repeat(MAX_SPECIFIC_CONTENT - r#"{"k":""}"#.len());
        assert!(read(json!({"k": fits})).is_ok());
        let error = read(json!({"k": format!("{fits}x")})).unwrap_err();
        let Error::Refused { code, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(code.status(), 413);
    }
}
