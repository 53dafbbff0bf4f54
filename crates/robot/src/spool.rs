//! The file between a job that writes lines and a server that may be slow or away.
//!
//! Lines are appended at one end and sent from the other; when everything is sent the file is
//! emptied. What waits is bounded: past the limit lines are counted instead of kept, and one line
//! says how many are missing. The file and the position in it survive the agent, so the next one
//! sends what is left. It is not fsynced: lines are worth a crash of the agent, not one of the
//! machine.

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::logs::Level;
use crate::logs::Line;

/// The most lines one request carries.
const BATCH_LINES: usize = 200;
/// Bytes read for one batch.
const BATCH_BYTES: u64 = 512 * 1024;

/// A job's unsent lines. The methods do small file operations in place: they touch the page cache,
/// and a thread per line would cost more than it spares.
pub(crate) struct Spool {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    file: File,
    position: PathBuf,
    limit: u64,
    /// Bytes in the file.
    written: u64,
    /// How many of them the server has.
    sent: u64,
    /// Lines that found no room since room was last there.
    dropped: u64,
    closed: bool,
}

/// Lines to be sent, and where the file is when they have been.
pub(crate) struct Batch {
    pub lines: Vec<BatchLine>,
}

/// A line and the position behind it.
pub(crate) struct BatchLine {
    pub line: Line,
    pub end: u64,
}

impl Spool {
    /// Opens the spool in a job's work folder, with whatever an earlier agent left in it.
    pub fn open(folder: &Path, limit: u64) -> io::Result<Spool> {
        let path = folder.join("log.spool");
        let position = folder.join("log.position");
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let written = terminated(&file)?;
        let sent = fs::read_to_string(&position)
            .ok()
            .and_then(|text| text.parse().ok());
        // A position beyond the end is that of a file emptied since.
        let sent = sent.filter(|sent| *sent <= written).unwrap_or(0);
        let state = State {
            file,
            position,
            limit,
            written,
            sent,
            dropped: 0,
            closed: false,
        };
        Ok(Spool {
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// Adds lines. Never fails for the job's sake: what cannot be kept is counted.
    pub fn append(&self, lines: &[Line]) {
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        for line in lines {
            if state.dropped > 0 && state.written < state.limit {
                state.confess();
            }
            if state.written >= state.limit || state.write(line).is_err() {
                state.dropped += 1;
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Says that no line will follow.
    pub fn close(&self) {
        let mut state = self.state.lock();
        if !state.closed && state.dropped > 0 {
            state.confess();
        }
        state.closed = true;
        drop(state);
        self.changed.notify_one();
    }

    /// Whether [`Spool::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Waits until something was added or the spool was closed since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The oldest unsent lines, at most [`BATCH_LINES`].
    pub fn batch(&self) -> io::Result<Batch> {
        let mut state = self.state.lock();
        let mut end = state.sent;
        let mut lines = Vec::new();
        state.file.seek(SeekFrom::Start(end))?;
        let mut reader = BufReader::new(Read::by_ref(&mut state.file).take(BATCH_BYTES));
        let mut raw = Vec::new();
        while lines.len() < BATCH_LINES {
            raw.clear();
            let size = reader.read_until(b'\n', &mut raw)?;
            if raw.last() != Some(&b'\n') {
                break;
            }
            end += size as u64;
            match serde_json::from_slice(&raw) {
                Ok(line) => lines.push(BatchLine { line, end }),
                // The torn end of a file whose machine crashed.
                Err(error) => tracing::debug!(%error, "unreadable line in the spool skipped"),
            }
        }
        drop(reader);
        if lines.is_empty() {
            state.empty()?;
        }
        Ok(Batch { lines })
    }

    /// Notes that the server has everything before `end`.
    pub fn sent(&self, end: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.sent = end;
        if end >= state.written {
            return state.empty();
        }
        fs::write(&state.position, end.to_string())
    }
}

/// The length of a file, after its last line was ended: a crash may have torn it, and a torn line
/// would swallow the one that follows.
fn terminated(mut file: &File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    if last == [b'\n'] {
        return Ok(length);
    }
    file.write_all(b"\n")?;
    Ok(length + 1)
}

impl State {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.seek(SeekFrom::Start(self.written))?;
        let result = self.file.write_all(&text);
        if result.is_err() {
            self.file.set_len(self.written)?;
        } else {
            self.written += text.len() as u64;
        }
        result
    }

    /// Puts the number of missing lines where they are missing.
    fn confess(&mut self) {
        let count = self.dropped;
        let text = format!(
            "{count} log lines were dropped here: the job writes faster than they can be sent."
        );
        if self.write(&Line::robot(Level::Warning, &text)).is_ok() {
            self.dropped = 0;
        }
    }

    /// Everything is sent: begin again at the start of the file.
    fn empty(&mut self) -> io::Result<()> {
        if self.written == 0 {
            return Ok(());
        }
        self.file.set_len(0)?;
        self.written = 0;
        self.sent = 0;
        fs::write(&self.position, "0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Author;

    fn line(text: &str) -> Line {
        Line::user(jiff::Timestamp::UNIX_EPOCH, Level::Information, text)
    }

    fn texts(spool: &Spool) -> Vec<String> {
        spool
            .batch()
            .unwrap()
            .lines
            .into_iter()
            .map(|item| item.line.message)
            .collect()
    }

    /// Takes everything out, batch by batch.
    fn drain(spool: &Spool) -> Vec<Line> {
        let mut all = Vec::new();
        loop {
            let batch = spool.batch().unwrap();
            let Some(last) = batch.lines.last() else {
                return all;
            };
            spool.sent(last.end).unwrap();
            all.extend(batch.lines.into_iter().map(|item| item.line));
        }
    }

    #[test]
    fn lines_come_out_in_order_and_stay_until_they_are_sent() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("a"), line("b\nb"), line("c")]);
        assert_eq!(texts(&spool), ["a", "b\nb", "c"]);
        assert_eq!(
            texts(&spool),
            ["a", "b\nb", "c"],
            "not sent, so still there"
        );
        let batch = spool.batch().unwrap();
        spool.sent(batch.lines[0].end).unwrap();
        assert_eq!(texts(&spool), ["b\nb", "c"]);
        assert_eq!(drain(&spool).len(), 2);
        assert_eq!(
            fs::metadata(folder.path().join("log.spool")).unwrap().len(),
            0
        );
    }

    #[test]
    fn another_agent_goes_on_where_the_first_one_was() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("a"), line("b"), line("c")]);
        let batch = spool.batch().unwrap();
        spool.sent(batch.lines[0].end).unwrap();
        let fingerprint = batch.lines[1].line.fingerprint;
        drop(spool);

        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("d")]);
        assert_eq!(texts(&spool), ["b", "c", "d"]);
        assert_eq!(
            spool.batch().unwrap().lines[0].line.fingerprint,
            fingerprint
        );
    }

    #[test]
    fn a_torn_line_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("a")]);
        let file = folder.path().join("log.spool");
        let mut torn = fs::read(&file).unwrap();
        torn.extend_from_slice(b"{\"time\":");
        fs::write(&file, torn).unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("b")]);
        assert_eq!(texts(&spool), ["a", "b"]);
    }

    #[test]
    fn a_position_of_a_file_that_was_emptied_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log.position"), "1000000").unwrap();
        let spool = Spool::open(folder.path(), 1 << 20).unwrap();
        spool.append(&[line("a")]);
        assert_eq!(texts(&spool), ["a"]);
    }

    #[test]
    fn past_the_limit_lines_are_counted_and_the_gap_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 10_000).unwrap();
        let lines: Vec<Line> = (0..1000).map(|number| line(&number.to_string())).collect();
        spool.append(&lines);
        let size = fs::metadata(folder.path().join("log.spool")).unwrap().len();
        assert!(size < 11_000, "{size}");

        let kept = drain(&spool);
        assert!(kept.len() > 10 && kept.len() < 1000, "{}", kept.len());
        assert!(
            kept.iter().zip(&lines).all(|(a, b)| a.message == b.message),
            "the first ones"
        );

        spool.append(&[line("later")]);
        let rest = drain(&spool);
        let missing = format!("{} log lines were dropped", 1000 - kept.len());
        assert!(rest[0].message.starts_with(&missing), "{}", rest[0].message);
        assert_eq!(
            (rest[0].level, rest[0].author),
            (Level::Warning, Author::Default)
        );
        assert_eq!(rest[1].message, "later");
        assert_eq!(rest.len(), 2, "it is told once");
    }

    #[test]
    fn a_gap_at_the_end_is_told_when_the_spool_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1000).unwrap();
        let lines: Vec<Line> = (0..100).map(|number| line(&number.to_string())).collect();
        spool.append(&lines);
        spool.close();
        spool.append(&[line("too late")]);
        let last = drain(&spool).pop().unwrap();
        assert!(last.message.contains("dropped"), "{}", last.message);
    }

    #[test]
    fn a_batch_is_limited() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), 1 << 24).unwrap();
        spool.append(&vec![line("x"); BATCH_LINES + 1]);
        assert_eq!(texts(&spool).len(), BATCH_LINES);
        drain(&spool);
        spool.append(&vec![line(&"x".repeat(10_000)); BATCH_LINES]);
        assert!(texts(&spool).len() < 60, "about half a megabyte");
    }
}
