//! The rows: some tenants with some points each, which lead to each other.

use db::Value;
use odata::edm::EntitySet;
use odata::{Many, One, Timestamp};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

use crate::model::Server;

odata::edm_enum! {
    /// What a point is painted with; colours mix.
    pub enum Color { Clear = 0, Red = 1, Green = 2, Blue = 4 }
}

/// Something of everything that is compared here.
#[odata::entity(set = "Points", name = "PointDto", table = "points", key = "Id", scope = tenant)]
pub struct Point {
    pub id: i64,
    pub n: Option<i64>,
    pub m: i64,
    pub r: Option<f64>,
    pub s: Option<String>,
    pub t: String,
    pub b: Option<bool>,
    pub at: Option<Timestamp>,
    #[edm(column = "group")]
    pub color: Color,
    pub words: Vec<String>,
    /// The `T` of the parent.
    #[edm(
        sql = "(CASE WHEN {parent_id->points}.tenant_id = {tenant} THEN {parent_id->points}.t END)"
    )]
    pub p: Option<String>,
    #[edm(nav, column = "parent_id")]
    pub parent: One<Point>,
    #[edm(nav, column = "id", target_column = "parent_id")]
    pub children: Many<Point>,
}

pub static POINTS: EntitySet = Point::SET;

#[derive(Clone, Debug)]
pub struct Row {
    pub id: i64,
    pub n: Option<i64>,
    pub m: i64,
    pub r: Option<f64>,
    pub s: Option<String>,
    pub t: String,
    pub b: Option<bool>,
    pub at: Option<i64>,
    pub color: i64,
    pub words: Vec<String>,
    pub parent: Option<i64>,
}

impl Row {
    /// The value of a property as JSON.
    pub fn member(&self, name: &str) -> Json {
        match name {
            "Id" => json!(self.id),
            "N" => json!(self.n),
            "M" => json!(self.m),
            "R" => json!(self.r),
            "S" => json!(self.s),
            "T" => json!(self.t),
            "B" => json!(self.b),
            "At" => json!(self.at.map(|at| Timestamp(at).to_string())),
            "Color" => match Color::from_i64(self.color) {
                Some(color) => json!(color.name()),
                None => json!(self.color.to_string()),
            },
            "Words" => json!(self.words),
            other => panic!("{other} is no property"),
        }
    }

    fn values(&self, tenant: usize) -> [Value; 12] {
        [
            self.id.into(),
            (tenant as i64).into(),
            self.n.into(),
            self.m.into(),
            self.r.into(),
            self.s.clone().into(),
            self.t.clone().into(),
            self.b.into(),
            self.at.into(),
            self.color.into(),
            // An empty list is stored either way.
            match self.id % 2 {
                0 if self.words.is_empty() => Value::Null,
                _ => Value::Text(json!(self.words).to_string()),
            },
            self.parent.into(),
        ]
    }
}

/// The points of each tenant.
pub struct Worlds(pub Vec<Vec<Row>>);

const TENANTS: usize = 24;
const POINTS_EACH: usize = 40;

impl Worlds {
    /// Random, and the same every time.
    pub fn new() -> Worlds {
        let mut runner = TestRunner::deterministic();
        let mut world = |tenant: usize| -> Vec<Row> {
            let first = (tenant * POINTS_EACH) as i64;
            let point = |i: i64| row(first, i).new_tree(&mut runner).unwrap().current();
            (0..POINTS_EACH as i64).map(point).collect()
        };
        Worlds((0..TENANTS).map(&mut world).collect())
    }

    /// Stores them.
    pub fn fill(&self, server: &Server) {
        let rows: Vec<[Value; 12]> = self.0.iter().enumerate().flat_map(values).collect();
        let filled = server.db.write_blocking(move |tx| -> db::Result<()> {
            tx.exec(
                "CREATE TABLE points (id BIGINT PRIMARY KEY, tenant_id BIGINT NOT NULL, n BIGINT, \
                 m BIGINT NOT NULL, r DOUBLE PRECISION, s TEXT, t TEXT NOT NULL, b BOOLEAN, \
                 at BIGINT, \"group\" INTEGER NOT NULL, words TEXT, parent_id BIGINT)",
                &[],
            )?;
            for row in &rows {
                tx.exec(
                    "INSERT INTO points VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                    row,
                )?;
            }
            Ok(())
        });
        filled.unwrap();
    }
}

fn values((tenant, world): (usize, &Vec<Row>)) -> Vec<[Value; 12]> {
    world.iter().map(|row| row.values(tenant)).collect()
}

/// Few different words, so that comparisons hold now and then; some mean something elsewhere.
pub fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[aAbB]{0,2}",
        1 => "[aAbÄäß漢%_'\\\\;,()&$+ ]{0,3}",
    ]
}

/// The instants that occur: before and after 1970, with and without fractions, none.
pub fn instant() -> impl Strategy<Value = i64> {
    let second = 10_000_000;
    prop::sample::select(vec![
        -1,
        0,
        15_160_402_827_900_000,
        15_160_402_820_000_000,
        15_160_320_000_000_000,
        -86_400 * second,
        -31 * second - 1,
    ])
}

/// The `i`-th point of a tenant whose points start at `first`.
fn row(first: i64, i: i64) -> impl Strategy<Value = Row> {
    let count = POINTS_EACH as i64;
    // Mostly of the same tenant; some lead to another tenant's point, or nowhere.
    let parent = prop_oneof![
        3 => Just(None),
        6 => (first..first + count).prop_map(Some),
        1 => (first + count..first + 2 * count).prop_map(Some),
        1 => Just(Some(-1)),
    ];
    let numbers = (
        prop::option::of(-3_i64..4),
        -2_i64..3,
        prop::option::of((-6_i8..7).prop_map(|n| f64::from(n) / 2.0)),
        0_i64..8,
    );
    let texts = (
        prop::option::of(word()),
        word(),
        prop::collection::vec(word(), 0..3),
    );
    let rest = (prop::option::of(any::<bool>()), prop::option::of(instant()));
    (numbers, texts, rest, parent).prop_map(
        move |((n, m, r, color), (s, t, words), (b, at), parent)| Row {
            id: first + i,
            n,
            m,
            r,
            s,
            t,
            b,
            at,
            color,
            words,
            parent,
        },
    )
}
