use std::collections::HashSet;
use std::io::{Read, Seek};
use std::thread;

use tempfile::TempDir;

use super::*;

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("blobs")).unwrap();
    (dir, store)
}

fn content(store: &Store, key: &str) -> Vec<u8> {
    let (mut file, size) = store.open_blob(key).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    assert_eq!(size, bytes.len() as u64);
    bytes
}

fn leftovers(store: &Store) -> usize {
    fs::read_dir(&store.incoming).unwrap().count()
}

#[test]
fn a_file_is_written_checked_and_kept() {
    let (_dir, store) = store();
    let mut file = store.incoming().unwrap();
    file.write_all(b"hello ").unwrap();
    file.write_all(b"world").unwrap();
    assert_eq!(file.written(), 11);

    let mut text = String::new();
    file.reader().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello world");

    assert_eq!(store.keep(file, "packages/ab/one").unwrap(), 11);
    assert_eq!(content(&store, "packages/ab/one"), b"hello world");
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn a_reader_does_not_move_the_writer() {
    let (_dir, store) = store();
    let mut file = store.incoming().unwrap();
    file.write_all(b"first").unwrap();
    let mut reader = file.reader().unwrap();
    reader.rewind().unwrap();
    io::copy(&mut reader, &mut io::sink()).unwrap();
    file.write_all(b" second").unwrap();
    store.keep(file, "a").unwrap();
    assert_eq!(content(&store, "a"), b"first second");
}

#[test]
fn what_is_not_kept_is_gone() {
    let (_dir, store) = store();
    let mut file = store.incoming().unwrap();
    file.write_all(b"half").unwrap();
    assert_eq!(leftovers(&store), 1);
    drop(file);
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn a_crash_leaves_nothing_behind() {
    let (dir, store) = store();
    fs::write(store.incoming.join("half"), b"half").unwrap();
    fs::create_dir(store.incoming.join("folder")).unwrap();
    fs::write(store.incoming.join("folder/x"), b"x").unwrap();
    store.put("kept", b"kept").unwrap();

    let again = Store::open(&dir.path().join("blobs")).unwrap();
    assert_eq!(leftovers(&again), 0);
    assert_eq!(content(&again, "kept"), b"kept");
}

#[test]
fn a_key_is_used_once() {
    let (_dir, store) = store();
    store.put("a/b", b"first").unwrap();
    assert!(matches!(store.put("a/b", b"second"), Err(Error::Exists(k)) if k == "a/b"));
    assert_eq!(content(&store, "a/b"), b"first");
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn of_many_writers_one_wins() {
    let (_dir, store) = store();
    let wins: Vec<u8> = thread::scope(|scope| {
        let writers: Vec<_> = (0..8u8)
            .map(|n| {
                let store = store.clone();
                scope.spawn(move || store.put("new/folder/key", &[n]).is_ok().then_some(n))
            })
            .collect();
        writers
            .into_iter()
            .filter_map(|w| w.join().unwrap())
            .collect()
    });
    assert_eq!(wins.len(), 1);
    assert_eq!(content(&store, "new/folder/key"), wins);
}

#[test]
fn absent_blobs() {
    let (_dir, store) = store();
    store.put("a/b", b"x").unwrap();
    for key in ["c", "a", "a/c", "a/b/c", "x/y/z"] {
        assert!(
            matches!(store.open_blob(key), Err(Error::NotFound(k)) if k == key),
            "{key}"
        );
    }
}

#[test]
fn deleting_twice_is_fine() {
    let (_dir, store) = store();
    store.put("a/b", b"x").unwrap();
    let (mut open, _) = store.open_blob("a/b").unwrap();
    store.delete("a/b").unwrap();
    store.delete("a/b").unwrap();
    store.delete("never/was").unwrap();
    assert!(matches!(store.open_blob("a/b"), Err(Error::NotFound(_))));

    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
}

#[test]
fn bad_keys_reach_no_file() {
    let (dir, store) = store();
    fs::write(dir.path().join("outside"), b"x").unwrap();
    for key in [
        "../outside",
        "a/../../outside",
        "/etc/hostname",
        "",
        "a\0",
        "incoming/x",
    ] {
        assert!(
            matches!(store.open_blob(key), Err(Error::BadKey(_))),
            "{key:?}"
        );
        assert!(
            matches!(store.delete(key), Err(Error::BadKey(_))),
            "{key:?}"
        );
        assert!(
            matches!(store.put(key, b"y"), Err(Error::BadKey(_))),
            "{key:?}"
        );
    }
    assert_eq!(fs::read(dir.path().join("outside")).unwrap(), b"x");
    assert_eq!(leftovers(&store), 0);
}

#[test]
fn a_key_below_a_blob_is_an_io_error_that_names_the_folder() {
    let (_dir, store) = store();
    store.put("a", b"x").unwrap();
    let error = store.put("a/b", b"y").unwrap_err();
    assert!(
        matches!(
            error,
            Error::Io {
                action: "create the folder",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(content(&store, "a"), b"x");
}

#[test]
fn a_store_needs_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, b"").unwrap();
    let error = Store::open(&path).unwrap_err().to_string();
    assert!(error.starts_with("Cannot create the folder"), "{error}");
    assert!(error.contains(path.to_str().unwrap()), "{error}");
}

#[cfg(unix)]
#[test]
fn only_the_owner_has_access() {
    use std::os::unix::fs::PermissionsExt;

    let (_dir, store) = store();
    store.put("a/b", b"x").unwrap();
    let file = store.incoming().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folders: HashSet<u32> = [&*store.root, &store.incoming, &store.root.join("a")]
        .into_iter()
        .map(mode)
        .collect();
    assert_eq!(folders, HashSet::from([0o700]));
    assert_eq!(mode(&store.root.join("a/b")), 0o600);
    assert_eq!(mode(file.file.path()), 0o600);
}
