//! OAuth scopes of Orchestrator: what a token may do at all, before roles are asked.
//!
//! A scope names an area. Bare it allows everything there; with `.Read` or `.Write` that half
//! only. `OR.Default` has no halves: it says that roles decide.

/// The areas.
pub const ORCHESTRATOR: &[&str] = &[
    "OR.Administration",
    "OR.Assets",
    "OR.Audit",
    "OR.BackgroundTasks",
    "OR.Buckets",
    "OR.BusinessRules",
    DEFAULT,
    "OR.Execution",
    "OR.Folders",
    "OR.Hypervisor",
    "OR.Jobs",
    "OR.License",
    "OR.Machines",
    "OR.ML",
    "OR.Monitoring",
    "OR.Queues",
    "OR.Robots",
    "OR.Settings",
    "OR.Tasks",
    "OR.TestDataQueues",
    "OR.TestSetExecutions",
    "OR.TestSetSchedules",
    "OR.TestSets",
    "OR.Users",
    "OR.Webhooks",
];

/// An application with this scope may do what the roles assigned to it allow.
pub const DEFAULT: &str = "OR.Default";

/// Interactive clients and robots: everything the user's roles allow. It is not an area, so
/// [`grants`] does not know it; ask for it by name.
pub const USER_ACCESS: &str = "OrchestratorApiUserAccess";

const READ: &str = ".Read";
const WRITE: &str = ".Write";

/// A client asked for scopes it may not have: OAuth's `invalid_scope`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The scopes are not allowed for this client: {}.", .0.join(" "))]
pub struct InvalidScope(
    /// The refused ones, in the order of the request.
    pub Vec<String>,
);

/// Every scope of Orchestrator: each area bare, with `.Read` and with `.Write`; `OR.Default` bare.
pub fn all() -> Vec<String> {
    let mut scopes = Vec::with_capacity(3 * ORCHESTRATOR.len());
    for &base in ORCHESTRATOR {
        scopes.push(base.to_owned());
        if base != DEFAULT {
            scopes.push(format!("{base}{READ}"));
            scopes.push(format!("{base}{WRITE}"));
        }
    }
    scopes
}

/// Whether this is one of [`all`] or [`USER_ACCESS`]. Scopes are case-sensitive (RFC 6749, 3.3).
pub fn known(scope: &str) -> bool {
    if scope == USER_ACCESS || scope == DEFAULT {
        return true;
    }
    match whole(scope) {
        Some(base) => base != DEFAULT && ORCHESTRATOR.contains(&base),
        None => ORCHESTRATOR.contains(&scope),
    }
}

/// Whether `granted` allows reading, or writing, in the area `base` ("OR.Jobs").
pub fn grants(granted: &[String], base: &str, write: bool) -> bool {
    let half = if write { WRITE } else { READ };
    granted.iter().any(|scope| match scope.strip_prefix(base) {
        Some(rest) => rest.is_empty() || rest == half,
        None => false,
    })
}

/// The scopes a client gets: those it asks for (separated by blanks), sorted and once each, or
/// all it may have if it names none. An allowed bare scope covers its halves.
///
/// # Errors
/// [`InvalidScope`] with all that are not allowed: a client never silently gets less.
pub fn request(requested: Option<&str>, allowed: &[String]) -> Result<Vec<String>, InvalidScope> {
    let named: Vec<&str> = requested.unwrap_or_default().split_whitespace().collect();
    let mut scopes: Vec<String> = if named.is_empty() {
        allowed.to_vec()
    } else {
        let refused: Vec<String> = named
            .iter()
            .filter(|s| !covered(s, allowed))
            .map(|&s| s.to_owned())
            .collect();
        if !refused.is_empty() {
            return Err(InvalidScope(refused));
        }
        named.into_iter().map(str::to_owned).collect()
    };
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

fn covered(scope: &str, allowed: &[String]) -> bool {
    let has = |wanted: &str| allowed.iter().any(|a| a == wanted);
    has(scope) || whole(scope).is_some_and(has)
}

/// `OR.Jobs` of `OR.Jobs.Read`; none for a scope that is no half.
fn whole(scope: &str) -> Option<&str> {
    scope
        .strip_suffix(READ)
        .or_else(|| scope.strip_suffix(WRITE))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn texts(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn the_table() {
        let all = all();
        let distinct: BTreeSet<&String> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(all.len(), 24 * 3 + 1);
        for scope in ["OR.Jobs", "OR.Jobs.Read", "OR.Jobs.Write", "OR.Default"] {
            assert!(all.contains(&scope.to_owned()), "{scope}");
        }
        assert!(!all.contains(&"OR.Default.Read".to_owned()));
        assert!(all.iter().all(|s| known(s)));
    }

    #[test]
    fn unknown_scopes() {
        assert!(known(USER_ACCESS));
        for scope in [
            "",
            "OR",
            "OR.",
            "OR.Nothing",
            "or.jobs",
            "OR.Jobs.",
            "OR.Jobs.Read.Write",
            "OR.Default.Read",
        ] {
            assert!(!known(scope), "{scope}");
        }
    }

    #[test]
    fn bare_means_both_halves() {
        let bare = texts(&["OR.Jobs"]);
        assert!(grants(&bare, "OR.Jobs", false) && grants(&bare, "OR.Jobs", true));
        let read = texts(&["OR.Jobs.Read", "OR.Queues"]);
        assert!(grants(&read, "OR.Jobs", false) && !grants(&read, "OR.Jobs", true));
        let write = texts(&["OR.Jobs.Write"]);
        assert!(!grants(&write, "OR.Jobs", false) && grants(&write, "OR.Jobs", true));
    }

    #[test]
    fn areas_do_not_leak_into_each_other() {
        let sets = texts(&["OR.TestSets", "OR.Default", USER_ACCESS]);
        assert!(!grants(&sets, "OR.TestSetSchedules", false));
        assert!(!grants(
            &texts(&["OR.TestSetSchedules"]),
            "OR.TestSets",
            false
        ));
        assert!(!grants(&sets, "OR.Jobs", false));
        assert!(!grants(&[], "OR.Jobs", false));
    }

    #[test]
    fn requests() {
        let allowed = texts(&["OR.Queues", "OR.Jobs.Read", "OR.Default"]);
        let got = |wanted| request(wanted, &allowed);
        assert_eq!(
            got(None).unwrap(),
            ["OR.Default", "OR.Jobs.Read", "OR.Queues"]
        );
        assert_eq!(got(Some("  ")).unwrap().len(), 3);
        assert_eq!(
            got(Some("OR.Queues.Write  OR.Jobs.Read OR.Queues.Write")).unwrap(),
            ["OR.Jobs.Read", "OR.Queues.Write"]
        );
    }

    #[test]
    fn asking_for_more_is_refused_whole() {
        let allowed = texts(&["OR.Queues.Read", "OR.Default"]);
        let refused = |wanted| request(Some(wanted), &allowed).unwrap_err().0;
        assert_eq!(
            refused("OR.Queues"),
            ["OR.Queues"],
            "a half does not cover the whole"
        );
        assert_eq!(
            refused("OR.Queues.Read OR.Jobs OR.Assets"),
            ["OR.Jobs", "OR.Assets"]
        );
        let error = request(Some("OR.Jobs OR.Assets"), &allowed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The scopes are not allowed for this client: OR.Jobs OR.Assets."
        );
    }
}
