//! What people do with items that failed: review them, and have them retried.

use db::{Value, sql};

use super::editing::each;
use super::entities::{QueueItemReviewStatus, QueueItemStatus};
use super::events::{self, QueueItemEventAction};
use super::items::{self, Item, Versioned, on_items};
use super::ledger::{ItemRef, Ledger};
use super::retrying::{self, RetriedBy, Retry};
use super::{Author, EDIT_ITEMS};
use crate::bulk::FailedNumbers;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, Operation};

/// Sets the review status of items; with the status `Retried` each item is retried. Those that were
/// refused are in the answer.
#[odata::input]
pub struct SetItemReviewStatus {
    /// The items, each in the version that is meant.
    #[edm(required)]
    queue_items: Vec<Versioned>,
    /// The review status.
    #[edm(required)]
    status: QueueItemReviewStatus,
}

impl Operation for SetItemReviewStatus {
    const AT: At = on_items("SetItemReviewStatus").needs(EDIT_ITEMS);
    type Answer = FailedNumbers;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedNumbers> {
        each(cx, &self.queue_items, |cx, item| match self.status {
            QueueItemReviewStatus::Retried => retry(cx, item),
            other => {
                must_be_over(item)?;
                update(cx, item, "review_status", other.into())
            }
        })
    }
}

/// Gives items a reviewer. Those that were refused are in the answer.
#[odata::input]
pub struct SetItemReviewer {
    /// The items, each in the version that is meant.
    #[edm(required)]
    queue_items: Vec<Versioned>,
    /// Number of the reviewer, one of those that `GetReviewers` lists.
    #[edm(required)]
    user_id: i64,
}

impl Operation for SetItemReviewer {
    const AT: At = on_items("SetItemReviewer").needs(EDIT_ITEMS);
    type Answer = FailedNumbers;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedNumbers> {
        let user = self.user_id;
        if !items::may_review(cx, user)? {
            return Err(Error::refused(
                Code::ReviewerNotAvailable,
                format!("The user {user} may not review items in this folder."),
            ));
        }
        each(cx, &self.queue_items, |cx, item| {
            must_be_over(item)?;
            update(cx, item, "reviewer_user_id", user.into())
        })
    }
}

/// Takes the reviewer away from items. Those that were refused are in the answer.
#[odata::input]
pub struct UnsetItemReviewer {
    /// The items, each in the version that is meant.
    #[edm(required)]
    queue_items: Vec<Versioned>,
}

impl Operation for UnsetItemReviewer {
    const AT: At = on_items("UnsetItemReviewer").needs(EDIT_ITEMS);
    type Answer = FailedNumbers;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedNumbers> {
        each(cx, &self.queue_items, |cx, item| {
            must_be_over(item)?;
            update(cx, item, "reviewer_user_id", Value::Null)
        })
    }
}

/// Items that [`must_be_over`] lets pass.
pub(super) const OVER: &str = sql!(
    "{{t}}.status IN {}",
    db::numbers!(QueueItemStatus: Failed, Abandoned)
);

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

/// Marks the item as retried, and adds a copy of it.
///
/// # Errors
/// 1916 unless it is one of [`OVER`].
pub(super) fn retry(cx: &mut Cx<'_, '_>, item: &Item) -> Result<()> {
    must_be_over(item)?;
    let (author, mut ledger) = (Author::of(cx.caller), Ledger::new(cx.now));
    let status = QueueItemStatus::Retried;
    cx.tx.exec(
        "UPDATE queue_items SET status = $2, review_status = $3, version = version + 1
         WHERE id = $1",
        &[
            item.id.into(),
            status.into(),
            QueueItemReviewStatus::Retried.into(),
        ],
    )?;
    let of = ItemRef {
        tenant: cx.caller.tenant,
        queue: item.queue,
        item: item.id,
    };
    ledger.counted(item.queue, item.status, status);
    events::write(cx.tx, item.id, QueueItemEventAction::Retry, cx.now, &author)?;
    let again = Retry {
        of,
        priority: item.priority,
        defer_date: item.defer_date,
        due_date: item.due_date,
        seconds: item.took(),
        author,
    };
    let (chance, again) = (&cx.server.chance, vec![again]);
    retrying::add(cx.tx, &mut ledger, cx.now, chance, RetriedBy::Person, again)?;
    ledger.settle(cx.tx)
}
