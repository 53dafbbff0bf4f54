//! Who may know whom: the rule that keeps the house in few rooms, checked against the manifests.
//!
//! `db` knows no entity, `odata` no feature, `orchestrator` no HTTP; only `db` knows an engine by
//! name, only `web` the HTTP server. Dependencies of tests are free.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What each crate may use of ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("baton-db", &[]),
    ("baton-identity", &[]),
    ("baton-nupkg", &[]),
    ("baton-blob", &[]),
    ("baton-robot", &[]),
    ("baton-odata-macros", &[]),
    ("baton-odata", &["baton-db", "baton-odata-macros"]),
    (
        "baton-orchestrator",
        &["baton-db", "baton-odata", "baton-identity", "baton-nupkg"],
    ),
    (
        "baton-web",
        &[
            "baton-db",
            "baton-odata",
            "baton-identity",
            "baton-nupkg",
            "baton-blob",
            "baton-orchestrator",
        ],
    ),
    (
        "baton",
        &[
            "baton-db",
            "baton-identity",
            "baton-nupkg",
            "baton-blob",
            "baton-orchestrator",
            "baton-web",
            "baton-robot",
        ],
    ),
    ("baton-testkit", &["baton-nupkg"]),
    (
        "baton-bench",
        &[
            "baton-db",
            "baton-odata",
            "baton-orchestrator",
            "baton-testkit",
        ],
    ),
];

/// Libraries that only these crates may name. The kit of the tests makes databases. Keys are made by the
/// chance of the server and secrets by `identity`: nobody else asks for random numbers.
const RESERVED: &[(&str, &[&str])] = &[
    ("rusqlite", &["baton-db"]),
    ("postgres", &["baton-db", "baton-testkit"]),
    ("tokio-postgres", &["baton-db"]),
    ("axum", &["baton-web"]),
    (
        "uuid",
        &["baton-odata", "baton-robot", "baton-testkit", "baton-bench"],
    ),
    ("rand", &[]),
    ("fastrand", &[]),
    ("getrandom", &[]),
];

/// The crates of the workspace.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// The crates of the workspace with what they use outside of their tests.
fn workspace() -> BTreeMap<String, BTreeSet<String>> {
    packages()
        .iter()
        .map(|package| (text(&package["name"]), used(package)))
        .collect()
}

fn used(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().unwrap().iter();
    all.filter(|dependency| dependency["kind"] != "dev")
        .map(|dependency| text(&dependency["name"]))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn crates_use_only_those_below_them() {
    let workspace = workspace();
    for (name, used) in &workspace {
        let rule = ALLOWED.iter().find(|(of, _)| of == name);
        let (_, allowed) = rule.unwrap_or_else(|| panic!("say here what {name} may use"));
        for ours in used.iter().filter(|used| workspace.contains_key(*used)) {
            assert!(
                allowed.contains(&ours.as_str()),
                "{name} must not use {ours}"
            );
        }
    }
    for (name, _) in ALLOWED {
        assert!(
            workspace.contains_key(*name),
            "{name} has a rule but does not exist"
        );
    }
}

/// Features that only builds for tests have.
const OF_TESTS: &[&str] = &["movable-clock", "testing"];

/// Whoever could move the clock of a server in use could have it take any token for a valid one; whoever
/// could seed its chance would know the keys that it makes.
#[test]
fn only_tests_can_move_the_clock_and_repeat_chance() {
    let of_tests = |asked: &[Value]| {
        let names = asked.iter().filter_map(Value::as_str);
        names.into_iter().any(|name| OF_TESTS.contains(&name))
    };
    for package in packages() {
        let name = text(&package["name"]);
        for dependency in package["dependencies"].as_array().unwrap() {
            let asked = dependency["features"].as_array().unwrap();
            assert!(
                dependency["kind"] == "dev" || !of_tests(asked),
                "{name} asks for it outside of its tests"
            );
        }
        let default = package["features"]["default"].as_array();
        let on = default.is_some_and(|on| of_tests(on));
        assert!(!on, "{name} has it by default");
    }
}

#[test]
fn engines_and_the_http_server_are_known_in_one_place() {
    for (name, used) in workspace() {
        for (library, owners) in RESERVED {
            let reserved = used.contains(*library) && !owners.contains(&name.as_str());
            assert!(!reserved, "{name} must not name {library}");
        }
    }
}

/// The rows of statements of several columns are read by name: a list of columns that a number
/// counts off is wrong as soon as somebody adds one.
#[test]
fn no_column_is_counted_off() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders = vec![root.join("orchestrator/src"), root.join("web/src")];
    let mut counted = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (line, text) in text.lines().enumerate() {
                if counts_off(text) {
                    counted.push(format!("{}:{}: {}", path.display(), line + 1, text.trim()));
                }
            }
        }
    }
    assert!(counted.is_empty(), "{counted:#?}");
}

/// Whether a line reads a column by a number other than 0.
fn counts_off(line: &str) -> bool {
    line.match_indices(".get").any(|(at, _)| {
        let rest = &line[at + 4..];
        let rest = match rest.strip_prefix("::<") {
            Some(typed) => typed.split_once(">(").map_or("", |(_, number)| number),
            None => rest.strip_prefix('(').unwrap_or(""),
        };
        rest.starts_with(|c: char| c.is_ascii_digit() && c != '0')
    })
}

#[test]
fn counting_off_is_noticed() {
    assert!(counts_off("id: row.get(12)?,"));
    assert!(counts_off("row.get::<Option<i64>>(3)?"));
    assert!(!counts_off("row.get(0)?"));
    assert!(!counts_off("row.get::<i64>(\"id\")?"));
}
