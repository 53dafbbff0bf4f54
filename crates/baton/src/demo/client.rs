//! A small client of the API: the calls that start a job, as any other client makes them.

use std::sync::Mutex;

use reqwest::{RequestBuilder, multipart};
use serde_json::{Value, json};

/// A client with a token for one tenant.
pub struct Client {
    http: reqwest::Client,
    base: String,
    credentials: (String, String),
    token: Mutex<String>,
}

impl Client {
    /// A client of `{origin}/{organization}/{tenant}`; proxies are for other hosts than this one.
    pub fn new(base: &str, id: &str, secret: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap_or_default();
        let credentials = (id.to_owned(), secret.to_owned());
        Self {
            http,
            base: base.to_owned(),
            credentials,
            token: Mutex::default(),
        }
    }

    /// Gets a token with the scopes that the demo needs.
    pub async fn sign_in(&self) -> Result<(), String> {
        let (id, secret) = &self.credentials;
        let scope = "OR.Execution OR.Folders OR.Jobs OR.Machines OR.Monitoring OR.Robots";
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", id),
            ("client_secret", secret),
            ("scope", scope),
        ];
        let url = format!("{}/identity_/connect/token", self.base);
        let answer = send(self.http.post(url).form(&form)).await?;
        let token = answer["access_token"]
            .as_str()
            .ok_or("The server gave no token.")?;
        *self.token.lock().unwrap_or_else(|e| e.into_inner()) = token.to_owned();
        Ok(())
    }

    fn request(&self, method: reqwest::Method, path: &str, folder: Option<i64>) -> RequestBuilder {
        let url = format!("{}/orchestrator_/{}", self.base, path.replace(' ', "%20"));
        let token = self.token.lock().unwrap_or_else(|e| e.into_inner()).clone();
        let request = self.http.request(method, url).bearer_auth(token);
        match folder {
            Some(id) => request.header("X-UIPATH-OrganizationUnitId", id),
            None => request,
        }
    }

    /// `GET`
    pub async fn get(&self, path: &str, folder: Option<i64>) -> Result<Value, String> {
        send(self.request(reqwest::Method::GET, path, folder)).await
    }

    /// The first of a list.
    pub async fn first(&self, path: &str, folder: Option<i64>) -> Result<Value, String> {
        let list = self.get(path, folder).await?;
        list["value"]
            .get(0)
            .cloned()
            .ok_or_else(|| format!("{path} is empty."))
    }

    /// `POST`
    async fn post(&self, path: &str, folder: i64, body: &Value) -> Result<Value, String> {
        send(
            self.request(reqwest::Method::POST, path, Some(folder))
                .json(body),
        )
        .await
    }

    /// Uploads a package to the tenant's feed.
    pub async fn upload(&self, name: &str, package: Vec<u8>) -> Result<Value, String> {
        let part = multipart::Part::bytes(package).file_name(name.to_owned());
        let form = multipart::Form::new().part("file", part);
        let path = "odata/Processes/UiPath.Server.Configuration.OData.UploadPackage";
        send(
            self.request(reqwest::Method::POST, path, None)
                .multipart(form),
        )
        .await
    }

    /// Makes a package startable in a folder.
    pub async fn create_release(
        &self,
        folder: i64,
        id: &str,
        version: &str,
    ) -> Result<Value, String> {
        let body = json!({"Name": id, "ProcessKey": id, "ProcessVersion": version});
        self.post("odata/Releases", folder, &body).await
    }

    /// Starts one job on a robot and machine.
    pub async fn start_job(
        &self,
        folder: i64,
        release: &Value,
        robot: i64,
        machine: i64,
        input: &str,
    ) -> Result<Value, String> {
        let body = json!({"startInfo": {
            "ReleaseKey": release["Key"],
            "Strategy": "ModernJobsCount",
            "JobsCount": 1,
            "JobPriority": "Normal",
            "RuntimeType": "Unattended",
            "MachineRobots": [{"RobotId": robot, "MachineId": machine}],
            "InputArguments": input,
        }});
        let path = "odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
        let started = self.post(path, folder, &body).await?;
        started["value"]
            .get(0)
            .cloned()
            .ok_or_else(|| "StartJobs answered no job.".to_owned())
    }
}

async fn send(request: RequestBuilder) -> Result<Value, String> {
    let answer = request
        .send()
        .await
        .map_err(|e| format!("The server cannot be reached: {e}."))?;
    let status = answer.status();
    let text = answer
        .text()
        .await
        .map_err(|e| format!("The server's answer broke off: {e}."))?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let message = body["message"]
        .as_str()
        .or(body["error_description"].as_str())
        .unwrap_or(&text);
    Err(format!("The server answered {status}: {message}"))
}
