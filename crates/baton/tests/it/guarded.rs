//! What must hold when somebody means ill or hangs up: whose robots one may speak for, what one may
//! see of others' folders, and jobs that reach their host although their caller is gone.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Backend, Host, both, eventually, package};

use crate::support::{
    ASSIGN_USERS, START_JOBS, STOP_JOBS, UPLOAD, assignment, modern, role, scene, text,
};

both!(
    a_person_speaks_only_for_their_own_robots,
    other_folders_robots_and_hosts_stay_hidden,
    a_job_reaches_its_host_although_its_caller_hung_up,
    a_service_with_an_account_reports_its_jobs,
    a_kill_ends_where_nobody_is_left,
    a_start_is_checked_as_a_whole,
    a_form_field_beside_a_package_is_no_package,
);

/// An account with an unattended robot, in no folder.
async fn hidden_robot(scene: &testkit::Scene) -> i64 {
    let body = json!({"UserName": "secret", "UnattendedRobot": {"UserName": "host\\secret"}});
    let user = scene.app.post("odata/Users", &body).await.ok(201);
    user["UnattendedRobot"]["RobotId"].as_i64().unwrap()
}

async fn a_person_speaks_only_for_their_own_robots(backend: Backend) {
    let scene = scene(backend).await;
    hidden_robot(&scene).await;
    let (person, id) = scene.server.user("nosy", &[]).await;
    let assign = assignment(id, scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let at_home = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "nosy-pc");
    let who = json!({"UserName": "host\\secret"});
    let begun = at_home
        .post("api/RobotsService/BeginSession", &who)
        .await
        .ok(200);
    assert_eq!(
        text(&begun, "robotName"),
        "nosy-attended",
        "never somebody else's"
    );
    at_home
        .post("api/RobotsService/GetProcesses", &who)
        .await
        .refused(404, 1226);
    person
        .get("api/RobotsService/GetSharedConnectionData")
        .await
        .refused(403, 0);
    // A machine speaks for the robots that may run on it, and for no others.
    let host = Host::new(scene.server.machine());
    host.call("BeginSession", who).await.refused(404, 1226);
}

async fn other_folders_robots_and_hosts_stay_hidden(backend: Backend) {
    let scene = scene(backend).await;
    let hidden = hidden_robot(&scene).await;
    Host::new(scene.server.machine()).start(1).await;
    let other = scene
        .app
        .post("odata/Folders", &modern("Elsewhere"))
        .await
        .ok(201);
    let other = other["Id"].as_i64().unwrap();
    let automation_user = role(&scene, "Automation User").await;
    let (inside, id) = scene.server.user("inside", &[]).await;
    let assign = assignment(id, scene.folder, &[automation_user]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let (outside, id) = scene.server.user("outside", &[]).await;
    let assign = assignment(id, other, &[automation_user]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);

    for client in [inside.clone(), inside.folder(scene.folder)] {
        let robots = client.get("odata/Robots").await.ok(200);
        assert_eq!(robots["@odata.count"], 1, "{robots}");
        assert_eq!(robots["value"][0]["Id"], scene.robot);
        client
            .get(&format!("odata/Robots({})", scene.robot))
            .await
            .ok(200);
        client
            .get(&format!("odata/Robots({hidden})"))
            .await
            .refused(404, 1002);
        let sessions = client.get("odata/Sessions").await.ok(200);
        assert_eq!(sessions["@odata.count"], 1);
    }
    for client in [outside.clone(), outside.folder(other)] {
        assert_eq!(client.get("odata/Robots").await.ok(200)["@odata.count"], 0);
        assert_eq!(
            client.get("odata/Sessions").await.ok(200)["@odata.count"],
            0
        );
    }
    let (manager, _) = scene
        .server
        .user("manager", &["Tenant Administrator"])
        .await;
    let robots = manager.get("odata/Robots").await.ok(200);
    assert_eq!(
        robots["@odata.count"], 2,
        "the permission for the tenant shows all"
    );
}

/// Sends a request and closes the connection without reading the answer.
fn hang_up(scene: &testkit::Scene, body: &Value) {
    let body = body.to_string();
    let address = scene.server.url.trim_start_matches("http://");
    let request = format!(
        "POST /{START_JOBS} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         X-UIPATH-OrganizationUnitId: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        scene.app.token(),
        scene.folder,
        body.len()
    );
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    // Long enough for some requests to be under way, too short for their answers to be read.
    std::thread::sleep(Duration::from_micros(700));
}

async fn a_job_reaches_its_host_although_its_caller_hung_up(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("gone", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(4).await;
    for _ in 0..25 {
        // What was written after the last look.
        for key in host.offered().await {
            host.report(&key, "Successful", json!({})).await.ok(200);
        }
        hang_up(&scene, &scene.start_info(&release, json!({})));
        let jobs = "odata/Jobs?$filter=State eq 'Pending'";
        let waiting = eventually("the request is over", async || {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let page = scene.shared.get(jobs).await.ok(200);
            let metrics = scene.server.anonymous().get("/metrics").await;
            // The page itself is the only request under way.
            metrics
                .text()
                .contains("baton_http_requests_in_flight 1\n")
                .then_some(page)
        })
        .await;
        for job in waiting["value"].as_array().unwrap() {
            let key = text(job, "Key");
            eventually("the host is offered the job", async || {
                host.offered().await.contains(&key.to_owned()).then_some(())
            })
            .await;
            host.report(key, "Successful", json!({})).await.ok(200);
        }
        // What was committed after the look above comes to its end as well.
        for key in host.offered().await {
            host.report(&key, "Successful", json!({})).await.ok(200);
        }
    }
}

async fn a_service_with_an_account_reports_its_jobs(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("service", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    let service = json!({"ServiceUserName": "bob", "Slots": 1});
    host.call("StartService", service.clone()).await.ok(200);
    let job = scene.start_job(&release, json!({})).await;
    let beat = host.call("HeartbeatV2", service).await.ok(200);
    assert_eq!(beat["commands"][0]["data"]["jobKey"], job["Key"]);
    for state in ["Running", "Successful"] {
        host.report(text(&job, "Key"), state, json!({}))
            .await
            .ok(200);
    }
    assert_eq!(scene.job(&job["Id"]).await["State"], "Successful");
    let long = json!({"ServiceUserName": "b".repeat(257)});
    host.call("StartService", long).await.refused(400, 1009);
}

async fn a_kill_ends_where_nobody_is_left(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("left", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let (early, late) = (
        scene.start_job(&release, json!({})).await,
        scene.start_job(&release, json!({})).await,
    );
    for job in [&early, &late] {
        host.report(text(job, "Key"), "Running", json!({}))
            .await
            .ok(200);
    }
    let kill = |job: &Value| json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    scene.shared.post(STOP_JOBS, &kill(&early)).await.ok(200);
    assert_eq!(scene.job(&early["Id"]).await["State"], "Terminating");
    host.stop().await;
    assert_eq!(scene.job(&early["Id"]).await["State"], "Stopped");
    scene.shared.post(STOP_JOBS, &kill(&late)).await.ok(200);
    assert_eq!(scene.job(&late["Id"]).await["State"], "Stopped");
}

async fn a_start_is_checked_as_a_whole(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("checked", "1.0.0")).await;
    let refused = async |more: Value, status: u16, code: i64| {
        let info = scene.start_info(&release, more);
        scene
            .shared
            .post(START_JOBS, &info)
            .await
            .refused(status, code);
    };
    refused(json!({"ReleaseName": "another"}), 400, 1687).await;
    let nowhere = json!([{"RobotId": scene.robot, "SessionId": 4711}]);
    refused(json!({"MachineRobots": nowhere}), 404, 1002).await;
    let robots: Vec<i64> = (0..1001).collect();
    refused(
        json!({"Strategy": "Specific", "RobotIds": robots, "JobsCount": 0}),
        400,
        1009,
    )
    .await;
    let twice =
        json!({"Strategy": "Specific", "RobotIds": [scene.robot, scene.robot], "JobsCount": 0});
    assert_eq!(scene.start_jobs(&release, twice).await.len(), 1);
    let page = scene.shared.get("odata/Jobs").await.ok(200);
    assert_eq!(page["@odata.count"], 1, "refused starts leave nothing");
}

async fn a_form_field_beside_a_package_is_no_package(backend: Backend) {
    let scene = scene(backend).await;
    let file = package("form", "1.0.0").build();
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhello\r\n--b\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"x.nupkg\"\r\n\r\n"
        .to_vec();
    body.extend(file);
    body.extend(b"\r\n--b--\r\n");
    let request = scene
        .app
        .request("POST", UPLOAD)
        .header("Content-Type", "multipart/form-data; boundary=b")
        .body(body);
    let answer = scene.app.send(request).await.ok(200);
    assert_eq!(answer["value"].as_array().unwrap().len(), 1);
    assert_eq!(answer["value"][0]["Key"], "form:1.0.0");
}
