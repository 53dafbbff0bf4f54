//! Folders as bodies and queries name them: parents by their keys, the units of an account, and the
//! structures that answers about people and machines of a folder hold.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::folders::{chain, make, op};
use crate::queues::at;
use crate::support::{ASSIGN_USERS, assignment, id, modern, replace, role, scene, text, with};

both!(
    a_parent_is_named_by_its_id_or_its_key,
    only_standard_folders_are_made,
    an_account_names_its_folders,
    structures_of_people_and_machines_are_expanded,
);

async fn a_parent_is_named_by_its_id_or_its_key(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let (top, other) = (
        make(app, modern("Top")).await,
        make(app, modern("Other")).await,
    );
    let child = |name: &str, more: Value| with(json!({"DisplayName": name}), more);
    let key = json!({"ParentKey": top["Key"]});
    let made = make(app, child("By key", key.clone())).await;
    assert_eq!(text(&made, "FullyQualifiedName"), "Top/By key");
    assert_eq!(
        (&made["ParentId"], &made["ParentKey"]),
        (&top["Id"], &top["Key"])
    );
    let both = with(key.clone(), json!({"ParentId": top["Id"]}));
    let made = make(app, child("By both", both)).await;
    assert_eq!(made["ParentId"], top["Id"]);

    let two = with(key.clone(), json!({"ParentId": other["Id"]}));
    let refused = app.post("odata/Folders", &child("x", two)).await;
    let refused = refused.refused(400, 1009);
    assert!(text(&refused, "message").contains("ParentKey"), "{refused}");
    let nobody = json!({"ParentKey": uuid::Uuid::nil()});
    let refused = app.post("odata/Folders", &child("x", nobody)).await;
    refused.refused(403, 1100);
    let nonsense = child("x", json!({"ParentKey": "no key"}));
    app.post("odata/Folders", &nonsense)
        .await
        .refused(400, 1009);
    let found = app.get("odata/Folders?$filter=DisplayName eq 'x'").await;
    assert_eq!(
        found.ok(200)["@odata.count"],
        0,
        "refused requests make nothing"
    );

    // The key gives nobody more than the number does.
    let (person, user) = scene.server.user("person", &[]).await;
    let role = role(&scene, "Folder Administrator").await;
    let assign = assignment(user, id(&other), &[role]);
    app.post(ASSIGN_USERS, &assign).await.ok(204);
    let refused = person.post("odata/Folders", &child("x", key)).await;
    refused.refused(403, 1100);
    let own = child("Own", json!({"ParentKey": other["Key"]}));
    person.post("odata/Folders", &own).await.ok(201);

    // It stays; sent back as it was read it is no change.
    let path = format!("odata/Folders({})", id(&made));
    app.put(&path, &made).await.ok(200);
    let mut moved = made.clone();
    moved["ParentKey"] = other["Key"].clone();
    app.put(&path, &moved).await.refused(400, 2807);
    let root = format!("odata/Folders({})", id(&top));
    let mut moved = top.clone();
    moved["ParentKey"] = other["Key"].clone();
    app.put(&root, &moved).await.refused(400, 2807);
}

async fn only_standard_folders_are_made(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let of = |name: &str, kind: &str| with(modern(name), json!({"FolderType": kind}));
    let made = make(app, of("Plain", "Standard")).await;
    assert_eq!(text(&made, "FolderType"), "Standard");
    for kind in ["Personal", "Virtual", "Solution", "DebugSolution"] {
        let refused = app.post("odata/Folders", &of("x", kind)).await;
        let refused = refused.refused(400, 1009);
        assert!(
            text(&refused, "message").contains("FolderType"),
            "{refused}"
        );
    }
    let path = format!("odata/Folders({})", id(&made));
    app.put(&path, &made).await.ok(200);
    let refused = app.put(&path, &of("Plain", "Solution")).await;
    refused.refused(409, 1023);
    // A child is provisioned as its parent is.
    for more in [
        json!({"ProvisionType": "Manual"}),
        json!({"PermissionModel": "InheritFromTenant"}),
    ] {
        let body = json!({"DisplayName": "Child", "ParentId": made["Id"]});
        let refused = app.post("odata/Folders", &with(body, more)).await;
        refused.refused(400, 1009);
    }
}

async fn an_account_names_its_folders(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let other = app.post("odata/Folders", &modern("Other")).await.ok(201);
    let unit = |folder: &Value| json!([{"DisplayName": folder["DisplayName"], "Id": folder["Id"]}]);
    let shared = json!({"DisplayName": "Shared", "Id": scene.folder});
    let body = json!({"UserName": "jane", "OrganizationUnits": unit(&shared)});
    let jane = app.post("odata/Users", &body).await.ok(201);
    assert_eq!(jane["OrganizationUnits"], unit(&shared));
    // By its name, as clients of the time of units did.
    let body = json!({"UserName": "joe", "OrganizationUnits": [{"DisplayName": "other"}]});
    let joe = app.post("odata/Users", &body).await.ok(201);
    assert_eq!(joe["OrganizationUnits"], unit(&other));

    // Roles stay in a folder that is kept; PUT without the list leaves it as it is.
    let worker = role(&scene, "Automation User").await;
    let assign = assignment(id(&jane), scene.folder, &[worker]);
    app.post(ASSIGN_USERS, &assign).await.ok(204);
    let one = at("Users", &jane);
    let both =
        json!({"UserName": "jane", "OrganizationUnits": [unit(&shared)[0], unit(&other)[0]]});
    let both = replace(app, &one, &both).await;
    assert_eq!(both["OrganizationUnits"].as_array().map(Vec::len), Some(2));
    let same = replace(app, &one, &json!({"UserName": "jane"})).await;
    assert_eq!(same["OrganizationUnits"], both["OrganizationUnits"]);
    let people = format!(
        "odata/Folders/UiPath.Server.Configuration.OData.GetUsersForFolder(key={})",
        scene.folder
    );
    let people = format!("{people}?$filter=Id eq {}", id(&jane));
    let shown = app.get(&people).await.ok(200);
    assert_eq!(shown["value"][0]["Roles"][0]["Id"], worker);
    let none = json!({"UserName": "jane", "OrganizationUnits": []});
    assert_eq!(
        replace(app, &one, &none).await["OrganizationUnits"],
        json!([])
    );

    // Nothing is made with a folder that does not exist, or that is not the caller's to change.
    for (unit, status, code) in [
        (json!({"Id": 999_999}), 400, 2808),
        (json!({"DisplayName": "nowhere"}), 400, 2808),
        (json!({}), 400, 2808),
    ] {
        let body = json!({"UserName": "never", "OrganizationUnits": [unit]});
        app.post("odata/Users", &body).await.refused(status, code);
    }
    let clerk = json!({"Name": "Clerk", "Type": "Tenant",
        "Permissions": [{"Name": "Users.View"}, {"Name": "Users.Create"}, {"Name": "Users.Edit"}]});
    app.post("odata/Roles", &clerk).await.ok(201);
    let (clerk, _) = scene.server.user("clerk", &["Clerk"]).await;
    let body = json!({"UserName": "never", "OrganizationUnits": unit(&shared)});
    clerk.post("odata/Users", &body).await.refused(403, 1100);
    let away = json!({"UserName": "joe", "OrganizationUnits": []});
    clerk
        .put(&at("Users", &joe), &away)
        .await
        .refused(403, 1100);
    let found = app.get("odata/Users?$filter=UserName eq 'never'").await;
    assert_eq!(found.ok(200)["@odata.count"], 0);

    // Roles for the tenant have a second name, too.
    let role = role(&scene, "Allow to be Automation User").await;
    for (name, given) in [
        ("by id", json!({"RoleId": role})),
        (
            "by name",
            json!({"RoleName": "Allow to be Automation User"}),
        ),
    ] {
        let body = json!({"UserName": name, "UserRoles": [given]});
        let made = app.post("odata/Users", &body).await.ok(201);
        assert_eq!(made["RolesList"], json!(["Allow to be Automation User"]));
    }
    let body = json!({"UserName": "never", "UserRoles": [{"RoleId": 999_999}]});
    app.post("odata/Users", &body).await.refused(404, 1002);
}

async fn structures_of_people_and_machines_are_expanded(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let ids = chain(app, &["Top", "Below"]).await;
    let (_, user) = scene.server.user("person", &[]).await;
    let role = role(&scene, "Automation User").await;
    let assign = assignment(user, ids[0], &[role]);
    app.post(ASSIGN_USERS, &assign).await.ok(204);

    // As the original's guide asks for them.
    let people = |folder: i64, options: &str| {
        let named = op("GetUsersForFolder");
        format!("{named}(key={folder},includeInherited=true)?{options}")
    };
    let plain = app.get(&people(ids[0], "")).await.ok(200);
    let expanded = app.get(&people(ids[0], "$expand=UserEntity,Roles")).await;
    assert_eq!(expanded.ok(200), plain);
    let selected = people(ids[0], "$select=Id&$expand=UserEntity");
    let selected = app.get(&selected).await.ok(200)["value"][0].clone();
    assert_eq!(selected["UserEntity"]["UserName"], "person");
    assert_eq!(selected["Roles"], Value::Null);
    let with_origin = async |folder: i64, origin: &str| {
        let filter = format!("$filter=Roles/any(r: r/Origin eq '{origin}')");
        app.get(&people(folder, &filter)).await.ok(200)["@odata.count"].clone()
    };
    assert_eq!(with_origin(ids[0], "Assigned").await, 1);
    assert_eq!(with_origin(ids[0], "Inherited").await, 0);
    assert_eq!(with_origin(ids[1], "Inherited").await, 1);
    assert_eq!(with_origin(ids[1], "Assigned").await, 0);
    let wrong = people(ids[0], "$filter=Roles/any(r: r/Origin eq 'Nowhere')");
    app.get(&wrong).await.refused(400, 1000);

    let unit = id(&app
        .post("odata/OrganizationUnits", &json!({"DisplayName": "Unit"}))
        .await
        .ok(201));
    for path in [
        format!(
            "{}(key={})?$expand=Tags,RobotUsers",
            op("GetMachinesForFolder"),
            ids[0]
        ),
        "odata/Machines?$expand=RobotVersions,Tags,MaintenanceWindow".to_owned(),
        format!(
            "odata/OrganizationUnits/UiPath.Server.Configuration.OData.GetUsersForUnit(key={unit})?$expand=OrganizationUnits"
        ),
        format!(
            "odata/Roles/UiPath.Server.Configuration.OData.GetUsersForRole(key={role})?$expand=UserRoles"
        ),
        format!("odata/Users({user})?$expand=UserRoles,UnattendedRobot"),
    ] {
        let plain = path.split('?').next().unwrap();
        let plain = app.get(plain).await.ok(200);
        assert_eq!(app.get(&path).await.ok(200), plain, "{path}");
    }
    for (path, part) in [
        (people(ids[0], "$expand=Nobody"), "Nobody"),
        (
            people(ids[0], "$expand=HasAlertsEnabled"),
            "HasAlertsEnabled",
        ),
        (people(ids[0], "$expand=Roles($top=1)"), "Roles"),
        // Lists do not show it, so it is not expanded there.
        (
            "odata/Users?$expand=UnattendedRobot".to_owned(),
            "UnattendedRobot",
        ),
    ] {
        let refused = app.get(&path).await.refused(400, 1000);
        assert!(text(&refused, "message").contains(part), "{refused}");
    }
}
