//! Request bodies: serde types read from JSON **without regard to the case of member names**,
//! because clients send `startInfo`, `StartInfo` and `startinfo` for the same thing. Numbers and truth
//! values may come as text, and whole numbers where a text is meant ([`odata::body::converted`]).
//! Unknown members are ignored. Dictionaries (maps, raw values) keep their keys as they came.

use odata::Changes;
use odata::body::converted;
use odata::edm::Kind;
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::{Error as JsonError, Value};

use crate::error::{Error, Result};

/// Reads `value` as a `T`; `param` is the name the error gives to what did not fit.
///
/// # Errors
/// [`Error::NotNull`] when the body is absent, null, or of another shape.
pub fn read<T: DeserializeOwned>(param: &str, value: Option<&Value>) -> Result<T> {
    let Some(value) = value.filter(|v| !v.is_null()) else {
        return Err(Error::NotNull {
            param: param.into(),
            why: None,
        });
    };
    T::deserialize(AnyCase(value)).map_err(|e| Error::NotNull {
        param: param.into(),
        why: Some(e.to_string()),
    })
}

/// Reads the member `param` of the body (`{"startInfo": {…}}`).
///
/// # Errors
/// As [`read`].
pub fn member<T: DeserializeOwned>(param: &str, body: Option<&Value>) -> Result<T> {
    read(param, body.and_then(|b| get(b, param)))
}

/// The member `name` of an object, without regard to case.
#[must_use]
pub fn get<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    odata::body::member(value.as_object()?, name)
}

/// The member `name` of an object as a `T`; `None` when it is absent or null.
///
/// # Errors
/// 1009 that names the member when it is of another type.
pub fn typed<T: DeserializeOwned>(body: &Value, name: &str) -> Result<Option<T>> {
    let Some(value) = get(body, name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let read = T::deserialize(AnyCase(value));
    read.map(Some)
        .map_err(|e| Error::invalid(format!("The field {name} cannot be read: {e}.")))
}

/// What a body says of a member of its entity, which need not be a column, as a `T`; `None` when it is left
/// out or null.
///
/// # Errors
/// 1009 that names the member when it is of another type than its declaration.
pub fn given<T: DeserializeOwned>(changes: &Changes, member: &str) -> Result<Option<T>> {
    let given = changes.given(member);
    let read = given.map(|value| T::deserialize(AnyCase(value)));
    read.transpose()
        .map_err(|e| Error::invalid(format!("The field {member} cannot be read: {e}.")))
}

/// What one request may name in a list.
pub const MAX_NAMED: usize = 1000;

/// Refuses a list that is too long: a request is one transaction, for which others wait.
///
/// # Errors
/// 1009 that names the list.
pub fn check_length<T>(param: &str, list: &[T]) -> Result<()> {
    if list.len() <= MAX_NAMED {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{param} must not hold more than {MAX_NAMED} entries: split the request."
    )))
}

/// As [`check_length`] for a list that must not be empty either.
///
/// # Errors
/// 1009 that names the list.
pub fn check_named<T>(param: &str, list: &[T]) -> Result<()> {
    if list.is_empty() {
        return Err(Error::invalid(format!("{param} must not be empty.")));
    }
    check_length(param, list)
}

/// A text that both databases can store: PostgreSQL has no NUL in texts, and what a program prints
/// may well have one.
#[must_use]
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A deserializer that hands struct members over under the names the struct declares.
pub(crate) struct AnyCase<'v>(pub(crate) &'v Value);

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, JsonError> {
            self.0.$method(visitor)
        }
    )*};
}

macro_rules! convert {
    ($kind:expr => $($method:ident)*) => {$(
        fn $method<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, JsonError> {
            match converted($kind, self.0) {
                std::borrow::Cow::Borrowed(value) => value.$method(visitor),
                std::borrow::Cow::Owned(value) => value.$method(visitor),
            }
        }
    )*};
}

impl<'v> Deserializer<'v> for AnyCase<'v> {
    type Error = JsonError;

    forward! {
        deserialize_any deserialize_char deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_identifier deserialize_ignored_any deserialize_map
    }
    convert! { Kind::Bool => deserialize_bool }
    convert! { Kind::Int64 =>
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }
    convert! { Kind::Double => deserialize_f32 deserialize_f64 }
    convert! { Kind::String => deserialize_str deserialize_string }

    fn deserialize_option<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if self.0.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'v>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.0.deserialize_unit_struct(name, visitor)
    }

    fn deserialize_seq<V: Visitor<'v>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let Value::Array(items) = self.0 else {
            return self.0.deserialize_seq(visitor);
        };
        visitor.visit_seq(de::value::SeqDeserializer::new(items.iter().map(AnyCase)))
    }

    fn deserialize_tuple<V: Visitor<'v>>(
        self,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'v>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        // Not `deserialize_any`: derived visitors also take an array, member by member.
        let Value::Object(members) = self.0 else {
            return Err(de::Error::custom("an object is expected"));
        };
        let known = fields.iter().filter_map(|field| {
            let value = odata::body::member(members, field)?;
            Some((*field, AnyCase(value)))
        });
        visitor.visit_map(de::value::MapDeserializer::new(known))
    }

    fn deserialize_enum<V: Visitor<'v>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        self.0.deserialize_enum(name, variants, visitor)
    }
}

impl<'v> IntoDeserializer<'v, JsonError> for AnyCase<'v> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Outer {
        release_key: String,
        #[serde(default)]
        jobs_count: Option<i32>,
        #[serde(default)]
        machine_robots: Vec<Inner>,
        #[serde(default)]
        content: Option<Value>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Inner {
        robot_id: i64,
    }

    #[test]
    fn members_are_found_in_any_case_and_dictionaries_keep_theirs() {
        let body = json!({"STARTINFO": {"releaseKEY": "k", "jobscount": 2, "unknown": [1],
            "machineRobots": [{"robotid": 7}], "content": {"aKey": {"ROBOTID": 1}}}});
        let read: Outer = member("startInfo", Some(&body)).unwrap();
        assert_eq!(read.release_key, "k");
        assert_eq!(read.jobs_count, Some(2));
        assert_eq!(read.machine_robots, [Inner { robot_id: 7 }]);
        assert_eq!(read.content, Some(json!({"aKey": {"ROBOTID": 1}})));
    }

    #[test]
    fn of_two_spellings_the_one_that_is_checked_is_read() {
        let body = json!({"robotid": 1, "RobotId": 2, "ROBOTID": 3});
        let read: Inner = read("inner", Some(&body)).unwrap();
        assert_eq!(read, Inner { robot_id: 2 });
        assert_eq!(get(&body, "RobotId"), Some(&json!(2)));
    }

    #[test]
    fn what_does_not_fit_names_the_parameter() {
        for body in [
            None,
            Some(json!(null)),
            Some(json!({})),
            Some(json!({"startInfo": null})),
        ] {
            let error = member::<Outer>("startInfo", body.as_ref()).unwrap_err();
            assert_eq!(error.to_string(), "startInfo must not be null");
        }
        let body = json!({"startInfo": {"releaseKey": []}});
        let error = member::<Outer>("startInfo", Some(&body))
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("startInfo must not be null: "), "{error}");
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "PascalCase")]
    struct Typed {
        text: Option<String>,
        whole: Option<i32>,
        short: Option<u8>,
        part: Option<f64>,
        truth: Option<bool>,
        list: Option<Vec<i64>>,
        key: Option<odata::Guid>,
        raw: Option<Value>,
    }

    #[test]
    fn numbers_and_truth_values_may_be_text_and_texts_numbers() {
        let text = json!({"Text": 5, "Whole": "-7", "Short": " 8 ", "Part": "2.5", "Truth": "True",
            "List": ["1", 2], "Key": "00000000000000000000000000000001", "Raw": "1"});
        let read: Typed = read("x", Some(&text)).unwrap();
        let expected = Typed {
            text: Some("5".into()),
            whole: Some(-7),
            short: Some(8),
            part: Some(2.5),
            truth: Some(true),
            list: Some(vec![1, 2]),
            key: Some(odata::Guid(1)),
            raw: Some(json!("1")),
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for wrong in [
            json!({"Text": 1.5}),
            json!({"Text": []}),
            json!({"Whole": "2147483648"}),
            json!({"Whole": "2.0"}),
            json!({"Whole": ""}),
            json!({"Whole": true}),
            json!({"Short": "-1"}),
            json!({"Part": "NaN"}),
            json!({"Truth": "yes"}),
            json!({"Truth": 2}),
            json!({"List": ["x"]}),
            json!({"Key": 1}),
        ] {
            assert!(read::<Typed>("x", Some(&wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_member_is_read_by_itself() {
        let body = json!({"a": "1", "b": null, "c": "x"});
        assert_eq!(typed::<i64>(&body, "A").unwrap(), Some(1));
        assert_eq!(typed::<i64>(&body, "b").unwrap(), None);
        assert_eq!(typed::<i64>(&body, "d").unwrap(), None);
        let error = typed::<i64>(&body, "C").unwrap_err().to_string();
        assert!(error.starts_with("The field C cannot be read: "), "{error}");
    }
}
