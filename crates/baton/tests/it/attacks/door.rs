//! At the door: connections that are held open, secrets that are guessed, and names that the server has not.

mod connections;
mod encrypted;
mod guesses;
mod names;
mod secrets;

use testkit::Setup;

/// A server with these flags.
fn setup(args: &[&str]) -> Setup {
    Setup {
        args: args.iter().map(|word| (*word).to_owned()).collect(),
        ..Setup::default()
    }
}
