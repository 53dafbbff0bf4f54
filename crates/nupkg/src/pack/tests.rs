use std::io::Read;

use serde_json::json;
use zip::ZipArchive;

use super::*;
use crate::archive::Limits;
use crate::inspect::inspect;

fn spec() -> PackSpec {
    PackSpec {
        id: "hello-world".into(),
        version: "1.0.0rc1".into(),
        authors: "Jane & Joe".into(),
        description: "Says <hello>".into(),
        files: vec![
            ("main.py".into(), b"def main(): ...".to_vec()),
            ("sub/data.txt".into(), vec![b'x'; 100_000]),
        ],
        operate: json!({
            "main": "main", "contentType": "function", "targetFramework": "Portable",
            "targetRuntime": "python",
        }),
        entry_points: json!({"entryPoints": [
            {"filePath": "main", "type": "function", "input": {"type": "object"}, "output": {}},
        ]}),
        bindings: json!({"version": "2.0", "resources": []}),
    }
}

#[test]
fn what_is_packed_passes_inspection() {
    let bytes = pack(&spec()).unwrap();
    let package = inspect(Cursor::new(bytes), &Limits::default()).unwrap();
    assert_eq!(package.id, "hello-world");
    assert_eq!(package.version.to_string(), "1.0.0rc1");
    assert_eq!(package.authors.as_deref(), Some("Jane & Joe"));
    assert_eq!(package.description.as_deref(), Some("Says <hello>"));
    assert_eq!(package.main.as_deref(), Some("main"));
    assert_eq!(package.target_runtime.as_deref(), Some("python"));
    assert_eq!(
        package.entry_points[0].input.as_deref(),
        Some(r#"{"type":"object"}"#)
    );
    assert_eq!(package.files, 10);
}

#[test]
fn the_layout() {
    let bytes = pack(&spec()).unwrap();
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut names = Vec::new();
    for position in 0..zip.len() {
        let entry = zip.by_index(position).unwrap();
        assert_eq!(entry.compression(), CompressionMethod::Deflated);
        assert_eq!(entry.unix_mode().unwrap() & 0o777, 0o600);
        names.push(entry.name().unwrap().into_owned());
    }
    let properties = names.remove(0);
    let unique = properties
        .strip_prefix("./package/services/metadata/core-properties/")
        .and_then(|rest| rest.strip_suffix(".psmdcp"))
        .unwrap();
    assert!(
        unique.len() == 16 && unique.bytes().all(|b| b.is_ascii_hexdigit()),
        "{unique}"
    );
    assert_eq!(
        names,
        [
            "[Content_Types].xml",
            "_rels/.rels",
            "hello-world.nuspec",
            "content/package-descriptor.json",
            "content/operate.json",
            "content/bindings_v2.json",
            "content/entry-points.json",
            "content/main.py",
            "content/sub/data.txt",
        ]
    );

    let mut text = |name: &str| {
        let mut text = String::new();
        zip.by_name(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    };
    let descriptor: Value = serde_json::from_str(&text("content/package-descriptor.json")).unwrap();
    assert_eq!(
        descriptor["files"]["bindings.json"],
        "content/bindings_v2.json"
    );
    assert_eq!(descriptor["files"]["main"], "main");
    let relationships = text("_rels/.rels");
    assert!(
        relationships.contains(&format!("Target=\"{}\"", &properties[1..])),
        "{relationships}"
    );
    assert!(
        relationships.contains("Target=\"/hello-world.nuspec\""),
        "{relationships}"
    );
    assert!(text(&properties).contains("<dc:creator>Jane &amp; Joe</dc:creator>"));
}

#[test]
fn equal_input_gives_equal_bytes() {
    assert_eq!(pack(&spec()).unwrap(), pack(&spec()).unwrap());
    let mut other = spec();
    other.files[0].1.push(b'#');
    assert_ne!(stamp(&spec()), stamp(&other));
    let mut moved = spec();
    moved.files[0].0 = "main.pyd".into();
    moved.files[0].1.remove(0);
    assert_ne!(stamp(&spec()), stamp(&moved));
}

#[test]
fn what_cannot_be_packed() {
    let with_file = |name: &str| {
        let mut spec = spec();
        spec.files.push((name.to_owned(), Vec::new()));
        pack(&spec)
    };
    for name in ["../main.py", "/etc/passwd", "", "C:/x", "sub/"] {
        assert!(
            matches!(with_file(name), Err(Error::UnsafeName(_))),
            "{name}"
        );
    }
    for name in [
        "main.py",
        "MAIN.py",
        "operate.json",
        "./sub/data.txt",
        "sub",
        "main.py/x",
    ] {
        assert!(
            matches!(with_file(name), Err(Error::Duplicate(_))),
            "{name}"
        );
    }
    let bad = |id: &str, version: &str| {
        pack(&PackSpec {
            id: id.into(),
            version: version.into(),
            ..spec()
        })
    };
    assert!(matches!(bad("a b", "1.0.0"), Err(Error::BadNuspec(_))));
    assert!(matches!(bad("a", "one"), Err(Error::BadNuspec(_))));
}
