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
