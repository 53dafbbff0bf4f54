//! Zip files by hand, for tests: every field can lie.

use std::io::{Cursor, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use crate::archive::Limits;
use crate::error::Result;
use crate::inspect::{Package, inspect};

/// One entry; the defaults tell the truth.
pub struct Entry {
    pub name: Vec<u8>,
    /// As stored in the file.
    pub data: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub crc: u32,
    /// Inflated size as declared.
    pub size: u32,
    /// Unix mode, whose upper bits say what the entry is.
    pub mode: u32,
}

impl Entry {
    pub fn stored(name: &str, content: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(content);
        Self {
            name: name.into(),
            data: content.to_vec(),
            method: 0,
            flags: 0x800, // UTF-8
            crc: crc.sum(),
            size: content.len() as u32,
            mode: 0o100_600,
        }
    }

    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        let data = encoder.finish().unwrap();
        Self {
            data,
            method: 8,
            ..Self::stored(name, content)
        }
    }

    /// The fields local header and directory have in common.
    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for short in [20, self.flags, self.method, 0, 0x21] {
            bytes.extend(short.to_le_bytes()); // version, …, 00:00 on 1980-01-01
        }
        for long in [self.crc, self.data.len() as u32, self.size] {
            bytes.extend(long.to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]); // no extra fields
        bytes
    }
}

/// The zip file.
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        directory.extend(b"PK\x01\x02\x14\x03"); // made by version 2.0 on Unix
        directory.extend(entry.common());
        directory.extend([0; 6]); // no comment, first disk, no internal attributes
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(&entry.name);

        bytes.extend(b"PK\x03\x04");
        bytes.extend(entry.common());
        bytes.extend(&entry.name);
        bytes.extend(&entry.data);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}

pub const NUSPEC: &str = "<package><metadata><id>a</id><version>1.0</version></metadata></package>";

/// A package of text files, with a minimal manifest.
pub fn package(files: &[(&str, &str)]) -> Result<Package> {
    let mut entries = vec![Entry::deflated("a.nuspec", NUSPEC.as_bytes())];
    entries.extend(
        files
            .iter()
            .map(|(name, text)| Entry::deflated(name, text.as_bytes())),
    );
    inspect(Cursor::new(zip(&entries)), &Limits::default())
}
