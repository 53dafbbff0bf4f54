//! From the text of an expression to tokens.
//!
//! A word, a number, a date and a GUID can start alike (`2018`, `2018-01-15`, `2018aaaa-…`), so the
//! longest form is tried first. Every token knows where it starts, for the messages.

use crate::syntax::Literal;
use crate::{Error, Guid, Result, Timestamp, duration};

/// A token and the byte at which it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub kind: Tok,
    pub at: usize,
}

/// The kinds of tokens.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    /// A name, a keyword or a parameter alias.
    Word(String),
    /// A literal that is not a word: not `null`, `true`, `false`.
    Literal(Literal),
    /// One of `( ) , / : ; = & * -`.
    Symbol(char),
    /// The end of the text.
    End,
}

/// Splits `text` into tokens; the last is [`Tok::End`].
///
/// # Errors
/// [`Error::Invalid`] with the position of what cannot be read.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks();
        let at = lexer.at;
        let kind = lexer.next()?;
        let end = kind == Tok::End;
        tokens.push(Token { kind, at });
        if end {
            return Ok(tokens);
        }
    }
}

/// A message about the text at a position.
pub(crate) fn syntax_error(text: &str, at: usize, why: impl std::fmt::Display) -> Error {
    const SHOWN: usize = 200;
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    let position = text.get(..at).map_or(at, |before| before.chars().count());
    Error::query(format_args!(
        "{why} at position {position} in '{shown}{more}'."
    ))
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Takes the longest prefix of matching characters.
    fn take(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !matches(c)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn error(&self, at: usize, why: &str) -> Error {
        syntax_error(self.text, at, why)
    }

    fn next(&mut self) -> Result<Tok> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(Tok::End);
        };
        let second = self.rest()[first.len_utf8()..]
            .chars()
            .next()
            .unwrap_or(' ');
        if first == '\'' {
            return Ok(Tok::Literal(Literal::Text(self.quoted()?)));
        }
        if let Some(guid) = self.guid() {
            return Ok(Tok::Literal(Literal::Guid(guid)));
        }
        if first.is_ascii_digit() || (first == '-' && second.is_ascii_digit()) {
            let at = self.at;
            let literal = match self.date()? {
                Some(date) => Literal::DateTime(date),
                None => self.number()?,
            };
            if self.rest().starts_with(is_word) {
                return Err(self.error(at, "A literal is malformed"));
            }
            return Ok(Tok::Literal(literal));
        }
        if starts_word(first) {
            return self.word();
        }
        if "(),/:;=&*-".contains(first) {
            self.at += 1;
            return Ok(Tok::Symbol(first));
        }
        Err(self.error(
            self.at,
            &format!("The character '{}' is not expected", first.escape_debug()),
        ))
    }

    /// Text in single quotes; a quote in it is doubled.
    fn quoted(&mut self) -> Result<String> {
        let start = self.at;
        let mut content = String::new();
        self.at += 1;
        loop {
            content.push_str(self.take(|c| c != '\''));
            if self.rest().starts_with("''") {
                content.push('\'');
                self.at += 2;
                continue;
            }
            if self.rest().is_empty() {
                return Err(self.error(start, "A string is not closed"));
            }
            self.at += 1;
            // PostgreSQL knows no text with it, and no name or message holds one.
            if content.contains('\0') {
                return Err(self.error(start, "A string holds NUL"));
            }
            return Ok(content);
        }
    }

    /// A GUID in its form with hyphens, if one stands here and the word ends with it.
    fn guid(&mut self) -> Option<Guid> {
        let guid: Guid = self.rest().get(..36)?.parse().ok()?;
        if self.rest()[36..].starts_with(is_word) {
            return None;
        }
        self.at += 36;
        Some(guid)
    }

    /// A date or date and time, if four digits and a hyphen stand here.
    fn date(&mut self) -> Result<Option<Timestamp>> {
        let head = self.rest().as_bytes();
        let dated = head.len() > 4 && head[..4].iter().all(u8::is_ascii_digit) && head[4] == b'-';
        if !dated {
            return Ok(None);
        }
        let start = self.at;
        let run = self.take(|c| c.is_ascii_digit() || "TtZz:.+-".contains(c));
        if let Some(at) = self.blank_offset(run) {
            return Ok(Some(at));
        }
        match Timestamp::parse(run) {
            Some(at) => Ok(Some(at)),
            None => Err(self.error(start, &format!("'{run}' is not a date and time"))),
        }
    }

    /// The plus of an offset that was not percent-encoded arrives as a blank. Nothing else that
    /// is valid continues a time with a blank and `hh:mm`.
    fn blank_offset(&mut self, run: &str) -> Option<Timestamp> {
        let after = self.rest().strip_prefix(' ')?;
        let offset = after.get(..5)?;
        let clock = offset.bytes().enumerate().all(|(i, b)| match i {
            2 => b == b':',
            _ => b.is_ascii_digit(),
        });
        if !clock || !run.contains(['T', 't']) {
            return None;
        }
        let at = Timestamp::parse(&format!("{run}+{offset}"))?;
        self.at += 1 + offset.len();
        Some(at)
    }

    /// A whole number, or one with a fraction or exponent; a suffix of its type is dropped.
    fn number(&mut self) -> Result<Literal> {
        let start = self.at;
        if self.rest().starts_with('-') {
            self.at += 1;
        }
        self.take(|c| c.is_ascii_digit());
        let mut whole = true;
        if self.rest().starts_with('.') {
            whole = false;
            self.at += 1;
            self.take(|c| c.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            whole = false;
            self.at += 1;
            if self.rest().starts_with(['+', '-']) {
                self.at += 1;
            }
            self.take(|c| c.is_ascii_digit());
        }
        let digits = &self.text[start..self.at];
        if self.rest().starts_with(['L', 'l']) {
            self.at += 1;
        } else if self.rest().starts_with(['D', 'd', 'F', 'f', 'M', 'm']) {
            whole = false;
            self.at += 1;
        }
        if whole && let Ok(number) = digits.parse() {
            return Ok(Literal::Int(number));
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Literal::Real(number)),
            _ => Err(self.error(start, &format!("'{digits}' is not a number"))),
        }
    }

    /// A name, or a literal that names its type: `Ns.Color'Red'`, `guid'…'`.
    fn word(&mut self) -> Result<Tok> {
        let start = self.at;
        let word = self.take(is_word);
        if !self.rest().starts_with('\'') {
            return Ok(Tok::Word(word.to_owned()));
        }
        let text = self.quoted()?;
        let literal = match word.to_ascii_lowercase().as_str() {
            "guid" => text.parse().ok().map(Literal::Guid),
            "datetime" | "datetimeoffset" => Timestamp::parse(&text).map(Literal::DateTime),
            "duration" => duration::parse(&text).map(Literal::Duration),
            _ => Some(Literal::Enum(word.to_owned(), text)),
        };
        literal
            .map(Tok::Literal)
            .ok_or_else(|| self.error(start, "A literal is malformed"))
    }
}

fn starts_word(c: char) -> bool {
    c.is_alphabetic() || "_@$".contains(c)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_@$.".contains(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<Tok> {
        let mut kinds: Vec<Tok> = tokens(text).unwrap().into_iter().map(|t| t.kind).collect();
        assert_eq!(kinds.pop(), Some(Tok::End));
        kinds
    }

    #[track_caller]
    fn literal(text: &str, expected: Literal) {
        assert_eq!(kinds(text), [Tok::Literal(expected)], "{text}");
    }

    fn date(text: &str) -> Literal {
        Literal::DateTime(Timestamp::parse(text).unwrap())
    }

    #[test]
    fn literals() {
        literal("15", Literal::Int(15));
        literal("-15", Literal::Int(-15));
        literal("123L", Literal::Int(123));
        literal("-9223372036854775808", Literal::Int(i64::MIN));
        literal(
            "9223372036854775808",
            Literal::Real(9_223_372_036_854_775_808.0),
        );
        literal("1.5", Literal::Real(1.5));
        literal("1e3", Literal::Real(1000.0));
        literal("2.5E-1", Literal::Real(0.25));
        literal("5d", Literal::Real(5.0));
        literal("''", Literal::Text(String::new()));
        literal(
            "'O''Brien & ''co'''",
            Literal::Text("O'Brien & 'co'".into()),
        );
        literal("'ä漢'", Literal::Text("ä漢".into()));
        literal(
            "Ns.JobState'Running'",
            Literal::Enum("Ns.JobState".into(), "Running".into()),
        );
        let guid = "d3780aac-1e80-49b0-bfd3-c8ec6a3939db";
        literal(guid, Literal::Guid(guid.parse().unwrap()));
        literal(
            &format!("guid'{guid}'"),
            Literal::Guid(guid.parse().unwrap()),
        );
        literal(
            "01234567-1e80-49b0-bfd3-c8ec6a3939db",
            Literal::Guid("01234567-1e80-49b0-bfd3-c8ec6a3939db".parse().unwrap()),
        );
    }

    #[test]
    fn dates() {
        literal("2017-10-28T12:13:00.07Z", date("2017-10-28T12:13:00.07Z"));
        literal("2017-10-28", date("2017-10-28"));
        literal("2017-10-28T12:13:00+02:00", date("2017-10-28T10:13:00Z"));
        literal("2017-10-28T12:13:00 02:00", date("2017-10-28T10:13:00Z"));
        literal(
            "datetime'2017-10-28T12:13:00'",
            date("2017-10-28T12:13:00Z"),
        );
        literal("duration'PT1H'", Literal::Duration(36_000_000_000));
        literal("Duration'-P1D'", Literal::Duration(-864_000_000_000));
        assert_eq!(kinds("2017-10-28T12:13:00 and").len(), 2);
        assert_eq!(kinds("2017 eq").len(), 2);
    }

    #[test]
    fn words_and_symbols() {
        assert_eq!(kinds("Robot/Name").len(), 3);
        assert_eq!(kinds("@p1"), [Tok::Word("@p1".into())]);
        assert_eq!(kinds("d3780aac"), [Tok::Word("d3780aac".into())]);
        assert_eq!(kinds(" ( ) , ; = & * ").len(), 7);
        assert_eq!(kinds("-x"), [Tok::Symbol('-'), Tok::Word("x".into())]);
        assert!(kinds("").is_empty());
    }

    #[test]
    fn errors_say_where() {
        for (text, position) in [
            ("Name eq 'x", 8),
            ("Name eq \"x\"", 8),
            ("ä eq 2017-13-01", 5),
            ("12abc", 0),
            ("1e999", 0),
            ("guid'12'", 0),
            ("duration'P1M'", 0),
            ("'a\0b'", 0),
            ("2017-10-28T12:13:00Zx", 0),
        ] {
            let error = tokens(text).unwrap_err().to_string();
            assert!(
                error.contains(&format!("at position {position} in")),
                "{text}: {error}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = tokens(&text);
        }
    }
}
