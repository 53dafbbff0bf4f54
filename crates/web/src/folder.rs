//! The data folder: which process uses it, and which database it belongs to.
//!
//! A file in it names the database, so that a server which is started without `--database` on the folder
//! of a PostgreSQL installation does not begin an empty one. The name is for people and tells the kind;
//! whose a database is says the key in it. Folders of older versions have no such file: their SQLite
//! database is one, or they belong to the database that was filled under their keys.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use db::Url;

use crate::app::StartError;

/// Names the database.
const RECORD: &str = "database";
/// Held by the process that uses the folder.
const LOCK: &str = "lock";
/// The first password of the administrator, if it was generated.
const PASSWORD: &str = "initial-admin.txt";
/// The embedded database.
const SQLITE: &str = "main.db";
/// What stands above the name.
const TITLE: &str = "# The database that this data folder belongs to. The server keeps this file.";

/// The name of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// The SQLite file in the folder.
    Embedded,
    /// A PostgreSQL database: `host:port/database`.
    Postgres(String),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded => f.write_str("the SQLite database in it"),
            Self::Postgres(place) => write!(f, "the PostgreSQL database {place}"),
        }
    }
}

impl Name {
    /// The name of the database that a server is told to use.
    ///
    /// # Errors
    /// A URL that cannot be read.
    pub fn of(url: &Url) -> Result<Self, StartError> {
        match url {
            Url::Sqlite(_) => Ok(Self::Embedded),
            Url::Postgres(_) => Ok(Self::Postgres(url.place()?)),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let line = text.lines().find(|line| !line.starts_with('#'))?.trim();
        match line.split_once(' ') {
            None if line == "sqlite" => Some(Self::Embedded),
            Some(("postgres", place)) => Some(Self::Postgres(place.trim().to_owned())),
            _ => None,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Embedded => "sqlite".to_owned(),
            Self::Postgres(place) => format!("postgres {place}"),
        }
    }
}

/// A data folder that this process uses.
pub struct Folder {
    path: PathBuf,
    named: Option<Name>,
    /// Held as long as the folder is used.
    _lock: File,
}

impl Folder {
    /// Makes the folder if it is not there, and takes it for this process: two servers on one folder
    /// would share its keys and packages without knowing of each other.
    ///
    /// # Errors
    /// [`StartError::Used`] when another process has it; [`StartError::Data`]
    pub fn take(path: &Path) -> Result<Self, StartError> {
        let failed = |error| StartError::Data(path.to_owned(), error);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(failed)?;
        let lock = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StartError::Used(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self {
            path: path.to_owned(),
            named: named(path)?,
            _lock: lock,
        })
    }

    /// Whether there is a data folder here.
    pub fn exists(path: &Path) -> bool {
        path.join(LOCK).is_file()
    }

    /// The SQLite file in a folder.
    pub fn sqlite(path: &Path) -> Url {
        Url::Sqlite(path.join(SQLITE))
    }

    /// Refuses another database than the folder's, before it is opened.
    ///
    /// # Errors
    /// [`StartError::OtherDatabase`], [`StartError::NoDatabase`]
    pub fn admit(&self, asked: &Name) -> Result<(), StartError> {
        let missing = *asked == Name::Embedded && !self.has(SQLITE);
        match &self.named {
            Some(named) if is_same_kind(named, asked) && !missing => Ok(()),
            Some(named) if is_same_kind(named, asked) => {
                Err(StartError::NoDatabase(self.path.clone(), named.to_string()))
            }
            Some(named) => Err(self.other(Some(named), asked)),
            None if missing && self.has(PASSWORD) => Err(self.other(None, asked)),
            None => Ok(()),
        }
    }

    /// Refuses to begin an installation in a database that belongs to nobody yet, if the folder belongs
    /// to another one.
    ///
    /// # Errors
    /// [`StartError::OtherDatabase`], [`StartError::NoDatabase`]
    pub fn may_begin(&self, asked: &Name) -> Result<(), StartError> {
        if let Some(named) = &self.named {
            return Err(match named == asked {
                true => StartError::NoDatabase(self.path.clone(), named.to_string()),
                false => self.other(Some(named), asked),
            });
        }
        if *asked != Name::Embedded && self.has(SQLITE) {
            return Err(self.other(Some(&Name::Embedded), asked));
        }
        match self.has(PASSWORD) {
            true => Err(self.other(None, asked)),
            false => Ok(()),
        }
    }

    /// Writes down which database the folder belongs to: it was filled under the keys in the folder.
    ///
    /// # Errors
    /// [`StartError::Data`]
    pub fn keep(&mut self, name: &Name) -> Result<(), StartError> {
        if self.named.as_ref() == Some(name) {
            return Ok(());
        }
        let text = format!("{TITLE}\n{}\n", name.line());
        self.write(RECORD, &text)?;
        self.named = Some(name.clone());
        Ok(())
    }

    /// Writes the generated password where only the operator can read it.
    ///
    /// # Errors
    /// [`StartError::Data`]
    pub fn keep_password(&self, password: &str) -> Result<(), StartError> {
        self.write(PASSWORD, &format!("admin\n{password}\n"))
    }

    /// A file that is there whole or not at all.
    fn write(&self, name: &str, text: &str) -> Result<(), StartError> {
        let new = self.path.join(format!("{name}.new"));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new()
                .create(true)
                .write(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, self.path.join(name))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|e| StartError::Data(self.path.clone(), e))
    }

    fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    fn other(&self, named: Option<&Name>, asked: &Name) -> StartError {
        other(&self.path, named, asked)
    }
}

/// That a folder belongs to another database; to one elsewhere if it is not known to which.
pub fn other(path: &Path, named: Option<&Name>, asked: &Name) -> StartError {
    let elsewhere = || "a database elsewhere".to_owned();
    StartError::OtherDatabase {
        folder: path.to_owned(),
        named: named.map_or_else(elsewhere, Name::to_string),
        asked: asked.to_string(),
        how: match named {
            Some(Name::Embedded) => "without --database and BATON_DATABASE_URL",
            _ => "with the URL of that (--database or BATON_DATABASE_URL)",
        },
    }
}

/// The database that a folder belongs to, if that is written down.
///
/// # Errors
/// [`StartError::Data`] when the file cannot be read, or holds something else.
pub fn named(path: &Path) -> Result<Option<Name>, StartError> {
    let file = path.join(RECORD);
    let damaged = || io::Error::other(format!("its file `{RECORD}` names no database"));
    let read = match std::fs::read_to_string(file) {
        Ok(text) => Name::parse(&text).map(Some).ok_or_else(damaged),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    read.map_err(|error| StartError::Data(path.to_owned(), error))
}

/// The same PostgreSQL database can be reached under several names, and moves.
fn is_same_kind(a: &Name, b: &Name) -> bool {
    (*a == Name::Embedded) == (*b == Name::Embedded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &Path) -> Folder {
        Folder::take(path).unwrap()
    }

    fn said<T>(refused: Result<T, StartError>) -> String {
        let refused = refused.err().expect("a refusal");
        refused.to_string()
    }

    fn postgres(place: &str) -> Name {
        Name::Postgres(place.into())
    }

    #[test]
    fn a_folder_of_its_own_takes_any() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = folder(temporary.path());
        for name in [Name::Embedded, postgres("db:5432/a")] {
            folder.admit(&name).unwrap();
            folder.may_begin(&name).unwrap();
        }
    }

    #[test]
    fn a_folder_keeps_its_kind() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        folder(path).keep(&postgres("db:5432/a")).unwrap();
        let mut kept = folder(path);
        let refused = said(kept.admit(&Name::Embedded));
        assert!(
            refused.contains("db:5432/a") && refused.contains("--database"),
            "{refused}"
        );
        // It may have moved; but nothing begins there.
        kept.admit(&postgres("new:5432/a")).unwrap();
        let refused = said(kept.may_begin(&postgres("new:5432/a")));
        assert!(refused.contains("new:5432/a"), "{refused}");
        said(kept.may_begin(&postgres("db:5432/a")));
        kept.keep(&postgres("new:5432/a")).unwrap();
        assert_eq!(named(path).unwrap(), Some(postgres("new:5432/a")));
    }

    #[test]
    fn a_sqlite_file_that_is_gone_is_not_made_anew() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        folder(path).keep(&Name::Embedded).unwrap();
        let refused = said(folder(path).admit(&Name::Embedded));
        assert!(refused.contains("Restore"), "{refused}");
        std::fs::write(path.join(SQLITE), "").unwrap();
        folder(path).admit(&Name::Embedded).unwrap();
    }

    #[test]
    fn folders_of_older_versions_are_recognised() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        folder(path).keep_password("secret").unwrap();
        // A password, and no database here: that of PostgreSQL.
        said(folder(path).admit(&Name::Embedded));
        folder(path).admit(&postgres("db:5432/a")).unwrap();
        said(folder(path).may_begin(&postgres("db:5432/a")));
        let text = std::fs::read_to_string(path.join(PASSWORD)).unwrap();
        assert_eq!(text, "admin\nsecret\n");
        std::fs::write(path.join(SQLITE), "").unwrap();
        folder(path).admit(&Name::Embedded).unwrap();
        let refused = said(folder(path).may_begin(&postgres("db:5432/a")));
        assert!(refused.contains("without --database"), "{refused}");
    }

    #[test]
    fn a_damaged_name_is_no_reason_to_begin_anew() {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::write(temporary.path().join(RECORD), "nonsense").unwrap();
        let refused = said(Folder::take(temporary.path()));
        assert!(refused.contains("`database`"), "{refused}");
    }

    #[test]
    fn what_is_written_is_read() {
        for name in [Name::Embedded, Name::Postgres("db:5432/my rpa".into())] {
            let text = format!("{TITLE}\n{}\n", name.line());
            assert_eq!(Name::parse(&text), Some(name));
        }
        for text in ["", "# nothing", "mysql x", "sqlite x", "postgres"] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
