//! Items as they are read, found and counted.

use std::time::Duration;

use db::{Tx, Value, sql};
use odata::edm::{Entity, EntitySet};
use odata::{Guid, Timestamp, Version};
use serde::Deserialize;

use super::editing::{self, DeleteBulk, ReplaceQueueItem};
use super::ending::SetTransactionProgress;
use super::entities::{ATTEMPTS, QueueItem, QueueItemPriority, QueueItemStatus};
use super::review::{SetItemReviewStatus, SetItemReviewer, UnsetItemReviewer};
use super::{VIEW_ITEMS, content, must_be_in_folders, search};
use crate::cx::{Cx, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{
    Access, Answer, At, Command, FolderRule, Need, One, Op, Operation, Page, QUEUE_NAMESPACE,
    Resource, Verb, Written, action, batched, function, op,
};
use crate::users::BriefUser;

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
    .list::<ListQueueItems>()
    .get_as::<GetQueueItem>()
    .replace(Command::verb::<ReplaceQueueItem>(REPLACE_ITEMS).silent())
    .delete(Command::delete(DELETE_ITEMS, editing::delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<GetItemLastRetry>(),
    op::<GetItemLastRetryByKey>(),
    op::<GetItemProcessingHistory>(),
    op::<GetReviewers>(),
    batched::<SetTransactionProgress>(),
    op::<DeleteBulk>(),
    op::<SetItemReviewStatus>(),
    op::<SetItemReviewer>(),
    op::<UnsetItemReviewer>(),
];

const SET: &str = "QueueItems";

/// An action on a list of items.
pub(super) const fn on_items(name: &'static str) -> At {
    action(SET, name)
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Required)
}

/// The items that the request may see.
#[odata::input]
pub struct ListQueueItems;

impl Verb for ListQueueItems {
    type Answer = Written<Page<QueueItem>>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let query = cx.options(&QueueItem::SET)?;
        let listing = Listing {
            count: cx.args.count,
            ..Listing::default()
        };
        let page = search::narrowed(cx, &query, &listing, |cx, listing| {
            cx.page(&QueueItem::SET, &query, listing)
        })?;
        content::opened(&cx.server.keys, Reply::json(page)).map(Written::from)
    }
}

/// An item with its content.
#[odata::input]
pub struct GetQueueItem {
    /// Number of the item.
    #[edm(key)]
    id: i64,
}

impl Verb for GetQueueItem {
    type Answer = Written<One<QueueItem>>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        opened(cx, One::by(self.id))
    }
}

db::record! {
    /// An item as changes need it.
    pub(super) struct Item {
        pub id: i64 = "i.id",
        pub queue: i64 = "i.queue_definition_id",
        pub queue_name: String = "q.name",
        pub status: QueueItemStatus = "i.status",
        pub version: i64 = "i.version",
        pub key: String = "i.key",
        pub priority: QueueItemPriority = "i.priority",
        pub defer_date: Option<Timestamp> = "i.defer_date",
        pub due_date: Option<Timestamp> = "i.due_date",
        pub risk_sla_date: Option<Timestamp> = "i.risk_sla_date",
        pub reference: Option<String> = "i.reference",
        pub progress: Option<String> = "i.progress",
        start_processing: Option<Timestamp> = "i.start_processing",
        end_processing: Option<Timestamp> = "i.end_processing",
    }
}

/// The item with this number in the folder of the request.
///
/// # Errors
/// 1002 when there is none.
pub(super) fn find(cx: &mut Cx<'_, '_>, id: i64) -> Result<Item> {
    let folder = cx.need_folder()?.id;
    let item = cx.tx.one(
        sql!(
            "SELECT {} FROM queue_items i JOIN queue_definitions q ON q.id = i.queue_definition_id
             JOIN queue_folders l ON l.queue_definition_id = q.id AND l.folder_id = $2
             WHERE i.id = $1 AND i.tenant_id = $3",
            Item::SELECT
        ),
        &[id.into(), folder.into(), cx.caller.tenant.into()],
    )?;
    item.ok_or_else(|| Error::not_found("QueueItem"))
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
pub struct Versioned {
    /// Number of the item.
    #[edm(required)]
    pub id: i64,
    /// The version, as it was read.
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
    let ids: Vec<i64> = tx.all(&sql, params)?;
    for (table, column) in [
        ("queue_item_events", "queue_item_id"),
        ("queue_item_comments", "queue_item_id"),
        ("queue_items", "id"),
    ] {
        let sql = format!("DELETE FROM {table} WHERE {column} IN (SELECT {{1}} {{rows}})");
        tx.exec_many(&sql, ids.clone())?;
    }
    Ok(i64::try_from(ids.len()).unwrap_or(i64::MAX))
}

/// The attempts at an item.
pub enum AttemptAtItem {}

impl Entity for AttemptAtItem {
    fn set() -> &'static EntitySet {
        &ATTEMPTS
    }
}

/// All attempts at an item.
#[odata::input]
pub struct GetItemProcessingHistory {
    /// Number of one of the attempts.
    #[edm(key)]
    id: i64,
}

impl Operation for GetItemProcessingHistory {
    const AT: At = function(SET, "GetItemProcessingHistory")
        .needs(VIEW_ITEMS)
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Optional);
    type Answer = Written<Page<AttemptAtItem>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        must_be_in_folders(cx, &QueueItem::SET, self.id)?;
        let of_item = "{t}.key = (SELECT k.key FROM queue_items k WHERE k.id = {item})";
        let page: Page<AttemptAtItem> = Page::of(of_item).var("item", self.id);
        opened(cx, page)
    }
}

/// An answer of items, with what is encrypted in the database opened.
///
/// # Errors
/// Those of the answer.
pub(super) fn opened<A: Answer>(cx: &mut Cx<'_, '_>, items: A) -> Result<Written<A>> {
    let reply = items.reply(cx)?;
    content::opened(&cx.server.keys, reply).map(Written::from)
}

/// The last retry of an item.
#[odata::input]
pub struct GetItemLastRetry {
    /// Number of the item.
    #[edm(key)]
    id: i64,
}

impl Operation for GetItemLastRetry {
    const AT: At = function(SET, "GetItemLastRetry")
        .needs(VIEW_ITEMS)
        .folder(FolderRule::Optional);
    type Answer = Written<One<QueueItem>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        must_be_in_folders(cx, &QueueItem::SET, self.id)?;
        last_retry_of(cx, self.id)
    }
}

/// The last retry of an item, by the unique key of any attempt at it.
#[odata::input]
pub struct GetItemLastRetryByKey {
    /// The unique key.
    #[edm(required)]
    key: Guid,
}

impl Operation for GetItemLastRetryByKey {
    const AT: At = function(SET, "GetItemLastRetryByKey")
        .needs(VIEW_ITEMS)
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Optional);
    type Answer = Written<One<QueueItem>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let row = cx.tx.row(
            "SELECT id FROM queue_items WHERE tenant_id = $2
             AND ((key = $1 AND unique_key = $1) OR (unique_key = $1 AND unique_key <> key))",
            &[self.key.into(), cx.caller.tenant.into()],
        )?;
        let id: i64 = row.ok_or_else(|| Error::not_found("QueueItem"))?.get(0)?;
        must_be_in_folders(cx, &QueueItem::SET, id)?;
        last_retry_of(cx, id)
    }
}

fn last_retry_of(cx: &mut Cx<'_, '_>, id: i64) -> Result<Written<One<QueueItem>>> {
    let last = "SELECT MAX(r.id) FROM queue_items i JOIN queue_items r ON r.key = i.key
        WHERE i.id = $1 AND r.id > i.id";
    let last: Option<i64> = match cx.tx.row(last, &[id.into()])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    let last = last.ok_or_else(|| Error::not_found("A retry of the QueueItem"))?;
    opened(cx, One::by(last))
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

/// The accounts that may review items in the folder, in brief: their names and numbers, whoever asks.
#[odata::input]
pub struct GetReviewers;

impl Operation for GetReviewers {
    const AT: At = function(SET, "GetReviewers")
        .needs(super::items_need(&[("Transactions", Access::Edit)], false))
        .folder(FolderRule::Required);
    type Answer = Page<BriefUser>;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<Page<BriefUser>> {
        Ok(Page::of(REVIEWERS).named("SimpleUserDto"))
    }
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
