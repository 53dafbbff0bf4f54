//! Queues: definitions, the folders they are in, their items, and what is said and counted of those.
//!
//! ```text
//! New ──taken──▶ InProgress ──▶ Successful
//!  │                 ├────────▶ Failed ─────┐ retried by hand
//!  │                 └────────▶ Abandoned ──┴──▶ Retried, and a copy that is New
//!  └──deleted──▶ Deleted ◀── whatever is not in progress
//! ```
//! A queue is seen through the folders it is in: every read joins `queue_folders`. Items change in
//! [`items`], [`adding`], [`editing`] and [`review`]; each change moves the row's version, writes an event
//! and keeps `queue_counts`. What is old, and what is left of deleted queues, goes in a [`sweep`]; an
//! index of contents, for whoever looks for items by them, is kept in [`search`].

pub mod adding;
pub mod bulk;
pub mod by_filter;
pub mod comments;
mod content;
mod data;
pub mod definitions;
mod editing;
mod ending;
pub mod engine;
mod entities;
pub mod events;
pub mod extended;
pub mod items;
pub mod leases;
mod ledger;
mod queue;
pub mod records;
mod removal;
pub mod report;
pub mod retention;
mod retrying;
mod review;
mod schemas;
pub mod search;
mod sharing;
pub mod sweep;
mod taking;
mod turn;
pub mod upload;

use odata::edm::{Entity, EntitySet};

use crate::cx::{Caller, Cx};
use crate::error::{Error, Result};
use crate::op::{Access, Need, Page};

use crate::feature::{Feature, Hook, Thing};
pub use entities::{
    ProcessingException, ProcessingExceptionType, QueueDefinition, QueueItem, QueueItemError,
    QueueItemPriority, QueueItemReviewStatus, QueueItemStatus, SimpleFolder,
};

/// The door of the feature.
pub static FEATURE: Feature = Feature::new("queues")
    .resources(&[
        &definitions::RESOURCE,
        &adding::RESOURCE,
        &comments::RESOURCE,
        &events::RESOURCE,
        &items::RESOURCE,
        &records::RESOURCE,
        &retention::RESOURCE,
    ])
    .operations(&[
        definitions::OPS,
        extended::OPS,
        upload::OPS,
        comments::OPS,
        events::OPS,
        items::OPS,
        by_filter::OPS,
        adding::OPS,
        bulk::OPS,
        records::OPS,
        report::OPS,
    ])
    .tables(&[
        "queue_counts",
        "queue_definitions",
        "queue_folders",
        "queue_item_comments",
        "queue_item_events",
        "queue_item_search",
        "queue_item_search_gaps",
        "queue_item_texts",
        "queue_items",
        "queue_results",
        "queue_retention",
    ])
    .hooks(&[
        Hook::Removing(Thing::Release, forget_release),
        Hook::Lost(Thing::Session, leases::host_lost),
    ])
    .engines(&[&leases::ENGINE, &sweep::ENGINE, &search::ENGINE]);

/// Seeing items.
const VIEW_ITEMS: Need = items_need(&[("Transactions", Access::View)], false);
/// Changing items.
const EDIT_ITEMS: Need = items_need(&[("Transactions", Access::Edit)], true);

/// A need for items: the queue must be visible, too.
const fn items_need(all: &'static [(&'static str, Access)], write: bool) -> Need {
    Need::new("OR.Queues", &[("Queues", Access::View)], write).and(all)
}

/// Who does something, as the history of items keeps it.
#[derive(Debug, Clone, Default)]
struct Author {
    user: Option<i64>,
    client: Option<String>,
}

impl Author {
    fn of(caller: &Caller) -> Self {
        Self {
            user: caller.user(),
            client: caller.client().map(str::to_owned),
        }
    }
}

/// Rows of queues in the folders of the request; a queue that is in none is deleted. Unlike a join it
/// keeps a row single although its queue is in several of them.
fn in_folders(cx: &Cx<'_, '_>) -> String {
    let folders = cx.in_folders(" AND l.folder_id IN (FOLDERS)");
    format!(
        "EXISTS (SELECT 1 FROM queue_folders l
         WHERE l.queue_definition_id = {{t}}.queue_definition_id{})",
        folders.unwrap_or_default()
    )
}

/// A page of what belongs to queues in the folders of the request.
fn page_in_folders<S: Entity>(cx: &Cx<'_, '_>) -> Page<S> {
    Page::of(in_folders(cx))
}

/// Fails unless the row with this id belongs to a queue in the folders of the request.
fn must_be_in_folders(cx: &mut Cx<'_, '_>, set: &'static EntitySet, id: i64) -> Result<()> {
    let folders = in_folders(cx);
    let sql = format!(
        "SELECT 1 FROM {} t WHERE t.id = $1 AND t.tenant_id = $2 AND {}",
        set.table,
        folders.replace("{t}", "t")
    );
    let known = cx.tx.row(&sql, &[id.into(), cx.caller.tenant.into()])?;
    match known {
        Some(_) => Ok(()),
        None => Err(Error::not_found(set.entity.trim_end_matches("Dto"))),
    }
}

/// What the answer of a bulk operation says when items were refused.
fn refused(failed: usize, total: usize) -> Option<String> {
    (failed > 0).then(|| format!("{failed} of {total} queue items were refused."))
}

/// Queues go on without the process that was theirs.
fn forget_release(cx: &mut Cx<'_, '_>, release: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE queue_definitions SET release_id = NULL WHERE release_id = $1",
        &[release.into()],
    )?;
    Ok(())
}
