//! The statements of a page: the first one, one far down, and one that begins at a token.

use db::Tx;

use crate::block::Block;
use crate::compile::{Builder, column};
use crate::edm::{EntitySet, Kind, Source, Visible};
use crate::keyset::{self, Page, Part, Token};
use crate::order::{Term, order_list, order_terms};
use crate::read::{Scope, Shape, conditions, conditions_within_tenant, where_clause};
use crate::{Query, Result, Timestamp};

/// Appends the entities of a page, with commas between, and says what time its order is about, if it is
/// about one.
pub(crate) fn page(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    page: &mut Page,
    out: &mut Vec<u8>,
) -> Result<Option<Timestamp>> {
    if let Some(token) = &q.after {
        return page_behind(tx, set, q, token, scope, shape, page, out);
    }
    let now = match page.leads_on(q) {
        true => time_of_order(tx, set, q, scope)?,
        false => None,
    };
    let mut builder = Builder::new(tx.dialect(), scope);
    let mut block = Block::new(set, q, shape, Visible::List);
    let sql = page_statement(&mut builder, &mut block, set, q, page)?;
    block.run(tx, scope, (&sql, &builder.params), page, out)?;
    Ok(now)
}

/// The time of the request, if what rows are sorted by depends on it: later pages have to use the same.
fn time_of_order(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    scope: &Scope<'_>,
) -> Result<Option<Timestamp>> {
    let mut builder = Builder::new(tx.dialect(), scope);
    order_terms(&mut builder, set, &q.order)?;
    Ok(builder.uses_now().then_some(scope.now))
}

/// The page that begins at a token: the parts of what is behind it, one after the other, until the page
/// is full.
#[expect(clippy::too_many_arguments, reason = "a page and where it begins")]
fn page_behind(
    tx: &mut Tx<'_>,
    set: &'static EntitySet,
    q: &Query,
    token: &Token,
    scope: &Scope<'_>,
    shape: &Shape<'_>,
    page: &mut Page,
    out: &mut Vec<u8>,
) -> Result<Option<Timestamp>> {
    let mut builder = Builder::new(tx.dialect(), scope);
    let terms = order_terms(&mut builder, set, &q.order)?;
    for part in keyset::parts(&terms, &token.values, tx.dialect())? {
        if page.is_done() {
            break;
        }
        let mut builder = Builder::new(tx.dialect(), scope);
        let mut block = Block::new(set, q, shape, Visible::List);
        let sql = part_statement(&mut builder, &mut block, set, q, (token, part), page)?;
        block.run(tx, scope, (&sql, &builder.params), page, out)?;
    }
    Ok(token.now)
}

/// The statement of one part of what is behind a token.
pub(crate) fn part_statement(
    builder: &mut Builder<'_>,
    block: &mut Block<'_>,
    set: &'static EntitySet,
    q: &Query,
    (token, part): (&Token, Part),
    page: &mut Page,
) -> Result<String> {
    let now = builder.now();
    builder.set_now(token.now.unwrap_or(now));
    let terms = order_terms(builder, set, &q.order)?;
    builder.set_now(now);
    let (columns, end) = block.columns(builder)?;
    let sorted_by = sorted_by(page, q, &terms, end);
    let mut conditions = conditions(builder, set, q)?;
    conditions.append(&mut part.conditions(builder, &terms, &token.values));
    let limit = builder.bind(i64::from(page.wanted()).into());
    let (from, order) = (builder.from(set)?, part.order(&terms));
    Ok(format!(
        "SELECT {columns}{sorted_by}{from}{}{order} LIMIT {limit}",
        where_clause(&conditions)
    ))
}

/// Further columns with what rows are sorted by, if the page may lead to another one; `end` is the
/// number of those before.
fn sorted_by(page: &mut Page, q: &Query, terms: &[Term], end: usize) -> String {
    if !page.leads_on(q) {
        return String::new();
    }
    page.watch(end..end + terms.len());
    let terms = terms.iter().map(|term| format!(", {}", term.selected()));
    terms.collect()
}

/// The statement of a page that is as far down as `$skip` says.
pub(crate) fn page_statement(
    builder: &mut Builder<'_>,
    block: &mut Block<'_>,
    set: &'static EntitySet,
    q: &Query,
    page: &mut Page,
) -> Result<String> {
    if q.skip > u64::from(page.most) {
        return deep_statement(builder, block, set, q, page);
    }
    let (columns, end) = block.columns(builder)?;
    let terms = order_terms(builder, set, &q.order)?;
    let sorted_by = sorted_by(page, q, &terms, end);
    let conditions = conditions(builder, set, q)?;
    let rest = found(builder, set, q, page, (&terms, &conditions))?;
    Ok(format!("SELECT {columns}{sorted_by}{rest}"))
}

/// Where more rows are skipped than shown, they cost as little as can be: the page is found first, by
/// keys alone where the set has a table with numbers as keys, so that an index may be all that is
/// walked; joins and columns are for what is on it.
fn deep_statement(
    builder: &mut Builder<'_>,
    block: &mut Block<'_>,
    set: &'static EntitySet,
    q: &Query,
    page: &mut Page,
) -> Result<String> {
    let mut terms = order_terms(builder, set, &q.order)?;
    let mut names = String::new();
    for (at, term) in terms.iter_mut().enumerate() {
        let name = format!("odata_{at}");
        names.push_str(&format!(", {} AS {name}", term.sql));
    }
    // Whether there are more is looked at by the inner part, so that is to know how many rows it gives.
    let leads_on = page.leads_on(q);
    if leads_on {
        page.watch(0..terms.len());
    }
    let (alias, number) = (builder.alias(), number_of_row(set));
    let by_folder = number.is_some() && is_walked_by_folder(builder, set);
    let conditions = match by_folder {
        true => conditions_within_tenant(builder, set, q)?,
        false => conditions(builder, set, q)?,
    };
    let rest = found(builder, set, q, page, (&terms, &conditions))?;
    let source = match number {
        Some(key) => {
            let (key, table) = (column(&alias, key), builder.table(set)?);
            let mut on = vec![format!("{key} = odata_key")];
            on.append(&mut builder.tenant_condition(set, &alias)?);
            format!(
                "(SELECT {key} AS odata_key{names}{rest}) odata_found JOIN {table} {alias} ON {}",
                on.join(" AND ")
            )
        }
        None => format!("(SELECT {alias}.*{names}{rest}) {alias}"),
    };
    builder.found();
    let (columns, end) = block.columns(builder)?;
    for (at, term) in terms.iter_mut().enumerate() {
        *term = term.renamed(format!("odata_{at}"));
    }
    let sorted_by = sorted_by(page, q, &terms, end);
    Ok(format!(
        "SELECT {columns}{sorted_by} FROM {source}{} ORDER BY {}",
        builder.joins(),
        order_list(&terms)
    ))
}

/// Whether an index by folders finds the entities of the one folder. Then nobody looks at the tenant of each
/// that is skipped, which would take as long as all the rest; that of those on the page is looked at.
fn is_walked_by_folder(builder: &Builder<'_>, set: &EntitySet) -> bool {
    let mut indexes = set.indexes.iter();
    builder.is_in_one_folder(set) && indexes.any(|index| index.contains("(folder_id,"))
}

/// The column with the number of a row, of sets that are a table and have one.
fn number_of_row(set: &EntitySet) -> Option<&'static str> {
    let key = set.prop(set.key)?;
    let is_table = !set.table.starts_with('(') && set.tie.is_empty();
    match (key.source, key.kind) {
        (Source::Column(key), Kind::Int64) if is_table => Some(key),
        _ => None,
    }
}

/// What follows the columns of a page.
fn found(
    builder: &mut Builder<'_>,
    set: &EntitySet,
    q: &Query,
    page: &Page,
    (terms, conditions): (&[Term], &[String]),
) -> Result<String> {
    let conditions = where_clause(conditions);
    let limit = builder.bind(i64::from(page.wanted()).into());
    let offset = match q.skip {
        0 => String::new(),
        // `Query::parse` keeps it within the database's integers.
        skip => format!(
            " OFFSET {}",
            builder.bind(i64::try_from(skip).unwrap_or(i64::MAX).into())
        ),
    };
    let (from, order) = (builder.from(set)?, order_list(terms));
    Ok(format!(
        "{from}{conditions} ORDER BY {order} LIMIT {limit}{offset}"
    ))
}
