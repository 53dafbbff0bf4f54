//! The model of the examples: pets and people.

use odata::{Many, One, Timestamp};

odata::edm_enum! {
    /// What a pet is.
    pub enum Species { Cat = 0, Dog = 1 }
}

/// An animal with somebody to look after it.
#[odata::entity(set = "Pets", name = "PetDto", table = "pets", key = "Id", scope = tenant)]
pub struct Pet {
    #[edm(read_only)]
    pub id: i64,
    #[edm(max = 50, required)]
    pub name: String,
    pub species: Species,
    pub born: Option<Timestamp>,
    /// On the day of the request.
    #[edm(sql = "({now} - {t}.born) / 864000000000", read_only)]
    pub age_in_days: Option<i64>,
    #[edm(nav, column = "owner_id")]
    pub owner: One<Person>,
}

/// Somebody.
#[odata::entity(set = "People", name = "PersonDto", table = "people", key = "Id", scope = tenant)]
pub struct Person {
    #[edm(read_only)]
    pub id: i64,
    pub name: String,
    #[edm(nav, column = "id", target_column = "owner_id")]
    pub pets: Many<Pet>,
}
