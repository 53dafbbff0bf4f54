//! How a path names a folder.

use crate::cx::Folder;

/// A path from the top. A relative one starts at the ambient folder, the one that the other headers
/// name: `/A` at the root of its tree, `.` at itself, each `..` goes up one level. `None` when it
/// leads nowhere.
pub(super) fn absolute(ambient: Option<&Folder>, path: &str) -> Option<String> {
    let relative = path == "." || path == ".." || path.starts_with("./") || path.starts_with("../");
    match ambient {
        _ if !relative && !path.starts_with('/') => Some(path.to_owned()),
        Some(ambient) => join(&ambient.path, path),
        // Without an ambient folder only `/A/B` means something: the path from the top.
        None => path.strip_prefix('/').map(str::to_owned),
    }
}

/// `None` above the root or with an empty segment (a trailing slash is not allowed).
fn join(ambient: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = ambient.split('/').collect();
    let rest = match path.strip_prefix('/') {
        Some(rest) => {
            parts.truncate(1);
            rest
        }
        None => path,
    };
    for segment in rest.split('/').filter(|_| !rest.is_empty()) {
        match segment {
            "" => return None,
            "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn relative_paths() {
        let cases = [
            ("Root/A/B", "/X", Some("Root/X")),
            ("Root/A/B", "/", Some("Root")),
            ("Root/A/B", ".", Some("Root/A/B")),
            ("Root/A/B", "./C", Some("Root/A/B/C")),
            ("Root/A/B", "..", Some("Root/A")),
            ("Root/A/B", "../../C", Some("Root/C")),
            ("Root/A/B", "../../..", None),
            ("Root/A/B", "../../../..", None),
            ("Root/A", "../", None),
            ("Root/A", "./C/", None),
        ];
        for (ambient, path, expected) in cases {
            assert_eq!(
                join(ambient, path).as_deref(),
                expected,
                "{ambient} + {path}"
            );
        }
    }
}
