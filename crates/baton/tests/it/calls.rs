//! Requests that are made from what `/swagger` says of an operation, for tests of all operations.

use reqwest::RequestBuilder;
use serde_json::{Map, Value, json};
use testkit::Client;

/// An operation as the document describes it.
pub struct Described<'d> {
    /// `GET`
    pub method: String,
    /// `/odata/Jobs({key})`
    pub path: &'d str,
    /// The set or the controller that it belongs to: `Jobs`.
    pub set: &'d str,
    operation: &'d Value,
    document: &'d Value,
}

/// A better value for what has this name than its type gives; the second is whether it is a GUID.
pub type Known<'k> = &'k dyn Fn(&str, bool) -> Option<Value>;

/// All operations of the document.
pub fn described(document: &Value) -> Vec<Described<'_>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            all.push(Described {
                method: method.to_ascii_uppercase(),
                path,
                set: path.split(['/', '(']).nth(2).unwrap_or_default(),
                operation,
                document,
            });
        }
    }
    all
}

impl Described<'_> {
    /// `GET /odata/Jobs({key})`
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether nobody has to say who they are.
    pub fn public(&self) -> bool {
        self.operation["x-baton-public"] == true
    }

    /// Groups of permissions, of each of which one is needed.
    pub fn needs(&self) -> Vec<Vec<&str>> {
        let groups = self.operation["x-baton-permission"].as_array();
        let names = |group| elements(group).filter_map(Value::as_str).collect();
        groups.into_iter().flatten().map(names).collect()
    }

    /// The scope of which an application needs the half or the whole.
    pub fn scope(&self) -> Option<&str> {
        self.operation["x-baton-scope"]["name"].as_str()
    }

    /// Whether and how a folder is named.
    pub fn folder(&self) -> &str {
        self.operation["x-baton-folder"]
            .as_str()
            .unwrap_or_default()
    }

    /// The status of success.
    pub fn status(&self) -> u16 {
        let responses = self.operation["responses"].as_object().expect("responses");
        let mut statuses = responses.keys().filter_map(|status| status.parse().ok());
        statuses.next().expect("a status of success")
    }

    /// A request with something for whatever has to be in it.
    pub fn request(&self, client: &Client, known: Known) -> RequestBuilder {
        let mut address = self.path.trim_start_matches('/').to_owned();
        let mut sign = '?';
        for parameter in elements(&self.operation["parameters"]) {
            let parameter = self.parts(parameter)[0];
            let name = parameter["name"].as_str().unwrap_or_default();
            let given = match self.made(name, &parameter["schema"], known) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            if parameter["in"] == "path" {
                address = address.replace(&format!("{{{name}}}"), &given);
            } else if parameter["in"] == "query" && parameter["required"] == true {
                address = format!("{address}{sign}{name}={given}");
                sign = '&';
            }
        }
        let request = client.request(&self.method, &address);
        let body = &self.operation["requestBody"]["content"]["application/json"]["schema"];
        match self.method.as_str() {
            "GET" | "DELETE" => request,
            _ if body.is_null() => request.json(&json!({})),
            _ => request.json(&self.made("", body, known)),
        }
    }

    /// A value with this schema: of a structure what is required, of a list one element, whose name is
    /// that of the list without its `s`.
    fn made(&self, name: &str, schema: &Value, known: Known) -> Value {
        let parts = self.parts(schema);
        let said = |what: &str| {
            let mut all = parts.iter().map(|part| &part[what]);
            all.find(|value| !value.is_null()).unwrap_or(&Value::Null)
        };
        let (kind, format) = (said("type"), said("format").as_str());
        if let Some(known) = known(name, format == Some("uuid")) {
            return known;
        }
        match (format, kind.as_str().or(kind[0].as_str())) {
            (Some("uuid"), _) => json!("00000000-0000-0000-0000-000000000001"),
            (Some("date-time"), _) => json!("2026-01-01T00:00:00Z"),
            (_, Some("integer" | "number")) => json!(1),
            (_, Some("boolean")) => json!(true),
            (_, Some("array")) => {
                json!([self.made(name.trim_end_matches('s'), said("items"), known)])
            }
            (_, Some("object")) => {
                let required = parts.iter().flat_map(|part| elements(&part["required"]));
                let members = required.filter_map(Value::as_str).map(|member| {
                    let schema = &said("properties")[member];
                    (member.to_owned(), self.made(member, schema, known))
                });
                members.collect::<Map<_, _>>().into()
            }
            _ if name == "$filter" => json!("Id eq 1"),
            _ => said("enum").get(0).cloned().unwrap_or(json!("x")),
        }
    }

    /// What a part of the document is put together from, behind references.
    fn parts<'v>(&'v self, part: &'v Value) -> Vec<&'v Value> {
        if let Some(target) = part["$ref"].as_str() {
            let target = self.document.pointer(target.trim_start_matches('#'));
            return self.parts(target.expect("a reference leads somewhere"));
        }
        match (part["allOf"].as_array(), &part["anyOf"][0]) {
            (Some(all), _) => all.iter().flat_map(|one| self.parts(one)).collect(),
            (None, Value::Null) => vec![part],
            (None, first) => self.parts(first),
        }
    }
}

fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
