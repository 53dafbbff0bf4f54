//! The robots that could run what waits, and what each of them has to do.

use std::collections::{HashMap, HashSet};

use db::{Dialect, sql};

use super::hosts::{Choice, Classic, Host, LIVE_JOBS};
use super::waiting::Waiting;
use crate::cx::Cx;
use crate::error::Result;
use crate::kinds::jobs::ACTIVE;
use crate::robots::{RobotType, able};

db::record! {
    /// A robot of a folder: unattended, and not a classic one.
    struct Able {
        folder: i64 = "ft.folder_id",
        id: i64 = "r.id",
        /// Whether it works on one host at a time.
        one_host: bool = "r.limit_concurrent_execution",
    }
}

db::record! {
    /// What a robot has to do on a host.
    struct Busy {
        robot: i64 = "a.robot_id",
        session: i64 = "a.session_id",
        jobs: i64 = "COUNT(*)",
    }
}

db::record! {
    /// A machine is for this robot and others like it: everywhere, or in one folder.
    struct Reserved {
        folder: Option<i64> = "fmr.folder_id",
        machine: i64 = "fmr.machine_id",
        robot: i64 = "fmr.robot_id",
    }
}

db::record! {
    /// A classic robot is in an environment.
    struct Member {
        environment: i64 = "er.environment_id",
        robot: i64 = "er.robot_id",
    }
}

macro_rules! busy {
    ($jobs:expr) => {
        sql!(
            "SELECT {} FROM {} WHERE a.session_id > 0 AND a.robot_id IS NOT NULL
                 AND a.state IN {ACTIVE} GROUP BY a.session_id, a.robot_id",
            Busy::SELECT,
            $jobs
        )
    };
}

/// Robots by their folders, with what stands in their way.
pub(super) struct Robots {
    /// By folder: each robot, and whether it works on one host at a time.
    able: HashMap<i64, HashMap<i64, bool>>,
    /// By robot: its jobs on each host.
    busy: HashMap<i64, HashMap<i64, i64>>,
    /// The robots that a machine is for; of a folder, or of all.
    reserved: HashMap<(Option<i64>, i64), HashSet<i64>>,
    /// Environments and their robots.
    members: HashSet<(i64, i64)>,
}

impl Robots {
    /// Those of the folders.
    pub fn of(cx: &mut Cx<'_, '_>, choice: &Choice, folders: HashSet<i64>) -> Result<Self> {
        let mut robots = Self {
            able: HashMap::new(),
            busy: HashMap::new(),
            reserved: HashMap::new(),
            members: HashSet::new(),
        };
        let find = sql!(
            "SELECT {} {{rows,}} folder_tree ft CROSS JOIN folder_users fu CROSS JOIN robots r
             WHERE ft.folder_id = {{1}} AND fu.folder_id = ft.ancestor_id
                 AND r.user_id = fu.user_id AND r.type = 2 AND r.folder_id IS NULL AND {}",
            Able::SELECT,
            able!()
        );
        for able in cx
            .tx
            .all_many::<Able, _>(find, folders.into_iter().collect())?
        {
            let of_folder = robots.able.entry(able.folder).or_default();
            of_folder.insert(able.id, able.one_host);
        }
        let find = match cx.tx.dialect() {
            Dialect::Sqlite => busy!(LIVE_JOBS[0]),
            Dialect::Postgres => busy!(LIVE_JOBS[1]),
        };
        for busy in cx.tx.all::<Busy>(find, &[])? {
            let of_robot = robots.busy.entry(busy.robot).or_default();
            of_robot.insert(busy.session, busy.jobs);
        }
        let params = choice.params(cx);
        for reserved in cx
            .tx
            .all::<Reserved>(choice.statements().reserved, &params)?
        {
            let place = (reserved.folder, reserved.machine);
            let of_machine = robots.reserved.entry(place).or_default();
            of_machine.insert(reserved.robot);
        }
        let find = sql!(
            "SELECT {} FROM robots r JOIN environment_robots er ON er.robot_id = r.id
             WHERE r.tenant_id = $1 AND r.folder_id IS NOT NULL",
            Member::SELECT
        );
        for member in cx.tx.all::<Member>(find, &[cx.caller.tenant.into()])? {
            robots.members.insert((member.environment, member.robot));
        }
        Ok(robots)
    }

    /// The robot with the least to do of those that can run a job of the folder on the host.
    pub fn choose(&self, host: &Host, folder: i64) -> Option<i64> {
        let all = self.able.get(&folder)?.keys().copied();
        let able = all.filter(|robot| self.can_run(*robot, host, folder));
        able.min_by_key(|robot| (self.jobs(*robot), *robot))
    }

    /// Whether it is in the folder, not bound to another host by "one host at a time", and not shut
    /// out by a machine that is for others only.
    pub fn can_run(&self, robot: i64, host: &Host, folder: i64) -> bool {
        let of_folder = self.able.get(&folder);
        let Some(one_host) = of_folder.and_then(|robots| robots.get(&robot)) else {
            return false;
        };
        let elsewhere = || {
            let mut hosts = self.busy.get(&robot).into_iter().flat_map(HashMap::keys);
            hosts.any(|session| *session != host.session)
        };
        let is_for = |folder| {
            let robots = self.reserved.get(&(folder, host.machine));
            robots.is_none_or(|robots| robots.contains(&robot))
        };
        !(*one_host && elsewhere()) && is_for(None) && is_for(Some(folder))
    }

    /// Whether it runs nothing, nor is about to.
    pub fn is_idle(&self, robot: i64) -> bool {
        !self.busy.contains_key(&robot)
    }

    /// Whether a job is for a classic robot: bound to it, or to any of its environment.
    pub fn is_meant(&self, job: &Waiting, robot: &Classic) -> bool {
        match (job.wanted_robot, job.environment) {
            (Some(wanted), _) => wanted == robot.id,
            (None, Some(environment)) => {
                let runtimes = [RobotType::Unattended as i64, robot.kind];
                runtimes.contains(&job.runtime) && self.members.contains(&(environment, robot.id))
            }
            (None, None) => false,
        }
    }

    /// It begins a job on a host.
    pub fn begin(&mut self, robot: i64, session: i64) {
        let of_robot = self.busy.entry(robot).or_default();
        *of_robot.entry(session).or_default() += 1;
    }

    fn jobs(&self, robot: i64) -> i64 {
        let of_robot = self.busy.get(&robot);
        of_robot.map_or(0, |hosts| hosts.values().sum())
    }
}
