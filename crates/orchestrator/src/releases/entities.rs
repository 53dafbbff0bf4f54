//! The declaration of releases.

use odata::edm::{Entity, EntitySet};
use odata::{Guid, Timestamp, edm_enum};
use serde::{Deserialize, Serialize};

use crate::machines::Tag;
use crate::packages::{Arguments, EntryPoint, ProcessType, ReleaseTargetFramework};

edm_enum! {
    /// The bands of priorities.
    pub enum JobPriority { Low = 0, Normal = 1, High = 2 }
}
edm_enum! {
    /// Whether jobs can be watched or steered live.
    pub enum RemoteControlAccess { None = 0, ReadOnly = 1, Full = 2 }
}

edm_enum! {
    /// What a serverless robot needs for it.
    pub enum RobotSize { Small = 0, Standard = 1, Medium = 2, Large = 3 }
}
edm_enum! {
    /// Which recordings are kept.
    pub enum VideoRecordingType { None = 0, Failed = 1, All = 2 }
}

/// Help with automations that fail.
#[odata::complex(name = "AutopilotForRobotsSettingsDto")]
#[derive(Debug, Serialize, Deserialize)]
pub struct AutopilotForRobotsSettings {
    /// Whether it helps.
    #[serde(default)]
    pub enabled: bool,
    /// Whether it may repair.
    #[serde(default)]
    pub healing_enabled: bool,
}

/// Settings of agents.
#[odata::complex]
pub struct AgentSettings {
    /// Whether the agent remembers.
    pub memory: bool,
}

/// How robots run a process.
#[odata::complex(name = "ProcessSettingsDto")]
pub struct ProcessSettings {
    /// Whether screenshots are taken, to be kept when the job fails.
    pub error_recording_enabled: bool,
    /// Seconds of them that are kept.
    pub duration: Option<i32>,
    /// Milliseconds between them.
    pub frequency: Option<i32>,
    /// Their quality in percent.
    pub quality: Option<i32>,
    /// Starts with the robot's session.
    pub auto_start_process: bool,
    /// People cannot stop it.
    pub always_running: bool,
    /// Help when it fails.
    pub autopilot_for_robots: Option<AutopilotForRobotsSettings>,
    /// When it is an agent.
    pub agent_settings: Option<AgentSettings>,
}

/// Which videos are kept of a process.
#[odata::complex(name = "VideoRecordingSettingsDto")]
#[derive(Debug, Deserialize)]
pub struct VideoRecordingSettings {
    /// Of jobs.
    #[serde(default = "no_video")]
    pub video_recording_type: VideoRecordingType,
    /// Of queue items.
    #[serde(default = "no_video")]
    pub queue_item_video_recording_type: VideoRecordingType,
    /// Their longest duration.
    #[serde(default)]
    pub max_duration_seconds: Option<i32>,
}

fn no_video() -> VideoRecordingType {
    VideoRecordingType::None
}

impl VideoRecordingSettings {
    /// Whether any video is asked for.
    #[must_use]
    pub fn records(&self) -> bool {
        let kinds = [
            self.video_recording_type,
            self.queue_item_video_recording_type,
        ];
        kinds.iter().any(|kind| *kind != VideoRecordingType::None)
    }
}

/// A package version that a release has or had.
#[odata::entity(
    set = "ReleaseVersions",
    name = "ReleaseVersionDto",
    table = "release_versions",
    key = "Id",
    scope = none,
    order = "Id",
    indexes = "release_versions_release(release_id, id)",
)]
pub struct ReleaseVersion {
    /// Number of the release.
    pub release_id: i64,
    /// Version of the package.
    #[edm(sql = "{package_id->packages}.version")]
    pub version_number: String,
    /// Since when.
    pub creation_time: Timestamp,
    /// Id of the package.
    #[edm(sql = "{package_id->packages}.package_id")]
    pub release_name: String,
    /// Its number.
    pub id: i64,
}

/// The band of a priority: above 60 is high, above 30 normal.
pub(crate) const PRIORITY_BAND: &str = "(CASE WHEN {t}.specific_priority_value > 60 THEN 2
    WHEN {t}.specific_priority_value > 30 THEN 1
    WHEN {t}.specific_priority_value IS NOT NULL THEN 0 END)";

/// A package version made startable in a folder.
#[odata::entity(
    set = "Releases",
    name = "ReleaseDto",
    table = "releases",
    key = "Id",
    scope = folder,
    order = "Id",
    indexes = "releases_folder(folder_id, id) WHERE deletion_time IS NULL; \
        releases_name(folder_id, fold(name)) WHERE deletion_time IS NULL",
)]
pub struct Release {
    /// What StartJobs calls `ReleaseKey`.
    #[edm(read_only)]
    pub key: Guid,
    /// Id of the package.
    #[edm(sql = "{package_id->packages}.package_id", required)]
    pub process_key: String,
    /// Version of the package.
    #[edm(sql = "{package_id->packages}.version", required)]
    pub process_version: String,
    /// Whether the feed has no newer version.
    #[edm(sql = "{package_id->packages}.is_latest", read_only)]
    pub is_latest_version: bool,
    /// Whether its package version was deleted, which only happens after the release itself was.
    #[edm(sql = "({package_id->packages}.deletion_time IS NOT NULL)", read_only)]
    pub is_process_deleted: bool,
    /// For people.
    pub description: Option<String>,
    /// Unique in the folder.
    #[edm(required, max = 255)]
    pub name: String,
    /// The environment it is deployed to; classic folders have them.
    pub environment_id: Option<i64>,
    /// Name of the environment.
    #[edm(sql = "{environment_id->environments}.name", read_only)]
    pub environment_name: Option<String>,
    /// What runs.
    pub entry_point_id: Option<i64>,
    /// What runs, by its path.
    #[edm(sql = "{entry_point_id->package_entry_points}.path")]
    pub entry_point_path: Option<String>,
    /// Arguments of jobs that bring none.
    #[edm(max = 10000)]
    pub input_arguments: Option<String>,
    /// `NAME=value` lines.
    #[edm(max = 4000)]
    pub environment_variables: Option<String>,
    /// What kind of process it is.
    #[edm(sql = "{package_id->packages}.process_type", read_only)]
    pub process_type: ProcessType,
    /// The package has more than one entry point.
    #[edm(
        sql = "((SELECT COUNT(*) FROM package_entry_points e WHERE e.package_id = {t}.package_id) > 1)",
        read_only
    )]
    pub supports_multiple_entry_points: bool,
    /// Needs a desktop.
    #[edm(sql = "{package_id->packages}.requires_user_interaction", read_only)]
    pub requires_user_interaction: bool,
    /// Talks with a person.
    #[edm(sql = "{package_id->packages}.is_conversational", read_only)]
    pub is_conversational: bool,
    /// Not declared by the packages read here.
    #[edm(json = "null")]
    pub min_required_robot_version: Option<String>,
    /// Needs a person.
    #[edm(sql = "{package_id->packages}.is_attended", read_only)]
    pub is_attended: bool,
    /// Source or compiled; not declared by the packages read here.
    #[edm(json = "false")]
    pub is_compiled: bool,
    /// Where the idea for it came from.
    pub automation_hub_idea_url: Option<String>,
    /// Arguments of the entry point.
    #[edm(sql = "{entry_point_id->package_entry_points}.arguments", read_only)]
    pub arguments: Option<Arguments>,
    /// How robots run it.
    pub process_settings: Option<ProcessSettings>,
    /// Which videos are kept.
    pub video_recording_settings: Option<VideoRecordingSettings>,
    /// Follows new versions by itself.
    pub auto_update: bool,
    /// Not offered to people.
    pub hidden_for_attended_user: bool,
    /// The feed of the package.
    #[edm(sql = "{package_id->packages}.feed_id")]
    pub feed_id: Option<Guid>,
    /// The band of the priority.
    #[edm(sql = PRIORITY_BAND)]
    pub job_priority: Option<JobPriority>,
    /// 1 to 100; more runs first.
    #[edm(range = "1..=100")]
    pub specific_priority_value: Option<i32>,
    /// Key of the folder.
    #[edm(sql = "{folder_id->folders}.key", read_only)]
    pub folder_key: Guid,
    /// Number of the folder.
    #[edm(column = "folder_id", read_only)]
    pub organization_unit_id: i64,
    /// Path of the folder, in lists.
    #[edm(sql = "{folder_id->folders}.fully_qualified_name", list, read_only)]
    pub organization_unit_fully_qualified_name: Option<String>,
    /// Which robots can run it.
    #[edm(sql = "{package_id->packages}.target_framework", read_only)]
    pub target_framework: Option<ReleaseTargetFramework>,
    /// What a serverless robot needs for it.
    pub robot_size: Option<RobotSize>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Whether its jobs can be watched live.
    pub remote_control_access: RemoteControlAccess,
    /// When it was last changed.
    #[edm(read_only)]
    pub last_modification_time: Option<Timestamp>,
    /// By whom.
    #[edm(read_only)]
    pub last_modifier_user_id: Option<i64>,
    /// When it was made.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// By whom.
    #[edm(read_only)]
    pub creator_user_id: Option<i64>,
    /// Number of the release.
    pub id: i64,
    /// What runs.
    #[edm(nav, column = "entry_point_id")]
    pub entry_point: odata::One<EntryPoint>,
    /// The package version that it has.
    #[edm(nav, column = "current_version_id")]
    pub current_version: odata::One<ReleaseVersion>,
    /// The package versions that it had, in their order.
    #[edm(nav, column = "id", target_column = "release_id")]
    pub release_versions: odata::Many<ReleaseVersion>,
}

/// A release within another entity, with the same members under another name of the type.
#[derive(Debug)]
pub struct SimpleRelease;

impl Entity for SimpleRelease {
    fn set() -> &'static EntitySet {
        static SET: EntitySet = EntitySet {
            entity: "SimpleReleaseDto",
            ..Release::SET
        };
        &SET
    }
}
