//! What a session is to do: begin the jobs it was handed, end the ones to be stopped. The list is
//! derived from the jobs' states, so it is repeated until the robot has reported.

use db::{Tx, sql};

use crate::error::Result;
use crate::kinds::jobs::{COMMANDED, JobState};
use crate::users;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin this job.
    Start(Box<StartJob>),
    /// End this job; `kill` = at once.
    Stop {
        /// What it is about.
        work: Box<StartJob>,
        /// At once, or by asking.
        kill: bool,
    },
}

db::record! {
    /// A job with all that a robot needs to run it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct StartJob {
        /// `jobs.id`
        pub id: i64 = "j.id",
        /// `jobs.key`
        pub key: String = "j.key",
        /// Which hand-out this is.
        pub attempt: i64 = "j.attempt",
        /// `releases.key`
        pub release_key: String = "rel.key",
        /// Name of the release.
        pub release_name: String = "j.release_name",
        /// Package id.
        pub package_id: String = "p.package_id",
        /// Package version.
        pub package_version: String = "p.version",
        /// Feed of the package.
        pub feed_id: String = "p.feed_id",
        /// Number of the framework it needs.
        pub target_framework: Option<i64> = "p.target_framework",
        /// What runs.
        pub entry_point: Option<String> = "j.entry_point_path",
        /// A JSON object.
        pub input_arguments: Option<String> = "j.input_arguments",
        /// A stored file.
        pub input_file: Option<String> = "j.input_file",
        /// `NAME=value` lines.
        pub environment_variables: Option<String> = "j.environment_variables",
        /// Needs a desktop.
        pub requires_user_interaction: bool = "j.requires_user_interaction",
        /// What started it: the kind, or the trigger's name.
        pub source: String = "j.source",
        /// Number of what started it.
        pub source_type: i64 = "j.source_type",
        /// Trace, parent span, root span.
        pub trace: [Option<String>; 3] = "j.trace_id, j.parent_span_id, j.root_span_id",
        /// Arguments of the process for jobs that bring none.
        pub default_arguments: Option<String> = "rel.input_arguments",
        /// Options of a profiler.
        pub profiling_options: Option<String> = "j.profiling_options",
        /// What the caller tells the robot's runtime: context, properties.
        pub fps: [Option<String>; 2] = "j.fps_context, j.fps_properties",
        /// `folders.id`
        pub folder_id: i64 = "f.id",
        /// `folders.key`
        pub folder_key: String = "f.key",
        /// Path of the folder.
        pub folder_path: String = "f.fully_qualified_name",
        /// Machine.
        pub machine: i64 = "j.machine_id",
        /// `robots.id`
        pub robot_id: i64 = "r.id",
        /// `robots.key`
        pub robot_key: String = "r.key",
        /// Name of the robot.
        pub robot_name: String = "r.name",
        /// Account of the host that the robot signs in as.
        pub robot_account: Option<String> = "r.username",
        /// Number of the robot's runtime.
        pub robot_type: i64 = "r.type",
        /// Account of the robot.
        pub user_id: Option<i64> = "u.id",
        /// Its key.
        pub user_key: Option<String> = "u.key",
        /// Its e-mail address, or else its name.
        pub user_address: Option<String> = users::address!("u"),
        /// Number of the robot's credential type.
        pub credential_type: Option<i64> = "r.credential_type",
        /// Settings of the robot.
        pub execution_settings: Option<String> = "r.execution_settings",
    }
}

db::record! {
    /// A job of a session.
    struct Held {
        work: StartJob = StartJob::SELECT,
        state: JobState = "j.state",
    }
}

impl StartJob {
    /// Whose rights the job has: key and e-mail address of the account, or what stands for them.
    /// Robots take no null for either.
    #[must_use]
    pub fn who(&self) -> (&str, &str) {
        match (&self.user_key, &self.user_address) {
            (Some(key), Some(address)) => (key, address),
            _ => (&self.robot_key, &self.robot_name),
        }
    }
}

/// The commands of a session, oldest job first.
///
/// # Errors
/// The store's.
pub fn of(tx: &mut Tx<'_>, session: i64) -> Result<Vec<Command>> {
    let find = sql!(
        "SELECT {} FROM jobs j JOIN releases rel ON rel.id = j.release_id
         JOIN packages p ON p.id = j.package_id
         JOIN folders f ON f.id = j.folder_id
         JOIN robots r ON r.id = j.robot_id
         LEFT JOIN users u ON u.id = r.user_id
         WHERE j.session_id = $1 AND j.state IN {COMMANDED} ORDER BY j.id",
        Held::SELECT
    );
    let held: Vec<Held> = tx.all(find, &[session.into()])?;
    Ok(held.into_iter().map(command).collect())
}

fn command(held: Held) -> Command {
    let work = Box::new(held.work);
    match held.state {
        JobState::Stopping => Command::Stop { work, kill: false },
        JobState::Terminating => Command::Stop { work, kill: true },
        _ => Command::Start(work),
    }
}
