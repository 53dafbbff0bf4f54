//! That queues do what they promise, shown three ways: by a model that does the same, by what many
//! callers saw at once, and by what a killed server still knows.
//!
//! What is random comes from a seed, which a failure tells and `QUEUE_SEED` gives again.

mod answers;
mod bodies;
mod callers;
mod crashes;
mod driver;
mod forged;
mod history;
mod model;
mod operations;
mod rows;
mod sequences;
mod showing;
mod together;
mod whole;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} must be a number, not {value}")),
    )
}

fn seed() -> u64 {
    number("QUEUE_SEED").unwrap_or_else(|| fastrand::u64(..1 << 32))
}
