//! What the product promises in figures, measured on the released binary over HTTP.
//!
//! Every figure stands beside a baseline of the same run, because milliseconds say more about the
//! machine than about the program. Nothing is asserted here; see the README for what is expected.

mod connection;
mod crowd;
mod dispatch;
mod figures;
mod group_commit;
mod host;
mod idle;
mod lean;
mod load;
mod machine;
mod pages;
mod queues;
mod series;
mod startup;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use testkit::Backend;

use crate::crowd::Crowd;

// That of the binary, so that what is measured in this process is comparable.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Why a measurement cannot be made: a sentence.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures the `baton` binary on temporary folders (TMPDIR says where).
#[derive(Parser)]
#[command(name = "baton-bench")]
struct Cli {
    /// The binary to measure [default: target/dist/baton]
    #[arg(long, global = true, value_name = "FILE")]
    baton: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// From sending StartJobs until the robot has the command.
    Dispatch {
        /// Jobs, one after another.
        #[arg(long, default_value_t = 100)]
        jobs: usize,
        /// Hosts that are connected, then.
        #[arg(long, default_value_t = 1000)]
        hosts: usize,
        /// Jobs that wait for them.
        #[arg(long, default_value_t = 10_000)]
        waiting: usize,
    },
    /// Memory, disk and database of a server that has nothing to do.
    Idle {
        /// How long it is watched.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// From `baton serve` until /health answers.
    Startup {
        /// Starts on an empty folder, and as many on an existing one.
        #[arg(long, default_value_t = 10)]
        runs: usize,
    },
    /// 64 callers of StartJobs, against the same inserts one commit each.
    GroupCommit {
        /// Length of each of the measurements.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// Pages of jobs for 64 callers, against the same pages read from the store directly.
    Pages {
        /// Sizes of the table; the figures are from the largest.
        #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000",
            value_parser = clap::value_parser!(i64).range(10_000..))]
        rows: Vec<i64>,
        /// Length of each of the measurements.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        /// On PostgreSQL, too.
        #[arg(long)]
        postgres: bool,
    },
    /// Items of queues: added, taken, ended; among few and many; in lists; and the memory of it.
    Queues(queues::Options),
    /// All of them.
    All,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(cli)),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("baton-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let exe = binary(cli.baton)?;
    machine::describe(&exe)?;
    match cli.what {
        What::Dispatch {
            jobs,
            hosts,
            waiting,
        } => {
            let crowd = Crowd {
                hosts,
                jobs: waiting,
            };
            both(&exe, jobs, crowd).await
        }
        What::Idle { seconds } => idle::measure(&exe, Duration::from_secs(seconds)).await,
        What::Startup { runs } => startup::measure(&exe, runs).await,
        What::GroupCommit { seconds } => {
            group_commit::measure(&exe, Duration::from_secs(seconds)).await
        }
        What::Pages {
            rows,
            seconds,
            postgres,
        } => {
            let time = Duration::from_secs(seconds);
            pages::measure(&exe, Backend::Sqlite, &rows, time).await?;
            match postgres && postgres_for("pages") {
                true => pages::measure(&exe, Backend::Postgres, &rows, time).await,
                false => Ok(()),
            }
        }
        What::Queues(options) => {
            queues::measure(&exe, Backend::Sqlite, &options).await?;
            match options.postgres && postgres_for("queues") {
                true => queues::measure(&exe, Backend::Postgres, &options).await,
                false => Ok(()),
            }
        }
        What::All => {
            let crowd = Crowd {
                hosts: 1000,
                jobs: 10_000,
            };
            both(&exe, 100, crowd).await?;
            idle::measure(&exe, Duration::from_secs(10)).await?;
            startup::measure(&exe, 10).await?;
            group_commit::measure(&exe, Duration::from_secs(5)).await?;
            let sizes = [10_000, 100_000, 1_000_000];
            pages::measure(&exe, Backend::Sqlite, &sizes, Duration::from_secs(1)).await?;
            queues::measure(&exe, Backend::Sqlite, &queues::Options::short()).await
        }
    }
}

/// Dispatching on every database there is.
async fn both(exe: &str, jobs: usize, crowd: Crowd) -> Result<(), Failure> {
    dispatch::measure(exe, Backend::Sqlite, jobs).await?;
    crowd::measure(exe, Backend::Sqlite, crowd).await?;
    if !postgres_for("dispatch") {
        return Ok(());
    }
    dispatch::measure(exe, Backend::Postgres, jobs).await?;
    crowd::measure(exe, Backend::Postgres, crowd).await
}

/// Whether there is a PostgreSQL to measure this on; says so if not.
fn postgres_for(what: &str) -> bool {
    let there = Backend::Postgres.is_there();
    if !there {
        figures::title(&format!("{what} on PostgreSQL"));
        figures::line(
            "left out",
            "BATON_TEST_POSTGRES is not set: ./test with cargo run …",
        );
    }
    there
}

/// The binary, by its absolute path: servers run in folders of their own.
fn binary(named: Option<PathBuf>) -> Result<String, Failure> {
    let path = named.unwrap_or_else(|| {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        root.join("target/dist/baton")
    });
    let found = path.canonicalize().map_err(|_| {
        format!(
            "There is no {}: run `cargo build --profile dist`, or name one with --baton.",
            path.display()
        )
    })?;
    Ok(found
        .to_str()
        .ok_or("The path of the binary is not UTF-8.")?
        .to_owned())
}
