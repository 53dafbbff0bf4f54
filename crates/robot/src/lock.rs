//! File locks between agents, and between jobs of one agent.
//!
//! `flock` belongs to the open file, so it works within a process as well, and the kernel lets go of
//! it whatever happens to its owner. A busy lock is tried again and again instead of being waited
//! for: a blocked thread could not be given up when a job is stopped.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::fs::flock;

/// How often a busy lock is tried.
const PAUSE: Duration = Duration::from_millis(100);

/// The lock on `path`, which is created if need be, or `None` if somebody else has it. It lasts as
/// long as the file is open.
pub(crate) fn attempt(path: &Path) -> io::Result<Option<File>> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The lock on `path`, however long it takes.
pub(crate) async fn wait(path: &Path) -> io::Result<File> {
    loop {
        if let Some(file) = attempt(path)? {
            return Ok(file);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the test looks at how the task ends"
    )]
    async fn a_lock_is_had_once_and_freed_by_closing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = attempt(&path).unwrap().unwrap();
        assert!(attempt(&path).unwrap().is_none());
        let second = tokio::spawn({
            let path = path.clone();
            async move { wait(&path).await }
        });
        drop(first);
        second.await.unwrap().unwrap();
        assert!(attempt(&path).unwrap().is_some());
    }
}
