//! Where a request goes: which tenant, and which area of the API.
//!
//! One server answers three layouts at once: `/{org}/{tenant}/orchestrator_/odata/…`, the same
//! without `orchestrator_`, and `/odata/…` at the root for stand-alone clients. Paths are compared
//! without case, as in the original, and nothing between two slashes is nothing.

use std::borrow::Cow;

use orchestrator::tenants::Tenant;

/// The parts of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// `/odata/…`
    OData,
    /// `/api/…`
    Api,
    /// `/identity_/…`, `/identity/…`
    Identity,
    /// `/swagger/…`
    Swagger,
    /// `/tasks`, `/forms`, `/nuget`, `/t`: part of the contract, not built.
    Other,
}

/// A request's path, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Address<'p> {
    /// Organization of the path.
    pub organization: Option<&'p str>,
    /// Tenant of the path.
    pub tenant: Option<&'p str>,
    /// Area.
    pub area: Area,
    /// Everything before the area's own segment, e.g. `/default/DefaultTenant/orchestrator_`.
    pub prefix: &'p str,
    /// Everything after the area's segment, without a leading slash, still percent-encoded.
    pub rest: &'p str,
}

fn area(segment: &str) -> Option<Area> {
    let is = |name: &str| segment.eq_ignore_ascii_case(name);
    if is("odata") {
        Some(Area::OData)
    } else if is("api") {
        Some(Area::Api)
    } else if is("identity_") || is("identity") {
        Some(Area::Identity)
    } else if is("swagger") {
        Some(Area::Swagger)
    } else if ["tasks", "forms", "nuget", "t"].iter().any(|n| is(n)) {
        Some(Area::Other)
    } else {
        None
    }
}

/// A path without empty segments, which clients make that join a base with a slash at its end to a path
/// with one at its start. What stands in quotes is a key and stays.
pub fn without_empty_segments(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return path.into();
    }
    let (mut kept, mut quoted) = (String::with_capacity(path.len()), false);
    for (at, c) in path.char_indices() {
        let encoded = path[at..].starts_with("%27");
        quoted ^= c == '\'' || encoded;
        if c != '/' || quoted || !kept.ends_with('/') {
            kept.push(c);
        }
    }
    kept.into()
}

/// Takes a path apart; `None` when it belongs to no area.
pub fn parse(path: &str) -> Option<Address<'_>> {
    let mut names: [Option<&str>; 2] = [None, None];
    let mut at = 0;
    for depth in 0..4 {
        let rest = path.get(at + 1..)?;
        let segment = rest.split('/').next().unwrap_or_default();
        let next = at + 1 + segment.len();
        if let Some(area) = area(segment) {
            return Some(Address {
                organization: names[0],
                tenant: names[1],
                area,
                prefix: &path[..at],
                rest: path.get(next + 1..).unwrap_or_default(),
            });
        }
        if !segment.eq_ignore_ascii_case("orchestrator_") {
            *names.get_mut(depth)? = Some(segment).filter(|s| !s.is_empty());
        }
        at = next;
        if at >= path.len() {
            return None;
        }
    }
    None
}

/// The tenant that the path names by names or keys; `Err` when it names one that does not exist.
pub fn tenant<'t>(tenants: &'t [Tenant], address: &Address<'_>) -> Result<Option<&'t Tenant>, ()> {
    let Some(organization) = address.organization else {
        return Ok(None);
    };
    let same = |given: &str, name: &str, key: &str| {
        let given = percent_encoding::percent_decode_str(given).decode_utf8_lossy();
        given.to_lowercase() == name.to_lowercase() || given.eq_ignore_ascii_case(key)
    };
    let mut of_organization = tenants
        .iter()
        .filter(|t| same(organization, &t.organization_name, &t.organization_key));
    let found = match address.tenant {
        Some(tenant) => of_organization.find(|t| same(tenant, &t.name, &t.key)),
        None => of_organization.next(),
    };
    found.map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout() {
        let cases = [
            ("/odata/Jobs(1)", (None, None, Area::OData, "", "Jobs(1)")),
            ("/odata", (None, None, Area::OData, "", "")),
            ("/OData/", (None, None, Area::OData, "", "")),
            (
                "/acme/Prod/orchestrator_/odata/Jobs",
                (
                    Some("acme"),
                    Some("Prod"),
                    Area::OData,
                    "/acme/Prod/orchestrator_",
                    "Jobs",
                ),
            ),
            (
                "/acme/Prod/odata/Jobs",
                (
                    Some("acme"),
                    Some("Prod"),
                    Area::OData,
                    "/acme/Prod",
                    "Jobs",
                ),
            ),
            (
                "/orchestrator_/api/status/version",
                (None, None, Area::Api, "/orchestrator_", "status/version"),
            ),
            (
                "/identity_/connect/token",
                (None, None, Area::Identity, "", "connect/token"),
            ),
            (
                "/identity/connect/token",
                (None, None, Area::Identity, "", "connect/token"),
            ),
            (
                "/acme/identity_/connect/token",
                (Some("acme"), None, Area::Identity, "/acme", "connect/token"),
            ),
            (
                "/acme/Prod/identity_/connect/token",
                (
                    Some("acme"),
                    Some("Prod"),
                    Area::Identity,
                    "/acme/Prod",
                    "connect/token",
                ),
            ),
            (
                "/acme/Prod/orchestrator_/api/RobotsService/HeartbeatV2",
                (
                    Some("acme"),
                    Some("Prod"),
                    Area::Api,
                    "/acme/Prod/orchestrator_",
                    "RobotsService/HeartbeatV2",
                ),
            ),
        ];
        for (path, (organization, tenant, area, prefix, rest)) in cases {
            let expected = Address {
                organization,
                tenant,
                area,
                prefix,
                rest,
            };
            assert_eq!(parse(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn empty_segments_collapse() {
        for (path, expected) in [
            ("/odata/Jobs", "/odata/Jobs"),
            (
                "//a//b/orchestrator_///odata//Jobs/",
                "/a/b/orchestrator_/odata/Jobs/",
            ),
            ("/odata//Settings('a//b')//x", "/odata/Settings('a//b')/x"),
            (
                "/odata//Settings(%27a//b%27)//x",
                "/odata/Settings(%27a//b%27)/x",
            ),
            ("//", "/"),
        ] {
            assert_eq!(without_empty_segments(path), expected, "{path}");
        }
    }

    #[test]
    fn other_paths() {
        for path in [
            "/",
            "",
            "/acme",
            "/acme/Prod",
            "/a/b/c/odata",
            "/acme/Prod/orchestrator_",
            "/x/y/z/w/odata",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
