//! Input arguments: an object in the relaxed JSON that the original's reader accepts, turned into
//! standard JSON, and checked against what the package declares.

use odata::relaxed;
use serde_json::Value;

use crate::error::{Error, Result};

/// The longest text of arguments, with names, escapes, blanks and brackets.
pub const MAX_LENGTH: usize = 10_000;

/// Standard JSON with the same meaning.
///
/// # Errors
/// 1009 when it is too long, or not an object in relaxed JSON; the message says where.
pub fn normalize(text: &str) -> Result<String> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        return Err(Error::invalid(format!(
            "The input arguments must not be longer than {MAX_LENGTH} characters; these are {length}."
        )));
    }
    let standard = relaxed::standard(text).map_err(|fault| {
        Error::invalid(format!("The input arguments are not valid JSON: {fault}."))
    })?;
    match standard.starts_with('{') {
        true => Ok(standard),
        false => Err(Error::invalid(
            "The input arguments must be a JSON object: write {\"name\": value}.",
        )),
    }
}

/// Checks normalized arguments (or none) against the declared `Input` of an entry point: a JSON
/// Schema object, or the older list of `{name, type, required, hasDefault}`. `defaults` are those
/// of the release, which fill what the job leaves out.
///
/// # Errors
/// 1009 that names the missing or misfit argument.
pub fn check(declared: Option<&str>, given: Option<&str>, defaults: Option<&str>) -> Result<()> {
    let Some(Ok(declared)) = declared.map(serde_json::from_str::<Value>) else {
        return Ok(());
    };
    let parse = |text: Option<&str>| {
        text.and_then(|t| serde_json::from_str::<Value>(t).ok())
            .unwrap_or(Value::Null)
    };
    let (given, defaults) = (parse(given), parse(defaults));
    let value = |name: &str| given.get(name).or_else(|| defaults.get(name));
    match &declared {
        Value::Array(list) => check_list(list, &value),
        Value::Object(_) => check_schema(&declared, &value),
        _ => Ok(()),
    }
}

fn check_list<'v>(list: &[Value], value: &dyn Fn(&str) -> Option<&'v Value>) -> Result<()> {
    for argument in list {
        let flag = |name| argument.get(name).and_then(Value::as_bool).unwrap_or(false);
        let Some(name) = argument.get("name").and_then(Value::as_str) else {
            continue;
        };
        if flag("required") && !flag("hasDefault") && value(name).is_none() {
            return Err(missing(name));
        }
    }
    Ok(())
}

fn check_schema<'v>(schema: &Value, value: &dyn Fn(&str) -> Option<&'v Value>) -> Result<()> {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if value(name).is_none() {
            return Err(missing(name));
        }
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, property) in properties.into_iter().flatten() {
        let Some(expected) = property.get("type").and_then(Value::as_str) else {
            continue;
        };
        if value(name).is_some_and(|v| !v.is_null() && !fits(v, expected)) {
            return Err(Error::invalid(format!(
                "The input argument '{name}' must be of type {expected}."
            )));
        }
    }
    Ok(())
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("The input argument '{name}' is required."))
}

fn fits(value: &Value, expected: &str) -> bool {
    match expected {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0)
        }
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relaxed_json_becomes_standard_json() {
        let given = " {'id': 0065, /* of */ big: 12345678901234567890123,} ";
        let expected = r#"{"id":53,"big":12345678901234567890123}"#;
        assert_eq!(normalize(given).unwrap(), expected);
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LENGTH));
        for given in ["", "[]", "1", "null", "'{}'", "{'a'}", "{'a':1}x", &long] {
            let error = normalize(given).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{given}");
        }
        let error = normalize("{'a':1 'b':2}").unwrap_err().to_string();
        assert!(
            error.ends_with("a comma or } is expected at line 1, column 8."),
            "{error}"
        );
        assert!(normalize(&format!("{{'a':'{}'}}", "x".repeat(MAX_LENGTH - 8))).is_ok());
    }

    #[test]
    fn declared_arguments_are_asked_for() {
        let schema = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"n":{"type":"integer"}}}"#;
        assert!(check(Some(schema), Some(r#"{"id":"1","n":2,"more":true}"#), None).is_ok());
        assert!(check(Some(schema), None, Some(r#"{"id":"1"}"#)).is_ok());
        let missing = check(Some(schema), Some("{}"), None)
            .unwrap_err()
            .to_string();
        assert_eq!(missing, "The input argument 'id' is required.");
        let misfit = check(Some(schema), Some(r#"{"id":"1","n":"x"}"#), None)
            .unwrap_err()
            .to_string();
        assert_eq!(misfit, "The input argument 'n' must be of type integer.");
        let list = r#"[{"name":"in_a","required":true,"hasDefault":false},{"name":"b"}]"#;
        assert!(check(Some(list), None, None).is_err());
        assert!(check(Some(list), Some(r#"{"in_a":1}"#), None).is_ok());
        assert!(check(None, None, None).is_ok());
    }
}
