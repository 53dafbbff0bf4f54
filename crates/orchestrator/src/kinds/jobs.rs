//! Where jobs stand, and sets of states as statements name them.
//!
//! Their order is that of the partial indexes in the migrations: SQLite uses an index only for the
//! same list. This is a leaf: it knows nothing else of the crate.

use odata::edm_enum;

edm_enum! {
    /// Where a job stands.
    pub enum JobState {
        Pending = 0, Running = 1, Stopping = 2, Terminating = 3, Faulted = 4, Successful = 5,
        Stopped = 6, Suspended = 7, Resumed = 8
    }
}

impl JobState {
    /// Nothing changes such a job any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Faulted | Self::Successful | Self::Stopped)
    }

    /// Waiting for a robot.
    #[must_use]
    pub fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Resumed)
    }
}

/// A job takes up a slot of its session, or waits for one.
pub(crate) const ACTIVE: &str =
    db::numbers!(JobState: Pending, Running, Stopping, Terminating, Resumed);

/// A job waits for a session.
pub(crate) const WAITING: &str = db::numbers!(JobState: Pending, Resumed);

/// A robot runs the job.
pub(crate) const RUNNING: &str = db::numbers!(JobState: Running, Stopping, Terminating);

/// A session has to be told something of the job: to start, stop or kill it.
pub(crate) const COMMANDED: &str = db::numbers!(JobState: Pending, Stopping, Terminating, Resumed);

/// No robot runs the job, and it is not over.
pub(crate) const NOT_RUNNING: &str = db::numbers!(JobState: Pending, Suspended, Resumed);

/// Nothing changes the job any more.
pub(crate) const FINAL: &str = db::numbers!(JobState: Faulted, Successful, Stopped);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a set has the state.
    fn has(set: &str, state: JobState) -> bool {
        let members = set.trim_matches(['(', ')']).split(", ");
        members.into_iter().any(|n| n == (state as i64).to_string())
    }

    #[test]
    fn every_state_is_over_or_runs_or_does_not_run() {
        for state in JobState::TYPE.members.iter().map(|(_, number)| *number) {
            let state = JobState::from_i64(state).unwrap();
            assert_eq!(has(FINAL, state), state.is_final(), "{}", state.name());
            let sets = [FINAL, RUNNING, NOT_RUNNING];
            let count = sets.iter().filter(|set| has(set, state)).count();
            assert_eq!(count, 1, "{}", state.name());
            let active = has(WAITING, state) || has(RUNNING, state);
            assert_eq!(has(ACTIVE, state), active, "{}", state.name());
        }
    }

    #[test]
    fn the_indexes_of_active_jobs_are_for_the_same_states() {
        assert_eq!(ACTIVE, "(0, 1, 2, 3, 8)");
    }
}
