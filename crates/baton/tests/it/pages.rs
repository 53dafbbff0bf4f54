//! Pages: whoever reads a list one after the other finds every row once, whatever folders things are in.

mod links;
mod stage;

use std::collections::HashSet;

use orchestrator::{FolderRule, Op, operations, resources};
use serde_json::Value;
use testkit::{Backend, Client, both};

use crate::support::{id, text};
use stage::Stage;

both!(
    every_list_is_read_page_by_page,
    one_of_several_folders_is_shown_for_good,
);

/// A single target could not be told from others with its key, and a path to it would give a row of
/// the list for each.
#[test]
fn navigation_leads_to_one_row() {
    let sets = resources().map(|resource| resource.set);
    let results = operations().filter_map(Op::result);
    for set in sets.chain(results) {
        for nav in set.navs.iter().filter(|nav| !nav.many) {
            let target = (nav.target)();
            assert!(target.tie.is_empty(), "{}/{}", set.name, nav.name);
        }
    }
}

/// Lists that have one row at most here, and prove nothing.
const SINGLE: &[&str] = &["odata/Tenants"];

async fn every_list_is_read_page_by_page(backend: Backend) {
    let stage = Stage::start(backend).await;
    let app = &stage.scene.app;
    let mut single = Vec::new();
    let mut walk = async |client: &Client, path: String| {
        if walked(client, &path).await < 2 {
            single.push(path);
        }
    };
    for resource in resources().filter(|resource| resource.list.is_some()) {
        let path = format!("odata/{}", resource.set.name);
        if resource.folder != FolderRule::Required {
            walk(app, path.clone()).await;
        }
        if resource.set.name == "Environments" {
            walk(&stage.classic, path).await;
        } else if resource.folder != FolderRule::Tenant {
            walk(&stage.scene.shared, path).await;
        }
    }
    let ops = operations();
    for op in ops.filter(|op| gives_entities(op)) {
        let (client, path) = call(&stage, op);
        walk(&client, path).await;
    }
    assert_eq!(single, SINGLE);
}

/// Whether a function gives a list of entities; at plain addresses lists are whole.
fn gives_entities(op: &Op) -> bool {
    let list = op.signature().returns.starts_with("Collection(");
    list && op.result().is_some() && !op.at.action && !op.at.is_plain()
}

/// Who calls a function, and how.
fn call(stage: &Stage, op: &Op) -> (Client, String) {
    let [shared, outer, inner] = stage.folders;
    let machine = stage.machine;
    let (item, queue) = (id(&stage.item), id(&stage.queue));
    let (bound, with) = match (op.at.set, op.at.name) {
        ("AuditLogs", "GetAuditLogDetails") => (None, format!("(auditLogId={})", stage.entry)),
        ("Environments", "GetRobotsForEnvironment") => {
            (None, format!("(key={})", stage.environment))
        }
        ("Folders", "GetUsersForFolder") => (None, format!("(key={inner},includeInherited=true)")),
        ("Folders", "GetMachinesForFolder") => (None, format!("(key={inner})")),
        ("Folders", "GetMoveFolderMachinesChanges") => {
            (None, format!("?folderId={inner}&targetParentId={shared}"))
        }
        ("Folders", "GetSubfoldersWithAssignedMachine") => {
            (None, format!("?rootFolderId={outer}&machineId={machine}"))
        }
        ("OrganizationUnits", "GetUsersForUnit") => (None, format!("(key={shared})")),
        ("Libraries", "GetVersions") => (None, "(packageId='Lib')".into()),
        ("Machines", "GetAssignedMachines" | "GetRuntimesForFolder") => {
            (None, format!("(folderId={inner})"))
        }
        ("Processes", "GetProcessVersions") => (None, "(processId='P')".into()),
        ("Processes", "GetPackageEntryPoints") => (None, "(key='P:1.0.0')".into()),
        ("QueueItemComments" | "QueueItemEvents", _) => (None, format!("(queueItemId={item})")),
        ("QueueItems", "GetItemProcessingHistory") => (Some(item), String::new()),
        ("QueueProcessingRecords", "RetrieveLastDaysProcessingRecords") => {
            (None, format!("(daysNo=30,queueDefinitionId={queue})"))
        }
        ("Robots", "GetRobotsForProcess") => (None, "(processId='P')".into()),
        ("Robots", "GetFolderRobots") => (None, format!("(folderId={inner},machineId={machine})")),
        ("Robots", "GetRobotsFromFolder") => (None, format!("(folderId={inner})")),
        ("Roles", "GetUsersForRole") => (None, format!("(key={})", stage.role)),
        ("Sessions", "GetMachineSessions") => (None, format!("(key={machine})")),
        ("Sessions", "GetMachineSessionRuntimesByFolderId") => {
            (None, format!("(folderId={inner})"))
        }
        // What their parameters would leave out is read, too.
        ("Sessions", "GetMachineSessionRuntimes")
        | ("QueueDefinitions", "GetQueuesAcrossFolders") => (None, String::new()),
        _ => {
            let said = format!("{}/{} is called with what?", op.at.set, op.at.name);
            assert!(op.signature().params.is_empty(), "{said}");
            (None, String::new())
        }
    };
    let classic = [
        "GetRobotsForEnvironment",
        "GetMachineNameToLicenseKeyMappings",
    ];
    let client = match op.at.folder {
        _ if classic.contains(&op.at.name) => &stage.classic,
        FolderRule::Required => &stage.scene.shared,
        _ => &stage.scene.app,
    };
    let key = bound.map(|key| format!("({key})")).unwrap_or_default();
    let path = format!(
        "odata/{}{key}/{}.{}{with}",
        op.at.set, op.at.namespace, op.at.name
    );
    (client.clone(), path)
}

/// Most requests for one walk.
const STEPS: usize = 12;

/// Reads a list as a whole and page by page, in its own order and in one that makes all rows equal,
/// and says how many rows there are.
async fn walked(client: &Client, path: &str) -> usize {
    let glue = if path.contains('?') { '&' } else { '?' };
    let get = async |options: String| client.get(&format!("{path}{glue}{options}")).await;
    let whole = get("$count=true".into()).await.ok(200);
    let rows = whole["value"].as_array().unwrap();
    assert_eq!(whole["@odata.count"], rows.len(), "{path}");
    let mut orders = vec![String::new()];
    if let Some(name) = the_same_in_all(rows) {
        orders.push(format!("&$orderby={name} desc"));
    }
    let step = rows.len().div_ceil(STEPS).max(1);
    for order in orders {
        let mut found = Vec::new();
        for skip in (0..rows.len()).step_by(step) {
            let answer = get(format!("$top={step}&$skip={skip}{order}")).await;
            let page = answer.ok(200);
            found.extend(page["value"].as_array().unwrap().iter().cloned());
        }
        if order.is_empty() {
            assert!(found == *rows, "{path}: another row at some place");
        }
        let distinct: HashSet<String> = found.iter().map(Value::to_string).collect();
        assert_eq!(
            distinct.len(),
            rows.len(),
            "{path} {order}: rows are repeated"
        );
        for row in rows {
            assert!(
                distinct.contains(&row.to_string()),
                "{path} {order}: no {row}"
            );
        }
        let order = order.trim_start_matches('&');
        let linked = links::followed(client, &format!("{path}{glue}{order}"), step).await;
        assert!(linked == found, "{path} {order}: other rows by links");
    }
    rows.len()
}

/// A truth that all rows have in common: every set that can be sorted by it is sorted by nothing.
fn the_same_in_all(rows: &[Value]) -> Option<&str> {
    let members = rows.first()?.as_object()?;
    let common = |name: &str, value: &Value| rows.iter().all(|row| row[name] == *value);
    let mut members = members.iter();
    let found = members.find(|(name, value)| value.is_boolean() && common(name, value))?;
    Some(found.0)
}

async fn one_of_several_folders_is_shown_for_good(backend: Backend) {
    let stage = Stage::start(backend).await;
    let app = &stage.scene.app;
    let (item, queue) = (id(&stage.item), &stage.queue);
    let first = *stage.folders.iter().min().unwrap();
    let by_key = format!(
        "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetByKey(identifier={})",
        text(queue, "Key")
    );
    for (path, expand) in [
        (
            format!("odata/QueueItems({item})"),
            "$expand=QueueDefinition,Robot",
        ),
        (
            format!("odata/QueueDefinitions({})", id(queue)),
            "$select=OrganizationUnitId,Name",
        ),
        (by_key, "$select=OrganizationUnitId,FoldersCount"),
    ] {
        for options in ["", "$select=OrganizationUnitId", expand] {
            let shown = app.get(&format!("{path}?{options}")).await.ok(200);
            assert_eq!(shown["OrganizationUnitId"], first, "{path}?{options}");
        }
    }
    // In the folder of a request it is that one.
    for folder in stage.folders {
        let client = app.folder(folder);
        let path = format!("odata/QueueItems({item})");
        assert_eq!(
            client.get(&path).await.ok(200)["OrganizationUnitId"],
            folder
        );
    }
}
