//! The declarations of queues and their items.

use odata::edm::{Entity, EntitySet, Scoping};
use odata::{Guid, One, Open, Timestamp, Version, edm_enum};

use crate::machines::Tag;
use crate::robots::Robot;
use crate::users::User;

edm_enum! {
    /// Where an item stands.
    pub enum QueueItemStatus {
        New = 0, InProgress = 1, Failed = 2, Successful = 3, Abandoned = 4, Retried = 5,
        Deleted = 6
    }
}

edm_enum! {
    /// What people made of a failed item.
    pub enum QueueItemReviewStatus { None = 0, InReview = 1, Verified = 2, Retried = 3 }
}

edm_enum! {
    /// What is handed out first.
    pub enum QueueItemPriority { High = 0, Normal = 1, Low = 2 }
}

edm_enum! {
    /// Whether trying again may help.
    pub enum ProcessingExceptionType { ApplicationException = 0, BusinessException = 1 }
}

/// A queue. Without a folder, as other entities expand it.
#[odata::entity(
    set = "QueueDefinitions", name = "QueueDefinitionDto", key = "Id", scope = tenant,
    table = "(SELECT q.*, CAST(NULL AS BIGINT) AS folder_id FROM queue_definitions q
        WHERE q.deletion_time IS NULL)",
    indexes = "queue_definitions_tenant(tenant_id, id)"
)]
pub struct QueueDefinition {
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Unique in each folder that it is in.
    #[edm(required, max = 50)]
    pub name: String,
    /// For people.
    #[edm(max = 250)]
    pub description: Option<String>,
    /// How often an item is tried again.
    #[edm(range = "0..=50")]
    pub max_number_of_retries: i32,
    /// Whether items that failed with an application exception are tried again by themselves.
    pub accept_automatically_retry: bool,
    /// Whether abandoned items are tried again, too.
    pub retry_abandoned_items: bool,
    /// Whether a reference may be used once only; settled when the queue is made.
    pub enforce_unique_reference: bool,
    /// Whether contents are encrypted in the database; settled when the queue is made.
    pub encrypted: bool,
    /// JSON schema of specific contents.
    #[edm(max = 1000000)]
    pub specific_data_json_schema: Option<String>,
    /// JSON schema of outputs.
    #[edm(max = 1000000)]
    pub output_data_json_schema: Option<String>,
    /// JSON schema of analytics.
    #[edm(max = 1000000)]
    pub analytics_data_json_schema: Option<String>,
    /// When it was made.
    #[edm(read_only)]
    pub creation_time: Timestamp,
    /// The trigger that watches it: triggers do not exist yet.
    #[edm(json = "null")]
    pub process_schedule_id: Option<i64>,
    /// Minutes after which an item should be done.
    #[edm(range = "0..=2147483647")]
    pub sla_in_minutes: Option<i32>,
    /// Minutes after which that is at risk.
    #[edm(range = "0..=2147483647")]
    pub risk_sla_in_minutes: Option<i32>,
    /// The process that works on it.
    pub release_id: Option<i64>,
    /// Whether that process is in the folder.
    #[edm(sql = "({release_id->releases}.folder_id = {t}.folder_id)", read_only)]
    pub is_process_in_current_folder: Option<bool>,
    /// In how many folders it is.
    #[edm(
        sql = "(SELECT COUNT(*) FROM queue_folders l WHERE l.queue_definition_id = {t}.id)",
        read_only
    )]
    pub folders_count: i32,
    /// Number of the folder.
    #[edm(column = "folder_id", read_only)]
    pub organization_unit_id: Option<i64>,
    /// Path of the folder, in lists.
    #[edm(sql = "{folder_id->folders}.fully_qualified_name", list, read_only)]
    pub organization_unit_fully_qualified_name: Option<String>,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Number of the queue.
    pub id: i64,
}

/// Queues as folders see them: once in each.
pub static QUEUES_IN_FOLDERS: EntitySet = EntitySet {
    table: "(SELECT q.*, l.folder_id FROM queue_definitions q
        JOIN queue_folders l ON l.queue_definition_id = q.id)",
    scoping: Scoping::Folder,
    tie: &["id", "folder_id"],
    ..QueueDefinition::SET
};

/// A queue as a folder sees it.
pub enum QueueInFolders {}

impl Entity for QueueInFolders {
    fn set() -> &'static EntitySet {
        &QUEUES_IN_FOLDERS
    }
}

/// Queues as they are written.
pub static STORED_QUEUES: EntitySet = EntitySet {
    table: "queue_definitions",
    ..QueueDefinition::SET
};

/// Why an item failed, as the robot told it.
#[odata::complex(name = "ProcessingExceptionDto")]
#[derive(Debug, serde::Deserialize)]
pub struct ProcessingException {
    /// One line.
    #[serde(default)]
    pub reason: Option<String>,
    /// Everything there is, e.g. a stack trace.
    #[serde(default)]
    pub details: Option<String>,
    /// Whether trying again may help.
    #[serde(default)]
    pub r#type: Option<ProcessingExceptionType>,
    /// A picture on the robot's disk.
    #[serde(default)]
    pub associated_image_file_path: Option<String>,
    /// When it happened.
    #[serde(default)]
    pub creation_time: Option<Timestamp>,
}

/// Why an item failed, in the words that jobs use.
#[odata::complex(name = "QueueItemErrorDto")]
pub struct QueueItemError {
    /// A code of the runtime.
    pub code: Option<String>,
    /// One line.
    pub title: Option<String>,
    /// Everything there is.
    pub detail: Option<String>,
    /// Whose business it is.
    pub category: Option<String>,
    /// An HTTP status, when one was the cause.
    pub status: Option<i32>,
    /// When it happened.
    pub timestamp: Option<Timestamp>,
}

/// A folder by name and number.
#[odata::complex(name = "SimpleFolderDto")]
#[derive(serde::Serialize)]
pub struct SimpleFolder {
    /// Last part of the path.
    pub display_name: String,
    /// The path.
    pub fully_qualified_name: String,
    /// Number of the folder.
    pub id: i64,
}

/// The SQL of a dictionary of items and of its twin, the same as a text. An encrypted one comes out
/// as a text that says with which key it is opened; `content::opened` does that. A filter opens
/// nothing: for it, the text of an encrypted one is null.
macro_rules! dictionary {
    ($column:literal, $object:ident, $text:ident, $searched:ident) => {
        const $object: &str = concat!(
            "(CASE WHEN {t}.encrypted THEN '\"sealed:' || {t}.key || ':' || {t}.",
            $column,
            " || '\"' ELSE {t}.",
            $column,
            " END)"
        );
        const $text: &str = concat!(
            "(CASE WHEN {t}.encrypted THEN 'sealed:' || {t}.key || ':' || {t}.",
            $column,
            " ELSE '{\"DynamicProperties\":' || {t}.",
            $column,
            " || '}' END)"
        );
        const $searched: &str = concat!(
            "(CASE WHEN NOT {t}.encrypted THEN '{\"DynamicProperties\":' || {t}.",
            $column,
            " || '}' END)"
        );
    };
}
dictionary!(
    "specific_content",
    SPECIFIC_CONTENT,
    SPECIFIC_DATA,
    PLAIN_SPECIFIC_DATA
);
dictionary!("output", OUTPUT, OUTPUT_DATA, PLAIN_OUTPUT_DATA);
dictionary!("analytics", ANALYTICS, ANALYTICS_DATA, PLAIN_ANALYTICS_DATA);

/// The attempts at an item: few enough for a page of the usual size.
pub(super) static ATTEMPTS: EntitySet = EntitySet {
    top: QueueDefinition::SET.top,
    ..QueueItem::SET
};

/// Items in the folder `{place}`, of which it is known that they are there: found by their numbers and
/// by nothing else.
pub(super) static ITEMS_IN_PLACE: EntitySet = EntitySet {
    table: "(SELECT i.*, {place} AS folder_id FROM queue_items i)",
    tie: &[],
    ..QueueItem::SET
};

/// An item of a queue: one attempt at it. Lists show it once for each folder that the queue is in.
#[odata::entity(
    set = "QueueItems", name = "QueueItemDto", key = "Id", scope = folder, top = 100,
    table = "(SELECT i.*, l.folder_id FROM queue_items i
        JOIN queue_folders l ON l.queue_definition_id = i.queue_definition_id)",
    tie = "id, folder_id",
    counts = "(SELECT q.tenant_id, l.folder_id, c.queue_definition_id, c.status,
            c.items AS entities FROM queue_counts c
        JOIN queue_definitions q ON q.id = c.queue_definition_id
        JOIN queue_folders l ON l.queue_definition_id = c.queue_definition_id)
        (queue_definition_id, status)",
    indexes = "queue_items_queue(queue_definition_id, id);
        queue_items_status(queue_definition_id, status, id);
        queue_items_reference(queue_definition_id, fold(reference), id)
            WHERE fold(reference) IS NOT NULL;
        queue_items_key(key)"
)]
pub struct QueueItem {
    /// Its queue.
    pub queue_definition_id: i64,
    /// Whether its content is encrypted in the database.
    pub encrypted: bool,
    /// `Output` as JSON text.
    #[edm(sql = OUTPUT_DATA, filter_sql = PLAIN_OUTPUT_DATA)]
    pub output_data: Option<String>,
    /// `Analytics` as JSON text.
    #[edm(sql = ANALYTICS_DATA, filter_sql = PLAIN_ANALYTICS_DATA)]
    pub analytics_data: Option<String>,
    /// Where it stands.
    pub status: QueueItemStatus,
    /// What people made of its failure.
    pub review_status: QueueItemReviewStatus,
    /// Who reviews it.
    pub reviewer_user_id: Option<i64>,
    /// The same for all attempts.
    pub key: Guid,
    /// What the caller knows it by.
    pub reference: Option<String>,
    /// Whether trying again may help.
    pub processing_exception_type: Option<ProcessingExceptionType>,
    /// When it should be done.
    pub due_date: Option<Timestamp>,
    /// When that is at risk.
    pub risk_sla_date: Option<Timestamp>,
    /// What is handed out first.
    pub priority: QueueItemPriority,
    /// The robot that took it.
    pub robot_id: Option<i64>,
    /// The job that added it.
    pub creator_job_key: Option<Guid>,
    /// The job that took it.
    pub executor_job_key: Option<Guid>,
    /// Not handed out before.
    pub defer_date: Option<Timestamp>,
    /// When it was taken.
    pub start_processing: Option<Timestamp>,
    /// When it was done.
    pub end_processing: Option<Timestamp>,
    /// Seconds that earlier attempts took.
    pub seconds_in_previous_attempts: i32,
    /// The attempt before, when it was retried by itself.
    pub ancestor_id: Option<i64>,
    /// The same by its unique key.
    pub ancestor_unique_key: Option<Guid>,
    /// How often it was retried by itself.
    pub retry_number: i32,
    /// The attempt before, when somebody had it retried.
    pub manual_ancestor_id: Option<i64>,
    /// The same by its unique key.
    pub manual_ancestor_unique_key: Option<Guid>,
    /// How often somebody had it retried.
    pub manual_retry_number: i32,
    /// Of this attempt alone.
    pub unique_key: Guid,
    /// Videos are not recorded.
    #[edm(json = "false")]
    pub has_video_recorded: bool,
    /// `SpecificContent` as JSON text.
    #[edm(sql = SPECIFIC_DATA, filter_sql = PLAIN_SPECIFIC_DATA)]
    pub specific_data: Option<String>,
    /// When it was added.
    pub creation_time: Timestamp,
    /// How far the robot is.
    pub progress: Option<String>,
    /// Moves with every change.
    #[edm(column = "version")]
    pub row_version: Version,
    /// The operation that added it.
    pub parent_operation_id: Option<String>,
    /// The operation that did it.
    pub operation_id: Option<String>,
    /// Number of the folder.
    #[edm(column = "folder_id")]
    pub organization_unit_id: i64,
    /// Path of the folder, in lists.
    #[edm(sql = "{folder_id->folders}.fully_qualified_name", list)]
    pub organization_unit_fully_qualified_name: Option<String>,
    /// Name of its queue: the Python SDK lists the items of a queue by it.
    #[edm(
        sql = "{queue_definition_id->queue_definitions}.name",
        asked,
        read_only
    )]
    pub queue_definition_name: String,
    /// Number of the item.
    pub id: i64,
    /// Why it failed.
    pub processing_exception: Option<ProcessingException>,
    /// The same in the words that jobs use. Always null: a result has no member for it, and what a
    /// robot says of a failure is `ProcessingException`.
    #[edm(json = "null")]
    pub error: Option<QueueItemError>,
    /// What it is about.
    #[edm(sql = SPECIFIC_CONTENT)]
    pub specific_content: Option<Open>,
    /// What came out.
    #[edm(sql = OUTPUT)]
    pub output: Option<Open>,
    /// For analytics.
    #[edm(sql = ANALYTICS)]
    pub analytics: Option<Open>,
    /// Its queue.
    #[edm(nav, column = "queue_definition_id")]
    pub queue_definition: One<QueueDefinition>,
    /// Who reviews it.
    #[edm(nav, column = "reviewer_user_id")]
    pub reviewer_user: One<User>,
    /// The robot that took it.
    #[edm(nav, column = "robot_id")]
    pub robot: One<Robot>,
}
