//! What the server shows of items, held against the model.

use odata::Timestamp;
use serde_json::{Value, json};

use super::driver::Checked;
use super::model::{Item, Moment, Queue};

/// What only the server knows of an item.
#[derive(Debug, Clone)]
pub struct Seen {
    pub id: i64,
    pub key: String,
    pub unique_key: String,
    pub version: i64,
    /// How often the item had been changed when it had that version.
    pub changes: u32,
}

/// The items of a queue, in the order of the model.
#[derive(Debug, Default)]
pub struct Shown(Vec<Seen>);

impl Shown {
    pub fn seen(&self, index: usize) -> &Seen {
        &self.0[index]
    }

    pub fn id(&self, index: usize) -> i64 {
        self.0[index].id
    }

    /// Which item a row shows.
    pub fn index(&self, row: &Value) -> Checked<usize> {
        let index = self.0.iter().position(|seen| row["Id"] == seen.id);
        index.ok_or_else(|| format!("nobody has seen the item {}", row["Id"]))
    }

    /// Compares a row with the model's, and learns from it what only the server knows.
    pub fn check(&mut self, model: &mut Queue, index: usize, row: &Value) -> Checked {
        match index == self.0.len() {
            true => self.meet(&model.items, index, row)?,
            false => self.recognize(&model.items[index], index, row)?,
        }
        let item = &mut model.items[index];
        for (member, moment) in [
            ("DeferDate", &mut item.defer),
            ("DueDate", &mut item.due),
            ("RiskSlaDate", &mut item.risk),
            ("StartProcessing", &mut item.started),
            ("EndProcessing", &mut item.ended),
        ] {
            narrow(row, member, moment)?;
        }
        let mut created = Some(item.created);
        narrow(row, "CreationTime", &mut created)?;
        item.created = created.unwrap_or(item.created);
        let seconds = row["SecondsInPreviousAttempts"].as_i64();
        let fits = |s: &i64| (item.seconds.0..=item.seconds.1).contains(s);
        let Some(seconds) = seconds.filter(fits) else {
            return Err(unlike(
                row,
                "SecondsInPreviousAttempts",
                &json!(item.seconds),
            ));
        };
        item.seconds = (seconds, seconds);
        let encrypted = model.config.encrypted;
        for (member, expected) in self.members(&model.items[index], encrypted) {
            if row[member] != expected {
                return Err(unlike(row, member, &expected));
            }
        }
        Ok(())
    }

    /// An item that was not seen before.
    fn meet(&mut self, items: &[Item], index: usize, row: &Value) -> Checked {
        let text = |member: &str| row[member].as_str().unwrap_or_default().to_owned();
        let version = odata::Version::parse(&text("RowVersion")).ok_or("no RowVersion")?;
        let seen = Seen {
            id: row["Id"].as_i64().ok_or("no Id")?,
            key: text("Key"),
            unique_key: text("UniqueKey"),
            version: version.0,
            changes: items[index].changes,
        };
        let first = items[index].first;
        let key = self
            .0
            .get(first)
            .map_or(&seen.unique_key, |first| &first.key);
        if seen.key != *key {
            return Err(unlike(row, "Key", &json!(key)));
        }
        if self
            .0
            .iter()
            .any(|s| s.unique_key == seen.unique_key || s.id >= seen.id)
        {
            return Err(format!("an item that is not new: {row:#}"));
        }
        self.0.push(seen);
        Ok(())
    }

    /// An item as it was, but for its version: that moves with each change, and only then.
    fn recognize(&mut self, item: &Item, index: usize, row: &Value) -> Checked {
        let seen = &mut self.0[index];
        for (member, expected) in [
            ("Id", json!(seen.id)),
            ("Key", json!(seen.key)),
            ("UniqueKey", json!(seen.unique_key)),
        ] {
            if row[member] != expected {
                return Err(unlike(row, member, &expected));
            }
        }
        let version = row["RowVersion"].as_str().and_then(odata::Version::parse);
        let version = version.ok_or("no RowVersion")?.0;
        let moved = item.changes != seen.changes;
        if (version > seen.version) != moved || version < seen.version {
            let had = seen.version;
            return Err(format!(
                "version {version} after {had}, changed: {moved}: {row:#}"
            ));
        }
        (seen.version, seen.changes) = (version, item.changes);
        Ok(())
    }

    /// What has to be shown exactly.
    fn members(&self, item: &Item, encrypted: bool) -> Vec<(&'static str, Value)> {
        let of = |index: Option<usize>| index.map(|i| &self.0[i]);
        let id = |index| json!(of(index).map(|s| s.id));
        let unique_key = |index| json!(of(index).map(|s| &s.unique_key));
        let data = |content: &Option<Value>| {
            let data = content
                .as_ref()
                .map(|c| format!("{{\"DynamicProperties\":{c}}}"));
            json!(data)
        };
        vec![
            ("Status", json!(format!("{:?}", item.status))),
            ("ReviewStatus", json!(format!("{:?}", item.review))),
            ("Priority", json!(format!("{:?}", item.priority))),
            ("Reference", json!(item.reference)),
            ("SpecificContent", json!(item.content)),
            ("SpecificData", data(&item.content)),
            ("Output", json!(item.output)),
            ("OutputData", data(&item.output)),
            ("Analytics", json!(item.analytics)),
            ("AnalyticsData", data(&item.analytics)),
            ("Progress", json!(item.progress)),
            ("OperationId", json!(item.operation)),
            (
                "ProcessingExceptionType",
                json!(item.failure.map(|f| format!("{f:?}"))),
            ),
            ("RobotId", json!(item.robot)),
            ("RetryNumber", json!(item.retry)),
            ("ManualRetryNumber", json!(item.manual_retry)),
            ("AncestorId", id(item.ancestor)),
            ("AncestorUniqueKey", unique_key(item.ancestor)),
            ("ManualAncestorId", id(item.manual_ancestor)),
            ("ManualAncestorUniqueKey", unique_key(item.manual_ancestor)),
            ("Encrypted", json!(encrypted)),
        ]
    }
}

fn unlike(row: &Value, member: &str, expected: &Value) -> String {
    format!("{member} is not {expected} in {row:#}")
}

/// Compares a time, which is known exactly from then on.
fn narrow(row: &Value, member: &str, known: &mut Option<Moment>) -> Checked {
    let shown = match &row[member] {
        Value::Null => None,
        Value::String(text) => Timestamp::parse(text),
        _ => return Err(unlike(row, member, &json!("a time"))),
    };
    let fits = match (shown, *known) {
        (None, None) => true,
        (Some(time), Some(moment)) => moment.may_be(time),
        _ => false,
    };
    if !fits {
        return Err(unlike(row, member, &json!(format!("{known:?}"))));
    }
    *known = shown.map(Moment::at);
    Ok(())
}
