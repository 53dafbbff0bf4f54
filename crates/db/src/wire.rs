//! Values in PostgreSQL's binary format, both ways.
//!
//! The type of a placeholder is decided by the server from the statement, so a value is converted to
//! whatever is asked for, if that loses nothing. Types that never occur in our schemas are refused.

use crate::{Cell, Value};
use bytes::BytesMut;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};

type Refusal = Box<dyn Error + Sync + Send>;

/// A value on its way in.
#[derive(Debug)]
pub(crate) struct Param<'a>(pub(crate) &'a Value);

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Bool(b), ty) if *ty == Type::BOOL => b.to_sql(ty, out),
            (Value::Bool(b), ty) => integer((*b).into(), ty, out),
            (Value::Int(i @ (0 | 1)), ty) if *ty == Type::BOOL => (*i == 1).to_sql(ty, out),
            (Value::Int(i), ty) => integer(*i, ty, out),
            (Value::Real(r), &Type::FLOAT8) => r.to_sql(ty, out),
            (Value::Real(r), &Type::FLOAT4) => single(*r).to_sql(ty, out),
            (Value::Text(t), ty) if <&str as ToSql>::accepts(ty) => t.as_str().to_sql(ty, out),
            (Value::Blob(b), &Type::BYTEA) => b.as_slice().to_sql(ty, out),
            (Value::List(items), ty) if matches!(ty.kind(), Kind::Array(_)) => {
                items.iter().map(Param).collect::<Vec<_>>().to_sql(ty, out)
            }
            (value, ty) => Err(refusal(value, ty)),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

fn integer(i: i64, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Refusal> {
    match *ty {
        Type::INT8 => i.to_sql(ty, out),
        Type::INT4 => i32::try_from(i)?.to_sql(ty, out),
        Type::INT2 => i16::try_from(i)?.to_sql(ty, out),
        Type::OID => u32::try_from(i)?.to_sql(ty, out),
        Type::FLOAT8 => double(i).to_sql(ty, out),
        _ => Err(refusal(&Value::Int(i), ty)),
    }
}

fn double(i: i64) -> f64 {
    i as f64
}

fn single(r: f64) -> f32 {
    r as f32
}

fn refusal(value: &Value, ty: &Type) -> Refusal {
    let given = value.kind();
    format!("{given} was given where the statement needs {ty}").into()
}

/// Whether [`Cell`] has a form for this type.
pub(crate) fn readable(ty: &Type) -> bool {
    <Cell<'_> as FromSql<'_>>::accepts(ty)
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Refusal> {
        Ok(match *ty {
            Type::INT8 => Cell::Int(i64::from_sql(ty, raw)?),
            Type::INT4 => Cell::Int(i32::from_sql(ty, raw)?.into()),
            Type::INT2 => Cell::Int(i16::from_sql(ty, raw)?.into()),
            Type::OID => Cell::Int(u32::from_sql(ty, raw)?.into()),
            Type::BOOL => Cell::Bool(bool::from_sql(ty, raw)?),
            Type::FLOAT8 => Cell::Real(f64::from_sql(ty, raw)?),
            Type::FLOAT4 => Cell::Real(f32::from_sql(ty, raw)?.into()),
            Type::BYTEA => Cell::Blob(raw),
            Type::NUMERIC => numeric(raw).ok_or("a malformed numeric")?,
            // A function without a result, such as pg_advisory_xact_lock(), has an empty one.
            Type::VOID => Cell::Null,
            _ => Cell::Text(<&str as FromSql<'_>>::from_sql(ty, raw)?),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Refusal> {
        Ok(Cell::Null)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(
            *ty,
            Type::INT8
                | Type::INT4
                | Type::INT2
                | Type::OID
                | Type::BOOL
                | Type::FLOAT8
                | Type::FLOAT4
                | Type::BYTEA
                | Type::NUMERIC
                | Type::VOID
        ) || <&str as FromSql<'_>>::accepts(ty)
    }
}

/// A `numeric`: an integer if it has no fraction and fits, otherwise the nearest double.
///
/// The format is a count of digits, the weight of the first, sign, scale (16 bits each), then the
/// digits to the base 10 000, most significant first, without trailing zeros.
fn numeric(raw: &[u8]) -> Option<Cell<'static>> {
    let mut words = raw
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let count = words.next()?;
    let weight = i32::from(words.next()?.cast_signed());
    let negative = match words.next()? {
        0x0000 => false,
        0x4000 => true,
        0xD000 => return Some(Cell::Real(f64::INFINITY)),
        0xF000 => return Some(Cell::Real(f64::NEG_INFINITY)),
        _ => return Some(Cell::Real(f64::NAN)),
    };
    let _scale = words.next()?;
    let digits: Vec<u16> = words.take(count.into()).collect();

    let whole = digits.len() <= usize::try_from(weight + 1).unwrap_or(0);
    if whole && let Some(i) = exact(&digits, weight, negative) {
        return Some(Cell::Int(i));
    }
    let mut real = 0.0;
    for (digit, place) in digits.iter().zip(0..) {
        real += f64::from(*digit) * 10_000_f64.powi(weight - place);
    }
    Some(Cell::Real(if negative { -real } else { real }))
}

fn exact(digits: &[u16], weight: i32, negative: bool) -> Option<i64> {
    let places = usize::try_from(weight + 1).ok()?;
    let mut value = 0_i64;
    for digit in digits
        .iter()
        .copied()
        .chain(std::iter::repeat(0))
        .take(places)
    {
        // Downwards, because the smallest number has no positive counterpart.
        value = value.checked_mul(10_000)?.checked_sub(digit.into())?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}
