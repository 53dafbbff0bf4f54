//! Values on their way in ([`Value`]) and out ([`Row`], [`Cells`]).
//!
//! There are two ways out because there are two kinds of readers: business code wants a handful of
//! owned rows it can keep ([`Row`]); a list of entities is turned into JSON cell by cell and wants to
//! borrow every text from the running statement ([`Cells`]), which saves an allocation per cell.

use crate::{Error, Result, postgres, sqlite};

/// A value for a placeholder, or the owned content of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL; it suits every type.
    Null,
    /// A truth value; SQLite keeps it as 0 or 1.
    Bool(bool),
    /// A whole number. PostgreSQL narrows it to the column's width, or refuses.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text in UTF-8.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
    /// An array, for a statement that unnests it (PostgreSQL only); see
    /// [`Tx::exec_many`](crate::Tx::exec_many).
    List(Vec<Value>),
}

macro_rules! value_from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        }
    )*};
}

value_from! {
    bool => |value| Self::Bool(value);
    i32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    u32 => |value| Self::Int(value.into());
    f64 => |value| Self::Real(value);
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    &String => |value| Self::Text(value.clone());
    Vec<u8> => |value| Self::Blob(value);
    &[u8] => |value| Self::Blob(value.to_vec());
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One cell of a running statement, borrowed from it.
///
/// SQLite has no truth values: there, a `BOOLEAN` column arrives as [`Cell::Int`] 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// A truth value (PostgreSQL only).
    Bool(bool),
    /// A whole number, and a PostgreSQL `numeric` without fraction, such as the sum of `bigint`s.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text in UTF-8.
    Text(&'a str),
    /// Bytes; also a text of SQLite that is not UTF-8.
    Blob(&'a [u8]),
}

impl Cell<'_> {
    /// The same content, owned.
    pub fn to_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Int(i) => Value::Int(i),
            Self::Real(r) => Value::Real(r),
            Self::Text(t) => Value::Text(t.to_owned()),
            Self::Blob(b) => Value::Blob(b.to_vec()),
        }
    }
}

/// One row of a running statement, borrowed from it; see [`Tx::each`](crate::Tx::each).
#[derive(Clone, Copy)]
pub struct Cells<'a>(pub(crate) Source<'a>);

/// Where the cells are read from.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a tokio_postgres::Row),
}

impl<'a> Cells<'a> {
    pub(crate) fn postgres(row: &'a tokio_postgres::Row) -> Self {
        Self(Source::Postgres(row))
    }
}

impl Cells<'_> {
    /// How many cells the row has.
    pub fn len(&self) -> usize {
        match self.0 {
            Source::Sqlite(row) => row.as_ref().column_count(),
            Source::Postgres(row) => row.len(),
        }
    }

    /// Whether the statement has no columns at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The cell in column `index`, counted from 0.
    ///
    /// # Panics
    /// Like a slice, when there is no such column: that is a mistake in the statement, not in data.
    pub fn get(&self, index: usize) -> Cell<'_> {
        // Each engine checks the index by itself; once is enough for what is done per cell.
        let cell = match self.0 {
            Source::Sqlite(row) => sqlite::cell(row, index),
            Source::Postgres(row) if index < row.len() => Some(postgres::cell(row, index)),
            Source::Postgres(_) => None,
        };
        cell.unwrap_or_else(|| panic!("column {index} of a row with {} columns", self.len()))
    }

    /// The whole row, owned.
    pub fn to_row(&self) -> Row {
        Row((0..self.len())
            .map(|index| self.get(index).to_value())
            .collect())
    }
}

/// One owned row of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Box<[Value]>);

impl Row {
    /// How many cells the row has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no cells at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The cell in column `index`, counted from 0, as a `T`.
    ///
    /// # Errors
    /// [`Error::Cell`] when there is no such column, or its content is no `T`. NULL is one only for
    /// `Option<_>` and [`Value`].
    pub fn get<T: FromValue>(&self, index: usize) -> Result<T> {
        let Some(value) = self.0.get(index) else {
            let len = self.0.len();
            return Err(Error::Cell(format!(
                "column {index} of a row with {len} columns"
            )));
        };
        T::from_value(value).ok_or_else(|| {
            let (found, wanted) = (kind(value), std::any::type_name::<T>());
            Error::Cell(format!("column {index} holds {found}, not {wanted}"))
        })
    }
}

/// The word for a value's type. The value itself stays out of error texts: it may be a secret.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "a truth value",
        Value::Int(_) => "an integer",
        Value::Real(_) => "a floating-point number",
        Value::Text(_) => "a text",
        Value::Blob(_) => "bytes",
        Value::List(_) => "a list",
    }
}

/// A type a cell can be read as.
pub trait FromValue: Sized {
    /// The value as this type, or `None` when it is of another type or out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty { $($pattern:pat => $result:expr,)+ })*) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $($pattern => $result,)+
                    _ => None,
                }
            }
        }
    )*};
}

from_value! {
    i64 { Value::Int(i) => Some(*i), }
    i32 { Value::Int(i) => Self::try_from(*i).ok(), }
    bool { Value::Bool(b) => Some(*b), Value::Int(0) => Some(false), Value::Int(1) => Some(true), }
    // A computed column may come without a fraction: SUM of nothing, or of whole numbers.
    f64 { Value::Real(r) => Some(*r), Value::Int(i) => Some(*i as Self), }
    String { Value::Text(t) => Some(t.clone()), }
    Vec<u8> { Value::Blob(b) => Some(b.clone()), }
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[Value]) -> Row {
        Row(values.into())
    }

    #[test]
    fn a_cell_is_read_as_its_own_type_only() {
        let row = row(&[
            Value::Int(1),
            Value::Text("x".into()),
            Value::Null,
            Value::Int(1 << 40),
        ]);
        assert_eq!(row.get::<i64>(0), Ok(1));
        assert_eq!(row.get::<bool>(0), Ok(true));
        assert_eq!(row.get::<f64>(0), Ok(1.0));
        assert_eq!(row.get::<Option<String>>(1), Ok(Some("x".into())));
        assert_eq!(row.get::<Option<String>>(2), Ok(None));
        assert!(matches!(row.get::<String>(2), Err(Error::Cell(text)) if text.contains("NULL")));
        assert!(matches!(row.get::<i32>(3), Err(Error::Cell(_))));
        assert!(matches!(row.get::<bool>(3), Err(Error::Cell(_))));
        assert!(matches!(row.get::<i64>(4), Err(Error::Cell(text)) if text.contains("column 4")));
    }

    #[test]
    fn an_error_text_never_shows_the_content() {
        let row = row(&[Value::Text("hunter2".into())]);
        assert!(
            !row.get::<i64>(0)
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
    }

    #[test]
    fn none_becomes_null() {
        assert_eq!(Value::from(None::<&str>), Value::Null);
        assert_eq!(Value::from(Some(3_u32)), Value::Int(3));
    }
}
