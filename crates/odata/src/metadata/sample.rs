//! A small model with one of everything, for the tests of the descriptions.

use std::sync::LazyLock;

use crate::edm::{Edm, EntitySet, Open};
use crate::metadata::{Body, Model, OpSig, Param};
use crate::{Guid, Many, One, Timestamp};

crate::edm_enum! {
    /// What a pet is.
    pub enum Species { Cat = 0, Dog = 1 }
}

crate::edm_enum! {
    /// How to wake it. Only an operation uses it.
    pub enum Manner { Gently = 1, Loudly = 2 }
}

/// A note on a pet.
#[odata::complex(name = "NoteDto", open)]
pub struct Note {
    #[edm(max = 100, required)]
    pub text: String,
    pub author: Option<Author>,
}

/// Who wrote a note.
#[odata::complex(name = "AuthorDto")]
pub struct Author {
    pub name: Option<String>,
}

/// What an operation takes.
#[odata::complex(name = "FeedDto")]
pub struct Feed {
    #[edm(required)]
    pub amount: i32,
    pub note: Option<Note>,
}

/// An animal with "somebody" to look after it,
/// <or nobody>.
#[odata::entity(set = "Pets", name = "PetDto", table = "pets", key = "Id", scope = tenant, top = 500)]
pub struct Pet {
    #[edm(read_only)]
    pub id: i64,
    /// What it is called.
    #[edm(max = 20, required)]
    pub name: String,
    pub species: Species,
    pub born: Option<Timestamp>,
    pub key: Guid,
    pub weight: Option<f64>,
    pub tame: bool,
    pub legs: i32,
    pub notes: Vec<Note>,
    pub words: Vec<String>,
    pub numbers: Vec<i64>,
    pub more: Option<Open>,
    #[edm(nofilter)]
    pub kind: Option<Species>,
    /// What opens its cage.
    #[edm(single)]
    pub code: Option<String>,
    #[edm(nav, column = "owner_id")]
    pub owner: One<Person>,
}

/// Somebody.
#[odata::entity(set = "People", name = "PersonDto", table = "people", key = "Name", scope = tenant)]
pub struct Person {
    pub name: String,
    #[edm(nav, column = "id", target_column = "owner_id")]
    pub pets: Many<Pet>,
    #[edm(nav, column = "town_id")]
    pub town: One<Town>,
}

/// Where people are; no set of the model.
#[odata::entity(set = "Towns", name = "TownDto", table = "towns", key = "Id", scope = none)]
pub struct Town {
    pub id: i64,
    pub name: String,
}

pub const SETS: &[&EntitySet] = &[&Pet::SET, &Person::SET];

pub static OPS: LazyLock<Vec<OpSig>> = LazyLock::new(|| {
    vec![
        OpSig {
            name: "Feed",
            namespace: "Zoo.Ops",
            action: true,
            set: "Pets",
            bound_to_entity: true,
            params: vec![
                Param::named("meal", "FeedDto"),
                Param::named("times", "Edm.Int32"),
            ],
            body: Body::Members,
            returns: String::from("PetDto"),
            doc: "Feeds a pet.\nIt may bite.",
        },
        OpSig {
            name: "Wake",
            namespace: "Zoo.Ops",
            action: true,
            set: "Pets",
            bound_to_entity: false,
            params: vec![
                Param::named("ids", "Collection(Edm.Int64)"),
                Param::named("manner", "Default.Manner"),
            ],
            body: Body::Members,
            returns: String::from(""),
            doc: "",
        },
        OpSig {
            name: "Hungry",
            namespace: "Zoo.Ops",
            action: false,
            set: "Pets",
            bound_to_entity: false,
            params: vec![
                Param::named("since", "Edm.DateTimeOffset"),
                Param::named("like", "Edm.String"),
            ],
            body: Body::Members,
            returns: String::from("Collection(PetDto)"),
            doc: "",
        },
        OpSig {
            name: "Photo",
            namespace: "Default",
            action: false,
            set: "People",
            bound_to_entity: true,
            params: vec![Param::named("key", "Edm.Guid")],
            body: Body::Members,
            returns: String::from("Edm.Stream"),
            doc: "",
        },
        OpSig {
            name: "Manners",
            namespace: "Default",
            action: false,
            set: "People",
            bound_to_entity: false,
            params: vec![],
            body: Body::Members,
            returns: String::from("Collection(Manner)"),
            doc: "",
        },
    ]
});

/// The model.
pub static MODEL: LazyLock<Model<'static>> = LazyLock::new(|| Model {
    sets: SETS,
    ops: &OPS,
    results: &[],
    types: &[<Feed as Edm>::KIND, <Manner as Edm>::KIND],
});
