//! Who calls: credentials into a [`Caller`].
//!
//! `Authorization: Bearer <JWT>` for people, applications, machines and jobs; `UiRobot <key>` for
//! robots; `X-ROBOT-LICENSE: <machine key>` alone for the robot protocol. Verified credentials are
//! remembered, so that a busy client costs neither a signature check nor a query; everything is
//! forgotten when accounts change.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::identity::TokenError;
use axum::http::HeaderMap;
use db::Tx;
use moka::sync::Cache;
use orchestrator::op::Proof;
use orchestrator::{Caller, Code, Error, Identity, Result, machines, robots, tokens};

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

/// Verified credentials by hashes of their text, so that memory holds none. The hash is made for each
/// request: two of 64 bits with keys that only this process knows take a tenth of what SHA-256 does,
/// and nobody can look for another text with the same ones.
pub struct Callers {
    known: Cache<[u64; 2], Known>,
    hashers: [RandomState; 2],
    epoch: AtomicU64,
}

impl Default for Callers {
    fn default() -> Self {
        Self {
            known: Cache::new(10_000),
            hashers: [RandomState::new(), RandomState::new()],
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

    fn hash(&self, credential: &Credential) -> [u64; 2] {
        let parts = credential.parts();
        [0, 1].map(|at| self.hashers[at].hash_one(parts))
    }

    fn get(&self, hash: &[u64; 2], now: i64) -> Option<Arc<Caller>> {
        let known = self.known.get(hash)?;
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
    let hash = app.callers.hash(&credential);
    if let Some(caller) = app.callers.get(&hash, now) {
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
        hash,
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
    /// Its kind and its text.
    fn parts(&self) -> (u8, &str) {
        match self {
            Self::Bearer(text) => (0, text),
            Self::Robot(text) => (1, text),
            Self::Machine(text) => (2, text),
        }
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
    let read = move |tx: &mut Tx<'_>| tokens::caller(tx, &server.keys, &claims);
    Ok((app.db.read(read).await?, expires))
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
