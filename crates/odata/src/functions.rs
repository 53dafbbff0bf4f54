//! The functions an expression may call: names, signatures, and what each is in SQL.

use db::Dialect;

use crate::expr::Type;
use crate::time::{MAX, MIN, TICKS_PER_DAY, TICKS_PER_SECOND};

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Contains,
    StartsWith,
    EndsWith,
    IndexOf,
    Length,
    ToLower,
    ToUpper,
    Trim,
    Concat,
    Substring,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Date,
    Now,
    TotalSeconds,
    Round,
    Floor,
    Ceiling,
}

use Function as F;

/// Name, function, types of the arguments, type of the result. `Real` stands for any number.
type Signature = (&'static str, Function, &'static [Type], Type);

const SIGNATURES: &[Signature] = &[
    (
        "contains",
        F::Contains,
        &[Type::Text, Type::Text],
        Type::Bool,
    ),
    (
        "startswith",
        F::StartsWith,
        &[Type::Text, Type::Text],
        Type::Bool,
    ),
    (
        "endswith",
        F::EndsWith,
        &[Type::Text, Type::Text],
        Type::Bool,
    ),
    ("indexof", F::IndexOf, &[Type::Text, Type::Text], Type::Int),
    ("length", F::Length, &[Type::Text], Type::Int),
    ("tolower", F::ToLower, &[Type::Text], Type::Text),
    ("toupper", F::ToUpper, &[Type::Text], Type::Text),
    ("trim", F::Trim, &[Type::Text], Type::Text),
    ("concat", F::Concat, &[Type::Text, Type::Text], Type::Text),
    (
        "substring",
        F::Substring,
        &[Type::Text, Type::Int],
        Type::Text,
    ),
    (
        "substring",
        F::Substring,
        &[Type::Text, Type::Int, Type::Int],
        Type::Text,
    ),
    ("year", F::Year, &[Type::Date], Type::Int),
    ("month", F::Month, &[Type::Date], Type::Int),
    ("day", F::Day, &[Type::Date], Type::Int),
    ("hour", F::Hour, &[Type::Date], Type::Int),
    ("minute", F::Minute, &[Type::Date], Type::Int),
    ("second", F::Second, &[Type::Date], Type::Int),
    ("date", F::Date, &[Type::Date], Type::Date),
    ("now", F::Now, &[], Type::Date),
    (
        "totalseconds",
        F::TotalSeconds,
        &[Type::Duration],
        Type::Real,
    ),
    ("round", F::Round, &[Type::Real], Type::Real),
    ("floor", F::Floor, &[Type::Real], Type::Real),
    ("ceiling", F::Ceiling, &[Type::Real], Type::Real),
];

/// The signatures of the function with this name; none if there is no such function.
pub(crate) fn signatures(name: &str) -> Vec<&'static Signature> {
    SIGNATURES
        .iter()
        .filter(|(known, ..)| *known == name)
        .collect()
}

impl Function {
    /// Whether it is a condition, not a value.
    pub fn is_condition(self) -> bool {
        matches!(self, F::Contains | F::StartsWith | F::EndsWith)
    }

    /// Whether it compares texts, so that its arguments have to be folded.
    pub fn folds(self) -> bool {
        matches!(self, F::Contains | F::StartsWith | F::EndsWith | F::IndexOf)
    }

    /// The SQL of a call. The arguments are SQL; where one is needed twice it is repeated, which
    /// is sound because it has no effects and its parameters are numbered.
    pub fn sql(self, dialect: Dialect, args: &[String]) -> String {
        let arg = |i: usize| args.get(i).map_or("", String::as_str);
        let (a, b) = (arg(0), arg(1));
        let position = match dialect {
            Dialect::Sqlite => "instr",
            Dialect::Postgres => "strpos",
        };
        match self {
            F::Contains => format!("({position}({a}, {b}) > 0)"),
            F::StartsWith => format!("(substr({a}, 1, length({b})) = {b})"),
            F::EndsWith => format!(
                "(length({a}) >= length({b}) AND substr({a}, length({a}) - length({b}) + 1) = {b})"
            ),
            F::IndexOf => format!("({position}({a}, {b}) - 1)"),
            F::Length => format!("length({a})"),
            // Every function and comparison that could tell upper from lower case folds, so only
            // that both give the same for texts that differ in case can be observed.
            F::ToLower | F::ToUpper => format!("fold({a})"),
            F::Trim => format!("trim({a})"),
            F::Concat => format!("({a} || {b})"),
            F::Substring => match args.get(2) {
                Some(len) => format!("substr({a}, {} + 1, {})", index(b), index(len)),
                None => format!("substr({a}, {} + 1)", index(b)),
            },
            F::Year => calendar(dialect, a, "%Y", "YEAR"),
            F::Month => calendar(dialect, a, "%m", "MONTH"),
            F::Day => calendar(dialect, a, "%d", "DAY"),
            F::Hour => format!("({} / {})", in_day(a), 3_600 * TICKS_PER_SECOND),
            F::Minute => format!("({} / {} % 60)", in_day(a), 60 * TICKS_PER_SECOND),
            F::Second => format!("({} / {TICKS_PER_SECOND} % 60)", in_day(a)),
            F::Date => format!("({a} - {})", in_day(a)),
            F::Now => a.to_owned(),
            F::TotalSeconds => format!("(CAST({a} AS DOUBLE PRECISION) / {TICKS_PER_SECOND})"),
            // As NUMERIC, because PostgreSQL rounds floating-point halves to even; away from zero
            // is the protocol's rule and SQLite's.
            F::Round => format!("CAST(round(CAST({a} AS NUMERIC)) AS DOUBLE PRECISION)"),
            // SQLite has neither, but its CAST cuts off and its comparisons are numbers.
            F::Floor => match dialect {
                Dialect::Sqlite => format!("(CAST({a} AS BIGINT) - ({a} < CAST({a} AS BIGINT)))"),
                Dialect::Postgres => format!("floor({a})"),
            },
            F::Ceiling => match dialect {
                Dialect::Sqlite => format!("(CAST({a} AS BIGINT) + ({a} > CAST({a} AS BIGINT)))"),
                Dialect::Postgres => format!("ceil({a})"),
            },
        }
    }
}

/// A position or length in a text: PostgreSQL takes 32 bits and refuses negative lengths.
fn index(n: &str) -> String {
    format!(
        "CAST(CASE WHEN {n} < 0 THEN 0 WHEN {n} > 1000000000 THEN 1000000000 ELSE {n} END AS INTEGER)"
    )
}

/// Ticks since midnight. The remainder of a negative number is negative on both databases.
fn in_day(at: &str) -> String {
    format!("(({at} % {TICKS_PER_DAY} + {TICKS_PER_DAY}) % {TICKS_PER_DAY})")
}

/// A part of the date. SQL has no common function for it. Outside of the years that can be written,
/// where only a calculation leads, the databases disagree, and there is none.
fn calendar(dialect: Dialect, at: &str, format: &str, field: &str) -> String {
    let seconds = format!("(({at} - {}) / {TICKS_PER_SECOND})", in_day(at));
    let part = match dialect {
        Dialect::Sqlite => format!("CAST(strftime('{format}', {seconds}, 'unixepoch') AS INTEGER)"),
        Dialect::Postgres => format!(
            "CAST(EXTRACT({field} FROM TIMESTAMP '1970-01-01' + {seconds} * INTERVAL '1 second') \
             AS BIGINT)"
        ),
    };
    format!("(CASE WHEN {at} BETWEEN {MIN} AND {MAX} THEN {part} END)")
}
