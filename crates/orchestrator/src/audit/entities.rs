//! The declarations of the audit log.

use odata::{Many, Timestamp, edm_enum};

use crate::kinds::UserType;

edm_enum! {
    /// What was done.
    pub enum AuditAction {
        Unknown = 0, Create = 1, Update = 2, Delete = 3, StartJob = 4, StopJob = 5, Associate = 6,
        Upload = 7, ChangeStatus = 8, Import = 9, ChangePassword = 10, Register = 11, Toggle = 12,
        ResetPassword = 13, PasswordResetAttempt = 14, Download = 15, Acknowledge = 16,
        Activate = 17, Assign = 18, BulkUpload = 19, UpdateFeature = 20, ResumeJob = 21,
        Start = 22, End = 23, Skip = 24, Unassign = 25, Deactivate = 26, CreateBlobFileSas = 27,
        DeleteBlobFile = 28, Move = 29, Set = 30, StartDelete = 31, ExploreStart = 32,
        ExploreEnd = 33, Save = 34, Convert = 35, Forward = 36, BulkComplete = 37, BulkSave = 38,
        ForceStopJob = 39, MigrateFolder = 40, EditTaskMetadata = 41, Archive = 42,
        StartMigrateFolders = 43, ToggleUserFolderSubscription = 44, StartUninstall = 45,
        StartInstall = 46, VideoAccess = 47, AutomaticallyExploreEnd = 48, InstallState = 49,
        FinishInstall = 50, FinishUninstall = 51
    }
}
edm_enum! {
    /// What kind of thing it was done to.
    pub enum AuditComponent {
        Unknown = 0, Assets = 1, Environments = 2, Processes = 3, Queues = 4, Robots = 5,
        Roles = 6, Schedules = 7, Users = 8, Comments = 9, Units = 10, Jobs = 11, Settings = 12,
        Packages = 13, License = 14, Tenant = 15, Machines = 16, Libraries = 17, Webhooks = 18,
        ExecutionMedia = 19, Monitoring = 20, CredentialStores = 21,
        DefaultCredentialStores = 22, TaskCatalogs = 23, Tasks = 24, Maintenance = 25,
        Folders = 26, DirectoryService = 27, Buckets = 28, Secrets = 29, PersonalWorkspaces = 30,
        CloudSubscriptions = 31, CloudSnapshots = 32, Sessions = 33, CredentialsProxies = 34,
        StudioWeb = 35, AutomationSolutions = 36, RemoteControl = 37, TaskSolutions = 38,
        TaskDefinitions = 39, HttpTriggers = 40, AutopilotForRobotsData = 41, BusinessRules = 42,
        IntegrationTriggers = 43, JobAttachments = 44, TestSets = 45, TestSetSchedules = 46,
        TestDataQueues = 47, TestDataQueueItems = 48
    }
}

/// Something that somebody did.
#[odata::entity(
    set = "AuditLogs",
    name = "AuditLogDto",
    table = "audit_logs",
    key = "Id",
    scope = tenant,
    order = "Id desc",
    indexes = "audit_logs_newest(tenant_id, id DESC); audit_logs_component(tenant_id, component, id DESC)"
)]
pub struct AuditLog {
    /// Names of the original's classes: there are none here.
    #[edm(json = "null")]
    pub service_name: Option<String>,
    /// As the service's name.
    #[edm(json = "null")]
    pub method_name: Option<String>,
    /// As the service's name; what was written is in the entities.
    #[edm(json = "null")]
    pub parameters: Option<String>,
    /// When.
    pub execution_time: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing.
    pub component: AuditComponent,
    /// Name of the thing.
    pub display_name: Option<String>,
    /// Number of the thing.
    pub entity_id: Option<i64>,
    /// The whole in a sentence.
    pub operation_text: String,
    /// Who did it, by the name of that time.
    pub user_name: Option<String>,
    /// What kind of account that was.
    pub user_type: Option<UserType>,
    /// The application that did it.
    pub external_client_id: Option<String>,
    /// The account that did it.
    pub user_id: Option<i64>,
    /// Whether that account has gone.
    #[edm(sql = "({t}.user_id IS NOT NULL AND {user_id->users}.id IS NULL)")]
    pub user_is_deleted: bool,
    /// Number of the entry.
    pub id: i64,
    /// What was written.
    #[edm(nav, column = "id", target_column = "audit_log_id")]
    pub entities: Many<AuditLogEntity>,
}

/// What an entry of the audit log wrote.
#[odata::entity(
    set = "AuditLogEntities",
    name = "AuditLogEntityDto",
    table = "audit_log_entities",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "audit_log_entities_log(audit_log_id, id)"
)]
pub struct AuditLogEntity {
    /// The entry.
    pub audit_log_id: i64,
    /// The thing as it was written, JSON; without secrets.
    pub custom_data: Option<String>,
    /// Number of the thing.
    pub entity_id: Option<i64>,
    /// Its type.
    pub entity_name: String,
    /// What was done to it.
    pub action: AuditAction,
    /// Number of the row.
    pub id: i64,
}
