use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use orchestrator::engine::{Figures, Wake};

use super::*;
use crate::app::{Config, Start};

/// A server on a database of its own.
fn app(folder: &tempfile::TempDir) -> Arc<App> {
    let config = Config {
        data: folder.path().join("data"),
        database: None,
        public_url: None,
        max_upload: 1,
        cors_origins: Vec::new(),
        door: crate::Door::default(),
    };
    App::open(config, &Start::default()).unwrap()
}

/// An engine of a test.
const fn engine(tick: Tick) -> Engine {
    Engine {
        name: "test",
        wake: Wake::on(Hint::Sweep),
        tick,
    }
}

/// Runs an engine, and lets the clock go on until its figures are what is waited for.
async fn figures_of(
    engine: &'static Engine,
    app: &Arc<App>,
    enough: impl Fn(&Figures) -> bool,
) -> Figures {
    let running = Running::all([engine]).remove(0);
    let sleeper = Sleeper::new(&running);
    let task = tasks::spawn("test", run(Arc::clone(app), Arc::clone(&sleeper)));
    for _ in 0..3_000 {
        let figures = running.figures.lock().clone();
        if enough(&figures) {
            task.abort();
            return figures;
        }
        // A hint is as good as the end of the pause.
        sleeper.wake(&Hint::Sweep);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it came to {:?}", running.figures.lock());
}

static TICKS: AtomicU32 = AtomicU32::new(0);

static PANICS: Engine = engine(Tick::Write(|_| match TICKS.fetch_add(1, SeqCst) {
    0 | 1 => panic!("this panic is part of a test"),
    2 => Err(Error::Internal("this failure is part of a test".into())),
    _ => Ok(Next::Woken),
}));

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_panics_is_run_again_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let figures = figures_of(&PANICS, &app, |f| f.runs > 0).await;
    assert_eq!((figures.panics, figures.failures), (2, 1));
    assert_eq!((figures.last_error, figures.next), (None, None));
    app.close().await;
}

static PIECES: AtomicU32 = AtomicU32::new(0);

static FAILS: Engine = engine(Tick::Read(|cx| {
    let piece = |fails: bool| {
        Step::read(move |_| {
            PIECES.fetch_add(1, SeqCst);
            match fails {
                true => Err(Error::Internal("a piece".into())),
                false => Ok(Next::Woken),
            }
        })
    };
    let then = Next::At(cx.now.plus(Duration::from_secs(3600)));
    Ok(Next::Each(vec![piece(true), piece(false)], Box::new(then)))
}));

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_fails_keeps_no_other_from_being_done() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let begun = app.now();
    let figures = figures_of(&FAILS, &app, |f| f.failures > 0).await;
    assert!(PIECES.load(SeqCst) >= 2);
    assert_eq!((figures.runs, figures.panics), (0, 0));
    assert!(figures.last_error.is_some_and(|e| e.contains("a piece")));
    let next = figures.next.map(|next| next.since(begun));
    assert!(
        next.is_none_or(|next| next < Duration::from_secs(600)),
        "{next:?}"
    );
    app.close().await;
}

static LEASES: AtomicU32 = AtomicU32::new(0);

static BEGUN: Engine = Engine {
    name: "begun",
    wake: Wake {
        start: true,
        hint: Some(Hint::Leases),
        begun: Some(Hint::Taken),
    },
    tick: Tick::Read(|_| {
        LEASES.fetch_add(1, SeqCst);
        Ok(Next::Within {
            at: None,
            soonest: Duration::from_secs(600),
        })
    }),
};

#[tokio::test(flavor = "multi_thread")]
async fn what_begins_names_a_time_and_wakes_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let running = Running::all([&BEGUN]).remove(0);
    let sleeper = Sleeper::new(&running);
    let task = tasks::spawn("test", run(Arc::clone(&app), Arc::clone(&sleeper)));
    let until = async |wanted: &dyn Fn(&Figures) -> bool| {
        for _ in 0..3_000 {
            if wanted(&running.figures.lock()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it came to {:?}", running.figures.lock());
    };
    until(&|f| f.runs == 1 && f.next.is_none()).await;
    let before = app.now();
    sleeper.wake(&Hint::Taken);
    until(&|f| f.next.is_some()).await;
    let next = running.figures.lock().next;
    assert!(next >= Some(before.plus(Duration::from_secs(600))));
    sleeper.wake(&Hint::Taken);
    sleeper.wake(&Hint::Leases);
    until(&|f| f.runs == 2).await;
    assert_eq!(LEASES.load(SeqCst), 2);
    task.abort();
    app.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_looks_once_and_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(&folder);
    let stop = CancellationToken::new();
    let engines = spawn(&app, &stop);
    let count = orchestrator::engines().count();
    let started = |running: &Arc<Running>| {
        let figures = running.figures.lock();
        assert_eq!(
            (figures.failures, figures.panics),
            (0, 0),
            "{}",
            running.engine.name
        );
        figures.runs > 0 || !running.engine.wake.start
    };
    for _ in 0..3_000 {
        if app.server.engines.iter().all(started) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(app.server.engines.iter().all(started));
    let page = crate::metrics::render(&app).unwrap();
    let runs = page
        .lines()
        .filter(|line| line.starts_with("baton_engine_runs_total{"));
    assert_eq!(runs.count(), count);
    stop.cancel();
    for engine in engines {
        engine.await.unwrap();
    }
    app.close().await;
}
