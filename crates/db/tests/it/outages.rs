//! PostgreSQL goes away and comes back.

use crate::place::{Gate, Place, insert, names, until};
use db::{Db, Error, Options, Url};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::spawn;
use std::time::Instant;

#[test]
fn a_wrong_url_is_told_at_once() {
    let open = |url: &str| Db::open(Options::new(Url::Postgres(url.into()), "test"));
    let invalid = open("postgres://host:port/");
    assert!(matches!(invalid, Err(Error::Invalid(_))), "{invalid:?}");
    let nobody = open("host=/nonexistent user=nobody");
    assert!(matches!(nobody, Err(Error::Unavailable(_))), "{nobody:?}");
    let none = Db::open(Options {
        readers: 0,
        ..Options::new(Url::Postgres(String::new()), "test")
    });
    assert!(matches!(none, Err(Error::Invalid(_))), "{none:?}");
    assert!(!format!("{:?}", Url::Postgres("postgres://u:secret@h/d".into())).contains("secret"));
}

#[test]
fn a_missing_database_is_named() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let Url::Postgres(url) = &place.url else {
        return;
    };
    let missing = url.replace("baton_db_", "missing_");
    let refused = Db::open(Options::new(Url::Postgres(missing), "test"));
    assert!(
        matches!(&refused, Err(Error::Unavailable(text)) if text.contains("missing_")),
        "{refused:?}"
    );
}

#[test]
fn a_killed_connection_fails_its_batch_and_is_replaced() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let gate = Gate::close(&db);
    let other = db.clone();
    let neighbour = spawn(move || other.write_blocking(|tx| insert(tx, "lost")));
    until(|| db.stats().queued_writes == 1);
    let other = db.clone();
    let victim = spawn(move || {
        other.write_blocking(|tx| tx.row("SELECT pg_terminate_backend(pg_backend_pid())", &[]))
    });
    until(|| db.stats().queued_writes == 2);
    gate.open();
    let neighbour = neighbour.join().unwrap();
    assert!(
        matches!(neighbour, Err(Error::Unavailable(_))),
        "{neighbour:?}"
    );
    let victim = victim.join().unwrap();
    assert!(matches!(victim, Err(Error::Unavailable(_))), "{victim:?}");
    db.write_blocking(|tx| insert(tx, "a")).unwrap();
    assert_eq!(names(&db), ["a"]);
}

#[test]
fn a_connection_killed_while_idle_is_replaced_unnoticed() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    for n in 0..3 {
        place.admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = '{}' AND application_name = 'test'",
        );
        db.write_blocking(move |tx| insert(tx, &n.to_string()))
            .unwrap();
        assert_eq!(names(&db).len(), n + 1);
    }
}

/// Makes the server refuse new connections to the database, and ends those there are if told to.
fn refuse(place: &Place, kill: bool) {
    place.admin("ALTER DATABASE {} ALLOW_CONNECTIONS false");
    if kill {
        place.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'");
    }
}

#[test]
fn while_the_server_is_away_calls_fail_fast_and_then_recover() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    refuse(&place, true);
    let started = Instant::now();
    for _ in 0..200 {
        let refused = db.write_blocking(|tx| insert(tx, "lost"));
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }
    assert!(started.elapsed().as_secs() < 5);
    place.admin("ALTER DATABASE {} ALLOW_CONNECTIONS true");
    until(|| db.write_blocking(|tx| insert(tx, "a")).is_ok());
    assert_eq!(names(&db), ["a"]);
}

#[test]
fn lanes_without_connection_leave_the_work_to_the_others() {
    let Some(place) = Place::postgres() else {
        return;
    };
    place.open().close();
    // Only the first of them is connected now, and no other will be.
    let db = Db::open(Options {
        writers: 4,
        ..place.options()
    })
    .unwrap();
    refuse(&place, false);
    let calls: Vec<_> = (0..200)
        .map(|n| {
            let db = db.clone();
            spawn(move || db.write_blocking(move |tx| insert(tx, &n.to_string())))
        })
        .collect();
    for call in calls {
        call.join().unwrap().unwrap();
    }
    assert_eq!(db.stats().connects, 1);
}

#[test]
fn sessions_are_set_up_for_their_role() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let show = |writer: bool, setting: &str| {
        let sql = format!("SELECT current_setting('{setting}')");
        let row = if writer {
            db.write_blocking(move |tx| tx.row(&sql, &[]))
        } else {
            db.read_blocking(move |tx| tx.row(&sql, &[]))
        };
        row.unwrap().unwrap().get::<String>(0).unwrap()
    };
    for (setting, writer, reader) in [
        ("TimeZone", "UTC", "UTC"),
        ("jit", "off", "off"),
        ("enable_bitmapscan", "off", "on"),
        ("enable_sort", "off", "on"),
        ("transaction_read_only", "off", "on"),
        ("transaction_isolation", "read committed", "repeatable read"),
        ("statement_timeout", "0", "30s"),
        ("application_name", "test", "test"),
    ] {
        assert_eq!(show(true, setting), writer, "{setting} of writers");
        assert_eq!(show(false, setting), reader, "{setting} of readers");
    }
}

/// Answers every request for encryption with `answer`.
fn fake_server(answer: &'static [u8]) -> Db {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 8];
        socket.read_exact(&mut request).unwrap();
        socket.write_all(answer).unwrap();
    });
    let url = format!("postgres://somebody@127.0.0.1:{port}/x?sslmode=verify-full");
    let opened = Db::open(Options::new(Url::Postgres(url), "test"));
    server.join().unwrap();
    opened.unwrap()
}

#[test]
#[should_panic(expected = "server does not support TLS")]
fn a_server_without_tls_is_refused_if_it_is_required() {
    fake_server(b"N");
}

#[test]
#[should_panic(expected = "Unavailable")]
fn a_handshake_that_fails_is_an_error() {
    fake_server(b"S\x15\x03\x03\x00\x02\x02\x28");
}
