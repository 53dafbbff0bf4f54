//! Libraries: packages in a feed of their own.

use serde_json::{Value, json};
use testkit::{Backend, Entry, both, package, zip};

use crate::support::{assert_members, scene, stored_files, text, texts};

both!(
    libraries_in_and_out,
    all_versions_at_once,
    kinds_do_not_mix,
    versions_of_libraries,
    only_who_may,
);

const UPLOAD: &str = "odata/Libraries/UiPath.Server.Configuration.OData.UploadPackage";
const UPLOAD_PROCESS: &str = "odata/Processes/UiPath.Server.Configuration.OData.UploadPackage";
const FUNCTION: &str = "odata/Libraries/UiPath.Server.Configuration.OData";

/// A library as Studio packs it; a plain NuGet package without an output type.
pub fn library(id: &str, version: &str, output: Option<&str>) -> Vec<u8> {
    let nuspec = format!(
        "<package><metadata><id>{id}</id><version>{version}</version><authors>A</authors>
         <owners>O</owners><description>D</description><summary>S</summary>
         <iconUrl>https://icons.example/i.png</iconUrl></metadata></package>"
    );
    let mut files = vec![Entry::new(&format!("{id}.nuspec"), nuspec.as_bytes())];
    if let Some(output) = output {
        let project = json!({
            "name": id, "main": "Main.xaml", "designOptions": {"outputType": output},
        });
        let project = project.to_string();
        files.push(Entry::new("content/project.json", project.as_bytes()));
    }
    zip(&files)
}

async fn libraries_in_and_out(backend: Backend) {
    let scene = scene(backend).await;
    let bytes = library("Lib", "1.0.0", Some("Library"));
    let files = [("file", "lib.nupkg", bytes.as_slice())];
    let answer = scene.app.post_files(UPLOAD, &files).await.ok(200);
    assert_eq!(text(&answer["value"][0], "Key"), "Lib:1.0.0");
    scene
        .app
        .post_files(UPLOAD, &files)
        .await
        .refused(409, 1004);

    let list = scene.app.get("odata/Libraries").await.ok(200);
    assert!(text(&list, "@odata.context").ends_with("/$metadata#Libraries"));
    assert_eq!(list["@odata.count"], 1);
    let row = &list["value"][0];
    assert_members(
        row,
        "Created LastUpdated Owners IconUrl Summary PackageSize IsPrerelease Title Version Key
         Description Published IsLatestVersion OldVersion ReleaseNotes Authors ProjectType Tags
         IsCompiled LicenseUrl ProjectUrl ResourceTags Id",
    );
    assert_eq!(
        (text(row, "Id"), text(row, "Key"), text(row, "ProjectType")),
        ("Lib", "Lib:1.0.0", "ProcessLibrary")
    );
    assert_eq!(
        (
            text(row, "Owners"),
            text(row, "Summary"),
            text(row, "IconUrl")
        ),
        ("O", "S", "https://icons.example/i.png")
    );
    assert_eq!(row["PackageSize"], bytes.len());
    assert_eq!(row["IsPrerelease"], false);
    assert_eq!(row["Created"], row["Published"]);
    let processes = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(processes["@odata.count"], 0);

    let path = format!("{FUNCTION}.DownloadPackage(key='lib:1.0')");
    assert!(scene.app.get(&path).await.body == bytes);
    scene
        .app
        .delete("odata/Libraries('Lib:1.0.0')")
        .await
        .ok(204);
    scene.app.get(&path).await.refused(404, 1677);
    scene
        .app
        .delete("odata/Libraries('Lib:1.0.0')")
        .await
        .refused(404, 1677);
    scene
        .app
        .delete("odata/Libraries('Lib')")
        .await
        .refused(404, 1677);
    let list = scene.app.get("odata/Libraries").await.ok(200);
    assert_eq!(list["value"], json!([]));
}

async fn all_versions_at_once(backend: Backend) {
    let scene = scene(backend).await;
    for (name, version) in [("Lib", "1.0.0"), ("Lib", "2.0.0"), ("Lib.More", "1.0.0")] {
        let bytes = library(name, version, Some("Library"));
        let files = [("file", "lib.nupkg", bytes.as_slice())];
        scene.app.post_files(UPLOAD, &files).await.ok(200);
    }
    let all = "odata/Libraries('LIB')";
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    reader.delete(all).await.refused(403, 0);
    // A feed of packages has no library of that name.
    let process = "odata/Processes('Lib')";
    scene.app.delete(process).await.refused(404, 1677);
    scene.app.delete(all).await.ok(204);
    let list = scene.app.get("odata/Libraries").await.ok(200);
    assert_eq!(texts(&list, "Key"), ["Lib.More:1.0.0"]);
    testkit::eventually("the files are removed", async || {
        (stored_files(&scene).len() == 1).then_some(())
    })
    .await;
    let of = "Component eq 'Libraries' and Action eq";
    let uploads = format!("odata/AuditLogs?$filter={of} 'Upload'");
    assert_eq!(scene.app.get(&uploads).await.ok(200)["@odata.count"], 3);
    let lines = format!("odata/AuditLogs?$filter={of} 'Delete'&$expand=Entities");
    let lines = scene.app.get(&lines).await.ok(200);
    assert_eq!(lines["@odata.count"], 1);
    assert_eq!(lines["value"][0]["Entities"].as_array().unwrap().len(), 2);
}

async fn kinds_do_not_mix(backend: Backend) {
    let scene = scene(backend).await;
    let upload = async |path: &str, bytes: &[u8]| {
        scene
            .app
            .post_files(path, &[("file", "x.nupkg", bytes)])
            .await
    };
    let said = upload(UPLOAD, &package("p", "1.0.0").build())
        .await
        .refused(400, 2099);
    assert!(
        text(&said, "message").contains("Processes/UploadPackage"),
        "{said}"
    );
    let said = upload(UPLOAD_PROCESS, &library("l", "1.0.0", Some("Library"))).await;
    let said = said.refused(400, 2099);
    assert!(
        text(&said, "message").contains("Libraries/UploadPackage"),
        "{said}"
    );
    upload(UPLOAD, &library("t", "1.0.0", Some("Tests")))
        .await
        .refused(400, 2099);
    upload(UPLOAD_PROCESS, &library("t", "1.0.0", Some("Tests")))
        .await
        .ok(200);
    // What does not say what it is fits everywhere, and the feeds do not know of each other.
    upload(UPLOAD, &library("plain", "1.0.0", None))
        .await
        .ok(200);
    upload(UPLOAD_PROCESS, &library("plain", "1.0.0", None))
        .await
        .ok(200);
    scene
        .app
        .delete("odata/Libraries('plain:1.0.0')")
        .await
        .ok(204);
    let left = scene.app.get("odata/Processes?$orderby=Id").await.ok(200);
    assert_eq!(texts(&left, "Id"), ["plain", "t"]);
    // A process is not made of a library.
    upload(UPLOAD, &library("l", "1.0.0", Some("Library")))
        .await
        .ok(200);
    let body = json!({"Name": "l", "ProcessKey": "l", "ProcessVersion": "1.0.0"});
    scene
        .shared
        .post("odata/Releases", &body)
        .await
        .refused(404, 1677);
    upload(UPLOAD, b"no package").await.refused(400, 1641);
}

async fn versions_of_libraries(backend: Backend) {
    let scene = scene(backend).await;
    for version in ["1.0.0", "1.10.0", "2.0.0-beta", "1.9.0"] {
        let bytes = library("Lib", version, Some("Library"));
        scene
            .app
            .post_files(UPLOAD, &[("f", "f", &bytes)])
            .await
            .ok(200);
    }
    let path = format!("{FUNCTION}.GetVersions(packageId='lib')");
    let list = scene
        .app
        .get(&format!("{path}?$orderby=OldVersion"))
        .await
        .ok(200);
    assert_eq!(list["@odata.count"], 4);
    let old = |version: &str| {
        let rows = list["value"].as_array().unwrap();
        let row = rows.iter().find(|r| r["Version"] == version).unwrap();
        (row["OldVersion"].clone(), row["IsPrerelease"].clone())
    };
    assert_eq!(old("1.0.0"), (Value::Null, json!(false)));
    assert_eq!(old("1.10.0"), (json!("1.9.0"), json!(false)));
    assert_eq!(old("2.0.0-beta"), (json!("1.10.0"), json!(true)));
    let latest = scene.app.get("odata/Libraries?searchTerm=li").await.ok(200);
    assert_eq!(texts(&latest, "Version"), ["2.0.0-beta"]);
    let none = scene
        .app
        .get("odata/Libraries?searchTerm=other")
        .await
        .ok(200);
    assert_eq!(none["value"], json!([]));
    scene
        .app
        .get(&format!("{FUNCTION}.GetVersions"))
        .await
        .refused(400, 1000);
}

async fn only_who_may(backend: Backend) {
    let scene = scene(backend).await;
    let bytes = library("Lib", "1.0.0", Some("Library"));
    let files = [("file", "lib.nupkg", bytes.as_slice())];
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    reader.post_files(UPLOAD, &files).await.refused(403, 0);
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    nobody.get("odata/Libraries").await.refused(403, 0);
    let roles = ["Allow to be Automation User"];
    let (person, _) = scene.server.user("person", &roles).await;
    person.post_files(UPLOAD, &files).await.ok(200);
    person.get("odata/Libraries").await.ok(200);
    person
        .delete("odata/Libraries('Lib:1.0.0')")
        .await
        .refused(403, 0);
    scene
        .server
        .anonymous()
        .post_files(UPLOAD, &files)
        .await
        .refused(401, 0);
}
