//! What dispatching costs where many hosts are connected and many jobs wait: requests that hand
//! jobs out in their transaction, beside the same start before there was anybody.

use std::time::Instant;

use db::{Db, Options, Url, Value};
use serde_json::json;
use testkit::{Backend, Scene, package};

use crate::Failure;
use crate::connection::{self, Connection, START_JOBS};
use crate::figures::{self, Samples, ms};
use crate::series::series;

/// How many hosts are connected, and how many jobs wait.
#[derive(Debug, Clone, Copy)]
pub struct Crowd {
    /// Hosts, with one slot each.
    pub hosts: usize,
    /// Jobs, bound to nobody.
    pub jobs: usize,
}

/// Requests of each kind, but for the one that hands out most.
const REQUESTS: usize = 20;
/// Jobs of one `StartJobs`, as many as it takes.
const AT_ONCE: usize = 1000;
/// Robots that run them, on any number of hosts at a time.
const ROBOTS: i64 = 100;

const MAINTENANCE: &str = "/odata/Sessions/UiPath.Server.Configuration.OData.SetMaintenanceMode";

/// Measures and prints.
pub async fn measure(exe: &str, backend: Backend, crowd: Crowd) -> Result<(), Failure> {
    let mut scene = Scene::start(exe, backend).await;
    let release = scene.release(&package("crowd", "1.0.0")).await;
    let one = connection::json(&scene.start_info(&release, json!({})));
    let mut caller = Connection::caller(&scene).await?;
    let mut alone = Samples::default();
    for _ in 0..REQUESTS {
        let sent = Instant::now();
        caller.post(START_JOBS, one.clone()).await?;
        alone.add(sent.elapsed());
    }
    let mut left = crowd.jobs.saturating_sub(REQUESTS + 1);
    while left > 0 {
        let count = left.min(AT_ONCE);
        let many = scene.start_info(&release, json!({"JobsCount": count}));
        caller.post(START_JOBS, connection::json(&many)).await?;
        left -= count;
    }
    scene.server.stop().await;
    let sessions = connect(&scene, crowd.hosts).await?;
    scene.server.restart().await;

    let mut caller = Connection::caller(&scene).await?;
    let sent = Instant::now();
    caller.post(START_JOBS, one.clone()).await?;
    let first = sent.elapsed();
    let mut full = Samples::default();
    for _ in 0..REQUESTS {
        let sent = Instant::now();
        caller.post(START_JOBS, one.clone()).await?;
        full.add(sent.elapsed());
    }
    let mut moved = Samples::default();
    for session in sessions.iter().take(REQUESTS) {
        let body = json!({"sessionId": session, "maintenanceMode": "Enabled"});
        let sent = Instant::now();
        caller.post(MAINTENANCE, connection::json(&body)).await?;
        moved.add(sent.elapsed());
    }
    let mut back = Samples::default();
    for session in sessions.iter().take(REQUESTS) {
        let body = json!({"sessionId": session, "maintenanceMode": "Default"});
        let sent = Instant::now();
        caller.post(MAINTENANCE, connection::json(&body)).await?;
        back.add(sent.elapsed());
    }

    figures::title(&format!(
        "dispatch: {} hosts, {} jobs waiting, {backend:?}",
        crowd.hosts, crowd.jobs
    ));
    figures::line("StartJobs, nobody there", &alone.summary());
    let base = ms(alone.percentile(0.5));
    figures::line(
        "… all hosts free",
        &format!("{:>10.1} ms   ratio {:.1}", ms(first), ms(first) / base),
    );
    let line = |name: &str, samples: &Samples| {
        let ratio = ms(samples.percentile(0.5)) / base;
        figures::line(name, &format!("{}   ratio {ratio:.1}", samples.summary()));
    };
    line("… all hosts busy", &full);
    line("a host gives its job back", &moved);
    line("a host takes a job again", &back);
    Ok(())
}

/// Connects hosts and makes robots, in the database of the stopped server; the numbers of the
/// sessions.
async fn connect(scene: &Scene, hosts: usize) -> Result<Vec<i64>, Failure> {
    let url = match scene.server.database_url() {
        Some(url) => Url::Postgres(url.to_owned()),
        None => Url::Sqlite(scene.server.data().join("main.db")),
    };
    let db = Db::open(Options::new(url, "main"))?;
    let (robot, machine): (Value, Value) = (scene.robot.into(), scene.machine.into());
    let hosts = i64::try_from(hosts)?;
    let (accounts, robots, places) = (accounts(), robots(), places());
    let sessions = sessions();
    let ids: Result<Vec<i64>, db::Error> = db
        .write(move |tx| {
            tx.exec(&accounts, &[robot.clone(), ROBOTS.into()])?;
            tx.exec(&robots, std::slice::from_ref(&robot))?;
            tx.exec(&places, std::slice::from_ref(&robot))?;
            tx.exec(
                "UPDATE machines SET unattended_slots = 1 WHERE id = $1",
                std::slice::from_ref(&machine),
            )?;
            tx.exec(&sessions, &[machine.clone(), hosts.into()])?;
            let rows = tx.rows("SELECT id FROM sessions ORDER BY id", &[])?;
            rows.iter().map(|row| row.get(0)).collect()
        })
        .await;
    tokio::task::spawn_blocking(move || db.close()).await?;
    Ok(ids?)
}

/// A GUID of its own for each number of each kind.
fn guid(kind: u32) -> String {
    format!("'{kind:08}-0000-4000-8000-' || CAST(100000000000 + n AS TEXT)")
}

/// `$2` accounts like that of the robot `$1`.
fn accounts() -> String {
    format!(
        "WITH RECURSIVE {}
         INSERT INTO users (tenant_id, key, user_name, type, may_have_unattended_session,
           creation_time)
         SELECT tenant_id, {}, 'crowd-' || CAST(n AS TEXT), type, TRUE, creation_time
         FROM series CROSS JOIN users WHERE id = (SELECT user_id FROM robots WHERE id = $1)",
        series("1", "$2"),
        guid(1)
    )
}

/// Their robots, like the robot `$1` but for any number of hosts.
fn robots() -> String {
    format!(
        "WITH accounts AS (SELECT id AS n, user_name FROM users WHERE user_name LIKE 'crowd-%')
         INSERT INTO robots (tenant_id, key, user_id, name, username, type, hosting_type,
           provision_type, limit_concurrent_execution, creation_time)
         SELECT tenant_id, {}, n, user_name || '-unattended', 'corp\\' || user_name, type,
           hosting_type, provision_type, FALSE, creation_time
         FROM accounts CROSS JOIN robots WHERE robots.id = $1",
        guid(2)
    )
}

/// The folders that the account of the robot `$1` is in are theirs, too.
fn places() -> String {
    "INSERT INTO folder_users (folder_id, user_id)
     SELECT fu.folder_id, u.id FROM users u CROSS JOIN folder_users fu
     WHERE u.user_name LIKE 'crowd-%'
       AND fu.user_id = (SELECT user_id FROM robots WHERE id = $1)"
        .to_owned()
}

/// `$2` hosts of the machine `$1`.
fn sessions() -> String {
    format!(
        "WITH RECURSIVE {}
         INSERT INTO sessions (tenant_id, machine_id, host_machine_name, service_user_name, state,
           reporting_time)
         SELECT tenant_id, id, 'host-' || CAST(n AS TEXT), '', 0, creation_time
         FROM series CROSS JOIN machines WHERE id = $1",
        series("1", "$2")
    )
}
