//! What can go wrong with keys and secrets. A bad *token* is not among it: that is everyday
//! business and has its own [`TokenError`](crate::TokenError).

use std::io;
use std::path::{Path, PathBuf};

/// Result of everything here; token verification names its own error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure an operator has to look at. `Display` says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused an operation on a key file or its folder.
    #[error("Cannot {action} {path}: {source}.")]
    Io {
        /// What was attempted, as a verb: "read", "create".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },

    /// A key file is readable or writable by other users of the machine.
    #[error(
        "The key file {0} is accessible to other users of this machine. Run `chmod 600 {0}`, and \
         consider the key compromised."
    )]
    FileExposed(PathBuf),

    /// The key folder is writable by other users, who could replace the keys.
    #[error("The key folder {0} is writable by other users of this machine. Run `chmod 700 {0}`.")]
    FolderExposed(PathBuf),

    /// A key file does not hold what was written to it.
    #[error("The key file {path} is damaged: {reason}. Restore it from a backup.")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },

    /// The data key is gone while its sibling is there. A new one would make every stored secret
    /// unreadable for good, so none is made.
    #[error(
        "The key file {0} is missing although this server has run before. Restore it from a \
         backup: without it no stored secret can be read."
    )]
    DataKeyMissing(PathBuf),

    /// A stored secret was not written by this data key, or not in this place, or was altered.
    #[error("The stored secret cannot be decrypted with this server's data key.")]
    Undecryptable,

    /// The signing key could not produce a signature.
    #[error("The token cannot be signed: {0}.")]
    Signing(String),

    /// The operating system could not make a key or a random number.
    #[error("No key could be generated.")]
    Generation,

    /// Argon2 refused the password; in practice only one above 4 GiB.
    #[error("The password cannot be hashed: {0}.")]
    Password(String),
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

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
