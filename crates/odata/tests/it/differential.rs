//! Random filters over random rows: what the databases find has to be what a few lines of Rust
//! that know nothing of SQL find.

use std::sync::OnceLock;

use db::Value;
use odata::Timestamp;
use odata::edm::EntitySet;
use proptest::prelude::*;

use crate::model::{Ask, Server, ids, servers};

/// A row of everything that is compared here.
#[odata::entity(set = "Points", name = "PointDto", table = "points", key = "Id", scope = none)]
pub struct Point {
    pub id: i64,
    pub n: Option<i64>,
    pub m: i64,
    pub r: Option<f64>,
    pub s: Option<String>,
    pub t: String,
    pub b: Option<bool>,
    pub at: Option<Timestamp>,
}

static POINTS: EntitySet = Point::SET;

#[derive(Clone, Debug)]
struct Row {
    id: i64,
    n: Option<i64>,
    m: i64,
    r: Option<f64>,
    s: Option<String>,
    t: String,
    b: Option<bool>,
    at: Option<i64>,
}

/// Whole numbers; null when an operand is, and when divided by zero.
#[derive(Clone, Debug)]
enum Int {
    N,
    M,
    Const(i64),
    Length(Box<Text>),
    IndexOf(Box<Text>, Box<Text>),
    Calculate(&'static str, Box<Int>, Box<Int>),
    Part(&'static str),
}

#[derive(Clone, Debug)]
enum Text {
    S,
    T,
    Const(String),
    Concat(Box<Text>, Box<Text>),
    Substring(Box<Text>, i64),
    Lower(Box<Text>),
}

#[derive(Clone, Debug)]
enum Bool {
    B,
    Int(&'static str, Int, Int),
    IntIsNull(bool, Int),
    Real(&'static str, f64),
    Text(&'static str, Text, Text),
    Search(&'static str, Text, Text),
    IntIn(Int, Vec<Option<i64>>),
    TextIn(Text, Vec<String>),
    Not(Box<Bool>),
    And(Box<Bool>, Box<Bool>),
    Or(Box<Bool>, Box<Bool>),
    Is(Box<Bool>, bool),
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Int {
    fn text(&self) -> String {
        match self {
            Int::N => "N".into(),
            Int::M => "m".into(),
            Int::Const(n) => n.to_string(),
            Int::Length(s) => format!("length({})", s.text()),
            Int::IndexOf(a, b) => format!("indexof({},{})", a.text(), b.text()),
            Int::Calculate(op, a, b) => format!("({} {op} {})", a.text(), b.text()),
            Int::Part(part) => format!("{part}(At)"),
        }
    }

    fn value(&self, row: &Row) -> Option<i128> {
        match self {
            Int::N => row.n.map(i128::from),
            Int::M => Some(row.m.into()),
            Int::Const(n) => Some((*n).into()),
            Int::Length(s) => Some(s.value(row)?.chars().count() as i128),
            Int::IndexOf(a, b) => {
                let (a, b) = (a.value(row)?.to_lowercase(), b.value(row)?.to_lowercase());
                Some(a.find(&b).map_or(-1, |at| a[..at].chars().count() as i128))
            }
            Int::Calculate(op, a, b) => {
                let (a, b) = (a.value(row)?, b.value(row)?);
                match *op {
                    "add" => Some(a + b),
                    "sub" => Some(a - b),
                    "mul" => Some(a * b),
                    "div" => a.checked_div(b),
                    _ => a.checked_rem(b),
                }
            }
            // "2018-01-15T18:18:02.79Z"
            Int::Part(part) => {
                let text = Timestamp(row.at?).to_string();
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

impl Text {
    fn text(&self) -> String {
        match self {
            Text::S => "S".into(),
            Text::T => "T".into(),
            Text::Const(text) => quoted(text),
            Text::Concat(a, b) => format!("concat({},{})", a.text(), b.text()),
            Text::Substring(s, from) => format!("substring({},{from})", s.text()),
            Text::Lower(s) => format!("tolower({})", s.text()),
        }
    }

    fn value(&self, row: &Row) -> Option<String> {
        match self {
            Text::S => row.s.clone(),
            Text::T => Some(row.t.clone()),
            Text::Const(text) => Some(text.clone()),
            Text::Concat(a, b) => Some(a.value(row)? + &b.value(row)?),
            Text::Substring(s, from) => Some(
                s.value(row)?
                    .chars()
                    .skip((*from).max(0) as usize)
                    .collect(),
            ),
            Text::Lower(s) => Some(s.value(row)?.to_lowercase()),
        }
    }
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
    fn text(&self) -> String {
        match self {
            Bool::B => "B".into(),
            Bool::Int(op, a, b) => format!("{} {op} {}", a.text(), b.text()),
            Bool::IntIsNull(is, a) => {
                format!("{} {} null", a.text(), if *is { "eq" } else { "ne" })
            }
            Bool::Real(op, r) => format!("R {op} {r:?}"),
            Bool::Text(op, a, b) => format!("{} {op} {}", a.text(), b.text()),
            Bool::Search(function, a, b) => format!("{function}({},{})", a.text(), b.text()),
            Bool::IntIn(a, list) => {
                let list = list
                    .iter()
                    .map(|n| n.map_or("null".into(), |n| n.to_string()));
                format!(
                    "{} in ({})",
                    a.text(),
                    list.collect::<Vec<String>>().join(",")
                )
            }
            Bool::TextIn(a, list) => {
                let list = list.iter().map(|text| quoted(text));
                format!("{} in ({})", a.text(), list.collect::<Vec<_>>().join(","))
            }
            Bool::Not(a) => format!("not ({})", a.text()),
            Bool::And(a, b) => format!("({} and {})", a.text(), b.text()),
            Bool::Or(a, b) => format!("({} or {})", a.text(), b.text()),
            Bool::Is(a, value) => format!("(({}) eq {value})", a.text()),
        }
    }

    fn value(&self, row: &Row) -> bool {
        let fold = |text: Option<String>| text.map(|text| text.to_lowercase());
        match self {
            Bool::B => row.b == Some(true),
            Bool::Int(op, a, b) => holds(op, a.value(row), b.value(row)),
            Bool::IntIsNull(is, a) => a.value(row).is_none() == *is,
            Bool::Real(op, r) => holds(op, row.r, Some(*r)),
            Bool::Text(op, a, b) => holds(op, fold(a.value(row)), fold(b.value(row))),
            Bool::Search(function, a, b) => match (fold(a.value(row)), fold(b.value(row))) {
                (Some(a), Some(b)) => match *function {
                    "contains" => a.contains(&b),
                    "startswith" => a.starts_with(&b),
                    _ => a.ends_with(&b),
                },
                _ => false,
            },
            Bool::IntIn(a, list) => {
                let value = a.value(row);
                list.iter().any(|n| n.map(i128::from) == value)
            }
            Bool::TextIn(a, list) => {
                let value = fold(a.value(row));
                list.iter().any(|text| Some(text.to_lowercase()) == value)
            }
            Bool::Not(a) => !a.value(row),
            Bool::And(a, b) => a.value(row) && b.value(row),
            Bool::Or(a, b) => a.value(row) || b.value(row),
            // A property that is null is neither; a condition is one of the two.
            Bool::Is(a, value) => match &**a {
                Bool::B => row.b == Some(*value),
                a => a.value(row) == *value,
            },
        }
    }
}

/// Few different values, so that comparisons hold now and then.
fn word() -> impl Strategy<Value = String> {
    "[aAbÄä%_'\\\\]{0,3}"
}

fn text() -> impl Strategy<Value = Text> {
    let leaf = prop_oneof![Just(Text::S), Just(Text::T), word().prop_map(Text::Const)];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Text::Concat(a.into(), b.into())),
            (inner.clone(), -1_i64..4).prop_map(|(s, from)| Text::Substring(s.into(), from)),
            inner.prop_map(|s| Text::Lower(s.into())),
        ]
    })
}

fn int() -> impl Strategy<Value = Int> {
    let part = prop::sample::select(vec!["year", "month", "day", "hour", "minute", "second"]);
    let leaf = prop_oneof![
        3 => Just(Int::N),
        3 => Just(Int::M),
        3 => (-4_i64..5).prop_map(Int::Const),
        1 => text().prop_map(|s| Int::Length(s.into())),
        1 => (text(), text()).prop_map(|(a, b)| Int::IndexOf(a.into(), b.into())),
        1 => part.prop_map(Int::Part),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let op = prop::sample::select(vec!["add", "sub", "mul", "div", "mod"]);
        (op, inner.clone(), inner).prop_map(|(op, a, b)| Int::Calculate(op, a.into(), b.into()))
    })
}

fn condition() -> impl Strategy<Value = Bool> {
    let op = || prop::sample::select(vec!["eq", "ne", "gt", "ge", "lt", "le"]);
    let search = prop::sample::select(vec!["contains", "startswith", "endswith"]);
    let numbers = prop::collection::vec(prop::option::of(-3_i64..4), 0..4);
    let leaf = prop_oneof![
        Just(Bool::B),
        (op(), int(), int()).prop_map(|(op, a, b)| Bool::Int(op, a, b)),
        (any::<bool>(), int()).prop_map(|(is, a)| Bool::IntIsNull(is, a)),
        (op(), -4_i8..5).prop_map(|(op, n)| Bool::Real(op, f64::from(n) / 2.0)),
        (op(), text(), text()).prop_map(|(op, a, b)| Bool::Text(op, a, b)),
        (search, text(), text()).prop_map(|(f, a, b)| Bool::Search(f, a, b)),
        (int(), numbers).prop_map(|(a, list)| Bool::IntIn(a, list)),
        (text(), prop::collection::vec(word(), 0..4)).prop_map(|(a, list)| Bool::TextIn(a, list)),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Bool::Not(a.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Bool::And(a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Bool::Or(a.into(), b.into())),
            (inner, any::<bool>()).prop_map(|(a, value)| Bool::Is(a.into(), value)),
        ]
    })
}

/// The same rows every time: every value meets every other.
fn rows() -> Vec<Row> {
    let numbers = [None, Some(-2), Some(-1), Some(0), Some(1), Some(3)];
    let words = ["", "a", "A", "Äb", "äB", "%", "_a", "b'a", "\\", "ab"];
    let times = [None, Some(-1), Some(0), Some(15_160_402_827_900_000)];
    let row = |i: usize| Row {
        id: i as i64,
        n: numbers[i % numbers.len()],
        m: (i % 5) as i64 - 2,
        r: numbers[i / 2 % numbers.len()].map(|n| n as f64 / 2.0),
        s: words.get(i % 11).map(|word| (*word).to_owned()),
        t: words[i * 7 % words.len()].to_owned(),
        b: [None, Some(true), Some(false)][i / 3 % 3],
        at: times[i / 5 % times.len()],
    };
    (1..=60).map(row).collect()
}

fn server_with_rows(server: Server) -> Server {
    let filled = server.db.write_blocking(|tx| -> db::Result<()> {
        tx.exec(
            "CREATE TABLE points (id BIGINT PRIMARY KEY, n BIGINT, m BIGINT NOT NULL, \
             r DOUBLE PRECISION, s TEXT, t TEXT NOT NULL, b BOOLEAN, at BIGINT)",
            &[],
        )?;
        for row in rows() {
            let params: [Value; 8] = [
                row.id.into(),
                row.n.into(),
                row.m.into(),
                row.r.into(),
                row.s.into(),
                row.t.into(),
                row.b.into(),
                row.at.into(),
            ];
            tx.exec(
                "INSERT INTO points VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                &params,
            )?;
        }
        Ok(())
    });
    filled.unwrap();
    server
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn databases_find_what_the_protocol_says(condition in condition()) {
        static SERVERS: OnceLock<Vec<Server>> = OnceLock::new();
        let servers = SERVERS.get_or_init(|| servers().into_iter().map(server_with_rows).collect());
        let filter = condition.text();
        let expected: Vec<i64> =
            rows().iter().filter(|row| condition.value(row)).map(|row| row.id).collect();
        let encoded =
            percent_encoding::utf8_percent_encode(&filter, percent_encoding::NON_ALPHANUMERIC);
        let query = format!("$filter={encoded}&$select=Id&$orderby=Id");
        for server in servers {
            match server.raw(&POINTS, &query, &Ask::default()) {
                Ok(page) => {
                    let found = ids(&serde_json::from_str(&page).unwrap());
                    prop_assert_eq!(found, expected.clone(), "{}: {}", server.label, filter);
                }
                Err(odata::Error::Invalid(text)) if text.contains("limit") => {}
                Err(error) => prop_assert!(false, "{}: {}: {}", server.label, filter, error),
            }
        }
    }
}
