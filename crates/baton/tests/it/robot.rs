//! The robot agent as a child process, the scripts it runs in these tests, and what those leave
//! behind for a test to see.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use testkit::{Scene, eventually};

use crate::support::{EXE, STOP_JOBS};

/// How long a slow thing may take before a test gives up; nothing depends on it being exact.
const LONG_PATIENCE: Duration = Duration::from_secs(300);

/// A running agent; killed with this value. What it runs is left alone, as by any crash.
pub struct Robot {
    child: Child,
    log: PathBuf,
}

impl Robot {
    /// An agent of the machine template `Local` that keeps its state in this subfolder of the
    /// server's; a host of its own for each subfolder.
    pub fn start(scene: &Scene, name: &str, flags: &[&str]) -> Self {
        let mut command = command(scene, name);
        command.args(flags);
        Self::spawn(command, scene.server.folder().join(format!("{name}.log")))
    }

    /// As [`Self::start`], from a command of [`command`].
    pub fn spawn(mut command: Command, log: PathBuf) -> Self {
        let file = File::options().create(true).append(true).open(&log);
        let file = file.expect("the log file can be written");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file can be shared"));
        let child = command
            .stderr(file)
            .spawn()
            .expect("the agent can be started");
        Self { child, log }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the agent, and only it, as a crash would.
    pub fn kill9(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM), and expects that it does so in good order.
    pub async fn stop(mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let status = self.ended().await;
        assert!(
            status.success(),
            "the agent ended with {status}:\n{}",
            self.log()
        );
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + LONG_PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the agent does not end:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        self.kill9();
        if std::thread::panicking() {
            eprintln!(
                "--- log of the robot ---\n{}--- end of the log ---",
                self.log()
            );
        }
    }
}

/// The command of [`Robot::start`]; its variables can be replaced. The agent's own environment has
/// secrets in it, as it may.
pub fn command(scene: &Scene, name: &str) -> Command {
    let mut command = Command::new(EXE);
    command
        .args(["robot", "--data"])
        .arg(scene.server.folder().join(name))
        .env(
            "BATON_ROBOT_URL",
            format!("{}/default/DefaultTenant", scene.server.url),
        )
        .env("BATON_ROBOT_MACHINE_KEY", &scene.server.machine_key)
        .env("BATON_ROBOT_NAME", name)
        .env("BATON_ROBOT_GRACE", "20")
        .env("SECRET_OF_THE_AGENT", "hunter2")
        .current_dir(scene.server.folder());
    command
}

/// Files in which the scripts of a test leave their traces.
pub struct Traces {
    folder: PathBuf,
}

impl Traces {
    /// In the server's folder.
    pub fn of(scene: &Scene) -> Self {
        Self {
            folder: scene.server.folder().to_owned(),
        }
    }

    /// The path of a file.
    pub fn path(&self, name: &str) -> String {
        self.folder
            .join(name)
            .to_str()
            .expect("temporary folders have plain names")
            .to_owned()
    }

    /// A script that notes its process id in the file `runs`, and goes on with `then` when the file
    /// `go` is there. It ends some day, whatever becomes of the test.
    pub fn held(&self, then: &str) -> String {
        format!(
            "#!/bin/sh\necho $$ >> {}\n{}\n{then}\n",
            self.path("runs"),
            self.wait_for_go(),
        )
    }

    /// The lines of a script that wait for the file `go`.
    pub fn wait_for_go(&self) -> String {
        let go = self.path("go");
        format!("i=0; while [ ! -e {go} ] && [ $i -lt 2400 ]; do i=$((i+1)); sleep 0.05; done")
    }

    /// Lets the scripts go on.
    pub fn go(&self) {
        std::fs::write(self.folder.join("go"), "").expect("a file can be written");
    }

    /// The lines of a file, none if it is not there.
    pub fn lines(&self, name: &str) -> Vec<String> {
        lines(&self.folder.join(name))
    }

    /// Waits until a file has this many lines.
    pub async fn wait_for(&self, name: &str, count: usize) -> Vec<String> {
        eventually(&format!("{name} has {count} lines"), async || {
            let lines = self.lines(name);
            (lines.len() >= count).then_some(lines)
        })
        .await
    }
}

fn lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Whether a process lives; one that only waits for its parent to notice does not.
pub fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The most memory that a process has had, in bytes.
pub fn peak_memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .expect("Linux says so");
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>();
    kilobytes.expect("a number") * 1024
}

/// Waits for the end of a job that may take long, whatever the end is.
pub async fn end_of(scene: &Scene, job: &Value) -> Value {
    let deadline = Instant::now() + LONG_PATIENCE;
    loop {
        let now = scene.job(&job["Id"]).await;
        if !now["EndTime"].is_null() {
            return now;
        }
        assert!(Instant::now() < deadline, "the job does not end: {now:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Asks for the end of a job.
pub async fn stop(scene: &Scene, job: &Value, strategy: &str) {
    let body = json!({"jobIds": [job["Id"]], "strategy": strategy});
    scene.shared.post(STOP_JOBS, &body).await.ok(200);
}

/// Level and message of the first 1000 lines of a job, by time.
pub async fn log_of(scene: &Scene, job: &Value) -> Vec<(String, String)> {
    let key = job["Key"].as_str().expect("a key");
    let page = format!("odata/RobotLogs?$filter=JobKey eq {key}&$orderby=TimeStamp&$top=1000");
    let page = scene.shared.get(&page).await.ok(200);
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let lines = page["value"].as_array().expect("a list");
    lines
        .iter()
        .map(|line| (text(line, "Level"), text(line, "Message")))
        .collect()
}
