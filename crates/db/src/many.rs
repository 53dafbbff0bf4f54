//! One statement for many rows of values.
//!
//! SQLite runs a prepared statement in a few microseconds, so it runs once for each row. PostgreSQL
//! needs a round trip and a start of the executor for each, which is more than the work itself: there
//! each column is an array, and the statement unnests them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::value::Cells;
use crate::{Dialect, Error, Result, Tx, Value};

/// How long after it was taken from a sequence a number may be used. Whoever goes by the order of numbers
/// may count on it: they are used, and seen, soon after those before them.
const FRESH: Duration = Duration::from_secs(60);

/// Numbers that were taken from a sequence and not used yet.
pub(crate) struct Spare {
    taken: Instant,
    ids: VecDeque<i64>,
}

/// Numbers that a connection to PostgreSQL takes from a sequence at once, unless more are needed. Those
/// left over at its end are nobody's, as those of transactions that were rolled back.
const SPARE: usize = 500;

impl Tx<'_> {
    /// Numbers for new rows of a table whose `id` is `{id}`: nobody else gets them. Rows that bring their
    /// numbers along need no `RETURNING`, for which SQLite keeps copies of all pages that a statement
    /// changes.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn new_ids(&mut self, table: &str, count: usize) -> Result<Vec<i64>> {
        if self.dialect() == Dialect::Sqlite {
            let last = "SELECT seq FROM sqlite_sequence WHERE name = $1";
            let last = match self.row(last, &[table.into()])? {
                Some(row) => row.get(0)?,
                None => 0,
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            return Ok((last + 1..=last + count).collect());
        }
        let mut ids = self.spare_ids(table, count);
        let missing = count - ids.len();
        if missing == 0 {
            return Ok(ids);
        }
        let more = i64::try_from(missing.max(SPARE)).unwrap_or(i64::MAX);
        let next = "SELECT nextval(s.name) FROM
            (SELECT CAST(pg_get_serial_sequence(CAST($1 AS TEXT), 'id') AS regclass) AS name OFFSET 0) s,
            generate_series(1, CAST($2 AS BIGINT))";
        let rows = self.rows(next, &[table.into(), more.into()])?;
        let more: Result<VecDeque<i64>> = rows.iter().map(|row| row.get(0)).collect();
        let mut more = more?;
        ids.extend(more.drain(..missing));
        self.keep_spare(table, more);
        Ok(ids)
    }

    /// Numbers for rows of a table that are left from before, `most` at the most.
    fn spare_ids(&mut self, table: &str, most: usize) -> Vec<i64> {
        let spare = self.spare().and_then(|all| all.get_mut(table));
        match spare {
            Some(spare) if spare.taken.elapsed() < FRESH => {
                spare.ids.drain(..most.min(spare.ids.len())).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Keeps numbers for [`Self::spare_ids`].
    fn keep_spare(&mut self, table: &str, ids: VecDeque<i64>) {
        let taken = Instant::now();
        if let Some(all) = self.spare() {
            all.insert(table.to_owned(), Spare { taken, ids });
        }
    }

    /// Runs a statement for many rows of values.
    ///
    /// In its text `{1}` … `{n}` are the values of a row, whose types are `types`; `{rows}` stands where
    /// a `FROM` clause does, and `{rows,}` where tables of its own follow; `{values}` inserts the rows as
    /// they are.
    ///
    /// ```
    /// # use db::{Db, Error, Options, Url, Value};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let db = Db::open(Options::new(Url::Sqlite(folder.path().join("main.db")), "main"))?;
    /// # db.write_blocking(|tx| {
    /// # tx.exec("CREATE TABLE robots (id BIGINT, name TEXT)", &[])?;
    /// let rows = vec![vec![Value::from(1), "a".into()], vec![Value::from(2), Value::Null]];
    /// let insert = "INSERT INTO robots (id, name) {values}";
    /// tx.exec_many(insert, &["BIGINT", "TEXT"], rows)?;
    /// let select = "SELECT r.name {rows,} robots r WHERE r.id = {1}";
    /// let mut names = 0;
    /// let ids = vec![vec![Value::from(1)], vec![Value::from(2)]];
    /// tx.each_many(select, &["BIGINT"], ids, &mut |_| { names += 1; Ok::<_, Error>(()) })?;
    /// assert_eq!(names, 2);
    /// # Ok::<_, Error>(()) })?;
    /// # Ok::<(), db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`exec`](Self::exec); [`Error::Invalid`] for a row that does not fit the types.
    pub fn exec_many(&mut self, sql: &str, types: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
        self.each_many(sql, types, rows, &mut |_| Ok(()))
    }

    /// Runs a statement for many rows of values, as [`exec_many`](Self::exec_many), and shows every
    /// row of its results to `f`.
    ///
    /// # Errors
    /// Those of `f`; as [`rows`](Self::rows); [`Error::Invalid`] for a row that does not fit the types.
    pub fn each_many<E: From<Error>>(
        &mut self,
        sql: &str,
        types: &[&str],
        rows: Vec<Vec<Value>>,
        f: &mut dyn FnMut(&Cells<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let text = self.text_for(sql, types, &rows)?;
        if self.dialect() == Dialect::Sqlite {
            return rows.iter().try_for_each(|row| self.each(&text, row, f));
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.each(&text, &columns(rows, types.len()), f)
    }

    /// Runs a statement for many rows of values, as [`exec_many`](Self::exec_many), of which nothing is
    /// needed at once: on PostgreSQL nobody waits for it, and its failure is that of a later statement, or
    /// of the closure.
    ///
    /// # Errors
    /// As [`exec_many`](Self::exec_many), also of statements sent before.
    pub fn send_many(&mut self, sql: &str, types: &[&str], rows: Vec<Vec<Value>>) -> Result<()> {
        let text = self.text_for(sql, types, &rows)?;
        if self.dialect() == Dialect::Sqlite {
            return rows.into_iter().try_for_each(|row| self.send(&text, row));
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.send(&text, columns(rows, types.len()))
    }

    /// The text of a statement for many rows.
    fn text_for(&self, sql: &str, types: &[&str], rows: &[Vec<Value>]) -> Result<String> {
        if rows.iter().any(|row| row.len() != types.len()) {
            return Err(Error::Invalid("a row does not fit its types".into()));
        }
        Ok(match self.dialect() {
            Dialect::Sqlite => {
                let numbers: Vec<_> = (1..=types.len()).map(|n| format!("${n}")).collect();
                let values = format!("VALUES ({})", numbers.join(", "));
                text(sql, ["", "FROM", &values], |n| format!("${n}"))
            }
            Dialect::Postgres => {
                let from = unnest(types);
                let (more, values) = (format!("{from},"), format!("SELECT * {from}"));
                text(sql, [&from, &more, &values], |n| format!("v.c{n}"))
            }
        })
    }
}

/// The rows as columns.
fn columns(rows: Vec<Vec<Value>>, count: usize) -> Vec<Value> {
    let mut columns: Vec<Vec<Value>> = (0..count).map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
    }
    columns.into_iter().map(Value::List).collect()
}

/// The statement with its `{rows}`, `{rows,}`, `{values}` and `{n}` filled in.
fn text(sql: &str, from: [&str; 3], column: impl Fn(usize) -> String) -> String {
    let mut out = String::with_capacity(sql.len() + from[2].len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        match (name, name.parse()) {
            (_, Ok(n)) => out.push_str(&column(n)),
            ("values", _) => out.push_str(from[2]),
            ("rows,", _) => out.push_str(from[1]),
            _ => out.push_str(from[0]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// `FROM unnest(…) v` with a placeholder for each column.
fn unnest(types: &[&str]) -> String {
    let number = 1..=types.len();
    let arrays = types.iter().zip(number.clone());
    let arrays: Vec<_> = arrays
        .map(|(ty, n)| format!("CAST(${n} AS {ty}[])"))
        .collect();
    let names: Vec<_> = number.map(|n| format!("c{n}")).collect();
    let (arrays, names) = (arrays.join(", "), names.join(", "));
    format!("FROM unnest({arrays}) v ({names})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_becomes_two() {
        let sql = "UPDATE a SET b = {2} {rows} WHERE id = {1}";
        let sqlite = text(sql, ["", "FROM", ""], |n| format!("${n}"));
        assert_eq!(sqlite, "UPDATE a SET b = $2  WHERE id = $1");
        let from = unnest(&["BIGINT", "TEXT"]);
        let postgres = text(sql, [&from, "", ""], |n| format!("v.c{n}"));
        assert_eq!(
            postgres,
            "UPDATE a SET b = v.c2 FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[])) \
             v (c1, c2) WHERE id = v.c1"
        );
    }
}
