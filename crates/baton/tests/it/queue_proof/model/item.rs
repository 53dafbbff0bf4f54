//! An attempt at an item, and what callers say of items.

use std::time::Duration;

use odata::Timestamp;
use serde_json::Value;

use super::refusals::Refusals;

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

    pub fn plus(self, duration: Duration) -> Self {
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
    pub fn seconds_since(self, earlier: Self) -> (i64, i64) {
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
#[expect(clippy::enum_variant_names, reason = "the names of the API")]
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
    /// Whether contents and results have the schema that [`Self::violated`] is.
    pub schemas: bool,
    /// Minutes until the deadline, and until it is at risk.
    pub sla: Option<(u64, u64)>,
}

impl Config {
    /// The largest `Number` that schemas allow.
    pub const LARGEST: i64 = 100;

    /// Whether a dictionary is not as the schema says.
    pub fn violated(&self, content: Option<&Value>) -> bool {
        let number = content.and_then(|content| content["Number"].as_i64());
        self.schemas && number.is_some_and(|number| number > Self::LARGEST)
    }
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

#[derive(Debug, Clone, Default, PartialEq)]
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

/// Whether all of a bulk have to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    AllOrNothing,
    StopOnFirstFailure,
    ProcessAllIndependently,
}

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
    /// What happened to it, and how it was then.
    pub events: Vec<(Action, Status, Review)>,
    /// How often it was changed.
    pub changes: u32,
    pub holds_reference: bool,
}

impl Item {
    /// An item that was just added, about nothing.
    pub fn new(first: usize, at: Moment) -> Self {
        Self {
            status: Status::New,
            review: Review::None,
            priority: Priority::Normal,
            reference: None,
            content: None,
            defer: None,
            due: None,
            risk: None,
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
            retry: 0,
            manual_retry: 0,
            ancestor: None,
            manual_ancestor: None,
            first,
            events: vec![(Action::Create, Status::New, Review::None)],
            changes: 0,
            holds_reference: false,
        }
    }

    /// Its place in the line: deadlines first, by priority and date; then by priority.
    pub fn place(&self) -> (bool, Priority, Option<Timestamp>) {
        let due = self.due.map(|d| d.from);
        (due.is_none(), self.priority, due)
    }

    pub fn is(&self, version: Version) -> bool {
        match version {
            Version::Any => true,
            Version::Seen(changes) => changes == self.changes,
            Version::Wrong => false,
        }
    }

    pub fn is_but_for_content(&self, data: &Data) -> bool {
        let same = |mine: Option<Moment>, told: Option<Timestamp>| mine == told.map(Moment::at);
        data.priority.is_none_or(|p| p == self.priority)
            && same(self.defer, data.defer)
            && same(self.due, data.due)
            && same(self.risk, data.risk)
            && self.reference == data.reference
            && self.progress == data.progress
    }

    /// Seconds that attempts took, with this one: at least, and at most.
    pub fn seconds_until(&self, end: Option<Moment>) -> (i64, i64) {
        let (least, most) = match (self.started, end) {
            (Some(started), Some(end)) => end.seconds_since(started),
            _ => (0, 0),
        };
        (self.seconds.0 + least, self.seconds.1 + most)
    }

    pub fn postpone(&mut self, defer: Timestamp, due: Option<Timestamp>, at: Moment) {
        self.status = Status::New;
        self.defer = Some(Moment::at(defer));
        self.due = due.map(Moment::at).or(self.due);
        self.seconds = self.seconds_until(Some(at));
        self.did(Action::Status);
    }

    pub fn did(&mut self, action: Action) {
        self.events.push((action, self.status, self.review));
        self.changes += 1;
    }

    /// Another attempt at the same, as nobody has touched it yet.
    pub fn again(&self, at: Moment) -> Self {
        Self {
            priority: self.priority,
            reference: self.reference.clone(),
            content: self.content.clone(),
            defer: self.defer,
            due: self.due,
            risk: self.risk,
            retry: self.retry,
            manual_retry: self.manual_retry,
            holds_reference: self.holds_reference,
            ..Self::new(self.first, at)
        }
    }
}
