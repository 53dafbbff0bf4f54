//! Closures that share a transaction do not notice it.

use crate::place::{Gate, Place, insert, names, until};
use db::{Db, Dialect, Error, Options};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{JoinHandle, spawn};

/// Queues a closure behind the gate and waits until it is there, so that the order is certain.
fn queue<T: Send + 'static>(
    db: &Db,
    f: impl FnMut(&mut db::Tx<'_>) -> Result<T, Error> + Send + 'static,
) -> JoinHandle<Result<T, Error>> {
    let before = db.stats().queued_writes;
    let other = db.clone();
    let handle = spawn(move || other.write_blocking(f));
    until(|| db.stats().queued_writes > before);
    handle
}

#[test]
fn waiting_closures_share_a_commit() {
    for place in Place::all() {
        let db = place.open();
        let gate = Gate::close(&db);
        let before = db.stats();
        let handles: Vec<_> = (0..100)
            .map(|n| queue(&db, move |tx| insert(tx, &n.to_string())))
            .collect();
        gate.open();
        for handle in handles {
            handle.join().unwrap().unwrap();
        }
        let after = db.stats();
        assert_eq!(after.writes - before.writes, 101);
        let batches = if db.dialect() == Dialect::Sqlite {
            1
        } else {
            100_u64.div_ceil(16)
        };
        assert_eq!(after.batches - before.batches, batches);
        assert_eq!(names(&db).len(), 100);
    }
}

#[test]
fn each_closure_of_a_batch_fails_alone() {
    for place in Place::all() {
        let db = place.open();
        let gate = Gate::close(&db);
        let first = queue(&db, |tx| insert(tx, "a"));
        let refused = queue(&db, |tx| {
            insert(tx, "lost")?;
            insert(tx, "a")
        });
        let panicking = queue(&db, |tx| {
            insert(tx, "lost")?;
            if tx.rows("SELECT 1", &[])?.len() == 1 {
                panic!("this panic is part of a test");
            }
            Ok(())
        });
        let last = queue(&db, |tx| insert(tx, "b"));
        gate.open();
        assert!(first.join().unwrap().is_ok());
        let refused = refused.join().unwrap();
        assert!(matches!(refused, Err(Error::Unique { .. })), "{refused:?}");
        assert_eq!(panicking.join().unwrap(), Err(Error::Panic));
        assert!(last.join().unwrap().is_ok());
        assert_eq!(names(&db), ["a", "b"]);
        let stats = db.stats();
        assert_eq!((stats.failures, stats.panics, stats.reruns), (2, 1, 0));
    }
}

/// Sends an item with a name that is taken.
fn send_taken(tx: &mut db::Tx<'_>) -> Result<(), Error> {
    tx.send_many("INSERT INTO items (name) {values}", vec!["a"])
}

/// PostgreSQL answers the COMMIT of a transaction that failed as if nothing were wrong.
#[test]
fn nothing_is_committed_whose_last_statement_fails_unnoticed() {
    for place in Place::all() {
        let db = place.open();
        db.write_blocking(|tx| insert(tx, "a")).unwrap();
        let alone: Result<(), Error> = db.write_blocking(|tx| {
            insert(tx, "lost")?;
            send_taken(tx)
        });
        assert!(matches!(alone, Err(Error::Unique { .. })), "{alone:?}");
        let inside: Result<(), Error> = db.write_blocking(|tx| {
            tx.exec_many("INSERT INTO items (name) {values}", vec!["kept"])?;
            let undone: Result<(), Error> = tx.savepoint(|tx| {
                insert(tx, "undone")?;
                send_taken(tx)
            });
            assert!(matches!(undone, Err(Error::Unique { .. })), "{undone:?}");
            tx.send_many("INSERT INTO items (name) {values}", vec!["after"])
        });
        assert_eq!(inside, Ok(()));
        assert_eq!(names(&db), ["a", "kept", "after"]);
    }
}

/// Says that it is a number, and is none.
struct NoNumber;

impl db::Params for NoNumber {
    const COLUMNS: &'static [(&'static str, &'static str)] = &[("1", "BIGINT")];

    fn values(self) -> Vec<db::Value> {
        vec!["no number".into()]
    }
}

/// A value that the server would refuse is refused on this side, and the server never sees it.
#[test]
fn nothing_is_committed_of_which_a_part_could_not_be_sent() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let unsent: Result<(), Error> = db.write_blocking(|tx| {
        insert(tx, "lost")?;
        tx.send_many("UPDATE items SET amount = {1} {rows}", vec![NoNumber])
    });
    assert!(unsent.is_err(), "{unsent:?}");
    assert_eq!(names(&db), [""; 0]);
}

/// On PostgreSQL the failure of what it sent shows when the next closure asks for something.
#[test]
fn what_a_panicking_closure_has_sent_fails_with_it() {
    for place in Place::all() {
        let db = place.open();
        let gate = Gate::close(&db);
        let first = queue(&db, |tx| insert(tx, "a"));
        let panicking = queue(&db, |tx| -> Result<(), Error> {
            let sent = send_taken(tx);
            panic!("this panic is part of a test: {sent:?}");
        });
        let ignoring = queue(&db, |tx| {
            let _ = send_taken(tx);
            let _ = tx.exec("UPDATE items SET name = $1", &["\0".into()]);
            Ok(())
        });
        let last = queue(&db, |tx| insert(tx, "b"));
        gate.open();
        assert!(first.join().unwrap().is_ok());
        assert_eq!(panicking.join().unwrap(), Err(Error::Panic));
        assert!(ignoring.join().unwrap().is_err());
        let last = last.join().unwrap();
        assert!(last.is_ok(), "{last:?}");
        assert_eq!(names(&db), ["a", "b"]);
    }
}

#[test]
fn the_last_of_a_batch_fails_alone() {
    for place in Place::all() {
        let db = place.open();
        let gate = Gate::close(&db);
        let first = queue(&db, |tx| insert(tx, "a"));
        let refused = queue(&db, |tx| {
            insert(tx, "lost")?;
            insert(tx, "a")
        });
        gate.open();
        assert!(first.join().unwrap().is_ok());
        assert!(refused.join().unwrap().is_err());
        assert_eq!(names(&db), ["a"]);
    }
}

#[test]
fn a_commit_that_fails_is_blamed_on_the_right_closure() {
    for place in Place::all() {
        let db = place.open();
        let id = db.write_blocking(|tx| insert(tx, "item")).unwrap();
        let gate = Gate::close(&db);
        let good = queue(&db, |tx| insert(tx, "good"));
        // A deferred foreign key: nothing is wrong before COMMIT.
        let bad = queue(&db, move |tx| {
            tx.exec(
                "INSERT INTO parts (item_id, later) VALUES ($1, 99)",
                &[id.into()],
            )
        });
        let also_good = queue(&db, |tx| insert(tx, "also good"));
        gate.open();
        assert!(good.join().unwrap().is_ok());
        assert_eq!(bad.join().unwrap(), Err(Error::ForeignKey));
        assert!(also_good.join().unwrap().is_ok());
        assert_eq!(names(&db), ["item", "good", "also good"]);
        assert_eq!(db.stats().reruns, 1);
    }
}

#[test]
fn a_full_queue_refuses_and_recovers() {
    for place in Place::all() {
        let db = place.open();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let gate = Gate::close(&db);
        runtime.block_on(async {
            let calls: Vec<_> = (0..4096)
                .map(|_| {
                    let db = db.clone();
                    tokio::spawn(async move { db.write(|_| Ok::<_, Error>(())).await })
                })
                .collect();
            while db.stats().queued_writes < 4096 {
                tokio::task::yield_now().await;
            }
            assert_eq!(db.write(|_| Ok(())).await, Err(Error::Overloaded));
            assert_eq!(db.stats().overloaded, 1);
            gate.open();
            for call in calls {
                call.await.unwrap().unwrap();
            }
            assert_eq!(db.write(|_| Ok::<_, Error>(7)).await, Ok(7));
        });
    }
}

#[test]
fn what_nobody_waits_for_is_skipped() {
    for place in Place::all() {
        let db = place.open();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let gate = Gate::close(&db);
        runtime.block_on(async {
            let other = db.clone();
            let call = tokio::spawn(async move { other.write(|tx| insert(tx, "skipped")).await });
            while db.stats().queued_writes == 0 {
                tokio::task::yield_now().await;
            }
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
            gate.open();
            db.write(|tx| insert(tx, "done")).await.unwrap();
        });
        assert_eq!(names(&db), ["done"]);
        assert_eq!(db.stats().abandoned, 1);
    }
}

#[test]
fn blocking_calls_work_in_a_task_however_many() {
    let db = Place::sqlite();
    let db = db.open();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let task = tokio::spawn(async move {
            (0..1000)
                .map(|_| db.read_blocking(|_| Ok::<_, Error>(1)).unwrap())
                .sum::<i32>()
        });
        assert_eq!(task.await.unwrap(), 1000);
    });
}

#[test]
fn closing_drains_and_then_refuses() {
    for place in Place::all() {
        let db = place.open();
        let gate = Gate::close(&db);
        let calls: Vec<_> = (0..50)
            .map(|n| queue(&db, move |tx| insert(tx, &n.to_string())))
            .collect();
        let closing = db.clone();
        let closed = spawn(move || closing.close());
        until(|| db.read_blocking(|_| Ok::<_, Error>(())).is_err());
        gate.open();
        closed.join().unwrap();
        for call in calls {
            call.join().unwrap().unwrap();
        }
        let late = db.write_blocking(|_| Ok(()));
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        db.close();
        assert_eq!(names(&place.open()).len(), 50);
    }
}

#[test]
fn the_last_clone_may_be_dropped_on_a_lane() {
    for place in Place::all() {
        let db = place.open();
        let done = Arc::new(AtomicBool::new(false));
        let (inner, flag) = (db.clone(), Arc::clone(&done));
        let mut inner = Some(inner);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let call = db.write(move |_| {
                drop(inner.take());
                flag.store(true, Ordering::SeqCst);
                Ok::<_, Error>(())
            });
            // Polled once, so that it is queued, then forgotten together with the other clone.
            let mut call = Box::pin(call);
            let once = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(call.as_mut().poll(cx).is_ready())
            });
            once.await;
            drop(call);
        });
        drop(db);
    }
}

#[test]
fn a_lost_conflict_is_run_again_alone() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let gate = Gate::close(&db);
    let runs = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&runs);
    let first = queue(&db, |tx| insert(tx, "a"));
    let loser = queue(&db, move |tx| {
        if counter.fetch_add(1, Ordering::SeqCst) < 3 {
            let conflict = "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$";
            // Even if the closure hides it.
            let _ = tx.exec(conflict, &[]);
            return Ok(0);
        }
        insert(tx, "b")
    });
    gate.open();
    first.join().unwrap().unwrap();
    assert!(loser.join().unwrap().unwrap() > 0);
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    assert_eq!(db.stats().reruns, 3);
    assert_eq!(names(&db), ["a", "b"]);
}

#[test]
fn a_conflict_that_never_ends_is_an_error() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    let always = db.write_blocking(|tx| {
        tx.exec(
            "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40P01'; END $$",
            &[],
        )
    });
    assert_eq!(always, Err(Error::Sql("lost".into())));
}

#[test]
fn a_real_deadlock_is_survived_by_both() {
    let Some(place) = Place::postgres() else {
        return;
    };
    let db = place.open();
    db.write_blocking(|tx| insert(tx, "a").and_then(|_| insert(tx, "b")))
        .unwrap();
    drop(db);
    let db = Db::open(Options {
        writers: 2,
        ..place.options()
    })
    .unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let lock = |first: &'static str, second: &'static str| {
        let (db, barrier) = (db.clone(), Arc::clone(&barrier));
        let mut met = false;
        spawn(move || {
            db.write_blocking(move |tx| {
                let update = "UPDATE items SET amount = COALESCE(amount, 0) + 1 WHERE name = $1";
                tx.exec(update, &[first.into()])?;
                if !std::mem::replace(&mut met, true) {
                    barrier.wait();
                }
                tx.exec(update, &[second.into()])
            })
        })
    };
    let (ab, ba) = (lock("a", "b"), lock("b", "a"));
    assert_eq!(ab.join().unwrap(), Ok(1));
    assert_eq!(ba.join().unwrap(), Ok(1));
    assert!(db.stats().reruns >= 1);
    let sum = db
        .read_blocking(|tx| tx.row("SELECT SUM(amount) FROM items", &[]))
        .unwrap()
        .unwrap();
    assert_eq!(sum.get::<i64>(0), Ok(4));
}

#[test]
fn a_lane_survives_a_result_that_panics_when_dropped() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if std::thread::current()
                .name()
                .is_some_and(|name| name.starts_with("test-write"))
            {
                panic!("this panic is part of a test");
            }
        }
    }
    for place in Place::all() {
        let db = place.open();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
        let (leave, left) = std::sync::mpsc::channel::<()>();
        let left = std::sync::Mutex::new(left);
        runtime.block_on(async {
            let other = db.clone();
            let call = tokio::spawn(async move {
                let closure = move |_: &mut db::Tx<'_>| {
                    enter.send(()).unwrap();
                    left.lock().unwrap().recv().unwrap();
                    Ok::<_, Error>(Bomb)
                };
                other.write(closure).await.map(std::mem::forget)
            });
            entered.recv().await.unwrap();
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
            leave.send(()).unwrap();
            db.write(|tx| insert(tx, "a")).await.unwrap();
        });
        assert_eq!(names(&db), ["a"]);
    }
}
