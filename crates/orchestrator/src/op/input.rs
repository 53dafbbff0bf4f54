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
/// "`param` must not be null" for an action's parameter that is missing; 1009 for a value that is too
/// long, out of range or of another type; 1000 for a key or a function's parameter that is missing or
/// of another type.
pub fn read<T: Input>(at: &At, args: &Args) -> Result<T> {
    let body = match at.reads_address() {
        true => None,
        false => members(T::PARAMS, args)?,
    };
    let mut values: Vec<(&str, Cow<'_, Value>)> = Vec::with_capacity(T::PARAMS.len() + 1);
    for prop in T::PARAMS {
        let in_address = at.reads_address() || T::QUERY.contains(&prop.name);
        let value = match in_address {
            true => of_address(prop, args)?.map(Cow::Owned),
            false => of_body(prop, body)?.map(Cow::Borrowed),
        };
        values.extend(value.map(|value| (prop.name, value)));
    }
    if let Some(kind) = T::KEY {
        values.push((T::KEY_NAME, Cow::Owned(key(kind, args)?)));
    }
    let values = values.iter().map(|(name, value)| (*name, AnyCase(value)));
    T::read(MapDeserializer::<_, JsonError>::new(values)).map_err(|error| {
        // The declaration was fulfilled, so the struct asks for more than it declares.
        Error::invalid(format!("A parameter cannot be read: {error}."))
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
fn members<'a>(params: &[Prop], args: &'a Args) -> Result<Option<&'a Map<String, Value>>> {
    match &args.body {
        _ if params.is_empty() => Ok(None),
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(Error::NotNull {
            param: params.first().map_or("body", |prop| prop.name).into(),
            why: Some("an object is expected".into()),
        }),
    }
}

fn of_body<'a>(prop: &Prop, body: Option<&'a Map<String, Value>>) -> Result<Option<&'a Value>> {
    let given = body.and_then(|members| odata::body::member(members, prop.name));
    match given {
        None | Some(Value::Null) if prop.required => Err(Error::NotNull {
            param: prop.name.into(),
            why: None,
        }),
        // What can be null may tell it from what was left out.
        None | Some(Value::Null) => Ok(given.filter(|_| prop.nullable)),
        Some(value) => {
            checked(prop, value)?;
            Ok(Some(value))
        }
    }
}

/// Checks a value; a list without bounds of its own has at most [`MAX_NAMED`] entries, because a request
/// is one transaction, for which others wait.
fn checked(prop: &Prop, value: &Value) -> Result<()> {
    let bounded = match prop.range {
        None if prop.kind.is_list() => Prop {
            range: Some((0, MAX_NAMED as i64)),
            ..*prop
        },
        _ => *prop,
    };
    Ok(odata::body::check_member(&bounded, value)?)
}

fn of_address(prop: &Prop, args: &Args) -> Result<Option<Value>> {
    let wrong = |what: &str| {
        Error::refused(
            Code::InvalidRequest,
            format!("The parameter {} {what}.", prop.name),
        )
    };
    let value = args.param(prop.name).map(|given| plain(prop.kind, given));
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return match prop.kind {
            _ if !prop.required => Ok(None),
            Kind::Int32 | Kind::Int64 => Err(wrong("must be a number")),
            _ => Err(wrong("is missing or not a text")),
        };
    };
    checked(prop, &value).map_err(|error| match prop.kind {
        Kind::Int32 | Kind::Int64 if !is_number(&value) => wrong("must be a number"),
        Kind::Guid => wrong("must be a GUID"),
        _ => error,
    })?;
    Ok(Some(value))
}

fn is_number(value: &Value) -> bool {
    odata::body::converted(Kind::Int64, value).is_i64()
}

/// A literal as a body would have it.
fn plain(kind: Kind, literal: &Literal) -> Value {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(value) => (*value).into(),
        Literal::Int(number) => (*number).into(),
        Literal::Real(number) => (*number).into(),
        Literal::Text(text) | Literal::Bare(text) => match kind.is_list() {
            true => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
            false => text.as_str().into(),
        },
        Literal::Guid(guid) => guid.to_string().into(),
        Literal::DateTime(time) => time.to_string().into(),
    }
}
