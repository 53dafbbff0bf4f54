//! Who gets which waiting job.
//!
//! A job needs a **host** (a connected session of a machine assigned to the job's folder, with a
//! free slot of the job's runtime) and a **robot** (an enabled unattended robot whose account is
//! assigned to that folder). In a classic folder the robot comes first: it runs one job at a time,
//! on the host that is its own. Higher priority first, then the older job. Hand-outs happen in the
//! transaction that makes them possible: a start, an end, a host that comes or goes. Nothing polls.

//!
//! Hosts, jobs and robots are read in a few statements whatever their number, matched in memory, and
//! written at the end.

mod hosts;
mod robots;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use db::{Dialect, sql};

use self::hosts::{ALL, Choice, Classic, Host, IN_FOLDER, SESSION};
use self::robots::Robots;
use self::waiting::{Jobs, Waiting};
use crate::cx::{Cx, Hint};
use crate::engine::{Engine, Next, Step, Tick, Wake};
use crate::error::Result;
use crate::kinds::jobs::WAITING;
use crate::robots::able;
use crate::sessions;

/// Unattended robots, no classic ones, of accounts assigned to the folder `$1` or above it.
pub(super) const ROBOTS_IN_FOLDER: &str = concat!(
    "SELECT r.id FROM robots r WHERE r.type = 2 AND r.folder_id IS NULL AND ",
    able!(),
    " AND EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_users fu ON fu.folder_id = ft.ancestor_id AND fu.user_id = r.user_id
        WHERE ft.folder_id = $1)"
);

/// Machines assigned to the folder `$1`, or to one above that passes them on.
pub(super) const MACHINES_IN_FOLDER: &str = "SELECT m.id FROM machines m
    WHERE EXISTS (SELECT 1 FROM folder_tree ft
        JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id AND fm.machine_id = m.id
            AND (ft.distance = 0 OR fm.propagate)
        WHERE ft.folder_id = $1)";

/// Hands out waiting jobs after changes that are not the jobs' own: folders, machines, accounts. What
/// still waits then waits for another reason.
pub static ENGINE: Engine = Engine {
    name: "dispatch",
    wake: Wake::on(Hint::Dispatch),
    tick: Tick::Read(tick),
};

/// The tenants in which jobs wait, each by itself.
fn tick(cx: &mut Cx<'_, '_>) -> Result<Next> {
    let tenants = cx.tx.rows(
        "SELECT t.id FROM tenants t WHERE EXISTS (SELECT 1 FROM jobs j
             WHERE j.tenant_id = t.id AND j.session_id IS NULL AND j.state IN (0, 8))",
        &[],
    )?;
    let mut each = Vec::with_capacity(tenants.len());
    for row in &tenants {
        let tenant = row.get(0)?;
        each.push(Step::write(move |cx| {
            cx.in_tenant(tenant, all)?;
            Ok(Next::Woken)
        }));
    }
    Ok(Next::Each(each, Box::new(Next::Woken)))
}

/// Jobs waiting in one folder.
///
/// # Errors
/// The store's.
pub fn folder(cx: &mut Cx<'_, '_>, folder: i64) -> Result<()> {
    hand_out(cx, &IN_FOLDER.of(folder))
}

/// Jobs that one session could take.
///
/// # Errors
/// The store's.
pub fn session(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    hand_out(cx, &SESSION.of(session))
}

/// All waiting jobs of the tenant.
///
/// # Errors
/// The store's.
pub fn all(cx: &mut Cx<'_, '_>) -> Result<()> {
    hand_out(cx, &ALL.of(0))
}

/// What a session was offered but has not begun goes back, and to others if they are there.
///
/// # Errors
/// The store's.
pub fn release(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    let returned = cx.tx.exec(
        sql!(
            "UPDATE jobs SET session_id = NULL, robot_id = wanted_robot_id,
                 machine_id = wanted_machine_id
             WHERE session_id = $1 AND state IN {WAITING}"
        ),
        &[session.into()],
    )?;
    if returned > 0 { all(cx) } else { Ok(()) }
}

db::params! {
    /// A job that goes to a host, as a robot.
    struct HandOut {
        job: i64,
        session: i64,
        machine: i64,
        robot: i64,
    }
}

fn hand_out(cx: &mut Cx<'_, '_>, choice: &Choice) -> Result<()> {
    loop {
        let given = plan(cx, choice)?;
        let wanted = given.len();
        // Another server may have been faster: then the slots of those jobs are for others.
        if write(cx, given)? == wanted {
            return leave_waiting(cx);
        }
    }
}

/// Who gets what. In rounds, so that jobs spread over hosts: the freest host first, one job each.
fn plan(cx: &mut Cx<'_, '_>, choice: &Choice) -> Result<Vec<HandOut>> {
    let mut hosts = hosts::free(cx, choice)?;
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    let mut folders = hosts::folders(cx, choice)?;
    let mut jobs = Jobs::of(cx, &hosts, &folders)?;
    let with_jobs = jobs.folders();
    if with_jobs.is_empty() {
        return Ok(Vec::new());
    }
    for served in folders.values_mut() {
        served.retain(|folder| with_jobs.contains(folder));
    }
    let mut robots = Robots::of(cx, choice, with_jobs)?;
    let mut given = Vec::new();
    loop {
        let before = given.len();
        hosts.sort_by_key(|host| std::cmp::Reverse(host.slots()));
        for host in hosts.iter_mut().filter(|host| host.is_free()) {
            let served = folders.get(&host.machine).map_or(&[][..], Vec::as_slice);
            let Some((job, robot)) = best(cx, &mut jobs, &robots, host, served)? else {
                continue;
            };
            jobs.take(job.id);
            robots.begin(robot, host.session);
            host.take(&job, robot);
            given.push(HandOut {
                job: job.id,
                session: host.session,
                machine: host.machine,
                robot,
            });
        }
        if given.len() == before {
            return Ok(given);
        }
    }
}

/// The most urgent job that the host can take, and the robot that runs it.
fn best(
    cx: &mut Cx<'_, '_>,
    jobs: &mut Jobs,
    robots: &Robots,
    host: &Host,
    served: &[i64],
) -> Result<Option<(Waiting, i64)>> {
    let mut best: Option<(Waiting, i64)> = None;
    let mut consider = |found: Option<(Waiting, i64)>| {
        if let Some((job, robot)) = found
            && best.as_ref().is_none_or(|(other, _)| job.is_before(other))
        {
            best = Some((job, robot));
        }
    };
    for &folder in served {
        // The robot for a job that names none.
        let Some(usual) = robots.choose(host, folder) else {
            continue;
        };
        for (runtime, _) in host.runtimes.iter().filter(|(_, free)| *free > 0) {
            let robot_for = |job: &Waiting| match job.wanted_robot {
                _ if !job.may_run_on(host) => None,
                Some(robot) => robots.can_run(robot, host, folder).then_some(robot),
                None => Some(usual),
            };
            consider(jobs.first(cx, folder, Some(*runtime), robot_for)?);
        }
    }
    let classic: BTreeSet<i64> = host.robots.iter().map(|robot| robot.folder).collect();
    for folder in classic {
        let idle = |robot: &&Classic| robot.folder == folder && robots.is_idle(robot.id);
        let robot_for = |job: &Waiting| {
            let here = host.robots.iter().filter(idle);
            let able = here.filter(|robot| robots.is_meant(job, robot));
            able.map(|robot| robot.id).min()
        };
        consider(jobs.first(cx, folder, None, robot_for)?);
    }
    Ok(best)
}

/// Hands the jobs out, and says how many of them nobody else has taken meanwhile.
fn write(cx: &mut Cx<'_, '_>, given: Vec<HandOut>) -> Result<usize> {
    if given.is_empty() {
        return Ok(0);
    }
    let hosts: Vec<_> = given.iter().map(|g| (g.job, g.session, g.robot)).collect();
    let taken: Vec<i64> = cx.tx.all_many(
        sql!(
            "UPDATE jobs SET session_id = {{session}}, machine_id = {{machine}},
                 robot_id = {{robot}}, attempt = attempt + 1
             {{rows}} WHERE id = {{job}} AND session_id IS NULL AND state IN {WAITING}
             RETURNING id"
        ),
        given,
    )?;
    let known: HashSet<i64> = taken.iter().copied().collect();
    let hosts = hosts.into_iter().filter(|(job, ..)| known.contains(job));
    let shown: BTreeMap<i64, i64> = hosts.map(|(_, session, robot)| (session, robot)).collect();
    for session in shown.keys() {
        cx.hint(Hint::Session(*session));
    }
    sessions::are_at(cx.tx, shown)?;
    Ok(taken.len())
}

/// With several writers a host may have connected in a transaction that this one cannot see, and
/// not have seen this one's jobs either: somebody looks again after the commit.
fn leave_waiting(cx: &mut Cx<'_, '_>) -> Result<()> {
    if cx.tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let waiting = cx.tx.row(
        sql!(
            "SELECT 1 FROM jobs WHERE tenant_id = $1 AND session_id IS NULL AND state IN {WAITING}
             LIMIT 1"
        ),
        &[cx.caller.tenant.into()],
    )?;
    if waiting.is_some() {
        cx.hint(Hint::Dispatch);
    }
    Ok(())
}
