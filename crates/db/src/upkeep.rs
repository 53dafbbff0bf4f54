//! When SQLite looks at its tables again.
//!
//! It chooses among indexes by statistics that somebody has to gather; without them it guesses, and
//! guesses badly for tables that have grown. `PRAGMA optimize` looks at samples of what has changed
//! a lot, so it takes milliseconds; where nothing is written, nothing is done.

use std::time::{Duration, Instant};

/// Gathers statistics of all tables that have changed much, not only of those that this connection
/// has queried: the queries are those of other connections.
pub(crate) const OPTIMIZE: &str = "PRAGMA optimize = 0x10002";

/// How long what was written may go without.
const INTERVAL: Duration = Duration::from_secs(3600);

/// So many rows are worth the first look; the next comes at ten times as many.
const FIRST: u64 = 10_000;

/// When the writer of a file looked last.
#[derive(Debug)]
pub(crate) struct Upkeep {
    at: Instant,
    /// The rows changed until then, and those that make the next look worth while.
    changes: u64,
    next: u64,
}

impl Upkeep {
    pub(crate) fn new() -> Self {
        Self {
            at: Instant::now(),
            changes: 0,
            next: FIRST,
        }
    }

    /// Whether it is time, after so many changes since the connection was opened. If so, it is
    /// taken for done.
    pub(crate) fn is_due(&mut self, changes: u64) -> bool {
        let late = changes > self.changes && self.at.elapsed() >= INTERVAL;
        let grown = changes >= self.next;
        if !late && !grown {
            return false;
        }
        self.at = Instant::now();
        self.changes = changes;
        if grown {
            self.next = changes.saturating_mul(10);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_looked_at_by_tenfolds() {
        let mut upkeep = Upkeep::new();
        let due: Vec<u64> = [
            0, 1, 9_999, 10_000, 10_001, 99_999, 123_456, 1_000_000, 1_234_560,
        ]
        .into_iter()
        .filter(|changes| upkeep.is_due(*changes))
        .collect();
        assert_eq!(due, [10_000, 123_456, 1_234_560]);
    }

    #[test]
    fn an_hour_matters_only_if_something_was_written() {
        let mut upkeep = Upkeep::new();
        let Some(past) = Instant::now().checked_sub(INTERVAL) else {
            return;
        };
        upkeep.at = past;
        assert!(!upkeep.is_due(0));
        assert!(upkeep.is_due(1));
        assert!(!upkeep.is_due(2));
        upkeep.at = past;
        assert!(!upkeep.is_due(1));
        assert!(upkeep.is_due(2));
    }
}
