//! The `baton` command.

mod banner;
mod config;
mod demo;
mod operator;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An RPA orchestrator that a team runs itself: it speaks the UiPath Orchestrator API and comes
/// with a robot that runs packages on Linux.
///
/// Independent project, not affiliated with UiPath.
#[derive(Parser)]
#[command(name = "baton", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: config::Log,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server: API, identity, package feed, background work.
    Serve(config::Serve),
    /// Run the robot agent, which takes jobs from a server and runs them here.
    Robot(robot::Args),
    /// Make applications (client id and secret) for scripts.
    #[command(subcommand)]
    App(operator::App),
    /// Find a way back in: new passwords.
    #[command(subcommand)]
    Admin(operator::Admin),
    /// See everything at once: a server, a robot, a sample package and a job, in a temporary folder.
    Demo(demo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(
        cli.command,
        Command::Demo(_) | Command::App(_) | Command::Admin(_)
    );
    if let Err(problem) = cli.log.start(quiet) {
        return fail(&problem);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("The runtime cannot be started: {error}.")),
    };
    let outcome = match cli.command {
        Command::Serve(args) => runtime
            .block_on(serve::run(args))
            .map(|()| ExitCode::SUCCESS),
        Command::Robot(args) => runtime
            .block_on(run_robot(args))
            .map(|()| ExitCode::SUCCESS),
        Command::Demo(args) => runtime.block_on(demo::run(args)),
        Command::App(operator::App::Create(args)) => {
            operator::create_application(args).map(|()| ExitCode::SUCCESS)
        }
        Command::Admin(operator::Admin::ResetPassword(args)) => {
            operator::reset_password(args).map(|()| ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|problem| fail(&problem))
}

/// Every failure is one sentence on stderr that says what to do, and status 1.
fn fail(problem: &str) -> ExitCode {
    eprintln!("baton: {problem}");
    ExitCode::FAILURE
}

async fn run_robot(args: robot::Args) -> Result<(), String> {
    let options = robot::Options::try_from(args).map_err(|e| e.to_string())?;
    let stop = tokio_util::sync::CancellationToken::new();
    let stopping = stop.clone();
    web::tasks::spawn("signals", async move {
        serve::stop_signal().await;
        stopping.cancel();
    });
    robot::run(options, stop, None)
        .await
        .map_err(|e| e.to_string())
}
