//! The list of everything that the contract has (`docs/coverage.txt`): what is in it but not built
//! answers 501, what is in no contract answers 404.

use std::collections::HashSet;
use std::sync::LazyLock;

const COVERAGE: &str = include_str!("../../../docs/coverage.txt");

static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let lines = COVERAGE.lines().filter(|l| !l.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some(shape(words.next()?, words.next()?.trim_start_matches('/')))
        })
        .collect()
});

/// Whether the contract has this operation, built or not. `path` starts with the area's name.
pub fn knows(method: &str, path: &str) -> bool {
    if KNOWN.contains(&shape(method, path)) {
        return true;
    }
    // REST paths carry parameters as whole segments; one wildcard at a time is enough to match.
    let segments: Vec<&str> = path.split('/').collect();
    (2..segments.len()).any(|wild| {
        let mut generic = segments.clone();
        generic[wild] = "{}";
        let last = generic.len() - 1;
        let tail = KNOWN.contains(&shape(method, &generic.join("/")));
        generic[last] = "{}";
        tail || KNOWN.contains(&shape(method, &generic.join("/")))
    })
}

/// The operation without what varies: keys, arguments, namespaces, case, names of parameters.
fn shape(method: &str, path: &str) -> String {
    let mut out = format!("{method} ");
    for segment in path.split('/') {
        let name = segment.split_once('(').map_or(segment, |(name, _)| name);
        out.push('/');
        if name.starts_with('{') {
            out.push_str("{}");
            continue;
        }
        // Only operations have a namespace; `.well-known` starts with its dot.
        let short = match name.rfind('.') {
            Some(dot) if dot > 0 => &name[dot + 1..],
            _ => name,
        };
        out.push_str(&short.to_lowercase());
        // `Jobs(1)` is another operation than `Jobs`, but `F(a=1)` is the same as `F`.
        if short.len() == name.len() && segment.len() > name.len() && !segment.ends_with("()") {
            out.push_str("()");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_known_in_every_spelling() {
        let known = [
            ("GET", "odata/Alerts"),
            ("GET", "odata/alerts"),
            ("DELETE", "odata/Assets(5)"),
            (
                "POST",
                "odata/Jobs/UiPath.Server.Configuration.OData.RestartJob",
            ),
            ("POST", "odata/Jobs/RestartJob()"),
            (
                "POST",
                "odata/Queues(7)/UiPathODataSvc.SetTransactionResult",
            ),
            (
                "GET",
                "odata/Processes/UiPath.Server.Configuration.OData.GetArguments(key='a:1')",
            ),
            ("GET", "api/Buckets/5/ListFiles"),
            ("DELETE", "api/clientsecrets/0f0f"),
            ("GET", "api/Group/p/g"),
        ];
        for (method, path) in known {
            let path = path.replace("api/Group", "identity_/api/Group");
            assert!(knows(method, &path), "{method} {path}");
        }
        for (method, path) in [
            ("GET", "odata/Nothing"),
            ("PUT", "odata/Alerts"),
            ("GET", "api/x/y"),
        ] {
            assert!(!knows(method, path), "{method} {path}");
        }
    }
}
