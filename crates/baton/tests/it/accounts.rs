//! Accounts as they are changed: what stays, what follows, who may, and who must be left.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::support::{self, assert_members, id, merge, replace, role, scene, text, texts, with};
use crate::tokens::of_another_tenant;

both!(
    the_type_of_an_attended_robot,
    everything_a_body_says_is_kept,
    replacing_and_merging,
    robots_follow_their_account,
    ones_own_robot_password,
    who_manages_robots_changes_nothing_else,
    passwords_and_activity_count_at_once,
    somebody_must_be_left,
    deleting_keeps_the_history,
    roles_of_an_account,
    changes_that_are_refused,
);

fn of(user: i64) -> String {
    format!("odata/Users({user})")
}

fn action(user: i64, name: &str) -> String {
    format!("odata/Users({user})/UiPath.Server.Configuration.OData.{name}")
}

async fn everything_a_body_says_is_kept(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "UserName": "jane \"the\" \\doe", "Name": "Jane", "Surname": "Doe", "Domain": "autogen",
        "DirectoryIdentifier": "aad|1", "EmailAddress": "jane@example.com",
        "Type": "DirectoryUser", "LicenseType": "Attended", "IsExternalLicensed": true,
        "AccountId": "account-1", "MayHavePersonalWorkspace": true,
        "ExplicitRestrictToPersonalWorkspace": true, "MayHaveUserSession": false,
        "RolesList": ["Tenant Administrator"],
        "UpdatePolicy": {"Type": "SpecificVersion", "SpecificVersion": "24.10.0"},
        "NotificationSubscription": {"queues": true, "Robots": false},
        "RobotProvision": {"UserName": "DOMAIN\\jane", "ExecutionSettings": {"TracingLevel": "Verbose"}},
    });
    let jane = scene.app.post("odata/Users", &body).await.ok(201);
    assert_members(
        &jane,
        "Name Surname UserName Domain DirectoryIdentifier FullName EmailAddress LastLoginTime
         IsActive CreationTime AuthenticationSource Password IsExternalLicensed UserRoles RolesList
         LoginProviders OrganizationUnits TenantId TenancyName TenantDisplayName TenantKey Type
         ProvisionType LicenseType RobotProvision UnattendedRobot NotificationSubscription Key
         MayHaveUserSession MayHaveRobotSession MayHaveUnattendedSession MayHavePersonalWorkspace
         RestrictToPersonalWorkspace UpdatePolicy AccountId HasOnlyInheritedPrivileges
         ExplicitMayHaveUserSession ExplicitMayHaveRobotSession
         ExplicitMayHavePersonalWorkspace ExplicitRestrictToPersonalWorkspace
         LastModificationTime LastModifierUserId CreatorUserId Id",
    );
    let read = scene.app.get(&of(id(&jane))).await.ok(200);
    for member in [
        "UserName",
        "Name",
        "Surname",
        "Domain",
        "DirectoryIdentifier",
        "EmailAddress",
        "Type",
        "LicenseType",
        "IsExternalLicensed",
        "AccountId",
        "MayHavePersonalWorkspace",
        "ExplicitRestrictToPersonalWorkspace",
        "MayHaveUserSession",
        "RolesList",
        "UpdatePolicy",
    ] {
        assert_eq!(read[member], body[member], "{member}");
    }
    let subscribed = &read["NotificationSubscription"];
    assert_eq!(
        (&subscribed["Queues"], &subscribed["Robots"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (
            &read["RestrictToPersonalWorkspace"],
            &read["ExplicitMayHaveUserSession"]
        ),
        (&json!(true), &json!(false))
    );
    let role = &read["UserRoles"][0];
    assert_members(role, "UserId RoleId UserName RoleName RoleType Id");
    assert_eq!(
        (&role["UserName"], text(role, "RoleType")),
        (&body["UserName"], "Tenant")
    );
    let robot = &read["RobotProvision"];
    assert_eq!(
        (text(robot, "UserName"), text(robot, "RobotType")),
        ("DOMAIN\\jane", "Attended")
    );
    assert_eq!(robot["ExecutionSettings"]["TracingLevel"], "Verbose");
    let robot = scene
        .app
        .get(&format!("odata/Robots({})", robot["RobotId"]))
        .await
        .ok(200);
    assert_eq!(robot["UserId"], jane["Id"]);

    let admin = scene
        .app
        .get("odata/Users?$filter=UserName eq 'admin'")
        .await
        .ok(200);
    assert_eq!(
        admin["value"][0]["OrganizationUnits"],
        json!([{"DisplayName": "Shared", "Id": scene.folder}])
    );
    let key = text(&jane, "Key");
    let by_key =
        format!("odata/Users/UiPath.Server.Configuration.OData.GetByKey(identifier={key})");
    assert_eq!(scene.app.get(&by_key).await.ok(200)["Id"], jane["Id"]);
}

async fn replacing_and_merging(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "UserName": "jane", "Name": "Jane", "Surname": "Doe", "EmailAddress": "jane@example.com",
        "AccountId": "account-1", "RolesList": ["Tenant Administrator"],
    });
    let jane = scene.app.post("odata/Users", &body).await.ok(201);
    let one = of(id(&jane));
    // PATCH: what is named; roles and folders go by other ways.
    for more in [
        json!({"RolesList": []}),
        json!({"UserRoles": []}),
        json!({"OrganizationUnits": [{"Id": scene.folder}]}),
    ] {
        let body = with(json!({"Surname": "Never"}), more.clone());
        let refused = scene.app.patch(&one, &body).await.refused(409, 1023);
        let member = more.as_object().unwrap().keys().next().unwrap();
        assert!(text(&refused, "message").contains(member), "{refused}");
    }
    let body = json!({"Surname": "Roe", "RolesList": ["Tenant Administrator"],
        "OrganizationUnits": []});
    let merged = merge(&scene.app, &one, &body).await;
    assert_eq!(
        (text(&merged, "FullName"), text(&merged, "AccountId")),
        ("Jane Roe", "account-1")
    );
    assert_eq!(merged["RolesList"], json!(["Tenant Administrator"]));
    assert!(text(&merged, "LastModificationTime").ends_with('Z'));
    // PUT: what is not named is gone where it can be; the roles stay unless they are named.
    for (member, value) in [
        ("Type", "Robot"),
        ("ProvisionType", "Automatic"),
        ("Domain", "elsewhere"),
        ("DirectoryIdentifier", "another"),
    ] {
        let body = json!({"UserName": "jane", member: value});
        let refused = scene.app.put(&one, &body).await.refused(409, 1023);
        assert!(text(&refused, "message").contains(member), "{refused}");
    }
    let body =
        json!({"UserName": "JANE", "Name": "Janet", "Type": "User", "TenantId": 7, "Key": "x"});
    let replaced = replace(&scene.app, &one, &body).await;
    assert_eq!(
        (text(&replaced, "UserName"), text(&replaced, "FullName")),
        ("jane", "Janet")
    );
    assert_eq!(
        (&replaced["Surname"], &replaced["AccountId"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (text(&replaced, "Type"), &replaced["Key"]),
        ("User", &jane["Key"])
    );
    assert_eq!(replaced["RolesList"], json!(["Tenant Administrator"]));
    let body = json!({"UserName": "jane", "RolesList": ["Allow to be Automation User"]});
    let replaced = replace(&scene.app, &one, &body).await;
    assert_eq!(
        replaced["RolesList"],
        json!(["Allow to be Automation User"])
    );
    // What was read goes back unchanged, but for the one member that is changed.
    let mut whole = scene.app.get(&one).await.ok(200);
    whole["MayHaveUserSession"] = false.into();
    let replaced = replace(&scene.app, &one, &whole).await;
    assert_eq!(
        (
            &replaced["MayHaveUserSession"],
            &replaced["ExplicitMayHaveUserSession"]
        ),
        (&json!(false), &json!(false))
    );
}

async fn robots_follow_their_account(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"UserName": "worker", "Type": "DirectoryRobot"});
    let worker = scene.app.post("odata/Users", &body).await.ok(201);
    let one = of(id(&worker));
    assert_eq!(worker["UnattendedRobot"], Value::Null);
    let names = async || {
        let path = format!(
            "odata/Robots?$filter=UserId eq {}&$orderby=Name",
            id(&worker)
        );
        texts(&scene.app.get(&path).await.ok(200), "Name").join(" ")
    };
    // Made …
    let body = json!({"UnattendedRobot": {
        "UserName": "host\\worker", "Password": "first", "ExecutionSettings": {"TracingLevel": "Trace"},
    }});
    let with = merge(&scene.app, &one, &body).await;
    assert_eq!(with["MayHaveUnattendedSession"], true);
    assert_members(
        &with["UnattendedRobot"],
        "UserName Password CredentialStoreId CredentialType CredentialExternalName
         ExecutionSettings LimitConcurrentExecution RobotId MachineMappingsCount",
    );
    assert_eq!(names().await, "worker-unattended");
    // … changed …
    let body = json!({"UnattendedRobot": {"LimitConcurrentExecution": false, "Password": "*****"}});
    let changed = merge(&scene.app, &one, &body).await["UnattendedRobot"].clone();
    assert_eq!(
        (
            text(&changed, "UserName"),
            &changed["LimitConcurrentExecution"]
        ),
        ("host\\worker", &json!(false))
    );
    assert_eq!(changed["RobotId"], with["UnattendedRobot"]["RobotId"]);
    assert_eq!(changed["ExecutionSettings"]["TracingLevel"], "Trace");
    let body = json!({"UserName": "worker", "UnattendedRobot": {"UserName": "other\\worker"}});
    let changed = replace(&scene.app, &one, &body).await["UnattendedRobot"].clone();
    assert_eq!(
        (text(&changed, "UserName"), &changed["ExecutionSettings"]),
        ("other\\worker", &Value::Null)
    );
    // … with an attended one beside it, as far as that is allowed …
    let body = json!({"RobotProvision": {"UserName": "pc\\worker"}});
    let both = merge(&scene.app, &one, &body).await;
    assert_eq!(text(&both["RobotProvision"], "UserName"), "pc\\worker");
    assert_eq!(names().await, "worker-attended worker-unattended");
    scene
        .app
        .patch(&one, &json!({"MayHaveRobotSession": false}))
        .await
        .ok(200);
    assert_eq!(names().await, "worker-unattended");
    // … and removed.
    let body = json!({"MayHaveUnattendedSession": false});
    let without = merge(&scene.app, &one, &body).await;
    assert_eq!(without["UnattendedRobot"], Value::Null);
    assert_eq!(names().await, "");
}

async fn deleting_keeps_the_history(backend: Backend) {
    let scene = scene(backend).await;
    let (host, job) = support::running(&scene).await;
    let account = support::user(&scene, "local-robot").await;
    let one = of(account);
    let validate =
        format!("odata/Users/UiPath.Server.Configuration.OData.Validate(userIds=[{account}])");
    let answer = scene.app.get(&validate).await.ok(200);
    assert_eq!(answer["value"], json!({account.to_string(): true}));
    scene.app.delete(&one).await.refused(409, 1207);
    scene
        .app
        .patch(&one, &json!({"MayHaveUnattendedSession": false}))
        .await
        .refused(409, 1207);
    let renamed = json!({"UnattendedRobot": {"UserName": "other"}});
    scene.app.patch(&one, &renamed).await.refused(409, 1210);
    scene.app.get(&one).await.ok(200);

    host.report(text(&job, "Key"), "Successful", json!({}))
        .await
        .ok(200);
    assert_eq!(
        scene.app.get(&validate).await.ok(200)["value"],
        json!({account.to_string(): false})
    );
    assert_eq!(scene.app.delete(&one).await.ok(204), Value::Null);
    scene.app.get(&one).await.refused(404, 1002);
    scene.app.delete(&one).await.refused(404, 1002);
    assert_eq!(
        scene.app.get("odata/Robots").await.ok(200)["@odata.count"],
        0
    );
    let job = scene.job(&job["Id"]).await;
    assert_eq!(
        (text(&job, "State"), text(&job, "ReleaseName")),
        ("Successful", "hello")
    );
    scene.app.get(&validate).await.refused(404, 1002);
    let wrong = "odata/Users/UiPath.Server.Configuration.OData.Validate(userIds=[x])";
    scene.app.get(wrong).await.refused(400, 1009);
}

async fn ones_own_robot_password(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let one = of(user);
    let body = json!({"UnattendedRobot": {"Password": "newUnattendedRobotP@ss"}});
    person.patch(&one, &body).await.refused(409, 1230);
    let robot = json!({"UnattendedRobot": {"UserName": "host\\person", "Password": "old"}});
    scene.app.patch(&one, &robot).await.ok(200);
    let before = scene.app.get(&one).await.ok(200)["UnattendedRobot"].clone();

    assert_eq!(person.patch(&one, &body).await.ok(200), Value::Null);
    let after = scene.app.get(&one).await.ok(200)["UnattendedRobot"].clone();
    assert_eq!(
        after, before,
        "only the password changed, and that is not shown"
    );
    let log = scene
        .app
        .get("odata/AuditLogs?$top=1&$expand=Entities")
        .await
        .ok(200);
    assert_eq!(text(&log["value"][0], "Action"), "ChangePassword");
    assert!(!log.to_string().contains("newUnattendedRobotP@ss"));

    // Nothing else, and nobody else's.
    let (_, other) = scene.server.user("other", &[]).await;
    person.patch(&of(other), &body).await.refused(403, 0);
    person
        .patch("odata/Users(999999)", &body)
        .await
        .refused(403, 0);
    for body in [
        json!({}),
        json!({"UnattendedRobot": {}}),
        json!({"UnattendedRobot": {"Password": ""}}),
        json!({"UnattendedRobot": {"Password": "x", "UserName": "host\\admin"}}),
        json!({"UnattendedRobot": {"Password": "x"}, "RolesList": ["Administrator"]}),
        json!({"UnattendedRobot": {"Password": "x"}, "Password": "mine"}),
        json!({"Surname": "Doe"}),
    ] {
        person.patch(&one, &body).await.refused(403, 0);
    }
    let long = json!({"UnattendedRobot": {"Password": "x".repeat(101)}});
    person.patch(&one, &long).await.refused(400, 1009);
    person
        .put(&one, &json!({"UserName": "person"}))
        .await
        .refused(403, 0);
}

async fn who_manages_robots_changes_nothing_else(backend: Backend) {
    let scene = scene(backend).await;
    let body =
        json!({"Name": "Robot keeper", "Type": "Tenant", "Permissions": [{"Name": "Robots.Edit"}]});
    scene.app.post("odata/Roles", &body).await.ok(201);
    let (keeper, user) = scene.server.user("keeper", &["Robot keeper"]).await;
    let body = json!({
        "UserName": "keeper", "Surname": "Root", "IsActive": false, "Password": "another",
        "RolesList": ["Administrator"], "MayHavePersonalWorkspace": true,
        "UnattendedRobot": {"UserName": "host\\keeper"},
    });
    keeper.put(&of(user), &body).await.refused(403, 0);
    let before = scene.app.get(&of(user)).await.ok(200);
    assert_eq!(before["UnattendedRobot"], Value::Null);
    for (member, value) in body.as_object().unwrap() {
        let body =
            json!({"UserName": "keeper", "UnattendedRobot": {"UserName": "x"}, member: value});
        let allowed = ["UserName", "UnattendedRobot"].contains(&member.as_str());
        let status = keeper.put(&of(user), &body).await.status;
        assert_eq!(status == 200, allowed, "{member}: {status}");
    }
    // What was read goes back, but for the robots.
    let mut whole = scene.app.get(&of(user)).await.ok(200);
    whole["UnattendedRobot"]["UserName"] = "host\\keeper".into();
    keeper.put(&of(user), &whole).await.ok(200);
    let after = scene.app.get(&of(user)).await.ok(200);
    assert_eq!(text(&after["UnattendedRobot"], "UserName"), "host\\keeper");
    assert_eq!(after["RolesList"], json!(["Robot keeper"]));
    scene.server.sign_in("keeper", "Pa55word-of-somebody").await;
    keeper
        .post(&action(user, "AssignRoles"), &json!({"roleIds": []}))
        .await
        .refused(403, 0);
}

async fn passwords_and_activity_count_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let one = of(user);
    scene
        .app
        .patch(&one, &json!({"Password": "Another-Pa55word"}))
        .await
        .ok(200);
    let sign_in = async |password: &str| {
        let body = json!({"usernameOrEmailAddress": "person", "password": password});
        let path = "/api/Account/Authenticate";
        scene.server.anonymous().post(path, &body).await.status
    };
    assert_ne!(sign_in("Pa55word-of-somebody").await, 200);
    assert_eq!(sign_in("Another-Pa55word").await, 200);

    let me = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
    // Whoever signed in with the old password has to sign in again.
    let refused = person.get(me).await.refused(401, 0);
    assert!(
        text(&refused, "message").contains("sign in again"),
        "{refused}"
    );
    let person = scene.server.sign_in("person", "Another-Pa55word").await;
    person.get(me).await.ok(200);
    scene
        .app
        .post(&action(user, "SetActive"), &json!({"active": false}))
        .await
        .ok(200);
    person.get(me).await.refused(401, 0);
    assert_ne!(sign_in("Another-Pa55word").await, 200);
    assert_eq!(scene.app.get(&one).await.ok(200)["IsActive"], false);
    scene
        .app
        .patch(&one, &json!({"IsActive": true}))
        .await
        .ok(200);
    person.get(me).await.ok(200);
    scene.app.delete(&one).await.ok(204);
    person.get(me).await.refused(401, 0);
    scene
        .app
        .post(&action(user, "SetActive"), &json!({"active": true}))
        .await
        .refused(404, 1002);
    let admin = support::user(&scene, "admin").await;
    scene
        .app
        .post(&action(admin, "SetActive"), &json!({}))
        .await
        .refused(400, 0);
}

async fn somebody_must_be_left(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let me = support::me(&admin).await;
    let one = of(id(&me));
    // Not by others …
    let (manager, _) = scene
        .server
        .user("manager", &["Tenant Administrator"])
        .await;
    for who in [&manager, &scene.app] {
        who.delete(&one).await.refused(409, 1430);
        who.patch(&one, &json!({"IsActive": false}))
            .await
            .refused(409, 1432);
        let inactive = json!({"active": false});
        who.post(&action(id(&me), "SetActive"), &inactive)
            .await
            .refused(409, 1432);
        who.post(&action(id(&me), "AssignRoles"), &json!({"roleIds": []}))
            .await
            .refused(409, 1431);
        let toggle = json!({"role": "Administrator", "toggle": false});
        who.post(&action(id(&me), "ToggleRole"), &toggle)
            .await
            .refused(409, 1431);
        let body = json!({"UserName": "admin", "RolesList": ["Tenant Administrator"]});
        who.put(&one, &body).await.refused(409, 1431);
    }
    // … nor by oneself, even with another one there.
    let (second, user) = scene.server.user("second", &["Administrator"]).await;
    admin.delete(&one).await.refused(400, 1406);
    admin
        .patch(&one, &json!({"IsActive": false}))
        .await
        .refused(400, 1406);
    // An administrator who is not active does not count.
    second
        .patch(&one, &json!({"IsActive": false}))
        .await
        .ok(200);
    scene.app.delete(&of(user)).await.refused(409, 1430);
    second.patch(&one, &json!({"IsActive": true})).await.ok(200);
    admin.delete(&of(user)).await.ok(204);
}

async fn roles_of_an_account(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let manager = role(&scene, "Tenant Administrator").await;
    let folder_role = role(&scene, "Automation User").await;
    let assign = action(user, "AssignRoles");
    let toggle = action(user, "ToggleRole");
    person.get("odata/Machines").await.refused(403, 0);
    scene
        .app
        .post(&assign, &json!({"roleIds": [manager]}))
        .await
        .ok(200);
    person.get("odata/Machines").await.ok(200);
    scene
        .app
        .post(&assign, &json!({"roleIds": []}))
        .await
        .ok(200);
    person.get("odata/Machines").await.refused(403, 0);
    let body = |on: bool| json!({"role": "tenant administrator", "toggle": on});
    for on in [true, true, false, false] {
        scene.app.post(&toggle, &body(on)).await.ok(200);
        assert_eq!(
            person.get("odata/Machines").await.status,
            if on { 200 } else { 403 }
        );
    }
    scene
        .app
        .post(&assign, &json!({"roleIds": [folder_role]}))
        .await
        .refused(400, 1427);
    let folder = json!({"role": "Automation User", "toggle": true});
    scene.app.post(&toggle, &folder).await.refused(400, 1427);
    scene
        .app
        .post(&assign, &json!({"roleIds": [manager, 999_999]}))
        .await
        .refused(404, 1002);
    scene
        .app
        .post(&assign, &json!({"roleIds": ["x"]}))
        .await
        .refused(400, 0);
    scene
        .app
        .post(&toggle, &json!({"role": "Nonsense", "toggle": true}))
        .await
        .refused(404, 1002);
    scene
        .app
        .post(&toggle, &json!({"role": "Tenant Administrator"}))
        .await
        .refused(400, 0);
    let nobody = action(999_999, "AssignRoles");
    scene
        .app
        .post(&nobody, &json!({"roleIds": []}))
        .await
        .refused(404, 1002);
    for path in [&assign, &toggle] {
        person.post(path, &body(true)).await.refused(403, 0);
        let stranger = of_another_tenant(&scene.server).await;
        stranger.post(path, &body(true)).await.refused(404, 1002);
    }
}

async fn changes_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let one = of(user);
    let put = async |body: Value| scene.app.put(&one, &body).await;
    put(json!({"Name": "x"})).await.refused(400, 1009);
    put(json!({"UserName": "somebody"}))
        .await
        .refused(400, 1413);
    put(json!({"UserName": "person", "Name": "n".repeat(1025)}))
        .await
        .refused(400, 1009);
    put(json!({"UserName": "person", "EmailAddress": "nowhere"}))
        .await
        .refused(400, 1009);
    put(json!({"UserName": "person", "LicenseType": "Nonsense"}))
        .await
        .refused(400, 1009);
    put(json!({"UserName": "person", "Password": "p".repeat(129)}))
        .await
        .refused(400, 1009);
    put(json!({"UserName": "person", "UnattendedRobot": "x"}))
        .await
        .refused(400, 1009);
    put(json!({"UserName": "person", "RolesList": ["Nonsense"]}))
        .await
        .refused(404, 1002);
    put(json!({"UserName": "person", "RolesList": ["Automation User"]}))
        .await
        .refused(400, 1427);
    put(json!([])).await.refused(400, 0);
    scene
        .app
        .patch(&one, &json!({"UserName": "somebody"}))
        .await
        .refused(400, 1413);
    scene
        .app
        .patch(&one, &json!({"IsActive": "perhaps"}))
        .await
        .refused(400, 1009);
    let two_lines = json!({"UserName": "two\nlines"});
    scene
        .app
        .post("odata/Users", &two_lines)
        .await
        .refused(400, 1009);
    // A refused change leaves nothing behind.
    let body = json!({"UserName": "person", "Surname": "Doe", "RolesList": ["Nonsense"]});
    put(body).await.refused(404, 1002);
    assert_eq!(scene.app.get(&one).await.ok(200)["Surname"], Value::Null);

    scene
        .app
        .put("odata/Users(999999)", &json!({"UserName": "x"}))
        .await
        .refused(404, 1002);
    scene
        .app
        .patch("odata/Users(999999)", &json!({}))
        .await
        .refused(404, 1002);
    scene
        .app
        .put("odata/Users('x')", &json!({"UserName": "x"}))
        .await
        .refused(400, 1000);
    person.delete(&one).await.refused(403, 0);
    let stranger = of_another_tenant(&scene.server).await;
    stranger.get(&one).await.refused(404, 1002);
    stranger
        .put(&one, &json!({"UserName": "person"}))
        .await
        .refused(404, 1002);
    stranger
        .patch(&one, &json!({"Name": "x"}))
        .await
        .refused(404, 1002);
    stranger.delete(&one).await.refused(404, 1002);
    let reader = scene.server.app_with(&["OR.Users.Read"]).await;
    reader
        .patch(&one, &json!({"Name": "x"}))
        .await
        .refused(403, 0);
}

async fn the_type_of_an_attended_robot(backend: Backend) {
    let scene = scene(backend).await;
    let body = |kind: Value| json!({"UserName": "jane", "RobotProvision": {"RobotType": kind}});
    for bad in ["Unattended", "Headless", "Serverless", "TestAutomation"] {
        let said = scene.app.post("odata/Users", &body(json!(bad))).await;
        let said = said.refused(400, 1009);
        assert!(text(&said, "message").contains("RobotType"), "{said}");
    }
    for bad in [json!("Nonsense"), json!([1])] {
        let said = scene.app.post("odata/Users", &body(bad)).await;
        said.refused(400, 1009);
    }
    // Another name of the same kind.
    let jane = scene.app.post("odata/Users", &body(json!("Studio"))).await;
    let jane = jane.ok(201);
    assert_eq!(text(&jane["RobotProvision"], "RobotType"), "Development");
    let robot = format!("odata/Robots({})", jane["RobotProvision"]["RobotId"]);
    let read = scene.app.get(&robot).await.ok(200);
    assert_eq!(
        (text(&read, "Type"), text(&read, "Name")),
        ("Development", "jane-attended")
    );
    let one = of(id(&jane));
    let shown = async || {
        let read = scene.app.get(&one).await.ok(200);
        read["RobotProvision"].clone()
    };
    let said = json!({"RobotProvision": {"UserName": "pc\\jane"}});
    scene.app.patch(&one, &said).await.ok(200);
    assert_eq!(text(&shown().await, "RobotType"), "Development");
    scene.app.put(&one, &body(json!(6))).await.ok(200);
    assert_eq!(text(&shown().await, "RobotType"), "StudioPro");
    assert_eq!(shown().await["RobotId"], jane["RobotProvision"]["RobotId"]);
    // It goes with the right to have it.
    let none = json!({"MayHaveRobotSession": false});
    scene.app.patch(&one, &none).await.ok(200);
    assert_eq!(shown().await, Value::Null);
    scene.app.get(&robot).await.refused(404, 1002);
}
