//! The audit log: who did what to which thing, written in the transaction that did it.

mod entities;

use db::Tx;
use odata::edm::EntitySet;
use odata::{Query, Timestamp};

use crate::cx::{Cx, Identity, SERVER};
use crate::error::{Error, Result};
use crate::op::{Access, At, Need, Op, Operation, Page, Resource, function, op};

use crate::feature::Feature;
pub use entities::{AuditAction, AuditComponent, AuditLog, AuditLogEntity};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("audit")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["audit_log_entities", "audit_logs"]);

const VIEW: Need = Need::new("OR.Audit", &[("Audit", Access::View)], false);

/// The set.
pub static RESOURCE: Resource = Resource::new(&AuditLog::SET, VIEW).get();

/// Its functions and actions.
pub const OPS: &[Op] = &[op::<GetAuditLogDetails>()];

/// One thing that was written.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its type, e.g. `RoleDto`.
    pub entity: &'a str,
    /// Its number; settings have none.
    pub id: Option<i64>,
    /// Its name.
    pub name: &'a str,
    /// The entity as it is shown after the change: never with a secret in it.
    pub data: Option<&'a [u8]>,
}

/// A kind of entity whose changes are written down.
pub struct Audited {
    component: AuditComponent,
    set: &'static EntitySet,
    noun: &'static str,
    name: &'static str,
    query: &'static str,
}

impl Audited {
    /// Entities of a set, called `noun` in sentences; they have a column `name`, and nothing in
    /// them is secret.
    #[must_use]
    pub const fn new(
        component: AuditComponent,
        set: &'static EntitySet,
        noun: &'static str,
    ) -> Self {
        Self {
            component,
            set,
            noun,
            name: "name",
            query: "",
        }
    }

    /// With another column for the name.
    #[must_use]
    pub const fn name(mut self, column: &'static str) -> Self {
        self.name = column;
        self
    }

    /// Written down under these query options: `$select` leaves secrets out.
    #[must_use]
    pub const fn query(mut self, options: &'static str) -> Self {
        self.query = options;
        self
    }
}

/// Writes down what the caller does to an entity that is there: after it is made or changed, before
/// it is deleted.
///
/// # Errors
/// 1002 when the request may not see it; the store's.
pub fn done(cx: &mut Cx<'_, '_>, what: &Audited, action: AuditAction, id: i64) -> Result<()> {
    let query = Query::parse(what.set, what.query)?;
    let shown = cx.entity_with(what.set, &id.into(), &query, &[])?;
    let name = format!(
        "SELECT t.{} FROM {} t WHERE t.id = $1 LIMIT 1",
        what.name, what.set.table
    );
    let name: Option<String> = match cx.tx.row(&name, &[id.into()])? {
        Some(row) => row.get(0)?,
        None => None,
    };
    let name = name.unwrap_or_default();
    let subject = Subject {
        entity: what.set.entity,
        id: Some(id),
        name: &name,
        data: Some(&shown),
    };
    let verb = match action {
        AuditAction::Create => "created",
        AuditAction::Delete => "deleted",
        _ => "updated",
    };
    let text = format!("{verb} {} {name}", what.noun);
    record(cx, what.component, action, &subject, &text)
}

/// Writes down that the caller did something: `text` goes on after the caller's name, as in
/// `User admin created role X`.
///
/// # Errors
/// The store's.
pub fn record(
    cx: &mut Cx<'_, '_>,
    component: AuditComponent,
    action: AuditAction,
    subject: &Subject<'_>,
    text: &str,
) -> Result<()> {
    record_all(cx, component, action, std::slice::from_ref(subject), text)
}

/// As [`record`], of something that was done to several things at once. The line has the name and
/// number of the first.
///
/// # Errors
/// The store's.
pub fn record_all(
    cx: &mut Cx<'_, '_>,
    component: AuditComponent,
    action: AuditAction,
    subjects: &[Subject<'_>],
    text: &str,
) -> Result<()> {
    let by = By {
        tenant: cx.caller.tenant,
        now: cx.now,
        identity: &cx.caller.identity,
    };
    record_by(cx.tx, &by, component, action, subjects, text)
}

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// In which tenant.
    pub tenant: i64,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub identity: &'a Identity,
}

/// As [`record_all`], where no request is behind it.
///
/// # Errors
/// The store's.
pub fn record_by(
    tx: &mut Tx<'_>,
    by: &By<'_>,
    component: AuditComponent,
    action: AuditAction,
    subjects: &[Subject<'_>],
    text: &str,
) -> Result<()> {
    let Some(first) = subjects.first() else {
        return Ok(());
    };
    let who = Actor::of(tx, by.identity)?;
    let tenant = by.tenant;
    let entry = tx.insert_into(
        "audit_logs",
        [
            ("tenant_id", tenant.into()),
            ("execution_time", by.now.into()),
            ("action", action.into()),
            ("component", component.into()),
            ("display_name", first.name.into()),
            ("entity_id", first.id.into()),
            ("operation_text", format!("{} {text}", who.shown).into()),
            ("user_id", who.user.into()),
            ("user_name", who.name.into()),
            ("user_type", who.kind.into()),
            ("external_client_id", who.client_id.into()),
        ],
    )?;
    let rows = subjects.iter().map(|subject| {
        let data = subject.data.map(String::from_utf8_lossy);
        Written {
            tenant_id: tenant,
            audit_log_id: entry,
            custom_data: data.map(std::borrow::Cow::into_owned),
            entity_id: subject.id,
            entity_name: subject.entity.to_owned(),
            action,
        }
    });
    tx.exec_many(
        "INSERT INTO audit_log_entities ({columns}) {values}",
        rows.collect(),
    )?;
    Ok(())
}

db::params! {
    /// A row of `audit_log_entities`.
    struct Written {
        tenant_id: i64,
        audit_log_id: i64,
        custom_data: Option<String>,
        entity_id: Option<i64>,
        entity_name: String,
        action: AuditAction,
    }
}

/// Who did it, as it will be shown when the account is long gone.
struct Actor {
    shown: String,
    user: Option<i64>,
    name: Option<String>,
    kind: Option<i64>,
    client_id: Option<String>,
}

impl Actor {
    fn of(tx: &mut Tx<'_>, identity: &Identity) -> Result<Self> {
        let user = match identity {
            Identity::User { id } => Some(*id),
            Identity::Robot { user, .. } => *user,
            Identity::Application { .. }
            | Identity::Machine { .. }
            | Identity::Server
            | Identity::Anonymous => None,
        };
        if let Some(user) = user {
            let row = tx.row(
                "SELECT user_name, type FROM users WHERE id = $1",
                &[user.into()],
            )?;
            let row = row.ok_or_else(|| Error::not_found("User"))?;
            let name: String = row.get("user_name")?;
            return Ok(Self {
                shown: format!("User {name}"),
                user: Some(user),
                name: Some(name),
                kind: Some(row.get("type")?),
                client_id: None,
            });
        }
        let (shown, client_id) = match identity {
            Identity::Application { client_id, .. } => {
                (format!("Application {client_id}"), Some(client_id.clone()))
            }
            Identity::Server => ("The server".to_owned(), Some(SERVER.to_owned())),
            Identity::Machine { id } => (format!("Machine {id}"), None),
            Identity::Robot { id, .. } => (format!("Robot {id}"), None),
            Identity::User { id } => (format!("User {id}"), None),
            Identity::Anonymous => ("Nobody".to_owned(), None),
        };
        Ok(Self {
            shown,
            user: None,
            name: None,
            kind: None,
            client_id,
        })
    }
}

/// What an entry wrote.
#[odata::input]
pub struct GetAuditLogDetails {
    /// Number of the entry.
    #[edm(required)]
    audit_log_id: i64,
}

impl Operation for GetAuditLogDetails {
    const AT: At = function("AuditLogs", "GetAuditLogDetails").needs(VIEW);
    type Answer = Page<AuditLogEntity>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        let known = "SELECT 1 FROM audit_logs WHERE id = $1 AND tenant_id = $2";
        let (entry, tenant) = (self.audit_log_id, cx.caller.tenant);
        if cx.tx.row(known, &[entry.into(), tenant.into()])?.is_none() {
            return Err(Error::not_found("AuditLog"));
        }
        let page = Page::of("{t}.audit_log_id = {entry}").var("entry", entry);
        Ok(page.named("AuditLogEntityDto"))
    }
}
