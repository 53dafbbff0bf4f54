//! Entities on their way to JSON: the columns they need, and their bytes. Rows are written without
//! their closing brace when something is expanded into them (see `expand`).

use db::{Cell, Cells, Tx, Value};

use crate::compile::{Builder, column};
use crate::edm::{EntitySet, Kind, Nav, Prop, Source, Visible};
use crate::expand::{self, Key};
use crate::read::{Metadata, Scope, Shape};
use crate::{Query, Result, annotate, json};

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

    /// How many rows were read.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The list of columns to select, and how many there are: further ones may follow.
    pub fn columns(&mut self, builder: &mut Builder<'_>) -> Result<(String, usize)> {
        let (alias, set) = (builder.alias(), self.set);
        let select = self.query.select.as_deref();
        let selected = |name: &str| select.is_none_or(|names| names.contains(&name));
        let full = self.shape.metadata == Metadata::Full;
        let mut sql = Vec::new();
        for prop in set.props.iter().filter(|prop| selected(prop.name)) {
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
                    sql.push(builder.column(&alias, prop)?);
                    Column::Cell(prop, sql.len() - 1, ty)
                }
            });
        }
        self.keys_at = sql.len();
        let expand = self.query.expand.iter();
        sql.extend(expand.map(|expand| column(&alias, expand.nav.column)));
        if full {
            let key = set.key_property()?;
            sql.push(builder.column(&alias, key)?);
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

    /// The value of a property that is the same in every row of this answer.
    fn fixed(&self, prop: &Prop) -> Option<&'static str> {
        let hidden = prop.visible != Visible::Always && prop.visible != self.visible;
        match prop.source {
            _ if hidden && prop.kind.is_list() => Some("[]"),
            _ if hidden => Some("null"),
            Source::Json(json) => Some(json),
            Source::Column(_) | Source::Sql(_) => None,
        }
    }

    /// Runs a statement that selects the columns, and writes its rows.
    pub fn run(&mut self, tx: &mut Tx<'_>, sql: &str, params: &[Value]) -> Result<()> {
        tx.each(sql, params, &mut |cells| self.add(cells))
    }

    /// Writes a row.
    pub fn add(&mut self, cells: &Cells<'_>) -> Result<()> {
        let out = &mut self.bytes;
        out.push(b'{');
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
        self.ends.push(out.len());
        let keys = self.keys_at..self.keys_at + self.query.expand.len();
        self.keys.extend(keys.map(|at| Key::of(cells.get(at))));
        Ok(())
    }

    /// Gives every row as a JSON object, with what is expanded into it, to `each`, in their order.
    pub fn finish(
        self,
        tx: &mut Tx<'_>,
        scope: &Scope<'_>,
        each: &mut dyn FnMut(&[u8]),
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
        let (mut start, mut whole) = (0, Vec::new());
        for (row, end) in self.ends.iter().enumerate() {
            let bytes = &self.bytes[start..*end];
            start = *end;
            if expands.is_empty() {
                each(bytes);
                continue;
            }
            whole.clear();
            whole.extend_from_slice(bytes);
            let keys = &self.keys[row * expands.len()..];
            for (targets, key) in targets.iter().zip(keys) {
                if whole.len() > 1 {
                    whole.push(b',');
                }
                targets.write(&mut whole, key.as_ref());
            }
            whole.push(b'}');
            each(&whole);
        }
        Ok(())
    }
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
