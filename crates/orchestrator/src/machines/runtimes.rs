//! Runtimes: the kinds of jobs, and how many of each a machine grants each of its hosts.

use crate::access;
use crate::cx::Cx;
use crate::error::Result;
use crate::kinds::RobotType;
use crate::kinds::jobs::ACTIVE;
use crate::kinds::sessions::CONNECTED;
use crate::op::{At, FolderRule, Operation, Page, function};
use db::sql;

use super::START;

/// The runtimes that jobs can be started on, each with the column that counts its slots; and the
/// same as rows.
macro_rules! runtimes {
    (($first:literal, $first_column:literal), $(($number:literal, $column:literal)),+ $(,)?) => {
        /// Runtimes that jobs can be started on, with the machine's column that counts their slots.
        pub(crate) const RUNTIMES: &[(i64, &str)] =
            &[($first, $first_column), $(($number, $column)),+];

        /// What the machine `m` grants of each of them, in the same order.
        pub(crate) const GRANTED: &str =
            concat!("m.", $first_column, $(", m.", $column),+);

        /// `machine_id`, `runtime`, `slots`: a row for each machine and runtime that it grants.
        pub(crate) const SLOTS_BY_RUNTIME: &str = concat!(
            "(SELECT id AS machine_id, CAST(", $first, " AS BIGINT) AS runtime, ", $first_column,
            " AS slots FROM machines WHERE ", $first_column, " > 0",
            $(" UNION ALL SELECT id, ", $number, ", ", $column,
            " FROM machines WHERE ", $column, " > 0",)+
            ")"
        );
    };
}

runtimes! {
    (0, "non_production_slots"),
    (2, "unattended_slots"),
    (5, "headless_slots"),
    (7, "test_automation_slots"),
    (8, "automation_cloud_slots"),
    (12, "automation_cloud_test_automation_slots"),
    (14, "hosting_slots"),
    (18, "app_test_slots"),
    (19, "performance_test_slots"),
}

/// The runtimes of the machines in the folder `{target}`, with what their hosts grant: those known,
/// those connected, and of these what is free. A machine without hosts counts as one.
const OF_FOLDER: &str = sql!(
    "(SELECT h.runtime AS runtime, SUM(h.slots) AS total,
        SUM(CASE WHEN h.connected THEN h.slots ELSE 0 END) AS connected,
        SUM(CASE WHEN h.connected AND h.ready AND h.slots > h.used THEN h.slots - h.used ELSE 0 END)
            AS available
    FROM (SELECT r.runtime,
            CASE WHEN s.slots < r.slots THEN s.slots ELSE r.slots END AS slots,
            COALESCE(s.state IN {CONNECTED} AND NOT s.is_unresponsive, FALSE) AS connected,
            COALESCE(s.maintenance_mode = 0, FALSE) AS ready,
            (SELECT COUNT(*) FROM jobs j WHERE j.session_id = s.id AND j.runtime_type = r.runtime
                AND j.state IN {ACTIVE}) AS used
        FROM {SLOTS_BY_RUNTIME} r LEFT JOIN sessions s ON s.machine_id = r.machine_id
            AND s.service_user_name NOT LIKE 'robot:%'
        WHERE EXISTS (SELECT 1 FROM folder_tree ft
            JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id
                AND (ft.distance = 0 OR fm.propagate)
            WHERE ft.folder_id = {{target}} AND fm.machine_id = r.machine_id)) h
    GROUP BY h.runtime)"
);

/// What the machines of a folder can run at a time.
#[odata::entity(set = "MachineRuntimes", name = "MachineRuntimeDto", table = OF_FOLDER, key = "Type", scope = none, order = "Type")]
pub struct MachineRuntime {
    /// The runtime.
    #[edm(column = "runtime")]
    pub r#type: RobotType,
    /// Slots of all hosts that are known.
    #[edm(sql = "CAST({t}.total AS BIGINT)")]
    pub total: i64,
    /// Slots of the hosts that are connected.
    #[edm(sql = "CAST({t}.connected AS BIGINT)")]
    pub connected: i64,
    /// Of these, the free ones.
    #[edm(sql = "CAST({t}.available AS BIGINT)")]
    pub available: i64,
}

/// What the machines of a folder can run at a time, for each runtime.
#[odata::input]
pub struct GetRuntimesForFolder {
    /// Number of the folder.
    #[edm(required)]
    folder_id: i64,
}

impl Operation for GetRuntimesForFolder {
    const AT: At = function("Machines", "GetRuntimesForFolder")
        .needs(START)
        .folder(FolderRule::Named);
    type Answer = Page<MachineRuntime>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<MachineRuntime>> {
        let folder = access::managed(cx.tx, cx.caller, &START, self.folder_id)?;
        Ok(Page::all()
            .var("target", folder.id)
            .named(MachineRuntime::SET.entity))
    }
}
