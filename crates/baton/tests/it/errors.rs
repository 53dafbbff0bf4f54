//! Whatever is wrong with a request, the answer is the envelope that clients parse.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::support::{START_JOBS, STOP_JOBS, scene};

both!(
    bodies_that_are_not_json,
    unknown_members_are_accepted,
    members_of_the_wrong_kind,
    bodies_that_are_too_large_or_too_deep,
    addresses_that_do_not_exist,
    methods_that_do_not_exist,
    queries_that_make_no_sense,
    characters_and_numbers_at_the_edge,
);

async fn bodies_that_are_not_json(backend: Backend) {
    let scene = scene(backend).await;
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"nonsense",
        b"null",
        b"[]",
        b"\"text\"",
        b"5",
        &[0xff, 0xfe, 0xfd],
        b"{\"a\":1}}",
    ];
    for body in bodies {
        for (path, param) in [
            ("odata/Folders", "folderDto"),
            ("odata/Machines", "machineDto"),
            ("odata/Users", "userDto"),
            ("odata/Releases", "release"),
            (START_JOBS, "startInfo"),
            (STOP_JOBS, "stopJobsParameters"),
        ] {
            let refused = scene.shared.post_raw(path, body).await.refused(400, 0);
            let said = refused["message"].as_str().unwrap();
            assert!(
                said.starts_with(&format!("{param} must not be null")),
                "{path}: {said}"
            );
        }
    }
    // A byte order mark is no reason to refuse what follows it.
    let marked = [b"\xef\xbb\xbf".as_slice(), br#"{"Name":"Marked"}"#].concat();
    scene.app.post_raw("odata/Machines", marked).await.ok(201);
}

async fn unknown_members_are_accepted(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "M", "Unknown": {"deep": [1, 2]}, "Id": 77, "Key": "x"});
    let created = scene.app.post("odata/Machines", &body).await.ok(201);
    assert_eq!(created["Name"], "M");
    assert!(created.get("Unknown").is_none());
    let lower = json!({"name": "lower", "unattendedslots": 2});
    assert_eq!(
        scene.app.post("odata/Machines", &lower).await.ok(201)["UnattendedSlots"],
        2
    );
}

async fn members_of_the_wrong_kind(backend: Backend) {
    let scene = scene(backend).await;
    for body in [
        json!({"Name": 1.5}),
        json!({"Name": null}),
        json!({"Name": ["x"]}),
        json!({"Name": "x", "UnattendedSlots": "many"}),
        json!({"Name": "x", "UnattendedSlots": 1.5}),
        json!({"Name": "x", "UnattendedSlots": 99_999_999_999_i64}),
        json!({"Name": "x", "Type": "Nonsense"}),
        json!({"Name": "x", "LicenseKey": "no-guid"}),
    ] {
        let answer = scene.app.post("odata/Machines", &body).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let code = answer.json()["errorCode"].as_i64().unwrap();
        answer.refused(400, code);
        assert!([0, 1009].contains(&code), "{body}: {code}");
    }
    // Numbers and names of enums are both right.
    for (name, kind) in [("a", json!("Standard")), ("b", json!(0)), ("c", json!("0"))] {
        let machine = scene
            .app
            .post("odata/Machines", &json!({"Name": name, "Type": kind}))
            .await;
        assert_eq!(machine.ok(201)["Type"], "Standard");
    }
}

async fn bodies_that_are_too_large_or_too_deep(backend: Backend) {
    let scene = scene(backend).await;
    let large = format!("{{\"Name\":\"{}\"}}", "x".repeat(30_000_001));
    let answer = scene.app.post_raw("odata/Machines", large).await;
    answer.refused(413, 1031);
    let deep = format!(
        "{{\"Name\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    scene
        .app
        .post_raw("odata/Machines", deep)
        .await
        .refused(400, 0);
    let deep = format!(
        "{{\"Name\":\"deep\",\"Other\":{}{}}}",
        "[".repeat(50),
        "]".repeat(50)
    );
    scene.app.post_raw("odata/Machines", deep).await.ok(201);
    let long = json!({"Name": "x".repeat(100_000)});
    let answer = scene.app.post("odata/Machines", &long).await;
    assert_eq!(answer.status, 400, "a name of 100,000 characters");
    scene.app.get("/ready").await.ok(200);
}

async fn addresses_that_do_not_exist(backend: Backend) {
    let scene = scene(backend).await;
    for path in [
        "/",
        "/nothing",
        "/default",
        "/default/DefaultTenant/orchestrator_/",
        "/odata/Nothing",
        "/odata/Nothing(1)",
        "/odata/Folders(1)/Nothing",
        "/odata/Jobs/Nothing",
        "/api/nothing",
        "/api/RobotsService/Nothing",
        "/identity_/nothing",
        "/a/b/c/d/e/odata/Folders",
        "/odata/Folders/1/2/3",
    ] {
        let answer = scene.app.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        answer.refused(404, 0);
    }
    for path in [
        "/odata/Buckets",
        "/odata/Buckets(5)",
        "/api/Stats/GetJobsStats",
        "/odata/Alerts",
    ] {
        let refused = scene.app.get(path).await.refused(501, 0);
        assert!(
            refused["message"].as_str().unwrap().contains("not built"),
            "{refused}"
        );
    }
    for path in [
        "/odata/Folders(",
        "/odata/Folders)(",
        "/odata/Folders(1",
        "/odata/%ff",
        "/odata/Folders('x",
    ] {
        let answer = scene.app.get(path).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
        let (status, code) = (answer.status, answer.json()["errorCode"].as_i64().unwrap());
        answer.refused(status, code);
    }
    scene
        .app
        .get("odata/Folders(999999)")
        .await
        .refused(404, 1002);
    scene.app.get("odata/Folders('x')").await.refused(400, 1000);
    scene
        .shared
        .get("odata/Jobs(999999)")
        .await
        .refused(404, 1002);
    scene
        .app
        .get("odata/Folders(99999999999999999999)")
        .await
        .refused(400, 1000);
}

async fn methods_that_do_not_exist(backend: Backend) {
    let scene = scene(backend).await;
    let send = async |method: &str, path: &str| {
        scene
            .shared
            .send(scene.shared.request(method, path).json(&json!({})))
            .await
    };
    for (method, path) in [
        ("PUT", "odata/Folders"),
        ("POST", "odata/Jobs"),
        ("DELETE", "odata/Jobs"),
        ("GET", START_JOBS),
        (
            "POST",
            "odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots",
        ),
        ("POST", "api/Status/Version"),
    ] {
        let answer = send(method, path).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        answer.refused(404, 0);
    }
    // In the contract, but not built.
    for (method, path) in [
        ("DELETE", "odata/Buckets(1)"),
        ("PUT", "odata/Assets(1)"),
        ("GET", "odata/TestSets(1)"),
    ] {
        send(method, path).await.refused(501, 0);
    }
}

async fn queries_that_make_no_sense(backend: Backend) {
    let scene = scene(backend).await;
    let mut accepted = Vec::new();
    for query in [
        "$filter=(",
        "$filter=Nothing eq 1",
        "$filter=State eq 'Nothing'",
        "$filter=Id eq 'text'",
        "$filter=Id eq",
        "$filter=Robot/Nothing eq 1",
        "$filter=Release ne null",
        "$filter=MachineName ne null",
        "$orderby=Nothing",
        "$orderby=Id sideways",
        "$top=-1",
        "$top=x",
        "$top=1001",
        "$skip=-1",
        "$select=Nothing",
        "$expand=Nothing",
        "$expand=State",
        "$nothing=1",
        "$count=maybe",
        "$filter=contains(Id,'1')",
        "$filter=StartTime gt yesterday",
    ] {
        let answer = scene.shared.get(&format!("odata/Jobs?{query}")).await;
        if answer.status == 400 {
            answer.refused(400, 1000);
        } else {
            accepted.push(query);
        }
    }
    assert!(accepted.is_empty(), "{accepted:?}");
    let deep = format!(
        "odata/Jobs?$filter={}Id eq 1{}",
        "(".repeat(2000),
        ")".repeat(2000)
    );
    assert_eq!(scene.shared.get(&deep).await.status, 400);
    let many = vec!["Id eq 1"; 500].join(" or ");
    assert_eq!(
        scene
            .shared
            .get(&format!("odata/Jobs?$filter={many}"))
            .await
            .status,
        400
    );
    let refused = scene
        .shared
        .get("odata/Jobs?$filter=Release ne null")
        .await
        .refused(400, 1000);
    let said = refused["message"].as_str().unwrap();
    assert!(
        said.contains("ReleaseName") && said.contains("Release/Name"),
        "{said}"
    );
    let injected = "odata/Folders?$filter=DisplayName eq 'x'' OR 1=1 --'";
    assert_eq!(
        scene.app.get(injected).await.ok(200)["value"],
        Value::Array(Vec::new())
    );
}

/// PostgreSQL cannot store U+0000, and numbers and dates have ends: none of it may be a failure of
/// the server.
async fn characters_and_numbers_at_the_edge(backend: Backend) {
    let scene = scene(backend).await;
    let host = testkit::Host::new(scene.server.machine());
    host.start(1).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let job = scene
        .start_job(
            &release,
            json!({"InputArguments": "{'a':'\\u0000'}", "Reference": "r"}),
        )
        .await;
    let key = job["Key"].as_str().unwrap();
    let nul = "a\0b";
    let sign_in = json!({"usernameOrEmailAddress": nul, "password": nul});
    let line = json!({"message": nul, "jobId": key, "timeStamp": "9999-12-31T23:59:59.9999999Z"})
        .to_string();
    let early =
        json!({"message": "x", "jobId": key, "timeStamp": "0001-01-01T00:00:00Z"}).to_string();
    let odd = json!({"message": "x", "jobId": key, "timeStamp": "99999-13-45T99:00:00Z", "processName": nul}).to_string();
    let reference = scene.start_info(&release, json!({"Reference": nul}));
    let named = scene.start_info(&release, json!({"ReleaseKey": null, "ReleaseName": nul}));
    let mut answers = vec![
        scene
            .app
            .post("odata/Machines", &json!({"Name": nul}))
            .await,
        scene
            .app
            .post("odata/Machines", &json!({"Name": "m", "Description": nul}))
            .await,
        scene
            .app
            .post("odata/Users", &json!({"UserName": nul}))
            .await,
        scene
            .app
            .post("odata/Folders", &crate::support::modern(nul))
            .await,
        scene.app.post("api/Account/Authenticate", &sign_in).await,
        scene.shared.post(START_JOBS, &reference).await,
        scene.shared.post(START_JOBS, &named).await,
        host.client
            .post("api/Logs/SubmitLogs", &json!([line]))
            .await,
        host.client
            .post("api/Logs/SubmitLogs", &json!([early, odd]))
            .await,
        host.report(key, "Running", json!({"Info": nul})).await,
        host.report(
            key,
            "Successful",
            json!({"OutputArguments": "{\"a\":\"\\u0000\"}", "Info": nul}),
        )
        .await,
        scene
            .server
            .machine_with("a%00b", "x")
            .post("api/RobotsService/StartService", &json!({}))
            .await,
    ];
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", nul),
        ("client_secret", nul),
    ];
    answers.push(scene.app.post_form("/identity_/connect/token", &form).await);
    // "a\0b" in UTF-16LE
    let encoded = scene.app.with("X-UIPATH-FolderPath-Encoded", "YQAAAGIA");
    answers.push(encoded.get("odata/Jobs").await);
    for id in [i64::MIN, -1, 0, i64::MAX] {
        answers.push(scene.app.folder(id).get("odata/Jobs").await);
        answers.push(scene.app.get(&format!("odata/Jobs({id})")).await);
        answers.push(
            scene
                .app
                .get(&format!("odata/Jobs?$filter=Id gt {id}"))
                .await,
        );
    }
    for path in [
        "odata/Machines?$filter=Name eq 'a%00b'",
        "odata/Processes?searchTerm=a%00b",
        "odata/Machines('a%00b')",
        "odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='a%00b:1.0.0')",
        "odata/Processes/UiPath.Server.Configuration.OData.GetProcessVersions(processId='a%00b')",
        "odata/Jobs?$skip=9223372036854775807",
        "odata/Jobs?$skip=99999999999999999999",
        "odata/Jobs?$filter=CreationTime gt 9999-12-31T23:59:59Z",
        "odata/Jobs?$filter=CreationTime gt 99999-12-31T23:59:59Z",
        "odata/Jobs?$filter=CreationTime gt 0001-01-01T00:00:00Z",
        "odata/Jobs?$filter=SpecificPriorityValue eq 99999999999",
        "odata/Jobs?$filter=SpecificPriorityValue eq 1.5",
        "odata/Jobs?$filter=Id div 0 eq 1",
        "odata/Jobs?$filter=Id mod 0 eq 1",
        "odata/Jobs?$filter=Id mul 9223372036854775807 gt 0",
        "odata/Jobs?$filter=Key eq 00000000-0000-0000-0000-00000000000g",
        "odata/Jobs?$filter=%F0%9F%A4%96 eq 1",
        "odata/Jobs?$filter=substring(ReleaseName,99999999999) eq ''",
    ] {
        answers.push(scene.shared.get(path).await);
    }
    let failed: Vec<String> = answers
        .iter()
        .filter(|a| a.status >= 500)
        .map(|a| format!("{}: {} {}", a.what, a.status, a.text()))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let ended = scene.job(&job["Id"]).await;
    assert_eq!(
        ended["State"], "Successful",
        "a NUL in a report must not keep a job from ending"
    );
    let lines = scene.shared.get("odata/RobotLogs").await.ok(200);
    assert_eq!(
        lines["@odata.count"], 3,
        "a NUL in a line must not lose lines: {lines}"
    );
}
