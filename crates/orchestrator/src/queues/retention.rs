//! How long items are kept: those that are over, and those that nobody ever worked on.

use db::Value;
use odata::edm::EntitySet;
use odata::{Changes, Mode, edm_enum};

use super::definitions::{AUDITED, EDIT, VIEW};
use super::entities::QUEUES_IN_FOLDERS;
use super::page_in_folders;
use crate::audit::{self, AuditAction};
use crate::body::given;
use crate::cx::Cx;
use crate::error::{Error, Result};
use crate::op::{self, Command, FolderRule, Page, Resource, Verb};

edm_enum! {
    /// What happens to an item that is older.
    pub enum RetentionAction { Delete = 0, Archive = 1, None = 2 }
}

edm_enum! {
    /// Which items a rule is about: those that are over, or those that never were.
    pub enum RetentionType { Final = 0, Stale = 1 }
}

/// A rule of a queue.
#[odata::entity(
    set = "QueueRetention", name = "QueueRetentionSettingDto", table = "queue_retention",
    key = "QueueDefinitionId", scope = tenant, tie = "id"
)]
pub struct QueueRetention {
    /// The queue.
    pub queue_definition_id: i64,
    /// What happens.
    #[edm(required)]
    pub action: RetentionAction,
    /// After how many days.
    #[edm(required, range = "1..=180")]
    pub period: i32,
    /// Where archives go.
    pub bucket_id: Option<i64>,
    /// Which items.
    pub r#type: RetentionType,
}

/// The rules of one type: then a queue has one.
static OF_TYPE: EntitySet = EntitySet {
    table: "(SELECT * FROM queue_retention WHERE type = {type})",
    ..QueueRetention::SET
};

/// The set.
pub static RESOURCE: Resource = Resource::new(&QueueRetention::SET, VIEW)
    .single(&OF_TYPE)
    .folder(FolderRule::Optional)
    .list::<ListRules>()
    .get_asking::<WhichRule>()
    .sees(must_see)
    .vars(|cx, _| Ok(vec![("type", meant(cx)?.into())]))
    .replace(
        Command::replace(EDIT, BODY, replace)
            .asking::<WhichRule>()
            .silent(),
    )
    .delete(Command::delete(EDIT, reset).asking::<WhichRule>());

/// What messages call the body.
const BODY: &str = "retentionSettingDto";

/// The rules of queues in the folders that the request may show.
#[odata::input]
pub struct ListRules;

impl Verb for ListRules {
    type Answer = Page<QueueRetention>;

    fn answer(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(page_in_folders(cx))
    }
}

/// The rule of a queue that is meant.
#[odata::input]
pub struct WhichRule {
    /// Which items it is about; those that are over, unless the request says otherwise.
    retention_type: Option<RetentionType>,
}

/// What a queue has until somebody says otherwise: days after which items are deleted.
const DEFAULTS: &[(RetentionType, i64)] =
    &[(RetentionType::Final, 30), (RetentionType::Stale, 180)];

/// Gives a new queue its rules.
///
/// # Errors
/// The store's.
pub(super) fn set_defaults(cx: &mut Cx<'_, '_>, queue: i64) -> Result<()> {
    for (kind, days) in DEFAULTS {
        cx.tx.put_into(
            "queue_retention",
            [
                ("tenant_id", cx.caller.tenant.into()),
                ("queue_definition_id", queue.into()),
                ("type", (*kind).into()),
                ("action", RetentionAction::Delete.into()),
                ("period", (*days).into()),
            ],
        )?;
    }
    Ok(())
}

/// The type of rule that a request is about; the body's Type may say instead of the address which.
fn meant(cx: &Cx<'_, '_>) -> Result<RetentionType> {
    let asked = op::asked::<WhichRule>(cx)?.retention_type;
    let said = match cx.args.body {
        Some(_) => given(
            &cx.args.changes(BODY, &QueueRetention::SET, Mode::Replace)?,
            "Type",
        )?,
        None => None,
    };
    match (asked, said) {
        (Some(asked), Some(said)) if asked != said => Err(Error::invalid(
            "The parameter retentionType and the Type of the body name different rules: leave one of them out.",
        )),
        (asked, said) => Ok(said.or(asked).unwrap_or(RetentionType::Final)),
    }
}

/// Refuses queues that are in none of the request's folders.
fn must_see(cx: &mut Cx<'_, '_>, queue: i64) -> Result<()> {
    cx.entity(&QUEUES_IN_FOLDERS, queue, &[]).map(drop)
}

/// `PUT /odata/QueueRetention(queue)`
fn replace(cx: &mut Cx<'_, '_>, queue: i64, changes: Changes) -> Result<()> {
    must_see(cx, queue)?;
    change(cx, queue, meant(cx)?, changes)?;
    audit::done(cx, &AUDITED, AuditAction::Update, queue)
}

/// Changes a rule of a queue.
///
/// # Errors
/// 1002 for a bucket that there is not, 1009 for an archive without one.
pub(super) fn change(
    cx: &mut Cx<'_, '_>,
    queue: i64,
    kind: RetentionType,
    changes: Changes,
) -> Result<()> {
    // There are no buckets.
    if !matches!(changes.get("bucket_id"), None | Some(Value::Null)) {
        return Err(Error::not_found("Bucket"));
    }
    if changes.get("action") == Some(&RetentionAction::Archive.into()) {
        return Err(Error::invalid("The Action Archive needs a BucketId."));
    }
    let row = cx.tx.row(
        "SELECT id FROM queue_retention WHERE queue_definition_id = $1 AND type = $2",
        &[queue.into(), kind.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("QueueRetentionSetting"))?;
    cx.update(changes, row.get(0)?)
}

/// `DELETE /odata/QueueRetention(queue)`: back to the default.
fn reset(cx: &mut Cx<'_, '_>, queue: i64) -> Result<()> {
    let kind = meant(cx)?;
    must_see(cx, queue)?;
    for (_, days) in DEFAULTS.iter().filter(|(known, _)| *known == kind) {
        cx.tx.exec(
            "UPDATE queue_retention SET action = $3, period = $4, bucket_id = NULL
             WHERE queue_definition_id = $1 AND type = $2",
            &[
                queue.into(),
                kind.into(),
                RetentionAction::Delete.into(),
                (*days).into(),
            ],
        )?;
    }
    audit::done(cx, &AUDITED, AuditAction::Update, queue)
}
