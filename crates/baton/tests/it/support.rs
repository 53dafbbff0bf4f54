//! What the tests of this suite share beyond the test kit: the binary, and ways to compare answers
//! with the documents that clients were written after.

use serde_json::{Value, json};
use testkit::{Backend, Scene, Server};

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

/// The number of the role `Administrator`, as the administrator's account shows it.
pub async fn administrator(scene: &Scene) -> i64 {
    let admin = scene.server.admin().await;
    let path = "odata/Users/UiPath.Server.Configuration.OData.GetCurrentUser";
    let me = admin.get(path).await.ok(200);
    me["UserRoles"][0]["RoleId"].as_i64().expect("a role")
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
