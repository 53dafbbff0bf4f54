//! Entities on their way to JSON: the columns they need, and their bytes. Rows are written without
//! their closing brace when something is expanded into them (see `expand`).

use db::{Cell, Cells, Tx, Value};

use crate::compile::{Builder, column};
use crate::edm::{EntitySet, Kind, Nav, Prop, Source, Visible};
use crate::expand::{self, Key, Targets};
use crate::keyset::Page;
use crate::read::{Metadata, Scope, Shape};
use crate::{Error, Query, Result, annotate, json};

/// How one property of a row is written.
enum Column {
    /// `"Name":` and the cell at this index; before it, unless the cell is null, its type.
    Cell(&'static Prop, usize, Vec<u8>),
    /// `"Name":value`, always the same.
    Fixed(Vec<u8>),
}

/// Rows of one set, selected and written alike.
pub(crate) struct Block<'q> {
    set: &'static EntitySet,
    query: &'q Query,
    shape: &'q Shape<'q>,
    visible: Visible,
    columns: Vec<Column>,
    /// The addresses that full metadata adds to every row.
    links: Option<Links>,
    /// The first cell that refers to what is expanded; one for each.
    keys_at: usize,
    /// The rows that wait for what is expanded into them.
    bytes: Vec<u8>,
    /// Where each row ends in the bytes.
    ends: Vec<usize>,
    /// The cells that refer to what is expanded, of all rows.
    keys: Vec<Option<Key>>,
}

/// Addresses of an entity and of what it leads to.
struct Links {
    key: &'static Prop,
    key_at: usize,
    navs: Vec<&'static Nav>,
}

impl<'q> Block<'q> {
    /// An empty block. `visible` says in which kind of answer it stands.
    pub fn new(
        set: &'static EntitySet,
        query: &'q Query,
        shape: &'q Shape<'q>,
        visible: Visible,
    ) -> Block<'q> {
        Block {
            set,
            query,
            shape,
            visible,
            columns: Vec::new(),
            links: None,
            keys_at: 0,
            bytes: Vec::new(),
            ends: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// The list of columns to select, and how many there are: further ones may follow.
    pub fn columns(&mut self, builder: &mut Builder<'_>) -> Result<(String, usize)> {
        let set = self.set;
        self.check_structures()?;
        let select = self.query.select.as_deref();
        let selected = |name: &str| select.is_none_or(|names| names.contains(&name));
        let shown = |prop: &&Prop| match (select, prop.visible) {
            (None, visible) => visible != Visible::Asked,
            (Some(names), _) => names.contains(&prop.name),
        };
        let full = self.shape.metadata == Metadata::Full;
        let mut sql = Vec::new();
        for prop in set.props.iter().filter(shown) {
            let ty = match full {
                true => annotate::property(prop.name, prop.kind),
                false => Vec::new(),
            };
            self.columns.push(match self.fixed(prop) {
                Some(value) => {
                    let mut bytes = if value == "null" { Vec::new() } else { ty };
                    json::name(&mut bytes, prop.name);
                    bytes.extend_from_slice(value.as_bytes());
                    Column::Fixed(bytes)
                }
                None => {
                    sql.push(builder.own(prop)?);
                    Column::Cell(prop, sql.len() - 1, ty)
                }
            });
        }
        self.keys_at = sql.len();
        let (alias, expand) = (builder.alias(), self.query.expand.iter());
        sql.extend(expand.map(|expand| column(&alias, expand.nav.column)));
        if full {
            let key = set.key_property()?;
            sql.push(builder.own(key)?);
            self.links = Some(Links {
                key,
                key_at: sql.len() - 1,
                navs: set.navs.iter().filter(|nav| selected(nav.name)).collect(),
            });
        }
        if sql.is_empty() {
            sql.push("1".to_owned());
        }
        Ok((sql.join(", "), sql.len()))
    }

    /// Whether the property has its value in other answers only.
    fn is_hidden(&self, prop: &Prop) -> bool {
        let limited = matches!(prop.visible, Visible::Single | Visible::List);
        limited && prop.visible != self.visible
    }

    /// Refuses to expand a structure that this answer does not hold.
    fn check_structures(&self) -> Result<()> {
        let structures = self.query.structures.iter();
        let mut props = structures.filter_map(|name| self.set.prop(name));
        let Some(prop) = props.find(|prop| self.is_hidden(prop)) else {
            return Ok(());
        };
        let place = match prop.visible {
            Visible::Single => "when the entity is read by its key",
            _ => "in lists",
        };
        Err(Error::query(format_args!(
            "'{}' is only shown {place} and cannot be expanded here.",
            prop.name
        )))
    }

    /// The value of a property that is the same in every row of this answer.
    fn fixed(&self, prop: &Prop) -> Option<&'static str> {
        let hidden = self.is_hidden(prop);
        match prop.source {
            _ if hidden && prop.kind.is_list() => Some("[]"),
            _ if hidden => Some("null"),
            Source::Json(json) => Some(json),
            Source::Column(_) | Source::Sql(_) => None,
        }
    }

    /// Runs a statement that selects the columns and appends those of its rows that are on the page,
    /// with commas between. Room is made for as many as the page may have.
    pub fn run(
        mut self,
        tx: &mut Tx<'_>,
        scope: &Scope<'_>,
        (sql, params): (&str, &[Value]),
        page: &mut Page,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let before = page.rows;
        if !self.query.expand.is_empty() {
            tx.each(sql, params, &mut |cells| match page.take(cells) {
                true => self.add(cells),
                false => Ok(()),
            })?;
            let mut first = before == 0;
            return self.finish(tx, scope, &mut |row| {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                row.write(out);
            });
        }
        tx.each::<Error>(sql, params, &mut |cells| {
            if !page.take(cells) {
                return Ok(());
            }
            if page.rows > 1 {
                out.push(b',');
            }
            let start = out.len();
            self.write(cells, out)?;
            if page.rows == before + 1 {
                out.reserve(room(out.len() - start, page.most - before));
            }
            Ok(())
        })
    }

    /// Keeps a row until [`Block::finish`].
    pub fn add(&mut self, cells: &Cells<'_>) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let written = self.write(cells, &mut bytes);
        self.bytes = bytes;
        self.ends.push(self.bytes.len());
        let keys = self.keys_at..self.keys_at + self.query.expand.len();
        self.keys.extend(keys.map(|at| Key::of(cells.get(at))));
        written
    }

    /// Appends a row as a JSON object, which stays open if something is expanded into it.
    fn write(&self, cells: &Cells<'_>, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        self.write_members(cells, out)
    }

    /// Appends what follows the opening brace of a row.
    pub fn write_members(&self, cells: &Cells<'_>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let mut address = None;
        if let Some(links) = &self.links {
            let key = cells.get(links.key_at);
            address = annotate::entity(out, self.shape.base, self.set, links.key.kind, key);
        }
        for column in &self.columns {
            match column {
                Column::Fixed(bytes) => out.extend_from_slice(bytes),
                Column::Cell(prop, index, ty) => {
                    self.shape.cell(out, prop, cells.get(*index), ty)?
                }
            }
            out.push(b',');
        }
        if let (Some(links), Some(address)) = (&self.links, address) {
            for nav in &links.navs {
                annotate::navigation(out, &address, nav.name);
            }
        }
        if out.len() > start {
            // The comma after the last member.
            out.pop();
        }
        if self.query.expand.is_empty() {
            out.push(b'}');
        }
        Ok(())
    }

    /// Gives every row that was kept to `each`, with what is expanded into it, in their order.
    pub fn finish(
        self,
        tx: &mut Tx<'_>,
        scope: &Scope<'_>,
        each: &mut dyn FnMut(Row<'_>),
    ) -> Result<()> {
        let expands = &self.query.expand;
        let mut targets = Vec::new();
        for (i, expand) in expands.iter().enumerate() {
            let keys = self.keys.iter().skip(i).step_by(expands.len());
            targets.push(expand::fetch(
                tx,
                scope,
                self.shape,
                expand,
                keys.flatten(),
            )?);
        }
        let mut start = 0;
        for (row, end) in self.ends.iter().enumerate() {
            each(Row {
                bytes: &self.bytes[start..*end],
                targets: &targets,
                keys: &self.keys[row * expands.len()..],
            });
            start = *end;
        }
        Ok(())
    }
}

/// A row and what is expanded into it.
pub(crate) struct Row<'b> {
    bytes: &'b [u8],
    targets: &'b [Targets<'b>],
    keys: &'b [Option<Key>],
}

impl Row<'_> {
    /// Appends it as a JSON object.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes);
        if self.targets.is_empty() {
            return;
        }
        for (targets, key) in self.targets.iter().zip(self.keys) {
            if !out.ends_with(b"{") {
                out.push(b',');
            }
            targets.write(out, key.as_ref());
        }
        out.push(b'}');
    }
}

/// How many bytes the rows after one of this length may take: an eighth more than as many alike,
/// and never more than the largest pages of usual rows need.
fn room(row: usize, most: u32) -> usize {
    const MOST: usize = 2 << 20;
    let rows = usize::try_from(most).unwrap_or(usize::MAX);
    (row + row / 8).saturating_mul(rows).min(MOST)
}

impl Shape<'_> {
    /// Appends `"Name":value`, behind its type unless it is null.
    fn cell(&self, out: &mut Vec<u8>, prop: &Prop, cell: Cell<'_>, ty: &[u8]) -> Result<()> {
        if cell != Cell::Null {
            out.extend_from_slice(ty);
        }
        json::name(out, prop.name);
        match (self.metadata, prop.kind, cell) {
            (Metadata::Full, Kind::Complex(ty), Cell::Text(object)) => {
                annotate::structure(out, ty.name, object);
                Ok(())
            }
            (_, kind, cell) => json::value(out, kind, cell)
                .map_err(|error| db::Error::Cell(format!("{}: {error}", prop.name)).into()),
        }
    }
}
