//! Commands of whoever has the data folder, while the server runs: a socket in the folder takes them.
//! So one process writes to the database, and what it remembers of it stays true.
//!
//! A command is one line of JSON, its answer another: `{"Ok":null}` or `{"Err":"a sentence"}`.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orchestrator::operator::{self, Command};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::execute::to_the_end;
use crate::tasks;

/// Longest command in bytes.
const LONGEST: u64 = 64 * 1024;

/// What comes back: nothing, or a sentence that says what to do.
pub type Answer = Result<(), String>;

/// The socket in a data folder.
pub fn socket(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// Makes the socket. A folder in which there can be none is no reason not to start: then commands wait for
/// the server to stop.
pub fn listen(app: &App) -> Option<UnixListener> {
    let path = socket(&app.config.data);
    let made = bind(&path).inspect_err(|error| {
        let path = path.display();
        tracing::warn!(%error, %path, "no commands are taken while this server runs");
    });
    made.ok()
}

/// Takes commands until the server ends.
pub async fn serve(app: Arc<App>, listener: UnixListener, stop: CancellationToken) {
    let path = socket(&app.config.data);
    stop.run_until_cancelled(accept(app, listener)).await;
    let _ = std::fs::remove_file(&path);
}

/// The folder may be open to others, the socket never is: nobody can connect before it listens, and by
/// then it is the owner's.
fn bind(path: &Path) -> io::Result<UnixListener> {
    // Of a server that was killed: the folder is ours now.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    socket.listen(8)
}

async fn accept(app: Arc<App>, listener: UnixListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let app = Arc::clone(&app);
                tasks::spawn("command", async move {
                    if let Err(error) = answer(&app, stream).await {
                        tracing::debug!(%error, "a command broke off");
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no more commands are taken");
                return;
            }
        }
    }
}

/// `{"AdvanceClock":60}`: it is so many seconds later.
#[cfg(feature = "movable-clock")]
#[derive(serde::Deserialize)]
struct AdvanceClock {
    #[serde(rename = "AdvanceClock")]
    advance_clock: u64,
}

async fn answer(app: &Arc<App>, stream: UnixStream) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut line = String::new();
    BufReader::new(from.take(LONGEST))
        .read_line(&mut line)
        .await?;
    #[cfg(feature = "movable-clock")]
    if let Ok(AdvanceClock { advance_clock }) = serde_json::from_str(&line) {
        app.advance(std::time::Duration::from_secs(advance_clock));
        return to.write_all(b"{\"Ok\":null}\n").await;
    }
    let done: Answer = match serde_json::from_str(&line) {
        Ok(command) => execute(app, command).await,
        Err(_) => Err("The server does not know this command: it is of another version.".into()),
    };
    let mut text = serde_json::to_string(&done)?;
    text.push('\n');
    to.write_all(text.as_bytes()).await
}

async fn execute(app: &Arc<App>, command: Command) -> Answer {
    let app = Arc::clone(app);
    let work = async move {
        let (now, server) = (app.now(), Arc::clone(&app.server));
        let run = move |tx: &mut db::Tx<'_>| {
            let hints = operator::run(tx, now, &server.chance, &command)?;
            Ok(((), hints))
        };
        app.follow(app.db.write(run).await)
    };
    to_the_end(work).await.map_err(|error| error.to_string())
}
