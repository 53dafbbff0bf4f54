//! All items of a queue in one file, for spreadsheets.

use std::collections::HashMap;
use std::sync::Arc;

use db::Value;
use odata::{Expand, Options, Query, TICKS_PER_SECOND, Timestamp};
use serde_json::Value as Json;

use super::entities::{QUEUES_IN_FOLDERS, QueueItem};
use super::{VIEW_ITEMS, content, items_need, search};
use crate::access;
use crate::cx::{Cx, Listing, Place, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, At, FolderRule, Need, Op, Operation, Part, QUEUE_NAMESPACE, function, op};

/// Its function.
pub const OPS: &[Op] = &[op::<Reports>()];

/// Besides `$filter`: the order of the lines, and what the columns show of other entities anyway.
pub(crate) const HONOURED: Options = Options::ORDERBY.and(Options::EXPAND);

/// What asking for an export of items takes: it leaves something behind.
pub(crate) const EXPORT: Need = items_need(&[("Transactions", Access::View)], true);

/// What a column shows of an item.
#[derive(Clone, Copy)]
enum Shows {
    /// A member, as it is.
    Member(&'static str),
    /// A time.
    Time(&'static str),
    /// Whole seconds from when it was taken to the end of that attempt.
    Duration,
}
use Shows::{Duration, Member, Time};

/// The columns: their heading, and what of an item they show.
const COLUMNS: &[(&str, Shows)] = &[
    ("Id", Member("/Id")),
    ("Key", Member("/Key")),
    ("Reference", Member("/Reference")),
    ("Status", Member("/Status")),
    ("Revision", Member("/ReviewStatus")),
    ("Reviewer Name", Member("/ReviewerUser/UserName")),
    ("Exception", Member("/ProcessingExceptionType")),
    ("Exception Reason", Member("/ProcessingException/Reason")),
    ("Exception Details", Member("/ProcessingException/Details")),
    ("Priority", Member("/Priority")),
    ("Deadline (absolute)", Time("/DueDate")),
    ("Risk SLA", Time("/RiskSlaDate")),
    ("Postpone (absolute)", Time("/DeferDate")),
    ("Created (absolute)", Time("/CreationTime")),
    ("Started (absolute)", Time("/StartProcessing")),
    ("Ended (absolute)", Time("/EndProcessing")),
    ("Transaction Execution Time", Duration),
    ("Robot", Member("/Robot/Name")),
    ("Retry No.", Member("/RetryNumber")),
    ("Progress", Member("/Progress")),
    ("Specific Data", Member("/SpecificContent")),
    ("Output", Member("/Output")),
    ("Analytics Data", Member("/Analytics")),
];

/// Items in a part: as many as a page has.
const AT_ONCE: usize = QueueItem::SET.top as usize;

/// What of the items is read.
const OPTIONS: &str = "$orderby=Id&$expand=Robot($select=Name),ReviewerUser($select=UserName)";

/// Items of a queue that somebody wants in a file.
pub(crate) struct ItemsFile {
    queue: i64,
    query: Query,
}

impl ItemsFile {
    /// Reads it, and fails unless the queue is in the folder of the request.
    ///
    /// # Errors
    /// 400 for related entities of which a file shows nothing; 1002 when there is no such queue.
    pub(crate) fn read(cx: &mut Cx<'_, '_>, queue: i64) -> Result<Self> {
        let mut query = Query::parse(&QueueItem::SET, &cx.args.query)?;
        if !query.expand.iter().all(is_shown) {
            return Err(Error::invalid(
                "A file shows of related entities what its columns say: $expand can name Robot and \
                 ReviewerUser, without options.",
            ));
        }
        // Whoever reads a file sees these columns, asked for or not.
        query.expand.clear();
        access::may_ask(cx.tx, cx.caller, &query)?;
        cx.entity(&QUEUES_IN_FOLDERS, queue, &[])?;
        Ok(Self { queue, query })
    }

    /// The name of the file.
    pub(crate) fn file_name(&self) -> String {
        format!("queue-{}-items.csv", self.queue)
    }

    /// Where the file begins: with the oldest item, unless another order is wanted. Sorting is done
    /// once, before the first part: it would take as long for each. What it leaves is eight bytes for
    /// each item.
    fn beginning(&self, cx: &mut Cx<'_, '_>) -> Result<Place> {
        if self.query.order.is_empty() {
            let last =
                "SELECT COALESCE(MAX(id), 0) FROM queue_items WHERE queue_definition_id = $1";
            return Ok(Place::After {
                row: 0,
                until: cx.tx.number(last, &[self.queue.into()])?,
            });
        }
        let listing = Listing {
            restrict: Some("{t}.queue_definition_id = {queue}"),
            vars: &[("queue", self.queue.into())],
            ..Listing::default()
        };
        let ids = search::narrowed(cx, &self.query, &listing, |cx, listing| {
            cx.keys(&QueueItem::SET, &self.query, listing, u32::MAX)
        })?;
        Ok(Place::Rows {
            ids: ids.into(),
            from: 0,
        })
    }

    /// The items at a place, and the place behind them.
    fn part(&self, cx: &mut Cx<'_, '_>, place: &Place) -> Result<(Vec<Json>, Option<Place>)> {
        match place {
            Place::After { row, until } => self.after(cx, *row, *until),
            Place::Rows { ids, from } => self.listed(cx, ids, *from),
        }
    }

    fn after(
        &self,
        cx: &mut Cx<'_, '_>,
        row: i64,
        until: i64,
    ) -> Result<(Vec<Json>, Option<Place>)> {
        let between = "{t}.id > {row} AND {t}.id <= {until}";
        let vars = vec![("row", row.into()), ("until", until.into())];
        let items = self.items(cx, between, vars)?;
        let next = match items.len() < AT_ONCE {
            true => None,
            false => items.last().and_then(|item| item["Id"].as_i64()),
        };
        Ok((items, next.map(|row| Place::After { row, until })))
    }

    fn listed(
        &self,
        cx: &mut Cx<'_, '_>,
        ids: &Arc<[i64]>,
        from: usize,
    ) -> Result<(Vec<Json>, Option<Place>)> {
        let until = ids.len().min(from.saturating_add(AT_ONCE));
        let wanted = ids.get(from..until).unwrap_or_default();
        let Some(last) = wanted.last() else {
            return Ok((Vec::new(), None));
        };
        // A shorter part names its last item again, so that the statement is always the same.
        let names: Vec<String> = (0..AT_ONCE).map(|n| format!("item_{n}")).collect();
        let values = wanted.iter().chain(std::iter::repeat(last));
        let vars = names.iter().zip(values);
        let vars = vars.map(|(name, id)| (name.as_str(), Value::from(*id)));
        let list = format!("{{t}}.id IN ({{{}}})", names.join("}, {"));
        let mut items = self.items(cx, &list, vars.collect())?;
        let places: HashMap<i64, usize> = wanted.iter().copied().zip(0..).collect();
        items.sort_by_key(|item| item["Id"].as_i64().and_then(|id| places.get(&id)));
        let next = (until < ids.len()).then(|| Place::Rows {
            ids: Arc::clone(ids),
            from: until,
        });
        Ok((items, next))
    }

    /// Those of the items that the filter still finds, the oldest first.
    fn items(
        &self,
        cx: &mut Cx<'_, '_>,
        restrict: &str,
        mut vars: Vec<(&str, Value)>,
    ) -> Result<Vec<Json>> {
        let mut query = Query::parse(&QueueItem::SET, OPTIONS)?;
        query.filter.clone_from(&self.query.filter);
        vars.push(("queue", self.queue.into()));
        let listing = Listing {
            restrict: Some(&format!(
                "{{t}}.queue_definition_id = {{queue}} AND {restrict}"
            )),
            vars: &vars,
            ..Listing::default()
        };
        let page = search::narrowed(cx, &query, &listing, |cx, listing| {
            cx.page(&QueueItem::SET, &query, listing)
        })?;
        let Reply::Json { body, .. } = content::opened(&cx.server.keys, Reply::json(page))? else {
            return Err(Error::Internal("a page that is no document".into()));
        };
        let mut page: Json = serde_json::from_slice(&body)
            .map_err(|e| Error::Internal(format!("a page that is no JSON: {e}")))?;
        match page["value"].take() {
            Json::Array(items) => Ok(items),
            _ => Err(Error::Internal("a page without items".into())),
        }
    }
}

/// The items of a queue as a file for spreadsheets: those that `$filter` finds, the oldest first unless
/// `$orderby` says otherwise.
#[odata::input]
pub struct Reports {
    /// Number of the queue.
    #[edm(key)]
    id: i64,
}

impl Reports {
    /// The report on a queue.
    #[must_use]
    pub(crate) fn of(queue: i64) -> Self {
        Self { id: queue }
    }
}

impl Operation for Reports {
    const AT: At = function("QueueDefinitions", "Reports")
        .needs(VIEW_ITEMS)
        .namespace(QUEUE_NAMESPACE)
        .filter(false, HONOURED)
        .folder(FolderRule::Required);
    type Answer = Part;

    /// Each part looks for the queue anew: a file that ends early is no report.
    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Part> {
        let asked = ItemsFile::read(cx, self.id)?;
        let place = match &cx.args.after {
            None => asked.beginning(cx)?,
            Some(place) => place.clone(),
        };
        let (items, next) = asked.part(cx, &place)?;
        Ok(Part {
            name: asked.file_name(),
            kind: "text/csv; charset=utf-8",
            body: lines(&items, cx.args.after.is_none())
                .map_err(|e| Error::Internal(format!("a file that cannot be written: {e}")))?,
            next,
        })
    }
}

/// Whether the columns show something of what is expanded, and no more is asked for.
fn is_shown(expand: &Expand) -> bool {
    let inside = format!("/{}/", expand.nav.name);
    let mut columns = COLUMNS.iter();
    expand.query.is_empty()
        && columns.any(|(_, shows)| matches!(shows, Member(path) if path.starts_with(&inside)))
}

/// Items as lines, below a line of headings at the beginning of the file.
fn lines(items: &[Json], first: bool) -> csv::Result<Vec<u8>> {
    let mut file = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    if first {
        file.write_record(COLUMNS.iter().map(|(heading, _)| heading))?;
    }
    for item in items {
        file.write_record(COLUMNS.iter().map(|(_, shows)| cell(item, *shows)))?;
    }
    file.into_inner().map_err(|e| e.into_error().into())
}

/// What a text begins with that spreadsheets take for a formula, or skip before one.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What a column shows of an item. A text is shown as a text: what callers write into items must not
/// be run by whoever opens the file.
fn cell(item: &Json, shows: Shows) -> String {
    match shows {
        Member(path) => match item.pointer(path) {
            None | Some(Json::Null) => String::new(),
            Some(Json::String(text)) if text.starts_with(FORMULA) => format!("'{text}"),
            Some(Json::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        },
        Time(path) => text(item, path).map(time).unwrap_or_default(),
        Duration => seconds(item).map(|n| n.to_string()).unwrap_or_default(),
    }
}

fn text<'i>(item: &'i Json, path: &str) -> Option<&'i str> {
    item.pointer(path)?.as_str()
}

/// A time with six digits behind the seconds, or none: many a reader of dates takes nothing else.
fn time(text: &str) -> String {
    match text.trim_end_matches('Z').split_once('.') {
        None => text.to_owned(),
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6.6}Z"),
    }
}

fn seconds(item: &Json) -> Option<i64> {
    let at = |path| text(item, path).and_then(Timestamp::parse);
    let (start, end) = (at("/StartProcessing")?, at("/EndProcessing")?);
    Some((end.0 - start.0).max(0) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        let item = json!({"Id": 7, "Reference": "a \"b\", c\nd", "Robot": null,
            "SpecificContent": {"k": "v"}});
        let text = String::from_utf8(lines(&[item], true).unwrap()).unwrap();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let headings = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let cell = |name: &str| &row[headings.iter().position(|h| h == name).unwrap()];
        assert_eq!(headings.len(), COLUMNS.len());
        assert_eq!((cell("Id"), cell("Robot")), ("7", ""));
        assert_eq!(cell("Reference"), "a \"b\", c\nd");
        assert_eq!(cell("Specific Data"), "{\"k\":\"v\"}");
        assert_eq!(lines(&[], false).unwrap(), b"");
    }

    #[test]
    fn no_text_is_a_formula() {
        for first in ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"] {
            let item = json!({ "Progress": format!("{first}cmd|' /C calc'!A0") });
            assert!(
                cell(&item, Member("/Progress")).starts_with('\''),
                "{first:?}"
            );
        }
        let item = json!({"Progress": "50 %", "Id": -1});
        assert_eq!(cell(&item, Member("/Progress")), "50 %");
        assert_eq!(cell(&item, Member("/Id")), "-1");
    }

    #[test]
    fn times_are_written_as_readers_of_dates_take_them() {
        for (shown, written) in [
            ("2026-11-30T05:10:00Z", "2026-11-30T05:10:00Z"),
            ("2026-11-30T05:10:00.5Z", "2026-11-30T05:10:00.500000Z"),
            (
                "2026-11-30T05:10:00.1234567Z",
                "2026-11-30T05:10:00.123456Z",
            ),
        ] {
            let item = json!({"DueDate": shown, "DeferDate": null});
            assert_eq!(cell(&item, Time("/DueDate")), written);
            assert_eq!(cell(&item, Time("/DeferDate")), "");
        }
    }

    #[test]
    fn an_attempt_that_is_over_took_whole_seconds() {
        let took = |start, end| {
            let item = json!({"StartProcessing": start, "EndProcessing": end});
            cell(&item, Duration)
        };
        let noon = "2026-11-30T12:00:00.5Z";
        assert_eq!(took(Some(noon), Some("2026-11-30T12:01:01.4999999Z")), "60");
        assert_eq!(took(Some(noon), Some("2026-11-30T11:59:00Z")), "0");
        assert_eq!(took(Some(noon), None), "");
        assert_eq!(took(None, None), "");
    }
}
