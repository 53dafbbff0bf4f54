//! Users, their unattended robots, and the robots as folders see them.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::support::{ASSIGN_USERS, assignment, id, scene, text, texts};

both!(
    a_person,
    a_robot_account_with_its_robot,
    users_that_cannot_be_made,
);

async fn a_person(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "UserName": "jane", "Name": "Jane", "Surname": "Doe", "EmailAddress": "jane@example.com",
        "Password": "Pa55word-of-jane", "RolesList": ["Tenant Administrator"],
    });
    let jane = scene.app.post("odata/Users", &body).await.ok(201);
    assert_eq!(text(&jane, "FullName"), "Jane Doe");
    assert_eq!(jane["RolesList"], json!(["Tenant Administrator"]));
    assert_eq!(jane["UserRoles"][0]["RoleName"], "Tenant Administrator");
    assert_eq!(
        (&jane["Password"], &jane["UnattendedRobot"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (text(&jane, "Type"), text(&jane, "TenancyName")),
        ("User", "DefaultTenant")
    );
    assert_eq!(jane["IsActive"], true);
    let read = scene
        .app
        .get(&format!("odata/Users({})", id(&jane)))
        .await
        .ok(200);
    assert_eq!(read["Key"], jane["Key"]);

    // By name or address, in any case.
    for name in ["jane", "JANE", "Jane@Example.com"] {
        scene
            .server
            .sign_in(name, "Pa55word-of-jane")
            .await
            .get("odata/Users")
            .await
            .ok(200);
    }
    let list = scene
        .app
        .get("odata/Users?$filter=UserName eq 'jane'&$select=UserName,Id")
        .await
        .ok(200);
    assert_eq!(
        list["value"],
        json!([{"UserName": "jane", "Id": id(&jane)}])
    );
    scene
        .app
        .get("odata/Users(999999)")
        .await
        .refused(404, 1002);
}

async fn a_robot_account_with_its_robot(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "UserName": "worker", "Type": "DirectoryRobot",
        "UnattendedRobot": {
            "UserName": "DOMAIN\\worker", "Password": "s3cret-of-worker",
            "LimitConcurrentExecution": false, "ExecutionSettings": {"TracingLevel": "Verbose"},
        },
    });
    let worker = scene.app.post("odata/Users", &body).await.ok(201);
    assert_eq!(worker["MayHaveUnattendedSession"], true);
    let robot = &worker["UnattendedRobot"];
    assert_eq!(text(robot, "UserName"), "DOMAIN\\worker");
    assert_eq!(robot["Password"], Value::Null);
    assert_eq!(robot["LimitConcurrentExecution"], false);
    assert_eq!(robot["ExecutionSettings"]["TracingLevel"], "Verbose");
    let robot = robot["RobotId"].as_i64().expect("a robot");
    let read = scene
        .app
        .get(&format!("odata/Users({})", id(&worker)))
        .await
        .ok(200);
    assert_eq!(read["UnattendedRobot"]["RobotId"], robot);

    let robot = scene
        .app
        .get(&format!("odata/Robots({robot})"))
        .await
        .ok(200);
    assert!(text(&robot, "@odata.context").ends_with("/$metadata#Robots/$entity"));
    assert_eq!(
        (text(&robot, "Name"), text(&robot, "Type")),
        ("worker-unattended", "Unattended")
    );
    assert_eq!(text(&robot, "Username"), "DOMAIN\\worker");
    assert_eq!(
        (&robot["Password"], &robot["UserId"]),
        (&Value::Null, &worker["Id"])
    );
    assert_eq!(robot["ExecutionSettings"]["TracingLevel"], "Verbose");

    // Not even the database holds the password as it is.
    let found = scene.server.log().contains("s3cret-of-worker");
    assert!(!found, "a password in the log");
    for file in ["main.db", "main.db-wal"] {
        let bytes = std::fs::read(scene.server.data().join(file)).unwrap_or_default();
        assert!(
            !bytes.windows(16).any(|w| w == b"s3cret-of-worker"),
            "{file}"
        );
    }

    // It is in the folder as soon as its account is.
    let names = async || {
        let path = "odata/Robots/UiPath.Server.Configuration.OData.GetConfiguredRobots";
        let list = scene.shared.get(path).await.ok(200);
        texts(&list, "Name").join(" ")
    };
    assert_eq!(names().await, "local-robot-unattended");
    let assign = assignment(id(&worker), scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    assert_eq!(names().await, "local-robot-unattended worker-unattended");
}

async fn users_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |body: Value| scene.app.post("odata/Users", &body).await;
    post(json!({"UserName": "ADMIN"})).await.refused(409, 1001);
    post(json!({"UserName": " "})).await.refused(400, 1009);
    let refused = post(json!({"UserName": "x", "RolesList": ["Nonsense"]}))
        .await
        .refused(404, 1002);
    assert!(text(&refused, "message").contains("Nonsense"));
    post(json!({"UserName": "x", "Password": "p".repeat(129)}))
        .await
        .refused(400, 1009);
    let long = json!({"UserName": "x", "UnattendedRobot": {"UserName": "u".repeat(101)}});
    post(long).await.refused(400, 1009);
    // Nothing of a refused one stays.
    let list = scene
        .app
        .get("odata/Users?$filter=UserName eq 'x'")
        .await
        .ok(200);
    assert_eq!(list["@odata.count"], 0);
}
