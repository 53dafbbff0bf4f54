//! The folders that a queue is in.

use db::Tx;
use odata::Folders;

use super::definitions::{CREATE, DELETE, VIEW};
use super::entities::{QUEUES_IN_FOLDERS, QueueInFolders, SimpleFolder};
use crate::access::{self, FolderHeader};
use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::body::MAX_NAMED;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, Need, Nothing, Operation, Page, action, function};

/// The operations check folder by folder: asked for at the door is only the scope.
const READ: Need = Need::new("OR.Queues", &[], false);
const WRITE: Need = Need::new("OR.Queues", &[], true);

/// Puts a queue into a folder, if it is not there yet.
///
/// # Errors
/// 1001 when another queue there has its name.
pub(super) fn link(tx: &mut Tx<'_>, queue: i64, folder: i64, name: &str) -> Result<()> {
    tx.exec(
        "INSERT INTO queue_folders (queue_definition_id, folder_id, name) VALUES ($1, $2, $3)
         ON CONFLICT (queue_definition_id, folder_id) DO NOTHING",
        &[queue.into(), folder.into(), name.into()],
    )
    .map_err(|e| Error::from(e).name_taken(name))?;
    Ok(())
}

/// Puts queues into folders, and takes them out of others: all of it, or nothing.
#[odata::input]
pub struct ShareToFolders {
    /// Numbers of the queues.
    #[edm(name = "QueueIds", required)]
    queue_ids: Vec<i64>,
    /// Numbers of the folders that they are to be in.
    #[edm(name = "ToAddFolderIds")]
    to_add_folder_ids: Vec<i64>,
    /// Numbers of the folders that they are not to be in.
    #[edm(name = "ToRemoveFolderIds")]
    to_remove_folder_ids: Vec<i64>,
}

impl Operation for ShareToFolders {
    const AT: At = action("QueueDefinitions", "ShareToFolders")
        .needs(WRITE)
        .body("queueFoldersShareDto");
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let folders = self.to_add_folder_ids.len() + self.to_remove_folder_ids.len();
        if self.queue_ids.len().saturating_mul(folders) > MAX_NAMED {
            return Err(Error::invalid(format!(
                "Queues times folders must not be more than {MAX_NAMED}: split the request."
            )));
        }
        for folder in &self.to_add_folder_ids {
            must_allow(cx, *folder, &CREATE)?;
        }
        for folder in &self.to_remove_folder_ids {
            must_allow(cx, *folder, &DELETE)?;
        }
        for queue in &self.queue_ids {
            self.share(cx, *queue)?;
        }
        Ok(Nothing)
    }
}

impl ShareToFolders {
    fn share(&self, cx: &mut Cx<'_, '_>, queue: i64) -> Result<()> {
        let name = name_of_visible(cx, queue)?;
        for folder in &self.to_add_folder_ids {
            link(cx.tx, queue, *folder, &name)?;
        }
        for folder in &self.to_remove_folder_ids {
            cx.tx.exec(
                "DELETE FROM queue_folders WHERE queue_definition_id = $1 AND folder_id = $2",
                &[queue.into(), (*folder).into()],
            )?;
        }
        if folders_of(cx.tx, queue)?.is_empty() {
            return Err(Error::invalid(format!(
                "The queue {name} must stay in at least one folder: delete it instead."
            )));
        }
        let subject = Subject {
            entity: QUEUES_IN_FOLDERS.entity,
            id: Some(queue),
            name: &name,
            data: None,
        };
        let text = format!("changed the folders of queue {name}");
        let component = AuditComponent::Queues;
        audit::record(cx, component, AuditAction::Update, &subject, &text)
    }
}

/// The folders that a queue is in.
///
/// # Errors
/// The store's.
pub(super) fn folders_of(tx: &mut Tx<'_>, queue: i64) -> Result<Vec<i64>> {
    let rows = tx.rows(
        "SELECT folder_id FROM queue_folders WHERE queue_definition_id = $1 ORDER BY folder_id",
        &[queue.into()],
    )?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}

/// Whether the caller has the permission in the folder.
///
/// # Errors
/// The store's.
pub(super) fn may(cx: &mut Cx<'_, '_>, folder: i64, need: &Need) -> Result<bool> {
    match must_allow(cx, folder, need) {
        Ok(()) => Ok(true),
        Err(Error::Refused { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Fails unless the caller may do this to queues in the folder.
fn must_allow(cx: &mut Cx<'_, '_>, folder: i64, need: &Need) -> Result<()> {
    let header = FolderHeader {
        id: Some(folder),
        ..FolderHeader::default()
    };
    let folder = match access::resolve(cx.tx, cx.caller, &header) {
        Err(Error::Refused { .. }) => return Err(Error::not_found("Folder")),
        found => found?,
    };
    if access::has_in_folder(cx.tx, cx.caller, need, &folder)? {
        return Ok(());
    }
    Err(Error::refused(
        Code::ForbiddenOperation,
        format!(
            "You are not allowed to do this with queues in the folder {}.",
            folder.path
        ),
    ))
}

/// The name of a queue that is in a folder where the caller may see queues.
fn name_of_visible(cx: &mut Cx<'_, '_>, queue: i64) -> Result<String> {
    cx.folders = access::folders_where(cx.tx, cx.caller, &VIEW)?;
    let folders = cx.in_folders("l.folder_id IN (FOLDERS)");
    let sql = format!(
        "SELECT q.name FROM queue_definitions q
         JOIN queue_folders l ON l.queue_definition_id = q.id
         WHERE q.id = $1 AND q.tenant_id = $2 AND {} LIMIT 1",
        folders.unwrap_or_else(|| "TRUE".into())
    );
    let row = cx.tx.row(&sql, &[queue.into(), cx.caller.tenant.into()])?;
    Ok(row
        .ok_or_else(|| Error::not_found("QueueDefinition"))?
        .get(0)?)
}

/// The folders that a queue is in, as far as the caller may see it there, and in how many it is.
#[odata::input]
pub struct GetFoldersForQueue {
    /// Number of the queue.
    #[edm(required)]
    id: i64,
}

impl Operation for GetFoldersForQueue {
    const AT: At = function("QueueDefinitions", "GetFoldersForQueue").needs(READ);
    type Answer = AccessibleFolders;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<AccessibleFolders> {
        name_of_visible(cx, self.id)?;
        let rows = cx.tx.rows(
            "SELECT f.display_name, f.fully_qualified_name, f.id FROM queue_folders l
             JOIN folders f ON f.id = l.folder_id WHERE l.queue_definition_id = $1 ORDER BY f.id",
            &[self.id.into()],
        )?;
        let mut folders = Vec::new();
        for row in &rows {
            let id = row.get("id")?;
            let visible = match &cx.folders {
                Folders::All => true,
                Folders::One(one) => *one == id,
                Folders::Some(ids) => ids.contains(&id),
            };
            if visible {
                folders.push(SimpleFolder {
                    display_name: row.get("display_name")?,
                    fully_qualified_name: row.get("fully_qualified_name")?,
                    id,
                });
            }
        }
        Ok(AccessibleFolders {
            accessible_folders: folders,
            total_folders_count: i32::try_from(rows.len()).unwrap_or(i32::MAX),
        })
    }
}

/// The queues of every folder in which the caller may see queues, except one. Who may nowhere gets an
/// empty list.
#[odata::input]
pub struct GetQueuesAcrossFolders {
    /// Number of a folder whose queues are left out.
    exclude_folder_id: Option<i64>,
}

impl Operation for GetQueuesAcrossFolders {
    const AT: At = function("QueueDefinitions", "GetQueuesAcrossFolders").needs(READ);
    type Answer = Page<QueueInFolders>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let query = cx.options(&QUEUES_IN_FOLDERS)?;
        cx.folders = access::folders_where(cx.tx, cx.caller, &VIEW)?;
        let excluded = self.exclude_folder_id.unwrap_or(0);
        Ok(Page::of("{t}.folder_id <> {excluded}")
            .var("excluded", excluded)
            .under(query))
    }
}

/// The folders of a queue.
#[odata::complex(name = "AccessibleFoldersDto")]
#[derive(serde::Serialize)]
pub struct AccessibleFolders {
    /// Those that the caller sees.
    accessible_folders: Vec<SimpleFolder>,
    /// Number of all.
    total_folders_count: i32,
}
