//! The declaration of sessions.

use db::sql;
use odata::{Guid, Timestamp, edm_enum};

use crate::jobs::Job;
use crate::kinds::jobs::{ACTIVE, RUNNING};
use crate::kinds::sessions::SessionState;
use crate::machines::{Machine, MachineScope, MachineType, SLOTS_BY_RUNTIME, UpdateInfo};
use crate::robots::{RobotType, RobotWithLicense};

edm_enum! {
    /// The operating system of a host.
    pub enum Platform { Unknown = 0, Windows = 1, Linux = 2, OSX = 3 }
}
edm_enum! {
    /// Whether a session outlives its jobs.
    pub enum RobotSessionType { LongLived = 0, Ephemeral = 1 }
}

edm_enum! {
    /// Whether a host takes jobs.
    pub enum MaintenanceMode { Default = 0, Enabled = 1 }
}
edm_enum! {
    /// Which program a person signed in with.
    pub enum SessionSource { Assistant = 0, StudioWeb = 1, StudioDesktop = 2 }
}
edm_enum! {
    /// Why a session got no licence.
    pub enum LicenseErrorCode {
        NoLicense = 0, LicenseExpired = 1, LicenseUnregistered = 2, NoAvailableLicenses = 3,
        NotEnoughAvailableSlots = 4, NotEnoughRuntimeLicenses = 5, LicenseIsAlreadyInUse = 6,
        InvalidRequest = 7, SlotsExceedLicenseLimit = 8, RuntimeDisabled = 9,
        ExternalNotSupported = 10, UsageExceedsLicenseLimit = 11, LicenseNotCompatible = 12
    }
}

/// Sessions with the job that each of them runs, the latest of several.
const WITH_JOB: &str = sql!(
    "(SELECT s.*, (SELECT MAX(j.id) FROM jobs j
    WHERE j.session_id = s.id AND j.state IN {RUNNING}) AS job_id FROM sessions s)"
);

/// Robots may call their installation what they like; the contract knows only GUIDs.
const INSTALLATION: &str =
    "(CASE WHEN {t}.installation_id LIKE '________-____-____-____-____________'
    THEN lower({t}.installation_id) END)";

/// What queries go on to by the `Job` of a session.
pub(super) const JOBS_ENTITY: &str = Job::SET.entity;

/// Declares a set over the table of sessions: what is given first, then what all of them show.
macro_rules! session {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        pub struct $name {
            $($own)*
            /// Name of the host.
            pub host_machine_name: Option<String>,
            /// The machine that it serves.
            pub machine_id: i64,
            /// The machine's name.
            #[edm(sql = "{machine_id->machines}.name")]
            pub machine_name: Option<String>,
            /// What it last reported.
            pub state: SessionState,
            /// When it was last heard of.
            pub reporting_time: Timestamp,
            /// What it said besides.
            pub info: Option<String>,
            /// Not heard of for two minutes.
            pub is_unresponsive: bool,
            /// Licences are not counted.
            #[edm(json = "null")]
            pub license_error_code: Option<LicenseErrorCode>,
            /// Sessions belong to machines, not to folders.
            #[edm(json = "null")]
            pub organization_unit_id: Option<i64>,
            /// Sessions belong to machines, not to folders.
            #[edm(json = "null")]
            pub folder_name: Option<String>,
            /// Hosts stay.
            #[edm(json = "\"LongLived\"")]
            pub robot_session_type: RobotSessionType,
            /// Version of the robot.
            pub version: Option<String>,
            /// Which program a person signed in with; robots do not tell.
            #[edm(json = "null")]
            pub source: Option<SessionSource>,
            /// Until when its robot writes down more than usual.
            pub debug_mode_expiration_date: Option<Timestamp>,
            /// Updates are not rolled out by this server.
            #[edm(json = "null")]
            pub update_info: Option<UpdateInfo>,
            /// Stays the same across restarts of one installation, where it is a GUID.
            #[edm(sql = INSTALLATION)]
            pub installation_id: Option<Guid>,
            /// Its operating system.
            pub platform: Platform,
            /// Endpoint protection is not watched.
            #[edm(json = "null")]
            pub endpoint_detection: Option<String>,
            /// Number of the session.
            pub id: i64,
            /// The robot of a signed-in person.
            #[edm(nav, column = "robot_id")]
            pub robot: odata::One<RobotWithLicense>,
            /// The machine.
            #[edm(nav, column = "machine_id")]
            pub machine: odata::One<Machine>,
            /// The job that it runs, the latest of several.
            #[edm(nav, column = "job_id")]
            pub job: odata::One<Job>,
        }
    };
}

session! {
    /// A host that serves a machine, or a person signed in to a robot on it.
    #[odata::entity(set = "Sessions", name = "SessionDto", table = WITH_JOB, key = "Id", scope = tenant, order = "Id")]
    pub struct Session {}
}

session! {
    /// A session as its machine shows it.
    #[odata::entity(set = "MachineSessions", name = "MachineSessionDto", table = WITH_JOB, key = "Id", scope = tenant, order = "Id")]
    pub struct MachineSession {
        /// The account that the robot's service runs as.
        #[edm(sql = "(CASE WHEN {t}.service_user_name LIKE 'robot:%' THEN NULL ELSE {t}.service_user_name END)")]
        pub service_user_name: Option<String>,
    }
}

/// A row for each host and runtime that its machine grants.
const RUNTIMES_OF_HOSTS: &str = sql!(
    "(SELECT s.id * 32 + r.runtime AS tie, s.tenant_id, s.id AS session_id, s.machine_id,
        m.name AS machine_name, m.type AS machine_type, m.scope AS machine_scope,
        s.maintenance_mode, s.host_machine_name, r.runtime, s.state AS status, s.is_unresponsive,
        CASE WHEN s.slots < r.slots THEN s.slots ELSE r.slots END AS runtimes,
        (SELECT COUNT(*) FROM jobs j WHERE j.session_id = s.id AND j.runtime_type = r.runtime
            AND j.state IN {ACTIVE}) AS used_runtimes,
        s.service_user_name, s.reporting_time, s.version, s.debug_mode_expiration_date, s.platform
    FROM sessions s JOIN machines m ON m.id = s.machine_id
    JOIN {SLOTS_BY_RUNTIME} r ON r.machine_id = s.machine_id
    WHERE s.service_user_name NOT LIKE 'robot:%')"
);

/// What a host can run of one runtime, and how much of it is taken.
#[odata::entity(set = "MachineSessionRuntimes", name = "MachineSessionRuntimeDto", table = RUNTIMES_OF_HOSTS, key = "SessionId", tie = "tie", scope = tenant, order = "SessionId")]
pub struct MachineSessionRuntime {
    /// The host's session.
    pub session_id: i64,
    /// The machine that it serves.
    pub machine_id: i64,
    /// The machine's name.
    pub machine_name: String,
    /// Whether it takes jobs.
    pub maintenance_mode: MaintenanceMode,
    /// Name of the host.
    pub host_machine_name: String,
    /// The runtime.
    #[edm(column = "runtime")]
    pub runtime_type: RobotType,
    /// One host, or any host with the key.
    pub machine_type: MachineType,
    /// What the machine is for.
    pub machine_scope: MachineScope,
    /// What the host last reported.
    pub status: SessionState,
    /// Not heard of for two minutes.
    pub is_unresponsive: bool,
    /// Jobs of the runtime at a time.
    pub runtimes: i64,
    /// Jobs that it has now.
    pub used_runtimes: i64,
    /// The account that the robot's service runs as.
    pub service_user_name: String,
    /// When it was last heard of.
    pub reporting_time: Timestamp,
    /// Version of the robot.
    pub version: Option<String>,
    /// Until when its robot writes down more than usual.
    pub debug_mode_expiration_date: Option<Timestamp>,
    /// Its operating system.
    pub platform: Platform,
    /// Endpoint protection is not watched.
    #[edm(json = "null")]
    pub endpoint_detection: Option<String>,
    /// Triggers do not exist yet.
    #[edm(json = "0")]
    pub triggers_count: i32,
}
