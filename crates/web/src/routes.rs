//! The table of routes: which declaration an address belongs to. Made once, from what is declared.

use std::collections::HashMap;
use std::sync::LazyLock;

use ::odata::Options;
use orchestrator::{Op, Resource, operations, resources};

use crate::odata::HONOURED;

/// An operation, with the query options that its answer honours.
#[derive(Clone, Copy)]
pub struct Route {
    /// The operation.
    pub op: &'static Op,
    /// The options.
    pub options: Options,
}

struct Routes {
    sets: HashMap<String, &'static Resource>,
    /// By set, name, and whether they are called on one entity.
    operations: HashMap<(String, String, bool), Route>,
    /// By method and address, in which a last segment that is a parameter is left out.
    plain: HashMap<(&'static str, String), Route>,
}

static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let sets = resources();
    let sets = sets.map(|resource| (resource.set.name.to_ascii_lowercase(), resource));
    let rows = operations().zip(HONOURED.iter());
    let rows: Vec<Route> = rows
        .map(|(op, options)| Route {
            op,
            options: *options,
        })
        .collect();
    let (plain, operations): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.op.at.is_plain());
    Routes {
        sets: sets.collect(),
        operations: operations
            .into_iter()
            .map(|row| {
                let at = &row.op.at;
                let (set, name) = (at.set.to_ascii_lowercase(), at.name.to_ascii_lowercase());
                ((set, name, row.op.bound), row)
            })
            .collect(),
        plain: plain
            .into_iter()
            .map(|row| {
                let at = &row.op.at;
                let fixed = at.name.split('{').next().unwrap_or_default();
                ((at.method, fixed.to_ascii_lowercase()), row)
            })
            .collect(),
    }
});

/// The set with this name, in any case.
pub fn set(name: &str) -> Option<&'static Resource> {
    ROUTES.sets.get(&name.to_ascii_lowercase()).copied()
}

/// The operation with this name on a set, or on one entity of it.
pub fn operation(set: &str, name: &str, bound: bool) -> Option<Route> {
    let (set, name) = (set.to_ascii_lowercase(), name.to_ascii_lowercase());
    ROUTES.operations.get(&(set, name, bound)).copied()
}

/// The operation at a plain address such as `api/Folders/GetAllForCurrentUser`, with the name and the
/// value of the parameter that its last segment is, if it is one.
pub fn plain(method: &str, address: &str) -> Option<(Route, Option<(&'static str, String)>)> {
    let lower = address.to_ascii_lowercase();
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let method = methods.into_iter().find(|known| *known == method)?;
    let find = |address: &str| ROUTES.plain.get(&(method, address.to_owned())).copied();
    if let Some(route) = find(&lower) {
        let parametric = route.op.at.name.contains('{');
        return (!parametric).then_some((route, None));
    }
    let end = address.rfind('/')? + 1;
    let (fixed, value) = (&lower[..end], &address[end..]);
    let route = find(fixed).filter(|_| !value.is_empty())?;
    let name = route.op.at.name.split(['{', '}']).nth(1)?;
    Some((route, Some((name, value.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_declarations_have_one_address() {
        let rows = operations().count();
        assert_eq!(ROUTES.operations.len() + ROUTES.plain.len(), rows);
        assert_eq!(ROUTES.sets.len(), resources().count());
    }
}
