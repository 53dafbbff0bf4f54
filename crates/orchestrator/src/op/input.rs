//! What an operation is asked, read from a request and checked against its declaration.

use std::borrow::Cow;

use odata::edm::{Input, Kind, Prop};
use odata::path::Literal;
use serde::de::value::MapDeserializer;
use serde_json::{Error as JsonError, Map, Value};

use super::At;
use crate::body::{AnyCase, MAX_NAMED};
use crate::cx::Args;
use crate::error::{Code, Error, Result};

/// Reads the input of an operation: parameters of a function stand in the path or the query, those of
/// an action are the members of the body; unknown ones are not looked at.
///
/// # Errors
/// "`param` must not be null" for an action's parameter that is missing or of another type; 1009 for a
/// value that is too long or out of range; 1000 for a key or a function's parameter that is missing or
/// no number where one is asked for.
pub fn read<T: Input>(at: &At, args: &Args) -> Result<T> {
    let body = match at.reads_address() {
        true => None,
        false => members::<T>(at, args)?,
    };
    let mut values: Vec<(&str, Cow<'_, Value>)> = Vec::with_capacity(T::PARAMS.len() + 1);
    for prop in T::PARAMS {
        let in_address = at.reads_address() || T::QUERY.contains(&prop.name);
        let value = match in_address {
            true => of_address(at, prop, args)?.map(Cow::Owned),
            false => {
                let given = match T::WHOLE {
                    Some(_) => args.body.as_ref(),
                    None => body.and_then(|members| odata::body::member(members, prop.name)),
                };
                of_body(at, prop, given)?.map(Cow::Borrowed)
            }
        };
        values.extend(value.map(|value| (prop.name, value)));
    }
    if let Some(kind) = T::KEY {
        values.push((T::KEY_NAME, Cow::Owned(key(kind, args)?)));
    }
    let values = values.iter().map(|(name, value)| (*name, AnyCase(value)));
    T::read(MapDeserializer::<_, JsonError>::new(values)).map_err(|error| {
        // The declaration was fulfilled: what is left is a null where a value is needed.
        Error::NotNull {
            param: T::PARAMS.first().map_or("body", |prop| prop.name).into(),
            why: Some(error.to_string()),
        }
    })
}

fn key(kind: Kind, args: &Args) -> Result<Value> {
    match kind {
        Kind::Int64 => Ok(args.id()?.into()),
        _ => match &args.key {
            Some(Literal::Text(text) | Literal::Bare(text)) => Ok(text.as_str().into()),
            Some(Literal::Guid(guid)) => Ok(guid.to_string().into()),
            Some(Literal::Int(number)) => Ok(number.to_string().into()),
            _ => Err(Error::refused(Code::InvalidRequest, "The key is missing.")),
        },
    }
}

/// The members of the body, if there is one; of an operation without parameters it is not looked at.
fn members<'a, T: Input>(at: &At, args: &'a Args) -> Result<Option<&'a Map<String, Value>>> {
    let params = || {
        let all = T::PARAMS.iter();
        all.filter(|prop| !T::QUERY.contains(&prop.name))
    };
    let none = |why: Option<&str>| {
        let first = params().next().map_or("body", |prop| prop.name);
        Error::NotNull {
            param: at.body.unwrap_or(first).into(),
            why: why.map(str::to_owned),
        }
    };
    match &args.body {
        _ if params().next().is_none() || T::WHOLE.is_some() => Ok(None),
        // Why it cannot be read is added where it is told.
        _ if args.unread.is_some() => Err(none(None)),
        None | Some(Value::Null) if at.body.is_some() => Err(none(None)),
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) if at.tells && !params().any(|prop| prop.required) => {
            Err(Error::invalid("The body must be a JSON object."))
        }
        Some(_) => Err(none(Some("an object is expected"))),
    }
}

fn of_body<'a>(at: &At, prop: &Prop, given: Option<&'a Value>) -> Result<Option<&'a Value>> {
    match given {
        None | Some(Value::Null) if prop.required => Err(Error::NotNull {
            param: prop.name.into(),
            why: None,
        }),
        // A list that must not be empty is empty.
        None | Some(Value::Null) if prop.kind.is_list() && prop.range.is_some() => {
            checked(prop, &Value::Array(Vec::new()))?;
            Ok(None)
        }
        // What can be null may tell it from what was left out.
        None | Some(Value::Null) => Ok(given.filter(|_| prop.nullable)),
        Some(value) => {
            checked(prop, value).map_err(|error| wrong(at, prop, value, error))?;
            Ok(Some(value))
        }
    }
}

/// What is no such thing at all is none, as the original says, unless the operation tells what it is that
/// is wrong.
fn wrong(at: &At, prop: &Prop, value: &Value, error: odata::Error) -> Error {
    let why = match error {
        odata::Error::Shape(why) => why,
        error => return error.into(),
    };
    let is_one = value.is_object() || !matches!(prop.kind, Kind::Complex(_));
    match at.tells && is_one {
        true => Error::invalid(why),
        false => Error::NotNull {
            param: prop.name.into(),
            why: Some(why),
        },
    }
}

/// Checks a value; a list without bounds of its own has at most [`MAX_NAMED`] entries, because a request
/// is one transaction, for which others wait.
fn checked(prop: &Prop, value: &Value) -> odata::Result<()> {
    let bounded = match prop.range {
        None if prop.kind.is_list() => Prop {
            range: Some((0, MAX_NAMED as i64)),
            ..*prop
        },
        _ => *prop,
    };
    odata::body::check_member(&bounded, value)
}

fn of_address(at: &At, prop: &Prop, args: &Args) -> Result<Option<Value>> {
    let wrong = |what: &str| {
        Error::refused(
            Code::InvalidRequest,
            format!("The parameter {} {what}.", prop.name),
        )
    };
    let value = match prop.kind.is_list() {
        true => listed(prop.name, args),
        false => args.param(prop.name).map(plain),
    };
    // `?type=` names none of its members.
    let unsaid = |value: &Value| {
        value.is_null() || matches!(prop.kind, Kind::Enum(_)) && value.as_str() == Some("")
    };
    let Some(value) = value.filter(|value| !unsaid(value)) else {
        return match prop.kind {
            _ if !prop.required => Ok(None),
            Kind::Int32 | Kind::Int64 => Err(wrong("must be a number")),
            _ => Err(wrong("is missing or not a text")),
        };
    };
    checked(prop, &value).map_err(|error| match prop.kind {
        Kind::Int32 | Kind::Int64 if !is_number(&value) => wrong("must be a number"),
        Kind::Guid => wrong("must be a GUID"),
        Kind::Bool if at.action => wrong("must be true or false"),
        _ => Error::invalid(error.to_string()),
    })?;
    Ok(Some(value))
}

fn is_number(value: &Value) -> bool {
    odata::body::converted(Kind::Int64, value).is_i64()
}

/// A list in the address: `[1,2]`, `1,2`, or its entries one by one under the same name.
fn listed(name: &str, args: &Args) -> Option<Value> {
    args.param(name)?;
    let (mut entries, mut brackets) = (Vec::new(), false);
    let given = args.params.iter();
    for (_, literal) in given.filter(|(given, _)| given.eq_ignore_ascii_case(name)) {
        match plain(literal) {
            Value::Null => {}
            Value::String(text) => match serde_json::from_str(&text) {
                Ok(Value::Array(items)) => {
                    brackets = true;
                    entries.extend(items);
                }
                _ => entries.extend(text.split(',').filter(|t| !t.is_empty()).map(Value::from)),
            },
            value => entries.push(value),
        }
    }
    // `null` and an empty text are no list.
    (!entries.is_empty() || brackets).then_some(Value::Array(entries))
}

/// A literal as a body would have it.
fn plain(literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => (*value).into(),
        Literal::Int(number) => (*number).into(),
        Literal::Real(number) => (*number).into(),
        Literal::Text(text) | Literal::Bare(text) => text.as_str().into(),
        Literal::Guid(guid) => guid.to_string().into(),
        Literal::DateTime(time) => time.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::op::{action, function};

    /// A question.
    #[odata::input]
    struct Asked {
        /// Whom.
        #[edm(required)]
        ids: Vec<i64>,
        /// How many at most.
        #[edm(range = "0..=10")]
        take: Option<i32>,
        /// What to look for.
        text: String,
    }

    fn asked(query: &[(&str, &str)]) -> Result<Asked> {
        let bare = |text: &str| Literal::Bare(text.to_owned());
        let params = query
            .iter()
            .map(|(name, text)| ((*name).to_owned(), bare(text)));
        let args = Args {
            params: params.collect(),
            ..Args::default()
        };
        read(&function("Set", "Asked"), &args)
    }

    #[test]
    fn a_list_in_an_address_is_written_in_three_ways() {
        for query in [
            &[("ids", "[1,2]")][..],
            &[("ids", "1,2")],
            &[("Ids", "1"), ("ids", "2")],
        ] {
            assert_eq!(asked(query).unwrap().ids, [1, 2], "{query:?}");
        }
        assert!(asked(&[("ids", "[]")]).unwrap().ids.is_empty());
        for wrong in ["[x]", "1;2"] {
            assert!(asked(&[("ids", wrong)]).is_err(), "{wrong}");
        }
        assert!(asked(&[]).is_err());
    }

    #[test]
    fn a_parameter_without_a_value_is_none_of_its_type() {
        assert!(asked(&[("ids", "1"), ("take", "")]).is_err());
        let read = asked(&[("ids", "1"), ("text", "")]).unwrap();
        assert_eq!((read.take, read.text.as_str()), (None, ""));
        assert!(asked(&[("ids", "")]).is_err());
        assert!(asked(&[("ids", "1"), ("take", "11")]).is_err());
    }

    #[test]
    fn what_is_no_such_thing_is_null_and_what_is_too_much_is_told() {
        let sent = |body: Value| {
            let args = Args {
                body: Some(body),
                ..Args::default()
            };
            read::<Asked>(&action("Set", "Asked"), &args).map(|asked| asked.ids)
        };
        assert_eq!(sent(json!({"IDS": ["1"]})).unwrap(), [1]);
        for wrong in [json!({}), json!({"ids": null}), json!({"ids": ["x"]})] {
            let error = sent(wrong).unwrap_err();
            assert!(matches!(error, Error::NotNull { .. }), "{error}");
        }
        let many = vec![1; MAX_NAMED + 1];
        let error = sent(json!({"ids": many})).unwrap_err().to_string();
        assert!(error.starts_with("ids must not hold more than"), "{error}");
    }

    /// Something to change.
    #[odata::complex(name = "Change")]
    #[derive(serde::Deserialize)]
    struct Change {
        /// How often.
        #[serde(default)]
        count: Option<i32>,
    }

    /// Changes.
    #[odata::input]
    struct Changes {
        /// One.
        #[edm(required)]
        change: Change,
        /// Many, each by itself.
        others: odata::Each<Change>,
        /// When, if that changes.
        when: odata::Given<i64>,
    }

    fn changes(at: &At, body: Value) -> Result<Changes> {
        let args = Args {
            body: Some(body),
            ..Args::default()
        };
        read(at, &args)
    }

    #[test]
    fn an_operation_may_tell_which_value_is_wrong() {
        let plain = action("Set", "Change");
        let telling = action("Set", "Change").tells();
        let wrong = json!({"change": {"Count": "x"}});
        let error = changes(&plain, wrong.clone()).map(|_| ()).unwrap_err();
        let said = "change must not be null: The field Count must be a value of type Edm.Int32.";
        assert_eq!(error.to_string(), said);
        let error = changes(&telling, wrong).map(|_| ()).unwrap_err();
        let said = "The field Count must be a value of type Edm.Int32.";
        assert_eq!(error.to_string(), said);
        for none in [json!({}), json!({"change": []}), json!([])] {
            let error = changes(&telling, none).map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("change must not be null"));
        }
    }

    /// A list of changes.
    #[odata::input]
    struct Listed {
        /// All of them.
        #[edm(whole, required)]
        all: Vec<Change>,
    }

    #[test]
    fn a_parameter_may_be_the_body() {
        let sent = |body: Value| {
            let args = Args {
                body: Some(body),
                ..Args::default()
            };
            read::<Listed>(&action("Set", "Change").tells(), &args).map(|listed| listed.all.len())
        };
        assert_eq!(sent(json!([{"count": "1"}, {}])).unwrap(), 2);
        let none = sent(json!(null)).unwrap_err().to_string();
        assert_eq!(none, "all must not be null");
        for wrong in [json!({"all": []}), json!([5]), json!([{"Count": "x"}])] {
            assert!(sent(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_body_may_have_a_name() {
        let named = action("Set", "Change").body("changeDto");
        for none in [json!(null), json!([]), json!(5)] {
            let error = changes(&named, none).map(|_| ()).unwrap_err();
            assert!(error.to_string().starts_with("changeDto must not be null"));
        }
        let error = changes(&named, json!({})).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), "change must not be null");
    }

    #[test]
    fn entries_may_be_judged_one_by_one_and_null_may_mean_something() {
        let at = action("Set", "Change");
        let read = changes(&at, json!({"change": {"Count": "2"}, "others": [7, {}]})).unwrap();
        assert_eq!(read.change.count, Some(2));
        assert_eq!(read.others.entries, [json!(7), json!({})]);
        assert_eq!(read.when, odata::Given(None));
        let read = changes(&at, json!({"change": {}, "when": null})).unwrap();
        assert_eq!(read.when, odata::Given(Some(None)));
        let read = changes(&at, json!({"change": {}, "When": 5})).unwrap();
        assert_eq!(read.when, odata::Given(Some(Some(5))));
        assert!(changes(&at, json!({"change": {}, "others": {}})).is_err());
    }
}
