//! What can go wrong with a blob.

use std::io;
use std::path::{Path, PathBuf};

/// Result of every operation on blobs.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a blob could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no blob with this key.
    #[error("There is no stored file \"{0}\".")]
    NotFound(String),

    /// The key is taken; blobs are never overwritten.
    #[error("The stored file \"{0}\" exists already.")]
    Exists(String),

    /// The key could lead outside the store, or to another file on another system.
    #[error("\"{}\" is not a valid key of a stored file.", .0.escape_debug())]
    BadKey(String),

    /// The file system refused.
    #[error("Cannot {action} {path}: {source}.")]
    Io {
        /// What was attempted, as a verb: "write", "flush".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: an I/O failure of `action` on `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
