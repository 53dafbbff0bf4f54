//! Items edited and deleted.

use db::sql;
use odata::Timestamp;

use super::content::{self, Dictionary, Kind};
use super::data::{ItemData, QueueItemData};
use super::entities::{QueueItem, QueueItemPriority, QueueItemStatus};
use super::events::{self, QueueItemEventAction};
use super::items::{self, DELETE_ITEMS, Item, Versioned, on_items};
use super::ledger::Ledger;
use super::queue::Queue;
use super::{Author, refused, turn};
use crate::bulk::FailedNumbers;
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, One, Operation, Verb, Written};

/// Replaces priority, dates, progress and content of a new item. Of one that is successful, deleted or
/// retried, the content can be removed: everything else must then be as it is.
#[odata::input]
pub struct ReplaceQueueItem {
    /// Number of the item.
    #[edm(key)]
    id: i64,
    /// What it is from then on.
    #[edm(whole, required)]
    queue_item_dto: QueueItemData,
}

impl Verb for ReplaceQueueItem {
    type Answer = Written<One<QueueItem>>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let data = self.queue_item_dto.checked()?;
        let item = items::find(cx, self.id)?;
        item.must_be(cx.args.if_match)?;
        item.must_be(cx.args.version(&QueueItem::SET)?)?;
        match item.status {
            QueueItemStatus::New => edit(cx, &item, &data)?,
            QueueItemStatus::Successful | QueueItemStatus::Deleted | QueueItemStatus::Retried => {
                remove_content(cx, &item, &data)?;
            }
            QueueItemStatus::InProgress | QueueItemStatus::Failed | QueueItemStatus::Abandoned => {
                return Err(Error::refused(
                    Code::FieldNotEditable,
                    format!(
                        "A queue item that is {} cannot be edited.",
                        item.status.name()
                    ),
                ));
            }
        }
        let author = Author::of(cx.caller);
        events::write(cx.tx, item.id, QueueItemEventAction::Edit, cx.now, &author)?;
        items::opened(cx, One::by(item.id))
    }
}

/// Items that can be edited.
pub(super) const EDITABLE: &str = "{t}.status = 0";

/// When an item is handed out, and until when it should be done.
#[derive(Clone, Copy)]
pub(super) struct Schedule {
    pub priority: QueueItemPriority,
    pub defer_date: Option<Timestamp>,
    pub due_date: Option<Timestamp>,
    pub risk_sla_date: Option<Timestamp>,
}

impl Schedule {
    /// As it is.
    pub fn of(item: &Item) -> Self {
        Self {
            priority: item.priority,
            defer_date: item.defer_date,
            due_date: item.due_date,
            risk_sla_date: item.risk_sla_date,
        }
    }
}

/// Gives a new item another schedule.
///
/// # Errors
/// The store's.
pub(super) fn reschedule(cx: &mut Cx<'_, '_>, item: &Item, to: &Schedule) -> Result<()> {
    let turn = turn::of(to.priority, to.due_date, to.defer_date, cx.now);
    cx.tx.exec(
        "UPDATE queue_items SET priority = $2, defer_date = $3, due_date = $4, risk_sla_date = $5,
             turn = $6, version = version + 1 WHERE id = $1",
        &[
            item.id.into(),
            to.priority.into(),
            to.defer_date.into(),
            to.due_date.into(),
            to.risk_sla_date.into(),
            turn.into(),
        ],
    )?;
    Ok(())
}

fn edit(cx: &mut Cx<'_, '_>, item: &Item, data: &ItemData) -> Result<()> {
    let queue = Queue::numbered(cx.tx, item.queue)?;
    let (keys, content) = (&cx.server.keys, data.content.as_ref());
    let content = content::kept(Kind::Specific, content, keys, &queue, &item.key)?;
    let schedule = Schedule {
        priority: data.priority.unwrap_or(item.priority),
        defer_date: data.defer_date,
        due_date: data.due_date,
        ..Schedule::of(item)
    };
    reschedule(cx, item, &schedule)?;
    cx.tx.exec(
        "UPDATE queue_items SET progress = $2, specific_content = $3 WHERE id = $1",
        &[item.id.into(), data.progress.clone().into(), content.into()],
    )?;
    Ok(())
}

fn remove_content(cx: &mut Cx<'_, '_>, item: &Item, data: &ItemData) -> Result<()> {
    let emptied = data.content.as_ref().is_none_or(Dictionary::is_empty);
    if !emptied {
        return Err(unlike(item, "SpecificContent must be null or empty"));
    }
    if let Some(member) = changed(item, data) {
        return Err(unlike(item, &format!("{member} must be what GET shows")));
    }
    cx.tx.exec(
        "UPDATE queue_items SET specific_content = NULL, version = version + 1 WHERE id = $1",
        &[item.id.into()],
    )?;
    Ok(())
}

fn unlike(item: &Item, what: &str) -> Error {
    let status = item.status.name();
    let message =
        format!("Only the content of a queue item that is {status} can be removed: {what}.");
    Error::refused(Code::FieldNotEditable, message)
}

/// The first member that differs from the item's. What a body leaves out is null, but a name and a
/// priority cannot be.
fn changed(item: &Item, data: &ItemData) -> Option<&'static str> {
    let same_name = |name: &String| {
        let (given, known) = (name.trim().to_lowercase(), item.queue_name.trim());
        given == known.to_lowercase()
    };
    let checks = [
        ("Name", data.name.as_ref().is_none_or(same_name)),
        ("Priority", data.priority.is_none_or(|p| p == item.priority)),
        ("DeferDate", data.defer_date == item.defer_date),
        ("DueDate", data.due_date == item.due_date),
        ("RiskSlaDate", data.risk_sla_date == item.risk_sla_date),
        ("Reference", data.reference == item.reference),
        ("Progress", data.progress == item.progress),
    ];
    let differs = checks.iter().find(|(_, same)| !same);
    differs.map(|(member, _)| *member)
}

/// `DELETE /odata/QueueItems(id)`
pub(super) fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let item = items::find(cx, id)?;
    item.must_be(cx.args.if_match)?;
    mark_deleted(cx, &item)
}

/// Deletes items, each on its own. Those that could not be deleted are in the answer.
#[odata::input]
pub struct DeleteBulk {
    /// The items, each in the version that is meant.
    #[edm(required)]
    queue_items: Vec<Versioned>,
}

impl Operation for DeleteBulk {
    const AT: At = on_items("DeleteBulk").needs(DELETE_ITEMS);
    type Answer = FailedNumbers;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedNumbers> {
        each(cx, &self.queue_items, mark_deleted)
    }
}

/// Items that can be deleted and are not.
pub(super) const DELETABLE: &str = sql!(
    "{{t}}.status NOT IN {}",
    db::numbers!(QueueItemStatus: InProgress, Deleted)
);

/// Gives an item the status Deleted: its row stays, its reference is free again.
///
/// # Errors
/// 1013 for one that is in progress.
pub(super) fn mark_deleted(cx: &mut Cx<'_, '_>, item: &Item) -> Result<()> {
    match item.status {
        QueueItemStatus::Deleted => return Ok(()),
        QueueItemStatus::InProgress => {
            return Err(Error::refused(
                Code::ItemIsInUse,
                "A queue item that is InProgress cannot be deleted.",
            ));
        }
        _ => {}
    }
    cx.tx.exec(
        "UPDATE queue_items SET status = $2, unique_reference = NULL, turn = NULL,
             version = version + 1
         WHERE id = $1",
        &[item.id.into(), QueueItemStatus::Deleted.into()],
    )?;
    let mut ledger = Ledger::new(cx.now);
    ledger.counted(item.queue, item.status, QueueItemStatus::Deleted);
    ledger.settle(cx.tx)?;
    let (action, author) = (QueueItemEventAction::Delete, Author::of(cx.caller));
    events::write(cx.tx, item.id, action, cx.now, &author)
}

/// Does something to each of the items that a body names, in the version that it names; those to
/// which it cannot be done are in the answer.
pub(super) fn each(
    cx: &mut Cx<'_, '_>,
    items: &[Versioned],
    mut change: impl FnMut(&mut Cx<'_, '_>, &Item) -> Result<()>,
) -> Result<FailedNumbers> {
    let mut failed = Vec::new();
    for named in items {
        let version = named.version()?;
        let done = items::find(cx, named.id).and_then(|item| {
            item.must_be(version)?;
            change(cx, &item)
        });
        match done {
            Ok(()) => {}
            // Refusals come before anything is written.
            Err(Error::Refused { .. }) => failed.push(named.id),
            Err(error) => return Err(error),
        }
    }
    Ok(FailedNumbers {
        success: failed.is_empty(),
        message: refused(failed.len(), items.len()),
        failed_items: failed,
    })
}
