//! What most tests begin with: a server with an application, and ids of what the first start made.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::Client;
use crate::database::Backend;
use crate::package::PackageBuilder;
use crate::server::{PATIENCE, Server, Setup};

/// A server that was just started for the first time.
pub struct Scene {
    /// The server.
    pub server: Server,
    /// The application with all scopes, without a folder.
    pub app: Client,
    /// The same in the folder `Shared`.
    pub shared: Client,
    /// Id of the folder `Shared`.
    pub folder: i64,
    /// Id of the machine template `Local`.
    pub machine: i64,
    /// Id of the unattended robot of the account `local-robot`.
    pub robot: i64,
}

impl Scene {
    /// Starts the server.
    pub async fn start(exe: &str, backend: Backend) -> Self {
        Self::start_with(exe, backend, Setup::default()).await
    }

    /// As [`Self::start`], with flags and variables.
    pub async fn start_with(exe: &str, backend: Backend, setup: Setup) -> Self {
        let server = Server::start_with(exe, backend, setup).await;
        let app = server.app().await;
        let first = async |path: &str| {
            let list = app.get(path).await.ok(200);
            list["value"][0]["Id"]
                .as_i64()
                .unwrap_or_else(|| panic!("{path} is empty: {list}"))
        };
        let folder = first("odata/Folders?$filter=DisplayName eq 'Shared'").await;
        let machine = first("odata/Machines?$filter=Name eq 'Local'").await;
        let robot = first("odata/Robots?$filter=Name eq 'local-robot-unattended'").await;
        let shared = app.folder(folder);
        Self {
            server,
            app,
            shared,
            folder,
            machine,
            robot,
        }
    }

    /// Uploads a package.
    pub async fn upload(&self, package: &PackageBuilder) {
        let path = "odata/Processes/UiPath.Server.Configuration.OData.UploadPackage";
        self.app
            .post_files(path, &[("file", "package.nupkg", &package.build())])
            .await
            .ok(200);
    }

    /// Uploads a package and makes it startable in `Shared` under the package's own name.
    pub async fn release(&self, package: &PackageBuilder) -> Value {
        self.release_in(&self.shared, package).await
    }

    /// As [`Scene::release`], in the folder of this client.
    pub async fn release_in(&self, folder: &Client, package: &PackageBuilder) -> Value {
        self.upload(package).await;
        let (id, version) = package.identity();
        let body = json!({"Name": id, "ProcessKey": id, "ProcessVersion": version});
        folder.post("odata/Releases", &body).await.ok(201)
    }

    /// The body of a start: one job of a release, with members added or replaced.
    #[must_use]
    pub fn start_info(&self, release: &Value, more: Value) -> Value {
        let mut info = json!({
            "ReleaseKey": release["Key"],
            "Strategy": "ModernJobsCount",
            "JobsCount": 1,
            "JobPriority": "Normal",
            "RuntimeType": "Unattended",
        });
        if let (Some(info), Value::Object(more)) = (info.as_object_mut(), more) {
            info.extend(more);
        }
        json!({"startInfo": info})
    }

    /// Starts jobs in `Shared` and gives them.
    pub async fn start_jobs(&self, release: &Value, more: Value) -> Vec<Value> {
        let body = self.start_info(release, more);
        let path = "odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
        let answer = self.shared.post(path, &body).await.ok(201);
        answer["value"].as_array().expect("a list of jobs").clone()
    }

    /// Starts one job in `Shared` and gives it.
    pub async fn start_job(&self, release: &Value, more: Value) -> Value {
        self.start_jobs(release, more).await.remove(0)
    }

    /// A job as it stands.
    pub async fn job(&self, id: &Value) -> Value {
        self.shared.get(&format!("odata/Jobs({id})")).await.ok(200)
    }

    /// Waits until a job is in this state; another final state fails at once.
    pub async fn wait_for(&self, id: &Value, state: &str) -> Value {
        eventually(&format!("job {id} is {state}"), async || {
            let job = self.job(id).await;
            let now = job["State"].as_str().unwrap_or_default();
            let over = ["Successful", "Faulted", "Stopped"].contains(&now);
            assert!(!over || now == state, "the job ended otherwise: {job:#}");
            (now == state).then_some(job)
        })
        .await
    }
}

/// Asks again and again until there is an answer.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "it never happened that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
