//! Signing in with name and password, as old clients do: the edge makes the token.

use std::net::IpAddr;

use db::Tx;
use odata::Timestamp;

use crate::audit::{self, AuditAction, AuditComponent, By, Subject};
use crate::cx::Identity;
use crate::error::Result;
use crate::op::{At, AtEdge, Json, Op, edge, plain};
use crate::settings;

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

/// Writes down that somebody signed in; in the audit log where the tenant wants it there.
///
/// # Errors
/// The store's.
pub fn signed_in(
    tx: &mut Tx<'_>,
    tenant: i64,
    user: i64,
    now: Timestamp,
    from: IpAddr,
) -> Result<()> {
    tx.exec(
        "UPDATE users SET last_login_time = $2 WHERE id = $1",
        &[user.into(), now.into()],
    )?;
    if settings::of_tenant(tx, tenant, settings::AUDIT_SIGN_INS)? != "true" {
        return Ok(());
    }
    let identity = Identity::User { id: user };
    let by = By {
        tenant,
        now,
        identity: &identity,
    };
    written(tx, &by, Some(user), "", &format!("signed in from {from}"))
}

/// Writes down that somebody showed no right password, and for how many seconds nobody is asked again. A
/// name that nobody has is not kept: it may be a password.
///
/// # Errors
/// The store's.
pub fn refused(
    tx: &mut Tx<'_>,
    tenant: i64,
    user: Option<&(i64, String)>,
    now: Timestamp,
    from: IpAddr,
    wait: u64,
) -> Result<()> {
    let by = By {
        tenant,
        now,
        identity: &Identity::Server,
    };
    let who = match user {
        Some((_, name)) => format!("user {name} from {from}: wrong password"),
        None => format!("somebody from {from}: no such user"),
    };
    let text = format!("refused to sign in {who}{}", held_back(wait));
    let name = user.map_or("", |(_, name)| name);
    written(tx, &by, user.map(|(id, _)| *id), name, &text)
}

/// The end of a sentence about somebody who showed a wrong secret.
#[must_use]
pub fn held_back(wait: u64) -> String {
    match wait {
        0 => String::new(),
        _ => format!(", and asks nobody again for {wait} s"),
    }
}

fn written(tx: &mut Tx<'_>, by: &By<'_>, id: Option<i64>, name: &str, text: &str) -> Result<()> {
    let subject = Subject {
        entity: "UserDto",
        id,
        name,
        data: None,
    };
    let action = AuditAction::Unknown;
    audit::record_by(tx, by, AuditComponent::Users, action, &[subject], text)
}
