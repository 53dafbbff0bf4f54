//! The product as its users meet it: the real binary, over HTTP, on both databases.
//!
//! Every file is one area of the API. `BATON_TEST_POSTGRES` names the PostgreSQL server on which the
//! second half of the tests make their databases.
#![cfg(test)]

mod support;

mod access;
mod agent;
mod commands;
mod coverage;
mod crash;
mod errors;
mod folders;
mod gate;
mod guarded;
mod headers;
mod hosts;
mod identity;
mod jobs;
mod libraries;
mod logs;
mod machines;
mod migrating;
mod odata;
mod packages;
mod release_versions;
mod releases;
mod robot;
mod seeds;
mod sessions;
mod starting;
mod startup;
mod tokens;
mod users;
mod webhooks;
