//! The authority ledger: every operation that the server describes is called by those who may not do
//! it, and must refuse them. An operation that is added is in it by being declared; those that do let
//! such a caller in stand in `authority/exceptions.txt`, with the reason.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use crate::calls::{Described, described};
use crate::support::{ASSIGN_USERS, assignment, id, modern, scene, text};

both!(nobody_can_do_more_than_they_were_given);

const EXCEPTIONS: &str = include_str!("authority/exceptions.txt");

/// The scope of an application that has no other.
const NARROW: &str = "OR.Webhooks";

/// Whether a role that only lets its holder see is not enough.
fn changes(operation: &Described) -> bool {
    let seen = |group: &Vec<&str>| group.iter().any(|name| name.ends_with(".View"));
    !operation.needs().iter().all(seen)
}

/// Whether the client is let in: not refused for want of a credential, of a permission, or of a
/// folder that it may work in. An answer is never the server's fault.
async fn lets_in(operation: &Described<'_>, client: &Client) -> bool {
    // Who may not is told so before what is wrong with the body, which is empty.
    let known = |name: &str, _| name.is_empty().then(|| json!({}));
    let request = operation.request(client, &known);
    let answer = client.send(request).await;
    let shown = answer.text();
    assert!(answer.status < 500, "{}: {shown}", operation.name());
    let body: Value = serde_json::from_str(&shown).unwrap_or_default();
    let about_folders = [1100, 1101].map(Value::from).contains(&body["errorCode"]);
    !(matches!(answer.status, 401 | 403) || about_folders)
}

/// A role of this kind with all permissions that end so and fit it.
async fn role(scene: &Scene, name: &str, kind: &str, end: &str) -> i64 {
    let all = scene.app.get("odata/Permissions").await.ok(200);
    let mut names: Vec<String> = Vec::new();
    for permission in all["value"].as_array().unwrap() {
        let permission = text(permission, "Name");
        if permission.ends_with(end) {
            names.push(permission.to_owned());
        }
    }
    // Which permissions fit a kind is told by the refusal of those that do not.
    loop {
        let permissions: Vec<Value> = names.iter().map(|name| json!({"Name": name})).collect();
        let body = json!({"Name": name, "Type": kind, "Permissions": permissions});
        let answer = scene.app.post("odata/Roles", &body).await;
        if answer.status == 201 {
            return id(&answer.json());
        }
        let said = answer.text();
        let before = names.len();
        names.retain(|name| !said.contains(&format!("'{name}'")));
        assert!(names.len() < before, "{said}");
    }
}

/// Somebody who sees everything in the tenant and in the folder Shared.
async fn viewer(scene: &Scene) -> Client {
    role(scene, "Sees all of the tenant", "Tenant", ".View").await;
    let there = role(scene, "Sees all of a folder", "Folder", ".View").await;
    let (client, user) = scene
        .server
        .user("viewer", &["Sees all of the tenant"])
        .await;
    let assign = assignment(user, scene.folder, &[there]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    client.folder(scene.folder)
}

/// Somebody who may do everything in a folder of their own.
async fn master_elsewhere(scene: &Scene) -> Client {
    let all = role(scene, "Does all in a folder", "Folder", "").await;
    let elsewhere = modern("Elsewhere");
    let elsewhere = scene.app.post("odata/Folders", &elsewhere).await.ok(201);
    let (client, user) = scene.server.user("elsewhere", &[]).await;
    let assign = assignment(user, id(&elsewhere), &[all]);
    scene.app.post(ASSIGN_USERS, &assign).await.ok(204);
    client.folder(scene.folder)
}

async fn nobody_can_do_more_than_they_were_given(backend: Backend) {
    let scene = scene(backend).await;
    let document = scene.app.get("/swagger/v20.0/swagger.json").await.ok(200);
    let operations = described(&document);
    assert!(operations.len() > 250, "{}", operations.len());

    let nobody = scene.server.anonymous();
    let (roleless, _) = scene.server.user("roleless", &[]).await;
    let roleless_there = roleless.folder(scene.folder);
    let viewer = viewer(&scene).await;
    let elsewhere = master_elsewhere(&scene).await;
    let narrow = scene.server.app_with(&[&format!("{NARROW}.Read")]).await;
    let narrow = narrow.folder(scene.folder);

    let mut found = BTreeSet::new();
    for operation in operations.iter().filter(|operation| !operation.public()) {
        let in_a_folder = !matches!(operation.folder(), "none" | "named");
        for (who, client, meant) in [
            ("nobody", &nobody, true),
            ("roleless", &roleless, true),
            ("roleless", &roleless_there, true),
            ("viewer", &viewer, changes(operation)),
            ("elsewhere", &elsewhere, in_a_folder),
            ("narrow", &narrow, operation.scope() != Some(NARROW)),
        ] {
            if meant && lets_in(operation, client).await {
                found.insert(format!("{who:<9} {}", operation.name()));
            }
        }
    }
    let lines = EXCEPTIONS.lines();
    let mut expected = BTreeSet::new();
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (operation, reason) = line.split_once(" # ").expect("a line has a reason");
        assert!(!reason.trim().is_empty(), "{line}");
        expected.insert(operation.trim_end().to_owned());
    }
    let more: Vec<_> = found.difference(&expected).collect();
    assert!(more.is_empty(), "these let somebody in:\n{more:#?}");
    let fewer: Vec<_> = expected.difference(&found).collect();
    assert!(fewer.is_empty(), "these are no exceptions:\n{fewer:#?}");
}
