//! The declaration of sessions.

use odata::{Timestamp, edm_enum};

use crate::machines::Machine;
use crate::robots::Robot;

edm_enum! {
    /// What a host last reported.
    pub enum SessionState { Available = 0, Busy = 1, Disconnected = 2, Unknown = 3 }
}
edm_enum! {
    /// The operating system of a host.
    pub enum Platform { Unknown = 0, Windows = 1, Linux = 2, OSX = 3 }
}
edm_enum! {
    /// Whether a session outlives its jobs.
    pub enum RobotSessionType { LongLived = 0, Ephemeral = 1 }
}

/// A host that serves a machine, or a person signed in to a robot on it.
#[odata::entity(set = "Sessions", name = "SessionDto", table = "sessions", key = "Id", scope = tenant, order = "Id")]
pub struct Session {
    /// Name of the host.
    pub host_machine_name: Option<String>,
    /// The machine that it serves.
    pub machine_id: i64,
    /// The machine's name.
    #[edm(sql = "(SELECT m.name FROM machines m WHERE m.id = {t}.machine_id)")]
    pub machine_name: Option<String>,
    /// What it last reported.
    pub state: SessionState,
    /// When it was last heard of.
    pub reporting_time: Timestamp,
    /// What it said besides.
    pub info: Option<String>,
    /// Not heard of for two minutes.
    pub is_unresponsive: bool,
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
    /// Stays the same across restarts of one installation.
    pub installation_id: Option<String>,
    /// Its operating system.
    pub platform: Platform,
    /// Number of the session.
    pub id: i64,
    /// The robot of a signed-in person.
    #[edm(nav, column = "robot_id")]
    pub robot: odata::One<Robot>,
    /// The machine.
    #[edm(nav, column = "machine_id")]
    pub machine: odata::One<Machine>,
}
