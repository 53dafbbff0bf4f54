//! Statements and values mean the same on both engines.

use crate::place::{Place, insert, names};
use db::{Cell, Db, Dialect, Error, Row, Sql, Value};

fn one(db: &Db, sql: &'static str, params: Vec<Value>) -> Result<Row, Error> {
    db.read_blocking(move |tx| tx.row(sql, &params)?.ok_or(Error::Panic))
}

#[test]
fn every_value_comes_back_as_it_went_in() {
    for place in Place::all() {
        let db = place.open();
        let values = vec![
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Real(0.1),
            Value::Text("Grüße, 世界".into()),
            Value::Blob(vec![0, 255, 7]),
        ];
        let row = db
            .write_blocking(move |tx| {
                let blob = if tx.dialect() == Dialect::Sqlite {
                    "BLOB"
                } else {
                    "BYTEA"
                };
                tx.exec(
                    &format!(
                        "CREATE TABLE kinds (n BIGINT, b BOOLEAN, i BIGINT, r DOUBLE PRECISION,
                         t TEXT, x {blob})"
                    ),
                    &[],
                )?;
                tx.exec("INSERT INTO kinds VALUES ($1, $2, $3, $4, $5, $6)", &values)?;
                tx.row("SELECT n, b, i, r, t, x FROM kinds", &[])
            })
            .unwrap()
            .unwrap();
        assert_eq!(row.get::<Option<i64>>(0), Ok(None));
        assert_eq!(row.get::<bool>(1), Ok(true));
        assert_eq!(row.get::<i64>(2), Ok(i64::MIN));
        assert_eq!(row.get::<f64>(3), Ok(0.1));
        assert_eq!(row.get::<String>(4).as_deref(), Ok("Grüße, 世界"));
        assert_eq!(row.get::<Vec<u8>>(5), Ok(vec![0, 255, 7]));
    }
}

#[test]
fn placeholders_go_by_number_not_by_order() {
    for place in Place::all() {
        let db = place.open();
        let sql = "SELECT $2 || $1 || $2";
        let row = one(&db, sql, vec!["a".into(), "b".into()]).unwrap();
        assert_eq!(row.get::<String>(0).as_deref(), Ok("bab"));
    }
}

#[test]
fn the_number_of_parameters_must_fit() {
    for place in Place::all() {
        let db = place.open();
        for (sql, params) in [
            ("SELECT name FROM items WHERE name = $1", vec![]),
            (
                "SELECT name FROM items WHERE name = $1",
                vec!["a".into(), "b".into()],
            ),
            ("SELECT name FROM items WHERE name = $2", vec!["a".into()]),
        ] {
            assert!(matches!(one(&db, sql, params), Err(Error::Sql(_))), "{sql}");
        }
    }
}

#[test]
fn a_value_of_the_wrong_type_or_size_is_refused_by_postgres() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    for (sql, value) in [
        ("SELECT 1 WHERE $1::int4 = 1", Value::Int(1 << 40)),
        ("SELECT 1 WHERE $1::bool", Value::Int(2)),
        ("SELECT 1 WHERE $1::int8 = 1", Value::Text("1".into())),
    ] {
        assert!(
            matches!(one(&db, sql, vec![value]), Err(Error::Sql(_))),
            "{sql}"
        );
    }
    // What loses nothing is converted.
    let sql = "SELECT $1::int2 + $2::int8, $3::bool, $4::float8, $5::float4, $6::int8";
    let values = vec![
        7.into(),
        true.into(),
        1.into(),
        2.into(),
        0.5.into(),
        Value::Null,
    ];
    let row = one(&db, sql, values).unwrap();
    assert_eq!(row.get::<i64>(0), Ok(8));
    assert_eq!(row.get::<bool>(1), Ok(true));
    assert_eq!(row.get::<f64>(2), Ok(2.0));
    assert_eq!(row.get::<f64>(3), Ok(0.5));
    assert_eq!(row.get::<Option<i64>>(4), Ok(None));
}

#[test]
fn sums_and_averages_are_numbers() {
    for place in Place::all() {
        let db = place.open();
        db.write_blocking(|tx| {
            tx.exec(
                "INSERT INTO items (amount) VALUES ($1), ($2)",
                &[70_000.into(), 30_001.into()],
            )
        })
        .unwrap();
        let row = one(&db, "SELECT SUM(amount), AVG(amount) FROM items", vec![]).unwrap();
        assert_eq!(row.get::<i64>(0), Ok(100_001));
        assert_eq!(row.get::<f64>(1), Ok(50_000.5));
    }
}

#[test]
fn numerics_of_postgres() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let sql = "SELECT 0::numeric, 10000::numeric, -9223372036854775808::numeric, \
               9223372036854775808::numeric, -12.5::numeric, 0.0001::numeric, \
               'NaN'::numeric, '-Infinity'::numeric, 120000000::numeric";
    let row = one(&db, sql, vec![]).unwrap();
    assert_eq!(row.get::<i64>(0), Ok(0));
    assert_eq!(row.get::<i64>(1), Ok(10_000));
    assert_eq!(row.get::<i64>(2), Ok(i64::MIN));
    assert_eq!(row.get::<f64>(3), Ok(9_223_372_036_854_775_808.0));
    assert_eq!(row.get::<f64>(4), Ok(-12.5));
    assert_eq!(row.get::<f64>(5), Ok(0.0001));
    assert!(row.get::<f64>(6).unwrap().is_nan());
    assert_eq!(row.get::<f64>(7), Ok(f64::NEG_INFINITY));
    assert_eq!(row.get::<i64>(8), Ok(120_000_000));
    let refused = one(&db, "SELECT now() AS moment", vec![]);
    assert!(matches!(refused, Err(Error::Cell(text)) if text.contains("moment")));
}

#[test]
fn exec_counts_rows() {
    for place in Place::all() {
        let db = place.open();
        let counts = db
            .write_blocking(|tx| {
                let inserted = tx.exec("INSERT INTO items (amount) VALUES (1), (2), (3)", &[])?;
                let none = tx.exec("UPDATE items SET amount = 9 WHERE amount > 9", &[])?;
                let table = tx.exec("CREATE TABLE other (id BIGINT)", &[])?;
                let returning = tx.exec("DELETE FROM items WHERE amount > 1 RETURNING id", &[])?;
                Ok::<_, Error>([inserted, none, table, returning])
            })
            .unwrap();
        assert_eq!(counts, [3, 0, 0, 2]);
    }
}

#[test]
fn one_call_is_one_statement() {
    for place in Place::all() {
        let db = place.open();
        let two = db.write_blocking(|tx| {
            tx.exec(
                "INSERT INTO items (name) VALUES ('a'); DELETE FROM items",
                &[],
            )
        });
        assert!(matches!(two, Err(Error::Sql(_))), "{two:?}");
    }
}

#[test]
fn each_borrows_cells_and_stops_at_the_first_error() {
    #[derive(Debug, PartialEq)]
    enum Mine {
        Enough(String),
        Db(Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Db(error)
        }
    }
    for place in Place::all() {
        let db = place.open();
        let result: Result<(), Mine> = db.write_blocking(|tx| {
            tx.exec("INSERT INTO items (name) VALUES ('a'), ('b'), ('c')", &[])?;
            let mut seen = String::new();
            tx.each(
                "SELECT id, name FROM items ORDER BY id",
                &[],
                &mut |cells| {
                    assert_eq!(cells.len(), 2);
                    let Cell::Text(name) = cells.get(1) else {
                        panic!("{:?}", cells.get(1))
                    };
                    seen.push_str(name);
                    if name == "b" {
                        Err(Mine::Enough(seen.clone()))
                    } else {
                        Ok(())
                    }
                },
            )
        });
        assert_eq!(result, Err(Mine::Enough("ab".into())));
        assert_eq!(names(&db).len(), 0);
    }
}

#[test]
fn a_text_with_nul_is_refused_alike_and_leaves_nothing() {
    for place in Place::all() {
        let db = place.open();
        let refused = db.write_blocking(|tx| insert(tx, "a\0b"));
        assert!(matches!(refused, Err(Error::Nul)), "{refused:?}");
        assert_eq!(names(&db).len(), 0);
    }
}

/// SQLite calculates on with infinity; PostgreSQL refuses, which is the caller's business.
#[test]
fn a_calculation_that_leaves_its_range_is_no_failure() {
    for place in Place::all() {
        let db = place.open();
        let sql = "SELECT CAST($1 AS DOUBLE PRECISION) * CAST($2 AS DOUBLE PRECISION)";
        let factors = [Value::Real(1e308), Value::Real(1e308)];
        let done = db.read_blocking(move |tx| match tx.row(sql, &factors)? {
            Some(row) => row.get::<f64>(0),
            None => Ok(0.0),
        });
        assert!(
            matches!(done, Ok(f64::INFINITY) | Err(Error::OutOfRange)),
            "{done:?}"
        );
    }
}

#[test]
fn violations_are_recognised() {
    for place in Place::all() {
        let db = place.open();
        let id = db.write_blocking(|tx| insert(tx, "a")).unwrap();
        let twice = db.write_blocking(|tx| insert(tx, "a"));
        let Err(Error::Unique { constraint }) = twice else {
            panic!("{twice:?}")
        };
        match db.dialect() {
            Dialect::Sqlite => assert_eq!(constraint, "items.name"),
            Dialect::Postgres => assert_eq!(constraint, "items_name_key"),
        }
        let key = db
            .write_blocking(move |tx| tx.exec("INSERT INTO items (id) VALUES ($1)", &[id.into()]));
        assert!(matches!(key, Err(Error::Unique { .. })), "{key:?}");
        let orphan =
            db.write_blocking(|tx| tx.exec("INSERT INTO parts (item_id) VALUES (99)", &[]));
        assert_eq!(orphan, Err(Error::ForeignKey));
        // The row RETURNING hands out does not hide that the statement fails at its end.
        let orphan = db.write_blocking(|tx| {
            tx.row("INSERT INTO parts (item_id) VALUES (99) RETURNING id", &[])
        });
        assert_eq!(orphan, Err(Error::ForeignKey));
        let parent = db.write_blocking(move |tx| {
            tx.exec("INSERT INTO parts (item_id) VALUES ($1)", &[id.into()])?;
            tx.exec("DELETE FROM items WHERE id = $1", &[id.into()])
        });
        assert_eq!(parent, Err(Error::ForeignKey));
        let later = db.write_blocking(move |tx| {
            tx.exec(
                "INSERT INTO parts (item_id, later) VALUES ($1, 99)",
                &[id.into()],
            )
        });
        assert_eq!(later, Err(Error::ForeignKey));
    }
}

#[test]
fn fold_is_unicode_lower_case_and_orders_by_code_point() {
    for place in Place::all() {
        let db = place.open();
        for (text, folded) in [
            ("ÄÖÜ", "äöü"),
            ("İstanbul", "i\u{307}stanbul"),
            ("Straße", "straße"),
            ("ẞ", "ß"),
            ("ASCII 123", "ascii 123"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
            ("", ""),
        ] {
            let row = one(&db, "SELECT fold($1)", vec![text.into()]).unwrap();
            assert_eq!(row.get::<String>(0).as_deref(), Ok(folded));
        }
        let row = one(&db, "SELECT fold(NULL)", vec![]).unwrap();
        assert_eq!(row.get::<Option<String>>(0), Ok(None));

        let ordered: Vec<String> = db
            .write_blocking(|tx| {
                tx.exec(
                    "CREATE UNIQUE INDEX items_folded ON items (fold(name))",
                    &[],
                )?;
                for name in ["b", "Z", "ä", "_", "A"] {
                    insert(tx, name)?;
                }
                let rows = tx.rows("SELECT name FROM items ORDER BY fold(name)", &[])?;
                rows.iter().map(|row| row.get(0)).collect()
            })
            .unwrap();
        assert_eq!(ordered, ["_", "A", "b", "Z", "ä"]);
        let same = db.write_blocking(|tx| insert(tx, "Ä"));
        assert!(matches!(same, Err(Error::Unique { .. })), "{same:?}");
    }
}

/// Whatever is in a text: an index of parts of texts finds it wherever it is in one.
#[test]
fn search_for_finds_what_is_in_a_text() {
    for place in Place::all() {
        let db = place.open();
        let (index, count) = match db.dialect() {
            Dialect::Sqlite => (
                "CREATE VIRTUAL TABLE texts USING fts5 (
                     text, detail = none, tokenize = 'trigram case_sensitive 1')",
                "SELECT COUNT(*) FROM texts WHERE texts MATCH search_for($1)",
            ),
            Dialect::Postgres => (
                "CREATE TABLE texts (text TEXT NOT NULL)",
                "SELECT COUNT(*) FROM texts WHERE text LIKE search_for($1)",
            ),
        };
        db.write_blocking(|tx| tx.exec(index, &[])).unwrap();
        let text = "a 100%_b \\ c \"AND\" 'd' * ^ -x NEAR(y) {z}: 👍🏽é 株式会社";
        let add = "INSERT INTO texts VALUES ($1)";
        db.write_blocking(move |tx| tx.exec(add, &[text.into()]))
            .unwrap();
        let all: Vec<char> = text.chars().collect();
        for length in 3..=all.len() {
            for part in all.windows(length) {
                let part = String::from_iter(part);
                let row = one(&db, count, vec![part.as_str().into()]).unwrap();
                assert_eq!(row.get::<i64>(0), Ok(1), "{part}");
            }
        }
        for other in ["100_%", "1000", "\\\\ c", "and", "\"AND ", "株式会杜"] {
            let row = one(&db, count, vec![other.into()]).unwrap();
            assert_eq!(row.get::<i64>(0), Ok(0), "{other}");
        }
        let row = one(&db, "SELECT search_for(NULL)", vec![]).unwrap();
        assert_eq!(row.get::<Option<String>>(0), Ok(None));
    }
}

#[test]
fn a_failed_statement_fails_the_closure_on_both_engines() {
    for place in Place::all() {
        let db = place.open();
        db.write_blocking(|tx| insert(tx, "a")).unwrap();
        let ignored: Result<(), Error> = db.write_blocking(|tx| {
            insert(tx, "b")?;
            let _ = insert(tx, "a");
            Ok(())
        });
        assert!(matches!(ignored, Err(Error::Sql(_))), "{ignored:?}");
        let went_on = db.write_blocking(|tx| {
            let _ = insert(tx, "a");
            insert(tx, "c")
        });
        assert!(matches!(went_on, Err(Error::Sql(_))), "{went_on:?}");
        assert_eq!(names(&db), ["a"]);
    }
}

#[test]
fn a_savepoint_is_rolled_back_alone() {
    for place in Place::all() {
        let db = place.open();
        db.write_blocking(|tx| {
            insert(tx, "a")?;
            let failed = tx.savepoint(|tx| {
                insert(tx, "lost")?;
                tx.savepoint(|tx| insert(tx, "lost too"))?;
                insert(tx, "a")
            });
            assert!(matches!(failed, Err(Error::Unique { .. })), "{failed:?}");
            tx.savepoint(|tx| {
                insert(tx, "b")?;
                let refused = tx.savepoint(|tx| {
                    insert(tx, "lost as well")?;
                    Err::<(), _>(Error::Panic)
                });
                assert_eq!(refused, Err(Error::Panic));
                insert(tx, "c")
            })
        })
        .unwrap();
        assert_eq!(names(&db), ["a", "b", "c"]);
    }
}

#[test]
fn readers_cannot_write_and_see_one_snapshot() {
    for place in Place::all() {
        let db = place.open();
        let refused = db.read_blocking(|tx| tx.exec("DELETE FROM items", &[]));
        assert!(matches!(refused, Err(Error::Sql(_))), "{refused:?}");

        let count = "SELECT COUNT(*) FROM items";
        let writer = db.clone();
        let counts = db
            .read_blocking(move |tx| {
                let before = tx.row(count, &[])?;
                let write = writer.clone();
                // From a thread of its own: a closure must not wait for its own database.
                std::thread::spawn(move || write.write_blocking(|tx| insert(tx, "new")))
                    .join()
                    .unwrap()?;
                Ok::<_, Error>((before, tx.row(count, &[])?))
            })
            .unwrap();
        assert_eq!(counts.0, counts.1);
        assert_eq!(names(&db), ["new"]);
    }
}

#[test]
fn a_built_statement_runs() {
    for place in Place::all() {
        let db = place.open();
        let mut sql = Sql::new();
        sql.push("INSERT INTO items (name, amount) VALUES (")
            .bind("x")
            .push(", ")
            .bind(5_i64);
        sql.push(")");
        assert_eq!(
            db.write_blocking(move |tx| tx.exec(&sql.text, &sql.params)),
            Ok(1)
        );
    }
}

#[test]
fn more_statements_than_the_cache_holds() {
    for place in Place::all() {
        let db = place.open();
        let sum = db.read_blocking(|tx| {
            let mut sum = 0;
            for n in (0..600).chain(0..10) {
                let row = tx.row(
                    &format!("SELECT {n} + $1::bigint").replace("::bigint", cast(tx.dialect())),
                    &[1.into()],
                )?;
                sum += row.ok_or(Error::Panic)?.get::<i64>(0)?;
            }
            Ok::<_, Error>(sum)
        });
        assert_eq!(sum, Ok(600 * 599 / 2 + 45 + 610));
    }
}

fn cast(dialect: Dialect) -> &'static str {
    if dialect == Dialect::Postgres {
        "::bigint"
    } else {
        ""
    }
}

#[test]
fn an_error_behind_the_first_row_is_not_lost() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let late = db.write_blocking(|tx| {
        insert(tx, "lost")?;
        tx.row("SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n", &[])
    });
    assert!(matches!(late, Err(Error::Sql(_))), "{late:?}");
    assert_eq!(names(&db).len(), 0);
}

#[test]
fn statements_are_recorded_with_their_values_while_somebody_looks() {
    for place in Place::all() {
        let db = place.open();
        let (outer, inner) = db
            .write_blocking(|tx| {
                insert(tx, "before")?;
                let (inner, outer) = tx.recorded(|tx| {
                    tx.exec("DELETE FROM items WHERE name = $1", &["x".into()])?;
                    let (_, inner) = tx.recorded(|tx| {
                        tx.savepoint(|tx| tx.rows("SELECT CAST($1 AS BIGINT) + 1", &[1_i64.into()]))
                    });
                    tx.rows("SELECT name FROM items", &[])?;
                    Ok::<_, Error>(inner)
                });
                insert(tx, "after")?;
                Ok::<_, Error>((outer, inner?))
            })
            .unwrap();
        let texts: Vec<_> = outer.iter().map(|sql| &*sql.text).collect();
        let deleted = "DELETE FROM items WHERE name = $1";
        let added = "SELECT CAST($1 AS BIGINT) + 1";
        assert_eq!(texts, [deleted, added, "SELECT name FROM items"]);
        assert_eq!(outer[0].params, ["x".into()]);
        assert_eq!(inner, outer[1..2]);
    }
}

#[test]
fn a_number_is_remembered_until_the_next_commit() {
    for place in Place::all() {
        let db = place.open();
        // Slow enough to be worth it.
        const SLOW: &str = "WITH RECURSIVE n (i) AS
            (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i < $1)
            SELECT MAX(n.i) + (SELECT COUNT(*) FROM items) FROM n";
        let ask = |upto: i64| {
            let before = db.stats().statements;
            let number = db.read_blocking(move |tx| tx.number(SLOW, &[upto.into()]));
            (number.unwrap(), db.stats().statements - before)
        };
        let again = u64::from(db.dialect() == Dialect::Postgres);
        assert_eq!(ask(200_000), (200_000, 1));
        assert_eq!(ask(200_000), (200_000, again));
        assert_eq!(ask(199_999), (199_999, 1), "another parameter");
        db.write_blocking(|tx| insert(tx, "a")).unwrap();
        assert_eq!(ask(200_000), (200_001, 1), "another state");
        assert_eq!(ask(200_000), (200_001, again));
        // Writers see what they have done so far.
        let own = db.write_blocking(|tx| {
            let before = tx.number(SLOW, &[200_000.into()])?;
            insert(tx, "b")?;
            Ok::<_, Error>((before, tx.number(SLOW, &[200_000.into()])?))
        });
        assert_eq!(own.unwrap(), (200_001, 200_002));
        let none = db.read_blocking(|tx| tx.number("SELECT 1 WHERE FALSE", &[]));
        assert_eq!(none.unwrap(), 0);
    }
}
