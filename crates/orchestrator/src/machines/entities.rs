//! The declaration of machines.

use odata::{Guid, Timestamp, edm_enum};
use serde::{Deserialize, Serialize};

edm_enum! {
    /// One host by name, or any host with the key.
    pub enum MachineType { Standard = 0, Template = 1 }
}
edm_enum! {
    /// What a machine is for.
    pub enum MachineScope {
        Default = 0, Shared = 1, PersonalWorkspace = 2, Cloud = 3, Serverless = 4,
        AutomationCloudRobot = 5, ElasticRobot = 6, ProcessOrchestration = 7, AgentService = 8
    }
}

impl MachineScope {
    /// Whether the server keeps machines of this scope for itself.
    #[must_use]
    pub fn is_protected(self) -> bool {
        matches!(self, Self::PersonalWorkspace | Self::Serverless)
    }
}

edm_enum! {
    /// Which kind of jobs it takes.
    pub enum AutomationType { Any = 0, Foreground = 1, Background = 2 }
}
edm_enum! {
    /// Which packages it can run.
    pub enum TargetFramework { Any = 0, Windows = 1, Portable = 2 }
}
edm_enum! {
    /// Whether the endpoint protection of its hosts was seen.
    pub enum EndpointDetectionStatus { NotAvailable = 0, Mixed = 1, Enabled = 2 }
}
edm_enum! {
    /// How robots are updated.
    pub enum UpdatePolicyType { None = 0, SpecificVersion = 1, LatestVersion = 2, LatestPatch = 3 }
}

edm_enum! {
    /// What becomes of running jobs when a maintenance window begins.
    pub enum WindowStopStrategy { None = 0, Kill = 1 }
}
edm_enum! {
    /// How cloud machines are paid for.
    pub enum ServerlessLicensingModel { RobotUnits = 0, LicenseSlots = 1 }
}
edm_enum! {
    /// Where an update of robots stands.
    pub enum UpdateStatus {
        None = 0, InProgress = 1, Failed = 2, NonCompliant = 3, Compliant = 4, NotApplicable = 5,
        Scheduled = 6, FailedRescheduled = 7
    }
}
edm_enum! {
    /// Why an update does not go on.
    pub enum UpdateReason {
        NonCompliantWithDifferentVersion = 0, NonCompliantWithoutTargetVersion = 1,
        NotApplicableForOlderSessions = 2, NotApplicableForMachineType = 3,
        NotApplicableTemplateWithoutRobotSessions = 4, NotApplicableForPlatform = 5,
        NotApplicableForTargetFramework = 6
    }
}

/// How many hosts of a machine run which robot version.
#[odata::complex(name = "MachinesRobotVersionDto")]
pub struct RobotVersion {
    /// Hosts.
    pub count: i64,
    /// The version they report.
    pub version: String,
    /// The machine.
    pub machine_id: i64,
}

/// A robot that may use a machine.
#[odata::complex(name = "RobotUserDto")]
#[derive(Debug, Deserialize)]
pub struct RobotUser {
    /// Its account.
    #[edm(read_only)]
    #[serde(default)]
    pub user_name: Option<String>,
    /// The robot.
    #[edm(required)]
    pub robot_id: i64,
    /// Whether triggers use the pair.
    #[edm(read_only)]
    #[serde(default)]
    pub has_triggers: bool,
}

/// How robots on a machine are updated.
#[odata::complex(name = "UpdatePolicyDto")]
#[derive(Debug, Serialize, Deserialize)]
pub struct UpdatePolicy {
    /// The rule.
    #[serde(default = "no_update")]
    pub r#type: UpdatePolicyType,
    /// The version, when the rule names one.
    #[edm(max = 128)]
    #[serde(default)]
    pub specific_version: Option<String>,
}

fn no_update() -> UpdatePolicyType {
    UpdatePolicyType::None
}

/// A label, with or without a value.
#[odata::complex(name = "TagDto")]
#[derive(Debug, Serialize, Deserialize)]
pub struct Tag {
    /// Its name.
    #[edm(required, max = 256)]
    #[serde(default)]
    pub name: Option<String>,
    /// Its name as shown.
    #[edm(max = 256)]
    #[serde(default)]
    pub display_name: Option<String>,
    /// Its value.
    #[edm(max = 256)]
    #[serde(default)]
    pub value: Option<String>,
    /// Its value as shown.
    #[edm(max = 256)]
    #[serde(default)]
    pub display_value: Option<String>,
}

/// When a machine takes no jobs. Members of this structure are camelCase in the contract.
#[odata::complex(name = "MaintenanceWindowDto")]
#[derive(Debug, Serialize, Deserialize)]
pub struct MaintenanceWindow {
    /// Whether it applies.
    #[edm(name = "enabled")]
    #[serde(default)]
    pub enabled: bool,
    /// What becomes of jobs when it begins.
    #[edm(name = "jobStopStrategy")]
    #[serde(default = "let_them_end")]
    pub job_stop_strategy: WindowStopStrategy,
    /// Quartz expression of its starts.
    #[edm(name = "cronExpression", max = 200)]
    #[serde(default)]
    pub cron_expression: Option<String>,
    /// Zone of the expression.
    #[edm(name = "timezoneId", max = 100)]
    #[serde(default)]
    pub timezone_id: Option<String>,
    /// Minutes.
    #[edm(name = "duration")]
    #[serde(default)]
    pub duration: i32,
    /// Its next start; schedules are not worked out yet.
    #[edm(name = "nextExecutionTime", read_only)]
    #[serde(default, skip_deserializing)]
    pub next_execution_time: Option<Timestamp>,
}

fn let_them_end() -> WindowStopStrategy {
    WindowStopStrategy::None
}

/// The network of a cloud machine.
#[odata::complex(name = "MachineVpnSettingsDto")]
#[derive(Debug, Serialize, Deserialize)]
pub struct VpnSettings {
    /// Its range of addresses.
    #[edm(name = "cidr", max = 100)]
    #[serde(default)]
    pub cidr: Option<String>,
}

/// Where an update of a machine's robots stands.
#[odata::complex(name = "UpdateInfoDto")]
pub struct UpdateInfo {
    /// Where it stands.
    #[edm(name = "updateStatus")]
    pub update_status: UpdateStatus,
    /// Why it does not go on.
    #[edm(name = "reason")]
    pub reason: Option<UpdateReason>,
    /// The version that it leads to.
    #[edm(name = "targetUpdateVersion")]
    pub target_update_version: Option<String>,
    /// Whether it is the community's edition.
    #[edm(name = "isCommunity")]
    pub is_community: bool,
    /// For people.
    #[edm(name = "statusInfo")]
    pub status_info: Option<String>,
}

/// The robot versions of a machine's hosts as JSON.
pub(crate) const ROBOT_VERSIONS: &str = "(SELECT '[' || string_agg('{\"Count\":' || v.n
    || ',\"Version\":' || json_quote(v.version) || ',\"MachineId\":' || v.machine_id || '}', ',') || ']'
    FROM (SELECT s.machine_id, s.version, COUNT(*) AS n FROM sessions s
        WHERE s.machine_id = {t}.id AND s.version IS NOT NULL
        GROUP BY s.machine_id, s.version) v)";

/// The robots that alone may use a machine, as JSON.
pub(crate) const ROBOT_USERS: &str =
    "(SELECT '[' || string_agg('{\"UserName\":' || json_quote(u.user_name)
    || ',\"RobotId\":' || mr.robot_id || ',\"HasTriggers\":false}', ',') || ']'
    FROM machine_robots mr JOIN robots r ON r.id = mr.robot_id
    LEFT JOIN users u ON u.id = r.user_id WHERE mr.machine_id = {t}.id)";

/// A machine or machine template.
#[odata::entity(set = "Machines", name = "MachineDto", table = "machines", key = "Id", scope = tenant, order = "Id")]
pub struct Machine {
    /// The key that robots prove; not shown in lists, nor to be guessed by filters.
    #[edm(single, nofilter, max = 255)]
    pub license_key: Option<String>,
    /// Name of the template, or of the host.
    #[edm(required, max = 450)]
    pub name: String,
    /// For people.
    #[edm(max = 500)]
    pub description: Option<String>,
    /// One host, or any host with the key.
    pub r#type: MachineType,
    /// What it is for.
    pub scope: MachineScope,
    /// Concurrent test jobs of a host.
    #[edm(range = "0..=10000")]
    pub non_production_slots: i32,
    /// Concurrent unattended jobs of a host.
    #[edm(range = "0..=10000")]
    pub unattended_slots: i32,
    /// Concurrent background jobs of a host.
    #[edm(range = "0..=10000")]
    pub headless_slots: i32,
    /// Concurrent test automation jobs of a host.
    #[edm(range = "0..=10000")]
    pub test_automation_slots: i32,
    /// Slots of hosting runtimes.
    #[edm(range = "0..=10000")]
    pub hosting_slots: i32,
    /// Slots of application tests.
    #[edm(range = "0..=10000")]
    pub app_test_slots: i32,
    /// Slots of performance tests.
    #[edm(range = "0..=10000")]
    pub performance_test_slots: i32,
    /// Slots of cloud robots.
    #[edm(range = "0..=10000")]
    pub automation_cloud_slots: i32,
    /// Slots of cloud test robots.
    #[edm(range = "0..=10000")]
    pub automation_cloud_test_automation_slots: i32,
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Endpoint protection is not watched.
    #[edm(json = "\"NotAvailable\"", read_only)]
    pub endpoint_detection_status: EndpointDetectionStatus,
    /// Versions of the robots that run on its hosts.
    #[edm(sql = ROBOT_VERSIONS, read_only)]
    pub robot_versions: Vec<RobotVersion>,
    /// Robots that alone may use it.
    #[edm(sql = ROBOT_USERS, range = "0..=1000")]
    pub robot_users: Vec<RobotUser>,
    /// Foreground, background or both.
    pub automation_type: AutomationType,
    /// What it can run.
    pub target_framework: TargetFramework,
    /// A server that a team runs itself has no cloud machines.
    #[edm(json = "null", read_only)]
    pub serverless_licensing_model: Option<ServerlessLicensingModel>,
    /// How robots on it are updated.
    pub update_policy: Option<UpdatePolicy>,
    /// Shown once, when it is made.
    #[edm(sql = "CAST({secret} AS TEXT)", single, nofilter, read_only)]
    pub client_secret: Option<String>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// When it takes no jobs.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Its network.
    pub vpn_settings: Option<VpnSettings>,
    /// Number of the machine.
    pub id: i64,
}
