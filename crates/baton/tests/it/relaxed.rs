//! Bodies as clients write them that were made for the original's forgiving reader.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Host, both, package};

use crate::queues::{ADD, BULK_ADD, queue};
use crate::support::{START_JOBS, STOP_JOBS, id, running, scene, text, texts};

both!(
    single_quotes_everywhere,
    numbers_and_truth_values_as_text,
    what_cannot_be_read_is_told,
    bodies_that_nobody_asked_for,
    robots_speak_so_too,
    batches_as_people_write_them,
);

async fn send(client: &Client, method: &str, path: &str, body: &str) -> Answer {
    let request = client
        .request(method, path)
        .header("Content-Type", "application/json");
    client.send(request.body(body.to_owned())).await
}

async fn single_quotes_everywhere(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    // An entity, as a Python program prints a dictionary.
    let body = "{'Name': 'M', 'Description': \"it's\", 'UnattendedSlots': 2, /* or 3 */}";
    let machine = send(&scene.app, "POST", "odata/Machines", body)
        .await
        .ok(201);
    assert_eq!(text(&machine, "Description"), "it's");
    let path = format!("odata/Machines({})", id(&machine));
    let patch = "// changed\n{Description: 'new'}";
    let patched = send(&scene.app, "PATCH", &path, patch).await;
    assert!(patched.status < 300, "{}", patched.text());
    let shown = scene.app.get(&path).await.ok(200);
    assert_eq!(text(&shown, "Description"), "new");
    // Actions.
    let start = format!(
        "{{'startInfo': {{'ReleaseKey': '{}', 'Strategy': 'ModernJobsCount', 'JobsCount': 01, \
         'InputArguments': \"{{'a': 1}}\",}}}}",
        text(&release, "Key")
    );
    let jobs = send(&scene.shared, "POST", START_JOBS, &start)
        .await
        .ok(201);
    assert_eq!(text(&jobs["value"][0], "InputArguments"), "{\"a\":1}");
    let stop = format!(
        "{{'jobIds': [{},], 'strategy': 'Kill'}}",
        jobs["value"][0]["Id"]
    );
    send(&scene.shared, "POST", STOP_JOBS, &stop).await.ok(200);
    queue(&scene.shared, "Q", json!({})).await;
    let item = "{'itemData': {'Name': 'Q', 'SpecificContent': {'a': 0x10, 'b': 'ü\\u00e4'}}}";
    let item = send(&scene.shared, "POST", ADD, item).await.ok(201);
    assert_eq!(item["SpecificContent"], json!({"a": 16, "b": "üä"}));
    let items =
        "{queueName: 'Q', commitType: 'AllOrNothing', queueItems: [{SpecificContent: {a: 1,},},],}";
    let added = send(&scene.shared, "POST", BULK_ADD, items).await.ok(200);
    assert_eq!(added["Success"], true);
    // Addresses that are not OData's.
    let key = text(
        &scene.app.get("odata/Folders").await.ok(200)["value"][0],
        "Key",
    )
    .to_owned();
    let path = format!("api/Folders/PatchNameDescription?key={key}");
    let patched = send(&scene.app, "PATCH", &path, "{'description': 'new'}").await;
    assert!(patched.status < 300, "{}", patched.text());
    // Signing in.
    let login = "{'usernameOrEmailAddress': 'admin', 'password': 'PASSWORD',}";
    let login = login.replace("PASSWORD", testkit::ADMIN_PASSWORD);
    let anonymous = scene.server.anonymous();
    let token = send(&anonymous, "POST", "api/Account/Authenticate", &login).await;
    assert!(token.ok(200)["result"].is_string());
}

async fn numbers_and_truth_values_as_text(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let info = scene.start_info(&release, json!({"JobsCount": "2"}));
    let jobs = scene.shared.post(START_JOBS, &info).await.ok(201);
    assert_eq!(jobs["value"].as_array().unwrap().len(), 2);
    let ids: Vec<String> = jobs["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|j| id(j).to_string())
        .collect();
    let stop = json!({"jobIds": ids, "strategy": "2"});
    scene.shared.post(STOP_JOBS, &stop).await.ok(200);

    let machine = json!({"Name": 7, "UnattendedSlots": "3"});
    let machine = scene.app.post("odata/Machines", &machine).await.ok(201);
    assert_eq!(
        (&machine["Name"], &machine["UnattendedSlots"]),
        (&json!("7"), &json!(3))
    );
    let path = format!("odata/Machines({})", id(&machine));
    let patched = scene
        .app
        .patch(&path, &json!({"UnattendedSlots": " 4 "}))
        .await;
    assert!(patched.status < 300, "{}", patched.text());
    assert_eq!(scene.app.get(&path).await.ok(200)["UnattendedSlots"], 4);

    let settings = json!({"MaxNumberOfRetries": "2", "AcceptAutomaticallyRetry": "true",
        "EnforceUniqueReference": "False", "Encrypted": 0});
    let made = queue(&scene.shared, "Q", settings).await;
    assert_eq!(
        (
            &made["MaxNumberOfRetries"],
            &made["AcceptAutomaticallyRetry"]
        ),
        (&json!(2), &json!(true))
    );
    let item = json!({"itemData": {"Name": "Q", "Reference": 12345, "Priority": "2",
        "SpecificContent": {"n": "1", "t": "true", "x": 5}}});
    let item = scene.shared.post(ADD, &item).await.ok(201);
    assert_eq!(text(&item, "Reference"), "12345");
    // What is no declared member stays as it came.
    assert_eq!(
        item["SpecificContent"],
        json!({"n": "1", "t": "true", "x": 5})
    );
    let taken = json!({"transactionData": {"Name": "Q"}});
    let path = "odata/Queues/UiPathODataSvc.StartTransaction";
    let taken = scene.shared.post(path, &taken).await.ok(200);
    let path = format!(
        "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
        id(&taken)
    );
    let result = json!({"transactionResult": {"IsSuccessful": "true"}});
    scene.shared.post(&path, &result).await.ok(200);
    let path = format!("odata/QueueItems({})", id(&taken));
    let ended = scene.shared.get(&path).await.ok(200);
    assert_eq!(text(&ended, "Status"), "Successful");

    // A password of digits is a password, and a flag as text a flag.
    let user =
        json!({"UserName": "digits", "Password": 1_234_567_890, "MayHaveUserSession": "false"});
    let user = scene.app.post("odata/Users", &user).await.ok(201);
    assert_eq!(user["MayHaveUserSession"], false);
    scene.server.sign_in("digits", "1234567890").await;
    for (body, part) in [
        (
            json!({"Name": "x", "UnattendedSlots": "2.5"}),
            "UnattendedSlots",
        ),
        (
            json!({"Name": "x", "UnattendedSlots": ""}),
            "UnattendedSlots",
        ),
        (
            json!({"Name": "x", "UnattendedSlots": "99999999999"}),
            "UnattendedSlots",
        ),
        (json!({"Name": 1.10}), "Name"),
        (json!({"Name": {}}), "Name"),
    ] {
        let said = scene
            .app
            .post("odata/Machines", &body)
            .await
            .refused(400, 1009);
        assert!(text(&said, "message").contains(part), "{body}: {said}");
    }
    let flag = json!({"UserName": "y", "MayHaveUserSession": "perhaps"});
    scene
        .app
        .post("odata/Users", &flag)
        .await
        .refused(400, 1009);
    let info = scene.start_info(&release, json!({"JobsCount": "two"}));
    scene.shared.post(START_JOBS, &info).await.refused(400, 0);
}

async fn what_cannot_be_read_is_told(backend: Backend) {
    let scene = scene(backend).await;
    let told = async |client: &Client, path: &str, param: &str| {
        let body = "{\n  'a': 1\n  'b': 2}";
        let said = send(client, "POST", path, body).await.refused(400, 0);
        let expected = format!(
            "{param} must not be null: the body is not valid JSON: a comma or }} is expected at line \
             3, column 3"
        );
        assert_eq!(text(&said, "message"), expected, "{path}");
    };
    let robot = scene.server.machine();
    told(&scene.app, "odata/Machines", "machineDto").await;
    told(&scene.app, "odata/Users", "userDto").await;
    told(&scene.shared, START_JOBS, "startInfo").await;
    told(&scene.shared, ADD, "itemData").await;
    told(&scene.shared, BULK_ADD, "bulkAddQueueItemsRequest").await;
    told(&scene.app, "api/Logs/SubmitLogs", "messages").await;
    told(&robot, "api/RobotsService/StartService", "startServiceDto").await;
    told(&robot, "api/RobotsService/SubmitJobState", "heartbeats").await;
    told(
        &scene.server.anonymous(),
        "api/Account/Authenticate",
        "loginModel",
    )
    .await;
    // Who may not, is told that first.
    let (somebody, _) = scene.server.user("somebody", &[]).await;
    send(&somebody, "POST", "odata/Machines", "{")
        .await
        .refused(403, 0);
    // Too deep and too long are refused, however a body is written.
    let deep = format!("{{'a':{}", "[".repeat(100_000));
    let said = send(&scene.app, "POST", "odata/Machines", &deep)
        .await
        .refused(400, 0);
    assert!(
        text(&said, "message").contains("nested too deeply at line 1"),
        "{said}"
    );
    let long = format!("{{'Name': '{}'}}", "x".repeat(30_000_000));
    let answer = send(&scene.app, "POST", "odata/Machines", &long).await;
    assert_eq!(answer.status, 413);
}

async fn bodies_that_nobody_asked_for(backend: Backend) {
    let scene = scene(backend).await;
    let machine = json!({"Name": "M"});
    let machine = scene.app.post("odata/Machines", &machine).await.ok(201);
    let path = format!("odata/Machines({})", id(&machine));
    let said = send(&scene.app, "DELETE", &path, "{'a'")
        .await
        .refused(400, 0);
    let expected = "body must not be null: the body is not valid JSON: ";
    assert!(text(&said, "message").starts_with(expected), "{said}");
    // Nothing was done.
    scene.app.get(&path).await.ok(200);
    send(&scene.app, "DELETE", &path, " ").await.ok(204);
    let robot = scene.server.machine();
    send(&robot, "POST", "api/RobotsService/StartService", "")
        .await
        .ok(200);
}

async fn robots_speak_so_too(backend: Backend) {
    let scene = scene(backend).await;
    let (host, job) = running(&scene).await;
    let key = text(&job, "Key");
    let line = format!(
        "[\"{{'message': 'it\\\\'s', 'level': '4', 'jobId': '{key}', 'organizationUnitId': '{}',}}\",]",
        scene.folder
    );
    let sent = send(&host.client, "POST", "api/Logs/SubmitLogs", &line).await;
    sent.ok(200);
    let logs = scene.shared.get("odata/RobotLogs").await.ok(200);
    assert_eq!(texts(&logs, "Message"), ["it's"]);
    assert_eq!(texts(&logs, "Level"), ["Error"]);
    let raw: Value = serde_json::from_str(texts(&logs, "RawMessage")[0]).unwrap();
    assert_eq!(raw["jobId"], key);
    let wrong = "[\"{'message'\"]";
    let said = send(&host.client, "POST", "api/Logs/SubmitLogs", wrong).await;
    let said = said.refused(400, 1009);
    assert!(
        text(&said, "message").contains("at line 1, column 11"),
        "{said}"
    );
    let report = format!("[{{'jobKey': '{key}', 'jobState': 'Successful', 'attempt': '1',}},]");
    send(
        &host.client,
        "POST",
        "api/RobotsService/SubmitJobState",
        &report,
    )
    .await
    .ok(200);
    assert_eq!(text(&scene.job(&job["Id"]).await, "State"), "Successful");
    let name = STANDARD.encode("höst");
    let other = Host::new(scene.server.machine().with("X-ROBOT-MACHINE-ENCODED", name));
    send(
        &other.client,
        "POST",
        "api/RobotsService/StartService",
        "{'Slots': '2'}",
    )
    .await
    .ok(200);
    let sessions = "odata/Sessions/UiPath.Server.Configuration.OData.GetGlobalSessions";
    let sessions = scene.app.get(sessions).await.ok(200);
    assert!(texts(&sessions, "HostMachineName").contains(&"höst"));
}

async fn batches_as_people_write_them(backend: Backend) {
    let scene = scene(backend).await;
    let batch = "{'requests': [ // two\n\
        {id: 1, method: 'post', url: 'Machines', headers: {'content-type': 'application/json; \
         charset=iso-8859-1'}, body: {'Name': 'Jürgen',},},\n\
        {id: 2, method: 'post', url: 'Machines', atomicityGroup: 1, dependsOn: [1], body: {Name: 'two'}},\
        ]}";
    // A name for a group that a request has.
    send(&scene.app, "POST", "odata/$batch", batch)
        .await
        .refused(400, 1000);
    let batch = batch.replace("atomicityGroup: 1", "atomicityGroup: 'g'");
    let answer = send(&scene.app, "POST", "odata/$batch", &batch)
        .await
        .ok(200);
    let statuses: Vec<_> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| &r["status"])
        .collect();
    assert_eq!(statuses, [201, 201], "{answer}");
    assert_eq!(answer["responses"][0]["body"]["Name"], "Jürgen");
    // The parts of the older format have bodies of their own.
    let part = |body: &[u8], kind: &str| {
        let head = format!(
            "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: \
             application/http\r\nContent-ID: 1\r\n\r\nPOST Machines HTTP/1.1\r\nContent-Type: {kind}\r\n\r\n"
        );
        [head.as_bytes(), body, b"\r\n--c--\r\n--b--\r\n"].concat()
    };
    let post = async |body: Vec<u8>| {
        let request = scene.app.request("POST", "odata/$batch");
        let request = request.header("Content-Type", "multipart/mixed; boundary=b");
        let answer = scene.app.send(request.body(body)).await;
        assert_eq!(answer.status, 200);
        answer.text()
    };
    let kind = "application/json; charset=iso-8859-1";
    let answered = post(part(b"{'Name': 'B\xfcro'}", kind)).await;
    assert!(
        answered.contains("HTTP/1.1 201") && answered.contains("Büro"),
        "{answered}"
    );
    let answered = post(part(b"{'Name'", "application/json")).await;
    let expected = "machineDto must not be null: the body is not valid JSON: a colon is expected at line 1, column 8";
    assert!(answered.contains(expected), "{answered}");
    let answered = post(part(b"{}", "application/json; charset=klingon")).await;
    assert!(answered.contains("HTTP/1.1 415"), "{answered}");
}
