//! What the service says about itself: the service document and `$metadata`, as XML and as JSON.
//!
//! The types of the model stand in one schema, [`NAMESPACE`]; operations stand in the namespaces
//! they are called by. A type that several sets share is described once. `tree` walks over the
//! model, `xml` and `json` write what it finds, so that both say the same.

mod json;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
mod tree;
pub(crate) mod types;
mod xml;

use std::fmt;

use crate::edm::{EntitySet, Kind, Prop};
use crate::json as text;
use types::{TypeName, Types};
pub(crate) use xml::escape;

/// The namespace of the types.
pub const NAMESPACE: &str = "Default";

/// A dictionary: a type without declared members that is open.
pub(crate) const DICTIONARY: &str = "Dictionary";

/// What a service offers: the source of every description.
#[derive(Clone, Copy, Debug)]
pub struct Model<'a> {
    /// The entity sets.
    pub sets: &'a [&'static EntitySet],
    /// The operations.
    pub ops: &'a [OpSig],
    /// Sets without an address: operations give their entities.
    pub results: &'a [&'static EntitySet],
    /// Structures and enumerations that only operations use, e.g. `<Start as Edm>::KIND`. What
    /// the sets use, and what these use in turn, is found without being named.
    pub types: &'a [Kind],
}

/// The signature of an operation.
///
/// A type is `Edm.…`, the name of an entity, structure or enumeration with or without
/// [`NAMESPACE`], or `Collection(…)` of one.
#[derive(Clone, Debug)]
pub struct OpSig {
    /// Name without the namespace.
    pub name: &'static str,
    /// Namespace.
    pub namespace: &'static str,
    /// Whether it is an action, called by POST, and not a function, called by GET.
    pub action: bool,
    /// Name of the set that it belongs to.
    pub set: &'static str,
    /// Whether it is bound to one entity and not to the set.
    pub bound_to_entity: bool,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What the body of an action is.
    pub body: Body,
    /// The type of its result; empty for an action that has none.
    pub returns: String,
    /// Documentation; may be empty.
    pub doc: &'static str,
}

/// What the body of an action is.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// An object whose members are the parameters.
    Members,
    /// The parameter that does not stand in the query.
    Whole,
    /// An entity.
    Entity(&'static EntitySet),
}

/// A parameter of an operation.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: String,
    /// Its declaration, if there is one: limits, documentation, whether it has to be there.
    pub declared: Option<&'static Prop>,
    /// Whether it stands in the query, or in the path of a plain address: neither in the brackets of a
    /// function nor in the body of an action.
    pub in_query: bool,
}

impl Param {
    /// One of which no more is known than its type.
    #[must_use]
    pub fn named(name: &'static str, ty: &str) -> Param {
        Param {
            name,
            ty: ty.to_owned(),
            declared: None,
            in_query: false,
        }
    }

    /// A declared one.
    #[must_use]
    pub fn declared(prop: &'static Prop) -> Param {
        Param {
            name: prop.name,
            ty: prop.kind.type_name(),
            declared: Some(prop),
            in_query: false,
        }
    }

    /// The same, in the query.
    #[must_use]
    pub fn in_query(mut self, whether: bool) -> Param {
        self.in_query = whether;
        self
    }
}

impl fmt::Display for OpSig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}.{}", self.set, self.namespace, self.name)
    }
}

/// The service document: the sets and their addresses, as JSON.
pub fn service_document(base: &str, sets: &[&'static EntitySet]) -> Vec<u8> {
    let mut out = b"{\"@odata.context\":".to_vec();
    text::string(&mut out, &format!("{base}/$metadata"));
    out.extend_from_slice(b",\"value\":[");
    for (i, set) in sets.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let entry = format!(
            r#"{{"name":"{0}","kind":"EntitySet","url":"{0}"}}"#,
            set.name
        );
        out.extend_from_slice(entry.as_bytes());
    }
    out.extend_from_slice(b"]}");
    out
}

/// `$metadata` in XML (CSDL 4.0).
pub fn csdl_xml(model: &Model<'_>) -> String {
    xml::write(&tree::walk(model))
}

/// `$metadata` in JSON (CSDL JSON 4.01).
pub fn csdl_json(model: &Model<'_>) -> String {
    json::write(&tree::walk(model))
}

/// What keeps a model from being closed, one sentence each: operations that name a type nobody
/// describes or a set that is not there, functions without a result, names with two meanings.
///
/// The descriptions are written all the same; a program tests that this finds nothing.
pub fn undefined(model: &Model<'_>) -> Vec<String> {
    let types = Types::of(model);
    let mut found = types.ambiguous();
    for op in model.ops {
        if !op.set.is_empty() && model.sets.iter().all(|set| set.name != op.set) {
            found.push(format!("{op}: there is no set '{}'.", op.set));
        }
        if op.returns.is_empty() && !op.action && !op.set.is_empty() {
            found.push(format!("{op}: a function has a result."));
        }
        if op.namespace == NAMESPACE && types.find(op.name).is_some() {
            found.push(format!("{op}: there is a type of this name."));
        }
        let named = op.params.iter().map(|param| param.ty.as_str());
        for ty in named.chain((!op.returns.is_empty()).then_some(op.returns.as_str())) {
            if !TypeName::parse(ty).is_some_and(|ty| types.knows(ty)) {
                found.push(format!("{op}: there is no type '{ty}'."));
            }
        }
    }
    found
}
