//! All items of a queue in one file.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};

use crate::queues::{BULK_ADD, add, folder, person, queue};
use crate::support::{id, scene};

both!(
    a_report_has_every_item,
    a_report_is_read_in_parts,
    a_report_can_be_sorted,
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
        assert_eq!(rows[0]["Deadline"], "2040-01-01T00:00:00Z");
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

async fn reports_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    for option in [
        "$top=1",
        "$skip=1",
        "$select=Id",
        "$expand=Robot",
        "$count=true",
    ] {
        let path = report(&made, &format!("?{option}"));
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
