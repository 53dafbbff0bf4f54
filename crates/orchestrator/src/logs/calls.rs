//! Where robots write what their jobs say: the edge takes the lines.

use crate::op::{At, AtEdge, Nothing, Op, edge, plain};

/// Its operations.
pub const OPS: &[Op] = &[edge::<Log>(), edge::<SubmitLogs>()];

/// A line, as an object or as a text that holds one; of several, a list of texts.
#[odata::input]
pub struct Lines;

/// Writes a line of a log.
pub enum Log {}

impl AtEdge for Log {
    const AT: At = plain("POST", "api/Logs").hosts().answers(200);
    type Input = Lines;
    type Answer = Nothing;
}

/// Writes lines of a log.
pub enum SubmitLogs {}

impl AtEdge for SubmitLogs {
    const AT: At = plain("POST", "api/Logs/SubmitLogs").hosts().answers(200);
    type Input = Lines;
    type Answer = Nothing;
}
