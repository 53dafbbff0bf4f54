//! Staying in touch: the first sign-on, the long poll for commands, the heartbeat.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::watch;

use crate::Error;
use crate::agent::Agent;
use crate::backoff::Backoff;
use crate::client::CallError;
use crate::clock;
use crate::protocol::Answer;
use crate::protocol::Command;
use crate::protocol::JobId;
use crate::protocol::JobReport;

/// How long a server may be away when the agent starts. Afterwards it is waited for without end.
const FIRST_PATIENCE: Duration = Duration::from_secs(60);
/// The rhythm UiPath's robots keep; a server calls a robot unresponsive after four missed beats.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The rhythm of asking a server that has no long poll.
const POLL: Duration = Duration::from_secs(5);
/// How often it is asked that way before the long poll is tried again: five minutes.
const POLLS: u32 = 60;
/// The least time between two answers that say the same.
const CALM: Duration = Duration::from_secs(1);

/// Signs on. Returns the names of the machine's robots.
pub(crate) async fn connect(agent: &Agent, live: &[JobId]) -> Result<Vec<String>, Error> {
    let begun = clock::now();
    let url = || agent.client.address().base().to_owned();
    let mut backoff = Backoff::new();
    loop {
        let error = match agent.client.start_service(agent.slots, Some(live)).await {
            Ok(robots) => return Ok(robots.into_iter().filter_map(|r| r.robot_name).collect()),
            Err(error) => error,
        };
        match error.status() {
            Some(401 | 403) => {
                return Err(Error::Credentials {
                    url: url(),
                    reason: error.to_string(),
                });
            }
            Some(status) if !error.is_temporary() => {
                let reason = error.to_string();
                return Err(Error::Refused {
                    url: url(),
                    status,
                    reason,
                });
            }
            _ if begun.elapsed() > FIRST_PATIENCE => {
                return Err(Error::Unreachable {
                    url: url(),
                    reason: error.to_string(),
                });
            }
            _ => tracing::warn!(url = url(), %error, "no connection to the server, trying again"),
        }
        backoff.wait().await;
    }
}

/// Asks for commands for as long as somebody wants them.
pub(crate) async fn poll(agent: Arc<Agent>, found: mpsc::Sender<Vec<Command>>) {
    let mut stamp = String::new();
    let mut backoff = Backoff::new();
    let mut away = false;
    loop {
        let asked = clock::now();
        let answer = match agent.client.await_commands(&stamp).await {
            Ok(answer) => answer,
            Err(error) if matches!(error.status(), Some(404 | 501)) => {
                tracing::info!("the server has no long poll; asking every {POLL:?} instead");
                if poll_by_heartbeat(&agent, &found).await.is_break() {
                    return;
                }
                continue;
            }
            Err(error) => {
                note_away(&mut away, &error);
                sign_on_again(&agent, &error).await;
                backoff.wait().await;
                continue;
            }
        };
        if std::mem::take(&mut away) {
            tracing::info!("the server is back");
        }
        backoff = Backoff::new();
        // Same stamp at once: a server that does not hold the call must not be hammered.
        let news = answer.stamp.as_deref().is_some_and(|new| new != stamp);
        stamp = answer.stamp.clone().unwrap_or_default();
        if found.send(readable(answer)).await.is_err() {
            return;
        }
        if !news && asked.elapsed() < CALM {
            tokio::time::sleep(CALM).await;
        }
    }
}

/// The fallback for a while: an empty heartbeat answers with the commands. Then the long poll is
/// tried again, because a 404 may as well come from a proxy while the server is being replaced.
async fn poll_by_heartbeat(agent: &Agent, found: &mpsc::Sender<Vec<Command>>) -> ControlFlow<()> {
    let mut away = false;
    for _ in 0..POLLS {
        match agent.client.heartbeat(&[]).await {
            Ok(answer) => {
                away = false;
                if found.send(readable(answer)).await.is_err() {
                    return ControlFlow::Break(());
                }
            }
            Err(error) => {
                note_away(&mut away, &error);
                sign_on_again(agent, &error).await;
            }
        }
        tokio::time::sleep(POLL).await;
    }
    ControlFlow::Continue(())
}

/// Says every half minute what runs here. The answers bring commands as well.
pub(crate) async fn beat(
    agent: Arc<Agent>,
    jobs: watch::Receiver<Vec<JobReport>>,
    found: mpsc::Sender<Vec<Command>>,
) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let jobs = jobs.borrow().clone();
        match agent.client.heartbeat(&jobs).await {
            Ok(answer) => {
                if found.send(readable(answer)).await.is_err() {
                    return;
                }
            }
            // The poll has said so already.
            Err(error) => tracing::debug!(%error, "heartbeat not taken"),
        }
    }
}

/// How the server took a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It has it on disk.
    Recorded,
    /// The attempt is not ours any more, or the report makes no sense to the server.
    Refused,
    /// Given up, because the agent shuts down.
    Left,
}

/// Reports a job's state until the server has recorded or refused it, or until `patience` after the
/// agent was told to shut down.
pub(crate) async fn deliver(agent: &Agent, report: &JobReport, patience: Duration) -> Delivery {
    let job = report.job_key;
    let mut backoff = Backoff::new();
    let attempts = async {
        loop {
            match agent.client.submit_state(report).await {
                Ok(()) => return Delivery::Recorded,
                Err(error) if error.is_temporary() => {
                    tracing::debug!(%job, %error, "report not taken, trying again");
                    sign_on_again(agent, &error).await;
                }
                Err(error) => {
                    tracing::warn!(%job, %error, "report refused, job dropped");
                    return Delivery::Refused;
                }
            }
            backoff.wait().await;
        }
    };
    tokio::select! {
        delivery = attempts => delivery,
        () = agent.leaving(patience) => Delivery::Left,
    }
}

/// The commands this version can read.
fn readable(answer: Answer) -> Vec<Command> {
    let read = |value| match serde_json::from_value(value) {
        Ok(command) => Some(command),
        Err(error) => {
            tracing::warn!(%error, "unreadable command ignored");
            None
        }
    };
    answer.commands.into_iter().filter_map(read).collect()
}

/// One line when the server goes away, not one per try.
fn note_away(away: &mut bool, error: &CallError) {
    if !std::mem::replace(away, true) {
        tracing::warn!(%error, "the server does not answer; running jobs go on");
    }
}

/// A server that answers with a refusal may have forgotten this machine's session. What runs here
/// is not said: it goes on, and its reports count as before.
async fn sign_on_again(agent: &Agent, error: &CallError) {
    if !matches!(error.status(), Some(400 | 401 | 403 | 404 | 409)) {
        return;
    }
    if let Err(error) = agent.client.start_service(agent.slots, None).await {
        tracing::warn!(%error, "the server does not take this machine back");
    }
}
