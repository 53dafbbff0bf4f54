//! `$batch`: each request of it goes the way of a request of its own; a group of changes is one
//! transaction, in which later requests may name what earlier ones made.

use std::collections::BTreeSet;
use std::sync::Arc;

use ::odata::batch::{self, Batch, Group, Limits, References, Request as Part, Run};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header};
use db::Tx;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use orchestrator::op::Proof;
use orchestrator::{Caller, Code, Error, Hint, Prepared, Result, Store, Task};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::plan::{self, Plan};
use super::target::{self, Target};
use super::{ODataRequest, answer};
use crate::app::App;
use crate::body::{self, Sent};
use crate::caller::authenticate;
use crate::error::{envelope, respond};
use crate::execute::{run_task, to_the_end};
use crate::request;

/// What the answers to a batch hold together, in bytes. They are kept until the last one is there.
const MAX_ANSWERS: usize = 64 * 1024 * 1024;

/// The answer to a batch that could be read is always 200; what became of each request stands in it.
pub async fn handle(app: &Arc<App>, odata: ODataRequest) -> Result<Response<Body>> {
    if *odata.request.method() != Method::POST {
        return Err(Error::NoSuchAddress("$batch is called with POST.".into()));
    }
    let (parts, body) = odata.request.into_parts();
    let caller = authenticate(app, &parts.headers, odata.tenant, Proof::Token).await?;
    let batch = read(&parts.headers, &body::bytes(body).await?)?;
    let outer = Arc::new(Outer {
        caller,
        headers: parts.headers,
        base: odata.base,
        tenant: odata.tenant,
    });
    let rendered = outer.run(app, &batch).await;
    let mut response = Response::new(Body::from(rendered.body));
    if let Ok(kind) = HeaderValue::from_str(&rendered.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    Ok(response)
}

/// The batch's own request.
struct Outer {
    caller: Arc<Caller>,
    headers: HeaderMap,
    base: String,
    tenant: Option<i64>,
}

impl Outer {
    async fn run(self: &Arc<Self>, app: &Arc<App>, batch: &Batch) -> batch::Rendered {
        let trace = request::trace_id(&app.server.chance, &self.headers);
        let refuse = |status: u16, text: &str| batch::Response {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: envelope(text, 0, &trace).to_string().into_bytes(),
        };
        let prefer = request::header(&self.headers, "prefer");
        let mut run = Run::new(batch, &self.base, prefer.as_deref(), &refuse);
        let mut room = MAX_ANSWERS;
        while let Some(group) = run.next_group() {
            let references = run.references().clone();
            let responses = match group {
                Group::Single(part) => vec![self.single(app, part, &references, room).await],
                Group::Atomic(parts) => self.atomic(app, parts, references).await,
            };
            let length: usize = responses.iter().map(|one| one.body.len()).sum();
            room = room.saturating_sub(length);
            run.answer(responses);
        }
        run.finish()
    }

    /// The headers of a request of the batch: its own, and those of the batch that say who asks and
    /// where, unless it has some.
    fn headers(&self, part: &Part) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &part.headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).ok();
            let pair = name.parse::<HeaderName>().ok().zip(value);
            let (name, value) = pair.ok_or_else(|| {
                Error::refused(
                    Code::InvalidRequest,
                    format!("The header '{name}' is not valid."),
                )
            })?;
            headers.append(name, value);
        }
        // An empty header is none.
        let has = |headers: &HeaderMap, name| request::header(headers, name).is_some();
        let own_folder = request::FOLDER.iter().any(|name| has(&headers, name));
        let folder = request::FOLDER.iter().filter(|_| !own_folder);
        for name in folder.chain(&INHERITED) {
            if let (false, Some(value)) = (has(&headers, name), self.headers.get(*name)) {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
        Ok(headers)
    }

    async fn single(
        &self,
        app: &Arc<App>,
        part: &Part,
        references: &References,
        room: usize,
    ) -> batch::Response {
        let answered = async {
            let address = references.resolve(part)?;
            let mut request = Request::new(Body::from(part.body.clone()));
            *request.method_mut() = method(part)?;
            *request.uri_mut() = uri(&address.query)?;
            *request.headers_mut() = self.headers(part)?;
            let one = ODataRequest {
                request,
                rest: address.path,
                base: self.base.clone(),
                tenant: self.tenant,
            };
            // What has changed something is not called refused afterwards.
            let changes = *one.request.method() != Method::GET;
            if changes && room == 0 {
                return Err(no_room());
            }
            let room = if changes { MAX_ANSWERS } else { room };
            collected(super::one(app, one).await?, room).await
        };
        let answer: Result<batch::Response> = answered.await;
        match answer {
            Ok(answer) => answer,
            Err(error) => self.refused(app, &error).await,
        }
    }

    async fn refused(&self, app: &App, error: &Error) -> batch::Response {
        let answer = respond(error, &request::trace_id(&app.server.chance, &self.headers));
        collected(answer, MAX_ANSWERS).await.unwrap_or_default()
    }

    /// All of them, or none: one transaction. What was answered before the one that failed is
    /// undone, and its answers with it.
    async fn atomic(
        self: &Arc<Self>,
        app: &Arc<App>,
        parts: &[Part],
        references: References,
    ) -> Vec<batch::Response> {
        let steps = match self.steps(app, parts).await {
            Ok(steps) => steps,
            Err(failure) => return self.failed(app, failure).await,
        };
        let (outer, server, following) =
            (Arc::clone(self), Arc::clone(&app.server), Arc::clone(app));
        let work = move |tx: &mut Tx<'_>| {
            let (mut references, mut hints) = (references.clone(), BTreeSet::<Hint>::new());
            let mut answers = Vec::new();
            for (at, step) in steps.iter().enumerate() {
                let plan = outer
                    .plan(step, &references)
                    .map_err(|error| Failure { at, error })?;
                let done = run_task(tx, &plan.call, &server);
                let done = done.map_err(|error| error.precondition(plan.expect.conditional));
                let (reply, more) = done.map_err(|error| Failure { at, error })?;
                hints.extend(more);
                let answer = answer::immediate(&plan.expect, reply);
                let answer = answer.map_err(|error| Failure { at, error })?;
                references.learn(&step.part, &answer);
                answers.push(answer);
            }
            Ok((answers, hints))
        };
        let done = to_the_end(async move {
            let done: Result<_, Failure> = following.db.write(work).await;
            let (answers, hints) = match done {
                Ok(done) => done,
                Err(failure) => {
                    following.doubt(&failure.error);
                    return Ok(Err(failure));
                }
            };
            following.publish(hints);
            Ok(Ok(answers))
        });
        match done.await {
            Ok(Ok(answers)) => answers,
            Ok(Err(failure)) => self.failed(app, failure).await,
            Err(error) => self.failed(app, Failure { at: 0, error }).await,
        }
    }

    /// The answers to a group that failed at one of its requests.
    async fn failed(&self, app: &App, failure: Failure) -> Vec<batch::Response> {
        let undone = batch::Response {
            status: 200,
            ..batch::Response::default()
        };
        let mut answers = vec![undone; failure.at];
        answers.push(self.refused(app, &failure.error).await);
        answers
    }

    /// What needs no transaction: credentials, bodies, and slow work.
    async fn steps(&self, app: &Arc<App>, parts: &[Part]) -> Result<Vec<Step>, Failure> {
        let mut steps = Vec::new();
        for (at, part) in parts.iter().enumerate() {
            let step = self.step(app, part).await;
            steps.push(step.map_err(|error| Failure { at, error })?);
        }
        Ok(steps)
    }

    async fn step(&self, app: &Arc<App>, part: &Part) -> Result<Step> {
        let headers = self.headers(part)?;
        let own = WHO.iter().any(|name| part.header(name).is_some());
        let caller = match own {
            true => authenticate(app, &headers, self.tenant, Proof::Token).await?,
            false => Arc::clone(&self.caller),
        };
        let mut step = Step {
            part: part.clone(),
            method: method(part)?,
            sent: body::of(&headers, &part.body)?,
            headers,
            caller,
            prepared: None,
            task: None,
        };
        // A request that names an earlier one has no address yet; its work is done in its place.
        let nothing = References::new(batch::Base::new(&self.base));
        if let Ok(plan) = self.read(&step, &nothing) {
            let slow = plan.expect.slow.is_some();
            let plan = plan.prepared(app).await?;
            step.task = slow.then_some(plan.call.task);
            step.prepared = plan.call.args.prepared;
        }
        Ok(step)
    }

    /// The call that a request of a group makes, with its slow work done.
    fn plan(&self, step: &Step, references: &References) -> Result<Plan> {
        let mut plan = self.read(step, references)?;
        match (&step.prepared, &step.task) {
            (Some(prepared), _) => plan.call.args.prepared = Some(prepared.clone()),
            (None, Some(task)) => plan.call.task = task.clone(),
            (None, None) => plan.prepare()?,
        }
        Ok(plan)
    }

    /// The call that a request of a group makes, without its slow work.
    fn read(&self, step: &Step, references: &References) -> Result<Plan> {
        let address = references.resolve(&step.part)?;
        let target = target::find(&step.method, &address.path, &address.query)?;
        if target.is_at_the_edge() || target.store != Store::Main {
            return Err(not_in_a_group(&target));
        }
        let (headers, query) = (&step.headers, Some(address.query.as_str()));
        let (caller, sent) = (Arc::clone(&step.caller), step.sent.clone());
        let base = self.base.clone();
        let mut plan = plan::plan(target, headers, query, base, caller, sent)?;
        plan.call.args.path = address.path.trim_matches('/').to_owned();
        Ok(plan)
    }
}

/// A batch as its headers say it is written.
fn read(headers: &HeaderMap, bytes: &[u8]) -> Result<Batch> {
    let kind = request::header(headers, "content-type").unwrap_or_default();
    // The parts of another format have encodings of their own.
    if !body::media_type(&kind).eq_ignore_ascii_case("application/json") {
        return Ok(batch::parse(&kind, bytes, Limits::default())?);
    }
    let text = body::text(&kind, bytes)?.map_err(|why| {
        Error::refused(
            Code::InvalidRequest,
            format!("The batch is not valid: it {why}."),
        )
    })?;
    Ok(batch::parse(&kind, text.as_bytes(), Limits::default())?)
}

/// The headers that say who asks.
const WHO: [&str; 2] = ["authorization", "x-uipath-tenantname"];

/// Headers besides the folder's that count for every request of a batch which does not have its own.
const INHERITED: [&str; 3] = [WHO[0], WHO[1], "x-uipath-jobkey"];

/// A request of a group, ready but for its address.
struct Step {
    part: Part,
    method: Method,
    headers: HeaderMap,
    caller: Arc<Caller>,
    sent: Sent,
    prepared: Option<Prepared>,
    task: Option<Task>,
}

/// Where a group failed, and why.
struct Failure {
    at: usize,
    error: Error,
}

impl From<db::Error> for Failure {
    fn from(error: db::Error) -> Self {
        Failure {
            at: 0,
            error: error.into(),
        }
    }
}

/// The query as a request carries it: what may not stand there as it is, such as the blanks of a
/// filter, is percent-encoded.
fn uri(query: &str) -> Result<Uri> {
    const NOT_ALLOWED: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}')
        .add(b'\\')
        .add(b'^');
    let query = utf8_percent_encode(query, NOT_ALLOWED);
    format!("/?{query}").parse().map_err(not_an_address)
}

fn method(part: &Part) -> Result<Method> {
    part.method.parse().map_err(not_an_address)
}

fn not_an_address(why: impl std::fmt::Display) -> Error {
    Error::refused(
        Code::InvalidRequest,
        format!("The request of the batch cannot be read: {why}."),
    )
}

fn not_in_a_group(target: &Target) -> Error {
    let what = match target.store {
        Store::Logs => "Logs are kept apart, so they",
        Store::Main => "Files",
    };
    Error::refused(
        Code::InvalidRequest,
        format!("{what} cannot be part of a group of changes."),
    )
}

fn no_room() -> Error {
    Error::refused(
        Code::PayloadTooLarge,
        format!(
            "The answers to a batch are not larger than {MAX_ANSWERS} bytes together. Send this \
             request in one of its own."
        ),
    )
}

/// An answer with its body, if there is room for it.
async fn collected(answer: Response<Body>, room: usize) -> Result<batch::Response> {
    let (parts, body) = answer.into_parts();
    let body = match Limited::new(body, room).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(no_room()),
        Err(error) => return Err(Error::Internal(format!("an answer broke off: {error}"))),
    };
    let named = parts.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    Ok(batch::Response {
        status: parts.status.as_u16(),
        headers: named.filter(|(name, _)| name != "content-length").collect(),
        body: body.to_vec(),
    })
}
