//! The schema only ever moves forward, on both engines from one text.

use crate::place::{INIT, Place, insert};
use db::{Db, Error, Migration, Options};
use std::thread::spawn;

const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    sql: "ALTER TABLE items ADD COLUMN body {blob};
          {sqlite:CREATE TABLE only_here (engine TEXT DEFAULT '{}', id {id});}
          {postgres:CREATE TABLE only_here (engine {text} DEFAULT '{}', id {id});}
          INSERT INTO items (name) VALUES ('{braces}')",
};

#[test]
fn what_is_missing_is_applied_once() {
    for place in Place::all() {
        let db = Db::open(place.options()).unwrap();
        assert_eq!(db.applied(&[INIT]), Ok(0));
        assert_eq!(db.migrate(&[]), Ok(vec![]));
        assert_eq!(db.applied(&[INIT]), Ok(0));
        assert_eq!(db.migrate(&[INIT]), Ok(vec!["init"]));
        assert_eq!(db.applied(&[INIT, SECOND]), Ok(1));
        let newer = db.applied(&[]);
        assert!(matches!(newer, Err(Error::Newer { .. })), "{newer:?}");
        assert_eq!(db.migrate(&[INIT, SECOND]), Ok(vec!["second"]));
        assert_eq!(db.migrate(&[INIT, SECOND]), Ok(vec![]));
        let row = db
            .write_blocking(|tx| {
                tx.exec("INSERT INTO only_here (id) VALUES (5)", &[])?;
                tx.row(
                    "SELECT engine, name FROM only_here, items WHERE body IS NULL",
                    &[],
                )
            })
            .unwrap()
            .unwrap();
        assert_eq!(row.get::<String>(0).as_deref(), Ok("{}"));
        assert_eq!(row.get::<String>(1).as_deref(), Ok("{braces}"));
    }
}

#[test]
fn a_migration_that_fails_leaves_nothing() {
    for place in Place::all() {
        let db = Db::open(place.options()).unwrap();
        let broken = Migration {
            version: 2,
            name: "broken",
            sql: "CREATE TABLE half (id {id}); SELEKT 1",
        };
        let failed = db.migrate(&[INIT, broken]);
        assert!(
            matches!(&failed, Err(Error::Sql(text)) if text.contains("2 (broken)")),
            "{failed:?}"
        );
        let open = Migration {
            sql: "{sqlite: CREATE TABLE half (id {id})",
            ..broken
        };
        let failed = db.migrate(&[INIT, open]);
        assert!(matches!(failed, Err(Error::Invalid(_))), "{failed:?}");
        // The one before it is there, and the table of the broken one is not.
        let fixed = Migration {
            sql: "CREATE TABLE half (id {id})",
            ..broken
        };
        assert_eq!(db.migrate(&[INIT, fixed]), Ok(vec!["broken"]));
    }
}

#[test]
fn a_newer_schema_is_refused() {
    for place in Place::all() {
        let db = Db::open(place.options()).unwrap();
        db.migrate(&[INIT, SECOND]).unwrap();
        assert_eq!(
            db.migrate(&[INIT]),
            Err(Error::Newer { found: 2, known: 1 })
        );
        assert_eq!(db.migrate(&[]), Err(Error::Newer { found: 2, known: 0 }));
    }
}

#[test]
fn history_cannot_be_rewritten() {
    for place in Place::all() {
        let db = Db::open(place.options()).unwrap();
        let third = Migration {
            version: 3,
            name: "third",
            sql: "DELETE FROM items",
        };
        db.migrate(&[INIT, third]).unwrap();
        let changed = Migration {
            sql: "DELETE FROM items WHERE id = 1",
            ..third
        };
        for refused in [
            db.migrate(&[INIT, changed]),       // changed
            db.migrate(&[INIT, SECOND, third]), // put between
            db.migrate(&[third]),               // removed
            db.migrate(&[third, INIT]),         // out of order
            db.migrate(&[INIT, INIT, third]),   // twice
        ] {
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
        // Line ends of another system are no change.
        let windows = Migration {
            sql: "\rDELETE FROM items\r",
            ..third
        };
        assert_eq!(db.migrate(&[INIT, windows]), Ok(vec![]));
    }
}

#[test]
fn two_stores_share_a_postgres_database() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let main = place.open();
    let logs = Db::open(Options {
        name: "logs",
        ..place.options()
    })
    .unwrap();
    let lines = Migration {
        version: 1,
        name: "lines",
        sql: "CREATE TABLE lines (id {id})",
    };
    assert_eq!(logs.migrate(&[lines]), Ok(vec!["lines"]));
    assert_eq!(main.migrate(&[INIT]), Ok(vec![]));
}

#[test]
fn nodes_may_migrate_at_once() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let options = place.options();
            spawn(move || {
                Db::open(options)
                    .unwrap()
                    .migrate(&[INIT, SECOND])
                    .unwrap()
                    .len()
            })
        })
        .collect();
    let applied: usize = nodes.into_iter().map(|node| node.join().unwrap()).sum();
    assert_eq!(applied, 2);
}

#[test]
fn prepared_statements_survive_a_change_of_their_table() {
    for place in Place::all() {
        let db = place.open();
        db.write_blocking(|tx| insert(tx, "a")).unwrap();
        let all = |db: &Db| {
            let row = db
                .read_blocking(|tx| tx.row("SELECT * FROM items", &[]))
                .unwrap();
            row.unwrap().len()
        };
        // Each reader is likely to have prepared it.
        for _ in 0..20 {
            assert_eq!(all(&db), 3);
        }
        db.write_blocking(|tx| tx.exec("ALTER TABLE items ADD COLUMN more BIGINT", &[]))
            .unwrap();
        for _ in 0..20 {
            assert_eq!(all(&db), 4);
        }
    }
}
