//! The address of a file that was exported: the edge opens it.

use crate::op::{At, AtEdge, File, Op, edge, plain};

/// Its operation.
pub const OPS: &[Op] = &[edge::<ExportFile>()];

/// What `GetDownloadLink` has put into the address.
#[odata::input]
pub struct SignedAddress {
    /// The number of the export.
    #[edm(required)]
    pub id: i64,
    /// When the address ends.
    #[edm(required)]
    pub expires: i64,
    /// The seal of both.
    #[edm(required)]
    pub signature: String,
}

/// Gives the file to whoever has its address.
pub enum ExportFile {}

impl AtEdge for ExportFile {
    const AT: At = plain("GET", "api/ExportFiles/{id}").public();
    type Input = SignedAddress;
    type Answer = File;
}
