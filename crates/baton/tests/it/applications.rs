//! Applications as accounts: what `OR.Default` gives them is what their roles give, beside their scopes,
//! and they get no further than that.

use serde_json::{Value, json};
use testkit::{APP_ID, APP_SECRET, Backend, Client, Scene, both};

use crate::queues::{ADD, add, at, folder, item_data, queue};
use crate::support::{
    ASSIGN_USERS, START_JOBS, assignment, id, role, scene, text, texts, user, with,
};

both!(
    an_application_is_among_the_accounts,
    without_a_role_it_may_do_nothing,
    a_role_in_a_folder_counts_there,
    a_role_for_the_tenant_counts_at_once,
    scopes_and_roles_add_up,
    it_gives_away_no_more_than_it_has,
    it_gives_nothing_to_itself,
    without_an_active_account_it_is_nobody,
    what_its_account_cannot_have,
    whoever_calls_with_their_workspace,
    an_export_runs_with_its_roles,
);

const OPERATIONS: &str = "UiPath.Server.Configuration.OData";

/// A token that its roles decide about.
async fn by_roles(scene: &Scene) -> Client {
    scene.server.app_with(&["OR.Default"]).await
}

fn action(user: i64, name: &str) -> String {
    format!("odata/Users({user})/{OPERATIONS}.{name}")
}

/// Gives the application these roles for the tenant, as an administrator would.
async fn give(scene: &Scene, roles: &[i64]) {
    let account = user(scene, APP_ID).await;
    let body = json!({"roleIds": roles});
    let admin = scene.server.admin().await;
    admin
        .post(&action(account, "AssignRoles"), &body)
        .await
        .ok(200);
}

async fn give_in(scene: &Scene, folder: i64, roles: &[i64]) {
    let body = assignment(user(scene, APP_ID).await, folder, roles);
    let admin = scene.server.admin().await;
    admin.post(ASSIGN_USERS, &body).await.ok(204);
}

async fn make_role(scene: &Scene, name: &str, kind: &str, permissions: &[&str]) -> i64 {
    let permissions: Vec<Value> = permissions.iter().map(|p| json!({"Name": p})).collect();
    let body = json!({"Name": name, "Type": kind, "Permissions": permissions});
    id(&scene.app.post("odata/Roles", &body).await.ok(201))
}

async fn an_application_is_among_the_accounts(backend: Backend) {
    let scene = scene(backend).await;
    let of_kind = async |kind: &str| {
        let path = format!("odata/Users?$filter=Type eq '{kind}'");
        scene.app.get(&path).await.ok(200)
    };
    let applications = of_kind("DirectoryExternalApplication").await;
    assert_eq!(texts(&applications, "UserName"), [APP_ID]);
    let one = &applications["value"][0];
    assert_eq!(one["DirectoryIdentifier"], APP_ID);
    assert_eq!(
        (&one["IsActive"], &one["RolesList"]),
        (&json!(true), &json!([]))
    );
    for right in [
        "MayHaveUserSession",
        "MayHaveRobotSession",
        "MayHaveUnattendedSession",
        "MayHavePersonalWorkspace",
    ] {
        assert_eq!(one[right], false, "{right}");
    }
    assert_eq!(texts(&of_kind("User").await, "UserName"), ["admin"]);
    let robots = of_kind("DirectoryRobot").await;
    assert_eq!(texts(&robots, "UserName"), ["local-robot"]);

    // Roles are given to it as to anybody, in a folder by its client id, too.
    let automation_user = role(&scene, "Automation User").await;
    let body = json!({"assignment": {
        "Domain": "autogen", "DirectoryIdentifier": APP_ID, "UserType": "DirectoryExternalApplication",
        "RolesPerFolder": [{"FolderId": scene.folder, "RoleIds": [automation_user]}],
    }});
    let admin = scene.server.admin().await;
    let assign = format!("odata/Folders/{OPERATIONS}.AssignDomainUser");
    admin.post(&assign, &body).await.ok(204);
    let of_folder = format!(
        "odata/Folders/{OPERATIONS}.GetUsersForFolder(key={},includeInherited=true)",
        scene.folder
    );
    let shown = scene.app.get(&of_folder).await.ok(200);
    let entry = shown["value"].as_array().unwrap().iter();
    let entry = entry
        .map(|e| &e["UserEntity"])
        .find(|e| e["UserName"] == APP_ID);
    let entry = entry.expect("the application");
    assert_eq!(text(entry, "Type"), "DirectoryExternalApplication");
    assert_eq!(
        (&entry["MayHaveAttended"], &entry["MayHaveUnattended"]),
        (&json!(false), &json!(false))
    );
}

async fn without_a_role_it_may_do_nothing(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let app = by_roles(&scene).await;
    for path in [
        "odata/Machines",
        "odata/Users",
        "odata/Roles",
        "odata/Jobs",
        "odata/Sessions",
        "odata/Settings",
        "odata/AuditLogs",
        "odata/QueueDefinitions",
        "odata/QueueItems",
    ] {
        let refused = app.get(path).await.refused(403, 0);
        assert_eq!(refused["message"], "You are not authorized!", "{path}");
    }
    for path in ["odata/Jobs", "odata/QueueDefinitions", "odata/Releases"] {
        app.folder(scene.folder).get(path).await.refused(403, 1100);
    }
    let across = format!("odata/QueueDefinitions/{OPERATIONS}.GetQueuesAcrossFolders");
    assert_eq!(app.get(&across).await.ok(200)["value"], json!([]));
    let start = json!({"startInfo": {}});
    app.folder(scene.folder)
        .post(START_JOBS, &start)
        .await
        .refused(400, 1100);
    app.folder(scene.folder)
        .post(ADD, &item_data("Q", json!({})))
        .await
        .refused(403, 1100);
    app.post("odata/Machines", &json!({"Name": "M"}))
        .await
        .refused(403, 0);
    let administrator = role(&scene, "Administrator").await;
    let own = user(&scene, APP_ID).await;
    app.post(
        &action(own, "AssignRoles"),
        &json!({"roleIds": [administrator]}),
    )
    .await
    .refused(403, 0);
    // It is no person.
    let me = format!("odata/Users/{OPERATIONS}.GetCurrentUser");
    app.get(&me).await.refused(401, 0);
    app.get("api/FoldersNavigation/GetFoldersForCurrentUser")
        .await
        .refused(403, 0);
    app.get("api/RobotsService/GetSharedConnectionData")
        .await
        .refused(403, 0);
}

/// A queue in each of two folders, and a role in the first; gives the second.
async fn with_a_role_here(scene: &Scene) -> i64 {
    let other = folder(scene, "Other").await;
    queue(&scene.shared, "Here", json!({})).await;
    queue(&scene.app.folder(other), "There", json!({})).await;
    let automation_user = role(scene, "Automation User").await;
    give_in(scene, scene.folder, &[automation_user]).await;
    other
}

async fn a_role_in_a_folder_counts_there(backend: Backend) {
    let scene = scene(backend).await;
    let other = with_a_role_here(&scene).await;

    let app = by_roles(&scene).await;
    let here = app.folder(scene.folder);
    let queues = here.get("odata/QueueDefinitions").await.ok(200);
    assert_eq!(texts(&queues, "Name"), ["Here"]);
    add(&here, "Here", json!({})).await;
    here.get("odata/Jobs").await.ok(200);
    app.get("odata/Jobs").await.ok(200);
    // Not more than the role gives there …
    let refused = here
        .post("odata/QueueDefinitions", &json!({"Name": "More"}))
        .await
        .refused(403, 0);
    let needed = text(&refused["error"], "neededPermissions");
    assert!(needed.contains("Queues.Create"), "{needed}");
    // … not elsewhere, whatever the request says …
    let there = app.folder(other);
    there.get("odata/QueueDefinitions").await.refused(403, 1100);
    app.with("X-UIPATH-FolderPath", "Other")
        .get("odata/QueueDefinitions")
        .await
        .refused(403, 1100);
    there
        .post(ADD, &item_data("There", json!({})))
        .await
        .refused(403, 1100);
    let items = app.get("odata/QueueItems").await.ok(200);
    assert_eq!(items["@odata.count"], 1);
    let across = format!("odata/QueueDefinitions/{OPERATIONS}.GetQueuesAcrossFolders");
    let queues = app.get(&across).await.ok(200);
    assert_eq!(texts(&queues, "Name"), ["Here"]);
    let feed = format!("api/PackageFeeds/GetFolderFeed?folderId={other}");
    app.get(&feed).await.refused(403, 1100);
    // … and not for the tenant.
    app.get("odata/Machines").await.refused(403, 0);

    give_in(&scene, scene.folder, &[]).await;
    here.get("odata/QueueDefinitions").await.refused(403, 0);
}

async fn a_role_for_the_tenant_counts_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let app = by_roles(&scene).await;
    let folders = make_role(
        &scene,
        "Keeper",
        "Tenant",
        &["Machines.View", "Units.View", "Units.Create"],
    )
    .await;
    app.get("odata/Machines").await.refused(403, 0);
    give(&scene, &[folders]).await;
    app.get("odata/Machines").await.ok(200);
    let body = json!({"Name": "M"});
    app.post("odata/Machines", &body).await.refused(403, 0);
    // Whoever makes a root folder administers it.
    let body = crate::support::modern("Own");
    let own = id(&app.post("odata/Folders", &body).await.ok(201));
    queue(&app.folder(own), "Q", json!({})).await;
    app.folder(scene.folder)
        .get("odata/QueueDefinitions")
        .await
        .refused(403, 1100);
    let names = app.get("odata/Folders").await.ok(200);
    assert_eq!(texts(&names, "DisplayName"), ["Own", "Shared"]);

    give(&scene, &[]).await;
    app.get("odata/Machines").await.refused(403, 0);
}

async fn scopes_and_roles_add_up(backend: Backend) {
    let scene = scene(backend).await;
    let other = with_a_role_here(&scene).await;
    let both = scene
        .server
        .app_with(&["OR.Queues.Read", "OR.Default"])
        .await;
    // What the scope covers is the whole tenant's …
    let queues = both
        .get("odata/QueueDefinitions?$orderby=Name")
        .await
        .ok(200);
    assert_eq!(texts(&queues, "Name"), ["Here", "There"]);
    both.folder(other).get("odata/QueueItems").await.ok(200);
    // … the rest is up to the role.
    add(&both.folder(scene.folder), "Here", json!({})).await;
    both.folder(other)
        .post(ADD, &item_data("There", json!({})))
        .await
        .refused(403, 1100);
    both.folder(scene.folder).get("odata/Jobs").await.ok(200);
    both.folder(other)
        .get("odata/Jobs")
        .await
        .refused(403, 1100);
    both.get("odata/Machines").await.refused(403, 0);
    // Going on to accounts takes the scope, or the role.
    let expand = "odata/QueueItems?$expand=ReviewerUser";
    both.get(expand).await.refused(403, 0);
    let seer = make_role(&scene, "Seer", "Tenant", &["Users.View"]).await;
    give(&scene, &[seer]).await;
    both.get(expand).await.ok(200);

    // Without it the scopes decide alone, whatever roles there are.
    let scopes = scene.server.app_with(&["OR.Queues.Read"]).await;
    scopes.get("odata/QueueDefinitions").await.ok(200);
    scopes.get(expand).await.refused(403, 0);
    let refused = scopes
        .folder(scene.folder)
        .get("odata/Jobs")
        .await
        .refused(403, 0);
    assert!(
        text(&refused, "errorMessage").starts_with("Scope(s)"),
        "{refused}"
    );
}

async fn it_gives_away_no_more_than_it_has(backend: Backend) {
    let scene = scene(backend).await;
    let clerk = [
        "Users.View",
        "Users.Edit",
        "Users.Create",
        "Roles.View",
        "Roles.Edit",
        "Roles.Create",
    ];
    let clerk = make_role(&scene, "Clerk", "Tenant", &clerk).await;
    let less = make_role(&scene, "Reader", "Tenant", &["Users.View"]).await;
    let administrator = role(&scene, "Administrator").await;
    give(&scene, &[clerk]).await;
    let app = by_roles(&scene).await;
    let (_, friend) = scene.server.user("friend", &[]).await;

    let assign = action(friend, "AssignRoles");
    app.post(&assign, &json!({"roleIds": [less]})).await.ok(200);
    let more = json!({"roleIds": [administrator]});
    app.post(&assign, &more).await.refused(403, 1435);
    let set = format!("odata/Roles({administrator})/{OPERATIONS}.SetUsers");
    let body = json!({"addedUserIds": [friend], "removedUserIds": []});
    app.post(&set, &body).await.refused(403, 1435);
    let body =
        json!({"UserName": "puppet", "Password": "Pa55word-of-it", "RolesList": ["Administrator"]});
    app.post("odata/Users", &body).await.refused(403, 1435);
    // Nor by a role of its own making, nor by what its own role grants.
    let body =
        json!({"Name": "Mighty", "Type": "Tenant", "Permissions": [{"Name": "Machines.Delete"}]});
    app.post("odata/Roles", &body).await.refused(403, 1435);
    let own = format!("odata/Roles({clerk})");
    let body = with(body, json!({"Name": "Clerk"}));
    app.put(&own, &body).await.refused(403, 1435);
    app.get("odata/Machines").await.refused(403, 0);
    // Nor through the password of somebody who may more.
    let admin = user(&scene, "admin").await;
    app.patch(
        &format!("odata/Users({admin})"),
        &json!({"Password": "Taken-0ver"}),
    )
    .await
    .refused(403, 1435);
}

async fn it_gives_nothing_to_itself(backend: Backend) {
    let scene = scene(backend).await;
    let own = user(&scene, APP_ID).await;
    let reader = make_role(&scene, "Reader", "Tenant", &["Machines.View"]).await;
    let administrator = role(&scene, "Administrator").await;
    let with_users = make_role(
        &scene,
        "Clerk",
        "Tenant",
        &[
            "Users.View",
            "Users.Edit",
            "Roles.View",
            "Roles.Edit",
            "Machines.View",
        ],
    )
    .await;
    give(&scene, &[with_users]).await;
    // With a role that lets it manage accounts, and with the scope that lets it manage all.
    let scopes = ["OR.Users", "OR.Folders", "OR.Default"];
    for app in [by_roles(&scene).await, scene.server.app_with(&scopes).await] {
        for role in [reader, administrator] {
            let body = json!({"roleIds": [role]});
            app.post(&action(own, "AssignRoles"), &body)
                .await
                .refused(403, 1435);
            let set = format!("odata/Roles({role})/{OPERATIONS}.SetUsers");
            let body = json!({"addedUserIds": [own], "removedUserIds": []});
            app.post(&set, &body).await.refused(403, 1435);
        }
        let body = json!({"role": "Administrator", "toggle": true});
        app.post(&action(own, "ToggleRole"), &body)
            .await
            .refused(403, 1435);
        let mut whole = scene.app.get(&format!("odata/Users({own})")).await.ok(200);
        whole["RolesList"] = json!(["Administrator"]);
        app.put(&format!("odata/Users({own})"), &whole)
            .await
            .refused(403, 1435);
        let body = json!({"active": false});
        app.post(&action(own, "SetActive"), &body)
            .await
            .refused(400, 1406);
    }
    let body = assignment(own, scene.folder, &[administrator]);
    let app = scene.server.app_with(&scopes).await;
    app.post(ASSIGN_USERS, &body).await.refused(403, 1435);
    app.delete(&format!("odata/Users({own})"))
        .await
        .refused(400, 1406);
    let roles = scene.app.get(&format!("odata/Users({own})")).await.ok(200);
    assert_eq!(roles["RolesList"], json!(["Clerk"]));
    assert_eq!(roles["OrganizationUnits"], json!([]));
}

async fn without_an_active_account_it_is_nobody(backend: Backend) {
    let scene = scene(backend).await;
    let own = user(&scene, APP_ID).await;
    let admin = scene.server.admin().await;
    let token = async || {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", APP_ID),
            ("client_secret", APP_SECRET),
        ];
        let anonymous = scene.server.anonymous();
        let answer = anonymous.post_form("/identity_/connect/token", &form).await;
        (answer.status, answer.json()["error"].clone())
    };
    let app = by_roles(&scene).await;
    let active = async |active: bool| {
        let body = json!({"active": active});
        admin.post(&action(own, "SetActive"), &body).await.ok(200)
    };
    scene.app.get("odata/Folders").await.ok(200);
    active(false).await;
    scene.app.get("odata/Folders").await.refused(401, 0);
    app.get("odata/Folders").await.refused(401, 0);
    assert_eq!(token().await, (400, json!("invalid_client")));
    active(true).await;
    scene.app.get("odata/Folders").await.ok(200);
    assert_eq!(token().await.0, 200);

    // With its account the application goes, too.
    admin.delete(&format!("odata/Users({own})")).await.ok(204);
    scene.app.get("odata/Folders").await.refused(401, 0);
    assert_eq!(token().await, (400, json!("invalid_client")));
}

async fn what_its_account_cannot_have(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let one = format!("odata/Users({})", user(&scene, APP_ID).await);
    for (member, value) in [
        ("Password", json!("Pa55word-of-it")),
        ("UnattendedRobot", json!({"UserName": "host\\app"})),
        ("RobotProvision", json!({"UserName": "host\\app"})),
        ("MayHaveUserSession", json!(true)),
        ("MayHaveRobotSession", json!(true)),
        ("ExplicitMayHaveRobotSession", json!(true)),
        ("MayHaveUnattendedSession", json!(true)),
        ("MayHavePersonalWorkspace", json!(true)),
    ] {
        let body = json!({member: value});
        let refused = admin.patch(&one, &body).await.refused(400, 1406);
        let said = text(&refused, "message");
        assert!(
            said.contains(member.trim_start_matches("Explicit")),
            "{said}"
        );
        let body = with(body, json!({"UserName": APP_ID}));
        admin.put(&one, &body).await.refused(400, 1406);
    }
    let robots = admin.get("odata/Robots").await.ok(200);
    assert_eq!(robots["@odata.count"], 1);
    // What was read goes back, and the rest can be changed.
    let whole = admin.get(&one).await.ok(200);
    let back = with(whole.clone(), json!({"Name": "The shop"}));
    admin.put(&one, &back).await.ok(200);
    assert_eq!(admin.get(&one).await.ok(200)["Name"], "The shop");

    for password in ["", APP_SECRET] {
        let body = json!({"usernameOrEmailAddress": APP_ID, "password": password});
        let anonymous = scene.server.anonymous();
        let answer = anonymous.post("/api/Account/Authenticate", &body).await;
        answer.refused(400, 1000);
    }
    // None is made by hand: there would be no application behind it.
    let body = json!({"UserName": APP_ID, "Type": "DirectoryExternalApplication"});
    admin.post("odata/Users", &body).await.refused(409, 1001);
    let body = with(
        body,
        json!({"UserName": "x", "DirectoryIdentifier": APP_ID, "Password": "Pa55word-of-it"}),
    );
    admin.post("odata/Users", &body).await.refused(409, 1001);
    let body = json!({"UserName": "unknown", "Type": "DirectoryExternalApplication"});
    let refused = admin.post("odata/Users", &body).await.refused(400, 1009);
    assert!(
        text(&refused, "message").contains("baton app create"),
        "{refused}"
    );
}

async fn whoever_calls_with_their_workspace(backend: Backend) {
    let scene = scene(backend).await;
    let path = format!("odata/Users/{OPERATIONS}.GetCurrentUserExtended");
    let (person, person_id) = scene.server.user("person", &[]).await;
    let me = person
        .get(&format!("{path}?$expand=PersonalWorkspace"))
        .await
        .ok(200);
    assert_eq!((id(&me), text(&me, "UserName")), (person_id, "person"));
    // The second name is misspelled by those who read it.
    for member in ["PersonalWorkspace", "PersonalWorskpaceFeedId"] {
        assert_eq!(me.get(member), Some(&Value::Null), "{member}");
    }
    let plain = person.get(&path).await.ok(200);
    assert_eq!(plain.get("PersonalWorkspace"), None);
    let mut same = crate::support::me(&person).await;
    for (member, value) in same.as_object_mut().unwrap() {
        if member != "@odata.context" {
            assert_eq!(plain.get(member), Some(&*value), "{member}");
        }
    }
    let only = person
        .get(&format!(
            "{path}?$select=PersonalWorkspace&$expand=PersonalWorkspace"
        ))
        .await
        .ok(200);
    let members: Vec<&String> = only.as_object().unwrap().keys().collect();
    assert_eq!(members, ["@odata.context", "PersonalWorkspace"]);
    person
        .get(&format!("{path}?$expand=Nothing"))
        .await
        .refused(400, 1000);

    // Everybody may see themselves, an application with whatever scope it has, too.
    for scopes in [&["OR.Execution"][..], &["OR.Default"]] {
        let app = scene.server.app_with(scopes).await;
        let me = app.get(&path).await.ok(200);
        assert_eq!(text(&me, "UserName"), APP_ID);
    }
    scene.server.machine().get(&path).await.refused(401, 0);
    scene.server.anonymous().get(&path).await.refused(401, 0);
}

async fn an_export_runs_with_its_roles(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    add(&scene.shared, "Q", json!({})).await;
    let automation_user = role(&scene, "Automation User").await;
    give_in(&scene, scene.folder, &[automation_user]).await;
    let app = by_roles(&scene).await;
    let ask = format!("{}/UiPathODataSvc.Export", at("QueueDefinitions", &made));
    let export = app
        .folder(scene.folder)
        .post(&ask, &json!({}))
        .await
        .ok(200);
    let one = at("Exports", &export);
    let ended = testkit::eventually("the export has ended", async || {
        let export = app.get(&one).await.ok(200);
        let over = ["Completed", "Failed"].contains(&text(&export, "Status"));
        over.then_some(export)
    })
    .await;
    assert_eq!(text(&ended, "Status"), "Completed");
    let (person, _) = scene.server.user("person", &[]).await;
    person.get(&one).await.refused(404, 1002);
}
