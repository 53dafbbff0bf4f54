//! What rows are sorted by: as asked for or declared, and at the end what makes a row unique.

use db::{Dialect, Value};

use crate::Result;
use crate::compile::{Builder, column};
use crate::edm::{EntitySet, Source};
use crate::expr::Type;
use crate::keyset;
use crate::query::{Order, default_order};

/// A term to sort by.
pub(crate) struct Term {
    /// The expression.
    pub sql: String,
    /// Whether the largest comes first.
    pub descending: bool,
    nullable: bool,
    ty: Type,
    /// The type that its values are compared in after they were read as text, because PostgreSQL has
    /// several for what is calculated.
    by_text: Option<&'static str>,
}

/// In which way rows come behind one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Behind {
    /// By a larger value, or in descending order a smaller one.
    Value,
    /// By any value, where it has none.
    AnyValue,
    /// By having none, where it has one.
    Null,
}

impl Term {
    /// The term as it stands behind `ORDER BY`. Null is the smallest value; that is said only where
    /// null can occur, because PostgreSQL matches it against the index.
    pub fn sorted(&self) -> String {
        let nulls = match (self.nullable, self.descending) {
            (false, _) => "",
            (true, false) => " NULLS FIRST",
            (true, true) => " NULLS LAST",
        };
        self.without_null() + nulls
    }

    /// The same where null cannot occur.
    pub fn without_null(&self) -> String {
        let direction = if self.descending { " DESC" } else { "" };
        format!("{}{direction}", self.sql)
    }

    /// The same expression under another name.
    pub fn renamed(&self, sql: String) -> Term {
        Term { sql, ..*self }
    }

    /// Its value, as a token holds it.
    pub fn selected(&self) -> String {
        match self.by_text {
            Some(_) => format!("CAST({} AS TEXT)", self.sql),
            None => self.sql.clone(),
        }
    }

    /// A value that was selected, to be compared with the term.
    pub fn bind(&self, builder: &mut Builder<'_>, value: &Value) -> String {
        let bound = builder.bind(value.clone());
        match self.by_text {
            Some(ty) => format!("CAST({bound} AS {ty})"),
            None => bound,
        }
    }

    /// Whether it can have been selected.
    pub fn fits(&self, value: &Value, dialect: Dialect) -> bool {
        let number = matches!(value, Value::Int(_) | Value::Real(_));
        match (self.by_text, self.ty, value) {
            (_, _, Value::Null) => true,
            (Some("NUMERIC"), _, Value::Text(text)) => keyset::is_number(text),
            (Some("BOOLEAN"), _, Value::Text(text)) => matches!(text.as_str(), "true" | "false"),
            (Some(ty), _, Value::Text(_)) => ty == "TEXT",
            (Some(_), ..) => false,
            (None, Type::Text | Type::Guid, value) => matches!(value, Value::Text(_)),
            (None, Type::Null, _) => false,
            (None, Type::Bool, Value::Bool(_)) => true,
            // SQLite has one kind of value for all of these.
            (None, ..) if dialect == Dialect::Sqlite => number,
            (None, Type::Bool, _) => false,
            (None, Type::Real, value) => matches!(value, Value::Real(_)),
            (None, _, value) => matches!(value, Value::Int(_)),
        }
    }

    /// How rows come behind one by this term, in their order.
    pub fn behind(&self, null: bool) -> &'static [Behind] {
        match (self.nullable, self.descending, null) {
            (false, _, true) | (true, true, true) => &[],
            (true, false, true) => &[Behind::AnyValue],
            (true, true, false) => &[Behind::Value, Behind::Null],
            _ => &[Behind::Value],
        }
    }
}

/// The terms to sort by, and at the end what makes a row unique, in the direction of the one before,
/// so that one index serves both.
pub(crate) fn order_terms(
    builder: &mut Builder<'_>,
    set: &'static EntitySet,
    order: &[Order],
) -> Result<Vec<Term>> {
    let default;
    let order = match order {
        [] => {
            default = default_order(set)?;
            &default
        }
        order => order,
    };
    let mut terms: Vec<Term> = Vec::new();
    for Order {
        expr,
        ty,
        descending,
    } in order
    {
        let calculated = builder.dialect == Dialect::Postgres && !keyset::is_plain(expr);
        terms.push(Term {
            sql: builder.comparable(expr, *ty)?,
            descending: *descending,
            nullable: expr.nullable(),
            ty: *ty,
            by_text: calculated.then(|| keyset::compared_in(*ty)),
        });
    }
    let descending = order.last().is_some_and(|last| last.descending);
    for (sql, ty) in ties(builder, set)? {
        if terms.iter().all(|term| term.sql != sql) {
            terms.push(Term {
                sql,
                descending,
                nullable: false,
                ty,
                by_text: None,
            });
        }
    }
    Ok(terms)
}

/// Which of several rows with one key is read: always the same. Nothing where the key is enough.
pub(crate) fn first_of_key(builder: &mut Builder<'_>, set: &'static EntitySet) -> Result<String> {
    if set.tie.is_empty() {
        return Ok(String::new());
    }
    let ties: Vec<String> = ties(builder, set)?
        .into_iter()
        .map(|(sql, _)| sql)
        .collect();
    Ok(format!(" ORDER BY {}", ties.join(", ")))
}

/// What makes a row unique, with its types. Columns that no property shows hold whole numbers.
fn ties(builder: &mut Builder<'_>, set: &'static EntitySet) -> Result<Vec<(String, Type)>> {
    if set.tie.is_empty() {
        let key = set.key_property()?;
        return Ok(vec![(
            builder.own(key)?,
            Type::of(key.kind).unwrap_or(Type::Int),
        )]);
    }
    let alias = builder.alias();
    let ty = |tie: &str| {
        let mut props = set.props.iter();
        let shown = props.find(|prop| matches!(prop.source, Source::Column(name) if name == tie));
        shown.and_then(|prop| Type::of(prop.kind))
    };
    let ties = set.tie.iter();
    Ok(ties
        .map(|tie| (column(&alias, tie), ty(tie).unwrap_or(Type::Int)))
        .collect())
}

/// The terms as they stand behind `ORDER BY`.
pub(crate) fn order_list(terms: &[Term]) -> String {
    let terms = terms.iter().map(Term::sorted);
    terms.collect::<Vec<_>>().join(", ")
}
