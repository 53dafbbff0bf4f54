//! All items of a queue in one file.

use std::collections::BTreeSet;
use std::sync::Arc;

use odata::{Folders, Metadata, Timestamp};
use orchestrator::{Args, Caller, Cx, Folder, Identity, Reply, Server, operations};
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both};

use crate::queues::{BULK_ADD, add, between, folder, meanwhile, person, queue};
use crate::support::{ASSIGN_USERS, assignment, id, role, scene, text};
use crate::transactions::{end, take};

both!(
    a_report_has_every_item,
    the_columns_are_those_that_connectors_read,
    a_report_is_read_in_parts,
    a_report_can_be_sorted,
    a_report_ends_whatever_happens_meanwhile,
    reports_that_are_refused,
);

fn report(queue: &Value, options: &str) -> String {
    let key = id(queue);
    format!("odata/QueueDefinitions({key})/UiPathODataSvc.Reports{options}")
}

/// The rows of a report.
async fn rows(client: &Client, path: &str) -> Vec<Value> {
    table(&client.get(path).await)
}

/// The rows of a file, as objects by its headings.
pub fn table(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert!(answer.header("content-disposition").ends_with(".csv\""));
    let mut reader = csv::Reader::from_reader(&answer.body[..]);
    let headings = reader.headers().unwrap().clone();
    let object = |row: csv::StringRecord| {
        let cells = headings.iter().zip(row.iter());
        cells
            .map(|(heading, cell)| (heading.to_owned(), cell.into()))
            .collect()
    };
    reader
        .records()
        .map(|row| Value::Object(object(row.unwrap())))
        .collect()
}

async fn a_report_has_every_item(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({"Encrypted": true})).await;
    queue(client, "Other", json!({})).await;
    add(client, "Other", json!({"Reference": "elsewhere"})).await;
    let more = json!({"Reference": "a \"quoted\", text\nin two lines", "Priority": "High",
        "DueDate": "2040-01-01T00:00:00Z", "SpecificContent": {"Name": "Größe", "N": 1}});
    let first = add(client, "Q", more).await;
    let formula = json!({"Reference": "b", "Progress": "=HYPERLINK(\"http://x\")"});
    let second = add(client, "Q", formula).await;
    let admin = scene.server.admin().await.folder(scene.folder);
    for client in [client, &admin] {
        let rows = rows(client, &report(&made, "")).await;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["Id"], id(&first).to_string());
        assert_eq!(rows[0]["Reference"], first["Reference"]);
        assert_eq!(rows[0]["Deadline (absolute)"], "2040-01-01T00:00:00Z");
        assert_eq!(
            (&rows[0]["Status"], &rows[0]["Priority"]),
            (&json!("New"), &json!("High"))
        );
        assert_eq!(rows[0]["Specific Data"], r#"{"Name":"Größe","N":1}"#);
        assert_eq!(rows[1]["Progress"], "'=HYPERLINK(\"http://x\")");
        assert_eq!(
            (&rows[1]["Robot"], &rows[1]["Specific Data"]),
            (&json!(""), &json!(""))
        );
    }
    let narrow = rows(client, &report(&made, "?$filter=Reference eq 'B'")).await;
    assert_eq!(narrow.len(), 1);
    assert_eq!(narrow[0]["Key"], second["Key"]);
    assert!(
        rows(client, &report(&made, "?$filter=Id lt 0"))
            .await
            .is_empty()
    );
}

async fn the_columns_are_those_that_connectors_read(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let dates = json!({"DueDate": "2040-01-01T00:00:00.25Z", "DeferDate": "2020-01-01T00:00:00Z"});
    add(&scene.shared, "Q", dates).await;
    let item = take(&scene.shared, "Q", json!({})).await;
    let failed = json!({"IsSuccessful": false, "Output": {"Sum": 17},
        "ProcessingException": {"Reason": "r", "Details": "line 5", "Type": "BusinessException"}});
    end(&scene.shared, &item, failed).await.ok(200);
    let (reviewer, user) = scene.server.user("reviewer", &[]).await;
    let assign = assignment(user, scene.folder, &[role(&scene, "Automation User").await]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let ask = json!({"userId": user, "queueItems": [{"Id": item["Id"]}]});
    let path = "odata/QueueItems/UiPathODataSvc.SetItemReviewer";
    scene.shared.post(path, &ask).await.ok(200);
    // It took a minute and a half, and 100 ns.
    const TIMES: &[&str] = &[
        "UPDATE queue_items SET start_processing = 17040672000000001,
        end_processing = 17040672900000002",
    ];
    meanwhile(&mut scene, TIMES).await;

    // Whoever reads the file sees what it holds, asked for or not.
    let reader = reviewer.folder(scene.folder);
    for options in [
        "",
        "?$expand=Robot,ReviewerUser",
        "?$expand=robot&$orderby=Id",
    ] {
        let rows = rows(&reader, &report(&made, options)).await;
        assert_eq!(rows.len(), 1);
        let [row] = &rows[..] else { unreachable!() };
        for (heading, cell) in [
            ("Reviewer Name", "reviewer"),
            ("Exception", "BusinessException"),
            ("Exception Reason", "r"),
            ("Exception Details", "line 5"),
            ("Deadline (absolute)", "2040-01-01T00:00:00.250000Z"),
            ("Postpone (absolute)", "2020-01-01T00:00:00Z"),
            ("Started (absolute)", "2024-01-01T00:00:00.000000Z"),
            ("Ended (absolute)", "2024-01-01T00:01:30.000000Z"),
            ("Transaction Execution Time", "90"),
            ("Specific Data", ""),
            ("Output", r#"{"Sum":17}"#),
            ("Retry No.", "0"),
        ] {
            assert_eq!(row[heading], cell, "{heading}{options}");
        }
        let created = text(row, "Created (absolute)");
        let digits = created.trim_end_matches('Z').rsplit('.').next().unwrap();
        assert_eq!(digits.len(), 6, "{created}");
    }
    let accounts = report(&made, "?$filter=ReviewerUser/UserName eq 'reviewer'");
    let refused = reader.get(&accounts).await;
    assert_eq!(
        refused.status, 403,
        "who may not see accounts asks nothing of them"
    );
}

async fn a_report_is_read_in_parts(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let items: Vec<_> = (0..1_000)
        .map(|n| json!({"Reference": format!("r{n}")}))
        .collect();
    let mut references = Vec::new();
    for count in [1_000, 1_000, 500] {
        let body = json!({"queueName": "Q", "commitType": "AllOrNothing",
            "queueItems": items[..count]});
        client.post(BULK_ADD, &body).await.ok(200);
        references.extend(items[..count].iter().map(|item| item["Reference"].clone()));
        // Also when the last part is full.
        let rows = rows(client, &report(&made, "")).await;
        let found: Vec<_> = rows.iter().map(|row| row["Reference"].clone()).collect();
        assert!(
            found == references,
            "{} of {} items",
            found.len(),
            references.len()
        );
    }
}

async fn a_report_can_be_sorted(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    // More than two parts; half of the items have no due date.
    let items: Vec<_> = (0..250)
        .map(|n| match n % 2 {
            0 => json!({"Reference": format!("r{n:03}")}),
            _ => json!({"Reference": format!("r{n:03}"),
                "DueDate": format!("2040-01-{:02}T00:00:00Z", n % 28 + 1)}),
        })
        .collect();
    let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
    client.post(BULK_ADD, &body).await.ok(200);
    let mut sorted: Vec<_> = items
        .iter()
        .map(|item| (item["DueDate"].as_str(), item["Reference"].as_str()))
        .filter(|(_, reference)| *reference != Some("r100"))
        .collect();
    sorted.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let options = "?$filter=Reference ne 'r100'&$orderby=DueDate desc,Reference";
    let rows = rows(client, &report(&made, options)).await;
    let found: Vec<_> = rows.iter().map(|row| row["Reference"].as_str()).collect();
    let sorted: Vec<_> = sorted.iter().map(|(_, reference)| *reference).collect();
    assert_eq!(found, sorted);
}

/// A report that is read part by part, as the server does it.
struct Parts {
    server: Arc<Server>,
    caller: Caller,
    folder: Folder,
    args: Args,
}

impl Parts {
    fn of(scene: &Scene, tenant: i64, queue: &Value, query: &str) -> Self {
        let keys = identity::Keys::load_or_create(&scene.server.data().join("keys")).unwrap();
        Self {
            server: Arc::new(Server::new(keys)),
            caller: Caller::new(tenant, Identity::Server, Vec::new()),
            folder: Folder {
                id: scene.folder,
                key: String::new(),
                path: "Shared".into(),
                modern: true,
            },
            args: Args {
                key: Some(odata::path::Literal::Int(id(queue))),
                query: query.to_owned(),
                ..Args::default()
            },
        }
    }

    /// The file, between whose first two parts something happens.
    fn read(&mut self, tx: &mut db::Tx<'_>, meanwhile: &[&str]) -> Vec<u8> {
        let mut file = self.part(tx);
        for statement in meanwhile {
            tx.exec(statement, &[]).unwrap();
        }
        while self.args.after.is_some() {
            file.extend(self.part(tx));
        }
        file
    }

    fn part(&mut self, tx: &mut db::Tx<'_>) -> Vec<u8> {
        let mut all = operations();
        let op = all.find(|op| (op.at.set, op.at.name) == ("QueueDefinitions", "Reports"));
        let mut cx = Cx {
            tx,
            now: Timestamp::now(),
            caller: &self.caller,
            args: &self.args,
            folder: Some(&self.folder),
            folders: Folders::One(self.folder.id),
            base: "",
            metadata: Metadata::None,
            server: &self.server,
            hints: BTreeSet::new(),
        };
        match op.unwrap().task(&self.args).unwrap().run(&mut cx).unwrap() {
            Reply::Part { body, next, .. } => {
                self.args.after = next;
                body
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn a_report_ends_whatever_happens_meanwhile(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let items: Vec<_> = (0..250)
        .map(|n| json!({"Reference": format!("r{n:03}")}))
        .collect();
    let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
    scene.shared.post(BULK_ADD, &body).await.ok(200);
    let tenant = |tx: &mut db::Tx<'_>| tx.number("SELECT tenant_id FROM queue_definitions", &[]);
    let tenant = between(&mut scene, tenant).await;
    let mut oldest_first = Parts::of(&scene, tenant, &made, "");
    let wanted = "$filter=Reference ne 'r010'&$orderby=Reference desc";
    let mut sorted = Parts::of(&scene, tenant, &made, wanted);
    let files = between(&mut scene, move |tx| {
        let late = "INSERT INTO queue_items (tenant_id, queue_definition_id, status, priority,
                 creation_time, key, unique_key, reference)
             SELECT tenant_id, queue_definition_id, 0, 1, 1, key, key, 'late' FROM queue_items";
        let gone = "DELETE FROM queue_items WHERE reference IN ('r120', 'late')";
        let changed = "UPDATE queue_items SET reference = 'r010' WHERE reference = 'r100'";
        Ok([
            oldest_first.read(tx, &[late]),
            sorted.read(tx, &[gone, late, changed]),
        ])
    })
    .await;
    let references = |file: &[u8]| -> Vec<String> {
        let mut reader = csv::Reader::from_reader(file);
        let rows = reader.records().map(|row| row.unwrap()[2].to_owned());
        rows.collect()
    };
    let all: Vec<_> = (0..250).map(|n| format!("r{n:03}")).collect();
    assert_eq!(references(&files[0]), all);
    // What was removed, or is not what was asked for any more, is left out; what came is, too.
    let left = |reference: &&String| !["r010", "r100", "r120"].contains(&reference.as_str());
    let left: Vec<_> = all.iter().rev().filter(left).cloned().collect();
    assert_eq!(references(&files[1]), left);
}

async fn reports_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    for option in ["$top=1", "$skip=1", "$select=Id", "$count=true"] {
        let path = report(&made, &format!("?{option}"));
        let said = client.get(&path).await.refused(400, 1000);
        let (name, _) = option.split_once('=').unwrap();
        assert!(text(&said, "message").contains(name), "{said}");
    }
    for expand in [
        "QueueDefinition",
        "Robot($select=Id)",
        "Robot,QueueDefinition",
    ] {
        let path = report(&made, &format!("?$expand={expand}"));
        client.get(&path).await.refused(400, 1009);
    }
    for option in ["$filter=Nothing eq 1", "$orderby=Nothing", "$orderby="] {
        let nonsense = report(&made, &format!("?{option}"));
        client.get(&nonsense).await.refused(400, 1000);
    }
    let nowhere = report(&json!({"Id": 999_999}), "");
    client.get(&nowhere).await.refused(404, 1002);
    scene.app.get(&report(&made, "")).await.refused(400, 1101);
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    elsewhere.get(&report(&made, "")).await.refused(404, 1002);
    client
        .post(&report(&made, ""), &json!({}))
        .await
        .refused(404, 0);
    let worker = person(&scene, "worker", "Automation User").await;
    assert!(rows(&worker, &report(&made, "")).await.is_empty());
    let stranger = scene.server.user("stranger", &[]).await.0;
    let refused = stranger.folder(scene.folder).get(&report(&made, "")).await;
    assert_eq!(refused.status, 403);
}
