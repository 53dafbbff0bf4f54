//! A file on its way in: writable, readable again for checks, and gone unless it is kept.

use std::fs::File;
use std::io::{self, Write};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// A temporary file of the store. Dropping it deletes it.
#[derive(Debug)]
pub struct Incoming {
    pub(crate) file: NamedTempFile,
    written: u64,
}

impl Incoming {
    pub(crate) fn new(file: NamedTempFile) -> Self {
        Self { file, written: 0 }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Opens what has been written so far for reading, from the start.
    ///
    /// # Errors
    /// [`Error::Io`] if the file system refuses.
    pub fn reader(&self) -> Result<File> {
        self.file
            .reopen()
            .map_err(Error::io("read", self.file.path()))
    }
}

/// Unbuffered: the pieces of an upload are large enough.
impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
