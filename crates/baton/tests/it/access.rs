//! What callers may do: scopes of applications, roles of people and robots, for the tenant and in
//! folders.

use serde_json::{Value, json};
use testkit::{Answer, Backend, both};

use crate::support::{self, ASSIGN_USERS, START_JOBS, assignment, id, modern, scene, text};

both!(
    scopes_bound_an_application,
    roles_bound_a_person,
    roles_in_a_folder_count_at_once,
    robot_keys_are_credentials,
);

async fn scopes_bound_an_application(backend: Backend) {
    let scene = scene(backend).await;
    let reader = scene
        .server
        .app_with(&["OR.Folders.Read", "OR.Jobs.Read"])
        .await
        .folder(scene.folder);
    reader.get("odata/Folders").await.ok(200);
    reader.get("odata/Jobs").await.ok(200);
    let refused = reader.get("odata/Machines").await.refused(403, 0);
    let said = text(&refused, "errorMessage");
    assert_eq!(
        said,
        "Scope(s) 'OR.Folders.Read OR.Jobs.Read' is(are) invalid. Expect to have 'OR.Machines' or 'OR.Machines.Read'. "
    );
    let folder = modern("X");
    let refused = reader.post("odata/Folders", &folder).await.refused(403, 0);
    assert!(
        text(&refused, "errorMessage").contains("'OR.Folders' or 'OR.Folders.Write'"),
        "{refused}"
    );
    reader
        .post(START_JOBS, &json!({"startInfo": {}}))
        .await
        .refused(403, 0);

    let writer = scene.server.app_with(&["OR.Folders.Write"]).await;
    writer.post("odata/Folders", &folder).await.ok(201);
    writer.get("odata/Folders").await.refused(403, 0);
}

#[track_caller]
fn forbidden(answer: Answer, permission: &str) {
    let body = answer.refused(403, 0);
    assert_eq!(body["message"], "You are not authorized!");
    assert_eq!(body["__abp"], true);
    assert_eq!(body["unAuthorizedRequest"], true);
    assert_eq!(body["success"], false);
    assert_eq!(
        (&body["result"], &body["targetUrl"]),
        (&Value::Null, &Value::Null)
    );
    let error = &body["error"];
    assert_eq!(
        (&error["code"], &error["validationErrors"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(
        error["details"],
        "You are not allowed to perform this operation."
    );
    assert!(
        error["neededPermissions"]
            .as_str()
            .is_some_and(|p| p.contains(permission)),
        "{body}"
    );
}

async fn roles_bound_a_person(backend: Backend) {
    let scene = scene(backend).await;
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    forbidden(nobody.get("odata/Machines").await, "Machines.View");
    forbidden(nobody.get("odata/Users").await, "Users.View");
    forbidden(
        nobody.post("odata/Machines", &json!({"Name": "M"})).await,
        "Machines.Create",
    );
    // A folder that is not theirs is as good as none.
    for path in ["odata/Jobs", "odata/Releases"] {
        nobody
            .folder(scene.folder)
            .get(path)
            .await
            .refused(403, 1100);
    }
    nobody
        .folder(scene.folder)
        .post(START_JOBS, &json!({"startInfo": {}}))
        .await
        .refused(400, 1100);
    let me = support::me(&nobody).await;
    assert_eq!(me["UserName"], "nobody");

    let (viewer, _) = scene
        .server
        .user("viewer", &["Allow to be Folder Administrator"])
        .await;
    viewer.get("odata/Machines").await.ok(200);
    forbidden(
        viewer.post("odata/Machines", &json!({"Name": "M"})).await,
        "Machines.Create",
    );

    let admin = scene.server.admin().await;
    admin.get("odata/Machines").await.ok(200);
    admin
        .post("odata/Machines", &json!({"Name": "M"}))
        .await
        .ok(201);
    admin.folder(scene.folder).get("odata/Jobs").await.ok(200);
}

async fn roles_in_a_folder_count_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let admin = scene.server.admin().await;
    let me = support::me(&admin).await;
    let administrator = me["UserRoles"][0]["RoleId"].as_i64().expect("a role");
    let (person, user) = scene.server.user("person", &[]).await;
    let here = person.folder(scene.folder);
    here.get("odata/Jobs").await.refused(403, 1100);

    let assign = async |roles: &[i64]| {
        let body = assignment(user, scene.folder, roles);
        assert_eq!(
            scene.app.post(ASSIGN_USERS, &body).await.ok(204),
            Value::Null
        );
    };
    assign(&[]).await;
    forbidden(here.get("odata/Jobs").await, "Jobs.View");
    assign(&[administrator]).await;
    here.get("odata/Jobs").await.ok(200);
    assert_eq!(person.get("odata/Jobs").await.ok(200)["@odata.count"], 0);
    assign(&[]).await;
    forbidden(here.get("odata/Jobs").await, "Jobs.View");

    let refused = async |user: i64, folder: i64, roles: &[i64], status: u16, code: i64| {
        let body = assignment(user, folder, roles);
        scene
            .app
            .post(ASSIGN_USERS, &body)
            .await
            .refused(status, code);
    };
    refused(999_999, scene.folder, &[], 400, 2808).await;
    refused(user, scene.folder, &[999_999], 400, 2808).await;
    refused(user, 999_999, &[], 403, 1100).await;
    scene
        .app
        .post(ASSIGN_USERS, &json!({}))
        .await
        .refused(400, 0);
}

async fn robot_keys_are_credentials(backend: Backend) {
    let scene = scene(backend).await;
    let robots = scene
        .server
        .machine()
        .post("api/RobotsService/StartService", &json!({}))
        .await
        .ok(200);
    let key = text(&robots["robots"][0], "robotKey").to_owned();
    let robot = scene
        .server
        .anonymous()
        .with("Authorization", format!("UiRobot {key}"));
    let here = robot.folder(scene.folder);
    // Calls of running automations get no count unless they ask for it.
    let list = here.get("odata/Releases").await.ok(200);
    assert!(list.get("@odata.count").is_none(), "{list}");
    assert_eq!(
        here.get("odata/Releases?$count=true").await.ok(200)["@odata.count"],
        0
    );
    forbidden(
        robot.post("odata/Machines", &json!({"Name": "M"})).await,
        "Machines.Create",
    );
    let people = scene
        .app
        .get("odata/Users?$filter=UserName eq 'local-robot'")
        .await
        .ok(200);
    assert!(id(&people["value"][0]) > 0);
}
