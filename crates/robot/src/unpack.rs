//! Unpacking: an archive from outside becomes files in a job's folder, and nowhere else.
//!
//! Every name is checked before a byte is written, links are refused because a later entry could be
//! written through them, and the sizes are counted while inflating, since the sizes an archive
//! states are claims. An archive that breaks a rule is refused as a whole.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use zip::ZipArchive;

/// What a package may unpack to. Generous for automations, too small to fill a disk.
const MAX_BYTES: u64 = 2 * 1024 * 1024 * 1024;
const MAX_ENTRIES: usize = 100_000;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    #[error("it is not a readable zip archive ({0})")]
    Archive(#[from] zip::result::ZipError),
    #[error("the entry {0:?} would leave the package's folder")]
    Outside(String),
    #[error("the entry {0:?} is a link")]
    Link(String),
    #[error("the entry {0:?} is encrypted")]
    Encrypted(String),
    #[error("it has {0} entries; {MAX_ENTRIES} are allowed")]
    TooMany(usize),
    #[error("it unpacks to more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("it has no content/ folder")]
    NoContent,
    #[error("its files cannot be written ({0})")]
    Io(#[from] io::Error),
}

/// Checks that a file is an archive with a `content/` folder and harmless names, without unpacking.
pub(crate) fn verify(package: &Path) -> Result<(), UnpackError> {
    let mut archive = open(package)?;
    let mut has_content = false;
    for index in 0..archive.len() {
        has_content |= target(&archive.by_index_raw(index)?)?.is_some();
    }
    if has_content {
        Ok(())
    } else {
        Err(UnpackError::NoContent)
    }
}

/// Writes everything below `content/` of a package to `folder`, which is created.
pub(crate) fn unpack(package: &Path, folder: &Path) -> Result<(), UnpackError> {
    unpack_limited(package, folder, MAX_BYTES)
}

fn unpack_limited(package: &Path, folder: &Path, limit: u64) -> Result<(), UnpackError> {
    let mut archive = open(package)?;
    let mut left = limit;
    fs::create_dir_all(folder)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let Some(path) = target(&entry)? else {
            continue;
        };
        let path = folder.join(path);
        if entry.is_dir() {
            fs::create_dir_all(path)?;
            continue;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let executable = entry.unix_mode().is_some_and(|mode| mode & 0o111 != 0);
        let mode = if executable { 0o755 } else { 0o644 };
        // `create_new`: a second entry of the same name is an error, not a replacement.
        let mut file = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        let written = io::copy(&mut (&mut entry).take(left.saturating_add(1)), &mut file)?;
        left = left
            .checked_sub(written)
            .ok_or(UnpackError::TooLarge { limit })?;
    }
    Ok(())
}

fn open(package: &Path) -> Result<ZipArchive<io::BufReader<File>>, UnpackError> {
    let archive = ZipArchive::new(io::BufReader::new(File::open(package)?))?;
    if archive.len() > MAX_ENTRIES {
        return Err(UnpackError::TooMany(archive.len()));
    }
    Ok(archive)
}

/// Where an entry goes, relative to the content folder. `None`: it is not part of the content.
fn target<R: io::Read>(entry: &zip::read::ZipFile<'_, R>) -> Result<Option<PathBuf>, UnpackError> {
    let name = entry.name()?.into_owned();
    let path = harmless(&name).ok_or_else(|| UnpackError::Outside(name.clone()))?;
    let Ok(inner) = path.strip_prefix("content") else {
        return Ok(None);
    };
    if inner.as_os_str().is_empty() {
        return Ok(None);
    }
    let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
    if !matches!(kind, 0 | 0o100_000 | 0o040_000) {
        return Err(UnpackError::Link(name));
    }
    if entry.encrypted() {
        return Err(UnpackError::Encrypted(name));
    }
    Ok(Some(inner.to_owned()))
}

/// A name as a relative path that goes down only. Some packers write `\` and `./`.
fn harmless(name: &str) -> Option<PathBuf> {
    let name = name.replace('\\', "/");
    if name.contains('\0')
        || name
            .split('/')
            .next()
            .is_some_and(|first| first.ends_with(':'))
    {
        return None;
    }
    let mut path = PathBuf::new();
    for component in Path::new(&name).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::testing::nupkg;

    fn unpacked(entries: &[(&str, u32, &[u8])]) -> Result<tempfile::TempDir, UnpackError> {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("p.nupkg");
        fs::write(&package, nupkg(entries)).unwrap();
        let verified = verify(&package);
        unpack(&package, &folder.path().join("content"))?;
        verified.map(|()| folder)
    }

    #[test]
    fn content_is_written_with_its_executable_bits_and_the_rest_is_not() {
        let folder = unpacked(&[
            ("./content/a/main.sh", 0o700, b"#!/bin/sh\n"),
            ("content\\b.txt", 0o600, b"b"),
            ("p.nuspec", 0o600, b"<package/>"),
        ])
        .unwrap();
        let content = folder.path().join("content");
        let mode = |name: &str| {
            fs::metadata(content.join(name))
                .unwrap()
                .permissions()
                .mode()
                & 0o111
        };
        assert_ne!(mode("a/main.sh"), 0);
        assert_eq!(mode("b.txt"), 0);
        assert!(!content.join("p.nuspec").exists());
    }

    #[test]
    fn names_that_lead_outside_are_refused() {
        for name in [
            "content/../../evil",
            "../evil",
            "/etc/evil",
            "content/a\\..\\..\\..\\evil",
            "C:\\evil",
            "..\\evil",
        ] {
            let error = unpacked(&[("content/ok", 0o644, b""), (name, 0o644, b"x")]).unwrap_err();
            assert!(matches!(error, UnpackError::Outside(_)), "{name}: {error}");
        }
    }

    #[test]
    fn links_and_devices_are_refused() {
        for kind in [0o120_777, 0o020_666, 0o010_666] {
            let error = unpacked(&[("content/x", kind, b"/etc/passwd")]).unwrap_err();
            assert!(matches!(error, UnpackError::Link(_)), "{error}");
        }
    }

    #[test]
    fn the_size_is_counted_and_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("p.nupkg");
        let zeros = vec![0; 100_000];
        fs::write(
            &package,
            nupkg(&[("content/a", 0o644, &zeros), ("content/b", 0o644, &zeros)]),
        )
        .unwrap();
        let target = folder.path().join("content");
        let error = unpack_limited(&package, &target, 150_000).unwrap_err();
        assert!(matches!(error, UnpackError::TooLarge { .. }), "{error}");
        assert!(unpack_limited(&package, &folder.path().join("again"), 200_000).is_ok());
    }

    #[test]
    fn a_file_that_is_also_a_folder_is_refused() {
        let error = unpacked(&[("content/a", 0o644, b""), ("content/a/b", 0o644, b"")]);
        assert!(matches!(error.unwrap_err(), UnpackError::Io(_)));
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("p.nupkg");
        fs::write(&package, "<html>Sign in</html>").unwrap();
        assert!(matches!(verify(&package), Err(UnpackError::Archive(_))));
        fs::write(&package, nupkg(&[("lib/net45/Main.xaml", 0o644, b"")])).unwrap();
        assert!(matches!(verify(&package), Err(UnpackError::NoContent)));
    }
}
