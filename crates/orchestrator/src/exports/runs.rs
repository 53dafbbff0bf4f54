//! Running exports, and removing what is left of them: what the engine of the edge asks for and reports.
//!
//! The key of a file follows from the number of its export. So a run that broke off is begun again by
//! removing what it may have left, and a file is removed before its row: whatever happens in between,
//! no file stays that nobody knows of.

use std::sync::Arc;

use db::Tx;
use odata::Timestamp;

use super::requests::ExportItems;
use super::{ExportModelStatus, ExportModelType, kept_since};
use crate::cx::{Caller, Cx, Identity};
use crate::error::{Error, Result};
use crate::op::{At, Operation, Task};
use crate::queues::report::Reports;
use crate::users;

/// Rows that are removed in one transaction.
const AT_ONCE: i64 = 500;

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

/// The oldest export that has not ended, whether it was begun or not: an earlier process may have begun
/// it.
///
/// # Errors
/// The store's.
pub fn next(tx: &mut Tx<'_>) -> Result<Option<Run>> {
    let row = tx.row(
        "SELECT e.id, e.tenant_id, e.type, e.user_id, e.external_client_id, e.scopes, e.folder_id,
             e.subject_id, e.query, COALESCE(c.user_id, 0) AS account
         FROM exports e LEFT JOIN clients c ON c.client_id = e.external_client_id
         WHERE e.status IN ($1, $2) ORDER BY e.id LIMIT 1",
        &[
            ExportModelStatus::New.into(),
            ExportModelStatus::InProgress.into(),
        ],
    )?;
    let Some(row) = row else {
        return Ok(None);
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
    Ok(Some(Run {
        id: row.get("id")?,
        caller: Arc::new(caller),
        folder: row.get("folder_id")?,
        query: row.get("query")?,
        at,
        report: Task::Perform(report),
    }))
}

/// Marks an export as begun.
///
/// # Errors
/// 401 when the account of whoever asked is gone or was switched off; the store's.
pub fn begin(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    if !users::is_live(cx.tx, &cx.caller.identity)? {
        return Err(Error::Unauthenticated(
            "The account that asked for the export does not exist any more or is not active."
                .into(),
        ));
    }
    cx.tx.exec(
        "UPDATE exports SET status = $2 WHERE id = $1",
        &[id.into(), ExportModelStatus::InProgress.into()],
    )?;
    Ok(())
}

/// Marks an export as ended: with a file of this size, or without one.
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
        "UPDATE exports SET status = $2, executed_at = $3, size = $4 WHERE id = $1",
        &[id.into(), status.into(), cx.now.into(), size.into()],
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
