//! Queues: made, changed and deleted in a folder.

use db::Value;
use odata::edm::EntitySet;
use odata::{Changes, Guid};

use super::entities::{QUEUES_IN_FOLDERS, QueueInFolders, QueueItemStatus, STORED_QUEUES};
use super::sharing::{self, GetFoldersForQueue, GetQueuesAcrossFolders, ShareToFolders};
use super::{removal, retention, schemas};
use crate::audit::{self, AuditAction, AuditComponent, Audited};
use crate::cx::{Cx, Reply};
use crate::error::{Code, Error, Result};
use crate::op::{
    Access, At, Command, FolderRule, Need, One, Op, Operation, QUEUE_NAMESPACE, Resource, Written,
    function, op,
};
use crate::releases;

pub(super) const VIEW: Need = Need::new("OR.Queues", &[("Queues", Access::View)], false);
pub(super) const EDIT: Need = Need::new("OR.Queues", &[("Queues", Access::Edit)], true);
pub(super) const CREATE: Need = Need::new("OR.Queues", &[("Queues", Access::Create)], true);
pub(super) const DELETE: Need = Need::new("OR.Queues", &[("Queues", Access::Delete)], true);

/// What the dispatcher sees of queues.
const SET: &EntitySet = &QUEUES_IN_FOLDERS;

/// How the audit log tells of queues.
pub(super) static AUDITED: Audited = Audited::new(AuditComponent::Queues, SET, "queue");

/// The set.
pub static RESOURCE: Resource = Resource::new(SET, VIEW)
    .written(&STORED_QUEUES)
    .folder(FolderRule::Optional)
    .get()
    .create(Command::create(CREATE, BODY, make))
    .replace(
        Command::replace(EDIT, BODY, replace)
            .or_create(exists)
            .silent(),
    )
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// What messages call the body.
pub(super) const BODY: &str = "queueDefinitionDto";

/// Its functions and actions.
pub const OPS: &[Op] = &[
    op::<GetByKey>(),
    op::<GetJsonSchemaDefinition>(),
    op::<GetFoldersForQueue>(),
    op::<GetQueuesAcrossFolders>(),
    op::<ShareToFolders>(),
];

/// Inserts a queue into the folder of the request.
///
/// # Errors
/// What is wrong with it; 1001 for a name that the folder has.
pub(super) fn make(cx: &mut Cx<'_, '_>, changes: Changes) -> Result<i64> {
    check(cx, &changes, None)?;
    let folder = cx.need_folder()?.id;
    let name = name(&changes);
    let id = cx.insert(changes)?;
    sharing::link(cx.tx, id, folder, &name)?;
    retention::set_defaults(cx, id)?;
    for (_, status) in QueueItemStatus::TYPE.members {
        cx.tx.exec(
            "INSERT INTO queue_counts (queue_definition_id, status, items) VALUES ($1, $2, 0)",
            &[id.into(), (*status).into()],
        )?;
    }
    audit::done(cx, &AUDITED, AuditAction::Create, id)?;
    Ok(id)
}

/// A queue as the rules of changing it need it.
pub(super) struct Current {
    id: i64,
    encrypted: bool,
    unique_references: bool,
    release: Option<i64>,
    /// In the order of [`SCHEMAS`].
    schemas: [Option<String>; 3],
}

/// The columns of the schemas, and their members.
const SCHEMAS: [(&str, &str); 3] = [
    ("specific_data_json_schema", "SpecificDataJsonSchema"),
    ("output_data_json_schema", "OutputDataJsonSchema"),
    ("analytics_data_json_schema", "AnalyticsDataJsonSchema"),
];

/// The queue with this number in the folder of the request, if that has one.
///
/// # Errors
/// 1101 without a folder.
pub(super) fn current(cx: &mut Cx<'_, '_>, id: i64) -> Result<Option<Current>> {
    let folder = cx.need_folder()?.id;
    let row = cx.tx.row(
        "SELECT q.encrypted, q.enforce_unique_reference, q.release_id,
             q.specific_data_json_schema, q.output_data_json_schema, q.analytics_data_json_schema
         FROM queue_definitions q JOIN queue_folders l ON l.queue_definition_id = q.id
         WHERE q.id = $1 AND q.tenant_id = $2 AND l.folder_id = $3",
        &[id.into(), cx.caller.tenant.into(), folder.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Current {
        id,
        encrypted: row.get("encrypted")?,
        unique_references: row.get("enforce_unique_reference")?,
        release: row.get("release_id")?,
        schemas: [
            row.get("specific_data_json_schema")?,
            row.get("output_data_json_schema")?,
            row.get("analytics_data_json_schema")?,
        ],
    }))
}

/// Whether the folder of the request has a queue with this number.
fn exists(cx: &mut Cx<'_, '_>, id: i64) -> Result<bool> {
    Ok(current(cx, id)?.is_some())
}

/// `PUT /odata/QueueDefinitions(id)`
fn replace(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    let current = current(cx, id)?.ok_or_else(no_queue)?;
    change(cx, &current, changes)
}

/// The refusal of a number that the folder has no queue with.
pub(super) fn no_queue() -> Error {
    Error::not_found("QueueDefinition")
}

/// Changes a queue.
///
/// # Errors
/// What is wrong with it, or cannot be changed; 1001 for a name that one of its folders has.
pub(super) fn change(cx: &mut Cx<'_, '_>, current: &Current, mut changes: Changes) -> Result<()> {
    for (column, settled) in [
        ("encrypted", current.encrypted),
        ("enforce_unique_reference", current.unique_references),
    ] {
        let settled = Value::Bool(settled);
        if changes.remove(column).is_some_and(|new| new != settled) {
            return Err(Error::refused(
                Code::QueueDefinitionParametersCannotChange,
                "Encrypted and EnforceUniqueReference cannot be changed: make another queue.",
            ));
        }
    }
    check(cx, &changes, Some(current))?;
    let name = name(&changes);
    cx.update(changes, current.id)?;
    cx.tx
        .exec(
            "UPDATE queue_folders SET name = $2 WHERE queue_definition_id = $1",
            &[current.id.into(), name.as_str().into()],
        )
        .map_err(|e| Error::from(e).name_taken(&name))?;
    audit::done(cx, &AUDITED, AuditAction::Update, current.id)
}

/// `DELETE /odata/QueueDefinitions(id)`: with its items, from all its folders, so in each of them it
/// must be allowed.
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    for folder in sharing::folders_of(cx.tx, id)? {
        if !sharing::may(cx, folder, &DELETE)? {
            return Err(Error::refused(
                Code::ForbiddenOperation,
                "The queue is also in folders where you must not delete queues: take it out of \
                 this one with ShareToFolders.",
            ));
        }
    }
    removal::remove(cx, id)
}

/// The name that a body gives; the declaration requires one.
fn name(changes: &Changes) -> String {
    match changes.get("name") {
        Some(Value::Text(name)) => name.clone(),
        _ => String::new(),
    }
}

/// What the declaration cannot say. A process that the queue has already is not asked about.
fn check(cx: &mut Cx<'_, '_>, changes: &Changes, current: Option<&Current>) -> Result<()> {
    let number = |column| match changes.get(column) {
        Some(Value::Int(n)) => Some(*n),
        _ => None,
    };
    if let Some(risk) = number("risk_sla_in_minutes").filter(|n| *n > 0)
        && number("sla_in_minutes").is_none_or(|sla| risk > sla)
    {
        return Err(Error::invalid(
            "RiskSlaInMinutes must not be more than SlaInMinutes.",
        ));
    }
    for (index, (column, member)) in SCHEMAS.into_iter().enumerate() {
        let old = current.and_then(|queue| queue.schemas[index].as_deref());
        match changes.get(column) {
            Some(Value::Text(new)) if old != Some(new) => {
                schemas::check_schema(member, new)?;
                old.map_or(Ok(()), |old| schemas::check_change(member, old, new))?;
            }
            _ => {}
        }
    }
    match number("release_id") {
        Some(release) if current.is_none_or(|queue| queue.release != Some(release)) => {
            check_release(cx, release)
        }
        _ => Ok(()),
    }
}

/// Fails unless the process is in a folder where the caller may see processes: the queue will tell
/// its name.
fn check_release(cx: &mut Cx<'_, '_>, release: i64) -> Result<()> {
    let row = cx.tx.row(
        "SELECT folder_id FROM releases WHERE id = $1 AND tenant_id = $2
             AND deletion_time IS NULL",
        &[release.into(), cx.caller.tenant.into()],
    )?;
    let folder: Option<i64> = row.map(|r| r.get(0)).transpose()?;
    match folder {
        Some(folder) if sharing::may(cx, folder, &releases::VIEW)? => Ok(()),
        _ => Err(Error::not_found("Release")),
    }
}

/// A queue by its key.
#[odata::input]
pub struct GetByKey {
    /// The key.
    #[edm(required)]
    identifier: Guid,
}

impl Operation for GetByKey {
    const AT: At = function("QueueDefinitions", "GetByKey")
        .needs(VIEW)
        .folder(FolderRule::Optional);
    type Answer = One<QueueInFolders>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let row = cx.tx.row(
            "SELECT id FROM queue_definitions WHERE key = $1 AND tenant_id = $2",
            &[self.identifier.into(), cx.caller.tenant.into()],
        )?;
        let row = row.ok_or_else(no_queue)?;
        Ok(One::by(row.get::<i64>("id")?))
    }
}

/// A schema of a queue, as it was given.
#[odata::input]
pub struct GetJsonSchemaDefinition {
    /// Number of the queue.
    #[edm(key)]
    id: i64,
    /// `SpecificData`, `OutputData` or `AnalyticsData`.
    #[edm(required)]
    json_schema_type: String,
}

impl Operation for GetJsonSchemaDefinition {
    const AT: At = function("QueueDefinitions", "GetJsonSchemaDefinition")
        .needs(Need::new("OR.Queues", &[("Queues", Access::Edit)], false))
        .namespace(QUEUE_NAMESPACE)
        .folder(FolderRule::Optional);
    // The schema is a document itself.
    type Answer = Written<String>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let kind = &self.json_schema_type;
        let index = ["SpecificData", "OutputData", "AnalyticsData"]
            .iter()
            .position(|known| known.eq_ignore_ascii_case(kind))
            .ok_or_else(|| {
                Error::refused(
                    Code::InvalidQueueSchemaType,
                    "jsonSchemaType must be SpecificData, OutputData or AnalyticsData.",
                )
            })?;
        cx.entity(SET, self.id, &[])?;
        let row = cx.tx.row(
            "SELECT specific_data_json_schema, output_data_json_schema, analytics_data_json_schema
             FROM queue_definitions WHERE id = $1",
            &[self.id.into()],
        )?;
        let schema: Option<String> = row.map(|r| r.get(SCHEMAS[index].0)).transpose()?.flatten();
        let schema = schema.ok_or_else(|| {
            Error::refused(
                Code::QueueSchemaDefinitionNotFound,
                format!("The queue has no schema of type {kind}."),
            )
        })?;
        Ok(Reply::json(schema.into_bytes()).into())
    }
}
