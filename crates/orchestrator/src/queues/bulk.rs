//! `BulkAddQueueItems`: many items at once.

use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use super::adding::{self, ADD, NewItem, QueueItemData, References};
use super::ledger::Ledger;
use super::queue::Queue;
use super::{Author, bulk_reply};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::idempotency;
use crate::op::{FolderRule, Op, Prepared, QUEUE_NAMESPACE};

/// The action, of the address `Queues`.
pub const OPS: &[Op] = &[Op::action("Queues", "BulkAddQueueItems", ADD, add_all)
    .prepare(|args| Ok(Some(Prepared::Items(Arc::new(Bulk::read(args)?)))))
    .namespace(QUEUE_NAMESPACE)
    .params(&[
        ("queueName", "Edm.String"),
        ("commitType", "Edm.String"),
        ("queueItems", "Collection(QueueItemDataDto)"),
    ])
    .returns("BulkOperationResponseDtoOfFailedQueueItemDto")
    .folder(FolderRule::Required)];

/// Most items that one request adds: others wait meanwhile.
pub(super) const MOST_AT_ONCE: usize = 15_000;
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

odata::edm_enum! {
    /// What happens to the others when one item of many is refused.
    enum CommitType { AllOrNothing = 0, StopOnFirstFailure = 1, ProcessAllIndependently = 2 }
}

/// Items to add, read and checked before the transaction: others wait for it.
pub struct Bulk {
    queue_name: String,
    commit_type: CommitType,
    /// Those that may be added as far as one sees without the database, and why the others may not.
    items: Vec<Result<QueueItemData, Json>>,
}

impl Bulk {
    /// Reads what a request wants.
    fn read(args: &Args) -> Result<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            queue_name: String,
            commit_type: CommitType,
            queue_items: Vec<Json>,
        }
        let body: Body = args.body("bulkAddQueueItemsRequest")?;
        if body.queue_items.len() > MOST_AT_ONCE {
            return Err(Error::invalid(format!(
                "queueItems must not hold more than {MOST_AT_ONCE} entries: split the request."
            )));
        }
        let creator_job_key = args.job()?;
        let read = |(ordinal, item)| match QueueItemData::read("queueItem", Some(item)) {
            Ok(data) => Ok(Ok(QueueItemData {
                creator_job_key,
                ..data
            })),
            Err(error) => failure(ordinal, error).map(Err),
        };
        let items: Result<Vec<_>> = (1..).zip(&body.queue_items).map(read).collect();
        Ok(Self {
            queue_name: body.queue_name,
            commit_type: body.commit_type,
            items: items?,
        })
    }
}

/// `BulkAddQueueItems {queueName, commitType, queueItems}`
pub(super) fn add_all(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    idempotency::once(cx, "BulkAddQueueItems", |cx| match &args.prepared {
        Some(Prepared::Items(bulk)) => add(cx, bulk),
        _ => add(cx, &Bulk::read(args)?),
    })
}

fn add(cx: &mut Cx<'_, '_>, bulk: &Bulk) -> Result<Reply> {
    let folder = cx.need_folder()?.id;
    let queue = Queue::named(cx.tx, folder, &bulk.queue_name)?;
    let queue = Rc::new(queue.ok_or_else(|| Error::not_found(&bulk.queue_name))?);
    let mut references = References::default();
    let readable = bulk.items.iter().filter_map(|item| item.as_ref().ok());
    references.look_up(cx.tx, readable.map(|data| (&*queue, data)))?;
    let (mut items, mut failed) = (Vec::with_capacity(bulk.items.len()), Vec::new());
    for (ordinal, data) in (1..).zip(&bulk.items) {
        let refusal = match data {
            Err(known) => known.clone(),
            Ok(data) => {
                let item = NewItem::of(cx.caller.tenant, &queue, data, cx.now, &cx.server.keys);
                match item.and_then(|item| references.claim(&queue, data).map(|()| item)) {
                    Err(error) => failure(ordinal, error)?,
                    Ok(item) => {
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
    let total = bulk.items.len();
    Ok(bulk_reply(cx, "FailedQueueItemDto", failed, total))
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
