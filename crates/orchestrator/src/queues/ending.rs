//! `SetTransactionResult` and `SetTransactionProgress`: what became of an item, and how far it is.
//!
//! A failure for technical reasons may be tried again by itself: the item is Retried then, and a copy
//! of it is New. An item can also be given back for later.

use std::collections::{BTreeMap, HashMap};

use db::sql;
use odata::{Open, Timestamp};
use serde::Deserialize;
use serde_json::json;

use super::content::{self, Dictionary, Kind};
use super::engine::{self, Batch, Held, QueueCall, Request, Slots};
use super::entities::{
    ProcessingException, ProcessingExceptionType, QueueItemPriority, QueueItemStatus,
};
use super::ledger::ItemRef;
use super::retrying::{self, RetriedBy, Retry};
use super::{Author, EDIT_ITEMS, turn};
use crate::cx::{Args, Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{At, Batched, FolderRule, Nothing, Operation, QUEUE_NAMESPACE, action};

/// What became of an item.
#[odata::complex(name = "TransactionResultDto")]
#[derive(Deserialize)]
pub(super) struct TransactionResult {
    /// Whether it was done.
    #[serde(default)]
    is_successful: bool,
    /// Why not.
    #[serde(default)]
    processing_exception: Option<ProcessingException>,
    /// Given back: not handed out before.
    #[serde(default)]
    defer_date: Option<Timestamp>,
    /// Given back or tried again: when it should be done.
    #[serde(default)]
    due_date: Option<Timestamp>,
    /// What came out.
    #[serde(default)]
    output: Option<Open>,
    /// For analytics.
    #[serde(default)]
    analytics: Option<Open>,
    /// How far it came.
    #[serde(default)]
    progress: Option<String>,
    /// The operation that did it.
    #[edm(max = 128)]
    #[serde(default)]
    operation_id: Option<String>,
}

/// What became of an item, checked.
#[derive(Debug)]
pub struct Outcome {
    end: End,
    defer_date: Option<Timestamp>,
    due_date: Option<Timestamp>,
    output: Option<Dictionary>,
    analytics: Option<Dictionary>,
    progress: Option<String>,
    operation_id: Option<String>,
}

#[derive(Debug)]
enum End {
    Successful,
    Failed(ProcessingExceptionType, String),
    /// Given back for later.
    Postponed,
}

/// Says what became of an item that was started.
#[odata::input]
pub struct SetTransactionResult {
    /// Number of the item.
    #[edm(key)]
    id: i64,
    /// What became of it.
    #[edm(required)]
    transaction_result: TransactionResult,
}

impl Batched for SetTransactionResult {
    type Call = QueueCall;

    fn call(&self, args: &Args) -> Result<QueueCall> {
        let result = &self.transaction_result;
        content::check_progress(result.progress.as_deref())?;
        let end = match (result.is_successful, &result.processing_exception) {
            (true, _) => End::Successful,
            (false, None) if result.defer_date.is_some() => End::Postponed,
            (false, exception) => failure(exception.as_ref())?,
        };
        let outcome = Outcome {
            end,
            defer_date: result.defer_date,
            due_date: result.due_date,
            output: dictionary(Kind::Output, result.output.as_ref())?,
            analytics: dictionary(Kind::Analytics, result.analytics.as_ref())?,
            progress: result.progress.clone(),
            operation_id: result.operation_id.clone(),
        };
        Ok(QueueCall::End(held(self.id, args)?, Box::new(outcome)))
    }
}

impl Operation for SetTransactionResult {
    const AT: At = action("Queues", "SetTransactionResult")
        .needs(EDIT_ITEMS)
        .namespace(QUEUE_NAMESPACE)
        .tells()
        .answers(200)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let work = self.call(cx.args)?;
        engine::alone(cx, &work).map(|_| Nothing)
    }
}

/// Says how far the work on an item is.
#[odata::input]
pub struct SetTransactionProgress {
    /// Number of the item.
    #[edm(key)]
    id: i64,
    /// How far it is.
    #[edm(name = "Progress")]
    progress: Option<String>,
}

impl Batched for SetTransactionProgress {
    type Call = QueueCall;

    fn call(&self, args: &Args) -> Result<QueueCall> {
        content::check_progress(self.progress.as_deref())?;
        let held = held(self.id, args)?;
        Ok(QueueCall::Progress(held, self.progress.clone()))
    }
}

impl Operation for SetTransactionProgress {
    const AT: At = action("QueueItems", "SetTransactionProgress")
        .needs(EDIT_ITEMS)
        .body("progress")
        .namespace(QUEUE_NAMESPACE)
        .answers(200)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let work = self.call(cx.args)?;
        engine::alone(cx, &work).map(|_| Nothing)
    }
}

fn held(item: i64, args: &Args) -> Result<Held> {
    let job = args.job()?;
    Ok(Held { item, job })
}

fn dictionary(kind: Kind, given: Option<&Open>) -> Result<Option<Dictionary>> {
    given
        .map(|given| Dictionary::result(kind, given))
        .transpose()
}

/// An exception as it is kept; one that says nothing is an application's.
fn failure(exception: Option<&ProcessingException>) -> Result<End> {
    let Some(exception) = exception else {
        let kind = ProcessingExceptionType::ApplicationException;
        return Ok(End::Failed(kind, json!({"Type": kind.name()}).to_string()));
    };
    content::check_exception(exception)?;
    let kind = exception.r#type;
    let kind = kind.unwrap_or(ProcessingExceptionType::ApplicationException);
    let kept = json!({
        "Reason": exception.reason,
        "Details": exception.details,
        "Type": kind.name(),
        "AssociatedImageFilePath": exception.associated_image_file_path,
        "CreationTime": exception.creation_time,
    });
    Ok(End::Failed(kind, kept.to_string()))
}

db::record! {
    /// An attempt at an item, `queue_items i`.
    pub(super) struct Attempt {
        pub of: ItemRef = ItemRef::SELECT,
        pub status: QueueItemStatus = "i.status",
        pub priority: QueueItemPriority = "i.priority",
        pub due_date: Option<Timestamp> = "i.due_date",
        pub started: Option<Timestamp> = "i.start_processing",
        pub retry_number: i64 = "i.retry_number",
        pub key: String = "i.key",
        pub returns: i64 = "i.returns",
        pub job: Option<String> = "i.executor_job_key",
    }
}

impl Attempt {
    /// Ticks since it was taken.
    pub fn took(&self, now: Timestamp) -> i64 {
        self.started.map_or(0, |started| (now.0 - started.0).max(0))
    }
}

db::params! {
    /// An item whose worker says how far it is.
    struct Progressed {
        item: i64,
        progress: Option<String>,
        lease_until: Option<i64>,
    }
}

db::params! {
    /// An item with its result.
    struct Ended {
        item: i64,
        status: QueueItemStatus,
        now: Timestamp,
        failure: Option<ProcessingExceptionType>,
        exception: Option<String>,
        output: Option<String>,
        analytics: Option<String>,
        progress: Option<String>,
        operation_id: Option<String>,
    }
}

db::params! {
    /// An item that waits again.
    struct Postponed {
        item: i64,
        defer_date: Option<Timestamp>,
        due_date: Option<Timestamp>,
        turn: Option<i64>,
        seconds: i64,
        progress: Option<String>,
    }
}

/// Rows for the statements that results and progress end in.
#[derive(Default)]
struct Changes {
    /// By item: of several texts the last counts.
    progressed: BTreeMap<i64, Progressed>,
    ended: Vec<Ended>,
    postponed: Vec<Postponed>,
    again: Vec<Retry>,
}

/// Takes in all results and progress.
///
/// # Errors
/// The store's.
pub(super) fn end(batch: &mut Batch<'_, '_>, slots: &mut Slots<'_>) -> Result<()> {
    let asked: Vec<(usize, &Request<'_>, Held)> = slots
        .open()
        .into_iter()
        .filter_map(|(at, request)| match request.work {
            QueueCall::End(held, _) | QueueCall::Progress(held, _) => Some((at, request, *held)),
            _ => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let mut attempts = attempts(batch, &asked)?;
    let mut changes = Changes::default();
    for (at, request, held) in asked {
        let attempt = match attempts.get_mut(&held.item) {
            Some(attempt) if seen_by(batch, attempt, request)? => Some(attempt),
            _ => None,
        };
        let done = match (attempt, request.work) {
            (None, _) => Err(Error::not_found("QueueItem")),
            (Some(attempt), QueueCall::End(_, outcome)) => must_hold(batch, attempt, held)
                .and_then(|()| ended(batch, &mut changes, attempt, outcome, request)),
            (Some(attempt), QueueCall::Progress(_, text)) => must_hold(batch, attempt, held)
                .and_then(|()| progressed(batch, &mut changes, attempt, text.as_deref())),
            _ => continue,
        };
        slots.answer(at, done.map(|()| Reply::Ok))?;
    }
    write(batch, changes)
}

/// The attempts that calls are about, by number. One that is seen through several folders is still
/// one: a call finds it as the call before has left it.
fn attempts(
    batch: &mut Batch<'_, '_>,
    asked: &[(usize, &Request<'_>, Held)],
) -> Result<HashMap<i64, Attempt>> {
    let ids: Vec<i64> = asked.iter().map(|(_, _, held)| held.item).collect();
    let find = sql!(
        "SELECT {} {{rows,}} queue_items i WHERE i.id = {{1}}",
        Attempt::SELECT
    );
    let found: Vec<Attempt> = batch.tx.all_many(find, ids)?;
    let by_number = found.into_iter().map(|found| (found.of.item, found));
    Ok(by_number.collect())
}

/// Whether the item is one of the tenant's, in the folder of the call.
fn seen_by(batch: &mut Batch<'_, '_>, attempt: &Attempt, request: &Request<'_>) -> Result<bool> {
    let ItemRef { tenant, queue, .. } = attempt.of;
    Ok(tenant == request.caller.tenant && batch.queue_in(request.folder.id, queue)?.is_some())
}

/// Fails when the item has returned to a queue with a lease since the job took it, and another job has
/// it now: what the first says is not about that attempt.
fn must_hold(batch: &mut Batch<'_, '_>, attempt: &Attempt, held: Held) -> Result<()> {
    let (Some(job), Some(holder)) = (held.job, &attempt.job) else {
        return Ok(());
    };
    if attempt.status != QueueItemStatus::InProgress
        || job.to_string() == *holder
        || batch.queue_of(attempt.of)?.lease_seconds.is_none()
    {
        return Ok(());
    }
    Err(Error::refused(
        Code::TransactionNotStarted,
        "Another job works on the queue item, because the lease of this one has ended: take an item anew.",
    ))
}

fn ended(
    batch: &mut Batch<'_, '_>,
    changes: &mut Changes,
    attempt: &mut Attempt,
    outcome: &Outcome,
    request: &Request<'_>,
) -> Result<()> {
    match attempt.status {
        QueueItemStatus::InProgress => {}
        QueueItemStatus::New => {
            return Err(Error::refused(
                Code::TransactionNotStarted,
                "The queue item was not started: its result can be set after StartTransaction.",
            ));
        }
        status => {
            let message = format!("The queue item is {} already.", status.name());
            let code = Code::QueueItemInvalidTransitionFromFinalStatus;
            return Err(Error::refused(code, message));
        }
    }
    let queue = batch.queue_of(attempt.of)?;
    let kept = |kind, given: &Option<Dictionary>| match (&outcome.end, given) {
        // Whoever failed may have nothing to show, and must be able to say so.
        (End::Failed(..) | End::Postponed, None) => Ok(None),
        (_, given) => content::kept(
            kind,
            given.as_ref(),
            &batch.server.keys,
            &queue,
            &attempt.key,
        ),
    };
    let output = kept(Kind::Output, &outcome.output)?;
    let analytics = kept(Kind::Analytics, &outcome.analytics)?;
    let author = Author::of(request.caller);
    let ticks = attempt.took(batch.now);
    let (failure, exception) = match &outcome.end {
        End::Successful => (None, None),
        End::Failed(kind, kept) => (Some(*kind), Some(kept.clone())),
        End::Postponed => {
            postponed(batch, changes, attempt, outcome, &author);
            return Ok(());
        }
    };
    let again = failure == Some(ProcessingExceptionType::ApplicationException)
        && queue.retries_failed
        && attempt.retry_number < queue.retries;
    let status = match failure {
        None => QueueItemStatus::Successful,
        Some(_) if again => QueueItemStatus::Retried,
        Some(_) => QueueItemStatus::Failed,
    };
    changes.ended.push(Ended {
        item: attempt.of.item,
        status,
        now: batch.now,
        failure,
        exception,
        output,
        analytics,
        progress: outcome.progress.clone(),
        operation_id: outcome.operation_id.clone(),
    });
    batch
        .ledger
        .moved(attempt.of, attempt.status, status, &author);
    batch.ledger.processed(attempt.of.queue, failure, ticks);
    attempt.status = status;
    if again {
        let due_date = outcome.due_date.or(attempt.due_date);
        let again = Retry::by_itself(attempt, author, batch.now);
        changes.again.push(Retry {
            defer_date: outcome.defer_date,
            due_date,
            ..again
        });
    }
    Ok(())
}

/// The item waits again; what this attempt took is remembered.
fn postponed(
    batch: &mut Batch<'_, '_>,
    changes: &mut Changes,
    attempt: &mut Attempt,
    outcome: &Outcome,
    author: &Author,
) {
    let due_date = outcome.due_date.or(attempt.due_date);
    let turn = turn::of(attempt.priority, due_date, outcome.defer_date, batch.now);
    changes.postponed.push(Postponed {
        item: attempt.of.item,
        defer_date: outcome.defer_date,
        due_date,
        turn,
        seconds: attempt.took(batch.now) / odata::TICKS_PER_SECOND,
        progress: outcome.progress.clone(),
    });
    let status = QueueItemStatus::New;
    batch
        .ledger
        .moved(attempt.of, attempt.status, status, author);
    attempt.status = status;
}

fn progressed(
    batch: &mut Batch<'_, '_>,
    changes: &mut Changes,
    attempt: &Attempt,
    text: Option<&str>,
) -> Result<()> {
    if attempt.status != QueueItemStatus::InProgress {
        let message = format!(
            "The queue item is {}: its progress can be set while it is InProgress.",
            attempt.status.name()
        );
        return Err(Error::refused(
            Code::InvalidTransactionProgressStatus,
            message,
        ));
    }
    let queue = batch.queue_of(attempt.of)?;
    // Who tells progress is alive; without a lease the time since the start is what counts.
    let lease = batch.lease_until(&queue);
    let item = attempt.of.item;
    let row = Progressed {
        item,
        progress: text.map(str::to_owned),
        lease_until: lease,
    };
    changes.progressed.insert(item, row);
    Ok(())
}

fn write(batch: &mut Batch<'_, '_>, changes: Changes) -> Result<()> {
    batch.tx.send_many(
        "UPDATE queue_items SET progress = {progress},
             lease_until = COALESCE({lease_until}, lease_until), version = version + 1
         {rows} WHERE id = {item}",
        changes.progressed.into_values().collect(),
    )?;
    batch.tx.send_many(
        "UPDATE queue_items SET status = {status}, end_processing = {now},
             processing_exception_type = {failure}, processing_exception = {exception},
             output = {output}, analytics = {analytics},
             progress = COALESCE({progress}, progress), operation_id = {operation_id},
             lease_until = NULL, version = version + 1
         {rows} WHERE id = {item}",
        changes.ended,
    )?;
    batch.tx.send_many(
        "UPDATE queue_items SET status = 0, defer_date = {defer_date}, due_date = {due_date},
             turn = {turn}, seconds_in_previous_attempts = seconds_in_previous_attempts + {seconds},
             progress = COALESCE({progress}, progress), lease_until = NULL, version = version + 1
         {rows} WHERE id = {item}",
        changes.postponed,
    )?;
    retrying::add(
        batch.tx,
        &mut batch.ledger,
        batch.now,
        &batch.server.chance,
        RetriedBy::Queue,
        changes.again,
    )
}
