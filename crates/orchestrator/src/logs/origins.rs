//! Whose log lines are.

use std::collections::HashMap;

use odata::Guid;

use super::{Line, Origin, SUBMIT, origin_of_job};
use crate::access::{self, FolderHeader};
use crate::cx::Cx;
use crate::error::Result;
use crate::op::FolderRule;

/// Where each line comes from: its job says it, if the caller may speak for that job; a line without a
/// job needs a folder in which the caller may write logs.
///
/// # Errors
/// 403 for a job or folder that the caller may not speak for; 1101 without either; the store's.
pub fn origins(cx: &mut Cx<'_, '_>, header: &FolderHeader, lines: &[Line]) -> Result<Vec<Origin>> {
    // Thousands of lines may come from one job.
    let mut known: HashMap<(Option<Guid>, Option<i64>), Origin> = HashMap::new();
    let mut origins = Vec::with_capacity(lines.len());
    for line in lines {
        let of = (line.job, line.folder);
        if let Some(origin) = known.get(&of) {
            origins.push(origin.clone());
            continue;
        }
        let origin = match origin_of_job(cx.tx, cx.caller, line.job)? {
            Some(origin) => origin,
            None => of_folder(cx, header, line.folder)?,
        };
        known.insert(of, origin.clone());
        origins.push(origin);
    }
    Ok(origins)
}

/// A line without a job: of the folder that the request names, or else the line itself.
fn of_folder(cx: &mut Cx<'_, '_>, header: &FolderHeader, named: Option<i64>) -> Result<Origin> {
    let mut header = header.clone();
    if header.is_empty() {
        header.id = named;
    }
    let granted = access::grant(cx.tx, cx.caller, &SUBMIT, FolderRule::Required, &header)?;
    Ok(Origin {
        tenant: cx.caller.tenant,
        folder: granted.folder.map(|folder| folder.id).unwrap_or_default(),
        ..Origin::default()
    })
}
