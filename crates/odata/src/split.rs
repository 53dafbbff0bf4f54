//! Where a text may be divided: outside of quotes and brackets. Paths, query strings and the
//! options inside `$expand` all need it before anything else can read them.

/// How deep inside quotes and brackets a reader is.
#[derive(Default)]
pub(crate) struct Nesting {
    depth: i64,
    quoted: bool,
}

impl Nesting {
    /// Takes the next character, and says whether it stands outside. A doubled quote closes and
    /// opens again, which comes to the same.
    pub fn outside(&mut self, c: char) -> bool {
        match c {
            '\'' => self.quoted = !self.quoted,
            _ if self.quoted => {}
            '(' | '[' | '{' => self.depth += 1,
            ')' | ']' | '}' => self.depth -= 1,
            _ => return self.depth == 0,
        }
        false
    }
}

/// The parts between each `at` that stands outside.
///
/// # Errors
/// What is not closed, or not opened, as half a sentence.
pub(crate) fn split(text: &str, at: char) -> Result<Vec<&str>, &'static str> {
    let (mut parts, mut start, mut nesting) = (Vec::new(), 0, Nesting::default());
    for (i, c) in text.char_indices() {
        if nesting.outside(c) && c == at {
            parts.push(&text[start..i]);
            start = i + c.len_utf8();
        }
        if nesting.depth < 0 {
            return Err("a bracket is not opened");
        }
    }
    if nesting.quoted {
        return Err("a quote is not closed");
    }
    if nesting.depth > 0 {
        return Err("a bracket is not closed");
    }
    parts.push(&text[start..]);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_outside_divides() {
        assert_eq!(split("", ',').unwrap(), [""]);
        assert_eq!(split("a,b", ',').unwrap(), ["a", "b"]);
        assert_eq!(split("a(b,c),[d,e]", ',').unwrap(), ["a(b,c)", "[d,e]"]);
        assert_eq!(split("'a,''(',b", ',').unwrap(), ["'a,''('", "b"]);
        assert_eq!(split("ä;漢", ';').unwrap(), ["ä", "漢"]);
    }

    #[test]
    fn what_does_not_match_is_told() {
        assert_eq!(split("a)(", ','), Err("a bracket is not opened"));
        assert_eq!(split("(a", ','), Err("a bracket is not closed"));
        assert_eq!(split("'a(", ','), Err("a quote is not closed"));
        assert!(split(&"(".repeat(100_000), ',').is_err());
    }
}
