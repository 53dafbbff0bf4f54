//! A server that knows the robot protocol and nothing else, and remembers what it was told.
//!
//! It keeps the rules the agent relies on: a command is offered until its attempt is claimed, the
//! stamp changes with the list of commands, a report about another attempt than the current one is
//! refused with 409, and so is any report after a final one.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use axum::Router;
use robot::Credentials;
use robot::Options;
use serde_json::Value;
use serde_json::json;
use tokio::sync::Notify;

use crate::routes::answer;
use crate::support::Agent;
use crate::support::PATIENCE;
use crate::support::nupkg;

pub const MACHINE_KEY: &str = "11111111-2222-4333-8444-555555555555";
pub const ROBOT_KEY: &str = "5b1e0d0f-0000-4000-8000-000000000001";

/// A job as the server sees it.
#[derive(Clone, Debug)]
pub struct Job {
    pub command: Value,
    pub attempt: u64,
    pub state: String,
    /// Every report that was recorded.
    pub reports: Vec<Value>,
    /// `SoftStop` or `Kill`, once asked for.
    pub stop: Option<String>,
    /// How often a report was refused.
    pub refused: usize,
}

impl Job {
    pub fn is_final(&self) -> bool {
        matches!(self.state.as_str(), "Successful" | "Faulted" | "Stopped")
    }

    /// The last report.
    pub fn last(&self) -> &Value {
        self.reports.last().unwrap()
    }
}

/// What the server knows, and how it is to misbehave.
#[derive(Default)]
pub struct Known {
    pub jobs: HashMap<String, Job>,
    pub packages: HashMap<String, Vec<u8>>,
    pub logs: Vec<Value>,
    pub started: Vec<Value>,
    pub heartbeats: Vec<Value>,
    pub downloads: usize,
    pub tokens: usize,
    pub stopped: bool,
    /// Answers 503 to reports.
    pub refuse_reports: bool,
    /// Answers 503 to log lines.
    pub refuse_logs: bool,
    /// Refuses every attempt, as if it belonged to somebody else.
    pub refuse_attempts: bool,
    /// Accepts downloads and never answers them.
    pub hold_downloads: bool,
    /// Has forgotten the machine's session until `StartService` comes again.
    pub lost_session: bool,
    /// Has no `AwaitCommands`.
    pub no_long_poll: bool,
    /// Accepts this bearer token instead of the machine key.
    pub wanted_token: Option<String>,
    pub stamp: u64,
    patience: Option<Duration>,
}

#[derive(Clone, Default)]
pub struct Fake {
    known: Arc<Mutex<Known>>,
    pub changed: Arc<Notify>,
    address: String,
}

impl Fake {
    /// A server on a free port.
    pub async fn start() -> Fake {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fake = Fake {
            address,
            ..Fake::default()
        };
        let app = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        fake
    }

    /// Looks at, or changes, what the server knows.
    pub fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        let result = self.peek(look);
        self.changed.notify_waiters();
        result
    }

    /// The same without waking those who wait for a change.
    pub fn peek<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap())
    }

    pub fn job(&self, key: &str) -> Job {
        self.known(|known| known.jobs[key].clone())
    }

    /// Waits longer than usual from now on.
    pub fn patience(&self, patience: Duration) {
        self.known(|known| known.patience = Some(patience));
    }

    /// Publishes a package `name:1.0.0` with these files below `content/`.
    pub fn publish(&self, name: &str, files: &[(&str, &str)]) {
        let bytes = nupkg(files);
        self.known(|known| known.packages.insert(format!("{name}:1.0.0"), bytes));
    }

    /// Publishes a command package of one shell script.
    pub fn publish_script(&self, name: &str, script: &str) {
        let operate = r#"{"targetRuntime":"command","main":"main.sh"}"#;
        self.publish(name, &[("operate.json", operate), ("main.sh", script)]);
    }

    /// Offers a job for a package. Returns its key.
    pub fn offer(&self, package: &str, change: impl FnOnce(&mut Value)) -> String {
        let key = uuid::Uuid::new_v4().to_string();
        let mut data = json!({
            "id": 1, "type": "StartProcess", "jobKey": key, "attempt": 1,
            "processKey": "a6f1c5b0-0000-4000-8000-000000000002", "processName": package,
            "packageId": package, "packageVersion": "1.0.0", "targetFramework": "Portable",
            "folderId": 3, "folderKey": "f0000000-0000-4000-8000-000000000003",
            "folderPath": "Shared", "fullyQualifiedFolderName": "Shared",
            "accessToken": "job-token", "organizationId": "org-id", "tenantId": "tenant-id",
            "tenantName": "DefaultTenant",
        });
        change(&mut data);
        let command = json!({
            "robotKey": ROBOT_KEY, "username": "u", "robotName": "local-robot", "robotType": 2,
            "machineId": 7, "hasLicense": true, "executionSettings": {}, "authSettings": {},
            "userDetails": null, "data": data,
        });
        let attempt = command["data"]["attempt"].as_u64().unwrap();
        let job = Job {
            command,
            attempt,
            state: "Pending".into(),
            reports: Vec::new(),
            stop: None,
            refused: 0,
        };
        self.known(|known| {
            known.jobs.insert(key.clone(), job);
            known.stamp += 1;
        });
        key
    }

    /// Asks for a job to be stopped.
    pub fn stop(&self, key: &str, strategy: &str) {
        self.known(|known| {
            known.jobs.get_mut(key).unwrap().stop = Some(strategy.into());
            known.stamp += 1;
        });
    }

    /// Counts the attempt up, as a server does that has lost sight of a robot. The job is `Running`
    /// on another one, or `Pending` again.
    pub fn take_away(&self, key: &str, state: &str) {
        self.known(|known| {
            let job = known.jobs.get_mut(key).unwrap();
            job.attempt += 1;
            job.state = state.into();
            known.stamp += 1;
        });
    }

    /// Waits until `look` finds something.
    #[track_caller]
    pub fn wait_for<'a, T: 'a>(
        &'a self,
        what: &'a str,
        mut look: impl FnMut(&mut Known) -> Option<T> + 'a,
    ) -> impl Future<Output = T> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let begun = Instant::now();
            loop {
                if let Some(found) = self.peek(&mut look) {
                    return found;
                }
                let patience = self.peek(|known| known.patience).unwrap_or(PATIENCE);
                assert!(begun.elapsed() < patience, "{caller}: no {what}");
                let _ =
                    tokio::time::timeout(Duration::from_millis(100), self.changed.notified()).await;
            }
        }
    }

    /// Waits for a job's end.
    #[track_caller]
    pub fn ended<'a>(&'a self, key: &'a str) -> impl Future<Output = Job> + 'a {
        self.wait_for("end of the job", move |known| {
            known.jobs.get(key).filter(|job| job.is_final()).cloned()
        })
    }

    /// Waits for a job to be claimed.
    #[track_caller]
    pub fn reported<'a>(&'a self, key: &'a str, info: &'a str) -> impl Future<Output = ()> + 'a {
        self.wait_for(info, move |known| {
            known.jobs[key]
                .reports
                .iter()
                .any(|report| report["info"] == info)
                .then_some(())
        })
    }

    /// The messages of a job, in the order of their arrival.
    pub fn messages(&self, key: &str) -> Vec<String> {
        let mine = |line: &&Value| line["jobId"] == key && line["logType"] == "User";
        let text = |line: &Value| line["message"].as_str().unwrap().to_owned();
        self.known(|known| known.logs.iter().filter(mine).map(text).collect())
    }

    /// Options of an agent for this server.
    pub fn options(&self, data: &Path) -> Options {
        Options {
            url: format!("{}/acme/DefaultTenant", self.address),
            credentials: Credentials::MachineKey(MACHINE_KEY.into()),
            data: data.to_owned(),
            cache: None,
            slots: 2,
            name: Some("machine".into()),
            python: None,
            pass_env: Vec::new(),
            grace: Duration::from_secs(2),
        }
    }

    /// An agent for this server.
    pub fn agent(&self, data: &Path) -> Agent {
        Agent::start(self.options(data))
    }
}
