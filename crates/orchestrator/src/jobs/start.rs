//! `StartJobs`: what the caller asks is checked as a whole, then all jobs are written and handed to
//! hosts in the same transaction, so that a robot that waits knows its job as soon as the caller.

use db::Value;
use odata::Guid;
use serde::Deserialize;

use super::places::{MachineRobot, Strategy, check_places, targets};
use super::{Job, JobSource, JobState, JobType, StopStrategy, classic, dispatch};
use crate::cx::{Args, Cx, Folder, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::releases::{JobPriority, Priority, RemoteControlAccess, arguments};
use crate::robots::RobotType;

/// The `startInfo` of the request.
#[odata::complex(name = "StartProcessDto")]
#[derive(Debug, Deserialize)]
pub(super) struct StartInfo {
    #[serde(default)]
    release_key: Option<String>,
    #[serde(default)]
    release_name: Option<String>,
    #[serde(default)]
    pub strategy: Option<Strategy>,
    #[serde(default)]
    pub robot_ids: Option<Vec<i64>>,
    #[serde(default)]
    pub machine_session_ids: Option<Vec<i64>>,
    #[serde(default)]
    pub jobs_count: Option<i64>,
    #[serde(default)]
    pub no_of_robots: Option<i64>,
    #[serde(default)]
    source: Option<JobSource>,
    #[serde(default)]
    job_priority: Option<JobPriority>,
    #[serde(default)]
    specific_priority_value: Option<i64>,
    #[serde(default)]
    runtime_type: Option<RobotType>,
    #[serde(default)]
    input_arguments: Option<String>,
    #[serde(default)]
    input_file: Option<Guid>,
    #[serde(default)]
    environment_variables: Option<String>,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    pub machine_robots: Option<Vec<MachineRobot>>,
    #[serde(default)]
    resume_on_same_context: Option<bool>,
    #[serde(default)]
    batch_execution_key: Option<Guid>,
    #[serde(default)]
    requires_user_interaction: Option<bool>,
    #[serde(default)]
    stop_process_expression: Option<String>,
    #[serde(default)]
    kill_process_expression: Option<String>,
    #[serde(default)]
    stop_strategy: Option<StopStrategy>,
    #[serde(default)]
    remote_control_access: Option<RemoteControlAccess>,
    #[serde(default)]
    parent_operation_id: Option<String>,
    #[serde(default)]
    profiling_options: Option<String>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    parent_span_id: Option<String>,
    #[serde(default)]
    root_span_id: Option<String>,
    #[serde(default)]
    entry_point_path: Option<String>,
    #[serde(default)]
    pub run_as_me: Option<bool>,
}

/// What is started: the release with what its jobs inherit.
struct Started {
    id: i64,
    name: String,
    package: i64,
    defaults: Option<String>,
    variables: Option<String>,
    environment: Option<i64>,
    priority: Priority,
    process_type: i64,
    needs_desktop: bool,
    entry_point: Option<String>,
    declared: Option<String>,
}

/// `POST /odata/Jobs/…StartJobs`
pub(super) fn start_jobs(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let info: StartInfo = args.member("startInfo")?;
    let query = args.options(cx, &Job::SET)?;
    let folder = cx.need_folder()?.clone();
    let release = find_release(cx, folder.id, &info)?;
    let input = input_arguments(&info, &release)?;
    check_lengths(&info)?;
    let priority = Priority::read(info.job_priority, info.specific_priority_value)?;
    let runtime = info.runtime_type.unwrap_or(RobotType::Unattended);
    let wanted = places(cx, &folder, &info, &release, runtime)?;

    let mut job = Draft {
        priority: priority.unwrap_or(release.priority),
        runtime,
        input,
        batch: info.batch_execution_key.unwrap_or_else(Guid::random),
        stop_after: seconds(
            "StopProcessExpression",
            info.stop_process_expression.as_deref(),
        )?,
        kill_after: seconds(
            "KillProcessExpression",
            info.kill_process_expression.as_deref(),
        )?,
        info,
        release,
        folder: folder.id,
    };
    let mut ids = Vec::with_capacity(wanted.len());
    for target in &wanted {
        ids.push(insert(cx, &mut job, target)?);
    }
    dispatch::folder(cx, folder.id)?;

    let (first, last) = (ids.iter().min().copied(), ids.iter().max().copied());
    let vars = [
        ("first", Value::from(first)),
        ("last", last.into()),
        ("batch", job.batch.into()),
    ];
    let listing = Listing {
        restrict: Some("{t}.id BETWEEN {first} AND {last} AND {t}.batch_execution_key = {batch}"),
        vars: &vars,
        ..Listing::default()
    };
    let body = cx.page(&Job::SET, &query, &listing)?;
    Ok(Reply::created(body))
}

/// One place a job.
fn places(
    cx: &mut Cx<'_, '_>,
    folder: &Folder,
    info: &StartInfo,
    release: &Started,
    runtime: RobotType,
) -> Result<Vec<MachineRobot>> {
    if folder.modern {
        let wanted = targets(cx, info)?;
        check_places(cx, folder.id, runtime, &wanted)?;
        return Ok(wanted);
    }
    let deployment = classic::Deployment {
        folder: folder.id,
        release: release.id,
        name: &release.name,
        environment: release.environment,
        runtime,
    };
    classic::targets(cx, info, &deployment)
}

fn find_release(cx: &mut Cx<'_, '_>, folder: i64, info: &StartInfo) -> Result<Started> {
    let (condition, value): (&str, Value) = match (&info.release_key, &info.release_name) {
        (Some(key), _) if !key.is_empty() => ("r.key = $2", key.to_lowercase().into()),
        (_, Some(name)) if !name.is_empty() => ("fold(r.name) = fold($2)", name.as_str().into()),
        _ => {
            return Err(Error::refused(
                Code::InvalidReleaseKey,
                "StartJobs needs a ReleaseKey or a ReleaseName.",
            ));
        }
    };
    let sql = format!(
        "SELECT r.id, r.name, r.package_id, r.input_arguments, r.environment_variables,
             r.specific_priority_value, p.process_type, p.requires_user_interaction,
             COALESCE(e.path, p.main_entry_point), e.arguments, r.environment_id
         FROM releases r JOIN packages p ON p.id = r.package_id
         LEFT JOIN package_entry_points e ON e.id = r.entry_point_id
         WHERE r.folder_id = $1 AND r.deletion_time IS NULL AND {condition}"
    );
    let Some(row) = cx.tx.row(&sql, &[folder.into(), value])? else {
        let name = info
            .release_name
            .as_deref()
            .or(info.release_key.as_deref())
            .unwrap_or_default();
        return Err(Error::refused(
            Code::InvalidReleaseKey,
            format!("The process '{name}' does not exist in this folder."),
        ));
    };
    let (key, name) = (info.release_key.as_deref(), info.release_name.as_deref());
    if let (Some(_), Some(other)) = (
        key.filter(|k| !k.is_empty()),
        name.filter(|n| !n.is_empty()),
    ) {
        let found: String = row.get(1)?;
        if found.to_lowercase() != other.to_lowercase() {
            return Err(Error::refused(
                Code::InvalidReleaseKeyAndName,
                format!("The ReleaseKey is that of the process '{found}', not of '{other}'."),
            ));
        }
    }
    let mut release = Started {
        id: row.get(0)?,
        name: row.get(1)?,
        package: row.get(2)?,
        defaults: row.get(3)?,
        variables: row.get(4)?,
        priority: Priority::stored(row.get(5)?),
        process_type: row.get(6)?,
        needs_desktop: row.get(7)?,
        entry_point: row.get(8)?,
        declared: row.get(9)?,
        environment: row.get(10)?,
    };
    if let Some(path) = info.entry_point_path.as_ref().filter(|p| !p.is_empty()) {
        choose_entry_point(cx, &mut release, path)?;
    }
    Ok(release)
}

fn choose_entry_point(cx: &mut Cx<'_, '_>, release: &mut Started, path: &str) -> Result<()> {
    let row = cx.tx.row(
        "SELECT arguments FROM package_entry_points WHERE package_id = $1 AND path = $2",
        &[release.package.into(), path.into()],
    )?;
    let row = row.ok_or_else(|| {
        Error::invalid(format!(
            "The package of '{}' has no entry point '{path}'.",
            release.name
        ))
    })?;
    release.entry_point = Some(path.to_owned());
    release.declared = row.get(0)?;
    Ok(())
}

/// The job's own arguments in standard JSON, checked together with the release's against the
/// package; the release's when the job brings none.
fn input_arguments(info: &StartInfo, release: &Started) -> Result<Option<String>> {
    let own = info
        .input_arguments
        .as_deref()
        .filter(|t| !t.trim().is_empty());
    if own.is_some() && info.input_file.is_some() {
        return Err(Error::invalid(
            "A job cannot have both input file and input arguments.",
        ));
    }
    let own = own.map(arguments::normalize).transpose()?;
    if info.input_file.is_none() {
        let declared: Option<serde_json::Value> = release
            .declared
            .as_deref()
            .and_then(|t| serde_json::from_str(t).ok());
        let declared = declared.as_ref().and_then(|d| d.get("Input")?.as_str());
        arguments::check(declared, own.as_deref(), release.defaults.as_deref())?;
    }
    Ok(own.or_else(|| release.defaults.clone()))
}

fn check_lengths(info: &StartInfo) -> Result<()> {
    for (name, text, max) in [
        ("Reference", &info.reference, 128),
        ("EnvironmentVariables", &info.environment_variables, 4000),
        ("ProfilingOptions", &info.profiling_options, 4000),
        ("ParentOperationId", &info.parent_operation_id, 128),
        ("TraceId", &info.trace_id, 255),
        ("ParentSpanId", &info.parent_span_id, 255),
        ("RootSpanId", &info.root_span_id, 255),
    ] {
        if text.as_ref().is_some_and(|t| t.chars().count() > max) {
            return Err(Error::invalid(format!(
                "The field {name} must be a string with a maximum length of {max}."
            )));
        }
    }
    Ok(())
}

/// A number of seconds, written as text.
fn seconds(name: &str, text: Option<&str>) -> Result<Option<i64>> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else {
        return Ok(None);
    };
    match text.trim().parse::<i64>() {
        Ok(n) if (1..=31_536_000).contains(&n) => Ok(Some(n)),
        _ => Err(Error::invalid(format!(
            "{name} must be a number of seconds, at most a year."
        ))),
    }
}

/// What all jobs of the request have in common.
struct Draft {
    info: StartInfo,
    release: Started,
    folder: i64,
    priority: Priority,
    runtime: RobotType,
    input: Option<String>,
    batch: Guid,
    stop_after: Option<i64>,
    kill_after: Option<i64>,
}

fn insert(cx: &mut Cx<'_, '_>, job: &mut Draft, target: &MachineRobot) -> Result<i64> {
    let (info, release) = (&job.info, &job.release);
    let source = info.source.unwrap_or(JobSource::Manual);
    let variables = info
        .environment_variables
        .as_ref()
        .or(release.variables.as_ref());
    Ok(cx.tx.insert(
        "INSERT INTO jobs (tenant_id, folder_id, key, release_id, release_name, package_id, state,
             specific_priority_value, source, source_type, batch_execution_key, creation_time,
             type, runtime_type, process_type, entry_point_path, input_arguments, input_file,
             environment_variables, reference, requires_user_interaction, resume_on_same_context,
             stop_strategy, remote_control_access, profiling_options, parent_operation_id,
             trace_id, parent_span_id, root_span_id, creator_user_id, wanted_robot_id,
             wanted_machine_id, wanted_session_id, robot_id, machine_id, stop_after, kill_after)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $31, $32,
             $34, $35)
         RETURNING id",
        &[
            cx.caller.tenant.into(),
            job.folder.into(),
            Guid::random().into(),
            release.id.into(),
            release.name.as_str().into(),
            release.package.into(),
            JobState::Pending.into(),
            job.priority.value().into(),
            source.name().into(),
            source.into(),
            job.batch.into(),
            cx.now.into(),
            JobType::Unattended.into(),
            target.runtime.unwrap_or(job.runtime).into(),
            release.process_type.into(),
            release.entry_point.clone().into(),
            job.input.clone().into(),
            info.input_file.map(|f| f.to_string()).into(),
            variables.cloned().into(),
            info.reference.clone().unwrap_or_default().into(),
            info.requires_user_interaction
                .unwrap_or(release.needs_desktop)
                .into(),
            info.resume_on_same_context.unwrap_or(false).into(),
            info.stop_strategy.map(|s| s as i64).into(),
            info.remote_control_access
                .unwrap_or(RemoteControlAccess::None)
                .into(),
            info.profiling_options.clone().into(),
            info.parent_operation_id.clone().into(),
            info.trace_id.clone().into(),
            info.parent_span_id.clone().into(),
            info.root_span_id.clone().into(),
            cx.caller.user().into(),
            target.robot_id.into(),
            target.machine_id.into(),
            target.session_id.into(),
            job.stop_after.into(),
            job.kill_after.into(),
        ],
    )?)
}
