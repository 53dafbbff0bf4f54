//! The agent against a server, from the first sign-on to the last report.
#![cfg(test)]

mod basics;
mod lines;
mod python;
mod recovery;
mod routes;
mod server;
mod stopping;
mod support;
