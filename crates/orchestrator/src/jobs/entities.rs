//! The declaration of jobs.

use odata::{Guid, Timestamp, edm_enum};

use crate::kinds::jobs::JobState;
use crate::machines::Machine;
use crate::packages::ProcessType;
use crate::releases::{
    AutopilotForRobotsSettings, JobPriority, PRIORITY_BAND, RemoteControlAccess, SimpleRelease,
};
use crate::robots::{RobotType, SimpleRobot};

edm_enum! {
    /// How to stop: ask, or kill.
    pub enum StopStrategy { SoftStop = 1, Kill = 2 }
}
edm_enum! {
    /// Whether a person sits in front of it.
    pub enum JobType { Unattended = 0, Attended = 1, ServerlessGeneric = 2 }
}
edm_enum! {
    /// What started a job. Two have another name in what asks for a start.
    pub enum JobSource {
        Manual = 0, Schedule = 1, Agent | Assistant = 2, Queue = 3, StudioWeb = 4,
        IntegrationTrigger = 5, StudioDesktop = 6, AutomationOpsPipelines = 7, Apps = 8, SAP = 9,
        HttpTrigger = 10, HttpTriggerCallback | HttpTriggerWithCallback = 11, RobotAPI = 12,
        CommandLine = 13, RobotNetAPI = 14, Autopilot = 15, TestManager = 16, AgentService = 17, ProcessOrchestration = 18,
        PluginEcosystem = 19, PerformanceTesting = 20, AgentHub = 21, ApiWorkflow = 22
    }
}
edm_enum! {
    /// What a serverless job runs.
    pub enum ServerlessJobType {
        RobotJob = 0, WebApp = 1, LoadTest = 2, StudioWebDesigner = 3, PublishStudioProject = 4,
        JsApi = 5, PythonCodedAgent = 6, MCPServer = 7
    }
}

/// Why a job faulted.
#[odata::complex(name = "JobErrorDto")]
pub struct JobError {
    /// A code of the runtime.
    pub code: Option<String>,
    /// One line.
    pub title: Option<String>,
    /// Everything there is, e.g. a stack trace.
    pub detail: Option<String>,
    /// User, System, Deployment, Unknown.
    pub category: Option<String>,
    /// An HTTP status, when one was the cause.
    pub status: Option<i32>,
    /// When it was reported.
    pub timestamp: Option<Timestamp>,
}

/// One execution of a process.
#[odata::entity(
    set = "Jobs",
    name = "JobDto",
    table = "jobs",
    key = "Id",
    scope = folder,
    order = "Id",
    counts = "job_counts(state)",
    indexes = "jobs_folder(folder_id, id, tenant_id);
        jobs_folder_state(folder_id, state, id, tenant_id);
        jobs_created(folder_id, creation_time, id, tenant_id);
        jobs_state_created(folder_id, state, creation_time, id, tenant_id);
        jobs_tenant_created(tenant_id, creation_time, id, folder_id);
        jobs_release(release_id, id);
        jobs_robot(robot_id, id, folder_id, tenant_id) WHERE robot_id IS NOT NULL"
)]
pub struct Job {
    /// Unique everywhere.
    pub key: Guid,
    /// When a robot began.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
    /// Where it stands.
    pub state: JobState,
    /// Robots report no finer states.
    #[edm(json = "null")]
    pub sub_state: Option<String>,
    /// The band of the priority.
    #[edm(sql = PRIORITY_BAND)]
    pub job_priority: JobPriority,
    /// 1 to 100; more runs first.
    pub specific_priority_value: i32,
    /// Processes keep no overwrites of their resources.
    #[edm(json = "null")]
    pub resource_overwrites: Option<String>,
    /// What started it: the kind, or the trigger's name.
    pub source: String,
    /// What started it.
    pub source_type: JobSource,
    /// Common to all jobs of one start.
    pub batch_execution_key: Guid,
    /// What the robot last said of it.
    pub info: Option<String>,
    /// When it was asked for.
    pub creation_time: Timestamp,
    /// The time trigger that started it.
    pub starting_schedule_id: Option<i64>,
    /// Name of the release when it was started.
    pub release_name: String,
    /// Attended or not.
    pub r#type: JobType,
    /// What goes in: a JSON object.
    pub input_arguments: Option<String>,
    /// What goes in, as a stored file.
    pub input_file: Option<Guid>,
    /// `NAME=value` lines.
    pub environment_variables: Option<String>,
    /// What came out: a JSON object.
    pub output_arguments: Option<String>,
    /// What came out, as a stored file.
    pub output_file: Option<Guid>,
    /// The host that runs it.
    pub host_machine_name: Option<String>,
    /// Screens are not recorded.
    #[edm(json = "false")]
    pub has_media_recorded: bool,
    /// Screens are not recorded.
    #[edm(json = "false")]
    pub has_video_recorded: bool,
    /// State of a suspended job; jobs cannot be suspended yet.
    #[edm(json = "null")]
    pub persistence_id: Option<Guid>,
    /// How often it was resumed; jobs cannot be suspended yet.
    #[edm(json = "null")]
    pub resume_version: Option<i32>,
    /// How it was asked to stop.
    pub stop_strategy: Option<StopStrategy>,
    /// The runtime it takes.
    pub runtime_type: RobotType,
    /// Needs a desktop.
    pub requires_user_interaction: bool,
    /// Version of the release when it was asked for.
    #[edm(
        sql = "(SELECT MAX(v.id) FROM release_versions v WHERE v.release_id = {t}.release_id AND v.creation_time <= {t}.creation_time)"
    )]
    pub release_version_id: Option<i64>,
    /// What runs.
    #[edm(max = 512)]
    pub entry_point_path: Option<String>,
    /// Number of the folder.
    #[edm(column = "folder_id")]
    pub organization_unit_id: i64,
    /// Path of the folder, in lists.
    #[edm(sql = "{folder_id->folders}.fully_qualified_name", list)]
    pub organization_unit_fully_qualified_name: Option<String>,
    /// The caller's own mark.
    pub reference: String,
    /// What kind of process it is.
    pub process_type: ProcessType,
    /// Options of a profiler.
    pub profiling_options: Option<String>,
    /// Resumes on the same machine and robot.
    pub resume_on_same_context: bool,
    /// The account it runs as, once a robot has it.
    #[edm(
        sql = "COALESCE(CASE WHEN {t}.start_time IS NOT NULL THEN {robot_id->robots}.username END, '')"
    )]
    pub local_system_account: String,
    /// The account whose rights it has, once a robot has it.
    #[edm(
        sql = "(CASE WHEN {t}.start_time IS NOT NULL THEN {robot_id->robots.user_id->users}.user_name END)"
    )]
    pub orchestrator_user_identity: Option<String>,
    /// Whether it can be watched live.
    pub remote_control_access: RemoteControlAccess,
    /// The trigger of an API that started it; there are none yet.
    #[edm(json = "null")]
    pub starting_trigger_id: Option<Guid>,
    /// Nothing that starts jobs says how long they are expected to run.
    #[edm(json = "null")]
    pub max_expected_running_time_seconds: Option<i64>,
    /// A server that a team runs itself has no serverless robots.
    #[edm(json = "null")]
    pub serverless_job_type: Option<ServerlessJobType>,
    /// The job that started it.
    pub parent_job_key: Option<Guid>,
    /// When it was resumed; jobs cannot be suspended yet.
    #[edm(json = "null")]
    pub resume_time: Option<Timestamp>,
    /// When it was last changed.
    pub last_modification_time: Option<Timestamp>,
    /// Why it faulted.
    #[edm(column = "error")]
    pub job_error: Option<JobError>,
    /// The code of why it faulted.
    pub error_code: Option<String>,
    /// What the caller tells the robot's runtime: properties.
    pub fps_properties: Option<String>,
    /// Trace that it belongs to.
    pub trace_id: Option<String>,
    /// Span that started it.
    pub parent_span_id: Option<String>,
    /// First span of the trace.
    pub root_span_id: Option<String>,
    /// Help when it fails: as its start says, else as its process does.
    pub autopilot_for_robots: Option<AutopilotForRobotsSettings>,
    /// What the caller tells the robot's runtime: the context.
    pub fps_context: Option<String>,
    /// Key of the folder.
    #[edm(sql = "{folder_id->folders}.key")]
    pub folder_key: Guid,
    /// Number of the job.
    pub id: i64,
    /// The robot that has it.
    #[edm(nav, column = "robot_id")]
    pub robot: odata::One<SimpleRobot>,
    /// What it is an execution of.
    #[edm(nav, column = "release_id")]
    pub release: odata::One<SimpleRelease>,
    /// The machine that has it.
    #[edm(nav, column = "machine_id")]
    pub machine: odata::One<Machine>,
}
