//! Nobody brings accounts and machines of other folders to their own, to act by them there.

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use super::{OPERATIONS, assign, make_folder, make_role, of, on_folder, on_folders, person};
use crate::classic::{Classic, standard};
use crate::support::{ASSIGN_MACHINES, ASSIGN_USERS, assignment, id, role, scene, text, user};

both!(
    a_robot_of_another_folder,
    a_robot_of_another_folder_by_its_unit,
    robots_of_another_folder_by_moving_ones_own_there,
    accounts_that_are_theirs_to_assign,
    a_machine_of_another_folder,
    a_machine_for_a_classic_robot,
    the_roles_of_the_folders_administrator,
    more_folders_by_an_application_for_accounts,
);

/// A folder administrator of `Own`, its number and theirs; `local-robot` works in `Shared`.
struct Stage {
    scene: Scene,
    manager: Client,
    account: i64,
    own: i64,
    robot: i64,
}

impl Stage {
    async fn start(backend: Backend) -> Self {
        let scene = scene(backend).await;
        let own = make_folder(&scene, "Own").await;
        let (manager, account) = scene.server.user("manager", &[]).await;
        let administrator = role(&scene, "Folder Administrator").await;
        assign(&scene.app, account, own, &[administrator]).await;
        let robot = user(&scene, "local-robot").await;
        Self {
            scene,
            manager,
            account,
            own,
            robot,
        }
    }

    /// The accounts of the own folder.
    async fn accounts(&self) -> Value {
        let path = on_folders(&format!("GetUsersForFolder(key={})", self.own));
        let path = format!("{path}?$orderby=Id");
        let shown = self.scene.app.get(&path).await.ok(200);
        let names = shown["value"].as_array().unwrap().iter();
        names
            .map(|one| one["UserEntity"]["UserName"].clone())
            .collect()
    }
}

async fn a_robot_of_another_folder(backend: Backend) {
    let stage = Stage::start(backend).await;
    let automation_user = role(&stage.scene, "Automation User").await;
    for roles in [&[][..], &[automation_user]] {
        let body = assignment(stage.robot, stage.own, roles);
        let refused = stage.manager.post(ASSIGN_USERS, &body).await;
        let refused = refused.refused(403, 1435);
        let message = text(&refused, "message");
        assert!(message.starts_with("This account has the permission "));
        for name in ["AssignDomainUser", "AssignDirectoryUser"] {
            let body = json!({"assignment": {"UserName": "local-robot",
                "RolesPerFolder": [{"FolderId": stage.own, "RoleIds": roles}]}});
            let call = stage.manager.post(&on_folders(name), &body).await;
            call.refused(403, 1435);
        }
    }
    // Nor to a folder below the own one.
    let body = json!({"DisplayName": "Below", "ParentId": stage.own});
    let below = id(&stage.manager.post("odata/Folders", &body).await.ok(201));
    let body = assignment(stage.robot, below, &[]);
    let refused = stage.manager.post(ASSIGN_USERS, &body).await;
    refused.refused(403, 1435);
    assert_eq!(stage.accounts().await, json!(["manager"]));
    // Whoever may do as much there, and as much for the tenant, assigns it.
    let scene = &stage.scene;
    assign(&scene.app, stage.account, scene.folder, &[automation_user]).await;
    let body = assignment(stage.robot, stage.own, &[]);
    let refused = stage.manager.post(ASSIGN_USERS, &body).await;
    refused.refused(403, 1435);
    let tenant = role(scene, "Allow to be Automation User").await;
    let roles = json!({"roleIds": [tenant]});
    let path = super::action(stage.account, "AssignRoles");
    scene.app.post(&path, &roles).await.ok(200);
    assign(&stage.manager, stage.robot, stage.own, &[automation_user]).await;
}

async fn a_robot_of_another_folder_by_its_unit(backend: Backend) {
    let stage = Stage::start(backend).await;
    let scene = &stage.scene;
    let rights = ["Users.View", "Users.Edit", "Users.Create"];
    make_role(scene, "Clerk", "Tenant", &rights).await;
    let clerk = role(scene, "Clerk").await;
    let roles = json!({"roleIds": [clerk]});
    let path = super::action(stage.account, "AssignRoles");
    scene.app.post(&path, &roles).await.ok(200);

    // As an account's folders, and as the accounts of a unit.
    let mut whole = scene.app.get(&of(stage.robot)).await.ok(200);
    let units = whole["OrganizationUnits"].as_array_mut().unwrap();
    units.push(json!({"Id": stage.own}));
    let call = stage.manager.put(&of(stage.robot), &whole).await;
    call.refused(403, 1435);
    let set = |folder: i64| format!("odata/OrganizationUnits({folder})/{OPERATIONS}.SetUsers");
    let add = |user: i64| json!({"addedUserIds": [user], "removedUserIds": []});
    let call = stage.manager.post(&set(stage.own), &add(stage.robot)).await;
    call.refused(403, 1435);
    // Nor oneself to a folder of others.
    let (path, body) = (set(scene.folder), add(stage.account));
    stage.manager.post(&path, &body).await.refused(403, 1100);
    assert_eq!(stage.accounts().await, json!(["manager"]));
    let (_, plain) = scene.server.user("plain", &[]).await;
    let call = stage.manager.post(&set(stage.own), &add(plain)).await;
    call.ok(204);
}

async fn robots_of_another_folder_by_moving_ones_own_there(backend: Backend) {
    let stage = Stage::start(backend).await;
    let scene = &stage.scene;
    // They may make folders in the other one, and no more.
    let rights = ["SubFolders.View", "SubFolders.Create", "SubFolders.Edit"];
    let maker = make_role(scene, "Maker", "Folder", &rights).await;
    assign(&scene.app, stage.account, scene.folder, &[maker]).await;
    let path = on_folder(stage.own, "MoveFolder");
    let path = format!("{path}?targetParentId={}", scene.folder);
    let call = stage.manager.put(&path, &json!({})).await;
    call.refused(403, 1435);
    let shown = format!("odata/Folders({})", stage.own);
    let shown = scene.app.get(&shown).await.ok(200);
    assert_eq!(shown["ParentId"], Value::Null);
}

async fn accounts_that_are_theirs_to_assign(backend: Backend) {
    let stage = Stage::start(backend).await;
    let scene = &stage.scene;
    let automation_user = role(scene, "Automation User").await;
    // People without robots, whatever else they may, bring nothing.
    let (_, boss) = scene.server.user("boss", &["Administrator"]).await;
    assign(&stage.manager, boss, stage.own, &[automation_user]).await;
    // A robot account that may nothing elsewhere.
    let body = json!({"UserName": "worker", "Type": "DirectoryRobot", "UnattendedRobot": {}});
    let worker = id(&scene.app.post("odata/Users", &body).await.ok(201));
    assign(&stage.manager, worker, stage.own, &[automation_user]).await;
    // One that is there already is not brought, whatever it is elsewhere.
    assign(&scene.app, worker, scene.folder, &[automation_user]).await;
    assign(&stage.manager, worker, stage.own, &[]).await;
    let path = on_folder(stage.own, "RemoveUserFromFolder");
    let body = json!({"userId": worker});
    stage.manager.post(&path, &body).await.ok(204);
    let body = assignment(worker, stage.own, &[]);
    let call = stage.manager.post(ASSIGN_USERS, &body).await;
    call.refused(403, 1435);
    // Who manages all folders assigns everybody.
    let (administrator, _) = scene.server.user("ta", &["Tenant Administrator"]).await;
    let (folders, _) = person(scene, "folders", &["Units.Edit", "Units.View"]).await;
    for client in [&administrator, &folders] {
        assign(client, stage.robot, stage.own, &[automation_user]).await;
        let path = on_folder(stage.own, "RemoveUserFromFolder");
        let body = json!({"userId": stage.robot});
        client.post(&path, &body).await.ok(204);
    }
}

async fn a_machine_of_another_folder(backend: Backend) {
    let stage = Stage::start(backend).await;
    let scene = &stage.scene;
    let machines =
        json!({"assignments": {"MachineIds": [scene.machine], "FolderIds": [stage.own]}});
    let call = stage.manager.post(ASSIGN_MACHINES, &machines).await;
    call.refused(403, 1435);
    let update = on_folders("UpdateMachinesToFolderAssociations");
    let body = json!({"associations": {"FolderId": stage.own, "AddedMachineIds": [scene.machine],
        "RemovedMachineIds": []}});
    let call = stage.manager.post(&update, &body).await;
    call.refused(403, 1435);
    let unused = json!({"Name": "unused"});
    let unused = id(&scene.app.post("odata/Machines", &unused).await.ok(201));
    let others = json!({"assignments": {"MachineIds": [unused], "FolderIds": [stage.own]}});
    let call = stage.manager.post(ASSIGN_MACHINES, &others).await;
    call.refused(403, 1435);

    // Who manages the folder where it is takes it along; who sees machines chooses among them.
    let rights = ["SubFolders.View", "SubFolders.Edit"];
    let keeper = make_role(scene, "Keeper", "Folder", &rights).await;
    assign(&scene.app, stage.account, scene.folder, &[keeper]).await;
    stage.manager.post(ASSIGN_MACHINES, &machines).await.ok(204);
    let call = stage.manager.post(ASSIGN_MACHINES, &others).await;
    call.refused(403, 1435);
    let seer = role(scene, "Allow to be Folder Administrator").await;
    let roles = json!({"roleIds": [seer]});
    let path = super::action(stage.account, "AssignRoles");
    scene.app.post(&path, &roles).await.ok(200);
    stage.manager.post(ASSIGN_MACHINES, &others).await.ok(204);
}

async fn a_machine_for_a_classic_robot(backend: Backend) {
    let stage = Classic::start(backend).await;
    let one = stage.robot("one", json!({})).await;
    let two = stage.robot("two", json!({})).await;
    let rights = ["Robots.View", "Robots.Edit"];
    let (keeper, _) = person(&stage.scene, "keeper", &rights).await;
    let here = keeper.folder(stage.folder);
    let path = format!("odata/Robots({})", id(&one));
    for other in [
        json!({"MachineId": two["MachineId"]}),
        json!({"MachineName": two["MachineName"]}),
    ] {
        let mut whole = standard("one", other.clone());
        whole["MachineName"] = other["MachineName"].clone();
        here.patch(&path, &other).await.refused(403, 0);
        here.put(&path, &whole).await.refused(403, 0);
    }
    here.patch(&path, &json!({"Description": "mine"}))
        .await
        .ok(200);
    let shown = stage.app.get(&path).await.ok(200);
    assert_eq!(shown["MachineId"], one["MachineId"]);
}

async fn the_roles_of_the_folders_administrator(backend: Backend) {
    let stage = Stage::start(backend).await;
    let scene = &stage.scene;
    let rights = ["SubFolders.View", "SubFolders.Edit", "Jobs.View"];
    let keeper_role = make_role(scene, "Keeper", "Folder", &rights).await;
    let (keeper, own) = scene.server.user("keeper", &[]).await;
    assign(&stage.manager, own, stage.own, &[keeper_role]).await;
    for roles in [&[][..], &[keeper_role]] {
        let body = assignment(stage.account, stage.own, roles);
        keeper.post(ASSIGN_USERS, &body).await.refused(403, 1435);
    }
    let body = json!({"userId": stage.account});
    let path = on_folder(stage.own, "RemoveUserFromFolder");
    keeper.post(&path, &body).await.refused(403, 1435);
    let key = scene.app.get(&of(stage.account)).await.ok(200)["Key"].clone();
    let path = on_folder(stage.own, "RemoveUserFromFolderByKey");
    let call = keeper.post(&path, &json!({"userKey": key})).await;
    call.refused(403, 1435);
    // The other way round it is no question.
    let path = on_folder(stage.own, "RemoveUserFromFolder");
    let body = json!({"userId": own});
    stage.manager.post(&path, &body).await.ok(204);
    assert_eq!(stage.accounts().await, json!(["manager"]));
}

async fn more_folders_by_an_application_for_accounts(backend: Backend) {
    let stage = Stage::start(backend).await;
    let accounts = stage
        .scene
        .server
        .app_with(&["OR.Users", "OR.Default"])
        .await;
    let administrator = role(&stage.scene, "Administrator").await;
    let body = assignment(stage.account, stage.scene.folder, &[administrator]);
    accounts.post(ASSIGN_USERS, &body).await.refused(403, 0);
}
