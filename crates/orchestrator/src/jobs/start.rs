//! `StartJobs`: what the caller asks is checked as a whole, then all jobs are written and handed to
//! hosts in the same transaction, so that a robot that waits knows its job as soon as the caller.

use odata::Guid;
use odata::edm::Entity;

use super::info::{StartInfo, seconds};
use super::places::{MachineRobot, check_places, targets};
use super::{CREATE, Job, JobSource, JobState, JobType, classic, dispatch};
use crate::cx::{Cx, Folder, Identity};
use crate::error::{Code, Error, Result};
use crate::kinds::RobotType;
use crate::op::{At, FolderRule, Operation, Page, action};
use crate::packages::ReleaseTargetFramework;
use crate::releases::{Priority, RemoteControlAccess, arguments};

/// A process, with what its jobs inherit.
struct Process {
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

/// Starts jobs of a process in the folder, and answers with them.
#[odata::input]
pub struct StartJobs {
    /// What is started, and where.
    #[edm(required)]
    start_info: StartInfo,
}

impl Operation for StartJobs {
    const AT: At = action("Jobs", "StartJobs")
        .needs(CREATE)
        .answers(201)
        .folder(FolderRule::RequiredInput);
    type Answer = Page<Job>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Page<Job>> {
        let info = &self.start_info;
        info.check_built()?;
        let query = cx.options(Job::set())?;
        let folder = cx.need_folder()?.clone();
        let process = find_process(cx, folder.id, info)?;
        check_framework(info, &process)?;
        let input = input_arguments(info, &process)?;
        let number = info.specific_priority_value.map(i64::from);
        let priority = Priority::read(info.job_priority, number)?;
        let runtime = info.runtime_type.unwrap_or(RobotType::Unattended);
        let wanted = places(cx, &folder, info, &process, runtime)?;
        let draft = Draft {
            priority: priority.unwrap_or(process.priority),
            runtime,
            input,
            batch: info.batch_execution_key.unwrap_or_else(|| cx.key()),
            stop_after: seconds(
                "StopProcessExpression",
                info.stop_process_expression.as_deref(),
            )?,
            kill_after: seconds(
                "KillProcessExpression",
                info.kill_process_expression.as_deref(),
            )?,
            autopilot: autopilot(info, &process)?,
            parent: own_job(cx, cx.args.job()?)?,
            info,
            process,
            folder: folder.id,
        };
        let mut ids = Vec::with_capacity(wanted.len());
        for target in &wanted {
            ids.push(insert(cx, &draft, target)?);
        }
        dispatch::folder(cx, folder.id)?;
        let started = "{t}.id BETWEEN {first} AND {last} AND {t}.batch_execution_key = {batch}";
        Ok(Page::of(started)
            .var("first", ids.iter().min().copied())
            .var("last", ids.iter().max().copied())
            .var("batch", draft.batch)
            .under(query)
            .uncounted())
    }
}

/// One place a job.
fn places(
    cx: &mut Cx<'_, '_>,
    folder: &Folder,
    info: &StartInfo,
    release: &Process,
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

fn find_process(cx: &mut Cx<'_, '_>, folder: i64, info: &StartInfo) -> Result<Process> {
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
             COALESCE(e.path, p.main_entry_point) AS entry_point, e.arguments,
             r.environment_id, p.target_framework, r.process_settings
         FROM releases r JOIN packages p ON p.id = r.package_id
         LEFT JOIN package_entry_points e ON e.id = r.entry_point_id
         WHERE r.folder_id = $1 AND r.deletion_time IS NULL AND {condition}"
    );
    let Some(row) = cx.tx.row(&sql, &[folder.into(), asked.as_str().into()])? else {
        let text = format!("The process '{asked}' does not exist in this folder.");
        return Err(Error::refused(Code::ItemNotFound, text));
    };
    let mut release = Process {
        id: row.get("id")?,
        name: row.get("name")?,
        package: row.get("package_id")?,
        defaults: row.get("input_arguments")?,
        variables: row.get("environment_variables")?,
        priority: Priority::stored(row.get("specific_priority_value")?),
        process_type: row.get("process_type")?,
        needs_desktop: row.get("requires_user_interaction")?,
        entry_point: row.get("entry_point")?,
        declared: row.get("arguments")?,
        environment: row.get("environment_id")?,
        framework: row
            .get::<Option<i64>>("target_framework")?
            .and_then(ReleaseTargetFramework::from_i64),
        autopilot: autopilot_of(row.get("process_settings")?),
    };
    check_name(info, &release)?;
    if let Some(path) = info.entry_point_path.as_ref().filter(|p| !p.is_empty()) {
        choose_entry_point(cx, &mut release, path)?;
    }
    Ok(release)
}

/// A name beside the key must be that of the same process.
fn check_name(info: &StartInfo, release: &Process) -> Result<()> {
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

fn autopilot(info: &StartInfo, release: &Process) -> Result<Option<String>> {
    let Some(own) = &info.autopilot_for_robots else {
        return Ok(release.autopilot.clone());
    };
    let text = serde_json::to_string(own);
    text.map(Some)
        .map_err(|e| Error::Internal(format!("AutopilotForRobots: {e}")))
}

/// A job runs as its package was made: nothing else can be asked for.
fn check_framework(info: &StartInfo, release: &Process) -> Result<()> {
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

fn choose_entry_point(cx: &mut Cx<'_, '_>, release: &mut Process, path: &str) -> Result<()> {
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
fn input_arguments(info: &StartInfo, release: &Process) -> Result<Option<String>> {
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
struct Draft<'a> {
    info: &'a StartInfo,
    process: Process,
    folder: i64,
    priority: Priority,
    runtime: RobotType,
    input: Option<String>,
    batch: Guid,
    stop_after: Option<i64>,
    kill_after: Option<i64>,
    /// JSON
    autopilot: Option<String>,
    /// The job in which the caller runs.
    parent: Option<Guid>,
}

fn insert(cx: &mut Cx<'_, '_>, job: &Draft<'_>, target: &MachineRobot) -> Result<i64> {
    let (info, release) = (job.info, &job.process);
    let source = info.source.unwrap_or(JobSource::Manual);
    let variables = info
        .environment_variables
        .as_ref()
        .or(release.variables.as_ref());
    Ok(cx.tx.insert_into(
        "jobs",
        [
            ("tenant_id", cx.caller.tenant.into()),
            ("folder_id", job.folder.into()),
            ("key", cx.key().into()),
            ("release_id", release.id.into()),
            ("release_name", release.name.as_str().into()),
            ("package_id", release.package.into()),
            ("state", JobState::Pending.into()),
            ("specific_priority_value", job.priority.value().into()),
            ("source", source.name().into()),
            ("source_type", source.into()),
            ("batch_execution_key", job.batch.into()),
            ("creation_time", cx.now.into()),
            ("type", JobType::Unattended.into()),
            ("runtime_type", target.runtime.unwrap_or(job.runtime).into()),
            ("process_type", release.process_type.into()),
            ("entry_point_path", release.entry_point.clone().into()),
            ("input_arguments", job.input.clone().into()),
            ("input_file", info.input_file.map(|f| f.to_string()).into()),
            ("environment_variables", variables.cloned().into()),
            (
                "reference",
                info.reference.clone().unwrap_or_default().into(),
            ),
            (
                "requires_user_interaction",
                info.requires_user_interaction
                    .unwrap_or(release.needs_desktop)
                    .into(),
            ),
            (
                "resume_on_same_context",
                info.resume_on_same_context.unwrap_or(false).into(),
            ),
            ("stop_strategy", info.stop_strategy.map(|s| s as i64).into()),
            (
                "remote_control_access",
                info.remote_control_access
                    .unwrap_or(RemoteControlAccess::None)
                    .into(),
            ),
            ("profiling_options", info.profiling_options.clone().into()),
            (
                "parent_operation_id",
                info.parent_operation_id.clone().into(),
            ),
            ("trace_id", info.trace_id.clone().into()),
            ("parent_span_id", info.parent_span_id.clone().into()),
            ("root_span_id", info.root_span_id.clone().into()),
            ("creator_user_id", cx.caller.user().into()),
            ("wanted_robot_id", target.robot_id.into()),
            ("wanted_machine_id", target.machine_id.into()),
            ("wanted_session_id", target.session_id.into()),
            ("robot_id", target.robot_id.into()),
            ("machine_id", target.machine_id.into()),
            ("stop_after", job.stop_after.into()),
            ("kill_after", job.kill_after.into()),
            ("fps_context", info.fps_context.clone().into()),
            ("fps_properties", info.fps_properties.clone().into()),
            ("autopilot_for_robots", job.autopilot.clone().into()),
            ("parent_job_key", job.parent.into()),
        ],
    )?)
}

/// The job that the caller says to run in, if it is one of the robot that calls.
fn own_job(cx: &mut Cx<'_, '_>, named: Option<Guid>) -> Result<Option<Guid>> {
    let (Some(job), Identity::Robot { id: robot, .. }) = (named, &cx.caller.identity) else {
        return Ok(None);
    };
    let tenant = cx.caller.tenant;
    Ok(cx.tx.one(
        "SELECT key FROM jobs WHERE key = $1 AND tenant_id = $2 AND robot_id = $3",
        &[job.into(), tenant.into(), (*robot).into()],
    )?)
}
