//! Values for the members of bodies: such as they may be, and such as they may not.

use serde_json::{Value, json};
use testkit::contract::{Member, Type, facts};

use super::member;

/// Structures within structures are tried so deep.
const DEPTH: usize = 3;

/// One value for one member of a body, which may stand in a structure.
pub struct Probe {
    /// `UnattendedRobot/CredentialType`
    pub path: String,
    /// The body that says nothing else, but for what structures must have.
    pub body: Value,
    /// What is sent with it.
    pub with: Value,
}

impl Probe {
    /// The member of the body that it is in.
    pub fn member(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// Path and value, for people.
    pub fn shown(&self) -> String {
        format!("{} {}", self.path, self.body)
    }

    /// Puts the value into a body that says other things, too.
    pub fn put_into(&self, body: &mut Value) {
        merge(body, &self.body);
        if self.with.is_object() {
            merge(body, &self.with);
        }
    }

    /// The body that says nothing else.
    pub fn alone(&self) -> Value {
        let mut body = json!({});
        self.put_into(&mut body);
        body
    }
}

/// Objects are merged, everything else is replaced; of lists the first elements are merged.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                let known = into.keys().find(|known| known.eq_ignore_ascii_case(name));
                let known = known.cloned().unwrap_or_else(|| name.clone());
                merge(into.entry(known).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) if !from.is_empty() => {
            into.truncate(1);
            match (into.first_mut(), from.first()) {
                (Some(into), Some(from)) => merge(into, from),
                _ => *into = from.clone(),
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Whether everything that was sent is there.
pub fn holds(sent: &Value, shown: &Value) -> bool {
    match (sent, shown) {
        (Value::Object(sent), shown) => sent.iter().all(|(name, value)| {
            let there = member(shown, name);
            there.is_some_and(|there| holds(value, there))
        }),
        (Value::Array(sent), Value::Array(shown)) => {
            let all = sent
                .iter()
                .zip(shown)
                .all(|(sent, shown)| holds(sent, shown));
            sent.len() == shown.len() && all
        }
        (Value::String(sent), Value::String(shown)) => first_name(sent).eq_ignore_ascii_case(shown),
        (sent, shown) => sent == shown,
    }
}

/// Some runtimes have newer names; shown is the first.
fn first_name(name: &str) -> &str {
    match name {
        "Studio" | "RpaDeveloper" => "Development",
        "CitizenDeveloper" => "StudioX",
        "RpaDeveloperPro" => "StudioPro",
        name => name,
    }
}

/// Values that a member of a type may have.
fn plausible(ty: &Type) -> Vec<Value> {
    match ty {
        Type::Bool => vec![json!(true), json!(false)],
        Type::Text(_) => vec![json!("kept")],
        Type::Uuid => vec![json!("0f0e0d0c-0b0a-4908-8706-050403020100")],
        Type::Time => vec![json!("2031-05-06T07:08:09.123Z")],
        Type::Bytes => vec![json!("AAAAAAAAAAE=")],
        Type::Int32 | Type::Int64 | Type::Number => vec![json!(7)],
        Type::Enum(names) => names.iter().map(|name| json!(name)).collect(),
        Type::Map(_) => vec![json!({"Kept": "yes"})],
        Type::Any | Type::File | Type::List(_) | Type::Schema(_) => Vec::new(),
    }
}

/// A probe for each value of each member of a structure, without those that the contract itself calls
/// read-only. `given` says what a member may be where its type does not tell.
pub fn values(schema: &str, given: &dyn Fn(&str) -> Option<Vec<Value>>) -> Vec<Probe> {
    let mut probes = Vec::new();
    members(schema, "", DEPTH, given, &mut probes);
    probes
}

fn members(
    schema: &str,
    prefix: &str,
    depth: usize,
    given: &dyn Fn(&str) -> Option<Vec<Value>>,
    probes: &mut Vec<Probe>,
) {
    for member in writable(schema) {
        let path = format!("{prefix}{}", member.name);
        let mut add = |path: &str, value: Value| {
            probes.push(Probe {
                path: path.to_owned(),
                body: json!({member.name: value}),
                with: Value::Null,
            });
        };
        if let Some(values) = given(&path) {
            values.into_iter().for_each(|value| add(&path, value));
            continue;
        }
        let (element, listed) = match &member.ty {
            Type::List(element) => (&**element, true),
            ty => (ty, false),
        };
        let wrap = |value: Value| if listed { json!([value]) } else { value };
        match element {
            Type::Schema(name) if depth > 0 => {
                let mut inner = Vec::new();
                members(name, &format!("{path}/"), depth - 1, given, &mut inner);
                for probe in inner {
                    let mut value = needed(name, &path, given);
                    merge(&mut value, &probe.body);
                    add(&probe.path, wrap(value));
                }
            }
            ty => plausible(ty)
                .into_iter()
                .for_each(|value| add(&path, wrap(value))),
        }
    }
}

fn writable(schema: &str) -> impl Iterator<Item = &'static Member> {
    let schema = facts().schema(schema);
    let members = schema.map(|schema| &schema.members[..]).unwrap_or_default();
    members.iter().filter(|member| !member.read_only)
}

/// What a structure must have.
fn needed(schema: &str, path: &str, given: &dyn Fn(&str) -> Option<Vec<Value>>) -> Value {
    let mut object = json!({});
    for member in writable(schema).filter(|member| member.required) {
        let values = given(&format!("{path}/{}", member.name));
        let values = values.unwrap_or_else(|| plausible(&member.ty));
        if let Some(value) = values.into_iter().next() {
            object[member.name] = value;
        }
    }
    object
}

/// A probe for each member of a structure with a value of another type, which nobody can take for one
/// of its own: an object for a single value, a text for a structure or a list. `body` holds what
/// structures must have.
pub fn nonsense(schema: &str, body: &Value) -> Vec<Probe> {
    let mut probes = Vec::new();
    unfit(schema, "", DEPTH, body, &mut probes);
    probes
}

fn unfit(schema: &str, prefix: &str, depth: usize, body: &Value, probes: &mut Vec<Probe>) {
    for known in writable(schema) {
        let path = format!("{prefix}{}", known.name);
        let mut add = |path: &str, value: Value| {
            probes.push(Probe {
                path: path.to_owned(),
                body: json!({known.name: value}),
                with: Value::Null,
            });
        };
        let wrong = match &known.ty {
            Type::Any | Type::File => continue,
            Type::List(_) | Type::Map(_) | Type::Schema(_) => json!("nonsense"),
            _ => json!({"non": ["sense"]}),
        };
        add(&path, wrong);
        let (element, listed) = match &known.ty {
            Type::List(element) => (&**element, true),
            ty => (ty, false),
        };
        let wrap = |value: Value| if listed { json!([value]) } else { value };
        match element {
            Type::Schema(name) if depth > 0 => {
                let there = member(body, known.name).cloned().unwrap_or_default();
                let there = if listed { there[0].clone() } else { there };
                let mut inner = Vec::new();
                unfit(name, &format!("{path}/"), depth - 1, &there, &mut inner);
                for probe in inner {
                    let mut value = needed(name, &path, &|_| None);
                    merge(&mut value, &there);
                    merge(&mut value, &probe.body);
                    add(&probe.path, wrap(value));
                }
            }
            Type::Any => {}
            _ if listed => add(&path, json!([{"non": ["sense"]}])),
            _ => {}
        }
    }
}
