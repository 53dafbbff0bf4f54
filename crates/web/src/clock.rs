//! Waiting for a time of the server's clock.

use std::time::Duration;

use ::odata::Timestamp;

use crate::app::App;

impl App {
    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.server.clock.now()
    }

    /// Returns when that time has come.
    pub async fn until(&self, at: Timestamp) {
        loop {
            // Before the clock is asked: who moves it wakes everybody who waits by then.
            let moved = self.clock_moved.notified();
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            // A little more, so that it has passed.
            let pause = tokio::time::sleep(left + Duration::from_millis(1));
            tokio::select! {
                () = pause => {}
                () = moved => {}
            }
        }
    }

    /// From now on it is later by this, for everybody who waits, too.
    #[cfg(feature = "movable-clock")]
    pub(crate) fn advance(&self, by: Duration) {
        tracing::warn!(?by, "a test has moved the clock");
        self.server.clock.advance(by);
        self.clock_moved.notify_waiters();
    }
}
