//! An item as callers give it, to be added or to take the place of what an item says.

use odata::{Guid, Open, Timestamp};
use serde::Deserialize;
use serde_json::Value as Json;

use super::content::{self, Dictionary};
use super::entities::QueueItemPriority;
use crate::body;
use crate::error::{Error, Result};

/// An item to add, or what is changed in one.
#[odata::complex(name = "QueueItemDataDto")]
#[derive(Deserialize)]
pub struct QueueItemData {
    /// Name of the queue.
    #[serde(default)]
    name: Option<String>,
    /// What is handed out first.
    #[serde(default)]
    priority: Option<QueueItemPriority>,
    /// What it is about.
    #[serde(default)]
    specific_content: Option<Open>,
    /// Not handed out before.
    #[serde(default)]
    defer_date: Option<Timestamp>,
    /// When it should be done.
    #[serde(default)]
    due_date: Option<Timestamp>,
    /// When that is at risk.
    #[serde(default)]
    risk_sla_date: Option<Timestamp>,
    /// What the caller knows it by.
    #[edm(max = 128)]
    #[serde(default)]
    reference: Option<String>,
    /// How far it is.
    #[serde(default)]
    progress: Option<String>,
    /// What adds it.
    #[edm(max = 20)]
    #[serde(default)]
    source: Option<String>,
    /// The operation that adds it.
    #[edm(max = 128)]
    #[serde(default)]
    parent_operation_id: Option<String>,
}

/// The same, checked as far as that needs no database.
#[derive(Debug, Default)]
pub struct ItemData {
    /// Name of the queue.
    pub(super) name: Option<String>,
    pub(super) priority: Option<QueueItemPriority>,
    pub(super) content: Option<Dictionary>,
    pub(super) defer_date: Option<Timestamp>,
    pub(super) due_date: Option<Timestamp>,
    pub(super) risk_sla_date: Option<Timestamp>,
    pub(super) reference: Option<String>,
    pub(super) progress: Option<String>,
    pub(super) source: Option<String>,
    pub(super) parent_operation_id: Option<String>,
    /// The job that adds it, as the request's header says.
    pub(super) creator_job_key: Option<Guid>,
}

/// What adds items.
const SOURCES: &[&str] = &["Manual", "Apps", "ProcessOrchestration"];

impl QueueItemData {
    /// Checks what the declaration cannot say.
    ///
    /// # Errors
    /// 400 when a member is wrong; 413 for a progress or a content that is too long.
    pub fn checked(&self) -> Result<ItemData> {
        let reference = self.reference.clone().filter(|r| !r.is_empty());
        for (name, text) in [
            ("Reference", &reference),
            ("Progress", &self.progress),
            ("ParentOperationId", &self.parent_operation_id),
        ] {
            // Here rather than in the store, where it would concern the other items of a request.
            if text.as_deref().is_some_and(|text| text.contains('\0')) {
                let message = format!("{name} must not have the character NUL (\\u0000).");
                return Err(Error::invalid(message));
            }
        }
        content::check_progress(self.progress.as_deref())?;
        let content = self.specific_content.as_ref().map(Dictionary::specific);
        let content = content.transpose()?;
        if let Some(source) = &self.source
            && !SOURCES.contains(&source.as_str())
        {
            let known = SOURCES.join(", ");
            return Err(Error::invalid(format!(
                "The field Source must be one of {known}."
            )));
        }
        Ok(ItemData {
            name: self.name.clone(),
            priority: self.priority,
            content,
            defer_date: self.defer_date,
            due_date: self.due_date,
            risk_sla_date: self.risk_sla_date,
            reference,
            progress: self.progress.clone(),
            source: self.source.clone(),
            parent_operation_id: self.parent_operation_id.clone(),
            creator_job_key: None,
        })
    }
}

impl ItemData {
    /// Reads and checks one that no operation declares; `param` is what an error calls it.
    ///
    /// # Errors
    /// As [`QueueItemData::checked`]; 400 when it is no such thing.
    pub fn read(param: &str, json: Option<&Json>) -> Result<Self> {
        if let Some(json @ Json::Object(_)) = json {
            odata::body::check_complex(&QueueItemData::TYPE, json)?;
        }
        body::read::<QueueItemData>(param, json)?.checked()
    }
}

/// The name of the queue that a body is about.
///
/// # Errors
/// 1009 when there is none.
pub(super) fn named(name: Option<&str>) -> Result<&str> {
    let name = name.filter(|name| !name.trim().is_empty());
    name.ok_or_else(|| Error::invalid("The Name field is required."))
}
