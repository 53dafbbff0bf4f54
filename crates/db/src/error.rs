//! What can go wrong, told apart as far as a caller can act on it.
//!
//! The two engines report the same mishap in different words and numbers; both are mapped here to
//! one enum, so the code above never asks which engine it talks to. Everything nobody can act on is
//! [`Error::Sql`] with the engine's own sentence.

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of the database, of a statement, or of the lane that ran it.
///
/// It is `Clone` because one failed COMMIT is the answer to every caller that shared it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A row with this key exists already.
    #[error("a row with the same {constraint} exists already")]
    Unique {
        /// What was violated as the engine calls it: SQLite names the columns
        /// (`items.reference`), PostgreSQL the constraint or index (`items_reference_key`).
        constraint: String,
    },
    /// A row refers to one that does not exist, or is referred to by one that does.
    #[error("a row that is referred to is missing, or is still in use")]
    ForeignKey,
    /// The queue of the lanes is full. The caller should try again in a moment (HTTP 503).
    #[error("the database is overloaded")]
    Overloaded,
    /// There is no connection, it was lost, or the database has been closed.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The schema was written by a newer program than this one.
    #[error(
        "the database has schema version {found}, this program knows {known}: use a newer program"
    )]
    Newer {
        /// The highest version found in the database.
        found: u32,
        /// The highest version this program has a migration for; 0 when it has none.
        known: u32,
    },
    /// Another process, or another [`Db`](crate::Db) of this one, holds the SQLite file.
    #[error("{0}")]
    Locked(String),
    /// The URL, an option or a migration is not usable.
    #[error("{0}")]
    Invalid(String),
    /// The closure panicked; what it did is rolled back and the panic is in the log.
    #[error("the operation failed unexpectedly")]
    Panic,
    /// A text parameter holds the character NUL, which no text column can store.
    #[error("a text holds the character NUL (\\u0000), which cannot be stored")]
    Nul,
    /// A calculation in a statement left the range of its type.
    #[error("a calculation leaves the range of its numbers")]
    OutOfRange,
    /// Any other refusal of a statement, in the engine's words.
    #[error("{0}")]
    Sql(String),
    /// A cell was asked for with a type it does not have, or does not exist.
    #[error("{0}")]
    Cell(String),
}
