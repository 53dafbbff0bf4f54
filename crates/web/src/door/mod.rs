//! The door: who may come in, how long anybody may stand in it, and what is believed of what they say
//! of themselves. Each part has its settings here.

pub mod attempts;
mod hosts;
mod tls;
pub mod watch;

use std::net::SocketAddr;
use std::time::Duration;

pub use hosts::Network;
pub use tls::{Tls, TlsError, TlsFiles};

/// The settings of the door.
#[derive(Debug, Clone, Default)]
pub struct Door {
    /// How long and how many connections may be.
    pub limits: Limits,
    /// Proxies that are believed when they say whose requests they hand on.
    pub trusted_proxies: Vec<Network>,
    /// Names of this server besides `localhost` and the addresses at which it is reached: `*.corp` for
    /// all that end so, `*` for all there are.
    pub allowed_hosts: Vec<String>,
    /// What whoever reads `/metrics` has to show.
    pub metrics_token: Option<String>,
    /// Where `/metrics` is, and nowhere else.
    pub metrics_listen: Option<SocketAddr>,
    /// Serves TLS, and nothing else.
    pub tls: Option<TlsFiles>,
}

/// How long a connection may take for what, and how many there may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request to the end of its headers.
    pub head: Duration,
    /// How long a body, or whoever reads an answer, may stand still.
    pub body: Duration,
    /// How long a connection is kept without a request. Longer than clients and proxies keep theirs (60 to
    /// 120 s), so that it is they who close them: a request sent at that moment would be lost.
    pub idle: Duration,
    /// Connections at once. More wait, before they are accepted, until others end: those that wait cost
    /// no file, and are served without having to try again.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(30),
            body: Duration::from_secs(60),
            idle: Duration::from_secs(130),
            connections: 10_000,
        }
    }
}

/// The two ends of the connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// Who sent it.
    pub peer: SocketAddr,
    /// The address of this server by which they found it.
    pub own: SocketAddr,
    /// Whether it is encrypted.
    pub secure: bool,
}
