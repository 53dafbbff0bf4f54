//! `startInfo`, which says what is to be started: its members, how long they may be, and which of
//! them nothing would come of.

use odata::{Guid, Timestamp};
use serde::Deserialize;

use super::places::{MachineRobot, Strategy};
use super::{JobSource, StopStrategy};
use crate::error::{Error, Result};
use crate::kinds::RobotType;
use crate::packages::ReleaseTargetFramework;
use crate::releases::{
    AutopilotForRobotsSettings, JobPriority, RemoteControlAccess, VideoRecordingSettings,
};

/// The `startInfo` of the request.
#[odata::complex(name = "StartProcessDto")]
#[derive(Debug, Deserialize)]
pub(super) struct StartInfo {
    /// Key of the process.
    #[serde(default)]
    pub release_key: Option<String>,
    /// Name of the process, if there is no key.
    #[serde(default)]
    pub release_name: Option<String>,
    /// How many jobs are started, and where.
    #[serde(default)]
    pub strategy: Option<Strategy>,
    /// Robots that the jobs run on.
    #[serde(default)]
    pub robot_ids: Option<Vec<i64>>,
    /// Sessions of hosts that the jobs run on.
    #[serde(default)]
    pub machine_session_ids: Option<Vec<i64>>,
    /// How many jobs are started.
    #[serde(default)]
    pub jobs_count: Option<i32>,
    /// On how many robots, in a classic folder.
    #[serde(default)]
    pub no_of_robots: Option<i32>,
    /// What starts them.
    #[serde(default)]
    pub source: Option<JobSource>,
    /// The band of the priority; none: the process's own.
    #[serde(default)]
    pub job_priority: Option<JobPriority>,
    /// 1 to 100; more runs first.
    #[serde(default)]
    pub specific_priority_value: Option<i32>,
    /// The runtime that they take.
    #[serde(default)]
    pub runtime_type: Option<RobotType>,
    /// What goes in: a JSON object.
    #[edm(max = 10000)]
    #[serde(default)]
    pub input_arguments: Option<String>,
    /// What goes in, as a stored file.
    #[serde(default)]
    pub input_file: Option<Guid>,
    /// `NAME=value` lines.
    #[edm(max = 4000)]
    #[serde(default)]
    pub environment_variables: Option<String>,
    /// The caller's own mark.
    #[edm(max = 128)]
    #[serde(default)]
    pub reference: Option<String>,
    /// Pairs of a robot and a machine that the jobs run on.
    #[serde(default)]
    pub machine_robots: Option<Vec<MachineRobot>>,
    /// Whether a job resumes on the same machine and robot.
    #[serde(default)]
    pub resume_on_same_context: Option<bool>,
    /// Common to all jobs of one start.
    #[serde(default)]
    pub batch_execution_key: Option<Guid>,
    /// Whether they need a desktop.
    #[serde(default)]
    pub requires_user_interaction: Option<bool>,
    /// Seconds after which a job is stopped.
    #[serde(default)]
    pub stop_process_expression: Option<String>,
    /// Seconds after which a job that was asked to stop is killed.
    #[serde(default)]
    pub kill_process_expression: Option<String>,
    /// How a job is stopped.
    #[serde(default)]
    pub stop_strategy: Option<StopStrategy>,
    /// Whether they can be watched live.
    #[serde(default)]
    pub remote_control_access: Option<RemoteControlAccess>,
    /// The operation that starts them.
    #[edm(max = 128)]
    #[serde(default)]
    pub parent_operation_id: Option<String>,
    /// Options of a profiler.
    #[edm(max = 4000)]
    #[serde(default)]
    pub profiling_options: Option<String>,
    /// Trace that they belong to.
    #[edm(max = 255)]
    #[serde(default)]
    pub trace_id: Option<String>,
    /// Span that starts them.
    #[edm(max = 255)]
    #[serde(default)]
    pub parent_span_id: Option<String>,
    /// First span of the trace.
    #[edm(max = 255)]
    #[serde(default)]
    pub root_span_id: Option<String>,
    /// Where the process starts, if elsewhere than it says itself.
    #[serde(default)]
    pub entry_point_path: Option<String>,
    /// Whether they run as the caller.
    #[serde(default)]
    pub run_as_me: Option<bool>,
    /// What the package was made for; anything else is refused.
    #[serde(default)]
    pub target_framework: Option<ReleaseTargetFramework>,
    /// Help when a job fails.
    #[serde(default)]
    pub autopilot_for_robots: Option<AutopilotForRobotsSettings>,
    /// What the caller tells the robot's runtime: the context.
    #[edm(max = 2048)]
    #[serde(default)]
    pub fps_context: Option<String>,
    /// What the caller tells the robot's runtime: properties.
    #[edm(max = 4000)]
    #[serde(default)]
    pub fps_properties: Option<String>,
    /// Files that go along: not built yet.
    #[serde(default)]
    attachments: Option<Vec<JobAttachment>>,
    /// Seconds after which a waiting job raises an alert: not built yet.
    #[serde(default)]
    alert_pending_expression: Option<String>,
    /// Seconds after which a running job raises an alert: not built yet.
    #[serde(default)]
    alert_running_expression: Option<String>,
    /// Whether videos are recorded: not built yet.
    #[serde(default)]
    video_recording_settings: Option<VideoRecordingSettings>,
    /// The host, by names: not built yet.
    #[serde(default)]
    machine_infra_target: Option<JobMachineInfraTarget>,
}

/// A file that goes along with a job.
#[odata::complex(name = "JobAttachmentDto")]
#[derive(Debug, Deserialize)]
struct JobAttachment {
    /// The file.
    #[edm(name = "attachmentId", required)]
    attachment_id: Guid,
    /// The job that it is of.
    #[edm(name = "jobKey")]
    #[serde(default)]
    job_key: Option<Guid>,
    /// What it is for.
    #[edm(name = "category", max = 128)]
    #[serde(default)]
    category: Option<String>,
    /// Its name.
    #[edm(name = "attachmentName", max = 256)]
    #[serde(default)]
    attachment_name: Option<String>,
    /// When it was last changed.
    #[edm(name = "lastModificationTime")]
    #[serde(default, skip_deserializing)]
    last_modification_time: Option<Timestamp>,
    /// By whom.
    #[edm(name = "lastModifierUserId")]
    #[serde(default)]
    last_modifier_user_id: Option<i64>,
    /// When it was made.
    #[edm(name = "creationTime")]
    #[serde(default, skip_deserializing)]
    creation_time: Option<Timestamp>,
    /// By whom.
    #[edm(name = "creatorUserId")]
    #[serde(default)]
    creator_user_id: Option<i64>,
    /// Number of the attachment.
    #[edm(name = "id")]
    #[serde(default)]
    id: Option<Guid>,
}

/// The host that a job is meant for, by names.
#[odata::complex(name = "JobMachineInfraTargetDto")]
#[derive(Debug, Deserialize)]
struct JobMachineInfraTarget {
    /// Name of the machine template.
    #[serde(default)]
    machine_template_name: Option<String>,
    /// Name of the host.
    #[serde(default)]
    host_machine_name: Option<String>,
    /// Account of its service.
    #[serde(default)]
    service_user_name: Option<String>,
}

impl JobMachineInfraTarget {
    fn names_something(&self) -> bool {
        [
            &self.machine_template_name,
            &self.host_machine_name,
            &self.service_user_name,
        ]
        .into_iter()
        .flatten()
        .any(|name| !name.is_empty())
    }
}

impl StartInfo {
    /// Refuses what asks for something that is not built: to go on without would be the worst answer.
    ///
    /// # Errors
    /// 501 that names it; 1009 for a time that is none.
    pub fn check_built(&self) -> Result<()> {
        let alert = |name, text: &Option<String>| seconds(name, text.as_deref());
        let pending = alert("AlertPendingExpression", &self.alert_pending_expression)?;
        let running = alert("AlertRunningExpression", &self.alert_running_expression)?;
        let videos = self.video_recording_settings.as_ref();
        let videos = videos.is_some_and(VideoRecordingSettings::records);
        let target = self.machine_infra_target.as_ref();
        let target = target.is_some_and(JobMachineInfraTarget::names_something);
        let files = self.attachments.iter().flatten().next().is_some();
        let nobody = "nobody is alerted yet";
        let instead = "name the host by its id in MachineRobots or MachineSessionIds";
        let asked = [
            ("Attachments", files, "jobs have no files yet"),
            ("AlertPendingExpression", pending.is_some(), nobody),
            ("AlertRunningExpression", running.is_some(), nobody),
            (
                "VideoRecordingSettings",
                videos,
                "no videos are recorded yet",
            ),
            ("MachineInfraTarget", target, instead),
        ];
        match asked.into_iter().find(|(_, asked, _)| *asked) {
            Some((member, _, why)) => Err(Error::NotBuilt(format!(
                "{member} is part of the API but is not built in this version of Baton: {why}. \
                 Leave it out."
            ))),
            None => Ok(()),
        }
    }
}

/// A number of seconds, written as text.
pub(super) fn seconds(name: &str, text: Option<&str>) -> Result<Option<i64>> {
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
