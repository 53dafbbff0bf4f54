//! Reading: a page of a set, or one entity, from the statement to the bytes of the answer.
//!
//! Everything happens in the transaction it is given: the page, its count and what is expanded
//! come from one snapshot. There is one statement for the page, one more for the count unless the
//! page itself proves it, and one for each expanded navigation property, whatever the page's size.

use std::collections::HashMap;

use db::{Cell, Tx, Value};

use crate::block::Block;
use crate::compile::Builder;
use crate::edm::{EntitySet, Kind, Prop, Visible};
use crate::keyset::{self, Page};
use crate::order::{first_of_key, order_list, order_terms};
use crate::pages::page;
use crate::query::Expand;
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

/// How much an answer says about itself: `odata.metadata=` of the media type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// `minimal`: the context.
    #[default]
    Minimal,
    /// `full`: the types and addresses, too, so that no client needs `$metadata`.
    Full,
    /// `none`: the data only.
    None,
}

/// How an answer is labelled.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'a> {
    /// Address of the service without a slash at the end: `https://host/odata`.
    pub base: &'a str,
    /// What the context names instead of the set.
    pub name: Option<&'a str>,
    /// Whether a page says how many entities there are when `$count` is absent.
    pub count: bool,
    /// How much it says about itself.
    pub metadata: Metadata,
}

/// Appends a page: `{"@odata.context":…,"@odata.count":n,"value":[…]}`, with `"@odata.nextLink"` at the
/// end if there are more and the query leads to them ([`Query::pages`]).
///
/// # Errors
/// [`Error::Db`]; and [`Error::Invalid`] when more is expanded than an answer may hold, or for a
/// `$skiptoken` of another query.
pub fn read_page(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    belongs(q, set)?;
    if q.token.is_some() && q.after.is_none() {
        return Err(keyset::foreign());
    }
    context(out, set, q, shape, "");
    let count_at = out.len();
    out.extend_from_slice(b"\"value\":[");
    let mut read = Page::of(q, set);
    let now = match read.most {
        0 => None,
        _ => page(tx, set, q, scope, shape, &mut read, out)?,
    };
    out.push(b']');
    if let Some(next) = q.next.as_ref().filter(|_| read.more) {
        out.push(b',');
        json::name(out, "@odata.nextLink");
        json::string(out, &next.address(&read, now));
    }
    out.push(b'}');
    if !q.count.unwrap_or(shape.count) {
        return Ok(());
    }
    let count = match read.total(q) {
        Some(count) => count,
        None => count(tx, set, q, scope)?,
    };
    let label = format!("\"@odata.count\":{count},");
    out.splice(count_at..count_at, label.into_bytes());
    Ok(())
}

/// How many entities `$filter` finds; the other options of `q` do not matter.
///
/// # Errors
/// [`Error::Db`].
pub fn read_count(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
) -> Result<u64> {
    belongs(q, set)?;
    count(tx, set, q, scope)
}

/// The keys of the entities that `$filter` finds, of a set with numbers as keys, and no more than
/// `most`: in the order of `$orderby`, without it the smallest first. An entity that lists show in
/// several folders is here for each.
///
/// # Errors
/// [`Error::Db`].
pub fn read_keys(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
    most: u32,
) -> Result<Vec<i64>> {
    belongs(q, set)?;
    let mut builder = Builder::new(tx.dialect(), scope);
    let key = builder.own(set.key_property()?)?;
    let conditions = where_clause(&conditions(&mut builder, set, q)?);
    let order = match q.order.as_slice() {
        [] => key.clone(),
        order => order_list(&order_terms(&mut builder, set, order)?),
    };
    let (limit, from) = (builder.bind(i64::from(most).into()), builder.from(set)?);
    let sql = format!("SELECT {key}{from}{conditions} ORDER BY {order} LIMIT {limit}");
    let mut keys = Vec::new();
    tx.each::<Error>(&sql, &builder.params, &mut |cells| {
        if let Cell::Int(key) = cells.get(0) {
            keys.push(key);
        }
        Ok(())
    })?;
    Ok(keys)
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
    let mut block = Block::new(set, q, shape, Visible::Single);
    let (columns, _) = block.columns(&mut builder)?;
    let prop = set.key_property()?;
    let mut conditions = builder.scope_conditions(set)?;
    conditions.push(match (prop.kind, key_value(prop, key)?) {
        (_, Value::Null) => return Ok(false),
        (Kind::String, value) => {
            let column = builder.own(prop)?;
            format!("fold({column}) = fold({})", builder.bind(value))
        }
        (_, value) => {
            let column = builder.own(prop)?;
            format!("{column} = {}", builder.bind(value))
        }
    });
    let first = first_of_key(&mut builder, set)?;
    let from = builder.from(set)?;
    let sql = format!(
        "SELECT {columns}{from}{}{first} LIMIT 1",
        where_clause(&conditions)
    );
    let start = out.len();
    context(out, set, q, shape, "/$entity");
    let members = out.len();
    let mut one = Page::single(1);
    block.run(tx, scope, (&sql, &builder.params), &mut one, out)?;
    if one.rows == 0 {
        out.truncate(start);
        return Ok(false);
    }
    // The members follow the context instead of opening an object of their own.
    out.remove(members);
    if out.ends_with(b",}") {
        out.remove(out.len() - 2);
    }
    Ok(true)
}

/// Several entities by their keys, which are numbers and make a row unique: each as the answer that
/// [`read_entity`] gives without options. Those that the scope does not hold are not there. One
/// statement.
///
/// # Errors
/// As [`read_entity`].
pub fn read_entities(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    keys: &[i64],
    scope: &Scope<'_>,
    shape: &Shape<'_>,
) -> Result<HashMap<i64, Vec<u8>>> {
    if !set.tie.is_empty() {
        let text = format!("{} has several rows for a key", set.name);
        return Err(db::Error::Invalid(text).into());
    }
    let q = Query::none(set);
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(set, &q, shape, Visible::Single);
    let (columns, key_at) = block.columns(&mut builder)?;
    let key = builder.own(set.key_property()?)?;
    let mut conditions = builder.scope_conditions(set)?;
    let wanted = keys.iter().copied().map(Value::Int).collect();
    conditions.push(builder.one_of(&key, wanted));
    let from = builder.from(set)?;
    let sql = format!("SELECT {columns}, {key}{from}{}", where_clause(&conditions));
    let mut label = Vec::new();
    context(&mut label, set, &q, shape, "/$entity");
    let mut rows = HashMap::with_capacity(keys.len());
    tx.each::<Error>(&sql, &builder.params, &mut |cells| {
        let Cell::Int(id) = cells.get(key_at) else {
            return Ok(());
        };
        let mut answer = Vec::with_capacity(2048);
        answer.extend_from_slice(&label);
        block.write_members(cells, &mut answer)?;
        rows.insert(id, answer);
        Ok(())
    })?;
    Ok(rows)
}

/// A query knows columns of the set it was made for; with another it would ask for the wrong ones.
fn belongs(q: &Query, set: &EntitySet) -> Result<()> {
    if q.set.name == set.name {
        return Ok(());
    }
    let text = format!("a query on {} was used to read {}", q.set.name, set.name);
    Err(db::Error::Invalid(text).into())
}

/// Opens the answer: `{"@odata.context":"…/$metadata#Jobs(State)…",`.
fn context(out: &mut Vec<u8>, set: &EntitySet, q: &Query, shape: &Shape<'_>, suffix: &str) {
    out.push(b'{');
    if shape.metadata == Metadata::None {
        return;
    }
    let name = shape.name.unwrap_or(set.name);
    let text = format!("{}/$metadata#{name}{}{suffix}", shape.base, projection(q));
    json::name(out, "@odata.context");
    json::string(out, &text);
    out.push(b',');
}

/// `(State,Robot(Name))`: what is selected, as a context names it; empty if all is. What is
/// expanded as a whole is not named unless it is selected, too.
fn projection(q: &Query) -> String {
    let mut names: Vec<String> = Vec::new();
    let nested = |expand: &&Expand| !projection(&expand.query).is_empty();
    let nested: Vec<&Expand> = q.expand.iter().filter(nested).collect();
    for name in q.select.iter().flatten() {
        if nested.iter().all(|expand| expand.nav.name != *name) {
            names.push((*name).to_owned());
        }
    }
    let expanded = nested.iter();
    names.extend(expanded.map(|expand| expand.nav.name.to_owned() + &projection(&expand.query)));
    match names.is_empty() {
        true => String::new(),
        false => format!("({})", names.join(",")),
    }
}

fn count(tx: &mut Tx<'_>, set: &'static EntitySet, q: &Query, scope: &Scope<'_>) -> Result<u64> {
    let mut builder = Builder::new(tx.dialect(), scope);
    let sql = count_statement(&mut builder, set, q, scope)?;
    let count = tx.number(&sql, &builder.params)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Nothing is sorted, and only the joins that the filter needs are there: an index that holds what
/// scope and filter name answers it alone.
fn count_statement(
    builder: &mut Builder<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
) -> Result<String> {
    let conditions = where_clause(&conditions(builder, set, q)?);
    let Some(counts) = counts::table_for(set, q, scope) else {
        let from = builder.from(set)?;
        return Ok(format!("SELECT COUNT(*){from}{conditions}"));
    };
    let (table, alias) = (counts.table, builder.alias());
    Ok(format!(
        "SELECT CAST(COALESCE(SUM({alias}.entities), 0) AS BIGINT) FROM {table} {alias}{conditions}"
    ))
}

/// The conditions of the scope and of `$filter`.
pub(crate) fn conditions(
    builder: &mut Builder<'_>,
    set: &EntitySet,
    q: &Query,
) -> Result<Vec<String>> {
    let mut conditions = builder.tenant_condition(set, &builder.alias())?;
    conditions.append(&mut conditions_within_tenant(builder, set, q)?);
    Ok(conditions)
}

/// Those besides the tenant's.
pub(crate) fn conditions_within_tenant(
    builder: &mut Builder<'_>,
    set: &EntitySet,
    q: &Query,
) -> Result<Vec<String>> {
    let mut conditions = builder.conditions_within_tenant(set)?;
    if let Some(filter) = &q.filter {
        conditions.push(builder.filter(filter)?);
    }
    Ok(conditions)
}

pub(crate) fn where_clause(conditions: &[String]) -> String {
    match conditions {
        [] => String::new(),
        conditions => format!(" WHERE {}", conditions.join(" AND ")),
    }
}

impl EntitySet {
    /// The property that identifies an entity.
    pub(crate) fn key_property(&self) -> Result<&'static Prop> {
        let missing = || db::Error::Invalid(format!("{} has no property {}", self.name, self.key));
        Ok(self.prop(self.key).ok_or_else(missing)?)
    }
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

#[cfg(test)]
mod tests;
