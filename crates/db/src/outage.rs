//! What the lanes of one queue know together about a server that does not answer.
//!
//! Without it, a lane that cannot connect would be the fastest to "serve" a request, and would fail
//! most of them while its healthy neighbours wait for work.

use crate::Error;
use crate::stats::{Counters, count};
use crate::tx::Unconnected;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pauses between attempts to connect: doubled from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// Shared by the connections of one queue.
pub(crate) struct Outage {
    known: Mutex<Known>,
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Known {
    connected: usize,
    failures: u32,
    /// Since the last failure: what it was, and when to try again.
    down: Option<(Error, Instant)>,
}

impl Outage {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self {
            known: Mutex::default(),
            counters,
        }
    }

    /// What to do instead of connecting, while the last failure is recent.
    pub(crate) fn recent(&self) -> Option<Unconnected> {
        let known = self.known.lock();
        let (error, until) = known.down.as_ref()?;
        let pause = until.checked_duration_since(Instant::now())?;
        Some(match known.connected {
            0 => Unconnected::Fail(error.clone()),
            _ => Unconnected::Wait(pause),
        })
    }

    pub(crate) fn failed(&self, error: Error) -> Unconnected {
        let mut known = self.known.lock();
        let pause = LAST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(known.failures.min(10)));
        known.failures += 1;
        known.down = Some((error.clone(), Instant::now() + pause));
        match known.connected {
            0 => Unconnected::Fail(error),
            _ => Unconnected::Wait(pause),
        }
    }

    pub(crate) fn connected(self: &Arc<Self>) -> Presence {
        count(&self.counters.connects);
        let mut known = self.known.lock();
        *known = Known {
            connected: known.connected + 1,
            failures: 0,
            down: None,
        };
        Presence(Arc::clone(self))
    }
}

/// One connection counts as connected for as long as this lives.
pub(crate) struct Presence(Arc<Outage>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.known.lock().connected -= 1;
    }
}
