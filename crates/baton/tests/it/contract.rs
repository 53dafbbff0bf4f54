//! What the server says of itself, held against what the published contract says: every structure that
//! both have, member by member.
//!
//! The answers themselves are compared wherever a test expects one (`testkit::contract`).

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::contract::{Type, differences, facts};
use testkit::{Backend, run};

use crate::support::server;

/// The description is the same on both databases.
#[test]
fn structures_have_the_members_of_the_contract() {
    run(Backend::Sqlite, async |backend| {
        let server = server(backend).await;
        let document = server.anonymous().get("/swagger/v20.0/swagger.json").await;
        let document = document.ok(200);
        let schemas = &document["components"]["schemas"];
        let mut found = BTreeSet::new();
        for (name, schema) in schemas.as_object().expect("schemas") {
            compare(schemas, name, schema, &mut found);
        }
        let known: BTreeSet<String> = ["more", "less", "type"]
            .into_iter()
            .flat_map(|kind| {
                differences()
                    .of(kind)
                    .map(move |words| format!("{kind} {}", words[0]))
            })
            .collect();
        let unknown: Vec<_> = found.difference(&known).cloned().collect();
        assert!(
            unknown.is_empty(),
            "ours and the contract's differ in {}:\n{}",
            unknown.len(),
            unknown.join("\n")
        );
    });
}

/// What the contract calls a structure of ours.
fn official(name: &str) -> &str {
    let renamed = differences().of("name").find(|words| words[0] == name);
    renamed.map_or(name, |words| words[1])
}

fn compare(schemas: &Value, name: &str, schema: &Value, found: &mut BTreeSet<String>) {
    let name = official(name);
    let Some(contract) = facts().schema(name) else {
        return;
    };
    let Some(ours) = schema["properties"].as_object() else {
        return;
    };
    for (member, ours) in ours {
        match contract.member(member) {
            Some(theirs) if !same_type(schemas, ours, &theirs.ty) => {
                found.insert(format!("type {name}.{member}"));
            }
            None if !contract.open && !differences().is_open(name) => {
                found.insert(format!("more {name}.{member}"));
            }
            _ => {}
        }
    }
    for theirs in &contract.members {
        if !ours.contains_key(theirs.name) {
            found.insert(format!("less {name}.{}", theirs.name));
        }
    }
}

/// Whether a schema of ours is of the contract's type; null, which the contract never mentions, aside.
fn same_type(schemas: &Value, ours: &Value, theirs: &Type) -> bool {
    let (ours, name) = resolve(schemas, ours);
    let kind = |wanted: &str| match &ours["type"] {
        Value::Array(kinds) => kinds.iter().any(|k| k == wanted),
        kind => kind == wanted,
    };
    let format = ours["format"].as_str().unwrap_or_default();
    match theirs {
        Type::Any | Type::File => true,
        Type::Bool => kind("boolean"),
        Type::Text(_) | Type::Bytes => kind("string"),
        Type::Uuid => kind("string") && format == "uuid",
        Type::Time => kind("string") && format == "date-time",
        Type::Int32 => kind("integer") && format == "int32",
        Type::Int64 => kind("integer") && format == "int64",
        Type::Number => kind("number"),
        Type::Enum(names) => {
            let ours: Vec<_> = ours["enum"].as_array().into_iter().flatten().collect();
            let ours: BTreeSet<_> = ours.iter().filter_map(|v| v.as_str()).collect();
            ours == names.iter().copied().collect()
        }
        Type::List(element) => kind("array") && same_type(schemas, &ours["items"], element),
        Type::Map(_) => kind("object"),
        Type::Schema(wanted) => {
            let wanted = differences().served_as(wanted).unwrap_or(wanted);
            name.is_none_or(|name| official(name) == wanted) && kind("object")
        }
    }
}

/// The schema behind references, and the name that it was reached by.
fn resolve<'v>(schemas: &'v Value, schema: &'v Value) -> (&'v Value, Option<&'v str>) {
    let choice = ["anyOf", "oneOf", "allOf"]
        .iter()
        .find_map(|key| schema[key].as_array());
    let inner = choice.and_then(|all| all.iter().find(|one| one["type"] != "null"));
    let schema = inner.unwrap_or(schema);
    match schema["$ref"]
        .as_str()
        .and_then(|target| target.rsplit('/').next())
    {
        Some(name) => (&schemas[name], Some(name)),
        None => (schema, None),
    }
}
