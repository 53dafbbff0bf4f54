//! Queries: how they are written, and what they are answered with.

use std::cmp::Ordering;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value as Json, json};

use super::formula::{Bool, Env, Int, Real, Text, When, children, parent};
use super::world::Row;

/// The options of a query, or of what is expanded.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub filter: Option<Bool>,
    /// What to sort by, and whether the largest comes first.
    pub order: Vec<(Sort, bool)>,
    pub top: Option<usize>,
    pub skip: Option<usize>,
    pub count: Option<bool>,
    pub select: Option<Vec<&'static str>>,
    /// Parents have no options but these two.
    pub parent: Option<Box<Asked>>,
    pub children: Option<Box<Asked>>,
}

#[derive(Clone, Debug)]
pub enum Sort {
    Int(Int),
    Real(Real),
    Text(Text),
    When(When),
    Bool(Bool),
    Id,
}

#[derive(PartialEq, PartialOrd)]
enum SortValue {
    Int(i128),
    Real(f64),
    Text(String),
    Bool(bool),
}

impl Sort {
    fn text(&self) -> String {
        match self {
            Sort::Int(it) => it.text(0),
            Sort::Real(it) => it.text(0),
            Sort::Text(it) => it.text(0),
            Sort::When(it) => it.text(0),
            Sort::Bool(it) => it.text(0),
            Sort::Id => "id".to_owned(),
        }
    }

    fn value(&self, env: &Env<'_>) -> Option<SortValue> {
        match self {
            Sort::Int(it) => it.value(env).map(SortValue::Int),
            Sort::Real(it) => it.value(env).map(SortValue::Real),
            Sort::Text(it) => it.folded(env).map(SortValue::Text),
            Sort::When(it) => it.value(env).map(|at| SortValue::Int(at.into())),
            Sort::Bool(it) => it.maybe(env).map(SortValue::Bool),
            Sort::Id => Some(SortValue::Int(env.rows[0].id.into())),
        }
    }
}

/// The properties, in the order of the declaration.
pub const MEMBERS: [&str; 11] = [
    "Id", "N", "M", "R", "S", "T", "B", "At", "Color", "Words", "P",
];

impl Asked {
    /// Names and values of the options.
    fn options(&self) -> Vec<(&'static str, String)> {
        let mut options = Vec::new();
        let mut add =
            |name, value: Option<String>| options.extend(value.map(|value| (name, value)));
        add("$filter", self.filter.as_ref().map(|filter| filter.text(0)));
        let order = self.order.iter().map(|(sort, descending)| {
            let direction = if *descending { " desc" } else { "" };
            sort.text() + direction
        });
        let order: Vec<String> = order.collect();
        add("$orderby", (!order.is_empty()).then(|| order.join(",")));
        add("$top", self.top.map(|top| top.to_string()));
        add("$skip", self.skip.map(|skip| skip.to_string()));
        add("$count", self.count.map(|count| count.to_string()));
        add("$select", self.select.as_ref().map(|names| names.join(",")));
        let expands = [("Parent", &self.parent), ("Children", &self.children)];
        let expands = expands.into_iter().filter_map(|(nav, asked)| {
            let inner = asked.as_ref()?.options();
            let inner = inner.iter().map(|(name, value)| format!("{name}={value}"));
            Some(format!("{nav}({})", inner.collect::<Vec<_>>().join(";")))
        });
        let expands: Vec<String> = expands.collect();
        add("$expand", (!expands.is_empty()).then(|| expands.join(",")));
        options
    }

    /// The query string.
    pub fn url(&self) -> String {
        let options = self.options().into_iter().map(|(name, value)| {
            let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
            format!("{name}={value}")
        });
        options.collect::<Vec<_>>().join("&")
    }

    /// The page, without its context.
    pub fn answer(&self, world: &[Row]) -> Json {
        let (total, rows) = self.rows(world, world.iter().collect());
        match self.count {
            Some(false) => json!({ "value": rows }),
            _ => json!({ "@odata.count": total, "value": rows }),
        }
    }

    /// How many of the rows are found, and those of the page.
    fn rows(&self, world: &[Row], rows: Vec<&Row>) -> (usize, Vec<Json>) {
        let found = |row: &&Row| {
            let mut filter = self.filter.iter();
            filter.all(|filter| filter.value(&Env::new(world, row)))
        };
        let mut rows: Vec<&Row> = rows.into_iter().filter(found).collect();
        rows.sort_by(|a, b| self.compare(world, a, b));
        let total = rows.len();
        let page = rows.into_iter().skip(self.skip.unwrap_or(0));
        let page = page.take(self.top.unwrap_or(usize::MAX));
        (total, page.map(|row| self.object(world, row)).collect())
    }

    /// Null is smallest; the key decides between equals, in the direction of the last term.
    fn compare(&self, world: &[Row], a: &Row, b: &Row) -> Ordering {
        let turned = |order: Ordering, turn: bool| if turn { order.reverse() } else { order };
        for (sort, descending) in &self.order {
            let value = |row| sort.value(&Env::new(world, row));
            let order = value(a).partial_cmp(&value(b)).unwrap();
            if order != Ordering::Equal {
                return turned(order, *descending);
            }
        }
        let last = self.order.last().is_some_and(|(_, descending)| *descending);
        turned(a.id.cmp(&b.id), last)
    }

    fn object(&self, world: &[Row], row: &Row) -> Json {
        let mut object = Map::new();
        let selected = |name: &&str| match &self.select {
            Some(names) => names.contains(name),
            None => true,
        };
        for name in MEMBERS.into_iter().filter(selected) {
            let value = match name {
                "P" => json!(parent(world, row).map(|parent| &parent.t)),
                name => row.member(name),
            };
            object.insert(name.to_owned(), value);
        }
        if let Some(asked) = &self.parent {
            let parent = parent(world, row).map(|parent| asked.object(world, parent));
            object.insert("Parent".to_owned(), json!(parent));
        }
        if let Some(asked) = &self.children {
            let (total, rows) = asked.rows(world, children(world, row));
            if asked.count == Some(true) {
                object.insert("Children@odata.count".to_owned(), json!(total));
            }
            object.insert("Children".to_owned(), json!(rows));
        }
        Json::Object(object)
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.options() {
            write!(f, "{name}={value} ")?;
        }
        Ok(())
    }
}
