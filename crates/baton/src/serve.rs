//! `baton serve`

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use web::App;

use crate::banner;
use crate::config::{self, Settings};

/// Runs the server until it is told to stop.
///
/// # Errors
/// A sentence that says what to do.
pub async fn run(args: config::Serve) -> Result<(), String> {
    let Settings { listen, web, start } = args.resolve()?;
    // The port first: a second server on it must not touch the first one's data.
    let listener = bind(listen, "--listen").await?;
    let metrics = match web.door.metrics_listen {
        Some(address) => Some(bind(address, "--metrics-listen").await?),
        None => None,
    };
    let address = listener.local_addr().map_err(|e| e.to_string())?;
    let app = open(web, start).await?;
    if app.first.is_some() {
        print(&banner::first_run(&app, address));
    }
    tracing::info!(%address, data = %app.config.data.display(), "serving");
    web::serve(app, listener, metrics, stop_signal())
        .await
        .map_err(|e| format!("The server failed: {e}."))?;
    tracing::info!("stopped");
    Ok(())
}

/// Opens the stores off the event loop: it reads files and waits for databases.
///
/// # Errors
/// A sentence that says what to do.
pub async fn open(config: web::Config, start: web::Start) -> Result<Arc<App>, String> {
    let opened = tokio::task::spawn_blocking(move || App::open(config, &start));
    opened
        .await
        .map_err(|e| e.to_string())?
        .map_err(|e| e.to_string())
}

/// Binds the address that a setting names.
///
/// # Errors
/// A sentence that says what to do about a port in use.
pub async fn bind(address: SocketAddr, setting: &str) -> Result<TcpListener, String> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => format!(
            "The address {address} is in use. Stop what uses it, or choose another one with {setting}."
        ),
        std::io::ErrorKind::PermissionDenied => format!(
            "The address {address} is not allowed: ports below 1024 need a privilege. Choose another one with {setting}."
        ),
        _ => format!("The address {address} cannot be used: {error}. Choose another one with {setting}."),
    })
}

/// Resolves at SIGTERM or Ctrl-C.
pub async fn stop_signal() {
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(signal) => signal,
        Err(error) => {
            tracing::error!(%error, "SIGTERM cannot be watched");
            return std::future::pending().await;
        }
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Writes to the terminal; a closed pipe is no reason to end.
pub fn print(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
