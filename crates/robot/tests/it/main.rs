//! The agent against a server, from the first sign-on to the last report.
#![cfg(test)]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at how its tasks end"
)]

mod basics;
mod lines;
mod python;
mod recovery;
mod routes;
mod server;
mod stopping;
mod support;
