//! The real agent against the real server: packages that run, fail, flood, never end, and how the
//! agent says why it does not start.

mod environment;
mod limits;
mod results;
mod sharing;
mod startup;
mod stopping;
