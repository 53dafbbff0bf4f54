//! Queues with how long their items are kept, as newer consoles make and change them: operations that
//! the documents of the API do not show.

use odata::edm::{self, EntitySet, Prop};
use odata::{Changes, Mode};

use super::definitions::{self, CREATE, EDIT, VIEW};
use super::entities::{QUEUES_IN_FOLDERS, QueueDefinition, STORED_QUEUES};
use super::leases;
use super::queue::Queue;
use super::retention::{self, QueueRetention, RetentionAction, RetentionType};
use crate::body;
use crate::cx::{Args, Cx, Hint, Listing, Reply};
use crate::error::{Error, Result};
use crate::op::{FolderRule, Op};

/// Functions and actions of queues.
pub const OPS: &[Op] = &[
    Op::action("QueueDefinitions", "CreateQueue", CREATE, create)
        .returns("QueueDefinitionExtendedDto")
        .answers(201)
        .folder(FolderRule::Required),
    Op::action("QueueDefinitions", "EditQueue", EDIT, edit)
        .answers(200)
        .folder(FolderRule::Required),
    Op::function("QueueDefinitions", "GetQueue", VIEW, read)
        .params(&[("id", "Edm.Int64")])
        .returns("QueueDefinitionExtendedDto")
        .folder(FolderRule::Optional),
    Op::function("QueueDefinitions", "ListQueues", VIEW, list)
        .returns("Collection(QueueDefinitionExtendedDto)")
        .folder(FolderRule::Optional),
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

/// The same as they are written.
static STORED: EntitySet = EntitySet {
    entity: QUEUES.entity,
    props: &PROPS,
    ..STORED_QUEUES
};

/// `CreateQueue`: a queue, and how long its items are kept.
fn create(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let changes = args.changes("queueDefinitionDto", &STORED, Mode::Create)?;
    let query = args.options(cx, &QUEUES)?;
    if given(args, "RetentionPeriod").is_none() {
        return Err(Error::invalid("Invalid argument 'Period'"));
    }
    let id = definitions::make(cx, changes)?;
    if given(args, "LeaseSeconds").is_some() {
        cx.hint(Hint::Leases);
    }
    change_rules(cx, args, id)?;
    let made = cx.entity_with(&QUEUES, &id.into(), &query, &[])?;
    Ok(Reply::created(made))
}

/// `EditQueue`: replaces the queue that the body names. Rules and a lease that it leaves out stay:
/// most clients do not know of them.
fn edit(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let mut changes = args.changes("queueDefinitionDto", &STORED, Mode::Replace)?;
    let id = args
        .body
        .as_ref()
        .map(|body| body::typed::<i64>(body, "Id"));
    let id = id.transpose()?.flatten();
    let id = id.ok_or_else(|| Error::invalid("The Id field is required."))?;
    let lease = args
        .body
        .as_ref()
        .and_then(|b| body::get(b, "LeaseSeconds"));
    if lease.is_none() {
        changes.remove("lease_seconds");
    }
    let current = definitions::current(cx, id)?;
    let current = current.ok_or_else(|| Error::not_found("QueueDefinition"))?;
    let before = Queue::numbered(cx.tx, id)?;
    definitions::change(cx, &current, changes)?;
    let queue = Queue::numbered(cx.tx, id)?;
    if queue.lease_seconds != before.lease_seconds {
        leases::changed(cx, &queue)?;
    }
    change_rules(cx, args, id)?;
    Ok(Reply::Ok)
}

/// `GetQueue(id=…)`
fn read(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let id = args.int("id")?;
    // Who sees none is told of a queue, not of this view of it.
    cx.entity(&QUEUES_IN_FOLDERS, id, &[])?;
    let query = args.options(cx, &QUEUES)?;
    Ok(Reply::json(cx.entity_with(
        &QUEUES,
        &id.into(),
        &query,
        &[],
    )?))
}

/// `ListQueues`
fn list(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let query = args.options(cx, &QUEUES)?;
    let listing = Listing {
        count: args.count,
        ..Listing::default()
    };
    Ok(Reply::json(cx.page(&QUEUES, &query, &listing)?))
}

/// A member of the body that is there and not null.
fn given<'a>(args: &'a Args, member: &str) -> Option<&'a serde_json::Value> {
    let value = args.body.as_ref().and_then(|b| body::get(b, member));
    value.filter(|value| !value.is_null())
}

/// Changes the rules that the body has: those of one type are there when their period or action is.
fn change_rules(cx: &mut Cx<'_, '_>, args: &Args, queue: i64) -> Result<()> {
    for (kind, prefix) in [
        (RetentionType::Final, "Retention"),
        (RetentionType::Stale, "StaleRetention"),
    ] {
        let member = |name| given(args, &format!("{prefix}{name}"));
        let mut rule = serde_json::Map::new();
        for name in ["Action", "Period", "BucketId"] {
            if let Some(value) = member(name) {
                rule.insert(name.to_owned(), value.clone());
            }
        }
        if !rule.is_empty() {
            let changes = Changes::of(&QueueRetention::SET, &rule.into(), Mode::Merge)?;
            retention::change(cx, queue, kind, changes)?;
        }
    }
    Ok(())
}
