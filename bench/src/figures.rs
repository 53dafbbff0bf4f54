//! Samples and how they are printed.

use std::io::Write;
use std::time::Duration;

/// Durations of the same thing.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Adds one.
    pub fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// Adds those of somebody else.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The duration that this share of the samples (0 to 1) does not exceed.
    pub fn percentile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (share * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .copied()
            .unwrap_or_default()
    }

    /// `p50 … p90 … p99 … max …`, in milliseconds.
    pub fn summary(&self) -> String {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| ms(self.percentile(share)));
        format!("p50 {p50:>8.3} ms   p90 {p90:>8.3} ms   p99 {p99:>8.3} ms   max {max:>8.3} ms")
    }
}

/// Milliseconds with their fraction.
pub fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A heading.
pub fn title(text: &str) {
    print(&format!("\n{text}\n"));
}

/// A named figure.
pub fn line(name: &str, value: &str) {
    print(&format!("  {name:<34} {value}\n"));
}

/// Writes to the terminal; a closed pipe is no reason to end.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_were_taken() {
        let mut samples = Samples::default();
        for n in (1..=100).rev() {
            samples.add(Duration::from_millis(n));
        }
        let at = |share| samples.percentile(share).as_millis();
        assert_eq!([at(0.5), at(0.9), at(0.99), at(1.0)], [50, 90, 99, 100]);
        assert_eq!(Samples::default().percentile(0.5), Duration::ZERO);
    }
}
