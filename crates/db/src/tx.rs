//! The open transaction a closure works with, and what a connection must be able to do for it.

use crate::many::Spare;
use crate::memory::{self, Memory};
use crate::value::Cells;
use crate::{Dialect, Error, FromRow, Result, Row, Sql, Value};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// Numbers that are found faster than this are not worth remembering.
const SOON: Duration = Duration::from_millis(1);

/// One open transaction. Everything a closure does through it is kept or lost together.
///
/// It is synchronous on purpose: a lane owns its connection, so nothing is gained by giving way in
/// the middle of a transaction, and a client that hangs up cannot leave one half done.
///
/// **A failed statement fails the closure.** PostgreSQL refuses everything that follows one in the
/// same transaction; so that no code works on SQLite only, this type does so on both: after a failed
/// statement every further call fails, and so does a closure that answers `Ok` all the same. What is
/// *expected* to fail now and then belongs into a [`savepoint`](Self::savepoint).
pub struct Tx<'c> {
    session: &'c mut dyn Session,
    /// How many savepoints are open, for their names.
    depth: u32,
    statements: u64,
    failed: bool,
    /// Whether COMMIT is next: it waits for what was sent.
    last: bool,
    /// The statements so far, while somebody wants to see them.
    record: Option<Vec<Sql>>,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(session: &'c mut dyn Session, last: bool) -> Self {
        Self {
            session,
            depth: 0,
            statements: 0,
            failed: false,
            last,
            record: None,
        }
    }

    /// Which engine this is, for the few statements the two do not share, such as locking clauses.
    pub fn dialect(&self) -> Dialect {
        self.session.dialect()
    }

    /// Runs one statement and says how many rows it inserted, changed or deleted.
    ///
    /// Placeholders are `$1 … $n`, in any order and as often as needed; `params[0]` is `$1`. Every
    /// parameter must be used and every placeholder must have one.
    ///
    /// # Errors
    /// [`Error::Unique`], [`Error::ForeignKey`], [`Error::Sql`], [`Error::Unavailable`].
    pub fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64> {
        self.note(sql, params);
        self.guarded(nul(params), |session| session.exec(sql, params))
    }

    /// Runs one statement and returns all rows of its result.
    ///
    /// # Errors
    /// As [`exec`](Self::exec); [`Error::Cell`] when a column has a type that is no [`Value`].
    pub fn rows(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        let mut rows = Vec::new();
        let mut names = None;
        self.each_cells(sql, params, &mut |cells| {
            let names = names.get_or_insert_with(|| cells.names());
            rows.push(cells.to_row(names));
            ControlFlow::Continue(())
        })?;
        Ok(rows)
    }

    /// Runs one statement and returns the first row of its result, if there is one.
    ///
    /// A statement that writes is run to its end. SQLite does not compute the remaining rows of a
    /// query, but PostgreSQL sends them: a query that can have many needs a `LIMIT`.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn row(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>> {
        let mut first = None;
        self.each_cells(sql, params, &mut |cells| {
            first = Some(cells.to_row(&cells.names()));
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// Runs one statement and reads all rows of its result: as [`record!`](macro@crate::record)s, or as the
    /// lone cells that they are.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); [`Error::Cell`] when a row does not fit.
    pub fn all<T: FromRow>(&mut self, sql: &str, params: &[Value]) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.each(sql, params, &mut |cells| {
            all.push(T::read(cells, &mut 0)?);
            Ok::<_, Error>(())
        })?;
        Ok(all)
    }

    /// Runs one statement and reads the first row of its result, if there is one: as a
    /// [`record!`](macro@crate::record), or as the lone cell that it is. As for [`row`](Self::row), a query that
    /// can have many needs a `LIMIT`.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn one<T: FromRow>(&mut self, sql: &str, params: &[Value]) -> Result<Option<T>> {
        let mut first = None;
        self.each_cells(sql, params, &mut |cells| {
            first = Some(T::read(cells, &mut 0));
            ControlFlow::Break(())
        })?;
        first.transpose()
    }

    /// Runs a query whose answer is one number, such as a count; 0 if there is no row.
    ///
    /// A query that took its time is not run again as long as nothing was committed since: its
    /// number is remembered. Only what readers of SQLite ask is, where this program alone writes.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn number(&mut self, sql: &str, params: &[Value]) -> Result<i64> {
        let question = memory::question(sql, params);
        if let Some((memory, mark)) = self.session.memory()
            && let Some(number) = memory.recall(mark, &question)
        {
            return Ok(number);
        }
        let started = Instant::now();
        let number = self.one(sql, params)?.unwrap_or(0);
        if started.elapsed() >= SOON
            && let Some((memory, mark)) = self.session.memory()
        {
            memory.keep(mark, question, number);
        }
        Ok(number)
    }

    /// Runs an `INSERT … RETURNING id` and returns the id of the new row.
    ///
    /// # Errors
    /// As [`rows`](Self::rows); [`Error::Sql`] when nothing was inserted.
    pub fn insert(&mut self, sql: &str, params: &[Value]) -> Result<i64> {
        let id = self.one(sql, params)?;
        id.ok_or_else(|| Error::Sql("the statement inserted no row".into()))
    }

    /// Runs one statement and shows every row of its result to `f`, without copying a cell. The
    /// first error of `f` ends the statement.
    ///
    /// # Errors
    /// Those of `f`; as [`rows`](Self::rows).
    pub fn each<E: From<Error>>(
        &mut self,
        sql: &str,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut stopped = Ok(());
        self.each_cells(sql, params, &mut |cells| match f(cells) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                stopped = Err(error);
                ControlFlow::Break(())
            }
        })?;
        stopped
    }

    /// Runs `f` in a savepoint: when it fails, what *it* did is rolled back and the transaction goes
    /// on as if `f` had not been called. Savepoints nest.
    ///
    /// # Errors
    /// Those of `f`; [`Error::Sql`] when `f` ignored a failed statement.
    pub fn savepoint<T, E: From<Error>>(
        &mut self,
        f: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let depth = self.depth + 1;
        self.script(&format!("SAVEPOINT s{depth}"))?;
        let mut inner = Tx {
            session: &mut *self.session,
            depth,
            statements: 0,
            failed: false,
            last: false,
            record: self.record.take(),
        };
        let result = f(&mut inner);
        let result = inner.verdict(result);
        self.statements += inner.statements;
        self.record = inner.record.take();
        let end = match result {
            Ok(_) => format!("RELEASE SAVEPOINT s{depth}"),
            Err(_) => format!("ROLLBACK TO SAVEPOINT s{depth}; RELEASE SAVEPOINT s{depth}"),
        };
        // If the savepoint cannot be rolled back, its error is only a consequence of the first.
        match (result, self.script(&end)) {
            (Ok(value), Ok(())) => Ok(value),
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(error), _) => Err(error),
        }
    }

    /// Runs `f`, and gives the statements it ran with its result: for those who look at plans, or
    /// measure what statements cost by themselves.
    pub fn recorded<T>(&mut self, f: impl FnOnce(&mut Tx<'_>) -> T) -> (T, Vec<Sql>) {
        let outer = self.record.replace(Vec::new());
        let result = f(self);
        let inner = self.record.take().unwrap_or_default();
        self.record = outer.map(|outer| [outer, inner.clone()].concat());
        (result, inner)
    }

    /// Runs a statement of which nothing is needed: its failure is that of a later one, or of the
    /// closure. So nobody waits for a round trip to PostgreSQL.
    ///
    /// # Errors
    /// As [`exec`](Self::exec), also of statements sent before.
    pub(crate) fn send(&mut self, sql: &str, params: Vec<Value>) -> Result<()> {
        self.note(sql, &params);
        self.guarded(nul(&params), |session| session.send(sql, params))
    }

    /// Numbers that were taken from sequences and not used yet, by table.
    pub(crate) fn spare(&mut self) -> Option<&mut HashMap<String, Spare>> {
        self.session.spare_ids()
    }

    fn note(&mut self, sql: &str, params: &[Value]) {
        if let Some(record) = &mut self.record {
            record.push(Sql {
                text: sql.to_owned(),
                params: params.to_vec(),
            });
        }
    }

    /// Runs a text of several statements without parameters or results.
    pub(crate) fn script(&mut self, sql: &str) -> Result<()> {
        self.guarded(false, |session| session.script(sql))
    }

    /// The result of a closure: `Ok` is none if it ignored a failed statement, or one failed that
    /// nobody has waited for. Nothing of it is under way any more, unless COMMIT is next and waits for
    /// it: a failure that shows later would be taken for that of the next closure.
    pub(crate) fn verdict<T, E: From<Error>>(&mut self, result: Result<T, E>) -> Result<T, E> {
        let result = match result {
            Ok(_) if self.failed => Err(gone_on().into()),
            result => result,
        };
        if result.is_ok() && self.last {
            return result;
        }
        let settled = self.session.settle();
        let result = result?;
        settled?;
        Ok(result)
    }

    /// How many statements were run so far.
    pub(crate) fn statements(&self) -> u64 {
        self.statements
    }

    fn each_cells(
        &mut self,
        sql: &str,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.note(sql, params);
        self.guarded(nul(params), |session| session.each(sql, params, f))
    }

    fn guarded<T>(
        &mut self,
        nul: bool,
        run: impl FnOnce(&mut dyn Session) -> Result<T>,
    ) -> Result<T> {
        if self.failed {
            return Err(gone_on());
        }
        self.statements += 1;
        // PostgreSQL cannot store it; SQLite could, and is held to the same.
        let result = match nul {
            true => Err(Error::Nul),
            false => run(&mut *self.session),
        };
        self.failed = result.is_err();
        result
    }
}

/// Whether a text has the character NUL.
fn nul(params: &[Value]) -> bool {
    params.iter().any(|value| match value {
        Value::Text(text) => text.contains('\0'),
        Value::List(values) => nul(values),
        _ => false,
    })
}

fn gone_on() -> Error {
    Error::Sql("an earlier statement of this transaction failed".into())
}

/// Why a whole transaction came to nothing, as opposed to one closure in it.
#[derive(Debug, Clone)]
pub(crate) enum BatchFailure {
    /// A competing transaction won, as in a deadlock: the same closures may succeed if run again.
    Conflict(Error),
    /// COMMIT found a violated constraint. One of the closures is to blame, not known which.
    Refused(Error),
    /// The connection or the transaction is gone.
    Broken(Error),
}

/// Why a lane has no connection.
#[derive(Debug)]
pub(crate) enum Unconnected {
    /// Other lanes of the same queue are connected: leave the work to them and try again in a while.
    Wait(Duration),
    /// Nobody is connected: fail fast.
    Fail(Error),
}

/// A connection as the lanes see it. It is owned by one thread and reconnects by itself.
pub(crate) trait Session: Send {
    fn dialect(&self) -> Dialect;
    /// Makes sure there is a connection.
    fn connect(&mut self) -> Result<(), Unconnected>;
    /// Opens a transaction; needs a connection.
    fn begin(&mut self) -> Result<(), BatchFailure>;
    fn commit(&mut self) -> Result<(), BatchFailure>;
    /// Rolls back what is open, or drops the connection if that is not possible.
    fn rollback(&mut self);
    /// What happened to the transaction as a whole since it was opened.
    fn mishap(&self) -> Option<BatchFailure>;
    /// Runs several statements without parameters.
    fn script(&mut self, sql: &str) -> Result<()>;
    fn exec(&mut self, sql: &str, params: &[Value]) -> Result<u64>;
    /// Shows the rows to `f` until it breaks.
    fn each(
        &mut self,
        sql: &str,
        params: &[Value],
        f: &mut dyn FnMut(&Cells<'_>) -> ControlFlow<()>,
    ) -> Result<()>;
    /// Runs a statement whose failure may show later: that of whatever is run next, or of
    /// [`Self::settle`].
    fn send(&mut self, sql: &str, params: Vec<Value>) -> Result<()> {
        self.exec(sql, &params).map(drop)
    }
    /// Waits until everything that was sent has ended.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }
    /// What is known of the state that the open transaction reads, with the mark of that state.
    fn memory(&self) -> Option<(&Memory, u64)> {
        None
    }
    /// Numbers that were taken from sequences and not used yet, by table.
    fn spare_ids(&mut self) -> Option<&mut HashMap<String, Spare>> {
        None
    }
    /// What keeps the database quick, now and then, between transactions.
    fn tend(&mut self) {}
    /// Ends the connection in good order.
    fn close(&mut self);
}
