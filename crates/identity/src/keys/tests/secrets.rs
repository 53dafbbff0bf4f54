//! Secrets at rest and message authentication.

use super::*;

#[test]
fn secrets_come_back_in_their_place_only() {
    let (_dir, keys) = keys();
    for plain in ["", "secret", "Grüße 🦀", &"x".repeat(100_000)] {
        let stored = keys.encrypt("assets:value:1", plain);
        assert!(stored.starts_with("v1:"), "{stored}");
        assert_eq!(keys.decrypt("assets:value:1", &stored).unwrap(), plain);
        for place in ["assets:value:2", "assets:value:1 ", ""] {
            assert!(matches!(
                keys.decrypt(place, &stored),
                Err(Error::Undecryptable)
            ));
        }
    }
    assert_ne!(keys.encrypt("p", "same"), keys.encrypt("p", "same"));
}

#[test]
fn altered_secrets() {
    let ((_a, ours), (_b, theirs)) = (keys(), keys());
    let stored = ours.encrypt("p", "secret");
    let bytes = STANDARD
        .decode(stored.strip_prefix("v1:").unwrap())
        .unwrap();
    for position in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[position] ^= 1;
        let altered = format!("v1:{}", STANDARD.encode(bytes));
        assert!(
            matches!(ours.decrypt("p", &altered), Err(Error::Undecryptable)),
            "{position}"
        );
    }
    for text in [
        "",
        "v1:",
        "v1:AAAA",
        "v1:!",
        "v2:AAAA",
        "secret",
        &stored[3..],
        &stored[..20],
    ] {
        assert!(
            matches!(ours.decrypt("p", text), Err(Error::Undecryptable)),
            "{text}"
        );
    }
    assert!(matches!(
        theirs.decrypt("p", &stored),
        Err(Error::Undecryptable)
    ));
}

#[test]
fn message_authentication() {
    let ((_a, ours), (_b, theirs)) = (keys(), keys());
    let mac = ours.mac("blob", "path?until=5");
    assert!(ours.mac_ok("blob", "path?until=5", &mac));
    assert!(!ours.mac_ok("blob", "path?until=6", &mac));
    assert!(!ours.mac_ok("bloc", "path?until=5", &mac));
    assert!(!ours.mac_ok("blobp", "ath?until=5", &mac));
    assert!(!theirs.mac_ok("blob", "path?until=5", &mac));
    assert!(!ours.mac_ok("blob", "path?until=5", ""));
}
