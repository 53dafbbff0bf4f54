//! `StopJobs` and `StopJob`: a job that has not begun stops at once; one that runs is asked
//! (`Stopping`) or killed (`Terminating`), and its robot says when it is over.

use db::Value;
use odata::Folders;

use super::{EDIT, JobState, StopStrategy, dispatch, lock};
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::op::{At, FolderRule, Nothing, Operation, action};
use crate::sessions;

/// Stops jobs: all of them or none.
#[odata::input]
pub struct StopJobs {
    /// Numbers of the jobs.
    #[edm(required)]
    job_ids: Vec<i64>,
    /// Whether those that run are asked to stop, or killed.
    #[edm(required)]
    strategy: StopStrategy,
}

impl Operation for StopJobs {
    const AT: At = action("Jobs", "StopJobs")
        .needs(EDIT)
        .body("stopJobsParameters")
        .answers(200)
        .folder(FolderRule::Optional);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        for job in &self.job_ids {
            stop(cx, *job, self.strategy)?;
        }
        Ok(Nothing)
    }
}

/// Stops a job.
#[odata::input]
pub struct StopJob {
    /// Number of the job.
    #[edm(key)]
    id: i64,
    /// Whether it is asked to stop, or killed, if it runs.
    #[edm(required)]
    strategy: StopStrategy,
}

impl Operation for StopJob {
    const AT: At = action("Jobs", "StopJob")
        .needs(EDIT)
        .body("stopJobParameters")
        .answers(200)
        .folder(FolderRule::Optional);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        stop(cx, self.id, self.strategy)?;
        Ok(Nothing)
    }
}

/// Stops one job, whatever it stands at.
pub(super) fn stop(cx: &mut Cx<'_, '_>, job: i64, strategy: StopStrategy) -> Result<()> {
    let sql = format!(
        "SELECT state, session_id, folder_id FROM jobs WHERE id = $1 AND tenant_id = $2 {}",
        lock(cx.tx.dialect())
    );
    let row = cx.tx.row(&sql, &[job.into(), cx.caller.tenant.into()])?;
    let row = row.ok_or_else(|| Error::not_found("Job"))?;
    let folder: i64 = row.get("folder_id")?;
    let visible = match &cx.folders {
        Folders::All => true,
        Folders::One(id) => *id == folder,
        Folders::Some(ids) => ids.contains(&folder),
    };
    if !visible {
        return Err(Error::not_found("Job"));
    }
    let state = JobState::from_i64(row.get("state")?).unwrap_or(JobState::Faulted);
    let session: Option<i64> = row.get("session_id")?;
    match state {
        JobState::Pending | JobState::Resumed | JobState::Suspended => {
            cancel(cx, job, state, session)
        }
        JobState::Running | JobState::Stopping => ask(cx, job, state, strategy, session),
        JobState::Terminating => end_if_gone(cx, session),
        JobState::Faulted | JobState::Successful | JobState::Stopped => Err(Error::refused(
            Code::JobCannotBeCancelled,
            format!("The job {job} cannot be stopped: it is {}.", state.name()),
        )),
    }
}

/// Not begun: over at once. A host that was just offered it will be refused when it begins.
fn cancel(cx: &mut Cx<'_, '_>, job: i64, state: JobState, session: Option<i64>) -> Result<()> {
    let changed = cx.tx.exec(
        "UPDATE jobs SET state = $2, end_time = $3, last_modification_time = $3,
             info = 'Job canceled', deadline = NULL
         WHERE id = $1 AND state = $4",
        &[
            job.into(),
            JobState::Stopped.into(),
            cx.now.into(),
            state.into(),
        ],
    )?;
    let Some(session) = session.filter(|_| changed > 0) else {
        return Ok(());
    };
    cx.hint(Hint::Session(session));
    dispatch::session(cx, session)
}

fn ask(
    cx: &mut Cx<'_, '_>,
    job: i64,
    state: JobState,
    strategy: StopStrategy,
    session: Option<i64>,
) -> Result<()> {
    let target = match strategy {
        StopStrategy::SoftStop => JobState::Stopping,
        StopStrategy::Kill => JobState::Terminating,
    };
    let params: [Value; 6] = [
        job.into(),
        target.into(),
        cx.now.into(),
        (strategy as i64).into(),
        state.into(),
        (strategy == StopStrategy::SoftStop).into(),
    ];
    cx.tx.exec(
        "UPDATE jobs SET state = $2, last_modification_time = $3, stop_strategy = $4,
             deadline = CASE WHEN $6 AND kill_after IS NOT NULL
                 THEN $3 + kill_after * 10000000 ELSE NULL END
         WHERE id = $1 AND state = $5",
        &params,
    )?;
    cx.hint(Hint::Deadlines);
    let Some(session) = session else {
        return Ok(());
    };
    cx.hint(Hint::Session(session));
    match strategy {
        StopStrategy::Kill => end_if_gone(cx, Some(session)),
        StopStrategy::SoftStop => Ok(()),
    }
}

/// Nobody will ever report the end of a job that is to be killed on a host that is gone.
fn end_if_gone(cx: &mut Cx<'_, '_>, session: Option<i64>) -> Result<()> {
    match session {
        Some(session) if sessions::is_gone(cx.tx, session)? => {
            super::hosts::end_terminating(cx, session)
        }
        _ => Ok(()),
    }
}
