//! `SubmitLogs`: an array of texts, each a JSON object with the line and where it comes from.
//!
//! What a robot says of itself is not believed where the server knows better: job, folder, machine
//! and robot are looked up from the job's key and must belong to the caller.

use std::borrow::Cow;

use db::Tx;
use odata::edm::Kind;
use odata::{Guid, Timestamp, relaxed};
use serde_json::Value as Json;

use super::LogLevel;
use crate::body;
use crate::cx::{Caller, Identity};
use crate::error::{Error, Result};

/// Lines of one request.
pub const MAX_LINES: usize = 10_000;
/// Characters of one message; robots cut longer ones themselves.
const MAX_MESSAGE: usize = 10_000;
/// Characters of a name that a line carries.
const MAX_NAME: usize = 450;
/// Bytes of a line that are kept as they came.
const MAX_RAW: usize = 64 * 1024;

/// One line as a robot sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    level: LogLevel,
    message: String,
    at: Timestamp,
    process: Option<String>,
    identity: Option<String>,
    robot: Option<String>,
    host: Option<String>,
    /// The job, when the line names one.
    pub job: Option<Guid>,
    /// The folder, when the line names one.
    pub folder: Option<i64>,
    raw: String,
}

/// Where lines come from, as the server knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Tenant.
    pub tenant: i64,
    /// Folder.
    pub folder: i64,
    /// Machine: id and key.
    pub machine: Option<(i64, String)>,
    /// Runtime of the job.
    pub runtime: Option<i64>,
    /// Name of the robot.
    pub robot: Option<String>,
}

/// Reads one text.
///
/// # Errors
/// 1009 when it is no JSON object.
pub fn parse(text: &str, now: Timestamp) -> Result<Line> {
    let (value, text) = object(text)?;
    // What is of another type than it should be stays in the raw form.
    let any = |name: &str| body::typed::<String>(&value, name).ok().flatten();
    let string = |name: &str| Some(body::storable(first(&any(name)?, MAX_NAME)));
    let message = any("message").unwrap_or_default();
    let kept = first(&message, MAX_MESSAGE);
    let whole = kept.len() == message.len() && text.len() <= MAX_RAW;
    Ok(Line {
        level: level(body::get(&value, "level")),
        message: body::storable(kept),
        at: string("timeStamp")
            .and_then(|t| Timestamp::parse(&t))
            .unwrap_or(now),
        process: string("processName"),
        identity: string("windowsIdentity"),
        robot: string("robotName"),
        host: string("machineName"),
        job: string("jobId").and_then(|t| t.parse().ok()),
        folder: body::typed(&value, "organizationUnitId").ok().flatten(),
        raw: match whole {
            true => text.into_owned(),
            false => shortened(&value),
        },
    })
}

/// A JSON object, and its text in standard JSON.
fn object(text: &str) -> Result<(Json, Cow<'_, str>)> {
    let wrong = |why: &dyn std::fmt::Display| {
        Error::invalid(format!(
            "A log entry must be the text of a JSON object: {why}."
        ))
    };
    let (value, text) = match serde_json::from_str::<Json>(text) {
        Ok(value) => (value, text.into()),
        Err(_) => {
            let value = relaxed::parse(text).map_err(|fault| wrong(&fault))?;
            let text = value.to_string();
            (value, text.into())
        }
    };
    match value.is_object() {
        true => Ok((value, text)),
        false => Err(wrong(&"it is another value")),
    }
}

/// The first characters of a text.
fn first(text: &str, characters: usize) -> &str {
    let end = text.char_indices().nth(characters);
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// A line that was cut is not kept whole in its raw form either: only what is short stays.
fn shortened(value: &Json) -> String {
    let mut kept = serde_json::Map::new();
    let mut left = MAX_RAW;
    for (name, member) in value.as_object().into_iter().flatten() {
        let size = name.len() + member.to_string().len();
        if size <= MAX_NAME && size <= left {
            left -= size;
            kept.insert(name.clone(), member.clone());
        }
    }
    Json::Object(kept).to_string()
}

/// Robots call some levels by other names than the API does.
fn level(value: Option<&Json>) -> LogLevel {
    let number = value.map(|value| odata::body::converted(Kind::Int64, value));
    let number = number.and_then(|number| number.as_i64());
    if let Some(level) = number.and_then(LogLevel::from_i64) {
        return level;
    }
    let name = value.and_then(|v| v.as_str()).unwrap_or("Information");
    match name.to_ascii_lowercase().as_str() {
        "verbose" | "trace" => LogLevel::Trace,
        "warning" | "warn" => LogLevel::Warn,
        "critical" | "fatal" => LogLevel::Fatal,
        "debug" => LogLevel::Debug,
        "error" => LogLevel::Error,
        _ => LogLevel::Info,
    }
}

/// What the server knows of a job that a line names, if the caller may speak for it: it is its own
/// machine's or its own robot's. `None` for any other job: then the folder decides.
///
/// # Errors
/// The store's.
pub fn origin_of_job(
    tx: &mut Tx<'_>,
    caller: &Caller,
    job: Option<Guid>,
) -> Result<Option<Origin>> {
    let Some(job) = job else { return Ok(None) };
    let row = tx.row(
        "SELECT j.folder_id, j.machine_id, m.key AS machine_key, j.runtime_type, r.name, j.robot_id
         FROM jobs j LEFT JOIN machines m ON m.id = j.machine_id
         LEFT JOIN robots r ON r.id = j.robot_id
         WHERE j.key = $1 AND j.tenant_id = $2",
        &[job.into(), caller.tenant.into()],
    )?;
    let Some(row) = row else { return Ok(None) };
    let (machine, robot): (Option<i64>, Option<i64>) =
        (row.get("machine_id")?, row.get("robot_id")?);
    let own = match caller.identity {
        Identity::Machine { id } => machine == Some(id),
        Identity::Robot { id, .. } => robot == Some(id),
        Identity::User { .. }
        | Identity::Application { .. }
        | Identity::Server
        | Identity::Anonymous => false,
    };
    if !own {
        return Ok(None);
    }
    Ok(Some(Origin {
        tenant: caller.tenant,
        folder: row.get("folder_id")?,
        machine: machine.zip(row.get::<Option<String>>("machine_key")?),
        runtime: row.get("runtime_type")?,
        robot: row.get("name")?,
    }))
}

db::params! {
    /// A row of `robot_logs`.
    struct Written {
        tenant_id: i64,
        folder_id: i64,
        level: LogLevel,
        windows_identity: Option<String>,
        process_name: Option<String>,
        time_stamp: Timestamp,
        message: String,
        job_key: Option<Guid>,
        raw_message: String,
        robot_name: Option<String>,
        host_machine_name: Option<String>,
        machine_id: Option<i64>,
        machine_key: Option<String>,
        runtime_type: Option<i64>,
    }
}

/// Writes lines to the log store.
///
/// # Errors
/// The store's.
pub fn insert(tx: &mut Tx<'_>, lines: &[(Line, Origin)]) -> Result<()> {
    let rows = lines.iter().map(|(line, origin)| row(line, origin));
    tx.exec_many(
        "INSERT INTO robot_logs ({columns}) {values}",
        rows.collect(),
    )?;
    Ok(())
}

fn row(line: &Line, origin: &Origin) -> Written {
    let (machine_id, machine_key) = origin.machine.clone().unzip();
    Written {
        tenant_id: origin.tenant,
        folder_id: origin.folder,
        level: line.level,
        windows_identity: line.identity.clone(),
        process_name: line.process.clone(),
        time_stamp: line.at,
        message: line.message.clone(),
        job_key: line.job,
        raw_message: line.raw.clone(),
        robot_name: origin.robot.clone().or_else(|| line.robot.clone()),
        host_machine_name: line.host.clone(),
        machine_id,
        machine_key,
        runtime_type: origin.runtime,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_robot() {
        let now = Timestamp::from_millis(0);
        let text = r#"{"Message":"hi","level":"Information","timeStamp":"2019-10-14T13:55:18.2473626+02:00","jobId":"E49C0012-ee01-45e4-884c-0ce1f2aa6fbb","organizationUnitId":5}"#;
        let line = parse(text, now).unwrap();
        assert_eq!(line.message, "hi");
        assert_eq!(line.level, LogLevel::Info);
        assert_eq!(line.at.to_string(), "2019-10-14T11:55:18.2473626Z");
        assert_eq!(
            line.job.unwrap().to_string(),
            "e49c0012-ee01-45e4-884c-0ce1f2aa6fbb"
        );
        assert_eq!((line.folder, line.raw.as_str()), (Some(5), text));
    }

    #[test]
    fn levels_by_every_name_and_number() {
        let level = |l: &str| {
            parse(&format!("{{\"level\":{l}}}"), Timestamp::from_millis(0))
                .unwrap()
                .level
        };
        assert_eq!(level("\"Verbose\""), LogLevel::Trace);
        assert_eq!(level("\"WARNING\""), LogLevel::Warn);
        assert_eq!(level("\"Critical\""), LogLevel::Fatal);
        assert_eq!(level("4"), LogLevel::Error);
        assert_eq!(level("null"), LogLevel::Info);
    }

    #[test]
    fn a_nul_is_replaced_because_postgres_stores_none() {
        let line = parse(r#"{"message":"a\u0000b"}"#, Timestamp::from_millis(0)).unwrap();
        assert_eq!(line.message, "a\u{fffd}b");
        assert_eq!(line.raw, r#"{"message":"a\u0000b"}"#, "an escape is no NUL");
    }

    #[test]
    fn what_is_no_object_is_refused_and_long_messages_are_cut() {
        let now = Timestamp::from_millis(0);
        for text in ["", "x", "[]", "1", "\"a\"", "{"] {
            assert!(parse(text, now).is_err(), "{text}");
        }
        let long = format!("{{\"message\":\"{}\"}}", "ä".repeat(MAX_MESSAGE + 1));
        let line = parse(&long, now).unwrap();
        assert_eq!(line.message.chars().count(), MAX_MESSAGE);
        assert!(line.raw.len() < 100);
        let wide = format!(
            "{{\"message\":\"m\",\"processName\":\"{0}\",\"x\":\"{0}\"}}",
            "p".repeat(100_000)
        );
        let line = parse(&wide, now).unwrap();
        assert_eq!(line.process.map(|p| p.len()), Some(MAX_NAME));
        assert_eq!(line.raw, r#"{"message":"m"}"#);
    }
}
