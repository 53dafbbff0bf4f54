//! The log of one job: its spool, and the task that empties it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::agent::Agent;
use crate::logs::Level;
use crate::logs::Line;
use crate::logs::Origin;
use crate::protocol::Command;
use crate::ship::ship;
use crate::spool::Spool;

/// The most bytes of unsent lines a job may leave on disk.
const SPOOL_LIMIT: u64 = 64 * 1024 * 1024;
/// After the job's end, how long a server may take no line before the rest is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open log. Dropping it ends the sending; what is not sent stays in the spool.
pub(crate) struct JobLog {
    /// Where lines go.
    pub spool: Arc<Spool>,
    shipper: JoinSet<()>,
    process: String,
}

impl JobLog {
    /// Opens the log in a job's work folder and begins to send what is in it.
    pub fn open(agent: &Arc<Agent>, command: &Command, work: &Path) -> io::Result<JobLog> {
        let spool = Arc::new(Spool::open(work, SPOOL_LIMIT)?);
        let source = Arc::clone(&spool);
        let agent = Arc::clone(agent);
        let origin = Origin::of(command, &agent.host);
        let robot_key = command.robot_key.clone();
        let mut shipper = JoinSet::new();
        shipper.spawn(async move {
            ship(&agent.client, &robot_key, &origin, &source, PATIENCE).await;
        });
        let process = command.data.process_name.clone();
        let process = process.unwrap_or_else(|| "Job".to_owned());
        Ok(JobLog {
            spool,
            shipper,
            process,
        })
    }

    /// Adds a line of the robot's own about the process, in the words UiPath's robot uses:
    /// "Invoices execution started".
    pub fn note(&self, event: &str) {
        let text = format!("{} execution {event}", self.process);
        self.spool.append(&[Line::robot(Level::Information, &text)]);
    }

    /// Sends what is left. A server that takes nothing is given up after a while.
    pub async fn finish(mut self) {
        self.spool.close();
        self.shipper.join_next().await;
    }
}
