//! Describes a small service: `cargo run -p baton-odata --example describe -- openapi`.
//!
//! `xml` and `json` are `$metadata`, `openapi` is the OpenAPI document, `page FILE` the page that
//! reads the document from that file beside it.

#![expect(clippy::print_stdout, reason = "an example shows something")]

mod pets;

use odata::edm::{Edm, EntitySet, Kind};
use odata::metadata::{self, Body, Model, OpSig, Param};
use odata::openapi::{self, Access, Call, Endpoint, Header, OAuth, Service, Verb};
use pets::{Person, Pet};
use serde_json::json;

/// What a pet gets.
#[odata::complex(name = "MealDto")]
pub struct Meal {
    #[edm(max = 50, required)]
    pub what: String,
    pub grams: Option<i32>,
}

const SETS: &[&EntitySet] = &[&Pet::SET, &Person::SET];

fn ops() -> Vec<OpSig> {
    vec![
        OpSig {
            name: "Feed",
            namespace: "Zoo",
            action: true,
            set: "Pets",
            bound_to_entity: true,
            params: vec![Param::named("meal", "MealDto")],
            body: Body::Members,
            returns: String::from("PetDto"),
            doc: "Feeds a pet.",
        },
        OpSig {
            name: "BornSince",
            namespace: "Zoo",
            action: false,
            set: "Pets",
            bound_to_entity: false,
            params: vec![Param::named("moment", "Edm.DateTimeOffset")],
            body: Body::Members,
            returns: String::from("Collection(PetDto)"),
            doc: "Gets the pets that were born since a moment.",
        },
    ]
}

fn model(ops: &[OpSig]) -> Model<'_> {
    Model {
        sets: SETS,
        ops,
        results: &[],
        types: &[<Meal as Edm>::KIND],
    }
}

const HEADERS: &[Header<'_>] = &[Header {
    name: "X-Zoo",
    description: "The zoo to look into.",
    kind: Kind::Int64,
    required: false,
}];

fn main() {
    let ops = ops();
    let model = model(&ops);
    assert!(
        metadata::undefined(&model).is_empty(),
        "the model is closed"
    );
    let mut args = std::env::args().skip(1);
    let text = match args.next().as_deref() {
        Some("xml") => metadata::csdl_xml(&model),
        Some("json") => metadata::csdl_json(&model),
        Some("page") => openapi::page(&args.next().unwrap_or("openapi.json".into()), "Zoo"),
        _ => document(model),
    };
    println!("{text}");
}

fn document(model: Model<'_>) -> String {
    let verbs = [
        Verb::List,
        Verb::Get,
        Verb::Create,
        Verb::Merge,
        Verb::Delete,
    ];
    let pets = verbs.map(|verb| Call::Set(&Pet::SET, verb));
    let people = [Verb::List, Verb::Get].map(|verb| Call::Set(&Person::SET, verb));
    let ops = model.ops.iter().map(Call::Operation);
    let endpoint = |call| Endpoint {
        headers: HEADERS,
        access: Access::Scopes(&["Zoo"]),
        ..Endpoint::new(call)
    };
    let calls = pets.into_iter().chain(people).chain(ops);
    let endpoints: Vec<_> = calls.map(endpoint).collect();
    openapi::document(&Service {
        title: "Zoo",
        version: "1.0",
        description: "Pets, and who looks after them.",
        servers: &["/"],
        root: "/odata",
        plain_root: "",
        model,
        endpoints: &endpoints,
        error: &json!({"type": "object", "properties": {"message": {"type": "string"}}}),
        oauth: OAuth {
            token_url: "/connect/token",
            authorization_url: "",
            scopes: &[("Zoo", "Everything in the zoo")],
        },
    })
}
