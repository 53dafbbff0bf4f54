//! The declaration of webhooks, and of the events they can be told of.

use odata::Guid;

/// A kind of event, as a webhook subscribes to it.
#[odata::complex(name = "WebhookEventDto")]
#[derive(serde::Deserialize)]
pub struct WebhookEvent {
    /// Its name.
    #[edm(required, max = 50)]
    pub event_type: String,
}

/// Somebody outside who is told of events.
#[odata::entity(
    set = "Webhooks",
    name = "WebhookDto",
    table = "webhooks",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "webhooks_name(tenant_id, fold(name))",
)]
pub struct Webhook {
    /// Unique everywhere.
    #[edm(read_only)]
    pub key: Guid,
    /// Unique in the tenant.
    #[edm(required, max = 128)]
    pub name: String,
    /// For people.
    #[edm(max = 256)]
    pub description: Option<String>,
    /// Where events are posted to.
    #[edm(required, max = 2000)]
    pub url: String,
    /// Whether it is told at all.
    #[edm(required)]
    pub enabled: bool,
    /// What deliveries are signed with; never shown.
    #[edm(json = "null", max = 100)]
    pub secret: Option<String>,
    /// Told of everything.
    #[edm(required)]
    pub subscribe_to_all_events: bool,
    /// Whether its certificate need not be good.
    #[edm(required)]
    pub allow_insecure_ssl: bool,
    /// What it is told of, unless that is everything.
    pub events: Vec<WebhookEvent>,
    /// Number of the webhook.
    pub id: i64,
}

/// A kind of event.
#[odata::entity(set = "WebhookEventTypeDto", name = "WebhookEventTypeDto", table = TABLE, key = "Name", scope = none, order = "Group")]
pub struct WebhookEventType {
    /// Its name.
    #[edm(column = "column1")]
    pub name: String,
    /// What it is about.
    #[edm(column = "column2")]
    pub group: String,
}

/// Declares the kinds of events once, for Rust and for SQL.
macro_rules! event_types {
    ($first_group:literal: $first:literal $($more:literal)*; $($group:literal: $($name:literal)+;)+) => {
        /// The names of all kinds of events.
        pub(super) const EVENT_TYPES: &[&str] =
            &[$first, $($more,)* $($($name),+),+];
        const TABLE: &str = concat!(
            "(VALUES ('", $first, "', '", $first_group, "')",
            $(", ('", $more, "', '", $first_group, "')",)*
            $($(", ('", $name, "', '", $group, "')",)+)+
            ")"
        );
    };
}

event_types! {
    "Job": "job.created" "job.started" "job.completed" "job.faulted" "job.stopped"
        "job.suspended" "job.resumed" "job.stopping" "job.terminating";
    "Robot": "robot.created" "robot.updated" "robot.deleted" "robot.status";
    "Queue": "queue.created" "queue.updated" "queue.deleted";
    "QueueItem": "queueItem.added" "queueItem.transactionStarted"
        "queueItem.transactionCompleted" "queueItem.transactionFailed"
        "queueItem.transactionAbandoned" "queueItem.retried" "queueItem.deferred"
        "queueItem.updated" "queueItem.deleted" "queueItem.reviewStatusChanged";
    "Process": "process.created" "process.updated" "process.deleted";
    "Schedule": "schedule.failed";
    "Task": "task.created" "task.assignmentChanged" "task.completed" "task.saved"
        "task.forwarded" "task.updated" "task.deleted";
    "Alert": "alert.subscribed" "alert.unsubscribed";
    "BlobFile": "blobFile.uploaded" "blobFile.deleted";
    "DeploymentSetting": "deploymentSetting.updated";
    "Custom": "custom";
}
