//! Who gets which waiting job.
//!
//! A job needs a **host** (a connected session of a machine assigned to the job's folder, with a
//! free slot of the job's runtime) and a **robot** (an enabled unattended robot whose account is
//! assigned to that folder). In a classic folder the robot comes first: it runs one job at a time,
//! on the host that is its own. Higher priority first, then the older job. Hand-outs happen in the
//! transaction that makes them possible: a start, an end, a host that comes or goes. Nothing polls.

use std::collections::HashMap;

use db::{Dialect, Value};

use super::{ACTIVE, RUNTIMES};
use crate::cx::{Cx, Hint};
use crate::engine::{Engine, Next, Tick, Wake, Work};
use crate::error::Result;
use crate::robots::{ON_HOST, able};

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
        each.push(Work::write(move |cx| {
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
    let condition = format!(
        "(s.machine_id IN ({}) OR EXISTS (
             SELECT 1 FROM robots r WHERE r.folder_id = $2 AND {ON_HOST}))",
        MACHINES_IN_FOLDER.replace("$1", "$2")
    );
    let hosts = hosts(cx, &condition, folder)?;
    hand_out(cx, hosts)
}

/// Jobs that one session could take.
///
/// # Errors
/// The store's.
pub fn session(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    let hosts = hosts(cx, "s.id = $2", session)?;
    hand_out(cx, hosts)
}

/// All waiting jobs of the tenant.
///
/// # Errors
/// The store's.
pub fn all(cx: &mut Cx<'_, '_>) -> Result<()> {
    let hosts = hosts(cx, "$2 = 0", 0)?;
    hand_out(cx, hosts)
}

/// What a session was offered but has not begun goes back, and to others if they are there.
///
/// # Errors
/// The store's.
pub fn release(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    let returned = cx.tx.exec(
        "UPDATE jobs SET session_id = NULL, robot_id = wanted_robot_id,
             machine_id = wanted_machine_id
         WHERE session_id = $1 AND state IN (0, 8)",
        &[session.into()],
    )?;
    if returned > 0 { all(cx) } else { Ok(()) }
}

/// A session that can take jobs.
struct Host {
    session: i64,
    machine: i64,
    /// Free in all; what the robot says it can run at a time.
    free: i64,
    /// Free by runtime; what the machine grants each of its hosts.
    runtimes: Vec<(i64, i64)>,
    /// Folders that the machine serves.
    folders: Vec<i64>,
    /// Classic robots that are here; they take no slots of the machine.
    robots: Vec<i64>,
}

impl Host {
    fn is_free(&self) -> bool {
        let slots = self.runtimes.iter().any(|(_, free)| *free > 0);
        self.free > 0 && (slots || !self.robots.is_empty())
    }

    fn take(&mut self, job: &Waiting) {
        self.free -= 1;
        match job.classic_robot {
            Some(robot) => self.robots.retain(|r| *r != robot),
            None => {
                for (number, free) in &mut self.runtimes {
                    *free -= i64::from(*number == job.runtime);
                }
            }
        }
    }
}

/// The free hosts that fulfil `condition` over `s` with the parameter `$2`.
fn hosts(cx: &mut Cx<'_, '_>, condition: &str, param: i64) -> Result<Vec<Host>> {
    // Two starts must not count the same free slot: on PostgreSQL, where writers are several, the
    // sessions are locked; on SQLite there is one writer.
    let lock = match cx.tx.dialect() {
        Dialect::Postgres => "FOR UPDATE OF s",
        Dialect::Sqlite => "",
    };
    let slots: Vec<_> = RUNTIMES
        .iter()
        .map(|(_, column)| format!("m.{column}"))
        .collect();
    let sql = format!(
        "SELECT s.id, s.machine_id, s.slots, {} FROM sessions s
         JOIN machines m ON m.id = s.machine_id
         WHERE s.tenant_id = $1 AND s.state IN (0, 1) AND NOT s.is_unresponsive
             AND NOT s.is_attended AND s.maintenance_mode = 0 AND {condition}
         ORDER BY s.id {lock}",
        slots.join(", ")
    );
    let rows = cx.tx.rows(&sql, &[cx.caller.tenant.into(), param.into()])?;
    let mut hosts = Vec::with_capacity(rows.len());
    for row in &rows {
        let (session, machine): (i64, i64) = (row.get(0)?, row.get(1)?);
        let used = used(cx, session)?;
        let all_used: i64 = used.values().sum();
        let mut runtimes = Vec::new();
        for (i, (number, _)) in RUNTIMES.iter().enumerate() {
            let granted: i64 = row.get(3 + i)?;
            let free = granted - used.get(number).copied().unwrap_or_default();
            if free > 0 {
                runtimes.push((*number, free));
            }
        }
        let free = row
            .get::<Option<i64>>(2)?
            .unwrap_or(i64::MAX)
            .saturating_sub(all_used);
        let mut host = Host {
            session,
            machine,
            free,
            runtimes,
            folders: Vec::new(),
            robots: classic_robots(cx, session)?,
        };
        if host.is_free() {
            host.folders = folders_of(cx, machine)?;
            hosts.push(host);
        }
    }
    Ok(hosts)
}

fn used(cx: &mut Cx<'_, '_>, session: i64) -> Result<HashMap<i64, i64>> {
    let sql = format!(
        "SELECT runtime_type, COUNT(*) FROM jobs WHERE session_id = $1 AND state IN {ACTIVE}
         GROUP BY runtime_type"
    );
    let rows = cx.tx.rows(&sql, &[session.into()])?;
    Ok(rows
        .iter()
        .map(|r| Ok((r.get(0)?, r.get(1)?)))
        .collect::<Result<_, db::Error>>()?)
}

fn folders_of(cx: &mut Cx<'_, '_>, machine: i64) -> Result<Vec<i64>> {
    let rows = cx.tx.rows(
        "SELECT DISTINCT ft.folder_id FROM folder_machines fm
         JOIN folder_tree ft ON ft.ancestor_id = fm.folder_id AND (ft.distance = 0 OR fm.propagate)
         WHERE fm.machine_id = $1",
        &[machine.into()],
    )?;
    Ok(rows
        .iter()
        .map(|r| r.get(0))
        .collect::<Result<_, db::Error>>()?)
}

/// The classic robots on the host of a session that run nothing.
fn classic_robots(cx: &mut Cx<'_, '_>, session: i64) -> Result<Vec<i64>> {
    let sql = format!(
        "SELECT r.id FROM sessions s JOIN robots r ON {ON_HOST}
         WHERE s.id = $1 AND r.tenant_id = $2 AND NOT EXISTS (SELECT 1 FROM jobs a
             WHERE a.robot_id = r.id AND a.session_id IS NOT NULL AND a.state IN {ACTIVE})"
    );
    let rows = cx
        .tx
        .rows(&sql, &[session.into(), cx.caller.tenant.into()])?;
    Ok(rows
        .iter()
        .map(|r| r.get(0))
        .collect::<Result<_, db::Error>>()?)
}

/// In rounds, so that jobs spread over hosts: the freest host first, one job each.
fn hand_out(cx: &mut Cx<'_, '_>, mut hosts: Vec<Host>) -> Result<()> {
    loop {
        hosts.sort_by_key(|h| std::cmp::Reverse(h.runtimes.iter().map(|(_, f)| *f).sum::<i64>()));
        let mut given = false;
        for host in &mut hosts {
            if host.is_free() && give_one(cx, host)? {
                given = true;
            }
        }
        if !given {
            return leave_waiting(cx);
        }
    }
}

/// With several writers a host may have connected in a transaction that this one cannot see, and
/// not have seen this one's jobs either: somebody looks again after the commit.
fn leave_waiting(cx: &mut Cx<'_, '_>) -> Result<()> {
    if cx.tx.dialect() == Dialect::Sqlite {
        return Ok(());
    }
    let waiting = cx.tx.row(
        "SELECT 1 FROM jobs WHERE tenant_id = $1 AND session_id IS NULL AND state IN (0, 8) LIMIT 1",
        &[cx.caller.tenant.into()],
    )?;
    if waiting.is_some() {
        cx.hint(Hint::Dispatch);
    }
    Ok(())
}

struct Waiting {
    job: i64,
    priority: i64,
    folder: i64,
    runtime: i64,
    wanted_robot: Option<i64>,
    /// The robot that takes it, in a classic folder.
    classic_robot: Option<i64>,
}

impl Waiting {
    fn is_before(&self, other: &Waiting) -> bool {
        (-self.priority, self.job) < (-other.priority, other.job)
    }
}

/// Hands the most urgent job that fits to the host.
fn give_one(cx: &mut Cx<'_, '_>, host: &mut Host) -> Result<bool> {
    let mut best: Option<Waiting> = None;
    for &folder in &host.folders {
        for &(runtime, free) in &host.runtimes {
            if free <= 0 {
                continue;
            }
            let Some(next) = first_waiting(cx, host, folder, runtime)? else {
                continue;
            };
            if best.as_ref().is_none_or(|b| next.is_before(b)) {
                best = Some(next);
            }
        }
    }
    if let Some(next) = first_classic(cx, host)?
        && best.as_ref().is_none_or(|b| next.is_before(b))
    {
        best = Some(next);
    }
    let Some(job) = best else { return Ok(false) };
    let robot = match job.classic_robot {
        Some(robot) => Some(robot),
        None => choose_robot(cx, host, &job)?,
    };
    let Some(robot) = robot else {
        return Ok(false);
    };
    let taken = cx.tx.exec(
        "UPDATE jobs SET session_id = $2, machine_id = $3, robot_id = $4, attempt = attempt + 1
         WHERE id = $1 AND session_id IS NULL AND state IN (0, 8)",
        &[
            job.job.into(),
            host.session.into(),
            host.machine.into(),
            robot.into(),
        ],
    )?;
    if taken > 0 {
        host.take(&job);
        show_robot(cx, host.session, robot)?;
        cx.hint(Hint::Session(host.session));
    }
    Ok(true)
}

/// The session shows the robot that was last handed a job on it.
fn show_robot(cx: &mut Cx<'_, '_>, session: i64, robot: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE sessions SET robot_id = $2 WHERE id = $1 AND COALESCE(robot_id, 0) <> $2",
        &[session.into(), robot.into()],
    )?;
    Ok(())
}

/// The most urgent job for one of the classic robots on the host: bound to that robot, or to any of
/// its environment.
fn first_classic(cx: &mut Cx<'_, '_>, host: &Host) -> Result<Option<Waiting>> {
    if host.robots.is_empty() {
        return Ok(None);
    }
    let robots: Vec<_> = host.robots.iter().map(ToString::to_string).collect();
    let sql = format!(
        "SELECT j.id, j.specific_priority_value, j.folder_id, j.runtime_type, r.id
         FROM robots r JOIN jobs j ON j.folder_id = r.folder_id
         JOIN releases rel ON rel.id = j.release_id
         WHERE r.id IN ({}) AND j.session_id IS NULL AND j.state IN (0, 8)
             AND (j.wanted_robot_id = r.id OR j.wanted_robot_id IS NULL
                 AND j.runtime_type IN (2, r.type) AND EXISTS (
                 SELECT 1 FROM environment_robots er
                 WHERE er.environment_id = rel.environment_id AND er.robot_id = r.id))
         ORDER BY j.specific_priority_value DESC, j.id, r.id LIMIT 1",
        robots.join(", ")
    );
    let Some(row) = cx.tx.row(&sql, &[])? else {
        return Ok(None);
    };
    Ok(Some(Waiting {
        job: row.get(0)?,
        priority: row.get(1)?,
        folder: row.get(2)?,
        runtime: row.get(3)?,
        wanted_robot: None,
        classic_robot: Some(row.get(4)?),
    }))
}

/// Robots that could run the job `j` on the session `$3`: in its folder, not bound to another host
/// by "one host at a time", and not shut out by a machine that is for others only.
const CANDIDATES: &str = concat!(
    "robots r
    JOIN folder_users fu ON fu.user_id = r.user_id
    JOIN folder_tree ft ON ft.ancestor_id = fu.folder_id AND ft.folder_id = $1
    WHERE r.type = 2 AND r.folder_id IS NULL AND ",
    able!(),
    " AND NOT (r.limit_concurrent_execution AND EXISTS (
        SELECT 1 FROM jobs a WHERE a.robot_id = r.id AND a.session_id IS NOT NULL
            AND a.session_id <> $3 AND a.state IN (0, 1, 2, 3, 8)))
        AND NOT EXISTS (SELECT 1 FROM sessions x
            WHERE x.id = $3 AND (x.machine_id IN (SELECT machine_id FROM machine_robots)
                AND NOT EXISTS (SELECT 1 FROM machine_robots mr
                    WHERE mr.machine_id = x.machine_id AND mr.robot_id = r.id)
            OR EXISTS (SELECT 1 FROM folder_machine_robots fmr
                    WHERE fmr.folder_id = $1 AND fmr.machine_id = x.machine_id)
                AND NOT EXISTS (SELECT 1 FROM folder_machine_robots fmr
                    WHERE fmr.folder_id = $1 AND fmr.machine_id = x.machine_id
                        AND fmr.robot_id = r.id)))"
);

fn first_waiting(
    cx: &mut Cx<'_, '_>,
    host: &Host,
    folder: i64,
    runtime: i64,
) -> Result<Option<Waiting>> {
    let sql = format!(
        "SELECT j.id, j.specific_priority_value, j.wanted_robot_id FROM jobs j
         WHERE j.folder_id = $1 AND j.runtime_type = $2 AND j.session_id IS NULL
             AND j.state IN (0, 8)
             AND (j.wanted_session_id IS NULL OR j.wanted_session_id = $3)
             AND (j.wanted_machine_id IS NULL OR j.wanted_machine_id = $4)
             AND EXISTS (SELECT 1 FROM {CANDIDATES}
                 AND (j.wanted_robot_id IS NULL OR r.id = j.wanted_robot_id))
         ORDER BY j.specific_priority_value DESC, j.id LIMIT 1"
    );
    let params: [Value; 4] = [
        folder.into(),
        runtime.into(),
        host.session.into(),
        host.machine.into(),
    ];
    let Some(row) = cx.tx.row(&sql, &params)? else {
        return Ok(None);
    };
    Ok(Some(Waiting {
        job: row.get(0)?,
        priority: row.get(1)?,
        folder,
        runtime,
        wanted_robot: row.get(2)?,
        classic_robot: None,
    }))
}

/// The robot that the job names, else the one with the least to do.
fn choose_robot(cx: &mut Cx<'_, '_>, host: &Host, job: &Waiting) -> Result<Option<i64>> {
    let sql = format!(
        "SELECT r.id FROM {CANDIDATES} AND (CAST($2 AS BIGINT) IS NULL OR r.id = $2)
         ORDER BY (SELECT COUNT(*) FROM jobs b WHERE b.robot_id = r.id
             AND b.session_id IS NOT NULL AND b.state IN (0, 1, 2, 3, 8)), r.id LIMIT 1"
    );
    let row = cx.tx.row(
        &sql,
        &[
            job.folder.into(),
            job.wanted_robot.into(),
            host.session.into(),
        ],
    )?;
    Ok(row.map(|r| r.get(0)).transpose()?)
}
