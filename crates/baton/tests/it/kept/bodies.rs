//! A good body for every action that is built.

use serde_json::{Value, json};
use testkit::contract::{Operation, Type, facts};
use testkit::{Client, Host};

use super::sets::{ADD_ITEM, World};
use crate::classic::standard;
use crate::support::{ASSIGN_MACHINES, ASSIGN_USERS, assignment, id, role};

const COVERAGE: &str = include_str!("../../../../../docs/coverage.txt");

/// A call of an action that does what it says.
pub struct Action {
    /// Its address.
    pub path: String,
    /// A good body.
    pub body: Value,
    /// Who calls it, and in which folder.
    pub client: Client,
}

/// The name of the structure that an operation takes.
pub fn schema(operation: &Operation) -> &'static str {
    match operation.body {
        Some(Type::Schema(name)) => name,
        _ => "",
    }
}

/// The addresses of the actions that are built and take a structure. The robot protocol has tests of its
/// own.
pub fn built() -> impl Iterator<Item = &'static str> {
    let done = |op: &&Operation| {
        let line = |kind: &str| format!("{kind:<7} {:<6} {}", op.method, op.path);
        let mut lines = COVERAGE.lines().map(|line| line.split(" #").next());
        let (done, partial) = (line("done"), line("partial"));
        lines.any(|line| line == Some(done.as_str()) || line == Some(partial.as_str()))
    };
    let action = |op: &&Operation| op.path.contains("/UiPath") || op.path.contains("/Folders/");
    let all = facts().operations.iter();
    let all = all.filter(action).filter(|op| !schema(op).is_empty());
    all.filter(done).map(|op| op.path)
}

/// Whether `docs/coverage.txt` says of an operation that it does not keep this member.
pub fn is_known_to_be_left_out(operation: &Operation, path: &str) -> bool {
    let named = format!(" {} # not yet kept: ", operation.path);
    let mut notes = COVERAGE.lines().filter_map(|line| line.split_once(&named));
    let listed = |note: &str| {
        path.split('/')
            .any(|member| note.split(", ").any(|n| n == member))
    };
    notes.any(|(_, note)| listed(note))
}

/// `odata/Set/…Name`, or `odata/Set(1)/…Name`.
fn op(set: &str, name: &str) -> String {
    format!("odata/{set}/UiPath.Server.Configuration.OData.{name}")
}

fn of(set: &str, object: &Value, name: &str) -> String {
    op(&format!("{set}({})", id(object)), name)
}

/// Actions, in the order in which they can be called.
struct Actions<'w> {
    world: &'w World,
    all: Vec<Action>,
}

impl Actions<'_> {
    fn add(&mut self, client: &Client, path: impl Into<String>, body: Value) {
        self.all.push(Action {
            path: path.into(),
            body,
            client: client.clone(),
        });
    }

    async fn post(&self, client: &Client, path: &str, body: Value) -> Value {
        client.post(path, &body).await.ok(201)
    }
}

/// All of them.
pub async fn actions(world: &World) -> Vec<Action> {
    let mut actions = Actions {
        world,
        all: Vec::new(),
    };
    folders(&mut actions).await;
    people(&mut actions).await;
    robots(&mut actions).await;
    hosts(&mut actions).await;
    processes(&mut actions).await;
    queues(&mut actions).await;
    reviews(&mut actions).await;
    actions.all
}

async fn folders(actions: &mut Actions<'_>) {
    let (world, app) = (actions.world, actions.world.scene.app.clone());
    let (folder, machine) = (id(&world.folder), world.scene.machine);
    let (_, user) = world.scene.server.user("moves", &[]).await;
    let account = app.get(&format!("odata/Users({user})")).await.ok(200);
    let worker = role(&world.scene, "Automation User").await;
    let key = world.folder["Key"].as_str().unwrap_or_default();
    let rename = format!("api/Folders/PatchNameDescription?key={key}");
    actions.add(&app, rename, json!({"name": "Named", "description": "d"}));
    actions.add(&app, ASSIGN_USERS, assignment(user, folder, &[worker]));
    let removal = json!({"userId": user});
    actions.add(
        &app,
        of("Folders", &world.folder, "RemoveUserFromFolder"),
        removal,
    );
    let domain = json!({"assignment": {
        "Domain": "autogen", "UserName": "moves", "DirectoryIdentifier": account["Key"],
        "UserType": "User", "RolesPerFolder": [{"FolderId": folder, "RoleIds": [worker]}],
    }});
    actions.add(&app, op("Folders", "AssignDomainUser"), domain);
    let removal = json!({"userKey": account["Key"]});
    let by_key = of("Folders", &world.folder, "RemoveUserFromFolderByKey");
    actions.add(&app, by_key, removal);
    let machines = json!({"assignments": {"MachineIds": [machine], "FolderIds": [folder]}});
    actions.add(&app, ASSIGN_MACHINES, machines);
    let inherit = json!({"MachineId": machine, "FolderId": folder, "InheritEnabled": true});
    actions.add(&app, op("Folders", "ToggleFolderMachineInherit"), inherit);
    let change = json!({"associations": {"FolderId": folder, "AddedMachineIds": [machine],
        "RemovedMachineIds": []}});
    let update = op("Folders", "UpdateMachinesToFolderAssociations");
    actions.add(&app, update, change);
    let removal = json!({"machineIds": [machine]});
    let remove = of("Folders", &world.folder, "RemoveMachinesFromFolder");
    actions.add(&app, remove, removal);
    let unit = json!({"DisplayName": "Unit"});
    let unit = actions.post(&app, "odata/OrganizationUnits", unit).await;
    let members = json!({"addedUserIds": [user], "removedUserIds": []});
    actions.add(&app, of("OrganizationUnits", &unit, "SetUsers"), members);
}

async fn people(actions: &mut Actions<'_>) {
    let (world, app) = (actions.world, actions.world.scene.app.clone());
    let (person, number) = world.scene.server.user("person", &[]).await;
    let user = json!({"Id": number});
    let members = json!({"addedUserIds": [number], "removedUserIds": []});
    actions.add(&app, of("Roles", &world.role, "SetUsers"), members);
    let toggle = json!({"role": "Clerk", "toggle": false});
    actions.add(&app, of("Users", &user, "ToggleRole"), toggle);
    let roles = json!({"roleIds": [world.role["Id"]]});
    actions.add(&app, of("Users", &user, "AssignRoles"), roles);
    let culture = json!({"culture": "en"});
    actions.add(
        &app,
        of("Users", &user, "ChangeUserCulture"),
        culture.clone(),
    );
    actions.add(&person, op("Users", "ChangeCulture"), culture);
    let setting = json!({"Name": "Abp.Timing.TimeZone", "Value": "UTC", "Scope": "All",
        "Id": "Abp.Timing.TimeZone"});
    let own = json!({"setting": setting});
    actions.add(&person, op("Settings", "UpdateUserSetting"), own);
    let bulk = json!({"settings": [setting]});
    actions.add(&app, op("Settings", "UpdateBulk"), bulk);
    let names = json!({"settingNames": ["Abp.Timing.TimeZone"]});
    actions.add(&app, op("Settings", "DeleteBulk"), names);
    let calendar = json!({"calendarName": "none"});
    actions.add(&app, op("Calendars", "CalendarExists"), calendar);
    let active = json!({"active": false});
    actions.add(&app, of("Users", &user, "SetActive"), active);
}

async fn robots(actions: &mut Actions<'_>) {
    let (world, classic) = (actions.world, actions.world.classic.clone());
    let person = standard("P", json!({"Type": "Attended"}));
    let person = actions.post(&classic, "odata/Robots", person).await;
    let convert = json!({"robotId": person["Id"]});
    actions.add(&classic, op("Robots", "ConvertToFloating"), convert);
    let enable = json!({"robotIds": [world.robot["Id"]], "enabled": true});
    actions.add(&classic, op("Robots", "ToggleEnabledStatus"), enable);
    let environment = |name| of("Environments", &world.environment, name);
    let robot = json!({"robotId": world.robot["Id"]});
    actions.add(&classic, environment("AddRobot"), robot.clone());
    actions.add(&classic, environment("RemoveRobot"), robot);
    let set = json!({"addedRobotIds": [world.robot["Id"]], "removedRobotIds": []});
    actions.add(&classic, environment("SetRobots"), set);
    let end = standard("End", json!({}));
    let end = actions.post(&classic, "odata/Robots", end).await;
    let ids = json!({"robotIds": [end["Id"]]});
    actions.add(&classic, op("Robots", "DeleteBulk"), ids);
    let app = world.scene.app.clone();
    let machine = json!({"Name": "End"});
    let machine = actions.post(&app, "odata/Machines", machine).await;
    let ids = json!({"machineIds": [machine["Id"]]});
    actions.add(&app, op("Machines", "DeleteBulk"), ids);
}

async fn hosts(actions: &mut Actions<'_>) {
    let (scene, app) = (&actions.world.scene, actions.world.scene.app.clone());
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let session = app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    let debug = json!({"enabled": true, "minutes": 5});
    let toggle = of("Sessions", &session, "ToggleMachineSessionDebugMode");
    actions.add(&app, toggle, debug);
    let mode = json!({"sessionId": session["Id"], "maintenanceMode": "Enabled",
        "stopJobsStrategy": "SoftStop"});
    actions.add(&app, op("Sessions", "SetMaintenanceMode"), mode);
    host.stop().await;
    let inactive = json!({"sessionIds": [session["Id"]]});
    let delete = op("Sessions", "DeleteInactiveUnattendedSessions");
    actions.add(&app, delete, inactive);
}

async fn processes(actions: &mut Actions<'_>) {
    let (world, shared) = (actions.world, actions.world.scene.shared.clone());
    let release = &world.release;
    let version = json!({"packageVersion": "1.0.0"});
    let specific = of("Releases", release, "UpdateToSpecificPackageVersion");
    actions.add(&shared, specific, version.clone());
    let key = &release["Key"].as_str().unwrap_or_default();
    let by_key = format!("UpdateToSpecificPackageVersionByKey(identifier={key})");
    actions.add(&shared, op("Releases", &by_key), version);
    let all = json!({"releaseIds": [release["Id"]], "mergePackageTags": false});
    let bulk = "UpdateToLatestPackageVersionBulk";
    actions.add(&shared, op("Releases", bulk), all);
    let all = json!({"releaseKeys": [key], "mergePackageTags": false});
    let bulk = "UpdateToLatestPackageVersionBulkByKey";
    actions.add(&shared, op("Releases", bulk), all);
    let update = json!({"releaseKey": key, "processVersion": "2.0.0", "entryPointPath": "main.sh",
        "inputArgs": "{}"});
    actions.add(&shared, op("Releases", "UpdateByKey"), update);
    let arguments = json!({"key": "p:2.0.0", "arguments": {"Input": "{}", "Output": "{}"}});
    actions.add(&world.scene.app, op("Processes", "SetArguments"), arguments);

    let start = world.scene.start_info(
        release,
        json!({"ReleaseName": "p",
        "MachineRobots": [{"RobotId": world.scene.robot}]}),
    );
    actions.add(&shared, op("Jobs", "StartJobs"), start);
    let jobs = world
        .scene
        .start_jobs(release, json!({"JobsCount": 2}))
        .await;
    let stop = json!({"strategy": "SoftStop"});
    actions.add(&shared, of("Jobs", &jobs[0], "StopJob"), stop);
    let stop = json!({"strategy": "Kill", "jobIds": [jobs[1]["Id"]]});
    actions.add(&shared, op("Jobs", "StopJobs"), stop);
}

async fn queues(actions: &mut Actions<'_>) {
    let (world, shared) = (actions.world, actions.world.scene.shared.clone());
    let data = json!({"Name": "Q", "Priority": "High", "SpecificContent": {"a": 1},
        "Reference": "r", "Progress": "p"});
    actions.add(&shared, ADD_ITEM, json!({"itemData": data}));
    let bulk = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": [data]});
    actions.add(
        &shared,
        "odata/Queues/UiPathODataSvc.BulkAddQueueItems",
        bulk,
    );
    let take = json!({"transactionData": {"Name": "Q"}});
    let start = "odata/Queues/UiPathODataSvc.StartTransaction";
    let taken = shared.post(start, &take).await.ok(200);
    actions.add(&shared, start, take);
    let item = |set: &str, name: &str| format!("odata/{set}({})/UiPathODataSvc.{name}", id(&taken));
    let progress = item("QueueItems", "SetTransactionProgress");
    actions.add(&shared, progress, json!({"progress": "half"}));
    let result = json!({"transactionResult": {"IsSuccessful": false, "ProcessingException": {
        "Reason": "r", "Details": "d", "Type": "BusinessException"}}});
    actions.add(&shared, item("Queues", "SetTransactionResult"), result);
    let share = json!({"QueueIds": [taken["QueueDefinitionId"]],
        "ToAddFolderIds": [world.folder["Id"]], "ToRemoveFolderIds": []});
    actions.add(&shared, op("QueueDefinitions", "ShareToFolders"), share);
}

async fn reviews(actions: &mut Actions<'_>) {
    let (world, shared) = (actions.world, actions.world.scene.shared.clone());
    let (_, reviewer) = world.scene.server.user("reviewer", &[]).await;
    let roles = [role(&world.scene, "Administrator").await];
    let assign = assignment(reviewer, world.scene.folder, &roles);
    world.scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let items = json!([{"Id": world.item["Id"], "RowVersion": world.item["RowVersion"]}]);
    let svc = |name: &str| format!("odata/QueueItems/UiPathODataSvc.{name}");
    let body = json!({"userId": reviewer, "queueItems": items});
    actions.add(&shared, svc("SetItemReviewer"), body);
    let body = json!({"status": "InReview", "queueItems": items});
    actions.add(&shared, svc("SetItemReviewStatus"), body);
    let items = json!({"queueItems": items});
    actions.add(&shared, svc("UnsetItemReviewer"), items.clone());
    actions.add(&shared, svc("DeleteBulk"), items);
}
