//! `startInfo`, which says what is to be started: its members, how long they may be, and which of
//! them nothing would come of.

use odata::{Guid, Timestamp};
use serde::Deserialize;

use super::places::{MachineRobot, Strategy};
use super::{JobSource, StopStrategy};
use crate::error::{Error, Result};
use crate::packages::ReleaseTargetFramework;
use crate::releases::{
    AutopilotForRobotsSettings, JobPriority, RemoteControlAccess, VideoRecordingSettings,
};
use crate::robots::RobotType;

/// The `startInfo` of the request.
#[odata::complex(name = "StartProcessDto")]
#[derive(Debug, Deserialize)]
pub(super) struct StartInfo {
    #[serde(default)]
    pub release_key: Option<String>,
    #[serde(default)]
    pub release_name: Option<String>,
    #[serde(default)]
    pub strategy: Option<Strategy>,
    #[serde(default)]
    pub robot_ids: Option<Vec<i64>>,
    #[serde(default)]
    pub machine_session_ids: Option<Vec<i64>>,
    #[serde(default)]
    pub jobs_count: Option<i32>,
    #[serde(default)]
    pub no_of_robots: Option<i32>,
    #[serde(default)]
    pub source: Option<JobSource>,
    #[serde(default)]
    pub job_priority: Option<JobPriority>,
    #[serde(default)]
    pub specific_priority_value: Option<i32>,
    #[serde(default)]
    pub runtime_type: Option<RobotType>,
    #[edm(max = 10000)]
    #[serde(default)]
    pub input_arguments: Option<String>,
    #[serde(default)]
    pub input_file: Option<Guid>,
    #[edm(max = 4000)]
    #[serde(default)]
    pub environment_variables: Option<String>,
    #[edm(max = 128)]
    #[serde(default)]
    pub reference: Option<String>,
    #[serde(default)]
    pub machine_robots: Option<Vec<MachineRobot>>,
    #[serde(default)]
    pub resume_on_same_context: Option<bool>,
    #[serde(default)]
    pub batch_execution_key: Option<Guid>,
    #[serde(default)]
    pub requires_user_interaction: Option<bool>,
    #[serde(default)]
    pub stop_process_expression: Option<String>,
    #[serde(default)]
    pub kill_process_expression: Option<String>,
    #[serde(default)]
    pub stop_strategy: Option<StopStrategy>,
    #[serde(default)]
    pub remote_control_access: Option<RemoteControlAccess>,
    #[edm(max = 128)]
    #[serde(default)]
    pub parent_operation_id: Option<String>,
    #[edm(max = 4000)]
    #[serde(default)]
    pub profiling_options: Option<String>,
    #[edm(max = 255)]
    #[serde(default)]
    pub trace_id: Option<String>,
    #[edm(max = 255)]
    #[serde(default)]
    pub parent_span_id: Option<String>,
    #[edm(max = 255)]
    #[serde(default)]
    pub root_span_id: Option<String>,
    #[serde(default)]
    pub entry_point_path: Option<String>,
    #[serde(default)]
    pub run_as_me: Option<bool>,
    #[serde(default)]
    pub target_framework: Option<ReleaseTargetFramework>,
    #[serde(default)]
    pub autopilot_for_robots: Option<AutopilotForRobotsSettings>,
    #[edm(max = 2048)]
    #[serde(default)]
    pub fps_context: Option<String>,
    #[edm(max = 4000)]
    #[serde(default)]
    pub fps_properties: Option<String>,
    #[serde(default)]
    attachments: Option<Vec<JobAttachment>>,
    #[serde(default)]
    alert_pending_expression: Option<String>,
    #[serde(default)]
    alert_running_expression: Option<String>,
    #[serde(default)]
    video_recording_settings: Option<VideoRecordingSettings>,
    #[serde(default)]
    machine_infra_target: Option<JobMachineInfraTarget>,
}

/// A file that goes along with a job.
#[odata::complex(name = "JobAttachmentDto")]
#[derive(Debug, Deserialize)]
struct JobAttachment {
    #[edm(name = "attachmentId", required)]
    attachment_id: Guid,
    #[edm(name = "jobKey")]
    #[serde(default)]
    job_key: Option<Guid>,
    #[edm(name = "category", max = 128)]
    #[serde(default)]
    category: Option<String>,
    #[edm(name = "attachmentName", max = 256)]
    #[serde(default)]
    attachment_name: Option<String>,
    #[edm(name = "lastModificationTime")]
    #[serde(default, skip_deserializing)]
    last_modification_time: Option<Timestamp>,
    #[edm(name = "lastModifierUserId")]
    #[serde(default)]
    last_modifier_user_id: Option<i64>,
    #[edm(name = "creationTime")]
    #[serde(default, skip_deserializing)]
    creation_time: Option<Timestamp>,
    #[edm(name = "creatorUserId")]
    #[serde(default)]
    creator_user_id: Option<i64>,
    #[edm(name = "id")]
    #[serde(default)]
    id: Option<Guid>,
}

/// The host that a job is meant for, by names.
#[odata::complex(name = "JobMachineInfraTargetDto")]
#[derive(Debug, Deserialize)]
struct JobMachineInfraTarget {
    #[serde(default)]
    machine_template_name: Option<String>,
    #[serde(default)]
    host_machine_name: Option<String>,
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
