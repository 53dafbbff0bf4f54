//! Files that are asked for, written behind the scenes, and fetched with an address of their own.

use serde_json::{Value, json};
use testkit::{Answer, Backend, Client, Scene, both, eventually};

use crate::queue_report::table;
use crate::queues::{BULK_ADD, add, at, between, folder, meanwhile, person, queue};
use crate::support::{ASSIGN_USERS, id, scene, stored_files, text};

both!(
    an_export_from_first_to_last,
    items_of_an_encrypted_queue_can_be_read,
    everybody_sees_their_own,
    exports_that_are_refused,
    a_tenant_may_ask_so_often_in_a_day,
    an_export_goes_on_after_a_restart,
    what_is_gone_cannot_be_exported,
    addresses_end,
    exports_are_kept_for_a_week,
);

fn ask(queue: &Value, options: &str) -> String {
    format!(
        "{}/UiPathODataSvc.Export{options}",
        at("QueueDefinitions", queue)
    )
}

/// Asks for an export.
async fn export(client: &Client, queue: &Value, options: &str) -> Value {
    client.post(&ask(queue, options), &json!({})).await.ok(200)
}

/// Waits until an export has ended in this way.
async fn ended(client: &Client, export: &Value, status: &str) -> Value {
    eventually(&format!("the export is {status}"), async || {
        let export = client.get(&at("Exports", export)).await.ok(200);
        let now = text(&export, "Status");
        let over = ["Completed", "Failed"].contains(&now);
        assert!(!over || now == status, "it ended otherwise: {export:#}");
        (now == status).then_some(export)
    })
    .await
}

fn link_of(export: &Value) -> String {
    let name = "UiPath.Server.Configuration.OData.GetDownloadLink";
    format!("{}/{name}", at("Exports", export))
}

/// The path of the address under which the file is.
async fn link(scene: &Scene, client: &Client, export: &Value) -> String {
    let access = client.get(&link_of(export)).await.ok(200);
    assert_eq!(access["Verb"], "GET");
    assert_eq!(access["RequiresAuth"], false);
    assert_eq!(access["Headers"], json!({"Keys": [], "Values": []}));
    let selected = format!("{}()?$select=Verb", link_of(export));
    let selected = client.get(&selected).await.ok(200);
    let members: Vec<_> = selected.as_object().unwrap().keys().collect();
    assert_eq!(members, ["@odata.context", "Verb"]);
    let uri = text(&access, "Uri").strip_prefix(&scene.server.url);
    uri.expect("an address of this server").to_owned()
}

/// The file as somebody without a token gets it.
async fn file(scene: &Scene, client: &Client, export: &Value) -> Answer {
    let link = link(scene, client, export).await;
    scene.server.anonymous().get(&link).await
}

async fn an_export_from_first_to_last(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let priorities = ["High", "Normal", "Low"];
    let items: Vec<_> = (0..1_000)
        .map(|n| {
            json!({"Reference": format!("r{n:04}"), "SpecificContent": {"N": n},
            "Priority": priorities[n % 3]})
        })
        .collect();
    for part in [&items[..], &items[..250]] {
        let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": part});
        client.post(BULK_ADD, &body).await.ok(200);
    }

    let all = export(client, &made, "").await;
    assert_eq!(
        (text(&all, "Type"), text(&all, "Status")),
        ("Queues", "New")
    );
    assert_eq!(text(&all, "Name"), format!("queue-{}-items.csv", id(&made)));
    assert!(
        all["ExecutedAt"].is_null() && all["Size"].is_null(),
        "{all}"
    );
    let done = ended(client, &all, "Completed").await;
    assert_eq!(done["RequestedAt"], all["RequestedAt"]);
    assert!(
        text(&done, "ExecutedAt") >= text(&done, "RequestedAt"),
        "{done}"
    );
    let answer = file(&scene, client, &all).await;
    assert_eq!(done["Size"], answer.body.len());
    assert_eq!(
        answer.header("content-disposition"),
        format!("attachment; filename=\"{}\"", text(&done, "Name"))
    );
    let rows = table(&answer);
    assert_eq!(rows.len(), 1_250);
    for (row, item) in rows.iter().zip(items.iter().cycle()) {
        assert_eq!(row["Reference"], item["Reference"]);
        assert_eq!(row["Specific Data"], item["SpecificContent"].to_string());
    }

    // In an order of its own, and the same as a report.
    let options = "?$filter=Priority ne 'Normal'&$orderby=Priority desc,Reference desc,Id";
    let sorted = export(client, &made, options).await;
    ended(client, &sorted, "Completed").await;
    let answer = file(&scene, client, &sorted).await;
    let mut expected: Vec<_> = (0..1_000)
        .chain(0..250)
        .filter(|n| n % 3 != 1)
        .map(|n| (n % 3, n))
        .collect();
    expected.sort_by(|a, b| b.cmp(a));
    let expected: Vec<_> = expected.iter().map(|(_, n)| format!("r{n:04}")).collect();
    let rows = table(&answer);
    let found: Vec<_> = rows.iter().map(|row| text(row, "Reference")).collect();
    assert!(found == expected, "{} of {}", found.len(), expected.len());
    let report = format!(
        "{}/UiPathODataSvc.Reports{options}",
        at("QueueDefinitions", &made)
    );
    assert!(client.get(&report).await.body == answer.body);

    let asked = export(client, &made, "?$filter=Id gt 0&$expand=Robot,ReviewerUser").await;
    ended(client, &asked, "Completed").await;
    assert_eq!(table(&file(&scene, client, &asked).await).len(), 1_250);

    let nothing = export(client, &made, "?$filter=Id lt 0").await;
    ended(client, &nothing, "Completed").await;
    assert!(table(&file(&scene, client, &nothing).await).is_empty());
    let narrow = format!("{}?$select=Status", at("Exports", &nothing));
    let narrow = client.get(&narrow).await.ok(200);
    assert_eq!(narrow["Status"], "Completed");
    assert!(narrow.get("Name").is_none(), "{narrow}");
}

async fn items_of_an_encrypted_queue_can_be_read(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({"Encrypted": true})).await;
    for n in 0..3 {
        let more =
            json!({"Reference": format!("r{n}"), "SpecificContent": {"Name": "Größe", "N": n}});
        add(client, "Q", more).await;
    }
    for (options, first) in [("", 0), ("?$orderby=Id desc", 2)] {
        let asked = export(client, &made, options).await;
        ended(client, &asked, "Completed").await;
        let rows = table(&file(&scene, client, &asked).await);
        assert_eq!(rows.len(), 3);
        let content = json!({"Name": "Größe", "N": first}).to_string();
        assert_eq!(rows[0]["Specific Data"], content);
    }
    // Nor does the file show what the database does not.
    for file in stored_files(&scene) {
        let kept = std::fs::read_to_string(file).unwrap();
        assert!(
            !kept.contains("Größe") && !kept.contains("Reference"),
            "{kept}"
        );
        assert!(kept.lines().all(|part| part.starts_with("v1:")), "{kept}");
    }
}

async fn everybody_sees_their_own(backend: Backend) {
    let scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    add(&scene.shared, "Q", json!({"Reference": "a"})).await;
    let worker = person(&scene, "worker", "Automation User").await;
    let other = person(&scene, "other", "Automation User").await;
    let admin = scene.server.admin().await.folder(scene.folder);
    let asked = export(&worker, &made, "").await;
    ended(&worker, &asked, "Completed").await;
    for nobody in [&other, &admin, &scene.shared] {
        nobody.get(&at("Exports", &asked)).await.refused(404, 1002);
        nobody.get(&link_of(&asked)).await.refused(404, 1002);
    }
    let anonymous = scene.server.anonymous();
    anonymous
        .get(&at("/odata/Exports", &asked))
        .await
        .refused(404, 0);
    let path = format!("/{}", at("Exports", &asked));
    anonymous.get(&path).await.refused(401, 0);
    // The folder does not matter any more, and the same account may come with another token.
    let again = scene.server.sign_in("worker", "Pa55word-of-somebody").await;
    assert_eq!(table(&file(&scene, &again, &asked).await).len(), 1);
    // What an application asked for is its own, whatever its token is good for.
    let writer = scene.server.app_with(&["OR.Queues.Write"]).await;
    let asked = export(&writer.folder(scene.folder), &made, "").await;
    ended(&writer, &asked, "Completed").await;
    let reader = scene.server.app_with(&["OR.Jobs.Read"]).await;
    assert_eq!(table(&file(&scene, &reader, &asked).await).len(), 1);
    worker.get(&at("Exports", &asked)).await.refused(404, 1002);
}

async fn exports_that_are_refused(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let refused = async |client: &Client, path: &str, status, code| {
        client.post(path, &json!({})).await.refused(status, code);
    };
    refused(client, &ask(&made, "?$expand=QueueDefinition"), 400, 1009).await;
    for option in [
        "$top=1",
        "$skip=1",
        "$select=Id",
        "$count=true",
        "$filter=Nothing eq 1",
        "$filter=",
        "$orderby=Id up",
        "$nothing=1",
    ] {
        refused(client, &ask(&made, &format!("?{option}")), 400, 1000).await;
    }
    refused(client, &ask(&json!({"Id": 999_999}), ""), 404, 1002).await;
    refused(&scene.app, &ask(&made, ""), 400, 1101).await;
    let elsewhere = scene.app.folder(folder(&scene, "Else").await);
    refused(&elsewhere, &ask(&made, ""), 404, 1002).await;
    let reader = scene.server.app_with(&["OR.Queues.Read"]).await;
    refused(&reader.folder(scene.folder), &ask(&made, ""), 403, 0).await;
    let stranger = scene.server.user("stranger", &[]).await.0;
    let stranger = stranger.folder(scene.folder);
    let answer = stranger.post(&ask(&made, ""), &json!({})).await;
    assert_eq!(answer.status, 403);
    client.get(&ask(&made, "")).await.refused(404, 0);

    let nobodys = json!({"Id": 999_999});
    client
        .get(&at("Exports", &nobodys))
        .await
        .refused(404, 1002);
    client.get(&link_of(&nobodys)).await.refused(404, 1002);
    client.get("odata/Exports('a')").await.refused(400, 1000);
    client.get("odata/Exports").await.refused(404, 0);
    // A machine's key proves who calls, and machines ask for nothing.
    let machine = scene.server.machine();
    machine.get(&link_of(&nobodys)).await.refused(404, 1002);
}

async fn a_tenant_may_ask_so_often_in_a_day(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    // Far from midnight, wherever it is: 99 of today or later, and some of before yesterday.
    between(&mut scene, |tx| {
        let now = odata::Timestamp::now().0;
        let day = 864_000_000_000;
        let days = [-2, 1].map(|days| now + days * day);
        for (at, count) in days.iter().zip([200, 99]) {
            for _ in 0..count {
                tx.exec(
                    "INSERT INTO exports (tenant_id, name, type, status, requested_at, executed_at,
                         scopes, folder_id, subject_id, query)
                     SELECT MIN(id), 'x', 2, 3, $1, $1, '', 1, 1, '' FROM tenants",
                    &[(*at).into()],
                )?;
            }
        }
        Ok(())
    })
    .await;
    let asked = export(&scene.shared, &made, "").await;
    ended(&scene.shared, &asked, "Completed").await;
    let answer = scene.shared.post(&ask(&made, ""), &json!({})).await;
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    answer.refused(429, 3900);
}

async fn an_export_goes_on_after_a_restart(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let items = vec![json!({"SpecificContent": {"a": 1}}); 1_000];
    let body = json!({"queueName": "Q", "commitType": "AllOrNothing", "queueItems": items});
    scene.shared.post(BULK_ADD, &body).await.ok(200);
    // At once, so that it is new or in progress.
    let asked = export(&scene.shared, &made, "").await;
    scene.server.kill9();
    scene.server.restart().await;
    // The claim of the process that is gone ends.
    scene.server.advance(std::time::Duration::from_secs(11));
    scene.app = scene.server.app().await;
    scene.shared = scene.app.folder(scene.folder);
    ended(&scene.shared, &asked, "Completed").await;
    let rows = table(&file(&scene, &scene.shared, &asked).await);
    assert_eq!(rows.len(), 1_000);
    // The file was there, and the server died before it could say so.
    let broken = [
        &["UPDATE exports SET status = 0, executed_at = NULL, size = NULL"][..],
        &["UPDATE exports SET status = 1, executed_at = NULL, size = NULL"][..],
    ];
    for (more, statements) in (1..).zip(broken) {
        add(&scene.shared, "Q", json!({"Reference": "later"})).await;
        meanwhile(&mut scene, statements).await;
        let done = ended(&scene.shared, &asked, "Completed").await;
        let answer = file(&scene, &scene.shared, &asked).await;
        assert_eq!(done["Size"], answer.body.len());
        assert_eq!(table(&answer).len(), 1_000 + more);
        assert_eq!(stored_files(&scene).len(), 1);
    }
}

async fn what_is_gone_cannot_be_exported(backend: Backend) {
    let mut scene = scene(backend).await;
    let kept = queue(&scene.shared, "Kept", json!({})).await;
    let gone = queue(&scene.shared, "Gone", json!({})).await;
    let mut asked = Vec::new();
    let names = ["stays", "leaves", "ends", "goes"];
    for name in names {
        let client = person(&scene, name, "Automation User").await;
        asked.push((export(&client, &kept, "").await, client));
    }
    let queueless = export(&scene.shared, &gone, "").await;
    asked.push((queueless, scene.shared.clone()));
    for (export, client) in &asked {
        ended(client, export, "Completed").await;
    }
    let mut users = Vec::new();
    for name in names {
        users.push(crate::support::user(&scene, name).await);
    }
    // In the folder still, but without a role.
    let roleless = crate::support::assignment(users[1], scene.folder, &[]);
    scene.app.post(ASSIGN_USERS, &roleless).await.ok(204);
    let away = format!(
        "odata/Folders({})/UiPath.Server.Configuration.OData.RemoveUserFromFolder",
        scene.folder
    );
    let removed = scene.app.post(&away, &json!({"userId": users[3]})).await;
    removed.ok(204);
    let off = format!(
        "odata/Users({})/UiPath.Server.Configuration.OData.SetActive",
        users[2]
    );
    let inactive = json!({"active": false});
    scene.app.post(&off, &inactive).await.ok(200);
    let removed = scene.shared.delete(&at("QueueDefinitions", &gone)).await;
    removed.ok(204);
    meanwhile(
        &mut scene,
        &["UPDATE exports SET status = 0, executed_at = NULL, size = NULL"],
    )
    .await;
    let on = json!({"active": true});
    for (n, (export, client)) in asked.iter().enumerate() {
        match n {
            0 => {
                ended(client, export, "Completed").await;
                continue;
            }
            // Once the export before has failed, so has this one's turn come.
            2 => {
                ended(&asked[4].1, &asked[4].0, "Failed").await;
                scene.app.post(&off, &on).await.ok(200);
            }
            _ => {}
        }
        let failed = ended(client, export, "Failed").await;
        assert!(failed["Size"].is_null(), "{failed}");
        assert!(text(&failed, "ExecutedAt") >= text(&failed, "RequestedAt"));
        let refused = client.get(&link_of(export)).await.refused(404, 1002);
        assert!(text(&refused, "message").contains("failed"), "{refused}");
    }
}

async fn addresses_end(backend: Backend) {
    let scene = scene(backend).await;
    let client = &scene.shared;
    let made = queue(client, "Q", json!({})).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let export = export(client, &made, "").await;
        ended(client, &export, "Completed").await;
        asked.push(id(&export));
    }
    let anonymous = scene.server.anonymous();
    let get = async |id: &str, expires: i64, signature: &str| {
        let query = format!("expires={expires}&signature={signature}");
        anonymous
            .get(&format!("/api/ExportFiles/{id}?{query}"))
            .await
    };
    // As the server does it, with its keys.
    let keys = identity::Keys::load_or_create(&scene.server.data().join("keys")).unwrap();
    let sign = |id: i64, expires: i64| keys.mac("export file", &format!("{id} {expires}"));
    let now = odata::Timestamp::now().0 / 10_000_000;
    let (soon, first) = (now + 60, asked[0]);
    let good = sign(first, soon);
    let one = first.to_string();
    assert_eq!(get(&one, soon, &good).await.status, 200);
    get(&one, now - 1, &sign(first, now - 1))
        .await
        .refused(403, 1017);
    get(&one, soon + 1, &good).await.refused(403, 1017);
    get(&asked[1].to_string(), soon, &good)
        .await
        .refused(403, 1017);
    get(&one, soon, &good[1..]).await.refused(403, 1017);
    get(&one, soon, &sign(asked[1], soon))
        .await
        .refused(403, 1017);
    get("x", soon, &good).await.refused(403, 1017);
    get("999999", soon, &sign(999_999, soon))
        .await
        .refused(404, 1002);
    for query in ["", "?expires=1", "?signature=x", "?expires=x&signature=x"] {
        let path = format!("/api/ExportFiles/{one}{query}");
        anonymous.get(&path).await.refused(400, 1000);
    }
    let link = link(&scene, client, &json!({"Id": first})).await;
    let given = link.split_once("expires=").unwrap().1;
    let until: i64 = given.split('&').next().unwrap().parse().unwrap();
    assert!((now + 290..now + 600).contains(&until), "{until} {now}");
    // Below a tenant's own address, too.
    let below = client.below("/default/DefaultTenant/orchestrator_/");
    let link = self::link(&scene, &below, &json!({"Id": first})).await;
    assert!(
        link.starts_with("/default/DefaultTenant/orchestrator_/"),
        "{link}"
    );
    assert_eq!(anonymous.get(&link).await.status, 200);
    anonymous.post(&link, &json!({})).await.refused(404, 0);
}

async fn exports_are_kept_for_a_week(backend: Backend) {
    let mut scene = scene(backend).await;
    let made = queue(&scene.shared, "Q", json!({})).await;
    let mut asked = Vec::new();
    for _ in 0..3 {
        let export = export(&scene.shared, &made, "").await;
        ended(&scene.shared, &export, "Completed").await;
        asked.push(export);
    }
    let files = stored_files(&scene);
    assert_eq!(files.len(), 3);
    let link = link(&scene, &scene.shared, &asked[0]).await;
    // The server died when it had removed the file of the second.
    let second = id(&asked[1]).to_string();
    let second = files.iter().find(|file| file.ends_with(&second));
    std::fs::remove_file(second.unwrap()).unwrap();
    meanwhile(
        &mut scene,
        &[
            "UPDATE exports SET executed_at = executed_at - 7 * 864000000000
             WHERE id < (SELECT MAX(id) FROM exports)",
            "UPDATE exports SET executed_at = executed_at - 6 * 864000000000
             WHERE id = (SELECT MAX(id) FROM exports)",
        ],
    )
    .await;
    let old = at("Exports", &asked[0]);
    scene.shared.get(&old).await.refused(404, 1002);
    scene.server.anonymous().get(&link).await.refused(404, 1002);
    eventually("the old file is removed", async || {
        (stored_files(&scene).len() == 1).then_some(())
    })
    .await;
    let kept = file(&scene, &scene.shared, &asked[2]).await;
    assert_eq!(table(&kept).len(), 0);
    eventually("the old rows are removed", async || {
        let rows = between(&mut scene, |tx| {
            tx.number("SELECT COUNT(*) FROM exports", &[])
        });
        (rows.await == 1).then_some(())
    })
    .await;
}
