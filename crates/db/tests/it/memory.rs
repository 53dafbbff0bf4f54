//! SQLite in memory: one connection that reads and writes.

use crate::place::insert;
use db::{Db, Error, Options, Url};

#[test]
fn what_was_written_is_read_until_the_end() {
    let open = || Db::open(Options::new(Url::memory(), "memory")).unwrap();
    let (db, other) = (open(), open());
    db.write_blocking(|tx| {
        tx.exec(
            "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
            &[],
        )?;
        insert(tx, "a")
    })
    .unwrap();
    let count = |tx: &mut db::Tx<'_>| tx.number("SELECT COUNT(*) FROM items", &[]);
    assert_eq!(db.read_blocking(count), Ok(1));
    let refused = db.write_blocking(|tx| {
        insert(tx, "b")?;
        insert(tx, "a")
    });
    assert!(matches!(refused, Err(Error::Unique { .. })));
    assert_eq!(db.read_blocking(count), Ok(1));
    assert!(other.read_blocking(count).is_err(), "another database");
}
