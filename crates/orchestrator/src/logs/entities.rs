//! The declaration of robot logs.

use odata::{Guid, Timestamp, edm_enum};

use crate::kinds::RobotType;

edm_enum! {
    /// How serious a line is.
    pub enum LogLevel { Trace = 0, Debug = 1, Info = 2, Warn = 3, Error = 4, Fatal = 5 }
}

/// One line that a job said. Lines have no identity of their own: `Id` is always 0.
#[odata::entity(set = "RobotLogs", name = "LogDto", table = "robot_logs", key = "Id", tie = "id", scope = folder, order = "TimeStamp desc")]
pub struct RobotLog {
    /// How serious.
    pub level: LogLevel,
    /// Account on the host.
    pub windows_identity: Option<String>,
    /// Name of the process.
    pub process_name: Option<String>,
    /// When it was said.
    pub time_stamp: Timestamp,
    /// What was said.
    pub message: Option<String>,
    /// The job that said it.
    pub job_key: Option<Guid>,
    /// Everything the robot sent.
    pub raw_message: Option<String>,
    /// The robot.
    pub robot_name: Option<String>,
    /// The host.
    pub host_machine_name: Option<String>,
    /// The machine.
    pub machine_id: Option<i64>,
    /// The machine.
    pub machine_key: Option<Guid>,
    /// The runtime.
    pub runtime_type: Option<RobotType>,
    /// Always 0.
    #[edm(sql = "CAST(0 AS BIGINT)")]
    pub id: i64,
}
