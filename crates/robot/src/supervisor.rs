//! The loop that turns commands into jobs.
//!
//! One task asks for commands, one sends heartbeats, one works on each job; they meet here, and only
//! here is decided what runs. The server repeats a command until the job has moved on, so a list of
//! commands is a state, not a sequence of messages: the latest one replaces what was waiting.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::Event;
use crate::agent::Agent;
use crate::contact;
use crate::job::Ended;
use crate::job::Job;
use crate::journal::Entry;
use crate::journal::Phase;
use crate::orders;
use crate::orders::Cause;
use crate::orders::Commander;
use crate::protocol::Command;
use crate::protocol::CommandKind;
use crate::protocol::JobId;
use crate::protocol::JobReport;
use crate::protocol::Outcome;
use crate::protocol::StopStrategy;

/// How many settled attempts are remembered. An answer of the server that was on its way while the
/// end was reported may still offer them.
const REMEMBERED: usize = 1000;
/// What a shutdown may take beyond the grace of the programs.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(30);

/// A job under way, as the supervisor sees it.
struct Active {
    commander: Commander,
    report: JobReport,
}

/// The agent's one decision maker.
struct Supervisor {
    agent: Arc<Agent>,
    active: HashMap<JobId, Active>,
    tasks: JoinSet<(JobId, Ended)>,
    /// Offered jobs for which no slot is free, oldest first. They are not acknowledged.
    waiting: VecDeque<Command>,
    settled: VecDeque<JobId>,
    heartbeats: watch::Sender<Vec<JobReport>>,
}

/// Runs the agent until `shutdown`.
pub(crate) async fn run(agent: Agent, shutdown: CancellationToken) -> Result<(), Error> {
    let agent = Arc::new(agent);
    let journalled = agent.journal.load().await;
    let entries = journalled.map_err(|source| Error::Data {
        path: "journal".into(),
        source,
    })?;
    let live: Vec<JobId> = entries.iter().map(|entry| entry.command.id()).collect();
    if let Err(error) = agent.clear_work_folders(&live) {
        tracing::warn!(%error, "folders of earlier jobs were not removed");
    }
    tokio::select! {
        robots = contact::connect(&agent, &live) => agent.tell(Event::Connected { robots: robots? }),
        () = shutdown.cancelled() => return Ok(()),
    }

    let (heartbeats, shown) = watch::channel(Vec::new());
    let (found, mut commands) = mpsc::channel(1);
    let mut contacts = JoinSet::new();
    contacts.spawn(contact::poll(Arc::clone(&agent), found.clone()));
    contacts.spawn(contact::beat(Arc::clone(&agent), shown, found));

    let mut supervisor = Supervisor {
        agent: Arc::clone(&agent),
        active: HashMap::new(),
        tasks: JoinSet::new(),
        waiting: VecDeque::new(),
        settled: VecDeque::new(),
        heartbeats,
    };
    for entry in entries {
        supervisor.start(entry);
    }
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(list) = commands.recv() => supervisor.obey(list),
            Some(ended) = supervisor.tasks.join_next() => supervisor.ended(ended),
        }
    }
    drop(contacts);
    supervisor.shut_down().await;
    if let Err(error) = agent.client.stop_service().await {
        tracing::debug!(%error, "the server was not told about the shutdown");
    }
    Ok(())
}

impl Supervisor {
    /// Acts on a complete list of commands. Stops come first: a job that is offered and stopped in
    /// the same list must not start.
    fn obey(&mut self, list: Vec<Command>) {
        let (stops, offers): (Vec<Command>, Vec<Command>) = list
            .into_iter()
            .filter(|command| command.data.kind != CommandKind::Unknown)
            .partition(|command| command.data.kind == CommandKind::StopProcess);
        for command in stops {
            self.stop(command);
        }
        self.waiting.clear();
        for command in offers {
            self.fence_earlier_attempts(command.id());
            if !self.is_known(command.id()) {
                self.waiting.push_back(command);
            }
        }
        self.fill_slots();
    }

    /// Passes a stop on. A job that is not here has nothing to stop, but the server waits for an
    /// answer: it is settled as stopped without having run.
    fn stop(&mut self, command: Command) {
        let cause = match command.data.stop_strategy {
            Some(StopStrategy::Kill) => Cause::Kill,
            Some(StopStrategy::SoftStop) | None => Cause::SoftStop,
        };
        if let Some(active) = self.active.get(&command.id()) {
            active.commander.order(cause);
        } else if !self.settled.contains(&command.id()) {
            self.start(Entry {
                command,
                phase: Phase::Finished {
                    outcome: Outcome::stopped(),
                },
            });
        }
    }

    /// The server counts attempts up only when it has given up on the one before.
    fn fence_earlier_attempts(&self, id: JobId) {
        for (other, active) in &self.active {
            if other.key == id.key && other.attempt < id.attempt {
                active.commander.order(Cause::Fenced);
            }
        }
    }

    fn is_known(&self, id: JobId) -> bool {
        self.active.contains_key(&id) || self.settled.contains(&id)
    }

    fn fill_slots(&mut self) {
        while self.active.len() < self.agent.slots as usize {
            let Some(command) = self.waiting.pop_front() else {
                return;
            };
            if !self.is_known(command.id()) {
                self.start(Entry {
                    command,
                    phase: Phase::Accepted,
                });
            }
        }
    }

    fn start(&mut self, entry: Entry) {
        let Entry { command, phase } = entry;
        let id = command.id();
        let (commander, orders) = orders::channel();
        let report = JobReport::running(&command, None);
        let job = Job::new(Arc::clone(&self.agent), command, commander.clone(), orders);
        self.active.insert(id, Active { commander, report });
        self.tasks.spawn(async move { (id, job.run(phase).await) });
        self.show();
    }

    fn ended(&mut self, ended: Result<(JobId, Ended), tokio::task::JoinError>) {
        let (id, ended) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Its slot stays taken and its entry in the journal: a restart settles it.
                tracing::error!(%error, "a job's task failed");
                return;
            }
        };
        self.active.remove(&id);
        if ended == Ended::Settled {
            self.settled.push_back(id);
            if self.settled.len() > REMEMBERED {
                self.settled.pop_front();
            }
        }
        self.show();
        self.fill_slots();
    }

    /// Brings the heartbeats up to date.
    fn show(&self) {
        let jobs = self
            .active
            .values()
            .map(|active| active.report.clone())
            .collect();
        self.heartbeats.send_replace(jobs);
    }

    /// Ends what runs, and waits for it within reason. What is not settled then is in the journal.
    async fn shut_down(&mut self) {
        for active in self.active.values() {
            active.commander.order(Cause::Shutdown);
        }
        let patience = self.agent.grace + SHUTDOWN_PATIENCE;
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            tracing::warn!("some jobs did not end; the next start settles them");
        }
    }
}
