//! The query string: which options it holds, decoded, and where one ends.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::{Error, Result};

/// Longest query string.
const MAX_LENGTH: usize = 64 * 1024;

/// The options this crate reads.
const KNOWN: [&str; 8] = [
    "filter", "orderby", "top", "skip", "select", "expand", "count", "format",
];

/// The options of a query string: names in lower case without `$`, values decoded. Names without
/// `$` belong to somebody else and are left out.
///
/// # Errors
/// [`Error::Invalid`] when it is too long, not UTF-8, or holds an option that is unknown or twice.
pub(crate) fn options(raw: &str) -> Result<Vec<(&'static str, String)>> {
    if raw.len() > MAX_LENGTH {
        return Err(Error::query("The query string is longer than 64 KiB."));
    }
    let mut options = Vec::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        let Some(name) = name.trim().strip_prefix('$') else {
            continue;
        };
        add(&mut options, name, &decode(value)?)?;
    }
    Ok(options)
}

fn add(options: &mut Vec<(&'static str, String)>, name: &str, value: &str) -> Result<()> {
    let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
        let name: String = name.chars().take(64).collect();
        return Err(Error::query(format_args!(
            "The query parameter '${name}' is not supported."
        )));
    };
    if options.iter().any(|(given, _)| given == known) {
        return Err(Error::query(format_args!(
            "Query option '${known}' was specified more than once."
        )));
    }
    match next_option(value) {
        Some((at, name, value_at)) => {
            options.push((known, value[..at].trim().to_owned()));
            add(options, name, &value[value_at..])
        }
        None => {
            options.push((known, value.trim().to_owned()));
            Ok(())
        }
    }
}

/// Finds a further option inside a value: where it starts, its name, where its value starts.
///
/// A published example reads `$top=10$filter=…`, without `&`, and clients copied it. A `$option=`
/// outside of quotes and brackets cannot mean anything else.
fn next_option(value: &str) -> Option<(usize, &'static str, usize)> {
    let (mut depth, mut quoted) = (0_i32, false);
    for (at, c) in value.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth -= 1,
            '$' if depth == 0 => {
                let rest = &value[at + 1..];
                let known = KNOWN.iter().find(|known| {
                    let name = rest.get(..known.len());
                    name.is_some_and(|name| name.eq_ignore_ascii_case(known))
                        && rest[known.len()..].starts_with('=')
                });
                if let Some(known) = known {
                    return Some((at, known, at + 1 + known.len() + 1));
                }
            }
            _ => {}
        }
    }
    None
}

/// Percent-decoded, with `+` as a blank.
fn decode(raw: &str) -> Result<String> {
    let spaced: Cow<'_, str> = if raw.contains('+') {
        raw.replace('+', " ").into()
    } else {
        raw.into()
    };
    match percent_decode_str(&spaced).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Error::query("The query string is not UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(raw: &str) -> Vec<(&'static str, String)> {
        options(raw).unwrap_or_else(|error| panic!("{raw}: {error}"))
    }

    #[test]
    fn names_and_values_are_decoded() {
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("&&"), []);
        assert_eq!(
            pairs("%24top=5&$Skip=+7+"),
            [("top", "5".into()), ("skip", "7".into())]
        );
        assert_eq!(
            pairs("$filter=Name+eq%20'a%26b'&take=5&path=/x"),
            [("filter", "Name eq 'a&b'".into())]
        );
        assert_eq!(pairs("$count"), [("count", String::new())]);
    }

    #[test]
    fn a_missing_ampersand_is_mended() {
        let expected = [
            ("top", "10".to_owned()),
            ("filter", "Robot/Name eq 'x'".to_owned()),
        ];
        assert_eq!(pairs("$top=10$filter=Robot/Name%20eq%20'x'"), expected);
        assert_eq!(pairs("$top=10%24filter=Robot/Name%20eq%20'x'"), expected);
        let three = pairs("$top=1$skip=2$filter=a eq 'b$top=3'");
        assert_eq!(three[2], ("filter", "a eq 'b$top=3'".into()));
        let nested = pairs("$expand=Robot($select=Name;$expand=License)");
        assert_eq!(
            nested,
            [("expand", "Robot($select=Name;$expand=License)".into())]
        );
    }

    #[test]
    fn unknown_and_repeated_options_are_refused() {
        for raw in [
            "$search=x",
            "$top=1&$TOP=2",
            "$top=1$top=2",
            "$inlinecount=allpages",
            "$=1",
        ] {
            assert!(matches!(options(raw), Err(Error::Invalid(_))), "{raw}");
        }
        assert!(options("$filter=%FF").is_err());
        assert!(options(&format!("$filter={}", "a".repeat(MAX_LENGTH))).is_err());
    }
}
