//! The types of a model as JSON Schema.

use serde_json::{Map, Value, json};

use crate::edm::{EntitySet, EnumType, Kind, Prop, Visible};
use crate::metadata::types::{Named, TypeName, Types};

/// All of them, by name.
pub(super) fn write(types: &Types) -> Map<String, Value> {
    let mut out = Map::new();
    for set in &types.entities {
        out.insert(set.entity.to_owned(), entity(set));
    }
    for ty in &types.complex {
        out.insert(ty.name.to_owned(), structure(ty.props, ty.open));
    }
    for ty in &types.enums {
        out.insert(ty.name.to_owned(), enumeration(ty));
    }
    for set in &types.entities {
        out.entry(page_name(set.entity))
            .or_insert_with(|| page(reference(set.entity)));
    }
    out
}

/// An entity. What a body that creates one must give is said by [`complete`], because an answer
/// may hold only what was selected.
fn entity(set: &EntitySet) -> Value {
    let mut members = properties(set.props);
    for nav in set.navs {
        let target = (nav.target)().entity;
        let mut schema = match nav.many {
            true => array(reference(target)),
            false => nullable(reference(target)),
        };
        if nav.given.is_none() {
            schema["readOnly"] = true.into();
        }
        schema["description"] = "There when it is expanded.".into();
        members.insert(nav.name.to_owned(), schema);
    }
    let mut schema = json!({"type": "object", "properties": members});
    if !set.doc.is_empty() {
        schema["description"] = set.doc.into();
    }
    schema
}

fn structure(props: &[Prop], open: bool) -> Value {
    let mut schema = json!({"type": "object", "properties": properties(props)});
    let required = required(props);
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    if open {
        schema["additionalProperties"] = true.into();
    }
    schema
}

fn required(props: &[Prop]) -> Vec<&'static str> {
    let required = props.iter().filter(|prop| prop.required && !prop.read_only);
    required.map(|prop| prop.name).collect()
}

/// An entity with all that a body must give.
pub(super) fn complete(set: &EntitySet) -> Value {
    body(set, &required(set.props))
}

/// An entity of which a body gives a part.
pub(super) fn partial(set: &EntitySet) -> Value {
    body(set, &[])
}

/// An entity with what a body must give, and what it may give in place of navigation properties.
fn body(set: &EntitySet, required: &[&str]) -> Value {
    let mut all = vec![reference(set.entity)];
    if !required.is_empty() {
        all.push(json!({"required": required}));
    }
    let given = set.navs.iter().filter_map(|nav| nav.given);
    let given: Map<_, _> = given
        .map(|prop| (prop.name.to_owned(), property(prop)))
        .collect();
    if !given.is_empty() {
        all.push(json!({"properties": given}));
    }
    match &all[..] {
        [whole] => whole.clone(),
        _ => json!({"allOf": all}),
    }
}

fn enumeration(ty: &EnumType) -> Value {
    let names: Vec<_> = ty.members.iter().map(|(name, _)| *name).collect();
    json!({"type": "string", "enum": names})
}

fn properties(props: &[Prop]) -> Map<String, Value> {
    let mut out = Map::new();
    for prop in props.iter().filter(|prop| prop.visible != Visible::Asked) {
        out.insert(prop.name.to_owned(), property(prop));
    }
    out
}

pub(super) fn property(prop: &Prop) -> Value {
    let mut schema = of_kind(prop.kind);
    if let Some((least, most)) = prop.range {
        let (minimum, maximum) = match prop.kind.is_list() {
            true => ("minItems", "maxItems"),
            false => ("minimum", "maximum"),
        };
        schema[minimum] = least.into();
        schema[maximum] = most.into();
    }
    if let Some(max) = prop.max_length {
        schema["maxLength"] = max.into();
    }
    // A list without elements is `[]`; what not every answer shows is null where it is not shown.
    if (prop.nullable || prop.visible != Visible::Always) && !prop.kind.is_list() {
        schema = nullable(schema);
    }
    if prop.read_only {
        schema["readOnly"] = true.into();
    }
    let shown = match prop.visible {
        Visible::Always | Visible::Asked => "",
        Visible::Single => "Null unless the entity is read by its key.",
        Visible::List => "Null when the entity is read by its key.",
    };
    let filter = match prop.filter || !prop.kind.is_scalar() {
        true => "",
        false => "Not for $filter and $orderby.",
    };
    let texts = [prop.doc, shown, filter];
    let texts: Vec<_> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    if !texts.is_empty() {
        schema["description"] = texts.join(" ").into();
    }
    schema
}

/// The values of a kind, without null.
pub(super) fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Double => json!({"type": "number", "format": "double"}),
        Kind::String => json!({"type": "string"}),
        Kind::Guid => json!({"type": "string", "format": "uuid"}),
        Kind::DateTime => json!({"type": "string", "format": "date-time"}),
        Kind::Enum(ty) => reference(ty.name),
        Kind::Complex(ty) => reference(ty.name),
        Kind::Collection(ty) => array(reference(ty.name)),
        Kind::Strings => array(of_kind(Kind::String)),
        Kind::Int64s => array(of_kind(Kind::Int64)),
        Kind::Int32s => array(of_kind(Kind::Int32)),
        Kind::Guids => array(of_kind(Kind::Guid)),
        Kind::Dates => array(of_kind(Kind::DateTime)),
        Kind::Open => json!({"type": "object", "additionalProperties": true}),
        Kind::Version => json!({"type": "string", "contentEncoding": "base64"}),
    }
}

/// The values of a type by its name; anything if nobody describes it.
pub(super) fn of_name(types: &Types, name: TypeName<'_>) -> Value {
    let one = match (name.kind(), types.find(name.name)) {
        (Some(kind), _) => of_kind(kind),
        (None, Some(Named::Dictionary)) => of_kind(Kind::Open),
        (None, Some(_)) => reference(name.name),
        (None, None) => json!({}),
    };
    match name.collection {
        true => array(one),
        false => one,
    }
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// The name of the schema of a page of entities.
pub(super) fn page_name(entity: &str) -> String {
    format!("CollectionOf{entity}")
}

/// A list as OData answers with it.
pub(super) fn page(item: Value) -> Value {
    json!({
        "type": "object",
        "properties": {
            "@odata.context": {"type": "string"},
            "@odata.count": {"type": "integer", "format": "int64",
                "description": "How many there are on all pages."},
            "value": array(item),
            "@odata.nextLink": {"type": "string",
                "description": "The address of the next page, if one was asked for and there is more."},
        },
        "required": ["value"],
    })
}

fn array(item: Value) -> Value {
    json!({"type": "array", "items": item})
}

/// The same, or null.
pub(super) fn nullable(schema: Value) -> Value {
    match schema.get("type").cloned() {
        Some(Value::String(name)) => {
            let mut schema = schema;
            schema["type"] = json!([name, "null"]);
            schema
        }
        _ => json!({"anyOf": [schema, {"type": "null"}]}),
    }
}
