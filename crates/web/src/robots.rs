//! `/api/RobotsService/*` at the edge: who the host is, waiting, and tokens for jobs. What it all
//! means is in `orchestrator::robot_service`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use orchestrator::jobs::commands::{self, StartJob};
use orchestrator::jobs::report::Report;
use orchestrator::robot_service::{self, Heartbeat, HostFacts, RobotIdentifier, StartService};
use orchestrator::sessions::{self, Host, Platform};
use orchestrator::tenants::Tenant;
use orchestrator::{Caller, Code, Error, Hint, Identity, Result, tokens};
use serde_json::{Value, json};

use crate::app::App;
use crate::body::{self, Sent};
use crate::error::json_response;
use crate::execute::write;
use crate::heard::{alive, note_robots, take_in};
use crate::{identity, request};

/// The longest that `AwaitCommands` is held.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Jobs that one answer offers: each costs a signature. What is left follows when these have begun.
const MAX_STARTS: usize = 32;
/// Longest name of an installation.
const MAX_INSTALLATION: usize = 100;

/// A call of the robot protocol.
struct RobotCall {
    caller: Arc<Caller>,
    headers: HeaderMap,
    body: Sent,
    origin: String,
}

/// Answers a call by its name.
///
/// # Errors
/// What the request or the protocol say.
pub async fn answer(
    app: &Arc<App>,
    name: &str,
    caller: Arc<Caller>,
    request: Request<Body>,
) -> Result<Response<Body>> {
    let origin = app.origin(&request);
    let post = *request.method() == axum::http::Method::POST;
    let (parts, body) = request.into_parts();
    let body = match post {
        true => body::read(&parts.headers, body).await?,
        false => Sent::default(),
    };
    let call = RobotCall {
        caller,
        headers: parts.headers,
        body,
        origin,
    };
    match name {
        "StartService" => start_service(app, call).await,
        "StopService" => stop_service(app, call).await,
        "BeginSession" => begin_session(app, call).await,
        "EndSession" => end_session(app, call).await,
        "GetProcesses" => get_processes(app, call).await,
        "Heartbeat" | "HeartbeatV2" => heartbeat(app, call).await,
        "AwaitCommands" => await_commands(app, call).await,
        "SubmitJobState" => submit_job_state(app, call).await,
        "GetConnectionData" => connection_data(app, call).await,
        "GetSharedConnectionData" => shared_connection_data(app, call).await,
        other => Err(Error::Internal(format!("nobody does {other}"))),
    }
}

impl RobotCall {
    /// The body, or an empty one: these calls may come without.
    fn body<T: serde::de::DeserializeOwned + Default>(&self, param: &str) -> Result<T> {
        self.body.or_default(param)
    }

    /// The host that speaks: its machine from the credential, its name from the headers.
    async fn host(&self, app: &App, service_user: Option<&str>) -> Result<Host> {
        let machine = self.machine(app).await?;
        let name = match request::header(&self.headers, "x-robot-machine-encoded") {
            Some(encoded) => {
                let bytes = STANDARD.decode(&*encoded).ok();
                bytes.and_then(|bytes| String::from_utf8(bytes).ok())
            }
            None => request::header(&self.headers, "x-robot-machine").map(Cow::into_owned),
        };
        let name = name
            .filter(|n| !n.is_empty() && n.len() <= 450)
            .ok_or_else(|| {
                Error::invalid(
                    "The header X-ROBOT-MACHINE-ENCODED must be the Base64 form of the host's name \
                     in UTF-8, at most 450 bytes.",
                )
            })?;
        // Who tells no installation is believed, so one that cannot be kept is not left out.
        let installation = self.facts().installation_id;
        if installation.is_some_and(|id| id.len() > MAX_INSTALLATION) {
            return Err(Error::invalid(format!(
                "The header X-UIPATH-Installation-Id must not be longer than {MAX_INSTALLATION} bytes."
            )));
        }
        if service_user.is_some_and(|u| u.chars().count() > 256) {
            return Err(Error::invalid(
                "The field serviceUserName must be a string with a maximum length of 256.",
            ));
        }
        Ok(Host {
            machine,
            name,
            service_user: service_user.unwrap_or_default().to_owned(),
        })
    }

    /// The machine: a person or a robot proves itself and names the machine with its key.
    async fn machine(&self, app: &App) -> Result<i64> {
        match self.caller.identity {
            Identity::Machine { id } => Ok(id),
            _ => self.machine_by_license(app).await,
        }
    }

    async fn machine_by_license(&self, app: &App) -> Result<i64> {
        let key = request::header(&self.headers, "x-robot-license")
            .ok_or_else(|| {
                Error::refused(
                    Code::InvalidMachineKey,
                    "The header X-ROBOT-LICENSE must carry the machine's key.",
                )
            })?
            .into_owned();
        let tenant = self.caller.tenant;
        let (id, of) = app
            .db
            .read(move |tx| orchestrator::machines::by_license_key(tx, &key))
            .await?;
        if of == tenant {
            return Ok(id);
        }
        Err(Error::refused(
            Code::InvalidMachineKey,
            "Invalid machine key.",
        ))
    }

    fn facts(&self) -> HostFacts {
        let agent = request::header(&self.headers, "x-robot-agent").unwrap_or_default();
        let platform = agent.split(';').find_map(|part| {
            let os = part.trim().strip_prefix("OS=")?;
            Platform::parse(if os.eq_ignore_ascii_case("macos") {
                "OSX"
            } else {
                os
            })
        });
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let version = request::header(&self.headers, "x-robot-version")
            .filter(|v| v.len() <= 50 && v.chars().all(plain));
        HostFacts {
            version: version.map(Cow::into_owned),
            platform,
            installation_id: request::header(&self.headers, "x-uipath-installation-id")
                .map(Cow::into_owned),
        }
    }

    /// The connected session of the host.
    async fn session(&self, app: &Arc<App>, service_user: Option<&str>) -> Result<i64> {
        let host = self.host(app, service_user).await?;
        self.session_of(app, host).await
    }

    /// The connected session of this host, which must still be this installation's: one that fell
    /// silent, and whose name was taken over, must not be handed the other one's jobs.
    async fn session_of(&self, app: &Arc<App>, host: Host) -> Result<i64> {
        if let Some(session) = app.presence.session(&host) {
            let installation = self.facts().installation_id;
            if app.presence.is_of(session, installation.as_deref()) {
                return Ok(session);
            }
            return Err(robot_service::taken_over());
        }
        let (asked, installation) = (host.clone(), self.facts().installation_id);
        let told = installation.clone();
        let found = write(app, Arc::clone(&self.caller), move |cx| {
            robot_service::connected(cx, &asked, told.as_deref())
        })
        .await?;
        let Some(session) = found else {
            // Without a service, whoever is signed in there is heard of at least.
            let person = app.presence.person(&host);
            return person.ok_or_else(robot_service::no_session);
        };
        let now = app.now();
        app.presence.opened(session, &host, installation, now);
        app.wake(&Hint::Hosts);
        Ok(session)
    }
}

fn reply(body: &Value) -> Response<Body> {
    json_response(200, body.to_string())
}

fn done(status: u16) -> Response<Body> {
    json_response(status, Body::empty())
}

async fn start_service(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let start = Arc::new(call.body::<StartService>("startServiceDto")?);
    let host = call.host(app, start.service_user_name.as_deref()).await?;
    let (facts, known) = (call.facts(), host.clone());
    let installation = facts.installation_id.clone();
    let (session, answer) = write(app, Arc::clone(&call.caller), move |cx| {
        robot_service::start_service(cx, &host, &facts, &start)
    })
    .await?;
    app.presence
        .opened(session, &known, installation, app.now());
    app.wake(&Hint::Hosts);
    Ok(reply(&answer))
}

async fn stop_service(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let beat: Heartbeat = call.body("heartbeatPayload")?;
    let session = match call.session(app, beat.service_user_name.as_deref()).await {
        Ok(session) => session,
        Err(Error::Refused {
            code: Code::MachineSessionNotFound,
            ..
        }) => return Ok(done(204)),
        Err(error) => return Err(error),
    };
    take_in(app, &call.caller, session, beat.heartbeats).await?;
    let facts = call.facts();
    let left = write(app, call.caller, move |cx| {
        robot_service::stop_service(cx, session, &facts)
    })
    .await?;
    if left {
        app.presence.closed(session);
        app.hub.forget(session);
    }
    Ok(done(204))
}

async fn begin_session(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let who = Arc::new(call.body::<RobotIdentifier>("robotIdentifier")?);
    let host = call.host(app, None).await?;
    let facts = call.facts();
    let installation = facts.installation_id.clone();
    let (session, person, answer) = write(app, call.caller, move |cx| {
        robot_service::begin_session(cx, &host, &facts, &who)
    })
    .await?;
    app.presence
        .opened(session, &person, installation, app.now());
    app.wake(&Hint::Hosts);
    Ok(reply(&answer))
}

async fn end_session(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let who = Arc::new(call.body::<RobotIdentifier>("robotIdentifier")?);
    let host = call.host(app, None).await?;
    let ended = write(app, call.caller, move |cx| {
        robot_service::end_session(cx, &host, &who)
    })
    .await?;
    if let Some(session) = ended {
        app.presence.closed(session);
    }
    Ok(done(204))
}

async fn get_processes(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let who = Arc::new(call.body::<RobotIdentifier>("robotIdentifier")?);
    let machine = call.machine(app).await?;
    let list = write(app, call.caller, move |cx| {
        robot_service::get_processes(cx, machine, &who)
    })
    .await?;
    Ok(reply(&list))
}

async fn heartbeat(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let beat: Heartbeat = call.body("heartbeatPayload")?;
    let session = call.session(app, beat.service_user_name.as_deref()).await?;
    alive(app, &call.caller, session).await?;
    take_in(app, &call.caller, session, beat.heartbeats).await?;
    let counter = app.hub.current(session);
    let commands = commands_at(app, &call, session, counter).await?;
    Ok(reply(&heartbeat_answer(commands)))
}

fn heartbeat_answer(commands: Vec<Value>) -> Value {
    json!({
        "commands": commands,
        // Settings that robots read are not kept yet, so they never change.
        "serviceSettingsStamp": "1",
        "isUnattended": true,
        "isUnattendedLicensed": true,
    })
}

/// `AwaitCommands`: held until there is something new for the host. A host that only sends
/// heartbeats never needs it.
async fn await_commands(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let beat: Heartbeat = call.body("heartbeatPayload")?;
    let session = call.session(app, beat.service_user_name.as_deref()).await?;
    alive(app, &call.caller, session).await?;
    take_in(app, &call.caller, session, beat.heartbeats).await?;
    let patience = u64::try_from(beat.wait_seconds.unwrap_or(25))
        .map_err(|_| Error::invalid("The field waitSeconds must not be negative."))?;
    let patience = Duration::from_secs(patience).min(MAX_WAIT);
    let stamp = beat.stamp.unwrap_or_default();
    let over = app.until(app.now().plus(patience));
    let counter = app.hub.wait(session, &stamp, over).await;
    alive(app, &call.caller, session).await?;
    let commands = commands_at(app, &call, session, counter).await?;
    let mut answer = heartbeat_answer(commands);
    answer["stamp"] = app.hub.stamp(counter).into();
    Ok(reply(&answer))
}

/// The commands of the session, read unless they are known to be none at this counter.
async fn commands_at(
    app: &Arc<App>,
    call: &RobotCall,
    session: i64,
    counter: u64,
) -> Result<Vec<Value>> {
    if app.hub.is_empty(session, counter) {
        return Ok(Vec::new());
    }
    let mut list = app.db.read(move |tx| commands::of(tx, session)).await?;
    let mut starts = 0;
    list.retain(|command| match command {
        commands::Command::Stop { .. } => true,
        commands::Command::Start(_) => {
            starts += 1;
            starts <= MAX_STARTS
        }
    });
    if list.is_empty() {
        app.hub.found_empty(session, counter);
        return Ok(Vec::new());
    }
    let tenant = tenant_of(app, call.caller.tenant)?;
    let (keys, issuer, now) = (&app.server.keys, identity::issuer(&call.origin), app.now());
    let mut mint = |work: &StartJob| Ok(keys.sign(&tokens::of_job(&issuer, &tenant, work, now))?);
    robot_service::commands(&list, &tenant, &mut mint)
}

fn tenant_of(app: &App, id: i64) -> Result<Tenant> {
    let tenants = Arc::clone(&app.tenants.read());
    let found = tenants.iter().find(|t| t.id == id).cloned();
    found.ok_or_else(|| Error::not_found("Tenant"))
}

async fn submit_job_state(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let reports: Vec<Report> = call.body.read("heartbeats")?;
    // The body does not name the service's account, but its jobs tell the session.
    let host = call.host(app, None).await?;
    let keys: Vec<_> = reports.iter().filter_map(|r| r.job_key).collect();
    let asked = host.clone();
    let of_jobs = app
        .db
        .read(move |tx| sessions::of_jobs(tx, &asked, &keys))
        .await?;
    let session = call.session_of(app, of_jobs.unwrap_or(host)).await?;
    alive(app, &call.caller, session).await?;
    let facts = call.facts();
    let robots: Vec<_> = reports.iter().filter_map(Report::robot).collect();
    write(app, Arc::clone(&call.caller), move |cx| {
        robot_service::submit_job_state(cx, session, &facts, &reports)
    })
    .await?;
    note_robots(app, &call.caller, session, robots).await?;
    Ok(done(200))
}

/// `GetConnectionData`: the original enrols machines of its Active Directory; here the caller must
/// prove a machine's key, and is told where the server is.
async fn connection_data(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let Identity::Machine { id } = call.caller.identity else {
        return Err(Error::Unauthenticated(
            "Machines are not enrolled by directory here: send the machine's key in X-ROBOT-LICENSE.".into(),
        ));
    };
    let key = app
        .db
        .read(move |tx| orchestrator::machines::license_key(tx, id))
        .await?;
    Ok(reply(
        &json!({"licenseKey": key, "orchestratorUrl": call.origin}),
    ))
}

async fn shared_connection_data(app: &Arc<App>, call: RobotCall) -> Result<Response<Body>> {
    let key = write(app, call.caller, robot_service::shared_connection).await?;
    Ok(reply(
        &json!({"licenseKey": key, "orchestratorUrl": call.origin}),
    ))
}
