//! Every refusal of queues by its code, reached as a client reaches it. What each rule is for stands
//! with the tests of the rule; this is the list.

use orchestrator::Code;
use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, both};

use crate::queues::{ADD, BULK_ADD, add, at, item_data, queue};
use crate::support::{scene, text, with};

both!(
    refusals_of_definitions,
    refusals_of_items,
    refusals_of_transactions,
    refusals_by_schemas,
    refusals_of_reviews,
    sizes,
    failed_items_of_many,
);

/// What is asked, and how it is refused.
type Case = (&'static str, Request, u16, Code);

/// A request by method, path and body.
type Request = (&'static str, String, Value);

async fn send(client: &Client, (method, path, body): &Request) -> Answer {
    let request = client.request(method, path);
    let request = match body {
        Value::Null => request,
        body => request.json(body),
    };
    client.send(request).await
}

/// Makes each request; each must be refused as expected and change nothing.
async fn refused(client: &Client, cases: &[Case]) {
    let everything = async || {
        let mut all = Vec::new();
        for set in [
            "QueueDefinitions",
            "QueueItems",
            "QueueItemEvents",
            "QueueRetention",
        ] {
            all.push(client.get(&format!("odata/{set}")).await.ok(200));
        }
        all
    };
    let before = everything().await;
    for (what, request, status, code) in cases {
        let answer = send(client, request).await;
        let shown = format!("{what}: {} answered {}", answer.what, answer.text());
        assert_eq!(
            (answer.status, code.status()),
            (*status, *status),
            "{shown}"
        );
        let body = answer.refused(*status, *code as i64);
        assert!(text(&body, "message").len() > 15, "{shown}");
    }
    assert_eq!(
        everything().await,
        before,
        "a refused request changes nothing"
    );
}

fn get(path: impl Into<String>) -> Request {
    ("GET", path.into(), Value::Null)
}

fn post(path: impl Into<String>, body: Value) -> Request {
    ("POST", path.into(), body)
}

fn put(path: impl Into<String>, body: Value) -> Request {
    ("PUT", path.into(), body)
}

fn delete(path: impl Into<String>) -> Request {
    ("DELETE", path.into(), Value::Null)
}

/// An `AddQueueItem`.
fn adding(queue: &str, more: Value) -> Request {
    post(ADD, item_data(queue, more))
}

/// A `StartTransaction`.
fn taking(queue: &str, more: Value) -> Request {
    let data = with(json!({"Name": queue}), more);
    let path = "odata/Queues/UiPathODataSvc.StartTransaction";
    post(path, json!({"transactionData": data}))
}

/// A `SetTransactionResult`.
fn ending(item: &Value, result: Value) -> Request {
    let path = format!("{}/UiPathODataSvc.SetTransactionResult", at("Queues", item));
    post(path, json!({"transactionResult": result}))
}

/// A `SetTransactionProgress`.
fn progressing(item: &Value, progress: &str) -> Request {
    let path = format!(
        "{}/UiPathODataSvc.SetTransactionProgress",
        at("QueueItems", item)
    );
    post(path, json!({"Progress": progress}))
}

/// Takes the next item of a queue.
async fn taken(client: &Client, queue: &str) -> Value {
    send(client, &taking(queue, json!({}))).await.ok(200)
}

fn done() -> Value {
    json!({"IsSuccessful": true})
}

async fn refusals_of_definitions(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let more = json!({"SpecificDataJsonSchema": schema.to_string()});
    let made = queue(client, "Q", more).await;
    let path = at("QueueDefinitions", &made);
    let schema_of = |kind: &str| {
        get(format!(
            "{path}/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='{kind}')"
        ))
    };
    let define = |body: Value| post("odata/QueueDefinitions", body);
    let keeping = |action: &str, days: i64| {
        let rule = json!({"Action": action, "Period": days, "Type": "Final"});
        put(at("QueueRetention", &made), rule)
    };
    let cases = [
        (
            "a name that is taken",
            define(json!({"Name": "q"})),
            409,
            Code::NameAlreadyUsed,
        ),
        (
            "encryption is settled",
            put(&path, json!({"Name": "Q", "Encrypted": true})),
            409,
            Code::QueueDefinitionParametersCannotChange,
        ),
        (
            "unique references are settled",
            put(&path, json!({"Name": "Q", "EnforceUniqueReference": true})),
            409,
            Code::QueueDefinitionParametersCannotChange,
        ),
        (
            "no JSON",
            define(json!({"Name": "New", "SpecificDataJsonSchema": "{"})),
            400,
            Code::InvalidQueueSchemaDefinition,
        ),
        (
            "no schema",
            define(json!({"Name": "New", "OutputDataJsonSchema": "{\"type\": \"dream\"}"})),
            400,
            Code::InvalidQueueSchemaDefinition,
        ),
        (
            "no schema in place of one",
            put(&path, json!({"Name": "Q", "AnalyticsDataJsonSchema": "[]"})),
            400,
            Code::InvalidQueueSchemaDefinition,
        ),
        (
            "a schema that refuses what the one before took",
            put(
                &path,
                json!({"Name": "Q", "SpecificDataJsonSchema":
                    json!({"type": "object", "required": ["a"]}).to_string()}),
            ),
            400,
            Code::InvalidQueueSchemaDefinitionChange,
        ),
        (
            "a kind of schema that is none",
            schema_of("Dreams"),
            400,
            Code::InvalidQueueSchemaType,
        ),
        (
            "a schema that is not there",
            schema_of("OutputData"),
            404,
            Code::QueueSchemaDefinitionNotFound,
        ),
        (
            "a queue that is not there",
            get("odata/QueueDefinitions(999999)"),
            404,
            Code::ItemNotFound,
        ),
        (
            "a retention that is out of range",
            keeping("Delete", 181),
            400,
            Code::InvalidArgument,
        ),
        (
            "an archive without a bucket",
            keeping("Archive", 30),
            400,
            Code::InvalidArgument,
        ),
    ];
    refused(client, &cases).await;
}

async fn refusals_of_items(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Free", json!({})).await;
    queue(client, "Once", json!({"EnforceUniqueReference": true})).await;
    add(client, "Once", json!({"Reference": "taken"})).await;
    let item = add(client, "Free", json!({})).await;
    let path = at("QueueItems", &item);
    let gone = add(client, "Free", json!({"Reference": "r"})).await;
    client.delete(&at("QueueItems", &gone)).await.ok(204);
    let cases = [
        (
            "a queue that is not there",
            adding("Nowhere", json!({})),
            404,
            Code::ItemNotFound,
        ),
        (
            "many into a queue that is not there",
            post(
                BULK_ADD,
                json!({"queueName": "Nowhere", "commitType": "AllOrNothing", "queueItems": []}),
            ),
            404,
            Code::ItemNotFound,
        ),
        (
            "a reference that is taken",
            adding("Once", json!({"Reference": "TAKEN"})),
            409,
            Code::DuplicateReference,
        ),
        (
            "no reference where one is needed",
            adding("Once", json!({})),
            400,
            Code::TransactionReferenceRequired,
        ),
        (
            "a key that programs cannot address",
            adding("Free", json!({"SpecificContent": {"a.b": 1}})),
            400,
            Code::InvalidArgument,
        ),
        (
            "a value that is no single one",
            adding("Free", json!({"SpecificContent": {"a": [1]}})),
            400,
            Code::InvalidArgument,
        ),
        (
            "an item that is not there",
            put("odata/QueueItems(999999)", json!({"Priority": "Low"})),
            404,
            Code::ItemNotFound,
        ),
        (
            "an item in another version",
            put(
                &path,
                json!({"Priority": "Low", "RowVersion": "AAAAAAAAAAk="}),
            ),
            409,
            Code::OptimisticConcurrency,
        ),
        (
            "more than the content of a deleted item",
            put(
                at("QueueItems", &gone),
                json!({"Reference": "r", "Priority": "Low"}),
            ),
            409,
            Code::FieldNotEditable,
        ),
        (
            "deleting an item that is not there",
            delete("odata/QueueItems(999999)"),
            404,
            Code::ItemNotFound,
        ),
    ];
    refused(client, &cases).await;
    let nowhere = adding("Free", json!({}));
    let answer = send(&scene.app, &nowhere).await;
    answer.refused(400, Code::RequiredOrganizationUnit as i64);
}

async fn refusals_of_transactions(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    queue(client, "Once", json!({"EnforceUniqueReference": true})).await;
    add(client, "Once", json!({"Reference": "taken"})).await;
    let over = add(client, "Q", json!({})).await;
    taken(client, "Q").await;
    send(client, &ending(&over, done())).await.ok(200);
    let new = add(client, "Q", json!({"DeferDate": "2090-01-01T00:00:00Z"})).await;
    let started = send(client, &taking("Q", json!({"SpecificContent": {}})))
        .await
        .ok(200);
    let nobody = json!({"Id": 999_999});
    let cases = [
        (
            "a queue that is not there",
            taking("Nowhere", json!({})),
            404,
            Code::ItemNotFound,
        ),
        (
            "a new item for a queue that is not there",
            taking("Nowhere", json!({"SpecificContent": {}})),
            404,
            Code::ItemNotFound,
        ),
        ("no name", taking("", json!({})), 400, Code::InvalidArgument),
        (
            "a robot that is not there",
            taking(
                "Q",
                json!({"RobotIdentifier": "00000000-0000-0000-0000-00000000000a"}),
            ),
            404,
            Code::ItemNotFound,
        ),
        (
            "a robot that is no key",
            taking("Q", json!({"RobotIdentifier": "robbie"})),
            400,
            Code::InvalidArgument,
        ),
        (
            "another comparison of references",
            taking(
                "Q",
                json!({"Reference": "a", "ReferenceFilterOption": "Contains"}),
            ),
            400,
            Code::InvalidArgument,
        ),
        (
            "a new item with a reference that is taken",
            taking("Once", json!({"Reference": "TAKEN", "SpecificContent": {}})),
            409,
            Code::DuplicateReference,
        ),
        (
            "a new item without the reference it needs",
            taking("Once", json!({"SpecificContent": {}})),
            400,
            Code::TransactionReferenceRequired,
        ),
        (
            "a new item with a content that cannot be",
            taking("Q", json!({"SpecificContent": {"a": [1]}})),
            400,
            Code::InvalidArgument,
        ),
        (
            "the result of an item that is not there",
            ending(&nobody, done()),
            404,
            Code::ItemNotFound,
        ),
        (
            "the result of an item that was not started",
            ending(&new, done()),
            409,
            Code::TransactionNotStarted,
        ),
        (
            "the result of an item that is over",
            ending(&over, done()),
            409,
            Code::QueueItemInvalidTransitionFromFinalStatus,
        ),
        (
            "a failure of an unknown kind",
            ending(
                &started,
                json!({"ProcessingException": {"Type": "Bad luck"}}),
            ),
            400,
            Code::InvalidArgument,
        ),
        (
            "the progress of an item that is not there",
            progressing(&nobody, "half"),
            404,
            Code::ItemNotFound,
        ),
        (
            "the progress of an item that was not started",
            progressing(&new, "half"),
            409,
            Code::InvalidTransactionProgressStatus,
        ),
        (
            "the progress of an item that is over",
            progressing(&over, "half"),
            409,
            Code::InvalidTransactionProgressStatus,
        ),
        (
            "editing an item in progress",
            put(at("QueueItems", &started), json!({"Priority": "Low"})),
            409,
            Code::FieldNotEditable,
        ),
        (
            "deleting an item in progress",
            delete(at("QueueItems", &started)),
            409,
            Code::ItemIsInUse,
        ),
    ];
    refused(client, &cases).await;
    for request in [
        taking("Q", json!({})),
        ending(&started, done()),
        progressing(&started, "half"),
    ] {
        let answer = send(&scene.app, &request).await;
        answer.refused(400, Code::RequiredOrganizationUnit as i64);
    }
    send(client, &ending(&started, done())).await.ok(200);
}

async fn refusals_by_schemas(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let schema = json!({"type": "object", "required": ["n"],
        "properties": {"n": {"type": "integer"}}});
    let schema = schema.to_string();
    let more = json!({"SpecificDataJsonSchema": schema, "OutputDataJsonSchema": schema,
        "AnalyticsDataJsonSchema": schema});
    queue(client, "Strict", more).await;
    let good = json!({"n": 1});
    let item = add(client, "Strict", json!({"SpecificContent": good})).await;
    taken(client, "Strict").await;
    let code = Code::QueueItemSchemaViolationException;
    let result =
        |name: &str, value: Value| ending(&item, json!({"IsSuccessful": true, name: value}));
    let cases = [
        (
            "a content",
            adding("Strict", json!({"SpecificContent": {"n": "one"}})),
            400,
            code,
        ),
        (
            "a content without what it needs",
            taking("Strict", json!({"SpecificContent": {}})),
            400,
            code,
        ),
        ("an output", result("Output", json!({"n": 1.5})), 400, code),
        ("analytics", result("Analytics", json!({})), 400, code),
    ];
    refused(client, &cases).await;
    let items = json!([{"SpecificContent": good}, {"SpecificContent": {"n": null}}]);
    let body = json!({"queueName": "Strict", "commitType": "ProcessAllIndependently",
        "queueItems": items});
    let answer = client.post(BULK_ADD, &body).await.ok(200);
    assert_eq!(failures(&answer), [(2, code)]);
    let right = json!({"IsSuccessful": true, "Output": good, "Analytics": good});
    send(client, &ending(&item, right)).await.ok(200);
}

/// Bulk operations answer with the items to which nothing could be done, and say no more.
async fn refusals_of_reviews(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    let item = add(client, "Q", json!({})).await;
    let named = json!([{"Id": item["Id"], "RowVersion": item["RowVersion"]}]);
    let call = |name: &str, mut body: Value| {
        body["queueItems"] = named.clone();
        post(format!("odata/QueueItems/UiPathODataSvc.{name}"), body)
    };
    for request in [
        call("SetItemReviewStatus", json!({"status": "Retried"})),
        call("SetItemReviewStatus", json!({"status": "Verified"})),
        call("UnsetItemReviewer", json!({})),
    ] {
        let answer = send(client, &request).await.ok(200);
        assert_eq!(answer["Success"], false, "{request:?}");
        assert_eq!(answer["FailedItems"], json!([item["Id"]]), "{request:?}");
    }
    let cases = [(
        "nobody who may review",
        call("SetItemReviewer", json!({"userId": 999_999})),
        400,
        Code::ReviewerNotAvailable,
    )];
    refused(client, &cases).await;
}

async fn sizes(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Q", json!({})).await;
    add(client, "Q", json!({})).await;
    let item = taken(client, "Q").await;
    let failed = |member: &str, length: usize| {
        let text = "ü".repeat(length);
        ending(
            &item,
            json!({"ProcessingException": {"Reason": "r", member: text}}),
        )
    };
    let result = |member: &str, length: usize| {
        let text = "ü".repeat(length - r#"{"k":""}"#.len());
        ending(&item, json!({"IsSuccessful": true, member: {"k": text}}))
    };
    let cases = [
        (
            "Output",
            result("Output", 51_201),
            413,
            Code::QueueItemOutputDataSizeExceeded,
        ),
        (
            "Analytics",
            result("Analytics", 5_121),
            413,
            Code::QueueItemAnalyticsDataSizeExceeded,
        ),
        (
            "Reason",
            failed("Reason", 102_401),
            413,
            Code::QueueProcessingExceptionFieldSizeExceeded,
        ),
        (
            "Details",
            failed("Details", 102_401),
            413,
            Code::QueueProcessingExceptionFieldSizeExceeded,
        ),
        (
            "AssociatedImageFilePath",
            failed("AssociatedImageFilePath", 102_401),
            413,
            Code::QueueProcessingExceptionFieldSizeExceeded,
        ),
        (
            "Progress of an item in progress",
            progressing(&item, &"ü".repeat(104_858)),
            413,
            Code::QueueItemProgressDataSizeExceeded,
        ),
        (
            "SpecificContent of an item that is started at once",
            taking("Q", json!({"SpecificContent": {"k": "ü".repeat(256_000)}})),
            413,
            Code::QueueItemContentSizeExceeded,
        ),
        (
            "SpecificContent",
            adding("Q", json!({"SpecificContent": {"k": "ü".repeat(256_000)}})),
            413,
            Code::QueueItemContentSizeExceeded,
        ),
        (
            "Progress",
            adding("Q", json!({"Progress": "ü".repeat(104_858)})),
            413,
            Code::QueueItemProgressDataSizeExceeded,
        ),
    ];
    refused(client, &cases).await;
    let fits =
        json!({"SpecificContent": {"k": "ü".repeat(255_992)}, "Progress": "ü".repeat(104_857)});
    add(client, "Q", fits).await;
    let progress = progressing(&item, &"ü".repeat(104_857));
    send(client, &progress).await.ok(200);
    send(client, &failed("Details", 102_400)).await.ok(200);
    let again = send(client, &taking("Q", json!({"SpecificContent": {}})))
        .await
        .ok(200);
    let result = json!({"IsSuccessful": true, "Output": {"k": "ü".repeat(51_192)},
        "Analytics": {"k": "ü".repeat(5_112)}});
    send(client, &ending(&again, result)).await.ok(200);
}

async fn failed_items_of_many(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    queue(client, "Once", json!({"EnforceUniqueReference": true})).await;
    let items = json!([
        {"Reference": "a"},
        {"Reference": "A"},
        {},
        {"Reference": "b", "SpecificContent": {"x": {}}},
        {"Reference": "c", "Progress": "x".repeat(104_858)},
        {"Reference": "d", "SpecificContent": {"k": "x".repeat(256_000)}},
        {"Reference": "e"},
        {"Reference": "f\0"},
        {"Reference": "g", "Priority": "Highest"},
        {"Reference": "h".repeat(129)},
        "i",
        null,
    ]);
    let expected = [
        (2, Code::DuplicateReference),
        (3, Code::TransactionReferenceRequired),
        (4, Code::InvalidArgument),
        (5, Code::QueueItemProgressDataSizeExceeded),
        (6, Code::QueueItemContentSizeExceeded),
        (8, Code::InvalidArgument),
        (9, Code::InvalidArgument),
        (10, Code::InvalidArgument),
        (11, Code::InvalidArgument),
        (12, Code::InvalidArgument),
    ];
    let body = |kind: &str| json!({"queueName": "Once", "commitType": kind, "queueItems": items});
    for (kind, count) in [("AllOrNothing", 10), ("StopOnFirstFailure", 1)] {
        let answer = client.post(BULK_ADD, &body(kind)).await.ok(200);
        assert_eq!(failures(&answer), expected[..count].to_vec(), "{kind}");
    }
    let deleted = client.get("odata/QueueItems").await.ok(200);
    client
        .delete(&at("QueueItems", &deleted["value"][0]))
        .await
        .ok(204);
    let answer = client
        .post(BULK_ADD, &body("ProcessAllIndependently"))
        .await
        .ok(200);
    assert_eq!(failures(&answer), expected.to_vec());
    let too_many = vec![json!({}); 15_001];
    let bulk =
        json!({"queueName": "Once", "commitType": "StopOnFirstFailure", "queueItems": too_many});
    client.post(BULK_ADD, &bulk).await.refused(400, 1009);
}

/// The ordinals and codes of the items that were refused.
fn failures(answer: &Value) -> Vec<(i64, Code)> {
    let failed = answer["FailedItems"].as_array().unwrap();
    assert_eq!(answer["Success"], failed.is_empty(), "{answer}");
    let one = |failed: &Value| {
        let ordinal = failed["Ordinal"].as_i64().unwrap();
        assert!(!text(failed, "ErrorMessage").is_empty(), "{failed}");
        let known = BULK_CODES
            .iter()
            .find(|code| code.name() == text(failed, "ErrorCode"));
        (ordinal, *known.unwrap_or_else(|| panic!("{failed}")))
    };
    failed.iter().map(one).collect()
}

/// The codes that items of many are refused with here.
const BULK_CODES: &[Code] = &[
    Code::DuplicateReference,
    Code::TransactionReferenceRequired,
    Code::InvalidArgument,
    Code::QueueItemProgressDataSizeExceeded,
    Code::QueueItemContentSizeExceeded,
    Code::QueueItemSchemaViolationException,
];
