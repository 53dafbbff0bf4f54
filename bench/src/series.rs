//! Many rows by one statement that both databases understand.

use db::{Db, Value};

use crate::Failure;

/// Rows in one transaction.
const STEP: i64 = 100_000;

/// The table `series` of the numbers `n` from one parameter to another, for `WITH RECURSIVE`.
pub fn series(from: &str, to: &str) -> String {
    format!(
        "series (n) AS (
           SELECT CAST({from} AS BIGINT) UNION ALL SELECT n + 1 FROM series WHERE n < {to}
         )"
    )
}

/// Runs the statement for the numbers `first` to `last`, some at a time: as its parameters `$1` and
/// `$2`, before `more`.
pub async fn run(
    db: &Db,
    sql: &str,
    (mut first, last): (i64, i64),
    more: &[Value],
) -> Result<(), Failure> {
    while first <= last {
        let to = (first + STEP - 1).min(last);
        let params: Vec<Value> = [first.into(), to.into()]
            .into_iter()
            .chain(more.iter().cloned())
            .collect();
        let sql = sql.to_owned();
        db.write(move |tx| tx.exec(&sql, &params)).await?;
        first = to + 1;
    }
    Ok(())
}
