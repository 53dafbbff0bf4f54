//! Counting without looking at the entities.
//!
//! A number over a million rows is a walk over a million index entries. A set may name a table that
//! a trigger keeps, in the transaction of every change, with the number of entities for each
//! combination of a few columns; where a filter asks for nothing else, the number is a sum over the
//! few rows of that table, and exact.

use crate::edm::{Counts, EntitySet, Source};
use crate::expr::{Expr, PropRef};
use crate::query::Query;
use crate::read::Scope;

/// The table that answers how many entities a query finds, if one does.
pub(crate) fn table_for(
    set: &EntitySet,
    query: &Query,
    scope: &Scope<'_>,
) -> Option<&'static Counts> {
    let counts = set.counts?;
    let known = match &query.filter {
        Some(filter) => only(&filter.0, counts.columns),
        None => true,
    };
    (known && scope.restrict.is_none()).then_some(counts)
}

/// Whether an expression looks at nothing but these columns of the entity.
fn only(expr: &Expr, columns: &[&str]) -> bool {
    match expr {
        Expr::Const(_) => true,
        Expr::Prop(prop) => is_one(prop, columns),
        Expr::Not(inner) => only(inner, columns),
        Expr::And(left, right)
        | Expr::Or(left, right)
        | Expr::Compare(_, _, left, right)
        | Expr::Calculate(_, _, left, right) => only(left, columns) && only(right, columns),
        Expr::In(left, ..) => only(left, columns),
        Expr::Call(_, args) => args.iter().all(|arg| only(arg, columns)),
        Expr::Element(..) | Expr::Exists(_) => false,
    }
}

fn is_one(prop: &PropRef, columns: &[&str]) -> bool {
    let own = prop.row == 0 && prop.path.is_empty() && !prop.json;
    own && matches!(prop.prop.source, Source::Column(column) if columns.contains(&column))
}
