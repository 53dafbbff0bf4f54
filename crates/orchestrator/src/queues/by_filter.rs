//! Many items changed at once: those that a `$filter` finds. The original has nothing like it, so
//! these actions have a namespace of their own.
//!
//! Unless the body says otherwise they only count. A call changes the oldest of the items that it
//! finds, at most as many as one transaction takes, and tells how many are left: what was changed
//! is not found again, so whoever calls until nothing remains has changed all.

use db::Value;
use odata::{Options, Query, Timestamp};
use serde::{Deserialize, Serialize};

use super::editing::{self, Schedule};
use super::entities::{QueueItem, QueueItemPriority};
use super::events::{self, QueueItemEventAction};
use super::items::{self, DELETE_ITEMS, Item, REPLACE_ITEMS};
use super::{Author, EDIT_ITEMS, review, search};
use crate::body::{self, MAX_NAMED};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{FolderRule, Found, Need, OWN_NAMESPACE, Op, Run, Search, Searched};

/// The actions.
pub const OPS: &[Op] = &[
    action(
        "RetryByFilter",
        EDIT_ITEMS,
        |cx, args| search(cx, args, Change::retry),
        |cx, args| run(cx, args, Change::retry),
    )
    .params(&[DRY_RUN]),
    action(
        "EditByFilter",
        REPLACE_ITEMS,
        |cx, args| search(cx, args, Change::edit),
        |cx, args| run(cx, args, Change::edit),
    )
    .params(&[
        DRY_RUN,
        ("Priority", "QueueItemPriority"),
        ("DeferDate", "Edm.DateTimeOffset"),
        ("DueDate", "Edm.DateTimeOffset"),
        ("RiskSlaDate", "Edm.DateTimeOffset"),
    ]),
    action(
        "DeleteByFilter",
        DELETE_ITEMS,
        |cx, args| search(cx, args, Change::delete),
        |cx, args| run(cx, args, Change::delete),
    )
    .params(&[DRY_RUN]),
];

const DRY_RUN: (&str, &str) = ("dryRun", "Edm.Boolean");

const fn action(name: &'static str, need: Need, search: Search, run: Run) -> Op {
    Op::action("QueueItems", name, need, run)
        .namespace(OWN_NAMESPACE)
        .filter(true, Options::NONE)
        .search(search)
        .returns("ChangedByFilterDto")
        .folder(FolderRule::Required)
}

/// What became of the items that were found.
#[odata::complex(name = "ChangedByFilterDto")]
#[derive(Serialize)]
pub(super) struct Changed {
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

/// What the body of a call says.
#[odata::complex(name = "ChangeByFilterDto")]
#[derive(Deserialize)]
struct Wish {
    /// Whether to count only.
    #[serde(default)]
    dry_run: Option<bool>,
    /// What is handed out first.
    #[serde(default)]
    priority: Option<QueueItemPriority>,
    /// Not handed out before.
    #[serde(default)]
    defer_date: Option<Timestamp>,
    /// When it should be done.
    #[serde(default)]
    due_date: Option<Timestamp>,
    /// When that is at risk.
    #[serde(default)]
    risk_sla_date: Option<Timestamp>,
}

impl Wish {
    /// Reads the body; without one everything is as if left out.
    fn read(args: &Args) -> Result<Self> {
        let empty = serde_json::json!({});
        let given = args.body.as_ref().filter(|body| !body.is_null());
        let body = given.unwrap_or(&empty);
        odata::body::check_complex(&Self::TYPE, body)?;
        body::read("body", Some(body))
    }

    fn is_dry_run(&self) -> bool {
        self.dry_run.unwrap_or(true)
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

/// Reads what a request wants done.
type Read = fn(&Args, &Wish) -> Result<Change>;

impl Change {
    fn retry(_: &Args, _: &Wish) -> Result<Self> {
        Ok(Self::Retry)
    }

    fn delete(_: &Args, _: &Wish) -> Result<Self> {
        Ok(Self::Delete)
    }

    fn edit(args: &Args, wish: &Wish) -> Result<Self> {
        let given = |name: &str| args.body.as_ref().and_then(|b| body::get(b, name));
        let date = |name: &str, to: Option<Timestamp>| given(name).map(|_| to);
        if given("Priority").is_some() && wish.priority.is_none() {
            return Err(Error::invalid("The field Priority must not be null."));
        }
        let edit = Edit {
            priority: wish.priority,
            defer_date: date("DeferDate", wish.defer_date),
            due_date: date("DueDate", wish.due_date),
            risk_sla_date: date("RiskSlaDate", wish.risk_sla_date),
        };
        if edit.columns().is_empty() {
            return Err(Error::invalid(
                "Say what to change: Priority, DeferDate, DueDate or RiskSlaDate.",
            ));
        }
        Ok(Self::Edit(edit))
    }

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
fn filter(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Query> {
    let query = args.options(cx, &QueueItem::SET)?;
    if query.filter.is_none() {
        return Err(Error::invalid(
            "$filter is required: it says which queue items are meant, e.g. $filter=QueueDefinitionId eq 1.",
        ));
    }
    Ok(query)
}

/// Finds the items while others write. A dry run is over with that.
fn search(cx: &mut Cx<'_, '_>, args: &Args, read: Read) -> Result<Searched> {
    let (query, wish) = (filter(cx, args)?, Wish::read(args)?);
    let change = read(args, &wish)?;
    let (restrict, vars) = (change.restrict(), change.vars());
    let listing = Listing {
        restrict: Some(&restrict),
        vars: &vars,
        ..Listing::default()
    };
    search::narrowed(cx, &query, &listing, |cx, listing| {
        let total = cx.count(&QueueItem::SET, &query, listing)?;
        if wish.is_dry_run() {
            let counted = Changed::of(total, 0, true);
            return Ok(Searched::Answer(cx.answer(&counted)));
        }
        let ids = match total {
            0 => Vec::new(),
            _ => cx.keys(&QueueItem::SET, &query, listing, MAX_NAMED as u32)?,
        };
        Ok(Searched::Found(Found { ids, total }))
    })
}

/// Changes those items that are still what was looked for.
fn run(cx: &mut Cx<'_, '_>, args: &Args, read: Read) -> Result<Reply> {
    let found = match &args.found {
        Some(found) => found.clone(),
        None => match search(cx, args, read)? {
            Searched::Answer(reply) => return Ok(reply),
            Searched::Found(found) => found,
        },
    };
    let change = read(args, &Wish::read(args)?)?;
    let ids = still(cx, args, &change, &found.ids)?;
    for id in &ids {
        let item = items::find(cx, *id)?;
        change.apply(cx, &item)?;
    }
    Ok(cx.answer(&Changed::of(found.total, ids.len(), false)))
}

/// Those of the items that the filter still finds and that still can be changed.
fn still(cx: &mut Cx<'_, '_>, args: &Args, change: &Change, found: &[i64]) -> Result<Vec<i64>> {
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
    let query = filter(cx, args)?;
    cx.keys(&QueueItem::SET, &query, &listing, MAX_NAMED as u32)
}
