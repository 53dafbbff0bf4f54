//! The lines of README's "For real", from the server to the output of a job, run as they stand. What
//! differs is what cannot be the same on every machine: `~` is a temporary folder, the copy of this
//! repository in which the lines are run holds its samples only, and the port is a free one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use testkit::{eventually, free_port};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::support::EXE;

const README: &str = include_str!("../../../../README.md");

/// The address in README.
const ADDRESS: &str = "127.0.0.1:8080";

/// The shell lines of a section, block by block.
fn blocks(section: &str) -> Vec<String> {
    let (_, text) = README.split_once(section).expect("the section");
    let text = text.split("\n## ").next().unwrap_or(text);
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap_or_default().to_owned())
        .collect()
}

/// Where the lines are run.
struct Machine {
    folder: tempfile::TempDir,
    port: u16,
}

impl Machine {
    fn new() -> Self {
        let machine = Self {
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
        };
        std::fs::create_dir(machine.home()).unwrap();
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
        copy(&samples, &machine.checkout().join("samples"));
        machine
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn checkout(&self) -> PathBuf {
        self.folder.path().join("checkout")
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A shell that runs these lines and stops at the first that fails.
    fn shell(&self, lines: &str) -> Child {
        let bin = Path::new(EXE).parent().expect("the binary is in a folder");
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new("sh");
        command
            .args(["-euc", &lines.replace(ADDRESS, &self.address())])
            .current_dir(self.checkout())
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", self.home())
            .env("BATON_LISTEN", self.address())
            .env("no_proxy", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // What the lines start in the background ends with them.
            .process_group(0);
        command.spawn().expect("there is a shell")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Ends with a shell everything that it has started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let pid = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}

async fn is_healthy(address: &str) -> bool {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{address}/health")).send().await;
    answer.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn the_lines_for_real_work_as_they_stand() {
    for tool in ["sh", "curl", "sed", "zip"] {
        let found = Command::new(tool)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await;
        assert!(found.is_ok(), "{tool} is missing: ./test installs it");
    }
    let blocks = blocks("## For real\n");
    let [serve, steps @ .., look] = &blocks[..] else {
        panic!("the lines are not there")
    };
    assert!(serve.starts_with("baton serve "), "{serve}");

    let machine = Machine::new();
    let mut server = Group(machine.shell(serve));
    let address = machine.address();
    eventually("the server is there", async || {
        let ended = server.0.try_wait().unwrap();
        assert!(ended.is_none(), "the server ended: {ended:?}");
        is_healthy(&address).await.then_some(())
    })
    .await;

    // Whoever reads README looks until the job has ended; so does the test.
    let lines = format!("{}while :; do\n{look}done\n", steps.concat());
    let mut shell = Group(machine.shell(&lines));
    let out = shell.0.stdout.take().expect("it is piped");
    let mut out = BufReader::new(out).lines();
    let mut seen = Vec::new();
    let look = async {
        while let Some(line) = out.next_line().await.unwrap() {
            if seen.last() != Some(&line) {
                seen.push(line.clone());
            }
            if ["Successful", "Faulted", "Stopped"]
                .iter()
                .any(|end| line.contains(end))
            {
                return Some(line);
            }
        }
        None
    };
    let last = tokio::time::timeout(Duration::from_secs(120), look).await;
    let Ok(Some(last)) = last else {
        let _ = shell.0.start_kill();
        let mut said = String::new();
        let mut err = shell.0.stderr.take().expect("it is piped");
        let _ = tokio::time::timeout(Duration::from_secs(5), err.read_to_string(&mut said)).await;
        panic!("no output of a job: {seen:#?}\n{said}")
    };
    assert!(last.contains("\"State\":\"Successful\""), "{last}");
    assert!(last.contains("Hello, Ada!"), "{last}");
    // Each step has answered what it is for.
    for wanted in [
        "\"DisplayName\":\"Shared\"",
        "shell-hello:1.0.0",
        "\"Name\":\"hello\"",
    ] {
        assert!(
            seen.iter().any(|line| line.contains(wanted)),
            "{wanted} in {seen:#?}"
        );
    }
}
