//! Classic folders: jobs for robots that belong to one machine, and a stage for their tests.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Host, Scene, both};

use crate::support::{START_JOBS, id, scene, text, texts, with};

both!(
    a_job_runs_on_the_machine_of_its_robot,
    any_robot_of_the_environment,
    a_floating_robot_runs_where_its_account_is,
    one_pending_job_for_each_robot_and_process,
    starts_that_classic_folders_refuse,
    urgent_jobs_first_and_one_at_a_time,
    a_job_has_the_rights_of_its_robot,
);

/// A server with a classic folder.
pub struct Classic {
    /// The server.
    pub scene: Scene,
    /// The application in the classic folder.
    pub app: Client,
    /// Id of the classic folder.
    pub folder: i64,
}

/// The body that makes a classic folder.
pub fn classic_folder(name: &str) -> Value {
    json!({"DisplayName": name, "ProvisionType": "Manual", "PermissionModel": "InheritFromTenant"})
}

/// Makes a classic folder.
pub async fn folder(scene: &Scene, name: &str) -> i64 {
    let made = scene.app.post("odata/Folders", &classic_folder(name)).await;
    id(&made.ok(201))
}

/// The body that makes an unattended robot on the machine `{name}-pc`.
pub fn standard(name: &str, more: Value) -> Value {
    with(
        json!({
            "Name": name, "MachineName": format!("{name}-pc"), "Username": format!("CORP\\{name}"),
            "Type": "Unattended", "HostingType": "Standard", "Password": "s3cret",
        }),
        more,
    )
}

impl Classic {
    /// Makes another classic folder.
    pub async fn other_folder(&self) -> i64 {
        folder(&self.scene, "Other").await
    }

    /// Starts the server and makes the folder.
    pub async fn start(backend: Backend) -> Self {
        let scene = scene(backend).await;
        let folder = folder(&scene, "Default").await;
        let app = scene.app.folder(folder);
        Self { scene, app, folder }
    }

    /// Makes a robot of [`standard`].
    pub async fn robot(&self, name: &str, more: Value) -> Value {
        let body = standard(name, more);
        self.app.post("odata/Robots", &body).await.ok(201)
    }

    /// Makes an environment with these robots.
    pub async fn environment(&self, name: &str, robots: &[&Value]) -> Value {
        let made = self
            .app
            .post("odata/Environments", &json!({"Name": name}))
            .await
            .ok(201);
        let ids: Vec<i64> = robots.iter().map(|robot| id(robot)).collect();
        self.set_robots(&made, &ids, &[]).await.ok(204);
        made
    }

    /// Changes the robots of an environment.
    pub async fn set_robots(&self, environment: &Value, add: &[i64], remove: &[i64]) -> Answer {
        let path = format!(
            "odata/Environments({})/UiPath.Server.Configuration.OData.SetRobots",
            id(environment)
        );
        let body = json!({"addedRobotIds": add, "removedRobotIds": remove});
        self.app.post(&path, &body).await
    }

    /// Uploads a package and deploys it to an environment.
    pub async fn release(&self, package: &str, environment: &Value) -> Value {
        self.scene.upload(&testkit::package(package, "1.0.0")).await;
        let body = json!({
            "Name": format!("{package}_{}", text(environment, "Name")), "ProcessKey": package,
            "ProcessVersion": "1.0.0", "EnvironmentId": environment["Id"],
        });
        self.app.post("odata/Releases", &body).await.ok(201)
    }

    /// Starts jobs of a release.
    pub async fn start_jobs(&self, release: &Value, more: Value) -> Answer {
        let info = with(json!({"ReleaseKey": release["Key"]}), more);
        self.app.post(START_JOBS, &json!({"startInfo": info})).await
    }

    /// The host of a robot's machine.
    pub fn host(&self, robot: &Value) -> Host {
        let (key, name) = (text(robot, "LicenseKey"), text(robot, "MachineName"));
        Host::new(self.scene.server.machine_with(key, name))
    }

    /// A job as it stands.
    pub async fn job(&self, id: &Value) -> Value {
        self.app.get(&format!("odata/Jobs({id})")).await.ok(200)
    }
}

async fn a_job_runs_on_the_machine_of_its_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let other = stage.robot("Stan", json!({})).await;
    let environment = stage.environment("doc_env", &[&robot, &other]).await;
    let release = stage.release("hello", &environment).await;
    let idle = stage.host(&other);
    idle.start(4).await;

    let specific = json!({"Strategy": "Specific", "RobotIds": [robot["Id"]], "JobsCount": 0});
    let started = stage.start_jobs(&release, specific).await.ok(201);
    let job = &started["value"][0];
    assert_eq!(
        (text(job, "State"), text(job, "RuntimeType")),
        ("Pending", "Unattended")
    );

    let host = stage.host(&robot);
    let answer = host.start(1).await;
    assert_eq!(answer["robots"].as_array().unwrap().len(), 1);
    assert_eq!(answer["robots"][0]["robotName"], "DocBot");
    assert_eq!(answer["robots"][0]["user"], "CORP\\DocBot");
    let commands = host.heartbeat().await;
    assert_eq!(commands[0]["robotName"], "DocBot");
    assert_eq!(commands[0]["data"]["jobKey"], job["Key"]);
    assert_eq!(commands[0]["data"]["username"], "CORP\\DocBot");
    assert_eq!(idle.offered().await, Vec::<String>::new());

    let key = text(job, "Key");
    idle.report(key, "Running", json!({}))
        .await
        .refused(409, 1681);
    host.report(key, "Running", json!({})).await.ok(200);
    let busy = "odata/Sessions?$filter=Robot/Name eq 'DocBot'&$select=State";
    let session = stage.app.get(busy).await.ok(200);
    assert_eq!(session["value"], json!([{"State": "Busy"}]));
    host.report(key, "Successful", json!({"OutputArguments": "{\"a\":1}"}))
        .await
        .ok(200);
    let query = format!("odata/Jobs({})?$expand=Robot,Machine", job["Id"]);
    let done = stage.app.get(&query).await.ok(200);
    assert_eq!(text(&done, "State"), "Successful");
    assert_eq!(text(&done, "OutputArguments"), "{\"a\":1}");
    assert_eq!(text(&done, "HostMachineName"), "DocBot-pc");
    assert_eq!(text(&done, "LocalSystemAccount"), "CORP\\DocBot");
    assert_eq!(text(&done["Robot"], "Name"), "DocBot");
    assert_eq!(text(&done["Machine"], "Name"), "DocBot-pc");
}

async fn any_robot_of_the_environment(backend: Backend) {
    let stage = Classic::start(backend).await;
    let mut robots = Vec::new();
    for name in ["a", "b", "outside"] {
        robots.push(stage.robot(name, json!({})).await);
    }
    let environment = stage.environment("env", &[&robots[0], &robots[1]]).await;
    let release = stage.release("hello", &environment).await;
    let outside = stage.host(&robots[2]);
    outside.start(4).await;

    let started = stage
        .start_jobs(&release, json!({"Strategy": "JobsCount", "JobsCount": 3}))
        .await
        .ok(201);
    assert_eq!(started["value"].as_array().unwrap().len(), 3);
    assert_eq!(outside.offered().await, Vec::<String>::new());
    let (a, b) = (stage.host(&robots[0]), stage.host(&robots[1]));
    a.start(4).await;
    b.start(4).await;
    let (first, second) = (a.offered().await, b.offered().await);
    assert_eq!((first.len(), second.len()), (1, 1), "one job a robot");
    assert_ne!(first, second);
    a.report(&first[0], "Successful", json!({})).await.ok(200);
    let third = a.offered().await;
    assert_eq!(third.len(), 1, "the next one follows");

    // A host that goes gives back what it has not begun; a robot that joins can take it.
    a.stop().await;
    assert_eq!(outside.offered().await, Vec::<String>::new());
    stage
        .set_robots(&environment, &[id(&robots[2])], &[id(&robots[0])])
        .await
        .ok(204);
    testkit::eventually("the robot that joined gets the job", async || {
        (outside.offered().await == third).then_some(())
    })
    .await;
}

async fn a_floating_robot_runs_where_its_account_is(backend: Backend) {
    let stage = Classic::start(backend).await;
    let body = json!({
        "Name": "Floater", "Username": "CORP\\floater", "Type": "Unattended", "HostingType": "Floating",
    });
    let robot = stage.app.post("odata/Robots", &body).await.ok(201);
    assert_eq!(
        (&robot["MachineId"], &robot["LicenseKey"]),
        (&Value::Null, &Value::Null)
    );
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    let started = stage
        .start_jobs(&release, json!({"Strategy": "All"}))
        .await
        .ok(201);
    let key = text(&started["value"][0], "Key").to_owned();

    // A host of a template that runs as nobody, or as somebody else, is not for it.
    let somewhere = |name: &str| {
        let key = &stage.scene.server.machine_key;
        Host::new(stage.scene.server.machine_with(key, name))
    };
    let service = somewhere("service");
    let shown = service.start(4).await;
    assert!(
        !shown["robots"]
            .as_array()
            .unwrap()
            .iter()
            .any(|r| r["robotName"] == "Floater")
    );
    let beat = async |host: &Host, user: &str| {
        let body = json!({"Heartbeats": [], "ServiceUserName": user});
        let answer = host.call("HeartbeatV2", body).await.ok(200);
        let commands = answer["commands"].as_array().unwrap().clone();
        commands
            .iter()
            .map(|c| text(&c["data"], "jobKey").to_owned())
            .collect::<Vec<_>>()
    };
    let stranger = somewhere("stranger");
    stranger
        .call("StartService", json!({"ServiceUserName": "corp\\other"}))
        .await
        .ok(200);
    let own = somewhere("own");
    assert_eq!(beat(&stranger, "corp\\other").await, Vec::<String>::new());
    let shown = own
        .call("StartService", json!({"ServiceUserName": "corp\\FLOATER"}))
        .await
        .ok(200);
    assert_eq!(shown["robots"][0]["robotName"], "Floater");
    assert_eq!(
        beat(&own, "corp\\floater").await,
        std::slice::from_ref(&key)
    );
    assert_eq!(service.offered().await, Vec::<String>::new());
    own.report(&key, "Running", json!({})).await.ok(200);
    own.report(&key, "Successful", json!({})).await.ok(200);
    let job = stage.job(&started["value"][0]["Id"]).await;
    assert_eq!(
        (text(&job, "State"), text(&job, "HostMachineName")),
        ("Successful", "own")
    );
}

async fn one_pending_job_for_each_robot_and_process(backend: Backend) {
    let stage = Classic::start(backend).await;
    let one = stage.robot("one", json!({})).await;
    let two = stage.robot("two", json!({})).await;
    let environment = stage.environment("env", &[&one, &two]).await;
    let release = stage.release("hello", &environment).await;
    let other = stage.release("other", &environment).await;
    let on = |robots: &[&Value]| {
        let ids: Vec<i64> = robots.iter().map(|r| id(r)).collect();
        json!({"Strategy": "Specific", "RobotIds": ids})
    };
    stage.start_jobs(&release, on(&[&one])).await.ok(201);
    let refused = stage
        .start_jobs(&release, on(&[&one]))
        .await
        .refused(409, 1670);
    assert!(text(&refused, "message").contains("pending"), "{refused}");
    // Another process is another matter.
    stage.start_jobs(&other, on(&[&one])).await.ok(201);
    // Of several robots those get a job that wait for none.
    let partial = stage.start_jobs(&release, on(&[&one, &two])).await.ok(201);
    let query = format!("odata/Jobs({})?$expand=Robot", partial["value"][0]["Id"]);
    assert_eq!(partial["value"].as_array().unwrap().len(), 1);
    let job = stage.app.get(&query).await.ok(200);
    assert_eq!(text(&job["Robot"], "Name"), "two");
    for strategy in [
        json!({"Strategy": "All"}),
        json!({"Strategy": "RobotCount", "NoOfRobots": 1}),
    ] {
        stage
            .start_jobs(&release, strategy)
            .await
            .refused(409, 1670);
    }
    // What runs is not pending any more.
    let host = stage.host(&one);
    host.start(1).await;
    let offered = host.offered().await;
    host.report(&offered[0], "Running", json!({})).await.ok(200);
    let again = stage.start_jobs(&release, json!({"Strategy": "All"})).await;
    assert_eq!(again.ok(201)["value"].as_array().unwrap().len(), 1);
}

async fn starts_that_classic_folders_refuse(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("one", json!({})).await;
    let person = stage.robot("person", json!({"Type": "Attended"})).await;
    let stray = stage.robot("stray", json!({})).await;
    let environment = stage.environment("env", &[&robot, &person]).await;
    let release = stage.release("hello", &environment).await;
    let start = async |more: Value| stage.start_jobs(&release, more).await;

    start(json!({"Strategy": "ModernJobsCount", "JobsCount": 1}))
        .await
        .refused(400, 2816);
    start(json!({"Strategy": "Specific", "RobotIds": []}))
        .await
        .refused(400, 1009);
    for robot in [json!(999_999), person["Id"].clone(), stray["Id"].clone()] {
        start(json!({"Strategy": "Specific", "RobotIds": [robot]}))
            .await
            .refused(409, 1671);
    }
    for count in [json!(0), json!(-1), json!(1001), Value::Null] {
        start(json!({"Strategy": "RobotCount", "NoOfRobots": count}))
            .await
            .refused(400, 1009);
    }
    start(json!({"Strategy": "JobsCount", "JobsCount": 0}))
        .await
        .refused(400, 1009);
    start(json!({"Strategy": "Some"})).await.refused(400, 0);
    for modern in [
        json!({"RunAsMe": true}),
        json!({"MachineRobots": [{"RobotId": robot["Id"]}]}),
        json!({"MachineSessionIds": [1]}),
    ] {
        start(modern).await.refused(400, 1009);
    }
    start(json!({"RuntimeType": "NonProduction"}))
        .await
        .refused(409, 1671);
    let jobs = stage.app.get("odata/Jobs").await.ok(200);
    assert_eq!(jobs["@odata.count"], 0, "nothing was made");

    let body = json!({"robotIds": [robot["Id"]], "enabled": false});
    let toggle = "odata/Robots/UiPath.Server.Configuration.OData.ToggleEnabledStatus";
    stage.app.post(toggle, &body).await.ok(200);
    for strategy in ["All", "JobsCount"] {
        start(json!({"Strategy": strategy}))
            .await
            .refused(409, 1671);
    }
    let nowhere = json!({"Name": "nowhere", "ProcessKey": "hello", "ProcessVersion": "1.0.0"});
    let nowhere = stage.app.post("odata/Releases", &nowhere).await.ok(201);
    assert_eq!(nowhere["EnvironmentId"], Value::Null);
    stage
        .start_jobs(&nowhere, json!({"Strategy": "All"}))
        .await
        .refused(409, 1671);
    // An environment of another folder is none.
    let other = stage.other_folder().await;
    let strange = json!({
        "Name": "x", "ProcessKey": "hello", "ProcessVersion": "1.0.0",
        "EnvironmentId": environment["Id"],
    });
    for folder in [other, stage.scene.folder] {
        stage
            .scene
            .app
            .folder(folder)
            .post("odata/Releases", &strange)
            .await
            .refused(404, 1002);
    }
}

async fn urgent_jobs_first_and_one_at_a_time(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("one", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let mut keys = Vec::new();
    for (package, priority) in [("low", "Low"), ("high", "High"), ("normal", "Normal")] {
        let release = stage.release(package, &environment).await;
        let info = json!({"Strategy": "All", "JobPriority": priority});
        let started = stage.start_jobs(&release, info).await.ok(201);
        keys.push(text(&started["value"][0], "Key").to_owned());
    }
    let host = stage.host(&robot);
    host.start(4).await;
    for expected in [&keys[1], &keys[2], &keys[0]] {
        assert_eq!(host.offered().await, std::slice::from_ref(expected));
        host.report(expected, "Successful", json!({})).await.ok(200);
    }
}

async fn a_job_has_the_rights_of_its_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("one", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("hello", &environment).await;
    stage
        .start_jobs(&release, json!({"Strategy": "All"}))
        .await
        .ok(201);
    let host = stage.host(&robot);
    host.start(1).await;
    let commands = host.heartbeat().await;
    let token = text(&commands[0]["data"], "accessToken");
    let job = stage.scene.server.anonymous().bearer(token);
    let mine = job.folder(stage.folder);
    let list = mine.get("odata/Releases").await.ok(200);
    assert_eq!(texts(&list, "Name"), ["hello_env"]);
    assert!(list.get("@odata.count").is_none(), "a robot asks for it");
    mine.delete(&format!("odata/Robots({})", id(&robot)))
        .await
        .refused(403, 0);
    job.folder(stage.scene.folder)
        .get("odata/Releases")
        .await
        .refused(403, 1100);
    let other = stage.other_folder().await;
    job.folder(other)
        .get("odata/Releases")
        .await
        .refused(403, 0);
}
