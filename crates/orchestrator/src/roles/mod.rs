//! Roles: named sets of permissions, assigned for the tenant or in a folder.

use db::Tx;

use crate::error::{Error, Result};

odata::edm_enum! {
    /// Where a role may be assigned.
    pub enum RoleType { Mixed = 0, Tenant = 1, Folder = 2 }
}

/// The role that may do everything wherever it is assigned.
pub const ADMINISTRATOR: &str = "Administrator";
/// The tenant half of what a robot account needs.
pub const ALLOW_AUTOMATION_USER: &str = "Allow to be Automation User";
/// The folder half of what a robot account needs.
pub const AUTOMATION_USER: &str = "Automation User";
/// Given to whoever creates a top-level folder.
pub const FOLDER_ADMINISTRATOR: &str = "Folder Administrator";

const VIEW: &[&str] = &["View"];
const ALL: &[&str] = &["View", "Edit", "Create", "Delete"];

const TENANT_THINGS: &[&str] = &[
    "Alerts",
    "Audit",
    "BackgroundTasks",
    "Libraries",
    "License",
    "Machines",
    "Packages",
    "Robots",
    "Roles",
    "Settings",
    "Units",
    "Users",
    "Webhooks",
];
const FOLDER_THINGS: &[&str] = &[
    "ActionDesign",
    "Assets",
    "BlobFiles",
    "Buckets",
    "BusinessRules",
    "Environments",
    "ExecutionMedia",
    "FolderPackages",
    "Jobs",
    "Logs",
    "Monitoring",
    "Processes",
    "Queues",
    "RemoteControl",
    "Schedules",
    "SubFolders",
    "TaskAssignments",
    "TaskCatalogs",
    "Tasks",
    "TestDataQueueItems",
    "TestDataQueues",
    "TestSetExecutions",
    "TestSetSchedules",
    "TestSets",
    "Transactions",
];

type Grants = &'static [(&'static [&'static str], &'static [&'static str])];

/// The roles every tenant has; they can be neither edited nor deleted.
const STATIC: &[(&str, RoleType, Grants)] = &[
    (
        ADMINISTRATOR,
        RoleType::Mixed,
        &[(TENANT_THINGS, ALL), (FOLDER_THINGS, ALL)],
    ),
    (
        "Tenant Administrator",
        RoleType::Tenant,
        &[(TENANT_THINGS, ALL)],
    ),
    (
        "Allow to be Folder Administrator",
        RoleType::Tenant,
        &[(&["Users", "Machines", "Roles", "Packages"], VIEW)],
    ),
    (
        FOLDER_ADMINISTRATOR,
        RoleType::Folder,
        &[(FOLDER_THINGS, ALL), (&["Robots"], ALL)],
    ),
    (
        ALLOW_AUTOMATION_USER,
        RoleType::Tenant,
        &[
            (&["License", "Settings", "Machines", "Webhooks"], VIEW),
            (&["Packages", "Libraries"], &["View", "Create"]),
        ],
    ),
    (
        AUTOMATION_USER,
        RoleType::Folder,
        &[
            (
                &[
                    "Robots",
                    "Processes",
                    "Assets",
                    "Queues",
                    "FolderPackages",
                    "Buckets",
                    "BlobFiles",
                    "SubFolders",
                    "Schedules",
                ],
                VIEW,
            ),
            (&["Jobs", "Tasks"], &["View", "Create"]),
            (&["Transactions"], &["View", "Create", "Edit"]),
            (&["Logs", "ExecutionMedia"], &["Create"]),
        ],
    ),
];

/// Creates the static roles of a new tenant.
///
/// # Errors
/// The store's.
pub fn create_static(tx: &mut Tx<'_>, tenant: i64) -> Result<()> {
    for (name, kind, grants) in STATIC {
        let role = tx.insert(
            "INSERT INTO roles (tenant_id, name, display_name, type, is_static, is_editable)
             VALUES ($1, $2, $2, $3, TRUE, FALSE) RETURNING id",
            &[tenant.into(), (*name).into(), (*kind).into()],
        )?;
        for (things, accesses) in *grants {
            for (thing, access) in things
                .iter()
                .flat_map(|t| accesses.iter().map(move |a| (t, a)))
            {
                tx.exec(
                    "INSERT INTO role_permissions (role_id, permission) VALUES ($1, $2)",
                    &[role.into(), format!("{thing}.{access}").into()],
                )?;
            }
        }
    }
    Ok(())
}

/// The id of a role by its name.
///
/// # Errors
/// 1002 when the tenant has no such role.
pub fn id(tx: &mut Tx<'_>, tenant: i64, name: &str) -> Result<i64> {
    let row = tx.row(
        "SELECT id FROM roles WHERE tenant_id = $1 AND fold(name) = fold($2)",
        &[tenant.into(), name.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found(&format!("Role {name}")))?;
    Ok(row.get(0)?)
}
