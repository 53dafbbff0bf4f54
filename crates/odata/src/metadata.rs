//! What the service says about itself: the service document and `$metadata`.
//!
//! The types of the model stand in one schema, [`NAMESPACE`]; operations stand in the namespaces
//! they are called by. A type that several sets share is described once.

use std::fmt::Write;

use crate::edm::{ComplexType, EntitySet, EnumType, Kind, Prop};
use crate::json;

/// The namespace of the types.
pub const NAMESPACE: &str = "Default";

/// A dictionary in `$metadata`: a type without declared members that is open.
const DICTIONARY: &str = "Dictionary";

/// The signature of an operation.
#[derive(Clone, Copy, Debug)]
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
    /// Names and EDM types of its parameters.
    pub params: &'static [(&'static str, &'static str)],
}

/// The service document: the sets and their addresses, as JSON.
pub fn service_document(base: &str, sets: &[&'static EntitySet]) -> Vec<u8> {
    let mut out = b"{\"@odata.context\":".to_vec();
    json::string(&mut out, &format!("{base}/$metadata"));
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
pub fn csdl_xml(sets: &[&'static EntitySet], ops: &[OpSig]) -> String {
    let mut xml = Xml::default();
    xml.line("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    xml.open(
        "edmx:Edmx",
        &[
            ("Version", "4.0"),
            ("xmlns:edmx", "http://docs.oasis-open.org/odata/ns/edmx"),
        ],
    );
    let core = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml";
    xml.open("edmx:Reference", &[("Uri", core)]);
    xml.empty("edmx:Include", &[("Namespace", "Org.OData.Core.V1")]);
    xml.close("edmx:Reference");
    xml.open("edmx:DataServices", &[]);
    schema(&mut xml, NAMESPACE, |xml| {
        types(xml, sets);
        operations(xml, sets, ops, NAMESPACE);
        container(xml, sets);
    });
    let mut done = vec![NAMESPACE];
    for op in ops {
        if done.contains(&op.namespace) {
            continue;
        }
        done.push(op.namespace);
        schema(&mut xml, op.namespace, |xml| {
            operations(xml, sets, ops, op.namespace)
        });
    }
    xml.close("edmx:DataServices");
    xml.close("edmx:Edmx");
    xml.text
}

fn schema(xml: &mut Xml, namespace: &str, inside: impl FnOnce(&mut Xml)) {
    let edm = "http://docs.oasis-open.org/odata/ns/edm";
    xml.open("Schema", &[("Namespace", namespace), ("xmlns", edm)]);
    inside(xml);
    xml.close("Schema");
}

/// The types that the sets use, each once: entities, then structures, then enumerations.
fn types(xml: &mut Xml, sets: &[&'static EntitySet]) {
    let mut used = Used::default();
    let mut entities: Vec<&str> = Vec::new();
    for set in sets {
        if entities.contains(&set.entity) {
            continue;
        }
        entities.push(set.entity);
        used.add(set.props);
        entity_type(xml, set);
    }
    for ty in &used.complex {
        let open: &[(&str, &str)] = if ty.open {
            &[("OpenType", "true")]
        } else {
            &[]
        };
        xml.open("ComplexType", &[&[("Name", ty.name)], open].concat());
        properties(xml, ty.props, None);
        xml.close("ComplexType");
    }
    if used.open {
        xml.empty("ComplexType", &[("Name", DICTIONARY), ("OpenType", "true")]);
    }
    for ty in &used.enums {
        xml.open("EnumType", &[("Name", ty.name)]);
        for (name, value) in ty.members {
            xml.empty("Member", &[("Name", name), ("Value", &value.to_string())]);
        }
        xml.close("EnumType");
    }
}

/// Types in the order in which they are met.
#[derive(Default)]
struct Used {
    complex: Vec<&'static ComplexType>,
    enums: Vec<&'static EnumType>,
    open: bool,
}

impl Used {
    fn add(&mut self, props: &'static [Prop]) {
        for prop in props {
            match prop.kind {
                Kind::Complex(ty) | Kind::Collection(ty)
                    if self.complex.iter().all(|known| known.name != ty.name) =>
                {
                    self.complex.push(ty);
                    self.add(ty.props);
                }
                Kind::Enum(ty) if self.enums.iter().all(|known| known.name != ty.name) => {
                    self.enums.push(ty);
                }
                Kind::Open => self.open = true,
                _ => {}
            }
        }
    }
}

fn entity_type(xml: &mut Xml, set: &EntitySet) {
    xml.open("EntityType", &[("Name", set.entity)]);
    xml.open("Key", &[]);
    xml.empty("PropertyRef", &[("Name", set.key)]);
    xml.close("Key");
    properties(xml, set.props, Some(set.key));
    for nav in set.navs {
        let target = format!("{NAMESPACE}.{}", (nav.target)().entity);
        let ty = if nav.many {
            format!("Collection({target})")
        } else {
            target
        };
        xml.empty("NavigationProperty", &[("Name", nav.name), ("Type", &ty)]);
    }
    xml.description(set.doc);
    xml.close("EntityType");
}

fn properties(xml: &mut Xml, props: &[Prop], key: Option<&str>) {
    for prop in props {
        let ty = type_name(prop.kind);
        let mut attributes = vec![("Name", prop.name), ("Type", &ty)];
        if (!prop.nullable && !prop.kind.is_list()) || key == Some(prop.name) {
            attributes.push(("Nullable", "false"));
        }
        let max = prop.max_length.map(|max| max.to_string());
        if let Some(max) = &max {
            attributes.push(("MaxLength", max));
        }
        if prop.doc.is_empty() {
            xml.empty("Property", &attributes);
            continue;
        }
        xml.open("Property", &attributes);
        xml.description(prop.doc);
        xml.close("Property");
    }
}

fn type_name(kind: Kind) -> String {
    match kind {
        Kind::Enum(ty) => format!("{NAMESPACE}.{}", ty.name),
        Kind::Complex(ty) => format!("{NAMESPACE}.{}", ty.name),
        Kind::Collection(ty) => format!("Collection({NAMESPACE}.{})", ty.name),
        Kind::Open => format!("{NAMESPACE}.{DICTIONARY}"),
        simple => simple.name().to_owned(),
    }
}

/// The operations of one namespace. The first parameter says what they are bound to.
fn operations(xml: &mut Xml, sets: &[&'static EntitySet], ops: &[OpSig], namespace: &str) {
    for op in ops.iter().filter(|op| op.namespace == namespace) {
        let Some(set) = sets.iter().find(|set| set.name == op.set) else {
            continue;
        };
        let element = if op.action { "Action" } else { "Function" };
        xml.open(element, &[("Name", op.name), ("IsBound", "true")]);
        let entity = format!("{NAMESPACE}.{}", set.entity);
        let bound = match op.bound_to_entity {
            true => entity,
            false => format!("Collection({entity})"),
        };
        xml.empty(
            "Parameter",
            &[("Name", "bindingParameter"), ("Type", &bound)],
        );
        for (name, ty) in op.params {
            xml.empty("Parameter", &[("Name", name), ("Type", ty)]);
        }
        if !op.action {
            // A function must have a result; its type is not part of the signature here.
            xml.empty("ReturnType", &[("Type", "Edm.Untyped")]);
        }
        xml.close(element);
    }
}

fn container(xml: &mut Xml, sets: &[&'static EntitySet]) {
    xml.open("EntityContainer", &[("Name", "Container")]);
    for set in sets {
        let entity = format!("{NAMESPACE}.{}", set.entity);
        let attributes = [("Name", set.name), ("EntityType", entity.as_str())];
        let bound = |target: &str| sets.iter().any(|set| set.name == target);
        let mut bindings = Vec::new();
        for nav in set.navs {
            let target = (nav.target)().name;
            if bound(target) {
                bindings.push((nav.name, target));
            }
        }
        if bindings.is_empty() {
            xml.empty("EntitySet", &attributes);
            continue;
        }
        xml.open("EntitySet", &attributes);
        for (path, target) in bindings {
            xml.empty(
                "NavigationPropertyBinding",
                &[("Path", path), ("Target", target)],
            );
        }
        xml.close("EntitySet");
    }
    xml.close("EntityContainer");
}

/// XML text, two blanks for each level.
#[derive(Default)]
struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    fn line(&mut self, line: &str) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn tag(&mut self, name: &str, attributes: &[(&str, &str)], end: &str) {
        let mut tag = format!("<{name}");
        for (name, value) in attributes {
            // Writing to a String cannot fail.
            let _ = write!(tag, " {name}=\"{}\"", escape(value));
        }
        tag.push_str(end);
        self.line(&tag);
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, ">");
        self.depth += 1;
    }

    fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.tag(name, attributes, "/>");
    }

    fn close(&mut self, name: &str) {
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    fn description(&mut self, doc: &str) {
        if !doc.is_empty() {
            let doc = doc.replace('\n', " ");
            self.empty(
                "Annotation",
                &[("Term", "Org.OData.Core.V1.Description"), ("String", &doc)],
            );
        }
    }
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
