//! Many items changed at once: those that a `$filter` finds. The original has nothing like it, so
//! these actions have a namespace of their own.
//!
//! Unless the body says otherwise they only count. A call changes the oldest of the items that it
//! finds, at most as many as one transaction takes, and tells how many are left: what was changed
//! is not found again, so whoever calls until nothing remains has changed all.

use db::Value;
use odata::edm::Entity;
use odata::{Given, Options, Query, Timestamp};
use serde::Serialize;

use super::editing::{self, Schedule};
use super::entities::{QueueItem, QueueItemPriority};
use super::events::{self, QueueItemEventAction};
use super::items::{self, DELETE_ITEMS, Item, REPLACE_ITEMS};
use super::{Author, EDIT_ITEMS, review, search};
use crate::body::MAX_NAMED;
use crate::cx::{Cx, Listing};
use crate::error::{Error, Result};
use crate::op::{
    At, FolderRule, Found, Need, OWN_NAMESPACE, Op, Operation, Searched, Searching, Written,
    action, searching,
};

/// The actions.
pub const OPS: &[Op] = &[
    searching::<RetryByFilter>(),
    searching::<EditByFilter>(),
    searching::<DeleteByFilter>(),
];

const fn at(name: &'static str, need: Need) -> At {
    action("QueueItems", name)
        .needs(need)
        .namespace(OWN_NAMESPACE)
        .tells()
        .filter(true, Options::NONE)
        .folder(FolderRule::Required)
}

/// Has the items that `$filter` finds retried, at most 1,000 at a time.
#[odata::input]
pub struct RetryByFilter {
    /// Whether to count only; so it is unless this is false.
    dry_run: Option<bool>,
}

impl Searching for RetryByFilter {
    fn search(&self, cx: &mut Cx<'_, '_>) -> Result<Searched> {
        search(cx, &Change::Retry, self.dry_run)
    }
}

impl Operation for RetryByFilter {
    const AT: At = at("RetryByFilter", EDIT_ITEMS);
    type Answer = Written<Changed>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        run(cx, &Change::Retry, self.dry_run)
    }
}

/// Deletes the items that `$filter` finds, at most 1,000 at a time.
#[odata::input]
pub struct DeleteByFilter {
    /// Whether to count only; so it is unless this is false.
    dry_run: Option<bool>,
}

impl Searching for DeleteByFilter {
    fn search(&self, cx: &mut Cx<'_, '_>) -> Result<Searched> {
        search(cx, &Change::Delete, self.dry_run)
    }
}

impl Operation for DeleteByFilter {
    const AT: At = at("DeleteByFilter", DELETE_ITEMS);
    type Answer = Written<Changed>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        run(cx, &Change::Delete, self.dry_run)
    }
}

/// Changes priority and dates of the new items that `$filter` finds, at most 1,000 at a time. What is left
/// out stays; a date that is null is taken away.
#[odata::input]
pub struct EditByFilter {
    /// Whether to count only; so it is unless this is false.
    dry_run: Option<bool>,
    /// What is handed out first.
    #[edm(name = "Priority")]
    priority: Given<QueueItemPriority>,
    /// Not handed out before.
    #[edm(name = "DeferDate")]
    defer_date: Given<Timestamp>,
    /// When it should be done.
    #[edm(name = "DueDate")]
    due_date: Given<Timestamp>,
    /// When that is at risk.
    #[edm(name = "RiskSlaDate")]
    risk_sla_date: Given<Timestamp>,
}

impl EditByFilter {
    fn change(&self) -> Result<Change> {
        if self.priority == Given(Some(None)) {
            return Err(Error::invalid("The field Priority must not be null."));
        }
        let edit = Edit {
            priority: self.priority.0.flatten(),
            defer_date: self.defer_date.0,
            due_date: self.due_date.0,
            risk_sla_date: self.risk_sla_date.0,
        };
        if edit.columns().is_empty() {
            return Err(Error::invalid(
                "Say what to change: Priority, DeferDate, DueDate or RiskSlaDate.",
            ));
        }
        Ok(Change::Edit(edit))
    }
}

impl Searching for EditByFilter {
    fn search(&self, cx: &mut Cx<'_, '_>) -> Result<Searched> {
        search(cx, &self.change()?, self.dry_run)
    }
}

impl Operation for EditByFilter {
    const AT: At = at("EditByFilter", REPLACE_ITEMS);
    type Answer = Written<Changed>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        run(cx, &self.change()?, self.dry_run)
    }
}

/// What became of the items that were found.
#[odata::complex(name = "ChangedByFilterDto")]
#[derive(Serialize)]
pub struct Changed {
    /// How many the filter finds of those that can be changed.
    matched: i64,
    /// How many of them were changed.
    changed: i64,
    /// How many of them still can be.
    remaining: i64,
    /// Whether they were only counted.
    dry_run: bool,
}

impl Changed {
    fn of(total: u64, changed: usize, dry_run: bool) -> Self {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let (matched, changed) = (number(total), number(changed as u64));
        Self {
            matched,
            changed,
            remaining: (matched - changed).max(0),
            dry_run,
        }
    }
}

/// What is done to each item.
enum Change {
    Retry,
    Edit(Edit),
    Delete,
}

/// What is changed in new items; `None` stays as it is.
struct Edit {
    priority: Option<QueueItemPriority>,
    defer_date: Option<Option<Timestamp>>,
    due_date: Option<Option<Timestamp>>,
    risk_sla_date: Option<Option<Timestamp>>,
}

impl Change {
    /// The items that it can be done to, and to which it has not been done yet.
    fn restrict(&self) -> String {
        match self {
            Self::Retry => review::OVER.into(),
            Self::Delete => editing::DELETABLE.into(),
            Self::Edit(edit) => {
                let differs = |(column, _): (&str, _)| {
                    format!("{{t}}.{column} IS DISTINCT FROM {{{column}}}")
                };
                let differs: Vec<_> = edit.columns().into_iter().map(differs).collect();
                format!("{} AND ({})", editing::EDITABLE, differs.join(" OR "))
            }
        }
    }

    /// The values in that condition.
    fn vars(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Edit(edit) => edit.columns(),
            Self::Retry | Self::Delete => Vec::new(),
        }
    }

    fn apply(&self, cx: &mut Cx<'_, '_>, item: &Item) -> Result<()> {
        match self {
            Self::Retry => review::retry(cx, item),
            Self::Delete => editing::mark_deleted(cx, item),
            Self::Edit(edit) => {
                editing::reschedule(cx, item, &edit.schedule(item))?;
                let author = Author::of(cx.caller);
                events::write(cx.tx, item.id, QueueItemEventAction::Edit, cx.now, &author)
            }
        }
    }
}

impl Edit {
    /// The columns that change, with their values.
    fn columns(&self) -> Vec<(&'static str, Value)> {
        let columns = [
            ("priority", self.priority.map(Value::from)),
            ("defer_date", self.defer_date.map(Value::from)),
            ("due_date", self.due_date.map(Value::from)),
            ("risk_sla_date", self.risk_sla_date.map(Value::from)),
        ];
        let given = columns.into_iter();
        given.filter_map(|(name, to)| Some((name, to?))).collect()
    }

    fn schedule(&self, item: &Item) -> Schedule {
        let now = Schedule::of(item);
        Schedule {
            priority: self.priority.unwrap_or(now.priority),
            defer_date: self.defer_date.unwrap_or(now.defer_date),
            due_date: self.due_date.unwrap_or(now.due_date),
            risk_sla_date: self.risk_sla_date.unwrap_or(now.risk_sla_date),
        }
    }
}

/// The filter, which has to be there: nobody changes everything by leaving something out.
fn filter(cx: &mut Cx<'_, '_>) -> Result<Query> {
    let query = cx.options(QueueItem::set())?;
    if query.filter.is_none() {
        return Err(Error::invalid(
            "$filter is required: it says which queue items are meant, e.g. $filter=QueueDefinitionId eq 1.",
        ));
    }
    Ok(query)
}

/// What a look at the items came to.
enum Look {
    /// They were only to be counted.
    Counted(Changed),
    /// They are to be changed.
    Found(Found),
}

/// Looks for the items.
fn look(cx: &mut Cx<'_, '_>, change: &Change, dry_run: Option<bool>) -> Result<Look> {
    let query = filter(cx)?;
    let (restrict, vars) = (change.restrict(), change.vars());
    let listing = Listing {
        restrict: Some(&restrict),
        vars: &vars,
        ..Listing::default()
    };
    search::narrowed(cx, &query, &listing, |cx, listing| {
        let total = cx.count(&QueueItem::SET, &query, listing)?;
        if dry_run.unwrap_or(true) {
            return Ok(Look::Counted(Changed::of(total, 0, true)));
        }
        let ids = match total {
            0 => Vec::new(),
            _ => cx.keys(&QueueItem::SET, &query, listing, MAX_NAMED as u32)?,
        };
        Ok(Look::Found(Found { ids, total }))
    })
}

/// Finds the items while others write. A dry run is over with that.
fn search(cx: &mut Cx<'_, '_>, change: &Change, dry_run: Option<bool>) -> Result<Searched> {
    Ok(match look(cx, change, dry_run)? {
        Look::Counted(counted) => Searched::Answer(cx.answer(&counted)),
        Look::Found(found) => Searched::Found(found),
    })
}

/// Changes those items that are still what was looked for.
fn run(cx: &mut Cx<'_, '_>, change: &Change, dry_run: Option<bool>) -> Result<Written<Changed>> {
    let found = match &cx.args.found {
        Some(found) => found.clone(),
        None => match look(cx, change, dry_run)? {
            Look::Counted(counted) => return Ok(cx.answer(&counted).into()),
            Look::Found(found) => found,
        },
    };
    let ids = still(cx, change, &found.ids)?;
    for id in &ids {
        let item = items::find(cx, *id)?;
        change.apply(cx, &item)?;
    }
    // The query options say what is meant, not what is shown.
    Ok(cx
        .answer(&Changed::of(found.total, ids.len(), false))
        .into())
}

/// Those of the items that the filter still finds and that still can be changed.
fn still(cx: &mut Cx<'_, '_>, change: &Change, found: &[i64]) -> Result<Vec<i64>> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let numbers: Vec<String> = found.iter().map(ToString::to_string).collect();
    let restrict = format!(
        "{{t}}.id IN ({}) AND {}",
        numbers.join(", "),
        change.restrict()
    );
    let vars = change.vars();
    let listing = Listing {
        restrict: Some(&restrict),
        vars: &vars,
        ..Listing::default()
    };
    let query = filter(cx)?;
    cx.keys(&QueueItem::SET, &query, &listing, MAX_NAMED as u32)
}
