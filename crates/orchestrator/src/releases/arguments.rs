//! Input arguments: an object in the relaxed JSON that the original's reader accepts, turned into
//! standard JSON, and checked against what the package declares.
//!
//! Relaxed means: strings and names in single quotes (`{'id':'1'}`), names without quotes, and
//! whole numbers with leading zeros, which are **octal** (`0065` is 53): documented behaviour that
//! scripts have come to rely on.

use serde_json::Value;

use crate::error::{Error, Result};

/// The longest text of arguments, with names, escapes, blanks and brackets.
pub const MAX_LENGTH: usize = 10_000;
const MAX_DEPTH: usize = 64;

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
    let mut reader = Reader {
        chars: text.chars().collect(),
        at: 0,
        out: String::new(),
    };
    reader.document().map_err(|(what, at)| {
        Error::invalid(format!(
            "The input arguments are not valid JSON: {what} at character {at}."
        ))
    })?;
    Ok(reader.out)
}

type Fault = (&'static str, usize);

/// Transcribes value by value, so that numbers keep every digit they came with.
struct Reader {
    chars: Vec<char>,
    at: usize,
    out: String,
}

impl Reader {
    fn document(&mut self) -> Result<(), Fault> {
        self.blank();
        if self.peek() != Some('{') {
            return self.fault("an object is expected");
        }
        self.value(0)?;
        self.blank();
        if self.peek().is_some() {
            self.fault("nothing more is expected")
        } else {
            Ok(())
        }
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err((what, self.at + 1))
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return self.fault("it is nested too deeply");
        }
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"' | '\'') => self.string(),
            Some(c) if c == '-' || c.is_ascii_digit() => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.word(),
            _ => self.fault("a value is expected"),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        self.out.push('{');
        self.blank();
        let mut first = true;
        while !self.take('}') {
            if !first {
                if !self.take(',') {
                    return self.fault("a comma or } is expected");
                }
                self.blank();
                if self.take('}') {
                    break;
                }
                self.out.push(',');
            }
            first = false;
            self.name()?;
            self.blank();
            if !self.take(':') {
                return self.fault("a colon is expected");
            }
            self.out.push(':');
            self.blank();
            self.value(depth + 1)?;
            self.blank();
        }
        self.out.push('}');
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Fault> {
        self.at += 1;
        self.out.push('[');
        self.blank();
        let mut first = true;
        while !self.take(']') {
            if !first {
                if !self.take(',') {
                    return self.fault("a comma or ] is expected");
                }
                self.blank();
                if self.take(']') {
                    break;
                }
                self.out.push(',');
            }
            first = false;
            self.value(depth + 1)?;
            self.blank();
        }
        self.out.push(']');
        Ok(())
    }

    fn name(&mut self) -> Result<(), Fault> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.string();
        }
        let start = self.at;
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        while self.peek().is_some_and(word) {
            self.at += 1;
        }
        if start == self.at {
            return self.fault("a name is expected");
        }
        let name: String = self.chars[start..self.at].iter().collect();
        self.push_string(&name);
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        let quote = self.chars[self.at];
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else {
                return self.fault("a string does not end");
            };
            self.at += 1;
            match c {
                _ if c == quote => break,
                '\\' => text.push(self.escape()?),
                _ => text.push(c),
            }
        }
        self.push_string(&text);
        Ok(())
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let Some(c) = self.peek() else {
            return self.fault("a string does not end");
        };
        self.at += 1;
        match c {
            'n' => Ok('\n'),
            't' => Ok('\t'),
            'r' => Ok('\r'),
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            '"' | '\'' | '\\' | '/' => Ok(c),
            'u' => self.unicode(),
            _ => self.fault("an unknown escape"),
        }
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or(("half a surrogate pair", self.at));
        }
        if !(self.take('\\') && self.take('u')) {
            return self.fault("half a surrogate pair");
        }
        let low = self.hex4()?;
        if !(0xdc00..0xe000).contains(&low) {
            return self.fault("half a surrogate pair");
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
            .ok_or(("half a surrogate pair", self.at))
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let digits: Option<String> = self
            .chars
            .get(self.at..self.at + 4)
            .map(|d| d.iter().collect());
        let value = digits
            .filter(|d| d.chars().all(|c| c.is_ascii_hexdigit()))
            .and_then(|d| u32::from_str_radix(&d, 16).ok());
        let Some(value) = value else {
            return self.fault("four hexadecimal digits are expected");
        };
        self.at += 4;
        Ok(value)
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
        while self.peek().is_some_and(part) {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let (sign, digits) = text
            .strip_prefix('-')
            .map_or(("", &*text), |rest| ("-", rest));
        let whole = digits.chars().all(|c| c.is_ascii_digit());
        if whole && digits.len() > 1 && digits.starts_with('0') {
            let octal = i64::from_str_radix(digits, 8)
                .map_err(|_| ("a number with leading zeros is not octal", start + 1))?;
            self.out.push_str(sign);
            self.out.push_str(&octal.to_string());
            return Ok(());
        }
        if serde_json::from_str::<serde_json::Number>(&text).is_err() {
            return Err(("a number is malformed", start + 1));
        }
        self.out.push_str(&text);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_alphabetic()) {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        match &*word {
            "true" | "false" | "null" => self.out.push_str(&word),
            _ => return Err(("a value is expected", start + 1)),
        }
        Ok(())
    }

    fn push_string(&mut self, text: &str) {
        self.out.push_str(&Value::from(text).to_string());
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
        let cases = [
            ("{}", "{}"),
            (
                "{'str_taskID':'No.1','b':'it\\'s \"x\"'}",
                r#"{"str_taskID":"No.1","b":"it's \"x\""}"#,
            ),
            (r#" { "a" : 1 , b: [1, 2,], } "#, r#"{"a":1,"b":[1,2]}"#),
            (
                r#"{"n":0065,"m":-010,"z":0,"f":0.50,"e":1E3}"#,
                r#"{"n":53,"m":-8,"z":0,"f":0.50,"e":1E3}"#,
            ),
            (
                r#"{"big":12345678901234567890123,"t":true,"x":null}"#,
                r#"{"big":12345678901234567890123,"t":true,"x":null}"#,
            ),
            (r#"{"u":"\u00e4\ud83d\ude00\n"}"#, "{\"u\":\"ä😀\\n\"}"),
        ];
        for (given, expected) in cases {
            assert_eq!(normalize(given).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_place() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_LENGTH));
        let cases = [
            "",
            "[]",
            "1",
            "null",
            "{",
            "{'a'}",
            "{'a':}",
            "{'a':1 'b':2}",
            "{'a':'x}",
            "{'a':1}x",
            "{'a':089}",
            "{'a':1.2.3}",
            "{'a':--1}",
            "{'a':TRUE}",
            "{'a':'\\x'}",
            "{'a':'\\ud83d'}",
            "{'a':'\\u12'}",
            "{,}",
            &deep,
            &long,
        ];
        for given in cases {
            let error = normalize(given).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{given}");
        }
        let error = normalize("{'a':1 'b':2}").unwrap_err().to_string();
        assert!(
            error.ends_with("a comma or } is expected at character 8."),
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
