//! A host that takes jobs and reports them done at once, so that only the server's part is measured.

use bytes::Bytes;
use serde_json::{Value, json};
use testkit::Scene;

use crate::Failure;
use crate::connection::{self, Connection};

/// A connected host; it waits and reports on connections of their own, as a robot does.
pub struct Host {
    waiting: Connection,
    reporting: Connection,
    stamp: String,
}

/// A job that the host is to begin.
#[derive(Debug, Clone)]
pub struct Offer {
    key: String,
    attempt: i64,
    /// What the job proves itself by.
    pub token: String,
    /// The key of its robot.
    pub robot: String,
}

impl Host {
    /// Proves the key of the machine template `Local` and opens a session with four slots.
    pub async fn connect(scene: &Scene) -> Result<Self, Failure> {
        let address = connection::address(&scene.server.url)?;
        let headers = || {
            vec![
                ("x-robot-license", scene.server.machine_key.clone()),
                ("x-robot-machine", "bench".to_owned()),
                ("x-robot-version", "25.10.0".to_owned()),
                ("x-robot-agent", "OS=Linux".to_owned()),
            ]
        };
        let waiting = Connection::open(address, headers()).await?;
        let reporting = Connection::open(address, headers()).await?;
        let mut host = Self {
            waiting,
            reporting,
            stamp: String::new(),
        };
        host.report("StartService", &json!({"Slots": 4, "RunningJobs": []}))
            .await?;
        Ok(host)
    }

    /// Waits, poll after poll, until there is something to begin.
    pub async fn offers(&mut self) -> Result<Vec<Offer>, Failure> {
        loop {
            let body = connection::json(&json!({"Stamp": self.stamp, "WaitSeconds": 60}));
            let answer = self
                .waiting
                .post("/api/RobotsService/AwaitCommands", body)
                .await?;
            let (offers, stamp) = read(&answer)?;
            self.stamp = stamp;
            if !offers.is_empty() {
                return Ok(offers);
            }
        }
    }

    /// Reports that the job began.
    pub async fn begin(&mut self, offer: &Offer) -> Result<(), Failure> {
        self.tell(offer, "Running").await
    }

    /// Reports that the job began, and then that it is done.
    pub async fn finish(&mut self, offer: &Offer) -> Result<(), Failure> {
        self.begin(offer).await?;
        self.tell(offer, "Successful").await
    }

    async fn tell(&mut self, offer: &Offer, state: &str) -> Result<(), Failure> {
        let report = json!([{
            "JobKey": offer.key,
            "Attempt": offer.attempt,
            "JobState": state,
            "OutputArguments": "{}",
        }]);
        self.report("SubmitJobState", &report).await?;
        Ok(())
    }

    async fn report(&mut self, call: &str, body: &Value) -> Result<Bytes, Failure> {
        let path = format!("/api/RobotsService/{call}");
        self.reporting.post(&path, connection::json(body)).await
    }
}

/// The jobs to begin in an answer, and its stamp.
fn read(answer: &[u8]) -> Result<(Vec<Offer>, String), Failure> {
    let answer: Value = serde_json::from_slice(answer)?;
    let commands = answer["commands"]
        .as_array()
        .ok_or("The answer has no commands.")?;
    let starts = commands
        .iter()
        .filter(|command| command["data"]["type"] == "StartProcess");
    let offers = starts
        .map(|command| {
            let data = &command["data"];
            let text = |value: &Value| value.as_str().map(str::to_owned);
            Ok(Offer {
                key: text(&data["jobKey"]).ok_or("A command has no job.")?,
                attempt: data["attempt"].as_i64().unwrap_or_default(),
                token: text(&data["accessToken"]).ok_or("A command has no token.")?,
                robot: text(&command["robotKey"]).ok_or("A command has no robot.")?,
            })
        })
        .collect::<Result<_, Failure>>()?;
    Ok((
        offers,
        answer["stamp"].as_str().unwrap_or_default().to_owned(),
    ))
}
