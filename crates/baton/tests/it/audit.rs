//! The audit log: what was done is written down by whoever did it, and only if it was done.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::classic;
use crate::support::{self, assert_members, column, id, scene, text, texts};
use crate::tokens::of_another_tenant;

both!(
    what_people_do_is_written_down,
    what_becomes_of_things_is_written_down,
    what_was_written_can_be_searched,
    what_was_refused_is_not,
);

async fn what_people_do_is_written_down(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let role = json!({"Name": "Reader", "Permissions": [{"Name": "Machines.View"}]});
    let role = admin.post("odata/Roles", &role).await.ok(201);
    let jane = json!({"UserName": "jane", "Password": "Pa55word-of-jane", "RolesList": ["Reader"]});
    let jane = admin.post("odata/Users", &jane).await.ok(201);
    let one = format!("odata/Users({})", id(&jane));
    admin.patch(&one, &json!({"Surname": "Doe"})).await.ok(200);
    admin.delete(&one).await.ok(204);
    let calendar = json!({"Name": "Holidays"});
    scene.app.post("odata/Calendars", &calendar).await.ok(201);

    let list = scene
        .app
        .get("odata/AuditLogs?$expand=Entities")
        .await
        .ok(200);
    assert_eq!(
        texts(&list, "OperationText"),
        [
            "Application b1946ac9-2492-4d23-8bd6-0f5c5c4c9c11 created calendar Holidays",
            "User admin deleted user jane",
            "User admin updated user jane",
            "User admin created user jane",
            "User admin created role Reader",
        ]
    );
    assert_eq!(
        texts(&list, "Action"),
        ["Create", "Delete", "Update", "Create", "Create"]
    );
    assert_eq!(
        texts(&list, "Component"),
        ["Settings", "Users", "Users", "Users", "Roles"]
    );
    let newest = &list["value"][0];
    assert_members(
        newest,
        "ServiceName MethodName Parameters ExecutionTime Action Component DisplayName EntityId
         OperationText UserName UserType Entities ExternalClientId UserId UserIsDeleted Id",
    );
    assert_eq!(
        (&newest["UserName"], &newest["UserId"]),
        (&Value::Null, &Value::Null)
    );
    assert!(text(newest, "ExternalClientId").starts_with("b1946ac9"));
    let oldest = &list["value"][4];
    assert_eq!(
        (text(oldest, "UserName"), text(oldest, "UserType")),
        ("admin", "User")
    );
    assert_eq!(
        (&oldest["EntityId"], text(oldest, "DisplayName")),
        (&role["Id"], "Reader")
    );
    assert_eq!(oldest["UserIsDeleted"], false);

    let written = &oldest["Entities"][0];
    assert_members(
        written,
        "AuditLogId CustomData EntityId EntityName Action Id",
    );
    assert_eq!(
        (&written["AuditLogId"], text(written, "EntityName")),
        (&oldest["Id"], "RoleDto")
    );
    let data: Value = serde_json::from_str(text(written, "CustomData")).expect("JSON");
    assert_eq!(data["Permissions"][0]["Name"], "Machines.View");
    assert!(
        !list.to_string().contains("Pa55word"),
        "a password in the audit log"
    );

    let details = format!(
        "odata/AuditLogs/UiPath.Server.Configuration.OData.GetAuditLogDetails(auditLogId={})",
        id(oldest)
    );
    let shown = scene.app.get(&details).await.ok(200);
    assert_eq!(shown["value"], json!([written]));
    let filter = "odata/AuditLogs?$filter=Component eq 'Users' and Action eq 'Update'";
    assert_eq!(
        column(&scene.app.get(filter).await.ok(200), "EntityId"),
        [&jane["Id"]]
    );
    let one = format!("odata/AuditLogs({})", id(oldest));
    assert_eq!(scene.app.get(&one).await.ok(200)["Id"], oldest["Id"]);

    let stranger = of_another_tenant(&scene.server).await;
    assert_eq!(
        stranger.get("odata/AuditLogs").await.ok(200)["@odata.count"],
        0
    );
    stranger.get(&details).await.refused(404, 1002);
    stranger.get(&one).await.refused(404, 1002);
    let (person, _) = scene.server.user("person", &[]).await;
    person.get("odata/AuditLogs").await.refused(403, 0);
    person.get(&details).await.refused(403, 0);
}

async fn what_becomes_of_things_is_written_down(backend: Backend) {
    let scene = scene(backend).await;
    let pack = testkit::package("Pack", "1.0.0").command("exit 0");
    scene.upload(&pack).await;
    let classic = classic::folder(&scene, "Classic").await;
    let classic = scene.app.folder(classic);
    let hook = json!({"Name": "Hook", "Url": "https://example.com", "Secret": "of-the-hook",
        "Enabled": true, "AllowInsecureSsl": false, "SubscribeToAllEvents": true});
    let release = json!({"Name": "Release", "ProcessKey": "Pack", "ProcessVersion": "1.0.0"});
    let robot = json!({"Name": "Robot", "MachineName": "HOST", "Username": "corp\\one",
        "Password": "of-the-robot", "Type": "Unattended", "HostingType": "Standard",
        "LicenseKey": "6f9bd5c0-93a6-4b53-9f0e-9e7f3a0c1d11"});
    let machine = json!({"Name": "Machine", "Type": "Template"});
    for (client, set, body, component) in [
        (
            &scene.shared,
            "QueueDefinitions",
            json!({"Name": "Queue"}),
            "Queues",
        ),
        (&scene.app, "Webhooks", hook, "Webhooks"),
        (&scene.app, "Machines", machine, "Machines"),
        (&scene.app, "Folders", support::modern("Folder"), "Folders"),
        (&scene.shared, "Releases", release, "Processes"),
        (
            &classic,
            "Environments",
            json!({"Name": "Environment"}),
            "Environments",
        ),
        (&classic, "Robots", robot, "Robots"),
    ] {
        let made = client.post(&format!("odata/{set}"), &body).await.ok(201);
        let one = format!("odata/{set}({})", id(&made));
        let changed = client.put(&one, &made).await;
        assert_eq!(changed.status, 200, "{set}: {}", changed.text());
        client.delete(&one).await.ok(204);
        let written = format!(
            "odata/AuditLogs?$expand=Entities&$orderby=Id&$filter=Component eq '{component}' and \
             EntityId eq {}",
            id(&made)
        );
        let written = scene.app.get(&written).await.ok(200);
        assert_eq!(
            texts(&written, "Action"),
            ["Create", "Update", "Delete"],
            "{set}"
        );
        assert_eq!(
            column(&written, "DisplayName"),
            [text(&written["value"][0], "DisplayName"); 3]
        );
        assert!(
            !text(&written["value"][0], "DisplayName").is_empty(),
            "{set}"
        );
        let data = text(&written["value"][0]["Entities"][0], "CustomData");
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["Id"], made["Id"], "{set}");
    }
    let pack = "odata/Processes('Pack:1.0.0')";
    scene.app.delete(pack).await.ok(204);
    let all = scene
        .app
        .get("odata/AuditLogs?$expand=Entities")
        .await
        .ok(200);
    assert_eq!(text(&all["value"][0], "DisplayName"), "Pack");
    for secret in [
        "of-the-hook",
        "of-the-robot",
        "6f9bd5c0",
        "LicenseKey",
        "ClientSecret",
    ] {
        assert!(
            !all.to_string().contains(secret),
            "{secret} in the audit log"
        );
    }
}

async fn what_was_refused_is_not(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let me = support::me(&admin).await;
    let one = format!("odata/Users({})", id(&me));
    scene.app.delete(&one).await.refused(409, 1430);
    scene
        .app
        .post(
            "odata/Roles",
            &json!({"Name": "administrator", "Type": "Tenant"}),
        )
        .await
        .refused(409, 1001);
    assert_eq!(
        scene.app.get("odata/AuditLogs").await.ok(200)["@odata.count"],
        0
    );
}

async fn what_was_written_can_be_searched(backend: Backend) {
    let scene = scene(backend).await;
    for (name, zone) in [("Holidays", "UTC"), ("Days off", "Europe/Berlin")] {
        let calendar = json!({"Name": name, "TimeZoneId": zone});
        scene.app.post("odata/Calendars", &calendar).await.ok(201);
    }
    let get = async |path: &str| {
        scene
            .app
            .get(&format!("odata/AuditLogs{path}"))
            .await
            .ok(200)
    };
    let about = "Entities/any(e: contains(e/CustomData,'days OFF'))";
    let found = get(&format!(
        "?$filter={about}&$expand=Entities($orderby=CustomData)"
    ))
    .await;
    assert_eq!(found["@odata.count"], 1, "{found}");
    let entry = &found["value"][0];
    assert!(text(entry, "OperationText").ends_with("created calendar Days off"));

    let details = "/UiPath.Server.Configuration.OData.GetAuditLogDetails";
    let details = format!("{details}(auditLogId={})", id(entry));
    for (options, expected) in [
        (
            "$filter=contains(CustomData,'Days off')&$orderby=CustomData desc",
            1,
        ),
        ("$filter=contains(CustomData,'Holidays')", 0),
        ("$filter=CustomData eq null", 0),
    ] {
        let rows = get(&format!("{details}?{options}")).await;
        assert_eq!(
            rows["value"].as_array().unwrap().len(),
            expected,
            "{options}"
        );
    }
    let narrow = get("?$filter=Id gt 0&$expand=Entities($filter=contains(CustomData,'no such'))");
    assert_eq!(narrow.await["value"][0]["Entities"], json!([]));
}
