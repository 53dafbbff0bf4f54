//! The query options of a read, checked against the set they are meant for.

use crate::bind::{self, no_property};
use crate::edm::{EntitySet, Nav};
use crate::expr::{Condition, Expr, Type};
use crate::{Error, Result, options, parse};

/// `$orderby` takes this many expressions, as published.
pub(crate) const MAX_ORDER: usize = 5;
/// `$expand` goes this deep, as published.
pub(crate) const MAX_EXPAND: usize = 2;

/// What a caller asks for. It belongs to the set it was made for.
#[derive(Clone, Debug)]
pub struct Query {
    /// The set whose names it uses.
    pub(crate) set: &'static EntitySet,
    /// `$filter`.
    pub filter: Option<Condition>,
    /// `$orderby`; empty for the order of the set.
    pub order: Vec<Order>,
    /// `$top`, at most that of the set.
    pub top: Option<u32>,
    /// `$skip`.
    pub skip: u64,
    /// `$select`: names of properties and navigation properties as declared; `None` for all.
    pub select: Option<Vec<&'static str>>,
    /// `$expand`.
    pub expand: Vec<Expand>,
    /// `$count`.
    pub count: Option<bool>,
}

/// One expression of `$orderby`.
#[derive(Clone, Debug)]
pub struct Order {
    pub(crate) expr: Expr,
    pub(crate) ty: Type,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// One navigation property of `$expand`.
#[derive(Clone, Debug)]
pub struct Expand {
    /// The navigation property.
    pub nav: &'static Nav,
    /// What is selected of its target; `None` for all.
    pub select: Option<Vec<&'static str>>,
    /// What is expanded in its target.
    pub expand: Vec<Expand>,
}

impl Query {
    /// Reads a query string as it came; empty for none.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a text for the caller: syntax, unknown names, types, limits.
    pub fn parse(set: &'static EntitySet, raw: &str) -> Result<Query> {
        let mut query = Query::none(set);
        for (name, value) in options::options(raw)? {
            match name {
                "filter" => query.filter = filter(set, &value)?,
                "orderby" => query.order = order(set, &value)?,
                "top" => query.top = Some(top(set, &value)?),
                "skip" => query.skip = number("$skip", &value)?,
                "select" => query.select = select(set, &value)?,
                "expand" => query.expand = expand(set, &value, 1)?,
                "count" => query.count = Some(count(&value)?),
                _ => {}
            }
        }
        Ok(query)
    }

    /// No options.
    pub fn none(set: &'static EntitySet) -> Query {
        Query {
            set,
            filter: None,
            order: Vec::new(),
            top: None,
            skip: 0,
            select: None,
            expand: Vec::new(),
            count: None,
        }
    }
}

fn filter(set: &'static EntitySet, text: &str) -> Result<Option<Condition>> {
    if text.is_empty() {
        return Ok(None);
    }
    let expr = parse::expression(text)?;
    Ok(Some(Condition(bind::condition(set, &expr)?)))
}

fn order(set: &'static EntitySet, text: &str) -> Result<Vec<Order>> {
    let mut order = Vec::new();
    if text.is_empty() {
        return Ok(order);
    }
    for (expr, descending) in parse::order(text)? {
        let (expr, ty) = bind::sort(set, &expr)?;
        order.push(Order {
            expr,
            ty,
            descending,
        });
    }
    if order.len() > MAX_ORDER {
        return Err(Error::query(format_args!(
            "The number of clauses in $orderby exceeds the maximum of {MAX_ORDER}."
        )));
    }
    Ok(order)
}

/// The order of a set without `$orderby`.
pub(crate) fn default_order(set: &'static EntitySet) -> Result<Vec<Order>> {
    order(set, set.order)
}

fn top(set: &EntitySet, text: &str) -> Result<u32> {
    let top = number("$top", text)?;
    if top > u64::from(set.top) {
        return Err(Error::query(format_args!(
            "The limit of '{}' for Top query has been exceeded. The value from the incoming \
             request is '{top}'.",
            set.top
        )));
    }
    Ok(u32::try_from(top).unwrap_or(set.top))
}

/// A whole number that is not negative. Skipping more rows than fit the database's integers skips
/// all of them.
fn number(option: &str, text: &str) -> Result<u64> {
    match text.parse::<u64>() {
        Ok(number) => Ok(number.min(i64::MAX as u64)),
        Err(_) => {
            let text: String = text.chars().take(32).collect();
            Err(Error::query(format_args!(
                "Invalid value '{text}' for {option} query option found. The {option} query \
                 option requires a non-negative integer value."
            )))
        }
    }
}

fn count(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::query(
            "Invalid value for $count query option: 'true' or 'false' is expected.",
        )),
    }
}

fn select(set: &'static EntitySet, text: &str) -> Result<Option<Vec<&'static str>>> {
    let mut names = Vec::new();
    for name in text.split(',').map(str::trim) {
        if name == "*" {
            return Ok(None);
        }
        let prop = set.prop(name).map(|prop| prop.name);
        let found = prop.or_else(|| set.nav(name).map(|nav| nav.name));
        let found = found.ok_or_else(|| no_property(name, set.entity))?;
        if !names.contains(&found) {
            names.push(found);
        }
    }
    Ok(Some(names))
}

/// `Robot,Release($select=Name;$expand=…)`.
fn expand(set: &'static EntitySet, text: &str, depth: usize) -> Result<Vec<Expand>> {
    let mut expands: Vec<Expand> = Vec::new();
    if text.is_empty() {
        return Ok(expands);
    }
    if depth > MAX_EXPAND {
        return Err(Error::query(format_args!(
            "The request includes a $expand path which is too deep. The maximum depth allowed is \
             {MAX_EXPAND}."
        )));
    }
    for item in split(text, ',')? {
        let (name, inner) = match item.split_once('(') {
            Some((name, rest)) => (name, rest.trim_end().strip_suffix(')')),
            None => (item, Some("")),
        };
        let name = name.trim();
        let nav = set.nav(name).ok_or_else(|| not_expandable(set, name))?;
        let inner = inner.ok_or_else(unbalanced)?;
        let expand = nested(nav, inner, depth)?;
        if expands.iter().any(|known| known.nav.name == nav.name) {
            return Err(Error::query(format_args!(
                "'{}' is expanded more than once.",
                nav.name
            )));
        }
        expands.push(expand);
    }
    Ok(expands)
}

/// The options of an expanded property, between semicolons.
fn nested(nav: &'static Nav, text: &str, depth: usize) -> Result<Expand> {
    let target = (nav.target)();
    let mut found = Expand {
        nav,
        select: None,
        expand: Vec::new(),
    };
    for option in split(text, ';')? {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "" => {}
            "$select" => found.select = select(target, value)?,
            "$expand" => found.expand = expand(target, value.trim(), depth + 1)?,
            other => {
                return Err(Error::query(format_args!(
                    "The option '{other}' is not supported within $expand."
                )));
            }
        }
    }
    Ok(found)
}

fn not_expandable(set: &EntitySet, name: &str) -> Error {
    match set.prop(name) {
        Some(prop) => Error::query(format_args!(
            "Property '{}' on type '{}' is not a navigation property and cannot be expanded.",
            prop.name, set.entity
        )),
        None => no_property(name, set.entity),
    }
}

fn unbalanced() -> Error {
    Error::query("The brackets of $expand do not match.")
}

/// Splits where `at` stands outside of brackets.
fn split(text: &str, at: char) -> Result<Vec<&str>> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or_else(unbalanced)?,
            _ if c == at && depth == 0 => {
                parts.push(&text[start..i]);
                start = i + c.len_utf8();
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err(unbalanced());
    }
    parts.push(&text[start..]);
    Ok(parts)
}
