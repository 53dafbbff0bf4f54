//! The store: one folder, whose layout is the keys.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::incoming::Incoming;
use crate::key::{self, INCOMING};

/// Blobs below one folder. Cheap to clone; all methods block on the disk.
#[derive(Clone, Debug)]
pub struct Store {
    root: Arc<Path>,
    incoming: Arc<Path>,
}

impl Store {
    /// Opens the folder, creating it with access for the owner only, and deletes uploads that an
    /// earlier process left unfinished. Only one process may have a store open.
    ///
    /// # Errors
    /// [`Error::Io`] if the file system refuses.
    pub fn open(dir: &Path) -> Result<Self> {
        let incoming = dir.join(INCOMING);
        if !dir.exists() {
            create_folders(dir)?;
            // A folder that is lost takes all its blobs along.
            match dir.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent)?,
                _ => sync_folder(Path::new("."))?,
            }
        }
        create_folders(&incoming)?;
        remove_content(&incoming)?;
        Ok(Self {
            root: dir.into(),
            incoming: incoming.into(),
        })
    }

    /// Begins a new file.
    ///
    /// # Errors
    /// [`Error::Io`] if the file system refuses.
    pub fn incoming(&self) -> Result<Incoming> {
        // Such a file is made with mode 0600.
        tempfile::Builder::new()
            .prefix("")
            .tempfile_in(&self.incoming)
            .map(Incoming::new)
            .map_err(Error::io("create a file in", &self.incoming))
    }

    /// Gives the file its key and returns its size in bytes, once content and name are on disk.
    ///
    /// # Errors
    /// [`Error::BadKey`]; [`Error::Exists`], and then the stored file is untouched and the new
    /// one is gone; [`Error::Io`].
    pub fn keep(&self, file: Incoming, key: &str) -> Result<u64> {
        let path = key::resolve(&self.root, key)?;
        let folder = path.parent().expect("a key is below the root");
        file.file
            .as_file()
            .sync_all()
            .map_err(Error::io("flush", file.file.path()))?;
        let size = file.written();

        create_folders(folder)?;
        if let Err(refused) = file.file.persist_noclobber(&path) {
            return match refused.error.kind() {
                io::ErrorKind::AlreadyExists => Err(Error::Exists(key.to_owned())),
                _ => Err(Error::io("create", &path)(refused.error)),
            };
        }
        self.sync_folders(folder)?;
        Ok(size)
    }

    /// A blob for reading, and its size in bytes.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::BadKey`], [`Error::Io`].
    pub fn open_blob(&self, key: &str) -> Result<(File, u64)> {
        let path = key::resolve(&self.root, key)?;
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Err(Error::NotFound(key.to_owned())),
            Err(e) => return Err(Error::io("open", &path)(e)),
        };
        let found = file.metadata().map_err(Error::io("inspect", &path))?;
        if !found.is_file() {
            return Err(Error::NotFound(key.to_owned())); // a folder of keys
        }
        Ok((file, found.len()))
    }

    /// Deletes a blob; nothing happens if there is none. Those who have it open read on.
    ///
    /// Not flushed: a file that is back after a power cut wastes space and harms nobody.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::Io`].
    pub fn delete(&self, key: &str) -> Result<()> {
        let path = key::resolve(&self.root, key)?;
        match fs::remove_file(&path) {
            Err(e) if !is_absent(&e) => Err(Error::io("delete", &path)(e)),
            _ => Ok(()),
        }
    }

    /// Stores a few bytes under a new key; same promises as [`keep`](Self::keep).
    ///
    /// # Errors
    /// As [`keep`](Self::keep).
    pub fn put(&self, key: &str, bytes: &[u8]) -> Result<()> {
        let mut file = self.incoming()?;
        file.write_all(bytes)
            .map_err(Error::io("write", file.file.path()))?;
        self.keep(file, key).map(drop)
    }

    /// Flushes the names on the way to a file: its folder's, and those of its ancestors, which
    /// may be new too, by our hand or by that of a thread that has not come to flushing yet.
    fn sync_folders(&self, folder: &Path) -> Result<()> {
        for folder in folder.ancestors() {
            sync_folder(folder)?;
            if folder == &*self.root {
                break;
            }
        }
        Ok(())
    }
}

/// Puts the names in a folder on disk.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(windows) {
        return Ok(()); // NTFS journals names; folders cannot be opened for flushing there.
    }
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(Error::io("flush the folder", folder))
}

/// No such file, or a part of the way to it is a file itself.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Creates a folder and its ancestors, for the owner only where the system knows owners.
fn create_folders(dir: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(dir)
        .map_err(Error::io("create the folder", dir))
}

fn remove_content(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        let path: PathBuf = entry.path();
        let kind = entry.file_type().map_err(Error::io("inspect", &path))?;
        let removed = if kind.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(Error::io("delete", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
