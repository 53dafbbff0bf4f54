//! The resource path: `Jobs(1)/Ns.StopJob`, `Robots/Ns.GetAsset(robotId='1',assetName='a b')`.
//!
//! Routers split at every `/` and allow one parameter per segment; here keys hold slashes inside
//! quotes and functions take several parameters, so the path is read by its own grammar. It knows
//! no names: which sets and operations exist is the caller's business.

use percent_encoding::percent_decode_str;

use crate::options::Aliases;
use crate::{Error, Guid, Result, Timestamp};

/// A path in its segments.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// At least one.
    pub segments: Vec<Segment>,
}

/// A part of a path between slashes.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// The name as it was written, e.g. `Jobs`, `Ns.StopJob`, `$count`.
    pub name: String,
    /// What stands in brackets behind it.
    pub args: Args,
}

/// What stands in brackets: a key or parameters.
#[derive(Clone, Debug, PartialEq)]
pub enum Args {
    /// No brackets.
    None,
    /// `()`.
    Empty,
    /// One value without a name.
    One(Literal),
    /// `name=value`, once or more; names as they were written.
    Named(Vec<(String, Literal)>),
}

/// A value in a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number; a suffix `L` is allowed.
    Int(i64),
    /// Any other number.
    Real(f64),
    /// Text in single quotes, a quote in it doubled.
    Text(String),
    /// A GUID without quotes.
    Guid(Guid),
    /// A date, or date and time, without quotes.
    DateTime(Timestamp),
    /// Anything else without quotes, e.g. a parameter alias `@p` or a list `[1,2]`.
    Bare(String),
}

impl Args {
    /// The parameter `name`, in any case.
    pub fn get(&self, name: &str) -> Option<&Literal> {
        let Args::Named(args) = self else { return None };
        args.iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The same with the value of each alias `@name` in its place, which the query string gives.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an alias that has no value, or one that is no literal.
    pub fn resolve(self, aliases: &Aliases) -> Result<Args> {
        Ok(match self {
            Args::None | Args::Empty => self,
            Args::One(value) => Args::One(value.resolve(aliases)?),
            Args::Named(args) => {
                let resolved = args.into_iter().map(|(name, value)| {
                    let value = value.resolve(aliases)?;
                    Ok((name, value))
                });
                Args::Named(resolved.collect::<Result<_>>()?)
            }
        })
    }
}

impl Literal {
    fn resolve(self, aliases: &Aliases) -> Result<Literal> {
        match &self {
            Literal::Bare(text) if text.starts_with('@') => literal(aliases.get(text)?),
            _ => Ok(self),
        }
    }
}

impl From<&Literal> for db::Value {
    /// As it is stored: a GUID as text, an instant as its ticks.
    fn from(literal: &Literal) -> db::Value {
        match literal {
            Literal::Null => db::Value::Null,
            Literal::Bool(value) => db::Value::Bool(*value),
            Literal::Int(value) => db::Value::Int(*value),
            Literal::Real(value) => db::Value::Real(*value),
            Literal::Text(text) | Literal::Bare(text) => db::Value::Text(text.clone()),
            Literal::Guid(guid) => (*guid).into(),
            Literal::DateTime(at) => (*at).into(),
        }
    }
}

/// No address of a resource is longer.
const MAX_LENGTH: usize = 16 * 1024;

/// Reads a path, percent-encoded as it came, without the service root.
///
/// # Errors
/// [`Error::Invalid`] for an empty path, unbalanced brackets or quotes, and bytes that are no text.
pub fn parse(raw: &str) -> Result<Path> {
    if raw.len() > MAX_LENGTH {
        return Err(invalid("it is too long"));
    }
    let text = percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| invalid("it is not UTF-8"))?;
    let mut segments = Vec::new();
    for part in split(&text, '/')? {
        if !part.is_empty() {
            segments.push(segment(part)?);
        }
    }
    if segments.is_empty() {
        return Err(invalid("it is empty"));
    }
    Ok(Path { segments })
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("The resource path is not valid: {why}."))
}

fn segment(text: &str) -> Result<Segment> {
    let Some((name, rest)) = text.split_once('(') else {
        if text.contains([')', '\'']) {
            return Err(invalid(format_args!("'{text}' is no name")));
        }
        return Ok(Segment {
            name: text.to_owned(),
            args: Args::None,
        });
    };
    let inner = rest
        .strip_suffix(')')
        .ok_or_else(|| invalid("text follows a bracket"))?;
    if name.is_empty() || name.contains([')', '\'']) {
        return Err(invalid(format_args!("'{name}' is no name")));
    }
    Ok(Segment {
        name: name.to_owned(),
        args: args(inner)?,
    })
}

fn args(inner: &str) -> Result<Args> {
    if inner.trim().is_empty() {
        return Ok(Args::Empty);
    }
    let parts = split(inner, ',')?;
    let mut named = Vec::new();
    for part in &parts {
        match named_argument(part) {
            Some((name, value)) => named.push((name.to_owned(), literal(value)?)),
            None if parts.len() == 1 => return literal(part).map(Args::One),
            None => return Err(invalid("only a single value may stand without a name")),
        }
    }
    Ok(Args::Named(named))
}

/// `name=value` where the name is a plain word; `'a=b'` is not.
fn named_argument(part: &str) -> Option<(&str, &str)> {
    let (name, value) = part.split_once('=')?;
    let name = name.trim();
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some((name, value))
}

fn split(text: &str, at: char) -> Result<Vec<&str>> {
    crate::split::split(text, at).map_err(invalid)
}

fn literal(text: &str) -> Result<Literal> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('\'') {
        let inner = rest
            .strip_suffix('\'')
            .ok_or_else(|| invalid("text follows a quote"))?;
        if inner.replace("''", "").contains('\'') {
            return Err(invalid("text follows a quote"));
        }
        return Ok(Literal::Text(inner.replace("''", "'")));
    }
    if text.is_empty() {
        return Err(invalid("a value is missing"));
    }
    Ok(bare(text))
}

fn bare(text: &str) -> Literal {
    match text {
        "null" => return Literal::Null,
        _ if text.eq_ignore_ascii_case("true") => return Literal::Bool(true),
        _ if text.eq_ignore_ascii_case("false") => return Literal::Bool(false),
        _ => {}
    }
    let whole = text.strip_suffix(['L', 'l']).unwrap_or(text);
    if let Ok(number) = whole.parse() {
        return Literal::Int(number);
    }
    if let Ok(guid) = text.parse() {
        return Literal::Guid(guid);
    }
    if let Some(at) = Timestamp::parse(text) {
        return Literal::DateTime(at);
    }
    // `f64` also reads "inf" and "nan", which are words here.
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Literal::Real(number),
        _ => Literal::Bare(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(raw: &str) -> Segment {
        let path = parse(raw).unwrap_or_else(|error| panic!("{raw}: {error}"));
        assert_eq!(path.segments.len(), 1, "{raw}");
        path.segments.into_iter().next().unwrap()
    }

    fn key(raw: &str) -> Literal {
        match one(&format!("Set({raw})")).args {
            Args::One(literal) => literal,
            other => panic!("{raw}: {other:?}"),
        }
    }

    #[test]
    fn sets_functions_and_brackets() {
        assert_eq!(
            one("Jobs"),
            Segment {
                name: "Jobs".into(),
                args: Args::None
            }
        );
        assert_eq!(one("Jobs/").name, "Jobs");
        assert_eq!(one("GetReviewers()").args, Args::Empty);
        let path = parse("Jobs(1)/Server.Configuration.StopJob").unwrap();
        assert_eq!(path.segments[0].args, Args::One(Literal::Int(1)));
        assert_eq!(path.segments[1].name, "Server.Configuration.StopJob");
    }

    #[test]
    fn keys_of_every_kind() {
        let guid = "0f3b1d60-9a3f-4a0e-b7a1-1c2d3e4f5a6b";
        assert_eq!(key("216"), Literal::Int(216));
        assert_eq!(key("-216L"), Literal::Int(-216));
        assert_eq!(key("1.5"), Literal::Real(1.5));
        assert_eq!(key("true"), Literal::Bool(true));
        assert_eq!(key("null"), Literal::Null);
        assert_eq!(key(guid), Literal::Guid(guid.parse().unwrap()));
        assert_eq!(
            key("2018-01-15"),
            Literal::DateTime(Timestamp::parse("2018-01-15").unwrap())
        );
        assert_eq!(key("'MyPkg:1.0.0'"), Literal::Text("MyPkg:1.0.0".into()));
        assert_eq!(
            key("%27MyPkg%3A1.0.0%27"),
            Literal::Text("MyPkg:1.0.0".into())
        );
        assert_eq!(key("'O''Brien'"), Literal::Text("O'Brien".into()));
        assert_eq!(key("'a/b(c=d),e'"), Literal::Text("a/b(c=d),e".into()));
        assert_eq!(key("@p1"), Literal::Bare("@p1".into()));
        assert_eq!(key("inf"), Literal::Bare("inf".into()));
        assert_eq!(key("''"), Literal::Text(String::new()));
    }

    #[test]
    fn named_parameters() {
        let Args::Named(args) = one("F(robotId='12',assetName='a, b=c',ids=[1,2],x=2)").args else {
            panic!("not named");
        };
        let names: Vec<&str> = args.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["robotId", "assetName", "ids", "x"]);
        assert_eq!(args[1].1, Literal::Text("a, b=c".into()));
        assert_eq!(args[2].1, Literal::Bare("[1,2]".into()));
        assert_eq!(args[3].1, Literal::Int(2));
        let args = Args::Named(args);
        assert_eq!(args.get("ROBOTID"), Some(&Literal::Text("12".into())));
        assert_eq!(args.get("x").map(db::Value::from), Some(db::Value::Int(2)));
        assert_eq!((args.get("y"), Args::Empty.get("x")), (None, None));
    }

    #[test]
    fn aliases_are_put_in_their_place() {
        let resolved = |path: &str, query: &str| {
            let aliases = Aliases::read(query).unwrap();
            one(path).args.resolve(&aliases).map_err(|e| e.to_string())
        };
        let query = "@id=5&$top=1&@Name=%27a%26b%27&@bad='x&@self=@self";
        assert_eq!(resolved("Jobs", query), Ok(Args::None));
        assert_eq!(resolved("F()", query), Ok(Args::Empty));
        assert_eq!(resolved("Jobs(@ID)", query), Ok(Args::One(Literal::Int(5))));
        let named = resolved("F(a=@id,b=@name,c='@id')", query).unwrap();
        assert_eq!(named.get("a"), Some(&Literal::Int(5)));
        assert_eq!(named.get("b"), Some(&Literal::Text("a&b".into())));
        assert_eq!(named.get("c"), Some(&Literal::Text("@id".into())));
        assert!(
            resolved("F(a=@none)", query)
                .unwrap_err()
                .contains("'@none'")
        );
        assert!(resolved("F(a=@bad)", query).is_err());
        // An alias is not looked up twice.
        let own = Args::One(Literal::Bare("@self".into()));
        assert_eq!(resolved("Jobs(@self)", query), Ok(own));
    }

    #[test]
    fn malformed_paths_are_refused() {
        for raw in [
            "",
            "/",
            "(1)",
            "Jobs(1",
            "Jobs1)",
            "Jobs('a)",
            "Jobs(1)x",
            "Jobs('a'b)",
            "Jobs('a'b'c')",
            "Jobs(1,2)",
            "Jobs(a=)",
            "Jobs(,)",
            "Jobs%FF",
            "Jobs'",
            "Jobs)(",
        ] {
            assert!(matches!(parse(raw), Err(Error::Invalid(_))), "{raw}");
        }
        assert!(parse(&"a".repeat(MAX_LENGTH + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(raw in "[ -~é%'(),/=]{0,60}") {
            let _ = parse(&raw);
        }

        #[test]
        fn any_text_survives_as_a_key(text in "\\PC{0,20}") {
            let quoted = format!("'{}'", text.replace('\'', "''"));
            let encoded = percent_encoding::utf8_percent_encode(
                &quoted, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(key(&encoded), Literal::Text(text));
        }
    }
}
