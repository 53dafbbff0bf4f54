//! Packages: uploads good and bad, versions, downloads.

use serde_json::{Value, json};
use testkit::{Backend, Entry, both, package, zip};

use crate::support::{STOP_JOBS, UPLOAD, scene, stored_files, text, texts};

both!(
    a_package_goes_in_and_comes_out,
    uploads_under_any_name,
    several_files_at_once,
    uploads_that_are_no_packages,
    versions_and_the_latest,
    searching_packages,
    deleting_packages,
    deleting_all_versions,
    what_packages_declare,
    feeds_of_the_tenant,
);

const FUNCTION: &str = "odata/Processes/UiPath.Server.Configuration.OData";

const VERSIONS: &str = "odata/Processes/UiPath.Server.Configuration.OData.GetProcessVersions";

const DOWNLOAD: &str = "odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage";

async fn a_package_goes_in_and_comes_out(backend: Backend) {
    let scene = scene(backend).await;
    let bytes = package("Hello.World", "1.2.3")
        .input(&[("name!", "string")])
        .build();
    let answer = scene
        .app
        .post_files(UPLOAD, &[("file", "x.nupkg", &bytes)])
        .await
        .ok(200);
    assert!(text(&answer, "@odata.context").ends_with("$metadata#Collection(BulkItemDtoOfString)"));
    let item = &answer["value"][0];
    assert_eq!(
        (text(item, "Key"), text(item, "Status")),
        ("Hello.World:1.2.3", "OK")
    );
    let body: Value = serde_json::from_str(text(item, "Body")).unwrap();
    assert_eq!(body, json!({"Id": "Hello.World", "Version": "1.2.3"}));

    let list = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(list["@odata.count"], 1);
    let row = &list["value"][0];
    assert_eq!(
        (text(row, "Id"), text(row, "Version")),
        ("Hello.World", "1.2.3")
    );
    assert_eq!(
        (text(row, "Key"), text(row, "Title")),
        ("Hello.World:1.2.3", "Hello.World")
    );
    assert_eq!(
        (&row["IsLatestVersion"], &row["IsActive"]),
        (&json!(true), &json!(false))
    );
    assert!(text(row, "Published").ends_with('Z'));
    assert!(text(&row["Arguments"], "Input").contains("name"));

    let download = scene
        .app
        .get(&format!("{DOWNLOAD}(key='Hello.World:1.2.3')"))
        .await;
    assert_eq!(download.status, 200);
    assert_eq!(download.header("content-length"), bytes.len().to_string());
    assert_eq!(
        download.header("content-disposition"),
        "attachment; filename=\"Hello.World.1.2.3.nupkg\""
    );
    assert!(
        download.body == bytes,
        "the bytes that came out are not those that went in"
    );
    // Without regard to case, and in the normal form of versions.
    assert!(
        scene
            .app
            .get(&format!("{DOWNLOAD}(key='hello.world:1.2.3.0')"))
            .await
            .body
            == bytes
    );
    // A machine fetches what its jobs run.
    assert!(
        scene
            .server
            .machine()
            .get(&format!("{DOWNLOAD}(key='Hello.World:1.2.3')"))
            .await
            .body
            == bytes
    );

    scene
        .app
        .get(&format!("{DOWNLOAD}(key='Hello.World:9.9.9')"))
        .await
        .refused(404, 1677);
    scene
        .app
        .get(&format!("{DOWNLOAD}(key='None:1.0.0')"))
        .await
        .refused(404, 1677);
    scene
        .app
        .get(&format!("{DOWNLOAD}(key='nonsense')"))
        .await
        .refused(400, 1000);
    scene
        .server
        .anonymous()
        .get(&format!("{DOWNLOAD}(key='Hello.World:1.2.3')"))
        .await
        .refused(401, 0);
}

async fn uploads_under_any_name(backend: Backend) {
    let scene = scene(backend).await;
    let spellings = [
        (UPLOAD.to_owned(), "file"),
        (format!("{UPLOAD}()"), "uploads"),
        ("odata/Processes/UploadPackage".to_owned(), "x"),
        (UPLOAD.to_lowercase(), "package"),
        (format!("default/DefaultTenant/orchestrator_/{UPLOAD}"), "0"),
    ];
    for (n, (path, part)) in spellings.iter().enumerate() {
        let bytes = package("p", &format!("1.0.{n}")).build();
        let answer = scene
            .app
            .post_files(path, &[(part, "any name.zip", &bytes)])
            .await
            .ok(200);
        assert_eq!(answer["value"][0]["Key"], format!("p:1.0.{n}"), "{path}");
    }
    let feeds = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(texts(&feeds, "Version"), ["1.0.4"]);
    let unknown = format!("{UPLOAD}?feedId=00000000-0000-0000-0000-000000000001");
    let bytes = package("q", "1.0.0").build();
    scene
        .app
        .post_files(&unknown, &[("file", "q", &bytes)])
        .await
        .refused(404, 1002);
    scene
        .app
        .get("odata/Processes?feedId=00000000-0000-0000-0000-000000000001")
        .await
        .refused(404, 1002);
}

async fn several_files_at_once(backend: Backend) {
    let scene = scene(backend).await;
    let (a, b) = (package("a", "1.0.0").build(), package("b", "1.0.0").build());
    let files: [(&str, &str, &[u8]); 2] = [("f", "a", &a), ("f", "b", &b)];
    let answer = scene.app.post_files(UPLOAD, &files).await.ok(200);
    assert_eq!(texts(&answer, "Status"), ["OK", "OK"]);

    let c = package("c", "1.0.0").build();
    let files: [(&str, &str, &[u8]); 3] = [
        ("1", "a.nupkg", &a),
        ("2", "c.nupkg", &c),
        ("3", "no.nupkg", b"no"),
    ];
    let answer = scene.app.post_files(UPLOAD, &files).await.ok(207);
    assert_eq!(texts(&answer, "Status"), ["Conflict", "OK", "BadRequest"]);
    assert_eq!(texts(&answer, "Key"), ["a.nupkg", "c:1.0.0", "no.nupkg"]);
    assert_eq!(
        scene.app.get("odata/Processes").await.ok(200)["@odata.count"],
        3
    );

    let again = scene
        .app
        .post_files(UPLOAD, &[("file", "a.nupkg", &a)])
        .await
        .refused(409, 1004);
    assert!(
        text(&again, "message").contains("already exists"),
        "{again}"
    );
    let same = package("A", "1.0.0.0").build();
    scene
        .app
        .post_files(UPLOAD, &[("file", "a", &same)])
        .await
        .refused(409, 1004);
}

const NUSPEC: &str =
    "<?xml version=\"1.0\"?><package><metadata><id>bad</id><version>1.0.0</version>
    <authors>a</authors><description>d</description></metadata></package>";

/// A package that would be good but for the entry.
fn spoiled(entry: Entry) -> Vec<u8> {
    zip(&[Entry::new("bad.nuspec", NUSPEC.as_bytes()), entry])
}

async fn uploads_that_are_no_packages(backend: Backend) {
    let scene = scene(backend).await;
    let good = package("good", "1.0.0").build();
    let large = Entry {
        size: 10,
        ..Entry::new("content/large", &[7; 100_000])
    };
    let small = Entry {
        size: 100_000,
        ..Entry::new("content/small", b"ten bytes!")
    };
    let crc = Entry {
        crc: 1,
        ..Entry::new("content/file", b"bytes")
    };
    let link = Entry {
        mode: 0o120_777,
        ..Entry::new("content/link", b"/etc/passwd")
    };
    let two = zip(&[
        Entry::new("a.nuspec", NUSPEC.as_bytes()),
        Entry::new("b.nuspec", NUSPEC.as_bytes()),
    ]);
    let twice = zip(&[
        Entry::new("bad.nuspec", NUSPEC.as_bytes()),
        Entry::new("content/a", b"1"),
        Entry::new("content/A", b"2"),
    ]);
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        (
            "text",
            b"this is no zip file at all, not even a short one".to_vec(),
        ),
        ("half", good[..good.len() / 2].to_vec()),
        ("empty zip", zip(&[])),
        ("no manifest", zip(&[Entry::new("content/main.py", b"")])),
        (
            "manifest in a folder",
            zip(&[Entry::new("content/bad.nuspec", NUSPEC.as_bytes())]),
        ),
        (
            "manifest is no XML",
            zip(&[Entry::new("bad.nuspec", b"no xml")]),
        ),
        (
            "manifest without id",
            zip(&[Entry::new(
                "bad.nuspec",
                NUSPEC.replace("<id>bad</id>", "").as_bytes(),
            )]),
        ),
        (
            "bad version",
            zip(&[Entry::new(
                "bad.nuspec",
                NUSPEC.replace("1.0.0", "one").as_bytes(),
            )]),
        ),
        (
            "id is a path",
            zip(&[Entry::new(
                "bad.nuspec",
                NUSPEC.replace(">bad<", ">../bad<").as_bytes(),
            )]),
        ),
        ("two manifests", two),
        ("up", spoiled(Entry::new("content/../../etc/passwd", b"x"))),
        ("up at once", spoiled(Entry::new("../x", b"x"))),
        ("absolute", spoiled(Entry::new("/etc/passwd", b"x"))),
        (
            "backslashes",
            spoiled(Entry::new("content\\..\\..\\x", b"x")),
        ),
        ("drive", spoiled(Entry::new("C:/x", b"x"))),
        ("larger than it says", spoiled(large)),
        ("smaller than it says", spoiled(small)),
        ("wrong checksum", spoiled(crc)),
        ("a link", spoiled(link)),
        ("one name twice", twice),
    ];
    for (what, bytes) in &cases {
        let answer = scene
            .app
            .post_files(UPLOAD, &[("file", "x.nupkg", bytes)])
            .await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
        answer.refused(400, 1641);
    }
    assert_eq!(
        scene.app.get("odata/Processes").await.ok(200)["@odata.count"],
        0
    );
    // Nothing of it stays on disk either.
    let left = stored_files(&scene);
    assert!(left.is_empty(), "{left:?}");

    scene.app.post(UPLOAD, &json!({})).await.refused(400, 1000);
    let raw = async |body: &'static str| {
        let kind = "multipart/form-data; boundary=x";
        let request = scene
            .app
            .request("POST", UPLOAD)
            .header("Content-Type", kind);
        scene.app.send(request.body(body)).await
    };
    let cut = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nhalf";
    raw(cut).await.refused(400, 1000);
    raw("").await.refused(400, 1000);
    raw("--x--\r\n").await.refused(400, 1009);
    scene
        .server
        .anonymous()
        .post_files(UPLOAD, &[("f", "f", &good)])
        .await
        .refused(401, 0);
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    reader
        .post_files(UPLOAD, &[("f", "f", &good)])
        .await
        .refused(403, 0);
    scene
        .app
        .post_files(UPLOAD, &[("f", "f", &good)])
        .await
        .ok(200);
}

async fn versions_and_the_latest(backend: Backend) {
    let scene = scene(backend).await;
    for version in ["1.10.0", "1.9.0", "2.0.0-beta.2", "1.2.0", "2.0.0-beta.10"] {
        scene.upload(&package("p", version)).await;
    }
    let list = scene
        .app
        .get(&format!("{VERSIONS}(processId='p')"))
        .await
        .ok(200);
    assert_eq!(list["@odata.count"], 5);
    let latest: Vec<&Value> = list["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|v| v["IsLatestVersion"] == true)
        .collect();
    assert_eq!(latest.len(), 1, "{list}");
    let current = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(texts(&current, "Version"), [text(latest[0], "Version")]);
    // Newest first means the one that was published last.
    let published = texts(&list, "Published");
    assert!(published.windows(2).all(|w| w[0] >= w[1]), "{published:?}");

    scene.upload(&package("p", "2.0.0")).await;
    assert_eq!(
        texts(&scene.app.get("odata/Processes").await.ok(200), "Version"),
        ["2.0.0"]
    );
    scene.upload(&package("P", "1.0.0")).await;
    assert_eq!(
        texts(&scene.app.get("odata/Processes").await.ok(200), "Version"),
        ["2.0.0"]
    );
    let by_version =
        format!("{VERSIONS}(processId='P')?$filter=Version eq '1.9.0'&$select=Version");
    assert_eq!(
        scene.app.get(&by_version).await.ok(200)["value"],
        json!([{"Version": "1.9.0"}])
    );
    let none = scene
        .app
        .get(&format!("{VERSIONS}(processId='none')"))
        .await
        .ok(200);
    assert_eq!(none["value"], json!([]));
}

async fn searching_packages(backend: Backend) {
    let scene = scene(backend).await;
    for name in ["Invoices", "Orders_1", "Orders-1"] {
        scene.upload(&package(name, "1.0.0")).await;
    }
    let search = async |query: &str| {
        let list = scene
            .app
            .get(&format!("odata/Processes?{query}&$orderby=Id"))
            .await
            .ok(200);
        texts(&list, "Id").join(" ")
    };
    assert_eq!(search("searchTerm=inv").await, "Invoices");
    assert_eq!(search("searchTerm=RS_").await, "Orders_1");
    assert_eq!(search("searchTerm=%25").await, "");
    assert_eq!(search("searchTerm=").await, "Invoices Orders-1 Orders_1");
    assert_eq!(
        search("$filter=Title eq 'Invoices' and IsLatestVersion eq true").await,
        "Invoices"
    );
    assert_eq!(
        search("$filter=Title eq 'Invoices' %26 IsLatestVersion eq true").await,
        "Invoices"
    );
}

async fn deleting_packages(backend: Backend) {
    let scene = scene(backend).await;
    let made = scene.release(&package("p", "1.0.0")).await;
    scene.upload(&package("p", "2.0.0")).await;
    let delete = async |key: &str| {
        let path = format!("odata/Processes('{key}')");
        scene.app.delete(&path).await
    };
    let said = delete("p:1.0.0").await.refused(409, 1642);
    assert!(text(&said, "message").contains("'p'"), "{said}");
    let list = scene
        .app
        .get(&format!("{VERSIONS}(processId='p')"))
        .await
        .ok(200);
    assert_eq!(texts(&list, "Version"), ["2.0.0", "1.0.0"]);
    assert_eq!(
        list["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| &v["OldVersion"])
            .collect::<Vec<_>>(),
        [&json!("1.0.0"), &Value::Null]
    );
    delete("P%3A2.0.0.0").await.ok(204);
    delete("p:2.0.0").await.refused(404, 1677);
    let download = format!("{DOWNLOAD}(key='p:2.0.0')");
    scene.app.get(&download).await.refused(404, 1677);
    let list = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(
        (
            texts(&list, "Version"),
            &list["value"][0]["IsLatestVersion"]
        ),
        (vec!["1.0.0"], &json!(true))
    );
    // Its file goes, too.
    testkit::eventually("the file is removed", async || {
        (stored_files(&scene).len() == 1).then_some(())
    })
    .await;
    // A job that was started with a version needs it although the process has moved on.
    let job = scene.start_job(&made, json!({})).await;
    scene.upload(&package("p", "2.0.0")).await;
    let release = format!("odata/Releases({})", made["Id"]);
    let newer = json!({"ProcessVersion": "2.0.0"});
    scene.shared.patch(&release, &newer).await.ok(200);
    delete("p:1.0.0").await.refused(409, 1642);
    let stop = json!({"jobIds": [job["Id"]], "strategy": "Kill"});
    scene.shared.post(STOP_JOBS, &stop).await.ok(200);
    delete("p:1.0.0").await.ok(204);
    // And nothing rolls back to it.
    let rollback =
        format!("{release}/UiPath.Server.Configuration.OData.RollbackToPreviousReleaseVersion");
    scene
        .shared
        .post(&rollback, &json!({}))
        .await
        .refused(404, 1643);

    delete(":1.0.0").await.refused(400, 1000);
    delete("none:1.0.0").await.refused(404, 1677);
    scene
        .app
        .delete("odata/Processes(5)")
        .await
        .refused(400, 1000);
    let elsewhere = format!("odata/Processes('p:2.0.0')?feedId={}", uuid::Uuid::nil());
    scene.app.delete(&elsewhere).await.refused(404, 1002);
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    reader
        .delete("odata/Processes('p:2.0.0')")
        .await
        .refused(403, 0);
    let roles = ["Allow to be Automation User"];
    let (person, _) = scene.server.user("person", &roles).await;
    person
        .delete("odata/Processes('p:2.0.0')")
        .await
        .refused(403, 0);
}

async fn deleting_all_versions(backend: Backend) {
    let scene = scene(backend).await;
    let release = scene.release(&package("p", "1.0.0")).await;
    for (name, version) in [("p", "2.0.0"), ("p", "3.0.0-beta"), ("p.more", "1.0.0")] {
        scene.upload(&package(name, version)).await;
    }
    let delete = async |key: &str| {
        let path = format!("odata/Processes('{key}')");
        scene.app.delete(&path).await
    };
    let versions = async || {
        let path = format!("{VERSIONS}(processId='p')");
        let list = scene.app.get(&path).await.ok(200);
        texts(&list, "Version").join(" ")
    };
    // All, or none.
    let said = delete("P").await.refused(409, 1642);
    assert!(text(&said, "message").contains("p:1.0.0"), "{said}");
    assert_eq!(versions().await.split(' ').count(), 3);
    assert_eq!(stored_files(&scene).len(), 4);
    let reader = scene.server.app_with(&["OR.Execution.Read"]).await;
    reader.delete("odata/Processes('p')").await.refused(403, 0);
    let elsewhere = format!("odata/Processes('p')?feedId={}", uuid::Uuid::nil());
    scene.app.delete(&elsewhere).await.refused(404, 1002);

    let path = format!("odata/Releases({})", release["Id"]);
    scene.shared.delete(&path).await.ok(204);
    delete("P").await.ok(204);
    assert_eq!(versions().await, "");
    let list = scene.app.get("odata/Processes").await.ok(200);
    assert_eq!(texts(&list, "Key"), ["p.more:1.0.0"]);
    testkit::eventually("their files are removed", async || {
        (stored_files(&scene).len() == 1).then_some(())
    })
    .await;
    delete("P").await.refused(404, 1677);
    delete("").await.refused(404, 1677);
    delete("p.more").await.ok(204);

    let lines = async |action: &str| {
        let of = format!("Component eq 'Packages' and Action eq '{action}'");
        let lines = format!("odata/AuditLogs?$filter={of}&$expand=Entities&$orderby=Id");
        scene.app.get(&lines).await.ok(200)
    };
    let uploads = lines("Upload").await;
    let said: Vec<&str> = texts(&uploads, "OperationText");
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[0].ends_with("uploaded package p:1.0.0"), "{said:?}");
    assert_eq!(
        text(&uploads["value"][0]["Entities"][0], "CustomData"),
        json!({"Id": "p", "Version": "1.0.0"}).to_string()
    );
    let lines = lines("Delete").await;
    let said: Vec<&str> = texts(&lines, "OperationText");
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].ends_with("deleted all 3 versions of package p"),
        "{said:?}"
    );
    assert!(
        said[1].ends_with("deleted package p.more:1.0.0"),
        "{said:?}"
    );
    let entities = &lines["value"][0]["Entities"];
    let written: Vec<&str> = entities
        .as_array()
        .unwrap()
        .iter()
        .map(|entity| text(entity, "CustomData"))
        .collect();
    assert_eq!(written.len(), 3);
    for version in ["1.0.0", "2.0.0", "3.0.0-beta"] {
        let shown = json!({"Id": "p", "Version": version}).to_string();
        assert!(written.contains(&shown.as_str()), "{written:?}");
    }
}

async fn what_packages_declare(backend: Backend) {
    let scene = scene(backend).await;
    scene
        .upload(&package("p", "1.0.0").input(&[("name!", "string")]))
        .await;
    let get = async |path: &str| scene.app.get(&format!("{FUNCTION}.{path}")).await;
    let arguments = get("GetArguments(key='p:1.0.0')").await.ok(200);
    // A single value needs no name, though there are parameters that may be left out.
    assert_eq!(get("GetArguments('p:1.0.0')").await.ok(200), arguments);
    assert!(text(&arguments, "@odata.context").contains("/$metadata#"));
    assert!(text(&arguments, "Input").contains("name"), "{arguments}");
    let points = get("GetPackageEntryPoints(key='P:1.0')").await.ok(200);
    let [point] = points["value"].as_array().unwrap().as_slice() else {
        panic!("{points}");
    };
    assert_eq!(text(point, "Path"), "main.sh");
    assert_eq!(point["InputArguments"], arguments["Input"]);
    assert_eq!(point["OutputArguments"], arguments["Output"]);
    let main = get("GetPackageMainEntryPoint(key='p:1.0.0')").await.ok(200);
    assert_eq!(
        (&main["Id"], &main["UniqueId"]),
        (&point["Id"], &point["UniqueId"])
    );
    let expanded = scene
        .app
        .get("odata/Processes?$expand=EntryPoints")
        .await
        .ok(200);
    assert_eq!(expanded["value"][0]["EntryPoints"], json!([point]));
    assert_eq!(expanded["value"][0]["MainEntryPointPath"], "main.sh");

    let path = format!("{FUNCTION}.SetArguments");
    let set = async |body: Value| scene.app.post(&path, &body).await;
    let input = r#"{"type":"object","properties":{"other":{"type":"integer"}}}"#;
    set(json!({"key": "p:1.0.0", "arguments": {"Input": input, "Output": null}}))
        .await
        .ok(200);
    let now = get("GetArguments(key='p:1.0.0')").await.ok(200);
    assert_eq!(
        (&now["Input"], &now["Output"]),
        (&json!(input), &Value::Null)
    );
    set(json!({"key": "p:1.0.0"})).await.refused(400, 0);
    set(json!({"key": "p:1.0.0", "arguments": {"Input": "no json"}}))
        .await
        .refused(400, 1009);
    set(json!({"key": "p:1.0.0", "arguments": {"Input": "5"}}))
        .await
        .refused(400, 1009);
    set(json!({"key": "p:7.0.0", "arguments": {}}))
        .await
        .refused(404, 1677);
    for name in [
        "GetArguments",
        "GetPackageEntryPoints",
        "GetPackageMainEntryPoint",
    ] {
        get(&format!("{name}(key='p:7.0.0')"))
            .await
            .refused(404, 1677);
        get(&format!("{name}(key='p')")).await.refused(400, 1000);
        get(name).await.refused(400, 1000);
    }
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    let path = format!("{FUNCTION}.GetArguments(key='p:1.0.0')");
    nobody.get(&path).await.refused(403, 0);
}

async fn feeds_of_the_tenant(backend: Backend) {
    let scene = scene(backend).await;
    let feeds = scene.app.get("api/PackageFeeds/GetFeeds").await.ok(200);
    let purposes: Vec<&Value> = feeds
        .as_array()
        .unwrap()
        .iter()
        .map(|f| &f["purpose"])
        .collect();
    assert_eq!(purposes, ["Processes", "Libraries"]);
    let libraries = scene
        .app
        .get("api/PackageFeeds/GetLibraryFeeds")
        .await
        .ok(200);
    assert_eq!(libraries, json!([feeds[1]]));
    // An upload into a feed by its id, and into the wrong one.
    let bytes = package("p", "1.0.0").build();
    let into = async |feed: &Value| {
        let path = format!("{UPLOAD}?feedId={}", text(feed, "id"));
        scene
            .app
            .post_files(&path, &[("file", "p.nupkg", &bytes)])
            .await
    };
    into(&feeds[0]).await.ok(200);
    into(&feeds[1]).await.refused(404, 1002);
    let path = format!("api/PackageFeeds/GetFolderFeed?folderId={}", scene.folder);
    assert_eq!(scene.app.get(&path).await.ok(200), Value::Null);
    let path = "api/PackageFeeds/GetFolderFeed?folderId=999999";
    scene.app.get(path).await.refused(403, 1100);
    scene
        .app
        .get("api/PackageFeeds/GetFolderFeed")
        .await
        .refused(400, 1000);
    scene
        .server
        .anonymous()
        .get("api/PackageFeeds/GetFeeds")
        .await
        .refused(401, 0);
}
