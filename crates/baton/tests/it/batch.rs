//! Several requests in one, in both formats.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};

use crate::support::{id, scene, text, texts};

both!(
    requests_one_after_another,
    a_group_that_succeeds_and_refers_to_itself,
    a_group_that_fails_leaves_nothing,
    each_request_has_its_own_rights,
    the_old_format,
    batches_that_cannot_be_read,
);

async fn send(client: &Client, requests: Value) -> Vec<Value> {
    let body = json!({"requests": requests});
    let answer = client.post("odata/$batch", &body).await.ok(200);
    answer["responses"].as_array().unwrap().clone()
}

fn statuses(responses: &[Value]) -> Vec<i64> {
    responses
        .iter()
        .map(|one| one["status"].as_i64().unwrap())
        .collect()
}

async fn names(client: &Client, set: &str) -> Vec<String> {
    let list = client
        .get(&format!("odata/{set}?$orderby=Name"))
        .await
        .ok(200);
    texts(&list, "Name")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

async fn requests_one_after_another(backend: Backend) {
    let scene = scene(backend).await;
    let folder = scene.folder.to_string();
    let responses = send(&scene.app, json!([
        {"id": "1", "method": "post", "url": "Machines", "body": {"Name": "one"}},
        {"id": "2", "method": "get", "url": "/odata/Machines?$filter=Name eq 'one'&$select=Name"},
        {"id": "3", "method": "GET", "url": "Machines(999999)"},
        {"id": "4", "method": "get", "url": "$1?$select=Name", "dependsOn": ["1"]},
        {"id": "5", "method": "get", "url": "$3", "dependsOn": ["3"]},
        {"id": "6", "method": "get", "url": format!("{}/odata/Jobs", scene.server.url),
            "headers": {"X-UIPATH-OrganizationUnitId": folder}},
        {"id": "7", "method": "delete", "url": "$1", "dependsOn": ["1"]},
    ]))
    .await;
    assert_eq!(
        statuses(&responses),
        [201, 200, 404, 200, 424, 200, 204],
        "{responses:#?}"
    );
    assert_eq!(responses[0]["body"]["Name"], "one");
    let location = text(&responses[0]["headers"], "location");
    assert!(location.ends_with(&format!("Machines({})", id(&responses[0]["body"]))));
    assert_eq!(responses[1]["body"]["value"], json!([{"Name": "one"}]));
    assert_eq!(responses[2]["body"]["errorCode"], 1002);
    assert_eq!(responses[3]["body"]["Name"], "one");
    assert_eq!(responses[5]["body"]["@odata.count"], 0);
    assert_eq!(names(&scene.app, "Machines").await, ["Local"]);
}

async fn a_group_that_succeeds_and_refers_to_itself(backend: Backend) {
    let scene = scene(backend).await;
    let responses = send(
        &scene.app,
        json!([
            {"id": "a", "atomicityGroup": "g", "method": "post", "url": "Machines",
                "body": {"Name": "one"}},
            {"id": "b", "atomicityGroup": "g", "method": "patch", "url": "$a",
                "body": {"Description": "changed"}},
            {"id": "c", "atomicityGroup": "g", "method": "post", "url": "Users", "body":
                {"UserName": "jane", "Password": "Pa55word-of-jane", "RolesList": []}},
            {"id": "d", "method": "get", "url": "$a", "dependsOn": ["g"]},
        ]),
    )
    .await;
    let expected = statuses(&responses);
    assert!(
        expected.iter().all(|status| (200..300).contains(status)),
        "{responses:#?}"
    );
    assert_eq!(responses[3]["body"]["Description"], "changed");
    // The password's slow work was done too.
    scene.server.sign_in("jane", "Pa55word-of-jane").await;
}

async fn a_group_that_fails_leaves_nothing(backend: Backend) {
    let scene = scene(backend).await;
    let group = |name: &str, more: Value| {
        let mut request = json!({"atomicityGroup": "g", "method": "post", "url": "Machines",
            "body": {"Name": name}});
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        request
    };
    let responses = send(
        &scene.app,
        json!([
            group("one", json!({"id": "1"})),
            group("local", json!({"id": "2"})),
            group("two", json!({"id": "3"})),
            {"id": "4", "method": "get", "url": "Machines", "dependsOn": ["g"]},
            {"id": "5", "method": "get", "url": "Machines?$select=Name"},
        ]),
    )
    .await;
    assert_eq!(statuses(&responses), [424, 409, 424, 424, 200]);
    assert_eq!(responses[1]["body"]["errorCode"], 1001);
    assert_eq!(responses[4]["body"]["value"], json!([{"Name": "Local"}]));
    let responses = send(
        &scene.app,
        json!([
            group("one", json!({"id": "1"})),
            group(
                "two",
                json!({"id": "2", "url": "$nobody", "method": "patch"})
            ),
        ]),
    );
    let answer = responses.await;
    assert_eq!(statuses(&answer), [424, 400]);
    assert_eq!(names(&scene.app, "Machines").await, ["Local"]);
}

async fn each_request_has_its_own_rights(backend: Backend) {
    let scene = scene(backend).await;
    let reader = scene.server.app_with(&["OR.Machines.Read"]).await;
    let responses = send(
        &reader,
        json!([
            {"id": "1", "method": "get", "url": "Machines"},
            {"id": "2", "method": "post", "url": "Machines", "body": {"Name": "one"}},
            {"id": "3", "method": "get", "url": "Releases"},
        ]),
    )
    .await;
    assert_eq!(statuses(&responses), [200, 403, 403]);
    // One of them may bring another credential.
    let token = format!("Bearer {}", scene.app.token());
    let responses = send(
        &reader,
        json!([
            {"id": "1", "method": "post", "url": "Machines", "body": {"Name": "one"},
                "headers": {"Authorization": token}},
        ]),
    )
    .await;
    assert_eq!(statuses(&responses), [201]);
    let body = json!({"requests": []});
    let anonymous = scene.server.anonymous();
    anonymous.post("odata/$batch", &body).await.refused(401, 0);
}

async fn multipart(client: &Client, body: &str) -> Answer {
    let request = client
        .request("POST", "odata/$batch")
        .header("Content-Type", "multipart/mixed; boundary=b")
        .body(body.replace('\n', "\r\n"));
    client.send(request).await
}

async fn the_old_format(backend: Backend) {
    let scene = scene(backend).await;
    let body = "--b\nContent-Type: application/http\n\nGET Machines?$select=Name HTTP/1.1\n\n
--b\nContent-Type: multipart/mixed; boundary=c\n
--c\nContent-Type: application/http\nContent-ID: 1\n
POST Machines HTTP/1.1\nContent-Type: application/json\n\n{\"Name\": \"one\"}
--c\nContent-Type: application/http\nContent-ID: 2\n
PATCH $1 HTTP/1.1\nContent-Type: application/json\n\n{\"Description\": \"d\"}
--c--
--b--
";
    let answer = multipart(&scene.app, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-type").starts_with("multipart/mixed"));
    let said = answer.text();
    for part in [
        "HTTP/1.1 200 ",
        "HTTP/1.1 201 ",
        "{\"Name\":\"Local\"}",
        "Content-ID: 1",
    ] {
        assert!(
            said.to_lowercase().contains(&part.to_lowercase()),
            "{part} in {said}"
        );
    }
    let made = scene
        .app
        .get("odata/Machines?$filter=Name eq 'one'")
        .await
        .ok(200);
    assert_eq!(text(&made["value"][0], "Description"), "d");
}

async fn batches_that_cannot_be_read(backend: Backend) {
    let scene = scene(backend).await;
    let nested = json!([{"id": "1", "method": "post", "url": "$batch", "body": {"requests": []}}]);
    let many: Vec<Value> = (0..101)
        .map(|n| json!({"id": n.to_string(), "method": "get", "url": "Machines"}))
        .collect();
    let twice = json!([{"id": "1", "method": "get", "url": "Jobs"},
        {"id": "1", "method": "get", "url": "Jobs"}]);
    for requests in [nested, json!(many), twice, json!("x"), json!([1])] {
        let body = json!({"requests": requests});
        scene
            .app
            .post("odata/$batch", &body)
            .await
            .refused(400, 1000);
    }
    scene
        .app
        .post_raw("odata/$batch", "{")
        .await
        .refused(400, 1000);
    multipart(&scene.app, "--b\nnothing")
        .await
        .refused(400, 1000);
    let elsewhere = json!([{"id": "1", "method": "get", "url": "https://example.com/odata/Jobs"},
        {"id": "2", "method": "get", "url": "Nothing"}]);
    assert_eq!(statuses(&send(&scene.app, elsewhere).await), [400, 404]);
    scene.app.get("odata/$batch").await.refused(404, 0);
}
