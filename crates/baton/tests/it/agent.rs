//! The real agent against the real server: packages that run, fail, flood, never end, and how the
//! agent says why it does not start.

mod limits;
mod results;
mod startup;
mod stopping;
