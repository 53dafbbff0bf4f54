//! An installation with a history: jobs of many releases and robots over months, most of them in
//! one folder and most of them successful.
//!
//! Folders and releases come from the API; accounts, robots and jobs are repeated from one that the
//! server made, by a few statements that both databases understand.

use db::{Db, Dialect, Value};
use serde_json::{Value as Json, json};
use testkit::{Scene, package};

use super::direct::Place;
use crate::Failure;
use crate::series::{self, series};

/// Releases in the folder `Shared`, which most jobs are in.
const RELEASES: i64 = 20;
/// Other folders, and the releases in each.
const FOLDERS: i64 = 3;
const OTHERS: i64 = 5;
/// Robots that have run jobs.
const ROBOTS: i64 = 200;
/// The newest jobs wait for a robot.
const WAITING: i64 = 100;
/// A robot with two jobs of a hundred: a full page even at the smallest size.
pub const SOME_ROBOT: &str = "account-4-unattended";

/// Makes what jobs refer to, and one job to repeat.
pub async fn prepare(scene: &Scene) -> Result<(), Failure> {
    let history = package("history", "1.0.0");
    scene.upload(&history).await;
    let release =
        |name: String| json!({"Name": name, "ProcessKey": "history", "ProcessVersion": "1.0.0"});
    let mut first = Json::Null;
    for number in 0..RELEASES {
        let body = release(format!("Process {number}"));
        first = scene.shared.post("odata/Releases", &body).await.ok(201);
    }
    for folder in 0..FOLDERS {
        let body = json!({
            "DisplayName": format!("Team {folder}"),
            "ProvisionType": "Automatic",
            "PermissionModel": "FineGrained",
        });
        let made = scene.app.post("odata/Folders", &body).await.ok(201);
        let id = made["Id"].as_i64().ok_or("A folder has no id.")?;
        for number in 0..OTHERS {
            let body = release(format!("Team process {number}"));
            let team = scene.app.folder(id);
            team.post("odata/Releases", &body).await.ok(201);
        }
    }
    scene.start_job(&first, json!({})).await;
    Ok(())
}

/// Adds jobs until there are so many.
pub async fn fill(place: &Place, robot: i64, jobs: i64) -> Result<(), Failure> {
    write(&place.db, accounts(), vec![robot.into(), ROBOTS.into()]).await?;
    write(&place.db, robots(), vec![robot.into()]).await?;
    let more = [jobs.into(), place.folder.into()];
    series::run(&place.db, &history(), (1, jobs - 1), &more).await?;
    // A server in use comes by its statistics by itself, within minutes.
    if place.db.dialect() == Dialect::Postgres {
        write(&place.db, "ANALYZE".to_owned(), Vec::new()).await?;
    }
    Ok(())
}

async fn write(db: &Db, sql: String, params: Vec<Value>) -> Result<u64, db::Error> {
    db.write(move |tx| tx.exec(&sql, &params)).await
}

/// A GUID of its own for each number of each kind.
fn guid(kind: u32) -> String {
    format!("'{kind:08}-0000-4000-8000-' || CAST(100000000000 + n AS TEXT)")
}

/// Accounts like that of the robot `$1`.
fn accounts() -> String {
    format!(
        "WITH RECURSIVE {}
         INSERT INTO users (tenant_id, key, user_name, type, may_have_unattended_session,
           creation_time)
         SELECT tenant_id, {}, 'account-' || CAST(n AS TEXT), type, TRUE, creation_time
         FROM series CROSS JOIN users WHERE id = (SELECT user_id FROM robots WHERE id = $1)",
        series("1", "$2"),
        guid(1)
    )
}

/// Their robots, like the robot `$1`.
fn robots() -> String {
    format!(
        "WITH accounts AS (SELECT id AS n, user_name FROM users WHERE user_name LIKE 'account-%')
         INSERT INTO robots (tenant_id, key, user_id, name, username, type, hosting_type,
           provision_type, creation_time)
         SELECT tenant_id, {}, n, user_name || '-unattended', 'corp\\' || user_name, type,
           hosting_type, provision_type, creation_time
         FROM accounts CROSS JOIN robots WHERE robots.id = $1 ORDER BY n",
        guid(2)
    )
}

/// The jobs `$1` to `$2` of `$3`, a minute after each other, in the folder `$4` and others.
///
/// The shares come from remainders by primes, so that no spread depends on another.
fn history() -> String {
    format!(
        "WITH RECURSIVE {series},
         model AS (SELECT * FROM jobs WHERE id = (SELECT MIN(id) FROM jobs)),
         kinds AS (
           SELECT releases.*, ROW_NUMBER() OVER (ORDER BY folder_id <> $4, id) - 1 AS number
           FROM releases
         ),
         crew AS (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS number FROM robots),
         spread AS (
           SELECT n,
             CASE WHEN n % 103 < 88 THEN n % 107 % {RELEASES}
               ELSE {RELEASES} + n % 109 % {elsewhere} END AS kind,
             CASE WHEN n > $3 - {WAITING} THEN 0 WHEN n % 101 < 84 THEN 5
               WHEN n % 101 < 96 THEN 4 ELSE 6 END AS state,
             (n % 211) * (n % 199) / 211 AS robot,
             (n - $3) * 600000000 AS earlier
           FROM series
         )
         INSERT INTO jobs (
           key, tenant_id, folder_id, release_id, release_name, package_id, state,
           creation_time, start_time, end_time, last_modification_time,
           robot_id, machine_id, host_machine_name, attempt, batch_execution_key,
           info, input_arguments, output_arguments, error,
           specific_priority_value, source, source_type, type, runtime_type, process_type,
           entry_point_path, reference, requires_user_interaction, resume_on_same_context,
           remote_control_access, creator_user_id
         )
         SELECT {key}, kinds.tenant_id, kinds.folder_id, kinds.id, kinds.name, kinds.package_id,
           spread.state, model.creation_time + earlier,
           CASE WHEN spread.state <> 0 THEN model.creation_time + earlier + 20000000 END,
           CASE WHEN spread.state <> 0 THEN model.creation_time + earlier + 300000000 + n % 977 END,
           model.creation_time + earlier + 300000000 + n % 977,
           CASE WHEN spread.state <> 0 THEN crew.id END,
           CASE WHEN spread.state <> 0 THEN (SELECT MIN(id) FROM machines) END,
           CASE WHEN spread.state <> 0 THEN 'host-' || CAST(n % 17 AS TEXT) END,
           CASE WHEN spread.state <> 0 THEN 1 ELSE 0 END, {batch},
           CASE WHEN spread.state <> 0 THEN 'Job completed' END,
           '{{\"invoice\":' || CAST(n AS TEXT) || ',\"approve\":true}}',
           CASE WHEN spread.state = 5 THEN '{{\"total\":12.5,\"currency\":\"EUR\"}}' END,
           CASE WHEN spread.state = 4 THEN
             '{{\"Code\":\"Robot\",\"Title\":\"The invoice could not be read\",\"Detail\":null,'
             || '\"Category\":\"User\",\"Status\":null}}' END,
           model.specific_priority_value, model.source, model.source_type, model.type,
           model.runtime_type, model.process_type, model.entry_point_path, model.reference,
           model.requires_user_interaction, model.resume_on_same_context,
           model.remote_control_access, model.creator_user_id
         FROM spread CROSS JOIN model
         JOIN kinds ON kinds.number = spread.kind
         JOIN crew ON crew.number = spread.robot
         ORDER BY n",
        series = series("$1", "$2"),
        elsewhere = FOLDERS * OTHERS,
        key = guid(3),
        batch = guid(4),
    )
}
