//! Values on their way in ([`Value`]) and out ([`Row`], [`Cells`]).
//!
//! There are two ways out because there are two kinds of readers: business code wants a handful of
//! owned rows it can keep ([`Row`], or a [`record!`](macro@crate::record)); a list of entities is turned into
//! JSON cell by cell and wants to borrow every text from the running statement ([`Cells`]), which saves
//! an allocation per cell.

use std::sync::Arc;

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

impl Value {
    /// The word for its type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::List(_) => "a list",
            other => kind(&other.as_cell()),
        }
    }

    /// The same content, borrowed. No cell holds a list.
    fn as_cell(&self) -> Cell<'_> {
        match self {
            Self::Null | Self::List(_) => Cell::Null,
            Self::Bool(b) => Cell::Bool(*b),
            Self::Int(i) => Cell::Int(*i),
            Self::Real(r) => Cell::Real(*r),
            Self::Text(t) => Cell::Text(t),
            Self::Blob(b) => Cell::Blob(b),
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

    /// The name of column `index`, counted from 0: its alias, or that of the column it shows.
    fn name(&self, index: usize) -> &str {
        match self.0 {
            Source::Sqlite(row) => row.as_ref().column_name(index).unwrap_or_default(),
            Source::Postgres(row) => row.columns().get(index).map_or("", |column| column.name()),
        }
    }

    /// The names of all columns, as rows of the same result share them.
    pub(crate) fn names(&self) -> Names {
        let mut names = String::new();
        for index in 0..self.len() {
            if index > 0 {
                names.push(BETWEEN);
            }
            names.push_str(self.name(index));
        }
        Names(names.into())
    }

    /// The whole row, owned.
    pub(crate) fn to_row(self, names: &Names) -> Row {
        let cells = (0..self.len()).map(|index| self.get(index).to_value());
        Row {
            names: names.clone(),
            cells: cells.collect(),
        }
    }

    /// The next cell as a `T`; for [`FromRow`](crate::FromRow).
    ///
    /// # Errors
    /// [`Error::Cell`] when there is no further column, or its content is no `T`.
    pub(crate) fn next<T: FromValue>(&self, at: &mut usize) -> Result<T> {
        let index = *at;
        *at += 1;
        if index >= self.len() {
            return Err(Error::Cell(format!("the row has no column {index}")));
        }
        let cell = self.get(index);
        T::from_cell(cell).ok_or_else(|| mismatch::<T>(self.name(index), cell))
    }
}

/// What stands between names, and in none.
const BETWEEN: char = '\0';

/// The names of the columns of a result, in one text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Names(Arc<str>);

impl Names {
    /// Where the column with this name stands, if there is just one.
    fn position(&self, name: &str) -> Result<usize> {
        let mut found = self
            .0
            .split(BETWEEN)
            .enumerate()
            .filter(|(_, n)| *n == name);
        match (found.next(), found.next()) {
            (Some((index, _)), None) => Ok(index),
            (None, _) => Err(Error::Cell(format!("the row has no column {name}"))),
            (Some(_), Some(_)) => Err(Error::Cell(format!("two columns are called {name}"))),
        }
    }
}

/// One owned row of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    names: Names,
    cells: Box<[Value]>,
}

impl Row {
    /// How many cells the row has.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether the row has no cells at all.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cell of a column as a `T`: the column is named as in the result, or is the only one and
    /// has the number 0.
    ///
    /// # Errors
    /// [`Error::Cell`] when there is no such column, or its content is no `T`. NULL is one only for
    /// `Option<_>` and [`Value`].
    pub fn get<T: FromValue>(&self, column: impl Column) -> Result<T> {
        let index = column.position(self)?;
        let cell = self.cells[index].as_cell();
        T::from_cell(cell).ok_or_else(|| {
            mismatch::<T>(self.names.0.split(BETWEEN).nth(index).unwrap_or(""), cell)
        })
    }
}

/// What says which column of a [`Row`] is meant.
pub trait Column {
    /// Where it stands in the row.
    ///
    /// # Errors
    /// [`Error::Cell`] when there is no such column.
    fn position(self, row: &Row) -> Result<usize>;
}

impl Column for &str {
    fn position(self, row: &Row) -> Result<usize> {
        row.names.position(self)
    }
}

impl Column for usize {
    fn position(self, row: &Row) -> Result<usize> {
        match self < row.len() {
            true => Ok(self),
            false => Err(Error::Cell(format!("the row has no column {self}"))),
        }
    }
}

fn mismatch<T>(column: &str, cell: Cell<'_>) -> Error {
    let (found, wanted) = (kind(&cell), std::any::type_name::<T>());
    Error::Cell(format!("column {column} holds {found}, not {wanted}"))
}

/// The word for a value's type. The value itself stays out of error texts: it may be a secret.
fn kind(cell: &Cell<'_>) -> &'static str {
    match cell {
        Cell::Null => "NULL",
        Cell::Bool(_) => "a truth value",
        Cell::Int(_) => "an integer",
        Cell::Real(_) => "a floating-point number",
        Cell::Text(_) => "a text",
        Cell::Blob(_) => "bytes",
    }
}

/// A type a cell can be read as.
pub trait FromValue: Sized {
    /// The cell as this type, or `None` when it is of another type or out of range.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

macro_rules! from_value {
    ($($type:ty { $($pattern:pat => $result:expr,)+ })*) => {$(
        impl FromValue for $type {
            fn from_cell(cell: Cell<'_>) -> Option<Self> {
                match cell {
                    $($pattern => $result,)+
                    _ => None,
                }
            }
        }
    )*};
}

from_value! {
    i64 { Cell::Int(i) => Some(i), }
    i32 { Cell::Int(i) => Self::try_from(i).ok(), }
    u32 { Cell::Int(i) => Self::try_from(i).ok(), }
    bool { Cell::Bool(b) => Some(b), Cell::Int(0) => Some(false), Cell::Int(1) => Some(true), }
    // A computed column may come without a fraction: SUM of nothing, or of whole numbers.
    f64 { Cell::Real(r) => Some(r), Cell::Int(i) => Some(i as Self), }
    String { Cell::Text(t) => Some(t.to_owned()), }
    Vec<u8> { Cell::Blob(b) => Some(b.to_vec()), }
}

impl FromValue for Value {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        Some(cell.to_value())
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_cell(cell: Cell<'_>) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            other => T::from_cell(other).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(names: &str, values: &[Value]) -> Row {
        Row {
            names: Names(names.replace(' ', "\0").into()),
            cells: values.into(),
        }
    }

    #[test]
    fn a_cell_is_read_as_its_own_type_only() {
        let row = row(
            "one text nothing large",
            &[
                Value::Int(1),
                Value::Text("x".into()),
                Value::Null,
                Value::Int(1 << 40),
            ],
        );
        assert_eq!(row.get::<i64>("one"), Ok(1));
        assert_eq!(row.get::<bool>("one"), Ok(true));
        assert_eq!(row.get::<f64>("one"), Ok(1.0));
        assert_eq!(row.get::<Option<String>>("text"), Ok(Some("x".into())));
        assert_eq!(row.get::<Option<String>>("nothing"), Ok(None));
        let missing = row.get::<String>("nothing");
        assert!(matches!(missing, Err(Error::Cell(t)) if t.contains("nothing holds NULL")));
        assert!(matches!(row.get::<i32>("large"), Err(Error::Cell(_))));
        assert!(matches!(row.get::<bool>("large"), Err(Error::Cell(_))));
    }

    #[test]
    fn a_column_is_found_by_its_whole_name_and_must_be_the_only_one() {
        let row = row("id key id", &[1.into(), 2.into(), 3.into()]);
        assert_eq!(row.get::<i64>("key"), Ok(2));
        assert!(matches!(row.get::<i64>("ke"), Err(Error::Cell(t)) if t.contains("no column ke")));
        assert!(matches!(row.get::<i64>("id"), Err(Error::Cell(t)) if t.contains("two columns")));
        assert!(matches!(row.get::<i64>(3), Err(Error::Cell(t)) if t.contains("no column 3")));
    }

    #[test]
    fn an_error_text_never_shows_the_content() {
        let row = row("password", &[Value::Text("hunter2".into())]);
        assert!(
            !row.get::<i64>("password")
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
