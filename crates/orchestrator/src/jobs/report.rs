//! What robots report of their jobs, and what of it counts.
//!
//! Only the session that a job was handed to may report it, and of it only the latest attempt. A
//! report that was already recorded is confirmed again (the answer may have been lost); one that
//! contradicts a final state is refused. So a job ends once, whatever is repeated.

use odata::{Guid, Timestamp};
use serde::{Deserialize, Deserializer};

use super::{JobState, dispatch, lock};
use crate::body::storable;
use crate::cx::{Cx, Hint};
use crate::error::{Code, Error, Result};
use crate::kinds::jobs::RUNNING;
use crate::sessions::{self, SessionState};

/// The longest `OutputArguments`, in characters; larger results belong into a file.
const MAX_OUTPUT: usize = 1_000_000;
/// The longest name of a trace, in characters.
const MAX_TRACE: usize = 255;

/// One entry of `SubmitJobState`.
#[odata::complex(name = "RobotReportDto")]
#[derive(Debug, Clone, Deserialize)]
pub struct Report {
    /// The job.
    #[edm(name = "jobKey")]
    #[serde(default)]
    pub job_key: Option<Guid>,
    /// Where it stands.
    #[edm(name = "jobState")]
    #[serde(default)]
    pub job_state: Option<JobState>,
    /// For people.
    #[edm(name = "info")]
    #[serde(default)]
    pub info: Option<String>,
    /// The result: a JSON object as text.
    #[edm(name = "outputArguments")]
    #[serde(default)]
    pub output_arguments: Option<String>,
    /// The result as a stored file.
    #[edm(name = "outputFile")]
    #[serde(default)]
    pub output_file: Option<Guid>,
    /// The robot that reports.
    #[edm(name = "robotKey")]
    #[serde(default)]
    pub robot_key: Option<String>,
    /// Whether that robot is there. A state that is not known here is `Unknown`.
    #[edm(name = "robotState")]
    #[serde(default, deserialize_with = "robot_state")]
    pub robot_state: Option<SessionState>,
    /// The trace that the robot began, where the start named none.
    #[edm(name = "traceId")]
    #[serde(default)]
    pub trace_id: Option<String>,
    /// Which hand-out this is about; robots that do not know attempts leave it out.
    #[edm(name = "attempt")]
    #[serde(default)]
    pub attempt: Option<i64>,
    /// Why it faulted.
    #[edm(name = "error")]
    #[serde(default)]
    pub error: Option<ReportedError>,
}

/// A state that a newer robot has is `Unknown`: that is no reason to refuse what it says of its job.
fn robot_state<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SessionState>, D::Error> {
    let state = match serde_json::Value::deserialize(from)? {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::Number(number) => number.as_i64().and_then(SessionState::from_i64),
        serde_json::Value::String(text) => SessionState::parse(&text),
        _ => None,
    };
    Ok(Some(state.unwrap_or(SessionState::Unknown)))
}

impl Report {
    /// The robot, and whether it is there, of a report that says so.
    #[must_use]
    pub fn robot(&self) -> Option<(Guid, bool)> {
        let key = self.robot_key.as_deref()?.parse().ok()?;
        Some((key, self.robot_state? != SessionState::Disconnected))
    }

    /// The text for people: it may quote whatever a program has written.
    fn info(&self) -> Option<String> {
        self.info.as_deref().map(storable)
    }
}

/// Why a job faulted, in the robot's words.
#[odata::complex(name = "ReportedErrorDto")]
#[derive(Debug, Clone, Deserialize)]
pub struct ReportedError {
    /// What programs know it by.
    #[edm(name = "code")]
    #[serde(default)]
    code: Option<String>,
    /// One line.
    #[edm(name = "title")]
    #[serde(default)]
    title: Option<String>,
    /// Everything there is, e.g. a stack trace.
    #[edm(name = "detail")]
    #[serde(default)]
    detail: Option<String>,
    /// What kind of error it is.
    #[edm(name = "category")]
    #[serde(default)]
    category: Option<String>,
    /// The status of an answer, if that is what went wrong.
    #[edm(name = "status")]
    #[serde(default)]
    status: Option<i64>,
}

struct Current {
    id: i64,
    state: JobState,
    session: Option<i64>,
    attempt: i64,
}

/// Records one report of `session`.
///
/// # Errors
/// 1681 (409) when the job is not this session's, or no longer; 1009 for a result that is not a
/// JSON object.
pub fn record(cx: &mut Cx<'_, '_>, session: i64, report: &Report) -> Result<()> {
    let (Some(key), Some(state)) = (report.job_key, report.job_state) else {
        // A heartbeat entry of a robot that runs nothing.
        return Ok(());
    };
    let sql = format!(
        "SELECT id, state, session_id, attempt FROM jobs WHERE key = $1 AND tenant_id = $2 {}",
        lock(cx.tx.dialect())
    );
    let row = cx.tx.row(&sql, &[key.into(), cx.caller.tenant.into()])?;
    let row = row.ok_or_else(|| Error::not_found("Job"))?;
    let job = Current {
        id: row.get("id")?,
        state: JobState::from_i64(row.get("state")?).unwrap_or(JobState::Faulted),
        session: row.get("session_id")?,
        attempt: row.get("attempt")?,
    };
    if job.session != Some(session) || report.attempt.is_some_and(|a| a != job.attempt) {
        return Err(not_yours(key));
    }
    if job.state.is_final() {
        return if ended_so(job.state, state) {
            Ok(())
        } else {
            Err(not_yours(key))
        };
    }
    match state {
        JobState::Running => begin_or_go_on(cx, &job, session, report),
        JobState::Successful | JobState::Faulted | JobState::Stopped => {
            end(cx, &job, session, state, report)
        }
        JobState::Stopping | JobState::Terminating => note(cx, &job, report),
        JobState::Suspended => Err(Error::NotBuilt("Suspending jobs is not built.".into())),
        JobState::Pending | JobState::Resumed => Ok(()),
    }
}

fn not_yours(key: Guid) -> Error {
    Error::refused(
        Code::InvalidJobIdOrRobotKey,
        format!("The job {key} is not, or is no longer, this robot's."),
    )
}

/// Whether a final report is the one that was recorded: a killed job counts as stopped.
fn ended_so(recorded: JobState, reported: JobState) -> bool {
    recorded == reported || (recorded == JobState::Stopped && reported.is_final())
}

fn begin_or_go_on(cx: &mut Cx<'_, '_>, job: &Current, session: i64, report: &Report) -> Result<()> {
    if !job.state.is_waiting() {
        return note(cx, job, report);
    }
    let trace = report.trace_id.as_deref().map(storable);
    if trace
        .as_ref()
        .is_some_and(|t| t.chars().count() > MAX_TRACE)
    {
        return Err(Error::invalid(format!(
            "The field traceId must be a string with a maximum length of {MAX_TRACE}."
        )));
    }
    cx.tx.exec(
        "UPDATE jobs SET state = $2, start_time = COALESCE(start_time, $3),
             last_modification_time = $3, info = $4,
             host_machine_name = (SELECT host_machine_name FROM sessions WHERE id = $5),
             trace_id = COALESCE(trace_id, $6),
             deadline = CASE WHEN stop_after IS NULL THEN NULL ELSE $3 + stop_after * 10000000 END
         WHERE id = $1",
        &[
            job.id.into(),
            JobState::Running.into(),
            cx.now.into(),
            report.info().into(),
            session.into(),
            trace.into(),
        ],
    )?;
    cx.hint(Hint::Deadlines);
    sessions::refresh_state(cx.tx, session)
}

fn note(cx: &mut Cx<'_, '_>, job: &Current, report: &Report) -> Result<()> {
    if report.info.is_some() {
        cx.tx.exec(
            "UPDATE jobs SET info = $2, last_modification_time = $3 WHERE id = $1",
            &[job.id.into(), report.info().into(), cx.now.into()],
        )?;
    }
    Ok(())
}

fn end(
    cx: &mut Cx<'_, '_>,
    job: &Current,
    session: i64,
    reported: JobState,
    report: &Report,
) -> Result<()> {
    // Once killed, a job is stopped even if it was about to succeed.
    let state = match (job.state, reported) {
        (JobState::Terminating, JobState::Successful) => JobState::Stopped,
        _ => reported,
    };
    let output = report
        .output_arguments
        .as_deref()
        .filter(|t| !t.trim().is_empty());
    let output = output.map(check_output).transpose()?;
    let error = report.error.as_ref().filter(|_| state == JobState::Faulted);
    let info = report.info().unwrap_or_else(|| default_info(state).into());
    cx.tx.exec(
        "UPDATE jobs SET state = $2, end_time = $3, last_modification_time = $3,
             start_time = COALESCE(start_time, $3), info = $4, output_arguments = $5, error = $6,
             error_code = $7, output_file = $9, deadline = NULL,
             host_machine_name = (SELECT host_machine_name FROM sessions WHERE id = $8)
         WHERE id = $1",
        &[
            job.id.into(),
            state.into(),
            cx.now.into(),
            info.into(),
            output.into(),
            error.map(|e| error_json(e, cx.now)).into(),
            error.and_then(|e| e.code.as_deref().map(storable)).into(),
            session.into(),
            report.output_file.into(),
        ],
    )?;
    sessions::refresh_state(cx.tx, session)?;
    dispatch::session(cx, session)
}

fn default_info(state: JobState) -> &'static str {
    match state {
        JobState::Successful => "Job completed",
        JobState::Stopped => "Job stopped",
        _ => "Job faulted",
    }
}

fn check_output(text: &str) -> Result<String> {
    if text.chars().count() > MAX_OUTPUT {
        return Err(Error::invalid(format!(
            "OutputArguments must not be longer than {MAX_OUTPUT} characters."
        )));
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => Ok(text.to_owned()),
        _ => Err(Error::invalid(
            "OutputArguments must be the text of a JSON object.",
        )),
    }
}

fn error_json(error: &ReportedError, now: Timestamp) -> String {
    serde_json::json!({
        "Code": error.code, "Title": error.title, "Detail": error.detail,
        "Category": error.category, "Status": error.status, "Timestamp": now.to_string(),
    })
    .to_string()
}

/// Ends jobs that a robot, restarted, no longer knows: it said which ones it still has.
///
/// # Errors
/// The store's.
pub fn forgotten(cx: &mut Cx<'_, '_>, session: i64, still: &[(Guid, i64)]) -> Result<()> {
    let sql = format!(
        "SELECT id, key, attempt, state FROM jobs WHERE session_id = $1 AND state IN {RUNNING} {}",
        lock(cx.tx.dialect())
    );
    let rows = cx.tx.rows(&sql, &[session.into()])?;
    for row in &rows {
        let (id, key, attempt): (i64, String, i64) =
            (row.get("id")?, row.get("key")?, row.get("attempt")?);
        if still
            .iter()
            .any(|(k, a)| k.to_string() == key && *a == attempt)
        {
            continue;
        }
        let terminating = row.get::<i64>("state")? == JobState::Terminating as i64;
        let state = if terminating {
            JobState::Stopped
        } else {
            JobState::Faulted
        };
        cx.tx.exec(
            "UPDATE jobs SET state = $2, end_time = $3, last_modification_time = $3, info = $4,
                 deadline = NULL WHERE id = $1",
            &[
                id.into(),
                state.into(),
                cx.now.into(),
                "The robot was restarted and no longer knows this job.".into(),
            ],
        )?;
    }
    Ok(())
}
