//! Hosts that fall silent. When each was last heard of only memory knows, so the edge tells the table.

use std::sync::Arc;

use ::odata::Timestamp;
use orchestrator::Result;
use orchestrator::engine::Next;
use orchestrator::jobs::hosts;

use crate::app::App;
use crate::engines::system;
use crate::execute::write;

/// Tells the table which hosts are silent by now, and says when the next would be.
///
/// # Errors
/// As [`mark_lost`].
pub async fn look(app: &Arc<App>) -> Result<Next> {
    mark_lost(app, app.now()).await?;
    Ok(Next::at(app.presence.next_deadline()))
}

/// Tells the table which sessions were not heard of for too long.
///
/// # Errors
/// The store's, the last of them; those sessions get another term.
pub async fn mark_lost(app: &Arc<App>, now: Timestamp) -> Result<()> {
    let mut result = Ok(());
    for (session, last_seen) in app.presence.take_lost(now) {
        if let Err(error) = lose(app, session, last_seen).await {
            app.presence.not_lost(session, now);
            result = Err(error);
        }
    }
    result
}

async fn lose(app: &Arc<App>, session: i64, last_seen: Timestamp) -> Result<()> {
    let tenant = app
        .db
        .read(move |tx| orchestrator::sessions::tenant_of(tx, session))
        .await?;
    tracing::warn!(session, "a host is silent: it counts as unresponsive");
    write(app, system(tenant), move |cx| {
        hosts::lost(cx, session, last_seen)
    })
    .await
}
