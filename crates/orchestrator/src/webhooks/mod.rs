//! Webhooks: who outside is told of which events. Nothing is delivered yet: whoever switches one on
//! is told so in the log, see [`Hint::Webhook`].

mod entities;

use db::{Tx, Value};
use odata::{Changes, Guid, Mode};
use serde_json::json;
use url::Url;

use crate::audit::{AuditComponent, Audited};
use crate::body::given;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{Access, At, Command, Need, Op, Operation, Page, Resource, function, op};

use crate::feature::Feature;
use entities::EVENT_TYPES;
pub use entities::{Webhook, WebhookEvent, WebhookEventType};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("webhooks")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["webhooks"]);

const VIEW: Need = Need::new("OR.Webhooks", &[("Webhooks", Access::View)], false);
const CREATE: Need = Need::new("OR.Webhooks", &[("Webhooks", Access::Create)], true);
const EDIT: Need = Need::new("OR.Webhooks", &[("Webhooks", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Webhooks", &[("Webhooks", Access::Delete)], true);

/// How the audit log tells of webhooks; their secret is not in what GET shows.
static AUDITED: Audited = Audited::new(AuditComponent::Webhooks, &Webhook::SET, "webhook");

/// The set.
pub static RESOURCE: Resource = Resource::new(&Webhook::SET, VIEW)
    .get()
    .create(Command::create(CREATE, BODY, create).audited(&AUDITED))
    .replace(Command::replace(EDIT, BODY, replace).audited(&AUDITED))
    .merge(Command::merge(EDIT, BODY, merge).audited(&AUDITED))
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// What messages call the body.
const BODY: &str = "webhookDto";

/// Its functions and actions.
pub const OPS: &[Op] = &[op::<GetEventTypes>()];

/// The kinds of events that webhooks can be told of.
#[odata::input]
pub struct GetEventTypes;

impl Operation for GetEventTypes {
    const AT: At = function("Webhooks", "GetEventTypes").needs(VIEW);
    type Answer = Page<WebhookEventType>;

    fn run(&self, _: &mut Cx<'_, '_>) -> Result<Self::Answer> {
        Ok(Page::all())
    }
}

/// `POST /odata/Webhooks`
fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    let key = cx.key();
    changes.set("key", key);
    complete(cx, &mut changes, key, &Stored::default())?;
    let name = given::<String>(&changes, "Name")?.unwrap_or_default();
    changes.set("creation_time", cx.now);
    let enabled = is_enabled(&changes, false);
    let id = cx
        .insert(changes)
        .map_err(|error| error.name_taken(&name))?;
    if enabled {
        cx.hint(Hint::Webhook(id));
    }
    Ok(id)
}

/// `PUT /odata/Webhooks(id)`
fn replace(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    change(cx, id, changes, Mode::Replace)
}

/// `PATCH /odata/Webhooks(id)`
fn merge(cx: &mut Cx<'_, '_>, id: i64, changes: Changes) -> Result<()> {
    change(cx, id, changes, Mode::Merge)
}

fn change(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes, mode: Mode) -> Result<()> {
    let row = cx.tx.row(
        "SELECT key, subscribe_to_all_events, events, enabled FROM webhooks
         WHERE id = $1 AND tenant_id = $2",
        &[id.into(), cx.caller.tenant.into()],
    )?;
    let row = row.ok_or_else(|| Error::not_found("Webhook"))?;
    let key: Guid = row.get("key")?;
    let stored = match mode {
        Mode::Merge => Stored {
            all: row.get("subscribe_to_all_events")?,
            some: row.get::<String>("events")? != "[]",
        },
        Mode::Create | Mode::Replace => Stored::default(),
    };
    complete(cx, &mut changes, key, &stored)?;
    let name = given::<String>(&changes, "Name")?.unwrap_or_default();
    let enabled = is_enabled(&changes, row.get("enabled")?);
    cx.update(changes, id)
        .map_err(|error| error.name_taken(&name))?;
    if enabled {
        cx.hint(Hint::Webhook(id));
    }
    Ok(())
}

/// Whether a webhook is told of events after these changes; `before` is whether it was.
fn is_enabled(changes: &Changes, before: bool) -> bool {
    match changes.get("enabled") {
        Some(Value::Bool(enabled)) => *enabled,
        _ => before,
    }
}

/// How many webhooks are to be told of events, of all tenants.
///
/// # Errors
/// The store's.
pub fn enabled(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(tx.number("SELECT COUNT(*) FROM webhooks WHERE enabled", &[])?)
}

/// `DELETE /odata/Webhooks(id)`
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    cx.delete(&Webhook::SET, id)
}

/// Whether a webhook is told of all or of some events so far.
#[derive(Default)]
struct Stored {
    all: bool,
    some: bool,
}

/// Checks what a body changes, seals the secret, and spells events as they are sent.
fn complete(cx: &Cx<'_, '_>, changes: &mut Changes, key: Guid, stored: &Stored) -> Result<()> {
    if let Some(url) = given::<String>(changes, "Url")? {
        check_url(&url)?;
    }
    // A secret is not shown, so a client that sends back what it read must not lose it: it goes
    // with an empty text only.
    match given::<String>(changes, "Secret")?.as_deref() {
        None => {}
        Some("") => changes.set("secret", None::<String>),
        Some(secret) => {
            let sealed = cx.server.keys.encrypt(&place(key), secret);
            changes.set("secret", sealed);
        }
    }
    let some = match given::<Vec<WebhookEvent>>(changes, "Events")? {
        Some(events) => {
            let events = known(&events)?;
            let list: Vec<_> = events.iter().map(|e| json!({"EventType": e})).collect();
            changes.set("events", json!(list).to_string());
            !events.is_empty()
        }
        None => stored.some,
    };
    let all = given(changes, "SubscribeToAllEvents")?;
    if !some && !all.unwrap_or(stored.all) {
        return Err(Error::invalid(
            "A webhook needs Events, or SubscribeToAllEvents.",
        ));
    }
    Ok(())
}

/// What a secret is sealed for.
fn place(key: Guid) -> String {
    format!("webhooks:secret:{key}")
}

fn check_url(text: &str) -> Result<()> {
    // The parser would drop blanks and line ends, and what is kept would be another address.
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control());
    let url = Url::parse(text).ok().filter(|_| plain);
    if url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
        return Ok(());
    }
    Err(Error::invalid(
        "The field Url must be an absolute address that starts with http:// or https://.",
    ))
}

/// The names of kinds of events, each once, as they are spelled.
fn known(events: &[WebhookEvent]) -> Result<Vec<&'static str>> {
    let mut names = Vec::with_capacity(events.len());
    for event in events {
        let mut types = EVENT_TYPES.iter();
        let known = types.find(|name| name.eq_ignore_ascii_case(&event.event_type));
        let known = known.ok_or_else(|| {
            Error::refused(
                Code::UnknownWebhookEventType,
                format!(
                    "There is no event type '{}': GetEventTypes lists them.",
                    event.event_type
                ),
            )
        })?;
        if !names.contains(known) {
            names.push(known);
        }
    }
    Ok(names)
}
