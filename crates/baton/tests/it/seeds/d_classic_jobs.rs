//! D: jobs by robot, state and time; starting and stopping them.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::classic::Classic;
use crate::support::{START_JOBS, assert_members, column, id, text};

both!(
    d5_start_on_all_robots,
    d6_start_with_arguments_on_a_robot,
    d8_jobs_of_an_environment,
);

async fn d5_start_on_all_robots(backend: Backend) {
    let stage = Classic::start(backend).await;
    let mut robots = Vec::new();
    for name in ["one", "two", "three"] {
        robots.push(stage.robot(name, json!({})).await);
    }
    let environment = stage
        .environment("env", &robots.iter().collect::<Vec<_>>())
        .await;
    let release = stage.release("all", &environment).await;
    let body = json!({"startInfo": {
        "ReleaseKey": release["Key"], "Strategy": "All", "RobotIds": [], "NoOfRobots": 0,
    }});
    let started = stage.app.post(START_JOBS, &body).await.ok(201);
    assert!(text(&started, "@odata.context").ends_with("/odata/$metadata#Jobs"));
    let jobs = started["value"].as_array().unwrap();
    assert_eq!(jobs.len(), 3);
    for job in jobs {
        assert_members(
            job,
            "Key StartTime EndTime State Source BatchExecutionKey Info CreationTime StartingScheduleId Id",
        );
        assert_eq!(
            (text(job, "State"), text(job, "Source")),
            ("Pending", "Manual")
        );
        for member in ["StartTime", "EndTime", "Info", "StartingScheduleId"] {
            assert_eq!(job[member], Value::Null, "{member}");
        }
        assert_eq!(job["BatchExecutionKey"], jobs[0]["BatchExecutionKey"]);
    }
    let list = stage.app.get("odata/Jobs?$expand=Robot").await.ok(200);
    let of: Vec<_> = column(&list, "Robot").iter().map(|r| id(r)).collect();
    assert_eq!(of, robots.iter().map(id).collect::<Vec<_>>(), "one each");

    // The strategy is not one of modern folders.
    let modern = crate::jobs::release(&stage.scene).await;
    let body = json!({"startInfo": {"ReleaseKey": modern["Key"], "Strategy": "All"}});
    let shared = &stage.scene.shared;
    shared.post(START_JOBS, &body).await.refused(400, 2815);
}

async fn d6_start_with_arguments_on_a_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("one", json!({})).await;
    let environment = stage.environment("DocEnv", &[&robot]).await;
    let release = stage.release("input_output_test", &environment).await;
    let arguments = "{\"age\":33,\"trueOrFalse\":false,\"stringNew\":\"testing\"}";
    let body = json!({"startInfo": {
        "ReleaseKey": release["Key"], "RobotIds": [robot["Id"]], "JobsCount": 0,
        "Strategy": "Specific", "InputArguments": arguments,
    }});
    let started = stage.app.post(START_JOBS, &body).await.ok(201);
    assert!(text(&started, "@odata.context").ends_with("/odata/$metadata#Jobs"));
    assert_eq!(started["value"].as_array().unwrap().len(), 1);
    let job = &started["value"][0];
    for (member, expected) in [
        ("StartTime", Value::Null),
        ("EndTime", Value::Null),
        ("State", json!("Pending")),
        ("Source", json!("Manual")),
        ("SourceType", json!("Manual")),
        ("Info", Value::Null),
        ("StartingScheduleId", Value::Null),
        ("ReleaseName", json!("input_output_test_DocEnv")),
        ("Type", json!("Unattended")),
        ("InputArguments", json!(arguments)),
        ("OutputArguments", Value::Null),
    ] {
        assert_eq!(job[member], expected, "{member}");
    }
    assert_members(job, "Key BatchExecutionKey CreationTime Id");
}

async fn d8_jobs_of_an_environment(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("one", json!({})).await;
    let environment = stage.environment("doc_env", &[&robot]).await;
    let other = stage.environment("other", &[&robot]).await;
    let release = stage.release("Release_Project", &environment).await;
    let count = json!({"Strategy": "JobsCount", "JobsCount": 3});
    stage.start_jobs(&release, count.clone()).await.ok(201);
    let elsewhere = stage.release("elsewhere", &other).await;
    stage.start_jobs(&elsewhere, count).await.ok(201);

    let number = id(&environment);
    let path =
        format!("odata/Jobs?$top=2&$expand=Release&$filter=Release/EnvironmentId eq {number}");
    let list = stage.app.get(&path).await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/odata/$metadata#Jobs"));
    assert_eq!(list["@odata.count"], 3);
    assert_eq!(list["value"].as_array().unwrap().len(), 2);
    let shown = &list["value"][0]["Release"];
    let members = [
        "Key",
        "ProcessKey",
        "ProcessVersion",
        "IsLatestVersion",
        "IsProcessDeleted",
        "Description",
        "Name",
        "EnvironmentId",
        "EnvironmentName",
        "Id",
    ];
    let keys = shown.as_object().unwrap().keys();
    let found: Vec<_> = keys.filter(|key| members.contains(&key.as_str())).collect();
    assert_eq!(found, members);
    for (member, expected) in [
        ("Key", release["Key"].clone()),
        ("ProcessKey", json!("Release_Project")),
        ("IsProcessDeleted", json!(false)),
        ("Name", json!("Release_Project_doc_env")),
        ("EnvironmentId", json!(number)),
        ("Id", release["Id"].clone()),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
}
