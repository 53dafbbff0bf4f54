//! Reading through a database: SQLite always, PostgreSQL when `BATON_TEST_POSTGRES` names a
//! throw-away server (`host=/socket user=…`, with the right to create databases).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers too")]

mod describing;
mod differential;
mod expanding;
mod filtering;
mod model;
mod paging;
mod shapes;
mod walking;
