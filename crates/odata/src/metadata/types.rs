//! The types of a model, each once, and the names by which operations refer to them.

use crate::edm::{ComplexType, EntitySet, EnumType, Kind, Prop};

use super::{DICTIONARY, Model, NAMESPACE};

/// The primitive types an operation may name.
const PRIMITIVE: &[(&str, Option<Kind>)] = &[
    ("Edm.Boolean", Some(Kind::Bool)),
    ("Edm.Int32", Some(Kind::Int32)),
    ("Edm.Int64", Some(Kind::Int64)),
    ("Edm.Double", Some(Kind::Double)),
    ("Edm.String", Some(Kind::String)),
    ("Edm.Guid", Some(Kind::Guid)),
    ("Edm.DateTimeOffset", Some(Kind::DateTime)),
    (STREAM, None),
    ("Edm.Untyped", None),
];

/// A file.
pub(crate) const STREAM: &str = "Edm.Stream";

/// The types that a model uses, in the order in which they are met.
#[derive(Default)]
pub(crate) struct Types {
    /// By the first set that has them.
    pub entities: Vec<&'static EntitySet>,
    pub complex: Vec<&'static ComplexType>,
    pub enums: Vec<&'static EnumType>,
    /// Whether there are dictionaries.
    pub dictionary: bool,
}

/// What a name means.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Entity(&'static EntitySet),
    Complex,
    Enum,
    Dictionary,
}

impl Types {
    /// Those of the sets and results, of the sets their navigation properties lead to, and the
    /// further ones.
    pub fn of(model: &Model<'_>) -> Types {
        let mut types = Types::default();
        for set in model.sets.iter().chain(model.results) {
            types.entity(set);
        }
        // The list grows while it is read: what is reached is described, or references would dangle.
        let mut at = 0;
        while let Some(set) = types.entities.get(at).copied() {
            at += 1;
            types.props(set.props);
            for nav in set.navs {
                types.entity((nav.target)());
                if let Some(given) = nav.given {
                    types.kind(given.kind);
                }
            }
        }
        for kind in model.types {
            types.kind(*kind);
        }
        for param in model.ops.iter().flat_map(|op| &op.params) {
            if let Some(prop) = param.declared {
                types.kind(prop.kind);
            }
        }
        types
    }

    fn entity(&mut self, set: &'static EntitySet) {
        if self.entities.iter().all(|known| known.entity != set.entity) {
            self.entities.push(set);
        }
    }

    fn props(&mut self, props: &'static [Prop]) {
        for prop in props {
            self.kind(prop.kind);
        }
    }

    fn kind(&mut self, kind: Kind) {
        match kind {
            Kind::Complex(ty) | Kind::Collection(ty)
                if !self.is_entity(ty)
                    && self.complex.iter().all(|known| known.name != ty.name) =>
            {
                self.complex.push(ty);
                self.props(ty.props);
            }
            Kind::Enum(ty) if self.enums.iter().all(|known| known.name != ty.name) => {
                self.enums.push(ty);
            }
            Kind::Open => self.dictionary = true,
            _ => {}
        }
    }

    /// Whether a structure is what somebody gives of an entity: it has its name, and no other members.
    fn is_entity(&self, ty: &ComplexType) -> bool {
        let same = self.entities.iter().find(|set| set.entity == ty.name);
        same.is_some_and(|set| ty.props.iter().all(|prop| set.prop(prop.name).is_some()))
    }

    /// The type with this name, without the namespace.
    pub fn find(&self, name: &str) -> Option<Named> {
        let entity = self.entities.iter().find(|set| set.entity == name);
        let complex = self.complex.iter().find(|ty| ty.name == name);
        let enumeration = self.enums.iter().find(|ty| ty.name == name);
        let dictionary = (self.dictionary && name == DICTIONARY).then_some(Named::Dictionary);
        entity
            .map(|set| Named::Entity(set))
            .or_else(|| complex.map(|_| Named::Complex))
            .or_else(|| enumeration.map(|_| Named::Enum))
            .or(dictionary)
    }

    /// Whether the type is primitive or described.
    pub fn knows(&self, ty: TypeName<'_>) -> bool {
        match ty.primitive {
            true => PRIMITIVE.iter().any(|(name, _)| *name == ty.name),
            false => self.find(ty.name).is_some(),
        }
    }

    /// A sentence for each name that two types have.
    pub fn ambiguous(&self) -> Vec<String> {
        let mut names: Vec<_> = self.entities.iter().map(|set| set.entity).collect();
        names.extend(self.complex.iter().map(|ty| ty.name));
        names.extend(self.enums.iter().map(|ty| ty.name));
        names.extend(self.dictionary.then_some(DICTIONARY));
        names.sort_unstable();
        let mut twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        twice.dedup();
        twice
            .iter()
            .map(|pair| format!("'{}' is the name of two types.", pair[0]))
            .collect()
    }
}

/// The type of a parameter or result, as it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TypeName<'a> {
    /// `Edm.…`, or the name without [`NAMESPACE`].
    pub name: &'a str,
    pub primitive: bool,
    pub collection: bool,
}

impl<'a> TypeName<'a> {
    /// `None` when it is no name.
    pub fn parse(text: &'a str) -> Option<TypeName<'a>> {
        let inner = text
            .strip_prefix("Collection(")
            .and_then(|rest| rest.strip_suffix(')'));
        let qualified = inner.unwrap_or(text);
        let own = qualified
            .strip_prefix(NAMESPACE)
            .and_then(|rest| rest.strip_prefix('.'));
        let name = own.unwrap_or(qualified);
        let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let valid = !name.is_empty() && name.chars().all(plain);
        valid.then_some(TypeName {
            name,
            primitive: name.starts_with("Edm."),
            collection: inner.is_some(),
        })
    }

    /// The kind of a primitive type whose values are JSON.
    pub fn kind(self) -> Option<Kind> {
        let known = PRIMITIVE.iter().find(|(name, _)| *name == self.name)?;
        known.1
    }

    /// With the namespace.
    pub fn qualified(self) -> String {
        match self.primitive {
            true => self.name.to_owned(),
            false => format!("{NAMESPACE}.{}", self.name),
        }
    }
}
