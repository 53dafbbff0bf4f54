//! HTTP by a client that costs next to nothing: requests of ready-made bytes, answers of which the
//! status and the length are read, in a buffer that is used again.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// Largest head of an answer.
const HEAD: usize = 16 * 1024;
/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// A kept-alive connection.
pub struct Lean {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What the server said.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'b> {
    /// `200` …
    pub status: u16,
    /// Bytes of the body.
    pub length: usize,
    /// The body, unless it is larger than the buffer.
    pub body: Option<&'b [u8]>,
}

impl<'b> Answer<'b> {
    /// The answer, if it has this status.
    pub fn expect(self, status: u16) -> Result<Self, Failure> {
        if self.status == status {
            return Ok(self);
        }
        let said = String::from_utf8_lossy(self.body.unwrap_or_default());
        Err(format!(
            "{status} was expected, the answer was {}: {said}",
            self.status
        )
        .into())
    }

    /// The body of an answer that fits into the buffer.
    pub fn whole(&self) -> Result<&'b [u8], Failure> {
        Ok(self.body.ok_or("An answer is larger than expected.")?)
    }
}

impl Lean {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; CHUNK],
        })
    }

    /// Sends a request and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        let head = loop {
            filled += self.read(filled).await?;
            if let Some(head) = head(&self.buffer[..filled])? {
                break head;
            }
            if filled > HEAD {
                return Err("The head of an answer does not end.".into());
            }
        };
        let whole = head.end + head.length;
        let fits = whole <= self.buffer.len();
        while filled < whole {
            filled += self.read(if fits { filled } else { 0 }).await?;
        }
        if filled > whole {
            return Err("An answer is longer than it says.".into());
        }
        Ok(Answer {
            status: head.status,
            length: head.length,
            body: fits.then(|| &self.buffer[head.end..whole]),
        })
    }

    async fn read(&mut self, from: usize) -> Result<usize, Failure> {
        match self.stream.read(&mut self.buffer[from..]).await? {
            0 => Err("The server closed a connection.".into()),
            read => Ok(read),
        }
    }
}

/// What stands before the body.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    end: usize,
    length: usize,
}

/// The head of an answer; `None` before its end.
fn head(bytes: &[u8]) -> Result<Option<Head>, Failure> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|t| t.get(..3));
    let status = status.and_then(|s| s.parse().ok());
    let status = status.ok_or("An answer is no HTTP/1.1.")?;
    let length = match status {
        204 => 0,
        _ => length(text).ok_or("An answer does not say how long it is.")?,
    };
    Ok(Some(Head {
        status,
        end: end + 4,
        length,
    }))
}

fn length(head: &str) -> Option<usize> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_it_ends_and_how_much_follows() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\n\r\n{";
        let (status, end, length) = (201, answer.len() - 1, 12);
        let expected = Head {
            status,
            end,
            length,
        };
        assert_eq!(head(answer).unwrap(), Some(expected));
        assert_eq!(head(&answer[..30]).unwrap(), None);
    }

    #[test]
    fn only_an_empty_answer_needs_no_length() {
        let empty = head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(empty.map(|h| h.length), Some(0));
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"HTTP/2 200\r\ncontent-length: 1\r\n\r\n").is_err());
    }

    #[test]
    fn other_answers_are_failures() {
        let answer = Answer {
            status: 503,
            length: 4,
            body: Some(b"busy"),
        };
        let failure = answer.expect(200).unwrap_err().to_string();
        assert!(failure.contains("503: busy"), "{failure}");
    }
}
