//! Commands from a terminal: through the server that runs on the data folder, else on its database, else
//! on a PostgreSQL database alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use ::identity::Keys;
use db::{Db, Options, Url};
use orchestrator::operator::{self, Command};
use orchestrator::{Chance, Clock, Error, MIGRATIONS};

use crate::app::{StartError, owner};
use crate::control::{self, Answer};
use crate::folder::{self, Folder, Name};

/// Where an installation is.
#[derive(Debug, Clone)]
pub struct At {
    /// Its data folder.
    pub data: PathBuf,
    /// Whether somebody has named the folder.
    pub named: bool,
    /// `postgres://…`
    pub database: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// A running server.
    Served,
    /// This process, on the data folder of a server that does not run.
    Alone,
    /// This process, on a PostgreSQL database on which servers may run that do not know of it.
    Beside,
}

/// Why a command cannot be carried out; each is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no data folder.
    #[error(
        "There is no data folder {0}: name that of the server with --data, or its PostgreSQL \
         database with --database. `baton serve` makes one."
    )]
    NoFolder(PathBuf),
    /// Somebody uses the folder and takes no commands.
    #[error(
        "A server uses the data folder {0} and takes no commands: it is starting or stopping, its \
         folder cannot hold a socket, or it is of an older version. Try again, or stop it first."
    )]
    Busy(PathBuf),
    /// The folder belongs to a database that was not named.
    #[error(
        "The data folder {0} belongs to {1}: give its URL with --database or BATON_DATABASE_URL."
    )]
    NoUrl(PathBuf, String),
    /// There is no installation in the database.
    #[error("There is no installation in {0}: start `baton serve` on it first.")]
    Empty(String),
    /// The database is of an older version.
    #[error(
        "The database is of an older version of Baton: start `baton serve` of this one on it first."
    )]
    Older,
    /// The folder or its database cannot be used.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The database cannot be used.
    #[error("{0}")]
    Database(#[from] db::Error),
    /// The command was refused.
    #[error("{0}")]
    Refused(String),
    /// The server hung up.
    #[error("The server did not answer ({0}): look into its log before you try again.")]
    NoAnswer(std::io::Error),
}

/// Carries out a command.
///
/// # Errors
/// [`CommandError`]
pub fn run(at: &At, command: &Command) -> Result<Done, CommandError> {
    let asked = at.database.clone().map(Url::Postgres);
    if !Folder::exists(&at.data) {
        return match asked {
            Some(url) if !at.named => {
                on(&url, None, command)?;
                Ok(Done::Beside)
            }
            _ => Err(CommandError::NoFolder(at.data.clone())),
        };
    }
    if let Ok(stream) = UnixStream::connect(control::socket(&at.data)) {
        fits(&at.data, asked.as_ref())?;
        ask(stream, command)?;
        return Ok(Done::Served);
    }
    let folder = match Folder::take(&at.data) {
        Err(StartError::Used(path)) => return Err(CommandError::Busy(path)),
        folder => folder?,
    };
    let url = match asked {
        Some(url) => url,
        None => own(&at.data)?,
    };
    folder.admit(&Name::of(&url)?)?;
    on(&url, Some(&at.data), command)?;
    Ok(Done::Alone)
}

/// Refuses a database that is not that of the server on the folder.
fn fits(data: &Path, asked: Option<&Url>) -> Result<(), CommandError> {
    let (Some(url), Some(named)) = (asked, folder::named(data)?) else {
        return Ok(());
    };
    let asked = Name::of(url)?;
    match asked == named {
        true => Ok(()),
        false => Err(folder::other(data, Some(&named), &asked).into()),
    }
}

/// The database of a folder that needs no URL.
fn own(data: &Path) -> Result<Url, CommandError> {
    match folder::named(data)? {
        Some(name @ Name::Postgres(_)) => {
            Err(CommandError::NoUrl(data.to_owned(), name.to_string()))
        }
        _ => Ok(Folder::sqlite(data)),
    }
}

/// Has the running server do it.
fn ask(mut stream: UnixStream, command: &Command) -> Result<(), CommandError> {
    let mut talk = || -> std::io::Result<Answer> {
        let mut line = serde_json::to_string(command)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut answer = String::new();
        BufReader::new(&stream).read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    };
    let answer = talk().map_err(CommandError::NoAnswer)?;
    answer.map_err(CommandError::Refused)
}

/// Does it on a database, that of a data folder if there is one.
fn on(url: &Url, data: Option<&Path>, command: &Command) -> Result<(), CommandError> {
    let empty = || url.place().map(CommandError::Empty);
    if let Url::Sqlite(file) = url
        && !file.exists()
    {
        return Err(empty()?);
    }
    let db = Db::open(Options::new(url.clone(), "main"))?;
    match db.applied(MIGRATIONS)? {
        0 => return Err(empty()?),
        some if some < MIGRATIONS.len() => return Err(CommandError::Older),
        _ => {}
    }
    let Some(owner) = owner(&db)? else {
        return Err(empty()?);
    };
    if let Some(data) = data {
        let keys = Keys::load_or_create(&data.join("keys")).map_err(StartError::from)?;
        if keys.key_id() != owner {
            return Err(StartError::ForeignDatabase(data.to_owned()).into());
        }
    }
    let (command, now) = (command.clone(), Clock::default().now());
    let chance = Chance::default();
    let done = db.write_blocking(move |tx| operator::run(tx, now, &chance, &command).map(drop));
    db.close();
    done.map_err(|error| match error {
        Error::Db(error) => CommandError::Database(error),
        other => CommandError::Refused(other.to_string()),
    })
}
