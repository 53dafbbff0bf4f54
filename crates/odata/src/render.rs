//! Expressions as SQL.
//!
//! The protocol's logic has two values where SQL has three: `Info ne 'x'` and `not
//! contains(Info,'x')` hold for rows whose `Info` is null. A condition may come out as NULL here,
//! which counts as false; wherever that would be turned around it is made false first.

use db::{Dialect, Value};

use crate::compile::{Builder, Frame, column, link};
use crate::edm::{EnumType, Kind, Source};
use crate::expr::{Const, Exists, Expr, PropRef, Rows, Type};
use crate::functions::Function;
use crate::syntax::Op;
use crate::{Error, Result};

impl Builder<'_> {
    /// A condition; what cannot be decided because of null may come out as NULL.
    pub fn condition(&mut self, expr: &Expr) -> Result<String> {
        Ok(match expr {
            Expr::And(left, right) => {
                format!("({} AND {})", self.condition(left)?, self.condition(right)?)
            }
            Expr::Or(left, right) => {
                format!("({} OR {})", self.condition(left)?, self.condition(right)?)
            }
            Expr::Not(inner) => format!("(NOT {})", self.decided(inner)?),
            Expr::Compare(op, ty, left, right) => self.compare(*op, *ty, left, right)?,
            Expr::In(left, ty, values, null) => self.within(left, *ty, values, *null)?,
            Expr::Exists(exists) => self.exists(exists)?,
            Expr::Call(function, args) if function.is_condition() => self.call(*function, args)?,
            Expr::Const(Const::Bool(true)) => "TRUE".to_owned(),
            Expr::Const(Const::Bool(false) | Const::Null) => "FALSE".to_owned(),
            _ => self.value(expr)?,
        })
    }

    /// A condition that is true or false: undecided is false.
    fn decided(&mut self, expr: &Expr) -> Result<String> {
        Ok(format!("COALESCE({}, FALSE)", self.condition(expr)?))
    }

    /// A value.
    pub fn value(&mut self, expr: &Expr) -> Result<String> {
        Ok(match expr {
            Expr::Const(value) => self.literal(value),
            Expr::Prop(prop) => {
                let sql = self.prop(prop)?;
                self.where_there_is_a_row(prop, sql)?
            }
            Expr::Element(row, ty) => {
                let alias = &self.rows[*row].alias;
                format!("CAST({alias}.value AS {})", ty.sql())
            }
            Expr::Calculate(_, Type::Date | Type::Duration, ..)
                if let Some(ticks) = self.ticks(expr) =>
            {
                self.bind(Value::Int(ticks))
            }
            Expr::Calculate(op, ty, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                bounded(self.calculate(*op, *ty, &left, &right))?
            }
            Expr::Call(function, args) if !function.is_condition() => self.call(*function, args)?,
            condition => self.decided(condition)?,
        })
    }

    /// An instant or span that is known before any row is: as a parameter it lets the database use
    /// its indexes.
    fn ticks(&self, expr: &Expr) -> Option<i64> {
        match expr {
            Expr::Const(Const::Date(at)) => Some(at.0),
            Expr::Const(Const::Duration(ticks)) => Some(*ticks),
            Expr::Call(Function::Now, _) => Some(self.now().0),
            Expr::Calculate(op, Type::Date | Type::Duration, left, right) => {
                let (left, right) = (self.ticks(left)?, self.ticks(right)?);
                Some(match op {
                    Op::Sub => left.saturating_sub(right),
                    _ => left.saturating_add(right),
                })
            }
            _ => None,
        }
    }

    fn call(&mut self, function: Function, args: &[Expr]) -> Result<String> {
        if function == Function::Now {
            return self.var("now");
        }
        let mut sql = Vec::new();
        for arg in args {
            let arg = self.value(arg)?;
            sql.push(if function.folds() { fold(&arg) } else { arg });
        }
        bounded(function.sql(self.dialect, &sql))
    }

    /// A value as it is compared and sorted: text without case.
    pub fn comparable(&mut self, expr: &Expr, ty: Type) -> Result<String> {
        let value = self.value(expr)?;
        Ok(if ty == Type::Text {
            fold(&value)
        } else {
            value
        })
    }

    fn literal(&mut self, value: &Const) -> String {
        match value {
            Const::Null => "NULL".to_owned(),
            Const::Bool(true) => "TRUE".to_owned(),
            Const::Bool(false) => "FALSE".to_owned(),
            Const::Int(value) => self.bind(Value::Int(*value)),
            Const::Real(value) => self.bind(Value::Real(*value)),
            Const::Text(text) => self.bind(Value::Text(text.clone())),
            Const::Date(at) => self.bind((*at).into()),
            Const::Duration(ticks) => self.bind(Value::Int(*ticks)),
        }
    }

    /// A property, by way of the joins that its path needs.
    fn prop(&mut self, it: &PropRef) -> Result<String> {
        let alias = self.walk(it.row, &it.path)?;
        if !it.json {
            return self.compared(it.row, &alias, it.prop);
        }
        let ty = Type::of(it.prop.kind).unwrap_or(Type::Text);
        // The names are those of a declaration.
        let member = format!("{alias}.value ->> '{}'", it.prop.name);
        let member = match ty {
            Type::Enum(ty) => number_of(ty, &member),
            _ => member,
        };
        Ok(format!("CAST({member} AS {})", ty.sql()))
    }

    /// What a declaration says is never null, such as a constant, is null all the same at the end of
    /// a path that leads nowhere. Of columns the join sees to that.
    fn where_there_is_a_row(&mut self, it: &PropRef, sql: String) -> Result<String> {
        let Some(last) = it.path.last() else {
            return Ok(sql);
        };
        if it.prop.nullable || matches!(it.prop.source, Source::Column(_)) {
            return Ok(sql);
        }
        let target = column(&self.walk(it.row, &it.path)?, last.target_column);
        Ok(format!("(CASE WHEN {target} IS NOT NULL THEN {sql} END)"))
    }

    fn compare(&mut self, op: Op, ty: Type, left: &Expr, right: &Expr) -> Result<String> {
        let null = |expr: &Expr| matches!(expr, Expr::Const(Const::Null));
        match (null(left), null(right)) {
            (true, true) => return Ok(if op == Op::Eq { "TRUE" } else { "FALSE" }.to_owned()),
            (true, false) => return self.compare(op, ty, right, left),
            (false, true) => {
                return Ok(match op {
                    Op::Eq => format!("({} IS NULL)", self.value(left)?),
                    Op::Ne => format!("({} IS NOT NULL)", self.value(left)?),
                    _ => "FALSE".to_owned(),
                });
            }
            (false, false) => {}
        }
        let sql = match op {
            Op::Has => {
                let (value, bits) = (self.value(left)?, self.value(right)?);
                return Ok(format!("(({value} & {bits}) = {bits})"));
            }
            Op::Eq if left.nullable() && right.nullable() => "IS NOT DISTINCT FROM",
            Op::Ne if left.nullable() || right.nullable() => "IS DISTINCT FROM",
            Op::Ne => "<>",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Lt => "<",
            Op::Le => "<=",
            _ => "=",
        };
        let (left, right) = (self.comparable(left, ty)?, self.comparable(right, ty)?);
        Ok(format!("({left} {sql} {right})"))
    }

    fn within(&mut self, left: &Expr, ty: Type, values: &[Const], null: bool) -> Result<String> {
        if values.is_empty() && !null {
            // Not even the operand is written: it would leave parameters behind that nobody uses.
            return Ok("FALSE".to_owned());
        }
        let operand = bounded(self.comparable(left, ty)?)?;
        let mut sql: Vec<String> = values.iter().map(|value| self.literal(value)).collect();
        let Some(last) = sql.last().cloned() else {
            return Ok(format!("({operand} IS NULL)"));
        };
        sql.resize(sql.len().next_power_of_two(), last);
        if ty == Type::Text {
            sql.iter_mut().for_each(|value| *value = fold(value));
        }
        let list = format!("{operand} IN ({})", sql.join(", "));
        Ok(match null {
            true => format!("({list} OR {operand} IS NULL)"),
            false => format!("({list})"),
        })
    }

    /// Whole numbers are calculated as NUMERIC, which cannot overflow on PostgreSQL and changes
    /// nothing on SQLite; a division by zero is null on both. Ticks stay whole: what follows divides
    /// them by days and seconds.
    fn calculate(&self, op: Op, ty: Type, left: &str, right: &str) -> String {
        if matches!(ty, Type::Date | Type::Duration) {
            let sign = if op == Op::Sub { '-' } else { '+' };
            return format!("(CAST({left} AS BIGINT) {sign} CAST({right} AS BIGINT))");
        }
        let cast = if ty == Type::Int {
            "NUMERIC"
        } else {
            "DOUBLE PRECISION"
        };
        let (left, right) = (
            format!("CAST({left} AS {cast})"),
            format!("CAST({right} AS {cast})"),
        );
        match (op, ty, self.dialect) {
            (Op::Add, ..) => format!("({left} + {right})"),
            (Op::Sub, ..) => format!("({left} - {right})"),
            (Op::Mul, ..) => format!("({left} * {right})"),
            (Op::Div, Type::Int, Dialect::Postgres) => format!("div({left}, NULLIF({right}, 0))"),
            (Op::Div, ..) => format!("({left} / NULLIF({right}, 0))"),
            // PostgreSQL has no remainder of floating-point numbers.
            (_, Type::Real, Dialect::Postgres) => {
                format!("(CAST({left} AS NUMERIC) % NULLIF(CAST({right} AS NUMERIC), 0))")
            }
            // SQLite has, but takes the remainder of the whole parts.
            (_, Type::Real, Dialect::Sqlite) => {
                format!("({left} - {right} * CAST({left} / NULLIF({right}, 0) AS BIGINT))")
            }
            _ => format!("({left} % NULLIF({right}, 0))"),
        }
    }

    /// `any`: a row exists for which the condition holds; `all`: none for which it does not.
    fn exists(&mut self, it: &Exists) -> Result<String> {
        let from = self.walk(it.row, &it.path)?;
        let alias = self.new_alias();
        let (source, mut conditions) = match it.rows {
            Rows::Nav(nav) => {
                let target = (nav.target)();
                let table = self.table(target)?;
                let link = link(nav, &from, &alias);
                let mut conditions = vec![link];
                conditions.append(&mut self.tenant_condition(target, &alias)?);
                (format!("{table} {alias}"), conditions)
            }
            Rows::Json(prop) => {
                let column = self.column(it.row, &from, prop)?;
                (self.elements(prop.kind, &column, &alias), Vec::new())
            }
        };
        self.rows.push(Frame::new(alias));
        if let Some(body) = &it.body {
            conditions.push(match it.all {
                true => format!("NOT {}", self.decided(body)?),
                false => self.condition(body)?,
            });
        }
        let joins = self
            .rows
            .pop()
            .map(|frame| frame.joins())
            .unwrap_or_default();
        if conditions.is_empty() {
            conditions.push("TRUE".to_owned());
        }
        let not = if it.all { "NOT " } else { "" };
        Ok(format!(
            "({not}EXISTS (SELECT 1 FROM {source}{joins} WHERE {}))",
            conditions.join(" AND ")
        ))
    }

    /// The elements of a JSON list as rows with a column `value`.
    fn elements(&self, kind: Kind, column: &str, alias: &str) -> String {
        match (self.dialect, kind) {
            (Dialect::Sqlite, _) => format!("json_each({column}) {alias}"),
            (Dialect::Postgres, Kind::Collection(_)) => {
                format!("jsonb_array_elements(CAST({column} AS JSONB)) AS {alias}(value)")
            }
            (Dialect::Postgres, _) => {
                format!("jsonb_array_elements_text(CAST({column} AS JSONB)) AS {alias}(value)")
            }
        }
    }
}

/// The number of the member of an enumeration that a text names, as structures do.
fn number_of(ty: &EnumType, name: &str) -> String {
    let members = ty.members.iter();
    let cases: String = members
        .map(|(known, number)| format!(" WHEN '{known}' THEN {number}"))
        .collect();
    format!("CASE {name}{cases} END")
}

/// Longest SQL of a function or calculation.
const MAX_SQL: usize = 16 * 1024;

/// Some functions repeat an argument, so nesting them multiplies the text and the work; this ends
/// it before either hurts.
fn bounded(sql: String) -> Result<String> {
    if sql.len() > MAX_SQL {
        return Err(Error::query("The expression is too complex."));
    }
    Ok(sql)
}

/// Text without case: the one place that says how.
fn fold(sql: &str) -> String {
    format!("fold({sql})")
}

#[cfg(test)]
mod tests;
