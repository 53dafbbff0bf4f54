//! What happened to items. Every change of one writes an event in its own transaction.

use db::Tx;
use odata::edm::Entity;
use odata::{Timestamp, edm_enum};

use super::entities::{QueueItem, QueueItemReviewStatus, QueueItemStatus};
use super::{Author, VIEW_ITEMS, in_folders, must_be_in_folders, page_in_folders};
use crate::cx::Cx;
use crate::error::Result;
use crate::op::{At, FolderRule, Op, Operation, Page, Resource, Verb, function, op};

edm_enum! {
    /// What somebody did.
    pub enum QueueItemEventAction { Create = 0, Edit = 1, Delete = 2, Status = 3, Retry = 4 }
}

/// Something that happened to an item, and how the item was afterwards.
#[odata::entity(
    set = "QueueItemEvents", name = "QueueItemEventDto", table = "queue_item_events", key = "Id",
    scope = tenant, indexes = "queue_item_events_item(queue_item_id, id)"
)]
pub struct QueueItemEvent {
    /// The item.
    pub queue_item_id: i64,
    /// When.
    pub timestamp: Timestamp,
    /// What.
    pub action: QueueItemEventAction,
    /// More about it.
    pub data: Option<String>,
    /// Who.
    pub user_id: Option<i64>,
    /// Name of who.
    #[edm(sql = "{user_id->users}.user_name")]
    pub user_name: Option<String>,
    /// Where the item stood.
    pub status: QueueItemStatus,
    /// What people had made of its failure.
    pub review_status: QueueItemReviewStatus,
    /// Who reviewed it.
    pub reviewer_user_id: Option<i64>,
    /// Name of who reviewed it.
    #[edm(sql = "{reviewer_user_id->users}.user_name")]
    pub reviewer_user_name: Option<String>,
    /// Which application did it.
    pub external_client_id: Option<String>,
    /// Number of the event.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(&QueueItemEvent::SET, VIEW_ITEMS)
    .folder(FolderRule::Optional)
    .list::<ListQueueItemEvents>()
    .get()
    .sees(|cx, id| must_be_in_folders(cx, &QueueItemEvent::SET, id));

/// Its functions and actions.
pub const OPS: &[Op] = &[op::<GetQueueItemEventsHistory>()];

/// What happened to items of queues in the folders that the request may show.
#[odata::input]
pub struct ListQueueItemEvents;

impl Verb for ListQueueItemEvents {
    type Answer = Page<QueueItemEvent>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(page_in_folders(cx))
    }
}

/// Rows of all attempts at the item `{item}`.
const OF_ALL_ATTEMPTS: &str = "{t}.queue_item_id IN (SELECT a.id FROM queue_items i
    JOIN queue_items a ON a.key = i.key WHERE i.id = {item})";

/// A page of what belongs to any attempt at an item.
///
/// # Errors
/// 1002 when the request sees no such item.
pub(super) fn of_all_attempts<S: Entity>(cx: &mut Cx<'_, '_>, item: i64) -> Result<Page<S>> {
    must_be_in_folders(cx, &QueueItem::SET, item)?;
    let restrict = format!("{} AND {OF_ALL_ATTEMPTS}", in_folders(cx));
    Ok(Page::of(restrict).var("item", item))
}

/// What happened to all attempts at an item.
#[odata::input]
pub struct GetQueueItemEventsHistory {
    /// Number of one of the attempts.
    #[edm(required)]
    queue_item_id: i64,
}

impl Operation for GetQueueItemEventsHistory {
    const AT: At = function("QueueItemEvents", "GetQueueItemEventsHistory")
        .needs(VIEW_ITEMS)
        .folder(FolderRule::Optional);
    type Answer = Page<QueueItemEvent>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        of_all_attempts(cx, self.queue_item_id)
    }
}

/// Writes down what somebody did to an item, which has just been changed.
///
/// # Errors
/// The store's.
pub(super) fn write(
    tx: &mut Tx<'_>,
    item: i64,
    action: QueueItemEventAction,
    now: Timestamp,
    author: &Author,
) -> Result<()> {
    tx.exec(
        "INSERT INTO queue_item_events (tenant_id, queue_definition_id, queue_item_id, timestamp,
             action, user_id, external_client_id, status, review_status, reviewer_user_id)
         SELECT tenant_id, queue_definition_id, id, $2, $3, $4, $5, status, review_status,
             reviewer_user_id FROM queue_items WHERE id = $1",
        &[
            item.into(),
            now.into(),
            action.into(),
            author.user.into(),
            author.client.clone().into(),
        ],
    )?;
    Ok(())
}
