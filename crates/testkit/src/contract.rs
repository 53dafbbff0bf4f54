//! What the published contract says of an answer: which statuses an operation has, and of which
//! types the members are that it gives.
//!
//! The facts are `contract/facts.txt`, made by the script beside it, which says how to read them. Where
//! ours differs on purpose, `contract/differences.txt` says why. [`Answer::ok`](crate::Answer::ok) asks
//! here of every answer in every test, so that whatever a test calls is compared.

mod check;
mod facts;

use std::sync::LazyLock;

pub use check::check;
pub use facts::{Differences, Facts, Member, Operation, Schema, Type, same_operation};

static FACTS: LazyLock<Facts> =
    LazyLock::new(|| Facts::read(include_str!("../contract/facts.txt")));
static DIFFERENCES: LazyLock<Differences> =
    LazyLock::new(|| Differences::read(include_str!("../contract/differences.txt")));

/// The contract.
#[must_use]
pub fn facts() -> &'static Facts {
    &FACTS
}

/// Where we differ from it on purpose.
#[must_use]
pub fn differences() -> &'static Differences {
    &DIFFERENCES
}
