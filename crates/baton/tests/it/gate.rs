//! A gate between agent and server: it passes everything on, and can be shut for downloads, so that
//! a test can stop time between two steps of the agent.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running gate; it ends with this value.
pub struct Gate {
    /// `http://127.0.0.1:port`
    pub url: String,
    open: Arc<watch::Sender<bool>>,
    held: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    /// A gate in front of `http://host:port`, shut for downloads of packages.
    pub async fn before(server: &str) -> Self {
        let address: SocketAddr = server.trim_start_matches("http://").parse().expect("a URL");
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (open, (hold, held)) = (Arc::new(watch::Sender::new(false)), watch::channel(false));
        let (opened, hold) = (Arc::clone(&open), Arc::new(hold));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (open, hold) = (opened.subscribe(), Arc::clone(&hold));
                tokio::spawn(pass(client, address, open, hold));
            }
        });
        Self {
            url,
            open,
            held,
            task,
        }
    }

    /// Waits until a download is held.
    pub async fn held(&self) {
        let mut held = self.held.clone();
        held.wait_for(|held| *held)
            .await
            .expect("the gate is there");
    }

    /// Lets downloads pass from now on.
    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    open: watch::Receiver<bool>,
    hold: Arc<watch::Sender<bool>>,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let ((from_client, mut to_client), (mut from_server, to_server)) =
        (client.into_split(), server.into_split());
    let answers =
        tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    requests(from_client, to_server, open, &hold).await;
    answers.abort();
}

/// Requests are small and sent at once, so each arrives in one piece or begins one.
async fn requests(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut open: watch::Receiver<bool>,
    hold: &watch::Sender<bool>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(size @ 1..) = from.read(&mut buffer).await {
        let download = buffer[..size].windows(15).any(|w| w == b"DownloadPackage");
        if download && !*open.borrow() {
            hold.send_replace(true);
            if open.wait_for(|open| *open).await.is_err() {
                return;
            }
        }
        if to.write_all(&buffer[..size]).await.is_err() {
            return;
        }
    }
}
