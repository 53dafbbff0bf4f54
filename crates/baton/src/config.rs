//! Settings: defaults, then `baton.toml`, then `BATON_…` variables, then flags; the later wins.

mod door;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

/// Where an installation is.
#[derive(Args, Clone, Default)]
pub struct Place {
    /// Folder of all state: database, packages, keys [default: ./baton-data]
    #[arg(long, env = "BATON_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
    /// postgres://… instead of the embedded SQLite in the data folder
    #[arg(
        long,
        env = "BATON_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    database: Option<String>,
    /// Settings file [default: ./baton.toml, if it exists]
    #[arg(long, env = "BATON_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Where an installation is, when everything was asked.
pub struct Found {
    place: Place,
    file: File,
}

impl Place {
    /// Reads the settings file.
    ///
    /// # Errors
    /// A sentence about the file.
    pub fn resolve(self) -> Result<Found, String> {
        let file = read_file(self.config.as_deref())?;
        Ok(Found { place: self, file })
    }
}

impl Found {
    /// For commands that are given in it.
    pub fn at(self) -> web::operator::At {
        let data = self.place.data.or(self.file.data);
        web::operator::At {
            named: data.is_some(),
            data: data.unwrap_or_else(default_folder),
            database: self.place.database.or(self.file.database),
        }
    }
}

fn default_folder() -> PathBuf {
    "./baton-data".into()
}

/// How `baton serve` is called.
#[derive(Args, Clone, Default)]
pub struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "BATON_LISTEN", value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Base of links, contexts and the issuer; the request's own host when absent
    #[arg(long, env = "BATON_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<String>,
    /// Origins whose pages may call the API, such as `https://app.example.com`; * for all [default: none]
    #[arg(
        long,
        env = "BATON_CORS_ORIGINS",
        value_name = "ORIGIN,…",
        value_delimiter = ','
    )]
    pub cors_origins: Option<Vec<String>>,
    #[command(flatten)]
    door: door::Door,
    /// First start only: password of the user `admin` (generated and printed once when absent)
    #[arg(
        long,
        env = "BATON_ADMIN_PASSWORD",
        value_name = "TEXT",
        hide_env_values = true
    )]
    pub admin_password: Option<String>,
    /// First start only: key (a GUID) of the machine template `Local`
    #[arg(
        long,
        env = "BATON_BOOTSTRAP_MACHINE_KEY",
        value_name = "GUID",
        hide_env_values = true
    )]
    pub bootstrap_machine_key: Option<String>,
    /// First start only: an external application with all OR.* scopes
    #[arg(
        long,
        env = "BATON_BOOTSTRAP_APP",
        value_name = "ID:SECRET",
        hide_env_values = true
    )]
    pub bootstrap_app: Option<String>,
}

/// The members of `baton.toml`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct File {
    data: Option<PathBuf>,
    listen: Option<SocketAddr>,
    database: Option<String>,
    public_url: Option<String>,
    cors_origins: Option<Vec<String>>,
    #[serde(default)]
    door: door::Door,
}

/// Where the server listens, and what it is given.
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// For the edge.
    pub web: web::Config,
    /// For the first start.
    pub start: web::Start,
}

/// Packages larger than this are refused: 1 GiB.
const MAX_UPLOAD: u64 = 1 << 30;

impl Serve {
    /// Reads the settings file and fills what neither flag nor variable said.
    ///
    /// # Errors
    /// A sentence about the file.
    pub fn resolve(self) -> Result<Settings, String> {
        let Found { place, file } = self.place.resolve()?;
        let default_listen = SocketAddr::from(([127, 0, 0, 1], 8080));
        Ok(Settings {
            listen: self.listen.or(file.listen).unwrap_or(default_listen),
            web: web::Config {
                data: place.data.or(file.data).unwrap_or_else(default_folder),
                database: place.database.or(file.database),
                public_url: self.public_url.or(file.public_url),
                max_upload: MAX_UPLOAD,
                cors_origins: cors_origins(self.cors_origins.or(file.cors_origins)),
                door: self.door.resolve(file.door)?,
            },
            start: web::Start {
                admin_password: self.admin_password,
                machine_key: self.bootstrap_machine_key,
                app: self.bootstrap_app,
            },
        })
    }
}

/// An empty variable is none.
fn cors_origins(given: Option<Vec<String>>) -> Vec<String> {
    let given = given.unwrap_or_default().into_iter();
    let trimmed = given.map(|origin| origin.trim().to_owned());
    trimmed.filter(|origin| !origin.is_empty()).collect()
}

fn read_file(named: Option<&Path>) -> Result<File, String> {
    let path = named.unwrap_or(Path::new("baton.toml"));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(_) if named.is_none() => return Ok(File::default()),
        Err(error) => {
            return Err(format!(
                "The settings file {} cannot be read: {error}.",
                path.display()
            ));
        }
    };
    toml::from_str(&text).map_err(|e| format!("The settings file {} is wrong: {e}", path.display()))
}

/// How much is logged, and how.
#[derive(Args)]
pub struct Log {
    /// What to log, e.g. `debug` or `web=debug,info` [default: info]
    #[arg(long, env = "BATON_LOG", global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Lines for people or for machines
    #[arg(
        long,
        env = "BATON_LOG_FORMAT",
        global = true,
        value_name = "FORMAT",
        default_value = "text"
    )]
    log_format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Log {
    /// Starts logging to stderr; a quiet command logs only what goes wrong unless told otherwise.
    ///
    /// # Errors
    /// A sentence about the filter.
    pub fn start(&self, quiet: bool) -> Result<(), String> {
        let default = if quiet { "warn" } else { "info" };
        let filter = self.log.as_deref().unwrap_or(default);
        let filter = EnvFilter::try_new(filter)
            .map_err(|e| format!("The log filter '{filter}' is wrong: {e}. Try --log info."))?;
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr);
        match self.log_format {
            Format::Text => builder.init(),
            Format::Json => builder.json().init(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_come_from_the_file_unless_they_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("baton.toml");
        std::fs::write(&file, "cors_origins = [\"https://a\", \" https://b\"]").unwrap();
        let origins = |given: Option<&str>| {
            let serve = Serve {
                cors_origins: given.map(|text| text.split(',').map(str::to_owned).collect()),
                place: Place {
                    config: Some(file.clone()),
                    ..Place::default()
                },
                ..Serve::default()
            };
            serve.resolve().unwrap().web.cors_origins
        };
        assert_eq!(origins(None), ["https://a", "https://b"]);
        assert_eq!(origins(Some("https://c,")), ["https://c"]);
        assert!(origins(Some("")).is_empty());
    }
}
