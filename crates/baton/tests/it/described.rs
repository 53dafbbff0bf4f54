//! What the server says of itself: `$metadata` in both formats, the OpenAPI document and its page.

use std::collections::HashSet;

use odata::edm::{EntitySet, Kind};
use odata::metadata::{Model, OpSig};
use orchestrator::{Op, operations, resources};
use serde_json::{Value, json};
use testkit::{Backend, both, package};

use crate::queues::{add, at, item_data, queue};
use crate::support::{id, scene, server, text, texts, with};

both!(
    metadata_in_both_formats,
    the_openapi_document,
    answers_have_the_status_of_the_document,
    the_page,
);

/// Whatever an operation takes or gives is described, and no two things have one name.
#[test]
fn the_model_is_closed() {
    let sets: Vec<&'static EntitySet> = resources().map(|resource| resource.set).collect();
    let ops: Vec<OpSig> = operations().map(Op::signature).collect();
    let declared = || operations();
    let results: Vec<_> = declared().filter_map(Op::result).collect();
    let types: Vec<Kind> = declared().filter_map(Op::result_kind).collect();
    let undefined = odata::metadata::undefined(&Model {
        sets: &sets,
        ops: &ops,
        results: &results,
        types: &types,
    });
    assert!(undefined.is_empty(), "{undefined:#?}");
}

async fn metadata_in_both_formats(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    let document = anonymous.get("odata").await.ok(200);
    let sets = texts(&document, "name");
    let xml = anonymous.get("odata/$metadata").await.text();
    let json = anonymous.get("odata/$metadata?$format=json").await.ok(200);
    assert_eq!(anonymous.get("odata/?$format=xml").await.text(), xml);
    assert_eq!(json["$Version"], "4.01");
    for set in &sets {
        assert!(xml.contains(&format!("<EntitySet Name=\"{set}\"")), "{set}");
        assert!(json.to_string().contains(&format!("\"{set}\":{{")), "{set}");
    }
    let accept = anonymous.with("Accept", "application/json");
    assert_eq!(accept.get("odata/$metadata").await.ok(200), json);
    anonymous
        .get("odata/$metadata?$format=atom")
        .await
        .refused(400, 1000);
}

/// Every `$ref` in a document.
fn references<'v>(value: &'v Value, found: &mut HashSet<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member) {
                    ("$ref", Value::String(target)) => {
                        found.insert(target);
                    }
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

async fn the_openapi_document(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    let document = anonymous.get("/swagger/v20.0/swagger.json").await.ok(200);
    assert_eq!(document["openapi"], "3.1.0");
    let below = "/default/DefaultTenant/orchestrator_/swagger/v20.0/swagger.json";
    let cloud = anonymous.get(below).await.ok(200);
    assert!(cloud["paths"]["/default/DefaultTenant/orchestrator_/odata/Jobs"].is_object());

    let mut found = HashSet::new();
    references(&document, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for target in found {
        let pointer = target.trim_start_matches('#');
        assert!(
            document.pointer(pointer).is_some(),
            "{target} leads nowhere"
        );
    }
    let mut ids = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if let Some(id) = operation["operationId"].as_str() {
                assert!(ids.insert(id.to_owned()), "{method} {path}: {id} again");
            }
        }
    }
    assert!(ids.len() > 80, "{}", ids.len());
    let jobs = &document["paths"]["/odata/Jobs"]["get"];
    assert!(
        jobs.to_string().contains("X-UIPATH-OrganizationUnitId"),
        "{jobs}"
    );
    assert!(jobs.to_string().contains("OR.Jobs.Read"), "{jobs}");
    assert!(text(jobs, "description").contains("Jobs.View"), "{jobs}");
    // Most changes answer with nothing.
    for (set, shown) in [("Machines", false), ("Users", false), ("Folders", true)] {
        let put = &document["paths"][format!("/odata/{set}({{key}})")]["put"];
        let content = &put["responses"]["200"]["content"];
        assert_eq!(content.is_object(), shown, "{put}");
    }
    let folders = &document["paths"]["/odata/Folders"]["get"];
    assert!(
        text(folders, "description").contains("SubFolders.View"),
        "{folders}"
    );
}

async fn answers_have_the_status_of_the_document(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let document = client.get("/swagger/v20.0/swagger.json").await.ok(200);
    let made = queue(client, "Q", json!({})).await;
    let item = add(client, "Q", json!({})).await;
    let release = scene.release(&package("P", "1.0.0")).await;
    let kept = json!({"RetentionAction": "Delete", "RetentionPeriod": 30});
    let function = "UiPath.Server.Configuration.OData";
    let result = format!(
        "odata/Queues({})/UiPathODataSvc.SetTransactionResult",
        id(&item)
    );
    let progress = at("QueueItems", &item) + "/UiPathODataSvc.SetTransactionProgress";
    let setting = json!({"Name": "Alerts.Email.Enabled", "Value": "true"});
    for (path, body) in [
        (
            "odata/Queues/UiPathODataSvc.AddQueueItem",
            item_data("Q", json!({})),
        ),
        (
            "odata/Queues/UiPathODataSvc.StartTransaction",
            json!({"transactionData": {"Name": "Q"}}),
        ),
        (&progress, json!({"Progress": "half"})),
        (
            &result,
            json!({"transactionResult": {"IsSuccessful": true}}),
        ),
        (
            &format!("odata/QueueDefinitions/{function}.CreateQueue"),
            with(json!({"Name": "New"}), kept),
        ),
        (
            &format!("odata/QueueDefinitions/{function}.EditQueue"),
            with(made, json!({"Description": "edited"})),
        ),
        (
            &format!("odata/Jobs/{function}.StartJobs"),
            scene.start_info(&release, json!({})),
        ),
        (
            &format!("odata/Settings/{function}.UpdateBulk"),
            json!({"settings": [setting]}),
        ),
        (
            "odata/QueueItems/Baton.DeleteByFilter?$filter=Priority eq 'High'",
            json!({}),
        ),
    ] {
        let answer = client.post(path, &body).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text());
        let documented = path.split('?').next().unwrap();
        let documented = documented.replace(&format!("({})", id(&item)), "({key})");
        let operation = &document["paths"][format!("/{documented}")]["post"];
        let responses = operation["responses"].as_object();
        let responses = responses.unwrap_or_else(|| panic!("no {documented}"));
        let success: Vec<_> = responses.keys().filter(|name| *name != "default").collect();
        assert_eq!(success, [&answer.status.to_string()], "{documented}");
    }
    let filter = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        let parameters = operation["parameters"].as_array();
        let named = |p: &&Value| p["name"] == "$filter";
        parameters.and_then(|all| all.iter().find(named).map(|p| p["required"] == true))
    };
    for name in ["RetryByFilter", "EditByFilter", "DeleteByFilter"] {
        let path = format!("/odata/QueueItems/Baton.{name}");
        assert_eq!(filter(&path, "post"), Some(true), "{name}");
    }
    let reports = "/odata/QueueDefinitions({key})/UiPathODataSvc.Reports";
    assert_eq!(filter(reports, "get"), Some(false));
    let folder = &document["paths"][format!("/odata/Folders({{key}})/{function}.MoveFolder")];
    assert!(folder["put"].is_object() && folder["post"].is_null());
}

async fn the_page(backend: Backend) {
    let server = server(backend).await;
    let anonymous = server.anonymous();
    for path in ["/swagger", "/swagger/", "/swagger/index.html"] {
        let page = anonymous.get(path).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(
            page.header("content-security-policy")
                .contains("default-src 'none'")
        );
        assert!(page.text().contains("/swagger/v20.0/swagger.json"));
    }
    anonymous
        .get("/swagger/v1/other.json")
        .await
        .refused(404, 0);
}
