//! What `odata.metadata=full` adds to every entity: types that JSON does not show, and addresses.

use db::Cell;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::edm::{EntitySet, Kind};
use crate::json;
use crate::metadata::NAMESPACE;

/// What stays as it is in the key of an address.
const KEY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'\'');

/// Appends what stands before the members of an entity, with a comma after each, and gives its
/// address. A row without an identity of its own has none.
pub(crate) fn entity(
    out: &mut Vec<u8>,
    base: &str,
    set: &EntitySet,
    kind: Kind,
    key: Cell<'_>,
) -> Option<String> {
    member(out, "@odata.type", &format!("#{NAMESPACE}.{}", set.entity));
    let key = key_text(kind, key).filter(|_| set.is_identified());
    let Some(key) = key else {
        out.extend_from_slice(b"\"@odata.id\":null,");
        return None;
    };
    let address = format!("{base}/{}({key})", set.name);
    member(out, "@odata.id", &address);
    member(out, "@odata.editLink", &address);
    Some(address)
}

/// The address of an entity, e.g. for `Location`, by its key as JSON shows it; `None` if that is no
/// key of the set.
#[must_use]
pub fn address(base: &str, set: &EntitySet, key: &Value) -> Option<String> {
    let cell = match key {
        Value::Number(number) => Cell::Int(number.as_i64()?),
        Value::String(text) => Cell::Text(text),
        _ => return None,
    };
    let key = key_text(set.prop(set.key)?.kind, cell)?;
    Some(format!("{base}/{}({key})", set.name))
}

/// Appends the address of what a navigation property leads to, with a comma after it.
pub(crate) fn navigation(out: &mut Vec<u8>, entity: &str, nav: &str) {
    let name = format!("{nav}@odata.navigationLink");
    member(out, &name, &format!("{entity}/{nav}"));
}

/// What stands before a member whose type its JSON does not show, with a comma after it; empty for
/// the others. The values of a structure say their type themselves.
pub(crate) fn property(name: &str, kind: Kind) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(ty) = annotated(kind) {
        member(&mut out, &format!("{name}@odata.type"), &format!("#{ty}"));
    }
    out
}

fn annotated(kind: Kind) -> Option<String> {
    Some(match kind {
        Kind::Int64 => "Int64".to_owned(),
        Kind::Guid => "Guid".to_owned(),
        Kind::Version => "Binary".to_owned(),
        Kind::DateTime => "DateTimeOffset".to_owned(),
        Kind::Enum(ty) => format!("{NAMESPACE}.{}", ty.name),
        Kind::Collection(ty) => format!("Collection({NAMESPACE}.{})", ty.name),
        Kind::Strings => "Collection(String)".to_owned(),
        Kind::Int64s => "Collection(Int64)".to_owned(),
        Kind::Int32s => "Collection(Int32)".to_owned(),
        Kind::Guids => "Collection(Guid)".to_owned(),
        Kind::Dates => "Collection(DateTimeOffset)".to_owned(),
        Kind::Bool | Kind::Int32 | Kind::Double | Kind::String => return None,
        Kind::Complex(_) | Kind::Open => return None,
    })
}

/// Appends a JSON object with its type as the first member.
pub(crate) fn structure(out: &mut Vec<u8>, ty: &str, object: &str) {
    let Some(members) = object.trim_start().strip_prefix('{') else {
        out.extend_from_slice(object.as_bytes());
        return;
    };
    out.push(b'{');
    member(out, "@odata.type", &format!("#{NAMESPACE}.{ty}"));
    if members.trim_start().starts_with('}') {
        out.pop();
    }
    out.extend_from_slice(members.as_bytes());
}

fn member(out: &mut Vec<u8>, name: &str, value: &str) {
    json::name(out, name);
    json::string(out, value);
    out.push(b',');
}

/// A key as it stands in an address.
fn key_text(kind: Kind, key: Cell<'_>) -> Option<String> {
    match (kind, key) {
        (Kind::Enum(ty), Cell::Int(number)) => ty.name_of(number).map(|name| format!("'{name}'")),
        (_, Cell::Int(number)) => Some(number.to_string()),
        (Kind::Guid, Cell::Text(guid)) => Some(guid.to_owned()),
        (_, Cell::Text(text)) => {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            Some(utf8_percent_encode(&quoted, KEY).to_string())
        }
        (_, Cell::Null | Cell::Bool(_) | Cell::Real(_) | Cell::Blob(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structure_says_its_type_first() {
        for (stored, expected) in [
            (r#"{"a":1}"#, r##"{"@odata.type":"#Default.T","a":1}"##),
            (r#" {}"#, r##"{"@odata.type":"#Default.T"}"##),
            ("null", "null"),
        ] {
            let mut out = Vec::new();
            structure(&mut out, "T", stored);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn keys_are_encoded_in_addresses() {
        let text = |text| key_text(Kind::String, Cell::Text(text));
        assert_eq!(text("My Pkg:1.0/x"), Some("'My%20Pkg%3A1.0%2Fx'".into()));
        assert_eq!(text("O'Brien"), Some("'O''Brien'".into()));
        assert_eq!(key_text(Kind::Int64, Cell::Int(-7)), Some("-7".into()));
        assert_eq!(key_text(Kind::Int64, Cell::Null), None);
    }
}
