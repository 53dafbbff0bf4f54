//! The order of the features, and who writes which table, held against the sources: a feature knows those
//! above it in `orchestrator::FEATURES`, and writes no table but its own. What they all stand on knows none.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use orchestrator::{FEATURES, LOG_MIGRATIONS, MIGRATIONS};

/// Tables of the seam itself.
const CORE: &[(&str, &str)] = &[("idempotency_keys", "idempotency.rs")];

/// What is made of features: the table of contents, and what tokens and whoever has the data folder ask of
/// several of them.
const OF_FEATURES: &[&str] = &["lib.rs", "operator.rs", "tokens.rs"];

/// The feature that the seam knows: whether the audit log tells of an operation is declared with it.
const KNOWN: &str = "audit";

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../orchestrator/src")
}

/// The files below a path, with their texts up to their tests and without comments.
fn files(path: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
            continue;
        }
        // Tests make what they need.
        if path.ends_with("tests.rs") || path.ends_with("testing.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("\n#[cfg(test)]").next().unwrap_or_default();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        found.push((path, code.collect::<Vec<_>>().join("\n")));
    }
    found
}

/// The words that follow a mark in a text.
fn words<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let after = text.split(mark).skip(1);
    let words = after.map(|rest| rest.trim_start_matches([' ', '\n', '"', '(']));
    words
        .map(|rest| rest.split(ends).next().unwrap_or_default())
        .collect()
}

/// The features that a text names: `crate::jobs`, or `crate::{jobs, users::User}`.
fn named(text: &str) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = words(text, "crate::")
        .into_iter()
        .map(str::to_owned)
        .collect();
    for group in text.split("crate::{").skip(1) {
        let group = group.split(';').next().unwrap_or_default();
        let mut depth = 0;
        let mut item = String::new();
        for c in group.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.insert(
                        item.split("::")
                            .next()
                            .unwrap_or_default()
                            .trim()
                            .to_owned(),
                    );
                    item.clear();
                }
                c if depth == 0 => item.push(c),
                _ => {}
            }
        }
        names.insert(
            item.split("::")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned(),
        );
    }
    names
}

#[test]
fn features_know_those_above_them() {
    let order: BTreeMap<&str, usize> = FEATURES
        .iter()
        .enumerate()
        .map(|(at, feature)| (feature.name, at))
        .collect();
    let mut below = Vec::new();
    for feature in FEATURES {
        for (path, text) in files(&sources().join(feature.name)) {
            // Declarations may name any entity, because expansions go both ways.
            if path.ends_with("entities.rs") {
                continue;
            }
            for name in named(&text) {
                if let Some(at) = order.get(name.as_str())
                    && *at > order[feature.name]
                {
                    below.push(format!("{} calls {name}", path.display()));
                }
            }
        }
    }
    assert!(below.is_empty(), "these call below: {below:#?}");
}

#[test]
fn the_seam_names_no_feature() {
    let features: BTreeSet<&str> = FEATURES.iter().map(|feature| feature.name).collect();
    let mut looked = 0;
    for (path, text) in files(&sources()) {
        let inside = path.strip_prefix(sources()).unwrap();
        let first = inside.iter().next().unwrap().to_str().unwrap();
        if features.contains(first) || OF_FEATURES.contains(&first) {
            continue;
        }
        looked += 1;
        for name in named(&text) {
            let known = !features.contains(name.as_str()) || name == KNOWN;
            assert!(known, "{} names {name}", inside.display());
        }
    }
    assert!(looked > 10, "{looked} files of the seam");
}

#[test]
fn every_table_has_one_owner() {
    let mut owners: BTreeMap<&str, &str> = CORE.iter().copied().collect();
    for feature in FEATURES {
        for table in feature.tables {
            let other = owners.insert(table, feature.name);
            assert!(
                other.is_none(),
                "{table} is of {} and {other:?}",
                feature.name
            );
        }
    }
    let migrations = MIGRATIONS.iter().chain(LOG_MIGRATIONS);
    for migration in migrations {
        // Those that a migration makes and renames are no tables in the end.
        for table in words(migration.sql, "CREATE TABLE ") {
            let passing = table.starts_with("new_");
            assert!(passing || owners.contains_key(table), "nobody owns {table}");
        }
    }
    for (path, text) in files(&sources()) {
        let inside = path.strip_prefix(sources()).unwrap().to_owned();
        let folder = inside.iter().next().unwrap().to_str().unwrap();
        for mark in [
            "INSERT INTO ",
            "UPDATE ",
            "DELETE FROM ",
            "insert_into(",
            "put_into(",
        ] {
            for table in words(&text, mark) {
                if let Some(owner) = owners.get(table) {
                    assert_eq!(*owner, folder, "{} writes {table}", inside.display());
                }
            }
        }
    }
}
