//! What can go wrong in the domain, and the numbers clients know it by.
//!
//! Clients test `errorCode` (1001, 1002, 1004, 1016, 1100, 1101, 1671, 2818 …) and print `message`,
//! so both are part of the contract. A variant exists only where a caller decides differently;
//! everything that is "a rule of the product said no" is [`Error::Refused`] with a [`Code`].

use thiserror::Error;

/// The result of a domain function.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Numbered refusals. The numbers are those of the original product's error list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// 1000: the request cannot be understood (also invalid OData).
    InvalidRequest = 1000,
    /// 1001
    NameAlreadyUsed = 1001,
    /// 1002
    ItemNotFound = 1002,
    /// 1004: also a package version that exists.
    ItemAlreadyExists = 1004,
    /// 1009: a value out of its range or form.
    InvalidArgument = 1009,
    /// 1024: too busy, or without its database.
    ServiceUnavailable = 1024,
    /// The request is larger than the server takes (413); the original has no number of its own.
    PayloadTooLarge = 1031,
    /// 1012
    HasDependentItems = 1012,
    /// 1017: an object of another folder or tenant was named.
    ForbiddenOperation = 1017,
    /// 1023
    FieldNotEditable = 1023,
    /// 1100: the folder does not exist or is not the caller's.
    InvalidOrganizationUnit = 1100,
    /// 1101: no folder header on a request that needs one.
    RequiredOrganizationUnit = 1101,
    /// 1106: robots and environments are made in classic folders only.
    CannotCreateClassicEntities = 1106,
    /// 1201: the machine has another key than the robot's, or the key another machine.
    MachineAlreadyPairedWithDifferentLicenseKey = 1201,
    /// 1204
    InvalidMachineKey = 1204,
    /// 1205
    MachineNameRequired = 1205,
    /// 1206
    UserNameRequired = 1206,
    /// 1207
    CannotDeleteBusyRobot = 1207,
    /// 1210
    CannotUpdateBusyRobot = 1210,
    /// 1212
    UserNameInvalid = 1212,
    /// 1214
    CannotAssignMachineToFloatingRobot = 1214,
    /// 1215
    CannotUpdateRobotHostingType = 1215,
    /// 1216
    CannotAssignMachineTemplateToStandardRobot = 1216,
    /// 1219
    InvalidMachineId = 1219,
    /// 1226: nobody with that name or key may use a robot on this machine.
    RobotNotFound = 1226,
    /// 1230
    UserDoesNotHaveRobot = 1230,
    /// 1242: the machine speaks without having started its service.
    MachineSessionNotFound = 1242,
    /// 1670: each robot waits for one job of a process at a time.
    PendingJobsAlreadyExist = 1670,
    /// 1671: no such unattended robot in the folder.
    InvalidStartJobRobotIds = 1671,
    /// 1674
    InvalidReleaseKey = 1674,
    /// 1677
    PackageNotFound = 1677,
    /// 1681: the job is not this robot's (any more).
    InvalidJobIdOrRobotKey = 1681,
    /// The job is not in a state that can be stopped. Its number is not published; this one lies in
    /// the gap where the name stands in the list.
    JobCannotBeCancelled = 1640,
    /// The upload is not a package; number as above.
    InvalidPackageDetails = 1641,
    /// 1687: key and name are those of two processes.
    InvalidReleaseKeyAndName = 1687,
    /// 2801
    MandatoryPropertiesForRootFolderNotSpecified = 2801,
    /// 2803
    NoHierarchyAllowedForClassicFolders = 2803,
    /// 2804
    MaximumFolderHierarchyDepthReached = 2804,
    /// 2808
    EntitiesRequiredForAssignmentNotFound = 2808,
    /// 2810
    InvalidFolderDisplayName = 2810,
    /// 2815
    StrategyNotAvailableInModernFolder = 2815,
    /// 2816
    StrategyNotAvailableInClassicFolder = 2816,
    /// 2818
    NoMachineAssociatedWithFolder = 2818,
}

impl Code {
    /// The HTTP status that clients expect with this code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidOrganizationUnit | Self::ForbiddenOperation => 403,
            Self::InvalidMachineKey => 401,
            Self::PayloadTooLarge => 413,
            Self::ServiceUnavailable => 503,
            Self::ItemNotFound | Self::PackageNotFound | Self::RobotNotFound => 404,
            Self::NameAlreadyUsed
            | Self::ItemAlreadyExists
            | Self::HasDependentItems
            | Self::MachineAlreadyPairedWithDifferentLicenseKey
            | Self::CannotDeleteBusyRobot
            | Self::CannotUpdateBusyRobot
            | Self::UserDoesNotHaveRobot
            | Self::PendingJobsAlreadyExist
            | Self::MachineSessionNotFound
            | Self::InvalidStartJobRobotIds
            | Self::InvalidJobIdOrRobotKey
            | Self::JobCannotBeCancelled
            | Self::NoMachineAssociatedWithFolder => 409,
            _ => 400,
        }
    }
}

/// Everything a domain function can answer instead of a result.
#[derive(Debug, Error)]
pub enum Error {
    /// A rule of the product.
    #[error("{message}")]
    Refused {
        /// What rule.
        code: Code,
        /// A sentence for the caller.
        message: String,
    },
    /// The body is missing or does not fit: the original names the parameter that stayed null.
    #[error("{param} must not be null{}", .why.as_ref().map(|w| format!(": {w}")).unwrap_or_default())]
    NotNull {
        /// The parameter's name, e.g. `startInfo`.
        param: String,
        /// What did not fit, when there was a body.
        why: Option<String>,
    },
    /// No valid credential for this call.
    #[error("{0}")]
    Unauthenticated(String),
    /// The caller's roles do not allow it.
    #[error("You are not authorized!")]
    Forbidden {
        /// The missing permission, e.g. `Jobs.Create`.
        needed: String,
    },
    /// The token's scopes do not allow it.
    #[error("Scope(s) '{granted}' is(are) invalid. Expect to have '{needed}'. ")]
    MissingScope {
        /// The token's scopes, blank separated.
        granted: String,
        /// The scopes of which one is needed.
        needed: String,
    },
    /// Part of the contract, but not built.
    #[error("{0}")]
    NotBuilt(String),
    /// No such address.
    #[error("{0}")]
    NoSuchAddress(String),
    /// A query, key, path or body that OData refuses.
    #[error(transparent)]
    OData(#[from] odata::Error),
    /// The store.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A secret could not be sealed or a hash not made: never the caller's fault.
    #[error("internal: {0}")]
    Internal(String),
}

impl Error {
    /// A refusal with its sentence.
    pub fn refused(code: Code, message: impl Into<String>) -> Self {
        Self::Refused {
            code,
            message: message.into(),
        }
    }

    /// 1002 with the original's wording: `Robot does not exist.`
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::refused(Code::ItemNotFound, format!("{what} does not exist."))
    }

    /// 1009
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::refused(Code::InvalidArgument, message)
    }

    /// Turns a unique violation into "the name is already used".
    #[must_use]
    pub fn name_taken(self, name: &str) -> Self {
        match self {
            Self::Db(db::Error::Unique { .. })
            | Self::OData(odata::Error::Db(db::Error::Unique { .. })) => Self::refused(
                Code::NameAlreadyUsed,
                format!("The name {name} is already used."),
            ),
            other => other,
        }
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
