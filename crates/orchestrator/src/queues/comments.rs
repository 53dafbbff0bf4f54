//! What people say about items.

use db::Value;
use odata::{Changes, Mode, Timestamp};

use super::entities::QueueItem;
use super::events::OF_ALL_ATTEMPTS;
use super::items::{self, DELETE_ITEMS};
use super::{
    Author, EDIT_ITEMS, VIEW_ITEMS, entity_in_folders, must_be_in_folders, page_in_folders,
};
use crate::access;
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Command, FolderRule, Op, Resource};

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
    .list(|cx, args| page_in_folders(cx, args, &QueueItemComment::SET, None, &[]))
    .get(|cx, args| entity_in_folders(cx, args, &QueueItemComment::SET))
    .create(Command::new(EDIT_ITEMS, create))
    .replace(Command::new(EDIT_ITEMS, replace).silent())
    .delete(Command::new(EDIT_ITEMS, delete));

/// Its functions and actions.
pub const OPS: &[Op] = &[Op::function(
    "QueueItemComments",
    "GetQueueItemCommentsHistory",
    VIEW_ITEMS,
    history,
)
.params(&[("queueItemId", "Edm.Int64")])
.returns("Collection(QueueItemCommentDto)")
.folder(FolderRule::Optional)];

/// `POST /odata/QueueItemComments`
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let mut changes = args.changes("queueItemCommentDto", &QueueItemComment::SET, Mode::Create)?;
    let item = match changes.get("queue_item_id") {
        Some(Value::Int(id)) => *id,
        _ => return Err(Error::invalid("The QueueItemId field is required.")),
    };
    let item = items::find(cx, item)?;
    let author = Author::of(cx.caller);
    changes.set("queue_definition_id", item.queue);
    changes.set("user_id", author.user);
    changes.set("external_client_id", author.client);
    let id = cx.insert(changes)?;
    Ok(Reply::created(cx.entity(
        &QueueItemComment::SET,
        id,
        &[],
    )?))
}

/// `PUT /odata/QueueItemComments(id)`: another text for one's own comment, or a new comment where
/// none has this number.
fn replace(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    let any = "SELECT 1 FROM queue_item_comments WHERE id = $1 AND tenant_id = $2";
    let tenant = cx.caller.tenant;
    if cx.tx.row(any, &[id.into(), tenant.into()])?.is_none() {
        return create(cx, args);
    }
    let mut changes = args.changes("queueItemCommentDto", &QueueItemComment::SET, Mode::Replace)?;
    let item = changes
        .remove("queue_item_id")
        .filter(|item| *item != Value::Null);
    must_be_in_folders(cx, &QueueItemComment::SET, id)?;
    if !is_own(cx, id)? {
        return Err(Error::refused(
            Code::ErrorUpdating,
            "Only the author can change a comment: write one of your own.",
        ));
    }
    let mut moved = Changes::none(&QueueItemComment::SET);
    if let Some(item) = item {
        moved.set("queue_item_id", item);
    }
    if let Some(member) = moved.first_change(cx.tx, id)? {
        return Err(Error::refused(
            Code::FieldNotEditable,
            format!("The {member} of a comment cannot be changed: write another comment."),
        ));
    }
    cx.update(changes, id)?;
    Ok(Reply::json(cx.entity(&QueueItemComment::SET, id, &[])?))
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
fn delete(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.id()?;
    must_be_in_folders(cx, &QueueItemComment::SET, id)?;
    let folder = cx.need_folder()?.clone();
    if !is_own(cx, id)? && !access::has_in_folder(cx.tx, cx.caller, &DELETE_ITEMS, &folder)? {
        return Err(Error::refused(
            Code::ForbiddenOperation,
            "Only the author, or whoever may delete queue items, can delete a comment.",
        ));
    }
    cx.delete(&QueueItemComment::SET, id)?;
    Ok(Reply::NoContent)
}

/// `GetQueueItemCommentsHistory(queueItemId=…)`: of all attempts.
fn history(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let item = args.int("queueItemId")?;
    must_be_in_folders(cx, &QueueItem::SET, item)?;
    let vars = [("item", item.into())];
    page_in_folders(
        cx,
        args,
        &QueueItemComment::SET,
        Some(OF_ALL_ATTEMPTS),
        &vars,
    )
}
