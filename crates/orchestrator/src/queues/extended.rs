//! Queues with how long their items are kept, as newer consoles make and change them: operations that
//! the documents of the API do not show.

use odata::edm::{self, Entity, EntitySet, Prop};
use odata::{Changes, Mode};

use super::definitions::{self, BODY, CREATE, EDIT, VIEW};
use super::entities::{QUEUES_IN_FOLDERS, QueueDefinition, STORED_QUEUES};
use super::leases;
use super::queue::Queue;
use super::retention::{self, QueueRetention, RetentionAction, RetentionType};
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::op::{At, FolderRule, Nothing, One, Op, Operation, Page, action, function, op};

/// Functions and actions of queues.
pub const OPS: &[Op] = &[
    op::<CreateQueue>(),
    op::<EditQueue>(),
    op::<GetQueue>(),
    op::<ListQueues>(),
];

/// The SQL of a column of the queue's rule of a type.
macro_rules! rule {
    ($column:literal, $type:literal) => {
        concat!(
            "(SELECT r.",
            $column,
            " FROM queue_retention r WHERE r.queue_definition_id = {t}.id AND r.type = ",
            $type,
            ")"
        )
    };
}

const FINAL_ACTION: &str = rule!("action", "0");
const FINAL_PERIOD: &str = rule!("period", "0");
const FINAL_BUCKET: &str = rule!("bucket_id", "0");
const STALE_ACTION: &str = rule!("action", "1");
const STALE_PERIOD: &str = rule!("period", "1");
const STALE_BUCKET: &str = rule!("bucket_id", "1");

/// What a queue shows here besides.
#[odata::complex]
pub struct QueueExtension {
    /// What happens to items that are over.
    #[edm(sql = FINAL_ACTION)]
    pub retention_action: Option<RetentionAction>,
    /// After how many days.
    #[edm(sql = FINAL_PERIOD, range = "1..=180")]
    pub retention_period: Option<i32>,
    /// Where their archives go.
    #[edm(sql = FINAL_BUCKET)]
    pub retention_bucket_id: Option<i64>,
    /// What happens to items that nobody finished.
    #[edm(sql = STALE_ACTION)]
    pub stale_retention_action: Option<RetentionAction>,
    /// After how many days.
    #[edm(sql = STALE_PERIOD, range = "1..=180")]
    pub stale_retention_period: Option<i32>,
    /// Where their archives go.
    #[edm(sql = STALE_BUCKET)]
    pub stale_retention_bucket_id: Option<i64>,
    /// Seconds after which an item returns to the queue unless its robot tells of progress. Without
    /// them an item is abandoned after the limit of the tenant.
    #[edm(range = "5..=86400")]
    pub lease_seconds: Option<i32>,
}

const PROPS: [Prop; QueueDefinition::SET.props.len() + QueueExtension::TYPE.props.len()] =
    edm::extended(QueueDefinition::SET.props, "Id", QueueExtension::TYPE.props);

/// Queues as folders see them, with all that is kept of them.
pub static QUEUES: EntitySet = EntitySet {
    entity: "QueueDefinitionExtendedDto",
    props: &PROPS,
    ..QUEUES_IN_FOLDERS
};

/// A queue as a folder sees it, with all that is kept of it.
pub enum ExtendedQueue {}

impl Entity for ExtendedQueue {
    fn set() -> &'static EntitySet {
        &QUEUES
    }
}

/// The same as they are written.
static STORED: EntitySet = EntitySet {
    entity: QUEUES.entity,
    props: &PROPS,
    ..STORED_QUEUES
};

/// Makes a queue, and says how long its items are kept.
#[odata::input]
pub struct CreateQueue;

impl Operation for CreateQueue {
    const AT: At = action("QueueDefinitions", "CreateQueue")
        .needs(CREATE)
        .sends(&STORED)
        .answers(201)
        .folder(FolderRule::Required);
    type Answer = One<ExtendedQueue>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let changes = cx.args.changes(BODY, &STORED, Mode::Create)?;
        let query = cx.options(&QUEUES)?;
        if changes.given("RetentionPeriod").is_none() {
            return Err(Error::invalid("Invalid argument 'Period'"));
        }
        if changes.given("LeaseSeconds").is_some() {
            cx.hint(Hint::Leases);
        }
        let rules = rules(&changes)?;
        let id = definitions::make(cx, changes)?;
        change_rules(cx, id, rules)?;
        Ok(One::by(id).under(query))
    }
}

/// Replaces the queue that the body names. Rules and a lease that it leaves out stay.
#[odata::input]
pub struct EditQueue;

impl Operation for EditQueue {
    const AT: At = action("QueueDefinitions", "EditQueue")
        .needs(EDIT)
        .sends(&STORED)
        .answers(200)
        .folder(FolderRule::Required);
    type Answer = Nothing;

    // Most clients know nothing of rules and leases.
    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let mut changes = cx.args.changes(BODY, &STORED, Mode::Replace)?;
        let id =
            given(&changes, "Id")?.ok_or_else(|| Error::invalid("The Id field is required."))?;
        let rules = rules(&changes)?;
        if !changes.says("LeaseSeconds") {
            changes.remove("lease_seconds");
        }
        let current = definitions::current(cx, id)?;
        let current = current.ok_or_else(definitions::no_queue)?;
        let before = Queue::numbered(cx.tx, id)?;
        definitions::change(cx, &current, changes)?;
        let queue = Queue::numbered(cx.tx, id)?;
        if queue.lease_seconds != before.lease_seconds {
            leases::changed(cx, &queue)?;
        }
        change_rules(cx, id, rules)?;
        Ok(Nothing)
    }
}

/// A queue with how long its items are kept.
#[odata::input]
pub struct GetQueue {
    /// Number of the queue.
    #[edm(required)]
    id: i64,
}

impl Operation for GetQueue {
    const AT: At = function("QueueDefinitions", "GetQueue")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = One<ExtendedQueue>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        // Who sees none is told of a queue, not of this view of it.
        cx.entity(&QUEUES_IN_FOLDERS, self.id, &[])?;
        Ok(One::by(self.id))
    }
}

/// Queues with how long their items are kept.
#[odata::input]
pub struct ListQueues;

impl Operation for ListQueues {
    const AT: At = function("QueueDefinitions", "ListQueues")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = Page<ExtendedQueue>;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(Page::all())
    }
}

/// What a body says of rules: of one type it does when their period or action is there.
fn rules(queue: &Changes) -> Result<Vec<(RetentionType, Changes)>> {
    let mut rules = Vec::new();
    for (kind, prefix) in [
        (RetentionType::Final, "Retention"),
        (RetentionType::Stale, "StaleRetention"),
    ] {
        let mut rule = serde_json::Map::new();
        for name in ["Action", "Period", "BucketId"] {
            if let Some(value) = queue.given(&format!("{prefix}{name}")) {
                rule.insert(name.to_owned(), value.clone());
            }
        }
        if !rule.is_empty() {
            let rule = Changes::of(&QueueRetention::SET, &rule.into(), Mode::Merge)?;
            rules.push((kind, rule));
        }
    }
    Ok(rules)
}

fn change_rules(
    cx: &mut Cx<'_, '_>,
    queue: i64,
    rules: Vec<(RetentionType, Changes)>,
) -> Result<()> {
    for (kind, rule) in rules {
        retention::change(cx, queue, kind, rule)?;
    }
    Ok(())
}
