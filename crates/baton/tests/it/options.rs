//! Query options where an answer is no page of entities: honoured, or refused with their name.

use serde_json::{Value, json};
use testkit::{Backend, both, package};

use crate::queues::{ADD, item_data, queue};
use crate::support::{START_JOBS, STOP_JOBS, id, modern, scene, text};

both!(
    members_of_structures_are_selected,
    what_cannot_be_honoured_is_refused,
    one_entity_is_no_collection,
    what_everybody_may_know,
);

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

async fn members_of_structures_are_selected(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    scene.release(&package("p", "1.0.0")).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let folders = format!(
        "QueueDefinitions/{NAMESPACE}.GetFoldersForQueue(id={})",
        id(&made)
    );
    let functions = [
        ("Settings/GetLicense", "LicenseDto", "Allowed,Id"),
        ("Settings/GetWebSettings", "ResponseDictionaryDto", "Keys"),
        (
            "Settings/GetTimezones",
            "ListResultDtoOfNameValueDto",
            "Items",
        ),
        (
            "Settings/GetLanguages()",
            "ListResultDtoOfLanguageInfo",
            "Items",
        ),
        (
            "Settings/GetExecutionSettingsConfiguration(scope=0)",
            "ExecutionSettingsConfiguration",
            "Scope",
        ),
        (
            "Processes/GetArguments(key='p:1.0.0')",
            "ArgumentMetadata",
            "Input",
        ),
        (&folders, "AccessibleFoldersDto", "TotalFoldersCount"),
        (
            "Users/GetCurrentPermissions",
            "UserPermissionsCollection",
            "UserId",
        ),
        (
            "Folders/GetAllRolesForUser(username='admin',skip=0,take=10)",
            "UserRoleAssignmentsDto",
            "Count",
        ),
    ];
    for (function, ty, names) in functions {
        let path = format!("odata/{function}");
        let whole = admin.get(&path).await.ok(200);
        let chosen = admin.get(&format!("{path}?$select={names}")).await.ok(200);
        let context = text(&chosen, "@odata.context");
        assert!(context.ends_with(&format!("#{ty}({names})")), "{context}");
        let mut given: Vec<&str> = chosen
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        given.retain(|name| *name != "@odata.context");
        let mut wanted: Vec<&str> = names.split(',').collect();
        given.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(given, wanted, "{function}");
        for name in wanted {
            assert_eq!(chosen[name], whole[name], "{function}");
        }
        let small = admin
            .get(&format!("{path}?$select={}", names.to_lowercase()))
            .await;
        assert_eq!(small.ok(200), chosen);
        for (option, part) in [
            ("$select=Nope", "'Nope'"),
            ("$expand=Id", "'$expand'"),
            ("$top=1", "'$top'"),
            ("$filter=Id eq 1", "'$filter'"),
            ("$nope=1", "'$nope'"),
        ] {
            let said = admin
                .get(&format!("{path}?{option}"))
                .await
                .refused(400, 1000);
            assert!(
                text(&said, "message").contains(part),
                "{function}?{option}: {said}"
            );
        }
    }
}

async fn what_cannot_be_honoured_is_refused(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let info = scene.start_info(&release, json!({}));
    let machine = json!({"Name": "M"});
    let item = item_data("Q", json!({}));
    let refused = async |method: &str, path: &str, body: &Value| {
        for (option, part) in [
            ("$select=Id", "'$select' cannot be applied"),
            ("$expand=Robot", "'$expand' cannot be applied"),
            ("$top=x", "'$top' cannot be applied"),
            ("$nope=1", "'$nope' is not supported"),
        ] {
            let path = format!(
                "{path}{}{option}",
                if path.contains('?') { '&' } else { '?' }
            );
            let request = scene.shared.request(method, &path);
            let request = match body {
                Value::Null => request,
                body => request.json(body),
            };
            let said = scene.shared.send(request).await.refused(400, 1000);
            assert!(text(&said, "message").contains(part), "{path}: {said}");
        }
    };
    let none = Value::Null;
    let version = format!(
        "odata/Releases({})/UpdateToLatestPackageVersion",
        id(&release)
    );
    refused("POST", "odata/Machines", &machine).await;
    refused("POST", "odata/Folders", &modern("F")).await;
    refused("POST", START_JOBS, &info).await;
    refused("POST", ADD, &item).await;
    refused("POST", &version, &json!({})).await;
    refused(
        "PUT",
        &format!("odata/QueueDefinitions({})", id(&made)),
        &made,
    )
    .await;
    refused(
        "DELETE",
        &format!("odata/QueueDefinitions({})", id(&made)),
        &none,
    )
    .await;
    refused("GET", "odata/Settings('Abp.Timing.TimeZone')", &none).await;
    refused("GET", "odata/Users/Validate(userIds=[1])", &none).await;
    refused("GET", "api/PackageFeeds/GetFeeds", &none).await;
    refused(
        "GET",
        "api/Folders/GetAllForCurrentUser?skip=0&take=5",
        &none,
    )
    .await;
    let path = format!("odata/Processes/{NAMESPACE}.DownloadPackage(key='p:1.0.0')");
    refused("GET", &path, &none).await;
    // None of it was done, and what is no option disturbs nobody.
    assert_eq!(
        scene.shared.get("odata/Jobs").await.ok(200)["value"],
        json!([])
    );
    assert_eq!(
        scene.shared.get("odata/QueueItems").await.ok(200)["value"],
        json!([])
    );
    let machines = scene.app.get("odata/Machines?$filter=Name eq 'M'").await;
    assert_eq!(machines.ok(200)["value"], json!([]));
    let machine = scene
        .app
        .post("odata/Machines?$format=json&x=1", &machine)
        .await;
    machine.ok(201);
    let stop = json!({"jobIds": [], "strategy": "Kill"});
    refused("POST", STOP_JOBS, &stop).await;
    let upload = format!("odata/Processes/{NAMESPACE}.UploadPackage?$select=Key");
    let file = package("q", "1.0.0").build();
    let said = scene
        .app
        .post_files(&upload, &[("file", "q.nupkg", &file)])
        .await;
    said.refused(400, 1000);
    let processes = scene
        .app
        .get("odata/Processes?$filter=Id eq 'q'")
        .await
        .ok(200);
    assert_eq!(processes["value"], json!([]));
}

async fn one_entity_is_no_collection(backend: Backend) {
    let scene = scene(backend).await;
    let path = format!("odata/Machines({})", scene.machine);
    for option in [
        "$filter=Id eq 1",
        "$orderby=Id",
        "$top=1",
        "$skip=1",
        "$count=true",
    ] {
        let said = scene
            .app
            .get(&format!("{path}?{option}"))
            .await
            .refused(400, 1000);
        assert!(
            text(&said, "message").contains("not a collection"),
            "{said}"
        );
    }
    let shown = scene.app.get(&format!("{path}?$select=Name")).await.ok(200);
    assert_eq!(text(&shown, "Name"), "Local");
    assert!(shown.get("Id").is_none());
}

async fn what_everybody_may_know(backend: Backend) {
    let scene = scene(backend).await;
    let (anonymous, expired) = (
        scene.server.anonymous(),
        scene.server.anonymous().bearer("x"),
    );
    let scoped = scene.server.app_with(&["OR.Jobs"]).await;
    for name in ["GetTimezones", "GetLanguages"] {
        for path in [
            format!("odata/Settings/{NAMESPACE}.{name}"),
            format!("default/DefaultTenant/orchestrator_/odata/Settings/{NAMESPACE}.{name}()"),
        ] {
            let known = scene.app.get(&path).await.ok(200);
            assert!(!known["Items"].as_array().unwrap().is_empty());
            for client in [&anonymous, &expired, &scoped] {
                assert_eq!(client.get(&path).await.ok(200), known);
            }
        }
    }
    let path = format!("nobody/here/odata/Settings/{NAMESPACE}.GetTimezones");
    anonymous.get(&path).await.refused(404, 0);
    // Nothing else is public.
    for name in ["GetLicense", "GetWebSettings"] {
        let path = format!("odata/Settings/{NAMESPACE}.{name}");
        anonymous.get(&path).await.refused(401, 0);
        scoped.get(&path).await.refused(403, 0);
    }
    let document = anonymous.get("swagger/v20.0/swagger.json").await.ok(200);
    let path = format!("/odata/Settings/{NAMESPACE}.GetTimezones");
    assert_eq!(document["paths"][path]["get"]["security"], json!([]));
}
