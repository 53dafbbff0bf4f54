//! What sharing commits gains: 64 callers of `StartJobs` on SQLite, where every answer waits for
//! the disk, against the same rows written with a commit each.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use db::{Db, Options, Url};
use serde_json::json;
use testkit::{Backend, Scene, package};
use tokio::task::JoinSet;

use crate::Failure;
use crate::connection::{self, Connection, START_JOBS};
use crate::figures;
use crate::machine::Store;

const CALLERS: usize = 64;

/// What `StartJobs` writes of a job besides its key.
const COLUMNS: &str = "tenant_id, folder_id, release_id, release_name, package_id, state,
    specific_priority_value, source, source_type, batch_execution_key, creation_time, type,
    runtime_type, process_type, entry_point_path, input_arguments, input_file,
    environment_variables, reference, requires_user_interaction, resume_on_same_context,
    stop_strategy, remote_control_access, profiling_options, parent_operation_id, trace_id,
    parent_span_id, root_span_id, creator_user_id, wanted_robot_id, wanted_machine_id,
    wanted_session_id, robot_id, machine_id, stop_after, kill_after";

/// Measures and prints.
pub async fn measure(exe: &str, time: Duration) -> Result<(), Failure> {
    let mut scene = Scene::start(exe, Backend::Sqlite).await;
    let release = scene.release(&package("bench", "1.0.0")).await;
    let start = connection::json(&scene.start_info(&release, json!({})));
    // One job, whose row the direct inserts repeat; no host is connected, so jobs stay Pending.
    Connection::caller(&scene)
        .await?
        .post(START_JOBS, start.clone())
        .await?;
    scene.server.stop().await;
    let folder = tempfile::tempdir()?;
    let single = direct(&scene, &folder.path().join("single.db"), 1, time).await?;
    let shared = direct(&scene, &folder.path().join("shared.db"), CALLERS, time).await?;
    scene.server.restart().await;
    let one_caller = over_http(&scene, &start, 1, time).await?;
    let callers = over_http(&scene, &start, CALLERS, time).await?;

    let seconds = time.as_secs();
    figures::title(&format!(
        "group-commit: {seconds} s each, SQLite, synchronous=FULL"
    ));
    figures::line("inserts, one commit each", &single.summary());
    figures::line(&format!("inserts, {CALLERS} tasks"), &shared.summary());
    figures::line("StartJobs, one caller", &one_caller.summary());
    figures::line(&format!("StartJobs, {CALLERS} callers"), &callers.summary());
    let ratio = |rate: &Rate, to: &Rate| format!("{:.2}", rate.per_second() / to.per_second());
    figures::line("gain of the store alone", &ratio(&shared, &single));
    figures::line("gain over HTTP", &ratio(&callers, &one_caller));
    figures::line("StartJobs : inserts one by one", &ratio(&callers, &single));
    Ok(())
}

/// Jobs that were durable at the end, and the commits that took.
struct Rate {
    jobs: u64,
    commits: u64,
    took: Duration,
}

impl Rate {
    fn per_second(&self) -> f64 {
        self.jobs as f64 / self.took.as_secs_f64()
    }

    fn summary(&self) -> String {
        let each = self.jobs as f64 / self.commits.max(1) as f64;
        format!(
            "{:>8.0} jobs/s   {each:>6.1} jobs per commit",
            self.per_second()
        )
    }
}

/// `StartJobs` with one job each, from callers that wait for their answers.
async fn over_http(
    scene: &Scene,
    start: &Bytes,
    callers: usize,
    time: Duration,
) -> Result<Rate, Failure> {
    let mut connections = Vec::with_capacity(callers);
    for _ in 0..callers {
        connections.push(Connection::caller(scene).await?);
    }
    let before = Store::now(scene).await?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let start = start.clone();
        tasks.spawn(async move {
            let mut jobs = 0;
            while begun.elapsed() < time {
                connection.post(START_JOBS, start.clone()).await?;
                jobs += 1;
            }
            Ok::<u64, Failure>(jobs)
        });
    }
    let jobs = total(tasks).await?;
    let took = begun.elapsed();
    let commits = Store::now(scene).await?.batches - before.batches;
    Ok(Rate {
        jobs,
        commits,
        took,
    })
}

/// The same rows through the store alone, in a copy of the server's database. A single task that
/// waits for each write gets a commit for each.
async fn direct(scene: &Scene, file: &Path, tasks: usize, time: Duration) -> Result<Rate, Failure> {
    fs::copy(scene.server.data().join("main.db"), file)?;
    let db = Db::open(Options::new(Url::Sqlite(file.to_owned()), "bench"))?;
    let before = db.stats().batches;
    let begun = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let db = db.clone();
        running.spawn(async move {
            let mut jobs = 0;
            while begun.elapsed() < time {
                insert(&db).await?;
                jobs += 1;
            }
            Ok::<u64, Failure>(jobs)
        });
    }
    let jobs = total(running).await?;
    let took = begun.elapsed();
    let commits = db.stats().batches - before;
    tokio::task::spawn_blocking(move || db.close()).await?;
    Ok(Rate {
        jobs,
        commits,
        took,
    })
}

async fn insert(db: &Db) -> Result<u64, db::Error> {
    let key = uuid::Uuid::new_v4().to_string();
    let sql = format!(
        "INSERT INTO jobs (key, {COLUMNS})
         SELECT $1, {COLUMNS} FROM jobs WHERE id = (SELECT MIN(id) FROM jobs)"
    );
    db.write(move |tx| tx.exec(&sql, &[key.as_str().into()]))
        .await
}

async fn total(mut tasks: JoinSet<Result<u64, Failure>>) -> Result<u64, Failure> {
    let mut jobs = 0;
    while let Some(ended) = tasks.join_next().await {
        jobs += ended??;
    }
    Ok(jobs)
}
