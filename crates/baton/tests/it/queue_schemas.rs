//! Items of queues with schemas: nothing gets in or out that is not as they say.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::queues::{ADD, BULK_ADD, add, at, item_data, queue};
use crate::support::{id, scene, text};

both!(
    contents_are_as_the_queue_says,
    a_content_that_is_left_out_counts_as_empty,
    results_are_as_the_queue_says,
    a_result_that_is_left_out_counts_as_empty_unless_it_failed,
    a_changed_schema_counts_at_once,
);

const START: &str = "odata/Queues/UiPathODataSvc.StartTransaction";

/// A schema that wants a number called `n`, and nothing else.
fn number() -> String {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["n"],
        "properties": {"n": {"$ref": "#/definitions/number"}}, "additionalProperties": false,
        "definitions": {"number": {"type": "integer", "minimum": 1}},
    });
    schema.to_string()
}

async fn contents_are_as_the_queue_says(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(
        client,
        "Q",
        json!({"SpecificDataJsonSchema": number(), "Encrypted": true}),
    )
    .await;
    let with = |content: Value| json!({"SpecificContent": content});
    let item = add(client, "Q", with(json!({"n": 1}))).await;
    for (wrong, place) in [
        (json!({"n": "s3cret"}), "at /n "),
        (json!({"n": 0}), "at /n "),
        (json!({}), "\"n\""),
        (json!({"n": 1, "m": 2}), "'m'"),
        (json!({"n": null}), "at /n "),
    ] {
        let body = item_data("Q", with(wrong.clone()));
        let refused = client.post(ADD, &body).await.refused(400, 1906);
        let message = text(&refused, "message");
        assert!(message.starts_with("SpecificContent is not"), "{message}");
        assert!(message.contains(place), "{wrong}: {message}");
        assert!(!message.contains("s3cret"), "{message}");
        let body = json!({"transactionData": {"Name": "Q", "SpecificContent": wrong}});
        client.post(START, &body).await.refused(400, 1906);
    }
    let bulk = json!({"queueName": "Q", "commitType": "ProcessAllIndependently", "queueItems": [
        with(json!({"n": 2})), with(json!({"n": "x"})), with(json!({"n@odata.type": "#Int64", "n": "3"})),
    ]});
    let answer = client.post(BULK_ADD, &bulk).await.ok(200);
    assert_eq!(
        answer["FailedItems"].as_array().unwrap().len(),
        1,
        "{answer}"
    );
    assert_eq!(answer["FailedItems"][0]["Ordinal"], 2);
    let code = text(&answer["FailedItems"][0], "ErrorCode");
    assert_eq!(code, "QueueItemSchemaViolationException");
    let edit = with(json!({"n": "x"}));
    client
        .put(&at("QueueItems", &item), &edit)
        .await
        .refused(400, 1906);
    let all = client.get("odata/QueueItems?$orderby=Id").await.ok(200);
    let numbers: Vec<_> = all["value"].as_array().unwrap().iter().collect();
    let numbers: Vec<_> = numbers.iter().map(|i| &i["SpecificContent"]["n"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

async fn a_content_that_is_left_out_counts_as_empty(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({"SpecificDataJsonSchema": number()})).await;
    for nothing in [json!({}), json!({"SpecificContent": null})] {
        let body = item_data("Q", nothing);
        let refused = client.post(ADD, &body).await.refused(400, 1906);
        let message = text(&refused, "message");
        assert!(message.contains("\"n\" is a required"), "{message}");
    }
    let bulk = json!({"queueName": "Q", "commitType": "ProcessAllIndependently", "queueItems": [
        {"Reference": "none"}, {"Reference": "one", "SpecificContent": {"n": 1}},
    ]});
    let answer = client.post(BULK_ADD, &bulk).await.ok(200);
    assert_eq!(answer["FailedItems"].as_array().unwrap().len(), 1);
    assert_eq!(answer["FailedItems"][0]["Ordinal"], 1, "{answer}");
    let all = client.get("odata/QueueItems").await.ok(200);
    assert_eq!(all["value"].as_array().unwrap().len(), 1, "{all}");
    let item = &all["value"][0];
    // What an edit leaves out is removed, which a schema may not allow either.
    let put = json!({"Name": "Q", "Priority": "High"});
    client
        .put(&at("QueueItems", item), &put)
        .await
        .refused(400, 1906);
    let read = client.get(&at("QueueItems", item)).await.ok(200);
    assert_eq!(read["SpecificContent"], json!({"n": 1}));
    assert_eq!(text(&read, "Priority"), "Normal");

    // A schema that requires nothing has nothing against items without content.
    let lenient = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    let with = json!({"SpecificDataJsonSchema": lenient.to_string()});
    queue(client, "Lenient", with).await;
    let item = add(client, "Lenient", json!({})).await;
    assert_eq!(item["SpecificContent"], Value::Null);
}

async fn a_result_that_is_left_out_counts_as_empty_unless_it_failed(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let schemas = json!({"OutputDataJsonSchema": number(), "AnalyticsDataJsonSchema": number()});
    queue(client, "Q", schemas).await;
    let take = async || {
        add(client, "Q", json!({"SpecificContent": {"a": 1}})).await;
        let start = json!({"transactionData": {"Name": "Q"}});
        let item = client.post(START, &start).await.ok(200);
        let number = id(&item);
        let path = format!("odata/Queues({number})/UiPathODataSvc.SetTransactionResult");
        (item, path)
    };
    let of = |result: Value| json!({"transactionResult": result});
    let (item, path) = take().await;
    for (missing, result) in [
        ("Output", json!({"IsSuccessful": true})),
        (
            "Output",
            json!({"IsSuccessful": true, "Analytics": {"n": 1}}),
        ),
        (
            "Analytics",
            json!({"IsSuccessful": true, "Output": {"n": 1}, "Analytics": null}),
        ),
    ] {
        let refused = client.post(&path, &of(result)).await.refused(400, 1906);
        let message = text(&refused, "message");
        assert!(
            message.starts_with(&format!("{missing} is not")),
            "{message}"
        );
    }
    let read = client.get(&at("QueueItems", &item)).await.ok(200);
    assert_eq!(text(&read, "Status"), "InProgress");
    let good = json!({"IsSuccessful": true, "Output": {"n": 1}, "Analytics": {"n": 2}});
    client.post(&path, &of(good)).await.ok(200);

    let (item, path) = take().await;
    let later = json!({"IsSuccessful": false, "DeferDate": "2020-01-01T00:00:00Z"});
    client.post(&path, &of(later)).await.ok(200);
    let start = json!({"transactionData": {"Name": "Q"}});
    let again = client.post(START, &start).await.ok(200);
    assert_eq!(id(&again), id(&item));
    let failed = json!({"IsSuccessful": false, "ProcessingException": {"Reason": "no printer"}});
    client.post(&path, &of(failed)).await.ok(200);
    let read = client.get(&at("QueueItems", &item)).await.ok(200);
    assert_eq!(text(&read, "Status"), "Failed");
    assert_eq!(read["Output"], Value::Null);
}

async fn results_are_as_the_queue_says(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let schemas = json!({"OutputDataJsonSchema": number(), "AnalyticsDataJsonSchema": number()});
    queue(client, "Q", schemas).await;
    for successful in [true, false] {
        add(
            client,
            "Q",
            json!({"SpecificContent": {"anything": "goes"}}),
        )
        .await;
        let start = json!({"transactionData": {"Name": "Q"}});
        let item = client.post(START, &start).await.ok(200);
        let path = format!(
            "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
            id(&item)
        );
        let end = async |output: Value, analytics: Value| {
            let body = json!({"transactionResult": {
                "IsSuccessful": successful, "Output": output, "Analytics": analytics,
            }});
            client.post(&path, &body).await
        };
        let good = json!({"n": 1});
        let output = end(json!({"n": "x"}), good.clone())
            .await
            .refused(400, 1906);
        assert!(
            text(&output, "message").starts_with("Output is not"),
            "{output}"
        );
        let analytics = end(good.clone(), json!({})).await.refused(400, 1906);
        assert!(
            text(&analytics, "message").starts_with("Analytics is not"),
            "{analytics}"
        );
        let read = client.get(&at("QueueItems", &item)).await.ok(200);
        assert_eq!(text(&read, "Status"), "InProgress");
        assert_eq!(read["Output"], Value::Null);
        end(good.clone(), good).await.ok(200);
        let read = client.get(&at("QueueItems", &item)).await.ok(200);
        assert_eq!(read["Output"], json!({"n": 1}));
    }
}

async fn a_changed_schema_counts_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({"SpecificDataJsonSchema": number()})).await;
    let put = async |schema: Value| {
        let body = json!({"Name": "Q", "SpecificDataJsonSchema": schema});
        client
            .put(&at("QueueDefinitions", &made), &body)
            .await
            .ok(200);
    };
    let body = item_data("Q", json!({"SpecificContent": {"n": "x"}}));
    client.post(ADD, &body).await.refused(400, 1906);
    put(json!(
        r#"{"properties": {"n": {"type": ["integer", "string"]}}}"#
    ))
    .await;
    client.post(ADD, &body).await.ok(201);
    put(Value::Null).await;
    add(client, "Q", json!({"SpecificContent": {"m": true}})).await;
    put(json!(number())).await;
    client.post(ADD, &body).await.refused(400, 1906);
}
