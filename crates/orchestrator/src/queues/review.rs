//! What people do with items that failed: review them, and have them retried.

use db::Value;
use odata::Guid;

use super::editing::each;
use super::entities::{QueueItemReviewStatus, QueueItemStatus};
use super::events::{self, QueueItemEventAction};
use super::items::{self, Item};
use super::{Author, records};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};

/// `SetItemReviewStatus {status, queueItems}`; with the status Retried each item is retried.
pub(super) fn set_status(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let status: QueueItemReviewStatus = args.member("status")?;
    each(cx, args, |cx, item| match status {
        QueueItemReviewStatus::Retried => retry(cx, item),
        other => {
            must_be_over(item)?;
            update(cx, item, "review_status", other.into())
        }
    })
}

/// `SetItemReviewer {userId, queueItems}`
pub(super) fn set_reviewer(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let user: i64 = args.member("userId")?;
    if !items::may_review(cx, user)? {
        return Err(Error::refused(
            Code::ReviewerNotAvailable,
            format!("The user {user} may not review items in this folder."),
        ));
    }
    each(cx, args, |cx, item| {
        must_be_over(item)?;
        update(cx, item, "reviewer_user_id", user.into())
    })
}

/// `UnsetItemReviewer {queueItems}`
pub(super) fn unset_reviewer(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    each(cx, args, |cx, item| {
        must_be_over(item)?;
        update(cx, item, "reviewer_user_id", Value::Null)
    })
}

/// Items that [`must_be_over`] lets pass.
pub(super) const OVER: &str = "{t}.status IN (2, 4)";

fn must_be_over(item: &Item) -> Result<()> {
    if matches!(
        item.status,
        QueueItemStatus::Failed | QueueItemStatus::Abandoned
    ) {
        return Ok(());
    }
    Err(Error::refused(
        Code::QueueItemInvalidStatusForRetry,
        "Only queue items that are Failed or Abandoned are reviewed and retried.",
    ))
}

/// Changes one column of the review; the column is ours.
fn update(cx: &mut Cx<'_, '_>, item: &Item, column: &str, value: Value) -> Result<()> {
    let sql = format!("UPDATE queue_items SET {column} = $2, version = version + 1 WHERE id = $1");
    cx.tx.exec(&sql, &[item.id.into(), value])?;
    let author = Author::of(cx.caller);
    events::write(cx.tx, item.id, QueueItemEventAction::Edit, cx.now, &author)
}

/// Marks the item as retried, and adds a new attempt with its key, content and reference.
///
/// # Errors
/// 1916 unless it is one of [`OVER`].
pub(super) fn retry(cx: &mut Cx<'_, '_>, item: &Item) -> Result<()> {
    must_be_over(item)?;
    let (now, author) = (cx.now, Author::of(cx.caller));
    let taken = cx.tx.row(
        "SELECT unique_reference FROM queue_items WHERE id = $1",
        &[item.id.into()],
    )?;
    let taken: Option<String> = taken.map(|r| r.get(0)).transpose()?.flatten();
    cx.tx.exec(
        "UPDATE queue_items SET status = $2, review_status = $3, unique_reference = NULL,
             version = version + 1 WHERE id = $1",
        &[
            item.id.into(),
            QueueItemStatus::Retried.into(),
            QueueItemReviewStatus::Retried.into(),
        ],
    )?;
    let copy = cx.tx.insert(
        "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, defer_date,
             due_date, risk_sla_date, encrypted, creation_time, key, unique_key, reference,
             unique_reference, source, parent_operation_id, creator_job_key, retry_number,
             manual_retry_number, manual_ancestor_id, manual_ancestor_unique_key, specific_content)
         SELECT tenant_id, queue_definition_id, $2, priority, defer_date, due_date, risk_sla_date,
             encrypted, $3, key, $4, reference, $5, source, parent_operation_id, creator_job_key,
             retry_number, manual_retry_number + 1, id, unique_key, specific_content
         FROM queue_items WHERE id = $1 RETURNING id",
        &[
            item.id.into(),
            QueueItemStatus::New.into(),
            now.into(),
            Guid::random().into(),
            taken.into(),
        ],
    )?;
    items::count(cx.tx, item.queue, item.status, -1)?;
    items::count(cx.tx, item.queue, QueueItemStatus::Retried, 1)?;
    items::count(cx.tx, item.queue, QueueItemStatus::New, 1)?;
    records::retried(cx.tx, item.queue, now)?;
    events::write(cx.tx, item.id, QueueItemEventAction::Retry, now, &author)?;
    events::write(cx.tx, copy, QueueItemEventAction::Create, now, &author)
}
