//! Following what a running program writes, and turning it into log lines.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;
use tokio::process::ChildStdout;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::logs::Level;
use crate::logs::Line;
use crate::logs::Splitter;
use crate::logs::prefixed;
use crate::spool::Spool;
use crate::tail::Tail;

/// Lines of standard error that end up in a fault's `Info`.
const LAST_LINES: usize = 20;
/// Characters kept of each of them.
const LAST_LINE_LENGTH: usize = 500;
/// How often a log file is looked at.
const TAIL_PAUSE: Duration = Duration::from_millis(200);
/// How long the streams of an ended program are read. They end with it, unless something that
/// escaped holds them open.
const DRAIN: Duration = Duration::from_secs(5);

/// Where a runtime's log lines come from.
pub(crate) enum Source {
    /// Standard output and error are the log.
    Streams,
    /// This is; what goes to the streams is chatter.
    File(Tail),
}

/// The readers of one program.
pub(crate) struct Capture {
    readers: JoinSet<()>,
    ended: CancellationToken,
    last: Arc<Mutex<VecDeque<String>>>,
}

impl Capture {
    /// Starts reading. The streams are always read, or the program would stand still once they are
    /// full.
    pub fn start(
        (stdout, stderr): (Option<ChildStdout>, Option<ChildStderr>),
        source: Source,
        spool: &Arc<Spool>,
    ) -> Capture {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let ended = CancellationToken::new();
        let mut readers = JoinSet::new();
        let log = matches!(source, Source::Streams).then(|| Arc::clone(spool));
        if let Some(stdout) = stdout {
            readers.spawn(follow_stream(stdout, Level::Information, log.clone(), None));
        }
        if let Some(stderr) = stderr {
            readers.spawn(follow_stream(
                stderr,
                Level::Error,
                log,
                Some(Arc::clone(&last)),
            ));
        }
        if let Source::File(tail) = source {
            readers.spawn(follow_file(tail, Arc::clone(spool), ended.clone()));
        }
        Capture {
            readers,
            ended,
            last,
        }
    }

    /// Reads what is left after the program's end. Returns the last lines of its standard error.
    pub async fn finish(mut self) -> String {
        self.ended.cancel();
        let drained = async { while self.readers.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("something outlived a job and holds its output open");
        }
        let last = self.last.lock();
        last.iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// Reads a stream to its end. There is no queue between stream and spool, so a flood cannot pile up
/// in memory: the program waits on the pipe while a chunk is written.
async fn follow_stream(
    mut stream: impl AsyncRead + Unpin,
    level: Level,
    log: Option<Arc<Spool>>,
    last: Option<Arc<Mutex<VecDeque<String>>>>,
) {
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = Vec::new();
    loop {
        // An error on a pipe is its end.
        let size = stream.read(&mut buffer).await.unwrap_or(0);
        let mut each = |text: &str| {
            if let Some(last) = &last {
                remember(&mut last.lock(), text);
            }
            if log.is_some() {
                let (level, text) = prefixed(text, level);
                lines.push(Line::user(Timestamp::now(), level, text));
            }
        };
        if size == 0 {
            splitter.finish(&mut each);
        } else {
            splitter.push(&buffer[..size], |text, _| each(text));
        }
        if let Some(log) = &log {
            log.append(&lines);
        }
        lines.clear();
        if size == 0 {
            return;
        }
    }
}

fn remember(last: &mut VecDeque<String>, line: &str) {
    if line.trim().is_empty() {
        return;
    }
    if last.len() == LAST_LINES {
        last.pop_front();
    }
    last.push_back(line.chars().take(LAST_LINE_LENGTH).collect());
}

/// Puts lines into the spool, and then says so: a crash in between costs a repetition, not a line.
fn keep(spool: &Spool, tail: &Tail, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    spool.append(lines);
    if let Err(error) = tail.remember() {
        tracing::debug!(%error, "position in the log file not kept");
    }
}

/// Reads what an ended program has written to its log file since the last agent looked.
pub(crate) async fn read_rest(tail: Tail, spool: &Arc<Spool>) {
    let ended = CancellationToken::new();
    ended.cancel();
    follow_file(tail, Arc::clone(spool), ended).await;
}

async fn follow_file(mut tail: Tail, spool: Arc<Spool>, ended: CancellationToken) {
    loop {
        let over = ended.is_cancelled();
        let more = match tail.poll() {
            Ok((lines, more)) => {
                keep(&spool, &tail, &lines);
                more
            }
            Err(error) => {
                tracing::debug!(%error, "log file not read");
                false
            }
        };
        if more {
            tokio::task::yield_now().await;
            continue;
        }
        if over {
            spool.append(&tail.finish());
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(TAIL_PAUSE) => {}
            () = ended.cancelled() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spool(limit: u64) -> (tempfile::TempDir, Arc<Spool>) {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path(), limit).unwrap();
        (folder, Arc::new(spool))
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

    #[tokio::test]
    async fn a_flood_fills_the_spool_and_nothing_else() {
        let (folder, spool) = spool(10_000);
        let flood = "line\n".repeat(100_000);
        follow_stream(
            flood.as_bytes(),
            Level::Information,
            Some(Arc::clone(&spool)),
            None,
        )
        .await;
        spool.close();
        let size = std::fs::metadata(folder.path().join("log.spool"))
            .unwrap()
            .len();
        assert!(size < 11_000, "{size}");
        let texts = texts(&spool);
        let kept = texts.iter().filter(|text| *text == "line").count();
        let missing = format!("{} log lines were dropped", 100_000 - kept);
        assert!(texts.last().unwrap().starts_with(&missing), "{texts:?}");
    }

    #[tokio::test]
    async fn the_last_lines_of_errors_are_kept_for_the_fault() {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let text: String = (1..=30)
            .map(|number| format!("line {number}\n\n"))
            .collect();
        follow_stream(text.as_bytes(), Level::Error, None, Some(Arc::clone(&last))).await;
        let last = last.lock();
        assert_eq!(last.len(), LAST_LINES);
        assert_eq!(
            (last[0].as_str(), last[19].as_str()),
            ("line 11", "line 30")
        );
    }

    #[tokio::test]
    async fn a_log_file_is_read_to_its_end_after_the_program() {
        let (folder, spool) = spool(1 << 20);
        let path = folder.path().join("execution.log");
        let tail = Tail::open(path.clone(), folder.path());
        let capture = Capture::start((None, None), Source::File(tail), &spool);
        tokio::time::sleep(Duration::from_millis(50)).await;
        std::fs::write(&path, "[2026-11-20 15:44:31,756][INFO] a\nb\n").unwrap();
        assert_eq!(capture.finish().await, "");
        assert_eq!(texts(&spool), ["a\nb"]);
    }
}
