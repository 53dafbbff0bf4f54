//! What callers of the OData API get wrong, and what only looks wrong: each has an answer that says
//! what to do, and none is a failure of the server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use testkit::{Answer, Backend, Scene, both};

use crate::support::{START_JOBS, id, scene, text};

both!(
    names_that_do_not_exist,
    literals_that_do_not_fit,
    expressions_that_do_not_end,
    more_than_the_limits,
    expressions_at_the_limits,
    navigation_properties_are_no_values,
    keys_of_every_kind,
    numbers_beyond_their_range,
    bodies_of_the_wrong_types,
    patches_of_what_cannot_be_changed,
    deleted_is_deleted,
    methods_and_heads,
);

/// Asks for jobs.
async fn jobs(scene: &Scene, query: &str) -> Answer {
    scene.shared.get(&format!("odata/Jobs?{query}")).await
}

/// The message of a query that is refused.
async fn refused(scene: &Scene, query: &str) -> String {
    let body = jobs(scene, query).await.refused(400, 1000);
    text(&body, "message").to_owned()
}

async fn names_that_do_not_exist(backend: Backend) {
    let scene = scene(backend).await;
    for (query, part) in [
        ("$filter=Nothing eq 1", "'Nothing' on type 'JobDto'"),
        ("$filter=Robot/Nothing eq 1", "'Nothing' on type"),
        ("$filter=nothing(Id) eq 1", "function with name 'nothing'"),
        (
            "$filter=cast(Id,'Edm.String') eq '1'",
            "'cast' is not supported",
        ),
        ("$orderby=Nothing", "'Nothing' on type 'JobDto'"),
        ("$select=Nothing", "'Nothing' on type 'JobDto'"),
        ("$expand=Nothing", "'Nothing' on type 'JobDto'"),
        ("$expand=Robot($select=Nothing)", "'Nothing' on type"),
        ("$expand=State", "not a navigation property"),
        ("$expand=Robot($filter=Id eq 1)", "at most one entity"),
        ("$nothing=1", "'$nothing' is not supported"),
        ("$search=x", "$filter"),
        ("$skiptoken=x", "$skip"),
        ("$top=1&$top=2", "more than once"),
        ("$filter=", "cannot be empty"),
        ("$filter=State eq @state", "'@state=…'"),
        ("$filter=%FF", "UTF-8"),
    ] {
        let said = refused(&scene, query).await;
        assert!(said.contains(part), "{query}: {said}");
    }
}

async fn literals_that_do_not_fit(backend: Backend) {
    let scene = scene(backend).await;
    for query in [
        "$filter=Id eq 'text'",
        "$filter=Id eq true",
        "$filter=State eq 'Nothing'",
        "$filter=Key eq 'no-guid'",
        "$filter=StartTime gt 'yesterday'",
        "$filter=StartTime gt 2018-13-01",
        "$filter=StartTime gt 5",
        "$filter=ReleaseName eq 5",
        "$filter=Id in (1,'x')",
        "$filter=Id in (1,State)",
        "$filter=length(Id) eq 1",
        "$filter=contains(ReleaseName)",
        "$filter=contains(ReleaseName,'a','b')",
        "$filter=Id add 'x' eq 1",
        "$filter=not Id",
        "$filter=Id",
        "$filter=-ReleaseName eq 1",
        "$filter=Id has 1",
        "$filter=ReleaseName eq 'a%00b'",
        "$orderby=5",
        "$orderby=Id sideways",
        "$top=x",
        "$top=1.5",
        "$top=-1",
        "$skip=-1",
        "$count=maybe",
        "$format=xml",
        "$format=application/json;odata.metadata=everything",
    ] {
        refused(&scene, query).await;
    }
}

async fn expressions_that_do_not_end(backend: Backend) {
    let scene = scene(backend).await;
    for query in [
        "$filter=(",
        "$filter=(Id eq 1",
        "$filter=Id eq 1)",
        "$filter=Id eq",
        "$filter=Id 1",
        "$filter=ReleaseName eq 'x",
        "$filter=contains(ReleaseName,'x'",
        "$filter=Id in (1,",
        "$filter=Id eq 1 and",
        "$filter=\"Id\" eq 1",
        "$expand=Robot(",
        "$expand=Robot)",
        "$expand=Robot($select=Name",
        "$expand=Robot($select=Name)x",
    ] {
        refused(&scene, query).await;
    }
    let deep = |open: &str, close: &str, n: usize| {
        format!("$filter={}Id eq 1{}", open.repeat(n), close.repeat(n))
    };
    for query in [
        deep("(", ")", 10_000),
        deep("(", "", 10_000),
        deep("not%20", "", 5_000),
        format!("$filter=Id eq {}1", "-(".repeat(5_000)),
    ] {
        let said = refused(&scene, &query).await;
        assert!(said.contains("nested"), "{said}");
    }
    // The connection itself refuses what is much longer than any address.
    let long = format!("$filter=ReleaseName%20eq%20'{}'", "x".repeat(1_000_000));
    let status = first_line(&scene, &format!("GET /odata/Jobs?{long} HTTP/1.1")).await;
    assert!(
        status.contains(" 414 ") || status.contains(" 431 "),
        "{status}"
    );
    let batch = json!({"requests": [
        {"id": "1", "method": "get", "url": format!("Jobs?{long}")},
        {"id": "2", "method": "get", "url": "Machines?$select=Name"},
    ]});
    let answer = scene.app.post("odata/$batch", &batch).await.ok(200);
    assert_eq!(answer["responses"][0]["status"], 400);
    assert_eq!(answer["responses"][1]["status"], 200);
}

/// Sends the head of a request as it is, and gives the first line of the answer.
async fn first_line(scene: &Scene, request_line: &str) -> String {
    let address = scene.server.url.strip_prefix("http://").unwrap().to_owned();
    let head = format!("{request_line}\r\nHost: x\r\n\r\n");
    let exchange = move || {
        let mut stream = TcpStream::connect(address)?;
        // The server may answer, and close, before it has read all of it.
        let _ = stream.write_all(head.as_bytes());
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        std::io::Result::Ok(line)
    };
    let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
    answer.unwrap_or_else(|error| panic!("no answer: {error}"))
}

async fn more_than_the_limits(backend: Backend) {
    let scene = scene(backend).await;
    let numbers = |n: usize| vec!["1"; n].join(",");
    for (query, part) in [
        (
            format!("$filter={}", vec!["Id eq 1"; 34].join(" or ")),
            "100",
        ),
        ("$orderby=Id,State,Key,StartTime,EndTime,Info".into(), "5"),
        ("$top=1001".into(), "1000"),
        (
            "$expand=Release($expand=CurrentVersion($expand=Release))".into(),
            "2",
        ),
        (format!("$filter=Id in ({})", numbers(1_001)), "1000"),
        // Each of these is a parameter of the statement, however they are spread.
        (
            format!(
                "$filter={}",
                vec![format!("Id in ({})", numbers(513)); 33].join(" or ")
            ),
            "1000",
        ),
        (
            format!(
                "$filter={}&@p=Id in ({})",
                vec!["@p"; 33].join(" or "),
                numbers(999)
            ),
            "1000",
        ),
    ] {
        let said = refused(&scene, &query).await;
        assert!(said.contains(part), "{said}");
    }
    jobs(&scene, &format!("$filter=Id in ({})", numbers(1_000)))
        .await
        .ok(200);
}

/// What the parser lets through, both databases can execute.
async fn expressions_at_the_limits(backend: Backend) {
    let scene = scene(backend).await;
    let around = |open: &str, close: &str, n: usize, inner: &str| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let mut failed = Vec::new();
    for (filter, may_be_refused) in [
        (vec!["Id eq 1"; 25].join(" or "), false),
        (around("(", ")", 48, "Id eq 1"), false),
        (around("not (", ")", 24, "Id eq 1"), false),
        (around("trim(", ")", 46, "Info") + " eq 'x'", false),
        (around("concat('a',", ")", 30, "Info") + " eq 'x'", false),
        (
            around("tolower(toupper(", "))", 20, "Info") + " eq 'x'",
            false,
        ),
        (around("substring(", ",1)", 20, "Info") + " eq 'x'", true),
        (around("- (", ")", 20, "Id") + " eq 1", false),
        (around("(1 add ", ")", 40, "Id") + " eq 1", true),
        (around("floor(", ")", 40, "(Id div 1.5)") + " eq 1", true),
        (around("round(", ")", 40, "(Id mul 1.5)") + " eq 1", true),
        (
            around("date(", ")", 30, "StartTime") + " gt 2018-01-01",
            true,
        ),
        (around("Robot/", "", 3, "Name") + " eq 'x'", true),
        ("Robot/User/UserName eq 'x'".into(), false),
    ] {
        let answer = jobs(&scene, &format!("$filter={filter}&$orderby=Id")).await;
        if answer.status != 200 && !(may_be_refused && answer.status == 400) {
            failed.push(format!("{filter}: {} {}", answer.status, answer.text()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn navigation_properties_are_no_values(backend: Backend) {
    let scene = scene(backend).await;
    for (query, parts) in [
        (
            "$filter=Release ne null",
            ["'ReleaseName ne null'", "'Release/Name ne null'"],
        ),
        (
            "$filter=null eq Release",
            ["'ReleaseName eq null'", "'Release/Name eq null'"],
        ),
        ("$filter=Robot/User eq null", ["Robot/User/", "eq null"]),
        ("$filter=Robot eq 1", ["'Robot'", "one of its properties"]),
        ("$orderby=Robot", ["'Robot'", "one of its properties"]),
        (
            "$filter=Robot/any(r: r/Id eq 1)",
            ["'any' and 'all'", "collection"],
        ),
    ] {
        let said = refused(&scene, query).await;
        assert!(
            parts.iter().all(|part| said.contains(part)),
            "{query}: {said}"
        );
    }
    jobs(
        &scene,
        "$filter=ReleaseName ne null and Release/Name ne null",
    )
    .await
    .ok(200);
}

async fn keys_of_every_kind(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("o.brien", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    let job_id = id(&job);
    for key in [
        format!("Jobs({job_id})"),
        format!("Jobs({job_id}L)"),
        format!("Jobs(Id={job_id})"),
        format!("jobs(ID={job_id})"),
        format!("Jobs(@id)?@id={job_id}"),
        format!("Jobs%28{job_id}%29"),
        format!(
            "Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={})",
            text(&job, "Key")
        ),
        format!("Jobs/GetByKey(identifier=@k)?@k={}", text(&job, "Key")),
        format!("Jobs/GetByKey(identifier='{}')", text(&job, "Key")),
    ] {
        let found = scene.shared.get(&format!("odata/{key}")).await.ok(200);
        assert_eq!(id(&found), job_id, "{key}");
    }
    let settings = scene
        .app
        .get("odata/Settings('Abp.Timing.TimeZone')")
        .await
        .ok(200);
    assert!(settings["value"].is_string(), "{settings}");
    let arguments = "odata/Processes/GetArguments(key='o.brien:1.0.0')";
    scene.app.get(arguments).await.ok(200);
    for key in [
        "Jobs('x')",
        "Jobs(no)",
        "Jobs(1.5)",
        "Jobs(true)",
        "Jobs(2018-01-01)",
        "Jobs(00000000-0000-0000-0000-000000000001)",
        "Jobs(99999999999999999999)",
        "Jobs(Nothing=1)",
        "Jobs(Id=1,Key=2)",
        "Jobs(1,2)",
        "Jobs(@id)",
        "Jobs(@id)?@id='x",
        "Jobs('x",
        "Jobs(1",
        "Jobs(1)x",
        "Jobs(%FF)",
        "Jobs/GetByKey(identifier=5)",
        "Jobs/GetByKey(identifier=nothing)",
        "Jobs/GetByKey",
    ] {
        let answer = scene.shared.get(&format!("odata/{key}")).await;
        assert_eq!(answer.status, 400, "{key}: {}", answer.text());
    }
    for key in [
        "Jobs(-1)",
        "Jobs(0)",
        "Jobs(9223372036854775807)",
        "Jobs(null)",
    ] {
        let answer = scene.shared.get(&format!("odata/{key}")).await;
        assert!(
            [400, 404].contains(&answer.status),
            "{key}: {}",
            answer.text()
        );
    }
}

async fn numbers_beyond_their_range(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    scene.start_job(&release, json!({})).await;
    for filter in [
        "Id eq -(-9223372036854775808)",
        "Id lt -(-9223372036854775808)",
        "-Id lt 0",
        "Id eq 9223372036854775808",
        "Id add 9223372036854775807 gt 0",
        "Id mul 9223372036854775807 mul 9223372036854775807 gt 0",
        "Id div 0 eq null",
        "Id mod 0 eq null",
        "Id div 0.0 eq null",
        "Id mod 0.0 eq null",
        "round(Id mul 1e300) gt 0",
        "State has 9223372036854775807",
        "substring(ReleaseName,-5,9223372036854775807) ne 'x'",
        "year(CreationTime) lt 99999999999",
        "CreationTime gt 0001-01-01T00:00:00Z and CreationTime lt 9999-12-31T23:59:59.9999999Z",
    ] {
        jobs(&scene, &format!("$filter={filter}")).await.ok(200);
    }
    // One database calculates on with infinity, the other does not.
    for filter in [
        "Id mul 1e308 mul 1e308 gt 0",
        "Id mul 1e-308 mul 1e-308 gt 0",
        "Id div 1e-308 div 1e-308 gt 0",
    ] {
        let answer = jobs(&scene, &format!("$filter={filter}")).await;
        assert!(
            [200, 400].contains(&answer.status),
            "{filter}: {}",
            answer.text()
        );
    }
    let page = jobs(&scene, "$skip=9223372036854775807").await.ok(200);
    assert_eq!(page["value"], json!([]));
}

async fn bodies_of_the_wrong_types(backend: Backend) {
    let scene = scene(backend).await;
    // What is no such structure at all stays null, as the original says.
    for (path, param, body) in [
        (START_JOBS, "startInfo", json!({"startInfo": []})),
        (
            START_JOBS,
            "startInfo",
            json!({"startInfo": {"JobsCount": "many"}}),
        ),
        (
            START_JOBS,
            "startInfo",
            json!({"startInfo": {"RobotIds": 5}}),
        ),
        (
            START_JOBS,
            "startInfo",
            json!({"startInfo": {"Strategy": "None"}}),
        ),
        (
            START_JOBS,
            "startInfo",
            json!({"startInfo": {"MachineRobots": [1]}}),
        ),
        (START_JOBS, "startInfo", json!("startInfo")),
        ("odata/Folders", "folderDto", json!([])),
        ("odata/Machines", "machineDto", json!("x")),
        (
            crate::support::ASSIGN_USERS,
            "assignments",
            json!({"assignments": {"UserIds": "all"}}),
        ),
    ] {
        let said = scene.shared.post(path, &body).await.refused(400, 0);
        let said = text(&said, "message");
        assert!(
            said.starts_with(&format!("{param} must not be null")),
            "{body}: {said}"
        );
    }
    // A member of an entity is named.
    for (body, part) in [
        (json!({}), "The Name field is required."),
        (
            json!({"Name": "x".repeat(5_000)}),
            "The field Name must be a string",
        ),
        (
            json!({"Name": "x", "UnattendedSlots": "two"}),
            "The field UnattendedSlots",
        ),
        (
            json!({"Name": "x", "Type": "Nothing"}),
            "The field Type must be a member",
        ),
        (
            json!({"Name": "a\u{0}b"}),
            "The field Name must not hold NUL.",
        ),
    ] {
        let said = scene.app.post("odata/Machines", &body).await;
        let said = said.refused(400, 1009);
        assert!(text(&said, "message").contains(part), "{body}: {said}");
    }
    let environments = json!({"Name": "hook", "Url": "http://localhost/", "Events": "all"});
    let answer = scene.app.post("odata/Webhooks", &environments).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

async fn patches_of_what_cannot_be_changed(backend: Backend) {
    let scene = scene(backend).await;
    let machine = scene
        .app
        .post(
            "odata/Machines",
            &json!({"Name": "m", "UnattendedSlots": 2}),
        )
        .await
        .ok(201);
    let address = format!("odata/Machines({})", id(&machine));
    let patch = json!({"Id": 77, "Key": "x", "Unknown": {"deep": [1]}, "Description": "new",
        "@odata.type": "#Default.ExtendedMachineDto", "Description@odata.type": "#String"});
    let changed = scene.app.patch(&address, &patch).await;
    assert!([200, 204].contains(&changed.status), "{}", changed.text());
    let mut expected = machine;
    expected["Description"] = "new".into();
    let shown = scene.app.get(&address).await.ok(200);
    for member in [
        "Id",
        "Key",
        "Name",
        "Description",
        "UnattendedSlots",
        "Type",
    ] {
        assert_eq!(shown[member], expected[member], "{member}");
    }
    assert!(shown.get("Unknown").is_none());
    for (patch, code) in [
        (json!({"Name": null}), 1009),
        (json!({"Name": 1.5}), 1009),
        (json!({"UnattendedSlots": "x"}), 1009),
        (json!([]), 0),
        (Value::Null, 0),
    ] {
        let answer = scene.app.patch(&address, &patch).await;
        assert_eq!(answer.status, 400, "{patch}: {}", answer.text());
        let said = answer.refused(400, code);
        assert!(!text(&said, "message").is_empty());
    }
    assert_eq!(scene.app.get(&address).await.ok(200), shown);
    let nobody = json!({"Description": "x"});
    scene
        .app
        .patch("odata/Machines(999999)", &nobody)
        .await
        .refused(404, 1002);
}

async fn deleted_is_deleted(backend: Backend) {
    let scene = scene(backend).await;
    let machine = scene
        .app
        .post("odata/Machines", &json!({"Name": "m"}))
        .await
        .ok(201);
    let address = format!("odata/Machines({})", id(&machine));
    scene.app.delete(&address).await.ok(204);
    scene.app.delete(&address).await.refused(404, 1002);
    scene.app.get(&address).await.refused(404, 1002);
    scene.app.put(&address, &machine).await.refused(404, 1002);
}

async fn methods_and_heads(backend: Backend) {
    let scene = scene(backend).await;
    let send =
        async |method: &str, path: &str| scene.app.send(scene.app.request(method, path)).await;
    for path in [
        "odata",
        "odata/$metadata",
        "odata/Machines",
        "odata/Machines/$count",
        "swagger",
    ] {
        let get = send("GET", path).await;
        let head = send("HEAD", path).await;
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        assert!(head.body.is_empty(), "{path}");
    }
    for path in [
        "odata/%24metadata",
        "odata/Machines/%24count",
        "ODATA/$METADATA",
    ] {
        assert_eq!(send("GET", path).await.status, 200, "{path}");
    }
    for (method, path) in [
        ("POST", "odata"),
        ("PUT", "odata/$metadata"),
        ("DELETE", "odata/$metadata"),
        ("POST", "odata/Machines/$count"),
        ("GET", "odata/Machines(1)/$count"),
        ("PUT", "odata/$batch"),
        ("POST", "odata/Machines(1)"),
        ("TRACE", "odata/Machines"),
    ] {
        let answer = send(method, path).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
    }
}
