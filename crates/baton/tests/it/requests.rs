//! What headers and addresses say about an answer: how much it tells of itself, whether there is
//! one, which version of an entity is meant, and how many there are.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::support::{id, scene, text};

both!(
    levels_of_metadata,
    formats,
    the_number_alone,
    an_answer_that_nobody_wants,
    one_version_of_an_item,
    changes_in_a_batch_are_followed,
    batches_keep_their_limits,
);

async fn levels_of_metadata(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    let path = format!("odata/Jobs({})?$expand=Release", id(&job));
    let accepting = |level: &str| {
        let accept = format!("application/json;odata.metadata={level}");
        scene.shared.with("Accept", accept)
    };
    let answer = accepting("full").get(&path).await;
    let kind = answer.header("content-type").to_owned();
    assert!(kind.contains("odata.metadata=full"), "{kind}");
    let full = answer.ok(200);
    let address = format!("{}/odata/Jobs({})", scene.server.url, id(&job));
    assert_eq!(full["@odata.type"], "#Default.JobDto");
    assert_eq!(full["@odata.id"], address.as_str());
    assert_eq!(full["Id@odata.type"], "#Int64");
    assert_eq!(full["Key@odata.type"], "#Guid");
    assert_eq!(full["Release"]["@odata.type"], "#Default.SimpleReleaseDto");
    assert!(full.get("EndTime@odata.type").is_none(), "null has no type");

    let none = accepting("none").get(&path).await.ok(200);
    let annotated = |value: &Value| {
        let names = value.as_object().unwrap().keys();
        names.filter(|name| name.contains('@')).count()
    };
    assert_eq!((annotated(&none), annotated(&none["Release"])), (0, 0));
    let minimal = accepting("minimal").get(&path).await.ok(200);
    assert_eq!(annotated(&minimal), 1, "the context");
    assert_eq!(minimal["Id"], none["Id"]);

    // The number that was asked for is data.
    let page = accepting("none")
        .get("odata/Jobs?$count=true")
        .await
        .ok(200);
    assert_eq!((&page["@odata.count"], annotated(&page)), (&json!(1), 1));
    let license = "odata/Settings/UiPath.Server.Configuration.OData.GetLicense";
    let license = accepting("none").get(license).await.ok(200);
    assert_eq!(annotated(&license), 0, "{license}");
    // $format counts more than Accept.
    let path = "odata/Jobs?$FORMAT=application%2Fjson%3Bodata.metadata%3Dnone";
    let page = accepting("full").get(path).await.ok(200);
    assert!(page.get("@odata.context").is_none(), "{page}");
}

async fn formats(backend: Backend) {
    let scene = scene(backend).await;
    for query in ["$format=json", "%24format=json", "$format=application/json"] {
        scene
            .app
            .get(&format!("odata/Machines?{query}"))
            .await
            .ok(200);
    }
    for query in ["$format=xml", "$FORMAT=atom", "$format=%FF", "$format="] {
        let answer = scene.app.get(&format!("odata/Machines?{query}")).await;
        answer.refused(400, 1000);
    }
    let xml = scene
        .app
        .get("odata/$metadata?%24format=application%2Fxml")
        .await;
    assert!(xml.header("content-type").starts_with("application/xml"));
    let json = scene.app.get("odata/$metadata?$FORMAT=json").await;
    assert!(json.header("content-type").starts_with("application/json"));
}

async fn the_number_alone(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    scene.start_jobs(&release, json!({"JobsCount": 3})).await;
    let number = async |path: &str| {
        let answer = scene.shared.get(&format!("odata/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(
            answer.header("content-type").starts_with("text/plain"),
            "{path}"
        );
        answer.text()
    };
    assert_eq!(number("Jobs/$count").await, "3");
    assert_eq!(number("Jobs/$count?$filter=State eq 'Pending'").await, "3");
    assert_eq!(number("Jobs/$count?$filter=State eq 'Running'").await, "0");
    assert_eq!(
        number("Jobs/$count?$filter=Release/Name eq 'p'&$top=1&$skip=1").await,
        "3"
    );
    assert_eq!(number("Jobs()/%24count").await, "3");
    for path in ["Jobs/$count?$filter=Nothing eq 1", "Jobs/$count?$nothing=1"] {
        let answer = scene.shared.get(&format!("odata/{path}")).await;
        answer.refused(400, 1000);
    }
    // A robot gets it, although pages do not tell robots their number.
    let host = Host::new(scene.server.machine());
    let started = host.start(1).await;
    let key = text(&started["robots"][0], "robotKey");
    let robot = scene.server.anonymous().folder(scene.folder);
    let robot = robot.with("Authorization", format!("UiRobot {key}"));
    assert_eq!(robot.get("odata/Jobs/$count").await.text(), "3");
    let page = robot.get("odata/Jobs").await.ok(200);
    assert!(page.get("@odata.count").is_none(), "{page}");
    let page = robot.get("odata/Jobs?$count=true").await.ok(200);
    assert_eq!(page["@odata.count"], 3);
}

async fn an_answer_that_nobody_wants(backend: Backend) {
    let scene = scene(backend).await;
    let minimal = scene.app.with("Prefer", "respond-async, return=minimal");
    let made = minimal.post("odata/Machines", &json!({"Name": "m"})).await;
    assert_eq!((made.status, made.body.len()), (204, 0), "{}", made.text());
    assert_eq!(made.header("preference-applied"), "return=minimal");
    let location = made.header("location").to_owned();
    assert_eq!(made.header("odata-entityid"), location);
    let path = location.strip_prefix(&scene.server.url).unwrap();
    let machine = scene.app.get(path).await.ok(200);
    assert_eq!(text(&machine, "Name"), "m");
    let changed = minimal.patch(path, &json!({"Description": "d"})).await;
    assert_eq!(changed.status, 204, "{}", changed.text());
    // Most changes answer nothing anyway, unless the caller prefers the entity.
    let silent = scene.app.patch(path, &json!({"Description": "e"})).await;
    assert_eq!((silent.status, silent.body.len()), (200, 0));
    assert_eq!(silent.header("preference-applied"), "");
    let whole = scene.app.with("Prefer", "return=representation");
    for answer in [
        whole.patch(path, &json!({"Description": "d"})).await,
        whole
            .put(path, &json!({"Name": "m", "Description": "d"}))
            .await,
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("preference-applied"), "return=representation");
        assert_eq!(text(&answer.json(), "Description"), "d");
    }
    // What is refused says why, whatever the caller prefers; and a read is always answered.
    minimal
        .post("odata/Machines", &json!({"Name": "m"}))
        .await
        .refused(409, 1001);
    assert_eq!(text(&minimal.get(path).await.ok(200), "Description"), "d");
}

async fn one_version_of_an_item(backend: Backend) {
    let scene = scene(backend).await;
    let definition = json!({"Name": "q"});
    scene
        .shared
        .post("odata/QueueDefinitions", &definition)
        .await
        .ok(201);
    let item = json!({"itemData": {"Name": "q", "SpecificContent": {"a": 1}}});
    let add = "odata/Queues/UiPathODataSvc.AddQueueItem";
    let item = scene.shared.post(add, &item).await.ok(201);
    let path = format!("odata/QueueItems({})", id(&item));
    let read = scene.shared.get(&path).await;
    let tag = read.header("etag").to_owned();
    let version = read.ok(200)["RowVersion"].clone();
    assert_eq!(tag, format!("W/\"{}\"", version.as_str().unwrap()));

    let change = json!({"Name": "q", "Progress": "changed"});
    let meaning = |tag: &str| scene.shared.with("If-Match", tag);
    let changed = meaning(&tag).put(&path, &change).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let newer = changed.header("etag").to_owned();
    assert!(!newer.is_empty() && newer != tag, "{newer}");
    meaning(&tag).put(&path, &change).await.refused(412, 1020);
    meaning(&tag).delete(&path).await.refused(412, 1020);
    for nonsense in ["nonsense", "\"\"", "W/\"AAAA\""] {
        meaning(nonsense)
            .put(&path, &change)
            .await
            .refused(400, 1000);
    }
    let again = meaning("*").put(&path, &change).await;
    assert_eq!((again.status, again.body.len()), (200, 0));
    let last = again.header("etag").trim_start_matches("W/").to_owned();
    let twice = scene.shared.request("DELETE", &path);
    let twice = twice.header("If-Match", &last).header("If-Match", "*");
    scene.shared.send(twice).await.refused(400, 1000);
    let deleted = meaning(&last).delete(&path).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text());
}

/// A host that waits learns of a job that a group of changes started.
async fn changes_in_a_batch_are_followed(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    let request = |id: &str, body: Value| {
        json!({"id": id, "atomicityGroup": "g", "method": "POST", "body": body,
            "url": "Jobs/UiPath.Server.Configuration.OData.StartJobs"})
    };
    let good = scene.start_info(&release, json!({}));
    let bad = scene.start_info(&release, json!({"JobsCount": 0}));
    let failed = json!({"requests": [request("1", good.clone()), request("2", bad)]});
    let answer = scene.shared.post("odata/$batch", &failed).await.ok(200);
    assert_eq!(answer["responses"][1]["status"], 400, "{answer}");
    assert_eq!(scene.shared.get("odata/Jobs/$count").await.text(), "0");
    let group = json!({"requests": [request("1", good)]});
    let answer = scene.shared.post("odata/$batch", &group).await.ok(200);
    let job = answer["responses"][0]["body"]["value"][0].clone();
    let commands = json!(host.heartbeat().await).to_string();
    assert!(commands.contains(text(&job, "Key")), "{commands}");
}

async fn batches_keep_their_limits(backend: Backend) {
    let scene = scene(backend).await;
    let reads = |n: usize| {
        let one = |i| json!({"id": format!("r{i}"), "method": "GET", "url": "Machines/$count"});
        (0..n).map(one).collect::<Vec<_>>()
    };
    let send = async |requests: Value| {
        scene
            .app
            .post("odata/$batch", &json!({"requests": requests}))
            .await
    };
    let answer = send(json!(reads(100))).await.ok(200);
    let responses = answer["responses"].as_array().unwrap();
    let ids: Vec<&str> = responses.iter().map(|one| text(one, "id")).collect();
    let expected: Vec<String> = (0..100).map(|i| format!("r{i}")).collect();
    assert_eq!(ids, expected);
    assert!(
        responses
            .iter()
            .all(|one| one["status"] == 200 && one["body"] == "1")
    );
    let said = send(json!(reads(101))).await.refused(400, 1000);
    assert!(text(&said, "message").contains("100"), "{said}");
    // A read cannot be part of what takes effect as a whole.
    let read = json!([{"id": "1", "atomicityGroup": "g", "method": "GET", "url": "Machines"}]);
    send(read).await.refused(400, 1000);
    // Large bodies are as good in a batch as by themselves, and as limited.
    let body = json!({"Name": "large", "Other": "x".repeat(5_000_000)});
    let large = json!([{"id": "1", "method": "POST", "url": "Machines", "body": body}]);
    assert_eq!(send(large).await.ok(200)["responses"][0]["status"], 201);
    let larger = json!([{"id": "1", "method": "POST", "url": "x".repeat(30_000_001)}]);
    send(larger).await.refused(413, 1031);
    // What a batch leaves out is told in the envelope of every error.
    let after = json!([
        {"id": "1", "method": "GET", "url": "Machines(999999)"},
        {"id": "2", "method": "GET", "url": "Machines", "dependsOn": ["1"]},
    ]);
    let answer = send(after).await.ok(200);
    for part in answer["responses"].as_array().unwrap() {
        for member in ["message", "errorCode", "traceId", "resourceIds"] {
            assert!(part["body"].get(member).is_some(), "{member} in {part}");
        }
    }
}
