//! Nobody becomes more than they are by acting on accounts, roles and robots, nor leaves a mightier account
//! less than it is.

use serde_json::{Value, json};
use testkit::{APP_ID, Backend, Client, both};

use super::{OPERATIONS, action, assign, make_role, of, person, role_body};
use crate::support::{id, role, scene, text, user};

both!(
    the_password_of_somebody_who_may_more_in_a_folder,
    the_administrator_shut_out,
    the_administrator_without_roles,
    an_administrator_woken_up,
    the_administrators_robot,
    the_administrators_robot_under_ones_own_account_of_the_host,
    an_administrator_made_by_an_application_for_accounts,
    an_application_that_may_more,
    more_roles_for_oneself,
    another_number_and_tenant_for_oneself,
    more_in_a_folder_by_a_role_that_one_has_there,
    a_mightier_role_deleted,
);

const CLERK: &[&str] = &[
    "Users.View",
    "Users.Edit",
    "Users.Create",
    "Users.Delete",
    "Roles.View",
    "Roles.Edit",
];

/// What they are signed in with.
const PASSWORD: &str = "Pa55word-of-somebody";

fn password() -> Value {
    json!({"Password": "An0ther-password"})
}

async fn the_password_of_somebody_who_may_more_in_a_folder(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, own) = person(&scene, "clerk", CLERK).await;
    let (_, victim) = scene.server.user("victim", &[]).await;
    let administrator = role(&scene, "Folder Administrator").await;
    assign(&scene.app, victim, scene.folder, &[administrator]).await;
    let whole = json!({"UserName": "victim", "Password": "An0ther-password"});
    clerk
        .patch(&of(victim), &password())
        .await
        .refused(403, 1435);
    clerk.put(&of(victim), &whole).await.refused(403, 1435);
    let address = json!({"EmailAddress": "clerk@example.com"});
    clerk.patch(&of(victim), &address).await.refused(403, 1435);
    // Nor by a job's token or by an application's: it is what they have that counts.
    let application = scene.server.app_with(&["OR.Users"]).await;
    application
        .patch(&of(victim), &password())
        .await
        .refused(403, 1435);
    scene.server.sign_in("victim", PASSWORD).await;

    // What describes the account is theirs to change, and so is everything once they may do as much.
    clerk
        .patch(&of(victim), &json!({"Name": "V"}))
        .await
        .ok(200);
    assign(&scene.app, own, scene.folder, &[administrator]).await;
    clerk.patch(&of(victim), &password()).await.ok(200);
    scene.server.sign_in("victim", "An0ther-password").await;
}

async fn the_administrator_shut_out(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let (_, boss) = scene.server.user("boss", &["Administrator"]).await;
    for more in [
        json!({"IsActive": false}),
        json!({"MayHaveUserSession": false}),
        json!({"EmailAddress": "nowhere@example.com"}),
        json!({"RestrictToPersonalWorkspace": true}),
    ] {
        clerk.patch(&of(boss), &more).await.refused(403, 1435);
        let mut whole = scene.app.get(&of(boss)).await.ok(200);
        for (member, value) in more.as_object().unwrap() {
            whole[member] = value.clone();
        }
        clerk.put(&of(boss), &whole).await.refused(403, 1435);
    }
    let off = json!({"active": false});
    let set = action(boss, "SetActive");
    clerk.post(&set, &off).await.refused(403, 1435);
    clerk.delete(&of(boss)).await.refused(403, 1435);
    scene.server.sign_in("boss", PASSWORD).await;

    let on = json!({"active": true});
    clerk.post(&set, &on).await.ok(200);
    // Who may do no more than the clerk is the clerk's to manage.
    let (_, peer) = person(&scene, "peer", &["Users.View"]).await;
    clerk.post(&action(peer, "SetActive"), &off).await.ok(200);
    clerk.delete(&of(peer)).await.ok(204);
}

async fn the_administrator_without_roles(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let (_, boss) = scene.server.user("boss", &["Administrator"]).await;
    let administrator = role(&scene, "Administrator").await;
    let toggle = json!({"role": "Administrator", "toggle": false});
    clerk
        .post(&action(boss, "ToggleRole"), &toggle)
        .await
        .refused(403, 1435);
    clerk
        .post(&action(boss, "AssignRoles"), &json!({"roleIds": []}))
        .await
        .refused(403, 1435);
    let whole = json!({"UserName": "boss", "RolesList": []});
    clerk.put(&of(boss), &whole).await.refused(403, 1435);
    let set = format!("odata/Roles({administrator})/{OPERATIONS}.SetUsers");
    let body = json!({"addedUserIds": [], "removedUserIds": [boss]});
    clerk.post(&set, &body).await.refused(403, 1435);
    let roles = scene.app.get(&of(boss)).await.ok(200);
    assert_eq!(roles["RolesList"], json!(["Administrator"]));
}

async fn an_administrator_woken_up(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let (_, boss) = scene.server.user("boss", &["Administrator"]).await;
    let set = action(boss, "SetActive");
    let active = |active: bool| json!({"active": active});
    scene.app.post(&set, &active(false)).await.ok(200);
    clerk.post(&set, &active(true)).await.refused(403, 1435);
    let body = json!({"IsActive": true});
    clerk.patch(&of(boss), &body).await.refused(403, 1435);
    assert_eq!(scene.app.get(&of(boss)).await.ok(200)["IsActive"], false);
}

/// What gives an account a robot.
fn with_robot(name: &str) -> Value {
    json!({"UserName": name, "MayHaveUnattendedSession": true,
        "UnattendedRobot": {"UserName": "host\\mine", "Password": "mine"}})
}

async fn the_administrators_robot(backend: Backend) {
    let scene = scene(backend).await;
    let robots = ["Robots.View", "Robots.Create", "Robots.Edit"];
    let (keeper, own) = person(&scene, "keeper", &robots).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let admin = user(&scene, "admin").await;
    let application = scene.server.app_with(&["OR.Users", "OR.Robots"]).await;
    for somebody in [&keeper, &clerk, &application] {
        let body = with_robot("admin");
        somebody.put(&of(admin), &body).await.refused(403, 1435);
        let body = json!({"UserName": "admin", "UnattendedRobot": {}});
        somebody.put(&of(admin), &body).await.refused(403, 1435);
        let body = json!({"UserName": "admin", "RobotProvision": {"RobotType": "Development"}});
        somebody.put(&of(admin), &body).await.refused(403, 1435);
    }
    for somebody in [&clerk, &application] {
        for body in [
            with_robot("admin"),
            json!({"MayHaveUnattendedSession": true}),
            json!({"RobotProvision": {"RobotType": "Attended"}}),
        ] {
            somebody.patch(&of(admin), &body).await.refused(403, 1435);
        }
    }
    let shown = scene.app.get(&of(admin)).await.ok(200);
    assert_eq!(shown["UnattendedRobot"], Value::Null);
    assert_eq!(shown["RobotProvision"], Value::Null);

    // Nor that of somebody who may more in a folder; but their own, and that of whoever may no more.
    let (_, victim) = scene.server.user("victim", &[]).await;
    let body = with_robot("victim");
    let automation_user = role(&scene, "Automation User").await;
    assign(&scene.app, victim, scene.folder, &[automation_user]).await;
    keeper.put(&of(victim), &body).await.refused(403, 1435);
    assign(&scene.app, victim, scene.folder, &[]).await;
    keeper.put(&of(victim), &body).await.ok(200);
    keeper.put(&of(own), &with_robot("keeper")).await.ok(200);
}

async fn the_administrators_robot_under_ones_own_account_of_the_host(backend: Backend) {
    let scene = scene(backend).await;
    let (keeper, _) = person(&scene, "keeper", &["Robots.View", "Robots.Edit"]).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let admin = user(&scene, "admin").await;
    let robot = json!({"UnattendedRobot": {"UserName": "host\\admin", "Password": "theirs"}});
    scene.app.patch(&of(admin), &robot).await.ok(200);
    let before = scene.app.get(&of(admin)).await.ok(200);
    let number = before["UnattendedRobot"]["RobotId"].as_i64().unwrap();

    for changes in [
        json!({"UserName": "host\\mine"}),
        json!({"Password": "mine"}),
        json!({"CredentialType": "NoCredential"}),
    ] {
        let mut whole = before.clone();
        for (member, value) in changes.as_object().unwrap() {
            whole["UnattendedRobot"][member] = value.clone();
        }
        keeper.put(&of(admin), &whole).await.refused(403, 1435);
        let body = json!({"UnattendedRobot": changes});
        clerk.patch(&of(admin), &body).await.refused(403, 1435);
    }
    let one = format!("odata/Robots({number})");
    for changes in [
        json!({"Username": "host\\mine"}),
        json!({"Password": "mine"}),
    ] {
        keeper.patch(&one, &changes).await.refused(403, 1435);
    }
    // What was read goes back, and what is no way to sign in is theirs to change.
    keeper.put(&of(admin), &before).await.ok(200);
    keeper
        .patch(&one, &json!({"Description": "busy"}))
        .await
        .ok(200);
    let after = scene.app.get(&of(admin)).await.ok(200);
    assert_eq!(after["UnattendedRobot"], before["UnattendedRobot"]);
}

async fn an_administrator_made_by_an_application_for_accounts(backend: Backend) {
    let scene = scene(backend).await;
    let accounts = scene.server.app_with(&["OR.Users"]).await;
    let administrator = role(&scene, "Administrator").await;
    let puppet = |roles: &[&str]| json!({"UserName": "puppet", "Password": "Pa55word-of-it", "RolesList": roles});
    for mighty in ["Administrator", "Tenant Administrator"] {
        let body = puppet(&[mighty]);
        accounts.post("odata/Users", &body).await.refused(403, 1435);
    }
    let admin = user(&scene, "admin").await;
    accounts
        .patch(&of(admin), &password())
        .await
        .refused(403, 1435);
    for body in [
        role_body("Mighty", "Tenant", &["Machines.Edit"]),
        role_body("Mighty", "Folder", &["Jobs.Create"]),
    ] {
        accounts.post("odata/Roles", &body).await.refused(403, 1435);
    }

    // What its scope covers it gives.
    let clerk = role_body("Clerk", "Tenant", &["Users.View", "Roles.Edit"]);
    accounts.post("odata/Roles", &clerk).await.ok(201);
    let made = accounts.post("odata/Users", &puppet(&["Clerk"])).await;
    let puppet = id(&made.ok(201));
    for (name, body) in [
        ("AssignRoles", json!({"roleIds": [administrator]})),
        (
            "ToggleRole",
            json!({"role": "Administrator", "toggle": true}),
        ),
    ] {
        let call = accounts.post(&action(puppet, name), &body).await;
        call.refused(403, 1435);
    }
    let set = format!("odata/Roles({administrator})/{OPERATIONS}.SetUsers");
    let body = json!({"addedUserIds": [puppet], "removedUserIds": []});
    accounts.post(&set, &body).await.refused(403, 1435);
    // Half a scope covers half.
    let half = scene.server.app_with(&["OR.Users.Write"]).await;
    let body = json!({"UserName": "other", "RolesList": ["Clerk"]});
    half.post("odata/Users", &body).await.refused(403, 1435);
    // More scopes cover more.
    let more = scene.server.app_with(&["OR.Users", "OR.Machines"]).await;
    let machines = role_body("Machines", "Tenant", &["Machines.Edit"]);
    more.post("odata/Roles", &machines).await.ok(201);
}

async fn an_application_that_may_more(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, _) = person(&scene, "clerk", CLERK).await;
    let application = user(&scene, APP_ID).await;
    let accounts = scene.server.app_with(&["OR.Users", "OR.Default"]).await;
    let off = json!({"active": false});
    clerk
        .post(&action(application, "SetActive"), &off)
        .await
        .refused(403, 1435);
    clerk.delete(&of(application)).await.refused(403, 1435);
    // Nor is its account the application's own to end.
    accounts
        .post(&action(application, "SetActive"), &off)
        .await
        .refused(400, 1406);
    let (boss, _) = scene.server.user("boss", &["Administrator"]).await;
    boss.post(&action(application, "SetActive"), &off)
        .await
        .ok(200);
}

/// What stands in the way of whoever wants roles, by `PUT` and by `PATCH`.
async fn wants_roles(client: &Client, own: i64, name: &str, put: (u16, i64), patch: (u16, i64)) {
    for roles in [
        json!({"RolesList": ["Administrator"]}),
        json!({"UserRoles": [{"RoleName": "Administrator"}]}),
    ] {
        client
            .patch(&of(own), &roles)
            .await
            .refused(patch.0, patch.1);
        let mut whole = roles;
        whole["UserName"] = name.into();
        client.put(&of(own), &whole).await.refused(put.0, put.1);
    }
}

async fn more_roles_for_oneself(backend: Backend) {
    let scene = scene(backend).await;
    let (plain, own) = person(&scene, "plain", &[]).await;
    wants_roles(&plain, own, "plain", (403, 0), (403, 0)).await;
    let (keeper, own) = person(&scene, "keeper", &["Robots.Edit"]).await;
    wants_roles(&keeper, own, "keeper", (403, 0), (403, 0)).await;
    let (clerk, own) = person(&scene, "clerk", CLERK).await;
    wants_roles(&clerk, own, "clerk", (403, 1435), (409, 1023)).await;
    let shown = scene.app.get(&of(own)).await.ok(200);
    assert_eq!(shown["RolesList"], json!(["Role of clerk"]));
}

async fn another_number_and_tenant_for_oneself(backend: Backend) {
    let scene = scene(backend).await;
    let (clerk, own) = person(&scene, "clerk", CLERK).await;
    let before = scene.app.get(&of(own)).await.ok(200);
    let admin = user(&scene, "admin").await;
    let other = json!({
        "UserName": "clerk", "Id": admin, "TenantId": 7, "TenantKey": "x", "TenancyName": "other",
        "Key": "00000000-0000-0000-0000-000000000001", "CreatorUserId": admin,
        "LastModifierUserId": admin, "CreationTime": "2001-01-01T00:00:00Z",
        "LoginProviders": ["x"], "HasOnlyInheritedPrivileges": true,
    });
    clerk.patch(&of(own), &other).await.ok(200);
    clerk.put(&of(own), &other).await.ok(200);
    let after = scene.app.get(&of(own)).await.ok(200);
    for member in [
        "UserName",
        "Id",
        "TenantId",
        "TenantKey",
        "TenancyName",
        "Key",
        "CreatorUserId",
        "CreationTime",
        "LoginProviders",
        "HasOnlyInheritedPrivileges",
    ] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(after["LastModifierUserId"], own);
    let name = scene.app.get(&of(admin)).await.ok(200);
    assert_eq!(text(&name, "UserName"), "admin");
    let mut made = other.clone();
    made["UserName"] = "made".into();
    let made = clerk.post("odata/Users", &made).await.ok(201);
    assert_eq!(made["TenantId"], before["TenantId"]);
    assert_ne!(made["Id"], admin);
    assert_eq!(made["CreatorUserId"], own);
}

async fn more_in_a_folder_by_a_role_that_one_has_there(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["Roles.View", "Roles.Edit", "Roles.Delete", "Robots.Edit"];
    let (designer, own) = person(&scene, "designer", &rights).await;
    let there = make_role(&scene, "There", "Folder", &["SubFolders.View"]).await;
    assign(&scene.app, own, scene.folder, &[there]).await;
    // For the tenant, and so in classic folders, they have it; here they do not.
    let body = role_body("There", "Folder", &["SubFolders.View", "Robots.Edit"]);
    let path = format!("odata/Roles({there})");
    designer.put(&path, &body).await.refused(403, 1435);
    let free = make_role(&scene, "Free", "Folder", &["Robots.Edit"]).await;
    let nothing = role_body("Free", "Folder", &[]);
    let path = format!("odata/Roles({free})");
    designer.put(&path, &nothing).await.ok(200);
}

async fn a_mightier_role_deleted(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["Roles.View", "Roles.Edit", "Roles.Delete"];
    let (designer, _) = person(&scene, "designer", &rights).await;
    let (machines, _) = person(&scene, "machines", &["Machines.View"]).await;
    let path = format!("odata/Roles({})", role(&scene, "Role of machines").await);
    designer.delete(&path).await.refused(403, 1435);
    let nothing = role_body("Role of machines", "Tenant", &[]);
    designer.put(&path, &nothing).await.refused(403, 1435);
    machines.get("odata/Machines").await.ok(200);
    scene.app.delete(&path).await.ok(204);
}
