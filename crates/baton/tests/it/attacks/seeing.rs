//! Nobody is shown of accounts and folders what is not for them.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both};

use super::{OPERATIONS, assign, make_folder, make_role, of, on_folder, on_folders, person};
use crate::classic;
use crate::support::{ASSIGN_MACHINES, ASSIGN_USERS, assignment, id, role, scene, text, texts};

both!(
    whole_accounts_by_choosing_a_reviewer,
    roles_for_the_tenant_by_managing_a_folder,
    folders_of_an_account_by_managing_another,
    the_administrators_address,
    classic_folders_without_a_role,
    which_folders_there_are_by_headers,
    which_folders_there_are_by_requests,
);

async fn whole_accounts_by_choosing_a_reviewer(backend: Backend) {
    let scene = scene(backend).await;
    let rights = ["Transactions.Edit", "Transactions.View", "Queues.View"];
    let reviewer = make_role(&scene, "Reviewer", "Folder", &rights).await;
    let (person, own) = scene.server.user("person", &["Administrator"]).await;
    assign(&scene.app, own, scene.folder, &[reviewer]).await;
    let address = json!({"EmailAddress": "secret@example.com", "Name": "Jane", "Surname": "Doe"});
    scene.app.patch(&of(own), &address).await.ok(200);
    let none = json!({"roleIds": []});
    let path = super::action(own, "AssignRoles");
    scene.app.post(&path, &none).await.ok(200);

    let reviewers = format!("odata/QueueItems/{OPERATIONS}.GetReviewers()");
    let here = person.folder(scene.folder);
    let shown = here.get(&reviewers).await.ok(200);
    let all = shown["value"].as_array().unwrap();
    assert!(texts(&shown, "UserName").contains(&"admin"), "{shown:#}");
    for one in all {
        for list in ["UserRoles", "RolesList", "OrganizationUnits"] {
            assert_eq!(one[list], json!([]), "{list}");
        }
        for member in [
            "EmailAddress",
            "LastLoginTime",
            "TenantKey",
            "UnattendedRobot",
        ] {
            assert_eq!(one[member], Value::Null, "{member}");
        }
        assert_eq!(one["MayHaveUserSession"], false);
    }
    let jane = all.iter().find(|one| one["Id"] == own).unwrap();
    assert_eq!(text(jane, "FullName"), "Jane Doe");
    // Nor are they found by it.
    for filter in [
        "EmailAddress eq 'secret@example.com'",
        "startswith(EmailAddress, 'secret')",
        "MayHaveUserSession eq true",
        "RolesList/any(r: r eq 'Administrator')",
    ] {
        let found = here.get(&format!("{reviewers}?$filter={filter}")).await;
        match found.status {
            200 => assert_eq!(found.ok(200)["value"], json!([]), "{filter}"),
            _ => drop(found.refused(400, 1000)),
        }
    }
    let found = format!("{reviewers}?$filter=UserName eq 'person'");
    assert_eq!(here.get(&found).await.ok(200)["value"][0]["Id"], own);
}

fn roles_of(name: &str) -> String {
    on_folders(&format!(
        "GetAllRolesForUser(username='{name}',skip=0,take=10)"
    ))
}

async fn roles_for_the_tenant_by_managing_a_folder(backend: Backend) {
    let scene = scene(backend).await;
    let keeper = make_role(&scene, "Keeper", "Folder", &["SubFolders.View"]).await;
    let (person, own) = scene
        .server
        .user("person", &["Allow to be Automation User"])
        .await;
    assign(&scene.app, own, scene.folder, &[keeper]).await;
    let shown = person.get(&roles_of("admin")).await.ok(200);
    assert_eq!(shown["TenantRoles"], json!([]));
    assert_eq!(shown["PageItems"][0]["Folder"]["Id"], scene.folder);
    // One's own are no secret, nor are they for those who see roles.
    let shown = person.get(&roles_of("person")).await.ok(200);
    let own_role = &shown["TenantRoles"][0];
    assert_eq!(text(own_role, "Name"), "Allow to be Automation User");
    let narrow = scene.server.app_with(&["OR.Folders"]).await;
    let shown = narrow.get(&roles_of("admin")).await.ok(200);
    assert_eq!(shown["TenantRoles"], json!([]));
    let (seer, _) = self::person(&scene, "seer", &["Units.View", "Roles.View"]).await;
    for client in [&seer, &scene.app] {
        let shown = client.get(&roles_of("admin")).await.ok(200);
        assert_eq!(text(&shown["TenantRoles"][0], "Name"), "Administrator");
    }
}

async fn folders_of_an_account_by_managing_another(backend: Backend) {
    let scene = scene(backend).await;
    let hidden = make_folder(&scene, "Hidden").await;
    let keeper = make_role(&scene, "Keeper", "Folder", &["SubFolders.View"]).await;
    let (person, own) = scene.server.user("person", &[]).await;
    let (_, both) = scene.server.user("both", &[]).await;
    assign(&scene.app, own, scene.folder, &[keeper]).await;
    for folder in [scene.folder, hidden] {
        assign(&scene.app, both, folder, &[]).await;
    }
    let path = on_folders(&format!("GetUsersForFolder(key={})", scene.folder));
    let path = format!("{path}?$filter=Id eq {both}");
    let folders = |shown: &Value| shown["value"][0]["UserEntity"]["AssignedToFolderIds"].clone();
    let shown = person.get(&path).await.ok(200);
    assert_eq!(folders(&shown), json!([scene.folder]));
    let shown = scene.app.get(&path).await.ok(200);
    assert_eq!(folders(&shown).as_array().map(Vec::len), Some(2));
}

async fn the_administrators_address(backend: Backend) {
    let scene = scene(backend).await;
    let admin = crate::support::user(&scene, "admin").await;
    let body = json!({"EmailAddress": "admin@example.com", "Surname": "Root"});
    scene.app.patch(&of(admin), &body).await.ok(200);
    let (plain, _) = scene.server.user("plain", &[]).await;
    let (seer, _) = person(&scene, "seer", &["Users.View"]).await;
    let narrow = scene.server.app_with(&["OR.Administration"]).await;
    let list = "odata/Tenants";
    let first = seer.get(list).await.ok(200);
    assert_eq!(
        text(&first["value"][0], "AdminEmailAddress"),
        "admin@example.com"
    );
    let one = format!("odata/Tenants({})", id(&first["value"][0]));
    assert_eq!(text(&seer.get(&one).await.ok(200), "AdminSurname"), "Root");
    for client in [&plain, &narrow] {
        let listed = client.get(list).await.ok(200)["value"][0].clone();
        for shown in [listed, client.get(&one).await.ok(200)] {
            for member in [
                "AdminEmailAddress",
                "AdminName",
                "AdminSurname",
                "AdminUserKey",
            ] {
                assert_eq!(shown[member], Value::Null, "{member}");
            }
            assert_eq!(text(&shown, "Name"), "DefaultTenant");
        }
        let found = format!("{list}?$filter=AdminEmailAddress eq 'admin@example.com'");
        assert_eq!(client.get(&found).await.ok(200)["value"], json!([]));
    }
}

async fn classic_folders_without_a_role(backend: Backend) {
    let scene = scene(backend).await;
    let folder = classic::folder(&scene, "Classic").await;
    let (plain, own) = scene.server.user("plain", &[]).await;
    let navigations = [
        ("api/Folders/GetAllForCurrentUser", "/PageItems"),
        (
            "api/FoldersNavigation/GetFoldersForCurrentUser",
            "/PageItems",
        ),
        ("api/FoldersNavigation/GetAllFoldersForCurrentUser", ""),
        (
            "api/FoldersNavigation/GetFolderNavigationContextForCurrentUser",
            "/ChildrenPage",
        ),
    ];
    let shown = async || {
        let mut lengths = Vec::new();
        for (path, pointer) in navigations {
            let shown = plain.get(path).await.ok(200);
            let list = shown.pointer(pointer).and_then(Value::as_array);
            lengths.push(list.map(Vec::len).expect("a list"));
        }
        lengths
    };
    assert_eq!(shown().await, [0, 0, 0, 0]);
    let one = format!("odata/Folders({folder})");
    plain.get(&one).await.refused(403, 1100);
    let there = plain.folder(folder);
    there.get("odata/Jobs").await.refused(403, 1100);
    there.get("odata/Robots").await.refused(403, 1100);
    // Being assigned lets in, and so does a role for the tenant, which is what decides there.
    assign(&scene.app, own, folder, &[]).await;
    plain.get(&one).await.ok(200);
    assert_eq!(shown().await, [1, 1, 1, 1]);
    let (seer, _) = person(&scene, "seer", &["Robots.View"]).await;
    seer.get(&one).await.ok(200);
    seer.folder(folder).get("odata/Robots").await.ok(200);
}

/// What an answer tells, without what the request said itself.
fn told(answer: &Answer, names: &[&str]) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let mut told = format!("{} {}", body["errorCode"], body["message"]);
    for name in names {
        told = told.replace(name, "NAME");
    }
    (answer.status, told)
}

/// Somebody who may everything in a folder of their own and manages accounts, and a folder that is hidden
/// from them, as it is and as none could be: number, key and path.
struct Hidden {
    scene: Scene,
    person: Client,
    own: i64,
    folders: [(i64, String, &'static str); 2],
}

impl Hidden {
    async fn start(backend: Backend) -> Self {
        let scene = scene(backend).await;
        let own = make_folder(&scene, "Own").await;
        let hidden = make_folder(&scene, "Hidden").await;
        let rights = ["Users.View", "Users.Edit", "Users.Create", "Machines.View"];
        let (person, account) = person(&scene, "person", &rights).await;
        let administrator = role(&scene, "Administrator").await;
        assign(&scene.app, account, own, &[administrator]).await;
        let shown = scene.app.get(&format!("odata/Folders({hidden})")).await;
        let key = text(&shown.ok(200), "Key").to_owned();
        let none = uuid::Uuid::new_v4().to_string();
        let folders = [(hidden, key, "Hidden"), (999_999, none, "Nowhere")];
        Self {
            scene,
            person,
            own,
            folders,
        }
    }
}

async fn which_folders_there_are_by_headers(backend: Backend) {
    let hidden = Hidden::start(backend).await;
    for path in [
        "odata/Jobs",
        "odata/QueueDefinitions",
        "odata/Robots",
        "odata/Environments",
    ] {
        let mut answers = Vec::new();
        for (id, key, name) in &hidden.folders {
            let here = hidden.person.folder(hidden.own);
            let encoded = key.clone();
            let ways = [
                hidden.person.folder(*id),
                hidden.person.with("X-UIPATH-FolderKey", &encoded),
                hidden.person.with("X-UIPATH-FolderPath", name),
                here.with("X-UIPATH-FolderPath", format!("../{name}")),
                here.with("X-UIPATH-FolderKey", &encoded),
            ];
            let mut told_by = Vec::new();
            for client in ways {
                let answer = client.get(path).await;
                assert_eq!(answer.status, 403, "{}", answer.text());
                told_by.push(told(&answer, &[name]));
            }
            answers.push(told_by);
        }
        assert_eq!(answers[0], answers[1], "{path}");
    }
}

/// What names a folder: method, address and body.
fn requests(
    own: i64,
    user: i64,
    folder: &(i64, String, &str),
) -> Vec<(&'static str, String, Value)> {
    let (id, key, name) = folder;
    let one = format!("odata/Folders({id})");
    let units = |unit: Value| json!({"UserName": "made", "OrganizationUnits": [unit]});
    let machines = json!({"assignments": {"MachineIds": [], "FolderIds": [id]}});
    let set =
        json!({"associations": {"FolderId": id, "AddedMachineIds": [], "RemovedMachineIds": []}});
    let robots = json!({"associations": {"MachineId": 1, "FolderId": id}});
    let inherit = json!({"MachineId": 1, "FolderId": id, "InheritEnabled": true});
    let queues = json!({"QueueIds": [], "ToAddFolderIds": [id], "ToRemoveFolderIds": []});
    let share = format!("odata/QueueDefinitions/{OPERATIONS}.ShareToFolders");
    let get = |path: String| ("GET", path, Value::Null);
    let post = |path: String, body: Value| ("POST", path, body);
    vec![
        get(one.clone()),
        get(on_folders(&format!("GetByKey(identifier={key})"))),
        get(on_folders(&format!("GetUsersForFolder(key={id})"))),
        get(on_folders(&format!("GetMachinesForFolder(key={id})"))),
        get(on_folders(&format!(
            "GetMoveFolderMachinesChanges()?folderId={id}&targetParentId={own}"
        ))),
        get(on_folders(&format!(
            "GetMoveFolderMachinesChanges()?folderId={own}&targetParentId={id}"
        ))),
        get(on_folders(&format!(
            "GetSubfoldersWithAssignedMachine()?rootFolderId={id}&machineId=1"
        ))),
        get(format!(
            "odata/Machines/{OPERATIONS}.GetAssignedMachines(folderId={id})"
        )),
        get(format!(
            "odata/Machines/{OPERATIONS}.GetRuntimesForFolder(folderId={id})"
        )),
        get(format!(
            "odata/Robots/{OPERATIONS}.GetFolderRobots(folderId={id},machineId=1)"
        )),
        get(format!(
            "odata/Robots/{OPERATIONS}.GetRobotsFromFolder(folderId={id})"
        )),
        get(format!("api/PackageFeeds/GetFolderFeed?folderId={id}")),
        get(format!(
            "api/FoldersNavigation/GetFolderNavigationContextForCurrentUser?folderId={id}"
        )),
        ("PUT", one.clone(), json!({"DisplayName": "Taken"})),
        ("DELETE", one, Value::Null),
        (
            "DELETE",
            format!("api/Folders/DeleteByKey?key={key}"),
            Value::Null,
        ),
        (
            "PATCH",
            format!("api/Folders/PatchNameDescription?key={key}"),
            json!({"Description": "x"}),
        ),
        ("PUT", on_folder(*id, "MoveFolder"), json!({})),
        (
            "PUT",
            format!("{}?targetParentId={id}", on_folder(own, "MoveFolder")),
            json!({}),
        ),
        post(
            "odata/Folders".into(),
            json!({"DisplayName": "Child", "ParentId": id}),
        ),
        post(
            "odata/Folders".into(),
            json!({"DisplayName": "Child", "ParentKey": key}),
        ),
        post(ASSIGN_USERS.into(), assignment(user, *id, &[])),
        post(ASSIGN_MACHINES.into(), machines),
        post(on_folders("UpdateMachinesToFolderAssociations"), set),
        post(on_folders("SetMachineRobots"), robots),
        post(on_folders("ToggleFolderMachineInherit"), inherit),
        post(
            on_folder(*id, "RemoveMachinesFromFolder"),
            json!({"machineIds": []}),
        ),
        post(
            on_folder(*id, "RemoveUserFromFolder"),
            json!({"userId": user}),
        ),
        post(share, queues),
        post("odata/Users".into(), units(json!({"Id": id}))),
        post("odata/Users".into(), units(json!({"DisplayName": name}))),
        (
            "PUT",
            of(user),
            json!({"UserName": "other", "OrganizationUnits": [{"Id": id}]}),
        ),
        (
            "PATCH",
            of(user),
            json!({"OrganizationUnits": [{"Id": id}]}),
        ),
        (
            "PATCH",
            of(user),
            json!({"OrganizationUnits": [{"DisplayName": name}]}),
        ),
    ]
}

async fn which_folders_there_are_by_requests(backend: Backend) {
    let hidden = Hidden::start(backend).await;
    let (_, user) = hidden.scene.server.user("other", &[]).await;
    let [there, nowhere] = &hidden.folders;
    let pairs = requests(hidden.own, user, there).into_iter();
    let pairs = pairs.zip(requests(hidden.own, user, nowhere));
    for (there, nowhere) in pairs {
        let mut answers = Vec::new();
        for (method, path, body) in [&there, &nowhere] {
            let mut request = hidden.person.request(method, path);
            if !body.is_null() {
                request = request.json(body);
            }
            let answer = hidden.person.send(request).await;
            let shown = format!("{method} {path}: {}", answer.text());
            assert!((400..500).contains(&answer.status), "{shown}");
            assert_ne!(answer.json()["errorCode"], 1009, "{shown}");
            answers.push(told(&answer, &["Hidden", "Nowhere"]));
        }
        assert_eq!(answers[0], answers[1], "{} {}", there.0, there.1);
    }
}
