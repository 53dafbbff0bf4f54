//! The entity sets whose bodies are tried, and values for members whose type does not tell them.

use std::cell::Cell;

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, package};

use crate::classic::{folder, standard};
use crate::support::{id, modern, scene};

/// A verb with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `POST`
    Create,
    /// `PUT` of what was read, with one member changed.
    Replace,
    /// `PATCH` of that member alone.
    Merge,
}

const ALL: &[Verb] = &[Verb::Create, Verb::Replace, Verb::Merge];
const NO_MERGE: &[Verb] = &[Verb::Create, Verb::Replace];

/// An entity set.
pub struct Subject {
    /// Its name.
    pub set: &'static str,
    /// What the contract calls its bodies.
    pub schema: &'static str,
    /// Verbs with bodies.
    pub verbs: &'static [Verb],
    /// Where one is made.
    pub create: &'static str,
    /// The parameter that holds the body, where an action makes it.
    pub parameter: Option<&'static str>,
    /// A body that makes one with this number in its name.
    pub base: fn(&World, u32) -> Value,
    /// What a member may be where its type does not tell.
    pub values: fn(&World, &str) -> Option<Vec<Value>>,
    /// What has to be said with a value for it to count, or not to contradict the rest.
    pub companion: fn(&World, &str, &Value) -> Value,
    /// Options that show all of it.
    pub options: &'static str,
    /// Whether it lives in classic folders.
    pub classic: bool,
}

impl Subject {
    const fn new(set: &'static str, schema: &'static str, create: &'static str) -> Self {
        Self {
            set,
            schema,
            verbs: NO_MERGE,
            create,
            parameter: None,
            base: |_, n| json!({"Name": format!("kept {n}")}),
            values: |_, _| None,
            companion: |_, _, _| Value::Null,
            options: "",
            classic: false,
        }
    }

    /// The body as the address takes it.
    pub fn wrapped(&self, body: Value) -> Value {
        match self.parameter {
            Some(name) => json!({name: body}),
            None => body,
        }
    }

    /// The address of what was made.
    pub fn address(&self, made: &Value) -> String {
        format!("odata/{}({})", self.set, id(made))
    }
}

/// A server with something of everything that bodies refer to.
pub struct World {
    /// The server.
    pub scene: Scene,
    /// In a classic folder.
    pub classic: Client,
    /// A process of the package `p`.
    pub release: Value,
    /// An item of the queue `Q`.
    pub item: Value,
    /// Another one.
    pub other_item: Value,
    /// A modern folder.
    pub folder: Value,
    /// An environment of the classic folder.
    pub environment: Value,
    /// A robot there.
    pub robot: Value,
    /// The role `Clerk` for the tenant.
    pub role: Value,
    made: Cell<u32>,
}

impl World {
    /// Starts it.
    pub async fn new(backend: Backend) -> Self {
        let scene = scene(backend).await;
        let release = scene.release(&package("p", "1.0.0")).await;
        scene.upload(&package("p", "2.0.0")).await;
        let (app, shared) = (scene.app.clone(), scene.shared.clone());
        let classic = app.folder(folder(&scene, "Classic").await);
        let post =
            async |client: &Client, path: &str, body: Value| client.post(path, &body).await.ok(201);
        let item = json!({"itemData": {"Name": "Q", "Reference": "first"}});
        let role = json!({"Name": "Clerk", "Type": "Tenant"});
        let queue = json!({"Name": "Q"});
        post(&shared, "odata/QueueDefinitions", queue).await;
        Self {
            release,
            item: post(&shared, ADD_ITEM, item.clone()).await,
            other_item: post(&shared, ADD_ITEM, item).await,
            folder: post(&app, "odata/Folders", modern("Modern")).await,
            environment: post(&classic, "odata/Environments", json!({"Name": "E"})).await,
            robot: post(&classic, "odata/Robots", standard("R", json!({}))).await,
            role: post(&app, "odata/Roles", role).await,
            classic,
            scene,
            made: Cell::new(0),
        }
    }

    /// Another number.
    pub fn next(&self) -> u32 {
        self.made.set(self.made.get() + 1);
        self.made.get()
    }

    /// Who makes and changes them.
    pub fn client(&self, subject: &Subject) -> Client {
        match subject.classic {
            true => self.classic.clone(),
            false => self.scene.shared.clone(),
        }
    }

    /// Makes one, and gives its address.
    pub async fn make(&self, subject: &Subject) -> String {
        if subject.set == "Settings" {
            let path = format!("odata/Settings('{SETTING}')");
            let body = json!({"Name": SETTING, "Value": "http://before"});
            self.scene.app.put(&path, &body).await.ok(200);
            return path;
        }
        let body = subject.wrapped((subject.base)(self, self.next()));
        let made = self.client(subject).post(subject.create, &body).await;
        subject.address(&made.ok(201))
    }

    /// All of it as it stands.
    pub async fn show(&self, subject: &Subject, path: &str) -> Value {
        if subject.set == "Settings" {
            let row = format!("odata/Settings?$filter=Name eq '{SETTING}'");
            return self.scene.app.get(&row).await.ok(200)["value"][0].clone();
        }
        let path = format!("{path}{}", subject.options);
        self.client(subject).get(&path).await.ok(200)
    }
}

/// `POST` to add an item.
pub const ADD_ITEM: &str = "odata/Queues/UiPathODataSvc.AddQueueItem";

const SETTING: &str = "DeploymentUrl";

fn settings(_: &World, _: u32) -> Value {
    Value::Null
}

fn one(value: Value) -> Option<Vec<Value>> {
    Some(vec![value])
}

fn unique(world: &World) -> Option<Vec<Value>> {
    one(json!(format!("named {}", world.next())))
}

/// Every set with bodies, in the order of the service document.
pub const SUBJECTS: &[Subject] = &[
    Subject {
        values: |world, path| match path {
            "Name" => unique(world),
            "TimeZoneId" => one(json!("Tokyo Standard Time")),
            "ExcludedDates" => one(json!(["2031-05-06T00:00:00Z"])),
            _ => None,
        },
        ..Subject::new("Calendars", "ExtendedCalendarDto", "odata/Calendars")
    },
    Subject {
        classic: true,
        options: "?$expand=Robots",
        values: |world, path| match path {
            "Name" => unique(world),
            "Robots" => one(json!([{"Id": world.robot["Id"]}])),
            _ => None,
        },
        ..Subject::new("Environments", "11:EnvironmentDto", "odata/Environments")
    },
    Subject {
        base: |_, n| modern(&format!("kept {n}")),
        values: |world, path| match path {
            "DisplayName" => unique(world),
            "ParentId" => one(world.folder["Id"].clone()),
            "ParentKey" => one(world.folder["Key"].clone()),
            _ => None,
        },
        ..Subject::new("Folders", "FolderDto", "odata/Folders")
    },
    Subject {
        verbs: ALL,
        values: |world, path| match path {
            "Name" => unique(world),
            "LicenseKey" => one(json!(uuid::Uuid::new_v4())),
            "RobotUsers/RobotId" => one(json!(world.scene.robot)),
            "MaintenanceWindow/timezoneId" => one(json!("UTC")),
            "MaintenanceWindow/cronExpression" => one(json!("0 0 3 * * ?")),
            "MaintenanceWindow/enabled" => one(json!(false)),
            _ => None,
        },
        ..Subject::new("Machines", "MachineDto", "odata/Machines")
    },
    Subject {
        base: |_, n| json!({"DisplayName": format!("kept {n}")}),
        values: |world, path| match path {
            "DisplayName" => unique(world),
            _ => None,
        },
        ..Subject::new(
            "OrganizationUnits",
            "OrganizationUnitDto",
            "odata/OrganizationUnits",
        )
    },
    Subject {
        verbs: ALL,
        options: "?$expand=EntryPoint,Arguments,CurrentVersion,ReleaseVersions",
        base: |_, n| json!({"Name": format!("kept {n}"), "ProcessKey": "p", "ProcessVersion": "1.0.0"}),
        values: |world, path| match path {
            "Name" => unique(world),
            "ProcessKey" => one(json!("p")),
            "ProcessVersion" => Some(vec![json!("1.0.0"), json!("2.0.0")]),
            "EntryPointId" => one(world.release["EntryPointId"].clone()),
            "EntryPointPath" => one(json!("main.sh")),
            "InputArguments" => one(json!("{\"a\":1}")),
            "FeedId" => one(world.release["FeedId"].clone()),
            _ => None,
        },
        // Both together are what was read.
        companion: |_, path, _| match path {
            "JobPriority" => json!({"SpecificPriorityValue": null}),
            "SpecificPriorityValue" => json!({"JobPriority": null}),
            _ => Value::Null,
        },
        ..Subject::new("Releases", "ReleaseDto", "odata/Releases")
    },
    Subject {
        values: |world, path| match path {
            "Name" => unique(world),
            "SpecificDataJsonSchema" | "OutputDataJsonSchema" | "AnalyticsDataJsonSchema" => {
                one(json!("{\"type\":\"object\"}"))
            }
            "ReleaseId" => one(world.release["Id"].clone()),
            _ => None,
        },
        ..Subject::new(
            "QueueDefinitions",
            "QueueDefinitionDto",
            "odata/QueueDefinitions",
        )
    },
    Subject {
        base: |world, _| json!({"Text": "said", "QueueItemId": world.item["Id"]}),
        values: |world, path| match path {
            "QueueItemId" => Some(vec![
                world.item["Id"].clone(),
                world.other_item["Id"].clone(),
            ]),
            _ => None,
        },
        ..Subject::new(
            "QueueItemComments",
            "QueueItemCommentDto",
            "odata/QueueItemComments",
        )
    },
    Subject {
        parameter: Some("itemData"),
        base: |_, _| json!({"Name": "Q"}),
        values: |_, path| match path {
            "Name" => one(json!("Q")),
            "SpecificContent" => one(json!({"Kept": "yes", "Number": 7})),
            _ => None,
        },
        ..Subject::new("QueueItems", "QueueItemDataDto", ADD_ITEM)
    },
    Subject {
        verbs: &[Verb::Replace],
        values: |_, path| match path {
            // The other rule is shown at another address.
            "Type" => one(json!("Final")),
            _ => None,
        },
        ..Subject::new(
            "QueueRetention",
            "QueueRetentionSettingDto",
            "odata/QueueDefinitions",
        )
    },
    Subject {
        verbs: ALL,
        classic: true,
        options: "?$expand=Environments",
        base: |_, n| standard(&format!("kept {n}"), json!({})),
        values: |world, path| match path {
            "Name" => unique(world),
            "MachineId" => one(world.robot["MachineId"].clone()),
            "MachineName" => one(json!("another-pc")),
            "Environments" => one(json!([{"Id": world.environment["Id"], "Name": "E"}])),
            "ExecutionSettings" => one(json!({"TracingLevel": "Trace"})),
            _ => None,
        },
        companion: |world, path, value| match (path, value["HostingType"].as_str()) {
            ("HostingType", Some("Floating")) => json!({"MachineName": null, "MachineId": null}),
            ("MachineId", _) => {
                json!({"MachineName": null, "LicenseKey": null, "Username": format!("u{}", world.next())})
            }
            ("MachineName", _) => json!({"MachineId": null, "LicenseKey": null}),
            _ => Value::Null,
        },
        ..Subject::new("Robots", "RobotDto", "odata/Robots")
    },
    Subject {
        options: "?$expand=Permissions",
        base: |_, n| json!({"Name": format!("kept {n}"), "Type": "Tenant"}),
        values: |world, path| match path {
            "Name" => unique(world),
            "Permissions" => one(json!([{"Name": "Machines.View", "IsGranted": true}])),
            _ => None,
        },
        ..Subject::new("Roles", "RoleDto", "odata/Roles")
    },
    Subject {
        verbs: &[Verb::Replace],
        base: settings,
        ..Subject::new("Settings", "SettingsDto", "odata/Settings")
    },
    Subject {
        verbs: ALL,
        base: |_, n| json!({"UserName": format!("kept {n}")}),
        values: |world, path| match path {
            "UserName" => unique(world),
            "EmailAddress" => one(json!("kept@example.com")),
            "RolesList" => one(json!(["Clerk"])),
            "UserRoles" => one(json!([{"RoleId": world.role["Id"]}])),
            "OrganizationUnits" => one(json!([{"Id": world.folder["Id"]}])),
            "RobotProvision/ExecutionSettings" | "UnattendedRobot/ExecutionSettings" => {
                one(json!({"TracingLevel": "Trace"}))
            }
            _ => None,
        },
        // Of two names of one thing the first decides.
        companion: |_, path, value| match (path, path.strip_prefix("Explicit")) {
            (_, Some(name)) => json!({name: value[path]}),
            ("UserRoles", _) => json!({"RolesList": ["Clerk"]}),
            (path, _) if path.starts_with("UnattendedRobot/") => {
                json!({"MayHaveUnattendedSession": true})
            }
            _ => Value::Null,
        },
        ..Subject::new("Users", "UserDto", "odata/Users")
    },
    Subject {
        verbs: ALL,
        base: |_, n| {
            json!({"Name": format!("kept {n}"), "Url": "https://example.com/hook", "Enabled": false,
                "SubscribeToAllEvents": true, "AllowInsecureSsl": false})
        },
        values: |world, path| match path {
            "Name" => unique(world),
            "Url" => one(json!("https://example.com/other")),
            "Events/EventType" => one(json!("job.completed")),
            "SubscribeToAllEvents" => one(json!(true)),
            _ => None,
        },
        ..Subject::new("Webhooks", "WebhookDto", "odata/Webhooks")
    },
];
