//! What callers are refused.

/// Status and code of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(pub u16, pub i64, pub &'static str);

pub const INVALID: Refusal = Refusal(400, 1009, "InvalidArgument");
pub const NOT_FOUND: Refusal = Refusal(404, 1002, "ItemNotFound");
pub const IN_USE: Refusal = Refusal(409, 1013, "ItemIsInUse");
pub const DUPLICATE: Refusal = Refusal(409, 1016, "DuplicateReference");
pub const CONFLICT: Refusal = Refusal(409, 1020, "OptimisticConcurrency");
pub const NOT_EDITABLE: Refusal = Refusal(409, 1023, "FieldNotEditable");
pub const NO_REFERENCE: Refusal = Refusal(400, 1900, "TransactionReferenceRequired");
pub const NO_PROGRESS: Refusal = Refusal(409, 1901, "InvalidTransactionProgressStatus");
pub const NOT_STARTED: Refusal = Refusal(409, 1902, "TransactionNotStarted");
pub const NOT_LIKE_SCHEMA: Refusal = Refusal(400, 1906, "QueueItemSchemaViolationException");
pub const CONTENT_SIZE: Refusal = Refusal(413, 1914, "QueueItemContentSizeExceeded");
pub const IS_OVER: Refusal = Refusal(409, 1915, "QueueItemInvalidTransitionFromFinalStatus");
pub const OUTPUT_SIZE: Refusal = Refusal(413, 1917, "QueueItemOutputDataSizeExceeded");
pub const ANALYTICS_SIZE: Refusal = Refusal(413, 1918, "QueueItemAnalyticsDataSizeExceeded");
pub const EXCEPTION_SIZE: Refusal = Refusal(413, 1919, "QueueProcessingExceptionFieldSizeExceeded");
pub const PROGRESS_SIZE: Refusal = Refusal(413, 1920, "QueueItemProgressDataSizeExceeded");

/// The refusals of which one has to be answered. Which, if several are right, is nobody's promise.
pub type Refusals = Vec<Refusal>;
