//! Compares one answer with what the contract says of it.

use serde_json::Value;

use super::facts::{Member, Type};
use super::{differences, facts};

/// What is wrong with an answer; nothing when the contract does not have the operation.
#[must_use]
pub fn check(method: &str, path: &str, status: u16, body: &[u8]) -> Vec<String> {
    let Some(op) = facts().called(method, path) else {
        return Vec::new();
    };
    let mut found = Found {
        // What was not asked for is not there.
        whole: !path.contains("$select") && !path.contains("%24select"),
        wrong: Vec::new(),
    };
    let Some((_, of)) = op.answers.iter().find(|(s, _)| *s == status) else {
        if !differences().know(&["status", op.method, op.path, &status.to_string()]) {
            let documented: Vec<_> = op.answers.iter().map(|(s, _)| s).collect();
            found.say(&format!("{status} is none of {documented:?}"));
        }
        return found.wrong;
    };
    match (of, body.is_empty()) {
        (None, true) | (Some(Type::File), _) => {}
        (None, false) => {
            if !differences().know(&["body", op.method, op.path]) {
                found.say("there is a body, and there should be none");
            }
        }
        (Some(ty), true) => found.say(&format!("the body is empty, and should be {ty:?}")),
        (Some(ty), false) => match serde_json::from_slice(body) {
            Ok(value) => found.compare(ty, &value, "answer"),
            Err(error) => found.say(&format!("the body is no JSON: {error}")),
        },
    }
    found.wrong
}

struct Found {
    whole: bool,
    wrong: Vec<String>,
}

impl Found {
    fn say(&mut self, what: &str) {
        self.wrong.push(what.to_owned());
    }

    fn compare(&mut self, ty: &Type, value: &Value, at: &str) {
        let fits = match (ty, value) {
            (Type::Any | Type::File, _) | (_, Value::Null) => true,
            (Type::Bool, value) => value.is_boolean(),
            (Type::Text(_) | Type::Bytes, value) => value.is_string(),
            (Type::Uuid, value) => value.as_str().is_some_and(is_uuid),
            (Type::Time, value) => value.as_str().is_some_and(is_time),
            (Type::Int32, value) => value.as_i64().is_some_and(|n| i32::try_from(n).is_ok()),
            (Type::Int64, value) => value.is_i64(),
            (Type::Number, value) => value.is_number(),
            (Type::Enum(names), value) => value.as_str().is_some_and(|v| names.contains(&v)),
            (Type::List(element), Value::Array(values)) => {
                for value in values {
                    self.compare(element, value, at);
                }
                true
            }
            (Type::Map(element), Value::Object(values)) => {
                for value in values.values() {
                    self.compare(element, value, at);
                }
                true
            }
            (Type::Schema(name), Value::Object(_)) => {
                self.structure(name, value);
                true
            }
            _ => false,
        };
        if !fits && !differences().know(&["type", at]) {
            let shown: String = value.to_string().chars().take(80).collect();
            self.say(&format!("{at} is {shown}, and should be {ty:?}"));
        }
    }

    fn structure(&mut self, name: &str, value: &Value) {
        let name = differences().served_as(name).unwrap_or(name);
        let Some(schema) = facts().schema(name) else {
            return self.say(&format!("there is no {name} in the contract"));
        };
        for (member, value) in value.as_object().into_iter().flatten() {
            let at = format!("{name}.{member}");
            match schema.member(member) {
                Some(known) => self.compare(&known.ty, value, &at),
                // What the answer says of itself.
                None if member.contains("@odata.") => {}
                None if schema.open || differences().is_open(name) => {}
                None if differences().know(&["more", &at]) => {}
                None => self.say(&format!("there is no {at} in the contract")),
            }
        }
        let missing = |m: &&Member| m.required && value[m.name].is_null();
        for member in schema.members.iter().filter(missing) {
            let at = format!("{name}.{}", member.name);
            if self.whole && !differences().know(&["null", &at]) {
                self.say(&format!("{at} is required, and not there"));
            }
        }
    }
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok() && text.len() == 36
}

/// `2026-11-30T08:00:00.1234567Z`, with another offset, or without a fraction.
fn is_time(text: &str) -> bool {
    let shape = |at: usize, byte: u8| match at {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        0..=18 => byte.is_ascii_digit(),
        _ => byte.is_ascii_digit() || b".Z+-:".contains(&byte),
    };
    let zoned = text.ends_with('Z') || text.get(19..).is_some_and(|t| t.contains(['+', '-']));
    text.len() >= 20 && zoned && text.bytes().enumerate().all(|(at, byte)| shape(at, byte))
}
