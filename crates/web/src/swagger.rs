//! `/swagger`: a page to read and try the API; `/swagger/v20.0/swagger.json`: the OpenAPI document
//! it shows. Both are made from the declarations that the server runs by.

use ::odata::edm::Kind;
use ::odata::metadata::OpSig;
use ::odata::openapi::{self, Access, Call, Endpoint, Header, OAuth, Service, Verb};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, header};
use orchestrator::op::Proof;
use orchestrator::{Command, Error, FolderRule, Need, Op, Resource, Result, operations, resources};
use serde_json::{Value, json};

use crate::address::Address;
use crate::error::json_response;
use crate::health::API_VERSION;
use crate::odata::Described;

/// The headers that name a folder, where one is needed or allowed.
const FOLDER: &[Header<'_>] = &[
    Header {
        name: "X-UIPATH-OrganizationUnitId",
        description: "Id of the folder.",
        kind: Kind::Int64,
        required: false,
    },
    Header {
        name: "X-UIPATH-FolderKey",
        description: "Key of the folder.",
        kind: Kind::Guid,
        required: false,
    },
    Header {
        name: "X-UIPATH-FolderPath",
        description: "Path of the folder, e.g. Shared/Invoices.",
        kind: Kind::String,
        required: false,
    },
    Header {
        name: "X-UIPATH-FolderPath-Encoded",
        description: "The path in UTF-16LE as Base64; it may be relative to the folder that \
                      another of these headers names.",
        kind: Kind::String,
        required: false,
    },
];

/// Answers `/swagger…`.
///
/// # Errors
/// 404 for anything but the page and the document.
pub fn handle(address: &Address<'_>, origin: &str) -> Result<Response<Body>> {
    let rest = address.rest.trim_matches('/').to_ascii_lowercase();
    let document = format!("{}/swagger/v{API_VERSION}/swagger.json", address.prefix);
    match rest.as_str() {
        "" | "index.html" => Ok(page(&document)),
        "v20.0/swagger.json" => {
            let issuer = format!("{origin}/identity_");
            let root = format!("{}/odata", address.prefix);
            let document = describe(address.prefix, &root, &issuer);
            Ok(json_response(200, document))
        }
        _ => Err(Error::NoSuchAddress(format!(
            "There is nothing at /swagger/{rest}; the document is {document}."
        ))),
    }
}

fn page(document: &str) -> Response<Body> {
    let html = openapi::page(document, "Baton API");
    let mut response = Response::new(Body::from(html));
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                  connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let name = HeaderName::from_static("content-security-policy");
    headers.insert(name, HeaderValue::from_static(policy));
    response
}

/// The OpenAPI document for the service at `root`, whose plain operations are at `plain_root`.
fn describe(plain_root: &str, root: &str, issuer: &str) -> String {
    let described = Described::new();
    let ops: Vec<&Op> = operations().collect();
    let signatures: Vec<OpSig> = ops.iter().map(|op| op.signature()).collect();
    let needs = resources().flat_map(verbs).map(|(_, command)| command.need);
    let needs: Vec<Need> = needs.chain(ops.iter().map(|op| op.at.need)).collect();
    let scopes: Vec<[String; 2]> = needs.iter().map(scopes).collect();
    let names: Vec<[&str; 2]> = scopes
        .iter()
        .map(|s| [s[0].as_str(), s[1].as_str()])
        .collect();
    let mut names = names.iter();
    let mut endpoints = Vec::new();
    let mut add = |call,
                   op: Option<&Op>,
                   options,
                   folder: FolderRule,
                   need: &Need,
                   verb: Option<&Command>| {
        let mut endpoint = Endpoint::new(call);
        endpoint.options = options;
        if let Some(verb) = verb {
            endpoint.silent = verb.silent;
            endpoint.params = verb.params;
        }
        if let Some(op) = op {
            endpoint.method = Some(op.at.method);
            endpoint.status = op.at.status;
            endpoint.filter = op.at.filter;
        }
        if folder.reads_header() {
            endpoint.headers = FOLDER;
        }
        endpoint.access = match names.next() {
            Some(names) if !need.scope.is_empty() => Access::Scopes(names),
            _ => Access::Token,
        };
        if op.is_some_and(|op| op.at.proof == Proof::Nothing) {
            endpoint.access = Access::Public;
        } else {
            endpoint.description = permissions(need);
        }
        endpoint.extensions = access(need, folder, op);
        endpoints.push(endpoint);
    };
    for resource in resources() {
        for (verb, command) in verbs(resource) {
            let call = Call::Set(resource.set, verb);
            let options = (verb == Verb::Get).then_some(resource.get_options);
            let folder = match verb {
                Verb::List | Verb::Get => resource.folder,
                _ => resource.folder.to_write(),
            };
            add(call, None, options, folder, &command.need, Some(&command));
        }
    }
    for (op, signature) in ops.iter().zip(&signatures) {
        let call = Call::Operation(signature);
        add(
            call,
            Some(op),
            op.at.options,
            op.at.folder,
            &op.at.need,
            None,
        );
    }
    let mut known: Vec<(&str, &str)> = Vec::new();
    for [all, half] in scopes.iter().filter(|[all, _]| !all.is_empty()) {
        for (name, text) in [(all, "Everything of it."), (half, "One half of it.")] {
            if known.iter().all(|(other, _)| other != name) {
                known.push((name, text));
            }
        }
    }
    openapi::document(&Service {
        title: "Baton",
        version: API_VERSION,
        description: "Independent project, not affiliated with UiPath. The operations that this \
                      version answers; what is not listed answers 501.",
        servers: &["/"],
        root,
        plain_root,
        model: described.model(),
        endpoints: &endpoints,
        error: &error(),
        oauth: OAuth {
            token_url: &format!("{issuer}/connect/token"),
            authorization_url: "",
            scopes: &known,
        },
    })
}

/// The verbs of a resource.
fn verbs(resource: &Resource) -> Vec<(Verb, Command)> {
    let all = [
        (Verb::List, resource.list),
        (Verb::Get, resource.get),
        (Verb::Create, resource.create),
        (Verb::Replace, resource.replace),
        (Verb::Merge, resource.merge),
        (Verb::Delete, resource.delete),
    ];
    let all = all.into_iter();
    all.filter_map(|(verb, command)| Some((verb, command?)))
        .collect()
}

/// The two scopes of which a token needs one.
fn scopes(need: &Need) -> [String; 2] {
    let half = if need.write { "Write" } else { "Read" };
    [need.scope.to_owned(), format!("{}.{half}", need.scope)]
}

fn permissions(need: &Need) -> String {
    let groups = need.groups().map(|group| {
        let names = group.iter();
        let names = names.map(|(name, access)| format!("{name}.{}", access.name()));
        names.collect::<Vec<_>>().join(" or ")
    });
    match groups.collect::<Vec<_>>().join(" and ") {
        all if all.is_empty() => "Requires authentication.".to_owned(),
        all => format!("Required permissions: {all}."),
    }
}

/// What is asked of a caller, for programs: of each group of permissions one is needed; the base of the
/// scope; and what a folder header means.
fn access(need: &Need, folder: FolderRule, op: Option<&Op>) -> Vec<(&'static str, Value)> {
    let proof = op.map_or(Proof::Token, |op| op.at.proof);
    if proof == Proof::Nothing {
        return vec![("x-baton-public", true.into())];
    }
    let name = |(name, access): &(&str, orchestrator::Access)| format!("{name}.{}", access.name());
    let groups = need.groups();
    let groups: Vec<Vec<String>> = groups
        .map(|group| group.iter().map(name).collect())
        .collect();
    let scope = (!need.scope.is_empty()).then(|| {
        let half = if need.write { "Write" } else { "Read" };
        json!({"name": need.scope, "half": half})
    });
    vec![
        ("x-baton-permission", groups.into()),
        ("x-baton-scope", scope.into()),
        ("x-baton-folder", folder.name().into()),
    ]
}

fn error() -> Value {
    json!({
        "type": "object",
        "properties": {
            "message": {"type": "string", "description": "What is wrong, for people."},
            "errorCode": {"type": "integer", "description": "What is wrong, for programs."},
            "traceId": {"type": "string", "description": "Stands in the server's log too."},
        },
        "required": ["message", "errorCode", "traceId"],
    })
}
