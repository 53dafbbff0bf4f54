//! CSDL in JSON. What it leaves out means the opposite of what XML leaves out: a type without
//! `$Nullable` is not nullable, one without `$Type` is text.

use serde_json::{Map, Value, json};

use super::NAMESPACE;
use super::tree::{BINDING, CONTAINER, Entry, Operation, Property, Schema, Structure, Type};

const CORE: &str =
    "https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.json";

/// The document.
pub(super) fn write(schemas: &[Schema]) -> String {
    let mut document = Map::new();
    document.insert("$Version".into(), "4.01".into());
    let container = format!("{NAMESPACE}.{CONTAINER}");
    document.insert("$EntityContainer".into(), container.into());
    let include = json!([{"$Namespace": "Org.OData.Core.V1"}]);
    document.insert("$Reference".into(), json!({CORE: {"$Include": include}}));
    for part in schemas {
        document.insert(part.namespace.into(), schema(part).into());
    }
    Value::Object(document).to_string()
}

fn schema(schema: &Schema) -> Map<String, Value> {
    let mut out = Map::new();
    for ty in &schema.structures {
        out.insert(ty.name.into(), structure(ty).into());
    }
    for ty in &schema.enums {
        let mut members = Map::from_iter([("$Kind".to_owned(), "EnumType".into())]);
        members.extend(ty.members.iter().map(|(n, v)| ((*n).into(), (*v).into())));
        out.insert(ty.name.into(), members.into());
    }
    for op in &schema.operations {
        let overloads = out.entry(op.name).or_insert_with(|| json!([]));
        // Something else of this name is a mistake of the model, which `undefined` finds.
        if let Value::Array(overloads) = overloads {
            overloads.push(operation(op).into());
        }
    }
    if let Some(sets) = &schema.container {
        out.insert(CONTAINER.into(), container(sets).into());
    }
    out
}

fn structure(ty: &Structure) -> Map<String, Value> {
    let mut out = Map::new();
    match ty.key {
        Some(key) => {
            out.insert("$Kind".into(), "EntityType".into());
            out.insert("$Key".into(), json!([key]));
        }
        None => {
            out.insert("$Kind".into(), "ComplexType".into());
        }
    }
    if ty.open {
        out.insert("$OpenType".into(), true.into());
    }
    for prop in &ty.props {
        out.insert(prop.name.into(), property(prop).into());
    }
    for nav in &ty.navs {
        let mut member = Map::from_iter([("$Kind".to_owned(), "NavigationProperty".into())]);
        put_type(&mut member, &nav.ty, !nav.ty.collection);
        out.insert(nav.name.into(), member.into());
    }
    describe(&mut out, &ty.doc);
    out
}

fn property(prop: &Property) -> Map<String, Value> {
    let mut out = Map::new();
    put_type(&mut out, &prop.ty, prop.nullable && !prop.ty.collection);
    if let Some(max) = prop.max_length {
        out.insert("$MaxLength".into(), max.into());
    }
    describe(&mut out, &prop.doc);
    out
}

fn operation(op: &Operation) -> Map<String, Value> {
    let mut out = Map::new();
    let kind = if op.action { "Action" } else { "Function" };
    out.insert("$Kind".into(), kind.into());
    out.insert("$IsBound".into(), true.into());
    if op.same_set {
        out.insert("$EntitySetPath".into(), BINDING.into());
    }
    let mut params = vec![parameter(BINDING, &op.binding, false)];
    let given = op.params.iter();
    params.extend(given.map(|(name, ty)| parameter(name, ty, !ty.collection)));
    out.insert("$Parameter".into(), params.into());
    if let Some(ty) = &op.returns {
        let mut returns = Map::new();
        put_type(&mut returns, ty, !ty.collection);
        out.insert("$ReturnType".into(), returns.into());
    }
    describe(&mut out, &op.doc);
    out
}

fn parameter(name: &str, ty: &Type, nullable: bool) -> Value {
    let mut out = Map::from_iter([("$Name".to_owned(), name.into())]);
    put_type(&mut out, ty, nullable);
    out.into()
}

fn container(sets: &[Entry]) -> Map<String, Value> {
    let mut out = Map::from_iter([("$Kind".to_owned(), "EntityContainer".into())]);
    for set in sets {
        let mut entry = json!({"$Collection": true, "$Type": set.entity});
        if !set.bindings.is_empty() {
            let bindings = set.bindings.iter();
            let bindings: Map<_, _> = bindings.map(|(n, t)| ((*n).into(), (*t).into())).collect();
            entry["$NavigationPropertyBinding"] = bindings.into();
        }
        out.insert(set.name.into(), entry);
    }
    out
}

fn put_type(out: &mut Map<String, Value>, ty: &Type, nullable: bool) {
    if ty.collection {
        out.insert("$Collection".into(), true.into());
    }
    if ty.name != "Edm.String" {
        out.insert("$Type".into(), ty.name.as_str().into());
    }
    if nullable {
        out.insert("$Nullable".into(), true.into());
    }
}

fn describe(out: &mut Map<String, Value>, doc: &str) {
    if !doc.is_empty() {
        out.insert("@Org.OData.Core.V1.Description".into(), doc.into());
    }
}
