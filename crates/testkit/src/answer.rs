//! What a server answered, and the two things that tests say about it: it was right, or it was
//! refused in the way clients understand.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::contract;

/// One answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// `GET /odata/Jobs`
    pub what: String,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(what: String, sent: reqwest::Result<reqwest::Response>) -> Self {
        let response = sent.unwrap_or_else(|e| panic!("{what} was not answered: {e:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await;
        let body = body
            .unwrap_or_else(|e| panic!("the answer to {what} broke off: {e:?}"))
            .to_vec();
        Self {
            what,
            status,
            headers,
            body,
        }
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{} answered no JSON ({e}): {}", self.what, self.text()))
    }

    /// A header as text; empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    }

    /// Expects this status, and gives the body, `null` when it is empty.
    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        let answer = self.accepted(status);
        match answer.body.is_empty() {
            true => Value::Null,
            false => answer.json(),
        }
    }

    /// Expects this status, whatever kind of document the body is, and what the published contract says
    /// of it.
    #[track_caller]
    pub fn accepted(self, status: u16) -> Self {
        let shown = || format!("{} answered {}: {}", self.what, self.status, self.text());
        assert_eq!(self.status, status, "{}", shown());
        self.check_every_answer();
        self.check_contract();
        self
    }

    /// Expects a refusal with this status and `errorCode`, in the whole envelope.
    #[track_caller]
    pub fn refused(self, status: u16, code: i64) -> Value {
        let shown = format!("{} answered {}: {}", self.what, self.status, self.text());
        assert_eq!(self.status, status, "{shown}");
        self.check_every_answer();
        assert!(
            self.header("content-type").starts_with("application/json"),
            "{shown}"
        );
        let body = self.json();
        assert_eq!(body["errorCode"], code, "{shown}");
        assert!(
            body["message"]
                .as_str()
                .is_some_and(|m| !m.trim().is_empty()),
            "{shown}"
        );
        assert!(
            is_trace(body["traceId"].as_str().unwrap_or_default()),
            "{shown}"
        );
        assert!(body.get("resourceIds").is_some(), "{shown}");
        body
    }

    /// The answer is one that the published contract has for what was asked.
    #[track_caller]
    fn check_contract(&self) {
        let (method, url) = self.what.split_once(' ').unwrap_or_default();
        let wrong = contract::check(method, url, self.status, &self.body);
        assert!(
            wrong.is_empty(),
            "{} is not what the contract says:\n{}",
            self.what,
            wrong.join("\n")
        );
    }

    #[track_caller]
    fn check_every_answer(&self) {
        let what = &self.what;
        assert_eq!(self.header("api-supported-versions"), "20.0", "{what}");
        assert!(is_trace(self.header("x-request-id")), "{what}");
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>`
fn is_trace(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    lengths == [2, 32, 16, 2] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// The claims of a JWT, unverified.
#[must_use]
#[track_caller]
pub fn decode_claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("a JWT has three parts");
    let bytes = URL_SAFE_NO_PAD.decode(payload).expect("a JWT is Base64");
    serde_json::from_slice(&bytes).expect("claims are JSON")
}
