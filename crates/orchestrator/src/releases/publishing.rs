//! A package comes into a feed: its releases follow, and the audit log tells of it.

use serde_json::json;

use crate::audit::{self, AuditAction, AuditComponent, Subject};
use crate::cx::Cx;
use crate::error::Result;
use crate::packages::{self, Feed, Upload};

/// Publishes an upload whose file is stored.
///
/// # Errors
/// 1004 when the version exists; 400 when it is a package of another kind; the store's.
pub fn publish(cx: &mut Cx<'_, '_>, upload: &Upload<'_>) -> Result<()> {
    let id = packages::publish(cx.tx, cx.caller.tenant, cx.now, upload)?;
    super::follow(cx.tx, cx.now, id)?;
    let component = match upload.kind {
        Feed::Processes => AuditComponent::Packages,
        Feed::Libraries => AuditComponent::Libraries,
    };
    let (name, version) = (&upload.package.id, upload.package.version.to_string());
    let shown = json!({"Id": name, "Version": version}).to_string();
    let subject = Subject {
        entity: "ProcessDto",
        id: Some(id),
        name,
        data: Some(shown.as_bytes()),
    };
    let text = format!("uploaded package {name}:{version}");
    audit::record(cx, component, AuditAction::Upload, &subject, &text)
}
