//! Expressions: how each is written, and what it is for a row, by the letter of the protocol.

use odata::Timestamp;

use super::world::Row;

/// The rows of a tenant, and those that an expression can refer to: the entity, then the variables
/// of the `any` and `all` around.
pub struct Env<'w> {
    pub world: &'w [Row],
    pub rows: Vec<&'w Row>,
}

impl<'w> Env<'w> {
    pub fn new(world: &'w [Row], row: &'w Row) -> Env<'w> {
        Env {
            world,
            rows: vec![row],
        }
    }

    fn with(&self, row: &'w Row) -> Env<'w> {
        let mut rows = self.rows.clone();
        rows.push(row);
        Env {
            world: self.world,
            rows,
        }
    }
}

pub fn parent<'w>(world: &'w [Row], row: &Row) -> Option<&'w Row> {
    world.iter().find(|other| Some(other.id) == row.parent)
}

pub fn children<'w>(world: &'w [Row], row: &Row) -> Vec<&'w Row> {
    let own = |other: &&Row| other.parent == Some(row.id);
    world.iter().filter(own).collect()
}

/// A row: one that can be referred to, then from parent to parent. Which of the rows is taken
/// modulo their number, so that an expression fits wherever it stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub row: u8,
    pub parents: u8,
}

impl Place {
    /// The path to a member, `depth` variables deep.
    fn to(self, member: &str, depth: usize) -> String {
        let start = match usize::from(self.row) % (depth + 1) {
            0 if self.row > 100 => "$it/".to_owned(),
            0 => String::new(),
            n => format!("x{n}/"),
        };
        let parents = "Parent/".repeat(self.parents.into());
        format!("{start}{parents}{member}")
    }

    fn row<'w>(self, env: &Env<'w>) -> Option<&'w Row> {
        let mut row = env.rows[usize::from(self.row) % env.rows.len()];
        for _ in 0..self.parents {
            row = parent(env.world, row)?;
        }
        Some(row)
    }
}

/// Whole numbers; null when an operand is, and when divided by zero.
#[derive(Clone, Debug)]
pub enum Int {
    N(Place),
    M(Place),
    Const(i64),
    Length(Box<Text>),
    IndexOf(Box<Text>, Box<Text>),
    Calculate(&'static str, Box<Int>, Box<Int>),
    Part(&'static str, Place),
}

/// Numbers with a fraction; all are sums of a few powers of two, so that none is rounded.
#[derive(Clone, Debug)]
pub enum Real {
    R(Place),
    Const(f64),
    Whole(Box<Int>),
    Negate(Box<Real>),
    Round(&'static str, Box<Real>),
    Calculate(&'static str, Box<Real>, Box<Real>),
}

#[derive(Clone, Debug)]
pub enum Text {
    S(Place),
    T(Place),
    P(Place),
    Const(String),
    Concat(Box<Text>, Box<Text>),
    Substring(Box<Text>, i64, Option<i64>),
    Lower(Box<Text>),
    Trim(Box<Text>),
}

#[derive(Clone, Debug)]
pub enum When {
    At(Place),
    Day(Place),
    Const(i64),
    /// An instant moved by a span, in ticks.
    Moved(&'static str, Box<When>, Span),
}

/// Spans of time.
#[derive(Clone, Debug)]
pub enum Span {
    Const(i64),
    Between(Box<When>, Box<When>),
    Calculate(&'static str, Box<Span>, Box<Span>),
    Negate(Box<Span>),
}

#[derive(Clone, Debug)]
pub enum Bool {
    B(Place),
    Int(&'static str, Int, Int),
    IntIsNull(bool, Int),
    Real(&'static str, Real, Real),
    Text(&'static str, Text, Text),
    TextIsNull(bool, Text),
    When(&'static str, When, When),
    Span(&'static str, Span, Span),
    /// An operator or `has`, and a member by name or several.
    Color(&'static str, Place, &'static str, i64),
    Search(&'static str, Text, Text),
    IntIn(Int, Vec<Option<i64>>),
    TextIn(Text, Vec<String>),
    Not(Box<Bool>),
    And(Box<Bool>, Box<Bool>),
    Or(Box<Bool>, Box<Bool>),
    Is(Box<Bool>, bool),
    /// Over the children of a place; without a condition, whether there are any.
    Children(bool, Place, Option<Box<Bool>>),
    /// Over the words of a place, each compared with a text.
    Words(bool, Place, &'static str, Text),
}

pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Int {
    pub fn text(&self, depth: usize) -> String {
        match self {
            Int::N(at) => at.to("N", depth),
            Int::M(at) => at.to("m", depth),
            Int::Const(n) => n.to_string(),
            Int::Length(s) => format!("length({})", s.text(depth)),
            Int::IndexOf(a, b) => format!("indexof({},{})", a.text(depth), b.text(depth)),
            Int::Calculate(op, a, b) => format!("({} {op} {})", a.text(depth), b.text(depth)),
            Int::Part(part, at) => format!("{part}({})", at.to("At", depth)),
        }
    }

    pub fn value(&self, env: &Env<'_>) -> Option<i128> {
        match self {
            Int::N(at) => at.row(env)?.n.map(i128::from),
            Int::M(at) => at.row(env).map(|row| row.m.into()),
            Int::Const(n) => Some((*n).into()),
            Int::Length(s) => Some(s.value(env)?.chars().count() as i128),
            Int::IndexOf(a, b) => {
                let (a, b) = (a.value(env)?.to_lowercase(), b.value(env)?.to_lowercase());
                Some(a.find(&b).map_or(-1, |at| a[..at].chars().count() as i128))
            }
            Int::Calculate(op, a, b) => {
                let (a, b) = (a.value(env)?, b.value(env)?);
                match *op {
                    "add" => Some(a + b),
                    "sub" => Some(a - b),
                    "mul" => Some(a * b),
                    "div" => a.checked_div(b),
                    _ => a.checked_rem(b),
                }
            }
            // "2018-01-15T18:18:02.79Z"
            Int::Part(part, at) => {
                let text = Timestamp(at.row(env)?.at?).to_string();
                let range = match *part {
                    "year" => 0..4,
                    "month" => 5..7,
                    "day" => 8..10,
                    "hour" => 11..13,
                    "minute" => 14..16,
                    _ => 17..19,
                };
                text[range].parse().ok()
            }
        }
    }
}

impl Real {
    pub fn text(&self, depth: usize) -> String {
        match self {
            Real::R(at) => at.to("R", depth),
            Real::Const(r) => format!("{r:?}"),
            Real::Whole(n) => format!("({} add 0.5)", n.text(depth)),
            Real::Negate(a) => format!("-({})", a.text(depth)),
            Real::Round(function, a) => format!("{function}({})", a.text(depth)),
            Real::Calculate(op, a, b) => format!("({} {op} {})", a.text(depth), b.text(depth)),
        }
    }

    pub fn value(&self, env: &Env<'_>) -> Option<f64> {
        match self {
            Real::R(at) => at.row(env)?.r,
            Real::Const(r) => Some(*r),
            Real::Whole(n) => Some(n.value(env)? as f64 + 0.5),
            Real::Negate(a) => Some(-a.value(env)?),
            Real::Round(function, a) => {
                let a = a.value(env)?;
                Some(match *function {
                    "round" => a.round(),
                    "floor" => a.floor(),
                    _ => a.ceil(),
                })
            }
            Real::Calculate(op, a, b) => {
                let (a, b) = (a.value(env)?, b.value(env)?);
                Some(match *op {
                    "add" => a + b,
                    "sub" => a - b,
                    _ => a * b,
                })
            }
        }
    }
}

impl Text {
    pub fn text(&self, depth: usize) -> String {
        match self {
            Text::S(at) => at.to("S", depth),
            Text::T(at) => at.to("T", depth),
            Text::P(at) => at.to("P", depth),
            Text::Const(text) => quoted(text),
            Text::Concat(a, b) => format!("concat({},{})", a.text(depth), b.text(depth)),
            Text::Substring(s, from, None) => format!("substring({},{from})", s.text(depth)),
            Text::Substring(s, from, Some(len)) => {
                format!("substring({},{from},{len})", s.text(depth))
            }
            Text::Lower(s) => format!("tolower({})", s.text(depth)),
            Text::Trim(s) => format!("trim({})", s.text(depth)),
        }
    }

    pub fn value(&self, env: &Env<'_>) -> Option<String> {
        match self {
            Text::S(at) => at.row(env)?.s.clone(),
            Text::T(at) => at.row(env).map(|row| row.t.clone()),
            Text::P(at) => parent(env.world, at.row(env)?).map(|row| row.t.clone()),
            Text::Const(text) => Some(text.clone()),
            Text::Concat(a, b) => Some(a.value(env)? + &b.value(env)?),
            Text::Substring(s, from, len) => {
                let text = s.value(env)?;
                let rest = text.chars().skip((*from).max(0) as usize);
                let len = len.map_or(usize::MAX, |len| len.max(0) as usize);
                Some(rest.take(len).collect())
            }
            Text::Lower(s) => Some(s.value(env)?.to_lowercase()),
            Text::Trim(s) => Some(s.value(env)?.trim_matches(' ').to_owned()),
        }
    }

    /// As it is compared and sorted.
    pub fn folded(&self, env: &Env<'_>) -> Option<String> {
        self.value(env).map(|text| text.to_lowercase())
    }
}

impl When {
    pub fn text(&self, depth: usize) -> String {
        match self {
            When::At(at) => at.to("At", depth),
            When::Day(at) => format!("date({})", at.to("At", depth)),
            When::Const(at) => Timestamp(*at).to_string(),
            When::Moved(op, at, by) => format!("({} {op} {})", at.text(depth), by.text(depth)),
        }
    }

    pub fn value(&self, env: &Env<'_>) -> Option<i64> {
        const DAY: i64 = 86_400 * 10_000_000;
        match self {
            When::At(at) => at.row(env)?.at,
            When::Day(at) => at.row(env)?.at.map(|at| at - at.rem_euclid(DAY)),
            When::Const(at) => Some(*at),
            When::Moved(op, at, by) => sum(op, at.value(env)?, by.value(env)?),
        }
    }
}

fn sum(op: &str, a: i64, b: i64) -> Option<i64> {
    Some(if op == "sub" { a - b } else { a + b })
}

impl Span {
    pub fn text(&self, depth: usize) -> String {
        match self {
            Span::Const(ticks) => span(*ticks),
            Span::Between(a, b) => format!("({} sub {})", a.text(depth), b.text(depth)),
            Span::Calculate(op, a, b) => format!("({} {op} {})", a.text(depth), b.text(depth)),
            Span::Negate(a) => format!("-({})", a.text(depth)),
        }
    }

    pub fn value(&self, env: &Env<'_>) -> Option<i64> {
        match self {
            Span::Const(ticks) => Some(*ticks),
            Span::Between(a, b) => sum("sub", a.value(env)?, b.value(env)?),
            Span::Calculate(op, a, b) => sum(op, a.value(env)?, b.value(env)?),
            Span::Negate(a) => Some(-a.value(env)?),
        }
    }
}

/// A span as callers write it: days, and a time with a fraction.
fn span(ticks: i64) -> String {
    let (seconds, fraction) = (ticks.abs() / 10_000_000, ticks.abs() % 10_000_000);
    let sign = if ticks < 0 { "-" } else { "" };
    let (days, seconds) = (seconds / 86_400, seconds % 86_400);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let seconds = seconds % 60;
    format!("duration'{sign}P{days}DT{hours}H{minutes}M{seconds}.{fraction:07}S'")
}

/// The protocol's comparison: null equals null, and nothing else can be said of it.
fn holds<T: PartialOrd>(op: &str, a: Option<T>, b: Option<T>) -> bool {
    match (op, a, b) {
        ("eq", a, b) => a == b,
        ("ne", a, b) => a != b,
        ("gt", Some(a), Some(b)) => a > b,
        ("ge", Some(a), Some(b)) => a >= b,
        ("lt", Some(a), Some(b)) => a < b,
        ("le", Some(a), Some(b)) => a <= b,
        _ => false,
    }
}

impl Bool {
    pub fn text(&self, depth: usize) -> String {
        let is = |is: &bool| if *is { "eq" } else { "ne" };
        let any = |all: &bool| if *all { "all" } else { "any" };
        match self {
            Bool::B(at) => at.to("B", depth),
            Bool::Int(op, a, b) => format!("{} {op} {}", a.text(depth), b.text(depth)),
            Bool::IntIsNull(yes, a) => format!("{} {} null", a.text(depth), is(yes)),
            Bool::Real(op, a, b) => format!("{} {op} {}", a.text(depth), b.text(depth)),
            Bool::Text(op, a, b) => format!("{} {op} {}", a.text(depth), b.text(depth)),
            Bool::TextIsNull(yes, a) => format!("null {} {}", is(yes), a.text(depth)),
            Bool::When(op, a, b) => format!("{} {op} {}", a.text(depth), b.text(depth)),
            Bool::Span(op, a, b) => format!("{} {op} {}", a.text(depth), b.text(depth)),
            Bool::Color(op, at, name, _) => format!("{} {op} '{name}'", at.to("Color", depth)),
            Bool::Search(function, a, b) => {
                format!("{function}({},{})", a.text(depth), b.text(depth))
            }
            Bool::IntIn(a, list) => {
                let number = |n: &Option<i64>| n.map_or("null".into(), |n| n.to_string());
                let list: Vec<String> = list.iter().map(number).collect();
                format!("{} in ({})", a.text(depth), list.join(","))
            }
            Bool::TextIn(a, list) => {
                let list: Vec<String> = list.iter().map(|text| quoted(text)).collect();
                format!("{} in ({})", a.text(depth), list.join(", "))
            }
            Bool::Not(a) => format!("not ({})", a.text(depth)),
            Bool::And(a, b) => format!("({} and {})", a.text(depth), b.text(depth)),
            Bool::Or(a, b) => format!("({} or {})", a.text(depth), b.text(depth)),
            Bool::Is(a, value) => format!("(({}) eq {value})", a.text(depth)),
            Bool::Children(_, at, None) => format!("{}/any()", at.to("Children", depth)),
            Bool::Children(all, at, Some(body)) => {
                let (path, n) = (at.to("Children", depth), depth + 1);
                format!("{path}/{}(x{n}: {})", any(all), body.text(n))
            }
            Bool::Words(all, at, op, text) => {
                let (path, text) = (at.to("Words", depth), text.text(depth));
                format!("{path}/{}(w: w {op} {text})", any(all))
            }
        }
    }

    pub fn value(&self, env: &Env<'_>) -> bool {
        match self {
            Bool::B(at) => at.row(env).and_then(|row| row.b) == Some(true),
            Bool::Int(op, a, b) => holds(op, a.value(env), b.value(env)),
            Bool::IntIsNull(is, a) => a.value(env).is_none() == *is,
            Bool::Real(op, a, b) => holds(op, a.value(env), b.value(env)),
            Bool::Text(op, a, b) => holds(op, a.folded(env), b.folded(env)),
            Bool::TextIsNull(is, a) => a.value(env).is_none() == *is,
            Bool::When(op, a, b) => holds(op, a.value(env), b.value(env)),
            Bool::Span(op, a, b) => holds(op, a.value(env), b.value(env)),
            Bool::Color("has", at, _, bits) => {
                at.row(env).is_some_and(|row| row.color & bits == *bits)
            }
            Bool::Color(op, at, _, number) => {
                holds(op, at.row(env).map(|row| row.color), Some(*number))
            }
            Bool::Search(function, a, b) => match (a.folded(env), b.folded(env)) {
                (Some(a), Some(b)) => match *function {
                    "contains" => a.contains(&b),
                    "startswith" => a.starts_with(&b),
                    _ => a.ends_with(&b),
                },
                _ => false,
            },
            Bool::IntIn(a, list) => {
                let value = a.value(env);
                list.iter().any(|n| n.map(i128::from) == value)
            }
            Bool::TextIn(a, list) => {
                let value = a.folded(env);
                list.iter().any(|text| Some(text.to_lowercase()) == value)
            }
            Bool::Not(a) => !a.value(env),
            Bool::And(a, b) => a.value(env) && b.value(env),
            Bool::Or(a, b) => a.value(env) || b.value(env),
            Bool::Is(a, value) => a.maybe(env) == Some(*value),
            Bool::Children(all, at, body) => {
                let rows = at.row(env).map(|row| children(env.world, row));
                let mut rows = rows.unwrap_or_default().into_iter();
                let holds = |row| match body {
                    Some(body) => body.value(&env.with(row)),
                    None => true,
                };
                match (all, body) {
                    (true, Some(_)) => rows.all(holds),
                    _ => rows.any(holds),
                }
            }
            Bool::Words(all, at, op, text) => {
                let words = at.row(env).map(|row| row.words.as_slice());
                let mut words = words.unwrap_or_default().iter();
                let text = text.folded(env);
                let holds = |word: &String| holds(op, Some(word.to_lowercase()), text.clone());
                if *all {
                    words.all(holds)
                } else {
                    words.any(holds)
                }
            }
        }
    }

    /// A property that is null is neither true nor false; a condition is one of the two.
    pub fn maybe(&self, env: &Env<'_>) -> Option<bool> {
        match self {
            Bool::B(at) => at.row(env)?.b,
            condition => Some(condition.value(env)),
        }
    }
}
