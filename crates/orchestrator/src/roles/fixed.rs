//! The roles that every tenant has.

use db::Tx;

use super::{PermissionScope, RoleType};
use crate::error::Result;

/// The role that may do everything wherever it is assigned.
pub const ADMINISTRATOR: &str = "Administrator";
/// The tenant half of what a robot account needs.
pub const ALLOW_AUTOMATION_USER: &str = "Allow to be Automation User";
/// The folder half of what a robot account needs.
pub const AUTOMATION_USER: &str = "Automation User";
/// Given to whoever creates a top-level folder.
pub const FOLDER_ADMINISTRATOR: &str = "Folder Administrator";

const VIEW: &[&str] = &["View"];

/// What a role grants.
enum Grants {
    /// All that can be granted there.
    All(RoleType),
    /// These accesses to these things.
    Some(&'static [(&'static [&'static str], &'static [&'static str])]),
}

/// They can be neither edited nor deleted.
const FIXED: &[(&str, RoleType, Grants)] = &[
    (ADMINISTRATOR, RoleType::Mixed, Grants::All(RoleType::Mixed)),
    (
        "Tenant Administrator",
        RoleType::Tenant,
        Grants::All(RoleType::Tenant),
    ),
    (
        "Allow to be Folder Administrator",
        RoleType::Tenant,
        Grants::Some(&[(&["Users", "Machines", "Roles", "Packages"], VIEW)]),
    ),
    (
        FOLDER_ADMINISTRATOR,
        RoleType::Folder,
        Grants::All(RoleType::Folder),
    ),
    (
        ALLOW_AUTOMATION_USER,
        RoleType::Tenant,
        Grants::Some(&[
            (&["License", "Settings", "Machines", "Webhooks"], VIEW),
            (&["Packages", "Libraries"], &["View", "Create"]),
        ]),
    ),
    (
        AUTOMATION_USER,
        RoleType::Folder,
        Grants::Some(&[
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
        ]),
    ),
];

/// Creates the roles of a new tenant.
///
/// # Errors
/// The store's.
pub fn create_static(tx: &mut Tx<'_>, tenant: i64) -> Result<()> {
    for (name, kind, grants) in FIXED {
        let role = tx.insert_into(
            "roles",
            [
                ("tenant_id", tenant.into()),
                ("name", (*name).into()),
                ("display_name", (*name).into()),
                ("type", (*kind).into()),
                ("is_static", true.into()),
                ("is_editable", false.into()),
            ],
        )?;
        match grants {
            Grants::All(place) => {
                let elsewhere = elsewhere(*place).map(db::Value::from);
                tx.exec(
                    "INSERT INTO role_permissions (role_id, permission)
                     SELECT $1, name FROM permissions WHERE scope <> COALESCE($2, -1)",
                    &[role.into(), elsewhere.unwrap_or(db::Value::Null)],
                )?;
            }
            Grants::Some(things) => grant(tx, role, things)?,
        }
    }
    Ok(())
}

/// The permissions that a role of this kind cannot grant.
pub(super) fn elsewhere(place: RoleType) -> Option<PermissionScope> {
    match place {
        RoleType::Mixed => None,
        RoleType::Tenant => Some(PermissionScope::Folder),
        RoleType::Folder => Some(PermissionScope::Global),
    }
}

fn grant(tx: &mut Tx<'_>, role: i64, grants: &[(&[&str], &[&str])]) -> Result<()> {
    for (things, accesses) in grants {
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
    Ok(())
}
