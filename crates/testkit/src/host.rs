//! A host that speaks the robot protocol as a plain robot does: heartbeats and reports, without
//! attempts and long polls unless a test wants them.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::client::Client;

/// A host of a machine.
#[derive(Clone)]
pub struct Host {
    /// Who it is to the server.
    pub client: Client,
}

impl Host {
    /// A host that speaks as `client` does; see [`crate::Server::machine`].
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Any call of the protocol.
    pub async fn call(&self, name: &str, body: Value) -> Answer {
        self.client
            .post(&format!("api/RobotsService/{name}"), &body)
            .await
    }

    /// Opens its session and says how much it can run at a time.
    pub async fn start(&self, slots: i64) -> Value {
        self.call("StartService", json!({"Slots": slots}))
            .await
            .ok(200)
    }

    /// Leaves.
    pub async fn stop(&self) {
        self.call("StopService", json!({})).await.ok(204);
    }

    /// Gives a sign of life and gets its commands.
    pub async fn heartbeat(&self) -> Vec<Value> {
        let answer = self
            .call("HeartbeatV2", json!({"Heartbeats": []}))
            .await
            .ok(200);
        answer["commands"]
            .as_array()
            .expect("a list of commands")
            .clone()
    }

    /// The keys of the jobs that it is to begin, in the order of the commands.
    pub async fn offered(&self) -> Vec<String> {
        let commands = self.heartbeat().await;
        let starts = commands
            .iter()
            .filter(|c| c["data"]["type"] == "StartProcess");
        starts
            .map(|c| c["data"]["jobKey"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Reports one job as it stands; `more` are further members of the report.
    pub async fn report(&self, job: &str, state: &str, more: Value) -> Answer {
        let mut report = json!({"JobKey": job, "JobState": state});
        if let (Some(report), Value::Object(more)) = (report.as_object_mut(), more) {
            report.extend(more);
        }
        self.call("SubmitJobState", json!([report])).await
    }
}
