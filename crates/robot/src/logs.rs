//! Log lines of a job: what one is, how text becomes lines, and how a line travels.
//!
//! Nothing here trusts a program to write lines of reasonable length: input is cut while it is read,
//! so memory stays bounded whatever a job prints.

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use uuid::Uuid;

use crate::protocol::Command;

/// The longest message a robot sends, in characters.
const MAX_MESSAGE: usize = 10_000;
/// Bytes of one raw line that are kept; enough for any [`MAX_MESSAGE`] characters of UTF-8.
const MAX_RAW: usize = 4 * MAX_MESSAGE;

/// Severity, in the words of the robot log API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Level {
    /// For whoever writes the automation.
    Debug,
    Information,
    Warning,
    Error,
    Critical,
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Author {
    /// The automation.
    User,
    /// The robot.
    Default,
}

/// One line, as it is kept until the server has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub time: Timestamp,
    pub level: Level,
    pub author: Author,
    pub message: String,
    /// Lets the server recognise a line that was sent twice.
    pub fingerprint: Uuid,
}

impl Line {
    /// A line of the automation.
    pub fn user(time: Timestamp, level: Level, message: &str) -> Line {
        Line::new(time, level, Author::User, message)
    }

    /// A line of the robot itself, now.
    pub fn robot(level: Level, message: &str) -> Line {
        Line::new(Timestamp::now(), level, Author::Default, message)
    }

    fn new(time: Timestamp, level: Level, author: Author, message: &str) -> Line {
        let message = message.chars().take(MAX_MESSAGE).collect();
        Line {
            time,
            level,
            author,
            message,
            fingerprint: Uuid::new_v4(),
        }
    }
}

/// What all lines of one job have in common on the wire.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Origin {
    windows_identity: Option<String>,
    machine_name: String,
    process_name: Option<String>,
    process_version: Option<String>,
    job_id: Uuid,
    robot_name: Option<String>,
    machine_id: Option<i64>,
    organization_unit_id: Option<i64>,
    file_name: Option<String>,
}

impl Origin {
    /// The origin of a job's lines; `host` is the name this machine goes by.
    pub fn of(command: &Command, host: &str) -> Origin {
        let data = &command.data;
        Origin {
            windows_identity: command.username.clone(),
            machine_name: host.to_owned(),
            process_name: data.process_name.clone(),
            process_version: data.package_version.clone(),
            job_id: data.job_key,
            robot_name: command.robot_name.clone(),
            machine_id: command.machine_id,
            organization_unit_id: data.folder_id,
            file_name: data.entry_point_path.clone(),
        }
    }

    /// A line as the JSON object the robot log API takes.
    pub fn encode(&self, line: &Line) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire<'a> {
            message: &'a str,
            level: Level,
            log_type: Author,
            time_stamp: String,
            fingerprint: Uuid,
            #[serde(flatten)]
            origin: &'a Origin,
        }
        let wire = Wire {
            message: &line.message,
            level: line.level,
            log_type: line.author,
            // Seven digits: the resolution of .NET, whose format this is.
            time_stamp: line
                .time
                .strftime("%Y-%m-%dT%H:%M:%S.%7f+00:00")
                .to_string(),
            fingerprint: line.fingerprint,
            origin: self,
        };
        serde_json::to_string(&wire).expect("strings and numbers are JSON")
    }
}

/// Cuts a stream of bytes into lines. Of a line longer than [`MAX_RAW`] the rest is dropped.
#[derive(Default)]
pub(crate) struct Splitter {
    partial: Vec<u8>,
}

impl Splitter {
    /// Takes the next bytes and hands over the lines they complete, without their line ends, each
    /// with the number of these bytes that end with it.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str, usize)) {
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let last = pieces.next_back().unwrap_or_default();
        let mut taken = 0;
        for piece in pieces {
            taken += piece.len() + 1;
            self.keep(piece);
            self.hand_over(|line| each(line, taken));
        }
        self.keep(last);
    }

    /// Hands over a last line that has no line end.
    pub fn finish(&mut self, each: impl FnOnce(&str)) {
        if !self.partial.is_empty() {
            self.hand_over(each);
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = MAX_RAW.saturating_sub(self.partial.len());
        self.partial
            .extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn hand_over(&mut self, each: impl FnOnce(&str)) {
        let line = String::from_utf8_lossy(&self.partial);
        each(line.trim_end_matches('\r'));
        self.partial.clear();
    }
}

/// The level and text of a line on a program's output: `::debug::`, `::warning::` and `::error::`
/// in front set the level, otherwise it is `usual`.
pub(crate) fn prefixed(line: &str, usual: Level) -> (Level, &str) {
    let prefixes = [
        ("::debug::", Level::Debug),
        ("::warning::", Level::Warning),
        ("::error::", Level::Error),
    ];
    for (prefix, level) in prefixes {
        if let Some(text) = line.strip_prefix(prefix) {
            return (level, text.trim_start());
        }
    }
    (usual, line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::command;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |line, _| lines.push(line.to_owned()));
        }
        splitter.finish(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_put_together_across_reads() {
        assert_eq!(lines(&[b"a\nb", b"c\r\n\nd"]), ["a", "bc", "", "d"]);
        assert_eq!(lines(&[b"a\n"]), ["a"]);
        assert_eq!(lines(&[b"\xc3", b"\xa9\n\xff\n"]), ["é", "\u{fffd}"]);
    }

    #[test]
    fn an_endless_line_is_cut_and_its_rest_forgotten() {
        let long = vec![b'x'; MAX_RAW];
        let found = lines(&[&long, &long, b"tail\nnext\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].len(), MAX_RAW);
        assert_eq!(found[1], "next");
    }

    #[test]
    fn prefixes_set_the_level() {
        assert_eq!(
            prefixed("::warning:: low disk", Level::Information),
            (Level::Warning, "low disk")
        );
        assert_eq!(
            prefixed("::error::x", Level::Information),
            (Level::Error, "x")
        );
        assert_eq!(prefixed("::debug::x", Level::Error), (Level::Debug, "x"));
        assert_eq!(
            prefixed("x ::error::", Level::Information).0,
            Level::Information
        );
    }

    #[test]
    fn a_line_travels_as_the_robot_log_api_wants_it() {
        let time: Timestamp = "2026-11-20T15:44:31.7563Z".parse().unwrap();
        let mut line = Line::user(time, Level::Information, &"é".repeat(MAX_MESSAGE + 1));
        assert_eq!(line.message.chars().count(), MAX_MESSAGE);
        line.message = "hello".to_owned();
        let text = Origin::of(&command(1), "host").encode(&line);
        let wire: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(wire["timeStamp"], "2026-11-20T15:44:31.7563000+00:00");
        assert_eq!(wire["level"], "Information");
        assert_eq!(wire["logType"], "User");
        assert_eq!(wire["jobId"], command(1).data.job_key.to_string());
        assert_eq!(wire["machineName"], "host");
        assert_eq!(wire["message"], "hello");
    }
}
