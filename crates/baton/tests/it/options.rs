//! Query options: an answer honours what it is asked for, or the request is refused by the name of the
//! option. Nothing is ignored.

use serde_json::{Value, json};
use testkit::{Backend, Client, both, package};

use crate::classic::Classic;
use crate::queues::{ADD, add, at, item_data, queue};
use crate::support::{START_JOBS, id, role, scene, text, texts};
use crate::transactions::START;

both!(
    what_is_not_described_is_refused,
    lists_of_plain_values,
    single_things_are_no_lists,
    actions_show_what_they_are_asked_for,
    refused_before_anything_is_done,
);

const OPTIONS: [&str; 7] = [
    "$filter", "$orderby", "$top", "$skip", "$count", "$select", "$expand",
];

/// Every operation is asked for every option that its description does not have.
async fn what_is_not_described_is_refused(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let document = client.get("/swagger/v20.0/swagger.json").await.ok(200);
    let shared = &document["components"]["parameters"];
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let described = described(shared, operation);
            let undescribed = OPTIONS
                .iter()
                .filter(|name| !described.iter().any(|d| d == *name));
            for option in undescribed {
                let answer = ask(client, method, path, option).await;
                let said = format!("{method} {path}?{option}: {}", answer.text());
                asked += 1;
                // What leads nowhere could be expanded, if there was something to name.
                let shows = option == &"$expand" && described.contains(&"$select".to_owned());
                let named = said.contains(&format!("'{option}' cannot be applied here"));
                assert!(
                    answer.status == 400 && named || shows && answer.status >= 400,
                    "{said}"
                );
            }
        }
    }
    assert!(asked > 400, "{asked}");
}

/// The query options that an operation is described with.
fn described(shared: &Value, operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array();
    let name = |parameter: &Value| {
        let reference = parameter["$ref"].as_str();
        let shown = match reference.and_then(|r| r.rsplit('/').next()) {
            Some(name) => &shared[name],
            None => parameter,
        };
        text(shown, "name").to_owned()
    };
    parameters.into_iter().flatten().map(name).collect()
}

async fn ask(client: &Client, method: &str, path: &str, option: &str) -> testkit::Answer {
    let mut address = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after.split_once('}').unwrap();
        address.push_str(before);
        address.push('1');
        rest = after;
    }
    address.push_str(rest);
    let value = if option == "$top" { "1" } else { "x" };
    let url = format!("{address}?{option}={value}");
    let request = client.request(&method.to_uppercase(), &url);
    client.send(request.json(&json!({}))).await
}

async fn lists_of_plain_values(backend: Backend) {
    let stage = Classic::start(backend).await;
    let mut robots = Vec::new();
    for name in ["one", "two", "three"] {
        robots.push(stage.robot(name, json!({})).await);
    }
    let robots: Vec<&Value> = robots.iter().collect();
    let environment = id(&stage.environment("E", &robots).await);
    for robot in &robots {
        stage.host(robot).start(1).await;
    }
    let tenant_role = role(&stage.scene, "Allow to be Automation User").await;
    let unit = stage.folder;
    let mut users = Vec::new();
    for name in ["jane", "john"] {
        let roles = ["Allow to be Automation User"];
        users.push(stage.scene.server.user(name, &roles).await.1);
    }
    let set = json!({"addedUserIds": users, "removedUserIds": []});
    let path = "UiPath.Server.Configuration.OData.SetUsers";
    let path = format!("odata/OrganizationUnits({unit})/{path}");
    stage.app.post(&path, &set).await.ok(204);

    for (function, least) in [
        ("Robots/{}.GetUsernames".to_owned(), 3),
        ("Sessions/{}.GetUsernames".to_owned(), 1),
        (
            format!("OrganizationUnits/{{}}.GetUserIdsForUnit(key={unit})"),
            2,
        ),
        (
            format!("Roles/{{}}.GetUserIdsForRole(key={tenant_role})"),
            2,
        ),
        (
            format!("Environments/{{}}.GetRobotIdsForEnvironment(key={environment})"),
            3,
        ),
    ] {
        let path = function.replace("{}", "UiPath.Server.Configuration.OData");
        let get = async |options: &str| stage.app.get(&format!("odata/{path}{options}")).await;
        let whole = get("").await.ok(200);
        assert_eq!(whole.get("@odata.count"), None, "{whole}");
        let all = whole["value"].as_array().unwrap().clone();
        assert!(all.len() >= least, "{path}: {all:?}");
        let mut found = Vec::new();
        for skip in 0..=all.len() {
            let page = get(&format!("?$top=1&$skip={skip}&$count=true"))
                .await
                .ok(200);
            assert_eq!(page["@odata.count"], all.len(), "{path}");
            assert_eq!(page["@odata.context"], whole["@odata.context"]);
            found.extend(page["value"].as_array().unwrap().clone());
        }
        assert_eq!(found, all, "{path}");
        assert_eq!(get("?$top=0").await.ok(200)["value"], json!([]));
        let silent = get("?$count=false").await.ok(200);
        assert_eq!(silent, whole);
        for wrong in [
            "$top=x",
            "$top=1001",
            "$skip=-1",
            "$count=maybe",
            "$nothing=1",
        ] {
            get(&format!("?{wrong}")).await.refused(400, 1000);
        }
        for option in ["$filter", "$orderby", "$select", "$expand"] {
            let said = get(&format!("?{option}=Id")).await.refused(400, 1000);
            assert!(text(&said, "message").contains(option), "{said}");
        }
    }
}

async fn single_things_are_no_lists(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let by_key = format!(
        "odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetByKey(identifier={})",
        text(&made, "Key")
    );
    for path in [at("QueueDefinitions", &made), by_key] {
        let narrow = client.get(&format!("{path}?$select=Name")).await.ok(200);
        assert_eq!(narrow.get("Id"), None, "{narrow}");
        for option in [
            "$filter=Id eq 0",
            "$orderby=Id",
            "$top=0",
            "$skip=5",
            "$count=true",
        ] {
            let said = client.get(&format!("{path}?{option}")).await;
            let said = said.refused(400, 1000);
            let (name, _) = option.split_once('=').unwrap();
            assert!(text(&said, "message").contains(name), "{said}");
        }
    }
    // Nothing has a number, so everything can leave it out: clients ask for that everywhere.
    for path in [
        at("QueueDefinitions", &made),
        "odata/Settings('Abp.Timing.TimeZone')".into(),
        "odata/Settings/UiPath.Server.Configuration.OData.GetTimezones".into(),
    ] {
        client.get(&format!("{path}?$count=false")).await.ok(200);
        client
            .get(&format!("{path}?$count=true"))
            .await
            .refused(400, 1000);
    }
    // A setting is a text and no entity.
    let setting = "odata/Settings('Abp.Timing.TimeZone')";
    scene
        .app
        .get(&format!("{setting}?$format=json"))
        .await
        .ok(200);
    for option in ["$select=Value", "$expand=x", "$filter=Name eq 'x'"] {
        scene
            .app
            .get(&format!("{setting}?{option}"))
            .await
            .refused(400, 1000);
    }
    // The number of all is not changed by what a page would show, as the protocol says.
    let count = client
        .get("odata/QueueDefinitions/$count?$top=0&$select=Id")
        .await;
    assert_eq!((count.status, count.text().as_str()), (200, "1"));
}

async fn actions_show_what_they_are_asked_for(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let release = scene.release(&package("p", "1.0.0")).await;
    let start = scene.start_info(&release, json!({"JobsCount": 2}));
    let path = format!("{START_JOBS}?$expand=Release($select=Name)&$select=State&$orderby=Id desc");
    let started = client.post(&path, &start).await.ok(201);
    let shown = json!({"State": "Pending", "Release": {"Name": "p"}});
    assert_eq!(started["value"], json!([shown, shown]));

    queue(client, "Q", json!({"Encrypted": true})).await;
    let content = json!({"SpecificContent": {"Name": "a"}});
    let options = "$select=SpecificContent&$expand=QueueDefinition($select=Name)";
    for (path, body, status) in [
        (ADD, item_data("Q", content.clone()), 201),
        (START, json!({"transactionData": {"Name": "Q"}}), 200),
    ] {
        let path = format!("{path}?{options}");
        let mut shown = client.post(&path, &body).await.ok(status);
        shown.as_object_mut().unwrap().remove("@odata.context");
        let expected = json!({"SpecificContent": {"Name": "a"}, "QueueDefinition": {"Name": "Q"}});
        assert_eq!(shown, expected, "{path}");
    }
    // There is none left: no item is shown in no way.
    let take = json!({"transactionData": {"Name": "Q"}});
    let none = client.post(&format!("{START}?$select=Id"), &take).await;
    assert_eq!(none.status, 204);

    let own = "UiPath.Server.Configuration.OData";
    let body = json!({"Name": "R", "RetentionAction": "Delete", "RetentionPeriod": 30});
    let path = format!("odata/QueueDefinitions/{own}.CreateQueue?$select=Name,RetentionPeriod");
    let made = client.post(&path, &body).await.ok(201);
    assert_eq!(
        (&made["RetentionPeriod"], made.get("Id")),
        (&json!(30), None)
    );
    let body = json!({"Name": "again", "ProcessKey": "p", "ProcessVersion": "1.0.0",
        "RetentionAction": "Delete", "RetentionPeriod": 30});
    let path = format!("odata/Releases/{own}.CreateRelease?$select=Name");
    let made = client.post(&path, &body).await.ok(201);
    assert_eq!((text(&made, "Name"), made.get("Id")), ("again", None));
}

async fn refused_before_anything_is_done(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let body = json!({"Name": "Q"});
    let path = "odata/QueueDefinitions?$select=Id";
    let said = client.post(path, &body).await.refused(400, 1000);
    assert!(text(&said, "message").contains("'$select'"), "{said}");
    let named = json!({"requests": [
        {"id": "1", "method": "POST", "url": "QueueDefinitions?$expand=x", "body": body},
        {"id": "2", "method": "POST", "url": "QueueDefinitions?$top=1", "body": body,
            "atomicityGroup": "g"},
    ]});
    let answer = client.post("odata/$batch", &named).await.ok(200);
    for answer in answer["responses"].as_array().unwrap() {
        assert_eq!(answer["status"], 400, "{answer}");
    }
    let list = client.get("odata/QueueDefinitions").await.ok(200);
    assert_eq!(list["value"], json!([]));

    queue(client, "Q", json!({})).await;
    for option in [
        "$filter=Id eq 1",
        "$select=Nothing",
        "$expand=Nothing",
        "$top=1",
    ] {
        let path = format!("{ADD}?{option}");
        let item = item_data("Q", json!({}));
        client.post(&path, &item).await.refused(400, 1000);
    }
    // To see accounts takes the permission to see accounts, whatever shows them.
    let reader = scene.server.app_with(&["OR.Queues"]).await;
    let path = format!("{ADD}?$expand=ReviewerUser");
    let item = item_data("Q", json!({}));
    let refused = reader.folder(scene.folder).post(&path, &item).await;
    assert_eq!(refused.status, 403);
    let list = client.get("odata/QueueItems").await.ok(200);
    assert_eq!(list["value"], json!([]));

    // A request that may be sent again is another one with other options.
    let once = client.with("Idempotency-Key", "k");
    let item = item_data("Q", json!({"Reference": "r"}));
    let path = format!("{ADD}?$select=Reference");
    let first = once.post(&path, &item).await.ok(201);
    assert_eq!(once.post(&path, &item).await.ok(201), first);
    once.post(ADD, &item).await.refused(409, 1028);
    let list = client.get("odata/QueueItems").await.ok(200);
    assert_eq!(texts(&list, "Reference"), ["r"]);
    add(client, "Q", json!({})).await;
}
