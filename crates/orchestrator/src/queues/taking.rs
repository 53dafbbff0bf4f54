//! `StartTransaction`: the next item of a queue, or a new one, for whoever works on it.

use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

use db::{Dialect, Value, sql};
use odata::{Guid, Open, Timestamp, edm_enum};
use serde::Deserialize;

use super::adding::Added;
use super::content::Dictionary;
use super::data::{ItemData, named};
use super::engine::{self, Batch, QueueCall, Request, Slots};
use super::entities::{QueueItem, QueueItemPriority, QueueItemStatus};
use super::ledger::ItemRef;
use super::queue::Queue;
use super::{Author, items_need, turn};
use crate::cx::{Args, Cx, Hint, Identity, Reply};
use crate::error::Result;
use crate::op::{
    Access, At, Batched, FolderRule, Need, One, Operation, QUEUE_NAMESPACE, Written, action,
};

edm_enum! {
    /// How the reference of an item must be like the one that is asked for.
    pub enum ReferenceFilterOption { Equals = 0, StartsWith = 1 }
}

/// What somebody wants to work on.
#[odata::complex(name = "TransactionDataDto")]
#[derive(Deserialize)]
pub(super) struct TransactionData {
    /// Name of the queue.
    #[serde(default)]
    name: Option<String>,
    /// Key of the robot.
    #[serde(default)]
    robot_identifier: Option<Guid>,
    /// The content of a new item that is started at once; without it the next one is.
    #[serde(default)]
    specific_content: Option<Open>,
    /// Of a new item: not handed out before.
    #[serde(default)]
    defer_date: Option<Timestamp>,
    /// Of a new item: when it should be done.
    #[serde(default)]
    due_date: Option<Timestamp>,
    /// The reference of a new item, or that of the item to be taken.
    #[edm(max = 128)]
    #[serde(default)]
    reference: Option<String>,
    /// How the reference must be like that of the item.
    #[serde(default)]
    reference_filter_option: Option<ReferenceFilterOption>,
    /// The operation that adds a new item.
    #[edm(max = 128)]
    #[serde(default)]
    parent_operation_id: Option<String>,
}

/// What somebody wants to work on, as the engine needs it.
#[derive(Debug)]
pub struct Wanted {
    name: String,
    robot: Option<Guid>,
    job: Option<Guid>,
    reference: Option<(ReferenceFilterOption, String)>,
    /// A new item.
    pub(super) content: Option<ItemData>,
}

/// Starts an item of a queue: the next one, or a new one with the content that is given. Answers with the
/// item, or with nothing when none waits.
#[odata::input]
pub struct StartTransaction {
    /// The name of the queue, and what is wanted of it.
    #[edm(required)]
    transaction_data: TransactionData,
}

const TAKE: Need = items_need(
    &[
        ("Transactions", Access::View),
        ("Transactions", Access::Create),
        ("Transactions", Access::Edit),
    ],
    true,
);

impl Batched for StartTransaction {
    type Call = QueueCall;

    fn call(&self, args: &Args) -> Result<QueueCall> {
        let data = &self.transaction_data;
        let name = data.name.clone().unwrap_or_default();
        let reference = data.reference.clone().filter(|r| !r.is_empty());
        let content = data.specific_content.as_ref().map(Dictionary::specific);
        let job = args.job()?;
        let content = content.transpose()?.map(|content| ItemData {
            name: Some(name.clone()),
            content: Some(content),
            defer_date: data.defer_date,
            due_date: data.due_date,
            reference: reference.clone(),
            parent_operation_id: data.parent_operation_id.clone(),
            creator_job_key: job,
            ..ItemData::default()
        });
        named(Some(&name))?;
        let how = data.reference_filter_option;
        let how = how.unwrap_or(ReferenceFilterOption::Equals);
        Ok(QueueCall::Take(Box::new(Wanted {
            name,
            robot: data.robot_identifier,
            job,
            reference: reference.map(|reference| (how, reference)),
            content,
        })))
    }
}

impl Operation for StartTransaction {
    const AT: At = action("Queues", "StartTransaction")
        .needs(TAKE)
        .namespace(QUEUE_NAMESPACE)
        .tells()
        .folder(FolderRule::Required)
        .once();
    type Answer = Written<One<QueueItem>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let work = self.call(cx.args)?;
        engine::alone_shown(cx, &work).map(Written::from)
    }
}

/// Most deferred items that one call makes ready; the next goes on.
const READY_AT_ONCE: i64 = 10_000;

/// Somebody who gets an item.
struct Taker<'a> {
    at: usize,
    request: &'a Request<'a>,
    wanted: &'a Wanted,
    robot: Option<i64>,
}

impl<'a> Taker<'a> {
    /// # Errors
    /// 1002 when there is no robot with the key that the call names.
    fn new(
        batch: &mut Batch<'_, '_>,
        at: usize,
        request: &'a Request<'a>,
        wanted: &'a Wanted,
    ) -> Result<Self> {
        let robot = robot(batch, request, wanted)?;
        Ok(Self {
            at,
            request,
            wanted,
            robot,
        })
    }
}

/// Gives items to all who want one that is there.
///
/// # Errors
/// The store's.
pub(super) fn take(batch: &mut Batch<'_, '_>, slots: &mut Slots<'_>) -> Result<()> {
    let mut waiting = BTreeMap::new();
    for (at, request) in slots.open() {
        let QueueCall::Take(wanted) = request.work else {
            continue;
        };
        if wanted.content.is_some() {
            continue;
        }
        let taker = Taker::new(batch, at, request, wanted);
        let taker = taker.and_then(|t| Ok((t, batch.queue(request.folder.id, &wanted.name)?)));
        match taker {
            Ok((taker, queue)) => {
                let (_, takers) = waiting.entry(queue.id).or_insert((queue, Vec::new()));
                takers.push(taker);
            }
            Err(error) => slots.answer(at, Err(error))?,
        }
    }
    let mut chosen = Vec::new();
    for (queue, takers) in waiting.into_values() {
        choose(batch, slots, &queue, takers, &mut chosen)?;
    }
    begin(batch, slots, chosen)
}

/// Gives items that were just added to whoever brought them.
///
/// # Errors
/// The store's.
pub(super) fn start_added(
    batch: &mut Batch<'_, '_>,
    slots: &mut Slots<'_>,
    added: Vec<Added>,
) -> Result<()> {
    let mut started = Vec::with_capacity(added.len());
    for (at, item, queue) in added {
        let request = &slots.requests()[at];
        if let QueueCall::Take(wanted) = request.work {
            started.push((Taker::new(batch, at, request, wanted)?, item, queue));
        }
    }
    begin(batch, slots, started)
}

/// The robot that a call is for: the one it names, else the caller.
///
/// # Errors
/// 1002 when there is no robot with that key.
pub(super) fn robot(
    batch: &mut Batch<'_, '_>,
    request: &Request<'_>,
    wanted: &Wanted,
) -> Result<Option<i64>> {
    match (wanted.robot, &request.caller.identity) {
        (Some(key), _) => batch.robot(request.caller.tenant, key).map(Some),
        (None, Identity::Robot { id, .. }) => Ok(Some(*id)),
        (None, _) => Ok(None),
    }
}

/// Chooses an item for each taker of a queue: first for those who want a certain reference, then the
/// next ones for the others.
fn choose<'a>(
    batch: &mut Batch<'_, '_>,
    slots: &mut Slots<'_>,
    queue: &Rc<Queue>,
    takers: Vec<Taker<'a>>,
    started: &mut Vec<(Taker<'a>, i64, Rc<Queue>)>,
) -> Result<()> {
    if queue.first_deferred.is_some_and(|date| date <= batch.now.0) {
        make_ready(batch, queue.id)?;
    }
    let (certain, any): (Vec<_>, Vec<_>) = takers
        .into_iter()
        .partition(|t| t.wanted.reference.is_some());
    let mut chosen = HashSet::new();
    for taker in certain {
        let found = match &taker.wanted.reference {
            Some((how, reference)) => with_reference(batch, queue.id, *how, reference, &chosen)?,
            None => None,
        };
        match found {
            Some(item) => {
                chosen.insert(item);
                started.push((taker, item, Rc::clone(queue)));
            }
            None => slots.answer(taker.at, Ok(Reply::NoContent))?,
        }
    }
    if any.is_empty() {
        return Ok(());
    }
    let next = next(batch, queue.id, any.len() + chosen.len())?;
    let mut next = next.into_iter().filter(|item| !chosen.contains(item));
    for taker in any {
        match next.next() {
            Some(item) => started.push((taker, item, Rc::clone(queue))),
            None => slots.answer(taker.at, Ok(Reply::NoContent))?,
        }
    }
    Ok(())
}

/// Gives deferred items whose time has come their turn.
fn make_ready(batch: &mut Batch<'_, '_>, queue: i64) -> Result<()> {
    let deferred: Vec<Deferred> = batch.tx.all(
        sql!(
            "SELECT {} FROM queue_items
             WHERE queue_definition_id = $1 AND status = 0 AND turn IS NULL AND defer_date <= $2
             ORDER BY defer_date LIMIT $3",
            Deferred::SELECT
        ),
        &[queue.into(), batch.now.into(), READY_AT_ONCE.into()],
    )?;
    let ready = deferred.into_iter().map(|item| Ready {
        item: item.id,
        turn: turn::of(item.priority, item.due_date, None, batch.now),
    });
    batch.tx.send_many(
        "UPDATE queue_items SET turn = {turn} {rows} WHERE id = {item}",
        ready.collect(),
    )?;
    Ok(())
}

db::record! {
    /// An item whose time has come.
    struct Deferred {
        id: i64 = "id",
        priority: QueueItemPriority = "priority",
        due_date: Option<Timestamp> = "due_date",
    }
}

db::params! {
    /// The turn that it gets.
    struct Ready {
        item: i64,
        turn: Option<i64>,
    }
}

/// Items that another server takes at the same moment are its.
fn not_taken_elsewhere(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR UPDATE SKIP LOCKED",
    }
}

/// The next items of a queue.
fn next(batch: &mut Batch<'_, '_>, queue: i64, count: usize) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT id FROM queue_items WHERE queue_definition_id = $1 AND turn IS NOT NULL
         ORDER BY turn, id LIMIT $2{}",
        not_taken_elsewhere(batch.tx.dialect())
    );
    let limit = i64::try_from(count).unwrap_or(i64::MAX);
    Ok(batch.tx.all(&sql, &[queue.into(), limit.into()])?)
}

/// The next item whose reference is like this one.
fn with_reference(
    batch: &mut Batch<'_, '_>,
    queue: i64,
    how: ReferenceFilterOption,
    reference: &str,
    chosen: &HashSet<i64>,
) -> Result<Option<i64>> {
    let mut params: Vec<Value> = vec![queue.into(), reference.into()];
    let like = match how {
        ReferenceFilterOption::Equals => "fold(reference) = fold($2)",
        ReferenceFilterOption::StartsWith => {
            // Everything that begins with a text lies between it and the same with the last
            // character there is.
            params.push(format!("{reference}{}", char::MAX).into());
            "fold(reference) >= fold($2) AND fold(reference) < fold($3)"
        }
    };
    let sql = format!(
        "SELECT id FROM queue_items WHERE queue_definition_id = $1 AND turn IS NOT NULL
             AND {like} ORDER BY turn, id LIMIT {}{}",
        chosen.len() + 1,
        not_taken_elsewhere(batch.tx.dialect())
    );
    let ids: Vec<i64> = batch.tx.all(&sql, &params)?;
    Ok(ids.into_iter().find(|id| !chosen.contains(id)))
}

db::params! {
    /// An item that somebody works on now.
    struct Begun {
        item: i64,
        status: QueueItemStatus,
        robot: Option<i64>,
        job: Option<String>,
        now: Timestamp,
        lease_until: Option<i64>,
    }
}

/// Marks items as in progress.
fn begin(
    batch: &mut Batch<'_, '_>,
    slots: &mut Slots<'_>,
    started: Vec<(Taker<'_>, i64, Rc<Queue>)>,
) -> Result<()> {
    if started.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(started.len());
    for (taker, item, queue) in &started {
        let job = match (taker.wanted.job, taker.robot) {
            (Some(job), _) => Some(job.to_string()),
            (None, Some(robot)) => batch.job_of(robot)?,
            (None, None) => None,
        };
        let lease_until = batch.lease_until(queue);
        rows.push(Begun {
            item: *item,
            status: QueueItemStatus::InProgress,
            robot: taker.robot,
            job,
            now: batch.now,
            lease_until,
        });
        let of = ItemRef {
            tenant: taker.request.caller.tenant,
            queue: queue.id,
            item: *item,
        };
        batch.ledger.moved(
            of,
            QueueItemStatus::New,
            QueueItemStatus::InProgress,
            &Author::of(taker.request.caller),
        );
        slots.show(taker.at, *item, 200);
    }
    batch.hints.insert(Hint::Taken);
    batch.tx.send_many(
        "UPDATE queue_items SET status = {status}, turn = NULL, robot_id = {robot},
             executor_job_key = {job}, start_processing = {now}, lease_until = {lease_until},
             version = version + 1
         {rows} WHERE id = {item}",
        rows,
    )?;
    Ok(())
}
