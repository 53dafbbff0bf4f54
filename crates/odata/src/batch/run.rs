//! The order of a batch: what comes next, what is left out, and the answers so far.

use std::collections::HashMap;

use super::address::{Base, References};
use super::condition::holds;
use super::{Answer, Batch, Group, Part, Rendered, Request, Response, continue_on_error, render};

/// Makes the response to a request that is not executed, from a status and a sentence.
pub type Refuse<'b> = &'b (dyn Fn(u16, &str) -> Response + Sync);

/// A batch while it is executed.
///
/// ```
/// use odata::batch::{self, Limits, Response, Run};
///
/// let body = br#"{"requests": [
///     {"id": "a", "method": "post", "url": "Pets", "body": {"Name": "Tom"}},
///     {"id": "b", "method": "get", "url": "$a/Owner", "dependsOn": ["a"]}]}"#;
/// let batch = batch::parse("application/json", body, Limits::default())?;
/// let refuse = |status, text: &str| Response { status, body: text.into(), ..Response::default() };
/// let mut run = Run::new(&batch, "https://host/odata", None, &refuse);
/// let mut seen = Vec::new();
/// while let Some(group) = run.next_group() {
///     let mut references = run.references().clone();
///     let mut responses = Vec::new();
///     for request in group.requests() {
///         let address = references.resolve(request)?;
///         seen.push(format!("{} {}", request.method, address.path));
///         let location = ("location".to_owned(), "https://host/odata/Pets(7)".to_owned());
///         let response = Response { status: 201, headers: vec![location], body: Vec::new() };
///         references.learn(request, &response);
///         responses.push(response);
///     }
///     run.answer(responses);
/// }
/// assert_eq!(seen, ["POST Pets", "GET Pets(7)/Owner"]);
/// assert_eq!(run.finish().content_type, "application/json");
/// # Ok::<(), odata::Error>(())
/// ```
pub struct Run<'b> {
    batch: &'b Batch,
    goes_on: bool,
    refuse: Refuse<'b>,
    at: usize,
    stopped: bool,
    /// Of requests and groups, by name.
    succeeded: HashMap<&'b str, bool>,
    references: References,
    answers: Vec<Answer>,
}

impl<'b> Run<'b> {
    /// From the start. `root` is the service root as it stands in context URLs, `prefer` the
    /// `Prefer` header of the batch.
    pub fn new(batch: &'b Batch, root: &str, prefer: Option<&str>, refuse: Refuse<'b>) -> Run<'b> {
        Run {
            batch,
            goes_on: continue_on_error(batch.format, prefer),
            refuse,
            at: 0,
            stopped: false,
            succeeded: HashMap::new(),
            references: References::new(Base::new(root)),
            answers: Vec::new(),
        }
    }

    /// What is to be executed next, until [`answer`](Run::answer) says how it went. Groups that
    /// depend on what failed are answered on the way.
    pub fn next_group(&mut self) -> Option<&'b Group> {
        while !self.stopped {
            let group = self.batch.groups.get(self.at)?;
            let Some(text) = self.hindrance(group) else {
                return Some(group);
            };
            let refused = group.requests().iter().map(|_| (self.refuse)(424, &text));
            let refused = refused.collect();
            self.record(group, refused);
        }
        None
    }

    /// What requests may refer to, so far.
    pub fn references(&self) -> &References {
        &self.references
    }

    /// Takes the responses to the group that [`next_group`](Run::next_group) gave, in order. Of a
    /// group of changes that failed, the last one is that of the request that failed; what the
    /// others did has been undone.
    pub fn answer(&mut self, responses: Vec<Response>) {
        if let Some(group) = self.batch.groups.get(self.at) {
            self.record(group, responses);
        }
    }

    /// The answer to the batch.
    pub fn finish(self) -> Rendered {
        render(self.batch.format, &self.answers)
    }

    /// Why a group is not executed.
    fn hindrance(&self, group: &Group) -> Option<String> {
        let mut requests = group.requests().iter();
        requests.find_map(|request| self.request_hindrance(request))
    }

    fn request_hindrance(&self, request: &Request) -> Option<String> {
        if let Some(condition) = &request.condition {
            let known = |name: &str| self.succeeded.get(name).copied();
            return match holds(condition, &known) {
                Ok(true) => None,
                Ok(false) => Some(format!("The condition '{condition}' does not hold.")),
                Err(why) => Some(format!("The condition '{condition}' is not valid. {why}")),
            };
        }
        let referred = self.references.referred(request);
        let needed = request.depends_on.iter().map(String::as_str);
        // A request of the same group has no outcome yet: if it fails, so does the whole group.
        let failed = needed
            .chain(referred.as_deref())
            .find(|name| self.succeeded.get(name) == Some(&false))?;
        Some(format!("It depends on '{failed}', which did not succeed."))
    }

    fn record(&mut self, group: &'b Group, responses: Vec<Response>) {
        self.at += 1;
        let answer = self.put_together(group, responses);
        let parts = match &answer {
            Answer::Single(part) => std::slice::from_ref(part),
            Answer::Atomic(parts) | Answer::Failed(parts, _) => parts,
        };
        let mut all = true;
        for (request, part) in group.requests().iter().zip(parts) {
            let succeeded = part.response.succeeded();
            all &= succeeded;
            self.succeeded.insert(&request.id, succeeded);
            self.references.learn(request, &part.response);
            self.stopped |= part.response.failed() && !self.goes_on;
        }
        if let Some(name) = group
            .requests()
            .first()
            .and_then(|one| one.group.as_deref())
        {
            self.succeeded.insert(name, all);
        }
        self.answers.push(answer);
    }

    fn put_together(&self, group: &Group, responses: Vec<Response>) -> Answer {
        let requests = group.requests();
        let failed = responses.iter().position(Response::failed);
        let mut responses = responses.into_iter();
        let unanswered = || (self.refuse)(500, "The request was not answered.");
        let part = |request: &Request, response| Part {
            id: request.id.clone(),
            group: request.group.clone(),
            response,
        };
        if let Group::Single(request) = group {
            return Answer::Single(part(request, responses.next().unwrap_or_else(unanswered)));
        }
        let complete = responses.len() >= requests.len();
        if failed.is_none() && complete {
            let parts = requests.iter().zip(responses);
            return Answer::Atomic(parts.map(|(request, one)| part(request, one)).collect());
        }
        let at = failed
            .unwrap_or(responses.len())
            .min(requests.len().saturating_sub(1));
        let own = responses.nth(at).unwrap_or_else(unanswered);
        let undone = || (self.refuse)(424, "Another request of its group failed.");
        let mut parts: Vec<_> = requests.iter().map(|one| part(one, undone())).collect();
        if let Some(part) = parts.get_mut(at) {
            part.response = own;
        }
        Answer::Failed(parts, at)
    }
}
