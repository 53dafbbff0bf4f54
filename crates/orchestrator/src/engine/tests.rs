//! Engines on rows: what a tick does, and that two servers on one database do each piece of work once.

use std::time::Duration;

use db::{Url, Value};
use testkit::{Backend, Database};

use super::{Engine, Next};
use crate::exports::runs::{self, Found};
use crate::jobs::{deadlines, dispatch};
use crate::queues::{leases, search, sweep};
use crate::testing::World;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTE: Duration = Duration::from_secs(60);

/// Two servers on one PostgreSQL database, where there is one.
fn servers() -> Option<(Database, [World; 2])> {
    Backend::Postgres.is_there().then(|| {
        let database = Database::create();
        let world = || World::on(Url::Postgres(database.url.clone()));
        let worlds = [world(), world()];
        (database, worlds)
    })
}

/// Has both look again and again, at the same time, until there is nothing to do.
fn at_once(worlds: &[World; 2], engine: &'static Engine) {
    let work = |world: &World| {
        for _ in 0..20 {
            // A deadlock is no harm: the runner tries again, too.
            let _ = world.tick(engine);
        }
    };
    std::thread::scope(|scope| {
        for world in worlds {
            scope.spawn(|| work(world));
        }
    });
    worlds[0].tick(engine).unwrap();
}

#[test]
fn a_lease_ends_when_it_is_over_and_not_before() {
    let mut world = World::new();
    let queue = world.queue("Q", Some(60));
    world.items(queue, 1, 3);
    let new = "SELECT COUNT(*) FROM queue_items WHERE status = 0";
    let next = world.tick(&leases::ENGINE).unwrap();
    let end = world.now.plus(MINUTE);
    assert!(
        matches!(next, Next::Within { at: Some(at), soonest } if at == end && soonest == MINUTE)
    );
    world.pass(MINUTE - Duration::from_secs(1));
    world.tick(&leases::ENGINE).unwrap();
    assert_eq!(world.number(new, &[]), 0);
    world.pass(Duration::from_secs(1));
    let next = world.tick(&leases::ENGINE).unwrap();
    assert!(matches!(next, Next::Within { at: None, .. }));
    let returned = "SELECT COUNT(*) FROM queue_items WHERE status = 0 AND returns = 1
        AND seconds_in_previous_attempts = 60";
    assert_eq!(world.number(returned, &[]), 3);
    let counted = "SELECT items FROM queue_counts WHERE status = 0";
    assert_eq!(world.number(counted, &[]), 3);
}

#[test]
fn what_is_over_is_kept_for_its_days_whatever_the_order_of_numbers() {
    let mut world = World::new();
    let queue = world.queue("Q", None);
    world.exec(
        "INSERT INTO queue_retention (tenant_id, queue_definition_id, type, action, period)
         VALUES ($1, $2, 0, 0, 7)",
        &[world.caller.tenant.into(), queue.into()],
    );
    // Numbers that were taken before those of older items: a stretch of them, all younger.
    world.pass(Duration::from_secs(300));
    world.items(queue, 3, 600);
    world.now = world.now.minus(Duration::from_secs(300));
    world.items(queue, 3, 5);
    world.pass(7 * DAY + Duration::from_secs(1));
    let left = "SELECT COUNT(*) FROM queue_items";
    let next = world.tick(&sweep::ENGINE).unwrap();
    assert_eq!(world.number(left, &[]), 600);
    assert_eq!(
        world.number("SELECT CAST(SUM(items) AS BIGINT) FROM queue_counts", &[]),
        600
    );
    assert!(matches!(next, Next::At(at) if at > world.now));
    world.pass(Duration::from_secs(300));
    world.tick(&sweep::ENGINE).unwrap();
    assert_eq!(world.number(left, &[]), 0);
}

#[test]
fn what_comes_late_is_found() {
    let mut world = World::new();
    let queue = world.queue("Q", None);
    world.items(queue, 0, 20);
    // One that is committed after those behind it.
    let late = "DELETE FROM queue_items WHERE id = 10";
    let keep = "CREATE TABLE late AS SELECT * FROM queue_items WHERE id = 10";
    world.exec(keep, &[]);
    world.exec(late, &[]);
    world.tick(&search::ENGINE).unwrap();
    assert_eq!(
        world.number("SELECT indexed FROM queue_item_search", &[]),
        20
    );
    let gaps = "SELECT COUNT(*) FROM queue_item_search_gaps";
    assert_eq!(world.number(gaps, &[]), 1);
    world.exec("INSERT INTO queue_items SELECT * FROM late", &[]);
    let found = "SELECT COUNT(*) FROM queue_item_texts(search_for('wanted'))";
    assert_eq!(
        world.number(found, &[]),
        19,
        "searches read the gap besides"
    );
    let gap = "SELECT COUNT(*) FROM queue_item_search_gaps g CROSS JOIN queue_items l
        WHERE l.id >= g.first AND l.id <= g.last";
    assert_eq!(world.number(gap, &[]), 1);
    world.pass(11 * MINUTE);
    world.tick(&search::ENGINE).unwrap();
    assert_eq!(world.number(found, &[]), 20);
    assert_eq!(world.number(gaps, &[]), 0);
    // Old gaps are none.
    world.items(queue, 0, 10);
    world.exec("DELETE FROM queue_items WHERE id = 25", &[]);
    world.pass(11 * MINUTE);
    world.tick(&search::ENGINE).unwrap();
    assert_eq!(world.number(found, &[]), 29);
    assert_eq!(world.number(gaps, &[]), 0);
}

#[test]
fn two_servers_end_each_lease_once() {
    let Some((_database, mut worlds)) = servers() else {
        return;
    };
    let queue = worlds[0].queue("Q", Some(60));
    worlds[0].items(queue, 1, 1200);
    worlds.iter_mut().for_each(|world| world.pass(MINUTE));
    at_once(&worlds, &leases::ENGINE);
    let once = "SELECT COUNT(*) FROM queue_items WHERE status = 0 AND returns = 1";
    assert_eq!(worlds[0].number(once, &[]), 1200);
    let counted = "SELECT items FROM queue_counts WHERE status = $1";
    assert_eq!(worlds[0].number(counted, &[0.into()]), 1200);
    assert_eq!(worlds[0].number(counted, &[1.into()]), 0);
}

#[test]
fn two_servers_remove_each_item_once() {
    let Some((_database, mut worlds)) = servers() else {
        return;
    };
    let queue = worlds[0].queue("Q", None);
    worlds[0].exec(
        "INSERT INTO queue_retention (tenant_id, queue_definition_id, type, action, period)
         VALUES ($1, $2, 0, 0, 7)",
        &[worlds[0].caller.tenant.into(), queue.into()],
    );
    worlds[0].items(queue, 3, 1500);
    worlds.iter_mut().for_each(|world| world.pass(8 * DAY));
    worlds[0].items(queue, 3, 7);
    at_once(&worlds, &sweep::ENGINE);
    assert_eq!(worlds[0].number("SELECT COUNT(*) FROM queue_items", &[]), 7);
    assert_eq!(
        worlds[0].number("SELECT CAST(SUM(items) AS BIGINT) FROM queue_counts", &[]),
        7
    );
}

#[test]
fn two_servers_index_each_item_once() {
    let Some((_database, worlds)) = servers() else {
        return;
    };
    let queue = worlds[0].queue("Q", None);
    worlds[0].items(queue, 0, 1800);
    at_once(&worlds, &search::ENGINE);
    let texts = "SELECT COUNT(*) FROM queue_item_texts";
    assert_eq!(worlds[0].number(texts, &[]), 1800);
}

#[test]
fn two_servers_act_on_each_deadline_once() {
    let Some((_database, worlds)) = servers() else {
        return;
    };
    let (world, now) = (&worlds[0], worlds[0].now);
    for _ in 0..600 {
        world.job(1, Some(now));
    }
    at_once(&worlds, &deadlines::ENGINE);
    let asked = "SELECT COUNT(*) FROM jobs WHERE state = 2 AND deadline = $1";
    let until: Value = now.plus(MINUTE).into();
    assert_eq!(world.number(asked, &[until]), 600);
}

#[test]
fn an_export_is_the_work_of_one_server_until_that_is_gone() {
    let Some((_database, mut worlds)) = servers() else {
        return;
    };
    let user: Value = worlds[0].caller.user().into();
    let id = worlds[0].insert(
        "INSERT INTO exports (tenant_id, name, type, status, requested_at, user_id, scopes,
             folder_id, subject_id, query)
         VALUES ($1, 'e', 2, 0, 0, $2, '', 1, 1, '') RETURNING id",
        &[worlds[0].caller.tenant.into(), user],
    );
    let claim = |world: &World| world.run(move |cx| runs::claim(cx, id)).unwrap();
    let next = |world: &World| world.run(runs::next).unwrap();
    assert!(matches!(next(&worlds[0]), Found::Run(_)));
    assert!(matches!(next(&worlds[1]), Found::Run(_)));
    assert!(claim(&worlds[0]));
    assert!(!claim(&worlds[1]));
    let Found::Later(at) = next(&worlds[1]) else {
        panic!("another server writes it");
    };
    // It gives a sign of life, then none any more.
    worlds
        .iter_mut()
        .for_each(|world| world.pass(runs::RENEWAL));
    assert!(worlds[0].run(move |cx| runs::renew(cx, id)).unwrap());
    worlds[1].now = at;
    assert!(!claim(&worlds[1]));
    worlds[1].pass(runs::RENEWAL);
    assert!(claim(&worlds[1]));
    assert!(!worlds[0].run(move |cx| runs::renew(cx, id)).unwrap());
    worlds[0].run(move |cx| runs::end(cx, id, None)).unwrap();
    let ended = "SELECT COUNT(*) FROM exports WHERE status IN (2, 3)";
    assert_eq!(
        worlds[0].number(ended, &[]),
        0,
        "it is not its own any more"
    );
    worlds[1].run(move |cx| runs::end(cx, id, Some(7))).unwrap();
    assert_eq!(worlds[0].number(ended, &[]), 1);
}

#[test]
fn waiting_jobs_go_to_the_hosts_that_are_there() {
    let world = World::new();
    let jobs = [world.job(0, None), world.job(0, None)];
    let done = world.job(5, None);
    let held = "SELECT COUNT(*) FROM jobs WHERE id = $1 AND session_id = $2 AND attempt = 1";
    world.tick(&dispatch::ENGINE).unwrap();
    let host = world.host("pc", 1);
    assert_eq!(world.number(held, &[jobs[0].into(), host.into()]), 0);
    world.tick(&dispatch::ENGINE).unwrap();
    // The older one, and no more than there are slots.
    assert_eq!(world.number(held, &[jobs[0].into(), host.into()]), 1);
    let busy = "SELECT COUNT(*) FROM jobs WHERE session_id IS NOT NULL";
    assert_eq!(world.number(busy, &[]), 1);
    world.tick(&dispatch::ENGINE).unwrap();
    assert_eq!(world.number(busy, &[]), 1);
    assert_eq!(world.number(held, &[done.into(), host.into()]), 0);
}

#[test]
fn a_job_that_does_not_stop_is_killed() {
    let mut world = World::new();
    let end = world.now.plus(MINUTE);
    let job = world.job(1, Some(end));
    let state = "SELECT state FROM jobs WHERE id = $1";
    let next = world.tick(&deadlines::ENGINE).unwrap();
    assert!(matches!(next, Next::At(at) if at == end));
    assert_eq!(world.number(state, &[job.into()]), 1);
    world.pass(MINUTE);
    let next = world.tick(&deadlines::ENGINE).unwrap();
    assert_eq!(world.number(state, &[job.into()]), 2);
    assert!(matches!(next, Next::At(at) if at == end.plus(MINUTE)));
    world.pass(MINUTE);
    let next = world.tick(&deadlines::ENGINE).unwrap();
    assert_eq!(world.number(state, &[job.into()]), 3);
    assert!(matches!(next, Next::Woken));
}
