//! Lists the files of `migrations/`, so that a new one is its file and nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut out = String::new();
    for (folder, name, doc) in [
        ("main", "MIGRATIONS", "The schema of the main store."),
        ("logs", "LOG_MIGRATIONS", "The schema of the log store."),
    ] {
        let folder = root.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        // Writing to a text cannot fail.
        let _ = writeln!(out, "/// {doc}\npub static {name}: &[db::Migration] = &[");
        for (at, file) in files(&folder).iter().enumerate() {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            let (number, name) = stem.split_once('_').unwrap_or_default();
            assert_eq!(
                number.parse(),
                Ok(at + 1),
                "{} is not the next migration, NNNN_name.sql",
                file.display()
            );
            let _ = writeln!(
                out,
                "    db::Migration {{ version: {}, name: {name:?}, sql: include_str!({file:?}) }},",
                at + 1
            );
        }
        out.push_str("];\n");
    }
    let to = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("migrations.rs");
    fs::write(&to, out).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "sql"));
    files.sort();
    files
}
