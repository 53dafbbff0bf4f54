//! The Python runtime: projects of the `uipath` package, run by its own command line.
//!
//! `uipath run` in job mode (`UIPATH_JOB_KEY` is set) writes its result to `__uipath/output.json`
//! and its log to `__uipath/execution.log`. The result file decides how the job ended, not the exit
//! code: a run that cannot choose among several entry points exits with 0 and a fault, one that was
//! interrupted may exit with 1 and a result.

use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::protocol::Category;
use crate::protocol::Outcome;
use crate::result;

/// Where the runtime puts its files, below the content folder.
const FOLDER: &str = "__uipath";

/// The log the runtime writes.
pub(crate) fn log_file(content: &Path) -> PathBuf {
    content.join(FOLDER).join("execution.log")
}

/// The members of `output.json` that matter.
#[derive(Deserialize)]
struct Report {
    status: String,
    #[serde(default)]
    output: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<Fault>,
}

#[derive(Default, Deserialize)]
struct Fault {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

/// How the run ended, if it has left a complete result; `None` if there is no usable file.
pub(crate) fn left_result(content: &Path) -> Option<Outcome> {
    let text = match result::read(&content.join(FOLDER).join("output.json")) {
        Ok(text) => text?,
        Err(error) => {
            let title = format!("The result of the run is unusable: {error}.");
            return Some(Outcome::faulted(
                "Robot.InvalidResult",
                Category::User,
                title,
            ));
        }
    };
    let report: Report = serde_json::from_str(&text).ok()?;
    Some(match report.status.as_str() {
        "successful" => successful(report.output.as_deref()),
        "suspended" => suspended(),
        _ => faulted(report.error.unwrap_or_default()),
    })
}

/// How a run ended that nobody stopped. `ended` describes its exit, `errors` are the last lines of
/// its standard error.
pub(crate) fn outcome(content: &Path, ended: &str, errors: &str) -> Outcome {
    left_result(content).unwrap_or_else(|| {
        let title = format!("The run ended with {ended} and left no result.");
        Outcome::faulted("Robot.ProgramFailed", Category::User, title).with_detail(errors)
    })
}

fn successful(output: Option<&RawValue>) -> Outcome {
    let text = output.map_or("{}", RawValue::get);
    match result::object(if text == "null" { "{}" } else { text }) {
        Some(object) => Outcome::successful(object),
        None => {
            let title = "The run ended well, but its result is not a JSON object.";
            Outcome::faulted("Robot.InvalidResult", Category::User, title)
        }
    }
}

/// Resuming needs the run's saved state to reach the robot that resumes it.
fn suspended() -> Outcome {
    let title = "The automation asked to be suspended until something happens (a task, another \
                 job, a message, a time). This robot cannot suspend and resume jobs yet, so the \
                 job ends here.";
    Outcome::faulted("Robot.SuspendNotSupported", Category::System, title)
}

fn faulted(fault: Fault) -> Outcome {
    let code = fault.code.unwrap_or_else(|| "Python.UNKNOWN".to_owned());
    let title = fault
        .title
        .unwrap_or_else(|| "The run failed without saying why.".to_owned());
    let detail = fault.detail.unwrap_or_default();
    let mut outcome = Outcome::faulted(&code, Category::User, title).with_detail(&detail);
    if let (Some(error), Some(category)) = (&mut outcome.error, fault.category) {
        error.category = category;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::protocol::JobState;

    fn left(output: &str) -> Option<Outcome> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(FOLDER)).unwrap();
        fs::write(folder.path().join(FOLDER).join("output.json"), output).unwrap();
        left_result(folder.path())
    }

    #[test]
    fn a_result_is_the_jobs_output() {
        let outcome =
            left("{\n  \"output\": {\n \"message\": \"P: hi\"\n},\n\"status\": \"successful\"}");
        let outcome = outcome.unwrap();
        assert_eq!(outcome.state, JobState::Successful);
        assert_eq!(outcome.output.as_deref(), Some(r#"{"message":"P: hi"}"#));
        assert_eq!(
            left(r#"{"status":"successful"}"#)
                .unwrap()
                .output
                .as_deref(),
            Some("{}")
        );
    }

    #[test]
    fn a_fault_keeps_its_code_category_and_traceback() {
        let outcome = left(
            r#"{"output":{},"status":"faulted","error":{"code":"Python.FUNCTION_EXECUTION_ERROR",
                "title":"Function execution failed: boom","detail":"kaputt\n\nTraceback",
                "category":"System","status":null}}"#,
        )
        .unwrap();
        assert_eq!(
            outcome.info,
            "Function execution failed: boom\nkaputt\n\nTraceback"
        );
        let error = outcome.error.unwrap();
        assert_eq!(error.code, "Python.FUNCTION_EXECUTION_ERROR");
        assert_eq!(error.category, "System");
    }

    #[test]
    fn a_suspended_run_is_a_fault_that_says_so() {
        let outcome = left(r#"{"output":{},"status":"suspended","resumeTriggers":[]}"#).unwrap();
        assert_eq!(outcome.state, JobState::Faulted);
        assert!(
            outcome.info.contains("cannot suspend and resume"),
            "{}",
            outcome.info
        );
    }

    #[test]
    fn a_half_written_file_is_no_result() {
        assert_eq!(left(r#"{"output":{"a":"#), None);
        let folder = tempfile::tempdir().unwrap();
        let outcome = outcome(folder.path(), "exit code 143", "No module named 'uipath'");
        assert_eq!(outcome.state, JobState::Faulted);
        assert!(outcome.info.contains("exit code 143") && outcome.info.contains("No module"));
    }

    #[test]
    fn a_result_that_is_no_object_is_refused() {
        let outcome = left(r#"{"output":[1],"status":"successful"}"#).unwrap();
        assert_eq!(outcome.state, JobState::Faulted);
    }
}
