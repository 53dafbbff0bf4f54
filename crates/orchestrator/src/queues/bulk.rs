//! `BulkAddQueueItems`: many items at once.

use std::rc::Rc;

use odata::Each;
use serde_json::Value as Json;

use super::adding::{self, ADD, NewItem, References};
use super::data::{ItemData, QueueItemData};
use super::ledger::Ledger;
use super::queue::Queue;
use super::{Author, refused};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, FolderRule, Op, Operation, Prepares, QUEUE_NAMESPACE, action, prepared};

/// The action, of the address `Queues`.
pub const OPS: &[Op] = &[prepared::<BulkAddQueueItems>()];

/// Most items that one request adds: others wait meanwhile.
pub(super) const MOST_AT_ONCE: usize = 15_000;

/// Why an item of many was not added.
#[odata::complex(name = "FailedQueueItemDto")]
#[derive(Clone, serde::Serialize)]
pub struct FailedItem {
    /// Its place in the request, from 1.
    ordinal: i32,
    /// Name of the code.
    error_code: String,
    /// What is wrong.
    error_message: String,
}

/// Whether all items were added, and which were not.
#[odata::complex(name = "BulkOperationResponseDtoOfFailedQueueItemDto")]
#[derive(serde::Serialize)]
pub struct FailedItems {
    /// Whether all were added.
    success: bool,
    /// What was not.
    message: Option<String>,
    /// Those that were refused.
    failed_items: Vec<FailedItem>,
}

odata::edm_enum! {
    /// What happens to the others when one item of many is refused.
    enum CommitType { AllOrNothing = 0, StopOnFirstFailure = 1, ProcessAllIndependently = 2 }
}

/// Adds many items to a queue at once. Those that are refused are in the answer.
#[odata::input]
pub struct BulkAddQueueItems {
    /// Name of the queue.
    #[edm(required)]
    queue_name: String,
    /// What happens to the others when an item is refused.
    #[edm(required)]
    commit_type: CommitType,
    /// The items, at most 15,000.
    #[edm(required, range = "0..=15000")]
    queue_items: Each<QueueItemData>,
    /// Those that may be added as far as one sees without the database, and why the others may not.
    #[edm(skip)]
    #[serde(skip)]
    read: Vec<Result<ItemData, FailedItem>>,
}

impl BulkAddQueueItems {
    /// Adds items each on its own.
    pub(super) fn each(queue_name: String, items: Vec<Json>) -> Self {
        Self {
            queue_name,
            commit_type: CommitType::ProcessAllIndependently,
            queue_items: items.into(),
            read: Vec::new(),
        }
    }
}

impl Prepares for BulkAddQueueItems {
    /// Reads the items: others wait for the transaction.
    fn prepare(&mut self) -> Result<()> {
        let read = |(ordinal, item)| match ItemData::read("queueItem", Some(item)) {
            Ok(data) => Ok(Ok(data)),
            Err(error) => failure(ordinal, error).map(Err),
        };
        let items = (1..).zip(&self.queue_items.entries);
        self.read = items.map(read).collect::<Result<_>>()?;
        Ok(())
    }
}

impl Operation for BulkAddQueueItems {
    const AT: At = action("Queues", "BulkAddQueueItems")
        .needs(ADD)
        .body("bulkAddQueueItemsRequest")
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Required)
        .once();
    type Answer = FailedItems;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedItems> {
        add(cx, self)
    }
}

fn add(cx: &mut Cx<'_, '_>, bulk: &BulkAddQueueItems) -> Result<FailedItems> {
    let creator_job_key = cx.args.job()?;
    let folder = cx.need_folder()?.id;
    let queue = Queue::named(cx.tx, folder, &bulk.queue_name)?;
    let queue = Rc::new(queue.ok_or_else(|| Error::not_found(&bulk.queue_name))?);
    let mut references = References::default();
    let readable = bulk.read.iter().filter_map(|item| item.as_ref().ok());
    references.look_up(cx.tx, readable.map(|data| (&*queue, data)))?;
    let (mut items, mut failed) = (Vec::with_capacity(bulk.read.len()), Vec::new());
    for (ordinal, data) in (1..).zip(&bulk.read) {
        let refusal = match data {
            Err(known) => known.clone(),
            Ok(data) => {
                let item = NewItem::of(cx.caller.tenant, &queue, data, cx.now, cx.server);
                match item.and_then(|item| references.claim(&queue, data).map(|()| item)) {
                    Err(error) => failure(ordinal, error)?,
                    Ok(mut item) => {
                        item.creator_job_key = creator_job_key;
                        items.push(item);
                        continue;
                    }
                }
            }
        };
        failed.push(refusal);
        if bulk.commit_type == CommitType::StopOnFirstFailure {
            break;
        }
    }
    if failed.is_empty() || bulk.commit_type != CommitType::AllOrNothing {
        let (author, mut ledger) = (Author::of(cx.caller), Ledger::new(cx.now));
        adding::insert(cx.tx, &mut ledger, cx.now, |_| author.clone(), items)?;
        ledger.settle(cx.tx)?;
    }
    Ok(FailedItems {
        success: failed.is_empty(),
        message: refused(failed.len(), bulk.read.len()),
        failed_items: failed,
    })
}

/// A refused item as the answer shows it. What is no refusal ends the request.
fn failure(ordinal: i32, error: Error) -> Result<FailedItem> {
    let code = match &error {
        Error::Refused { code, .. } => *code,
        Error::NotNull { .. } | Error::OData(odata::Error::Field(_)) => Code::InvalidArgument,
        _ => return Err(error),
    };
    Ok(FailedItem {
        ordinal,
        error_code: code.name().to_owned(),
        error_message: error.to_string(),
    })
}
