//! Enumerations, and sets of their members, that several features name: leaves, so that no feature needs
//! another one for them.

pub(crate) mod jobs;
mod robots;
pub(crate) mod sessions;
mod users;

pub use jobs::JobState;
pub use robots::{CredentialType, RobotType};
pub use sessions::SessionState;
pub use users::UserType;

/// An entity that a body names by its number; what else is said of it does not matter.
#[odata::complex(name = "EntityByIdDto")]
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub struct ById {
    /// Number of the entity.
    #[edm(required)]
    pub id: i64,
}
