//! `edm_enum!`: an enumeration that is a Rust enum, a type of the metamodel, a number in the
//! database and a name in JSON, from one list of names and numbers.

/// Declares an enumeration.
///
/// It is `Copy`, compares by number, is written as its name and read from its name in any case,
/// its number, or its number in quotes; in the database it is the number. A number may have further
/// names behind the first, which are read and never written.
///
/// ```
/// odata::edm_enum! {
///     /// How soon a job should run.
///     pub enum Priority { Low = 0, Normal = 1, High | Urgent = 2 }
/// }
/// assert_eq!(Priority::parse("high"), Some(Priority::High));
/// assert_eq!(Priority::parse("Urgent").map(Priority::name), Some("High"));
/// assert_eq!(Priority::parse("1"), Some(Priority::Normal));
/// assert_eq!(Priority::from_i64(0).map(Priority::name), Some("Low"));
/// assert_eq!(Priority::TYPE.value("HIGH"), Some(2));
/// ```
#[macro_export]
macro_rules! edm_enum {
    (
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $($(#[$member_meta:meta])* $member:ident $(| $other:ident)* = $value:literal),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        $vis enum $name {
            $($(#[$member_meta])* $member = $value),+
        }

        impl $name {
            /// The declaration: names and numbers.
            pub const TYPE: $crate::edm::EnumType = $crate::edm::EnumType {
                name: stringify!($name),
                members: &[$(
                    (stringify!($member), $value) $(, (stringify!($other), $value))*
                ),+],
            };

            /// The member with this number.
            pub const fn from_i64(value: i64) -> Option<Self> {
                match value {
                    $($value => Some(Self::$member),)+
                    _ => None,
                }
            }

            /// The name, as it is written in JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$member => stringify!($member),)+
                }
            }

            /// The member that `text` names: its name in any case, or its number.
            pub fn parse(text: &str) -> Option<Self> {
                Self::TYPE.value(text).and_then(Self::from_i64)
            }
        }

        impl $crate::edm::Edm for $name {
            const KIND: $crate::edm::Kind = $crate::edm::Kind::Enum(&Self::TYPE);
        }

        impl From<$name> for $crate::private::Value {
            fn from(member: $name) -> Self {
                $crate::private::Value::Int(member as i64)
            }
        }

        impl $crate::private::Param for $name {
            const TYPE: &'static str = <i64 as $crate::private::Param>::TYPE;
        }

        impl $crate::private::FromValue for $name {
            fn from_cell(cell: $crate::private::Cell<'_>) -> Option<Self> {
                <i64 as $crate::private::FromValue>::from_cell(cell).and_then(Self::from_i64)
            }
        }

        impl $crate::private::Serialize for $name {
            fn serialize<S: $crate::private::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::private::Deserialize<'de> for $name {
            fn deserialize<D: $crate::private::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::private::enum_value(deserializer, &Self::TYPE, Self::from_i64)
            }
        }
    };
}

/// What the code written by the macros names; not for others.
#[doc(hidden)]
pub mod private {
    use std::fmt;

    pub use db::{Cell, FromValue, Param, Value};
    pub use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::edm::EnumType;

    /// Reads a member of an enumeration from text or a number.
    pub fn enum_value<'de, T, D: Deserializer<'de>>(
        deserializer: D,
        ty: &'static EnumType,
        member: fn(i64) -> Option<T>,
    ) -> Result<T, D::Error> {
        struct Visitor<T>(&'static EnumType, fn(i64) -> Option<T>);

        impl<T> serde::de::Visitor<'_> for Visitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a member of {}", self.0.name)
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<T, E> {
                let unexpected = serde::de::Unexpected::Signed(value);
                self.1(value).ok_or_else(|| E::invalid_value(unexpected, &self))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<T, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(i64::MAX))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
                let unexpected = serde::de::Unexpected::Str(text);
                let value = self.0.value(text).and_then(self.1);
                value.ok_or_else(|| E::invalid_value(unexpected, &self))
            }
        }

        deserializer.deserialize_any(Visitor(ty, member))
    }
}

#[cfg(test)]
mod tests {
    use crate::edm::{Edm, Kind};

    crate::edm_enum! {
        /// Somewhere in its life.
        pub enum State {
            Pending = 0,
            /// Being worked on.
            Running = 1,
            Faulted | Failed = 4,
            Unknown = -1,
        }
    }

    #[test]
    fn names_and_numbers() {
        assert_eq!(State::parse("running"), Some(State::Running));
        assert_eq!(State::parse(" 4 "), Some(State::Faulted));
        assert_eq!(State::parse("-1"), Some(State::Unknown));
        assert_eq!(State::parse("3"), None);
        assert_eq!(State::parse(""), None);
        assert_eq!(State::from_i64(2), None);
        assert_eq!(State::Faulted.name(), "Faulted");
        assert_eq!(State::TYPE.name_of(1), Some("Running"));
        assert_eq!(State::TYPE.name_of(9), None);
        assert!(matches!(State::KIND, Kind::Enum(t) if t.name == "State"));
        assert!(matches!(<Option<State> as Edm>::KIND, Kind::Enum(_)));
        const { assert!(<Option<State> as Edm>::NULLABLE && !State::NULLABLE) };
        assert_eq!(db::Value::from(State::Faulted), db::Value::Int(4));
    }

    #[test]
    fn json_of_every_spelling() {
        for json in ["\"Faulted\"", "\"faulted\"", "\"failed\"", "4", "\"4\""] {
            assert_eq!(
                serde_json::from_str::<State>(json).unwrap(),
                State::Faulted,
                "{json}"
            );
        }
        for json in [
            "\"Broken\"",
            "17",
            "18446744073709551615",
            "true",
            "null",
            "4.0",
        ] {
            assert!(serde_json::from_str::<State>(json).is_err(), "{json}");
        }
        assert_eq!(
            serde_json::to_string(&State::Faulted).unwrap(),
            "\"Faulted\""
        );
    }
}
