//! Rows become JSON without a tree in between: a cell is written as its property's kind says.

use std::io::Write;

use db::Cell;

use crate::edm::{Kind, Version};
use crate::{Result, Timestamp};

/// Appends `s` as a JSON string.
pub fn string(out: &mut Vec<u8>, s: &str) {
    out.push(b'"');
    let mut rest = s.as_bytes();
    while let Some(at) = special(rest) {
        out.extend_from_slice(&rest[..at]);
        escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte is that cannot stand in a JSON string as it is.
fn special(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 16;
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Whole steps without a branch per byte, which the compiler turns into vector instructions.
    let plain = |step: &&[u8]| {
        !step
            .iter()
            .fold(false, |found, byte| found | is_special(byte))
    };
    let skipped = STEP * bytes.chunks_exact(STEP).take_while(plain).count();
    let found = bytes[skipped..].iter().position(is_special);
    found.map(|at| skipped + at)
}

fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
        }
    }
}

/// Appends `"name":`. The name is one of a declaration and needs no escapes.
pub fn name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends a whole number.
pub fn int(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a number, `null` if it is none.
pub fn real(out: &mut Vec<u8>, number: f64) {
    match serde_json::Number::from_f64(number) {
        Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends a cell as a value of `kind`.
///
/// # Errors
/// [`db::Error::Cell`] when the cell holds something that a column of this kind cannot hold.
pub fn value(out: &mut Vec<u8>, kind: Kind, cell: Cell<'_>) -> Result<()> {
    match (kind, cell) {
        (kind, Cell::Null) if kind.is_list() => out.extend_from_slice(b"[]"),
        (_, Cell::Null) => out.extend_from_slice(b"null"),
        (Kind::Bool, Cell::Bool(true) | Cell::Int(1)) => out.extend_from_slice(b"true"),
        (Kind::Bool, Cell::Bool(false) | Cell::Int(0)) => out.extend_from_slice(b"false"),
        (Kind::Int32 | Kind::Int64, Cell::Int(number)) => int(out, number),
        (Kind::Double, Cell::Real(number)) => real(out, number),
        (Kind::Double, Cell::Int(number)) => real(out, number as f64),
        (Kind::String | Kind::Guid, Cell::Text(text)) => string(out, text),
        (Kind::DateTime, Cell::Int(ticks)) => Timestamp(ticks).text(|text| string(out, text)),
        (Kind::Version, Cell::Int(version)) => {
            // Writing to a vector cannot fail.
            let _ = write!(out, "\"{}\"", Version(version));
        }
        (Kind::Enum(ty), Cell::Int(number)) => match ty.name_of(number) {
            Some(name) => string(out, name),
            None => string(out, &number.to_string()),
        },
        (
            Kind::Complex(_)
            | Kind::Collection(_)
            | Kind::Strings
            | Kind::Int64s
            | Kind::Int32s
            | Kind::Guids
            | Kind::Dates
            | Kind::Open,
            Cell::Text(json),
        ) => out.extend_from_slice(json.as_bytes()),
        (kind, cell) => {
            let held = match cell {
                Cell::Null => "NULL",
                Cell::Bool(_) => "a truth value",
                Cell::Int(_) => "an integer",
                Cell::Real(_) => "a floating-point number",
                Cell::Text(_) => "text",
                Cell::Blob(_) => "bytes",
            };
            let text = format!("a column of {} holds {held}", kind.name());
            return Err(db::Error::Cell(text).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edm::EnumType;

    static STATE: EnumType = EnumType {
        name: "State",
        members: &[("Idle", 0), ("Busy", 1)],
    };

    fn written(kind: Kind, cell: Cell<'_>) -> String {
        let mut out = Vec::new();
        value(&mut out, kind, cell).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_serde_does() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\u{0}\u{1f}\n\r\t\u{8}",
            "ÄÖÜ 漢字 🦀",
            "\u{7f}",
            "longer than one step: \"quoted\", C:\\dir\n",
            "exactly 16 bytes\"and on",
            "a long text without anything to escape",
        ] {
            let mut out = Vec::new();
            string(&mut out, text);
            let read: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(read, text);
        }
    }

    #[test]
    fn numbers() {
        for number in [0, 7, -7, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            int(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        assert_eq!(written(Kind::Double, Cell::Real(1.5)), "1.5");
        assert_eq!(written(Kind::Double, Cell::Int(2)), "2.0");
        assert_eq!(written(Kind::Double, Cell::Real(f64::NAN)), "null");
    }

    #[test]
    fn each_kind_has_its_form() {
        assert_eq!(written(Kind::Bool, Cell::Int(1)), "true");
        assert_eq!(written(Kind::Bool, Cell::Bool(false)), "false");
        assert_eq!(
            written(Kind::DateTime, Cell::Int(5_000_000)),
            "\"1970-01-01T00:00:00.5Z\""
        );
        assert_eq!(written(Kind::Enum(&STATE), Cell::Int(1)), "\"Busy\"");
        assert_eq!(written(Kind::Enum(&STATE), Cell::Int(12)), "\"12\"");
        assert_eq!(written(Kind::Open, Cell::Text("{\"a\": 1}")), "{\"a\": 1}");
        assert_eq!(written(Kind::Open, Cell::Null), "null");
        assert_eq!(written(Kind::Strings, Cell::Null), "[]");
        assert_eq!(written(Kind::String, Cell::Null), "null");
    }

    #[test]
    fn a_cell_of_another_type_is_an_error() {
        let mut out = Vec::new();
        let error = value(&mut out, Kind::Int64, Cell::Text("x")).unwrap_err();
        assert!(error.to_string().contains("Edm.Int64"), "{error}");
        assert!(value(&mut out, Kind::Bool, Cell::Int(2)).is_err());
    }
}
