//! CSDL in XML.

use std::fmt::Write;

use super::tree::{BINDING, CONTAINER, Entry, Operation, Property, Schema, Structure, Type};

const CORE: &str =
    "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml";

/// The document.
pub(super) fn write(schemas: &[Schema]) -> String {
    let mut xml = Xml::default();
    xml.line("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
    let edmx = "http://docs.oasis-open.org/odata/ns/edmx";
    xml.open("edmx:Edmx", &[("Version", "4.0"), ("xmlns:edmx", edmx)]);
    xml.open("edmx:Reference", &[("Uri", CORE)]);
    xml.empty("edmx:Include", &[("Namespace", "Org.OData.Core.V1")]);
    xml.close("edmx:Reference");
    xml.open("edmx:DataServices", &[]);
    for part in schemas {
        schema(&mut xml, part);
    }
    xml.close("edmx:DataServices");
    xml.close("edmx:Edmx");
    xml.text
}

fn schema(xml: &mut Xml, schema: &Schema) {
    let edm = "http://docs.oasis-open.org/odata/ns/edm";
    xml.open("Schema", &[("Namespace", schema.namespace), ("xmlns", edm)]);
    for ty in &schema.structures {
        structure(xml, ty);
    }
    for ty in &schema.enums {
        xml.open("EnumType", &[("Name", ty.name)]);
        for (name, value) in ty.members {
            xml.empty("Member", &[("Name", name), ("Value", &value.to_string())]);
        }
        xml.close("EnumType");
    }
    for op in &schema.operations {
        operation(xml, op);
    }
    if let Some(sets) = &schema.container {
        container(xml, sets);
    }
    xml.close("Schema");
}

fn structure(xml: &mut Xml, ty: &Structure) {
    let element = if ty.key.is_some() {
        "EntityType"
    } else {
        "ComplexType"
    };
    let mut attributes = vec![("Name", ty.name)];
    if ty.open {
        attributes.push(("OpenType", "true"));
    }
    if ty.key.is_none() && ty.props.is_empty() {
        return xml.empty(element, &attributes);
    }
    xml.open(element, &attributes);
    if let Some(key) = ty.key {
        xml.open("Key", &[]);
        xml.empty("PropertyRef", &[("Name", key)]);
        xml.close("Key");
    }
    for prop in &ty.props {
        property(xml, prop);
    }
    for nav in &ty.navs {
        let ty = type_name(&nav.ty);
        xml.empty("NavigationProperty", &[("Name", nav.name), ("Type", &ty)]);
    }
    xml.description(&ty.doc);
    xml.close(element);
}

fn property(xml: &mut Xml, prop: &Property) {
    let ty = type_name(&prop.ty);
    let mut attributes = vec![("Name", prop.name), ("Type", ty.as_str())];
    if !prop.nullable && !prop.ty.collection {
        attributes.push(("Nullable", "false"));
    }
    let max = prop.max_length.map(|max| max.to_string());
    if let Some(max) = &max {
        attributes.push(("MaxLength", max));
    }
    xml.described("Property", &attributes, &prop.doc);
}

fn operation(xml: &mut Xml, op: &Operation) {
    let element = if op.action { "Action" } else { "Function" };
    let mut attributes = vec![("Name", op.name), ("IsBound", "true")];
    if op.same_set {
        attributes.push(("EntitySetPath", BINDING));
    }
    xml.open(element, &attributes);
    let binding = type_name(&op.binding);
    xml.empty("Parameter", &[("Name", BINDING), ("Type", &binding)]);
    for (name, ty) in &op.params {
        xml.empty("Parameter", &[("Name", name), ("Type", &type_name(ty))]);
    }
    if let Some(ty) = &op.returns {
        xml.empty("ReturnType", &[("Type", &type_name(ty))]);
    }
    xml.description(&op.doc);
    xml.close(element);
}

fn container(xml: &mut Xml, sets: &[Entry]) {
    xml.open("EntityContainer", &[("Name", CONTAINER)]);
    for set in sets {
        let attributes = [("Name", set.name), ("EntityType", set.entity.as_str())];
        if set.bindings.is_empty() {
            xml.empty("EntitySet", &attributes);
            continue;
        }
        xml.open("EntitySet", &attributes);
        for (path, target) in &set.bindings {
            let attributes = [("Path", *path), ("Target", *target)];
            xml.empty("NavigationPropertyBinding", &attributes);
        }
        xml.close("EntitySet");
    }
    xml.close("EntityContainer");
}

fn type_name(ty: &Type) -> String {
    match ty.collection {
        true => format!("Collection({})", ty.name),
        false => ty.name.clone(),
    }
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

    fn described(&mut self, name: &str, attributes: &[(&str, &str)], doc: &str) {
        if doc.is_empty() {
            return self.empty(name, attributes);
        }
        self.open(name, attributes);
        self.description(doc);
        self.close(name);
    }

    fn description(&mut self, doc: &str) {
        if !doc.is_empty() {
            let term = ("Term", "Org.OData.Core.V1.Description");
            self.empty("Annotation", &[term, ("String", doc)]);
        }
    }
}

/// For text and attributes.
pub(crate) fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
