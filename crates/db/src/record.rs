//! Rows as structures: what is selected, and how it is read, from one list.

use crate::value::Cells;
use crate::{Error, FromValue, Result};

/// What a row, or a part of one, is read as: a [`record!`](macro@crate::record), a lone cell, or a list of
/// either.
pub trait FromRow: Sized {
    /// Reads the columns from `at` on, and moves `at` behind them.
    ///
    /// # Errors
    /// [`Error::Cell`] when the row does not fit.
    fn read(cells: &Cells<'_>, at: &mut usize) -> Result<Self>;
}

impl<T: FromValue> FromRow for T {
    fn read(cells: &Cells<'_>, at: &mut usize) -> Result<Self> {
        cells.next(at)
    }
}

impl<T: FromRow, const N: usize> FromRow for [T; N] {
    fn read(cells: &Cells<'_>, at: &mut usize) -> Result<Self> {
        let all: Result<Vec<T>> = (0..N).map(|_| T::read(cells, at)).collect();
        let all = <[T; N]>::try_from(all?);
        all.map_err(|_| Error::Cell("a list of another length".into()))
    }
}

/// The numbers of members of an enumeration, for `IN`: ready when the program is compiled.
///
/// ```
/// #[derive(Clone, Copy)]
/// enum State { Waiting = 0, Running = 1, Resumed = 8 }
/// const UNFINISHED: &str = db::numbers!(State: Waiting, Running, Resumed);
/// assert_eq!(UNFINISHED, "(0, 1, 8)");
/// ```
#[macro_export]
macro_rules! numbers {
    ($type:ident: $first:ident $(, $member:ident)*) => {
        $crate::private::concatcp!(
            "(", $type::$first as i64 $(, ", ", $type::$member as i64)*, ")"
        )
    };
}

/// Declares a structure that a row is read as: each member with what is selected for it.
///
/// `SELECT` is the list, ready when the program is compiled; [`Tx::one`](crate::Tx::one) and
/// [`Tx::all`](crate::Tx::all) read rows. A member may be a record itself, selected by its `SELECT`, or a list of several columns.
///
/// ```
/// db::record! {
///     /// A robot and where it works.
///     struct Robot {
///         id: i64 = "r.id",
///         name: String = "r.name",
///         folder: Option<String> = "f.name",
///     }
/// }
/// assert_eq!(Robot::SELECT, "r.id, r.name, f.name");
/// # let file = tempfile::tempdir().unwrap();
/// # let db = db::Db::open(db::Options::new(db::Url::Sqlite(file.path().join("main.db")), "main"))?;
/// # db.write_blocking(|tx| {
/// # tx.exec("CREATE TABLE robots (id, name, folder)", &[])?;
/// # tx.exec("CREATE TABLE folders (id, name)", &[])?;
/// # tx.exec("INSERT INTO robots VALUES (7, 'Ada', NULL)", &[])?;
/// const FIND: &str = db::sql!(
///     "SELECT {} FROM robots r LEFT JOIN folders f ON f.id = r.folder WHERE r.id = $1",
///     Robot::SELECT
/// );
/// let robot: Option<Robot> = tx.one(FIND, &[7.into()])?;
/// assert!(robot.is_some_and(|r| r.id == 7 && r.name == "Ada" && r.folder.is_none()));
/// # Ok::<_, db::Error>(()) })?;
/// # Ok::<(), db::Error>(())
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(#[$first_meta:meta])*
            $first_vis:vis $first:ident: $first_type:ty = $first_sql:expr
            $(,
                $(#[$member_meta:meta])*
                $member_vis:vis $member:ident: $type:ty = $sql:expr
            )* $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $(#[$first_meta])*
            $first_vis $first: $first_type,
            $(
                $(#[$member_meta])*
                $member_vis $member: $type,
            )*
        }

        impl $name {
            /// What is selected for its members.
            $vis const SELECT: &'static str =
                $crate::private::concatcp!($first_sql $(, ", ", $sql)*);
        }

        impl $crate::FromRow for $name {
            fn read(cells: &$crate::Cells<'_>, at: &mut usize) -> $crate::Result<Self> {
                Ok(Self {
                    $first: $crate::FromRow::read(cells, at)?,
                    $($member: $crate::FromRow::read(cells, at)?,)*
                })
            }
        }
    };
}
