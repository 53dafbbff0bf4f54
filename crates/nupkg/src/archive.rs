//! The zip file itself: opened within bounds, checked entry by entry, then read by name.
//!
//! The declared sizes bound all work: their sum is compared with the limits before anything is
//! inflated, and inflating stops at the first byte beyond a declared size. So a bomb costs no
//! more than the package it claims to be.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::Crc;
use zip::read::{ZipArchiveMetadata, ZipFileEntry};
use zip::result::ZipError;
use zip::{ZipArchive, ZipReadOptions};

use crate::error::{Error, Result};
use crate::names::{self, Index};

/// How large a package may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Number of entries.
    pub entries: usize,
    /// Bytes of all entries together, inflated.
    pub uncompressed: u64,
    /// Bytes of one file that describes the package.
    pub metadata: u64,
    /// Inflated bytes per byte of the package, above 64 MiB inflated. Deflate reaches 1032;
    /// programs and their data stay far below 100.
    pub ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries: 20_000,
            uncompressed: 2 << 30,
            metadata: 4 << 20,
            ratio: 200,
        }
    }
}

/// Small packages may compress as well as they like.
const RATIO_FROM: u64 = 64 << 20;
/// What an entry may take in the directory on average: the format would allow 192 KiB, and the
/// directory is held in memory.
const DIRECTORY_ENTRY: u64 = 1024;
/// For finding the directory, by its end record in the last 64 KiB.
const DIRECTORY_EXTRA: u64 = 1 << 20;
/// How much is inflated at once.
const BLOCK: u64 = 64 << 10;

/// A zip file all of whose entries have been checked.
pub(crate) struct Archive<R> {
    reader: R,
    directory: Arc<ZipArchiveMetadata>,
    index: Index,
    uncompressed: u64,
    metadata_limit: u64,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, checks all names and sizes, and inflates every entry once.
    pub fn open(mut reader: R, limits: &Limits) -> Result<Self> {
        let length = reader.seek(SeekFrom::End(0)).map_err(|e| io_error(&e))?;
        let directory = read_directory(&mut reader, limits)?;
        let (index, uncompressed) = check_directory(&directory, limits)?;
        if uncompressed > RATIO_FROM && uncompressed / length.max(1) > limits.ratio {
            return Err(too_large(
                "the inflated size per compressed byte",
                limits.ratio,
            ));
        }
        let metadata_limit = limits.metadata;
        let mut archive = Self {
            reader,
            directory,
            index,
            uncompressed,
            metadata_limit,
        };
        for position in 0..archive.directory.len() {
            archive.inflate(position, |_| ())?;
        }
        Ok(archive)
    }

    /// Number of files, folders not counted.
    pub fn files(&self) -> usize {
        self.index.len()
    }

    /// Bytes of all files together.
    pub fn uncompressed(&self) -> u64 {
        self.uncompressed
    }

    /// Names of all files, lower case, sorted folder by folder.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.index.names()
    }

    /// A text file, without its byte order mark; `None` if there is no such file.
    pub fn text(&mut self, name: &str) -> Result<Option<String>> {
        let Some(position) = self.index.get(name) else {
            return Ok(None);
        };
        if entry(&self.directory, position)?.size() > self.metadata_limit {
            let what = format!("the size of {name} in bytes");
            return Err(too_large(&what, self.metadata_limit));
        }
        let mut bytes = Vec::new();
        self.inflate(position, |block| bytes.extend_from_slice(block))?;
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        match str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.to_owned())),
            Err(_) => Err(Error::bad_metadata(name, "it is not UTF-8")),
        }
    }

    /// Inflates one entry and compares size and checksum with the directory.
    fn inflate(&mut self, position: usize, mut each: impl FnMut(&[u8])) -> Result<()> {
        let entry = entry(&self.directory, position)?;
        let name = name_of(&entry)?;
        let (declared, expected) = (entry.size(), entry.crc32());
        let damaged = |reason: String| Error::Damaged {
            name: name.clone(),
            reason,
        };

        // The checksum is compared here, because the library does not tell whether checksum or
        // size was wrong.
        let options = ZipReadOptions::new().ignore_crc32(true);
        let mut content = entry
            .with_reader(&mut self.reader, options)
            .map_err(|e| damaged(reason(&e)))?;
        let (mut size, mut crc) = (0, Crc::new());
        let mut block = vec![0; declared.clamp(1, BLOCK) as usize];
        loop {
            // At the end one byte more is asked for, which must not come.
            let wanted = (declared - size).clamp(1, block.len() as u64) as usize;
            let count = match content.read(&mut block[..wanted]) {
                Ok(0) => break,
                Ok(_) | Err(_) if size == declared => return Err(Error::LyingSize(name)),
                Ok(count) => count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if is_outside(&e) => return Err(io_error(&e)),
                Err(e) => return Err(damaged(e.to_string())),
            };
            size += count as u64;
            crc.update(&block[..count]);
            each(&block[..count]);
        }
        if size < declared {
            return Err(Error::LyingSize(name));
        }
        if crc.sum() != expected {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        Ok(())
    }
}

/// Reads the directory, unless it is out of all proportion to the number of entries allowed.
fn read_directory<R: Read + Seek>(
    reader: &mut R,
    limits: &Limits,
) -> Result<Arc<ZipArchiveMetadata>> {
    let left = (limits.entries as u64).saturating_mul(DIRECTORY_ENTRY) + DIRECTORY_EXTRA;
    let metered = Metered { reader, left };
    match ZipArchive::new(metered) {
        Ok(zip) if zip.has_duplicate_names() => Err(Error::NotZip(
            "two of its entries have the same name".to_owned(),
        )),
        Ok(zip) => Ok(zip.metadata()),
        Err(ZipError::Io(e)) if e.kind() == OVERDRAWN => Err(too_many(limits)),
        Err(ZipError::Io(e)) if is_outside(&e) => Err(io_error(&e)),
        Err(e) => Err(Error::NotZip(reason(&e))),
    }
}

/// Everything that can be said before inflating. Returns where each file is and how many bytes
/// all of them claim to have.
fn check_directory(directory: &ZipArchiveMetadata, limits: &Limits) -> Result<(Index, u64)> {
    if directory.len() > limits.entries {
        return Err(too_many(limits));
    }
    let (mut normal, mut total) = (Vec::with_capacity(directory.len()), 0u64);
    for position in 0..directory.len() {
        let entry = entry(directory, position)?;
        let name = name_of(&entry)?;
        normal.push(names::normalize(&name)?);
        if entry.encrypted() {
            return Err(Error::Encrypted(name));
        }
        if entry.is_symlink() {
            return Err(Error::Link(name));
        }
        total = total.saturating_add(entry.size());
    }
    if total > limits.uncompressed {
        return Err(too_large("the inflated size in bytes", limits.uncompressed));
    }
    Ok((Index::new(&normal)?, total))
}

fn entry(directory: &ZipArchiveMetadata, position: usize) -> Result<ZipFileEntry<'_>> {
    directory
        .entry(position)
        .map_err(|e| Error::NotZip(reason(&e)))
}

fn name_of(entry: &ZipFileEntry<'_>) -> Result<String> {
    match entry.name() {
        Ok(name) => Ok(name.into_owned()),
        Err(_) => Err(Error::UnsafeName(
            entry.name_raw().escape_ascii().to_string(),
        )),
    }
}

fn too_large(what: &str, limit: u64) -> Error {
    Error::TooLarge {
        what: what.to_owned(),
        limit,
    }
}

fn too_many(limits: &Limits) -> Error {
    too_large("the number of files", limits.entries as u64)
}

/// Whether the operating system failed, not the package.
fn is_outside(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

fn io_error(error: &io::Error) -> Error {
    Error::Io(error.to_string())
}

/// The library's words, without its prefix and without a period.
fn reason(error: &ZipError) -> String {
    match error {
        ZipError::InvalidArchive(what) => what.to_string(),
        ZipError::UnsupportedArchive(what) => (*what).to_owned(),
        other => other.to_string(),
    }
}

/// How [`Metered`] says that its budget is spent.
const OVERDRAWN: io::ErrorKind = io::ErrorKind::QuotaExceeded;

/// A reader that stops after so many bytes.
struct Metered<'a, R> {
    reader: &'a mut R,
    left: u64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(OVERDRAWN)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for Metered<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

#[cfg(test)]
mod tests;
