//! Calendars of days on which triggers do not fire.

use odata::{Changes, Guid, Timestamp};

use crate::audit::{AuditComponent, Audited};
use crate::cx::Cx;
use crate::error::{Code, Error, Result};
use crate::feature::Feature;
use crate::op::{Access, At, Command, Need, Op, Operation, Resource, action, op};
use crate::settings::{self, timezones};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("calendars")
    .resources(&[&RESOURCE])
    .operations(&[OPS])
    .tables(&["calendars"]);

/// A calendar.
#[odata::entity(
    set = "Calendars",
    name = "ExtendedCalendarDto",
    table = "calendars",
    key = "Id",
    scope = tenant,
    order = "Id",
    indexes = "calendars_name(tenant_id, fold(name))"
)]
pub struct Calendar {
    /// Unique in the tenant.
    #[edm(required, max = 150)]
    pub name: String,
    /// The zone whose days are meant; triggers that use the calendar have the same.
    #[edm(max = 80)]
    pub time_zone_id: Option<String>,
    /// The days, each as its midnight; shown when one calendar is read.
    #[edm(single, nofilter)]
    pub excluded_dates: Vec<Timestamp>,
    /// Its GUID.
    #[edm(read_only)]
    pub key: Guid,
    /// Number of the calendar.
    pub id: i64,
}

const ANYONE: Need = Need::new("OR.Settings", &[], false);
const CREATE: Need = Need::new("OR.Settings", &[("Settings", Access::Create)], true);
const EDIT: Need = Need::new("OR.Settings", &[("Settings", Access::Edit)], true);
const DELETE: Need = Need::new("OR.Settings", &[("Settings", Access::Delete)], true);

/// How the audit log tells of calendars.
static AUDITED: Audited = Audited::new(AuditComponent::Settings, &Calendar::SET, "calendar");

/// The set.
pub static RESOURCE: Resource = Resource::new(&Calendar::SET, ANYONE)
    .get()
    .create(Command::create(CREATE, "calendarDto", create).audited(&AUDITED))
    .replace(Command::replace(EDIT, "calendarDto", replace).audited(&AUDITED))
    .delete(Command::delete(DELETE, delete).audited(&AUDITED));

/// Its functions and actions.
pub const OPS: &[Op] = &[op::<CalendarExists>()];

/// `POST /odata/Calendars`
fn create(cx: &mut Cx<'_, '_>, mut changes: Changes) -> Result<i64> {
    let zone = match text(&changes, "time_zone_id") {
        Some(zone) => zone,
        None => settings::value(cx, settings::TIME_ZONE)?,
    };
    changes.set("time_zone_id", zone);
    changes.set_default("excluded_dates", "[]");
    let name = checked(&mut changes)?;
    cx.insert(changes).map_err(|e| e.name_taken(&name))
}

/// `PUT /odata/Calendars(id)`: the days are those of the body.
fn replace(cx: &mut Cx<'_, '_>, id: i64, mut changes: Changes) -> Result<()> {
    // A zone there must be: without one in the body it stays.
    if text(&changes, "time_zone_id").is_none() {
        changes.remove("time_zone_id");
    }
    changes.set_default("excluded_dates", "[]");
    let name = checked(&mut changes)?;
    cx.update(changes, id).map_err(|e| e.name_taken(&name))
}

/// `DELETE /odata/Calendars(id)`, unless a trigger uses it.
fn delete(cx: &mut Cx<'_, '_>, id: i64) -> Result<()> {
    let used = "The calendar is used by triggers: give them another one first.";
    cx.delete(&Calendar::SET, id).map_err(|e| e.in_use(used))
}

/// Whether a name is taken, by another than `excludedId`.
#[odata::input]
pub struct CalendarExists {
    /// The name.
    #[edm(required, max = 150)]
    calendar_name: String,
    /// A calendar that may have it.
    excluded_id: Option<i64>,
}

impl Operation for CalendarExists {
    const AT: At = action("Calendars", "CalendarExists").needs(EDIT);
    type Answer = bool;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<bool> {
        let row = cx.tx.row(
            "SELECT 1 FROM calendars WHERE tenant_id = $1 AND fold(name) = fold($2)
                 AND id <> COALESCE($3, 0)",
            &[
                cx.caller.tenant.into(),
                self.calendar_name.as_str().into(),
                self.excluded_id.into(),
            ],
        )?;
        Ok(row.is_some())
    }
}

fn text(changes: &Changes, column: &str) -> Option<String> {
    match changes.get(column) {
        Some(db::Value::Text(text)) => Some(text.clone()),
        _ => None,
    }
}

/// Checks zone and days, brings them into the form that is kept, and gives the name.
fn checked(changes: &mut Changes) -> Result<String> {
    if let Some(zone) = text(changes, "time_zone_id") {
        let known = timezones::find(&zone).ok_or_else(|| {
            Error::refused(
                Code::InvalidTimeZoneId,
                format!("'{zone}' is not a time zone: use an id that GetTimezones lists."),
            )
        })?;
        changes.set("time_zone_id", known.0);
    }
    let listed = text(changes, "excluded_dates").unwrap_or_default();
    let listed: Vec<String> = serde_json::from_str(&listed).unwrap_or_default();
    changes.set("excluded_dates", days(&listed)?);
    text(changes, "name").ok_or_else(|| Error::invalid("The Name field is required."))
}

/// Days as JSON: in order, each once, at midnight.
fn days(listed: &[String]) -> Result<String> {
    let mut days = std::collections::BTreeSet::new();
    for text in listed {
        // The day is what the text says, whatever offset follows it.
        let day = text.get(..10).and_then(Timestamp::parse);
        let day = day.filter(|_| Timestamp::parse(text).is_some());
        days.insert(day.ok_or_else(|| {
            Error::invalid(format!(
                "'{text}' in ExcludedDates is not a date such as 2026-12-25T00:00:00Z."
            ))
        })?);
    }
    let texts: Vec<String> = days.iter().map(ToString::to_string).collect();
    Ok(serde_json::json!(texts).to_string())
}

#[cfg(test)]
mod tests {
    use super::days;

    #[test]
    fn days_are_sorted_and_without_time() {
        let listed = [
            "2026-12-26T00:00:00Z",
            "2026-12-25T23:30:00-05:00",
            "2026-12-25",
        ];
        let listed = listed.map(str::to_owned);
        assert_eq!(
            days(&listed).unwrap(),
            r#"["2026-12-25T00:00:00Z","2026-12-26T00:00:00Z"]"#
        );
        for wrong in [
            "",
            "Christmas",
            "2026-13-01",
            "2026-12-25x",
            "2026-12-25T25:00:00Z",
        ] {
            assert!(days(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
