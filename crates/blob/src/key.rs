//! Keys are relative paths with `/`. They are checked so that a key, however it came about,
//! names one file below the store and the same one on every system.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Where the store keeps unfinished files; not available as a key.
pub(crate) const INCOMING: &str = "incoming";

/// Most file systems allow 255 bytes per name.
const MAX_SEGMENT: usize = 255;
/// Leaves room for the data folder below the 4096 bytes of a Linux path.
const MAX_KEY: usize = 1024;

/// The file of a key.
///
/// # Errors
/// [`Error::BadKey`] for empty keys and segments, `.` and `..`, absolute and Windows paths,
/// control characters, overlong names, and the store's own folder.
pub(crate) fn resolve(root: &Path, key: &str) -> Result<PathBuf> {
    let mut segments = key.split('/');
    let own = key
        .split('/')
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case(INCOMING));
    if own || key.len() > MAX_KEY || !segments.all(is_safe) {
        return Err(Error::BadKey(key.to_owned()));
    }
    Ok(root.join(key))
}

/// Windows drops dots and blanks at the end of a name, and `:` there separates drives and
/// streams; forbidding such ends also rules out `.` and `..`.
fn is_safe(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= MAX_SEGMENT
        && !segment.ends_with(['.', ' '])
        && !segment.contains(|c: char| c.is_control() || r#"\<>:"|?*"#.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_keys() {
        let longest = "a".repeat(MAX_SEGMENT);
        for key in [
            "a",
            "packages/ab/3f2c.nupkg",
            "x/.hidden",
            "ein Bericht (2).pdf",
            "a/incoming",
            "日本",
            &longest,
        ] {
            assert_eq!(
                resolve(Path::new("/s"), key).unwrap(),
                Path::new("/s").join(key)
            );
        }
    }

    #[test]
    fn bad_keys() {
        let (segment, key) = ("a".repeat(MAX_SEGMENT + 1), "abcdefg/".repeat(200) + "a");
        let bad = [
            "",
            "/",
            "/etc/passwd",
            "a/",
            "a//b",
            "//a",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/..",
            "a/.",
            "a/.. ",
            "a/...",
            "a\0b",
            "a\nb",
            r"a\..\b",
            r"\a",
            "C:/a",
            "a:b",
            "a?",
            "a*",
            "incoming",
            "incoming/x",
            "Incoming/x",
            &segment,
            &key,
        ];
        for key in bad {
            let refused = resolve(Path::new("/s"), key);
            assert!(
                matches!(refused, Err(Error::BadKey(k)) if k == key),
                "{key:?}"
            );
        }
    }

    #[test]
    fn the_message_shows_control_characters() {
        let error = resolve(Path::new("/s"), "a\0\nb").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""a\0\nb" is not a valid key of a stored file."#
        );
    }
}
