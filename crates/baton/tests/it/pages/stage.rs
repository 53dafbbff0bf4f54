//! An installation in which things are in several folders.

use serde_json::{Value, json};
use testkit::{Backend, Client, Host, Scene, package};

use crate::classic;
use crate::libraries::library;
use crate::queues::{self, SHARE, add, between, queue};
use crate::support::{
    ASSIGN_MACHINES, ASSIGN_USERS, START_JOBS, assignment, id, role, running, scene, text,
};
use crate::transactions::{end, take};

/// The installation, with the numbers that functions are called with.
pub struct Stage {
    /// The server.
    pub scene: Scene,
    /// The application in a classic folder.
    pub classic: Client,
    /// Folders in each of which is whatever can be in several: `Shared`, `Outer`, `Outer/Inner`.
    pub folders: [i64; 3],
    /// A machine with hosts.
    pub machine: i64,
    /// An environment with robots.
    pub environment: i64,
    /// A queue.
    pub queue: Value,
    /// An item of it that was retried.
    pub item: Value,
    /// A role that accounts have in the folders.
    pub role: i64,
    /// An entry of the audit log about several things.
    pub entry: i64,
}

impl Stage {
    pub async fn start(backend: Backend) -> Self {
        let mut scene = scene(backend).await;
        let outer = queues::folder(&scene, "Outer").await;
        let inner = json!({"DisplayName": "Inner", "ParentId": outer});
        let inner = id(&scene.app.post("odata/Folders", &inner).await.ok(201));
        let folders = [scene.folder, outer, inner];
        lines(&scene).await;
        packages(&scene).await;
        let role = role(&scene, "Automation User").await;
        accounts(&scene, folders, role).await;
        let queue = shared_queues(&scene, folders).await;
        let item = items(&scene, &queue).await;
        let (classic, environment) = classic_folder(&scene).await;
        things_of_the_tenant(&scene).await;
        nobody_can_make(&mut scene, folders).await;
        let machine = machines(&scene, folders).await;
        jobs(&scene, folders).await;
        let deleted = "odata/AuditLogs?$filter=contains(OperationText,'all 2 versions')";
        let entry = id(&scene.app.get(deleted).await.ok(200)["value"][0]);
        Self {
            classic: scene.app.folder(classic),
            scene,
            folders,
            machine,
            environment,
            queue,
            item,
            role,
            entry,
        }
    }
}

/// Versions of packages and of libraries, and of a package that is gone.
async fn packages(scene: &Scene) {
    for version in ["1.0.0", "2.0.0"] {
        for name in ["P", "Other", "Gone"] {
            scene.upload(&package(name, version)).await;
        }
        for name in ["Lib", "Another"] {
            let library = library(name, version, Some("Library"));
            let path = "odata/Libraries/UiPath.Server.Configuration.OData.UploadPackage";
            let files = [("file", "library.nupkg", library.as_slice())];
            scene.app.post_files(path, &files).await.ok(200);
        }
    }
    scene.app.delete("odata/Processes('Gone')").await.ok(204);
}

/// Accounts, those with robots each in all folders.
async fn accounts(scene: &Scene, folders: [i64; 3], role: i64) {
    for name in ["jane", "john"] {
        let body = json!({"UserName": name, "RolesList": ["Allow to be Automation User"]});
        scene.app.post("odata/Users", &body).await.ok(201);
    }
    for name in ["one", "two", "three"] {
        let body = json!({"UserName": name, "Type": "DirectoryRobot"});
        let user = id(&scene.app.post("odata/Users", &body).await.ok(201));
        let robot = json!({"UnattendedRobot": {"UserName": format!("host\\{name}")}});
        let path = format!("odata/Users({user})");
        scene.app.patch(&path, &robot).await.ok(200);
        for folder in folders {
            let assign = assignment(user, folder, &[role]);
            scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
        }
    }
}

/// Queues that are in all folders, and came into the oldest one last.
async fn shared_queues(scene: &Scene, folders: [i64; 3]) -> Value {
    let more = json!({"AcceptAutomaticallyRetry": true, "MaxNumberOfRetries": 3});
    let mut made = Vec::new();
    for name in ["Q1", "Q2", "Q3"] {
        made.push(queue(&scene.shared, name, more.clone()).await);
    }
    let ids: Vec<i64> = made.iter().map(id).collect();
    let [first, others @ ..] = folders;
    for (add, remove) in [(others.to_vec(), vec![first]), (vec![first], vec![])] {
        let share = json!({"QueueIds": ids, "ToAddFolderIds": add, "ToRemoveFolderIds": remove});
        let client = &scene.app;
        client.post(SHARE, &share).await.ok(204);
    }
    made.swap_remove(0)
}

/// Items in the queues, and one that was retried twice, with comments.
async fn items(scene: &Scene, queue: &Value) -> Value {
    let client = &scene.shared;
    let name = text(queue, "Name");
    let first = add(client, name, json!({"Reference": "retried"})).await;
    let failed = json!({"IsSuccessful": false,
        "ProcessingException": {"Reason": "r", "Type": "ApplicationException"}});
    for _ in 0..2 {
        let item = take(client, name, json!({})).await;
        end(client, &item, failed.clone()).await.ok(200);
    }
    for text in ["a", "b", "c"] {
        let comment = json!({"Text": text, "QueueItemId": first["Id"]});
        let path = "odata/QueueItemComments";
        client.post(path, &comment).await.ok(201);
    }
    for name in ["Q1", "Q2", "Q3"] {
        for n in 0..3 {
            add(client, name, json!({"Reference": format!("{name} {n}")})).await;
        }
    }
    first
}

/// A classic folder, and in it an environment with robots.
async fn classic_folder(scene: &Scene) -> (i64, i64) {
    let folder = classic::folder(scene, "Classic").await;
    let client = scene.app.folder(folder);
    let mut robots = Vec::new();
    for name in ["docbot", "mailbot", "webbot"] {
        let body = classic::standard(name, json!({}));
        let robot = client.post("odata/Robots", &body).await.ok(201);
        robots.push(json!({"Id": robot["Id"]}));
    }
    let mut environments = Vec::new();
    for name in ["first", "second"] {
        let body = json!({"Name": name, "Robots": robots});
        environments.push(client.post("odata/Environments", &body).await.ok(201));
    }
    (folder, id(&environments[0]))
}

async fn things_of_the_tenant(scene: &Scene) {
    for name in ["x", "y", "z"] {
        let calendar = json!({"Name": name, "TimeZoneId": "UTC"});
        scene.app.post("odata/Calendars", &calendar).await.ok(201);
        let webhook = json!({"Name": name, "Url": "https://example.com", "Enabled": false,
            "SubscribeToAllEvents": true, "AllowInsecureSsl": false});
        scene.app.post("odata/Webhooks", &webhook).await.ok(201);
    }
}

/// Releases, assets, schedules and entry points that no request makes.
async fn nobody_can_make(scene: &mut Scene, folders: [i64; 3]) {
    for folder in folders {
        let body = json!({"Name": "P", "ProcessKey": "P", "ProcessVersion": "1.0.0"});
        let client = scene.app.folder(folder);
        client.post("odata/Releases", &body).await.ok(201);
    }
    between(scene, move |tx| {
        let places = folders
            .iter()
            .flat_map(|folder| ["a", "b", "c"].map(|name| (folder, name)));
        for (folder, name) in places {
            tx.exec(
                "INSERT INTO process_schedules (tenant_id, folder_id, key, name, release_id,
                     start_strategy, executor_robots, machine_robots, time_zone_id, tags)
                 SELECT tenant_id, folder_id, $2, $3, id, 1, '[]', '[]', 'UTC', '[]'
                 FROM releases WHERE folder_id = $1 AND name = 'P'",
                &[(*folder).into(), odata::Guid::random().into(), name.into()],
            )?;
        }
        for name in ["a", "b", "c"] {
            let asset = tx.insert(
                "INSERT INTO assets (tenant_id, key, name, value_scope, value_type,
                     has_default_value, string_value, key_value_list, tags, creation_time)
                 SELECT f.tenant_id, $2, $3, 0, 2, TRUE, 'v', '[]', '[]', 0
                 FROM folders f WHERE f.id = $1 RETURNING id",
                &[folders[0].into(), odata::Guid::random().into(), name.into()],
            )?;
            for folder in folders.iter().rev() {
                let place = "INSERT INTO asset_folders (asset_id, folder_id) VALUES ($1, $2)";
                tx.exec(place, &[asset.into(), (*folder).into()])?;
            }
        }
        tx.exec(
            "INSERT INTO package_entry_points (package_id, path, arguments)
             SELECT id, 'second', '{}' FROM packages WHERE package_id = 'P'",
            &[],
        )
    })
    .await;
}

/// Machines in all folders, two hosts for each.
async fn machines(scene: &Scene, folders: [i64; 3]) -> i64 {
    let mut ids = vec![scene.machine];
    for name in ["m1", "m2"] {
        let body =
            json!({"Name": name, "Type": "Template", "UnattendedSlots": 2, "HeadlessSlots": 1});
        let made = scene.app.post("odata/Machines", &body).await.ok(201);
        let path = format!("odata/Machines({})", id(&made));
        let made = scene.app.get(&path).await.ok(200);
        for host in ["h1", "h2"] {
            let client = scene.server.machine_with(text(&made, "LicenseKey"), host);
            Host::new(client).start(2).await;
        }
        ids.push(id(&made));
    }
    let [shared, outer, inner] = folders;
    let other = json!({"DisplayName": "Other", "ParentId": outer});
    let other = id(&scene.app.post("odata/Folders", &other).await.ok(201));
    let path = "odata/Folders/UiPath.Server.Configuration.OData.ToggleFolderMachineInherit";
    // One is assigned everywhere, the others are inherited.
    for (machine, places) in ids.iter().zip([
        vec![shared, outer],
        vec![shared, outer, inner, other],
        vec![shared, outer],
    ]) {
        let assign = json!({"assignments": {"MachineIds": [machine], "FolderIds": places}});
        scene.app.post(ASSIGN_MACHINES, &assign).await.ok(204);
        let inherit = json!({"MachineId": machine, "FolderId": outer, "InheritEnabled": true});
        scene.app.post(path, &inherit).await.ok(200);
    }
    ids[1]
}

/// A job, and lines that it said at one moment.
async fn lines(scene: &Scene) {
    let (host, job) = running(scene).await;
    let line = |message: &&str| {
        let line = json!({"message": message, "level": "Information", "jobId": job["Key"],
            "timeStamp": "2026-01-02T03:04:05Z", "processName": "hello"});
        Value::String(line.to_string())
    };
    let lines: Vec<Value> = ["a", "b", "c"].iter().map(line).collect();
    let path = "api/Logs/SubmitLogs";
    host.client.post(path, &json!(lines)).await.ok(200);
}

/// Jobs in all folders.
async fn jobs(scene: &Scene, folders: [i64; 3]) {
    for folder in folders {
        let client = scene.app.folder(folder);
        let release = client
            .get("odata/Releases?$filter=Name eq 'P'")
            .await
            .ok(200);
        let start = scene.start_info(&release["value"][0], json!({"JobsCount": 2}));
        client.post(START_JOBS, &start).await.ok(201);
    }
}
