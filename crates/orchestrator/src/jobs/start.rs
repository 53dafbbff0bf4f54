//! `StartJobs`: what the caller asks is checked as a whole, then all jobs are written and handed to
//! hosts in the same transaction, so that a robot that waits knows its job as soon as the caller.

use db::Value;
use odata::Guid;

use super::info::{StartInfo, seconds};
use super::places::{MachineRobot, check_places, targets};
use super::{Job, JobSource, JobState, JobType, classic, dispatch};
use crate::cx::{Args, Cx, Folder, Identity, Listing, Reply};
use crate::error::{Code, Error, Result};
use crate::packages::ReleaseTargetFramework;
use crate::releases::{Priority, RemoteControlAccess, arguments};
use crate::robots::RobotType;

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
    framework: Option<ReleaseTargetFramework>,
    /// JSON
    autopilot: Option<String>,
}

/// `POST /odata/Jobs/…StartJobs`
pub(super) fn start_jobs(cx: &mut Cx<'_, '_>, args: &Args) -> Result<Reply> {
    let info = StartInfo::read(args)?;
    let query = args.options(cx, &Job::SET)?;
    let folder = cx.need_folder()?.clone();
    let release = find_release(cx, folder.id, &info)?;
    check_framework(&info, &release)?;
    let input = input_arguments(&info, &release)?;
    let number = info.specific_priority_value.map(i64::from);
    let priority = Priority::read(info.job_priority, number)?;
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
        autopilot: autopilot(&info, &release)?,
        parent: args.job()?,
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
        let wanted = targets(cx, folder.id, info)?;
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
    let (condition, asked) = match (&info.release_key, &info.release_name) {
        (Some(key), _) if !key.is_empty() => ("r.key = lower($2)", key),
        (_, Some(name)) if !name.is_empty() => ("fold(r.name) = fold($2)", name),
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
             COALESCE(e.path, p.main_entry_point), e.arguments, r.environment_id,
             p.target_framework, r.process_settings
         FROM releases r JOIN packages p ON p.id = r.package_id
         LEFT JOIN package_entry_points e ON e.id = r.entry_point_id
         WHERE r.folder_id = $1 AND r.deletion_time IS NULL AND {condition}"
    );
    let Some(row) = cx.tx.row(&sql, &[folder.into(), asked.as_str().into()])? else {
        let text = format!("The process '{asked}' does not exist in this folder.");
        return Err(Error::refused(Code::ItemNotFound, text));
    };
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
        framework: row
            .get::<Option<i64>>(11)?
            .and_then(ReleaseTargetFramework::from_i64),
        autopilot: autopilot_of(row.get(12)?),
    };
    check_name(info, &release)?;
    if let Some(path) = info.entry_point_path.as_ref().filter(|p| !p.is_empty()) {
        choose_entry_point(cx, &mut release, path)?;
    }
    Ok(release)
}

/// A name beside the key must be that of the same process.
fn check_name(info: &StartInfo, release: &Started) -> Result<()> {
    let other = info.release_name.as_deref().filter(|n| !n.is_empty());
    let (found, other) = (&release.name, other.unwrap_or(&release.name));
    if found.to_lowercase() == other.to_lowercase() {
        return Ok(());
    }
    Err(Error::refused(
        Code::InvalidReleaseKeyAndName,
        format!("The ReleaseKey is that of the process '{found}', not of '{other}'."),
    ))
}

/// What the settings of a process say of help with its jobs.
fn autopilot_of(settings: Option<String>) -> Option<String> {
    let settings: serde_json::Value = serde_json::from_str(&settings?).ok()?;
    let autopilot = settings.get("AutopilotForRobots")?;
    autopilot.is_object().then(|| autopilot.to_string())
}

fn autopilot(info: &StartInfo, release: &Started) -> Result<Option<String>> {
    let Some(own) = &info.autopilot_for_robots else {
        return Ok(release.autopilot.clone());
    };
    let text = serde_json::to_string(own);
    text.map(Some)
        .map_err(|e| Error::Internal(format!("AutopilotForRobots: {e}")))
}

/// A job runs as its package was made: nothing else can be asked for.
fn check_framework(info: &StartInfo, release: &Started) -> Result<()> {
    let Some(asked) = info.target_framework else {
        return Ok(());
    };
    if release.framework == Some(asked) {
        return Ok(());
    }
    let made = release
        .framework
        .map_or("no framework", ReleaseTargetFramework::name);
    Err(Error::invalid(format!(
        "The field TargetFramework says {}, but the package of '{}' was made for {made}: leave it out.",
        asked.name(),
        release.name
    )))
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
    /// JSON
    autopilot: Option<String>,
    /// The job in which the caller says to run.
    parent: Option<Guid>,
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
             wanted_machine_id, wanted_session_id, robot_id, machine_id, stop_after, kill_after,
             fps_context, fps_properties, autopilot_for_robots, parent_job_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $31, $32,
             $34, $35, $36, $37, $38,
             (SELECT p.key FROM jobs p
                WHERE p.key = $39 AND p.tenant_id = $1 AND p.robot_id = $40))
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
            info.fps_context.clone().into(),
            info.fps_properties.clone().into(),
            job.autopilot.clone().into(),
            job.parent.into(),
            caller_robot(cx).into(),
        ],
    )?)
}

/// The robot that calls: only a job of its own can be what it runs in.
fn caller_robot(cx: &Cx<'_, '_>) -> Option<i64> {
    match cx.caller.identity {
        Identity::Robot { id, .. } => Some(id),
        _ => None,
    }
}
