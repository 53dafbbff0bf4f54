//! The command line of the agent. Every flag has a variable, so that secrets can stay out of process
//! lists and the agent can be configured as a container.

use std::path::PathBuf;
use std::time::Duration;

use crate::Credentials;
use crate::Options;

/// Flags of `baton robot`.
#[derive(clap::Args, Clone)]
pub struct Args {
    /// The server, as {origin}/{organization}/{tenant} or {origin}
    #[arg(long, env = "BATON_ROBOT_URL", value_name = "URL")]
    pub url: String,
    /// The key of the machine this agent runs on
    #[arg(
        long,
        env = "BATON_ROBOT_MACHINE_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub machine_key: Option<String>,
    /// The machine's client id, instead of its key
    #[arg(
        long,
        env = "BATON_ROBOT_CLIENT_ID",
        value_name = "ID",
        hide_env_values = true
    )]
    pub client_id: Option<String>,
    /// The secret that belongs to the client id
    #[arg(
        long,
        env = "BATON_ROBOT_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub client_secret: Option<String>,
    /// Folder for the agent's state; one agent per folder
    #[arg(
        long,
        env = "BATON_ROBOT_DATA",
        value_name = "DIR",
        default_value = "./baton-robot"
    )]
    pub data: PathBuf,
    /// Folder for packages and Python environments [default: cache in the data folder]
    #[arg(long, env = "BATON_ROBOT_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// How many jobs may run at the same time
    #[arg(long, env = "BATON_ROBOT_SLOTS", value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub slots: u32,
    /// The name shown for this machine [default: its host name]
    #[arg(long, env = "BATON_ROBOT_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// The interpreter for Python jobs [default: python3 of the PATH]
    #[arg(long, env = "BATON_ROBOT_PYTHON", value_name = "FILE")]
    pub python: Option<PathBuf>,
    /// A variable of the agent's environment that jobs get too; may be repeated
    #[arg(
        long,
        env = "BATON_ROBOT_PASS_ENV",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub pass_env: Vec<String>,
    /// Seconds a job has to end after it was asked to stop
    #[arg(
        long,
        env = "BATON_ROBOT_GRACE",
        value_name = "SECONDS",
        default_value_t = 30
    )]
    pub grace: u64,
}

/// What is wrong with a combination of flags.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// Neither a key nor a client.
    #[error(
        "The robot needs something to sign in with: --machine-key, or --client-id and \
         --client-secret. Orchestrator shows them under Machines."
    )]
    NoCredentials,
    /// Both a key and a client.
    #[error("Give either --machine-key or --client-id and --client-secret, not both.")]
    TwoCredentials,
    /// Half a client.
    #[error("--client-id and --client-secret go together; one of them is missing.")]
    HalfClient,
}

impl TryFrom<Args> for Options {
    type Error = ArgsError;

    fn try_from(args: Args) -> Result<Options, ArgsError> {
        // An empty variable is an unset one, as in compose files.
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let client = (given(args.client_id), given(args.client_secret));
        let credentials = match (given(args.machine_key), client) {
            (Some(key), (None, None)) => Credentials::MachineKey(key),
            (None, (Some(id), Some(secret))) => Credentials::Client { id, secret },
            (None, (None, None)) => return Err(ArgsError::NoCredentials),
            (Some(_), _) => return Err(ArgsError::TwoCredentials),
            (None, _) => return Err(ArgsError::HalfClient),
        };
        Ok(Options {
            url: args.url,
            credentials,
            data: args.data,
            cache: args.cache,
            slots: args.slots,
            name: given(args.name),
            python: args.python,
            pass_env: args.pass_env,
            grace: Duration::from_secs(args.grace),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn options(flags: &[&str]) -> Result<Options, ArgsError> {
        let line = ["robot", "--url", "http://h/o/t"].iter().chain(flags);
        Options::try_from(
            Line::try_parse_from(line)
                .unwrap_or_else(|e| panic!("{e}"))
                .args,
        )
    }

    #[test]
    fn flags_become_options() {
        let options =
            options(&["--machine-key", "k", "--pass-env", "A,B", "--grace", "5"]).unwrap();
        assert!(matches!(options.credentials, Credentials::MachineKey(key) if key == "k"));
        assert_eq!(options.pass_env, ["A", "B"]);
        assert_eq!(options.grace, Duration::from_secs(5));
        assert_eq!(options.slots, 4);
    }

    #[test]
    fn exactly_one_way_to_sign_in_is_wanted() {
        let error = |flags: &[&str]| options(flags).err();
        assert_eq!(error(&[]), Some(ArgsError::NoCredentials));
        assert_eq!(error(&["--client-id", "i"]), Some(ArgsError::HalfClient));
        assert_eq!(
            error(&["--client-secret", "s"]),
            Some(ArgsError::HalfClient)
        );
        assert_eq!(
            error(&[
                "--machine-key",
                "k",
                "--client-id",
                "i",
                "--client-secret",
                "s"
            ]),
            Some(ArgsError::TwoCredentials)
        );
        assert_eq!(error(&["--client-id", "i", "--client-secret", "s"]), None);
    }

    #[test]
    fn no_slots_at_all_is_refused() {
        assert!(Line::try_parse_from(["robot", "--url", "u", "--slots", "0"]).is_err());
    }
}
