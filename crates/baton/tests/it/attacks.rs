//! Attacks: each test is called after what somebody wants who has less than they try to get, and shows that
//! they do not get it. A file is a rule.

mod becoming;
mod bringing;
mod door;
mod seeing;

use serde_json::{Value, json};
use testkit::{Client, Scene};

use crate::support::{ASSIGN_USERS, assignment, id, modern};

const OPERATIONS: &str = "UiPath.Server.Configuration.OData";

/// An account.
fn of(user: i64) -> String {
    format!("odata/Users({user})")
}

/// An action of an account.
fn action(user: i64, name: &str) -> String {
    format!("{}/{OPERATIONS}.{name}", of(user))
}

/// An action of a folder.
fn on_folder(folder: i64, name: &str) -> String {
    format!("odata/Folders({folder})/{OPERATIONS}.{name}")
}

/// A function or an action of the set of folders.
fn on_folders(name: &str) -> String {
    format!("odata/Folders/{OPERATIONS}.{name}")
}

/// The body of a role.
fn role_body(name: &str, kind: &str, permissions: &[&str]) -> Value {
    let permissions: Vec<Value> = permissions.iter().map(|p| json!({"Name": p})).collect();
    json!({"Name": name, "Type": kind, "Permissions": permissions})
}

/// Makes a role and gives its number.
async fn make_role(scene: &Scene, name: &str, kind: &str, permissions: &[&str]) -> i64 {
    let body = role_body(name, kind, permissions);
    id(&scene.app.post("odata/Roles", &body).await.ok(201))
}

/// A new person with these permissions for the tenant, and the account's number.
async fn person(scene: &Scene, name: &str, permissions: &[&str]) -> (Client, i64) {
    if permissions.is_empty() {
        return scene.server.user(name, &[]).await;
    }
    let role = format!("Role of {name}");
    make_role(scene, &role, "Tenant", permissions).await;
    scene.server.user(name, &[&role]).await
}

async fn assign(client: &Client, user: i64, folder: i64, roles: &[i64]) {
    let body = assignment(user, folder, roles);
    client.post(ASSIGN_USERS, &body).await.ok(204);
}

async fn make_folder(scene: &Scene, name: &str) -> i64 {
    id(&scene.app.post("odata/Folders", &modern(name)).await.ok(201))
}
