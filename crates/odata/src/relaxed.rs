//! JSON as clients write it that were made for a forgiving reader.
//!
//! Beyond the standard: texts and names in single quotes (`{'id':'1'}`), names without quotes, a
//! comma behind the last value, comments, numbers in hexadecimal, and whole numbers with leading
//! zeros, which are **octal** (`0065` is 53): documented behaviour that scripts have come to rely on.
//! What the standard allows is read as the standard says.

use std::fmt;

use serde_json::{Number, Value};

/// Objects and lists within each other, as the original's reader takes them. In standard JSON there
/// may be twice as many.
const MAX_DEPTH: usize = 64;

/// Why a text is no JSON, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub why: &'static str,
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { why, line, column } = self;
        write!(f, "{why} at line {line}, column {column}")
    }
}

/// Reads a document.
///
/// ```
/// let read = odata::relaxed::parse("{'a': 1, /* and */ b: [2,],}").unwrap();
/// assert_eq!(read, serde_json::json!({"a": 1, "b": [2]}));
/// let fault = odata::relaxed::parse("{\n  'a' 1}").unwrap_err();
/// assert_eq!(fault.to_string(), "a colon is expected at line 2, column 7");
/// ```
///
/// # Errors
/// [`Fault`]
pub fn parse(text: &str) -> Result<Value, Fault> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) => {
            let standard = standard(text)?;
            serde_json::from_str(&standard).map_err(|_| fault(text, Wrong("it cannot be read", 0)))
        }
    }
}

/// Standard JSON with the same meaning. Numbers keep every digit they came with.
///
/// # Errors
/// [`Fault`]
pub fn standard(text: &str) -> Result<String, Fault> {
    let mut reader = Reader {
        text,
        at: 0,
        out: String::with_capacity(text.len()),
    };
    match reader.document() {
        Ok(()) => Ok(reader.out),
        Err(wrong) => Err(fault(text, wrong)),
    }
}

/// What is wrong, and at which byte.
struct Wrong(&'static str, usize);

fn fault(text: &str, Wrong(why, at): Wrong) -> Fault {
    let before = &text[..at.min(text.len())];
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    Fault {
        why,
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
    }
}

/// Transcribes value by value; each character is looked at once.
struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: String,
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<(), Wrong> {
        self.blank()?;
        self.value(0)?;
        self.blank()?;
        match self.peek() {
            Some(_) => self.wrong("nothing more is expected"),
            None => Ok(()),
        }
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, Wrong> {
        Err(Wrong(why, self.at))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// Takes the characters that match, up to the first that does not.
    fn while_is(&mut self, matches: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !matches(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Takes up to `end` and that.
    fn until(&mut self, end: &str) -> Option<()> {
        let at = self.rest().find(end)?;
        self.at += at + end.len();
        Some(())
    }

    /// Blanks and comments.
    fn blank(&mut self) -> Result<(), Wrong> {
        loop {
            self.while_is(char::is_whitespace);
            let start = self.at;
            if self.take("//") {
                if self.until("\n").is_none() {
                    self.at = self.text.len();
                }
            } else if self.take("/*") {
                self.until("*/")
                    .ok_or(Wrong("a comment does not end", start))?;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Wrong> {
        match self.peek() {
            Some('{' | '[') if depth == MAX_DEPTH => self.wrong("it is nested too deeply"),
            Some('{') => self.sequence(['{', '}'], "a comma or } is expected", |reader| {
                reader.name()?;
                reader.blank()?;
                if !reader.take(":") {
                    return reader.wrong("a colon is expected");
                }
                reader.out.push(':');
                reader.blank()?;
                reader.value(depth + 1)
            }),
            Some('[') => self.sequence(['[', ']'], "a comma or ] is expected", |reader| {
                reader.value(depth + 1)
            }),
            Some('"' | '\'') => self.string(),
            Some('-' | '.' | '0'..='9') => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.word(),
            _ => self.wrong("a value is expected"),
        }
    }

    /// Items in brackets with commas between them, and perhaps one behind the last.
    fn sequence(
        &mut self,
        [open, close]: [char; 2],
        separated: &'static str,
        item: impl Fn(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.next();
        self.out.push(open);
        self.blank()?;
        let mut first = true;
        while self.peek() != Some(close) {
            if !first {
                if !self.take(",") {
                    return self.wrong(separated);
                }
                self.blank()?;
                if self.peek() == Some(close) {
                    break;
                }
                self.out.push(',');
            }
            first = false;
            item(self)?;
            self.blank()?;
        }
        self.next();
        self.out.push(close);
        Ok(())
    }

    fn name(&mut self) -> Result<(), Wrong> {
        if matches!(self.peek(), Some('"' | '\'')) {
            return self.string();
        }
        let name = self.while_is(|c| c.is_alphanumeric() || c == '_' || c == '$');
        if name.is_empty() {
            return self.wrong("a name is expected");
        }
        self.out.push('"');
        self.out.push_str(name);
        self.out.push('"');
        Ok(())
    }

    fn string(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        let quote = self.next();
        self.out.push('"');
        loop {
            let plain = self.while_is(|c| c != '\\' && c != '"' && c != '\'' && c >= ' ');
            self.out.push_str(plain);
            match self.next() {
                None => return Err(Wrong("a string does not end", start)),
                end if end == quote => break,
                Some('\\') => {
                    let escaped = self.escape()?;
                    self.push(escaped);
                }
                Some(c) => self.push(c),
            }
        }
        self.out.push('"');
        Ok(())
    }

    /// A character of a string as the standard has it.
    fn push(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend(['\\', c]),
            c if c < ' ' => self.out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => self.out.push(c),
        }
    }

    fn escape(&mut self) -> Result<char, Wrong> {
        let start = self.at - 1;
        match self.next() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some(c @ ('"' | '\'' | '\\' | '/')) => Ok(c),
            Some('u') => self.unicode(start),
            Some(_) => Err(Wrong("an unknown escape stands", start)),
            None => Err(Wrong("a string does not end", start)),
        }
    }

    fn unicode(&mut self, start: usize) -> Result<char, Wrong> {
        let half = || Wrong("half a surrogate pair stands", start);
        let high = self.hex4()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high).ok_or_else(half);
        }
        if !self.take("\\u") {
            return Err(half());
        }
        let low = self.hex4()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(half());
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(half)
    }

    fn hex4(&mut self) -> Result<u32, Wrong> {
        let digits = self.rest().get(..4);
        let digits = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        let Some(value) = value else {
            return self.wrong("four hexadecimal digits are expected");
        };
        self.at += 4;
        Ok(value)
    }

    fn number(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        let text = self.while_is(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.'));
        match number(text) {
            Ok(number) => {
                self.out.push_str(&number);
                Ok(())
            }
            Err(why) => Err(Wrong(why, start)),
        }
    }

    fn word(&mut self) -> Result<(), Wrong> {
        let start = self.at;
        let word = self.while_is(|c| c.is_ascii_alphanumeric());
        match word {
            "true" | "false" | "null" => self.out.push_str(word),
            "NaN" | "Infinity" => return Err(Wrong("NaN and Infinity are no numbers", start)),
            "True" | "False" | "None" | "TRUE" | "FALSE" | "NULL" => {
                return Err(Wrong(
                    "true, false or null, in small letters, is expected",
                    start,
                ));
            }
            _ => return Err(Wrong("a value is expected", start)),
        }
        Ok(())
    }
}

/// A number in the form of the standard.
fn number(text: &str) -> Result<String, &'static str> {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text), |digits| ("-", digits));
    let hexadecimal = digits.strip_prefix("0x").or(digits.strip_prefix("0X"));
    if let Some(digits) = hexadecimal {
        let number = i64::from_str_radix(digits, 16);
        let number = number.ok().filter(|_| !digits.starts_with(['+', '-']));
        let number = number.ok_or("a number with 0x is not hexadecimal")?;
        return Ok(format!("{sign}{number}"));
    }
    let whole = digits.bytes().all(|b| b.is_ascii_digit());
    if whole && digits.len() > 1 && digits.starts_with('0') {
        let number = i64::from_str_radix(digits, 8);
        let number = number.map_err(|_| "a number with leading zeros is not octal")?;
        return Ok(format!("{sign}{number}"));
    }
    let zero = |missing: bool| if missing { "0" } else { "" };
    let (before, behind) = (zero(digits.starts_with('.')), zero(digits.ends_with('.')));
    let number = format!("{sign}{before}{digits}{behind}");
    match digits.len() > 1 || whole {
        true if serde_json::from_str::<Number>(&number).is_ok() => Ok(number),
        _ => Err("a number is malformed"),
    }
}

#[cfg(test)]
mod tests;
