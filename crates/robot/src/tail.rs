//! Reading `__uipath/execution.log` while the Python runtime writes it.
//!
//! The format is `[2026-11-20 15:44:31,756][LEVEL] message` in the process's local time (the agent
//! sets it to UTC), followed by any number of lines without such a prefix that belong to the same
//! message: tracebacks, mostly. So a message is complete only when the next one begins, or when
//! nothing has come for a while.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::logs::Level;
use crate::logs::Line;
use crate::logs::Splitter;

/// Bytes taken from the file at a time.
const CHUNK: usize = 256 * 1024;
/// Characters of a message that are put together; more would be cut later anyway.
const MAX_JOINED: usize = 40_000;

/// A position in a log file, and the message that may still be growing.
pub(crate) struct Tail {
    path: PathBuf,
    /// Where the position is kept for the next agent.
    memory: PathBuf,
    /// Everything before this was read.
    offset: u64,
    /// The end of the last complete line before that.
    line_end: u64,
    /// The start of the open message, if there is one, else the same.
    settled: u64,
    splitter: Splitter,
    open: Option<Message>,
}

struct Message {
    time: Timestamp,
    level: Level,
    text: String,
}

impl Tail {
    /// Begins where an earlier agent has stopped, or at the start of the file, which need not exist
    /// yet. The position is kept in `folder`.
    pub fn open(path: PathBuf, folder: &Path) -> Tail {
        let memory = folder.join("log.tail");
        let text = fs::read_to_string(&memory).unwrap_or_default();
        let settled = text.parse().unwrap_or(0);
        Tail {
            path,
            memory,
            offset: settled,
            line_end: settled,
            settled,
            splitter: Splitter::default(),
            open: None,
        }
    }

    /// Takes what has come since, at most [`CHUNK`] bytes. A message that was last in the file is
    /// handed over once nothing more came. The second value says whether there was anything new.
    pub fn poll(&mut self) -> io::Result<(Vec<Line>, bool)> {
        let bytes = read_from(&self.path, self.offset)?;
        let mut done = Vec::new();
        if bytes.is_empty() {
            done.extend(self.close());
            return Ok((done, false));
        }
        let start = self.offset;
        self.offset += bytes.len() as u64;
        let Tail {
            splitter,
            open,
            line_end,
            settled,
            ..
        } = self;
        splitter.push(&bytes, |line, taken| {
            if take(line, open, &mut done) {
                *settled = *line_end;
            }
            *line_end = start + taken as u64;
        });
        Ok((done, true))
    }

    /// The rest, after the writer has gone.
    pub fn finish(&mut self) -> Vec<Line> {
        let mut done = Vec::new();
        let Tail { splitter, open, .. } = self;
        splitter.finish(|line| {
            take(line, open, &mut done);
        });
        done.extend(self.close());
        done
    }

    /// Notes for the next agent that everything handed over so far is in safe hands.
    pub fn remember(&self) -> io::Result<()> {
        fs::write(&self.memory, self.settled.to_string())
    }

    fn close(&mut self) -> Option<Line> {
        let message = self.open.take()?;
        self.settled = self.line_end;
        Some(message.finish())
    }
}

/// Only a plain file is read: a job may put anything there, and opening a pipe would wait for ever.
fn read_from(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(CHUNK as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Adds one line of the file to the open message, or begins the next; says whether it began one.
fn take(line: &str, open: &mut Option<Message>, done: &mut Vec<Line>) -> bool {
    if let Some(message) = parse(line) {
        done.extend(open.replace(message).map(Message::finish));
        return true;
    }
    match open {
        Some(message) if message.text.len() + line.len() > MAX_JOINED => false,
        Some(message) => {
            message.text.push('\n');
            message.text.push_str(line);
            false
        }
        None => {
            let text = line.to_owned();
            *open = Some(Message {
                time: Timestamp::now(),
                level: Level::Information,
                text,
            });
            true
        }
    }
}

/// A line that begins a message.
fn parse(line: &str) -> Option<Message> {
    let (time, rest) = line.strip_prefix('[')?.split_once("][")?;
    let (level, text) = rest.split_once(']')?;
    let (seconds, millis) = time.split_once(',')?;
    let time = DateTime::strptime("%Y-%m-%d %H:%M:%S", seconds).ok()?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let millis = jiff::SignedDuration::from_millis(millis.parse::<u16>().ok()?.into());
    let level = match level {
        "DEBUG" => Level::Debug,
        "INFO" => Level::Information,
        "WARNING" => Level::Warning,
        "ERROR" => Level::Error,
        "CRITICAL" => Level::Critical,
        _ => return None,
    };
    let text = text.strip_prefix(' ').unwrap_or(text).to_owned();
    Some(Message {
        time: time.checked_add(millis).ok()?,
        level,
        text,
    })
}

impl Message {
    fn finish(self) -> Line {
        Line::user(self.time, self.level, &self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    struct Log {
        folder: tempfile::TempDir,
        path: PathBuf,
        tail: Tail,
    }

    impl Log {
        fn new() -> Log {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("execution.log");
            Log {
                tail: Tail::open(path.clone(), folder.path()),
                folder,
                path,
            }
        }

        fn write(&mut self, text: &str) {
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn poll(&mut self) -> Vec<String> {
            self.tail
                .poll()
                .unwrap()
                .0
                .into_iter()
                .map(|line| line.message)
                .collect()
        }
    }

    #[test]
    fn messages_come_when_the_next_one_begins_or_nothing_does() {
        let mut log = Log::new();
        assert!(log.poll().is_empty(), "the file is not there yet");
        log.write(
            "[2026-11-20 15:44:31,756][INFO] one\n[2026-11-20 15:44:31,757][ERROR] two\nTrace",
        );
        assert_eq!(log.poll(), ["one"]);
        log.write("back:\n  line 1\n");
        assert!(log.poll().is_empty(), "it may go on");
        assert_eq!(log.poll(), ["two\nTraceback:\n  line 1"]);
        assert!(log.poll().is_empty());
    }

    #[test]
    fn times_and_levels_are_read() {
        let mut log = Log::new();
        for level in ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] {
            log.write(&format!("[2026-11-20 15:44:31,756][{level}] x\n"));
        }
        let mut lines = log.tail.poll().unwrap().0;
        lines.extend(log.tail.finish());
        let levels: Vec<Level> = lines.iter().map(|line| line.level).collect();
        let (warning, error) = (Level::Warning, Level::Error);
        assert_eq!(
            levels,
            [
                Level::Debug,
                Level::Information,
                warning,
                error,
                Level::Critical
            ]
        );
        assert_eq!(lines[0].time, "2026-11-20T15:44:31.756Z".parse().unwrap());
    }

    #[test]
    fn text_that_only_looks_like_a_prefix_is_text() {
        let mut log = Log::new();
        log.write("[1][2] before any message\n[2026-11-20 15:44:31,756][LOUD] still\n");
        log.write(
            "[2026-11-20 15:44:31,756][INFO] [x][INFO] kept\n[2026-13-99 00:00:00,0][INFO] no\n",
        );
        let mut lines = log.poll();
        lines.extend(log.tail.finish().into_iter().map(|line| line.message));
        assert_eq!(
            lines,
            [
                "[1][2] before any message\n[2026-11-20 15:44:31,756][LOUD] still",
                "[x][INFO] kept\n[2026-13-99 00:00:00,0][INFO] no"
            ]
        );
    }

    #[test]
    fn a_last_line_without_an_end_is_not_lost() {
        let mut log = Log::new();
        log.write("[2026-11-20 15:44:31,756][INFO] last");
        assert!(log.poll().is_empty());
        let rest: Vec<String> = log
            .tail
            .finish()
            .into_iter()
            .map(|line| line.message)
            .collect();
        assert_eq!(rest, ["last"]);
    }

    #[test]
    fn another_agent_goes_on_with_the_message_that_was_not_handed_over() {
        let mut log = Log::new();
        log.write("[2026-11-20 15:44:31,756][INFO] one\n[2026-11-20 15:44:31,756][INFO] two\n m");
        assert_eq!(log.poll(), ["one"]);
        log.tail.remember().unwrap();
        log.write("ore\n[2026-11-20 15:44:31,756][INFO] three\n");
        log.tail = Tail::open(log.path.clone(), log.folder.path());
        assert_eq!(log.poll(), ["two\n more"]);
        assert_eq!(log.poll(), ["three"], "nothing follows it");
        log.tail.remember().unwrap();
        log.tail = Tail::open(log.path.clone(), log.folder.path());
        assert!(log.poll().is_empty() && log.tail.finish().is_empty());
    }

    #[test]
    fn an_endless_message_is_bounded() {
        let mut log = Log::new();
        log.write("[2026-11-20 15:44:31,756][INFO] begin\n");
        log.write(&format!("{}\n", "x".repeat(1000)).repeat(1000));
        while log.tail.poll().unwrap().1 {}
        let open = log
            .tail
            .open
            .as_ref()
            .map_or(0, |message| message.text.len());
        assert!(open <= MAX_JOINED);
    }

    #[test]
    fn only_plain_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("execution.log");
        std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
        let (lines, more) = Tail::open(link, folder.path()).poll().unwrap();
        assert!(lines.is_empty() && !more);
    }
}
