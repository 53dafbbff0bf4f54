//! What becomes of jobs when their hosts come and go.

use odata::Timestamp;

use super::{JobState, dispatch};
use crate::cx::{Cx, Hint};
use crate::engine::{Edge, Engine, Tick, Wake};
use crate::error::Result;
use crate::sessions;

/// Notices hosts that fall silent. When each was last heard of is known in memory only.
pub static ENGINE: Engine = Engine {
    name: "hosts",
    wake: Wake::on(Hint::Hosts),
    tick: Tick::Edge(Edge::SilentHosts),
};

/// The host said goodbye: what it was offered but has not begun goes to others, and what was to be
/// killed counts as dead.
///
/// # Errors
/// The store's.
pub fn left(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    // Whoever follows a lost host finds its jobs with it: they are released afterwards.
    sessions::close(cx, session)?;
    end_terminating(cx, session)?;
    dispatch::release(cx, session)
}

/// The host has been silent for too long. What it runs stays with it, because it may run on; what
/// it was only offered goes to others; what was to be killed counts as dead.
///
/// # Errors
/// The store's.
pub fn lost(cx: &mut Cx<'_, '_>, session: i64, last_seen: Timestamp) -> Result<()> {
    // As above.
    sessions::lost(cx, session, last_seen)?;
    end_terminating(cx, session)?;
    dispatch::release(cx, session)
}

/// A host that counted as lost was heard again: it takes jobs again.
///
/// # Errors
/// The store's.
pub fn back(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    if sessions::back(cx, session)? {
        dispatch::session(cx, session)
    } else {
        Ok(())
    }
}

/// Jobs that were to be killed on a host that is gone: nobody will ever report their end.
pub(super) fn end_terminating(cx: &mut Cx<'_, '_>, session: i64) -> Result<()> {
    cx.tx.exec(
        "UPDATE jobs SET state = $2, end_time = $3, last_modification_time = $3, deadline = NULL,
             info = 'Killed while its robot could not be reached.'
         WHERE session_id = $1 AND state = $4",
        &[
            session.into(),
            JobState::Stopped.into(),
            cx.now.into(),
            JobState::Terminating.into(),
        ],
    )?;
    Ok(())
}
