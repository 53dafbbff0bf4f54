//! What is expanded: one more statement for each navigation property fetches the targets of all
//! rows of a page, however many they are.
//!
//! `$top` and `$skip` hold for each row by itself, so the targets are numbered within those of the
//! same row, in the statement.

use std::collections::HashMap;
use std::ops::Range;

use db::{Cell, Cells, Tx, Value};

use crate::block::{Block, Row};
use crate::compile::{Builder, column};
use crate::edm::Visible;
use crate::order::{order_list, order_terms};
use crate::query::Expand;
use crate::read::{Scope, Shape, where_clause};
use crate::{Error, Query, Result, json};

/// Keys in one statement. A page of the usual size never has more.
const BATCH: usize = 4_096;
/// Expanded entities in one answer, per navigation property.
const MAX_EXPANDED: usize = 100_000;

/// The columns that number and count the targets of a row.
const RANK: &str = "odata_rank";
const TOTAL: &str = "odata_total";

/// The value two entities are joined by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    Int(i64),
    Text(String),
}

impl Key {
    /// The key in a cell; `None` if it leads nowhere.
    pub fn of(cell: Cell<'_>) -> Option<Key> {
        match cell {
            Cell::Int(n) => Some(Key::Int(n)),
            Cell::Text(text) => Some(Key::Text(text.to_owned())),
            Cell::Null | Cell::Bool(_) | Cell::Real(_) | Cell::Blob(_) => None,
        }
    }
}

impl From<&Key> for Value {
    fn from(key: &Key) -> Value {
        match key {
            Key::Int(n) => Value::Int(*n),
            Key::Text(text) => Value::Text(text.clone()),
        }
    }
}

/// The targets of a navigation property, as JSON.
pub(crate) struct Targets<'q> {
    expand: &'q Expand,
    bytes: Vec<u8>,
    found: HashMap<Key, Found>,
}

/// The targets with one key: where they stand, with commas between, and how many there are.
struct Found {
    range: Range<usize>,
    count: u64,
}

/// Where a row of a statement belongs.
struct Place {
    link: Option<Key>,
    /// Whether it is within `$skip` and `$top`, and not there only to tell the total.
    listed: bool,
    /// How many there are with this key, if the statement says so.
    total: Option<u64>,
}

/// Fetches the targets that `keys` lead to.
pub(crate) fn fetch<'q>(
    tx: &mut Tx<'_>,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    expand: &'q Expand,
    keys: impl Iterator<Item = &'q Key>,
) -> Result<Targets<'q>> {
    let mut keys: Vec<&Key> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let mut targets = Targets {
        expand,
        bytes: Vec::new(),
        found: HashMap::with_capacity(keys.len()),
    };
    let mut rows = 0;
    for batch in keys.chunks(BATCH) {
        let mut places = Vec::new();
        let block = load(tx, scope, shape, expand, batch, &mut places)?;
        rows += places.len();
        if rows > MAX_EXPANDED {
            return Err(Error::query(format_args!(
                "The expanded property '{}' holds more than {MAX_EXPANDED} entities.",
                expand.nav.name
            )));
        }
        let mut places = places.into_iter();
        block.finish(tx, scope, &mut |row| {
            if let Some(place) = places.next() {
                targets.add(place, &row);
            }
        })?;
    }
    Ok(targets)
}

impl Targets<'_> {
    /// Takes the next row; those with the same key follow each other.
    fn add(&mut self, place: Place, row: &Row<'_>) {
        let Some(link) = place.link else { return };
        let end = self.bytes.len();
        let known = self.found.contains_key(&link);
        let found = self.found.entry(link).or_insert(Found {
            range: end..end,
            count: place.total.unwrap_or(0),
        });
        if !place.listed || (known && !self.expand.nav.many) {
            return;
        }
        if !found.range.is_empty() {
            self.bytes.push(b',');
        }
        row.write(&mut self.bytes);
        found.range.end = self.bytes.len();
        found.count += u64::from(place.total.is_none());
    }

    /// Appends `"Nav":` and what a key leads to, with the count if it was asked for.
    pub fn write(&self, out: &mut Vec<u8>, key: Option<&Key>) {
        let Expand { nav, query } = self.expand;
        let found = key.and_then(|key| self.found.get(key));
        if query.count == Some(true) {
            json::name(out, &format!("{}@odata.count", nav.name));
            let count = found.map_or(0, |found| found.count);
            out.extend_from_slice(count.to_string().as_bytes());
            out.push(b',');
        }
        json::name(out, nav.name);
        let bytes = found.map_or(&[][..], |found| &self.bytes[found.range.clone()]);
        match (nav.many, bytes) {
            (true, bytes) => {
                out.push(b'[');
                out.extend_from_slice(bytes);
                out.push(b']');
            }
            (false, []) => out.extend_from_slice(b"null"),
            (false, bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// Reads the targets with these keys, those of one key together, and where each belongs.
fn load<'q>(
    tx: &mut Tx<'_>,
    scope: &Scope<'_>,
    shape: &'q Shape<'q>,
    expand: &'q Expand,
    keys: &[&Key],
    places: &mut Vec<Place>,
) -> Result<Block<'q>> {
    let query = &expand.query;
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(query.set, query, shape, Visible::List);
    let (sql, link_at) = statement(&mut builder, &mut block, expand, keys)?;
    let paged = paged(query);
    tx.each(&sql, &builder.params, &mut |cells: &Cells<'_>| {
        let number = |at: usize| match cells.get(at) {
            Cell::Int(number) => u64::try_from(number).unwrap_or(0),
            _ => 0,
        };
        places.push(Place {
            link: Key::of(cells.get(link_at)),
            listed: !paged || within(query, number(link_at + 1)),
            total: (paged && counted(query)).then(|| number(link_at + 2)),
        });
        block.add(cells)
    })?;
    Ok(block)
}

/// The statement, and where the columns of [`Place`] begin, which follow those of the block.
fn statement(
    builder: &mut Builder<'_>,
    block: &mut Block<'_>,
    expand: &Expand,
    keys: &[&Key],
) -> Result<(String, usize)> {
    if paged(&expand.query) {
        return paged_statement(builder, block, expand, keys);
    }
    let (columns, link_at) = block.columns(builder)?;
    let link = column(&builder.alias(), expand.nav.target_column);
    // Of several targets with one key the same is shown each time.
    let sorted = expand.nav.many || !expand.query.set.tie.is_empty();
    let order = match sorted {
        true => format!(" ORDER BY {link}, {}", order(builder, expand)?),
        false => String::new(),
    };
    let limit = builder.bind(Value::Int(MAX_EXPANDED as i64 + 1));
    let found = found(builder, expand, keys)?;
    let sql = format!("SELECT {columns}, {link}{found}{order} LIMIT {limit}");
    Ok((sql, link_at))
}

/// The statement that numbers the targets of each row, and of them keeps those that are wanted.
fn paged_statement(
    builder: &mut Builder<'_>,
    block: &mut Block<'_>,
    expand: &Expand,
    keys: &[&Key],
) -> Result<(String, usize)> {
    let query = &expand.query;
    let alias = builder.alias();
    let link = column(&alias, expand.nav.target_column);
    let order = order(builder, expand)?;
    let found = found(builder, expand, keys)?;
    builder.found();
    let (columns, link_at) = block.columns(builder)?;
    let mut numbers = format!("ROW_NUMBER() OVER (PARTITION BY {link} ORDER BY {order}) AS {RANK}");
    let (mut places, mut page) = (format!("{link}, {RANK}"), page(builder, query));
    if counted(query) {
        numbers.push_str(&format!(", COUNT(*) OVER (PARTITION BY {link}) AS {TOTAL}"));
        places.push_str(&format!(", {TOTAL}"));
        // The first row tells the total even if it is not on the page.
        page.push_str(&format!(" OR {RANK} = 1"));
    }
    let limit = builder.bind(Value::Int(MAX_EXPANDED as i64 + 1));
    let sql = format!(
        "SELECT {columns}, {places} FROM (SELECT {alias}.*, {numbers}{found}) {alias}{} \
         WHERE {page} ORDER BY {link}, {RANK} LIMIT {limit}",
        builder.joins()
    );
    Ok((sql, link_at))
}

fn order(builder: &mut Builder<'_>, expand: &Expand) -> Result<String> {
    let terms = order_terms(builder, expand.query.set, &expand.query.order)?;
    Ok(order_list(&terms))
}

/// Where the targets come from, with the conditions on them.
fn found(builder: &mut Builder<'_>, expand: &Expand, keys: &[&Key]) -> Result<String> {
    let Expand { nav, query } = expand;
    let alias = builder.alias();
    let mut conditions = builder.tenant_condition(query.set, &alias)?;
    let keys = keys.iter().map(|key| Value::from(*key)).collect();
    conditions.push(builder.one_of(&column(&alias, nav.target_column), keys));
    if let Some(filter) = &query.filter {
        conditions.push(builder.filter(filter)?);
    }
    let from = builder.from(query.set)?;
    Ok(format!("{from}{}", where_clause(&conditions)))
}

/// The condition that a row is within `$skip` and `$top`.
fn page(builder: &mut Builder<'_>, query: &Query) -> String {
    let bound = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
    let mut page = format!("{RANK} > {}", builder.bind(bound(query.skip)));
    if let Some(last) = last(query) {
        page.push_str(&format!(" AND {RANK} <= {}", builder.bind(bound(last))));
    }
    page
}

/// Whether only some of the targets of a row are wanted.
fn paged(query: &Query) -> bool {
    query.top.is_some() || query.skip > 0
}

fn counted(query: &Query) -> bool {
    query.count == Some(true)
}

/// The number of the last target that is wanted.
fn last(query: &Query) -> Option<u64> {
    query
        .top
        .map(|top| query.skip.saturating_add(u64::from(top)))
}

fn within(query: &Query, rank: u64) -> bool {
    rank > query.skip && last(query).is_none_or(|last| rank <= last)
}
