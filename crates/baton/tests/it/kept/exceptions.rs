//! Members of bodies that are not kept, with the reasons.

use super::sets::{Subject, Verb};

/// What the server says of an entity. The contract marks hardly anything as read-only, and clients send
/// back what they have read and copy it elsewhere, so it is not looked at.
const SERVERS: &[(&str, &[&str])] = &[
    (
        "*",
        &[
            "Id",
            "Key",
            "CreationTime",
            "CreatorUserId",
            "LastModificationTime",
            "LastModifierUserId",
        ],
    ),
    ("Folders", &["FullyQualifiedName"]),
    (
        "Machines",
        &[
            "ClientSecret",
            "EndpointDetectionStatus",
            "MaintenanceWindow/nextExecutionTime",
            "RobotUsers/UserName",
            "RobotUsers/HasTriggers",
            "RobotVersions",
        ],
    ),
    (
        "QueueDefinitions",
        &[
            "FoldersCount",
            "IsProcessInCurrentFolder",
            "OrganizationUnitId",
            "OrganizationUnitFullyQualifiedName",
            // Triggers name their queue.
            "ProcessScheduleId",
        ],
    ),
    ("QueueItemComments", &["UserId", "UserName"]),
    ("QueueRetention", &["QueueDefinitionId"]),
    (
        "Releases",
        &[
            // They come with the package version.
            "Arguments",
            "EntryPoint",
            "IsAttended",
            "IsCompiled",
            "IsConversational",
            "IsLatestVersion",
            "IsProcessDeleted",
            "MinRequiredRobotVersion",
            "ProcessType",
            "RequiresUserInteraction",
            "SupportsMultipleEntryPoints",
            "TargetFramework",
            // And these with the folder and the history.
            "CurrentVersion",
            "FolderKey",
            "OrganizationUnitId",
            "OrganizationUnitFullyQualifiedName",
            "ReleaseVersions",
        ],
    ),
    ("Robots", &["RobotEnvironments", "UserId"]),
    ("Roles", &["IsEditable", "IsStatic"]),
    (
        "Users",
        &[
            "AuthenticationSource",
            "FullName",
            "HasOnlyInheritedPrivileges",
            "LastLoginTime",
            "LoginProviders",
            "RobotProvision/RobotId",
            "TenancyName",
            "TenantDisplayName",
            "TenantId",
            "TenantKey",
            "UnattendedRobot/MachineMappingsCount",
            "UnattendedRobot/RobotId",
        ],
    ),
];

const START_JOBS: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
const PARTIAL: &str = "docs/coverage.txt says so";

/// What is not seen again although it counts, or what the contract itself says is not taken.
const OTHERS: &[(&str, &str, &str)] = &[
    ("Robots", "Password", "passwords are never shown"),
    ("Users", "Password", "passwords are never shown"),
    (
        "Users",
        "UnattendedRobot/Password",
        "passwords are never shown",
    ),
    ("Webhooks", "Secret", "secrets are never shown"),
    (START_JOBS, "startInfo/AlertPendingExpression", PARTIAL),
    (START_JOBS, "startInfo/AlertRunningExpression", PARTIAL),
    (START_JOBS, "startInfo/Attachments", PARTIAL),
    (START_JOBS, "startInfo/AutopilotForRobots", PARTIAL),
    (START_JOBS, "startInfo/FpsContext", PARTIAL),
    (START_JOBS, "startInfo/FpsProperties", PARTIAL),
    (START_JOBS, "startInfo/MachineInfraTarget", PARTIAL),
    (START_JOBS, "startInfo/MachineRobots/MachineName", PARTIAL),
    (START_JOBS, "startInfo/MachineRobots/RobotUserName", PARTIAL),
    (START_JOBS, "startInfo/TargetFramework", PARTIAL),
    (START_JOBS, "startInfo/VideoRecordingSettings", PARTIAL),
    (
        "QueueItems",
        "Name",
        "an item shows the number of its queue",
    ),
    ("Replace QueueItems", "Reference", "published: not updated"),
    (
        "Replace QueueItems",
        "RiskSlaDate",
        "published: not updated",
    ),
    (
        "Replace QueueItems",
        "ParentOperationId",
        "published: not updated",
    ),
    ("Replace QueueItems", "Source", "published: not updated"),
];

/// Whether nothing is expected of a member in the bodies of a set.
pub fn is_exception(subject: &Subject, verb: Verb, path: &str) -> bool {
    is_exempt(subject.set, path) || is_exempt(&format!("{verb:?} {}", subject.set), path)
}

/// Whether nothing is expected of a member, of a set or of an action.
pub fn is_exempt(of: &str, path: &str) -> bool {
    let below = |known: &str| {
        let rest = path.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mut servers = SERVERS.iter().filter(|(set, _)| [of, "*"].contains(set));
    let mut others = OTHERS.iter().filter(|(set, ..)| *set == of);
    servers.any(|(_, paths)| paths.iter().any(|known| below(known)))
        || others.any(|(_, known, _)| below(known))
}
