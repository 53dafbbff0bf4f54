//! The agent's memory: one small file per job it answers for.
//!
//! The server offers an attempt until the agent has claimed it, and never offers it to anyone else
//! afterwards. From then on only the agent knows how far it is, so each step that cannot be repeated
//! is written down *before* it is taken, and reaches the disk before anything else happens: temporary
//! file, fsync, rename, fsync of the folder. What a crash leaves behind is therefore one of
//! [`Phase`]'s three, and each has one right continuation.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde::Serialize;

use crate::package::Runtime;
use crate::process::ProcessId;
use crate::protocol::Command;
use crate::protocol::JobId;
use crate::protocol::Outcome;

/// One job of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub command: Command,
    #[serde(flatten)]
    pub phase: Phase,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Taken on, never run. After a crash: begin again.
    Accepted,
    /// The program was about to be started, and was if `process` is there. After a crash: end what
    /// is left of it and settle by its result. Never run it a second time.
    Started {
        runtime: Runtime,
        process: Option<ProcessId>,
    },
    /// It is over. After a crash: report this until the server has it.
    Finished { outcome: Outcome },
}

/// The folder of entries. Clones share it.
#[derive(Clone)]
pub(crate) struct Journal {
    folder: PathBuf,
    /// Held by every copy, and by every write on its way, so that another agent can take over the
    /// data folder only when nothing of this one can touch it any more.
    _lock: Arc<File>,
}

impl Journal {
    /// Opens `{data}/journal`, without what a crash left half written. `lock` is the data folder's.
    pub fn open(data: &Path, lock: Arc<File>) -> io::Result<Journal> {
        let folder = data.join("journal");
        fs::create_dir_all(&folder)?;
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "tmp") {
                fs::remove_file(path)?;
            }
        }
        Ok(Journal {
            folder,
            _lock: lock,
        })
    }

    /// Writes an entry; when this returns, it survives a power cut.
    pub async fn save(&self, entry: &Entry) -> io::Result<()> {
        let journal = self.clone();
        let id = entry.command.id();
        let text = serde_json::to_vec_pretty(entry)?;
        blocking(move || journal.write(id, &text)).await
    }

    /// Forgets a job. It is no error if it is not there.
    pub async fn remove(&self, id: JobId) -> io::Result<()> {
        let journal = self.clone();
        blocking(move || match fs::remove_file(journal.file(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_folder(&journal.folder),
        })
        .await
    }

    /// All entries. One that cannot be read is set aside as `*.unreadable` and reported in the log:
    /// it must not keep the agent from starting.
    pub async fn load(&self) -> io::Result<Vec<Entry>> {
        let journal = self.clone();
        blocking(move || journal.read_all()).await
    }

    fn file(&self, id: JobId) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn write(&self, id: JobId, text: &[u8]) -> io::Result<()> {
        // 0600 by default: the entry holds the job's token.
        let mut temporary = tempfile::Builder::new()
            .suffix(".tmp")
            .tempfile_in(&self.folder)?;
        temporary.write_all(text)?;
        temporary.as_file().sync_all()?;
        temporary
            .persist(self.file(id))
            .map_err(|error| error.error)?;
        sync_folder(&self.folder)
    }

    fn read_all(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            // Others are on their way: entries are also read while jobs are under way.
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match serde_json::from_slice(&fs::read(&path)?) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    let aside = path.with_extension("unreadable");
                    tracing::error!(file = %aside.display(), %error, "journal entry set aside");
                    fs::rename(&path, aside)?;
                }
            }
        }
        Ok(entries)
    }
}

/// A rename is on disk only when its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Runs file work where it may block. The work is finished even if the caller is dropped.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::command;

    fn journal(data: &Path) -> Journal {
        Journal::open(data, Arc::new(File::open(data).unwrap())).unwrap()
    }

    #[tokio::test]
    async fn an_entry_is_what_was_last_written_until_it_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let journal = journal(data.path());
        let mut entry = Entry {
            command: command(1),
            phase: Phase::Accepted,
        };
        journal.save(&entry).await.unwrap();
        entry.phase = Phase::Finished {
            outcome: Outcome::stopped(),
        };
        journal.save(&entry).await.unwrap();

        let read = journal.load().await.unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].phase, entry.phase);
        assert_eq!(read[0].command.id(), entry.command.id());

        journal.remove(entry.command.id()).await.unwrap();
        journal.remove(entry.command.id()).await.unwrap();
        assert!(journal.load().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn attempts_of_one_job_are_entries_of_their_own() {
        let data = tempfile::tempdir().unwrap();
        let journal = journal(data.path());
        for attempt in [1, 2] {
            let mut command = command(1);
            command.data.attempt = attempt;
            journal
                .save(&Entry {
                    command,
                    phase: Phase::Accepted,
                })
                .await
                .unwrap();
        }
        assert_eq!(journal.load().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn half_written_and_broken_files_do_not_stop_the_agent() {
        let data = tempfile::tempdir().unwrap();
        let journal = journal(data.path());
        journal
            .save(&Entry {
                command: command(1),
                phase: Phase::Accepted,
            })
            .await
            .unwrap();
        let folder = data.path().join("journal");
        fs::write(folder.join("broken.json"), "{\"command\":").unwrap();
        fs::write(folder.join("half.tmp"), "{").unwrap();

        assert_eq!(journal.load().await.unwrap().len(), 1);
        assert!(folder.join("broken.unreadable").exists());
        assert!(
            folder.join("half.tmp").exists(),
            "somebody may be writing it"
        );
        let journal = self::journal(data.path());
        assert!(!folder.join("half.tmp").exists(), "nobody is any more");
        assert_eq!(journal.load().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn entries_are_for_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        let journal = journal(data.path());
        let entry = Entry {
            command: command(1),
            phase: Phase::Accepted,
        };
        journal.save(&entry).await.unwrap();
        let mode = fs::metadata(journal.file(entry.command.id()))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
