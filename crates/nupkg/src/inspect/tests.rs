use std::io::Cursor;

use super::*;
use crate::testzip::{Entry, NUSPEC, package, zip};

fn read(entries: &[Entry]) -> Result<Package> {
    inspect(Cursor::new(zip(entries)), &Limits::default())
}

const PSMDCP: &str = r#"<?xml version='1.0' encoding='utf-8'?><coreProperties xmlns="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"/>"#;
const OFFICIAL_NUSPEC: &str = r#"<?xml version='1.0' encoding='utf-8'?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/10/nuspec.xsd">
  <metadata>
    <id>demo-fn</id>
    <version>0.1.0.dev3</version>
    <authors>Jane Doe</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <description>Adds numbers</description>
  </metadata>
</package>"#;
const DESCRIPTOR: &str = r#"{
  "$schema": "https://cloud.uipath.com/draft/2024-12/package-descriptor",
  "files": {
    "operate.json": "content/operate.json",
    "entry-points.json": "content/entry-points.json",
    "bindings.json": "content/bindings_v2.json",
    "main": "main"
  }
}"#;
const OPERATE: &str = r#"{
  "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
  "projectId": "0b7e6f6e-5f0c-4f11-9a39-5b1f5f1c8f10",
  "main": "main",
  "contentType": "function",
  "targetFramework": "Portable",
  "targetRuntime": "python",
  "runtimeOptions": {"requiresUserInteraction": false, "isAttended": false, "isConversational": false},
  "dependencies": {"uipath": ">=2.14.44, <2.15.0"}
}"#;
const ENTRY_POINTS: &str = r#"{
  "$schema": "https://cloud.uipath.com/draft/2024-12/entry-point",
  "$id": "entry-points.json",
  "entryPoints": [{
    "filePath": "main",
    "uniqueId": "7d1c2f0e-6c0a-4d8f-8f0b-0d7f5c2b9a11",
    "type": "function",
    "input": {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "integer"}}, "required": ["b", "a"]},
    "output": {},
    "graph": {"nodes": [], "edges": []}
  }]
}"#;

/// Order, names and modes of the entries are those of the packer for Python projects.
#[test]
fn a_package_of_the_python_packer() {
    let files = [
        (
            "./package/services/metadata/core-properties/0123456789abcdef.psmdcp",
            PSMDCP,
        ),
        ("[Content_Types].xml", "<Types/>"),
        ("_rels/.rels", "<Relationships/>"),
        ("demo-fn.nuspec", OFFICIAL_NUSPEC),
        ("content/package-descriptor.json", DESCRIPTOR),
        ("content/operate.json", OPERATE),
        (
            "content/bindings_v2.json",
            r#"{"version":"2.0","resources":[]}"#,
        ),
        ("content/main.py", "def main(): ..."),
        (
            "content/bindings.json",
            r#"{"version":"2.0","resources":[]}"#,
        ),
        ("content/entry-points.json", ENTRY_POINTS),
        ("content/pyproject.toml", "[project]"),
    ];
    let entries = files.map(|(name, text)| Entry {
        mode: 0o600,
        ..Entry::deflated(name, text.as_bytes())
    });
    let package = read(&entries).unwrap();

    let text = |text: &str| Some(text.to_owned());
    let expected = Package {
        id: "demo-fn".into(),
        version: "0.1.0.dev3".parse().unwrap(),
        title: None,
        description: text("Adds numbers"),
        authors: text("Jane Doe"),
        tags: None,
        release_notes: None,
        project_url: None,
        license_url: None,
        owners: None,
        icon_url: None,
        summary: None,
        main: text("main"),
        content_type: text("function"),
        target_framework: text("Portable"),
        target_runtime: text("python"),
        requires_user_interaction: false,
        is_attended: false,
        is_conversational: false,
        project_type: None,
        entry_points: vec![EntryPoint {
            path: "main".into(),
            unique_id: text("7d1c2f0e-6c0a-4d8f-8f0b-0d7f5c2b9a11"),
            kind: text("function"),
            input: text(
                r#"{"type":"object","properties":{"b":{"type":"integer"},"a":{"type":"integer"}},"required":["b","a"]}"#,
            ),
            output: text("{}"),
        }],
        uncompressed: files.iter().map(|(_, text)| text.len() as u64).sum(),
        files: files.len(),
    };
    assert_eq!(package, expected);
    assert_eq!(package.version.to_string(), "0.1.0.dev3");
}

#[test]
fn one_manifest_at_the_root() {
    let nuspec = |name| Entry::deflated(name, NUSPEC.as_bytes());
    assert_eq!(
        read(&[Entry::stored("a", b"")]).err(),
        Some(Error::NoNuspec)
    );
    assert_eq!(
        read(&[nuspec("content/a.nuspec")]).err(),
        Some(Error::NoNuspec)
    );
    assert_eq!(
        read(&[nuspec("a.nuspec"), nuspec("b.NUSPEC")]).err(),
        Some(Error::ManyNuspecs)
    );
    assert_eq!(
        read(&[nuspec("A.NuSpec"), nuspec("content/b.nuspec")])
            .unwrap()
            .id,
        "a"
    );
    assert_eq!(read(&[nuspec("./a.nuspec")]).unwrap().id, "a");
}

#[test]
fn a_manifest_must_be_text() {
    let latin = Entry::stored("a.nuspec", b"<package>\xe9</package>");
    assert_eq!(
        read(&[latin]).err(),
        Some(Error::BadNuspec("it is not UTF-8".to_owned()))
    );
}

#[test]
fn messages_are_sentences() {
    let errors = [
        read(&[]).unwrap_err(),
        read(&[Entry::stored("../a", b"")]).unwrap_err(),
        read(&[Entry::stored("a.nuspec", b"")]).unwrap_err(),
        inspect(Cursor::new(b"no zip"), &Limits::default()).unwrap_err(),
        package(&[("content/operate.json", "")]).unwrap_err(),
    ];
    for error in errors {
        let text = error.to_string();
        assert!(
            text.starts_with("The ") && text.ends_with('.') && !text.ends_with(".."),
            "{text}"
        );
    }
}
