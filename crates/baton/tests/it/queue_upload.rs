//! Items from files.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};

use crate::queues::{at, folder, person, queue};
use crate::support::{column, scene, text};

both!(
    every_row_is_an_item,
    files_that_are_refused,
    files_with_many_or_long_columns,
);

async fn upload(client: &Client, queue: &Value, kind: &str, file: impl Into<Vec<u8>>) -> Answer {
    let path = format!("{}/Baton.UploadItems", at("QueueDefinitions", queue));
    let request = client.request("POST", &path).header("Content-Type", kind);
    client.send(request.body(file.into())).await
}

const CSV: &str = "text/csv; charset=utf-8";

async fn every_row_is_an_item(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({"EnforceUniqueReference": true})).await;
    let file = "\u{feff}Reference,Priority,Defer Date,Größe,Note\n\
                one,High,2030-01-02T03:04:05Z,7,\"a, b\"\n\
                two,,,8,\n\
                one,Low,,9,again\n\
                ,Low,,10,nameless\n\
                three,Highest,,11,\n\
                four,,tomorrow,12,\n\
                five,,,13,last\n";
    let answer = upload(&scene.shared, &made, CSV, file).await.ok(200);
    assert_eq!(answer["Success"], false);
    assert_eq!(text(&answer, "Message"), "4 of 7 queue items were refused.");
    let failed: Vec<_> = answer["FailedItems"].as_array().unwrap().iter().collect();
    let failed: Vec<_> = failed
        .iter()
        .map(|f| (&f["Ordinal"], text(f, "ErrorCode")))
        .collect();
    assert_eq!(
        failed,
        [
            (&json!(3), "DuplicateReference"),
            (&json!(4), "TransactionReferenceRequired"),
            (&json!(5), "InvalidArgument"),
            (&json!(6), "InvalidArgument"),
        ]
    );
    let items = scene
        .shared
        .get("odata/QueueItems?$orderby=Id")
        .await
        .ok(200);
    assert_eq!(column(&items, "Reference"), ["one", "two", "five"]);
    assert_eq!(column(&items, "Priority"), ["High", "Normal", "Normal"]);
    let first = &items["value"][0];
    assert_eq!(text(first, "DeferDate"), "2030-01-02T03:04:05Z");
    assert_eq!(
        first["SpecificContent"],
        json!({"Größe": "7", "Note": "a, b"})
    );
}

async fn files_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let send = async |file: &[u8]| upload(&scene.shared, &made, CSV, file).await;
    for empty in ["", "a,b\n"] {
        send(empty.as_bytes()).await.refused(400, 1009);
    }
    send(b"a,b\n1\n").await.refused(400, 1009);
    send(b"a,a\n1,2\n").await.refused(400, 1009);
    let latin = send(b"a\nM\xfcller\n").await.refused(400, 1000);
    assert!(text(&latin, "message").contains("UTF-8"));
    let rows = format!("a\n{}", "1\n".repeat(15_001));
    let long = send(rows.as_bytes()).await.refused(400, 1009);
    assert_eq!(
        text(&long, "message"),
        "The maximum number of rows allowed is 15000. You are trying to upload 15001 records."
    );
    for (kind, file) in [("application/json", "{}"), ("text/plain", "a\n1\n")] {
        let refused = upload(&scene.shared, &made, kind, file).await;
        let refused = refused.refused(400, 1009);
        assert!(text(&refused, "message").contains("text/csv"));
    }
    let nowhere = json!({"Id": 999_999});
    let file = "a\n1\n";
    upload(&scene.shared, &nowhere, CSV, file)
        .await
        .refused(404, 1002);
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    upload(&elsewhere, &made, CSV, file)
        .await
        .refused(404, 1002);
    upload(&scene.app, &made, CSV, file)
        .await
        .refused(400, 1101);
    let reader = scene.server.app_with(&["OR.Queues.Read"]).await;
    let answer = upload(&reader.folder(scene.folder), &made, CSV, file).await;
    assert_eq!(answer.status, 403);
    let worker = person(&scene, "worker", "Automation User").await;
    upload(&worker, &made, CSV, file).await.ok(200);
    // A file where JSON is wanted.
    let body = scene.shared.request("POST", "odata/QueueDefinitions");
    let body = body.header("Content-Type", CSV).body("{\"Name\": \"R\"}");
    scene.shared.send(body).await.refused(400, 0);
    let items = scene.shared.get("odata/QueueItems").await.ok(200);
    assert_eq!(items["value"].as_array().unwrap().len(), 1);
}

/// The names of columns are repeated in each item, and compared with each other.
async fn files_with_many_or_long_columns(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let long = format!("{}\n{}", "n".repeat(10_000), "1\n".repeat(4_000));
    let refused = upload(&scene.shared, &made, CSV, long).await;
    let refused = refused.refused(413, 1031);
    assert!(text(&refused, "message").contains("names of the columns"));
    let names: Vec<_> = (100_000..400_000).map(|n| n.to_string()).collect();
    let wide = format!("{}\n{}\n", names.join(","), ",".repeat(names.len() - 1));
    let answer = upload(&scene.shared, &made, CSV, wide).await.ok(200);
    let code = text(&answer["FailedItems"][0], "ErrorCode");
    assert_eq!(code, "QueueItemContentSizeExceeded");
}
