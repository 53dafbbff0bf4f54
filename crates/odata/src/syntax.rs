//! An expression as it was written: names are text, nothing is looked up, types are open.
//!
//! Kept apart from the checked form (`expr`), because the grammar can then be tested by itself:
//! what is printed is read back as the same tree.

use std::fmt;

use crate::{Guid, Timestamp, duration};

/// A value in an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    Real(f64),
    Text(String),
    Guid(Guid),
    DateTime(Timestamp),
    /// In ticks of 100 ns.
    Duration(i64),
    /// Type and member: `Ns.Color'Red'`.
    Enum(String, String),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expr {
    Literal(Literal),
    /// Names between slashes; the first may be the variable of an `any` or `all`.
    Path(Vec<String>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
    In(Box<Expr>, Vec<Expr>),
    /// A function, its name in lower case.
    Call(String, Vec<Expr>),
    /// `path/any(variable: condition)`; an `any` without condition asks for one element.
    Lambda {
        path: Vec<String>,
        all: bool,
        body: Option<(String, Box<Expr>)>,
    },
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Or,
    And,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Has,
}

impl Op {
    /// All operators, with their words and how strongly they bind.
    pub const ALL: [(Op, &'static str, u8); 14] = [
        (Op::Or, "or", 1),
        (Op::And, "and", 2),
        (Op::Eq, "eq", 3),
        (Op::Ne, "ne", 3),
        (Op::Gt, "gt", 4),
        (Op::Ge, "ge", 4),
        (Op::Lt, "lt", 4),
        (Op::Le, "le", 4),
        (Op::Add, "add", 5),
        (Op::Sub, "sub", 5),
        (Op::Mul, "mul", 6),
        (Op::Div, "div", 6),
        (Op::Mod, "mod", 6),
        (Op::Has, "has", 4),
    ];
    /// How strongly `in` binds.
    pub const IN: u8 = 3;
    /// How strongly `not` and `-` bind.
    pub const UNARY: u8 = 7;

    /// The operator that a word names, in any case.
    pub fn of(word: &str) -> Option<Op> {
        let found = Op::ALL
            .iter()
            .find(|(_, name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(op, _, _)| *op)
    }

    fn entry(self) -> (&'static str, u8) {
        // The table is in the order of the declaration.
        let (_, name, power) = Op::ALL[self as usize];
        (name, power)
    }

    /// The word.
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// The name that messages use for it.
    pub fn kind(self) -> &'static str {
        match self {
            Op::Or => "Or",
            Op::And => "And",
            Op::Eq => "Equal",
            Op::Ne => "NotEqual",
            Op::Gt => "GreaterThan",
            Op::Ge => "GreaterThanOrEqual",
            Op::Lt => "LessThan",
            Op::Le => "LessThanOrEqual",
            Op::Add => "Add",
            Op::Sub => "Subtract",
            Op::Mul => "Multiply",
            Op::Div => "Divide",
            Op::Mod => "Modulo",
            Op::Has => "Has",
        }
    }

    /// How strongly it binds.
    pub fn power(self) -> u8 {
        self.entry().1
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Bool(value) => write!(f, "{value}"),
            Literal::Int(value) => write!(f, "{value}"),
            Literal::Real(value) => write!(f, "{value:?}"),
            Literal::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Literal::Guid(guid) => write!(f, "{guid}"),
            Literal::DateTime(at) => write!(f, "{at}"),
            Literal::Duration(ticks) => write!(f, "duration'{}'", duration::text(*ticks)),
            Literal::Enum(ty, member) => write!(f, "{ty}'{}'", member.replace('\'', "''")),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Literal(literal) => write!(f, "{literal}"),
            Expr::Path(names) => f.write_str(&names.join("/")),
            Expr::Not(inner) => write!(f, "(not {inner})"),
            Expr::Negate(inner) => write!(f, "(- {inner})"),
            Expr::Binary(op, left, right) => write!(f, "({left} {} {right})", op.name()),
            Expr::In(left, items) => write!(f, "({left} in {})", List(items)),
            Expr::Call(name, args) => write!(f, "{name}{}", List(args)),
            Expr::Lambda { path, all, body } => {
                write!(f, "{}/{}", path.join("/"), if *all { "all" } else { "any" })?;
                match body {
                    Some((variable, body)) => write!(f, "({variable}: {body})"),
                    None => f.write_str("()"),
                }
            }
        }
    }
}

/// Expressions in brackets.
struct List<'a>(&'a [Expr]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, expr) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}{expr}")?;
        }
        f.write_str(")")
    }
}
