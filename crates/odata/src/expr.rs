//! An expression after its names were looked up and its types were checked.
//!
//! What stands here can be turned into SQL for both databases without a further question; whatever
//! is wrong with an expression is found while it is built (see `bind`).

use crate::Timestamp;
use crate::edm::{EnumType, Kind, Nav, Prop};
use crate::functions::Function;
use crate::syntax::Op;

/// A checked condition of `$filter`.
#[derive(Clone, Debug)]
pub struct Condition(pub(crate) Expr);

/// A checked expression.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Const(Const),
    Prop(PropRef),
    /// The variable of an `any` or `all` over plain values; which one, and its type.
    Element(usize, Type),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// One of the six comparisons or `has`, over operands of one type.
    Compare(Op, Type, Box<Expr>, Box<Expr>),
    /// One of the five calculations with numbers, `Real` if either operand is; a sum or difference
    /// with instants and spans of time.
    Calculate(Op, Type, Box<Expr>, Box<Expr>),
    /// The operand, the type of all, the values, and whether null is among them.
    In(Box<Expr>, Type, Vec<Const>, bool),
    Call(Function, Vec<Expr>),
    Exists(Box<Exists>),
}

/// `any` or `all`.
#[derive(Clone, Debug)]
pub(crate) struct Exists {
    /// The row that it starts from: 0 is the entity, n the n-th variable around.
    pub row: usize,
    /// Navigation to at most one, before …
    pub path: Vec<&'static Nav>,
    /// … the many.
    pub rows: Rows,
    pub all: bool,
    /// The condition; its variable is the row after those around.
    pub body: Option<Expr>,
}

/// What `any` and `all` go over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    /// Entities.
    Nav(&'static Nav),
    /// The elements of a JSON list; structures or plain values.
    Json(&'static Prop),
}

/// A property of a row.
#[derive(Clone, Debug)]
pub(crate) struct PropRef {
    /// The row: 0 is the entity, n the n-th variable around.
    pub row: usize,
    /// Navigation to at most one, from that row.
    pub path: Vec<&'static Nav>,
    pub prop: &'static Prop,
    /// Whether the row is an element of a JSON list.
    pub json: bool,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Const {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    /// Text, and a GUID in its stored form.
    Text(String),
    Date(Timestamp),
    /// In ticks of 100 ns.
    Duration(i64),
}

/// The type of an expression.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    Null,
    Bool,
    Int,
    Real,
    Text,
    Guid,
    Date,
    /// A span of time.
    Duration,
    Enum(&'static EnumType),
}

impl PartialEq for Type {
    fn eq(&self, other: &Type) -> bool {
        match (self, other) {
            // Each use of a constant may have its own address, so names decide.
            (Type::Enum(a), Type::Enum(b)) => a.name == b.name,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        }
    }
}

impl Type {
    /// The type of a property, if it is a single value.
    pub fn of(kind: Kind) -> Option<Type> {
        Some(match kind {
            Kind::Bool => Type::Bool,
            Kind::Int32 | Kind::Int64 => Type::Int,
            Kind::Double => Type::Real,
            Kind::String => Type::Text,
            Kind::Guid => Type::Guid,
            Kind::DateTime => Type::Date,
            Kind::Enum(ty) => Type::Enum(ty),
            Kind::Complex(_)
            | Kind::Collection(_)
            | Kind::Strings
            | Kind::Int64s
            | Kind::Int32s
            | Kind::Guids
            | Kind::Dates
            | Kind::Open
            | Kind::Version => {
                return None;
            }
        })
    }

    /// The name a message shows.
    pub fn name(self) -> &'static str {
        match self {
            Type::Null => "null",
            Type::Bool => "Edm.Boolean",
            Type::Int => "Edm.Int64",
            Type::Real => "Edm.Double",
            Type::Text => "Edm.String",
            Type::Guid => "Edm.Guid",
            Type::Date => "Edm.DateTimeOffset",
            Type::Duration => "Edm.Duration",
            Type::Enum(ty) => ty.name,
        }
    }

    /// The type in SQL that a value of it is cast to.
    pub fn sql(self) -> &'static str {
        match self {
            Type::Bool => "BOOLEAN",
            Type::Real => "DOUBLE PRECISION",
            Type::Int | Type::Date | Type::Duration | Type::Enum(_) => "BIGINT",
            Type::Text | Type::Guid | Type::Null => "TEXT",
        }
    }

    /// Whether it can be calculated with.
    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Real)
    }
}

impl Expr {
    /// Whether the value can be null. Conditions cannot: undecided counts as false.
    pub fn nullable(&self) -> bool {
        match self {
            Expr::Const(value) => *value == Const::Null,
            Expr::Prop(it) => it.json || it.prop.nullable || !it.path.is_empty(),
            Expr::Element(..) => true,
            // A division by zero is null.
            Expr::Calculate(Op::Div | Op::Mod, ..) => true,
            Expr::Calculate(_, _, left, right) => left.nullable() || right.nullable(),
            Expr::Call(function, args) => {
                !function.is_condition() && args.iter().any(Expr::nullable)
            }
            Expr::Not(_)
            | Expr::And(..)
            | Expr::Or(..)
            | Expr::Compare(..)
            | Expr::In(..)
            | Expr::Exists(_) => false,
        }
    }

    /// The paths from the entity that lead somewhere wherever the condition holds: those of values
    /// that are compared for equality. A database that knows it can start from their ends.
    pub fn followed(&self) -> Vec<&[&'static Nav]> {
        let mut paths = Vec::new();
        match self {
            Expr::And(left, right) => {
                paths = left.followed();
                paths.append(&mut right.followed());
            }
            Expr::Or(left, right) => {
                let others = right.followed();
                paths = left.followed();
                paths.retain(|path| others.iter().any(|other| same_path(path, other)));
            }
            Expr::Compare(Op::Eq, _, left, right) if !right.nullable() => left.paths(&mut paths),
            Expr::Compare(Op::Eq, _, left, right) if !left.nullable() => right.paths(&mut paths),
            Expr::In(left, _, _, false) => left.paths(&mut paths),
            _ => {}
        }
        paths
    }

    /// The texts that a property of the entity contains wherever the condition holds.
    pub fn contained<'e>(&'e self, property: &str, texts: &mut Vec<&'e str>) {
        match self {
            Expr::And(left, right) => {
                left.contained(property, texts);
                right.contained(property, texts);
            }
            Expr::Call(Function::Contains, args) => {
                if let [within, Expr::Const(Const::Text(text))] = args.as_slice()
                    && within.is_folded(property)
                {
                    texts.push(text);
                }
            }
            _ => {}
        }
    }

    /// Whether it is this property of the entity, or what only differs from it in case.
    fn is_folded(&self, property: &str) -> bool {
        match self {
            Expr::Prop(it) => it.row == 0 && it.path.is_empty() && it.prop.name == property,
            Expr::Call(Function::ToLower | Function::ToUpper, args) => {
                args.iter().all(|arg| arg.is_folded(property))
            }
            _ => false,
        }
    }

    /// Whether a navigation like this stands anywhere in it.
    pub fn any_nav(&self, wanted: &dyn Fn(&Nav) -> bool) -> bool {
        match self {
            Expr::Const(_) | Expr::Element(..) => false,
            Expr::Prop(it) => it.path.iter().any(|nav| wanted(nav)),
            Expr::Not(inner) | Expr::In(inner, ..) => inner.any_nav(wanted),
            Expr::And(left, right)
            | Expr::Or(left, right)
            | Expr::Compare(_, _, left, right)
            | Expr::Calculate(_, _, left, right) => left.any_nav(wanted) || right.any_nav(wanted),
            Expr::Call(_, args) => args.iter().any(|arg| arg.any_nav(wanted)),
            Expr::Exists(it) => {
                let over = matches!(it.rows, Rows::Nav(nav) if wanted(nav));
                over || it.path.iter().any(|nav| wanted(nav))
                    || it.body.as_ref().is_some_and(|body| body.any_nav(wanted))
            }
        }
    }

    /// The paths from the entity in a value that is null if one of them leads nowhere.
    fn paths<'e>(&'e self, paths: &mut Vec<&'e [&'static Nav]>) {
        match self {
            Expr::Prop(it) if it.row == 0 && !it.path.is_empty() => paths.push(&it.path),
            Expr::Calculate(_, _, left, right) => {
                left.paths(paths);
                right.paths(paths);
            }
            Expr::Call(function, args) if !function.is_condition() => {
                args.iter().for_each(|arg| arg.paths(paths));
            }
            _ => {}
        }
    }
}

fn same_path(a: &[&'static Nav], b: &[&'static Nav]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name)
}
