//! How queues are doing, from counters that every change keeps: nothing here reads an item.

use db::Tx;
use odata::{Guid, One, Timestamp, edm_enum};

use super::definitions::VIEW;
use super::entities::{QUEUES_IN_FOLDERS, QueueDefinition};
use super::{VIEW_ITEMS, in_folders};
use crate::cx::Cx;
use crate::error::Result;
use crate::machines::Tag;
use crate::op::{At, FolderRule, Op, Operation, Page, QUEUE_NAMESPACE, Resource, function, op};

edm_enum! {
    /// The length of the periods of a report. The first two are kept, the others summed up.
    pub enum ReportType { All = 0, Minute = 1, Hour = 2, Day = 3 }
}

/// `{periods}` periods of `{step}` ticks from `{first}` on, each with what the queue `{queue}`
/// processed in it.
const PERIODS: &str = "(SELECT p.n AS id, q.tenant_id, q.id AS queue_definition_id, p.begins,
        COALESCE(SUM(r.successful), 0) AS successful,
        COALESCE(SUM(r.successful_time), 0) AS successful_time,
        COALESCE(SUM(r.application_exceptions), 0) AS application_exceptions,
        COALESCE(SUM(r.application_exceptions_time), 0) AS application_exceptions_time,
        COALESCE(SUM(r.business_exceptions), 0) AS business_exceptions,
        COALESCE(SUM(r.business_exceptions_time), 0) AS business_exceptions_time,
        COALESCE(SUM(r.retried), 0) AS retried
    FROM (WITH RECURSIVE series (n, begins) AS (
            SELECT CAST(1 AS BIGINT), {first}
            UNION ALL SELECT n + 1, begins + {step} FROM series WHERE n < {periods})
        SELECT n, begins FROM series) p
    JOIN queue_definitions q ON q.id = {queue}
    LEFT JOIN queue_results r ON r.queue_definition_id = q.id AND r.period = 1
        AND r.begins >= p.begins AND r.begins < p.begins + {step}
    GROUP BY p.n, q.tenant_id, q.id, p.begins)";

/// How many items of the queue are in a status now.
macro_rules! items_in {
    ($queue:literal, $status:literal) => {
        concat!(
            "COALESCE((SELECT c.items FROM queue_counts c WHERE c.queue_definition_id = ",
            $queue,
            " AND c.status = ",
            $status,
            "), 0)"
        )
    };
}
const REMAINING: &str = items_in!("{t}.queue_definition_id", 0);
const IN_PROGRESS: &str = items_in!("{t}.queue_definition_id", 1);

/// Ticks as seconds.
macro_rules! seconds {
    ($column:literal) => {
        concat!("(CAST({t}.", $column, " AS DOUBLE PRECISION) / 10000000)")
    };
}
const SUCCESSFUL_TIME: &str = seconds!("successful_time");
const APPLICATION_TIME: &str = seconds!("application_exceptions_time");
const BUSINESS_TIME: &str = seconds!("business_exceptions_time");
const TOTAL: &str = "({t}.successful + {t}.application_exceptions + {t}.business_exceptions)";

/// What a queue processed in a period.
#[odata::entity(
    set = "QueueProcessingRecords", name = "QueueProcessingRecordDto", table = PERIODS, key = "Id",
    scope = tenant
)]
pub struct QueueProcessingRecord {
    /// The queue.
    pub queue_definition_id: i64,
    /// The queue.
    #[edm(nav, column = "queue_definition_id")]
    pub ui_queue_metadata: One<QueueDefinition>,
    /// When the period begins.
    #[edm(column = "begins")]
    pub processing_time: Timestamp,
    /// How long it is.
    #[edm(sql = "{report}")]
    pub report_type: ReportType,
    /// Items that wait now.
    #[edm(sql = REMAINING)]
    pub number_of_remaining_transactions: i32,
    /// Items that somebody works on now.
    #[edm(sql = IN_PROGRESS)]
    pub number_of_in_progress_transactions: i32,
    /// How many failed for technical reasons.
    #[edm(column = "application_exceptions")]
    pub number_of_application_exceptions: i32,
    /// How many failed for their content.
    #[edm(column = "business_exceptions")]
    pub number_of_business_exceptions: i32,
    /// How many were done.
    #[edm(column = "successful")]
    pub number_of_successful_transactions: i32,
    /// How many were retried.
    #[edm(column = "retried")]
    pub number_of_retried_items: i32,
    /// Seconds that technical failures took.
    #[edm(sql = APPLICATION_TIME)]
    pub application_exceptions_processing_time: f64,
    /// Seconds that failures for their content took.
    #[edm(sql = BUSINESS_TIME)]
    pub business_exceptions_processing_time: f64,
    /// Seconds that successes took.
    #[edm(sql = SUCCESSFUL_TIME)]
    pub successful_transactions_processing_time: f64,
    /// How many ended.
    #[edm(sql = TOTAL)]
    pub total_number_of_transactions: i32,
    /// The tenant.
    pub tenant_id: i32,
    /// Number of the period.
    pub id: i64,
}

/// Queues with what they processed since ever, and the folder of the request, if it is about one: a
/// queue that is in several is one queue all the same.
const STATUS: &str = "(SELECT q.*, q.id AS queue_definition_id,
        CAST({folder} AS BIGINT) AS folder_id, r.last_processed,
        COALESCE(r.successful, 0) AS successful,
        COALESCE(r.successful_time, 0) AS successful_time,
        COALESCE(r.application_exceptions, 0) AS application_exceptions,
        COALESCE(r.application_exceptions_time, 0) AS application_exceptions_time,
        COALESCE(r.business_exceptions, 0) AS business_exceptions,
        COALESCE(r.business_exceptions_time, 0) AS business_exceptions_time
    FROM queue_definitions q LEFT JOIN queue_results r ON r.queue_definition_id = q.id AND r.period = 0
        AND r.begins = 0)";
const ITEMS_TO_PROCESS: &str = items_in!("{t}.id", 0);
const ITEMS_IN_PROGRESS: &str = items_in!("{t}.id", 1);

/// How a queue is doing.
#[odata::entity(
    set = "QueueProcessingStatuses", name = "QueueProcessingStatusDto", table = STATUS, key = "Id",
    scope = tenant
)]
pub struct QueueProcessingStatus {
    /// Items that wait.
    #[edm(sql = ITEMS_TO_PROCESS)]
    pub items_to_process: i32,
    /// Items that somebody works on.
    #[edm(sql = ITEMS_IN_PROGRESS)]
    pub items_in_progress: i32,
    /// The queue.
    #[edm(column = "id")]
    pub queue_definition_id: i64,
    /// Its GUID.
    #[edm(column = "key")]
    pub queue_definition_key: Guid,
    /// Its name.
    #[edm(column = "name")]
    pub queue_definition_name: String,
    /// Its description.
    #[edm(column = "description")]
    pub queue_definition_description: Option<String>,
    /// Whether items are tried again by themselves.
    #[edm(column = "accept_automatically_retry")]
    pub queue_definition_accept_automatically_retry: bool,
    /// Whether abandoned items are tried again, too.
    #[edm(column = "retry_abandoned_items")]
    pub queue_definition_retry_abandoned_items: bool,
    /// How often an item is tried again.
    #[edm(column = "max_number_of_retries")]
    pub queue_definition_max_number_of_retries: i32,
    /// Whether a reference may be used once only.
    #[edm(column = "enforce_unique_reference")]
    pub queue_definition_enforce_unique_reference: bool,
    /// Seconds that a success takes.
    #[edm(
        sql = "COALESCE(CAST({t}.successful_time AS DOUBLE PRECISION) / 10000000
            / NULLIF({t}.successful, 0), 0)"
    )]
    pub processing_mean_time: f64,
    /// How many were done.
    #[edm(column = "successful")]
    pub successful_transactions_no: i32,
    /// How many failed for technical reasons.
    #[edm(column = "application_exceptions")]
    pub application_exceptions_no: i32,
    /// How many failed for their content.
    #[edm(column = "business_exceptions")]
    pub business_exceptions_no: i32,
    /// Seconds that successes took.
    #[edm(sql = SUCCESSFUL_TIME)]
    pub successful_transactions_processing_time: f64,
    /// Seconds that technical failures took.
    #[edm(sql = APPLICATION_TIME)]
    pub application_exceptions_processing_time: f64,
    /// Seconds that failures for their content took.
    #[edm(sql = BUSINESS_TIME)]
    pub business_exceptions_processing_time: f64,
    /// How many ended.
    #[edm(sql = TOTAL)]
    pub total_number_of_transactions: i32,
    /// When the last one ended.
    pub last_processed: Option<Timestamp>,
    /// Name of the process that works on it.
    #[edm(sql = "{release_id->releases}.name")]
    pub release_name: Option<String>,
    /// The process that works on it.
    pub release_id: Option<i64>,
    /// Whether that process is in the folder.
    #[edm(sql = "({release_id->releases}.folder_id = {t}.folder_id)")]
    pub is_process_in_current_folder: Option<bool>,
    /// Whether specific contents have a schema.
    #[edm(sql = "({t}.specific_data_json_schema IS NOT NULL)")]
    pub specific_data_json_schema_exists: bool,
    /// Whether outputs have a schema.
    #[edm(sql = "({t}.output_data_json_schema IS NOT NULL)")]
    pub output_data_json_schema_exists: bool,
    /// Whether analytics have a schema.
    #[edm(sql = "({t}.analytics_data_json_schema IS NOT NULL)")]
    pub analytics_data_json_schema_exists: bool,
    /// The trigger that watches it: triggers do not exist yet.
    #[edm(json = "null")]
    pub process_schedule_id: Option<i64>,
    /// In how many folders it is.
    #[edm(sql = "(SELECT COUNT(*) FROM queue_folders c WHERE c.queue_definition_id = {t}.id)")]
    pub queue_folders_count: i32,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Number of the queue.
    pub id: i64,
}

/// The set: it has functions only.
pub static RESOURCE: Resource = Resource::new(&QueueProcessingRecord::SET, VIEW_ITEMS)
    .folder(FolderRule::Optional)
    .unlisted();

/// Its functions.
pub const OPS: &[Op] = &[
    op::<RetrieveLastDaysProcessingRecords>(),
    op::<RetrieveQueuesProcessingStatus>(),
];

/// Ticks of a minute.
const MINUTE: i64 = Timestamp::from_millis(60_000).0;

/// What a queue processed: in the last hour by minutes, in the last day by hours, or in several days.
#[odata::input]
pub struct RetrieveLastDaysProcessingRecords {
    /// How many days, at most 365; 0 is the last hour.
    #[edm(required, range = "0..=365")]
    days_no: i32,
    /// Number of the queue.
    #[edm(required)]
    queue_definition_id: i64,
}

impl Operation for RetrieveLastDaysProcessingRecords {
    const AT: At = function(
        "QueueProcessingRecords",
        "RetrieveLastDaysProcessingRecords",
    )
    .needs(VIEW_ITEMS)
    .namespace(QUEUE_NAMESPACE)
    .folder(FolderRule::Optional);
    type Answer = Page<QueueProcessingRecord>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let (report, step, periods) = match self.days_no {
            0 => (ReportType::Minute, MINUTE, 60),
            1 => (ReportType::Hour, 60 * MINUTE, 24),
            days => (ReportType::Day, 24 * 60 * MINUTE, i64::from(days)),
        };
        let queue = self.queue_definition_id;
        cx.entity(&QUEUES_IN_FOLDERS, queue, &[])?;
        let last = cx.now.0 - cx.now.0.rem_euclid(step);
        Ok(Page::all().vars([
            ("queue", queue.into()),
            ("report", report.into()),
            ("first", (last - (periods - 1) * step).into()),
            ("step", step.into()),
            ("periods", periods.into()),
        ]))
    }
}

/// How queues are doing.
#[odata::input]
pub struct RetrieveQueuesProcessingStatus;

impl Operation for RetrieveQueuesProcessingStatus {
    const AT: At = function("QueueProcessingRecords", "RetrieveQueuesProcessingStatus")
        .needs(VIEW)
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Optional);
    type Answer = Page<QueueProcessingStatus>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(Page::of(in_folders(cx)).named("QueueProcessingStatusDto"))
    }
}

/// What became of items of a queue: numbers, and sums of ticks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Results {
    pub successful: i64,
    pub successful_time: i64,
    pub application_exceptions: i64,
    pub application_exceptions_time: i64,
    pub business_exceptions: i64,
    pub business_exceptions_time: i64,
    pub retried: i64,
}

db::params! {
    /// A row of `queue_results`, or what is added to one.
    struct Added {
        queue_definition_id: i64,
        period: ReportType,
        begins: i64,
        successful: i64,
        successful_time: i64,
        application_exceptions: i64,
        application_exceptions_time: i64,
        business_exceptions: i64,
        business_exceptions_time: i64,
        retried: i64,
        last_processed: Option<Timestamp>,
    }
}

/// Adds results to those of the queues: since ever, and in this minute.
///
/// # Errors
/// The store's.
pub(super) fn add(
    tx: &mut Tx<'_>,
    results: impl IntoIterator<Item = (i64, Results)>,
    now: Timestamp,
) -> Result<()> {
    let minute = now.0 - now.0.rem_euclid(MINUTE);
    let mut rows = Vec::new();
    for (queue, of) in results {
        let ended = of.successful + of.application_exceptions + of.business_exceptions;
        for (period, begins) in [(ReportType::All, 0), (ReportType::Minute, minute)] {
            rows.push(Added {
                queue_definition_id: queue,
                period,
                begins,
                successful: of.successful,
                successful_time: of.successful_time,
                application_exceptions: of.application_exceptions,
                application_exceptions_time: of.application_exceptions_time,
                business_exceptions: of.business_exceptions,
                business_exceptions_time: of.business_exceptions_time,
                retried: of.retried,
                last_processed: (ended > 0).then_some(now),
            });
        }
    }
    tx.send_many(
        "INSERT INTO queue_results ({columns}) {values}
         ON CONFLICT (queue_definition_id, period, begins) DO UPDATE SET
             successful = queue_results.successful + excluded.successful,
             successful_time = queue_results.successful_time + excluded.successful_time,
             application_exceptions =
                 queue_results.application_exceptions + excluded.application_exceptions,
             application_exceptions_time =
                 queue_results.application_exceptions_time + excluded.application_exceptions_time,
             business_exceptions =
                 queue_results.business_exceptions + excluded.business_exceptions,
             business_exceptions_time =
                 queue_results.business_exceptions_time + excluded.business_exceptions_time,
             retried = queue_results.retried + excluded.retried,
             last_processed = COALESCE(excluded.last_processed, queue_results.last_processed)",
        rows,
    )?;
    Ok(())
}
