//! "Stop after" and "kill after": jobs that were started with a limit are asked to stop when it is
//! reached, and killed when they do not listen.

use odata::Timestamp;

use super::{JobState, StopStrategy};
use crate::cx::{Cx, Hint};
use crate::engine::{Engine, Next, Tick, Wake};
use crate::error::Result;
use crate::sessions;

/// Acts on deadlines.
pub static ENGINE: Engine = Engine {
    name: "deadlines",
    wake: Wake::on(Hint::Deadlines),
    tick: Tick::Write(tick),
};

/// Acts on every deadline that has passed, in all tenants, and says when the next one is.
/// Idempotent: a job that moved on meanwhile is left alone.
fn tick(cx: &mut Cx<'_, '_>) -> Result<Next> {
    let sql = format!(
        "SELECT id, state, stop_strategy, kill_after, session_id FROM jobs
         WHERE deadline IS NOT NULL AND deadline <= $1 ORDER BY deadline LIMIT 500 {}",
        cx.tx.dialect().claim()
    );
    let due = cx.tx.rows(&sql, &[cx.now.into()])?;
    for row in &due {
        let (id, state, strategy): (i64, i64, Option<i64>) =
            (row.get("id")?, row.get("state")?, row.get("stop_strategy")?);
        let kill_after: Option<i64> = row.get("kill_after")?;
        let running = state == JobState::Running as i64;
        let kill = !running || strategy == Some(StopStrategy::Kill as i64);
        let (target, deadline) = if kill {
            (JobState::Terminating, None)
        } else {
            (
                JobState::Stopping,
                kill_after.map(|s| cx.now.0 + s * odata::TICKS_PER_SECOND),
            )
        };
        cx.tx.exec(
            "UPDATE jobs SET state = $2, deadline = $3, last_modification_time = $4
             WHERE id = $1 AND state = $5 AND deadline <= $4",
            &[
                id.into(),
                target.into(),
                deadline.into(),
                cx.now.into(),
                state.into(),
            ],
        )?;
        if let Some(session) = row.get::<Option<i64>>("session_id")? {
            cx.hint(Hint::Session(session));
            if kill && sessions::is_gone(cx.tx, session)? {
                super::hosts::end_terminating(cx, session)?;
            }
        }
    }
    let next = "SELECT MIN(deadline) FROM jobs WHERE deadline IS NOT NULL";
    let next = cx.tx.one::<Option<Timestamp>>(next, &[])?.flatten();
    Ok(Next::at(next))
}
