//! What a session is to do: begin the jobs it was handed, end the ones to be stopped. The list is
//! derived from the jobs' states, so it is repeated until the robot has reported.

use db::Tx;

use super::JobState;
use crate::error::Result;
use crate::users;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin this job.
    Start(Box<Work>),
    /// End this job; `kill` = at once.
    Stop {
        /// What it is about.
        work: Box<Work>,
        /// At once, or by asking.
        kill: bool,
    },
}

/// A job with all that a robot needs to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// `jobs.id`
    pub id: i64,
    /// `jobs.key`
    pub key: String,
    /// Which hand-out this is.
    pub attempt: i64,
    /// `releases.key`
    pub release_key: String,
    /// Name of the release.
    pub release_name: String,
    /// Package id.
    pub package_id: String,
    /// Package version.
    pub package_version: String,
    /// Feed of the package.
    pub feed_id: String,
    /// Number of the framework it needs.
    pub target_framework: Option<i64>,
    /// What runs.
    pub entry_point: Option<String>,
    /// A JSON object.
    pub input_arguments: Option<String>,
    /// A stored file.
    pub input_file: Option<String>,
    /// `NAME=value` lines.
    pub environment_variables: Option<String>,
    /// Needs a desktop.
    pub requires_user_interaction: bool,
    /// What started it: the kind, or the trigger's name.
    pub source: String,
    /// Number of what started it.
    pub source_type: i64,
    /// Trace, parent span, root span.
    pub trace: [Option<String>; 3],
    /// Arguments of the process for jobs that bring none.
    pub default_arguments: Option<String>,
    /// Options of a profiler.
    pub profiling_options: Option<String>,
    /// What the caller tells the robot's runtime: context, properties.
    pub fps: [Option<String>; 2],
    /// Folder: id, key, path.
    pub folder: (i64, String, String),
    /// Machine.
    pub machine: i64,
    /// Robot: id, key, name, host account.
    pub robot: (i64, String, String, Option<String>),
    /// Number of the robot's runtime.
    pub robot_type: i64,
    /// Account of the robot: id, key, e-mail address or else the name.
    pub user: Option<(i64, String, String)>,
    /// Number of the robot's credential type.
    pub credential_type: Option<i64>,
    /// Settings of the robot.
    pub execution_settings: Option<String>,
}

impl Work {
    /// Whose rights the job has: key and e-mail address of the account, or what stands for them.
    /// Robots take no null for either.
    #[must_use]
    pub fn who(&self) -> (&str, &str) {
        match &self.user {
            Some((_, key, email)) => (key, email),
            None => (&self.robot.1, &self.robot.2),
        }
    }
}

/// The commands of a session, oldest job first.
///
/// # Errors
/// The store's.
pub fn of(tx: &mut Tx<'_>, session: i64) -> Result<Vec<Command>> {
    let sql = format!(
        "SELECT j.id, j.key, j.attempt, rel.key, j.release_name, p.package_id, p.version,
             p.feed_id, p.target_framework, j.entry_point_path, j.input_arguments, j.input_file,
             j.environment_variables, j.requires_user_interaction, j.source_type, j.trace_id,
             j.parent_span_id, j.root_span_id, f.id, f.key, f.fully_qualified_name, j.machine_id,
             r.id, r.key, r.name, r.username, u.id, u.key, {}, r.credential_type,
             r.execution_settings, j.state, r.type, j.source, rel.input_arguments,
             j.profiling_options, j.fps_context, j.fps_properties
         FROM jobs j JOIN releases rel ON rel.id = j.release_id
         JOIN packages p ON p.id = j.package_id
         JOIN folders f ON f.id = j.folder_id
         JOIN robots r ON r.id = j.robot_id
         LEFT JOIN users u ON u.id = r.user_id
         WHERE j.session_id = $1 AND j.state IN (0, 2, 3, 8) ORDER BY j.id",
        users::address!("u")
    );
    let rows = tx.rows(&sql, &[session.into()])?;
    rows.iter().map(|row| Ok(command(row)?)).collect()
}

fn command(row: &db::Row) -> Result<Command, db::Error> {
    let user = match row.get::<Option<i64>>(26)? {
        Some(id) => Some((id, row.get(27)?, row.get(28)?)),
        None => None,
    };
    let work = Box::new(Work {
        id: row.get(0)?,
        key: row.get(1)?,
        attempt: row.get(2)?,
        release_key: row.get(3)?,
        release_name: row.get(4)?,
        package_id: row.get(5)?,
        package_version: row.get(6)?,
        feed_id: row.get(7)?,
        target_framework: row.get(8)?,
        entry_point: row.get(9)?,
        input_arguments: row.get(10)?,
        input_file: row.get(11)?,
        environment_variables: row.get(12)?,
        requires_user_interaction: row.get(13)?,
        source_type: row.get(14)?,
        trace: [row.get(15)?, row.get(16)?, row.get(17)?],
        folder: (row.get(18)?, row.get(19)?, row.get(20)?),
        machine: row.get(21)?,
        robot: (row.get(22)?, row.get(23)?, row.get(24)?, row.get(25)?),
        user,
        credential_type: row.get(29)?,
        execution_settings: row.get(30)?,
        robot_type: row.get(32)?,
        source: row.get(33)?,
        default_arguments: row.get(34)?,
        profiling_options: row.get(35)?,
        fps: [row.get(36)?, row.get(37)?],
    });
    Ok(match JobState::from_i64(row.get(31)?) {
        Some(JobState::Stopping) => Command::Stop { work, kill: false },
        Some(JobState::Terminating) => Command::Stop { work, kill: true },
        _ => Command::Start(work),
    })
}
