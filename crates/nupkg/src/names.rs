//! Names of entries. Packers disagree about `\` and a leading `./`; both are harmless and
//! normalised away. What could lead out of the folder a package is unpacked into is refused.

use crate::error::{Error, Result};

/// The name with `/` between segments, without empty and `.` segments. A folder keeps its `/`.
///
/// # Errors
/// [`Error::UnsafeName`] for absolute names, drives, `..`, segments Windows would read as `..`
/// or nothing because it drops dots and blanks at the end, and control characters.
pub(crate) fn normalize(given: &str) -> Result<String> {
    let unsafe_name = || Error::UnsafeName(given.to_owned());
    let name = given.replace('\\', "/");
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return Err(unsafe_name());
    }
    if name.contains(char::is_control) {
        return Err(unsafe_name());
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in name.split('/').filter(|s| !s.is_empty() && *s != ".") {
        if segment.trim_end_matches(['.', ' ']).is_empty() {
            return Err(unsafe_name());
        }
        kept.push(segment);
    }
    let mut normal = kept.join("/");
    if normal.is_empty() && !name.ends_with('/') {
        return Err(unsafe_name());
    }
    if name.ends_with('/') {
        normal.push('/');
    }
    Ok(normal)
}

/// Where each file is, found regardless of case, as on the systems packages are made for.
#[derive(Debug)]
pub(crate) struct Index {
    /// Lower-case names and positions, in the order of [`place`].
    files: Vec<(String, usize)>,
}

impl Index {
    /// Takes up normalised names; a position is the one in `names`.
    ///
    /// # Errors
    /// [`Error::Duplicate`] if two files have the same name, or one has the name of a folder.
    pub fn new(names: &[String]) -> Result<Self> {
        let mut files: Vec<(String, usize)> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.to_lowercase(), at))
            .collect();
        files.sort_by(|(a, at_a), (b, at_b)| place(a).cmp(place(b)).then(at_a.cmp(at_b)));
        for pair in files.windows(2) {
            let [(first, at_first), (second, at_second)] = pair else {
                continue;
            };
            let rest = second.strip_prefix(first.as_str());
            let same_place = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if same_place && !first.ends_with('/') {
                return Err(Error::Duplicate(names[*at_first.max(at_second)].clone()));
            }
        }
        files.retain(|(name, _)| !name.ends_with('/'));
        Ok(Self { files })
    }

    /// Position of a file.
    pub fn get(&self, name: &str) -> Option<usize> {
        let name = name.to_lowercase();
        let found = self
            .files
            .binary_search_by(|(file, _)| place(file).cmp(place(&name)));
        found.ok().map(|at| self.files[at].1)
    }

    /// Number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The lower-case names of all files, sorted folder by folder.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }
}

/// Orders names with `/` before any other character. So what is below `a` follows `a` directly,
/// and neighbours are all one has to compare.
fn place(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_spellings_are_normalised() {
        for (given, normal) in [
            ("content/main.py", "content/main.py"),
            ("./package/x.psmdcp", "package/x.psmdcp"),
            (r"content\sub\a.xaml", "content/sub/a.xaml"),
            (r".\a", "a"),
            ("a//b/./c", "a/b/c"),
            ("content/", "content/"),
            ("./", "/"),
            ("[Content_Types].xml", "[Content_Types].xml"),
            ("..a/b..c/.hidden", "..a/b..c/.hidden"),
            ("Bücher/日本.txt", "Bücher/日本.txt"),
        ] {
            assert_eq!(normalize(given).unwrap(), normal, "{given}");
        }
    }

    #[test]
    fn dangerous_names_are_refused() {
        for given in [
            "",
            ".",
            "/etc/passwd",
            "//host/share",
            r"\\host\share",
            r"\a",
            "C:/a",
            "c:a",
            r"C:\a",
            "..",
            "../a",
            "a/../b",
            r"a\..\b",
            "a/..",
            r"..\a",
            "a/.. /b",
            "a/...",
            "a/ /b",
            "a\0b",
            "a\nb",
            "\u{7f}",
        ] {
            assert_eq!(
                normalize(given),
                Err(Error::UnsafeName(given.to_owned())),
                "{given:?}"
            );
        }
    }

    fn index(names: &[&str]) -> Result<Index> {
        Index::new(
            &names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn files_are_found_regardless_of_case() {
        let index = index(&[
            "lib/x",
            "content/",
            "content/Main.py",
            "content/sub/b",
            "A!",
        ])
        .unwrap();
        assert_eq!(index.get("CONTENT/main.PY"), Some(2));
        assert_eq!(index.get("a!"), Some(4));
        assert_eq!(index.get("content"), None);
        assert_eq!(index.get("content/"), None);
        assert_eq!(index.len(), 4);
        let names: Vec<&str> = index.names().collect();
        assert_eq!(names, ["a!", "content/main.py", "content/sub/b", "lib/x"]);
    }

    #[test]
    fn two_files_in_one_place() {
        for names in [
            ["a", "a"],
            ["a/B", "A/b"],
            ["É", "é"],
            ["a", "a/b"],
            ["a/b", "A"],
            ["a", "a/"],
            ["a/", "a"],
        ] {
            let last = names[1].to_owned();
            assert_eq!(index(&names).err(), Some(Error::Duplicate(last)));
        }
        let far = index(&["a", "a b", "a-b", "a!", "a/b/c", "a.txt"]);
        assert_eq!(far.err(), Some(Error::Duplicate("a/b/c".to_owned())));
        assert!(index(&["a/", "a/", "a/b", "ab", "a-b", "a!/b", "a!b"]).is_ok());
    }
}
