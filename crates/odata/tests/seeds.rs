//! The seeds of the fuzz targets, and the inputs that once failed: nothing panics.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, helpers too")]

#[path = "../fuzz/checks.rs"]
mod checks;

/// Checks all seeds of a target, and each of them cut off everywhere.
fn over(target: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/seeds/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        (0..=seed.len()).for_each(|end| check(&seed[..end]));
        seeds += 1;
    }
    assert!(seeds > 0);
}

#[test]
fn paths() {
    over("path", checks::path);
}

#[test]
fn queries() {
    over("query", checks::query);
}

#[test]
fn batches() {
    over("batch", checks::batch);
}
