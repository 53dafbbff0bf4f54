//! Folders: the tree, its rules, and the ways in which a request names one.

use serde_json::{Value, json};
use testkit::{Backend, Client, Host, both};

use crate::support::{
    ASSIGN_MACHINES, ASSIGN_USERS, assert_members, assignment, id, modern, role, scene, text,
    texts, with,
};

both!(
    a_tree_of_folders,
    folders_that_cannot_be_made,
    machines_pass_on_to_subfolders_only_when_told,
    folders_are_renamed_with_all_below,
    folders_that_cannot_be_edited,
    folders_are_deleted_when_they_are_empty,
    folders_move_with_all_below,
    machines_come_and_go,
    people_of_a_folder,
    classic_folders_are_units,
    folders_of_whoever_asks,
    managing_folders_takes_permission,
);

/// A new folder.
pub async fn make(app: &Client, body: Value) -> Value {
    app.post("odata/Folders", &body).await.ok(201)
}

async fn a_tree_of_folders(backend: Backend) {
    let scene = scene(backend).await;
    let top = make(&scene.app, modern("Finance")).await;
    assert!(text(&top, "@odata.context").ends_with("/$metadata#Folders/$entity"));
    let child = make(
        &scene.app,
        json!({"DisplayName": "Invoices", "ParentId": id(&top), "Description": "d"}),
    )
    .await;
    assert_eq!(text(&child, "FullyQualifiedName"), "Finance/Invoices");
    assert_eq!(
        (&child["ParentId"], &child["ParentKey"]),
        (&top["Id"], &top["Key"])
    );
    assert_eq!(
        (
            text(&child, "ProvisionType"),
            text(&child, "PermissionModel")
        ),
        ("Automatic", "FineGrained")
    );
    assert_eq!(text(&child, "Description"), "d");

    // The same name under another parent is another folder.
    make(
        &scene.app,
        json!({"DisplayName": "Invoices", "ParentId": scene.folder}),
    )
    .await;
    let again = json!({"DisplayName": "INVOICES", "ParentId": id(&top)});
    scene
        .app
        .post("odata/Folders", &again)
        .await
        .refused(409, 1001);
    scene
        .app
        .post("odata/Folders", &modern("finance"))
        .await
        .refused(409, 1001);

    let mut parent = id(&child);
    for depth in 3..=7 {
        let body = json!({"DisplayName": format!("Level {depth}"), "ParentId": parent});
        parent = id(&make(&scene.app, body).await);
    }
    let too_deep = json!({"DisplayName": "Level 8", "ParentId": parent});
    scene
        .app
        .post("odata/Folders", &too_deep)
        .await
        .refused(400, 2804);
    let all = scene
        .app
        .get("odata/Folders?$filter=startswith(FullyQualifiedName,'Finance/')")
        .await
        .ok(200);
    assert_eq!(all["@odata.count"], 6);
}

async fn folders_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |body: Value| scene.app.post("odata/Folders", &body).await;
    for name in ["", " "] {
        post(modern(name)).await.refused(400, 1009);
    }
    for name in ["a/b", "a\\b", ".", "..", " a", "a ", "a\nb"] {
        post(modern(name)).await.refused(400, 2810);
    }
    let long = post(modern(&"ä".repeat(116))).await;
    assert_eq!(long.status, 400, "{}", long.text());
    make(&scene.app, modern(&"ä".repeat(115))).await;
    post(json!({"DisplayName": "x"})).await.refused(400, 2801);
    post(json!({"DisplayName": "x", "ProvisionType": "Automatic"}))
        .await
        .refused(400, 2801);
    post(json!({"DisplayName": "x", "ProvisionType": "Manual", "PermissionModel": "FineGrained"}))
        .await
        .refused(400, 2801);
    post(json!({"DisplayName": "x", "ParentId": 999_999}))
        .await
        .refused(403, 1100);

    let classic = json!({"DisplayName": "Old", "ProvisionType": "Manual", "PermissionModel": "InheritFromTenant"});
    let classic = make(&scene.app, classic).await;
    post(json!({"DisplayName": "x", "ParentId": id(&classic)}))
        .await
        .refused(400, 2803);
    assert_eq!(
        scene
            .app
            .get("odata/Folders?$filter=DisplayName eq 'x'")
            .await
            .ok(200)["@odata.count"],
        0
    );
}

async fn machines_pass_on_to_subfolders_only_when_told(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&testkit::package("p", "1.0.0")).await;
    assert!(release["Key"].is_string());
    let child = make(
        &scene.app,
        json!({"DisplayName": "Child", "ParentId": scene.folder}),
    )
    .await;
    let here = scene.app.folder(id(&child));
    let body = json!({"Name": "p", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let release = here.post("odata/Releases", &body).await.ok(201);
    // The robot's account is inherited, the machine is not.
    let start = scene.start_info(&release, json!({}));
    here.post(crate::support::START_JOBS, &start)
        .await
        .refused(409, 2818);
}

/// `Folders/…{name}`
pub fn op(name: &str) -> String {
    format!("odata/Folders/UiPath.Server.Configuration.OData.{name}")
}

/// `Folders(id)/…{name}`
fn bound(folder: i64, name: &str) -> String {
    format!("odata/Folders({folder})/UiPath.Server.Configuration.OData.{name}")
}

/// A chain of folders, each below the one before.
pub async fn chain(app: &Client, names: &[&str]) -> Vec<i64> {
    let mut ids: Vec<i64> = Vec::new();
    for name in names {
        let body = match ids.last() {
            Some(parent) => json!({"DisplayName": name, "ParentId": parent}),
            None => modern(name),
        };
        ids.push(id(&make(app, body).await));
    }
    ids
}

async fn path_of(app: &Client, folder: i64) -> String {
    let folder = app.get(&format!("odata/Folders({folder})")).await.ok(200);
    assert_eq!(
        folder["FullyQualifiedName"],
        folder["FullyQualifiedNameOrderable"]
    );
    text(&folder, "FullyQualifiedName").to_owned()
}

async fn folders_are_renamed_with_all_below(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let ids = chain(app, &["Ä", "B", "C"]).await;
    let path = format!("odata/Folders({})", ids[0]);
    let before = app.get(&path).await.ok(200);
    let mut body = before.clone();
    body["DisplayName"] = "Ö und mehr".into();
    body["Description"] = "d".into();
    let put = app.put(&path, &body).await.ok(200);
    assert_eq!(text(&put, "FullyQualifiedName"), "Ö und mehr");
    assert_eq!(
        (text(&put, "Description"), &put["Key"]),
        ("d", &before["Key"])
    );
    assert_eq!(path_of(app, ids[2]).await, "Ö und mehr/B/C");
    // The name alone is a whole body; what can be absent goes.
    let put = app.put(&path, &json!({"DisplayName": "a"})).await.ok(200);
    assert_eq!(put["Description"], Value::Null);
    app.put(&path, &json!({"DisplayName": "A"})).await.ok(200);
    assert_eq!(path_of(app, ids[2]).await, "A/B/C");

    let key = text(&before, "Key");
    let patch = format!("api/Folders/PatchNameDescription?key={key}");
    app.patch(&patch, &json!({"name": "New"})).await.ok(200);
    app.patch(&patch, &json!({"description": "only this"}))
        .await
        .ok(200);
    let by_key = app
        .get(&format!("{}(identifier={key})", op("GetByKey")))
        .await
        .ok(200);
    assert_eq!(
        (text(&by_key, "DisplayName"), text(&by_key, "Description")),
        ("New", "only this")
    );
    assert_eq!(path_of(app, ids[1]).await, "New/B");
    app.patch(&patch, &json!({"name": "a/b"}))
        .await
        .refused(400, 2810);
    app.patch(&patch, &json!({"name": "shared"}))
        .await
        .refused(409, 1001);
    app.patch(&patch, &json!({"description": "x".repeat(501)}))
        .await
        .refused(400, 1009);
    app.patch(&patch, &json!(null)).await.refused(400, 0);
    app.patch("api/Folders/PatchNameDescription?key=x", &json!({}))
        .await
        .refused(400, 1000);
    let nobody = uuid::Uuid::nil();
    app.patch(
        &format!("api/Folders/PatchNameDescription?key={nobody}"),
        &json!({}),
    )
    .await
    .refused(404, 1002);
    app.get(&format!("{}(identifier={nobody})", op("GetByKey")))
        .await
        .refused(404, 1002);
}

async fn folders_that_cannot_be_edited(backend: Backend) {
    let scene = scene(backend).await;
    let folder = id(&make(&scene.app, modern("F")).await);
    let path = format!("odata/Folders({folder})");
    let put = async |more: Value| {
        let body = with(json!({"DisplayName": "F"}), more);
        scene.app.put(&path, &body).await
    };
    put(json!({"ProvisionType": "Manual"}))
        .await
        .refused(400, 2805);
    put(json!({"PermissionModel": "InheritFromTenant"}))
        .await
        .refused(400, 2806);
    put(json!({"ParentId": scene.folder}))
        .await
        .refused(400, 2807);
    put(json!({"FeedType": "FolderHierarchy"}))
        .await
        .refused(400, 2826);
    put(json!({"DisplayName": "shared"}))
        .await
        .refused(409, 1001);
    put(json!({"DisplayName": "a/b"})).await.refused(400, 2810);
    put(json!({"DisplayName": null})).await.refused(400, 1009);
    put(json!({"Description": "x".repeat(501)}))
        .await
        .refused(400, 1009);
    put(json!({"IsPersonal": true, "Id": 7, "FullyQualifiedName": "x", "Unknown": {}}))
        .await
        .ok(200);
    assert_eq!(path_of(&scene.app, folder).await, "F");
    scene
        .app
        .put("odata/Folders(999999)", &json!({"DisplayName": "x"}))
        .await
        .refused(404, 1002);
}

async fn folders_are_deleted_when_they_are_empty(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let ids = chain(app, &["A", "B"]).await;
    let path = |folder: i64| format!("odata/Folders({folder})");
    let refused = async |what: &str| {
        let said = app.delete(&path(ids[0])).await.refused(409, 1012);
        assert!(text(&said, "message").contains(what), "{said}");
    };
    refused("folders").await;
    app.delete(&path(ids[1])).await.ok(204);
    app.get(&path(ids[1])).await.refused(404, 1002);

    let (_, user) = scene.server.user("somebody", &[]).await;
    let assign = assignment(user, ids[0], &[]);
    app.post(ASSIGN_USERS, &assign).await.ok(204);
    refused("users").await;
    app.post(
        &bound(ids[0], "RemoveUserFromFolder"),
        &json!({"userId": user}),
    )
    .await
    .ok(204);
    let machines = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [ids[0]]}});
    app.post(ASSIGN_MACHINES, &machines).await.ok(204);
    refused("machines").await;
    app.post(
        &bound(ids[0], "RemoveMachinesFromFolder"),
        &json!({"machineIds": [scene.machine]}),
    )
    .await
    .ok(204);
    scene.upload(&testkit::package("p", "1.0.0")).await;
    let release = json!({"Name": "p", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    app.folder(ids[0])
        .post("odata/Releases", &release)
        .await
        .ok(201);
    refused("Releases").await;

    let empty = make(app, modern("Empty")).await;
    let by_key = format!("api/Folders/DeleteByKey?key={}", text(&empty, "Key"));
    app.delete(&by_key).await.ok(204);
    app.delete(&by_key).await.refused(404, 1002);
    app.delete("api/Folders/DeleteByKey")
        .await
        .refused(400, 1000);
    app.delete(&path(999_999)).await.refused(404, 1002);
}

async fn folders_move_with_all_below(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let a = chain(app, &["A", "B", "C"]).await;
    let x = chain(app, &["X", "Y"]).await;
    let to = async |folder: i64, target: i64| {
        let path = format!("{}?targetParentId={target}", bound(folder, "MoveFolder"));
        app.put(&path, &json!({})).await
    };
    // What X passes on is inherited below it, wherever that was moved from.
    let inherit = json!({"MachineId": scene.machine, "FolderId": x[0], "InheritEnabled": true});
    let assign = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [x[0]]}});
    app.post(ASSIGN_MACHINES, &assign).await.ok(204);
    app.post(&op("ToggleFolderMachineInherit"), &inherit)
        .await
        .ok(200);
    let changes = format!(
        "{}?folderId={}&targetParentId={}",
        op("GetMoveFolderMachinesChanges"),
        a[1],
        x[1]
    );
    let changes = app.get(&changes).await.ok(200);
    assert_eq!(
        changes["value"],
        json!([{"MachineId": scene.machine, "MachineName": "Local",
            "OldMachineFolderState": "NotAssigned", "NewMachineFolderState": "Inherited"}])
    );
    to(a[1], x[1]).await.ok(204);
    assert_eq!(path_of(app, a[2]).await, "X/Y/B/C");
    let machines = format!("{}(key={})", op("GetMachinesForFolder"), a[2]);
    let machine = app.get(&machines).await.ok(200)["value"][0].clone();
    assert_eq!(
        (&machine["IsInherited"], &machine["InheritedFromFolderName"]),
        (&json!(true), &json!("X"))
    );
    let below = format!(
        "{}?rootFolderId={}&machineId={}",
        op("GetSubfoldersWithAssignedMachine"),
        x[0],
        scene.machine
    );
    assert_eq!(app.get(&below).await.ok(200)["value"], json!([]));
    let own = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [a[2], a[0]]}});
    app.post(ASSIGN_MACHINES, &own).await.ok(204);
    assert_eq!(
        texts(&app.get(&below).await.ok(200), "FullyQualifiedName"),
        ["X/Y/B/C"]
    );

    // Below itself is nowhere; too deep is refused, and so is a path that exists.
    for target in [x[0], x[1], a[2]] {
        to(x[0], target).await.refused(400, 2820);
    }
    let deep = chain(app, &["1", "2", "3", "4"]).await;
    to(x[0], deep[3]).await.refused(400, 2804);
    let twin = make(app, json!({"DisplayName": "b", "ParentId": a[0]})).await;
    to(id(&twin), x[1]).await.refused(409, 1001);
    assert_eq!(path_of(app, id(&twin)).await, "A/b");
    // To the top.
    app.put(&bound(a[1], "MoveFolder"), &json!({}))
        .await
        .ok(204);
    assert_eq!(path_of(app, a[2]).await, "B/C");
    let machine = app.get(&machines).await.ok(200)["value"][0].clone();
    assert_eq!(
        (
            &machine["IsAssignedToFolder"],
            &machine["InheritedFromFolderName"]
        ),
        (&json!(true), &Value::Null)
    );

    let unit = json!({"DisplayName": "Old"});
    let unit = id(&app.post("odata/OrganizationUnits", &unit).await.ok(201));
    to(unit, a[0]).await.refused(400, 2819);
    to(a[1], unit).await.refused(400, 2819);
    to(999_999, a[0]).await.refused(404, 1002);
    to(a[1], 999_999).await.refused(403, 1100);
    // An empty value is not the top level.
    let empty = format!("{}?targetParentId=", bound(a[1], "MoveFolder"));
    app.put(&empty, &json!({})).await.refused(400, 1000);
    let wrong = format!("{}?targetParentId=x", bound(a[1], "MoveFolder"));
    app.put(&wrong, &json!({})).await.refused(400, 1000);
}

async fn machines_come_and_go(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let other = json!({"Name": "Other", "UnattendedSlots": 1});
    let other = id(&app.post("odata/Machines", &other).await.ok(201));
    let update = op("UpdateMachinesToFolderAssociations");
    let body = json!({"associations": {"FolderId": scene.folder, "AddedMachineIds": [other],
        "RemovedMachineIds": [scene.machine]}});
    app.post(&update, &body).await.ok(204);
    let machines = format!("{}(key={})", op("GetMachinesForFolder"), scene.folder);
    let assigned = async || {
        let path = format!("{machines}?$filter=IsAssignedToFolder eq true");
        app.get(&path).await.ok(200)
    };
    assert_eq!(texts(&assigned().await, "Name"), ["Other"]);
    let robots = json!({"associations": {"MachineId": other, "FolderId": scene.folder,
        "AddedRobotIds": [scene.robot], "RemovedRobotIds": []}});
    app.post(&op("SetMachineRobots"), &robots).await.ok(204);
    assert_eq!(assigned().await["value"][0]["HasMachineRobots"], true);
    let remove = bound(scene.folder, "RemoveMachinesFromFolder");
    app.post(&remove, &json!({"machineIds": [other]}))
        .await
        .ok(204);
    assert_eq!(assigned().await["value"], json!([]));

    app.post(&op("SetMachineRobots"), &robots)
        .await
        .refused(404, 1002);
    let wrong = json!({"associations": {"FolderId": scene.folder, "AddedMachineIds": [999_999]}});
    app.post(&update, &wrong).await.refused(400, 2808);
    let wrong = json!({"associations": {"FolderId": 999_999}});
    app.post(&update, &wrong).await.refused(403, 1100);
    app.post(&update, &json!({})).await.refused(400, 0);
    app.post(&remove, &json!({})).await.refused(400, 0);
    let inherit = json!({"MachineId": other, "FolderId": scene.folder, "InheritEnabled": true});
    app.post(&op("ToggleFolderMachineInherit"), &inherit)
        .await
        .refused(404, 1002);
}

async fn people_of_a_folder(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let child = chain(app, &["Top", "Below"]).await;
    let (_, user) = scene.server.user("so \"quoted\"", &[]).await;
    let role = role(&scene, "Administrator").await;
    let assign = assignment(user, child[0], &[role]);
    app.post(ASSIGN_USERS, &assign).await.ok(204);
    let of = async |folder: i64, inherited: bool| {
        let path = format!(
            "{}(key={folder},includeInherited={inherited})",
            op("GetUsersForFolder")
        );
        app.get(&path).await.ok(200)
    };
    let list = of(child[0], false).await;
    assert!(text(&list, "@odata.context").ends_with("/$metadata#UserRoles"));
    assert_eq!(list["@odata.count"], 1);
    let row = &list["value"][0];
    assert_eq!(id(row), user);
    assert_members(row, "UserEntity Roles HasAlertsEnabled Id");
    assert_members(
        &row["UserEntity"],
        "FullName AuthenticationSource UserName IsInherited AssignedToFolderIds MayHaveAttended
         MayHaveUnattended Type Source Id",
    );
    assert_eq!(row["UserEntity"]["UserName"], "so \"quoted\"");
    assert_eq!(row["UserEntity"]["AssignedToFolderIds"], json!([child[0]]));
    assert_eq!(
        row["Roles"],
        json!([{"Origin": "Assigned", "RoleType": "Mixed", "InheritedFromFolder": null,
            "Name": "Administrator", "Id": role}])
    );
    assert_eq!(of(child[1], false).await["value"], json!([]));
    let inherited = of(child[1], true).await["value"][0].clone();
    assert_eq!(inherited["UserEntity"]["IsInherited"], true);
    assert_eq!(inherited["Roles"][0]["Origin"], "Inherited");
    assert_eq!(
        inherited["Roles"][0]["InheritedFromFolder"]["FullyQualifiedName"],
        "Top"
    );
    app.get(&format!(
        "{}(key={},includeInherited=maybe)",
        op("GetUsersForFolder"),
        child[0]
    ))
    .await
    .refused(400, 1009);

    let named = "username='so%20\"quoted\"'";
    let roles = app
        .get(&format!(
            "{}({named},skip=0,take=10)",
            op("GetAllRolesForUser")
        ))
        .await
        .ok(200);
    assert_eq!(
        (&roles["Count"], &roles["Id"], &roles["TenantRoles"]),
        (&json!(1), &json!(user), &json!([]))
    );
    assert_eq!(roles["PageItems"][0]["Folder"]["FullyQualifiedName"], "Top");
    assert_eq!(roles["PageItems"][0]["Roles"][0]["Name"], "Administrator");
    app.get(&format!(
        "{}(username='nobody',skip=0,take=10)",
        op("GetAllRolesForUser")
    ))
    .await
    .refused(404, 1002);
    app.get(&format!(
        "{}({named},skip=0,take=1001)",
        op("GetAllRolesForUser")
    ))
    .await
    .refused(400, 1009);

    let remove = bound(child[0], "RemoveUserFromFolder");
    app.post(&remove, &json!({"userId": user})).await.ok(204);
    app.post(&remove, &json!({"userId": user}))
        .await
        .refused(404, 1002);
    assert_eq!(of(child[1], true).await["value"], json!([]));
    let domain = json!({"assignment": {"UserName": "SO \"QUOTED\"", "UserType": "User",
        "RolesPerFolder": [{"FolderId": child[0], "RoleIds": []}]}});
    app.post(&op("AssignDomainUser"), &domain).await.ok(204);
    let user_key = app.get(&format!("odata/Users({user})")).await.ok(200)["Key"].clone();
    app.post(
        &bound(child[0], "RemoveUserFromFolderByKey"),
        &json!({"userKey": user_key}),
    )
    .await
    .ok(204);
    let nobody = json!({"assignment": {"UserName": "nobody", "RolesPerFolder": []}});
    app.post(&op("AssignDirectoryUser"), &nobody)
        .await
        .refused(404, 1002);
    app.post(&op("AssignDomainUser"), &json!({"assignment": {}}))
        .await
        .refused(400, 1009);
}

async fn classic_folders_are_units(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let unit = app
        .post("odata/OrganizationUnits", &json!({"DisplayName": "Sales"}))
        .await
        .ok(201);
    assert!(text(&unit, "@odata.context").ends_with("/$metadata#OrganizationUnits/$entity"));
    let unit = id(&unit);
    let folder = app.get(&format!("odata/Folders({unit})")).await.ok(200);
    assert_eq!(
        (
            text(&folder, "ProvisionType"),
            text(&folder, "PermissionModel")
        ),
        ("Manual", "InheritFromTenant")
    );
    let list = app.get("odata/OrganizationUnits").await.ok(200);
    assert_eq!(texts(&list, "DisplayName"), ["Shared", "Sales"]);
    let path = format!("odata/OrganizationUnits({unit})");
    app.put(&path, &json!({"DisplayName": "Service"}))
        .await
        .ok(200);
    assert_eq!(
        text(&app.get(&path).await.ok(200), "DisplayName"),
        "Service"
    );
    assert_eq!(path_of(app, unit).await, "Service");
    app.put(&path, &json!({"DisplayName": "shared"}))
        .await
        .refused(409, 1001);
    app.put(&path, &json!({})).await.refused(400, 1009);
    let long = json!({"DisplayName": "ä".repeat(128)});
    let made = app.post("odata/OrganizationUnits", &long).await.ok(201);
    assert_eq!(made["DisplayName"], long["DisplayName"]);
    let made = format!("odata/OrganizationUnits({})", id(&made));
    app.put(&made, &long).await.ok(200);
    let longer = json!({"DisplayName": "ä".repeat(129)});
    app.put(&made, &longer).await.refused(400, 1009);
    let refused = app.post("odata/OrganizationUnits", &longer).await;
    refused.refused(400, 1009);
    app.delete(&made).await.ok(204);
    // Where there is none, one is made.
    let body = json!({"DisplayName": "made by put"});
    let made = app.put("odata/OrganizationUnits(999999)", &body).await;
    let made = made.ok(201);
    assert_eq!(text(&made, "DisplayName"), "made by put");
    app.delete(&format!("odata/OrganizationUnits({})", id(&made)))
        .await
        .ok(204);

    // Its machines come with its robots, its roles from the tenant.
    let machines = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [unit]}});
    app.post(ASSIGN_MACHINES, &machines)
        .await
        .refused(400, 2814);
    let (person, user) = scene.server.user("clerk", &[]).await;
    let role = role(&scene, "Administrator").await;
    app.post(ASSIGN_USERS, &assignment(user, unit, &[role]))
        .await
        .refused(400, 2809);
    let jobs = person.folder(unit).get("odata/Jobs").await;
    jobs.refused(403, 1100);
    let (chief, _) = scene.server.user("chief", &["Administrator"]).await;
    chief.folder(unit).get("odata/Jobs").await.ok(200);

    let unit_op = |name: &str| {
        format!("odata/OrganizationUnits/UiPath.Server.Configuration.OData.{name}(key={unit})")
    };
    let set = format!("{path}/UiPath.Server.Configuration.OData.SetUsers");
    let users = json!({"addedUserIds": [user], "removedUserIds": []});
    app.post(&set, &users).await.ok(204);
    let ids = app.get(&unit_op("GetUserIdsForUnit")).await.ok(200);
    assert!(text(&ids, "@odata.context").ends_with("/$metadata#Collection(Edm.Int64)"));
    assert_eq!(ids["value"], json!([user]));
    let all = app.get(&unit_op("GetUsersForUnit")).await.ok(200);
    let wanted = ["admin", testkit::APP_ID, "clerk", "chief"];
    assert_eq!(texts(&all, "UserName"), wanted, "all that are no robots");
    app.delete(&path).await.refused(409, 1012);
    let users = json!({"addedUserIds": [], "removedUserIds": [user]});
    app.post(&set, &users).await.ok(204);
    app.post(
        &set,
        &json!({"addedUserIds": [999_999], "removedUserIds": []}),
    )
    .await
    .refused(400, 2808);
    app.delete(&path).await.ok(204);
    app.get(&path).await.refused(404, 1002);
}

async fn folders_of_whoever_asks(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let ids = chain(app, &["Top", "Mine", "Below"]).await;
    let (person, user) = scene.server.user("person", &[]).await;
    app.post(ASSIGN_USERS, &assignment(user, ids[1], &[]))
        .await
        .ok(204);
    let all = "api/Folders/GetAllForCurrentUser";
    let own = person.get(all).await.ok(200);
    assert_eq!(own["Count"], 2);
    let names: Vec<_> = own["PageItems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| text(f, "FullyQualifiedName"))
        .collect();
    assert_eq!(names, ["Top/Mine", "Top/Mine/Below"]);
    let page = person.get(&format!("{all}?take=1&skip=1")).await.ok(200);
    assert_eq!(page["Count"], 2);
    assert_eq!(page["PageItems"][0]["DisplayName"], "Below");
    assert_eq!(page["PageItems"].as_array().unwrap().len(), 1);
    for wrong in ["take=1001", "take=-1", "skip=-1"] {
        person
            .get(&format!("{all}?{wrong}"))
            .await
            .refused(400, 1009);
    }
    assert_eq!(
        app.get(all).await.ok(200),
        json!({"PageItems": [], "Count": 0})
    );

    let navigation = |name: &str| format!("api/FoldersNavigation/{name}");
    let found = person
        .get(&navigation(
            "GetFoldersForCurrentUser?searchText=MINE&skip=0&take=20",
        ))
        .await
        .ok(200);
    assert_eq!(found["PageItems"][0]["FullyQualifiedName"], "Top/Mine");
    assert_eq!(found["Count"], 1);
    let none = person
        .get(&navigation("GetFoldersForCurrentUser?folderTypes=Personal"))
        .await
        .ok(200);
    assert_eq!(none["Count"], 0);
    person
        .get(&navigation("GetFoldersForCurrentUser?folderTypes=Wrong"))
        .await
        .refused(400, 1009);
    let tree = person
        .get(&navigation("GetAllFoldersForCurrentUser"))
        .await
        .ok(200);
    let shown: Vec<_> = tree
        .as_array()
        .unwrap()
        .iter()
        .map(|f| {
            (
                text(f, "DisplayName"),
                f["IsSelectable"] == true,
                f["HasChildren"] == true,
                f["Level"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("Top", false, true, 0),
            ("Mine", true, true, 1),
            ("Below", true, false, 2)
        ]
    );
    let context = navigation("GetFolderNavigationContextForCurrentUser");
    let here = person
        .get(&format!("{context}?folderId={}", ids[1]))
        .await
        .ok(200);
    assert_eq!(here["Ancestors"][0]["DisplayName"], "Top");
    assert_eq!(here["ChildrenPage"][0]["DisplayName"], "Below");
    assert_eq!(here["ChildrenCount"], 1);
    person
        .get(&format!("{context}?folderId={}", scene.folder))
        .await
        .refused(404, 1002);
    for name in ["GetFoldersForCurrentUser", "GetAllFoldersForCurrentUser"] {
        app.get(&navigation(name)).await.refused(403, 0);
    }
    scene.server.anonymous().get(all).await.refused(401, 0);
    // A robot finds the folders of its account at both addresses: its role lets it.
    let host = Host::new(scene.server.machine());
    let started = host.start(1).await;
    let key = text(&started["robots"][0], "robotKey");
    let robot = scene.server.anonymous();
    let robot = robot.with("Authorization", format!("UiRobot {key}"));
    let found = robot.get("odata/Folders").await.ok(200);
    assert_eq!(texts(&found, "DisplayName"), ["Shared"]);
    let found = robot.get(&navigation("GetFoldersForCurrentUser")).await;
    assert_eq!(found.ok(200)["Count"], 1);
    // So is the fourth of them refused to applications.
    let roles = navigation("GetAllRolesForUser?username=person&skip=0&take=5");
    app.get(&roles).await.refused(403, 0);
    person.get(&roles).await.refused(403, 0);
    let (manager, _) = scene.server.user("ta", &["Tenant Administrator"]).await;
    let shown = manager.get(&roles).await.ok(200);
    assert_eq!(shown["PageItems"][0]["Roles"], json!([]));
    assert_eq!(
        manager.get(&format!("{roles}&type=User")).await.ok(200),
        shown
    );
    for (kind, status, code) in [("Robot", 404, 1002), ("Nobody", 400, 1009)] {
        let path = format!("{roles}&type={kind}");
        manager.get(&path).await.refused(status, code);
    }
}

async fn managing_folders_takes_permission(backend: Backend) {
    let scene = scene(backend).await;
    let app = &scene.app;
    let ids = chain(app, &["Top", "Mine"]).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let role = role(&scene, "Administrator").await;
    let path = |folder: i64| format!("odata/Folders({folder})");
    let named = json!({"DisplayName": "Own"});
    // Whoever has the permission nowhere is not told which folders there are.
    person.put(&path(ids[1]), &named).await.refused(403, 0);
    person.put(&path(999_999), &named).await.refused(403, 0);
    person.get("odata/Folders").await.refused(403, 0);
    person.get(&path(ids[1])).await.refused(403, 1100);
    let nothing = json!({"assignments": {"UserIds": [user], "RolesPerFolder": []}});
    person.post(ASSIGN_USERS, &nothing).await.refused(403, 0);
    app.post(ASSIGN_USERS, &assignment(user, ids[1], &[]))
        .await
        .ok(204);
    person.put(&path(ids[1]), &named).await.refused(403, 0);
    person.delete(&path(ids[1])).await.refused(403, 0);
    // Being assigned is enough to read the folder itself, not to be shown a list.
    assert_eq!(person.get(&path(ids[1])).await.ok(200)["Id"], ids[1]);
    person.get(&path(ids[0])).await.refused(403, 1100);
    person.get("odata/Folders").await.refused(403, 0);
    app.post(ASSIGN_USERS, &assignment(user, ids[1], &[role]))
        .await
        .ok(204);
    // A role in a folder is enough for it, and for nothing above it.
    person.put(&path(ids[1]), &named).await.ok(200);
    assert_eq!(
        texts(&person.get("odata/Folders").await.ok(200), "DisplayName"),
        ["Own"]
    );
    person.put(&path(ids[0]), &named).await.refused(403, 1100);
    let move_up = bound(ids[1], "MoveFolder");
    person.put(&move_up, &json!({})).await.refused(403, 0);
    let child = json!({"DisplayName": "Child", "ParentId": ids[1]});
    let child = id(&person.post("odata/Folders", &child).await.ok(201));
    person.delete(&path(child)).await.ok(204);
    person.get("odata/OrganizationUnits").await.refused(403, 0);
    let reader = scene.server.app_with(&["OR.Folders.Read"]).await;
    reader.put(&path(ids[0]), &named).await.refused(403, 0);
    reader.delete(&path(ids[0])).await.refused(403, 0);
    reader.put(&move_up, &json!({})).await.refused(403, 0);
    reader
        .post("odata/OrganizationUnits", &named)
        .await
        .refused(403, 0);
}
