//! A: from a token to the result of a job, one request after the other.

use serde_json::{Value, json};
use testkit::{APP_ID, APP_SECRET, Backend, Client, Host, Scene, both, decode_claims, package};

use crate::support::{ASSIGN_MACHINES, START_JOBS, assert_members, id, scene, server, text, texts};

both!(
    a1_the_token,
    a2_the_folders,
    a3_the_machines_of_the_folder,
    a4_the_robots_of_the_folder,
    a5_the_key_of_the_process,
    a6_the_start,
    a7_the_state_of_the_job,
);

const TOKEN: &str = "/identity_/connect/token";

async fn a1_the_token(backend: Backend) {
    let server = server(backend).await;
    let scope =
        "OR.Settings OR.Queues OR.License OR.Folders OR.Execution OR.Robots OR.Machines OR.Jobs";
    let answer = server
        .anonymous()
        .post_form(
            TOKEN,
            &[
                ("client_secret", APP_SECRET),
                ("client_id", APP_ID),
                ("scope", scope),
                ("grant_type", "client_credentials"),
            ],
        )
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.ok(200);
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["token_type"], "Bearer");
    let sorted =
        "OR.Execution OR.Folders OR.Jobs OR.License OR.Machines OR.Queues OR.Robots OR.Settings";
    assert_eq!(body["scope"], sorted);

    let claims = decode_claims(text(&body, "access_token"));
    let seconds = |name: &str| claims[name].as_i64().unwrap();
    assert_eq!(seconds("exp") - seconds("iat"), 3600);
    assert_eq!(claims["client_id"], APP_ID);
    assert_eq!(claims["iss"], format!("{}/identity_", server.url));
    assert_eq!(claims["aud"], json!(["UiPath.Orchestrator"]));
    assert!(
        claims["prt_id"].as_str().is_some_and(|id| id.len() == 36),
        "{claims}"
    );
    assert_eq!(
        claims["scope"],
        json!(sorted.split(' ').collect::<Vec<_>>())
    );
}

async fn a2_the_folders(backend: Backend) {
    let scene = scene(backend).await;
    let cloud = scene.app.below("/default/DefaultTenant/orchestrator_/");
    let list = cloud.get("odata/Folders").await.ok(200);
    let base = format!(
        "{}/default/DefaultTenant/orchestrator_/odata",
        scene.server.url
    );
    assert_eq!(list["@odata.context"], format!("{base}/$metadata#Folders"));
    assert_eq!(list["@odata.count"], 1);
    let shared = &list["value"][0];
    assert_members(
        shared,
        "Key DisplayName FullyQualifiedName FullyQualifiedNameOrderable Description ProvisionType
         PermissionModel ParentId ParentKey IsActive FeedType Id",
    );
    assert_eq!(text(shared, "DisplayName"), "Shared");
    assert_eq!(text(shared, "FullyQualifiedName"), "Shared");
    assert_eq!(text(shared, "FullyQualifiedNameOrderable"), "Shared");
    assert_eq!(shared["Description"], Value::Null);
    assert_eq!(text(shared, "ProvisionType"), "Automatic");
    assert_eq!(text(shared, "PermissionModel"), "FineGrained");
    assert_eq!(
        (&shared["ParentId"], &shared["ParentKey"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(shared["IsActive"], true);
    assert_eq!(text(shared, "FeedType"), "Processes");

    let one = cloud
        .get(&format!("odata/Folders({})", id(shared)))
        .await
        .ok(200);
    assert_eq!(
        one["@odata.context"],
        format!("{base}/$metadata#Folders/$entity")
    );
    assert_eq!(one["Key"], shared["Key"]);
}

async fn a3_the_machines_of_the_folder(backend: Backend) {
    let scene = scene(backend).await;
    let path = format!(
        "odata/Folders/UiPath.Server.Configuration.OData.GetMachinesForFolder(key={})",
        scene.folder
    );
    let list = scene.app.get(&path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#MachineFolder"));
    assert_eq!(list["@odata.count"], 1);
    let machine = &list["value"][0];
    assert_members(
        machine,
        "LicenseKey Name Description Type Scope NonProductionSlots UnattendedSlots HeadlessSlots
         TestAutomationSlots AutomationCloudSlots Key AutoScalingProfile AutomationType
         TargetFramework ClientSecret Id IsAssignedToFolder HasMachineRobots IsInherited
         PropagateToSubFolders InheritedFromFolderName RobotVersions RobotUsers UpdatePolicy Tags
         MaintenanceWindow",
    );
    assert_eq!(id(machine), scene.machine);
    assert_eq!(
        (&machine["LicenseKey"], &machine["ClientSecret"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (text(machine, "Name"), text(machine, "Type")),
        ("Local", "Template")
    );
    assert_eq!(machine["UnattendedSlots"], 4);
    assert_eq!(
        (&machine["IsAssignedToFolder"], &machine["IsInherited"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&machine["RobotUsers"], &machine["Tags"]),
        (&json!([]), &json!([]))
    );

    // Other machines of the tenant follow, not assigned; the list takes options.
    let other = scene
        .app
        .post("odata/Machines", &json!({"Name": "Other"}))
        .await
        .ok(201);
    let list = scene.app.get(&path).await.ok(200);
    assert_eq!(texts(&list, "Name"), ["Local", "Other"]);
    assert_eq!(list["value"][1]["IsAssignedToFolder"], false);
    let assigned = scene
        .app
        .get(&format!("{path}?$filter=IsAssignedToFolder eq true"))
        .await
        .ok(200);
    assert_eq!(texts(&assigned, "Name"), ["Local"]);
    let body = json!({"assignments": {"MachineIds": [id(&other)], "FolderIds": [scene.folder]}});
    let assign = ASSIGN_MACHINES;
    scene.app.post(assign, &body).await.ok(204);
    scene.app.post(assign, &body).await.ok(204);
    let list = scene.app.get(&path).await.ok(200);
    assert!(
        list["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|m| m["IsAssignedToFolder"] == true)
    );

    let wrong = json!({"assignments": {"MachineIds": [999_999], "FolderIds": [scene.folder]}});
    scene.app.post(assign, &wrong).await.refused(400, 2808);
    let wrong = json!({"assignments": {"MachineIds": [id(&other)], "FolderIds": [999_999]}});
    scene.app.post(assign, &wrong).await.refused(403, 1100);
    let nowhere = path.replace(&format!("key={}", scene.folder), "key=999999");
    scene.app.get(&nowhere).await.refused(403, 1100);
    let nonsense = path.replace(&format!("key={}", scene.folder), "key=abc");
    scene.app.get(&nonsense).await.refused(400, 1000);
}

async fn a4_the_robots_of_the_folder(backend: Backend) {
    let scene = scene(backend).await;
    let path = "odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots";
    let list = scene.shared.get(path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#ExtendedRobotDto"));
    assert_eq!(list["@odata.count"], 1);
    let robot = &list["value"][0];
    assert_members(
        robot,
        "LicenseKey MachineName MachineId Name Username ExternalName Description Type HostingType
         ProvisionType Password CredentialStoreId UserId Enabled CredentialType RobotEnvironments
         IsExternalLicensed LimitConcurrentExecution LastModificationTime LastModifierUserId
         CreationTime CreatorUserId Id ExecutionSettings",
    );
    assert_eq!(id(robot), scene.robot);
    assert_eq!(text(robot, "Name"), "local-robot-unattended");
    assert_eq!(
        (text(robot, "Type"), text(robot, "HostingType")),
        ("Unattended", "Floating")
    );
    assert_eq!(
        (&robot["LicenseKey"], &robot["Password"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (text(robot, "ProvisionType"), text(robot, "CredentialType")),
        ("Automatic", "Default")
    );
    assert_eq!(text(robot, "RobotEnvironments"), "");
    assert_eq!(robot["Enabled"], true);
    assert!(text(robot, "CreationTime").ends_with('Z'));
    scene
        .app
        .get("odata/Robots(999999)")
        .await
        .refused(404, 1002);
}

/// The reader of the walk-through: a client with its scopes, below the cloud's address, and what
/// the requests before the start gave it.
struct Reader {
    scene: Scene,
    here: Client,
    folder: i64,
    machine: i64,
    robot: i64,
    release: Value,
}

impl Reader {
    /// Does A1 to A5.
    async fn prepare(backend: Backend) -> Reader {
        let scene = scene(backend).await;
        let hello = package("hello", "1.0.0").command("#!/bin/sh\nprintf '{}' > \"$2\"\n");
        scene.release(&hello).await;
        let scopes = "OR.Settings OR.Queues OR.License OR.Folders OR.Execution OR.Robots \
                      OR.Machines OR.Jobs";
        let scopes: Vec<&str> = scopes.split_whitespace().collect();
        let client = scene.server.app_with(&scopes).await;
        let client = client.below("/default/DefaultTenant/orchestrator_/");
        let folder = id(&client.get("odata/Folders").await.ok(200)["value"][0]);
        let machines = format!(
            "odata/Folders/UiPath.Server.Configuration.OData.GetMachinesForFolder(key={folder})"
        );
        let machine = id(&client.get(&machines).await.ok(200)["value"][0]);
        let here = client.folder(folder);
        let robots = "odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots";
        let robot = id(&here.get(robots).await.ok(200)["value"][0]);
        let release = here.get("odata/Releases").await.ok(200)["value"][0].clone();
        Reader {
            scene,
            here,
            folder,
            machine,
            robot,
            release,
        }
    }

    /// Does A6.
    async fn start(&self) -> Value {
        let body = json!({"startInfo": {
            "ReleaseKey": self.release["Key"],
            "JobsCount": 1,
            "JobPriority": "Normal",
            "Strategy": "ModernJobsCount",
            "ResumeOnSameContext": false,
            "RuntimeType": "Unattended",
            "InputArguments": "{'str_taskID':'No.1','str_customerID':'No.1'}",
            "MachineRobots": [{"RobotId": self.robot, "MachineId": self.machine}],
        }});
        self.here.post(START_JOBS, &body).await.ok(201)
    }
}

async fn a5_the_key_of_the_process(backend: Backend) {
    let reader = Reader::prepare(backend).await;
    let list = reader.here.get("odata/Releases").await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/orchestrator_/odata/$metadata#Releases"));
    assert_eq!(list["@odata.count"], 1);
    let release = &list["value"][0];
    assert_eq!(text(release, "Key").len(), 36);
    for (member, expected) in [
        ("Name", "hello"),
        ("ProcessKey", "hello"),
        ("ProcessVersion", "1.0.0"),
    ] {
        assert_eq!(text(release, member), expected);
    }
}

async fn a6_the_start(backend: Backend) {
    let reader = Reader::prepare(backend).await;
    let started = reader.start().await;
    assert!(started.get("@odata.count").is_none());
    assert!(text(&started, "@odata.context").ends_with("/orchestrator_/odata/$metadata#Jobs"));
    let job = &started["value"][0];
    assert_members(
        job,
        "Key StartTime EndTime State JobPriority SpecificPriorityValue Source SourceType
         BatchExecutionKey Info CreationTime StartingScheduleId ReleaseName Type InputArguments
         OutputArguments HostMachineName HasMediaRecorded PersistenceId ResumeVersion StopStrategy
         RuntimeType RequiresUserInteraction ReleaseVersionId EntryPointPath OrganizationUnitId
         OrganizationUnitFullyQualifiedName Reference ProcessType ProfilingOptions
         ResumeOnSameContext LocalSystemAccount OrchestratorUserIdentity Id",
    );
    for (member, expected) in [
        ("State", json!("Pending")),
        ("JobPriority", json!("Normal")),
        ("SpecificPriorityValue", json!(45)),
        ("Source", json!("Manual")),
        ("SourceType", json!("Manual")),
        ("ReleaseName", json!("hello")),
        ("Type", json!("Unattended")),
        ("RuntimeType", json!("Unattended")),
        (
            "InputArguments",
            json!("{\"str_taskID\":\"No.1\",\"str_customerID\":\"No.1\"}"),
        ),
        ("OutputArguments", Value::Null),
        ("StartTime", Value::Null),
        ("EndTime", Value::Null),
        ("Info", Value::Null),
        ("HostMachineName", Value::Null),
        ("OrganizationUnitId", json!(reader.folder)),
        ("Reference", json!("")),
        ("ProcessType", json!("Process")),
        ("LocalSystemAccount", json!("")),
        ("OrchestratorUserIdentity", Value::Null),
        ("EntryPointPath", json!("main.sh")),
        ("ResumeOnSameContext", json!(false)),
    ] {
        assert_eq!(job[member], expected, "{member}");
    }
}

async fn a7_the_state_of_the_job(backend: Backend) {
    let reader = Reader::prepare(backend).await;
    let host = Host::new(reader.scene.server.machine());
    host.start(1).await;
    let job = &reader.start().await["value"][0];
    let here = &reader.here;
    let (key, number) = (text(job, "Key"), &job["Id"]);
    assert_eq!(host.offered().await, [key]);
    host.report(key, "Running", json!({})).await.ok(200);
    let running = here.get(&format!("odata/Jobs({number})")).await.ok(200);
    assert!(text(&running, "@odata.context").ends_with("/$metadata#Jobs/$entity"));
    assert_eq!(
        (text(&running, "State"), text(&running, "HostMachineName")),
        ("Running", "tests")
    );
    assert!(running["StartTime"].is_string() && running["EndTime"].is_null());
    host.report(
        key,
        "Successful",
        json!({"OutputArguments": "{\"greeting\":\"hi\"}"}),
    )
    .await
    .ok(200);
    let ended = here.get(&format!("odata/Jobs({number})")).await.ok(200);
    assert_eq!(
        (text(&ended, "State"), text(&ended, "OutputArguments")),
        ("Successful", "{\"greeting\":\"hi\"}")
    );
    assert_eq!(text(&ended, "HostMachineName"), "tests");
    assert!(text(&ended, "EndTime") >= text(&ended, "StartTime"));
    assert!(text(&ended, "StartTime") >= text(&ended, "CreationTime"));
    let by_key = format!("odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={key})");
    assert_eq!(&here.get(&by_key).await.ok(200)["Id"], number);
}
