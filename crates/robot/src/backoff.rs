//! Pauses between tries.

use std::time::Duration;

/// Growing pauses between tries: 0.1 s, doubled up to 10 s. A quarter of each is left to chance, so
/// that a hundred robots do not return to a restarted server in the same instant.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);

    /// Starts with the shortest pause.
    pub fn new() -> Backoff {
        Backoff {
            next: Backoff::FIRST,
        }
    }

    /// The pause before the next try.
    pub fn step(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(Backoff::LONGEST);
        // A version 4 UUID is at hand and random enough for this.
        let chance = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
        pause * 3 / 4 + pause * chance / 1024
    }

    /// Sleeps for the next pause.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.step()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_ten_seconds_and_stays_there() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..12).map(|_| backoff.step()).collect();
        assert!(pauses[0] >= Duration::from_millis(75) && pauses[0] <= Duration::from_millis(100));
        assert!(pauses.iter().all(|pause| *pause <= Backoff::LONGEST));
        assert!(pauses[11] >= Duration::from_millis(7_500));
    }
}
