//! One statement for many rows of values.
//!
//! SQLite runs a prepared statement in a few microseconds, so it runs once for each row. PostgreSQL
//! needs a round trip and a start of the executor for each, which is more than the work itself: there
//! the rows are joined as `VALUES`, padded to a power of two so that few texts arise and each keeps
//! its plan.

use crate::value::Cells;
use crate::{Dialect, Error, Result, Tx, Value};

/// Most rows of a statement on PostgreSQL.
const ROWS: usize = 64;

impl Tx<'_> {
    /// Numbers for new rows of a table whose `id` is `{id}`: nobody else gets them. Rows that bring their
    /// numbers along need no `RETURNING`, for which SQLite keeps copies of all pages that a statement
    /// changes.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn new_ids(&mut self, table: &str, count: usize) -> Result<Vec<i64>> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.dialect() == Dialect::Sqlite {
            let last = "SELECT seq FROM sqlite_sequence WHERE name = $1";
            let last = match self.row(last, &[table.into()])? {
                Some(row) => row.get(0)?,
                None => 0,
            };
            return Ok((last + 1..=last + count).collect());
        }
        let next = "SELECT nextval(pg_get_serial_sequence(CAST($1 AS TEXT), 'id'))
            FROM generate_series(1, CAST($2 AS BIGINT))";
        let rows = self.rows(next, &[table.into(), count.into()])?;
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Runs a statement for many rows of values.
    ///
    /// In its text `{1}` … `{n}` are the values of a row, whose types are `types`; `{rows}` stands where
    /// a `FROM` clause does, and `{rows,}` where tables of its own follow; `{values}` inserts the rows as
    /// they are. The first value of a row must not be null.
    ///
    /// ```
    /// # use db::{Db, Error, Options, Url, Value};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let db = Db::open(Options::new(Url::Sqlite(folder.path().join("main.db")), "main"))?;
    /// # db.write_blocking(|tx| {
    /// # tx.exec("CREATE TABLE robots (id BIGINT, name TEXT)", &[])?;
    /// let rows = vec![vec![Value::from(1), "a".into()], vec![Value::from(2), Value::Null]];
    /// let insert = "INSERT INTO robots (id, name) {values}";
    /// tx.exec_many(insert, &["BIGINT", "TEXT"], &rows)?;
    /// let select = "SELECT r.name {rows,} robots r WHERE r.id = {1}";
    /// let mut names = 0;
    /// let ids = vec![vec![Value::from(1)], vec![Value::from(2)]];
    /// tx.each_many(select, &["BIGINT"], &ids, &mut |_| { names += 1; Ok::<_, Error>(()) })?;
    /// assert_eq!(names, 2);
    /// # Ok::<_, Error>(()) })?;
    /// # Ok::<(), db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`exec`](Self::exec); [`Error::Invalid`] for a row that does not fit the types.
    pub fn exec_many(&mut self, sql: &str, types: &[&str], rows: &[Vec<Value>]) -> Result<()> {
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
        rows: &[Vec<Value>],
        f: &mut dyn FnMut(&Cells<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if rows.iter().any(|row| row.len() != types.len()) {
            return Err(Error::Invalid("a row does not fit its types".into()).into());
        }
        if self.dialect() == Dialect::Sqlite {
            let numbers: Vec<_> = (1..=types.len()).map(|n| format!("${n}")).collect();
            let values = format!("VALUES ({})", numbers.join(", "));
            let text = text(sql, ["", "FROM", &values], |n| format!("${n}"));
            for row in rows {
                self.each(&text, row, f)?;
            }
            return Ok(());
        }
        for chunk in rows.chunks(ROWS) {
            let count = chunk.len().next_power_of_two();
            let from = values(types, count);
            let more = format!("{from},");
            let values = format!("SELECT * {from} WHERE TRUE");
            let text = text(sql, [&from, &more, &values], |n| format!("v.column{n}"));
            let mut params: Vec<Value> = chunk.iter().flatten().cloned().collect();
            params.resize(count * types.len(), Value::Null);
            self.each(&text, &params, f)?;
        }
        Ok(())
    }
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

/// `FROM (…) v` with that many rows of placeholders; those that pad are left out. The types of the
/// first row are those of all.
fn values(types: &[&str], count: usize) -> String {
    let mut out = String::from("FROM (SELECT * FROM (VALUES ");
    let mut n = 0;
    for row in 0..count {
        out.push_str(if row == 0 { "(" } else { ", (" });
        for (at, ty) in types.iter().enumerate() {
            n += 1;
            let comma = if at == 0 { "" } else { ", " };
            out.push_str(&match row {
                0 => format!("{comma}CAST(${n} AS {ty})"),
                _ => format!("{comma}${n}"),
            });
        }
        out.push(')');
    }
    out.push_str(") p WHERE p.column1 IS NOT NULL) v");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_becomes_two() {
        let sql = "UPDATE a SET b = {2} {rows} WHERE id = {1}";
        let sqlite = text(sql, ["", "FROM", ""], |n| format!("${n}"));
        assert_eq!(sqlite, "UPDATE a SET b = $2  WHERE id = $1");
        let from = values(&["BIGINT", "TEXT"], 2);
        let postgres = text(sql, [&from, "", ""], |n| format!("v.column{n}"));
        assert_eq!(
            postgres,
            "UPDATE a SET b = v.column2 FROM (SELECT * FROM (VALUES (CAST($1 AS BIGINT), \
             CAST($2 AS TEXT)), ($3, $4)) p WHERE p.column1 IS NOT NULL) v WHERE id = v.column1"
        );
    }
}
