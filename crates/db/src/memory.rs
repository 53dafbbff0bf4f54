//! Numbers that stay true until the next commit.
//!
//! How many rows a condition finds can take long and changes only with a commit. All commits of a
//! SQLite file are this process's, by one lane, so they can be counted; a number is remembered with
//! the count, and forgotten when that has moved on.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use parking_lot::Mutex;

use crate::Value;

/// Numbers kept at a time.
const MOST: usize = 1000;

/// What is remembered of one database.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Twice the number of commits; one more while a commit is under way.
    commits: AtomicU64,
    numbers: Mutex<Numbers>,
}

#[derive(Debug, Default)]
struct Numbers {
    /// The commits at which they were true.
    at: u64,
    known: HashMap<String, i64>,
}

impl Memory {
    /// A commit begins.
    pub(crate) fn commit_begins(&self) {
        self.commits.fetch_add(1, SeqCst);
    }

    /// The commit is done, or came to nothing.
    pub(crate) fn commit_ended(&self) {
        self.commits.fetch_add(1, SeqCst);
    }

    /// A mark to be taken before a snapshot.
    pub(crate) fn mark(&self) -> u64 {
        self.commits.load(SeqCst)
    }

    /// Whether nothing was committed since the mark: then it stands for the snapshot that was taken
    /// in between.
    pub(crate) fn is_current(&self, mark: u64) -> bool {
        mark.is_multiple_of(2) && self.mark() == mark
    }

    /// The number that a question was answered with at this mark.
    pub(crate) fn recall(&self, mark: u64, question: &str) -> Option<i64> {
        let numbers = self.numbers.lock();
        let known = numbers.known.get(question).copied();
        known.filter(|_| numbers.at == mark)
    }

    /// Keeps the answer to a question.
    pub(crate) fn keep(&self, mark: u64, question: String, number: i64) {
        let mut numbers = self.numbers.lock();
        if mark < numbers.at {
            return;
        }
        if mark > numbers.at || numbers.known.len() >= MOST {
            numbers.known.clear();
        }
        numbers.at = mark;
        numbers.known.insert(question, number);
    }
}

/// A statement with its parameters as one text.
pub(crate) fn question(sql: &str, params: &[Value]) -> String {
    let mut question = sql.to_owned();
    // Writing to a string cannot fail.
    let _ = write!(question, "\n{params:?}");
    question
}
