//! Reading: a page of a set, or one entity, from the statement to the bytes of the answer.
//!
//! Everything happens in the transaction it is given: the page, its count and what is expanded
//! come from one snapshot. There is one statement for the page, one more for the count unless the
//! page itself proves it, and one for each expanded navigation property, whatever the page's size.

use db::{Tx, Value};

use crate::block::Block;
use crate::compile::Builder;
use crate::edm::{EntitySet, Kind, Prop, Visible};
use crate::query::{Order, default_order};
use crate::{Error, Guid, Query, Result, Timestamp, counts, json};

/// The folders a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folders {
    /// Every folder of the tenant.
    All,
    /// One folder.
    One(i64),
    /// Several; an empty list gives no rows.
    Some(Vec<i64>),
}

/// Which rows a request may see, and what its statements may refer to. There is no way to read
/// without one.
#[derive(Clone, Debug)]
pub struct Scope<'a> {
    /// The caller's tenant, `{tenant}`.
    pub tenant: i64,
    /// The folders; `{folder}` if it is one.
    pub folders: Folders,
    /// The time of the request, `{now}` and `now()`.
    pub now: Timestamp,
    /// Further variables for the SQL of declarations: `{name}`.
    pub vars: &'a [(&'a str, Value)],
    /// One more condition on the entity, SQL with `{t}` and the variables. It is part of the
    /// program and never holds anything a caller wrote.
    pub restrict: Option<&'a str>,
}

/// How an answer is labelled.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Address of the service without a slash at the end: `https://host/odata`.
    pub base: &'a str,
    /// What the context names instead of the set.
    pub name: Option<&'a str>,
    /// Whether a page says how many entities there are when `$count` is absent.
    pub count: bool,
}

/// Appends a page: `{"@odata.context":…,"@odata.count":n,"value":[…]}`.
///
/// # Errors
/// [`Error::Db`]; and [`Error::Invalid`] when more is expanded than an answer may hold.
pub fn read_page(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    belongs(q, set)?;
    context(out, set, q, shape, "");
    let count_at = out.len();
    out.extend_from_slice(b",\"value\":[");
    let top = q.top.unwrap_or(set.top).min(set.top);
    let rows = match top {
        0 => 0,
        top => page(tx, set, q, scope, top, out)?,
    };
    out.extend_from_slice(b"]}");
    if !q.count.unwrap_or(shape.count) {
        return Ok(());
    }
    // A page that is not full is the last one; if it is not empty either, it tells the number.
    let last = rows < u64::from(top) && (rows > 0 || q.skip == 0);
    let count = if last {
        q.skip + rows
    } else {
        count(tx, set, q, scope)?
    };
    let label = format!(",\"@odata.count\":{count}");
    out.splice(count_at..count_at, label.into_bytes());
    Ok(())
}

/// Appends one entity: `{"@odata.context":"…/$entity", …}`. Of `q`, what is selected and expanded
/// counts. `false`, and nothing appended: the scope holds no entity with this key.
///
/// # Errors
/// [`Error::Invalid`] when the key is of another type than the key property; otherwise as
/// [`read_page`].
pub fn read_entity(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    key: &Value,
    q: &Query,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    out: &mut Vec<u8>,
) -> Result<bool> {
    belongs(q, set)?;
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(set, q.select.as_deref(), &q.expand, Visible::Single);
    let columns = block.columns(&mut builder, None)?;
    let prop = key_property(set)?;
    let alias = builder.alias();
    let mut conditions = builder.scope_conditions(set)?;
    conditions.push(match (prop.kind, key_value(prop, key)?) {
        (_, Value::Null) => return Ok(false),
        (Kind::String, value) => {
            let column = builder.column(&alias, prop)?;
            format!("fold({column}) = fold({})", builder.bind(value))
        }
        (_, value) => {
            let column = builder.column(&alias, prop)?;
            format!("{column} = {}", builder.bind(value))
        }
    });
    let from = builder.from(set)?;
    let sql = format!(
        "SELECT {columns}{from}{} LIMIT 1",
        where_clause(&conditions)
    );
    block.run(tx, &sql, &builder.params)?;
    if block.len() == 0 {
        return Ok(false);
    }
    context(out, set, q, shape, "/$entity");
    // The members follow the context instead of opening an object of their own.
    block.finish(tx, scope, &mut |_, row| match row {
        [b'{', b'}'] => out.push(b'}'),
        row => {
            out.push(b',');
            out.extend_from_slice(&row[1..]);
        }
    })?;
    Ok(true)
}

/// A query knows columns of the set it was made for; with another it would ask for the wrong ones.
fn belongs(q: &Query, set: &EntitySet) -> Result<()> {
    if q.set.name == set.name {
        return Ok(());
    }
    let text = format!("a query on {} was used to read {}", q.set.name, set.name);
    Err(db::Error::Invalid(text).into())
}

/// `{"@odata.context":"…/$metadata#Jobs(State)…"`.
fn context(out: &mut Vec<u8>, set: &EntitySet, q: &Query, shape: &Shape<'_>, suffix: &str) {
    let mut text = format!(
        "{}/$metadata#{}",
        shape.base,
        shape.name.unwrap_or(set.name)
    );
    if let Some(names) = &q.select {
        text.push('(');
        text.push_str(&names.join(","));
        text.push(')');
    }
    text.push_str(suffix);
    out.extend_from_slice(b"{\"@odata.context\":");
    json::string(out, &text);
}

/// Appends the entities of a page, with commas between, and says how many there are.
fn page(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
    top: u32,
    out: &mut Vec<u8>,
) -> Result<u64> {
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(set, q.select.as_deref(), &q.expand, Visible::List);
    let columns = block.columns(&mut builder, None)?;
    let conditions = conditions(&mut builder, set, q)?;
    let order = order_clause(&mut builder, set, &q.order)?;
    let limit = builder.bind(i64::from(top).into());
    let offset = match q.skip {
        0 => String::new(),
        // `Query::parse` keeps it within the database's integers.
        skip => format!(
            " OFFSET {}",
            builder.bind(i64::try_from(skip).unwrap_or(i64::MAX).into())
        ),
    };
    let from = builder.from(set)?;
    let conditions = where_clause(&conditions);
    let sql = format!("SELECT {columns}{from}{conditions}{order} LIMIT {limit}{offset}");
    block.run(tx, &sql, &builder.params)?;
    let rows = block.len();
    let mut first = true;
    block.finish(tx, scope, &mut |_, row| {
        if !first {
            out.push(b',');
        }
        first = false;
        out.extend_from_slice(row);
    })?;
    Ok(rows as u64)
}

fn count(tx: &mut Tx<'_>, set: &'static EntitySet, q: &Query, scope: &Scope<'_>) -> Result<u64> {
    let mut builder = Builder::new(tx.dialect(), scope);
    let conditions = conditions(&mut builder, set, q)?;
    let conditions = where_clause(&conditions);
    let sql = match counts::table_for(set, q, scope) {
        Some(counts) => {
            let (table, alias) = (counts.table, builder.alias());
            let sum = format!("CAST(COALESCE(SUM({alias}.entities), 0) AS BIGINT)");
            format!("SELECT {sum} FROM {table} {alias}{conditions}")
        }
        None => format!("SELECT COUNT(*){}{conditions}", builder.from(set)?),
    };
    let row = tx.row(&sql, &builder.params)?;
    let count: i64 = row.map_or(Ok(0), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

fn conditions(builder: &mut Builder<'_>, set: &EntitySet, q: &Query) -> Result<Vec<String>> {
    let mut conditions = builder.scope_conditions(set)?;
    if let Some(filter) = &q.filter {
        conditions.push(builder.condition(&filter.0)?);
    }
    Ok(conditions)
}

pub(crate) fn where_clause(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        conditions => format!(" WHERE {}", conditions.join(" AND ")),
    }
}

/// `ORDER BY` as asked for or declared, with the key as the last term, in the direction of the
/// term before, so that one index serves both. Null is the smallest value; that is said only where
/// null can occur, because PostgreSQL matches it against the index.
pub(crate) fn order_clause(
    builder: &mut Builder<'_>,
    set: &'static EntitySet,
    order: &[Order],
) -> Result<String> {
    let default;
    let order = match order {
        [] => {
            default = default_order(set)?;
            &default
        }
        order => order,
    };
    let key = key_property(set)?;
    let alias = builder.alias();
    let key_sql = match set.tie {
        Some(column) => format!("{alias}.{column}"),
        None => builder.column(&alias, key)?,
    };
    let (mut terms, mut has_key, mut last) = (Vec::new(), false, false);
    for Order {
        expr,
        ty,
        descending,
    } in order
    {
        let sql = builder.comparable(expr, *ty)?;
        has_key |= sql == key_sql;
        last = *descending;
        terms.push(match (descending, expr.nullable()) {
            (false, false) => sql,
            (true, false) => format!("{sql} DESC"),
            (false, true) => format!("{sql} NULLS FIRST"),
            (true, true) => format!("{sql} DESC NULLS LAST"),
        });
    }
    if !has_key {
        terms.push(if last {
            format!("{key_sql} DESC")
        } else {
            key_sql
        });
    }
    Ok(format!(" ORDER BY {}", terms.join(", ")))
}

fn key_property(set: &'static EntitySet) -> Result<&'static Prop> {
    let missing = || db::Error::Invalid(format!("{} has no property {}", set.name, set.key));
    Ok(set.prop(set.key).ok_or_else(missing)?)
}

/// The key as it is stored.
fn key_value(prop: &Prop, key: &Value) -> Result<Value> {
    let value = match (prop.kind, key) {
        (_, Value::Null) => Some(Value::Null),
        (Kind::Int32 | Kind::Int64 | Kind::Enum(_), Value::Int(n)) => Some(Value::Int(*n)),
        (Kind::String, Value::Text(text)) if text.contains('\0') => Some(Value::Null),
        (Kind::String, Value::Text(text)) => Some(Value::Text(text.clone())),
        (Kind::String, Value::Int(n)) => Some(Value::Text(n.to_string())),
        (Kind::Guid, Value::Text(text)) => text.parse::<Guid>().ok().map(Value::from),
        (Kind::Enum(ty), Value::Text(text)) => ty.value(text).map(Value::Int),
        _ => None,
    };
    value.ok_or_else(|| {
        Error::Invalid(format!(
            "The key is not a valid value of type {}.",
            prop.kind.name()
        ))
    })
}
