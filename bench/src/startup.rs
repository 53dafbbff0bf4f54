//! From the start of the process until `/health` answers.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::connection::{Connection, PATIENCE};
use crate::figures::{self, Samples};

/// Measures and prints.
pub async fn measure(exe: &str, runs: usize) -> Result<(), Failure> {
    let (mut first, mut later) = (Samples::default(), Samples::default());
    for _ in 0..runs {
        let folder = tempfile::tempdir()?;
        first.add(start(exe, folder.path()).await?);
        later.add(start(exe, folder.path()).await?);
    }
    figures::title(&format!("startup: {runs} times, SQLite"));
    figures::line("empty folder (schema, keys, admin)", &first.summary());
    figures::line("existing folder", &later.summary());
    Ok(())
}

/// Starts the server, waits for its first answer, and kills it: the next start recovers, too.
async fn start(exe: &str, folder: &Path) -> Result<Duration, Failure> {
    let address = free_address().await?;
    let mut command = Command::new(exe);
    command
        .args(["serve", "--listen", &address.to_string(), "--data", "data"])
        .current_dir(folder)
        .env_remove("BATON_DATABASE_URL")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begun = Instant::now();
    let mut server = Running(command.spawn()?);
    loop {
        if TcpStream::connect(address).await.is_ok() {
            Connection::open(address, Vec::new())
                .await?
                .get("/health")
                .await?;
            return Ok(begun.elapsed());
        }
        if let Some(status) = server.0.try_wait()? {
            return Err(format!("The server ended with {status}.").into());
        }
        if begun.elapsed() > PATIENCE {
            return Err("The server does not answer.".into());
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn free_address() -> Result<SocketAddr, Failure> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?)
}

/// A server that does not outlive its measurement.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
