//! The real server as a child process, with everything it writes in a folder that goes with it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;

use crate::client::Client;
use crate::database::{Backend, Database};

/// Password of the user `admin`.
pub const ADMIN_PASSWORD: &str = "Adm1n-of-the-tests";
/// Client id of the application with all scopes.
pub const APP_ID: &str = "b1946ac9-2492-4d23-8bd6-0f5c5c4c9c11";
/// Its secret.
pub const APP_SECRET: &str = "s3cret/of+the=tests";

/// How long anything may take before a test gives up; nothing depends on it being exact.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What varies between servers.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// More flags of `baton serve`.
    pub args: Vec<String>,
    /// More variables; they win over the usual ones.
    pub env: Vec<(String, String)>,
}

/// A running server on a database of its own; ends with this value.
pub struct Server {
    exe: PathBuf,
    setup: Setup,
    folder: tempfile::TempDir,
    database: Option<Database>,
    child: Option<Child>,
    port: u16,
    /// `http://127.0.0.1:port`
    pub url: String,
    /// The key of the machine template `Local`.
    pub machine_key: String,
    client: Client,
}

impl Server {
    /// Starts `baton serve` and waits until it is healthy.
    pub async fn start(exe: &str, backend: Backend) -> Self {
        Self::start_with(exe, backend, Setup::default()).await
    }

    /// As [`Self::start`], with flags and variables.
    pub async fn start_with(exe: &str, backend: Backend, setup: Setup) -> Self {
        let port = free_port();
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self {
            exe: exe.into(),
            setup,
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            database: (backend == Backend::Postgres).then(Database::create),
            child: None,
            port,
            client: Client::new(&url),
            url,
            machine_key: uuid::Uuid::new_v4().to_string(),
        };
        server.launch().await;
        server
    }

    /// A command with everything this server is started with: the same data, database and port.
    #[must_use]
    pub fn command(&self) -> Command {
        self.command_at(&format!("127.0.0.1:{}", self.port))
    }

    /// As [`Self::command`], on another address.
    #[must_use]
    pub fn command_at(&self, listen: &str) -> Command {
        let mut command = self.about(&["serve", "--listen", listen]);
        command
            .args(&self.setup.args)
            .env("BATON_BOOTSTRAP_APP", format!("{APP_ID}:{APP_SECRET}"))
            .env("BATON_BOOTSTRAP_MACHINE_KEY", &self.machine_key)
            .env("BATON_ADMIN_PASSWORD", ADMIN_PASSWORD)
            .envs(self.setup.env.iter().map(|(k, v)| (k, v)));
        command
    }

    /// A command about this installation: its data folder and its database.
    #[must_use]
    pub fn about(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.exe);
        command
            .args(words)
            .arg("--data")
            .arg(self.data())
            .current_dir(self.folder.path())
            .env_remove("BATON_LISTEN")
            .env_remove("BATON_DATA")
            .stdin(Stdio::null());
        match &self.database {
            Some(database) => command.env("BATON_DATABASE_URL", &database.url),
            None => command.env_remove("BATON_DATABASE_URL"),
        };
        command
    }

    async fn launch(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file());
        let log = log.expect("the log file can be written");
        let mut command = self.command();
        command
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log);
        // A group of its own: whatever it starts is killed with it.
        self.child = Some(
            command
                .process_group(0)
                .spawn()
                .expect("the server can be started"),
        );
        let deadline = Instant::now() + PATIENCE;
        while self.client.request("GET", "/health").send().await.is_err() {
            let child = self.child.as_mut().expect("it was just started");
            if let Some(status) = child.try_wait().expect("a child can be asked") {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            assert!(
                Instant::now() < deadline,
                "the server does not answer:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.client.get("/health").await.ok(200);
    }

    /// Kills it as a power failure would.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, Signal::KILL);
            let _ = child.wait();
        }
    }

    /// Asks it to end (SIGTERM), and expects that it does so in good order.
    pub async fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        signal(&child, Signal::TERM);
        let status = ended(&mut child).await;
        assert!(
            status.success(),
            "the server ended with {status}:\n{}",
            self.log()
        );
    }

    /// Starts it again on the same data and port; it is killed first if it still runs.
    pub async fn restart(&mut self) {
        self.kill9();
        // Connections of the client's pool lead to the dead process.
        self.client = Client::new(&self.url);
        self.launch().await;
    }

    /// From now on it is later for the server by this. Only builds for tests have a clock that can be
    /// moved; a restart sets it right again.
    ///
    /// # Panics
    /// When the server does not know the command.
    pub fn advance(&self, by: Duration) {
        let mut stream = UnixStream::connect(self.data().join("control.sock"))
            .expect("the server takes commands in its data folder");
        let command = json!({"AdvanceClock": by.as_secs()});
        writeln!(stream, "{command}").expect("a command can be sent");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("a command is answered");
        assert_eq!(answer.trim(), r#"{"Ok":null}"#, "{command}");
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The URL of its database, unless that is the file in the data folder.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database.as_ref().map(|d| d.url.as_str())
    }

    /// A folder that goes with the server, for whatever a test needs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// What all starts have written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// Somebody without any credential.
    #[must_use]
    pub fn anonymous(&self) -> Client {
        self.client.clone()
    }

    /// The application with all scopes.
    pub async fn app(&self) -> Client {
        self.app_with(&[]).await
    }

    /// The application with these scopes only; none = all it may have.
    pub async fn app_with(&self, scopes: &[&str]) -> Client {
        let scope = scopes.join(" ");
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", APP_ID),
            ("client_secret", APP_SECRET),
        ];
        if !scopes.is_empty() {
            form.push(("scope", &scope));
        }
        let answer = self
            .client
            .post_form("/identity_/connect/token", &form)
            .await
            .ok(200);
        self.client
            .bearer(answer["access_token"].as_str().expect("an access_token"))
    }

    /// The administrator.
    pub async fn admin(&self) -> Client {
        self.sign_in("admin", ADMIN_PASSWORD).await
    }

    /// Anybody who has a password.
    pub async fn sign_in(&self, name: &str, password: &str) -> Client {
        let body = json!({"tenancyName": "DefaultTenant", "usernameOrEmailAddress": name, "password": password});
        let answer = self
            .client
            .post("/api/Account/Authenticate", &body)
            .await
            .ok(200);
        self.client
            .bearer(answer["result"].as_str().expect("a token"))
    }

    /// A new person with these tenant roles, signed in, and the account's id.
    pub async fn user(&self, name: &str, roles: &[&str]) -> (Client, i64) {
        let password = "Pa55word-of-somebody";
        let body = json!({"UserName": name, "Password": password, "RolesList": roles});
        let created = self.app().await.post("odata/Users", &body).await.ok(201);
        let id = created["Id"].as_i64().expect("a user has an id");
        (self.sign_in(name, password).await, id)
    }

    /// A host called `tests` that proves the key of the machine template `Local`.
    #[must_use]
    pub fn machine(&self) -> Client {
        self.machine_with(&self.machine_key, "tests")
    }

    /// A host that proves a machine's key.
    #[must_use]
    pub fn machine_with(&self, key: &str, host: &str) -> Client {
        self.client
            .with("X-ROBOT-LICENSE", key)
            .with("X-ROBOT-MACHINE", host)
            .with("X-ROBOT-VERSION", "25.10.0")
            .with("X-ROBOT-AGENT", "OS=Linux")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill9();
        let log = self.log();
        if std::thread::panicking() {
            let from = log.len().saturating_sub(20_000);
            let tail = log.get(from..).unwrap_or(&log);
            eprintln!("--- log of the server ---\n{tail}--- end of the log ---");
        } else {
            assert!(!log.contains("panicked at"), "the server panicked:\n{log}");
        }
    }
}

fn signal(child: &Child, signal: Signal) {
    let _ = kill_process_group(Pid::from_child(child), signal);
}

async fn ended(child: &mut Child) -> ExitStatus {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be asked") {
            return status;
        }
        if Instant::now() > deadline {
            signal(child, Signal::KILL);
            let _ = child.wait();
            return ExitStatus::from_raw(Signal::KILL.as_raw());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a command that should end by itself; it is killed, and the test fails, if it does not.
pub async fn run_to_end(mut command: Command) -> Output {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().expect("the command can be started");
    let status = ended(&mut child).await;
    let killed = status.signal() == Some(Signal::KILL.as_raw());
    let output = child.wait_with_output().expect("the output can be read");
    assert!(
        !killed,
        "{command:?} did not end: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A port that nobody uses, below those that the system gives to outgoing connections.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 600).unwrap_or_default() * 20;
    for _ in 0..12_000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("there is no free port");
}
