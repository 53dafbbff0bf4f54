//! The life of one job, from the server's offer to its acknowledgement of the end.
//!
//! The order of the steps is the whole point:
//!
//! 1. journal `accepted`, claim the attempt, and only then spend time on it;
//! 2. fetch, unpack, build the environment; until here the job can be begun again;
//! 3. journal `started`, start the program: from here on it never runs a second time;
//! 4. journal `finished`, send the remaining log lines, report the end until it is acknowledged;
//! 5. forget.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;

use crate::Event;
use crate::agent::Agent;
use crate::capture::Capture;
use crate::capture::read_rest;
use crate::contact::Delivery;
use crate::contact::deliver;
use crate::joblog::JobLog;
use crate::journal::Entry;
use crate::journal::Phase;
use crate::journal::blocking;
use crate::orders::Cause;
use crate::orders::Commander;
use crate::orders::Orders;
use crate::package::Runtime;
use crate::prepare;
use crate::prepare::Prepared;
use crate::process::Exit;
use crate::process::Running;
use crate::process::kill_left_over;
use crate::protocol::Category;
use crate::protocol::Command;
use crate::protocol::JobId;
use crate::protocol::JobReport;
use crate::protocol::Outcome;
use crate::python;
use crate::tail::Tail;

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

/// Why a job did not get as far as the end of its program.
enum Halt {
    /// It was not even written down, and the server not told.
    NotTaken,
    /// Something went wrong; this is how the job ends.
    Failed(Outcome),
    /// It was stopped before its program ran.
    Stopped,
    /// The attempt is not ours any more.
    Fenced,
    /// The agent shuts down, and the job can be begun again.
    Left,
}

impl From<Outcome> for Halt {
    fn from(outcome: Outcome) -> Halt {
        Halt::Failed(outcome)
    }
}

/// What an order means for a program that has not started yet.
impl From<Cause> for Halt {
    fn from(cause: Cause) -> Halt {
        match cause {
            Cause::Itself | Cause::Shutdown => Halt::Left,
            Cause::SoftStop | Cause::Kill => Halt::Stopped,
            Cause::Fenced => Halt::Fenced,
        }
    }
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
        }
    }

    /// Brings the job from wherever it is to its end.
    pub async fn run(mut self, phase: Phase) -> Ended {
        let mut log = None;
        let outcome = match phase {
            Phase::Finished { outcome } => outcome,
            Phase::Started { runtime, process } => {
                kill_left_over(self.id, process).await;
                log = self.left_log(runtime).await;
                self.unfinished(runtime, "was restarted")
            }
            Phase::Accepted => match self.begin(&mut log).await {
                Ok(outcome) | Err(Halt::Failed(outcome)) => outcome,
                Err(Halt::Stopped) => Outcome::stopped(),
                Err(Halt::NotTaken) => return Ended::NotTaken,
                Err(Halt::Fenced) => return self.forget().await,
                Err(Halt::Left) => return Ended::Left,
            },
        };
        self.settle(outcome, log).await
    }

    /// Takes the job on: journal first, then the claim, then the work.
    async fn begin(&mut self, log: &mut Option<JobLog>) -> Result<Outcome, Halt> {
        if let Err(error) = self.save(Phase::Accepted).await {
            tracing::error!(job = %self.id, %error, "job not taken: the journal cannot be written");
            return Err(Halt::NotTaken);
        }
        let claim = JobReport::running(&self.command, Some("Preparing the package"));
        match deliver(&self.agent, &claim, Duration::ZERO).await {
            Delivery::Recorded => self.work(log).await,
            Delivery::Refused => Err(Halt::Fenced),
            Delivery::Left => Err(Halt::Left),
        }
    }

    /// Prepares and runs the program.
    async fn work(&mut self, log: &mut Option<JobLog>) -> Result<Outcome, Halt> {
        self.fresh_work_folder().await.map_err(disk_error)?;
        let opened = JobLog::open(&self.agent, &self.command, &self.work).map_err(disk_error)?;
        let log = &*log.insert(opened);

        let (agent, command) = (&self.agent, &self.command);
        let fetch = prepare::fetch(agent, command);
        let package = self.orders.unless_given(fetch).await??;
        // Not interrupted: its thread would go on writing into a folder that is being removed.
        let content = prepare::unpack(&package, &self.work).await?;
        let launch = prepare::launch(agent, command, &package, &content, &self.work, &log.spool);
        let prepared = self.orders.unless_given(launch).await??;
        self.run_program(prepared, log).await
    }

    /// Runs the prepared program to its end. From here on the job is never begun again.
    async fn run_program(&mut self, prepared: Prepared, log: &JobLog) -> Result<Outcome, Halt> {
        let Prepared {
            launch,
            runtime,
            source,
            soft,
            verdict,
        } = prepared;
        let started = |process| Phase::Started { runtime, process };
        self.save(started(None)).await.map_err(disk_error)?;
        // The last moment for a stop to keep the program from running. A shutdown is too late: the
        // journal does not take "started" back.
        let order = self.orders.current();
        if order > Cause::Shutdown {
            return Err(order.into());
        }
        let program = launch.program.clone();
        let mut running = launch
            .spawn(self.id)
            .await
            .map_err(|error| start_error(&program, error))?;
        if let Err(error) = self.save(started(running.id.clone())).await {
            // Left-overs can still be found by their marks.
            tracing::warn!(job = %self.id, %error, "process id not written to the journal");
        }
        let job_key = self.id.key;
        self.agent.tell(Event::Started { job_key });
        log.note("started");
        let capture = Capture::start(running.streams(), source, &log.spool);
        let exit = self.supervise(&mut running, soft).await;
        let errors = capture.finish().await;
        log.note("ended");

        let exit = exit.map_err(wait_error)?;
        match exit.cause {
            Cause::Itself => Ok(verdict.of(exit, &errors)),
            Cause::Shutdown => Ok(self.unfinished(runtime, "was shut down")),
            Cause::SoftStop | Cause::Kill => Ok(Outcome::stopped()),
            Cause::Fenced => Err(Halt::Fenced),
        }
    }

    /// Waits for the program, and meanwhile tells the server once that it runs. That report is not
    /// repeated: it changes nothing but a text. Its refusal does: the attempt is not ours any more.
    async fn supervise(&mut self, running: &mut Running, soft: Signal) -> io::Result<Exit> {
        let report = JobReport::running(&self.command, Some("Job started processing"));
        let announce = async {
            let answer = self.agent.client.submit_state(&report).await;
            if answer.is_err_and(|error| error.is_fenced()) {
                self.commander.order(Cause::Fenced);
            }
        };
        let wait = running.wait(&mut self.orders, soft, self.agent.grace);
        let (exit, ()) = tokio::join!(wait, announce);
        exit
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
            Outcome::faulted("Robot.Interrupted", Category::System, title)
        })
    }

    /// Makes the end known: to the journal, to the log, to the server. The lines go first, so that
    /// who sees the job ended can read all of them.
    async fn settle(self, outcome: Outcome, log: Option<JobLog>) -> Ended {
        let report = JobReport::ended(&self.command, &outcome);
        let state = outcome.state;
        if let Err(error) = self.save(Phase::Finished { outcome }).await {
            tracing::error!(job = %self.id, %error, "the job's end is not in the journal");
        }
        if let Some(log) = log.or_else(|| self.open_left_log()) {
            tokio::select! {
                () = log.finish() => {}
                () = self.agent.leaving(LAST_CHANCE) => {}
            }
        }
        match deliver(&self.agent, &report, LAST_CHANCE).await {
            Delivery::Recorded => {
                let job_key = self.id.key;
                self.agent.tell(Event::Finished { job_key, state });
            }
            Delivery::Refused => {}
            Delivery::Left => return Ended::Left,
        }
        self.forget().await
    }

    /// The log an earlier agent has left, completed by what a Python run has written since.
    async fn left_log(&self, runtime: Runtime) -> Option<JobLog> {
        let log = self.open_left_log()?;
        if runtime == Runtime::Python {
            let file = python::log_file(&self.work.join(prepare::CONTENT));
            read_rest(Tail::open(file, &self.work), &log.spool).await;
        }
        Some(log)
    }

    fn open_left_log(&self) -> Option<JobLog> {
        if !self.work.is_dir() {
            return None;
        }
        match JobLog::open(&self.agent, &self.command, &self.work) {
            Ok(log) => Some(log),
            Err(error) => {
                tracing::warn!(job = %self.id, %error, "the job's last log lines are not sent");
                None
            }
        }
    }

    async fn save(&self, phase: Phase) -> io::Result<()> {
        let command = self.command.clone();
        self.agent.journal.save(&Entry { command, phase }).await
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
}

fn disk_error(error: io::Error) -> Outcome {
    let title = format!("The robot cannot write to its data folder: {error}.");
    Outcome::faulted("Robot.DiskError", Category::System, title)
}

fn start_error(program: &OsStr, error: io::Error) -> Outcome {
    let program = program.display();
    let title = format!("The program {program} cannot be started: {error}.");
    Outcome::faulted("Robot.StartFailed", Category::User, title)
}

fn wait_error(error: io::Error) -> Outcome {
    let title = format!("The robot lost track of the program: {error}.");
    Outcome::faulted("Robot.ProgramLost", Category::System, title)
}
