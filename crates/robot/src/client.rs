//! The HTTP calls of the agent: addresses, headers, the token of a machine that signs in with
//! client credentials, and how a failed call is to be taken.
//!
//! A robot outlives restarts of its server, so the one question asked of every failure is
//! [`CallError::is_temporary`]: try again later, or is this the answer?

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::RequestBuilder;
use reqwest::Response;
use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::Credentials;
use crate::address::Address;
use crate::clock;
use crate::protocol::Answer;
use crate::protocol::JobId;
use crate::protocol::JobReport;
use crate::protocol::Robot;

/// How long the server may hold `AwaitCommands`, in seconds.
const HELD_SECONDS: u64 = 25;
/// Patience with every other call.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may be silent in the middle of a call. Longer than a held call.
const SILENCE: Duration = Duration::from_secs(60);
/// A token is renewed this long before it expires, so that none expires on its way.
const RENEW_BEFORE: Duration = Duration::from_secs(60);
/// Orchestrator's error code for a call without a session.
const SESSION_NOT_FOUND: i64 = 1242;
/// The release whose robot protocol is spoken.
const PROTOCOL_VERSION: &str = "24.10";
/// The server sends only jobs whose runtime is listed here.
const CAPABILITIES: &str = "agent/python,agent/pythonagent,function/python,api,command";

/// Why a call brought no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No answer: refused, timed out, cut off.
    #[error("{0}")]
    Unreachable(String),
    /// An answer other than 2xx.
    #[error("{status}: {message}")]
    Refused {
        status: StatusCode,
        /// Orchestrator's own number for the reason.
        code: Option<i64>,
        message: String,
    },
    /// A 2xx answer that is not what the protocol says.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl CallError {
    /// Whether the same call may succeed later. Refused credentials count as temporary here: keys
    /// are rotated and clocks corrected while robots run.
    pub fn is_temporary(&self) -> bool {
        match self {
            CallError::Unreachable(_) | CallError::Unreadable(_) => true,
            CallError::Refused { .. } if self.is_lost_session() => true,
            CallError::Refused { status, .. } => {
                status.is_server_error() || matches!(status.as_u16(), 401 | 403 | 408 | 429)
            }
        }
    }

    /// The server does not know this machine's session (any more): sign on again, then repeat. It
    /// shares its status with refusals of a single job, but says nothing about the job.
    pub fn is_lost_session(&self) -> bool {
        matches!(self, CallError::Refused { status, code, .. }
            if *status == StatusCode::CONFLICT && *code == Some(SESSION_NOT_FOUND))
    }

    /// The attempt that was reported is not, or no longer, this agent's.
    pub fn is_fenced(&self) -> bool {
        self.status() == Some(409) && !self.is_lost_session()
    }

    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            CallError::Refused { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }
}

impl From<reqwest::Error> for CallError {
    /// The whole chain of causes: reqwest's own text stops at "error sending request".
    fn from(error: reqwest::Error) -> CallError {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        CallError::Unreachable(text)
    }
}

/// The error envelope of Orchestrator.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    message: String,
    #[serde(default)]
    error_code: Option<i64>,
}

/// The answer of the token endpoint.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

/// A bearer token and the moment from which another one is to be fetched.
struct Token {
    value: String,
    renew_at: Instant,
}

/// The agent's view of the server. Cheap to share by reference; holds one connection pool.
pub(crate) struct Client {
    http: reqwest::Client,
    address: Address,
    credentials: Credentials,
    token: Mutex<Option<Token>>,
}

impl Client {
    /// A client that shows `host` as the machine's name and `installation` as its identity.
    pub fn new(
        address: Address,
        credentials: Credentials,
        host: &str,
        installation: &str,
    ) -> Result<Client, CallError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-robot-machine", ascii_header(host));
        headers.insert(
            "x-robot-machine-encoded",
            ascii_header(&BASE64.encode(host)),
        );
        headers.insert(
            "x-robot-version",
            HeaderValue::from_static(PROTOCOL_VERSION),
        );
        headers.insert("x-robot-agent", HeaderValue::from_static("OS=Linux"));
        headers.insert(
            "x-robot-capabilities",
            HeaderValue::from_static(CAPABILITIES),
        );
        headers.insert("x-uipath-installation-id", ascii_header(installation));
        if let Credentials::MachineKey(key) = &credentials {
            let mut key = ascii_header(key);
            key.set_sensitive(true);
            headers.insert("x-robot-license", key);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(SILENCE)
            .build()?;
        Ok(Client {
            http,
            address,
            credentials,
            token: Mutex::new(None),
        })
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Registers this machine's session. At the start `live` are the attempts this agent still
    /// answers for: every other job the server believes to run here is lost and is settled by it.
    /// Later it is `None`: a list made while jobs come and go would be out of date on arrival.
    pub async fn start_service(
        &self,
        slots: u32,
        live: Option<&[JobId]>,
    ) -> Result<Vec<Robot>, CallError> {
        #[derive(Deserialize)]
        struct Started {
            #[serde(default)]
            robots: Vec<Robot>,
        }
        let body = json!({"serviceUserName": null, "slots": slots, "runningJobs": live});
        let started: Started = self.call("StartService", &body, CALL_TIMEOUT).await?;
        Ok(started.robots)
    }

    /// Waits for a list of commands other than the one `stamp` belongs to, at most
    /// [`HELD_SECONDS`].
    pub async fn await_commands(&self, stamp: &str) -> Result<Answer, CallError> {
        let body = json!({"serviceUserName": null, "stamp": stamp, "waitSeconds": HELD_SECONDS});
        let patience = Duration::from_secs(HELD_SECONDS) + CALL_TIMEOUT;
        self.call("AwaitCommands", &body, patience).await
    }

    /// Says that the machine lives and what runs on it.
    pub async fn heartbeat(&self, jobs: &[JobReport]) -> Result<Answer, CallError> {
        let body = json!({"heartbeats": jobs, "commandState": "All", "serviceUserName": null});
        self.call("HeartbeatV2", &body, CALL_TIMEOUT).await
    }

    /// Reports a state of one attempt. `Ok` means the server has it on disk.
    pub async fn submit_state(&self, report: &JobReport) -> Result<(), CallError> {
        let url = self.address.robot_call("SubmitJobState");
        let request = self.http.post(url).timeout(CALL_TIMEOUT).json(&[report]);
        self.send(request).await.map(drop)
    }

    /// Sends one batch of log lines: a JSON array of strings, each a JSON object.
    pub async fn submit_logs(&self, robot_key: &str, batch: String) -> Result<(), CallError> {
        let request = self
            .http
            .post(self.address.logs())
            .timeout(CALL_TIMEOUT)
            .header(AUTHORIZATION, format!("UiRobot {robot_key}"))
            .header("content-type", "application/json")
            .body(batch);
        checked(request.send().await?).await.map(drop)
    }

    /// Opens the download of a package with the job's own token, or with the agent's credentials
    /// if the command brought none. There is no total time limit: packages may be large and lines
    /// slow; what is limited is silence.
    pub async fn download(
        &self,
        package: &str,
        feed: Option<&str>,
        token: Option<&str>,
    ) -> Result<Response, CallError> {
        let mut request = self.http.get(self.address.package(package, feed));
        request = match token {
            Some(token) => request.bearer_auth(token),
            None => return self.send(request).await,
        };
        checked(request.send().await?).await
    }

    /// Ends the machine's session.
    pub async fn stop_service(&self) -> Result<(), CallError> {
        let url = self.address.robot_call("StopService");
        let request = self
            .http
            .post(url)
            .timeout(Duration::from_secs(5))
            .json(&json!({}));
        self.send(request).await.map(drop)
    }

    async fn call<T: DeserializeOwned>(
        &self,
        name: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, CallError> {
        let request = self
            .http
            .post(self.address.robot_call(name))
            .timeout(patience)
            .json(body);
        let response = self.send(request).await?;
        let text = response.text().await?;
        serde_json::from_str(&text).map_err(|error| CallError::Unreadable(error.to_string()))
    }

    /// Sends with the agent's credentials. A 401 costs one retry with a fresh token, because a
    /// server that restarted with new keys refuses tokens that look valid here.
    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let Credentials::Client { .. } = self.credentials else {
            return checked(request.send().await?).await;
        };
        let again = request.try_clone();
        let token = self.token().await?;
        let answer = checked(request.bearer_auth(&token).send().await?).await;
        match (answer, again) {
            (Err(error), Some(again)) if error.status() == Some(401) => {
                self.forget(&token).await;
                checked(again.bearer_auth(self.token().await?).send().await?).await
            }
            (answer, _) => answer,
        }
    }

    /// The current token, fetched if there is none or it is about to expire.
    async fn token(&self) -> Result<String, CallError> {
        let mut slot = self.token.lock().await;
        if let Some(token) = slot.as_ref()
            && clock::now() < token.renew_at
        {
            return Ok(token.value.clone());
        }
        let asked_at = clock::now();
        let answer = self.fetch_token().await?;
        // A lifetime shorter than twice the margin is used half.
        let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(600));
        let renew_at = asked_at + lifetime.saturating_sub(RENEW_BEFORE).max(lifetime / 2);
        *slot = Some(Token {
            value: answer.access_token.clone(),
            renew_at,
        });
        Ok(answer.access_token)
    }

    async fn fetch_token(&self) -> Result<TokenAnswer, CallError> {
        let Credentials::Client { id, secret } = &self.credentials else {
            return Err(CallError::Unreadable(
                "a machine key needs no token".to_owned(),
            ));
        };
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "OrchestratorApiUserAccess"),
            ("client_id", id),
            ("client_secret", secret),
        ];
        let request = self
            .http
            .post(self.address.token())
            .timeout(CALL_TIMEOUT)
            .form(&form);
        let response = checked(request.send().await?).await?;
        let text = response.text().await?;
        serde_json::from_str(&text).map_err(|error| CallError::Unreadable(error.to_string()))
    }

    /// Drops a refused token, unless somebody has replaced it already.
    async fn forget(&self, refused: &str) {
        let mut slot = self.token.lock().await;
        if slot.as_ref().is_some_and(|token| token.value == refused) {
            *slot = None;
        }
    }
}

/// Turns an answer other than 2xx into an error that carries the server's own words.
async fn checked(response: Response) -> Result<Response, CallError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.text().await.unwrap_or_default();
    let (code, message) = match serde_json::from_str::<Envelope>(&body) {
        Ok(envelope) => (envelope.error_code, envelope.message),
        Err(_) => (None, body.chars().take(200).collect()),
    };
    Err(CallError::Refused {
        status,
        code,
        message,
    })
}

/// A header can carry visible ASCII only; everything else becomes `?`. The machine's name travels a
/// second time, encoded, for those who need it exactly.
fn ascii_header(text: &str) -> HeaderValue {
    let visible = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    let text: String = text.chars().map(visible).collect();
    HeaderValue::from_str(&text).expect("visible ASCII is a header value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_name_outside_ascii_still_makes_a_header() {
        assert_eq!(ascii_header("büro\r\n-1"), "b?ro??-1");
    }

    #[test]
    fn only_answers_that_may_change_are_temporary() {
        let refused = |status: u16, code: Option<i64>| CallError::Refused {
            status: StatusCode::from_u16(status).unwrap(),
            code,
            message: String::new(),
        };
        for status in [401, 403, 408, 429, 500, 502, 503] {
            assert!(refused(status, None).is_temporary(), "{status}");
        }
        for status in [400, 404, 409, 413, 422] {
            assert!(!refused(status, None).is_temporary(), "{status}");
        }
        assert!(refused(409, Some(1681)).is_fenced());
        let lost = refused(409, Some(SESSION_NOT_FOUND));
        assert!(lost.is_temporary() && !lost.is_fenced());
        assert!(CallError::Unreachable("down".to_owned()).is_temporary());
    }
}
