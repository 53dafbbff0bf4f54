//! What people say about items.

use db::Value;
use odata::edm::EntitySet;
use odata::{Changes, Timestamp};

use super::events::of_all_attempts;
use super::items::{self, DELETE_ITEMS};
use super::{Author, EDIT_ITEMS, VIEW_ITEMS, must_be_in_folders, page_in_folders};
use crate::access;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, Command, FolderRule, Op, Operation, Page, Resource, Verb, function, op};

/// A comment on an item.
#[odata::entity(
    set = "QueueItemComments", name = "QueueItemCommentDto", table = "queue_item_comments",
    key = "Id", scope = tenant, indexes = "queue_item_comments_item(queue_item_id, id)"
)]
pub struct QueueItemComment {
    /// What is said.
    #[edm(required, max = 512)]
    pub text: String,
    /// The item.
    pub queue_item_id: i64,
    /// When.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// Who.
    #[edm(read_only)]
    pub user_id: Option<i64>,
    /// Name of who.
    #[edm(sql = "{user_id->users}.user_name", read_only)]
    pub user_name: Option<String>,
    /// Number of the comment.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(&QueueItemComment::SET, VIEW_ITEMS)
    .folder(FolderRule::Optional)
    .list::<ListQueueItemComments>()
    .get()
    .sees(|cx, id| must_be_in_folders(cx, SET, id))
    .create(Command::create(EDIT_ITEMS, BODY, create))
    .replace(
        Command::replace(EDIT_ITEMS, BODY, replace)
            .or_create(exists)
            .silent(),
    )
    .delete(Command::delete(EDIT_ITEMS, delete));

const SET: &EntitySet = &QueueItemComment::SET;
/// What messages call the body.
const BODY: &str = "queueItemCommentDto";

/// Its functions and actions.
pub const OPS: &[Op] = &[op::<GetQueueItemCommentsHistory>()];

/// What people say about items of queues in the folders that the request may show.
#[odata::input]
pub struct ListQueueItemComments;

impl Verb for ListQueueItemComments {
    type Answer = Page<QueueItemComment>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(page_in_folders(cx))
    }
}

/// `POST /odata/QueueItemComments`
fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    let item = match changes.get("queue_item_id") {
        Some(Value::Int(id)) => *id,
        _ => return Err(Error::invalid("The QueueItemId field is required.")),
    };
    let item = items::find(cx, item)?;
    let author = Author::of(cx.caller);
    changes.set("queue_definition_id", item.queue);
    changes.set("user_id", author.user);
    changes.set("external_client_id", author.client);
    cx.insert(changes)
}

/// Whether the tenant has a comment with this number.
fn exists(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let any = "SELECT 1 FROM queue_item_comments WHERE id = $1 AND tenant_id = $2";
    let tenant = cx.caller.tenant;
    Ok(cx.tx.row(any, &[id.into(), tenant.into()])?.is_some())
}

/// `PUT /odata/QueueItemComments(id)`: another text for one's own comment.
fn replace(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    let item = changes
        .remove("queue_item_id")
        .filter(|item| *item != Value::Null);
    must_be_in_folders(cx, SET, id)?;
    if !is_own(cx, id)? {
        return Err(Error::refused(
            Code::ErrorUpdating,
            "Only the author can change a comment: write one of your own.",
        ));
    }
    let mut moved = Changes::none(SET);
    if let Some(item) = item {
        moved.set("queue_item_id", item);
    }
    if let Some(member) = moved.first_change(cx.tx, id)? {
        return Err(Error::refused(
            Code::FieldNotEditable,
            format!("The {member} of a comment cannot be changed: write another comment."),
        ));
    }
    cx.update(changes, id)
}

/// Whether the caller wrote the comment.
fn is_own(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    let author = Author::of(cx.caller);
    let row = cx.tx.row(
        "SELECT user_id, external_client_id FROM queue_item_comments WHERE id = $1",
        &[id.into()],
    )?;
    Ok(match row {
        Some(row) => {
            row.get::<Option<i64>>("user_id")? == author.user
                && row.get::<Option<String>>("external_client_id")? == author.client
        }
        None => false,
    })
}

/// `DELETE /odata/QueueItemComments(id)`: of one's own comment, or of anybody's by those who may
/// delete the item with all that is said of it. The original documents a rule for changes only; what
/// nobody else may change nobody else may make unsaid either.
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    must_be_in_folders(cx, SET, id)?;
    let folder = cx.need_folder()?.clone();
    if !is_own(cx, id)? && !access::has_in_folder(cx.tx, cx.caller, &DELETE_ITEMS, &folder)? {
        return Err(Error::refused(
            Code::ForbiddenOperation,
            "Only the author, or whoever may delete queue items, can delete a comment.",
        ));
    }
    cx.delete(SET, id)
}

/// The comments on all attempts at an item.
#[odata::input]
pub struct GetQueueItemCommentsHistory {
    /// Number of one of the attempts.
    #[edm(required)]
    queue_item_id: i64,
}

impl Operation for GetQueueItemCommentsHistory {
    const AT: At = function("QueueItemComments", "GetQueueItemCommentsHistory")
        .needs(VIEW_ITEMS)
        .folder(FolderRule::Optional);
    type Answer = Page<QueueItemComment>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        of_all_attempts(cx, self.queue_item_id)
    }
}
