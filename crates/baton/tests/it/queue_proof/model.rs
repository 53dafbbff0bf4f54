//! A queue as it has to be: plain Rust over a list of items. It knows no database, and says for
//! each operation what is answered and how the items are afterwards.

use std::time::Duration;

use odata::Timestamp;
use serde_json::{Map, Value};

/// A moment that only the server knows exactly: between these two. What it shows narrows it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Moment {
    /// Exactly then.
    pub fn at(time: Timestamp) -> Self {
        Self {
            from: time,
            to: time,
        }
    }

    fn plus(self, duration: Duration) -> Self {
        Self {
            from: self.from.plus(duration),
            to: self.to.plus(duration),
        }
    }

    /// Whether it may have been then.
    pub fn may_be(self, time: Timestamp) -> bool {
        self.from <= time && time <= self.to
    }

    /// Whole seconds from an earlier one: at least, and at most.
    fn seconds_since(self, earlier: Self) -> (i64, i64) {
        let whole = |d: Duration| i64::try_from(d.as_secs()).unwrap();
        let least = whole(self.from.since(earlier.to));
        (least, whole(self.to.since(earlier.from)) + 1)
    }
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    New,
    InProgress,
    Failed,
    Successful,
    Abandoned,
    Retried,
    Deleted,
}

impl Status {
    pub const ALL: [Self; 7] = [
        Self::New,
        Self::InProgress,
        Self::Failed,
        Self::Successful,
        Self::Abandoned,
        Self::Retried,
        Self::Deleted,
    ];
}

/// What people made of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    None,
    InReview,
    Verified,
    Retried,
}

/// What is handed out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    High,
    Normal,
    Low,
}

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    ApplicationException,
    BusinessException,
}

/// What somebody did to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Edit,
    Delete,
    Status,
    Retry,
}

/// How the queue was made.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub retries: i64,
    pub retry_failed: bool,
    pub retry_abandoned: bool,
    pub unique: bool,
    pub encrypted: bool,
    /// Minutes until the deadline, and until it is at risk.
    pub sla: Option<(u64, u64)>,
}

/// An item to add, or what is changed in one.
#[derive(Debug, Clone, Default)]
pub struct Data {
    pub reference: Option<String>,
    pub priority: Option<Priority>,
    pub content: Option<Value>,
    pub defer: Option<Timestamp>,
    pub due: Option<Timestamp>,
    pub risk: Option<Timestamp>,
    pub progress: Option<String>,
    /// What else is wrong with it.
    pub flaws: Refusals,
}

/// How an attempt ends.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub end: End,
    pub output: Option<Value>,
    pub analytics: Option<Value>,
    pub progress: Option<String>,
    pub operation: Option<String>,
    pub defer: Option<Timestamp>,
    pub due: Option<Timestamp>,
    /// What is wrong with it.
    pub flaws: Refusals,
}

#[derive(Debug, Clone)]
pub enum End {
    Success,
    /// With the exception that is told, if one is.
    Failure(Option<Exception>),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Exception {
    pub reason: Option<String>,
    pub details: Option<String>,
    pub kind: Option<Failure>,
}

/// Which items a taker wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub reference: String,
    /// Whether the item's has to begin so, or be the same.
    pub prefix: bool,
}

/// Which version of an item a caller means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Any,
    /// The one at this count of changes.
    Seen(u32),
    Wrong,
}

/// Status and code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub u16, pub i64, pub &'static str);

pub const INVALID: Refusal = Refusal(400, 1009, "InvalidArgument");
pub const NOT_FOUND: Refusal = Refusal(404, 1002, "ItemNotFound");
pub const IN_USE: Refusal = Refusal(409, 1013, "ItemIsInUse");
pub const DUPLICATE: Refusal = Refusal(409, 1016, "DuplicateReference");
pub const CONFLICT: Refusal = Refusal(409, 1020, "OptimisticConcurrency");
pub const NOT_EDITABLE: Refusal = Refusal(409, 1023, "FieldNotEditable");
pub const NO_REFERENCE: Refusal = Refusal(400, 1900, "TransactionReferenceRequired");
pub const NO_PROGRESS: Refusal = Refusal(409, 1901, "InvalidTransactionProgressStatus");
pub const NOT_STARTED: Refusal = Refusal(409, 1902, "TransactionNotStarted");
pub const CONTENT_SIZE: Refusal = Refusal(413, 1914, "QueueItemContentSizeExceeded");
pub const IS_OVER: Refusal = Refusal(409, 1915, "QueueItemInvalidTransitionFromFinalStatus");
pub const OUTPUT_SIZE: Refusal = Refusal(413, 1917, "QueueItemOutputDataSizeExceeded");
pub const ANALYTICS_SIZE: Refusal = Refusal(413, 1918, "QueueItemAnalyticsDataSizeExceeded");
pub const EXCEPTION_SIZE: Refusal = Refusal(413, 1919, "QueueProcessingExceptionFieldSizeExceeded");
pub const PROGRESS_SIZE: Refusal = Refusal(413, 1920, "QueueItemProgressDataSizeExceeded");

/// The refusals of which one has to be answered. Which, if several are right, is nobody's promise.
pub type Refusals = Vec<Refusal>;

/// An attempt at an item.
#[derive(Debug, Clone)]
pub struct Item {
    pub status: Status,
    pub review: Review,
    pub priority: Priority,
    pub reference: Option<String>,
    pub content: Option<Value>,
    pub defer: Option<Moment>,
    pub due: Option<Moment>,
    pub risk: Option<Moment>,
    pub progress: Option<String>,
    pub output: Option<Value>,
    pub analytics: Option<Value>,
    pub operation: Option<String>,
    pub exception: Option<Exception>,
    pub failure: Option<Failure>,
    pub robot: Option<i64>,
    pub created: Moment,
    pub started: Option<Moment>,
    pub ended: Option<Moment>,
    /// Seconds that attempts before this one took: at least, and at most.
    pub seconds: (i64, i64),
    pub retry: i64,
    pub manual_retry: i64,
    /// The attempt before this one: retried by itself, or by hand.
    pub ancestor: Option<usize>,
    pub manual_ancestor: Option<usize>,
    /// The first attempt.
    pub first: usize,
    /// What happened to it, and where it stood then.
    pub events: Vec<(Action, Status)>,
    /// How often it was changed.
    pub changes: u32,
    holds_reference: bool,
}

/// A queue and all that ever was in it, in the order in which it came.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    pub config: Config,
    pub items: Vec<Item>,
    pub sums: Sums,
}

/// What a queue has processed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub successful: i64,
    pub application: i64,
    pub business: i64,
}

/// Texts are compared without case.
fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl Queue {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            ..Self::default()
        }
    }

    /// How many items are in a status.
    pub fn count(&self, status: Status) -> usize {
        self.items.iter().filter(|i| i.status == status).count()
    }

    // --- adding ---------------------------------------------------------------------------------

    /// Adds an item, or says why not.
    pub fn add(&mut self, data: &Data, at: Moment) -> Result<usize, Refusals> {
        let mut refusals = data.flaws.clone();
        if self.config.unique {
            match &data.reference {
                None => refusals.push(NO_REFERENCE),
                Some(reference) if self.holder_of(reference).is_some() => refusals.push(DUPLICATE),
                Some(_) => {}
            }
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let after = |minutes: u64| at.plus(Duration::from_secs(60 * minutes));
        let sla = self.config.sla;
        let usual = match sla {
            Some(_) => Priority::High,
            None => Priority::Normal,
        };
        let index = self.items.len();
        self.items.push(Item {
            status: Status::New,
            review: Review::None,
            priority: data.priority.unwrap_or(usual),
            reference: data.reference.clone(),
            content: data.content.clone(),
            defer: data.defer.map(Moment::at),
            due: data.due.map(Moment::at).or(sla.map(|(due, _)| after(due))),
            risk: data
                .risk
                .map(Moment::at)
                .or(sla.map(|(_, risk)| after(risk))),
            progress: data.progress.clone(),
            output: None,
            analytics: None,
            operation: None,
            exception: None,
            failure: None,
            robot: None,
            created: at,
            started: None,
            ended: None,
            seconds: (0, 0),
            retry: 0,
            manual_retry: 0,
            ancestor: None,
            manual_ancestor: None,
            first: index,
            events: vec![(Action::Create, Status::New)],
            changes: 0,
            holds_reference: self.config.unique,
        });
        Ok(index)
    }

    fn holder_of(&self, reference: &str) -> Option<usize> {
        let same = |item: &Item| {
            item.holds_reference && item.reference.as_deref().map(fold) == Some(fold(reference))
        };
        self.items.iter().position(same)
    }

    /// Adds several; gives the place of each that was refused, from 1, and why.
    pub fn add_many(&mut self, commit: Commit, data: &[Data], at: Moment) -> Vec<(i64, Refusals)> {
        let before = self.items.len();
        let mut failed = Vec::new();
        for (ordinal, data) in (1..).zip(data) {
            if let Err(refusals) = self.add(data, at) {
                failed.push((ordinal, refusals));
                if commit == Commit::StopOnFirstFailure {
                    break;
                }
            }
        }
        if commit == Commit::AllOrNothing && !failed.is_empty() {
            self.items.truncate(before);
        }
        failed
    }

    // --- taking ---------------------------------------------------------------------------------

    /// The items of which one has to be handed out, `None` for nothing. There are several only while
    /// an item falls due at this very moment.
    pub fn due(&self, wanted: Option<&Wanted>, at: Moment) -> Vec<Option<usize>> {
        let wants = |item: &Item| match (wanted, item.reference.as_deref().map(fold)) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Wanted { reference, prefix }), Some(has)) => match prefix {
                true => has.starts_with(&fold(reference)),
                false => has == fold(reference),
            },
        };
        let mut waiting: Vec<usize> = (0..self.items.len())
            .filter(|i| self.items[*i].status == Status::New && wants(&self.items[*i]))
            .collect();
        waiting.sort_by_key(|i| (self.items[*i].place(), *i));
        let mut possible = Vec::new();
        for index in waiting {
            let defer = self.items[index].defer;
            if defer.is_some_and(|d| d.from > at.to) {
                continue;
            }
            possible.push(Some(index));
            if defer.is_none_or(|d| d.to <= at.from) {
                return possible;
            }
        }
        possible.push(None);
        possible
    }

    /// Hands an item out.
    pub fn start(&mut self, index: usize, robot: Option<i64>, at: Moment) {
        let item = &mut self.items[index];
        item.status = Status::InProgress;
        item.started = Some(at);
        item.robot = robot;
        item.did(Action::Status);
    }

    // --- ending ---------------------------------------------------------------------------------

    /// Ends an attempt, or says why not.
    pub fn end(
        &mut self,
        index: Option<usize>,
        outcome: &Outcome,
        at: Moment,
    ) -> Result<(), Refusals> {
        let mut refusals = outcome.flaws.clone();
        match index.map(|i| self.items[i].status) {
            None => refusals.push(NOT_FOUND),
            Some(Status::New) => refusals.push(NOT_STARTED),
            Some(Status::InProgress) => {}
            Some(_) => refusals.push(IS_OVER),
        }
        let Some(index) = index.filter(|_| refusals.is_empty()) else {
            return Err(refusals);
        };
        let item = &mut self.items[index];
        item.output = outcome.output.clone();
        item.analytics = outcome.analytics.clone();
        if let Some(progress) = &outcome.progress {
            item.progress = Some(progress.clone());
        }
        item.operation = outcome.operation.clone();
        match (&outcome.end, outcome.defer) {
            (End::Success, _) => {
                item.status = Status::Successful;
                item.ended = Some(at);
                item.did(Action::Status);
                self.sums.successful += 1;
            }
            (End::Failure(None), Some(defer)) => item.postpone(defer, outcome.due, at),
            (End::Failure(exception), _) => self.fail(index, exception.as_ref(), outcome, at),
        }
        Ok(())
    }

    fn fail(&mut self, index: usize, told: Option<&Exception>, outcome: &Outcome, at: Moment) {
        let kind = told
            .and_then(|e| e.kind)
            .unwrap_or(Failure::ApplicationException);
        let item = &mut self.items[index];
        item.status = Status::Failed;
        item.ended = Some(at);
        item.exception = told.cloned();
        item.failure = Some(kind);
        item.did(Action::Status);
        match kind {
            Failure::ApplicationException => self.sums.application += 1,
            Failure::BusinessException => self.sums.business += 1,
        }
        if kind == Failure::ApplicationException && self.config.retry_failed {
            self.retry(index, outcome.defer, outcome.due, at);
        }
    }

    /// Gives an attempt up that nobody ended in time.
    pub fn abandon(&mut self, index: usize, at: Moment) {
        let item = &mut self.items[index];
        item.status = Status::Abandoned;
        item.ended = Some(at);
        item.did(Action::Status);
        if self.config.retry_abandoned {
            self.retry(index, None, None, at);
        }
    }

    /// Adds another attempt, unless there were enough.
    fn retry(
        &mut self,
        index: usize,
        defer: Option<Timestamp>,
        due: Option<Timestamp>,
        at: Moment,
    ) {
        let old = &self.items[index];
        if old.retry >= self.config.retries {
            return;
        }
        let (least, most) = match old.started {
            Some(started) => at.seconds_since(started),
            None => (0, 0),
        };
        let copy = Item {
            defer: defer.map(Moment::at),
            due: due.map(Moment::at).or(old.due),
            seconds: (old.seconds.0 + least, old.seconds.1 + most),
            retry: old.retry + 1,
            ancestor: Some(index),
            ..old.again(at)
        };
        self.replace_by(index, copy);
    }

    /// Marks an attempt as retried, and adds the one that follows it.
    fn replace_by(&mut self, index: usize, copy: Item) {
        let old = &mut self.items[index];
        old.status = Status::Retried;
        old.holds_reference = false;
        old.did(Action::Retry);
        self.items.push(copy);
    }

    /// Tells how far an attempt is, or why it cannot be told.
    pub fn progress(
        &mut self,
        index: Option<usize>,
        text: &str,
        flaw: Option<Refusal>,
    ) -> Result<(), Refusals> {
        let mut refusals: Refusals = flaw.into_iter().collect();
        match index.map(|i| self.items[i].status) {
            None => refusals.push(NOT_FOUND),
            Some(Status::InProgress) => {}
            Some(_) => refusals.push(NO_PROGRESS),
        }
        let Some(index) = index.filter(|_| refusals.is_empty()) else {
            return Err(refusals);
        };
        let item = &mut self.items[index];
        item.progress = Some(text.to_owned());
        item.changes += 1;
        Ok(())
    }

    // --- what people do -------------------------------------------------------------------------

    /// Replaces what may be changed of a new item; of one that is over, removes the content.
    pub fn edit(
        &mut self,
        index: Option<usize>,
        version: Version,
        data: &Data,
    ) -> Result<usize, Refusals> {
        let mut refusals = data.flaws.clone();
        let Some(index) = index else {
            refusals.push(NOT_FOUND);
            return Err(refusals);
        };
        let item = &mut self.items[index];
        if !item.is(version) {
            refusals.push(CONFLICT);
        }
        let editable = match item.status {
            Status::New => true,
            Status::Successful | Status::Deleted | Status::Retried => {
                item.is_but_for_content(data) && data.content.as_ref().is_none_or(is_empty)
            }
            Status::InProgress | Status::Failed | Status::Abandoned => false,
        };
        if !editable {
            refusals.push(NOT_EDITABLE);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if item.status == Status::New {
            item.priority = data.priority.unwrap_or(item.priority);
            item.defer = data.defer.map(Moment::at);
            item.due = data.due.map(Moment::at);
            item.progress = data.progress.clone();
            item.content = data.content.clone();
        } else {
            item.content = None;
        }
        item.did(Action::Edit);
        Ok(index)
    }

    /// Deletes an item, or says why not.
    pub fn delete(&mut self, index: Option<usize>, version: Version) -> Result<(), Refusals> {
        let Some(item) = index.map(|i| &mut self.items[i]) else {
            return Err(vec![NOT_FOUND]);
        };
        let mut refusals = Refusals::new();
        if !item.is(version) {
            refusals.push(CONFLICT);
        }
        if item.status == Status::InProgress {
            refusals.push(IN_USE);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if item.status != Status::Deleted {
            item.status = Status::Deleted;
            item.holds_reference = false;
            item.did(Action::Delete);
        }
        Ok(())
    }

    /// Reviews a failed item, or has it retried; whether that was possible.
    pub fn review(
        &mut self,
        index: Option<usize>,
        version: Version,
        review: Review,
        at: Moment,
    ) -> bool {
        let Some(index) = index else { return false };
        let item = &mut self.items[index];
        let over = matches!(item.status, Status::Failed | Status::Abandoned);
        if !over || !item.is(version) {
            return false;
        }
        item.review = review;
        if review == Review::Retried {
            let old = &self.items[index];
            let copy = Item {
                manual_retry: old.manual_retry + 1,
                manual_ancestor: Some(index),
                ..old.again(at)
            };
            self.replace_by(index, copy);
        } else {
            item.did(Action::Edit);
        }
        true
    }
}

/// Whether all of a bulk have to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    AllOrNothing,
    StopOnFirstFailure,
    ProcessAllIndependently,
}

fn is_empty(content: &Value) -> bool {
    content.as_object().is_some_and(Map::is_empty)
}

impl Item {
    /// Its place in the line: deadlines first, by priority and date; then by priority.
    pub fn place(&self) -> (bool, Priority, Option<Timestamp>) {
        let due = self.due.map(|d| d.from);
        (due.is_none(), self.priority, due)
    }

    fn is(&self, version: Version) -> bool {
        match version {
            Version::Any => true,
            Version::Seen(changes) => changes == self.changes,
            Version::Wrong => false,
        }
    }

    fn is_but_for_content(&self, data: &Data) -> bool {
        let same = |mine: Option<Moment>, told: Option<Timestamp>| mine == told.map(Moment::at);
        data.priority.is_none_or(|p| p == self.priority)
            && same(self.defer, data.defer)
            && same(self.due, data.due)
            && same(self.risk, data.risk)
            && self.reference == data.reference
            && self.progress == data.progress
    }

    fn postpone(&mut self, defer: Timestamp, due: Option<Timestamp>, at: Moment) {
        let (least, most) = match self.started {
            Some(started) => at.seconds_since(started),
            None => (0, 0),
        };
        self.status = Status::New;
        self.defer = Some(Moment::at(defer));
        self.due = due.map(Moment::at).or(self.due);
        self.seconds = (self.seconds.0 + least, self.seconds.1 + most);
        self.did(Action::Status);
    }

    fn did(&mut self, action: Action) {
        self.events.push((action, self.status));
        self.changes += 1;
    }

    /// Another attempt at the same, as nobody has touched it yet.
    fn again(&self, at: Moment) -> Self {
        Self {
            status: Status::New,
            review: Review::None,
            progress: None,
            output: None,
            analytics: None,
            operation: None,
            exception: None,
            failure: None,
            robot: None,
            created: at,
            started: None,
            ended: None,
            seconds: (0, 0),
            ancestor: None,
            manual_ancestor: None,
            events: vec![(Action::Create, Status::New)],
            changes: 0,
            ..self.clone()
        }
    }
}
