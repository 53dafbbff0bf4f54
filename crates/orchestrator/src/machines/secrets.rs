//! The secrets of a machine: with one of them its key is an OAuth client.

use db::Tx;
use odata::{Guid, Timestamp};
use serde::Serialize;

use super::{EDIT, VIEW};
use crate::cx::{Cx, Hint};
use crate::error::{Error, Result};
use crate::op::{At, Json, Nothing, Operation, plain};

/// Writes a new secret and gives its value, of which only a hash is kept.
///
/// # Errors
/// The store's.
pub(super) fn make(tx: &mut Tx<'_>, now: Timestamp, machine: i64) -> Result<(i64, String)> {
    let secret = identity::new_secret();
    let id = tx.insert_into(
        "machine_secrets",
        [
            ("machine_id", machine.into()),
            ("secret_hash", identity::secret_hash(&secret).into()),
            ("creation_time", now.into()),
        ],
    )?;
    Ok((id, secret))
}

/// Whether `secret` is one of the machine's.
///
/// # Errors
/// The store's.
pub fn has_secret(tx: &mut Tx<'_>, machine: i64, secret: &str) -> Result<bool> {
    let hash = identity::secret_hash(secret);
    let rows = tx.rows(
        "SELECT secret_hash FROM machine_secrets WHERE machine_id = $1",
        &[machine.into()],
    )?;
    let hashes: Result<Vec<String>, db::Error> = rows.iter().map(|r| r.get(0)).collect();
    Ok(hashes?
        .iter()
        .any(|known| identity::secret_eq(known, &hash)))
}

/// A secret of a machine.
#[odata::complex(name = "ClientSecretDto")]
#[derive(Debug, Clone, Serialize)]
pub struct ClientSecret {
    /// Its number.
    #[edm(name = "id")]
    id: i64,
    /// Its value, which is shown once, when it is made.
    #[edm(name = "secret")]
    secret: Option<String>,
    /// When it was made.
    #[edm(name = "creationTime")]
    creation_time: Timestamp,
}

/// The secrets of a machine, without their values, of which only hashes are kept.
#[odata::input]
pub struct ListSecrets {
    /// Key of the machine.
    #[edm(required)]
    id: Guid,
}

impl Operation for ListSecrets {
    const AT: At = plain("GET", "api/clientsecrets/{id}").needs(VIEW);
    type Answer = Json<Vec<ClientSecret>>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Json<Vec<ClientSecret>>> {
        let machine = own(cx, self.id)?;
        let rows = cx.tx.rows(
            "SELECT id, creation_time FROM machine_secrets WHERE machine_id = $1 ORDER BY id",
            &[machine.into()],
        )?;
        let shown = |row: &db::Row| {
            Ok(ClientSecret {
                id: row.get("id")?,
                secret: None,
                creation_time: row.get("creation_time")?,
            })
        };
        Ok(Json(rows.iter().map(shown).collect::<Result<_>>()?))
    }
}

/// Makes another secret for a machine. Only this answer shows its value.
#[odata::input]
pub struct AddSecret {
    /// Key of the machine.
    #[edm(required, query)]
    id: Guid,
}

impl Operation for AddSecret {
    const AT: At = plain("POST", "api/clientsecrets/{id}")
        .needs(EDIT)
        .answers(201);
    type Answer = Json<ClientSecret>;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Json<ClientSecret>> {
        let machine = own(cx, self.id)?;
        let (id, secret) = make(cx.tx, cx.now, machine)?;
        Ok(Json(ClientSecret {
            id,
            secret: Some(secret),
            creation_time: cx.now,
        }))
    }
}

/// Removes a secret. Tokens that were given for it are good until they expire.
#[odata::input]
pub struct DeleteSecret {
    /// Number of the secret.
    #[edm(required)]
    id: i64,
}

impl Operation for DeleteSecret {
    const AT: At = plain("DELETE", "api/clientsecrets/{id}").needs(EDIT);
    type Answer = Nothing;

    fn run(&self, cx: &mut Cx<'_, '_>) -> Result<Nothing> {
        let gone = cx.tx.exec(
            "DELETE FROM machine_secrets WHERE id = $1
                 AND machine_id IN (SELECT m.id FROM machines m WHERE m.tenant_id = $2)",
            &[self.id.into(), cx.caller.tenant.into()],
        )?;
        if gone == 0 {
            return Err(Error::not_found("Secret"));
        }
        cx.hint(Hint::Identities);
        Ok(Nothing)
    }
}

/// The machine of the tenant that has this key.
fn own(cx: &mut Cx<'_, '_>, key: Guid) -> Result<i64> {
    let row = cx.tx.row(
        "SELECT id FROM machines WHERE license_key = $1 AND tenant_id = $2",
        &[key.into(), cx.caller.tenant.into()],
    )?;
    Ok(row.ok_or_else(|| Error::not_found("Machine"))?.get(0)?)
}
