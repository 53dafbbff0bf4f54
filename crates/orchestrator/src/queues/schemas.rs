//! The JSON schemas of queues (draft 7): what a schema may be, how it may change, and whether the
//! dictionary of an item is as its schema says.
//!
//! Items are checked in the transaction that writes them, for which others wait. So a schema is
//! accepted only if checking with it is quick: it needs no other document, does not contain itself,
//! and is not too large once its references are followed, nor are its patterns; those that try again
//! and again give up early. Schemas are compiled once and remembered.

use std::collections::HashSet;
use std::fmt::Display;
use std::sync::{Arc, LazyLock};

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, ValidationError, Validator};
use moka::sync::Cache;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value as Json};

use crate::error::{Code, Error, Result};

/// About how many bytes of compiled schemas are remembered: what a byte of text and a pattern take.
const REMEMBERED: u64 = 64 << 20;
const PER_BYTE: u32 = 8;
const PER_PATTERN: u32 = 256 << 10;
/// Parts of a schema with its references followed, and values that it enumerates: each of them may
/// look at each value.
const MAX_PARTS: u32 = 5_000;
/// Patterns among them, and the bytes that one may take when compiled.
const MAX_PATTERNS: u32 = 50;
const MAX_PATTERN_SIZE: usize = 8 << 20;
/// Parts within each other; JSON itself is read to a similar depth.
const MAX_DEPTH: u32 = 100;
/// How often a pattern may try again.
const MAX_BACKTRACKS: usize = 50_000;
/// Violations are looked for one by one unless there may be more: parts times values.
const MAX_VIOLATIONS: usize = 100_000;
/// Violations that a message names, and the characters it spends on each.
const NAMED: usize = 3;
const NAMED_LENGTH: usize = 200;

/// Fails unless the text is a schema that items can be checked against.
///
/// # Errors
/// 1907
pub(super) fn check_schema(member: &str, text: &str) -> Result<()> {
    compile(text)
        .map(drop)
        .map_err(|why| unusable(member, &why))
}

/// Fails unless the dictionary `member` of an item is as the schema of its queue says.
///
/// # Errors
/// 1906 with the first violations; 1907 when the schema is none.
pub(super) fn check(member: &str, schema: &str, content: &Json) -> Result<()> {
    let schema = compiled(schema).map_err(|why| unusable(member, &why))?;
    if schema.validator.is_valid(content) {
        return Ok(());
    }
    let named = match (schema.size.parts as usize).saturating_mul(values(content)) {
        0..=MAX_VIOLATIONS => format!(": {}", violations(&schema.validator, content)),
        _ => String::new(),
    };
    Err(Error::refused(
        Code::QueueItemSchemaViolationException,
        format!("{member} is not as the schema of the queue says{named}."),
    ))
}

/// How many values there are in a value, with itself.
fn values(value: &Json) -> usize {
    let within: usize = match value {
        Json::Array(list) => list.iter().map(values).sum(),
        Json::Object(map) => map.values().map(values).sum(),
        _ => 0,
    };
    within + 1
}

/// The first violations, and how many more there are.
fn violations(validator: &Validator, content: &Json) -> String {
    let mut errors = validator.iter_errors(content);
    let named: Vec<String> = errors.by_ref().take(NAMED).map(|e| violation(&e)).collect();
    let named = named.join("; ");
    match errors.count() {
        0 => named,
        n => format!("{named}, and {n} more"),
    }
}

/// What is wrong and where; the value itself may be a secret and is not shown.
fn violation(error: &ValidationError<'_>) -> String {
    let place = error.instance_path().to_string();
    let what = format!("{}", error.masked_with("the value"));
    let what: String = what.chars().take(NAMED_LENGTH).collect();
    match place.is_empty() {
        true => what,
        false => format!("at {place} {what}"),
    }
}

fn unusable(member: &str, why: &str) -> Error {
    let message = format!("{member} is not a JSON schema (draft 7) for queues: {why}");
    Error::refused(Code::InvalidQueueSchemaDefinition, message)
}

/// A schema as it is checked with.
struct Compiled {
    validator: Validator,
    size: Unfolding,
}

/// The compiled form of a schema.
fn compiled(text: &str) -> Result<Arc<Compiled>, Arc<String>> {
    static KNOWN: LazyLock<Cache<String, Arc<Compiled>>> = LazyLock::new(|| {
        Cache::builder()
            .max_capacity(REMEMBERED)
            .weigher(|text: &String, schema: &Arc<Compiled>| {
                let text = u32::try_from(text.len()).unwrap_or(u32::MAX);
                let patterns = schema.size.patterns.saturating_mul(PER_PATTERN);
                text.saturating_mul(PER_BYTE).saturating_add(patterns)
            })
            .build()
    });
    KNOWN.try_get_with_by_ref(text, || compile(text).map(Arc::new))
}

fn compile(text: &str) -> Result<Compiled, String> {
    let schema: Json = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if !schema.is_object() {
        return Err("it must be a JSON object.".into());
    }
    let size = Unfolding::of(&schema)?;
    let patterns = PatternOptions::fancy_regex()
        .backtrack_limit(MAX_BACKTRACKS)
        .size_limit(MAX_PATTERN_SIZE);
    let validator = jsonschema::options()
        .with_draft(Draft::Draft7)
        .with_pattern_options(patterns)
        .with_retriever(Nowhere)
        .build(&schema);
    // What is wrong may be long: the message says where it is.
    let validator = validator.map_err(|e| {
        let place = e.instance_path().to_string();
        let at = if place.is_empty() {
            String::new()
        } else {
            format!(" at {place}")
        };
        format!("{}{at}", e.masked())
    })?;
    Ok(Compiled { validator, size })
}

/// Where schemas look for documents that are not in them.
struct Nowhere;

impl Retrieve for Nowhere {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        Err(elsewhere(uri).into())
    }
}

fn elsewhere(reference: &impl Display) -> String {
    format!(
        "'{reference}' is another document, which is not fetched: put it into this one and refer to \
         it as '#/definitions/…'"
    )
}

/// A part of a schema.
#[derive(Clone, Copy)]
struct Part<'s> {
    /// The closest part around it, or itself, with an `$id`: references are relative to that.
    document: &'s Json,
    schema: &'s Json,
}

impl<'s> Part<'s> {
    fn whole(schema: &'s Json) -> Self {
        Self {
            document: schema,
            schema,
        }
    }

    /// A part of this part.
    fn inner(self, schema: &'s Json) -> Self {
        // An `$id` like `#name` only names a place.
        let id = schema.get("$id").and_then(Json::as_str);
        let document = match id.is_some_and(|id| !id.starts_with('#')) {
            true => schema,
            false => self.document,
        };
        Self { document, schema }
    }

    /// The part that this one refers to. Draft 7 looks at nothing beside a reference.
    fn target(self) -> Option<Result<Self, String>> {
        let reference = self.schema.get("$ref")?.as_str()?;
        Some(self.resolve(reference))
    }

    fn resolve(self, reference: &str) -> Result<Self, String> {
        let nowhere = || format!("'{reference}' leads nowhere: refer to '#/definitions/…'.");
        let pointer = match reference.strip_prefix('#') {
            Some(pointer) if pointer.is_empty() || pointer.starts_with('/') => pointer,
            Some(_) => return Err(nowhere()),
            None => return Err(elsewhere(&reference)),
        };
        let mut part = Self::whole(self.document);
        for step in pointer.split('/').skip(1) {
            // A pointer in a reference is written as addresses are.
            let step = percent_decode_str(step)
                .decode_utf8()
                .map_err(|_| nowhere())?;
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match part.schema {
                Json::Object(map) => map.get(&step),
                Json::Array(list) => step.parse::<usize>().ok().and_then(|n| list.get(n)),
                _ => None,
            };
            part = part.inner(next.ok_or_else(nowhere)?);
        }
        Ok(part)
    }
}

/// What a walk through a schema that follows its references has seen.
#[derive(Default)]
struct Unfolding {
    parts: u32,
    patterns: u32,
}

impl Unfolding {
    /// Fails when the schema has no end, or too much of anything.
    fn of(schema: &Json) -> Result<Self, String> {
        let mut unfolding = Self::default();
        unfolding.enter(Part::whole(schema), 0)?;
        Ok(unfolding)
    }

    fn enter(&mut self, part: Part<'_>, depth: u32) -> Result<(), String> {
        let Json::Object(members) = part.schema else {
            return Ok(());
        };
        self.count(members)?;
        if depth > MAX_DEPTH {
            return Err(format!(
                "it contains itself, or has more than {MAX_DEPTH} parts within each other."
            ));
        }
        if let Some(target) = part.target() {
            return self.enter(target?, depth + 1);
        }
        for (name, value) in members {
            for inner in applied(name, value) {
                self.enter(part.inner(inner), depth + 1)?;
            }
        }
        Ok(())
    }

    /// Counts a part with these members.
    fn count(&mut self, members: &Map<String, Json>) -> Result<(), String> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let listed = members.get("enum").and_then(Json::as_array);
        let listed = number(listed.map_or(0, Vec::len));
        self.parts = self.parts.saturating_add(1).saturating_add(listed);
        let named = members.get("patternProperties").and_then(Json::as_object);
        let patterns = number(named.map_or(0, Map::len));
        let patterns = patterns.saturating_add(members.contains_key("pattern").into());
        self.patterns = self.patterns.saturating_add(patterns);
        for (what, count, most) in [
            ("parts", self.parts, MAX_PARTS),
            ("patterns", self.patterns, MAX_PATTERNS),
        ] {
            if count > most {
                return Err(format!(
                    "with its references followed it has more than {most} {what}."
                ));
            }
        }
        Ok(())
    }
}

/// The schemas in a member of a schema that are applied to something.
fn applied<'s>(name: &str, value: &'s Json) -> Vec<&'s Json> {
    match (name, value) {
        ("allOf" | "anyOf" | "oneOf" | "items", Json::Array(list)) => list.iter().collect(),
        ("properties" | "patternProperties" | "dependencies", Json::Object(map)) => {
            map.values().collect()
        }
        (
            "items"
            | "additionalItems"
            | "contains"
            | "additionalProperties"
            | "propertyNames"
            | "if"
            | "then"
            | "else"
            | "not",
            schema,
        ) => vec![schema],
        _ => Vec::new(),
    }
}

/// Fails unless whatever a schema let pass still passes after it changed: items that wait, and the
/// programs that add them, are as the old one says. Compared are the members that it declares, also
/// within others: they must keep their types, must not become required, and other members must not
/// become forbidden.
///
/// # Errors
/// 1908
pub(super) fn check_change(member: &str, old: &str, new: &str) -> Result<()> {
    let (Ok(old), Ok(new)) = (serde_json::from_str(old), serde_json::from_str(new)) else {
        // What is no schema is refused elsewhere.
        return Ok(());
    };
    match narrowed(Part::whole(&old), Part::whole(&new), "", 0) {
        None => Ok(()),
        Some(what) => Err(Error::refused(
            Code::InvalidQueueSchemaDefinitionChange,
            format!(
                "{member} refuses what it accepted before: {what}. Change it so that it accepts \
                 that, or remove the schema first."
            ),
        )),
    }
}

/// What `new` refuses and `old` did not; `place` is a JSON pointer into the dictionary.
fn narrowed(old: Part<'_>, new: Part<'_>, place: &str, depth: u32) -> Option<String> {
    // An old schema may be from before there was a limit.
    if depth > MAX_DEPTH {
        return None;
    }
    match (old.target(), new.target()) {
        (None, None) => {}
        (old_target, new_target) => {
            let old = old_target.and_then(Result::ok).unwrap_or(old);
            let new = new_target.and_then(Result::ok).unwrap_or(new);
            return narrowed(old, new, place, depth + 1);
        }
    }
    let here = match place {
        "" => "the dictionary",
        place => place,
    };
    let (was, is) = match (old.schema, new.schema) {
        (Json::Object(was), Json::Object(is)) => (was, is),
        (Json::Bool(false), _) | (_, Json::Bool(true)) => return None,
        (_, Json::Bool(false)) => return Some(format!("{here} is forbidden now")),
        _ => return None,
    };
    if let Some(types) = types(is) {
        // The dictionary is an object whether or not a schema says so.
        let before = types_before(was, place.is_empty());
        if !before.is_some_and(|before| before.iter().all(|ty| accepts(&types, ty))) {
            return Some(format!("{here} has another type now"));
        }
    }
    let known: HashSet<&str> = names(was, "required").into_iter().collect();
    let added = names(is, "required")
        .into_iter()
        .find(|n| !known.contains(n));
    if let Some(name) = added {
        return Some(format!("{place}/{name} is required now"));
    }
    let is_closed =
        |schema: &Map<String, Json>| schema.get("additionalProperties") == Some(&Json::Bool(false));
    if is_closed(is) && !is_closed(was) {
        return Some(format!("{here} must not have other members now"));
    }
    let none = Map::new();
    let (declared, kept) = (members(was, &none), members(is, &none));
    declared.iter().find_map(|(name, schema)| {
        let place = format!("{place}/{name}");
        match kept.get(name) {
            Some(now) => narrowed(old.inner(schema), new.inner(now), &place, depth + 1),
            None if is_closed(is) => Some(format!("{place} is forbidden now")),
            None => None,
        }
    })
}

fn members<'s>(
    schema: &'s Map<String, Json>,
    none: &'s Map<String, Json>,
) -> &'s Map<String, Json> {
    let properties = schema.get("properties").and_then(Json::as_object);
    properties.unwrap_or(none)
}

/// The texts of a member that is a list of them, or one of them.
fn names<'s>(schema: &'s Map<String, Json>, member: &str) -> Vec<&'s str> {
    match schema.get(member) {
        Some(Json::Array(list)) => list.iter().filter_map(Json::as_str).collect(),
        Some(Json::String(one)) => vec![one],
        _ => Vec::new(),
    }
}

/// The types that a schema accepts; `None` for all.
fn types(schema: &Map<String, Json>) -> Option<Vec<&str>> {
    schema.get("type").map(|_| names(schema, "type"))
}

fn types_before(schema: &Map<String, Json>, is_dictionary: bool) -> Option<Vec<&str>> {
    types(schema).or_else(|| is_dictionary.then(|| vec!["object"]))
}

fn accepts(types: &[&str], ty: &str) -> bool {
    types.contains(&ty) || (ty == "integer" && types.contains(&"number"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use serde_json::json;

    use super::*;

    fn refused(schema: &Json) -> String {
        let error = check_schema("SpecificDataJsonSchema", &schema.to_string());
        error.unwrap_err().to_string()
    }

    fn accepted(schema: &Json) {
        check_schema("SpecificDataJsonSchema", &schema.to_string()).unwrap();
    }

    #[test]
    fn schemas_of_elsewhere_are_refused_and_never_fetched() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let there = format!("http://{}/schema.json", listener.local_addr().unwrap());
        for schema in [
            json!({"$ref": there}),
            json!({"$id": there, "properties": {"a": {"$ref": "other.json"}}}),
            json!({"properties": {"a": {"$ref": "file:///etc/hostname"}}}),
        ] {
            let refused = refused(&schema);
            assert!(refused.contains("not fetched"), "{refused}");
        }
        accepted(&json!({"$schema": there}));
        assert!(listener.accept().is_err(), "the schema was asked for");
    }

    #[test]
    fn patterns_that_would_grow_without_end_are_refused_in_few_words() {
        let nested = format!("{}{}", "(".repeat(20_000), ")".repeat(20_000));
        for pattern in ["(((a{1,500}){1,500}){1,500}){1,500}", &nested] {
            let refused = refused(&json!({"properties": {"a": {"pattern": pattern}}}));
            assert!(refused.ends_with(" at /properties/a/pattern"), "{refused}");
            assert!(refused.len() < 200, "{refused}");
        }
    }

    #[test]
    fn schemas_that_would_keep_others_waiting_are_refused() {
        let patterns = |count: usize| {
            let property = |n: usize| (n.to_string(), json!({"pattern": r"^\w{1,20}$"}));
            json!({"properties": (0..count).map(property).collect::<Map<_, _>>()})
        };
        accepted(&patterns(50));
        let many = refused(&patterns(51));
        assert!(many.contains("more than 50 patterns"), "{many}");
        let named = (0..51).map(|n| (format!("^{n}"), json!(true)));
        let many = refused(&json!({"patternProperties": named.collect::<Map<_, _>>()}));
        assert!(many.contains("more than 50 patterns"), "{many}");
        accepted(&json!({"properties": {"a": {"pattern": r"^\p{L}{1,100}$"}}}));
        let large = refused(&json!({"properties": {"a": {"pattern": r"^\p{L}{5000}$"}}}));
        assert!(large.ends_with(" at /properties/a/pattern"), "{large}");
        let words = |count: usize| json!({"enum": (0..count).collect::<Vec<_>>()});
        accepted(&json!({"properties": {"a": words(4_998)}}));
        let many = refused(&json!({"properties": {"a": words(5_000)}}));
        assert!(many.contains("more than 5000 parts"), "{many}");
    }

    #[test]
    fn what_is_wrong_with_large_contents_is_not_looked_for() {
        let parts = vec![json!({"type": "string"}); 4_000];
        let schema = json!({"properties": {"a": {"items": {"allOf": parts}}}}).to_string();
        let wrong = |length: usize| {
            let error = check("Output", &schema, &json!({"a": vec![1; length]}));
            error.unwrap_err().to_string()
        };
        assert!(wrong(2).contains("at /a/0 "), "{}", wrong(2));
        let said = wrong(25_000);
        assert!(said.ends_with("the schema of the queue says."), "{said}");
    }

    #[test]
    fn lists_of_what_is_required_are_compared_quickly() {
        let required = |from: u32| {
            let names: Vec<_> = (from..from + 100_000).map(|n| n.to_string()).collect();
            json!({"required": names}).to_string()
        };
        check_change("Output", &required(0), &required(0)).unwrap();
        let error = check_change("Output", &required(0), &required(1)).unwrap_err();
        assert!(error.to_string().contains("/100000 is required"), "{error}");
    }

    #[test]
    fn patterns_give_up() {
        let schema = json!({"properties": {"a": {"pattern": r"^(?=a)(a+)+\1$"}}}).to_string();
        let content = json!({"a": "a".repeat(60) + "!"});
        let error = check("SpecificContent", &schema, &content).unwrap_err();
        assert!(error.to_string().contains("at /a "), "{error}");
    }

    #[test]
    fn schemas_without_end_are_refused() {
        for endless in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"properties": {"child": {"$ref": "#"}}}),
            json!({"$ref": "#/definitions/a", "definitions":
                {"a": {"not": {"$ref": "#/definitions/b"}}, "b": {"not": {"$ref": "#/definitions/a"}}}}),
        ] {
            let refused = refused(&endless);
            assert!(refused.contains("contains itself"), "{refused}");
        }
        // Each step doubles what the next one costs.
        let step = |n: u32| {
            let next = json!({"$ref": format!("#/definitions/{}", n + 1)});
            (n.to_string(), json!({"allOf": [next, next]}))
        };
        let mut definitions: Map<String, Json> = (0..40).map(step).collect();
        definitions.insert("40".into(), json!({}));
        let refused = refused(&json!({"$ref": "#/definitions/0", "definitions": definitions}));
        assert!(refused.contains("5000 parts"), "{refused}");
    }

    #[test]
    fn references_within_a_schema() {
        let schema = json!({
            "$id": "http://example.com/root.json",
            "definitions": {
                "a/b": {"type": "string"},
                "inner": {"$id": "inner.json", "definitions": {"n": {"type": "number"}},
                    "allOf": [{"$ref": "#/definitions/n"}]},
            },
            "properties": {
                "a": {"$ref": "#/definitions/a~1b"},
                "b": {"$ref": "#/definitions/a%7E1b"},
                "c": {"$ref": "#/definitions/inner"},
                "$ref": {"type": "string"},
            },
        });
        accepted(&schema);
        let check = |content: Json| check("Output", &schema.to_string(), &content);
        check(json!({"a": "x", "b": "y", "c": 1})).unwrap();
        for wrong in [json!({"a": 1}), json!({"b": 1}), json!({"c": "x"})] {
            check(wrong).unwrap_err();
        }
        for nowhere in ["#/definitions/x", "#name", "#/definitions/%FF"] {
            let refused = refused(&json!({"properties": {"a": {"$ref": nowhere}}}));
            assert!(refused.contains("leads nowhere"), "{refused}");
        }
    }

    #[test]
    fn violations_are_named_and_values_are_not() {
        let schema = json!({
            "required": ["Id", "Name"],
            "properties": {
                "Id": {}, "Name": {}, "Password": {"maxLength": 3}, "Amount": {"type": "number"},
                "Kind": {"enum": ["a", "b"]},
            },
            "additionalProperties": false,
        });
        let schema = schema.to_string();
        check("SpecificContent", &schema, &json!({"Id": 1, "Name": "x"})).unwrap();
        let content = json!({"Id": 1, "Password": "hunter22", "Amount": "n0t-a-number",
            "Kind": "s3cret", "More": 1});
        let error = check("SpecificContent", &schema, &content).unwrap_err();
        let Error::Refused { code, message } = error else {
            panic!("{error}")
        };
        assert_eq!(code, Code::QueueItemSchemaViolationException);
        assert!(message.starts_with("SpecificContent is not"), "{message}");
        assert!(message.ends_with(", and 2 more."), "{message}");
        for secret in ["hunter22", "n0t-a-number", "s3cret"] {
            assert!(!message.contains(secret), "{message}");
        }
        let one = check(
            "Output",
            &schema,
            &json!({"Id": 1, "Name": 2, "Amount": "x"}),
        );
        let one = one.unwrap_err().to_string();
        assert!(one.contains("at /Amount "), "{one}");
        assert!(!one.contains("more"), "{one}");
    }

    #[test]
    fn a_schema_may_be_widened_but_not_narrowed() {
        let old = json!({
            "required": ["Id"],
            "properties": {
                "Id": {"type": "integer"}, "Any": {},
                "In": {"properties": {"X": {"type": "string"}}},
            },
        });
        let change =
            |new: Json| check_change("OutputDataJsonSchema", &old.to_string(), &new.to_string());
        let merged = |more: Json| {
            let mut new = old.clone();
            let (Json::Object(new_members), Json::Object(more)) = (&mut new, more) else {
                panic!("objects")
            };
            new_members.extend(more);
            new
        };
        let with = |name: &str, schema: Json| {
            let mut new = old.clone();
            new["properties"][name] = schema;
            new
        };
        for wider in [
            old.clone(),
            json!({}),
            merged(json!({"required": [], "type": "object"})),
            with("Id", json!({"type": "number"})),
            with("Id", json!({"type": ["string", "integer"]})),
            with("Id", json!({})),
            with("New", json!({"type": "string"})),
        ] {
            change(wider).unwrap();
        }
        for (narrower, what) in [
            (
                merged(json!({"required": ["Id", "Any"]})),
                "/Any is required",
            ),
            (
                merged(json!({"type": "array"})),
                "the dictionary has another type",
            ),
            (
                merged(json!({"additionalProperties": false})),
                "other members",
            ),
            (
                with("Id", json!({"type": "string"})),
                "/Id has another type",
            ),
            (
                with("Any", json!({"type": "string"})),
                "/Any has another type",
            ),
            (with("Any", json!(false)), "/Any is forbidden"),
            (
                with("In", json!({"properties": {"X": {"type": "null"}}})),
                "/In/X has another type",
            ),
            (with("In", json!({"required": ["X"]})), "/In/X is required"),
        ] {
            let error = change(narrower).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
        let named = |ty: &str| {
            let definitions = json!({"id": {"type": ty}});
            let id = json!({"$ref": "#/definitions/id"});
            json!({"definitions": definitions, "required": ["Id"], "properties": {"Id": id}})
        };
        change(named("number")).unwrap();
        let error = change(named("string")).unwrap_err().to_string();
        assert!(error.contains("/Id has another type"), "{error}");
        let (old, new) = (named("string").to_string(), named("number").to_string());
        check_change("Output", &old, &new).unwrap_err();
        let endless = json!({"$ref": "#"}).to_string();
        check_change("Output", &endless, &endless).unwrap();

        let closed = json!({"properties": {"A": {}}, "additionalProperties": false}).to_string();
        let without = json!({"additionalProperties": false}).to_string();
        check_change("Output", &closed, &without).unwrap_err();
        check_change(
            "Output",
            &closed,
            &json!({"properties": {"B": {}}}).to_string(),
        )
        .unwrap();
    }
}
