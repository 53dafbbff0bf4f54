//! Values that go in by name: a row that is inserted, and rows that one statement is run for.

use std::fmt::Write as _;

use crate::{Error, Result, Tx, Value};

/// A type that goes into a statement for many rows, where PostgreSQL is told its name.
pub trait Param: Into<Value> {
    /// Its name in SQL.
    const TYPE: &'static str;
}

macro_rules! param {
    ($($type:ty => $name:literal),* $(,)?) => {$(
        impl Param for $type {
            const TYPE: &'static str = $name;
        }
    )*};
}

param! {
    bool => "BOOLEAN",
    i64 => "BIGINT",
    f64 => "DOUBLE PRECISION",
    &str => "TEXT",
    String => "TEXT",
}

impl<T: Param> Param for Option<T> {
    const TYPE: &'static str = T::TYPE;
}

/// A row of values for a statement that is run for many: a [`params!`](macro@crate::params), or a lone value,
/// whose name is `1`.
pub trait Params {
    /// The names and the types of its values.
    const COLUMNS: &'static [(&'static str, &'static str)];

    /// The values, in the order of [`COLUMNS`](Self::COLUMNS).
    fn values(self) -> Vec<Value>;
}

impl<T: Param> Params for T {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[("1", T::TYPE)];

    fn values(self) -> Vec<Value> {
        vec![self.into()]
    }
}

/// Declares a row of values for [`Tx::exec_many`](crate::Tx::exec_many): a value is `{its_name}` in the
/// text of the statement, and its type in SQL follows from that in Rust.
#[macro_export]
macro_rules! params {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $($(#[$member_meta:meta])* $member_vis:vis $member:ident: $type:ty),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$member_meta])* $member_vis $member: $type,)+
        }

        impl $crate::Params for $name {
            const COLUMNS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($member), <$type as $crate::Param>::TYPE)),+];

            fn values(self) -> Vec<$crate::Value> {
                vec![$(self.$member.into()),+]
            }
        }
    };
}

impl Tx<'_> {
    /// Inserts a row, each value beside its column, and returns its id.
    ///
    /// ```
    /// # let file = tempfile::tempdir().unwrap();
    /// # let db = db::Db::open(db::Options::new(db::Url::Sqlite(file.path().join("main.db")), "main"))?;
    /// # db.write_blocking(|tx| {
    /// # tx.exec("CREATE TABLE robots (id INTEGER PRIMARY KEY, name, folder_id)", &[])?;
    /// let id = tx.insert_into("robots", [("name", "Ada".into()), ("folder_id", 3.into())])?;
    /// # assert_eq!(id, 1);
    /// # Ok::<_, db::Error>(()) })?;
    /// # Ok::<(), db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn insert_into<const N: usize>(
        &mut self,
        table: &str,
        columns: [(&str, Value); N],
    ) -> Result<i64> {
        let (mut sql, values) = insert(table, columns);
        sql.push_str(" RETURNING id");
        self.insert(&sql, &values)
    }

    /// Inserts a row into a table whose rows have no id, or bring theirs along.
    ///
    /// # Errors
    /// As [`exec`](Self::exec).
    pub fn put_into<const N: usize>(
        &mut self,
        table: &str,
        columns: [(&str, Value); N],
    ) -> Result<()> {
        let (sql, values) = insert(table, columns);
        match self.exec(&sql, &values)? {
            0 => Err(Error::Sql("the statement inserted no row".into())),
            _ => Ok(()),
        }
    }
}

/// `INSERT INTO table (a, b) VALUES ($1, $2)` and its values.
fn insert<const N: usize>(table: &str, columns: [(&str, Value); N]) -> (String, Vec<Value>) {
    // Names are rarely longer; what is behind them are numbers.
    let mut sql = String::with_capacity(64 + N * 32);
    let mut list = String::with_capacity(N * 6);
    let mut values = Vec::with_capacity(N);
    sql.push_str("INSERT INTO ");
    sql.push_str(table);
    let mut between = " (";
    for (name, value) in columns {
        sql.push_str(between);
        sql.push_str(name);
        list.push_str(if values.is_empty() { "" } else { ", " });
        values.push(value);
        placeholder(&mut list, values.len());
        between = ", ";
    }
    sql.push_str(") VALUES (");
    sql.push_str(&list);
    sql.push(')');
    (sql, values)
}

/// Appends `$n`.
fn placeholder(out: &mut String, n: usize) {
    // Writing to a text cannot fail.
    let _ = write!(out, "${n}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_placeholders_go_together() {
        let (sql, values) = insert("a", [("b", 1.into()), ("c", "x".into())]);
        assert_eq!(sql, "INSERT INTO a (b, c) VALUES ($1, $2)");
        assert_eq!(values, [1.into(), Value::from("x")]);
    }

    #[test]
    fn a_row_knows_its_types() {
        crate::params! {
            struct Line { id: i64, name: Option<String>, sealed: bool }
        }
        assert_eq!(
            Line::COLUMNS,
            [("id", "BIGINT"), ("name", "TEXT"), ("sealed", "BOOLEAN")]
        );
        let line = Line {
            id: 1,
            name: None,
            sealed: true,
        };
        assert_eq!(line.values(), [1.into(), Value::Null, true.into()]);
        assert_eq!(<i64 as Params>::COLUMNS, [("1", "BIGINT")]);
    }
}
