//! What time it is. Rules get the time with their [`Cx`](crate::Cx); this is where it comes from.

use odata::Timestamp;
#[cfg(feature = "movable-clock")]
use std::{
    sync::atomic::{AtomicI64, Ordering::Relaxed},
    time::Duration,
};

/// The clock of a server: that of the system. A build for tests can be told that it is later; the
/// feature `movable-clock`, which no build for use has, is all that makes it so.
#[derive(Debug, Default)]
pub struct Clock {
    /// Ticks that it is ahead of the system's.
    #[cfg(feature = "movable-clock")]
    ahead: AtomicI64,
}

impl Clock {
    /// The instant of this call.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        #[cfg(feature = "movable-clock")]
        let now = Timestamp(now.0.saturating_add(self.ahead.load(Relaxed)));
        now
    }

    /// From now on it is later by this.
    #[cfg(feature = "movable-clock")]
    pub fn advance(&self, by: Duration) {
        let ticks = Timestamp(0).plus(by).0;
        self.ahead.fetch_add(ticks, Relaxed);
    }
}

#[cfg(all(test, feature = "movable-clock"))]
mod tests {
    use super::*;

    #[test]
    fn what_was_moved_stays_ahead() {
        let (clock, day) = (Clock::default(), Duration::from_secs(86_400));
        let before = clock.now();
        clock.advance(day);
        clock.advance(day);
        assert!(clock.now() >= before.plus(day * 2));
    }
}
