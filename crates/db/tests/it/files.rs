//! The SQLite file: who may open it, and what is left of it.

use crate::place::{Place, insert, names, until};
use db::{Db, Error, Options, Url};

#[test]
fn a_second_opening_is_refused_until_the_first_is_closed() {
    let place = Place::sqlite();
    let first = place.open();
    let second = Db::open(place.options());
    let Err(Error::Locked(text)) = second else {
        panic!("{second:?}")
    };
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    assert!(text.contains("PostgreSQL"), "{text}");
    first.close();
    assert_eq!(names(&place.open()).len(), 0);
    // Dropping closes as well.
    drop(first);
    drop(place.open());
    drop(place.open());
}

#[test]
fn the_log_is_written_back_on_close() {
    let place = Place::sqlite();
    let db = place.open();
    db.write_blocking(|tx| insert(tx, "a")).unwrap();
    let wal = place.file().with_extension("db-wal");
    assert!(wal.exists());
    db.close();
    assert!(!wal.exists());
    assert_eq!(names(&place.open()), ["a"]);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::sqlite();
    let _db = place.open();
    let mut files = 0;
    for file in std::fs::read_dir(place.file().parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
        files += 1;
    }
    assert_eq!(
        files, 4,
        "the file, its lock, its log and the index of that"
    );
}

#[test]
fn what_is_not_a_database_is_refused_and_left_alone() {
    let place = Place::sqlite();
    std::fs::write(
        place.file(),
        "not a database, but somebody's only copy of it".repeat(40),
    )
    .unwrap();
    let before = std::fs::read(place.file()).unwrap();
    let refused = Db::open(place.options());
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert_eq!(std::fs::read(place.file()).unwrap(), before);

    let nowhere = Options::new(Url::Sqlite("/nonexistent/folder/x.db".into()), "test");
    let refused = Db::open(nowhere);
    assert!(
        matches!(&refused, Err(Error::Unavailable(text)) if text.contains("/nonexistent")),
        "{refused:?}"
    );
}

#[test]
fn the_settings_that_matter_are_in_force() {
    let place = Place::sqlite();
    let db = place.open();
    for (pragma, wanted) in [
        ("PRAGMA synchronous", 2),
        ("PRAGMA foreign_keys", 1),
        ("PRAGMA temp_store", 2),
        ("PRAGMA busy_timeout", 5000),
    ] {
        let row = db
            .write_blocking(|tx| tx.row(pragma, &[]))
            .unwrap()
            .unwrap();
        assert_eq!(row.get::<i64>(0), Ok(wanted), "{pragma}");
    }
    let row = db
        .read_blocking(|tx| tx.row("PRAGMA journal_mode", &[]))
        .unwrap()
        .unwrap();
    assert_eq!(row.get::<String>(0).as_deref(), Ok("wal"));
}

#[test]
fn a_full_disk_fails_the_batch_and_is_survived() {
    let place = Place::sqlite();
    let db = place.open();
    let pages = "PRAGMA max_page_count = 40";
    db.write_blocking(move |tx| tx.row(pages, &[])).unwrap();
    let big = "x".repeat(300_000);
    let full = db.write_blocking(move |tx| insert(tx, &big));
    assert!(
        matches!(&full, Err(Error::Sql(text)) if text.contains("full")),
        "{full:?}"
    );
    db.write_blocking(|tx| insert(tx, "small")).unwrap();
    assert_eq!(names(&db), ["small"]);
}

#[test]
fn statistics_come_with_growth_and_reach_the_readers() {
    let place = Place::sqlite();
    let db = place.open();
    let analysed = |db: &Db| -> i64 {
        let known = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'";
        let number = "SELECT CAST(SUBSTR(stat, 1, INSTR(stat, ' ') - 1) AS BIGINT)
            FROM sqlite_stat1 WHERE tbl = 'items' LIMIT 1";
        let read = db.read_blocking(move |tx| match tx.number(known, &[])? {
            0 => Ok::<_, Error>(0),
            _ => tx.number(number, &[]),
        });
        read.unwrap()
    };
    let fill = |db: &Db, rows: i64| {
        let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
            INSERT INTO items (name, amount) SELECT NULL, i FROM n";
        let filled = db.write_blocking(move |tx| tx.exec(sql, &[rows.into()]));
        assert_eq!(filled.unwrap(), rows.unsigned_abs());
    };
    // What is too little to wake anybody up is looked at in the end.
    fill(&db, 5_000);
    assert_eq!(analysed(&db), 0);
    db.close();
    let db = place.open();
    assert_eq!(analysed(&db), 5_000);
    let readers = db.stats().connects;
    fill(&db, 200_000);
    until(|| analysed(&db) == 205_000);
    until(|| {
        analysed(&db);
        db.stats().connects > readers
    });
}
