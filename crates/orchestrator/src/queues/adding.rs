//! Adding items, one or many.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use db::Tx;
use odata::edm::EntitySet;
use odata::{Guid, Timestamp};

use super::content::{self, Kind};
use super::data::{ItemData, QueueItemData, named};
use super::ending::SetTransactionResult;
use super::engine::{self, Batch, QueueCall, Slots};
use super::entities::{QueueItem, QueueItemPriority, QueueItemStatus};
use super::ledger::{ItemRef, Ledger};
use super::queue::Queue;
use super::taking::{self, StartTransaction};
use super::{Author, VIEW_ITEMS, items_need, turn};
use crate::cx::{Args, Cx, Server};
use crate::error::{Code, Error, Result};
use crate::op::{
    Access, At, Batched, FolderRule, Need, One, Op, Operation, QUEUE_NAMESPACE, Resource, Written,
    action, batched,
};

pub(super) const ADD: Need = items_need(&[("Transactions", Access::Create)], true);
/// Actions of the address `Queues`, which is no set.
pub const OPS: &[Op] = &[
    batched::<AddQueueItem>(),
    batched::<StartTransaction>(),
    batched::<SetTransactionResult>(),
];

/// The set that items are added through. It cannot be read: items are in `QueueItems`.
pub static RESOURCE: Resource = Resource::new(&QUEUES, VIEW_ITEMS)
    .folder(FolderRule::Required)
    .unlisted();

static QUEUES: EntitySet = EntitySet {
    name: "Queues",
    ..QueueItem::SET
};

/// Adds an item to a queue, and answers with it.
#[odata::input]
pub struct AddQueueItem {
    /// The item, with the name of its queue.
    #[edm(required)]
    item_data: QueueItemData,
}

impl Batched for AddQueueItem {
    type Call = QueueCall;

    fn call(&self, args: &Args) -> Result<QueueCall> {
        let mut data = self.item_data.checked()?;
        named(data.name.as_deref())?;
        data.creator_job_key = args.job()?;
        Ok(QueueCall::Add(Box::new(data)))
    }
}

impl Operation for AddQueueItem {
    const AT: At = action("Queues", "AddQueueItem")
        .needs(ADD)
        .namespace(QUEUE_NAMESPACE)
        .tells()
        .answers(201)
        .folder(FolderRule::Required)
        .once();
    type Answer = Written<One<QueueItem>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let work = self.call(cx.args)?;
        engine::alone_shown(cx, &work).map(Written::from)
    }
}

/// An item that was added and is to be started at once: the call, its number, its queue.
pub(super) type Added = (usize, i64, Rc<Queue>);

/// Adds the items of all calls that bring one.
///
/// # Errors
/// The store's.
pub(super) fn add_all(batch: &mut Batch<'_, '_>, slots: &mut Slots<'_>) -> Result<Vec<Added>> {
    let mut wanted = Vec::new();
    for (at, request) in slots.open() {
        let data = match request.work {
            QueueCall::Add(data) => Some(&**data),
            QueueCall::Take(wanted) => wanted.content.as_ref(),
            _ => None,
        };
        let Some(data) = data else { continue };
        // What cannot be started is not added.
        if let QueueCall::Take(wanted) = request.work
            && let Err(error) = taking::robot(batch, request, wanted)
        {
            slots.answer(at, Err(error))?;
            continue;
        }
        let name = data.name.as_deref().unwrap_or_default();
        match batch.queue(request.folder.id, name) {
            Ok(queue) => wanted.push((at, request, queue, data)),
            Err(error) => slots.answer(at, Err(error))?,
        }
    }
    let mut references = References::default();
    references.look_up(batch.tx, wanted.iter().map(|(_, _, q, d)| (&**q, *d)))?;
    let (mut from, mut items) = (Vec::new(), Vec::new());
    for (at, request, queue, data) in wanted {
        let item = NewItem::of(request.caller.tenant, &queue, data, batch.now, batch.server);
        let item = item.and_then(|item| references.claim(&queue, data).map(|()| item));
        match item {
            Ok(item) => {
                from.push((at, request, queue));
                items.push(item);
            }
            Err(error) => slots.answer(at, Err(error))?,
        }
    }
    let author = |at: usize| Author::of(from[at].1.caller);
    let ids = insert(batch.tx, &mut batch.ledger, batch.now, author, items)?;
    let mut started = Vec::new();
    for ((at, request, queue), id) in from.into_iter().zip(ids) {
        match request.work {
            QueueCall::Take(_) => started.push((at, id, queue)),
            _ => slots.show(at, id, 201),
        }
    }
    Ok(started)
}

/// An item that may be added, as its row will be.
pub(super) struct NewItem {
    tenant: i64,
    queue: Rc<Queue>,
    priority: QueueItemPriority,
    defer_date: Option<Timestamp>,
    due_date: Option<Timestamp>,
    risk_sla_date: Option<Timestamp>,
    key: Guid,
    reference: Option<String>,
    source: Option<String>,
    parent_operation_id: Option<String>,
    progress: Option<String>,
    content: Option<String>,
    /// The job that adds it.
    pub creator_job_key: Option<Guid>,
}

impl NewItem {
    /// Checks an item. References are left to [`References`].
    ///
    /// # Errors
    /// The refusal.
    pub fn of(
        tenant: i64,
        queue: &Rc<Queue>,
        data: &ItemData,
        now: Timestamp,
        server: &Server,
    ) -> Result<Self> {
        let key = server.chance.key_at(now);
        let content = data.content.as_ref();
        let content = content::kept(
            Kind::Specific,
            content,
            &server.keys,
            queue,
            &key.to_string(),
        )?;
        let after = |minutes: u32| now.plus(Duration::from_secs(u64::from(minutes) * 60));
        // A queue with a deadline puts its items first.
        let usual = match queue.sla_minutes {
            Some(_) => QueueItemPriority::High,
            None => QueueItemPriority::Normal,
        };
        Ok(Self {
            tenant,
            queue: Rc::clone(queue),
            priority: data.priority.unwrap_or(usual),
            defer_date: data.defer_date,
            due_date: data.due_date.or(queue.sla_minutes.map(after)),
            risk_sla_date: data.risk_sla_date.or(queue.risk_minutes.map(after)),
            key,
            reference: data.reference.clone(),
            source: data.source.clone(),
            parent_operation_id: data.parent_operation_id.clone(),
            progress: data.progress.clone(),
            content,
            creator_job_key: data.creator_job_key,
        })
    }

    fn row(self, id: i64, now: Timestamp) -> Inserted {
        let unique = self.queue.unique_references.then(|| self.reference.clone());
        Inserted {
            id,
            tenant_id: self.tenant,
            queue_definition_id: self.queue.id,
            status: QueueItemStatus::New,
            priority: self.priority,
            defer_date: self.defer_date,
            due_date: self.due_date,
            risk_sla_date: self.risk_sla_date,
            turn: turn::of(self.priority, self.due_date, self.defer_date, now),
            encrypted: self.queue.encrypted,
            creation_time: now,
            key: self.key,
            unique_key: self.key,
            reference: self.reference,
            unique_reference: unique.flatten(),
            source: self.source,
            parent_operation_id: self.parent_operation_id,
            progress: self.progress,
            specific_content: self.content,
            creator_job_key: self.creator_job_key,
        }
    }
}

db::params! {
    /// A row of `queue_items`.
    struct Inserted {
        id: i64,
        tenant_id: i64,
        queue_definition_id: i64,
        status: QueueItemStatus,
        priority: QueueItemPriority,
        defer_date: Option<Timestamp>,
        due_date: Option<Timestamp>,
        risk_sla_date: Option<Timestamp>,
        turn: Option<i64>,
        encrypted: bool,
        creation_time: Timestamp,
        key: Guid,
        unique_key: Guid,
        reference: Option<String>,
        unique_reference: Option<String>,
        source: Option<String>,
        parent_operation_id: Option<String>,
        progress: Option<String>,
        specific_content: Option<String>,
        creator_job_key: Option<Guid>,
    }
}

db::params! {
    /// A reference that somebody wants.
    struct Wanted {
        queue: i64,
        reference: String,
    }
}

/// The references that items of a queue with unique ones have, as far as somebody wants to use them.
#[derive(Default)]
pub(super) struct References(HashMap<i64, HashSet<String>>);

impl References {
    /// Looks up the references that items want, a statement for each queue.
    ///
    /// # Errors
    /// The store's.
    pub fn look_up<'d>(
        &mut self,
        tx: &mut Tx<'_>,
        wanted: impl Iterator<Item = (&'d Queue, &'d ItemData)>,
    ) -> Result<()> {
        let mut by_queue: HashMap<i64, Vec<Wanted>> = HashMap::new();
        for (queue, data) in wanted.filter(|(queue, _)| queue.unique_references) {
            if let Some(reference) = &data.reference {
                let wanted = Wanted {
                    queue: queue.id,
                    reference: reference.clone(),
                };
                by_queue.entry(queue.id).or_default().push(wanted);
            }
        }
        for (queue, rows) in by_queue {
            let taken = self.0.entry(queue).or_default();
            let found: Vec<String> = tx.all_many(
                "SELECT i.unique_reference {rows,} queue_items i
                 WHERE fold(i.unique_reference) = fold({reference})
                     AND i.unique_reference IS NOT NULL
                     AND i.queue_definition_id + 0 = {queue}",
                rows,
            )?;
            taken.extend(found.iter().map(|reference| reference.to_lowercase()));
        }
        Ok(())
    }

    /// Takes the reference of an item, if its queue gives each once.
    ///
    /// # Errors
    /// The refusal.
    pub fn claim(&mut self, queue: &Queue, data: &ItemData) -> Result<()> {
        if !queue.unique_references {
            return Ok(());
        }
        let Some(reference) = &data.reference else {
            return Err(Error::refused(
                Code::TransactionReferenceRequired,
                "Error creating Transaction. The queue has unique references: give the item one.",
            ));
        };
        let taken = self.0.entry(queue.id).or_default();
        match taken.insert(reference.to_lowercase()) {
            true => Ok(()),
            false => Err(duplicate()),
        }
    }
}

fn duplicate() -> Error {
    Error::refused(
        Code::DuplicateReference,
        "Error creating Transaction. Duplicate Reference.",
    )
}

/// Adds items; their numbers.
///
/// # Errors
/// The store's.
pub(super) fn insert(
    tx: &mut Tx<'_>,
    ledger: &mut Ledger,
    now: Timestamp,
    author: impl Fn(usize) -> Author,
    items: Vec<NewItem>,
) -> Result<Vec<i64>> {
    let ids = tx.new_ids("queue_items", items.len())?;
    for (at, (item, id)) in items.iter().zip(&ids).enumerate() {
        let of = ItemRef {
            tenant: item.tenant,
            queue: item.queue.id,
            item: *id,
        };
        ledger.added(of, &author(at));
    }
    let row = |(item, id): (NewItem, &i64)| item.row(*id, now);
    let rows = items.into_iter().zip(&ids).map(row).collect();
    let inserted = tx.exec_many("INSERT INTO queue_items ({columns}) {values}", rows);
    inserted.map_err(|error| match error {
        // Somebody else was faster, or the database folds a letter as we do not.
        db::Error::Unique { constraint } if constraint.contains("reference") => duplicate(),
        error => error.into(),
    })?;
    Ok(ids)
}
