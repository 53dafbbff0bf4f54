//! One kept-alive HTTP connection: no pool, no redirects, so that little but the server is measured.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use testkit::Scene;
use tokio::net::TcpStream;

use crate::Failure;

/// A connection with the headers that all its requests carry.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    headers: Vec<(&'static str, String)>,
}

impl Connection {
    /// Connects to a server.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task ends with the connection, and whoever waits for an answer hears of it"
    )]
    pub async fn open(
        address: SocketAddr,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the sender; what breaks it is told to whoever waits for an answer.
        tokio::spawn(connection);
        Ok(Self { sender, headers })
    }

    /// Connects as the application of the scene, in the folder `Shared`.
    pub async fn caller(scene: &Scene) -> Result<Self, Failure> {
        let headers = vec![
            ("authorization", format!("Bearer {}", scene.app.token())),
            ("x-uipath-organizationunitid", scene.folder.to_string()),
        ];
        Self::open(address(&scene.server.url)?, headers).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        self.sender.ready().await?;
        let answer = self
            .sender
            .send_request(request.body(Full::new(body))?)
            .await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    /// `GET`, which must succeed.
    pub async fn get(&mut self, path: &str) -> Result<Bytes, Failure> {
        let (status, body) = self.send(Method::GET, path, Bytes::new()).await?;
        successful(path, status, body)
    }

    /// `POST`, which must succeed.
    pub async fn post(&mut self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let (status, body) = self.send(Method::POST, path, body).await?;
        successful(path, status, body)
    }
}

fn successful(path: &str, status: StatusCode, body: Bytes) -> Result<Bytes, Failure> {
    if status.is_success() {
        return Ok(body);
    }
    Err(format!(
        "{path} answered {status}: {}",
        String::from_utf8_lossy(&body)
    )
    .into())
}

/// The address in `http://127.0.0.1:port`.
pub fn address(url: &str) -> Result<SocketAddr, Failure> {
    Ok(url.trim_start_matches("http://").parse()?)
}

/// A JSON document as bytes, made before the clock runs.
pub fn json(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

/// The path of `StartJobs`.
pub const START_JOBS: &str = "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";

/// Patience with what should take milliseconds.
pub const PATIENCE: Duration = Duration::from_secs(30);
