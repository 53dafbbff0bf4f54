use std::io::Cursor;

use super::*;
use crate::testzip::{Entry, zip};

fn open(bytes: Vec<u8>, limits: &Limits) -> Result<Archive<Cursor<Vec<u8>>>> {
    Archive::open(Cursor::new(bytes), limits)
}

fn refusal(entries: &[Entry]) -> Error {
    match open(zip(entries), &Limits::default()) {
        Ok(_) => panic!("the archive was accepted"),
        Err(error) => error,
    }
}

#[test]
fn an_honest_archive() {
    let long = "abc".repeat(100_000);
    let entries = [
        Entry::stored("Stored.txt", b"stored"),
        Entry::deflated("content/long.txt", long.as_bytes()),
        Entry {
            mode: 0o040_755,
            ..Entry::stored("content/", b"")
        },
        Entry::stored("empty", b""),
        Entry::deflated("bom.json", "\u{feff}{}".as_bytes()),
    ];
    let mut archive = open(zip(&entries), &Limits::default()).unwrap();
    assert_eq!(archive.files(), 4);
    assert_eq!(archive.uncompressed(), 6 + 300_000 + 5);
    assert_eq!(
        archive.names().collect::<Vec<_>>(),
        ["bom.json", "content/long.txt", "empty", "stored.txt"]
    );
    assert_eq!(archive.text("stored.TXT").unwrap().unwrap(), "stored");
    assert_eq!(archive.text("content/long.txt").unwrap().unwrap(), long);
    assert_eq!(archive.text("empty").unwrap().unwrap(), "");
    assert_eq!(archive.text("bom.json").unwrap().unwrap(), "{}");
    assert_eq!(archive.text("other").unwrap(), None);
    assert_eq!(archive.text("content").unwrap(), None);
}

#[test]
fn sizes_that_lie() {
    let content = [7; 1000];
    for size in [0, 1, 999, 1001, 100_000] {
        for honest in [Entry::stored("a", &content), Entry::deflated("a", &content)] {
            let method = honest.method;
            let error = refusal(&[Entry { size, ..honest }]);
            assert_eq!(
                error,
                Error::LyingSize("a".to_owned()),
                "{size} with method {method}"
            );
        }
    }
}

#[test]
fn a_bomb_is_not_inflated_beyond_what_it_declares() {
    let zeros = vec![0; 100 << 20];
    let bomb = Entry {
        size: 10,
        ..Entry::deflated("bomb", &zeros)
    };
    assert_eq!(refusal(&[bomb]), Error::LyingSize("bomb".to_owned()));
}

#[test]
fn limits_are_compared_before_inflating() {
    let limits = Limits {
        entries: 2,
        uncompressed: 1000,
        metadata: 10,
        ratio: 200,
    };
    let too_large = |what: &str, limit| Error::TooLarge {
        what: what.to_owned(),
        limit,
    };

    let three = ["a", "b", "c"].map(|name| Entry::stored(name, b""));
    let error = open(zip(&three), &limits).err();
    assert_eq!(error, Some(too_large("the number of files", 2)));

    // Not even a deflate stream, but that is not looked at.
    let huge = Entry {
        method: 8,
        size: u32::MAX,
        ..Entry::stored("a", b"nonsense")
    };
    let error = open(zip(&[huge]), &limits).err();
    assert_eq!(error, Some(too_large("the inflated size in bytes", 1000)));

    let mut archive = open(zip(&[Entry::stored("a", b"0123456789x")]), &limits).unwrap();
    let error = archive.text("a").err();
    assert_eq!(error, Some(too_large("the size of a in bytes", 10)));
}

#[test]
fn what_compresses_too_well_is_a_bomb() {
    let zeros = vec![0; (RATIO_FROM + 1) as usize];
    let bytes = zip(&[Entry::deflated("zeros", &zeros)]);
    let refused = open(bytes.clone(), &Limits::default()).err();
    let what = "the inflated size per compressed byte".to_owned();
    assert_eq!(refused, Some(Error::TooLarge { what, limit: 200 }));
    assert!(
        open(
            bytes,
            &Limits {
                ratio: 2000,
                ..Limits::default()
            }
        )
        .is_ok()
    );
}

#[test]
fn a_directory_out_of_proportion_is_not_read() {
    let names: Vec<String> = (0..30)
        .map(|n| format!("{n}{}", "x".repeat(60_000)))
        .collect();
    let entries: Vec<Entry> = names.iter().map(|name| Entry::stored(name, b"")).collect();
    let limits = Limits {
        entries: 30,
        ..Limits::default()
    };
    let what = "the number of files".to_owned();
    let error = open(zip(&entries), &limits).err();
    assert_eq!(error, Some(Error::TooLarge { what, limit: 30 }));
}

#[test]
fn damaged_content() {
    let damaged = |error| match error {
        Error::Damaged { name, reason } if name == "a" => reason,
        other => panic!("{other}"),
    };
    let content = b"some content that is long enough to be compressed, compressed, compressed";
    let wrong_sum = Entry {
        crc: 1,
        ..Entry::deflated("a", content)
    };
    assert_eq!(damaged(refusal(&[wrong_sum])), "its checksum is wrong");

    let mut flipped = Entry::stored("a", content);
    flipped.data[5] ^= 1;
    assert_eq!(damaged(refusal(&[flipped])), "its checksum is wrong");

    let mut broken = Entry::deflated("a", content);
    broken.data[0] = 0xff; // a block type that does not exist
    damaged(refusal(&[broken]));

    let unknown = Entry {
        method: 93,
        ..Entry::stored("a", content)
    };
    damaged(refusal(&[unknown]));
}

#[test]
fn entries_that_are_no_plain_files() {
    let encrypted = Entry {
        flags: 0x801,
        ..Entry::stored("secret", b"x")
    };
    assert_eq!(refusal(&[encrypted]), Error::Encrypted("secret".to_owned()));
    let link = Entry {
        mode: 0o120_777,
        ..Entry::stored("link", b"/etc/passwd")
    };
    assert_eq!(refusal(&[link]), Error::Link("link".to_owned()));
}

#[test]
fn names_are_checked() {
    let named = |name: &str| Entry::stored(name, b"");
    for name in ["../a", "/a", r"a\..\..\b", "C:/a", "a\0"] {
        assert_eq!(refusal(&[named(name)]), Error::UnsafeName(name.to_owned()));
    }
    let twice = |name: &str| Error::Duplicate(name.to_owned());
    assert_eq!(
        refusal(&[named("content/a"), named("Content/A")]),
        twice("Content/A")
    );
    assert_eq!(refusal(&[named("a"), named(r".\a")]), twice("a"));
    assert!(matches!(
        refusal(&[named("a"), named("a")]),
        Error::NotZip(_)
    ));
}

#[test]
fn what_is_no_zip() {
    let whole = zip(&[Entry::deflated("a", &[1; 1000])]);
    for bytes in [
        Vec::new(),
        b"MZ".to_vec(),
        vec![0; 100_000],
        whole[..whole.len() - 30].to_vec(),
    ] {
        assert!(matches!(
            open(bytes, &Limits::default()),
            Err(Error::NotZip(_))
        ));
    }
    // A directory that points beyond the content.
    let mut cut = whole;
    cut.drain(10..20);
    assert!(open(cut, &Limits::default()).is_err());
}

/// Whatever bytes are damaged, the answer is an error or the content, not a panic.
#[test]
fn every_single_damaged_byte() {
    let entries = [
        Entry::deflated("a", b"hello hello hello"),
        Entry::stored("b/c", b"world"),
    ];
    let whole = zip(&entries);
    for position in 0..whole.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[position] ^= flip;
            if let Ok(mut archive) = open(bytes, &Limits::default()) {
                let _ = archive.text("a");
            }
        }
    }
}
