//! All items of a queue in one file, for spreadsheets.

use odata::Query;
use serde_json::Value as Json;

use super::entities::{QUEUES_IN_FOLDERS, QueueItem};
use super::{VIEW_ITEMS, content, search};
use crate::cx::{Args, Cx, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{FolderRule, Op, QUEUE_NAMESPACE};

/// Its function.
pub const OPS: &[Op] = &[
    Op::function("QueueDefinitions", "Reports", VIEW_ITEMS, report)
        .bound()
        .namespace(QUEUE_NAMESPACE)
        .returns("Edm.Stream")
        .folder(FolderRule::Required),
];

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

/// What of the items is read.
const OPTIONS: &str = "$orderby=Id&$expand=Robot($select=Name),ReviewerUser($select=UserName)";

/// `QueueDefinitions(id)/Reports`: the items that `$filter` finds, the oldest first.
fn report(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let queue = args.id()?;
    let asked = args.options(&QueueItem::SET)?;
    if !asked.only_filters() {
        return Err(Error::invalid(
            "A report has all items that $filter finds, the oldest first: leave out the other options.",
        ));
    }
    let mut query = Query::parse(&QueueItem::SET, OPTIONS)?;
    query.filter = asked.filter;
    let after = args.after.unwrap_or(i64::MIN);
    if args.after.is_none() {
        cx.entity(&QUEUES_IN_FOLDERS, queue, &[])?;
    }
    let listing = Listing {
        restrict: Some("{t}.queue_definition_id = {queue} AND {t}.id > {after}"),
        vars: &[("queue", queue.into()), ("after", after.into())],
        ..Listing::default()
    };
    let page = search::narrowed(cx, &query, &listing, |cx, listing| {
        cx.page(&QueueItem::SET, &query, listing)
    })?;
    let Reply::Json { body, .. } = content::opened(&cx.server.keys, Reply::json(page))? else {
        return Err(Error::Internal("a page that is no document".into()));
    };
    let page: Json = serde_json::from_slice(&body)
        .map_err(|e| Error::Internal(format!("a page that is no JSON: {e}")))?;
    let items = page["value"].as_array().map_or(&[][..], Vec::as_slice);
    Ok(Reply::Part {
        name: format!("queue-{queue}-items.csv"),
        kind: "text/csv; charset=utf-8",
        body: lines(items, args.after.is_none())
            .map_err(|e| Error::Internal(format!("a file that cannot be written: {e}")))?,
        next: match items.len() < QueueItem::SET.top as usize {
            true => None,
            false => items.last().and_then(|item| item["Id"].as_i64()),
        },
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

/// What a text begins with that spreadsheets take for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

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
}
