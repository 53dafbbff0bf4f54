//! The declaration of machines.

use odata::{Guid, Timestamp, edm_enum};

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

/// How many hosts of a machine run which robot version.
#[odata::complex]
pub struct RobotVersion {
    /// Hosts.
    pub count: i64,
    /// The version they report.
    pub version: String,
    /// The machine.
    pub machine_id: i64,
}

/// An account that may use a machine.
#[odata::complex]
pub struct RobotUser {
    /// The account.
    pub user_name: Option<String>,
    /// Its robot.
    pub robot_id: i64,
    /// Whether triggers use the pair.
    pub has_triggers: bool,
}

/// How robots on a machine are updated.
#[odata::complex]
pub struct UpdatePolicy {
    /// The rule.
    pub r#type: UpdatePolicyType,
    /// The version, when the rule names one.
    pub specific_version: Option<String>,
}

/// A label, with or without a value.
#[odata::complex]
pub struct Tag {
    /// Its name.
    pub name: Option<String>,
    /// Its name as shown.
    pub display_name: Option<String>,
    /// Its value.
    pub value: Option<String>,
    /// Its value as shown.
    pub display_value: Option<String>,
}

/// When a machine takes no jobs.
#[odata::complex]
pub struct MaintenanceWindow {
    /// Whether it applies.
    pub enabled: bool,
    /// Quartz expression of its starts.
    pub cron_expression: Option<String>,
    /// Zone of the expression.
    pub timezone_id: Option<String>,
    /// Minutes.
    pub duration: i32,
    /// Its next start.
    pub next_execution_time: Option<Timestamp>,
}

/// The robot versions of a machine's hosts as JSON; a version is letters, digits and `._-+`.
pub(crate) const ROBOT_VERSIONS: &str = "(SELECT '[' || string_agg('{\"Count\":' || v.n
    || ',\"Version\":\"' || v.version || '\",\"MachineId\":' || v.machine_id || '}', ',') || ']'
    FROM (SELECT s.machine_id, s.version, COUNT(*) AS n FROM sessions s
        WHERE s.machine_id = {t}.id AND s.version IS NOT NULL
        GROUP BY s.machine_id, s.version) v)";

/// A machine or machine template.
#[odata::entity(set = "Machines", name = "MachineDto", table = "machines", key = "Id", scope = tenant, order = "Id")]
pub struct Machine {
    /// The key that robots prove; not shown in lists.
    #[edm(single, max = 255)]
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
    pub non_production_slots: i32,
    /// Concurrent unattended jobs of a host.
    pub unattended_slots: i32,
    /// Concurrent background jobs of a host.
    pub headless_slots: i32,
    /// Concurrent test automation jobs of a host.
    pub test_automation_slots: i32,
    /// Slots of hosting runtimes.
    pub hosting_slots: i32,
    /// Slots of application tests.
    pub app_test_slots: i32,
    /// Slots of performance tests.
    pub performance_test_slots: i32,
    /// Slots of cloud robots.
    pub automation_cloud_slots: i32,
    /// Slots of cloud test robots.
    pub automation_cloud_test_automation_slots: i32,
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Endpoint protection is not watched.
    #[edm(json = "\"NotAvailable\"")]
    pub endpoint_detection_status: EndpointDetectionStatus,
    /// Versions of the robots that run on its hosts.
    #[edm(sql = ROBOT_VERSIONS, read_only)]
    pub robot_versions: Vec<RobotVersion>,
    /// Accounts that alone may use it: account mappings do not exist yet.
    #[edm(json = "[]")]
    pub robot_users: Vec<RobotUser>,
    /// Foreground, background or both.
    pub automation_type: AutomationType,
    /// What it can run.
    pub target_framework: TargetFramework,
    /// How robots on it are updated.
    #[edm(json = "null")]
    pub update_policy: Option<UpdatePolicy>,
    /// Shown once, when it is made.
    #[edm(sql = "CAST({secret} AS TEXT)", single, nofilter)]
    pub client_secret: Option<String>,
    /// Labels.
    #[edm(json = "[]")]
    pub tags: Vec<Tag>,
    /// When it takes no jobs.
    #[edm(json = "null")]
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Number of the machine.
    pub id: i64,
}
