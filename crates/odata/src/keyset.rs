//! Pages that go on behind a row, which cost what the first page costs however many rows are before
//! them: no row is skipped, because the place is found in the index that sorts them.
//!
//! A token (`$skiptoken`) holds what the last row of a page was sorted by. It belongs to one query:
//! another is refused, as it would mean another place. It is sealed, because rows may be sorted by
//! what answers do not show. It says nothing of who may see what: a page that begins at a token has
//! the conditions of any other.
//!
//! What is behind a row is found in parts, each a range of the order: with the sort terms `a, b, c`
//! first the rows of the same `a` and `b` behind `c`, then those of the same `a` behind `b`, then
//! those behind `a`. Each is one walk in an index, on both databases, whatever the directions and
//! wherever null stands; the first one that fills the page is the last one that is asked.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use db::{Cells, Dialect, Value};
use serde_json::Value as Json;

use crate::compile::Builder;
use crate::edm::EntitySet;
use crate::expr::{Expr, Type};
use crate::options::{self, Aliases};
use crate::order::{Behind, Term};
use crate::{Error, Query, Result, Timestamp};

/// The layout of tokens.
const VERSION: u8 = 1;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    /// The query it belongs to.
    pub query: u64,
    /// Rows on a page.
    pub size: u32,
    /// How many more rows `$top` allows.
    pub left: Option<u32>,
    /// The time of the first page, where the order depends on it.
    pub now: Option<Timestamp>,
    /// What the row before was sorted by.
    pub values: Vec<Value>,
}

/// Keeps others from reading tokens, and from making some.
pub trait Sealing: Send + Sync {
    /// A token that nobody else can read.
    fn seal(&self, token: &str) -> String;

    /// The token again; `None` for whatever was not sealed here.
    fn open(&self, sealed: &str) -> Option<String>;
}

/// How a list is read page by page.
pub struct Paging<'a> {
    /// Its address.
    pub address: &'a str,
    /// The query string of the request, as it came.
    pub raw: &'a str,
    /// How many entities the caller prefers on a page.
    pub size: Option<u32>,
    /// What keeps tokens.
    pub sealing: Arc<dyn Sealing>,
}

/// How a page leads to the next one.
#[derive(Clone)]
pub(crate) struct Next {
    /// Rows on a page, if the caller says.
    size: Option<u32>,
    /// The query.
    query: u64,
    /// The address up to the value of `$skiptoken`.
    link: String,
    sealing: Arc<dyn Sealing>,
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Next({})", self.link)
    }
}

impl Query {
    /// Lets pages lead to the next one, if the caller prefers a size or the page before had one.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a `$skiptoken` that was not sealed here, or belongs to another query.
    pub fn pages(&mut self, paging: Paging<'_>) -> Result<()> {
        if paging.size.is_none() && self.token.is_none() {
            return Ok(());
        }
        let query = identity(paging.address, paging.raw)?;
        if let Some(sealed) = &self.token {
            let token = paging.sealing.open(sealed);
            let token = token.and_then(|token| Token::parse(self.set, &token));
            let own = |token: &Token| token.query == query && token.is_within(self.top);
            self.after = Some(token.filter(own).ok_or_else(foreign)?);
        }
        self.next = Some(Next {
            size: paging.size,
            query,
            link: link(paging.address, paging.raw)?,
            sealing: paging.sealing,
        });
        Ok(())
    }
}

impl Next {
    /// The address of the page behind this one.
    pub fn address(&self, page: &Page, now: Option<Timestamp>) -> String {
        let token = Token {
            query: self.query,
            size: page.size,
            left: page.left.map(|left| left - page.most),
            now,
            values: page.last.clone(),
        };
        let sealed = self.sealing.seal(&token.text());
        let mut address = self.link.clone();
        address.extend(form_urlencoded::byte_serialize(sealed.as_bytes()));
        address
    }
}

/// What tells one query from others: everything that decides which rows there are and how they are
/// sorted. Only this program reads it, so that another version may refuse it.
fn identity(address: &str, raw: &str) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let path = address
        .rsplit_once("/odata/")
        .map_or(address, |(_, path)| path);
    path.to_ascii_lowercase().hash(&mut hasher);
    for (name, value) in options::options(raw)? {
        if matches!(name, "filter" | "orderby" | "top") {
            (name, value).hash(&mut hasher);
        }
    }
    Aliases::read(raw)?.hash(&mut hasher);
    Ok(hasher.finish())
}

/// The address with all options but those that say where the page begins.
fn link(address: &str, raw: &str) -> Result<String> {
    let mut link = format!("{address}?");
    let mut add = |name: &str, value: &str| {
        link.push_str(name);
        link.push('=');
        link.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        link.push('&');
    };
    for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
        if !name.trim().starts_with('$') {
            let name: String = form_urlencoded::byte_serialize(name.as_bytes()).collect();
            add(&name, &value);
        }
    }
    for (name, value) in options::options(raw)? {
        if !matches!(name, "skip" | "skiptoken") {
            add(&format!("${name}"), &value);
        }
    }
    link.push_str("$skiptoken=");
    Ok(link)
}

pub(crate) fn foreign() -> Error {
    Error::query(
        "The value of $skiptoken does not belong to this query. Follow '@odata.nextLink' as it is, or \
         begin anew without $skiptoken.",
    )
}

impl Token {
    fn parse(set: &EntitySet, text: &str) -> Option<Token> {
        let parts: (u8, u64, u32, Option<u32>, Option<i64>, Vec<Json>) =
            serde_json::from_str(text).ok()?;
        let (version, query, size, left, now, values) = parts;
        let sizes = 1..=set.top;
        let known = version == VERSION && sizes.contains(&size);
        let values: Option<Vec<Value>> = values.iter().map(value).collect();
        known.then_some(Token {
            query,
            size,
            left,
            now: now.map(Timestamp),
            values: values?,
        })
    }

    fn text(&self) -> String {
        let values: Vec<Json> = self.values.iter().map(json).collect();
        let now = self.now.map(|now| now.0);
        serde_json::json!((VERSION, self.query, self.size, self.left, now, values)).to_string()
    }

    /// Whether no more rows are left than `$top` allows.
    fn is_within(&self, top: Option<u32>) -> bool {
        match (self.left, top) {
            (None, None) => true,
            (Some(left), Some(top)) => (1..top).contains(&left),
            _ => false,
        }
    }
}

/// A value of a token: texts as they are, other fractions than whole numbers by their bits.
fn json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Real(number) => Json::Array(vec![number.to_bits().into()]),
        Value::Text(text) => text.as_str().into(),
        Value::Null | Value::Blob(_) | Value::List(_) => Json::Null,
    }
}

fn value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Int(number.as_i64()?),
        // PostgreSQL has no texts with it.
        Json::String(text) if text.contains('\0') => return None,
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(bits) => match bits.as_slice() {
            [bits] => Value::Real(f64::from_bits(bits.as_u64()?)),
            _ => return None,
        },
        Json::Object(_) => return None,
    })
}

/// How many rows a page has, and what is noticed while they are written.
pub(crate) struct Page {
    /// Rows on a page.
    size: u32,
    /// How many rows `$top` allows from this page on.
    left: Option<u32>,
    /// Rows on this page, at most.
    pub most: u32,
    /// Rows that were written.
    pub rows: u32,
    /// Whether there are more.
    pub more: bool,
    /// The cells with what rows are sorted by, if there may be a next page.
    sorted_by: Option<Range<usize>>,
    /// What the last row was sorted by.
    pub last: Vec<Value>,
}

impl Page {
    /// The page that a query asks for.
    pub fn of(q: &Query, set: &EntitySet) -> Page {
        let left = match &q.after {
            Some(token) => token.left,
            None => q.top,
        };
        let preferred = q.next.as_ref().and_then(|next| next.size);
        let size = preferred.or(q.after.as_ref().map(|token| token.size));
        let size = size.unwrap_or(set.top).min(set.top);
        let mut page = Page::single(left.unwrap_or(size).min(size));
        (page.size, page.left) = (size, left);
        page
    }

    /// A page that leads nowhere.
    pub fn single(most: u32) -> Page {
        Page {
            size: most,
            left: Some(most),
            most,
            rows: 0,
            more: false,
            sorted_by: None,
            last: Vec::new(),
        }
    }

    /// Whether the page leads to another one if there are more rows.
    pub fn leads_on(&self, q: &Query) -> bool {
        q.next.is_some() && self.left.is_none_or(|left| left > self.most)
    }

    /// Looks for more rows than the page has, and keeps what its last one is sorted by, which stands in
    /// these cells.
    pub fn watch(&mut self, cells: Range<usize>) {
        self.sorted_by = Some(cells);
    }

    /// How many rows are still to be read: one more than written if that tells whether there are more.
    pub fn wanted(&self) -> u32 {
        self.most - self.rows + u32::from(self.sorted_by.is_some())
    }

    /// How many entities there are, if the page tells: one that is not full is the last, and if it is not
    /// empty either, all others are before it.
    pub fn total(&self, q: &Query) -> Option<u64> {
        let last = self.rows < self.most || (self.sorted_by.is_some() && !self.more);
        let known = last && q.after.is_none() && (self.rows > 0 || q.skip == 0);
        known.then(|| q.skip + u64::from(self.rows))
    }

    /// Whether the page is full, and it is known whether there are more.
    pub fn is_done(&self) -> bool {
        self.more || (self.sorted_by.is_none() && self.rows == self.most)
    }

    /// Whether the row that was read is on the page.
    pub fn take(&mut self, cells: &Cells<'_>) -> bool {
        if self.rows == self.most {
            self.more = true;
            return false;
        }
        self.rows += 1;
        if let Some(cells_at) = self.sorted_by.clone().filter(|_| self.rows == self.most) {
            self.last = cells_at.map(|at| cells.get(at).to_value()).collect();
        }
        true
    }
}

/// A range of the rows behind a place: how many terms are the same as there, and in which way the
/// next one differs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Part {
    same: usize,
    behind: Behind,
}

/// The parts of what is behind a place, in the order of their rows.
///
/// # Errors
/// [`Error::Invalid`] when the values do not fit the terms.
pub(crate) fn parts(terms: &[Term], values: &[Value], dialect: Dialect) -> Result<Vec<Part>> {
    let pairs = terms.iter().zip(values);
    if terms.len() != values.len() || !pairs.clone().all(|(term, value)| term.fits(value, dialect))
    {
        return Err(foreign());
    }
    let mut parts = Vec::new();
    for (same, (term, value)) in pairs.enumerate().rev() {
        let behind = term.behind(*value == Value::Null);
        parts.extend(behind.iter().map(|behind| Part {
            same,
            behind: *behind,
        }));
    }
    Ok(parts)
}

impl Part {
    /// The conditions on its rows.
    pub fn conditions(
        self,
        builder: &mut Builder<'_>,
        terms: &[Term],
        values: &[Value],
    ) -> Vec<String> {
        let mut conditions = Vec::new();
        for (term, value) in terms.iter().zip(values).take(self.same) {
            conditions.push(match value {
                Value::Null => format!("{} IS NULL", term.sql),
                value => format!("{} = {}", term.sql, term.bind(builder, value)),
            });
        }
        let (term, value) = (&terms[self.same], &values[self.same]);
        conditions.push(match self.behind {
            Behind::Value => {
                let sign = if term.descending { '<' } else { '>' };
                format!("{} {sign} {}", term.sql, term.bind(builder, value))
            }
            Behind::AnyValue => format!("{} IS NOT NULL", term.sql),
            Behind::Null => format!("{} IS NULL", term.sql),
        });
        conditions
    }

    /// What its rows are sorted by: terms that are the same in all are left out, and what cannot be null
    /// in it is not said to be, so that an index serves the order.
    pub fn order(self, terms: &[Term]) -> String {
        let own = match self.behind {
            Behind::Null => None,
            Behind::Value | Behind::AnyValue => Some(terms[self.same].without_null()),
        };
        let rest = terms[self.same + 1..].iter().map(Term::sorted);
        let order: Vec<String> = own.into_iter().chain(rest).collect();
        match order.as_slice() {
            [] => String::new(),
            order => format!(" ORDER BY {}", order.join(", ")),
        }
    }
}

/// Whether an expression gives what a column holds as it is.
pub(crate) fn is_plain(expr: &Expr) -> bool {
    matches!(expr, Expr::Prop(it) if !it.json && it.prop.filter_sql.is_none())
}

/// Whether a text is what PostgreSQL writes for a number, and can be compared with any other.
pub(crate) fn is_number(text: &str) -> bool {
    if matches!(text, "NaN" | "Infinity" | "-Infinity") {
        return true;
    }
    let known = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e');
    let (digits, _) = text.split_once('e').unwrap_or((text, ""));
    let zero = !digits.contains(|c: char| matches!(c, '1'..='9'));
    match text.parse::<f64>() {
        Ok(number) => number.is_finite() && (number != 0.0 || zero) && text.chars().all(known),
        Err(_) => false,
    }
}

/// The type that a number, text or truth value is compared in when it travels as text.
pub(crate) fn compared_in(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "BOOLEAN",
        Type::Text | Type::Guid | Type::Null => "TEXT",
        Type::Int | Type::Real | Type::Date | Type::Duration | Type::Enum(_) => "NUMERIC",
    }
}
