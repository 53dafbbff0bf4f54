//! What applications may do by the scopes of their tokens, in terms of permissions: an application is
//! compared with an account, and has no more to give than its scopes cover.

use identity::scopes;

/// The scope of each thing that permissions are about.
const AREAS: &[(&str, &[&str])] = &[
    ("OR.Assets", &["Assets"]),
    ("OR.Audit", &["Audit"]),
    ("OR.BackgroundTasks", &["BackgroundTasks"]),
    ("OR.Buckets", &["Buckets", "BlobFiles"]),
    ("OR.BusinessRules", &["BusinessRules"]),
    (
        "OR.Execution",
        &[
            "FolderPackages",
            "Libraries",
            "Packages",
            "Processes",
            "RemoteControl",
        ],
    ),
    ("OR.Folders", &["SubFolders", "Units"]),
    ("OR.Jobs", &["Jobs", "Schedules"]),
    ("OR.License", &["License"]),
    ("OR.Machines", &["Machines"]),
    (
        "OR.Monitoring",
        &["Alerts", "ExecutionMedia", "Logs", "Monitoring"],
    ),
    ("OR.Queues", &["Queues", "Transactions"]),
    ("OR.Robots", &["Environments", "Robots"]),
    ("OR.Settings", &["Settings"]),
    (
        "OR.Tasks",
        &["ActionDesign", "TaskAssignments", "TaskCatalogs", "Tasks"],
    ),
    (
        "OR.TestDataQueues",
        &["TestDataQueueItems", "TestDataQueues"],
    ),
    ("OR.TestSetExecutions", &["TestSetExecutions"]),
    ("OR.TestSetSchedules", &["TestSetSchedules"]),
    ("OR.TestSets", &["TestSets"]),
    ("OR.Users", &["Roles", "Users"]),
    ("OR.Webhooks", &["Webhooks"]),
];

/// Whether these scopes cover a permission, as `Jobs.View`. One that belongs to no scope is covered by
/// none.
pub(super) fn cover(granted: &[String], permission: &str) -> bool {
    let Some((thing, access)) = permission.split_once('.') else {
        return false;
    };
    let area = AREAS.iter().find(|(_, things)| things.contains(&thing));
    area.is_some_and(|(scope, _)| scopes::grants(granted, scope, access != "View"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn every_permission_belongs_to_a_scope() {
        let all = scopes::all();
        let world = World::new();
        let sql = "SELECT name FROM permissions ORDER BY id";
        let names = world.run(move |cx| Ok(cx.tx.all::<String>(sql, &[])?));
        let names = names.unwrap();
        assert!(!names.is_empty());
        for name in names {
            assert!(cover(&all, &name), "{name}");
        }
    }

    #[test]
    fn halves_cover_halves() {
        let granted = |scope: &str| [scope.to_owned()];
        assert!(cover(&granted("OR.Jobs.Read"), "Jobs.View"));
        assert!(!cover(&granted("OR.Jobs.Read"), "Jobs.Create"));
        assert!(cover(&granted("OR.Jobs.Write"), "Schedules.Delete"));
        assert!(!cover(&granted("OR.Default"), "Jobs.View"));
        assert!(!cover(&granted("OR.Jobs"), "Queues.View"));
        assert!(!cover(&granted("OR.Jobs"), "Nothing"));
    }
}
