//! The condition of a request, `if`: which earlier requests succeeded, e.g.
//! `$a/$succeeded and not $b/$succeeded`.

/// Brackets and `not` stand in each other this deep.
const MAX_DEPTH: usize = 32;

/// Whether the condition holds; `succeeded` knows the requests and groups.
///
/// # Errors
/// A sentence on what is not understood.
pub(super) fn holds(text: &str, succeeded: &dyn Fn(&str) -> Option<bool>) -> Result<bool, String> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser {
        words: spaced.split_whitespace().peekable(),
        succeeded,
        depth: 0,
    };
    let value = parser.any()?;
    match parser.words.next() {
        None => Ok(value),
        Some(word) => Err(format!("'{word}' is not expected there.")),
    }
}

struct Parser<'a, W: Iterator<Item = &'a str>> {
    words: std::iter::Peekable<W>,
    succeeded: &'a dyn Fn(&str) -> Option<bool>,
    depth: usize,
}

impl<'a, W: Iterator<Item = &'a str>> Parser<'a, W> {
    /// Operands of `or`.
    fn any(&mut self) -> Result<bool, String> {
        let mut value = self.all()?;
        while self.words.next_if_eq(&"or").is_some() {
            value |= self.all()?;
        }
        Ok(value)
    }

    /// Operands of `and`.
    fn all(&mut self) -> Result<bool, String> {
        let mut value = self.equal()?;
        while self.words.next_if_eq(&"and").is_some() {
            value &= self.equal()?;
        }
        Ok(value)
    }

    /// Operands of `eq` and `ne`.
    fn equal(&mut self) -> Result<bool, String> {
        let value = self.one()?;
        if self.words.next_if_eq(&"eq").is_some() {
            return Ok(value == self.one()?);
        }
        if self.words.next_if_eq(&"ne").is_some() {
            return Ok(value != self.one()?);
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<bool, String> {
        let word = self.words.next().ok_or("It ends too early.")?;
        if word == "true" || word == "false" {
            return Ok(word == "true");
        }
        if word == "(" || word == "not" {
            return self.nested(word);
        }
        let name = word
            .strip_prefix('$')
            .and_then(|rest| rest.strip_suffix("/$succeeded"));
        let name = name.ok_or_else(|| {
            format!("'{word}' is not understood: only $name/$succeeded, and, or, not, eq, ne are.")
        })?;
        (self.succeeded)(name).ok_or_else(|| format!("No request '{name}' stands before it."))
    }

    fn nested(&mut self, word: &str) -> Result<bool, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("It is nested too deeply.".to_owned());
        }
        let value = if word == "not" {
            !self.one()?
        } else {
            let value = self.any()?;
            self.words
                .next_if_eq(&")")
                .ok_or("A bracket is not closed.")?;
            value
        };
        self.depth -= 1;
        Ok(value)
    }
}
