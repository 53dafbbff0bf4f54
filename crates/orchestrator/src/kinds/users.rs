//! What accounts are. This is a leaf: it knows nothing else of the crate.

use odata::edm_enum;

edm_enum! {
    /// What kind of principal a user is.
    pub enum UserType {
        User = 0, Robot = 1, DirectoryUser = 2, DirectoryGroup = 3, DirectoryRobot = 4,
        DirectoryExternalApplication = 5
    }
}

impl UserType {
    /// Whether it is somebody who can have a password.
    #[must_use]
    pub fn is_person(self) -> bool {
        matches!(self, Self::User | Self::DirectoryUser)
    }
}
