//! Signing in with name and password, as old clients do: the edge makes the token.

use crate::op::{At, AtEdge, Json, Op, edge, plain};

/// Its operation.
pub const OPS: &[Op] = &[edge::<Authenticate>()];

/// Name and password.
#[odata::input]
pub struct LoginModel {
    /// The tenant, unless the address or a header names it.
    #[edm(name = "tenancyName")]
    pub tenancy_name: Option<String>,
    /// The account by its name or its e-mail address.
    #[edm(required)]
    pub username_or_email_address: String,
    /// Its password.
    #[edm(required)]
    pub password: String,
}

/// Gives a token for half an hour in return for name and password.
pub enum Authenticate {}

impl AtEdge for Authenticate {
    const AT: At = plain("POST", "api/Account/Authenticate")
        .public()
        .answers(200);
    type Input = LoginModel;
    type Answer = Json<odata::Open>;
}
