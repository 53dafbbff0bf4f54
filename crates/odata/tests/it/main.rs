//! Reading through a database: SQLite always, PostgreSQL when `BATON_TEST_POSTGRES` names a
//! throw-away server (`host=/socket user=…`, with the right to create databases).

mod describing;
mod differential;
mod expanding;
mod filtering;
mod model;
mod paging;
