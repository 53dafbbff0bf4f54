//! Why a package is refused. `Display` is a sentence for whoever uploaded it.

/// Result of reading or writing a package.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a package is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No zip file at all, or one whose directory cannot be read.
    #[error("The file is not a package: {0}.")]
    NotZip(String),

    /// No manifest at the root.
    #[error("The package has no .nuspec file at its root.")]
    NoNuspec,

    /// Several manifests: readers would disagree on which one counts.
    #[error("The package has more than one .nuspec file at its root.")]
    ManyNuspecs,

    /// A manifest that is no XML, or lacks or misstates id or version.
    #[error("The package's .nuspec file is not valid: {0}.")]
    BadNuspec(String),

    /// An entry that would be unpacked outside its folder, or nowhere.
    #[error("The package contains a file with an unsafe name: \"{}\".", .0.escape_debug())]
    UnsafeName(String),

    /// A symbolic link, which could lead anywhere.
    #[error("The package contains a symbolic link: \"{}\".", .0.escape_debug())]
    Link(String),

    /// Two entries would be unpacked to the same place, at least where case does not count.
    #[error("The package contains the file \"{}\" twice.", .0.escape_debug())]
    Duplicate(String),

    /// An entry is longer or shorter than the zip directory says.
    #[error("The package's file \"{}\" does not have the size it declares.", .0.escape_debug())]
    LyingSize(String),

    /// An entry cannot be inflated, or its checksum is wrong.
    #[error("The package's file \"{}\" is damaged: {reason}.", name.escape_debug())]
    Damaged {
        /// The entry.
        name: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A limit is exceeded; see [`Limits`](crate::Limits).
    #[error("The package is too large: {what} may not exceed {limit}.")]
    TooLarge {
        /// What is limited, with its unit.
        what: String,
        /// The limit.
        limit: u64,
    },

    /// An entry needs a password.
    #[error("The package's file \"{}\" is encrypted.", .0.escape_debug())]
    Encrypted(String),

    /// A description of the project does not say what it must.
    #[error("The package's file \"{}\" is not valid: {reason}.", file.escape_debug())]
    BadMetadata {
        /// The entry.
        file: String,
        /// What is wrong with it.
        reason: String,
    },

    /// Reading the package failed for reasons outside of it.
    #[error("The package cannot be read: {0}.")]
    Io(String),
}

impl Error {
    pub(crate) fn bad_metadata(file: &str, reason: impl Into<String>) -> Self {
        Self::BadMetadata {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }
}
