//! The declarations of folders and of machines as a folder sees them.

use odata::{Guid, edm_enum};

use crate::machines::{
    AutomationType, EndpointDetectionStatus, MachineScope, MachineType, MaintenanceWindow,
    ROBOT_USERS, ROBOT_VERSIONS, RobotUser, RobotVersion, ServerlessLicensingModel, Tag,
    TargetFramework, UpdateInfo, UpdatePolicy, VpnSettings,
};

edm_enum! {
    /// What a folder is for.
    pub enum FolderType { Standard = 0, Personal = 1, Virtual = 2, Solution = 3, DebugSolution = 4 }
}
edm_enum! {
    /// Who provisions the robots of a folder: people (classic) or the server (modern).
    pub enum ProvisionType { Manual = 0, Automatic = 1 }
}
edm_enum! {
    /// Where the permissions in a folder come from: the tenant (classic) or itself (modern).
    pub enum PermissionModel { InheritFromTenant = 0, FineGrained = 1 }
}
edm_enum! {
    /// Which feed a folder gets its packages from.
    pub enum FeedType {
        Undefined = 0, Processes = 1, Libraries = 2, PersonalWorkspace = 3, FolderHierarchy = 4
    }
}

/// A folder of the tenant's tree.
#[odata::entity(set = "Folders", name = "FolderDto", table = "folders", key = "Id", scope = tenant, order = "FullyQualifiedName")]
pub struct Folder {
    /// Stable across changes of the licence plan, unlike the id.
    #[edm(read_only)]
    pub key: Guid,
    /// The last segment of the path.
    #[edm(required, max = 115)]
    pub display_name: String,
    /// The path: `Parent/Child`.
    #[edm(read_only)]
    pub fully_qualified_name: String,
    /// The path in a form that sorts children under their parent.
    #[edm(read_only)]
    pub fully_qualified_name_orderable: String,
    /// For people.
    #[edm(max = 500)]
    pub description: Option<String>,
    /// What it is for; made are standard ones only.
    pub folder_type: FolderType,
    /// Whether it is somebody's workspace.
    #[edm(sql = "({t}.folder_type = 1)", read_only)]
    pub is_personal: bool,
    /// Modern (`Automatic`) or classic (`Manual`).
    pub provision_type: ProvisionType,
    /// Modern (`FineGrained`) or classic (`InheritFromTenant`).
    pub permission_model: PermissionModel,
    /// The folder above.
    pub parent_id: Option<i64>,
    /// Key of the folder above.
    #[edm(sql = "{parent_id->folders}.key")]
    pub parent_key: Option<Guid>,
    /// Whether it is in use.
    #[edm(read_only)]
    pub is_active: bool,
    /// Where its packages come from.
    pub feed_type: FeedType,
    /// Number of the folder.
    pub id: i64,
}

/// Machines with how each is tied to the folder `{target}`: assigned to it, or inherited from the
/// nearest folder above that passes it on.
const TIED: &str = "(SELECT m.*,
    EXISTS (SELECT 1 FROM folder_machines fm
        WHERE fm.folder_id = {target} AND fm.machine_id = m.id) AS is_assigned,
    EXISTS (SELECT 1 FROM folder_machine_robots x
        WHERE x.folder_id = {target} AND x.machine_id = m.id) AS has_folder_robots,
    COALESCE((SELECT fm.propagate FROM folder_machines fm
        WHERE fm.folder_id = {target} AND fm.machine_id = m.id), FALSE) AS propagates,
    (SELECT f.display_name FROM folder_tree ft
        JOIN folder_machines fm ON fm.folder_id = ft.ancestor_id AND fm.machine_id = m.id
        JOIN folders f ON f.id = ft.ancestor_id
        WHERE ft.folder_id = {target} AND ft.distance > 0 AND fm.propagate
        ORDER BY ft.distance LIMIT 1) AS inherited_from
    FROM machines m)";

/// A machine as a folder sees it.
#[odata::entity(set = "MachineFolder", name = "MachineFolderDto", table = TIED, key = "Id", scope = tenant, order = "IsAssignedToFolder desc")]
pub struct MachineFolder {
    /// Only shown when the machine itself is read.
    #[edm(json = "null")]
    pub license_key: Option<String>,
    /// Name of the machine or template.
    pub name: String,
    /// For people.
    #[edm(sql = "COALESCE({t}.description, '')")]
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
    /// Concurrent cloud jobs of a host.
    pub automation_cloud_slots: i32,
    /// Concurrent cloud test jobs of a host.
    pub automation_cloud_test_automation_slots: i32,
    /// Its GUID.
    pub key: Guid,
    /// Endpoint protection is not watched.
    #[edm(json = "\"NotAvailable\"")]
    pub endpoint_detection_status: EndpointDetectionStatus,
    /// Elastic pools are not part of a server that a team runs itself.
    #[edm(json = "null")]
    pub auto_scaling_profile: Option<String>,
    /// Foreground, background or both.
    pub automation_type: AutomationType,
    /// What it can run.
    pub target_framework: TargetFramework,
    /// A server that a team runs itself has no cloud machines.
    #[edm(json = "null")]
    pub serverless_licensing_model: Option<ServerlessLicensingModel>,
    /// Shown once, when it is made.
    #[edm(json = "null")]
    pub client_secret: Option<String>,
    /// Number of the machine.
    pub id: i64,
    /// Assigned to this folder itself.
    #[edm(column = "is_assigned")]
    pub is_assigned_to_folder: bool,
    /// Whether only some robots of the folder may use it.
    #[edm(column = "has_folder_robots")]
    pub has_machine_robots: bool,
    /// Assigned to a folder above that passes it on.
    #[edm(sql = "({t}.inherited_from IS NOT NULL AND NOT {t}.is_assigned)")]
    pub is_inherited: bool,
    /// Passed on to the folders below.
    #[edm(column = "propagates")]
    pub propagate_to_sub_folders: bool,
    /// The folder above that passes it on.
    #[edm(sql = "(CASE WHEN {t}.is_assigned THEN NULL ELSE {t}.inherited_from END)")]
    pub inherited_from_folder_name: Option<String>,
    /// Versions of the robots that run on its hosts.
    #[edm(sql = ROBOT_VERSIONS)]
    pub robot_versions: Vec<RobotVersion>,
    /// Robots that alone may use it.
    #[edm(sql = ROBOT_USERS)]
    pub robot_users: Vec<RobotUser>,
    /// How robots on it are updated.
    pub update_policy: Option<UpdatePolicy>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// When it takes no jobs.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Its network.
    pub vpn_settings: Option<VpnSettings>,
    /// Updates are not rolled out by this server.
    #[edm(json = "null")]
    pub update_info: Option<UpdateInfo>,
}
