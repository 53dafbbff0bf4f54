//! The query string: which options and aliases it holds, decoded, and where an option ends.

use percent_encoding::percent_decode_str;

use crate::split::Nesting;
use crate::{Error, Result};

/// Longest query string.
const MAX_LENGTH: usize = 64 * 1024;

/// The options this crate reads.
const KNOWN: [&str; 9] = [
    "filter",
    "orderby",
    "top",
    "skip",
    "skiptoken",
    "select",
    "expand",
    "count",
    "format",
];

/// Options of the protocol that are not read here, and what to do instead.
const REFUSED: [(&str, &str); 5] = [
    ("search", "Use $filter with contains(…) instead."),
    (
        "apply",
        "Entities are not aggregated; read them with $filter and $select.",
    ),
    ("compute", "Write the calculation into $filter or $orderby."),
    (
        "deltatoken",
        "Changes are not tracked; filter by a time instead.",
    ),
    ("levels", "Write the levels out in $expand."),
];

/// The options of a query string: names in lower case without `$`, values decoded. Names without
/// `$` belong to somebody else and are left out.
///
/// # Errors
/// [`Error::Invalid`] when it is too long, not UTF-8, or holds an option that is unknown or twice.
pub(crate) fn options(raw: &str) -> Result<Vec<(&'static str, String)>> {
    let mut options = Vec::new();
    for (name, value) in pairs(raw)? {
        if let Some(name) = utf8(raw, &name)?.trim().strip_prefix('$') {
            add(&mut options, name, utf8(raw, &value)?)?;
        }
    }
    Ok(options)
}

/// What `$format` asks for, in lower case. Which formats there are is the program's business.
///
/// # Errors
/// [`Error::Invalid`] when the query string is too long or not UTF-8.
pub fn format(raw: &str) -> Result<Option<String>> {
    for (name, value) in pairs(raw)? {
        if utf8(raw, &name)?.trim().eq_ignore_ascii_case("$format") {
            return Ok(Some(utf8(raw, &value)?.trim().to_ascii_lowercase()));
        }
    }
    Ok(None)
}

/// Names and values, decoded.
fn pairs(raw: &str) -> Result<form_urlencoded::Parse<'_>> {
    if raw.len() > MAX_LENGTH {
        return Err(Error::query("The query string is longer than 64 KiB."));
    }
    Ok(form_urlencoded::parse(raw.as_bytes()))
}

/// What was decoded, unless a replacement character stands there for something else.
fn utf8<'t>(raw: &str, decoded: &'t str) -> Result<&'t str> {
    let replaced = decoded.contains(char::REPLACEMENT_CHARACTER);
    if replaced && percent_decode_str(raw).decode_utf8().is_err() {
        return Err(Error::query("The query string is not UTF-8."));
    }
    Ok(decoded)
}

/// The parameter aliases of a query string: `@name=value`. They stand for their values in
/// `$filter`, `$orderby`, `$expand`, and in keys and parameters of paths.
#[derive(Clone, Debug, Default, PartialEq, Hash)]
pub struct Aliases(Vec<(String, String)>);

impl Aliases {
    /// The aliases of a query string as it came.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is too long, not UTF-8, or holds an alias twice.
    pub fn read(raw: &str) -> Result<Aliases> {
        let mut aliases = Aliases::default();
        for (name, value) in pairs(raw)? {
            let name = utf8(raw, &name)?.trim();
            if !name.starts_with('@') {
                continue;
            }
            if aliases.find(name).is_some() {
                return Err(Error::query(format_args!(
                    "The parameter alias '{}' was specified more than once.",
                    shortened(name)
                )));
            }
            let value = utf8(raw, &value)?.trim().to_owned();
            aliases.0.push((name.to_owned(), value));
        }
        Ok(aliases)
    }

    fn find(&self, name: &str) -> Option<&str> {
        let mut aliases = self.0.iter();
        let found = aliases.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The value of an alias, whose name starts with `@`.
    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        self.find(name).ok_or_else(|| {
            let name = shortened(name);
            Error::query(format_args!(
                "The parameter alias '{name}' has no value. Add '{name}=…' to the query string."
            ))
        })
    }
}

/// A name in a message.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

fn add(options: &mut Vec<(&'static str, String)>, name: &str, value: &str) -> Result<()> {
    let Some(known) = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
        let known = |(refused, _): &&(&str, &str)| refused.eq_ignore_ascii_case(name);
        let hint = REFUSED.iter().find(known).map_or("", |(_, hint)| hint);
        let text = format!(
            "The query parameter '${}' is not supported. {hint}",
            shortened(name)
        );
        return Err(Error::query(text.trim_end()));
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
    let mut nesting = Nesting::default();
    for (at, c) in value.char_indices() {
        if !nesting.outside(c) || c != '$' {
            continue;
        }
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
    None
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
    fn aliases_are_read_apart_from_options() {
        let raw = "$filter=Id eq @p&@p=+5&%40Q=%27a%26b%27&p=7&@empty";
        let aliases = Aliases::read(raw).unwrap();
        assert_eq!(aliases.get("@p").unwrap(), "5");
        assert_eq!(aliases.get("@q").unwrap(), "'a&b'");
        assert_eq!(aliases.get("@empty").unwrap(), "");
        assert_eq!(pairs(raw), [("filter", "Id eq @p".into())]);
        let error = aliases.get("@none").unwrap_err().to_string();
        assert!(error.contains("Add '@none=…'"), "{error}");
        for raw in ["@p=1&@P=2", "@p=%FF", "%40%FF=1"] {
            assert!(
                matches!(Aliases::read(raw), Err(Error::Invalid(_))),
                "{raw}"
            );
        }
    }

    #[test]
    fn a_format_is_found_in_any_spelling() {
        for raw in ["$format=JSON", "a=b&%24format=json", "$FORMAT=%6Ason"] {
            assert_eq!(format(raw).unwrap().as_deref(), Some("json"), "{raw}");
        }
        for raw in ["", "format=json", "$top=1"] {
            assert_eq!(format(raw).unwrap(), None, "{raw}");
        }
        assert!(format("$format=%FF").is_err());
    }

    #[test]
    fn refusals_say_what_to_do_instead() {
        for (raw, part) in [
            ("$search=x", "'$search' is not supported. Use $filter"),
            ("$APPLY=x", "'$APPLY' is not supported. Entities"),
            ("$compute=x", "'$compute' is not supported. Write"),
            ("$nope=x", "'$nope' is not supported."),
        ] {
            let error = options(raw).unwrap_err().to_string();
            assert!(error.contains(part), "{raw}: {error}");
        }
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
