//! One HTTP client; who it is and where it stands is data.

use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::answer::Answer;

/// A caller of the API. Cheap to copy and to vary.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    /// `http://127.0.0.1:port`
    origin: String,
    /// What stands before `odata/` and `api/`.
    prefix: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(origin: &str) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(120))
            .build()
            .expect("an HTTP client can be made");
        Self {
            http,
            origin: origin.into(),
            prefix: "/".into(),
            headers: Vec::new(),
        }
    }

    /// The same caller with another header, which replaces one of that name.
    #[must_use]
    pub fn with(&self, name: &str, value: impl ToString) -> Self {
        let mut other = self.without(name);
        other.headers.push((name.to_owned(), value.to_string()));
        other
    }

    /// The same caller without a header.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        other
    }

    /// The same caller with a bearer token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        self.with("Authorization", format!("Bearer {token}"))
    }

    /// The same caller in a folder, by its id.
    #[must_use]
    pub fn folder(&self, id: i64) -> Self {
        self.with("X-UIPATH-OrganizationUnitId", id)
    }

    /// The same caller below another prefix, e.g. `/default/DefaultTenant/orchestrator_/`.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            ..self.clone()
        }
    }

    /// The token that it sends.
    #[must_use]
    pub fn token(&self) -> &str {
        let authorization = self.headers.iter().find(|(n, _)| n == "Authorization");
        authorization
            .and_then(|(_, v)| v.strip_prefix("Bearer "))
            .unwrap_or_default()
    }

    /// A request to build further; `path` follows the prefix, or is one of its own if it starts
    /// with `/`.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().expect("an HTTP method");
        let url = match path.strip_prefix('/') {
            Some(path) => format!("{}/{path}", self.origin),
            None => format!("{}{}{path}", self.origin, self.prefix),
        };
        let request = self.http.request(method, url);
        self.headers
            .iter()
            .fold(request, |r, (name, value)| r.header(name, value))
    }

    /// Sends what [`Self::request`] began.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request
            .build()
            .unwrap_or_else(|e| panic!("a request that cannot be sent: {e}"));
        let what = format!("{} {}", request.method(), request.url());
        Answer::of(what, self.http.execute(request).await).await
    }

    /// `GET`
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// `DELETE`
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path)).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    /// `PUT` of JSON.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("PUT", path).json(body)).await
    }

    /// `PATCH` of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("PATCH", path).json(body)).await
    }

    /// `POST` of bytes that call themselves JSON.
    pub async fn post_raw(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self
            .request("POST", path)
            .header("Content-Type", "application/json");
        self.send(request.body(body.into())).await
    }

    /// `POST` of a form.
    pub async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request("POST", path).form(fields)).await
    }

    /// `POST` of files under the part names given.
    pub async fn post_files(&self, path: &str, files: &[(&str, &str, &[u8])]) -> Answer {
        let form = files.iter().fold(Form::new(), |form, (part, name, bytes)| {
            form.part(
                (*part).to_owned(),
                Part::bytes(bytes.to_vec()).file_name((*name).to_owned()),
            )
        });
        self.send(self.request("POST", path).multipart(form)).await
    }
}
