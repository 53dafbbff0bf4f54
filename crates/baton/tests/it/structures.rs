//! Structures that are no entities, and what answers without OData: members are selected, everything
//! else is refused by name.

use serde_json::json;
use testkit::{Backend, both, package};

use crate::queues::queue;
use crate::support::{id, scene, text};

both!(
    members_of_structures_are_selected,
    addresses_without_options,
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

async fn addresses_without_options(backend: Backend) {
    let scene = scene(backend).await;
    for path in [
        "api/PackageFeeds/GetFeeds?",
        "api/Folders/GetAllForCurrentUser?skip=0&take=5&",
    ] {
        for option in ["$select=Id", "$top=x", "$nope=1"] {
            let said = scene.shared.get(&format!("{path}{option}")).await;
            let said = said.refused(400, 1000);
            let (name, _) = option.split_once('=').unwrap();
            assert!(
                text(&said, "message").contains(&format!("'{name}'")),
                "{said}"
            );
        }
    }
    let upload = format!("odata/Processes/{NAMESPACE}.UploadPackage?$select=Key");
    let file = package("q", "1.0.0").build();
    let files = [("file", "q.nupkg", file.as_slice())];
    let said = scene.app.post_files(&upload, &files).await;
    said.refused(400, 1000);
    let path = "odata/Processes?$filter=Id eq 'q'";
    let processes = scene.app.get(path).await.ok(200);
    assert_eq!(processes["value"], json!([]));
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
