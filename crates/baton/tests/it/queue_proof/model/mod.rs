//! A queue as it has to be: plain Rust over a list of items. It knows no database, and says for
//! each operation what is answered and how the items are afterwards.

mod item;
mod refusals;

use std::time::Duration;

use odata::Timestamp;
use serde_json::{Map, Value};

pub use item::*;
pub use refusals::*;

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
        if self.config.violated(data.content.as_ref()) {
            refusals.push(NOT_LIKE_SCHEMA);
        }
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
            holds_reference: self.config.unique,
            ..Item::new(index, at)
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
        let results = [&outcome.output, &outcome.analytics];
        if results
            .into_iter()
            .any(|r| self.config.violated(r.as_ref()))
        {
            refusals.push(NOT_LIKE_SCHEMA);
        }
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
        if let Some(progress) = &outcome.progress {
            item.progress = Some(progress.clone());
        }
        if let (End::Failure(None), Some(defer)) = (&outcome.end, outcome.defer) {
            item.postpone(defer, outcome.due, at);
            return Ok(());
        }
        item.ended = Some(at);
        item.output = outcome.output.clone();
        item.analytics = outcome.analytics.clone();
        item.operation = outcome.operation.clone();
        match &outcome.end {
            End::Success => {
                item.status = Status::Successful;
                item.did(Action::Status);
                self.sums.successful += 1;
            }
            End::Failure(exception) => self.fail(index, exception.as_ref(), outcome, at),
        }
        Ok(())
    }

    fn fail(&mut self, index: usize, told: Option<&Exception>, outcome: &Outcome, at: Moment) {
        let kind = told
            .and_then(|e| e.kind)
            .unwrap_or(Failure::ApplicationException);
        let item = &mut self.items[index];
        item.status = Status::Failed;
        item.failure = Some(kind);
        item.exception = Some(Exception {
            kind: Some(kind),
            ..told.cloned().unwrap_or_default()
        });
        match kind {
            Failure::ApplicationException => self.sums.application += 1,
            Failure::BusinessException => self.sums.business += 1,
        }
        let retries = kind == Failure::ApplicationException && self.config.retry_failed;
        if retries && self.may_retry(index) {
            self.retry(index, outcome.defer, outcome.due, at);
        } else {
            self.items[index].did(Action::Status);
        }
    }

    /// Gives an attempt up that nobody ended in time.
    pub fn abandon(&mut self, index: usize, at: Moment) {
        let item = &mut self.items[index];
        item.status = Status::Abandoned;
        item.ended = Some(at);
        item.did(Action::Status);
        if self.config.retry_abandoned && self.may_retry(index) {
            self.retry(index, None, None, at);
        }
    }

    fn may_retry(&self, index: usize) -> bool {
        self.items[index].retry < self.config.retries
    }

    /// Adds another attempt.
    fn retry(
        &mut self,
        index: usize,
        defer: Option<Timestamp>,
        due: Option<Timestamp>,
        at: Moment,
    ) {
        let old = &self.items[index];
        let copy = Item {
            defer: defer.map(Moment::at),
            due: due.map(Moment::at).or(old.due),
            seconds: old.seconds_until(Some(at)),
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
        if self.config.violated(data.content.as_ref()) {
            refusals.push(NOT_LIKE_SCHEMA);
        }
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
                seconds: old.seconds_until(old.ended),
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

fn is_empty(content: &Value) -> bool {
    content.as_object().is_some_and(Map::is_empty)
}
