//! Environments of classic folders.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::classic::Classic;
use crate::support::{id, replace, text, texts};

both!(
    an_environment_from_birth_to_death,
    robots_come_and_go,
    from_robots_to_those_beside_them,
    environments_that_cannot_be_made,
    who_may_do_what_with_environments,
);

const NAMESPACE: &str = "UiPath.Server.Configuration.OData";

async fn an_environment_from_birth_to_death(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("DocBot", json!({})).await;
    let body = json!({"Name": "doc_env", "Description": "docs", "Type": "Prod", "Robots": [{"Id": robot["Id"]}]});
    let made = stage.app.post("odata/Environments", &body).await.ok(201);
    assert!(text(&made, "@odata.context").ends_with("/$metadata#Environments/$entity"));
    let members: Vec<_> = made.as_object().unwrap().keys().skip(1).collect();
    assert_eq!(members, ["Name", "Description", "Type", "Id"]);
    assert_eq!(text(&made, "Type"), "Prod");
    let path = format!("odata/Environments({})", id(&made));
    let read = stage
        .app
        .get(&format!("{path}?$expand=Robots"))
        .await
        .ok(200);
    assert_eq!(read["Robots"][0]["Name"], "DocBot");
    assert_eq!(read["Robots"][0]["LicenseKey"], Value::Null);
    assert_eq!(read["Robots"][0]["RobotEnvironments"], "doc_env");

    // PUT replaces; what is left out and can be null becomes null, the robots stay.
    let replaced = replace(&stage.app, &path, &json!({"Name": "DOC_ENV"})).await;
    assert_eq!(text(&replaced, "Name"), "DOC_ENV");
    assert_eq!(replaced["Description"], Value::Null);
    assert_eq!(text(&replaced, "Type"), "Prod");
    let ids = stage
        .app
        .get(&format!(
            "odata/Environments/{NAMESPACE}.GetRobotIdsForEnvironment(key={})",
            id(&made)
        ))
        .await
        .ok(200);
    assert!(text(&ids, "@odata.context").ends_with("/$metadata#Collection(Edm.Int64)"));
    assert_eq!(ids["value"], json!([robot["Id"]]));
    // PUT makes what is not there.
    let new = stage
        .app
        .put("odata/Environments(999999)", &json!({"Name": "new"}))
        .await
        .ok(201);
    assert_eq!(text(&new, "Name"), "new");

    let release = stage.release("hello", &made).await;
    assert_eq!(release["EnvironmentId"], made["Id"]);
    assert_eq!(text(&release, "EnvironmentName"), "DOC_ENV");
    let found = stage
        .app
        .get("odata/Releases?$filter=EnvironmentName eq 'doc_env'")
        .await
        .ok(200);
    assert_eq!(found["@odata.count"], 1);
    let used = stage.app.delete(&path).await.refused(409, 1012);
    assert!(text(&used, "message").contains("hello_doc_env"), "{used}");
    let path = format!("odata/Environments({})", id(&new));
    stage.app.delete(&path).await.ok(204);
    stage.app.delete(&path).await.refused(404, 1002);
    stage.app.get(&path).await.refused(404, 1002);
}

async fn robots_come_and_go(backend: Backend) {
    let stage = Classic::start(backend).await;
    let mut robots = Vec::new();
    for name in ["a", "b", "c"] {
        robots.push(stage.robot(name, json!({})).await);
    }
    let environment = stage.environment("env", &[&robots[2]]).await;
    let number = id(&environment);
    let act = async |name: &str, body: Value| {
        stage
            .app
            .post(
                &format!("odata/Environments({number})/{NAMESPACE}.{name}"),
                &body,
            )
            .await
    };
    let listed = async |query: &str| {
        let path =
            format!("odata/Environments/{NAMESPACE}.GetRobotsForEnvironment(key={number}){query}");
        stage.app.get(&path).await.ok(200)
    };
    let list = listed("").await;
    assert!(text(&list, "@odata.context").ends_with("/$metadata#Robots"));
    assert_eq!(texts(&list, "Name"), ["c", "b", "a"], "its own first");
    assert!(
        list["value"][0].get("IsInEnvironment").is_none(),
        "no schema has it"
    );
    assert_eq!(list["@odata.count"], 3);
    assert_eq!(
        texts(&listed("?$orderby=Name desc&$top=2").await, "Name"),
        ["c", "b"]
    );

    act("AddRobot", json!({"robotId": id(&robots[1]).to_string()}))
        .await
        .ok(204);
    act("AddRobot", json!({"robotId": robots[1]["Id"]}))
        .await
        .ok(204);
    assert_eq!(texts(&listed("").await, "Name"), ["c", "b", "a"]);
    act("RemoveRobot", json!({"robotId": robots[2]["Id"]}))
        .await
        .ok(204);
    assert_eq!(texts(&listed("").await, "Name"), ["b", "c", "a"]);
    // All of it or nothing.
    stage
        .set_robots(&environment, &[id(&robots[0]), 999_999], &[id(&robots[1])])
        .await
        .refused(404, 1002);
    stage
        .set_robots(&environment, &[id(&robots[0])], &[id(&robots[1])])
        .await
        .ok(204);
    assert_eq!(texts(&listed("").await, "Name"), ["a", "c", "b"]);
    for bad in [
        json!({}),
        json!({"robotId": "x"}),
        json!({"robotId": null}),
        json!([]),
    ] {
        act("AddRobot", bad).await.refused(400, 0);
    }
    // Robots of modern folders are in no environment.
    act("AddRobot", json!({"robotId": stage.scene.robot}))
        .await
        .refused(404, 1002);

    let second = stage.environment("second", &[&robots[0]]).await;
    let robot = format!("odata/Robots({})?$expand=Environments", id(&robots[0]));
    let read = stage.app.get(&robot).await.ok(200);
    assert_eq!(text(&read, "RobotEnvironments"), "env,second");
    assert_eq!(read["Environments"][1]["Name"], "second");
    let found = stage
        .app
        .get("odata/Robots?$filter=contains(RobotEnvironments,'second')")
        .await
        .ok(200);
    assert_eq!(texts(&found, "Name"), ["a"]);
    // A deleted robot leaves its environments, and a deleted environment its robots.
    stage
        .app
        .delete(&format!("odata/Robots({})", id(&robots[0])))
        .await
        .ok(204);
    let ids = format!("odata/Environments/{NAMESPACE}.GetRobotIdsForEnvironment(key={number})");
    assert_eq!(stage.app.get(&ids).await.ok(200)["value"], json!([]));
    stage
        .app
        .delete(&format!("odata/Environments({})", id(&second)))
        .await
        .ok(204);
}

/// The names of what was expanded.
fn names(list: &Value) -> Vec<&str> {
    let list = list.as_array().expect("a list");
    list.iter().map(|one| text(one, "Name")).collect()
}

async fn from_robots_to_those_beside_them(backend: Backend) {
    let stage = Classic::start(backend).await;
    let mut robots = Vec::new();
    for name in ["a", "b", "c"] {
        robots.push(stage.robot(name, json!({})).await);
    }
    stage.environment("env", &[&robots[0], &robots[2]]).await;
    stage.environment("second", &[&robots[0]]).await;
    let get = async |path: &str| stage.app.get(path).await.ok(200)["value"].clone();
    let list = get("odata/Robots?$filter=Name eq 'a'\
        &$expand=Environments($expand=Robots($select=Name;$orderby=Name);$orderby=Name)")
    .await;
    let environments = &list[0]["Environments"];
    assert_eq!(names(environments), ["env", "second"]);
    assert_eq!(names(&environments[0]["Robots"]), ["a", "c"]);
    assert_eq!(names(&environments[1]["Robots"]), ["a"]);
    let list = get("odata/Environments?$filter=Name eq 'second'\
        &$expand=Robots($expand=Environments($orderby=Name))")
    .await;
    let robot = &list[0]["Robots"][0];
    assert_eq!(names(&robot["Environments"]), ["env", "second"]);
    let list = get("odata/Robots?$orderby=Name\
        &$filter=Environments/any(e: e/Robots/any(r: r/Name eq 'c'))")
    .await;
    assert_eq!(names(&list), ["a", "c"]);
    // There the way ends: a circle would let a short filter ask for work without end.
    for deep in [
        "odata/Robots?$expand=Environments($expand=Robots($expand=Environments))",
        "odata/Robots?$filter=Environments/any(e: e/Robots/any(r: r/Environments/any()))",
        "odata/Environments?$filter=Robots/any(r: r/Environments/any(e: e/Robots/any()))",
    ] {
        stage.app.get(deep).await.refused(400, 1000);
    }
    // Who sees environments sees no accounts by that.
    let reader = stage.scene.server.app_with(&["OR.Robots.Read"]).await;
    let reader = reader.folder(stage.folder);
    let path = "odata/Environments?$expand=Robots($expand=Environments)";
    reader.get(path).await.ok(200);
    let path = "odata/Environments?$expand=Robots($expand=User)";
    reader.get(path).await.refused(403, 0);
}

async fn environments_that_cannot_be_made(backend: Backend) {
    let stage = Classic::start(backend).await;
    stage.environment("env", &[]).await;
    let post = async |body: Value| stage.app.post("odata/Environments", &body).await;
    post(json!({"Name": "ENV"})).await.refused(409, 1001);
    for bad in [
        json!({}),
        json!({"Name": ""}),
        json!({"Name": 1.5}),
        json!({"Name": "x".repeat(101)}),
        json!({"Name": "x", "Description": "x".repeat(501)}),
        json!({"Name": "x", "Type": "Other"}),
    ] {
        post(bad).await.refused(400, 1009);
    }
    post(json!(null)).await.refused(400, 0);
    post(json!({"Name": "x", "Robots": [{"Id": 999_999}]}))
        .await
        .refused(404, 1002);
    post(json!({"Name": "x", "Robots": "all"}))
        .await
        .refused(400, 0);
    let listed = stage.app.get("odata/Environments").await.ok(200);
    assert_eq!(texts(&listed, "Name"), ["env"], "nothing was made");

    let body = json!({"Name": "x"});
    stage
        .scene
        .app
        .post("odata/Environments", &body)
        .await
        .refused(400, 1101);
    stage
        .scene
        .shared
        .post("odata/Environments", &body)
        .await
        .refused(400, 1106);
    // Names are unique in their folder only.
    let other = stage.other_folder().await;
    let other = stage.scene.app.folder(other);
    let made = other
        .post("odata/Environments", &json!({"Name": "env"}))
        .await
        .ok(201);
    for path in [format!("odata/Environments({})", id(&made))] {
        stage.app.get(&path).await.refused(404, 1002);
        stage.app.delete(&path).await.refused(404, 1002);
    }
    let key = format!(
        "odata/Environments/{NAMESPACE}.GetRobotIdsForEnvironment(key={})",
        id(&made)
    );
    stage.app.get(&key).await.refused(404, 1002);
    stage.set_robots(&made, &[], &[]).await.refused(404, 1002);
}

async fn who_may_do_what_with_environments(backend: Backend) {
    let stage = Classic::start(backend).await;
    let environment = stage.environment("env", &[]).await;
    let path = format!("odata/Environments({})", id(&environment));
    let (nobody, _) = stage.scene.server.user("nobody", &[]).await;
    let nobody = nobody.folder(stage.folder);
    // Without a role they do not know of the folder.
    nobody.get("odata/Environments").await.refused(403, 1100);
    nobody.get(&path).await.refused(403, 1100);
    nobody
        .post("odata/Environments", &json!({"Name": "x"}))
        .await
        .refused(403, 1100);
    nobody.delete(&path).await.refused(403, 1100);
    let (administrator, _) = stage
        .scene
        .server
        .user("somebody", &["Administrator"])
        .await;
    administrator.get("odata/Environments").await.ok(200);
    administrator
        .folder(stage.folder)
        .delete(&path)
        .await
        .ok(204);
    let reader = stage.scene.server.app_with(&["OR.Robots.Read"]).await;
    let reader = reader.folder(stage.folder);
    reader.get("odata/Environments").await.ok(200);
    reader
        .post("odata/Environments", &json!({"Name": "x"}))
        .await
        .refused(403, 0);
}
