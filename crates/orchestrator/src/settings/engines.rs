//! What administrators see of the engines of this server.

use odata::{Options, Timestamp};
use serde::Serialize;

use super::VIEW;
use crate::cx::Cx;
use crate::engine::Running;
use crate::error::Result;
use crate::op::{At, OWN_NAMESPACE, Operation, function};

/// An engine as it stands in this server.
#[odata::complex(name = "EngineDto")]
#[derive(Serialize)]
pub struct Engine {
    /// Its name, as in logs and `/metrics`.
    name: String,
    /// Ticks that went well since the server started.
    runs: i64,
    /// Ticks that failed.
    failures: i64,
    /// Ticks that panicked.
    panics: i64,
    /// When the last tick began.
    last_run: Option<Timestamp>,
    /// How long it took, in milliseconds.
    last_duration: f64,
    /// What it failed with, if it failed.
    last_error: Option<String>,
    /// When the next one begins, unless the engine is woken before; null while it waits for that.
    next: Option<Timestamp>,
}

impl From<&Running> for Engine {
    fn from(running: &Running) -> Self {
        let figures = running.figures.lock().clone();
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Self {
            name: running.engine.name.to_owned(),
            runs: number(figures.runs),
            failures: number(figures.failures),
            panics: number(figures.panics),
            last_run: figures.last_run,
            last_duration: figures.took.as_secs_f64() * 1000.0,
            last_error: figures.last_error,
            next: figures.next,
        }
    }
}

/// What the server does without a request, and how that goes.
#[odata::input]
pub struct Engines;

impl Operation for Engines {
    const AT: At = function("Settings", "Engines")
        .namespace(OWN_NAMESPACE)
        .needs(VIEW)
        .options(Options::VALUES);
    type Answer = Vec<Engine>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Vec<Engine>> {
        let all = cx.server.engines.iter();
        Ok(all.map(|running| running.as_ref().into()).collect())
    }
}
