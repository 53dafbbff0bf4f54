//! Running exports, and removing what is left of them: what the edge asks for and reports, as files are its
//! business.
//!
//! The key of a file follows from the number of its export. So a run that broke off is begun again by
//! removing what it may have left, and a file is removed before its row: whatever happens in between,
//! no file stays that nobody knows of.

use std::sync::Arc;
use std::time::Duration;

use db::{Dialect, Tx, Value};
use odata::Timestamp;

use super::requests::ExportItems;
use super::{ExportModelStatus, ExportModelType, kept_since};
use crate::cx::{Caller, Cx, Hint, Identity};
use crate::engine::{Edge, Engine, Tick, Wake};
use crate::error::{Error, Result};
use crate::op::{At, Operation, Task};
use crate::queues::report::Reports;
use crate::users;

/// Writes the exports that were asked for, one after the other.
pub static ENGINE: Engine = Engine {
    name: "exports",
    wake: Wake::on(Hint::Exports),
    tick: Tick::Edge(Edge::Export),
};

/// Removes those that are kept no longer, when the rest is swept.
pub static REMOVAL: Engine = Engine {
    name: "old-exports",
    wake: Wake::on(Hint::Sweep),
    tick: Tick::Edge(Edge::OldExports),
};

/// Rows that are removed in one transaction.
const AT_ONCE: i64 = 500;

/// So long a claim stands without a sign of life of who has it.
const CLAIM: Duration = Duration::from_secs(10);
/// After this time its holder gives one.
pub const RENEWAL: Duration = Duration::from_secs(3);

/// Whether an export is this process's to write: nobody has begun it, or who did has broken off. The
/// parameters are the time `$1`, the process `$2`, which writes one at a time, and whether others share
/// the database `$3`.
const FREE: &str = "(status = 0 OR status = 1
    AND (claimed_until IS NULL OR claimed_until <= $1 OR claimed_by = $2 OR NOT $3))";

/// What there is to do.
pub enum Found {
    /// This export is anybody's.
    Run(Box<Run>),
    /// Others write them; one of these may have to be begun again then.
    Later(Timestamp),
    /// Nothing.
    Nothing,
}

/// An export to be run.
pub struct Run {
    /// Its number.
    pub id: i64,
    /// Who asked for it.
    pub caller: Arc<Caller>,
    /// In which folder.
    pub folder: i64,
    /// With which options.
    pub query: String,
    /// Where they asked for it: the same is needed to run it.
    pub at: At,
    /// What gives the file, part by part.
    pub report: Task,
}

/// What [`FREE`] asks for.
fn free(cx: &Cx<'_, '_>) -> [Value; 3] {
    let shared = cx.tx.dialect() == Dialect::Postgres;
    [cx.now.into(), cx.server.process.into(), shared.into()]
}

/// The oldest export that is anybody's.
///
/// # Errors
/// The store's.
pub fn next(cx: &mut Cx<'_, '_>) -> Result<Found> {
    let params = free(cx);
    let sql = format!(
        "SELECT e.id, e.tenant_id, e.type, e.user_id, e.external_client_id, e.scopes, e.folder_id,
             e.subject_id, e.query, COALESCE(c.user_id, 0) AS account
         FROM exports e LEFT JOIN clients c ON c.client_id = e.external_client_id
         WHERE {FREE} ORDER BY e.id LIMIT 1"
    );
    let Some(row) = cx.tx.row(&sql, &params)? else {
        let sql = "SELECT MIN(claimed_until) FROM exports WHERE status = 1";
        let row = cx.tx.row(sql, &[])?;
        let until: Option<i64> = row.map_or(Ok(None), |row| row.get(0))?;
        return Ok(until.map_or(Found::Nothing, |until| Found::Later(Timestamp(until))));
    };
    let identity = match row.get("user_id")? {
        Some(id) => Identity::User { id },
        None => Identity::Application {
            client_id: row.get("external_client_id")?,
            // That of an application which is gone is nobody's: nothing begins for it.
            account: row.get("account")?,
        },
    };
    let scopes: String = row.get("scopes")?;
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let caller = Caller::new(row.get("tenant_id")?, identity, scopes);
    let subject: i64 = row.get("subject_id")?;
    let (at, report) = match ExportModelType::from_i64(row.get("type")?) {
        Some(ExportModelType::Queues) => (ExportItems::AT, Arc::new(Reports::of(subject))),
        _ => return Err(Error::Internal("an export that nobody can ask for".into())),
    };
    Ok(Found::Run(Box::new(Run {
        id: row.get("id")?,
        caller: Arc::new(caller),
        folder: row.get("folder_id")?,
        query: row.get("query")?,
        at,
        report: Task::Perform(report),
    })))
}

/// Claims an export; whether it was still anybody's.
///
/// # Errors
/// The store's.
pub fn claim(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let [now, process, shared] = free(cx);
    let sql = format!(
        "UPDATE exports SET status = 1, claimed_by = $2, claimed_until = $5 WHERE id = $4 AND {FREE}"
    );
    let until = cx.now.plus(CLAIM).into();
    let claimed = cx
        .tx
        .exec(&sql, &[now, process, shared, id.into(), until])?;
    Ok(claimed > 0)
}

/// Refuses an export of somebody who may do nothing any more.
///
/// # Errors
/// 401 when the account of whoever asked is gone or was switched off; the store's.
pub fn check(cx: &mut Cx<'_, '_>) -> Result<()> {
    if users::is_live(cx.tx, &cx.caller.identity)? {
        return Ok(());
    }
    Err(Error::Unauthenticated(
        "The account that asked for the export does not exist any more or is not active.".into(),
    ))
}

/// A sign of life of who has claimed an export; whether it is still theirs.
///
/// # Errors
/// The store's.
pub fn renew(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let renewed = cx.tx.exec(
        "UPDATE exports SET claimed_until = $3 WHERE id = $1 AND status = 1 AND claimed_by = $2",
        &[
            id.into(),
            cx.server.process.into(),
            cx.now.plus(CLAIM).into(),
        ],
    )?;
    Ok(renewed > 0)
}

/// Marks an export as ended: with a file of this size, or without one. Only who has claimed it can.
///
/// # Errors
/// The store's.
pub fn end(cx: &mut Cx<'_, '_>, id: i64, size: Option<u64>) -> Result<()> {
    let status = match size {
        Some(_) => ExportModelStatus::Completed,
        None => ExportModelStatus::Failed,
    };
    let size = size.map(|size| i64::try_from(size).unwrap_or(i64::MAX));
    cx.tx.exec(
        "UPDATE exports SET status = $2, executed_at = $3, size = $4, claimed_by = NULL,
             claimed_until = NULL
         WHERE id = $1 AND status = 1 AND claimed_by = $5",
        &[
            id.into(),
            status.into(),
            cx.now.into(),
            size.into(),
            cx.server.process.into(),
        ],
    )?;
    Ok(())
}

/// The file of an export in the blob store.
#[must_use]
pub fn blob_key(id: i64) -> String {
    format!("exports/{id}")
}

/// Exports that are kept no longer, some at a time; nobody sees them any more.
///
/// # Errors
/// The store's.
pub fn over(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<i64>> {
    Ok(tx.all(
        "SELECT id FROM exports WHERE status IN ($1, $2) AND executed_at <= $3
         ORDER BY id LIMIT $4",
        &[
            ExportModelStatus::Completed.into(),
            ExportModelStatus::Failed.into(),
            kept_since(now).into(),
            AT_ONCE.into(),
        ],
    )?)
}

/// Removes exports whose files are removed.
///
/// # Errors
/// The store's.
pub fn forget(tx: &mut Tx<'_>, ids: &[i64]) -> Result<()> {
    let delete = "DELETE FROM exports WHERE id IN (SELECT {1} {rows})";
    tx.exec_many(delete, ids.to_vec())?;
    Ok(())
}
