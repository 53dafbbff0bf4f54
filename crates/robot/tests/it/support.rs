//! An agent under test, and a look at what its jobs do to the machine.

use std::io::Cursor;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use robot::Event;
use robot::Options;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a test waits for something before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A folder for one agent.
pub fn data() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Shell: waits until a file is there. A test that fails leaves its scripts behind, so they end by
/// themselves after a minute.
pub fn wait_in_shell(file: &Path) -> String {
    let file = file.display();
    format!("for i in $(seq 3000); do test -e {file} && break; sleep 0.02; done\n")
}

/// Shell: waits for a minute, in steps a signal can interrupt.
pub const WAIT_A_MINUTE: &str = "for i in $(seq 1200); do sleep 0.05; done\n";

/// Waits until `condition` holds.
#[track_caller]
pub fn until<'a>(
    what: &'a str,
    condition: impl Fn() -> bool + 'a,
) -> impl Future<Output = ()> + 'a {
    let caller = std::panic::Location::caller();
    async move {
        let begun = Instant::now();
        while !condition() {
            assert!(begun.elapsed() < PATIENCE, "{caller}: no {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The lines of a file a script has written.
pub fn lines_of(file: &Path) -> Vec<String> {
    std::fs::read_to_string(file)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Waits until a script has written a line to a file.
#[track_caller]
pub fn wait_for_file(file: &Path) -> impl Future<Output = ()> + '_ {
    let written = move || std::fs::read_to_string(file).is_ok_and(|text| text.ends_with('\n'));
    until("file", written)
}

/// Whether a process runs. A dead one nobody has waited for does not.
pub fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// A running agent. Dropping it is a crash: nothing is cleaned up.
pub struct Agent {
    pub events: mpsc::UnboundedReceiver<Event>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), robot::Error>>,
}

impl Agent {
    pub fn start(options: Options) -> Agent {
        let shutdown = CancellationToken::new();
        let (sender, events) = mpsc::unbounded_channel();
        let task = tokio::spawn(robot::run(options, shutdown.clone(), Some(sender)));
        Agent {
            events,
            shutdown,
            task,
        }
    }

    /// Ends it without a word, as a power cut would.
    pub async fn crash(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Shuts it down properly.
    pub async fn shut_down(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
    }

    /// How it ended by itself.
    pub async fn result(self) -> Result<(), robot::Error> {
        self.task.await.unwrap()
    }
}

/// A package with these files below `content/`; scripts are not executable, as most packers leave
/// them.
pub fn nupkg(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o600);
    for (name, text) in files {
        zip.start_file(format!("content/{name}"), options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
