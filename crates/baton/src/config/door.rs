//! Settings of the door: flags, variables, and the table `door` of `baton.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Deserialize;

/// Files that the server opens besides connections: databases, packages, keys, files that are sent.
const OTHER_FILES: u64 = 256;

/// Who comes in, and how.
#[derive(Args, Deserialize, Clone, Default)]
#[serde(deny_unknown_fields, default)]
#[command(next_help_heading = "The door")]
pub struct Door {
    /// How long the headers of a request may take to come, as 30s, 500ms or 2m [default: 30s]
    #[arg(long, env = "BATON_HEAD_TIMEOUT", value_name = "TIME")]
    head_timeout: Option<Span>,
    /// How long a body, or whoever is sent an answer, may stand still: then 408 [default: 60s]
    #[arg(long, env = "BATON_BODY_TIMEOUT", value_name = "TIME")]
    body_timeout: Option<Span>,
    /// How long a connection is kept on which nothing is asked [default: 130s]
    #[arg(long, env = "BATON_IDLE_TIMEOUT", value_name = "TIME")]
    idle_timeout: Option<Span>,
    /// Connections at once; more wait until others end [default: 10000, or as many as the limit of open files allows]
    #[arg(long, env = "BATON_MAX_CONNECTIONS", value_name = "NUMBER")]
    max_connections: Option<u32>,
    /// Proxies (addresses or networks) whose X-Forwarded-For and X-Forwarded-Proto are believed [default: none]
    #[arg(
        long,
        env = "BATON_TRUSTED_PROXY",
        value_name = "ADDR,…",
        value_delimiter = ','
    )]
    trusted_proxy: Option<Vec<String>>,
    /// Names of this server that links may begin with, such as rpa.example.com, *.corp, or * for all
    /// [default: the name of this machine; localhost and the address that was connected to always are]
    #[arg(
        long,
        env = "BATON_ALLOWED_HOSTS",
        value_name = "HOST,…",
        value_delimiter = ','
    )]
    allowed_hosts: Option<Vec<String>>,
    /// What whoever reads /metrics has to show as a bearer token [default: nothing]
    #[arg(
        long,
        env = "BATON_METRICS_TOKEN",
        value_name = "TEXT",
        hide_env_values = true
    )]
    metrics_token: Option<String>,
    /// Address at which /metrics is, and nowhere else [default: that of --listen]
    #[arg(long, env = "BATON_METRICS_LISTEN", value_name = "ADDR")]
    metrics_listen: Option<SocketAddr>,
    /// Certificate in PEM form, followed by those that it hangs on: serve TLS, and nothing else
    #[arg(long, env = "BATON_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM form; both are read again when they have changed
    #[arg(long, env = "BATON_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
}

impl Door {
    /// What neither flag nor variable said is as in the file, or as it is by default.
    ///
    /// # Errors
    /// A sentence about a setting.
    pub fn resolve(self, file: Door) -> Result<web::Door, String> {
        let usual = web::Limits::default();
        let time = |given: Option<Span>, file: Option<Span>, usual: Duration| {
            given.or(file).map_or(usual, |Span(time)| time)
        };
        let limits = web::Limits {
            head: time(self.head_timeout, file.head_timeout, usual.head),
            body: time(self.body_timeout, file.body_timeout, usual.body),
            idle: time(self.idle_timeout, file.idle_timeout, usual.idle),
            connections: connections(self.max_connections.or(file.max_connections), &usual)?,
        };
        let proxies = texts(self.trusted_proxy.or(file.trusted_proxy)).unwrap_or_default();
        let proxies = proxies.iter().map(|text| text.parse());
        let trusted_proxies = proxies
            .collect::<Result<_, String>>()
            .map_err(|why| format!("--trusted-proxy: {why}."))?;
        let allowed_hosts = texts(self.allowed_hosts.or(file.allowed_hosts));
        Ok(web::Door {
            limits,
            trusted_proxies,
            allowed_hosts: allowed_hosts.unwrap_or_else(own_name),
            metrics_token: self
                .metrics_token
                .or(file.metrics_token)
                .filter(|t| !t.is_empty()),
            metrics_listen: self.metrics_listen.or(file.metrics_listen),
            tls: tls(
                self.tls_cert.or(file.tls_cert),
                self.tls_key.or(file.tls_key),
            )?,
        })
    }
}

/// The certificate and its key, of which neither is of use alone.
fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<web::TlsFiles>, String> {
    match (cert, key) {
        (Some(cert), Some(key)) => Ok(Some(web::TlsFiles { cert, key })),
        (None, None) => Ok(None),
        _ => Err("--tls-cert and --tls-key are given together.".into()),
    }
}

/// The texts of a list, of which empty ones are none.
fn texts(given: Option<Vec<String>>) -> Option<Vec<String>> {
    let texts = given?.into_iter().map(|text| text.trim().to_owned());
    Some(texts.filter(|text| !text.is_empty()).collect())
}

/// What this machine is called, if that can be known.
fn own_name() -> Vec<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    texts(name.ok().map(|name| vec![name])).unwrap_or_default()
}

/// As many connections as were asked for, or as there are files for. A process may raise its own limit of
/// files up to a hard one.
fn connections(asked: Option<u32>, usual: &web::Limits) -> Result<usize, String> {
    let wanted = asked.map_or(usual.connections, |asked| asked as usize);
    if wanted == 0 {
        return Err("--max-connections must be at least 1.".into());
    }
    let files = raise_files(wanted as u64 + OTHER_FILES);
    let possible = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if asked.is_some() && possible < wanted {
        return Err(format!(
            "{wanted} connections need {} open files, and this process may have {files}: raise its limit \
             (ulimit -n, LimitNOFILE=), or lower --max-connections.",
            wanted as u64 + OTHER_FILES
        ));
    }
    Ok(wanted.min(possible).max(1))
}

/// How many files may be open, after an attempt to make it so many.
fn raise_files(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(now) = current.filter(|now| *now < needed) else {
        return current.unwrap_or(u64::MAX);
    };
    let more = maximum.map_or(needed, |maximum| maximum.min(needed));
    let raised = Rlimit {
        current: Some(more),
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => more,
        Err(_) => now,
    }
}

/// A length of time: a number with its unit, seconds without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let millis = match unit.trim() {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            _ => 0,
        };
        let number: Option<u64> = number.parse().ok();
        let time = number.and_then(|number| number.checked_mul(millis));
        match time {
            // A year is as good as for ever, and still can be added to a time.
            Some(time) if (1..=31_536_000_000).contains(&time) => {
                Ok(Self(Duration::from_millis(time)))
            }
            _ => Err(format!(
                "'{text}' is no length of time: write a number and ms, s, m or h, such as 30s"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("30", 30_000),
            ("200ms", 200),
            (" 2 m ", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(
                text.parse(),
                Ok(Span(Duration::from_millis(millis))),
                "{text}"
            );
        }
        for text in [
            "",
            "0",
            "0s",
            "-1s",
            "1.5s",
            "s",
            "5d",
            "99999999999999999999",
            "999999999h",
        ] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    #[test]
    fn flags_count_more_than_the_file() {
        let file: Door = toml::from_str("head_timeout = '5s'\nidle_timeout = '6s'").unwrap();
        let flags = Door {
            head_timeout: Some("7s".parse().unwrap()),
            ..Door::default()
        };
        let limits = flags.resolve(file).unwrap().limits;
        let seconds = [limits.head, limits.idle, limits.body].map(|time| time.as_secs());
        assert_eq!(seconds, [7, 6, 60]);
        assert!(toml::from_str::<Door>("head_timeout = 'soon'").is_err());
        assert!(toml::from_str::<Door>("heat_timeout = '5s'").is_err());
    }

    #[test]
    fn connections_are_as_many_as_there_are_files_for() {
        let usual = web::Limits::default();
        assert!(connections(Some(0), &usual).is_err());
        assert_eq!(connections(Some(1), &usual), Ok(1));
        let refused = connections(Some(u32::MAX), &usual).unwrap_err();
        assert!(refused.contains("open files"), "{refused}");
        assert!((1..=10_000).contains(&connections(None, &usual).unwrap()));
    }
}
