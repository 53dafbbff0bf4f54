//! What the tests of this suite share beyond the test kit: the binary, and ways to compare answers
//! with the documents that clients were written after.

use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Backend, Client, Host, Scene, Server, package};

/// The binary under test.
pub const EXE: &str = env!("CARGO_BIN_EXE_baton");

/// `POST` to assign accounts to folders.
pub const ASSIGN_USERS: &str = "odata/Folders/UiPath.Server.Configuration.OData.AssignUsers";
/// `POST` to assign machines to folders.
pub const ASSIGN_MACHINES: &str = "odata/Folders/UiPath.Server.Configuration.OData.AssignMachines";
/// `POST` to start jobs.
pub const START_JOBS: &str = "odata/Jobs/UiPath.Server.Configuration.OData.StartJobs";
/// `POST` to stop jobs.
pub const STOP_JOBS: &str = "odata/Jobs/UiPath.Server.Configuration.OData.StopJobs";
/// `POST` to upload packages.
pub const UPLOAD: &str = "odata/Processes/UiPath.Server.Configuration.OData.UploadPackage";

/// A server that was just started for the first time.
pub async fn scene(backend: Backend) -> Scene {
    Scene::start(EXE, backend).await
}

/// As [`scene`], without looking anything up.
pub async fn server(backend: Backend) -> Server {
    Server::start(EXE, backend).await
}

/// The body that makes a modern top-level folder.
pub fn modern(name: &str) -> Value {
    json!({"DisplayName": name, "ProvisionType": "Automatic", "PermissionModel": "FineGrained"})
}

/// The body that assigns one account to one folder with these roles.
pub fn assignment(user: i64, folder: i64, roles: &[i64]) -> Value {
    json!({"assignments": {
        "UserIds": [user],
        "RolesPerFolder": [{"FolderId": folder, "RoleIds": roles}],
    }})
}

/// The number of a role.
pub async fn role(scene: &Scene, name: &str) -> i64 {
    let path = format!("odata/Roles?$filter=Name eq '{name}'");
    id(&scene.app.get(&path).await.ok(200)["value"][0])
}

/// The number of an account.
pub async fn user(scene: &Scene, name: &str) -> i64 {
    let path = format!("odata/Users?$filter=UserName eq '{name}'");
    id(&scene.app.get(&path).await.ok(200)["value"][0])
}

/// The account that calls.
pub async fn me(client: &Client) -> Value {
    let path = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
    client.get(path).await.ok(200)
}

/// A host with one running job of `local-robot`.
pub async fn running(scene: &Scene) -> (Host, Value) {
    let release = scene.release(&package("hello", "1.0.0")).await;
    let host = Host::new(scene.server.machine());
    host.start(1).await;
    let job = scene.start_job(&release, json!({})).await;
    host.report(text(&job, "Key"), "Running", json!({}))
        .await
        .ok(200);
    (host, job)
}

/// The files that the server keeps.
pub fn stored_files(scene: &Scene) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![scene.server.data().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

/// Replaces an entity, of which the answer says nothing, and gives it as it is then.
pub async fn replace(client: &Client, path: &str, body: &Value) -> Value {
    assert_eq!(client.put(path, body).await.ok(200), Value::Null, "{path}");
    client.get(path).await.ok(200)
}

/// As [`replace`], changing only what the body names.
pub async fn merge(client: &Client, path: &str, body: &Value) -> Value {
    assert_eq!(
        client.patch(path, body).await.ok(200),
        Value::Null,
        "{path}"
    );
    client.get(path).await.ok(200)
}

/// The first object with the members of the second added or replaced.
pub fn with(mut body: Value, more: Value) -> Value {
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    body
}

/// Fails unless the object has all these members, whatever their values.
#[track_caller]
pub fn assert_members(object: &Value, members: &str) {
    let missing: Vec<&str> = members
        .split_whitespace()
        .filter(|name| object.get(name).is_none())
        .collect();
    assert!(missing.is_empty(), "missing {missing:?} in {object:#}");
}

/// The values of one member, in the order of the list.
#[track_caller]
pub fn column<'v>(list: &'v Value, member: &str) -> Vec<&'v Value> {
    list["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| &row[member])
        .collect()
}

/// The texts of one member, in the order of the list.
#[track_caller]
pub fn texts<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    column(list, member)
        .into_iter()
        .map(|v| v.as_str().expect("a text"))
        .collect()
}

/// The number behind a member.
#[track_caller]
pub fn id(object: &Value) -> i64 {
    object["Id"]
        .as_i64()
        .unwrap_or_else(|| panic!("no Id in {object:#}"))
}

/// The text behind a member.
#[track_caller]
pub fn text<'v>(object: &'v Value, member: &str) -> &'v str {
    object[member]
        .as_str()
        .unwrap_or_else(|| panic!("no text {member} in {object:#}"))
}
