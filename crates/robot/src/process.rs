//! Programs of jobs: started in a process group of their own, stopped politely or at once, and
//! leaving nothing behind.
//!
//! Two nets catch what a job leaves: the process group holds everything that did not ask to leave
//! it, and the marks `BATON_JOB` and `BATON_ATTEMPT` in the environment are inherited by everything
//! else (daemons call `setsid`). The second is best effort: a program may clear its environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process;
use rustix::process::kill_process_group;
use serde::Deserialize;
use serde::Serialize;
use tokio::process::Child;
use tokio::process::ChildStderr;
use tokio::process::ChildStdout;
use tokio::time::Instant;

use crate::clock;
use crate::journal::blocking;
use crate::orders::Cause;
use crate::orders::Orders;
use crate::protocol::JobId;

/// The environment variables that mark a job's processes.
const JOB_MARK: &str = "BATON_JOB";
const ATTEMPT_MARK: &str = "BATON_ATTEMPT";

/// A program to start.
pub(crate) struct Launch {
    pub program: OsString,
    pub arguments: Vec<OsString>,
    /// The whole environment; nothing is inherited.
    pub environment: BTreeMap<OsString, OsString>,
    pub folder: PathBuf,
}

/// A process, told apart from a later one that got the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: i32,
    /// Clock ticks from boot to the start of the process.
    start_ticks: u64,
    /// The boot the ticks count from.
    boot: String,
}

impl ProcessId {
    /// The process that has this number now.
    fn of(pid: Pid) -> io::Result<ProcessId> {
        let pid = pid.as_raw_nonzero().get();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let start_ticks = start_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned();
        Ok(ProcessId {
            pid,
            start_ticks,
            boot,
        })
    }

    /// Kills the group this process leads, if it is still that process.
    fn kill_group(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        if ProcessId::of(pid).is_ok_and(|now| now == *self) {
            signal_group(pid, Signal::KILL);
        }
    }
}

/// Field 22 of `/proc/{pid}/stat`. The second field is the program's name in parentheses and may
/// itself contain blanks and parentheses, so counting starts after the last one.
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    pub status: ExitStatus,
    pub cause: Cause,
}

/// How long a program is tried to be started whose file is still open for writing somewhere.
const BUSY: Duration = Duration::from_secs(2);

/// A running program of a job.
pub(crate) struct Running {
    child: Child,
    group: Pid,
    job: JobId,
    /// `None` if the process was gone before it could be looked at.
    pub id: Option<ProcessId>,
}

impl Launch {
    /// Starts the program. Dropping the result does *not* end it: an agent that dies leaves its jobs
    /// to the next one, which finds them in the journal.
    pub async fn spawn(mut self, job: JobId) -> io::Result<Running> {
        self.environment
            .insert(JOB_MARK.into(), job.key.to_string().into());
        self.environment
            .insert(ATTEMPT_MARK.into(), job.attempt.to_string().into());
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let start = std::time::Instant::now();
        let child = loop {
            match command.spawn() {
                // The file was just written, and a process that was begun meanwhile for another job
                // has it open until it runs its own program. Nothing has run yet.
                Err(error)
                    if error.kind() == io::ErrorKind::ExecutableFileBusy
                        && start.elapsed() < BUSY =>
                {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                spawned => break spawned?,
            }
        };
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let group = pid.expect("a child that was not waited for has its number");
        Ok(Running {
            child,
            group,
            job,
            id: ProcessId::of(group).ok(),
        })
    }
}

impl Running {
    /// The two streams, once.
    pub fn streams(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the end, obeying orders: a soft stop sends `soft` and after `grace` kills; a kill
    /// order kills. Afterwards nothing of the job runs any more.
    pub async fn wait(
        &mut self,
        orders: &mut Orders,
        soft: Signal,
        grace: Duration,
    ) -> io::Result<Exit> {
        let mut cause = Cause::Itself;
        let mut kill_at: Option<Instant> = None;
        let status = loop {
            let deadline = kill_at.unwrap_or_else(clock::now);
            tokio::select! {
                status = self.child.wait() => break status?,
                order = orders.beyond(cause) => {
                    cause = order;
                    if order.is_soft() {
                        signal_group(self.group, soft);
                        kill_at.get_or_insert_with(|| clock::now() + grace);
                    } else {
                        signal_group(self.group, Signal::KILL);
                    }
                }
                () = tokio::time::sleep_until(deadline), if kill_at.is_some() => {
                    signal_group(self.group, Signal::KILL);
                    // Should even that not end it (a process stuck in the kernel), ask again.
                    kill_at = Some(clock::now() + Duration::from_secs(5));
                }
            }
        };
        // Numbers are handed out in ascending order, so the group's cannot belong to strangers
        // in the instant since its leader was reaped.
        signal_group(self.group, Signal::KILL);
        kill_marked(self.job).await;
        Ok(Exit { status, cause })
    }
}

/// Ends what an earlier agent left of a job.
pub(crate) async fn kill_left_over(job: JobId, process: Option<ProcessId>) {
    if let Some(process) = process {
        process.kill_group();
    }
    kill_marked(job).await;
}

/// Sends a signal to a group. That it is gone already is the usual case and no error.
pub(crate) fn signal_group(group: Pid, signal: Signal) {
    match kill_process_group(group, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(error) => tracing::warn!(group = group.as_raw_nonzero(), %error, "signal not sent"),
    }
}

/// How long left-over processes are looked for. On a busy machine a killed process may still wait for
/// its turn to end after some tens of milliseconds.
const SWEEP: Duration = Duration::from_secs(2);

/// Kills every process that carries the job's marks, until none is left. Repeated, because a process
/// may fork while the list is read; a job that forks faster than this is beyond best effort.
async fn kill_marked(job: JobId) {
    let sweep = move || {
        let start = std::time::Instant::now();
        while start.elapsed() < SWEEP {
            let found = marked(job);
            if found.is_empty() {
                break;
            }
            for pid in found {
                // It may have ended by itself since.
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    };
    if let Err(error) = blocking(sweep).await {
        tracing::warn!(%job, %error, "left-over processes not looked for");
    }
}

/// The living processes with the job's marks. Those of other users cannot be read, and are not ours.
fn marked(job: JobId) -> Vec<Pid> {
    let key = format!("{JOB_MARK}={}", job.key);
    let attempt = format!("{ATTEMPT_MARK}={}", job.attempt);
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let carries = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let has = |mark: &str| {
            environment
                .split(|byte| *byte == 0)
                .any(|v| v == mark.as_bytes())
        };
        has(&key) && has(&attempt)
    };
    numbers.filter(carries).filter_map(Pid::from_raw).collect()
}

/// "exit code 3" or "signal 9 (SIGKILL)", for people.
pub(crate) fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    if let Some(code) = status.code() {
        return format!("exit code {code}");
    }
    let Some(number) = status.signal() else {
        return "an unknown status".to_owned();
    };
    let name = match number {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL; the machine may have run out of memory)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        15 => " (SIGTERM)",
        _ => "",
    };
    format!("signal {number}{name}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use tokio::io::AsyncReadExt as _;

    use super::*;
    use crate::orders;
    use crate::testing::command;

    async fn shell(script: &str, number: u32) -> Running {
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: BTreeMap::from([("PATH".into(), std::env::var_os("PATH").unwrap())]),
            folder: "/".into(),
        };
        launch.spawn(command(number).id()).await.unwrap()
    }

    async fn run(script: &str, number: u32) -> Exit {
        let (_commander, mut orders) = orders::channel();
        let mut running = shell(script, number).await;
        running
            .wait(&mut orders, Signal::TERM, Duration::ZERO)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn exits_are_told_as_they_were() {
        for (script, text) in [
            ("exit 0", "exit code 0"),
            ("exit 7", "exit code 7"),
            (
                "kill -KILL $$",
                "signal 9 (SIGKILL; the machine may have run out of memory)",
            ),
            ("kill -TERM $$", "signal 15 (SIGTERM)"),
        ] {
            let exit = run(script, 100).await;
            assert_eq!(
                (describe(exit.status).as_str(), exit.cause),
                (text, Cause::Itself)
            );
        }
        assert_eq!(describe(ExitStatus::from_raw(34)), "signal 34");
    }

    #[tokio::test]
    async fn an_order_given_before_the_wait_is_obeyed() {
        let (commander, mut orders) = orders::channel();
        commander.order(Cause::Kill);
        let mut running = shell("sleep 60", 101).await;
        let exit = running
            .wait(&mut orders, Signal::TERM, Duration::from_secs(60))
            .await
            .unwrap();
        assert_eq!((exit.status.signal(), exit.cause), (Some(9), Cause::Kill));
    }

    #[tokio::test]
    async fn a_program_whose_file_is_still_open_is_started_once_it_is_not() {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("main.sh");
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).mode(0o700).open(&program);
        let file_of = file.as_mut().unwrap();
        file_of.write_all(b"#!/bin/sh\nexit 7\n").unwrap();
        let launch = Launch {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            folder: "/".into(),
        };
        let closed = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(file);
        };
        let (running, ()) = tokio::join!(launch.spawn(command(106).id()), closed);
        let status = running.unwrap().child.wait().await.unwrap();
        assert_eq!(status.code(), Some(7));
    }

    #[tokio::test]
    async fn a_kill_overtakes_a_soft_stop() {
        let (commander, mut orders) = orders::channel();
        let mut running = shell(
            "trap '' TERM; echo ready; while :; do sleep 0.05; done",
            102,
        )
        .await;
        running.streams().0.unwrap().read_u8().await.unwrap();
        let grace = Duration::from_secs(3600);
        let wait = running.wait(&mut orders, Signal::TERM, grace);
        let order = async {
            commander.order(Cause::SoftStop);
            tokio::time::sleep(Duration::from_millis(200)).await;
            commander.order(Cause::Kill);
        };
        let (exit, ()) = tokio::join!(wait, order);
        assert_eq!(exit.unwrap().cause, Cause::Kill);
    }

    #[tokio::test]
    async fn marked_processes_are_found_wherever_they_hide() {
        let job = command(103).id();
        let mut running = shell("setsid sleep 60 & exit 0", 103).await;
        running.child.wait().await.unwrap();
        while marked(job).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(
            marked(command(104).id()).is_empty(),
            "other jobs are left alone"
        );
        kill_left_over(job, None).await;
        assert!(marked(job).is_empty());
    }

    #[tokio::test]
    async fn a_number_that_was_given_to_another_process_is_not_killed() {
        let mut running = shell("sleep 60", 105).await;
        let id = running.id.clone().unwrap();
        for other in [
            ProcessId {
                start_ticks: id.start_ticks + 1,
                ..id.clone()
            },
            ProcessId {
                boot: "another".to_owned(),
                ..id.clone()
            },
        ] {
            other.kill_group();
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(running.child.try_wait().unwrap().is_none());
        }
        id.kill_group();
        assert_eq!(running.child.wait().await.unwrap().signal(), Some(9));
    }

    #[test]
    fn the_start_is_read_whatever_the_program_is_called() {
        let stat = "42 (a b) c) 1) S 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 0 0";
        assert_eq!(start_ticks(stat), Some(987_654));
        assert_eq!(start_ticks("42 (x"), None);
        assert_eq!(start_ticks(""), None);
    }
}
