//! Batches: reading them, refusing them, running them.

mod reading;
mod refusing;
mod running;

use serde_json::{Value, json};

use super::*;

fn json_batch(requests: &Value) -> Result<Batch> {
    let body = json!({"requests": requests}).to_string();
    parse(
        "application/json; charset=utf-8",
        body.as_bytes(),
        Limits::default(),
    )
}

fn multipart_batch(body: &str) -> Result<Batch> {
    parse(
        "multipart/mixed; boundary=b",
        body.as_bytes(),
        Limits::default(),
    )
}

#[track_caller]
fn message(result: Result<Batch>) -> String {
    match result {
        Err(Error::Invalid(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(result: Result<Batch>, part: &str) {
    let text = message(result);
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

/// A response as the program makes one for what is not executed.
fn refuse(status: u16, text: &str) -> Response {
    Response {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: json!({"message": text}).to_string().into_bytes(),
    }
}

fn response(status: u16) -> Response {
    Response {
        status,
        ..Response::default()
    }
}

fn located(url: &str) -> Response {
    Response {
        status: 201,
        headers: vec![("location".into(), url.into())],
        body: Vec::new(),
    }
}

/// Executes a batch: each address is answered as `answer` says, a group up to its first failure.
/// What was executed, and the answer.
fn execute(
    batch: &Batch,
    prefer: Option<&str>,
    answer: &dyn Fn(&str) -> Response,
) -> (Vec<String>, Rendered) {
    let mut run = Run::new(batch, "https://host/odata", prefer, &refuse);
    let mut executed = Vec::new();
    while let Some(group) = run.next_group() {
        let mut references = run.references().clone();
        let mut responses = Vec::new();
        for request in group.requests() {
            let response = match references.resolve(request) {
                Ok(address) => {
                    executed.push(format!("{} {}", request.method, address.path));
                    answer(&address.path)
                }
                Err(error) => refuse(400, &error.to_string()),
            };
            references.learn(request, &response);
            let failed = response.failed();
            responses.push(response);
            if failed {
                break;
            }
        }
        run.answer(responses);
    }
    (executed, run.finish())
}

fn statuses(rendered: &Rendered) -> Vec<(String, u64)> {
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    let responses = body["responses"].as_array().unwrap().iter();
    responses
        .map(|one| {
            (
                one["id"].as_str().unwrap().to_owned(),
                one["status"].as_u64().unwrap(),
            )
        })
        .collect()
}

const MULTIPART: &str = "This is not looked at.\r\n\
--b\r\n\
Content-Type: application/http\r\n\
Content-Transfer-Encoding: binary\r\n\
\r\n\
GET /odata/Pets(1)?$select=Name HTTP/1.1\r\n\
Accept: application/json\r\n\
\r\n\
\r\n\
--b\r\n\
Content-Type: multipart/mixed; boundary=\"c d\"\r\n\
\r\n\
--c d\r\n\
Content-Type: application/http\r\n\
Content-ID: 1\r\n\
\r\n\
POST Pets HTTP/1.1\r\n\
Content-Type: application/json\r\n\
Content-Length: 14\r\n\
\r\n\
{\"Name\":\"Tom\"}\r\n\
--c d\r\n\
Content-Type: application/http\r\n\
Content-ID: 2\r\n\
\r\n\
POST $1/Notes HTTP/1.1\r\n\
Content-Type: text/plain\r\n\
\r\n\
two\r\n\
lines\r\n\
--c d--\r\n\
--b\r\n\
Content-Type: application/http\r\n\
\r\n\
DELETE https://HOST:443/odata/Pets(9) HTTP/1.1\r\n\
\r\n\
--b--\r\n\
Nor is this.";
