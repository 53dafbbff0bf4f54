//! `$batch`: several requests in one, as JSON (OData 4.01) or as `multipart/mixed` (4.0).
//!
//! ```text
//! body ── parse ──▶ Batch ── Run::next ──▶ Group ── References::resolve ──▶ Call
//!                                ▲                                           │ the program
//!          Rendered ◀── finish ──┴───────────── answer ◀────── Response ◀────┘ executes it
//! ```
//!
//! Nothing here knows HTTP: methods, addresses, headers and bodies are plain data. [`Run`] says
//! what comes next, which requests are left out because others failed, and how the answers are
//! put together; how an atomic group becomes a transaction is the program's business.

mod address;
mod condition;
mod json;
mod multipart;
mod run;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashSet;

use crate::{Error, Result};

pub use address::{Address, Base, References};
pub use run::{Refuse, Run};

/// What a batch may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests, in groups or not.
    pub requests: usize,
    /// Bytes of the headers of one request or part; in `multipart/mixed` with the address.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests: 100,
            headers: 96 * 1024,
        }
    }
}

/// The format of a batch; the answer has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON document.
    Json,
    /// `multipart/mixed`.
    Multipart,
}

/// The requests of a batch, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The format it came in.
    pub format: Format,
    /// What is executed at once.
    pub groups: Vec<Group>,
}

/// What is executed at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Group {
    /// One request.
    Single(Request),
    /// Changes of which all or none take effect.
    Atomic(Vec<Request>),
}

impl Group {
    /// Its requests.
    pub fn requests(&self) -> &[Request] {
        match self {
            Group::Single(request) => std::slice::from_ref(request),
            Group::Atomic(requests) => requests,
        }
    }
}

/// A request of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// What later requests refer to it by, `Content-ID` in `multipart/mixed`; may be empty there.
    pub id: String,
    /// In upper case.
    pub method: String,
    /// As it was written; [`References::resolve`] makes an address of it.
    pub url: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, decoded; empty for none.
    pub body: Vec<u8>,
    /// The atomic group it belongs to.
    pub group: Option<String>,
    /// Requests and groups that have to succeed first.
    pub depends_on: Vec<String>,
    /// A condition on earlier requests, instead of their success.
    pub condition: Option<String>,
}

impl Request {
    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

/// The answer to a request of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case, and values. The length of the body is not among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the request did what it was asked for.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it was refused or went wrong; `304 Not Modified` is neither this nor success.
    pub fn failed(&self) -> bool {
        self.status >= 400
    }

    /// The first header of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut named = headers.iter().filter(|(known, _)| known == name);
    named.next().map(|(_, value)| value.as_str())
}

/// The value of a header as text: UTF-8, else Latin-1, as HTTP had it once and clients still send it.
/// There are no bytes that are neither.
#[must_use]
pub fn header_text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The answers to a group.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To a single request.
    Single(Part),
    /// To an atomic group that took effect.
    Atomic(Vec<Part>),
    /// To an atomic group that did not: to each request, and the index of the one that failed.
    Failed(Vec<Part>, usize),
}

/// A response with what names its request.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// That of the request; may be empty.
    pub id: String,
    /// That of the request.
    pub group: Option<String>,
    /// The response.
    pub response: Response,
}

/// The answer to a batch; its status is 200.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// `Content-Type`
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads a batch; the format is that of its `Content-Type`.
///
/// # Errors
/// [`Error::Invalid`] for another type, a body that is not of the format, a limit, a batch inside
/// of a batch, names that are missing or used twice, dependencies on what does not come first.
pub fn parse(content_type: &str, body: &[u8], limits: Limits) -> Result<Batch> {
    let (media, parameters) = multipart::media_type(content_type);
    let batch = match media.as_str() {
        "application/json" => json::parse(body, limits)?,
        "multipart/mixed" => multipart::parse(parameters, body, limits)?,
        _ => {
            let shown: String = media.chars().take(64).collect();
            return Err(invalid(format_args!(
                "its Content-Type is application/json or multipart/mixed, not '{shown}'"
            )));
        }
    };
    check(&batch)?;
    Ok(batch)
}

/// The answer in a format.
pub fn render(format: Format, answers: &[Answer]) -> Rendered {
    match format {
        Format::Json => json::render(answers),
        Format::Multipart => multipart::render(answers),
    }
}

/// Whether requests are executed although an earlier one failed: what the `Prefer` header says,
/// else what the format is specified to do. Requests as JSON name those they depend on, and the
/// others go on.
pub fn continue_on_error(format: Format, prefer: Option<&str>) -> bool {
    let given = prefer.unwrap_or_default().split([',', ';']);
    for preference in given {
        let (name, value) = preference.split_once('=').unwrap_or((preference, "true"));
        let name = name.trim().to_ascii_lowercase();
        if name.strip_prefix("odata.").unwrap_or(&name) == "continue-on-error" {
            return !value.trim().trim_matches('"').eq_ignore_ascii_case("false");
        }
    }
    format == Format::Json
}

/// What holds for both formats.
fn check(batch: &Batch) -> Result<()> {
    let (mut ids, mut groups) = (HashSet::new(), HashSet::new());
    for group in &batch.groups {
        for request in group.requests() {
            check_request(request, matches!(group, Group::Atomic(_)))?;
            for name in &request.depends_on {
                if !ids.contains(name.as_str()) && !groups.contains(name.as_str()) {
                    return Err(invalid(format_args!(
                        "request '{}' depends on '{name}', which does not stand before it",
                        request.id
                    )));
                }
            }
            let taken = groups.contains(request.id.as_str());
            if !request.id.is_empty() && (taken || !ids.insert(request.id.as_str())) {
                return Err(invalid(format_args!(
                    "the id '{}' is used twice",
                    request.id
                )));
            }
        }
        let name = group
            .requests()
            .first()
            .and_then(|one| one.group.as_deref());
        if let Some(name) = name
            && (ids.contains(name) || !groups.insert(name))
        {
            return Err(invalid(format_args!(
                "the requests of the group '{name}' do not follow each other, or it is named \
                 like a request"
            )));
        }
    }
    Ok(())
}

fn check_request(request: &Request, atomic: bool) -> Result<()> {
    let (method, url) = (request.method.as_str(), &request.url);
    if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method) {
        let shown: String = method.chars().take(32).collect();
        return Err(invalid(format_args!(
            "the method '{shown}' is none of GET, POST, PUT, PATCH and DELETE"
        )));
    }
    if atomic && method == "GET" {
        return Err(invalid("a group of changes holds no GET"));
    }
    if address::names_a_batch(url) {
        return Err(invalid("a batch may not hold another one"));
    }
    Ok(())
}

fn invalid(why: impl std::fmt::Display) -> Error {
    Error::Invalid(format!("The batch is not valid: {why}."))
}

fn too_many(limits: Limits) -> Error {
    invalid(format_args!(
        "it has more than {} requests",
        limits.requests
    ))
}

fn too_long(limits: Limits) -> Error {
    invalid(format_args!(
        "the headers of a request are longer than {} bytes",
        limits.headers
    ))
}
