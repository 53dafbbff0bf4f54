//! What the tests of several modules need.

use std::io::Cursor;
use std::io::Write as _;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::protocol::Command;

/// A command to run the job with the given number.
pub(crate) fn command(number: u32) -> Command {
    serde_json::from_value(serde_json::json!({
        "robotKey": "5b1e0d0f-0000-4000-8000-000000000001",
        "robotName": "robot",
        "username": "DOMAIN\\robot",
        "machineId": 7,
        "data": {
            "type": "StartProcess",
            "jobKey": format!("4d7a3b52-50a9-47c3-b93a-{number:012x}"),
            "attempt": 1,
            "processKey": "a6f1c5b0-0000-4000-8000-000000000002",
            "processName": "Process",
            "packageId": "package",
            "packageVersion": "1.0.0",
            "folderId": 3,
            "folderKey": "f0000000-0000-4000-8000-000000000003",
            "folderPath": "Shared",
        },
    }))
    .unwrap()
}

/// An archive with these entries: name, Unix mode including the file type, content. Modes are
/// patched into the directory afterwards, because the writer refuses to make links out of files.
pub(crate) fn nupkg(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, _, content) in entries {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o644))
            .unwrap();
        zip.write_all(content).unwrap();
    }
    let mut bytes = zip.finish().unwrap().into_inner();
    let headers: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at..].starts_with(b"PK\x01\x02"))
        .collect();
    assert_eq!(headers.len(), entries.len());
    for (at, (_, mode, _)) in headers.into_iter().zip(entries) {
        let mode = if mode & 0o170_000 == 0 {
            mode | 0o100_000
        } else {
            *mode
        };
        bytes[at + 38..at + 42].copy_from_slice(&(mode << 16).to_le_bytes());
    }
    bytes
}
