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

/// What else is not looked for, by the reason: what counts without being shown, and what the contract
/// itself says is not taken. A verb before the set is the only one that is meant.
const OTHERS: &[(&str, &[(&str, &str)])] = &[
    (
        "secrets are never shown",
        &[
            ("Robots", "Password"),
            ("Users", "Password"),
            ("Users", "UnattendedRobot/Password"),
            ("Webhooks", "Secret"),
        ],
    ),
    (
        "an item shows the number of its queue",
        &[("QueueItems", "Name")],
    ),
    (
        "published: of an item only progress, priority, dates and content are updated",
        &[
            ("Replace QueueItems", "ParentOperationId"),
            ("Replace QueueItems", "Reference"),
            ("Replace QueueItems", "RiskSlaDate"),
            ("Replace QueueItems", "Source"),
        ],
    ),
    (
        "the places of jobs are named by their numbers",
        &[
            (START_JOBS, "startInfo/MachineRobots/MachineName"),
            (START_JOBS, "startInfo/MachineRobots/RobotUserName"),
        ],
    ),
];

const START_JOBS: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";

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
    let mut others = OTHERS.iter().flat_map(|(_, members)| *members);
    servers.any(|(_, paths)| paths.iter().any(|known| below(known)))
        || others.any(|(known, path)| *known == of && below(path))
}
