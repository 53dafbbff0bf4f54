//! Zip files by hand, where every field can lie.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// One file of a zip file; the constructor tells the truth, the fields need not.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Name, with `/` between folders.
    pub name: String,
    /// As stored: deflated.
    pub data: Vec<u8>,
    /// CRC-32 of the content.
    pub crc: u32,
    /// Size of the content as declared.
    pub size: u32,
    /// Unix mode, whose upper bits say what the entry is.
    pub mode: u32,
}

impl Entry {
    /// A plain file.
    #[must_use]
    pub fn new(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).expect("writing to memory");
        let mut crc = Crc::new();
        crc.update(content);
        Self {
            name: name.into(),
            data: encoder.finish().expect("writing to memory"),
            crc: crc.sum(),
            size: u32::try_from(content.len()).expect("tests use small files"),
            mode: 0o100_644,
        }
    }

    /// What the local header and the directory have in common.
    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Version 2.0, names in UTF-8, deflated, 00:00 on 1980-01-01.
        for short in [20_u16, 0x800, 8, 0, 0x21] {
            bytes.extend(short.to_le_bytes());
        }
        for long in [self.crc, length(&self.data), self.size] {
            bytes.extend(long.to_le_bytes());
        }
        bytes.extend(
            u16::try_from(self.name.len())
                .expect("a short name")
                .to_le_bytes(),
        );
        bytes.extend([0; 2]);
        bytes
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("tests use small files")
}

/// The zip file of these entries.
#[must_use]
pub fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for entry in entries {
        directory.extend(b"PK\x01\x02\x14\x03");
        directory.extend(entry.common());
        directory.extend([0; 6]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(length(&bytes).to_le_bytes());
        directory.extend(entry.name.as_bytes());

        bytes.extend(b"PK\x03\x04");
        bytes.extend(entry.common());
        bytes.extend(entry.name.as_bytes());
        bytes.extend(&entry.data);
    }
    let start = length(&bytes);
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len())
        .expect("few entries")
        .to_le_bytes();
    bytes.extend([count, count].concat());
    bytes.extend(length(&directory).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
