//! `StopJobs` and `StopJob`: a job that has not begun stops at once; one that runs is asked
//! (`Stopping`) or killed (`Terminating`), and its robot says when it is over.

use db::Value;
use odata::Folders;
use serde::Deserialize;

use super::{JobState, StopStrategy, bound_id, dispatch, lock};
use crate::body;
use crate::cx::{Args, Cx, Hint, Reply};
use crate::error::{Code, Error, Result};
use crate::sessions;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StopJobs {
    job_ids: Vec<i64>,
    strategy: StopStrategy,
}

/// `POST /odata/Jobs/…StopJobs {"jobIds":[…],"strategy":"1"}`: all of them or none.
pub(super) fn stop_jobs(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: StopJobs = args.body("stopJobsParameters")?;
    body::check_length("jobIds", &request.job_ids)?;
    for job in &request.job_ids {
        stop(cx, *job, request.strategy)?;
    }
    Ok(Reply::Ok)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StopJob {
    strategy: StopStrategy,
}

/// `POST /odata/Jobs(1)/…StopJob {"strategy":"SoftStop"}`
pub(super) fn stop_job(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let request: StopJob = args.body("stopJobParameters")?;
    stop(cx, bound_id(args)?, request.strategy)?;
    Ok(Reply::Ok)
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
