//! Who calls: credentials into a [`Caller`].
//!
//! `Authorization: Bearer <JWT>` for people, applications, machines and jobs; `UiRobot <key>` for
//! robots; `X-ROBOT-LICENSE: <machine key>` alone for the robot protocol. Verified credentials are
//! remembered, so that a busy client costs neither a signature check nor a query; everything is
//! forgotten when accounts change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::identity::{Claims, Keys, TokenError};
use axum::http::HeaderMap;
use db::Tx;
use moka::sync::Cache;
use orchestrator::op::Proof;
use orchestrator::{Caller, Code, Error, Identity, Result, clients, machines, robots, users};

use crate::app::App;
use crate::request;

/// A remembered credential.
#[derive(Clone)]
struct Known {
    caller: Arc<Caller>,
    /// Seconds since 1970.
    expires: i64,
    /// What the accounts were like when it was checked.
    epoch: u64,
}

/// Verified credentials by their text.
pub struct Callers {
    known: Cache<String, Known>,
    epoch: AtomicU64,
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            known: Cache::new(10_000),
            epoch: AtomicU64::new(0),
        }
    }
}

impl Callers {
    /// Accounts changed: nothing that was checked before counts any more, not even a check that is
    /// under way.
    pub fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        self.known.invalidate_all();
    }

    /// Grows with each change of accounts, roles or folders.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    fn get(&self, credential: &str, now: i64) -> Option<Arc<Caller>> {
        let known = self.known.get(credential)?;
        (known.expires > now && known.epoch == self.epoch()).then_some(known.caller)
    }
}

/// The caller of a request, who must be of the tenant that its address names.
///
/// # Errors
/// 401 with what is wrong; 1000 when a header names a tenant that does not exist.
pub async fn authenticate(
    app: &App,
    headers: &HeaderMap,
    tenant: Option<i64>,
    proof: Proof,
) -> Result<Arc<Caller>> {
    if proof == Proof::Nothing {
        return Ok(anonymous(app, tenant));
    }
    let caller = identify(app, headers, proof).await?;
    let tenant = match tenant {
        Some(tenant) => Some(tenant),
        None => named_tenant(app, headers)?,
    };
    if tenant.is_some_and(|t| t != caller.tenant) {
        return Err(Error::Unauthenticated(
            "The token belongs to another tenant.".into(),
        ));
    }
    Ok(caller)
}

/// Stand-alone clients name their tenant in a header, as others do in the address.
fn named_tenant(app: &App, headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(name) = request::header(headers, "x-uipath-tenantname") else {
        return Ok(None);
    };
    let tenants = Arc::clone(&app.tenants.read());
    let folded = name.to_lowercase();
    let mut tenants = tenants.iter();
    let found = tenants.find(|t| t.name.to_lowercase() == folded || t.key == folded);
    found.map(|t| Some(t.id)).ok_or_else(|| {
        Error::refused(
            Code::InvalidRequest,
            format!("The header X-UIPATH-TenantName names no tenant of this server: '{name}'."),
        )
    })
}

/// Nobody in particular, for what is told to everybody.
fn anonymous(app: &App, tenant: Option<i64>) -> Arc<Caller> {
    let first = || app.tenants.read().first().map(|t| t.id);
    let tenant = tenant.or_else(first).unwrap_or_default();
    Arc::new(Caller::new(tenant, Identity::Anonymous, Vec::new()))
}

async fn identify(app: &App, headers: &HeaderMap, proof: Proof) -> Result<Arc<Caller>> {
    let now = app.now().0 / ::odata::TICKS_PER_SECOND;
    let credential = credential(headers, proof)?;
    let text = credential.cache_key();
    if let Some(caller) = app.callers.get(&text, now) {
        return Ok(caller);
    }
    let epoch = app.callers.epoch();
    let (caller, expires) = match credential {
        Credential::Bearer(token) => from_token(app, &token, now).await?,
        Credential::Robot(key) => (from_robot_key(app, &key).await?, i64::MAX),
        Credential::Machine(key) => (from_machine_key(app, &key).await?, i64::MAX),
    };
    let caller = Arc::new(caller);
    app.callers.known.insert(
        text,
        Known {
            caller: Arc::clone(&caller),
            expires,
            epoch,
        },
    );
    Ok(caller)
}

enum Credential {
    Bearer(String),
    Robot(String),
    Machine(String),
}

impl Credential {
    /// Of a token the hash, so that memory holds none.
    fn cache_key(&self) -> String {
        let (kind, text) = match self {
            Self::Bearer(t) => ("b", t),
            Self::Robot(t) => ("r", t),
            Self::Machine(t) => ("m", t),
        };
        format!("{kind}{}", ::identity::secret_hash(text))
    }
}

fn credential(headers: &HeaderMap, proof: Proof) -> Result<Credential> {
    let license = request::header(headers, "x-robot-license");
    if let Some(value) = request::header(headers, "authorization") {
        let (scheme, secret) = value.split_once(' ').unwrap_or((&value, ""));
        let secret = secret.trim();
        if scheme.eq_ignore_ascii_case("bearer") && !secret.is_empty() {
            return Ok(Credential::Bearer(secret.to_owned()));
        }
        if scheme.eq_ignore_ascii_case("uirobot") && !secret.is_empty() {
            return Ok(Credential::Robot(secret.to_owned()));
        }
        return Err(Error::Unauthenticated(
            "The Authorization header must be 'Bearer <token>' or 'UiRobot <robot key>'.".into(),
        ));
    }
    match license.filter(|_| proof == Proof::TokenOrMachine) {
        Some(key) => Ok(Credential::Machine(key.into_owned())),
        None => Err(Error::Unauthenticated(
            "You are not authenticated! Send the header 'Authorization: Bearer <token>'.".into(),
        )),
    }
}

async fn from_token(app: &App, token: &str, now: i64) -> Result<(Caller, i64)> {
    let claims = app.server.keys.verify(token, now).map_err(|error| {
        Error::Unauthenticated(match error {
            TokenError::Expired => "The token has expired. Ask for a new one.".into(),
            _ => "The token is not valid: it was not issued by this server.".into(),
        })
    })?;
    let expires = claims.exp;
    let server = Arc::clone(&app.server);
    let read = move |tx: &mut Tx<'_>| from_claims(tx, &server.keys, &claims);
    Ok((app.db.read(read).await?, expires))
}

fn gone() -> Error {
    Error::Unauthenticated(
        "The account of this token does not exist any more or is not active.".into(),
    )
}

/// Whom the claims of a verified token name, if that is still somebody who may act.
fn from_claims(tx: &mut Tx<'_>, keys: &Keys, claims: &Claims) -> Result<Caller> {
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
pub fn password_mark(keys: &Keys, hash: Option<&str>) -> String {
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

async fn from_robot_key(app: &App, key: &str) -> Result<Caller> {
    let key = key.to_owned();
    let robot = app.db.read(move |tx| robots::by_key(tx, &key)).await?;
    let robot = robot.ok_or_else(|| Error::Unauthenticated("Invalid robot key.".into()))?;
    let identity = Identity::Robot {
        id: robot.id,
        user: robot.user,
    };
    Ok(Caller::new(robot.tenant, identity, Vec::new()))
}

async fn from_machine_key(app: &App, key: &str) -> Result<Caller> {
    let key = key.to_owned();
    let (id, tenant) = app
        .db
        .read(move |tx| machines::by_license_key(tx, &key))
        .await?;
    Ok(Caller::new(tenant, Identity::Machine { id }, Vec::new()))
}
