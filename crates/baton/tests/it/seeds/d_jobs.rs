//! D: jobs by robot, state and time; starting and stopping them.

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, package};

use crate::support::{START_JOBS, STOP_JOBS, assert_members, id, scene, text};

both!(
    d1_jobs_of_a_robot_by_its_number,
    d2_jobs_of_a_robot_by_its_name,
    d3_jobs_of_a_robot_in_a_state,
    d4_jobs_of_a_robot_by_time,
    d7_arguments_have_a_limit_and_old_numbers,
    d9_faulted_jobs_by_what_was_said,
    d10_stopping_several_jobs,
);

/// The members that the document shows of a job.
const MEMBERS: &str =
    "Key StartTime EndTime State Source BatchExecutionKey Info CreationTime StartingScheduleId Id";

/// Six jobs of the robot that ended, by turns well and with a failed logon, and one that waits.
async fn jobs(scene: &Scene) -> Vec<Value> {
    let release = scene.release(&package("docs", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(6).await;
    let mut jobs = scene.start_jobs(&release, json!({"JobsCount": 6})).await;
    for (number, job) in jobs.iter().enumerate() {
        let key = text(job, "Key");
        host.offered().await;
        host.report(key, "Running", json!({})).await.ok(200);
        let end = match number % 2 {
            0 => ("Successful", "Job completed"),
            _ => (
                "Faulted",
                "Logon failure: unknown user name or bad password",
            ),
        };
        host.report(key, end.0, json!({"Info": end.1}))
            .await
            .ok(200);
    }
    host.stop().await;
    jobs.push(scene.start_job(&release, json!({})).await);
    jobs
}

/// A page of jobs with the count and context that every answer has.
async fn page(scene: &Scene, query: &str) -> (i64, Vec<Value>) {
    let list = scene
        .shared
        .get(&format!("odata/Jobs?{query}"))
        .await
        .ok(200);
    assert!(
        text(&list, "@odata.context").ends_with("/odata/$metadata#Jobs"),
        "{list}"
    );
    let rows = list["value"].as_array().unwrap().clone();
    rows.iter().for_each(|row| assert_members(row, MEMBERS));
    (list["@odata.count"].as_i64().unwrap(), rows)
}

async fn d1_jobs_of_a_robot_by_its_number(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let query = format!("$top=3&$filter=Robot/Id eq {}", scene.robot);
    let (count, rows) = page(&scene, &query).await;
    assert_eq!((count, rows.len()), (6, 3));
}

async fn d2_jobs_of_a_robot_by_its_name(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let query = "$top=10&$filter=Robot/Name eq 'local-robot-unattended'";
    let (count, rows) = page(&scene, query).await;
    assert_eq!((count, rows.len()), (6, 6));
    assert_eq!(
        page(&scene, "$top=10&$filter=Robot/Name eq 'DocBot'")
            .await
            .0,
        0
    );
}

async fn d3_jobs_of_a_robot_in_a_state(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let robot = scene.robot;
    let query = format!("$top=10&$filter=Robot/Id eq {robot} and State eq 'Successful'");
    let (count, rows) = page(&scene, &query).await;
    assert_eq!((count, rows.len()), (3, 3));
    assert!(rows.iter().all(|row| text(row, "State") == "Successful"));
}

async fn d4_jobs_of_a_robot_by_time(backend: Backend) {
    let scene = scene(backend).await;
    let jobs = jobs(&scene).await;
    let robot = scene.robot;
    let third = scene.job(&jobs[2]["Id"]).await;
    for (member, before) in [("EndTime", 2), ("StartTime", 2)] {
        let time = text(&third, member);
        let earlier = format!("$top=10&$filter=Robot/Id eq {robot} and {member} lt {time}");
        assert_eq!(page(&scene, &earlier).await.0, before, "{member}");
        let later = format!("$top=10&$filter=Robot/Id eq {robot} and {member} ge {time}");
        assert_eq!(page(&scene, &later).await.0, 6 - before, "{member}");
    }
    let long_ago = "EndTime lt 2018-02-22T10:00:00.837Z";
    let query = format!("$top=10&$filter=Robot/Id eq {robot} and {long_ago}");
    assert_eq!(page(&scene, &query).await.0, 0);
}

async fn d7_arguments_have_a_limit_and_old_numbers(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("docs", "1.0.0")).await;
    let start = async |arguments: &str| {
        let body = scene.start_info(&release, json!({"InputArguments": arguments}));
        scene.shared.post(START_JOBS, &body).await
    };
    let job = start("{\"code\":0065}").await.ok(201);
    assert_eq!(text(&job["value"][0], "InputArguments"), "{\"code\":53}");
    // Names, escapes, blanks and brackets count.
    let frame = "{ \"t\": \"\" }".len();
    let fits = format!("{{ \"t\": \"{}\" }}", "x".repeat(10_000 - frame));
    start(&fits).await.ok(201);
    let too_long = format!("{{ \"t\": \"{}\" }}", "x".repeat(10_001 - frame));
    start(&too_long).await.refused(400, 1009);
    let escaped = format!("{{\"t\":\"{}\"}}", "\\n".repeat(5_000));
    start(&escaped).await.refused(400, 1009);
}

async fn d9_faulted_jobs_by_what_was_said(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let query = "$filter=(CreationTime gt 2017-01-01T00:00:00.000Z and State eq '4' and \
                 indexof(Info,'Logon failure: unknown user name or bad password') ne -1)\
                 &$expand=Robot,Release&$top=2";
    let (count, rows) = page(&scene, query).await;
    assert_eq!((count, rows.len()), (3, 2));
    for row in &rows {
        assert_eq!(text(row, "State"), "Faulted");
        assert_members(
            &row["Robot"],
            "LicenseKey MachineName Name Username Description Type Password RobotEnvironments Id
             ExecutionSettings",
        );
        assert_members(
            &row["Release"],
            "Key ProcessKey ProcessVersion IsLatestVersion IsProcessDeleted Description Name
             EnvironmentId EnvironmentName Id",
        );
        assert_eq!(id(&row["Robot"]), scene.robot);
        assert_eq!(row["Robot"]["Password"], Value::Null);
        assert_eq!(text(&row["Release"], "ProcessKey"), "docs");
    }
}

async fn d10_stopping_several_jobs(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("docs", "1.0.0")).await;
    let jobs = scene.start_jobs(&release, json!({"JobsCount": 2})).await;
    let ids: Vec<i64> = jobs.iter().map(id).collect();
    let body = json!({"jobIds": ids, "strategy": "1"});
    scene.shared.post(STOP_JOBS, &body).await.ok(200);
    for job in &jobs {
        assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Stopped");
    }
    let host = Host::new(scene.server.machine());
    host.start(4).await;
    for (strategy, state) in [
        ("SoftStop", "Stopping"),
        ("1", "Stopping"),
        ("Kill", "Terminating"),
        ("2", "Terminating"),
    ] {
        let job = scene.start_job(&release, json!({})).await;
        host.offered().await;
        host.report(text(&job, "Key"), "Running", json!({}))
            .await
            .ok(200);
        let body = json!({"jobIds": [id(&job)], "strategy": strategy});
        scene.shared.post(STOP_JOBS, &body).await.ok(200);
        assert_eq!(
            text(&scene.job(&job["Id"]).await, "State"),
            state,
            "{strategy}"
        );
        host.report(text(&job, "Key"), "Stopped", json!({}))
            .await
            .ok(200);
    }
}
