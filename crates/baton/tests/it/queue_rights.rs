//! Queues where several folders, processes and people meet: who may remove one, whose process it may
//! name, and what goes on when a process or a folder goes.

use serde_json::{Value, json};
use testkit::{Backend, Client, Host, Scene, both, package};

use crate::classic::Classic;
use crate::queues::{SHARE, add, at, folder, person, queue};
use crate::support::{self, ASSIGN_USERS, assignment, id, replace, scene, text};
use crate::transactions::START;

both!(
    a_shared_queue_is_removed_by_who_may_in_each_folder,
    a_queue_names_processes_that_its_maker_sees,
    a_queue_goes_on_without_its_process,
    a_folder_stays_until_its_queues_are_gone,
    a_folder_goes_with_processes_that_are_gone,
    lists_are_bounded,
    accounts_are_shown_to_who_may_see_accounts,
    rights_that_are_taken_away_are_gone,
);

/// On SQLite everybody knows whether something was committed.
mod rights_that_may_be_gone_are_asked_for_anew {
    #[test]
    fn postgres() {
        testkit::run(testkit::Backend::Postgres, super::rights_that_may_be_gone);
    }
}

/// Puts a queue into one more folder.
async fn share(scene: &Scene, queue: &Value, folder: i64) {
    let body =
        json!({"QueueIds": [id(queue)], "ToAddFolderIds": [folder], "ToRemoveFolderIds": []});
    scene.app.post(SHARE, &body).await.ok(204);
}

async fn a_shared_queue_is_removed_by_who_may_in_each_folder(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let other = folder(&scene, "Other").await;
    share(&scene, &made, other).await;

    let (person, user) = scene.server.user("janitor", &[]).await;
    let allow = async |folder: i64, role: &str| {
        let role = support::role(&scene, role).await;
        let assign = assignment(user, folder, &[role]);
        scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    };
    allow(scene.folder, "Folder Administrator").await;
    let here = person.folder(scene.folder);
    let path = at("QueueDefinitions", &made);
    for role in [None, Some("Automation User")] {
        if let Some(role) = role {
            allow(other, role).await;
        }
        let refused = here.delete(&path).await.refused(403, 1017);
        assert!(
            text(&refused, "message").contains("ShareToFolders"),
            "{refused}"
        );
    }
    let there = scene.app.folder(other);
    assert_eq!(there.get(&path).await.ok(200)["FoldersCount"], 2);

    allow(other, "Folder Administrator").await;
    here.delete(&path).await.ok(204);
    there.get(&path).await.refused(404, 1002);
}

async fn a_queue_names_processes_that_its_maker_sees(backend: Backend) {
    let scene = scene(backend).await;
    let hidden = folder(&scene, "Hidden").await;
    let secret = scene
        .release_in(&scene.app.folder(hidden), &package("Secret", "1.0.0"))
        .await;
    let own = scene.release(&package("Own", "1.0.0")).await;
    let maker = person(&scene, "maker", "Folder Administrator").await;

    let body = json!({"Name": "Q", "ReleaseId": id(&secret)});
    maker
        .post("odata/QueueDefinitions", &body)
        .await
        .refused(404, 1002);
    let made = queue(&maker, "Q", json!({"ReleaseId": id(&own)})).await;
    assert_eq!(made["IsProcessInCurrentFolder"], true);
    let path = at("QueueDefinitions", &made);
    maker.put(&path, &body).await.refused(404, 1002);

    // What somebody else chose stays when the queue is saved as it was read.
    let chosen = replace(&scene.shared, &path, &body).await;
    assert_eq!(chosen["IsProcessInCurrentFolder"], false);
    let kept = replace(&maker, &path, &chosen).await;
    assert_eq!(kept["ReleaseId"], secret["Id"]);
}

async fn a_queue_goes_on_without_its_process(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    for (name, ran) in [("Idle", false), ("Ran", true)] {
        let release = scene.release(&package(name, "1.0.0")).await;
        let made = queue(&scene.shared, name, json!({"ReleaseId": id(&release)})).await;
        if ran {
            let job = scene.start_job(&release, json!({})).await;
            host.report(text(&job, "Key"), "Running", json!({}))
                .await
                .ok(200);
            host.report(text(&job, "Key"), "Successful", json!({}))
                .await
                .ok(200);
        }
        scene.shared.delete(&at("Releases", &release)).await.ok(204);
        let left = scene
            .shared
            .get(&at("QueueDefinitions", &made))
            .await
            .ok(200);
        assert_eq!(left["ReleaseId"], Value::Null, "{name}");
        let again = json!({"Name": name, "ReleaseId": id(&release)});
        let path = at("QueueDefinitions", &made);
        scene.shared.put(&path, &again).await.refused(404, 1002);
    }
}

async fn a_folder_stays_until_its_queues_are_gone(backend: Backend) {
    let scene = scene(backend).await;
    let other = folder(&scene, "Other").await;
    let there = scene.app.folder(other);
    let made = queue(&there, "Q", json!({})).await;
    let path = format!("odata/Folders({other})");
    let refused = scene.app.delete(&path).await.refused(409, 1012);
    assert!(
        text(&refused, "message").contains("QueueDefinitions"),
        "{refused}"
    );

    // A queue that is in another folder too leaves this one.
    share(&scene, &made, scene.folder).await;
    let leave =
        json!({"QueueIds": [id(&made)], "ToAddFolderIds": [], "ToRemoveFolderIds": [other]});
    scene.app.post(SHARE, &leave).await.ok(204);
    scene.app.delete(&path).await.ok(204);
    let left = scene
        .shared
        .get(&at("QueueDefinitions", &made))
        .await
        .ok(200);
    assert_eq!(left["FoldersCount"], 1);
}

async fn a_folder_goes_with_processes_that_are_gone(backend: Backend) {
    let stage = Classic::start(backend).await;
    let robot = stage.robot("Robot", json!({})).await;
    let environment = stage.environment("env", &[&robot]).await;
    let release = stage.release("ran", &environment).await;
    let started = stage.start_jobs(&release, json!({"Strategy": "All"})).await;
    started.ok(201);
    // Deleting the robot ends the job that waits for it.
    let client = &stage.app;
    client.delete(&at("Robots", &robot)).await.ok(204);
    let path = format!("odata/Folders({})", stage.folder);
    let refused = stage.scene.app.delete(&path).await.refused(409, 1012);
    assert!(text(&refused, "message").contains("Releases"), "{refused}");
    client.delete(&at("Releases", &release)).await.ok(204);
    let environment = at("Environments", &environment);
    client.delete(&environment).await.ok(204);
    stage.scene.app.delete(&path).await.ok(204);
}

async fn lists_are_bounded(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let many: Vec<i64> = vec![id(&made); 1001];
    let items: Vec<Value> = many.iter().map(|id| json!({"Id": id})).collect();
    let settings: Vec<Value> = many
        .iter()
        .map(|_| json!({"Name": "DeploymentUrl", "Value": "x"}))
        .collect();
    let folders = vec![scene.folder; 1001];
    for (path, body) in [
        (
            SHARE,
            json!({"QueueIds": many, "ToAddFolderIds": [], "ToRemoveFolderIds": []}),
        ),
        (
            SHARE,
            json!({"QueueIds": [], "ToAddFolderIds": folders, "ToRemoveFolderIds": []}),
        ),
        (
            "odata/QueueItems/UiPathODataSvc.DeleteBulk",
            json!({"queueItems": items}),
        ),
        (
            "odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk",
            json!({"settings": settings}),
        ),
    ] {
        let refused = scene.shared.post(path, &body).await.refused(400, 1009);
        assert!(
            text(&refused, "message").contains("more than 1000 entries"),
            "{refused}"
        );
    }
}

async fn accounts_are_shown_to_who_may_see_accounts(backend: Backend) {
    let scene = scene(backend).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let release = scene.release(&package("P", "1.0.0")).await;
    let job = scene.start_job(&release, json!({})).await;
    queue(&scene.shared, "Q", json!({})).await;
    let item = at("QueueItems", &add(&scene.shared, "Q", json!({})).await);

    let role = |name: &str, kind: &str, permissions: &[&str]| {
        let permissions = permissions.iter().map(|name| json!({"Name": name}));
        let permissions: Vec<_> = permissions.collect();
        json!({"Name": name, "Type": kind, "Permissions": permissions})
    };
    let work = ["Queues.View", "Transactions.View", "Transactions.Edit"];
    let work = [&work[..], &["Jobs.View"]].concat();
    for role in [
        role("Worker", "Folder", &work),
        role("Seer", "Tenant", &["Users.View"]),
    ] {
        scene.app.post("odata/Roles", &role).await.ok(201);
    }
    let person = person(&scene, "worker", "Worker").await;
    for path in ["odata/QueueItems?$expand=Robot", "odata/Jobs?$expand=Robot"] {
        person.get(path).await.ok(200);
    }
    let history = format!("{item}/UiPathODataSvc.GetItemProcessingHistory");
    let by_key = format!(
        "odata/Jobs/UiPath.Server.Configuration.OData.GetByKey(identifier={})",
        text(&job, "Key")
    );
    let asked = [
        "odata/QueueItems?$expand=ReviewerUser".to_owned(),
        "odata/QueueItems?$expand=Robot($expand=User)".to_owned(),
        "odata/QueueItems?$filter=startswith(ReviewerUser/EmailAddress,'x')".to_owned(),
        "odata/QueueItems?$orderby=ReviewerUser/UserName".to_owned(),
        "odata/QueueItems/$count?$filter=ReviewerUser/UserName eq 'x'".to_owned(),
        format!("{item}?$expand=ReviewerUser"),
        format!("{history}?$expand=ReviewerUser"),
        "odata/Jobs?$expand=Robot($expand=User)".to_owned(),
        "odata/Jobs?$filter=Robot/User/UserName eq 'x'".to_owned(),
        format!("{}?$expand=Robot($expand=User)", at("Jobs", &job)),
        format!("{by_key}?$expand=Robot($expand=User)"),
    ];
    for path in &asked {
        person.get(path).await.refused(403, 0);
        scene.app.get(path).await.ok(200);
    }
    let retry = "odata/QueueItems/Baton.RetryByFilter?$filter=ReviewerUser/UserName eq 'x'";
    person.post(retry, &json!({})).await.refused(403, 0);

    let (seer, user) = scene.server.user("seer", &["Seer"]).await;
    let worker = support::role(&scene, "Worker").await;
    let assign = assignment(user, scene.folder, &[worker]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    let seer = seer.folder(scene.folder);
    for path in &asked {
        seer.get(path).await.ok(200);
    }
    seer.post(retry, &json!({})).await.ok(200);

    // An application's permissions are the scopes of its token.
    let scopes = ["OR.Queues", "OR.Jobs.Read"];
    let less = scene.server.app_with(&scopes).await.folder(scene.folder);
    let more = [&scopes[..], &["OR.Users.Read"]].concat();
    let more = scene.server.app_with(&more).await.folder(scene.folder);
    for path in &asked {
        less.get(path).await.refused(403, 0);
        more.get(path).await.ok(200);
    }
    less.post(retry, &json!({})).await.refused(403, 0);
    more.post(retry, &json!({})).await.ok(200);
}

/// Whether somebody may take items from the queue `Q`.
async fn takes(client: &Client) -> u16 {
    let body = json!({"transactionData": {"Name": "Q"}});
    client.post(START, &body).await.status
}

async fn rights_that_are_taken_away_are_gone(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let (person, user) = scene.server.user("taker", &[]).await;
    let person = person.folder(scene.folder);
    let role = support::role(&scene, "Automation User").await;
    let give = async |roles: &[i64]| {
        let assign = assignment(user, scene.folder, roles);
        scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    };
    give(&[role]).await;
    for _ in 0..2 {
        assert_eq!(takes(&person).await, 204);
    }
    give(&[]).await;
    assert_eq!(takes(&person).await, 403);
    give(&[role]).await;
    assert_eq!(takes(&person).await, 204);

    let by_path = scene.app.with("X-UIPATH-FolderPath", "Shared");
    assert_eq!(takes(&by_path).await, 204);
    let shared = format!("odata/Folders({})", scene.folder);
    let key = scene.app.get(&shared).await.ok(200)["Key"].clone();
    let rename = format!(
        "api/Folders/PatchNameDescription?key={}",
        key.as_str().unwrap()
    );
    let name = json!({"Name": "Renamed"});
    assert!(scene.app.patch(&rename, &name).await.status < 300);
    assert_eq!(takes(&by_path).await, 403);

    let remove = format!(
        "odata/Folders({})/UiPath.Server.Configuration.OData.RemoveUserFromFolder",
        scene.folder
    );
    let body = json!({"userId": user});
    assert!(scene.app.post(&remove, &body).await.status < 300);
    assert_eq!(takes(&person).await, 403);
}

/// The connection breaks while a change is committed. What became of it only the database knows.
async fn rights_that_may_be_gone(backend: Backend) {
    let scene = scene(backend).await;
    queue(&scene.shared, "Q", json!({})).await;
    let taker = person(&scene, "taker", "Automation User").await;
    assert_eq!(takes(&taker).await, 204);
    let url = scene.server.database_url().unwrap().to_owned();
    let taken_away = move || {
        let db = db::Db::open(db::Options::new(db::Url::Postgres(url), "main")).unwrap();
        let statements = |tx: &mut db::Tx<'_>| {
            for sql in [
                "DELETE FROM folder_user_roles WHERE user_id = (SELECT id FROM users
                     WHERE user_name = 'taker')",
                "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS
                     'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
                "CREATE CONSTRAINT TRIGGER lost AFTER INSERT ON queue_definitions
                     DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose()",
            ] {
                tx.exec(sql, &[])?;
            }
            Ok::<_, db::Error>(())
        };
        db.write_blocking(statements).unwrap();
        db.close();
    };
    tokio::task::spawn_blocking(taken_away).await.unwrap();
    let body = json!({"Name": "Lost"});
    let lost = scene.shared.post("odata/QueueDefinitions", &body).await;
    lost.refused(503, 1024);
    assert_eq!(takes(&taker).await, 403);
}
