//! Triggers (`ProcessSchedules`): what starts jobs at times or when queue items arrive. They can be
//! read; what makes and fires them comes later.

use odata::{Guid, Timestamp};

use crate::feature::Feature;
use crate::jobs::StopStrategy;
use crate::kinds::RobotType;
use crate::machines::Tag;
use crate::op::{Access, FolderRule, Need, Resource};
use crate::releases::{JobPriority, PRIORITY_BAND};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("schedules")
    .resources(&[&RESOURCE])
    .tables(&["process_schedules"]);

/// A robot that a trigger starts jobs on.
#[odata::complex(name = "RobotExecutorDto")]
pub struct RobotExecutor {
    /// Its machine.
    pub machine_name: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Number of the robot.
    pub id: i64,
}

/// An account, a machine and a host that a trigger starts jobs on; each may be left open.
#[odata::complex(name = "MachineRobotSessionDto")]
pub struct MachineRobotSession {
    /// The machine.
    pub machine_id: Option<i64>,
    /// Its name.
    pub machine_name: Option<String>,
    /// The robot.
    pub robot_id: Option<i64>,
    /// Its account.
    pub robot_user_name: Option<String>,
    /// The host.
    pub session_id: Option<i64>,
    /// Its name.
    pub session_name: Option<String>,
}

/// A trigger.
#[odata::entity(
    set = "ProcessSchedules",
    name = "ProcessScheduleDto",
    table = "process_schedules",
    key = "Id",
    scope = folder,
    order = "Id",
    indexes = "process_schedules_folder(folder_id, id); process_schedules_name(folder_id, fold(name)); process_schedules_release(release_id); process_schedules_calendar(calendar_id) WHERE calendar_id IS NOT NULL"
)]
pub struct ProcessSchedule {
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Whether it fires.
    pub enabled: bool,
    /// Unique in the folder.
    #[edm(required, max = 255)]
    pub name: String,
    /// The process that it starts.
    pub release_id: i64,
    /// Key of the process.
    #[edm(sql = "{release_id->releases}.key", read_only)]
    pub release_key: Option<String>,
    /// Name of the process.
    #[edm(sql = "{release_id->releases}.name", read_only)]
    pub release_name: Option<String>,
    /// Where the process starts, if elsewhere than it says itself.
    pub entry_point_path: Option<String>,
    /// Name of the process's package.
    #[edm(
        sql = "{release_id->releases.package_id->packages}.package_id",
        read_only
    )]
    pub package_name: Option<String>,
    /// Environments belong to classic folders.
    #[edm(json = "null")]
    pub environment_name: Option<String>,
    /// Environments belong to classic folders.
    #[edm(json = "null")]
    pub environment_id: Option<String>,
    /// The band of the priority; none: the process's own.
    #[edm(sql = PRIORITY_BAND)]
    pub job_priority: Option<JobPriority>,
    /// 1 to 100; more runs first.
    #[edm(range = "1..=100")]
    pub specific_priority_value: Option<i32>,
    /// What the jobs run on.
    pub runtime_type: Option<RobotType>,
    /// When it fires.
    pub start_process_cron: Option<String>,
    /// How a client shows that; opaque.
    pub start_process_cron_details: Option<String>,
    /// When it fires, in words.
    #[edm(read_only)]
    pub start_process_cron_summary: Option<String>,
    /// When it fires next.
    #[edm(read_only)]
    pub start_process_next_occurrence: Option<Timestamp>,
    /// How many jobs it starts; 0: one on each of the robots listed.
    pub start_strategy: i32,
    /// The robots listed.
    pub executor_robots: Vec<RobotExecutor>,
    /// Seconds after which a job is stopped.
    pub stop_process_expression: Option<String>,
    /// How it is stopped.
    pub stop_strategy: Option<StopStrategy>,
    /// Seconds after which a job that was asked to stop is killed.
    pub kill_process_expression: Option<String>,
    /// Key of what another system starts with it.
    pub external_job_key: Option<String>,
    /// Key of the schedule in another system.
    pub external_job_key_scheduler: Option<Guid>,
    /// The zone of its times, a Windows id.
    #[edm(required, max = 80)]
    pub time_zone_id: String,
    /// The same as an IANA name.
    #[edm(read_only)]
    pub time_zone_iana: Option<String>,
    /// Whether days are left out.
    #[edm(sql = "({t}.calendar_id IS NOT NULL)", read_only)]
    pub use_calendar: bool,
    /// The calendar of the days left out.
    pub calendar_id: Option<i64>,
    /// Its name.
    #[edm(sql = "{calendar_id->calendars}.name", read_only)]
    pub calendar_name: Option<String>,
    /// Its key.
    #[edm(sql = "{calendar_id->calendars}.key", read_only)]
    pub calendar_key: Option<Guid>,
    /// When it stops firing for good.
    pub stop_process_date: Option<Timestamp>,
    /// What the jobs get.
    #[edm(max = 10000)]
    pub input_arguments: Option<String>,
    /// What the jobs get, as a file.
    pub input_file: Option<Guid>,
    /// The queue whose items start jobs.
    pub queue_definition_id: Option<i64>,
    /// Name of the queue.
    #[edm(json = "null")]
    pub queue_definition_name: Option<String>,
    /// Whether the queue is looked at again when a job ends.
    pub activate_on_job_complete: bool,
    /// New items that start the first job.
    #[edm(range = "1..=10000")]
    pub items_activation_threshold: Option<i64>,
    /// Items for each further job.
    #[edm(range = "1..=10000")]
    pub items_per_job_activation_target: Option<i64>,
    /// Jobs at a time.
    #[edm(range = "1..=10000")]
    pub max_jobs_for_activation: Option<i32>,
    /// Whether a suspended job goes on where it began.
    pub resume_on_same_context: bool,
    /// For people.
    #[edm(max = 512)]
    pub description: Option<String>,
    /// What the jobs run on, one entry a job.
    pub machine_robots: Vec<MachineRobotSession>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Seconds after which a waiting job raises an alert.
    pub alert_pending_expression: Option<String>,
    /// Seconds after which a running job raises an alert.
    pub alert_running_expression: Option<String>,
    /// Whether the jobs run as whoever made the trigger.
    pub run_as_me: bool,
    /// Faulted jobs in a row that switch it off.
    #[edm(range = "0..=100")]
    pub consecutive_job_failures_threshold: Option<i32>,
    /// Hours for which that is put up with.
    #[edm(range = "0..=720")]
    pub job_failures_grace_period_in_hours: Option<i32>,
    /// Whether the package itself brought it.
    #[edm(read_only)]
    pub is_connected: bool,
    /// Number of the trigger.
    pub id: i64,
}

/// The set.
pub static RESOURCE: Resource = Resource::new(
    &ProcessSchedule::SET,
    Need::new("OR.Jobs", &[("Schedules", Access::View)], false),
)
.folder(FolderRule::Required)
.get();
