//! Roles and permissions: what they grant, who has them, and that a change counts at once.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::support::{self, assert_members, column, id, replace, role, scene, text, texts};
use crate::tokens::of_another_tenant;

both!(
    a_role_from_its_making_to_its_end,
    roles_that_cannot_be_made,
    the_roles_of_every_tenant_stay,
    a_change_counts_at_once,
    who_has_a_role,
    all_permissions,
);

async fn a_role_from_its_making_to_its_end(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "Name": "Watcher", "Type": "Folder", "Groups": "people",
        "Permissions": [
            {"Name": "jobs.view", "IsGranted": true},
            {"Name": "Robots.View"},
            {"Name": "Queues.View", "IsGranted": false},
        ],
    });
    let made = scene.app.post("odata/Roles", &body).await.ok(201);
    assert_members(&made, "Name DisplayName Type Groups IsStatic IsEditable Id");
    assert_eq!(
        (text(&made, "Name"), text(&made, "DisplayName")),
        ("Watcher", "Watcher")
    );
    assert_eq!(
        (text(&made, "Type"), text(&made, "Groups")),
        ("Folder", "people")
    );
    assert_eq!(
        (&made["IsStatic"], &made["IsEditable"]),
        (&json!(false), &json!(true))
    );

    let one = format!("odata/Roles({})", id(&made));
    let names = async || {
        let role = scene
            .app
            .get(&format!("{one}?$expand=Permissions"))
            .await
            .ok(200);
        let granted = role["Permissions"].as_array().expect("a list").clone();
        for permission in &granted {
            assert_members(permission, "Name IsGranted RoleId Scope Id");
            assert_eq!(
                (&permission["IsGranted"], &permission["RoleId"]),
                (&json!(true), &made["Id"])
            );
        }
        let names: Vec<_> = granted.iter().map(|p| text(p, "Name").to_owned()).collect();
        names.join(" ")
    };
    assert_eq!(names().await, "Robots.View Jobs.View");
    assert!(
        scene
            .app
            .get(&one)
            .await
            .ok(200)
            .get("Permissions")
            .is_none()
    );

    // Without permissions in the body they stay; with them, they are all there are.
    let renamed = json!({"Name": "Keeper", "DisplayName": "The keeper"});
    let renamed = replace(&scene.app, &one, &renamed).await;
    assert_eq!(
        (text(&renamed, "Name"), &renamed["Groups"]),
        ("Keeper", &Value::Null)
    );
    assert_eq!(names().await, "Robots.View Jobs.View");
    let fewer =
        json!({"Name": "Keeper", "Permissions": [{"Name": "Jobs.Edit", "IsGranted": true}]});
    scene.app.put(&one, &fewer).await.ok(200);
    assert_eq!(names().await, "Jobs.Edit");
    let found = "odata/Roles?$filter=Type eq 'Folder' and IsStatic eq false&$orderby=Name";
    assert_eq!(
        texts(&scene.app.get(found).await.ok(200), "Name"),
        ["Keeper"]
    );

    let stranger = of_another_tenant(&scene.server).await;
    stranger.get(&one).await.refused(404, 1002);
    stranger.put(&one, &fewer).await.refused(404, 1002);
    stranger.delete(&one).await.refused(404, 1002);

    assert_eq!(scene.app.delete(&one).await.ok(204), Value::Null);
    scene.app.get(&one).await.refused(404, 1002);
    scene.app.delete(&one).await.refused(404, 1002);
}

async fn roles_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let refused = async |body: Value, status: u16, code: i64| {
        scene
            .app
            .post("odata/Roles", &body)
            .await
            .refused(status, code)
    };
    refused(json!({"Type": "Tenant"}), 400, 1009).await;
    refused(json!({"Name": "two\nlines", "Type": "Tenant"}), 400, 1009).await;
    refused(json!({"Name": "n".repeat(65), "Type": "Tenant"}), 400, 1009).await;
    refused(json!({"Name": "x", "Type": "Nonsense"}), 400, 1009).await;
    refused(json!({"Name": "x", "Type": "Mixed"}), 400, 1436).await;
    refused(
        json!({"Name": "administrator", "Type": "Tenant"}),
        409,
        1001,
    )
    .await;
    let granting = |kind: Value, names: &[&str]| {
        let list: Vec<_> = names.iter().map(|n| json!({"Name": n})).collect();
        json!({"Name": "x", "Type": kind, "Permissions": list})
    };
    let said = refused(granting(json!("Tenant"), &["Nonsense.View"]), 400, 1009).await;
    assert!(text(&said, "message").contains("Nonsense.View"), "{said}");
    refused(granting(json!("Tenant"), &["Jobs.View"]), 400, 1424).await;
    refused(granting(json!("Folder"), &["Users.Edit"]), 400, 1425).await;
    refused(
        granting(Value::Null, &["Users.Edit", "Jobs.View"]),
        400,
        1437,
    )
    .await;
    refused(json!({"Name": "x", "Permissions": "all"}), 400, 0).await;
    scene
        .app
        .post("odata/Roles", &json!([1]))
        .await
        .refused(400, 0);
    // Its permissions say what it is for.
    for (names, kind) in [(["Jobs.View"], "Folder"), (["Users.View"], "Tenant")] {
        let mut body = granting(Value::Null, &names);
        body["Name"] = kind.into();
        let made = scene.app.post("odata/Roles", &body).await.ok(201);
        assert_eq!(text(&made, "Type"), kind);
        let other =
            json!({"Name": kind, "Type": if kind == "Folder" { "Tenant" } else { "Folder" }});
        let one = format!("odata/Roles({})", id(&made));
        scene.app.put(&one, &other).await.refused(400, 1423);
    }
    let (viewer, _) = scene
        .server
        .user("viewer", &["Allow to be Folder Administrator"])
        .await;
    viewer.get("odata/Roles").await.ok(200);
    viewer
        .post("odata/Roles", &json!({"Name": "mine", "Type": "Tenant"}))
        .await
        .refused(403, 0);
}

async fn the_roles_of_every_tenant_stay(backend: Backend) {
    let scene = scene(backend).await;
    let list = scene
        .app
        .get("odata/Roles?$filter=IsStatic eq true&$expand=Permissions")
        .await
        .ok(200);
    assert_eq!(
        texts(&list, "Name"),
        [
            "Administrator",
            "Tenant Administrator",
            "Allow to be Folder Administrator",
            "Folder Administrator",
            "Allow to be Automation User",
            "Automation User",
        ]
    );
    let counts: Vec<usize> = column(&list, "Permissions")
        .iter()
        .map(|p| p.as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(counts, [152, 52, 4, 104, 8, 18]);
    for role in list["value"].as_array().expect("a list") {
        let one = format!("odata/Roles({})", id(role));
        let body = json!({"Name": "mine"});
        scene.app.put(&one, &body).await.refused(409, 1411);
        scene.app.delete(&one).await.refused(409, 1405);
    }
}

async fn a_change_counts_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Reader", "Permissions": [{"Name": "Machines.View"}]});
    let role = scene.app.post("odata/Roles", &body).await.ok(201);
    let one = format!("odata/Roles({})", id(&role));
    let (person, user) = scene.server.user("person", &["Reader"]).await;
    person.get("odata/Machines").await.ok(200);
    person.get("odata/Users").await.refused(403, 0);
    let permissions = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentPermissions";
    let mine = person.get(permissions).await.ok(200);
    assert_eq!(
        (id_of(&mine), &mine["Permissions"]),
        (user, &json!(["Machines.View"]))
    );
    assert!(text(&mine, "@odata.context").ends_with("#UserPermissionsCollection"));
    scene.app.get(permissions).await.refused(401, 0);

    let body = json!({"Name": "Reader", "Permissions": [{"Name": "Users.View"}]});
    scene.app.put(&one, &body).await.ok(200);
    person.get("odata/Machines").await.refused(403, 0);
    person.get("odata/Users").await.ok(200);

    scene.app.delete(&one).await.ok(204);
    person.get("odata/Users").await.refused(403, 0);
    let shown = scene.app.get(&format!("odata/Users({user})")).await.ok(200);
    assert_eq!(
        (&shown["RolesList"], &shown["UserRoles"]),
        (&json!([]), &json!([]))
    );
}

fn id_of(permissions: &Value) -> i64 {
    permissions["UserId"].as_i64().expect("a number")
}

async fn who_has_a_role(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Reader", "Permissions": [{"Name": "Machines.View"}]});
    let reader = id(&scene.app.post("odata/Roles", &body).await.ok(201));
    let (_, first) = scene.server.user("first", &[]).await;
    let (_, second) = scene.server.user("second", &[]).await;
    let set = format!("odata/Roles({reader})/UiPath.Server.Configuration.OData.SetUsers");
    let ids = async || {
        let path = format!(
            "odata/Roles/UiPath.Server.Configuration.OData.GetUserIdsForRole(key={reader})"
        );
        scene.app.get(&path).await.ok(200)["value"].clone()
    };
    let change =
        |added: &[i64], removed: &[i64]| json!({"addedUserIds": added, "removedUserIds": removed});
    scene
        .app
        .post(&set, &change(&[second, first], &[]))
        .await
        .ok(204);
    assert_eq!(ids().await, json!([first, second]));
    scene.app.post(&set, &change(&[], &[first])).await.ok(204);
    assert_eq!(ids().await, json!([second]));

    // Those who have it come first, unless the caller wants another order.
    let users =
        format!("odata/Roles/UiPath.Server.Configuration.OData.GetUsersForRole(key={reader})");
    let list = scene.app.get(&users).await.ok(200);
    assert_eq!(
        texts(&list, "UserName"),
        ["second", "admin", "local-robot", testkit::APP_ID, "first"]
    );
    assert_eq!(list["@odata.count"], 5);
    let list = scene
        .app
        .get(&format!("{users}?$orderby=UserName desc&$top=2"))
        .await
        .ok(200);
    assert_eq!(texts(&list, "UserName"), ["second", "local-robot"]);

    // All or nothing; roles for folders are assigned in folders; somebody must be left.
    scene
        .app
        .post(&set, &change(&[first, 999_999], &[]))
        .await
        .refused(404, 1002);
    assert_eq!(ids().await, json!([second]));
    scene
        .app
        .post(&set, &json!({"addedUserIds": [first]}))
        .await
        .refused(400, 0);
    let of = |role: i64| format!("odata/Roles({role})/UiPath.Server.Configuration.OData.SetUsers");
    let folder_role = role(&scene, "Automation User").await;
    scene
        .app
        .post(&of(folder_role), &change(&[first], &[]))
        .await
        .refused(400, 1427);
    let administrator = role(&scene, "Administrator").await;
    let admin = support::user(&scene, "admin").await;
    scene
        .app
        .post(&of(administrator), &change(&[], &[admin]))
        .await
        .refused(409, 1431);
    scene
        .app
        .post(&of(administrator), &change(&[first], &[admin]))
        .await
        .ok(204);

    let (viewer, _) = scene
        .server
        .user("viewer", &["Allow to be Folder Administrator"])
        .await;
    viewer.get(&users).await.ok(200);
    viewer.post(&set, &change(&[], &[])).await.refused(403, 0);
    of_another_tenant(&scene.server)
        .await
        .get(&users)
        .await
        .refused(404, 1002);
    // Seeing roles is enough, or seeing accounts.
    for (name, permission) in [("Roles only", "Roles.View"), ("Users only", "Users.View")] {
        let body = json!({"Name": name, "Type": "Tenant", "Permissions": [{"Name": permission}]});
        scene.app.post("odata/Roles", &body).await.ok(201);
        let (person, _) = scene.server.user(&name.replace(' ', "-"), &[name]).await;
        let path = format!(
            "odata/Roles/UiPath.Server.Configuration.OData.GetUserIdsForRole(key={reader})"
        );
        person.get(&path).await.ok(200);
    }
}

async fn all_permissions(backend: Backend) {
    let scene = scene(backend).await;
    let list = scene.app.get("odata/Permissions").await.ok(200);
    assert_eq!(list["@odata.count"], 152);
    let first = &list["value"][0];
    assert_members(first, "Name IsGranted RoleId Scope Id");
    assert_eq!(
        (text(first, "Name"), text(first, "Scope")),
        ("Alerts.View", "Global")
    );
    assert_eq!(
        (&first["IsGranted"], &first["RoleId"]),
        (&json!(false), &json!(0))
    );
    let list = scene
        .app
        .get("odata/Permissions?$filter=startswith(Name,'Robots.') and Scope eq 'GlobalOrFolder'")
        .await
        .ok(200);
    let names = [
        "Robots.View",
        "Robots.Edit",
        "Robots.Create",
        "Robots.Delete",
    ];
    assert_eq!(texts(&list, "Name"), names);
    scene
        .server
        .anonymous()
        .get("odata/Permissions")
        .await
        .refused(401, 0);
}
