//! Addresses in a batch: absolute, from the host, from the service root, or from what an earlier
//! request made (`$1/Steps`).

use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use crate::Result;

use super::{Request, Response, invalid};

/// First segments with a `$` that are addresses and not references.
const SYSTEM: [&str; 6] = [
    "$batch",
    "$crossjoin",
    "$all",
    "$entity",
    "$root",
    "$metadata",
];

/// An address below the service root, percent-encoded as it came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Address {
    /// The path without a slash in front, for [`path::parse`](crate::path::parse).
    pub path: String,
    /// What follows the question mark; empty for nothing.
    pub query: String,
}

/// The service root.
#[derive(Clone, Debug)]
pub struct Base {
    /// Host and port.
    authority: String,
    /// Starts with a slash and ends with none; empty for the host itself.
    path: String,
}

impl Base {
    /// From the address as it stands in context URLs, e.g. `https://host/odata`.
    pub fn new(root: &str) -> Base {
        let (authority, path) = split_host(root).unwrap_or((String::new(), root));
        Base {
            authority,
            path: path.trim_end_matches('/').to_owned(),
        }
    }

    /// The address below the root.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for one of another host or outside of the root.
    pub fn address(&self, url: &str) -> Result<Address> {
        let url = url.split('#').next().unwrap_or_default();
        let from_root = match split_host(url) {
            Some((authority, _)) if !self.authority.eq_ignore_ascii_case(&authority) => {
                return Err(invalid(format_args!(
                    "'{}' is not an address of this service",
                    short(url)
                )));
            }
            Some((_, from_host)) => self.below(from_host),
            None if url.starts_with('/') => self.below(url),
            None => Some(url),
        };
        let from_root = from_root.ok_or_else(|| {
            invalid(format_args!(
                "'{}' is not below '{}'",
                short(url),
                self.path
            ))
        })?;
        let (path, query) = from_root.split_once('?').unwrap_or((from_root, ""));
        Ok(Address {
            path: path.trim_start_matches('/').to_owned(),
            query: query.to_owned(),
        })
    }

    fn below<'a>(&self, from_host: &'a str) -> Option<&'a str> {
        let (start, rest) = from_host.split_at_checked(self.path.len())?;
        let ends = rest.is_empty() || rest.starts_with(['/', '?']);
        (ends && start.eq_ignore_ascii_case(&self.path)).then_some(rest)
    }
}

/// Host with port, unless it is the usual one, and what follows. The scheme does not count: a
/// server behind a proxy does not know which one its callers use.
fn split_host(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let usual = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = authority.strip_suffix(usual).unwrap_or(authority);
    Some((authority.to_ascii_lowercase(), path))
}

/// Whether a batch is sent to this address.
pub(super) fn names_a_batch(url: &str) -> bool {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next();
    last.is_some_and(|last| decoded(last).eq_ignore_ascii_case("$batch"))
}

/// The name that a path refers to, and what follows it.
pub(super) fn reference(path: &str) -> Option<(String, &str)> {
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let first = decoded(first);
    let name = first.strip_prefix('$')?;
    let word = first.split('(').next().unwrap_or_default();
    let system = SYSTEM.iter().any(|known| known.eq_ignore_ascii_case(word));
    (!system && !name.is_empty()).then(|| (name.to_owned(), rest))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn short(text: &str) -> String {
    text.chars().take(100).collect()
}

/// What requests refer to: the entities that earlier ones made or read. Cheap to clone, so that a
/// transaction that is run again starts from what was known before.
#[derive(Clone, Debug)]
pub struct References {
    base: Base,
    /// Paths of entities by the names of requests.
    entities: HashMap<String, String>,
}

impl References {
    /// None yet.
    pub fn new(base: Base) -> References {
        References {
            base,
            entities: HashMap::new(),
        }
    }

    /// The address that a request is meant for, with its reference replaced.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for one that is none of this service, or refers
    /// to a request without an entity.
    pub fn resolve(&self, request: &Request) -> Result<Address> {
        let mut address = self.base.address(&request.url)?;
        if let Some((name, rest)) = reference(&address.path) {
            let entity = self.entities.get(&name).ok_or_else(|| {
                invalid(format_args!(
                    "'{}' refers to '${}', and no earlier request of this name has an entity",
                    short(&request.url),
                    short(&name)
                ))
            })?;
            address.path = format!("{entity}{rest}");
        }
        Ok(address)
    }

    /// The name of the request that a request refers to.
    pub(super) fn referred(&self, request: &Request) -> Option<String> {
        let address = self.base.address(&request.url).ok()?;
        reference(&address.path).map(|(name, _)| name)
    }

    /// Remembers the entity of a request that was answered: what `Location` or `OData-EntityId`
    /// say, else the address it was read or changed at.
    pub fn learn(&mut self, request: &Request, response: &Response) {
        if request.id.is_empty() || !response.succeeded() {
            return;
        }
        let said = response
            .header("location")
            .or_else(|| response.header("odata-entityid"));
        let address = match said {
            Some(url) => self.base.address(url),
            None if request.method == "POST" => return,
            None => self.resolve(request),
        };
        if let Ok(address) = address {
            self.entities.insert(request.id.clone(), address.path);
        }
    }
}
