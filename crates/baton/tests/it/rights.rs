//! Nobody gets further than they may, neither by giving roles away nor through robots and accounts
//! of others.

use serde_json::{Value, json};
use testkit::{Backend, Client, Host, Scene, both, package};

use crate::classic::Classic;
use crate::support::{
    ASSIGN_MACHINES, ASSIGN_USERS, START_JOBS, assignment, id, modern, replace, role, scene, text,
};

both!(
    nobody_gives_away_roles_for_the_tenant_that_are_more_than_their_own,
    nobody_defines_roles_that_are_more_than_their_own,
    nobody_takes_over_a_mightier_account,
    who_manages_a_folder_gives_what_they_have_there,
    who_manages_some_folders_sees_no_roles_elsewhere,
    robots_of_others_are_not_for_whoever_manages_one_folder,
    robots_of_accounts_that_are_not_active_do_nothing,
    environments_are_made_by_those_who_may,
    a_classic_robot_stays_in_its_folder,
    a_role_is_read_by_those_who_see_roles,
    a_robot_for_a_machine_takes_seeing_machines,
);

const OPERATIONS: &str = "UiPath.Server.Configuration.OData";

/// Makes a role and gives its number.
async fn make_role(scene: &Scene, name: &str, kind: &str, permissions: &[&str]) -> i64 {
    let permissions: Vec<Value> = permissions.iter().map(|p| json!({"Name": p})).collect();
    let body = json!({"Name": name, "Type": kind, "Permissions": permissions});
    id(&scene.app.post("odata/Roles", &body).await.ok(201))
}

async fn assign(client: &Client, user: i64, folder: i64, roles: &[i64]) {
    let body = assignment(user, folder, roles);
    client.post(ASSIGN_USERS, &body).await.ok(204);
}

async fn nobody_gives_away_roles_for_the_tenant_that_are_more_than_their_own(backend: Backend) {
    let scene = scene(backend).await;
    let clerk = [
        "Users.View",
        "Users.Edit",
        "Users.Create",
        "Roles.View",
        "Roles.Edit",
    ];
    make_role(&scene, "Clerk", "Tenant", &clerk).await;
    let less = make_role(&scene, "Reader", "Tenant", &["Users.View"]).await;
    let administrator = role(&scene, "Administrator").await;
    let (clerk, user) = scene.server.user("clerk", &["Clerk"]).await;
    let own = format!("odata/Users({user})");

    let assign = format!("{own}/{OPERATIONS}.AssignRoles");
    let toggle = format!("{own}/{OPERATIONS}.ToggleRole");
    let set = format!("odata/Roles({administrator})/{OPERATIONS}.SetUsers");
    let person = |roles: &[&str]| json!({"UserName": "friend", "RolesList": roles});
    let more = json!({"roleIds": [administrator]});
    let refused = clerk.post(&assign, &more).await.refused(403, 1435);
    assert_eq!(
        text(&refused, "message"),
        "You cannot give the permission Alerts.View, because you do not have it yourself."
    );
    let body = json!({"role": "Administrator", "toggle": true});
    clerk.post(&toggle, &body).await.refused(403, 1435);
    let body = json!({"addedUserIds": [user], "removedUserIds": []});
    clerk.post(&set, &body).await.refused(403, 1435);
    let body = person(&["Administrator"]);
    clerk.post("odata/Users", &body).await.refused(403, 1435);
    let body = json!({"UserName": "clerk", "RolesList": ["Clerk", "Tenant Administrator"]});
    clerk.put(&own, &body).await.refused(403, 1435);

    // What they have they may give, and what somebody has already is not given.
    let friend = clerk
        .post("odata/Users", &person(&["Reader", "Clerk"]))
        .await;
    let friend = id(&friend.ok(201));
    let boss = ["Administrator", "Reader"];
    let (_, boss_id) = scene.server.user("boss", &boss).await;
    let body =
        json!({"UserName": "boss", "Name": "Boss", "RolesList": ["Administrator", "Reader"]});
    let path = format!("odata/Users({boss_id})");
    let boss = replace(&clerk, &path, &body).await;
    assert_eq!(boss["Name"], "Boss");
    let path = format!("odata/Users({friend})/{OPERATIONS}.AssignRoles");
    clerk.post(&path, &json!({"roleIds": [less]})).await.ok(200);
    // Nor do they take what they do not have; a role that is no more than their own they do.
    let body = json!({"addedUserIds": [], "removedUserIds": [boss_id]});
    clerk.post(&set, &body).await.refused(403, 1435);
    let set = format!("odata/Roles({less})/{OPERATIONS}.SetUsers");
    clerk.post(&set, &body).await.ok(204);

    let (tenant_administrator, _) = scene.server.user("ta", &["Tenant Administrator"]).await;
    let path = format!("odata/Users({friend})/{OPERATIONS}.AssignRoles");
    tenant_administrator.post(&path, &more).await.ok(200);
}

async fn nobody_defines_roles_that_are_more_than_their_own(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["Roles.View", "Roles.Create", "Roles.Edit"];
    let designer = make_role(&scene, "Designer", "Tenant", &rights).await;
    let (person, _) = scene.server.user("designer", &["Designer"]).await;
    let body = |name: &str, kind: &str, permissions: &[&str]| {
        let permissions: Vec<Value> = permissions.iter().map(|p| json!({"Name": p})).collect();
        json!({"Name": name, "Type": kind, "Permissions": permissions})
    };
    let path = "odata/Roles";
    let more = body("More", "Tenant", &["Roles.View", "Users.Edit"]);
    person.post(path, &more).await.refused(403, 1435);
    let folder = body("More", "Folder", &["Jobs.View"]);
    person.post(path, &folder).await.refused(403, 1435);
    let own = format!("odata/Roles({designer})");
    let more = body("Designer", "Tenant", &["Roles.View", "Users.Edit"]);
    person.put(&own, &more).await.refused(403, 1435);
    person
        .post(path, &body("Same", "Tenant", &rights))
        .await
        .ok(201);

    // What a role grants already may stay in it.
    let mighty = make_role(&scene, "Mighty", "Tenant", &["Users.Edit", "Roles.View"]).await;
    let kept = body("Mighty", "Tenant", &["Users.Edit", "Roles.Edit"]);
    let path = format!("odata/Roles({mighty})");
    person.put(&path, &kept).await.ok(200);
    let changed = format!("{path}?$expand=Permissions");
    let changed = person.get(&changed).await.ok(200);
    assert_eq!(changed["Permissions"].as_array().map(Vec::len), Some(2));

    // Who manages all folders decides what is done in them.
    let (administrator, _) = scene.server.user("ta", &["Tenant Administrator"]).await;
    administrator.post("odata/Roles", &folder).await.ok(201);
}

async fn nobody_takes_over_a_mightier_account(backend: Backend) {
    let scene = scene(backend).await;
    let clerk = ["Users.View", "Users.Edit"];
    make_role(&scene, "Clerk", "Tenant", &clerk).await;
    let (clerk, user) = scene.server.user("clerk", &["Clerk"]).await;
    let (_, boss) = scene.server.user("boss", &["Administrator"]).await;
    let (_, peer) = scene.server.user("peer", &["Clerk"]).await;
    let password = json!({"Password": "An0ther-password"});
    let path = |user: i64| format!("odata/Users({user})");
    clerk.patch(&path(boss), &password).await.refused(403, 1435);
    let body = json!({"UserName": "boss", "Password": "An0ther-password"});
    clerk.put(&path(boss), &body).await.refused(403, 1435);
    clerk
        .patch(&path(boss), &json!({"Name": "B"}))
        .await
        .ok(200);
    for user in [peer, user] {
        clerk.patch(&path(user), &password).await.ok(200);
    }
    scene.server.sign_in("peer", "An0ther-password").await;
    scene.server.sign_in("boss", "Pa55word-of-somebody").await;
}

async fn who_manages_a_folder_gives_what_they_have_there(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["SubFolders.View", "SubFolders.Edit", "Jobs.View"];
    let keeper = make_role(&scene, "Keeper", "Folder", &rights).await;
    let viewer = make_role(&scene, "Viewer", "Folder", &["Jobs.View"]).await;
    let tenant = role(&scene, "Tenant Administrator").await;
    let folder_administrator = role(&scene, "Folder Administrator").await;
    let administrator = role(&scene, "Administrator").await;
    let other = id(&scene
        .app
        .post("odata/Folders", &modern("Other"))
        .await
        .ok(201));

    let (person, user) = scene.server.user("keeper", &[]).await;
    let (_, friend) = scene.server.user("friend", &[]).await;
    assign(&scene.app, user, scene.folder, &[keeper]).await;
    assign(&person, friend, scene.folder, &[viewer, keeper]).await;
    for more in [folder_administrator, administrator] {
        for somebody in [user, friend] {
            let body = assignment(somebody, scene.folder, &[more]);
            person.post(ASSIGN_USERS, &body).await.refused(403, 1435);
        }
    }
    let body = assignment(friend, other, &[viewer]);
    person.post(ASSIGN_USERS, &body).await.refused(403, 1100);
    let body = json!({"assignment": {"UserName": "friend",
        "RolesPerFolder": [{"FolderId": scene.folder, "RoleIds": [folder_administrator]}]}});
    let path = format!("odata/Folders/{OPERATIONS}.AssignDomainUser");
    person.post(&path, &body).await.refused(403, 1435);

    // A role for the tenant means nothing in a folder, whoever assigns it.
    for client in [&person, &scene.app] {
        let body = assignment(friend, scene.folder, &[tenant]);
        client.post(ASSIGN_USERS, &body).await.refused(400, 1428);
    }
    assign(&scene.app, friend, other, &[administrator]).await;
    let (manager, _) = scene.server.user("ta", &["Tenant Administrator"]).await;
    assign(&manager, friend, other, &[folder_administrator]).await;
}

async fn who_manages_some_folders_sees_no_roles_elsewhere(backend: Backend) {
    let scene = scene(backend).await;
    let path =
        format!("odata/Folders/{OPERATIONS}.GetAllRolesForUser(username='admin',skip=0,take=10)");
    let (person, user) = scene.server.user("person", &[]).await;
    person.get(&path).await.refused(403, 0);
    let keeper = make_role(&scene, "Keeper", "Folder", &["SubFolders.View"]).await;
    assign(&scene.app, user, scene.folder, &[keeper]).await;
    let shown = person.get(&path).await.ok(200);
    assert_eq!(shown["PageItems"][0]["Folder"]["Id"], scene.folder);
}

async fn robots_of_others_are_not_for_whoever_manages_one_folder(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["Robots.View", "Robots.Edit", "Robots.Delete"];
    let keeper = make_role(&scene, "Keeper", "Folder", &rights).await;
    let (person, user) = scene.server.user("keeper", &[]).await;
    assign(&scene.app, user, scene.folder, &[keeper]).await;
    let here = person.folder(scene.folder);
    let robot = format!("odata/Robots({})", scene.robot);
    let toggle = format!("odata/Robots/{OPERATIONS}.ToggleEnabledStatus");
    let delete = format!("odata/Robots/{OPERATIONS}.DeleteBulk");
    let enable = json!({"robotIds": [scene.robot], "enabled": true});
    let ids = json!({"robotIds": [scene.robot]});
    here.patch(&robot, &json!({"Description": "mine"}))
        .await
        .ok(200);
    here.post(&toggle, &enable).await.ok(200);

    // The robot works in a folder of others, too.
    let other = id(&scene
        .app
        .post("odata/Folders", &modern("Other"))
        .await
        .ok(201));
    let account = scene.app.get(&robot).await.ok(200)["UserId"].clone();
    assign(
        &scene.app,
        account.as_i64().expect("it has one"),
        other,
        &[],
    )
    .await;
    here.get(&robot).await.ok(200);
    let change = json!({"Username": "CORP\\mine", "Password": "mine"});
    here.patch(&robot, &change).await.refused(403, 0);
    here.post(&toggle, &enable).await.refused(403, 0);
    here.post(&delete, &ids).await.refused(403, 0);
    here.delete(&robot).await.refused(403, 0);
    person.delete(&robot).await.refused(403, 0);
    assign(&scene.app, user, other, &[keeper]).await;
    here.patch(&robot, &json!({"Description": "ours"}))
        .await
        .ok(200);
    scene.app.post(&toggle, &enable).await.ok(200);
}

async fn robots_of_accounts_that_are_not_active_do_nothing(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    let robots = host.start(1).await;
    let key = text(&robots["robots"][0], "robotKey").to_owned();
    let robot = scene
        .server
        .anonymous()
        .with("Authorization", format!("UiRobot {key}"))
        .folder(scene.folder);
    robot.get("odata/Releases").await.ok(200);

    let found = scene
        .app
        .get("odata/Users?$filter=UserName eq 'local-robot'");
    let account = id(&found.await.ok(200)["value"][0]);
    let activate = format!("odata/Users({account})/{OPERATIONS}.SetActive");
    let active = async |active: bool| {
        let body = json!({"active": active});
        scene.app.post(&activate, &body).await.ok(200);
    };
    active(false).await;
    assert_eq!(robot.get("odata/Releases").await.status, 401);
    let start = json!({"startInfo": {"ReleaseKey": release["Key"]}});
    let refused = scene.shared.post(START_JOBS, &start).await;
    refused.refused(409, 1671);
    assert_eq!(host.start(1).await["robots"], json!([]));

    active(true).await;
    robot.get("odata/Releases").await.ok(200);
    scene.start_job(&release, json!({})).await;
    let waiting = scene.start_job(&release, json!({})).await;
    assert_eq!(host.offered().await.len(), 1);
    // The second waits for a slot that comes free when the account may no longer work.
    active(false).await;
    let offered = host.offered().await;
    for state in ["Running", "Successful"] {
        host.report(&offered[0], state, json!({})).await.ok(200);
    }
    assert_eq!(host.offered().await, Vec::<String>::new());
    active(true).await;
    let key = text(&waiting, "Key");
    testkit::eventually("the job is offered", async || {
        (host.offered().await == [key]).then_some(())
    })
    .await;
}

async fn environments_are_made_by_those_who_may(backend: Backend) {
    let stage = Classic::start(backend).await;
    let scene = &stage.scene;
    let administrator = role(scene, "Administrator").await;
    let (person, user) = scene.server.user("person", &[]).await;
    // Classic folders look at the roles for the tenant, and these permissions are for folders.
    let rights = ["Environments.Edit", "Environments.View"];
    let keeper = make_role(scene, "Keeper", "Folder", &rights).await;
    let modern = person.folder(scene.folder);
    assign(&scene.app, user, scene.folder, &[keeper]).await;
    let body = json!({"Name": "e"});
    modern
        .put("odata/Environments(999999)", &body)
        .await
        .refused(403, 0);
    assign(&scene.app, user, scene.folder, &[administrator]).await;
    modern
        .put("odata/Environments(999999)", &body)
        .await
        .refused(400, 1106);
    person
        .folder(stage.folder)
        .put("odata/Environments(999999)", &body)
        .await
        .refused(403, 1100);
    stage
        .app
        .put("odata/Environments(999999)", &body)
        .await
        .ok(201);
}

async fn a_classic_robot_stays_in_its_folder(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let account = robot["UserId"].as_i64().expect("it has an account");
    let path = format!("odata/Users({account})");

    // Changes of its account leave it alone; it goes with the robot, not the robot with it.
    let changed = stage
        .app
        .patch(&path, &json!({"Name": "Doc"}))
        .await
        .ok(200);
    assert_eq!(changed["UnattendedRobot"], Value::Null);
    stage
        .app
        .patch(&path, &json!({"MayHaveUnattendedSession": true}))
        .await
        .refused(400, 1406);
    stage.app.delete(&path).await.refused(400, 1406);
    let one = format!("odata/Robots({})", id(&robot));
    stage.app.get(&one).await.ok(200);

    // Its account may see another folder; it runs nothing there.
    let scene = &stage.scene;
    let other = id(&scene
        .app
        .post("odata/Folders", &modern("Other"))
        .await
        .ok(201));
    assign(&scene.app, account, other, &[]).await;
    let body = json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [other]}});
    scene.app.post(ASSIGN_MACHINES, &body).await.ok(204);
    let there = scene.app.folder(other);
    scene.upload(&package("p", "1.0.0")).await;
    let body = json!({"Name": "p", "ProcessKey": "p", "ProcessVersion": "1.0.0"});
    let release = there.post("odata/Releases", &body).await.ok(201);
    let start = json!({"startInfo": {"ReleaseKey": release["Key"]}});
    there.post(START_JOBS, &start).await.refused(409, 1671);
    let start = json!({"startInfo": {"ReleaseKey": release["Key"], "RobotIds": [robot["Id"]]}});
    there.post(START_JOBS, &start).await.refused(409, 1671);

    stage.app.delete(&one).await.ok(204);
    stage.app.get(&path).await.refused(404, 1002);
}

async fn a_role_is_read_by_those_who_see_roles(backend: Backend) {
    let scene = scene(backend).await;
    make_role(&scene, "Keeper", "Tenant", &["Units.Edit"]).await;
    make_role(&scene, "Reader", "Tenant", &["Roles.View"]).await;
    let (keeper, _) = scene.server.user("keeper", &["Keeper"]).await;
    let (reader, _) = scene.server.user("reader", &["Reader"]).await;
    let one = format!("odata/Roles({})", role(&scene, "Reader").await);
    // Whoever assigns roles in folders chooses from the list.
    keeper.get("odata/Roles").await.ok(200);
    keeper.get(&one).await.refused(403, 0);
    reader.get(&one).await.ok(200);
}

async fn a_robot_for_a_machine_takes_seeing_machines(backend: Backend) {
    let stage = Classic::start(backend).await;
    let scene = &stage.scene;
    make_role(scene, "Maker", "Tenant", &["Robots.Create", "Robots.View"]).await;
    let both = ["Robots.Create", "Robots.View", "Machines.View"];
    make_role(scene, "Seer", "Tenant", &both).await;
    let (maker, _) = scene.server.user("maker", &["Maker"]).await;
    let (seer, _) = scene.server.user("seer", &["Seer"]).await;
    let standard = |name: &str| crate::classic::standard(name, json!({}));
    let floating = json!({"Name": "floats", "Username": "CORP\\floats", "Type": "Unattended",
        "HostingType": "Floating"});
    let there = maker.folder(stage.folder);
    there
        .post("odata/Robots", &standard("x"))
        .await
        .refused(403, 0);
    there.post("odata/Robots", &floating).await.ok(201);
    let there = seer.folder(stage.folder);
    there.post("odata/Robots", &standard("y")).await.ok(201);
}
