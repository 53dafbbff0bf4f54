//! Key files: written whole or not at all, never overwritten, never readable by others.
//!
//! A key that is lost or half written cannot be made again, so a file appears under its name
//! only after its content is on disk, and a name that is taken is an error.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Creates the folder for keys with access for the owner only, or checks the one that is there.
pub(crate) fn prepare_folder(dir: &Path) -> Result<()> {
    if !dir.exists() {
        owner_only::create_folder(dir).map_err(Error::io("create the folder", dir))?;
        return sync_folder(parent(dir)).map_err(Error::io("flush the folder of", dir));
    }
    let found = fs::metadata(dir).map_err(Error::io("inspect", dir))?;
    if !found.is_dir() {
        let source = io::Error::from(io::ErrorKind::NotADirectory);
        return Err(Error::Io {
            action: "keep keys in",
            path: dir.to_owned(),
            source,
        });
    }
    if owner_only::others_can_write(&found) {
        return Err(Error::FolderExposed(dir.to_owned()));
    }
    Ok(())
}

/// Reads a key file; `None` if there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("inspect", path)(e)),
    };
    if owner_only::others_have_access(&found) {
        return Err(Error::FileExposed(path.to_owned()));
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let text = String::from_utf8(bytes).map_err(|_| Error::damaged(path, "it is not text"))?;
    Ok(Some(text))
}

/// Writes a new key file and returns when it will survive a power cut.
pub(crate) fn create(path: &Path, content: &str) -> Result<()> {
    let dir = parent(path);
    // A named temporary file is created with mode 0600 and deleted if we fail before the rename.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(dir)
        .map_err(Error::io("create a file in", dir))?;
    file.write_all(content.as_bytes())
        .map_err(Error::io("write", path))?;
    file.as_file()
        .sync_all()
        .map_err(Error::io("flush", path))?;
    file.persist_noclobber(path)
        .map_err(|e| Error::io("create", path)(e.error))?;
    sync_folder(dir).map_err(Error::io("flush the folder", dir))
}

/// The folder a name is in, also if it is the working folder.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The new name is in the folder, which is a file of its own that needs flushing.
fn sync_folder(dir: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(()); // NTFS journals names; folders cannot be opened for flushing there.
    }
    File::open(dir)?.sync_all()
}

#[cfg(unix)]
mod owner_only {
    use std::fs::{DirBuilder, Metadata};
    use std::io;
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    use std::path::Path;

    pub fn create_folder(dir: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    pub fn others_have_access(found: &Metadata) -> bool {
        found.permissions().mode() & 0o077 != 0
    }

    pub fn others_can_write(found: &Metadata) -> bool {
        found.permissions().mode() & 0o022 != 0
    }
}

/// Windows keeps access in inherited lists, not in modes: the data folder's list is the guard.
#[cfg(not(unix))]
mod owner_only {
    use std::fs::Metadata;
    use std::io;
    use std::path::Path;

    pub fn create_folder(dir: &Path) -> io::Result<()> {
        std::fs::create_dir_all(dir)
    }

    pub fn others_have_access(_: &Metadata) -> bool {
        false
    }

    pub fn others_can_write(_: &Metadata) -> bool {
        false
    }
}
