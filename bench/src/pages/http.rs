//! Pages over HTTP, by a client that costs next to nothing: a request of ready-made bytes, an
//! answer of which the status and the length are looked at, in buffers that are used again.

use std::net::SocketAddr;

use testkit::Scene;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::load;
use crate::Failure;
use crate::connection;

/// Largest head of an answer.
const HEAD: usize = 16 * 1024;
/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// One page on one server.
#[derive(Clone)]
pub struct Http {
    address: SocketAddr,
    request: Vec<u8>,
}

impl Http {
    /// The page of jobs that the application of the scene asks for in the folder `Shared`.
    pub fn page(scene: &Scene, path: &str) -> Result<Self, Failure> {
        let (token, folder) = (scene.app.token(), scene.folder);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             x-uipath-organizationunitid: {folder}\r\n\r\n"
        );
        Ok(Self {
            address: connection::address(&scene.server.url)?,
            request: request.into_bytes(),
        })
    }
}

impl load::Source for Http {
    type Caller = Caller;

    async fn open(&self) -> Result<Caller, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        Ok(Caller {
            stream,
            request: self.request.clone(),
            buffer: vec![0; CHUNK],
        })
    }
}

/// A connection that asks for its page.
pub struct Caller {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl load::Caller for Caller {
    async fn page(&mut self) -> Result<usize, Failure> {
        self.stream.write_all(&self.request).await?;
        let mut filled = 0;
        let (head, length) = loop {
            filled += self.read(filled).await?;
            if let Some(found) = head(&self.buffer[..filled])? {
                break found;
            }
            if filled > HEAD {
                return Err("The head of an answer does not end.".into());
            }
        };
        let mut missing = (head + length)
            .checked_sub(filled)
            .ok_or("An answer is longer than it says.")?;
        while missing > 0 {
            missing = missing
                .checked_sub(self.read(0).await?)
                .ok_or("An answer is longer than it says.")?;
        }
        Ok(length)
    }
}

impl Caller {
    async fn read(&mut self, from: usize) -> Result<usize, Failure> {
        match self.stream.read(&mut self.buffer[from..]).await? {
            0 => Err("The server closed a connection.".into()),
            read => Ok(read),
        }
    }
}

/// Where the head of a successful answer ends, and how long its body is; `None` before its end.
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    if !text.starts_with("HTTP/1.1 200 ") {
        let status = text.lines().next().unwrap_or_default();
        return Err(format!("A page was answered with {status}.").into());
    }
    let length = text.lines().filter_map(|line| line.split_once(':'));
    let length = length
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .find_map(|(_, value)| value.trim().parse().ok())
        .ok_or("An answer does not say how long it is.")?;
    Ok(Some((end + 4, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_where_it_ends_and_how_much_follows() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{";
        assert_eq!(head(answer).unwrap(), Some((answer.len() - 1, 12)));
        assert_eq!(head(&answer[..30]).unwrap(), None);
    }

    #[test]
    fn other_answers_are_failures() {
        let refused = head(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
        assert!(refused.unwrap_err().to_string().contains("503"));
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
