//! What the lanes have done since they were started, for metrics and for tests.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A snapshot of the counters, taken by [`Db::stats`](crate::Db::stats). All but the two
        /// queue depths only ever grow.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The living counters.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> Stats {
                Stats { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Statements run by closures.
    statements,
    /// Closures run by the readers.
    reads,
    /// Closures run by the writers; one that is run again counts again.
    writes,
    /// Transactions of the writers, each shared by one or more closures.
    batches,
    /// Transactions whose closures were run again, each alone, because of a conflict.
    reruns,
    /// Closures that failed, so that what they did was rolled back.
    failures,
    /// Closures that panicked; also counted in `failures`.
    panics,
    /// Closures refused because the queue was full.
    overloaded,
    /// Closures skipped because nobody waited for them any more.
    abandoned,
    /// Connections opened.
    connects,
    /// Closures waiting for a reader, at this moment.
    queued_reads,
    /// Closures waiting for a writer, at this moment.
    queued_writes,
    /// Microseconds closures have waited in a queue, summed up.
    wait_us,
    /// Microseconds spent in closures of readers, summed up.
    read_us,
    /// Microseconds spent in closures of writers, summed up.
    write_us,
    /// Microseconds spent in COMMITs of writers, summed up.
    commit_us,
    /// The longest wait in a queue, in microseconds.
    longest_wait_us,
    /// The longest closure of a reader, in microseconds.
    longest_read_us,
    /// The longest closure of a writer, in microseconds.
    longest_write_us,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// Adds a duration to a sum of microseconds.
pub(crate) fn add(sum: &AtomicU64, duration: Duration) {
    sum.fetch_add(micros(duration), Relaxed);
}

/// Adds a duration to a sum of microseconds and keeps the longest.
pub(crate) fn time(sum: &AtomicU64, longest: &AtomicU64, duration: Duration) {
    add(sum, duration);
    longest.fetch_max(micros(duration), Relaxed);
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
