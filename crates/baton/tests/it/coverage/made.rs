//! Calls that are made from the declarations of what is called, about what the walk has made.

use serde_json::Value;
use testkit::Answer;

use super::lines;
use super::walk::Walker;
use crate::calls::Described;

/// A value for what has this name, or has it in this set.
const VALUES: &str = include_str!("values.txt");

impl Walker<'_> {
    /// Calls operations as they are declared: what makes entities and what lists them comes before
    /// what needs them, and what removes them last.
    pub async fn others(&mut self, mut operations: Vec<&Described<'_>>) {
        operations.sort_by_key(|operation| {
            let of_one = operation.path.contains('(');
            match operation.method.as_str() {
                "POST" if is_set(operation.path) => 0,
                "GET" if !of_one => 1,
                "GET" => 2,
                "DELETE" => 4,
                _ => 3,
            }
        });
        let mut wrong = Vec::new();
        for operation in operations {
            wrong.extend(self.other(operation).await);
        }
        assert!(
            wrong.is_empty(),
            "no line in coverage/walk.txt calls these, and what was made from the declaration was \
             refused:\n{}",
            wrong.join("\n")
        );
    }

    /// Gives the refusal of a call. Who calls is who made what the call is about.
    async fn other(&mut self, operation: &Described<'_>) -> Option<String> {
        let who = match self.sets.get(operation.set) {
            _ if operation.public() => "nobody",
            Some((_, who)) => who,
            None => "admin",
        };
        let client = self.client(who).await;
        let known = |name: &str, is_key: bool| self.known(operation, name, is_key);
        let request = operation.request(&client, &known);
        let answer = client.send(request).await;
        if answer.status != operation.status() {
            let (name, what, status) = (operation.name(), &answer.what, answer.status);
            return Some(format!(
                "{name}: {what} answered {status}: {}",
                answer.text()
            ));
        }
        let answer = answer.accepted(operation.status());
        self.remember(who, &operation.method, operation.path, &answer);
        let call = (operation.method.clone(), operation.path.to_owned());
        self.calls.push(call);
        None
    }

    /// The first entity of a set that is made or listed is what calls are about.
    pub(super) fn remember(
        &mut self,
        who: &'static str,
        method: &str,
        path: &str,
        answer: &Answer,
    ) {
        let path = path.split('?').next().unwrap_or_default();
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let entity = match method {
            "GET" => &body["value"][0],
            _ => &body,
        };
        let set = path.rsplit('/').next().unwrap_or_default();
        if is_set(path) && entity.is_object() && !self.sets.contains_key(set) {
            self.sets.insert(set.to_owned(), (entity.clone(), who));
        }
    }

    /// A value for a parameter or member: as `coverage/values.txt` says, the number or GUID of the
    /// entity that it is called after, or what the entity has that is replaced.
    fn known(&self, operation: &Described<'_>, name: &str, is_key: bool) -> Option<Value> {
        let whole = format!("{}.{name}", operation.set);
        let mut values = lines(VALUES).filter_map(|line| line.split_once(" = "));
        if let Some((_, value)) = values.find(|(n, _)| *n == name || *n == whole) {
            return Some(Value::String(self.fill(value)));
        }
        let member = if is_key { "Key" } else { "Id" };
        let own = self.sets.get(operation.set).map(|(entity, _)| entity);
        if let "key" | "id" | "identifier" = name {
            return own.map(|entity| entity[member].clone());
        }
        let called_after = |set: &str| {
            let (one, name) = (set.trim_end_matches('s'), name.to_ascii_lowercase());
            name.ends_with(&format!("{one}{member}").to_ascii_lowercase())
        };
        if let Some((_, (entity, _))) = self.sets.iter().find(|(set, _)| called_after(set)) {
            return Some(entity[member].clone());
        }
        let is_there = |value: &&Value| operation.method == "PUT" && !value.is_null();
        own.map(|entity| &entity[name]).filter(is_there).cloned()
    }
}

/// Whether an address is that of an entity set.
fn is_set(path: &str) -> bool {
    let set = path.trim_start_matches('/').strip_prefix("odata/");
    set.is_some_and(|set| set.bytes().all(|byte| byte.is_ascii_alphabetic()))
}
