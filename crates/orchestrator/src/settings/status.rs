//! What the server tells everybody of itself: the edge answers.

use crate::op::{At, AtEdge, Json, Nothing, Op, edge, plain};

/// Its operations.
pub const OPS: &[Op] = &[edge::<Status>(), edge::<Get>(), edge::<Version>()];

/// Nothing is asked.
#[odata::input]
pub struct Unasked;

/// Whether the server answers.
pub enum Status {}

impl AtEdge for Status {
    const AT: At = plain("GET", "api/Status").public().answers(200);
    type Input = Unasked;
    type Answer = Nothing;
}

/// Whether the server answers.
pub enum Get {}

impl AtEdge for Get {
    const AT: At = plain("GET", "api/Status/Get").public().answers(200);
    type Input = Unasked;
    type Answer = Nothing;
}

/// Which version it is.
pub enum Version {}

impl AtEdge for Version {
    const AT: At = plain("GET", "api/Status/Version").public();
    type Input = Unasked;
    type Answer = Json<odata::Open>;
}
