//! Adding items, one or many.

use std::time::Duration;

use db::Tx;
use odata::edm::EntitySet;
use odata::{Guid, Open, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::entities::{QueueItem, QueueItemPriority, QueueItemStatus};
use super::events::{self, QueueItemEventAction};
use super::{Author, VIEW_ITEMS, bulk_reply, content, items, items_need};
use crate::body;
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{Access, FolderRule, Need, Op, QUEUE_NAMESPACE, Resource};

pub(super) const ADD: Need = items_need(&[("Transactions", Access::Create)], true);

/// Actions of the address `Queues`, which is no set.
pub const OPS: &[Op] = &[
    Op::action("Queues", "AddQueueItem", ADD, add)
        .namespace(QUEUE_NAMESPACE)
        .params(&[("itemData", "QueueItemDataDto")])
        .returns("QueueItemDto")
        .folder(FolderRule::Required),
    Op::action("Queues", "BulkAddQueueItems", ADD, bulk_add)
        .namespace(QUEUE_NAMESPACE)
        .params(&[
            ("queueName", "Edm.String"),
            ("commitType", "Edm.String"),
            ("queueItems", "Collection(QueueItemDataDto)"),
        ])
        .returns("BulkOperationResponseDtoOfFailedQueueItemDto")
        .folder(FolderRule::Required),
];

/// The set that items are added through. It cannot be read: items are in `QueueItems`.
pub static RESOURCE: Resource = Resource::new(&QUEUES, VIEW_ITEMS)
    .folder(FolderRule::Required)
    .unlisted();

static QUEUES: EntitySet = EntitySet {
    name: "Queues",
    ..QueueItem::SET
};

/// An item to add, or what is changed in one.
#[odata::complex(name = "QueueItemDataDto")]
#[derive(Deserialize)]
pub struct QueueItemData {
    /// Name of the queue.
    #[serde(default)]
    pub name: Option<String>,
    /// What is handed out first.
    #[serde(default)]
    pub priority: Option<QueueItemPriority>,
    /// What it is about.
    #[serde(default)]
    pub specific_content: Option<Open>,
    /// Not handed out before.
    #[serde(default)]
    pub defer_date: Option<Timestamp>,
    /// When it should be done.
    #[serde(default)]
    pub due_date: Option<Timestamp>,
    /// When that is at risk.
    #[serde(default)]
    pub risk_sla_date: Option<Timestamp>,
    /// What the caller knows it by.
    #[edm(max = 128)]
    #[serde(default)]
    pub reference: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub progress: Option<String>,
    /// What adds it.
    #[edm(max = 20)]
    #[serde(default)]
    pub source: Option<String>,
    /// The operation that adds it.
    #[edm(max = 128)]
    #[serde(default)]
    pub parent_operation_id: Option<String>,
}

/// Why an item of many was not added.
#[odata::complex(name = "FailedQueueItemDto")]
#[derive(serde::Serialize)]
struct FailedItem {
    /// Its place in the request, from 1.
    ordinal: i32,
    /// Name of the code.
    error_code: String,
    /// What is wrong.
    error_message: String,
}

/// Whether all items were added, and which were not.
#[odata::complex(name = "BulkOperationResponseDtoOfFailedQueueItemDto")]
pub(super) struct FailedItems {
    /// Whether all were added.
    success: bool,
    /// What was not.
    message: Option<String>,
    /// Those that were refused.
    failed_items: Vec<FailedItem>,
}

/// What adds items.
const SOURCES: &[&str] = &["Manual", "Apps", "ProcessOrchestration"];

impl QueueItemData {
    /// Reads and checks one; `param` is what an error calls it.
    ///
    /// # Errors
    /// 400 when it is no such thing or a member is wrong; 413 for a progress that is too long.
    pub(super) fn read(param: &str, json: Option<&Json>) -> Result<Self> {
        if let Some(json @ Json::Object(_)) = json {
            odata::body::check_complex(&Self::TYPE, json)?;
        }
        let mut data: Self = body::read(param, json)?;
        data.reference = data.reference.filter(|r| !r.is_empty());
        content::check_progress(data.progress.as_deref())?;
        if let Some(source) = &data.source
            && !SOURCES.contains(&source.as_str())
        {
            let known = SOURCES.join(", ");
            return Err(Error::invalid(format!(
                "The field Source must be one of {known}."
            )));
        }
        Ok(data)
    }
}

/// A queue as adding needs it.
struct Queue {
    id: i64,
    unique_references: bool,
    encrypted: bool,
    sla_minutes: Option<u32>,
    risk_minutes: Option<u32>,
}

/// The queue of this name in the folder of the request.
fn queue(cx: &mut Cx<'_, '_>, name: &str) -> Result<Queue> {
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(
        "SELECT q.id, q.enforce_unique_reference, q.encrypted, q.sla_in_minutes,
             q.risk_sla_in_minutes
         FROM queue_folders l JOIN queue_definitions q ON q.id = l.queue_definition_id
         WHERE l.folder_id = $1 AND fold(l.name) = fold($2)",
        &[folder.into(), name.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found(name))?;
    let minutes = |index| {
        let minutes: Option<i64> = row.get(index)?;
        let minutes = minutes.and_then(|m| u32::try_from(m).ok());
        Ok::<_, Error>(minutes.filter(|m| *m > 0))
    };
    Ok(Queue {
        id: row.get(0)?,
        unique_references: row.get(1)?,
        encrypted: row.get(2)?,
        sla_minutes: minutes(3)?,
        risk_minutes: minutes(4)?,
    })
}

/// Adds items to one queue.
struct Adder<'k> {
    tenant: i64,
    now: Timestamp,
    author: Author,
    keys: &'k identity::Keys,
    queue: Queue,
}

impl Adder<'_> {
    /// Adds one item; the caller counts it.
    fn add(&self, tx: &mut Tx<'_>, data: &QueueItemData) -> Result<i64> {
        let unique = self.claim_reference(tx, data)?;
        let key = Guid::random().to_string();
        let content = data.specific_content.as_ref().map(content::specific);
        let content = content.transpose()?.map(|text| match self.queue.encrypted {
            true => content::seal(self.keys, &key, &text),
            false => text,
        });
        let after = |minutes: u32| self.now.plus(Duration::from_secs(u64::from(minutes) * 60));
        // A queue with a deadline puts its items first.
        let usual = match self.queue.sla_minutes {
            Some(_) => QueueItemPriority::High,
            None => QueueItemPriority::Normal,
        };
        let id = tx.insert(
            "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority, defer_date,
                 due_date, risk_sla_date, encrypted, creation_time, key, unique_key, reference,
                 unique_reference, source, parent_operation_id, progress, specific_content)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15, $16)
             RETURNING id",
            &[
                self.tenant.into(),
                self.queue.id.into(),
                QueueItemStatus::New.into(),
                data.priority.unwrap_or(usual).into(),
                data.defer_date.into(),
                data.due_date.or(self.queue.sla_minutes.map(after)).into(),
                data.risk_sla_date
                    .or(self.queue.risk_minutes.map(after))
                    .into(),
                self.queue.encrypted.into(),
                self.now.into(),
                key.into(),
                data.reference.clone().into(),
                unique.into(),
                data.source.clone().into(),
                data.parent_operation_id.clone().into(),
                data.progress.clone().into(),
                content.into(),
            ],
        )?;
        events::write(tx, id, QueueItemEventAction::Create, self.now, &self.author)?;
        Ok(id)
    }

    /// The reference that the item takes, in queues where each is given once.
    fn claim_reference(&self, tx: &mut Tx<'_>, data: &QueueItemData) -> Result<Option<String>> {
        if !self.queue.unique_references {
            return Ok(None);
        }
        let Some(reference) = &data.reference else {
            return Err(Error::refused(
                Code::TransactionReferenceRequired,
                "Error creating Transaction. The queue has unique references: give the item one.",
            ));
        };
        let taken = tx.row(
            "SELECT 1 FROM queue_items WHERE queue_definition_id = $1
             AND fold(unique_reference) = fold($2) AND unique_reference IS NOT NULL",
            &[self.queue.id.into(), reference.into()],
        )?;
        match taken {
            Some(_) => Err(Error::refused(
                Code::DuplicateReference,
                "Error creating Transaction. Duplicate Reference.",
            )),
            None => Ok(Some(reference.clone())),
        }
    }
}

/// Somebody who adds items to a queue, as this request wants.
fn adder<'k>(cx: &mut Cx<'k, '_>, queue_name: &str) -> Result<Adder<'k>> {
    Ok(Adder {
        queue: queue(cx, queue_name)?,
        tenant: cx.caller.tenant,
        now: cx.now,
        author: Author::of(cx.caller),
        keys: &cx.server.keys,
    })
}

/// `AddQueueItem {itemData}`: the item.
fn add(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let item = args.body.as_ref().and_then(|b| body::get(b, "itemData"));
    let data = QueueItemData::read("itemData", item)?;
    let name = data.name.as_deref().filter(|n| !n.trim().is_empty());
    let name = name.ok_or_else(|| Error::invalid("The Name field is required."))?;
    let adder = adder(cx, name)?;
    let id = adder.add(cx.tx, &data)?;
    items::count(cx.tx, adder.queue.id, QueueItemStatus::New, 1)?;
    let entity = cx.entity(&QueueItem::SET, id, &[])?;
    content::opened(cx, Reply::created(entity))
}

odata::edm_enum! {
    /// What happens to the others when one item of many is refused.
    enum CommitType { AllOrNothing = 0, StopOnFirstFailure = 1, ProcessAllIndependently = 2 }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bulk {
    queue_name: String,
    commit_type: CommitType,
    queue_items: Vec<Json>,
}

/// Why nothing of an all-or-nothing remains.
enum Undone {
    /// These were refused.
    Refused(Vec<Json>),
    /// Something else went wrong.
    Failed(Error),
}

impl From<db::Error> for Undone {
    fn from(error: db::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// `BulkAddQueueItems {queueName, commitType, queueItems}`
pub(super) fn bulk_add(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let bulk: Bulk = args.body("bulkAddQueueItemsRequest")?;
    let adder = adder(cx, &bulk.queue_name)?;
    let total = bulk.queue_items.len();
    let stop = bulk.commit_type == CommitType::StopOnFirstFailure;
    let failed = match bulk.commit_type {
        CommitType::StopOnFirstFailure | CommitType::ProcessAllIndependently => {
            add_all(cx.tx, &adder, &bulk.queue_items, stop)?
        }
        CommitType::AllOrNothing => {
            let done = cx
                .tx
                .savepoint(|tx| match add_all(tx, &adder, &bulk.queue_items, false) {
                    Ok(failed) if failed.is_empty() => Ok(failed),
                    Ok(failed) => Err(Undone::Refused(failed)),
                    Err(error) => Err(Undone::Failed(error)),
                });
            match done {
                Ok(failed) | Err(Undone::Refused(failed)) => failed,
                Err(Undone::Failed(error)) => return Err(error),
            }
        }
    };
    Ok(bulk_reply(cx, "FailedQueueItemDto", failed, total))
}

/// Adds items, until the end or the first that is refused; gives those that were.
fn add_all(tx: &mut Tx<'_>, adder: &Adder<'_>, items: &[Json], stop: bool) -> Result<Vec<Json>> {
    let (mut added, mut failed) = (0, Vec::new());
    for (ordinal, item) in (1..).zip(items) {
        let done = QueueItemData::read("queueItem", Some(item));
        match done.and_then(|data| adder.add(tx, &data)) {
            Ok(_) => added += 1,
            Err(error) => {
                failed.push(failure(ordinal, error)?);
                if stop {
                    break;
                }
            }
        }
    }
    items::count(tx, adder.queue.id, QueueItemStatus::New, added)?;
    Ok(failed)
}

/// A refused item as the answer shows it. What is no refusal ends the request.
fn failure(ordinal: i32, error: Error) -> Result<Json> {
    let code = match &error {
        Error::Refused { code, .. } => *code,
        Error::NotNull { .. } | Error::OData(odata::Error::Field(_)) => Code::InvalidArgument,
        _ => return Err(error),
    };
    let failed = FailedItem {
        ordinal,
        error_code: code.name().to_owned(),
        error_message: error.to_string(),
    };
    Ok(serde_json::to_value(failed).unwrap_or_default())
}
