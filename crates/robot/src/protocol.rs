//! What the agent and the server say to each other, as types.
//!
//! The robot-facing API is camelCase JSON and grows by adding members, so everything here reads
//! leniently: unknown members are ignored, and a member the agent can do without is an `Option`.
//! Only what decides about a job (its key, its attempt, what to do with it) must be there.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

/// One try at one job. The server counts the attempts; a report about an attempt that is no longer
/// the current one is refused with 409, so a robot that was cut off cannot overwrite the result of
/// the robot that took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobId {
    #[serde(rename = "jobKey")]
    pub key: Uuid,
    pub attempt: u32,
}

/// `{key}-{attempt}`: the name of the job's journal file and work folder. A UUID and a number, so
/// nothing the server sends can lead out of the data folder.
impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.key, self.attempt)
    }
}

/// A robot of this machine, as `StartService` lists it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Robot {
    #[serde(default)]
    pub robot_name: Option<String>,
}

/// What `AwaitCommands` and `HeartbeatV2` answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    /// All that is to do. Kept raw, so that one command this version cannot read does not take the
    /// others with it.
    #[serde(default)]
    pub commands: Vec<serde_json::Value>,
    /// Changes whenever the list of commands does. Heartbeats do not carry it.
    #[serde(default)]
    pub stamp: Option<String>,
}

/// Something to do for one robot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Command {
    pub robot_key: String,
    #[serde(default)]
    pub username: Option<String>,
    #[serde(default)]
    pub robot_name: Option<String>,
    #[serde(default)]
    pub machine_id: Option<i64>,
    pub data: CommandData,
}

impl Command {
    /// The attempt this command is about.
    pub fn id(&self) -> JobId {
        JobId {
            key: self.data.job_key,
            attempt: self.data.attempt,
        }
    }
}

/// The job of a [`Command`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CommandData {
    #[serde(rename = "type")]
    pub kind: CommandKind,
    pub job_key: Uuid,
    #[serde(default)]
    pub attempt: u32,
    /// The key of the release ("process"), not of the package.
    #[serde(default)]
    pub process_key: Option<String>,
    #[serde(default)]
    pub process_name: Option<String>,
    #[serde(default)]
    pub package_id: Option<String>,
    #[serde(default)]
    pub package_version: Option<String>,
    #[serde(default)]
    pub feed_id: Option<String>,
    #[serde(default)]
    pub entry_point_path: Option<String>,
    /// A JSON object as text.
    #[serde(default)]
    pub input_arguments: Option<String>,
    /// Lines `NAME=value`.
    #[serde(default)]
    pub environment_variables: Option<String>,
    #[serde(default)]
    pub folder_id: Option<i64>,
    #[serde(default)]
    pub folder_key: Option<String>,
    #[serde(default)]
    pub folder_path: Option<String>,
    #[serde(default)]
    pub fully_qualified_folder_name: Option<String>,
    #[serde(default)]
    pub trace_id: Option<String>,
    /// Bearer token with the rights of the job's robot.
    #[serde(default)]
    pub access_token: Option<String>,
    #[serde(default)]
    pub organization_id: Option<String>,
    /// The tenant's key (a GUID).
    #[serde(default)]
    pub tenant_id: Option<String>,
    #[serde(default)]
    pub tenant_name: Option<String>,
    /// Only on [`CommandKind::StopProcess`].
    #[serde(default)]
    pub stop_strategy: Option<StopStrategy>,
}

/// What to do with the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CommandKind {
    StartProcess,
    StopProcess,
    /// A command of a newer server.
    #[serde(other)]
    Unknown,
}

/// How a job is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StopStrategy {
    /// Ask the process to end; it may clean up.
    SoftStop,
    /// End it now.
    Kill,
}

/// The states of a job an agent reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// The job is being prepared or runs.
    Running,
    /// It ended well and has a result.
    Successful,
    /// It failed; the report says why.
    Faulted,
    /// It was stopped on request.
    Stopped,
}

/// The name the API uses.
impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why a job faulted, in the members Orchestrator shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobError {
    /// A dotted code a program can compare, such as `Python.FUNCTION_EXECUTION_ERROR`.
    pub code: String,
    /// One line.
    pub title: String,
    /// `User` (the automation), `System` (the robot or its machine) or `Deployment` (the package).
    pub category: String,
    /// Everything known: a traceback, the last lines of an installer.
    pub detail: String,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub state: JobState,
    pub info: String,
    /// The result, a JSON object as text.
    #[serde(default)]
    pub output: Option<String>,
    #[serde(default)]
    pub error: Option<Box<JobError>>,
}

/// Orchestrator shows `Info` in a grid and a side panel; more than this helps nobody.
const MAX_TEXT: usize = 10_000;

/// The largest result a job row may carry, in characters.
const MAX_OUTPUT: usize = 1_000_000;

impl Outcome {
    /// The job ended well with this JSON object. Too large a result is a fault, because cutting it
    /// would hand the caller broken data.
    pub fn successful(output: String) -> Outcome {
        let size = output.chars().count();
        if size > MAX_OUTPUT {
            let title = format!(
                "The result has {size} characters; a job can return {MAX_OUTPUT}. \
                 Put large data into a storage bucket and return its name."
            );
            return Outcome::faulted("Robot.OutputTooLarge", Category::User, title);
        }
        let info = "Job completed".to_owned();
        Outcome {
            state: JobState::Successful,
            info,
            output: Some(output),
            error: None,
        }
    }

    /// The job was stopped on request.
    pub fn stopped() -> Outcome {
        let info = "Job stopped".to_owned();
        Outcome {
            state: JobState::Stopped,
            info,
            output: None,
            error: None,
        }
    }

    /// The job failed; `title` says why in a sentence.
    pub fn faulted(code: &str, category: Category, title: impl Into<String>) -> Outcome {
        let title = cut(title.into());
        let error = JobError {
            code: code.to_owned(),
            title: title.clone(),
            category: category.name().to_owned(),
            detail: String::new(),
        };
        Outcome {
            state: JobState::Faulted,
            info: title,
            output: None,
            error: Some(Box::new(error)),
        }
    }

    /// Adds what a fault has left in text: a traceback, last lines. `Info` becomes the title
    /// followed by it.
    pub fn with_detail(mut self, detail: &str) -> Outcome {
        let Some(error) = self.error.as_mut().filter(|_| !detail.is_empty()) else {
            return self;
        };
        error.detail = cut(detail.to_owned());
        self.info = cut(format!("{}\n{}", error.title, error.detail));
        self
    }
}

/// Who has to act on a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    /// The author of the automation.
    User,
    /// Whoever runs the robot.
    System,
    /// Whoever published the package.
    Deployment,
}

impl Category {
    fn name(self) -> &'static str {
        match self {
            Category::User => "User",
            Category::System => "System",
            Category::Deployment => "Deployment",
        }
    }
}

/// Cuts a text at [`MAX_TEXT`] characters.
fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(at);
    }
    text
}

/// One element of `SubmitJobState` and of a heartbeat.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobReport {
    pub robot_key: String,
    pub robot_state: &'static str,
    pub job_state: JobState,
    pub job_key: Uuid,
    pub process_key: Option<String>,
    /// `None` leaves what the server shows.
    pub info: Option<String>,
    pub output_arguments: Option<String>,
    pub attempt: u32,
    pub error: Option<Box<JobError>>,
}

impl JobReport {
    /// "This attempt is ours and goes on." A heartbeat has nothing to add; steps have an `info`.
    pub fn running(command: &Command, info: Option<&str>) -> JobReport {
        JobReport {
            robot_key: command.robot_key.clone(),
            robot_state: "Busy",
            job_state: JobState::Running,
            job_key: command.data.job_key,
            process_key: command.data.process_key.clone(),
            info: info.map(str::to_owned),
            output_arguments: None,
            attempt: command.data.attempt,
            error: None,
        }
    }

    /// "This attempt is over."
    pub fn ended(command: &Command, outcome: &Outcome) -> JobReport {
        JobReport {
            robot_state: "Available",
            job_state: outcome.state,
            info: Some(outcome.info.clone()),
            output_arguments: outcome.output.clone(),
            error: outcome.error.clone(),
            ..JobReport::running(command, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_a_newer_server_is_still_a_command() {
        let text = r#"{"robotKey":"r","data":{"type":"Dance","new":[1],
            "jobKey":"4d7a3b52-50a9-47c3-b93a-ce7f38d5c8f0","attempt":3}}"#;
        let command: Command = serde_json::from_str(text).unwrap();
        assert_eq!(command.data.kind, CommandKind::Unknown);
        assert_eq!(
            command.id().to_string(),
            "4d7a3b52-50a9-47c3-b93a-ce7f38d5c8f0-3"
        );
    }

    #[test]
    fn a_job_key_that_is_no_uuid_is_refused() {
        let text = r#"{"robotKey":"r","data":{"type":"StartProcess","jobKey":"../../etc"}}"#;
        assert!(serde_json::from_str::<Command>(text).is_err());
    }

    #[test]
    fn the_result_may_have_a_million_characters_and_not_one_more() {
        let most = format!("\"{}\"", "é".repeat(MAX_OUTPUT - 2));
        assert_eq!(
            Outcome::successful(most.clone()).state,
            JobState::Successful
        );
        let more = Outcome::successful(format!("{most} "));
        assert_eq!(more.state, JobState::Faulted);
        assert_eq!(more.output, None);
        assert!(more.info.contains("1000001 characters"), "{}", more.info);
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let outcome =
            Outcome::faulted("C", Category::User, "title").with_detail(&"é".repeat(MAX_TEXT + 5));
        assert_eq!(outcome.info.chars().count(), MAX_TEXT);
        assert_eq!(outcome.error.unwrap().detail.chars().count(), MAX_TEXT);
    }

    #[test]
    fn reports_carry_the_attempt_and_null_for_what_is_absent() {
        let text = r#"{"robotKey":"r","data":{"type":"StartProcess","attempt":2,
            "jobKey":"4d7a3b52-50a9-47c3-b93a-ce7f38d5c8f0","processKey":"p"}}"#;
        let command: Command = serde_json::from_str(text).unwrap();
        let report = serde_json::to_value(JobReport::ended(&command, &Outcome::stopped())).unwrap();
        assert_eq!(
            report,
            serde_json::json!({"robotKey": "r", "robotState": "Available", "jobState": "Stopped",
                "jobKey": "4d7a3b52-50a9-47c3-b93a-ce7f38d5c8f0", "processKey": "p",
                "info": "Job stopped", "outputArguments": null, "attempt": 2, "error": null})
        );
    }
}
