//! One statement for many rows of values.
//!
//! SQLite runs a prepared statement in a few microseconds, so it runs once for each row. PostgreSQL
//! needs a round trip and a start of the executor for each, which is more than the work itself: there
//! each column is an array, and the statement unnests them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::value::Cells;
use crate::{Dialect, FromRow, Params, Result, Tx, Value};

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
            let last: i64 = self.one(last, &[table.into()])?.unwrap_or(0);
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
        let more: Vec<i64> = self.all(next, &[table.into(), more.into()])?;
        let mut more = VecDeque::from(more);
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
    /// In its text `{name}` is that value of a row, and `{1}` a lone one; `{rows}` stands where a `FROM`
    /// clause does, and `{rows,}` where tables of its own follow. `({columns}) {values}` inserts the rows
    /// as they are.
    ///
    /// ```
    /// # use db::{Db, Options, Url};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let db = Db::open(Options::new(Url::Sqlite(folder.path().join("main.db")), "main"))?;
    /// # db.write_blocking(|tx| {
    /// # tx.exec("CREATE TABLE robots (id BIGINT, name TEXT)", &[])?;
    /// db::params! {
    ///     struct Robot { id: i64, name: Option<&'static str> }
    /// }
    /// let robots = vec![Robot { id: 1, name: Some("a") }, Robot { id: 2, name: None }];
    /// tx.exec_many("INSERT INTO robots ({columns}) {values}", robots)?;
    /// let select = "SELECT r.name {rows,} robots r WHERE r.id = {1}";
    /// let names: Vec<Option<String>> = tx.all_many(select, vec![1, 2])?;
    /// assert_eq!(names, [Some("a".into()), None]);
    /// # Ok::<_, db::Error>(()) })?;
    /// # Ok::<(), db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`exec`](Self::exec).
    pub fn exec_many<P: Params>(&mut self, sql: &str, rows: Vec<P>) -> Result<()> {
        self.each_many(sql, rows, &mut |_| Ok(()))
    }

    /// Runs a statement for many rows of values, as [`exec_many`](Self::exec_many), and returns all rows
    /// of its results.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn all_many<T: FromRow, P: Params>(&mut self, sql: &str, rows: Vec<P>) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each_many(sql, rows, &mut |cells| {
            all.push(T::read(cells, &mut 0)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Runs a statement for many rows of values, as [`exec_many`](Self::exec_many), of which nothing is
    /// needed at once: on PostgreSQL nobody waits for it, and its failure is that of a later statement, or
    /// of the closure.
    ///
    /// # Errors
    /// As [`exec_many`](Self::exec_many), also of statements sent before.
    pub fn send_many<P: Params>(&mut self, sql: &str, rows: Vec<P>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let text = text(sql, self.dialect(), P::COLUMNS);
        if self.dialect() == Dialect::Sqlite {
            return rows
                .into_iter()
                .try_for_each(|row| self.send(&text, row.values()));
        }
        self.send(&text, columns(rows))
    }

    fn each_many<P: Params>(
        &mut self,
        sql: &str,
        rows: Vec<P>,
        f: &mut dyn FnMut(&Cells<'_>) -> Result<()>,
    ) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let text = text(sql, self.dialect(), P::COLUMNS);
        if self.dialect() == Dialect::Sqlite {
            return rows
                .into_iter()
                .try_for_each(|row| self.each(&text, &row.values(), f));
        }
        self.each(&text, &columns(rows), f)
    }
}

/// The rows as columns.
fn columns<P: Params>(rows: Vec<P>) -> Vec<Value> {
    let column = || Vec::with_capacity(rows.len());
    let mut columns: Vec<Vec<Value>> = P::COLUMNS.iter().map(|_| column()).collect();
    for row in rows {
        for (column, value) in columns.iter_mut().zip(row.values()) {
            column.push(value);
        }
    }
    columns.into_iter().map(Value::List).collect()
}

/// The statement with its `{rows}`, `{rows,}`, `{columns}`, `{values}` and `{name}` filled in.
fn text(sql: &str, dialect: Dialect, columns: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sql.len() + columns.len() * 40);
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        fill(&mut out, name, dialect, columns);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn fill(out: &mut String, name: &str, dialect: Dialect, columns: &[(&str, &str)]) {
    match (name, dialect) {
        ("columns", _) => list(out, columns, |out, _, (name, _)| out.push_str(name)),
        ("values", Dialect::Sqlite) => {
            out.push_str("VALUES (");
            list(out, columns, |out, n, _| put(out, '$', n));
            out.push(')');
        }
        ("values", Dialect::Postgres) => {
            out.push_str("SELECT * ");
            unnest(out, columns);
        }
        ("rows", Dialect::Sqlite) => {}
        ("rows,", Dialect::Sqlite) => out.push_str("FROM"),
        ("rows", Dialect::Postgres) => unnest(out, columns),
        ("rows,", Dialect::Postgres) => {
            unnest(out, columns);
            out.push(',');
        }
        (name, dialect) => {
            let at = columns.iter().position(|(column, _)| *column == name);
            // One that is not there is no placeholder either: the statement is refused.
            let n = at.map_or(0, |at| at + 1);
            match dialect {
                Dialect::Sqlite => put(out, '$', n),
                Dialect::Postgres => {
                    out.push_str("v.");
                    put(out, 'c', n);
                }
            }
        }
    }
}

/// `FROM unnest(…) v` with a placeholder for each column.
fn unnest(out: &mut String, columns: &[(&str, &str)]) {
    out.push_str("FROM unnest(");
    list(out, columns, |out, n, (_, ty)| {
        out.push_str("CAST(");
        put(out, '$', n);
        out.push_str(" AS ");
        out.push_str(ty);
        out.push_str("[])");
    });
    out.push_str(") v (");
    list(out, columns, |out, n, _| put(out, 'c', n));
    out.push(')');
}

/// Something for each column, counted from 1, with commas between.
fn list(
    out: &mut String,
    columns: &[(&str, &str)],
    put: impl Fn(&mut String, usize, (&str, &str)),
) {
    for (at, column) in columns.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        put(out, at + 1, *column);
    }
}

fn put(out: &mut String, sign: char, n: usize) {
    // Writing to a text cannot fail.
    let _ = write!(out, "{sign}{n}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_becomes_two() {
        let columns = [("id", "BIGINT"), ("name", "TEXT")];
        let sql = "UPDATE a SET b = {name} {rows} WHERE id = {id}";
        assert_eq!(
            text(sql, Dialect::Sqlite, &columns),
            "UPDATE a SET b = $2  WHERE id = $1"
        );
        assert_eq!(
            text(sql, Dialect::Postgres, &columns),
            "UPDATE a SET b = v.c2 FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[])) \
             v (c1, c2) WHERE id = v.c1"
        );
        let insert = "INSERT INTO a ({columns}) {values}";
        assert_eq!(
            text(insert, Dialect::Sqlite, &columns),
            "INSERT INTO a (id, name) VALUES ($1, $2)"
        );
        assert_eq!(
            text(insert, Dialect::Postgres, &columns),
            "INSERT INTO a (id, name) SELECT * FROM unnest(CAST($1 AS BIGINT[]), \
             CAST($2 AS TEXT[])) v (c1, c2)"
        );
    }
}
