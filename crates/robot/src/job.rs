//! The life of one job, from the server's offer to its acknowledgement of the end.
//!
//! The order of the steps is the whole point:
//!
//! 1. journal `accepted`, claim the attempt, and only then spend time on it;
//! 2. fetch, unpack, build the environment; until here the job can be begun again;
//! 3. journal `started`, start the program: from here on it never runs a second time;
//! 4. journal `finished`, send the remaining log lines, report the end until it is acknowledged;
//! 5. forget.

use std::fs;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::Event;
use crate::agent::Agent;
use crate::backoff::Backoff;
use crate::capture::Capture;
use crate::journal::Entry;
use crate::journal::Phase;
use crate::journal::blocking;
use crate::logs::Level;
use crate::logs::Line;
use crate::logs::Origin;
use crate::orders::Cause;
use crate::orders::Commander;
use crate::orders::Orders;
use crate::package::Runtime;
use crate::prepare;
use crate::prepare::Prepared;
use crate::process::Exit;
use crate::process::ProcessId;
use crate::process::Running;
use crate::process::kill_left_over;
use crate::protocol::Category;
use crate::protocol::Command;
use crate::protocol::JobId;
use crate::protocol::JobReport;
use crate::protocol::Outcome;
use crate::python;
use crate::ship::ship;
use crate::spool::Spool;

/// The most bytes of unsent log lines a job may leave on disk.
const SPOOL_LIMIT: u64 = 64 * 1024 * 1024;
/// After a job's end, how long a server may take no log line before the rest is given up.
const LOG_PATIENCE: Duration = Duration::from_secs(20);
/// How long an agent that shuts down tries to hand over a result, which is in the journal anyway.
const LAST_CHANCE: Duration = Duration::from_secs(10);

/// What became of a job, for the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The server knows how it ended, or does not want to: never to be begun again.
    Settled,
    /// It could not even be written down; the server may offer it again.
    NotTaken,
    /// The agent shuts down; the journal tells the next one how to go on.
    Left,
}

/// How the server took a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Recorded,
    /// The attempt is not ours any more, or makes no sense to the server.
    Refused,
    /// Given up, because the agent shuts down.
    Left,
}

/// Why a job is not brought to its end here.
enum Interrupted {
    Stopped,
    Fenced,
    Left,
}

/// One attempt in this agent's hands.
pub(crate) struct Job {
    agent: Arc<Agent>,
    command: Command,
    id: JobId,
    /// Everything the job has on disk; removed at the end.
    work: PathBuf,
    commander: Commander,
    orders: Orders,
    logs: Option<Logs>,
}

/// The job's lines and the task that sends them. Dropping it ends the task.
struct Logs {
    spool: Arc<Spool>,
    shipper: JoinSet<()>,
}

impl Job {
    /// A job to be worked on; `commander` and `orders` are two ends of one channel.
    pub fn new(agent: Arc<Agent>, command: Command, commander: Commander, orders: Orders) -> Job {
        let id = command.id();
        let work = agent.work_folder(id);
        Job {
            agent,
            command,
            id,
            work,
            commander,
            orders,
            logs: None,
        }
    }

    /// Brings the job from wherever it is to its end.
    pub async fn run(mut self, phase: Phase) -> Ended {
        let outcome = match phase {
            Phase::Finished { outcome } => outcome,
            Phase::Started { runtime, process } => self.recover(runtime, process).await,
            Phase::Accepted => match self.begin().await {
                Ok(outcome) => outcome,
                Err(ended) => return ended,
            },
        };
        self.settle(outcome).await
    }

    /// Claims the attempt and works on it.
    async fn begin(&mut self) -> Result<Outcome, Ended> {
        if let Err(error) = self.save(Phase::Accepted).await {
            tracing::error!(job = %self.id, %error, "job not taken: the journal cannot be written");
            return Err(Ended::NotTaken);
        }
        let claim = JobReport::running(&self.command, "Preparing the package");
        match self.report(&claim, Duration::ZERO).await {
            Answer::Recorded => {}
            Answer::Refused => return Err(self.forget().await),
            Answer::Left => return Err(Ended::Left),
        }
        match self.execute().await {
            Ok(outcome) => Ok(outcome),
            Err(Interrupted::Stopped) => Ok(Outcome::stopped()),
            Err(Interrupted::Fenced) => Err(self.forget().await),
            Err(Interrupted::Left) => Err(Ended::Left),
        }
    }

    /// Prepares and runs the program.
    async fn execute(&mut self) -> Result<Outcome, Interrupted> {
        if let Err(error) = self.fresh_work_folder().await {
            let title = format!("The robot cannot create the job's folder: {error}.");
            return Ok(Outcome::faulted(
                "Robot.DiskError",
                Category::System,
                title,
                "",
            ));
        }
        let logs = match self.open_logs() {
            Ok(spool) => spool,
            Err(error) => {
                let title = format!("The robot cannot write the job's folder: {error}.");
                return Ok(Outcome::faulted(
                    "Robot.DiskError",
                    Category::System,
                    title,
                    "",
                ));
            }
        };
        let prepared = match self.prepare(&logs).await? {
            Ok(prepared) => prepared,
            Err(outcome) => return Ok(outcome),
        };
        self.interruption()?;
        self.run_program(prepared, &logs).await
    }

    /// Fetches, unpacks and builds. What may take long can be interrupted; unpacking is not, because
    /// its thread would go on writing into a folder that is being removed.
    async fn prepare(&mut self, logs: &Spool) -> Result<Result<Prepared, Outcome>, Interrupted> {
        let agent = Arc::clone(&self.agent);
        let command = self.command.clone();
        let package = match self
            .unless_ordered(prepare::fetch(&agent, &command))
            .await?
        {
            Ok(package) => package,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let content = match prepare::unpack(&package, &self.work).await {
            Ok(content) => content,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let work = self.work.clone();
        let launch = prepare::launch(&agent, &command, &package, &content, &work, logs);
        self.unless_ordered(launch).await
    }

    /// Runs the prepared program to its end.
    async fn run_program(
        &mut self,
        prepared: Prepared,
        logs: &Arc<Spool>,
    ) -> Result<Outcome, Interrupted> {
        let Prepared {
            launch,
            runtime,
            source,
            soft,
            verdict,
        } = prepared;
        if let Err(error) = self
            .save(Phase::Started {
                runtime,
                process: None,
            })
            .await
        {
            let title = format!("The robot cannot write its journal: {error}.");
            return Ok(Outcome::faulted(
                "Robot.DiskError",
                Category::System,
                title,
                "",
            ));
        }
        let program = launch.program.to_string_lossy().into_owned();
        let mut running = match launch.spawn(self.id) {
            Ok(running) => running,
            Err(error) => {
                let title = format!("The program {program} cannot be started: {error}.");
                return Ok(Outcome::faulted(
                    "Robot.StartFailed",
                    Category::User,
                    title,
                    "",
                ));
            }
        };
        let process = running.id.clone();
        if let Err(error) = self.save(Phase::Started { runtime, process }).await {
            // Left-overs can still be found by their marks.
            tracing::warn!(job = %self.id, %error, "process id not written to the journal");
        }
        self.agent.tell(Event::Started {
            job_key: self.id.key,
        });
        self.note("execution started");
        let capture = Capture::start(running.streams(), source, logs);
        let exit = self.supervise(&mut running, soft).await;
        let errors = capture.finish().await;
        self.note("execution ended");
        let exit = match exit {
            Ok(exit) => exit,
            Err(error) => {
                let title = format!("The robot lost track of the program: {error}.");
                return Ok(Outcome::faulted(
                    "Robot.ProgramLost",
                    Category::System,
                    title,
                    errors,
                ));
            }
        };
        match exit.cause {
            Cause::Itself => Ok(verdict.of(exit, &errors)),
            Cause::Shutdown => Ok(self.unfinished(runtime, "was shut down")),
            Cause::SoftStop | Cause::Kill => Ok(Outcome::stopped()),
            Cause::Fenced => Err(Interrupted::Fenced),
        }
    }

    /// Waits for the program, and meanwhile tells the server once that it runs. That report is not
    /// repeated: it changes nothing but a text. Its refusal does: the attempt is not ours any more.
    async fn supervise(
        &mut self,
        running: &mut Running,
        soft: rustix::process::Signal,
    ) -> io::Result<Exit> {
        let report = JobReport::running(&self.command, "Job started processing");
        let announce = async {
            let answer = self.agent.client.submit_state(&report).await;
            if answer.is_err_and(|error| error.status() == Some(409)) {
                self.commander.order(Cause::Fenced);
            }
        };
        let wait = running.wait(&mut self.orders, soft, self.agent.grace);
        let (exit, ()) = tokio::join!(wait, announce);
        exit
    }

    /// Settles a job whose program an earlier agent had started.
    async fn recover(&mut self, runtime: Runtime, process: Option<ProcessId>) -> Outcome {
        kill_left_over(self.id, process).await;
        self.unfinished(runtime, "was restarted")
    }

    /// The outcome of a program whose end nobody saw: its complete result if it has left one. A
    /// command's result counts only together with its exit code, which is lost.
    fn unfinished(&self, runtime: Runtime, event: &str) -> Outcome {
        let left = match runtime {
            Runtime::Python => python::left_result(&self.work.join(prepare::CONTENT)),
            Runtime::Command => None,
        };
        left.unwrap_or_else(|| {
            let title = format!("The robot {event} while the job ran.");
            Outcome::faulted("Robot.Interrupted", Category::System, title, "")
        })
    }

    /// Makes the end known: to the journal, to the log, to the server.
    async fn settle(mut self, outcome: Outcome) -> Ended {
        if let Err(error) = self
            .save(Phase::Finished {
                outcome: outcome.clone(),
            })
            .await
        {
            tracing::error!(job = %self.id, %error, "the job's end is not in the journal");
        }
        self.flush_logs().await;
        let report = JobReport::ended(&self.command, &outcome);
        match self.report(&report, LAST_CHANCE).await {
            Answer::Left => return Ended::Left,
            Answer::Refused => {}
            Answer::Recorded => {
                self.agent.tell(Event::Finished {
                    job_key: self.id.key,
                    state: outcome.state,
                });
            }
        }
        self.forget().await
    }

    /// Sends what lines there are, so that who sees the job ended can read all of them. The shipper
    /// gives up by itself on a server that takes none.
    async fn flush_logs(&mut self) {
        if self.logs.is_none()
            && self.work.is_dir()
            && let Err(error) = self.open_logs()
        {
            tracing::warn!(job = %self.id, %error, "the job's last log lines are not sent");
        }
        let Some(mut logs) = self.logs.take() else {
            return;
        };
        logs.spool.close();
        tokio::select! {
            _ = logs.shipper.join_next() => {}
            () = self.agent.leaving(LAST_CHANCE) => {}
        }
    }

    /// Reports a state until the server has taken or refused it, or until `patience` after the agent
    /// was told to shut down.
    async fn report(&self, report: &JobReport, patience: Duration) -> Answer {
        let mut backoff = Backoff::new();
        loop {
            let submit = self.agent.client.submit_state(report);
            let result = tokio::select! {
                result = submit => result,
                () = self.agent.leaving(patience) => return Answer::Left,
            };
            match result {
                Ok(()) => return Answer::Recorded,
                Err(error) if error.is_temporary() => {
                    tracing::debug!(job = %self.id, %error, "report not taken, trying again");
                }
                Err(error) => {
                    tracing::warn!(job = %self.id, %error, "report refused, job dropped");
                    return Answer::Refused;
                }
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = self.agent.leaving(patience) => return Answer::Left,
            }
        }
    }

    /// Runs `work` unless an order or the agent's end comes first.
    async fn unless_ordered<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupted> {
        tokio::select! {
            result = work => return Ok(result),
            _ = self.orders.beyond(Cause::Itself) => {}
        }
        self.interruption()?;
        Err(Interrupted::Left)
    }

    /// What an order means for a program that has not started yet.
    fn interruption(&self) -> Result<(), Interrupted> {
        match self.orders.current() {
            Cause::Itself => Ok(()),
            Cause::Shutdown => Err(Interrupted::Left),
            Cause::SoftStop | Cause::Kill => Err(Interrupted::Stopped),
            Cause::Fenced => Err(Interrupted::Fenced),
        }
    }

    async fn save(&self, phase: Phase) -> io::Result<()> {
        let entry = Entry {
            command: self.command.clone(),
            phase,
        };
        self.agent.journal.save(&entry).await
    }

    /// Removes every trace of the job. The journal goes first: a folder without an entry is cleared
    /// away at the next start.
    async fn forget(&self) -> Ended {
        if let Err(error) = self.agent.journal.remove(self.id).await {
            tracing::error!(job = %self.id, %error, "journal entry not removed");
        }
        if let Err(error) = self.remove_work_folder().await {
            tracing::warn!(job = %self.id, %error, "the job's folder was not removed");
        }
        Ended::Settled
    }

    async fn remove_work_folder(&self) -> io::Result<()> {
        let work = self.work.clone();
        blocking(move || match fs::remove_dir_all(work) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    /// A folder without anything a crash may have left half done.
    async fn fresh_work_folder(&self) -> io::Result<()> {
        self.remove_work_folder().await?;
        fs::create_dir_all(self.work.join("tmp"))
    }

    /// Opens the job's spool and begins to send what is in it.
    fn open_logs(&mut self) -> io::Result<Arc<Spool>> {
        let spool = Arc::new(Spool::open(&self.work, SPOOL_LIMIT)?);
        let agent = Arc::clone(&self.agent);
        let origin = Origin::of(&self.command, &agent.host);
        let robot_key = self.command.robot_key.clone();
        let source = Arc::clone(&spool);
        let mut shipper = JoinSet::new();
        shipper.spawn(async move {
            ship(&agent.client, &robot_key, &origin, &source, LOG_PATIENCE).await;
        });
        self.logs = Some(Logs {
            spool: Arc::clone(&spool),
            shipper,
        });
        Ok(spool)
    }

    /// A line of the robot's own in the job's log.
    fn note(&self, what: &str) {
        let name = self.command.data.process_name.as_deref().unwrap_or("Job");
        if let Some(logs) = &self.logs {
            logs.spool
                .append(&[Line::robot(Level::Information, &format!("{name} {what}"))]);
        }
    }
}
