//! The one error of this crate. A caller decides three ways: the query, key or path was wrong, a
//! member of the body was wrong, or the database failed; so there are three variants.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request could not be read or answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The query options, the key or the path are wrong: status 400. The text is for the caller.
    #[error("{0}")]
    Invalid(String),
    /// A member of a body breaks its declaration: status 400. The text is for the caller.
    #[error("{0}")]
    Field(String),
    /// A value is nothing of the kind that is declared: status 400. The text is for the caller.
    #[error("{0}")]
    Shape(String),
    /// The database refused or failed; says nothing to the caller.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// A refusal of a query option, with the sentence that every such refusal starts with.
    pub(crate) fn query(detail: impl std::fmt::Display) -> Error {
        Error::Invalid(format!("Invalid OData query options. {detail}"))
    }
}
