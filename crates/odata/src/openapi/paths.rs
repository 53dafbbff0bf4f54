//! Addresses, methods, parameters, bodies and answers.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::edm::{EntitySet, Kind, Prop};
use crate::honours::Options;
use crate::metadata::types::{Named, STREAM, TypeName, Types};
use crate::metadata::{Body, OpSig, Param};
use crate::parse::MAX_NODES;
use crate::query::{MAX_EXPAND, MAX_ORDER, Slice};

use super::schemas::{
    complete, nullable, of_kind, of_name, page, page_name, partial, property, reference,
};
use super::{Access, Call, Endpoint, Service, Verb};

/// The paths, and the tags that group them: one for each set.
pub(super) fn write(service: &Service<'_>, types: &Types) -> (Map<String, Value>, Vec<Value>) {
    let (mut paths, mut tags) = (Map::new(), Vec::new());
    let (mut tagged, mut ids) = (HashSet::new(), HashSet::new());
    for endpoint in service.endpoints {
        let route = Route::of(endpoint, service, types);
        if tagged.insert(route.tag) {
            tags.push(tag(service, route.tag));
        }
        let operation = operation(endpoint, &route, &mut ids);
        let root = match endpoint.call {
            Call::Operation(op) if op.set.is_empty() => service.plain_root,
            _ => service.root,
        };
        let methods = paths
            .entry(format!("{root}/{}", route.path))
            .or_insert_with(|| json!({}));
        let method = endpoint.method.unwrap_or(route.method);
        methods[method.to_ascii_lowercase()] = operation;
    }
    (paths, tags)
}

fn tag(service: &Service<'_>, name: &str) -> Value {
    let mut tag = json!({"name": name});
    let set = service.model.sets.iter().find(|set| set.name == name);
    if let Some(set) = set.filter(|set| !set.doc.is_empty()) {
        tag["description"] = set.doc.into();
    }
    tag
}

/// What the declaration says of an endpoint.
struct Route {
    method: &'static str,
    /// Below the service root.
    path: String,
    tag: &'static str,
    id: String,
    summary: String,
    parameters: Vec<Value>,
    body: Option<Value>,
    status: u16,
    /// Media type and schema of the answer.
    answer: Option<(&'static str, Value)>,
}

impl Route {
    fn of(endpoint: &Endpoint<'_>, service: &Service<'_>, types: &Types) -> Route {
        match endpoint.call {
            Call::Set(set, verb) => Route::of_set(set, verb, endpoint),
            Call::Operation(op) if op.set.is_empty() => Route::of_plain(op, types, endpoint),
            Call::Operation(op) => {
                let set = service.model.sets.iter().find(|set| set.name == op.set);
                Route::of_operation(op, set.copied(), types, endpoint)
            }
        }
    }

    fn of_set(set: &'static EntitySet, verb: Verb, endpoint: &Endpoint<'_>) -> Route {
        let (method, id, summary, status) = verb.usual();
        let mut parameters = Vec::new();
        let mut path = set.name.to_owned();
        if !matches!(verb, Verb::List | Verb::Create) {
            path.push_str(&keyed(set, "key", &mut parameters));
        }
        parameters.extend(endpoint.params.iter().map(in_query));
        let honoured = endpoint.options.unwrap_or_else(|| verb.options());
        options(honoured, Some(set), &mut parameters);
        let body = match verb {
            Verb::Create | Verb::Replace => Some(complete(set)),
            Verb::Merge => Some(partial(set)),
            Verb::List | Verb::Get | Verb::Delete => None,
        };
        let schema = match verb {
            Verb::List => reference(&page_name(set.entity)),
            _ => reference(set.entity),
        };
        Route {
            method,
            path,
            tag: set.name,
            id: format!("{}_{id}", set.name),
            summary: format!("{summary} {}.", set.name),
            parameters,
            body,
            status,
            answer: Some((JSON, schema)),
        }
    }

    /// An operation whose name is its address.
    fn of_plain(op: &OpSig, types: &Types, endpoint: &Endpoint<'_>) -> Route {
        let mut parameters = query_parameters(op, types);
        options(
            endpoint.options.unwrap_or(Options::NONE),
            None,
            &mut parameters,
        );
        let mut segments = op.name.split('/').filter(|part| !part.starts_with('{'));
        let last = segments.next_back().unwrap_or_default();
        let tag = segments
            .next_back()
            .filter(|tag| *tag != "api")
            .unwrap_or(last);
        let returned = TypeName::parse(&op.returns);
        let status = if returned.is_some() { 200 } else { 204 };
        let answer = returned.map(|returned| match returned.name {
            STREAM => result(types, returned),
            _ => (JSON, of_name(types, returned)),
        });
        Route {
            method: if op.action { "post" } else { "get" },
            path: op.name.to_owned(),
            tag,
            id: match tag == last {
                true => tag.to_owned(),
                false => format!("{tag}_{last}"),
            },
            summary: op.doc.lines().next().unwrap_or_default().to_owned(),
            parameters,
            body: op.action.then(|| action_body(op, types)).flatten(),
            status,
            answer,
        }
    }

    fn of_operation(
        op: &OpSig,
        set: Option<&'static EntitySet>,
        types: &Types,
        endpoint: &Endpoint<'_>,
    ) -> Route {
        let (mut parameters, mut path) = (Vec::new(), op.set.to_owned());
        if let Some(set) = set.filter(|_| op.bound_to_entity) {
            let taken = op.params.iter().any(|param| param.name == "key");
            let name = if taken { "entityKey" } else { "key" };
            path.push_str(&keyed(set, name, &mut parameters));
        }
        path.push_str(&format!("/{}.{}", op.namespace, op.name));
        if !op.action && in_brackets(op).next().is_some() {
            path.push_str(&function_parameters(op, types, &mut parameters));
        }
        parameters.extend(query_parameters(op, types));
        let returned = TypeName::parse(&op.returns);
        let honoured = endpoint.options;
        let honoured = honoured.unwrap_or_else(|| Options::of_operation(op, types));
        match endpoint.filter {
            // They are about what is filtered, and not about what is returned.
            Some(required) => {
                parameters.push(meant(required));
                options(honoured.without(Options::FILTER), None, &mut parameters);
            }
            None => options(honoured, entity(returned, types), &mut parameters),
        }
        Route {
            method: if op.action { "post" } else { "get" },
            path,
            tag: op.set,
            id: operation_id(op),
            summary: op.doc.lines().next().unwrap_or_default().to_owned(),
            parameters,
            body: op.action.then(|| action_body(op, types)).flatten(),
            status: if returned.is_some() { 200 } else { 204 },
            answer: returned.map(|returned| result(types, returned)),
        }
    }
}

impl Verb {
    /// What its answer honours.
    fn options(self) -> Options {
        match self {
            Verb::List => Options::LIST,
            Verb::Get => Options::ENTITY,
            Verb::Create | Verb::Replace | Verb::Merge | Verb::Delete => Options::NONE,
        }
    }

    /// Method, end of the name, start of the summary, status.
    fn usual(self) -> (&'static str, &'static str, &'static str, u16) {
        match self {
            Verb::List => ("get", "Get", "Gets", 200),
            Verb::Get => ("get", "GetById", "Gets one of", 200),
            Verb::Create => ("post", "Post", "Adds to", 201),
            Verb::Replace => ("put", "PutById", "Replaces one of", 200),
            Verb::Merge => ("patch", "PatchById", "Changes one of", 200),
            Verb::Delete => ("delete", "DeleteById", "Deletes one of", 204),
        }
    }
}

/// `Set_Name`, and what is needed besides: `Set_NameByIdAndParameter`.
fn operation_id(op: &OpSig) -> String {
    let mut by = Vec::new();
    if op.bound_to_entity {
        by.push("Id".to_owned());
    }
    if !op.action {
        by.extend(in_brackets(op).map(|param| capitalised(param.name)));
    }
    match by.is_empty() {
        true => format!("{}_{}", op.set, op.name),
        false => format!("{}_{}By{}", op.set, op.name, by.join("And")),
    }
}

const JSON: &str = "application/json";

/// `(key)`, and its parameter.
fn keyed(set: &EntitySet, name: &str, parameters: &mut Vec<Value>) -> String {
    let kind = set.prop(set.key).map_or(Kind::String, |prop| prop.kind);
    parameters.push(json!({
        "name": name, "in": "path", "required": true, "schema": of_kind(kind),
        "description": format!("The {} of the entity.", set.key),
    }));
    format!("({})", placeholder(name, quoted(kind)))
}

/// Whether a literal of this kind stands in quotes.
fn quoted(kind: Kind) -> bool {
    matches!(kind, Kind::String | Kind::Enum(_))
}

fn placeholder(name: &str, quoted: bool) -> String {
    match quoted {
        true => format!("'{{{name}}}'"),
        false => format!("{{{name}}}"),
    }
}

/// The parameters that stand in the query, or in the path of a plain address.
fn query_parameters(op: &OpSig, types: &Types) -> Vec<Value> {
    let params = op.params.iter().filter(|param| param.in_query);
    let described = params.map(|param| {
        let in_path = op.name.contains(&format!("{{{}}}", param.name));
        let required = in_path || param.declared.is_some_and(|prop| prop.required);
        json!({
            "name": param.name, "in": if in_path { "path" } else { "query" },
            "required": required, "schema": parameter_schema(param, types),
        })
    });
    described.collect()
}

/// A declared parameter that stands in the query.
fn in_query(prop: &Prop) -> Value {
    json!({"name": prop.name, "in": "query", "required": prop.required, "schema": property(prop)})
}

/// The parameters of a function that stand in its brackets.
fn in_brackets(op: &OpSig) -> impl Iterator<Item = &Param> {
    op.params.iter().filter(|param| !param.in_query)
}

/// `(a={a},b='{b}')`, and its parameters.
fn function_parameters(op: &OpSig, types: &Types, parameters: &mut Vec<Value>) -> String {
    let mut parts = Vec::new();
    for param in in_brackets(op) {
        let name = param.name;
        let ty = TypeName::parse(&param.ty);
        let text = match ty {
            Some(ty) if ty.collection => false,
            Some(ty) if ty.primitive => ty.kind().is_some_and(quoted),
            Some(ty) => matches!(types.find(ty.name), Some(Named::Enum)),
            None => false,
        };
        let schema = parameter_schema(param, types);
        parameters.push(json!({"name": name, "in": "path", "required": true, "schema": schema}));
        parts.push(format!("{name}={}", placeholder(name, text)));
    }
    format!("({})", parts.join(","))
}

/// The parameters of an action are the members of its body, unless that is one of them or an entity.
fn action_body(op: &OpSig, types: &Types) -> Option<Value> {
    let of_body = || op.params.iter().filter(|param| !param.in_query);
    match op.body {
        Body::Members => {}
        Body::Whole => return of_body().next().map(|param| parameter_schema(param, types)),
        Body::Entity(set) => return Some(complete(set)),
    }
    let members: Map<_, _> = of_body()
        .map(|param| (param.name.to_owned(), parameter_schema(param, types)))
        .collect();
    let declared = of_body().filter_map(|param| param.declared);
    let required: Vec<_> = declared
        .filter(|prop| prop.required)
        .map(|prop| prop.name)
        .collect();
    (!members.is_empty()).then(|| {
        let mut body = json!({"type": "object", "properties": members});
        if !required.is_empty() {
            body["required"] = json!(required);
        }
        body
    })
}

/// The values of a parameter: within its limits, if it is declared.
fn parameter_schema(param: &Param, types: &Types) -> Value {
    match param.declared {
        Some(prop) => property(prop),
        None => TypeName::parse(&param.ty).map_or_else(|| json!({}), |ty| of_name(types, ty)),
    }
}

/// `processId` → `Processid`, as generated names of methods are spelled.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(char::to_uppercase);
    let rest = letters.as_str().to_lowercase();
    first.into_iter().flatten().chain(rest.chars()).collect()
}

/// The answer of an operation: an entity or structure as it is, anything else as `value`.
fn result(types: &Types, ty: TypeName<'_>) -> (&'static str, Value) {
    if ty.name == STREAM {
        return ("application/octet-stream", json!({}));
    }
    let single = TypeName {
        collection: false,
        ..ty
    };
    let schema = match (types.find(ty.name), ty.collection) {
        (Some(Named::Entity(set)), true) => reference(&page_name(set.entity)),
        (_, true) => page(of_name(types, single)),
        (Some(Named::Entity(_) | Named::Complex), false) => of_name(types, single),
        (_, false) => json!({
            "type": "object",
            "properties": {
                "@odata.context": {"type": "string"},
                "value": nullable(of_name(types, single)),
            },
        }),
    };
    (JSON, schema)
}

/// The parameters that are the same for all sets.
pub(super) fn shared_parameters() -> Value {
    let parameter = |name: &str, schema: Value, description: String| json!({"name": name, "in": "query", "schema": schema, "description": description});
    let text = || of_kind(Kind::String);
    json!({
        "filter": parameter("$filter", text(), format!(
            "Keeps what fulfils a condition, e.g. `contains(Name,'a') and Id gt 5`. The maximum \
             number of expressions is {MAX_NODES}.")),
        "select": parameter("$select", text(),
            "The properties to answer with, separated by commas.".to_owned()),
        "orderby": parameter("$orderby", text(), format!(
            "The order, e.g. `Name desc,Id`. The maximum number of expressions is {MAX_ORDER}.")),
        "skip": parameter("$skip", json!({"type": "integer", "format": "int64", "minimum": 0}),
            "How many to leave out at the start.".to_owned()),
        "skiptoken": parameter("$skiptoken", text(),
            "Where a page begins, as `@odata.nextLink` of the one before says. An answer has that link, if \
             there is more, where the header `Prefer: maxpagesize=…` says how many to answer with on a \
             page.".to_owned()),
        "count": parameter("$count", json!({"type": "boolean"}),
            "Whether to say how many there are on all pages.".to_owned()),
    })
}

/// The `$filter` of an operation that does something with what it finds.
fn meant(required: bool) -> Value {
    json!({
        "name": "$filter", "in": "query", "required": required, "schema": of_kind(Kind::String),
        "description": format!(
            "Says which entities are meant. The maximum number of expressions is {MAX_NODES}."),
    })
}

fn shared(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// The set of the entities that an operation returns.
fn entity(returned: Option<TypeName<'_>>, types: &Types) -> Option<&'static EntitySet> {
    match types.find(returned?.name) {
        Some(Named::Entity(set)) => Some(set),
        _ => None,
    }
}

/// The parameters for the query options of an answer that shows entities of `set`, if it does.
fn options(honoured: Options, set: Option<&EntitySet>, parameters: &mut Vec<Value>) {
    let most = set.map_or(Slice::MOST, |set| set.top);
    for (option, parameter) in [
        (Options::FILTER, Some(shared("filter"))),
        (Options::SELECT, Some(shared("select"))),
        (Options::EXPAND, expand(set)),
        (Options::ORDERBY, Some(shared("orderby"))),
        (Options::TOP, Some(top(most))),
        (Options::SKIP, Some(shared("skip"))),
        (Options::SKIPTOKEN, Some(shared("skiptoken"))),
        (Options::COUNT, Some(shared("count"))),
    ] {
        if honoured.has(option) {
            parameters.extend(parameter);
        }
    }
}

/// `$expand`, unless the set leads nowhere.
fn expand(set: Option<&EntitySet>) -> Option<Value> {
    let names = match set {
        Some(set) if set.navs.is_empty() => return None,
        Some(set) => {
            let names: Vec<_> = set.navs.iter().map(|nav| nav.name).collect();
            format!(": {}", names.join(", "))
        }
        None => String::new(),
    };
    Some(json!({
        "name": "$expand", "in": "query", "schema": of_kind(Kind::String),
        "description": format!(
            "Related entities to answer with{names}. The maximum depth is {MAX_EXPAND}."),
    }))
}

fn top(most: u32) -> Value {
    json!({
        "name": "$top", "in": "query",
        "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": most},
        "description": format!("How many to answer with, at most. The maximum value is {most}."),
    })
}

fn operation(endpoint: &Endpoint<'_>, route: &Route, ids: &mut HashSet<String>) -> Value {
    let mut parameters = route.parameters.clone();
    parameters.extend(endpoint.headers.iter().map(|header| {
        json!({
            "name": header.name, "in": "header", "required": header.required,
            "description": header.description, "schema": of_kind(header.kind),
        })
    }));
    let summary = match endpoint.summary {
        "" => route.summary.as_str(),
        given => given,
    };
    let mut out = json!({"tags": [route.tag], "operationId": unique(&route.id, ids)});
    if !summary.is_empty() {
        out["summary"] = summary.into();
    }
    if !endpoint.description.is_empty() {
        out["description"] = endpoint.description.as_str().into();
    }
    if !parameters.is_empty() {
        out["parameters"] = parameters.into();
    }
    if let Some(body) = &route.body {
        out["requestBody"] = json!({"required": true, "content": {JSON: {"schema": body}}});
    }
    for (name, value) in &endpoint.extensions {
        out[*name] = value.clone();
    }
    out["responses"] = responses(endpoint, route);
    out["security"] = security(endpoint.access);
    out
}

fn responses(endpoint: &Endpoint<'_>, route: &Route) -> Value {
    let status = endpoint.status.unwrap_or(route.status);
    let mut success = json!({"description": "Success"});
    let silent = status == 204 || endpoint.silent;
    if let Some((media, schema)) = route.answer.as_ref().filter(|_| !silent) {
        success["content"] = json!({*media: {"schema": schema}});
    }
    json!({status.to_string(): success, "default": {"$ref": "#/components/responses/Error"}})
}

/// Alternatives: a token from elsewhere, or one for any of the scopes.
fn security(access: Access<'_>) -> Value {
    match access {
        Access::Public => json!([]),
        Access::Token | Access::Scopes([]) => json!([{"bearer": []}]),
        Access::Scopes(scopes) => {
            let scopes = scopes.iter().map(|scope| json!({"oauth2": [scope]}));
            let bearer = std::iter::once(json!({"bearer": []}));
            bearer.chain(scopes).collect()
        }
    }
}

/// The name, with a number behind it if another operation has it.
fn unique(id: &str, ids: &mut HashSet<String>) -> String {
    let mut name = id.to_owned();
    let mut number = 1;
    while !ids.insert(name.clone()) {
        number += 1;
        name = format!("{id}_{number}");
    }
    name
}
