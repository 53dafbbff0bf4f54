//! What must hold for every input: it is read or refused, and nothing panics. The fuzz targets and
//! a test that goes over the seeds share it.

use odata::batch::{self, Limits, Response, Run};
use odata::edm::Open;
use odata::{Guid, Many, One, Query, Timestamp};

odata::edm_enum! {
    /// What a pet is.
    pub enum Species { Cat = 0, Dog = 1, Bird = 4 }
}

/// A note on a pet.
#[odata::complex(name = "NoteDto")]
pub struct Note {
    pub text: String,
    pub at: Option<Timestamp>,
    pub stars: i32,
}

/// An animal: a property of every kind.
#[odata::entity(set = "Pets", name = "PetDto", table = "pets", key = "Id", scope = tenant)]
pub struct Pet {
    pub id: i64,
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
    pub secret: Option<String>,
    #[edm(nav, column = "owner_id")]
    pub owner: One<Person>,
}

/// Somebody.
#[odata::entity(set = "People", name = "PersonDto", table = "people", key = "Id", scope = tenant)]
pub struct Person {
    pub id: i64,
    pub name: String,
    #[edm(nav, column = "id", target_column = "owner_id")]
    pub pets: Many<Pet>,
}

/// A resource path.
pub fn path(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(path) = odata::path::parse(text)
    {
        assert!(!path.segments.is_empty());
    }
}

/// A query string.
pub fn query(input: &[u8]) {
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(query) = Query::parse(&Pet::SET, text)
    {
        assert!(query.top.is_none_or(|top| top <= Pet::SET.top));
        assert!(query.order.len() <= 5);
    }
}

/// A batch: the first line is its `Content-Type`, the rest its body. What is read is executed.
pub fn batch(input: &[u8]) {
    let at = input.iter().position(|byte| *byte == b'\n');
    let (kind, body) = input.split_at(at.map_or(input.len(), |at| at + 1));
    let kind = String::from_utf8_lossy(kind);
    let Ok(batch) = batch::parse(kind.trim(), body, Limits::default()) else {
        return;
    };
    let refuse = |status, text: &str| Response {
        status,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: text.as_bytes().to_vec(),
    };
    let mut run = Run::new(&batch, "https://host/odata", None, &refuse);
    let mut groups = 0;
    while let Some(group) = run.next_group() {
        groups += 1;
        let mut references = run.references().clone();
        let mut responses = Vec::new();
        for request in group.requests() {
            let response = match references.resolve(request) {
                Ok(address) if address.path.len() % 4 == 3 => refuse(404, &address.path),
                Ok(address) => Response {
                    status: 201,
                    headers: vec![("location".to_owned(), format!("{}(1)", address.path))],
                    body: request.body.clone(),
                },
                Err(error) => refuse(400, &error.to_string()),
            };
            references.learn(request, &response);
            responses.push(response);
            if responses.last().is_some_and(Response::failed) {
                break;
            }
        }
        run.answer(responses);
    }
    assert!(groups <= batch.groups.len());
    let rendered = run.finish();
    assert!(!rendered.body.is_empty() && !rendered.content_type.is_empty());
}
