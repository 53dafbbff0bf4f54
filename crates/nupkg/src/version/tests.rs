use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

/// Each line is greater than the one before; within a line all are equal.
const ORDER: &[&[&str]] = &[
    &["0", "0.0.0.0"],
    &["0.1.0.dev3", "0.1.0-dev3"],
    &["0.1", "0.1.0", "00.01"],
    &["1.0.0-0", "1-00"],
    &["1.0.0-2", "1.0-02"],
    &["1.0.0-10"],
    &["1.0.0-99999999999999999999999999"],
    &["1.0.0--"],
    &["1.0.0-1a"],
    &["1.0.0-alpha", "1.0.0-ALPHA", "1.0.0-alpha+meta"],
    &["1.0.0-alpha.1"],
    &["1.0.0-alpha.1.0"],
    &["1.0.0-alpha.2"],
    &["1.0.0-alpha.10"],
    &["1.0.0-alpha.a"],
    &["1.0.0-alpha-1"],
    &["1.0.0-beta"],
    &["1.0.0-rc1", "1.0.0rc1", "1.0rc1", "1.0.0.RC1"],
    &["1.0.0-rc10"],
    &["1.0.0-rc2"],
    &["1", "1.0", "1.0.0", "1.0.0.0", "1.0.0+build.5"],
    &["1.0.0.1-pre"],
    &["1.0.0.1"],
    &["1.0.9"],
    &["1.0.10"],
    &["1.9.0"],
    &["1.10.0"],
    &["2.0.0"],
    &["10.0.0"],
    &["2024.12.31.20241231235959"],
];

#[test]
fn order_identity_and_sort_key_agree() {
    let all: Vec<(usize, &str)> = ORDER
        .iter()
        .enumerate()
        .flat_map(|(rank, line)| line.iter().map(move |&text| (rank, text)))
        .collect();
    for &(left_rank, left) in &all {
        for &(right_rank, right) in &all {
            let (a, b) = (version(left), version(right));
            let expected = left_rank.cmp(&right_rank);
            assert_eq!(a.cmp(&b), expected, "{left} {right}");
            assert_eq!(
                a.sort_key().cmp(&b.sort_key()),
                expected,
                "{left} {right} as texts"
            );
            let same = a.normalized() == b.normalized();
            assert_eq!(same, expected.is_eq(), "{left} {right} normalized");
        }
    }
}

#[test]
fn equal_versions_have_equal_hashes() {
    for line in ORDER {
        let distinct: HashSet<Version> = line.iter().map(|text| version(text)).collect();
        assert_eq!(distinct.len(), 1, "{line:?}");
    }
}

#[test]
fn display_is_as_given_and_normalized_is_not() {
    for (given, normalized) in [
        ("1", "1.0.0"),
        ("1.0", "1.0.0"),
        ("1.02.3.0", "1.2.3"),
        ("1.2.3.4", "1.2.3.4"),
        ("1.0.0-Beta.01+Build.7", "1.0.0-beta.1"),
        ("1.0.0rc1", "1.0.0-rc1"),
        ("0.1.0.dev3", "0.1.0-dev3"),
        ("1.0.0.post1+local.2", "1.0.0-post1"),
    ] {
        assert_eq!(version(given).to_string(), given);
        assert_eq!(version(given).normalized(), normalized, "{given}");
        assert_eq!(version(normalized), version(given));
    }
}

#[test]
fn prereleases() {
    assert!(version("1.0.0-a").is_prerelease());
    assert!(version("1.0.0a1").is_prerelease());
    assert!(!version("1.0.0+a").is_prerelease());
}

#[test]
fn what_is_no_version() {
    let long = format!("1.0.0-{}", "a".repeat(94));
    for text in [
        "",
        " ",
        "a",
        "v1.0",
        "-1",
        ".1",
        "1.",
        "1..2",
        "1.0.0.0.0",
        "1.0.0.0.0-a",
        "1.0.0-",
        "1.0.0-a.",
        "1.0.0-a..b",
        "1.0.0-a_b",
        "1.0.0+",
        "1.0.0+a+b",
        "1.0.0 ",
        " 1.0",
        "1,0",
        "1!2.0",
        "1.0.0-ä",
        "١.0",
        "18446744073709551616",
        "1.0/../../x",
        &long,
    ] {
        assert_eq!(
            Version::parse(text).unwrap_err(),
            BadVersion(text.to_owned())
        );
    }
    let error = Version::parse("a\nb").unwrap_err();
    assert_eq!(error.to_string(), r#""a\nb" is not a version"#);
}

proptest! {
    #[test]
    fn sort_keys_sort_as_versions(
        a in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}(-[0-9a-cA-C-]{1,3}(\\.[0-9a-cA-C-]{1,3}){0,2})?",
        b in "[0-9]{1,3}(\\.[0-9]{1,3}){0,3}(-[0-9a-cA-C-]{1,3}(\\.[0-9a-cA-C-]{1,3}){0,2})?",
    ) {
        let (x, y) = (version(&a), version(&b));
        prop_assert_eq!(x.cmp(&y), x.sort_key().cmp(&y.sort_key()));
        prop_assert_eq!(x == y, x.normalized() == y.normalized());
        prop_assert_eq!(version(&x.normalized()), x);
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,20}") {
        if let Ok(version) = Version::parse(&text) {
            prop_assert_eq!(version.to_string(), text);
        }
    }
}
