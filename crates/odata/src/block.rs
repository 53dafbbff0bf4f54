//! Entities on their way to JSON: the columns they need, their bytes, and what is expanded into
//! them.
//!
//! With `$expand`, rows are written without their closing brace, and the keys that lead on are
//! remembered; one more statement per navigation property fetches all targets of all rows, and
//! they are stitched in.

use std::collections::HashMap;

use db::{Cell, Cells, Tx, Value};

use crate::compile::Builder;
use crate::edm::{EntitySet, Nav, Prop, Source, Visible};
use crate::query::Expand;
use crate::read::{Scope, order_clause, where_clause};
use crate::{Error, Result, json};

/// Keys in one statement that fetches what is expanded.
const BATCH: usize = 512;
/// Expanded entities in one answer, per navigation property.
const MAX_EXPANDED: usize = 100_000;

/// The value two entities are joined by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Int(i64),
    Text(String),
}

/// How one property of a row is written.
enum Column {
    /// `"Name":` and the cell at this index.
    Cell(&'static Prop, usize),
    /// `"Name":value`, always the same.
    Fixed(Vec<u8>),
}

/// Rows of one set, selected and written alike.
pub(crate) struct Block<'q> {
    columns: Vec<Column>,
    expand: &'q [Expand],
    props: Vec<&'static Prop>,
    visible: Visible,
    /// Cells that hold properties; behind them come the keys of `expand` and the link.
    cells: usize,
    linked: bool,
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a row ends in the bytes (without its closing brace if something is expanded), and its keys.
struct Row {
    end: usize,
    /// One for each of `expand`.
    keys: Vec<Option<Key>>,
    /// What the row is looked up by when it is expanded into others.
    link: Option<Key>,
}

impl<'q> Block<'q> {
    /// An empty block. `visible` says in which kind of answer it stands.
    pub fn new(
        set: &'static EntitySet,
        select: Option<&[&'static str]>,
        expand: &'q [Expand],
        visible: Visible,
    ) -> Block<'q> {
        let selected = |prop: &&Prop| select.is_none_or(|names| names.contains(&prop.name));
        Block {
            columns: Vec::new(),
            expand,
            props: set.props.iter().filter(selected).collect(),
            visible,
            cells: 0,
            linked: false,
            bytes: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// How many rows were read.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The list of columns to select; the last is `link`, if there is one.
    pub fn columns(&mut self, builder: &mut Builder<'_>, link: Option<&str>) -> Result<String> {
        let alias = builder.alias();
        let mut sql = Vec::new();
        for prop in &self.props {
            let hidden = prop.visible != Visible::Always && prop.visible != self.visible;
            let fixed = match prop.source {
                Source::Json(json) if !hidden => Some(json),
                _ if hidden && prop.kind.is_list() => Some("[]"),
                _ if hidden => Some("null"),
                _ => None,
            };
            self.columns.push(match fixed {
                Some(value) => {
                    let mut bytes = Vec::new();
                    json::name(&mut bytes, prop.name);
                    bytes.extend_from_slice(value.as_bytes());
                    Column::Fixed(bytes)
                }
                None => {
                    sql.push(builder.column(&alias, prop)?);
                    Column::Cell(prop, sql.len() - 1)
                }
            });
        }
        self.cells = sql.len();
        sql.extend(
            self.expand
                .iter()
                .map(|expand| format!("{alias}.{}", expand.nav.column)),
        );
        sql.extend(link.map(|column| format!("{alias}.{column}")));
        self.linked = link.is_some();
        if sql.is_empty() {
            sql.push("1".to_owned());
        }
        Ok(sql.join(", "))
    }

    /// Runs a statement that selects the columns, and writes its rows.
    pub fn run(&mut self, tx: &mut Tx<'_>, sql: &str, params: &[Value]) -> Result<()> {
        tx.each(sql, params, &mut |cells| self.add(cells))
    }

    fn add(&mut self, cells: &Cells<'_>) -> Result<()> {
        self.bytes.push(b'{');
        for (i, column) in self.columns.iter().enumerate() {
            if i > 0 {
                self.bytes.push(b',');
            }
            match column {
                Column::Fixed(bytes) => self.bytes.extend_from_slice(bytes),
                Column::Cell(prop, index) => {
                    json::name(&mut self.bytes, prop.name);
                    json::value(&mut self.bytes, prop.kind, cells.get(*index))
                        .map_err(|error| db::Error::Cell(format!("{}: {error}", prop.name)))?;
                }
            }
        }
        if self.expand.is_empty() {
            self.bytes.push(b'}');
        }
        let first = self.cells;
        let keys = (0..self.expand.len())
            .map(|i| key(cells.get(first + i)))
            .collect();
        let link = self
            .linked
            .then(|| key(cells.get(first + self.expand.len())))
            .flatten();
        self.rows.push(Row {
            end: self.bytes.len(),
            keys,
            link,
        });
        Ok(())
    }

    /// Gives every row as a JSON object, with what is expanded into it, to `each`, and what the
    /// row is looked up by.
    pub fn finish(
        self,
        tx: &mut Tx<'_>,
        scope: &Scope<'_>,
        each: &mut dyn FnMut(Option<Key>, &[u8]),
    ) -> Result<()> {
        let mut targets = Vec::new();
        for (i, expand) in self.expand.iter().enumerate() {
            let keys = self
                .rows
                .iter()
                .filter_map(|row| row.keys[i].clone())
                .collect();
            targets.push(fetch(tx, scope, expand, keys)?);
        }
        let (mut start, mut whole) = (0, Vec::new());
        for row in self.rows {
            let bytes = &self.bytes[start..row.end];
            start = row.end;
            if self.expand.is_empty() {
                each(row.link, bytes);
                continue;
            }
            whole.clear();
            whole.extend_from_slice(bytes);
            for ((expand, targets), key) in self.expand.iter().zip(&targets).zip(row.keys) {
                if whole.len() > 1 {
                    whole.push(b',');
                }
                stitch(
                    &mut whole,
                    expand.nav,
                    key.and_then(|key| targets.get(&key)),
                );
            }
            whole.push(b'}');
            each(row.link, &whole);
        }
        Ok(())
    }
}

/// Appends `"Nav":` and what it leads to.
fn stitch(out: &mut Vec<u8>, nav: &Nav, found: Option<&Vec<u8>>) {
    json::name(out, nav.name);
    if nav.many {
        out.push(b'[');
    }
    match found {
        Some(found) => out.extend_from_slice(found),
        None if nav.many => {}
        None => out.extend_from_slice(b"null"),
    }
    if nav.many {
        out.push(b']');
    }
}

/// The targets of a navigation property by the key that leads to them: one entity, or several with
/// commas between.
fn fetch(
    tx: &mut Tx<'_>,
    scope: &Scope<'_>,
    expand: &Expand,
    mut keys: Vec<Key>,
) -> Result<HashMap<Key, Vec<u8>>> {
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    let mut found: HashMap<Key, Vec<u8>> = HashMap::new();
    let mut count = 0;
    for batch in keys.chunks(BATCH) {
        let block = load(tx, scope, expand, batch)?;
        count += block.len();
        if count > MAX_EXPANDED {
            return Err(Error::query(format_args!(
                "The expanded property '{}' holds more than {MAX_EXPANDED} entities.",
                expand.nav.name
            )));
        }
        block.finish(tx, scope, &mut |link, row| {
            let Some(link) = link else { return };
            let entry = found.entry(link).or_default();
            if entry.is_empty() {
                entry.extend_from_slice(row);
            } else if expand.nav.many {
                entry.push(b',');
                entry.extend_from_slice(row);
            }
        })?;
    }
    Ok(found)
}

/// Reads the targets with these keys.
fn load<'q>(
    tx: &mut Tx<'_>,
    scope: &Scope<'_>,
    expand: &'q Expand,
    keys: &[Key],
) -> Result<Block<'q>> {
    let nav = expand.nav;
    let set = (nav.target)();
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(set, expand.select.as_deref(), &expand.expand, Visible::List);
    let columns = block.columns(&mut builder, Some(nav.target_column))?;
    let alias = builder.alias();
    let mut conditions = builder.tenant_condition(set, &alias)?;
    let values = keys.iter().map(|key| match key {
        Key::Int(n) => Value::Int(*n),
        Key::Text(text) => Value::Text(text.clone()),
    });
    let link = format!("{alias}.{}", nav.target_column);
    conditions.push(builder.one_of(&link, values.collect()));
    let order = match nav.many {
        true => order_clause(&mut builder, set, &[])?,
        false => String::new(),
    };
    let limit = builder.bind(Value::Int(MAX_EXPANDED as i64 + 1));
    let from = builder.from(set)?;
    let conditions = where_clause(&conditions);
    let sql = format!("SELECT {columns}{from}{conditions}{order} LIMIT {limit}");
    block.run(tx, &sql, &builder.params)?;
    Ok(block)
}

fn key(cell: Cell<'_>) -> Option<Key> {
    match cell {
        Cell::Int(n) => Some(Key::Int(n)),
        Cell::Text(text) => Some(Key::Text(text.to_owned())),
        Cell::Null | Cell::Bool(_) | Cell::Real(_) | Cell::Blob(_) => None,
    }
}
