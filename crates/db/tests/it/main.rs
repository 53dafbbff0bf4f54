//! The crate from outside, on SQLite always, and on PostgreSQL when `BATON_TEST_POSTGRES` has the
//! URL of a server on which databases may be created.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at how its tasks end"
)]

mod batches;
mod files;
mod memory;
mod migrations;
mod outages;
mod place;
mod statements;
