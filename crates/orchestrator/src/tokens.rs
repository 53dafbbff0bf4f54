//! Tokens: what they say of whom, how long they are good for, and who is meant by one.

use std::net::IpAddr;

use db::Tx;
use identity::{Claims, Keys, scopes, secret_eq, secret_hash};
use odata::{Guid, TICKS_PER_SECOND, Timestamp};

use crate::audit::{self, AuditAction, AuditComponent, By, Subject};
use crate::cx::{Caller, Identity};
use crate::error::{Error, Result};
use crate::jobs::commands::StartJob;
use crate::tenants::Tenant;
use crate::users::Login;
use crate::users::login::held_back;
use crate::{clients, machines, users};

/// Seconds that a token of an application or machine is good for.
pub const CLIENT_SECONDS: i64 = 3600;
/// Seconds that a token of a person is good for.
const PERSON_SECONDS: i64 = 1800;
/// Seconds that a job's token is good for: jobs cannot renew it, so it must outlive them.
const JOB_SECONDS: i64 = 24 * 3600;

/// For whom tokens of applications are; those of people and jobs are for [`scopes::USER_ACCESS`].
const ORCHESTRATOR: &str = "UiPath.Orchestrator";

/// What all tokens say.
fn claims(issuer: &str, tenant: &Tenant, now: Timestamp, seconds: i64) -> Claims {
    let now = now.0 / TICKS_PER_SECOND;
    Claims {
        iss: issuer.to_owned(),
        iat: now,
        nbf: now,
        exp: now + seconds,
        jti: Guid::secret().to_string(),
        prt_id: tenant.organization_key.clone(),
        tenant: Some(tenant.id),
        ..Claims::default()
    }
}

/// The token of a person who has signed in.
#[must_use]
pub fn of_person(
    keys: &Keys,
    issuer: &str,
    tenant: &Tenant,
    login: &Login,
    now: Timestamp,
) -> Claims {
    Claims {
        sub: login.id.to_string(),
        aud: vec![scopes::USER_ACCESS.into()],
        scope: vec![scopes::USER_ACCESS.into()],
        email: Some(login.email.clone()),
        name: Some(login.user_name.clone()),
        sub_type: Some("user".into()),
        user: Some(login.id),
        password: Some(password_mark(keys, login.password_hash.as_deref())),
        ..claims(issuer, tenant, now, PERSON_SECONDS)
    }
}

/// The token of an application or machine, for the scopes that it was granted.
#[must_use]
pub fn of_client(
    issuer: &str,
    tenant: &Tenant,
    client: &Client,
    granted: &[String],
    now: Timestamp,
) -> Claims {
    let kind = match client.machine {
        Some(_) => "robot",
        None => "service.external",
    };
    Claims {
        sub: client.id.clone(),
        aud: vec![ORCHESTRATOR.into()],
        client_id: Some(client.id.clone()),
        scope: granted.to_vec(),
        sub_type: Some(kind.into()),
        machine: client.machine,
        ..claims(issuer, tenant, now, CLIENT_SECONDS)
    }
}

/// The token that a job acts with: its robot's.
#[must_use]
pub fn of_job(issuer: &str, tenant: &Tenant, work: &StartJob, now: Timestamp) -> Claims {
    let (key, email) = work.who();
    Claims {
        sub: key.to_owned(),
        aud: vec![scopes::USER_ACCESS.into()],
        jti: format!("{}-{}", work.key, work.attempt),
        scope: vec![scopes::USER_ACCESS.into()],
        email: Some(email.to_owned()),
        name: Some(work.robot_name.clone()),
        sub_type: Some("robot".into()),
        user: work.user_id,
        robot: Some(work.robot_id),
        job: Some(work.key.clone()),
        ..claims(issuer, tenant, now, JOB_SECONDS)
    }
}

/// Who may use client_credentials.
pub struct Client {
    /// The client id: of a machine its key.
    pub id: String,
    /// Its tenant.
    pub tenant: i64,
    /// The machine, if it is one.
    pub machine: Option<i64>,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
}

/// An external application, or a machine; `None` when the id or the secret is wrong.
///
/// # Errors
/// The store's.
pub fn client(tx: &mut Tx<'_>, id: &str, secret: &str) -> Result<Option<Client>> {
    if let Some(client) = clients::find(tx, id)? {
        let right = secret_eq(&client.secret_hash, &secret_hash(secret));
        return Ok(right.then_some(Client {
            id: client.client_id,
            tenant: client.tenant,
            machine: None,
            scopes: client.scopes,
        }));
    }
    let (machine, tenant) = match machines::by_license_key(tx, id) {
        Ok(found) => found,
        Err(Error::Refused { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let right = machines::has_secret(tx, machine, secret)?;
    Ok(right.then(|| Client {
        id: id.to_owned(),
        tenant,
        machine: Some(machine),
        scopes: vec![scopes::USER_ACCESS.into()],
    }))
}

/// Writes down that a wrong secret was shown for an application or a machine, if there is such a one, and
/// for how many seconds nobody is asked again. The key of a machine is a secret itself.
///
/// # Errors
/// The store's.
pub fn refused(tx: &mut Tx<'_>, id: &str, now: Timestamp, from: IpAddr, wait: u64) -> Result<()> {
    let (tenant, number, name, component) = match clients::find(tx, id)? {
        Some(client) => {
            let name = format!("application {}", client.client_id);
            (client.tenant, None, name, AuditComponent::Users)
        }
        None => match machines::by_license_key(tx, id) {
            Ok((machine, tenant)) => {
                let name = format!("machine {machine}");
                (tenant, Some(machine), name, AuditComponent::Machines)
            }
            Err(Error::Refused { .. }) => return Ok(()),
            Err(error) => return Err(error),
        },
    };
    let by = By {
        tenant,
        now,
        identity: &Identity::Server,
    };
    let subject = Subject {
        entity: "ClientDto",
        id: number,
        name: &name,
        data: None,
    };
    let held_back = held_back(wait);
    let text = format!("refused a token to {name} from {from}: wrong secret{held_back}");
    audit::record_by(tx, &by, component, AuditAction::Unknown, &[subject], &text)
}

fn gone() -> Error {
    Error::Unauthenticated(
        "The account of this token does not exist any more or is not active.".into(),
    )
}

/// Whom the claims of a verified token name, if that is still somebody who may act.
///
/// # Errors
/// 401 for a token that is for another audience, for nobody who is known and active, and for a password that was changed since.
pub fn caller(tx: &mut Tx<'_>, keys: &Keys, claims: &Claims) -> Result<Caller> {
    let ours = |audience: &String| audience == ORCHESTRATOR || audience == scopes::USER_ACCESS;
    if !claims.aud.iter().any(ours) {
        return Err(Error::Unauthenticated(
            "The token is meant for another service: its audience is not this one.".into(),
        ));
    }
    let identity = match (claims.robot, claims.user, claims.machine, &claims.client_id) {
        (Some(id), user, ..) => Identity::Robot { id, user },
        (None, Some(id), ..) => Identity::User { id },
        (None, None, Some(id), _) => Identity::Machine { id },
        (None, None, None, Some(client_id)) => Identity::Application {
            client_id: client_id.clone(),
            account: clients::account(tx, client_id)?.ok_or_else(gone)?,
        },
        (None, None, None, None) => return Err(nobody()),
    };
    if !users::is_live(tx, &identity)? {
        return Err(gone());
    }
    if let Identity::User { id } = identity {
        check_password(tx, keys, id, claims.password.as_deref())?;
    }
    let tenant = claims.tenant.ok_or_else(nobody)?;
    Ok(Caller::new(tenant, identity, claims.scope.clone()))
}

fn nobody() -> Error {
    Error::Unauthenticated("The token names nobody known here.".into())
}

/// What marks a token as given for a password: another one makes another mark, although the hash cannot
/// be told from it.
fn password_mark(keys: &Keys, hash: Option<&str>) -> String {
    keys.mac("password of a token", hash.unwrap_or_default())
}

/// Whoever signed in with a password that was changed since has to sign in again.
fn check_password(tx: &mut Tx<'_>, keys: &Keys, user: i64, mark: Option<&str>) -> Result<()> {
    let hash = users::password_hash(tx, user)?;
    if mark == Some(&password_mark(keys, hash.as_deref())) {
        return Ok(());
    }
    Err(Error::Unauthenticated(
        "The password was changed after this token was given: sign in again.".into(),
    ))
}
