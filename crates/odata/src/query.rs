//! The query options of a read, checked against the set they are meant for.
//!
//! What stands in the brackets of `$expand` are the same options, on the set that the navigation
//! property leads to, so that it is a [`Query`], too.

use crate::bind::{self, no_property};
use crate::edm::{EntitySet, Kind, Nav, Prop};
use crate::expr::{Condition, Expr, Type};
use crate::honours::Options;
use crate::keyset::{Next, Token};
use crate::options::{self, Aliases, shortened};
use crate::parse::{self, Shared};
use crate::split::split;
use crate::{Error, Result};

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
    /// Structures that `$expand` names: answers hold them anyway, unless `$select` leaves them out.
    pub(crate) structures: Vec<&'static str>,
    /// `$count`.
    pub count: Option<bool>,
    /// `$skiptoken` as it came.
    pub(crate) token: Option<String>,
    /// Where the page begins, once the token was opened.
    pub(crate) after: Option<Token>,
    /// How the page leads to the next one; `None` if it does not.
    pub(crate) next: Option<Next>,
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
    /// What is asked of its target. If it leads to at most one entity, that is only what to select
    /// and expand.
    pub query: Query,
}

impl Query {
    /// Reads a query string as it came; empty for none.
    ///
    /// # Errors
    /// [`Error::Invalid`] with a text for the caller: syntax, unknown names, types, limits.
    pub fn parse(set: &'static EntitySet, raw: &str) -> Result<Query> {
        let aliases = Aliases::read(raw)?;
        let options = options::options(raw)?;
        let mut reader = Reader {
            shared: Shared::new(&aliases),
        };
        let mut query = Query::none(set);
        let mut select = None;
        for (name, value) in &options {
            match *name {
                // Which names may be selected depends on what is expanded.
                "select" => select = Some(given("select", value)?),
                "format" => {}
                "skiptoken" => query.token = Some(given("skiptoken", value)?.to_owned()),
                name => reader.option(&mut query, name, value, 0)?,
            }
        }
        if let Some(names) = select {
            query.select(names)?;
        }
        if query.token.is_some() && query.skip > 0 {
            return Err(Error::query(
                "$skip and $skiptoken both say where a page begins: leave $skip out.",
            ));
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
            structures: Vec::new(),
            count: None,
            token: None,
            after: None,
            next: None,
        }
    }

    /// Whether it asks for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let chooses = self.filter.is_some() || !self.order.is_empty();
        let pages = self.top.is_some() || self.skip > 0 || self.token.is_some();
        let pages = pages || self.count.is_some();
        !chooses
            && !pages
            && self.select.is_none()
            && self.expand.is_empty()
            && self.structures.is_empty()
    }

    /// Texts that this property contains in every entity that `$filter` finds, without case: whoever
    /// keeps an index of such texts can restrict the read to what that finds.
    #[must_use]
    pub fn contained(&self, property: &str) -> Vec<&str> {
        let mut texts = Vec::new();
        if let Some(filter) = &self.filter {
            filter.0.contained(property, &mut texts);
        }
        texts
    }

    /// Whether any option goes to entities of this type: to see them, or to find out what they hold
    /// by filters and orders, may take a permission of its own.
    #[must_use]
    pub fn leads_to(&self, entity: &str) -> bool {
        let wanted = |nav: &Nav| (nav.target)().entity == entity;
        self.filter.as_ref().is_some_and(|f| f.0.any_nav(&wanted))
            || self.order.iter().any(|o| o.expr.any_nav(&wanted))
            || self
                .expand
                .iter()
                .any(|e| wanted(e.nav) || e.query.leads_to(entity))
    }

    /// `$select`. A path selects within what is expanded.
    fn select(&mut self, text: &str) -> Result<()> {
        let mut names = Vec::new();
        let mut all = false;
        for name in text.split(',').map(str::trim) {
            let found = match name.split_once('/') {
                _ if name == "*" => {
                    all = true;
                    continue;
                }
                Some((first, rest)) => self.select_within(first.trim(), rest.trim())?,
                None => self.selectable(name)?,
            };
            if !names.contains(&found) {
                names.push(found);
            }
        }
        // What is expanded is shown whatever is selected.
        let expanded = self.structures.iter().copied();
        names.extend(
            expanded
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
        self.select = (!all).then_some(names);
        Ok(())
    }

    fn selectable(&self, name: &str) -> Result<&'static str> {
        let prop = self.set.prop(name).map(|prop| prop.name);
        let found = prop.or_else(|| self.set.nav(name).map(|nav| nav.name));
        found.ok_or_else(|| no_property(name, self.set.entity))
    }

    /// `Nav/Name`, which is `Nav($select=Name)` written differently.
    fn select_within(&mut self, first: &str, rest: &str) -> Result<&'static str> {
        let Some(nav) = self.set.nav(first) else {
            let name = self.selectable(first)?;
            return Err(Error::query(format_args!(
                "'{name}' can only be selected as a whole, without '/{}'.",
                shortened(rest)
            )));
        };
        let mut expands = self.expand.iter_mut();
        let Some(expand) = expands.find(|expand| expand.nav.name == nav.name) else {
            return Err(Error::query(format_args!(
                "'{0}/{1}' is selected, but '{0}' is not expanded. Use $expand={0}($select={1}) \
                 instead.",
                nav.name,
                shortened(rest)
            )));
        };
        let mut before = expand.query.select.take().unwrap_or_default();
        expand.query.select(rest)?;
        if let Some(names) = &mut expand.query.select {
            names.retain(|name| !before.contains(name));
            before.append(names);
            *names = before;
        }
        Ok(nav.name)
    }
}

/// Which part of a list of plain values a caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// `$top`
    pub top: Option<u32>,
    /// `$skip`
    pub skip: u64,
    /// `$count`
    pub count: bool,
}

impl Slice {
    /// Largest `$top`.
    pub(crate) const MOST: u32 = 1_000;

    /// Reads a query string as it came.
    ///
    /// # Errors
    /// [`Error::Invalid`] for any other option, and for what is no number, or too large a one.
    pub fn parse(raw: &str) -> Result<Slice> {
        Options::VALUES.check(raw)?;
        let mut slice = Slice::default();
        for (name, value) in &options::options(raw)? {
            match *name {
                "top" => slice.top = Some(top(Self::MOST, given(name, value)?)?),
                "skip" => slice.skip = number("$skip", given(name, value)?)?,
                "count" => slice.count = count(given(name, value)?)?,
                _ => {}
            }
        }
        Ok(slice)
    }

    /// That part of the values.
    pub fn of<T>(self, values: Vec<T>) -> Vec<T> {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let top = self.top.map_or(usize::MAX, |top| number(top.into()));
        let rest = values.into_iter().skip(number(self.skip));
        rest.take(top).collect()
    }
}

/// Reads options; what is limited for all of a request is counted in it.
struct Reader<'a> {
    shared: Shared<'a>,
}

impl Reader<'_> {
    /// Every option but `$select`; `depth` is that of the query.
    fn option(&mut self, query: &mut Query, name: &str, value: &str, depth: usize) -> Result<()> {
        let (set, value) = (query.set, given(name, value)?);
        match name {
            "filter" => {
                let expr = parse::expression(value, &mut self.shared)?;
                query.filter = Some(Condition(bind::condition(set, &expr)?));
            }
            "orderby" => query.order = order(set, value, &mut self.shared)?,
            "top" => query.top = Some(top(set.top, value)?),
            "skip" => query.skip = number("$skip", value)?,
            "count" => query.count = Some(count(value)?),
            "expand" => self.expand(query, value, depth + 1)?,
            other => {
                return Err(Error::query(format_args!(
                    "The option '${}' is not supported within $expand.",
                    shortened(other)
                )));
            }
        }
        Ok(())
    }

    /// `Robot,Release($select=Name;$expand=…)`; `*` stands for what is not named besides it.
    fn expand(&mut self, query: &mut Query, text: &str, depth: usize) -> Result<()> {
        if depth > MAX_EXPAND {
            return Err(Error::query(format_args!(
                "The request includes a $expand path which is too deep. The maximum depth allowed \
                 is {MAX_EXPAND}."
            )));
        }
        let set = query.set;
        let (mut all, mut seen) = (false, Vec::new());
        for item in split(text, ',').map_err(malformed)? {
            if item.trim() == "*" {
                all = true;
                continue;
            }
            let name = self.expanded(query, item, depth)?;
            if seen.contains(&name) {
                return Err(Error::query(format_args!(
                    "'{name}' is expanded more than once."
                )));
            }
            seen.push(name);
        }
        if all {
            let rest = set.navs.iter().filter(|nav| !seen.contains(&nav.name));
            query.expand.extend(rest.map(|nav| Expand {
                nav,
                query: Query::none((nav.target)()),
            }));
        }
        Ok(())
    }

    /// `Name` or `Name(options)`; gives the name.
    fn expanded(&mut self, query: &mut Query, item: &str, depth: usize) -> Result<&'static str> {
        let set = query.set;
        let (name, inner) = match item.split_once('(') {
            Some((name, rest)) => (name, rest.trim_end().strip_suffix(')')),
            None => (item, Some("")),
        };
        let name = name.trim();
        let inner = inner.ok_or_else(|| malformed("text follows a bracket"));
        if let Some(prop) = set.prop(name).filter(|prop| is_structure(prop)) {
            if !inner?.trim().is_empty() {
                return Err(Error::query(format_args!(
                    "'{}' is a structure, which is always shown as a whole: leave the brackets out.",
                    prop.name
                )));
            }
            query.structures.push(prop.name);
            return Ok(prop.name);
        }
        let nav = set.nav(name).ok_or_else(|| not_expandable(set, name))?;
        let nested = self.nested(nav, inner?, depth)?;
        query.expand.push(Expand { nav, query: nested });
        Ok(nav.name)
    }

    /// The options in the brackets, between semicolons.
    fn nested(&mut self, nav: &'static Nav, text: &str, depth: usize) -> Result<Query> {
        let mut query = Query::none((nav.target)());
        let (mut seen, mut select) = (Vec::new(), None);
        for option in split(text, ';').map_err(malformed)? {
            if option.trim().is_empty() {
                continue;
            }
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let name = name.trim().to_ascii_lowercase();
            let Some(known) = name.strip_prefix('$') else {
                return Err(Error::query(format_args!(
                    "'{}' is no option. Within $expand, options start with '$' and are divided \
                     by ';'.",
                    shortened(&name)
                )));
            };
            if seen.contains(&name) {
                return Err(Error::query(format_args!(
                    "The option '{name}' was specified more than once within $expand."
                )));
            }
            if known == "select" {
                select = Some(given("select", value)?);
            } else {
                for_many(nav, known)?;
                self.option(&mut query, known, value, depth)?;
            }
            seen.push(name);
        }
        if let Some(names) = select {
            query.select(names)?;
        }
        Ok(query)
    }
}

/// Whether a property holds structures: clients expand these as they expand related entities.
fn is_structure(prop: &Prop) -> bool {
    matches!(
        prop.kind,
        Kind::Complex(_) | Kind::Collection(_) | Kind::Open
    )
}

/// Refuses to choose among at most one entity.
fn for_many(nav: &Nav, option: &str) -> Result<()> {
    let chooses = matches!(option, "filter" | "orderby" | "top" | "skip" | "count");
    if nav.many || !chooses {
        return Ok(());
    }
    Err(Error::query(format_args!(
        "The option '${option}' cannot be applied to '{0}', which leads to at most one entity. \
         Filter and sort by paths such as '{0}/{1}' instead.",
        nav.name,
        (nav.target)().key
    )))
}

/// The value of an option, which has to be there.
fn given<'v>(name: &str, value: &'v str) -> Result<&'v str> {
    match value.trim() {
        "" => Err(Error::query(format_args!(
            "The value for OData query '${name}' cannot be empty."
        ))),
        value => Ok(value),
    }
}

fn order(set: &'static EntitySet, text: &str, shared: &mut Shared<'_>) -> Result<Vec<Order>> {
    let mut order = Vec::new();
    for (expr, descending) in parse::order(text, shared)? {
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
    order(set, set.order, &mut Shared::new(&Aliases::default()))
}

fn top(most: u32, text: &str) -> Result<u32> {
    let top = number("$top", text)?;
    if top > u64::from(most) {
        return Err(Error::query(format_args!(
            "The limit of '{most}' for Top query has been exceeded. The value from the incoming \
             request is '{top}'."
        )));
    }
    Ok(u32::try_from(top).unwrap_or(most))
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

fn not_expandable(set: &EntitySet, name: &str) -> Error {
    match set.prop(name) {
        Some(prop) => Error::query(format_args!(
            "Property '{}' on type '{}' is not a navigation property and cannot be expanded.",
            prop.name, set.entity
        )),
        None => no_property(name, set.entity),
    }
}

fn malformed(why: &str) -> Error {
    Error::query(format_args!("The brackets of $expand do not match: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_plain_values_is_what_was_asked_for() {
        let part = |raw: &str| Slice::parse(raw).unwrap().of(vec![1, 2, 3, 4]);
        assert_eq!(part(""), [1, 2, 3, 4]);
        assert_eq!(part("$top=2&$skip=1"), [2, 3]);
        assert_eq!(part("$top=0"), [0; 0]);
        assert_eq!(part("$top=1000&$skip=4"), [0; 0]);
        assert_eq!(part("$skip=9999999999999999999"), [0; 0]);
        assert!(Slice::parse("$count=TRUE").unwrap().count);
        assert!(!Slice::parse("$count=false").unwrap().count);
        for raw in [
            "$top=x",
            "$top=-1",
            "$top=1001",
            "$top=",
            "$skip=1.5",
            "$count=1",
            "$filter=a eq 1",
            "$orderby=a",
            "$select=a",
            "$expand=a",
            "$search=a",
            "$top=1&$top=1",
        ] {
            assert!(matches!(Slice::parse(raw), Err(Error::Invalid(_))), "{raw}");
        }
    }
}
