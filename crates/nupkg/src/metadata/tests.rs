use serde_json::json;

use crate::error::Error;
use crate::inspect::EntryPoint;
use crate::testzip::package;

const DESCRIPTOR: &str = "content/package-descriptor.json";

fn refusal(files: &[(&str, &str)]) -> (String, String) {
    match package(files) {
        Err(Error::BadMetadata { file, reason }) => (file, reason),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plain_nuget_package() {
    let read = package(&[("lib/net45/a.dll", "MZ"), ("content/readme.txt", "hi")]).unwrap();
    assert!(read.entry_points.is_empty());
    assert_eq!(
        (read.main, read.target_framework, read.content_type),
        (None, None, None)
    );
    assert!(!read.requires_user_interaction);
}

#[test]
fn the_descriptor_says_where_files_are() {
    let descriptor = json!({"files": {
        "operate.json": "./else/where.json", "entry-points.json": r"else\points.json",
    }});
    let points = json!({"entryPoints": [{"filePath": "main", "input": {"b": 1, "a": 2}}]});
    let read = package(&[
        (DESCRIPTOR, &descriptor.to_string()),
        (
            "else/where.json",
            r#"{"main":"main","targetRuntime":"python"}"#,
        ),
        ("else/points.json", &points.to_string()),
        ("content/operate.json", r#"{"main":"wrong"}"#),
        ("content/project.json", r#"{"main":"wrong.xaml"}"#),
    ])
    .unwrap();
    assert_eq!(read.main.as_deref(), Some("main"));
    assert_eq!(read.target_runtime.as_deref(), Some("python"));
    assert_eq!(
        read.entry_points[0].input.as_deref(),
        Some(r#"{"b":1,"a":2}"#),
        "order is kept"
    );
}

#[test]
fn the_usual_places_need_no_descriptor() {
    let read = package(&[
        ("content/operate.json", r#"{"runtimeOptions":{"requiresUserInteraction":true,"isAttended":true,"isConversational":true}}"#),
        ("content/entry-points.json", r#"{"entryPoints":[{"filePath":"one"},{"filePath":"two"}]}"#),
    ])
    .unwrap();
    assert_eq!(
        read.main.as_deref(),
        Some("one"),
        "the first one, as nothing else is said"
    );
    assert!(read.requires_user_interaction && read.is_attended && read.is_conversational);
    assert_eq!(read.entry_points.len(), 2);
    assert_eq!(
        read.entry_points[1],
        EntryPoint {
            path: "two".into(),
            ..EntryPoint::default()
        }
    );
}

#[test]
fn null_is_as_good_as_nothing() {
    let read = package(&[
        (DESCRIPTOR, r#"{"files":null}"#),
        (
            "content/operate.json",
            r#"{"main":null,"runtimeOptions":null}"#,
        ),
        ("content/entry-points.json", r#"{"entryPoints":null}"#),
    ])
    .unwrap();
    assert_eq!(read.main, None);
    let read = package(&[(
        "content/project.json",
        r#"{"main":"M.xaml","entryPoints":null,"arguments":null,"designOptions":null,"runtimeOptions":{"isAttended":null}}"#,
    )])
    .unwrap();
    assert_eq!(read.entry_points[0].path, "M.xaml");
}

#[test]
fn a_studio_project() {
    let project = json!({
        "name": "Invoices", "main": "Main.xaml", "targetFramework": "Windows",
        "entryPoints": [
            {"filePath": "Main.xaml", "uniqueId": "u1",
             "input": [{"name": "in_Path", "type": "System.String", "required": true, "hasDefault": false}],
             "output": []},
            {"filePath": "Other.xaml", "uniqueId": "u2", "input": [], "output": []},
        ],
        "designOptions": {"outputType": "Process"},
        "runtimeOptions": {"requiresUserInteraction": false, "isAttended": true},
    });
    let read = package(&[("lib/net6.0-windows7.0/project.json", &project.to_string())]).unwrap();
    assert_eq!(read.main.as_deref(), Some("Main.xaml"));
    assert_eq!(read.target_framework.as_deref(), Some("Windows"));
    assert_eq!(read.project_type.as_deref(), Some("Process"));
    assert!(!read.requires_user_interaction && read.is_attended);
    let [first, second] = read.entry_points.as_slice() else {
        panic!()
    };
    assert_eq!(first.unique_id.as_deref(), Some("u1"));
    assert_eq!(
        first.input.as_deref(),
        Some(r#"[{"name":"in_Path","type":"System.String","required":true,"hasDefault":false}]"#)
    );
    assert_eq!(second.output.as_deref(), Some("[]"));
}

#[test]
fn an_old_studio_project() {
    let project = "\u{feff}{\"main\":\"Main.xaml\",\"arguments\":{\"input\":[{\"name\":\"a\"}],\"output\":[]}}";
    let read = package(&[("lib/net45/project.json", project)]).unwrap();
    assert_eq!(read.target_framework.as_deref(), Some("Legacy"));
    assert!(read.requires_user_interaction);
    assert_eq!(read.entry_points[0].path, "Main.xaml");
    assert_eq!(
        read.entry_points[0].input.as_deref(),
        Some(r#"[{"name":"a"}]"#)
    );
}

#[test]
fn which_project_file() {
    let (one, two) = (r#"{"main":"one"}"#, r#"{"main":"two"}"#);
    let main = |files: &[(&str, &str)]| package(files).unwrap().main;
    assert_eq!(
        main(&[
            ("lib/net45/project.json", one),
            ("content/project.json", two)
        ])
        .unwrap(),
        "two"
    );
    assert_eq!(
        main(&[
            ("lib/net6.0/project.json", two),
            ("lib/net45/Project.json", one)
        ])
        .unwrap(),
        "one"
    );
    assert_eq!(
        main(&[("project.json", one), ("content/x/project.json", two)]),
        None
    );
}

#[test]
fn broken_descriptions() {
    for (file, text) in [
        (DESCRIPTOR, "{"),
        (DESCRIPTOR, r#"{"files":[]}"#),
        (DESCRIPTOR, r#"{"files":{"operate.json":1}}"#),
        ("content/operate.json", "not json"),
        ("content/operate.json", r#"{"main":1}"#),
        ("content/operate.json", "[]x"),
        (
            "content/entry-points.json",
            r#"{"entryPoints":[{"uniqueId":"no path"}]}"#,
        ),
        ("content/entry-points.json", r#"{"entryPoints":{}}"#),
        ("content/project.json", r#"{"main":"#),
        ("lib/net45/project.json", ""),
    ] {
        assert_eq!(refusal(&[(file, text)]).0, file, "{text}");
    }
    let deep = "[".repeat(100_000);
    assert_eq!(
        refusal(&[("content/operate.json", &deep)]).0,
        "content/operate.json"
    );
}

#[test]
fn a_descriptor_that_points_nowhere() {
    for path in ["content/none.json", "../../etc/passwd", "/etc/passwd", ""] {
        let descriptor = json!({"files": {"operate.json": path}}).to_string();
        let (file, reason) = refusal(&[(DESCRIPTOR, &descriptor)]);
        assert_eq!(file, DESCRIPTOR);
        assert_eq!(reason, format!("it names {path}, which is missing"));
    }
}
