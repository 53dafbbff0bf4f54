//! The walk over a model: what `$metadata` says, before it is XML or JSON.

use crate::edm::{EntitySet, EnumType, Kind, Prop, Visible};

use super::types::{TypeName, Types};
use super::{DICTIONARY, Model, NAMESPACE, OpSig};

/// A namespace and what stands in it.
pub(super) struct Schema {
    pub namespace: &'static str,
    pub structures: Vec<Structure>,
    pub enums: Vec<&'static EnumType>,
    pub operations: Vec<Operation>,
    /// The entity sets, in the schema of the types.
    pub container: Option<Vec<Entry>>,
}

/// An entity type, which has a key, or a complex type.
pub(super) struct Structure {
    pub name: &'static str,
    pub key: Option<&'static str>,
    pub open: bool,
    pub props: Vec<Property>,
    pub navs: Vec<Navigation>,
    pub doc: String,
}

pub(super) struct Property {
    pub name: &'static str,
    pub ty: Type,
    pub nullable: bool,
    pub max_length: Option<u32>,
    pub doc: String,
}

pub(super) struct Navigation {
    pub name: &'static str,
    pub ty: Type,
}

/// A qualified name, or a collection of it.
pub(super) struct Type {
    pub name: String,
    pub collection: bool,
}

pub(super) struct Operation {
    pub name: &'static str,
    pub action: bool,
    /// What it is called on.
    pub binding: Type,
    pub params: Vec<(&'static str, Type)>,
    pub returns: Option<Type>,
    /// Whether the result is an entity, or entities, of the set it is called on.
    pub same_set: bool,
    pub doc: String,
}

/// An entity set.
pub(super) struct Entry {
    pub name: &'static str,
    pub entity: String,
    /// Navigation properties, and the sets they lead to.
    pub bindings: Vec<(&'static str, &'static str)>,
}

/// The name of the first parameter: what the operation is called on.
pub(super) const BINDING: &str = "bindingParameter";

/// The name of the one container.
pub(super) const CONTAINER: &str = "Container";

/// The schemas of a model: that of the types first.
pub(super) fn walk(model: &Model<'_>) -> Vec<Schema> {
    let types = Types::of(model);
    let mut structures: Vec<_> = types.entities.iter().map(|set| entity(set)).collect();
    structures.extend(types.complex.iter().map(|ty| Structure {
        name: ty.name,
        key: None,
        open: ty.open,
        props: properties(ty.props, None),
        navs: Vec::new(),
        doc: String::new(),
    }));
    structures.extend(types.dictionary.then_some(Structure {
        name: DICTIONARY,
        key: None,
        open: true,
        props: Vec::new(),
        navs: Vec::new(),
        doc: String::new(),
    }));
    let mut schemas = vec![Schema {
        namespace: NAMESPACE,
        structures,
        enums: types.enums.clone(),
        operations: operations(model, NAMESPACE),
        container: Some(container(model.sets)),
    }];
    for op in model.ops.iter().filter(|op| !op.set.is_empty()) {
        if schemas.iter().any(|known| known.namespace == op.namespace) {
            continue;
        }
        schemas.push(Schema {
            namespace: op.namespace,
            structures: Vec::new(),
            enums: Vec::new(),
            operations: operations(model, op.namespace),
            container: None,
        });
    }
    schemas
}

fn entity(set: &'static EntitySet) -> Structure {
    let nav = |nav: &crate::edm::Nav| Navigation {
        name: nav.name,
        ty: Type {
            name: format!("{NAMESPACE}.{}", (nav.target)().entity),
            collection: nav.many,
        },
    };
    Structure {
        name: set.entity,
        key: Some(set.key),
        open: false,
        props: properties(set.props, Some(set.key)),
        navs: set.navs.iter().map(nav).collect(),
        doc: line(set.doc),
    }
}

fn properties(props: &'static [Prop], key: Option<&str>) -> Vec<Property> {
    let property = |prop: &'static Prop| Property {
        name: prop.name,
        ty: property_type(prop.kind),
        nullable: prop.nullable && key != Some(prop.name),
        max_length: prop.max_length,
        doc: line(prop.doc),
    };
    let described = props.iter().filter(|prop| prop.visible != Visible::Asked);
    described.map(property).collect()
}

fn property_type(kind: Kind) -> Type {
    let name = match kind {
        Kind::Enum(ty) => format!("{NAMESPACE}.{}", ty.name),
        Kind::Complex(ty) | Kind::Collection(ty) => format!("{NAMESPACE}.{}", ty.name),
        Kind::Open => format!("{NAMESPACE}.{DICTIONARY}"),
        plain => plain.element().unwrap_or(plain).name().to_owned(),
    };
    let collection = kind.is_list();
    Type { name, collection }
}

/// The operations of one namespace. One that names a set nobody declared is left out.
fn operations(model: &Model<'_>, namespace: &str) -> Vec<Operation> {
    let of_namespace = model.ops.iter().filter(|op| op.namespace == namespace);
    let described = of_namespace.filter_map(|op| {
        let set = model.sets.iter().find(|set| set.name == op.set)?;
        Some(operation(op, set))
    });
    described.collect()
}

fn operation(op: &OpSig, set: &EntitySet) -> Operation {
    // A function must have a result.
    let untyped = || (!op.action).then_some("Edm.Untyped");
    let returns = Some(op.returns.as_str()).filter(|ty| !ty.is_empty());
    let same_set = TypeName::parse(&op.returns).is_some_and(|ty| ty.name == set.entity);
    Operation {
        name: op.name,
        action: op.action,
        binding: Type {
            name: format!("{NAMESPACE}.{}", set.entity),
            collection: !op.bound_to_entity,
        },
        params: op.params.iter().map(|p| (p.name, named(&p.ty))).collect(),
        returns: returns.or_else(untyped).map(named),
        same_set,
        doc: line(op.doc),
    }
}

fn named(text: &str) -> Type {
    match TypeName::parse(text) {
        Some(ty) => Type {
            name: ty.qualified(),
            collection: ty.collection,
        },
        None => Type {
            name: text.to_owned(),
            collection: false,
        },
    }
}

fn container(sets: &[&'static EntitySet]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for set in sets {
        if entries.iter().any(|known| known.name == set.name) {
            continue;
        }
        let targets = set.navs.iter().map(|nav| (nav.name, (nav.target)().name));
        entries.push(Entry {
            name: set.name,
            entity: format!("{NAMESPACE}.{}", set.entity),
            bindings: targets
                .filter(|(_, target)| sets.iter().any(|set| set.name == *target))
                .collect(),
        });
    }
    entries
}

/// Documentation in one line, as an attribute holds it.
fn line(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}
