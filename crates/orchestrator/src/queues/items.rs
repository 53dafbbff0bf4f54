//! Items as they are read, found and counted.

use std::time::Duration;

use db::{Tx, Value};
use odata::{Timestamp, Version};
use serde::Deserialize;

use super::entities::{ATTEMPTS, QueueItem, QueueItemPriority, QueueItemStatus};
use super::{EDIT_ITEMS, VIEW_ITEMS, content, editing, ending, must_be_in_folders, review, search};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, Command, FolderRule, Need, Op, QUEUE_NAMESPACE, Resource, plain_entity};
use crate::users::User;

/// Deleting items.
pub(super) const DELETE_ITEMS: Need = super::items_need(&[("Transactions", Access::Delete)], true);
/// Giving items other values.
pub(super) const REPLACE_ITEMS: Need = Need::new("OR.Queues", &[("Queues", Access::Edit)], true)
    .and(&[("Transactions", Access::Edit)]);

/// An item may be seen so long after one with a larger number: another server takes numbers beforehand,
/// its clock differs, and a transaction takes its time. Each of these is a minute or so.
pub(super) const LATE: Duration = Duration::from_secs(10 * 60);

/// The set.
pub static RESOURCE: Resource = Resource::new(&QueueItem::SET, VIEW_ITEMS)
    .folder(FolderRule::Optional)
    .list(list)
    .get(|cx, args| plain_entity(cx, args).and_then(|item| content::opened(&cx.server.keys, item)))
    .replace(Command::new(REPLACE_ITEMS, editing::replace).silent())
    .delete(Command::new(DELETE_ITEMS, editing::delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    Op::function(SET, "GetItemLastRetry", VIEW_ITEMS, last_retry)
        .bound()
        .returns("QueueItemDto")
        .folder(FolderRule::Optional),
    Op::function(SET, "GetItemLastRetryByKey", VIEW_ITEMS, last_retry_by_key)
        .namespace(QUEUE_NAMESPACE)
        .params(&[("key", "Edm.Guid")])
        .returns("QueueItemDto")
        .folder(FolderRule::Optional),
    Op::function(SET, "GetItemProcessingHistory", VIEW_ITEMS, history)
        .bound()
        .namespace(QUEUE_NAMESPACE)
        .returns("Collection(QueueItemDto)")
        .folder(FolderRule::Optional),
    Op::function(
        SET,
        "GetReviewers",
        super::items_need(&[("Transactions", Access::Edit)], false),
        reviewers,
    )
    .returns("Collection(UserDto)")
    .folder(FolderRule::Required),
    Op::action(
        SET,
        "SetTransactionProgress",
        EDIT_ITEMS,
        ending::set_progress,
    )
    .together(ending::read_progress)
    .bound()
    .namespace(QUEUE_NAMESPACE)
    .params(&[("Progress", "Edm.String")])
    .answers(200)
    .folder(FolderRule::Required),
    bulk("DeleteBulk", DELETE_ITEMS, editing::delete_bulk),
    bulk("SetItemReviewStatus", EDIT_ITEMS, review::set_status),
    bulk("SetItemReviewer", EDIT_ITEMS, review::set_reviewer),
    bulk("UnsetItemReviewer", EDIT_ITEMS, review::unset_reviewer),
];

const SET: &str = "QueueItems";

/// An action on a list of items.
const fn bulk(name: &'static str, need: Need, run: crate::op::Run) -> Op {
    Op::action(SET, name, need, run)
        .namespace(QUEUE_NAMESPACE)
        .params(&[("queueItems", "Collection(LongVersionedEntity)")])
        .returns("BulkOperationResponseDtoOfInt64")
        .folder(FolderRule::Required)
}

/// The items that the request may see.
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &QueueItem::SET)?;
    let listing = Listing {
        count: args.count,
        ..Listing::default()
    };
    let page = search::narrowed(cx, &query, &listing, |cx, listing| {
        cx.page(&QueueItem::SET, &query, listing)
    })?;
    content::opened(&cx.server.keys, Reply::json(page))
}

/// An item as changes need it.
pub(super) struct Item {
    pub id: i64,
    pub queue: i64,
    pub queue_name: String,
    pub status: QueueItemStatus,
    pub version: i64,
    pub key: String,
    pub priority: QueueItemPriority,
    pub defer_date: Option<Timestamp>,
    pub due_date: Option<Timestamp>,
    pub risk_sla_date: Option<Timestamp>,
    pub reference: Option<String>,
    pub progress: Option<String>,
    start_processing: Option<Timestamp>,
    end_processing: Option<Timestamp>,
}

/// The item with this number in the folder of the request.
///
/// # Errors
/// 1002 when there is none.
pub(super) fn find(cx: &mut Cx<'_, '_>, id: i64) -> Result<Item> {
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(
        "SELECT i.queue_definition_id, q.name, i.status, i.version, i.key, i.priority,
             i.defer_date, i.due_date, i.risk_sla_date, i.reference, i.progress,
             i.start_processing, i.end_processing
         FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_definition_id
         JOIN queue_folders l ON l.queue_definition_id = q.id AND l.folder_id = $2
         WHERE i.id = $1 AND i.tenant_id = $3",
        &[id.into(), folder.into(), cx.caller.tenant.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("QueueItem"))?;
    let status: i64 = row.get(2)?;
    let unknown = || Error::Internal(format!("a queue item with status {status}"));
    let date = |at| Ok::<_, db::Error>(row.get::<Option<i64>>(at)?.map(Timestamp));
    Ok(Item {
        id,
        queue: row.get(0)?,
        queue_name: row.get(1)?,
        status: QueueItemStatus::from_i64(status).ok_or_else(unknown)?,
        version: row.get(3)?,
        key: row.get(4)?,
        priority: QueueItemPriority::from_i64(row.get(5)?).ok_or_else(unknown)?,
        defer_date: date(6)?,
        due_date: date(7)?,
        risk_sla_date: date(8)?,
        reference: row.get(9)?,
        progress: row.get(10)?,
        start_processing: date(11)?,
        end_processing: date(12)?,
    })
}

impl Item {
    /// Seconds from when it was taken to the end of that attempt.
    pub fn took(&self) -> i64 {
        match (self.start_processing, self.end_processing) {
            (Some(start), Some(end)) => (end.0 - start.0).max(0) / odata::TICKS_PER_SECOND,
            _ => 0,
        }
    }

    /// Fails unless the caller means the item as it is now.
    ///
    /// # Errors
    /// 1020
    pub fn must_be(&self, version: Option<i64>) -> Result<()> {
        if version.is_none_or(|v| v == self.version) {
            return Ok(());
        }
        Err(Error::refused(
            Code::OptimisticConcurrency,
            "Conflict with Queue Item being updated.",
        ))
    }
}

/// An item of a bulk operation, in the version that the caller saw.
#[odata::complex(name = "LongVersionedEntity")]
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub id: i64,
    #[serde(default)]
    row_version: Option<String>,
}

impl Versioned {
    /// The version, if the caller names one.
    ///
    /// # Errors
    /// 1009 when it is none.
    pub fn version(&self) -> Result<Option<i64>> {
        self.row_version.as_deref().map(version).transpose()
    }
}

/// A version as callers write it.
///
/// # Errors
/// 1009 when it is none.
pub(super) fn version(text: &str) -> Result<i64> {
    let version = Version::parse(text).map(|v| v.0);
    version.ok_or_else(|| Error::invalid("The field RowVersion must be the one that GET shows."))
}

/// Removes the items for which `condition` holds, with their events and comments, and says how many
/// there were. The numbers of their queues stay.
///
/// # Errors
/// The store's.
pub(super) fn remove(tx: &mut Tx<'_>, condition: &str, params: &[Value]) -> Result<i64> {
    // Whoever removes the same items meanwhile has counted them.
    let lock = tx.dialect().lock("queue_items");
    let sql = format!("SELECT id FROM queue_items WHERE {condition} ORDER BY id {lock}");
    let ids: Result<Vec<Value>, db::Error> = tx
        .rows(&sql, params)?
        .iter()
        .map(|row| row.get(0))
        .collect();
    let ids = ids?;
    for (table, column) in [
        ("queue_item_events", "queue_item_id"),
        ("queue_item_comments", "queue_item_id"),
        ("queue_items", "id"),
    ] {
        let sql = format!("DELETE FROM {table} WHERE {column} IN (SELECT {{1}} {{rows}})");
        let rows = ids.iter().map(|id| vec![id.clone()]).collect();
        tx.exec_many(&sql, &["BIGINT"], rows)?;
    }
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// `QueueItems(id)/GetItemProcessingHistory`: all attempts at the item.
fn history(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    must_be_in_folders(cx, &QueueItem::SET, id)?;
    let query = args.options(cx, &ATTEMPTS)?;
    let listing = Listing {
        restrict: Some("{t}.key = (SELECT k.key FROM queue_items k WHERE k.id = {item})"),
        vars: &[("item", id.into())],
        name: None,
        count: args.count,
    };
    let page = Reply::json(cx.page(&ATTEMPTS, &query, &listing)?);
    content::opened(&cx.server.keys, page)
}

/// `QueueItems(id)/GetItemLastRetry`
fn last_retry(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    must_be_in_folders(cx, &QueueItem::SET, id)?;
    last_retry_of(cx, args, id)
}

/// `GetItemLastRetryByKey(key=…)`, by the unique key of any attempt.
fn last_retry_by_key(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let row = cx.tx.row(
        "SELECT id FROM queue_items WHERE tenant_id = $2
         AND ((key = $1 AND unique_key = $1) OR (unique_key = $1 AND unique_key <> key))",
        &[args.guid("key")?.into(), cx.caller.tenant.into()],
    )?;
    let id: i64 = row.ok_or_else(|| Error::not_found("QueueItem"))?.get(0)?;
    must_be_in_folders(cx, &QueueItem::SET, id)?;
    last_retry_of(cx, args, id)
}

fn last_retry_of(cx: &mut Cx<'_, '_>, args: &Args, id: i64) -> Result<Reply> {
    let query = args.options(cx, &QueueItem::SET)?;
    let last = "SELECT MAX(r.id) FROM queue_items i JOIN queue_items r ON r.key = i.key
        WHERE i.id = $1 AND r.id > i.id";
    let last: Option<i64> = match cx.tx.row(last, &[id.into()])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    let last = last.ok_or_else(|| Error::not_found("A retry of the QueueItem"))?;
    let entity = cx.entity_with(&QueueItem::SET, &last.into(), &query, &[])?;
    content::opened(&cx.server.keys, Reply::json(entity))
}

/// Accounts that may change items in the folder.
const REVIEWERS: &str = "(EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_user_roles fur ON fur.folder_id = ft.ancestor_id AND fur.user_id = {t}.id
        JOIN role_permissions p ON p.role_id = fur.role_id
        WHERE ft.folder_id = {folder} AND p.permission = 'Transactions.Edit')
    OR EXISTS (SELECT 1 FROM folders f
        JOIN user_roles ur ON ur.user_id = {t}.id
        JOIN role_permissions p ON p.role_id = ur.role_id
        WHERE f.id = {folder} AND f.permission_model = 0 AND p.permission = 'Transactions.Edit'))";

/// `GetReviewers`: who may review items in the folder.
fn reviewers(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &User::SET)?;
    let listing = Listing {
        restrict: Some(REVIEWERS),
        vars: &[],
        name: Some("SimpleUserDto"),
        count: args.count,
    };
    Ok(Reply::json(cx.page(&User::SET, &query, &listing)?))
}

/// Whether the account may review items in the folder of the request.
///
/// # Errors
/// The store's.
pub(super) fn may_review(cx: &mut Cx<'_, '_>, user: i64) -> Result<bool> {
    let folder: Value = cx.need_folder()?.id.into();
    let condition = REVIEWERS.replace("{t}", "u").replace("{folder}", "$3");
    let sql = format!("SELECT 1 FROM users u WHERE u.id = $1 AND u.tenant_id = $2 AND {condition}");
    let params = [user.into(), cx.caller.tenant.into(), folder];
    Ok(cx.tx.row(&sql, &params)?.is_some())
}
