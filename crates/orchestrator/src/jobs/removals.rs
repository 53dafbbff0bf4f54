//! What jobs do when what they refer to goes: those that have ended keep its name.

use db::{Tx, sql};

use super::JobState;
use crate::cx::Cx;
use crate::error::Result;
use crate::feature::{Hook, Thing};
use crate::kinds::jobs::NOT_RUNNING;

/// What jobs let go of.
pub(super) const HOOKS: &[Hook] = &[
    Hook::Removing(Thing::Machine, |cx, id| {
        forget(cx.tx, ["machine_id", "wanted_machine_id"], id)
    }),
    Hook::Removing(Thing::Session, |cx, id| {
        forget(cx.tx, ["session_id", "wanted_session_id"], id)
    }),
    Hook::Removing(Thing::Robot, robot_goes),
];

fn forget(tx: &mut Tx<'_>, columns: [&str; 2], id: i64) -> Result<()> {
    for column in columns {
        let sql = format!("UPDATE jobs SET {column} = NULL WHERE {column} = $1");
        tx.exec(&sql, &[id.into()])?;
    }
    Ok(())
}

/// Jobs that wait for the robot end.
fn robot_goes(cx: &mut Cx<'_, '_>, robot: i64) -> Result<()> {
    cx.tx.exec(
        sql!(
            "UPDATE jobs SET state = $3, end_time = $2, last_modification_time = $2,
                 deadline = NULL, info = 'The robot that the job waited for was deleted.'
             WHERE (robot_id = $1 OR wanted_robot_id = $1) AND state IN {NOT_RUNNING}"
        ),
        &[robot.into(), cx.now.into(), JobState::Stopped.into()],
    )?;
    forget(cx.tx, ["robot_id", "wanted_robot_id"], robot)
}
