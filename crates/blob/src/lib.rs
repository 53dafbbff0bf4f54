//! Files in the data folder: packages, bucket files, attachments.
//!
//! A blob is written under a temporary name, checked by whoever brings it, and then kept under
//! its key in one step. So a key that can be read is whole, and [`Store::keep`] returns only when
//! file and name survive a power cut: the caller may then commit a row that points to it.
//! Blobs never change; a new content gets a new key.

mod error;
mod incoming;
mod key;
mod store;

pub use error::{Error, Result};
pub use incoming::Incoming;
pub use store::Store;
