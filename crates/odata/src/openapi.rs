//! An OpenAPI 3.1 document of the service, from the declarations it runs by, and a page to read
//! and try it.
//!
//! The program says which verbs its sets have and what it asks of a caller; paths, parameters,
//! schemas and limits come from the model.

mod page;
mod paths;
mod schemas;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use crate::edm::{EntitySet, Kind, Prop};
use crate::honours::Options;
use crate::metadata::types::Types;
use crate::metadata::{Model, OpSig};

pub use page::page;

/// A service to describe.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    /// Its name.
    pub title: &'a str,
    /// The version of its interface.
    pub version: &'a str,
    /// What it is, in CommonMark; may be empty.
    pub description: &'a str,
    /// Addresses under which it is reached; `/` stands for where the document came from.
    pub servers: &'a [&'a str],
    /// What the addresses of all sets start with, e.g. `/odata`.
    pub root: &'a str,
    /// What the addresses of operations without a set start with; may be empty.
    pub plain_root: &'a str,
    /// Its types.
    pub model: Model<'a>,
    /// What can be called, in the order of the document.
    pub endpoints: &'a [Endpoint<'a>],
    /// The schema of the body of every error.
    pub error: &'a Value,
    /// How a caller signs on with OAuth 2.
    pub oauth: OAuth<'a>,
}

/// Where tokens come from, and what they can be for. A token is sent as `Authorization: Bearer`.
#[derive(Clone, Copy, Debug)]
pub struct OAuth<'a> {
    /// The address that gives tokens.
    pub token_url: &'a str,
    /// The address where a person signs on; empty if only programs do.
    pub authorization_url: &'a str,
    /// Names and descriptions of the scopes.
    pub scopes: &'a [(&'a str, &'a str)],
}

/// A method of an address.
#[derive(Clone, Debug)]
pub struct Endpoint<'a> {
    /// What it does.
    pub call: Call<'a>,
    /// One line; empty for one made from the declaration.
    pub summary: &'a str,
    /// Further text in CommonMark; may be empty.
    pub description: String,
    /// Headers it reads besides those of HTTP.
    pub headers: &'a [Header<'a>],
    /// What it asks of the caller.
    pub access: Access<'a>,
    /// The HTTP method, where it is not the usual one.
    pub method: Option<&'a str>,
    /// Status of success, where it is not the usual one. 204 is an answer without a body.
    pub status: Option<u16>,
    /// Whether success has no body although the verb usually gives the entity.
    pub silent: bool,
    /// Whether `$filter` says what is meant, and if so whether it has to be there.
    pub filter: Option<bool>,
    /// The query options that its answer honours, where that does not follow from its type.
    pub options: Option<Options>,
    /// What a verb is asked in the query besides.
    pub params: &'a [Prop],
    /// What the program says of it besides, by names that begin with `x-`.
    pub extensions: Vec<(&'static str, Value)>,
}

impl<'a> Endpoint<'a> {
    /// One that asks for a token and is otherwise as usual.
    pub fn new(call: Call<'a>) -> Endpoint<'a> {
        Endpoint {
            call,
            summary: "",
            description: String::new(),
            headers: &[],
            access: Access::Token,
            method: None,
            status: None,
            silent: false,
            filter: None,
            options: None,
            params: &[],
            extensions: Vec::new(),
        }
    }
}

/// What an endpoint does.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// A verb on a set or one of its entities.
    Set(&'static EntitySet, Verb),
    /// An operation.
    Operation(&'a OpSig),
}

/// A verb on a set or one of its entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `GET Set`
    List,
    /// `GET Set(key)`
    Get,
    /// `POST Set`
    Create,
    /// `PUT Set(key)`
    Replace,
    /// `PATCH Set(key)`
    Merge,
    /// `DELETE Set(key)`
    Delete,
}

/// What an endpoint asks of a caller.
#[derive(Clone, Copy, Debug)]
pub enum Access<'a> {
    /// Nothing.
    Public,
    /// A token.
    Token,
    /// A token with one of these scopes, which [`OAuth::scopes`] declares.
    Scopes(&'a [&'a str]),
}

/// A header that an endpoint reads.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub description: &'a str,
    /// The type of its value.
    pub kind: Kind,
    /// Whether a request without it is refused.
    pub required: bool,
}

/// The document, as JSON.
///
/// A type that the model does not describe is written as one that may be anything;
/// [`metadata::undefined`](crate::metadata::undefined) finds such types.
pub fn document(service: &Service<'_>) -> String {
    let types = Types::of(&service.model);
    let (paths, tags) = paths::write(service, &types);
    let mut info = json!({"title": service.title, "version": service.version});
    if !service.description.is_empty() {
        info["description"] = service.description.into();
    }
    let servers = service.servers.iter().map(|url| json!({"url": url}));
    json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": servers.collect::<Vec<_>>(),
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas::write(&types),
            "parameters": paths::shared_parameters(),
            "responses": {"Error": {
                "description": "The request was refused, or the server failed.",
                "content": {"application/json": {"schema": service.error}},
            }},
            "securitySchemes": security_schemes(service.oauth),
        },
    })
    .to_string()
}

fn security_schemes(oauth: OAuth<'_>) -> Value {
    let declared = oauth.scopes.iter();
    let scopes: Map<_, _> = declared
        .map(|(name, text)| ((*name).to_owned(), (*text).into()))
        .collect();
    let mut flows = json!({
        "clientCredentials": {"tokenUrl": oauth.token_url, "scopes": scopes},
    });
    if !oauth.authorization_url.is_empty() {
        flows["authorizationCode"] = json!({
            "authorizationUrl": oauth.authorization_url,
            "tokenUrl": oauth.token_url,
            "scopes": scopes,
        });
    }
    json!({
        "bearer": {"type": "http", "scheme": "bearer"},
        "oauth2": {"type": "oauth2", "flows": flows},
    })
}
