//! What can go wrong in the domain, and the numbers clients know it by.
//!
//! Clients test `errorCode` (1001, 1002, 1004, 1016, 1100, 1101, 1671, 2818 …) and print `message`,
//! so both are part of the contract. A variant exists only where a caller decides differently;
//! everything that is "a rule of the product said no" is [`Error::Refused`] with a [`Code`].

use std::time::Duration;

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
    /// 1007: also a comment of somebody else.
    ErrorUpdating = 1007,
    /// 1009: a value out of its range or form.
    InvalidArgument = 1009,
    /// 1012
    HasDependentItems = 1012,
    /// 1013
    ItemIsInUse = 1013,
    /// 1016: the reference of a queue item is taken.
    DuplicateReference = 1016,
    /// 1017: an object of another folder or tenant was named.
    ForbiddenOperation = 1017,
    /// 1020: the row is not in the version that the caller saw.
    OptimisticConcurrency = 1020,
    /// 1023
    FieldNotEditable = 1023,
    /// 1024: too busy, or without its database.
    ServiceUnavailable = 1024,
    /// The request is larger than the server takes (413); the original has no number of its own.
    PayloadTooLarge = 1031,
    /// 1028: an `Idempotency-Key` that was used for another request.
    DuplicateKey = 1028,
    /// Too many wrong secrets were shown (429); the original has no number of its own.
    TooManyAttempts = 1032,
    /// 1100: the folder does not exist or is not the caller's.
    InvalidOrganizationUnit = 1100,
    /// 1101: no folder header on a request that needs one.
    RequiredOrganizationUnit = 1101,
    /// 1102: a workspace is its owner's, not the administrators'.
    OrganizationUnitNotEditable = 1102,
    /// 1106: robots and environments are made in classic folders only.
    CannotCreateClassicEntities = 1106,
    /// 1201: the machine has another key than the robot's, or the key another machine.
    MachineAlreadyPairedWithDifferentLicenseKey = 1201,
    /// 1203
    HasAttachedRobots = 1203,
    /// 1204
    InvalidMachineKey = 1204,
    /// 1205
    MachineNameRequired = 1205,
    /// 1206
    UserNameRequired = 1206,
    /// 1207: also one that jobs wait for.
    CannotDeleteBusyRobot = 1207,
    /// 1210
    CannotUpdateBusyRobot = 1210,
    /// 1211
    MachineTypeCannotChange = 1211,
    /// 1212
    UserNameInvalid = 1212,
    /// 1214
    CannotAssignMachineToFloatingRobot = 1214,
    /// 1215
    CannotUpdateRobotHostingType = 1215,
    /// 1216
    CannotAssignMachineTemplateToStandardRobot = 1216,
    /// 1217
    CannotUpdateActiveSession = 1217,
    /// 1219
    InvalidMachineId = 1219,
    /// 1226: nobody with that name or key may use a robot on this machine.
    RobotNotFound = 1226,
    /// 1227: machines that the server keeps for itself.
    MachineScopeProtected = 1227,
    /// 1228
    MachineKeyCannotChange = 1228,
    /// 1230
    UserDoesNotHaveRobot = 1230,
    /// 1237
    MachineMaintenanceWindowDuration = 1237,
    /// 1238
    MachineMaintenanceTimeZoneId = 1238,
    /// 1242: the machine speaks without having started its service.
    MachineSessionNotFound = 1242,
    /// The codes of users and roles are not published; these follow from the order of their names.
    CannotDeleteStaticRole = 1405,
    /// 1406: also one's own account, by oneself.
    UserNotEditable = 1406,
    /// 1411
    RoleIsNotEditable = 1411,
    /// 1413
    CannotUpdateUsername = 1413,
    /// 1423
    CannotChangeRoleType = 1423,
    /// 1424: a role for the tenant grants what is granted in folders.
    InvalidTenantRole = 1424,
    /// 1425: a role for folders grants what is granted for the tenant.
    InvalidFolderRole = 1425,
    /// 1427
    CannotAssignFolderRolesToUser = 1427,
    /// 1428
    CannotAssignTenantRolesToFolder = 1428,
    /// 1430
    CannotDeleteLastAdmin = 1430,
    /// 1431
    CannotUnassignLastAdmin = 1431,
    /// 1432
    CannotInactivateLastAdmin = 1432,
    /// 1435: nobody gives away permissions that they do not have.
    AdditionalPermissionsNotAllowed = 1435,
    /// 1436
    CreateCustomMixedRoleNotAllowed = 1436,
    /// 1437: its permissions fit neither the tenant nor folders alone.
    UnclearRolePleaseTenantOrFolder = 1437,
    /// 1613
    InvalidTimeZoneId = 1613,
    /// The job is not in a state that can be stopped. Its number is not published; this one lies in
    /// the gap where the name stands in the list.
    JobCannotBeCancelled = 1640,
    /// The upload is not a package; number as above.
    InvalidPackageDetails = 1641,
    /// A package that a process or a waiting job uses cannot be deleted; number as above.
    HasAttachedProcesses = 1642,
    /// There is nothing to roll back to; number as above.
    PreviousVersionNotFound = 1643,
    /// A process with unfinished jobs cannot be deleted; number as above.
    HasRunningJobs = 1644,
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
    /// 1687: key and name are those of two processes.
    InvalidReleaseKeyAndName = 1687,
    /// 1693: the release follows its package by itself.
    VersionsManagedAutomatically = 1693,
    /// A queue with unique references got an item without one. The numbers of queues are not
    /// published; these lie in the gap where the names stand in the list, in its order.
    TransactionReferenceRequired = 1900,
    /// The progress of an item is set while somebody works on it.
    InvalidTransactionProgressStatus = 1901,
    /// The result of an item is set after it was taken.
    TransactionNotStarted = 1902,
    /// Nobody with that number may review.
    ReviewerNotAvailable = 1903,
    /// Encryption and unique references of a queue are settled when it is made.
    QueueDefinitionParametersCannotChange = 1904,
    /// A dictionary of an item is not as the queue's schema says.
    QueueItemSchemaViolationException = 1906,
    /// Not a JSON schema.
    InvalidQueueSchemaDefinition = 1907,
    /// A schema that would refuse what the one before took.
    InvalidQueueSchemaDefinitionChange = 1908,
    /// There is no such kind of schema.
    InvalidQueueSchemaType = 1909,
    /// The queue has no schema of that kind.
    QueueSchemaDefinitionNotFound = 1910,
    /// The content of a queue item is too large (413).
    QueueItemContentSizeExceeded = 1914,
    /// The item is over already.
    QueueItemInvalidTransitionFromFinalStatus = 1915,
    /// Only failed and abandoned items are retried and reviewed.
    QueueItemInvalidStatusForRetry = 1916,
    /// The output of a queue item is too large (413).
    QueueItemOutputDataSizeExceeded = 1917,
    /// Its analytics are too large (413).
    QueueItemAnalyticsDataSizeExceeded = 1918,
    /// The reason or the details of an exception are too long (413).
    QueueProcessingExceptionFieldSizeExceeded = 1919,
    /// The progress of a queue item is too long (413).
    QueueItemProgressDataSizeExceeded = 1920,
    /// The kind of package belongs into another feed. Its number is not published either; this one
    /// and the next lie before those of the credential stores, where the names stand in the list.
    PublishIsNotAllowedForThisPackageType = 2099,
    /// Nobody sends such events; number as above.
    UnknownWebhookEventType = 2100,
    /// The tenant has asked for all exports that it may in a day (429). Its number is not published; this
    /// one lies behind those of the test sets, where the name stands in the list.
    ExportTenantDailyLimitReached = 3900,
    /// 2801
    MandatoryPropertiesForRootFolderNotSpecified = 2801,
    /// 2803
    NoHierarchyAllowedForClassicFolders = 2803,
    /// 2804
    MaximumFolderHierarchyDepthReached = 2804,
    /// 2805
    CannotChangeRobotProvisionType = 2805,
    /// 2806
    CannotChangeFolderPermissionModel = 2806,
    /// 2807
    CannotEditFolderParent = 2807,
    /// 2808
    EntitiesRequiredForAssignmentNotFound = 2808,
    /// 2809
    CannotAssignRolesToNonFineGrainedFolders = 2809,
    /// 2810
    InvalidFolderDisplayName = 2810,
    /// 2814
    CannotAssignMachineToClassicFolder = 2814,
    /// 2815
    StrategyNotAvailableInModernFolder = 2815,
    /// 2816
    StrategyNotAvailableInClassicFolder = 2816,
    /// 2818
    NoMachineAssociatedWithFolder = 2818,
    /// 2819
    ClassicFoldersCannotBeInvolvedInMoveOperation = 2819,
    /// 2820
    CannotMoveToDescendantFolder = 2820,
    /// 2826
    CannotChangeFolderFeedType = 2826,
    /// 2830
    CannotUnassignFromFolder = 2830,
}

impl Code {
    /// The HTTP status that clients expect with this code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidOrganizationUnit
            | Self::ForbiddenOperation
            | Self::AdditionalPermissionsNotAllowed => 403,
            Self::InvalidMachineKey => 401,
            Self::PayloadTooLarge
            | Self::QueueItemContentSizeExceeded
            | Self::QueueItemOutputDataSizeExceeded
            | Self::QueueItemAnalyticsDataSizeExceeded
            | Self::QueueProcessingExceptionFieldSizeExceeded
            | Self::QueueItemProgressDataSizeExceeded => 413,
            Self::ServiceUnavailable => 503,
            Self::ExportTenantDailyLimitReached | Self::TooManyAttempts => 429,
            Self::ItemNotFound
            | Self::PackageNotFound
            | Self::PreviousVersionNotFound
            | Self::QueueSchemaDefinitionNotFound
            | Self::RobotNotFound => 404,
            Self::NameAlreadyUsed
            | Self::ItemAlreadyExists
            | Self::HasDependentItems
            | Self::OptimisticConcurrency
            | Self::HasAttachedProcesses
            | Self::HasRunningJobs
            | Self::VersionsManagedAutomatically
            | Self::ItemIsInUse
            | Self::HasAttachedRobots
            | Self::CannotUpdateActiveSession
            | Self::MachineScopeProtected
            | Self::CannotDeleteBusyRobot
            | Self::CannotUpdateBusyRobot
            | Self::ErrorUpdating
            | Self::DuplicateReference
            | Self::DuplicateKey
            | Self::FieldNotEditable
            | Self::QueueDefinitionParametersCannotChange
            | Self::QueueItemInvalidStatusForRetry
            | Self::QueueItemInvalidTransitionFromFinalStatus
            | Self::TransactionNotStarted
            | Self::InvalidTransactionProgressStatus
            | Self::UserDoesNotHaveRobot
            | Self::CannotDeleteStaticRole
            | Self::RoleIsNotEditable
            | Self::CannotDeleteLastAdmin
            | Self::CannotUnassignLastAdmin
            | Self::CannotInactivateLastAdmin
            | Self::MachineAlreadyPairedWithDifferentLicenseKey
            | Self::PendingJobsAlreadyExist
            | Self::MachineSessionNotFound
            | Self::InvalidStartJobRobotIds
            | Self::InvalidJobIdOrRobotKey
            | Self::JobCannotBeCancelled
            | Self::NoMachineAssociatedWithFolder => 409,
            _ => 400,
        }
    }

    /// The name, as the API writes it in lists of what failed.
    #[must_use]
    pub fn name(self) -> String {
        format!("{self:?}")
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
    /// 1100 where the folder is part of what is asked for: 400 instead of its usual status.
    #[error("{0}")]
    NoFolder(String),
    /// A limit of the product was reached, which passes.
    #[error("{message}")]
    Later {
        /// What limit.
        code: Code,
        /// A sentence for the caller.
        message: String,
        /// When it is worth asking again.
        after: Duration,
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
    /// The entity is not in the state that `If-Match` names.
    #[error("{0}")]
    Precondition(String),
    /// A body of a type or in an encoding that is not read.
    #[error("{0}")]
    MediaType(String),
    /// The body of the request stood still for too long.
    #[error("Nothing of the body came for too long. Send the request again.")]
    TooSlow,
    /// Part of the contract, but not built.
    #[error("{0}")]
    NotBuilt(String),
    /// No such address.
    #[error("{0}")]
    NoSuchAddress(String),
    /// A query, key, path or body that OData refuses.
    #[error(transparent)]
    OData(odata::Error),
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

    /// Turns "others refer to it" into the refusal that says so.
    #[must_use]
    pub fn in_use(self, message: &str) -> Self {
        match self {
            Self::Db(db::Error::ForeignKey) => Self::refused(Code::HasDependentItems, message),
            other => other,
        }
    }

    /// 1009
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::refused(Code::InvalidArgument, message)
    }

    /// A folder that is not the caller's as bad input.
    #[must_use]
    pub fn folder_as_input(self) -> Self {
        match self {
            Self::Refused {
                code: Code::InvalidOrganizationUnit,
                message,
            } => Self::NoFolder(message),
            other => other,
        }
    }

    /// A conflict of versions as a failed precondition, where the request had one.
    #[must_use]
    pub fn precondition(self, conditional: bool) -> Self {
        match self {
            Self::Refused {
                code: Code::OptimisticConcurrency,
                message,
            } if conditional => Self::Precondition(message),
            other => other,
        }
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

impl From<odata::Error> for Error {
    /// What the store said is the store's, whoever asked it.
    fn from(error: odata::Error) -> Self {
        match error {
            odata::Error::Db(error) => Self::Db(error),
            other => Self::OData(other),
        }
    }
}

impl From<identity::Error> for Error {
    fn from(error: identity::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
