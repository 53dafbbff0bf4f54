//! Bodies: what a declaration says about lengths, types and required members is checked here, and
//! members are found whatever the case of their letters, because clients write both
//! `FolderPath` and `folderPath`.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use crate::edm::{self, ComplexType, EntitySet, Kind, Prop, Version};
use crate::options::shortened;
use crate::{Error, Guid, Result, Timestamp};

/// Structures may stand in structures this deep.
const MAX_DEPTH: usize = 16;

/// Checks a body that creates or replaces an entity: every member that is declared has its type,
/// texts are not too long, and what is required is there. Unknown members are not looked at.
///
/// # Errors
/// [`Error::Field`] for the first member in order of declaration that is wrong; [`Error::Shape`] for what
/// is given in place of a navigation property and is no such thing.
pub fn check(set: &EntitySet, body: &Value) -> Result<()> {
    entity(set, body, true)
}

/// Checks a body that changes an entity: as [`check`], but nothing has to be there.
///
/// # Errors
/// As [`check`]; a required member that is given as `null` is wrong here too.
pub fn check_patch(set: &EntitySet, body: &Value) -> Result<()> {
    entity(set, body, false)
}

/// Checks the members of an entity, and what a body gives in place of its navigation properties.
fn entity(set: &EntitySet, body: &Value, complete: bool) -> Result<()> {
    members(set.props, body, complete, 0).map_err(as_field)?;
    let given = set.navs.iter().filter_map(|nav| nav.given);
    given
        .into_iter()
        .try_for_each(|prop| members(std::slice::from_ref(prop), body, complete, 0))
}

/// Checks the value of one member, which is there and not null.
///
/// # Errors
/// [`Error::Shape`] for a value, or one inside of it, that is of another type, [`Error::Field`] for one
/// of the type that breaks its limits.
pub fn check_member(prop: &Prop, value: &Value) -> Result<()> {
    check_value(prop, value, 0)
}

/// Checks a structure, e.g. the parameters of an action.
///
/// # Errors
/// As [`check`].
pub fn check_complex(ty: &ComplexType, body: &Value) -> Result<()> {
    members(ty.props, body, true, 0).map_err(as_field)
}

/// Of a body the member is told that is wrong, whatever is wrong with it.
fn as_field(error: Error) -> Error {
    match error {
        Error::Shape(text) => Error::Field(text),
        other => other,
    }
}

/// The member `name` of a body, in any case; the exact spelling wins. Whoever checks a member and whoever
/// reads it ask here, so that both mean the same one.
pub fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = body.get(name) {
        return Some(value);
    }
    let mut members = body.iter();
    let found = members.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// A value as it is meant for a member of this kind. Readers of other servers take numbers and truth
/// values that come as text, and whole numbers for texts, so clients send them. Fractions are no
/// texts: `1.10` would lose its zero. What cannot be converted stays, and is refused by whoever checks.
///
/// ```
/// use odata::{Kind, body::converted};
/// use serde_json::json;
///
/// assert_eq!(*converted(Kind::Int32, &json!(" 12 ")), json!(12));
/// assert_eq!(*converted(Kind::Bool, &json!("True")), json!(true));
/// assert_eq!(*converted(Kind::String, &json!(5)), json!("5"));
/// assert_eq!(*converted(Kind::Int32, &json!("twelve")), json!("twelve"));
/// ```
#[must_use]
pub fn converted(kind: Kind, value: &Value) -> Cow<'_, Value> {
    let new = match (kind, value) {
        (Kind::Bool, Value::String(text)) => truth(text).map(Value::Bool),
        (Kind::Bool, Value::Number(number)) => match number.as_i64() {
            Some(bit @ (0 | 1)) => Some(Value::Bool(bit == 1)),
            _ => None,
        },
        (Kind::Int32 | Kind::Int64, Value::String(text)) => {
            text.trim().parse::<i64>().ok().map(Value::from)
        }
        (Kind::Double, Value::String(text)) => {
            let number = text.trim().parse().ok();
            number.and_then(Number::from_f64).map(Value::Number)
        }
        (Kind::String, Value::Bool(value)) => Some(value.to_string().into()),
        (Kind::String, Value::Number(number)) if !number.is_f64() => {
            Some(number.to_string().into())
        }
        (Kind::Strings, Value::Array(items)) => all(Kind::String, items),
        (Kind::Int64s | Kind::Int32s, Value::Array(items)) => all(Kind::Int64, items),
        _ => None,
    };
    new.map_or(Cow::Borrowed(value), Cow::Owned)
}

fn truth(text: &str) -> Option<bool> {
    text.trim().to_ascii_lowercase().parse().ok()
}

/// A list of values of one kind, unless none of them changes.
fn all(kind: Kind, items: &[Value]) -> Option<Value> {
    let converted = |item| converted(kind, item);
    let changes = |item| matches!(converted(item), Cow::Owned(_));
    let changed = items.iter().any(changes);
    changed.then(|| {
        items
            .iter()
            .map(|item| converted(item).into_owned())
            .collect()
    })
}

/// Spells the members of a body as declared, also inside structures, so that serde finds them.
/// Dictionaries and unknown members stay as they are.
pub fn rename(props: &'static [Prop], body: &mut Value) {
    let Value::Object(map) = body else { return };
    let old = std::mem::take(map);
    for (name, mut value) in old {
        let Some(prop) = edm::find(props, &name) else {
            map.insert(name, value);
            continue;
        };
        match (prop.kind, &mut value) {
            (Kind::Complex(ty), value) => rename(ty.props, value),
            (Kind::Collection(ty), Value::Array(items)) => {
                items.iter_mut().for_each(|item| rename(ty.props, item));
            }
            _ => {}
        }
        if name == prop.name || !map.contains_key(prop.name) {
            map.insert(prop.name.to_owned(), value);
        }
    }
}

fn members(props: &[Prop], body: &Value, complete: bool, depth: usize) -> Result<()> {
    let Value::Object(map) = body else {
        return Err(Error::Shape("The body must be a JSON object.".into()));
    };
    if depth > MAX_DEPTH {
        return Err(Error::Field("The body is nested too deeply.".into()));
    }
    for prop in props.iter().filter(|prop| !prop.read_only) {
        match member(map, prop.name) {
            None if !complete => {}
            None | Some(Value::Null) if prop.required => {
                return Err(Error::Field(format!(
                    "The {} field is required.",
                    prop.name
                )));
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(prop, value, depth)?,
        }
    }
    Ok(())
}

fn check_value(prop: &Prop, value: &Value, depth: usize) -> Result<()> {
    let value = &*converted(prop.kind, value);
    if let Value::Array(items) = value {
        check_length(prop, items)?;
    }
    if let (Some((least, most)), Some(number), false) =
        (prop.range, value.as_i64(), prop.kind.is_list())
        && !(least..=most).contains(&number)
    {
        return Err(Error::Field(format!(
            "The field {} must be between {least} and {most}.",
            prop.name
        )));
    }
    let fits = match (prop.kind, value) {
        (Kind::String, Value::String(text)) => return check_text(prop, text),
        (Kind::Bool, value) => value.is_boolean(),
        (Kind::Int32, value) => is_int32(value),
        (Kind::Int64, value) => value.is_i64(),
        (Kind::Double, value) => value.is_number(),
        (Kind::Guid, value) => is_guid(value),
        (Kind::DateTime, Value::String(text)) => Timestamp::parse(text).is_some(),
        (Kind::Enum(ty), Value::String(text)) => ty.value(text).is_some(),
        (Kind::Enum(ty), value) => value.as_i64().is_some_and(|n| ty.name_of(n).is_some()),
        (Kind::Complex(ty), Value::Object(_)) => return members(ty.props, value, true, depth + 1),
        (Kind::Complex(_), _) => {
            return Err(Error::Shape(format!(
                "The field {} must be a JSON object.",
                prop.name
            )));
        }
        (Kind::Collection(_), Value::Array(_)) if prop.each => true,
        (Kind::Collection(ty), Value::Array(items)) => {
            return items
                .iter()
                .try_for_each(|item| members(ty.props, item, true, depth + 1));
        }
        (Kind::Strings, Value::Array(items)) => {
            for item in items {
                let Value::String(text) = item else {
                    return Err(wrong_type(prop));
                };
                check_nul(prop, text)?;
            }
            true
        }
        (Kind::Int64s, Value::Array(items)) => items.iter().all(Value::is_i64),
        (Kind::Int32s, Value::Array(items)) => items.iter().all(is_int32),
        (Kind::Guids, Value::Array(items)) => items.iter().all(is_guid),
        (Kind::Dates, Value::Array(items)) => return check_dates(prop, items),
        (Kind::Open, Value::Object(map)) => return check_dictionary(prop, map),
        (Kind::Version, Value::String(text)) => Version::parse(text).is_some(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(wrong_type(prop)) }
}

fn is_int32(value: &Value) -> bool {
    value.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
}

fn is_guid(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<Guid>().is_ok())
}

/// Checks how many entries a list has, for which the declaration gives the bounds.
fn check_length(prop: &Prop, items: &[Value]) -> Result<()> {
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    match prop.range {
        Some((least, _)) if length < least => Err(Error::Field(match least {
            1 => format!("{} must not be empty.", prop.name),
            _ => format!("{} must hold at least {least} entries.", prop.name),
        })),
        Some((_, most)) if length > most => Err(Error::Field(format!(
            "{} must not hold more than {most} entries: split the request.",
            prop.name
        ))),
        _ => Ok(()),
    }
}

fn check_dates(prop: &Prop, items: &[Value]) -> Result<()> {
    for item in items {
        let text = item.as_str().ok_or_else(|| wrong_type(prop))?;
        if Timestamp::parse(text).is_none() {
            return Err(Error::Field(format!(
                "'{}' in {} is not a date such as 2026-12-25T00:00:00Z.",
                shortened(text),
                prop.name
            )));
        }
    }
    Ok(())
}

fn wrong_type(prop: &Prop) -> Error {
    Error::Shape(match prop.kind {
        Kind::Enum(ty) => format!("The field {} must be a member of {}.", prop.name, ty.name),
        kind => format!(
            "The field {} must be a value of type {}.",
            prop.name,
            kind.name()
        ),
    })
}

/// The annotation that tells the type of a member, `"X@odata.type": "#Int64"` beside `"X"`.
const TYPE: &str = "@odata.type";

/// Checks the members of a dictionary whose type is announced.
fn check_dictionary(prop: &Prop, map: &Map<String, Value>) -> Result<()> {
    for (name, ty) in map {
        let Some(member) = name.strip_suffix(TYPE).filter(|member| !member.is_empty()) else {
            continue;
        };
        let given = map.get(member).unwrap_or(&Value::Null);
        if typed(given, ty).is_none() {
            return Err(Error::Field(format!(
                "The member {member} of {} must be a value of the type that {name} names.",
                prop.name
            )));
        }
    }
    Ok(())
}

/// A value as its announced type says; `None` when it is none of that type. Numbers may come as
/// text, because not every client's numbers hold 64 bits.
fn typed(value: &Value, ty: &Value) -> Option<Value> {
    let name = ty.as_str()?.trim_start_matches('#');
    let text = match value {
        Value::Null => return Some(Value::Null),
        Value::String(text) => text.as_str(),
        _ => "",
    };
    let of =
        |kind, fits: fn(&Value) -> bool| Some(converted(kind, value).into_owned()).filter(fits);
    let name = name.strip_prefix("Edm.").unwrap_or(name);
    match name {
        "Byte" | "SByte" | "Int16" | "Int32" | "Int64" => of(Kind::Int64, Value::is_i64),
        // As a number of JSON, which keeps `1e3` and `7` as they are.
        "Double" | "Single" | "Decimal" => match value {
            Value::Number(_) => Some(value.clone()),
            _ => text.parse().ok().map(Value::Number),
        },
        "Boolean" => of(Kind::Bool, Value::is_boolean),
        "DateTimeOffset" | "Date" | "DateTime" => Timestamp::parse(text).map(|_| value.clone()),
        "Guid" => text.parse::<Guid>().ok().map(|_| value.clone()),
        // Texts, and types that only the caller knows, stay as they are.
        _ => Some(value.clone()),
    }
}

/// A dictionary in the form that is kept: announced types applied, annotations dropped.
pub fn dictionary(map: &Map<String, Value>) -> Map<String, Value> {
    let members = map.iter().filter(|(name, _)| !name.contains('@'));
    members
        .map(|(name, value)| {
            let ty = map.get(&format!("{name}{TYPE}"));
            let value = ty.and_then(|ty| typed(value, ty));
            (name.clone(), value.unwrap_or_else(|| map[name].clone()))
        })
        .collect()
}

fn check_text(prop: &Prop, text: &str) -> Result<()> {
    if let Some(max) = prop.max_length
        && text.chars().count() > max as usize
    {
        return Err(Error::Field(format!(
            "The field {} must be a string with a maximum length of {max}.",
            prop.name
        )));
    }
    if prop.required && text.trim().is_empty() {
        return Err(Error::Field(format!(
            "The {} field is required.",
            prop.name
        )));
    }
    check_nul(prop, text)
}

/// No text of PostgreSQL holds it.
fn check_nul(prop: &Prop, text: &str) -> Result<()> {
    if !text.contains('\0') {
        return Ok(());
    }
    Err(Error::Field(format!(
        "The field {} must not hold NUL.",
        prop.name
    )))
}
