//! The environment variables of a job.
//!
//! A job starts from nothing: what the agent's own environment holds (its key, for one) is no
//! business of an automation. Later entries win: the machine's few, what the operator passes on,
//! what the process sets, and last what identifies the job, which nobody may forge by accident.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::protocol::Command;

/// Proxies and certificates: without them a job behind a company proxy reaches nothing.
const PASSED_ALWAYS: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "TZ",
];

/// An environment under construction.
pub(crate) type Variables = BTreeMap<OsString, OsString>;

/// What every program needs. `work` becomes HOME, and holds TMPDIR.
pub(crate) fn of_machine(work: &Path, pass: &[String]) -> Variables {
    let mut variables = Variables::new();
    let default_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let mut set = |name: &str, value: OsString| variables.insert(name.into(), value);
    set(
        "PATH",
        std::env::var_os("PATH").unwrap_or_else(|| default_path.into()),
    );
    set(
        "LANG",
        std::env::var_os("LANG").unwrap_or_else(|| "C.UTF-8".into()),
    );
    set("TZ", "UTC".into());
    let passed = pass.iter().map(String::as_str);
    for name in PASSED_ALWAYS.iter().copied().chain(passed) {
        if let Some(value) = std::env::var_os(name) {
            set(name, value);
        }
    }
    set("HOME", work.into());
    set("TMPDIR", work.join("tmp").into());
    variables
}

/// Adds the lines `NAME=value` of a process. Returns those that are none.
pub(crate) fn add_lines(variables: &mut Variables, lines: &str) -> Vec<String> {
    let mut bad = Vec::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !line.contains('\0') => {
                variables.insert(name.trim_end().into(), value.into());
            }
            _ => bad.push(line.to_owned()),
        }
    }
    bad
}

/// Adds who the job is and how it reaches the server, under the names UiPath's libraries read.
pub(crate) fn add_identity(variables: &mut Variables, command: &Command, url: &str) {
    let data = &command.data;
    let trace = data.trace_id.as_deref().map(|id| id.replace('-', ""));
    let folder = data
        .folder_path
        .as_ref()
        .or(data.fully_qualified_folder_name.as_ref());
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.contains('\0')) {
            variables.insert(name.into(), value.into());
        }
    };
    set("UIPATH_URL", Some(url));
    set("UIPATH_ACCESS_TOKEN", data.access_token.as_deref());
    set("UIPATH_FOLDER_KEY", data.folder_key.as_deref());
    set("UIPATH_FOLDER_PATH", folder.map(String::as_str));
    set("UIPATH_ROBOT_KEY", Some(&command.robot_key));
    set("UIPATH_JOB_KEY", Some(&data.job_key.to_string()));
    set("UIPATH_ORGANIZATION_ID", data.organization_id.as_deref());
    set("UIPATH_TENANT_ID", data.tenant_id.as_deref());
    set("UIPATH_TENANT_NAME", data.tenant_name.as_deref());
    set("UIPATH_PROCESS_UUID", data.process_key.as_deref());
    set("UIPATH_PROCESS_KEY", data.process_name.as_deref());
    set("UIPATH_PROCESS_VERSION", data.package_version.as_deref());
    set("UIPATH_TRACE_ID", trace.as_deref());
    set("UIPATH_TELEMETRY_ENABLED", Some("false"));
    set("UIPATH_TRACING_ENABLED", Some("false"));
}

/// Adds what the Python runtime wants, before the process's own lines: who sets LOG_LEVEL there
/// means it.
pub(crate) fn add_python_defaults(variables: &mut Variables) {
    variables.insert("LOG_LEVEL".into(), "INFO".into());
    variables.insert("PYTHONUNBUFFERED".into(), "1".into());
}

/// Activates a virtual environment. Its log carries local times, which are read as UTC.
pub(crate) fn activate(variables: &mut Variables, venv: &Path) {
    let mut path = venv.join("bin").into_os_string();
    if let Some(rest) = variables.get(&OsString::from("PATH")) {
        path.push(":");
        path.push(rest);
    }
    variables.insert("PATH".into(), path);
    variables.insert("VIRTUAL_ENV".into(), venv.into());
    variables.insert("TZ".into(), "UTC".into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::command;

    fn get(variables: &Variables, name: &str) -> Option<String> {
        variables
            .get(&OsString::from(name))
            .map(|value| value.clone().into_string().unwrap())
    }

    #[test]
    fn only_what_is_named_is_inherited() {
        let plain = of_machine(Path::new("/w"), &[]);
        assert_eq!(get(&plain, "HOME").as_deref(), Some("/w"));
        assert_eq!(get(&plain, "TMPDIR").as_deref(), Some("/w/tmp"));

        // Whatever else this test was started with, a shell's PWD at least.
        let is_new = |name: &String| !plain.contains_key(&OsString::from(name));
        let (name, value) = std::env::vars().find(|(name, _)| is_new(name)).unwrap();
        let passed = of_machine(Path::new("/w"), std::slice::from_ref(&name));
        assert_eq!(get(&passed, &name), Some(value));
        assert_eq!(passed.len(), plain.len() + 1);
    }

    #[test]
    fn lines_of_the_process_are_set_and_others_reported() {
        let mut variables = Variables::new();
        let bad = add_lines(&mut variables, "A=1\r\n\n B = x=y \nnonsense\n=v\n");
        assert_eq!(get(&variables, "A").as_deref(), Some("1"));
        assert_eq!(get(&variables, "B").as_deref(), Some(" x=y"));
        assert_eq!(bad, ["nonsense", "=v"]);
    }

    #[test]
    fn the_identity_of_a_job_cannot_be_overwritten_by_its_process() {
        let mut command = command(1);
        command.data.trace_id = Some("0af76519-16cd-43dd-8448-eb211c80319c".to_owned());
        let mut variables = Variables::new();
        add_python_defaults(&mut variables);
        add_lines(&mut variables, "UIPATH_JOB_KEY=forged\nLOG_LEVEL=DEBUG");
        add_identity(&mut variables, &command, "http://h/o/t");
        assert_eq!(
            get(&variables, "UIPATH_JOB_KEY"),
            Some(command.data.job_key.to_string())
        );
        assert_eq!(get(&variables, "LOG_LEVEL").as_deref(), Some("DEBUG"));
        assert_eq!(
            get(&variables, "UIPATH_TRACE_ID").as_deref(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
    }

    #[test]
    fn an_activated_environment_comes_first() {
        let mut variables = Variables::from([("PATH".into(), "/bin".into())]);
        activate(&mut variables, Path::new("/v"));
        assert_eq!(get(&variables, "PATH").as_deref(), Some("/v/bin:/bin"));
    }
}
