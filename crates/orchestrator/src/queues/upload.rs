//! Items from a file: one for each row, as people keep them in tables.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use super::adding;
use super::bulk::{self, BulkAddQueueItems, FailedItems};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::op::{At, FolderRule, OWN_NAMESPACE, Op, Operation, Prepares, action, op};

/// Actions of queues.
pub const OPS: &[Op] = &[op::<UploadItems>()];

/// Most rows of a file: those of the original's console.
const MAX_ROWS: usize = bulk::MOST_AT_ONCE;

/// Most bytes of column names in all items of a file: they are repeated in each.
const MAX_NAMES: usize = 30_000_000;

/// Columns that are members of the item; all others are keys of its content.
const MEMBERS: &[&str] = &[
    "Reference",
    "Priority",
    "DeferDate",
    "DueDate",
    "RiskSlaDate",
    "Progress",
];

/// Adds items from a file of comma-separated values, the first row of which names the columns: an item
/// for each further row, each on its own. The answer is that of `BulkAddQueueItems`.
#[odata::input]
pub struct UploadItems {
    /// Number of the queue.
    #[edm(key)]
    id: i64,
}

impl Operation for UploadItems {
    const AT: At = action("QueueDefinitions", "UploadItems")
        .needs(adding::ADD)
        .namespace(OWN_NAMESPACE)
        .folder(FolderRule::Required)
        .once();
    type Answer = FailedItems;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<FailedItems> {
        let folder = cx.need_folder()?.id;
        let row = cx.tx.row(
            "SELECT name FROM queue_folders WHERE queue_definition_id = $1 AND folder_id = $2",
            &[self.id.into(), folder.into()],
        )?;
        let row = row.ok_or_else(|| Error::not_found("QueueDefinition"))?;
        let Some(Json::String(text)) = &cx.args.body else {
            return Err(Error::invalid(
                "The body must be a file of comma-separated values: send it with the header \
                 Content-Type: text/csv.",
            ));
        };
        let mut items = BulkAddQueueItems::each(row.get("name")?, items(text)?);
        items.prepare()?;
        items.run(cx)
    }
}

/// The items of a file.
///
/// # Errors
/// 1009 for a file without rows or with too many, for columns without a name of their own, and for a
/// row that has more or fewer cells than there are columns.
fn items(text: &str) -> Result<Vec<Json>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(|e| unread(&e))?)?;
    let names: usize = columns.iter().map(Column::length).sum();
    let (mut items, mut rows) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|e| unread(&e))?;
        rows += 1;
        if names.saturating_mul(rows) > MAX_NAMES {
            return Err(Error::refused(
                Code::PayloadTooLarge,
                "The names of the columns, which are repeated in each item, are too long: shorten \
                 them, or split the file.",
            ));
        }
        if rows <= MAX_ROWS {
            items.push(item(&columns, &record));
        }
    }
    match rows {
        0 => Err(Error::invalid(
            "The file has no items: the first row names the columns, each further row is an item.",
        )),
        1..=MAX_ROWS => Ok(items),
        _ => Err(Error::invalid(format!(
            "The maximum number of rows allowed is {MAX_ROWS}. You are trying to upload {rows} \
             records."
        ))),
    }
}

fn unread(error: &csv::Error) -> Error {
    Error::invalid(format!(
        "The file is no table of comma-separated values: {error}."
    ))
}

/// What a column is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Column {
    Member(&'static str),
    Content(String),
}

impl Column {
    fn called(name: &str) -> Self {
        // People write `Due Date`.
        let plain = name.replace(' ', "");
        match MEMBERS.iter().find(|m| m.eq_ignore_ascii_case(&plain)) {
            Some(member) => Self::Member(member),
            None => Self::Content(name.to_owned()),
        }
    }

    /// Bytes of its name in an item.
    fn length(&self) -> usize {
        match self {
            Self::Member(name) => name.len(),
            Self::Content(name) => name.len(),
        }
    }
}

fn columns(header: &csv::StringRecord) -> Result<Vec<Column>> {
    let (mut columns, mut known) = (Vec::new(), HashSet::new());
    for (place, name) in (1..).zip(header.iter().map(str::trim)) {
        if name.is_empty() {
            return Err(Error::invalid(format!("Column {place} has no name.")));
        }
        let column = Column::called(name);
        if !known.insert(column.clone()) {
            return Err(Error::invalid(format!("Two columns are called {name}.")));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// An item as a caller of `BulkAddQueueItems` would write it. A member whose cell is empty is left
/// out.
fn item(columns: &[Column], record: &csv::StringRecord) -> Json {
    let (mut item, mut content) = (Map::new(), Map::new());
    for (column, cell) in columns.iter().zip(record) {
        match column {
            Column::Member(_) if cell.trim().is_empty() => {}
            Column::Member(name) => {
                item.insert((*name).to_owned(), cell.trim().into());
            }
            Column::Content(name) => {
                content.insert(name.clone(), cell.into());
            }
        }
    }
    if !content.is_empty() {
        item.insert("SpecificContent".to_owned(), content.into());
    }
    item.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_items() {
        let file = "Reference,Due Date,priority, Amount ,Note\r\n\
                    a,2030-01-02T03:04:05Z,High,7,\"x, \"\"y\"\"\nz\"\r\n\
                    ,,, ,\n";
        let read = items(file).unwrap();
        assert_eq!(
            json!(read),
            json!([
                {
                    "Reference": "a", "DueDate": "2030-01-02T03:04:05Z", "Priority": "High",
                    "SpecificContent": {"Amount": "7", "Note": "x, \"y\"\nz"},
                },
                {"SpecificContent": {"Amount": " ", "Note": ""}},
            ])
        );
        assert_eq!(
            json!(items("Progress\n50 %\n").unwrap()),
            json!([{"Progress": "50 %"}])
        );
    }

    #[test]
    fn files_that_are_no_items() {
        for (file, why) in [
            ("", "no items"),
            ("a,b\n", "no items"),
            ("a,,b\n1,2,3\n", "Column 2 has no name"),
            ("a,b, a\n1,2,3\n", "Two columns are called a"),
            ("DueDate,due date\n,\n", "Two columns are called due date"),
            ("a,b\n1,2\n1\n", "no table"),
        ] {
            let error = items(file).unwrap_err().to_string();
            assert!(error.contains(why), "{file:?}: {error}");
        }
        let long = format!("a\n{}", "1\n".repeat(MAX_ROWS + 3));
        assert_eq!(
            items(&long).unwrap_err().to_string(),
            "The maximum number of rows allowed is 15000. You are trying to upload 15003 records."
        );
        assert_eq!(items(&long[..long.len() - 6]).unwrap().len(), MAX_ROWS);
    }
}
