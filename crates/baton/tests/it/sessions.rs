//! Sessions: which hosts are there, and what they were last heard of.

use serde_json::{Value, json};
use testkit::{Backend, Host, both, package};

use crate::support::{assert_members, scene, text, texts};

both!(
    a_host_comes_works_and_goes,
    sessions_survive_a_restart,
    queries_of_sessions
);

async fn a_host_comes_works_and_goes(backend: Backend) {
    let scene = scene(backend).await;
    let one = async || {
        let list = scene.app.get("odata/Sessions").await.ok(200);
        assert_eq!(list["@odata.count"], 1, "{list}");
        list["value"][0].clone()
    };
    assert_eq!(
        scene.app.get("odata/Sessions").await.ok(200)["@odata.count"],
        0
    );
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let session = one().await;
    assert_members(
        &session,
        "State ReportingTime Info IsUnresponsive Id HostMachineName MachineId MachineName Version Platform",
    );
    assert_eq!(
        (text(&session, "State"), text(&session, "HostMachineName")),
        ("Available", "tests")
    );
    assert_eq!(
        (&session["MachineId"], text(&session, "MachineName")),
        (&json!(scene.machine), "Local")
    );
    assert_eq!(
        (&session["IsUnresponsive"], text(&session, "Version")),
        (&json!(false), "25.10.0")
    );
    assert_eq!(text(&session, "Platform"), "Linux");

    host.heartbeat().await;
    let later = one().await;
    assert!(text(&later, "ReportingTime") > text(&session, "ReportingTime"));
    assert_eq!(later["Id"], session["Id"]);

    let release = scene.release(&package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&one().await, "State"), "Busy");
    host.report(text(&job, "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(text(&one().await, "State"), "Available");
    host.stop().await;
    let gone = one().await;
    assert_eq!(text(&gone, "State"), "Disconnected");
    assert_eq!(gone["Id"], session["Id"]);
    // The same host, in any case, is the same session.
    Host::new(
        scene
            .server
            .machine_with(&scene.server.machine_key, "TESTS"),
    )
    .start(1)
    .await;
    let back = one().await;
    assert_eq!(
        (text(&back, "State"), &back["Id"]),
        ("Available", &session["Id"])
    );
    let machine = scene
        .app
        .get("odata/Machines?$filter=Name eq 'Local'")
        .await
        .ok(200);
    assert_eq!(
        machine["value"][0]["RobotVersions"][0]["Version"],
        "25.10.0"
    );
}

async fn sessions_survive_a_restart(backend: Backend) {
    let mut scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    Host::new(scene.server.machine()).start(1).await;
    let before = scene.app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    scene.server.kill9();
    scene.server.restart().await;
    // The host neither knows nor needs to know.
    let host = Host::new(scene.server.machine());
    let app = scene.server.app().await;
    scene.app = app.clone();
    scene.shared = app.folder(scene.folder);
    let job = scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await, [text(&job, "Key")]);
    let after = app.get("odata/Sessions").await.ok(200)["value"][0].clone();
    assert_eq!(after["Id"], before["Id"]);
    assert_eq!(text(&after, "State"), "Available");
    assert!(text(&after, "ReportingTime") >= text(&before, "ReportingTime"));
}

async fn queries_of_sessions(backend: Backend) {
    let scene = scene(backend).await;
    let (person, _) = scene.server.user("DocBot", &[]).await;
    let pc = person
        .with("X-ROBOT-LICENSE", &scene.server.machine_key)
        .with("X-ROBOT-MACHINE", "pc");
    let robot = pc
        .post("api/RobotsService/BeginSession", &json!({}))
        .await
        .ok(200);
    let number = robot["id"].as_i64().unwrap();
    let gone = Host::new(scene.server.machine_with(&scene.server.machine_key, "gone"));
    gone.start(1).await;
    gone.stop().await;

    let get = async |query: &str| {
        scene
            .app
            .get(&format!("odata/Sessions?{query}"))
            .await
            .ok(200)
    };
    let list = get(&format!(
        "$top=10&$filter=Robot/Id eq {number}&$select=State"
    ))
    .await;
    assert!(text(&list, "@odata.context").ends_with("/$metadata#Sessions(State)"));
    assert_eq!(list["value"], json!([{"State": "Available"}]));
    let list = get("$top=10&$filter=Robot/Name eq 'DocBot-attended'&$select=State").await;
    assert_eq!(list["value"], json!([{"State": "Available"}]));
    let list = get("$top=10&$filter=State eq 'Available' and ReportingTime gt 2018-02-22T10:00:00.837Z&$select=Robot&$expand=Robot").await;
    assert!(
        text(&list, "@odata.context").ends_with("/$metadata#Sessions(Robot)"),
        "{list}"
    );
    assert_eq!(list["value"].as_array().unwrap().len(), 1);
    assert_eq!(
        list["value"][0]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["Robot"]
    );
    assert_eq!(list["value"][0]["Robot"]["Name"], "DocBot-attended");
    assert_eq!(list["value"][0]["Robot"]["LicenseKey"], Value::Null);
    let list = get("$top=10&$filter=State eq 'Disconnected'&$expand=Robot").await;
    assert_eq!(texts(&list, "HostMachineName"), ["gone"]);
    assert_eq!(list["value"][0]["Robot"], Value::Null);
}
