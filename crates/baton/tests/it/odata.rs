//! Queries as clients write them, through HTTP, on jobs with their robots, releases and machines.

use serde_json::{Value, json};
use testkit::{Backend, Host, Scene, both, package};

use crate::support::{column, id, scene, text, texts};

both!(
    queries_of_the_documents,
    counting,
    counts_stay_exact_while_jobs_change,
    paging_and_ordering,
    selecting_and_expanding,
    misprints_of_the_documents,
    the_service_describes_itself,
    text_of_every_kind,
);

/// Three jobs: one successful on a robot, one running, one waiting.
async fn jobs(scene: &Scene) -> Vec<Value> {
    let release = scene.release(&package("first", "1.0.0")).await;
    let other = scene.release(&package("second", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(2).await;
    let mut jobs = scene
        .start_jobs(&release, json!({"JobsCount": 2, "Reference": "ref"}))
        .await;
    for job in &jobs {
        host.report(text(job, "Key"), "Running", json!({}))
            .await
            .ok(200);
    }
    host.report(
        text(&jobs[0], "Key"),
        "Successful",
        json!({"Info": "all done"}),
    )
    .await
    .ok(200);
    host.stop().await;
    jobs.push(
        scene
            .start_job(&other, json!({"JobPriority": "High"}))
            .await,
    );
    jobs
}

async fn queries_of_the_documents(backend: Backend) {
    let scene = scene(backend).await;
    let jobs = jobs(&scene).await;
    let ids: Vec<i64> = jobs.iter().map(id).collect();
    let found = async |filter: &str| {
        let list = scene
            .shared
            .get(&format!("odata/Jobs?$orderby=Id&$filter={filter}"))
            .await
            .ok(200);
        let found = column(&list, "Id");
        found
            .into_iter()
            .map(|v| ids.iter().position(|i| v == i).unwrap())
            .collect::<Vec<_>>()
    };
    let robot = scene.robot;
    assert_eq!(found(&format!("Robot/Id eq {robot}")).await, [0, 1]);
    assert_eq!(
        found("Robot/Name eq 'local-robot-unattended'").await,
        [0, 1]
    );
    assert_eq!(
        found(&format!("Robot/Id eq {robot} and State eq 'Successful'")).await,
        [0]
    );
    assert_eq!(found("EndTime lt 2018-02-22T10:00:00.837Z").await, [0; 0]);
    assert_eq!(found("EndTime gt 2018-02-22T10:00:00.837Z").await, [0]);
    assert_eq!(found("StartTime ge 2018-02-22T10:00:00Z").await, [0, 1]);
    assert_eq!(found("Release/Name eq 'second'").await, [2]);
    assert_eq!(found("Machine/Name eq 'Local'").await, [0, 1]);
    assert_eq!(found("Machine/Name ne null").await, [0, 1]);
    assert_eq!(found("ReleaseName ne null").await, [0, 1, 2]);
    assert_eq!(found("Release/Name ne null").await, [0, 1, 2]);
    assert_eq!(found("State eq '5'").await, [0]);
    assert_eq!(found("State eq 5").await, [0]);
    assert_eq!(found("JobPriority eq 'High'").await, [2]);
    let said = "(CreationTime gt 2017-01-01T00:00:00.000Z and State eq '5' and indexof(Info,'done') ne -1)";
    assert_eq!(found(said).await, [0]);
    assert_eq!(found(&said.replace("done", "gone")).await, [0; 0]);
    assert_eq!(
        found("not(State eq 'Running') and (Reference eq 'ref' or ReleaseName eq 'second')").await,
        [0, 2]
    );
    assert_eq!(found("Robot/MachineName eq 'X' and (not(Source eq 'Manual') or StartTime gt 2017-10-28T12:13:00.07Z)").await, [0; 0]);
    assert_eq!(
        found("contains(ReleaseName,'eco') or startswith(Info,'all') or endswith(Info,'nothing')")
            .await,
        [0, 2]
    );
    assert_eq!(found("tolower(ReleaseName) eq 'second'").await, [2]);
    assert_eq!(
        found(&format!("Key eq {}", text(&jobs[1], "Key"))).await,
        [1]
    );
    assert_eq!(
        found(&format!("Id in ({},{})", ids[0], ids[2])).await,
        [0, 2]
    );
    assert_eq!(
        found(&format!("OrganizationUnitId eq {}", scene.folder)).await,
        [0, 1, 2]
    );
    assert_eq!(
        found("HostMachineName eq 'tests' and Info eq null").await,
        [1]
    );
}

async fn counting(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let get = async |query: &str| {
        scene
            .shared
            .get(&format!("odata/Jobs{query}"))
            .await
            .ok(200)
    };
    assert_eq!(get("").await["@odata.count"], 3);
    let page = get("?$top=1&$skip=1").await;
    assert_eq!(
        (
            &page["@odata.count"],
            page["value"].as_array().unwrap().len()
        ),
        (&json!(3), 1)
    );
    assert_eq!(
        get("?$top=1&$filter=ReleaseName eq 'first'").await["@odata.count"],
        2
    );
    assert_eq!(get("?$top=0").await["@odata.count"], 3);
    assert_eq!(get("?$count=true").await["@odata.count"], 3);
    assert!(get("?$count=false").await.get("@odata.count").is_none());
    assert_eq!(get("?%24count=true&%24top=2").await["@odata.count"], 3);
}

/// The number of jobs is kept, not counted: it must be that of the rows all the same.
async fn counts_stay_exact_while_jobs_change(backend: Backend) {
    let scene = scene(backend).await;
    let check = async || {
        let all = scene.shared.get("odata/Jobs?$select=State").await.ok(200);
        let rows = all["value"].as_array().unwrap();
        assert_eq!(all["@odata.count"], rows.len());
        for filter in [
            "State eq 'Pending'",
            "State ne 'Pending'",
            "State in ('Running','Successful')",
            "State eq 'Stopped' or State gt 'Running'",
        ] {
            let get = async |top: i64| {
                let path = format!("odata/Jobs?$filter={filter}&$top={top}");
                scene.shared.get(&path).await.ok(200)
            };
            let rows = get(1000).await["value"].as_array().unwrap().len();
            // A page that is not full proves its number itself; an empty one does not.
            assert_eq!(get(0).await["@odata.count"], rows, "{filter}");
        }
        let everywhere = scene.app.get("odata/Jobs?$top=0").await.ok(200);
        assert_eq!(everywhere["@odata.count"], rows.len());
    };
    check().await;
    let jobs = jobs(&scene).await;
    check().await;
    let body = json!({"jobIds": [id(&jobs[1]), id(&jobs[2])], "strategy": "Kill"});
    scene
        .shared
        .post(crate::support::STOP_JOBS, &body)
        .await
        .ok(200);
    check().await;
    // What fails leaves no trace in the counts either.
    let body = json!({"startInfo": {"ReleaseName": "first", "Strategy": "ModernJobsCount",
        "JobsCount": 3, "RuntimeType": "Headless"}});
    let answer = scene.shared.post(crate::support::START_JOBS, &body).await;
    assert!(answer.status >= 400, "{}", answer.text());
    check().await;
}

async fn paging_and_ordering(backend: Backend) {
    let scene = scene(backend).await;
    let jobs = jobs(&scene).await;
    let order = async |query: &str| {
        let list = scene
            .shared
            .get(&format!("odata/Jobs?{query}"))
            .await
            .ok(200);
        let ids: Vec<i64> = jobs.iter().map(id).collect();
        let found = column(&list, "Id");
        found
            .into_iter()
            .map(|v| ids.iter().position(|i| v == i).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(order("$orderby=Id desc").await, [2, 1, 0]);
    assert_eq!(order("$orderby=ReleaseName desc,Id desc").await, [2, 1, 0]);
    assert_eq!(order("$orderby=ReleaseName,Id desc").await, [1, 0, 2]);
    assert_eq!(order("$orderby=Release/Name asc, Id asc").await, [0, 1, 2]);
    assert_eq!(
        order("$orderby=SpecificPriorityValue desc,Id").await,
        [2, 0, 1]
    );
    assert_eq!(order("$orderby=Id&$top=2").await, [0, 1]);
    assert_eq!(order("$orderby=Id&$skip=2").await, [2]);
    assert_eq!(order("$orderby=Id&$skip=5").await, [0; 0]);
}

async fn selecting_and_expanding(backend: Backend) {
    let scene = scene(backend).await;
    let jobs = jobs(&scene).await;
    let get = async |query: &str| {
        scene
            .shared
            .get(&format!("odata/Jobs?$orderby=Id&{query}"))
            .await
            .ok(200)
    };
    let list = get("$select=State,Id&$top=1").await;
    assert!(
        text(&list, "@odata.context").ends_with("$metadata#Jobs(State,Id)"),
        "{list}"
    );
    assert_eq!(
        list["value"][0],
        json!({"State": "Successful", "Id": id(&jobs[0])})
    );

    let list = get("$expand=Robot,Release,Machine").await;
    let first = &list["value"][0];
    assert_eq!(id(&first["Robot"]), scene.robot);
    assert_eq!(text(&first["Robot"], "Name"), "local-robot-unattended");
    assert_eq!(text(&first["Release"], "Name"), "first");
    assert_eq!(text(&first["Release"], "ProcessVersion"), "1.0.0");
    assert_eq!(id(&first["Machine"]), scene.machine);
    assert_eq!(first["Machine"]["LicenseKey"], Value::Null);
    let last = &list["value"][2];
    assert_eq!(
        (&last["Robot"], &last["Machine"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(text(&last["Release"], "Name"), "second");
    assert!(get("").await["value"][0].get("Robot").is_none());

    let one = format!(
        "odata/Jobs({})?$expand=Robot&$select=Id,Robot",
        id(&jobs[0])
    );
    let one = scene.shared.get(&one).await.ok(200);
    assert_eq!(
        (&one["Id"], &one["Robot"]["Id"]),
        (&jobs[0]["Id"], &json!(scene.robot))
    );
    assert!(one.get("State").is_none());
    // A member is shown in lists that one entity does not have, and the other way round.
    assert_eq!(
        list["value"][0]["OrganizationUnitFullyQualifiedName"],
        "Shared"
    );
    assert_eq!(
        scene.job(&jobs[0]["Id"]).await["OrganizationUnitFullyQualifiedName"],
        Value::Null
    );
}

async fn misprints_of_the_documents(backend: Backend) {
    let scene = scene(backend).await;
    jobs(&scene).await;
    let list = scene
        .shared
        .get("odata/Jobs?$top=10$filter=ReleaseName eq 'second'")
        .await
        .ok(200);
    assert_eq!(texts(&list, "ReleaseName"), ["second"]);
    let said = scene
        .shared
        .get("odata/Jobs?$filter=MachineName ne null")
        .await
        .refused(400, 1000);
    assert!(text(&said, "message").contains("MachineName"), "{said}");
}

async fn the_service_describes_itself(backend: Backend) {
    let scene = scene(backend).await;
    let anonymous = scene.server.anonymous();
    let document = anonymous.get("odata").await.ok(200);
    assert!(text(&document, "@odata.context").ends_with("/odata/$metadata"));
    let names = texts(&document, "name");
    for set in [
        "Folders",
        "Jobs",
        "Machines",
        "Processes",
        "Releases",
        "RobotLogs",
        "Robots",
        "Sessions",
        "Users",
    ] {
        assert!(names.contains(&set), "{set} in {names:?}");
    }
    for path in [
        "odata/$metadata",
        "/default/DefaultTenant/orchestrator_/odata/$metadata",
    ] {
        let metadata = anonymous.get(path).await;
        assert_eq!(metadata.status, 200);
        assert!(
            metadata
                .header("content-type")
                .starts_with("application/xml")
        );
        let xml = metadata.text();
        for word in [
            "Name=\"JobDto\"",
            "EntitySet Name=\"Jobs\"",
            "Name=\"StartJobs\"",
            "NavigationProperty Name=\"Robot\"",
        ] {
            assert!(xml.contains(word), "{word} in {xml}");
        }
    }
    let jobs = scene.shared.get("odata/Jobs").await;
    assert!(
        jobs.header("content-type")
            .starts_with("application/json; odata.metadata=minimal")
    );
}

async fn text_of_every_kind(backend: Backend) {
    let scene = scene(backend).await;
    let names = [
        "O'Brien & \"Söhne\" <b>",
        "100% \\ backslash",
        "emoji 🤖",
        "line\nbreak\ttab",
        "ÄÖÜ",
    ];
    for name in names {
        let made = scene
            .app
            .post("odata/Machines", &json!({"Name": name}))
            .await
            .ok(201);
        assert_eq!(text(&made, "Name"), name);
        let mut url = String::new();
        for byte in name.replace('\'', "''").bytes() {
            url.push_str(&format!("%{byte:02X}"));
        }
        let found = scene
            .app
            .get(&format!("odata/Machines?$filter=Name%20eq%20%27{url}%27"))
            .await
            .ok(200);
        assert_eq!(texts(&found, "Name"), [name]);
        let part: String = url.chars().take(6).collect();
        let found = scene
            .app
            .get(&format!(
                "odata/Machines?$filter=contains(Name,%27{part}%27)"
            ))
            .await;
        assert!([200, 400].contains(&found.status));
    }
    // Percent and underscore are letters, not wildcards.
    for (part, count) in [("%25", 1), ("_", 0), ("\\", 1)] {
        let found = scene
            .app
            .get(&format!("odata/Machines?$filter=contains(Name,'{part}')"))
            .await
            .ok(200);
        assert_eq!(found["@odata.count"], count, "{part}");
    }
    // Text compares without regard to case, as the original's database does.
    let found = scene
        .app
        .get("odata/Machines?$filter=Name eq 'äöü'")
        .await
        .ok(200);
    assert_eq!(texts(&found, "Name"), ["ÄÖÜ"]);
}
