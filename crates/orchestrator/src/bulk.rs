//! The answers of operations on many things: whether all went well, and what did not.

/// An operation on things with numbers.
#[odata::complex(name = "BulkOperationResponseDtoOfInt64")]
#[derive(serde::Serialize)]
pub struct FailedNumbers {
    /// Whether all went well.
    pub success: bool,
    /// What did not.
    pub message: Option<String>,
    /// Numbers of those that failed.
    pub failed_items: Vec<i64>,
}

/// An operation on things with keys.
#[odata::complex(name = "BulkOperationResponseDtoOfGuid")]
#[derive(serde::Serialize)]
pub struct FailedKeys {
    /// Whether all went well.
    pub success: bool,
    /// What did not.
    pub message: Option<String>,
    /// Keys of those that failed.
    pub failed_items: Vec<String>,
}
