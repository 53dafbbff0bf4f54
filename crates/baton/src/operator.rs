//! `baton app` and `baton admin`: what whoever has the data folder does without signing in. The secret
//! alone goes to standard output, so that scripts can keep it; what it is goes to standard error.

use clap::{Args, Subcommand};
use identity::{hash_password, new_password, new_secret, scopes, secret_hash};
use orchestrator::Chance;
use orchestrator::operator::Command;
use web::operator::{Done, run};

use crate::config::Place;
use crate::serve::print;

/// Commands about applications.
#[derive(Subcommand)]
pub enum App {
    /// Make an application: client id and secret for scripts, which ask for tokens with them
    #[command(after_help = CREATE_HELP)]
    Create(Create),
}

const CREATE_HELP: &str = "\
The client id and the secret are printed once, as lines that a shell can evaluate:

  eval \"$(baton app create --data DIR nightly --scope OR.Jobs --scope OR.Folders.Read)\"
  curl URL/identity_/connect/token -d grant_type=client_credentials \\
    -d client_id=$CLIENT_ID -d client_secret=$CLIENT_SECRET

A scope lets the application do everything in its area, in all folders; with .Read or .Write that half
only. OR.Default lets it do what the roles of its account allow: an application has an account of its
name, to which roles are given as to a person's.

It works while the server runs, and while it does not.";

/// How `baton app create` is called.
#[derive(Args)]
pub struct Create {
    /// What it is called, also among the accounts
    name: String,
    /// A scope that it may ask for; give as many as it needs [default: OR.Default]
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    scopes: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Commands about people.
#[derive(Subcommand)]
pub enum Admin {
    /// Give the administrator, or somebody else, a new password
    #[command(after_help = RESET_HELP)]
    ResetPassword(ResetPassword),
}

const RESET_HELP: &str = "\
The new password is printed once. Whoever is signed in with the old one has to sign in again.

It works while the server runs, and while it does not.";

/// How `baton admin reset-password` is called.
#[derive(Args)]
pub struct ResetPassword {
    /// Whose password
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
    #[command(flatten)]
    place: Place,
}

/// One of the scopes that there are.
fn scope(text: &str) -> Result<String, String> {
    if scopes::all().iter().any(|scope| scope == text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "there is no such scope. There are {}; all but {} also with .Read or .Write behind them",
        scopes::ORCHESTRATOR.join(", "),
        scopes::DEFAULT,
    ))
}

/// Makes an application.
///
/// # Errors
/// A sentence that says what to do.
pub fn create_application(args: Create) -> Result<(), String> {
    let at = args.place.resolve()?.at();
    let mut wanted = args.scopes;
    if wanted.is_empty() {
        wanted.push(scopes::DEFAULT.to_owned());
    }
    wanted.sort();
    wanted.dedup();
    let (client_id, secret) = (Chance::default().key().to_string(), new_secret());
    let command = Command::CreateApplication {
        name: args.name.clone(),
        client_id: client_id.clone(),
        secret_hash: secret_hash(&secret),
        scopes: wanted.clone(),
    };
    run(&at, &command).map_err(|e| e.to_string())?;
    print(&format!("CLIENT_ID={client_id}\nCLIENT_SECRET={secret}\n"));
    eprintln!(
        "The application '{}' may ask for: {}. Its secret is shown this once.",
        args.name,
        wanted.join(" ")
    );
    if wanted.iter().any(|scope| scope == scopes::DEFAULT) {
        eprintln!(
            "With OR.Default it may do what the roles of its account allow: give some to the account '{}'.",
            args.name
        );
    }
    Ok(())
}

/// Gives somebody a new password.
///
/// # Errors
/// A sentence that says what to do.
pub fn reset_password(args: ResetPassword) -> Result<(), String> {
    let at = args.place.resolve()?.at();
    let password = new_password();
    let command = Command::ResetPassword {
        user: args.user.clone(),
        password_hash: hash_password(&password).map_err(|e| e.to_string())?,
    };
    let done = run(&at, &command).map_err(|e| e.to_string())?;
    print(&format!("{password}\n"));
    let when = match done {
        Done::Served | Done::Alone => "has to sign in again now",
        // Tokens of people are good for so long, and a server remembers which are good.
        Done::Beside => "has to sign in again, after 30 minutes at the latest",
    };
    eprintln!(
        "This is the new password of '{}', shown this once. Whoever is signed in with the old one {when}.",
        args.user
    );
    Ok(())
}
