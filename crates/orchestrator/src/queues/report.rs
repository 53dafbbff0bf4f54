//! All items of a queue in one file, for spreadsheets.

use std::collections::HashMap;
use std::sync::Arc;

use db::Value;
use odata::Query;
use serde_json::Value as Json;

use super::entities::{QUEUES_IN_FOLDERS, QueueItem};
use super::{VIEW_ITEMS, content, items_need, search};
use crate::cx::{Args, Cx, Listing, Place, Reply};
use crate::error::{Error, Result};
use crate::op::{Access, FolderRule, Need, Op, QUEUE_NAMESPACE};

/// Its function.
pub const OPS: &[Op] = &[
    Op::function("QueueDefinitions", "Reports", VIEW_ITEMS, report)
        .bound()
        .namespace(QUEUE_NAMESPACE)
        .returns("Edm.Stream")
        .filter(false)
        .folder(FolderRule::Required),
];

/// What asking for an export of items takes: it leaves something behind.
pub(crate) const EXPORT: Need = items_need(&[("Transactions", Access::View)], true);

/// The columns: their heading, and what of an item they show.
const COLUMNS: &[(&str, &str)] = &[
    ("Id", "/Id"),
    ("Key", "/Key"),
    ("Reference", "/Reference"),
    ("Status", "/Status"),
    ("Revision", "/ReviewStatus"),
    ("Reviewer", "/ReviewerUser/UserName"),
    ("Exception", "/ProcessingExceptionType"),
    ("Exception Reason", "/ProcessingException/Reason"),
    ("Priority", "/Priority"),
    ("Deadline", "/DueDate"),
    ("Risk SLA", "/RiskSlaDate"),
    ("Postpone", "/DeferDate"),
    ("Created", "/CreationTime"),
    ("Started", "/StartProcessing"),
    ("Ended", "/EndProcessing"),
    ("Robot", "/Robot/Name"),
    ("Retry No.", "/RetryNumber"),
    ("Progress", "/Progress"),
    ("Specific Data", "/SpecificContent"),
    ("Output Data", "/Output"),
    ("Analytics Data", "/Analytics"),
];

/// Items in a part: as many as a page has.
const AT_ONCE: usize = QueueItem::SET.top as usize;

/// What of the items is read.
const OPTIONS: &str = "$orderby=Id&$expand=Robot($select=Name),ReviewerUser($select=UserName)";

/// Items of a queue that somebody wants in a file.
pub(crate) struct Asked {
    queue: i64,
    query: Query,
}

impl Asked {
    /// Reads it, and fails unless the queue is in the folder of the request.
    ///
    /// # Errors
    /// 400 for options that a file has no use for; 1002 when there is no such queue.
    pub(crate) fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Self> {
        let queue = args.id()?;
        let query = args.options(cx, &QueueItem::SET)?;
        if !query.only_filters_and_sorts() {
            return Err(Error::invalid(
                "A file has all items that $filter finds, in the order of $orderby, and all its \
                 columns: leave out the other options.",
            ));
        }
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

/// `QueueDefinitions(id)/Reports`: the items that `$filter` finds, the oldest first unless `$orderby`
/// says otherwise. Each part looks for the queue anew: a file that ends early is no report.
pub(crate) fn report(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let asked = Asked::read(cx, args)?;
    let place = match &args.after {
        None => asked.beginning(cx)?,
        Some(place) => place.clone(),
    };
    let (items, next) = asked.part(cx, &place)?;
    Ok(Reply::Part {
        name: asked.file_name(),
        kind: "text/csv; charset=utf-8",
        body: lines(&items, args.after.is_none())
            .map_err(|e| Error::Internal(format!("a file that cannot be written: {e}")))?,
        next,
    })
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
        file.write_record(COLUMNS.iter().map(|(_, path)| cell(item, path)))?;
    }
    file.into_inner().map_err(|e| e.into_error().into())
}

/// What a text begins with that spreadsheets take for a formula, or skip before one.
const FORMULA: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// What a column shows of an item. A text is shown as a text: what callers write into items must not
/// be run by whoever opens the file.
fn cell(item: &Json, path: &str) -> String {
    match item.pointer(path) {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) if text.starts_with(FORMULA) => format!("'{text}"),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
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
            assert!(cell(&item, "/Progress").starts_with('\''), "{first:?}");
        }
        let item = json!({"Progress": "50 %", "Id": -1});
        assert_eq!(cell(&item, "/Progress"), "50 %");
        assert_eq!(cell(&item, "/Id"), "-1");
    }
}
