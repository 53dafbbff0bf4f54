//! Tells waiting hosts that there is something for them, without a query.
//!
//! Every session has a counter that grows when its commands change. A host sends the last value it
//! has seen (the *stamp*): if the counter has moved on, it is answered at once, so no change is
//! missed between two requests. All counters draw from one sequence, so that a value never means
//! two things, not even for a session that was forgotten and came back. The sequence starts anew
//! with the process; a stamp of another process counts as unseen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ::odata::Guid;
use parking_lot::Mutex;
use tokio::sync::watch;

struct Slot {
    counter: watch::Sender<u64>,
    /// The counter when the commands were last read and found empty.
    empty_at: Option<u64>,
}

/// The counters of all sessions.
pub struct Hub {
    process: String,
    sequence: AtomicU64,
    slots: Mutex<HashMap<i64, Slot>>,
}

impl Hub {
    /// That of a process.
    pub fn new(Guid(process): Guid) -> Self {
        Self {
            process: format!("{:012x}", process >> 80),
            sequence: AtomicU64::new(1),
            slots: Mutex::default(),
        }
    }

    fn slot<T>(&self, session: i64, f: impl FnOnce(&mut Slot) -> T) -> T {
        let mut slots = self.slots.lock();
        let new = || Slot {
            counter: watch::Sender::new(self.next()),
            empty_at: None,
        };
        f(slots.entry(session).or_insert_with(new))
    }

    fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed)
    }

    /// The commands of a session changed.
    pub fn bump(&self, session: i64) {
        self.slot(session, |s| s.counter.send_replace(self.next()));
    }

    /// Forgets a session that is gone.
    pub fn forget(&self, session: i64) {
        self.slots.lock().remove(&session);
    }

    /// Waits until the counter differs from the stamp, or until it is `over`; the counter then.
    pub async fn wait(&self, session: i64, stamp: &str, over: impl Future<Output = ()>) -> u64 {
        let mut receiver = self.slot(session, |s| s.counter.subscribe());
        let Some(seen) = self.parse(stamp) else {
            return *receiver.borrow();
        };
        let changed = async {
            let changed = receiver.wait_for(|n| *n != seen).await;
            changed.map_or(seen, |n| *n)
        };
        tokio::select! {
            biased;
            counter = changed => counter,
            () = over => seen,
        }
    }

    /// The counter now.
    pub fn current(&self, session: i64) -> u64 {
        self.slot(session, |s| *s.counter.borrow())
    }

    /// Whether the commands, at this counter, are known to be none.
    pub fn is_empty(&self, session: i64, counter: u64) -> bool {
        self.slot(session, |s| s.empty_at == Some(counter))
    }

    /// The commands were read no earlier than at this counter, and there were none.
    pub fn found_empty(&self, session: i64, counter: u64) {
        self.slot(session, |s| s.empty_at = Some(counter));
    }

    /// The stamp to send out for a counter.
    pub fn stamp(&self, counter: u64) -> String {
        format!("{}-{counter}", self.process)
    }

    fn parse(&self, stamp: &str) -> Option<u64> {
        stamp
            .strip_prefix(&self.process)?
            .strip_prefix('-')?
            .parse()
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn nothing_is_missed_between_two_waits() {
        let hub = Hub::new(Guid(7));
        let first = hub.wait(1, "", ready(())).await;
        hub.bump(1);
        let second = hub.wait(1, &hub.stamp(first), pending()).await;
        assert_ne!(
            first, second,
            "answered at once: the change came before the wait"
        );
        let same = hub.wait(1, &hub.stamp(second), ready(())).await;
        assert_eq!(second, same);
        let other_process = hub.wait(1, "0123456789ab-2", pending()).await;
        assert_eq!(second, other_process);
    }

    #[tokio::test]
    async fn a_forgotten_session_that_comes_back_is_news() {
        let hub = Hub::new(Guid(7));
        let before = hub.stamp(hub.current(1));
        hub.forget(1);
        let after = hub.wait(1, &before, pending()).await;
        assert_ne!(hub.stamp(after), before);
    }

    #[tokio::test]
    async fn emptiness_ends_with_the_next_change() {
        let hub = Hub::new(Guid(7));
        let now = hub.current(7);
        assert!(!hub.is_empty(7, now));
        hub.found_empty(7, now);
        assert!(hub.is_empty(7, now));
        hub.bump(7);
        assert!(!hub.is_empty(7, hub.current(7)));
    }
}
