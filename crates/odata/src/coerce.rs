//! Types that have to fit: a constant is brought into the type it is compared with.
//!
//! Clients write the member of an enumeration as a name or a number, in quotes or not, a GUID with
//! quotes or without, a date in quotes; what is meant shows only beside the other operand.

use crate::edm::EnumType;
use crate::expr::{Const, Expr, Type};
use crate::syntax::{Literal, Op};
use crate::{Error, Guid, Result, Timestamp, duration};

/// A member of an enumeration has no type before it meets one.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ty {
    Is(Type),
    Member,
}

impl Ty {
    /// The name a message shows.
    pub fn name(self) -> &'static str {
        match self {
            Ty::Is(ty) => ty.name(),
            Ty::Member => "an enumeration",
        }
    }
}

/// An expression and its type.
pub(crate) struct Bound {
    pub expr: Expr,
    pub ty: Ty,
}

impl Bound {
    pub fn new(expr: Expr, ty: Type) -> Bound {
        Bound {
            expr,
            ty: Ty::Is(ty),
        }
    }

    /// Whether it is an instant or a span of time.
    fn is_time(&self) -> bool {
        matches!(self.ty, Ty::Is(Type::Date | Type::Duration))
    }
}

/// A literal as it stands.
pub(crate) fn constant(literal: &Literal) -> Bound {
    let (value, ty) = match literal {
        Literal::Null => (Const::Null, Type::Null),
        Literal::Bool(value) => (Const::Bool(*value), Type::Bool),
        Literal::Int(value) => (Const::Int(*value), Type::Int),
        Literal::Real(value) => (Const::Real(*value), Type::Real),
        Literal::Text(text) => (Const::Text(text.clone()), Type::Text),
        Literal::Guid(guid) => (Const::Text(guid.to_string()), Type::Guid),
        Literal::DateTime(at) => (Const::Date(*at), Type::Date),
        Literal::Duration(ticks) => (Const::Duration(*ticks), Type::Duration),
        Literal::Enum(_, member) => {
            return Bound {
                expr: Expr::Const(Const::Text(member.clone())),
                ty: Ty::Member,
            };
        }
    };
    Bound::new(Expr::Const(value), ty)
}

/// A binary operator with its operands.
///
/// # Errors
/// [`Error::Invalid`] when they do not fit the operator, or each other.
pub(crate) fn binary(op: Op, left: Bound, right: Bound) -> Result<Bound> {
    let (left_ty, right_ty) = (left.ty, right.ty);
    let bound = match op {
        Op::And | Op::Or => logic(op, left, right),
        Op::Add | Op::Sub if left.is_time() || right.is_time() => span(op, left, right),
        Op::Add | Op::Sub | Op::Mul | Op::Div | Op::Mod => calculation(op, unify(left, right)?),
        Op::Has => comparison(op, flags(left, right)?),
        _ => comparison(op, unify(left, right)?),
    };
    bound.ok_or_else(|| {
        Error::query(format_args!(
            "A binary operator with incompatible types was detected. Found operand types '{}' and \
             '{}' for operator kind '{}'.",
            left_ty.name(),
            right_ty.name(),
            op.kind()
        ))
    })
}

/// `and` or `or`; `None` unless both sides are conditions.
fn logic(op: Op, left: Bound, right: Bound) -> Option<Bound> {
    if left.ty != Ty::Is(Type::Bool) || right.ty != Ty::Is(Type::Bool) {
        return None;
    }
    let make = if op == Op::And { Expr::And } else { Expr::Or };
    Some(Bound::new(
        make(left.expr.into(), right.expr.into()),
        Type::Bool,
    ))
}

/// A calculation; `None` unless it is one with numbers.
fn calculation(op: Op, pair: Option<Pair>) -> Option<Bound> {
    let (left, right, ty) = pair.filter(|(_, _, ty)| ty.is_number())?;
    Some(Bound::new(
        Expr::Calculate(op, ty, left.into(), right.into()),
        ty,
    ))
}

/// Instants and spans of time: an instant moved by a span, the span between two instants, two spans
/// together. `None` for anything else.
fn span(op: Op, left: Bound, right: Bound) -> Option<Bound> {
    let (left, right) = (in_time(left), in_time(right));
    let ty = match (left.ty, right.ty, op) {
        (Ty::Is(Type::Date), Ty::Is(Type::Duration | Type::Null), _) => Type::Date,
        (Ty::Is(Type::Date), Ty::Is(Type::Date), Op::Sub) => Type::Duration,
        (Ty::Is(Type::Duration), Ty::Is(Type::Duration | Type::Null), _)
        | (Ty::Is(Type::Null), Ty::Is(Type::Duration), _) => Type::Duration,
        _ => return None,
    };
    let (left, right) = (left.expr.into(), right.expr.into());
    Some(Bound::new(Expr::Calculate(op, ty, left, right), ty))
}

/// A constant text beside something of time is of time, too.
fn in_time(bound: Bound) -> Bound {
    let Expr::Const(Const::Text(text)) = &bound.expr else {
        return bound;
    };
    if let Some(ticks) = duration::parse(text) {
        return Bound::new(Expr::Const(Const::Duration(ticks)), Type::Duration);
    }
    match Timestamp::parse(text) {
        Some(at) => Bound::new(Expr::Const(Const::Date(at)), Type::Date),
        None => bound,
    }
}

/// A number or span with the other sign: what is left of zero, which, unlike the sign alone, there
/// also is of the smallest integer.
pub(crate) fn negated(expr: Expr, ty: Type) -> Bound {
    let zero = Expr::Const(match ty {
        Type::Duration => Const::Duration(0),
        _ => Const::Int(0),
    });
    Bound::new(Expr::Calculate(Op::Sub, ty, zero.into(), expr.into()), ty)
}

/// A comparison; `None` unless both sides have one type.
fn comparison(op: Op, pair: Option<Pair>) -> Option<Bound> {
    let (left, right, ty) = pair?;
    Some(Bound::new(
        Expr::Compare(op, ty, left.into(), right.into()),
        Type::Bool,
    ))
}

/// Two operands of one type, and that type.
pub(crate) type Pair = (Expr, Expr, Type);

/// Brings two operands into one type, a constant into that of the other. `None`: they have none.
pub(crate) fn unify(left: Bound, right: Bound) -> Result<Option<Pair>> {
    let (a, b) = (left.expr, right.expr);
    Ok(match (left.ty, right.ty) {
        (Ty::Member, Ty::Member) => Some((a, b, Type::Text)),
        (Ty::Is(ty), Ty::Member) => adapt(b, ty)?.map(|b| (a, b, ty)),
        (Ty::Member, Ty::Is(ty)) => adapt(a, ty)?.map(|a| (a, b, ty)),
        (Ty::Is(x), Ty::Is(y)) if x == y => Some((a, b, x)),
        (Ty::Is(x), Ty::Is(y)) if x.is_number() && y.is_number() => Some((a, b, Type::Real)),
        (Ty::Is(Type::Null), Ty::Is(ty)) | (Ty::Is(ty), Ty::Is(Type::Null)) => Some((a, b, ty)),
        (Ty::Is(Type::Enum(_)), Ty::Is(Type::Int)) | (Ty::Is(Type::Int), Ty::Is(Type::Enum(_))) => {
            Some((a, b, Type::Int))
        }
        (Ty::Is(ty), _) if matches!(b, Expr::Const(_)) => adapt(b, ty)?.map(|b| (a, b, ty)),
        (_, Ty::Is(ty)) if matches!(a, Expr::Const(_)) => adapt(a, ty)?.map(|a| (a, b, ty)),
        _ => None,
    })
}

/// A constant text as a value of another type; a GUID as text.
fn adapt(expr: Expr, ty: Type) -> Result<Option<Expr>> {
    let Expr::Const(Const::Text(text)) = expr else {
        return Ok(None);
    };
    let value = match ty {
        Type::Text => Const::Text(text),
        Type::Enum(ty) => Const::Int(member(&text, ty)?),
        Type::Guid => match text.parse::<Guid>() {
            Ok(guid) => Const::Text(guid.to_string()),
            Err(_) => return Err(Error::query(format_args!("'{text}' is not a GUID."))),
        },
        Type::Date => match Timestamp::parse(&text) {
            Some(at) => Const::Date(at),
            None => {
                return Err(Error::query(format_args!(
                    "'{text}' is not a date and time."
                )));
            }
        },
        Type::Duration => match duration::parse(&text) {
            Some(ticks) => Const::Duration(ticks),
            None => return Err(Error::query(format_args!("'{text}' is not a duration."))),
        },
        Type::Null | Type::Bool | Type::Int | Type::Real => return Ok(None),
    };
    Ok(Some(Expr::Const(value)))
}

/// The operands of `has`: an enumeration, and members of it whose bits are looked for. `None`: they
/// are not that.
fn flags(left: Bound, right: Bound) -> Result<Option<Pair>> {
    let Ty::Is(Type::Enum(ty)) = left.ty else {
        return Ok(None);
    };
    let bits = match right.expr {
        Expr::Const(Const::Int(bits)) => bits,
        Expr::Const(Const::Text(names)) => {
            let mut members = names.split(',').map(|name| member(name, ty));
            members.try_fold(0, |bits, member| Ok::<_, Error>(bits | member?))?
        }
        _ => return Ok(None),
    };
    Ok(Some((left.expr, Expr::Const(Const::Int(bits)), Type::Int)))
}

/// The number of a member of an enumeration.
fn member(text: &str, ty: &EnumType) -> Result<i64> {
    ty.value(text).ok_or_else(|| {
        Error::query(format_args!(
            "The string '{text}' is not a valid enumeration type constant of '{}'.",
            ty.name
        ))
    })
}

/// Whether a function can be given this argument where it takes `ty`.
pub(crate) fn accepts(ty: Type, arg: &Bound) -> bool {
    match arg.ty {
        Ty::Member => false,
        Ty::Is(given) if ty == Type::Real => given.is_number(),
        Ty::Is(Type::Text) if ty == Type::Date => as_date(&arg.expr).is_some(),
        // Stored as text, and filtered as such by clients.
        Ty::Is(Type::Guid) => ty == Type::Text,
        Ty::Is(given) => given == ty,
    }
}

/// An accepted argument in its type.
pub(crate) fn into_type(arg: Bound, ty: Type) -> Expr {
    match as_date(&arg.expr) {
        Some(at) if ty == Type::Date => Expr::Const(Const::Date(at)),
        _ => arg.expr,
    }
}

fn as_date(expr: &Expr) -> Option<Timestamp> {
    match expr {
        Expr::Const(Const::Text(text)) => Timestamp::parse(text),
        _ => None,
    }
}
