//! The JSON that programs leave as their result.
//!
//! The text is passed on as the program wrote it, only without the blanks between its parts:
//! reading it into numbers and writing them again would change what does not fit into a double.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::path::Path;

use serde_json::value::RawValue;

/// The largest result file that is read. A result of the largest allowed size fits, even if every
/// character is escaped; anything bigger is not worth the memory.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Why there is no result to be had from a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResultError {
    #[error("it has more than {MAX_FILE} bytes")]
    TooLarge,
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The text of a result file; `None` if there is none. Only a plain file counts, because opening a
/// pipe would wait for ever.
pub(crate) fn read(path: &Path) -> Result<Option<String>, ResultError> {
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Ok(metadata) if metadata.len() > MAX_FILE => return Err(ResultError::TooLarge),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let mut text = String::new();
    File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// A JSON object without blanks between its parts, or `None` if `json` is anything else.
pub(crate) fn object(json: &str) -> Option<String> {
    let value: &RawValue = serde_json::from_str(json).ok()?;
    let text = compact(value.get());
    text.starts_with('{').then_some(text)
}

/// The names of `required` that a JSON object does not have.
pub(crate) fn missing(object: &str, required: Vec<String>) -> Vec<String> {
    let members: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(object).unwrap_or_default();
    required
        .into_iter()
        .filter(|name| !members.contains_key(name))
        .collect()
}

/// Drops the blanks outside strings of a text that is known to be JSON.
fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut in_string = false;
    let mut escaped = false;
    for c in json.chars() {
        if !in_string && c.is_ascii_whitespace() {
            continue;
        }
        if c == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = in_string && c == '\\' && !escaped;
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_lose_their_blanks_and_nothing_else() {
        let json =
            "\n{ \"a b\" : [ 1.50 , 12345678901234567890123 ],\n\t\"q\\\" \\\\\" : \" x \" }\n";
        assert_eq!(
            object(json).unwrap(),
            r#"{"a b":[1.50,12345678901234567890123],"q\" \\":" x "}"#
        );
    }

    #[test]
    fn what_is_not_an_object_is_none() {
        for json in ["[]", "1", "null", "\"{}\"", "{", "{} {}", ""] {
            assert_eq!(object(json), None, "{json}");
        }
    }

    #[test]
    fn missing_members_are_named() {
        let required = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(missing(r#"{"a":null}"#, required), ["b"]);
        assert!(missing("{}", Vec::new()).is_empty());
    }

    #[test]
    fn no_file_is_no_result_and_a_huge_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.json");
        assert!(read(&path).unwrap().is_none());
        assert!(read(folder.path()).unwrap().is_none());
        let file = File::create(&path).unwrap();
        file.set_len(MAX_FILE + 1).unwrap();
        assert!(matches!(read(&path), Err(ResultError::TooLarge)));
    }
}
